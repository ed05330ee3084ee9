//! What the checker says of interchanges that are wrong in one place each: exact codes and places, and nobody else's harm.

use super::super::isa::tests::ISA;
use super::*;
use crate::x12::{Severity, standard::Standard};
use proptest::prelude::*;
use std::sync::Arc;

/// An interchange of one group of 005010 purchase orders.
fn interchange(sets: &[&str]) -> String {
    let isa = String::from_utf8(ISA.to_vec()).unwrap();
    let sets: String = sets.concat();
    let count = sets.matches("SE*").count();
    format!("{isa}GS*PO*A*B*20260701*1200*7*X*005010~{sets}GE*{count}*7~IEA*1*000000001~")
}

/// A purchase order with these segments between BEG and SE.
fn order(control: &str, body: &str) -> String {
    let count = body.matches('~').count() + 3;
    format!("ST*850*{control}~BEG*00*SA*4500**20260701~{body}SE*{count}*{control}~")
}

const LINE: &str = "PO1*1*2*EA*9.5~";

fn place(finding: &Finding, text: &[u8]) -> String {
    let mut place = finding.tag.clone();
    if let Some(element) = finding.element {
        place += &format!("{element:02}");
    }
    if let Some(component) = finding.component {
        place += &format!("-{component}");
    }
    if let Some(repetition) = finding.repetition {
        place += &format!("({repetition})");
    }
    let segment = finding.segment.map_or(String::new(), |segment| format!("#{segment}"));
    // What stands at the offset shows that it is right.
    let from = (finding.offset as usize).min(text.len());
    let there = text[from..(from + 3).min(text.len())].escape_ascii();
    format!("{}{} {place}{segment}@{there}", if finding.is_told() { "" } else { "-" }, finding.code)
}

fn line(label: &str, letter: u8, findings: &[Finding], text: &[u8]) -> String {
    let findings: Vec<String> = findings.iter().map(|finding| place(finding, text)).collect();
    format!("{label} {} {}", char::from(letter), findings.join(", ")).trim_end().to_owned()
}

fn steps_under(text: &[u8], chunk: usize, policy: &Policy) -> Vec<String> {
    let mut checker = Checker::new(super::super::read::tests::Drip { bytes: text, size: chunk }, |_| policy.clone());
    let mut seen = Vec::new();
    while let Some(step) = checker.next().unwrap() {
        match step {
            Step::Interchange(header) => seen.push(format!("ISA {}", header.control_number)),
            Step::Group(group) => seen.push(format!("GS {}", group.control_number)),
            Step::Set(set) => {
                assert_eq!(set.view.map(|view| view.len() as u32), set.view.map(|_| set.segments));
                let view = if set.view.is_none() { " unseen" } else { "" };
                seen.push(line(&format!("{} {}{view}", set.id, set.control), set.status.letter(), set.findings, text));
            }
            Step::InterchangeEnd(verdict) => {
                for group in &verdict.groups {
                    let counts = format!("GE {:?} {} {}", group.claimed, group.received, group.accepted);
                    seen.push(line(&counts, group.status.letter(), &group.findings, text));
                }
                let note = verdict.ta1.map_or(String::new(), |ta1| format!("{:03}", ta1.note));
                seen.push(line(&format!("IEA {note}"), verdict.status.letter(), &verdict.findings, text));
                let json = serde_json::to_string(&verdict).unwrap();
                assert_eq!(*verdict, serde_json::from_str(&json).unwrap());
            }
            Step::Rubbish(finding) => seen.push(line("rubbish", b'-', &[finding], text)),
        }
    }
    seen
}

fn steps(text: &str) -> Vec<String> {
    steps_under(text.as_bytes(), usize::MAX, &Policy::default())
}

/// What is found in one order with this body.
fn found(body: &str) -> String {
    found_under(body, &Policy::default())
}

