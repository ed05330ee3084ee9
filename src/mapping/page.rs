//! What JSON is written to: a buffer with room ahead, into which short texts are copied as whole blocks.
//!
//! Names and most values are shorter than a block of sixteen bytes. Such a block is looked through in one step and copied
//! in one, and what is behind the value is overwritten by what comes next; a call for each would cost more than all of that.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use super::block::{BLOCK, digits, is_decimal, is_whole, lowest, special, two};

/// How long a text is that was made ready, and copied as one.
const SHORT: usize = 2 * BLOCK;

/// How much room is kept from one document to the next.
const MOST_KEPT: usize = 1 << 20;

/// JSON in the making; kept from one document to the next.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// What is written, and the room behind it.
    bytes: Vec<u8>,
    length: usize,
}

/// A text that was made ready for a page: a name, or the word for a code.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    /// The text, if it has room here.
    short: [u8; SHORT],
    length: usize,
    long: Box<[u8]>,
}

impl Ready {
    pub(crate) fn new(text: &[u8]) -> Self {
        let mut short = [0; SHORT];
        short.iter_mut().zip(text).for_each(|(slot, byte)| *slot = *byte);
        Self { short, length: text.len(), long: if text.len() > SHORT { text.into() } else { Box::default() } }
    }

    /// The text.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.short.get(..self.length).unwrap_or(&self.long)
    }
}

impl Page {
    /// Begins anew. The room stays for the next document, unless this one was very large.
    pub(crate) fn clear(&mut self) {
        if self.bytes.len() > MOST_KEPT {
            self.bytes = Vec::new();
        }
        self.length = 0;
    }

