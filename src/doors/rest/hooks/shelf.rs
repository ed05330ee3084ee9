//! The endpoints that suppliers named themselves, with what signs and how far each has been told. The ledger remembers them, one
//! entry for each partner, so that a backup has them too. They are at hand here once they were read; that an owner changed
//! something on another node is seen by a revision beside them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    document::Mode,
    ledger::{LedgerError, SharedLedger},
};

/// What the ledger calls them.
const KIND: &str = "webhook_endpoints";

/// Where the ledger keeps what is different after every change by an owner, and by which name.
const REVISION: (&str, &str) = ("webhook_endpoints_revision", "all");

/// So many endpoints a partner may have.
pub(super) const MOST: usize = 10;

/// So many that were taken back are remembered.
const KEPT: usize = 20;

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
    /// The key of the request that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
}

/// What an owner asked for when an endpoint was named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) url: String,
    pub(super) types: Vec<String>,
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
    /// As it was named, whatever was changed since; absent in what was written before this was kept.
    #[serde(default)]
    pub(super) asked: Option<Asked>,
    /// Whether its owner took it back: all that is left of it is that its key names no other.
    #[serde(default)]
    pub(super) deleted: bool,
}

impl Endpoint {
    /// What signs now, newest first.
    pub(super) fn signing(&self, now: Timestamp) -> Vec<String> {
        let holds = |held: &&Held| held.until.is_none_or(|until| until > now);
        self.secrets.iter().filter(holds).map(|held| held.secret.clone()).collect()
    }

    /// What its owner was answered when it was named.
    pub(super) fn as_it_was_named(&self) -> Self {
        let Asked { url, types } =
            self.asked.clone().unwrap_or_else(|| Asked { url: self.url.clone(), types: self.types.clone() });
        let (state, detail, due) = (State::Enabled, None, None);
        Self { url, types, state, detail, attempts: 0, due, revision: 0, ..self.clone() }
    }

    /// A new secret signs beside those of before, which end at `until`.
    pub(super) fn rotate(&mut self, new: Held, until: Timestamp, now: Timestamp) {
        self.secrets.retain(|held| held.until.is_none_or(|end| end > now));
        for held in &mut self.secrets {
            held.until = Some(held.until.map_or(until, |end| end.min(until)));
        }
        self.secrets.insert(0, new);
    }
}

/// Takes an endpoint back. It is remembered for a while that there was one, so that a repetition does not name it anew.
pub(super) fn take_back(own: &mut Vec<Endpoint>, id: &str) {
    if let Some(at) = own.iter().position(|one| one.id == id && !one.deleted) {
        let mut gone = own.remove(at);
        (gone.deleted, gone.state, gone.revision) = (true, State::Disabled, gone.revision + 1);
        gone.secrets.clear();
        own.push(gone);
    }
    // Those that were taken back last are at the end.
    let mut over = own.iter().filter(|one| one.deleted).count().saturating_sub(KEPT);
    own.retain(|one| {
        let keep = !one.deleted || over == 0;
        over -= usize::from(!keep);
        keep
    });
}

/// All endpoints.
pub(super) struct Shelf {
    ledger: SharedLedger,
    all: Mutex<BTreeMap<String, Vec<Endpoint>>>,
    /// The revision that `all` was read with.
    revision: Mutex<Option<Bytes>>,
    /// One change after the other.
    turn: tokio::sync::Mutex<()>,
}

impl Shelf {
    /// What the ledger remembers. An entry that cannot be read is told about; its endpoints have to be named again.
    pub(super) async fn open(ledger: SharedLedger) -> Result<Self, LedgerError> {
        let shelf =
            Self { ledger, all: Mutex::default(), revision: Mutex::default(), turn: tokio::sync::Mutex::default() };
        shelf.read().await?;
        Ok(shelf)
    }

    async fn read(&self) -> Result<(), LedgerError> {
        // What is changed between the two is read again with the next revision.
        let revision = self.ledger.recall(REVISION.0, REVISION.1).await?;
        let mut all = BTreeMap::new();
        for (partner, entry) in self.ledger.remembered(KIND).await? {
            match serde_json::from_slice(&entry) {
                Ok(endpoints) => drop(all.insert(partner, endpoints)),
                Err(error) => tracing::error!(partner, %error, "Webhook endpoints cannot be read and are passed over."),
            }
        }
        *lock(&self.all) = all;
        *lock(&self.revision) = revision;
        Ok(())
    }

    /// Reads all anew if an owner changed something elsewhere; `true` if so.
    pub(super) async fn refresh(&self) -> Result<bool, LedgerError> {
        let _turn = self.turn.lock().await;
        let revision = self.ledger.recall(REVISION.0, REVISION.1).await?;
        if *lock(&self.revision) == revision {
            return Ok(false);
        }
        self.read().await?;
        Ok(true)
    }

    /// A partner's endpoints.
    pub(super) fn of(&self, partner: &str) -> Vec<Endpoint> {
        let mut own = lock(&self.all).get(partner).cloned().unwrap_or_default();
        own.retain(|one| !one.deleted);
        own
    }

