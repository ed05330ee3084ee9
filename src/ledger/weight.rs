//! How much of a transaction documents take, and how many of them it holds. Whoever stores several asks here where to cut;
//! the engines count the same, so that what was cut here is never refused there.

use std::io;

use serde::Serialize;

use super::{Document, MAX_BYTES, MAX_DOCUMENTS, NewEvent};

/// A document with the event that tells of it, if any.
type Told = (Document, Option<NewEvent>);

/// The bytes that a transaction has to carry of a document: its event's data, the orders it names, and as JSON what was
/// found in it and what no rule claimed.
pub fn weight(document: &Document, event: Option<&NewEvent>) -> usize {
    let json = |value: &Option<serde_json::Value>| value.as_ref().map_or(0, json_size);
    let orders = if document.orders.is_empty() { 0 } else { json_size(&document.orders) };
    event.map_or(0, |event| event.data.len()) + orders + json(&document.problem) + json(&document.extras)
}

/// How many of these, from the first on, one transaction holds: one at least, if there is any, of whatever size.
pub fn fitting(documents: &[Told]) -> usize {
    let mut bytes = 0;
    let fit = |(document, event): &&Told| {
        bytes += weight(document, event.as_ref());
        bytes <= MAX_BYTES
    };
    documents.iter().take(MAX_DOCUMENTS).take_while(fit).count().max(1).min(documents.len())
}

/// Whether one transaction holds all of these.
pub fn fits(documents: &[Told]) -> bool {
    fitting(documents) == documents.len()
}

/// How long a value is as JSON, without writing it anywhere.
pub fn json_size(value: &impl Serialize) -> usize {
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        // What cannot be written is refused where it is to be written.
        Err(_) => 0,
    }
}

/// Counts what is written to it.
struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::{document::DocumentType, ledger::conformance};

    fn told(sizes: &[usize]) -> Vec<Told> {
        let id = conformance::new_id();
        let one = |(position, size): (u32, &usize)| {
            let (mut document, event) = conformance::document(id, position, DocumentType::Invoice, "k");
            document.orders = Vec::new();
            (document, event.map(|event| NewEvent { data: Bytes::from(vec![b' '; *size]), ..event }))
        };
        (0..).zip(sizes).map(one).collect()
    }

    #[test]
    fn as_many_fit_as_there_is_room_for() {
        const QUARTER: usize = MAX_BYTES / 4;
        assert_eq!(fitting(&[]), 0);
        assert_eq!(fitting(&told(&[QUARTER; 4])), 4);
        assert_eq!(fitting(&told(&[QUARTER; 5])), 4);
        assert_eq!(fitting(&told(&[QUARTER, QUARTER, QUARTER, QUARTER + 1])), 3);
        assert_eq!(fitting(&told(&[9 * QUARTER, 1])), 1, "one alone may be of any size");
        assert_eq!(fitting(&told(&[1; MAX_DOCUMENTS + 1])), MAX_DOCUMENTS);
        assert!(fits(&told(&[QUARTER; 4])) && !fits(&told(&[QUARTER; 5])) && fits(&[]));
    }

    #[test]
    fn all_that_is_kept_of_a_document_counts() {
        let (mut document, event) = told(&[7]).remove(0);
        assert_eq!(weight(&document, None), 0);
        document.problem = Some(json!({ "text": "ä\n" }));
        document.extras = Some(json!([1, 2]));
        document.orders = vec!["4711".into()];
        let json = ["{\"text\":\"ä\\n\"}", "[1,2]", "[\"4711\"]"].map(str::len);
        assert_eq!(weight(&document, event.as_ref()), 7 + json.iter().sum::<usize>());
    }
}
