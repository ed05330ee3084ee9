//! One supplier sends a year's orders in one file; its neighbour's small messages do not wait for it.
//!
//! The order of things is what is asserted, never a time: while the large message is being processed, small ones are
//! answered and handed to the ERP, and the large one's events come all at once behind them. `GANGWAY_FULL=1` sends
//! 47,676 orders, 100 MB.

use std::collections::BTreeSet;

use gangway::play::{ErpClient, bulk::BulkOrders, x12::Party};
use http::Method;

use crate::{
    outbound::order_for,
    util::{Gateway, accepted, acknowledgement_of, cast::*, full, gwtest, outgoing, settled, state, status, wait_for},
};

gwtest!(a_file_of_100_mb_does_not_make_a_neighbour_wait, async |dir| {
    assemble(&dir);
    PartnerFile { message_size: Some("512 MiB"), ..ACME_FILE }.write(&dir);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let bulk = BulkOrders {
        sender: party(ACME),
        receiver: Party::new(OURS),
        control: 1,
        orders: if full() { 47_676 } else { 6_000 },
        prefix: "YEAR".into(),
    };
    let mut file = Vec::new();
    bulk.write(&mut file).unwrap();
    println!("{} bytes, {} orders", file.len(), bulk.orders);
    let large = accepted(gateway.supplier(ACME_KEY).post_x12("year", file).await.unwrap());

    // The neighbour goes on while the large one is in work.
    let bolt = gateway.supplier(BOLT_KEY);
    let mut meanwhile = Vec::new();
    for number in 1.. {
        let id = accepted(
            bolt.post_x12(&format!("b{number}"), answer_to(BOLT, number, &format!("PO-{number}"))).await.unwrap(),
        );
        let small = status(erp.message(&id).await.unwrap(), 200).json();
        let large = status(erp.message(&large).await.unwrap(), 200).json();
        if state(&large) != "processing" {
            break;
        }
        // Answered, and done with, before its large neighbour.
        assert_eq!(state(&small), "accepted", "{small}");
        meanwhile.push(id);
    }
    assert!(meanwhile.len() >= 3, "only {} small messages were answered beside the large one", meanwhile.len());
    println!("{} small messages were answered meanwhile", meanwhile.len());
    assert_eq!(state(&settled(&erp, &large).await), "accepted");

    // Every event exactly once; the large message's after those that overtook it.
    let mut orders = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut before_the_large_one = BTreeSet::new();
    for event in erp.whole_log().await.unwrap() {
        assert!(ids.insert(event.id.clone()), "{} is on the log twice", event.id);
        if event.messageid == large {
            assert!(orders.insert(event.subject), "{} has two events", event.partitionkey);
        } else if orders.is_empty() {
            before_the_large_one.insert(event.messageid);
        }
    }
    assert_eq!(orders.len(), bulk.orders as usize);
    assert!(orders.contains(&format!("purchase_order/{}", bulk.number(bulk.orders - 1))));
    for id in &meanwhile {
        assert!(before_the_large_one.contains(id), "{id} was answered first and released later");
    }
});

gwtest!(a_neighbours_acknowledgement_does_not_wait_for_a_thousand_orders, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let orders: String =
        (1..=1_000).map(|n| format!("{}\n", order_for("acme", &format!("M-{n}"), "original"))).collect();
    let headers = [("content-type", "application/x-ndjson"), ("idempotency-key", "all")];
    let answer = gateway.erp().client().send(Method::POST, "/erp/v1/documents", &headers, orders).await.unwrap();
    let text = status(answer, 200).text();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let last = last["id"].as_str().unwrap_or_else(|| panic!("{last}")).to_owned();
    // What was not sent yet is there when it starts again, all of it at once.
    gateway.kill9();
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    accepted(gateway.supplier(BOLT_KEY).post_x12("b7", answer_to(BOLT, 7, "PO-7")).await.unwrap());
    acknowledgement_of(&erp, "bolt", "7").await;
    assert!(!is_issued(&erp, &last).await, "all of acme's orders were sent before bolt was answered");
    wait_for("the last of acme's orders to be sent", async || is_issued(&erp, &last).await.then_some(())).await;
    gateway.stop().await;
});

// More partners than whose work is taken up at once, and to each of them more than one order.
gwtest!(many_partners_who_wait_at_once_all_get_their_orders_in_order, async |dir| {
    const PARTNERS: usize = 130;
    const EACH: usize = 5;
    assemble(&dir);
    let names: Vec<String> = (0..PARTNERS).map(|number| format!("many{number:03}")).collect();
    for name in &names {
        let key: &[_] = vec![&*format!("gw_live_{name}{:037}", 1).leak()].leak();
        PartnerFile {
            x12: Some(format!("ZZ/{name}").to_uppercase().leak()),
            keys: key,
            ..PartnerFile::new(name.clone().leak())
        }
        .write(&dir);
    }
    let gateway = Gateway::start(&dir).await;
    let number_of = |name: &str, order: usize| format!("{name}-{order}");
    let orders: String = (0..EACH)
        .flat_map(|order| {
            names.iter().map(move |name| format!("{}\n", order_for(name, &number_of(name, order), "original")))
        })
        .collect();
    let headers = [("content-type", "application/x-ndjson"), ("idempotency-key", "all")];
    let answer = gateway.erp().client().send(Method::POST, "/erp/v1/documents", &headers, orders).await.unwrap();
    status(answer, 200);
    // What was not sent yet is there when it starts again, everybody's at once.
    gateway.kill9();
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    for name in &names {
        // What was handed over, and what became of it.
        let all = wait_for(&format!("the orders to {name}"), async || {
            Some(outgoing(&erp, name).await).filter(|all| all.len() == 2 * EACH)
        })
        .await;
        let mut sent = Vec::new();
        for id in all {
            let text = status(erp.payload(&id).await.unwrap(), 200).text();
            if text.starts_with("ISA") {
                sent.push((element(&text, "ISA", 13), element(&text, "BEG", 3)));
            }
        }
        sent.sort();
        let expected = (0..EACH).map(|order| (format!("{:09}", order + 1), number_of(name, order)));
        assert_eq!(sent, expected.collect::<Vec<_>>());
    }
    gateway.stop().await;
});

/// An element of the first segment of that name.
fn element(text: &str, segment: &str, at: usize) -> String {
    let segments = text.split('~').map(|segment| segment.trim_start().split('*').collect::<Vec<_>>());
    let found = segments.into_iter().find(|elements| elements[0] == segment);
    found.unwrap_or_else(|| panic!("no {segment} in {text}"))[at].to_owned()
}

async fn is_issued(erp: &ErpClient, origin: &str) -> bool {
    let message = status(erp.message(origin).await.unwrap(), 200).json();
    message["timeline"].as_array().is_some_and(|facts| facts.iter().any(|fact| fact["what"] == "issued"))
}
