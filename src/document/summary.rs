//! What the gateway needs to know of a document: its number, its orders, and what makes it the same as another.

use std::collections::HashSet;

use serde::{Deserialize, de::Error as _};

use super::{
    ApplicationAdvice, DocumentType, Forecast, InventoryReport, Invoice, Level, OrderAcknowledgement,
    OrderChangeAcknowledgement, PurchaseOrder, PurchaseOrderChange, ReceiptAdvice, RemittanceAdvice, ShipSchedule,
    ShipmentNotice,
    common::{Identifier, OrderReference, Reference},
    words::{IdentifierScheme, Purpose, ReferenceKind},
};

/// The handles of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The document's own number; of a change, and of what answers an order or a change, the order's.
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
/// Identity begins with the purpose, so that a cancellation or change is never a duplicate of its original. Beyond that,
///
/// | document | is the same if these are | orders |
/// |---|---|---|
/// | order | number, release | its own |
/// | change, and its acknowledgement | order, release, change sequence; without a sequence, only equal bytes | the order |
/// | acknowledgement | (equal bytes: several for one order are normal) | the order |
/// | shipment notice | number | those of its levels |
/// | invoice | number, date, kind | the order |
/// | forecast | number, release, date, first day: some buyers give every plan one number | its own, and those of its items |
/// | ship schedule | number, release, date | its own, and those of its items |
/// | inventory report | number, date, time | those of its items |
/// | receipt advice | number, date | those that it names, and those of its lines |
/// | remittance advice | number, who gave it, payment date | those that its lines refer to |
/// | application advice | number, date | those that its reports refer to |
pub fn summarise(kind: DocumentType, json: &[u8]) -> Result<Summary, serde_json::Error> {
    let handles = match kind {
        DocumentType::PurchaseOrder => of_order(read(json)?),
        DocumentType::PurchaseOrderChange => of_change(read(json)?),
        DocumentType::OrderAcknowledgement => of_acknowledgement(read(json)?),
        DocumentType::OrderChangeAcknowledgement => of_change_acknowledgement(read(json)?),
        DocumentType::ShipmentNotice => of_shipment(read(json)?),
        DocumentType::Invoice => of_invoice(read(json)?),
        DocumentType::Forecast => of_forecast(read(json)?),
        DocumentType::ShipSchedule => of_schedule(read(json)?),
        DocumentType::InventoryReport => of_inventory(read(json)?),
        DocumentType::ReceiptAdvice => of_receipt(read(json)?),
        DocumentType::RemittanceAdvice => of_remittance(read(json)?),
        DocumentType::ApplicationAdvice => of_advice(read(json)?),
        DocumentType::FunctionalAcknowledgement => {
            return Err(serde_json::Error::custom(format!("a {kind} has no canonical form")));
        }
    };
    let subject = format!("{kind}/{}", handles.number);
    Ok(Summary { number: Some(handles.number), orders: handles.orders.found, identity: handles.identity, subject })
}

fn read<'j, T: Deserialize<'j>>(json: &'j [u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(json)
}

struct Handles {
    number: String,
    orders: Orders,
    identity: Option<Vec<String>>,
}

fn of_order(order: PurchaseOrder) -> Handles {
    let identity = vec![purpose(order.purpose), order.number.clone(), order.release_number.unwrap_or_default()];
    Handles { orders: Orders::one(&order.number), number: order.number, identity: Some(identity) }
}

fn of_change(change: PurchaseOrderChange) -> Handles {
    let identity =
        change_identity(change.purpose, &change.order_number, change.release_number, change.change_order_sequence);
    Handles { orders: Orders::one(&change.order_number), number: change.order_number, identity }
}

fn of_acknowledgement(acknowledgement: OrderAcknowledgement) -> Handles {
    let number = acknowledgement.order_number;
    Handles { orders: Orders::one(&number), number, identity: None }
}

fn of_change_acknowledgement(answer: OrderChangeAcknowledgement) -> Handles {
    let identity =
        change_identity(answer.purpose, &answer.order_number, answer.release_number, answer.change_order_sequence);
    Handles { orders: Orders::one(&answer.order_number), number: answer.order_number, identity }
}

