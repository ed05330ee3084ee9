//! The endpoints that suppliers named themselves: one file for each partner below `data/webhook_endpoints`, written whole
//! and readable by its owner only, since what signs is in it. How far each has been told is kept there as well.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::document::Mode;

/// So many endpoints a partner may have.
pub(super) const MOST: usize = 10;

/// Whether events are posted to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Enabled,
    Disabled,
}

/// What signs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) secret: String,
    /// When it is replaced for good; the newest has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Timestamp>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Endpoint {
    pub(super) id: String,
    pub(super) url: String,
    /// The types of events that it wants; all, if there are none.
    pub(super) types: Vec<String>,
    pub(super) mode: Mode,
    pub(super) state: State,
    /// Why it is disabled, or why the last attempt failed.
    #[serde(default)]
    pub(super) detail: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) secrets: Vec<Held>,
    /// Everything on the log up to here was told, or is not for it.
    pub(super) position: u64,
    /// Attempts at the next event that failed …
    #[serde(default)]
    pub(super) attempts: u32,
    /// … and when the next one is due.
    #[serde(default)]
    pub(super) due: Option<Timestamp>,
    /// Counts what its owner changed.
    #[serde(default)]
    pub(super) revision: u64,
}

impl Endpoint {
    /// What signs now, newest first.
    pub(super) fn signing(&self, now: Timestamp) -> Vec<String> {
        let holds = |held: &&Held| held.until.is_none_or(|until| until > now);
        self.secrets.iter().filter(holds).map(|held| held.secret.clone()).collect()
    }

    /// A new secret signs beside those of before, which end at `until`.
    pub(super) fn rotate(&mut self, secret: String, until: Timestamp, now: Timestamp) {
        self.secrets.retain(|held| held.until.is_none_or(|end| end > now));
        for held in &mut self.secrets {
            held.until = Some(held.until.map_or(until, |end| end.min(until)));
        }
        self.secrets.insert(0, Held { secret, until: None });
    }
}

/// All endpoints.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
    all: Mutex<BTreeMap<String, Vec<Endpoint>>>,
}

impl Shelf {
    /// What is in `folder`. A file that cannot be read is told about and set aside; its endpoints have to be named again.
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let mut all = BTreeMap::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str()).map(ToOwned::to_owned);
            let (Some(partner), Some("json")) = (name, path.extension().and_then(|ending| ending.to_str())) else {
                continue;
            };
            match serde_json::from_slice(&fs::read(&path)?) {
                Ok(endpoints) => drop(all.insert(partner, endpoints)),
                Err(error) => {
                    tracing::error!(file = %path.display(), %error, "Webhook endpoints cannot be read and are set aside.");
                    fs::rename(&path, path.with_extension("broken"))?;
                }
            }
        }
        Ok(Self { folder, all: Mutex::new(all) })
    }

    /// A partner's endpoints.
    pub(super) fn of(&self, partner: &str) -> Vec<Endpoint> {
        self.lock().get(partner).cloned().unwrap_or_default()
    }

    /// Every endpoint and whose it is.
    pub(super) fn every(&self) -> Vec<(String, Endpoint)> {
        let all = self.lock();
        all.iter().flat_map(|(partner, own)| own.iter().map(|one| (partner.clone(), one.clone()))).collect()
    }

    /// Changes a partner's endpoints, and writes them before anybody sees it. Blocks.
    pub(super) fn change<T>(&self, partner: &str, change: impl FnOnce(&mut Vec<Endpoint>) -> T) -> io::Result<T> {
        let mut all = self.lock();
        let mut own = all.get(partner).cloned().unwrap_or_default();
        let before = own.clone();
        let answer = change(&mut own);
        if own != before {
            write(&self.folder, partner, &own)?;
            all.insert(partner.to_owned(), own);
        }
        Ok(answer)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Endpoint>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a file that only its owner may read, whole or not at all.
fn write(folder: &Path, partner: &str, endpoints: &[Endpoint]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, endpoints)?;
    file.flush()?;
    file.as_file().sync_data()?;
    file.persist(folder.join(format!("{partner}.json"))).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(id: &str) -> Endpoint {
        Endpoint {
            id: id.into(),
            url: "https://acme.example/hooks".into(),
            types: Vec::new(),
            mode: Mode::Live,
            state: State::Enabled,
            detail: None,
            created_at: Timestamp::UNIX_EPOCH,
            secrets: vec![Held { secret: "one".into(), until: None }],
            position: 7,
            attempts: 0,
            due: None,
            revision: 0,
        }
    }

    #[test]
    fn what_is_written_is_there_after_a_restart_and_damage_stops_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path().to_owned()).unwrap();
        shelf.change("acme", |own| own.push(endpoint("we_1"))).unwrap();
        shelf.change("bolt", |own| own.push(endpoint("we_2"))).unwrap();
        fs::write(folder.path().join("bolt.json"), "{").unwrap();
        let shelf = Shelf::open(folder.path().to_owned()).unwrap();
        assert_eq!((shelf.of("acme"), shelf.of("bolt")), (vec![endpoint("we_1")], vec![]));
        assert!(folder.path().join("bolt.broken").exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join("acme.json")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_new_secret_signs_beside_the_old_one_until_that_ends() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut endpoint = endpoint("we_1");
        endpoint.rotate("two".into(), at(100), at(0));
        assert_eq!(endpoint.signing(at(99)), ["two", "one"]);
        assert_eq!(endpoint.signing(at(100)), ["two"]);
        endpoint.rotate("three".into(), at(50), at(0));
        assert_eq!(endpoint.signing(at(49)), ["three", "two", "one"]);
        assert_eq!(endpoint.signing(at(50)), ["three"], "an overlap is never prolonged");
        endpoint.rotate("four".into(), at(200), at(150));
        assert_eq!(endpoint.secrets.len(), 2, "what has ended is gone");
    }
}
