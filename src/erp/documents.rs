//! `POST /erp/v1/documents`: what the ERP has for partners, one document as JSON or many as lines of JSON, each with its own
//! result. 202 says that it is on the record and will go out; what cannot go out is told at once, field by field.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, LOCATION},
    },
    response::Response,
};
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{Erp, codes, problems};
use crate::{
    document::{DocumentType, Mode},
    exchange::{NotTaken, Recipient, Scribe, Submission, Taken, Verdict},
    ledger::{MessageState, Receipt},
    net::{self, Context, Place, Problem, codes as net_codes, problem::FIELDS},
};

/// The largest body.
const LARGEST: usize = 64 << 20;
/// The most lines of one body.
const LINES: usize = 10_000;
/// How many partners' documents are worked on side by side.
const SIDE_BY_SIDE: usize = 32;
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// One document as it is handed over.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Handed {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    partner: Option<String>,
    #[serde(default)]
    vendor_number: Option<String>,
    data: Box<RawValue>,
    /// In lines: the document's own key.
    #[serde(default)]
    idempotency_key: Option<String>,
}

pub(super) async fn submit(
    State(erp): State<Arc<Erp>>,
    Extension(context): Extension<Context>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let lines = match net::media_type(&head.headers).as_deref() {
        Some("application/x-ndjson" | "application/jsonl" | "application/ndjson") => true,
        None => false,
        Some(json) if json == "application/json" || json.ends_with("+json") => false,
        Some(other) => {
            let text = format!("Content-Type is {other}; this address takes application/json or application/x-ndjson.");
            return Err(net::problem::MEDIA_TYPE.because(text));
        }
    };
    let key = net::idempotency_key(&head.headers).map_err(|detail| {
        problems::KEY.because(detail.clone()).at(vec![Place::header("Idempotency-Key", codes::KEY, detail)])
    })?;
    let body = net::without_mark(net::whole(net::decoded(&head.headers, body)?, LARGEST).await?);
    let correlation = context.id.correlation();
    if lines {
        return many(&erp, key, &body, &correlation).await;
    }
    let Some(key) = key else {
        let detail = "Send a key of your own for each document in the header Idempotency-Key.";
        return Err(problems::KEY.because(detail));
    };
    let submission = read(&body, key, &correlation)?;
    let taken = take(&erp, submission).await?;
    let id = id_of(&taken);
    let mut response = Response::new(Body::from(taken.receipt.0));
    *response.status_mut() = StatusCode::ACCEPTED;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(location) = HeaderValue::try_from(format!("/erp/v1/messages/{id}")) {
        headers.insert(LOCATION, location);
    }
    if taken.repeated {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Reads one document.
fn read(body: &[u8], key: String, correlation: &str) -> Result<Submission, Problem> {
    let handed: Handed = serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => FIELDS.because(format!("{error}.")),
        _ => net::problem::JSON.because(format!("The body is not JSON: {error}.")),
    })?;
    let mut wrong = Vec::new();
    let kind = handed.kind.parse::<DocumentType>();
    if kind.is_err() || kind == Ok(DocumentType::FunctionalAcknowledgement) {
        let names: Vec<_> = DocumentType::ALL.iter().map(|kind| kind.as_str()).collect();
        let names = names.iter().filter(|name| **name != "functional_acknowledgement");
        let names = names.copied().collect::<Vec<_>>().join(", ");
        wrong.push(Place::pointer("/type", net_codes::FIELDS, format!("expected one of {names}")));
    }
    let to = match (handed.partner, handed.vendor_number) {
        (Some(id), None) => Some(Recipient::Partner(id)),
        (None, Some(number)) => Some(Recipient::Vendor(number)),
        (Some(_), Some(_)) => {
            let detail = "name the partner by `partner` or by `vendor_number`, not by both";
            wrong.push(Place::pointer("/vendor_number", net_codes::FIELDS, detail));
            None
        }
        (None, None) => {
            let detail = "say for whom it is: `partner` is a partner's id, `vendor_number` your own number of it";
            wrong.push(Place::pointer("/partner", net_codes::FIELDS, detail));
            None
        }
    };
    match (kind, to) {
        (Ok(kind), Some(to)) if wrong.is_empty() => Ok(Submission {
            kind,
            to,
            data: Bytes::copy_from_slice(handed.data.get().as_bytes()),
            key: handed.idempotency_key.unwrap_or(key),
            at: Timestamp::now(),
            correlation: correlation.to_owned(),
        }),
        _ => Err(FIELDS.because(format!("{} of the fields cannot be used.", wrong.len())).at(wrong)),
    }
}

/// Writes the answers of this address, which repetitions get again.
struct Clerk(DocumentType);

impl Scribe for Clerk {
    fn receipt(&self, verdict: &Verdict) -> Receipt {
        #[derive(Serialize)]
        struct Json<'a> {
            id: String,
            #[serde(rename = "type")]
            kind: DocumentType,
            state: MessageState,
            mode: Mode,
            at: Timestamp,
            correlation_id: &'a str,
        }
        let json = Json {
            id: verdict.message.to_string(),
            kind: self.0,
            state: verdict.state,
            mode: verdict.mode,
            at: verdict.at,
            correlation_id: &verdict.correlation,
        };
        // Plain texts: this cannot fail.
        Receipt(serde_json::to_vec(&json).unwrap_or_default().into())
    }
}

