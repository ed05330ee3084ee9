//! The numbers of HL levels. Where the document's own numbers are all there and agree with its tree they stay; else the
//! levels are numbered anew, from 1, in the order in which they are written.

use std::collections::HashSet;

use super::{
    form::{Taken, Text},
    plan::{LevelList, WritePlan},
};

/// The levels of one document, by item.
#[derive(Debug, Default)]
pub(crate) struct Levels<'a> {
    found: Vec<Level<'a>>,
    /// Whether the document's own numbers stay.
    own: bool,
}

#[derive(Debug)]
struct Level<'a> {
    item: u32,
    /// The level above it.
    above: Option<usize>,
    children: bool,
    id: Option<&'a str>,
    /// What the document says is above it.
    parent: Option<&'a str>,
}

impl<'a> Levels<'a> {
    /// Finds the levels of a document, in the order in which they are written.
    pub(crate) fn of(taken: &Taken, writing: &WritePlan, text: &'a str) -> Self {
        let mut levels = Self::default();
        if writing.levels.is_empty() {
            return levels;
        }
        let list_of = |item: u32| -> Option<LevelList> {
            let item = taken.item(item)?;
            let owner = taken.item(item.parent)?.kind;
            writing.levels.iter().find(|list| list.owner == owner && list.cell == item.list).copied()
        };
        for item in 0..taken.items.len() as u32 {
            let Some(list) = list_of(item) else { continue };
            let mut above = taken.item(item).map(|item| item.parent);
            let above = loop {
                match above.and_then(|above| Some((above, taken.item(above)?.parent))) {
                    None => break None,
                    Some((owner, next)) => match levels.find(owner) {
                        Some(found) => break Some(found),
                        None => above = Some(next),
                    },
                }
            };
            if let Some(above) = above.and_then(|above| levels.found.get_mut(above)) {
                above.children = true;
            }
            let plain = |cell: Option<u16>| match taken.value(text, item, cell?) {
                Some(Text::Plain(value)) => Some(value),
                _ => None,
            };
            levels.found.push(Level { item, above, children: false, id: plain(list.id), parent: plain(list.parent) });
        }
        levels.own = levels.agree();
        levels
    }

    /// Whether every level has a number of its own, and those above them are the ones that the document names.
    fn agree(&self) -> bool {
        let mut ids = HashSet::new();
        self.found.iter().all(|level| {
            let above = level.above.and_then(|above| self.found.get(above)).map(|above| above.id);
            let fits = match (above, level.parent) {
                // At the root, it names none of those before it, or none.
                (None, named) => named.is_none_or(|named| !ids.contains(named)),
                (Some(above), named) => named.is_none() || named == above,
            };
            fits && level.id.is_some_and(|id| ids.insert(id))
        })
    }

    fn find(&self, item: u32) -> Option<usize> {
        self.found.binary_search_by_key(&item, |level| level.item).ok()
    }

    /// HL01 of an item.
    pub(crate) fn id(&self, item: u32) -> Option<String> {
        self.id_at(self.find(item)?)
    }

    fn id_at(&self, at: usize) -> Option<String> {
        if self.own { self.found.get(at)?.id.map(str::to_owned) } else { Some((at + 1).to_string()) }
    }

    /// HL02 of an item.
    pub(crate) fn parent(&self, item: u32) -> Option<String> {
        let level = self.found.get(self.find(item)?)?;
        match level.above {
            Some(above) => self.id_at(above),
            None => level.parent.filter(|_| self.own).map(str::to_owned),
        }
    }

    /// HL04 of an item: whether levels are below it.
    pub(crate) fn has_children(&self, item: u32) -> bool {
        self.find(item).and_then(|at| self.found.get(at)).is_some_and(|level| level.children)
    }
}
