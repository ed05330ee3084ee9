//! What the gateway needs to know of a document: its number, its orders, and what makes it the same as another.

use std::{collections::HashSet, ops::Range};

use bytes::Bytes;
use serde::{
    Deserialize,
    de::{Error as _, IgnoredAny},
};

use super::{
    DocumentType,
    scalar::{Date, Time},
    words::{IdentifierScheme, InvoiceType, Purpose, ReferenceKind},
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

/// Tells the handles of a canonical document, and reads nothing else of it: whether it keeps to its type is for
/// [`check`](super::check()) to say, and a mapping's result does by how mappings are compiled.
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
///
/// # Errors
/// A document without its number, or with a handle of the wrong type; one that has no canonical form.
pub fn summarise(kind: DocumentType, json: &[u8]) -> Result<Summary, serde_json::Error> {
    let handles = match kind {
        DocumentType::PurchaseOrder => of_order(passing_lines(json)?),
        DocumentType::PurchaseOrderChange | DocumentType::OrderChangeAcknowledgement => of_change(passing_lines(json)?),
        DocumentType::OrderAcknowledgement => of_acknowledgement(passing_lines(json)?),
        DocumentType::ShipmentNotice => of_shipment(passing_lines(json)?),
        DocumentType::Invoice => of_invoice(passing_lines(json)?),
        DocumentType::Forecast => of_forecast(with_lines(json)?),
        DocumentType::ShipSchedule => of_schedule(with_lines(json)?),
        DocumentType::InventoryReport => of_inventory(with_lines(json)?),
        DocumentType::ReceiptAdvice => of_receipt(with_lines(json)?),
        DocumentType::RemittanceAdvice => of_remittance(passing_lines(json)?),
        DocumentType::ApplicationAdvice => of_advice(passing_lines(json)?),
        DocumentType::FunctionalAcknowledgement => {
            return Err(serde_json::Error::custom(format!("a {kind} has no canonical form")));
        }
    }?;
    let subject = format!("{kind}/{}", handles.number);
    Ok(Summary { number: Some(handles.number), orders: handles.orders.found, identity: handles.identity, subject })
}

/// A document as its event has it. What is about several orders lists them in `orders`, unless it does so itself: its place
/// on the queue promises no order against theirs, and whoever must wait for one of them has to know it.
pub fn with_orders(json: &Bytes, orders: &[String]) -> Bytes {
    #[derive(Deserialize)]
    struct Listing {
        orders: Option<IgnoredAny>,
    }
    let lists_them = || serde_json::from_slice::<Listing>(json).is_ok_and(|listing| listing.orders.is_some());
    let (Some(fields), true) = (json.strip_prefix(b"{"), orders.len() > 1) else { return json.clone() };
    if lists_them() {
        return json.clone();
    }
    let all: Vec<_> = orders.iter().map(|order| serde_json::json!({ "number": order })).collect();
    let all = serde_json::Value::from(all).to_string();
    [b"{\"orders\":", all.as_bytes(), b",", fields].concat().into()
}

/// The same of a document whose `lines`, with the comma before them, are known to stand at a place: where they say nothing of
/// its handles they are not looked at.
///
/// # Errors
/// As those of [`summarise`].
pub fn summarise_beside(kind: DocumentType, json: &[u8], lines: Range<usize>) -> Result<Summary, serde_json::Error> {
    let (Some(before), Some(after)) = (json.get(..lines.start), json.get(lines.end..)) else {
        return summarise(kind, json);
    };
    let lines_tell = matches!(
        kind,
        DocumentType::Forecast
            | DocumentType::ShipSchedule
            | DocumentType::InventoryReport
            | DocumentType::ReceiptAdvice
    );
    if lines_tell {
        return summarise(kind, json);
    }
    // What follows begins with its comma, which the first member of an object does without.
    let after = if before == b"{" { after.strip_prefix(b",").unwrap_or(after) } else { after };
    summarise(kind, &[before, after].concat())
}

/// What identities and orders of all types are made of. Fields of other names are passed over.
#[derive(Deserialize)]
struct Head<L> {
    number: Option<String>,
    order_number: Option<String>,
    purpose: Option<Purpose>,
    invoice_type: Option<InvoiceType>,
    release_number: Option<String>,
    change_order_sequence: Option<String>,
    issue_date: Option<Date>,
    issue_time: Option<Time>,
    payment_date: Option<Date>,
    horizon_start: Option<Date>,
    originator: Option<String>,
    trace_originator: Option<String>,
    #[serde(default)]
    orders: Vec<Numbered>,
    #[serde(default)]
    levels: Vec<Level>,
    #[serde(default)]
    entities: Vec<Entity>,
    #[serde(default)]
    reports: Vec<Pointing>,
    #[serde(default = "Vec::new")]
    lines: Vec<L>,
}

/// A reference to an order.
#[derive(Deserialize)]
struct Numbered {
    number: Option<String>,
}

/// A level of a shipment.
#[derive(Deserialize)]
struct Level {
    order: Option<Numbered>,
    #[serde(default)]
    levels: Vec<Self>,
}

/// A line that may name its order.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    identifiers: Vec<Identifier>,
    #[serde(default)]
    orders: Vec<Numbered>,
}

