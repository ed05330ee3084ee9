//! What an interchange earns: TA1 (X12.5), and per group a 997 or a 999 (X12.20, X12.56), rendered from the verdict alone.
//!
//! The verdict may be years old: control numbers and the present time are handed in, so the same facts give the same bytes.

#[cfg(test)]
mod tests;

use super::element::{is_date, is_time};
use super::finding::Finding;
use super::rules::AckCode;
use super::standard::Standard;
use super::token::Delimiters;
use super::verdict::{GroupVerdict, InterchangeVerdict, SetVerdict, Status};
use super::write::{Element, GroupOut, InterchangeOut, Layout, WriteError, Writer};
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a partner wants to be told, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AckPolicy {
    /// What answers a group.
    pub functional: Functional,
    /// Which sets it names.
    pub sets: AckSets,
    /// When an interchange is answered.
    pub ta1: Ta1When,
    /// The separators to write with; those of the interchange that is answered, if not given.
    pub delimiters: Option<Delimiters>,
    /// Whether a line end follows each terminator.
    pub lines: bool,
}

/// What answers a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Functional {
    /// Nothing.
    None,
    /// A 997.
    #[default]
    F997,
    /// A 999, and a 997 for groups of versions before 005010.
    F999,
}

/// Which sets a functional acknowledgement names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AckSets {
    /// All.
    #[default]
    All,
    /// Those that are not simply accepted.
    Failed,
}

/// When an interchange is answered by a TA1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Ta1When {
    /// Never.
    Never,
    /// When ISA14 asks for it.
    Requested,
    /// When ISA14 asks for it, and when the interchange is rejected.
    #[default]
    Rejected,
    /// Always.
    Always,
}

/// The control numbers to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckNumbers {
    /// ISA13.
    pub interchange: u64,
    /// GS06 of the first group; the others follow.
    pub group: u64,
}

/// The interchange that answers `verdict`; `None` if it earns no answer.
pub fn acknowledge(
    verdict: &InterchangeVerdict,
    how: &AckPolicy,
    numbers: AckNumbers,
    now: DateTime,
) -> Option<Vec<u8>> {
    let groups = owed_groups(verdict, how);
    let ta1 = owes_ta1(verdict, how);
    if groups.is_empty() && !ta1 {
        return None;
    }
    // What cannot be written with the separators wanted is written with others; there is always one that collides with nothing.
    candidates(verdict, how).find_map(|delimiters| write(verdict, how, &groups, ta1, delimiters, numbers, now).ok())
}

/// Whether `verdict` earns any answer.
pub fn earns_acknowledgement(verdict: &InterchangeVerdict, how: &AckPolicy) -> bool {
    owes_ta1(verdict, how) || !owed_groups(verdict, how).is_empty()
}

/// How many groups [`acknowledge`] writes, and so how many GS06 it uses.
pub fn acknowledgement_groups(verdict: &InterchangeVerdict, how: &AckPolicy) -> u64 {
    owed_groups(verdict, how).len() as u64
}

/// The groups that are answered, those of one version and one pair of parties together.
fn owed_groups<'v>(verdict: &'v InterchangeVerdict, how: &AckPolicy) -> Vec<Vec<&'v GroupVerdict>> {
    let mut owed: Vec<Vec<&GroupVerdict>> = Vec::new();
    if verdict.status == Status::Rejected || how.functional == Functional::None {
        return owed;
    }
    let key =
        |group: &'v GroupVerdict| (group.header.element(2), group.header.element(3), group.header.version.as_str());
    for group in verdict.groups.iter().filter(|group| group.header.is_answered()) {
        match owed.last_mut().filter(|last| last.first().is_some_and(|first| key(first) == key(group))) {
            Some(last) => last.push(group),
            None => owed.push(vec![group]),
        }
    }
    owed
}

fn owes_ta1(verdict: &InterchangeVerdict, how: &AckPolicy) -> bool {
    let only_acknowledges = verdict.groups.iter().all(|group| group.header.acknowledges())
        && (!verdict.ta1_received.is_empty() || !verdict.groups.is_empty());
    if verdict.ta1.is_none() || (verdict.groups.is_empty() && !verdict.ta1_received.is_empty()) {
        return false;
    }
    match how.ta1 {
        Ta1When::Never => false,
        Ta1When::Requested => verdict.header.ack_requested,
        Ta1When::Rejected => verdict.header.ack_requested || (verdict.status == Status::Rejected && !only_acknowledges),
        Ta1When::Always => verdict.header.ack_requested || !only_acknowledges,
    }
}

