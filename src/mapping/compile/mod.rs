//! From a mapping file to its plan, checked against the canonical document: names, kinds of value, what must be there.
//!
//! Places become loops: every segment that opens a list or stands before a `/` opens one. In which loop a segment is
//! read is settled here for every pair of loop and tag, so that reading only looks it up.

use std::{collections::BTreeMap, sync::Arc};

mod layout;
mod rules;
mod settle;
mod wraps;
mod xml;

pub(crate) use rules::compile_table;

use layout::{Cells, Filled, Layout};
pub(crate) use xml::compile_xml;

use super::{
    codes,
    convert::Scalar,
    file::{Codes, Field, List, NamedList, Only, Rule, Scope, Spot, Word},
    page::Ready,
    place::{Filter, Leaf, Opener, OpenerKind, Part, Place, Step, pairs_of},
    plan::{self, ALWAYS, Act, Action, FieldRule, From, Kind, OUTSIDE, Open, OpenEach, Plan, Tree, What},
    shape::{Shape, Shapes},
    table::{Missing, Table},
};
use crate::config::Diagnostic;

/// Compiles a mapping whose `extends` and `like` are settled.
pub(crate) fn compile(
    scope: &Scope,
    shapes: &Shapes,
    tables: &[Codes],
    header: &Spot,
) -> Result<Plan, Vec<Diagnostic>> {
    let mut compiler = Compiler::new(shapes, tables);
    let mut layout = Layout::default();
    compiler.scope(
        scope,
        Here { node: 0, kind: 0, gate: ALWAYS, object: Some(0), levels: false, apart: 0 },
        &mut layout,
        true,
        "",
    );
    compiler.lay_out(0, 0, &layout, "", header);
    if compiler.found.is_empty() { compiler.finish() } else { Err(compiler.found) }
}

struct Compiler<'a> {
    shapes: &'a Shapes,
    tables: BTreeMap<&'a str, u16>,
    table_list: Vec<Arc<Table>>,
    loops: Vec<Loop>,
    kinds: Vec<Kind>,
    gates: usize,
    rules: Vec<FieldRule>,
    /// What fills the items of each kind, for lists with several openers.
    layouts: BTreeMap<u16, Layout>,
    /// How many lists the items of each kind have.
    heads: BTreeMap<u16, u16>,
    cells: BTreeMap<u16, Cells>,
    /// Tags that open an item by themselves, and so are no part of the one that is open.
    apart: Vec<Vec<&'a str>>,
    found: Vec<Diagnostic>,
}

/// A loop: a segment that opens it and the segments that belong to it.
#[derive(Default)]
struct Loop {
    parent: usize,
    holds: Vec<String>,
    until: Vec<String>,
    /// Actions on the segment that opens it.
    opening: Vec<Action>,
    /// Actions on the segments in it.
    inner: BTreeMap<String, Vec<Action>>,
    children: BTreeMap<String, usize>,
}

/// Where rules are being compiled: in which loop, for which kind of item, behind which gate.
#[derive(Clone, Copy)]
struct Here {
    node: usize,
    kind: u16,
    gate: u16,
    /// The canonical object, if the list holds objects.
    object: Option<usize>,
    /// Whether the loop is opened by HL.
    levels: bool,
    /// Which tags open other items of the same list: number in [`Compiler::apart`].
    apart: usize,
}

impl<'a> Compiler<'a> {
    fn new(shapes: &'a Shapes, tables: &'a [Codes]) -> Self {
        let mut compiler = Self {
            shapes,
            tables: BTreeMap::new(),
            table_list: Vec::new(),
            loops: vec![Loop::default()],
            kinds: vec![Kind::default()],
            gates: 1,
            rules: Vec::new(),
            layouts: BTreeMap::new(),
            heads: BTreeMap::new(),
            cells: BTreeMap::new(),
            apart: vec![Vec::new()],
            found: Vec::new(),
        };
        compiler.take_tables(tables);
        compiler
    }

