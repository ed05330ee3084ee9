//! XML on its way: UBL and cXML become the same events as X12, what cannot be read is kept and held, and nobody gets a 997.

use crate::util::{Gateway, accepted, cast::*, drain, gwtest, settled, state, status};

fn fixture(path: &str) -> Vec<u8> {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings").join(path);
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

gwtest!(xml_documents_reach_the_erp_like_any_other, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    let bodies = [
        fixture("ubl/order-response.test/partly.xml"),
        fixture("ubl/despatch-advice.test/pallets.xml"),
        fixture("ubl/invoice.test/peppol.xml"),
        // In earnest, unlike an example.
        String::from_utf8(fixture("cxml/confirmation.test/partly.xml"))
            .unwrap()
            .replace("deploymentMode=\"test\"", "deploymentMode=\"production\"")
            .into_bytes(),
    ];
    for (number, body) in bodies.iter().enumerate() {
        let answer = supplier.post_xml(&format!("xml-{number}"), body.clone()).await.unwrap();
        // Senders of cXML read a Response, with HTTP 200.
        let id = match number {
            3 => status(answer, 200).location_id().unwrap().to_owned(),
            _ => accepted(answer),
        };
        assert_eq!(state(&settled(&erp, &id).await), "accepted");
        assert_eq!(&erp.payload(&id).await.unwrap().body, body, "the stored bytes are the bytes that came");
    }
    let events = drain(&erp, "erp", 4).await;
    let told: Vec<_> = events
        .iter()
        .map(|one| (one.event.kind.as_str(), one.event.subject.as_str(), one.event.partitionkey.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("gangway.order_acknowledgement.received.v1", "order_acknowledgement/PO-77120", "acme/PO-77120"),
            ("gangway.shipment_notice.received.v1", "shipment_notice/ASN-4411", "acme/PO-77120"),
            ("gangway.invoice.received.v1", "invoice/INV-2026-31", "acme/PO-77120"),
            ("gangway.order_acknowledgement.received.v1", "order_acknowledgement/PO-77120", "acme/PO-77120"),
        ]
    );
    assert_eq!(events[2].event.data["totals"]["payable"], "339.15");
    // The same invoice under another key is the same invoice; with another total it is for a person.
    let again = accepted(supplier.post_xml("again", bodies[2].clone()).await.unwrap());
    assert_eq!(state(&settled(&erp, &again).await), "duplicate");
    let text = String::from_utf8(bodies[2].clone())
        .unwrap()
        .replace("339.15</cbc:PayableAmount>", "340.00</cbc:PayableAmount>");
    let other = accepted(supplier.post_xml("other", text.into_bytes()).await.unwrap());
    assert_eq!(state(&settled(&erp, &other).await), "held");
    gateway.stop().await;
});

gwtest!(what_cannot_be_read_is_kept_and_held, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    let bomb = b"<!DOCTYPE a [<!ENTITY b \"bbbb\">]><a>&b;</a>".to_vec();
    let unknown = b"<Quotation xmlns=\"urn:q\"><ID>1</ID></Quotation>".to_vec();
    let no_number = String::from_utf8(fixture("ubl/invoice.test/peppol.xml"))
        .unwrap()
        .replace("<cbc:ID>INV-2026-31</cbc:ID>", "<cbc:ID/>")
        .into_bytes();
    let mixed = String::from_utf8(fixture("ubl/invoice.test/peppol.xml"))
        .unwrap()
        .replace("<cbc:PriceAmount currencyID=\"EUR\">", "<cbc:PriceAmount currencyID=\"NOK\">")
        .into_bytes();
    for (number, (body, code)) in [
        (b"<a>".to_vec(), "XML-0101"),
        (bomb, "XML-0105"),
        (b"<?xml version='1.0' encoding='utf-8'?><a>\xE9</a>".to_vec(), "XML-0102"),
        (unknown, "EXC-0009"),
        (no_number, "MAP-0103"),
        (mixed, "MAP-0106"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = accepted(supplier.post_xml(&format!("bad-{number}"), body.clone()).await.unwrap());
        let message = settled(&erp, &id).await;
        assert_eq!(state(&message), "held", "{message:#}");
        assert!(message.to_string().contains(code), "{code}: {message:#}");
        assert_eq!(erp.payload(&id).await.unwrap().body, body);
    }
    gateway.stop().await;
});
