//! The canonical document as the writer takes it in: JSON into cells, in one pass, with nothing copied.
//!
//! A form says for every kind of item which names there are and which cell each one fills. What no rule writes is passed
//! over, and noted, so that a caller can tell what a partner will not see.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::mapping::{
    block::{BLOCK, quotes},
    read::NONE,
};

/// How deep items may lie in each other.
const DEEPEST: u32 = 64;

/// The highest bit of a value's end: it holds escapes.
pub(super) const ESCAPED: u32 = 1 << 31;

/// How many fields that are left out are noted.
const MOST_LEFT: usize = 100;

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

/// The cells of an item before anything fills them.
const EMPTY: [Cell; 64] = [Cell { start: 0, end: 0 }; 64];

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
    /// Takes a document in.
    pub(crate) fn take(&mut self, form: &Form, text: &str) -> Result<()> {
        self.cells.clear();
        self.items.clear();
        self.left.clear();
        if text.len() >= ESCAPED as usize {
            return Err(Malformed { at: 0, expected: "a document of less than 2 GB" });
        }
        if self.followed.len() < form.count {
            self.followed.resize(form.count, 0);
        }
        let mut parser = Parser { form, text, bytes: text.as_bytes(), at: 0, depth: 0, taken: self };
        parser.space();
        parser.item(0, NONE, 0, 0)?;
        parser.space();
        if parser.at < text.len() { Err(parser.wrong("the end of the document")) } else { Ok(()) }
    }

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

struct Parser<'f, 'a> {
    form: &'f Form,
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: u32,
    taken: &'f mut Taken,
}

type Result<T> = std::result::Result<T, Malformed>;

