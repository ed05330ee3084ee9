//! X12: reader and checker, writer, acknowledgements.

use std::fmt::Write as _;

use gangway::x12::{
    self, AckNumbers, AckPolicy, Caps, Checker, Delimiters, Finding, Functional, GroupAcknowledged, GroupOut,
    InterchangeOut, InterchangeVerdict, Layout, PartyId, Policy, Step, Ta1When, Writer,
};

use super::Drip;

fn now() -> jiff::civil::DateTime {
    jiff::civil::date(2026, 7, 1).at(12, 5, 0, 0)
}

/// So little that small inputs go past every cap.
fn narrow() -> Policy {
    let caps = Caps {
        segment_bytes: 60,
        set_bytes: 200,
        elements: 6,
        components: 3,
        findings: 4,
        findings_in_all: 8,
        verdicts: 3,
    };
    Policy { caps, ..Policy::default() }
}

/// Everything that the checker tells, element by element.
fn told(bytes: &[u8], chunk: usize, policy: &Policy) -> String {
    let mut checker = Checker::new(Drip(bytes, chunk), |_| policy.clone());
    let mut told = String::new();
    let mut steps = 0;
    while let Some(step) = checker.next().expect("memory can be read") {
        match step {
            Step::Set(set) => {
                write!(told, "{} {} {:?} {:?} {}", set.id, set.control, set.status, set.findings, set.segments)
                    .unwrap();
                for segment in set.view.iter().flat_map(|view| view.segments()) {
                    write!(told, "\n{}@", segment.offset()).unwrap();
                    for number in 0..=segment.len() {
                        let element = if number == 0 { segment.tag() } else { segment.element(number) };
                        write!(told, "{}|", element.escape_ascii()).unwrap();
                    }
                }
            }
            step => write!(told, "{step:?}").unwrap(),
        }
        told.push('\n');
        steps += 1;
        assert!(steps <= bytes.len() + 2, "more steps than bytes");
    }
    told
}

