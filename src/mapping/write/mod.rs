//! From a canonical document to the body of a transaction set: one pass over the document takes it in, one walk over the
//! plan writes its segments in the order of the standard.
//!
//! Nothing is dropped in silence: a value that has no place, or does not fit, is a problem that names the field, the
//! place and the mapping's line.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

mod compile;
mod compute;
mod form;
mod levels;
mod outline;
mod plan;
mod segment;
#[cfg(test)]
mod standard_tests;
#[cfg(test)]
mod tests;
mod value;
mod wrapping;

use std::{cell, sync::Arc};

pub(crate) use compile::compile;
pub(crate) use plan::WritePlan;

use form::{Taken, bit};
use levels::Levels;
use plan::{Block, Room, Step};
use segment::Staged;

use super::{
    Charset, codes,
    plan::Plan,
    problem::Problem,
    read::{NONE, PROBLEMS},
    table::Table,
};
use crate::{
    error::Code,
    x12::{
        Writer,
        standard::{ProblemKind, Walker},
    },
};

/// What one document needs; kept by each thread from one to the next.
#[derive(Debug, Default)]
struct Scratch {
    taken: Taken,
    /// The values of the segment at hand, and the bytes of those that do not stand so in the document.
    staged: Vec<Staged>,
    bytes: Vec<u8>,
    walker: Option<Walker>,
    /// For each segment of a version, which elements it had when it was whole last time.
    whole: Vec<u64>,
    version: &'static str,
}

thread_local! {
    static SCRATCH: cell::Cell<Option<Box<Scratch>>> = const { cell::Cell::new(None) };
}

/// Writes a document's segments. Gives the fields that no rule writes; or all that is wrong, and then nothing was written.
pub(crate) fn write(
    plan: &Plan,
    tables: &[Arc<Table>],
    writing: &WritePlan,
    document: &[u8],
    charset: Charset,
    out: &mut Writer,
) -> Result<Vec<String>, Vec<Problem>> {
    let text = match std::str::from_utf8(document) {
        Ok(text) => text,
        Err(error) => {
            let text = format!("the document is not UTF-8 at byte {}", error.valid_up_to());
            return Err(vec![Problem::in_document(codes::UNREADABLE_DOCUMENT, text, String::new())]);
        }
    };
    let mut scratch = SCRATCH.take().unwrap_or_default();
    if let Err(error) = scratch.taken.take(&writing.form, text) {
        let text =
            format!("the document is not what it should be at byte {}: {} was expected", error.at, error.expected);
        SCRATCH.set(Some(scratch));
        return Err(vec![Problem::in_document(codes::UNREADABLE_DOCUMENT, text, String::new())]);
    }
    if scratch.version != writing.version {
        scratch.version = writing.version;
        scratch.whole.clear();
    }
    let mut walker = scratch.walker.take().unwrap_or_else(|| Walker::new(&writing.set));
    walker.begin(&writing.set);
    if let Some(open) = writing.open {
        walker.step(open, b"");
    }
    let mark = out.mark();
    // JSON is about three times as long.
    out.reserve(document.len() / 2);
    let levels = Levels::of(&scratch.taken, writing, text);
    let computed = writing.computes.iter().map(|compute| compute.value(&scratch.taken, &writing.form, text)).collect();
    let mut body = Body {
        plan,
        tables,
        writing,
        text,
        charset,
        scratch: &mut scratch,
        out,
        walker,
        levels,
        computed,
        foreign: false,
        problems: Vec::new(),
    };
    body.steps(&writing.body, 0);
    body.done(0);
    body.finish();
    let (problems, walker) = (body.problems, body.walker);
    scratch.walker = Some(walker);
    let left = std::mem::take(&mut scratch.taken.left);
    SCRATCH.set(Some(scratch));
    if problems.is_empty() {
        Ok(left)
    } else {
        out.rewind(mark);
        Err(problems)
    }
}

