//! Whether JSON is a canonical document, told field by field: every mistake at once.
//!
//! A document that fits its type is read once. Only one that doesn't is walked along its schema, and what serde said of it is
//! put beside what the walk found, so that neither hides the other.

use std::fmt;

use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::{
    ApplicationAdvice, DocumentType, Forecast, InventoryReport, Invoice, OrderAcknowledgement,
    OrderChangeAcknowledgement, PurchaseOrder, PurchaseOrderChange, ReceiptAdvice, RemittanceAdvice, ShipSchedule,
    ShipmentNotice, Summary, schema, summarise,
};

/// How many mistakes are told of one document.
const MOST: usize = 100;
/// A pointer or a text of more characters is told without its middle: what is wrong may be as long as the document.
const LONGEST: usize = 400;
/// A longer value is like none of our words.
const LONGEST_WORD: usize = 64;

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, as a JSON pointer; empty for the document as a whole.
    pub pointer: String,
    /// What is wrong with it.
    pub text: String,
}

impl Fault {
    fn new(pointer: &str, text: &str) -> Self {
        Self { pointer: shortened(pointer), text: shortened(text) }
    }
}

/// A text without its middle, where that is long.
fn shortened(text: &str) -> String {
    let end = |(at, _): (usize, char)| at;
    let (head, tail) =
        (text.char_indices().nth(LONGEST / 4).map(end), text.char_indices().rev().nth(LONGEST / 2).map(end));
    match (head.and_then(|at| text.get(..at)), tail.and_then(|at| text.get(at..))) {
        (Some(head), Some(tail)) if text.len() > LONGEST && head.len() + tail.len() < text.len() => {
            format!("{head} … {tail}")
        }
        _ => text.to_owned(),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", if self.pointer.is_empty() { "the document" } else { &self.pointer }, self.text)
    }
}

/// Reads a document's handles, or tells which fields break its type.
///
/// # Errors
/// Every field that does not fit, a hundred at most; at least one.
pub fn check(kind: DocumentType, json: &[u8]) -> Result<Summary, Vec<Fault>> {
    let read = fits(kind, json).and_then(|()| summarise(kind, json));
    read.map_err(|error| {
        let first = told(kind, json).unwrap_or_else(|| Fault::new("", &plain(&error)));
        let mut faults = walked(kind, json);
        let is_told = |fault: &Fault| {
            is_below(&fault.pointer, &first.pointer)
                || (!fault.pointer.is_empty() && is_below(&first.pointer, &fault.pointer))
        };
        if !faults.iter().any(is_told) {
            faults.insert(0, first);
        }
        faults
    })
}

/// Does the same with any of the types: `$read::<T>($json)`, where `T` is that of the document.
macro_rules! as_its_type {
    ($kind:expr, $read:ident($json:expr), $without:expr) => {
        match $kind {
            DocumentType::PurchaseOrder => $read::<PurchaseOrder>($json),
            DocumentType::PurchaseOrderChange => $read::<PurchaseOrderChange>($json),
            DocumentType::OrderAcknowledgement => $read::<OrderAcknowledgement>($json),
            DocumentType::OrderChangeAcknowledgement => $read::<OrderChangeAcknowledgement>($json),
            DocumentType::ShipmentNotice => $read::<ShipmentNotice>($json),
            DocumentType::Invoice => $read::<Invoice>($json),
            DocumentType::Forecast => $read::<Forecast>($json),
            DocumentType::ShipSchedule => $read::<ShipSchedule>($json),
            DocumentType::InventoryReport => $read::<InventoryReport>($json),
            DocumentType::ReceiptAdvice => $read::<ReceiptAdvice>($json),
            DocumentType::RemittanceAdvice => $read::<RemittanceAdvice>($json),
            DocumentType::ApplicationAdvice => $read::<ApplicationAdvice>($json),
            DocumentType::FunctionalAcknowledgement => $without,
        }
    };
}

/// Whether it is what its type says, and nothing more.
fn fits(kind: DocumentType, json: &[u8]) -> Result<(), serde_json::Error> {
    fn read<T: DeserializeOwned>(json: &[u8]) -> Result<(), serde_json::Error> {
        serde_json::from_slice::<T>(json).map(drop)
    }
    as_its_type!(kind, read(json), Ok(()))
}

/// What serde says first, with its place.
fn told(kind: DocumentType, json: &[u8]) -> Option<Fault> {
    as_its_type!(kind, fault(json), None)
}

