//! `/healthz`: the process is up. `/readyz`: it can do its work, with what stands in the way.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Serialize;
use tokio::time::timeout;

use super::{Console, PATIENCE};
use crate::{ledger::MessageFilter, net};

pub(super) async fn alive() -> &'static str {
    "ok\n"
}

#[derive(Serialize)]
struct Ready {
    ready: bool,
    /// `ok`, or why the record does not answer or takes nothing.
    ledger: String,
    /// `ok`, or that the process is coming to an end.
    process: &'static str,
    /// Partners that run on an earlier version of their file. They work, so this alone does not make it unready.
    stale_partners: Vec<String>,
    /// Why nothing is delivered to partners. A person has to let it go on, so this alone does not make it unready.
    deliveries_paused: Option<String>,
}

pub(super) async fn ready(State(console): State<Arc<Console>>) -> Response {
    let asked = console.ledger.messages(MessageFilter::default(), None, 1);
    let ledger = match timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => console.no_room().unwrap_or_else(|| "ok".to_owned()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    let process = if console.stop.is_stopped() { "stopping" } else { "ok" };
    let ready = ledger == "ok" && process == "ok";
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (stale_partners, deliveries_paused) = ((console.stale)(), console.paused().await);
    net::json(status, &Ready { ready, ledger, process, stale_partners, deliveries_paused })
}
