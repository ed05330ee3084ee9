//! The envelope's own rules: what ISA and GS must say, which control numbers were seen, and what the counts come to.

use super::codes;
use super::element::{is_date, is_time};
use super::envelope::{GroupHeader, InterchangeHeader};
use super::finding::{Collector, Finding};
use super::isa;
use super::policy::{Policy, Repetition};
use super::rules::{AckCode, Severity};
use super::set_check::Tables;
use super::standard::Standard;
use super::verdict::{GroupStatus, Status, Ta1};
use crate::error::Code;
use std::collections::{BTreeMap, HashSet};

/// How many control numbers that are no numbers are remembered to find doubles.
const NAMES: usize = 100_000;

/// Checks what the ISA says.
pub(super) fn interchange(header: &InterchangeHeader, policy: &Policy, into: &mut Collector) {
    let mut add = |code: Code, element: usize, note: u8, text: String| {
        into.add(&policy.severities, code, || {
            let finding = Finding::new(code, header.offset, text).of("ISA", None).becoming(AckCode::Interchange(note));
            if element == 0 { finding } else { finding.at_element(element).with(header.element(element)) }
        });
    };
    if header.bytes.len() != 105 {
        add(codes::ISA_WIDTH, 0, 22, format!("the ISA has {} bytes and not 106", header.bytes.len() + 1));
    }
    let blank = |number| header.element(number).trim_ascii().is_empty();
    match header.element(1).trim_ascii() {
        b"00" => {}
        b"01" | b"02" | b"03" | b"04" | b"05" | b"06" if blank(2) => {
            add(
                codes::ISA_AUTHORIZATION,
                2,
                11,
                "ISA02 is blank, but ISA01 says that something stands there".to_owned(),
            );
        }
        b"01" | b"02" | b"03" | b"04" | b"05" | b"06" => {}
        _ => add(codes::ISA_AUTHORIZATION, 1, 10, "ISA01 is no known qualifier".to_owned()),
    }
    match header.element(3).trim_ascii() {
        b"00" => {}
        b"01" if blank(4) => {
            add(codes::ISA_SECURITY, 4, 13, "ISA04 is blank, but ISA03 says that a password stands there".to_owned());
        }
        b"01" => {}
        _ => add(codes::ISA_SECURITY, 3, 12, "ISA03 is no known qualifier".to_owned()),
    }
    for (element, party) in [(5, &header.sender), (7, &header.receiver)] {
        if !is_known_qualifier(&party.qualifier) {
            let text = format!("ISA{element:02} `{}` is no known qualifier", party.qualifier);
            add(codes::ISA_QUALIFIER, element, element as u8, text);
        }
        if party.id.is_empty() {
            add(codes::ISA_PARTY, element + 1, element as u8 + 1, format!("ISA{:02} is empty", element + 1));
        }
    }
    if policy.receiver.as_ref().is_some_and(|ours| *ours != header.receiver) {
        let text = format!("{}/{} is none of our addresses", header.receiver.qualifier, header.receiver.id);
        add(codes::ISA_RECEIVER, 8, 9, text);
    }
    if !is_date(header.date.as_bytes()) {
        add(codes::ISA_DATE, 9, 14, format!("ISA09 `{}` is no date", header.date));
    }
    if header.time.len() != 4 || !is_time(header.time.as_bytes()) {
        add(codes::ISA_TIME, 10, 15, format!("ISA10 `{}` is no time", header.time));
    }
    match (header.element(11), isa::has_repetitions(&header.version)) {
        _ if header.delimiters.repetition.is_some() => {}
        (b"U", false) => {}
        ([b'A'..=b'Z'], false) => {
            add(codes::ISA_STANDARD, 11, 2, "ISA11 names a standard other than U, the only one".to_owned());
        }
        (_, false) => add(codes::ISA_STANDARD, 11, 16, "ISA11 is not U, the only standard".to_owned()),
        (_, true) if policy.repetition == Repetition::Off => {}
        (_, true) => add(codes::ISA_STANDARD, 11, 16, "ISA11 can separate no repetitions".to_owned()),
    }
    let version =
        Some(&header.version).filter(|text| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit()));
    match version.and_then(|text| text.parse::<u32>().ok()) {
        None => add(codes::ISA_VERSION, 12, 17, format!("ISA12 `{}` is no version", header.version)),
        Some(200..900) => {}
        Some(_) => add(codes::ISA_VERSION, 12, 3, format!("ISA12 `{}` is no known version", header.version)),
    }
    let number = &header.control_number;
    if !(1..=9).contains(&number.len()) || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        add(codes::ISA_CONTROL, 13, 18, format!("ISA13 `{number}` is no control number"));
    }
    if !matches!(header.element(14), b"0" | b"1") {
        add(codes::ISA_ACK_FLAG, 14, 19, "ISA14 is neither 0 nor 1".to_owned());
    }
    if !matches!(header.element(15).trim_ascii().first(), Some(b'P' | b'T' | b'I')) {
        add(codes::ISA_USAGE, 15, 20, "ISA15 is none of P, T and I".to_owned());
    }
    let delimiters = header.delimiters;
    if [delimiters.element, delimiters.segment].contains(&delimiters.component) {
        add(codes::ISA_SEPARATOR, 16, 27, "ISA16 is no separator: a letter, a digit or another separator".to_owned());
    }
}

