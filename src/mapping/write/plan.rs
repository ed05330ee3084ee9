//! What a mapping file is compiled to for writing: for each version of the set, which segments come in which order, and
//! what stands in them. Nothing here changes after compiling.

use std::sync::Arc;

use super::{compute::Compute, form::Form, wrapping::Wrap};
use crate::{
    mapping::{
        place::{Pairs, Part},
        plan::Quick,
    },
    x12::standard::{ElementUse, SegmentDef, SegmentId, SetDef, SyntaxNote},
};

/// One set of one version of the standard.
#[derive(Debug)]
pub(crate) struct WritePlan {
    /// `004010`
    pub(crate) version: &'static str,
    pub(crate) form: Arc<Form>,
    pub(crate) set: Arc<SetDef>,
    /// ST, which comes before the body.
    pub(crate) open: Option<SegmentId>,
    pub(crate) body: Vec<Step>,
    /// The items of lists that segments open: by list, one block for each opener.
    pub(crate) lists: Vec<Vec<Block>>,
    pub(crate) computes: Vec<Compute>,
    /// How most values of each rule's field are written.
    pub(crate) quick: Arc<[Quick]>,
    /// Lists of levels, whose items are numbered: cell and kind by kind of their owner.
    pub(crate) levels: Vec<LevelList>,
}

/// A list of HL levels: which kind of item has it, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LevelList {
    pub(crate) owner: u16,
    pub(crate) cell: u16,
    /// Where an item says its own number and that of the level above it.
    pub(crate) id: Option<u16>,
    pub(crate) parent: Option<u16>,
}

/// Something to write, in the standard's order.
#[derive(Debug)]
pub(crate) enum Step {
    Segment {
        /// Any of these cells brings it into being, …
        wanted: u64,
        /// … or it may be there all the same.
        always: bool,
        plan: Box<SegmentPlan>,
    },
    /// The items of a list that are written with one of its openers.
    Items { cell: u16, list: u16, opener: u16, room: Room },
    /// The items of a list between LS and LE.
    Bounded(Box<Bounded>),
}

/// A list whose items stand between LS and LE: the brackets are there where it has items.
#[derive(Debug)]
pub(crate) struct Bounded {
    pub(crate) open: SegmentPlan,
    pub(crate) cell: u16,
    pub(crate) list: u16,
    pub(crate) close: SegmentPlan,
}

/// Whether a list is written in a place, by how many items it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Any,
    UpTo(u32),
    Above(u32),
}

/// How an item is written with one opener.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) head: SegmentPlan,
    pub(crate) inner: Vec<Step>,
    /// The cells that have a place here.
    pub(crate) covers: u64,
    /// A text that goes on in the next item where it is too long.
    pub(crate) wrap: Option<Wrap>,
}

/// A segment, and in a loop the segments after it.
#[derive(Debug, Default)]
pub(crate) struct SegmentPlan {
    pub(crate) tag: Box<str>,
    /// What the standard says of it here; none if the set has no such segment in this place.
    pub(crate) standard: Option<Use>,
    /// In order of their elements.
    pub(crate) puts: Vec<Put>,
    pub(crate) pairs: Option<PairPlan>,
    /// Lists whose items are elements of it.
    pub(crate) elements: Vec<Run>,
    /// Any of these cells brings it into being, …
    pub(crate) wanted: u64,
    /// … or it is always there.
    pub(crate) always: bool,
    /// Whether it has fillers or copies.
    pub(crate) completes: bool,
    /// Where one of it is not enough, another one follows.
    pub(crate) again: bool,
    pub(crate) inner: Vec<Step>,
}

/// The facts of a segment.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) id: SegmentId,
    pub(crate) mandatory: u64,
    pub(crate) notes: Box<[SyntaxNote]>,
    pub(crate) elements: Box<[ElementUse]>,
}

impl From<&SegmentDef> for Use {
    fn from(def: &SegmentDef) -> Self {
        Self { id: def.id, mandatory: def.mandatory, notes: def.notes.clone(), elements: def.elements.clone() }
    }
}

/// A value in a fixed place; component 0 is the whole element.
#[derive(Debug)]
pub(crate) struct Put {
    pub(crate) element: u8,
    pub(crate) component: u8,
    /// The bit of the cell without which there is nothing to do; none if there always is.
    pub(crate) awaits: u64,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// What a filter or a `constant` says.
    Constant(Box<[u8]>),
    /// A field of the item.
    Field { cell: u16, rule: u32 },
    /// A field that is only read: what is written here must read as what it says.
    Agrees { cell: u16, rule: u32 },
    /// A field that has been written elsewhere, where the segment is there for another reason and must have it.
    Again { cell: u16, rule: u32 },
    /// What stands there where the document says nothing and the segment is not whole without it.
    Filler(Box<[u8]>),
    /// The same, said by another field of the item.
    Copy { cell: u16, rule: u32 },
    /// A total, where the document gives none: its number in [`WritePlan::computes`].
    Computed(u16),
    /// HL01, and the field that it is.
    LevelId(Option<u16>),
    /// HL02, and the field that it is.
    LevelParent(Option<u16>),
    /// HL04
    LevelChildren,
}

/// The pairs of a segment: those that fields name first, then those of a list.
#[derive(Debug)]
pub(crate) struct PairPlan {
    pub(crate) pairs: Pairs,
    /// The pairs that no field has by its element, one bit each.
    pub(crate) free: u32,
    pub(crate) named: Vec<Named>,
    pub(crate) list: Option<Run>,
}

/// `PO1{VP}`
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) qualifier: Box<[u8]>,
    pub(crate) cell: u16,
    pub(crate) rule: u32,
}

/// A list whose items are pairs or elements of a segment.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) cell: u16,
    /// The elements that take one item each; none for pairs.
    pub(crate) elements: Vec<Slot>,
    /// Fields of the pair or element itself.
    pub(crate) own: Vec<(u16, u32, Part, u8)>,
    /// Fields of the segment around it: cell, rule, element, component. All items of a segment share them.
    pub(crate) beside: Vec<(u16, u32, u8, u8)>,
}

/// An element for an item, or for all of them as its repetitions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) element: u8,
    pub(crate) component: u8,
    pub(crate) repeats: bool,
    /// A text that goes on in the next element where it is too long.
    pub(crate) wrap: Option<Wrap>,
}
