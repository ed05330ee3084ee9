//! Mapping files as a person writes them, and what becomes of sets that they read.

mod random;

use std::fmt::Write as _;

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
    // Whatever zeros and blanks a sender writes around its numbers.
    let body = "BSN*00*S1*20260101*1200~HL*01**S~HL*02*1*O~HL*3*002*I~HL*4* 1 *O~HL*05*4*I~CTT*5~";
    let (document, _) = self::document(&library, "x12-856", body);
    assert_eq!(tree(&document["levels"]), "(01(02(3) 4(05)))");
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
