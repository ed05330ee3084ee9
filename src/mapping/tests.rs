//! Mapping files as a person writes them, and what becomes of sets that they read.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Charset, Library, Mapped, Problem};
use crate::{
    config::Diagnostic,
    document::check,
    x12::token::{Delimiters, SetView, Tokens},
};

/// A library with these files over what is compiled in.
fn library(files: &[(&str, &str)]) -> (Library, Vec<Diagnostic>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let (library, mut found) = Library::load(Some(folder.path()));
    for label in found.iter_mut().flat_map(|diagnostic| &mut diagnostic.labels) {
        label.file = label.file.rsplit('/').next().unwrap_or_default().into();
    }
    (library, found)
}

/// A library that has no mistake.
fn good(files: &[(&str, &str)]) -> Library {
    let (library, found) = library(files);
    assert!(found.is_empty(), "{}", concise(&found));
    library
}

/// Diagnostics as editors want them.
fn concise(found: &[Diagnostic]) -> String {
    let mut lines = Vec::new();
    for diagnostic in found {
        let label = &diagnostic.labels[0];
        let before = &label.source[..label.span.start];
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let line = before.matches('\n').count() + 1;
        let hint = diagnostic.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        lines.push((label.file.clone(), line, column, format!("{} {}{hint}", diagnostic.code, diagnostic.message)));
    }
    lines.sort();
    lines.iter().fold(String::new(), |mut text, (file, line, column, message)| {
        let _ = writeln!(text, "{file}:{line}:{column} {message}");
        text
    })
}

const DELIMITERS: Delimiters = Delimiters { element: b'*', component: b'>', repetition: Some(b'^'), segment: b'~' };

fn read_bytes(library: &Library, id: &str, body: &[u8], charset: Charset) -> Result<Mapped, Vec<Problem>> {
    let mut set = b"ST*000*0001~".to_vec();
    set.extend_from_slice(body);
    set.extend_from_slice(b"SE*0*0001~");
    let tokens = Tokens::scan(&set, DELIMITERS);
    library.by_id(id).unwrap().read_x12_in(&SetView::new(&set, &tokens, DELIMITERS, 1000), charset)
}

fn read(library: &Library, id: &str, body: &str) -> Result<Mapped, Vec<Problem>> {
    read_bytes(library, id, body.as_bytes(), Charset::Utf8)
}

fn document(library: &Library, id: &str, body: &str) -> (Value, Option<Value>) {
    let mapped = read(library, id, body).unwrap_or_else(|problems| panic!("{problems:?}"));
    let kind = library.by_id(id).unwrap().document();
    check(kind, &mapped.json).unwrap_or_else(|faults| panic!("{faults:?}: {}", String::from_utf8_lossy(&mapped.json)));
    (serde_json::from_slice(&mapped.json).unwrap(), mapped.extras)
}

