//! `GET /erp/v1/events`: the log from a position on, for replay and audit. Leases nothing. Where a filter fits little, an answer
//! may have nothing in it, and its `next` goes on all the same.

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
    ledger::{LogFilter, LogPage},
    net::{self, Problem, Query},
};

/// So many events a page has at most.
const MAX_PAGE: usize = 1000;
/// So many times the log is read for one answer, for as much as is looked at in one go.
const MAX_READS: usize = 5;

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
    let mut found = LogPage { reached: after, ..LogPage::default() };
    for _ in 0..MAX_READS {
        let wanted = limit - found.events.len();
        let page = erp.ledger.log(found.reached, filter.clone(), wanted).await;
        let page = page.map_err(problems::from_ledger(problems::NO_MESSAGE))?;
        found.events.extend(page.events);
        found.reached = page.reached;
        if page.is_end || found.events.len() >= limit {
            break;
        }
    }
    let data = found.events.iter().map(AsCloudEvent).collect();
    Ok(net::json(StatusCode::OK, &Page { data, next: found.reached }))
}
