//! The documents of a day (or of whatever window a partner's file names): counted as they come, and after a restart from
//! the ledger, which has those that came before. Windows begin at whole multiples since 1970, days at midnight UTC.

use std::{sync::Mutex, time::Duration};

use jiff::Timestamp;

use super::lock;
use crate::{
    config::Rate,
    ledger::{Direction, Ledger, LedgerError, MessageFilter},
};

/// How many messages are asked for together.
const PAGE: usize = 500;

/// What came in the current window.
#[derive(Debug, Default)]
pub(super) struct Day {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// What came since the start: when, and how many. Old entries are let go.
    came: Vec<(i64, u64)>,
    /// The window that the ledger was asked about, and what it had from before the start.
    before: Option<(i64, u64)>,
}

impl Inner {
    fn since(&self, start: i64) -> u64 {
        self.came.iter().filter(|(at, _)| *at >= start).map(|(_, count)| count).sum()
    }
}

impl Day {
    pub(super) fn add(&self, count: u64, at: Timestamp) {
        let minute = at.as_second() - at.as_second().rem_euclid(60);
        let mut inner = lock(&self.inner);
        match inner.came.last_mut() {
            Some((last, known)) if *last == minute => *known += count,
            _ => {
                // No window is longer than a day.
                inner.came.retain(|(old, _)| minute - old <= 2 * 86_400);
                inner.came.push((minute, count));
            }
        }
    }

    /// What was used of the current window, as far as it was asked for.
    pub(super) fn known(&self, rate: Rate, now: Timestamp) -> u64 {
        let (inner, start) = (lock(&self.inner), start(rate, now));
        let before = inner.before.filter(|(of, _)| *of == start).map_or(0, |(_, count)| count);
        inner.since(start) + before
    }

    /// What was used of the current window. What came before `since` is asked of the ledger, once for each window.
    pub(super) async fn used(
        &self,
        ledger: &dyn Ledger,
        partner: &str,
        since: Timestamp,
        rate: Rate,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let start = start(rate, now);
        let asked = lock(&self.inner).before.is_some_and(|(of, _)| of == start);
        if !asked {
            let from = Timestamp::from_second(start).unwrap_or(Timestamp::UNIX_EPOCH);
            let count = if from < since { count(ledger, partner, from, since, rate.count).await? } else { 0 };
            lock(&self.inner).before = Some((start, count));
        }
        Ok(self.known(rate, now))
    }
}

/// The second at which the window of `now` began.
fn start(rate: Rate, now: Timestamp) -> i64 {
    now.as_second() - now.as_second().rem_euclid(i64::from(rate.per.seconds()))
}

/// How long the current window still lasts.
pub(super) fn left(rate: Rate, now: Timestamp) -> Duration {
    let left = start(rate, now) + i64::from(rate.per.seconds()) - now.as_second();
    Duration::from_secs(left.max(1).unsigned_abs())
}

/// Counts a partner's documents on the record, up to `most`: what is more makes no difference.
async fn count(
    ledger: &dyn Ledger,
    partner: &str,
    from: Timestamp,
    to: Timestamp,
    most: u32,
) -> Result<u64, LedgerError> {
    let filter = MessageFilter {
        partner: Some(partner.to_owned()),
        direction: Some(Direction::In),
        from: Some(from),
        to: Some(to),
        ..MessageFilter::default()
    };
    let (mut count, mut before) = (0, None);
    loop {
        let page = ledger.messages(filter.clone(), before, PAGE).await?;
        for message in &page {
            let mut position = 0;
            loop {
                let documents = ledger.documents(message.id, position, PAGE).await?;
                count += documents.len() as u64;
                if count >= u64::from(most) {
                    return Ok(count);
                }
                match documents.last() {
                    Some(last) if documents.len() == PAGE => position = last.position + 1,
                    _ => break,
                }
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE => before = Some(last.id),
            _ => return Ok(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ledger::{
        Committed, Entry, SharedLedger,
        conformance::{entry, new_id},
        sqlite::SqliteLedger,
    };

    #[test]
    fn a_day_ends_at_midnight() {
        let rate = Rate::per_day(10);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let day = Day::default();
        day.add(3, at("2026-11-20T23:59:59Z"));
        day.add(4, at("2026-11-21T00:00:00Z"));
        day.add(1, at("2026-11-21T00:00:30Z"));
        assert_eq!(day.known(rate, at("2026-11-20T23:59:59Z")), 8, "what came later counts as well");
        assert_eq!(day.known(rate, at("2026-11-21T12:00:00Z")), 5);
        assert_eq!(day.known(rate, at("2026-11-22T00:00:00Z")), 0);
        assert_eq!(left(rate, at("2026-11-21T23:59:00Z")), Duration::from_secs(60));
    }

    #[tokio::test]
    async fn what_came_before_the_start_is_asked_of_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let ledger: SharedLedger = Arc::new(SqliteLedger::open(folder.path(), &Default::default()).unwrap());
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let came = async |time: &str, keys: &[&str]| {
            let mut entry: Entry = entry(new_id(), keys);
            entry.message.at = at(time);
            assert_eq!(ledger.commit(entry).await, Ok(Committed::Stored));
        };
        came("2026-11-20T23:59:59Z", &["a", "b", "c", "d"]).await;
        came("2026-11-21T00:00:00Z", &["a", "b"]).await;
        came("2026-11-21T08:59:59Z", &["c"]).await;
        let since = at("2026-11-21T09:00:00Z");
        let of = async |day: &Day, partner: &str, rate: Rate, now: &str| {
            day.used(ledger.as_ref(), partner, since, rate, at(now)).await.unwrap()
        };
        let used =
            async |day: &Day, partner: &str, count: u32, now: &str| of(day, partner, Rate::per_day(count), now).await;
        let day = Day::default();
        assert_eq!(used(&day, "acme", 10, "2026-11-21T09:00:01Z").await, 3);
        // What comes after the start is counted where it comes in, and not a second time from the record.
        came("2026-11-21T09:00:02Z", &["d"]).await;
        day.add(1, at("2026-11-21T09:00:02Z"));
        assert_eq!(used(&day, "acme", 10, "2026-11-21T09:00:03Z").await, 4);
        let asked_later = Day::default();
        asked_later.add(1, at("2026-11-21T09:00:02Z"));
        assert_eq!(used(&asked_later, "acme", 10, "2026-11-21T09:00:03Z").await, 4);
        assert_eq!(used(&day, "acme", 10, "2026-11-22T00:00:00Z").await, 0, "a new day");
        // A limit that counts by another window is asked for anew.
        let hour = Rate { per: crate::config::Window::Hour, ..Rate::per_day(10) };
        let since_before = async |day: &Day, rate| of(day, "acme", rate, "2026-11-21T08:59:59Z").await;
        let day = Day::default();
        assert_eq!((since_before(&day, Rate::per_day(10)).await, since_before(&day, hour).await), (3, 1));
        // Nobody else's documents, and no more of them than there may be.
        assert_eq!(used(&Day::default(), "bolt", 10, "2026-11-21T09:00:01Z").await, 0);
        assert_eq!(used(&Day::default(), "acme", 1, "2026-11-21T09:00:01Z").await, 1);
    }
}
