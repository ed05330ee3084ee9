//! What the buyer sent, as canonical JSON: `/v1/orders`, one order by its number, its changes; `/v1/forecasts` the same way.
//! A supplier whose channel is this API has an order when it has read it to the end.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Path, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LINK},
    },
    response::Response,
    routing::{MethodRouter, get, post},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Rest, payload, problems, submit,
    view::{is_own, is_told},
};
use crate::{
    document::{DocumentType, MessageId, Mode},
    exchange::Declared,
    keys,
    ledger::{Direction, Document, DocumentState, Message, MessageFilter},
    net::{self, Context, Problem, Query},
    partner::ApiAccess,
};

/// So many entries a page has at most.
const MAX_PAGE: usize = 200;
/// So many messages of the record are looked at together …
const CHUNK: usize = 100;
/// … and so many times, for one answer.
const MAX_READS: usize = 10;
/// The changes of one order that are shown.
const MAX_CHANGES: usize = 100;

/// Documents of the buyer that have one address.
#[derive(Clone, Copy)]
pub(super) struct Family {
    /// What is shown by its number.
    main: &'static [DocumentType],
    /// What is listed.
    all: &'static [DocumentType],
}

/// Orders and their changes.
pub(super) const ORDERS: Family = Family {
    main: &[DocumentType::PurchaseOrder],
    all: &[DocumentType::PurchaseOrder, DocumentType::PurchaseOrderChange],
};
/// What changes an order.
const CHANGES: &[DocumentType] = &[DocumentType::PurchaseOrderChange];
/// Forecasts and the ship schedules that make them firm.
pub(super) const FORECASTS: Family = Family {
    main: &[DocumentType::Forecast, DocumentType::ShipSchedule],
    all: &[DocumentType::Forecast, DocumentType::ShipSchedule],
};

/// `GET` of a family's list.
pub(super) fn listing(family: Family) -> MethodRouter<Arc<Rest>> {
    get(move |State(rest): State<Arc<Rest>>, Extension(access): Extension<ApiAccess>, uri: Uri| async move {
        list(&rest, &access, family, &uri).await
    })
}

/// `GET` of one document of a family by its number.
pub(super) fn showing(family: Family) -> MethodRouter<Arc<Rest>> {
    get(
        move |State(rest): State<Arc<Rest>>,
              Extension(access): Extension<ApiAccess>,
              Path(number): Path<String>,
              uri: Uri,
              headers: HeaderMap| async move { one(rest, &access, family, &number, &uri, &headers).await },
    )
}

/// `POST` of a document about an order.
pub(super) fn answering(kind: DocumentType) -> MethodRouter<Arc<Rest>> {
    post(
        move |State(rest): State<Arc<Rest>>,
              Extension(access): Extension<ApiAccess>,
              Extension(context): Extension<Context>,
              Path(number): Path<String>,
              request: Request| async move {
            // Whether a request is in order comes before whether it is in time.
            submit::in_order(&request)?;
            unchanged(&rest, &access, &number, request.headers()).await?;
            let declared = Declared { kind, order: Some(number) };
            submit::take(&rest, access, context, Some(declared), request).await
        },
    )
}

/// `POST` of a document that is about no single order.
pub(super) fn taking(kind: DocumentType) -> MethodRouter<Arc<Rest>> {
    post(
        move |State(rest): State<Arc<Rest>>,
              Extension(access): Extension<ApiAccess>,
              Extension(context): Extension<Context>,
              request: Request| async move {
            submit::take(&rest, access, context, Some(Declared { kind, order: None }), request).await
        },
    )
}

/// A document in a list.
#[derive(Serialize)]
struct Entry {
    number: Option<String>,
    #[serde(rename = "type")]
    kind: Option<DocumentType>,
    state: DocumentState,
    mode: Mode,
    issued_at: Timestamp,
    message: MessageId,
    etag: String,
}

