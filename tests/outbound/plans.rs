//! Changes, plans, receipts and remittances: what the ERP hands over goes out as the fixture of its mapping has it, and what
//! a partner sends of them becomes the fixture's document.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::{bytes, issued};
use crate::util::{Gateway, accepted, cast::*, drain, gwtest, settled, state};

/// A fixture of a mapping: the interchange, and the document that it is.
fn fixture(name: &str) -> (String, Value) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("mappings/x12").join(name);
    let read = |ending: &str| fs::read(file.with_extension(ending)).unwrap_or_else(|error| panic!("{name}: {error}"));
    (String::from_utf8(read("edi")).unwrap(), serde_json::from_slice(&read("json")).unwrap())
}

/// The segments of the only set, without ST and SE.
fn body(interchange: &str) -> Vec<&str> {
    let segments = interchange.split('~').map(str::trim);
    segments.skip_while(|one| !one.starts_with("ST*")).skip(1).take_while(|one| !one.starts_with("SE*")).collect()
}

gwtest!(what_a_buyer_says_after_the_order_goes_out_as_x12, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    for (name, kind) in [
        ("860.test/revised", "purchase_order_change"),
        ("830.test/weekly", "forecast"),
        ("862.test/call-off", "ship_schedule"),
        ("861.test/dock", "receipt_advice"),
        ("820.test/cheque", "remittance_advice"),
        ("824.test/rejected", "application_advice"),
    ] {
        let (edi, document) = fixture(name);
        let handed_over = json!({ "type": kind, "partner": "acme", "data": document });
        let id = accepted(erp.submit(name, &handed_over).await.unwrap());
        let text = bytes(&erp, &issued(&erp, "acme", &id).await).await;
        assert!(text.contains(&format!("~ST*{}*", &name[..3])), "{text}");
        assert_eq!(body(&text), body(&edi), "{name}");
    }
    gateway.stop().await;
});

gwtest!(changes_and_forecasts_of_a_partner_become_events, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    let sent = [
        ("860.test/revised", "gangway.purchase_order_change.received.v1", "purchase_order_change/4500017231"),
        ("830.test/weekly", "gangway.forecast.received.v1", "forecast/F2026-30"),
    ];
    for (name, ..) in sent {
        // The fixture is from the buyer, for a test; here it comes from the partner, and counts.
        let (edi, _) = fixture(name);
        let edi = edi
            .replacen("01*098765432      *01*123456789      ", "01*123456789      *01*098765432      ", 1)
            .replacen("*098765432*123456789*", "*123456789*098765432*", 1)
            .replacen("*0*T*>", "*0*P*>", 1);
        let id = accepted(supplier.post_x12(name, edi).await.unwrap());
        assert_eq!(state(&settled(&erp, &id).await), "accepted", "{name}");
    }
    let events = drain(&erp, "erp", sent.len()).await;
    for (one, (name, kind, subject)) in events.iter().zip(sent) {
        assert_eq!((one.event.kind.as_str(), one.event.subject.as_str()), (kind, subject));
        assert_eq!(one.event.data, fixture(name).1, "{name}");
    }
    gateway.stop().await;
});
