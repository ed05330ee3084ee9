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
            if buffer.remaining() <= held.len() {
                // No room to look further. Hyper's buffers have it; whoever has not does without.
                unfold.place = Place::Untouched;
                let some: Vec<u8> = held.drain(..buffer.remaining()).collect();
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
            self.line.extend(rest.iter().take(text.min(room)));
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
        field_name(&self.line).is_some_and(|name| !is_framing(name))
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
                Framing::None | Framing::Length(0) => Place::RequestLine,
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
        let blanks = next.iter().take_while(|byte| is_blank(**byte)).count();
        let text = next.get(blanks..).unwrap_or_default();
        let length = text.iter().take_while(|byte| is_token(**byte)).count();
        let word = text.get(..length).unwrap_or_default();
        match text.first() {
            Some(_) if blanks == 0 => Self::Line,
            _ if blanks > BLANKS => Self::Refused,
            Some(b'\r' | b'\n') => Self::Refused,
            None => Self::Unknown,
            Some(_) if word.len() == text.len() && word.len() <= LONGEST => Self::Unknown,
            Some(_) if is_framing(word) => Self::Refused,
            Some(_) => Self::Fold { blanks },
        }
    }
}

/// The name of the field that a line begins with.
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let name = line.get(..memchr(b':', line)?)?;
    (!name.is_empty() && name.iter().all(|byte| is_token(*byte))).then_some(name)
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
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;
    use tokio::{io::AsyncReadExt, runtime};

    use super::*;

    /// What comes in pieces, and ends.
    struct Pieces(VecDeque<Vec<u8>>);

    impl AsyncRead for Pieces {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let Some(mut piece) = self.0.pop_front() else { return Poll::Ready(Ok(())) };
            let rest = piece.split_off(piece.len().min(buffer.remaining()));
            buffer.put_slice(&piece);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
            Poll::Ready(Ok(()))
        }
    }

    /// What hyper sees of `sent`, which comes in pieces of these sizes, over and over, and is read into so much room.
    fn seen(sent: &[u8], sizes: &[usize], room: usize) -> Vec<u8> {
        let (mut pieces, mut rest, mut sizes) = (VecDeque::new(), sent, sizes.iter().cycle());
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            pieces.push_back(piece.to_vec());
            rest = more;
        }
        let mut stream = Unfolding::new(Pieces(pieces));
        let (mut seen, mut buffer) = (Vec::new(), vec![0; room]);
        let reading = async {
            loop {
                match stream.read(&mut buffer).await.unwrap() {
                    0 => return,
                    read => seen.extend_from_slice(&buffer[..read]),
                }
            }
        };
        runtime::Builder::new_current_thread().build().unwrap().block_on(reading);
        seen
    }

    fn text(sent: &str) -> String {
        String::from_utf8(seen(sent.as_bytes(), &[usize::MAX], 8192)).unwrap()
    }

    /// A head of one folded field, and what is seen of it.
    fn head(field: &str) -> (String, String) {
        let head = format!("POST /as2 HTTP/1.1\r\nHost: here\r\n{field}\r\nContent-Length: 0\r\n\r\n");
        (head.clone(), text(&head))
    }

    #[test]
    fn a_folded_field_is_one_line_of_the_same_length() {
        for (folded, unfolded) in [
            ("A: b;\r\n c", "A: b;   c"),
            ("A: b;\r\n\tc", "A: b;   c"),
            ("A: b \r\n \t c\r\n\td\r\n e", "A: b      c   d   e"),
            ("A:\r\n b", "A:   b"),
            ("A: b\r\n c: d", "A: b   c: d"),
            ("A: b\r\n Hosts: d", "A: b   Hosts: d"),
            ("A: b\r\n lengthy-words-are-no-framing", "A: b   lengthy-words-are-no-framing"),
        ] {
            let (sent, seen) = head(folded);
            assert_eq!(seen, sent.replace(folded, unfolded));
        }
    }

    #[test]
    fn what_is_not_plain_is_left_for_hyper_to_refuse() {
        let many = format!("A: b\r\n{}c", " ".repeat(BLANKS + 1));
        for odd in [
            "Content-Length: 1\r\n 2",
            "content-length:\r\n 2",
            "Transfer-Encoding:\r\n\tchunked",
            "HOST: a\r\n b",
            "A: b\r\n Content-Length: 5",
            "A: b\r\n\ttransfer-encoding : chunked",
            "A: b\r\n host:x",
            "A: b\r\n \r\nC: d",
            "A: b\r\n ",
            "A : b\r\n c",
            "A\r\n : b",
            ": b\r\n c",
            "A: b\n c",
            "A: b\r c\r\n d",
            "A: b\r\n\r\n c",
            &many,
        ] {
            let (sent, seen) = head(odd);
            assert_eq!(seen, sent);
        }
    }

    #[test]
    fn after_what_is_not_plain_nothing_is_touched() {
        let post = "POST / HTTP/1.1\r\nA: b\r\n c\r\n";
        for odd in [
            "GET / HTTP/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "post / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\n B: c\r\n\r\n",
            "POST / HTTP/1.1\nB: c\r\n\r\n",
            "POST / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: +0\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 0, 0\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: \r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n",
        ] {
            let sent = format!("{odd}{post}Content-Length: 0\r\n\r\n{post}");
            assert_eq!(text(&sent), sent);
        }
    }

    #[test]
    fn bodies_pass_as_they_are_and_the_next_head_is_found() {
        let fold = "A: b\r\n c";
        let body = format!("POST / HTTP/1.1\r\n{fold}\r\n\r\n\r\n x");
        let length = body.len();
        for body in [
            format!("Content-Length: {length}\r\n\r\n{body}"),
            format!("transfer-encoding:CHUNKED\r\n\r\n{length:X} ; a=\"b\"\r\n{body}\r\n00\r\nT: u\r\n v\r\n\r\n"),
        ] {
            let one = format!("POST / HTTP/1.1\r\n{fold}\r\n{body}\r\n");
            let seen = one.replacen(fold, "A: b   c", 1);
            assert_ne!(seen, one);
            assert_eq!(text(&one.repeat(3)), seen.repeat(3));
        }
    }

    /// Whoever sent a head may wait for an answer to it, or to be told to go on.
    #[test]
    fn the_end_of_a_head_is_never_held_back() {
        let head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nA: b;\r\n\tc\r\nContent-Length: 9\r\n\r\n";
        for cut in 0..=head.len() {
            let mut unfold = Unfold::default();
            let mut first = head[..cut].to_vec();
            let decided = unfold.pass(&mut first);
            let mut second = [&first[decided..], &head[cut..]].concat();
            assert_eq!(unfold.pass(&mut second), second.len());
            assert_eq!(unfold.place, Place::Body { left: 9, is_chunk: false });
        }
    }

    #[test]
    fn an_end_in_the_middle_and_a_reader_without_room_get_every_byte() {
        let head = "POST / HTTP/1.1\r\nA: b;\r\n\tcontent";
        for length in 0..=head.len() {
            let sent = &head.as_bytes()[..length];
            assert_eq!(seen(sent, &[1], 100), sent);
            assert_eq!(seen(sent, &[1], 3), sent);
        }
    }

    /// What matters to whoever reads heads and bodies, in any order.
    fn soup() -> impl Strategy<Value = Vec<u8>> {
        let known = [
            "POST / HTTP/1.1\r\n",
            "GET / HTTP/1.1\r\n",
            "A: b",
            "Content-Length: 7",
            "Transfer-Encoding: chunked",
            "content-length",
            "host",
            "\r\n",
            "\r\n\r\n",
            "\r\n ",
            "\r\n\t",
            "\r",
            "\n",
            " ",
            ":",
            ";",
            "0",
            "7",
            "seven b",
            "a",
        ];
        let pieces = proptest::collection::vec(proptest::sample::select(known.to_vec()), 0..40);
        pieces.prop_map(|pieces| format!("POST / HTTP/1.1\r\n{}", pieces.concat()).into_bytes())
    }

    fn sizes() -> impl Strategy<Value = Vec<usize>> {
        proptest::collection::vec(1_usize..30, 1..20)
    }

    /// The same with whatever looks like a fold as blanks, wherever it is.
    fn flat(bytes: &[u8]) -> Vec<u8> {
        let (mut flat, mut rest) = (Vec::new(), bytes);
        while let [first, next @ ..] = rest {
            let blanks =
                rest.strip_prefix(b"\r\n").map_or(0, |after| after.iter().take_while(|b| is_blank(**b)).count());
            if blanks > 0 {
                flat.resize(flat.len() + 2 + blanks, b' ');
                rest = &rest[2 + blanks..];
            } else {
                flat.push(*first);
                rest = next;
            }
        }
        flat
    }

    /// One request as it is sent and as it is to be seen.
    fn request() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let field = ("[A-Z][a-z-]{0,9}x", proptest::collection::vec(("[a-z;=\"]{1,20}", "[ \t]{1,9}"), 1..5));
        let fields = proptest::collection::vec((field, any::<bool>()), 0..6);
        let body = "[a-c\r\n :]{0,60}";
        (fields, body, proptest::option::of(1_usize..20)).prop_map(|(fields, body, chunk)| {
            let mut sent = "POST /as2 HTTP/1.1\r\nHost: here\r\n".to_owned();
            let mut seen = sent.clone();
            for ((name, parts), is_folded) in fields {
                for text in [&mut sent, &mut seen] {
                    *text += &format!("{name}:");
                }
                for (word, blanks) in parts {
                    let unfolded = " ".repeat(2 + blanks.len());
                    let folded = if is_folded { format!("\r\n{blanks}") } else { unfolded.clone() };
                    sent += &format!("{folded}{word}");
                    seen += &format!("{unfolded}{word}");
                }
                sent += "\r\n";
                seen += "\r\n";
            }
            let rest = match chunk {
                None => format!("Content-Length: {}\r\n\r\n{body}", body.len()),
                Some(size) => {
                    let chunks = body.as_bytes().chunks(size).map(|chunk| str::from_utf8(chunk).unwrap());
                    let chunks: String = chunks.map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
                    format!("Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
                }
            };
            ((sent + &rest).into_bytes(), (seen + &rest).into_bytes())
        })
    }

    proptest! {
        #[test]
        fn requests_in_any_pieces_are_unfolded_and_nothing_else(
            requests in proptest::collection::vec(request(), 1..5),
            sizes in sizes(),
        ) {
            let (sent, expected): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
            prop_assert_eq!(seen(&sent.concat(), &sizes, 100), expected.concat());
        }

        #[test]
        fn whatever_comes_is_seen_the_same_in_any_pieces(sent in soup(), sizes in sizes()) {
            let whole = seen(&sent, &[usize::MAX], 8192);
            prop_assert_eq!(&seen(&sent, &sizes, 100), &whole);
            // And only folds are changed, each to so many blanks.
            prop_assert_eq!(flat(&whole), flat(&sent));
        }
    }
}
