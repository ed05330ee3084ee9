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
    /// One that nothing can be read by, but which says who sent it under which number.
    Refused(Box<Refused>),
    /// None that can be read, and why if it looks like one.
    No(&'static str),
}

/// What is known of an ISA that nothing can be read by: enough to answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) header: InterchangeHeader,
    /// TA105.
    pub(super) note: u8,
    pub(super) why: &'static str,
}

/// Why there is no ISA.
enum Miss {
    /// The bytes ended too early to tell.
    Short,
    /// It is none, and what is wrong if it looks like one.
    Not(&'static str),
    /// It is one, but nothing can be read by it.
    Refused(Box<Refused>),
}

/// An ISA as found.
pub(super) struct Isa {
    pub(super) header: InterchangeHeader,
    /// Bytes up to and with the terminator.
    pub(super) length: usize,
    /// Whether line ends break it, which then break the rest too.
    pub(super) wrapped: bool,
    /// Whether blanks stand before its terminator, which then stand before all.
    pub(super) padded: bool,
}

/// Where the separators of an ISA stand that has the widths of the standard.
const SEPARATORS: [usize; 16] = [3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103];

const BROKEN_OFF: &str = "it breaks off before its sixteenth element";
const BAD_TERMINATOR: &str = "what stands where its terminator should be is a letter, a digit or its own separator";
const BAD_ELEMENTS: &str = "its elements are not those of an ISA";
const BAD_SEPARATOR: &str = "its element separator is a letter, a digit or a blank";

/// Looks for an ISA at the start of `bytes`, which lie at `offset` in the file; `whole` when no more bytes will come.
pub(super) fn look(bytes: &[u8], offset: u64, whole: bool) -> Look {
    let ended = whole && bytes.len() < REACH;
    let whole = whole || bytes.len() >= REACH;
    let bytes = bytes.get(..REACH).unwrap_or(bytes);
    match find(bytes, offset) {
        Err(Miss::Short) if !whole => Look::More,
        // A file that was cut short says by note 23 that it was.
        Err(Miss::Short) => match refused(bytes, offset, if ended { 23 } else { 22 }, BROKEN_OFF) {
            Some(refused) => Look::Refused(refused),
            None => Look::No(if bytes.get(3).is_some_and(|byte| is_plain(*byte)) { "" } else { BROKEN_OFF }),
        },
        Err(Miss::Not(why)) => Look::No(why),
        Err(Miss::Refused(refused)) => Look::Refused(refused),
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

/// The ISA, or why not.
fn find(bytes: &[u8], offset: u64) -> Result<Box<Isa>, Miss> {
    let (tag, rest) = bytes.split_at_checked(3).ok_or(Miss::Short)?;
    if tag != b"ISA" {
        return Err(Miss::Not(""));
    }
    let element = *rest.first().ok_or(Miss::Short)?;
    if is_plain(element) {
        return Err(by_widths(bytes, element, offset));
    }
    let refuse = |note, why| refused(bytes, offset, note, why).map_or(Miss::Not(why), Miss::Refused);
    let last = bytes.iter().enumerate().filter(|(_, byte)| **byte == element).nth(15).map(|(at, _)| at);
    let last = last.ok_or(Miss::Short)?;
    let head = bytes.get(..last).ok_or(Miss::Short)?;
    let fields = Fields::split(head, element);
    if fields.text(12).len() > 5 || fields.text(14).len() > 1 || fields.text(15).len() > 1 {
        return Err(refuse(22, BAD_ELEMENTS));
    }
    let wrapped = head.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
    let mut at = last + 1;
    let lines = |mut at: usize| {
        while wrapped && matches!(bytes.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        at
    };
    at = lines(at);
    let (component, width) = character(bytes, at).ok_or(Miss::Short)?;
    at = lines(at + width);
    // Some write a blank before each terminator.
    let padded = bytes.get(at) == Some(&b' ');
    while bytes.get(at) == Some(&b' ') {
        at += 1;
    }
    let (mut segment, mut width) = character(bytes, at).ok_or(Miss::Short)?;
    if segment == b'\r' && bytes.get(at + 1) == Some(&b'\n') {
        (segment, width) = (b'\n', 2);
    }
    if segment.is_ascii_alphanumeric() || segment == element {
        return Err(refuse(4, BAD_TERMINATOR));
    }
    let delimiters = Delimiters {
        element,
        // A letter is no separator; the element separator never stands inside an element, so nothing is split.
        component: if component.is_ascii_alphanumeric() { element } else { component },
        repetition: None,
        segment,
    };
    let terminator = bytes.get(at..at + width).ok_or(Miss::Short)?.to_vec();
    let header = fields.header(delimiters, terminator, bytes.get(..at).unwrap_or_default(), offset);
    // Line ends that are the terminator's own are no wrapping.
    let wrapped = wrapped && segment != b'\n' && segment != b'\r';
    Ok(Box::new(Isa { wrapped, padded, header, length: at + width }))
}

/// Whether a byte can be no element separator.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'\r' | b'\n')
}

/// What begins with ISA and a letter, a digit or a blank: a word, unless that stands at all sixteen places of a separator.
fn by_widths(bytes: &[u8], element: u8, offset: u64) -> Miss {
    if SEPARATORS.iter().any(|at| bytes.get(*at).is_some_and(|byte| *byte != element)) {
        return Miss::Not("");
    }
    let Some(head) = bytes.get(..106) else { return Miss::Short };
    // Read as if a proper separator stood there, which the header then goes by.
    let mended: Vec<u8> =
        head.iter().enumerate().map(|(at, byte)| if SEPARATORS.contains(&at) { b'*' } else { *byte }).collect();
    refused(&mended, offset, 26, BAD_SEPARATOR).map_or(Miss::Not(""), Miss::Refused)
}

/// What can be told of an ISA that nothing can be read by, if it says who sent it to whom under which number.
fn refused(bytes: &[u8], offset: u64, note: u8, why: &'static str) -> Option<Box<Refused>> {
    let element = *bytes.get(3).filter(|byte| !is_plain(**byte))?;
    let end = bytes.iter().enumerate().filter(|(_, byte)| **byte == element).nth(15).map_or(bytes.len(), |(at, _)| at);
    let head = bytes.get(..end)?;
    let fields = Fields::split(head, element);
    let number = fields.text(13);
    let known = fields.0.len() > 14
        && (1..=9).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && [5, 7].iter().all(|at| fields.text(*at).len() <= 2)
        && [6, 8].iter().all(|at| (1..=15).contains(&fields.text(*at).len()));
    let segment = if element == b'~' { b'\n' } else { b'~' };
    let delimiters = Delimiters { element, component: element, repetition: None, segment };
    let header = known.then(|| fields.header(delimiters, vec![segment], head, offset))?;
    Some(Box::new(Refused { header, note, why }))
}

/// The elements of an ISA, its tag the first.
struct Fields<'a>(Vec<&'a [u8]>);

impl<'a> Fields<'a> {
    fn split(head: &'a [u8], element: u8) -> Self {
        Self(head.split(|byte| *byte == element).collect())
    }

    /// The element at `number`, from 1, without what is around it.
    fn text(&self, number: usize) -> String {
        let raw = self.0.get(number).copied().unwrap_or_default();
        text(raw).replace(['\r', '\n'], "").trim().to_owned()
    }

    fn header(&self, delimiters: Delimiters, terminator: Vec<u8>, bytes: &[u8], offset: u64) -> InterchangeHeader {
        InterchangeHeader {
            sender: PartyId { qualifier: self.text(5), id: self.text(6) },
            receiver: PartyId { qualifier: self.text(7), id: self.text(8) },
            control_number: self.text(13),
            version: self.text(12),
            usage: usage(&self.text(15)),
            ack_requested: self.text(14) == "1",
            date: self.text(9),
            time: self.text(10),
            delimiters,
            terminator,
            offset,
            bytes: bytes.to_vec(),
        }
    }
}

/// ISA15 as it is meant: in either case, and production where it says nothing that is known.
fn usage(said: &str) -> u8 {
    let letter = said.bytes().next().unwrap_or_default().to_ascii_uppercase();
    if b"PTI".contains(&letter) { letter } else { b'P' }
}

/// The last byte and the width of the character at `at`, more than one byte only where they are UTF-8; `None` if the bytes end too
/// early to tell.
fn character(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let first = *bytes.get(at)?;
    let width = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((first, 1)),
    };
    let Some(encoded) = bytes.get(at..at + width) else {
        // Too early to tell, unless what there is already is no UTF-8.
        let rest = bytes.get(at + 1..).unwrap_or_default();
        return rest.iter().any(|b| b & 0xc0 != 0x80).then_some((first, 1));
    };
    Some(match std::str::from_utf8(encoded) {
        Ok(_) => (encoded.last().copied().unwrap_or(first), width),
        Err(_) => (first, 1),
    })
}

/// Whether ISA11 separates repetitions: from version 00402 on, and only if it can be a separator at all.
pub(super) fn repetition(header: &InterchangeHeader, always: bool) -> Option<u8> {
    let &[byte] = header.element(11) else { return None };
    let Delimiters { element, component, segment, .. } = header.delimiters;
    let separator = !byte.is_ascii_alphanumeric() && byte != b' ' && ![element, component, segment].contains(&byte);
    (separator && (always || has_repetitions(&header.version))).then_some(byte)
}

/// Whether ISA11 is a separator in envelopes of that version.
pub(super) fn has_repetitions(version: &str) -> bool {
    version.parse::<u32>().is_ok_and(|version| version >= 402)
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
            Look::Refused(refused) => panic!("{}", refused.why),
            Look::No(why) => panic!("{why}"),
        }
    }

    /// The note and the number of an ISA that is refused.
    fn refusal(bytes: &[u8]) -> Option<(u8, String)> {
        match look(bytes, 0, true) {
            Look::Refused(refused) => Some((refused.note, refused.header.control_number)),
            _ => None,
        }
    }

    #[test]
    fn what_is_no_usage_counts_as_production() {
        let usage_of = |said: &str| {
            isa(String::from_utf8_lossy(ISA).replace("*1*P*", &format!("*1*{said}*")).as_bytes()).header.usage
        };
        let known = ["P", "T", "I", "p", "t", "i", " ", "X"].map(usage_of);
        assert_eq!(known.map(char::from), ['P', 'T', 'I', 'P', 'T', 'I', 'P', 'P']);
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
            // From ISA14 on it is known whom to tell that the file was cut.
            let told = (cut >= 100).then(|| (23, "000000001".to_owned()));
            assert_eq!(refusal(&ISA[..cut]), told, "{cut}");
        }
        for bad in [&b"ISABEL*1*2"[..], b"ISA 00 ", b"ISA*A~GS*PO*A~", &b"ISA*".repeat(300), &b"ISA ".repeat(300)] {
            assert!(matches!(look(bad, 0, true), Look::No(_)), "{}", text(bad));
        }
    }

    #[test]
    fn what_nothing_can_be_read_by_may_still_be_answered() {
        let told = |note| Some((note, "000000001".to_owned()));
        for end in [&b"GS*PO"[..], b"A", b"*"] {
            assert_eq!(refusal(&[&ISA[..105], end].concat()), told(4), "{}", text(end));
        }
        let letters: Vec<u8> = ISA.iter().map(|byte| if *byte == b'*' { b'X' } else { *byte }).collect();
        assert_eq!(refusal(&letters), told(26));
        let blanks: Vec<u8> = ISA.iter().map(|byte| if *byte == b'*' { b' ' } else { *byte }).collect();
        assert_eq!(refusal(&blanks), told(26));
        for cut in 4..106 {
            assert!(matches!(look(&letters[..cut], 0, false), Look::More), "{cut}");
        }
        // Without ISA16, so that what follows is swallowed.
        let swallowed = [&ISA[..102], b"P~GS*PO*A*B*20260701*1200*1*X*005010~ST*850*0001~"].concat();
        assert_eq!(refusal(&swallowed), told(22));
        // Who sent it, or under which number, is not known.
        let with = |from, to| text(ISA).replace(from, to).into_bytes();
        for bad in [with("000000001", "00000000A"), with("SENDER", "      "), with("*ZZ*", "*ZZZZ*")] {
            assert_eq!(refusal(&[&bad[..bad.len() - 1], b"GS*"].concat()), None, "{}", text(&bad));
        }
    }

    #[test]
    fn blanks_before_the_terminator_are_its_own() {
        let found = isa(&[&ISA[..105], b"  ~GS"].concat());
        assert!(found.padded && found.length == 108 && found.header.terminator == b"~");
        assert!(!isa(ISA).padded);
    }
}
