//! How much a partner may send and fetch over SFTP: files and bytes of a minute, bytes of a second, and bytes of what was
//! begun and not finished. All of a partner's sessions share one account, and no partner waits for another's.
//!
//! What is over the bytes of a second is slowed down; everything else is refused before it begins, so that a file under way
//! always goes to its end. Time is told by the account's own clock; the limits come with each question, so that a change of
//! a partner's file counts at once.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::codes;
use crate::{
    error::Code,
    limits::{Bucket, Quota},
    partner::SftpTerms,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// One partner's account.
#[derive(Debug)]
pub(super) struct Allowance {
    started: Instant,
    files: Mutex<Bucket>,
    bytes: Mutex<Bucket>,
    sent: Mutex<Bucket>,
    fetched: Mutex<Bucket>,
    /// What was begun and not finished has at most so many bytes.
    held: AtomicU64,
}

/// What a partner may not do now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{told}")]
pub(super) struct Over {
    pub(super) code: Code,
    told: String,
}

impl Over {
    /// A file that would have more bytes than a file may.
    pub(super) fn too_large(most: u64) -> Self {
        Self { code: codes::TOO_LARGE, told: format!("a file here has at most {most} bytes") }
    }
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            files: Mutex::default(),
            bytes: Mutex::default(),
            sent: Mutex::default(),
            fetched: Mutex::default(),
            held: AtomicU64::new(0),
        }
    }
}

impl Allowance {
    /// One more file is begun.
    pub(super) fn begin(&self, terms: &SftpTerms) -> Result<(), Over> {
        let now = self.started.elapsed();
        let over = |what: String, wait: Duration| {
            let seconds = wait.as_secs() + 1;
            Over { code: codes::TOO_FAST, told: format!("{what}: come again in {seconds} seconds") }
        };
        let files =
            Quota { amount: terms.files.count.into(), window: Duration::from_secs(terms.files.per.seconds().into()) };
        // Who has used up its bytes begins nothing; what is under way is charged, and never stopped.
        lock(&self.bytes)
            .take(per(terms.bytes_per_minute.get(), MINUTE), 1, now)
            .map_err(|wait| over(format!("more than {} came within a minute", terms.bytes_per_minute), wait))?;
        lock(&self.files)
            .take(files, 1, now)
            .map_err(|wait| over(format!("more than {} files were begun", terms.files), wait))
    }

    /// So many bytes came; answers how long their sender waits for its answer.
    pub(super) fn came(&self, terms: &SftpTerms, bytes: u64) -> Duration {
        let now = self.started.elapsed();
        lock(&self.bytes).charge(per(terms.bytes_per_minute.get(), MINUTE), bytes, now);
        pace(&self.sent, terms, bytes, now)
    }

    /// So many bytes went; answers how long whoever asked for them waits.
    pub(super) fn went(&self, terms: &SftpTerms, bytes: u64) -> Duration {
        pace(&self.fetched, terms, bytes, self.started.elapsed())
    }

    /// Whether so much more may be held of what is not finished. `count` tells what is held now, which is asked for only when
    /// it may be too much.
    pub(super) fn hold(&self, terms: &SftpTerms, more: u64, count: impl FnOnce() -> u64) -> Result<(), Over> {
        let most = terms.quota.get();
        if self.held.fetch_add(more, Relaxed).saturating_add(more) <= most {
            return Ok(());
        }
        // What was finished meanwhile, or written twice, was counted and is not there.
        let held = count();
        self.held.store(held.saturating_add(more), Relaxed);
        if held.saturating_add(more) <= most {
            return Ok(());
        }
        self.held.store(held, Relaxed);
        let told = format!(
            "what was begun here and not finished may have {} and has {held} bytes: finish some of it, or remove it",
            terms.quota
        );
        Err(Over { code: codes::QUOTA, told })
    }
}

fn per(amount: u64, window: Duration) -> Quota {
    Quota { amount, window }
}

/// How long to wait until no more than a second's bytes are ahead.
fn pace(bucket: &Mutex<Bucket>, terms: &SftpTerms, bytes: u64, now: Duration) -> Duration {
    let Some(bandwidth) = terms.bandwidth else { return Duration::ZERO };
    let quota = per(bandwidth.get(), SECOND);
    let mut bucket = lock(bucket);
    bucket.charge(quota, bytes, now);
    bucket.standing(quota, now).reset.saturating_sub(SECOND)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Rate, Size};

    fn terms(change: impl FnOnce(&mut SftpTerms)) -> SftpTerms {
        let mut terms = SftpTerms::plain(Vec::new(), Vec::new(), Vec::new());
        change(&mut terms);
        terms
    }

    #[test]
    fn who_has_sent_too_much_begins_nothing_and_is_told_when() {
        let own = Allowance::default();
        let terms = terms(|terms| {
            terms.files = Rate::per_minute(2);
            terms.bytes_per_minute = Size::kib(1);
        });
        own.begin(&terms).unwrap();
        own.begin(&terms).unwrap();
        let over = own.begin(&terms).unwrap_err();
        assert_eq!(over.code, codes::TOO_FAST);
        assert!(over.to_string().starts_with("more than 2/min files were begun: come again in "), "{over}");
        let other = Allowance::default();
        other.begin(&terms).unwrap();
        assert_eq!(other.came(&terms, 2048), Duration::ZERO, "what is under way is not stopped");
        let over = other.begin(&terms).unwrap_err().to_string();
        assert!(over.starts_with("more than 1 KiB came within a minute: come again in 6"), "{over}");
    }

    #[test]
    fn the_bytes_of_a_second_are_a_pace_for_each_way() {
        let own = Allowance::default();
        let terms = terms(|terms| terms.bandwidth = Some(Size::kib(100)));
        assert_eq!(own.came(&terms, 100 << 10), Duration::ZERO);
        let wait = own.came(&terms, 200 << 10);
        assert!(wait > Duration::from_millis(1900) && wait <= Duration::from_secs(2), "{wait:?}");
        assert_eq!(own.went(&terms, 100 << 10), Duration::ZERO, "the other way has a pace of its own");
    }

    #[test]
    fn what_is_not_finished_is_counted_again_before_it_is_too_much() {
        let own = Allowance::default();
        let terms = terms(|terms| terms.quota = Size::kib(1));
        own.hold(&terms, 1000, || unreachable!()).unwrap();
        own.hold(&terms, 1000, || 0).unwrap();
        let over = own.hold(&terms, 1000, || 1000).unwrap_err();
        assert_eq!(over.code, codes::QUOTA);
        assert!(over.to_string().contains("may have 1 KiB and has 1000 bytes"), "{over}");
        own.hold(&terms, 24, || unreachable!()).unwrap();
    }
}
