//! What kind of document a body holds, from its first bytes; names and media types are only claims.

/// The formats that can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// ASC X12: begins with ISA.
    X12,
    /// Any XML.
    Xml,
    /// UN/EDIFACT: begins with UNA or UNB.
    Edifact,
    /// JSON.
    Json,
    /// Nothing at all.
    Empty,
    /// None of these.
    Unknown,
}

/// How many bytes [`detect`] wants to see; fewer are fine.
pub const DETECT_BYTES: usize = 4096;

/// Tells the format from the first bytes of a body. A byte-order mark and blanks in front do not matter, nor does a
/// little rubbish before an ISA: some mailboxes write a line of their own.
pub fn detect(start: &[u8]) -> Format {
    // UTF-16 is only met in XML: X12 has no such thing.
    if let [0xFF, 0xFE, b'<', 0, ..] | [0xFE, 0xFF, 0, b'<', ..] | [b'<', 0, ..] | [0, b'<', ..] = start {
        return Format::Xml;
    }
    let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start();
    match text {
        [] => Format::Empty,
        [b'I', b'S', b'A', ..] => Format::X12,
        [b'<', ..] => Format::Xml,
        [b'U', b'N', b'A' | b'B', ..] => Format::Edifact,
        [b'{' | b'[', ..] => Format::Json,
        _ if memchr::memmem::find(text, b"\nISA").is_some() => Format::X12,
        _ => Format::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        for (start, format) in [
            (&b"ISA*00*"[..], Format::X12),
            (b"\xEF\xBB\xBF \r\nISA~00~", Format::X12),
            (b"$$ADD ID=X\nISA*00", Format::X12),
            (b"<?xml version='1.0'?><Order/>", Format::Xml),
            (b"\xEF\xBB\xBF<Order/>", Format::Xml),
            (b"\xFF\xFE<\0O\0", Format::Xml),
            (b"\xFE\xFF\0<\0O", Format::Xml),
            (b"UNA:+.? 'UNB+", Format::Edifact),
            (b"  {\"a\":1}", Format::Json),
            (b"", Format::Empty),
            (b" \r\n\t", Format::Empty),
            (b"\xFF\xFEI\0S\0A\0", Format::Unknown),
            (b"Dear Sirs,", Format::Unknown),
        ] {
            assert_eq!(detect(start), format, "{}", String::from_utf8_lossy(start));
        }
    }
}
