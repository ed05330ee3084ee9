//! Acknowledgements as a partner reads them: exact bytes, exact codes, and always clean by our own check.

use super::super::isa::tests::ISA;
use super::super::{Caps, Checker, Policy, RefusedSet, Severity, Step, answers};
use super::*;
use insta::assert_snapshot;
use proptest::prelude::*;

fn now() -> DateTime {
    jiff::civil::date(2026, 7, 1).at(12, 5, 0, 0)
}

const NUMBERS: AckNumbers = AckNumbers { interchange: 42, group: 9 };

fn verdicts(text: &[u8], policy: &Policy) -> Vec<InterchangeVerdict> {
    let mut checker = Checker::new(text, |_| policy.clone());
    let mut verdicts = Vec::new();
    while let Some(step) = checker.next().unwrap() {
        if let Step::InterchangeEnd(verdict) = step {
            verdicts.push(*verdict);
        }
    }
    verdicts
}

/// What is wrong with an acknowledgement by our own check.
fn faults(ack: &[u8]) -> Vec<Finding> {
    let strict = Policy { strict_isa: true, ..Policy::default() };
    verdicts(ack, &strict).iter().flat_map(|verdict| verdict.all_findings().cloned().collect::<Vec<_>>()).collect()
}

fn answered(text: &str, policy: &Policy, how: &AckPolicy) -> String {
    let verdict = verdicts(text.as_bytes(), policy).remove(0);
    let Some(ack) = acknowledge(&verdict, &AckPolicy { lines: true, ..*how }, NUMBERS, now()) else {
        return "nothing".to_owned();
    };
    assert_eq!(faults(&ack), []);
    String::from_utf8(ack).unwrap()
}

fn answer(text: &str) -> String {
    answered(text, &Policy::default(), &AckPolicy::default())
}

/// What an acknowledgement says, without the envelopes that it says it in.
fn inside(ack: &str) -> String {
    let envelope = ["ISA*", "GS*", "ST*", "SE*", "GE*", "IEA*"];
    ack.lines().filter(|line| !envelope.iter().any(|tag| line.starts_with(tag))).collect::<Vec<_>>().join("\n")
}

/// An interchange that asks for no TA1.
fn interchange(version: &str, body: &str) -> String {
    let isa = String::from_utf8(ISA.to_vec()).unwrap().replace("*1*P*", "*0*P*");
    let isa = if version < "005010" { isa.replace("*^*00501*", "*U*00401*") } else { isa };
    let count = body.matches("ST*").count();
    format!("{isa}GS*PO*THEIRS*OURS*20260701*1200*7*X*{version}~{body}GE*{count}*7~IEA*1*000000001~")
}

const GOOD: &str = "ST*850*0001~BEG*00*SA*4500**20260701~PO1*1*2*EA*9.5~SE*4*0001~";
const BAD: &str = "ST*850*0002~BEG*00*SA***20261301~N3*X~PO1*1*2X*EA*9.5*PE*UP~ZZZ*1~DTM*002*20260101*9999~SE*8*0003~";

