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
