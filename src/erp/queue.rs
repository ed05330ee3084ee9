//! `/erp/v1/queue/{consumer}…`: lease with a long poll, ack, nack, extend, and how things stand.
//!
//! A lease is handed out only to somebody who is there to take it: when the caller goes away before the answer was
//! sent, its events are given back at once instead of when their lease runs out.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{StatusCode, Uri},
    response::Response,
};
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use serde::Serialize;
use tokio::{sync::oneshot, time::sleep};

use super::{Erp, problems};
use crate::{
    exchange::AsCloudEvent,
    ledger::{AckOutcome, KeyState, LeaseToken, LeasedEvent, LedgerError, Parked, QueueStats, SharedLedger},
    net::{self, FetchedToTheEnd, Fields, Problem, Query},
    observe::Metrics,
};

/// A request of this room has so many bytes at most.
const MAX_BODY: usize = 256 << 10;
/// So many leases one request names at most.
const MAX_LEASES: usize = 500;
/// A long poll looks again this often, for what comes due without anybody saying so.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// … and not more often than this, however much comes in for others.
const BREATH: Duration = Duration::from_millis(5);
/// Lease times: 5 s to 12 h.
const LEASE_SECS: std::ops::RangeInclusive<u32> = 5..=43_200;

/// This room's own metrics.
pub(super) struct Telemetry {
    leased: Counter,
    acked: Counter,
    stale: Counter,
    returned: Counter,
}

impl Telemetry {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let [leased, acked, stale, returned] = std::array::from_fn(|_| Counter::default());
        metrics.register("queue_leased", "Events handed out to consumers", leased.clone());
        metrics.register("queue_acked", "Events acknowledged by consumers", acked.clone());
        metrics.register("queue_stale", "Acknowledgements that came too late to count", stale.clone());
        metrics.register("queue_returned", "Leases given back because the caller had gone", returned.clone());
        Self { leased, acked, stale, returned }
    }
}

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
        let handed =
            hand_out(&erp, &consumer, max, secs).await.map_err(problems::from_ledger(problems::NO_CONSUMER))?;
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

#[derive(Serialize)]
struct Outcome {
    lease: String,
    outcome: &'static str,
}

#[derive(Serialize)]
struct Results {
    results: Vec<Outcome>,
}

/// `POST …/ack`.
pub(super) async fn ack(
    State(erp): State<Arc<Erp>>,
    Path(consumer): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let mut fields = read(request).await?;
    let leases = leases(&mut fields);
    fields.finish()?;
    let outcomes = erp
        .ledger
        .ack(&consumer, leases.clone(), Timestamp::now())
        .await
        .map_err(problems::from_ledger(problems::NO_CONSUMER))?;
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count() as u64;
    erp.telemetry.acked.inc_by(count(AckOutcome::Acked));
    erp.telemetry.stale.inc_by(count(AckOutcome::Stale));
    Ok(results(&leases, &outcomes, "acked"))
}

/// `POST …/extend`.
pub(super) async fn extend(
    State(erp): State<Arc<Erp>>,
    Path(consumer): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let mut fields = read(request).await?;
    let leases = leases(&mut fields);
    let secs = fields.number("lease_secs", LEASE_SECS, 60);
    fields.finish()?;
    let outcomes = erp
        .ledger
        .extend(&consumer, leases.clone(), secs, Timestamp::now())
        .await
        .map_err(problems::from_ledger(problems::NO_CONSUMER))?;
    Ok(results(&leases, &outcomes, "extended"))
}

/// `POST …/nack`.
pub(super) async fn nack(
    State(erp): State<Arc<Erp>>,
    Path(consumer): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let mut fields = read(request).await?;
    let lease = fields.parsed("lease", "a lease as it was given out", lease_read);
    let reason = fields.text("reason", 1000);
    let retry_in = fields.number("retry_in_secs", 0..=86_400_u32, 30);
    fields.finish()?;
    // `finish` has told of a lease that is missing.
    let Some(lease) = lease else { return Err(net::problem::INTERNAL.because("No lease.")) };
    let outcome = erp
        .ledger
        .nack(&consumer, lease, &reason, retry_in, Timestamp::now())
        .await
        .map_err(problems::from_ledger(problems::NO_CONSUMER))?;
    Ok(net::json(StatusCode::OK, &Outcome { lease: lease.to_string(), outcome: word(outcome, "returned") }))
}

/// `GET …/{consumer}`.
pub(super) async fn stats(
    State(erp): State<Arc<Erp>>,
    Path(consumer): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::of(&uri)?.finish()?;
    let stats: QueueStats = erp
        .ledger
        .queue_stats(&consumer, Timestamp::now())
        .await
        .map_err(problems::from_ledger(problems::NO_CONSUMER))?;
    Ok(net::json(StatusCode::OK, &stats))
}

/// `GET …/parked`.
pub(super) async fn parked(
    State(erp): State<Arc<Erp>>,
    Path(consumer): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Answer {
        parked: Vec<Parked>,
    }
    Query::of(&uri)?.finish()?;
    let parked = erp.ledger.parked(&consumer).await.map_err(problems::from_ledger(problems::NO_CONSUMER))?;
    Ok(net::json(StatusCode::OK, &Answer { parked }))
}

/// `GET …/peek`.
pub(super) async fn peek(
    State(erp): State<Arc<Erp>>,
    Path(consumer): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Answer {
        events: Vec<KeyState>,
    }
    let mut query = Query::of(&uri)?;
    let limit = query.number("limit", 1..=500_usize, 50);
    query.finish()?;
    let events = erp.ledger.peek(&consumer, limit).await.map_err(problems::from_ledger(problems::NO_CONSUMER))?;
    Ok(net::json(StatusCode::OK, &Answer { events }))
}

async fn read(request: Request) -> Result<Fields, Problem> {
    let (head, body) = request.into_parts();
    Fields::read(&head.headers, body, MAX_BODY).await
}

fn lease_read(text: &str) -> Option<LeaseToken> {
    text.parse().ok()
}

/// The leases that a request names, each once: what is named twice is done once and told once.
fn leases(fields: &mut Fields) -> Vec<LeaseToken> {
    let mut seen = HashSet::new();
    let mut leases = fields.list("leases", MAX_LEASES, "a lease as it was given out", lease_read);
    leases.retain(|lease| seen.insert(*lease));
    leases
}

fn results(leases: &[LeaseToken], outcomes: &[AckOutcome], done: &'static str) -> Response {
    let result = |(lease, outcome): (&LeaseToken, &AckOutcome)| Outcome {
        lease: lease.to_string(),
        outcome: word(*outcome, done),
    };
    net::json(StatusCode::OK, &Results { results: leases.iter().zip(outcomes).map(result).collect() })
}

fn word(outcome: AckOutcome, done: &'static str) -> &'static str {
    match outcome {
        AckOutcome::Acked => done,
        AckOutcome::AlreadyAcked => "already_acked",
        AckOutcome::Stale => "stale",
    }
}
