//! One segment: its values are put together. What becomes of them is told in `emit`.

mod emit;

use super::{
    Body, bit, exists,
    form::{Text, unescape},
    plan::{PairPlan, Run, SegmentPlan, What},
    value::{convert_out, is_plain},
};
use crate::{
    document::is_foreign_code,
    mapping::{
        block::{BLOCK, date, is_decimal, is_plain_text, is_whole},
        codes,
        place::Part,
        plan::{Convert, Quick},
        read::NONE,
    },
    x12::{Place, standard::SyntaxNote},
};

/// No cell, no rule.
const NO_CELL: u16 = u16::MAX;
const NO_RULE: u32 = u32::MAX;

/// A value that is to be written, and what it comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Staged {
    pub(super) place: Place,
    /// Where it stands in the document, or in the bytes made here.
    pub(super) start: u32,
    pub(super) end: u32,
    made: bool,
    item: u32,
    cell: u16,
    rule: u32,
    pub(super) known: Known,
}

/// What is known of a value from how it was made, so that it need not be looked through again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Nothing,
    /// A number without a point, of so many digits.
    Whole(u8),
    /// A number with a point.
    Decimal(u8),
    /// CCYYMMDD.
    Date,
}

impl<'p> Body<'p, '_, '_> {
    /// Whether a segment has anything of its own to say where no field brings it into being.
    pub(super) fn has_own(&self, plan: &SegmentPlan) -> bool {
        plan.puts.iter().any(|put| match put.what {
            What::Computed(number) => self.computed.get(usize::from(number)).is_some_and(Option::is_some),
            What::Field { rule, .. } => self.plan.rules.get(rule as usize).is_some_and(|rule| rule.absent.is_some()),
            _ => false,
        })
    }

    /// Writes a segment, and further ones of its kind where one is not enough.
    pub(super) fn put_segment(&mut self, plan: &'p SegmentPlan, item: u32) {
        self.scratch.staged.clear();
        self.scratch.bytes.clear();
        let filled = self.scratch.taken.filled(item);
        for put in &plan.puts {
            if put.awaits != 0 && filled & put.awaits == 0 {
                continue;
            }
            let place = Place::new(put.element, put.component);
            match &put.what {
                What::Constant(value) => self.stage_made(place, value),
                What::Field { cell, rule } => self.stage_field(place, item, *cell, *rule, &plan.tag),
                What::Again { cell, rule } => {
                    if self.staged_at(place).is_none() && self.scratch.taken.restore(item, *cell) {
                        self.stage_field(place, item, *cell, *rule, &plan.tag);
                    }
                }
                What::Agrees { cell, rule } => self.agrees(place, item, *cell, *rule, &plan.tag),
                What::Computed(number) => {
                    if self.staged_at(place).is_none()
                        && let Some(Some(value)) = self.computed.get(usize::from(*number)).cloned()
                    {
                        self.stage_made(place, value.as_bytes());
                    }
                }
                What::Filler(_) | What::Copy { .. } => {}
                What::LevelId(cell) | What::LevelParent(cell) => {
                    let own = matches!(put.what, What::LevelId(_));
                    let id = if own { self.levels.id(item) } else { self.levels.parent(item) };
                    if let Some(id) = id {
                        self.stage_made(place, id.as_bytes());
                    }
                    if let Some(cell) = cell {
                        self.scratch.taken.clear(item, *cell);
                    }
                }
                What::LevelChildren => {
                    let children = self.levels.has_children(item);
                    self.stage_made(place, if children { b"1" } else { b"0" });
                }
            }
        }
        self.stage_runs(plan, item, true);
        if plan.completes {
            self.complete(plan, item);
        }
        if self.foreign {
            return;
        }
        self.emit(plan, item);
        while plan.again && self.has_more(plan, item) {
            let before = self.scratch.taken.filled(item);
            let first = self.first_left(plan, item);
            self.scratch.staged.clear();
            self.scratch.bytes.clear();
            for put in &plan.puts {
                if let What::Constant(value) = &put.what {
                    self.stage_made(Place::new(put.element, put.component), value);
                }
            }
            self.stage_runs(plan, item, false);
            // What cannot be staged at all stays, and is told as left over.
            if before == self.scratch.taken.filled(item) && first == self.first_left(plan, item) {
                break;
            }
            self.emit(plan, item);
        }
    }

