//! Documents as our mappings write them: the segments, and all that is said where they cannot be written.

use serde_json::{Value, json};

use crate::{
    mapping::{Charset, Library, Problem},
    x12::{Layout, SetView, Tokens, Writer},
};

/// The body that a document is written as, without ST and SE.
fn body(library: &Library, id: &str, version: &str, document: &Value) -> Result<String, Vec<Problem>> {
    let mut out = Writer::new(Layout::default(), jiff::civil::date(2026, 7, 1).at(0, 0, 0, 0)).unwrap();
    let text = serde_json::to_vec(document).unwrap();
    library.by_id(id).unwrap().write_x12(&text, version, &mut out)?;
    Ok(String::from_utf8(out.finish()).unwrap())
}

fn read_back(library: &Library, id: &str, body: &str) -> Value {
    let set = format!("ST*000*0001~{body}SE*0*0001~");
    let delimiters = Layout::default().delimiters;
    let tokens = Tokens::scan(set.as_bytes(), delimiters);
    let view = SetView::new(set.as_bytes(), &tokens, delimiters, 0);
    let mapped = library.by_id(id).unwrap().read_x12_in(&view, Charset::Utf8).unwrap();
    serde_json::from_slice(&mapped.json).unwrap()
}

#[test]
fn an_order_is_written_in_the_order_of_the_standard() {
    let library = Library::builtin().unwrap();
    let document = json!({
        "number": "4500017231",
        "purpose": "original",
        "order_type": "stand_alone",
        "issue_date": "2026-07-15",
        "currency": "USD",
        "currency_party": "buyer",
        "dates": [{ "role": "delivery_requested", "date": "2026-08-03" }],
        "parties": [{
            "role": "ship_to",
            "name": "PLANT 2",
            "identifiers": [{ "scheme": "assigned_by_buyer", "value": "P002" }],
            "address": { "lines": ["88 MILL STREET", "GATE 4", "BACK DOOR"], "city": "SALEM", "region": "OR" },
        }],
        "notes": [{ "kind": "L1", "title": "SPECIAL", "text": ["CALL FIRST", "DOCK 4"] }],
        "lines": [{
            "number": "10",
            "quantity": { "value": "200", "unit": "EA" },
            "price": { "amount": "12.50", "basis": "per_hundred" },
            "identifiers": [{ "scheme": "buyer_part", "value": "NW-6204" }, { "scheme": "vendor_part", "value": "6204-2RS" }],
            "schedule": [{
                "quantity": { "value": "200", "unit": "EA" },
                "dates": [{ "role": "delivery_requested", "date": "2026-08-03", "time": "12:00:00" }],
            }],
        }],
        "totals": { "line_count": 1 },
    });
    let expected = "BEG*00*SA*4500017231**20260715~CUR*BY*USD~DTM*002*20260803~N9*L1**SPECIAL~MSG*CALL FIRST~MSG*DOCK 4~\
        N1*ST*PLANT 2*92*P002~N3*88 MILL STREET*GATE 4~N3*BACK DOOR~N4*SALEM*OR~\
        PO1*10*200*EA*12.50*HP*BP*NW-6204*VP*6204-2RS~SCH*200*EA***002*20260803*1200~CTT*1~";
    let written = body(&library, "x12-850", "004010", &document).unwrap_or_else(|found| panic!("{found:#?}"));
    assert_eq!(written, expected);
    let mut again = read_back(&library, "x12-850", &written);
    // "Per hundred" says it.
    assert_eq!(again["lines"][0]["price"]["base_quantity"].take(), "100");
    let mut document = document;
    document["lines"][0]["price"]["base_quantity"] = Value::Null;
    assert_eq!(again, document);
    // 005010 has MTX where 004010 had MSG.
    let written = body(&library, "x12-850", "005010", &document).unwrap_or_else(|found| panic!("{found:#?}"));
    assert!(written.contains("N9*L1**SPECIAL~MTX**CALL FIRST~MTX**DOCK 4~"), "{written}");
}

/// A library with a partner's own table of items in it.
fn with_items(missing: &str, shared: &str, own: &str) -> (tempfile::TempDir, Library) {
    let folder = tempfile::tempdir().unwrap();
    let mapping = format!(
        "[mapping]\nid = \"acme-850\"\nextends = \"x12-850\"\n\n[lists.lines.lists.identifiers]\n\
         fields.value = {{ at = \"{{value}}\", lookup = \"items\", missing = \"{missing}\" }}\n"
    );
    let tables = folder.path().join("tables");
    std::fs::create_dir_all(tables.join("acme")).unwrap();
    std::fs::write(folder.path().join("acme-850.toml"), mapping).unwrap();
    std::fs::write(tables.join("items.csv"), shared).unwrap();
    std::fs::write(tables.join("acme/items.csv"), own).unwrap();
    let (library, found) = Library::load(Some(folder.path()));
    assert!(found.is_empty(), "{found:?}");
    (folder, library)
}