struct Body<'p, 'a, 'w> {
    plan: &'p Plan,
    tables: &'p [Arc<Table>],
    writing: &'p WritePlan,
    text: &'a str,
    charset: Charset,
    scratch: &'w mut Scratch,
    out: &'w mut Writer,
    walker: Walker,
    levels: Levels<'a>,
    /// What the plan's totals come to.
    computed: Vec<Option<String>>,
    /// The segment or pair at hand has a code that only another format has, and its item is to be left out for that.
    foreign: bool,
    problems: Vec<Problem>,
}

impl<'p> Body<'p, '_, '_> {
    /// Writes what an item has something for, and what comes after it in its loop.
    fn steps(&mut self, steps: &'p [Step], item: u32) {
        for step in steps {
            match step {
                Step::Segment { wanted, always, plan } => {
                    if self.scratch.taken.filled(item) & wanted != 0 || *always && self.has_own(plan) {
                        self.put_segment(plan, item);
                        self.foreign = false;
                        self.steps(&plan.inner, item);
                    }
                }
                Step::Items { cell, list, opener, room } => {
                    if self.scratch.taken.filled(item) & bit(*cell) != 0 && self.has_room(*room, item, *cell) {
                        self.items(item, *cell, *list, *opener);
                    }
                }
                Step::Bounded(bounded) => {
                    if self.scratch.taken.filled(item) & bit(bounded.cell) != 0 {
                        self.put_segment(&bounded.open, item);
                        self.items(item, bounded.cell, bounded.list, 0);
                        self.put_segment(&bounded.close, item);
                    }
                }
            }
        }
    }

    fn has_room(&self, room: Room, owner: u32, cell: u16) -> bool {
        let taken = &self.scratch.taken;
        let more = |than: u32| {
            let next = |item: &u32| taken.item(*item).map(|item| item.next);
            let last = std::iter::successors(Some(taken.first(owner, cell)), next).nth(than as usize);
            last.is_some_and(exists)
        };
        match room {
            Room::Any => true,
            Room::UpTo(most) => !more(most),
            Room::Above(most) => more(most),
        }
    }

    /// The items of a list that this opener writes.
    fn items(&mut self, owner: u32, cell: u16, list: u16, opener: u16) {
        let writing = self.writing;
        let Some(blocks) = writing.lists.get(usize::from(list)) else { return };
        let mut item = self.scratch.taken.first(owner, cell);
        let mut all = true;
        while let Some(found) = self.scratch.taken.item(item).copied() {
            if !found.done {
                let chosen = if blocks.len() == 1 { 0 } else { self.choose(blocks, item) };
                match blocks.get(chosen) {
                    Some(block) if chosen == usize::from(opener) => self.block(block, item),
                    _ => all = false,
                }
            }
            // A text that was too long put another item behind this one.
            item = self.scratch.taken.item(item).map_or(NONE, |item| item.next);
        }
        if all {
            self.scratch.taken.clear(owner, cell);
        }
    }

    fn block(&mut self, block: &'p Block, item: u32) {
        if let Some(wrap) = block.wrap {
            self.wrap(wrap, item);
        }
        self.put_segment(&block.head, item);
        if std::mem::take(&mut self.foreign) {
            return self.leave(item);
        }
        self.steps(&block.inner, item);
        self.done(item);
    }

    /// Leaves an item out, and notes all that it says.
    #[cold]
    fn leave(&mut self, item: u32) {
        let Some(found) = self.scratch.taken.item(item).copied() else { return };
        let form = &self.writing.form;
        let cells = form.kinds.get(usize::from(found.kind)).map_or(0, |kind| kind.cells);
        for cell in 0..cells {
            let taken = &self.scratch.taken;
            let field = form.rule(found.kind, cell).is_some() && !taken.said(self.text, item, cell).is_empty();
            if field || found.filled & bit(cell) != 0 {
                let pointer = taken.pointer(form, item, Some(cell));
                self.scratch.taken.left.push(pointer);
            }
            self.scratch.taken.clear(item, cell);
        }
        self.done(item);
    }

