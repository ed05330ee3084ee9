//! One supplier sends a year's orders in one file; its neighbour's small messages do not wait for it.
//!
//! The order of things is what is asserted, never a time: while the large message is being processed, small ones are
//! answered and handed to the ERP, and the large one's events come all at once behind them. `GANGWAY_FULL=1` sends
//! 47,676 orders, 100 MB.

use std::collections::BTreeSet;

use gangway::play::{bulk::BulkOrders, x12::Party};

use crate::util::{Gateway, accepted, cast::*, full, gwtest, settled, state, status};

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
