//! Who is let in: keys and passwords of the partners' files, and how often a source may be wrong before it is not
//! listened to for a while.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use argon2::{Argon2, PasswordVerifier};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::codes;
use crate::{
    error::Code,
    partner::{Directory, Partner, SftpTerms, Status},
};

/// So many wrong logins within [`WINDOW`] ban a source.
const MOST_FAILURES: u32 = 12;
const WINDOW: Duration = Duration::from_secs(600);
const BAN: Duration = Duration::from_secs(600);
/// So many sources are remembered; whoever comes with more addresses than that is a case for a firewall.
const MOST_SOURCES: usize = 10_000;
/// A password's hash costs some megabytes and some milliseconds, so only a few are computed at one time.
const HASHES: usize = 2;
/// Compared with when the user is unknown, so that the answer takes as long: the hash of a text that nobody has.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBvdGhlciBzYWx0$uvFgoZlZMN/Q2aRzQkKDOxhsVbC6a4CNJ0/gJ3pPjEM";

/// Why a login is refused.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Denied {
    pub(super) code: Code,
    pub(super) partner: Option<String>,
}

/// What is remembered of sources, and how many are on their way to a login.
#[derive(Debug)]
pub(super) struct Guard {
    sources: Mutex<HashMap<IpAddr, Source>>,
    waiting: Mutex<HashMap<IpAddr, usize>>,
    hashes: Semaphore,
}

#[derive(Debug)]
struct Source {
    failures: u32,
    since: Instant,
    banned: Option<Instant>,
}

impl Guard {
    pub(super) fn new() -> Self {
        Self { sources: Mutex::default(), waiting: Mutex::default(), hashes: Semaphore::new(HASHES) }
    }

    /// Whether a source is not listened to now.
    pub(super) fn is_banned(&self, source: IpAddr, now: Instant) -> bool {
        let mut sources = lock(&self.sources);
        match sources.get(&source) {
            Some(Source { banned: Some(at), .. }) if now.duration_since(*at) < BAN => true,
            Some(known) if known.banned.is_some() || now.duration_since(known.since) >= WINDOW => {
                sources.remove(&source);
                false
            }
            _ => false,
        }
    }

    /// A login was wrong; answers whether the source is banned by that.
    pub(super) fn failed(&self, source: IpAddr, now: Instant) -> bool {
        let mut sources = lock(&self.sources);
        if sources.len() >= MOST_SOURCES && !sources.contains_key(&source) {
            sources.retain(|_, known| now.duration_since(known.banned.unwrap_or(known.since)) < WINDOW);
            if sources.len() >= MOST_SOURCES {
                sources.clear();
            }
        }
        let known = sources.entry(source).or_insert(Source { failures: 0, since: now, banned: None });
        if now.duration_since(known.since) >= WINDOW {
            *known = Source { failures: 0, since: now, banned: None };
        }
        known.failures += 1;
        if known.failures >= MOST_FAILURES {
            known.banned = Some(now);
        }
        known.banned.is_some()
    }

    /// A login was right: earlier mistakes from there were mistakes.
    pub(super) fn succeeded(&self, source: IpAddr) {
        lock(&self.sources).remove(&source);
    }

    /// Counts a connection of a source that is not logged in yet, where there is room for one more.
    pub(super) fn wait(&self, source: IpAddr, each: usize, all: usize) -> bool {
        let mut waiting = lock(&self.waiting);
        let total: usize = waiting.values().sum();
        let own = waiting.entry(source).or_default();
        if *own >= each || total >= all {
            if *own == 0 {
                waiting.remove(&source);
            }
            return false;
        }
        *own += 1;
        true
    }

    /// A connection of a source is logged in, or gone.
    pub(super) fn waited(&self, source: IpAddr) {
        let mut waiting = lock(&self.waiting);
        if let Some(own) = waiting.get_mut(&source) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                waiting.remove(&source);
            }
        }
    }

    /// Whose password this is.
    pub(super) async fn by_password(
        &self,
        directory: &Directory,
        user: &str,
        password: &str,
        source: IpAddr,
    ) -> Result<(Arc<Partner>, SftpTerms), Denied> {
        let known = known(directory, user);
        let hashes: Vec<String> = match &known {
            Some((_, terms)) if !terms.passwords.is_empty() => {
                terms.passwords.iter().map(|hash| hash.as_str().to_owned()).collect()
            }
            _ => vec![NOBODY.to_owned()],
        };
        let password = password.to_owned();
        // The semaphore is never closed.
        let _permit = self.hashes.acquire().await;
        let right = spawn_blocking(move || hashes.iter().any(|hash| verifies(hash, &password)));
        let right = right.await.unwrap_or(false);
        admitted(known, |terms| right && !terms.passwords.is_empty(), source)
    }
}

