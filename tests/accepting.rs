//! A document that says something else than the first one of its number is held, until a person lets it through.

use gangway::play::x12::{Interchange, Order, invoice};
use serde_json::json;

use crate::util::{accepted, cast::*, drain, gwtest, settled, state, status};

gwtest!(a_changed_document_is_let_through_as_a_correction, async |dir| {
    assemble(&dir);
    let gateway = crate::util::Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    // The same number, first for three lines and then for two.
    let bytes = |control: u32, lines: usize| {
        let set = invoice(&Order::sample("PO-1", lines), "INV-1");
        Interchange::new(&party(ACME), &ours(), control).with(set).to_bytes()
    };
    accepted(supplier.post_x12("k1", bytes(1, 3)).await.unwrap());
    let second = accepted(supplier.post_x12("k2", bytes(2, 2)).await.unwrap());
    let held = settled(&erp, &second).await;
    assert_eq!((state(&held), &held["documents"][0]["problem"]["code"]), ("held", &json!("EXC-0008")), "{held}");
    let first = drain(&erp, "erp", 1).await.remove(0).event;

    let accept = |id: &str, reason: &str| {
        dir.run(&["replay", "--message", id, "--accept-changed", "--reason", reason, "--format", "json"])
    };
    assert!(!accept(&second, " ").status.success(), "a reason is needed");
    let done = accept(&second, "they say the second one counts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let event = drain(&erp, "erp", 1).await.remove(0).event;
    assert_eq!((event.kind.as_str(), event.replaces.as_ref()), ("gangway.invoice.corrected.v1", Some(&first.id)));
    assert_ne!(event.data, first.data);
    let message = status(erp.message(&second).await.unwrap(), 200).json();
    assert_eq!(state(&message), "accepted");
    let audit = dir.run_well(&["audit", "list"]);
    assert!(audit.contains("accept_changed") && audit.contains("the second one counts"), "{audit}");
    // There is nothing more to decide, and a replay takes nothing back.
    assert!(!accept(&second, "again").status.success());
    dir.run_well(&["replay", "--message", &second, "--reason", "a new mapping"]);
    drain(&erp, "erp", 0).await;
    gateway.stop().await;
});