impl Entry {
    fn of(message: &Message, document: &Document) -> Self {
        Self {
            number: document.number.clone(),
            kind: document.kind,
            state: document.state,
            mode: message.mode,
            issued_at: message.at,
            message: message.id,
            etag: tag(document),
        }
    }

    /// The same, with the ETag that an order has by its number.
    async fn with_etag(mut self, rest: &Rest, access: &ApiAccess, document: &Document) -> Result<Self, Problem> {
        if document.kind == Some(DocumentType::PurchaseOrder) {
            self.etag = order_tag(rest, access, document).await?;
        }
        Ok(self)
    }
}

#[derive(Serialize)]
struct Page {
    data: Vec<Entry>,
    next: Option<String>,
}

/// Where a page ended: after this document of this message.
type Place = (MessageId, u32);

fn cursor((message, position): Place) -> String {
    BASE64_URL_SAFE_NO_PAD.encode([&message.to_bytes()[..], &position.to_be_bytes()].concat())
}

fn place(text: &str) -> Option<Place> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let (message, position) = bytes.split_at_checked(16)?;
    Some((MessageId::from_bytes(message.try_into().ok()?), u32::from_be_bytes(position.try_into().ok()?)))
}

async fn list(rest: &Rest, access: &ApiAccess, family: Family, uri: &Uri) -> Result<Response, Problem> {
    let mut query = Query::of(uri)?;
    let limit = query.number("limit", 1..=MAX_PAGE, 50);
    let after = query.parsed("after", "a cursor as it was given out", place);
    let state: Option<DocumentState> = query.word("state", "issued, delivered, acknowledged, rejected or failed");
    let kind: Option<DocumentType> = query.word("type", "a document's type, like purchase_order");
    let filter = MessageFilter {
        partner: Some(access.partner.id.clone()),
        direction: Some(Direction::Out),
        number: query.text("number"),
        from: query.moment("from"),
        to: query.moment("to"),
        ..MessageFilter::default()
    };
    query.finish()?;

    let fits = |document: &Document| {
        document.kind.is_some_and(|found| family.all.contains(&found) && kind.is_none_or(|kind| kind == found))
            && state.is_none_or(|state| state == document.state)
            && filter.number.as_ref().is_none_or(|number| document.number.as_ref() == Some(number))
    };
    let mut found: Vec<(Place, Entry)> = Vec::new();
    let mut before = None;
    if let Some((id, position)) = after {
        // What is left of the message in which the last page ended.
        before = Some(id);
        if let (Some(from), Ok(message)) =
            (position.checked_add(1), super::messages::own(rest, access, &id.to_string()).await)
        {
            if is_shown(access, &message) {
                gather(rest, access, &message, from, &fits, &mut found).await?;
            }
        }
    }
    let mut more = true;
    for _ in 0..MAX_READS {
        if found.len() > limit || !more {
            break;
        }
        let page = rest.ledger.messages(filter.clone(), before, CHUNK).await.map_err(problems::from_ledger)?;
        more = page.len() == CHUNK;
        for message in page {
            before = Some(message.id);
            if is_shown(access, &message) {
                gather(rest, access, &message, 0, &fits, &mut found).await?;
            }
            if found.len() > limit {
                more = true;
                break;
            }
        }
    }
    let next = if found.len() > limit {
        found.truncate(limit);
        found.last().map(|(place, _)| *place)
    } else {
        before.filter(|_| more).map(|message| (message, u32::MAX))
    };
    let next = next.map(cursor);
    let page = Page { data: found.into_iter().map(|(_, entry)| entry).collect(), next };
    Ok(net::page(uri, page.next.as_deref(), &page))
}

/// Whether what a message brings is business, or a rehearsal, of this key. After go-live rehearsals are over for live keys.
fn is_shown(access: &ApiAccess, message: &Message) -> bool {
    is_own(access, message) && is_told(access, message.mode)
}