fn fault<T: DeserializeOwned>(json: &[u8]) -> Option<Fault> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let error = serde_path_to_error::deserialize::<_, T>(&mut reader).err()?;
    let mut pointer = String::new();
    for segment in error.path() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer = below(&pointer, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    Some(Fault::new(&pointer, &plain(error.inner())))
}

/// What the document's schema says of it.
fn walked(kind: DocumentType, json: &[u8]) -> Vec<Fault> {
    let (Ok(value), Some(schema)) = (serde_json::from_slice::<Value>(json), schema(kind)) else { return Vec::new() };
    let mut walk = Walk { root: &schema, faults: Vec::new() };
    walk.value(&schema, &value, "");
    walk.faults
}

/// A walk along a schema, as far as our own use JSON Schema.
struct Walk<'s> {
    root: &'s Value,
    faults: Vec<Fault>,
}

impl<'s> Walk<'s> {
    fn value(&mut self, schema: &'s Value, value: &Value, at: &str) {
        if let Some(of) = schema.get("$ref").and_then(Value::as_str).and_then(|of| of.strip_prefix('#')) {
            if let Some(of) = self.root.pointer(of) {
                self.value(of, value, at);
            }
            return;
        }
        let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default();
        match (kind, value) {
            ("object", Value::Object(fields)) => self.object(schema, fields, at),
            ("array", Value::Array(items)) => {
                if let Some(of) = schema.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        self.value(of, item, &format!("{at}/{index}"));
                    }
                }
            }
            ("string", Value::String(text)) => self.text(schema, text, at),
            ("integer", Value::Number(number)) if number.is_u64() => {}
            ("boolean", Value::Bool(_)) | ("", _) => {}
            (wanted, found) => self.tell(at, format!("expected {}, found {}", named(wanted, schema), described(found))),
        }
    }

    fn object(&mut self, schema: &'s Value, fields: &serde_json::Map<String, Value>, at: &str) {
        let known = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for name in required.filter(|name| !fields.contains_key(*name)) {
            self.tell(at, format!("missing field `{name}`"));
        }
        for (name, value) in fields {
            match known.and_then(|known| known.get(name)) {
                Some(of) => self.value(of, value, &below(at, name)),
                None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                    self.tell(&below(at, name), format!("unknown field `{name}`"));
                }
                None => {}
            }
        }
    }

    fn text(&mut self, schema: &Value, text: &str, at: &str) {
        let fits = match schema.get("format").and_then(Value::as_str) {
            Some("decimal") => text.parse::<Decimal>().is_ok(),
            Some("date") => text.parse::<jiff::civil::Date>().is_ok(),
            Some("time") => text.parse::<jiff::civil::Time>().is_ok(),
            _ => true,
        };
        if !fits {
            self.tell(at, format!("`{text}` is not {}", named("string", schema)));
        }
        let Some(choices) = schema.get("anyOf").and_then(Value::as_array) else { return };
        let words = choices.iter().filter_map(|choice| choice.get("const")).filter_map(Value::as_str);
        // A partner's own code has its format before it, like `x12:ZZ`.
        if !text.contains(':') && !words.clone().any(|word| word == text) {
            let near = words
                .filter(|_| text.len() <= LONGEST_WORD && self.faults.len() < MOST)
                .map(|word| (strsim::jaro_winkler(word, text), word))
                .max_by(|one, other| one.0.total_cmp(&other.0))
                .filter(|(likeness, _)| *likeness > 0.8);
            let hint = near.map(|(_, word)| format!("; did you mean `{word}`?")).unwrap_or_default();
            self.tell(at, format!("`{text}` is not one of its words{hint}"));
        }
    }

    fn tell(&mut self, at: &str, text: String) {
        if self.faults.len() < MOST {
            self.faults.push(Fault::new(at, &text));
        }
    }
}

fn named(kind: &str, schema: &Value) -> &'static str {
    match (kind, schema.get("format").and_then(Value::as_str)) {
        (_, Some("decimal")) => "a decimal number in quotes, like \"12.50\"",
        (_, Some("date")) => "a date in quotes, like \"2026-11-02\"",
        (_, Some("time")) => "a time in quotes, like \"14:10:00\"",
        ("string", _) => "text in quotes",
        ("integer", _) => "a whole number without a sign",
        ("boolean", _) => "true or false",
        ("array", _) => "a list",
        _ => "an object",
    }
}

