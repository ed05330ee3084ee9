//! Acknowledgements and answers come home, and what does not come is told once.

use gangway::play::{Endpoint, canonical::functional_acknowledgement, x12::Interchange};
use serde_json::json;

use super::{bytes, issued, post, told, verbs};
use crate::util::{Gateway, accepted, cast::*, gwtest, settled, state, status, wait_for};

gwtest!(a_997_says_how_the_order_fared, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    for (number, accepts) in [("45", true), ("46", false)] {
        let out = issued(&erp, "acme", &post(&erp, number, "acme", number).await).await;
        let id = out["id"].as_str().unwrap();
        // The supplier fetches it, and that is its delivery.
        let text = status(supplier.client().get(&format!("/v1/messages/{id}/payload")).await.unwrap(), 200).text();
        let subject = format!("purchase_order/{number}");
        assert_eq!(verbs(&erp, &subject, 2).await, ["purchase_order.issued", "purchase_order.delivered"]);
        let set = functional_acknowledgement(&text, accepts).unwrap();
        let answer = Interchange::new(&party(ACME), &ours(), number.parse().unwrap()).with(set);
        let said = accepted(supplier.post_x12(&format!("997-{number}"), answer.to_bytes()).await.unwrap());
        let verb = if accepts { "purchase_order.accepted" } else { "purchase_order.rejected" };
        assert_eq!(verbs(&erp, &subject, 3).await[2], verb);
        let event = told(&erp, &subject).await.remove(2);
        assert_eq!(event.partitionkey, format!("acme/{number}"));
        assert_eq!((event.data["acknowledgement"].as_str(), event.data["message"].as_str()), (Some(&*said), Some(id)));
        let document = &status(erp.message(id).await.unwrap(), 200).json()["documents"][0];
        assert_eq!(document["state"], if accepts { "acknowledged" } else { "rejected" });
        if !accepts {
            let errors = event.data["errors"].as_array().unwrap();
            let wrong = errors.iter().find(|error| error["level"] == "element").unwrap();
            assert_eq!((&wrong["segment"], &wrong["element"], &wrong["code"]), (&json!("BEG"), &json!(3), &json!("7")));
        }
        assert_eq!(state(&settled(&erp, &said).await), "accepted");
    }
    // Said again under another number: on the record, and no news.
    let out = told(&erp, "purchase_order/45").await.remove(0).messageid;
    let text = status(erp.payload(&out).await.unwrap(), 200).text();
    let again = Interchange::new(&party(ACME), &ours(), 99).with(functional_acknowledgement(&text, true).unwrap());
    let said = accepted(supplier.post_x12("997-again", again.to_bytes()).await.unwrap());
    wait_for("the repetition to be matched", async || {
        let message = status(erp.message(&said).await.unwrap(), 200).json();
        message["timeline"].to_string().contains("matched").then_some(())
    })
    .await;
    assert_eq!(told(&erp, "purchase_order/45").await.len(), 3);
    // The order's whole conversation is in one place.
    let order = status(erp.order("45").await.unwrap(), 200).json();
    assert_eq!(order["documents"].as_array().unwrap().len(), 2, "{order}");
    gateway.stop().await;
});

gwtest!(a_999_says_the_same_as_a_997, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let out = issued(&erp, "acme", &post(&erp, "k", "acme", "45").await).await;
    let mut set = functional_acknowledgement(&bytes(&erp, &out).await, false).unwrap();
    set.id = "999".into();
    for segment in &mut set.segments {
        segment[0] = match &*segment[0] {
            "AK3" => "IK3".into(),
            "AK4" => "IK4".into(),
            "AK5" => "IK5".into(),
            other => other.into(),
        };
    }
    let after = set.segments.iter().position(|segment| segment[0] == "IK4").unwrap() + 1;
    let context = ["CTX", "SITUATIONAL TRIGGER", "BEG", "2", "", "1"].map(str::to_owned);
    set.segments.insert(after, context.to_vec());
    let answer = Interchange::new(&party(ACME), &ours(), 5).with(set).to_bytes();
    let answer = String::from_utf8(answer).unwrap().replace("*X*004010", "*X*005010");
    let said = accepted(supplier.post_x12("999", answer.into_bytes()).await.unwrap());
    verbs(&erp, "purchase_order/45", 2).await;
    let event = told(&erp, "purchase_order/45").await.pop().unwrap();
    assert_eq!(event.kind, "gangway.purchase_order.rejected.v1");
    let errors = event.data["errors"].as_array().unwrap();
    let wrong = errors.iter().find(|error| error["level"] == "element").unwrap();
    assert_eq!((&wrong["segment"], &wrong["element"], &wrong["code"]), (&json!("BEG"), &json!(3), &json!("7")));
    assert_eq!(state(&settled(&erp, &said).await), "accepted");
    gateway.stop().await;
});