async fn take(erp: &Erp, submission: Submission) -> Result<Taken, Problem> {
    let clerk = Arc::new(Clerk(submission.kind));
    // What has come whole is decided on, whether or not its sender still waits.
    let outlet = Arc::clone(&erp.outlet);
    let decided = tokio::spawn(async move { outlet.submit(submission, clerk).await }).await;
    let decided = decided.map_err(|_| net::problem::INTERNAL.because("The document could not be processed."))?;
    decided.map_err(refusal)
}

fn refusal(refused: NotTaken) -> Problem {
    match refused {
        NotTaken::UnknownPartner(to) => {
            let (pointer, detail) = match to {
                Recipient::Partner(id) => ("/partner", format!("there is no partner `{id}`")),
                Recipient::Vendor(number) => ("/vendor_number", format!("no partner's file has vendor number `{number}`")),
            };
            let detail = format!("{detail}.");
            problems::REFUSED.because(detail.clone()).at(vec![Place::pointer(pointer, codes::REFUSED, detail)])
        }
        NotTaken::NoWay { code, text } => {
            problems::REFUSED.because(text.clone()).at(vec![Place::pointer("/partner", code, text)])
        }
        NotTaken::NotCanonical(faults) => {
            let places: Vec<_> = faults.into_iter().map(|fault| (format!("/data{}", fault.pointer), fault.text)).collect();
            let detail: Vec<_> = places.iter().map(|(pointer, text)| format!("{text} at {pointer}")).collect();
            let place = |(pointer, text)| Place::pointer(pointer, net_codes::FIELDS, text);
            problems::REFUSED
                .because(format!("{}.", detail.join("; ")))
                .at(places.into_iter().map(place).collect())
        }
        NotTaken::NotWritten { text, problems: found } => {
            let place = |problem: crate::mapping::Problem| {
                let pointer = format!("/data{}", problem.pointer.as_deref().unwrap_or_default());
                let code = crate::mapping::codes::ALL.iter().find(|code| code.as_str() == problem.code);
                Place::pointer(pointer, code.copied().unwrap_or(codes::REFUSED), problem.text)
            };
            problems::REFUSED.because(text).at(found.into_iter().map(place).collect())
        }
        NotTaken::KeyReused { first } => problems::KEY_REUSED
            .because("A document with this key is stored, and it is another one.")
            .about(format!("/erp/v1/messages/{first}")),
        NotTaken::Changed { first, subject } => problems::CHANGED
            .because(format!(
                "{subject} went to this partner before with another content. Send a change, or have the first one sent again."
            ))
            .about(format!("/erp/v1/messages/{first}")),
        NotTaken::Unavailable(reason) => {
            tracing::warn!(reason, "A document could not be stored.");
            problems::UNAVAILABLE.because("Nothing was stored; come again.").retry_after(problems::UNAVAILABLE_SECONDS)
        }
    }
}

/// Takes lines: those of one partner one after the other, so that they keep their order, and partners side by side.
async fn many(erp: &Arc<Erp>, key: Option<String>, body: &[u8], correlation: &str) -> Result<Response, Problem> {
    let mut results: BTreeMap<usize, Value> = BTreeMap::new();
    let mut by_partner: BTreeMap<String, Vec<(usize, Submission)>> = BTreeMap::new();
    let lines = body.split(|byte| *byte == b'\n').zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty());
    for (count, (line, number)) in lines.enumerate() {
        if count >= LINES {
            return Err(net::problem::TOO_LARGE.because(format!("One body may have {LINES} lines.")));
        }
        // Without a key of its own a line has its place under the whole body's.
        let own = key.as_ref().map(|key| format!("{key}/{number}"));
        let read = read(line, own.clone().unwrap_or_default(), correlation).and_then(|submission| {
            if submission.key.is_empty() {
                let detail = "Give each line an `idempotency_key`, or send one for all in the header Idempotency-Key.";
                return Err(problems::KEY.because(detail));
            }
            Ok(submission)
        });
        match read {
            Ok(submission) => {
                // By whichever name: the lines of one partner are one row.
                let (Recipient::Partner(name) | Recipient::Vendor(name)) = &submission.to;
                let partner = erp.outlet.partner_of(&submission.to).unwrap_or_else(|| name.clone());
                by_partner.entry(partner).or_default().push((number, submission));
            }
            Err(problem) => {
                results.insert(number, refused(number, &problem));
            }
        }
    }
    let (side_by_side, mut tasks) = (Arc::new(Semaphore::new(SIDE_BY_SIDE)), JoinSet::new());
    for (_, all) in by_partner {
        let (erp, turn) = (Arc::clone(erp), Arc::clone(&side_by_side));
        tasks.spawn(async move {
            let _turn = turn.acquire().await;
            let mut done = Vec::with_capacity(all.len());
            for (number, submission) in all {
                let result = match take(&erp, submission).await {
                    Ok(taken) => {
                        json!({ "line": number, "status": 202, "id": id_of(&taken), "repeated": taken.repeated })
                    }
                    Err(problem) => refused(number, &problem),
                };
                done.push((number, result));
            }
            done
        });
    }
    while let Some(done) = tasks.join_next().await {
        results.extend(done.unwrap_or_default());
    }
    let mut out = Vec::new();
    for result in results.into_values() {
        out.extend(result.to_string().into_bytes());
        out.push(b'\n');
    }
    let mut response = Response::new(Body::from(out));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

fn refused(number: usize, problem: &Problem) -> Value {
    json!({ "line": number, "status": problem.kind().status.as_u16(), "problem": problem.to_json() })
}

/// The message's id, as the stored answer has it.
fn id_of(taken: &Taken) -> String {
    let stored: Value = serde_json::from_slice(&taken.receipt.0).unwrap_or_default();
    stored.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}
