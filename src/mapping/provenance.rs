//! Where the values of a canonical document came from: made only for `trace`, never on the way of business.

use std::ops::Range;

use serde::Serialize;

use super::plan::FieldRule;

/// A value of the JSON, by its bytes, and where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The bytes of the value in the JSON.
    pub(crate) json: Range<usize>,
    /// The bytes in the file.
    pub(crate) bytes: Range<u64>,
    /// The number of its rule in the plan.
    pub(crate) rule: u32,
}

/// Where one value of a document came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// The value in the canonical document: a JSON pointer.
    pub pointer: String,
    /// Its first byte in the file, and the one behind its last.
    pub bytes: (u64, u64),
    /// The mapping file that bound it.
    pub mapping: String,
    /// The line in it, from 1.
    pub line: u32,
}

/// Marks with their pointers and the lines of their rules.
pub(crate) fn of(json: &[u8], marks: Vec<Mark>, rules: &[FieldRule]) -> Vec<Provenance> {
    let pointers = pointers(json);
    let told = marks.into_iter().filter_map(|mark| {
        let at = pointers.binary_search_by_key(&mark.json.start, |(range, _)| range.start).ok()?;
        let origin = &rules.get(mark.rule as usize)?.origin;
        Some(Provenance {
            pointer: pointers.get(at)?.1.clone(),
            bytes: (mark.bytes.start, mark.bytes.end),
            mapping: origin.spot.source.name.to_string(),
            line: origin.line_column.0,
        })
    });
    told.collect()
}

/// The pointers of all plain values in a JSON text, each with the bytes of the value, in order.
pub(crate) fn pointers(json: &[u8]) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let mut scan = Scan { json, at: 0, path: Vec::new(), found: &mut found };
    scan.value();
    found
}

struct Scan<'a> {
    json: &'a [u8],
    at: usize,
    path: Vec<String>,
    found: &'a mut Vec<(Range<usize>, String)>,
}

/// Reads JSON that we wrote ourselves: well-formed, without blanks.
impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn value(&mut self) {
        match self.peek() {
            Some(b'{') => self.items(b'}', true),
            Some(b'[') => self.items(b']', false),
            _ => {
                let start = self.at;
                self.plain();
                let pointer = self.path.iter().map(|name| format!("/{name}")).collect();
                self.found.push((start..self.at, pointer));
            }
        }
    }

    fn items(&mut self, close: u8, named: bool) {
        self.at += 1;
        let mut number = 0;
        while let Some(byte) = self.peek() {
            if byte == close {
                self.at += 1;
                return;
            }
            if byte == b',' {
                self.at += 1;
                continue;
            }
            let name = if named {
                let start = self.at;
                self.plain();
                let name = serde_json::from_slice::<String>(self.json.get(start..self.at).unwrap_or_default());
                self.at += 1;
                name.unwrap_or_default().replace('~', "~0").replace('/', "~1")
            } else {
                number.to_string()
            };
            number += 1;
            self.path.push(name);
            self.value();
            self.path.pop();
        }
    }

    /// Passes over a string, or a number or word.
    fn plain(&mut self) {
        let string = self.peek() == Some(b'"');
        self.at += 1;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' if string => {
                    self.at += 1;
                    return;
                }
                b'\\' if string => self.at += 2,
                b',' | b'}' | b']' if !string => return,
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_pointer() {
        let json = br#"{"a":"x\"}","b/c":[1,{"d":true}],"e":{"f":"g"}}"#;
        let told: Vec<_> = pointers(json)
            .into_iter()
            .map(|(range, pointer)| (pointer, String::from_utf8_lossy(&json[range]).into_owned()))
            .collect();
        let told: Vec<_> = told.iter().map(|(pointer, text)| (pointer.as_str(), text.as_str())).collect();
        assert_eq!(told, [("/a", "\"x\\\"}\""), ("/b~1c/0", "1"), ("/b~1c/1/d", "true"), ("/e/f", "\"g\"")]);
    }
}