async fn gather(
    rest: &Rest,
    access: &ApiAccess,
    message: &Message,
    from: u32,
    fits: &(impl Fn(&Document) -> bool + Sync),
    found: &mut Vec<(Place, Entry)>,
) -> Result<(), Problem> {
    let documents = rest.ledger.documents(message.id, from, crate::ledger::MAX_DOCUMENTS).await;
    let documents = documents.map_err(problems::from_ledger)?;
    for document in documents.iter().filter(|document| fits(document)) {
        let entry = Entry::of(message, document).with_etag(rest, access, document).await?;
        found.push(((message.id, document.position), entry));
    }
    Ok(())
}

/// What was issued with this number, newest first.
async fn issued(
    rest: &Rest,
    access: &ApiAccess,
    kinds: &[DocumentType],
    number: &str,
    most: usize,
) -> Result<Vec<(Message, Document)>, Problem> {
    let filter = MessageFilter {
        partner: Some(access.partner.id.clone()),
        direction: Some(Direction::Out),
        number: Some(number.to_owned()),
        ..MessageFilter::default()
    };
    let (mut found, mut before) = (Vec::new(), None);
    for _ in 0..MAX_READS {
        let page = rest.ledger.messages(filter.clone(), before, CHUNK).await.map_err(problems::from_ledger)?;
        let last = page.len() < CHUNK;
        for message in page {
            before = Some(message.id);
            if !is_shown(access, &message) {
                continue;
            }
            let documents = rest.ledger.documents(message.id, 0, crate::ledger::MAX_DOCUMENTS).await;
            for document in documents.map_err(problems::from_ledger)?.into_iter().rev() {
                let wanted = document.kind.is_some_and(|kind| kinds.contains(&kind));
                if wanted && document.number.as_deref() == Some(number) {
                    found.push((message.clone(), document));
                    if found.len() == most {
                        return Ok(found);
                    }
                }
            }
        }
        if last {
            break;
        }
    }
    Ok(found)
}

/// The document as it was handed over by the buyer.
async fn canonical(rest: &Rest, message: &Message, document: &Document) -> Result<Bytes, Problem> {
    let event = rest.ledger.event(message.id.event(document.position, 0)).await.map_err(problems::from_ledger)?;
    let lost = || problems::NO_ORDER.because("What it says is no longer kept.");
    event.map(|event| event.data).ok_or_else(lost)
}

/// The ETag of what one document says.
fn tag(document: &Document) -> String {
    quoted(&document.digest)
}

fn quoted(digest: &str) -> String {
    format!("\"{}\"", digest.get(..32).unwrap_or(digest))
}

/// The ETag of an order as it stands: of what it says, and of its newest change.
async fn order_tag(rest: &Rest, access: &ApiAccess, order: &Document) -> Result<String, Problem> {
    let Some(number) = &order.number else { return Ok(tag(order)) };
    let change = issued(rest, access, CHANGES, number, 1).await?.pop();
    Ok(change.map_or_else(|| tag(order), |(_, change)| tag_of(order, &change)))
}

fn tag_of(order: &Document, change: &Document) -> String {
    quoted(&keys::sha256_hex(format!("{}\n{}", order.digest, change.digest).as_bytes()))
}

fn nothing() -> Problem {
    problems::NO_ORDER.because("Nothing with this number was sent to you.")
}

async fn one(
    rest: Arc<Rest>,
    access: &ApiAccess,
    family: Family,
    number: &str,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    Query::of(uri)?.finish()?;
    let (message, document) = issued(&rest, access, family.main, number, 1).await?.pop().ok_or_else(nothing)?;
    let json = canonical(&rest, &message, &document).await?;
    let etag = match document.kind {
        Some(DocumentType::PurchaseOrder) => order_tag(&rest, access, &document).await?,
        _ => tag(&document),
    };
    let known = matches(headers, &IF_NONE_MATCH, &etag).unwrap_or(false);
    let mut response = if known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let mut response = Response::new(Body::from(json));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let waiting = payload::waiting(&rest, access, &message).await?;
        payload::handing_over(&rest, waiting.into_iter().collect(), response)
    };
    let link = format!("</v1/messages/{}>; rel=\"via\"", message.id);
    let said = [(ETAG, etag), (LINK, link), (CACHE_CONTROL, "private, no-cache".into())];
    response.headers_mut().extend(said.into_iter().filter_map(|(name, value)| Some((name, value.try_into().ok()?))));
    Ok(response)
}

