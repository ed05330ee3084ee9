//! The committed tables of the X12 standards against the facts they were made from, so that no drift goes unseen.
//!
//! The facts are JSON outside of the repository (`GANGWAY_FACTS`, default `../shared/data`); where they are absent, the
//! tests say so and pass. What the tables amend on purpose is listed here, and only that may differ.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gangway::x12::standard::{
    Content, ElementKind, ElementUse, NodeId, NodeKind, NoteKind, Requirement, Standard, SyntaxNote,
};
use serde_json::Value;

/// Segments whose elements the facts of 004010 have wrong or not at all; they come from 005010.
const ENVELOPE: [&str; 7] = ["ISA", "IEA", "TA1", "GS", "GE", "ST", "SE"];

/// Notes that 005010 added and the facts lack.
const ADDED_NOTES: [(&str, &[&str]); 4] = [
    ("N4", &["E0207", "C0704"]),
    ("NM1", &["C1203"]),
    ("DMG", &["P1011", "C1105"]),
    ("MEA", &["E0412", "P1112", "L050412", "L060412"]),
];

/// ID elements that the facts of 004010 take for text without codes; their lists are 005010's.
const CODES_OF_005010: [&str; 4] = ["98", "128", "150", "1300"];

/// Codes that the facts lack, by element: RE is in half of all invoices, and x12-types has the first two; I5 is what 999s of
/// 005010 say everywhere, and later versions list it; NS and NA are the plain cases of a carrier's status.
const ADDED_CODES: [(&str, &str); 5] = [("98", "RE"), ("812", "ZZZ"), ("618", "I5"), ("1651", "NA"), ("1651", "NS")];

