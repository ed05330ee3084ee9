//! The laws of all mappings that are compiled in, over documents of every kind: the fixtures, and what becomes of them when
//! fields and items are taken out, doubled and changed.
//!
//! Whatever is written reads as the document that it was written from, but for the fields that the writer said it leaves;
//! and what was read so is written the same for good. From X12 through UBL and back, all comes back that UBL has a place
//! for.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use serde_json::Value;

use super::{Format, Library, Mapping};
use crate::{
    document::{DocumentType, check, summarise, summarise_beside},
    x12::{Layout, SetView, Tokens, Writer},
    xml::{Limits, Source, Tree},
};

/// The documents of all fixtures, by kind, and with the id of the mapping that each came through.
fn documents(library: &Library) -> Vec<(DocumentType, String, String, Value)> {
    fn files(folder: &Path, out: &mut Vec<PathBuf>) {
        for path in fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            if path.is_dir() { files(&path, out) } else { out.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    paths.retain(|path| {
        let name = path.to_string_lossy();
        name.contains(".test/") && name.ends_with(".json") && !name.ends_with(".extras.json")
    });
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let folder = path.parent().unwrap();
        let name = folder.with_extension("toml").strip_prefix(root.parent().unwrap()).unwrap().display().to_string();
        let mapping = library.iter().find(|mapping| mapping.file() == name).unwrap();
        let json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let shown = path.strip_prefix(&root).unwrap().display().to_string();
        let several = json.as_array().cloned().unwrap_or_else(|| vec![json]);
        all.extend(several.into_iter().map(|one| (mapping.document(), mapping.id().to_owned(), shown.clone(), one)));
    }
    all
}

/// A document as a mapping writes it, and the fields that it leaves; or the first reason why not.
fn write(mapping: &Mapping, version: &str, document: &Value) -> Result<(Vec<u8>, Vec<String>), String> {
    let json = serde_json::to_vec(document).unwrap();
    if mapping.format() == Format::Xml {
        let written = mapping.write_xml(&json, &BTreeMap::new());
        return written.map(|written| (written.bytes, written.left)).map_err(|problems| problems[0].to_string());
    }
    let mut out = Writer::new(Layout::default(), jiff::civil::date(2026, 1, 1).at(0, 0, 0, 0)).unwrap();
    let left = mapping.write_x12_in(&json, version, super::Charset::Utf8, &mut out);
    left.map(|left| (out.finish(), left)).map_err(|problems| problems[0].to_string())
}

/// What was written, read again.
fn read(mapping: &Mapping, written: &[u8]) -> Result<Value, String> {
    let mapped = if mapping.format() == Format::Xml {
        let source = Source::read(written).map_err(|fault| fault.to_string())?;
        let tree = Tree::read(source.text(), Limits::default()).map_err(|fault| fault.to_string())?;
        mapping.read_xml(&source, &tree)
    } else {
        let set = [b"ST*000*0001~", written, b"SE*0*0001~"].concat();
        let delimiters = Layout::default().delimiters;
        let tokens = Tokens::scan(&set, delimiters);
        mapping.read_x12(&SetView::new(&set, &tokens, delimiters, 0))
    };
    let mapped = mapped.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    check(mapping.document(), &mapped.json).map_err(|faults| format!("{faults:?}"))?;
    let (kind, json) = (mapping.document(), &mapped.json);
    if let Some(lines) = mapped.lines {
        let (beside, whole) = (summarise_beside(kind, json, lines).ok(), summarise(kind, json).ok());
        if beside != whole || whole.is_none() {
            return Err(format!("without its lines it is {beside:?}, and with them {whole:?}"));
        }
    }
    serde_json::from_slice(&mapped.json).map_err(|error| error.to_string())
}

/// A document without some of its values.
fn without(document: &Value, left: &[String]) -> Value {
    let mut document = document.clone();
    for pointer in left {
        if let Some(value) = document.pointer_mut(pointer) {
            *value = Value::Null;
        }
    }
    prune(&mut document);
    document
}

/// Takes out what says nothing: whether that was all.
fn prune(value: &mut Value) -> bool {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !prune(value));
            object.is_empty()
        }
        Value::Array(items) => {
            items.retain_mut(|item| !prune(item));
            items.is_empty()
        }
        value => value.is_null(),
    }
}

