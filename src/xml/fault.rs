//! Why a text cannot be read as XML, and where.

use crate::error::Code;

/// What is wrong, and where in the text; the first fault ends the reading.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} line {line}, column {column}: {text}")]
pub struct Fault {
    /// The stable name.
    pub code: Code,
    /// What is wrong, in one sentence.
    pub text: String,
    /// Where, in bytes of the decoded text.
    pub at: usize,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
}

impl Fault {
    /// A fault at a byte of a text.
    pub(crate) fn new(code: Code, text: impl Into<String>, whole: &str, at: usize) -> Self {
        let (line, column) = line_column(whole, at);
        Self { code, text: text.into(), at, line, column }
    }
}

/// Line and column of a byte, both from 1; columns count characters.
pub(crate) fn line_column(text: &str, at: usize) -> (u32, u32) {
    let bytes = text.as_bytes();
    let before = bytes.get(..at.min(bytes.len())).unwrap_or_default();
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    // A character has one byte that is no continuation of another.
    let column = before.get(start..).unwrap_or_default().iter().filter(|byte| **byte & 0xC0 != 0x80).count() + 1;
    (line as u32, column as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one() {
        let text = "ab\ncéd\n";
        let at = |byte| line_column(text, byte);
        assert_eq!((at(0), at(2), at(3), at(6), at(99)), ((1, 1), (1, 3), (2, 1), (2, 3), (3, 1)));
    }
}
