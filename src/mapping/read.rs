//! From a transaction set to its canonical JSON: one pass over the segments fills slots, one pass over the slots writes.
//!
//! Nothing is dropped: an element that no rule took is kept as an extra with its place.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{cell, collections::HashMap, ops::Range, sync::Arc};

use super::{
    joining::Joined,
    page::Page,
    place::Part,
    plan::{Act, Action, From, Open, OpenEach, Plan, Tree},
    problem::Problem,
    provenance::Mark,
    table::Table,
    text::Charset,
    write_json,
};
use crate::{
    mapping::codes,
    x12::{
        self,
        token::{Segment, SetView},
    },
};

/// No item, no level.
pub(crate) const NONE: u32 = u32::MAX;

/// How deep levels may hang below each other.
const DEEPEST: u32 = 32;

/// How many problems of a set are told.
pub(crate) const PROBLEMS: usize = 100;

/// What a field or list of an item holds: from where to where in the set its value is, or its first and last item.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cell {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// One item: where its cells are, and which item comes after it in its list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    /// The cells that have something in them, one bit each.
    pub(crate) filled: u64,
    pub(crate) cells: u32,
    pub(crate) next: u32,
    /// The segment that opened it, from 0.
    pub(crate) segment: u32,
    pub(crate) kind: u16,
}

/// One HL: what hangs above it, how deep it is, and where its items are noted.
#[derive(Debug, Clone, Copy)]
struct Level {
    above: u32,
    depth: u32,
    notes: u32,
}

/// What one set fills; kept by each thread from set to set.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Cells of all items; what an item has not filled may be of the set before.
    pub(crate) cells: Vec<Cell>,
    used: usize,
    pub(crate) items: Vec<Item>,
    /// The item of each kind that is open now.
    current: Vec<u32>,
    gates: Vec<bool>,
    levels: Vec<Level>,
    /// The items that levels opened, by level.
    notes: Vec<(u16, u32)>,
    /// Segment, from 0, and element.
    pub(crate) extras: Vec<(u32, u16)>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
    /// Where each value came from, for `trace` only.
    pub(crate) marks: Option<Vec<Mark>>,
    /// The JSON, and that of a value which is not plain.
    pub(crate) page: Page,
    pub(crate) value: Vec<u8>,
    /// Texts that were longer than their elements.
    pub(crate) joined: Joined,
}

thread_local! {
    static SCRATCH: cell::Cell<Option<Box<Scratch>>> = const { cell::Cell::new(None) };
}

/// The JSON of a set, and the segments, from 0, and elements that no rule took.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) json: Vec<u8>,
    /// Where its `lines` stand.
    pub(crate) lines: Option<Range<usize>>,
    pub(crate) left: Vec<(u32, u16)>,
    /// What the operators are told though the document goes its way.
    pub(crate) warnings: Vec<Problem>,
    /// Where each value came from, where that was asked for.
    pub(crate) marks: Vec<Mark>,
}

/// Reads a set through a plan: the JSON and the extras, or all that is wrong.
pub(crate) fn read(
    plan: &Plan,
    tables: &[Arc<Table>],
    set: &SetView<'_>,
    charset: Charset,
) -> Result<Read, Vec<Problem>> {
    read_with(plan, tables, set, charset, None)
}

/// The same, with where each value came from.
pub(crate) fn trace(
    plan: &Plan,
    tables: &[Arc<Table>],
    set: &SetView<'_>,
    charset: Charset,
) -> Result<Read, Vec<Problem>> {
    read_with(plan, tables, set, charset, Some(Vec::new()))
}

