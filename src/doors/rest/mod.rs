//! The supplier API, `/v1/…` on the public listener: orders out, answers and raw messages in, and
//! what became of them.
//!
//! Every request is let in by one gate ([`gate`]): whose key, may they, may they now. A message is answered 202 only
//! when it is durable, with bytes that are stored beside it, so that a repetition gets the same.

pub mod codes;
mod cxml;
mod events;
mod feed;
mod gate;
mod hooks;
mod issuer;
mod limits;
mod messages;
mod openapi;
mod orders;
mod payload;
mod problems;
mod stored;
mod submit;
mod token;
mod validate;
mod view;

pub use hooks::Hooks;
pub use issuer::Issuer;
pub use openapi::document as openapi;
pub use stored::StoredResponse;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::{
    Router, middleware,
    routing::{get, post},
};
use tokio::task::JoinHandle;

use crate::{
    document::DocumentType,
    exchange::{Exchange, Intake, Snapshot},
    ledger::SharedLedger,
    limits::Limiter,
    net::Stop,
    observe::Metrics,
    partner::Directory,
    spool::Spool,
};

/// The pages of this room's codes.
pub const EXPLAIN: &str = include_str!("explain.md");

/// What the supplier API works with.
pub struct Rest {
    directory: Arc<ArcSwap<Directory>>,
    intake: Arc<dyn Intake>,
    ledger: SharedLedger,
    spool: Arc<Spool>,
    metrics: Arc<Metrics>,
    telemetry: events::Telemetry,
    limiter: Arc<Limiter>,
    /// What bodies are tried with.
    snapshot: Option<Arc<ArcSwap<Snapshot>>>,
    stop: Stop,
    tokens: token::Tokens,
    issuer: Option<Arc<Issuer>>,
    hooks: Option<Hooks>,
}

impl Rest {
    /// Over these; its own metrics are registered with the rest.
    pub fn new(
        directory: Arc<ArcSwap<Directory>>,
        intake: Arc<dyn Intake>,
        ledger: SharedLedger,
        spool: Arc<Spool>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let telemetry = events::Telemetry::new(&metrics);
        let limiter = Arc::new(Limiter::default());
        Self {
            directory,
            intake,
            ledger,
            spool,
            metrics,
            telemetry,
            limiter,
            snapshot: None,
            stop: Stop::new(),
            tokens: token::Tokens::new(),
            issuer: None,
            hooks: None,
        }
    }

    /// Counts together with this exchange, tries bodies with its configuration, and ends long polls when `stop` says so.
    pub fn beside(self, exchange: &Exchange, stop: Stop) -> Self {
        Self { limiter: exchange.limiter(), snapshot: Some(exchange.snapshot()), stop, ..self }
    }

    /// Takes the tokens of this issuer, too.
    pub fn trusting(self, issuer: Option<Arc<Issuer>>) -> Self {
        Self { issuer, ..self }
    }

    /// Lets suppliers name endpoints of their own, and keeps them there.
    pub fn telling(self, hooks: Hooks) -> Self {
        Self { hooks: Some(hooks), ..self }
    }

    fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.as_ref().map(|snapshot| snapshot.load_full())
    }

    /// Its routes, and the task that tells suppliers' own endpoints. Nothing of the ERP's side is among them.
    pub fn open(self) -> (Router, Option<JoinHandle<()>>) {
        let rest = Arc::new(self);
        let telling = hooks::spawn(&rest);
        (Self::routes(rest), telling)
    }

    /// Its routes alone.
    pub fn router(self) -> Router {
        Self::routes(Arc::new(self))
    }

    fn routes(rest: Arc<Self>) -> Router {
        Router::new()
            .route("/v1/messages", get(messages::list).post(submit::submit))
            .route("/v1/messages/{id}", get(messages::one))
            .route("/v1/messages/{id}/payload", get(payload::payload))
            .route("/v1/orders", orders::listing(orders::ORDERS))
            .route("/v1/orders/{number}", orders::showing(orders::ORDERS))
            .route("/v1/orders/{number}/changes", get(orders::changes))
            .route("/v1/orders/{number}/acknowledgements", orders::answering(DocumentType::OrderAcknowledgement))
            .route(
                "/v1/orders/{number}/change_acknowledgements",
                orders::answering(DocumentType::OrderChangeAcknowledgement),
            )
            .route("/v1/orders/{number}/shipments", orders::answering(DocumentType::ShipmentNotice))
            .route("/v1/orders/{number}/invoices", orders::answering(DocumentType::Invoice))
            .route("/v1/events", get(feed::events))
            .route("/v1/limits", get(limits::limits))
            .route("/v1/validate", post(validate::validate))
            .route("/v1/webhook_endpoints", hooks::collection())
            .route("/v1/webhook_endpoints/{id}", hooks::member())
            .route("/v1/webhook_endpoints/{id}/rotate", hooks::rotation())
            .route("/v1/webhook_endpoints/{id}/test", hooks::test())
            .route("/v1/inventory_reports", orders::taking(DocumentType::InventoryReport))
            .route("/v1/forecasts", orders::listing(orders::FORECASTS))
            .route("/v1/forecasts/{number}", orders::showing(orders::FORECASTS))
            .route_layer(middleware::from_fn_with_state(Arc::clone(&rest), gate::gate))
            // What follows is for anybody.
            .route("/v1/openapi.json", get(openapi::json))
            .route("/v1/docs", get(openapi::html))
            .route("/v1/oauth/token", post(token::token))
            // The document itself shows whose it is.
            .route("/v1/cxml", post(cxml::submit))
            .with_state(rest)
    }
}
