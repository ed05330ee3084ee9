//! What a mapping file is compiled to: for every loop and tag, what to do with a segment; for every kind of item, how its
//! JSON is laid out. Nothing here changes after compiling; `read` walks it once per set.

use std::sync::Arc;

use super::{
    convert::Converter,
    file::{Only, Spot},
    page::Ready,
    place::{Pairs, Part},
    table::{self, Missing, Table},
    text::{Charset, write_string},
};

/// No gate: always open.
pub(crate) const ALWAYS: u16 = 0;

#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) tags: Tags,
    /// `loop * tags + tag`: what a segment does in a loop.
    pub(crate) steps: Vec<Entry>,
    pub(crate) actions: Vec<Action>,
    /// What items there are; the first is the document.
    pub(crate) kinds: Vec<Kind>,
    /// How many gates there are, the one that is always open counted.
    pub(crate) gates: usize,
    pub(crate) rules: Vec<FieldRule>,
    /// The code tables that rules name, by name; a partner may have others in their place.
    pub(crate) tables: Vec<Arc<Table>>,
    pub(crate) table_names: Vec<String>,
}

/// The loop that one is in after a segment, and the actions to run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Entry {
    pub(crate) state: u16,
    pub(crate) count: u16,
    pub(crate) first: u32,
}

/// Something to do with a segment, if its gate is open and its filters hold.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    pub(crate) gate: u16,
    pub(crate) filters: Box<[(u8, Box<[u8]>)]>,
    pub(crate) act: Act,
}

#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Open this gate if the filters hold, else shut it.
    Gate(u16),
    /// Take note of an HL and of what hangs above it.
    Level,
    /// Open an item.
    Open(Open),
    /// Open an item for each pair or element.
    OpenEach(Box<OpenEach>),
    /// Put elements into fields of one item: slot and element.
    Fill { kind: u16, sets: Box<[(u16, u8)]> },
    /// Put an element into a field.
    Set { kind: u16, slot: u16, element: u8, component: u8 },
    /// Put the value of a pair into a field.
    SetPair { kind: u16, slot: u16, pairs: Pairs, qualifier: Box<[u8]> },
    /// Nothing to keep: these elements are counted out on writing.
    Claim(u64),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    pub(crate) kind: u16,
    /// The kind of item that it belongs to, and in which of its lists.
    pub(crate) parent: u16,
    pub(crate) head: u16,
    /// Opened with the item, shut where it was not opened; [`ALWAYS`] for none.
    pub(crate) gate: u16,
    /// Not where a filtered place took from the segment.
    pub(crate) unless_taken: bool,
    pub(crate) tree: Tree,
}

/// How an item finds what it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tree {
    /// To the item of its parent kind that is open now.
    Current,
    /// To the nearest level above it that opened an item of its own kind, in this list of it; else to the parent kind.
    Nest { head: u16 },
    /// To the nearest level above it that opened an item of the parent kind.
    Above,
}

#[derive(Debug, Clone)]
pub(crate) struct OpenEach {
    pub(crate) kind: u16,
    pub(crate) parent: u16,
    pub(crate) head: u16,
    pub(crate) from: From,
    /// Fields of the pair or element itself.
    pub(crate) own: Vec<(u16, Part, u8)>,
    /// Fields of the segment it stands in: slot, element, component.
    pub(crate) beside: Vec<(u16, u8, u8)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum From {
    Pairs(Pairs),
    Element { element: u8, component: u8, repeats: bool },
}

/// A kind of item, and how its JSON is laid out.
///
/// Fields and lists are numbered in the order of the schema; a set of them is one number with a bit for each.
#[derive(Debug, Default)]
pub(crate) struct Kind {
    /// How many fields and lists it has: in an item each has a cell, and the one of an op is numbered as the op.
    pub(crate) cells: u16,
    /// A list of plain values: no braces.
    pub(crate) plain: bool,
    pub(crate) layout: Layout,
    /// Where several of them may hold one text.
    pub(crate) wraps: Option<Box<Wraps>>,
}

/// The text of an item that goes on in the next item where its element is too short. See `wrap`.
#[derive(Debug)]
pub(crate) struct Wraps {
    /// The field; or the list of plain values whose only item it is.
    pub(crate) cell: u16,
    pub(crate) list: bool,
    /// How many characters the element has, by the tag of the segment that opens the item.
    pub(crate) widths: Vec<(Box<[u8]>, u16)>,
}

#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) ops: Vec<Op>,
    pub(crate) objects: Vec<Object>,
    /// Fields that have a default.
    pub(crate) always: u64,
    /// Fields without which the document is held.
    pub(crate) held: u64,
    /// Fields without which the item is none.
    pub(crate) needs: u64,
    /// Of the objects that are none without some fields: all that stands in them, and those fields. What is inside of
    /// another one comes before it.
    pub(crate) guarded: Vec<(u64, u64)>,
}

