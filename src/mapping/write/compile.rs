//! From a mapping file to its plans for writing: the same rules as for reading, put into the order of the standard.
//!
//! What is wrong with a rule was said when it was compiled for reading; here it is only bound to its place.

use std::{collections::HashMap, sync::Arc};

use super::{
    compute::{Compute, NAMES, copied},
    form::{Form, bit},
    outline::{Outline, join, outline},
    plan::{Block, Bounded, LevelList, Named, PairPlan, Put, Room, Run, SegmentPlan, Slot, Step, What, WritePlan},
    wrapping::Wrap,
};
use crate::{
    config::Diagnostic,
    mapping::{
        codes,
        file::{Field, List, NamedList, Only, Rule, Scope, did_you_mean},
        place::{self, Leaf, Opener, OpenerKind, Part, Place, pairs_of},
        plan::FieldRule,
        shape::Shapes,
        wrap,
    },
    x12::standard::{NodeId, SetDef, Standard},
};

/// Compiles a mapping that was compiled for reading: one plan for each version of the standard that has the set.
pub(crate) fn compile(
    scope: &Scope,
    shapes: &Shapes,
    rules: &[FieldRule],
    set: &str,
) -> Result<Vec<WritePlan>, Vec<Diagnostic>> {
    let names: HashMap<&str, u32> =
        rules.iter().enumerate().map(|(number, rule)| (rule.origin.name.as_str(), number as u32)).collect();
    let Outline { form, cells, kinds } = outline(scope, shapes, &names);
    let form = Arc::new(form);
    let quick: Arc<[_]> = rules.iter().map(FieldRule::quick_out).collect();
    let (mut plans, mut found) = (Vec::new(), Vec::new());
    for version in Standard::VERSIONS {
        let Some(standard) = Standard::get(version) else { continue };
        let Some(set) = standard.set(set.as_bytes()) else { continue };
        let mut compiler = Compiler {
            standard,
            set,
            form: &form,
            rules,
            names: &names,
            cells: &cells,
            kinds: &kinds,
            lists: Vec::new(),
            levels: Vec::new(),
            computes: Vec::new(),
            found: Vec::new(),
        };
        let block = compiler.block(scope, "", None, &[], Some(NodeId::ROOT));
        found = compiler.found;
        plans.push(WritePlan {
            version: standard.version(),
            form: form.clone(),
            set: set.clone(),
            open: standard.segment_id(b"ST"),
            body: block.inner,
            lists: compiler.lists,
            levels: compiler.levels,
            computes: compiler.computes,
            quick: quick.clone(),
        });
    }
    if found.is_empty() { Ok(plans) } else { Err(found) }
}

struct Compiler<'a> {
    standard: &'static Standard,
    set: &'a Arc<SetDef>,
    form: &'a Form,
    rules: &'a [FieldRule],
    names: &'a HashMap<&'a str, u32>,
    cells: &'a HashMap<String, u16>,
    kinds: &'a HashMap<String, u16>,
    lists: Vec<Vec<Block>>,
    levels: Vec<LevelList>,
    computes: Vec<Compute>,
    found: Vec<Diagnostic>,
}

/// A segment in the making, with what comes after it in its loop.
struct Draft<'a> {
    step: Option<&'a place::Step>,
    /// The loop that it opens in the standard, or is in, if it is the document.
    inside: Option<NodeId>,
    plan: SegmentPlan,
    /// Where it comes, and in which order where several come there.
    order: (u16, usize),
    inner: Vec<Self>,
    items: Vec<((u16, usize), Step)>,
    covers: u64,
}

/// What comes after everything that has a place: further levels, and what has none.
const LAST: u16 = u16::MAX;

