//! Hand-written sets, one mistake each: what AK304 has to say of them, and where.

use proptest::prelude::*;

use super::super::{NodeKind, Overlay, Requirement, Standard};
use super::*;

/// Walks `ST tags… SE` and tells problems as `code tag@position`. `LS:LDT` is an LS whose LS01 is LDT; a tag that the
/// standard does not have is told as code 1, as a checker would.
fn walk(version: &str, set: &str, tags: &str) -> Vec<String> {
    walk_with(Standard::get(version).unwrap(), set, tags)
}

fn walk_with(standard: &Standard, set: &str, tags: &str) -> Vec<String> {
    let mut walker = Walker::new(standard.set(set.as_bytes()).unwrap());
    let mut told: Vec<(u32, String)> = Vec::new();
    let tell = |problems: &[Problem], told: &mut Vec<(u32, String)>| {
        for problem in problems {
            let tag = &standard.segment_by_id(problem.segment).unwrap().tag;
            let text = format!("{} {tag}@{}", problem.kind.ak304() as char, problem.position);
            told.push((problem.position, text));
        }
    };
    for word in ["ST"].into_iter().chain(tags.split_whitespace()).chain(["SE"]) {
        let (tag, first) = word.split_once(':').unwrap_or((word, ""));
        match standard.segment_id(tag.as_bytes()) {
            Some(segment) => tell(walker.step(segment, first.as_bytes()).problems, &mut told),
            None => {
                walker.pass();
                told.push((walker.position(), format!("1 {tag}@{}", walker.position())));
            }
        }
    }
    tell(walker.finish(), &mut told);
    told.sort_by_key(|(position, _)| *position);
    told.into_iter().map(|(_, text)| text).collect()
}

/// The path at which the last of these tags is placed.
fn place(version: &str, set: &str, tags: &str) -> String {
    let standard = Standard::get(version).unwrap();
    let mut walker = Walker::new(standard.set(set.as_bytes()).unwrap());
    let mut node = None;
    for word in ["ST"].into_iter().chain(tags.split_whitespace()) {
        let (tag, first) = word.split_once(':').unwrap_or((word, ""));
        node = walker.step(standard.segment_id(tag.as_bytes()).unwrap(), first.as_bytes()).node;
    }
    walker.set().path(node.unwrap(), |id| &standard.segment_by_id(id).unwrap().tag)
}

fn clean(version: &str, set: &str, tags: &str) {
    assert_eq!(walk(version, set, tags), [""; 0], "{version} {set}: {tags}");
}

const ORDER: &str = "BEG CUR REF REF PER FOB SAC CUR SAC ITD DTM DTM TD5 N9 MSG MSG N1 N2 N3 N4 PER N1 N3 N4 \
    PO1 CTP PID MEA PID PO4 REF SAC DTM QTY SCH TD5 SCH N1 N3 N4 SLN PID PO1 PID PO1 CTT AMT";
const CONFIRMATION: &str = "BAK CUR REF PER DTM TD5 N9 MSG N1 N3 N4 N1 PO1 PID ACK DTM ACK N1 PO1 ACK CTT AMT";
const SHIPMENT: &str = "BSN DTM DTM HL TD1 TD5 TD3 REF PER FOB N1 N3 N4 N1 HL PRF HL PO4 MAN HL LIN SN1 SLN PID \
    HL MAN HL LIN SN1 CLD REF HL LIN SN1 CTT";
const INVOICE: &str = "BIG NTE CUR REF PER N1 N2 N3 N4 N1 ITD DTM FOB PID IT1 CTP PID MEA SAC TXI IT1 REF SLN \
    TDS TXI CAD AMT SAC TXI ISS CTT";

