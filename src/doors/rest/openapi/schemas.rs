//! The schemas of the description: our own answers here, documents as their types give them, their parts side by side with
//! everything else.

use serde_json::{Map, Value, json};

use crate::document::{DocumentType, schema};

/// The documents that the API shows or takes, by the names of their types.
const DOCUMENTS: [(&str, DocumentType); 9] = [
    ("PurchaseOrder", DocumentType::PurchaseOrder),
    ("PurchaseOrderChange", DocumentType::PurchaseOrderChange),
    ("OrderAcknowledgement", DocumentType::OrderAcknowledgement),
    ("OrderChangeAcknowledgement", DocumentType::OrderChangeAcknowledgement),
    ("ShipmentNotice", DocumentType::ShipmentNotice),
    ("Invoice", DocumentType::Invoice),
    ("InventoryReport", DocumentType::InventoryReport),
    ("Forecast", DocumentType::Forecast),
    ("ShipSchedule", DocumentType::ShipSchedule),
];

/// The names of our own.
#[cfg(test)]
pub(super) const OWN: &[&str] = &[
    "Accepted",
    "Problem",
    "OrderEntry",
    "OrderPage",
    "ChangePage",
    "Plan",
    "Event",
    "EventPage",
    "MessageEntry",
    "MessagePage",
    "Message",
    "Limits",
    "Report",
    "WebhookEndpoint",
    "WebhookEndpointPage",
    "NewWebhookEndpoint",
    "WebhookEndpointChange",
    "WebhookRotation",
    "WebhookTest",
];

/// All of them, by name.
pub(super) fn all() -> Value {
    let mut all = Map::new();
    for (name, kind) in DOCUMENTS {
        let Some(Value::Object(mut root)) = schema(kind) else { continue };
        if let Some(Value::Object(parts)) = root.remove("$defs") {
            all.extend(parts.into_iter().map(|(name, part)| (name, moved(part))));
        }
        // A name of its own would change what references in it mean.
        root.remove("$schema");
        root.remove("$id");
        all.insert(name.to_owned(), moved(Value::Object(root)));
    }
    if let Value::Object(own) = own() {
        all.extend(own);
    }
    Value::Object(all)
}

/// The same with its references led to where the parts are now.
fn moved(mut value: Value) -> Value {
    match &mut value {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix("#/$defs/") {
                *text = format!("#/components/schemas/{name}");
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| *one = moved(std::mem::take(one))),
        Value::Object(map) => map.values_mut().for_each(|one| *one = moved(std::mem::take(one))),
        _ => {}
    }
    value
}

