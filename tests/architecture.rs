//! Holds the house to its plan: which room may import which, how long a file may be, what every file and every code
//! must have, and what stands at the top of the repository. The table is the one of the design.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::util::source::{Placed, Token, tokens};

/// The rooms, and the row each stands in. A room imports only from rows below its own; `main.rs` stands above `cli/`,
/// which it hands over to.
const ROWS: &[(u8, &[&str])] = &[
    (10, &["main"]),
    (9, &["cli"]),
    (8, &["play"]),
    (7, &["gateway"]),
    (6, &["doors", "doors::as2", "doors::sftp", "doors::rest", "erp", "console", "control"]),
    (5, &["exchange"]),
    (4, &["onboard", "limits"]),
    (3, &["ledger", "partner"]),
    (2, &["mapping"]),
    (1, &["x12", "xml", "as2"]),
    (0, &["document", "config", "keys", "spool", "net", "observe", "error"]),
];

/// What rooms of the lowest row may import from their own row: plain types that import nothing themselves.
const PLAIN: &[&str] = &["error", "document"];

/// What may stand at the top of the repository, beside tool settings in dotfiles.
const TOP: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "src",
    "partners",
    "mappings",
    "tests",
    "certs-example",
    "Dockerfile",
    "README.md",
    "gangway.toml",
    "LICENSE",
    "NOTICE",
];

/// Files that may hold `unsafe`, each with its reason.
const UNSAFE: &[(&str, &str)] = &[];

/// Macros stand at the root of the crate, wherever they were written.
const MACROS: &[&str] = &["codes", "ledger_conformance"];

const LONGEST: usize = 700;

