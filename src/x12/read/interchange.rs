//! Where interchanges begin and end: finding the next ISA, passing over what stands before it, changing separators.

use super::{MAX_CAP, Piece, Reader, SAMPLE};
use crate::x12::envelope::InterchangeHeader;
use crate::x12::isa::{self, Look, Refused};
use crate::x12::policy::Caps;
use crate::x12::scan::Marks;
use std::io::{self, Read};

impl<R: Read> Reader<R> {
    /// Looks for the next ISA, and reports what stands before it.
    pub(super) fn next_interchange(&mut self) -> io::Result<Piece> {
        let (mut offset, mut length, mut sample, mut why, mut refused) = (0, 0_u64, Vec::new(), None, None);
        let mut before = b'\n';
        loop {
            let bytes = self.buffer.get(self.cursor as usize..self.filled).unwrap_or_default();
            if length == 0 {
                let blank = bytes.iter().take_while(|b| b.is_ascii_whitespace() || matches!(b, 0 | 0x1a)).count();
                let bom = bytes.get(blank..).is_some_and(|rest| rest.starts_with(b"\xef\xbb\xbf"));
                if blank > 0 || bom {
                    self.cursor += blank as u32 + if bom { 3 } else { 0 };
                    continue;
                }
                offset = self.offset(self.cursor);
            }
            let bytes = self.buffer.get(self.cursor as usize..self.filled).unwrap_or_default();
            // What may be the start of an ISA or of a byte-order mark waits for more.
            let undecided = |rest: &[u8]| {
                rest.is_empty() || b"ISA".starts_with(rest) || (length == 0 && b"\xef\xbb\xbf".starts_with(rest))
            };
            let mut skip = 0;
            if bytes.starts_with(b"ISA") && before.is_ascii_alphanumeric() {
                skip = 3;
            } else if bytes.starts_with(b"ISA") {
                match isa::look(bytes, 0, self.ended) {
                    Look::Isa(_) | Look::Refused(_) if length > 0 => {
                        return Ok(passed(offset, length, sample, why, refused));
                    }
                    Look::Isa(_) => return Ok(Piece::Isa),
                    Look::More => {}
                    Look::Refused(told) => {
                        refused = Some(told);
                        skip = 3;
                    }
                    Look::No(reason) => {
                        why = why.or_else(|| Some(reason).filter(|reason| !reason.is_empty()));
                        skip = 3;
                    }
                }
            } else if !undecided(bytes) || (self.ended && !bytes.is_empty()) {
                skip = 1;
            }
            if skip > 0 {
                // On to the next place where an ISA may begin: not inside a word.
                let found = memchr::memmem::find_iter(bytes.get(skip..).unwrap_or_default(), b"ISA")
                    .map(|at| at + skip)
                    .find(|at| !bytes.get(at.wrapping_sub(1)).is_some_and(u8::is_ascii_alphanumeric));
                skip = found.unwrap_or_else(|| {
                    let tail = (1..=2)
                        .rev()
                        .find(|n| bytes.len() > skip && bytes.ends_with(b"ISA".get(..*n).unwrap_or_default()));
                    (bytes.len() - tail.filter(|_| !self.ended).unwrap_or(0)).max(skip)
                });
                let skip = skip.min(bytes.len());
                let wanted = SAMPLE.saturating_sub(sample.len()).min(skip);
                sample.extend_from_slice(bytes.get(..wanted).unwrap_or_default());
                before = skip.checked_sub(1).and_then(|at| bytes.get(at)).copied().unwrap_or(before);
                length += skip as u64;
                self.cursor += skip as u32;
                self.indexed = self.indexed.max(self.cursor as usize);
                continue;
            }
            if !self.fill()? && self.cursor as usize >= self.filled {
                return Ok(if length > 0 { passed(offset, length, sample, why, refused) } else { Piece::End });
            }
        }
    }