fn read_with(
    plan: &Plan,
    tables: &[Arc<Table>],
    set: &SetView<'_>,
    charset: Charset,
    marks: Option<Vec<Mark>>,
) -> Result<Read, Vec<Problem>> {
    let mut scratch = SCRATCH.take().unwrap_or_default();
    scratch.reset(plan);
    scratch.marks = marks;
    Reader {
        plan,
        bytes: set.bytes(),
        component: set.delimiters().component,
        scratch: &mut scratch,
        ids: HashMap::new(),
        level: NONE,
    }
    .run(set);
    let lines = write_json::write(plan, tables, set, charset, &mut scratch);
    let problems = std::mem::take(&mut scratch.problems);
    let warnings = std::mem::take(&mut scratch.warnings);
    let mut extras = Vec::new();
    if !scratch.extras.is_empty() {
        extras.clone_from(&scratch.extras);
        extras.sort_unstable();
        extras.dedup();
    }
    let marks = scratch.marks.take().unwrap_or_default();
    let json = if problems.is_empty() { scratch.page.written().to_vec() } else { Vec::new() };
    scratch.page.clear();
    SCRATCH.set(Some(scratch));
    if problems.is_empty() { Ok(Read { json, lines, left: extras, warnings, marks }) } else { Err(problems) }
}

impl Scratch {
    fn reset(&mut self, plan: &Plan) {
        self.used = 0;
        self.items.clear();
        self.current.clear();
        self.current.resize(plan.kinds.len(), NONE);
        self.gates.clear();
        self.gates.resize(plan.gates, false);
        if let Some(always) = self.gates.first_mut() {
            *always = true;
        }
        self.levels.clear();
        self.notes.clear();
        self.extras.clear();
        self.problems.clear();
        self.warnings.clear();
        self.joined.clear();
    }
}

/// The cells of one item.
struct Slots<'s, 'a> {
    filled: &'s mut u64,
    cells: &'s mut [Cell],
    bytes: &'a [u8],
}

impl<'s, 'a> Slots<'s, 'a> {
    #[inline]
    fn of(scratch: &'s mut Scratch, item: u32, bytes: &'a [u8]) -> Option<Self> {
        let item = scratch.items.get_mut(item as usize)?;
        Some(Self { filled: &mut item.filled, cells: scratch.cells.get_mut(item.cells as usize..)?, bytes })
    }

    /// Puts a value into a slot; not over another value.
    #[inline]
    fn set(&mut self, slot: u16, value: &[u8]) -> bool {
        let bit = bit(slot);
        if *self.filled & bit != 0 || is_blank(value) {
            return false;
        }
        let Some(cell) = self.cells.get_mut(usize::from(slot)) else { return false };
        *cell = span(self.bytes, value);
        *self.filled |= bit;
        true
    }
}

struct Reader<'p, 'a> {
    plan: &'p Plan,
    bytes: &'a [u8],
    /// Between components.
    component: u8,
    scratch: &'p mut Scratch,
    /// HL01 to its level.
    ids: HashMap<&'a [u8], u32>,
    level: u32,
}

/// What was taken of the segment at hand.
#[derive(Default)]
struct Taken {
    /// One bit per element, the first is element 1.
    elements: u64,
    /// One bit per pair.
    pairs: u32,
    /// Whether a place with a filter took something.
    filtered: bool,
    /// Components of elements that were not taken as a whole.
    components: Vec<(u8, u8)>,
}

impl Taken {
    fn element(&mut self, element: usize) {
        self.elements |= 1u64.checked_shl(element.saturating_sub(1) as u32).unwrap_or_default();
    }
}

