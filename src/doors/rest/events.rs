//! What only the supplier API tells of.

use std::net::SocketAddr;

use prometheus_client::metrics::counter::Counter;

use crate::observe::Metrics;

/// This room's own metrics.
pub(super) struct Telemetry {
    keys_refused: Counter,
}

impl Telemetry {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let telemetry = Self { keys_refused: Counter::default() };
        metrics.register(
            "api_keys_refused",
            "Requests to the supplier API without a key that is known",
            telemetry.keys_refused.clone(),
        );
        telemetry
    }
}

/// Somebody called without a key that is known.
pub(super) struct KeyRefused {
    pub(super) peer: Option<SocketAddr>,
    pub(super) presented: bool,
}

impl KeyRefused {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        // Anybody can cause this line, so it is not shown unless asked for; the counter is.
        tracing::debug!(peer = ?self.peer, presented = self.presented, "An API key was refused.");
        telemetry.keys_refused.inc();
    }
}
