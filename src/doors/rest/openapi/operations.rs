//! The table of operations: what each takes, what it answers, and an example that the tests send.

use serde_json::{Value, json};

/// One method of one path.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) detail: &'static str,
    pub(super) parameters: &'static [Parameter],
    pub(super) body: Option<Body>,
    /// The status of success, and the schema of its body; none where it is somebody's own bytes.
    pub(super) status: u16,
    pub(super) schema: Option<&'static str>,
    /// The statuses of failure, beside those that any operation has.
    pub(super) problems: &'static [u16],
}

/// What an operation takes.
#[derive(Clone, Copy)]
pub(super) enum Body {
    /// A message's bytes.
    Raw,
    /// A canonical document, with an example; or a message's bytes.
    Document(&'static str, &'static str),
    /// Any of them, without effect.
    Any,
}

/// A parameter in the path, the query or a header.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    place: &'static str,
    detail: &'static str,
    example: &'static str,
}

impl Parameter {
    pub(super) fn is_in_path(&self) -> bool {
        self.place == "path"
    }

    pub(super) fn to_json(&self) -> Value {
        let schema = match self.example.parse::<u32>() {
            Ok(_) if !self.is_in_path() && self.name != "number" => json!({ "type": "integer", "minimum": 0 }),
            _ => json!({ "type": "string" }),
        };
        json!({
            "name": self.name, "in": self.place, "required": self.is_in_path(),
            "description": self.detail, "schema": schema,
            "example": schema_example(self.example, &schema),
        })
    }
}

fn schema_example(text: &str, schema: &Value) -> Value {
    match text.parse::<u32>() {
        Ok(number) if schema["type"] == "integer" => json!(number),
        _ => json!(text),
    }
}

impl Body {
    /// Whether it leaves something on the record, so that it needs a key.
    pub(super) fn is_stored(self) -> bool {
        !matches!(self, Self::Any)
    }

    pub(super) fn content(self) -> Value {
        let raw = json!({ "schema": { "type": "string" }, "example": X12 });
        let xml = json!({ "schema": { "type": "string" } });
        match self {
            Self::Raw => json!({ "application/edi-x12": raw, "application/xml": xml }),
            Self::Document(schema, example) => json!({
                "application/json": {
                    "schema": { "$ref": format!("#/components/schemas/{schema}") },
                    "example": serde_json::from_str::<Value>(example).unwrap_or_default(),
                },
                "application/edi-x12": raw,
                "application/xml": xml,
            }),
            Self::Any => json!({
                "application/json": {
                    "schema": { "type": "object" },
                    "example": serde_json::from_str::<Value>(ACKNOWLEDGEMENT).unwrap_or_default(),
                },
                "application/edi-x12": raw,
                "application/xml": xml,
            }),
        }
    }
}

impl Operation {
    pub(super) fn answer(&self) -> Value {
        let description = match self.status {
            202 => "It is on durable record. `Location` leads to what becomes of it.",
            _ => "Here it is.",
        };
        match self.schema {
            Some(schema) => json!({
                "description": description,
                "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } },
            }),
            None => json!({
                "description": description,
                "content": { "application/octet-stream": { "schema": { "type": "string" } } },
            }),
        }
    }
}

const fn path(name: &'static str, detail: &'static str, example: &'static str) -> Parameter {
    Parameter { name, place: "path", detail, example }
}

const fn query(name: &'static str, detail: &'static str, example: &'static str) -> Parameter {
    Parameter { name, place: "query", detail, example }
}

const NUMBER: Parameter = path("number", "The buyer's number of the order.", "4500012345");
const MESSAGE: Parameter = path("id", "The message's id.", "msg_01HF7YAT000000000000000007");
const LIMIT: Parameter = query("limit", "How many entries a page has: 1 to 200.", "50");
const AFTER: Parameter = query("after", "The cursor that an earlier page gave as `next`.", "");
const IF_MATCH: Parameter = Parameter {
    name: "If-Match",
    place: "header",
    detail: "The `ETag` of the order that this answers; refused with 412 if the order has another form by now.",
    example: "\"0123456789abcdef0123456789abcdef\"",
};
const IF_NONE_MATCH: Parameter = Parameter {
    name: "If-None-Match",
    place: "header",
    detail: "The `ETag` that came last; 304 if nothing changed.",
    example: "\"0123456789abcdef0123456789abcdef\"",
};

