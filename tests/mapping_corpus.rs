//! Every document of the X12 corpus, of all twelve sets, through the mapping for its version: it keeps to its type and is
//! written again, or is refused for a reason that is true of the file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use gangway::{
    document::summarise,
    mapping::{Library, fixtures},
    x12::{CheckedSet, Checker, Policy, Step},
};

fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("GANGWAY_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from)
        .join("x12");
    if !folder.is_dir() {
        eprintln!("there is no corpus at {}: set GANGWAY_CORPUS", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn every_document_of_the_corpus_is_mapped_or_refused_for_a_true_reason() {
    let Some(folder) = corpus() else { return };
    let library = Library::builtin().expect("what is compiled in has no mistake");
    let (mut refused, mut unwritable) = (BTreeMap::new(), BTreeMap::new());
    let (mut read, mut extras) = (BTreeMap::<String, usize>::new(), 0);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut checker = Checker::new(fs::File::open(&path).unwrap(), |_| Policy::default());
        while let Some(step) = checker.next().unwrap() {
            let Step::Set(CheckedSet { view: Some(view), id, version, findings, .. }) = step else { continue };
            let Some(mapping) = library.for_x12(id, version) else { continue };
            match mapping.read_x12(&view) {
                Ok(mapped) => {
                    let json = String::from_utf8_lossy(&mapped.json);
                    let summary = summarise(mapping.document(), &mapped.json)
                        .unwrap_or_else(|error| panic!("{name}: {error}\n{json}"));
                    assert!(summary.number.is_some_and(|number| !number.is_empty()), "{name}");
                    if std::env::var_os("GANGWAY_SHOW").is_some() {
                        println!("{name} {version}\n{json}\nextras {:?}\n", mapped.extras);
                    }
                    *read.entry(id.to_owned()).or_default() += 1;
                    let differences = fixtures::round_trip(mapping, &view, version, findings);
                    if !differences.is_empty() {
                        let at = format!("{name} {} {id} {version}", view.offset());
                        unwritable.insert(at, differences.join("\n"));
                    }
                    extras += mapped.extras.and_then(|extras| extras.as_array().map(Vec::len)).unwrap_or_default();
                }
                Err(problems) => {
                    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                    refused.insert(format!("{name} {}", view.offset()), problems.join("\n"));
                }
            }
        }
    }
    println!("{read:?}, {extras} extras, refused {refused:#?}, not written {unwritable:#?}");
    // What is true of the files: two are 850 in name only, without a BEG and so without an order number; one has words where
    // a date belongs, and one a date of nine digits.
    let because = [
        ("EDI.Net__Samples__x12.Issue101.edi", "BEG element 03: a document needs `number`"),
        ("EDI.Net__Samples__x12.Issue172.edi", "BEG element 03: a document needs `number`"),
        ("X12Parser__860__Example1.txt", "BCH element 06 \"PO DATE\": `order_date` is a date"),
        ("X12Parser__865__FromAdvanceAutoParts.txt", "DTM element 02 \"200902164\": `dates.date` is a date"),
    ];
    let told: Vec<_> = refused.iter().map(|(key, problem)| (key.split(' ').next().unwrap(), problem)).collect();
    assert_eq!(told.len(), because.len(), "{refused:#?}");
    for ((name, problem), (expected, reason)) in told.into_iter().zip(because) {
        assert!(name == expected && problem.contains(reason), "{name}: {problem}");
    }
    let expected = [
        ("810", 8),
        ("820", 5),
        ("824", 1),
        ("830", 2),
        ("846", 1),
        ("850", 11),
        ("855", 7),
        ("856", 10),
        ("860", 1),
        ("862", 1),
        ("865", 2),
    ];
    let expected = expected.map(|(id, count)| (id.to_owned(), count));
    assert_eq!(read, BTreeMap::from(expected));
}

/// The fixtures that lie beside the mappings. `GANGWAY_BLESS=1` writes what comes out as expected: read it before you commit.
#[test]
fn fixtures_become_what_lies_beside_them() {
    let library = Library::builtin().expect("what is compiled in has no mistake");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let accept = std::env::var_os("GANGWAY_BLESS").is_some();
    let outcomes = fixtures::run(&library, &folder, None, accept).unwrap();
    assert!(outcomes.len() >= 8);
    for outcome in outcomes {
        assert!(outcome.failures.is_empty(), "{}:\n{}", outcome.file.display(), outcome.failures.join("\n"));
    }
}