fn of(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

fn page(entry: &str, next: Value) -> Value {
    let entries = json!({ "type": "array", "items": { "$ref": format!("#/components/schemas/{entry}") } });
    of(&["data", "next"], json!({ "data": entries, "next": next }))
}

/// One schema with more properties than another.
fn more(mut base: Value, required: &[&str], properties: Value) -> Value {
    if let (Some(Value::Object(have)), Value::Object(new)) = (base.get_mut("properties"), properties) {
        have.extend(new);
    }
    if let Some(Value::Array(have)) = base.get_mut("required") {
        have.extend(required.iter().map(|name| json!(name)));
    }
    base
}

fn own() -> Value {
    let text = || json!({ "type": "string" });
    let time = || json!({ "type": "string", "format": "date-time" });
    let whole = || json!({ "type": "integer", "minimum": 0 });
    let mode = || json!({ "type": "string", "enum": ["live", "test"] });
    let cursor = || json!({ "type": ["string", "null"] });
    let hook_state = || json!({ "type": "string", "enum": ["enabled", "disabled"] });
    let url = || json!({ "type": "string", "format": "uri", "pattern": "^https?://" });
    let kinds = || {
        let kind = json!({ "type": "string", "pattern": "^gangway\\.[a-z_]+\\.[a-z_]+\\.v1$" });
        json!({ "type": ["array", "null"], "maxItems": 50, "items": kind })
    };
    // What is sent may have no other fields; answers may get more.
    let only = |mut object: Value| {
        if let Some(object) = object.as_object_mut() {
            object.insert("additionalProperties".into(), false.into());
        }
        object
    };
    let list = |items: Value| json!({ "type": "array", "items": items });
    let reason = || of(&["detail"], json!({ "code": text(), "detail": text() }));
    let finding = || {
        let place = json!({
            "code": text(), "detail": text(), "pointer": text(), "segment": whole(), "tag": text(), "element": whole(),
            "component": whole(),
        });
        of(&["detail"], place)
    };
    let entry = || {
        let properties = json!({
            "number": text(), "type": text(), "state": text(), "mode": mode(), "issued_at": time(), "message": text(),
            "etag": text(),
        });
        of(&["number", "type", "state", "mode", "issued_at", "message", "etag"], properties)
    };
    let message = || {
        let properties = json!({
            "id": text(), "direction": { "type": "string", "enum": ["in", "out"] }, "state": text(), "mode": mode(),
            "idempotency_key": text(), "filename": text(), "content_type": text(), "bytes": whole(), "sha256": text(),
            "interchange": text(), "at": time(), "correlation_id": text(), "relates_to": text(), "problem": reason(),
            "payload": text(),
        });
        of(&["id", "direction", "state", "mode", "bytes", "sha256", "at", "correlation_id", "payload"], properties)
    };
    let document = json!({
        "position": whole(), "type": text(), "format": text(), "number": text(), "orders": list(text()), "state": text(),
        "detail": text(), "findings": list(finding()),
    });
    json!({
        "Accepted": of(
            &["id", "state", "mode", "documents", "at", "correlation_id"],
            json!({
                "id": text(), "state": text(), "mode": mode(), "documents": whole(), "at": time(), "correlation_id": text(),
                "problem": reason(),
            }),
        ),
        "Problem": of(
            &["type", "title", "status", "detail", "code"],
            json!({
                "type": text(), "title": text(), "status": whole(), "detail": text(), "instance": text(), "code": text(),
                "request_id": text(), "message": text(),
                "errors": list(of(&["code", "detail"], json!({
                    "pointer": text(), "parameter": text(), "header": text(), "segment": whole(), "element": whole(),
                    "code": text(), "detail": text(),
                }))),
            }),
        ),
        "OrderEntry": entry(),
        "OrderPage": page("OrderEntry", cursor()),
        "ChangePage": of(
            &["data", "next"],
            json!({
                "data": list(more(entry(), &["document"], json!({
                    "document": { "$ref": "#/components/schemas/PurchaseOrderChange" },
                }))),
                "next": cursor(),
            }),
        ),
        "Plan": { "anyOf": [{ "$ref": "#/components/schemas/Forecast" }, { "$ref": "#/components/schemas/ShipSchedule" }] },
        "Event": of(
            &["specversion", "id", "source", "type", "subject", "time", "data", "partner", "sequence", "mode"],
            json!({
                "specversion": { "const": "1.0" }, "id": text(), "source": text(), "type": text(), "subject": text(),
                "time": time(), "datacontenttype": text(), "dataschema": text(), "partner": text(), "messageid": text(),
                "correlationid": text(), "partitionkey": text(), "sequence": text(), "mode": mode(), "replaces": text(),
                "data": { "type": "object" },
            }),
        ),
        "EventPage": page("Event", text()),
        "MessageEntry": message(),
        "MessagePage": page("MessageEntry", cursor()),
        "Message": more(message(), &["documents", "acknowledgements"], json!({
            "documents": list(of(&["position", "format", "state"], document)),
            "next_position": { "type": ["integer", "null"] },
            "acknowledgements": list(message()),
        })),
        "Limits": of(
            &["partner", "mode", "message_size", "document_size", "limits"],
            json!({
                "partner": text(), "mode": mode(), "message_size": whole(), "document_size": whole(),
                "limits": list(of(&["policy", "unit", "quota", "remaining", "reset_seconds"], json!({
                    "policy": text(), "unit": text(), "quota": whole(), "window_seconds": { "type": ["integer", "null"] },
                    "remaining": whole(), "reset_seconds": whole(),
                }))),
            }),
        ),
        "WebhookEndpoint": of(
            &["id", "url", "types", "mode", "state", "created_at", "failed_attempts", "next_attempt_at", "detail"],
            json!({
                "id": text(), "url": text(), "types": list(text()), "mode": mode(), "state": hook_state(),
                "created_at": time(), "failed_attempts": whole(), "detail": cursor(), "secret": text(),
                "next_attempt_at": { "type": ["string", "null"], "format": "date-time" },
            }),
        ),
        "WebhookEndpointPage": page("WebhookEndpoint", json!({ "type": "null" })),
        "NewWebhookEndpoint": only(of(&["url"], json!({ "url": url(), "types": kinds() }))),
        "WebhookEndpointChange": only(of(&[], json!({
            "url": { "anyOf": [url(), { "type": "null" }] }, "types": kinds(),
            "state": { "anyOf": [hook_state(), { "type": "null" }] },
        }))),
        "WebhookRotation": only(of(
            &[],
            json!({ "overlap_secs": { "type": ["integer", "null"], "minimum": 0, "maximum": 604_800 } }),
        )),
        "WebhookTest": of(
            &["event", "delivered", "detail"],
            json!({ "event": text(), "delivered": { "type": "boolean" }, "detail": text() }),
        ),
        "Report": of(
            &["format", "accepted", "documents", "acknowledgements", "errors"],
            json!({
                "format": text(), "accepted": { "type": "boolean" },
                "documents": list(of(&["state"], json!({
                    "type": text(), "set": text(), "number": text(), "orders": list(text()), "state": text(),
                    "detail": text(),
                }))),
                "acknowledgements": list(text()),
                "errors": list(more(finding(), &["severity"], json!({ "severity": text() }))),
            }),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_one_thing_each() {
        let mut seen: Map<String, Value> = Map::new();
        for (_, kind) in DOCUMENTS {
            let parts = schema(kind).unwrap()["$defs"].as_object().cloned().unwrap_or_default();
            for (name, part) in parts {
                assert!(seen.get(&name).is_none_or(|before| *before == part), "{name} is two things");
                assert!(!OWN.contains(&name.as_str()) && DOCUMENTS.iter().all(|(own, _)| *own != name), "{name}");
                seen.insert(name, part);
            }
        }
        let own = own();
        let names: Vec<_> = own.as_object().unwrap().keys().collect();
        assert!(OWN.iter().all(|name| names.contains(&&(*name).to_owned())) && names.len() == OWN.len());
    }
}
