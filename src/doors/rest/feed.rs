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
    document::Verb,
    exchange::AsCloudEvent,
    ledger::{LogEvent, LogFilter},
    net::{self, Problem, Query},
    partner::ApiAccess,
};

/// So many events an answer has at most.
const MAX_EVENTS: usize = 200;
/// So many times the log is read for one answer.
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
        let (found, to) = read(&rest, &access, &filter, after, limit).await?;
        after = to;
        let left = until.saturating_duration_since(Instant::now());
        if !found.is_empty() || left.is_zero() || rest.stop.is_stopped() {
            return answer(&rest, &access, &uri, &found, after).await;
        }
        let woken = async {
            tokio::select! {
                // An error says that the record is closing; its next answer says so, too.
                _ = changed.changed() => {}
                () = sleep(LOOK_AGAIN) => {}
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
    mut after: u64,
    limit: usize,
) -> Result<(Vec<LogEvent>, u64), Problem> {
    let mut found: Vec<LogEvent> = Vec::new();
    for _ in 0..MAX_READS {
        // The end of the log first: what comes after that is for the next question.
        let head = rest.ledger.head().await.map_err(problems::from_ledger)?;
        let wanted = limit - found.len();
        let page = rest.ledger.events(after, filter.clone(), wanted).await.map_err(problems::from_ledger)?;
        let over = page.len() < wanted;
        after = page.last().map_or(after, |last| last.position);
        if over {
            after = after.max(head);
        }
        found.extend(page.into_iter().filter(|event| concerns(access, event)));
        if over || found.len() == limit {
            break;
        }
    }
    Ok((found, after))
}

/// Whether an event is for this key. How a delivery of ours fares is our own matter.
fn concerns(access: &ApiAccess, event: &LogEvent) -> bool {
    let told = matches!(
        Verb::of(&event.kind),
        Some(Verb::Issued | Verb::Received | Verb::Corrected | Verb::Accepted | Verb::Rejected | Verb::Overdue)
    );
    told && is_told(access, event.mode)
}

/// The answer; once it was read to its end, the documents in it are delivered.
async fn answer(
    rest: &Arc<Rest>,
    access: &ApiAccess,
    uri: &Uri,
    found: &[LogEvent],
    after: u64,
) -> Result<Response, Problem> {
    let next = cursor(after);
    let page = Page { data: found.iter().map(AsCloudEvent).collect(), next };
    let response = net::page(uri, Some(&page.next), &page);
    let mut deliveries = Vec::new();
    for event in found.iter().filter(|event| Verb::of(&event.kind) == Some(Verb::Issued)) {
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
