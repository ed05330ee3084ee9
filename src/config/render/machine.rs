//! For programs: JSON of our own, and SARIF 2.1.0 (OASIS), which code hosts show beside the change.

use serde_json::{Value, json};

use super::{places, text::word};
use crate::{
    config::{Diagnostic, Label},
    error::Page,
};

/// `{"findings": […], "errors": n, "warnings": n}`.
pub(super) fn json(findings: &[Diagnostic]) -> String {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let all: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let (first, rest) = match finding.labels.split_first() {
                Some((first, rest)) => (Some(first), rest),
                None => (None, &[][..]),
            };
            let mut told = json!({
                "code": finding.code,
                "severity": word(finding.severity),
                "message": finding.message,
                "hint": finding.hint,
                "related": rest.iter().map(place).collect::<Vec<_>>(),
            });
            if let (Value::Object(told), Some(Value::Object(place))) = (&mut told, first.map(place)) {
                told.extend(place);
            }
            told
        })
        .collect();
    pretty(&json!({ "findings": all, "errors": errors, "warnings": findings.len() - errors }))
}

/// One SARIF run.
pub(super) fn sarif(findings: &[Diagnostic], page: impl Fn(&str) -> Option<Page>) -> String {
    let mut codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes
        .iter()
        .map(|code| match page(code) {
            Some(page) => json!({
                "id": code,
                "shortDescription": { "text": page.title },
                "help": { "text": page.body, "markdown": page.body },
            }),
            None => json!({ "id": code }),
        })
        .collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let text = match &finding.hint {
                Some(hint) => format!("{}. {hint}", finding.message),
                None => finding.message.clone(),
            };
            json!({
                "ruleId": finding.code,
                "ruleIndex": codes.binary_search(&finding.code.as_str()).unwrap_or_default(),
                "level": word(finding.severity),
                "message": { "text": text },
                "locations": finding.labels.iter().take(1).map(location).collect::<Vec<_>>(),
                "relatedLocations": finding.labels.iter().skip(1).map(location).collect::<Vec<_>>(),
            })
        })
        .collect();
    pretty(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "gangway", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

fn place(label: &Label) -> Value {
    let ((line, column), (end_line, end_column)) = places(label);
    json!({
        "file": &*label.file, "line": line, "column": column,
        "end_line": end_line, "end_column": end_column, "text": label.text,
    })
}

fn location(label: &Label) -> Value {
    let ((line, column), (end_line, end_column)) = places(label);
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&label.file) },
            "region": {
                "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column,
            },
        },
    });
    if let (Value::Object(location), false) = (&mut location, label.text.is_empty()) {
        location.insert("message".to_owned(), json!({ "text": label.text }));
    }
    location
}

/// A relative path as a URI reference: what a URI may not hold is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.trim_start_matches("./").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
