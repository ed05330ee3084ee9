//! What was used of a quota lately: a leaky bucket. What is used drains at the rate of the quota, so that a change of the
//! quota changes how much there is room for and how fast it drains, and forgets nothing. Time is an argument.

use std::time::Duration;

/// So much within so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How much; that much may come at once.
    pub amount: u64,
    /// Within how long.
    pub window: Duration,
}

/// How a quota stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How much there is room for now.
    pub left: u64,
    /// Until when all of it is free again, if nothing more comes.
    pub reset: Duration,
}

/// What was used, and when that was so.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bucket {
    used: f64,
    at: Duration,
}

impl Bucket {
    /// Uses so much at `now`, if there is room for it.
    ///
    /// # Errors
    /// How long until there is.
    pub fn take(&mut self, quota: Quota, amount: u64, now: Duration) -> Result<(), Duration> {
        self.drain(quota, now);
        let over = self.used + amount as f64 - quota.amount as f64;
        if over <= 0.0 {
            self.used += amount as f64;
            return Ok(());
        }
        // What is more than the whole quota has room once nothing else is in the way.
        let until = over.min(self.used);
        if until <= 0.0 {
            self.used += amount as f64;
            return Ok(());
        }
        Err(Duration::from_secs_f64(until / rate(quota)))
    }

    /// Uses so much, whether there is room or not: what has come already.
    pub fn charge(&mut self, quota: Quota, amount: u64, now: Duration) {
        self.drain(quota, now);
        self.used += amount as f64;
    }

    /// How it stands at `now`.
    pub fn standing(&mut self, quota: Quota, now: Duration) -> Standing {
        self.drain(quota, now);
        Standing {
            left: (quota.amount as f64 - self.used).max(0.0) as u64,
            reset: Duration::from_secs_f64(self.used / rate(quota)),
        }
    }

    fn drain(&mut self, quota: Quota, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.used = (self.used - passed * rate(quota)).max(0.0);
        self.at = self.at.max(now);
    }
}

/// How much drains in a second.
fn rate(quota: Quota) -> f64 {
    (quota.amount.max(1) as f64) / quota.window.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn of(amount: u64) -> Quota {
        Quota { amount, window: MINUTE }
    }

    #[test]
    fn the_whole_quota_may_come_at_once_and_then_as_it_drains() {
        let (mut bucket, start) = (Bucket::default(), Duration::from_secs(100));
        for _ in 0..60 {
            assert!(bucket.take(of(60), 1, start).is_ok());
        }
        assert_eq!(bucket.take(of(60), 1, start), Err(Duration::from_secs(1)));
        assert_eq!(bucket.standing(of(60), start), Standing { left: 0, reset: MINUTE });
        assert!(bucket.take(of(60), 1, start + Duration::from_secs(1)).is_ok());
        assert_eq!(bucket.standing(of(60), start + 2 * MINUTE), Standing { left: 60, reset: Duration::ZERO });
    }

    #[test]
    fn a_changed_quota_forgets_nothing() {
        let mut bucket = Bucket::default();
        assert!(bucket.take(of(100), 50, Duration::ZERO).is_ok());
        assert_eq!(bucket.standing(of(60), Duration::ZERO).left, 10);
        assert_eq!(bucket.standing(of(40), Duration::ZERO).left, 0);
        assert_eq!(bucket.standing(of(1000), Duration::ZERO).left, 950);
    }

    #[test]
    fn what_is_larger_than_the_quota_comes_through_alone() {
        let mut bucket = Bucket::default();
        assert!(bucket.take(of(10), 30, Duration::ZERO).is_ok());
        assert!(bucket.take(of(10), 30, MINUTE).is_err());
        assert!(bucket.take(of(10), 30, 3 * MINUTE).is_ok());
    }

    #[test]
    fn what_came_already_counts_even_over_the_quota() {
        let mut bucket = Bucket::default();
        bucket.charge(of(10), 25, Duration::ZERO);
        assert_eq!(bucket.standing(of(10), Duration::ZERO).left, 0);
        assert!(bucket.take(of(10), 1, MINUTE).is_err());
    }

    proptest! {
        #[test]
        fn never_more_than_twice_the_quota_within_its_window(
            amount in 1_u64..50,
            steps in proptest::collection::vec(0_u64..5_000, 1..200),
        ) {
            let (mut bucket, mut now, mut taken) = (Bucket::default(), Duration::ZERO, Vec::new());
            for step in steps {
                now += Duration::from_millis(step);
                if bucket.take(of(amount), 1, now).is_ok() {
                    taken.push(now);
                }
            }
            for (index, start) in taken.iter().enumerate() {
                let within = taken[index..].iter().take_while(|at| **at - *start < MINUTE).count() as u64;
                prop_assert!(within <= 2 * amount);
            }
        }

        #[test]
        fn whoever_waits_as_long_as_told_is_let_in(amount in 1_u64..1000, used in 0_u64..1000, want in 1_u64..1000) {
            let mut bucket = Bucket::default();
            bucket.charge(of(amount), used, Duration::ZERO);
            if let Err(wait) = bucket.take(of(amount), want, Duration::ZERO) {
                prop_assert!(bucket.take(of(amount), want, wait + Duration::from_micros(1)).is_ok());
            }
        }
    }
}
