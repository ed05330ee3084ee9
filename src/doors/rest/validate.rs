//! `POST /v1/validate`: what would become of a body, without any effect: X12, XML or canonical JSON. A supplier finds its
//! own mistakes with it, alone and as often as it likes.

use std::{io::Cursor, sync::Arc};

use axum::{
    Extension,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Rest, problems, submit,
    view::{Finding, WAITS_FOR_US, finding},
};
use crate::{
    document::{self, DocumentType},
    exchange::{self, Trace, detect},
    ledger::Channel,
    net::{self, Problem, Query, problem::INTERNAL},
    partner::ApiAccess,
};

/// The largest body that is tried.
const LARGEST: u64 = 8 << 20;

/// What suppliers send.
const THEIRS: [DocumentType; 5] = [
    DocumentType::OrderAcknowledgement,
    DocumentType::OrderChangeAcknowledgement,
    DocumentType::ShipmentNotice,
    DocumentType::Invoice,
    DocumentType::InventoryReport,
];

/// What would become of it.
#[derive(Debug, Serialize)]
struct Report {
    format: exchange::Format,
    accepted: bool,
    documents: Vec<Value>,
    /// The 997, 999 or TA1 that would answer it, with control number 1.
    acknowledgements: Vec<String>,
    errors: Vec<Error>,
}

/// One mistake, with its place: a pointer in JSON, a segment and element in X12.
#[derive(Debug, Serialize)]
struct Error {
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    /// What is no error does not keep it from being accepted.
    severity: Value,
    #[serde(flatten)]
    finding: Finding,
}

pub(super) async fn validate(
    State(rest): State<Arc<Rest>>,
    Extension(access): Extension<ApiAccess>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let mut query = Query::of(&head.uri)?;
    let names = THEIRS.map(DocumentType::as_str).join(", ");
    let kind = query.parsed("type", &format!("one of {names}"), |text| {
        text.parse::<DocumentType>().ok().filter(|kind| THEIRS.contains(kind))
    });
    query.finish()?;
    let body = net::decoded(&head.headers, body)?;
    let cap = access.partner.message_size.min(LARGEST);
    let declared = hyper::body::Body::size_hint(&body).exact();
    let _upload = submit::upload(&rest, &access, declared)?;
    let body = net::whole(body, usize::try_from(cap).unwrap_or(usize::MAX)).await?;
    if declared.is_none() {
        rest.limiter().arrived(&access.partner, Channel::Rest, body.len() as u64);
    }
    if body.is_empty() {
        return Err(problems::EMPTY.because("The request has no body."));
    }
    let largest = submit::largest_document(&access.partner);
    let report = match detect(&body) {
        exchange::Format::Json if body.len() as u64 > largest => return Err(problems::too_large_document(largest)),
        exchange::Format::Json => canonical(kind, &net::without_mark(body)),
        _ => traced(&rest, &access, body).await?,
    };
    Ok(net::json(StatusCode::OK, &report))
}

/// A canonical document: of the kind that the caller names, or else of the first that it fits.
fn canonical(kind: Option<DocumentType>, body: &[u8]) -> Report {
    let tried = match kind {
        Some(kind) => vec![(kind, document::check(kind, body))],
        None => THEIRS.map(|kind| (kind, document::check(kind, body))).into(),
    };
    let mut report = Report {
        format: exchange::Format::Json,
        accepted: false,
        documents: Vec::new(),
        acknowledgements: Vec::new(),
        errors: Vec::new(),
    };
    let error = |code: &str, pointer: Option<String>, detail: String| Error {
        pointer,
        severity: json!("error"),
        finding: Finding { code: Some(code.into()), detail, ..Finding::default() },
    };
    let fitting = tried.iter().find_map(|(kind, checked)| Some((kind, checked.as_ref().ok()?)));
    let code = net::codes::FIELDS.as_str();
    match (fitting, tried.as_slice()) {
        (Some((kind, summary)), _) => {
            report.accepted = true;
            report.documents.push(json!({
                "type": kind, "number": summary.number, "orders": summary.orders, "state": "queued",
            }));
        }
        (None, [(_, Err(faults))]) => {
            let told = faults.iter().map(|fault| error(code, Some(fault.pointer.clone()), format!("{}.", fault.text)));
            report.errors.extend(told);
        }
        _ => {
            let names = THEIRS.map(DocumentType::as_str).join(", ");
            let detail =
                format!("It is none of {names}. Say which one it should be, as in ?type=invoice, to be told why.");
            report.errors.push(error(code, None, detail));
        }
    }
    report
}

async fn traced(rest: &Rest, access: &ApiAccess, body: Bytes) -> Result<Report, Problem> {
    let Some(snapshot) = rest.snapshot() else {
        return Err(problems::UNAVAILABLE.because("Come again later.").retry_after(problems::UNAVAILABLE_SECONDS));
    };
    let partner = Arc::clone(&access.partner);
    let work = move || exchange::trace(&snapshot, Cursor::new(body), Some(partner), Timestamp::now());
    let trace = tokio::task::spawn_blocking(work).await;
    let failed = || INTERNAL.because("The body could not be tried.");
    Ok(report(trace.map_err(|_| failed())?.map_err(|_| failed())?))
}

fn report(trace: Trace) -> Report {
    let documents = trace.interchanges.iter().filter_map(|one| one.get("documents")?.as_array()).flatten();
    let documents = documents.map(|document| {
        let mut view = serde_json::Map::new();
        for name in ["type", "set", "number", "orders", "state"] {
            view.extend(document.get(name).filter(|value| !value.is_null()).map(|v| (name.to_owned(), v.clone())));
        }
        if document.get("state").is_some_and(|state| state == "held") {
            view.insert("detail".into(), json!(WAITS_FOR_US));
        }
        Value::Object(view)
    });
    // What a mapping says is our own matter; the document says that it waits.
    let ours = |error: &&Value| error.get("code").and_then(Value::as_str).is_none_or(|code| !is_ours(code));
    Report {
        format: trace.format,
        accepted: trace.accepted,
        documents: documents.collect(),
        acknowledgements: trace.acknowledgements,
        errors: trace
            .errors
            .iter()
            .filter(ours)
            .filter_map(|error| {
                let severity = error.get("severity").cloned().unwrap_or_else(|| json!("error"));
                Some(Error { pointer: None, severity, finding: finding(error)? })
            })
            .collect(),
    }
}

/// Whether a code tells of a mistake on our side.
fn is_ours(code: &str) -> bool {
    use exchange::codes::{NO_MAPPING, NOT_CANONICAL, NOT_MAPPED};
    [NO_MAPPING, NOT_MAPPED, NOT_CANONICAL].iter().any(|own| own.as_str() == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_what_it_is_or_why_it_is_not() {
        let of = |kind, json: &str| serde_json::to_value(canonical(kind, json.as_bytes())).unwrap();
        let found = of(None, r#"{"order_number":"45"}"#);
        assert_eq!(
            (&found["accepted"], &found["documents"][0]["type"]),
            (&json!(true), &json!("order_acknowledgement"))
        );
        let wrong = of(Some(DocumentType::Invoice), r#"{"number":"1","issue_date":"tomorrow"}"#);
        assert_eq!((&wrong["accepted"], &wrong["errors"][0]["pointer"]), (&json!(false), &json!("/issue_date")));
        let nothing = of(None, "{}");
        assert!(nothing["errors"][0]["detail"].as_str().unwrap().contains("?type="));
    }
}