gwtest!(a_ta1_speaks_for_the_whole_interchange, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    for (number, (status_code, note)) in [("45", ("A", "000")), ("46", ("R", "025"))] {
        let out = issued(&erp, "acme", &post(&erp, number, "acme", number).await).await;
        let text = bytes(&erp, &out).await;
        let isa13 = text.split('*').nth(13).unwrap();
        let empty =
            String::from_utf8(Interchange::new(&party(ACME), &ours(), number.parse().unwrap()).to_bytes()).unwrap();
        let (isa, _) = empty.split_at(106);
        let ta1 = format!("{isa}TA1*{isa13}*260701*1200*{status_code}*{note}~IEA*0*0000000{number}~");
        let said = accepted(supplier.post_x12(&format!("ta1-{number}"), ta1.into_bytes()).await.unwrap());
        let id = out["id"].as_str().unwrap();
        wait_for("the TA1 to be matched", async || {
            let message = status(erp.message(&said).await.unwrap(), 200).json();
            message["timeline"].to_string().contains("matched").then_some(())
        })
        .await;
        let message = status(erp.message(id).await.unwrap(), 200).json();
        assert!(message["timeline"].to_string().contains(&format!("note {note}")), "{message}");
        let rejected = message["documents"][0]["state"] == "rejected";
        assert_eq!(rejected, status_code == "R", "{message}");
        if rejected {
            verbs(&erp, "purchase_order/46", 2).await;
            let event = told(&erp, "purchase_order/46").await.pop().unwrap();
            assert_eq!(event.kind, "gangway.purchase_order.rejected.v1");
            assert_eq!(event.data["errors"][0]["level"], "interchange");
            assert_eq!(event.data["errors"][0]["code"], "025");
        }
    }
    gateway.stop().await;
});

gwtest!(what_speaks_of_nothing_that_was_sent_is_shown_and_not_acknowledged, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let out = issued(&erp, "acme", &post(&erp, "k", "acme", "45").await).await;
    let text = bytes(&erp, &out).await.replace("*1*X*004010", "*77*X*004010");
    let stray = Interchange::new(&party(ACME), &ours(), 5).with(functional_acknowledgement(&text, true).unwrap());
    let said = accepted(supplier.post_x12("stray", stray.to_bytes()).await.unwrap());
    let message = wait_for("the stray acknowledgement to be told of", async || {
        let message = status(erp.message(&said).await.unwrap(), 200).json();
        message["documents"][0]["problem"].is_object().then_some(message)
    })
    .await;
    assert_eq!(message["documents"][0]["problem"]["code"], "EXC-0021");
    assert!(message["related"].as_array().unwrap().is_empty(), "{message}");
    assert_eq!(told(&erp, "purchase_order/45").await.len(), 1);
    let metrics = status(gateway.private().get("/metrics").await.unwrap(), 200).text();
    assert!(metrics.contains("gangway_acknowledgements_received_total{outcome=\"unmatched\"} 1"), "{metrics}");
    gateway.stop().await;
});

