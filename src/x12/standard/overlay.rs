//! A partner's differences from the standard: plain data that a partner file carries, and its application.
//!
//! Only differences are written: what is required or relaxed, other maximums and lengths, added codes, elements and
//! segments. Everything that does not fit the standard is reported at once, each with the keys that lead to it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::define::{
    CompositeDef, Content, ElementDef, ElementKind, ElementUse, Requirement, SegmentDef, SegmentId, mandatory, relate,
};
use super::set::{Branch, NodeId, NodeKind, SetDef};
use super::{CodeSet, Standard, Tags, text};

/// Everything in which a partner's documents differ from the standard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Overlay {
    /// By transaction set, `850`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sets: BTreeMap<String, SetOverlay>,
    /// By segment, `PO1`; also segments that the standard does not have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub segments: BTreeMap<String, SegmentOverlay>,
    /// By data element, `355`, for all its places; or by one place, `PO103` or `REF04-2`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub elements: BTreeMap<String, ElementOverlay>,
}

/// Differences of one transaction set. A place is the loops that lead there and a segment or loop, `PO1/N1/REF`; of
/// two with one name in the same loop, `LS[2]` is the second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SetOverlay {
    /// Places that must be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// Places that may be left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub optional: Vec<String>,
    /// How often a place may be used.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub maximum: BTreeMap<String, Limit>,
    /// Segments that stand where the standard has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<ExtraSegment>,
    /// By segment, as in [`Overlay::segments`], but in this set only.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub segments: BTreeMap<String, SegmentOverlay>,
    /// By data element or its place, as in [`Overlay::elements`], but in this set only.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub elements: BTreeMap<String, ElementOverlay>,
}

/// A segment that the partner adds to a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtraSegment {
    /// Its tag.
    pub segment: String,
    /// The place that it directly follows. After a loop, if the place is one; `PO1/PO1` is inside, after its first segment.
    pub after: String,
    /// Whether it must be there.
    #[serde(default)]
    pub required: bool,
    /// How often it may stand there.
    #[serde(default)]
    pub maximum: Limit,
}

/// Differences of one segment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SegmentOverlay {
    /// Elements that must be there, by position: 3 is element 03.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<u8>,
    /// Elements that may be left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub optional: Vec<u8>,
    /// Elements behind the last one of the standard.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<ExtraElement>,
    /// Syntax notes that the partner adds, `R0607`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Syntax notes of the standard that do not bind the partner.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without_notes: Vec<String>,
}

/// An element that the partner adds at the end of a segment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExtraElement {
    /// The data element of the standard that it is, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub element: Option<String>,
    /// Its type, `AN`, if it is none of the standard's.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its least length; 1 if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// Its greatest length; 80 if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Whether it must be there.
    pub required: bool,
}

/// Differences of one data element, in all places or in one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ElementOverlay {
    /// Another least length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// Another greatest length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Codes beside those of the standard.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    /// The only codes that the partner uses, whatever the standard allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Takes any code.
    pub any_code: bool,
}

/// How often something may occur: a number, or `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub u32);

/// A difference that does not fit the standard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayFault {
    /// The keys that lead to it within the overlay: `sets`, `850`, `required`.
    pub at: Vec<String>,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for OverlayFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at.join("."), self.text)
    }
}

impl std::error::Error for OverlayFault {}

