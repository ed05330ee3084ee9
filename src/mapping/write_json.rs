//! From filled slots to JSON, in the order of the schema, with keys made ready at compile time.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use super::{
    codes,
    file::Only,
    plan::{Convert, FieldRule, Op, Plan},
    problem::Problem,
    read::{Item, NONE, PROBLEMS, Scratch, Span},
    table::{self, Missing},
    text::Charset,
};
use crate::x12::token::SetView;

/// Objects in objects in one item: canonical documents have two.
const DEEPEST: usize = 8;

/// Writes the document that the slots hold.
pub(crate) fn write(plan: &Plan, set: &SetView<'_>, charset: Charset, scratch: &mut Scratch, out: &mut Vec<u8>) {
    let Some(root) = scratch.items.first().copied() else { return };
    Writer { plan, set, bytes: set.bytes(), charset, scratch, out }.item(&root);
}

struct Writer<'p, 'a> {
    plan: &'p Plan,
    set: &'p SetView<'a>,
    bytes: &'a [u8],
    charset: Charset,
    scratch: &'p mut Scratch,
    out: &'p mut Vec<u8>,
}

/// What became of a field.
enum Written {
    Yes,
    /// There is no value.
    No,
    /// There is no value, and without it there is no object.
    Broken,
}

impl Writer<'_, '_> {
    /// Writes an item. Where it cannot be one, or has nothing in it, nothing is written.
    fn item(&mut self, item: &Item) {
        let plan = self.plan;
        let Some(kind) = plan.kinds.get(usize::from(item.kind)) else { return };
        let start = self.out.len();
        if kind.plain {
            if let [Op::Field { slot, rule, .. }] = kind.layout.as_slice() {
                let written = self.field(item, &[], *slot, *rule);
                if !matches!(written, Written::Yes) {
                    self.out.truncate(start);
                }
            }
            return;
        }
        self.comma();
        self.out.push(b'{');
        let inside = self.out.len();
        let mut broken = false;
        // Where the objects that are open began: before the key, after the brace, at which part, and whether broken.
        let mut open = [(0, 0, 0, false); DEEPEST];
        let mut depth = 0usize;
        for (number, op) in kind.layout.iter().enumerate() {
            match op {
                Op::Field { key, slot, rule } => {
                    if let Written::Broken = self.field(item, key, *slot, *rule) {
                        match depth.checked_sub(1).and_then(|depth| open.get_mut(depth)) {
                            Some(object) => object.3 = true,
                            None => broken = true,
                        }
                    }
                }
                Op::List { key, head } => self.list(item, key, *head),
                Op::Object { key } => {
                    let before = self.out.len();
                    self.comma();
                    self.out.extend_from_slice(key);
                    self.out.push(b'{');
                    if let Some(slot) = open.get_mut(depth) {
                        *slot = (before, self.out.len(), number, false);
                    }
                    depth += 1;
                }
                Op::Close => {
                    depth = depth.saturating_sub(1);
                    let (before, inside, from, broken) = open.get(depth).copied().unwrap_or_default();
                    if broken {
                        for op in kind.layout.get(from..number).unwrap_or_default() {
                            if let Op::Field { slot, .. } = op {
                                self.keep_slot(item, *slot);
                            }
                        }
                    }
                    if broken || self.out.len() == inside {
                        self.out.truncate(before);
                    } else {
                        self.out.push(b'}');
                    }
                }
            }
        }
        if broken {
            self.keep_item(item);
        }
        if broken || self.out.len() == inside && start > 0 {
            self.out.truncate(start);
        } else {
            self.out.push(b'}');
        }
    }