    /// Enters the interchange whose ISA stands at the cursor; none if it cannot be read after all. `settle` sees its header and says what
    /// ISA11 is and what the caps are.
    pub(in crate::x12) fn enter<T>(
        &mut self,
        settle: impl FnOnce(&mut InterchangeHeader) -> (Caps, T),
    ) -> io::Result<Option<(InterchangeHeader, T)>> {
        self.release();
        if self.wrapped {
            self.rewrap_lines();
        }
        let mut found = loop {
            match isa::look(self.ahead(), 0, self.ended) {
                Look::Isa(found) => break found,
                Look::No(_) | Look::Refused(_) => {
                    self.forget();
                    return Ok(None);
                }
                Look::More => {
                    self.fill()?;
                }
            }
        };
        while self.ahead().len() < isa::REACH && self.fill()? {}
        if found.wrapped || isa::is_wrapped_wide(self.ahead(), found.length, found.header.delimiters.segment) {
            self.wrap_from(found.length);
            let Look::Isa(again) = isa::look(self.ahead(), 0, true) else { return Ok(None) };
            found = again;
        }
        let mut header = found.header;
        header.offset = self.offset(self.cursor);
        let (caps, value) = settle(&mut header);
        self.caps = caps;
        let delimiters = header.delimiters;
        let lead = header.terminator.split_last().map(|(_, lead)| lead).filter(|_| delimiters.segment != b'\n');
        let mut marks = Marks {
            element: delimiters.element,
            segment: delimiters.segment,
            lead: [0; 3],
            lead_len: 0,
            inner: [delimiters.component, delimiters.repetition.unwrap_or(delimiters.component)],
        };
        for (slot, byte) in marks.lead.iter_mut().zip(lead.unwrap_or_default()) {
            *slot = *byte;
            marks.lead_len += 1;
        }
        let end = self.cursor + found.length as u32;
        // Where the last interchange had the same separators, the index goes on from its own entry for this ISA.
        let next = self.index.stops.get(..self.index.stopped).and_then(|stops| stops.get(self.stop)).copied();
        let known = next.filter(|last| {
            self.marks == Some(marks)
                && (*last as usize).checked_sub(1).and_then(|at| self.index.ends.get(at)) == Some(&(end - 1))
        });
        if let Some(last) = known {
            self.stop += 1;
            self.next = last;
        } else {
            self.index.clear();
            (self.stop, self.odd, self.next) = (0, 0, 0);
            self.indexed = end as usize;
        }
        self.cursor = end;
        self.marks = Some(marks);
        self.delimiters = delimiters;
        self.padded = found.padded;
        self.tailed = marks.lead_len > 0 || delimiters.segment == b'\n' || found.padded;
        self.cap = u32::try_from(caps.segment_bytes).unwrap_or(MAX_CAP).min(MAX_CAP);
        Ok(Some((header, value)))
    }

    /// Leaves the interchange: its IEA was the last segment. Another with the same separators that follows at once is found without
    /// a new index.
    pub(in crate::x12) fn leave(&mut self) {
        self.release();
        let at = (self.cursor + self.blanks()) as usize;
        let rest = self.buffer.get(at..self.filled).unwrap_or_default();
        if self.wrapped || !matches!(isa::look(rest, 0, self.ended), Look::Isa(_)) {
            self.forget();
        }
    }

    /// Drops the index and the separators: what follows is looked at afresh.
    pub(in crate::x12) fn forget(&mut self) {
        if self.wrapped {
            self.rewrap_lines();
        }
        self.marks = None;
        self.index.clear();
        (self.stop, self.odd, self.next) = (0, 0, 0);
        self.overlong = None;
        self.indexed = self.cursor as usize;
    }

    /// Whether an ISA begins at the cursor, blanks aside; if so, the cursor is at it.
    pub(super) fn isa_ahead(&mut self) -> io::Result<bool> {
        loop {
            let blank = self.blanks();
            let bytes = self.buffer.get((self.cursor + blank) as usize..self.filled).unwrap_or_default();
            if bytes.is_empty() || !b"ISA".starts_with(bytes.get(..3).unwrap_or(bytes)) {
                return Ok(false);
            }
            match isa::look(bytes, 0, self.ended) {
                Look::Isa(_) | Look::Refused(_) => {
                    self.cursor += blank;
                    return Ok(true);
                }
                Look::No(_) => return Ok(false),
                Look::More => {
                    self.fill()?;
                }
            }
        }
    }
}

/// What was passed over, from an ISA on that cannot be read but answered, or without one.
fn passed(
    offset: u64,
    length: u64,
    sample: Vec<u8>,
    why: Option<&'static str>,
    refused: Option<Box<Refused>>,
) -> Piece {
    match refused {
        Some(mut refused) => {
            refused.header.offset = offset;
            Piece::Refused(refused)
        }
        None => Piece::Rubbish { offset, length, sample, why },
    }
}
