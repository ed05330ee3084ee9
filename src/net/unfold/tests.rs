//! Folds, what only looks like one, and streams cut anywhere.

use std::{collections::VecDeque, task::Waker};

use proptest::prelude::*;
use tokio::{io::AsyncReadExt, runtime};

use super::*;

/// What comes in pieces, after an empty one only when it is asked for again, and ends.
struct Pieces(VecDeque<Vec<u8>>);

impl AsyncRead for Pieces {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(mut piece) = self.0.pop_front() else { return Poll::Ready(Ok(())) };
        if piece.is_empty() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
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
        pieces.extend([piece.to_vec(), Vec::new()]);
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

/// The same of a text, in one piece and byte by byte.
fn text(sent: &str) -> String {
    let whole = seen(sent.as_bytes(), &[usize::MAX], 8192);
    assert_eq!(seen(sent.as_bytes(), &[1], 8192), whole);
    String::from_utf8(whole).unwrap()
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
        ("A: b\r\n transfer-encodings", "A: b   transfer-encodings"),
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
    let zeros = "0".repeat(KEPT);
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
        &format!("POST / HTTP/1.1\r\nContent-Length: {zeros}\r\n\r\n"),
        "POST / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        &format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{zeros}\r\n\r\n"),
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
fn little_is_kept_of_what_never_ends() {
    let line = "POST / HTTP/1.1\r\n";
    for (begun, more) in [
        (String::new(), "POST /"),
        (line.to_owned(), "A: b"),
        (format!("{line}A: b"), "\r\n c"),
        (format!("{line}A: b\r\n"), " "),
        (format!("{line}Transfer-Encoding: chunked\r\n\r\n"), "0"),
    ] {
        let mut unfold = Unfold::default();
        let mut bytes = format!("{begun}{}", more.repeat(10_000)).into_bytes();
        let decided = unfold.pass(&mut bytes);
        assert!(bytes.len() - decided < KEPT && unfold.line.len() <= KEPT, "{begun}");
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

#[test]
fn whoever_asks_is_given_what_is_decided_and_has_room() {
    let pieces = [&b"POST / HTTP/1.1\r"[..], b"", b"\nA: b\r\n con", b"tent\r\nB: c\r\n d\r\n"];
    let mut stream = Unfolding::new(Pieces(pieces.map(<[u8]>::to_vec).into()));
    let mut cx = Context::from_waker(Waker::noop());
    let mut bytes = [0; 100];
    let mut buffer = ReadBuf::new(&mut bytes);
    let mut read = |buffer: &mut ReadBuf<'_>| Pin::new(&mut stream).poll_read(&mut cx, buffer).is_ready();
    for (is_ready, seen) in [(true, "POST / HTTP/1.1"), (false, "POST / HTTP/1.1"), (true, "POST / HTTP/1.1\r\nA: b")] {
        assert!(read(&mut ReadBuf::new(&mut [])), "no room is no reason to wait, nor to give up");
        assert_eq!(read(&mut buffer), is_ready);
        assert_eq!(buffer.filled(), seen.as_bytes());
    }
    // Six bytes wait; there is room for four, and then for all.
    let mut bytes = [0; 4];
    let mut small = ReadBuf::new(&mut bytes);
    assert!(read(&mut small));
    assert_eq!(small.filled(), b"\r\n c");
    for seen in ["on", "tent\r\nB: c\r\n d\r\n"] {
        buffer.clear();
        assert!(read(&mut buffer));
        assert_eq!(buffer.filled(), seen.as_bytes());
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
        let blanks = rest.strip_prefix(b"\r\n").map_or(0, |after| after.iter().take_while(|b| is_blank(**b)).count());
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
