//! Whether a complaint is the standard's, or only that of what a partner's file adds to it.
//!
//! A partner's overlay is what X12 calls an implementation guide, and the 999 has codes of its own for what breaks the guide
//! but not the standard: data elements 620 (IK304) and 621 (IK403), an `I` and a number. The standard's own interpreter
//! keeps them apart in that way (RFI 2502 at x12.org). What has no such code, like a value longer than agreed, keeps the
//! standard's.

use super::define::{Content, ElementDef, ElementUse, NoteKind, Requirement, SegmentDef, SyntaxNote};
use super::set::{NodeId, SetDef};
use super::walk::{Problem, ProblemKind};
use super::{CodeSet, Standard};

/// I7: a loop comes less often than the guide demands.
const LOOP_MISSING: u8 = 7;
/// I8: a segment comes less often than the guide demands.
const SEGMENT_MISSING: u8 = 8;
/// I6: a code that the guide does not use.
const CODE_NOT_USED: u8 = 6;
/// I9: an element is missing that the guide demands.
const ELEMENT_MISSING: u8 = 9;
/// I13: an element that the guide forbids because of others.
const ELEMENT_EXCLUDED: u8 = 13;

impl Standard {
    /// The number of the `I` code for a missing segment that only the partner's file demands in `set`.
    pub fn implementation_of_problem(&self, problem: &Problem, set: &SetDef) -> Option<u8> {
        let node = problem.node.filter(|_| problem.kind == ProblemKind::Missing)?;
        let base = self.base()?;
        let around = set.node(node)?.parent;
        let is_loop = around != NodeId::ROOT && set.head(around) == node;
        let (node, code) = if is_loop { (around, LOOP_MISSING) } else { (node, SEGMENT_MISSING) };
        let demanded = base.set(set.id().as_bytes()).and_then(|usual| {
            let (path, nth) = self.place(set, node);
            let same = |other: &NodeId| base.place(usual, *other) == (path.clone(), nth);
            let there = (0..usual.nodes().len()).map(|at| NodeId(at as u16)).find(same)?;
            usual.node(there).map(|node| node.requirement == Requirement::Mandatory)
        });
        (demanded != Some(true)).then_some(code)
    }

    /// The same for an element that is missing: `element` and `component` count from 1, and `component` is 0 for a whole one.
    pub fn implementation_of_missing(&self, segment: &SegmentDef, element: usize, component: usize) -> Option<u8> {
        let demanded =
            self.usual(segment, element, component)?.is_some_and(|used| used.requirement == Requirement::Mandatory);
        (!demanded).then_some(ELEMENT_MISSING)
    }

    /// The same for a code that is not in the list.
    pub fn implementation_of_code(
        &self,
        segment: &SegmentDef,
        element: usize,
        component: usize,
        value: &[u8],
    ) -> Option<u8> {
        let codes: Option<&CodeSet> = self.usual(segment, element, component)?.and_then(simple)?.codes.as_deref();
        codes.is_none_or(|codes| codes.contains(value)).then_some(CODE_NOT_USED)
    }

    /// The same for a broken note.
    pub fn implementation_of_note(&self, segment: &SegmentDef, note: &SyntaxNote) -> Option<u8> {
        let usual = self.base()?.segment(segment.tag.as_bytes());
        let code = if note.kind == NoteKind::Exclusion { ELEMENT_EXCLUDED } else { ELEMENT_MISSING };
        (!usual.is_some_and(|usual| usual.notes.contains(note))).then_some(code)
    }

    /// The standard that this one is derived from; `None` if it is that itself.
    fn base(&self) -> Option<&'static Self> {
        Self::get(self.version).filter(|base| !std::ptr::eq(*base, self))
    }

    /// What the base has at a place of a segment: `Some(None)` if it has nothing there.
    fn usual(&self, segment: &SegmentDef, element: usize, component: usize) -> Option<Option<&'static ElementUse>> {
        let usual = self.base()?.segment(segment.tag.as_bytes());
        let used = usual.and_then(|usual| usual.elements.get(element.checked_sub(1)?));
        Some(match (used, component.checked_sub(1)) {
            (used, None) => used,
            (Some(ElementUse { content: Content::Composite(composite), .. }), Some(at)) => composite.components.get(at),
            _ => None,
        })
    }

    /// The path of a node, and how many before it have the same.
    fn place(&self, set: &SetDef, node: NodeId) -> (String, usize) {
        let path = |node| set.path(node, |segment| self.segment_by_id(segment).map_or("?", |def| &*def.tag));
        let here = path(node);
        let before = (0..node.0).filter(|at| path(NodeId(*at)) == here).count();
        (here, before)
    }
}

fn simple(used: &ElementUse) -> Option<&ElementDef> {
    match &used.content {
        Content::Simple(def) => Some(def),
        Content::Composite(_) => None,
    }
}
