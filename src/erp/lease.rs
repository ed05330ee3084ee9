//! `POST /erp/v1/queue/{consumer}/lease`, with a long poll.
//!
//! A lease is handed out only to somebody who is there to take it: when the caller goes away before the answer was
//! sent, its events are given back at once instead of when their lease runs out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use serde::Serialize;
use tokio::{sync::oneshot, time::sleep};

use super::{
    Erp,
    queue::{LEASE_SECS, of_consumer, read},
};
use crate::{
    exchange::AsCloudEvent,
    ledger::{LeaseToken, LeasedEvent, LedgerError, SharedLedger},
    net::{self, FetchedToTheEnd, Problem},
};

/// A long poll looks again this often, for what comes due without anybody saying so.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// … and not more often than this, however much comes in for others.
const BREATH: Duration = Duration::from_millis(5);

/// `POST …/lease`.
pub(super) async fn lease(
    State(erp): State<Arc<Erp>>,
    Path(consumer): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let mut fields = read(request).await?;
    let max = fields.number("max", 1..=500_u32, 100) as usize;
    let wait = Duration::from_secs(fields.number("wait_secs", 0..=30_u64, 0));
    let secs = fields.number("lease_secs", LEASE_SECS, 60);
    fields.finish()?;

    let until = Instant::now() + wait;
    let mut changed = erp.ledger.changed();
    loop {
        // Marked as seen before looking, so that what comes while we look is not missed.
        changed.borrow_and_update();
        let handed = hand_out(&erp, &consumer, max, secs).await.map_err(of_consumer)?;
        let left = until.saturating_duration_since(Instant::now());
        if !handed.events.is_empty() || left.is_zero() || erp.stop.is_stopped() {
            return Ok(answer(&erp, handed));
        }
        let woken = async {
            tokio::select! {
                change = changed.changed() => if change.is_err() {
                    // The record is closing; its next answer says so.
                    sleep(LOOK_AGAIN).await;
                },
                () = sleep(LOOK_AGAIN) => {}
            }
            sleep(BREATH).await;
        };
        tokio::select! {
            () = woken => {}
            () = sleep(left) => {}
            () = erp.stop.stopped() => {}
        }
    }
}

/// Events that were leased and did not reach their consumer yet. Dropped before [`Handed::reached`], they are given
/// back.
struct Handed {
    ledger: SharedLedger,
    returned: Counter,
    consumer: String,
    events: Vec<LeasedEvent>,
    leases: Vec<LeaseToken>,
}

impl Handed {
    fn reached(mut self) {
        self.leases.clear();
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let leases = std::mem::take(&mut self.leases);
        if leases.is_empty() {
            return;
        }
        let (ledger, consumer) = (Arc::clone(&self.ledger), std::mem::take(&mut self.consumer));
        self.returned.inc_by(leases.len() as u64);
        runtime.spawn(async move {
            tracing::info!(consumer, leases = leases.len(), "A consumer went away before its events were sent.");
            for lease in leases {
                let gone = "the consumer went away before the answer was sent";
                if let Err(error) = ledger.nack(&consumer, lease, gone, 0, Timestamp::now()).await {
                    tracing::warn!(consumer, %lease, %error, "A lease could not be given back; it will run out.");
                }
            }
        });
    }
}

/// Leases in a task of its own, so that a caller who goes away half-way leaves nothing leased.
async fn hand_out(erp: &Erp, consumer: &str, max: usize, secs: u32) -> Result<Handed, LedgerError> {
    let (ledger, returned, consumer) = (Arc::clone(&erp.ledger), erp.telemetry.returned.clone(), consumer.to_owned());
    let (send, receive) = oneshot::channel();
    tokio::spawn(async move {
        let leased = ledger.lease(&consumer, max, secs, Timestamp::now()).await;
        let handed = leased.map(|events| {
            let leases = events.iter().map(|event| event.lease).collect();
            Handed { ledger, returned, consumer, events, leases }
        });
        // Where nobody waits any more, this drops it, which gives the events back.
        drop(send.send(handed));
    });
    receive.await.unwrap_or_else(|_| Err(LedgerError::Unavailable("the lease was not worked out".into())))
}

#[derive(Serialize)]
struct Answer<'a> {
    events: Vec<Leased<'a>>,
}

#[derive(Serialize)]
struct Leased<'a> {
    lease: String,
    attempt: u32,
    event: AsCloudEvent<'a>,
}

impl<'a> Leased<'a> {
    fn of(leased: &'a LeasedEvent) -> Self {
        Self { lease: leased.lease.to_string(), attempt: leased.attempt, event: AsCloudEvent(&leased.event) }
    }
}

fn answer(erp: &Erp, mut handed: Handed) -> Response {
    let events = std::mem::take(&mut handed.events);
    let response = net::json(StatusCode::OK, &Answer { events: events.iter().map(Leased::of).collect() });
    if !response.status().is_success() {
        // They could not be written; dropping `handed` gives them back.
        return response;
    }
    let counter = erp.telemetry.leased.clone();
    response.map(|body| {
        Body::new(FetchedToTheEnd::new(body, move || {
            counter.inc_by(events.len() as u64);
            handed.reached();
        }))
    })
}
