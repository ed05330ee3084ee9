//! `GET /v1/events`: everything about a supplier's documents, in order, from wherever it was read last. Whoever has nothing
//! new to read may wait for it. The cursor moves on even where nothing came, so that a quiet supplier's question stays cheap.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Extension,
    extract::State,
    http::{StatusCode, Uri},
    response::Response,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Serialize;
use tokio::time::sleep;

use super::{Rest, payload, problems, view::is_told};
use crate::{
    document::{DocumentType, Verb, event_type},
    exchange::AsCloudEvent,
    ledger::{LogEvent, LogFilter, LogPage},
    net::{self, Problem, Query},
    partner::ApiAccess,
};

/// So many events an answer has at most.
const MAX_EVENTS: usize = 200;
/// So many times the log is read for one answer, for as much as is looked at in one go.
const MAX_READS: usize = 5;
/// A long poll looks again this often, for what comes without anybody saying so …
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// … and not more often than this, however much comes in for others.
const BREATH: Duration = Duration::from_millis(25);

#[derive(Serialize)]
struct Page<'a> {
    data: Vec<AsCloudEvent<'a>>,
    /// Where to go on; there always is a next page, which may have nothing in it yet.
    next: String,
}

fn cursor(position: u64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(position.to_be_bytes())
}

fn position(text: &str) -> Option<u64> {
    Some(u64::from_be_bytes(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?))
}

pub(super) async fn events(
    State(rest): State<Arc<Rest>>,
    Extension(access): Extension<ApiAccess>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Query::of(&uri)?;
    let limit = query.number("limit", 1..=MAX_EVENTS, 50);
    let wait = Duration::from_secs(query.number("wait", 0..=30_u64, 0));
    let mut after = query.parsed("after", "a cursor as it was given out", position).unwrap_or(0);
    let filter = LogFilter { partner: Some(access.partner.id.clone()), kind: query.text("type") };
    query.finish()?;

    let until = Instant::now() + wait;
    let mut changed = rest.ledger.changed();
    loop {
        // Marked as seen before looking, so that what comes while we look is not missed.
        changed.borrow_and_update();
        let found = read(&rest, &access, &filter, after, limit).await?;
        after = found.reached;
        let left = until.saturating_duration_since(Instant::now());
        if !found.events.is_empty() || left.is_zero() || rest.stop.is_stopped() {
            return answer(&rest, &access, &uri, &found).await;
        }
        let woken = async {
            if found.is_end {
                tokio::select! {
                    // An error says that the record is closing; its next answer says so, too.
                    _ = changed.changed() => {}
                    () = sleep(LOOK_AGAIN) => {}
                }
            }
            sleep(BREATH).await;
        };
        tokio::select! {
            () = woken => {}
            () = sleep(left) => {}
            () = rest.stop.stopped() => {}
        }
    }
}

/// What there is to read after a position, and how far the log was looked through for it.
pub(super) async fn read(
    rest: &Rest,
    access: &ApiAccess,
    filter: &LogFilter,
    after: u64,
    limit: usize,
) -> Result<LogPage, Problem> {
    let mut found = LogPage { reached: after, ..LogPage::default() };
    for _ in 0..MAX_READS {
        let wanted = limit - found.events.len();
        let page = rest.ledger.log(found.reached, filter.clone(), wanted).await.map_err(problems::from_ledger)?;
        (found.reached, found.is_end) = (page.reached, page.is_end);
        found.events.extend(page.events.into_iter().filter(|event| concerns(access, event)));
        if found.is_end || found.events.len() == limit {
            break;
        }
    }
    Ok(found)
}

/// Whether an event is for this key. How a delivery of ours fares is our own matter.
fn concerns(access: &ApiAccess, event: &LogEvent) -> bool {
    let told = matches!(
        Verb::of(&event.kind),
        Some(Verb::Issued | Verb::Received | Verb::Corrected | Verb::Accepted | Verb::Rejected | Verb::Overdue)
    );
    told && is_told(access, event.mode)
}

/// The types of events that suppliers can be told of: of what we send them, what they send, and what of it is late.
pub(super) fn types() -> Vec<String> {
    use DocumentType::*;
    let change = PurchaseOrderChange;
    let plans = [Forecast, ShipSchedule, ReceiptAdvice, RemittanceAdvice, ApplicationAdvice];
    let answers = [OrderAcknowledgement, OrderChangeAcknowledgement];
    let ours = [PurchaseOrder, change].into_iter().chain(plans);
    let theirs = answers.into_iter().chain([ShipmentNotice, Invoice, InventoryReport, PurchaseOrder, change]);
    let late = answers.into_iter().chain([FunctionalAcknowledgement]);
    let of = |kind, verbs: &[Verb]| verbs.iter().map(|verb| event_type(kind, *verb)).collect::<Vec<_>>();
    let ours = ours.flat_map(|kind| of(kind, &[Verb::Issued, Verb::Accepted, Verb::Rejected]));
    let theirs = theirs.flat_map(|kind| of(kind, &[Verb::Received, Verb::Corrected]));
    ours.chain(theirs).chain(late.flat_map(|kind| of(kind, &[Verb::Overdue]))).collect()
}

/// The answer; once it was read to its end, the documents in it are delivered.
async fn answer(rest: &Arc<Rest>, access: &ApiAccess, uri: &Uri, found: &LogPage) -> Result<Response, Problem> {
    let next = cursor(found.reached);
    let page = Page { data: found.events.iter().map(AsCloudEvent).collect(), next };
    let response = net::page(uri, Some(&page.next), &page);
    let mut deliveries = Vec::new();
    for event in found.events.iter().filter(|event| Verb::of(&event.kind) == Some(Verb::Issued)) {
        deliveries.extend(payload::waiting_of(rest, access, event.message).await?);
    }
    if response.status() != StatusCode::OK {
        return Ok(response);
    }
    Ok(payload::handing_over(rest, deliveries, response))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back() {
        assert_eq!(position(&cursor(7)), Some(7));
        assert_eq!((position("7"), position("")), (None, None));
    }
}
