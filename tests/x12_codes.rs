//! Every code that an acknowledgement can say, a row each: how a sender brings it about, and that we give it.
//!
//! AK304/IK304, AK403/IK403, AK502/IK502 and AK905 are those of X12.20 and X12.56 for what can be found without security segments;
//! the codes for a partner's own demands are in the tests of `x12::acknowledge`. TA105 is that of X12.5. What is not given is listed with its reason.

use gangway::x12::{
    self, AckNumbers, AckPolicy, Checker, Functional, InterchangeVerdict, PartyId, Policy, Severity, Step, Ta1When,
};

const ISA: &str =
    "ISA*00*          *00*          *ZZ*SENDER         *01*RECEIVER       *260701*1200*U*00401*000000001*0*P*>~";

/// An interchange of one group in that version.
fn interchange(version: &str, sets: &str) -> String {
    let isa = if version < "005010" { ISA.to_owned() } else { ISA.replace("*U*00401*", "*^*00501*") };
    let count = sets.matches("ST*").count();
    format!("{isa}GS*PO*A*B*20260701*1200*7*X*{version}~{sets}GE*{count}*7~IEA*1*000000001~")
}

/// A purchase order with these segments between BEG and SE.
fn order(body: &str) -> String {
    let count = body.matches('~').count() + 3;
    format!("ST*850*0001~BEG*00*SA*4500**20260701~{body}SE*{count}*0001~")
}

fn verdict(text: &str, policy: &Policy) -> InterchangeVerdict {
    let mut checker = Checker::new(text.as_bytes(), |_| policy.clone());
    while let Some(step) = checker.next().unwrap() {
        if let Step::InterchangeEnd(verdict) = step {
            return *verdict;
        }
    }
    panic!("no interchange in {text}");
}

/// The segments that answer `text`, one string each.
fn answer(text: &str, policy: &Policy, functional: Functional) -> Vec<String> {
    let how = AckPolicy { functional, ta1: Ta1When::Always, ..AckPolicy::default() };
    let now = "2026-07-01T12:05:00".parse().unwrap();
    let bytes = x12::acknowledge(&verdict(text, policy), &how, AckNumbers { interchange: 42, group: 9 }, now);
    let text = String::from_utf8(bytes.unwrap()).unwrap();
    text.split_terminator('~').map(str::to_owned).collect()
}

/// A 997 of 004010 and of 005010 and a 999, each of which must hold `expected` one after the other, in the words of a 997.
fn all_say(sets: &str, policy: &Policy, expected: &str) {
    for (version, functional) in
        [("004010", Functional::F997), ("005010", Functional::F997), ("005010", Functional::F999)]
    {
        let said = answer(&interchange(version, sets), policy, functional);
        let said: Vec<String> = said.into_iter().filter(|segment| !segment.starts_with("CTX*")).collect();
        let expected: Vec<String> =
            expected.split('~').map(|segment| in_words_of(segment, version, functional)).collect();
        let holds = said.windows(expected.len()).any(|window| window == expected);
        assert!(holds, "{version} {functional:?}: {expected:?} in {said:?} for {sets}");
    }
}

/// An expected segment as that kind of acknowledgement says it: in a 999 AK3 to AK5 are IK3 to IK5, and 330 became 380 with 005010.
fn in_words_of(segment: &str, version: &str, functional: Functional) -> String {
    let segment = if version == "005010" { segment.replace("*330*", "*380*") } else { segment.to_owned() };
    match functional {
        Functional::F999 => ["AK3", "AK4", "AK5"]
            .iter()
            .fold(segment, |text, tag| if text.starts_with(tag) { text.replacen('A', "I", 1) } else { text }),
        _ => segment,
    }
}

const LINE: &str = "PO1*1*2*EA*9.5~";

#[test]
fn ak304_each_segment_code() {
    let all = Policy::default();
    let over = format!("{}{LINE}", "N1*ST*ACME~".repeat(201));
    for (code, body, segment) in [
        (1, format!("{LINE}ZZZ*1~"), "ZZZ*4*"),
        (2, format!("N3*STREET 1~{LINE}"), "N3*3*"),
        (3, String::new(), "PO1*3*"),
        (4, over, "N1*203*"),
        (5, format!("CUR*BY*USD~CUR*BY*USD~{LINE}"), "CUR*4*"),
        (6, format!("{LINE}HL*1**S~"), "HL*4*"),
        (7, format!("{LINE}PID*F****BOLT~CUR*BY*USD~"), "CUR*5*"),
        (8, "PO1*1*X*EA*9.5~".to_owned(), "PO1*3*"),
    ] {
        all_say(&order(&body), &all, &format!("AK3*{segment}*{code}"));
    }
}

