//! One good interchange in every guise that senders give it, and with one thing wrong at a time: what is the same stays the same,
//! and what is wrong gets its exact codes.

use std::io::Read;

use gangway::x12::{AckNumbers, AckPolicy, Checker, Layout, Policy, Step, acknowledge};

use crate::x12_guises::TERMINATORS;

const ISA: &str =
    "ISA*00*          *00*          *ZZ*SENDER         *01*RECEIVER       *260701*1200*U*00401*000000001*0*P*>~";
const SETS: [&[&str]; 3] = [
    &[
        "ST*850*0001",
        "BEG*00*SA*4500 5° – é**20260701",
        "N1*ST*ACME*92*12",
        "N3*STREET 1",
        "PO1*1*2*EA*9.5",
        "CTT*1",
        "SE*7*0001",
    ],
    &["ST*850*0002", "BEG*00*SA*4501**20260701", "REF*DP*1", "PO1*1*2*EA*9.5", "PID*F****BOLT", "CTT*1", "SE*7*0002"],
    &["ST*850*0003", "BEG*00*SA*4502**20260701", "PO1*1*2*EA*9.5", "CTT*1", "SE*5*0003"],
];

fn segments(sets: &[Vec<String>]) -> Vec<String> {
    let mut all = vec![ISA.trim_end_matches('~').to_owned(), "GS*PO*A*B*20260701*1200*7*X*004010".to_owned()];
    all.extend(sets.iter().flatten().cloned());
    all.extend(["GE*3*7".to_owned(), "IEA*1*000000001".to_owned()]);
    all
}

fn sets() -> Vec<Vec<String>> {
    SETS.iter().map(|set| set.iter().map(|segment| (*segment).to_owned()).collect()).collect()
}

fn joined(segments: &[String], terminator: &[u8]) -> Vec<u8> {
    segments.iter().flat_map(|segment| [segment.as_bytes(), terminator].concat()).collect()
}

/// Every element of every set, and the acknowledgement written with our own separators.
pub(super) fn read(source: impl Read) -> (Vec<Vec<Vec<u8>>>, Vec<String>) {
    let mut checker = Checker::new(source, |_| Policy::default());
    let (mut values, mut acks) = (Vec::new(), Vec::new());
    while let Some(step) = checker.next().unwrap() {
        match step {
            Step::Set(set) => {
                for segment in set.view.unwrap().segments() {
                    let elements = (1..=segment.len()).map(|number| segment.element(number).to_vec());
                    values.push([segment.tag().to_vec()].into_iter().chain(elements).collect());
                }
            }
            Step::InterchangeEnd(verdict) => {
                let how =
                    AckPolicy { delimiters: Some(Layout::default().delimiters), lines: true, ..AckPolicy::default() };
                let now = jiff::civil::date(2026, 7, 1).at(12, 0, 0, 0);
                let ack = acknowledge(&verdict, &how, AckNumbers { interchange: 1, group: 1 }, now);
                acks.push(ack.map_or(String::new(), |ack| String::from_utf8(ack).unwrap()));
            }
            Step::Rubbish(finding) => panic!("{finding:?}"),
            _ => {}
        }
    }
    (values, acks)
}

#[test]
fn every_guise_reads_the_same() {
    let plain = segments(&sets());
    let expected = read(&joined(&plain, b"~")[..]);
    assert!(expected.1[0].contains("AK9*A*3*3*3"), "{}", expected.1[0]);
    let mut seen = 0;
    for element in [b'*', b'|', b'^', 0x1d, b'~'] {
        for terminator in TERMINATORS.iter().filter(|terminator| !terminator.contains(&element)) {
            let plain: Vec<String> =
                plain.iter().map(|text| text.replace('*', &char::from(element).to_string())).collect();
            let base = joined(&plain, terminator);
            let lines = joined(&plain, &[terminator, &b"\r\n"[..]].concat());
            let indented = joined(&plain, &[terminator, &b"\n   \t"[..]].concat());
            let blank = terminator.iter().all(u8::is_ascii_whitespace);
            let mark = [&b"\xef\xbb\xbf"[..], &base].concat();
            let open = base[..base.len() - terminator.len()].to_vec();
            let mut guises = vec![base.clone(), mark, open];
            if !blank {
                guises.extend([lines, indented]);
            }
            // Line ends in the header mean that all of them are the wrapping's.
            if !terminator.iter().any(|byte| b"\r\n".contains(byte)) {
                let wrapped = |end: &[u8]| base.chunks(80).flat_map(|line| [line, end].concat()).collect::<Vec<u8>>();
                guises.extend([wrapped(b"\n"), wrapped(b"\r\n")]);
            }
            for (nth, guise) in guises.iter().enumerate() {
                assert_eq!(&read(&guise[..]), &expected, "{:?} {:?} {nth}", char::from(element), terminator);
                seen += 1;
            }
            let twice = read(&[&base[..], b"\r\n", &base].concat()[..]);
            assert_eq!((twice.0.len(), twice.1.len()), (expected.0.len() * 2, 2));
            assert_eq!(twice.1[1], expected.1[0]);
        }
    }
    assert!(seen > 450, "{seen}");
}

/// What the acknowledgement says of each set and of the group, with one segment of the first set dropped, doubled or moved.
#[test]
fn one_segment_dropped_doubled_or_moved_is_told_exactly() {
    let mut told = String::new();
    let mut tell = |what: &str, changed: Vec<Vec<String>>| {
        let (_, acks) = read(&joined(&segments(&changed), b"~")[..]);
        let from = acks[0].find("AK2*").unwrap();
        let lines: Vec<&str> = acks[0][from..].lines().take_while(|line| !line.starts_with("SE*")).collect();
        let lines = lines.join(" ").replace('~', "");
        // The siblings are never touched.
        assert!(lines.contains("AK2*850*0002 AK5*A") && lines.contains("AK2*850*0003 AK5*A"), "{what}: {lines}");
        let first = lines.split(" AK2*850*0002").next().unwrap();
        told += &format!("{what}: {first} … {}\n", &lines[lines.find("AK9").unwrap()..]);
    };
    for (at, segment) in SETS[0].iter().enumerate().skip(1) {
        let mut dropped = sets();
        dropped[0].remove(at);
        // The count is right for what is left, so that only the place is wrong.
        let recount = |set: &mut Vec<String>| {
            let count = set.len();
            if let Some(last) = set.last_mut().filter(|last| last.starts_with("SE*")) {
                *last = format!("SE*{count}*0001");
            }
        };
        recount(&mut dropped[0]);
        let tag = segment.split('*').next().unwrap();
        tell(&format!("{tag} dropped"), dropped);
        if tag != "SE" {
            let mut doubled = sets();
            doubled[0].insert(at, (*segment).to_owned());
            recount(&mut doubled[0]);
            tell(&format!("{tag} doubled"), doubled);
            let mut moved = sets();
            let one = moved[0].remove(at);
            let end = moved[0].len() - 1;
            moved[0].insert(end, one);
            tell(&format!("{tag} moved to the end"), moved);
        }
    }
    insta::assert_snapshot!(told);
}