fn found_under(body: &str, policy: &Policy) -> String {
    let seen = steps_under(interchange(&[&order("0001", body)]).as_bytes(), usize::MAX, policy);
    seen[2].strip_prefix("850 0001 ").unwrap().to_owned()
}

#[test]
fn a_good_interchange_is_accepted() {
    let text = interchange(&[&order("0001", LINE), &order("0002", LINE)]);
    assert_eq!(steps(&text), ["ISA 000000001", "GS 7", "850 0001 A", "850 0002 A", "GE Some(2) 2 2 A", "IEA 000 A"]);
}

#[test]
fn one_bad_set_costs_its_siblings_nothing() {
    let good = order("0002", LINE);
    for (bad, found) in [
        ("ST*850*0001~BEG*00*SA*1**20260701~PO1*1*1*EA*1~", "850 0001 R X12-0301 SE#4@ST*"),
        ("ST*850*0001~BEG*00*SA*1**20260701~PO1*1*1*EA*1~SE*5*0001~", "850 0001 R X12-0303 SE01#4@SE*"),
        ("ST*850*0001~BEG*00*SA*1**20260701~PO1*1*1*EA*1~SE*4*1001~", "850 0001 R X12-0302 SE02#4@SE*"),
        ("ST*850*0001~BEG*00*SA*1**20260701~SE*3*0001~", "850 0001 R X12-0403 PO1#3@SE*"),
        ("ST*999x*0001~BEG*00~SE*3*0001~", "999x 0001 R X12-0304 ST01#1@ST*"),
        ("ST**0001~SE*2*0001~", " 0001 R X12-0306 ST01#1@ST*"),
        (
            "ST*850~BEG*00*SA*1**20260701~PO1*1*1*EA*1~SE*4*~",
            "850  R X12-0305 ST02#1@ST*, X12-0501 ST02#1@~BE, X12-0501 SE02#4@~ST",
        ),
    ] {
        let text = interchange(&[bad, &good]);
        let text = if bad.contains("SE*") { text } else { text.replace("GE*1", "GE*2") };
        let seen = steps(&text);
        assert_eq!(seen[2..], [found, "850 0002 A", "GE Some(2) 2 1 P", "IEA 000 A"], "{bad}");
    }
}

#[test]
fn groups_that_break_off_keep_their_sets() {
    let (one, two) = (order("0001", LINE), order("0001", LINE));
    let text = interchange(&[&one, "GS*PO*A*B*20260701*1200*8*X*005010~", &two])
        .replace("GE*2*7", "GE*3*9")
        .replace("IEA*1", "IEA*2");
    assert_eq!(
        steps(&text)[1..],
        [
            "GS 7",
            "850 0001 A",
            "GS 8",
            "850 0001 A",
            "GE None 1 1 E X12-0201 GE@GS*",
            "GE Some(3) 1 1 E X12-0203 GE@GE*, X12-0202 GE@GE*",
            "IEA 000 A"
        ]
    );
    let text = interchange(&[&one, "GE*1*7~GS*PO*A*B*20260701*1200*7*X*005010~", &two])
        .replace("GE*2*7", "GE*1*7")
        .replace("IEA*1", "IEA*9");
    let seen = steps(&text);
    assert_eq!(seen[6..], ["GE Some(1) 1 1 E X12-0206 GS06@GS*", "IEA 021 E X12-0103 IEA@IEA"]);
}

#[test]
fn an_interchange_without_its_own_iea_is_rejected_whole() {
    let good = interchange(&[&order("0001", LINE)]);
    let cut = good.replace("IEA*1*000000001~", "");
    assert_eq!(steps(&cut)[2..], ["850 0001 A", "GE Some(1) 1 1 A", "IEA 023 R X12-0101 IEA@"]);
    // An ISA inside a group ends the one before it.
    let seen = steps(&[good.split("PO1*").next().unwrap(), &good].concat());
    assert_eq!(seen[2], "850 0001 R X12-0301 SE#3@ISA, X12-0403 PO1#3@ISA");
    assert_eq!(seen[3..5], ["GE None 1 0 R X12-0201 GE@ISA", "IEA 023 R X12-0101 IEA@ISA"]);
    assert_eq!(seen[5..], steps(&good).iter().map(String::as_str).collect::<Vec<_>>());
    let other = good.replace("IEA*1*000000001~", "IEA*1*000000002~");
    assert_eq!(steps(&other).last().unwrap(), "IEA 001 R X12-0102 IEA@IEA");
    assert_eq!(steps(&good.replace("IEA*1*000000001~", "IEA*1*1"))[4..], ["IEA 000 A -X12-0005 IEA@"]);
}