    /// Every endpoint and whose it is.
    pub(super) fn every(&self) -> Vec<(String, Endpoint)> {
        let all = lock(&self.all);
        let there = all.iter().flat_map(|(partner, own)| own.iter().map(move |one| (partner, one)));
        let there = there.filter(|(_, one)| !one.deleted);
        there.map(|(partner, one)| (partner.clone(), one.clone())).collect()
    }

    /// Changes a partner's endpoints, and has them remembered before anybody sees it. Must not be given up half way: what is
    /// at hand would be older than what is remembered.
    pub(super) async fn change<T>(
        &self,
        partner: &str,
        change: impl FnOnce(&mut Vec<Endpoint>) -> T,
    ) -> Result<T, LedgerError> {
        let _turn = self.turn.lock().await;
        // Not what is at hand: another node may have changed it since.
        let mut own: Vec<Endpoint> = match self.ledger.recall(KIND, partner).await? {
            Some(entry) => serde_json::from_slice(&entry).unwrap_or_else(|_| self.of(partner)),
            None => Vec::new(),
        };
        let before = own.clone();
        let answer = change(&mut own);
        if own != before {
            let entry = serde_json::to_vec(&own).map_err(|error| LedgerError::Unavailable(error.to_string()))?;
            self.ledger.remember(KIND, partner, entry.into()).await?;
            if owned(&own) != owned(&before) {
                let revision = format!("{partner} {}", Timestamp::now().as_nanosecond());
                self.ledger.remember(REVISION.0, REVISION.1, revision.into()).await?;
            }
        }
        lock(&self.all).insert(partner.to_owned(), own);
        Ok(answer)
    }
}

/// What owners change of endpoints, as opposed to how far they have been told.
fn owned(endpoints: &[Endpoint]) -> Vec<(&str, u64, State)> {
    endpoints.iter().map(|endpoint| (endpoint.id.as_str(), endpoint.revision, endpoint.state)).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(secret: &str) -> Held {
        Held { secret: secret.into(), until: None, key: None }
    }

    fn endpoint(id: &str) -> Endpoint {
        Endpoint {
            id: id.into(),
            url: "https://acme.example/hooks".into(),
            types: Vec::new(),
            mode: Mode::Live,
            state: State::Enabled,
            detail: None,
            created_at: Timestamp::UNIX_EPOCH,
            secrets: vec![held("one")],
            position: 7,
            attempts: 0,
            due: None,
            revision: 0,
            asked: None,
            deleted: false,
        }
    }

    #[tokio::test]
    async fn what_an_owner_changes_on_one_node_is_seen_on_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let ledger: SharedLedger =
            std::sync::Arc::new(crate::ledger::sqlite::SqliteLedger::open(folder.path(), &Default::default()).unwrap());
        let (one, other) = (Shelf::open(ledger.clone()).await.unwrap(), Shelf::open(ledger).await.unwrap());
        one.change("acme", |own| own.push(endpoint("we_1"))).await.unwrap();
        assert!(other.of("acme").is_empty());
        assert!(other.refresh().await.unwrap());
        assert_eq!(other.of("acme"), [endpoint("we_1")]);
        assert!(!other.refresh().await.unwrap());
        // How far an endpoint was told is no change by its owner, and is not lost by one.
        one.change("acme", |own| own[0].position = 8).await.unwrap();
        assert!(!other.refresh().await.unwrap());
        other.change("acme", |own| (own[0].state, own[0].revision) = (State::Disabled, 1)).await.unwrap();
        assert!(one.refresh().await.unwrap());
        let [endpoint] = &one.of("acme")[..] else { panic!("{:?}", one.of("acme")) };
        assert_eq!((endpoint.position, endpoint.state), (8, State::Disabled));
        one.change("acme", Vec::clear).await.unwrap();
        assert!(other.refresh().await.unwrap() && other.of("acme").is_empty());
    }

    #[test]
    fn what_was_taken_back_is_remembered_for_a_while() {
        let mut own: Vec<_> = (0..KEPT + 2).map(|n| endpoint(&format!("we_{n}"))).collect();
        for n in 0..=KEPT {
            take_back(&mut own, &format!("we_{n}"));
        }
        let gone: Vec<_> = own.iter().filter(|one| one.deleted).map(|one| one.id.as_str()).collect();
        assert_eq!((gone.len(), gone[0], own.len()), (KEPT, "we_1", KEPT + 1), "the oldest is forgotten");
        assert!(own.iter().all(|one| one.deleted == one.secrets.is_empty()));
    }

    #[test]
    fn a_new_secret_signs_beside_the_old_one_until_that_ends() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut endpoint = endpoint("we_1");
        endpoint.rotate(held("two"), at(100), at(0));
        assert_eq!(endpoint.signing(at(99)), ["two", "one"]);
        assert_eq!(endpoint.signing(at(100)), ["two"]);
        endpoint.rotate(held("three"), at(50), at(0));
        assert_eq!(endpoint.signing(at(49)), ["three", "two", "one"]);
        assert_eq!(endpoint.signing(at(50)), ["three"], "an overlap is never prolonged");
        endpoint.rotate(held("four"), at(200), at(150));
        assert_eq!(endpoint.secrets.len(), 2, "what has ended is gone");
    }
}
