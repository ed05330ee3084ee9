//! `GET /erp/v1/events`: the log from a position on, for replay and audit. Leases nothing.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, Uri},
    response::Response,
};
use serde::Serialize;

use super::{Erp, problems};
use crate::{
    exchange::AsCloudEvent,
    ledger::LogFilter,
    net::{self, Problem, Query},
};

/// So many events a page has at most.
const MAX_PAGE: usize = 1000;

pub(super) async fn events(State(erp): State<Arc<Erp>>, uri: Uri) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Page<'a> {
        data: Vec<AsCloudEvent<'a>>,
        /// Ask again `after` this; it is the same as asked while nothing new is there.
        next: u64,
    }
    let mut query = Query::of(&uri)?;
    let after = query.number("after", 0..=u64::MAX, 0);
    let limit = query.number("limit", 1..=MAX_PAGE, 200);
    let filter = LogFilter { partner: query.text("partner"), kind: query.text("type") };
    query.finish()?;
    let events = erp.ledger.events(after, filter, limit).await.map_err(problems::from_ledger(problems::NO_MESSAGE))?;
    let next = events.last().map_or(after, |event| event.position);
    Ok(net::json(StatusCode::OK, &Page { data: events.iter().map(AsCloudEvent).collect(), next }))
}