/// How many fields and lists an item may have.
pub(crate) const MOST_OPS: usize = 64;

/// Not in an object of the item.
pub(crate) const OUTSIDE: u8 = u8::MAX;

/// A field or list of an item.
#[derive(Debug)]
pub(crate) struct Op {
    /// `"name":`
    pub(crate) key: Ready,
    /// The object that it stands in, or [`OUTSIDE`].
    pub(crate) object: u8,
    pub(crate) what: What,
    pub(crate) quick: Quick,
}

/// How most values of a field are read or written, without a look at its rule. The others go by their rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quick {
    /// All of them go by their rule.
    No,
    Text,
    Trim,
    Integer,
    Decimal,
    Date,
    /// Codes of the table of this number.
    Codes(u16),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    Field { rule: u32 },
    List,
}

/// An object in an item, like the price of a line.
#[derive(Debug)]
pub(crate) struct Object {
    /// `"name":{`
    pub(crate) key: Ready,
    /// The object around it, or [`OUTSIDE`]; always one before it.
    pub(crate) parent: u8,
    /// All that stands in it.
    pub(crate) ops: u64,
    /// Fields without which it is none: what else there is of it goes to the extras.
    pub(crate) needs: u64,
}

/// What a field is made of; what only messages need is kept apart.
#[derive(Debug)]
pub(crate) struct FieldRule {
    pub(crate) convert: Convert,
    /// JSON, ready.
    pub(crate) default: Option<Box<[u8]>>,
    pub(crate) constant: Option<Box<[u8]>>,
    /// What is written where the document says nothing: the constant, or the default in the partner's form.
    pub(crate) absent: Option<Box<[u8]>>,
    /// Whether another rule keeps what stands in its place.
    pub(crate) shared: bool,
    /// Whether it is a total that is written where the document gives none.
    pub(crate) computed: bool,
    /// What is written where the document says nothing and the segment is not whole without it, in the partner's form.
    pub(crate) filler: Option<Box<[u8]>>,
    /// Whether an item is left out whose code only another format has.
    pub(crate) leaves_foreign: bool,
    /// What need not be written.
    pub(crate) omit: Option<Box<str>>,
    /// Where it is missing, the document is held.
    pub(crate) required: bool,
    pub(crate) only: Option<Only>,
    pub(crate) origin: Box<Origin>,
}

impl FieldRule {
    /// How most of its values are read.
    pub(crate) fn quick(&self) -> Quick {
        match &self.convert {
            _ if self.constant.is_some() => Quick::No,
            Convert::Value(Converter::Text | Converter::Wrap(_)) => Quick::Text,
            Convert::Value(Converter::Trim) => Quick::Trim,
            Convert::Value(Converter::Int) => Quick::Integer,
            Convert::Value(Converter::Decimal) => Quick::Decimal,
            Convert::Value(Converter::Date) => Quick::Date,
            Convert::Value(_) => Quick::No,
            Convert::Codes(table, _) | Convert::Cross(table, _) => Quick::Codes(*table),
        }
    }

    /// How most of its values are written.
    pub(crate) fn quick_out(&self) -> Quick {
        if self.omit.is_some() { Quick::No } else { self.quick() }
    }

    /// Whether the field is never written.
    pub(crate) fn is_read_only(&self) -> bool {
        self.only == Some(Only::Read)
    }

    /// Whether nothing is written, and nothing is wrong, where the document has no value.
    pub(crate) fn is_silent_without_value(&self) -> bool {
        self.absent.is_none() && !self.required
    }

