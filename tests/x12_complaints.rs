//! What users of other engines complain about most, each as a test by its own name: the file that hurt them, and what becomes of it here.

use std::fmt::Write as _;

use gangway::x12::{
    self, AckNumbers, AckPolicy, Checker, Functional, InterchangeVerdict, Policy, Severity, Step, standard::Standard,
};

const ISA: &str =
    "ISA*00*          *00*          *ZZ*SENDER         *01*RECEIVER       *260701*1200*U*00401*000000001*0*P*>~";

/// An interchange of one group of purchase orders.
fn orders(sets: &[String]) -> String {
    let count = sets.len();
    format!("{ISA}GS*PO*A*B*20260701*1200*7*X*004010~{}GE*{count}*7~IEA*1*000000001~", sets.concat())
}

fn order(number: usize, body: &str) -> String {
    let count = body.matches('~').count() + 3;
    format!("ST*850*{number:04}~BEG*00*SA*PO-{number}**20260701~{body}SE*{count}*{number:04}~")
}

const LINE: &str = "PO1*1*2*EA*9.5**VP*A-1~";

/// What was seen of each set, of each interchange, and of what stands between.
struct Seen {
    sets: Vec<String>,
    segments: Vec<Vec<Vec<u8>>>,
    interchanges: Vec<InterchangeVerdict>,
    rubbish: Vec<String>,
}

fn seen_under(bytes: &[u8], policy: &Policy) -> Seen {
    let mut checker = Checker::new(bytes, |_| policy.clone());
    let mut seen = Seen { sets: Vec::new(), segments: Vec::new(), interchanges: Vec::new(), rubbish: Vec::new() };
    while let Some(step) = checker.next().unwrap() {
        match step {
            Step::Set(set) => {
                let mut line = format!("{} {} {}", set.id, set.control, char::from(set.status.letter()));
                for finding in set.findings.iter().filter(|finding| finding.severity >= Severity::Warning) {
                    let element = finding.element.map_or(String::new(), |element| format!("{element:02}"));
                    write!(line, " {}:{}{element}", finding.code, finding.tag).unwrap();
                }
                seen.sets.push(line);
                let view = set.view.unwrap();
                let elements =
                    |segment: x12::Segment<'_>| (1..=segment.len()).map(|n| segment.element(n).to_vec()).collect();
                seen.segments.extend(view.segments().map(elements));
            }
            Step::InterchangeEnd(verdict) => seen.interchanges.push(*verdict),
            Step::Rubbish(finding) => seen.rubbish.push(finding.code.to_string()),
            Step::Interchange(_) | Step::Group(_) => {}
        }
    }
    seen
}

fn seen(bytes: &[u8]) -> Seen {
    seen_under(bytes, &Policy::default())
}

fn answer(verdict: &InterchangeVerdict, how: &AckPolicy) -> String {
    let now = "2026-07-01T12:05:00".parse().unwrap();
    let bytes = x12::acknowledge(verdict, how, AckNumbers { interchange: 42, group: 9 }, now);
    String::from_utf8(bytes.unwrap_or_default()).unwrap()
}

#[test]
fn c01_any_terminator_with_any_line_end() {
    let file = orders(&[order(1, LINE)]);
    for terminator in ["\n", "\r", "\r\n", "~\n", "~\r\n", "\u{1c}", "!", "|", "\u{2026}"] {
        let found = seen(file.replace('~', terminator).as_bytes());
        assert_eq!(found.sets, ["850 0001 A"], "{terminator:?}");
        assert_eq!(found.segments, seen(file.as_bytes()).segments, "{terminator:?}");
    }
}

#[test]
fn c02_a_large_file_is_read_set_by_set() {
    let sets: Vec<String> = (1..=2000).map(|number| order(number, &LINE.repeat(20))).collect();
    let stats = x12::stats(orders(&sets).as_bytes()).unwrap();
    assert_eq!((stats.sets, stats.errors, stats.segments), (2000, 0, 2000 * 23 + 4));
}

#[test]
fn c03_isa11_is_no_separator_in_4010() {
    for (isa11, text) in [("U", "UNIT U1"), ("^", "5^2")] {
        let file = orders(&[order(1, &format!("{LINE}MSG*{text}~"))]).replace("*U*00401", &format!("*{isa11}*00401"));
        let found = seen(file.as_bytes());
        assert!(found.segments.contains(&vec![text.as_bytes().to_vec()]), "{:?}", found.segments);
    }
    // In 5010 it is one, unless the partner's file says that it is not.
    let file = orders(&[order(1, &format!("{LINE}PID*F****5^2~"))])
        .replace("*U*00401", "*^*00501")
        .replace("004010", "005010");
    assert_eq!(seen(file.as_bytes()).sets, ["850 0001 R X12-0512:PID05"]);
    let off = Policy { repetition: x12::Repetition::Off, ..Policy::default() };
    assert_eq!(seen_under(file.as_bytes(), &off).sets, ["850 0001 A"]);
}