/// What is wrong with a request to whoever carries an interchange, ISB or ISE: its code, TA105, the element, and a sentence.
pub(super) fn service<'v>(tag: &[u8], element: impl Fn(usize) -> &'v [u8]) -> Option<(Code, u8, usize, &'static str)> {
    let zone = |value: &[u8]| value.len() == 2 && value.iter().all(u8::is_ascii_alphanumeric);
    match tag {
        b"ISE" if element(1).len() != 6 || !is_date(element(1)) => {
            Some((codes::DEFERRED_DELIVERY, 28, 1, "ISE01 is no date"))
        }
        b"ISE" if element(2).len() != 4 || !is_time(element(2)) => {
            Some((codes::DEFERRED_DELIVERY, 29, 2, "ISE02 is no time"))
        }
        b"ISE" if !element(3).is_empty() && !zone(element(3)) => {
            Some((codes::DEFERRED_DELIVERY, 30, 3, "ISE03 is no time zone"))
        }
        b"ISB" if element(1).len() != 1 => Some((codes::SERVICE_GRADE, 31, 1, "ISB01 is no grade of service")),
        _ => None,
    }
}

/// Checks what the GS says.
pub(super) fn group(header: &GroupHeader, policy: &Policy, into: &mut Collector, seen: &mut Seen) {
    let mut add_as = |code: Code, element: usize, ack: Option<AckCode>, text: String| {
        into.add(&policy.severities, code, || {
            let found = Finding::new(code, header.offset, text);
            let ack = ack.unwrap_or(found.ack);
            found.of("GS", None).at_element(element).with(header.element(element)).becoming(ack)
        });
    };
    let number = &header.control_number;
    if !(1..=9).contains(&number.len()) || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        add_as(codes::GROUP_CONTROL, 6, None, format!("GS06 `{number}` is no control number"));
    } else if !seen.first_time(number.trim_start_matches('0').as_bytes()) {
        let text = format!("GS06 {number} stands in this interchange twice");
        add_as(codes::GROUP_CONTROL, 6, Some(AckCode::Group(19)), text);
    }
    let mut add = |code: Code, element: usize, text: String| add_as(code, element, None, text);
    if !is_date(header.date.as_bytes()) {
        add(codes::GROUP_DATE, 4, format!("GS04 `{}` is no date", header.date));
    }
    if !is_time(header.time.as_bytes()) {
        add(codes::GROUP_TIME, 5, format!("GS05 `{}` is no time", header.time));
    }
    match Tables::find(policy, policy.version.as_deref().unwrap_or(&header.version)) {
        None => {
            let text = format!("there are no tables for version `{}` (GS08)", header.version);
            add(codes::GROUP_VERSION, 8, text);
        }
        Some(tables) if !tables.get().sets().iter().any(|set| set.group() == header.functional_id) => {
            let text = format!("there is no table for a set of group `{}` (GS01)", header.functional_id);
            add(codes::GROUP_UNKNOWN, 1, text);
        }
        Some(_) => {}
    }
}

/// How a group fared, from its sets and what was found about itself.
pub(super) fn group_status(received: u64, accepted: u64, noted: bool, found: &Collector) -> GroupStatus {
    if received == 0 {
        return match found.worst {
            Some(Severity::Error) => GroupStatus::Rejected,
            Some(_) => GroupStatus::AcceptedWithErrors,
            None => GroupStatus::Accepted,
        };
    }
    if accepted == 0 {
        GroupStatus::Rejected
    } else if accepted < received {
        GroupStatus::PartiallyAccepted
    } else if noted || found.worst.is_some() {
        GroupStatus::AcceptedWithErrors
    } else {
        GroupStatus::Accepted
    }
}

/// How a set or an interchange fared, from what was found about itself.
pub(super) fn status(found: &Collector) -> Status {
    match found.worst {
        Some(Severity::Error) => Status::Rejected,
        Some(_) => Status::AcceptedWithErrors,
        None => Status::Accepted,
    }
}