fn problems(library: &Library, id: &str, body: &str) -> String {
    let mut problems = read(library, id, body).expect_err("it has problems");
    for problem in &mut problems {
        problem.mapping = problem.mapping.rsplit('/').next().unwrap_or_default().to_owned();
    }
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn ten_mistakes_are_told_in_one_go() {
    let text = r#"[mapping]
id = "acme-855"
extends = "x12-855"
versoins = ["004010"]

[fields]
order_numbr = "BAK03"
order_date = { at = "BAK4", as = "date" }
issue_date = { at = "BAK09", as = "decimal" }
release_number = 20
currency = { at = "CUR02", as = "uper" }
currency_party = { at = "CUR01", codes = "party_rôle" }
purpose.text = { at = "BAK01" }

[lists.lines]
each = "PO1{*}}"
[lists.lines.lists.acknowledgements.fields]
status = { att = "ACK01", codes = "line_status" }

[codes.line_status]
"ZZ" = "acepted"
"01" = 5
"#;
    let (library, found) = library(&[("acme.toml", text)]);
    insta::assert_snapshot!(concise(&found));
    assert!(library.by_id("acme-855").is_none() && library.by_id("x12-855").is_some());
}

#[test]
fn mistakes_of_the_document_itself_are_told_too() {
    let text = r#"[mapping]
id = "mine"
set = "810"
document = "invoice"
[fields]
number = "BIG02"
totals = "TDS01"
lines = "IT101"
exchange_rate = { at = "CUR03", codes = "price_base" }
currency = { at = "{value}" }
invoice_type = "BIG07"
purpose = { at = "BIG08", codes = "roles", default = "new" }
[lists.lines]
fields.number = "IT101"
[lists.parties]
each = "N1"
nest = "contacts"
lists.identifiers = { each = "N1{*}", fields.value = "{valeu}" }
[lists.references]
each = "REF{*}"
fields.value = "N102"
[lists.number]
each = "REF"
[codes.roles]
A = "original"
B = "original"
"#;
    let (_, found) = library(&[("mine.toml", text)]);
    insta::assert_snapshot!(concise(&found));
}

#[test]
fn files_that_are_no_toml_and_bases_that_are_none() {
    let (_, found) = library(&[
        ("a.toml", "[mapping]\nid = \"a\"\nset = 855\n[fields]\npurpose = 00\nnumber = BAK03\n"),
        ("b.toml", "[mapping]\nid = \"b\"\nextends = \"x12-856\"\n[lists.levels]\nlike = \"levl\"\n"),
        ("c.toml", "[mapping]\nid = \"c\"\nextends = \"d\"\n"),
        ("d.toml", "[mapping]\nid = \"d\"\nextends = \"c\"\n"),
        ("e.toml", "[mapping]\nid = \"e\"\nextends = \"x12-85\"\n"),
        ("f.toml", "[mapping]\nid = \"f\"\nset = \"830\"\ndocument = \"functional_acknowledgement\"\n"),
        ("g.toml", "[mapping]\nid = \"b\"\n"),
        ("h.toml", "[fields]\nnumber = \"BEG03\"\n"),
        (
            "i.toml",
            "[parts.loop]\nlike = \"loop\"\n[mapping]\nid = \"i\"\nextends = \"x12-856\"\n[lists.dates]\nlike = \"loop\"\n",
        ),
    ]);
    insta::assert_snapshot!(concise(&found));
}

#[test]
fn a_partners_file_lists_only_its_differences() {
    let library = good(&[(
        "acme.toml",
        r#"[mapping]
id = "acme-855"
extends = "x12-855"
[fields]
seller_order_number = "REF[01=VN]02"
transaction_kind = false
currency = { at = "CUR02", default = "EUR" }
[lists]
contacts = false
[codes.line_status]
ZZ = { to = "accepted", canonical = false }
IA = "rejected"
IR = false
"#,
    )]);
    let body = "BAK*00*AT*45*20260101****SO-1**ZT~REF*VN*SO-2~REF*VN*SO-3~PER*BD*X~PO1*1~ACK*ZZ~ACK*IA~ACK*IR~";
    let (own, extras) = document(&library, "acme-855", body);
    assert_eq!((&own["seller_order_number"], &own["currency"]), (&json!("SO-2"), &json!("EUR")));
    assert_eq!(
        own["references"],
        json!([{ "kind": "vendor_order", "value": "SO-3" }]),
        "what the field took is not listed again"
    );
    let statuses: Vec<_> =
        own["lines"][0]["acknowledgements"].as_array().unwrap().iter().map(|entry| &entry["status"]).collect();
    assert_eq!(statuses, ["accepted", "rejected", "x12:IR"]);
    let left: Vec<_> = extras.unwrap().as_array().unwrap().iter().map(|extra| extra["value"].clone()).collect();
    assert_eq!(left, ["SO-1", "ZT", "BD", "X"]);
    let (base, _) = document(&library, "x12-855", body);
    assert_eq!(base["seller_order_number"], "SO-1");
    let digest = |id| library.by_id(id).unwrap().digest().to_owned();
    assert_ne!(digest("acme-855"), digest("x12-855"));
    assert!(
        library.for_x12("855", "004010").is_some_and(|mapping| mapping.id() == "x12-855"),
        "an overlay is used by name only"
    );
}

#[test]
fn a_file_of_the_folder_stands_in_place_of_one_that_is_compiled_in() {
    let own = "[mapping]\nid = \"x12-855\"\nset = \"855\"\nversions = [\"004010\"]\ndocument = \"order_acknowledgement\"\n[fields]\norder_number = \"BAK03\"\n";
    let library = good(&[("855.toml", own)]);
    assert_eq!(document(&library, "x12-855", "BAK*00*AT*45~").0, json!({ "order_number": "45" }));
    let (broken, found) = self::library(&[("855.toml", &own.replace("BAK03", "BAK3"))]);
    assert!(
        !found.is_empty() && broken.by_id("x12-855").is_none(),
        "what was meant to change does not quietly work as before"
    );
}

#[test]
fn the_nearest_version_is_taken() {
    let mapping = |id: &str, version: &str| {
        format!("[mapping]\nid = \"{id}\"\nextends = \"x12-855\"\nversions = [\"{version}\"]\n")
    };
    let library = good(&[("a.toml", &mapping("old", "003040")), ("b.toml", &mapping("new", "006020"))]);
    for (version, id) in [
        ("004010", "x12-855"),
        ("004010VICS", "x12-855"),
        ("004030", "x12-855"),
        ("003060", "old"),
        ("002001", "old"),
        ("008010", "new"),
        ("", "old"),
    ] {
        assert_eq!(library.for_x12("855", version).unwrap().id(), id, "{version}");
    }
    assert!(library.for_x12("997", "004010").is_none());
}

#[test]
fn problems_name_both_sides_and_come_all_at_once() {
    let library = good(&[]);
    let text = problems(&library, "x12-810", "BIG*20261301*~IT1*1*1O*EA*1,5~ITD*01*3*****x~TDS*95.88~");
    insta::assert_snapshot!(text);
    let many = "IT1*1*x~".repeat(500);
    assert_eq!(read(&library, "x12-810", &format!("BIG*20260101*1~{many}")).unwrap_err().len(), 100);
}

#[test]
fn rules_hold_skip_default_and_check() {
    let library = good(&[(
        "mine.toml",
        r#"[mapping]
id = "mine"
set = "855"
document = "order_acknowledgement"
[fields]
order_number = { at = ["BAK03", "REF[01=PO]02"] }
purpose = { at = "BAK01", codes = "purpose", missing = "hold" }
acknowledgement_type = { at = "BAK02", codes = "few", missing = "skip", default = "accepted" }
release_number = { at = "BAK05", constant = "R1" }
contract_number = { at = "BAK07", required = true }
transaction_kind = { at = "BAK10", only = "write" }
[codes.few]
AT = "accepted"
"#,
    )]);
    let (document, extras) = document(&library, "mine", "BAK*00*RJ**20260101*R1**C1***ZZ~REF*PO*77~");
    assert_eq!(
        document,
        json!({ "order_number": "77", "purpose": "original", "release_number": "R1", "contract_number": "C1" })
    );
    let left: Vec<_> = extras.unwrap().as_array().unwrap().iter().map(|extra| extra["element"].clone()).collect();
    assert_eq!(left, [2, 4, 10]);
    assert_eq!(self::document(&library, "mine", "BAK*00**45****C1~").0["acknowledgement_type"], "accepted");
    insta::assert_snapshot!(problems(&library, "mine", "BAK*99*AT*45**R2~"));
}

#[test]
fn levels_hang_where_their_parents_are() {
    let library = good(&[]);
    // Children before siblings, gaps, an unknown parent, one that names itself, and no parent at all.
    let body = "BSN*00*S1*20260101*1200~HL*1**S~HL*7*1*O~HL*3*1*O~HL*20*7*I~HL*21*3*I~HL*22*99*I~HL*23*23*I~HL*24**I~HL**24*P~CTT*9~";
    let (document, _) = document(&library, "x12-856", body);
    fn tree(levels: &Value) -> String {
        let one = |level: &Value| format!("{}{}", level["id"].as_str().unwrap_or("-"), tree(&level["levels"]));
        match levels.as_array() {
            Some(levels) => format!("({})", levels.iter().map(one).collect::<Vec<_>>().join(" ")),
            None => String::new(),
        }
    }
    assert_eq!(tree(&document["levels"]), "(1(7(20) 3(21)) 22 23 24(-))");
}

#[test]
fn levels_too_deep_are_refused_and_many_are_not() {
    let library = good(&[]);
    let chain = |depth: usize| {
        let levels = (1..=depth).fold(String::new(), |mut text, number| {
            let _ = write!(text, "HL*{number}*{}*P~", number - 1);
            text
        });
        format!("BSN*00*S1*20260101*1200~{levels}")
    };
    assert!(read(&library, "x12-856", &chain(32)).is_ok());
    assert!(problems(&library, "x12-856", &chain(34)).contains("MAP-0105"));
    let wide = (2..20_000).fold("BSN*00*S1*20260101*1200~HL*1**S~".to_owned(), |mut text, number| {
        let _ = write!(text, "HL*{number}*1*I~");
        text
    });
    assert_eq!(document(&library, "x12-856", &wide).0["levels"][0]["levels"].as_array().unwrap().len(), 19_998);
}

#[test]
fn lists_may_pick_their_levels() {
    let library = good(&[(
        "mine.toml",
        r#"[mapping]
id = "mine"
set = "856"
document = "shipment_notice"
[fields]
number = "BSN02"
[lists.levels]
each = "HL[03=O]"
fields.order.number = "PRF01"
[lists.levels.lists.levels]
each = "HL[03=I]"
fields.line_number = "LIN01"
lists.references = { each = "REF", fields.value = "REF02" }
"#,
    )]);
    let body = "BSN*00*S1~HL*1**S~REF*BM*X~HL*2*1*O~PRF*A~HL*3*1*O~PRF*B~HL*4*2*P~HL*5*4*I~LIN*1~REF*LT*L1~HL*6*3*I~LIN*2~HL*7*99*I~LIN*3~";
    let (document, extras) = document(&library, "mine", body);
    assert_eq!(
        document["levels"],
        json!([
            { "order": { "number": "A" }, "levels": [{ "line_number": "1", "references": [{ "value": "L1" }] }] },
            { "order": { "number": "B" }, "levels": [{ "line_number": "2" }, { "line_number": "3" }] },
        ])
    );
    assert!(extras.unwrap().to_string().contains("\"X\""), "what belongs to no picked level is kept");
}

#[test]
fn places_reach_into_loops_pairs_components_and_repetitions() {
    let library = good(&[(
        "mine.toml",
        r#"[mapping]
id = "mine"
set = "850"
document = "purchase_order"
[fields]
number = "BEG03"
contract_number = "N1[01=ST]/N402"
release_number = "N1[01=BY]/N402"
currency = "LIN{CR}"
purchase_category = "REF[01=ZZ]04-2"
[lists.parties]
each = "N1[01=BY]"
fields.name = "N102"
lists.additional_names = { each = "N201^", value = "{value}-1" }
[lists.lines]
each = "PO1"
until = ["CTT"]
lists.identifiers = { each = "PO1{*}", fields.value = "{value}" }
[lists.lines.fields]
number = "PO1{PL}"
"#,
    )]);
    let body = "BEG*00*SA*45~REF*ZZ*a**x>y>z~LIN**XX*1*CR*USD~N1*ST*Ship~N4*SALEM*OR~N1*BY*Buy~N2*one>1^two~N4*AKRON*OH~PO1*1*2****VN*v*PL*7~CTT*1~";
    let (document, extras) = document(&library, "mine", body);
    assert_eq!(
        document,
        json!({
            "number": "45", "contract_number": "OR", "release_number": "OH", "currency": "USD", "purchase_category": "y",
            "parties": [{ "name": "Buy", "additional_names": ["one", "two"] }],
            "lines": [{ "number": "7", "identifiers": [{ "value": "v" }] }],
        })
    );
    let extras = extras.unwrap();
    let places: Vec<_> = extras
        .as_array()
        .unwrap()
        .iter()
        .map(|extra| format!("{}{:02}", extra["tag"].as_str().unwrap(), extra["element"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        places,
        [
            "BEG01", "BEG02", "REF02", "REF04", "LIN02", "LIN03", "N102", "N401", "N401", "PO101", "PO102", "PO106",
            "CTT01"
        ]
    );
}

#[test]
fn an_object_without_its_value_is_none_and_what_it_had_is_kept() {
    let library = good(&[]);
    let (document, extras) = document(&library, "x12-850", "BEG*00*SA*45~REF*DP*   ~TD5**2**M~N1*BY**92~");
    assert_eq!(document["routing"], json!([{ "mode": "road" }]));
    let extras = extras.unwrap();
    assert_eq!(extras[0], json!({ "segment": 3, "tag": "REF", "element": 2, "value": "   " }));
    assert_eq!(extras[1], json!({ "segment": 4, "tag": "TD5", "element": 2, "value": "2" }));
    assert_eq!(extras[2], json!({ "segment": 5, "tag": "N1", "element": 3, "value": "92" }));
    assert_eq!(document["references"], json!([{ "kind": "department" }]));
}

#[test]
fn no_byte_is_dropped_whatever_the_charset() {
    let library = good(&[]);
    let body = b"BEG*00*SA*45~N1*BY*M\xFCller \xE2\x80\x93 GmbH~N1*ST*M\xC3\xBCller~";
    let names = |charset| {
        let mapped = read_bytes(&library, "x12-850", body, charset).unwrap();
        let document: Value = serde_json::from_slice(&mapped.json).unwrap();
        (document["parties"][0]["name"].clone(), document["parties"][1]["name"].clone(), mapped.extras)
    };
    let (first, second, extras) = names(Charset::Utf8);
    assert_eq!((first, second), (json!("M\u{FC}ller \u{E2}\u{80}\u{93} GmbH"), json!("Müller")));
    assert_eq!(extras.unwrap()[0]["charset"], "latin1");
    let (_, second, extras) = names(Charset::Latin1);
    assert_eq!((second, extras), (json!("M\u{C3}\u{BC}ller"), None));
}

/// Segments of tags that the mappings know and others, with values that are all different.
fn segments() -> impl Strategy<Value = String> {
    const TAGS: &[&str] = &[
        "BAK", "REF", "N1", "N2", "N3", "N4", "PER", "PO1", "LIN", "ACK", "N9", "MSG", "MTX", "NTE", "MAN", "SCH",
        "HL", "CTT", "ZZZ", "Q",
    ];
    let segment = (proptest::sample::select(TAGS), proptest::collection::vec(proptest::bool::weighted(0.7), 0..28));
    proptest::collection::vec(segment, 0..30).prop_map(|segments| {
        let mut number = 0;
        segments.iter().fold("BAK***45~".to_owned(), |mut text, (tag, elements)| {
            text.push_str(tag);
            for sent in elements {
                text.push('*');
                if *sent {
                    number += 1;
                    let _ = write!(text, "T{number:04}Z");
                }
            }
            text.push('~');
            text
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every value is in the document or among the extras.
    #[test]
    fn nothing_is_lost(body in segments()) {
        let library = text_library();
        let mapped = read(library, "mine", &body).unwrap();
        check(library.by_id("mine").unwrap().document(), &mapped.json).unwrap();
        let all = format!("{} {}", String::from_utf8(mapped.json).unwrap(), mapped.extras.unwrap_or_default());
        for value in body.split(['*', '~']).filter(|value| value.starts_with('T')) {
            prop_assert!(all.contains(value), "{value} of {body} is not in {all}");
        }
    }

    /// Whatever comes, there is a document that keeps to its type, or a list of problems.
    #[test]
    fn what_is_read_keeps_to_its_type(body in segments(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let library = good_once();
        for id in ["x12-810", "x12-850", "x12-855", "x12-856"] {
            for body in [body.as_bytes(), &bytes] {
                if let Ok(mapped) = read_bytes(library, id, body, Charset::Utf8) {
                    prop_assert!(check(library.by_id(id).unwrap().document(), &mapped.json).is_ok());
                }
            }
        }
    }
}

fn good_once() -> &'static Library {
    static LIBRARY: std::sync::OnceLock<Library> = std::sync::OnceLock::new();
    LIBRARY.get_or_init(|| good(&[]))
}

/// A mapping of texts only, so that any value is fine.
fn text_library() -> &'static Library {
    static LIBRARY: std::sync::OnceLock<Library> = std::sync::OnceLock::new();
    LIBRARY.get_or_init(|| {
        good(&[(
            "mine.toml",
            r#"[mapping]
id = "mine"
set = "855"
document = "order_acknowledgement"
[fields]
order_number = "BAK03"
release_number = "BAK05"
contract_number = "N1[01=T0001Z]/N402"
[lists]
references = { like = "reference" }
contacts = { like = "contact" }
notes = { like = "note", lists.dates = false }
parties = { like = "party" }
[lists.lines]
each = "PO1"
until = ["CTT"]
fields.number = "PO101"
lists.references = { like = "reference" }
lists.parties = { like = "party" }
lists.marks = { like = "mark" }
[lists.lines.lists.identifiers]
each = ["PO1{*}", "LIN{*}"]
fields.value = "{value}"
fields.scheme = { at = "{qualifier}", codes = "item_scheme" }
[lists.lines.lists.acknowledgements]
each = "ACK"
fields.request_reference = "ACK06"
lists.identifiers = { each = "ACK{*}", fields.value = "{value}" }
"#,
        )])
    })
}

#[test]
fn a_broken_file_leaves_the_mapping_as_it_was_and_an_idle_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let good = "[mapping]\nid = \"acme-850\"\nextends = \"x12-850\"\n";
    std::fs::write(&file, good).unwrap();
    let (before, found) = Library::load(Some(folder.path()));
    assert!(found.is_empty(), "{found:?}");
    let idle = before.unused(|_| false);
    assert_eq!(idle.iter().map(|one| one.code.as_str()).collect::<Vec<_>>(), ["MAP-0015"]);
    assert!(before.unused(|id| id == "acme-850").is_empty());
    let digest = before.by_id("acme-850").unwrap().digest().to_owned();
    for broken in [format!("{good}[fields]\nnumbr = \"BEG03\"\n"), "[mapping\n".to_owned()] {
        std::fs::write(&file, broken).unwrap();
        let (mut now, found) = Library::load(Some(folder.path()));
        assert!(!found.is_empty() && now.by_id("acme-850").is_none());
        let told = now.keep_last_good(&before);
        assert_eq!(told.iter().map(|one| one.code.as_str()).collect::<Vec<_>>(), ["MAP-0014"]);
        assert_eq!(now.by_id("acme-850").unwrap().digest(), digest);
    }
    // What is deleted on purpose is gone.
    std::fs::remove_file(&file).unwrap();
    let (mut now, _) = Library::load(Some(folder.path()));
    assert!(now.keep_last_good(&before).is_empty() && now.by_id("acme-850").is_none());
}

/// The body that a document is written as.
fn written(library: &Library, id: &str, json: &[u8], version: &str) -> Result<String, Vec<Problem>> {
    let mut out = crate::x12::Writer::new(crate::x12::Layout::default(), jiff::civil::DateTime::default()).unwrap();
    library.by_id(id).unwrap().write_x12(json, version, &mut out)?;
    Ok(String::from_utf8(out.finish()).unwrap())
}

/// Orders of everything that a body of an 850 often has, in any number and with any of it left out.
fn orders() -> impl Strategy<Value = String> {
    let maybe = |text: &'static str| proptest::option::of(Just(text)).prop_map(Option::unwrap_or_default);
    let text = "[A-Z0-9][A-Z0-9 ]{0,8}[A-Z0-9]";
    let party = (
        text,
        proptest::option::of(text),
        0usize..4,
        maybe("N4*SALEM*OR*97301*US~"),
        maybe("PER*RE*DOCK*TE*5035550177~"),
    )
        .prop_map(|(name, code, streets, city, contact)| {
            let code = code.map(|code| format!("*92*{code}")).unwrap_or_default();
            let streets = (0..streets).fold(String::new(), |all, at| format!("{all}N3*STREET {at}~"));
            format!("N1*ST*{name}{code}~{streets}{city}{contact}")
        });
    let pairs =
        proptest::collection::vec((proptest::sample::select(&["BP", "VP", "UP", "EN", "ZZ", "MG"][..]), text), 0..12);
    let line = (
        (1u32..9_999, "[1-9][0-9]{0,5}(\\.[0-9]{1,3})?", proptest::sample::select(&["EA", "CA", "ZY"][..])),
        proptest::sample::select(&["", "PE", "HP", "TP", "QT"][..]),
        pairs,
        (maybe("PID*F*08***BALL BEARING~"), maybe("PO4*1*55*GA*DRM~"), maybe("REF*DP*MAINT~"), maybe("SAC*A*C310***2400*1*5~")),
        (maybe("SDQ*EA*92*0001*20*0002*28~"), maybe("DTM*002*20260803~"), maybe("MSG*ZINC PLATED~"), maybe("SCH*120*EA***002*20260803*1200~")),
        maybe("N9*L1*WORDS~MSG*ONE~MSG*TWO~"),
    )
        .prop_map(|((number, quantity, unit), basis, pairs, one, two, note)| {
            let (first, rest) = pairs.split_at(pairs.len().min(10));
            let side_by_side = |pairs: &[(&str, String)]| {
                pairs.iter().fold(String::new(), |all, (scheme, value)| format!("{all}*{scheme}*{value}"))
            };
            let more = if rest.is_empty() { String::new() } else { format!("LIN*{}~", side_by_side(rest)) };
            let first = side_by_side(first);
            let ((pid, po4, reference, sac), (sdq, date, words, schedule)) = (one, two);
            format!("PO1*{number}*{quantity}*{unit}*1.50*{basis}{first}~{more}{pid}{po4}{reference}{sac}{sdq}{date}{words}{schedule}{note}")
        });
    (
        proptest::collection::vec(party, 0..4),
        proptest::collection::vec(line, 1..6),
        (maybe("CUR*BY*USD~"), maybe("REF*IA*100234~REF*QQ*ODD ONE*TEXT~"), maybe("FOB*PP*DE*PORTLAND OR~"), maybe("DTM*037*20260801~")),
        maybe("TD5**2*UPSN*U*GROUND~"),
    )
        .prop_map(|(parties, lines, (currency, references, terms, dates), routing)| {
            let (parties, count, lines) = (parties.concat(), lines.len(), lines.concat());
            format!("BEG*00*SA*4500017231**20260715~{currency}{references}{terms}{dates}{routing}{parties}{lines}CTT*{count}~")
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// read(write(read(v))) = read(v), for orders that keep to the standard of 004010.
    #[test]
    fn what_was_read_is_written_and_reads_the_same(body in orders()) {
        let library = good_once();
        let first = read(library, "x12-850", &body).unwrap();
        let again = match written(library, "x12-850", &first.json, "004010") {
            Ok(again) => again,
            Err(problems) => return Err(TestCaseError::fail(format!("{problems:#?}"))),
        };
        let second = read(library, "x12-850", &again).unwrap();
        let text = |mapped: &Mapped| String::from_utf8(mapped.json.clone()).unwrap();
        prop_assert_eq!(text(&second), text(&first), "{}", again);
        // Once written, it is written the same for good.
        prop_assert_eq!(written(library, "x12-850", &second.json, "004010").unwrap(), again);
    }

    /// Whatever is read: it is written so that it reads the same, or it is told why not; never is a document changed on
    /// the way.
    #[test]
    fn nothing_is_changed_on_the_way_out(body in segments()) {
        let library = text_library();
        let first = read(library, "mine", &body).unwrap();
        if let Ok(again) = written(library, "mine", &first.json, "004010") {
            let second = read(library, "mine", &again).unwrap();
            let value = |mapped: &Mapped| serde_json::from_slice::<Value>(&mapped.json).unwrap();
            prop_assert_eq!(value(&second), value(&first), "{}", again);
        }
    }

    /// No text makes the writer panic.
    #[test]
    fn any_document_is_written_or_refused(text in "\\PC{0,60}", cut in 0usize..400) {
        let library = good_once();
        let _ = written(library, "x12-850", text.as_bytes(), "004010");
        let whole = br#"{"number":"1","lines":[{"number":"\u0041","quantity":{"value":"5","unit":"EA"},"notes":[{"text":["A"]}]}],"totals":{"line_count":1}}"#;
        let _ = written(library, "x12-850", &whole[..cut.min(whole.len())], "004010");
    }
}
