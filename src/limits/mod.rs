//! How much a partner may use: calls, bytes and uploads of each channel, documents of a day over all of them.
//!
//! Every partner has accounts of its own behind locks of its own, so that whoever is over its limits is in nobody's way.
//! What was used outlives a reload, since limits come with each question and only their use is kept here; what was used of
//! a day outlives a restart too, since the ledger knows it. Each process counts what comes to it: with several on one
//! ledger, a partner that comes to all of them has each one's share.

mod bucket;
mod day;
mod headers;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;

pub use bucket::{Bucket, Quota, Standing};
pub use headers::{policies, standings};

use crate::{
    config::Rate,
    ledger::{Channel, Ledger, LedgerError},
    partner::Partner,
};

/// Everybody's use of what is limited.
#[derive(Debug)]
pub struct Limiter {
    started: Instant,
    /// Documents that came before are the ledger's to tell.
    since: Timestamp,
    accounts: RwLock<HashMap<(String, Channel), Arc<Account>>>,
    days: RwLock<HashMap<String, Arc<day::Day>>>,
}

/// One partner's use of one channel.
#[derive(Debug, Default)]
struct Account {
    calls: Mutex<Bucket>,
    bytes: Mutex<Bucket>,
    uploads: AtomicU32,
}

/// What is over its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Which limit, by the name that headers have for it.
    pub policy: &'static str,
    /// When there is room again.
    pub wait: Duration,
}

/// How a partner stands with one of its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Usage {
    /// The limit's name.
    pub policy: &'static str,
    /// What it counts.
    pub unit: &'static str,
    /// How much there may be …
    pub quota: u64,
    /// … within so many seconds; `None` for what is limited at any one time.
    pub window_seconds: Option<u64>,
    /// How much there is room for now.
    pub remaining: u64,
    /// In so many seconds all of it is free again.
    pub reset_seconds: u64,
}

/// An upload that is under way; it ends when this is dropped.
#[derive(Debug)]
pub struct Upload(Arc<Account>);

impl Drop for Upload {
    fn drop(&mut self) {
        self.0.uploads.fetch_sub(1, Relaxed);
    }
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new(Timestamp::now())
    }
}

impl Limiter {
    /// Nothing is used yet; what came before `since` is the ledger's to tell.
    pub fn new(since: Timestamp) -> Self {
        Self { started: Instant::now(), since, accounts: RwLock::default(), days: RwLock::default() }
    }

    /// One call.
    ///
    /// # Errors
    /// When there were too many.
    pub fn call(&self, partner: &Partner, channel: Channel) -> Result<(), Exceeded> {
        let account = self.account(partner, channel);
        lock(&account.calls).take(calls(partner), 1, self.now()).map_err(|wait| Exceeded { policy: "requests", wait })
    }

    /// Begins an upload of `bytes`, as far as its sender says how many. They count from its beginning.
    ///
    /// # Errors
    /// When too many are under way, or too much came lately.
    pub fn upload(&self, partner: &Partner, channel: Channel, bytes: Option<u64>) -> Result<Upload, Exceeded> {
        let account = self.account(partner, channel);
        let most = partner.uploads;
        let begun = account.uploads.fetch_update(Relaxed, Relaxed, |now| (now < most).then_some(now + 1));
        if begun.is_err() {
            return Err(Exceeded { policy: "uploads", wait: Duration::from_secs(1) });
        }
        let upload = Upload(Arc::clone(&account));
        // Who does not say how much comes has to have room for some.
        let took = lock(&account.bytes).take(bytes_quota(partner), bytes.unwrap_or(1), self.now());
        took.map(|()| upload).map_err(|wait| Exceeded { policy: "bytes", wait })
    }

    /// Counts what came of an upload beyond what its sender said.
    pub fn arrived(&self, partner: &Partner, channel: Channel, bytes: u64) {
        lock(&self.account(partner, channel).bytes).charge(bytes_quota(partner), bytes, self.now());
    }

