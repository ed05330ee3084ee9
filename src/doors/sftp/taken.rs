//! The files of a partner that were taken: their names stay visible for a while, because clients look at a file again
//! after they put it, and each has a report. The record has the files themselves; this is only what is shown.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::document::MessageId;

/// One file that was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Taken {
    pub(super) name: String,
    pub(super) message: MessageId,
    pub(super) version: u32,
    pub(super) size: u64,
    /// SHA-256, lower-case hex.
    pub(super) digest: String,
    pub(super) at: Timestamp,
    pub(super) mtime: Option<u32>,
}

impl Taken {
    /// What its report is called.
    pub(super) fn report(&self) -> String {
        format!("{}.v{}.txt", self.name, self.version)
    }
}

/// One line of the journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Taken(Taken),
    Hidden(String),
    Renamed(String, String),
    Cleared(String),
}

/// What is shown of the files that were taken. It is kept in a journal, so that it outlives the process.
#[derive(Debug)]
pub(super) struct TakenFiles {
    path: PathBuf,
    shown: BTreeMap<String, Taken>,
    /// By the report's name.
    reports: BTreeMap<String, Taken>,
    lines: usize,
}

impl TakenFiles {
    /// Reads the journal at `path`; what is older than `visible` is forgotten.
    pub(super) fn open(path: PathBuf, visible: SignedDuration, now: Timestamp) -> io::Result<Self> {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut files = Self { path, shown: BTreeMap::new(), reports: BTreeMap::new(), lines: 0 };
        // A last line that is cut is one that nobody was told of.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).for_each(|line| files.apply(line));
        files.forget(visible, now);
        files.rewrite()?;
        Ok(files)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Taken> {
        self.shown.get(name)
    }

    /// The names that are shown.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.shown.keys()
    }

    /// The last version of a name that is known here, shown or not.
    pub(super) fn last(&self, name: &str) -> Option<&Taken> {
        self.reports.values().filter(|taken| taken.name == name).max_by_key(|taken| taken.version)
    }

    pub(super) fn report(&self, name: &str) -> Option<&Taken> {
        self.reports.get(name)
    }

    pub(super) fn reports(&self) -> impl Iterator<Item = (&String, &Taken)> {
        self.reports.iter()
    }

    pub(super) fn add(&mut self, taken: Taken) -> io::Result<()> {
        self.write(Line::Taken(taken))
    }

    /// Shows a name no longer.
    pub(super) fn hide(&mut self, name: &str) -> io::Result<()> {
        self.write(Line::Hidden(name.to_owned()))
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.write(Line::Renamed(from.to_owned(), to.to_owned()))
    }

    /// Removes a report.
    pub(super) fn clear(&mut self, report: &str) -> io::Result<()> {
        self.write(Line::Cleared(report.to_owned()))
    }

    /// What its sender says about a file's age; only for as long as the process lives.
    pub(super) fn dated(&mut self, name: &str, mtime: u32) {
        if let Some(taken) = self.shown.get_mut(name) {
            taken.mtime = Some(mtime);
        }
    }

    /// Forgets what is older than `visible`.
    pub(super) fn forget(&mut self, visible: SignedDuration, now: Timestamp) {
        let young = |taken: &Taken| now.duration_since(taken.at) < visible;
        self.shown.retain(|_, taken| young(taken));
        self.reports.retain(|_, taken| young(taken));
        if self.lines > 1000 + 4 * self.reports.len()
            && let Err(error) = self.rewrite()
        {
            tracing::warn!(path = %self.path.display(), %error, "A journal could not be written anew.");
        }
    }

    fn write(&mut self, line: Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        let mut options = File::options();
        options.append(true).create(true);
        super::parts::private(&mut options);
        options.open(&self.path)?.write_all(&text)?;
        self.apply(line);
        Ok(())
    }

    fn apply(&mut self, line: Line) {
        self.lines += 1;
        match line {
            Line::Taken(taken) => {
                self.reports.insert(taken.report(), taken.clone());
                self.shown.insert(taken.name.clone(), taken);
            }
            Line::Hidden(name) => drop(self.shown.remove(&name)),
            Line::Renamed(from, to) => {
                if let Some(taken) = self.shown.remove(&from) {
                    self.shown.insert(to, taken);
                }
            }
            Line::Cleared(report) => drop(self.reports.remove(&report)),
        }
    }

    /// Writes the journal anew, without what is past.
    fn rewrite(&mut self) -> io::Result<()> {
        let mut text = Vec::new();
        let mut lines = 0;
        let mut put = |line: &Line| -> io::Result<()> {
            lines += 1;
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
            Ok(())
        };
        for taken in self.reports.values() {
            put(&Line::Taken(taken.clone()))?;
            if self.shown.get(&taken.name) != Some(taken) {
                put(&Line::Hidden(taken.name.clone()))?;
            }
        }
        for (shown_as, taken) in &self.shown {
            put(&Line::Taken(taken.clone()))?;
            if *shown_as != taken.name {
                put(&Line::Renamed(taken.name.clone(), shown_as.clone()))?;
            }
            if !self.reports.contains_key(&taken.report()) {
                put(&Line::Cleared(taken.report()))?;
            }
        }
        let new = self.path.with_extension("new");
        fs::write(&new, &text)?;
        fs::rename(&new, &self.path)?;
        self.lines = lines;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(name: &str, version: u32, second: i64) -> Taken {
        Taken {
            name: name.to_owned(),
            message: MessageId::new(0, u128::from(version)),
            version,
            size: 9,
            digest: "00".to_owned(),
            at: Timestamp::from_second(1_800_000_000 + second).unwrap(),
            mtime: None,
        }
    }

    #[test]
    fn what_was_shown_is_shown_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken.jsonl");
        let day = SignedDuration::from_hours(24);
        let now = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let mut files = TakenFiles::open(path.clone(), day, now(0)).unwrap();
        for one in [taken("a", 1, 0), taken("a", 2, 10), taken("b", 1, 20), taken("c", 1, 30), taken("d", 1, 40)] {
            files.add(one).unwrap();
        }
        files.hide("b").unwrap();
        files.rename("c", "c.bak").unwrap();
        files.clear("d.v1.txt").unwrap();
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"taken\":{\"na").unwrap();
        for _ in 0..2 {
            let files = TakenFiles::open(path.clone(), day, now(100)).unwrap();
            assert_eq!(files.shown.keys().collect::<Vec<_>>(), ["a", "c.bak", "d"]);
            assert_eq!(files.reports.keys().collect::<Vec<_>>(), ["a.v1.txt", "a.v2.txt", "b.v1.txt", "c.v1.txt"]);
            assert_eq!((files.get("a").unwrap().version, files.last("a").unwrap().version), (2, 2));
        }
        let files = TakenFiles::open(path, day, now(86_400 + 15)).unwrap();
        assert_eq!(files.shown.keys().collect::<Vec<_>>(), ["c.bak", "d"]);
    }
}