    /// What is written.
    pub(crate) fn written(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The byte that was written last.
    #[inline]
    pub(crate) fn last(&self) -> Option<u8> {
        self.bytes.get(self.length.wrapping_sub(1)).copied()
    }

    /// Takes back all but the first `length` bytes.
    #[inline]
    pub(crate) fn cut(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    #[inline]
    pub(crate) fn push(&mut self, byte: u8) {
        if let Some([slot]) = self.room() {
            *slot = byte;
            self.length += 1;
        }
    }

    pub(crate) fn put(&mut self, text: &[u8]) {
        if self.bytes.len() - self.length < text.len() {
            self.grow(text.len());
        }
        let end = self.length + text.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(text);
            self.length = end;
        }
    }

    /// Writes a text that was made ready.
    #[inline]
    pub(crate) fn ready(&mut self, text: &Ready) {
        match self.room() {
            Some(room) if text.length <= SHORT => {
                *room = text.short;
                self.length += text.length;
            }
            _ => self.put(&text.long),
        }
    }

    /// Ends an object or list: its last value has a comma behind it, which goes, and so has what was ended now.
    #[inline]
    pub(crate) fn close(&mut self, bracket: u8) {
        if let Some(last) = self.bytes.get_mut(self.length.wrapping_sub(1)) {
            *last = bracket;
        }
        self.push(b',');
    }

    /// Writes a key, a value of one block at most, and a comma; or nothing, where `value` tells no length.
    #[inline(always)]
    fn field(&mut self, key: &Ready, value: impl FnOnce(&mut [u8; SHORT]) -> Option<usize>) -> bool {
        let Some(room) = self.room::<{ 2 * SHORT }>() else { return false };
        let Some((own, _)) = room.split_first_chunk_mut::<SHORT>() else { return false };
        *own = key.short;
        let Some(slot) = room.get_mut(key.length..).and_then(<[u8]>::first_chunk_mut) else { return false };
        let Some(length) = value(slot) else { return false };
        self.length += key.length + length;
        true
    }

    /// Writes a key and the first `length` bytes of `text` as a JSON string; or nothing, where there is one among them that
    /// cannot stand as it is, or no whole block of them.
    #[inline(always)]
    #[must_use]
    pub(crate) fn string(&mut self, key: &Ready, text: &[u8], length: usize) -> bool {
        if length > BLOCK {
            return self.long_string(key, text, length);
        }
        self.field(key, |slot| {
            let block = text.first_chunk::<BLOCK>().filter(|block| special(block) & lowest(length) == 0)?;
            quote(slot, block, length)
        })
    }

    /// The same for more than one block.
    fn long_string(&mut self, key: &Ready, mut text: &[u8], length: usize) -> bool {
        let start = self.length;
        self.ready(key);
        self.push(b'"');
        let mut left = length;
        while let Some((block, rest)) = text.split_first_chunk::<BLOCK>()
            && special(block) & lowest(left) == 0
            && let Some(room) = self.room::<BLOCK>()
        {
            *room = *block;
            self.length += left.min(BLOCK);
            if left <= BLOCK {
                self.put(b"\",");
                return true;
            }
            (left, text) = (left - BLOCK, rest);
        }
        self.length = start;
        false
    }

    /// Writes a key and the first `length` bytes of `text` as they are, in quotes; or nothing, where they are no number in
    /// the form that documents have: digits, and behind a point more of them.
    #[inline(always)]
    #[must_use]
    pub(crate) fn decimal(&mut self, key: &Ready, text: &[u8], length: usize) -> bool {
        self.field(key, |slot| {
            let block = text.first_chunk::<BLOCK>().filter(|block| is_decimal(block, length))?;
            quote(slot, block, length)
        })
    }

    /// Writes a key and the first `length` bytes of `text` as a JSON number; or nothing, where they are no whole number
    /// without sign and zeros before it.
    #[inline(always)]
    #[must_use]
    pub(crate) fn integer(&mut self, key: &Ready, text: &[u8], length: usize) -> bool {
        self.field(key, |slot| {
            let block = text.first_chunk::<BLOCK>().filter(|block| is_whole(block, length))?;
            *slot.first_chunk_mut()? = *block;
            *slot.get_mut(length)? = b',';
            Some(length + 1)
        })
    }

    /// Writes a key and CCYYMMDD as a date; or nothing, where it is none, or a day that not every month has.
    #[inline(always)]
    #[must_use]
    pub(crate) fn date(&mut self, key: &Ready, text: &[u8], length: usize) -> bool {
        self.field(key, |slot| {
            let block = text.first_chunk::<BLOCK>().filter(|block| digits(block) & 0xFF == 0xFF && length == 8)?;
            let [a, b, c, d, m, n, x, y, ..] = *block;
            if !(1..=12).contains(&two(m, n)) || !(1..=28).contains(&two(x, y)) || [a, b, c, d] == *b"0000" {
                return None;
            }
            *slot.first_chunk_mut()? = [b'"', a, b, c, d, b'-', m, n, b'-', x, y, b'"', b','];
            Some(13)
        })
    }

    /// Writes a key and the word for a code.
    #[inline(always)]
    #[must_use]
    pub(crate) fn word(&mut self, key: &Ready, word: &Ready) -> bool {
        self.field(key, |slot| {
            *slot = word.short;
            *slot.get_mut(word.length)? = b',';
            Some(word.length + 1)
        })
    }

    /// The next `N` bytes.
    #[inline]
    fn room<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        if self.bytes.len() - self.length < N {
            self.grow(N);
        }
        self.bytes.get_mut(self.length..)?.first_chunk_mut::<N>()
    }

    #[cold]
    fn grow(&mut self, by: usize) {
        self.bytes.resize(((self.length + by) * 2).max(4096), 0);
    }
}

