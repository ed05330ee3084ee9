//! `/erp/v1/queue/{consumer}…`: ack, nack, extend, and how things stand. [`super::lease`] hands events out.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use axum::{
    extract::{Path, Request, State},
    http::{StatusCode, Uri},
    response::Response,
};
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use serde::Serialize;

use super::{Erp, problems};
use crate::{
    ledger::{AckOutcome, GivenUp, KeyState, LeaseToken, LedgerError, Parked, QueueStats},
    net::{self, Fields, Problem, Query},
    observe::Metrics,
};

/// A request of this room has so many bytes at most.
const MAX_BODY: usize = 256 << 10;
/// So many leases one request names at most.
const MAX_LEASES: usize = 500;
/// Lease times: 5 s to 12 h.
pub(super) const LEASE_SECS: std::ops::RangeInclusive<u32> = 5..=43_200;

/// This room's own metrics.
pub(super) struct Telemetry {
    pub(super) leased: Counter,
    acked: Counter,
    stale: Counter,
    pub(super) returned: Counter,
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
    let leases = Leases::of(&mut fields);
    fields.finish()?;
    let outcomes = erp.ledger.ack(&consumer, leases.each.clone(), Timestamp::now()).await.map_err(of_consumer)?;
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count() as u64;
    erp.telemetry.acked.inc_by(count(AckOutcome::Acked));
    erp.telemetry.stale.inc_by(count(AckOutcome::Stale));
    Ok(leases.results(&outcomes, "acked"))
}

/// `POST …/extend`.
pub(super) async fn extend(
    State(erp): State<Arc<Erp>>,
    Path(consumer): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let mut fields = read(request).await?;
    let leases = Leases::of(&mut fields);
    let secs = fields.number("lease_secs", LEASE_SECS, 60);
    fields.finish()?;
    let outcomes =
        erp.ledger.extend(&consumer, leases.each.clone(), secs, Timestamp::now()).await.map_err(of_consumer)?;
    Ok(leases.results(&outcomes, "extended"))
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
    let outcome = erp.ledger.nack(&consumer, lease, &reason, retry_in, Timestamp::now()).await.map_err(of_consumer)?;
    Ok(net::json(StatusCode::OK, &Outcome { lease: lease.to_string(), outcome: word(outcome, "returned") }))
}

/// `GET …/{consumer}`.
pub(super) async fn stats(
    State(erp): State<Arc<Erp>>,
    Path(consumer): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::of(&uri)?.finish()?;
    let stats: QueueStats = erp.ledger.queue_stats(&consumer, Timestamp::now()).await.map_err(of_consumer)?;
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
    let parked = erp.ledger.parked(&consumer).await.map_err(of_consumer)?;
    Ok(net::json(StatusCode::OK, &Answer { parked }))
}

/// `GET …/given-up`.
pub(super) async fn given_up(
    State(erp): State<Arc<Erp>>,
    Path(consumer): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Answer {
        given_up: Vec<GivenUp>,
    }
    let mut query = Query::of(&uri)?;
    let (after, limit) = (query.number("after", 0..=u64::MAX, 0), query.number("limit", 1..=500_usize, 50));
    query.finish()?;
    let given_up = erp.ledger.given_up(&consumer, after, limit).await.map_err(of_consumer)?;
    Ok(net::json(StatusCode::OK, &Answer { given_up }))
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
    let events = erp.ledger.peek(&consumer, limit).await.map_err(of_consumer)?;
    Ok(net::json(StatusCode::OK, &Answer { events }))
}

/// What the record's errors are where a consumer was asked for.
pub(super) fn of_consumer(error: LedgerError) -> Problem {
    problems::from_ledger(problems::NO_CONSUMER)(error)
}

pub(super) async fn read(request: Request) -> Result<Fields, Problem> {
    let (head, body) = request.into_parts();
    Fields::read(&head.headers, body, MAX_BODY).await
}

fn lease_read(text: &str) -> Option<LeaseToken> {
    text.parse().ok()
}

/// The leases that a request names: what is named twice is done once, and told as often as it was named.
struct Leases {
    named: Vec<LeaseToken>,
    each: Vec<LeaseToken>,
}

impl Leases {
    fn of(fields: &mut Fields) -> Self {
        let named = fields.list("leases", MAX_LEASES, "a lease as it was given out", lease_read);
        let mut seen = HashSet::new();
        let each = named.iter().copied().filter(|lease| seen.insert(*lease)).collect();
        Self { named, each }
    }

    /// What became of each that was named, in that order.
    fn results(&self, outcomes: &[AckOutcome], done: &'static str) -> Response {
        let of: HashMap<_, _> = self.each.iter().zip(outcomes).collect();
        let result = |lease: &LeaseToken| {
            let outcome = word(**of.get(lease)?, done);
            Some(Outcome { lease: lease.to_string(), outcome })
        };
        net::json(StatusCode::OK, &Results { results: self.named.iter().filter_map(result).collect() })
    }
}

fn word(outcome: AckOutcome, done: &'static str) -> &'static str {
    match outcome {
        AckOutcome::Acked => done,
        AckOutcome::AlreadyAcked => "already_acked",
        AckOutcome::Stale => "stale",
    }
}
