//! Whatever suppliers post: a message's raw bytes at `/v1/messages`, and one canonical document, or raw bytes as well, at
//! the addresses of documents. Answered 202 when it is durable.

use std::{
    io::Read as _,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::{
    Extension,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, LOCATION},
    },
    response::Response,
};
use bytes::Bytes;
use hyper::body::Body as _;
use jiff::Timestamp;
use serde::Serialize;

use super::{Rest, StoredResponse, cxml, problems, view::Reason};
use crate::{
    document::{Fault, MessageId, Mode},
    exchange::{self, Arrival, Declared, Format, Refused, Scribe, Verdict},
    keys,
    ledger::{Channel, Direction, MAX_DOCUMENT, MessageFilter, MessageState, Receipt},
    limits::Upload,
    net::{
        self, Context, Place, Problem, codes as net_codes, media_type,
        problem::{FIELDS, INTERNAL, MEDIA_TYPE},
    },
    observe::Arrived,
    partner::{ApiAccess, Partner, Status},
    spool::{Body, Content, SpoolError},
};

/// The media types that are taken as they are.
const TAKEN: [&str; 5] =
    ["application/edi-x12", "application/xml", "text/xml", "text/plain", "application/octet-stream"];
/// What JSON is called that does not say so.
const JSON: &str = "application/json";
/// So many messages of the record are looked at together, and so many times, for whether a key is known.
const CHUNK: usize = 100;
const MAX_READS: usize = 10;
/// The longest payloadID that stands for a key: as long as a key may be.
const LONGEST_KEY: usize = 255;
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

pub(super) async fn submit(
    State(rest): State<Arc<Rest>>,
    Extension(access): Extension<ApiAccess>,
    Extension(context): Extension<Context>,
    request: Request,
) -> Result<Response, Problem> {
    take(&rest, access, context, None, request).await
}

