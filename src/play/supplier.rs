//! A supplier on the REST door: it posts messages with its API key and asks what became of them.

use http::Method;

use super::http::{Answer, Client, PlayError, Upload};

/// A supplier and its key.
#[derive(Debug, Clone)]
pub struct Supplier {
    client: Client,
}

impl Supplier {
    /// The supplier that holds `key`, at the public listener `base`.
    pub fn new(base: impl Into<String>, key: &str) -> Self {
        Self { client: Client::new(base, Some(key)) }
    }

    /// Posts one X12 body under an idempotency key.
    pub async fn post_x12(&self, key: &str, body: impl Into<Upload>) -> Result<Answer, PlayError> {
        self.post("application/edi-x12", key, body).await
    }

    /// Posts one body of any type under an idempotency key.
    pub async fn post(&self, content_type: &str, key: &str, body: impl Into<Upload>) -> Result<Answer, PlayError> {
        let headers = [("content-type", content_type), ("idempotency-key", key)];
        self.client.send(Method::POST, "/v1/messages", &headers, body).await
    }

    /// Posts an XML document.
    pub async fn post_xml(&self, key: &str, body: impl Into<Upload>) -> Result<Answer, PlayError> {
        let headers = [("content-type", "application/xml"), ("idempotency-key", key)];
        self.client.send(Method::POST, "/v1/messages", &headers, body).await
    }

    /// Posts one canonical document about an order: its acknowledgements, shipments or invoices.
    pub async fn post_json(
        &self,
        key: &str,
        order: &str,
        what: &str,
        body: impl Into<Upload>,
    ) -> Result<Answer, PlayError> {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        self.client.send(Method::POST, &format!("/v1/orders/{order}/{what}"), &headers, body).await
    }

    /// What became of a message.
    pub async fn message(&self, id: &str) -> Result<Answer, PlayError> {
        self.client.get(&format!("/v1/messages/{id}")).await
    }

    /// The plain client, for requests that a well-behaved supplier would not send.
    pub fn client(&self) -> &Client {
        &self.client
    }
}
