//! The description holds: its examples are sent to the real program, and what that answers is held to its schemas.

use gangway::play::{Answer, Supplier};
use http::Method;
use serde_json::{Value, json};

use super::{get, open};
use crate::{
    outbound::{order_for, post, verbs},
    util::{Dir, accepted, cast::*, gwtest, status},
};

/// Everything of `value` that `schema` does not allow, each with its place. Knows what our schemas use of draft 2020-12.
fn breaches(document: &Value, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let found = document.pointer(reference.trim_start_matches('#')).expect("a schema");
        breaches(document, found, value, at, out);
    }
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind)) {
        out.push(format!("{at} is no {kinds:?}: {value}"));
    }
    if schema.get("const").is_some_and(|only| only != value)
        || schema["enum"].as_array().is_some_and(|words| !words.contains(value))
    {
        out.push(format!("{at} may not be {value}"));
    }
    for choices in [&schema["anyOf"], &schema["oneOf"]].into_iter().filter_map(Value::as_array) {
        let fits = |choice: &Value| {
            let mut found = Vec::new();
            breaches(document, choice, value, at, &mut found);
            found.is_empty()
        };
        if !choices.iter().any(fits) {
            out.push(format!("{at} fits none of its choices: {value}"));
        }
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        breaches(document, part, value, at, out);
    }
    if let Some(map) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !map.contains_key(name) {
                out.push(format!("{at} has no {name}"));
            }
        }
        for (name, value) in map {
            let at = format!("{at}/{name}");
            match schema["properties"].get(name) {
                Some(schema) => breaches(document, schema, value, &at, out),
                None if schema["additionalProperties"] == false || schema.get("properties").is_some() => {
                    out.push(format!("{at} is not described"));
                }
                None => {}
            }
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        breaches(document, &schema["items"], item, &format!("{at}/{index}"), out);
    }
}

/// Holds an answer to what is said of this operation.
#[track_caller]
pub(super) fn held(document: &Value, path: &str, method: &str, answer: &Answer) {
    let operation = &document["paths"][path][method];
    let code = answer.status.as_u16().to_string();
    let said = operation["responses"].get(&code);
    let said = said.unwrap_or_else(|| panic!("{method} {path} answers {code}: {}", answer.text()));
    let kind = answer.headers["content-type"].to_str().unwrap();
    let Some(schema) = said["content"].get(kind) else { panic!("{method} {path} {code} answers {kind}") };
    if kind.ends_with("json") {
        let mut found = Vec::new();
        breaches(document, &schema["schema"], &answer.json(), "", &mut found);
        assert!(found.is_empty(), "{method} {path} {code}: {found:#?}\n{}", answer.text());
    }
}

pub(super) async fn describe(acme: &Supplier) -> Value {
    let document = status(get(acme, "/v1/openapi.json", &[]).await, 200).json();
    assert_eq!(document["openapi"], "3.1.0");
    document
}

/// A path with its parameters filled in from the examples, but for those that a test knows better.
fn filled(operation: &Value, path: &str, known: &[(&str, &str)]) -> String {
    let mut path = path.to_owned();
    for parameter in operation["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        let known = known.iter().find(|(of, _)| *of == name).map(|(_, value)| *value);
        path =
            path.replace(&format!("{{{name}}}"), known.or_else(|| parameter["example"].as_str()).unwrap_or_default());
    }
    path
}

gwtest!(examples_are_taken_and_answers_are_as_described, async |dir: Dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let document = describe(&acme).await;
    post(&erp, "1", "acme", "4500012345").await;
    verbs(&erp, "purchase_order/4500012345", 1).await;
    let message = accepted(acme.post_x12("m-1", answer_to(ACME, 1, "9")).await.unwrap());
    let named = json!({ "url": "https://supplier.example/gangway" }).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", "e")];
    let named = acme.client().send(Method::POST, "/v1/webhook_endpoints", &headers, named).await.unwrap();
    let endpoint = status(named, 201).json()["id"].as_str().unwrap().to_owned();
    let (mut posts, mut gets) = (0, 0);
    // What is posted comes before it is asked for.
    for wanted in ["post", "get"] {
        for (path, methods) in document["paths"].as_object().unwrap() {
            let Some(operation) = methods.get(wanted) else { continue };
            let id = if path.contains("webhook") { &endpoint } else { &message };
            let to = filled(operation, path, &[("id", id)]);
            if wanted == "get" {
                let answer = get(&acme, &to, &[]).await;
                if !path.starts_with("/v1/forecasts/") && !path.ends_with("/payload") {
                    assert_eq!(answer.status.as_u16(), 200, "{to}: {}", answer.text());
                }
                if !path.ends_with("/payload") {
                    held(&document, path, wanted, &answer);
                }
                gets += 1;
                continue;
            }
            let content = &operation["requestBody"]["content"]["application/json"];
            let (kind, body) = match content.get("example") {
                Some(example) => {
                    let mut found = Vec::new();
                    breaches(&document, &content["schema"], example, "", &mut found);
                    assert!(found.is_empty() || path == "/v1/validate", "the example of {path}: {found:#?}");
                    ("application/json", example.to_string().into_bytes())
                }
                None if operation.get("requestBody").is_none() => ("application/json", Vec::new()),
                None => ("application/edi-x12", answer_to(ACME, 2, "8")),
            };
            let headers = [("content-type", kind), ("idempotency-key", path.as_str())];
            let answer = acme.client().send(Method::POST, &to, &headers, body).await.unwrap();
            let good = operation["responses"].as_object().unwrap().keys().find(|code| code.starts_with('2'));
            let expected: u16 = good.unwrap().parse().unwrap();
            assert_eq!(answer.status.as_u16(), expected, "{path}: {}", answer.text());
            held(&document, path, wanted, &answer);
            // Without its key, or without what it needs, it is a problem as described.
            if expected != 200 {
                let without = acme.client().send(Method::POST, &to, &headers[..1], "{}").await.unwrap();
                assert_eq!(without.status.as_u16(), 400);
                held(&document, path, wanted, &without);
                let broken = [("content-type", kind), ("idempotency-key", "broken")];
                let broken = acme.client().send(Method::POST, &to, &broken, r#"{"colour":"red"}"#).await.unwrap();
                held(&document, path, wanted, &broken);
            }
            posts += 1;
        }
    }
    assert_eq!((posts, gets), (10, 12));
    gateway.stop().await;
});

gwtest!(changes_are_listed_with_their_documents, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let document = describe(&acme).await;
    let change = json!({ "order_number": "45", "purpose": "change", "change_order_sequence": "1" });
    let handed = json!({ "type": "purchase_order_change", "partner": "acme", "data": change });
    accepted(erp.submit("1", &order_for("acme", "45", "original")).await.unwrap());
    accepted(erp.submit("2", &handed).await.unwrap());
    verbs(&erp, "purchase_order_change/45", 1).await;
    let answer = status(get(&acme, "/v1/orders/45/changes", &[]).await, 200);
    held(&document, "/v1/orders/{number}/changes", "get", &answer);
    assert_eq!(answer.json()["data"][0]["document"], change);
    gateway.stop().await;
});

gwtest!(the_page_is_for_anybody, async |dir| {
    let (gateway, _, _) = open(&dir).await;
    let page = status(gateway.public().get("/v1/docs").await.unwrap(), 200);
    assert!(page.text().contains("acknowledgeOrder"));
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    gateway.stop().await;
});
