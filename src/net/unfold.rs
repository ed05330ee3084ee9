//! Header fields that come folded over several lines, as older mail libraries write them: made into one line before hyper
//! sees them, which would refuse them (RFC 9112 §5.2 allows either).
//!
//! Only the heads of `POST` requests are touched, byte for byte in place: that is what AS2 products send, and any other
//! request begins a connection's untouched rest, as does whatever is not perfectly plain. Where bodies begin and end is
//! followed by the framing alone, and a fold near the framing is left for hyper to refuse: a proxy before us may have read
//! it another way.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use memchr::{memchr, memchr2};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection whose requests have their header fields each on one line.
#[derive(Debug)]
pub(super) struct Unfolding<S> {
    stream: S,
    unfold: Unfold,
    /// What came last and waits for the byte that decides about it: part of a line's end, never the end of a head.
    held: Vec<u8>,
}

impl<S> Unfolding<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, unfold: Unfold::default(), held: Vec::new() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unfolding<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, unfold, held } = self.get_mut();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if held.is_empty() && unfold.place == Place::Untouched {
            return Pin::new(stream).poll_read(cx, buffer);
        }
        let start = buffer.filled().len();
        loop {
            if unfold.place == Place::Untouched || buffer.remaining() <= held.len() {
                // Without room to look further nothing is unfolded. Hyper's buffers have it.
                unfold.place = Place::Untouched;
                let some: Vec<u8> = held.drain(..held.len().min(buffer.remaining())).collect();
                buffer.put_slice(&some);
                return Poll::Ready(Ok(()));
            }
            buffer.put_slice(held);
            let known = buffer.filled().len();
            let read = Pin::new(&mut *stream).poll_read(cx, buffer);
            if !matches!(read, Poll::Ready(Ok(()))) {
                buffer.set_filled(start);
                return read;
            }
            let is_over = buffer.filled().len() == known;
            held.clear();
            if is_over {
                unfold.place = Place::Untouched;
                return read;
            }
            let come = buffer.filled_mut().get_mut(start..).unwrap_or_default();
            let decided = unfold.pass(come);
            held.extend_from_slice(come.get(decided..).unwrap_or_default());
            buffer.set_filled(start + decided);
            // Nothing at all would mean the end to whoever reads.
            if decided > 0 {
                return read;
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unfolding<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Fields that decide where a message ends and whose it is: never unfolded, and nothing is that begins like them.
const FRAMING: [&str; 3] = ["content-length", "transfer-encoding", "host"];
/// The longest of them.
const LONGEST: usize = 17;
/// A line begins with more blanks than that for no honest reason.
const BLANKS: usize = 32;
/// So much of a line's beginning is enough to know what it is.
const KEPT: usize = 64;

/// Where in a connection's requests we are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    RequestLine,
    Fields,
    /// So many bytes to go, of a whole body or of a chunk with the line end after it.
    Body {
        left: u64,
        is_chunk: bool,
    },
    ChunkSize,
    Trailers,
    /// Whatever comes is somebody else's to judge.
    Untouched,
}

/// How a request's body comes, as far as its fields were read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Framing {
    #[default]
    None,
    Length(u64),
    Chunked,
}

/// What is known of a connection's bytes so far.
#[derive(Debug, Default)]
struct Unfold {
    place: Place,
    framing: Framing,
    /// The beginning of the line that has begun.
    line: Vec<u8>,
}

impl Unfold {
    /// Unfolds what is folded in `bytes` and tells how many of them are decided; the few others have to come again, in
    /// front of what comes next.
    fn pass(&mut self, bytes: &mut [u8]) -> usize {
        let mut decided = 0;
        while let Some(rest) = bytes.get_mut(decided..).filter(|rest| !rest.is_empty()) {
            decided += match self.place {
                Place::Untouched => rest.len(),
                Place::Body { left, is_chunk } => self.skip(rest.len(), left, is_chunk),
                Place::RequestLine | Place::Fields | Place::ChunkSize | Place::Trailers => match self.read(rest) {
                    0 => break,
                    read => read,
                },
            };
        }
        decided
    }

    fn skip(&mut self, come: usize, left: u64, is_chunk: bool) -> usize {
        let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(come);
        self.place = match left.saturating_sub(skipped as u64) {
            0 if is_chunk => Place::ChunkSize,
            0 => Place::RequestLine,
            left => Place::Body { left, is_chunk },
        };
        skipped
    }