#[derive(Deserialize)]
struct Identifier {
    scheme: Option<IdentifierScheme>,
    value: Option<String>,
}

/// Of a remittance: someone whose documents are paid.
#[derive(Deserialize)]
struct Entity {
    #[serde(default)]
    lines: Vec<Pointing>,
}

/// What refers to documents of any kind.
#[derive(Deserialize)]
struct Pointing {
    reference: Option<Reference>,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    kind: Option<ReferenceKind>,
    value: Option<String>,
}

/// The head of a type whose lines say nothing of orders: most of a document is skipped.
fn passing_lines(json: &[u8]) -> Result<Head<IgnoredAny>, serde_json::Error> {
    serde_json::from_slice(json)
}

fn with_lines(json: &[u8]) -> Result<Head<Line>, serde_json::Error> {
    serde_json::from_slice(json)
}

struct Handles {
    number: String,
    orders: Orders,
    identity: Option<Vec<String>>,
}

type Told = Result<Handles, serde_json::Error>;

fn needed<T>(value: Option<T>, field: &'static str) -> Result<T, serde_json::Error> {
    value.ok_or_else(|| serde_json::Error::missing_field(field))
}

impl<L> Head<L> {
    fn purpose(&self) -> String {
        self.purpose.as_ref().unwrap_or(&Purpose::Original).as_str().to_owned()
    }

    /// The handles of what has a number of its own: purpose, number and `more` make it the same.
    fn numbered(self, orders: Orders, more: impl IntoIterator<Item = String>) -> Told {
        let purpose = self.purpose();
        let number = needed(self.number, "number")?;
        let identity = [purpose, number.clone()].into_iter().chain(more).collect();
        Ok(Handles { number, orders, identity: Some(identity) })
    }
}

fn of_order(mut order: Head<IgnoredAny>) -> Told {
    let release = order.release_number.take().unwrap_or_default();
    let orders = Orders::from(order.number.as_deref());
    order.numbered(orders, [release])
}

/// Two changes of one order without a sequence are two changes, as far as anyone can tell.
fn of_change(change: Head<IgnoredAny>) -> Told {
    let purpose = change.purpose();
    let number = needed(change.order_number, "order_number")?;
    let release = change.release_number.unwrap_or_default();
    let identity = change.change_order_sequence.map(|sequence| vec![purpose, number.clone(), release, sequence]);
    Ok(Handles { orders: Orders::from(Some(&number)), number, identity })
}

fn of_acknowledgement(acknowledgement: Head<IgnoredAny>) -> Told {
    let number = needed(acknowledgement.order_number, "order_number")?;
    Ok(Handles { orders: Orders::from(Some(&number)), number, identity: None })
}

fn of_shipment(notice: Head<IgnoredAny>) -> Told {
    fn collect(levels: &[Level], orders: &mut Orders) {
        for level in levels {
            orders.referenced(level.order.as_slice());
            collect(&level.levels, orders);
        }
    }
    let mut orders = Orders::default();
    collect(&notice.levels, &mut orders);
    notice.numbered(orders, [])
}

fn of_invoice(invoice: Head<IgnoredAny>) -> Told {
    let kind = invoice.invoice_type.as_ref().map(|kind| kind.as_str().to_owned()).unwrap_or_default();
    let date = needed(invoice.issue_date, "issue_date")?.to_string();
    let orders = Orders::from(invoice.order_number.as_deref());
    invoice.numbered(orders, [date, kind])
}

fn of_forecast(mut forecast: Head<Line>) -> Told {
    let orders = forecast.orders_of_lines();
    let release = forecast.release_number.take().unwrap_or_default();
    let (issued, start) = (text(forecast.issue_date), text(forecast.horizon_start));
    forecast.numbered(orders, [release, issued, start])
}

fn of_schedule(mut schedule: Head<Line>) -> Told {
    let orders = schedule.orders_of_lines();
    let release = schedule.release_number.take().unwrap_or_default();
    let issued = text(schedule.issue_date);
    schedule.numbered(orders, [release, issued])
}

fn of_inventory(report: Head<Line>) -> Told {
    let orders = report.orders_of_lines();
    let (issued, at) = (text(report.issue_date), text(report.issue_time));
    report.numbered(orders, [issued, at])
}