/// Puts quotes around what a block begins with, and a comma behind it.
#[inline(always)]
fn quote(slot: &mut [u8; SHORT], block: &[u8; BLOCK], length: usize) -> Option<usize> {
    let [quote, inner @ ..] = slot;
    *quote = b'"';
    *inner.first_chunk_mut()? = *block;
    *slot.get_mut(length + 1)? = b'"';
    *slot.get_mut(length + 2)? = b',';
    Some(length + 3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mapping::{
        convert::{Converter, Scalar},
        text::Charset,
    };

    /// What a page does with a value behind which other bytes stand, and what the converter does with the value.
    fn both(converter: &Converter, value: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let (mut page, key) = (Page::default(), Ready::new(b"\"key\":"));
        page.put(b"before");
        let text = [value, b"*\"\\0123456789abcdef"].concat();
        let done = match converter {
            Converter::Text => page.string(&key, &text, value.len()),
            Converter::Decimal => page.decimal(&key, &text, value.len()),
            Converter::Int => page.integer(&key, &text, value.len()),
            Converter::Date => page.date(&key, &text, value.len()),
            _ => false,
        };
        assert!(done || page.written() == b"before");
        let written = page.written().strip_prefix(b"before\"key\":").and_then(|value| value.strip_suffix(b","));
        let mut out = Vec::new();
        (written.map(<[u8]>::to_vec), converter.read(value, Charset::Utf8, &mut out).map(|()| out))
    }

    #[test]
    fn what_is_plain_is_written_in_one_step() {
        for (scalar, values) in [
            (Scalar::Text, &["", "a", "sixteen bytes ok", "seventeen bytes !", &"forty".repeat(8)] as &[&str]),
            (Scalar::Decimal, &["0", "7", "0.5", "10.50", "174.24", "1234567890123456"]),
            (Scalar::Integer, &["0", "7", "10", "1234567890123456"]),
            (Scalar::Date, &["20260228", "00010101"]),
        ] {
            for value in values {
                let (quick, slow) = both(&Converter::of(scalar), value.as_bytes());
                assert!(quick.is_some() && quick == slow, "{value}");
            }
        }
    }

    #[test]
    fn what_is_not_is_left_to_the_converter() {
        for (scalar, values) in [
            (Scalar::Text, &["\"", "a\\", "\u{e9}", "a long text with a \" behind the first block"] as &[&str]),
            (Scalar::Decimal, &["", ".5", "5.", "007", "00.5", "-1", "+1", "1.2.3", "1E5", " 1", "12345678901234567"]),
            (Scalar::Integer, &["", "07", "-1", "1.0", "12345678901234567"]),
            (Scalar::Date, &["20260229", "20260230", "20261301", "00000101", "2026010A", "260101"]),
        ] {
            for value in values {
                assert_eq!(both(&Converter::of(scalar), value.as_bytes()).0, None, "{value}");
            }
        }
    }

    #[test]
    fn long_and_short_keys_and_words_are_written() {
        let (key, long) = (Ready::new(b"\"a\":"), Ready::new(format!("\"{}\"", "n".repeat(60)).as_bytes()));
        let mut page = Page::default();
        page.push(b'{');
        assert!(page.word(&key, &Ready::new(b"true")));
        assert!(!page.word(&key, &long) && !page.word(&long, &key));
        page.ready(&key);
        page.ready(&long);
        page.push(b',');
        page.close(b'}');
        assert_eq!(page.written(), format!("{{\"a\":true,\"a\":\"{}\"}},", "n".repeat(60)).as_bytes());
        assert_eq!((key.bytes(), long.bytes().len()), (&b"\"a\":"[..], 62));
    }

    proptest! {
        #[test]
        fn a_page_and_a_converter_never_differ(value in "[0-9.]{0,18}|[ -~]{0,40}|[0-3]{8}|\\PC{0,20}") {
            for scalar in [Scalar::Text, Scalar::Decimal, Scalar::Integer, Scalar::Date] {
                let (quick, slow) = both(&Converter::of(scalar), value.as_bytes());
                prop_assert!(quick.is_none() || quick == slow, "{value:?} {scalar:?} {quick:?} {slow:?}");
            }
        }
    }
}