    /// Whether there is room for a call with a body of `bytes`, as far as they are known; nothing is used. For doors that
    /// learn only from a body whose it is.
    ///
    /// # Errors
    /// When there is none.
    pub fn room(&self, partner: &Partner, channel: Channel, bytes: Option<u64>) -> Result<(), Exceeded> {
        let (account, now) = (self.account(partner, channel), self.now());
        let look = |bucket: &Mutex<Bucket>, quota, amount, policy| {
            // A copy is asked, so that nothing is used.
            let mut copy = *lock(bucket);
            copy.take(quota, amount, now).map_err(|wait| Exceeded { policy, wait })
        };
        look(&account.calls, calls(partner), 1, "requests")?;
        look(&account.bytes, bytes_quota(partner), bytes.unwrap_or(1), "bytes")
    }

    /// Uses a call and its bytes, whether there was room or not: it has come.
    pub fn came(&self, partner: &Partner, channel: Channel, bytes: u64) {
        let (account, now) = (self.account(partner, channel), self.now());
        lock(&account.calls).charge(calls(partner), 1, now);
        lock(&account.bytes).charge(bytes_quota(partner), bytes, now);
    }

    /// Counts documents that came at `at`, by whichever channel.
    pub fn documents(&self, partner: &str, count: u64, at: Timestamp) {
        self.day(partner).add(count, at);
    }

    /// Whether a partner has used up its documents. What came before the start is counted once, from the ledger.
    ///
    /// # Errors
    /// When the ledger cannot be asked.
    pub async fn over_quota(
        &self,
        ledger: &dyn Ledger,
        partner: &Partner,
        now: Timestamp,
    ) -> Result<Option<Exceeded>, LedgerError> {
        let used = self.day(&partner.id).used(ledger, &partner.id, self.since, partner.documents, now).await?;
        let over = used >= u64::from(partner.documents.count);
        Ok(over.then(|| Exceeded { policy: "documents", wait: day::left(partner.documents, now) }))
    }

    /// How a partner stands with all of its limits on a channel.
    pub fn usage(&self, partner: &Partner, channel: Channel, now: Timestamp) -> Vec<Usage> {
        let account = self.account(partner, channel);
        let of = |policy, unit, quota: Quota, bucket: &Mutex<Bucket>| {
            let standing = lock(bucket).standing(quota, self.now());
            Usage {
                policy,
                unit,
                quota: quota.amount,
                window_seconds: Some(quota.window.as_secs()),
                remaining: standing.left,
                reset_seconds: standing.reset.as_secs_f64().ceil() as u64,
            }
        };
        let documents = u64::from(partner.documents.count);
        vec![
            of("requests", "requests", calls(partner), &account.calls),
            of("bytes", "content-bytes", bytes_quota(partner), &account.bytes),
            Usage {
                policy: "documents",
                unit: "documents",
                quota: documents,
                window_seconds: Some(u64::from(partner.documents.per.seconds())),
                remaining: documents.saturating_sub(self.day(&partner.id).known(partner.documents, now)),
                reset_seconds: day::left(partner.documents, now).as_secs(),
            },
            Usage {
                policy: "uploads",
                unit: "concurrent-requests",
                quota: u64::from(partner.uploads),
                window_seconds: None,
                remaining: u64::from(partner.uploads.saturating_sub(account.uploads.load(Relaxed))),
                reset_seconds: 0,
            },
        ]
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn account(&self, partner: &Partner, channel: Channel) -> Arc<Account> {
        found_or_made(&self.accounts, (partner.id.clone(), channel))
    }

    fn day(&self, partner: &str) -> Arc<day::Day> {
        found_or_made(&self.days, partner.to_owned())
    }
}

fn found_or_made<K: std::hash::Hash + Eq, V: Default>(all: &RwLock<HashMap<K, Arc<V>>>, key: K) -> Arc<V> {
    if let Some(found) = all.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Arc::clone(found);
    }
    Arc::clone(all.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
}

fn calls(partner: &Partner) -> Quota {
    of_rate(partner.requests)
}

fn of_rate(rate: Rate) -> Quota {
    Quota { amount: u64::from(rate.count), window: Duration::from_secs(u64::from(rate.per.seconds())) }
}

fn bytes_quota(partner: &Partner) -> Quota {
    Quota { amount: partner.bytes_per_hour, window: Duration::from_secs(3600) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