impl<'a> Reader<'_, 'a> {
    fn run(&mut self, set: &SetView<'a>) {
        self.add_item(0, NONE, 0, 0);
        let plan = self.plan;
        let (mut state, tags) = (0, plan.tags.len());
        for segment in set.segments() {
            let tag = segment.tag();
            if tag == b"ST" || tag == b"SE" {
                continue;
            }
            let Some(entry) = plan.steps.get(state * tags + plan.tags.find(tag)).copied() else { continue };
            state = usize::from(entry.state);
            let mut taken = Taken::default();
            let first = entry.first as usize;
            for action in plan.actions.get(first..first + usize::from(entry.count)).unwrap_or_default() {
                self.act(action, &segment, &mut taken);
            }
            self.keep_the_rest(&segment, &taken);
        }
    }

    fn current(&self, kind: u16) -> u32 {
        self.scratch.current.get(usize::from(kind)).copied().unwrap_or(NONE)
    }

    fn open(&self, gate: u16) -> bool {
        self.scratch.gates.get(usize::from(gate)).copied().unwrap_or(false)
    }

    fn set_gate(&mut self, gate: u16, open: bool) {
        if let Some(slot) = self.scratch.gates.get_mut(usize::from(gate)) {
            *slot = open;
        }
    }

    #[inline]
    fn act(&mut self, action: &Action, segment: &Segment<'a>, taken: &mut Taken) {
        let holds = self.open(action.gate)
            && action.filters.iter().all(|(element, value)| segment.element(usize::from(*element)) == &**value);
        if holds {
            for (element, _) in &action.filters {
                taken.element(usize::from(*element));
            }
        } else if !matches!(action.act, Act::Gate(_) | Act::Open(_)) {
            return;
        }
        match &action.act {
            Act::Fill { kind, sets } => {
                let (item, sent) = (self.current(*kind), segment.len());
                let Some(mut slots) = Slots::of(self.scratch, item, self.bytes) else { return };
                for (slot, element) in sets {
                    let number = usize::from(*element);
                    // They stand in the order of their elements.
                    if number > sent {
                        break;
                    }
                    if slots.set(*slot, segment.element(number)) {
                        taken.element(number);
                    }
                }
            }
            Act::Set { kind, slot, element, component } => {
                let number = usize::from(*element);
                let value = match component {
                    0 => segment.element(number),
                    component => segment.component(number, usize::from(*component)),
                };
                if self.set(*kind, *slot, value) {
                    match component {
                        0 => taken.element(number),
                        component => taken.components.push((*element, *component)),
                    }
                    taken.filtered |= !action.filters.is_empty();
                }
            }
            Act::Open(open) => {
                let opened = holds && !(open.unless_taken && taken.filtered) && self.open_item(open, segment);
                self.set_gate(open.gate, opened);
            }
            Act::OpenEach(each) => self.open_each(each, segment, taken),
            Act::SetPair { kind, slot, pairs, qualifier } => {
                for number in 0..pairs.count {
                    let at = usize::from(pairs.first + number * pairs.stride);
                    let value = segment.element(at + 1);
                    let free = taken.pairs & (1 << number) == 0;
                    if free && !is_blank(value) && segment.element(at) == &**qualifier {
                        if self.set(*kind, *slot, value) {
                            taken.element(at);
                            taken.element(at + 1);
                            taken.pairs |= 1 << number;
                            taken.filtered = true;
                        }
                        break;
                    }
                }
            }
            Act::Gate(gate) => self.set_gate(*gate, holds),
            Act::Level => {
                self.add_level(segment);
                taken.element(1);
                taken.element(2);
            }
            Act::Claim(elements) => taken.elements |= elements,
        }
    }

    /// Puts a value into a slot of the item that is open; not over another value.
    #[inline]
    fn set(&mut self, kind: u16, slot: u16, value: &'a [u8]) -> bool {
        let item = self.current(kind);
        Slots::of(self.scratch, item, self.bytes).is_some_and(|mut slots| slots.set(slot, value))
    }

    fn open_each(&mut self, each: &OpenEach, segment: &Segment<'a>, taken: &mut Taken) {
        let parent = self.current(each.parent);
        if parent == NONE {
            return;
        }
        let at_segment = segment.position().saturating_sub(1);
        match each.from {
            From::Pairs(pairs) => {
                for number in 0..pairs.count {
                    let at = usize::from(pairs.first + number * pairs.stride);
                    if at > segment.len() {
                        break;
                    }
                    // Any part may be all of it: SDP has a day without a time, RCD a condition without a quantity.
                    let third = pairs.stride > 2 && !is_blank(segment.element(at + 2));
                    let blank = is_blank(segment.element(at + 1)) && is_blank(segment.element(at)) && !third;
                    if blank || taken.pairs & (1 << number) != 0 {
                        continue;
                    }
                    let item = self.add_item(each.kind, parent, each.head, at_segment);
                    taken.pairs |= 1 << number;
                    let Some(mut slots) = Slots::of(self.scratch, item, self.bytes) else { continue };
                    for (slot, part, component) in &each.own {
                        let element = match part {
                            Part::Qualifier => at,
                            Part::Value => at + 1,
                            Part::Third if pairs.stride > 2 => at + 2,
                            Part::Third => continue,
                        };
                        let value = match component {
                            0 => segment.element(element),
                            component => segment.component(element, usize::from(*component)),
                        };
                        if slots.set(*slot, value) {
                            match component {
                                0 => taken.element(element),
                                component => taken.components.push((element as u8, *component)),
                            }
                        }
                    }
                    self.beside(each, segment, taken);
                }
            }
            From::Element { element, component, repeats } => {
                let number = usize::from(element);
                if segment.element(number).is_empty() {
                    return;
                }
                match (component, repeats) {
                    (0, false) => self.open_value(each, parent, segment.element(number), segment, taken),
                    (0, true) => {
                        for value in segment.repetitions(number) {
                            self.open_value(each, parent, value, segment, taken);
                        }
                    }
                    (component, _) => {
                        let value = segment.component(number, usize::from(component));
                        self.open_value(each, parent, value, segment, taken);
                        taken.components.push((element, component));
                        return;
                    }
                }
                taken.element(number);
            }
        }
    }

    fn open_value(&mut self, each: &OpenEach, parent: u32, value: &'a [u8], segment: &Segment<'a>, taken: &mut Taken) {
        if is_blank(value) {
            return;
        }
        let item = self.add_item(each.kind, parent, each.head, segment.position().saturating_sub(1));
        let separator = self.component;
        if let Some(mut slots) = Slots::of(self.scratch, item, self.bytes) {
            for (slot, _, component) in &each.own {
                let part = match component {
                    0 => Some(value),
                    component => value.split(|b| *b == separator).nth(usize::from(component - 1)),
                };
                slots.set(*slot, part.unwrap_or_default());
            }
        }
        self.beside(each, segment, taken);
    }

    fn beside(&mut self, each: &OpenEach, segment: &Segment<'a>, taken: &mut Taken) {
        for (slot, element, component) in &each.beside {
            let number = usize::from(*element);
            match component {
                0 => {
                    self.set(each.kind, *slot, segment.element(number));
                    taken.element(number);
                }
                component => {
                    self.set(each.kind, *slot, segment.component(number, usize::from(*component)));
                    taken.components.push((*element, *component));
                }
            }
        }
    }

    fn open_item(&mut self, open: &Open, segment: &Segment<'a>) -> bool {
        let at_segment = segment.position().saturating_sub(1);
        let current = self.current(open.parent);
        let (parent, head) = match open.tree {
            Tree::Current => (current, open.head),
            Tree::Nest { head } => match self.above(open.kind) {
                Some(item) => (item, head),
                None => (current, open.head),
            },
            Tree::Above => {
                let item = self.above(open.parent).unwrap_or(current);
                if let Some(current) = self.scratch.current.get_mut(usize::from(open.parent)) {
                    *current = item;
                }
                (item, open.head)
            }
        };
        if parent == NONE {
            return false;
        }
        let item = self.add_item(open.kind, parent, head, at_segment);
        if segment.tag() == b"HL" {
            self.scratch.notes.push((open.kind, item));
        }
        true
    }

    /// The item of a kind that the nearest level above the present one opened.
    fn above(&self, kind: u16) -> Option<u32> {
        let levels = &self.scratch.levels;
        let mut level = levels.get(self.level as usize)?.above;
        while let Some(found) = levels.get(level as usize) {
            let end = levels.get(level as usize + 1).map_or(self.scratch.notes.len(), |next| next.notes as usize);
            let notes = self.scratch.notes.get(found.notes as usize..end).unwrap_or_default();
            if let Some((_, item)) = notes.iter().find(|(other, _)| *other == kind) {
                return Some(*item);
            }
            level = found.above;
        }
        None
    }

    fn add_level(&mut self, segment: &Segment<'a>) {
        let (id, above) = (x12::level_number(segment.element(1)), x12::level_number(segment.element(2)));
        let mut above = self.ids.get(above).copied().unwrap_or(NONE);
        let mut depth = self.scratch.levels.get(above as usize).map_or(0, |level| level.depth + 1);
        if depth >= DEEPEST {
            if self.scratch.problems.len() < PROBLEMS {
                let text = format!("levels hang more than {DEEPEST} deep below each other");
                self.scratch.problems.push(Problem::at_segment(codes::TOO_DEEP, text, segment, 2));
            }
            (above, depth) = (NONE, 0);
        }
        self.level = self.scratch.levels.len() as u32;
        self.scratch.levels.push(Level { above, depth, notes: self.scratch.notes.len() as u32 });
        if !id.is_empty() {
            self.ids.insert(id, self.level);
        }
    }

    /// Adds an item to a list of its parent and makes it the one that is open.
    fn add_item(&mut self, kind: u16, parent: u32, head: u16, segment: u32) -> u32 {
        let scratch = &mut *self.scratch;
        let (number, cells) = (scratch.items.len() as u32, scratch.used);
        scratch.used += self.plan.kinds.get(usize::from(kind)).map_or(0, |kind| usize::from(kind.cells));
        if scratch.cells.len() < scratch.used {
            scratch.cells.resize(scratch.used * 2, Cell::default());
        }
        scratch.items.push(Item { filled: 0, cells: cells as u32, next: NONE, segment, kind });
        if let Some(parent) = scratch.items.get_mut(parent as usize)
            && let Some(cell) = scratch.cells.get_mut(parent.cells as usize + usize::from(head))
        {
            let last = (parent.filled & bit(head) != 0).then_some(cell.end);
            parent.filled |= bit(head);
            cell.end = number;
            match last.and_then(|last| scratch.items.get_mut(last as usize)) {
                Some(last) => last.next = number,
                None => cell.start = number,
            }
        }
        if let Some(current) = scratch.current.get_mut(usize::from(kind)) {
            *current = number;
        }
        number
    }

    /// Notes the elements that no rule took.
    #[inline]
    fn keep_the_rest(&mut self, segment: &Segment<'a>, taken: &Taken) {
        let sent = 1u64.checked_shl(segment.len() as u32).map_or(u64::MAX, |bit| bit - 1);
        let mut left = sent & !taken.elements;
        if left == 0 && segment.len() <= 64 {
            return;
        }
        let at = segment.position().saturating_sub(1);
        while left != 0 {
            let element = left.trailing_zeros() as usize + 1;
            left &= left - 1;
            if !segment.element(element).is_empty()
                && !all_components(segment, element, &taken.components, self.component)
            {
                self.scratch.extras.push((at, element as u16));
            }
        }
        for element in 65..=segment.len() {
            if !segment.element(element).is_empty() {
                self.scratch.extras.push((at, element.min(usize::from(u16::MAX)) as u16));
            }
        }
    }
}

