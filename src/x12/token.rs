//! One transaction set as tokens: where each segment and element of its bytes begins and ends, without a copy.
//!
//! The reader fills [`Tokens`] as it goes; [`SetView`] and [`Segment`] are what mapping and checks read from them.

use serde::{Deserialize, Serialize};

/// The separators of one interchange, found from its ISA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delimiters {
    /// Between elements: the byte after `ISA`.
    pub element: u8,
    /// Between components: ISA16.
    pub component: u8,
    /// Between repetitions, from version 00402 on: ISA11.
    pub repetition: Option<u8>,
    /// After each segment: the byte after ISA16. A multi-byte character is known by its last byte.
    pub segment: u8,
}

/// Where one segment lies: its tag's offset, and the range of its ends.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Offset of the tag.
    pub(super) start: u32,
    /// Index of the tag's end.
    pub(super) first: u32,
    /// Index past the last element's end.
    pub(super) last: u32,
}

/// Where the tokens of a set lie. Kept and refilled by a reader so that no set costs an allocation.
#[derive(Debug, Default, Clone)]
pub struct Tokens {
    /// The segments in order.
    pub(super) spans: Vec<Span>,
    /// Offset of the end of each tag and element, all segments in a row.
    pub(super) ends: Vec<u32>,
}

impl Tokens {
    /// Tokens of `bytes`, which hold whole segments only. Blanks and line ends before a tag are passed over.
    pub fn scan(bytes: &[u8], delimiters: Delimiters) -> Self {
        let mut tokens = Self::default();
        let mut start = 0;
        for segment in bytes.split_inclusive(|b| *b == delimiters.segment) {
            let blank = segment.iter().take_while(|b| b.is_ascii_whitespace()).count();
            let text = segment.strip_suffix(&[delimiters.segment]).unwrap_or(segment);
            if blank < text.len() {
                let first = tokens.ends.len() as u32;
                for (at, byte) in text.iter().enumerate().skip(blank) {
                    if *byte == delimiters.element {
                        tokens.ends.push((start + at) as u32);
                    }
                }
                tokens.ends.push((start + text.len()) as u32);
                tokens.spans.push(Span { start: (start + blank) as u32, first, last: tokens.ends.len() as u32 });
            }
            start += segment.len();
        }
        tokens
    }
}

/// Turns a place in a buffer into a place in the file: files wrapped into lines lose their line ends on the way in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Where the buffer begins in the file.
    pub(super) base: u64,
    /// Line ends taken out, by the offset in the buffer before which they stood, in order.
    pub(super) taken: &'a [(u32, u8)],
}

impl Place<'_> {
    /// The offset in the file of `at` in the buffer.
    pub(super) fn of(&self, at: u32) -> u64 {
        let before = if self.taken.is_empty() { 0 } else { self.taken.partition_point(|(place, _)| *place <= at) };
        self.base + u64::from(at) + before as u64
    }
}

/// A transaction set, ST through SE: its bytes and their tokens.
#[derive(Debug, Clone, Copy)]
pub struct SetView<'a> {
    /// What the tokens' offsets count in; it may begin before the set.
    pub(super) buffer: &'a [u8],
    pub(super) spans: &'a [Span],
    pub(super) ends: &'a [u32],
    pub(super) delimiters: Delimiters,
    pub(super) place: Place<'a>,
    /// Where the set itself lies in the buffer.
    pub(super) range: (u32, u32),
}

impl<'a> SetView<'a> {
    /// The set whose `bytes` begin at `offset` in their file.
    pub fn new(bytes: &'a [u8], tokens: &'a Tokens, delimiters: Delimiters, offset: u64) -> Self {
        Self {
            buffer: bytes,
            spans: &tokens.spans,
            ends: &tokens.ends,
            delimiters,
            place: Place { base: offset, taken: &[] },
            range: (0, bytes.len() as u32),
        }
    }

    /// The bytes as received, ST through SE with its terminator. The line ends of a file that was wrapped into lines
    /// of equal length are not among them.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.buffer.get(self.range.0 as usize..self.range.1 as usize).unwrap_or_default()
    }

    /// Where the set begins in its file, in bytes.
    pub fn offset(&self) -> u64 {
        self.place.of(self.range.0)
    }

    /// The separators of the interchange.
    pub fn delimiters(&self) -> Delimiters {
        self.delimiters
    }

    /// How many segments there are, ST and SE counted.
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no segment at all.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The segment at `index` (ST is 0), if there is one.
    #[inline]
    pub fn segment(&self, index: usize) -> Option<Segment<'a>> {
        let span = self.spans.get(index)?;
        Some(Segment {
            bytes: self.buffer,
            start: span.start,
            ends: self.ends.get(span.first as usize..span.last as usize)?,
            delimiters: self.delimiters,
            place: self.place,
            position: index as u32 + 1,
        })
    }

    /// All segments, ST first.
    #[inline]
    pub fn segments(&self) -> impl Iterator<Item = Segment<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.segment(index))
    }
}

