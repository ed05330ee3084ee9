//! What comes to more than one transaction holds, though it is few bytes: it is taken, worked out in pieces, and answered.

use gangway::play::{
    ErpClient,
    x12::{Interchange, Order, Set, invoice, order_acknowledgement},
};
use serde_json::Value;

use crate::util::{
    Gateway, accepted, acknowledgement_of, cast::*, drain, gwtest, outgoing, settled, state, status, wait_for,
};

/// An acknowledgement of an order with so many segments that no rule claims: a few bytes each, and as extras many more.
fn heavy(order: &str, segments: usize) -> Set {
    let mut set = Set::new("855", "PR");
    set.push("BAK", &["00", "AC", order, "20261101", "", "", "", "20261102"]);
    for _ in 0..segments {
        set.push("SI", &["ZZ", "AA", "x", "AA", "x", "AA", "x", "AA", "x", "AA", "x", "AA", "x", "AA", "x", "AA", "x"]);
    }
    set.push("PO1", &["1", "10", "EA", "1.5", "", "VP", "PART"]);
    set.push("ACK", &["IA", "10", "EA"]);
    set.push("CTT", &["1"]);
    set
}

fn interchange(sender: &str, control: u32, sets: impl IntoIterator<Item = Set>) -> Vec<u8> {
    let empty = Interchange::new(&party(sender), &ours(), control);
    sets.into_iter().fold(empty, Interchange::with).to_bytes()
}

/// How a message's documents stand, once it is worked out.
async fn documents(erp: &ErpClient, id: &str) -> (Value, usize) {
    let message = settled(erp, id).await;
    let queued = message["documents"].as_array().unwrap().iter().filter(|one| one["state"] == "queued").count();
    (message, queued)
}

gwtest!(a_small_body_of_heavy_documents_is_taken, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (acme, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    let bytes = interchange(ACME, 41, [heavy("PO-1", 3_000), heavy("PO-2", 3_000)]);
    assert!(bytes.len() < 512 << 10, "{} bytes", bytes.len());
    let id = accepted(acme.post_x12("k", bytes.clone()).await.unwrap());
    let (message, queued) = documents(&erp, &id).await;
    assert_eq!((state(&message), queued), ("accepted", 2), "{}", message["problem"]);
    let extras: usize = (0..2).map(|n| message["documents"][n]["extras"].to_string().len()).sum();
    assert!(extras > gangway::ledger::MAX_BYTES, "{extras} bytes of extras would fit");
    assert!(acknowledgement_of(&erp, "acme", "41").await.contains("AK9*A*2*2*2"));
    assert_eq!(accepted(acme.post_x12("k", bytes).await.unwrap()), id, "the same receipt again");
    drain(&erp, "erp", 2).await;
    gateway.stop().await;
});

gwtest!(a_large_body_of_heavy_documents_is_worked_out, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (acme, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    // Their JSON alone is next to nothing, so all of them are read together.
    let bytes = interchange(ACME, 42, (0..20).map(|n| heavy(&format!("PO-{n}"), 1_200)));
    assert!(bytes.len() > 1 << 20, "{} bytes", bytes.len());
    let id = accepted(acme.post_x12("k", bytes).await.unwrap());
    let (message, queued) = documents(&erp, &id).await;
    assert_eq!((state(&message), queued), ("accepted", 20), "{}", message["problem"]);
    assert!(acknowledgement_of(&erp, "acme", "42").await.contains("AK9*A*20*20*20"));
    drain(&erp, "erp", 20).await;
    gateway.stop().await;
});

gwtest!(many_documents_that_are_rejected_as_a_whole_are_answered, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (acme, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    let sets = (0..300).map(|n| order_acknowledgement(&Order::sample(&format!("PO-{n}"), 1), &format!("S-{n}")));
    let bytes =
        String::from_utf8(interchange(ACME, 43, sets)).unwrap().replace("~IEA*1*000000043~", "~IEA*1*000000044~");
    let id = accepted(acme.post_x12("k", bytes).await.unwrap());
    let message = settled(&erp, &id).await;
    assert_eq!(state(&message), "rejected", "{message}");
    wait_for("the TA1", async || {
        for id in outgoing(&erp, "acme").await {
            let text = status(erp.payload(&id).await.unwrap(), 200).text();
            if text.contains("TA1*000000043*") {
                return Some(());
            }
        }
        None
    })
    .await;
    gateway.stop().await;
});

gwtest!(heavy_documents_that_were_held_come_through_a_replay, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (van, erp) = (gateway.supplier(VAN_KEY), gateway.erp());
    let bytes = interchange(STRANGER, 44, [heavy("PO-1", 3_000), heavy("PO-2", 3_000)]);
    let id = accepted(van.post_x12("k", bytes).await.unwrap());
    assert_eq!(state(&settled(&erp, &id).await), "held");
    PartnerFile { x12: Some(STRANGER), via: Some("opentext"), ..PartnerFile::new("stranger") }.write(&dir);
    dir.run_well(&["reload"]);
    dir.run_well(&["replay", "--message", &id, "--reason", "we know them now"]);
    let (message, queued) = documents(&erp, &id).await;
    assert_eq!((state(&message), queued), ("accepted", 2), "{}", message["problem"]);
    assert!(acknowledgement_of(&erp, "stranger", "44").await.contains("AK9*A*2*2*2"));
    drain(&erp, "erp", 2).await;
    gateway.stop().await;
});

gwtest!(large_documents_that_changed_are_let_through, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (acme, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    let invoices = |control: u32, lines: usize| {
        let one = |n: u32| invoice(&Order::sample(&format!("PO-{n}"), lines), &format!("INV-{n}"));
        interchange(ACME, control, (0..2).map(one))
    };
    accepted(acme.post_x12("k1", invoices(1, 1)).await.unwrap());
    let id = accepted(acme.post_x12("k2", invoices(2, 9_000)).await.unwrap());
    assert_eq!(state(&settled(&erp, &id).await), "held");
    drain(&erp, "erp", 2).await;
    dir.run_well(&["replay", "--message", &id, "--accept-changed", "--reason", "these count"]);
    let (message, queued) = documents(&erp, &id).await;
    assert_eq!((state(&message), queued), ("accepted", 2), "{}", message["problem"]);
    let events = drain(&erp, "erp", 2).await;
    let bytes: usize = events.iter().map(|leased| leased.event.data.to_string().len()).sum();
    assert!(bytes > gangway::ledger::MAX_BYTES, "{bytes} bytes would fit");
    gateway.stop().await;
});
