//! Fixtures of mappings: `855.test/*.edi` or `order.test/*.xml` beside their mapping, each with the `*.json` that it must
//! become.
//!
//! `gangway test` runs them, and `check` before a reload. What no rule takes may be written down too, in
//! `*.extras.json`: then it must be that.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;

use super::{Format, Library, Mapping};
use crate::{
    document::summarise,
    x12::{CheckedSet, Checker, Policy, Step},
    xml::{Limits, Source, Tree},
};

/// What became of one fixture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The fixture's file.
    pub file: PathBuf,
    /// The mapping it was read with.
    pub mapping: String,
    /// What is not as it should be, one line each; empty if all is well.
    pub failures: Vec<String>,
    /// Whether the expected documents were written anew.
    pub blessed: bool,
}

/// Runs the fixtures below a folder, or those of one mapping; with `accept` what comes out is written as expected.
pub fn run(library: &Library, folder: &Path, only: Option<&str>, accept: bool) -> io::Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for tests in folders(folder)? {
        let Some(mapping) = mapping_of(library, &tests) else {
            let failures = vec![
                "there is no mapping for this folder: it lies beside a file of its name with the ending .toml"
                    .to_owned(),
            ];
            outcomes.push(Outcome { file: tests, mapping: String::new(), failures, blessed: false });
            continue;
        };
        if only.is_some_and(|only| only != mapping.id()) {
            continue;
        }
        let mut files: Vec<_> =
            fs::read_dir(&tests)?.collect::<io::Result<Vec<_>>>()?.into_iter().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|ending| ending == "edi" || ending == "xml"));
        files.sort();
        for file in files {
            outcomes.push(fixture(mapping, file, accept)?);
        }
    }
    Ok(outcomes)
}

/// The document of an XML fixture, which must come back the same when it is written and read again.
fn xml(mapping: &Mapping, file: &Path, documents: &mut Vec<Value>, extras: &mut Vec<Value>) -> io::Result<Vec<String>> {
    let bytes = fs::read(file)?;
    let read = |bytes: &[u8]| -> Result<super::Mapped, Vec<String>> {
        let source = Source::read(bytes).map_err(|fault| vec![fault.to_string()])?;
        let tree = Tree::read(source.text(), Limits::default()).map_err(|fault| vec![fault.to_string()])?;
        mapping.read_xml(&source, &tree).map_err(|problems| problems.iter().map(ToString::to_string).collect())
    };
    let first = match read(&bytes) {
        Ok(first) => first,
        Err(failures) => return Ok(failures),
    };
    let mut failures = Vec::new();
    if let Err(error) = summarise(mapping.document(), &first.json) {
        failures.push(format!("the document breaks its type: {error}"));
    }
    let document: Value = serde_json::from_slice(&first.json).unwrap_or(Value::Null);
    match mapping.write_xml(&first.json, &BTreeMap::new()) {
        Err(problems) => failures.extend(problems.iter().map(|problem| format!("on writing: {problem}"))),
        Ok(written) => match read(&written.bytes) {
            Err(problems) => failures.extend(problems.into_iter().map(|problem| format!("when written: {problem}"))),
            Ok(again) => {
                let again = serde_json::from_slice(&again.json).unwrap_or(Value::Null);
                let mut differences = Vec::new();
                compare(&document, &again, String::new(), &mut differences);
                // What has a place for reading only cannot come back, and is said to be left out.
                differences.retain(|difference| !written.left.iter().any(|left| difference.starts_with(&dotted(left))));
                failures
                    .extend(differences.into_iter().map(|difference| format!("when written and read: {difference}")));
            }
        },
    }
    documents.push(document);
    extras.extend(first.extras);
    Ok(failures)
}

/// A JSON pointer as [`compare`] names a place: `lines[0].price`.
fn dotted(pointer: &str) -> String {
    let names = pointer.split('/').skip(1);
    names.fold(String::new(), |at, name| match name.parse::<usize>() {
        Ok(number) => format!("{at}[{number}]"),
        Err(_) => join(&at, name),
    })
}

