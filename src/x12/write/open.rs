//! A segment that is written value by value, for those who have no list of its elements: mappings do.

use wide::u8x16;

use super::{WriteError, Writer};

/// How many bytes of a value are looked at and copied together.
const BLOCK: usize = 16;

/// Where a value stands in a segment. Places are in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From 1.
    pub element: u8,
    /// From 0.
    pub repetition: u16,
    /// From 1; 0 is the element as a whole.
    pub component: u8,
}

impl Place {
    /// An element or component that is not repeated.
    pub fn new(element: u8, component: u8) -> Self {
        Self { element, repetition: 0, component }
    }
}

/// A segment that was begun. It is taken back where it is not closed.
#[derive(Debug)]
pub struct OpenSegment<'w> {
    writer: &'w mut Writer,
    tag: &'w str,
    back: usize,
    at: Place,
    closed: bool,
}

/// A point to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    length: usize,
    segments: Option<u64>,
}

impl Writer {
    /// The bytes of a block that separate, one bit each.
    #[inline]
    fn separators_in(&self, block: &[u8; BLOCK]) -> u32 {
        let bytes = u8x16::new(*block);
        let [a, b, c, d] = self.separators;
        (bytes.simd_eq(a) | bytes.simd_eq(b) | bytes.simd_eq(c) | bytes.simd_eq(d)).to_bitmask()
    }

    /// Begins a segment.
    pub fn open<'w>(&'w mut self, tag: &'w str) -> OpenSegment<'w> {
        let back = self.out.len();
        self.start(tag.as_bytes());
        OpenSegment { writer: self, tag, back, at: Place::new(0, 1), closed: false }
    }

    /// Makes room for so many more bytes.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.out.reserve(more);
    }

    /// This point in the body of a set.
    pub fn mark(&self) -> Mark {
        Mark { length: self.out.len(), segments: self.set.as_ref().map(|(_, segments)| *segments) }
    }

    /// Takes back what was written into the set since the mark.
    pub fn rewind(&mut self, mark: Mark) {
        self.out.truncate(mark.length);
        if let (Some((_, count)), Some(segments)) = (&mut self.set, mark.segments) {
            *count = segments;
        }
    }
}

impl OpenSegment<'_> {
    /// Writes a value. Values come in the order of their places; an empty one may be left out.
    ///
    /// # Errors
    ///
    /// If it holds a separator and there is no replacement for it, or is repeated where nothing separates repetitions.
    #[inline]
    pub fn put(&mut self, place: Place, value: &[u8]) -> Result<(), WriteError> {
        self.go_to(place)?;
        self.writer.value(self.tag, usize::from(place.element), value, false)
    }

    /// Writes what stands in a text from `start` to `end`. As long as the text goes on, it is looked through and copied in
    /// whole blocks.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    #[inline]
    pub(crate) fn put_part(&mut self, place: Place, text: &[u8], (start, end): (u32, u32)) -> Result<(), WriteError> {
        self.go_to(place)?;
        let (start, end) = (start as usize, end as usize);
        let back = self.writer.out.len();
        let (mut left, mut rest) = (end.saturating_sub(start), text.get(start..).unwrap_or_default());
        while let Some((block, behind)) = rest.split_first_chunk::<BLOCK>() {
            let counted = left.min(BLOCK);
            if self.writer.separators_in(block) & ((1 << counted) - 1) != 0 {
                break;
            }
            let out = &mut self.writer.out;
            out.extend_from_slice(block);
            if left <= BLOCK {
                out.truncate(out.len() - BLOCK + left);
                return Ok(());
            }
            (left, rest) = (left - BLOCK, behind);
        }
        self.writer.out.truncate(back);
        let value = text.get(start..end).unwrap_or_default();
        self.writer.value(self.tag, usize::from(place.element), value, false)
    }

    /// Writes the separators before a place.
    #[inline]
    fn go_to(&mut self, place: Place) -> Result<(), WriteError> {
        let delimiters = self.writer.layout.delimiters;
        if place.element != self.at.element {
            for _ in self.at.element..place.element {
                self.writer.out.push(delimiters.element);
            }
            self.at = Place::new(place.element, 1);
        }
        if place.repetition != self.at.repetition {
            let why = "an element is repeated, and there is no separator for that";
            let none = || WriteError::Envelope { place: "ISA11", value: String::new(), why };
            let separator = delimiters.repetition.ok_or_else(none)?;
            for _ in self.at.repetition..place.repetition {
                self.writer.out.push(separator);
            }
            self.at = Place { repetition: place.repetition, component: 1, ..place };
        }
        for _ in self.at.component..place.component {
            self.writer.out.push(delimiters.component);
        }
        self.at.component = self.at.component.max(place.component);
        Ok(())
    }

    /// Ends the segment.
    pub fn close(mut self) {
        self.closed = true;
        self.writer.end();
        if let Some((_, count)) = &mut self.writer.set {
            *count += 1;
        }
    }
}

impl Drop for OpenSegment<'_> {
    fn drop(&mut self) {
        if !self.closed {
            self.writer.out.truncate(self.back);
        }
    }
}
