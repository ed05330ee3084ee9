//! The ERP's side, `/erp/v1/…` on the private listener: the queue, the log, documents for partners, and what became of
//! every message.
//!
//! One bearer token opens all of it ([`gate`]). The queue's promises are the ledger's; here they get their HTTP form,
//! and nobody who went away keeps a lease.

pub mod codes;
mod documents;
mod gate;
mod lease;
mod log;
mod messages;
mod orders;
mod problems;
mod queue;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post},
};

use crate::{exchange::Outlet, keys::Secret, ledger::SharedLedger, net::Stop, observe::Metrics};

/// The pages of this room's codes.
pub const EXPLAIN: &str = include_str!("explain.md");

/// What the ERP's API works with.
pub struct Erp {
    tokens: Vec<Secret>,
    ledger: SharedLedger,
    outlet: Arc<dyn Outlet>,
    telemetry: queue::Telemetry,
    stop: Stop,
}

impl Erp {
    /// Over these. Any of `tokens` opens it; with none, nobody gets in. Documents go to `outlet`. Long polls end when
    /// `stop` says so.
    pub fn new(
        tokens: Vec<Secret>,
        ledger: SharedLedger,
        outlet: Arc<dyn Outlet>,
        metrics: &Metrics,
        stop: Stop,
    ) -> Self {
        let telemetry = queue::Telemetry::new(metrics);
        Self { tokens, ledger, outlet, telemetry, stop }
    }

    /// Its routes.
    pub fn router(self) -> Router {
        let erp = Arc::new(self);
        Router::new()
            .route("/erp/v1/queue/{consumer}", get(queue::stats))
            .route("/erp/v1/queue/{consumer}/parked", get(queue::parked))
            .route("/erp/v1/queue/{consumer}/given-up", get(queue::given_up))
            .route("/erp/v1/queue/{consumer}/peek", get(queue::peek))
            .route("/erp/v1/queue/{consumer}/lease", post(lease::lease))
            .route("/erp/v1/queue/{consumer}/ack", post(queue::ack))
            .route("/erp/v1/queue/{consumer}/nack", post(queue::nack))
            .route("/erp/v1/queue/{consumer}/extend", post(queue::extend))
            .route("/erp/v1/documents", post(documents::submit))
            .route("/erp/v1/events", get(log::events))
            .route("/erp/v1/messages", get(messages::list))
            .route("/erp/v1/messages/{id}", get(messages::one))
            .route("/erp/v1/messages/{id}/payload", get(messages::payload))
            .route("/erp/v1/orders/{number}", get(orders::order))
            .route_layer(middleware::from_fn_with_state(Arc::clone(&erp), gate::gate))
            .with_state(erp)
    }
}