    fn list(&mut self, item: &Item, key: &[u8], head: u16) {
        let Some(mut next) = self.scratch.heads.get(item.heads as usize + usize::from(head)).map(|head| head.first)
        else {
            return;
        };
        if next == NONE {
            return;
        }
        let before = self.out.len();
        self.comma();
        self.out.extend_from_slice(key);
        self.out.push(b'[');
        let inside = self.out.len();
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

    #[inline]
    fn field(&mut self, item: &Item, key: &[u8], slot: u16, rule: u32) -> Written {
        let plan = self.plan;
        let Some(rule) = plan.rules.get(rule as usize) else { return Written::No };
        let span = self.scratch.slots.get(item.slots as usize + usize::from(slot)).copied().unwrap_or_default();
        let mut value = self.bytes.get(span.start as usize..span.end as usize).unwrap_or_default();
        if value.first() == Some(&b' ')
            && value.trim_ascii().is_empty()
            && !matches!(&rule.convert, Convert::Value(converter) if !converter.trims())
        {
            value = &[];
        }
        if value.is_empty() {
            return self.no_value(item, key, rule);
        }
        if let Some(constant) = &rule.constant
            && &**constant != value.trim_ascii()
        {
            let text = format!("`{}` always holds `{}`", rule.name, String::from_utf8_lossy(constant));
            self.problem(codes::NOT_THE_CONSTANT, text, span, rule);
            return Written::No;
        }
        let before = self.out.len();
        self.comma();
        self.out.extend_from_slice(key);
        let read = match &rule.convert {
            Convert::Value(converter) => converter.read(value, self.charset, self.out),
            Convert::Codes(table, missing) => match table.read_json(value, self.out) {
                None if *missing == Missing::Pass => {
                    table::pass(value, self.charset, self.out);
                    Some(())
                }
                read => read,
            },
        };
        if read.is_some() {
            return Written::Yes;
        }
        self.out.truncate(before);
        match &rule.convert {
            // A rule for reading only looks at a place that another rule keeps.
            Convert::Codes(_, Missing::Skip) if rule.only == Some(Only::Read) => {}
            Convert::Codes(_, Missing::Skip) => self.keep(span),
            Convert::Codes(..) => self.problem(
                codes::UNKNOWN_CODE,
                format!("the code table of `{}` does not have this code", rule.name),
                span,
                rule,
            ),
            Convert::Value(converter) => {
                let text = format!("`{}` is {}", rule.name, converter.expects());
                self.problem(codes::UNREADABLE_VALUE, text, span, rule);
            }
        }
        Written::No
    }

    fn no_value(&mut self, item: &Item, key: &[u8], rule: &FieldRule) -> Written {
        if let Some(default) = &rule.default {
            self.comma();
            self.out.extend_from_slice(key);
            self.out.extend_from_slice(default);
            return Written::Yes;
        }
        if rule.required {
            if self.scratch.problems.len() < PROBLEMS {
                let text = format!("a document needs `{}`, and there is none", rule.name);
                self.scratch.problems.push(Problem::missing(codes::REQUIRED_VALUE, text, self.set, item.segment, rule));
            }
            return Written::No;
        }
        if rule.needed { Written::Broken } else { Written::No }
    }

    #[inline]
    fn comma(&mut self) {
        if !matches!(self.out.last(), None | Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    #[cold]
    fn problem(&mut self, code: crate::error::Code, text: String, span: Span, rule: &FieldRule) {
        if self.scratch.problems.len() < PROBLEMS
            && let Some((segment, element)) = find(self.set, span.start)
        {
            self.scratch.problems.push(Problem::at_value(code, text, self.set, segment, element, self.charset, rule));
        }
    }

    fn keep_slot(&mut self, item: &Item, slot: u16) {
        let span = self.scratch.slots.get(item.slots as usize + usize::from(slot)).copied().unwrap_or_default();
        if !span.is_empty() {
            self.keep(span);
        }
    }

    /// Puts all that an item holds, and the items in it, to the extras.
    #[cold]
    fn keep_item(&mut self, item: &Item) {
        let Some(kind) = self.plan.kinds.get(usize::from(item.kind)) else { return };
        for slot in 0..kind.slots {
            self.keep_slot(item, slot);
        }
        for head in 0..kind.heads {
            let mut next =
                self.scratch.heads.get(item.heads as usize + usize::from(head)).map_or(NONE, |head| head.first);
            while let Some(inner) = self.scratch.items.get(next as usize).copied() {
                self.keep_item(&inner);
                next = inner.next;
            }
        }
    }

    #[cold]
    fn keep(&mut self, span: Span) {
        if let Some((segment, element)) = find(self.set, span.start) {
            self.scratch.extras.push((segment, element));
        }
    }
}

/// The segment, from 0, and element in which a byte of the set lies.
fn find(set: &SetView<'_>, start: u32) -> Option<(u32, u16)> {
    let at = set.offset() + u64::from(start);
    let (mut low, mut high) = (0, set.len());
    while low + 1 < high {
        let middle = low.midpoint(high);
        match set.segment(middle) {
            Some(segment) if segment.offset() <= at => low = middle,
            _ => high = middle,
        }
    }
    let segment = set.segment(low)?;
    let element = (1..=segment.len()).rev().find(|number| segment.element_offset(*number) <= at)?;
    Some((low as u32, element as u16))
}