const X12: &str =
    "ISA*00*          *00*          *01*123456789      *01*098765432      *261121*0800*U*00401*000000001*0*P*>~…";
const ACKNOWLEDGEMENT: &str = r#"{
  "order_number": "4500012345", "purpose": "original", "issue_date": "2026-11-21", "seller_order_number": "S-1001",
  "lines": [{ "number": "1", "quantity": { "value": "10", "unit": "EA" } }]
}"#;
const CHANGE_ACKNOWLEDGEMENT: &str =
    r#"{ "order_number": "4500012345", "purpose": "original", "change_order_sequence": "1" }"#;
const SHIPMENT: &str = r#"{ "number": "ASN-1001", "purpose": "original", "issue_date": "2026-11-22" }"#;
const INVOICE: &str = r#"{ "number": "INV-1001", "issue_date": "2026-11-23", "order_number": "4500012345" }"#;
const INVENTORY: &str = r#"{ "number": "STOCK-1", "issue_date": "2026-11-21" }"#;

const POSTED: &[u16] = &[400, 409, 413, 415, 422];
const ANSWERED: &[u16] = &[400, 409, 412, 413, 415, 422];

/// All of them.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/v1/orders",
        id: "listOrders",
        summary: "Orders and changes, newest first",
        detail: "A list delivers nothing; reading an order, or its event in the feed, does.",
        parameters: &[
            LIMIT,
            AFTER,
            query("number", "Only this order.", "4500012345"),
            query("type", "Only this type: purchase_order or purchase_order_change.", "purchase_order"),
            query("state", "Only in this state: issued, delivered, acknowledged, rejected or failed.", "issued"),
            query("from", "Issued at this time or later.", "2026-11-01"),
            query("to", "Issued before this time.", "2026-12-01T00:00:00Z"),
        ],
        body: None,
        status: 200,
        schema: Some("OrderPage"),
        problems: &[400],
    },
    Operation {
        method: "get",
        path: "/v1/orders/{number}",
        id: "getOrder",
        summary: "One order, as it was issued last",
        detail: "The canonical document. A supplier whose channel is this API has the order once it was read to its end.",
        parameters: &[NUMBER, IF_NONE_MATCH],
        body: None,
        status: 200,
        schema: Some("PurchaseOrder"),
        problems: &[404],
    },
    Operation {
        method: "get",
        path: "/v1/orders/{number}/changes",
        id: "listOrderChanges",
        summary: "The changes of an order, oldest first",
        detail: "Each with its canonical document.",
        parameters: &[NUMBER],
        body: None,
        status: 200,
        schema: Some("ChangePage"),
        problems: &[404],
    },
    Operation {
        method: "post",
        path: "/v1/orders/{number}/acknowledgements",
        id: "acknowledgeOrder",
        summary: "Answer an order",
        detail: "Several answers to one order are normal. JSON has to name the order of this address.",
        parameters: &[NUMBER, IF_MATCH],
        body: Some(Body::Document("OrderAcknowledgement", ACKNOWLEDGEMENT)),
        status: 202,
        schema: Some("Accepted"),
        problems: ANSWERED,
    },
    Operation {
        method: "post",
        path: "/v1/orders/{number}/change_acknowledgements",
        id: "acknowledgeOrderChange",
        summary: "Answer a change of an order",
        detail: "JSON has to name the order of this address.",
        parameters: &[NUMBER, IF_MATCH],
        body: Some(Body::Document("OrderChangeAcknowledgement", CHANGE_ACKNOWLEDGEMENT)),
        status: 202,
        schema: Some("Accepted"),
        problems: ANSWERED,
    },
    Operation {
        method: "post",
        path: "/v1/orders/{number}/shipments",
        id: "announceShipment",
        summary: "Say that goods are on their way",
        detail: "A notice that names no order is about the order of this address.",
        parameters: &[NUMBER, IF_MATCH],
        body: Some(Body::Document("ShipmentNotice", SHIPMENT)),
        status: 202,
        schema: Some("Accepted"),
        problems: ANSWERED,
    },
    Operation {
        method: "post",
        path: "/v1/orders/{number}/invoices",
        id: "invoiceOrder",
        summary: "Invoice an order",
        detail: "An invoice that names no order is about the order of this address.",
        parameters: &[NUMBER, IF_MATCH],
        body: Some(Body::Document("Invoice", INVOICE)),
        status: 202,
        schema: Some("Accepted"),
        problems: ANSWERED,
    },
    Operation {
        method: "post",
        path: "/v1/inventory_reports",
        id: "reportInventory",
        summary: "Report what is in stock",
        detail: "About no single order.",
        parameters: &[],
        body: Some(Body::Document("InventoryReport", INVENTORY)),
        status: 202,
        schema: Some("Accepted"),
        problems: POSTED,
    },
    Operation {
        method: "get",
        path: "/v1/forecasts",
        id: "listForecasts",
        summary: "Forecasts and ship schedules, newest first",
        detail: "A list delivers nothing; reading one does.",
        parameters: &[LIMIT, AFTER],
        body: None,
        status: 200,
        schema: Some("OrderPage"),
        problems: &[400],
    },
    Operation {
        method: "get",
        path: "/v1/forecasts/{number}",
        id: "getForecast",
        summary: "One forecast or ship schedule, as it was issued last",
        detail: "The canonical document.",
        parameters: &[path("number", "The buyer's number of the plan.", "F-2026-47"), IF_NONE_MATCH],
        body: None,
        status: 200,
        schema: Some("Plan"),
        problems: &[404],
    },
    Operation {
        method: "get",
        path: "/v1/events",
        id: "listEvents",
        summary: "Everything about one's documents, in order",
        detail: "CloudEvents 1.0. `next` always is a cursor: ask with it again, with `wait` to be told at once. Documents \
                 that are issued here are delivered once the answer was read to its end.",
        parameters: &[
            LIMIT,
            AFTER,
            query("wait", "How many seconds to wait for something new: 0 to 30.", "20"),
            query("type", "Only this type of event.", "gangway.purchase_order.issued.v1"),
        ],
        body: None,
        status: 200,
        schema: Some("EventPage"),
        problems: &[400],
    },
    Operation {
        method: "get",
        path: "/v1/messages",
        id: "listMessages",
        summary: "Messages both ways, newest first",
        detail: "A message is one hand-over, with its bytes as they were.",
        parameters: &[
            LIMIT,
            AFTER,
            query("direction", "Only in or out.", "in"),
            query("state", "Only in this state, like accepted, held or rejected.", "accepted"),
        ],
        body: None,
        status: 200,
        schema: Some("MessagePage"),
        problems: &[400],
    },
    Operation {
        method: "post",
        path: "/v1/messages",
        id: "sendMessage",
        summary: "Send X12 or XML",
        detail: "Whatever is in it; what the standard thinks of it is said by a 997, and in the message's state.",
        parameters: &[],
        body: Some(Body::Raw),
        status: 202,
        schema: Some("Accepted"),
        problems: POSTED,
    },
    Operation {
        method: "get",
        path: "/v1/messages/{id}",
        id: "getMessage",
        summary: "What became of a message",
        detail: "With its documents and what was found wrong with them.",
        parameters: &[MESSAGE, query("position", "The first document to be shown.", "0")],
        body: None,
        status: 200,
        schema: Some("Message"),
        problems: &[400, 404],
    },
    Operation {
        method: "get",
        path: "/v1/messages/{id}/payload",
        id: "getPayload",
        summary: "A message's bytes",
        detail: "What waits for a supplier is delivered once it was read to its end.",
        parameters: &[MESSAGE],
        body: None,
        status: 200,
        schema: None,
        problems: &[404],
    },
    Operation {
        method: "post",
        path: "/v1/validate",
        id: "validate",
        summary: "Try a body out",
        detail: "What would become of it, and everything that is wrong with it. Nothing is stored, and no key is needed.",
        parameters: &[query("type", "What a body in JSON should be.", "order_acknowledgement")],
        body: Some(Body::Any),
        status: 200,
        schema: Some("Report"),
        problems: &[400, 413, 415],
    },
    Operation {
        method: "get",
        path: "/v1/limits",
        id: "getLimits",
        summary: "What may come, and how much of it is left",
        detail: "The same as in the headers of every answer, with the size of the largest message.",
        parameters: &[],
        body: None,
        status: 200,
        schema: Some("Limits"),
        problems: &[],
    },
];