#[test]
fn a_room_imports_only_from_rows_below_it() {
    let mut wrong = Vec::new();
    let sources = sources();
    let placed: BTreeMap<PathBuf, Vec<String>> =
        sources.iter().flat_map(|file| placed_elsewhere(&file.path, &file.tokens)).collect();
    for file in &sources {
        let own = placed.get(&file.path).cloned().unwrap_or_else(|| module(&file.path));
        wrong.extend(imports_against_the_rows(&file.path, own, &file.tokens));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_too_long_and_each_says_what_it_is_for() {
    let mut wrong = Vec::new();
    for file in sources() {
        let lines = file.text.lines().count();
        if lines > LONGEST {
            wrong.push(format!("{}: {lines} lines, at most {LONGEST}", file.path.display()));
        }
        if !file.text.starts_with("//!") {
            wrong.push(format!("{}: does not open with //! lines", file.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_is_no_unsafe_code() {
    let mut wrong = Vec::new();
    for file in sources() {
        let allowed = UNSAFE.iter().any(|(path, _)| Path::new(path) == file.path);
        for (token, line) in &file.tokens {
            if token.is("unsafe") && !allowed {
                wrong.push(format!("{}:{line}: unsafe", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_is_declared_once_and_has_a_page_in_its_place() {
    let mut wrong = Vec::new();
    let mut declared: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut by_room: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for file in sources() {
        let folder = file.path.parent().unwrap().to_owned();
        for code in declared_codes(&file.tokens) {
            if let Some(first) = declared.insert(code.clone(), file.path.clone()) {
                wrong.push(format!("{code}: declared in {} and {}", first.display(), file.path.display()));
            }
            by_room.entry(folder.clone()).or_default().push(code);
        }
    }
    for (folder, codes) in &by_room {
        let page = root().join(folder).join("explain.md");
        let text = fs::read_to_string(&page).unwrap_or_default();
        let explained: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .filter_map(|heading| heading.split_whitespace().next())
            .map(str::to_owned)
            .collect();
        for code in codes.iter().filter(|code| !explained.contains(code)) {
            wrong.push(format!("{}/explain.md has no page for {code}", folder.display()));
        }
        for code in explained.iter().filter(|code| !codes.contains(code)) {
            wrong.push(format!("{}/explain.md explains {code}, which nobody declares", folder.display()));
        }
        let turned = codes.iter().zip(&explained).find(|(declared, explained)| declared != explained);
        if let Some((declared, explained)) = turned.filter(|_| codes.len() == explained.len()) {
            wrong.push(format!("{}/explain.md explains {explained} where {declared} is declared", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_top_of_the_repository_holds_what_the_design_lists() {
    let ignored: Vec<String> = fs::read_to_string(root().join(".gitignore"))
        .unwrap()
        .lines()
        .map(|line| line.trim_matches('/').to_owned())
        .collect();
    let mut wrong = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.starts_with('.') && !TOP.contains(&name.as_str()) && !ignored.contains(&name) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "not in the design's list of the top level: {wrong:?}");
}

#[test]
fn the_rules_find_what_breaks_them() {
    let check = |path: &str, source: &str| {
        let path = Path::new(path);
        imports_against_the_rows(path, module(path), &tokens(source))
    };
    // From above, from beside, through a group, through `super`, and from a path in the middle of code.
    for (path, source) in [
        ("src/x12/read.rs", "use crate::mapping::Plan;"),
        ("src/ledger/mod.rs", "use crate::partner::Partner;"),
        ("src/x12/read.rs", "use crate::{error::Code, ledger::Entry};"),
        ("src/x12/read.rs", "use super::super::ledger;"),
        ("src/x12.rs", "mod tests { fn f() { super::super::cli::run() } }"),
        ("src/doors/rest/mod.rs", "fn f() { crate::doors::as2::f() }"),
        ("src/keys/mod.rs", "use crate::config::Settings;"),
        ("src/exchange/mod.rs", "use crate::nowhere::X;"),
    ] {
        assert_eq!(check(path, source).len(), 1, "{path}: {source}");
    }
    for (path, source) in [
        ("src/x12/read.rs", "use crate::x12::token::Tokens; use crate::error::Code;"),
        ("src/config/mod.rs", "use crate::{error::Code, document::{Mode, DocumentType}};"),
        ("src/x12/read.rs", "use super::token; mod tests { use super::*; use super::super::check; }"),
        ("src/main.rs", "fn main() { gangway::cli::run() }"),
        ("src/lib.rs", "pub mod x12; pub use crate::x12::token;"),
        ("src/error/mod.rs", "macro_rules! codes { () => { $crate::error::Code } }"),
        ("src/gateway.rs", "// use crate::cli;\nconst S: &str = \"crate::cli\";"),
        ("src/ledger/mod.rs", "mod wide; crate::codes! {}"),
    ] {
        assert_eq!(check(path, source), Vec::<String>::new(), "{path}: {source}");
    }
    let named = placed_elsewhere(Path::new("src/x12/read.rs"), &tokens("#[path = \"read_tests.rs\"]\nmod tests;"));
    assert_eq!(named, [("src/x12/read_tests.rs".into(), vec!["x12".to_owned(), "read".into(), "tests".into()])]);
    assert_eq!(
        declared_codes(&tokens(
            r#"codes! { /// x "EXC-9" 
        A = "EXC-0001"; }  const X: &str = "EXC-0002";"#
        )),
        ["EXC-0001"]
    );
}

struct Source {
    /// Relative to the root of the repository.
    path: PathBuf,
    text: String,
    tokens: Vec<Placed>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of the product.
fn sources() -> Vec<Source> {
    let mut folders = vec![root().join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root()).unwrap().to_owned();
                found.push(Source { tokens: tokens(&text), path, text });
            }
        }
    }
    assert!(found.len() > 10, "the sources were not found");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The module path of a file: `src/x12/read.rs` is `[x12, read]`, `src/x12/mod.rs` is `[x12]`.
fn module(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        path.with_extension("").iter().skip(1).map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

/// The room that a path from the crate's root leads into, and its row.
fn room(path: &[String]) -> Option<(String, u8)> {
    let first = path.first()?;
    let name = match path.get(1) {
        Some(second) if first == "doors" => {
            let door = format!("doors::{second}");
            if row(&door).is_some() { door } else { first.clone() }
        }
        _ => first.clone(),
    };
    row(&name).map(|row| (name, row))
}

fn row(room: &str) -> Option<u8> {
    ROWS.iter().find(|(_, rooms)| rooms.contains(&room)).map(|(row, _)| *row)
}

/// The files that a file names by `#[path = "…"] mod …;`, and the module paths they get by it.
fn placed_elsewhere(path: &Path, tokens: &[Placed]) -> Vec<(PathBuf, Vec<String>)> {
    let mut found = Vec::new();
    for (at, window) in tokens.windows(3).enumerate() {
        let [(path_word, _), (Token::Mark('='), _), (Token::Text(file), _)] = window else { continue };
        let name = tokens[at..].iter().take(12).skip_while(|(token, _)| !token.is("mod")).nth(1);
        if let (true, Some((Token::Word(name), _))) = (path_word.is("path"), name) {
            let mut place = module(path);
            place.push(name.clone());
            found.push((path.with_file_name(file), place));
        }
    }
    found
}

fn imports_against_the_rows(path: &Path, own: Vec<String>, tokens: &[Placed]) -> Vec<String> {
    if own.is_empty() {
        return Vec::new(); // lib.rs is the map of the house and names every room.
    }
    let Some((home, home_row)) = room(&own) else {
        return vec![format!("{}: belongs to no room of the design", path.display())];
    };
    let mut wrong = Vec::new();
    for (target, line) in crate_paths(&own, tokens) {
        let place = format!("{}:{line}", path.display());
        match room(&target) {
            None => {
                if target.first().is_some_and(|first| !MACROS.contains(&first.as_str())) {
                    wrong.push(format!("{place}: crate::{} is no room of the design", target.join("::")));
                }
            }
            Some((there, _)) if there == home => {}
            Some((there, there_row)) => {
                let plain = home_row == 0 && PLAIN.contains(&there.as_str());
                if there_row >= home_row && !plain {
                    wrong.push(format!("{place}: {home} (row {home_row}) imports {there} (row {there_row})"));
                }
            }
        }
    }
    wrong
}

/// Every path in a file that is reckoned from the crate's root, by `crate::`, by enough `super::`, or (in main.rs) by
/// the library's name: its first two parts and the line.
fn crate_paths(own: &[String], tokens: &[Placed]) -> Vec<(Vec<String>, usize)> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    // The brace depths at which inline modules opened.
    let mut inline: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (token, _) = &tokens[at];
        let opens_path = tokens.get(at + 1).is_some_and(|(next, _)| *next == Token::Path)
            && !(at > 0 && tokens[at - 1].0 == Token::Path);
        match token {
            Token::Mark('{') => {
                depth += 1;
                if at >= 2 && tokens[at - 2].0.is("mod") {
                    inline.push(depth);
                }
            }
            Token::Mark('}') => {
                if inline.last() == Some(&depth) {
                    inline.pop();
                }
                depth = depth.saturating_sub(1);
            }
            Token::Word(word) if opens_path && (word == "crate" || (word == "gangway" && own == ["main"])) => {
                collect(tokens, at + 2, &[], &mut found);
            }
            Token::Word(word) if opens_path && word == "super" => {
                let mut supers = 1;
                let mut next = at + 2;
                while tokens.get(next).is_some_and(|(token, _)| token.is("super")) {
                    supers += 1;
                    next += 2;
                }
                // What is left of the module's own path after going up.
                let outer = (own.len() + inline.len()).saturating_sub(supers).min(own.len());
                if outer < 2 {
                    collect(tokens, next, &own[..outer], &mut found);
                }
                at = next;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The paths that begin at token `at`, below `base`: one, or one per member of a `{…}` group. Two parts are enough to
/// know a room.
fn collect(tokens: &[Placed], at: usize, base: &[String], found: &mut Vec<(Vec<String>, usize)>) {
    match tokens.get(at) {
        Some((Token::Word(word), line)) => {
            let mut path = base.to_vec();
            path.push(word.clone());
            if path.len() < 2 && tokens.get(at + 1).is_some_and(|(next, _)| *next == Token::Path) {
                collect(tokens, at + 2, &path, found);
            } else {
                found.push((path, *line));
            }
        }
        Some((Token::Mark('{'), _)) => {
            let mut depth = 0_usize;
            let mut expects = true;
            for (index, (token, _)) in tokens.iter().enumerate().skip(at) {
                match token {
                    Token::Mark('{') => depth += 1,
                    Token::Mark('}') => depth -= 1,
                    Token::Mark(',') if depth == 1 => expects = true,
                    Token::Word(_) if depth == 1 && expects => {
                        expects = false;
                        collect(tokens, index, base, found);
                    }
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
        }
        Some((_, line)) if !base.is_empty() => found.push((base.to_vec(), *line)),
        _ => {}
    }
}

/// The codes in every `codes! { … }` of a file.
fn declared_codes(tokens: &[Placed]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in tokens.iter().enumerate().filter(|(_, (token, _))| token.is("codes")) {
        let follows = |n: usize, mark: char| tokens.get(at + n).is_some_and(|(token, _)| *token == Token::Mark(mark));
        if follows(1, '!') && follows(2, '{') {
            found.extend(
                tokens[at..]
                    .iter()
                    .map_while(|(token, _)| match token {
                        Token::Mark('}') => None,
                        Token::Text(text) => Some(Some(text.clone())),
                        _ => Some(None),
                    })
                    .flatten(),
            );
        }
    }
    found
}
