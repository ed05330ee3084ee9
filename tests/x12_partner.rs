//! What a partner's file changes about its X12, seen from outside: gaps in its numbers, tables of single sets, severities.

use gangway::play::x12::{Interchange, Order, order_acknowledgement, shipment_notice};

use crate::{
    outbound::{bytes, issued, post},
    util::{Dir, Gateway, accepted, cast::*, gwtest, outgoing, settled, state, status, wait_for},
};

/// Adds lines to the `[x12]` table of acme's file, and tables behind it.
pub fn with_terms(dir: &Dir, terms: &str, tables: &str) {
    assemble(dir);
    let path = dir.join("partners/acme.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replacen("version = \"004010\"\n", &format!("version = \"004010\"\n{terms}\n"), 1);
    std::fs::write(&path, format!("{text}\n{tables}")).unwrap();
}

gwtest!(gaps_in_consecutive_numbers_are_told_and_filled, async |dir| {
    with_terms(&dir, "consecutive = true", "");
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let mut noted = Vec::new();
    for control in [7_u32, 8, 11, 10, 9, 12, 12, 2000, 2001] {
        let key = format!("{control}-{}", noted.len());
        let bytes = answer_to(ACME, control, &format!("PO-{control}"));
        let id = accepted(supplier.post_x12(&key, bytes).await.unwrap());
        settled(&erp, &id).await;
        let message = status(erp.message(&id).await.unwrap(), 200).json();
        let facts = message["timeline"].as_array().unwrap().iter();
        let of_acme = |text: &&str| text.starts_with("Interchange ");
        let facts: Vec<_> = facts.filter_map(|fact| fact["detail"].as_str()).filter(of_acme).collect();
        noted.push(facts.join(" "));
    }
    assert_eq!(
        noted,
        [
            "",
            "",
            "Interchange 11 of acme came, but 9 to 10 have not.",
            "Interchange 10 of acme came late, after 11. Interchange 10 of acme came, but 9 has not.",
            "Interchange 9 of acme came late, after 10.",
            "",
            "",
            "Interchange 2000 of acme came, and the last one before it was 12.",
            "",
        ]
    );
    gateway.stop().await;
});

gwtest!(one_set_may_be_looser_than_the_others, async |dir| {
    with_terms(
        &dir,
        "",
        "[x12.overlay.sets.856.elements]\nBSN02.max = 60\nREF02.max = 60\n\n[x12.rules]\nelement_date = \"warning\"\n",
    );
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let order = Order::sample("PO-1", 2);
    let long = "L".repeat(50);
    let mut wrong_date = order_acknowledgement(&order, "S-1");
    wrong_date.segment("BAK").unwrap()[4] = "20261399".into();
    let mut long_number = order_acknowledgement(&order, "S-2");
    long_number.segment("BAK").unwrap()[3] = long.clone();
    let notice = shipment_notice(&order, &long);
    for (control, set, expected) in [(1, notice, false), (2, wrong_date, false), (3, long_number, true)] {
        let bytes = Interchange::new(&party(ACME), &ours(), control).with(set).to_bytes();
        let id = accepted(supplier.post_x12(&format!("k-{control}"), bytes).await.unwrap());
        let message = settled(&erp, &id).await;
        assert_eq!(state(&message) == "rejected", expected, "{control}: {message}");
    }
    gateway.stop().await;
});

gwtest!(what_they_get_is_laid_out_as_their_file_says, async |dir| {
    let layout =
        "[x12.write]\nelement = \"|\"\ncomponent = \"<\"\nsegment = \"!\"\nreplacement = \" \"\nlines = true\n";
    with_terms(&dir, "", layout);
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let id = post(&erp, "k-1", "acme", "45|A!1").await;
    let text = bytes(&erp, &issued(&erp, "acme", &id).await).await;
    assert!(text.starts_with("ISA|00|          |00|          |01|098765432      |01|123456789      |"), "{text}");
    assert!(text.contains("|0|P|<!\nGS|PO|") && text.contains("!\nBEG|00|SA|45 A 1||"), "{text}");
    // And so are their acknowledgements, whatever separators they write themselves.
    let theirs = accepted(supplier.post_x12("k-2", answer_to(ACME, 7, "PO-7")).await.unwrap());
    settled(&erp, &theirs).await;
    let answer = wait_for("the 997", async || {
        for id in outgoing(&erp, "acme").await {
            let message = status(erp.message(&id).await.unwrap(), 200).json();
            let text = bytes(&erp, &message).await;
            if text.contains("ST|997") {
                return Some(text);
            }
        }
        None
    })
    .await;
    assert!(answer.contains("|P|<!\nGS|FA|") && answer.contains("!\nAK9|A|1|1|1!\n"), "{answer}");
    gateway.stop().await;
});
