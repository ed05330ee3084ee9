//! What a support desk asks, and has to be told at once: how an order stands with its partner, and what came from a stranger
//! over a partner's connection.

use gangway::play::{canonical::functional_acknowledgement, x12::Interchange};
use serde_json::Value;

use super::{bytes, issued, post, told, verbs};
use crate::util::{Dir, Gateway, accepted, cast::*, gwtest, settled, state, status, wait_for};

/// How the conversation about an order stands, as `gangway find` prints it.
fn found(dir: &Dir, number: &str) -> String {
    let listed = dir.run_well(&["find", "--number", number, "--format", "json"]);
    let rows: Vec<Value> = serde_json::from_str(&listed).unwrap();
    let (out, others): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| row["direction"] == "out" && row["conversation"] != Value::Null);
    assert!(others.iter().all(|row| row["conversation"] == Value::Null), "{listed}");
    let [out] = out.as_slice() else { panic!("{listed}") };
    let standing = out["conversation"].as_str().unwrap().to_owned();
    assert!(dir.run_well(&["find", "--number", number]).contains(&format!("  {standing}  ")), "{standing}");
    standing
}

gwtest!(what_is_found_says_how_the_conversation_stands, async |dir| {
    assemble(&dir);
    PartnerFile { more: "\n[send]\nacknowledge_within = \"1s\"\nanswer_within = \"2s\"\n", ..ACME_FILE }.write(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let mut texts = Vec::new();
    for number in ["45", "46", "47"] {
        let out = issued(&erp, "acme", &post(&erp, number, "acme", number).await).await;
        if number == "45" {
            assert_eq!(found(&dir, "45"), "issued");
        }
        let id = out["id"].as_str().unwrap();
        status(supplier.client().get(&format!("/v1/messages/{id}/payload")).await.unwrap(), 200);
        verbs(&erp, &format!("purchase_order/{number}"), 2).await;
        texts.push(bytes(&erp, &out).await);
    }
    // 45 is accepted and answered, 46 is rejected, and nobody says anything of 47.
    for (control, text, accepts) in [(5, &texts[0], true), (6, &texts[1], false)] {
        let said =
            Interchange::new(&party(ACME), &ours(), control).with(functional_acknowledgement(text, accepts).unwrap());
        accepted(supplier.post_x12(&format!("997-{control}"), said.to_bytes()).await.unwrap());
    }
    accepted(supplier.post_x12("855", answer_to(ACME, 7, "45")).await.unwrap());
    wait_for("47 to be overdue twice", async || (told(&erp, "purchase_order/47").await.len() == 4).then_some(())).await;
    wait_for("the answer", async || (told(&erp, "order_acknowledgement/45").await.len() == 1).then_some(())).await;
    wait_for("46 to be unanswered", async || {
        told(&erp, "purchase_order/46").await.iter().any(|event| event.kind.contains(".overdue.")).then_some(())
    })
    .await;
    let expected = [
        ("45", "accepted, answered"),
        ("46", "rejected, answer overdue"),
        ("47", "acknowledgement overdue, answer overdue"),
    ];
    for (number, standing) in expected {
        assert_eq!(found(&dir, number), standing);
        let order = status(erp.order(number).await.unwrap(), 200).json();
        let steps = order["documents"].as_array().unwrap();
        assert!(steps.iter().any(|step| step["conversation"] == standing), "{order}");
        assert!(dir.run_well(&["orders", number]).contains(&format!("  {standing}  ")), "{standing}");
    }
    let late = dir.run_well(&["orders", "47"]);
    assert!(late.contains("overdue: The partner has not acknowledged it in time."), "{late}");
    let none = dir.run(&["orders", "99"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&none.stderr).contains("no document has the number 99"), "{none:?}");
    // The record alone tells the same.
    gateway.stop().await;
    assert_eq!(found(&dir, "46"), "rejected, answer overdue");
    assert_eq!(dir.run_well(&["orders", "47"]), late);
});

gwtest!(what_a_stranger_sent_is_found_by_the_connection_it_came_over, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let out = issued(&erp, "acme", &post(&erp, "k", "acme", "45").await).await;
    let text = bytes(&erp, &out).await;
    let wrong =
        Interchange::new(&party("ZZ/NOBODY"), &ours(), 5).with(functional_acknowledgement(&text, true).unwrap());
    let said = accepted(supplier.post_x12("wrong", wrong.to_bytes()).await.unwrap());
    let message = settled(&erp, &said).await;
    assert_eq!((state(&message), &message["partner"]), ("held", &Value::Null), "{message}");
    let held = dir.run_well(&["find", "--partner", "acme", "--state", "held"]);
    assert!(held.contains(&said) && held.contains("? over acme"), "{held}");
    let page = status(erp.client().get("/erp/v1/messages?partner=acme&state=held").await.unwrap(), 200).json();
    let ids: Vec<_> = page["data"].as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [said.as_str()]);
    assert_eq!(dir.run(&["find", "--partner", "bolt", "--state", "held"]).status.code(), Some(1));
    gateway.stop().await;
});
