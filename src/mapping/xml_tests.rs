//! The mappings of XML that are compiled in, held to the files of a corpus that others wrote, and to their own fixtures.

use std::{collections::BTreeMap, path::PathBuf};

use super::*;
use crate::{document::check, xml::Limits};

/// The XML corpus, if it is here.
fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("GANGWAY_CORPUS").map_or_else(|| PathBuf::from("../shared/corpus"), PathBuf::from);
    let folder = root.join("xml");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: there is no {}", folder.display());
    None
}

/// What became of a file, in a line.
fn became(library: &Library, bytes: &[u8]) -> String {
    let source = match Source::read(bytes) {
        Ok(source) => source,
        Err(fault) => return fault.to_string(),
    };
    let tree = match Tree::read(source.text(), Limits::default()) {
        Ok(tree) => tree,
        Err(fault) => return fault.to_string(),
    };
    let Some(mapping) = library.for_xml(&tree) else {
        return format!("no mapping for {}", tree.root().local());
    };
    match mapping.read_xml(&source, &tree) {
        Err(problems) => problems.iter().map(|problem| format!("{problem}")).collect::<Vec<_>>().join("; "),
        Ok(mapped) => match check(mapping.document(), &mapped.json) {
            Err(faults) => format!("{} breaks its type: {faults:?}", mapping.document()),
            Ok(_) => {
                let extras = mapped.extras.as_ref().and_then(|extras| extras.as_array().map(Vec::len)).unwrap_or(0);
                let again = round(mapping, &mapped.json);
                format!("{} by {}, {extras} extras, {again}", mapping.document(), mapping.id())
            }
        },
    }
}

/// Writes a document, reads it again, and says whether it is the same.
fn round(mapping: &Mapping, json: &[u8]) -> String {
    let envelope = BTreeMap::new();
    let written = match mapping.write_xml(json, &envelope) {
        Ok(written) => written,
        Err(problems) => return format!("cannot be written: {}", problems.first().expect("there is one")),
    };
    let source = Source::read(&written.bytes).expect("we write what we read");
    let tree = Tree::read(source.text(), Limits::default()).expect("we write what we read");
    let again = match mapping.read_xml(&source, &tree) {
        Ok(again) => again.json,
        Err(problems) => return format!("cannot be read again: {}", problems.first().expect("there is one")),
    };
    let second = mapping.write_xml(&again, &envelope).expect("it could be written before");
    let stable = second.bytes == written.bytes;
    let parse = |json: &[u8]| -> serde_json::Value { serde_json::from_slice(json).expect("it is JSON") };
    let (sent, came) = (parse(json), parse(&again));
    let same = sent == came;
    match (same, stable, written.left.as_slice()) {
        (false, true, []) if laws::within(&sent, &came) => "comes back whole, in another order".to_owned(),
        (true, true, []) => "comes back whole".to_owned(),
        (_, true, left) => format!("comes back without {}", left.join(" ")),
        (_, false, _) => "is another one when written twice".to_owned(),
    }
}

#[test]
fn every_document_of_the_corpus_is_mapped_or_refused_for_a_true_reason() {
    let Some(folder) = corpus() else { return };
    let library = Library::builtin().unwrap_or_else(|found| panic!("{found:#?}"));
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("it is a folder").flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "xml"));
    files.sort();
    let told: String = files
        .iter()
        .map(|path| {
            let bytes = std::fs::read(path).expect("it can be read");
            format!("{}\n  {}\n", path.file_name().unwrap_or_default().display(), became(&library, &bytes))
        })
        .collect();
    insta::assert_snapshot!(told);
}

