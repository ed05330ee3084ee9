//! What is not read by its terminator alone: binary data by their length, and segments that are longer than may be held.

use super::{Binary, MAX_CAP, Overlong, Reader};
use crate::x12::token::Span;
use std::io::{self, Read};

/// How many blanks may stand between binary data and their terminator.
const BLANKS: usize = 16;

impl<R: Read> Reader<R> {
    /// Reads the data of the binary segment `span`, read last, by the length it gives.
    pub(in crate::x12) fn binary(&mut self, span: Span) -> io::Result<Binary> {
        let text = self.buffer.get(span.start as usize..self.cursor as usize).unwrap_or_default();
        let Some((data, length)) = binary_data(text, self.delimiters.element) else {
            return Ok(Binary::Mismatch(span));
        };
        let from = span.start as usize + data;
        let lead = self.marks.as_ref().map_or(0, |marks| usize::from(marks.lead_len));
        // The end of the element before the data: the separator that the data follow.
        let ends = self.index.ends.get(span.first as usize..span.last as usize).unwrap_or_default();
        let Some(before) = ends.iter().position(|end| *end as usize + 1 == from).map(|at| span.first as usize + at)
        else {
            return Ok(Binary::Mismatch(span));
        };
        if length > self.caps.set_bytes as u64 {
            self.overlong = Some(self.overlong_at(span.start));
            self.release();
            self.index.clear();
            (self.stop, self.odd, self.next) = (0, 0, 0);
            let there = ((self.filled - from) as u64).min(length);
            self.pass = length - there;
            self.cursor = (from as u64 + there) as u32;
            self.indexed = self.cursor as usize;
            return Ok(Binary::TooLong);
        }
        // The segment is not let go while the buffer moves under it.
        let length = length as usize;
        let behind = self.cursor;
        let (mut span, mut moved) = (span, 0);
        self.cursor = span.start;
        // Room for the terminator, and for a few blanks where they stand before it.
        let room = lead + 2 + if self.padded { BLANKS } else { 0 };
        while self.filled < from - moved + length + room {
            let stood = self.cursor;
            if !self.fill()? {
                break;
            }
            moved += (stood - self.cursor) as usize;
        }
        span.start = self.cursor;
        let end = from - moved + length;
        let rest = self.buffer.get(end..self.filled);
        let width = rest.and_then(|rest| self.terminator_at(rest));
        let Some(width) = width else {
            self.cursor = behind - moved as u32;
            return Ok(Binary::Mismatch(span));
        };
        self.index.filled = before + 1;
        self.index.ends.truncate(self.index.filled);
        self.index.ends.push(end as u32);
        self.index.filled += 1;
        self.index.stopped = 0;
        self.index.odd.clear();
        (self.stop, self.odd, self.next) = (0, 0, self.index.filled as u32);
        self.cursor = (end + width) as u32;
        self.indexed = self.cursor as usize;
        Ok(Binary::Read(Span { last: self.next, ..span }))
    }

    /// How wide the terminator at the start of `rest` is: nothing at the end of the file.
    pub(super) fn terminator_at(&self, rest: &[u8]) -> Option<usize> {
        let marks = self.marks?;
        if rest.is_empty() {
            return Some(0);
        }
        let blanks = if self.padded { rest.iter().take(BLANKS).take_while(|byte| **byte == b' ').count() } else { 0 };
        let rest = rest.get(blanks..)?;
        let lead = if marks.segment == b'\n' && rest.starts_with(b"\r") { b"\r" } else { marks.lead() };
        (rest.strip_prefix(lead)?.first() == Some(&marks.segment)).then_some(blanks + lead.len() + 1)
    }

    /// The cap of the segment at the cursor: binary data may be as long as a set.
    pub(super) fn cap_here(&self) -> u32 {
        let at = (self.cursor + self.blanks()) as usize;
        let rest = self.buffer.get(at..self.filled).unwrap_or_default();
        let set = u32::try_from(self.caps.set_bytes).unwrap_or(MAX_CAP).min(MAX_CAP);
        match binary_data(rest, self.delimiters.element) {
            Some((data, length)) if length <= u64::from(set) => (data as u32 + length as u32 + 64).max(self.cap),
            _ => self.cap,
        }
    }

    /// What is to be told of the segment at `at`, which is passed over.
    pub(super) fn overlong_at(&self, at: u32) -> Overlong {
        let there = self.buffer.get(at as usize..self.filled).unwrap_or_default();
        let start = there.first_chunk().copied().unwrap_or_default();
        Overlong { offset: self.offset(at), start }
    }

    /// Gives up the segment in hand, as far as it was read: it is longer than the cap.
    pub(super) fn drop_segment(&mut self) {
        let at = (self.cursor + self.blanks()) as usize;
        let there = self.buffer.get(at..self.indexed).unwrap_or_default();
        if let Some((data, length)) = binary_data(there, self.delimiters.element).filter(|_| self.overlong.is_none()) {
            self.pass = length.saturating_sub((there.len() - data) as u64);
        }
        if self.overlong.is_none() {
            self.overlong = Some(self.overlong_at(at as u32));
        }
        self.release();
        self.cursor = self.indexed as u32;
        self.index.filled = self.next as usize;
        self.index.odd.clear();
        self.odd = 0;
    }
}

/// Where the data of a binary segment begin and how many bytes they have by the segment's own word: `BIN*length*data`, or
/// `BDS*filter*length*data`.
fn binary_data(segment: &[u8], separator: u8) -> Option<(usize, u64)> {
    let before = match segment.get(..3)? {
        b"BIN" => 1,
        b"BDS" => 2,
        _ => return None,
    };
    let mut separators = segment.iter().take(64).enumerate().filter(|(_, byte)| **byte == separator).map(|(at, _)| at);
    let (from, to) = (separators.nth(before - 1)?, separators.next()?);
    let length = std::str::from_utf8(segment.get(from + 1..to)?).ok()?;
    let length = length.parse().ok().filter(|_| length.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some((to + 1, length))
}