impl<'a> Compiler<'a> {
    /// What an item is made of; without an opener, the document.
    fn block(
        &mut self,
        scope: &'a Scope,
        name: &str,
        opener: Option<&'a place::Step>,
        apart: &[&str],
        outside: Option<NodeId>,
    ) -> Block {
        let mut draft = match opener {
            Some(step) => self.draft(step, outside, 0),
            None => Draft {
                step: None,
                inside: outside,
                plan: SegmentPlan::default(),
                order: (0, 0),
                inner: Vec::new(),
                items: Vec::new(),
                covers: 0,
            },
        };
        draft.plan.again = false;
        let levels = opener.is_some_and(|step| step.tag == "HL");
        if levels {
            self.level(scope, &mut draft);
        }
        for Field { path, rule, .. } in &scope.fields {
            let Some(rule) = rule else { continue };
            let full = join(name, &path.join("."));
            self.field(rule, &full, opener, apart, &mut draft);
        }
        for NamedList { path, list, .. } in &scope.lists {
            let Some(list) = list else { continue };
            let full = join(name, &path.join("."));
            self.list(list, &full, opener, apart, outside, &mut draft);
        }
        let covers = draft.covers;
        let (head, inner) = finish(draft);
        let wrap = Wrap::of(&head, self.rules);
        Block { head, inner, covers, wrap }
    }

    /// Levels are numbered by the writer, not by their fields.
    fn level(&self, scope: &'a Scope, draft: &mut Draft<'a>) {
        draft.plan.puts.push(Put { element: 1, component: 0, awaits: 0, what: What::LevelId(None) });
        draft.plan.puts.push(Put { element: 2, component: 0, awaits: 0, what: What::LevelParent(None) });
        let children = |(place, _): &(Place, _)| matches!(place, Place::Segment { step, leaf: Leaf::Element { element: 4, .. }, .. } if step.tag == "HL");
        if scope.computed.iter().any(children) {
            draft.plan.puts.push(Put { element: 4, component: 0, awaits: 0, what: What::LevelChildren });
        }
    }

    fn draft(&self, step: &'a place::Step, outside: Option<NodeId>, number: usize) -> Draft<'a> {
        let found = outside.and_then(|outside| self.child(outside, &step.tag));
        let constants = step.filters.iter().map(|filter| Put {
            element: filter.element,
            component: 0,
            awaits: 0,
            what: What::Constant(filter.value.as_bytes().into()),
        });
        let plan = SegmentPlan {
            tag: step.tag.as_str().into(),
            standard: found.and_then(|_| Some(self.standard.segment(step.tag.as_bytes())?.into())),
            puts: constants.collect(),
            again: true,
            ..SegmentPlan::default()
        };
        let order = (found.map_or(LAST, |found| found.index() as u16), number);
        let inside = found.filter(|found| self.set.segment(*found).is_none());
        Draft { step: Some(step), inside, plan, order, inner: Vec::new(), items: Vec::new(), covers: 0 }
    }

    /// The place of a segment in a loop: a segment or a loop that it opens.
    fn child(&self, outside: NodeId, tag: &str) -> Option<NodeId> {
        let segment = self.standard.segment_id(tag.as_bytes())?;
        self.set.children(outside).find(|child| self.set.segment(self.set.head(*child)) == Some(segment))
    }

    /// Where a list stands whose items have no place in a loop but between an LS and an LE in it.
    fn bounded(&self, outside: NodeId, tag: &str) -> Option<NodeId> {
        let bracket = self.standard.segment_id(b"LS");
        let mut loops = self.set.children(outside).filter(|child| self.set.segment(*child).is_none());
        loops.find(|inner| self.set.segment(self.set.head(*inner)) == bracket && self.child(*inner, tag).is_some())
    }

    /// An LS or LE, with the name of what stands between them.
    fn bracket(&self, tag: &str, bounds: NodeId) -> SegmentPlan {
        let name = self.set.bound(self.set.head(bounds)).unwrap_or_default();
        let what = What::Constant(name.as_bytes().into());
        SegmentPlan {
            tag: tag.into(),
            standard: self.standard.segment(tag.as_bytes()).map(Into::into),
            puts: vec![Put { element: 1, component: 0, awaits: 0, what }],
            ..SegmentPlan::default()
        }
    }

    /// Whether a place is in the standard, seen from an item.
    fn exists(&self, draft: &Draft<'_>, path: &[place::Step], tag: &str) -> bool {
        let mut at = draft.inside;
        for step in path {
            at = at.and_then(|outside| self.child(outside, &step.tag));
        }
        draft.step.is_some_and(|step| path.is_empty() && step.tag == tag)
            || at.is_some_and(|outside| self.child(outside, tag).is_some())
    }

    /// The draft of a segment under an item, made where it is not there yet.
    fn reach<'d>(
        &self,
        mut draft: &'d mut Draft<'a>,
        path: &'a [place::Step],
        last: &'a place::Step,
    ) -> &'d mut Draft<'a> {
        if path.is_empty() && draft.step.is_some_and(|step| step.tag == last.tag) {
            for filter in
                last.filters.iter().filter(|filter| !draft.step.is_some_and(|step| step.filters.contains(filter)))
            {
                let what = What::Constant(filter.value.as_bytes().into());
                draft.plan.puts.push(Put { element: filter.element, component: 0, awaits: 0, what });
            }
            return draft;
        }
        for step in path.iter().chain([last]) {
            let at = match draft.inner.iter().position(|inner| inner.step == Some(step)) {
                Some(at) => at,
                None => {
                    let new = self.draft(step, draft.inside, draft.inner.len());
                    draft.inner.push(new);
                    draft.inner.len() - 1
                }
            };
            // The position was found, or is that of the draft just made.
            #[expect(clippy::indexing_slicing, reason = "the position is that of a draft")]
            let next = &mut draft.inner[at];
            draft = next;
        }
        draft
    }

