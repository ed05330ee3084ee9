//! What `gangway.toml` says now that the settings which were read from it do not: by meaning, so that a comment, or a default
//! that is written out, is no change. A running gateway tells of it, because only a restart takes new settings.

use std::{collections::BTreeMap, io, path::Path};

use serde_json::Value;

use super::{Diagnostic, Node, Origin, Settings, Source, codes};

/// So many keys are named in one sentence.
const NAMED: usize = 8;

/// One setting that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its path, like `limits.body`.
    pub key: String,
    /// What runs; absent where it is new.
    pub running: Option<String>,
    /// What is on disk, defaults included; absent where it is gone.
    pub on_disk: Option<String>,
    /// Where it is written, or the file where it no longer is.
    pub origin: Origin,
}

impl Settings {
    /// What changed in their file since they were read; nothing where they came from no file.
    ///
    /// # Errors
    /// The mistakes of the file as it is now.
    pub fn changes(&self) -> Result<Vec<Change>, Vec<Diagnostic>> {
        let Some(path) = &self.file else { return Ok(Vec::new()) };
        let source = match std::fs::metadata(path) {
            // Where none was needed, none is missed; where one was, everything is as if nothing were written.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Source::new(name(path), ""),
            _ => Source::read(path, &name(path)).map_err(|unreadable| vec![*unreadable])?,
        };
        let (on_disk, findings) = Self::parse(&source, &self.root);
        if findings.iter().any(Diagnostic::is_error) {
            return Err(findings.into_iter().filter(Diagnostic::is_error).collect());
        }
        let (node, _) = Node::parse(&source);
        let leaves = node.leaves();
        let written: BTreeMap<&str, &Origin> =
            leaves.iter().map(|(path, node)| (path.as_str(), &node.origin)).collect();
        let origin = |key: &str| written.get(key).map_or_else(|| Origin::start_of(&source), |origin| (*origin).clone());
        let (before, mut after) = (values(self), values(&on_disk));
        let mut changes = Vec::new();
        for (key, running) in before {
            let on_disk = after.remove(&key);
            if on_disk.as_ref() != Some(&running) {
                changes.push(Change { origin: origin(&key), running: Some(running), on_disk, key });
            }
        }
        changes.extend(after.into_iter().map(|(key, on_disk)| Change {
            origin: origin(&key),
            running: None,
            on_disk: Some(on_disk),
            key,
        }));
        changes.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(changes)
    }

    /// The same for people: what is wrong with the file, or that a restart is needed, and for which settings.
    pub fn restart_needed(&self) -> Vec<Diagnostic> {
        let changes = match self.changes() {
            Err(mistakes) => return mistakes,
            Ok(changes) => changes,
        };
        let (Some(path), Some(first)) = (&self.file, changes.first()) else { return Vec::new() };
        let mut keys = changes.iter().take(NAMED).map(|change| change.key.as_str()).collect::<Vec<_>>().join(", ");
        if changes.len() > NAMED {
            keys.push_str(&format!(" and {} more", changes.len() - NAMED));
        }
        let message = format!("{} changed: restart to use it ({keys})", name(path));
        let told = Diagnostic::warning(codes::RESTART_NEEDED, message).at(&first.origin, "");
        vec![
            told.hint(
                "partners, mappings, certificates and keys are taken while the gateway runs; its settings are not",
            ),
        ]
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

/// Every setting with its value, defaults included, by its path.
fn values(settings: &Settings) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    // Settings are plain texts, numbers and lists; nothing of them fails to be written.
    if let Ok(value) = serde_json::to_value(settings) {
        gather("", &value, &mut all);
    }
    all
}

fn gather(path: &str, value: &Value, all: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                gather(&path, value, all);
            }
        }
        Value::Null => {}
        other => {
            all.insert(path.to_owned(), other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, Settings) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gangway.toml");
        std::fs::write(&path, text).unwrap();
        let (settings, findings) = Settings::load(Some(&path));
        assert_eq!(findings, []);
        (folder, settings)
    }

    fn keys(settings: &Settings) -> Vec<String> {
        let shown = |change: Change| {
            let line = change.origin.line().unwrap_or_default();
            format!("{}: {:?} -> {:?} at {line}", change.key, change.running, change.on_disk)
        };
        settings.changes().unwrap().into_iter().map(shown).collect()
    }

    #[test]
    fn only_what_means_something_else_is_a_change() {
        let (folder, settings) = written("[limits]\nuploads = 5\n[consumers.erp]\nmax_attempts = 3\n");
        let path = folder.path().join("gangway.toml");
        assert_eq!(keys(&settings), [""; 0]);
        let same = "# New words.\n[public]\nhttp = \"127.0.0.1:8080\"\n[consumers.erp]\nmax_attempts = 3\n[limits]\nuploads = 5\n";
        std::fs::write(&path, same).unwrap();
        assert_eq!(keys(&settings), [""; 0], "a default that is written out");
        std::fs::write(&path, "[limits]\nuploads = 6\n[consumers.erp]\n[erp]\ntoken = \"env:TOKEN\"\n").unwrap();
        assert_eq!(
            keys(&settings),
            [
                "consumers.erp.max_attempts: Some(\"3\") -> Some(\"10\") at 1",
                "erp.token: None -> Some(\"\\\"env:TOKEN\\\"\") at 5",
                "limits.uploads: Some(\"5\") -> Some(\"6\") at 2",
            ]
        );
        let told = settings.restart_needed();
        let said = "gangway.toml changed: restart to use it (consumers.erp.max_attempts, erp.token, limits.uploads)";
        assert!(told.len() == 1 && told[0].message.ends_with(said), "{told:?}");
        assert_eq!((told[0].code, told[0].is_error()), (codes::RESTART_NEEDED, false));
    }

    #[test]
    fn mistakes_are_told_as_they_are() {
        let (folder, settings) = written("");
        std::fs::write(folder.path().join("gangway.toml"), "[limits]\nupload = 6\n").unwrap();
        let told = settings.changes().unwrap_err();
        assert_eq!((told.len(), told[0].code), (1, codes::UNKNOWN_KEY));
        assert_eq!(settings.restart_needed(), told);
    }

    #[test]
    fn a_file_that_went_away_is_as_if_nothing_were_written() {
        let (folder, settings) = written("[limits]\nuploads = 5\n");
        std::fs::remove_file(folder.path().join("gangway.toml")).unwrap();
        assert_eq!(keys(&settings), ["limits.uploads: Some(\"5\") -> Some(\"64\") at 1"]);
        assert_eq!(Settings::at(folder.path()).changes(), Ok(Vec::new()), "they came from no file");
    }
}