fn of_receipt(receipt: Head<Line>) -> Told {
    let orders = receipt.orders_of_lines();
    let issued = text(receipt.issue_date);
    receipt.numbered(orders, [issued])
}

fn of_remittance(remittance: Head<IgnoredAny>) -> Told {
    let mut orders = Orders::default();
    remittance.entities.iter().flat_map(|entity| &entity.lines).for_each(|line| orders.pointed_at(line));
    let originator = remittance.trace_originator.or(remittance.originator).unwrap_or_default();
    let number = needed(remittance.number, "number")?;
    let identity = vec![number.clone(), originator, text(remittance.payment_date)];
    Ok(Handles { number, orders, identity: Some(identity) })
}

fn of_advice(advice: Head<IgnoredAny>) -> Told {
    let mut orders = Orders::default();
    advice.reports.iter().for_each(|report| orders.pointed_at(report));
    let issued = text(advice.issue_date);
    advice.numbered(orders, [issued])
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

impl Head<Line> {
    /// The orders that it names itself, and those of its lines.
    fn orders_of_lines(&self) -> Orders {
        let mut orders = Orders::from(self.order_number.as_deref());
        orders.referenced(&self.orders);
        for line in &self.lines {
            orders.referenced(&line.orders);
            orders.identified(&line.identifiers);
        }
        orders
    }
}

/// Order numbers, each once, in order of the document.
#[derive(Default)]
struct Orders {
    found: Vec<String>,
    seen: HashSet<String>,
}

impl Orders {
    fn from(number: Option<&str>) -> Self {
        let mut orders = Self::default();
        orders.extend(number);
        orders
    }

    fn extend<'a>(&mut self, numbers: impl IntoIterator<Item = &'a str>) {
        for number in numbers {
            if !self.seen.contains(number) {
                self.seen.insert(number.to_owned());
                self.found.push(number.to_owned());
            }
        }
    }

    /// The orders that references to orders name.
    fn referenced(&mut self, references: &[Numbered]) {
        self.extend(references.iter().filter_map(|reference| reference.number.as_deref()));
    }

    /// The orders that stand among the numbers of an item.
    fn identified(&mut self, identifiers: &[Identifier]) {
        let orders = identifiers.iter().filter(|one| one.scheme == Some(IdentifierScheme::PurchaseOrder));
        self.extend(orders.filter_map(|one| one.value.as_deref()));
    }

    /// The orders that stand among references to anything.
    fn pointed_at(&mut self, pointing: &Pointing) {
        let all = pointing.reference.iter().chain(&pointing.references);
        let orders = all.filter(|one| one.kind == Some(ReferenceKind::PurchaseOrder));
        self.extend(orders.filter_map(|one| one.value.as_deref()));
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
    fn several_orders_are_listed_unless_the_document_does_so() {
        let list = |json: &'static str, orders: &[&str]| {
            let orders: Vec<_> = orders.iter().map(|&order| order.to_owned()).collect();
            String::from_utf8(with_orders(&Bytes::from_static(json.as_bytes()), &orders).to_vec()).unwrap()
        };
        let listed = r#"{"orders":[{"number":"A"},{"number":"\"B"}],"number":"S1"}"#;
        assert_eq!(list(r#"{"number":"S1"}"#, &["A", "\"B"]), listed);
        crate::document::check(DocumentType::ShipmentNotice, listed.as_bytes()).unwrap();
        assert_eq!(list(r#"{"number":"S1"}"#, &["A"]), r#"{"number":"S1"}"#);
        assert_eq!(list(r#"{"number":"S1"}"#, &[]), r#"{"number":"S1"}"#);
        let own = r#"{"number":"R1","orders":[{"number":"A"},{"number":"B"}]}"#;
        assert_eq!(list(own, &["A", "B"]), own);
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
    fn a_document_without_its_handles_is_an_error() {
        for (kind, json) in [
            (DocumentType::PurchaseOrder, r#"{}"#),
            (DocumentType::PurchaseOrder, r#"{"number":"1""#),
            (DocumentType::PurchaseOrder, r#"{"number":1}"#),
            (DocumentType::PurchaseOrder, r#"{"number":"1","purpose":"originl"}"#),
            (DocumentType::Invoice, r#"{"number":"1","issue_date":"20260101"}"#),
            (DocumentType::Invoice, r#"{"number":"1"}"#),
            (DocumentType::OrderAcknowledgement, r#"{"number":"1"}"#),
            (DocumentType::Forecast, r#"{"release_number":"1"}"#),
            (DocumentType::FunctionalAcknowledgement, r#"{"number":"1"}"#),
        ] {
            assert!(summarise(kind, json.as_bytes()).is_err(), "{kind} {json}");
        }
        assert!(summarise(DocumentType::PurchaseOrder, br#"{"number":"1","purpose":"x12:ZZ"}"#).is_ok());
    }
}