gwtest!(a_broken_997_says_nothing_and_a_person_is_told, async |dir| {
    assemble(&dir);
    let people = Endpoint::start().await.unwrap();
    dir.create("secrets/hook", "whsec_dGhlIGtleSBvZiBhIHRlc3QgcGFydG5lcg==");
    let alerts = format!("\n[alerts]\nurl = \"{}\"\nsecrets = [\"file:secrets/hook\"]\n", people.url());
    dir.create("gangway.toml", settings() + &alerts);
    PartnerFile { more: "\n[send]\nacknowledge_within = \"2s\"\n", ..ACME_FILE }.write(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let out = issued(&erp, "acme", &post(&erp, "k", "acme", "45").await).await;
    let text = bytes(&erp, &out).await;
    let id = out["id"].as_str().unwrap();
    status(supplier.client().get(&format!("/v1/messages/{id}/payload")).await.unwrap(), 200);
    let sound = |control| {
        Interchange::new(&party(ACME), &ours(), control).with(functional_acknowledgement(&text, true).unwrap())
    };
    // What can be understood is heard, but not in an interchange that is broken itself: another one's end, or none.
    for (control, from, to) in [(5, "IEA*1*000000005~", "IEA*1*000000099~"), (6, "IEA*1*000000006~", "")] {
        let sent = String::from_utf8(sound(control).to_bytes()).unwrap();
        let broken = sent.replace(from, to);
        assert_ne!(broken, sent);
        let said = accepted(supplier.post_x12(&format!("997-{control}"), broken.into_bytes()).await.unwrap());
        let message = settled(&erp, &said).await;
        assert_eq!(state(&message), "rejected", "{message}");
        let document = &message["documents"][0];
        assert_eq!(document["kind"], "functional_acknowledgement", "{document}");
        let told = document["problem"]["text"].as_str().unwrap();
        assert!(told.ends_with("those are not acknowledged: ask its sender for it again."), "{told}");
        assert!(message["related"].as_array().unwrap().is_empty(), "{message}");
        wait_for("the alert", async || {
            let alerts: Vec<serde_json::Value> =
                people.taken().iter().map(|call| serde_json::from_slice(&call.body).unwrap()).collect();
            let alert = alerts.iter().find(|alert| alert["data"]["message"] == *said)?;
            assert_eq!(alert["type"], "gangway.alert.broken_acknowledgement.v1", "{alert}");
            assert_eq!(alert["data"]["partner"], "acme", "{alert}");
            Some(())
        })
        .await;
    }
    let metrics = status(gateway.private().get("/metrics").await.unwrap(), 200).text();
    assert!(metrics.contains("gangway_acknowledgements_received_total{outcome=\"broken\"} 2"), "{metrics}");
    // What they were about waits on, and becomes overdue.
    let verbs = verbs(&erp, "purchase_order/45", 3).await;
    assert_eq!(verbs, ["purchase_order.issued", "purchase_order.delivered", "functional_acknowledgement.overdue"]);
    gateway.stop().await;
});

gwtest!(what_is_late_is_told_once_over_a_restart, async |dir| {
    assemble(&dir);
    let more = "\n[send]\nacknowledge_within = \"200ms\"\nanswer_within = \"300ms\"\n";
    PartnerFile { more, ..ACME_FILE }.write(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let out = issued(&erp, "acme", &post(&erp, "k", "acme", "45").await).await;
    let id = out["id"].as_str().unwrap();
    status(supplier.client().get(&format!("/v1/messages/{id}/payload")).await.unwrap(), 200);
    let mut expected = vec![
        "functional_acknowledgement.overdue",
        "order_acknowledgement.overdue",
        "purchase_order.delivered",
        "purchase_order.issued",
    ];
    let sorted = async |erp| {
        let mut verbs = verbs(erp, "purchase_order/45", 4).await;
        verbs.sort();
        verbs
    };
    assert_eq!(sorted(&erp).await, expected);
    let gateway = gateway.restart(&dir).await;
    let erp = gateway.erp();
    // Another one that goes its whole way proves that the clock was looked at again.
    let second = post(&erp, "k-2", "acme", "46").await;
    issued(&erp, "acme", &second).await;
    wait_for("the second order to be overdue", async || {
        (told(&erp, "purchase_order/46").await.len() == 2).then_some(())
    })
    .await;
    expected.sort_unstable();
    assert_eq!(sorted(&erp).await, expected);
    // An answer in time is nothing to tell.
    PartnerFile { more: "\n[send]\nanswer_within = \"5s\"\n", ..ACME_FILE }.write(&dir);
    status_of_reload(&dir);
    let third = post(&erp, "k-3", "acme", "47").await;
    issued(&erp, "acme", &third).await;
    accepted(gateway.supplier(ACME_KEY).post_x12("855", answer_to(ACME, 7, "47")).await.unwrap());
    wait_for("the answer's event", async || (told(&erp, "order_acknowledgement/47").await.len() == 1).then_some(()))
        .await;
    gateway.stop().await;
});

fn status_of_reload(dir: &crate::util::Dir) {
    let done = dir.gangway(&["reload"]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
}