#[test]
fn c04_an_isa_that_is_not_106_bytes() {
    let file = orders(&[order(1, LINE)]);
    let short = file.replacen(ISA, "ISA*00**00**ZZ*SENDER*01*RECEIVER*260701*1200*U*00401*1*0*P*>~", 1);
    let short = short.replace("IEA*1*000000001", "IEA*1*1");
    let found = seen(short.as_bytes());
    assert_eq!((found.sets.len(), found.interchanges[0].header.sender.id.as_str()), (1, "SENDER"));
    let strict = Policy { strict_isa: true, ..Policy::default() };
    let refused = &seen_under(short.as_bytes(), &strict).interchanges[0];
    assert_eq!(refused.ta1.map(|ta1| (ta1.status.letter(), ta1.note)), Some((b'R', 22)));
}

#[test]
fn c05_no_byte_is_lost() {
    let names: [&[u8]; 4] = ["ACME – WEST".as_bytes(), "40 °C".as_bytes(), b"M\xfcller", b"caf\xe9\x80"];
    for name in names {
        let file = orders(&[order(1, &format!("N1*ST*NAME*92*1~{LINE}"))]);
        let at = file.find("NAME").unwrap();
        let bytes = [b"\xef\xbb\xbf", &file.as_bytes()[..at], name, &file.as_bytes()[at + 4..]].concat();
        let found = seen(&bytes);
        assert!(found.rubbish.is_empty());
        assert!(found.segments.iter().any(|segment| segment.get(1).is_some_and(|value| value == name)), "{name:?}");
    }
}

#[test]
fn c06_many_interchanges_groups_and_sets_in_one_file() {
    let one = orders(&[order(1, LINE), order(2, &format!("MSG*ISA*00~{LINE}"))]);
    let other = one.replace('*', "|").replace('~', "\n").replace("|>\n", "|:\n");
    let file = format!("{one}\r\n-- page 2 --\r\n{other}{one}");
    let found = seen(file.as_bytes());
    assert_eq!((found.interchanges.len(), found.sets.len()), (3, 6));
    assert_eq!(found.rubbish, ["X12-0001"]);
}

#[test]
fn c07_acknowledgements_in_the_right_version_for_the_right_group() {
    let file = orders(&[order(1, LINE), order(2, &format!("ZZZ*1~{LINE}"))]);
    for (version, isa12, how, set) in [
        ("004010VICS", "00401", Functional::F997, "ST*997*"),
        ("005010", "00501", Functional::F997, "ST*997*"),
        ("005010", "00501", Functional::F999, "ST*999*"),
        ("004010", "00401", Functional::F999, "ST*997*"),
    ] {
        let file = file.replace("*X*004010~", &format!("*X*{version}~")).replace("*U*00401", &format!("*U*{isa12}"));
        let verdict = seen(file.as_bytes()).interchanges.remove(0);
        let said = answer(&verdict, &AckPolicy { functional: how, ta1: x12::Ta1When::Always, ..AckPolicy::default() });
        assert!(said.contains(&format!("GS*FA*B*A*20260701*1205*9*X*{version}~{set}")), "{said}");
        assert!(said.contains("TA1*000000001*260701*1200*A*000~"), "{said}");
        assert!(said.contains("K1*PO*7") && said.contains("AK2*850*0001~") && said.contains("AK9*P*2*2*1~"), "{said}");
        // An acknowledgement of ours earns none.
        let again = &seen(said.as_bytes()).interchanges[0];
        assert!(!x12::earns_acknowledgement(again, &AckPolicy { ta1: x12::Ta1When::Always, ..AckPolicy::default() }));
    }
}

#[test]
fn c08_a_wrong_count_costs_its_own_set_and_no_other() {
    let file = orders(&[
        order(1, LINE),
        order(2, LINE).replace("SE*4*", "SE*9*"),
        order(3, LINE).replace("SE*4*", "SE*0004*"),
    ]);
    let found = seen(file.as_bytes());
    assert_eq!(found.sets, ["850 0001 A", "850 0002 R X12-0303:SE01", "850 0003 A"]);
    let mut twice = found.interchanges;
    assert_eq!(twice[0].groups[0].accepted, 2);
    twice[0].refuse_duplicate();
    assert_eq!(twice[0].ta1.map(|ta1| ta1.note), Some(25));
}