#[test]
fn a_good_group_is_accepted() {
    assert_snapshot!(answer(&interchange("004010", GOOD)), @r"
        ISA*00*          *00*          *01*RECEIVER       *ZZ*SENDER         *260701*1205*U*00401*000000042*0*P*>~
        GS*FA*OURS*THEIRS*20260701*1205*9*X*004010~
        ST*997*0001~
        AK1*PO*7~
        AK2*850*0001~
        AK5*A~
        AK9*A*1*1*1~
        SE*6*0001~
        GE*1*9~
        IEA*1*000000042~
    ");
    assert_snapshot!(answer(&interchange("005010", GOOD)), @r"
        ISA*00*          *00*          *01*RECEIVER       *ZZ*SENDER         *260701*1205*^*00501*000000042*0*P*>~
        GS*FA*OURS*THEIRS*20260701*1205*9*X*005010~
        ST*997*0001~
        AK1*PO*7*005010~
        AK2*850*0001~
        AK5*A~
        AK9*A*1*1*1~
        SE*6*0001~
        GE*1*9~
        IEA*1*000000042~
    ");
}

#[test]
fn what_is_wrong_is_told_by_place_and_code() {
    let both = [GOOD, BAD].concat();
    assert_snapshot!(inside(&answer(&interchange("004010VICS", &both))), @"
        AK1*PO*7~
        AK2*850*0001~
        AK5*A~
        AK2*850*0002~
        AK3*BEG*2**8~
        AK4*3*324*1~
        AK4*5*373*8*20261301~
        AK3*N3*3**2~
        AK3*PO1*4**8~
        AK4*2*330*6~
        AK4*7*234*2~
        AK3*ZZZ*5**1~
        AK3*DTM*6**8~
        AK4*3*337*9*9999~
        AK5*R*3*4*5~
        AK9*P*2*2*1~
    ");
    let failed = AckPolicy { functional: Functional::F999, sets: AckSets::Failed, ..AckPolicy::default() };
    assert_snapshot!(inside(&answered(&interchange("005010", &both), &Policy::default(), &failed)), @"
        AK1*PO*7*005010~
        AK2*850*0002~
        IK3*BEG*2**8~
        IK4*3*324*1~
        IK4*5*373*8*20261301~
        IK3*N3*3**2~
        IK3*PO1*4**8~
        IK4*2*380*6~
        IK4*7*234*2~
        CTX*SITUATIONAL TRIGGER*PO1*4**6~
        IK3*ZZZ*5**1~
        IK3*DTM*6**8~
        IK4*3*337*9*9999~
        IK5*R*3*4*5~
        AK9*P*2*2*1~
    ");
}

#[test]
fn repetitions_and_components_have_their_place_in_5010() {
    let set = "ST*850*0001~BEG*00*SA*4500**20260701~PO1*1*2^3*EA*9.5~REF*DP*1**LT>A>LTX>B~SE*5*0001~";
    assert_snapshot!(inside(&answer(&interchange("005010", set))), @"
        AK1*PO*7*005010~
        AK2*850*0001~
        AK3*PO1*3**8~
        AK4*2>>2*380*12~
        AK5*R*5~
        AK9*R*1*1*0~
    ");
    let older = interchange("004010", &set.replace("2^3", "2>3"));
    assert_snapshot!(inside(&answer(&older)), @"
        AK1*PO*7~
        AK2*850*0001~
        AK3*PO1*3**8~
        AK4*2>2*330*3~
        AK5*R*5~
        AK9*R*1*1*0~
    ");
}

#[test]
fn a_999_names_what_makes_it_an_error() {
    // N103 demands N104, and PER03 demands PER04; that PO1 is missing has no trigger.
    let set = "ST*850*0001~BEG*00*SA*4500**20260701~PER*BD**TE~N1*BT**92~SE*5*0001~";
    let how = AckPolicy { functional: Functional::F999, ..AckPolicy::default() };
    assert_snapshot!(inside(&answered(&interchange("005010", set), &Policy::default(), &how)), @"
        AK1*PO*7*005010~
        AK2*850*0001~
        IK3*PER*3**8~
        IK4*4*364*2~
        CTX*SITUATIONAL TRIGGER*PER*3**3~
        IK3*N1*4**8~
        IK4*4*67*2~
        CTX*SITUATIONAL TRIGGER*N1*4**3~
        IK3*PO1*5**3~
        IK5*R*5~
        AK9*R*1*1*0~
    ");
    let older = answered(&interchange("005010", set), &Policy::default(), &AckPolicy::default());
    assert!(older.contains("ST*997") && !older.contains("CTX"), "{older}");
}

#[test]
fn a_999_tells_the_partners_file_from_the_standard() {
    let overlay = r#"
        [sets.850]
        required = ["REF", "N1"]
        [segments.PO1]
        required = [6]
        notes = ["P0407"]
        [elements]
        BEG02.only = ["NE"]
    "#;
    let standard = Standard::get("005010").unwrap().with(&toml::from_str(overlay).unwrap()).unwrap();
    let mut policy = Policy { standards: vec![std::sync::Arc::new(standard)], ..Policy::default() };
    policy.severities.set("element_code", Severity::Error);
    let how = AckPolicy { functional: Functional::F999, ..AckPolicy::default() };
    // SA is a code of the standard's that the file does not use, and XX is none.
    let set = "ST*850*0001~BEG*00*SA*4500**20260701~PO1*1*2*EA*9.5~SE*4*0001~";
    assert_snapshot!(inside(&answered(&interchange("005010", set), &policy, &how)), @"
        AK1*PO*7*005010~
        AK2*850*0001~
        IK3*BEG*2**8~
        IK4*2*92*I6*SA~
        IK3*REF*3**I8~
        IK3*N1*3**I7~
        IK3*PO1*3**8~
        IK4*6*235*I9~
        IK4*7*234*I9~
        CTX*SITUATIONAL TRIGGER*PO1*3**4~
        IK5*R*I5~
        AK9*R*1*1*0~
    ");
    let both = set.replace("*SA*4500", "*XX*").replace("9.5~", "9.5**UP~");
    assert_snapshot!(inside(&answered(&interchange("005010", &both), &policy, &how)), @"
        AK1*PO*7*005010~
        AK2*850*0001~
        IK3*BEG*2**8~
        IK4*2*92*7*XX~
        IK4*3*324*1~
        IK3*REF*3**I8~
        IK3*N1*3**I7~
        IK3*PO1*3**8~
        IK4*7*234*2~
        CTX*SITUATIONAL TRIGGER*PO1*3**6~
        IK4*7*234*I9~
        CTX*SITUATIONAL TRIGGER*PO1*3**4~
        IK5*R*5*I5~
        AK9*R*1*1*0~
    ");
    // A 997 has no codes for it.
    let older = inside(&answered(&interchange("005010", set), &policy, &AckPolicy::default()));
    assert!(
        older.contains("AK3*REF*3**3~") && older.contains("AK4*2*92*7*SA~") && older.contains("AK5*R*5~"),
        "{older}"
    );
    assert!(!older.contains("*I"), "{older}");
}

#[test]
fn doubled_numbers_are_told_by_their_own_codes() {
    let sets = [GOOD, GOOD].concat();
    let groups = |version: &str| {
        let text = interchange(version, &sets);
        let (from, to) = (text.find("GS*").unwrap(), text.find("IEA*").unwrap());
        format!("{}{}IEA*2*000000001~", &text[..to], &text[from..to])
    };
    assert_snapshot!(inside(&answer(&groups("005010"))), @"
        AK1*PO*7*005010~
        AK2*850*0001~
        AK5*A~
        AK2*850*0001~
        AK5*R*23~
        AK9*P*2*2*1~
        AK1*PO*7*005010~
        AK2*850*0001~
        AK5*A~
        AK2*850*0001~
        AK5*R*23~
        AK9*P*2*2*1*19~
    ");
    let older = inside(&answer(&groups("004010")));
    assert!(older.contains("AK5*R*23~") && older.contains("AK9*P*2*2*1*6~"), "{older}");
}

/// A verdict in which the first group is refused, and the second's first set.
fn refused(version: &str, caps: Caps) -> InterchangeVerdict {
    let sets = [GOOD, &GOOD.replace("0001", "0002")].concat();
    let first = interchange(version, &sets);
    let second = first.replace("*7*X", "*8*X").replace("GE*2*7", "GE*2*8");
    let (from, to) = (first.find("GS*").unwrap(), first.find("IEA*").unwrap());
    let text = format!("{}{}IEA*2*000000001~", &first[..to], &second[from..to]);
    let mut verdict = verdicts(text.as_bytes(), &Policy { caps, ..Policy::default() }).remove(0);
    let offset = text.rfind("ST*850*0001").unwrap() as u64;
    let (id, control, why) = ("850".to_owned(), "0001".to_owned(), "it came before".to_owned());
    let set = RefusedSet { offset, id, control, why };
    for _ in 0..2 {
        verdict.refuse_group(0, "it came before");
        verdict.refuse_set(1, &set);
    }
    assert_eq!((verdict.errors, verdict.status), (2, Status::Accepted));
    verdict
}

#[test]
fn what_is_refused_by_its_number_leaves_its_siblings_alone() {
    let how = AckPolicy { lines: true, ..AckPolicy::default() };
    let told = |verdict: &InterchangeVerdict| {
        let ack = acknowledge(verdict, &how, NUMBERS, now()).unwrap();
        assert_eq!(faults(&ack), []);
        inside(&String::from_utf8(ack).unwrap())
    };
    assert_snapshot!(told(&refused("004010", Caps::default())), @"
        AK1*PO*7~
        AK9*R*2*2*0*6~
        AK1*PO*8~
        AK2*850*0001~
        AK5*R*23~
        AK2*850*0002~
        AK5*A~
        AK9*P*2*2*1~
    ");
    // Also where the verdicts of accepted sets were too many to be kept.
    let few = told(&refused("005010", Caps { verdicts: 2, ..Caps::default() }));
    assert!(few.contains("AK9*R*2*2*0*19~"), "{few}");
    assert!(few.ends_with("AK2*850*0001~\nAK5*R*23~\nAK9*P*2*2*1~"), "{few}");
}

#[test]
fn values_that_cannot_be_copied_are_left_out() {
    let set = "ST*850*0001~BEG*00*SA*4500*\u{e9}*20260701~PO1*1*2*EA*9.5~PID*FF****A>B~CUR*BY*U\u{7}D~SE*6*0001~";
    assert_snapshot!(inside(&answer(&interchange("004010", set))), @"
        AK1*PO*7~
        AK2*850*0001~
        AK3*PID*4**8~
        AK4*1*349*5*FF~
        AK4*5>2*352*3~
        AK3*CUR*5**7~
        AK5*R*5~
        AK9*R*1*1*0~
    ");
}

#[test]
fn groups_have_their_own_words() {
    let text = interchange("004010", GOOD).replace("GE*1*7", "GE*3*8");
    assert_snapshot!(inside(&answer(&text)), @"
        AK1*PO*7~
        AK2*850*0001~
        AK5*A~
        AK9*E*3*1*1*4*5~
    ");
    // Groups of one sender and version are answered together; a version without tables has an answer, if no tables to check it by.
    let text = interchange("004010", GOOD).replace("GE*1*7~", "GS*PO*THEIRS*OURS*20260701*1200*8*X*004010~");
    let more = format!("{GOOD}GE*1*8~GS*PO*OTHER*OURS*20260701*1200*9*X*003040~{GOOD}GE*1*9~IEA*3");
    let verdict = verdicts(text.replace("IEA*1", &more).as_bytes(), &Policy::default()).remove(0);
    assert_eq!(acknowledgement_groups(&verdict, &AckPolicy::default()), 2);
    let lines = AckPolicy { lines: true, ..AckPolicy::default() };
    let ack = acknowledge(&verdict, &lines, NUMBERS, now()).unwrap();
    assert_snapshot!(String::from_utf8(ack).unwrap(), @r"
        ISA*00*          *00*          *01*RECEIVER       *ZZ*SENDER         *260701*1205*U*00401*000000042*0*P*>~
        GS*FA*OURS*THEIRS*20260701*1205*9*X*004010~
        ST*997*0001~
        AK1*PO*7~
        AK2*850*0001~
        AK5*A~
        AK9*E*1*1*1*3~
        SE*6*0001~
        ST*997*0002~
        AK1*PO*8~
        AK2*850*0001~
        AK5*A~
        AK9*A*1*1*1~
        SE*6*0002~
        GE*2*9~
        GS*FA*OURS*OTHER*260701*1205*10*X*003040~
        ST*997*0001~
        AK1*PO*9~
        AK2*850*0001~
        AK5*R*1~
        AK9*R*1*1*0*2~
        SE*6*0001~
        GE*1*10~
        IEA*2*000000042~
    ");
}

#[test]
fn a_partner_may_have_errors_noted_only() {
    let mut policy = Policy::default();
    for rule in ["element_date", "segment_unknown", "segment_unexpected"] {
        policy.severities.set(rule, Severity::Warning);
    }
    let set = "ST*850*0001~BEG*00*SA*4500**20261301~PO1*1*2*EA*9.5~ZZZ~SE*5*0001~";
    assert_snapshot!(inside(&answered(&interchange("004010", set), &policy, &AckPolicy::default())), @"
        AK1*PO*7~
        AK2*850*0001~
        AK3*BEG*2**8~
        AK4*5*373*8*20261301~
        AK3*ZZZ*4**1~
        AK5*E*5~
        AK9*E*1*1*1~
    ");
}

#[test]
fn a_ta1_answers_the_interchange() {
    let asks = interchange("004010", GOOD).replace("*0*P*", "*1*P*");
    assert_snapshot!(inside(&answer(&asks)), @"
        TA1*000000001*260701*1200*A*000~
        AK1*PO*7~
        AK2*850*0001~
        AK5*A~
        AK9*A*1*1*1~
    ");
    // Without its IEA nothing in it counts, and only the TA1 says so.
    let cut = interchange("004010", GOOD).replace("IEA*1*000000001~", "");
    assert_snapshot!(inside(&answer(&cut)), @"
        TA1*000000001*260701*1200*R*023~
    ");
    // What it asks of a network is none of our business, but told if it cannot be.
    let deferred = asks.replace("GS*", "ISE*261105*2561~GS*");
    assert!(answer(&deferred).contains("TA1*000000001*260701*1200*E*029~"), "{}", answer(&deferred));
    let never = AckPolicy { ta1: Ta1When::Never, ..AckPolicy::default() };
    assert_eq!(answered(&cut, &Policy::default(), &never), "nothing");
    let always = AckPolicy { ta1: Ta1When::Always, functional: Functional::None, ..AckPolicy::default() };
    assert_snapshot!(inside(&answered(&interchange("004010", GOOD).replace("IEA*1", "IEA*2"), &Policy::default(), &always)), @"
        TA1*000000001*260701*1200*E*021~
    ");
}

#[test]
fn names_go_back_byte_for_byte() {
    let text = interchange("004010", GOOD).replace("*ZZ*SENDER ", "*ZZ*M\u{fc}LLER ").replace("*THEIRS*", "*\u{d6}L*");
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
    for bytes in [latin, text.replace("LLER  ", "LLER ").into_bytes()] {
        let verdict = verdicts(&bytes, &Policy::default()).remove(0);
        let ack = acknowledge(&verdict, &AckPolicy::default(), NUMBERS, now()).unwrap();
        assert_eq!(faults(&ack), []);
        let answered = verdicts(&ack, &Policy::default()).remove(0);
        assert_eq!(answered.header.element(8), verdict.header.element(6));
        assert_eq!(answered.groups[0].header.element(3), verdict.groups[0].header.element(2));
    }
}

#[test]
fn an_acknowledgement_is_never_acknowledged() {
    let always = AckPolicy { ta1: Ta1When::Always, ..AckPolicy::default() };
    let ack = answer(&interchange("004010", GOOD));
    assert_eq!(answered(&ack, &Policy::default(), &always), "nothing");
    let isa = String::from_utf8(ISA.to_vec()).unwrap();
    let ta1 = format!("{isa}TA1*000000001*260701*1200*A*000~IEA*0*000000001~");
    assert_eq!(answered(&ta1, &Policy::default(), &always), "nothing");
}

#[test]
fn separators_that_would_collide_are_exchanged() {
    // Theirs are taken over, a multi-byte terminator is not, and neither is one that their names hold.
    let text = interchange("004010", GOOD).replace('*', "|").replace('~', "\n");
    assert!(answer(&text).contains("AK1|PO|7\n"));
    let text = interchange("004010", GOOD).replace('~', "\u{2026}");
    assert!(answer(&text).contains("AK1*PO*7~"));
    let own = AckPolicy {
        delimiters: Some(Delimiters { element: b'T', ..Layout::default().delimiters }),
        ..AckPolicy::default()
    };
    assert!(answered(&text, &Policy::default(), &own).contains("AK1*PO*7~"));
    let text = interchange("004010", GOOD)
        .replace('~', "\u{2026}")
        .replace("THEIRS", "TH~*RS")
        .replace('*', "|")
        .replace("TH~|RS", "TH~*RS");
    assert!(answer(&text).contains("GS|FA|OURS|TH~*RS|"));
}

#[test]
fn an_acknowledgement_is_known_by_what_it_speaks_of() {
    let of = |text: &str| verdicts(text.as_bytes(), &Policy::default()).remove(0);
    let (text, always) = (interchange("004010", GOOD), AckPolicy { ta1: Ta1When::Always, ..AckPolicy::default() });
    let verdict = of(&text);
    let said = acknowledge(&verdict, &AckPolicy::default(), NUMBERS, now()).unwrap();
    let with_ta1 = acknowledge(&verdict, &always, NUMBERS, now()).unwrap();
    assert!(answers(&said, &verdict) && answers(&with_ta1, &verdict));
    // Another interchange whose group has the same number: only the TA1 tells them apart.
    let other = of(&text.replace("000000001", "000000002"));
    assert!(answers(&said, &other) && !answers(&with_ta1, &other));
    for (what, by) in
        [("*7*X*", "*8*X*"), ("~GE*1*7~", "~GE*1*7~GS*PO*A*B*20260701*1200*9*X*004010~GE*0*9~"), ("GS*PO*", "GS*IN*")]
    {
        assert!(!answers(&said, &of(&text.replace(what, by))), "{by}");
    }
    assert!(!answers(b"", &verdict) && !answers(text.as_bytes(), &verdict));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_answered_is_answered_cleanly(
        cuts in prop::collection::vec((106_usize..500, 0_usize..40, prop::option::of("[A-Z*~>^0-9 é]{0,9}")), 0..4),
        is_999 in any::<bool>(),
    ) {
        let mut text = interchange("005010", &[GOOD, BAD, GOOD].concat());
        for (at, length, insert) in cuts {
            let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let end = (0..=(at + length).min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            text.replace_range(at..end.max(at), &insert.unwrap_or_default());
        }
        let how = AckPolicy { functional: if is_999 { Functional::F999 } else { Functional::F997 }, ..AckPolicy::default() };
        for verdict in verdicts(text.as_bytes(), &Policy::default()) {
            let Some(ack) = acknowledge(&verdict, &how, NUMBERS, now()) else { continue };
            // What is copied from them may be wrong in itself: identifiers and control numbers, and nothing else.
            let copied = |finding: &Finding| {
                let place = (finding.tag.as_str(), finding.element.unwrap_or(0));
                matches!(place, ("AK1", 1..=3) | ("AK2", 1..=3) | ("AK3" | "IK3", 1) | ("GS", 8) | ("ST", _))
            };
            let faults: Vec<Finding> = faults(&ack).into_iter().filter(|finding| !copied(finding)).collect();
            prop_assert_eq!(faults, []);
        }
    }
}
