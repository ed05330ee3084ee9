//! The folder of partners as it is on disk at one moment: texts only, nothing understood yet, so that a reload first
//! compares digests, and works only where something changed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{codes, digest, example, shelf::Shelf};
use crate::config::{Diagnostic, Origin, Source};

/// The texts of all partners and templates.
#[derive(Debug, Default)]
pub struct Files {
    /// Partners by id.
    pub partners: BTreeMap<String, Arc<Source>>,
    /// Templates by name, the built-in ones among them.
    pub templates: BTreeMap<String, Arc<Source>>,
    /// The ids of files that are there and cannot be read, and those whose names cannot be ids.
    pub unreadable: Vec<(String, Diagnostic)>,
    /// Files that are nearly named like a partner's or a template's, as warnings.
    pub ignored: Vec<Diagnostic>,
    /// Whether the folder is there and cannot be read: its partners are not gone then, only out of sight.
    pub out_of_sight: bool,
}

impl Files {
    /// Reads the folder. One that is absent has no partners. Only the built-in templates are there then.
    pub fn read(folder: &Path) -> Self {
        Self::read_again(folder, &mut Shelf::default())
    }

    /// The same, where much of it was read before.
    pub(super) fn read_again(folder: &Path, shelf: &mut Shelf) -> Self {
        let mut files = Self { templates: example::built_in(), ..Self::default() };
        let found = toml_files(folder).unwrap_or_else(|unreadable| {
            files.out_of_sight = true;
            files.unreadable.push((String::new(), *unreadable));
            Vec::new()
        });
        files.ignored = [folder, &folder.join("templates")].into_iter().flat_map(nearly_toml_files).collect();
        for (stem, path) in found {
            let name = path.display().to_string();
            match shelf.source(&path, &name) {
                Ok(source) if is_id(&stem) => _ = files.partners.insert(stem, source),
                Ok(source) => files.unreadable.push((stem.clone(), bad_id(&stem, &source))),
                Err(unreadable) => files.unreadable.push((stem, *unreadable)),
            }
        }
        let found = toml_files(&folder.join("templates")).unwrap_or_else(|unreadable| {
            files.templates.clear();
            files.unreadable.push((String::new(), *unreadable));
            Vec::new()
        });
        for (stem, path) in found {
            match shelf.source(&path, &path.display().to_string()) {
                Ok(source) => _ = files.templates.insert(stem, source),
                Err(unreadable) => {
                    // What it would have replaced must not come back silently.
                    files.templates.remove(&stem);
                    files.unreadable.push((String::new(), *unreadable));
                }
            }
        }
        files
    }

    /// One file that stands alone, with the built-in templates.
    pub fn one(path: &Path, source: Arc<Source>) -> Self {
        let mut files = Self { templates: example::built_in(), ..Self::default() };
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if is_id(stem) {
            files.partners.insert(stem.to_owned(), source);
        } else {
            files.unreadable.push((stem.to_owned(), bad_id(stem, &source)));
        }
        files
    }

    /// Whether these are the same texts, and the same is wrong with what cannot be read.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same = |mine: &BTreeMap<String, Arc<Source>>, theirs: &BTreeMap<String, Arc<Source>>| {
            mine.len() == theirs.len()
                && mine.iter().zip(theirs).all(|((a, mine), (b, theirs))| a == b && mine.is_same(theirs))
        };
        same(&self.partners, &other.partners)
            && same(&self.templates, &other.templates)
            && self.unreadable == other.unreadable
            && self.ignored == other.ignored
            && self.out_of_sight == other.out_of_sight
    }

    /// Changes whenever any text does.
    pub fn digest(&self) -> String {
        let texts = self.partners.iter().chain(&self.templates);
        digest(texts.flat_map(|(name, source)| [name.as_bytes(), source.text.as_bytes()]))
    }
}