/// Whose key this is; `blob` is the public key as SSH sends it.
pub(super) fn by_key(
    directory: &Directory,
    user: &str,
    blob: &[u8],
    source: IpAddr,
) -> Result<(Arc<Partner>, SftpTerms), Denied> {
    admitted(known(directory, user), |terms| terms.keys.iter().any(|key| key.blob == blob), source)
}

fn known(directory: &Directory, user: &str) -> Option<(Arc<Partner>, SftpTerms)> {
    let partner = directory.by_sftp_user(user)?;
    Some((Arc::clone(partner), partner.sftp.clone()?))
}

/// Whether somebody who says it is this partner may come in: if it has shown that it is, now, and from there.
fn admitted(
    known: Option<(Arc<Partner>, SftpTerms)>,
    has_shown_it: impl FnOnce(&SftpTerms) -> bool,
    source: IpAddr,
) -> Result<(Arc<Partner>, SftpTerms), Denied> {
    let Some((partner, terms)) = known else { return Err(Denied { code: codes::LOGIN, partner: None }) };
    let denied = |code| Err(Denied { code, partner: Some(partner.id.clone()) });
    if !has_shown_it(&terms) {
        return denied(codes::LOGIN);
    }
    if !terms.sources.is_empty() && !terms.sources.iter().any(|network| network.contains(source)) {
        return denied(codes::SOURCE);
    }
    match partner.status {
        Status::Suspended => denied(codes::SUSPENDED),
        Status::Onboarding | Status::Test | Status::Live => Ok((partner, terms)),
    }
}

fn verifies(hash: &str, password: &str) -> bool {
    argon2::PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_is_wrong_too_often_is_banned_for_a_while() {
        let guard = Guard::new();
        let source = IpAddr::from([192, 0, 2, 1]);
        let start = Instant::now();
        let banned: Vec<_> = (0..MOST_FAILURES).map(|_| guard.failed(source, start)).collect();
        assert_eq!(banned.iter().filter(|banned| **banned).count(), 1);
        assert!(guard.is_banned(source, start + BAN / 2) && !guard.is_banned(IpAddr::from([192, 0, 2, 2]), start));
        assert!(!guard.is_banned(source, start + BAN));
        assert!(!guard.failed(source, start + BAN), "it begins anew");
        assert!((0..MOST_FAILURES - 2).all(|_| !guard.failed(source, start + BAN)));
        guard.succeeded(source);
        assert!(!guard.failed(source, start + BAN));
        let slowly = IpAddr::from([192, 0, 2, 3]);
        assert!((0..50).all(|n| !guard.failed(slowly, start + WINDOW / 8 * n)));
    }

    #[test]
    fn many_sources_do_not_fill_the_memory() {
        let guard = Guard::new();
        let now = Instant::now();
        for n in 0..30_000_u32 {
            guard.failed(IpAddr::from(n.to_be_bytes()), now);
        }
        assert!(lock(&guard.sources).len() <= MOST_SOURCES);
    }

    #[test]
    fn those_who_wait_are_counted() {
        let guard = Guard::new();
        let source = |n| IpAddr::from([192, 0, 2, n]);
        assert!(guard.wait(source(1), 2, 3) && guard.wait(source(1), 2, 3) && !guard.wait(source(1), 2, 3));
        assert!(guard.wait(source(2), 2, 3) && !guard.wait(source(3), 2, 3));
        guard.waited(source(1));
        assert!(guard.wait(source(3), 2, 3));
        (0..9).for_each(|_| guard.waited(source(1)));
        guard.waited(source(2));
        guard.waited(source(3));
        assert!(lock(&guard.waiting).is_empty());
    }

    #[test]
    fn the_hash_of_nobody_is_a_hash() {
        assert!(argon2::PasswordHash::new(NOBODY).is_ok() && !verifies(NOBODY, "") && !verifies("rubbish", ""));
    }
}