    /// Puts in what the mapping says for elements that the document has nothing for, where the standard demands them.
    fn complete(&mut self, plan: &SegmentPlan, item: u32) {
        let Some(standard) = &plan.standard else { return };
        for put in &plan.puts {
            if !matches!(put.what, What::Filler(_) | What::Copy { .. }) {
                continue;
            }
            let (own, place) = (element_bit(put.element), Place::new(put.element, put.component));
            let present = self.scratch.staged.iter().fold(0, |all, staged| all | element_bit(staged.place.element));
            let mends = |note: &SyntaxNote| note.broken_by(present) && !note.broken_by(present | own);
            if present & own != 0 || standard.mandatory & own == 0 && !standard.notes.iter().any(mends) {
                continue;
            }
            match &put.what {
                What::Filler(value) => self.stage_made(place, value),
                What::Copy { cell, rule } => {
                    let mut value = Vec::new();
                    let said = self.scratch.taken.said(self.text, item, *cell);
                    if let Some(Convert::Value(converter)) =
                        self.plan.rules.get(*rule as usize).map(|rule| &rule.convert)
                        && !said.is_empty()
                        && converter.write(said, &mut value).is_some()
                    {
                        self.stage_made(place, &value);
                    }
                }
                _ => {}
            }
        }
    }

    fn first_left(&self, plan: &SegmentPlan, item: u32) -> u32 {
        let list = plan.pairs.as_ref().and_then(|pairs| pairs.list.as_ref()).or_else(|| plan.elements.first());
        list.map_or(NONE, |run| self.scratch.taken.first(item, run.cell))
    }

    /// Whether pairs or elements are left that another segment may hold.
    fn has_more(&self, plan: &SegmentPlan, item: u32) -> bool {
        let filled = self.scratch.taken.filled(item);
        let named = plan.pairs.iter().flat_map(|pairs| &pairs.named).any(|named| filled & bit(named.cell) != 0);
        let listed = plan.pairs.iter().filter_map(|pairs| pairs.list.as_ref()).chain(&plan.elements);
        named || listed.into_iter().any(|run| filled & bit(run.cell) != 0)
    }

    fn stage_runs(&mut self, plan: &'p SegmentPlan, item: u32, first: bool) {
        if let Some(pairs) = &plan.pairs {
            // Where a segment goes on, its fixed elements are free.
            let all = 1u32.checked_shl(u32::from(pairs.pairs.count)).map_or(u32::MAX, |bit| bit - 1);
            self.stage_pairs(plan, pairs, item, if first { pairs.free } else { all });
        }
        for run in &plan.elements {
            self.stage_elements(plan, run, item);
        }
    }