    /// The first opener that has a place for all of an item and what the standard demands of it; else the first that has
    /// a place for all of it; else the first.
    fn choose(&self, blocks: &[Block], item: u32) -> usize {
        let filled = self.scratch.taken.filled(item);
        let covers = |block: &Block| filled & !block.covers == 0 && block.head.standard.is_some();
        let fits = blocks.iter().position(|block| covers(block) && self.is_whole(&block.head, item));
        fits.or_else(|| blocks.iter().position(covers)).unwrap_or(0)
    }

    /// Tells what of an item was not written.
    fn done(&mut self, item: u32) {
        let Some(found) = self.scratch.taken.items.get_mut(item as usize) else { return };
        found.done = true;
        if found.filled != 0 {
            let left = found.filled;
            self.left_over(item, left);
        }
    }

    #[cold]
    fn left_over(&mut self, item: u32, mut left: u64) {
        while left != 0 {
            let cell = left.trailing_zeros() as u16;
            left &= left - 1;
            let rule = self.scratch.taken.item(item).and_then(|item| self.writing.form.rule(item.kind, cell));
            if rule.is_some_and(|rule| {
                self.plan.rules.get(rule as usize).is_some_and(super::plan::FieldRule::is_read_only)
            }) {
                continue;
            }
            let place = match rule.and_then(|rule| self.plan.rules.get(rule as usize)) {
                Some(rule) => rule.origin.shown_place(),
                None => "it".to_owned(),
            };
            let text = format!(
                "the {} of {} has no room for this: {place} is not there, or is taken",
                self.writing.set.id(),
                self.writing.version
            );
            self.problem(codes::NO_PLACE, text, item, Some(cell), rule, None);
        }
    }

    /// Tells what the set as a whole is missing.
    fn finish(&mut self) {
        let missing: Vec<_> = self.walker.finish().to_vec();
        for problem in missing {
            self.misplaced(problem.kind, problem.segment, 0);
        }
    }

    /// Puts into words what the standard's walker found.
    #[cold]
    fn misplaced(&mut self, kind: ProblemKind, segment: crate::x12::standard::SegmentId, item: u32) {
        let standard = crate::x12::standard::Standard::get(self.writing.version);
        let tag = standard.and_then(|standard| standard.segment_by_id(segment)).map_or("", |segment| &segment.tag);
        let set = format!("the {} of {}", self.writing.set.id(), self.writing.version);
        let (code, text) = match kind {
            ProblemKind::Missing => {
                (codes::INCOMPLETE, format!("{set} needs {tag} here, and the document gives nothing for it"))
            }
            ProblemKind::LoopOverMaximum | ProblemKind::SegmentOverMaximum => {
                (codes::NO_PLACE, format!("{set} does not take so many {tag} here"))
            }
            ProblemKind::Unexpected | ProblemKind::NotInSet | ProblemKind::OutOfSequence => {
                (codes::NO_PLACE, format!("{set} has no {tag} here"))
            }
        };
        if self.problems.len() < PROBLEMS {
            let pointer = self.scratch.taken.pointer(&self.writing.form, item, None);
            self.problems.push(Problem {
                segment: self.walker.position(),
                tag: tag.to_owned(),
                ..Problem::in_document(code, text, pointer)
            });
        }
    }

    /// Notes what is wrong with a field.
    #[cold]
    fn problem(
        &mut self,
        code: Code,
        text: String,
        item: u32,
        cell: Option<u16>,
        rule: Option<u32>,
        at: Option<(&str, u8)>,
    ) {
        if self.problems.len() >= PROBLEMS {
            return;
        }
        let pointer = self.scratch.taken.pointer(&self.writing.form, item, cell);
        let mut problem = Problem::in_document(code, text, pointer);
        if let Some(rule) = rule.and_then(|rule| self.plan.rules.get(rule as usize)) {
            problem = problem.by(&rule.origin);
        }
        if let Some((tag, element)) = at {
            problem.tag = tag.to_owned();
            problem.element = u16::from(element);
        }
        problem.segment = self.walker.position();
        self.problems.push(problem);
    }
}

/// Whether there is such an item.
fn exists(item: u32) -> bool {
    item != NONE
}