/// Whether all of a document is in another one; XML has its own order of items, and its constants and counts say more.
pub(super) fn within(document: &Value, other: &Value) -> bool {
    match (document, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.iter().all(|(name, value)| other.get(name).is_some_and(|other| within(value, other)))
        }
        (Value::Array(items), Value::Array(others)) => {
            let mut others: Vec<&Value> = others.iter().collect();
            let mut items: Vec<&Value> = items.iter().collect();
            items.sort_by_key(|item| std::cmp::Reverse(item.to_string().len()));
            items.iter().all(|item| {
                let found = others.iter().position(|other| within(item, other));
                found.map(|found| others.swap_remove(found)).is_some()
            })
        }
        (Value::String(one), Value::String(other)) => {
            one == other || number(one).is_some_and(|one| Some(one) == number(other))
        }
        _ => document == other,
    }
}

/// A number in decimal digits, however many zeros it ends in: X12 has 1.00 where two places are implied.
fn number(text: &str) -> Option<rust_decimal::Decimal> {
    text.parse().ok()
}

/// Every plain value by its field, list items and levels not told apart.
fn values(value: &Value, at: &str, out: &mut Vec<Value>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| {
            // The unit around another one is a level in X12, and a field of the item in XML.
            let name = if name == "outer_sscc" { "sscc" } else { name };
            let at = if at.is_empty() || name == "levels" { name.to_owned() } else { format!("{at}.{name}") };
            values(value, &at, out);
        }),
        Value::Array(items) => items.iter().for_each(|item| values(item, at, out)),
        plain => out.push(serde_json::json!({ at: plain })),
    }
}

/// What of a document did not come back, but for what the writer left. A writer may say more than the document: what it
/// counts out, the constants of its place, the basis of a price that is per hundred.
fn lost(mapping: &Mapping, document: &Value, left: &[String], again: &Value) -> Vec<String> {
    let mut document = without(document, left);
    let mut all = Vec::new();
    // A part of a line for one day, without its quantity, is the whole line's day in UBL.
    for line in document.get_mut("lines").and_then(Value::as_array_mut).into_iter().flatten() {
        if let (Format::Xml, Some(parts)) = (mapping.format(), line.get_mut("schedule").and_then(Value::as_array_mut)) {
            parts.retain(|part| part.get("quantity").is_some());
        }
    }
    nameless(&mut document);
    prune(&mut document);
    if within(&document, again) {
        return all;
    }
    // Levels are numbered anew, and XML has fewer of them than X12: what a level says stands with the items below it.
    if mapping.document() == DocumentType::ShipmentNotice {
        let (mut told, mut came) = (Vec::new(), Vec::new());
        values(&document, "", &mut told);
        values(again, "", &mut came);
        let numbered = |one: &Value| one.get("levels.id").is_some() || one.get("levels.parent_id").is_some();
        // Which level it is, its place says.
        told.retain(|one| {
            !numbered(one) && one.get("levels.kind").is_none() && !came.iter().any(|other| within(one, other))
        });
        return told.iter().map(Value::to_string).collect();
    }
    missing(&document, again, "", &mut all);
    all
}

/// The same changes every time in the quick set; others each time with `GANGWAY_FULL`.
fn runner() -> TestRunner {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) };
    if std::env::var_os("GANGWAY_FULL").is_some() {
        return TestRunner::new(config);
    }
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Takes away what names nothing: a scheme whose identifier was left out and told.
fn nameless(value: &mut Value) {
    match value {
        Value::Object(object) => object.iter_mut().for_each(|(name, value)| {
            if let ("identifiers", Value::Array(identifiers)) = (name.as_str(), &mut *value) {
                identifiers.retain(|one| one.get("value").is_some());
            }
            nameless(value);
        }),
        Value::Array(items) => items.iter_mut().for_each(nameless),
        _ => {}
    }
}