#[test]
fn right_sets_have_no_problem() {
    for version in Standard::VERSIONS {
        clean(
            version,
            "850",
            if version == "004010" { ORDER.to_owned() } else { ORDER.replace("MSG", "MTX") }.as_str(),
        );
        let confirmation = CONFIRMATION.replace("MSG", if version == "004010" { "MSG" } else { "MTX" });
        clean(version, "855", &confirmation);
        clean(version, "856", SHIPMENT);
        clean(version, "810", INVOICE);
        clean(version, "997", "AK1 AK2 AK5 AK2 AK3 AK4 AK4 AK3 AK5 AK9");
    }
    clean("005010", "999", "AK1 AK2 IK3 CTX IK4 CTX IK4 IK5 AK2 IK5 AK9");
    clean("004010", "997", "AK1 AK9");
}

#[test]
fn code_1_a_segment_the_standard_does_not_know() {
    assert_eq!(walk("004010", "850", "BEG ZZ9 REF PO1 CTT"), ["1 ZZ9@3"]);
}

#[test]
fn code_2_a_segment_of_a_loop_that_was_not_opened() {
    // The N1 is missing, its whole block is one problem.
    assert_eq!(walk("004010", "850", "BEG N3 N4 PER PO1 CTT"), ["2 N3@3"]);
    assert_eq!(walk("004010", "850", "BEG PO1 PID LQ PO4 CTT"), ["2 LQ@5"]);
    assert_eq!(walk("004010", "810", "BIG N4 REF IT1 TDS"), ["2 N4@3"]);
    // A stray one within a loop does not end the loop.
    assert_eq!(walk("004010", "856", "BSN HL N1 N3 LQ N4 HL CTT"), ["2 LQ@6"]);
}

#[test]
fn code_3_a_mandatory_segment_is_missing() {
    assert_eq!(walk("004010", "850", "REF PO1 CTT"), ["3 BEG@2"]);
    // A mandatory loop is missed by its first segment, at the segment that came in its stead.
    assert_eq!(walk("004010", "850", "BEG REF CTT"), ["3 PO1@4"]);
    assert_eq!(walk("004010", "850", "BEG"), ["3 PO1@3"]);
    assert_eq!(walk("004010", "850", ""), ["3 BEG@2", "3 PO1@2"]);
    assert_eq!(walk("004010", "810", "BIG IT1 CTT"), ["3 TDS@4"]);
    // The first HL is missing, what belongs to it is there.
    assert_eq!(walk("004010", "856", "BSN TD5 REF N1 HL LIN CTT"), ["3 HL@3"]);
    // Within a loop: told when the loop closes.
    assert_eq!(walk("004010", "856", "BSN HL LM HL CTT"), ["3 LQ@5"]);
    assert_eq!(walk("004010", "810", "BIG N9 REF IT1 TDS"), ["7 REF@4", "3 MSG@5"]);
    assert_eq!(walk("004010", "997", "AK1 AK2 AK3 AK9"), ["3 AK5@5"]);
}

#[test]
fn a_missing_se_is_not_the_walkers_matter() {
    let standard = Standard::get("004010").unwrap();
    let mut walker = Walker::new(standard.set(b"997").unwrap());
    for tag in ["ST", "AK1", "AK9"] {
        assert!(walker.step(standard.segment_id(tag.as_bytes()).unwrap(), b"").problems.is_empty());
    }
    assert!(walker.finish().is_empty());
}

#[test]
fn code_4_a_loop_occurs_too_often() {
    let many = |count: usize| format!("BEG {} PO1 CTT", "SAC ".repeat(count));
    clean("004010", "850", &many(25));
    assert_eq!(walk("004010", "850", &many(26)), ["4 SAC@28"]);
    // Its segments are right all the same.
    assert_eq!(walk("004010", "850", &format!("BEG {} SAC CUR ITD PO1 CTT", "SAC ".repeat(25))), ["4 SAC@28"]);
}

