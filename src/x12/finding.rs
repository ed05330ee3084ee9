//! One thing that is wrong, with its place in the file and what it becomes in an acknowledgement.

use super::codes;
use super::envelope::latin_option;
use super::rules::{AckCode, Severities, Severity, rule_of};
use crate::error::Code;
use serde::{Deserialize, Deserializer, Serialize};

/// How many bytes of a value are kept: what AK404 can hold.
const VALUE: usize = 99;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of thing.
    #[serde(deserialize_with = "known_code")]
    pub code: Code,
    /// How grave it is for this partner.
    pub severity: Severity,
    /// The segment's place in its set, ST being 1 (AK302); `None` outside of sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<u32>,
    /// The segment's tag; for a missing segment, the tag that is missing.
    pub tag: String,
    /// The element's place in its segment, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element: Option<u16>,
    /// The component's place in its element, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<u16>,
    /// Which repetition of the element, from 1; `None` where it is not repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetition: Option<u16>,
    /// The element whose presence makes it an error, where a syntax note demands or excludes one because of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<u16>,
    /// The data element's number in the standard, like `353` (AK402).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What LS and LE say of the bounded loop it stands in (AK303).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loop_id: Option<String>,
    /// Where it is in the file, in bytes.
    pub offset: u64,
    /// The value, its first bytes if it is long.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "latin_option")]
    pub value: Option<Vec<u8>>,
    /// What it becomes in an acknowledgement.
    pub ack: AckCode,
    /// What a 999 says instead where only what the partner's file adds to the standard is broken: the number of an `I` code
    /// of IK304 or IK403.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementation: Option<u8>,
    /// One sentence for people.
    pub text: String,
}

impl Finding {
    /// A finding of `code` at `offset`; the other places are filled in by who knows them.
    pub(super) fn new(code: Code, offset: u64, text: impl Into<String>) -> Self {
        let ack = rule_of(code).map_or(AckCode::None, |rule| rule.ack);
        Self {
            code,
            severity: Severity::Error,
            segment: None,
            tag: String::new(),
            element: None,
            component: None,
            repetition: None,
            trigger: None,
            reference: None,
            loop_id: None,
            offset,
            value: None,
            ack,
            implementation: None,
            text: text.into(),
        }
    }

    /// Of a segment by tag and place.
    pub(super) fn of(mut self, tag: &str, segment: impl Into<Option<u32>>) -> Self {
        tag.clone_into(&mut self.tag);
        self.segment = segment.into();
        self
    }

    /// Of an element.
    pub(super) fn at_element(mut self, element: usize) -> Self {
        self.element = u16::try_from(element).ok();
        self
    }

    /// With the value that is wrong.
    pub(super) fn with(mut self, value: &[u8]) -> Self {
        self.value = Some(value.get(..VALUE).unwrap_or(value).to_vec());
        self
    }

    /// Becoming something else in the acknowledgement than its rule says.
    pub(super) fn becoming(mut self, ack: AckCode) -> Self {
        self.ack = ack;
        self
    }

    /// Whether an acknowledgement speaks of it.
    pub fn is_told(&self) -> bool {
        self.severity >= Severity::Warning && self.ack != AckCode::None
    }
}

fn known_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    let known = codes::ALL.iter().find(|code| code.as_str() == text);
    known.copied().ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no X12 code")))
}

/// Takes findings up to a cap, and counts what it does not keep.
#[derive(Debug, Default)]
pub(super) struct Collector {
    pub(super) findings: Vec<Finding>,
    /// How many more there were.
    pub(super) more: u64,
    /// How many were errors, kept or not.
    pub(super) errors: u64,
    /// The gravest that an acknowledgement speaks of, and whether any was an error.
    pub(super) worst: Option<Severity>,
    cap: usize,
}

impl Collector {
    /// An empty one for `cap` findings. Keeps the memory of an earlier one.
    pub(super) fn begin(&mut self, cap: usize) {
        self.findings.clear();
        (self.more, self.errors, self.worst, self.cap) = (0, 0, None, cap);
    }

    /// Takes a finding that is an error whatever a partner's file says.
    pub(super) fn add_error(&mut self, finding: Finding) {
        self.errors += 1;
        self.worst = Some(Severity::Error);
        self.findings.push(Finding { severity: Severity::Error, ..finding });
    }

    /// Takes a finding of `code`, unless that rule is off. `make` is only asked while there is room.
    #[cold]
    pub(super) fn add(&mut self, severities: &Severities, code: Code, make: impl FnOnce() -> Finding) {
        let severity = severities.of(code);
        if severity == Severity::Off {
            return;
        }
        let told = rule_of(code).is_some_and(|rule| rule.ack != AckCode::None);
        if severity == Severity::Error {
            self.errors += 1;
        }
        if severity == Severity::Error || (severity == Severity::Warning && told) {
            self.worst = self.worst.max(Some(severity));
        }
        if self.findings.len() < self.cap {
            self.findings.push(Finding { severity, ..make() });
        } else {
            self.more += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_comes_back_from_json_as_it_was() {
        let finding = Finding::new(codes::ELEMENT_LONG, 7, "too long").of("PO1", 5).at_element(3).with(b"\xe9\x1f");
        let json = serde_json::to_string(&finding).unwrap();
        assert!(json.contains(r#""code":"X12-0505""#) && json.contains(r#""ack":{"element":5}"#), "{json}");
        assert_eq!(serde_json::from_str::<Finding>(&json).unwrap(), finding);
        assert!(serde_json::from_str::<Finding>(&json.replace("X12-0505", "X12-9999")).is_err());
    }

    #[test]
    fn what_is_beyond_the_cap_is_counted() {
        let mut collector = Collector::default();
        collector.begin(2);
        let mut severities = Severities::default();
        severities.set("element_short", Severity::Off);
        for code in [codes::ELEMENT_LONG, codes::ELEMENT_CODE, codes::ELEMENT_LONG, codes::ELEMENT_SHORT] {
            collector.add(&severities, code, || Finding::new(code, 0, ""));
        }
        assert_eq!((collector.findings.len(), collector.more, collector.errors), (2, 1, 2));
        assert_eq!(collector.worst, Some(Severity::Error));
    }
}