#[test]
fn c09_levels_of_a_shipment_in_any_arrangement() {
    let notice = |levels: &str| {
        let count = levels.matches('~').count() + 3;
        let set = format!("ST*856*0001~BSN*00*S-1*20260701*1200~{levels}SE*{count}*0001~");
        seen(orders(&[set]).replace("GS*PO", "GS*SH").as_bytes()).sets.remove(0)
    };
    for good in [
        "HL*1**S~HL*2*1*O~HL*3*2*P~HL*4*3*I~",
        "HL*1**S~HL*2*1*O~HL*3*2*T~HL*4*3*P~HL*5*4*I~",
        "HL*1**S~HL*2**I~",
        "HL*1**S~HL*7*1*AG~",
        "HL*1**S*0~",
    ] {
        assert_eq!(notice(good), "856 0001 A", "{good}");
    }
    assert_eq!(notice("HL*1**S~HL*2*9*O~"), "856 0001 A X12-0604:HL02");
    assert_eq!(notice("HL*1*2*S~HL*2*1*O~"), "856 0001 A X12-0604:HL02", "a cycle");
}

#[test]
fn c10_the_same_segment_in_several_loops() {
    // MSG goes with the PID before it, and with the line; N1 of the heading and of a line; REF in both.
    let body = "REF*DP*1~N1*ST*A*92*11~N3*STREET~PO1*1*2*EA*9.5~PID*F****TEXT~REF*LI*2~MSG*NOTE~N1*BY*B*92*22~REF*DP*3~PO1*2*2*EA*9.5~MSG*NOTE~";
    assert_eq!(seen(orders(&[order(1, body)]).as_bytes()).sets, ["850 0001 A"]);
}

#[test]
fn c11_a_partners_own_segments_and_elements() {
    let file = orders(&[order(1, &format!("ZA1*X~{LINE}TD5*O*2*SCAC*M*ROUTE***********LATE~"))]);
    assert!(seen(file.as_bytes()).sets[0].starts_with("850 0001 R"));
    let overlay = "[segments.ZA1]\nextra = [{ max = 5 }]\n[segments.TD5]\nextra = [{ max = 9 }]\n\
                   [sets.850]\nextra = [{ segment = \"ZA1\", after = \"BEG\" }]";
    let own = Standard::get("004010").unwrap().with(&toml::from_str(overlay).unwrap()).unwrap();
    let policy = Policy { standards: vec![std::sync::Arc::new(own)], ..Policy::default() };
    assert_eq!(seen_under(file.as_bytes(), &policy).sets, ["850 0001 A"]);
    let mut lenient = Policy::default();
    for rule in ["segment_unknown", "element_count"] {
        assert!(lenient.severities.set(rule, Severity::Off));
    }
    assert_eq!(seen_under(file.as_bytes(), &lenient).sets, ["850 0001 A"]);
}

#[test]
fn c12_gs08_and_st03_choose_the_tables_and_isa12_does_not() {
    let file = orders(&[order(1, LINE)]);
    for isa12 in ["00400", "00204", "00200", "00040", "00000"] {
        assert_eq!(seen(file.replace("*U*00401", &format!("*U*{isa12}")).as_bytes()).sets, ["850 0001 A"], "{isa12}");
    }
    let newer = file.replace("ST*850*0001", "ST*850*0001*005010");
    let mut checker = Checker::new(newer.as_bytes(), |_| Policy::default());
    let mut standard = None;
    while let Some(step) = checker.next().unwrap() {
        if let Step::Set(set) = step {
            standard = set.standard;
        }
    }
    assert_eq!(standard, Some("005010"));
}

#[test]
fn c13_decimals_are_decimals() {
    let lines = "PO1*1*.1*EA*0.30~PO1*2*0.2*EA*1000000000.01~CTT*2*.3~";
    assert_eq!(seen(orders(&[order(1, lines)]).as_bytes()).sets, ["850 0001 A"]);
    let wrong = lines.replace("CTT*2*.3", "CTT*2*.4");
    assert_eq!(seen(orders(&[order(1, &wrong)]).as_bytes()).sets, ["850 0001 A X12-0602:CTT02"]);
}

#[test]
fn c14_every_error_with_its_place() {
    let body = "REF*DP~PO1*1*X*EA*9.5**VP~ZZZ*1~DTM*002*20261301~";
    let found = seen(orders(&[order(1, body)]).as_bytes());
    assert_eq!(found.sets.len(), 1);
    let codes: Vec<&str> = found.sets[0].split(' ').skip(3).collect();
    assert_eq!(codes, ["X12-0502:REF02", "X12-0506:PO102", "X12-0502:PO107", "X12-0401:ZZZ", "X12-0508:DTM02"]);
    let offsets: Vec<u64> = found.interchanges[0].all_findings().map(|finding| finding.offset).collect();
    assert!(offsets.is_sorted() && offsets.first() > Some(&150), "{offsets:?}");
}

#[test]
fn c15_who_an_interchange_is_from_is_kept_whole() {
    let file = orders(&[order(1, LINE)]).replace("*ZZ*SENDER ", "*12*SENDER ").replace("GS*PO*A*B", "GS*PO*PLANT 7*B");
    let header = &seen(file.as_bytes()).interchanges[0];
    assert_eq!((header.header.sender.qualifier.as_str(), header.header.sender.id.as_str()), ("12", "SENDER"));
    assert_eq!(header.groups[0].header.sender, "PLANT 7");
}