/// Takes the body of a request. At an address of documents JSON is the one that is `declared`; X12 and XML say themselves
/// what they are, there as everywhere.
pub(super) async fn take(
    rest: &Rest,
    access: ApiAccess,
    context: Context,
    declared: Option<Declared>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let mut content_type = content_type(&head.headers, declared.is_some())?;
    // What says nothing of itself may be the declared document; that is seen when it is there.
    let (mut declared, unsaid) = match declared {
        Some(declared) if is_json(&content_type) => (Some(declared), None),
        Some(declared) if says_nothing(&content_type) => (None, Some(declared)),
        _ => (None, None),
    };
    let body = net::decoded(&head.headers, body)?;
    let key = key_in(&head.headers, &content_type)?;
    let cap = match declared {
        Some(_) => largest_document(&access.partner),
        None => access.partner.message_size,
    };
    let too_large = || match declared {
        Some(_) => problems::too_large_document(cap),
        None => problems::too_large(cap),
    };
    // What says that it is too large is not read at all.
    if body.size_hint().lower() > cap {
        return Err(too_large());
    }
    let over = rest.limiter().over_quota(rest.ledger.as_ref(), &access.partner, Timestamp::now()).await;
    // What is on the record already is nothing more: whoever repeats a request gets its answer.
    if let Some(over) = over.map_err(problems::from_ledger)?
        && !is_repeated(rest, &access, key.as_deref()).await?
    {
        return Err(problems::over_limit(over));
    }
    let declared_length = body.size_hint().exact();
    let _upload = upload(rest, &access, declared_length)?;
    let body = rest.spool.receive(body, cap).await.map_err(|error| match error {
        SpoolError::TooLarge { .. } => too_large(),
        error => problems::from_spool(error),
    })?;
    if declared_length.is_none() {
        rest.limiter().arrived(&access.partner, Channel::Rest, body.len);
    }
    if body.len == 0 {
        return Err(problems::EMPTY.because("The request has no body."));
    }
    if let Some(unsaid) = unsaid {
        if head_of(&body, exchange::DETECT_BYTES).await.is_some_and(|head| exchange::detect(&head) == Format::Json) {
            let largest = largest_document(&access.partner);
            if body.len > largest {
                return Err(problems::too_large_document(largest));
            }
            (declared, content_type) = (Some(unsaid), JSON.to_owned());
        } else if content_type.is_empty() {
            return Err(not_taken(None, true));
        }
    }
    let payload_id = if cxml::may_be(&content_type) { cxml::payload_id(&body).await } else { None };
    // A payloadID is for one document, and with the same bytes it is the same hand-over.
    let own_id = payload_id.as_ref().filter(|id| !id.is_empty() && id.len() <= LONGEST_KEY);
    let own_key = || Some(format!("{} {}", own_id?, keys::hex(body.digest.get(..8)?)));
    let key = key.or_else(own_key).ok_or_else(no_key)?;

    let received = Instant::now();
    let bytes = body.len;
    let correlation = context.id.correlation();
    let partner = Arc::clone(&access.partner);
    let arrival = Arrival {
        connection: access.partner,
        channel: Channel::Rest,
        mode: access.mode,
        transport_id: key,
        filename: None,
        content_type: Some(content_type),
        body,
        at: Timestamp::now(),
        correlation: correlation.clone(),
        declared,
    };
    let clerk = Arc::new(Clerk { cxml: payload_id.is_some(), ..Clerk::default() });
    // What has come whole is decided on, whether or not its sender still waits.
    let decided = tokio::spawn({
        let (intake, clerk) = (Arc::clone(&rest.intake), Arc::clone(&clerk));
        async move { intake.receive(arrival, clerk).await }
    });
    let decided = decided.await.map_err(|_| INTERNAL.because("The message could not be processed."))?;
    let own = decided.as_ref().ok().and_then(|receipt| clerk.own(receipt, &correlation));
    let answered = match (&decided, &own) {
        (Ok(_), Some((_, state))) => state.as_str(),
        (Ok(_), None) => "repeated",
        (Err(_), _) => "refused",
    };
    Arrived {
        channel: "rest",
        state: answered,
        connection: &partner.id,
        message: own.map(|(message, _)| message),
        bytes,
        elapsed: received.elapsed(),
        correlation: &correlation,
        trace: context.trace.as_ref().map(|trace| trace as &dyn std::fmt::Display),
    }
    .emit(&rest.metrics);

    let receipt = match decided.map_err(refusal) {
        Ok(receipt) => receipt,
        Err(problem) if payload_id.is_some() => return Ok(cxml::refusal(problem, &correlation)),
        Err(problem) => return Err(problem),
    };
    let Some(stored) = StoredResponse::decode(&receipt.0) else {
        tracing::error!(correlation, "A stored answer cannot be read.");
        return Err(INTERNAL.because("The stored answer to this message cannot be read."));
    };
    let mut response = stored.into_response();
    if answered == "repeated" {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The largest document in JSON that a partner may send.
pub(super) fn largest_document(partner: &Partner) -> u64 {
    partner.message_size.min(MAX_DOCUMENT)
}

/// Whether a request with this key is on the record, so that no other can be stored under it.
async fn is_repeated(rest: &Rest, access: &ApiAccess, key: Option<&str>) -> Result<bool, Problem> {
    let Some(key) = key else { return Ok(false) };
    let filter =
        MessageFilter { message_id: Some(key.to_owned()), direction: Some(Direction::In), ..MessageFilter::default() };
    let mut before = None;
    // Other partners may well use the same keys.
    for _ in 0..MAX_READS {
        let page = rest.ledger.messages(filter.clone(), before, CHUNK).await.map_err(problems::from_ledger)?;
        if page.iter().any(|message| {
            message.channel == Channel::Rest
                && message.connection == access.partner.id
                && message.transport_id.as_deref() == Some(key)
                && (message.mode == access.mode || access.partner.status != Status::Live)
        }) {
            return Ok(true);
        }
        before = page.last().map(|message| message.id).filter(|_| page.len() == CHUNK);
        if before.is_none() {
            break;
        }
    }
    Ok(false)
}

/// Begins an upload, if its partner may send so much now.
pub(super) fn upload(rest: &Rest, access: &ApiAccess, bytes: Option<u64>) -> Result<Upload, Problem> {
    rest.limiter().upload(&access.partner, Channel::Rest, bytes).map_err(problems::over_limit)
}

/// A receipt, and what it tells of: message, state, and which request it was.
type Written = (Bytes, MessageId, MessageState, String);

/// Writes this door's receipts, and knows its own again.
#[derive(Default)]
struct Clerk {
    /// Whether it answers a sender of cXML.
    cxml: bool,
    last: Mutex<Option<Written>>,
}

impl Clerk {
    /// What `receipt` tells of, where it is the one that was written last; else it is an earlier arrival's.
    fn own(&self, receipt: &Receipt, correlation: &str) -> Option<(MessageId, MessageState)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let own = last.as_ref().filter(|(bytes, .., of)| *bytes == receipt.0 && of == correlation);
        own.map(|(_, message, state, _)| (*message, *state))
    }
}

impl Scribe for Clerk {
    fn receipt(&self, verdict: &Verdict) -> Receipt {
        let answer = if self.cxml { cxml::receipt(verdict) } else { receipt(verdict) };
        let bytes = answer.encode();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((bytes.clone(), verdict.message, verdict.state, verdict.correlation.clone()));
        Receipt(bytes)
    }
}

/// Once stored, the door says yes, whatever the content turned out to be: that is said in the state, and by a 997.
fn receipt(verdict: &Verdict) -> StoredResponse {
    #[derive(Serialize)]
    struct Json<'a> {
        id: String,
        state: MessageState,
        mode: Mode,
        documents: u64,
        at: Timestamp,
        correlation_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        problem: Option<Reason>,
    }
    let json = Json {
        id: verdict.message.to_string(),
        state: verdict.state,
        mode: verdict.mode,
        documents: verdict.documents,
        at: verdict.at,
        correlation_id: &verdict.correlation,
        problem: Reason::of_verdict(verdict),
    };
    let location = HeaderValue::try_from(format!("/v1/messages/{}", verdict.message));
    StoredResponse {
        status: StatusCode::ACCEPTED,
        headers: vec![
            (LOCATION, location.unwrap_or(HeaderValue::from_static("/v1/messages"))),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ],
        // Plain texts and numbers: this cannot fail.
        body: serde_json::to_vec(&json).unwrap_or_default().into(),
    }
}