#[test]
fn ak403_each_element_code() {
    let mut policy = Policy::default();
    assert!(policy.severities.set("element_code", Severity::Error));
    for (body, expected) in [
        (format!("REF**1~{LINE}"), "AK3*REF*3**8~AK4*1*128*1"),
        ("PO1*1*2*EA*9.5*PE*UP~".to_owned(), "AK3*PO1*3**8~AK4*7*234*2"),
        (format!("N1*ST*ACME~N3*A*B*C~{LINE}"), "AK3*N3*4**8~AK4*3**3*C"),
        (format!("CUR*BY*US~{LINE}"), "AK3*CUR*3**8~AK4*2*100*4*US"),
        (format!("CUR*BY*USDX~{LINE}"), "AK3*CUR*3**8~AK4*2*100*5*USDX"),
        // A value that cannot be written as it came is not written (AK404).
        ("PO1*1*2X*EA*9.5~".to_owned(), "AK3*PO1*3**8~AK4*2*330*6"),
        (format!("CUR*!!*USD~{LINE}"), "AK3*CUR*3**8~AK4*1*98*7*!!"),
        (format!("DTM*002*20261301~{LINE}"), "AK3*DTM*3**8~AK4*2*373*8*20261301"),
        (format!("DTM*002*20260101*9999~{LINE}"), "AK3*DTM*3**8~AK4*3*337*9*9999"),
        (format!("MEA*PD*LN*5*EA****01~{LINE}"), "AK3*MEA*3**8~AK4*8*936*10*01"),
    ] {
        all_say(&order(&body), &policy, expected);
    }
    // 12 and 13 are 005010's; before, both are too many elements.
    let repeated = order("PO1*1*2^3*EA*9.5~");
    let said = answer(&interchange("005010", &repeated), &policy, Functional::F997);
    assert!(said.contains(&"AK4*2>>2*380*12".to_owned()), "{said:?}");
    for (version, code) in [("004010", 3), ("005010", 13)] {
        let said = answer(&interchange(version, &order("PO1*1*2*EA>X*9.5~")), &policy, Functional::F997);
        assert!(
            said.iter().any(|segment| segment.starts_with("AK4*3") && segment.ends_with(&format!("*{code}"))),
            "{said:?}"
        );
    }
}

#[test]
fn ak502_each_set_code() {
    let good = order(LINE);
    let set = |from: &str, to: &str| good.replacen(from, to, 1);
    for (expected, sets) in [
        ("AK2*ZZZ*0001~AK5*R*1", set("ST*850", "ST*ZZZ")),
        ("AK2*850*0001~AK5*R*2", set("SE*4*0001~", "")),
        ("AK2*850*0001~AK5*R*3", set("SE*4*0001", "SE*4*1001")),
        ("AK2*850*0001~AK5*R*4", set("SE*4*", "SE*9*")),
        ("AK5*R*5", set("PO1*1*2*", "PO1*1*X*")),
        ("AK2*000*0001~AK5*R*6", set("ST*850", "ST*")),
        (
            "AK2*850*0000~AK3*ST*1**8~AK4*2*329*1~AK3*SE*4**8~AK4*2*329*1~AK5*R*5*7",
            set("ST*850*0001", "ST*850*").replacen("SE*4*0001", "SE*4*", 1),
        ),
        ("AK2*850*0001~AK5*A~AK2*850*0001~AK5*R*23", good.repeat(2)),
    ] {
        all_say(&sets, &Policy::default(), expected);
    }
}

#[test]
fn ak905_each_group_code() {
    for version in ["004010", "005010"] {
        let good = interchange(version, &order(LINE));
        for (expected, from, to) in [
            ("AK9*E*1*1*1*1", "GS*PO*", "GS*ZZ*"),
            ("AK9*E*1*1*1*3", "GE*1*7~", ""),
            ("AK9*E*1*1*1*4", "GE*1*7", "GE*1*8"),
            ("AK9*E*2*1*1*5", "GE*1*7", "GE*2*7"),
            ("AK9*E*1*1*1*6", "*7*X*", "*A7*X*"),
        ] {
            let text = good.replacen(from, to, 1).replace("GE*1*7", if to == "*A7*X*" { "GE*1*A7" } else { "GE*1*7" });
            for functional in [Functional::F997, Functional::F999] {
                let said = answer(&text, &Policy::default(), functional);
                assert!(said.iter().any(|segment| segment == expected), "{version}: {expected} in {said:?}");
            }
        }
        // 19 was about security before 005010.
        let group = &good[good.find("GS*").unwrap()..good.find("IEA*").unwrap()];
        let twice = good.replacen(group, &group.repeat(2), 1).replace("IEA*1*", "IEA*2*");
        let said = answer(&twice, &Policy::default(), Functional::F997);
        let code = if version == "005010" { 19 } else { 6 };
        assert!(said.contains(&format!("AK9*E*1*1*1*{code}")), "{said:?}");
        // A version without tables rejects its sets too.
        let said = answer(&good.replace(&format!("*X*{version}"), "*X*003070"), &Policy::default(), Functional::F997);
        assert!(said.contains(&"AK9*R*1*1*0*2".to_owned()), "{said:?}");
    }
}