/// One segment: a tag and its elements.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) start: u32,
    pub(super) ends: &'a [u32],
    pub(super) delimiters: Delimiters,
    pub(super) place: Place<'a>,
    pub(super) position: u32,
}

impl<'a> Segment<'a> {
    /// The tag, like `b"PO1"`.
    #[inline]
    pub fn tag(&self) -> &'a [u8] {
        self.slice(self.start, self.ends.first().copied().unwrap_or(self.start))
    }

    /// How many elements were sent, trailing empty ones counted.
    #[inline]
    pub fn len(&self) -> usize {
        self.ends.len().saturating_sub(1)
    }

    /// Whether the segment is a bare tag.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at `number`, from 1 as the standard counts; empty where the sender left it out.
    #[inline]
    pub fn element(&self, number: usize) -> &'a [u8] {
        match (number.checked_sub(1).and_then(|n| self.ends.get(n)), self.ends.get(number)) {
            (Some(before), Some(end)) => self.slice(before + 1, *end),
            _ => &[],
        }
    }

    /// Component `component` (from 1) of the first repetition of element `number`; empty where left out.
    pub fn component(&self, number: usize, component: usize) -> &'a [u8] {
        let element = self.repetitions(number).next().unwrap_or_default();
        component
            .checked_sub(1)
            .and_then(|n| element.split(|b| *b == self.delimiters.component).nth(n))
            .unwrap_or_default()
    }

    /// The repetitions of element `number`: one, even if empty, where the interchange has no repetition separator.
    pub fn repetitions(&self, number: usize) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let separator = self.delimiters.repetition;
        self.element(number).split(move |b| Some(*b) == separator)
    }

    /// Its place in the set, from 1: ST is 1, as AK302 counts.
    #[inline]
    pub fn position(&self) -> u32 {
        self.position
    }

    /// Where the tag begins in the file, in bytes.
    pub fn offset(&self) -> u64 {
        self.place.of(self.start)
    }

    /// Where element `number` begins in the file, in bytes; the segment's end where it was left out.
    pub fn element_offset(&self, number: usize) -> u64 {
        let before = number.checked_sub(1).filter(|_| number < self.ends.len()).and_then(|n| self.ends.get(n));
        self.place.of(before.map(|end| end + 1).or_else(|| self.ends.last().copied()).unwrap_or(self.start))
    }

    /// The bytes from the tag to before the terminator.
    pub fn bytes(&self) -> &'a [u8] {
        self.slice(self.start, self.ends.last().copied().unwrap_or(self.start))
    }

    #[inline]
    fn slice(&self, start: u32, end: u32) -> &'a [u8] {
        self.bytes.get(start as usize..end as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_counted_as_the_standard_does() {
        let delimiters = Delimiters { element: b'*', component: b':', repetition: Some(b'^'), segment: b'~' };
        let bytes = b"ST*850*0001~\r\n  N1*ST**92^93*a:b~SE*3*0001~\n";
        let tokens = Tokens::scan(bytes, delimiters);
        let set = SetView::new(bytes, &tokens, delimiters, 100);
        let n1 = set.segment(1).unwrap();
        assert_eq!((set.len(), n1.tag(), n1.len(), n1.position()), (3, &b"N1"[..], 4, 2));
        assert_eq!((n1.element(1), n1.element(2), n1.element(9)), (&b"ST"[..], &b""[..], &b""[..]));
        assert_eq!((n1.element(0), n1.component(4, 0)), (&b""[..], &b""[..]));
        assert_eq!(n1.repetitions(3).collect::<Vec<_>>(), [b"92", b"93"]);
        assert_eq!((n1.component(4, 2), n1.component(4, 3)), (&b"b"[..], &b""[..]));
        assert_eq!((n1.offset(), n1.element_offset(1), n1.element_offset(9)), (116, 119, 132));
        assert_eq!(n1.bytes(), b"N1*ST**92^93*a:b");
    }
}
