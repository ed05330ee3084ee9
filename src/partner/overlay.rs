//! `[x12.overlay]`: where a partner's transaction sets differ from the standard.
//!
//! The shape is that of the standards' own [`Overlay`]; it is declared again here so that every mistake in it is told
//! at its line, and what does not fit the standard too.

use std::{collections::BTreeMap, sync::Arc};

use super::{Version, codes};
use crate::{
    config::{Diagnostic, Entries, FromNode, Node, Origin, Reader, Spanned, Value, Wrong, codes as config, section},
    x12::standard::{
        self, ElementOverlay, ExtraElement, ExtraSegment, Limit, Overlay, SegmentOverlay, SetOverlay, Standard,
    },
};

section! {
    /// Where transaction sets differ from the standard.
    pub struct OverlaySection {
        /// By transaction set, like `[x12.overlay.sets.856]`.
        pub sets: Entries<SetSection>,
        /// By segment, like `[x12.overlay.segments.PO1]`; also segments that the standard does not have.
        pub segments: Entries<SegmentSection>,
        /// By data element for all its places, like `elements.355`, or by one place, like `elements.PO103`.
        pub elements: Entries<ElementSection>,
    }
}

section! {
    /// Differences of one transaction set. A place is the loops that lead there and a segment or loop: `PO1/N1/REF`.
    pub struct SetSection {
        /// Places that must be used.
        pub required: Vec<String>,
        /// Places that may be left out.
        pub optional: Vec<String>,
        /// How often a place may be used, like `maximum = { PO1 = "unlimited" }`.
        pub maximum: Entries<LimitValue>,
        /// Segments that stand where the standard has none.
        pub extra: Vec<ExtraSection>,
        /// By segment, but in this set only, like `[x12.overlay.sets.856.segments.REF]`.
        pub segments: Entries<SegmentSection>,
        /// By data element or its place, but in this set only, like `[x12.overlay.sets.856.elements.REF02]`.
        pub elements: Entries<ElementSection>,
    }
}

section! {
    /// A segment that the partner adds to a set.
    pub struct ExtraSection {
        /// Its tag.
        pub segment: String,
        /// The place that it directly follows.
        pub after: String,
        /// Whether it must be there.
        pub required: bool = false,
        /// How often it may stand there.
        pub maximum: LimitValue = LimitValue(1),
    }
}

section! {
    /// Differences of one segment.
    pub struct SegmentSection {
        /// Elements that must be there, by position: 3 is element 03.
        pub required: Vec<u8>,
        /// Elements that may be left out.
        pub optional: Vec<u8>,
        /// Elements behind the last one of the standard.
        pub extra: Vec<ExtraElementSection>,
        /// Syntax notes that the partner adds, like "R0607".
        pub notes: Vec<String>,
        /// Syntax notes of the standard that do not bind the partner.
        pub without_notes: Vec<String>,
    }
}

section! {
    /// An element that the partner adds at the end of a segment.
    pub struct ExtraElementSection {
        /// The data element of the standard that it is, if it is one.
        pub element: Option<String>,
        /// Its type, like "AN", if it is none of the standard's.
        pub r#type: Option<String>,
        /// Its least length; 1 if not given.
        pub min: Option<u32>,
        /// Its greatest length; 80 if not given.
        pub max: Option<u32>,
        /// Whether it must be there.
        pub required: bool = false,
    }
}

section! {
    /// Differences of one data element, in all places or in one.
    pub struct ElementSection {
        /// Another least length.
        pub min: Option<u32>,
        /// Another greatest length.
        pub max: Option<u32>,
        /// Codes beside those of the standard.
        pub codes: Vec<String>,
        /// The only codes that the partner uses, whatever the standard allows.
        pub only: Vec<String>,
        /// Whether any code is taken.
        pub any_code: bool = false,
    }
}

/// How often something may occur: a number, or "unlimited".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitValue(u32);

impl FromNode for LimitValue {
    fn form() -> String {
        "a number, or \"unlimited\"".to_owned()
    }

