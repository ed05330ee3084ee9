//! The small text that tells a partner what became of one file of its.

use std::fmt::Write;

use serde_json::Value;

use super::taken::Taken;
use crate::ledger::{Document, DocumentState, Message, MessageState};

/// So many documents and mistakes are told.
const MOST: usize = 200;

/// The report about a file; `message` is absent where the record has it no more.
pub(super) fn report(taken: &Taken, message: Option<&Message>, documents: &[Document]) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<12}{value}\r");
    };
    line("file", &taken.name);
    line("received", &taken.at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    line("size", &format!("{} bytes", taken.size));
    line("sha256", &taken.digest);
    line("reference", &taken.message.to_string());
    let Some(message) = message else { return text };
    if let Some(interchange) = &message.interchange {
        line("interchange", interchange);
    }
    line("result", result(message.state));
    // What is held is ours to mend, and says nothing to the partner.
    if let (Some(problem), false) = (&message.problem, message.state == MessageState::Held) {
        mistakes(&mut text, problem, "  ");
    }
    for document in documents.iter().take(MOST) {
        let number = document.number.as_deref().unwrap_or("without a number");
        let state = match document.state {
            DocumentState::Queued
            | DocumentState::Recorded
            | DocumentState::Issued
            | DocumentState::Delivered
            | DocumentState::Acknowledged => "accepted",
            DocumentState::Failed => "failed",
            DocumentState::Rejected => "rejected",
            DocumentState::Held => "accepted, and looked at by a person",
            DocumentState::Duplicate => "was here before",
        };
        let _ = writeln!(text, "\r\n{} {number}: {state}\r", document.format_kind);
        if let (Some(problem), DocumentState::Rejected | DocumentState::Queued) = (&document.problem, document.state) {
            mistakes(&mut text, problem, "  ");
        }
    }
    if documents.len() >= MOST {
        let _ = writeln!(text, "\r\nThere are more; the acknowledgement names them all.\r");
    }
    text
}

fn result(state: MessageState) -> &'static str {
    match state {
        MessageState::Processing => "being processed",
        MessageState::Accepted => "accepted",
        MessageState::Partial => "accepted in part",
        MessageState::Rejected => "rejected",
        MessageState::Held => "received, and looked at by a person",
        MessageState::Duplicate => "this interchange was here before; nothing was done twice",
        MessageState::Ready | MessageState::Delivered | MessageState::Dead => "received",
    }
}

/// Every mistake in a problem, wherever it is in there: a line with its code, its place and its words.
fn mistakes(text: &mut String, problem: &Value, indent: &str) {
    let mut left = MOST;
    collect(text, problem, indent, &mut left, 0);
}

fn collect(text: &mut String, value: &Value, indent: &str, left: &mut usize, depth: usize) {
    if *left == 0 || depth > 8 {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(text, item, indent, left, depth + 1)),
        Value::Object(fields) => {
            let words = |name: &str| match fields.get(name) {
                Some(Value::String(word)) if !word.is_empty() => Some(word.clone()),
                Some(Value::Number(number)) => Some(number.to_string()),
                _ => None,
            };
            if let Some(said) = words("text").or_else(|| words("detail")).or_else(|| words("message")) {
                *left -= 1;
                let code = words("code").map(|code| format!("{code} ")).unwrap_or_default();
                let mut place = Vec::new();
                let tag = words("tag").unwrap_or_default();
                if let Some(segment) = words("segment") {
                    place.push(format!("segment {segment} {tag}").trim_end().to_owned());
                }
                let parts = [("element", "element"), ("component", "component"), ("repetition", "repetition")];
                place.extend(parts.iter().filter_map(|(name, shown)| words(name).map(|n| format!("{shown} {n}"))));
                let place = if place.is_empty() { String::new() } else { format!(" ({})", place.join(", ")) };
                let said = said.replace(['\r', '\n'], " ");
                let _ = writeln!(text, "{indent}{code}{said}{place}\r");
            }
            let nested = fields.values().filter(|field| field.is_array() || field.is_object());
            nested.for_each(|field| collect(text, field, indent, left, depth + 1));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{
        document::{MessageId, Mode},
        ledger::{Channel, Direction},
    };

    #[test]
    fn a_report_is_readable_and_names_places() {
        let id = MessageId::new(1_800_000_000_000, 7);
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let taken = Taken {
            name: "ship 1.edi".into(),
            message: id,
            version: 2,
            size: 1234,
            digest: "ab".repeat(32),
            at,
            mtime: None,
        };
        let message = Message {
            id,
            direction: Direction::In,
            channel: Channel::Sftp,
            connection: "acme".into(),
            partner: Some("acme".into()),
            transport_id: None,
            filename: None,
            content_type: None,
            digest: String::new(),
            bytes: 1234,
            interchange: Some("000000042".into()),
            at,
            state: MessageState::Partial,
            mode: Mode::Live,
            correlation: String::new(),
            config: String::new(),
            problem: None,
            relates_to: None,
        };
        let document = |number: &str, state, problem| Document {
            message: id,
            position: 0,
            partner: None,
            kind: None,
            format_kind: "856".into(),
            number: Some(number.into()),
            orders: Vec::new(),
            state,
            range: (0, 0),
            digest: String::new(),
            problem,
            extras: None,
            mapping: None,
            event: None,
            revision: 0,
        };
        let findings = json!({"findings": [{"code": "X12-0104", "text": "This element is missing.", "segment": 3, "tag": "HL", "element": 3, "component": null}]});
        let documents = [
            document("S-1", DocumentState::Queued, None),
            document("S-2", DocumentState::Rejected, Some(findings)),
            document("S-3", DocumentState::Held, Some(json!({"text": "our table has no such unit"}))),
        ];
        let text = report(&taken, Some(&message), &documents);
        insta::assert_snapshot!(text.replace('\r', ""), @r"
        file        ship 1.edi
        received    2027-01-15 08:00:00 UTC
        size        1234 bytes
        sha256      abababababababababababababababababababababababababababababababab
        reference   msg_01MCC5RM000000000000000007
        interchange 000000042
        result      accepted in part

        856 S-1: accepted

        856 S-2: rejected
          X12-0104 This element is missing. (segment 3 HL, element 3)

        856 S-3: accepted, and looked at by a person
        ");
        assert!(!text.contains("our table"));
    }
}
