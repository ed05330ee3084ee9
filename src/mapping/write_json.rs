//! From filled slots to JSON, in the order of the schema, with keys made ready at compile time.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{ops::Range, sync::Arc};

use super::{
    codes, joining,
    page::{Page, Ready},
    plan::{Convert, FieldRule, Layout, OUTSIDE, Op, Plan, Quick, What},
    problem::Problem,
    provenance::Mark,
    read::{Cell, Item, NONE, PROBLEMS, Scratch, distance},
    table::{self, Missing, Table},
    text::{Charset, write_string},
};
use crate::x12::token::SetView;

/// Writes the document that the slots hold to the page of the scratch. Answers where its `lines` stand, the comma before
/// them included.
pub(crate) fn write(
    plan: &Plan,
    tables: &[Arc<Table>],
    set: &SetView<'_>,
    charset: Charset,
    scratch: &mut Scratch,
) -> Option<Range<usize>> {
    let root = scratch.items.first().copied()?;
    let mut out = std::mem::take(&mut scratch.page);
    let traces = scratch.marks.is_some();
    let bytes = set.bytes();
    let mut writer = Writer { plan, tables, set, bytes, charset, traces, scratch, out: &mut out, lines: None };
    writer.item(&root);
    let lines = writer.lines;
    // The comma behind it.
    out.cut(out.len().saturating_sub(1));
    scratch.page = out;
    lines
}

struct Writer<'p, 'a> {
    plan: &'p Plan,
    tables: &'p [Arc<Table>],
    set: &'p SetView<'a>,
    bytes: &'a [u8],
    charset: Charset,
    /// Whether it is noted where each value came from.
    traces: bool,
    scratch: &'p mut Scratch,
    out: &'p mut Page,
    /// Where the document's own `lines` stand.
    lines: Option<Range<usize>>,
}

/// The key of a document's lines, as keys are made ready.
const LINES: &[u8] = b"\"lines\":";

