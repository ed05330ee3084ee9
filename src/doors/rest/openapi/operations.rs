//! The table of operations: what each takes, what it answers, and an example that the tests send.

use super::operation::{Body, Operation, Parameter, condition, number, path, query};

const NUMBER: Parameter = path("number", "The buyer's number of the order.", "4500012345");
const MESSAGE: Parameter = path("id", "The message's id.", "msg_01HF7YAT000000000000000007");
const LIMIT: Parameter = number("limit", "How many entries a page has.", "50", (1, 200));
const AFTER: Parameter = query("after", "The cursor that an earlier page gave as `next`.", "");
const ENDPOINT: Parameter = path("id", "The endpoint's id.", "we_0123456789abcdef0123456789");
const IF_ENDPOINT_MATCH: Parameter = condition(
    "If-Match",
    "The `ETag` of the endpoint as the caller knows it; refused with 412 if it was changed since.",
);
const ONCE: Parameter =
    condition("Idempotency-Key", "A key of the caller's for this request: sent again with it, it is done once.");
const IF_MATCH: Parameter = condition(
    "If-Match",
    "The `ETag` of the order that this answers; refused with 412 if the order was sent anew or changed since.",
);
const IF_NONE_MATCH: Parameter = condition("If-None-Match", "The `ETag` that came last; 304 if nothing changed.");

pub(super) const ACKNOWLEDGEMENT: &str = r#"{
  "order_number": "4500012345", "purpose": "original", "issue_date": "2026-11-21", "seller_order_number": "S-1001",
  "lines": [{ "number": "1", "quantity": { "value": "10", "unit": "EA" } }]
}"#;
const CHANGE_ACKNOWLEDGEMENT: &str =
    r#"{ "order_number": "4500012345", "purpose": "original", "change_order_sequence": "1" }"#;
const SHIPMENT: &str = r#"{ "number": "ASN-1001", "purpose": "original", "issue_date": "2026-11-22" }"#;
const INVOICE: &str = r#"{ "number": "INV-1001", "issue_date": "2026-11-23", "order_number": "4500012345" }"#;
const INVENTORY: &str = r#"{ "number": "STOCK-1", "issue_date": "2026-11-21" }"#;

const HOOK: &str = r#"{ "url": "https://supplier.example/gangway", "types": ["gangway.purchase_order.issued.v1"] }"#;
const HOOK_CHANGE: &str = r#"{ "state": "enabled" }"#;
const ROTATION: &str = r#"{ "overlap_secs": 86400 }"#;

const POSTED: &[u16] = &[400, 409, 413, 415, 422];
const ANSWERED: &[u16] = &[400, 409, 412, 413, 415, 422];

