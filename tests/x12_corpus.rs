//! Real X12 files through the checker: exact counts and codes, every byte accounted for.
//!
//! The files are test data outside of this tree: `GANGWAY_CORPUS`, or `../shared/corpus` beside the crate. Without them these tests
//! say so and pass.

use gangway::x12::{
    AckNumbers, AckPolicy, Checker, Finding, Layout, Policy, SetView, Status, Step, Writer, acknowledge, stats,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::fuzz_targets::Drip;

/// The files in order, with their bytes.
pub(super) fn files() -> Option<Vec<(String, Vec<u8>)>> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus");
    let folder = std::env::var_os("GANGWAY_CORPUS").map_or_else(|| PathBuf::from(default), PathBuf::from).join("x12");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("no corpus at {}: nothing was tested", folder.display());
        return None;
    };
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name() != "MANIFEST.tsv")
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    Some(files)
}

fn letter(status: Status) -> char {
    char::from(status.letter())
}

/// Codes with how often they came; those that no acknowledgement speaks of in brackets.
fn codes<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> String {
    let mut counts: BTreeMap<(&str, bool), u32> = BTreeMap::new();
    for finding in findings {
        *counts.entry((finding.code.as_str(), finding.is_told())).or_default() += 1;
    }
    let mut words = String::new();
    for ((code, told), count) in counts {
        let code = code.trim_start_matches("X12-");
        let times = if count > 1 { format!("x{count}") } else { String::new() };
        let _ = if told { write!(words, " {code}{times}") } else { write!(words, " ({code}{times})") };
    }
    words
}

fn table(bytes: &[u8]) -> String {
    let mut checker = Checker::new(bytes, |_| Policy::default());
    let mut table = String::new();
    while let Some(step) = checker.next().unwrap() {
        match step {
            Step::Interchange(_) | Step::Group(_) | Step::Set(_) => {}
            Step::Rubbish(finding) => {
                let _ = writeln!(table, "  rubbish{}", codes([&finding]));
            }
            Step::InterchangeEnd(verdict) => {
                let ta1 = verdict.ta1.map_or(String::new(), |ta1| format!(" TA1 {:03}", ta1.note));
                let (status, found) = (letter(verdict.status), codes(&verdict.findings));
                let (sets, segments) = (verdict.sets, verdict.segments);
                let _ = writeln!(table, "  interchange {status}{ta1}, {sets} sets, {segments} segments{found}");
                for group in &verdict.groups {
                    let (header, status) = (&group.header, char::from(group.status.letter()));
                    let found = codes(&group.findings);
                    let _ = writeln!(table, "    {} {} {status}{found}", header.functional_id, header.version);
                    for set in &group.sets {
                        let _ = writeln!(table, "      {} {}{}", set.id, letter(set.status), codes(&set.findings));
                    }
                }
            }
        }
    }
    table
}

#[test]
fn every_file_has_its_verdict() {
    let Some(files) = files() else { return };
    let mut all = String::new();
    for (name, bytes) in &files {
        let _ = write!(all, "{name}\n{}", table(bytes));
        let counted = stats(&bytes[..]).unwrap();
        assert_eq!(counted.bytes, bytes.len() as u64, "{name}");
    }
    assert_eq!(files.len(), 89);
    insta::assert_snapshot!("x12_corpus", all);
}

#[test]
fn segments_written_back_are_the_same_bytes() {
    let Some(files) = files() else { return };
    let now = jiff::civil::date(2026, 7, 1).at(12, 0, 0, 0);
    let mut same = 0;
    for (name, bytes) in &files {
        let mut checker = Checker::new(&bytes[..], |_| Policy::default());
        while let Some(step) = checker.next().unwrap() {
            let Step::Set(set) = step else { continue };
            let view: SetView<'_> = set.view.unwrap_or_else(|| panic!("{name}: no view"));
            let layout = Layout { delimiters: view.delimiters(), ..Layout::default() };
            for segment in view.segments() {
                // What stands in the file at that place: wrapped files have line ends in between.
                let from = segment.offset() as usize;
                let wanted = segment.bytes();
                let mut there = bytes[from..].iter().copied();
                let wrapped = !bytes[from..].starts_with(wanted);
                let found: Vec<u8> =
                    there.by_ref().filter(|byte| !wrapped || !b"\r\n".contains(byte)).take(wanted.len()).collect();
                assert_eq!(found, wanted, "{name} at {from}");
                let Ok(mut writer) = Writer::new(layout, now) else { continue };
                writer.copy(&segment).unwrap();
                let mut written = writer.finish();
                assert_eq!(written.pop(), Some(view.delimiters().segment));
                assert_eq!(written, wanted, "{name} at {from}");
                same += 1;
            }
        }
    }
    assert!(same > 1500, "{same}");
}

#[test]
fn chunks_do_not_matter_to_any_file() {
    let Some(files) = files() else { return };
    for (name, bytes) in &files {
        for size in [1, 7, 106] {
            let verdicts = |chunk| {
                let mut checker = Checker::new(Drip(bytes, chunk), |_| Policy::default());
                let mut verdicts = Vec::new();
                while let Some(step) = checker.next().unwrap() {
                    if let Step::InterchangeEnd(verdict) = step {
                        verdicts.push(verdict);
                    }
                }
                verdicts
            };
            assert_eq!(verdicts(size), verdicts(usize::MAX), "{name} in chunks of {size}");
        }
    }
}

#[test]
fn every_answer_is_clean() {
    let Some(files) = files() else { return };
    let now = jiff::civil::date(2026, 7, 1).at(12, 0, 0, 0);
    for (name, bytes) in &files {
        let mut checker = Checker::new(&bytes[..], |_| Policy::default());
        while let Some(step) = checker.next().unwrap() {
            let Step::InterchangeEnd(verdict) = step else { continue };
            let numbers = AckNumbers { interchange: 1, group: 1 };
            let Some(ack) = acknowledge(&verdict, &AckPolicy::default(), numbers, now) else { continue };
            let mut own = Checker::new(&ack[..], |_| Policy { strict_isa: true, ..Policy::default() });
            while let Some(step) = own.next().unwrap() {
                let Step::InterchangeEnd(own) = step else { continue };
                assert_eq!(own.header.bytes.len(), 105);
                assert_ne!(own.status, Status::Rejected, "{name}: {}", String::from_utf8_lossy(&ack));
                for finding in own.all_findings() {
                    // Copied from what is answered: versions without tables, and control numbers that are too short.
                    let copied = matches!(finding.tag.as_str(), "GS" | "ST" | "ISA" | "AK1" | "AK2");
                    assert!(copied, "{name}: {finding:?}\n{}", String::from_utf8_lossy(&ack));
                }
            }
        }
    }
}
