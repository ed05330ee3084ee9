//! The supplier API against the real program: orders read, answers posted, events followed, limits kept.

mod certificates;
mod feed;
mod gzip;
mod hooks;
mod issuer;
mod limits;
mod openapi;
mod orders;
mod schemathesis;
mod token;
mod validate;

use gangway::play::{Answer, ErpClient, Supplier};
use http::Method;
use serde_json::{Value, json};

use crate::util::{Dir, Gateway, cast::*, status};

/// A gateway whose acme is sent canonical JSON over the API.
pub async fn open(dir: &Dir) -> (Gateway, ErpClient, Supplier) {
    assemble(dir);
    PartnerFile { more: "\n[send]\nchannel = \"rest\"\nformat = \"json\"\n", ..ACME_FILE }.write(dir);
    let gateway = Gateway::start(dir).await;
    let (erp, acme) = (gateway.erp(), gateway.supplier(ACME_KEY));
    (gateway, erp, acme)
}

/// What an address answers to this supplier.
pub async fn get(supplier: &Supplier, path: &str, headers: &[(&str, &str)]) -> Answer {
    supplier.client().send(Method::GET, path, headers, Vec::<u8>::new()).await.unwrap()
}

/// The numbers in a list.
pub fn numbers(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|entry| entry["number"].as_str().unwrap()).collect()
}

/// An answer to an order in canonical JSON.
pub fn acknowledgement(order: &str, note: &str) -> Value {
    json!({
        "order_number": order,
        "purpose": "original",
        "seller_order_number": note,
        "issue_date": "2026-11-21",
        "lines": [{ "number": "1", "quantity": { "value": "10", "unit": "EA" } }],
    })
}

/// Posts it.
pub async fn acknowledge(supplier: &Supplier, key: &str, address: &str, document: &Value) -> Answer {
    supplier.post_json(key, address, "acknowledgements", document.to_string().into_bytes()).await.unwrap()
}

/// A header's value.
pub fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// The code of a problem.
#[track_caller]
pub fn refused(answer: Answer, expected: u16) -> String {
    status(answer, expected).json()["code"].as_str().unwrap().to_owned()
}
