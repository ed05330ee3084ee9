//! Reading text that was longer than its element: items that one text was written over become one item again. See `wrap`.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use super::{
    plan::{Plan, What, Wraps},
    read::{Cell, Item, NONE, Scratch},
    text::Charset,
    wrap,
};
use crate::x12::token::SetView;

/// Texts that stand in no one place of the set. Their cells go on counting where the set ends.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    text: Vec<u8>,
    /// Where each text begins in `text`, and where its parts stand in the set.
    parts: Vec<(usize, Vec<Cell>)>,
}

impl Joined {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.parts.clear();
    }

    /// The text of a cell behind the end of a set of so many bytes.
    pub(crate) fn text(&self, cell: Cell, set: usize) -> Option<&[u8]> {
        self.text.get((cell.start as usize).checked_sub(set)?..(cell.end as usize).checked_sub(set)?)
    }

    /// Where the parts of such a text stand.
    pub(crate) fn parts(&self, cell: Cell, set: usize) -> &[Cell] {
        let start = (cell.start as usize).checked_sub(set);
        self.parts.iter().find(|(at, _)| Some(*at) == start).map_or(&[], |(_, parts)| parts)
    }

    /// Puts a text together, with what stands before each of its parts; gives its cell.
    fn add(&mut self, set: &[u8], parts: &[(&str, Cell)]) -> Cell {
        let start = self.text.len();
        for (before, part) in parts {
            self.text.extend_from_slice(before.as_bytes());
            self.text.extend_from_slice(set.get(part.start as usize..part.end as usize).unwrap_or_default());
        }
        self.parts.push((start, parts.iter().map(|(_, part)| *part).collect()));
        Cell { start: (set.len() + start) as u32, end: (set.len() + self.text.len()) as u32 }
    }
}

/// Joins the items of a list that one text was written over.
#[cold]
pub(crate) fn join(plan: &Plan, set: &SetView<'_>, charset: Charset, scratch: &mut Scratch, first: u32) {
    let mut head = first;
    while let Some(item) = scratch.items.get(head as usize).copied() {
        let Some(wraps) = plan.kinds.get(usize::from(item.kind)).and_then(|kind| kind.wraps.as_deref()) else { return };
        let mut run = Run { plan, set, charset, scratch, wraps, item, parts: Vec::new() };
        let mut next = item.next;
        while let Some(following) = run.scratch.items.get(next as usize).copied() {
            if run.take(&following).is_none() {
                break;
            }
            next = following.next;
        }
        let parts = std::mem::take(&mut run.parts);
        if let (Some((owner, cell)), false) = (text_cell(wraps, scratch, &item), parts.is_empty()) {
            let joined = scratch.joined.add(set.bytes(), &parts);
            if let Some(text) = scratch.cells.get_mut(owner.cells as usize + usize::from(cell)) {
                *text = joined;
            }
            if let Some(head) = scratch.items.get_mut(head as usize) {
                head.next = next;
            }
        }
        head = next;
    }
}

/// An item, and the parts of its text in those after it.
struct Run<'p, 'a> {
    plan: &'p Plan,
    set: &'p SetView<'a>,
    charset: Charset,
    scratch: &'p mut Scratch,
    wraps: &'p Wraps,
    item: Item,
    parts: Vec<(&'static str, Cell)>,
}

impl Run<'_, '_> {
    /// Takes the text of the next item, if it is that of this one going on.
    fn take(&mut self, next: &Item) -> Option<()> {
        let width = self.width(&self.item)?;
        if self.width(next)? != width || !self.alike(next) {
            return None;
        }
        let (own, other) = (self.text(&self.item)?, self.text(next)?);
        let last = self.parts.last().map_or(own, |(_, last)| *last);
        let bytes = |cell: Cell| self.set.bytes().get(cell.start as usize..cell.end as usize).unwrap_or_default();
        if self.charset.fell_back(bytes(last)) != self.charset.fell_back(bytes(other)) {
            return None;
        }
        let between =
            wrap::joint(&self.charset.decode(bytes(last)), &self.charset.decode(bytes(other)), usize::from(width))?;
        if self.parts.is_empty() {
            self.parts.push(("", own));
        }
        self.parts.push((between, other));
        Some(())
    }

    /// How many characters an element has in the segment that opened an item.
    fn width(&self, item: &Item) -> Option<u16> {
        let segment = self.set.segment(item.segment as usize)?;
        self.wraps.widths.iter().find(|(tag, _)| **tag == *segment.tag()).map(|(_, width)| *width)
    }

    /// Whether all else that the items say is the same.
    fn alike(&self, next: &Item) -> bool {
        let Some(kind) = self.plan.kinds.get(usize::from(next.kind)) else { return false };
        next.filled == self.item.filled
            && kind.layout.ops.iter().zip(0u16..).all(|(op, cell)| {
                let filled = next.filled & 1u64.checked_shl(u32::from(cell)).unwrap_or_default() != 0;
                let value = |item: &Item| {
                    let cell = self.scratch.cells.get(item.cells as usize + usize::from(cell));
                    cell.and_then(|cell| self.set.bytes().get(cell.start as usize..cell.end as usize))
                };
                cell == self.wraps.cell
                    || !filled
                    || matches!(op.what, What::Field { .. }) && value(next) == value(&self.item)
            })
    }

    fn text(&self, item: &Item) -> Option<Cell> {
        let (owner, cell) = text_cell(self.wraps, self.scratch, item)?;
        self.scratch.cells.get(owner.cells as usize + usize::from(cell)).copied()
    }
}

/// Where the text of an item stands: in a cell of its own, or in that of the only item of its list.
fn text_cell(wraps: &Wraps, scratch: &Scratch, item: &Item) -> Option<(Item, u16)> {
    let filled = |item: &Item, cell: u16| item.filled & 1u64.checked_shl(u32::from(cell)).unwrap_or_default() != 0;
    let (owner, cell) = match wraps.list {
        false => (*item, wraps.cell),
        true => {
            let list = scratch.cells.get(item.cells as usize + usize::from(wraps.cell))?;
            let only = scratch.items.get(list.start as usize).filter(|_| filled(item, wraps.cell))?;
            (Some(*only).filter(|only| only.next == NONE)?, 0)
        }
    };
    filled(&owner, cell).then_some((owner, cell))
}
