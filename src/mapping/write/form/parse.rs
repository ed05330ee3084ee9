//! Reading a document into the cells of a form: one pass over its JSON (RFC 8259), in which the names of an object are first
//! looked for where they followed each other last.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use super::{Cell, ESCAPED, Entry, Form, Item, Key, Malformed, Taken, bit};
use crate::mapping::{
    block::{BLOCK, quotes},
    read::NONE,
};

/// How deep items may lie in each other.
const DEEPEST: u32 = 64;

/// How many fields that are left out are noted.
const MOST_LEFT: usize = 100;

/// The cells of an item before anything fills them.
const EMPTY: [Cell; 64] = [Cell { start: 0, end: 0 }; 64];

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
#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;
    use crate::mapping::write::form::{FormKind, Text, unescape};

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