/// What the fixtures become when they are written. With `GANGWAY_WRITTEN=folder` the files stay there, for a validator
/// with the standards' own schemas.
#[test]
fn fixtures_are_written_in_the_order_of_the_standard() {
    let library = Library::builtin().unwrap_or_else(|found| panic!("{found:#?}"));
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let keep = std::env::var_os("GANGWAY_WRITTEN").map(PathBuf::from);
    let mut told = String::new();
    for mapping in library.iter().filter(|mapping| mapping.format() != Format::X12) {
        let tests = folder.join(mapping.file().strip_prefix("mappings/").unwrap_or_default()).with_extension("test");
        let files = std::fs::read_dir(&tests).unwrap_or_else(|error| panic!("{}: {error}", tests.display()));
        for file in
            files.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "xml"))
        {
            let bytes = std::fs::read(&file).expect("it can be read");
            let source = Source::read(&bytes).expect("it is XML");
            let tree = Tree::read(source.text(), Limits::default()).expect("it is XML");
            assert_eq!(library.for_xml(&tree).map(|found| found.id()), Some(mapping.id()));
            let mapped = mapping.read_xml(&source, &tree).unwrap_or_else(|problems| panic!("{problems:#?}"));
            let written = mapping.write_xml(&mapped.json, &mapping.envelope_of(&tree)).expect("it can be written");
            if let Some(keep) = &keep {
                std::fs::write(keep.join(format!("{}.xml", mapping.id())), &written.bytes)
                    .expect("the folder is there");
            }
            if mapping.id() == "ubl-order" || mapping.id() == "cxml-confirmation" {
                told += &format!("{}\n{}\n", mapping.id(), String::from_utf8_lossy(&written.bytes));
            }
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn mistakes_in_a_mapping_of_xml_are_told_with_their_lines() {
    let folder = tempfile::tempdir().expect("there is room");
    let text = r#"
[mapping]
id = "wrong"
format = "xml"
root = "Order"
namespace = "urn:o"
document = "purchase_order"
[namespaces]
cbc = "urn:c"
[fields]
number = "cbd:ID"
order_type = "cbc:Type[@a=b]"
issue_date = { at = "cbc:Date", as = "trim" }
[computed]
"cbc:Sum" = "summ(lines.amount)"
[lists.parties]
of.buyer = { each = "cbc:Buyer" }
[lists.amounts]
by = "kind"
of.lines_total = { each = "cbc:Total", fields.value = "." }
[lists.lines]
fields.number = "cbc:ID"
"#;
    std::fs::write(folder.path().join("wrong.toml"), text).expect("it can be written");
    let (_, found) = Library::load(Some(folder.path()));
    let told: String = found
        .iter()
        .map(|one| {
            let line = one.labels.first().map_or(0, |label| text[..label.span.start].matches('\n').count() + 1);
            format!("{} line {line}: {} ({})\n", one.code, one.message, one.hint.as_deref().unwrap_or("no hint"))
        })
        .collect();
    insta::assert_snapshot!(told);
}

#[test]
fn what_would_be_read_as_something_else_is_left_and_told() {
    let library = Library::builtin().unwrap_or_else(|found| panic!("{found:#?}"));
    let mapping = library.by_id("cxml-order").expect("it is compiled in");
    let fixture = include_bytes!("../../mappings/x12/850.test/bearings.json");
    let mut order: serde_json::Value = serde_json::from_slice(fixture).expect("it is JSON");
    // Days for a discount of nothing, and two people at one address: cXML has days of the whole, and one person.
    order["payment_terms"] = serde_json::json!([{ "discount_days": 10 }]);
    let parties = order["parties"].as_array_mut().expect("it has parties");
    let receiver = parties.iter().position(|party| party["role"] == "ship_to").expect("one is the receiver");
    let person = |number: &str| {
        let communications = serde_json::json!([{ "channel": "telephone", "value": number }]);
        serde_json::json!({ "communications": communications })
    };
    parties[receiver]["contacts"] = serde_json::json!([person("5035550177"), person("5035550178")]);

    let json = serde_json::to_vec(&order).expect("it is JSON");
    let written = mapping.write_xml(&json, &BTreeMap::new()).expect("it can be written");
    let text = String::from_utf8(written.bytes).expect("it is UTF-8");
    assert!(!text.contains("payInNumberOfDays") && !text.contains("5035550178"), "{text}");
    assert!(text.contains("5035550177"), "{text}");
    let second = format!("/parties/{receiver}/contacts/1/communications/0");
    for pointer in ["/payment_terms/0/discount_days", &format!("{second}/channel"), &format!("{second}/value")] {
        assert!(written.left.iter().any(|left| left == pointer), "{pointer} is not in {:?}", written.left);
    }
}