/// `GET /v1/orders/{number}/changes`: the changes of an order, oldest first, each with its document.
pub(super) async fn changes(
    State(rest): State<Arc<Rest>>,
    Extension(access): Extension<ApiAccess>,
    Path(number): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Change {
        #[serde(flatten)]
        entry: Entry,
        document: Box<RawValue>,
    }
    #[derive(Serialize)]
    struct Changes {
        data: Vec<Change>,
        next: Option<String>,
    }
    Query::of(&uri)?.finish()?;
    let (mut data, mut deliveries) = (Vec::new(), Vec::new());
    for (message, document) in issued(&rest, &access, CHANGES, &number, MAX_CHANGES).await?.into_iter().rev() {
        let json = canonical(&rest, &message, &document).await?;
        let Ok(json) = serde_json::from_slice(&json) else { continue };
        data.push(Change { entry: Entry::of(&message, &document), document: json });
        deliveries.extend(payload::waiting(&rest, &access, &message).await?);
    }
    if data.is_empty() && issued(&rest, &access, ORDERS.main, &number, 1).await?.is_empty() {
        return Err(nothing());
    }
    Ok(payload::handing_over(&rest, deliveries, net::json(StatusCode::OK, &Changes { data, next: None })))
}

/// Refuses an answer to another form of the order than there is now, where the caller says which one it means.
async fn unchanged(rest: &Rest, access: &ApiAccess, number: &str, headers: &HeaderMap) -> Result<(), Problem> {
    if !headers.contains_key(IF_MATCH) {
        return Ok(());
    }
    let etag = match issued(rest, access, ORDERS.main, number, 1).await?.pop() {
        Some((_, order)) => order_tag(rest, access, &order).await?,
        None => String::new(),
    };
    match matches(headers, &IF_MATCH, &etag) {
        Some(true) if !etag.is_empty() => Ok(()),
        _ if etag.is_empty() => Err(problems::STALE.because("There is no such order whose form could be the same.")),
        _ => Err(problems::STALE.because(format!("The order's ETag is {etag} now."))),
    }
}

/// Whether a conditional header (RFC 9110, section 13.1) names `etag`; `None` where there is no such header.
fn matches(headers: &HeaderMap, name: &HeaderName, etag: &str) -> Option<bool> {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).peekable();
    values.peek()?;
    let one = |tag: &str| tag == "*" || tag.trim_start_matches("W/") == etag;
    Some(values.flat_map(|value| value.split(',')).any(|tag| one(tag.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back() {
        let at = (MessageId::new(1_700_000_000_000, 7), 3);
        assert_eq!(place(&cursor(at)), Some(at));
        assert_eq!((place("x"), place("")), (None, None));
    }

    #[test]
    fn conditions_are_read_as_the_rfc_has_them() {
        let of = |value: &'static str| HeaderMap::from_iter([(IF_MATCH, HeaderValue::from_static(value))]);
        let holds = |value| matches(&of(value), &IF_MATCH, "\"a\"");
        assert_eq!(holds("\"a\""), Some(true));
        assert_eq!(holds("\"b\", W/\"a\""), Some(true));
        assert_eq!((holds("*"), holds("\"b\"")), (Some(true), Some(false)));
        assert_eq!(matches(&HeaderMap::new(), &IF_MATCH, "\"a\""), None);
    }
}
