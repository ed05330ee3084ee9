//! The description of the supplier API: OpenAPI 3.1 at `/v1/openapi.json`, and the same as a page for people at `/v1/docs`.
//! Operations are a table here; schemas of documents are those that the types give; a test holds real answers to it all.

mod operation;
mod operations;
mod page;
mod schemas;

use std::sync::LazyLock;

use axum::{
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use operation::{Body, Operation};
use operations::OPERATIONS;

static JSON: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());
static HTML: LazyLock<Bytes> = LazyLock::new(|| page::of(&document()).into());

/// `GET /v1/openapi.json`.
pub(super) async fn json() -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "max-age=3600")];
    (headers, JSON.clone()).into_response()
}

/// `GET /v1/docs`.
pub(super) async fn html() -> Response {
    let mut response =
        ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "max-age=3600")], HTML.clone()).into_response();
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// The whole description.
pub fn document() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.method.to_owned(), described(operation));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Gangway supplier API",
            "version": crate::partner::ApiVersion::NEWEST.to_string(),
            "summary": "Orders out, answers in.",
            "description": ABOUT,
        },
        "servers": [{ "url": "/" }],
        "security": [{ "key": [] }, { "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key: gw_live_… for business, gw_test_… for rehearsals, which reach no live system.",
                },
                "token": {
                    "type": "oauth2",
                    "description": "The partner's id as client_id and an API key as client_secret buy a token for an hour.",
                    "flows": { "clientCredentials": { "tokenUrl": "/v1/oauth/token", "scopes": {} } },
                },
            },
            "schemas": schemas::all(),
        },
    })
}

const ABOUT: &str = "Orders are read as canonical JSON and answered the same way; X12 is taken wherever JSON is. \
A 202 says that a message is on durable record, and nothing that was answered so is lost or counted twice: every POST has an \
`Idempotency-Key`, and whoever repeats a request with the same key gets the first answer again, with \
`Idempotency-Replayed: true`. Bodies may come as gzip. Keys are kept as long as the messages are. Lists are pages: `next` is the cursor for `after`, \
and `null` at the end. Problems are `application/problem+json` (RFC 9457) with a `code` that `/errors/{code}` explains. \
Every answer has a `Request-Id`, and says in `RateLimit-Policy` and `RateLimit` what may come and how much of it is left. \
Unknown fields may be added to answers at any time, and words to lists of words: clients ignore what they do not know.";

fn described(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = operation.parameters.iter().map(|parameter| parameter.to_json()).collect();
    if operation.body.is_some_and(Body::is_stored) {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": true,
            "description": "A text of the caller's own for this message, at most 255 characters: a UUID is fine.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
        }));
    }
    let mut responses = Map::new();
    responses.insert(operation.status.to_string(), operation.answer());
    for status in operation.problems.iter().chain(&[401, 403, 429, 503]) {
        responses.insert(status.to_string(), problem(*status));
    }
    if operation.parameters.iter().any(|parameter| parameter.name == "If-None-Match") {
        responses.insert("304".into(), json!({ "description": "Nothing changed." }));
    }
    let mut value = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "description": operation.detail,
        "parameters": parameters,
        "responses": responses,
    });
    if let (Some(body), Some(object)) = (operation.body, value.as_object_mut()) {
        let is_required = !matches!(body, Body::Fields(..));
        object.insert("requestBody".into(), json!({ "required": is_required, "content": body.content() }));
    }
    value
}

fn problem(status: u16) -> Value {
    let description = match status {
        400 => "The request is not in order, or its body is empty.",
        401 => "The key is missing or unknown.",
        403 => "The partner is suspended, may not do this, or has to show a client certificate.",
        404 => "There is no such thing, or it is somebody else's.",
        409 => "The document's number came before with another content, or there are as many as may be.",
        412 => "It has another form by now than `If-Match` says.",
        413 => "The body is larger than it may be.",
        415 => "This media type or this compression is not taken here.",
        422 => "The document breaks its schema, or the key came before with another body.",
        429 => "Too much at once, or the documents of the day are used up: see `Retry-After`.",
        _ => "Nothing was stored; come again after `Retry-After`.",
    };
    json!({
        "description": description,
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Array(all) => all.iter().for_each(|one| references(one, found)),
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|one| references(one, found));
            }
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100, "{}", found.len());
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        let ids: std::collections::BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.id).collect();
        assert_eq!(ids.len(), OPERATIONS.len());
        for operation in OPERATIONS {
            for parameter in operation.parameters.iter().filter(|parameter| parameter.is_in_path()) {
                assert!(operation.path.contains(&format!("{{{}}}", parameter.name)), "{}", operation.id);
            }
        }
    }

    /// The description without the schemas of documents, which have files of their own. `GANGWAY_BLESS=1` writes it anew.
    #[test]
    fn it_is_what_was_published() {
        let mut document = document();
        let schemas = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut).unwrap();
        schemas.retain(|name, _| schemas::OWN.contains(&name.as_str()));
        let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/supplier/openapi.json");
        if std::env::var_os("GANGWAY_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == text, "{} is stale: run the tests with GANGWAY_BLESS=1", path.display());
    }
}
