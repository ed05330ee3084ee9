//! What the tables of a standard consist of: elements, composites, segments and their syntax notes.
//!
//! Laid out for a checker that looks at every element of every segment: an element's facts lie in the segment that uses
//! it, and what a segment demands of its elements together is bit masks over the elements that are present.

use std::sync::Arc;

use super::codes::CodeSet;

/// The dense number of a segment within one standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub(super) u16);

impl SegmentId {
    /// As an index into tables of this standard's segments.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// How far an element, a segment or a loop is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Requirement {
    /// It must be there.
    Mandatory,
    /// It may be there.
    Optional,
    /// A syntax note decides (the standard's `X`). Elements only.
    Relational,
}

/// One segment of the standard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentDef {
    /// Its number within this standard.
    pub id: SegmentId,
    /// The tag, `PO1`.
    pub tag: Box<str>,
    /// Its elements in order: the first is element 01.
    pub elements: Box<[ElementUse]>,
    /// The mandatory elements, element 01 in the lowest bit.
    pub mandatory: u64,
    /// The syntax notes between its elements.
    pub notes: Box<[SyntaxNote]>,
}

/// One composite, such as C040.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompositeDef {
    /// Its name, `C040`.
    pub id: Box<str>,
    /// Its components in order; each is simple.
    pub components: Box<[ElementUse]>,
    /// The mandatory components, the first in the lowest bit.
    pub mandatory: u64,
    /// The syntax notes between its components.
    pub notes: Box<[SyntaxNote]>,
}

/// An element in its place within a segment or a composite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementUse {
    /// Whether it must be there.
    pub requirement: Requirement,
    /// How often it may repeat within its place; 1 for nearly all.
    pub repeat: u16,
    /// What stands there.
    pub content: Content,
}

/// What an element place holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// One value.
    Simple(ElementDef),
    /// Components.
    Composite(Arc<CompositeDef>),
}

/// One data element: its type, length and codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementDef {
    /// Its number in the data dictionary, `353`; envelope elements begin with `I`.
    pub number: Box<str>,
    /// Its type.
    pub kind: ElementKind,
    /// Least length, in characters; signs and decimal points of numbers are not counted.
    pub min: u32,
    /// Greatest length.
    pub max: u32,
    /// The codes of an ID element; `None` where no list is known or the list is somebody else's.
    pub codes: Option<Arc<CodeSet>>,
}

/// The type of a data element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementKind {
    /// AN: any text.
    Text,
    /// ID: a code.
    Code,
    /// DT: CCYYMMDD, or YYMMDD where the length is six.
    Date,
    /// TM: HHMM up to HHMMSSdd.
    Time,
    /// R: a number with its decimal point, if any, written.
    Decimal,
    /// Nn: a whole number with so many implied decimals.
    Integer(u8),
    /// B: bytes.
    Binary,
}

/// The kind of a syntax note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoteKind {
    /// P: all of them or none.
    Paired,
    /// R: at least one of them.
    Required,
    /// E: at most one of them.
    Exclusion,
    /// C: if the first is there, then all the others.
    Conditional,
    /// L: if the first is there, then at least one of the others.
    List,
}

/// A rule on which elements go together. Element 01 is bit 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SyntaxNote {
    /// Its kind.
    pub kind: NoteKind,
    /// The element that conditions the others, in C and L; zero otherwise.
    pub first: u64,
    /// The other elements, or all of them in P, R and E.
    pub others: u64,
}

impl SyntaxNote {
    /// A note over these positions, which count from one and are given in the note's own order.
    pub fn new(kind: NoteKind, positions: &[u8]) -> Option<Self> {
        let bit = |position: &u8| 1_u64.checked_shl(u32::from(position.checked_sub(1)?));
        let all = positions.iter().map(bit).collect::<Option<Vec<_>>>()?;
        let (first, others) = match kind {
            NoteKind::Conditional | NoteKind::List => (*all.first()?, all.get(1..)?),
            NoteKind::Paired | NoteKind::Required | NoteKind::Exclusion => (0, all.as_slice()),
        };
        let others = others.iter().fold(0, |mask, bit| mask | bit);
        (others != 0).then_some(Self { kind, first, others })
    }