    /// Puts as many pairs into the segment as it has room for.
    fn stage_pairs(&mut self, plan: &SegmentPlan, pairs: &'p PairPlan, item: u32, mut free: u32) {
        let mut next = move || {
            let number = free.trailing_zeros() as u8;
            (free != 0).then(|| {
                free &= free - 1;
                pairs.pairs.first + number * pairs.pairs.stride
            })
        };
        for named in &pairs.named {
            if self.scratch.taken.filled(item) & bit(named.cell) == 0 {
                continue;
            }
            let Some(at) = next() else { return };
            self.stage_field(Place::new(at + 1, 0), item, named.cell, named.rule, &plan.tag);
            if self.staged_at(Place::new(at + 1, 0)).is_some() {
                self.stage_made(Place::new(at, 0), &named.qualifier);
            }
        }
        let Some(run) = &pairs.list else { return };
        let (mut beside, mut unused) = (None, None);
        loop {
            let one = self.scratch.taken.first(item, run.cell);
            if !exists(one) || !self.shares(run, one, &mut beside, plan) {
                return;
            }
            let Some(at) = unused.take().or_else(&mut next) else { return };
            let before = self.scratch.staged.len();
            for (cell, rule, part, component) in &run.own {
                let element = match part {
                    Part::Qualifier => at,
                    Part::Value => at + 1,
                    Part::Third if pairs.pairs.stride > 2 => at + 2,
                    Part::Third => continue,
                };
                self.stage_field(Place::new(element, *component), one, *cell, *rule, &plan.tag);
            }
            if std::mem::take(&mut self.foreign) {
                self.scratch.staged.truncate(before);
                unused = Some(at);
                self.leave(one);
            }
            self.done(one);
            self.scratch.taken.pop(item, run.cell);
        }
    }

    /// Puts items into the elements of the segment, one each, or all into one as repetitions.
    fn stage_elements(&mut self, plan: &SegmentPlan, run: &'p Run, item: u32) {
        let mut beside = None;
        for slot in &run.elements {
            let mut repetition = 0;
            loop {
                let one = self.scratch.taken.first(item, run.cell);
                if !exists(one) || !self.shares(run, one, &mut beside, plan) {
                    return;
                }
                if let Some(wrap) = slot.wrap {
                    self.wrap(wrap, one);
                }
                for (cell, rule, _, component) in &run.own {
                    let component = if *component == 0 { slot.component } else { *component };
                    let place = Place { element: slot.element, repetition, component };
                    self.stage_field(place, one, *cell, *rule, &plan.tag);
                }
                self.done(one);
                self.scratch.taken.pop(item, run.cell);
                repetition += 1;
                if !slot.repeats {
                    break;
                }
            }
        }
    }

    /// Puts what the items of a segment share into it, with the first of them; whether this one shares it.
    fn shares(&mut self, run: &Run, one: u32, beside: &mut Option<u32>, plan: &SegmentPlan) -> bool {
        match *beside {
            None => {
                for (cell, rule, element, component) in &run.beside {
                    self.stage_field(Place::new(*element, *component), one, *cell, *rule, &plan.tag);
                }
                *beside = Some(one);
            }
            Some(first) => {
                let same = run.beside.iter().all(|(cell, ..)| {
                    self.scratch.taken.said(self.text, first, *cell) == self.scratch.taken.said(self.text, one, *cell)
                });
                if !same {
                    return false;
                }
                for (cell, ..) in &run.beside {
                    self.scratch.taken.clear(one, *cell);
                }
            }
        }
        true
    }

    fn staged_at(&self, place: Place) -> Option<&Staged> {
        self.scratch.staged.iter().rev().find(|staged| staged.place == place)
    }

    fn stage_made(&mut self, place: Place, value: &[u8]) {
        let bytes = &mut self.scratch.bytes;
        let start = bytes.len() as u32;
        bytes.extend_from_slice(value);
        let end = bytes.len() as u32;
        bytes.extend_from_slice(&[0; BLOCK]);
        let staged =
            Staged { place, start, end, made: true, item: NONE, cell: NO_CELL, rule: NO_RULE, known: Known::Nothing };
        self.scratch.staged.push(staged);
    }

    /// Puts a field into its place: what the document says, or what stands there where it says nothing.
    #[inline]
    fn stage_field(&mut self, place: Place, item: u32, cell: u16, rule: u32, tag: &str) {
        if !self.stage_quick(place, item, cell, rule) {
            self.stage_by_rule(place, item, cell, rule, tag);
        }
    }