    fn field(
        &mut self,
        rule: &'a Rule,
        full: &str,
        opener: Option<&'a place::Step>,
        apart: &[&str],
        draft: &mut Draft<'a>,
    ) {
        let (Some(cell), Some(number)) = (self.cells.get(full).copied(), self.names.get(full).copied()) else { return };
        let usable = rule.at.iter().filter_map(|(place, _)| match place {
            Place::Segment { path, step, leaf } => {
                let first = path.first().map_or(&step.tag, |first| &first.tag);
                (!apart.contains(&first.as_str())).then_some((path, step, leaf))
            }
            Place::Own { .. } => None,
        });
        // Of several places the first one that this version has is written.
        let mut usable: Vec<_> = usable.collect();
        usable.sort_by_key(|(path, step, _)| !self.exists(draft, path, &step.tag));
        let Some((path, step, leaf)) = usable.first().copied() else { return };
        if rule.only != Some(Only::Read) {
            draft.covers |= bit(cell);
        }
        let level = opener.is_some_and(|opener| opener.tag == "HL") && step.tag == "HL" && path.is_empty();
        if level {
            for put in &mut draft.plan.puts {
                match (&mut put.what, leaf) {
                    (What::LevelId(own), Leaf::Element { element: 1, .. })
                    | (What::LevelParent(own), Leaf::Element { element: 2, .. }) => {
                        *own = Some(cell);
                        return;
                    }
                    _ => {}
                }
            }
        }
        let copy = rule.compute.as_ref().and_then(|word| self.cells.get(&join(self.owner(full), copied(&word.text)?)));
        let copy = copy.copied();
        let compute = rule.compute.as_ref().filter(|_| copy.is_none()).and_then(|word| {
            let parsed = Compute::parse(&word.text, self.form);
            if parsed.is_none() {
                let message = format!("`{}` is no total of this document", word.text);
                let hint = match did_you_mean(&word.text, NAMES.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("totals are {}", NAMES.join(", ")),
                };
                self.found.push(word.error(codes::BAD_CONVERTER, message, Some(hint)));
            }
            parsed
        });
        let root = opener.is_none();
        if let (Some(_), false, Some(word)) = (&compute, root, &rule.compute) {
            let message = "only the document as a whole has totals";
            self.found.push(word.error(codes::BAD_CONVERTER, message, None));
        }
        let compiled = self.rules.get(number as usize);
        let awaits = if compiled.is_none_or(FieldRule::is_silent_without_value) { bit(cell) } else { 0 };
        let always = compute.is_some() && root || compiled.is_some_and(|rule| rule.absent.is_some());
        let computed = compute.map(|compute| {
            self.computes.push(compute);
            (self.computes.len() - 1) as u16
        });
        let target = self.reach(draft, path, step);
        target.plan.always |= always && rule.only != Some(Only::Read);
        match leaf {
            Leaf::Element { element, component } => {
                let (element, component) = (*element, *component);
                let what = match rule.only {
                    Some(Only::Read) => What::Agrees { cell, rule: number },
                    _ => What::Field { cell, rule: number },
                };
                if matches!(what, What::Field { .. }) {
                    target.plan.wanted |= bit(cell);
                }
                target.plan.puts.push(Put { element, component, awaits, what });
                if let Some(computed) = computed {
                    target.plan.puts.push(Put { element, component, awaits: 0, what: What::Computed(computed) });
                }
                let filler = self.rules.get(number as usize).and_then(|rule| rule.filler.clone());
                let spare = filler.map(What::Filler).or_else(|| Some(What::Copy { cell: copy?, rule: number }));
                target.plan.puts.extend(spare.map(|what| Put { element, component, awaits: 0, what }));
            }
            Leaf::Pair { qualifier } if rule.only != Some(Only::Read) => {
                target.plan.wanted |= bit(cell);
                let Some(pairs) = pairs_of(&step.tag) else { return };
                let plan =
                    target.plan.pairs.get_or_insert_with(|| PairPlan { pairs, free: 0, named: Vec::new(), list: None });
                plan.named.push(Named { qualifier: qualifier.as_bytes().into(), cell, rule: number });
            }
            Leaf::Pair { .. } => {}
        }
        for (path, step, leaf) in usable.into_iter().skip(1) {
            self.again(path, step, leaf, (cell, number), draft);
        }
    }

