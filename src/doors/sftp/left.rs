//! What stays on a partner's server although we have it. It is remembered in a journal, so that a new process does not
//! fetch all of it again; the exchange would know it, but a partner's line may be thin.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{home::safe_name, parts::private, wire::Entry};
use crate::keys;

/// The files of one partner.
#[derive(Debug)]
pub(super) struct LeftThere {
    path: PathBuf,
    /// By where they are: the server, and the path on it.
    files: HashMap<String, Looks>,
    lines: usize,
}

/// How a file looked when it was taken. One that looks otherwise is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Looks {
    size: u64,
    mtime: u32,
}

impl From<&Entry> for Looks {
    fn from(entry: &Entry) -> Self {
        Self { size: entry.size, mtime: entry.mtime }
    }
}

#[derive(Serialize, Deserialize)]
struct Line {
    file: String,
    #[serde(flatten)]
    looks: Looks,
}

impl LeftThere {
    /// What an earlier process wrote into `folder` about a partner's server. Blocks.
    pub(super) fn open(folder: &Path, partner: &str) -> io::Result<Self> {
        let path = folder.join("collected").join(format!("{}.jsonl", safe_name(partner)));
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        // A last line that is cut is a file that is fetched once more.
        let known = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let files = known.map(|line| (line.file, line.looks)).collect();
        Ok(Self { path, files, lines: text.lines().count() })
    }

    /// Whether this file was taken as it is.
    pub(super) fn has(&self, file: &str, entry: &Entry) -> bool {
        self.files.get(file) == Some(&entry.into())
    }

    /// It was taken, and stays. Blocks.
    pub(super) fn add(&mut self, file: String, entry: &Entry) -> io::Result<()> {
        let line = Line { file, looks: entry.into() };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        self.files.insert(line.file, line.looks);
        self.lines += 1;
        if let Some(folder) = self.path.parent() {
            keys::make_folder(folder)?;
        }
        let mut options = File::options();
        options.append(true).create(true);
        private(&mut options);
        options.open(&self.path)?.write_all(&text)
    }

    /// Forgets those that are there no longer; the journal follows when much of it is about them. Blocks.
    pub(super) fn retain(&mut self, is_there: impl Fn(&str) -> bool) -> io::Result<()> {
        self.files.retain(|file, _| is_there(file));
        if self.lines <= 1000 + 2 * self.files.len() {
            return Ok(());
        }
        let mut text = Vec::new();
        for (file, looks) in &self.files {
            serde_json::to_writer(&mut text, &Line { file: file.clone(), looks: *looks })?;
            text.push(b'\n');
        }
        let part = self.path.with_extension("part");
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        private(&mut options);
        options.open(&part)?.write_all(&text)?;
        fs::rename(&part, &self.path)?;
        self.lines = self.files.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(size: u64) -> Entry {
        Entry { name: "a".into(), size, mtime: 7 }
    }

    #[test]
    fn what_stays_is_known_to_the_next_process_as_long_as_it_looks_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let mut left = LeftThere::open(dir.path(), "../acme").unwrap();
        left.add("s:22/out/a".into(), &entry(5)).unwrap();
        left.add("s:22/out/b".into(), &entry(6)).unwrap();
        let journal = fs::read_dir(dir.path().join("collected")).unwrap().next().unwrap().unwrap().path();
        fs::write(&journal, [&fs::read(&journal).unwrap()[..], b"{\"file\":\"s:22/ou"].concat()).unwrap();
        let mut left = LeftThere::open(dir.path(), "../acme").unwrap();
        assert!(left.has("s:22/out/a", &entry(5)) && left.has("s:22/out/b", &entry(6)));
        assert!(!left.has("s:22/out/a", &entry(6)) && !left.has("t:22/out/a", &entry(5)));
        left.retain(|file| file.ends_with('b')).unwrap();
        assert!(!left.has("s:22/out/a", &entry(5)));
    }

    #[test]
    fn the_journal_does_not_grow_with_what_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let mut left = LeftThere::open(dir.path(), "acme").unwrap();
        for n in 0..1500 {
            left.add(format!("s:22/{n}"), &entry(n)).unwrap();
        }
        left.retain(|file| file.ends_with("/7")).unwrap();
        assert_eq!(fs::read_to_string(&left.path).unwrap().lines().count(), 1);
        assert!(LeftThere::open(dir.path(), "acme").unwrap().has("s:22/7", &entry(7)));
    }
}
