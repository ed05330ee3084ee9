//! From bytes to text: UTF-8, UTF-16 by its byte-order mark, US-ASCII and ISO-8859-1 by declaration (XML 1.0, §4.3.3 and
//! appendix F). Where a byte of the text stood in the file is kept track of, since bytes are what is stored.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use std::borrow::Cow;

use super::{codes, fault::Fault};

/// A file as text.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    text: Cow<'a, str>,
    written: Written,
    /// How long the byte-order mark is.
    mark: usize,
}

/// How the text is written in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Utf8,
    Utf16,
    Latin1,
}

impl<'a> Source<'a> {
    /// Decodes a file.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let source = match bytes {
            [0xEF, 0xBB, 0xBF, rest @ ..] => Self { text: utf8(rest)?, written: Written::Utf8, mark: 3 },
            [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes, 2)?,
            [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes, 2)?,
            [b'<', 0, ..] => utf16(bytes, u16::from_le_bytes, 0)?,
            [0, b'<', ..] => utf16(bytes, u16::from_be_bytes, 0)?,
            _ => by_declaration(bytes)?,
        };
        match source.text.bytes().position(|byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) {
            Some(at) => {
                let byte = source.text.as_bytes().get(at).copied().unwrap_or_default();
                let text = format!("there is a control character (number {byte}) in it");
                Err(Fault::new(codes::CHARACTER, text, &source.text, at))
            }
            None => Ok(source),
        }
    }

    /// The text, without a byte-order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a byte of the text stands in the file.
    pub fn offset(&self, at: usize) -> u64 {
        let before = || self.text.get(..at).unwrap_or(&self.text);
        let own = match self.written {
            Written::Utf8 => at.min(self.text.len()),
            Written::Latin1 => before().chars().count(),
            Written::Utf16 => before().chars().map(|c| 2 * c.len_utf16()).sum(),
        };
        (self.mark + own) as u64
    }

    /// Line and column of a byte of the text.
    pub fn line_column(&self, at: usize) -> (u32, u32) {
        super::fault::line_column(&self.text, at)
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => {
            let at = error.valid_up_to();
            let before = String::from_utf8_lossy(bytes.get(..at).unwrap_or_default());
            Err(Fault::new(codes::ENCODING, format!("byte {at} is not UTF-8"), &before, at))
        }
    }
}

fn utf16<'a>(bytes: &'a [u8], unit: fn([u8; 2]) -> u16, mark: usize) -> Result<Source<'a>, Fault> {
    let (units, odd) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    for character in char::decode_utf16(units.iter().map(|pair| unit(*pair))) {
        match character {
            Ok(character) => text.push(character),
            Err(_) => return Err(Fault::new(codes::ENCODING, "half of a UTF-16 pair is missing", &text, text.len())),
        }
    }
    if !odd.is_empty() {
        return Err(Fault::new(
            codes::ENCODING,
            "the file ends in the middle of a UTF-16 character",
            &text,
            text.len(),
        ));
    }
    Ok(Source { text: Cow::Owned(text), written: Written::Utf16, mark })
}

fn by_declaration(bytes: &[u8]) -> Result<Source<'_>, Fault> {
    let declared = declared(bytes).unwrap_or_default();
    match declared.as_str() {
        "" | "utf-8" | "utf8" => Ok(Source { text: utf8(bytes)?, written: Written::Utf8, mark: 0 }),
        "us-ascii" | "ascii" => match bytes.iter().position(|byte| !byte.is_ascii()) {
            None => Ok(Source { text: utf8(bytes)?, written: Written::Utf8, mark: 0 }),
            Some(at) => {
                let before = String::from_utf8_lossy(bytes.get(..at).unwrap_or_default());
                Err(Fault::new(codes::ENCODING, format!("byte {at} is not US-ASCII"), &before, at))
            }
        },
        "iso-8859-1" | "latin1" => {
            let text = bytes.iter().map(|byte| char::from(*byte)).collect();
            Ok(Source { text: Cow::Owned(text), written: Written::Latin1, mark: 0 })
        }
        other => Err(Fault::new(codes::ENCODING, format!("the encoding `{other}` is not read; UTF-8 is"), "", 0)),
    }
}

/// The encoding that the first line names, in small letters.
fn declared(bytes: &[u8]) -> Option<String> {
    let start = bytes.get(..bytes.len().min(256))?;
    let end = memchr::memmem::find(start, b"?>")?;
    let line = start.get(..end)?.strip_prefix(b"<?xml")?;
    let at = memchr::memmem::find(line, b"encoding")?;
    let value = line.get(at + b"encoding".len()..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first()?;
    let name = value.split(|byte| byte == quote).next()?;
    (*quote == b'"' || *quote == b'\'').then(|| String::from_utf8_lossy(name).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16_bytes(text: &str, big: bool) -> Vec<u8> {
        let unit = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(unit).collect()
    }

    #[test]
    fn every_encoding_comes_to_the_same_text_and_knows_its_bytes() {
        let text = "<a>é𝄞x</a>";
        let x = text.find('x').expect("it is there");
        for (bytes, offset) in [
            (text.as_bytes().to_vec(), 9),
            ([b"\xEF\xBB\xBF", text.as_bytes()].concat(), 12),
            (utf16_bytes(text, false), 14),
            (utf16_bytes(text, true), 14),
        ] {
            let source = Source::read(&bytes).expect("it can be read");
            assert_eq!((source.text(), source.offset(x)), (text, offset));
        }
        let latin = Source::read(b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE9x</a>").expect("it can be read");
        let x = latin.text().find("x<").expect("it is there");
        assert!(latin.text().ends_with("<a>éx</a>"));
        assert_eq!((x, latin.offset(x)), (48, 47));
    }

    #[test]
    fn what_cannot_be_decoded_is_told() {
        let read = |bytes: &[u8]| Source::read(bytes).expect_err("it is wrong").to_string();
        assert_eq!(read(b"<a>\n\xE9</a>"), "XML-0102 line 2, column 1: byte 4 is not UTF-8");
        assert!(read(b"<?xml version='1.0' encoding='EBCDIC'?><a/>").contains("`ebcdic`"));
        assert!(read(b"<?xml encoding=\"us-ascii\"?><a>\xE9</a>").contains("US-ASCII"));
        assert!(read(b"\xFF\xFE<\0\x00\xD8").contains("half of a UTF-16 pair"));
        assert!(read(b"<a>\x01</a>").starts_with("XML-0103"));
    }
}