fn described(value: &Value) -> String {
    match value {
        Value::Null => "null; leave out what is not known".into(),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        Value::String(_) => "text".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

fn below(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Whether a pointer is this one, or leads further on from it.
fn is_below(pointer: &str, above: &str) -> bool {
    pointer.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The sentence without the place in the text, which nobody sees who sends fields.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or_else(|| text.clone(), |(sentence, _)| sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(kind: DocumentType, json: &str) -> Vec<String> {
        check(kind, json.as_bytes()).unwrap_err().into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn what_is_wrong_is_told_in_few_words_however_long_it_is() {
        let long = "9".repeat(1 << 20);
        for (json, pointer, begins, ends) in [
            (format!("{{\"number\":\"1\",\"purpose\":\"{long}\"}}"), "/purpose", "`999", "is not one of its words"),
            (format!("{{\"number\":\"1\",\"issue_date\":\"{long}\"}}"), "/issue_date", "`999", "is not a date"),
            (format!("{{\"number\":\"1\",\"{long}\":1}}"), "/999", "unknown field `999", "999`"),
        ] {
            let faults = check(DocumentType::PurchaseOrder, json.as_bytes()).unwrap_err();
            let fault = faults.iter().find(|fault| fault.pointer.starts_with(pointer)).unwrap();
            assert!(fault.text.len() < 2 * LONGEST && fault.pointer.len() < 2 * LONGEST);
            assert!(fault.text.starts_with(begins) && fault.text.contains(ends), "{fault}");
        }
        let two_bytes = "é".repeat(LONGEST);
        assert_eq!(shortened(&two_bytes).chars().count(), LONGEST / 4 + 3 + LONGEST / 2 + 1);
        assert_eq!(shortened("as it is"), "as it is");
    }

    #[test]
    fn faults_name_their_field() {
        let of = |json: &str| check(DocumentType::PurchaseOrder, json.as_bytes()).unwrap_err();
        assert_eq!(of(r#"{"number":"1","colour":"red"}"#)[0].pointer, "/colour");
        let [purpose] = &of(r#"{"number":"1","purpose":"originl"}"#)[..] else { panic!("more than one") };
        assert_eq!(purpose.pointer, "/purpose");
        assert!(purpose.text.contains("did you mean `original`?"), "{purpose:?}");
        let missing = &of("{}")[..];
        assert_eq!(missing, [Fault { pointer: String::new(), text: "missing field `number`".into() }]);
        let deep = &of(r#"{"number":"1","lines":[{"number":"1","quantity":{"value":7,"unit":"EA"}}]}"#)[0];
        assert_eq!(deep.pointer, "/lines/0/quantity/value");
        assert!(deep.text.contains("in quotes"), "{deep:?}");
        assert!(!of("{").is_empty());
        assert!(check(DocumentType::PurchaseOrder, br#"{"number":"1","purpose":"x12:ZZ"}"#).is_ok());
    }

    #[test]
    fn every_fault_is_told() {
        let json = r#"{"number":"1","purpose":"originl","colour":"red","issue_date":"soon",
            "lines":[{"number":"1"},{"number":2,"price":{"amount":"dear"}}]}"#;
        let mut found = pointers(DocumentType::PurchaseOrder, json);
        found.sort();
        assert_eq!(found, ["/colour", "/issue_date", "/lines/1/number", "/lines/1/price/amount", "/purpose"]);
    }

    #[test]
    fn what_breaks_its_type_is_no_document() {
        for (kind, json) in [
            (DocumentType::PurchaseOrder, r#"{"number":"1","colour":"red"}"#),
            (DocumentType::PurchaseOrder, r#"{"number":"1","lines":[{"price":{"amount":12.5}}]}"#),
            (DocumentType::Invoice, r#"{"number":"1","issue_date":"2026-01-01","totals":{"payable":12.5}}"#),
            (DocumentType::FunctionalAcknowledgement, r#"{"number":"1"}"#),
        ] {
            assert!(check(kind, json.as_bytes()).is_err(), "{kind} {json}");
        }
    }

    #[test]
    fn every_type_tells_the_field() {
        for kind in DocumentType::ALL.into_iter().filter(|kind| schema(*kind).is_some()) {
            let found = pointers(kind, r#"{"colour":"red","number":7}"#);
            assert!(found.iter().any(|pointer| pointer == "/colour"), "{kind}: {found:?}");
            assert!(told(kind, br#"{"colour":"red"}"#).is_some(), "{kind}");
        }
    }

    #[test]
    fn the_walk_finds_nothing_in_what_fits() {
        for kind in DocumentType::ALL {
            let json = br#"{"number":"1","order_number":"1"}"#;
            assert!(check(kind, json).is_err() || walked(kind, json).is_empty(), "{kind}");
        }
    }
}