/// Separators to try: those of the policy, those of the interchange, and then others.
fn candidates(verdict: &InterchangeVerdict, how: &AckPolicy) -> impl Iterator<Item = Delimiters> {
    let theirs = verdict.header.delimiters;
    let spare = |taken: &[u8], choice: &[u8]| choice.iter().copied().find(|byte| !taken.contains(byte)).unwrap_or(b'^');
    let theirs = (theirs.segment.is_ascii() && theirs.element.is_ascii()).then(|| {
        let Delimiters { element, segment, .. } = theirs;
        let component = if theirs.component.is_ascii() && theirs.component != element && theirs.component != segment {
            theirs.component
        } else {
            spare(&[element, segment], b">:<|")
        };
        let repetition = theirs.repetition.unwrap_or_else(|| spare(&[element, segment, component], b"^!|`"));
        Delimiters { element, component, repetition: Some(repetition), segment }
    });
    let others = [
        Delimiters { element: b'*', component: b'>', repetition: Some(b'^'), segment: b'~' },
        Delimiters { element: b'|', component: b'<', repetition: Some(b'!'), segment: b'\n' },
        Delimiters { element: 0x1d, component: 0x1f, repetition: Some(0x1e), segment: 0x1c },
    ];
    how.delimiters.into_iter().chain(theirs).chain(others)
}

fn write(
    verdict: &InterchangeVerdict,
    how: &AckPolicy,
    groups: &[Vec<&GroupVerdict>],
    ta1: bool,
    delimiters: Delimiters,
    numbers: AckNumbers,
    now: DateTime,
) -> Result<Vec<u8>, WriteError> {
    let layout = Layout { delimiters, lines: how.lines, ..Layout::default() };
    let mut writer = Writer::new(layout, now)?;
    let header = &verdict.header;
    let first = verdict.groups.first().map_or("", |group| &group.header.version);
    // Their names go back to them byte for byte.
    let named = |number: usize, most: usize| {
        let name: Vec<u8> = header.element(number).iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
        let name = name.trim_ascii();
        name.get(..most).unwrap_or(name).to_vec()
    };
    let parties = [named(7, 2), named(8, 15), named(5, 2), named(6, 15)];
    let between = InterchangeOut {
        sender: header.receiver.clone(),
        receiver: header.sender.clone(),
        version: interchange_version(&header.version, first),
        control: numbers.interchange,
        // An acknowledgement asks for none.
        ack_requested: false,
        usage: header.usage,
    };
    writer.begin_interchange_between(parties.each_ref().map(Vec::as_slice), &between)?;
    if let Some(ta1_facts) = verdict.ta1.filter(|_| ta1) {
        let control = format!("{:0>9}", header.control_number);
        let date = Some(header.date.as_str()).filter(|date| date.len() == 6 && is_date(date.as_bytes()));
        let time = Some(header.time.as_str()).filter(|time| time.len() == 4 && is_time(time.as_bytes()));
        let today = now.strftime("%y%m%d").to_string();
        let status = [ta1_facts.status.letter()];
        let note = format!("{:03}", ta1_facts.note);
        writer.segment(
            "TA1",
            &[
                control.as_str().into(),
                date.unwrap_or(&today).into(),
                time.unwrap_or("0000").into(),
                status.as_slice().into(),
                note.as_str().into(),
            ],
        )?;
    }
    for (nth, together) in groups.iter().enumerate() {
        let Some(one) = together.first() else { continue };
        let version = group_version(&one.header.version);
        let is_999 = how.functional == Functional::F999 && version.as_str() >= "005010";
        writer.begin_group(&GroupOut {
            functional_id: "FA".into(),
            sender: one.header.element(3).trim_ascii().to_vec(),
            receiver: one.header.element(2).trim_ascii().to_vec(),
            control: numbers.group + nth as u64,
            version: version.clone(),
        })?;
        for (nth, group) in together.iter().enumerate() {
            let control = format!("{:04}", nth + 1);
            writer.begin_set(if is_999 { "999" } else { "997" }, &control, None)?;
            Functionals { writer: &mut writer, how, version: &version, is_999 }.group(group)?;
            writer.end_set()?;
        }
        writer.end_group()?;
    }
    writer.end_interchange()?;
    Ok(writer.finish())
}

/// Writes the inside of one 997 or 999.
struct Functionals<'w> {
    writer: &'w mut Writer,
    how: &'w AckPolicy,
    version: &'w str,
    is_999: bool,
}

