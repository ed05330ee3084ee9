//! Writing text that is longer than its element: what does not fit becomes an item of its own, right after. See `wrap`.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use super::{
    Body,
    form::{Cell, ESCAPED, Form, Item, Taken, bit},
    plan::{SegmentPlan, What},
};
use crate::mapping::{plan::FieldRule, read::NONE, wrap};

/// The text of an item that may be too long for its element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrap {
    /// The field; or the list of plain values whose only item it is.
    cell: u16,
    list: bool,
    /// How many characters the element has.
    width: usize,
}

impl Wrap {
    /// A plain value.
    pub(crate) fn plain(width: usize) -> Self {
        Self { cell: 0, list: false, width }
    }

    /// The wrapped text in the segment that opens an item, if there is one.
    pub(crate) fn of(head: &SegmentPlan, rules: &[FieldRule]) -> Option<Self> {
        let field = head.puts.iter().find_map(|put| match put.what {
            What::Field { cell, rule } if put.component == 0 => {
                let width = wrap::width(&rules.get(rule as usize)?.convert, &head.tag, put.element)?;
                Some(Self { cell, list: false, width })
            }
            _ => None,
        });
        let listed = head.elements.iter().find_map(|run| match run.elements.as_slice() {
            [only] => Some(Self { cell: run.cell, list: true, width: only.wrap?.width }),
            _ => None,
        });
        field.or(listed)
    }
}

impl Body<'_, '_, '_> {
    /// Leaves as much of an item's text as its element holds, and puts an item with the rest behind it.
    pub(super) fn wrap(&mut self, wrap: Wrap, item: u32) {
        let taken = &mut self.scratch.taken;
        let (owner, cell) = match wrap.list {
            false => (item, wrap.cell),
            true => match taken.first(item, wrap.cell) {
                only if taken.item(only).is_some_and(|only| only.next == NONE) => (only, 0),
                _ => return,
            },
        };
        while let Some(value) = taken.cell(owner, cell) {
            let (start, end) = (value.start as usize, (value.end & !ESCAPED) as usize);
            // No character is less than a byte.
            if end - start <= wrap.width {
                return;
            }
            let text = self.text.get(start..end).unwrap_or_default();
            let escapes = value.end & ESCAPED;
            let cut = match escapes {
                0 => wrap::cut(wrap::characters(text, start), wrap.width),
                _ => wrap::cut(wrap::escaped(text, start), wrap.width),
            };
            let Some(cut) = cut else { return };
            let first = Cell { start: value.start, end: cut.end as u32 | escapes };
            let rest = cut.rest.map(|rest| Cell { start: rest as u32, end: value.end });
            let blank = self.text.get(start..cut.end).is_some_and(|text| text.bytes().all(|byte| byte == b' '));
            match rest {
                // More blanks in a row than an element holds say nothing.
                Some(rest) if blank => taken.set(owner, cell, rest),
                rest => {
                    taken.set(owner, cell, first);
                    if let Some(rest) = rest {
                        taken.follow(&self.writing.form, item, wrap, owner, rest);
                    }
                    return;
                }
            }
        }
    }
}

impl Taken {
    fn set(&mut self, item: u32, cell: u16, value: Cell) {
        let cells = self.item(item).map_or(0, |item| item.cells as usize);
        if let Some(own) = self.cells.get_mut(cells + usize::from(cell)) {
            *own = value;
        }
    }

    /// Puts an item behind another that says the same, but for its text and its other lists.
    fn follow(&mut self, form: &Form, item: u32, wrap: Wrap, owner: u32, rest: Cell) {
        let Some(new) = self.double(form, item) else { return };
        if wrap.list {
            let Some(only) = self.double(form, owner) else { return };
            if let Some(owner) = self.items.get_mut(owner as usize) {
                owner.next = NONE;
            }
            if let Some(only) = self.items.get_mut(only as usize) {
                only.parent = new;
            }
            self.set(only, 0, rest);
            self.set(new, wrap.cell, Cell { start: only, end: only });
        } else {
            self.set(new, wrap.cell, rest);
        }
        let lists = self.item(new).and_then(|item| form.kinds.get(usize::from(item.kind))).map_or(0, |kind| {
            let lists = kind.rules.iter().zip(0u16..).filter(|(rule, _)| rule.is_none());
            lists.fold(0, |all, (_, cell)| all | bit(cell))
        });
        if let Some(new) = self.items.get_mut(new as usize) {
            new.filled &= !lists | bit(wrap.cell);
        }
    }

    /// A copy of an item, behind it in its list.
    fn double(&mut self, form: &Form, item: u32) -> Option<u32> {
        let found = *self.item(item)?;
        let (start, new) = (found.cells as usize, self.items.len() as u32);
        let cells = self.cells.len() as u32;
        let count = usize::from(form.kinds.get(usize::from(found.kind))?.cells);
        self.cells.extend_from_within(start..start + count);
        self.items.push(Item { cells, ..found });
        self.items.get_mut(item as usize)?.next = new;
        Some(new)
    }
}
