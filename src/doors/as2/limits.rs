//! How much may come to the AS2 door, before anything of it is read.
//!
//! Who a message says it is from proves nothing until it has come whole and its signature holds. So there are two
//! accounts. What is claimed in a partner's name is counted by where it comes from, and nobody uses up a partner's share
//! from somewhere else. What has proven to be the partner's counts on its own account in [`crate::limits`], with its bytes,
//! and while that one is used up nothing more is read. No one source may hold all places for bodies on their way, either.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    config::Rate,
    ledger::Channel,
    limits::{Bucket, Exceeded, Limiter, Quota},
    partner::Partner,
};

/// So many partners and sources are counted; with more of them, those that used nothing lately go first.
const MOST: usize = 10_000;

/// What is counted.
pub(super) struct Limits {
    started: Instant,
    /// What was claimed in a partner's name, by where it came from.
    claimed: Mutex<HashMap<Claim, Bucket>>,
    /// What has proven to be partners' own.
    proven: Arc<Limiter>,
    places: Arc<Places>,
}

type Claim = (String, Option<IpAddr>);

/// Bodies on their way.
struct Places {
    most: u32,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: u32,
    sources: HashMap<Option<IpAddr>, u32>,
    claims: HashMap<Claim, u32>,
}

/// A place for one body; it is free again when this is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    claim: Claim,
}

impl Limits {
    /// With places for so many bodies at one time.
    pub(super) fn new(places: u32) -> Self {
        Self {
            started: Instant::now(),
            claimed: Mutex::default(),
            proven: Arc::default(),
            places: Arc::new(Places { most: places.max(1), taken: Mutex::default() }),
        }
    }

    /// With partners' own accounts as all doors have them.
    pub(super) fn proven_by(self, limiter: Arc<Limiter>) -> Self {
        Self { proven: limiter, ..self }
    }

    /// Takes a message's headers, and a place for its body of `bytes`, as far as its sender says how many.
    ///
    /// # Errors
    /// Which limit is reached, and when there is room again.
    pub(super) fn admit(
        &self,
        partner: &Partner,
        source: Option<IpAddr>,
        bytes: Option<u64>,
    ) -> Result<Place, Exceeded> {
        self.claim(&partner.id, partner.requests, source, self.started.elapsed())?;
        self.proven.room(partner, Channel::As2, bytes)?;
        let place = self.places.take((partner.id.clone(), source), partner.uploads);
        place.ok_or(Exceeded { policy: "uploads", wait: Duration::from_secs(5) })
    }

    /// Counts a message that has proven to be the partner's.
    pub(super) fn came(&self, partner: &Partner, bytes: u64) {
        self.proven.came(partner, Channel::As2, bytes);
    }

    fn claim(&self, partner: &str, each: Rate, source: Option<IpAddr>, now: Duration) -> Result<(), Exceeded> {
        let quota = Quota { amount: u64::from(each.count), window: Duration::from_secs(u64::from(each.per.seconds())) };
        let mut claimed = lock(&self.claimed);
        if claimed.len() >= MOST {
            claimed.retain(|_, bucket| bucket.standing(quota, now).reset > Duration::ZERO);
        }
        let bucket = claimed.entry((partner.to_owned(), source)).or_default();
        bucket.take(quota, 1, now).map_err(|wait| Exceeded { policy: "requests", wait })
    }
}

impl Places {
    /// The partner's own limit holds for each of its sources, and the last eighth of all places is for other sources.
    fn take(self: &Arc<Self>, claim: Claim, each: u32) -> Option<Place> {
        let mut taken = lock(&self.taken);
        let of_source = taken.sources.get(&claim.1).copied().unwrap_or(0);
        let of_claim = taken.claims.get(&claim).copied().unwrap_or(0);
        if taken.all >= self.most || of_source >= self.most.div_ceil(8) * 7 || of_claim >= each {
            return None;
        }
        taken.all += 1;
        *taken.sources.entry(claim.1).or_default() += 1;
        *taken.claims.entry(claim.clone()).or_default() += 1;
        Some(Place { places: Arc::clone(self), claim })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.places.taken);
        taken.all = taken.all.saturating_sub(1);
        less(&mut taken.sources, &self.claim.1);
        less(&mut taken.claims, &self.claim);
    }
}

/// One fewer; nothing is kept of those who have none.
fn less<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u8) -> Option<IpAddr> {
        Some([192, 0, 2, last].into())
    }

    #[test]
    fn a_share_is_used_up_and_comes_back_and_is_nobody_elses() {
        let limits = Limits::new(8);
        let each = Rate::per_minute(60);
        let now = Duration::from_secs(100);
        for _ in 0..60 {
            limits.claim("acme", each, source(1), now).unwrap();
        }
        let wait = Duration::from_secs(1);
        assert_eq!(limits.claim("acme", each, source(1), now), Err(Exceeded { policy: "requests", wait }));
        assert_eq!(limits.claim("acme", each, source(2), now), Ok(()));
        assert_eq!(limits.claim("acme", each, source(1), now + 2 * wait), Ok(()));
    }

    #[test]
    fn no_source_holds_every_place_and_no_claim_more_than_its_own() {
        let places = Arc::new(Places { most: 16, taken: Mutex::default() });
        let take = |partner: &str, last: u8, each: u32| places.take((partner.into(), source(last)), each);
        let own: Vec<_> = (0..3).map(|_| take("acme", 1, 3).unwrap()).collect();
        assert!(take("acme", 1, 3).is_none() && take("acme", 2, 3).is_some());
        let more: Vec<_> = (0..11).map(|_| take("bolt", 1, 99).unwrap()).collect();
        assert!(take("tiny", 1, 99).is_none(), "fourteen of sixteen");
        let others = [take("tiny", 2, 99), take("tiny", 3, 99)];
        assert!(others.iter().all(Option::is_some) && take("tiny", 4, 99).is_none(), "there are sixteen");
        drop((own, more, others));
        assert!(take("acme", 1, 1).is_some());
        let taken = lock(&places.taken);
        assert_eq!((taken.all, taken.sources.len(), taken.claims.len()), (0, 0, 0));
    }
}
