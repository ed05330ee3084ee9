//! How bytes come into the reader's buffer: in chunks of any size, moved to the front when room runs out, and without the line ends
//! of files that were wrapped into lines.

use super::{CHUNK, PIECE, Reader};
use std::io::{self, Read};

impl<R: Read> Reader<R> {
    /// Reads more into the buffer; false at the end. Moves what is still needed to the front when room runs out.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if let Some(held) = self.held
            && self.kept.saturating_sub(held) as usize > self.caps.set_bytes
        {
            self.release();
        }
        if self.buffer.len() - self.filled < self.chunk / 2 {
            self.shift();
        }
        if self.buffer.len() - self.filled < self.chunk / 2 {
            let size = (self.buffer.len() * 3 / 2).max(self.filled + self.chunk);
            self.buffer.resize(size, 0);
            self.chunk = (self.chunk * 2).min(CHUNK);
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
    pub(super) fn take_in(&mut self, from: usize) -> io::Result<()> {
        let Some(room) = self.buffer.get_mut(from..) else { return Ok(()) };
        if self.wrapped && self.raw_at == self.raw.len() {
            self.raw.resize(self.chunk, 0);
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
    pub(super) fn shift(&mut self) {
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
    pub(super) fn unwrap_lines(&mut self, from: usize) {
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
    pub(super) fn rewrap_lines(&mut self) {
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
    pub(super) fn wrap_from(&mut self, length: usize) {
        self.wrapped = true;
        // What is put back is still to come, wherever the source is.
        self.ended = false;
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