    /// Puts a field into its place that can be written without a look at its rule, as most can; or does nothing.
    #[inline]
    fn stage_quick(&mut self, place: Place, item: u32, cell: u16, rule: u32) -> bool {
        let quick = self.writing.quick.get(rule as usize).copied().unwrap_or(Quick::No);
        let scratch = &mut *self.scratch;
        let Some(found) = scratch.taken.cell(item, cell) else { return false };
        if quick == Quick::No || scratch.staged.last().is_some_and(|staged| staged.place == place) {
            return false;
        }
        // What holds escapes ends far behind the text.
        let length = found.end.wrapping_sub(found.start) as usize;
        let text = self.text.as_bytes().get(found.start as usize..).unwrap_or_default();
        let Some(block) = text.first_chunk::<BLOCK>() else { return false };
        let edge = |at: usize| text.get(at).is_none_or(|byte| *byte <= b' ');
        let bytes = &mut scratch.bytes;
        let ((start, end), made, known) = match quick {
            Quick::Text if is_plain_text(text, length) => ((found.start, found.end), false, Known::Nothing),
            Quick::Trim if is_plain_text(text, length) && !edge(length - 1) => {
                ((found.start, found.end), false, Known::Nothing)
            }
            Quick::Integer | Quick::Decimal if is_whole(block, length) => {
                ((found.start, found.end), false, Known::Whole(length as u8))
            }
            Quick::Decimal if is_decimal(block, length) => {
                ((found.start, found.end), false, Known::Decimal(length as u8 - 1))
            }
            Quick::Date => match date(block, length) {
                Some(date) => (make(bytes, date, date.len()), true, Known::Date),
                None => return false,
            },
            Quick::Codes(table) if !edge(0) => {
                let table = self.tables.get(usize::from(table));
                let Some((code, length)) = table.and_then(|table| table.short_code(block, length)) else {
                    return false;
                };
                (make(bytes, *code, length), true, Known::Nothing)
            }
            _ => return false,
        };
        scratch.taken.clear(item, cell);
        scratch.staged.push(Staged { place, start, end, made, item, cell, rule, known });
        true
    }

