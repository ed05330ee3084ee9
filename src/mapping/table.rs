//! Code tables: a partner's codes and our words, both ways. One code per word, or one of several is the canonical one.

use std::collections::HashMap;

use super::{
    block::BLOCK,
    page::Ready,
    text::{Charset, write_characters, write_string},
};

/// What to do with a code that the table does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Keep it, with the format before it: `x12:ZZ`.
    #[default]
    Pass,
    /// Hold the document until someone mends the table.
    Hold,
    /// Leave the field out; the value stays with the extras.
    Skip,
    /// Cross-references only: keep it as sent, and say so.
    Warn,
}

impl Missing {
    pub(crate) const NAMES: &'static [&'static str] = &["pass", "hold", "skip", "warn"];

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "pass" => Self::Pass,
            "hold" => Self::Hold,
            "skip" => Self::Skip,
            "warn" => Self::Warn,
            _ => return None,
        })
    }
}

/// A compiled table. Codes of up to seven bytes are found by one multiplication.
#[derive(Debug)]
pub(crate) struct Table {
    /// Slots of a power of two: the packed code and the index of its word; 0 is free.
    slots: Vec<(u64, u32)>,
    shift: u32,
    words: Vec<Word>,
    long: HashMap<Vec<u8>, u32>,
    /// Our words and the codes that are written for them, and slots of a power of two that say where each one is.
    codes: Vec<Written>,
    code_slots: Vec<u32>,
}

/// One of our words, and the code that is written for it.
#[derive(Debug)]
struct Written {
    word: Box<str>,
    code: Box<str>,
    /// The first sixteen bytes of the word.
    head: (u64, u64),
    /// The code, and how long it is, if it is short and plain.
    short: [u8; 8],
    length: Option<usize>,
}

/// A slot that is free.
const FREE: u32 = u32::MAX;

#[derive(Debug)]
struct Word {
    text: String,
    json: Ready,
}