    /// Whether a value is the one that need not be written.
    #[inline]
    pub(crate) fn omits(&self, value: &str) -> bool {
        self.omit.as_ref().is_some_and(|omit| same(omit, value))
    }

    /// Whether what stands in the document reads as this value.
    #[cold]
    pub(crate) fn reads_as(&self, tables: &[Arc<Table>], sent: &[u8], value: &str, charset: Charset) -> bool {
        let mut json = Vec::new();
        let table = |number: u16| tables.get(usize::from(number));
        let read = match &self.convert {
            Convert::Value(converter) => converter.read(sent, charset, &mut json),
            Convert::Codes(number, Missing::Pass) => {
                table(*number).and_then(|table| table.read_json(sent, &mut json)).or_else(|| {
                    table::pass(sent, charset, &mut json);
                    Some(())
                })
            }
            Convert::Codes(number, _) => table(*number).and_then(|table| table.read_json(sent, &mut json)),
            Convert::Cross(number, _) => {
                table(*number).and_then(|table| table.read_json(sent, &mut json)).or_else(|| {
                    write_string(sent.trim_ascii(), charset, &mut json);
                    Some(())
                })
            }
        };
        let json = std::str::from_utf8(&json).unwrap_or_default();
        read.is_some() && same(json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(json), value)
    }
}

/// Whether two values are the same text, or the same number.
fn same(one: &str, other: &str) -> bool {
    let number = |text: &str| rust_decimal::Decimal::from_str_exact(text).ok();
    one == other || number(one).is_some_and(|one| Some(one) == number(other))
}

/// Where a rule comes from.
#[derive(Debug)]
pub(crate) struct Origin {
    /// `lines.price.amount`.
    pub(crate) name: String,
    /// The places as the file has them.
    pub(crate) at: String,
    /// The place that is named first: tag and element.
    pub(crate) place: (String, u8),
    pub(crate) spot: Spot,
    pub(crate) line_column: (u32, u32),
}

impl Origin {
    /// The place that is named first, as the mapping file says it.
    pub(crate) fn shown_place(&self) -> String {
        match (&*self.place.0, self.place.1) {
            ("", _) => "its pair".to_owned(),
            (tag, 0) => tag.to_owned(),
            (tag, element) => format!("{tag}{element:02}"),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Convert {
    Value(Converter),
    /// Codes and our words, by the number of the table.
    Codes(u16, Missing),
    /// The partner's names of things and ours, by the number of the table.
    Cross(u16, Missing),
}

/// Tags to their numbers; 0 is any tag that no rule knows.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    slots: Vec<(u32, u16)>,
    shift: u32,
    count: usize,
}

impl Tags {
    pub(crate) fn new<'a>(tags: impl Iterator<Item = &'a str> + Clone) -> Self {
        let size = (tags.clone().count() * 4).next_power_of_two().max(8);
        let mut table = Self { slots: vec![(0, 0); size], shift: 32 - size.trailing_zeros(), count: 1 };
        for tag in tags {
            let Some(key) = pack(tag.as_bytes()) else { continue };
            let mut at = table.start(key);
            while let Some(slot) = table.slots.get_mut(at) {
                if slot.0 == 0 {
                    *slot = (key, table.count as u16);
                    table.count += 1;
                    break;
                }
                if slot.0 == key {
                    break;
                }
                at = (at + 1) & (size - 1);
            }
        }
        table
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    fn start(&self, key: u32) -> usize {
        (key.wrapping_mul(0x9E37_79B1) >> self.shift) as usize
    }

    #[inline]
    pub(crate) fn find(&self, tag: &[u8]) -> usize {
        let Some(key) = pack(tag) else { return 0 };
        let mut at = self.start(key);
        while let Some((found, number)) = self.slots.get(at) {
            if *found == key {
                return usize::from(*number);
            }
            if *found == 0 {
                return 0;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        0
    }
}

#[inline]
fn pack(tag: &[u8]) -> Option<u32> {
    match tag {
        [a, b] => Some(u32::from_le_bytes([*a, *b, 0, 2])),
        [a, b, c] => Some(u32::from_le_bytes([*a, *b, *c, 3])),
        _ => None,
    }
}
