//! The canonical document as the writer takes it in: JSON into cells, in one pass, with nothing copied.
//!
//! A form says for every kind of item which names there are and which cell each one fills. What no rule writes is passed
//! over, and noted, so that a caller can tell what a partner will not see.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

mod parse;

use crate::mapping::{block::BLOCK, read::NONE};

/// The highest bit of a value's end: it holds escapes.
pub(super) const ESCAPED: u32 = 1 << 31;

/// What the documents of one mapping look like.
#[derive(Debug, Default)]
pub(crate) struct Form {
    /// Kinds of items; the first is the document.
    pub(crate) kinds: Vec<FormKind>,
    /// The names in an object, in the order of the schema.
    pub(crate) objects: Vec<Vec<Key>>,
    /// The number of the place before the first name of each object; every name has one behind it.
    places: Vec<usize>,
    /// How many places there are.
    count: usize,
}

/// A kind of item.
#[derive(Debug, Default)]
pub(crate) struct FormKind {
    /// Its names, a number in [`Form::objects`].
    pub(crate) object: u16,
    /// How many cells it has.
    pub(crate) cells: u16,
    /// A plain value in its only cell.
    pub(crate) plain: bool,
    /// The rule of each cell that is a field.
    pub(crate) rules: Vec<Option<u32>>,
}

/// A name and what it fills.
#[derive(Debug)]
pub(crate) struct Key {
    name: Box<str>,
    pub(crate) entry: Entry,
    /// The first bytes of the name with the quote behind it, and which bits of them count.
    first: u128,
    counts: u128,
}

impl Key {
    pub(crate) fn new(name: &str, entry: Entry) -> Self {
        let mut first = [0; BLOCK];
        let quoted = name.bytes().chain([b'"']);
        first.iter_mut().zip(quoted).for_each(|(slot, byte)| *slot = byte);
        let counts = u128::MAX >> (8 * (BLOCK - 1).saturating_sub(name.len()));
        Self { name: name.into(), entry, first: u128::from_le_bytes(first), counts }
    }

    /// Whether a text that begins with this block, and goes on with `rest`, begins with the name and a quote.
    #[inline]
    fn begins(&self, block: u128, rest: &[u8]) -> bool {
        if (block ^ self.first) & self.counts != 0 {
            return false;
        }
        match self.name.as_bytes().get(BLOCK..) {
            None => true,
            Some(name) => rest.starts_with(name) && rest.get(name.len()) == Some(&b'"'),
        }
    }

    /// The same of a text that is shorter than a block.
    #[cold]
    fn begins_short(&self, text: &[u8]) -> bool {
        text.strip_prefix(self.name.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'"'))
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry {
    Field(u16),
    List {
        cell: u16,
        kind: u16,
    },
    Object(u16),
    /// No rule writes it.
    Left,
}

/// What a field or list holds: from where to where in the text its value is, or its first and last item.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cell {
    pub(crate) start: u32,
    pub(super) end: u32,
}

/// One item of the document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    /// The cells that hold something not yet written.
    pub(crate) filled: u64,
    pub(crate) cells: u32,
    /// The item after it in its list.
    pub(crate) next: u32,
    pub(crate) parent: u32,
    /// Its number in its list, from 0.
    pub(crate) number: u32,
    pub(crate) kind: u16,
    /// The cell of its list in the parent.
    pub(crate) list: u16,
    pub(crate) done: bool,
}

/// A document that was taken in; kept by each thread from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) cells: Vec<Cell>,
    pub(crate) items: Vec<Item>,
    /// Fields that no rule writes, as JSON pointers.
    pub(crate) left: Vec<String>,
    /// Which name followed last in each place of a form. Those of another form do no harm: a name is compared.
    followed: Vec<u16>,
}

/// Where a text is no document, and what was expected there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) at: usize,
    pub(crate) expected: &'static str,
}

