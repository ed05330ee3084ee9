//! Each kind of difference, seen in the derived standard; and every mistake of an overlay in one go.

use super::*;

fn overlay(toml: &str) -> Overlay {
    toml::from_str(toml).unwrap()
}

fn derive(toml: &str) -> Standard {
    Standard::get("004010").unwrap().with(&overlay(toml)).unwrap()
}

fn faults(toml: &str) -> Vec<String> {
    let faults = Standard::get("004010").unwrap().with(&overlay(toml)).unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

fn simple<'s>(standard: &'s Standard, tag: &str, position: usize) -> &'s ElementDef {
    match &standard.segment(tag.as_bytes()).unwrap().elements[position - 1].content {
        Content::Simple(element) => element,
        Content::Composite(composite) => panic!("{} stands there", composite.id),
    }
}

#[test]
fn no_difference_is_the_standard() {
    let standard = Standard::get("004010").unwrap();
    assert!(Overlay::default().is_empty());
    assert_eq!(standard.with(&Overlay::default()).as_ref(), Ok(standard));
}

#[test]
fn an_element_changes_everywhere() {
    let derived =
        derive("[elements.355]\ncodes = [\"QQQ\"]\nmax = 3\n[elements.127]\nmax = 50\n[elements.92]\nany_code = true");
    for (tag, position) in [("PO1", 3), ("ACK", 3), ("SN1", 3)] {
        let unit = simple(&derived, tag, position);
        assert_eq!(unit.max, 3, "{tag}");
        let codes = unit.codes.as_ref().unwrap();
        assert!(codes.contains(b"QQQ") && codes.contains(b"EA") && !codes.contains(b"QQX"), "{tag}");
    }
    assert_eq!(derived.element("355").unwrap().max, 3);
    assert_eq!(simple(&derived, "REF", 2).max, 50);
    // In composites too: C040 holds 127.
    let reference = &derived.segment(b"REF").unwrap().elements[3];
    let Content::Composite(composite) = &reference.content else { panic!() };
    let Content::Simple(part) = &composite.components[1].content else { panic!() };
    assert_eq!((&*part.number, part.max), ("127", 50));
    assert_eq!(simple(&derived, "BEG", 2).codes, None);
    // The standard itself is as it was.
    assert_eq!(simple(Standard::get("004010").unwrap(), "REF", 2).max, 30);
}

#[test]
fn an_element_changes_in_one_place() {
    let derived =
        derive("[elements.BEG02]\nonly = [\"SA\", \"NE\"]\n[elements.REF04-2]\nmax = 45\n[elements.N102]\nmin = 2");
    let kind = simple(&derived, "BEG", 2).codes.as_ref().unwrap();
    assert_eq!(kind.codes(), [b"NE".to_vec(), b"SA".to_vec()]);
    assert!(derived.element("92").unwrap().codes.as_ref().unwrap().len() > 2);
    let Content::Composite(composite) = &derived.segment(b"REF").unwrap().elements[3].content else { panic!() };
    let Content::Simple(part) = &composite.components[1].content else { panic!() };
    assert_eq!(part.max, 45);
    assert_eq!((simple(&derived, "N1", 2).min, simple(&derived, "N2", 1).min), (2, 1));
}

#[test]
fn a_segment_changes() {
    let derived = derive(
        "[segments.PO1]\nrequired = [1, 6]\nextra = [{ element = \"127\", required = true }]\nnotes = [\"R0304\"]\n\
         [segments.REF]\noptional = [1]\nwithout_notes = [\"R0203\"]",
    );
    let line = derived.segment(b"PO1").unwrap();
    assert_eq!(line.elements.len(), 26);
    assert_eq!(line.mandatory, 1 | 1 << 5 | 1 << 25);
    assert!(line.notes.contains(&text::note("R0304").unwrap()));
    assert_eq!(line.elements[2].requirement, Requirement::Relational);
    let reference = derived.segment(b"REF").unwrap();
    assert_eq!((reference.mandatory, &*reference.notes), (0, &[][..]));
    assert_eq!(reference.elements[1].requirement, Requirement::Optional);
}

#[test]
fn a_segment_of_the_partners_own() {
    let derived =
        derive("[segments.ZA1]\nextra = [{ type = \"N2\", max = 9, required = true }, { element = \"353\" }]");
    let own = derived.segment(b"ZA1").unwrap();
    assert_eq!(derived.segment_by_id(own.id), Some(own));
    let Content::Simple(amount) = &own.elements[0].content else { panic!() };
    assert_eq!((amount.kind, amount.min, amount.max), (ElementKind::Integer(2), 1, 9));
    assert!(derived.segment(b"PO1").is_some());
    assert!(Standard::get("004010").unwrap().segment(b"ZA1").is_none());
}

#[test]
fn a_set_changes() {
    let derived = derive(
        "[sets.850]\nrequired = [\"N1\", \"PO1/PID\"]\noptional = [\"PO1\"]\nmaximum = { \"PO1/SCH\" = \"unlimited\", PER = 9 }\n\
         extra = [{ segment = \"NTE\", after = \"PO1/PID/PID\", maximum = 3 }, { segment = \"NTE\", after = \"CTT\" }]",
    );
    let set = derived.set(b"850").unwrap();
    let tag = |id: SegmentId| &*derived.segment_by_id(id).unwrap().tag;
    let node = |path: &str| {
        let found = set.nodes().iter().enumerate().find(|(at, _)| set.path(NodeId(*at as u16), tag) == path);
        found.unwrap_or_else(|| panic!("{path}")).1
    };
    assert_eq!(node("N1").requirement, Requirement::Mandatory);
    assert_eq!(node("PO1/PID").requirement, Requirement::Mandatory);
    assert_eq!(node("PO1").requirement, Requirement::Optional);
    assert_eq!((node("PO1/SCH").max, node("PER").max), (u32::MAX, 9));
    assert_eq!((node("PO1/PID/NTE").max, node("NTE").max), (3, 1));
    // Sets that were left alone are shared.
    let standard = Standard::get("004010").unwrap();
    assert!(Arc::ptr_eq(standard.set(b"855").unwrap(), derived.set(b"855").unwrap()));
}

