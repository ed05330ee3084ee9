//! BER (X.690) as partners write it: definite and indefinite lengths, octet strings in pieces.
//!
//! Two readers share one set of rules. [`Elements`] walks bytes at hand and lends them out; [`Stream`] walks a body of
//! any size and captures small parts of it. Both cap depth and sizes, and neither trusts a length before it was held
//! against what encloses it. Tags above 30 do not occur in CMS and are refused.

mod stream;

pub use stream::{Octets, Place, Stream};

use std::borrow::Cow;

/// How deep constructed elements may nest.
pub const MAX_DEPTH: usize = 32;

/// Tags that CMS uses, constructed bit included.
pub mod tag {
    /// INTEGER
    pub const INTEGER: u8 = 0x02;
    /// BIT STRING
    pub const BIT_STRING: u8 = 0x03;
    /// OCTET STRING
    pub const OCTETS: u8 = 0x04;
    /// NULL
    pub const NULL: u8 = 0x05;
    /// OBJECT IDENTIFIER
    pub const OID: u8 = 0x06;
    /// UTCTime
    pub const UTC_TIME: u8 = 0x17;
    /// GeneralizedTime
    pub const GENERAL_TIME: u8 = 0x18;
    /// SEQUENCE
    pub const SEQUENCE: u8 = 0x30;
    /// SET
    pub const SET: u8 = 0x31;
    /// The bit that says "constructed".
    pub const CONSTRUCTED: u8 = 0x20;

    /// `[n]`, constructed.
    pub const fn context(number: u8) -> u8 {
        0xa0 | number
    }

    /// `[n]`, primitive.
    pub const fn context_primitive(number: u8) -> u8 {
        0x80 | number
    }
}

/// What is wrong with an encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BerError {
    /// It nests too deep.
    #[error("nested too deep")]
    Deep,
    /// It is longer than what is allowed at its place.
    #[error("longer than is allowed here")]
    Large,
    /// A length that BER does not have, or one that runs past what encloses it.
    #[error("a length that cannot be")]
    Length,
    /// Something where nothing may follow.
    #[error("something follows where nothing should")]
    Trailing,
    /// It breaks off.
    #[error("it breaks off")]
    Truncated,
    /// Another element than the one that belongs here.
    #[error("another element than the one that belongs here")]
    Unexpected,
}

/// One element: its tag and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier octet.
    pub tag: u8,
    /// All of it, as received.
    pub raw: &'a [u8],
    /// Its content, without the end-of-contents octets of an indefinite length.
    pub body: &'a [u8],
    depth: usize,
}

impl<'a> Element<'a> {
    /// What it contains, where it is constructed.
    pub fn children(&self) -> Result<Elements<'a>, BerError> {
        if self.tag & tag::CONSTRUCTED == 0 {
            return Err(BerError::Unexpected);
        }
        Ok(Elements { rest: self.body, depth: self.depth + 1 })
    }

    /// The octets of an octet string (or of a tagged one), put together where it came in pieces.
    pub fn octets(&self) -> Result<Cow<'a, [u8]>, BerError> {
        if self.tag & tag::CONSTRUCTED == 0 {
            return Ok(Cow::Borrowed(self.body));
        }
        let mut whole = Vec::with_capacity(self.body.len());
        let mut pieces = self.children()?;
        while let Some(piece) = pieces.next()? {
            if piece.tag & !tag::CONSTRUCTED != tag::OCTETS {
                return Err(BerError::Unexpected);
            }
            whole.extend_from_slice(&piece.octets()?);
        }
        Ok(Cow::Owned(whole))
    }

    /// A small number that is not negative.
    pub fn number(&self) -> Result<u64, BerError> {
        let digits = match self.body {
            [0, rest @ ..] => rest,
            [first, ..] if *first < 0x80 => self.body,
            _ => return Err(BerError::Unexpected),
        };
        if digits.len() > 8 {
            return Err(BerError::Large);
        }
        Ok(digits.iter().fold(0, |number, digit| number << 8 | u64::from(*digit)))
    }
}

/// Elements that stand one after another.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl<'a> Elements<'a> {
    /// The elements of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    /// The only element of `bytes`, which must have this tag.
    pub fn only(bytes: &'a [u8], tag: u8) -> Result<Element<'a>, BerError> {
        let mut elements = Self::new(bytes);
        let element = elements.expect(tag)?;
        elements.finish()?;
        Ok(element)
    }

    /// The tag of the next element.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element.
    #[expect(clippy::should_implement_trait, reason = "it can fail, and then nothing more comes of it")]
    pub fn next(&mut self) -> Result<Option<Element<'a>>, BerError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let element = split(self.rest, self.depth)?;
        self.rest = self.rest.get(element.raw.len()..).unwrap_or_default();
        Ok(Some(element))
    }

    /// The next element, which must have this tag.
    pub fn expect(&mut self, tag: u8) -> Result<Element<'a>, BerError> {
        match self.next()? {
            Some(element) if element.tag == tag => Ok(element),
            Some(_) => Err(BerError::Unexpected),
            None => Err(BerError::Truncated),
        }
    }

    /// The next element where it has this tag.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, BerError> {
        if self.peek() == Some(tag) { self.next() } else { Ok(None) }
    }

    /// Says that nothing may follow.
    pub fn finish(self) -> Result<(), BerError> {
        if self.rest.is_empty() { Ok(()) } else { Err(BerError::Trailing) }
    }
}