/// Two changes of one order without a sequence are two changes, as far as anyone can tell.
fn change_identity(
    of: Option<Purpose>,
    order: &str,
    release: Option<String>,
    sequence: Option<String>,
) -> Option<Vec<String>> {
    Some(vec![purpose(of), order.to_owned(), release.unwrap_or_default(), sequence?])
}

fn of_shipment(notice: ShipmentNotice) -> Handles {
    fn collect(levels: &[Level], orders: &mut Orders) {
        for level in levels {
            orders.referenced(level.order.as_slice());
            collect(&level.levels, orders);
        }
    }
    let mut orders = Orders::default();
    collect(&notice.levels, &mut orders);
    let identity = vec![purpose(notice.purpose), notice.number.clone()];
    Handles { number: notice.number, orders, identity: Some(identity) }
}

fn of_invoice(invoice: Invoice) -> Handles {
    let kind = invoice.invoice_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default();
    let identity = vec![purpose(invoice.purpose), invoice.number.clone(), invoice.issue_date.to_string(), kind];
    let orders = Orders::from(invoice.order_number);
    Handles { number: invoice.number, orders, identity: Some(identity) }
}

fn of_forecast(forecast: Forecast) -> Handles {
    let mut orders = Orders::from(forecast.order_number);
    forecast.lines.iter().for_each(|line| orders.identified(&line.identifiers));
    let identity = vec![
        purpose(forecast.purpose),
        forecast.number.clone(),
        forecast.release_number.unwrap_or_default(),
        text(forecast.issue_date),
        text(forecast.horizon_start),
    ];
    Handles { number: forecast.number, orders, identity: Some(identity) }
}

fn of_schedule(schedule: ShipSchedule) -> Handles {
    let mut orders = Orders::from(schedule.order_number);
    schedule.lines.iter().for_each(|line| orders.identified(&line.identifiers));
    let identity = vec![
        purpose(schedule.purpose),
        schedule.number.clone(),
        schedule.release_number.unwrap_or_default(),
        text(schedule.issue_date),
    ];
    Handles { number: schedule.number, orders, identity: Some(identity) }
}

fn of_inventory(report: InventoryReport) -> Handles {
    let mut orders = Orders::default();
    report.lines.iter().for_each(|line| orders.identified(&line.identifiers));
    let identity =
        vec![purpose(report.purpose), report.number.clone(), text(report.issue_date), text(report.issue_time)];
    Handles { number: report.number, orders, identity: Some(identity) }
}

fn of_receipt(receipt: ReceiptAdvice) -> Handles {
    let mut orders = Orders::default();
    orders.referenced(&receipt.orders);
    for line in &receipt.lines {
        orders.referenced(&line.orders);
        orders.identified(&line.identifiers);
    }
    let identity = vec![purpose(receipt.purpose), receipt.number.clone(), text(receipt.issue_date)];
    Handles { number: receipt.number, orders, identity: Some(identity) }
}

fn of_remittance(remittance: RemittanceAdvice) -> Handles {
    let mut orders = Orders::default();
    for line in remittance.entities.iter().flat_map(|entity| &entity.lines) {
        orders.pointed_at(line.reference.as_slice());
        orders.pointed_at(&line.references);
    }
    let originator = remittance.trace_originator.or(remittance.originator).unwrap_or_default();
    let identity = vec![remittance.number.clone(), originator, text(remittance.payment_date)];
    Handles { number: remittance.number, orders, identity: Some(identity) }
}

fn of_advice(advice: ApplicationAdvice) -> Handles {
    let mut orders = Orders::default();
    for report in &advice.reports {
        orders.pointed_at(report.reference.as_slice());
        orders.pointed_at(&report.references);
    }
    let identity = vec![purpose(advice.purpose), advice.number.clone(), text(advice.issue_date)];
    Handles { number: advice.number, orders, identity: Some(identity) }
}