#[test]
fn code_5_a_segment_occurs_too_often() {
    assert_eq!(walk("004010", "850", "BEG CUR CUR REF PO1 CTT"), ["5 CUR@4"]);
    assert_eq!(walk("004010", "850", "BEG CUR REF CUR PER PO1 CTT"), ["5 CUR@5"]);
    assert_eq!(walk("004010", "850", "BEG N1 N3 N3 N3 N4 PO1 CTT"), ["5 N3@6"]);
    assert_eq!(walk("004010", "850", "BEG PO1 PID BEG REF PO1 CTT"), ["5 BEG@5"]);
    assert_eq!(walk("004010", "850", "BEG PER PER PER PER REF PO1 CTT"), ["5 PER@6", "7 REF@7"]);
    // Each round of a loop counts anew.
    clean("004010", "850", "BEG N1 N3 N3 N1 N3 N3 PO1 CTT");
    assert_eq!(walk("005010", "855", "BAK PO1 IT8 PO1 IT8 IT8 CTT"), ["5 IT8@7"]);
}

#[test]
fn code_6_a_segment_of_other_sets() {
    assert_eq!(walk("004010", "850", "BEG BIG REF PO1 TDS CTT"), ["6 BIG@3", "6 TDS@6"]);
}

#[test]
fn code_7_out_of_sequence_is_told_once() {
    // One segment too early.
    assert_eq!(walk("004010", "850", "BEG DTM REF PER FOB N1 PO1 CTT"), ["7 REF@4"]);
    // One too late.
    assert_eq!(walk("004010", "850", "BEG REF DTM CUR TD5 N1 PO1 CTT"), ["7 CUR@5"]);
    // A block of an enclosing loop behind the block of an inner one.
    assert_eq!(walk("004010", "850", "BEG PO1 N1 N3 PID MEA PO4 SAC PO1 CTT"), ["7 PID@6"]);
    // A stray one within an inner loop, which goes on.
    assert_eq!(walk("004010", "850", "BEG PO1 N1 PID N3 N4 PO1 CTT"), ["7 PID@5"]);
    // From the heading in the detail.
    assert_eq!(walk("004010", "810", "BIG IT1 NTE REF SAC IT1 TDS"), ["7 NTE@4"]);
    assert_eq!(walk("004010", "856", "BSN HL TD5 BSN REF HL CTT"), ["5 BSN@5"]);
    // A loop of the heading before the one it follows.
    assert_eq!(walk("004010", "850", "BEG N1 N3 N9 MSG N1 N4 PO1 CTT"), ["7 N9@5"]);
    // A stray segment that opens a loop: the loop's own need is told once, and the loop is left.
    assert_eq!(walk("004010", "850", "BEG PO1 LM PID PID TD1 PCT CTT"), ["7 PID@5", "3 LQ@6"]);
    // Two that changed places are one mistake, also if one of them is mandatory.
    assert_eq!(walk("004010", "850", "REF BEG PER PO1 CTT"), ["7 BEG@3"]);
    assert_eq!(walk("004010", "861", "BRA DTM REF PER N1 RCD CTT"), ["7 REF@4"]);
}

#[test]
fn a_clean_set_is_walked_again_after_a_bad_one() {
    let standard = Standard::get("004010").unwrap();
    let set = standard.set(b"997").unwrap();
    let mut walker = Walker::new(set);
    for tags in ["ST AK5 AK1 AK2", "ST AK1 AK9 SE"] {
        walker.begin(set);
        for tag in tags.split(' ') {
            walker.step(standard.segment_id(tag.as_bytes()).unwrap(), b"");
        }
    }
    assert!(walker.finish().is_empty());
    assert_eq!(walker.position(), 4);
}

#[test]
fn shipment_levels_repeat_flat() {
    assert_eq!(place("004010", "856", "BSN HL TD5 HL PRF HL LIN SN1"), "HL/SN1");
    let many = format!("BSN {} CTT", "HL LIN SN1 ".repeat(1000));
    clean("004010", "856", &many);
}