/// What [`within`] did not find, as deep as can be told.
fn missing(document: &Value, other: &Value, at: &str, all: &mut Vec<String>) {
    match (document, other) {
        (Value::Object(one), Value::Object(other)) => one.iter().for_each(|(name, value)| match other.get(name) {
            Some(other) => missing(value, other, &format!("{at}.{name}"), all),
            None => all.push(format!("{at}.{name} {value} is not there")),
        }),
        (Value::Array(items), Value::Array(others))
            if items.len() == others.len()
                && !items.iter().zip(others).any(|(one, other)| one.is_string() || other.is_string()) =>
        {
            items.iter().zip(others).for_each(|(item, other)| missing(item, other, at, all));
        }
        (Value::Array(items), Value::Array(others)) => {
            for item in items.iter().filter(|item| !others.iter().any(|other| within(item, other))) {
                all.push(format!("{at} {item} is not among {}", Value::Array(others.clone())));
            }
        }
        _ if within(document, other) => {}
        _ => all.push(format!("{at} {document} is {other}")),
    }
}

/// One change of a document: which of its values, what to do, and with which of the new values.
type Change = (prop::sample::Index, u8, prop::sample::Index);

/// All values below one, by their pointers.
fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
    let mut below = |name: &str, value: &Value| {
        let at = format!("{at}/{name}");
        out.push(at.clone());
        pointers(value, &at, out);
    };
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| below(name, value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(number, item)| below(&number.to_string(), item)),
        _ => {}
    }
}

