//! The registry of metrics, in Prometheus' text form, and those metrics that are common to all rooms.

use std::sync::{PoisonError, RwLock};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Metric, Registry},
};

/// All metrics of a process.
#[derive(Debug)]
pub struct Metrics {
    registry: RwLock<Registry>,
    pub(super) requests: Family<RequestLabels, Counter>,
    pub(super) request_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    pub(super) arrivals: Family<ArrivalLabels, Counter>,
    pub(super) arrival_bytes: Family<ChannelLabels, Counter>,
    pub(super) commit_seconds: Histogram,
    pub(super) queue_depth: Family<QueueLabels, Gauge>,
    pub(super) queue_oldest_seconds: Family<ConsumerLabels, Gauge>,
    pub(super) deliveries_paused: Gauge,
    pub(super) ledger_full: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) listener: &'static str,
    pub(super) method: &'static str,
    pub(super) route: String,
    pub(super) status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RouteLabels {
    pub(super) listener: &'static str,
    pub(super) route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ArrivalLabels {
    pub(super) channel: &'static str,
    pub(super) state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ChannelLabels {
    pub(super) channel: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct QueueLabels {
    pub(super) consumer: String,
    pub(super) state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ConsumerLabels {
    pub(super) consumer: String,
}

impl Metrics {
    /// With the common metrics registered.
    pub fn new() -> Self {
        let metrics = Self {
            registry: RwLock::new(Registry::with_prefix("gangway")),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.0005, 2.5, 11))),
            arrivals: Family::default(),
            arrival_bytes: Family::default(),
            commit_seconds: Histogram::new(exponential_buckets(0.00025, 2.0, 16)),
            queue_depth: Family::default(),
            queue_oldest_seconds: Family::default(),
            deliveries_paused: Gauge::default(),
            ledger_full: Gauge::default(),
        };
        metrics.register("requests", "HTTP requests answered", metrics.requests.clone());
        metrics.register(
            "request_seconds",
            "Time from a request's head to its answer's head, long polls included",
            metrics.request_seconds.clone(),
        );
        metrics.register("arrivals", "Messages received, by what was decided", metrics.arrivals.clone());
        metrics.register("arrival_bytes", "Bytes of messages received", metrics.arrival_bytes.clone());
        metrics.register(
            "commit_seconds",
            "Time from an arrival's hand-over to the record until it is durable",
            metrics.commit_seconds.clone(),
        );
        metrics.register(
            "queue_events",
            "Events that a consumer has not acknowledged, by state",
            metrics.queue_depth.clone(),
        );
        metrics.register(
            "queue_oldest_seconds",
            "Age of the oldest event that a consumer has not acknowledged",
            metrics.queue_oldest_seconds.clone(),
        );
        metrics.register(
            "deliveries_paused",
            "1 while nothing is delivered to partners, after a restore",
            metrics.deliveries_paused.clone(),
        );
        metrics.register(
            "ledger_full",
            "1 while there is no room for the record, and nothing is taken",
            metrics.ledger_full.clone(),
        );
        metrics.register("build", "What runs", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        metrics
    }

    /// Adds a room's own metric, whose name gets the prefix `gangway_`. Keep a clone: it shares the value.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.registry.write().unwrap_or_else(PoisonError::into_inner).register(name, help, metric);
    }

    /// All of them, as `/metrics` shows them.
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(16 << 10);
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry.read().unwrap_or_else(PoisonError::into_inner));
        text
    }

    /// The media type of [`Metrics::encode`].
    pub const MEDIA_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