#[test]
fn bounded_loops() {
    let order = "BEG PO1 PID LS:LDT LDT QTY MSG LM LQ LDT LE:LDT N9 MSG N1 LDT PO1 CTT";
    clean("004010", "850", order);
    clean("005010", "850", &order.replace("MSG", "MTX"));
    clean(
        "004010",
        "860",
        &order
            .replace("BEG", "BCH")
            .replace("PO1", "POC")
            .replace("PID LS", "PID N9 LS")
            .replace("LE:LDT N9 MSG", "LE:LDT"),
    );
    for version in Standard::VERSIONS {
        clean(version, "846", "BIA LIN QTY MEA LS:REF REF DTM N1 LM LQ REF LE:REF QTY LIN CTT");
    }
    assert_eq!(place("004010", "850", "BEG PO1 LS:LDT LDT MSG"), "PO1/LS/LDT/MSG");
    // Without LS and LE, which are two segments.
    assert_eq!(walk("004010", "850", "BEG PO1 LDT QTY LDT PO1 CTT"), ["2 LDT@4", "3 LE@7"]);
    assert_eq!(walk("004010", "850", "BEG PO1 LS:LDT LDT PO1 CTT"), ["3 LE@6"]);
}

#[test]
fn ls01_chooses_between_bounded_loops() {
    let standard = Standard::get("005010").unwrap();
    let catalogue = "BCT LIN CTP LS:N1 N1 N3 LE:N1 LIN";
    clean("005010", "832", catalogue);
    clean("005010", "832", "BCT LIN CTP LS:LM LM LQ LE:LM LS:N1 N1 LE:N1 LIN");
    let mut walker = Walker::new(standard.set(b"832").unwrap());
    let mut bounds = Vec::new();
    for word in catalogue.split(' ') {
        let (tag, first) = word.split_once(':').unwrap_or((word, ""));
        let step = walker.step(standard.segment_id(tag.as_bytes()).unwrap(), first.as_bytes());
        let node = step.node.unwrap();
        bounds.push(walker.set().bound(node).map(str::to_owned));
    }
    let bound = || Some("N1".to_owned());
    assert_eq!(bounds, [None, None, None, bound(), bound(), bound(), bound(), None]);
}

#[test]
fn segments_go_to_the_innermost_place() {
    assert_eq!(place("004010", "850", "BEG REF"), "REF");
    assert_eq!(place("004010", "850", "BEG N1 REF"), "N1/REF");
    assert_eq!(place("004010", "850", "BEG N1 PO1 PID MEA"), "PO1/PID/MEA");
    assert_eq!(place("004010", "850", "BEG N1 PO1 SLN N1 REF"), "PO1/SLN/N1/REF");
    assert_eq!(place("004010", "850", "BEG PO1 CTT AMT"), "CTT/AMT");
    assert_eq!(place("005010", "855", "BAK PO1 ACK DTM"), "PO1/ACK/DTM");
    assert_eq!(place("004010", "856", "BSN HL N1 REF"), "HL/N1/REF");
}

#[test]
fn the_table_agrees_with_the_rule_it_is_made_from() {
    for version in Standard::VERSIONS {
        let standard = Standard::get(version).unwrap();
        for set in standard.sets() {
            for at in (0..set.nodes().len()).map(|at| NodeId(at as u16)) {
                if at != NodeId::ROOT && set.segment(at).is_none() {
                    continue;
                }
                for segment in standard.segments() {
                    let expected = set.candidates(at, segment.id).next();
                    assert_eq!(set.target(at, segment.id), expected, "{version} {} {at:?} {}", set.id(), segment.tag);
                }
            }
        }
    }
}

#[test]
fn every_set_walked_in_its_own_order_is_clean() {
    for version in Standard::VERSIONS {
        let standard = Standard::get(version).unwrap();
        for set in standard.sets() {
            // Each node once, in preorder; LS carries the loop it opens.
            let mut walker = Walker::new(set);
            for (at, _) in set.nodes().iter().enumerate() {
                let node = NodeId(at as u16);
                let Some(segment) = set.segment(node) else { continue };
                let first = set.bound(node).unwrap_or_default().as_bytes();
                let step = walker.step(segment, first);
                assert_eq!(step.problems, [], "{version} {} {at}", set.id());
            }
            assert_eq!(walker.finish(), [], "{version} {}", set.id());
        }
    }
}

