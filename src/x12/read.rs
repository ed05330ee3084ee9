//! The streaming reader: bytes of any chunk size become segments, with nothing copied and nothing held but the set in hand.
//!
//! It knows interchanges and segments only. What a segment means, and which of them belong together, is the checker's matter: it says
//! when to hold a set's tokens ([`Reader::hold`]), when an interchange begins ([`Reader::enter`]) and ends ([`Reader::leave`]).

mod binary;
mod intake;
mod interchange;
#[cfg(test)]
pub(super) mod tests;

use super::isa::Refused;
use super::policy::Caps;
use super::scan::{Index, Marks};
use super::token::{Delimiters, Place, SetView, Span};
use std::io::{self, Read};

/// How much is asked of the source at once.
const CHUNK: usize = 256 << 10;
/// How much is asked of it first: most bodies have no more, and to make room for a large one costs more than to read them.
const FIRST: usize = 32 << 10;
/// How much is indexed at once: what stays in the nearest cache while it is checked.
const STEP: usize = 16 << 10;
/// How much of what was put back is taken in at once.
const PIECE: usize = 4 << 10;
/// Offsets in the buffer are 32 bits wide: no cap may reach that.
const MAX_CAP: u32 = 1 << 29;
/// How much of what is passed over is kept to show.
const SAMPLE: usize = 64;

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// A segment with a tag.
    Segment(Span),
    /// An ISA stands here: [`Reader::enter`] reads it.
    Isa,
    /// A segment longer than the cap was passed over; it began here in the file.
    Overlong(Overlong),
    /// Bytes outside any interchange: where they began, how many, the first of them, and what is wrong where they look like an ISA.
    Rubbish { offset: u64, length: u64, sample: Vec<u8>, why: Option<&'static str> },
    /// An ISA that nothing can be read by but which can be answered; what follows up to the next ISA was passed over.
    Refused(Box<Refused>),
    /// The end of the file.
    End,
}

/// What is known of a segment that was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overlong {
    /// Where it began in the file.
    pub(super) offset: u64,
    /// Its first bytes, where its tag is.
    pub(super) start: [u8; 3],
}

/// How a binary segment's length element fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    /// The data are as long as said; the span is mended.
    Read(Span),
    /// The length is no number, or no terminator follows so many bytes; the segment was read like any other.
    Mismatch(Span),
    /// Longer than may be held: passed over.
    TooLong,
}

/// Segments out of a byte source.
pub(super) struct Reader<R> {
    source: R,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are filled, and of those how many are indexed.
    filled: usize,
    indexed: usize,
    /// Where the buffer begins in the file, and the line ends taken out of it.
    base: u64,
    /// How much is asked of the source next.
    chunk: usize,
    taken: Vec<(u32, u8)>,
    wrapped: bool,
    /// Bytes that were read before they could be taken into the buffer, and how many of them since were.
    raw: Vec<u8>,
    raw_at: usize,
    ended: bool,
    index: Index,
    /// How many of the index's stops and odd bytes were passed, and the next segment's first end.
    stop: usize,
    odd: usize,
    next: u32,
    /// Where the next segment begins.
    cursor: u32,
    /// Separators of the interchange in hand; none between interchanges.
    marks: Option<Marks>,
    delimiters: Delimiters,
    caps: Caps,
    /// The cap of a segment, and whether terminators may have bytes before their last.
    cap: u32,
    tailed: bool,
    /// Whether blanks before a terminator belong to it.
    padded: bool,
    /// Where the set in hand begins, if its bytes are kept.
    held: Option<u32>,
    spans: Vec<Span>,
    /// Where the segment kept last ended, its terminator included.
    kept: u32,
    /// Whether the segment read last had no terminator.
    unterminated: bool,
    /// The overlong segment that is being passed over.
    overlong: Option<Overlong>,
    /// Bytes of binary data still to pass over.
    pass: u64,
}