/// Another value of the same kind; `None` for words and codes, which stay.
fn another(value: &Value, name: &str, which: prop::sample::Index) -> Option<Value> {
    const TEXTS: &[&str] = &["A", "NW-6204/B", "8 MM, ZINC", "O'NEILL & SONS <EU>", "Kugellager Größe 4", "0"];
    const DECIMALS: &[&str] = &["1", "0.5", "12.50", "3", "1000", "7.125"];
    let of = |values: &[&str]| Some(Value::String(values[which.index(values.len())].to_owned()));
    match value {
        Value::Number(_) => Some((which.index(9_000) as u64).into()),
        Value::String(text) => {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            let date = text.len() == 10 && text.as_bytes().get(4) == Some(&b'-');
            let time = text.len() == 8 && text.as_bytes().get(2) == Some(&b':');
            match name {
                _ if date => of(&["2026-02-28", "1999-12-31", "2030-01-01"]),
                _ if time => of(&["00:00:00", "23:59:59", "08:30:00"]),
                "value" | "amount" | "percent" | "quantity" | "quantity_open" if digits && text.contains('.') => {
                    of(DECIMALS)
                }
                "name" | "text" | "title" | "description" | "city" | "contract_number" => of(TEXTS),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A document with some changes made to it.
fn changed(document: &Value, changes: &[Change]) -> Value {
    let mut document = document.clone();
    for (which, what, value) in changes {
        let mut all = Vec::new();
        pointers(&document, "", &mut all);
        let Some(pointer) = all.get(which.index(all.len().max(1))).cloned() else { continue };
        let Some((above, name)) = pointer.rsplit_once('/') else { continue };
        let Some(target) = document.pointer(&pointer).cloned() else { continue };
        let Some(holder) = document.pointer_mut(above) else { continue };
        match (holder, what % 4) {
            (Value::Object(object), 0) => drop(object.shift_remove(name)),
            (Value::Array(items), 0) => drop(items.remove(name.parse().unwrap())),
            (Value::Array(items), 1) => items.insert(name.parse().unwrap(), target),
            (Value::Object(object), _) => {
                if let Some(other) = another(&target, name, *value) {
                    object.insert(name.to_owned(), other);
                }
            }
            (Value::Array(items), _) => {
                let number: usize = name.parse().unwrap();
                if let (Some(other), Some(item)) = (another(&target, "text", *value), items.get_mut(number)) {
                    *item = other;
                }
            }
            _ => {}
        }
    }
    prune(&mut document);
    document
}

/// For every mapping and version of it: `read(write(c)) = c`, and `write(read(write(c))) = write(c)`.
#[test]
fn what_is_written_reads_as_the_document_and_is_written_the_same_for_good() {
    let library = Library::builtin().unwrap();
    let documents = documents(&library);
    let (mut seldom, mut broken) = (Vec::new(), Vec::new());
    for mapping in library.iter() {
        let versions: &[&str] = if mapping.format() == Format::X12 { &["004010", "005010"] } else { &[""] };
        for version in versions {
            let own: Vec<_> = documents.iter().filter(|(document, ..)| *document == mapping.document()).collect();
            assert!(!own.is_empty(), "{} has no fixture", mapping.id());
            let (tried, done) = (Cell::new(0), Cell::new(0));
            let changes =
                prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<prop::sample::Index>()), 0..6);
            let outcome = runner().run(&(any::<prop::sample::Index>(), changes), |(which, changes)| {
                let (kind, _, shown, document) = which.get(&own);
                let document = changed(document, &changes);
                if check(*kind, &serde_json::to_vec(&document).unwrap()).is_err() {
                    return Ok(());
                }
                tried.set(tried.get() + 1);
                let Ok((written, left)) = write(mapping, version, &document) else { return Ok(()) };
                let at = || {
                    format!(
                        "{shown}\n{}",
                        if written.len() < 1500 { String::from_utf8_lossy(&written) } else { "".into() }
                    )
                };
                let again = read(mapping, &written).map_err(|told| TestCaseError::fail(format!("{told}\n{}", at())))?;
                let told = lost(mapping, &document, &left, &again);
                prop_assert!(told.is_empty(), "{told:#?}\n{document}\n{again}\n{}", at());
                let twice = write(mapping, version, &again).map_err(TestCaseError::fail)?;
                let twice = read(mapping, &twice.0).map_err(TestCaseError::fail)?;
                // XML may count out more from what it made out before.
                let same = within(&again, &twice) && (mapping.format() == Format::Xml || within(&twice, &again));
                prop_assert!(
                    same,
                    "{again:#}
{twice:#}
{}",
                    at()
                );
                done.set(done.get() + 1);
                Ok(())
            });
            if let Err(error) = outcome {
                broken.push(format!("{} {version}: {error}", mapping.id()));
            }
            if done.get() * 6 < tried.get() {
                seldom.push(format!("{} {version}: {} of {} documents", mapping.id(), done.get(), tried.get()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(seldom.is_empty(), "written too seldom to say anything: {seldom:#?}");
}

/// The fields of a document by their names, whatever the item: `/lines/0/price/basis` is `lines.price.basis`.
fn field(pointer: &str) -> String {
    let names = pointer.split('/').filter(|name| !name.is_empty() && name.parse::<usize>().is_err());
    let mut all: Vec<&str> = names.collect();
    all.dedup();
    all.join(".")
}

/// What is left of X12 documents on their way through a dialect of XML and back, by document: all else comes back, and is
/// written as X12 again.
#[test]
fn from_x12_through_xml_and_back_comes_all_that_both_can_carry() {
    let library = Library::builtin().unwrap();
    let mut told = String::new();
    for dialect in ["ubl", "cxml"] {
        let mut left_by: BTreeMap<DocumentType, BTreeSet<String>> = BTreeMap::new();
        let (mut carried, mut not_again) = (BTreeMap::<DocumentType, usize>::new(), String::new());
        for (kind, id, shown, document) in documents(&library) {
            let Some(mapping) = library.for_document(kind, Format::Xml, dialect) else { continue };
            let Some(x12) = library.by_id(&id).filter(|x12| x12.format() == Format::X12) else { continue };
            let (xml, left) = write(mapping, "", &document).unwrap_or_else(|told| panic!("{shown}: {told}"));
            let back = read(mapping, &xml).unwrap_or_else(|told| panic!("{shown} by {}: {told}", mapping.id()));
            let gone = lost(mapping, &document, &left, &back);
            assert!(gone.is_empty(), "{shown} by {}: {gone:#?}", mapping.id());
            left_by.entry(kind).or_default().extend(left.iter().map(|one| field(one)));
            match write(x12, "004010", &back) {
                Ok((again, left)) => {
                    let again = read(x12, &again).unwrap_or_else(|told| panic!("{shown}: {told}"));
                    let gone = lost(x12, &back, &left, &again);
                    assert!(gone.is_empty(), "{shown} by {} and X12: {gone:#?}", mapping.id());
                    *carried.entry(kind).or_default() += 1;
                }
                Err(reason) => not_again += &format!("  {shown} is not X12 again: {reason}\n"),
            }
        }
        for (kind, left) in left_by {
            let carried = carried.get(&kind).copied().unwrap_or_default();
            told += &format!("{kind} by {dialect}, {carried} come back as X12; left are\n");
            left.iter().for_each(|field| told += &format!("  {field}\n"));
        }
        told += &not_again;
    }
    insta::assert_snapshot!(told);
}
