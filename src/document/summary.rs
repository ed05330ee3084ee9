//! What the gateway needs to know of a document: its number, its orders, and what makes it the same as another.

use std::collections::BTreeSet;

use serde::de::Error as _;

use super::{DocumentType, Invoice, Level, OrderAcknowledgement, PurchaseOrder, ShipmentNotice, words::Purpose};

/// The handles of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The document's own number; of an acknowledgement, the order's.
    pub number: Option<String>,
    /// The buyer's orders that it is about, each once, in order of the document.
    pub orders: Vec<String>,
    /// What makes two documents one piece of business; `None` if only equal bytes do, as with an 855.
    pub identity: Option<Vec<String>>,
    /// The `subject` of its event: `<document>/<number>`.
    pub subject: String,
}

/// Reads a canonical document and tells its handles. A document that breaks its type is an error.
///
/// Identity begins with the purpose, so that a cancellation or change is never a duplicate of its original.
pub fn summarise(kind: DocumentType, json: &[u8]) -> Result<Summary, serde_json::Error> {
    let (number, orders, identity) = match kind {
        DocumentType::PurchaseOrder => {
            let order: PurchaseOrder = serde_json::from_slice(json)?;
            let release = order.release_number.unwrap_or_default();
            let identity = vec![purpose(order.purpose), order.number.clone(), release];
            (order.number.clone(), vec![order.number], Some(identity))
        }
        DocumentType::OrderAcknowledgement => {
            let acknowledgement: OrderAcknowledgement = serde_json::from_slice(json)?;
            (acknowledgement.order_number.clone(), vec![acknowledgement.order_number], None)
        }
        DocumentType::ShipmentNotice => {
            let notice: ShipmentNotice = serde_json::from_slice(json)?;
            let (mut orders, mut seen) = (Vec::new(), BTreeSet::new());
            collect_orders(&notice.levels, &mut |order| {
                if seen.insert(order.to_owned()) {
                    orders.push(order.to_owned());
                }
            });
            let identity = vec![purpose(notice.purpose), notice.number.clone()];
            (notice.number, orders, Some(identity))
        }
        DocumentType::Invoice => {
            let invoice: Invoice = serde_json::from_slice(json)?;
            let kind = invoice.invoice_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default();
            let identity = vec![purpose(invoice.purpose), invoice.number.clone(), invoice.issue_date.to_string(), kind];
            (invoice.number, invoice.order_number.into_iter().collect(), Some(identity))
        }
        other => return Err(serde_json::Error::custom(format!("a {other} has no canonical form yet"))),
    };
    let subject = format!("{kind}/{number}");
    Ok(Summary { number: Some(number), orders, identity, subject })
}

fn purpose(purpose: Option<Purpose>) -> String {
    purpose.unwrap_or(Purpose::Original).as_str().to_owned()
}

fn collect_orders(levels: &[Level], found: &mut impl FnMut(&str)) {
    for level in levels {
        if let Some(number) = level.order.as_ref().and_then(|order| order.number.as_deref()) {
            found(number);
        }
        collect_orders(&level.levels, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_its_purpose_number_and_release() {
        let summary = summarise(DocumentType::PurchaseOrder, br#"{"number":"45","purpose":"change"}"#).unwrap();
        assert_eq!(summary.identity, Some(vec!["change".into(), "45".into(), String::new()]));
        assert_eq!((summary.subject.as_str(), summary.orders), ("purchase_order/45", vec!["45".to_owned()]));
    }

    #[test]
    fn a_shipment_tells_each_order_once_however_deep() {
        let json = br#"{"number":"S1","levels":[{"kind":"shipment","levels":[{"kind":"pack","levels":[
            {"kind":"order","order":{"number":"B"}},{"kind":"order","order":{"number":"A"}},{"kind":"order","order":{"number":"B"}}]}]}]}"#;
        let summary = summarise(DocumentType::ShipmentNotice, json).unwrap();
        assert_eq!(summary.orders, ["B", "A"]);
        assert_eq!(summary.identity, Some(vec!["original".into(), "S1".into()]));
    }

    #[test]
    fn an_acknowledgement_has_no_identity_but_its_bytes() {
        let summary = summarise(DocumentType::OrderAcknowledgement, br#"{"order_number":"45"}"#).unwrap();
        assert_eq!((summary.identity, summary.number.as_deref()), (None, Some("45")));
    }

    #[test]
    fn what_breaks_its_type_is_an_error() {
        for (kind, json) in [
            (DocumentType::PurchaseOrder, r#"{}"#),
            (DocumentType::PurchaseOrder, r#"{"number":"1","colour":"red"}"#),
            (DocumentType::PurchaseOrder, r#"{"number":"1","purpose":"originl"}"#),
            (DocumentType::Invoice, r#"{"number":"1","issue_date":"20260101"}"#),
            (DocumentType::Invoice, r#"{"number":"1","issue_date":"2026-01-01","totals":{"payable":12.5}}"#),
            (DocumentType::Forecast, r#"{"number":"1"}"#),
        ] {
            assert!(summarise(kind, json.as_bytes()).is_err(), "{kind} {json}");
        }
        assert!(summarise(DocumentType::PurchaseOrder, br#"{"number":"1","purpose":"x12:ZZ"}"#).is_ok());
    }
}
