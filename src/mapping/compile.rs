//! From a mapping file to its plan, checked against the canonical document: names, kinds of value, what must be there.
//!
//! Places become loops: every segment that opens a list or stands before a `/` opens one. In which loop a segment is
//! read is settled here for every pair of loop and tag, so that reading only looks it up.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    codes,
    convert::{Converter, Scalar},
    file::{Codes, Field, List, NamedList, Only, Rule, Scope, Spot, Word, did_you_mean},
    place::{Filter, Leaf, Opener, OpenerKind, Part, Place, Step, pairs_of},
    plan::{ALWAYS, Act, Action, Convert, Entry, FieldRule, From, Kind, Op, Open, OpenEach, Plan, Tags, Tree},
    shape::{Shape, Shapes},
    table::{Missing, Table},
    text::{Charset, write_string},
};
use crate::config::Diagnostic;

/// Compiles a mapping whose `extends` and `like` are settled.
pub(crate) fn compile(
    scope: &Scope,
    shapes: &Shapes,
    tables: &[Codes],
    header: &Spot,
) -> Result<Plan, Vec<Diagnostic>> {
    let mut compiler = Compiler {
        shapes,
        tables: BTreeMap::new(),
        loops: vec![Loop::default()],
        kinds: vec![Kind::default()],
        gates: 1,
        rules: Vec::new(),
        layouts: BTreeMap::new(),
        apart: vec![Vec::new()],
        found: Vec::new(),
    };
    compiler.take_tables(tables);
    let mut layout = Layout::default();
    compiler.scope(
        scope,
        Here { node: 0, kind: 0, gate: ALWAYS, object: Some(0), levels: false, apart: 0 },
        &mut layout,
        true,
        "",
    );
    let ops = compiler.lay_out(0, &layout, "", header);
    compiler.kinds[0].layout = ops;
    if compiler.found.is_empty() { Ok(compiler.finish()) } else { Err(compiler.found) }
}

struct Compiler<'a> {
    shapes: &'a Shapes,
    tables: BTreeMap<&'a str, Arc<Table>>,
    loops: Vec<Loop>,
    kinds: Vec<Kind>,
    gates: usize,
    rules: Vec<FieldRule>,
    /// What fills the items of each kind, for lists with several openers.
    layouts: BTreeMap<u16, Layout>,
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

/// What fills an object: by name, a field, a list or an object in it.
#[derive(Default)]
struct Layout {
    entries: BTreeMap<String, Filled>,
}

enum Filled {
    Field { slot: u16, rule: u32 },
    List { head: u16 },
    Object(Layout),
}