/// However the bytes are cut into chunks, the same is told; and looking at less counts the same.
pub fn check(bytes: &[u8]) {
    for policy in [Policy::default(), narrow()] {
        let whole = told(bytes, usize::MAX, &policy);
        for chunk in [1, 3, 64] {
            assert_eq!(told(bytes, chunk, &policy), whole, "chunks of {chunk}");
        }
    }
    // Without a look into the sets, binary data are not read by their length.
    if holds(bytes, b"BIN") || holds(bytes, b"BDS") {
        return;
    }
    let stats = x12::stats(bytes).expect("memory can be read");
    let envelope = x12::envelope_stats(bytes).expect("memory can be read");
    assert_eq!(
        (stats.interchanges, stats.groups, stats.sets, stats.segments),
        (envelope.interchanges, envelope.groups, envelope.sets, envelope.segments)
    );
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// What was read is written, byte for byte with the same separators and value for value with others, and reads back the same.
pub fn write(bytes: &[u8]) {
    let mut checker = Checker::new(bytes, |_| Policy::default());
    while let Some(step) = checker.next().expect("memory can be read") {
        let Step::Set(set) = step else { continue };
        let Some(view) = set.view else { continue };
        // A terminator of several bytes is not written, and line ends among the data may look like wrapping.
        let lines = |segment: x12::Segment<'_>| segment.bytes().iter().any(|byte| b"\r\n".contains(byte));
        if !view.delimiters().segment.is_ascii() || view.segments().any(lines) {
            continue;
        }
        let own = Layout { delimiters: view.delimiters(), ..Layout::default() };
        let other = Delimiters { element: 0x1d, component: 0x1f, repetition: Some(0x1e), segment: 0x1c };
        for layout in [own, Layout { delimiters: other, ..Layout::default() }] {
            let Ok(mut writer) = Writer::new(layout, now()) else { continue };
            let party = |id: &str| PartyId { qualifier: "ZZ".into(), id: id.into() };
            let interchange = InterchangeOut {
                sender: party("A"),
                receiver: party("B"),
                version: "00501".into(),
                control: 1,
                ack_requested: false,
                usage: b'T',
            };
            let group = GroupOut {
                functional_id: set.group.functional_id.clone(),
                sender: b"A".to_vec(),
                receiver: b"B".to_vec(),
                control: 1,
                version: "005010".into(),
            };
            if writer.begin_interchange(&interchange).is_err() || writer.begin_group(&group).is_err() {
                continue;
            }
            let mut copied = Vec::new();
            for segment in view.segments() {
                // ST and SE are copied like any other, so that the whole set is.
                if writer.copy(&segment).is_ok() {
                    copied.push(values(&segment, view.delimiters()));
                }
            }
            let written = writer.finish();
            let mut again = Checker::new(&written[..], |_| Policy::default());
            let mut read = Vec::new();
            while let Some(step) = again.next().expect("memory can be read") {
                if let Step::Set(set) = step {
                    let view = set.view.expect("it was small enough before");
                    read.extend(view.segments().map(|segment| values(&segment, view.delimiters())));
                }
            }
            assert_eq!(read, copied, "{}", written.escape_ascii());
        }
    }
}

/// Tag and elements, separators inside them put in one form.
fn values(segment: &x12::Segment<'_>, delimiters: Delimiters) -> Vec<String> {
    let components = |one: &[u8]| {
        let all: Vec<_> =
            one.split(|byte| *byte == delimiters.component).map(|one| one.escape_ascii().to_string()).collect();
        all.join("\u{1}")
    };
    let element = |number| segment.repetitions(number).map(components).collect::<Vec<_>>().join("\u{2}");
    [segment.tag().escape_ascii().to_string()].into_iter().chain((1..=segment.len()).map(element)).collect()
}

/// Every interchange can be answered, and every answer is clean by our own check and read as what it says; and whatever comes
/// as an acknowledgement is read or refused.
pub fn acknowledge(bytes: &[u8]) {
    let (verdicts, heard) = verdicts(bytes, &Policy::default());
    drop(heard);
    for verdict in &verdicts {
        for functional in [Functional::F997, Functional::F999] {
            let how = AckPolicy { functional, ta1: Ta1When::Always, ..AckPolicy::default() };
            let Some(answer) = x12::acknowledge(verdict, &how, AckNumbers { interchange: 1, group: 1 }, now()) else {
                assert!(!x12::earns_acknowledgement(verdict, &how), "{verdict:?}");
                continue;
            };
            let strict = Policy { strict_isa: true, ..Policy::default() };
            let (answers, heard) = self::verdicts(&answer, &strict);
            // What is copied from theirs is as they wrote it: how they call group and sets, and a version that we have no tables of.
            let ours = |it: &&Finding| {
                it.is_told()
                    && !["AK1", "AK2"].contains(&&*it.tag)
                    && !["X12-0204", "X12-0308"].contains(&it.code.as_str())
            };
            let wrong: Vec<_> = answers.iter().flat_map(|verdict| verdict.all_findings()).filter(ours).collect();
            assert!(wrong.is_empty() && answers.len() == 1, "{wrong:?} in {}", answer.escape_ascii());
            assert_eq!(heard.len() as u64, answers[0].sets, "{}", answer.escape_ascii());
        }
    }
}

/// The verdicts of what is in `bytes`, and what its acknowledgements say.
fn verdicts(bytes: &[u8], policy: &Policy) -> (Vec<InterchangeVerdict>, Vec<GroupAcknowledged>) {
    let mut checker = Checker::new(bytes, |_| policy.clone());
    let (mut verdicts, mut heard) = (Vec::new(), Vec::new());
    while let Some(step) = checker.next().expect("memory can be read") {
        match step {
            Step::Set(set) => heard.extend(set.view.and_then(|view| GroupAcknowledged::read(&view).ok())),
            Step::InterchangeEnd(verdict) => verdicts.push(*verdict),
            _ => {}
        }
    }
    (verdicts, heard)
}
