//! The X12 standards as data: what 004010 and 005010 say of sets, segments, elements and codes.
//!
//! The facts are text that a person can review (`004010.x12std`, `005010.x12std`), compiled into the program and read
//! into tables at first use. A partner's differences are an [`Overlay`] that gives a derived standard. Where a segment
//! belongs in its set is the [`Walker`]'s business.

pub mod codes;
mod define;
mod overlay;
mod set;
mod tags;
mod text;
mod walk;

use std::sync::{Arc, LazyLock};

pub use codes::CodeSet;
pub use define::{
    CompositeDef, Content, ElementDef, ElementKind, ElementUse, NoteKind, Requirement, SegmentDef, SegmentId,
    SyntaxNote,
};
pub use overlay::{
    ElementOverlay, ExtraElement, ExtraSegment, Limit, Overlay, OverlayFault, SegmentOverlay, SetOverlay,
};
pub use set::{Node, NodeId, NodeKind, SetDef};
use tags::Tags;
pub use text::Fault;
pub use walk::{Problem, ProblemKind, Step, Walker};

/// One version of the standard, or one partner's derivation of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standard {
    version: &'static str,
    /// By number.
    elements: Vec<ElementDef>,
    /// By name.
    composites: Vec<Arc<CompositeDef>>,
    /// By [`SegmentId`].
    segments: Vec<SegmentDef>,
    tags: Tags,
    /// By set.
    sets: Vec<Arc<SetDef>>,
}

static V004010: LazyLock<Standard> = LazyLock::new(|| built_in(include_str!("004010.x12std")));
static V005010: LazyLock<Standard> = LazyLock::new(|| built_in(include_str!("005010.x12std")));

/// A text of our own that does not read is a mistake of ours, and every test run would show it.
fn built_in(text: &str) -> Standard {
    text::read(text).unwrap_or_else(|fault| panic!("a built-in standard does not read: {fault}"))
}

impl Standard {
    /// The versions that are built in.
    pub const VERSIONS: [&'static str; 2] = ["004010", "005010"];

    /// The standard of exactly this version: `004010` or `005010`.
    pub fn get(version: &str) -> Option<&'static Self> {
        match version {
            "004010" => Some(&V004010),
            "005010" => Some(&V005010),
            _ => None,
        }
    }

    /// The standard that GS08 or ST03 means: what follows its six digits names an industry or an implementation guide.
    pub fn resolve(gs08_or_st03: &str) -> Option<&'static Self> {
        Self::get(gs08_or_st03.trim().get(..6)?)
    }

    /// Reads a standard from its text form.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        text::read(text)
    }

    /// Its version, `004010`.
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// A transaction set by its ST01.
    pub fn set(&self, id: &[u8]) -> Option<&Arc<SetDef>> {
        let at = self.sets.binary_search_by(|set| set.id().as_bytes().cmp(id)).ok()?;
        self.sets.get(at)
    }

    /// All transaction sets, in order.
    pub fn sets(&self) -> &[Arc<SetDef>] {
        &self.sets
    }

    /// A segment by its tag.
    #[inline]
    pub fn segment(&self, tag: &[u8]) -> Option<&SegmentDef> {
        self.segments.get(self.tags.find(tag)?.index())
    }

    /// The number of a segment by its tag.
    #[inline]
    pub fn segment_id(&self, tag: &[u8]) -> Option<SegmentId> {
        self.tags.find(tag)
    }

    /// A segment by its number.
    #[inline]
    pub fn segment_by_id(&self, id: SegmentId) -> Option<&SegmentDef> {
        self.segments.get(id.index())
    }

    /// All segments, by number.
    pub fn segments(&self) -> &[SegmentDef] {
        &self.segments
    }

    /// A data element by its number.
    pub fn element(&self, number: &str) -> Option<&ElementDef> {
        let at = self.elements.binary_search_by(|element| (*element.number).cmp(number)).ok()?;
        self.elements.get(at)
    }

    /// All data elements.
    pub fn elements(&self) -> &[ElementDef] {
        &self.elements
    }

    /// A composite by its name.
    pub fn composite(&self, id: &str) -> Option<&Arc<CompositeDef>> {
        let at = self.composites.binary_search_by(|composite| (*composite.id).cmp(id)).ok()?;
        self.composites.get(at)
    }

    /// This standard with a partner's differences applied, or everything in them that does not fit it. Sets that the
    /// partner leaves alone are shared, so a derivation is cheap; still, keep it and do not derive per message.
    pub fn with(&self, overlay: &Overlay) -> Result<Self, Vec<OverlayFault>> {
        overlay::apply(self, overlay)
    }
}
