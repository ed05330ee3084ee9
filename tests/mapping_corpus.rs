//! Every 850, 855, 856 and 810 of the corpus through the mapping for its version: a document that keeps to its type, or
//! a refusal for a reason that is true of the file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use gangway::{
    document::summarise,
    mapping::{Library, fixtures},
    x12::token::{SetView, Tokens},
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

/// GS08 of the group that the set at `start` is in.
fn version(bytes: &[u8], start: usize, element: u8, segment: u8) -> String {
    let before = bytes[..start].split(|b| *b == segment).rev().find(|text| text.trim_ascii_start().starts_with(b"GS"));
    let gs08 = before.and_then(|text| text.split(|b| *b == element).nth(8)).unwrap_or_default();
    String::from_utf8_lossy(gs08).trim().to_owned()
}

#[test]
fn every_order_answer_shipment_and_invoice_becomes_a_document() {
    let Some(folder) = corpus() else { return };
    let library = Library::builtin().expect("what is compiled in has no mistake");
    let mut refused = BTreeMap::new();
    let (mut read, mut extras) = (BTreeMap::<String, usize>::new(), 0);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let mut bytes = fs::read(&path).unwrap();
        // Two files end their segments with one character of three bytes, which the X12 reader knows by its last byte;
        // here it becomes one byte.
        while let Some(at) = bytes.windows(3).position(|window| window == "…".as_bytes()) {
            bytes.splice(at..at + 3, *b"~");
        }
        let (delimiters, ranges) = fixtures::sets(&bytes);
        for range in ranges {
            let version = version(&bytes, range.start, delimiters.element, delimiters.segment);
            let set = &bytes[range.clone()];
            let tokens = Tokens::scan(set, delimiters);
            let view = SetView::new(set, &tokens, delimiters, range.start as u64);
            let id = String::from_utf8_lossy(view.segment(0).unwrap().element(1)).into_owned();
            let Some(mapping) = library.for_x12(&id, &version) else { continue };
            let name = path.file_name().unwrap().to_string_lossy();
            match mapping.read_x12(&view) {
                Ok(mapped) => {
                    let summary = summarise(mapping.document(), &mapped.json)
                        .unwrap_or_else(|error| panic!("{name}: {error}\n{}", String::from_utf8_lossy(&mapped.json)));
                    assert!(summary.number.is_some_and(|number| !number.is_empty()), "{name}");
                    if std::env::var_os("GANGWAY_SHOW").is_some() {
                        println!(
                            "{name} {version}\n{}\nextras {:?}\n",
                            String::from_utf8_lossy(&mapped.json),
                            mapped.extras
                        );
                    }
                    *read.entry(id).or_default() += 1;
                    extras += mapped.extras.and_then(|extras| extras.as_array().map(Vec::len)).unwrap_or_default();
                }
                Err(problems) => {
                    let problems = problems.iter().map(ToString::to_string).collect::<Vec<_>>();
                    refused.entry(format!("{name} {}", range.start)).or_insert(problems);
                }
            }
        }
    }
    println!("{read:?}, {extras} extras, refused {refused:#?}");
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
