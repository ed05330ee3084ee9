//! Sample files made for one partner's ids: what it sends first, and what `certify --self` sends in its place.

use std::{fs, io::Cursor, path::Path, sync::Arc};

use serde_json::Value;

use crate::{
    config::Source,
    document::DocumentType,
    exchange::{self, Snapshot},
    mapping::{Format, Library},
    partner::{CxmlTerms, Directory, EnvelopeId, Files, Partner, SendFormat, Sources},
    play::{
        ubl,
        x12::{Interchange, Order, Party, Set, invoice, order_acknowledgement, shipment_notice},
    },
};

/// The order that all samples are about.
pub(super) const ORDER: &str = "4500000001";

/// One file.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) what: &'static str,
    /// Its media type.
    pub(super) media_type: &'static str,
    /// Where JSON of it is posted to, below the order.
    pub(super) path: &'static str,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
}

/// The samples of a partner, in the order in which they are sent.
pub(super) fn of(partner: &Partner) -> Vec<Sample> {
    let order = Order::sample(ORDER, 2);
    let (answer, notice, bill) =
        (order_acknowledgement(&order, "SO-1"), shipment_notice(&order, "SH-1"), invoice(&order, "INV-1"));
    let miscounted = shipment_notice(&order, "SH-2").counted_as(99);
    let x12 = |theirs: &Party, ours: &Party, number: u32, set: Set| {
        Interchange::new(theirs, ours, number).rehearsal().with(set).to_bytes()
    };
    if let Some(terms) = &partner.x12
        && let Some(theirs) = terms.ids.first()
    {
        let (theirs, ours) = (party(theirs), party(&terms.ours));
        let sample = |name, what, number, set| Sample {
            name,
            what,
            media_type: "application/edi-x12",
            path: "",
            bytes: x12(&theirs, &ours, number, set),
        };
        return vec![
            sample("855.edi", "the answer to an order: every line accepted", 1, answer),
            sample("856.edi", "the ship notice: one truck, a carton for each line", 2, notice),
            sample("810.edi", "the invoice, with freight", 3, bill),
            sample("856-miscounted.edi", "a ship notice whose SE01 is wrong: it has to be rejected", 4, miscounted),
        ];
    }
    if partner.send.usual.format == Some(SendFormat::Ubl) {
        let sample = |name, what, bytes| Sample { name, what, media_type: "application/xml", path: "", bytes };
        return vec![
            sample(
                "order-response.xml",
                "the answer to an order: every line accepted",
                ubl::order_response(&order, "SO-1"),
            ),
            sample("despatch-advice.xml", "the ship notice: one truck", ubl::despatch_advice(&order, "SH-1")),
            sample("invoice.xml", "the invoice", ubl::invoice(&order, "INV-1")),
        ];
    }
    let (theirs, ours) = (Party::new("ZZ/THEM"), Party::new("ZZ/US"));
    if let Some(terms) = &partner.cxml {
        let sample = |name, what, kind, number, set| {
            let json = canonical(&x12(&theirs, &ours, number, set)).unwrap_or_default();
            let bytes = cxml(terms, kind, number, &json).unwrap_or_default();
            Sample { name, what, media_type: "text/xml", path: "", bytes }
        };
        let (confirmation, bill_kind) = (DocumentType::OrderAcknowledgement, DocumentType::Invoice);
        return vec![
            sample("confirmation.xml", "the answer to an order: every line accepted", confirmation, 1, answer),
            sample("ship-notice.xml", "the ship notice: one truck", DocumentType::ShipmentNotice, 2, notice),
            sample("invoice.xml", "the invoice, with freight", bill_kind, 3, bill),
        ];
    }
    let json = |name, what, path, number, set| {
        let bytes = canonical(&x12(&theirs, &ours, number, set)).unwrap_or_default();
        Sample { name, what, media_type: "application/json", path, bytes }
    };
    vec![
        json("order-answer.json", "the answer to an order: every line accepted", "acknowledgements", 1, answer),
        json("ship-notice.json", "the ship notice: one truck, a carton for each line", "shipments", 2, notice),
        json("invoice.json", "the invoice, with freight", "invoices", 3, bill),
    ]
}

/// Writes the samples of a partner beside its file, into `ID.samples/`; answers with their paths and what they are.
pub(super) fn write(folder: &Path, partner: &Partner) -> anyhow::Result<Vec<(String, String)>> {
    let name = format!("{}.samples", partner.id);
    fs::create_dir_all(folder.join(&name))?;
    let mut listed = Vec::new();
    for sample in of(partner) {
        fs::write(folder.join(&name).join(sample.name), &sample.bytes)?;
        listed.push((format!("{name}/{}", sample.name), sample.what.to_owned()));
    }
    Ok(listed)
}

/// Who is in an envelope under this id.
pub(super) fn party(id: &EnvelopeId) -> Party {
    let group = id.group.clone().unwrap_or_else(|| id.id.clone());
    Party { qualifier: id.qualifier.clone(), id: id.id.clone(), group }
}

/// A canonical document as cXML from the partner to us. Its own secret is for it to put in.
fn cxml(terms: &CxmlTerms, kind: DocumentType, number: u32, json: &[u8]) -> Option<Vec<u8>> {
    let library = Library::builtin().ok()?;
    let mapping = library.for_document(kind, Format::Xml, "cxml")?;
    let theirs = terms.ids.first()?;
    let secret = (!terms.their_secrets.is_empty()).then(|| ("sender.secret", "YOUR SHARED SECRET".to_owned()));
    let held = [
        ("message_id", format!("sample-{number}@{}", theirs.identity)),
        ("time", "2026-01-01T12:00:00+00:00".to_owned()),
        ("mode", "test".to_owned()),
        ("from.domain", theirs.domain.clone()),
        ("from.id", theirs.identity.clone()),
        ("to.domain", terms.ours.domain.clone()),
        ("to.id", terms.ours.identity.clone()),
        ("sender.domain", theirs.domain.clone()),
        ("sender.id", theirs.identity.clone()),
        ("sender.agent", "Sample".to_owned()),
    ];
    let envelope = held.into_iter().chain(secret).map(|(name, value)| (name.to_owned(), value)).collect();
    Some(mapping.write_xml(json, &envelope).ok()?.bytes)
}

/// The canonical document that an interchange is read as, by the built-in mappings.
fn canonical(x12: &[u8]) -> Option<Vec<u8>> {
    let file = "name = \"T\"\nstatus = \"live\"\n[x12]\nids = [\"ZZ/THEM\"]\nours = \"ZZ/US\"\n[rest]\napi_keys = []\n";
    let files = Files::one(Path::new("them.toml"), Source::new("them.toml", file));
    let sources = Sources::default();
    let (directory, _) = Directory::build(&files, &sources, &|_| true);
    let (snapshot, _) = Snapshot::new(directory, Library::builtin().ok()?);
    let trace = exchange::trace(&Arc::new(snapshot), Cursor::new(x12.to_vec()), None, jiff::Timestamp::now()).ok()?;
    let data = trace.events.first()?.get("data").filter(|data| !Value::is_null(data))?;
    serde_json::to_vec_pretty(data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_a_document() {
        let order = Order::sample(ORDER, 2);
        let bytes = Interchange::new(&Party::new("ZZ/THEM"), &Party::new("ZZ/US"), 1)
            .with(order_acknowledgement(&order, "SO-1"))
            .to_bytes();
        let json: Value = serde_json::from_slice(&canonical(&bytes).unwrap()).unwrap();
        assert!(json.to_string().contains(ORDER));
    }
}
