//! Messages and documents as their supplier sees them: in plain words, and without our own matters.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::{
    document::{DocumentType, MessageId, Mode},
    exchange::Verdict,
    ledger::{Channel, Direction, Document, DocumentState, Message, MessageState},
    partner::{ApiAccess, Status},
};

/// Whether a message is one of `access`'s own: it came on their connection or is from or for them; and a test key sees
/// test messages only.
pub(super) fn is_own(access: &ApiAccess, message: &Message) -> bool {
    let id = access.partner.id.as_str();
    let theirs = message.connection == id || message.partner.as_deref() == Some(id);
    // What the ERP handed over is its own matter; what became of it is the supplier's.
    theirs && message.channel != Channel::Erp && (access.mode == Mode::Live || message.mode == Mode::Test)
}

/// Whether what the buyer tells in this mode is for `access`: business for live keys, rehearsals for test keys, and for
/// live keys of partners that do nothing else yet.
pub(super) fn is_told(access: &ApiAccess, mode: Mode) -> bool {
    match access.mode {
        Mode::Test => mode == Mode::Test,
        Mode::Live => mode == Mode::Live || access.partner.status != Status::Live,
    }
}

/// Why something is rejected or held.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Reason {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    detail: String,
}

/// What is said of everything that waits for us. Why it does is our own matter: a mapping's mistake is none of theirs.
pub(super) const WAITS_FOR_US: &str =
    "It is stored and waits for a person on our side. There is no need to send it again.";

impl Reason {
    pub(super) fn of_verdict(verdict: &Verdict) -> Option<Self> {
        match (verdict.state, &verdict.problem) {
            (MessageState::Held, _) => Some(Self { code: None, detail: WAITS_FOR_US.into() }),
            (_, Some((code, detail))) => Some(Self { code: Some(code.to_string()), detail: detail.clone() }),
            (_, None) => None,
        }
    }

    fn of_message(message: &Message) -> Option<Self> {
        match (message.state, &message.problem) {
            (MessageState::Held, _) => Some(Self { code: None, detail: WAITS_FOR_US.into() }),
            (_, Some(problem)) => {
                let detail = words(problem).unwrap_or_else(|| "It could not be accepted.".into());
                Some(Self { code: problem.get("code").and_then(Value::as_str).map(str::to_owned), detail })
            }
            (_, None) => None,
        }
    }
}

/// A message in a list.
#[derive(Debug, Serialize)]
pub(super) struct MessageView<'a> {
    id: MessageId,
    direction: Direction,
    state: MessageState,
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    bytes: u64,
    sha256: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interchange: Option<&'a str>,
    at: Timestamp,
    correlation_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    relates_to: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Reason>,
    payload: String,
}

impl<'a> MessageView<'a> {
    pub(super) fn of(message: &'a Message) -> Self {
        let by_rest = message.channel == Channel::Rest && message.direction == Direction::In;
        Self {
            id: message.id,
            direction: message.direction,
            state: message.state,
            mode: message.mode,
            idempotency_key: message.transport_id.as_deref().filter(|_| by_rest),
            filename: message.filename.as_deref(),
            content_type: message.content_type.as_deref(),
            bytes: message.bytes,
            sha256: &message.digest,
            interchange: message.interchange.as_deref(),
            at: message.at,
            correlation_id: &message.correlation,
            relates_to: message.relates_to,
            problem: Reason::of_message(message),
            payload: format!("/v1/messages/{}/payload", message.id),
        }
    }
}

/// A document of a message.
#[derive(Debug, Serialize)]
pub(super) struct DocumentView<'a> {
    position: u32,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<DocumentType>,
    format: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    orders: &'a [String],
    state: DocumentState,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
}

impl<'a> DocumentView<'a> {
    pub(super) fn of(document: &'a Document) -> Self {
        let (detail, findings) = match document.state {
            DocumentState::Held => (Some(WAITS_FOR_US), Vec::new()),
            DocumentState::Duplicate => {
                (Some("The same document came before; this one was not passed on again."), Vec::new())
            }
            _ => (None, document.problem.as_ref().map(findings).unwrap_or_default()),
        };
        Self {
            position: document.position,
            kind: document.kind,
            format: &document.format_kind,
            number: document.number.as_deref(),
            orders: &document.orders,
            state: document.state,
            detail,
            findings,
        }
    }
}

/// One thing that is wrong with a document, and where.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    pub(super) detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) segment: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) element: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) component: Option<u64>,
}

/// The findings in what the exchange wrote of a document: a list, an object that holds one, or just one.
fn findings(problem: &Value) -> Vec<Finding> {
    let inner = ["findings", "errors", "problems"].into_iter().find_map(|name| problem.get(name));
    match inner.unwrap_or(problem) {
        Value::Array(all) => all.iter().filter_map(finding).collect(),
        one => finding(one).into_iter().collect(),
    }
}

pub(super) fn finding(one: &Value) -> Option<Finding> {
    let text = |name: &str| one.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| one.get(name).and_then(Value::as_u64);
    Some(Finding {
        code: text("code"),
        detail: words(one)?,
        segment: number("segment"),
        tag: text("tag").filter(|tag| !tag.is_empty()),
        element: number("element"),
        component: number("component"),
    })
}

/// The sentence of a problem.
fn words(problem: &Value) -> Option<String> {
    ["text", "detail", "message"].into_iter().find_map(|name| problem.get(name)?.as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn findings_are_read_in_each_form() {
        let one = json!({"code": "X12-0104", "text": "PO1 has no quantity.", "segment": 7, "tag": "PO1", "element": 2, "offset": 99});
        let read = Finding {
            code: Some("X12-0104".into()),
            detail: "PO1 has no quantity.".into(),
            segment: Some(7),
            tag: Some("PO1".into()),
            element: Some(2),
            component: None,
        };
        for form in [one.clone(), json!([one]), json!({"findings": [one], "ack": "5"})] {
            assert_eq!(findings(&form), std::slice::from_ref(&read), "{form}");
        }
        assert_eq!(findings(&Value::Null), []);
    }
}
