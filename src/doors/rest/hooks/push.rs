//! Tells suppliers' own endpoints what the feed has: each in order, one event after the other, so that a supplier sees the
//! same whether it asks or is told. An endpoint that fails is tried again by the schedule of Standard Webhooks; after its
//! last attempt, or when it says that it is gone, it is disabled, and goes on from there once its owner enables it again.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::{
    super::{Rest, feed, payload},
    shelf::{Endpoint, Shelf, State},
};
use crate::{
    document::Verb,
    exchange::AsCloudEvent,
    keys,
    ledger::{LedgerError, LogEvent, LogFilter, LogPage},
    net::{
        Egress,
        webhook::{Hook, Posted, post},
    },
    partner::{ApiAccess, Status},
};

/// The pauses after attempts that failed: ten attempts over three days.
const PAUSES: [u64; 9] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// How often an endpoint looks by itself, for what it was not woken for.
const LOOK: Duration = Duration::from_secs(60);
/// How often it is looked whether an owner changed endpoints on another node.
const KEEP_UP: Duration = Duration::from_secs(2);
/// How long to let more come in before the log is looked at.
const GATHER: Duration = Duration::from_millis(50);
/// So much of the log is looked at together.
const PAGE: usize = 500;
/// So many events of one endpoint are read together.
const READ: usize = 50;

/// Who is woken by a partner's events.
#[derive(Debug, Default)]
pub(super) struct Bells(Mutex<HashMap<String, Arc<Notify>>>);

impl Bells {
    fn of(&self, partner: &str) -> Arc<Notify> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(partner.to_owned()).or_default())
    }

    /// Wakes those who tell this partner's endpoints.
    pub(super) fn ring(&self, partner: &str) {
        let bell = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(partner).map(Arc::clone);
        if let Some(bell) = bell {
            bell.notify_waiters();
        }
    }
}

/// Tells one endpoint after the other, each by a task of its own.
pub(super) struct Crier {
    pub(super) shelf: Arc<Shelf>,
    pub(super) egress: Arc<Egress>,
    pub(super) bells: Arc<Bells>,
    /// The endpoints that have their task.
    pub(super) begun: Mutex<HashSet<String>>,
}

impl Crier {
    /// Has what owners change on other nodes count here too, until the task is aborted.
    pub(super) async fn keep_up(self: Arc<Self>, rest: Arc<Rest>) {
        loop {
            tokio::time::sleep(KEEP_UP).await;
            match self.shelf.refresh().await {
                Ok(false) => {}
                Ok(true) => {
                    for (partner, endpoint) in self.shelf.every() {
                        self.bells.ring(&partner);
                        self.begin(&rest, partner, endpoint.id);
                    }
                }
                Err(error) => tracing::debug!(%error, "Webhook endpoints could not be looked at."),
            }
        }
    }

    /// Follows the log and wakes whom it concerns, until the task is aborted.
    pub(super) async fn follow(self: Arc<Self>, rest: Arc<Rest>) {
        for (partner, endpoint) in self.shelf.every() {
            self.begin(&rest, partner, endpoint.id);
        }
        let mut changed = rest.ledger.changed();
        let mut after = rest.ledger.head().await.unwrap_or_default();
        loop {
            changed.borrow_and_update();
            match rest.ledger.partners_after(after, PAGE).await {
                Ok((reached, partners)) => {
                    partners.iter().for_each(|partner| self.bells.ring(partner));
                    // Positions have no gaps but where a backup was restored: so many are a whole page.
                    if reached - std::mem::replace(&mut after, reached) >= PAGE as u64 {
                        continue;
                    }
                }
                Err(error) => tracing::warn!(%error, "Webhook endpoints wait until the ledger answers again."),
            }
            tokio::select! {
                _ = changed.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            tokio::time::sleep(GATHER).await;
        }
    }

    /// Begins to tell an endpoint, until it is deleted; one that is told already goes on as it is.
    pub(super) fn begin(self: &Arc<Self>, rest: &Arc<Rest>, partner: String, id: String) {
        if !self.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone()) {
            return;
        }
        let (crier, rest) = (Arc::clone(self), Arc::clone(rest));
        tokio::spawn(async move {
            let bell = crier.bells.of(&partner);
            while !rest.stop.is_stopped() {
                let mut rung = std::pin::pin!(bell.notified());
                // From here on a bell is heard, also while we look.
                rung.as_mut().enable();
                let Some(endpoint) = crier.shelf.of(&partner).into_iter().find(|one| one.id == id) else {
                    crier.begun.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                    return;
                };
                let wait = match crier.tell(&rest, &partner, endpoint).await {
                    Ok(wait) => wait,
                    Err(error) => {
                        tracing::warn!(partner, endpoint = id, error, "An endpoint cannot be told now.");
                        LOOK
                    }
                };
                if wait.is_zero() {
                    continue;
                }
                tokio::select! {
                    () = rung => {}
                    () = tokio::time::sleep(wait.min(LOOK)) => {}
                    () = rest.stop.stopped() => {}
                }
            }
        });
    }