fn refusal(refused: Refused) -> Problem {
    match refused {
        Refused::NotCanonical(faults) => {
            let at = |pointer: &str| if pointer.is_empty() { "the document".to_owned() } else { pointer.to_owned() };
            let detail: Vec<_> =
                faults.iter().map(|fault| format!("{}: {}.", at(&fault.pointer), fault.text)).collect();
            let place = |fault: Fault| Place::pointer(fault.pointer, net_codes::FIELDS, fault.text);
            FIELDS.because(detail.join(" ")).at(faults.into_iter().map(place).collect())
        }
        Refused::Changed { first, subject } => problems::CHANGED
            .because(format!(
                "{subject} came before with another content. Send a change, a cancellation or a new number instead."
            ))
            .about(format!("/v1/messages/{first}")),
        Refused::KeyReused { first } => problems::KEY_REUSED
            .because("A message with this key is stored: one with other bytes, or to another address, or of another Content-Type.")
            .about(format!("/v1/messages/{first}")),
        Refused::Busy(reason) => {
            tracing::info!(reason, "An arrival was put off.");
            problems::BUSY.because("Nothing was stored; come again.").retry_after(problems::BUSY_SECONDS)
        }
        Refused::Unavailable(reason) => {
            tracing::warn!(reason, "An arrival could not be stored.");
            problems::UNAVAILABLE.because("Nothing was stored; come again.").retry_after(problems::UNAVAILABLE_SECONDS)
        }
    }
}

