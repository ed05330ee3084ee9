//! Finding and reading an ISA: the one segment whose separators are not known before.
//!
//! The element separator is the fourth byte; the ISA ends sixteen separators later, after ISA16 and the terminator, whether or
//! not it is 106 bytes long: real ones are short, long, trimmed or broken into lines (X12.5, and what partners send).

use super::envelope::{InterchangeHeader, PartyId, text};
use super::token::Delimiters;

/// How far an ISA may reach before it is none.
pub(super) const REACH: usize = 1024;

/// What stands where an ISA may begin.
pub(super) enum Look {
    /// An ISA.
    Isa(Box<Isa>),
    /// Perhaps: more bytes are needed to tell.
    More,
    /// None that can be read, and why if it looks like one.
    No(&'static str),
}

/// An ISA as found.
pub(super) struct Isa {
    pub(super) header: InterchangeHeader,
    /// Bytes up to and with the terminator.
    pub(super) length: usize,
    /// Whether line ends break it, which then break the rest too.
    pub(super) wrapped: bool,
}

/// Looks for an ISA at the start of `bytes`, which lie at `offset` in the file; `whole` when no more bytes will come.
pub(super) fn look(bytes: &[u8], offset: u64, whole: bool) -> Look {
    let whole = whole || bytes.len() >= REACH;
    let bytes = bytes.get(..REACH).unwrap_or(bytes);
    match find(bytes, offset) {
        Err(None) if !whole => Look::More,
        Err(None) => Look::No("it breaks off before its sixteenth element"),
        Err(Some(why)) => Look::No(why),
        Ok(isa) if isa.length == bytes.len() && !whole && isa.header.delimiters.segment == b'\r' => Look::More,
        Ok(isa) => Look::Isa(isa),
    }
}

/// Whether the file is broken into lines of one width that is more than the ISA's, so that the ISA itself is whole: `bytes` begin with
/// an ISA of `length` bytes and reach to [`REACH`] or to the end of the file. Lines that end behind terminators only are segments.
pub(super) fn is_wrapped_wide(bytes: &[u8], length: usize, segment: u8) -> bool {
    let bytes = bytes.get(..REACH).unwrap_or(bytes);
    if matches!(segment, b'\r' | b'\n') {
        return false;
    }
    let (mut widths, mut inside) = ([0_usize; 2], false);
    let (mut start, mut lines) = (0, 0);
    while let Some(found) = bytes.get(start..).and_then(|rest| memchr::memchr2(b'\r', b'\n', rest)) {
        let end = start + found;
        if end < length {
            return false;
        }
        // The first line may begin before this ISA; all others are as long as the second.
        match lines {
            0 | 1 => {
                if let Some(width) = widths.get_mut(lines) {
                    *width = found;
                }
            }
            _ if widths.get(1) == Some(&found) => {}
            // What was wrapped ends with a shorter line.
            _ if widths.get(1) > Some(&found) && bytes.get(end.wrapping_sub(1)) == Some(&segment) => break,
            _ => return false,
        }
        inside |= bytes.get(end.wrapping_sub(1)) != Some(&segment);
        lines += 1;
        start = end + if bytes.get(end..end + 2) == Some(b"\r\n") { 2 } else { 1 };
    }
    let [first, width] = widths;
    inside && ((lines >= 2 && first == width) || (lines >= 3 && first < width))
}

/// The ISA, or why not; `None` for why when the bytes ended too early.
fn find(bytes: &[u8], offset: u64) -> Result<Box<Isa>, Option<&'static str>> {
    let (tag, rest) = bytes.split_at_checked(3).ok_or(None)?;
    if tag != b"ISA" {
        return Err(Some(""));
    }
    let element = *rest.first().ok_or(None)?;
    if element.is_ascii_alphanumeric() || matches!(element, b' ' | b'\r' | b'\n') {
        return Err(Some(""));
    }
    let last = bytes.iter().enumerate().filter(|(_, byte)| **byte == element).nth(15).map(|(at, _)| at);
    let last = last.ok_or(None)?;
    let head = bytes.get(..last).ok_or(None)?;
    let wrapped = head.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
    let mut at = last + 1;
    let lines = |mut at: usize| {
        while wrapped && matches!(bytes.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        at
    };
    at = lines(at);
    let (component, width) = character(bytes, at)?;
    at = lines(at + width);
    // Some write a blank before each terminator.
    while bytes.get(at) == Some(&b' ') {
        at += 1;
    }
    let (mut segment, mut width) = character(bytes, at)?;
    if segment == b'\r' && bytes.get(at + 1) == Some(&b'\n') {
        (segment, width) = (b'\n', 2);
    }
    if segment.is_ascii_alphanumeric() || segment == element {
        return Err(Some("what stands where its terminator should be is a letter, a digit or its own separator"));
    }
    let terminator = bytes.get(at..at + width).ok_or(None)?.to_vec();
    let fields: Vec<&[u8]> = head.split(|byte| *byte == element).collect();
    let field = |number: usize| {
        let raw = fields.get(number).copied().unwrap_or_default();
        text(raw).replace(['\r', '\n'], "").trim().to_owned()
    };
    let (version, usage) = (field(12), field(15));
    if version.len() > 5 || field(14).len() > 1 || usage.len() > 1 {
        return Err(Some("its elements are not those of an ISA"));
    }
    let delimiters = Delimiters {
        element,
        // A letter is no separator; the element separator never stands inside an element, so nothing is split.
        component: if component.is_ascii_alphanumeric() { element } else { component },
        repetition: None,
        segment,
    };
    let header = InterchangeHeader {
        sender: PartyId { qualifier: field(5), id: field(6) },
        receiver: PartyId { qualifier: field(7), id: field(8) },
        control_number: field(13),
        version,
        usage: usage.bytes().next().unwrap_or(b' '),
        ack_requested: field(14) == "1",
        date: field(9),
        time: field(10),
        delimiters,
        terminator,
        offset,
        bytes: bytes.get(..at).unwrap_or_default().to_vec(),
    };
    // Line ends that are the terminator's own are no wrapping.
    Ok(Box::new(Isa { wrapped: wrapped && segment != b'\n' && segment != b'\r', header, length: at + width }))
}

/// The last byte and the width of the character at `at`: more than one byte only where they are UTF-8.
fn character(bytes: &[u8], at: usize) -> Result<(u8, usize), Option<&'static str>> {
    let first = *bytes.get(at).ok_or(None)?;
    let width = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Ok((first, 1)),
    };
    let Some(encoded) = bytes.get(at..at + width) else {
        // Too early to tell, unless what there is already is no UTF-8.
        let rest = bytes.get(at + 1..).unwrap_or_default();
        return if rest.iter().all(|b| b & 0xc0 == 0x80) { Err(None) } else { Ok((first, 1)) };
    };
    Ok(match std::str::from_utf8(encoded) {
        Ok(_) => (encoded.last().copied().unwrap_or(first), width),
        Err(_) => (first, 1),
    })
}

