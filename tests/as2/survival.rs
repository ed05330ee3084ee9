//! What a crash leaves: every message once, and a valid receipt for whoever tries again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gangway::{as2::disposition::Disposition, play::As2Form};

use super::{
    door::document,
    site::{Site, proven, read, url, x12},
    wire,
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

gwtest!(killed_before_the_commit_nothing_is_there_and_the_retry_is_the_first, async |dir| {
    let mut site = Site::start(&dir, "").await;
    let message = site.acme.message(&[document(&x12(1))], &As2Form::default()).unwrap();
    // All but the last byte has come, so nothing can have been decided.
    let (last, most) = message.http.body.split_last().unwrap();
    let mut stream = wire::connect(site.gateway.public_address()).await;
    let head = format!("{}\r\n", wire::head(&message.http.headers));
    wire::write(&mut stream, &[head.as_bytes(), most].concat()).await.unwrap();
    site.gateway.kill9();
    let _ = wire::write(&mut stream, &[*last]).await;
    site.gateway = Gateway::start(&dir).await;
    assert!(site.gateway.erp().lease("erp", 100, 0, 60).await.unwrap().is_empty());
    assert_eq!(proven(&site.post(&message).await), Disposition::Processed);
    drain(&site.gateway.erp(), "erp", 1).await;
});

gwtest!(killed_after_the_commit_the_receipt_is_there_and_the_retry_gets_it, async |dir| {
    let mut site = Site::start(&dir, "").await;
    let message = site.acme.message(&[document(&x12(1))], &As2Form::default()).unwrap();
    // The answer is not read: what the partner knows is that its connection broke.
    let mut stream = wire::connect(site.gateway.public_address()).await;
    let head = format!("{}\r\n", wire::head(&message.http.headers));
    wire::write(&mut stream, &[head.as_bytes(), &message.http.body].concat()).await.unwrap();
    let erp = site.gateway.erp();
    let recorded = wait_for("the message on the record", async || {
        let found = erp.messages(&[("partner", "acme")]).await.ok()?.json();
        let messages = found["data"].as_array()?.clone();
        messages.iter().find(|message| message["direction"] == "in").map(|message| message["id"].clone())
    });
    let recorded = recorded.await;
    site.gateway.kill9();
    drop(stream);
    site.gateway = Gateway::start(&dir).await;
    let again = site.post(&message).await;
    assert_eq!(proven(&again), Disposition::Processed);
    assert_eq!(site.post(&message).await.reply.body, again.reply.body);
    let events = drain(&site.gateway.erp(), "erp", 1).await;
    let kept = recorded.as_str().unwrap().trim_start_matches("msg_").to_owned();
    assert!(events[0].event.id.contains(&kept), "{} is not of {kept}", events[0].event.id);
});

// The promise of a receipt is kept before its message is committed, and let go after: a crash anywhere between leaves a
// receipt for every message on the record, and none for those that are not.
gwtest!(kill_9_loses_no_receipt_that_goes_on_its_own, async |dir| {
    let mut site = Site::start(&dir, "").await;
    let form = As2Form { deliver_to: Some(site.server.url()), ..As2Form::default() };
    let rounds = if full() { 20 } else { 2 };
    let mut chance = Chance::new();
    let mut number = 0;
    let mut sent = BTreeMap::new();
    for _ in 0..rounds {
        let mut senders = Vec::new();
        for _ in 0..30 {
            number += 1;
            let one = site.acme.message(&[document(&x12(number))], &form).unwrap();
            sent.insert(one.expectation.message_id.clone(), one.clone());
            let (acme, url) = (site.acme.clone(), site.url());
            senders.push(tokio::spawn(async move { acme.post(&url, one).await.ok() }));
        }
        tokio::time::sleep(Duration::from_micros(chance.below(250_000))).await;
        site.gateway.kill9();
        for sender in senders {
            sender.await.unwrap();
        }
        site.gateway = Gateway::start(&dir).await;
    }
    // Every message on the record, and nobody sent any of them again.
    let mut recorded = BTreeSet::new();
    let mut next = None::<String>;
    loop {
        let mut query = vec![("partner", "acme"), ("direction", "in"), ("limit", "200")];
        query.extend(next.as_deref().map(|next| ("after", next)));
        let found = site.gateway.erp().messages(&query).await.unwrap().json();
        let messages = found["data"].as_array().unwrap();
        recorded.extend(messages.iter().map(|message| message["transport_id"].as_str().unwrap().to_owned()));
        next = found["next"].as_str().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    assert!(!recorded.is_empty());
    let told = || -> BTreeSet<String> {
        let receipts = site.server.receipts();
        let read = receipts.iter().map(|(headers, body)| read(&site.acme, headers, body.clone()));
        let read = read.inspect(|mdn| {
            let id = String::from_utf8(mdn.original_message_id.clone().unwrap()).unwrap();
            assert_eq!(sent[&id].expectation.check(mdn).unwrap(), Disposition::Processed);
        });
        read.map(|mdn| String::from_utf8(mdn.original_message_id.unwrap()).unwrap()).collect()
    };
    wait_for("a receipt for every message on the record", async || recorded.is_subset(&told()).then_some(())).await;
    assert_eq!(told(), recorded, "what is not on the record was acknowledged");
    drain(&site.gateway.erp(), "erp", recorded.len()).await;
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