fn facts(version: &str) -> Option<Value> {
    let folder = std::env::var_os("GANGWAY_FACTS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let file = folder.join(format!("x12_{version}.json"));
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: no facts at {}; set GANGWAY_FACTS", file.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// Whether the facts call a segment optional that is mandatory in its loop.
fn amended(version: &str, path: &[String]) -> bool {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    version == "004010"
        && matches!(
            names[..],
            [.., "LM", "LQ"]
                | [.., "LM", "LQ", "LQ"]
                | [.., "FA1", "FA2"]
                | ["997", "AK2", "AK5"]
                | ["810", "N9", "MSG"]
                | ["852", "LIN", "ZA"]
                | [.., "LS", "LS" | "LE"]
        )
}

/// One row per node: the loops that lead to it, requirement, maximum.
type Rows = Vec<(Vec<String>, bool, u64)>;

fn rows_of_facts(version: &str, body: &Value, path: &[String], rows: &mut Rows) {
    // Facts of 004010 have LS and LE beside the loop they enclose.
    let mut bounded = false;
    for node in body.as_array().unwrap() {
        let name = node["seg"].as_str().or_else(|| node["loop"].as_str()).unwrap();
        let name = name.split('_').next().unwrap();
        let mut here = path.to_vec();
        if name == "LS" && node.get("seg").is_some() && path.last().is_none_or(|above| above != "LS") {
            bounded = true;
            rows.push(([path, &["LS".to_owned()]].concat(), false, 1));
        }
        if bounded {
            here.push("LS".to_owned());
        }
        here.push(name.to_owned());
        bounded &= name != "LE";
        let mandatory = node["req"] == "M" || amended(version, &here);
        rows.push((here.clone(), mandatory, node["max"].as_u64().unwrap()));
        if let Some(body) = node.get("body") {
            rows_of_facts(version, body, &here, rows);
        }
    }
}

fn rows_of_table(standard: &Standard, set: &str) -> Rows {
    let set = standard.set(set.as_bytes()).unwrap();
    let mut rows = Rows::new();
    for (at, node) in set.nodes().iter().enumerate().skip(1) {
        let mut path = Vec::new();
        let mut above = Some(node);
        while let Some(here) = above {
            path.push(match &here.kind {
                NodeKind::Segment(id) => standard.segment_by_id(*id).unwrap().tag.to_string(),
                NodeKind::Loop(id) => id.to_string(),
            });
            let root = std::ptr::eq(here, &set.nodes()[0]);
            above = set.node(here.parent).filter(|_| !root);
        }
        path.reverse();
        let envelope = node.parent == NodeId::ROOT && matches!(path.last().map(String::as_str), Some("ST" | "SE"));
        if !envelope {
            let max = if node.max == u32::MAX { 999_999 } else { u64::from(node.max) };
            rows.push((path, node.requirement == Requirement::Mandatory, max));
        }
        assert!(at < set.nodes().len());
    }
    rows
}

#[test]
fn sets_are_the_facts() {
    for version in Standard::VERSIONS {
        let Some(facts) = facts(version) else { continue };
        let standard = Standard::get(version).unwrap();
        for set in standard.sets() {
            let mut expected = Rows::new();
            rows_of_facts(version, &facts["sets"][set.id()], &[set.id().to_owned()], &mut expected);
            let table = rows_of_table(standard, set.id());
            let differing = table.iter().zip(&expected).find(|(ours, theirs)| ours != theirs);
            assert_eq!((differing, table.len()), (None, expected.len()), "{version} {}", set.id());
        }
    }
}

fn note(text: &str) -> SyntaxNote {
    let kind = match &text[..1] {
        "P" => NoteKind::Paired,
        "R" => NoteKind::Required,
        "E" => NoteKind::Exclusion,
        "C" => NoteKind::Conditional,
        "L" => NoteKind::List,
        other => panic!("{other}"),
    };
    let positions: Vec<u8> =
        text.as_bytes()[1..].chunks(2).map(|pair| std::str::from_utf8(pair).unwrap().parse().unwrap()).collect();
    SyntaxNote::new(kind, &positions).unwrap()
}

fn number(used: &ElementUse) -> String {
    match &used.content {
        Content::Simple(element) => element.number.to_string(),
        Content::Composite(composite) => composite.id.to_string(),
    }
}

#[test]
fn segments_are_the_facts() {
    for version in Standard::VERSIONS {
        let Some(facts) = facts(version) else { continue };
        let standard = Standard::get(version).unwrap();
        for segment in standard.segments() {
            let fact = &facts["segments"][&*segment.tag];
            if version == "004010" && ENVELOPE.contains(&&*segment.tag) {
                continue;
            }
            let uses = fact["elements"].as_array().unwrap();
            let expected: Vec<(&str, bool)> = uses.iter().map(|u| (u[0].as_str().unwrap(), u[1] == "M")).collect();
            let table: Vec<(String, bool)> =
                segment.elements.iter().map(|u| (number(u), u.requirement == Requirement::Mandatory)).collect();
            let table: Vec<(&str, bool)> = table.iter().map(|(number, mandatory)| (&**number, *mandatory)).collect();
            assert_eq!(table, expected, "{version} {}", segment.tag);

            let mut notes: Vec<SyntaxNote> =
                fact["syntax"].as_array().unwrap().iter().map(|text| note(text.as_str().unwrap())).collect();
            let added = ADDED_NOTES.iter().filter(|(tag, _)| version == "005010" && *tag == &*segment.tag);
            notes.extend(added.flat_map(|(_, texts)| texts.iter().map(|text| note(text))));
            assert_eq!(segment.notes.to_vec(), notes, "{version} {}", segment.tag);

            // Which elements are relational follows from the notes; the facts of 005010 say it too.
            if version == "005010" && !ADDED_NOTES.iter().any(|(tag, _)| *tag == &*segment.tag) {
                let expected: Vec<bool> = uses.iter().map(|used| used[1] == "C").collect();
                let table: Vec<bool> =
                    segment.elements.iter().map(|used| used.requirement == Requirement::Relational).collect();
                assert_eq!(table, expected, "{}", segment.tag);
            }
            for (at, used) in (1..).zip(&segment.elements) {
                let repeat = fact["repeat"][at.to_string()].as_u64().unwrap_or(1);
                assert_eq!(u64::from(used.repeat), repeat, "{version} {}{at:02}", segment.tag);
            }
        }
    }
}

#[test]
fn elements_and_codes_are_the_facts() {
    for version in Standard::VERSIONS {
        let (Some(facts), Some(later)) = (facts(version), facts("005010")) else { continue };
        let standard = Standard::get(version).unwrap();
        for element in standard.elements() {
            let number = &*element.number;
            let envelope = version == "004010" && number.starts_with('I');
            let fact = if envelope { &later["elements"][number] } else { &facts["elements"][number] };
            if number == "I10" {
                continue; // ISA11 before 00402; no facts have it.
            }
            assert_eq!(
                (u64::from(element.min), u64::from(element.max)),
                (fact["min"].as_u64().unwrap(), fact["max"].as_u64().unwrap()),
                "{version} {number}"
            );
            // `R9` in the facts of 004010 is a slip for R with a length of 9, and some ID elements are given as AN there.
            let kind = ElementKind::from_name(fact["type"].as_str().unwrap()).unwrap_or(ElementKind::Decimal);
            let mended = version == "004010" && kind == ElementKind::Text && later["elements"][number]["type"] == "ID";
            assert_eq!(element.kind, if mended { ElementKind::Code } else { kind }, "{version} {number}");

            let borrowed = version == "004010" && CODES_OF_005010.contains(&number);
            let codes = if borrowed { &later["elements"][number]["codes"] } else { &fact["codes"] };
            let mut expected: BTreeSet<&str> =
                codes.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let added = ADDED_CODES.iter().filter(|(of, _)| *of == number && (version == "005010" || borrowed));
            expected.extend(added.map(|(_, code)| code));
            let table = element.codes.as_ref().map_or_else(Vec::new, |codes| codes.codes());
            let table: BTreeSet<&str> = table.iter().map(|code| std::str::from_utf8(code).unwrap()).collect();
            assert_eq!(table, expected, "{version} {number}");
        }
    }
}

#[test]
fn composites_are_the_facts() {
    for version in Standard::VERSIONS {
        let Some(facts) = facts(version) else { continue };
        let standard = Standard::get(version).unwrap();
        let used: BTreeMap<String, &ElementUse> = standard
            .segments()
            .iter()
            .flat_map(|segment| &segment.elements)
            .filter(|used| matches!(used.content, Content::Composite(_)))
            .map(|used| (number(used), used))
            .collect();
        for (id, used) in used {
            let Content::Composite(composite) = &used.content else { unreachable!() };
            let fact = facts["composites"][&id].as_array().unwrap();
            let expected: Vec<(&str, bool)> = fact.iter().map(|u| (u[0].as_str().unwrap(), u[1] == "M")).collect();
            let table: Vec<(String, bool)> =
                composite.components.iter().map(|u| (number(u), u.requirement == Requirement::Mandatory)).collect();
            let table: Vec<(&str, bool)> = table.iter().map(|(number, mandatory)| (&**number, *mandatory)).collect();
            assert_eq!(table, expected, "{version} {id}");
            let notes = facts["compositeSyntax"][&id].as_array().into_iter().flatten();
            let notes: Vec<SyntaxNote> = notes.map(|text| note(text.as_str().unwrap())).collect();
            assert_eq!(composite.notes.to_vec(), notes, "{version} {id}");
        }
    }
}
