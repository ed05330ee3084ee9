//! Who delivers what to whom at the moment, and which partners are left alone for a while because they could not be
//! reached: one delivery goes ahead to see whether they are back, ever more rarely.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;

use super::sending::later;
use crate::partner::Retry;

/// How many deliveries of one partner are in someone's hands at a time.
pub(super) const EACH: usize = 4;
/// … and of all partners.
pub(super) const ALL: usize = 128;
/// The first pause of a partner that could not be reached, doubled each time; its own pauses where they are shorter.
const FIRST: Duration = Duration::from_secs(1);
/// A partner is left alone for so long at most; its deliveries have longer pauses of their own.
const MOST: Duration = Duration::from_secs(30);

/// Who is busy with what.
#[derive(Default)]
pub(super) struct Rounds {
    /// Deliveries in someone's hands, and to whom they go.
    out: HashMap<u64, String>,
    /// Partners that are left alone, until when, and how often in a row that was needed.
    resting: HashMap<String, (Timestamp, u32)>,
}

impl Rounds {
    fn busy(&self, partner: &str) -> usize {
        self.out.values().filter(|other| other.as_str() == partner).count()
    }

    /// Whether as much is under way as may be.
    pub(super) fn is_full(&self) -> bool {
        self.out.len() >= ALL
    }

    /// How much can be handed to a partner now.
    pub(super) fn room(&self, partner: &str, now: Timestamp) -> usize {
        match self.resting.get(partner) {
            Some((until, _)) if *until > now => 0,
            // One goes ahead to see whether the partner is back.
            Some(_) => 1_usize.saturating_sub(self.busy(partner)),
            None => EACH.saturating_sub(self.busy(partner)),
        }
    }

    /// Who is left alone at the moment.
    pub(super) fn resting(&self, now: Timestamp) -> impl Iterator<Item = &String> {
        self.resting.iter().filter(move |(_, (until, _))| *until > now).map(|(partner, _)| partner)
    }

    /// Whether a delivery is in someone's hands.
    pub(super) fn has(&self, delivery: u64) -> bool {
        self.out.contains_key(&delivery)
    }

    /// A delivery goes out.
    pub(super) fn goes(&mut self, delivery: u64, partner: &str) {
        self.out.insert(delivery, partner.to_owned());
    }

    /// A partner is left alone for as long as that ever is.
    pub(super) fn leave_alone(&mut self, partner: String, now: Timestamp) {
        self.resting.insert(partner, (later(now, MOST), 0));
    }

    /// A delivery is in nobody's hands any more. Where its partner was not reached, answers until when that one is left
    /// alone.
    pub(super) fn came_back(&mut self, back: &Back, now: Timestamp) -> Option<Timestamp> {
        let partner = self.out.remove(&back.delivery)?;
        let Some(retry) = back.unreached else {
            self.resting.remove(&partner);
            return None;
        };
        let times = self.resting.get(&partner).map_or(1, |(_, times)| times.saturating_add(1));
        let pause = retry.first.min(FIRST).saturating_mul(1 << times.saturating_sub(1).min(16));
        let until = later(now, pause.min(retry.most).min(MOST));
        self.resting.insert(partner, (until, times));
        Some(until)
    }
}

/// A delivery that was tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Back {
    pub(super) delivery: u64,
    /// The partner's pauses, where it could not be reached.
    pub(super) unreached: Option<Retry>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses of so many deliveries that do not reach their partner, in milliseconds.
    fn pauses(first: Duration, most: Duration, count: u64) -> Vec<i64> {
        let retry = Retry { attempts: 100, first, most };
        let (mut rounds, mut at, mut pauses) = (Rounds::default(), Timestamp::UNIX_EPOCH, Vec::new());
        for delivery in 0..count {
            rounds.goes(delivery, "acme");
            let until = rounds.came_back(&Back { delivery, unreached: Some(retry) }, at).unwrap();
            pauses.push(until.as_millisecond() - at.as_millisecond());
            let just_before = until.saturating_sub(jiff::SignedDuration::from_millis(1)).unwrap();
            assert_eq!((rounds.room("acme", just_before), rounds.room("acme", until)), (0, 1), "one goes ahead");
            at = until;
        }
        assert_eq!(rounds.room("bolt", at), EACH, "nobody else waits");
        rounds.goes(count, "acme");
        assert_eq!(rounds.came_back(&Back { delivery: count, unreached: None }, at), None);
        assert_eq!(rounds.room("acme", at), EACH);
        pauses
    }

    #[test]
    fn a_partner_that_is_down_is_asked_by_one_and_ever_more_rarely() {
        let (usual, hour) = (Duration::from_secs(30), Duration::from_secs(3600));
        assert_eq!(pauses(usual, hour, 7), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        let (quick, second) = (Duration::from_millis(50), Duration::from_millis(200));
        assert_eq!(pauses(quick, second, 4), [50, 100, 200, 200]);
    }
}
