//! Bodies compressed by gzip: taken as if they were not, and stopped where they inflate to more than a partner may send.

use gangway::play::{Answer, Supplier};
use http::Method;

use super::{acknowledgement, get, header, open, refused};
use crate::{
    outbound::order_for,
    util::{accepted, cast::*, drain, gwtest, gzip, status},
};

async fn send(supplier: &Supplier, path: &str, key: &str, kind: &str, coding: &str, body: Vec<u8>) -> Answer {
    let headers = [("content-type", kind), ("idempotency-key", key), ("content-encoding", coding)];
    supplier.client().send(Method::POST, path, &headers, body).await.unwrap()
}

gwtest!(a_compressed_body_is_the_same_body, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let x12 = answer_to(ACME, 1, "45");
    let id = accepted(send(&acme, "/v1/messages", "k", "application/edi-x12", "gzip", gzip(&x12)).await);
    let stored = status(erp.payload(&id).await.unwrap(), 200);
    assert!(stored.body == x12, "what is kept is what it inflates to");
    // The same message again under its key, this time as it is.
    let again = acme.post_x12("k", x12).await.unwrap();
    assert_eq!(header(&again, "idempotency-replayed"), "true");
    assert_eq!(accepted(again), id);
    let json = acknowledgement("46", "S-1").to_string();
    let path = "/v1/orders/46/acknowledgements";
    accepted(send(&acme, path, "j", "application/json", "gzip", gzip(json.as_bytes())).await);
    drain(&erp, "erp", 2).await;
    let tried =
        send(&acme, "/v1/validate?type=order_acknowledgement", "", "application/json", "gzip", gzip(json.as_bytes()));
    assert_eq!(status(tried.await, 200).json()["accepted"], true);
    gateway.stop().await;
});

gwtest!(the_erp_may_compress_and_mark_its_texts_too, async |dir| {
    let (gateway, erp, _) = open(&dir).await;
    let post = async |key: &str, coding: &str, body: Vec<u8>| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key), ("content-encoding", coding)];
        erp.client().send(Method::POST, "/erp/v1/documents", &headers, body).await.unwrap()
    };
    let order = order_for("acme", "45", "original").to_string();
    accepted(post("1", "gzip", gzip(order.as_bytes())).await);
    let marked = format!("\u{feff}{}", order_for("acme", "46", "original"));
    accepted(post("2", "identity", marked.into_bytes()).await);
    assert_eq!(refused(post("3", "br", order.into_bytes()).await, 415), "NET-0107");
    let lease = |coding: &'static str, body: Vec<u8>| {
        let headers = [("content-type", "application/json"), ("content-encoding", coding)];
        let client = erp.client().clone();
        async move { client.send(Method::POST, "/erp/v1/queue/erp/lease", &headers, body).await.unwrap() }
    };
    status(lease("gzip", gzip(b"{\"max\": 5}")).await, 200);
    status(lease("identity", b"\xEF\xBB\xBF{\"max\": 5}".to_vec()).await, 200);
    assert_eq!(refused(lease("deflate", b"{}".to_vec()).await, 415), "NET-0107");
    gateway.stop().await;
});

gwtest!(what_inflates_to_too_much_or_to_nothing_is_refused, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let bolt = gateway.supplier(BOLT_KEY);
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 64 << 10, "what comes is less than bolt may send");
    assert_eq!(refused(send(&bolt, "/v1/messages", "b", "text/plain", "gzip", bomb.clone()).await, 413), "NET-0103");
    // A body that nobody reads to its end ends its connection; this one comes by another.
    let bolt = gateway.supplier(BOLT_KEY);
    assert_eq!(refused(send(&bolt, "/v1/validate", "b", "text/plain", "gzip", bomb).await, 413), "NET-0103");
    let cut = gzip(b"ISA*00*");
    let cut = cut[..cut.len() - 3].to_vec();
    assert_eq!(refused(send(&acme, "/v1/messages", "c", "text/plain", "gzip", cut).await, 415), "NET-0107");
    assert_eq!(refused(send(&acme, "/v1/messages", "d", "text/plain", "br", b"x".to_vec()).await, 415), "NET-0107");
    drain(&erp, "erp", 0).await;
    let messages = status(get(&acme, "/v1/messages", &[]).await, 200).json();
    assert_eq!(messages["data"].as_array().unwrap().len(), 0);
    gateway.stop().await;
});