/// Whether ISA11 separates repetitions: from version 00402 on, and only if it can be a separator at all.
pub(super) fn repetition(header: &InterchangeHeader, always: bool) -> Option<u8> {
    let &[byte] = header.element(11) else { return None };
    let Delimiters { element, component, segment, .. } = header.delimiters;
    let separator = !byte.is_ascii_alphanumeric() && byte != b' ' && ![element, component, segment].contains(&byte);
    let since = header.version.parse::<u32>().is_ok_and(|version| version >= 402);
    (separator && (always || since)).then_some(byte)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::x12) const ISA: &[u8] =
        b"ISA*00*          *00*          *ZZ*SENDER         *01*RECEIVER       *260701*1200*^*00501*000000001*1*P*>~";

    fn isa(bytes: &[u8]) -> Box<Isa> {
        match look(bytes, 0, true) {
            Look::Isa(isa) => isa,
            Look::More => panic!("wants more"),
            Look::No(why) => panic!("{why}"),
        }
    }

    #[test]
    fn its_own_separators_are_read_from_it() {
        let found = isa(ISA);
        assert_eq!(found.length, 106);
        assert_eq!(found.header.sender, PartyId { qualifier: "ZZ".into(), id: "SENDER".into() });
        assert_eq!((found.header.control_number.as_str(), found.header.usage), ("000000001", b'P'));
        assert_eq!(
            found.header.delimiters,
            Delimiters { element: b'*', component: b'>', repetition: None, segment: b'~' }
        );
        assert_eq!(repetition(&found.header, false), Some(b'^'));
        assert_eq!((found.header.element(2), found.header.bytes.len()), (&b"          "[..], 105));
    }

    #[test]
    fn it_need_not_be_106_bytes() {
        let found = isa(b"ISA|00||00||ZZ|A|ZZ|LONGER THAN FIFTEEN|260701|1200|U|00401|1|0|T|>\nGS|");
        assert_eq!((found.header.receiver.id.as_str(), found.length), ("LONGER THAN FIFTEEN", 68));
        assert_eq!(repetition(&found.header, true), None, "a letter is no separator");
    }

    #[test]
    fn a_terminator_may_be_several_bytes() {
        for (end, segment, width) in [
            (&b"\xe2\x80\xa6"[..], 0xa6, 3),
            (b"\xc3\x96", 0x96, 2),
            (b"\x85", 0x85, 1),
            (b"\r\n", b'\n', 2),
            (b"\r", b'\r', 1),
            (b" ~", b'~', 1),
            (b"\x1c", 0x1c, 1),
        ] {
            let bytes = [&ISA[..105], end, b"GS*"].concat();
            let found = isa(&bytes);
            assert_eq!((found.header.delimiters.segment, found.header.terminator.len()), (segment, width), "{end:?}");
            assert_eq!(&bytes[found.length..], b"GS*");
        }
    }

    #[test]
    fn line_ends_inside_it_mean_that_all_is_wrapped() {
        let bytes = [&ISA[..80], b"\r\n", &ISA[80..]].concat();
        let found = isa(&bytes);
        assert!(found.wrapped && found.length == 108 && found.header.time == "1200");
        assert!(!isa(ISA).wrapped);
    }

    #[test]
    fn lines_wider_than_the_isa_are_told_from_lines_of_segments() {
        let text = [ISA, &b"GS*PO*A*B*20260701*1200*1*X*005010~ST*850*0001~BEG*00*SA*4500012345**20260701~".repeat(8)]
            .concat();
        let lines = |width: usize, end: &[u8]| text.chunks(width).collect::<Vec<_>>().join(end);
        for (width, end) in [(128, &b"\r\n"[..]), (132, b"\n"), (255, b"\r\n"), (200, b"\r")] {
            assert!(is_wrapped_wide(&lines(width, end), 106, b'~'), "{width}");
        }
        // An interchange that begins in the middle of a line.
        let ragged = [&text[..110], b"\n", &text[110..].chunks(130).collect::<Vec<_>>().join(&b"\n"[..])].concat();
        assert!(is_wrapped_wide(&ragged, 106, b'~'));
        let segments = text.split_inclusive(|byte| *byte == b'~').collect::<Vec<_>>();
        for whole in [text.clone(), segments.join(&b"\n"[..]), segments.join(&b"\r\n  "[..])] {
            assert!(!is_wrapped_wide(&whole, 106, b'~'), "{}", self::text(&whole));
        }
        // A line end in one text is data.
        let note = [&text[..150], b"\n", &text[150..]].concat();
        assert!(!is_wrapped_wide(&note, 106, b'~'));
    }

    #[test]
    fn what_is_no_isa_is_told_apart_from_too_few_bytes() {
        for cut in 0..106 {
            assert!(matches!(look(&ISA[..cut], 0, false), Look::More), "{cut}");
            assert!(matches!(look(&ISA[..cut], 0, true), Look::No(_)), "{cut}");
        }
        let swallowed = b"ISA*00*  *00*  *ZZ*A~GS*PO*A*B*20260701*1200*1*X*004010~ST*850*0001~BEG*00*SA*1**20260701~";
        for bad in [&b"ISABEL*1*2"[..], b"ISA 00 ", swallowed, &[&ISA[..105], b"GS*PO"].concat(), &b"ISA*".repeat(300)]
        {
            assert!(matches!(look(bad, 0, true), Look::No(_)), "{}", text(bad));
        }
    }
}