/// The first bytes of a body, at most so many.
pub(super) async fn head_of(body: &Body, most: usize) -> Option<Bytes> {
    if let Content::Memory(bytes) = &body.content {
        return Some(bytes.slice(..most.min(bytes.len())));
    }
    let body = body.clone();
    let read = tokio::task::spawn_blocking(move || {
        let mut head = Vec::with_capacity(most);
        #[expect(clippy::disallowed_methods, reason = "the `take` before it is the cap")]
        body.reader().ok()?.take(most as u64).read_to_end(&mut head).ok()?;
        Some(head.into())
    });
    read.await.ok().flatten()
}

/// Whether a media type, or none, leaves open what the body is. Programs that name no type send one of these.
fn says_nothing(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    ["", "text/plain", "application/octet-stream"].contains(&kind.as_str())
}

/// Whether a media type is that of canonical documents.
pub(super) fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// The whole `Content-Type`, where it is one of those taken. Where JSON is, there may be none: then it is empty.
fn content_type(headers: &HeaderMap, or_json: bool) -> Result<String, Problem> {
    if or_json && !headers.contains_key(CONTENT_TYPE) {
        return Ok(String::new());
    }
    let found = media_type(headers);
    if let Some(found) = &found
        && (TAKEN.contains(&found.as_str()) || (or_json && is_json(found)))
    {
        let whole = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        return Ok(whole.unwrap_or(found).to_owned());
    }
    Err(not_taken(found.as_deref(), or_json))
}

fn not_taken(found: Option<&str>, or_json: bool) -> Problem {
    let taken = if or_json { "application/json, " } else { "" }.to_owned() + &TAKEN.join(", ");
    MEDIA_TYPE.because(match found {
        None => format!("Say in Content-Type what the body is: {taken}."),
        Some(json) if is_json(json) => {
            format!("This address takes a message's raw bytes, not JSON: {taken}. Documents in JSON have their own.")
        }
        Some(other) => format!("Content-Type is {other}; this address takes {taken}."),
    })
}

/// Whether a request is one that could be taken, as far as can be told without its body.
pub(super) fn in_order(request: &Request) -> Result<(), Problem> {
    let content_type = content_type(request.headers(), true)?;
    key_in(request.headers(), &content_type)?;
    match request.body().size_hint().exact() {
        Some(0) => Err(problems::EMPTY.because("The request has no body.")),
        _ => Ok(()),
    }
}

/// The key, which every message has to have.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<String, Problem> {
    read_key(headers)?.ok_or_else(no_key)
}

/// The key of a message. Senders of cXML, which has an id of its own, need none.
fn key_in(headers: &HeaderMap, content_type: &str) -> Result<Option<String>, Problem> {
    match read_key(headers)? {
        None if !cxml::may_be(content_type) => Err(no_key()),
        key => Ok(key),
    }
}

fn no_key() -> Problem {
    problems::NO_IDEMPOTENCY_KEY.because("Send a key of your own for each request in the header Idempotency-Key.")
}

