//! Undoes transfer encodings (RFC 2045 §6.7, §6.8) of bodies of any size.

use std::io;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::super::content::{Content, Scratch};

/// So much in memory is decoded at once.
const WHOLE: usize = 64 << 10;

/// What base64 stands for; `None` where the body is not base64 throughout.
pub(super) fn base64(body: &Content, scratch: &dyn Scratch) -> io::Result<Option<Content>> {
    if let Content::Memory(bytes) = body
        && bytes.len() <= WHOLE
    {
        return Ok(base64_whole(bytes));
    }
    let mut sink = scratch.begin(body.size() / 4 * 3)?;
    let mut group: Vec<u8> = Vec::new();
    let mut plain = Vec::new();
    let mut valid = true;
    let mut ended = false;
    let mut empty = true;
    body.each(|piece| {
        if !valid {
            return Ok(());
        }
        group.extend(piece.iter().filter(|byte| !byte.is_ascii_whitespace()));
        let whole = group.len() / 4 * 4;
        let ready = group.get(..whole).unwrap_or_default();
        // Nothing may follow the padding.
        if ended && !group.is_empty() {
            valid = false;
            return Ok(());
        }
        ended = ready.ends_with(b"=");
        empty &= ready.is_empty();
        plain.resize(whole / 4 * 3, 0);
        match STANDARD.decode_slice(ready, &mut plain) {
            Ok(size) => sink.write_all(plain.get(..size).unwrap_or_default())?,
            Err(_) => valid = false,
        }
        group.drain(..whole);
        Ok(())
    })?;
    if !valid || !group.is_empty() || empty {
        return Ok(None);
    }
    sink.finish().map(Some)
}

/// The same of a small body, at once.
fn base64_whole(bytes: &[u8]) -> Option<Content> {
    let mut text = Vec::with_capacity(bytes.len());
    for line in bytes.split(u8::is_ascii_whitespace) {
        text.extend_from_slice(line);
    }
    STANDARD.decode(&text).ok().filter(|plain| !plain.is_empty()).map(Content::from)
}

/// What quoted-printable stands for; what is not such an escape stays as it is.
pub(super) fn quoted_printable(body: &Content, scratch: &dyn Scratch) -> io::Result<Content> {
    let mut sink = scratch.begin(body.size())?;
    let mut held: Vec<u8> = Vec::new();
    body.each(|piece| {
        held.extend_from_slice(piece);
        // An escape that the piece's end cuts waits for the next piece.
        let keep = held.iter().rev().take(3).position(|byte| *byte == b'=').map_or(0, |back| back + 1);
        let ready = held.len() - keep;
        unescape(held.get(..ready).unwrap_or_default(), &mut *sink)?;
        held.drain(..ready);
        Ok(())
    })?;
    unescape(&held, &mut *sink)?;
    sink.finish()
}

fn unescape(mut rest: &[u8], sink: &mut dyn io::Write) -> io::Result<()> {
    while let Some(at) = memchr::memchr(b'=', rest) {
        let (before, escape) = rest.split_at(at);
        sink.write_all(before)?;
        let used = match escape {
            [_, b'\r', b'\n', ..] => 3,
            [_, b'\n', ..] => 2,
            [_, high, low, ..] => match (char::from(*high).to_digit(16), char::from(*low).to_digit(16)) {
                (Some(high), Some(low)) => {
                    sink.write_all(&[(high << 4 | low) as u8])?;
                    3
                }
                _ => 0,
            },
            _ => 0,
        };
        if used == 0 {
            sink.write_all(b"=")?;
        }
        rest = escape.get(used.max(1)..).unwrap_or_default();
    }
    sink.write_all(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::as2::content::{InMemory, stored::stored};

    fn decode(text: &[u8]) -> Option<Vec<u8>> {
        base64(&text.to_vec().into(), &InMemory).unwrap().map(|content| content.bytes(1 << 22).unwrap().to_vec())
    }

    #[test]
    fn only_what_is_base64_throughout_is_decoded() {
        assert_eq!(decode(b"aGk=\r\n").unwrap(), b"hi");
        assert_eq!(decode(b"\r\naG\nk =").unwrap(), b"hi");
        for text in [&b""[..], b"aGk", b"aGk*", b"aGk=aGk=", b"a=k=", b"ISA*"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn decoding_undoes_encoding_across_pieces(bytes in proptest::collection::vec(any::<u8>(), 1..120_000)) {
            let text = STANDARD.encode(&bytes);
            let lines: Vec<u8> = text.as_bytes().chunks(76).flat_map(|line| [line, b"\r\n"].concat()).collect();
            let decoded = base64(&stored(lines), &InMemory).unwrap().unwrap();
            prop_assert_eq!(decoded.bytes(1 << 20).unwrap().to_vec(), bytes.clone());
            let quoted: Vec<u8> = bytes.iter().flat_map(|byte| format!("={byte:02X}").into_bytes()).collect();
            let decoded = quoted_printable(&stored(quoted), &InMemory).unwrap();
            prop_assert_eq!(decoded.bytes(1 << 20).unwrap().to_vec(), bytes);
        }
    }
}
