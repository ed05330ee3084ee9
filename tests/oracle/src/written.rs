//! What our writer makes, read by x12-types: every set of 005010 with all that is mandatory in it, and our acknowledgements.

use std::fmt::Display;

use gangway::x12::standard::{
    Content, ElementDef, ElementKind, NodeId, NodeKind, Requirement, SegmentDef, SetDef, Standard,
};
use gangway::x12::{
    AckNumbers, AckPolicy, Checker, Element, Functional, GroupOut, InterchangeOut, Layout, PartyId, Policy, Step,
    Writer, acknowledge,
};
use x12_types::util::Parser;
use x12_types::v005010 as theirs;

fn now() -> jiff::civil::DateTime {
    jiff::civil::date(2026, 7, 1).at(12, 5, 0, 0)
}

fn standard() -> &'static Standard {
    Standard::get("005010").expect("005010 is built in")
}

/// A value that the element may hold.
fn value(def: &ElementDef) -> String {
    let min = def.min as usize;
    match def.kind {
        ElementKind::Code => {
            let codes = def.codes.as_ref().map(|codes| codes.codes()).unwrap_or_default();
            let fits = |code: &Vec<u8>| (def.min..=def.max).contains(&(code.len() as u32));
            let code = codes.into_iter().find(fits).map(|code| String::from_utf8(code).expect("codes are ASCII"));
            code.unwrap_or_else(|| "A".repeat(min.max(1)))
        }
        ElementKind::Text | ElementKind::Binary => "A".repeat(min.max(1)),
        ElementKind::Date => if def.max < 8 { "260701" } else { "20260701" }.to_owned(),
        ElementKind::Time => "1200".to_owned(),
        ElementKind::Decimal | ElementKind::Integer(_) => format!("{:0>min$}", 1),
    }
}

/// The elements of a segment that has what it must: what is mandatory, and what its notes then demand. Where nothing is, a few
/// elements all the same: nobody sends a bare tag, and x12-types takes none.
fn filled(def: &SegmentDef) -> Vec<Vec<String>> {
    let first = |count: u32| (1_u64 << count.min(def.elements.len() as u32)) - 1;
    let bare = (0..=5).rev().map(first).find(|present| !def.notes.iter().any(|note| note.broken_by(*present)));
    let mut present = if def.mandatory == 0 { bare.unwrap_or_default() } else { def.mandatory };
    while let Some(note) = def.notes.iter().find(|note| note.broken_by(present)) {
        let culprits = note.culprits(present);
        present |= culprits & culprits.wrapping_neg();
    }
    let all = def.elements.iter().enumerate().map(|(nth, used)| match &used.content {
        _ if present & (1 << nth) == 0 => Vec::new(),
        Content::Simple(def) => vec![value(def)],
        Content::Composite(composite) => {
            let last = 64 - (composite.mandatory | 1).leading_zeros() as usize;
            composite
                .components
                .iter()
                .take(last)
                .map(|used| match &used.content {
                    Content::Simple(def) => value(def),
                    Content::Composite(_) => String::new(),
                })
                .collect()
        }
    });
    all.collect()
}

/// Writes what is mandatory of a loop, in its order.
fn write(set: &SetDef, of: NodeId, writer: &mut Writer) {
    for child in set.children(of) {
        let Some(node) = set.node(child).filter(|node| node.requirement == Requirement::Mandatory) else { continue };
        match &node.kind {
            NodeKind::Loop(_) => write(set, child, writer),
            NodeKind::Segment(id) => {
                let def = standard().segment_by_id(*id).expect("a segment of the standard");
                if ["ST", "SE"].contains(&&*def.tag) {
                    continue;
                }
                let values = filled(def);
                let elements: Vec<Element<'_>> = values
                    .iter()
                    .map(|parts| Element::Composite(parts.iter().map(|part| part.as_bytes()).collect()))
                    .collect();
                writer.segment(&def.tag, &elements).expect("a segment that can be written");
            }
        }
    }
}

