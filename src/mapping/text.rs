//! From a partner's bytes to JSON text. No byte is dropped: what is not UTF-8 is read as Latin-1, where every byte is
//! a character.

use std::borrow::Cow;

/// How a partner writes characters beyond ASCII.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Charset {
    /// Every byte is the character of its number (ISO 8859-1).
    Latin1,
    /// UTF-8. A value that is not valid UTF-8 is read as Latin-1 instead, as a whole, and an extra says so.
    #[default]
    Utf8,
}

impl Charset {
    /// The characters of `bytes`.
    pub fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match (self, std::str::from_utf8(bytes)) {
            (Self::Utf8, Ok(text)) => Cow::Borrowed(text),
            (Self::Latin1, Ok(text)) if text.is_ascii() => Cow::Borrowed(text),
            _ => Cow::Owned(bytes.iter().map(|b| char::from(*b)).collect()),
        }
    }

    /// Whether `bytes` had to be read as Latin-1 though the partner writes UTF-8.
    pub(crate) fn fell_back(self, bytes: &[u8]) -> bool {
        self == Self::Utf8 && std::str::from_utf8(bytes).is_err()
    }
}

/// Bytes that JSON cannot hold as they are, or that are not ASCII.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte < 0x20 || byte == b'"' as usize || byte == b'\\' as usize || byte >= 0x80;
        byte += 1;
    }
    table
};

/// Writes `value` as a JSON string, quotes included.
#[inline]
pub(crate) fn write_string(value: &[u8], charset: Charset, out: &mut Vec<u8>) {
    out.push(b'"');
    write_characters(value, charset, out);
    out.push(b'"');
}

/// Writes `value` as the inside of a JSON string.
#[inline]
pub(crate) fn write_characters(value: &[u8], charset: Charset, out: &mut Vec<u8>) {
    if is_special(value) {
        escape(value, charset, out);
    } else {
        out.extend_from_slice(value);
    }
}

/// Whether any byte is special: eight at a time, then one by one.
#[inline]
fn is_special(value: &[u8]) -> bool {
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    // Whether a byte of the word is zero; a borrow may tell too much, never too little.
    let zero = |word: u64| word.wrapping_sub(LOW) & !word;
    let (words, rest) = value.as_chunks::<8>();
    let in_words = words.iter().any(|word| {
        let word = u64::from_le_bytes(*word);
        let below_blank = word.wrapping_sub(LOW * 0x20) & !word;
        let quotes = zero(word ^ (LOW * u64::from(b'"'))) | zero(word ^ (LOW * u64::from(b'\\')));
        (word | below_blank | quotes) & HIGH != 0
    });
    in_words || rest.iter().any(|byte| SPECIAL.get(usize::from(*byte)) == Some(&true))
}

#[cold]
fn escape(value: &[u8], charset: Charset, out: &mut Vec<u8>) {
    let text = charset.decode(value);
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_back(value: &[u8], charset: Charset) -> String {
        let mut out = Vec::new();
        write_string(value, charset, &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn the_charset_decides_what_bytes_mean() {
        assert_eq!(read_back("Müller – “x”".as_bytes(), Charset::Utf8), "Müller – “x”");
        assert_eq!(read_back(b"M\xFCller", Charset::Utf8), "Müller");
        assert_eq!(read_back("ü".as_bytes(), Charset::Latin1), "\u{C3}\u{BC}");
    }

    proptest! {
        #[test]
        fn latin1_keeps_every_byte(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let text = read_back(&value, Charset::Latin1);
            prop_assert_eq!(text.chars().map(|c| c as u32 as u8).collect::<Vec<_>>(), value);
        }

        #[test]
        fn utf8_keeps_every_text(value in "\\PC*|[\\x00-\\x7f]{0,20}") {
            prop_assert_eq!(read_back(value.as_bytes(), Charset::Utf8), value);
        }
    }
}
