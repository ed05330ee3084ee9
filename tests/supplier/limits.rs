//! Limits: told in every answer, kept before a body is read, kept over reloads and restarts, and nobody else's business.

use super::{acknowledge, acknowledgement, get, header, refused};
use crate::util::{Dir, Gateway, accepted, cast::*, drain, gwtest, settled, state, status};

fn limited(dir: &Dir, limits: &'static str) {
    PartnerFile { more: limits, ..ACME_FILE }.write(dir);
}

gwtest!(a_burst_is_told_when_to_come_again_and_slows_nobody_else, async |dir| {
    assemble(&dir);
    limited(&dir, "\n[limits]\nrequests = \"3/h\"\n");
    let gateway = Gateway::start(&dir).await;
    let (acme, bolt) = (gateway.supplier(ACME_KEY), gateway.supplier(BOLT_KEY));
    for left in ["2", "1", "0"] {
        let answer = status(get(&acme, "/v1/orders", &[]).await, 200);
        assert!(header(&answer, "ratelimit").starts_with(&format!("\"requests\";r={left};t=")), "{answer:?}");
        assert!(header(&answer, "ratelimit-policy").starts_with("\"requests\";q=3;w=3600, \"bytes\""), "{answer:?}");
    }
    for _ in 0..50 {
        let answer = status(get(&acme, "/v1/orders", &[]).await, 429);
        assert!(header(&answer, "retry-after").parse::<u32>().unwrap() > 1000);
        assert_eq!(answer.json()["code"], "API-0113");
        status(get(&bolt, "/v1/orders", &[]).await, 200);
    }
    // More than was agreed before leaves room at once, and what was used stays used.
    limited(&dir, "\n[limits]\nrequests = \"5/h\"\n");
    gateway.signal("HUP");
    crate::util::wait_for("the reload", async || {
        let answer = get(&acme, "/v1/limits", &[]).await;
        (answer.status.as_u16() == 200).then_some(())
    })
    .await;
    let limits = status(get(&acme, "/v1/limits", &[]).await, 200).json();
    assert_eq!((&limits["limits"][0]["quota"], &limits["limits"][0]["remaining"]), (&5.into(), &0.into()));
    assert_eq!(refused(get(&acme, "/v1/limits", &[]).await, 429), "API-0113");
    gateway.stop().await;
});

gwtest!(bytes_are_refused_before_they_are_read, async |dir| {
    assemble(&dir);
    limited(&dir, "\n[limits]\nbytes_per_hour = \"1000 B\"\n");
    let gateway = Gateway::start(&dir).await;
    let acme = gateway.supplier(ACME_KEY);
    let body = answer_to(ACME, 1, "1");
    assert!(body.len() > 500 && body.len() < 1000, "{}", body.len());
    accepted(acme.post_x12("1", body.clone()).await.unwrap());
    assert_eq!(refused(acme.post_x12("2", body.clone()).await.unwrap(), 429), "API-0113");
    // Questions have no body.
    status(get(&acme, "/v1/messages", &[]).await, 200);
    gateway.stop().await;
});

gwtest!(documents_of_a_day_survive_a_restart, async |dir| {
    assemble(&dir);
    limited(&dir, "\n[limits]\ndocuments = \"2/day\"\n");
    let gateway = Gateway::start(&dir).await;
    let acme = gateway.supplier(ACME_KEY);
    accepted(acknowledge(&acme, "1", "1", &acknowledgement("1", "a")).await);
    accepted(acme.post_x12("2", answer_to(ACME, 2, "2")).await.unwrap());
    assert_eq!(refused(acknowledge(&acme, "3", "3", &acknowledgement("3", "a")).await, 429), "API-0114");
    // Whoever asks again for what was taken is answered, and nothing counts.
    let again = acknowledge(&acme, "1", "1", &acknowledgement("1", "a")).await;
    assert_eq!(header(&again, "idempotency-replayed"), "true");
    accepted(again);
    assert_eq!(refused(acknowledge(&acme, "1", "1", &acknowledgement("1", "b")).await, 422), "API-0105");
    accepted(acme.post_x12("2", answer_to(ACME, 2, "2")).await.unwrap());
    gateway.kill9();
    let gateway = Gateway::start(&dir).await;
    let acme = gateway.supplier(ACME_KEY);
    let answer = acknowledge(&acme, "3", "3", &acknowledgement("3", "a")).await;
    assert!(header(&answer, "retry-after").parse::<u32>().unwrap() <= 86_400);
    assert_eq!(refused(answer, 429), "API-0114");
    let limits = status(get(&acme, "/v1/limits", &[]).await, 200).json();
    assert_eq!((&limits["limits"][2]["policy"], &limits["limits"][2]["remaining"]), (&"documents".into(), &0.into()));
    drain(&gateway.erp(), "erp", 2).await;
    gateway.stop().await;
});

gwtest!(a_document_in_json_has_a_limit_of_its_own, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let acme = gateway.supplier(ACME_KEY);
    let limits = status(get(&acme, "/v1/limits", &[]).await, 200).json();
    assert_eq!((&limits["message_size"], &limits["document_size"]), (&(20 << 20).into(), &(2 << 20).into()));
    let large = acknowledgement("45", &"x".repeat(2 << 20));
    for (path, kind) in [
        ("/v1/orders/45/acknowledgements", "application/json"),
        ("/v1/orders/45/acknowledgements", "text/plain"),
        ("/v1/validate?type=order_acknowledgement", "application/json"),
    ] {
        let headers = [("content-type", kind), ("idempotency-key", "k")];
        // A body that nobody reads ends its connection.
        let acme = gateway.supplier(ACME_KEY);
        let answer = acme.client().send(http::Method::POST, path, &headers, large.to_string()).await.unwrap();
        let told = status(answer, 413).json();
        assert_eq!(told["code"], "NET-0103", "{path} {kind}");
        assert!(told["detail"].as_str().unwrap().contains("in JSON may have 2097152 bytes"), "{told}");
    }
    gateway.stop().await;
});

gwtest!(a_partner_without_limits_of_note_is_not_held_up, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let id = accepted(gateway.supplier(ACME_KEY).post_x12("1", answer_to(ACME, 1, "1")).await.unwrap());
    assert_eq!(state(&settled(&gateway.erp(), &id).await), "accepted");
    gateway.stop().await;
});