impl<'a> Compiler<'a> {
    fn say(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    fn take_tables(&mut self, tables: &'a [Codes]) {
        for table in tables {
            let mut words: BTreeMap<&str, Vec<(&Word, Option<bool>)>> = BTreeMap::new();
            let mut entries: Vec<(&str, &str, bool)> = Vec::new();
            for entry in &table.entries {
                if let Some(word) = &entry.word {
                    words.entry(&word.text).or_default().push((&entry.code, entry.canonical));
                    entries.push((&entry.code.text, &word.text, false));
                }
            }
            let mut canonical = Vec::new();
            for (word, codes) in &words {
                let marked: Vec<_> = codes.iter().filter(|(_, mark)| *mark == Some(true)).collect();
                let open: Vec<_> = codes.iter().filter(|(_, mark)| *mark != Some(false)).collect();
                match (marked.as_slice(), open.as_slice()) {
                    ([(code, _)], _) | ([], [(code, _)]) => canonical.push((code.text.as_str(), *word)),
                    ([], []) => {}
                    _ => {
                        let all =
                            codes.iter().map(|(code, _)| format!("\"{}\"", code.text)).collect::<Vec<_>>().join(", ");
                        let hint =
                            format!("mark the one that is to be written: {{ to = \"{word}\", canonical = true }}");
                        let message = format!("{all} all mean `{word}`, and none of them alone is canonical");
                        let at = codes.last().map_or(&table.name, |(code, _)| *code);
                        self.found.push(at.error(codes::BAD_TABLE, message, Some(hint)));
                    }
                }
            }
            for entry in &mut entries {
                entry.2 = canonical.contains(&(entry.0, entry.1));
            }
            self.tables.insert(&table.name.text, Arc::new(Table::new(entries.into_iter())));
        }
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
            if rule.only != Some(Only::Write) {
                if first {
                    let number = self.rules.len() as u32;
                    let compiled = self.rule(rule, &shape, full, spot);
                    self.rules.push(compiled);
                    insert(layout, path, Filled::Field { slot, rule: number });
                }
                for (place, word) in &rule.at {
                    self.place(place, word, here, slot, first);
                }
                slot += 1;
            }
        }
        self.set_slots(here.kind, slot);
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
                let Some(kind) = self.kind_of(layout, path) else { continue };
                kind
            };
            if first {
                insert(layout, path, Filled::List { head });
                self.remember(layout, path, kind);
            }
            self.list(list, here, kind, head, &items, first, &full);
            head += 1;
        }
        let heads = &mut self.kinds[usize::from(here.kind)].heads;
        *heads = (*heads).max(head);
    }

    #[expect(clippy::too_many_arguments, reason = "one list, and all that is known of it")]
    fn list(&mut self, list: &'a List, here: Here, kind: u16, head: u16, items: &Shape, first: bool, name: &str) {
        if list.each.is_empty() && first {
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
            let kind = usize::from(kind);
            match object {
                Some(object) => {
                    if let Some(nest) = &list.nest {
                        let head = self.kinds[kind].heads - 1;
                        layout.entries.insert(nest.text.clone(), Filled::List { head });
                    }
                    let ops = self.lay_out(object, &layout, name, &list.spot);
                    self.kinds[kind].layout = ops;
                }
                None => {
                    self.kinds[kind].plain = true;
                    if let Some(Filled::Field { slot, rule }) = layout.entries.get("") {
                        self.kinds[kind].layout = vec![Op::Field { key: Box::default(), slot: *slot, rule: *rule }];
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
                self.set_slots(kind, 1);
            }
            None => self.scope(&list.scope, inside, layout, first, name),
        }
        let tree = match (&list.nest, levels && here.levels) {
            (Some(_), _) => {
                if first {
                    self.kinds[usize::from(kind)].heads += 1;
                }
                Tree::Nest { head: self.kinds[usize::from(kind)].heads - 1 }
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
                slot = 1;
            }
            (None, Shape::Object(object)) => {
                for Field { path, spot, rule } in &list.scope.fields {
                    let Some(rule) = rule else { continue };
                    let full = join(name, path);
                    let Some(shape) = self.find(Some(*object), path, spot, &full, rule, first) else { continue };
                    if rule.only == Some(Only::Write) {
                        continue;
                    }
                    if first {
                        let number = self.rules.len() as u32;
                        let compiled = self.rule(rule, &shape, full, spot);
                        self.rules.push(compiled);
                        insert(layout, path, Filled::Field { slot, rule: number });
                    }
                    put(self, rule, slot);
                    slot += 1;
                }
            }
            (None, _) => {}
        }
        self.set_slots(each.kind, slot);
    }

    fn value_rule(&mut self, rule: &Rule, layout: &mut Layout, name: &str, spot: &Spot, shape: &Shape) {
        let number = self.rules.len() as u32;
        let compiled = self.rule(rule, shape, name.to_owned(), spot);
        self.rules.push(compiled);
        layout.entries.insert(String::new(), Filled::Field { slot: 0, rule: number });
    }

    fn set_slots(&mut self, kind: u16, slots: u16) {
        let kind = &mut self.kinds[usize::from(kind)];
        kind.slots = kind.slots.max(slots);
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

    fn find(
        &mut self,
        object: Option<usize>,
        path: &[String],
        spot: &Spot,
        full: &str,
        rule: &Rule,
        first: bool,
    ) -> Option<Shape> {
        let mut object = object?;
        let (last, above) = path.split_last()?;
        let mut walked = Vec::new();
        for name in above.iter().chain([last]) {
            let Some(field) = self.shapes.field(object, name) else {
                if first {
                    self.unknown_field(object, name, spot, full);
                }
                return None;
            };
            walked.push(name.as_str());
            match (&field.shape, walked.len() == path.len()) {
                (Shape::Object(inner), false) => object = *inner,
                (shape @ Shape::Scalar(..), true) => return Some(shape.clone()),
                (shape, _) if first => {
                    let (message, hint) = match shape {
                        Shape::List(_) => {
                            (format!("`{full}` is a list"), Some("it belongs under `lists`, with an `each`".to_owned()))
                        }
                        Shape::Object(inner) => {
                            let fields = self
                                .shapes
                                .fields(*inner)
                                .iter()
                                .map(|field| field.name.as_str())
                                .collect::<Vec<_>>()
                                .join("`, `");
                            (format!("`{full}` is an object"), Some(format!("bind its fields instead: `{fields}`")))
                        }
                        Shape::Scalar(..) => {
                            let key = path.get(walked.len()).map_or("", String::as_str);
                            let near =
                                did_you_mean(key, super::file::RULE_KEYS.iter().map(|(name, _)| *name)).unwrap_or("at");
                            (
                                format!("`{}` is a plain value and has no `{key}`", walked.join(".")),
                                Some(format!("did you mean `{near}`?")),
                            )
                        }
                    };
                    self.say(rule.spot.error(codes::UNKNOWN_FIELD, message, hint));
                    return None;
                }
                _ => return None,
            }
        }
        None
    }

    fn find_list(
        &mut self,
        object: Option<usize>,
        path: &[String],
        spot: &Spot,
        full: &str,
        first: bool,
    ) -> Option<Shape> {
        let mut object = object?;
        for (number, name) in path.iter().enumerate() {
            let Some(field) = self.shapes.field(object, name) else {
                if first {
                    self.unknown_field(object, name, spot, full);
                }
                return None;
            };
            match (&field.shape, number + 1 == path.len()) {
                (Shape::Object(inner), false) => object = *inner,
                (Shape::List(items), true) => return Some((**items).clone()),
                _ => {
                    if first {
                        let hint = Some("a plain value or object belongs under `fields`".to_owned());
                        self.say(spot.error(codes::UNKNOWN_FIELD, format!("`{full}` is not a list"), hint));
                    }
                    return None;
                }
            }
        }
        None
    }

    fn unknown_field(&mut self, object: usize, name: &str, spot: &Spot, full: &str) {
        let known = self.shapes.fields(object).iter().map(|field| field.name.as_str());
        let hint = match did_you_mean(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", known.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
        };
        self.say(spot.error(codes::UNKNOWN_FIELD, format!("the document has no `{full}`"), Some(hint)));
    }

    fn rule(&mut self, rule: &Rule, shape: &Shape, name: String, spot: &Spot) -> FieldRule {
        let (scalar, words) = match shape {
            Shape::Scalar(scalar, words) => (*scalar, words.as_deref()),
            _ => (Scalar::Text, None),
        };
        let convert = match (&rule.codes, &rule.convert) {
            (Some(codes), convert) => {
                if let Some((_, word)) = convert {
                    self.say(word.error(codes::BAD_CONVERTER, "a rule has `codes` or `as`, not both", None));
                }
                self.table(codes, rule, scalar, words, &name)
            }
            (None, convert) => {
                if let Some(known) = words {
                    let hint = format!(
                        "give it `codes`: a table from the partner's codes to `{}`…",
                        known.iter().take(3).cloned().collect::<Vec<_>>().join("`, `")
                    );
                    self.say(rule.spot.error(
                        codes::BAD_TABLE,
                        format!("`{name}` holds one of our words, not a code as sent"),
                        Some(hint),
                    ));
                }
                let converter = match convert {
                    None => Converter::of(scalar),
                    Some((converter, word)) => {
                        if converter.makes() != scalar {
                            let message = format!(
                                "`{}` makes {}, and `{name}` is {}",
                                word.text,
                                converter.makes().name(),
                                scalar.name()
                            );
                            self.say(word.error(codes::BAD_CONVERTER, message, None));
                        }
                        converter.clone()
                    }
                };
                Convert::Value(converter)
            }
        };
        let default = rule.default.as_ref().and_then(|word| {
            let json = literal(&word.text, scalar, words);
            if json.is_none() {
                let message = format!("`{}` cannot be a default: `{name}` is {}", word.text, scalar.name());
                self.say(word.error(
                    codes::WRONG_KIND,
                    message,
                    words.map(|known| format!("one of `{}`", known.join("`, `"))),
                ));
            }
            // What is read as the default must have a form to be written in, or the rule is for reading only.
            let written = match &convert {
                Convert::Value(converter) => converter.write(&word.text).is_some(),
                Convert::Codes(table, _) => table.write(&word.text).is_some(),
            };
            if json.is_some() && !written && rule.only != Some(Only::Read) {
                let hint = Some("add its code to the table, or say `only = \"read\"`".to_owned());
                self.say(word.error(
                    codes::BAD_TABLE,
                    format!("the default `{}` could not be written back", word.text),
                    hint,
                ));
            }
            json
        });
        let place = rule.at.first().map(|(place, _)| match place {
            Place::Segment { step, leaf: Leaf::Element { element, .. }, .. } => (step.tag.clone(), *element),
            Place::Segment { step, .. } => (step.tag.clone(), 0),
            Place::Own { .. } => (String::new(), 0),
        });
        FieldRule {
            name,
            convert,
            default,
            constant: rule.constant.as_ref().map(|word| word.text.as_bytes().into()),
            required: rule.required,
            needed: false,
            only: rule.only,
            place: place.unwrap_or_default(),
            line_column: spot.line_column(),
            spot: spot.clone(),
        }
    }

    fn table(&mut self, codes: &Word, rule: &Rule, scalar: Scalar, words: Option<&[String]>, name: &str) -> Convert {
        let Some(table) = self.tables.get(codes.text.as_str()).cloned() else {
            let hint = match did_you_mean(&codes.text, self.tables.keys().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write it into this file: [codes.{}]", codes.text),
            };
            self.say(codes.error(codes::BAD_TABLE, format!("there is no code table `{}`", codes.text), Some(hint)));
            return Convert::Value(Converter::of(scalar));
        };
        for word in table.words() {
            if literal(word, scalar, words).is_none() {
                let hint = words.map(|known| match did_you_mean(word, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("`{name}` is one of `{}`", known.join("`, `")),
                });
                let message = format!("the table `{}` gives `{word}`, and `{name}` cannot be that", codes.text);
                self.found.push(codes.error(codes::BAD_TABLE, message, hint));
                break;
            }
        }
        if scalar != Scalar::Text && rule.missing == Missing::Pass {
            let hint = Some("say `missing = \"skip\"` or `missing = \"hold\"`".to_owned());
            let message = format!("`{name}` is {}: a code that the table does not have cannot pass", scalar.name());
            self.say(codes.error(codes::BAD_TABLE, message, hint));
        }
        Convert::Codes(table, rule.missing)
    }

    /// The JSON of an object, in the order of its schema.
    fn lay_out(&mut self, object: usize, layout: &Layout, name: &str, spot: &Spot) -> Vec<Op> {
        let mut ops = Vec::new();
        for field in self.shapes.fields(object) {
            let mut key = Vec::new();
            write_string(field.name.as_bytes(), Charset::Utf8, &mut key);
            key.push(b':');
            let key: Box<[u8]> = key.into();
            let full = if name.is_empty() { field.name.clone() } else { format!("{name}.{}", field.name) };
            match (layout.entries.get(&field.name), &field.shape) {
                (Some(Filled::Field { slot, rule }), _) => {
                    if let Some(rule) = self.rules.get_mut(*rule as usize) {
                        rule.required |= field.required && name.is_empty();
                        rule.needed |= field.required;
                    }
                    ops.push(Op::Field { key, slot: *slot, rule: *rule });
                }
                (Some(Filled::List { head }), _) => ops.push(Op::List { key, head: *head }),
                (Some(Filled::Object(inner)), Shape::Object(object)) => {
                    ops.push(Op::Object { key });
                    ops.extend(self.lay_out(*object, inner, &full, spot));
                    ops.push(Op::Close);
                }
                _ if field.required => {
                    let message = format!("every document needs `{full}`, and no rule fills it");
                    let hint = Some(format!("bind it to a place: {} = \"…\"", field.name));
                    self.found.push(spot.error(codes::UNFILLED_FIELD, message, hint));
                }
                _ => {}
            }
        }
        ops
    }

    fn remember(&self, layout: &mut Layout, path: &[String], kind: u16) {
        layout.entries.insert(format!("\0{}", path.join(".")), Filled::List { head: kind });
    }

    fn kind_of(&self, layout: &Layout, path: &[String]) -> Option<u16> {
        match layout.entries.get(&format!("\0{}", path.join(".")))? {
            Filled::List { head } => Some(*head),
            _ => None,
        }
    }

    /// Settles for every loop and tag where a segment is read.
    fn finish(self) -> Plan {
        let mut known: Vec<&str> = Vec::new();
        for node in &self.loops {
            known.extend(node.inner.keys().map(String::as_str));
            known.extend(node.children.keys().map(String::as_str));
            known.extend(node.holds.iter().chain(&node.until).map(String::as_str));
        }
        known.sort_unstable();
        known.dedup();
        let tags = Tags::new(known.iter().copied());
        let mut plan = Plan { gates: self.gates, ..Plan::default() };
        for state in 0..self.loops.len() {
            let unknown = Entry { state: state as u16, ..Entry::default() };
            let base = plan.steps.len();
            plan.steps.resize(base + tags.len(), unknown);
            for tag in &known {
                let (state, actions) = self.settle(state, tag).unwrap_or((state, Vec::new()));
                let entry =
                    Entry { state: state as u16, count: actions.len() as u16, first: plan.actions.len() as u32 };
                plan.actions.extend(actions);
                plan.steps[base + tags.find(tag.as_bytes())] = entry;
            }
        }
        plan.tags = tags;
        plan.kinds = self.kinds;
        plan.rules = self.rules;
        plan
    }

    fn settle(&self, state: usize, tag: &str) -> Option<(usize, Vec<Action>)> {
        let mut at = state;
        loop {
            let node = &self.loops[at];
            let inner = node.inner.get(tag);
            if let Some(child) = node.children.get(tag) {
                let mut actions = inner.cloned().unwrap_or_default();
                actions.extend(self.loops[*child].opening.iter().cloned());
                return Some((*child, actions));
            }
            if let Some(actions) = inner {
                return Some((at, actions.clone()));
            }
            let held = node.holds.iter().any(|held| held == tag);
            let open_ended = !node.until.is_empty() && !node.until.iter().any(|end| end == tag);
            if (held || open_ended) && !self.reopens(at, tag) {
                return Some((at, Vec::new()));
            }
            if at == 0 {
                return None;
            }
            at = node.parent;
        }
    }

    /// Whether the tag opens this loop, or one that it is in, anew.
    fn reopens(&self, mut at: usize, tag: &str) -> bool {
        while at != 0 {
            let parent = self.loops[at].parent;
            if self.loops[parent].children.get(tag) == Some(&at) {
                return true;
            }
            at = parent;
        }
        false
    }
}

fn action(gate: u16, filters: &[Filter], act: Act) -> Action {
    let filters = filters.iter().map(|filter| (filter.element, filter.value.as_bytes().into())).collect();
    Action { gate, filters, act }
}

fn join(name: &str, path: &[String]) -> String {
    let own = path.join(".");
    if name.is_empty() { own } else { format!("{name}.{own}") }
}

fn insert(layout: &mut Layout, path: &[String], filled: Filled) {
    match path {
        [] => {}
        [last] => drop(layout.entries.insert(last.clone(), filled)),
        [first, rest @ ..] => {
            let entry = layout.entries.entry(first.clone()).or_insert_with(|| Filled::Object(Layout::default()));
            if let Filled::Object(inner) = entry {
                insert(inner, rest, filled);
            }
        }
    }
}

/// A value that a file gives, as JSON; `None` if the field cannot be that.
fn literal(text: &str, scalar: Scalar, words: Option<&[String]>) -> Option<Box<[u8]>> {
    if words.is_some_and(|known| !known.iter().any(|word| word == text) && !crate::document::is_foreign_code(text)) {
        return None;
    }
    let mut json = Vec::new();
    match scalar {
        Scalar::Text => write_string(text.as_bytes(), Charset::Utf8, &mut json),
        Scalar::Bool => json.extend(matches!(text, "true" | "false").then_some(text.as_bytes())?),
        Scalar::Integer => Converter::Int.read(text.as_bytes(), Charset::Utf8, &mut json)?,
        Scalar::Decimal => {
            text.parse::<crate::document::Decimal>().ok()?;
            write_string(text.as_bytes(), Charset::Utf8, &mut json);
        }
        Scalar::Date => {
            text.parse::<crate::document::Date>().ok()?;
            write_string(text.as_bytes(), Charset::Utf8, &mut json);
        }
        Scalar::Time => {
            text.parse::<crate::document::Time>().ok()?;
            write_string(text.as_bytes(), Charset::Utf8, &mut json);
        }
    }
    Some(json.into())
}