/// What a TA1 says of an interchange: its status, and the note of the gravest finding.
pub(super) fn ta1(header: &InterchangeHeader, status: Status, findings: &[Finding]) -> Option<Ta1> {
    if header.control_number.is_empty() {
        return None;
    }
    let note_of = |finding: &Finding| match finding.ack {
        AckCode::Interchange(note) if finding.is_told() => Some((finding.severity, note)),
        _ => None,
    };
    // Of equally grave ones the first.
    let gravest = findings.iter().filter_map(note_of).rev().max_by_key(|(severity, _)| *severity);
    let note = match (status, gravest) {
        (Status::Accepted, _) => 0,
        (_, Some((_, note))) => note,
        (_, None) => 24,
    };
    Some(Ta1 { status, note })
}

/// Whether two control numbers are the same: leading zeros of numbers do not matter.
pub(super) fn same_number(one: &[u8], other: &[u8]) -> bool {
    let (one, other) = (one.trim_ascii(), other.trim_ascii());
    let significant = |value: &[u8]| -> Option<usize> {
        let number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        number.then(|| value.iter().take_while(|byte| **byte == b'0').count())
    };
    one == other
        || match (significant(one), significant(other)) {
            (Some(zeros), Some(others)) => one.get(zeros..) == other.get(others..),
            _ => false,
        }
}

/// A count like SE01; `None` if it is no number or beyond all counts.
pub(super) fn count(value: &[u8]) -> Option<u64> {
    let value = std::str::from_utf8(value).ok()?.trim();
    value.parse().ok().filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Control numbers that were seen. Numbers in a row cost nothing, so a million sets do not either.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Runs of numbers by their first, each with its last. The key's upper half is the number of digits.
    runs: BTreeMap<u64, u64>,
    names: HashSet<Vec<u8>>,
}

impl Seen {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.runs.clear();
        self.names.clear();
    }

    /// Whether this one is seen for the first time.
    pub(super) fn first_time(&mut self, value: &[u8]) -> bool {
        let number = count(value).filter(|number| value.len() <= 9 && *number < 1 << 32);
        let Some(key) = number.map(|number| (value.len() as u64) << 32 | number) else {
            return self.names.len() >= NAMES || self.names.insert(value.to_vec());
        };
        if let Some((_, last)) = self.runs.range_mut(..=key).next_back() {
            if key <= *last {
                return false;
            }
            if key == *last + 1 {
                *last = key;
                return true;
            }
        }
        if self.runs.len() < NAMES {
            self.runs.insert(key, key);
        }
        true
    }
}

/// Whether ISA05 or ISA07 may be this.
pub fn is_known_qualifier(qualifier: &str) -> bool {
    let known = Standard::get("005010").and_then(|standard| standard.element("I05")).and_then(|e| e.codes.as_ref());
    known.is_none_or(|known| known.contains(qualifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_found_among_numbers_and_names() {
        let mut seen = Seen::default();
        for new in ["0001", "0002", "0004", "0003", "1", "ABC", "00012", ""] {
            assert!(seen.first_time(new.as_bytes()), "{new}");
        }
        for old in ["0001", "0002", "0003", "0004", "1", "ABC", "00012", ""] {
            assert!(!seen.first_time(old.as_bytes()), "{old}");
        }
        assert!(seen.runs.len() <= 4);
    }

    #[test]
    fn requests_to_the_network_are_looked_at() {
        let note = |segment: &str| {
            let elements: Vec<&str> = segment.split('*').collect();
            let element = |number: usize| elements.get(number).map_or(&b""[..], |value| value.as_bytes());
            service(elements[0].as_bytes(), element).map(|(_, note, element, _)| (note, element))
        };
        for good in ["ISE*261105*0800", "ISE*261105*2359*UT", "ISE*261105*0800*P5", "ISB*1", "TA3"] {
            assert_eq!(note(good), None, "{good}");
        }
        for (bad, told) in [
            ("ISE*261305*0800", (28, 1)),
            ("ISE*20261105*0800", (28, 1)),
            ("ISE", (28, 1)),
            ("ISE*261105*2460", (29, 2)),
            ("ISE*261105*080000", (29, 2)),
            ("ISE*261105*0800*+05", (30, 3)),
            ("ISB*12", (31, 1)),
            ("ISB", (31, 1)),
        ] {
            assert_eq!(note(bad), Some(told), "{bad}");
        }
    }

    #[test]
    fn leading_zeros_make_no_other_number() {
        assert!(same_number(b"000000012", b" 12 ") && same_number(b"0", b"000") && same_number(b"A1", b"A1"));
        assert!(!same_number(b"12", b"13") && !same_number(b"", b"0") && !same_number(b"0A", b"A"));
        assert_eq!((count(b"007"), count(b"+7"), count(b"999999999999999999999999999999")), (Some(7), None, None));
    }
}
