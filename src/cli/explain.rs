//! `gangway explain CODE`: what a code means, and what to do about it.

use std::{io, process::ExitCode};

use crate::{
    config::did_you_mean,
    error::{Page, pages},
    gateway::{EXPLAIN, page},
};

/// Explain what a code means, and what to do about it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The code as it was shown, like PRT-0005, or a word to look for; with none, all codes are listed.
    code: Option<String>,
}

/// The page of every code.
pub(super) fn all_pages() -> impl Iterator<Item = Page> {
    EXPLAIN.iter().copied().flat_map(pages)
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (text, found) = match args.code.as_deref().map(str::trim) {
        None | Some("") => (list(|_| true), true),
        Some(code) => answer(code),
    };
    if found {
        super::print(&text, &mut io::stdout())?;
        return Ok(ExitCode::SUCCESS);
    }
    super::print(&text, &mut io::stderr())?;
    Ok(ExitCode::from(super::USAGE))
}

fn answer(wanted: &str) -> (String, bool) {
    // As people copy it: in any case, and with the brackets around it.
    let code = wanted.trim_matches(['[', ']']);
    if let Some(page) = page(code) {
        return (format!("{} {}\n\n{}\n", page.code, page.title, page.body), true);
    }
    let word = wanted.to_lowercase();
    let listed = list(|page| page.title.to_lowercase().contains(&word));
    if !listed.is_empty() {
        return (listed, true);
    }
    let codes: Vec<_> = all_pages().map(|page| page.code).collect();
    let hint = match did_you_mean(code, codes) {
        Some(near) => format!("did you mean {near}?"),
        None => "`gangway explain` lists all codes".to_owned(),
    };
    (format!("There is no code {wanted}: {hint}\n"), false)
}

fn list(which: impl Fn(&Page) -> bool) -> String {
    let mut listed: Vec<_> =
        all_pages().filter(which).map(|page| format!("{:<9} {}\n", page.code, page.title)).collect();
    listed.sort();
    listed.concat()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn codes_are_found_as_people_write_them() {
        let (page, found) = answer("prt-0005");
        assert!(found && page.starts_with("PRT-0005 Two partners claim one EDI identity\n\n"), "{page}");
        assert_eq!(answer("[PRT-0005]"), (page, true));
        assert!(answer("vendor number").0.starts_with("PRT-0006"));
        assert_eq!(answer("PRT-005"), ("There is no code PRT-005: did you mean PRT-0005?\n".into(), false));
        assert_eq!(answer("zebra"), ("There is no code zebra: `gangway explain` lists all codes\n".into(), false));
    }

    #[test]
    fn every_room_is_here() {
        fn count(folder: &Path) -> usize {
            let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let here = |path: &Path| usize::from(path.file_name().is_some_and(|name| name == "explain.md"));
            entries.map(|path| if path.is_dir() { count(&path) } else { here(&path) }).sum()
        }
        assert_eq!(count(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")), EXPLAIN.len());
    }

    #[test]
    fn every_page_has_a_title_and_says_something() {
        let headings = EXPLAIN.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with("## "));
        assert_eq!(headings.count(), all_pages().count());
        for page in all_pages() {
            assert!(!page.title.is_empty() && page.body.len() > 40, "{} says too little", page.code);
        }
    }

    #[test]
    fn every_code_is_listed_once() {
        let listed = list(|_| true);
        let mut codes: Vec<_> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let count = codes.len();
        codes.dedup();
        assert!(count == codes.len() && codes.contains(&"CFG-0001") && codes.contains(&"PRT-0001"));
    }
}