/// Whether a name can be a partner's id: it stands in URLs, event sources and file names.
pub fn is_id(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

fn bad_id(stem: &str, source: &Arc<Source>) -> Diagnostic {
    let better: String = stem
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' { c } else { '-' })
        .collect();
    let told = Diagnostic::error(codes::BAD_ID, format!("\"{stem}\" cannot be a partner's id"));
    let told = told.at(&Origin::start_of(source), "");
    let better = better.trim_matches('-');
    match is_id(better) {
        true => told.hint(format!("call the file {better}.toml: lower-case letters, digits, - and _ only")),
        false => told.hint("up to 64 lower-case letters, digits, - and _, beginning with a letter or digit"),
    }
}

fn toml_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, Box<Diagnostic>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => {
            let source = Source::new(folder.display().to_string(), "");
            let told = Diagnostic::error(crate::config::codes::UNREADABLE, format!("this folder cannot be read: {e}"));
            return Err(Box::new(told.at(&Origin::start_of(&source), "")));
        }
    };
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let stem = path.file_stem()?.to_str()?.to_owned();
            let is_ours = path.extension().is_some_and(|ending| ending == "toml") && !stem.starts_with('.');
            is_ours.then_some((stem, path))
        })
        .collect();
    found.sort();
    Ok(found)
}

/// Files that somebody surely means to count, and that do not: Windows hides endings, and some editors add their own.
fn nearly_toml_files(folder: &Path) -> Vec<Diagnostic> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let nearly = |name: &String| {
        let lower = name.to_ascii_lowercase();
        let stem = lower.strip_suffix(".toml.txt").or_else(|| lower.strip_suffix(".toml"))?;
        (!name.starts_with('.') && !name.ends_with(".toml")).then(|| stem.to_owned())
    };
    let told = |name: String| {
        let stem = nearly(&name)?;
        let source = Source::new(folder.join(&name).display().to_string(), "");
        let told = Diagnostic::warning(codes::IGNORED_FILE, "this file is ignored: its name does not end with .toml");
        Some(told.at(&Origin::start_of(&source), "").hint(format!("call it {stem}.toml")))
    };
    names.into_iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_fit_for_urls() {
        assert!(is_id("acme") && is_id("3m-de_2"));
        assert!(!is_id("Acme") && !is_id("acme gmbh") && !is_id("-a") && !is_id("") && !is_id(&"a".repeat(65)));
    }

    #[test]
    fn a_folder_is_read_and_what_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
        std::fs::create_dir(folder.path().join("templates")).unwrap();
        write("acme.toml", b"name = \"Acme\"");
        write("Acme GmbH.toml", b"name = \"Acme\"");
        write("latin1.toml", b"name = \"\xFC\"");
        write(".hidden.toml", b"");
        write("bolt.toml.txt", b"");
        write("Small.TOML", b"");
        write("templates/ours.Toml", b"");
        write("acme.welcome.md", b"");
        write("templates/as2-x12.toml", b"# ours");
        let files = Files::read(folder.path());
        assert_eq!(files.partners.keys().collect::<Vec<_>>(), ["acme"]);
        assert_eq!(&*files.templates["as2-x12"].text, "# ours");
        assert!(files.templates.contains_key("rest-json"), "built in");
        let told: Vec<_> = files.unreadable.iter().map(|(id, told)| (id.as_str(), told.code.as_str())).collect();
        assert_eq!(told, [("Acme GmbH", "PRT-0001"), ("latin1", "CFG-0001")]);
        let told: Vec<_> = files.ignored.iter().map(|told| told.hint.as_deref().unwrap()).collect();
        assert_eq!(told, ["call it small.toml", "call it bolt.toml", "call it ours.toml"]);
        let before = files.digest();
        write("acme.toml", b"name = \"Acme!\"");
        assert_ne!(Files::read(folder.path()).digest(), before);
        assert_eq!(Files::read(&folder.path().join("none")).partners.len(), 0);
    }
}