    /// Tells what there is to tell, up to the first failure; answers how long there is nothing to do.
    async fn tell(&self, rest: &Rest, partner: &str, endpoint: Endpoint) -> Result<Duration, String> {
        let now = Timestamp::now();
        if endpoint.state == State::Disabled {
            return Ok(LOOK);
        }
        if let Some(due) = endpoint.due.filter(|due| *due > now) {
            return Ok(Duration::try_from(due.duration_since(now)).unwrap_or(LOOK));
        }
        let directory = rest.directory.load();
        let Some(of) = directory.partner(partner).filter(|of| super::may_have(of)) else { return Ok(LOOK) };
        if matches!(of.status, Status::Suspended | Status::Onboarding) {
            return Ok(LOOK);
        }
        let access = ApiAccess { partner: Arc::clone(of), mode: endpoint.mode };
        drop(directory);
        let filter = LogFilter { partner: Some(partner.to_owned()), kind: None };
        let LogPage { events, reached: to, is_end } =
            feed::read(rest, &access, &filter, endpoint.position, READ).await.map_err(|p| p.to_string())?;
        let mut reached = endpoint.position;
        for event in events.into_iter().filter(|event| endpoint.wants(event)) {
            let posted = self.post(&endpoint, &event).await;
            if posted != Posted::Taken {
                self.failed(partner, &endpoint.id, reached, posted).await.map_err(|error| error.to_string())?;
                return Ok(Duration::ZERO);
            }
            reached = event.position;
            // What is issued was handed over by this, as by reading it in the feed.
            if Verb::of(&event.kind) == Some(Verb::Issued)
                && let Some(delivery) =
                    payload::waiting_of(rest, &access, event.message).await.map_err(|p| p.to_string())?
            {
                payload::delivered(rest, delivery).await;
            }
        }
        if to > endpoint.position {
            let told = self.change(partner, &endpoint.id, move |own| {
                (own.position, own.attempts, own.due, own.detail) = (to, 0, None, None);
            });
            told.await.map_err(|error| error.to_string())?;
        }
        Ok(if is_end { LOOK } else { Duration::ZERO })
    }

    /// Posts one event to an endpoint, once.
    pub(super) async fn post(&self, endpoint: &Endpoint, event: &LogEvent) -> Posted {
        let body = match serde_json::to_vec(&AsCloudEvent(event)) {
            Ok(body) => Bytes::from(body),
            Err(error) => return Posted::Later { detail: error.to_string(), retry_after: None },
        };
        self.post_body(endpoint, &event.id.to_string(), body).await
    }

    /// Posts something as an event of this id.
    pub(super) async fn post_body(&self, endpoint: &Endpoint, id: &str, body: Bytes) -> Posted {
        let now = Timestamp::now();
        let secrets = endpoint.signing(now);
        let content_type = "application/cloudevents+json";
        post(&self.egress, Hook { url: &endpoint.url, secrets: &secrets, id, content_type, body }, now).await
    }

    async fn failed(&self, partner: &str, id: &str, reached: u64, posted: Posted) -> Result<(), LedgerError> {
        let (detail, asked, is_gone) = match posted {
            Posted::Taken => return Ok(()),
            Posted::Later { detail, retry_after } => (detail, retry_after, false),
            Posted::Refused(detail) => (detail, None, false),
            Posted::Gone => ("the endpoint says that it is gone (410)".into(), None, true),
        };
        tracing::info!(partner, endpoint = id, detail, "An event was not taken by a supplier's endpoint.");
        let chance = f64::from(u16::from_be_bytes(keys::random())) / f64::from(u16::MAX);
        self.change(partner, id, move |own| {
            // What was told before the failure is not told again.
            own.attempts = if own.position < reached { 1 } else { own.attempts + 1 };
            own.position = own.position.max(reached);
            let pause = pause(own.attempts, chance);
            if is_gone || pause.is_none() {
                (own.state, own.due) = (State::Disabled, None);
            } else if let Some(pause) = pause {
                own.due = later(Timestamp::now(), asked.map_or(pause, |asked| asked.max(pause)));
            }
            own.detail = Some(detail);
        })
        .await
    }

    async fn change(
        &self,
        partner: &str,
        id: &str,
        change: impl FnOnce(&mut Endpoint) + Send,
    ) -> Result<(), LedgerError> {
        self.shelf.change(partner, |own| own.iter_mut().find(|one| one.id == id).map(change)).await.map(drop)
    }
}

impl Endpoint {
    fn wants(&self, event: &LogEvent) -> bool {
        self.types.is_empty() || self.types.contains(&event.kind)
    }
}

/// The pause after so many attempts, spread by a tenth to either side; `None` after the last.
fn pause(attempts: u32, chance: f64) -> Option<Duration> {
    let seconds = PAUSES.get(usize::try_from(attempts).ok()?.checked_sub(1)?)?;
    Some(Duration::from_secs(*seconds).mul_f64(0.9 + 0.2 * chance))
}

fn later(now: Timestamp, pause: Duration) -> Option<Timestamp> {
    now.saturating_add(SignedDuration::try_from(pause).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_are_made_in_three_days() {
        let all: Duration = (1..=9).map(|attempts| pause(attempts, 0.5).unwrap()).sum();
        assert_eq!(all.as_secs(), 75 * 3600 + 35 * 60 + 5);
        assert_eq!(pause(10, 0.5), None);
        assert!(pause(1, 0.0).unwrap() < pause(1, 1.0).unwrap());
    }
}
