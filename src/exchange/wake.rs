//! When the one who delivers looks again: at once where somebody says that there is something new, and at the moment at
//! which something known falls due. What was put off before the last start is found by looking once in a while.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::Notify;

/// So many moments are remembered; whoever is later is found by looking once in a while.
const MOST: usize = 100_000;

/// A bell that others ring, and an alarm clock.
#[derive(Debug, Default)]
pub(super) struct Wake {
    /// There is something new.
    bell: Notify,
    /// The next moment is another one now.
    set: Notify,
    moments: Mutex<BTreeSet<Timestamp>>,
}

impl Wake {
    /// There is something to do now.
    pub(super) fn now(&self) {
        self.bell.notify_one();
    }

    /// There will be something to do at `moment`.
    pub(super) fn at(&self, moment: Timestamp) {
        let mut moments = self.lock();
        if moments.len() >= MOST && !moments.contains(&moment) {
            let Some(last) = moments.last().copied().filter(|last| *last > moment) else { return };
            moments.remove(&last);
        }
        moments.insert(moment);
        if moments.first() == Some(&moment) {
            self.set.notify_one();
        }
    }

    /// Waits until there is something to do, for `most` at most.
    pub(super) async fn wait(&self, now: impl Fn() -> Timestamp, most: Duration) {
        let patience = tokio::time::sleep(most);
        tokio::pin!(patience);
        loop {
            let next = {
                let (mut moments, now) = (self.lock(), now());
                let later = moments.split_off(&now);
                let passed = std::mem::replace(&mut *moments, later);
                if !passed.is_empty() || moments.remove(&now) {
                    return;
                }
                moments.first().map(|next| Duration::try_from(next.duration_since(now)).unwrap_or_default())
            };
            // Timers are not so fine; a moment that is too early costs another turn of this loop only.
            let next = next.unwrap_or(most).min(most) + Duration::from_micros(100);
            tokio::select! {
                () = self.bell.notified() => return,
                () = self.set.notified() => {}
                () = tokio::time::sleep(next) => {}
                () = &mut patience => return,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Timestamp>> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin, task::Poll};

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Whether somebody who waits at `now` is woken without time passing.
    async fn is_woken(wake: &Wake, now: Timestamp) -> bool {
        let mut waiting = pin!(wake.wait(|| now, LONG));
        std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_ready())).await
    }

    #[tokio::test]
    async fn it_rings_once_for_each_moment_and_for_what_is_new() {
        let wake = Wake::default();
        wake.at(second(10));
        wake.at(second(20));
        assert!(!is_woken(&wake, second(9)).await);
        assert!(is_woken(&wake, second(10)).await);
        assert!(!is_woken(&wake, second(19)).await);
        assert!(is_woken(&wake, second(25)).await);
        assert!(!is_woken(&wake, second(30)).await);
        wake.now();
        assert!(is_woken(&wake, second(30)).await);
        assert!(!is_woken(&wake, second(30)).await);
    }

    #[tokio::test]
    async fn a_moment_that_comes_before_all_others_is_not_slept_over() {
        let wake = Wake::default();
        let soon = Timestamp::now().saturating_add(jiff::SignedDuration::from_millis(20)).unwrap();
        let waiting = wake.wait(Timestamp::now, LONG);
        let setting = async {
            tokio::task::yield_now().await;
            wake.at(soon);
        };
        tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(waiting, setting) }).await.expect("woken");
        assert!(Timestamp::now() >= soon);
    }

    #[test]
    fn what_is_remembered_has_an_end_and_the_earliest_stay() {
        let wake = Wake::default();
        (0..=MOST as i64).rev().for_each(|number| wake.at(second(number)));
        let moments = wake.lock();
        assert_eq!(
            (moments.len(), moments.first(), moments.last()),
            (MOST, Some(&second(0)), Some(&second(MOST as i64 - 1)))
        );
    }
}