/// Whether every component of an element that has a value was taken.
fn all_components(segment: &Segment<'_>, element: usize, taken: &[(u8, u8)], separator: u8) -> bool {
    if !taken.iter().any(|(other, _)| usize::from(*other) == element) {
        return false;
    }
    let mut repetitions = segment.repetitions(element);
    let first = repetitions.next().unwrap_or_default();
    let whole = first.split(|b| *b == separator).enumerate().all(|(number, value)| {
        value.is_empty()
            || taken
                .iter()
                .any(|(other, component)| usize::from(*other) == element && usize::from(*component) == number + 1)
    });
    whole && repetitions.next().is_none()
}

/// Whether a value is nothing but blanks: that is no value, and stays with the extras.
#[inline]
fn is_blank(value: &[u8]) -> bool {
    match value.first() {
        None => true,
        Some(b' ') => value.iter().all(|byte| *byte == b' '),
        Some(_) => false,
    }
}

/// The bit of a cell.
#[inline]
fn bit(cell: u16) -> u64 {
    1u64.checked_shl(u32::from(cell)).unwrap_or_default()
}

#[inline]
fn span(bytes: &[u8], value: &[u8]) -> Cell {
    let start = distance(bytes, value);
    Cell { start, end: start + value.len() as u32 }
}

/// How far a slice of the set begins behind the set.
#[inline]
pub(crate) fn distance(bytes: &[u8], part: &[u8]) -> u32 {
    part.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr()) as u32
}