#[test]
fn sets_and_segments_outside_of_groups_are_told() {
    let isa = String::from_utf8(ISA.to_vec()).unwrap();
    let set = order("0001", LINE);
    assert_eq!(
        steps(&format!("{isa}{set}IEA*0*000000001~"))[1..],
        ["850 0001 R X12-0308 ST01#1@ST*", "GE None 1 0 R", "IEA 022 R X12-0116 ST@ST*, X12-0103 IEA@IEA"]
    );
    let text = interchange(&["REF*DP*1~", &set]).replace("IEA*1", "ZZZ*1~IEA*1");
    assert_eq!(steps(&text)[3..], ["GE Some(1) 1 1 A -X12-0209 REF@REF", "IEA 024 E X12-0115 ZZZ@ZZZ"]);
}

#[test]
fn unknown_versions_and_groups_are_told_and_the_rest_goes_on() {
    let text = interchange(&[&order("0001", LINE)]);
    let text = text.replace("IEA*1*", "GS*OW*A*B*20260701*1200*8*X*005010~ST*940*1~SE*2*1~GE*1*8~IEA*2*");
    assert_eq!(
        steps(&text.replacen("005010", "003040", 1))[1..],
        [
            "GS 7",
            "850 0001 R X12-0308 ST01#1@ST*",
            "GS 8",
            "940 1 R X12-0304 ST01#1@ST*",
            "GE Some(1) 1 0 R X12-0204 GS08@GS*",
            "GE Some(1) 1 0 R X12-0205 GS01@GS*",
            "IEA 000 A"
        ]
    );
    // The partner's file decides before ST03, and ST03 before GS08.
    let policy = Policy { version: Some("004010".into()), ..Policy::default() };
    assert_eq!(steps_under(text.replacen("005010", "003040", 1).as_bytes(), usize::MAX, &policy)[2], "850 0001 A");
    let implementation = text.replacen("005010", "003040", 1).replace("ST*850*0001~", "ST*850*0001*005010X1~");
    assert_eq!(steps(&implementation)[2], "850 0001 A");
}

#[test]
fn doubled_control_numbers_are_rejected_where_they_are_doubled() {
    let seen = steps(&interchange(&[&order("0001", LINE), &order("0001", LINE), &order("0002", LINE)]));
    assert_eq!(seen[2..5], ["850 0001 A", "850 0001 R X12-0305 ST02#1@ST*", "850 0002 A"]);
}

