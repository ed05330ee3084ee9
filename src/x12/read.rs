//! The streaming reader: bytes of any chunk size become segments, with nothing copied and nothing held but the set in hand.
//!
//! It knows interchanges and segments only. What a segment means, and which of them belong together, is the checker's matter: it says
//! when to hold a set's tokens ([`Reader::hold`]), when an interchange begins ([`Reader::enter`]) and ends ([`Reader::leave`]).

use super::envelope::InterchangeHeader;
use super::isa::{self, Look};
use super::policy::Caps;
use super::scan::{Index, Marks};
use super::token::{Delimiters, Place, SetView, Span};
use std::io::{self, Read};

/// How much is asked of the source at once, and the least the buffer holds.
const CHUNK: usize = 256 << 10;
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
    Overlong(u64),
    /// Bytes outside any interchange: where they began, how many, the first of them, and what is wrong where they look like an ISA.
    Rubbish { offset: u64, length: u64, sample: Vec<u8>, why: Option<&'static str> },
    /// The end of the file.
    End,
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
    /// The cap of a segment, and whether terminators have bytes before their last.
    cap: u32,
    tailed: bool,
    /// Where the set in hand begins, if its bytes are kept.
    held: Option<u32>,
    spans: Vec<Span>,
    /// Where the segment kept last ended, its terminator included.
    kept: u32,
    /// Whether the segment read last had no terminator.
    unterminated: bool,
    /// Where an overlong segment began in the file.
    overlong: Option<u64>,
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
                let offset = self.overlong.take().unwrap_or_else(|| self.offset(self.cursor));
                self.release();
                self.stop += 1;
                self.next = last;
                self.cursor = end + 1;
                return Ok(Piece::Overlong(offset));
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
        let end = end.saturating_sub(lead);
        let before = || self.buffer.get((end as usize).wrapping_sub(1));
        if self.delimiters.segment == b'\n' && before() == Some(&b'\r') { end - 1 } else { end }
    }

    /// How many blanks and line ends that are no separators stand at the cursor.
    fn blanks(&self) -> u32 {
        let Delimiters { element, segment, .. } = self.delimiters;
        let rest = self.buffer.get(self.cursor as usize..self.filled).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_whitespace() && ![element, segment].contains(byte)).count() as u32
    }

    /// What stands after the last terminator, as a segment if it is one.
    fn last_segment(&mut self) -> io::Result<Piece> {
        if let Some(offset) = self.overlong.take() {
            self.cursor = self.filled as u32;
            return Ok(Piece::Overlong(offset));
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
            return Ok(Piece::Overlong(self.offset(start)));
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

    /// Whether an ISA that can be read begins at the cursor, blanks aside; if so, the cursor is at it.
    fn isa_ahead(&mut self) -> io::Result<bool> {
        loop {
            let blank = self.blanks();
            let bytes = self.buffer.get((self.cursor + blank) as usize..self.filled).unwrap_or_default();
            if bytes.is_empty() || !b"ISA".starts_with(bytes.get(..3).unwrap_or(bytes)) {
                return Ok(false);
            }
            match isa::look(bytes, 0, self.ended) {
                Look::Isa(_) => {
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

    /// The cap of the segment at the cursor: binary data may be as long as a set.
    fn cap_here(&self) -> u32 {
        let at = (self.cursor + self.blanks()) as usize;
        let rest = self.buffer.get(at..self.filled).unwrap_or_default();
        let set = u32::try_from(self.caps.set_bytes).unwrap_or(MAX_CAP).min(MAX_CAP);
        match binary_data(rest, self.delimiters.element) {
            Some((data, length)) if length <= u64::from(set) => (data as u32 + length as u32 + 64).max(self.cap),
            _ => self.cap,
        }
    }

    /// Gives up the segment in hand, as far as it was read: it is longer than the cap.
    fn drop_segment(&mut self) {
        let at = (self.cursor + self.blanks()) as usize;
        let there = self.buffer.get(at..self.indexed).unwrap_or_default();
        if let Some((data, length)) = binary_data(there, self.delimiters.element).filter(|_| self.overlong.is_none()) {
            self.pass = length.saturating_sub((there.len() - data) as u64);
        }
        let place = self.offset(self.cursor);
        self.overlong.get_or_insert(place);
        self.release();
        self.cursor = self.indexed as u32;
        self.index.filled = self.next as usize;
        self.index.odd.clear();
        self.odd = 0;
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

    /// Reads more into the buffer; false at the end. Moves what is still needed to the front when room runs out.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if let Some(held) = self.held
            && self.kept.saturating_sub(held) as usize > self.caps.set_bytes
        {
            self.release();
        }
        if self.buffer.len() - self.filled < CHUNK / 2 {
            self.shift();
        }
        if self.buffer.len() - self.filled < CHUNK / 2 {
            let size = (self.buffer.len() * 2).max(CHUNK);
            self.buffer.resize(size, 0);
        }
        let from = self.filled;
        // A chunk of nothing but line ends that are taken out is not the end.
        while self.filled == from && !self.ended {
            self.take_in(from)?;
        }
        Ok(self.filled > from)
    }

    /// Takes in one chunk: what was put back first, and through `raw` while lines are taken apart, so that little has to be put back
    /// where the wrapping ends.
    fn take_in(&mut self, from: usize) -> io::Result<()> {
        let Some(room) = self.buffer.get_mut(from..) else { return Ok(()) };
        if self.wrapped && self.raw_at == self.raw.len() {
            self.raw.resize(CHUNK, 0);
            let read = read_some(&mut self.source, &mut self.raw)?;
            self.raw.truncate(read);
            self.raw_at = 0;
            self.ended = read == 0;
        }
        let waiting = self.raw.get(self.raw_at..).unwrap_or_default();
        if waiting.is_empty() {
            if !self.wrapped {
                let read = read_some(&mut self.source, room)?;
                self.ended = read == 0;
                self.filled += read;
            }
            return Ok(());
        }
        let size = waiting.len().min(room.len()).min(PIECE);
        for (to, byte) in room.iter_mut().zip(waiting.iter().take(size)) {
            *to = *byte;
        }
        self.raw_at += size;
        self.filled += size;
        if self.wrapped {
            self.unwrap_lines(from);
        }
        Ok(())
    }

    /// Moves what is still needed to the front of the buffer.
    fn shift(&mut self) {
        let by = self.held.unwrap_or(self.cursor).min(self.cursor);
        if by == 0 {
            return;
        }
        self.buffer.copy_within(by as usize..self.filled, 0);
        self.filled -= by as usize;
        self.indexed = self.indexed.saturating_sub(by as usize);
        self.cursor -= by;
        let gone = self.taken.partition_point(|(at, _)| *at < by);
        self.taken.drain(..gone);
        self.base += u64::from(by) + gone as u64;
        for (at, _) in &mut self.taken {
            *at -= by;
        }
        if let Some(held) = &mut self.held {
            *held -= by;
            self.kept = self.kept.saturating_sub(by);
        }
        for span in &mut self.spans {
            span.start -= by;
        }
        if let Some(ends) = self.index.ends.get_mut(..self.index.filled) {
            ends.iter_mut().for_each(|end| *end = end.saturating_sub(by));
        }
        self.index.odd.iter_mut().for_each(|odd| *odd = odd.saturating_sub(by));
    }

    /// Takes the line ends out of the buffer from `from` on, remembering them.
    fn unwrap_lines(&mut self, from: usize) {
        let mut to = from;
        for at in from..self.filled {
            let Some(&byte) = self.buffer.get(at) else { break };
            if matches!(byte, b'\r' | b'\n') {
                self.taken.push((to as u32, byte));
            } else if let Some(slot) = self.buffer.get_mut(to) {
                *slot = byte;
                to += 1;
            }
        }
        self.filled = to;
    }

    /// Puts line ends back behind the cursor: what follows a wrapped interchange may not be wrapped.
    fn rewrap_lines(&mut self) {
        self.wrapped = false;
        let kept = self.taken.partition_point(|(at, _)| *at <= self.cursor);
        let back = self.taken.split_off(kept);
        if back.is_empty() {
            return;
        }
        let tail = self.buffer.get(self.cursor as usize..self.filled).unwrap_or_default();
        let mut lines = Vec::with_capacity(tail.len() + back.len());
        let mut from = 0;
        for (at, byte) in back {
            let to = at.saturating_sub(self.cursor) as usize;
            lines.extend_from_slice(tail.get(from..to).unwrap_or_default());
            lines.push(byte);
            from = to;
        }
        lines.extend_from_slice(tail.get(from..).unwrap_or_default());
        self.filled = self.cursor as usize + lines.len();
        if self.buffer.len() < self.filled {
            self.buffer.resize(self.filled, 0);
        }
        if let Some(room) = self.buffer.get_mut(self.cursor as usize..self.filled) {
            room.copy_from_slice(&lines);
        }
        self.indexed = self.indexed.min(self.cursor as usize);
        self.index.clear();
        (self.stop, self.odd, self.next) = (0, 0, 0);
    }

    /// Begins to take line ends out, from the ISA at the cursor on, which has `length` bytes.
    fn wrap_from(&mut self, length: usize) {
        self.wrapped = true;
        let keep = (self.cursor as usize + length).min(self.filled);
        let tail = self.buffer.get(keep..self.filled).unwrap_or_default();
        let front = self.raw_at.checked_sub(tail.len());
        if let Some(front) = front
            && let Some(room) = self.raw.get_mut(front..self.raw_at)
        {
            room.copy_from_slice(tail);
            self.raw_at = front;
        } else {
            self.raw.splice(..self.raw_at, tail.iter().copied());
            self.raw_at = 0;
        }
        self.filled = keep;
        self.unwrap_lines(self.cursor as usize);
        self.index.clear();
        (self.stop, self.odd, self.next) = (0, 0, 0);
    }

    /// Looks for the next ISA, and reports what stands before it.
    fn next_interchange(&mut self) -> io::Result<Piece> {
        let (mut offset, mut length, mut sample, mut why) = (0, 0_u64, Vec::new(), None);
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
                    Look::Isa(_) => {
                        return Ok(if length > 0 {
                            Piece::Rubbish { offset, length, sample, why }
                        } else {
                            Piece::Isa
                        });
                    }
                    Look::More => {}
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
                return Ok(if length > 0 { Piece::Rubbish { offset, length, sample, why } } else { Piece::End });
            }
        }
    }

    /// Enters the interchange whose ISA stands at the cursor; none if it cannot be read after all. `settle` sees its header and says what
    /// ISA11 is and what the caps are.
    pub(super) fn enter<T>(
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
                Look::No(_) => {
                    self.forget();
                    return Ok(None);
                }
                Look::More => {
                    self.fill()?;
                }
            }
        };
        if found.wrapped {
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
        self.tailed = marks.lead_len > 0 || delimiters.segment == b'\n';
        self.cap = u32::try_from(caps.segment_bytes).unwrap_or(MAX_CAP).min(MAX_CAP);
        Ok(Some((header, value)))
    }

    /// Leaves the interchange: its IEA was the last segment. Another with the same separators that follows at once is found without
    /// a new index.
    pub(super) fn leave(&mut self) {
        self.release();
        let at = (self.cursor + self.blanks()) as usize;
        let rest = self.buffer.get(at..self.filled).unwrap_or_default();
        if self.wrapped || !matches!(isa::look(rest, 0, self.ended), Look::Isa(_)) {
            self.forget();
        }
    }

    /// Drops the index and the separators: what follows is looked at afresh.
    pub(super) fn forget(&mut self) {
        if self.wrapped {
            self.rewrap_lines();
        }
        self.marks = None;
        self.index.clear();
        (self.stop, self.odd, self.next) = (0, 0, 0);
        self.overlong = None;
        self.indexed = self.cursor as usize;
    }

    /// Reads the data of the binary segment `span`, read last, by the length it gives.
    pub(super) fn binary(&mut self, span: Span) -> io::Result<Binary> {
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
            self.overlong = Some(self.offset(span.start));
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
        while self.filled < from - moved + length + lead + 2 {
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
    fn terminator_at(&self, rest: &[u8]) -> Option<usize> {
        let marks = self.marks?;
        if rest.is_empty() {
            return Some(0);
        }
        let lead = if marks.segment == b'\n' && rest.starts_with(b"\r") { b"\r" } else { marks.lead() };
        (rest.strip_prefix(lead)?.first() == Some(&marks.segment)).then_some(lead.len() + 1)
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

/// Reads once, whatever signals come in between.
fn read_some(source: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return Ok(read?.min(room.len())),
        }
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

#[cfg(test)]
#[path = "read_tests.rs"]
pub(super) mod tests;