    /// The item that a field is of, by its full name.
    fn owner<'n>(&self, full: &'n str) -> &'n str {
        let mut above = full;
        while let Some((outer, _)) = above.rsplit_once('.') {
            if self.kinds.contains_key(outer) {
                return outer;
            }
            above = outer;
        }
        ""
    }

    /// A later place of a field is written too, but only in a segment that is there for another field and must have it:
    /// UIT has no price without its unit.
    fn again(
        &self,
        path: &'a [place::Step],
        step: &'a place::Step,
        leaf: &Leaf,
        (cell, rule): (u16, u32),
        draft: &mut Draft<'a>,
    ) {
        let (Leaf::Element { element, component }, true) = (leaf, self.exists(draft, path, &step.tag)) else { return };
        let mandatory = self.standard.segment(step.tag.as_bytes()).map_or(0, |segment| segment.mandatory);
        if step.filters.is_empty() && mandatory & 1u64.checked_shl(u32::from(*element) - 1).unwrap_or_default() != 0 {
            let (element, component) = (*element, *component);
            let put = Put { element, component, awaits: 0, what: What::Again { cell, rule } };
            self.reach(draft, path, step).plan.puts.push(put);
        }
    }

    fn list(
        &mut self,
        list: &'a List,
        full: &str,
        opener: Option<&'a place::Step>,
        apart: &[&str],
        outside: Option<NodeId>,
        draft: &mut Draft<'a>,
    ) {
        let Some(cell) = self.cells.get(full).copied() else { return };
        let usable: Vec<&'a Opener> =
            list.each.iter().map(|(each, _)| each).filter(|each| !apart.contains(&each.step.tag.as_str())).collect();
        let segments = usable.iter().any(|each| each.kind == OpenerKind::Segment);
        if segments {
            // Where a loop is named in which they would rather stand, they do so if it has room for all of them.
            let under = list.under.as_ref().and_then(|word| {
                let tag = usable.first()?.step.tag.as_str();
                let looped = draft.inside.and_then(|outside| self.child(outside, &word.text))?;
                let room = self.set.node(self.child(looped, tag)?)?.max;
                Some((looped, room))
            });
            if let Some((looped, room)) = under {
                self.items(list, full, cell, (opener, outside, Some(looped)), &usable, Room::UpTo(room), draft);
            }
            let room = under.map_or(Room::Any, |(_, room)| Room::Above(room));
            let place = draft.inside;
            self.items(list, full, cell, (opener, outside, place), &usable, room, draft);
            if usable.iter().any(|each| each.step.tag == "HL") {
                self.note_levels(list, full, cell);
            }
            draft.covers |= bit(cell);
            return;
        }
        // Elements and pairs: those of the first segment that this version has, or of several for pairs.
        let there: Vec<bool> = usable.iter().map(|each| self.exists(draft, &[], &each.step.tag)).collect();
        let first = usable.iter().zip(&there).find(|(_, there)| **there).map(|(each, _)| &each.step);
        let first = first.or_else(|| usable.first().map(|each| &each.step));
        let Some(first) = first else { return };
        draft.covers |= bit(cell);
        let mut done: Vec<&place::Step> = Vec::new();
        for (each, there) in usable.iter().zip(there) {
            let pairs = each.kind == OpenerKind::Pairs;
            if done.contains(&&each.step) || !pairs && each.step != *first || pairs && !there {
                continue;
            }
            done.push(&each.step);
            let run = self.run(list, full, cell, &each.step, usable.as_slice());
            let target = self.reach(draft, &[], &each.step);
            target.plan.wanted |= bit(cell);
            if pairs {
                let Some(pairs) = pairs_of(&each.step.tag) else { continue };
                let plan =
                    target.plan.pairs.get_or_insert_with(|| PairPlan { pairs, free: 0, named: Vec::new(), list: None });
                plan.list = Some(run);
            } else {
                target.plan.elements.push(run);
            }
        }
    }

    /// The items of a list that segments open, in the loop that they stand in.
    #[expect(clippy::too_many_arguments, reason = "one list, and all that is known of it")]
    fn items(
        &mut self,
        list: &'a List,
        full: &str,
        cell: u16,
        (opener, outside, inside): (Option<&'a place::Step>, Option<NodeId>, Option<NodeId>),
        usable: &[&'a Opener],
        room: Room,
        draft: &mut Draft<'a>,
    ) {
        let number = self.lists.len() as u16;
        self.lists.push(Vec::new());
        let mut blocks = Vec::new();
        for each in usable.iter().filter(|each| each.kind == OpenerKind::Segment) {
            let tag = each.step.tag.as_str();
            let others = list.each.iter().map(|(other, _)| other.step.tag.as_str());
            let others: Vec<&str> =
                others.filter(|other| *other != tag && !list.holds.iter().any(|held| held.text == *other)).collect();
            let below = tag == "HL" && opener.is_some_and(|opener| opener.tag == "HL");
            let place = if below { outside } else { inside };
            let alone = list.each.len() == 1 && place.is_some_and(|outside| self.child(outside, tag).is_none());
            let bounds = place.filter(|_| alone).and_then(|outside| self.bounded(outside, tag));
            let mut block = self.block(&list.scope, full, Some(&each.step), &others, bounds.or(place));
            let this = blocks.len() as u16;
            if let Some(nest) = &list.nest
                && let Some(cell) = self.cells.get(&join(full, &nest.text)).copied()
            {
                block.inner.push(Step::Items { cell, list: number, opener: this, room: Room::Any });
                block.covers |= bit(cell);
            }
            let order = match place.and_then(|outside| self.child(outside, tag)) {
                Some(found) if !below => found.index() as u16,
                _ => LAST,
            };
            let (order, step) = match bounds {
                Some(bounds) => {
                    let (open, close) = (self.bracket("LS", bounds), self.bracket("LE", bounds));
                    (bounds.index() as u16, Step::Bounded(Box::new(Bounded { open, cell, list: number, close })))
                }
                None => (order, Step::Items { cell, list: number, opener: this, room }),
            };
            draft.items.push(((order, draft.items.len() + 1000), step));
            blocks.push(block);
        }
        if let Some(own) = self.lists.get_mut(usize::from(number)) {
            *own = blocks;
        }
    }

    /// Which lists have levels, and where those say their numbers.
    fn note_levels(&mut self, list: &'a List, full: &str, cell: u16) {
        let field = |wanted: u8| {
            list.scope.fields.iter().find_map(|field| {
                let at = |(place, _): &(Place, _)| {
                    matches!(place, Place::Segment { path, step, leaf: Leaf::Element { element, component: 0 } }
                        if path.is_empty() && step.tag == "HL" && *element == wanted)
                };
                field.rule.as_ref()?.at.iter().any(at).then(|| self.cells.get(&join(full, &field.path.join("."))))?
            })
        };
        let (id, parent) = (field(1).copied(), field(2).copied());
        let mut above = full;
        let owner = loop {
            match above.rsplit_once('.') {
                None => break 0,
                Some((outer, _)) => above = outer,
            }
            if let Some(kind) = self.kinds.get(above) {
                break *kind;
            }
        };
        let Some(kind) = self.kinds.get(full).copied() else { return };
        self.levels.push(LevelList { owner, cell, id, parent });
        if let Some(nest) = &list.nest
            && let Some(cell) = self.cells.get(&join(full, &nest.text)).copied()
        {
            self.levels.push(LevelList { owner: kind, cell, id, parent });
        }
    }

    fn run(&self, list: &'a List, full: &str, cell: u16, step: &place::Step, usable: &[&Opener]) -> Run {
        let rule = list.value.as_ref().and_then(|_| self.rules.get(*self.names.get(full)? as usize));
        let elements = usable.iter().filter(|each| each.step == *step).filter_map(|each| match each.kind {
            OpenerKind::Element { element, component, repeats } => {
                let rule = rule.filter(|_| component == 0 && !repeats);
                let width = rule.and_then(|rule| wrap::width(&rule.convert, &step.tag, element));
                Some(Slot { element, component, repeats, wrap: width.map(Wrap::plain) })
            }
            _ => None,
        });
        let mut run = Run { cell, elements: elements.collect(), own: Vec::new(), beside: Vec::new() };
        let mut put = |cell: u16, number: u32, rule: &Rule| {
            if rule.only == Some(Only::Read) {
                return;
            }
            let place = rule.at.iter().find_map(|(place, _)| match place {
                Place::Own { part, component } => Some((Some(*part), 0, *component)),
                Place::Segment { step: own, leaf: Leaf::Element { element, component }, .. } if own.tag == step.tag => {
                    Some((None, *element, *component))
                }
                Place::Segment { .. } => None,
            });
            match place {
                Some((Some(part), _, component)) => run.own.push((cell, number, part, component)),
                Some((None, element, component)) => run.beside.push((cell, number, element, component)),
                None => {}
            }
        };
        match &list.value {
            Some(rule) => {
                if let Some(number) = self.names.get(full) {
                    put(0, *number, rule);
                }
            }
            None => {
                for Field { path, rule, .. } in &list.scope.fields {
                    let name = join(full, &path.join("."));
                    if let (Some(rule), Some(cell), Some(number)) =
                        (rule, self.cells.get(&name), self.names.get(name.as_str()))
                    {
                        put(*cell, *number, rule);
                    }
                }
            }
        }
        // What is itself first, so that an item without it is not begun.
        run.own.sort_by_key(|(_, _, part, component)| (*part != Part::Value, *component));
        run
    }
}

/// Puts what comes after a segment into order.
fn finish(draft: Draft<'_>) -> (SegmentPlan, Vec<Step>) {
    let mut steps = draft.items;
    for inner in draft.inner {
        let order = inner.order;
        let (mut plan, below) = finish(inner);
        for step in &below {
            if let Step::Segment { wanted, .. } = step {
                plan.wanted |= wanted;
            }
        }
        plan.inner = below;
        let (wanted, always) = (plan.wanted, plan.always);
        steps.push((order, Step::Segment { wanted, always, plan: Box::new(plan) }));
    }
    steps.sort_by_key(|(order, _)| *order);
    let mut plan = draft.plan;
    // Constants first, so that a field at the same place has to agree with them.
    plan.puts.sort_by_key(|put| {
        let rank = match put.what {
            What::Constant(_) | What::LevelId(_) | What::LevelParent(_) | What::LevelChildren => 0,
            What::Field { .. } => 1,
            What::Computed(..) | What::Filler(_) | What::Copy { .. } => 2,
            What::Again { .. } => 3,
            What::Agrees { .. } => 4,
        };
        (put.element, put.component, rank)
    });
    plan.completes = plan.puts.iter().any(|put| matches!(put.what, What::Filler(_) | What::Copy { .. }));
    if let Some(pairs) = &mut plan.pairs {
        for number in 0..pairs.pairs.count.min(32) {
            let first = pairs.pairs.first + number * pairs.pairs.stride;
            let taken = |put: &Put| (first..first + pairs.pairs.stride.min(3)).contains(&put.element);
            if !plan.puts.iter().any(taken) {
                pairs.free |= 1 << number;
            }
        }
    }
    (plan, steps.into_iter().map(|(_, step)| step).collect())
}