#[test]
fn elements_are_held_to_their_definitions() {
    for (body, expected) in [
        ("PO1*1*2*EA*9.5~", ""),
        ("PO1*1*2*E*9.5~", "X12-0504 PO103#3@E*9"),
        ("PO1*1*2*EAX*9.5~", "X12-0505 PO103#3@EAX"),
        ("PO1*1*2X*EA*9.5~", "X12-0506 PO102#3@2X*"),
        ("PO1*1*2*XX*9.5~", "-X12-0507 PO103#3@XX*"),
        ("PO1*1**EA*9.5~", "X12-0502 PO102#3@*EA"),
        ("PO1*1*2*EA~", ""),
        ("PO1*1*2*EA**PE~", "X12-0502 PO104#3@*PE"),
        ("PO1*1*2*EA*9.5**UP~", "X12-0502 PO107#3@~SE"),
        ("PO1*1*2*EA*9.5~DTM*002*20261301~", "X12-0508 DTM02#4@202"),
        ("PO1*1*2*EA*9.5~DTM*002*20261201*2460~", "X12-0509 DTM03#4@246"),
        ("PO1*1*2*EA*9.5~DTM~", "X12-0501 DTM01#4@~SE, X12-0502 DTM02#4@~SE"),
        ("PO1*1*2*EA*9.5~CTT*1*2*1*LB*1*CF*D*X~", "X12-0503 CTT08#4@X~S"),
        ("PO1*1*2*EA*9.5~CTT*1*2*******~", ""),
        ("PO1*1*2*EA*9.5~CTT*2*3~", "-X12-0601 CTT01#4@CTT, -X12-0602 CTT02#4@CTT"),
        ("PO1*1*2^3*EA*9.5~", "X12-0512 PO102(2)#3@2^3"),
        ("PO1*1*2>3*EA*9.5~", "X12-0513 PO102-2#3@2>3"),
        ("PO1*1*2*EA*9.5~REF*DP*1**LT>A>>B~", "X12-0502 REF04-3#4@LT>"),
        ("PO1*1*2*EA*9.5~REF*DP*1**LT>A>LT>B>LT>C>D~", "X12-0513 REF04-7#4@LT>"),
    ] {
        let seen = found(body);
        let told = if expected.is_empty() || expected.starts_with('-') { "A" } else { "R" };
        assert_eq!(seen, format!("{told} {expected}").trim_end(), "{body}");
    }
}

#[test]
fn segments_are_held_to_their_places() {
    for (body, expected) in [
        ("PO1*1*2*EA*9~XYZ*1~", "R X12-0401 XYZ#4"),
        ("PO1*1*2*EA*9~ISR*AA~", "R X12-0406 ISR#4"),
        ("PO1*1*2*EA*9~N1*ST*X~CUR*BY*USD~", "R X12-0407 CUR#5"),
        ("N3*STREET~PO1*1*2*EA*9~", "R X12-0402 N3#3"),
        ("BEG*00*SA*1**20260701~PO1*1*2*EA*9~", "R X12-0405 BEG#3"),
        ("N1*ST*X~N3*A~N3*B~N3*C~PO1*1*2*EA*9~", "R X12-0405 N3#6"),
    ] {
        let seen = found(body);
        assert_eq!(seen.split('@').next().unwrap(), expected, "{body}");
        assert_eq!(seen.matches("X12-").count(), 1, "{body}: {seen}");
    }
}

#[test]
fn a_partner_may_make_a_rule_graver_or_quieter() {
    let body = "PO1*1*2*XX*9.5~";
    for (severity, letter) in
        [(Severity::Off, "A"), (Severity::Advice, "A"), (Severity::Warning, "E"), (Severity::Error, "R")]
    {
        let mut policy = Policy::default();
        policy.severities.set("element_code", severity);
        let seen = found_under(body, &policy);
        assert_eq!(&seen[..1], letter);
        assert_eq!(seen.len() > 1, severity != Severity::Off);
    }
    let mut policy = Policy::default();
    policy.severities.set("se_count", Severity::Warning);
    let text = interchange(&[&order("0001", LINE).replace("SE*4", "SE*5")]);
    assert_eq!(steps_under(text.as_bytes(), 9, &policy)[2..4], ["850 0001 E X12-0303 SE01#4@SE*", "GE Some(1) 1 1 E"]);
}

#[test]
fn a_partners_segments_may_differ_from_set_to_set() {
    let overlay = toml::from_str("[sets.855.elements.REF02]\nmax = 3").unwrap();
    let own = Standard::get("004010").unwrap().with(&overlay).unwrap();
    let policy = Policy { standards: vec![Arc::new(own)], ..Policy::default() };
    let body = format!("REF*DP*LONGER~{LINE}");
    let answer = order("0002", &body).replace("ST*850", "ST*855");
    let answer = answer.replace("BEG*00*SA*4500**20260701", "BAK*00*AC*4500*20260701");
    let both = interchange(&[&order("0001", &body), &answer, &order("0003", &body)]).replace("005010", "004010");
    let said = steps_under(both.as_bytes(), 4096, &policy).join("\n");
    assert_eq!(said.matches("X12-0505").count(), 1, "{said}");
}

