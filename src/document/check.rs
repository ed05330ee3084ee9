//! Whether JSON is a canonical document, told to the field.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::{
    ApplicationAdvice, DocumentType, Forecast, InventoryReport, Invoice, OrderAcknowledgement,
    OrderChangeAcknowledgement, PurchaseOrder, PurchaseOrderChange, ReceiptAdvice, RemittanceAdvice, ShipSchedule,
    ShipmentNotice, Summary, summarise,
};

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, as a JSON pointer; empty for the document as a whole.
    pub pointer: String,
    /// What is wrong with it.
    pub text: String,
}

/// Reads a document's handles, or tells which field breaks its type.
///
/// # Errors
/// The first field that does not fit.
pub fn check(kind: DocumentType, json: &[u8]) -> Result<Summary, Fault> {
    summarise(kind, json).map_err(|error| {
        let found = match kind {
            DocumentType::PurchaseOrder => fault::<PurchaseOrder>(json),
            DocumentType::OrderAcknowledgement => fault::<OrderAcknowledgement>(json),
            DocumentType::ShipmentNotice => fault::<ShipmentNotice>(json),
            DocumentType::Invoice => fault::<Invoice>(json),
            DocumentType::PurchaseOrderChange => fault::<PurchaseOrderChange>(json),
            DocumentType::OrderChangeAcknowledgement => fault::<OrderChangeAcknowledgement>(json),
            DocumentType::Forecast => fault::<Forecast>(json),
            DocumentType::ShipSchedule => fault::<ShipSchedule>(json),
            DocumentType::InventoryReport => fault::<InventoryReport>(json),
            DocumentType::ReceiptAdvice => fault::<ReceiptAdvice>(json),
            DocumentType::RemittanceAdvice => fault::<RemittanceAdvice>(json),
            DocumentType::ApplicationAdvice => fault::<ApplicationAdvice>(json),
            DocumentType::FunctionalAcknowledgement => None,
        };
        found.unwrap_or_else(|| Fault { pointer: String::new(), text: plain(&error) })
    })
}

fn fault<T: DeserializeOwned>(json: &[u8]) -> Option<Fault> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let error = serde_path_to_error::deserialize::<_, T>(&mut reader).err()?;
    let mut pointer = String::new();
    for segment in error.path() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    Some(Fault { pointer, text: plain(error.inner()) })
}

/// The sentence without the place in the text, which nobody sees who sends fields.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or_else(|| text.clone(), |(sentence, _)| sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_name_their_field() {
        let of = |json: &str| check(DocumentType::PurchaseOrder, json.as_bytes()).map(drop).unwrap_err();
        assert_eq!(of(r#"{"number":"1","colour":"red"}"#).pointer, "/colour");
        assert_eq!(of(r#"{"number":"1","purpose":"originl"}"#).pointer, "/purpose");
        let missing = of("{}");
        assert_eq!((missing.pointer.as_str(), missing.text.contains("number")), ("", true));
        let deep = of(r#"{"number":"1","lines":[{"number":"1","quantity":{"value":7,"unit":"EA"}}]}"#);
        assert!(deep.pointer.starts_with("/lines/0/"), "{deep:?}");
        assert!(!deep.text.contains("line 1"), "{deep:?}");
        assert!(check(DocumentType::PurchaseOrder, br#"{"number":"1"}"#).is_ok());
    }
}