impl Parser<'_, '_> {
    #[cold]
    fn wrong(&self, expected: &'static str) -> Malformed {
        Malformed { at: self.at, expected }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Passes over blanks and one character.
    #[inline]
    fn eat(&mut self, wanted: u8) -> bool {
        // Documents of ours have no blanks.
        if self.peek() == Some(wanted) {
            self.at += 1;
            return true;
        }
        self.space();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn item(&mut self, kind: u16, parent: u32, list: u16, number: u32) -> Result<u32> {
        let form = self.form;
        let Some(found) = form.kinds.get(usize::from(kind)) else { return Err(self.wrong("an item")) };
        let (own, cells) = (self.taken.items.len() as u32, self.taken.cells.len());
        match EMPTY.get(..usize::from(found.cells)) {
            Some(empty) => self.taken.cells.extend_from_slice(empty),
            None => self.taken.cells.resize(cells + usize::from(found.cells), Cell::default()),
        }
        let cells = cells as u32;
        self.taken.items.push(Item { filled: 0, cells, next: NONE, parent, number, kind, list, done: false });
        if found.plain {
            self.field(own, 0)?;
        } else {
            self.object(found.object, own)?;
        }
        Ok(own)
    }

    fn object(&mut self, object: u16, item: u32) -> Result<()> {
        let form = self.form;
        let keys = form.objects.get(usize::from(object)).map_or(&[][..], Vec::as_slice);
        let place = form.places.get(usize::from(object)).copied().unwrap_or_default();
        if !self.eat(b'{') {
            return Err(self.wrong("an object"));
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("less depth"));
        }
        let mut next = 0;
        if !self.eat(b'}') {
            loop {
                next = match self.pair(keys, next, place, item) {
                    Some(next) => next,
                    None => self.any_pair(keys, next, place, item)?,
                };
                if !self.eat(b',') {
                    break;
                }
            }
            if !self.eat(b'}') {
                return Err(self.wrong("`,` or `}`"));
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// A name that followed here last time, and a short text of plain characters, without blanks: most are that. Nothing
    /// is taken where it is something else. Gives the place behind the name.
    #[inline(always)]
    fn pair(&mut self, keys: &[Key], next: usize, place: usize, item: u32) -> Option<usize> {
        let text = self.bytes.get(self.at..)?.strip_prefix(b"\"")?;
        let (block, rest) = text.split_first_chunk::<BLOCK>()?;
        let guess = usize::from(*self.taken.followed.get(place + next)?);
        let key = keys.get(guess).filter(|key| key.begins(u128::from_le_bytes(*block), rest))?;
        let Entry::Field(cell) = key.entry else { return None };
        let name = key.name.len() + 1;
        let value = text.get(name..)?.strip_prefix(b":\"")?.first_chunk::<BLOCK>()?;
        let length = quotes(value).trailing_zeros() as usize;
        if value.get(length) != Some(&b'"') {
            return None;
        }
        let start = self.at + name + 3;
        self.at = start + length + 1;
        if length > 0 {
            self.fill(item, cell, Cell { start: start as u32, end: (start + length) as u32 });
        }
        Some(guess + 1)
    }

    /// A name, and what it names. Gives the place behind the name.
    fn any_pair(&mut self, keys: &[Key], next: usize, place: usize, item: u32) -> Result<usize> {
        let form = self.form;
        self.space();
        let start = self.at + 1;
        let known = self.name(keys, next, place + next);
        if known.is_none() {
            self.string()?;
        }
        let name = start..self.at - 1;
        if !self.eat(b':') {
            return Err(self.wrong("`:`"));
        }
        let entry = known.and_then(|at| keys.get(at)).map_or(Entry::Left, |key| key.entry);
        self.space();
        match entry {
            _ if self.peek() == Some(b'n') && self.is_null() => self.at += 4,
            Entry::Field(cell) => self.field(item, cell)?,
            Entry::List { cell, kind } => self.list(item, cell, kind)?,
            Entry::Object(inner) => self.object(inner, item)?,
            Entry::Left => {
                if self.taken.left.len() < MOST_LEFT {
                    let owner = self.taken.pointer(form, item, None);
                    self.taken.left.push(format!("{owner}/{}", self.text.get(name).unwrap_or_default()));
                }
                self.skip()?;
            }
        }
        Ok(known.map_or(next, |at| at + 1))
    }

    #[cold]
    fn is_null(&self) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(b"null"))
    }

    /// Passes over a name that is among these, and tells which it is. Documents are alike and keep the order of the
    /// schema: mostly it is the one that followed in this place last time, or else one of those after it. A name with
    /// escapes, which no document of ours has, is not found.
    #[inline]
    fn name(&mut self, keys: &[Key], next: usize, place: usize) -> Option<usize> {
        let text = self.bytes.get(self.at..)?.strip_prefix(b"\"")?;
        let found = match text.split_first_chunk::<BLOCK>() {
            Some((block, rest)) => {
                let block = u128::from_le_bytes(*block);
                let followed = self.taken.followed.get_mut(place)?;
                let guess = usize::from(*followed);
                if keys.get(guess).is_some_and(|key| key.begins(block, rest)) {
                    guess
                } else {
                    let (before, after) = keys.split_at_checked(next)?;
                    let among = |keys: &[Key]| keys.iter().position(|key| key.begins(block, rest));
                    let found = among(after).map(|at| next + at).or_else(|| among(before))?;
                    *followed = found as u16;
                    found
                }
            }
            None => keys.iter().position(|key| key.begins_short(text))?,
        };
        self.at += keys.get(found)?.name.len() + 2;
        Some(found)
    }

    fn list(&mut self, item: u32, cell: u16, kind: u16) -> Result<()> {
        if !self.eat(b'[') {
            return Err(self.wrong("a list"));
        }
        if self.eat(b']') {
            return Ok(());
        }
        let (mut first, mut last, mut number) = (NONE, NONE, 0);
        loop {
            self.space();
            let own = self.item(kind, item, cell, number)?;
            number += 1;
            match self.taken.items.get_mut(last as usize) {
                Some(last) => last.next = own,
                None => first = own,
            }
            last = own;
            if !self.eat(b',') {
                break;
            }
        }
        if !self.eat(b']') {
            return Err(self.wrong("`,` or `]`"));
        }
        self.fill(item, cell, Cell { start: first, end: last });
        Ok(())
    }

    /// A plain value. An empty text says nothing.
    #[inline]
    fn field(&mut self, item: u32, cell: u16) -> Result<()> {
        let (start, end) = match self.peek() {
            Some(b'"') => self.string()?,
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => {
                let start = self.at;
                while let Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E') = self.peek() {
                    self.at += 1;
                }
                (start, self.at)
            }
            _ => return Err(self.wrong("a plain value")),
        };
        if start != end {
            self.fill(item, cell, Cell { start: start as u32, end: end as u32 });
        }
        Ok(())
    }

    #[inline(always)]
    fn fill(&mut self, item: u32, cell: u16, value: Cell) {
        if let Some(item) = self.taken.items.get_mut(item as usize)
            && let Some(found) = self.taken.cells.get_mut(item.cells as usize + usize::from(cell))
        {
            *found = value;
            item.filled |= bit(cell);
        }
    }

    /// The inside of a string; its end has [`ESCAPED`] set if it holds escapes.
    #[inline]
    fn string(&mut self) -> Result<(usize, usize)> {
        if self.peek() != Some(b'"') {
            return Err(self.wrong("a string"));
        }
        let start = self.at + 1;
        let end = start + end_of_plain(self.bytes.get(start..).unwrap_or_default());
        match self.bytes.get(end) {
            Some(b'"') => {
                self.at = end + 1;
                Ok((start, end))
            }
            Some(_) => self.escaped(start),
            None => Err(self.wrong("the end of the string")),
        }
    }

    #[cold]
    fn escaped(&mut self, start: usize) -> Result<(usize, usize)> {
        let mut at = start;
        loop {
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
                None => return Err(self.wrong("the end of the string")),
            }
        }
        // What the escapes say is for JSON to judge.
        let inside = self.text.get(start - 1..=at).unwrap_or_default();
        if serde_json::from_str::<String>(inside).is_err() {
            return Err(self.wrong("a string with escapes that exist"));
        }
        self.at = at + 1;
        Ok((start, at | ESCAPED as usize))
    }