    fn stage_by_rule(&mut self, place: Place, item: u32, cell: u16, rule: u32, tag: &str) {
        let plan = self.plan;
        let Some(compiled) = plan.rules.get(rule as usize) else { return };
        let Some(value) = self.scratch.taken.value(self.text, item, cell) else {
            if let Some(absent) = compiled.absent.as_deref().filter(|_| self.staged_at(place).is_none()) {
                self.stage_made(place, absent);
            } else if compiled.required {
                let text = format!("a document needs `{}`, and there is none", compiled.origin.name);
                self.problem(codes::REQUIRED_VALUE, text, item, Some(cell), Some(rule), Some((tag, place.element)));
            }
            return;
        };
        let last = self.scratch.staged.last().is_some_and(|staged| staged.place == place);
        if last || compiled.constant.is_some() {
            if let (Some(constant), false) = (&compiled.constant, last) {
                self.stage_made(place, constant);
            }
            return self.agrees(place, item, cell, rule, tag);
        }
        self.scratch.taken.clear(item, cell);
        let start = self.scratch.bytes.len();
        let staged = match (value, &compiled.convert) {
            (Text::Plain(text), _) if compiled.omits(text) => return,
            (Text::Plain(text), Convert::Value(converter))
                if converter.writes_as_is(text) && is_plain(text.as_bytes()) =>
            {
                if text.bytes().all(|byte| byte == b' ') {
                    return;
                }
                let start = text.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr()) as u32;
                Staged {
                    place,
                    start,
                    end: start + text.len() as u32,
                    made: false,
                    item,
                    cell,
                    rule,
                    known: Known::Nothing,
                }
            }
            (value, convert) => {
                let owned;
                let text = match value {
                    Text::Plain(text) => text,
                    Text::Escaped(text) => {
                        owned = unescape(text);
                        owned.as_str()
                    }
                };
                if text.bytes().all(|byte| byte == b' ') {
                    return;
                }
                if let Err((code, problem)) =
                    convert_out(compiled, (convert, self.tables), text, self.charset, &mut self.scratch.bytes)
                {
                    if compiled.leaves_foreign && is_foreign_code(text) && !text.starts_with("x12:") {
                        self.foreign = true;
                        return;
                    }
                    let text = problem;
                    self.problem(code, text, item, Some(cell), Some(rule), Some((tag, place.element)));
                    self.scratch.bytes.truncate(start);
                    return;
                }
                let end = self.scratch.bytes.len() as u32;
                self.scratch.bytes.extend_from_slice(&[0; BLOCK]);
                Staged { place, start: start as u32, end, made: true, item, cell, rule, known: Known::Nothing }
            }
        };
        self.scratch.staged.push(staged);
    }

    /// What stands in a place already must read as what the document says of this field.
    fn agrees(&mut self, place: Place, item: u32, cell: u16, rule: u32, tag: &str) {
        let plan = self.plan;
        let Some(compiled) = plan.rules.get(rule as usize) else { return };
        let Some(value) = self.scratch.taken.raw(self.text, item, cell) else { return };
        let said = self.staged_at(place).map(|staged| self.bytes(*staged).to_vec());
        let read_only = compiled.is_read_only();
        self.scratch.taken.clear(item, cell);
        if compiled.omits(value) {
            return;
        }
        let Some(said) = said else {
            // A field that is only read may say what it likes where nothing is written; but not in a place that is.
            if !read_only {
                self.problem(codes::NO_PLACE, "it was not written".to_owned(), item, Some(cell), Some(rule), None);
            }
            return;
        };
        if !compiled.reads_as(self.tables, &said, value, self.charset) {
            let shown = String::from_utf8_lossy(&said).into_owned();
            let text = format!(
                "the document says `{value}`, but {tag}{:02} is `{shown}`, which does not mean that",
                place.element
            );
            self.problem(codes::CONTRADICTION, text, item, Some(cell), Some(rule), Some((tag, place.element)));
        }
    }

    fn bytes(&self, staged: Staged) -> &[u8] {
        let all = if staged.made { &self.scratch.bytes } else { self.text.as_bytes() };
        all.get(staged.start as usize..staged.end as usize).unwrap_or_default()
    }

    /// Whether the head of an item would have all that the standard demands.
    pub(super) fn is_whole(&self, plan: &SegmentPlan, item: u32) -> bool {
        let Some(standard) = &plan.standard else { return false };
        let filled = self.scratch.taken.filled(item);
        let mut present = 0;
        for put in &plan.puts {
            let there = match put.what {
                What::Field { cell, rule } => {
                    filled & bit(cell) != 0
                        || self.plan.rules.get(rule as usize).is_some_and(|rule| rule.absent.is_some())
                }
                What::Agrees { .. } | What::Again { .. } | What::Filler(_) | What::Copy { .. } => false,
                _ => true,
            };
            if there {
                present |= element_bit(put.element);
            }
        }
        for run in &plan.elements {
            let mut one = self.scratch.taken.first(item, run.cell);
            for slot in &run.elements {
                if !exists(one) {
                    break;
                }
                present |= element_bit(slot.element);
                one = self.scratch.taken.item(one).map_or(NONE, |one| one.next);
            }
            if exists(one) && !plan.again {
                return false;
            }
        }
        present & standard.mandatory == standard.mandatory && !standard.notes.iter().any(|note| note.broken_by(present))
    }
}

/// The bit of an element.
#[inline]
fn element_bit(element: u8) -> u64 {
    1u64.checked_shl(u32::from(element).wrapping_sub(1)).unwrap_or_default()
}

/// Adds the first bytes of a block, and tells where they are. Each has a whole block of room, so that it is read back as
/// it was written.
#[inline]
fn make(bytes: &mut Vec<u8>, block: [u8; 8], length: usize) -> (u32, u32) {
    let start = bytes.len();
    bytes.extend_from_slice(&(u128::from(u64::from_le_bytes(block))).to_le_bytes());
    (start as u32, (start + length) as u32)
}
