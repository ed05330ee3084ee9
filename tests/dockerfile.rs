//! No container engine runs where the tests do, so what can be known of the Dockerfile without one is checked here:
//! that what it copies exists and is let through, and that everything compiled into the program is copied.

use std::{collections::BTreeSet, fs, path::Path};

use crate::util::source::{Token, tokens};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the Dockerfile copies from the repository: the sources of its COPY lines that name no earlier stage.
fn copied() -> BTreeSet<String> {
    let dockerfile = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let mut found = BTreeSet::new();
    for line in dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if !words.iter().any(|word| word.starts_with("--from")) {
            found.extend(words[..words.len() - 1].iter().map(|word| word.trim_end_matches('/').to_owned()));
        }
    }
    found
}

#[test]
fn what_the_dockerfile_copies_exists_and_is_let_through() {
    let ignore = fs::read_to_string(root().join(".dockerignore")).unwrap();
    let passes: BTreeSet<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(copied().len() >= 4, "the COPY lines were not read");
    for path in copied() {
        assert!(root().join(&path).exists(), "COPY {path}: there is no such thing");
        assert!(passes.contains(path.as_str()), "COPY {path}: .dockerignore keeps it out");
    }
}

/// Templates, mappings and standards are compiled in: a folder that an `include…!` reaches must be in the image that
/// builds.
#[test]
fn what_is_compiled_in_is_copied() {
    let copied = copied();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|ending| ending != "rs") {
                continue;
            }
            let tokens = tokens(&fs::read_to_string(&path).unwrap());
            for (at, (token, line)) in tokens.iter().enumerate() {
                if !["include_str", "include_bytes", "include"].iter().any(|name| token.is(name)) {
                    continue;
                }
                // The first text after it is the path, perhaps inside a concat! with the crate's root.
                let text = tokens[at..].iter().take(8).find_map(|(token, _)| match token {
                    Token::Text(text) if text != "CARGO_MANIFEST_DIR" => Some(text),
                    _ => None,
                });
                let Some(text) = text else { continue };
                let target = match text.strip_prefix('/') {
                    Some(from_root) => root().join(from_root),
                    None => folder.join(text),
                };
                let Ok(target) = target.canonicalize() else { continue };
                let inside = target.strip_prefix(root().canonicalize().unwrap()).unwrap().to_owned();
                let top = inside.iter().next().unwrap().to_string_lossy().into_owned();
                assert!(
                    copied.contains(&top),
                    "{}:{line} compiles in {}, and the Dockerfile does not copy {top}",
                    path.display(),
                    inside.display()
                );
            }
        }
    }
}