    /// Passes over a value of any kind.
    fn skip(&mut self) -> Result<()> {
        let mut depth = 0u32;
        loop {
            self.space();
            match self.peek() {
                Some(b'"') => drop(self.string()?),
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') if depth > 0 => self.at += 1,
                Some(b'-' | b'0'..=b'9' | b'a'..=b'z') => {
                    while let Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E') = self.peek() {
                        self.at += 1;
                    }
                }
                _ => return Err(self.wrong("a value")),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// Where the first quote or backslash is.
#[inline]
fn end_of_plain(text: &[u8]) -> usize {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        let found = quotes(block);
        if found != 0 {
            return number * BLOCK + found.trailing_zeros() as usize;
        }
    }
    let before = text.len() - rest.len();
    before + rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(rest.len())
}

/// What an escaped text says.
#[cold]
pub(crate) fn unescape(text: &str) -> String {
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    /// Names of all lengths about that of a block, and two that differ only behind it.
    const NAMES: [&str; 7] =
        ["to", "kind", "fifteen_letters", "sixteen_letters_", "seventeen_letters", "seventeen_letterz", "left"];

    /// A document of texts; the last name is one that no rule writes.
    fn form() -> Form {
        let entry = |at: usize| if at + 1 < NAMES.len() { Entry::Field(at as u16) } else { Entry::Left };
        let keys = NAMES.iter().enumerate().map(|(at, name)| Key::new(name, entry(at))).collect();
        let kind = FormKind { object: 0, cells: 6, plain: false, rules: vec![Some(0); 6] };
        let mut form = Form { kinds: vec![kind], objects: vec![keys], ..Form::default() };
        form.number_places();
        form
    }

    /// The texts of the document's fields.
    fn values(taken: &mut Taken, form: &Form, text: &str) -> Vec<Option<String>> {
        taken.take(form, text).unwrap();
        let value = |cell| match taken.value(text, 0, cell)? {
            Text::Plain(text) => Some(text.to_owned()),
            Text::Escaped(text) => Some(unescape(text)),
        };
        (0..6).map(value).collect()
    }

    #[test]
    fn a_document_may_be_as_short_as_it_likes() {
        let (form, mut taken) = (form(), Taken::default());
        for text in [r#"{"to":"x"}"#, r#"{"to":"x" }"#, r#" { "to" : "x" } "#, r#"{"to":"\u0078"}"#] {
            // The second time it is known which name comes first.
            for _ in 0..2 {
                assert_eq!(values(&mut taken, &form, text).first(), Some(&Some("x".to_owned())), "{text}");
            }
        }
        assert_eq!(values(&mut taken, &form, r#"{"to":7}"#).first(), Some(&Some("7".to_owned())));
        assert_eq!(values(&mut taken, &form, "{}"), vec![None; 6]);
        for text in ["", "{", r#"{"to"#, r#"{"to":"#, r#"{"to":"x"#, r#"{"to":"x""#, r#"{"to":"x"}}"#, r#"{"to":"x",}"#]
        {
            assert!(taken.take(&form, text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn values_are_taken_in_whatever_the_layout_and_the_order(
            documents in proptest::collection::vec(
                proptest::collection::vec((0..NAMES.len(), "[a-z0-9 ]{1,20}|\\PC{1,5}|[\"\\\\]"), 0..8),
                1..4,
            ),
        ) {
            // The same memory for all of them, so that what one teaches is wrong for the next.
            let (form, mut taken) = (form(), Taken::default());
            for fields in documents {
                let mut document = Map::new();
                for (name, value) in fields {
                    document.insert(NAMES[name].to_owned(), Value::String(value));
                }
                let wanted: Vec<_> = (0..6).map(|at| document.get(NAMES[at])?.as_str().map(str::to_owned)).collect();
                let document = Value::Object(document);
                for text in [document.to_string(), format!("{document:#}")] {
                    prop_assert_eq!(&values(&mut taken, &form, &text), &wanted);
                    prop_assert_eq!(taken.left.len(), usize::from(document.get("left").is_some()));
                }
            }
        }
    }
}