#[test]
fn an_overlay_is_walked_like_the_standard() {
    let overlay: Overlay = toml::from_str(
        r#"
        [sets.850]
        required = ["REF", "PO1/PID"]
        maximum = { CUR = 2 }
        extra = [{ segment = "ZA1", after = "PO1/PO1", maximum = "unlimited" }]
        [segments.ZA1]
        extra = [{ type = "AN", max = 10 }]
        "#,
    )
    .unwrap();
    let derived = Standard::get("004010").unwrap().with(&overlay).unwrap();
    assert_eq!(walk_with(&derived, "850", "BEG CUR CUR REF PO1 ZA1 ZA1 PID PO1 PID CTT"), [""; 0]);
    assert_eq!(walk_with(&derived, "850", "BEG PO1 PID ZA1 PO1 CTT"), ["3 REF@3", "7 ZA1@5", "3 PID@7"]);
    assert_eq!(walk_with(&derived, "855", "BAK ZA1 PO1"), ["6 ZA1@3"]);
}

/// A set that is right, chosen by a seed: optional nodes at times, repeated ones up to three times.
fn right_set(set: &SetDef, around: NodeId, seed: &mut u64, out: &mut Vec<(SegmentId, Vec<u8>)>) {
    let mut chance = |below: u64| {
        // xorshift64
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        (*seed >> 11) % below
    };
    for child in set.children(around) {
        let node = set.node(child).unwrap();
        if node.requirement != Requirement::Mandatory && chance(6) > 0 {
            continue;
        }
        for _ in 0..=chance(u64::from(node.max.min(3))) {
            match &node.kind {
                NodeKind::Segment(segment) => {
                    out.push((*segment, set.bound(child).unwrap_or_default().as_bytes().to_vec()));
                }
                NodeKind::Loop(_) => {
                    let mut inner = chance(u64::MAX) | 1;
                    right_set(set, child, &mut inner, out);
                }
            }
        }
    }
}

fn problems(walker: &mut Walker, segments: &[(SegmentId, Vec<u8>)]) -> Vec<Problem> {
    let mut all = Vec::new();
    for (segment, first) in segments {
        all.extend_from_slice(walker.step(*segment, first).problems);
    }
    all.extend_from_slice(walker.finish());
    all
}

proptest! {
    #[test]
    fn a_right_set_has_no_problem_and_a_foreign_segment_is_one(
        version in 0..2_usize, which in 0..21_usize, seed in 1..u64::MAX, at in any::<prop::sample::Index>()
    ) {
        let standard = Standard::get(Standard::VERSIONS[version]).unwrap();
        let set = &standard.sets()[which];
        let mut segments = Vec::new();
        right_set(set, NodeId::ROOT, &mut seed.clone(), &mut segments);
        let mut walker = Walker::new(set);
        prop_assert_eq!(problems(&mut walker, &segments), []);

        let at = 1 + at.index(segments.len() - 1);
        let foreign = standard.segment_id(b"ISA").unwrap();
        segments.insert(at, (foreign, Vec::new()));
        walker.begin(set);
        let expected = Problem { kind: ProblemKind::NotInSet, segment: foreign, node: None, position: at as u32 + 1 };
        prop_assert_eq!(problems(&mut walker, &segments), [expected]);
    }

    #[test]
    fn any_order_at_all_is_walked_to_its_end(
        which in 0..21_usize, tags in prop::collection::vec(any::<prop::sample::Index>(), 0..200)
    ) {
        let standard = Standard::get("004010").unwrap();
        let set = &standard.sets()[which];
        let known: Vec<SegmentId> = set.nodes().iter().enumerate()
            .filter_map(|(at, _)| set.segment(NodeId(at as u16))).collect();
        let segments: Vec<_> = tags.iter().map(|tag| (known[tag.index(known.len())], Vec::new())).collect();
        let mut walker = Walker::new(set);
        let found = problems(&mut walker, &segments);
        prop_assert!(found.iter().all(|problem| problem.position <= segments.len() as u32));
        prop_assert_eq!(walker.position(), segments.len() as u32);
    }
}