fn purpose(purpose: Option<Purpose>) -> String {
    purpose.unwrap_or(Purpose::Original).as_str().to_owned()
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Order numbers, each once, in order of the document.
#[derive(Default)]
struct Orders {
    found: Vec<String>,
    seen: HashSet<String>,
}

impl Orders {
    fn one(number: &str) -> Self {
        Self::from(Some(number.to_owned()))
    }

    fn from(number: Option<String>) -> Self {
        let mut orders = Self::default();
        number.iter().for_each(|number| orders.add(number));
        orders
    }

    fn add(&mut self, number: &str) {
        if !self.seen.contains(number) {
            self.seen.insert(number.to_owned());
            self.found.push(number.to_owned());
        }
    }

    /// The orders that references to orders name.
    fn referenced(&mut self, references: &[OrderReference]) {
        references.iter().filter_map(|reference| reference.number.as_deref()).for_each(|number| self.add(number));
    }

    /// The orders that stand among the numbers of an item.
    fn identified(&mut self, identifiers: &[Identifier]) {
        let orders = identifiers.iter().filter(|one| one.scheme == Some(IdentifierScheme::PurchaseOrder));
        orders.for_each(|one| self.add(&one.value));
    }

    /// The orders that stand among references to anything.
    fn pointed_at(&mut self, references: &[Reference]) {
        let orders = references.iter().filter(|one| one.kind == Some(ReferenceKind::PurchaseOrder));
        orders.filter_map(|one| one.value.as_deref()).for_each(|number| self.add(number));
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
    fn a_change_is_its_order_release_and_sequence() {
        let one = br#"{"order_number":"45","purpose":"change","release_number":"2","change_order_sequence":"3"}"#;
        for kind in [DocumentType::PurchaseOrderChange, DocumentType::OrderChangeAcknowledgement] {
            let summary = summarise(kind, one).unwrap();
            assert_eq!(summary.identity, Some(["change", "45", "2", "3"].map(str::to_owned).to_vec()));
            assert_eq!((summary.number.as_deref(), summary.orders), (Some("45"), vec!["45".to_owned()]));
            assert_eq!(summarise(kind, br#"{"order_number":"45"}"#).unwrap().identity, None, "nobody numbered them");
        }
    }

    #[test]
    fn orders_are_found_wherever_a_document_names_them() {
        let of = |kind, json: &str| summarise(kind, json.as_bytes()).unwrap().orders;
        let lines = r#""lines":[{"identifiers":[{"scheme":"purchase_order","value":"B"},{"scheme":"buyer_part","value":"X"}]},
            {"identifiers":[{"scheme":"purchase_order","value":"A"}]}]"#;
        for (kind, own) in [
            (DocumentType::Forecast, r#""order_number":"A","#),
            (DocumentType::ShipSchedule, r#""order_number":"A","#),
            (DocumentType::ReceiptAdvice, r#""orders":[{"number":"A"}],"#),
        ] {
            assert_eq!(of(kind, &format!(r#"{{"number":"1",{own}{lines}}}"#)), ["A", "B"], "{kind}");
        }
        assert_eq!(of(DocumentType::InventoryReport, &format!(r#"{{"number":"1",{lines}}}"#)), ["B", "A"]);
        let reference = r#"{"kind":"purchase_order","value":"A"},{"kind":"invoice","value":"I"}"#;
        let paid = format!(r#"{{"number":"1","entities":[{{"lines":[{{"references":[{reference}]}}]}}]}}"#);
        assert_eq!(of(DocumentType::RemittanceAdvice, &paid), ["A"]);
        let report = format!(r#"{{"number":"1","reports":[{{"references":[{reference}]}}]}}"#);
        assert_eq!(of(DocumentType::ApplicationAdvice, &report), ["A"]);
    }

    #[test]
    fn what_breaks_its_type_is_an_error() {
        for (kind, json) in [
            (DocumentType::PurchaseOrder, r#"{}"#),
            (DocumentType::PurchaseOrder, r#"{"number":"1","colour":"red"}"#),
            (DocumentType::PurchaseOrder, r#"{"number":"1","purpose":"originl"}"#),
            (DocumentType::Invoice, r#"{"number":"1","issue_date":"20260101"}"#),
            (DocumentType::Invoice, r#"{"number":"1","issue_date":"2026-01-01","totals":{"payable":12.5}}"#),
            (DocumentType::Forecast, r#"{"release_number":"1"}"#),
            (DocumentType::FunctionalAcknowledgement, r#"{"number":"1"}"#),
        ] {
            assert!(summarise(kind, json.as_bytes()).is_err(), "{kind} {json}");
        }
        assert!(summarise(DocumentType::PurchaseOrder, br#"{"number":"1","purpose":"x12:ZZ"}"#).is_ok());
    }
}