#[test]
fn characters_are_the_partners_matter_and_no_byte_is_lost() {
    use CharacterSetName::*;
    enum CharacterSetName {
        Any,
        Extended,
        Basic,
    }
    use super::super::policy::CharacterSet;
    let policy = |name| Policy {
        characters: match name {
            Any => CharacterSet::Any,
            Extended => CharacterSet::Extended,
            Basic => CharacterSet::Basic,
        },
        ..Policy::default()
    };
    let body = |text: &str| format!("PO1*1*2*EA*9.5~PID*F****{text}~");
    assert_eq!(found_under(&body("5° – ½"), &policy(Any)), "A");
    assert_eq!(found_under(&body(&"é".repeat(80)), &policy(Any)), "A", "80 characters in 160 bytes");
    assert_eq!(found_under(&body(&"é".repeat(81)), &policy(Any)), "R X12-0505 PID05#4@\\xc3\\xa9\\xc3");
    assert_eq!(found_under(&body("a\u{7}"), &policy(Any)), "A -X12-0514 PID05#4@a\\x07~");
    assert_eq!(found_under(&body("Small"), &policy(Extended)), "A");
    assert_eq!(found_under(&body("5°"), &policy(Extended)), "R X12-0506 PID05#4@5\\xc2\\xb0");
    assert_eq!(found_under(&body("Small"), &policy(Basic)), "R X12-0506 PID05#4@Sma");
    assert_eq!(found_under(&body("CAPITAL 1/2"), &policy(Basic)), "A");
    let latin =
        [interchange(&[]).split("GE*").next().unwrap().as_bytes(), b"ST*850*1~BEG*00*SA*M\xfcller \xe9**20260701~"]
            .concat();
    let mut checker = Checker::new(&latin[..], |_| Policy::default());
    while let Some(step) = checker.next().unwrap() {
        if let Step::Set(set) = step {
            assert_eq!(set.view.unwrap().segment(1).unwrap().element(3), b"M\xfcller \xe9");
        }
    }
}

#[test]
fn caps_end_in_findings() {
    let mut policy = Policy::default();
    policy.caps.findings = 3;
    policy.caps.set_bytes = 400;
    policy.caps.segment_bytes = 200;
    let many = LINE.replace("EA", "E").repeat(10);
    let long = format!("{LINE}MSG*{}~", "x".repeat(300));
    let large = LINE.repeat(40);
    let text =
        interchange(&[&order("0001", &many), &order("0002", &long), &order("0003", &large), &order("0004", LINE)]);
    for chunk in [1, 100, usize::MAX] {
        let mut checker =
            Checker::new(super::super::read::tests::Drip { bytes: text.as_bytes(), size: chunk }, |_| policy.clone());
        let mut seen = Vec::new();
        while let Some(step) = checker.next().unwrap() {
            if let Step::Set(set) = step {
                seen.push((set.view.is_some(), set.status.letter(), set.findings.len(), set.more));
                let long = set.findings.iter().find(|finding| finding.code == codes::SEGMENT_TOO_LONG);
                assert!(long.is_none_or(|finding| finding.tag == "MSG"));
            }
        }
        assert_eq!(seen, [(true, b'R', 3, 7), (false, b'R', 1, 0), (false, b'A', 0, 0), (true, b'A', 0, 0)]);
    }
}

