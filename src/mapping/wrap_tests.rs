//! Texts that are longer than their elements, through the mappings that are compiled in: there and back.

use serde_json::{Value, json};

use super::{Charset, Library, Mapped, codes};
use crate::x12::{Layout, SetView, Tokens, Writer};

fn written(library: &Library, id: &str, version: &str, document: &Value) -> String {
    let mut out = Writer::new(Layout::default(), jiff::civil::date(2026, 7, 1).at(0, 0, 0, 0)).unwrap();
    let text = document.to_string();
    let left = library.by_id(id).unwrap().write_x12_in(text.as_bytes(), version, Charset::Utf8, &mut out);
    assert_eq!(left.unwrap_or_else(|found| panic!("{found:#?}")), Vec::<String>::new());
    String::from_utf8(out.finish()).unwrap()
}

fn with_set<T>(body: &[u8], then: impl FnOnce(&SetView<'_>) -> T) -> T {
    let set = [b"ST*000*0001~", body, b"SE*0*0001~"].concat();
    let delimiters = Layout::default().delimiters;
    let tokens = Tokens::scan(&set, delimiters);
    then(&SetView::new(&set, &tokens, delimiters, 0))
}

fn read(library: &Library, id: &str, body: &[u8]) -> (Value, Mapped) {
    let mapped = with_set(body, |set| library.by_id(id).unwrap().read_x12(set)).unwrap();
    (serde_json::from_slice(&mapped.json).unwrap(), mapped)
}

const WORDS: &str = "Deliver between 6 and 10 only, ring the bell at the \"blue\" gate and wait for a forklift; ";

#[test]
fn long_words_are_written_over_several_segments_and_read_as_one_text() {
    let library = Library::builtin().unwrap();
    let long = WORDS.repeat(12).trim_end().to_owned();
    let document = json!({
        "number": "4500017231",
        "purpose": "original",
        "order_type": "stand_alone",
        "issue_date": "2026-07-15",
        "parties": [{ "role": "ship_to", "name": "PLANT 2", "additional_names": [WORDS.trim_end(), "HALL 4"] }],
        "notes": [
            { "kind": "L1", "reference": "1", "text": [long, "A line that is one.", long] },
            { "kind": "L1", "reference": "2", "text": ["Größe: ".repeat(60).trim_end()] },
        ],
        "lines": [{
            "number": "10",
            "quantity": { "value": "200", "unit": "EA" },
            "descriptions": [
                { "form": "F", "characteristic": "08", "text": WORDS.repeat(2).trim_end() },
                { "form": "F", "characteristic": "08", "text": "SEALED" },
                { "form": "F", "text": "X".repeat(200) },
            ],
        }],
        "totals": { "line_count": 1 },
    });
    for version in ["004010", "005010"] {
        let body = written(&library, "x12-850", version, &document);
        let words = body.split('~').filter(|segment| segment.starts_with("MSG") || segment.starts_with("MTX"));
        let least = if version == "004010" { 5 + 1 + 5 + 2 } else { 2 + 1 + 2 + 1 };
        assert_eq!(words.count(), least, "{body}");
        assert_eq!(body.split('~').filter(|segment| segment.starts_with("PID*F*08*")).count(), 4, "{body}");
        assert_eq!(body.split('~').filter(|segment| segment.starts_with("PID*F****X")).count(), 3, "{body}");
        let (again, mapped) = read(&library, "x12-850", body.as_bytes());
        assert_eq!(mapped.extras, None);
        assert_eq!(again, document, "{body}");
        assert_eq!(written(&library, "x12-850", version, &again), body);
    }
}

/// Nothing in X12 could say which it was: the partner reads the same lines either way.
#[test]
fn a_text_that_leaves_no_room_for_the_next_ones_first_word_is_read_with_it_and_written_as_before() {
    let library = Library::builtin().unwrap();
    // One has room for the next word, one has not, and one fills its element to the last character.
    let lines =
        |length: usize| [format!("A{}", "B".repeat(length - 1)), "BOLTS AND NUTS".to_owned(), "SEALED".to_owned()];
    for (length, texts) in [(73, 3), (74, 3), (75, 2), (79, 2), (80, 2)] {
        let lines = lines(length);
        let document = json!({ "number": "1", "purpose": "original", "order_type": "stand_alone", "issue_date": "2026-07-15",
            "lines": [{ "quantity": { "value": "1", "unit": "EA" },
                "descriptions": lines.clone().map(|text| json!({ "form": "F", "text": text })) }] });
        let body = written(&library, "x12-850", "004010", &document);
        let (again, _) = read(&library, "x12-850", body.as_bytes());
        let read: Vec<_> =
            again["lines"][0]["descriptions"].as_array().unwrap().iter().map(|one| &one["text"]).collect();
        match texts {
            3 => assert_eq!(read, lines.each_ref()),
            _ => {
                let between = if length == 80 { "" } else { " " };
                assert_eq!(read, [&format!("{}{between}{}", lines[0], lines[1]), &lines[2]]);
            }
        }
        assert_eq!(written(&library, "x12-850", "004010", &again), body);
    }
}

#[test]
fn where_a_segment_is_all_of_a_note_the_note_goes_on_in_the_next_one() {
    let library = Library::builtin().unwrap();
    let document = json!({
        "number": "INV-1",
        "issue_date": "2026-07-15",
        "notes": [
            { "kind": "GEN", "text": [WORDS.repeat(2).trim_end()] },
            { "kind": "GEN", "text": ["SHORT"] },
            { "kind": "DEL", "text": ["THANK YOU"] },
        ],
        "lines": [{ "quantity": { "value": "1", "unit": "EA" }, "price": { "amount": "2.00" } }],
        "totals": { "payable": "2.00" },
        "control_totals": { "line_count": 1 },
    });
    let body = written(&library, "x12-810", "004010", &document);
    let notes: Vec<&str> = body.split('~').filter(|segment| segment.starts_with("NTE")).collect();
    assert_eq!(
        notes,
        [
            "NTE*GEN*Deliver between 6 and 10 only, ring the bell at the \"blue\" gate and wait for a",
            "NTE*GEN*forklift; Deliver between 6 and 10 only, ring the bell at the \"blue\" gate and",
            "NTE*GEN*wait for a forklift;",
            "NTE*GEN*SHORT",
            "NTE*DEL*THANK YOU",
        ]
    );
    let (again, mapped) = read(&library, "x12-810", body.as_bytes());
    assert_eq!(mapped.extras, None);
    assert_eq!(again["notes"], document["notes"]);
}

#[test]
fn what_differs_in_anything_else_stays_apart() {
    let library = Library::builtin().unwrap();
    let full = format!("A{}", " BC".repeat(25));
    let body =
        format!("BEG*00*SA*1**20260715~PO1*1*1*EA~PID*F*08***{full}~PID*F*09***BOLTS~PID*F*09***{full}~PID*X****LONG~");
    let (document, _) = read(&library, "x12-850", body.as_bytes());
    let texts = document["lines"][0]["descriptions"].as_array().unwrap();
    assert_eq!(
        texts.iter().map(|one| one["text"].as_str().unwrap()).collect::<Vec<_>>(),
        [&full, "BOLTS", &full, "LONG"]
    );
}

#[test]
fn characters_that_are_no_utf8_join_with_their_like_only() {
    let library = Library::builtin().unwrap();
    let part = |character: &[u8]| [b"PID*F****".as_slice(), &[b'A'; 74], character, b"~"].concat();
    let body =
        [b"BEG*00*SA*1**20260715~PO1*1*1*EA~".as_slice(), &part(b"\xFCx"), &part(b"\xFCy"), &part("üz".as_bytes())];
    let (document, _) = read(&library, "x12-850", &body.concat());
    let texts = document["lines"][0]["descriptions"].as_array().unwrap();
    let a = "A".repeat(74);
    let texts: Vec<_> = texts.iter().map(|one| one["text"].as_str().unwrap()).collect();
    assert_eq!(texts, [format!("{a}üx {a}üy"), format!("{a}üz")]);
}

#[test]
fn a_trace_leads_to_all_of_a_text() {
    let library = Library::builtin().unwrap();
    let body = format!("BEG*00*SA*1**20260715~PO1*1*1*EA~N9*L1*1~MSG*{}~MSG*BEHIND~", "A".repeat(262));
    let at = |part: &str| ("ST*000*0001~".len() + body.find(part).unwrap()) as u64;
    let (_, provenance) =
        with_set(body.as_bytes(), |set| library.by_id("x12-850").unwrap().trace_x12_in(set, Charset::Utf8)).unwrap();
    let text = provenance.iter().find(|one| one.pointer.ends_with("/text/0")).unwrap();
    assert_eq!(text.bytes, (at("AAA"), at("BEHIND") + 6));
    assert!(text.mapping.ends_with("parts/x12.toml"), "{}", text.mapping);
}

#[test]
fn a_partner_may_have_shorter_lines_and_only_texts_of_lists_are_wrapped() {
    let folder = tempfile::tempdir().unwrap();
    let file = |text: &str| {
        std::fs::write(folder.path().join("acme.toml"), text).unwrap();
        Library::load(Some(folder.path()))
    };
    let own = "[mapping]\nid = \"acme-850\"\nextends = \"x12-850\"\n\n[lists.lines.lists.descriptions]\n\
        like = \"description\"\nfields.text = { at = \"PID05\", as = \"wrap(30)\" }\n";
    let (library, found) = file(own);
    assert!(found.is_empty(), "{found:#?}");
    let document = json!({ "number": "1", "purpose": "original", "order_type": "stand_alone", "issue_date": "2026-07-15",
        "lines": [{ "quantity": { "value": "1", "unit": "EA" }, "descriptions": [{ "form": "F", "text": "Ball bearing, sealed, with a groove for a ring" }] }] });
    let body = written(&library, "acme-850", "004010", &document);
    assert!(body.contains("PID*F****Ball bearing, sealed, with a~PID*F****groove for a ring~"), "{body}");
    assert_eq!(
        read(&library, "acme-850", body.as_bytes()).0["lines"][0]["descriptions"],
        document["lines"][0]["descriptions"]
    );

    let (_, found) = file(
        "[mapping]\nid = \"acme-850\"\nextends = \"x12-850\"\n\n[fields]\ncontract_number = { at = \"BEG06\", as = \"wrap\" }\n",
    );
    let [only] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(only.code, codes::BAD_CONVERTER);
    assert!(only.message.contains("`contract_number` cannot be wrapped"), "{}", only.message);

    let (_, found) = file(
        "[mapping]\nid = \"acme-ubl\"\nextends = \"ubl-order\"\nformat = \"xml\"\n\n[fields]\ncontract_number = { at = \"cbc:ID\", as = \"wrap\" }\n",
    );
    assert!(found.iter().any(|one| one.message.contains("too long for XML")), "{found:#?}");
}