/// All of them.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::get("/v1/orders", "listOrders")
        .says("Orders and changes, newest first")
        .details("A list delivers nothing; reading an order, or its event in the feed, does.")
        .with(&[
            LIMIT,
            AFTER,
            query("number", "Only this order.", "4500012345"),
            query("type", "Only this type: purchase_order or purchase_order_change.", "purchase_order"),
            query("state", "Only in this state: issued, delivered, acknowledged, rejected or failed.", "issued"),
            query("from", "Issued at this time or later.", "2026-11-01"),
            query("to", "Issued before this time.", "2026-12-01T00:00:00Z"),
        ])
        .gives("OrderPage")
        .fails(&[400]),
    Operation::get("/v1/orders/{number}", "getOrder")
        .says("One order, as it was issued last")
        .details("The canonical document. A supplier whose channel is this API has the order once it was read \
                 to its end. Its `ETag` is another one after each change of the order.")
        .with(&[NUMBER, IF_NONE_MATCH])
        .gives("PurchaseOrder")
        .fails(&[404]),
    Operation::get("/v1/orders/{number}/changes", "listOrderChanges")
        .says("The changes of an order, oldest first")
        .details("Each with its canonical document.")
        .with(&[NUMBER])
        .gives("ChangePage")
        .fails(&[404]),
    Operation::post("/v1/orders/{number}/acknowledgements", "acknowledgeOrder")
        .says("Answer an order")
        .details("Several answers to one order are normal. JSON has to name the order of this address.")
        .with(&[NUMBER, IF_MATCH])
        .takes(Body::Document("OrderAcknowledgement", ACKNOWLEDGEMENT))
        .answers(202, "Accepted")
        .fails(ANSWERED),
    Operation::post("/v1/orders/{number}/change_acknowledgements", "acknowledgeOrderChange")
        .says("Answer a change of an order")
        .details("JSON has to name the order of this address.")
        .with(&[NUMBER, IF_MATCH])
        .takes(Body::Document("OrderChangeAcknowledgement", CHANGE_ACKNOWLEDGEMENT))
        .answers(202, "Accepted")
        .fails(ANSWERED),
    Operation::post("/v1/orders/{number}/shipments", "announceShipment")
        .says("Say that goods are on their way")
        .details("A notice that names no order is about the order of this address.")
        .with(&[NUMBER, IF_MATCH])
        .takes(Body::Document("ShipmentNotice", SHIPMENT))
        .answers(202, "Accepted")
        .fails(ANSWERED),
    Operation::post("/v1/orders/{number}/invoices", "invoiceOrder")
        .says("Invoice an order")
        .details("An invoice that names no order is about the order of this address.")
        .with(&[NUMBER, IF_MATCH])
        .takes(Body::Document("Invoice", INVOICE))
        .answers(202, "Accepted")
        .fails(ANSWERED),
    Operation::post("/v1/inventory_reports", "reportInventory")
        .says("Report what is in stock")
        .details("About no single order.")
        .takes(Body::Document("InventoryReport", INVENTORY))
        .answers(202, "Accepted")
        .fails(POSTED),
    Operation::get("/v1/forecasts", "listForecasts")
        .says("Forecasts and ship schedules, newest first")
        .details("A list delivers nothing; reading one does.")
        .with(&[LIMIT, AFTER])
        .gives("OrderPage")
        .fails(&[400]),
    Operation::get("/v1/forecasts/{number}", "getForecast")
        .says("One forecast or ship schedule, as it was issued last")
        .details("The canonical document.")
        .with(&[path("number", "The buyer's number of the plan.", "F-2026-47"), IF_NONE_MATCH])
        .gives("Plan")
        .fails(&[404]),
    Operation::get("/v1/events", "listEvents")
        .says("Everything about one's documents, in order")
        .details("CloudEvents 1.0. `next` always is a cursor: ask with it again, with `wait` to be told at \
                 once. Documents \
                 that are issued here are delivered once the answer was read to its end. An answer may be empty and \
                 its `next` another one all the same, where much of others was passed over: go on from there.")
        .with(&[
            LIMIT,
            AFTER,
            number("wait", "How many seconds to wait for something new.", "1", (0, 30)),
            query("type", "Only this type of event.", "gangway.purchase_order.issued.v1"),
        ])
        .gives("EventPage")
        .fails(&[400]),
    Operation::get("/v1/messages", "listMessages")
        .says("Messages both ways, newest first")
        .details("A message is one hand-over, with its bytes as they were.")
        .with(&[
            LIMIT,
            AFTER,
            query("direction", "Only in or out.", "in"),
            query("state", "Only in this state, like accepted, held or rejected.", "accepted"),
        ])
        .gives("MessagePage")
        .fails(&[400]),
    Operation::post("/v1/messages", "sendMessage")
        .says("Send X12 or XML")
        .details(
            "Whatever is in it; what the standard thinks of it is said by a 997, and in the message's state. A cXML document, \
             whose payloadID does for a key, is answered 200 with a cXML Response. Systems that have nothing to show but \
             the SharedSecret of their Sender post it to `/v1/cxml`.",
        )
        .takes(Body::Raw)
        .answers(202, "Accepted")
        .fails(POSTED),
    Operation::get("/v1/messages/{id}", "getMessage")
        .says("What became of a message")
        .details("With its documents and what was found wrong with them.")
        .with(&[MESSAGE, number("position", "The first document to be shown.", "0", (0, u32::MAX))])
        .gives("Message")
        .fails(&[400, 404]),
    Operation::get("/v1/messages/{id}/payload", "getPayload")
        .says("A message's bytes")
        .details("What waits for a supplier is delivered once it was read to its end.")
        .with(&[MESSAGE])
        .fails(&[404]),
    Operation::post("/v1/validate", "validate")
        .says("Try a body out")
        .details("What would become of it, and everything that is wrong with it. Nothing is stored, and no key \
                 is needed.")
        .with(&[query("type", "What a body in JSON should be.", "order_acknowledgement")])
        .takes(Body::Any)
        .gives("Report")
        .fails(&[400, 413, 415]),
    Operation::get("/v1/limits", "getLimits")
        .says("What may come, and how much of it is left")
        .details("The same as in the headers of every answer, with the size of the largest message, and of the largest document in JSON.")
        .gives("Limits"),
    Operation::get("/v1/webhook_endpoints", "listWebhookEndpoints")
        .says("One's own endpoints")
        .details("Events of the feed are posted there, in the same order, signed by Standard Webhooks.")
        .gives("WebhookEndpointPage"),
    Operation::post("/v1/webhook_endpoints", "createWebhookEndpoint")
        .says("Name an endpoint")
        .details("The answer has the `secret` that signs, this once; the same key again gets the same answer without it, whatever \
                 became of the endpoint. It is told what happens from now on: of \
                 the types named, \
                 or of all. An endpoint that does not answer 2xx is tried ten times over three days, and then disabled.")
        .takes(Body::New("NewWebhookEndpoint", HOOK))
        .answers(201, "WebhookEndpoint")
        .fails(&[400, 409, 413, 415, 422]),
    Operation::get("/v1/webhook_endpoints/{id}", "getWebhookEndpoint")
        .says("One endpoint, and how it fares")
        .details("Whether it is enabled, and why the last attempt failed if it did.")
        .with(&[ENDPOINT])
        .gives("WebhookEndpoint")
        .fails(&[404]),
    Operation::patch("/v1/webhook_endpoints/{id}", "changeWebhookEndpoint")
        .says("Change an endpoint")
        .details("What is not named stays. One that was disabled goes on where it stopped when it is enabled.")
        .with(&[ENDPOINT, IF_ENDPOINT_MATCH])
        .takes(Body::Fields("WebhookEndpointChange", HOOK_CHANGE))
        .gives("WebhookEndpoint")
        .fails(&[400, 404, 412, 413, 415, 422]),
    Operation::delete("/v1/webhook_endpoints/{id}", "deleteWebhookEndpoint")
        .says("Take an endpoint back")
        .details("Nothing is posted there any more.")
        .with(&[ENDPOINT, IF_ENDPOINT_MATCH])
        .answers_nothing()
        .fails(&[404, 412]),
    Operation::post("/v1/webhook_endpoints/{id}/rotate", "rotateWebhookSecret")
        .says("Make a new secret")
        .details("The answer has it, this once. For `overlap_secs` the old one signs beside it. With an `Idempotency-Key` a \
                 repetition makes no other one, and does not show it again.")
        .with(&[ENDPOINT, ONCE])
        .takes(Body::Fields("WebhookRotation", ROTATION))
        .gives("WebhookEndpoint")
        .fails(&[400, 404, 413, 415, 422]),
    Operation::post("/v1/webhook_endpoints/{id}/test", "testWebhookEndpoint")
        .says("Post a test event now")
        .details("Its type is `gangway.webhook_endpoint.test.v1`. The answer says what the endpoint made of it.")
        .with(&[ENDPOINT])
        .gives("WebhookTest")
        .fails(&[404]),
];