#[test]
fn cross_references_are_a_partners_own_and_hold_in_both_directions() {
    let set = "ST*850*0001~BEG*00*SA*4500017231**20260715~PO1*1*5*EA*1**VP*6204~PO1*2*5*EA*1**VP*6205~\
        PO1*3*5*EA*1**VP*6206~SE*0*0001~";
    let delimiters = Layout::default().delimiters;
    let tokens = Tokens::scan(set.as_bytes(), delimiters);
    let view = SetView::new(set.as_bytes(), &tokens, delimiters, 0);
    let values = |json: &[u8]| -> Vec<String> {
        let document: Value = serde_json::from_slice(json).unwrap();
        let line = |number: usize| document["lines"][number]["identifiers"][0]["value"].as_str().unwrap().to_owned();
        (0..3).map(line).collect()
    };
    let (_folder, library) = with_items("warn", "theirs,ours\n6204,100\n6205,200\n", "theirs,ours\n6204,900\n");
    let usual = library.by_id("acme-850").unwrap();
    let own = library.for_partner(usual, "acme");
    assert_ne!(usual.digest(), own.digest());
    let mapped = usual.read_x12(&view).unwrap();
    assert_eq!(values(&mapped.json), ["100", "200", "6206"]);
    let mapped = own.read_x12(&view).unwrap();
    assert_eq!(values(&mapped.json), ["900", "200", "6206"]);
    let [warning] = mapped.warnings.as_slice() else { panic!("{:?}", mapped.warnings) };
    assert_eq!((warning.code.as_str(), warning.value.as_deref()), ("MAP-0102", Some("6206")));
    let mut out = Writer::new(Layout::default(), jiff::civil::DateTime::default()).unwrap();
    own.write_x12(&mapped.json, "004010", &mut out).unwrap();
    let written = String::from_utf8(out.finish()).unwrap();
    assert!(written.contains("VP*6204~") && written.contains("VP*6205~") && written.contains("VP*6206~"), "{written}");

    // What is not in the table holds the document where the rule says so; nobody else's table helps.
    let (_folder, library) = with_items("hold", "theirs,ours\n6204,100\n", "theirs,ours\n6205,200\n6206,300\n");
    let usual = library.by_id("acme-850").unwrap();
    let problems = usual.read_x12(&view).unwrap_err();
    assert_eq!(problems.iter().filter_map(|problem| problem.value.as_deref()).collect::<Vec<_>>(), ["6205", "6206"]);
    let mapped = library.for_partner(usual, "acme").read_x12(&view).unwrap();
    assert_eq!(values(&mapped.json), ["100", "200", "300"]);
    let other = json!({ "number": "1", "purpose": "original", "order_type": "stand_alone", "issue_date": "2026-07-15",
        "lines": [{ "identifiers": [{ "scheme": "vendor_part", "value": "777" }] }] });
    let problems = body(&library, "acme-850", "004010", &other).unwrap_err();
    assert_eq!(
        (problems[0].code.as_str(), problems[0].pointer.as_deref()),
        ("MAP-0203", Some("/lines/0/identifiers/0/value"))
    );
}

#[test]
fn what_cannot_be_written_is_told_all_at_once() {
    let library = Library::builtin().unwrap();
    let document = json!({
        "number": "A-NUMBER-THAT-IS-LONGER-THAN-TWENTY-TWO",
        "issue_date": "2026-07-15",
        "purpose": "original",
        "currency": "USD",
        "references": [{ "kind": "department", "value": "A*B" }, { "kind": "department", "value": "two\nlines" }],
        "lines": [
            { "number": "1", "quantity": { "value": "5" }, "price": { "amount": "1.00", "basis": "per_each", "base_quantity": "100" } },
            { "number": "2", "price": { "amount": "1.00", "base_quantity": "50" }, "sublines": [{ "references": [{ "value": "X" }] }] },
        ],
    });
    let problems = body(&library, "x12-850", "004010", &document).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"));
    let problems = body(&library, "x12-850", "004010", &json!([1])).unwrap_err();
    assert_eq!(problems[0].code, "MAP-0201");
}