    /// Whether the elements that are `present` break the note.
    #[inline]
    pub fn broken_by(self, present: u64) -> bool {
        let met = present & self.others;
        match self.kind {
            NoteKind::Paired => met != 0 && met != self.others,
            NoteKind::Required => met == 0,
            NoteKind::Exclusion => met & met.wrapping_sub(1) != 0,
            NoteKind::Conditional => present & self.first != 0 && met != self.others,
            NoteKind::List => present & self.first != 0 && met == 0,
        }
    }

    /// The elements to name when the note is broken: those that are missing, or in E those that are too many.
    pub fn culprits(self, present: u64) -> u64 {
        let met = present & self.others;
        match self.kind {
            // All but the first of those present are too many.
            NoteKind::Exclusion => met & met.wrapping_sub(1),
            _ => self.others & !met,
        }
    }

    /// The elements that the note makes relational.
    pub(super) fn relational(self) -> u64 {
        self.others
    }
}

impl ElementUse {
    /// A single value, used once.
    pub fn simple(element: ElementDef, requirement: Requirement) -> Self {
        Self { requirement, repeat: 1, content: Content::Simple(element) }
    }
}

/// The bits of the uses that are mandatory.
pub(super) fn mandatory(uses: &[ElementUse]) -> u64 {
    let bits = uses.iter().enumerate().filter(|(_, used)| used.requirement == Requirement::Mandatory);
    bits.fold(0, |mask, (at, _)| mask | 1_u64.checked_shl(at as u32).unwrap_or(0))
}

/// Turns optional uses that a note speaks of into relational ones, and back where no note does any more.
pub(super) fn relate(uses: &mut [ElementUse], notes: &[SyntaxNote]) {
    let related = notes.iter().fold(0, |mask, note| mask | note.relational());
    for (at, used) in uses.iter_mut().enumerate() {
        if used.requirement != Requirement::Mandatory {
            let noted = related & 1_u64.checked_shl(at as u32).unwrap_or(0) != 0;
            used.requirement = if noted { Requirement::Relational } else { Requirement::Optional };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(kind: NoteKind, positions: &[u8], present: u64) -> bool {
        SyntaxNote::new(kind, positions).unwrap().broken_by(present)
    }

    #[test]
    fn each_kind_of_note_is_broken_by_what_it_forbids() {
        use NoteKind::*;
        // P0607: both or neither.
        assert!(!broken(Paired, &[6, 7], 0));
        assert!(broken(Paired, &[6, 7], 0b010_0000));
        assert!(!broken(Paired, &[6, 7], 0b110_0000));
        // R0203: one at least.
        assert!(broken(Required, &[2, 3], 0b001));
        assert!(!broken(Required, &[2, 3], 0b100));
        // E0103: one at most.
        assert!(!broken(Exclusion, &[1, 3], 0b100));
        assert!(broken(Exclusion, &[1, 3], 0b101));
        // C0302: with 03, 02 too; the reverse does not hold.
        assert!(broken(Conditional, &[3, 2], 0b100));
        assert!(!broken(Conditional, &[3, 2], 0b010));
        // L010203: with 01, 02 or 03.
        assert!(broken(List, &[1, 2, 3], 0b001));
        assert!(!broken(List, &[1, 2, 3], 0b101));
        assert!(!broken(List, &[1, 2, 3], 0));
    }

    #[test]
    fn a_broken_note_names_the_missing_or_the_superfluous() {
        assert_eq!(SyntaxNote::new(NoteKind::Paired, &[1, 2]).unwrap().culprits(0b01), 0b10);
        assert_eq!(SyntaxNote::new(NoteKind::Exclusion, &[1, 2, 3]).unwrap().culprits(0b101), 0b100);
    }

    #[test]
    fn a_note_without_positions_is_none() {
        assert_eq!(SyntaxNote::new(NoteKind::Paired, &[]), None);
        assert_eq!(SyntaxNote::new(NoteKind::Conditional, &[3]), None);
        assert_eq!(SyntaxNote::new(NoteKind::Required, &[0, 65]), None);
    }
}