    /// Reads to the end of a line's text, or over its end; nothing where more has to come.
    fn read(&mut self, rest: &mut [u8]) -> usize {
        let text = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        if text > 0 {
            let room = KEPT.saturating_sub(self.line.len());
            self.line.extend_from_slice(rest.get(..text.min(room)).unwrap_or_default());
            return text;
        }
        let next = match &*rest {
            [b'\r'] => return 0,
            [b'\r', b'\n', next @ ..] => next,
            _ => return self.leave(rest.len()),
        };
        if self.place == Place::Fields && !self.line.is_empty() {
            match Next::of(next) {
                Next::Line => {}
                Next::Unknown => return 0,
                Next::Fold { blanks } if self.may_be_folded() => {
                    let fold = 2 + blanks;
                    rest.iter_mut().take(fold).for_each(|byte| *byte = b' ');
                    return fold;
                }
                Next::Fold { .. } | Next::Refused => return self.leave(rest.len()),
            }
        }
        self.place = self.after_line();
        self.line.clear();
        2
    }

    fn leave(&mut self, come: usize) -> usize {
        self.place = Place::Untouched;
        come
    }

    fn may_be_folded(&self) -> bool {
        let is_plain = |name: &[u8]| name.iter().all(|byte| is_token(*byte)) && !is_framing(name);
        field_name(&self.line).is_some_and(is_plain)
    }

    fn after_line(&mut self) -> Place {
        match self.place {
            // Empty lines before a request are nothing.
            Place::RequestLine if self.line.is_empty() => Place::RequestLine,
            Place::RequestLine if self.line.starts_with(b"POST ") => {
                self.framing = Framing::None;
                Place::Fields
            }
            Place::Fields if self.line.is_empty() => match self.framing {
                Framing::None => Place::RequestLine,
                Framing::Length(left) => Place::Body { left, is_chunk: false },
                Framing::Chunked => Place::ChunkSize,
            },
            Place::Fields => match framing(&self.line, self.framing) {
                Some(framing) => {
                    self.framing = framing;
                    Place::Fields
                }
                None => Place::Untouched,
            },
            Place::ChunkSize => match chunk_size(&self.line) {
                Some(0) => Place::Trailers,
                // With the line end after it, which is hyper's to check.
                Some(size) => Place::Body { left: size.saturating_add(2), is_chunk: true },
                None => Place::Untouched,
            },
            Place::Trailers if self.line.is_empty() => Place::RequestLine,
            Place::Trailers => Place::Trailers,
            Place::RequestLine | Place::Body { .. } | Place::Untouched => Place::Untouched,
        }
    }
}

/// What follows the end of a header field's line.
enum Next {
    /// Another line.
    Line,
    /// After so many blanks the same field goes on.
    Fold { blanks: usize },
    /// Something that two readers may take for two things: nothing but blanks, or what looks like a framing field.
    Refused,
    /// More has to come.
    Unknown,
}

impl Next {
    fn of(next: &[u8]) -> Self {
        if next.first().is_some_and(|byte| !is_blank(*byte)) {
            return Self::Line;
        }
        let blanks = next.iter().take_while(|byte| is_blank(**byte)).count();
        let text = next.get(blanks..).unwrap_or_default();
        let length = text.iter().take_while(|byte| is_token(**byte)).count();
        let word = text.get(..length).unwrap_or_default();
        match text.first() {
            _ if blanks > BLANKS => Self::Refused,
            Some(b'\r' | b'\n') => Self::Refused,
            None => Self::Unknown,
            Some(_) if word.len() == text.len() && word.len() <= LONGEST => Self::Unknown,
            Some(_) if is_framing(word) => Self::Refused,
            Some(_) => Self::Fold { blanks },
        }
    }
}

/// What stands before a field's colon, if it begins like a name; whether it is one is hyper's to say.
fn field_name(line: &[u8]) -> Option<&[u8]> {
    line.get(..memchr(b':', line)?).filter(|name| name.first().is_some_and(|byte| is_token(*byte)))
}

fn is_framing(name: &[u8]) -> bool {
    FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing.as_bytes()))
}

/// The framing with one more field, while it is plain.
fn framing(line: &[u8], so_far: Framing) -> Option<Framing> {
    let name = field_name(line)?;
    let value = line.get(name.len() + 1..)?.trim_ascii();
    let is_whole_and_first = line.len() < KEPT && so_far == Framing::None;
    if name.eq_ignore_ascii_case(b"content-length") {
        return number(value, 10).filter(|_| is_whole_and_first).map(Framing::Length);
    }
    if name.eq_ignore_ascii_case(b"transfer-encoding") {
        return (is_whole_and_first && value.eq_ignore_ascii_case(b"chunked")).then_some(Framing::Chunked);
    }
    (!name.eq_ignore_ascii_case(b"upgrade")).then_some(so_far)
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let size = match memchr(b';', line) {
        Some(extension) => line.get(..extension)?,
        None if line.len() < KEPT => line,
        None => return None,
    };
    number(size.trim_ascii_end(), 16)
}

/// Digits and nothing else.
fn number(digits: &[u8], radix: u32) -> Option<u64> {
    let is_digits = digits.iter().all(|digit| char::from(*digit).is_digit(radix));
    is_digits.then(|| u64::from_str_radix(str::from_utf8(digits).ok()?, radix).ok()).flatten()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests;
