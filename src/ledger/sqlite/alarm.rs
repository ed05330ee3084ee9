//! Wakes those who wait for the queue when a lease runs out or an event that was given back is due again.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::watch;

use super::{checkpoint::Bell, rows};

/// Times are kept in steps of this many microseconds, so that ten thousand leases are not ten thousand alarms.
const STEP: i64 = 10_000;

/// The times that somebody has to be woken at.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    times: Mutex<BTreeSet<i64>>,
    bell: Bell,
}

impl Alarm {
    /// Wakes everybody at this time, in microseconds, or a little later.
    pub(super) fn at(&self, time: i64) {
        let time = time.div_euclid(STEP).saturating_add(1).saturating_mul(STEP);
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let sooner = times.first().is_none_or(|first| time < *first);
        times.insert(time);
        drop(times);
        if sooner {
            self.bell.ring();
        }
    }

    /// Ends the thread.
    pub(super) fn end(&self) {
        self.bell.end();
    }

    /// Starts the thread that rings.
    pub(super) fn start(self: &Arc<Self>, changed: watch::Sender<u64>) -> std::io::Result<JoinHandle<()>> {
        let alarm = Arc::clone(self);
        std::thread::Builder::new().name("ledger-alarm".to_owned()).spawn(move || {
            loop {
                let now = rows::now();
                let mut times = alarm.times.lock().unwrap_or_else(PoisonError::into_inner);
                let later = times.split_off(&(now + 1));
                let due = std::mem::replace(&mut *times, later);
                let next = times.first().copied();
                drop(times);
                if !due.is_empty() {
                    changed.send_modify(|count| *count = count.wrapping_add(1));
                }
                let patience = next.map(|next| Duration::from_micros(rows::unsigned(next - now)));
                if !alarm.bell.wait(patience) {
                    break;
                }
            }
        })
    }
}