fn fixture(mapping: &Arc<Mapping>, file: PathBuf, accept: bool) -> io::Result<Outcome> {
    let (mut documents, mut extras, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    if mapping.format() == Format::Xml {
        failures = xml(mapping, &file, &mut documents, &mut extras)?;
        return bless(mapping, file, accept, documents, extras, failures);
    }
    let mut checker = Checker::new(fs::File::open(&file)?, |_| Policy::default());
    let mut sets = 0;
    while let Some(step) = checker.next()? {
        let Step::Set(CheckedSet { view: Some(set), .. }) = step else { continue };
        sets += 1;
        match mapping.read_x12(&set) {
            Err(problems) => failures.extend(problems.iter().map(ToString::to_string)),
            Ok(mapped) => {
                if let Err(error) = summarise(mapping.document(), &mapped.json) {
                    failures.push(format!("the document breaks its type: {error}"));
                }
                documents.push(serde_json::from_slice(&mapped.json).unwrap_or(Value::Null));
                extras.extend(mapped.extras);
            }
        }
    }
    if sets == 0 {
        failures.push("there is no transaction set in it: a fixture is a whole interchange, ISA to IEA".to_owned());
    }
    bless(mapping, file, accept, documents, extras, failures)
}

/// Holds what came out to what is expected, or writes it down as that.
fn bless(
    mapping: &Mapping,
    file: PathBuf,
    accept: bool,
    documents: Vec<Value>,
    extras: Vec<Value>,
    mut failures: Vec<String>,
) -> io::Result<Outcome> {
    let mut blessed = false;
    for (ending, mut got) in [("json", documents), ("extras.json", extras)] {
        let path = file.with_extension(ending);
        // One set is written as itself, several as a list.
        let got = if got.len() == 1 { got.remove(0) } else { Value::Array(got) };
        let nothing = got.as_array().is_some_and(Vec::is_empty);
        let expected = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or(Value::Null),
            Err(error) if error.kind() == io::ErrorKind::NotFound && ending == "extras.json" && !accept => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Value::Array(Vec::new()),
            Err(error) => return Err(error),
        };
        if accept && failures.is_empty() {
            if expected != got {
                blessed = true;
                if nothing {
                    fs::remove_file(&path)?;
                } else {
                    fs::write(&path, serde_json::to_string_pretty(&got).unwrap_or_default() + "\n")?;
                }
            }
        } else {
            compare(&expected, &got, String::new(), &mut failures);
        }
    }
    Ok(Outcome { file, mapping: mapping.id().to_owned(), failures, blessed })
}

/// What differs between two documents, field by field.
fn compare(expected: &Value, got: &Value, at: String, differences: &mut Vec<String>) {
    let at_or_root = || if at.is_empty() { "the document".to_owned() } else { at.clone() };
    match (expected, got) {
        (Value::Object(left), Value::Object(right)) => {
            for (name, value) in left {
                match right.get(name) {
                    Some(other) => compare(value, other, join(&at, name), differences),
                    None => differences.push(format!("{}: expected {value}, and it is not there", join(&at, name))),
                }
            }
            for (name, value) in right.iter().filter(|(name, _)| !left.contains_key(*name)) {
                differences.push(format!("{}: not expected, and it is {value}", join(&at, name)));
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for (number, (value, other)) in left.iter().zip(right).enumerate() {
                compare(value, other, format!("{at}[{number}]"), differences);
            }
            if left.len() != right.len() {
                differences.push(format!(
                    "{}: expected {} items, and there are {}",
                    at_or_root(),
                    left.len(),
                    right.len()
                ));
            }
        }
        _ if expected != got => differences.push(format!("{}: expected {expected}, got {got}", at_or_root())),
        _ => {}
    }
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// All `*.test` folders below a folder.
fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut paths: Vec<_> =
        fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths.into_iter().filter(|path| path.is_dir()) {
        match path.extension().is_some_and(|ending| ending == "test") {
            true => found.push(path),
            false => found.extend(folders(&path)?),
        }
    }
    Ok(found)
}

/// The mapping whose file lies beside a `*.test` folder.
fn mapping_of<'l>(library: &'l Library, tests: &Path) -> Option<&'l Arc<Mapping>> {
    let file = tests.with_extension("toml");
    let text = fs::read_to_string(&file).ok()?;
    let table = toml::de::DeTable::parse(&text).ok()?;
    let id = table.get_ref().get("mapping")?.get_ref().get("id")?.get_ref().as_str()?.to_owned();
    library.by_id(&id)
}