impl Overlay {
    /// Whether there is no difference.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The standard with the differences applied, or everything that does not fit.
pub(super) fn apply(standard: &Standard, overlay: &Overlay) -> Result<Standard, Vec<OverlayFault>> {
    let mut derived = standard.clone();
    let mut faults = Vec::new();
    let all = (&overlay.segments, &overlay.elements);
    faults.extend(change_parts(&mut derived, &[all]));
    for (id, changes) in &overlay.sets {
        if changes.segments.is_empty() && changes.elements.is_empty() {
            change_set(&mut derived, id, changes, &mut faults);
        } else {
            change_alone(&mut derived, standard, all, (id, changes), &mut faults);
        }
    }
    if faults.is_empty() { Ok(derived) } else { Err(faults) }
}

/// Differences of segments, and of elements.
type Parts<'o> = (&'o BTreeMap<String, SegmentOverlay>, &'o BTreeMap<String, ElementOverlay>);

/// Changes segments and elements, the general before the particular: elements everywhere, then segments, then single places in
/// them; in each the first layer before the next. Answers what in the last layer does not fit.
fn change_parts(derived: &mut Standard, layers: &[Parts<'_>]) -> Vec<OverlayFault> {
    let known = derived.segments.len();
    let numbers: Vec<bool> =
        layers.iter().flat_map(|(_, elements)| elements.keys()).map(|name| derived.element(name).is_some()).collect();
    let elements = || layers.iter().enumerate().flat_map(|(layer, (_, all))| all.iter().map(move |one| (layer, one)));
    let mut faults = vec![Vec::new(); layers.len()];
    let mut tell = |layer: usize, told: Vec<OverlayFault>| {
        if let Some(faults) = faults.get_mut(layer) {
            faults.extend(told);
        }
    };
    for ((layer, (name, changes)), _) in elements().zip(&numbers).filter(|(_, number)| **number) {
        tell(layer, told(&["elements", name], change_everywhere(derived, name, changes)));
    }
    for (layer, (segments, _)) in layers.iter().enumerate() {
        for (tag, changes) in *segments {
            let mut here = Vec::new();
            change_segment(derived, tag, changes, &mut here);
            tell(layer, here);
        }
    }
    for ((layer, (name, changes)), _) in elements().zip(&numbers).filter(|(_, number)| !**number) {
        tell(layer, told(&["elements", name], change_place(derived, name, changes)));
    }
    if derived.segments.len() != known {
        derived.tags = Tags::new(&derived.segments);
    }
    faults.pop().unwrap_or_default()
}

fn told(at: &[&str], outcome: Result<(), String>) -> Vec<OverlayFault> {
    let mut faults = Vec::new();
    note(&mut faults, at, outcome);
    faults
}

/// Changes a set whose segments are its own: they get tables of their own, so that other sets keep theirs.
fn change_alone(
    derived: &mut Standard,
    standard: &Standard,
    all: Parts<'_>,
    (id, changes): (&str, &SetOverlay),
    faults: &mut Vec<OverlayFault>,
) {
    let mut own = standard.clone();
    let within = change_parts(&mut own, &[all, (&changes.segments, &changes.elements)]);
    faults.extend(within.into_iter().map(|fault| {
        let at = ["sets", id].map(str::to_owned).into_iter().chain(fault.at).collect();
        OverlayFault { at, ..fault }
    }));
    change_set(&mut own, id, changes, faults);
    let at = own.sets.iter().position(|set| set.id() == id);
    if let Some((there, changed)) = at.and_then(|at| derived.sets.get_mut(at).zip(own.sets.get(at))) {
        *there = Arc::clone(changed);
    }
    derived.alone.push((id.into(), Arc::new(own)));
}

fn note(faults: &mut Vec<OverlayFault>, at: &[&str], outcome: Result<(), String>) {
    if let Err(text) = outcome {
        faults.push(OverlayFault { at: at.iter().map(|key| (*key).to_owned()).collect(), text });
    }
}

/// Changes a data element wherever it stands.
fn change_everywhere(derived: &mut Standard, number: &str, changes: &ElementOverlay) -> Result<(), String> {
    let element = derived.elements.iter_mut().find(|element| &*element.number == number);
    let element = element.ok_or_else(|| format!("the standard has no element {number}"))?;
    change_element(element, changes)?;
    let element = element.clone();
    let swap = |uses: &mut [ElementUse]| {
        for used in uses {
            if let Content::Simple(there) = &mut used.content
                && *there.number == *number
            {
                *there = element.clone();
            }
        }
    };
    for composite in &mut derived.composites {
        swap(&mut Arc::make_mut(composite).components);
    }
    for segment in &mut derived.segments {
        swap(&mut segment.elements);
        for used in &mut segment.elements {
            if let Content::Composite(composite) = &mut used.content
                && composite.components.iter().any(|used| is(used, number))
            {
                swap(&mut Arc::make_mut(composite).components);
            }
        }
    }
    Ok(())
}

fn is(used: &ElementUse, number: &str) -> bool {
    matches!(&used.content, Content::Simple(element) if *element.number == *number)
}

/// Changes the element at one place: `PO103`, or `REF04-2` for a component.
fn change_place(derived: &mut Standard, place: &str, changes: &ElementOverlay) -> Result<(), String> {
    let unknown = || format!("`{place}` is neither a data element nor a place such as PO103 or REF04-2");
    let (name, component) = match place.split_once('-') {
        Some((name, component)) => (name, Some(component.parse::<usize>().map_err(|_| unknown())?)),
        None => (place, None),
    };
    let (tag, position) = name.split_at_checked(name.len().saturating_sub(2)).ok_or_else(unknown)?;
    let position = position.parse::<usize>().map_err(|_| unknown())?;
    let segment = derived.segments.iter_mut().find(|segment| &*segment.tag == tag).ok_or_else(unknown)?;
    let used = position.checked_sub(1).and_then(|at| segment.elements.get_mut(at));
    let used = used.ok_or_else(|| format!("{tag} has no element {position:02}"))?;
    match (&mut used.content, component) {
        (Content::Simple(element), None) => change_element(element, changes),
        (Content::Composite(composite), Some(component)) => {
            let composite: &mut CompositeDef = Arc::make_mut(composite);
            let used = component.checked_sub(1).and_then(|at| composite.components.get_mut(at));
            match used.map(|used| &mut used.content) {
                Some(Content::Simple(element)) => change_element(element, changes),
                _ => Err(format!("{name} has no component {component}")),
            }
        }
        (Content::Simple(_), Some(_)) => Err(format!("{name} has no components")),
        (Content::Composite(_), None) => Err(format!("{name} has components: name one, {name}-1")),
    }
}

fn change_element(element: &mut ElementDef, changes: &ElementOverlay) -> Result<(), String> {
    element.min = changes.min.unwrap_or(element.min);
    element.max = changes.max.unwrap_or(element.max);
    if element.min > element.max {
        return Err(format!("the least length {} is above the greatest, {}", element.min, element.max));
    }
    let set = |codes: &[String]| Some(Arc::new(CodeSet::new(codes.iter().map(String::as_bytes))));
    if changes.any_code {
        element.codes = None;
    } else if !changes.only.is_empty() {
        element.codes = set(&changes.only);
    }
    if let Some(known) = &element.codes
        && !changes.codes.is_empty()
    {
        let known = known.codes();
        let all = known.iter().map(Vec::as_slice).chain(changes.codes.iter().map(String::as_bytes));
        element.codes = Some(Arc::new(CodeSet::new(all)));
    }
    Ok(())
}

/// Changes a segment, or adds one that the standard does not have.
fn change_segment(derived: &mut Standard, tag: &str, changes: &SegmentOverlay, faults: &mut Vec<OverlayFault>) {
    let mut tell = |key: &str, text: String| note(faults, &["segments", tag, key], Err(text));
    let known = derived.segments.iter().position(|segment| &*segment.tag == tag);
    let at = known.unwrap_or(derived.segments.len());
    if known.is_none() {
        let fits = (2..=3).contains(&tag.len())
            && tag.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            && tag.starts_with(|first: char| first.is_ascii_uppercase());
        let Some(id) = u16::try_from(at).ok().filter(|_| fits) else {
            return tell("extra", format!("`{tag}` is no tag: two or three capitals or digits, a capital first"));
        };
        if changes.extra.is_empty() {
            return tell("extra", format!("the standard has no segment {tag}, so its elements must be given here"));
        }
        let empty = SegmentDef {
            id: SegmentId(id),
            tag: tag.into(),
            elements: Box::default(),
            mandatory: 0,
            notes: Box::default(),
        };
        derived.segments.push(empty);
    }
    let Some(segment) = derived.segments.get(at) else { return };
    let mut uses = segment.elements.to_vec();
    for extra in &changes.extra {
        match extra_element(derived, extra) {
            Ok(used) => uses.push(used),
            Err(text) => tell("extra", text),
        }
    }
    if uses.len() > 64 {
        tell("extra", format!("{tag} cannot have more than 64 elements"));
    }
    let wanted = changes.required.iter().map(|at| (at, Requirement::Mandatory, "required"));
    let relaxed = changes.optional.iter().map(|at| (at, Requirement::Optional, "optional"));
    for (position, requirement, key) in wanted.chain(relaxed) {
        match usize::from(*position).checked_sub(1).and_then(|at| uses.get_mut(at)) {
            Some(used) => used.requirement = requirement,
            None => tell(key, format!("{tag} has no element {position:02}")),
        }
    }
    let mut notes = segment.notes.to_vec();
    for dropped in &changes.without_notes {
        match text::note(dropped) {
            Ok(dropped) if notes.contains(&dropped) => notes.retain(|note| *note != dropped),
            _ => tell("without_notes", format!("{tag} has no note {dropped}")),
        }
    }
    for added in &changes.notes {
        match text::note(added) {
            Ok(added) if (added.first | added.others).checked_shr(uses.len() as u32).unwrap_or(0) == 0 => {
                notes.push(added);
            }
            Ok(_) => tell("notes", format!("`{added}` reaches past the last element of {tag}")),
            Err(text) => tell("notes", text),
        }
    }
    relate(&mut uses, &notes);
    if let Some(segment) = derived.segments.get_mut(at) {
        segment.mandatory = mandatory(&uses);
        segment.elements = uses.into();
        segment.notes = notes.into();
    }
}

fn extra_element(derived: &Standard, extra: &ExtraElement) -> Result<ElementUse, String> {
    let mut element = match &extra.element {
        Some(number) => {
            derived.element(number).cloned().ok_or_else(|| format!("the standard has no element {number}"))?
        }
        None => ElementDef { number: "".into(), kind: ElementKind::Text, min: 1, max: 80, codes: None },
    };
    if let Some(kind) = &extra.kind {
        element.kind = ElementKind::from_name(kind)
            .ok_or_else(|| format!("`{kind}` is no type: AN, ID, DT, TM, R, N0 to N9 or B"))?;
    }
    change_element(&mut element, &ElementOverlay { min: extra.min, max: extra.max, ..ElementOverlay::default() })?;
    let requirement = if extra.required { Requirement::Mandatory } else { Requirement::Optional };
    Ok(ElementUse::simple(element, requirement))
}

/// Changes a set's tree and lays it out again.
fn change_set(derived: &mut Standard, id: &str, changes: &SetOverlay, faults: &mut Vec<OverlayFault>) {
    let at = derived.sets.iter().position(|set| set.id() == id);
    let Some((at, set)) = at.and_then(|at| Some((at, Arc::clone(derived.sets.get(at)?)))) else {
        return note(faults, &["sets", id], Err(format!("there is no table of set {id}")));
    };
    let mut tree = set.branches(NodeId::ROOT);
    for (places, requirement, key) in [
        (&changes.required, Requirement::Mandatory, "required"),
        (&changes.optional, Requirement::Optional, "optional"),
    ] {
        for place in places {
            let outcome = find(&mut tree, place, derived).and_then(|(siblings, at)| {
                if at == 0 {
                    return Err(format!("`{place}` opens its loop: name the loop instead"));
                }
                siblings.get_mut(at).map(|branch| branch.requirement = requirement).ok_or_else(String::new)
            });
            note(faults, &["sets", id, key], outcome);
        }
    }
    for (place, limit) in &changes.maximum {
        let outcome = find(&mut tree, place, derived).and_then(|(siblings, at)| match limit.0 {
            0 => Err(format!("`{place}` cannot have a maximum of 0")),
            _ if at == 0 => Err(format!("`{place}` opens its loop: name the loop instead")),
            max => siblings.get_mut(at).map(|branch| branch.max = max).ok_or_else(String::new),
        });
        note(faults, &["sets", id, "maximum", place], outcome);
    }
    // Several segments after one place stand in the order given, so the last goes in first.
    for extra in changes.extra.iter().rev() {
        let outcome = match derived.segment_id(extra.segment.as_bytes()) {
            None => Err(format!("neither the standard nor this overlay has a segment {}", extra.segment)),
            Some(segment) => find(&mut tree, &extra.after, derived).map(|(siblings, at)| {
                let requirement = if extra.required { Requirement::Mandatory } else { Requirement::Optional };
                let (kind, max) = (NodeKind::Segment(segment), extra.maximum.0);
                siblings.insert(at + 1, Branch { kind, requirement, max, children: Vec::new() });
            }),
        };
        note(faults, &["sets", id, "extra"], outcome);
    }
    match SetDef::new(id, set.group(), &tree, derived.segments.len()) {
        Some(set) => {
            if let Some(there) = derived.sets.get_mut(at) {
                *there = Arc::new(set);
            }
        }
        None => note(faults, &["sets", id], Err(format!("set {id} has become too large"))),
    }
}

/// The branch that a place names, as its siblings and its index among them.
fn find<'b>(
    tree: &'b mut Vec<Branch>,
    place: &str,
    derived: &Standard,
) -> Result<(&'b mut Vec<Branch>, usize), String> {
    let (step, rest) = place.split_once('/').map_or((place, None), |(step, rest)| (step, Some(rest)));
    let (name, nth) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
        Some((name, nth)) => (name, nth.parse::<usize>().map_err(|_| format!("`{nth}` is no number"))?),
        None => (step, 1),
    };
    let called = |branch: &Branch| match &branch.kind {
        NodeKind::Loop(id) => **id == *name,
        NodeKind::Segment(segment) => {
            rest.is_none() && derived.segment_by_id(*segment).is_some_and(|segment| *segment.tag == *name)
        }
    };
    let mut named = tree.iter().enumerate().filter(|(_, branch)| called(branch)).map(|(at, _)| at);
    let at = nth.checked_sub(1).and_then(|nth| named.nth(nth)).ok_or_else(|| format!("there is no place `{step}`"))?;
    match rest {
        None => Ok((tree, at)),
        Some(rest) => {
            let inner = tree.get_mut(at).ok_or_else(String::new)?;
            find(&mut inner.children, rest, derived).map_err(|text| format!("{text} in {step}"))
        }
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(1)
    }
}

impl Serialize for Limit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == u32::MAX { serializer.serialize_str("unlimited") } else { serializer.serialize_u32(self.0) }
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Limit;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or \"unlimited\"")
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Limit, E> {
                u64::try_from(value)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(value), &self))
                    .and_then(|value| self.visit_u64(value))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Limit, E> {
                let number = u32::try_from(value).ok().filter(|number| *number > 0);
                number.map(Limit).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Unsigned(value), &self))
            }
            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Limit, E> {
                match value {
                    "unlimited" => Ok(Limit(u32::MAX)),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Limit {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Limit".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "How often something may occur: a number, or \"unlimited\".",
            "oneOf": [{ "type": "integer", "minimum": 1 }, { "const": "unlimited" }],
        })
    }
}

#[cfg(test)]
mod tests;