/// A definite length and the number of octets that it takes; `None` is an indefinite one.
fn length(octets: &[u8]) -> Result<(Option<u64>, usize), BerError> {
    let first = *octets.first().ok_or(BerError::Truncated)?;
    match first {
        0..=0x7f => Ok((Some(u64::from(first)), 1)),
        0x80 => Ok((None, 1)),
        _ => {
            let count = usize::from(first & 0x7f);
            if count > 8 {
                return Err(BerError::Length);
            }
            let digits = octets.get(1..=count).ok_or(BerError::Truncated)?;
            Ok((Some(digits.iter().fold(0, |number, digit| number << 8 | u64::from(*digit))), 1 + count))
        }
    }
}

fn check_tag(tag: u8) -> Result<u8, BerError> {
    // End-of-contents where no indefinite length is open, and tags of several octets.
    if tag == 0 || tag & 0x1f == 0x1f { Err(BerError::Unexpected) } else { Ok(tag) }
}

/// The first element of `bytes`.
fn split(bytes: &[u8], depth: usize) -> Result<Element<'_>, BerError> {
    if depth > MAX_DEPTH {
        return Err(BerError::Deep);
    }
    let tag = check_tag(*bytes.first().ok_or(BerError::Truncated)?)?;
    let after_tag = bytes.get(1..).unwrap_or_default();
    let (declared, taken) = length(after_tag)?;
    let header = 1 + taken;
    let rest = bytes.get(header..).ok_or(BerError::Truncated)?;
    match declared {
        Some(size) => {
            let size = usize::try_from(size).map_err(|_| BerError::Length)?;
            let body = rest.get(..size).ok_or(BerError::Truncated)?;
            Ok(Element { tag, raw: bytes.get(..header + size).unwrap_or_default(), body, depth })
        }
        None if tag & tag::CONSTRUCTED == 0 => Err(BerError::Length),
        None => {
            let mut at = 0;
            loop {
                let here = rest.get(at..).ok_or(BerError::Truncated)?;
                if here.starts_with(&[0, 0]) {
                    let body = rest.get(..at).unwrap_or_default();
                    return Ok(Element { tag, raw: bytes.get(..header + at + 2).unwrap_or_default(), body, depth });
                }
                at += split(here, depth + 1)?.raw.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn definite_and_indefinite_lengths_give_the_same_elements() {
        let definite = [0x30, 0x05, 0x02, 0x01, 0x05, 0x05, 0x00];
        let indefinite = [0x30, 0x80, 0x02, 0x01, 0x05, 0x05, 0x00, 0x00, 0x00];
        for bytes in [&definite[..], &indefinite[..]] {
            let sequence = Elements::only(bytes, tag::SEQUENCE).unwrap();
            assert_eq!((sequence.raw, sequence.body), (bytes, &definite[2..]));
            let mut children = sequence.children().unwrap();
            assert_eq!(children.expect(tag::INTEGER).unwrap().number(), Ok(5));
            assert!(children.optional(tag::INTEGER).unwrap().is_none());
            assert_eq!(children.expect(tag::NULL).unwrap().body, b"");
            children.finish().unwrap();
        }
    }

    #[test]
    fn octet_strings_in_pieces_are_put_together() {
        let pieces = [0x24, 0x80, 0x04, 0x02, b'a', b'b', 0x24, 0x03, 0x04, 0x01, b'c', 0x00, 0x00];
        let string = Elements::only(&pieces, tag::OCTETS | tag::CONSTRUCTED).unwrap();
        assert_eq!(string.octets().unwrap(), &b"abc"[..]);
        let wrong = [0x24, 0x03, 0x02, 0x01, 0x01];
        assert_eq!(Elements::only(&wrong, 0x24).unwrap().octets(), Err(BerError::Unexpected));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (bytes, error) in [
            (&[][..], BerError::Truncated),
            (&[0x30], BerError::Truncated),
            (&[0x30, 0x02, 0x05], BerError::Truncated),
            (&[0x30, 0x80, 0x05, 0x00], BerError::Truncated),
            (&[0x30, 0x80, 0x05, 0x00, 0x00], BerError::Unexpected),
            (&[0x04, 0x80, 0x00, 0x00], BerError::Length),
            (&[0x04, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0], BerError::Length),
            (&[0x04, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], BerError::Truncated),
            (&[0x1f, 0x81, 0x01, 0x00], BerError::Unexpected),
            (&[0x00, 0x00], BerError::Unexpected),
        ] {
            assert_eq!(split(bytes, 0), Err(error), "{bytes:x?}");
        }
        assert_eq!(Elements::only(&[5, 0, 5, 0], 5), Err(BerError::Trailing));
        let deep: Vec<u8> = std::iter::repeat_n([0x30, 0x80], 100_000).flatten().collect();
        assert_eq!(split(&deep, 0), Err(BerError::Deep));
    }

    #[test]
    fn numbers_are_small_and_not_negative() {
        let number = |body: &'static [u8]| Element { tag: 2, raw: body, body, depth: 0 }.number();
        assert_eq!(number(&[0, 0x80]), Ok(128));
        assert_eq!(number(&[0x7f, 0xff]), Ok(0x7fff));
        assert_eq!(number(&[0x80]), Err(BerError::Unexpected));
        assert_eq!(number(&[]), Err(BerError::Unexpected));
        assert_eq!(number(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), Err(BerError::Large));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(prop_oneof![Just(0x30_u8), Just(0x80), Just(0), Just(4), Just(0x24), any::<u8>()], 0..200)) {
            fn walk(mut elements: Elements<'_>) {
                while let Ok(Some(element)) = elements.next() {
                    assert!(element.body.len() <= element.raw.len());
                    let _ = (element.octets(), element.number());
                    if let Ok(children) = element.children() {
                        walk(children);
                    }
                }
            }
            walk(Elements::new(&bytes));
        }
    }
}