    fn from_node(node: &Node, reader: &mut Reader) -> Option<Self> {
        if node.as_text() == Some("unlimited") {
            return Some(Self(u32::MAX));
        }
        if let Value::Text(text) = &node.value {
            let wrong = Wrong::new(format!("\"{text}\" is not a number of times"));
            reader.wrong(node, wrong.hint("a number without quotes, or \"unlimited\""));
            return None;
        }
        let times = u32::from_node(node, reader)?;
        if times == 0 {
            let hint = "what may never be there is not known to the standard in the first place; at least 1";
            reader.wrong(node, Wrong::new("0 times is none").code(config::OUT_OF_RANGE).hint(hint));
            return None;
        }
        Some(Self(times))
    }
}

impl serde::Serialize for LimitValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Limit(self.0).serialize(serializer)
    }
}

impl schemars::JsonSchema for LimitValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Limit::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Limit::json_schema(generator)
    }
}

/// The differences as the standards have them; none where there is none.
pub(super) fn overlay(section: &OverlaySection) -> Option<Arc<Overlay>> {
    let overlay = Overlay {
        sets: section.sets.iter().map(|set| (set.key.clone(), set_overlay(&set.value))).collect(),
        segments: segments(&section.segments),
        elements: elements(&section.elements),
    };
    (!overlay.is_empty()).then(|| Arc::new(overlay))
}

/// What does not fit the standard, each at the deepest place of `node` (the overlay's table) that leads to it; and a
/// version for which there is no standard.
pub(super) fn check(version: &Spanned<Version>, overlay: Option<&Overlay>, node: Option<&Node>) -> Vec<Diagnostic> {
    let Some(standard) = Standard::resolve(version.as_str()) else {
        let message = format!("there is no standard for version {}", version.value);
        let told = Diagnostic::error(codes::UNKNOWN_VERSION, message).at(&version.origin, "");
        return vec![told.hint(format!("built in are {}", Standard::VERSIONS.join(" and ")))];
    };
    let faults = overlay.and_then(|overlay| standard.with(overlay).err()).unwrap_or_default();
    let tell = |fault: standard::OverlayFault| {
        let place = node.map_or_else(Origin::default, |node| place(node, &fault.at));
        let told = Diagnostic::error(codes::OVERLAY_MISFIT, fault.text).at(&place, "");
        told.hint(format!("held against version {}", standard.version()))
    };
    faults.into_iter().map(tell).collect()
}

fn place(node: &Node, path: &[String]) -> Origin {
    let mut origin = &node.origin;
    let mut node = node;
    for key in path {
        let Some(entry) = node.as_table().and_then(|table| table.get(key)) else { break };
        origin = if entry.node.as_table().is_some() { &entry.key_origin } else { &entry.node.origin };
        node = &entry.node;
    }
    origin.clone()
}

fn set_overlay(section: &SetSection) -> SetOverlay {
    let extra = |one: &ExtraSection| ExtraSegment {
        segment: one.segment.clone(),
        after: one.after.clone(),
        required: one.required,
        maximum: Limit(one.maximum.0),
    };
    SetOverlay {
        required: section.required.clone(),
        optional: section.optional.clone(),
        maximum: section.maximum.iter().map(|one| (one.key.clone(), Limit(one.value.0))).collect(),
        extra: section.extra.iter().map(extra).collect(),
        segments: segments(&section.segments),
        elements: elements(&section.elements),
    }
}

fn segments(section: &Entries<SegmentSection>) -> BTreeMap<String, SegmentOverlay> {
    section.iter().map(|one| (one.key.clone(), segment_overlay(&one.value))).collect()
}

fn elements(section: &Entries<ElementSection>) -> BTreeMap<String, ElementOverlay> {
    section.iter().map(|one| (one.key.clone(), element_overlay(&one.value))).collect()
}

fn segment_overlay(section: &SegmentSection) -> SegmentOverlay {
    let extra = |one: &ExtraElementSection| ExtraElement {
        element: one.element.clone(),
        kind: one.r#type.clone(),
        min: one.min,
        max: one.max,
        required: one.required,
    };
    SegmentOverlay {
        required: section.required.clone(),
        optional: section.optional.clone(),
        extra: section.extra.iter().map(extra).collect(),
        notes: section.notes.clone(),
        without_notes: section.without_notes.clone(),
    }
}

fn element_overlay(section: &ElementSection) -> ElementOverlay {
    ElementOverlay {
        min: section.min,
        max: section.max,
        codes: section.codes.clone(),
        only: section.only.clone(),
        any_code: section.any_code,
    }
}
