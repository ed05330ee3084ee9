//! A folder of partners, each broken in its own way: every mistake is told at its line, and reads well.
//!
//! The line to mend ends in `#!` in each file. That random edits break nothing but their own file is shown below.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use gangway::{
    config::{
        Diagnostic,
        render::{Format, render},
    },
    mapping::Library,
    partner::{Directory, Loader, Sources},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
}

fn load(folder: &Path) -> (Directory, Vec<Diagnostic>) {
    let library = Library::builtin().unwrap();
    let sources = Sources { partners: folder.to_owned(), largest_body: 1 << 30, ..Sources::default() };
    Directory::load(&sources, &|id| library.by_id(id).is_some())
}

/// Every file with the lines to mend, from 1.
fn marked() -> BTreeMap<String, Vec<usize>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let text = fs::read_to_string(&path).unwrap();
            let marked = text.lines().enumerate().filter(|(_, line)| line.ends_with("#!")).map(|(index, _)| index + 1);
            all.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), marked.collect());
        }
    }
    all
}

#[test]
fn every_mistake_is_told_at_its_line() {
    let (directory, findings) = load(&folder());
    assert_eq!(directory.partners().count(), 0, "none of them can be served");
    let mut told: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.is_error()) {
        let (file, line) = finding.line().expect("a place");
        let name = Path::new(file).file_name().unwrap().to_str().unwrap().to_owned();
        told.entry(name).or_default().push(line);
    }
    let mut wrong = Vec::new();
    let all = marked();
    assert!(all.len() >= 40, "{}", all.len());
    for (file, lines) in &all {
        let found = told.get(file).cloned().unwrap_or_default();
        // What is missing from a whole file has no line of its own: the mark stands in the first one then.
        let missing = file.ends_with("-missing.toml");
        if !missing && *lines != found || missing && found.len() != 1 {
            wrong.push(format!("{file}: marked {lines:?}, told {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_mistakes_read_well() {
    let (_, findings) = load(&folder());
    let text = render(Format::Text, &findings, false, |_| None);
    insta::assert_snapshot!("broken_partners", text.replace(&format!("{}/", folder().display()), ""));
    for secret in ["4kq8h2m7zv1x", "letmein", "MfKQ9r8GKY"] {
        assert!(!text.contains(secret), "{secret} is shown");
    }
}

/// What somebody does to a file.
#[derive(Debug, Clone)]
enum Edit {
    /// A line is gone.
    Delete(usize),
    /// A line stands twice.
    Double(usize),
    /// The value of a line is another.
    Value(usize, &'static str),
    /// Bytes are cut out of the middle.
    Cut(usize, usize),
    /// Two lines change places.
    Swap(usize, usize),
}

fn edited(text: &str, edits: &[Edit]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for edit in edits {
        let count = lines.len().max(1);
        match edit {
            Edit::Delete(at) if !lines.is_empty() => drop(lines.remove(at % count)),
            Edit::Double(at) if !lines.is_empty() => lines.insert(at % count, lines[at % count].clone()),
            Edit::Value(at, value) if !lines.is_empty() => {
                let line = &mut lines[at % count];
                if let Some((key, _)) = line.clone().split_once('=') {
                    *line = format!("{key}= {value}");
                }
            }
            Edit::Cut(at, length) if !lines.is_empty() => {
                let line = &mut lines[at % count];
                let end = line.char_indices().nth(*length).map_or(line.len(), |(index, _)| index);
                line.replace_range(..end, "");
            }
            Edit::Swap(a, b) if !lines.is_empty() => lines.swap(a % count, b % count),
            _ => {}
        }
    }
    lines.join("\n") + "\n"
}

fn edit() -> impl proptest::strategy::Strategy<Value = Edit> {
    use proptest::prelude::*;
    let values =
        ["3", "true", "\"x\"", "[]", "{}", "[1, \"a\"]", "2026-01-01", "", "\"\"\"", "'\u{0}'", "1e999", "nan"];
    prop_oneof![
        any::<usize>().prop_map(Edit::Delete),
        any::<usize>().prop_map(Edit::Double),
        (any::<usize>(), prop::sample::select(values.to_vec())).prop_map(|(at, value)| Edit::Value(at, value)),
        (any::<usize>(), 0_usize..40).prop_map(|(at, length)| Edit::Cut(at, length)),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Edit::Swap(a, b)),
    ]
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..proptest::prelude::ProptestConfig::with_cases(96) })]
    /// Whatever is done to the example partners, `check` goes on, whoever ran runs on, and what broke is told at its file.
    #[test]
    fn no_edit_takes_a_running_partner_down(
        which in 0_usize..3,
        edits in proptest::collection::vec(edit(), 1..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let partners = folder.path().join("partners");
        gangway::partner::write_examples(&partners, gangway::partner::Status::Test).unwrap();
        let sources = Sources {
            partners: partners.clone(),
            last_good: Some(folder.path().join("last-good")),
            largest_body: 1 << 30,
            ours: None,
        };
        let loader = Loader::new(sources.clone());
        let (before, findings) = loader.load(&|_| true);
        proptest::prop_assert!(findings.is_empty());
        let name = ["coldforge", "nordbolt", "tallgrass"][which];
        let path = partners.join(format!("{name}.toml"));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, edited(&text, &edits)).unwrap();
        let (after, findings) = loader.load(&|_| true);
        let fresh = Directory::load(&sources, &|_| true);
        proptest::prop_assert_eq!(after.digest(), fresh.0.digest(), "what is remembered changes nothing");
        for partner in before.partners() {
            let now = after.partner(&partner.id);
            proptest::prop_assert!(now.is_some(), "{} is gone", partner.id);
            let stale = now.and_then(|now| now.stale.clone());
            if partner.id == name {
                let told = findings.iter().any(|told| told.is_error() && told.line().is_some_and(|(file, _)| Path::new(file) == path));
                // Some errors say that nothing can be sent to it, and it is served as it is all the same.
                proptest::prop_assert!(told || stale.is_none(), "{:?}", findings);
            } else {
                proptest::prop_assert!(stale.is_none(), "{} suffers: {:?}", partner.id, stale);
            }
        }
        let shown = render(Format::Text, &findings, false, |_| None);
        proptest::prop_assert!(findings.is_empty() || !shown.is_empty());
    }
}