/// A value of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text<'a> {
    /// As it stands.
    Plain(&'a str),
    /// With JSON's escapes.
    Escaped(&'a str),
}

impl Taken {
    #[inline]
    pub(crate) fn item(&self, item: u32) -> Option<&Item> {
        self.items.get(item as usize)
    }

    #[inline]
    pub(crate) fn filled(&self, item: u32) -> u64 {
        self.item(item).map_or(0, |item| item.filled)
    }

    #[inline]
    pub(crate) fn clear(&mut self, item: u32, cell: u16) {
        if let Some(item) = self.items.get_mut(item as usize) {
            item.filled &= !bit(cell);
        }
    }

    /// Takes a field back that has been written, to be written once more; `false` where the document does not have it.
    pub(crate) fn restore(&mut self, item: u32, cell: u16) -> bool {
        let said = self.item(item).and_then(|item| self.cells.get(item.cells as usize + usize::from(cell)));
        let there = said.is_some_and(|cell| cell.end & !ESCAPED > cell.start);
        if let (true, Some(item)) = (there, self.items.get_mut(item as usize)) {
            item.filled |= bit(cell);
        }
        there
    }

    #[inline]
    pub(super) fn cell(&self, item: u32, cell: u16) -> Option<Cell> {
        let item = self.item(item).filter(|item| item.filled & bit(cell) != 0)?;
        self.cells.get(item.cells as usize + usize::from(cell)).copied()
    }

    /// The value of a field, if it is there and not yet written.
    #[inline]
    pub(crate) fn value<'a>(&self, text: &'a str, item: u32, cell: u16) -> Option<Text<'a>> {
        let cell = self.cell(item, cell)?;
        let value = text.get(cell.start as usize..(cell.end & !ESCAPED) as usize)?;
        Some(if cell.end & ESCAPED == 0 { Text::Plain(value) } else { Text::Escaped(value) })
    }

    /// The value of a field as JSON has it, whether it was written or not.
    pub(crate) fn said<'a>(&self, text: &'a str, item: u32, cell: u16) -> &'a str {
        let cells = self.item(item).map_or(0, |item| item.cells as usize);
        let cell = self.cells.get(cells + usize::from(cell)).copied().unwrap_or_default();
        text.get(cell.start as usize..(cell.end & !ESCAPED) as usize).unwrap_or_default()
    }

    /// The value of a field as JSON has it, without quotes.
    pub(crate) fn raw<'a>(&self, text: &'a str, item: u32, cell: u16) -> Option<&'a str> {
        match self.value(text, item, cell)? {
            Text::Plain(text) | Text::Escaped(text) => Some(text),
        }
    }

    /// The first item of a list that is not yet written.
    #[inline]
    pub(crate) fn first(&self, item: u32, cell: u16) -> u32 {
        self.cell(item, cell).map_or(NONE, |cell| cell.start)
    }

    /// Takes the first item off a list.
    pub(crate) fn pop(&mut self, item: u32, cell: u16) {
        let Some(owner) = self.item(item).copied() else { return };
        let Some(list) = self.cells.get_mut(owner.cells as usize + usize::from(cell)) else { return };
        match self.items.get(list.start as usize).map_or(NONE, |first| first.next) {
            NONE => self.clear(item, cell),
            next => list.start = next,
        }
    }

    /// Where a field stands in the document: `/lines/0/price/amount`.
    pub(crate) fn pointer(&self, form: &Form, item: u32, cell: Option<u16>) -> String {
        let Some(found) = self.item(item) else { return String::new() };
        let mut pointer = if found.parent == NONE {
            String::new()
        } else {
            let list = self.pointer(form, found.parent, Some(found.list));
            format!("{list}/{}", found.number)
        };
        if let (Some(cell), Some(kind)) = (cell, form.kinds.get(usize::from(found.kind)))
            && !kind.plain
        {
            pointer.push_str(&form.path(kind.object, cell).unwrap_or_default());
        }
        pointer
    }
}

impl Form {
    /// Numbers the places of its names.
    pub(crate) fn number_places(&mut self) {
        for keys in &self.objects {
            self.places.push(self.count);
            self.count += keys.len() + 1;
        }
    }

    /// The names that lead to a cell: `/price/amount`.
    fn path(&self, object: u16, cell: u16) -> Option<String> {
        self.objects.get(usize::from(object))?.iter().find_map(|key| match key.entry {
            Entry::Field(own) | Entry::List { cell: own, .. } if own == cell => Some(format!("/{}", key.name)),
            Entry::Object(inner) => Some(format!("/{}{}", key.name, self.path(inner, cell)?)),
            _ => None,
        })
    }

    /// The rule of a field.
    pub(crate) fn rule(&self, kind: u16, cell: u16) -> Option<u32> {
        *self.kinds.get(usize::from(kind))?.rules.get(usize::from(cell))?
    }

    /// The entry that names lead to from an object.
    pub(crate) fn entry<'n>(&self, object: u16, names: &mut impl Iterator<Item = &'n str>) -> Option<Entry> {
        let name = names.next()?;
        let entry = self.objects.get(usize::from(object))?.iter().find(|key| &*key.name == name)?.entry;
        match entry {
            Entry::Object(inner) => self.entry(inner, names),
            entry => Some(entry),
        }
    }
}

/// The bit of a cell.
#[inline]
pub(crate) fn bit(cell: u16) -> u64 {
    1u64.checked_shl(u32::from(cell)).unwrap_or_default()
}

/// What an escaped text says.
#[cold]
pub(crate) fn unescape(text: &str) -> String {
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_default()
}
