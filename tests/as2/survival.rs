//! What a crash leaves: every message once, and a valid receipt for whoever tries again.

use std::time::Duration;

use gangway::{as2::disposition::Disposition, play::As2Form};

use super::{
    door::document,
    site::{Site, proven, read, url, x12},
};
use crate::util::{Gateway, campaign::Chance, drain, full, gwtest, wait_for};

gwtest!(kill_9_on_either_side_of_the_commit_is_one_event_and_a_receipt_for_the_retry, async |dir| {
    let mut site = Site::start(&dir, "").await;
    let rounds = if full() { 20 } else { 2 };
    let mut chance = Chance::new();
    let mut number = 0;
    for _ in 0..rounds {
        let mut outgoing = Vec::new();
        for _ in 0..30 {
            number += 1;
            outgoing.push(site.acme.message(&[document(&x12(number))], &As2Form::default()).unwrap());
        }
        let senders: Vec<_> = outgoing
            .iter()
            .map(|one| {
                let (acme, url, one) = (site.acme.clone(), site.url(), one.clone());
                tokio::spawn(async move { acme.post(&url, one).await.ok() })
            })
            .collect();
        // Where in its work the gateway is hit is left to chance; nothing is asserted about the time.
        tokio::time::sleep(Duration::from_micros(chance.below(150_000))).await;
        site.gateway.kill9();
        let mut answered = Vec::new();
        for sender in senders {
            answered.push(sender.await.unwrap());
        }
        site.gateway = Gateway::start(&dir).await;
        for (one, before) in outgoing.iter().zip(answered) {
            let again = site.post(one).await;
            assert_eq!(proven(&again), Disposition::Processed);
            if let Some(before) = before.filter(|before| before.proof.is_some()) {
                assert_eq!(before.reply.body, again.reply.body, "the receipt that was given is the one that is kept");
            }
        }
        drain(&site.gateway.erp(), "erp", outgoing.len()).await;
    }
});

gwtest!(a_receipt_on_its_way_survives_a_crash_and_a_server_that_is_down, async |dir| {
    let mut site = Site::start(&dir, "").await;
    site.server.refuse(&[503]);
    let form = As2Form { deliver_to: Some(site.server.url()), ..As2Form::default() };
    // Not X12, so that no 997 goes the same way.
    let sent = site.acme.send(&site.url(), b"Good morning.", &form).await.unwrap();
    assert_eq!(sent.reply.status, 200);
    wait_for("the first attempt", async || (site.server.refusals_left() == 0).then_some(())).await;
    site.gateway.kill9();
    assert!(site.server.receipts().is_empty());
    site.gateway = Gateway::start(&dir).await;
    wait_for("the receipt", async || (!site.server.receipts().is_empty()).then_some(())).await;
    let (headers, body) = site.server.receipts().remove(0);
    let mdn = read(&site.acme, &headers, body);
    assert_eq!(sent.outgoing.expectation.check(&mdn).unwrap(), Disposition::Processed);
    // Who asks again gets the very same one.
    site.acme.post(&url(&site.gateway), sent.outgoing.clone()).await.unwrap();
    wait_for("the receipt again", async || (site.server.receipts().len() >= 2).then_some(())).await;
    let all = site.server.receipts();
    assert!(all.iter().all(|(_, body)| *body == all[0].1));
});