impl Functionals<'_> {
    fn group(&mut self, group: &GroupVerdict) -> Result<(), WriteError> {
        let since_5010 = self.version >= "005010";
        let control = group.header.element(6).trim_ascii();
        let control = if control.is_empty() { b"0" } else { control };
        let version = if since_5010 { group.header.version.get(..12).unwrap_or(&group.header.version) } else { "" };
        let functional_id = if group.header.functional_id.is_empty() { "ZZ" } else { &group.header.functional_id };
        self.writer.segment("AK1", &[functional_id.into(), control.into(), version.into()])?;
        for set in &group.sets {
            if self.how.sets == AckSets::All || set.status != Status::Accepted {
                self.set(set, since_5010)?;
            }
        }
        let status = [group.status.letter()];
        let claimed = group.claimed.unwrap_or(group.received);
        let counts = [claimed, group.received, group.accepted].map(|count| count.min(999_999).to_string());
        let codes = codes_of(&group.findings, |ack| match in_version(ack, self.version) {
            AckCode::Group(code) => Some(code),
            _ => None,
        });
        let mut elements: Vec<Element<'_>> = vec![status.as_slice().into()];
        elements.extend(counts.iter().map(|count| count.as_str().into()));
        elements.extend(codes.iter().take(5).map(|code| code.as_str().into()));
        self.writer.segment("AK9", &elements)
    }

    fn set(&mut self, set: &SetVerdict, since_5010: bool) -> Result<(), WriteError> {
        let id = if set.id.is_empty() { "000" } else { &set.id };
        let control = if set.control.is_empty() { "0000" } else { &set.control };
        let implementation = set.implementation.as_deref().filter(|_| since_5010).unwrap_or("");
        self.writer.segment("AK2", &[id.into(), control.into(), implementation.into()])?;
        let mut told: Vec<&Finding> = set.findings.iter().filter(|finding| finding.is_told()).collect();
        told.retain(|finding| matches!(finding.ack, AckCode::Segment(_) | AckCode::Element(_)));
        let mut rest = told.as_slice();
        while let Some((first, _)) = rest.split_first() {
            // All that was found in one segment stands together.
            let count = rest.iter().take_while(|next| next.segment == first.segment && next.tag == first.tag).count();
            let (here, later) = rest.split_at_checked(count.max(1)).unwrap_or((rest, &[]));
            self.segment(here)?;
            rest = later;
        }
        let mut codes = codes_of(&set.findings, |ack| match in_version(ack, self.version) {
            AckCode::Set(code) => Some(code),
            _ => None,
        });
        // Code 5: segments are in error; I5: only by what the partner's file adds. 5 also stands for errors that have no code of
        // their own.
        let by_guide = told.iter().filter(|finding| self.is_999 && finding.implementation.is_some()).count();
        if told.len() > by_guide
            || set.more > 0
            || (codes.is_empty() && by_guide == 0 && set.status != Status::Accepted)
        {
            codes.insert("5".to_owned());
        }
        if by_guide > 0 {
            codes.insert("I5".to_owned());
        }
        let status = [set.status.letter()];
        let mut elements: Vec<Element<'_>> = vec![status.as_slice().into()];
        elements
            .extend(codes.iter().filter(|_| set.status != Status::Accepted).take(5).map(|code| code.as_str().into()));
        self.writer.segment(if self.is_999 { "IK5" } else { "AK5" }, &elements)
    }

    /// One AK3 per kind of segment error, and one with all the element errors.
    fn segment(&mut self, findings: &[&Finding]) -> Result<(), WriteError> {
        let Some(first) = findings.first() else { return Ok(()) };
        let name = if self.is_999 { "IK3" } else { "AK3" };
        let tag: String = first.tag.chars().filter(char::is_ascii_alphanumeric).take(3).collect();
        let tag = if tag.len() < 2 { "ZZZ" } else { &tag };
        let position = first.segment.unwrap_or(1).min(999_999).to_string();
        let loop_id = first.loop_id.as_deref().filter(|id| id.len() <= 4).unwrap_or("");
        let kinds: BTreeSet<(u8, Option<u8>)> =
            findings.iter().filter_map(|finding| self.segment_code(finding)).collect();
        for (kind, by_guide) in kinds {
            let code = by_guide.map_or_else(|| kind.to_string(), |number| format!("I{number}"));
            self.writer.segment(name, &[tag.into(), position.as_str().into(), loop_id.into(), code.as_str().into()])?;
            let elements = findings.iter().filter(|finding| kind == 8 && matches!(finding.ack, AckCode::Element(_)));
            for finding in elements.take(99) {
                self.element(finding)?;
            }
        }
        Ok(())
    }

    fn element(&mut self, finding: &Finding) -> Result<(), WriteError> {
        let AckCode::Element(code) = in_version(finding.ack, self.version) else { return Ok(()) };
        let since_5010 = self.version >= "005010";
        let number = |place: Option<u16>, most: u16| place.map_or(String::new(), |place| place.min(most).to_string());
        let (element, component) = (number(finding.element.or(Some(1)), 99), number(finding.component, 99));
        let repetition = number(finding.repetition.filter(|_| since_5010), 9999);
        let place = Element::Composite(vec![element.as_bytes(), component.as_bytes(), repetition.as_bytes()]);
        let reference = finding.reference.as_deref().filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        // A value that would not pass as text is told by its place only.
        let value = finding.value.as_deref().filter(|value| code != 6 && self.is_plain(value)).unwrap_or_default();
        let value = value.get(..99).unwrap_or(value);
        let by_guide = finding.implementation.filter(|_| self.is_999);
        let code = by_guide.map_or_else(|| code.to_string(), |number| format!("I{number}"));
        self.writer.segment(
            if self.is_999 { "IK4" } else { "AK4" },
            &[place, reference.unwrap_or("").into(), code.as_str().into(), value.into()],
        )?;
        if self.is_999 { self.context(finding) } else { Ok(()) }
    }

    /// IK304 of a finding: 8 where it is about an element, and an `I` code where there is one. An AK304 has none of those.
    fn segment_code(&self, finding: &Finding) -> Option<(u8, Option<u8>)> {
        match finding.ack {
            AckCode::Segment(code) => Some((code, finding.implementation.filter(|_| self.is_999))),
            AckCode::Element(_) => Some((8, None)),
            _ => None,
        }
    }

    /// A CTX: what makes it an error that an element is there, or is not. It names the element that the standard's note ties to it.
    fn context(&mut self, finding: &Finding) -> Result<(), WriteError> {
        let Some(trigger) = finding.trigger.filter(|trigger| *trigger <= 99) else { return Ok(()) };
        let (trigger, position) = (trigger.to_string(), finding.segment.unwrap_or(1).min(999_999).to_string());
        let loop_id = finding.loop_id.as_deref().filter(|id| id.len() <= 4).unwrap_or("");
        self.writer.segment(
            "CTX",
            &[
                "SITUATIONAL TRIGGER".into(),
                finding.tag.as_str().into(),
                position.as_str().into(),
                loop_id.into(),
                trigger.as_str().into(),
            ],
        )
    }

    fn is_plain(&self, value: &[u8]) -> bool {
        let Delimiters { element, component, repetition, segment } = self.writer.delimiters();
        let separators = [Some(element), Some(component), repetition, Some(segment)];
        value.iter().all(|byte| (0x20..0x7f).contains(byte) && !separators.contains(&Some(*byte)))
            && value.iter().any(|byte| *byte != b' ')
    }
}

