//! Sets made at random, held to the laws of mappings: nothing is lost, nothing is changed, and what was written reads the
//! same.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::Value;

use super::{good, read, read_bytes};
use crate::{
    document::check,
    mapping::{Charset, Library, Mapped, Problem},
};

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