/// An interchange, what its partner's file says of single rules, and the note that answers it.
#[test]
fn ta105_each_note() {
    let good = interchange("004010", &order(LINE));
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let cut = |at: usize| good[..at].to_owned();
    let rows = [
        (0, 'A', "", good.clone()),
        (1, 'R', "", with("IEA*1*000000001", "IEA*1*000000002")),
        (2, 'E', "isa_standard", with("*U*00401*", "*E*00401*")),
        (3, 'E', "isa_version", with("*00401*", "*00999*")),
        (4, 'R', "", with("*>~", "*>")),
        (5, 'E', "isa_qualifier", with("*ZZ*SENDER", "*??*SENDER")),
        (6, 'E', "isa_party", with("*ZZ*SENDER ", "*ZZ*       ")),
        (7, 'E', "isa_qualifier", with("*01*RECEIVER", "*??*RECEIVER")),
        (8, 'E', "isa_party", with("*01*RECEIVER ", "*01*         ")),
        (9, 'E', "isa_receiver", with("*01*RECEIVER  ", "*01*SOMEBODY  ")),
        (10, 'E', "isa_authorization", with("ISA*00*", "ISA*99*")),
        (11, 'E', "isa_authorization", with("ISA*00*", "ISA*03*")),
        (12, 'E', "isa_security", with("*00*          *ZZ", "*99*          *ZZ")),
        (13, 'E', "isa_security", with("*00*          *ZZ", "*01*          *ZZ")),
        (14, 'E', "", with("*260701*1200*U", "*261301*1200*U")),
        (15, 'E', "", with("*260701*1200*U", "*260701*2500*U")),
        (16, 'E', "isa_standard", with("*U*00401*", "*=*00401*")),
        (17, 'E', "isa_version", with("*00401*", "*0X401*")),
        (18, 'E', "", with("*000000001*0*", "*00000000A*0*").replace("IEA*1*000000001", "IEA*1*00000000A")),
        (19, 'E', "", with("*000000001*0*", "*000000001*9*")),
        (20, 'E', "", with("*0*P*", "*0*Q*")),
        (21, 'E', "", with("IEA*1*", "IEA*3*")),
        (22, 'R', "", with("GS*PO*A*B*20260701*1200*7*X*004010~", "")),
        (23, 'R', "", cut(good.len() - 20)),
        (24, 'E', "", with("GS*PO", "REF*DP*1~GS*PO")),
        (26, 'R', "", ISA.replace('*', "X")),
        (27, 'E', "isa_separator", with("*>~", "*A~")),
        (28, 'E', "", with("GS*PO", "ISE*20261105*0800~GS*PO")),
        (29, 'E', "", with("GS*PO", "ISE*261105*2561~GS*PO")),
        (30, 'E', "", with("GS*PO", "ISE*261105*0800*+05~GS*PO")),
        (31, 'E', "", with("GS*PO", "ISB*12~GS*PO")),
    ];
    let given: Vec<u8> = rows.iter().map(|row| row.0).collect();
    for (note, status, rule, text) in rows {
        let mut policy = Policy::default();
        if !rule.is_empty() {
            // These are for our own eyes unless the partner's file says otherwise.
            assert!(policy.severities.set(rule, Severity::Warning), "{rule}");
        }
        if rule == "isa_receiver" {
            policy.receiver = Some(PartyId { qualifier: "01".into(), id: "RECEIVER".into() });
        }
        let said = answer(&text, &policy, Functional::F997);
        let number = if note == 18 { "00000000A" } else { "000000001" };
        let start = format!("TA1*{number}*260701*");
        let end = format!("*{status}*{note:03}");
        assert!(
            said.iter().any(|segment| segment.starts_with(&start) && segment.ends_with(&end)),
            "{note:03}: {said:?}"
        );
        assert_eq!(said.iter().any(|segment| segment.starts_with("ST*997")), status != 'R', "{note:03}: {said:?}");
        // As an error each rejects the whole.
        if !rule.is_empty() {
            assert!(policy.severities.set(rule, Severity::Error));
            assert_eq!(verdict(&text, &policy).ta1.map(|ta1| (ta1.status.letter(), ta1.note)), Some((b'R', note)));
        }
    }
    // Whether a number came before only the gateway knows.
    let mut twice = verdict(&good, &Policy::default());
    twice.refuse_duplicate();
    assert_eq!(twice.ta1.map(|ta1| (ta1.status.letter(), ta1.note)), Some((b'R', 25)));
    let all: Vec<u8> = (0..=31).filter(|note| *note != 25).collect();
    assert_eq!(given, all);
}