impl Table {
    /// A table of `(code, word, canonical)`; the caller has seen to it that each word has one canonical code.
    pub(crate) fn new<'a>(entries: impl Iterator<Item = (&'a str, &'a str, bool)> + Clone) -> Self {
        let size = (entries.clone().count() * 2).next_power_of_two().max(4);
        let mut table = Self {
            slots: vec![(0, 0); size],
            shift: 64 - size.trailing_zeros(),
            words: Vec::new(),
            long: HashMap::new(),
            codes: Vec::new(),
            code_slots: vec![FREE; size],
        };
        for (code, word, canonical) in entries {
            let index = table.words.len() as u32;
            let mut json = Vec::new();
            write_string(word.as_bytes(), Charset::Utf8, &mut json);
            table.words.push(Word { text: word.to_owned(), json: Ready::new(&json) });
            match pack(code.as_bytes()) {
                Some(key) => table.insert(key, index),
                None => drop(table.long.insert(code.as_bytes().to_vec(), index)),
            }
            if canonical {
                table.insert_word(word, code);
            }
        }
        table
    }

    fn insert(&mut self, key: u64, index: u32) {
        let mut at = self.start(key);
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.0 == 0 || slot.0 == key {
                *slot = (key, index);
                return;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    fn insert_word(&mut self, word: &str, code: &str) {
        let mut at = self.word_start(word);
        while let Some(slot) = self.code_slots.get_mut(at) {
            if *slot == FREE {
                *slot = self.codes.len() as u32;
                self.codes.push(Written::new(word, code));
                return;
            }
            at = (at + 1) & (self.code_slots.len() - 1);
        }
    }

    /// Where to look for a word: by its first and next or last bytes and its length.
    #[inline]
    fn word_start(&self, word: &str) -> usize {
        let bytes = word.as_bytes();
        let eight = |bytes: Option<&[u8]>| bytes.and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
        let short = || bytes.iter().rev().fold(0, |packed, byte| packed << 8 | u64::from(*byte));
        let first = eight(bytes.get(..8)).unwrap_or_else(short);
        let second = match bytes.len() {
            ..=8 => 0,
            9..BLOCK => bytes.iter().skip(8).rev().fold(0, |packed, byte| packed << 8 | u64::from(*byte)),
            length => eight(bytes.get(length - 8..)).unwrap_or_default(),
        };
        self.start(mixed(first, second, bytes.len()))
    }

    #[inline]
    fn code(&self, word: &str) -> Option<&str> {
        let mut at = self.word_start(word);
        loop {
            let found = self.codes.get(*self.code_slots.get(at)? as usize)?;
            if &*found.word == word {
                return Some(&found.code);
            }
            at = (at + 1) & (self.code_slots.len() - 1);
        }
    }

    /// The code, and how long it is, for the word that the first `length` bytes of a block are, if both are short.
    #[inline]
    pub(crate) fn short_code(&self, block: &[u8; BLOCK], length: usize) -> Option<(&[u8; 8], usize)> {
        let all = u128::from_le_bytes(*block);
        let (first, second) = (all as u64, (all >> 64) as u64);
        let head = match length {
            1..=8 => (first & (u64::MAX >> (64 - 8 * length)), 0),
            9..=BLOCK => (first, second & (u64::MAX >> (128 - 8 * length))),
            _ => return None,
        };
        let mut at = self.start(mixed(head.0, head.1, length));
        loop {
            let found = self.codes.get(*self.code_slots.get(at)? as usize)?;
            if found.head == head && found.word.len() == length {
                return Some((&found.short, found.length?));
            }
            at = (at + 1) & (self.code_slots.len() - 1);
        }
    }

    fn start(&self, key: u64) -> usize {
        (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    fn word(&self, code: &[u8]) -> Option<&Word> {
        match pack(code) {
            None => self.words.get(*self.long.get(code)? as usize),
            Some(key) => self.word_of(key),
        }
    }

    #[inline]
    fn word_of(&self, key: u64) -> Option<&Word> {
        let mut at = self.start(key);
        loop {
            match self.slots.get(at)? {
                (0, _) => return None,
                (found, index) if *found == key => return self.words.get(*index as usize),
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
        }
    }

    /// The JSON of our word for a code of one to seven bytes without blanks around it, with which a text begins.
    #[inline]
    pub(crate) fn ready(&self, text: &[u8], length: usize) -> Option<&Ready> {
        let block = text.first_chunk::<8>()?;
        let blank = |byte: Option<&u8>| byte.is_none_or(|byte| *byte <= b' ');
        if !(1..=7).contains(&length) || blank(block.first()) || blank(block.get(length - 1)) {
            return None;
        }
        let bytes = u64::from_le_bytes(*block) & ((1 << (8 * length)) - 1);
        self.word_of(bytes | (length as u64 + 1) << 56).map(|word| &word.json)
    }

    /// Our word for a code.
    #[cfg(test)]
    fn read(&self, code: &[u8]) -> Option<&str> {
        self.word(code.trim_ascii()).map(|word| word.text.as_str())
    }

    /// Writes our word for a code as JSON; `None` if the table does not have it.
    pub(crate) fn read_json(&self, code: &[u8], out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(self.word(code.trim_ascii())?.json.bytes());
        Some(())
    }

    /// The code for our word.
    pub(crate) fn write<'a>(&'a self, word: &'a str) -> Option<&'a str> {
        self.code(word).or_else(|| word.strip_prefix("x12:"))
    }

    /// What stands for our value in a cross-reference; one that is not in it stands for itself, unless it is the partner's
    /// name for something else.
    pub(crate) fn cross<'a>(&'a self, value: &'a str, missing: Missing) -> Option<&'a str> {
        let itself = || (missing != Missing::Hold && self.word(value.as_bytes()).is_none()).then_some(value);
        self.code(value).or_else(itself)
    }

    /// Every word that the table can give.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| word.text.as_str())
    }
}

impl Written {
    fn new(word: &str, code: &str) -> Self {
        let part = |bytes: &[u8]| bytes.iter().take(8).rev().fold(0, |packed, byte| packed << 8 | u64::from(*byte));
        let head = (part(word.as_bytes()), part(word.as_bytes().get(8..).unwrap_or_default()));
        let mut short = [0; 8];
        short.iter_mut().zip(code.bytes()).for_each(|(slot, byte)| *slot = byte);
        let plain = (1..=8).contains(&code.len()) && code.bytes().all(|byte| (b' '..0x80).contains(&byte));
        Self { word: word.into(), code: code.into(), head, short, length: plain.then_some(code.len()) }
    }
}

/// Parts of a word and its length as one number.
#[inline]
fn mixed(first: u64, second: u64, length: usize) -> u64 {
    first ^ second.rotate_left(29) ^ (length as u64) << 56
}

/// Writes a code that no table has, marked as the partner's own.
pub(crate) fn pass(code: &[u8], charset: Charset, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"x12:");
    write_characters(code.trim_ascii(), charset, out);
    out.push(b'"');
}

/// A short code as a number that is never 0: its bytes and its length.
#[inline]
fn pack(code: &[u8]) -> Option<u64> {
    if code.len() > 7 {
        return None;
    }
    let bytes = code.iter().rev().fold(0, |packed, byte| packed << 8 | u64::from(*byte));
    Some(bytes | (code.len() as u64 + 1) << 56)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_are_read_and_written() {
        let table = Table::new(
            [("RE", "remit_to", true), ("RI", "remit_to", false), ("A-LONG-CODE", "long", true)].into_iter(),
        );
        assert_eq!(
            (table.read(b"RI"), table.read(b"RE "), table.read(b"A-LONG-CODE")),
            (Some("remit_to"), Some("remit_to"), Some("long"))
        );
        assert_eq!((table.read(b"R"), table.read(b""), table.read(b"R\0")), (None, None, None));
        assert_eq!(
            (table.write("remit_to"), table.write("x12:ZZ"), table.write("nothing")),
            (Some("RE"), Some("ZZ"), None)
        );
        let mut out = Vec::new();
        pass(b"Z\"", Charset::Utf8, &mut out);
        assert_eq!(out, b"\"x12:Z\\\"\"");
    }

    proptest! {
        #[test]
        fn every_code_of_a_table_is_found(codes in proptest::collection::btree_set("[A-Z0-9]{1,9}|[a-z_]{10,24}", 0..200), other in "[A-Z0-9]{1,9}") {
            let table = Table::new(codes.iter().map(|code| (code.as_str(), code.as_str(), true)));
            let words = Table::new(codes.iter().map(|word| ("Z", word.as_str(), true)));
            for code in &codes {
                prop_assert_eq!(table.read(code.as_bytes()), Some(code.as_str()));
                let text = format!("{code}*and more");
                let ready = table.ready(text.as_bytes(), code.len()).map(|json| json.bytes().to_vec());
                prop_assert_eq!(ready, (code.len() < 8).then(|| format!("\"{code}\"").into_bytes()));
                prop_assert_eq!(table.write(code), Some(code.as_str()));
                let block = *[code.as_bytes(), &[b'"'; BLOCK]].concat().first_chunk::<BLOCK>().unwrap();
                let short = table.short_code(&block, code.len()).map(|(code, length)| code[..length].to_vec());
                prop_assert_eq!(short, (code.len() < 9).then(|| code.clone().into_bytes()));
                let short = words.short_code(&block, code.len()).map(|(code, length)| code[..length].to_vec());
                prop_assert_eq!(short, (code.len() <= BLOCK).then(|| b"Z".to_vec()));
            }
            prop_assert_eq!(table.read(other.as_bytes()).is_some(), codes.contains(&other));
        }
    }
}
