//! What a real gateway sends over AS2: a 997 goes to the partner that earned it, signed and encrypted, and is delivered when
//! the partner's receipt proves it, whichever way and whenever that comes.

use gangway::{as2::disposition::Disposition, play::As2Form};

use super::site::{Site, proven, url, x12};
use crate::util::{Gateway, gwtest, state, wait_for};

/// The states of what goes to acme.
async fn outgoing(gateway: &Gateway) -> Vec<(String, serde_json::Value)> {
    let erp = gateway.erp();
    let mut found = Vec::new();
    for id in crate::util::outgoing(&erp, "acme").await {
        let message = erp.message(&id).await.unwrap().json();
        found.push((state(&message).to_owned(), message));
    }
    found
}

async fn delivered(gateway: &Gateway) -> serde_json::Value {
    wait_for("the delivery", async || {
        let all = outgoing(gateway).await;
        all.into_iter().find(|(state, _)| state == "delivered").map(|(_, message)| message)
    })
    .await
}

gwtest!(a_997_is_delivered_with_a_receipt_in_the_answer, async |dir| {
    let site = Site::start(&dir, "encrypt = \"aes256-gcm\"\ncompress = \"before-signing\"").await;
    let sent = site.acme.send(&site.url(), &x12(1), &As2Form::default()).await.unwrap();
    assert_eq!(proven(&sent), Disposition::Processed);
    let message = delivered(&site.gateway).await;
    let taken = site.server.taken();
    assert_eq!(taken.len(), 1);
    assert!(taken[0].is_signed && taken[0].is_encrypted);
    assert!(String::from_utf8_lossy(&taken[0].bytes).contains("AK1*PR*"));
    assert!(message.to_string().contains("MIC"), "{message}");
});

gwtest!(a_server_that_is_down_gets_it_later_under_the_same_id, async |dir| {
    let site = Site::start(&dir, "\n[send]\nretry_after = \"1 s\"").await;
    site.server.refuse(&[503, 502]);
    site.acme.send(&site.url(), &x12(1), &As2Form::default()).await.unwrap();
    delivered(&site.gateway).await;
    assert_eq!((site.server.taken().len(), site.server.refusals_left()), (1, 0));
});

gwtest!(a_receipt_on_its_own_completes_the_delivery_after_a_crash_too, async |dir| {
    let mut site = Site::start(&dir, "receipt_by = \"callback\"").await;
    // Only the partner's server needs the address, and the tests tell it the true one.
    let settings = std::fs::read_to_string(dir.join("gangway.toml")).unwrap();
    dir.create("gangway.toml", settings.replace("[as2]", "[as2]\nurl = \"http://127.0.0.1:9/as2\""));
    site.gateway = site.gateway.restart(&dir).await;
    site.server.hold_receipts();
    site.acme.send(&site.url(), &x12(1), &As2Form::default()).await.unwrap();
    wait_for("the message", async || (site.server.held() == 1).then_some(())).await;
    wait_for("what it waits for", async || {
        let all = outgoing(&site.gateway).await;
        all.iter().any(|(_, message)| message.to_string().contains("comes on its own")).then_some(())
    })
    .await;
    assert!(outgoing(&site.gateway).await.iter().all(|(state, _)| state != "delivered"));
    site.gateway.kill9();
    site.gateway = Gateway::start(&dir).await;
    assert_eq!(site.server.release_receipts(&url(&site.gateway)).await, [200]);
    delivered(&site.gateway).await;
});

gwtest!(a_receipt_for_nothing_changes_nothing, async |dir| {
    let site = Site::start(&dir, "").await;
    let sent = site.acme.send(&site.url(), &x12(1), &As2Form::default()).await.unwrap();
    // Our own receipt, back to us: signed by somebody else, and about nothing that we sent.
    let mut stray = sent.outgoing.clone();
    let value = |name: &str| sent.reply.headers[name].to_str().unwrap().to_owned();
    stray.http.headers = vec![
        ("AS2-From".into(), "acme".into()),
        ("AS2-To".into(), "gangway".into()),
        ("Message-ID".into(), "<stray@acme>".into()),
        ("Content-Type".into(), value("content-type")),
        ("Content-Length".into(), sent.reply.body.len().to_string()),
    ];
    stray.http.body = sent.reply.body.to_vec();
    let answer = site.post(&stray).await;
    assert_eq!((answer.reply.status, answer.reply.body.len()), (200, 0));
    let metrics = site.gateway.private().get("/metrics").await.unwrap().text();
    assert!(metrics.contains("as2_refused_total{code=\"A2D-0107\"} 1"), "{metrics}");
    assert!(metrics.contains("as2_certificate_ends{owner=\"acme\""), "{metrics}");
});