    fn say(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Compiles the rules of one kind of item into a loop. A list with several openers is compiled once for each:
    /// only the `first` time lays out its JSON and tells mistakes.
    fn scope(&mut self, scope: &'a Scope, here: Here, layout: &mut Layout, first: bool, name: &str) {
        let mut slot = 0;
        let mut head = 0;
        for Field { path, spot, rule } in &scope.fields {
            let Some(rule) = rule else { continue };
            let full = join(name, path);
            let Some(shape) = self.find(here.object, path, spot, &full, rule, first) else { continue };
            if rule.only == Some(Only::Write) {
                if first {
                    let compiled = self.rule(rule, &shape, full, spot);
                    self.rules.push(compiled);
                }
            } else {
                if first {
                    let number = self.rules.len() as u32;
                    let mut compiled = self.rule(rule, &shape, full, spot);
                    compiled.shared = shares(scope, rule);
                    self.rules.push(compiled);
                    layout.insert(path, Filled::Field { slot, rule: number });
                }
                for (place, word) in &rule.at {
                    self.place(place, word, here, slot, first);
                }
                slot += 1;
            }
        }
        for (place, word) in &scope.computed {
            if let Place::Segment { path, step, leaf: Leaf::Element { element, .. } } = place {
                let (node, gate) = self.walk(path, here);
                self.act(node, &step.tag, action(gate, &step.filters, Act::Claim(1 << (element - 1))));
            } else if first {
                self.say(word.error(codes::BAD_PLACE, "only elements are counted out", None));
            }
        }
        for (tag, segments) in &scope.loops {
            let node = self.child(here.node, &tag.text);
            self.loops[node].holds.extend(segments.iter().map(|word| word.text.clone()));
        }
        for NamedList { path, spot, list } in &scope.lists {
            let Some(list) = list else { continue };
            let full = join(name, path);
            let Some(items) = self.find_list(here.object, path, spot, &full, first) else { continue };
            let kind = if first {
                self.kinds.push(Kind::default());
                (self.kinds.len() - 1) as u16
            } else {
                // The same list again, behind another opener: its kind is known by its place in the layout.
                let Some(kind) = layout.kind(path) else { continue };
                kind
            };
            if first {
                layout.insert(path, Filled::List { head, kind });
            }
            self.list(list, here, kind, head, &items, first, &full);
            head += 1;
        }
        let heads = self.heads.entry(here.kind).or_default();
        *heads = (*heads).max(head);
    }

    #[expect(clippy::too_many_arguments, reason = "one list, and all that is known of it")]
    fn list(&mut self, list: &'a List, here: Here, kind: u16, head: u16, items: &Shape, first: bool, name: &str) {
        if !list.opens && first {
            let hint = Some("say what opens an item: `each = \"PO1\"`".to_owned());
            self.say(list.spot.error(codes::MISSING_KEY, format!("the list `{name}` has no `each`"), hint));
        }
        let object = if let Shape::Object(object) = items { Some(*object) } else { None };
        if first {
            self.check_form(list, object, name);
        }
        let mut layout = self.layouts.remove(&kind).unwrap_or_default();
        for (number, (opener, word)) in list.each.iter().enumerate() {
            let first = first && number == 0;
            let tag = &opener.step.tag;
            if self.is_apart(here, tag) {
                continue;
            }
            match opener.kind {
                OpenerKind::Segment => {
                    self.segment_list(list, opener, here, kind, head, object, first, name, &mut layout);
                }
                OpenerKind::Pairs | OpenerKind::Element { .. } => {
                    let from = match (opener.kind, pairs_of(tag)) {
                        (OpenerKind::Element { element, component, repeats }, _) => {
                            From::Element { element, component, repeats }
                        }
                        (_, Some(pairs)) => From::Pairs(pairs),
                        _ => continue,
                    };
                    let mut each =
                        OpenEach { kind, parent: here.kind, head, from, own: Vec::new(), beside: Vec::new() };
                    self.own_fields(list, opener, word, items, &mut each, first, name, &mut layout);
                    let open = action(here.gate, &opener.step.filters, Act::OpenEach(Box::new(each)));
                    self.act(here.node, tag, open);
                }
            }
        }
        if first {
            let own = usize::from(kind);
            match object {
                Some(object) => {
                    if let Some(nest) = &list.nest {
                        let head = self.heads.get(&kind).map_or(0, |heads| heads - 1);
                        layout.entries.insert(nest.text.clone(), Filled::List { head, kind });
                    }
                    self.lay_out(kind, object, &layout, name, &list.spot);
                }
                None => {
                    self.kinds[own].plain = true;
                    if let Some(Filled::Field { slot, rule }) = layout.entries.get("") {
                        let what = What::Field { rule: *rule };
                        let (key, quick) = (Ready::new(b""), plan::Quick::No);
                        self.kinds[own].layout.ops = vec![plan::Op { key, object: OUTSIDE, what, quick }];
                        self.kinds[own].cells = 1;
                        let mut cells = Cells::default();
                        cells.slots.insert(*slot, 0);
                        self.cells.insert(kind, cells);
                    }
                }
            }
        }
        self.layouts.insert(kind, layout);
    }

    /// Says what does not go together in a list.
    fn check_form(&mut self, list: &List, object: Option<usize>, name: &str) {
        match (&list.value, object) {
            (Some(rule), Some(_)) => {
                let message = format!("the items of `{name}` are objects: they have `fields`, not a `value`");
                self.say(rule.spot.error(codes::WRONG_KIND, message, None));
            }
            (None, None) => {
                let message = format!("the items of `{name}` are plain values: say where they stand with `value`");
                self.say(list.spot.error(codes::MISSING_KEY, message, None));
            }
            _ => {}
        }
        let levels = list.each.iter().any(|(opener, _)| opener.kind == OpenerKind::Segment && opener.step.tag == "HL");
        if let Some(nest) = &list.nest {
            let hint = Some("only HL says which level hangs below which".to_owned());
            let field = object.and_then(|object| self.shapes.field(object, &nest.text).map(|field| (object, field)));
            match field {
                _ if !levels => self.say(nest.error(codes::BAD_OPENER, "`nest` needs `each = \"HL\"`", hint)),
                Some((object, field)) if matches!(&field.shape, Shape::List(items) if matches!(**items, Shape::Object(same) if same == object)) =>
                    {}
                _ => {
                    let message = format!("`{}` is not a list of such items in an item of `{name}`", nest.text);
                    self.say(nest.error(codes::UNKNOWN_FIELD, message, None));
                }
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one opener of one list, and all that is known of it")]
    fn segment_list(
        &mut self,
        list: &'a List,
        opener: &'a Opener,
        here: Here,
        kind: u16,
        head: u16,
        object: Option<usize>,
        first: bool,
        name: &str,
        layout: &mut Layout,
    ) {
        let tag = &opener.step.tag;
        let levels = tag == "HL";
        // HL is one loop, whichever levels the lists want.
        let outer = if levels && here.levels { self.loops[here.node].parent } else { here.node };
        let node = self.child(outer, tag);
        let looped = &mut self.loops[node];
        looped.holds.extend(list.holds.iter().map(|word| word.text.clone()));
        looped.until.extend(list.until.iter().map(|word| word.text.clone()));
        if levels && looped.opening.is_empty() {
            looped.opening.push(action(ALWAYS, &[], Act::Level));
        }
        let gate = self.gate();
        let others = list.each.iter().map(|(other, _)| other.step.tag.as_str());
        let apart = others.filter(|other| other != tag && !list.holds.iter().any(|held| held.text == *other)).collect();
        self.apart.push(apart);
        let inside = Here { node, kind, gate, object, levels, apart: self.apart.len() - 1 };
        // The field rules come after the opening; but how many lists an item has is known only once they are compiled.
        let at = self.loops[node].opening.len();
        match &list.value {
            Some(rule) => {
                if let (true, None) = (first, object) {
                    self.value_rule(rule, layout, name, &list.spot, &Shape::Scalar(Scalar::Text, None));
                }
                for (place, word) in &rule.at {
                    self.place(place, word, inside, 0, first);
                }
            }
            None => self.scope(&list.scope, inside, layout, first, name),
        }
        let tree = match (&list.nest, levels && here.levels) {
            (Some(_), _) => {
                let heads = self.heads.entry(kind).or_default();
                if first {
                    *heads += 1;
                }
                Tree::Nest { head: *heads - 1 }
            }
            (None, true) => Tree::Above,
            _ => Tree::Current,
        };
        let unless_taken = opener.step.filters.is_empty() && !levels;
        let open = Open { kind, parent: here.kind, head, gate, unless_taken, tree };
        self.loops[node].opening.insert(
            at,
            action(if levels && here.levels { ALWAYS } else { here.gate }, &opener.step.filters, Act::Open(open)),
        );
    }

    /// The fields of an item that a pair or an element opens.
    #[expect(clippy::too_many_arguments, reason = "one opener of one list, and all that is known of it")]
    fn own_fields(
        &mut self,
        list: &'a List,
        opener: &Opener,
        word: &Word,
        items: &Shape,
        each: &mut OpenEach,
        first: bool,
        name: &str,
        layout: &mut Layout,
    ) {
        if let Some(inner) = list.scope.lists.iter().find(|inner| inner.list.is_some()).filter(|_| first) {
            let message = format!("what `{}` opens is too small to hold lists", word.text);
            self.say(inner.spot.error(codes::BAD_OPENER, message, None));
        }
        let mut slot = 0;
        let mut put = |this: &mut Self, rule: &Rule, slot: u16| {
            for (place, word) in &rule.at {
                match place {
                    Place::Own { part, component } => {
                        if *part != Part::Value && matches!(opener.kind, OpenerKind::Element { .. }) && first {
                            let message = "an element has only its `{value}`";
                            this.say(word.error(codes::BAD_PLACE, message, None));
                        }
                        each.own.push((slot, *part, *component));
                    }
                    Place::Segment { path, step, leaf: Leaf::Element { element, component } }
                        if path.is_empty() && step.filters.is_empty() && step.tag == opener.step.tag =>
                    {
                        each.beside.push((slot, *element, *component));
                    }
                    Place::Segment { step, .. } if list.each.iter().any(|(other, _)| other.step.tag == step.tag) => {}
                    Place::Segment { .. } => {
                        if first {
                            let message = format!(
                                "an item of `{name}` is a part of {}; this place is elsewhere",
                                opener.step.tag
                            );
                            this.say(word.error(codes::BAD_PLACE, message, None));
                        }
                    }
                }
            }
        };
        match (&list.value, items) {
            (Some(rule), shape) => {
                if first && !matches!(shape, Shape::Object(_)) {
                    self.value_rule(rule, layout, name, &list.spot, shape);
                }
                put(self, rule, 0);
            }
            (None, Shape::Object(object)) => {
                for Field { path, spot, rule } in &list.scope.fields {
                    let Some(rule) = rule else { continue };
                    let full = join(name, path);
                    let Some(shape) = self.find(Some(*object), path, spot, &full, rule, first) else { continue };
                    if rule.only == Some(Only::Write) {
                        if first {
                            let compiled = self.rule(rule, &shape, full, spot);
                            self.rules.push(compiled);
                        }
                        continue;
                    }
                    if first {
                        let number = self.rules.len() as u32;
                        let compiled = self.rule(rule, &shape, full, spot);
                        self.rules.push(compiled);
                        layout.insert(path, Filled::Field { slot, rule: number });
                    }
                    put(self, rule, slot);
                    slot += 1;
                }
            }
            (None, _) => {}
        }
    }

    fn value_rule(&mut self, rule: &Rule, layout: &mut Layout, name: &str, spot: &Spot, shape: &Shape) {
        let number = self.rules.len() as u32;
        let compiled = self.rule(rule, shape, name.to_owned(), spot);
        self.rules.push(compiled);
        layout.entries.insert(String::new(), Filled::Field { slot: 0, rule: number });
    }

    /// Binds a place to a slot of the items of `here`.
    fn place(&mut self, place: &Place, word: &Word, here: Here, slot: u16, first: bool) {
        let Place::Segment { path, step, leaf } = place else {
            if first {
                let hint = Some(
                    "it belongs into a list whose `each` is a pair or an element, like `PO1{*}` or `N301`".to_owned(),
                );
                self.say(word.error(
                    codes::BAD_PLACE,
                    format!("`{}` has no pair or element to be a part of", word.text),
                    hint,
                ));
            }
            return;
        };
        if self.is_apart(here, path.first().map_or(&step.tag, |first| &first.tag)) {
            return;
        }
        let (node, gate) = self.walk(path, here);
        let kind = here.kind;
        let act = match leaf {
            Leaf::Element { element, component } => Act::Set { kind, slot, element: *element, component: *component },
            Leaf::Pair { qualifier } => match pairs_of(&step.tag) {
                Some(pairs) => Act::SetPair { kind, slot, pairs, qualifier: qualifier.as_bytes().into() },
                None => return,
            },
        };
        self.act(node, &step.tag, action(gate, &step.filters, act));
    }

    /// The loop that a path leads to, and the gate behind its filters.
    fn walk(&mut self, path: &[Step], here: Here) -> (usize, u16) {
        let (mut node, mut gate) = (here.node, here.gate);
        for step in path {
            node = self.child(node, &step.tag);
            let inner = self.gate();
            self.loops[node].opening.push(action(gate, &step.filters, Act::Gate(inner)));
            gate = inner;
        }
        (node, gate)
    }

    fn is_apart(&self, here: Here, tag: &str) -> bool {
        self.apart.get(here.apart).is_some_and(|apart| apart.contains(&tag))
    }

    fn gate(&mut self) -> u16 {
        self.gates += 1;
        (self.gates - 1) as u16
    }

    fn child(&mut self, node: usize, tag: &str) -> usize {
        if let Some(child) = self.loops[node].children.get(tag) {
            return *child;
        }
        let child = self.loops.len();
        self.loops.push(Loop { parent: node, ..Loop::default() });
        self.loops[node].children.insert(tag.to_owned(), child);
        child
    }

    /// An action on a segment of a loop: on the one that opens it, where the tag is that one's.
    fn act(&mut self, node: usize, tag: &str, action: Action) {
        let parent = self.loops[node].parent;
        let opens = node != 0 && self.loops[parent].children.get(tag) == Some(&node);
        let looped = &mut self.loops[node];
        if opens {
            looped.opening.push(action);
        } else {
            looped.inner.entry(tag.to_owned()).or_default().push(action);
        }
    }
}

fn action(gate: u16, filters: &[Filter], act: Act) -> Action {
    let filters = filters.iter().map(|filter| (filter.element, filter.value.as_bytes().into())).collect();
    Action { gate, filters, act }
}

/// Whether another rule of a scope has a place of this one, and keeps whatever stands there.
fn shares(scope: &Scope, rule: &Rule) -> bool {
    let others = scope.fields.iter().filter_map(|field| field.rule.as_ref());
    others.filter(|other| other.spot.span != rule.spot.span && other.missing != Missing::Skip).any(|other| {
        other.only.is_none() && other.at.iter().any(|(place, _)| rule.at.iter().any(|(own, _)| own == place))
    })
}

fn join(name: &str, path: &[String]) -> String {
    let own = path.join(".");
    if name.is_empty() { own } else { format!("{name}.{own}") }
}