/// The key, if there is one.
pub(super) fn read_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    net::idempotency_key(headers).map_err(|detail| {
        let place = Place::header("Idempotency-Key", super::codes::BAD_IDEMPOTENCY_KEY, detail.clone());
        problems::BAD_IDEMPOTENCY_KEY.because(detail).at(vec![place])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn keys_are_read_with_and_without_quotes() {
        let read = |pairs: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in pairs {
                map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            idempotency_key(&map).map_err(|problem| problem.kind().code.as_str())
        };
        assert_eq!(read(&[("idempotency-key", "a b-1")]), Ok("a b-1".into()));
        assert_eq!(read(&[("idempotency-key", "\"a\"")]), Ok("a".into()));
        assert_eq!(read(&[]), Err("API-0103"));
        for wrong in ["", "\"\"", "a\tb", "\u{e9}"] {
            assert_eq!(read(&[("idempotency-key", wrong)]), Err("API-0104"), "{wrong:?}");
        }
        assert_eq!(read(&[("idempotency-key", "a"), ("idempotency-key", "a")]), Err("API-0104"));
        let long = |n: usize| {
            HeaderMap::from_iter([(
                HeaderName::from_static("idempotency-key"),
                HeaderValue::try_from("k".repeat(n)).unwrap(),
            )])
        };
        assert!(idempotency_key(&long(255)).is_ok() && idempotency_key(&long(256)).is_err());
    }

    #[test]
    fn media_types_are_taken_or_refused_with_a_word_on_what_to_send() {
        let of = |value| content_type(&headers(&[("content-type", value)]), false);
        assert_eq!(of("Application/EDI-X12; charset=us-ascii").unwrap(), "Application/EDI-X12; charset=us-ascii");
        for taken in TAKEN {
            assert_eq!(of(taken).unwrap(), taken);
        }
        assert!(of("application/json").unwrap_err().to_string().contains("not JSON"));
        assert!(of("application/x-www-form-urlencoded").unwrap_err().to_string().contains("application/edi-x12"));
        assert_eq!(content_type(&HeaderMap::new(), false).unwrap_err().kind(), MEDIA_TYPE);
        assert_eq!(content_type(&HeaderMap::new(), true).unwrap(), "");
        assert!(says_nothing("Text/Plain;charset=UTF-8") && !says_nothing("application/edi-x12"));
    }

    #[test]
    fn a_receipt_says_what_was_decided_and_keeps_our_own_matters_inside() {
        let verdict = Verdict {
            message: MessageId::new(1_700_000_000_000, 7),
            at: "2026-11-21T10:00:00Z".parse().unwrap(),
            state: MessageState::Rejected,
            mode: Mode::Live,
            documents: 1,
            problem: Some((Code("X12-0104"), "The ISA has 15 elements.".into())),
            correlation: "cor_1".into(),
        };
        let clerk = Clerk::default();
        let written = clerk.receipt(&verdict);
        assert_eq!(clerk.own(&written, "cor_1"), Some((verdict.message, MessageState::Rejected)));
        insta::assert_snapshot!(String::from_utf8_lossy(&written.0), @r#"
        gangway-answer/1 202
        location: /v1/messages/msg_01HF7YAT000000000000000007
        content-type: application/json

        {"id":"msg_01HF7YAT000000000000000007","state":"rejected","mode":"live","documents":1,"at":"2026-11-21T10:00:00Z","correlation_id":"cor_1","problem":{"code":"X12-0104","detail":"The ISA has 15 elements."}}
        "#);
        let held =
            Verdict { state: MessageState::Held, problem: Some((Code("MAP-0001"), "x.toml:7".into())), ..verdict };
        let held = clerk.receipt(&held);
        assert!(!String::from_utf8_lossy(&held.0).contains("x.toml"));
        assert_eq!(clerk.own(&written, "cor_1"), None, "another arrival's");
        assert!(clerk.own(&held, "cor_1").is_some());
    }

    #[test]
    fn refusals_say_when_to_come_again() {
        for (refused, status) in [
            (Refused::KeyReused { first: MessageId::new(1, 1) }, 422),
            (Refused::Busy("x".into()), 503),
            (Refused::Unavailable("x".into()), 503),
        ] {
            let problem = refusal(refused);
            let response = axum::response::IntoResponse::into_response(problem);
            assert_eq!(response.status(), status);
            assert_eq!(response.headers().contains_key("retry-after"), status == 503);
        }
    }
}