impl<'p> Writer<'p, '_> {
    /// Writes an item. Where it cannot be one, or has nothing in it, nothing is written.
    fn item(&mut self, item: &Item) {
        let plan = self.plan;
        let Some(kind) = plan.kinds.get(usize::from(item.kind)) else { return };
        if kind.plain {
            if let [op] = kind.layout.ops.as_slice() {
                self.plain(item, op);
            }
            return;
        }
        let layout = &kind.layout;
        let mut there = item.filled | layout.always;
        for (ops, needs) in &layout.guarded {
            if there & ops != 0 && there & needs != *needs {
                self.keep_ops(item, layout, there & ops);
                there &= !ops;
            }
        }
        if there & layout.needs != layout.needs {
            return self.keep_item(item);
        }
        if layout.held & !there != 0 {
            self.hold(item, layout, layout.held & !there);
        }
        let start = self.out.len();
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
                What::Field { rule } => {
                    if !self.quick(item, op, number as u16) {
                        self.value(item, Some(&op.key), number as u16, rule);
                    }
                }
                What::List => {
                    let before = self.out.len() - usize::from(self.out.last() == Some(b','));
                    self.list(item, &op.key, number as u16);
                    if start == 0 && open == OUTSIDE && *op.key.bytes() == *LINES {
                        // The comma behind it belongs to what comes next.
                        self.lines = Some(before..before.max(self.out.len() - 1));
                    }
                }
            }
        }
        if open != OUTSIDE {
            self.go(layout, open, OUTSIDE);
        }
        if self.out.len() > inside {
            self.out.close(b'}');
        } else if start > 0 {
            self.out.cut(start);
        } else {
            self.out.put(b"},");
        }
    }

    /// From one object of an item to another: closes what does not hold the other, and opens what does.
    fn go(&mut self, layout: &Layout, mut from: u8, to: u8) {
        while let Some(object) = layout.objects.get(usize::from(from)) {
            if holds(layout, from, to) {
                break;
            }
            // An object in which nothing could be written is none.
            if self.out.last() == Some(b'{') {
                self.out.cut(self.out.len().saturating_sub(object.key.bytes().len()));
            } else {
                self.out.close(b'}');
            }
            from = object.parent;
        }
        if from != to
            && let Some(object) = layout.objects.get(usize::from(to))
        {
            if from != object.parent {
                self.go(layout, from, object.parent);
            }
            self.out.ready(&object.key);
        }
    }

    fn list(&mut self, item: &Item, key: &Ready, cell: u16) {
        let before = self.out.len();
        self.out.ready(key);
        self.out.push(b'[');
        let inside = self.out.len();
        let mut next = self.cell(item, cell).start;
        self.join(next);
        while let Some(item) = self.scratch.items.get(next as usize).copied() {
            self.item(&item);
            next = item.next;
        }
        if self.out.len() == inside {
            self.out.cut(before);
        } else {
            self.out.close(b']');
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
    #[inline(never)]
    fn plain(&mut self, item: &Item, op: &Op) {
        if let What::Field { rule } = op.what
            && item.filled != 0
            && !self.quick(item, op, 0)
        {
            self.value(item, None, 0, rule);
        }
    }

    #[inline]
    fn cell(&self, item: &Item, cell: u16) -> Cell {
        self.scratch.cells.get(item.cells as usize + usize::from(cell)).copied().unwrap_or_default()
    }

    /// Writes a field without its rule, as most can be; or nothing.
    #[inline(always)]
    fn quick(&mut self, item: &Item, op: &Op, cell: u16) -> bool {
        if op.quick == Quick::No || item.filled & (1u64 << (cell & 63)) == 0 || self.traces {
            return false;
        }
        let Cell { start, end } = self.cell(item, cell);
        let length = end.wrapping_sub(start) as usize;
        let Some(text) = self.bytes.get(start as usize..) else { return false };
        let edge = |at: usize| text.get(at).is_none_or(|byte| *byte <= b' ');
        let key = &op.key;
        match op.quick {
            Quick::Text => self.out.string(key, text, length),
            Quick::Trim => !edge(0) && !edge(length.wrapping_sub(1)) && self.out.string(key, text, length),
            Quick::Integer => self.out.integer(key, text, length),
            Quick::Decimal => self.out.decimal(key, text, length),
            Quick::Date => self.out.date(key, text, length),
            Quick::Codes(table) => match self.table(table).and_then(|table| table.ready(text, length)) {
                Some(word) => self.out.word(key, word),
                None => false,
            },
            Quick::No => false,
        }
    }

    /// Writes a key, if it has one, and a value; neither where the value cannot be read.
    fn value(&mut self, item: &Item, key: Option<&Ready>, cell: u16, number: u32) {
        let Some(rule) = self.plan.rules.get(number as usize) else { return };
        let before = self.out.len();
        if let Some(key) = key {
            self.out.ready(key);
        }
        if item.filled & (1u64 << (cell & 63)) == 0 {
            if let Some(default) = &rule.default {
                self.out.put(default);
            }
            self.out.push(b',');
            return;
        }
        let start = self.out.len();
        let span = self.cell(item, cell);
        let Some(value) = self.bytes.get(span.start as usize..span.end as usize) else {
            return self.joined(start, span, number);
        };
        let mut json = std::mem::take(&mut self.scratch.value);
        json.clear();
        let read = match &rule.convert {
            Convert::Value(converter) => converter.read(value, self.charset, &mut json),
            Convert::Cross(table, missing) => self.cross(value, *table, *missing, span, rule, &mut json),
            Convert::Codes(table, missing) => {
                match self.table(*table).and_then(|table| table.read_json(value, &mut json)) {
                    None if *missing == Missing::Pass => {
                        table::pass(value, self.charset, &mut json);
                        Some(())
                    }
                    read => read,
                }
            }
        };
        self.out.put(&json);
        self.scratch.value = json;
        if read.is_none() || rule.constant.is_some() {
            self.check(before, read.is_some(), value, span, rule);
        }
        if self.traces {
            self.mark(start, span, number);
        }
        if self.out.len() > before {
            self.out.push(b',');
        }
    }

    /// Writes a text that was longer than its element.
    #[cold]
    fn joined(&mut self, start: usize, span: Cell, rule: u32) {
        let text = self.scratch.joined.text(span, self.bytes.len()).unwrap_or_default();
        let mut json = Vec::new();
        write_string(text, self.charset, &mut json);
        self.out.put(&json);
        let parts = self.scratch.joined.parts(span, self.bytes.len());
        if let (Some(_), [first, .., last]) = (&self.scratch.marks, parts) {
            self.mark(start, Cell { start: first.start, end: last.end }, rule);
        }
        self.out.push(b',');
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
    fn cross(
        &mut self,
        value: &[u8],
        table: u16,
        missing: Missing,
        span: Cell,
        rule: &FieldRule,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        if let Some(read) = self.table(table).and_then(|table| table.read_json(value, out)) {
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
        write_string(value.trim_ascii(), self.charset, out);
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
        self.out.cut(before);
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