/// What stands for a code in versions whose lists (data elements 716, 718 and 723) do not have it yet, or have it for
/// something else: 19 of 716 was about security before 005010.
fn in_version(ack: AckCode, version: &str) -> AckCode {
    match ack {
        AckCode::Element(12 | 13) if version < "005010" => AckCode::Element(3),
        AckCode::Set(18) if version < "005010" => AckCode::Set(6),
        AckCode::Set(23) if version < "003060" => AckCode::Set(7),
        AckCode::Group(19) if version < "005010" => AckCode::Group(6),
        ack => ack,
    }
}

/// The codes of one kind among findings that are told, each once.
fn codes_of(findings: &[Finding], pick: impl Fn(AckCode) -> Option<u8>) -> BTreeSet<String> {
    findings
        .iter()
        .filter(|finding| finding.is_told())
        .filter_map(|finding| pick(finding.ack))
        .map(|n| n.to_string())
        .collect()
}

/// The inbound ISA12 where it is a version, or else the one that goes with the group's.
fn interchange_version(isa12: &str, gs08: &str) -> String {
    let known = isa12.len() == 5 && isa12.starts_with("00") && isa12.bytes().all(|byte| byte.is_ascii_digit());
    if known && ("00200".."00900").contains(&isa12) {
        return isa12.to_owned();
    }
    let release = gs08.get(..5).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    release.unwrap_or("00401").to_owned()
}

/// The inbound GS08 where it begins like a version, or else 004010.
fn group_version(gs08: &str) -> String {
    let version = gs08.len() <= 12
        && (Standard::resolve(gs08).is_some()
            || gs08.get(..6).is_some_and(|v| v.bytes().all(|byte| byte.is_ascii_digit())));
    if version { gs08.to_owned() } else { "004010".to_owned() }
}
