//! From filled slots to JSON, in the order of the schema, with keys made ready at compile time.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{ops::Range, sync::Arc};

use super::{
    codes, joining,
    plan::{Convert, FieldRule, Layout, OUTSIDE, Op, Plan, What},
    problem::Problem,
    provenance::Mark,
    read::{Cell, Item, NONE, PROBLEMS, Scratch, distance},
    table::{self, Missing, Table},
    text::{Charset, write_string},
};
use crate::x12::token::SetView;

/// Writes the document that the slots hold. Answers where its `lines` stand, the comma before them included.
pub(crate) fn write(
    plan: &Plan,
    tables: &[Arc<Table>],
    set: &SetView<'_>,
    charset: Charset,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Option<Range<usize>> {
    let root = scratch.items.first().copied()?;
    let mut writer = Writer { plan, tables, set, bytes: set.bytes(), charset, scratch, out, lines: None };
    writer.item(&root);
    writer.lines
}

struct Writer<'p, 'a> {
    plan: &'p Plan,
    tables: &'p [Arc<Table>],
    set: &'p SetView<'a>,
    bytes: &'a [u8],
    charset: Charset,
    scratch: &'p mut Scratch,
    out: &'p mut Vec<u8>,
    /// Where the document's own `lines` stand.
    lines: Option<Range<usize>>,
}

/// The key of a document's lines, as keys are made ready.
const LINES: &[u8] = b",\"lines\":";

impl<'p> Writer<'p, '_> {
    /// Writes an item. Where it cannot be one, or has nothing in it, nothing is written.
    fn item(&mut self, item: &Item) {
        let plan = self.plan;
        let Some(kind) = plan.kinds.get(usize::from(item.kind)) else { return };
        if kind.plain {
            if let [Op { what: What::Field { rule }, .. }] = kind.layout.ops.as_slice() {
                self.plain(item, *rule);
            }
            return;
        }
        let layout = &kind.layout;
        let mut there = item.filled | layout.always;
        for object in layout.objects.iter().rev() {
            if there & object.ops != 0 && there & object.needs != object.needs {
                self.keep_ops(item, layout, there & object.ops);
                there &= !object.ops;
            }
        }
        if there & layout.needs != layout.needs {
            return self.keep_item(item);
        }
        if layout.held & !there != 0 {
            self.hold(item, layout, layout.held & !there);
        }
        let start = self.out.len();
        if self.out.last().is_some_and(|last| *last != b'[') {
            self.out.push(b',');
        }
        self.out.push(b'{');
        let inside = self.out.len();
        let mut open = OUTSIDE;
        while there != 0 {
            let number = there.trailing_zeros() as usize;
            there &= there - 1;
            let Some(op) = layout.ops.get(number) else { break };
            if op.object != open {
                self.go(layout, open, op.object);
                open = op.object;
            }
            match op.what {
                What::Field { rule } => self.field(item, &op.key, number as u16, rule),
                What::List => {
                    let before = self.out.len();
                    self.list(item, &op.key, number as u16);
                    if start == 0 && open == OUTSIDE && *op.key == *LINES {
                        self.lines = Some(before..self.out.len());
                    }
                }
            }
        }
        self.go(layout, open, OUTSIDE);
        if self.out.len() == inside && start > 0 {
            self.out.truncate(start);
        } else {
            self.out.push(b'}');
        }
    }

    /// From one object of an item to another: closes what does not hold the other, and opens what does.
    fn go(&mut self, layout: &Layout, mut from: u8, to: u8) {
        while let Some(object) = layout.objects.get(usize::from(from)) {
            if holds(layout, from, to) {
                break;
            }
            // An object in which nothing could be written is none.
            if self.out.last() == Some(&b'{') {
                let length = (self.out.len() + 1).saturating_sub(object.key.len());
                self.out.truncate(length);
                if self.out.last() == Some(&b',') {
                    self.out.pop();
                }
            } else {
                self.out.push(b'}');
            }
            from = object.parent;
        }
        if from != to
            && let Some(object) = layout.objects.get(usize::from(to))
        {
            self.go(layout, from, object.parent);
            self.key(&object.key);
        }
    }

    fn list(&mut self, item: &Item, key: &[u8], cell: u16) {
        let before = self.out.len();
        self.key(key);
        self.out.push(b'[');
        let inside = self.out.len();
        let mut next = self.cell(item, cell).start;
        self.join(next);
        while let Some(item) = self.scratch.items.get(next as usize).copied() {
            self.item(&item);
            next = item.next;
        }
        if self.out.len() == inside {
            self.out.truncate(before);
        } else {
            self.out.push(b']');
        }
    }

    /// Makes one item of those that one text was written over.
    #[inline]
    fn join(&mut self, first: u32) {
        let plan = self.plan;
        if let Some(item) = self.scratch.items.get(first as usize)
            && item.next != NONE
            && plan.kinds.get(usize::from(item.kind)).is_some_and(|kind| kind.wraps.is_some())
        {
            joining::join(plan, self.set, self.charset, self.scratch, first);
        }
    }

    /// An item of a list of plain values.
    fn plain(&mut self, item: &Item, rule: u32) {
        if item.filled != 0 {
            let comma: &[u8] = if self.out.last() == Some(&b'[') { b"" } else { b"," };
            self.value(item, comma, 0, rule);
        }
    }

    #[inline]
    fn cell(&self, item: &Item, cell: u16) -> Cell {
        self.scratch.cells.get(item.cells as usize + usize::from(cell)).copied().unwrap_or_default()
    }

    #[inline]
    fn field(&mut self, item: &Item, key: &[u8], cell: u16, rule: u32) {
        let key = self.without_comma(key);
        self.value(item, key, cell, rule);
    }

    /// Writes what stands before a value, and the value; neither where the value cannot be read.
    #[inline]
    fn value(&mut self, item: &Item, before_it: &[u8], cell: u16, number: u32) {
        let Some(rule) = self.plan.rules.get(number as usize) else { return };
        let before = self.out.len();
        self.out.extend_from_slice(before_it);
        if item.filled & (1u64 << (cell & 63)) == 0 {
            if let Some(default) = &rule.default {
                self.out.extend_from_slice(default);
            }
            return;
        }
        let span = self.cell(item, cell);
        let Some(value) = self.bytes.get(span.start as usize..span.end as usize) else {
            return self.joined(before + before_it.len(), span, number);
        };
        let read = match &rule.convert {
            Convert::Value(converter) => converter.read(value, self.charset, self.out),
            Convert::Cross(table, missing) => self.cross(value, *table, *missing, span, rule),
            Convert::Codes(table, missing) => {
                match self.table(*table).and_then(|table| table.read_json(value, self.out)) {
                    None if *missing == Missing::Pass => {
                        table::pass(value, self.charset, self.out);
                        Some(())
                    }
                    read => read,
                }
            }
        };
        if read.is_none() || rule.constant.is_some() {
            self.check(before, read.is_some(), value, span, rule);
        }
        if self.scratch.marks.is_some() {
            self.mark(before + before_it.len(), span, number);
        }
    }

    /// Writes a text that was longer than its element.
    #[cold]
    fn joined(&mut self, start: usize, span: Cell, rule: u32) {
        let text = self.scratch.joined.text(span, self.bytes.len()).unwrap_or_default();
        write_string(text, self.charset, self.out);
        let parts = self.scratch.joined.parts(span, self.bytes.len());
        if let (Some(_), [first, .., last]) = (&self.scratch.marks, parts) {
            self.mark(start, Cell { start: first.start, end: last.end }, rule);
        }
    }

    /// Notes where a value came from. What was cut away again is noted no more.
    #[cold]
    fn mark(&mut self, start: usize, span: Cell, rule: u32) {
        let end = self.out.len();
        let set = self.set.offset();
        if let Some(marks) = &mut self.scratch.marks {
            marks.retain(|mark| mark.json.end <= start);
            if start < end {
                let bytes = set + u64::from(span.start)..set + u64::from(span.end);
                marks.push(Mark { json: start..end, bytes, rule });
            }
        }
    }

    #[inline]
    fn table(&self, number: u16) -> Option<&'p Table> {
        self.tables.get(usize::from(number)).map(|table| &**table)
    }

    /// Our name for what the partner calls this; as sent where the table does not have it and the rule lets it pass.
    fn cross(&mut self, value: &[u8], table: u16, missing: Missing, span: Cell, rule: &FieldRule) -> Option<()> {
        if let Some(read) = self.table(table).and_then(|table| table.read_json(value, self.out)) {
            return Some(read);
        }
        match missing {
            Missing::Hold | Missing::Skip => return None,
            Missing::Pass => {}
            Missing::Warn => {
                let text = format!("the table of `{}` does not have this; it was kept as sent", rule.origin.name);
                if let Some((segment, element)) = find(self.set, span.start)
                    && self.scratch.warnings.len() < PROBLEMS
                {
                    let code = codes::UNKNOWN_CODE;
                    let origin = &rule.origin;
                    let warning = Problem::at_value(code, text, self.set, segment, element, self.charset, origin);
                    self.scratch.warnings.push(warning);
                }
            }
        }
        write_string(value.trim_ascii(), self.charset, self.out);
        Some(())
    }

    /// A value that could not be read, or that must be a constant.
    #[cold]
    fn check(&mut self, before: usize, read: bool, value: &[u8], span: Cell, rule: &FieldRule) {
        let name = &rule.origin.name;
        match (&rule.constant, &rule.convert) {
            (Some(constant), _) if &**constant != value.trim_ascii() => {
                let text = format!("`{name}` always holds `{}`", String::from_utf8_lossy(constant));
                self.problem(codes::NOT_THE_CONSTANT, text, span, rule);
            }
            _ if read => return,
            // It only looks at a place that another rule keeps.
            (_, Convert::Codes(_, Missing::Skip)) if rule.shared || rule.is_read_only() => {}
            (_, Convert::Codes(_, Missing::Skip)) => self.keep(span),
            (_, Convert::Cross(_, Missing::Skip)) => self.keep(span),
            (_, Convert::Codes(..) | Convert::Cross(..)) => {
                let text = format!("the table of `{name}` does not have this");
                self.problem(codes::UNKNOWN_CODE, text, span, rule);
            }
            (_, Convert::Value(converter)) => {
                let text = format!("`{name}` is {}", converter.expects());
                self.problem(codes::UNREADABLE_VALUE, text, span, rule);
            }
        }
        self.out.truncate(before);
    }

    /// Tells which fields are not there without which the document is held.
    #[cold]
    fn hold(&mut self, item: &Item, layout: &Layout, mut missing: u64) {
        while missing != 0 {
            let number = missing.trailing_zeros() as usize;
            missing &= missing - 1;
            if let Some(Op { what: What::Field { rule }, .. }) = layout.ops.get(number)
                && let Some(rule) = self.plan.rules.get(*rule as usize)
                && self.scratch.problems.len() < PROBLEMS
            {
                let text = format!("a document needs `{}`, and there is none", rule.origin.name);
                self.scratch.problems.push(Problem::missing(
                    codes::REQUIRED_VALUE,
                    text,
                    self.set,
                    item.segment,
                    &rule.origin,
                ));
            }
        }
    }

    /// Puts these fields of an item to the extras.
    #[cold]
    fn keep_ops(&mut self, item: &Item, layout: &Layout, mut ops: u64) {
        while ops != 0 {
            let number = ops.trailing_zeros() as usize;
            ops &= ops - 1;
            match layout.ops.get(number).map(|op| op.what) {
                Some(What::Field { .. }) if item.filled & (1u64 << (number & 63)) != 0 => {
                    let cell = self.cell(item, number as u16);
                    self.keep(cell);
                }
                Some(What::List) => {
                    let mut next = self.cell(item, number as u16).start;
                    while let Some(inner) = self.scratch.items.get(next as usize).copied() {
                        self.keep_item(&inner);
                        next = inner.next;
                    }
                }
                _ => {}
            }
        }
    }

    /// A key begins with its comma, which the first one of an object does without.
    #[inline]
    fn without_comma<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        match self.out.last() {
            Some(b'{') => key.get(1..).unwrap_or_default(),
            _ => key,
        }
    }

    #[inline]
    fn key(&mut self, key: &[u8]) {
        let key = self.without_comma(key);
        self.out.extend_from_slice(key);
    }

    #[cold]
    fn problem(&mut self, code: crate::error::Code, text: String, span: Cell, rule: &FieldRule) {
        if self.scratch.problems.len() < PROBLEMS
            && let Some((segment, element)) = find(self.set, span.start)
        {
            self.scratch.problems.push(Problem::at_value(
                code,
                text,
                self.set,
                segment,
                element,
                self.charset,
                &rule.origin,
            ));
        }
    }

    /// Puts all that an item holds, and the items in it, to the extras.
    #[cold]
    fn keep_item(&mut self, item: &Item) {
        let plan = self.plan;
        if let Some(kind) = plan.kinds.get(usize::from(item.kind)) {
            self.keep_ops(item, &kind.layout, item.filled);
        }
    }

    #[cold]
    fn keep(&mut self, span: Cell) {
        let scratch = &mut *self.scratch;
        let parts = match scratch.joined.parts(span, self.bytes.len()) {
            [] => &[span],
            parts => parts,
        };
        scratch.extras.extend(parts.iter().filter_map(|part| find(self.set, part.start)));
    }
}

/// Whether `outer` is `inner` or around it.
fn holds(layout: &Layout, outer: u8, mut inner: u8) -> bool {
    while inner != outer {
        match layout.objects.get(usize::from(inner)) {
            Some(object) => inner = object.parent,
            None => return false,
        }
    }
    true
}

/// The segment, from 0, and element in which a byte of the set lies.
fn find(set: &SetView<'_>, start: u32) -> Option<(u32, u16)> {
    let bytes = set.bytes();
    let (mut low, mut high) = (0, set.len());
    while low + 1 < high {
        let middle = low.midpoint(high);
        match set.segment(middle) {
            Some(segment) if distance(bytes, segment.bytes()) <= start => low = middle,
            _ => high = middle,
        }
    }
    let segment = set.segment(low)?;
    let holds = |number: &usize| {
        let value = segment.element(*number);
        let first = distance(bytes, value);
        (first..first.saturating_add(value.len() as u32)).contains(&start)
    };
    let element = (1..=segment.len()).find(holds)?;
    Some((low as u32, element as u16))
}