/// An interchange with the smallest set of that kind.
fn smallest(id: &str) -> Vec<u8> {
    let set = standard().set(id.as_bytes()).expect("a set of ours");
    let party = |id: &str| PartyId { qualifier: "ZZ".into(), id: id.into() };
    let mut writer = Writer::new(Layout::default(), now()).expect("usable separators");
    let isa = InterchangeOut {
        sender: party("A"),
        receiver: party("B"),
        version: "00501".into(),
        control: 1,
        ack_requested: false,
        usage: b'P',
    };
    writer.begin_interchange(&isa).expect("an ISA");
    let group = GroupOut {
        functional_id: set.group().into(),
        sender: b"A".to_vec(),
        receiver: b"B".to_vec(),
        control: 1,
        version: "005010".into(),
    };
    writer.begin_group(&group).expect("a GS");
    writer.begin_set(id, "0001", None).expect("an ST");
    write(set, NodeId::ROOT, &mut writer);
    writer.end_set().and_then(|()| writer.end_group()).and_then(|()| writer.end_interchange()).expect("trailers");
    writer.finish()
}

/// The text of the only set of an interchange, which is clean by our own check.
fn clean_set(interchange: &[u8]) -> String {
    let mut checker = Checker::new(interchange, |_| Policy::default());
    let mut text = String::new();
    while let Some(step) = checker.next().expect("memory can be read") {
        match step {
            Step::Set(set) => {
                assert!(set.findings.is_empty(), "{:?} in {}", set.findings, interchange.escape_ascii());
                text = String::from_utf8(set.view.expect("a small set").bytes().to_vec()).expect("ASCII");
            }
            Step::InterchangeEnd(verdict) => assert!(verdict.all_findings().next().is_none(), "{verdict:?}"),
            _ => {}
        }
    }
    text
}

/// Whether a type of theirs reads a text to its end and writes it again as it was.
fn reads<T: for<'a> Parser<&'a str, T, nom::error::Error<&'a str>> + Display>(text: &str) -> Result<(), String> {
    let (rest, read) = T::parse(text).map_err(|error| format!("{error}"))?;
    if !rest.is_empty() {
        return Err(format!("it stops at {}", rest.chars().take(40).collect::<String>()));
    }
    let again = read.to_string().replace('\n', "");
    if again == text { Ok(()) } else { Err(format!("it reads {again}")) }
}

macro_rules! readers {
    ($($id:literal $name:ident)*) => {
        const READERS: &[(&str, fn(&str) -> Result<(), String>)] = &[$(($id, reads::<theirs::$name>)),*];
    };
}

readers! {
    "214" _214 "810" _810 "820" _820 "824" _824 "830" _830 "832" _832 "840" _840 "843" _843 "846" _846 "850" _850
    "852" _852 "855" _855 "856" _856 "860" _860 "861" _861 "862" _862 "864" _864 "865" _865 "867" _867 "869" _869
    "870" _870 "997" _997 "999" _999
}

#[test]
fn every_set_that_we_write_is_read_by_x12_types() {
    let mut refused = Vec::new();
    for (id, reader) in READERS {
        let text = clean_set(&smallest(id));
        assert!(text.starts_with(&format!("ST*{id}*0001~")), "{text}");
        if let Err(why) = reader(&text) {
            refused.push(format!("{id}: {why}: {text}"));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
    assert_eq!(READERS.len(), 23);
}

#[test]
fn our_acknowledgements_are_read_by_x12_types() {
    let order = smallest("850");
    let text = String::from_utf8(order).expect("ASCII");
    for (functional, id) in [(Functional::F997, "997"), (Functional::F999, "999")] {
        for text in [text.clone(), text.replacen("BEG*00*", "BEG*!!!*", 1).replacen("SE*", "ZZZ*1~SE*", 1)] {
            let mut checker = Checker::new(text.as_bytes(), |_| Policy::default());
            while let Some(step) = checker.next().expect("memory can be read") {
                let Step::InterchangeEnd(verdict) = step else { continue };
                let how = AckPolicy { functional, ..AckPolicy::default() };
                let answer =
                    acknowledge(&verdict, &how, AckNumbers { interchange: 1, group: 1 }, now()).expect("an answer");
                let set = clean_set(&answer);
                let (_, reader) = READERS.iter().find(|(known, _)| *known == id).expect("a reader");
                // Their AK1 of 005010 has no AK103, which ours says as the standard wants.
                let set = set.replace("AK1*PO*1*005010~", "AK1*PO*1~");
                assert_eq!(reader(&set), Ok(()), "{set}");
            }
        }
    }
}
