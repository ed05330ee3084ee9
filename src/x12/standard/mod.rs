//! The X12 standards as data: what 004010 and 005010 say of sets, segments, elements and codes.
//!
//! The facts are text that a person can review (`004010.x12std`, `005010.x12std`), compiled into the program and read
//! into tables at first use. A partner's differences are an [`Overlay`] that gives a derived standard. Where a segment
//! belongs in its set is the [`Walker`]'s business.

pub mod codes;
mod define;
mod implementation;
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
    /// The tables of sets in which a partner's segments differ from those in its other sets.
    alone: Vec<(Box<str>, Arc<Self>)>,
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

    /// The tables of one set, where a partner's segments in it are not those of its other sets.
    pub fn alone(&self, id: &[u8]) -> Option<&Arc<Self>> {
        self.alone.iter().find(|(set, _)| set.as_bytes() == id).map(|(_, tables)| tables)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_hold_what_they_should() {
        let count = |version: &str| {
            let standard = Standard::get(version).unwrap();
            let nodes: usize = standard.sets().iter().map(|set| set.nodes().len()).sum();
            let codes: usize =
                standard.elements().iter().filter_map(|element| element.codes.as_ref()).map(|codes| codes.len()).sum();
            [
                standard.sets().len(),
                nodes,
                standard.segments().len(),
                standard.elements().len(),
                standard.composites.len(),
                codes,
            ]
        };
        assert_eq!(count("004010"), [21, 2131, 183, 436, 4, 23065]);
        assert_eq!(count("005010"), [23, 2351, 206, 473, 7, 26399]);
    }

    #[test]
    fn sets_travel_in_their_groups() {
        let groups = [
            ("810", "IN"),
            ("820", "RA"),
            ("824", "AG"),
            ("830", "PS"),
            ("832", "SC"),
            ("840", "RQ"),
            ("843", "RR"),
            ("846", "IB"),
            ("850", "PO"),
            ("852", "PD"),
            ("855", "PR"),
            ("856", "SH"),
            ("860", "PC"),
            ("861", "RC"),
            ("862", "SS"),
            ("864", "TX"),
            ("865", "CA"),
            ("867", "PT"),
            ("869", "RS"),
            ("870", "RS"),
            ("997", "FA"),
        ];
        let of = |version: &str| -> Vec<(&str, &str)> {
            Standard::get(version).unwrap().sets().iter().map(|set| (set.id(), set.group())).collect()
        };
        assert_eq!(of("004010"), groups);
        let mut later: Vec<(&str, &str)> = groups.into_iter().chain([("214", "QM"), ("999", "FA")]).collect();
        later.sort_unstable();
        assert_eq!(of("005010"), later);
        // The groups are codes of GS01.
        for version in Standard::VERSIONS {
            let standard = Standard::get(version).unwrap();
            let known = standard.element("479").unwrap().codes.as_ref().unwrap();
            assert!(standard.sets().iter().all(|set| known.contains(set.group().as_bytes())));
            let known = standard.element("143").unwrap().codes.as_ref().unwrap();
            assert!(standard.sets().iter().all(|set| known.contains(set.id().as_bytes())));
        }
    }

    #[test]
    fn a_version_is_found_by_its_first_six_characters() {
        for (text, version) in
            [("004010", "004010"), ("004010VICS", "004010"), ("005010X231A1", "005010"), (" 005010 ", "005010")]
        {
            assert_eq!(Standard::resolve(text).map(Standard::version), Some(version), "{text}");
        }
        for text in ["", "00401", "003040", "4010", "006020", "00401é"] {
            assert!(Standard::resolve(text).is_none(), "{text}");
        }
        assert!(Standard::get("004010VICS").is_none());
    }

    #[test]
    fn segments_are_found_by_tag_and_only_by_tag() {
        for version in Standard::VERSIONS {
            let standard = Standard::get(version).unwrap();
            for segment in standard.segments() {
                let found = standard.segment(segment.tag.as_bytes()).unwrap();
                assert_eq!((&found.tag, found.id), (&segment.tag, segment.id));
            }
            for tag in [&b""[..], b"P", b"PO", b"PO1\0", b"PO11", b"po1", b"\0", b"ZZZ", b"PO1 "] {
                assert!(standard.segment(tag).is_none(), "{tag:?}");
            }
        }
    }

    #[test]
    fn the_envelope_of_each_version() {
        let (old, new) = (Standard::get("004010").unwrap(), Standard::get("005010").unwrap());
        let lengths = |standard: &Standard, tag: &str| -> Vec<(u32, u32)> {
            let segment = standard.segment(tag.as_bytes()).unwrap();
            let simple = |used: &ElementUse| match &used.content {
                Content::Simple(element) => Some((element.min, element.max)),
                Content::Composite(_) => None,
            };
            segment.elements.iter().filter_map(simple).collect()
        };
        let isa = [2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1].map(|length| (length, length));
        for standard in [old, new] {
            assert_eq!(lengths(standard, "ISA"), isa);
            assert_eq!(lengths(standard, "GS"), [(2, 2), (2, 15), (2, 15), (8, 8), (4, 8), (1, 9), (1, 2), (1, 12)]);
            assert_eq!(lengths(standard, "TA1"), [(9, 9), (6, 6), (4, 4), (1, 1), (3, 3)]);
            assert_eq!(lengths(standard, "IEA"), [(1, 5), (9, 9)]);
            assert_eq!(lengths(standard, "SE"), [(1, 10), (4, 9)]);
        }
        assert_eq!((lengths(old, "ST").len(), lengths(new, "ST").len()), (2, 3));
        // ISA11: the standards identifier became the repetition separator.
        let eleventh = |standard: &Standard| standard.segment(b"ISA").unwrap().elements[10].clone();
        assert!(
            matches!(eleventh(old).content, Content::Simple(element) if element.codes.as_ref().unwrap().contains(b"U"))
        );
        assert!(matches!(eleventh(new).content, Content::Simple(element) if element.kind == ElementKind::Text));
    }

    #[test]
    fn elements_of_other_publishers_have_no_code_check() {
        let standard = Standard::get("005010").unwrap();
        let open =
            standard.elements().iter().filter(|element| element.kind == ElementKind::Code && element.codes.is_none());
        assert_eq!(open.count(), 27);
    }
}
