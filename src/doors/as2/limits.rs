//! How many messages a partner may send, before anything of them is read.
//!
//! Who a message says it is from proves nothing yet, so the count is kept by where it comes from, too: nobody uses up a
//! partner's share from somewhere else.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

use crate::config::Rate;

/// So many partners and sources are counted; with more of them, those that have their whole share go first.
const MOST: usize = 10_000;

/// What each has left.
#[derive(Debug, Default)]
pub(super) struct Limits(Mutex<HashMap<(String, Option<IpAddr>), Share>>);

/// What is left of a share, and since when that is known.
#[derive(Debug, Clone, Copy)]
struct Share {
    left: f64,
    at: Timestamp,
}

impl Limits {
    /// Takes one message of a partner's share; or says after how many seconds there is one.
    pub(super) fn admit(&self, partner: &str, each: Rate, source: Option<IpAddr>, now: Timestamp) -> Result<(), u32> {
        let most = f64::from(each.count);
        let rate = most / f64::from(each.per.seconds());
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shares.len() >= MOST {
            shares.retain(|_, share| share.left < most && now.duration_since(share.at).as_secs() < 60);
        }
        let share = shares.entry((partner.to_owned(), source)).or_insert(Share { left: most, at: now });
        let passed = now.duration_since(share.at).as_secs_f64().max(0.0);
        *share = Share { left: (share.left + passed * rate).min(most), at: now };
        if share.left < 1.0 {
            let seconds = if rate > 0.0 { ((1.0 - share.left) / rate).ceil() } else { 3600.0 };
            return Err((seconds as u32).clamp(1, 3600));
        }
        share.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn a_share_is_used_up_and_comes_back_and_is_nobody_elses() {
        let limits = Limits::default();
        let each = Rate::per_minute(60);
        let now: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        let here = Some("192.0.2.1".parse().unwrap());
        for _ in 0..60 {
            limits.admit("acme", each, here, now).unwrap();
        }
        assert_eq!(limits.admit("acme", each, here, now), Err(1));
        assert_eq!(limits.admit("acme", each, Some("192.0.2.2".parse().unwrap()), now), Ok(()));
        assert_eq!(limits.admit("acme", each, here, now + 2.seconds()), Ok(()));
    }
}