impl<R: Read> Reader<R> {
    /// A reader at the start of `source`.
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            filled: 0,
            indexed: 0,
            base: 0,
            chunk: FIRST,
            taken: Vec::new(),
            wrapped: false,
            raw: Vec::new(),
            raw_at: 0,
            ended: false,
            index: Index::default(),
            stop: 0,
            odd: 0,
            next: 0,
            cursor: 0,
            marks: None,
            delimiters: Delimiters { element: b'*', component: b'>', repetition: None, segment: b'~' },
            caps: Caps::default(),
            cap: 0,
            tailed: false,
            padded: false,
            held: None,
            spans: Vec::new(),
            kept: 0,
            unterminated: false,
            overlong: None,
            pass: 0,
        }
    }

    /// The next segment, if one lies ready and nothing about it is out of the ordinary; [`Reader::next`] knows the rest.
    #[inline]
    pub(super) fn ready(&mut self) -> Option<Span> {
        loop {
            let last = *self.index.stops.get(..self.index.stopped)?.get(self.stop)?;
            let end = *self.index.ends.get((last as usize).wrapping_sub(1))?;
            let mut start = self.cursor;
            if self.overlong.is_some() {
                return None;
            }
            while let Some(&byte) = self.buffer.get(start as usize)
                && byte <= b' '
                && start < end
                && byte.is_ascii_whitespace()
            {
                start += 1;
            }
            if end - start > self.cap {
                return None;
            }
            if self.buffer.get(start as usize) == Some(&b'I')
                && self.buffer.get(start as usize + 1..start as usize + 3) == Some(b"SA")
            {
                return None;
            }
            let first = self.next;
            self.stop += 1;
            self.next = last;
            self.cursor = end + 1;
            // What the terminator brings before its last byte is no data.
            if self.tailed {
                let short = self.tail(end);
                if let Some(slot) = self.index.ends.get_mut((last as usize).wrapping_sub(1)) {
                    *slot = short.max(start);
                }
                if short <= start {
                    continue;
                }
            } else if end <= start {
                continue;
            }
            return Some(Span { start, first, last });
        }
    }

    /// What comes next.
    pub(super) fn next(&mut self) -> io::Result<Piece> {
        if self.marks.is_none() {
            return self.next_interchange();
        }
        loop {
            if let Some(span) = self.ready() {
                return Ok(Piece::Segment(span));
            }
            if self.overlong.is_none() {
                self.cursor += self.blanks();
                if self.isa_ahead()? {
                    return Ok(Piece::Isa);
                }
            }
            let Some(&last) = self.index.stops.get(..self.index.stopped).and_then(|stops| stops.get(self.stop)) else {
                if !self.more()? {
                    return self.last_segment();
                }
                continue;
            };
            let end = self.index.ends.get((last as usize).wrapping_sub(1)).copied().unwrap_or(self.cursor);
            if self.overlong.is_some() || end - self.cursor > self.cap_here() {
                let overlong = self.overlong.take().unwrap_or_else(|| self.overlong_at(self.cursor));
                self.release();
                self.stop += 1;
                self.next = last;
                self.cursor = end + 1;
                return Ok(Piece::Overlong(overlong));
            }
            // It only looks like an ISA: past the check that stopped `ready`.
            let (start, first) = (self.cursor, self.next);
            let short = self.tail(end);
            if let Some(slot) = self.index.ends.get_mut((last as usize).wrapping_sub(1)) {
                *slot = short;
            }
            self.stop += 1;
            self.next = last;
            self.cursor = end + 1;
            return Ok(Piece::Segment(Span { start, first, last }));
        }
    }

    /// What is in the buffer from the cursor on.
    fn ahead(&self) -> &[u8] {
        self.buffer.get(self.cursor as usize..self.filled).unwrap_or_default()
    }

    /// Where a segment's data end whose terminator's last byte is at `end`.
    fn tail(&self, end: u32) -> u32 {
        let lead = self.marks.as_ref().map_or(0, |marks| u32::from(marks.lead_len));
        let mut end = end.saturating_sub(lead);
        let before = |end: u32| self.buffer.get((end as usize).wrapping_sub(1));
        if self.delimiters.segment == b'\n' && before(end) == Some(&b'\r') {
            end -= 1;
        }
        while self.padded && before(end) == Some(&b' ') {
            end -= 1;
        }
        end
    }

    /// How many blanks and line ends that are no separators stand at the cursor.
    fn blanks(&self) -> u32 {
        let Delimiters { element, segment, .. } = self.delimiters;
        let rest = self.buffer.get(self.cursor as usize..self.filled).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_whitespace() && ![element, segment].contains(byte)).count() as u32
    }

    /// What stands after the last terminator, as a segment if it is one.
    fn last_segment(&mut self) -> io::Result<Piece> {
        if let Some(overlong) = self.overlong.take() {
            self.cursor = self.filled as u32;
            return Ok(Piece::Overlong(overlong));
        }
        let from = self.cursor;
        let rest = self.buffer.get(from as usize..self.filled).unwrap_or_default();
        let blank = |byte: &&u8| byte.is_ascii_whitespace() || matches!(byte, 0 | 0x1a);
        let start = from + rest.iter().take_while(blank).count() as u32;
        let end = self.filled as u32 - rest.iter().rev().take_while(blank).count() as u32;
        if start >= end {
            self.cursor = self.filled as u32;
            return Ok(Piece::End);
        }
        if self.filled as u32 - start > self.cap_here() {
            self.cursor = self.filled as u32;
            return Ok(Piece::Overlong(self.overlong_at(start)));
        }
        let first = self.next;
        // Separators among the blanks that were cut off do not exist: a separator is no blank, or the blanks are data.
        let ends = self.index.ends.get(first as usize..self.index.filled).unwrap_or_default();
        let keep = ends.iter().take_while(|at| **at < end).count();
        self.index.filled = first as usize + keep;
        self.index.ends.truncate(self.index.filled);
        self.index.ends.push(end);
        self.index.filled += 1;
        self.next = self.index.filled as u32;
        self.cursor = self.filled as u32;
        self.unterminated = true;
        Ok(Piece::Segment(Span { start, first, last: self.next }))
    }

    /// Indexes what is there, or reads more; false at the end.
    fn more(&mut self) -> io::Result<bool> {
        let Some(marks) = self.marks else { return Ok(false) };
        self.trim();
        if self.indexed == self.filled && !self.fill()? {
            return Ok(false);
        }
        if self.pass > 0 {
            let passed = self.pass.min((self.filled - self.indexed) as u64);
            self.pass -= passed;
            self.indexed += passed as usize;
            self.cursor = self.indexed as u32;
            return Ok(true);
        }
        let to = self.filled.min(self.indexed + STEP);
        self.index.add(&self.buffer, self.indexed, to, &marks);
        self.indexed = to;
        if self.index.stopped == 0 && self.overlong.is_none() {
            self.cursor += self.blanks().min((to - self.cursor as usize) as u32);
        }
        if self.index.stopped == 0
            && to - self.cursor as usize > self.cap as usize
            && to - self.cursor as usize > self.cap_here() as usize
            && (self.overlong.is_some() || !self.isa_ahead()?)
        {
            self.drop_segment();
        }
        Ok(true)
    }

    /// Forgets what of the index was used and is not held.
    fn trim(&mut self) {
        let keep = self.spans.first().filter(|_| self.held.is_some()).map_or(self.next, |span| span.first) as usize;
        if keep > 0 {
            self.index.ends.copy_within(keep..self.index.filled, 0);
            self.index.filled -= keep;
            self.next -= keep as u32;
            for span in &mut self.spans {
                span.first -= keep as u32;
                span.last -= keep as u32;
            }
        }
        self.index.stopped = 0;
        self.stop = 0;
        self.index.odd.drain(..self.odd);
        self.odd = 0;
    }

    /// Begins to keep a set's bytes and tokens, from the segment `span` on.
    pub(super) fn hold(&mut self, span: Span) {
        self.spans.clear();
        self.held = Some(span.start);
    }

    /// Keeps one more segment of the set, if one is kept.
    #[inline]
    pub(super) fn keep(&mut self, span: Span) {
        if self.held.is_some() {
            self.spans.push(span);
            self.kept = self.cursor;
        }
    }

    /// Keeps nothing any more.
    pub(super) fn release(&mut self) {
        self.held = None;
        self.spans.clear();
    }

    /// The set that is kept, up to the segment read last; none if it grew too large.
    pub(super) fn view(&self) -> Option<SetView<'_>> {
        let held = self.held.filter(|held| self.kept.saturating_sub(*held) as usize <= self.caps.set_bytes)?;
        Some(SetView {
            buffer: self.buffer.get(..self.filled)?,
            spans: &self.spans,
            ends: self.index.ends.get(..self.index.filled)?,
            delimiters: self.delimiters,
            place: self.place(),
            range: (held, self.kept),
        })
    }

    /// The buffer's bytes and the ends of the segment `span`.
    #[inline]
    pub(super) fn segment(&self, span: Span) -> (&[u8], &[u32]) {
        (&self.buffer, self.index.ends.get(span.first as usize..span.last as usize).unwrap_or_default())
    }

    /// Whether the segment `span`, read last, holds bytes that are no plain text.
    #[inline]
    pub(super) fn is_odd(&mut self, span: Span) -> bool {
        let end = self.index.ends.get((span.last as usize).wrapping_sub(1)).copied().unwrap_or_default();
        while self.index.odd.get(self.odd).is_some_and(|at| *at < span.start) {
            self.odd += 1;
        }
        self.index.odd.get(self.odd).is_some_and(|at| *at < end)
    }

    /// The separators in hand.
    pub(super) fn delimiters(&self) -> Delimiters {
        self.delimiters
    }

    /// How a place in the buffer becomes one in the file.
    pub(super) fn place(&self) -> Place<'_> {
        Place { base: self.base, taken: &self.taken }
    }

    /// The offset in the file of `at` in the buffer.
    pub(super) fn offset(&self, at: u32) -> u64 {
        self.place().of(at)
    }

    /// Where the segment at `position` of the set that is kept began in the file, if it is still known.
    pub(super) fn offset_of(&self, position: u32) -> Option<u64> {
        self.held?;
        Some(self.offset(self.spans.get(position.checked_sub(1)? as usize)?.start))
    }

    /// Whether the file ended before the terminator of the segment read last.
    pub(super) fn is_unterminated(&self) -> bool {
        self.unterminated
    }

    /// Where the segment read last ended in the file, its terminator included.
    pub(super) fn consumed(&self) -> u64 {
        // A line end that was taken out behind it may not have been read yet, so it does not count.
        self.cursor.checked_sub(1).map_or(self.base, |last| self.offset(last) + 1)
    }

    /// How far the source was read and looked at.
    pub(super) fn position(&self) -> u64 {
        self.offset(self.cursor)
    }
}