#[test]
fn a_segment_changes_in_one_set_only() {
    let derived = derive(
        "[elements.PO103]\nonly = [\"EA\"]\n\
         [sets.856]\nrequired = [\"HL/SN1\"]\nextra = [{ segment = \"ZA1\", after = \"BSN\" }]\n\
         [sets.856.segments.ZA1]\nextra = [{ max = 5 }]\n\
         [sets.856.segments.REF]\nrequired = [3]\n\
         [sets.856.elements.REF02]\nmax = 45\n\
         [sets.856.elements.355]\ncodes = [\"QQ\"]",
    );
    let alone = derived.alone(b"856").unwrap();
    assert!(derived.alone(b"850").is_none());
    assert_eq!((simple(alone, "REF", 2).max, simple(&derived, "REF", 2).max), (45, 30));
    let third = |standard: &Standard| standard.segment(b"REF").unwrap().elements[2].requirement;
    assert_eq!(third(alone), Requirement::Mandatory);
    assert_ne!(third(&derived), Requirement::Mandatory);
    let unit = |standard| simple(standard, "SN1", 3).codes.as_ref().unwrap().contains(b"QQ");
    assert!(unit(alone) && !unit(&derived));
    // What holds everywhere holds there too.
    assert_eq!(simple(alone, "PO1", 3).codes.as_ref().unwrap().len(), 1);
    assert!(alone.segment(b"ZA1").is_some() && derived.segment(b"ZA1").is_none());
    assert_eq!(alone.set(b"856"), derived.set(b"856"));
    assert_ne!(alone.set(b"856"), Standard::get("004010").unwrap().set(b"856"));
    assert_eq!(
        faults(
            "[sets.856.elements.REF09]\nmax = 1\n[sets.856.segments.REF]\noptional = [9]\n[sets.857.elements.355]\nmin = 1"
        ),
        [
            "sets.856.segments.REF.optional: REF has no element 09",
            "sets.856.elements.REF09: REF has no element 09",
            "sets.857: there is no table of set 857",
        ]
    );
}

#[test]
fn everything_that_does_not_fit_is_told() {
    assert_eq!(
        faults(
            "[sets.850]\nrequired = [\"XX\", \"PO1/XX\", \"PO1/PO1\"]\nextra = [{ segment = \"ZZZ\", after = \"BEG\" }]\n\
             [sets.999]\n\
             [segments.PO1]\nrequired = [26]\nnotes = [\"P0126\", \"Q01\"]\nwithout_notes = [\"P0102\"]\n\
             [segments.zz]\n[segments.ZZ1]\n\
             [elements.PO199]\nmax = 1\n[elements.REF04]\nmax = 1\n[elements.\"BEG01-1\"]\nmax = 1\n\
             [elements.nothing]\n[elements.355]\nmin = 9",
        ),
        [
            "elements.355: the least length 9 is above the greatest, 2",
            "segments.PO1.required: PO1 has no element 26",
            "segments.PO1.without_notes: PO1 has no note P0102",
            "segments.PO1.notes: `P0126` reaches past the last element of PO1",
            "segments.PO1.notes: `Q01` is no syntax note",
            "segments.ZZ1.extra: the standard has no segment ZZ1, so its elements must be given here",
            "segments.zz.extra: `zz` is no tag: two or three capitals or digits, a capital first",
            "elements.BEG01-1: BEG01 has no components",
            "elements.PO199: PO1 has no element 99",
            "elements.REF04: REF04 has components: name one, REF04-1",
            "elements.nothing: `nothing` is neither a data element nor a place such as PO103 or REF04-2",
            "sets.850.required: there is no place `XX`",
            "sets.850.required: there is no place `XX` in PO1",
            "sets.850.required: `PO1/PO1` opens its loop: name the loop instead",
            "sets.850.extra: neither the standard nor this overlay has a segment ZZZ",
            "sets.999: there is no table of set 999",
        ]
    );
}

#[test]
fn odd_places_and_names_do_no_harm() {
    for toml in [
        "[elements.\"é\"]",
        "[elements.\"-1\"]",
        "[elements.\"\"]",
        "[segments.\"é1\"]",
        "[sets.850]\nrequired=[\"PO1/\"]",
        "[sets.850]\nrequired=[\"N1[0]\"]",
        "[sets.850]\nrequired=[\"N1[x]\"]",
        "[elements.PO100]\nmax=3",
    ] {
        assert_eq!(faults(toml).len(), 1, "{toml}");
    }
}

#[test]
fn a_limit_reads_numbers_and_unlimited() {
    let limits = |toml: &str| toml::from_str::<SetOverlay>(toml);
    assert_eq!(limits("maximum = { A = 7, B = \"unlimited\" }").unwrap().maximum["B"], Limit(u32::MAX));
    for wrong in ["0", "-1", "\"many\"", "4294967296", "true"] {
        assert!(limits(&format!("maximum = {{ A = {wrong} }}")).is_err(), "{wrong}");
    }
    let back = toml::to_string(&limits("maximum = { A = 7, B = \"unlimited\" }").unwrap()).unwrap();
    assert_eq!(back, "[maximum]\nA = 7\nB = \"unlimited\"\n");
}
