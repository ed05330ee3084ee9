//! What operators reach on the private listener without a token: what runs, whether it is well, and its metrics.

mod health;
mod home;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::get,
};
use jiff::Timestamp;
use tokio::time::timeout;

use crate::{
    ledger::SharedLedger,
    net::{Served, Stop},
    observe::{Deliveries, Metrics, Queue, Requested, Room},
};

/// The record has this long to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tells which partners run on an earlier version of their file, because the present one is broken.
pub type StalePartners = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// What the console shows.
pub struct Console {
    /// The record.
    pub ledger: SharedLedger,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The consumers of the queue, by name.
    pub consumers: Vec<String>,
    /// The listeners: a word and an address each.
    pub listeners: Vec<(String, String)>,
    /// Partners whose file is broken.
    pub stale: StalePartners,
    /// When the process started.
    pub started: Instant,
    /// Says when it ends.
    pub stop: Stop,
}

impl Console {
    /// Its routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/", get(home::home))
            .route("/metrics", get(metrics))
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::ready))
            .with_state(Arc::new(self))
    }

    /// Why nothing can be stored, where there is no room.
    fn no_room(&self) -> Option<String> {
        self.ledger.no_room().borrow().clone()
    }

    /// Why nothing is delivered to partners, where the record says so.
    async fn paused(&self) -> Option<String> {
        timeout(PATIENCE, self.ledger.deliveries_paused()).await.ok()?.ok()?
    }
}

/// Counts and logs the requests of an app: see [`App::watched`](crate::net::App::watched).
pub fn requests_into(metrics: Arc<Metrics>) -> impl Fn(&Served<'_>) + Send + Sync + 'static {
    move |served| {
        Requested {
            listener: served.listener,
            method: served.method.as_str(),
            route: served.route,
            status: served.status.as_u16(),
            elapsed: served.elapsed,
            id: served.id,
            problem: served.problem.map(|problem| (problem.kind().code.0, problem.detail())),
        }
        .emit(&metrics);
    }
}

/// `GET /metrics`: the record's figures are taken at the time of asking.
async fn metrics(State(console): State<Arc<Console>>) -> Response {
    let now = Timestamp::now();
    for consumer in &console.consumers {
        match console.ledger.queue_stats(consumer, now).await {
            Ok(stats) => Queue {
                consumer,
                waiting: stats.depth.saturating_sub(stats.leased + stats.parked),
                leased: stats.leased,
                parked: stats.parked,
                oldest: stats.oldest.map(|oldest| now.duration_since(oldest).unsigned_abs()),
            }
            .emit(&console.metrics),
            Err(error) => tracing::warn!(consumer, %error, "The queue's figures could not be had."),
        }
    }
    Room { lacking: console.no_room().is_some() }.emit(&console.metrics);
    Deliveries { paused: console.paused().await.is_some() }.emit(&console.metrics);
    ([(CONTENT_TYPE, Metrics::MEDIA_TYPE)], console.metrics.encode()).into_response()
}