#[test]
fn a_strict_partner_wants_106_bytes() {
    let text = interchange(&[&order("0001", LINE)]).replacen("SENDER    ", "SENDER", 1);
    assert_eq!(steps(&text).last().unwrap(), "IEA 000 A -X12-0104 ISA@ISA");
    let policy = Policy { strict_isa: true, ..Policy::default() };
    assert_eq!(steps_under(text.as_bytes(), 7, &policy).last().unwrap(), "IEA 022 R X12-0104 ISA@ISA");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_damage_is_survived_and_chunks_do_not_matter(
        cuts in prop::collection::vec((0_usize..700, 0_usize..80, any::<bool>()), 0..4),
        chunk in 1_usize..400,
    ) {
        let sets: Vec<String> = (1..4).map(|n| order(&format!("{n:04}"), "N1*ST*X*92*1~N3*A~PO1*1*2*EA*9~PID*F****TEXT~CTT*1*2~")).collect();
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        let mut text = [interchange(&sets), interchange(&sets)].concat();
        for (at, length, double) in cuts {
            let at = at % text.len();
            let end = (at + length).min(text.len());
            if double {
                let piece = text[at..end].to_owned();
                text.insert_str(at, &piece);
            } else {
                text.replace_range(at..end, "");
            }
            if text.is_empty() {
                text.push('~');
            }
        }
        let policy = Policy::default();
        prop_assert_eq!(steps_under(text.as_bytes(), chunk, &policy), steps_under(text.as_bytes(), usize::MAX, &policy));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), from in 0_usize..600) {
        let mut text = interchange(&[&order("0001", LINE)]).into_bytes();
        let from = from % text.len();
        text.splice(from.., bytes);
        steps_under(&text, 64, &Policy::default());
    }
}

#[test]
fn an_isa_that_nothing_can_be_read_by_is_rejected_by_its_number() {
    let good = interchange(&[&order("0001", LINE)]).replace("000000001", "000000002");
    let lost = String::from_utf8(ISA[..105].to_vec()).unwrap() + "GS*PO*A*B*20260701*1200*7*X*005010~ST*850*0001~\n";
    let told = ["ISA 000000001", "IEA 004 R X12-0002 ISA@ISA"];
    for size in [1, 7, 105, 106, usize::MAX] {
        let seen = |text: &str| steps_under(text.as_bytes(), size, &Policy::default());
        assert_eq!(seen(&lost), told, "{size}");
        // What comes before and after is read as if it were not there.
        let between = seen(&format!("{good}{lost}{good}"));
        let good = seen(&good);
        assert_eq!(between, [&good[..], &told.map(str::to_owned), &good].concat(), "{size}");
        let rubbish = seen(&format!("HELLO\n{lost}{lost}"));
        assert_eq!(rubbish[1..], [told, told].concat(), "{size}");
        // One that has no IEA ends where it begins.
        let unended = interchange(&[&order("0001", LINE)]).replace("IEA*1*000000001~", "");
        assert_eq!(seen(&format!("{unended}{lost}"))[5..], told, "{size}");
        // Not even a partner who wants to hear nothing of it gets it accepted.
        let mut policy = Policy::default();
        policy.severities.set("isa_unreadable", Severity::Off);
        assert_eq!(steps_under(lost.as_bytes(), size, &policy), told, "{size}");
        assert_eq!(seen(&lost[..104])[1..], ["IEA 023 R X12-0002 ISA@ISA"], "{size}");
    }
}

#[test]
fn blanks_before_every_terminator_are_none_of_the_data() {
    let plain = interchange(&[&order("0001", &format!("{LINE}BIN*3*a ~~"))]).replace("SE*6*", "SE*5*");
    let padded: String = plain.replace("a ~", "\u{1}").replace('~', " ~").replace('\u{1}', "a ~");
    for size in [1, 7, 64, usize::MAX] {
        let seen = |text: &str| steps_under(text.as_bytes(), size, &Policy::default());
        let told: Vec<String> =
            seen(&padded).iter().map(|line| line.split(" -X12-0104").next().unwrap().into()).collect();
        assert_eq!(told, seen(&plain), "{size}");
    }
    // Where the ISA has none they are data, as anywhere else.
    assert_eq!(found("PO1*1*2*EA ~"), "R X12-0505 PO103#3@EA");
}
