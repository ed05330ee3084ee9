//! From an XML document to its canonical JSON: the plan is walked in the order of the schema, and each field looks for its
//! value. What no field took is kept as an extra with its path.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

mod walk;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use serde_json::{Value, json};

use self::walk::{Claim, Flow, Walk};
use super::{
    codes,
    plan::{Convert, FieldRule},
    problem::Problem,
    provenance::Mark,
    read::PROBLEMS,
    table::Table,
    text::{Charset, write_string},
    xml_plan::{Entry, Group, Item, ItemPlan, ListPlan, Way, What, XmlPlan},
    xml_value::{self, Taken},
};
use crate::xml::{Node, Source, Tree, cxml};

/// Attributes of this namespace help validators, and say nothing of the business.
pub(crate) const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// What a document says.
pub(crate) struct Read {
    pub(crate) json: Vec<u8>,
    pub(crate) extras: Option<Value>,
    /// Values that a cross-reference does not have, and whose rule lets them pass.
    pub(crate) warnings: Vec<Problem>,
    /// Where each value of the JSON came from; only where that was asked for.
    pub(crate) marks: Vec<Mark>,
}

/// Reads a document through a plan: the JSON and the extras, or all that is wrong.
pub(crate) fn read(
    plan: &XmlPlan,
    tables: &[Arc<Table>],
    source: &Source<'_>,
    tree: &Tree<'_>,
    traced: bool,
) -> Result<Read, Vec<Problem>> {
    let Some(own) = document(plan, tree) else {
        let text = format!("the document's root is `{}`, and another was expected", tree.root().local());
        return Err(vec![Problem::in_xml(codes::REQUIRED_VALUE, text, source, tree.root(), None)]);
    };
    let mut reader = Reader {
        plan,
        tables,
        warnings: Vec::new(),
        source,
        tree,
        names: names(plan, tree),
        claims: Vec::new(),
        problems: Vec::new(),
        marks: Vec::new(),
        traced,
        out: Vec::with_capacity(tree.text().len()),
    };
    reader.group(&plan.document, own, true);
    if reader.out.is_empty() {
        reader.out.extend_from_slice(b"{}");
    }
    for (way, _) in &plan.envelope {
        reader.claim_at(way, own, |_| true);
    }
    for (way, value) in &plan.constants {
        reader.claim_at(way, own, |found| found == value);
    }
    let claims: HashSet<Claim> = reader.claims.iter().copied().collect();
    let claims = reader.repeats(claims);
    let extras = reader.extras(&claims);
    match reader.problems.is_empty() {
        true => Ok(Read { json: reader.out, extras, warnings: reader.warnings, marks: reader.marks }),
        false => Err(reader.problems),
    }
}

/// Whether a plan is for this document.
pub(crate) fn is_for(plan: &XmlPlan, tree: &Tree<'_>) -> bool {
    document(plan, tree).is_some()
}

/// What the places of the transmission hold, by name.
pub(crate) fn envelope(plan: &XmlPlan, tree: &Tree<'_>) -> BTreeMap<String, String> {
    let Some(own) = document(plan, tree) else { return BTreeMap::new() };
    let walk = Walk { plan, tree, names: &names(plan, tree) };
    let mut held = BTreeMap::new();
    for (way, name) in &plan.envelope {
        walk.each(way, own, &mut |node| match walk.leaf(way, node) {
            Some((value, _)) => {
                held.entry(name.clone()).or_insert_with(|| value.to_owned());
                Flow::Stop
            }
            None => Flow::Pass,
        });
    }
    held
}

/// The document's own element, where the plan's root leads to one.
fn document<'t, 'a>(plan: &XmlPlan, tree: &'t Tree<'a>) -> Option<Node<'t, 'a>> {
    let is = |node: &Node<'_, '_>, name: u16| {
        plan.names
            .get(usize::from(name))
            .is_some_and(|own| own.local == node.local() && own.namespace == node.namespace())
    };
    let (first, rest) = plan.root.split_first()?;
    let root = Some(tree.root()).filter(|root| is(root, *first))?;
    rest.iter().try_fold(root, |node, name| node.children().find(|child| is(child, *name)))
}

/// For each name of the document its number in the plan; 0 where no rule knows it.
fn names(plan: &XmlPlan, tree: &Tree<'_>) -> Vec<u16> {
    let known: HashMap<(&str, &str), u16> = (0u16..)
        .zip(&plan.names)
        .map(|(number, name)| ((name.namespace.as_str(), name.local.as_str()), number))
        .collect();
    // A name that is written in two ways has two numbers, and counts as the last.
    tree.names().map(|name| known.get(&name).copied().unwrap_or_default()).collect()
}

/// Fills the document in.
struct Reader<'p, 't, 'a> {
    plan: &'p XmlPlan,
    tables: &'p [Arc<Table>],
    warnings: Vec<Problem>,
    source: &'p Source<'p>,
    tree: &'t Tree<'a>,
    names: Vec<u16>,
    /// In the order of taking, so that what was taken in vain can be given back.
    claims: Vec<Claim>,
    problems: Vec<Problem>,
    marks: Vec<Mark>,
    traced: bool,
    out: Vec<u8>,
}

/// How far a reader had come.
type Point = (usize, usize);

impl<'t, 'a> Reader<'_, 't, 'a> {
    fn point(&self) -> Point {
        (self.out.len(), self.claims.len())
    }

    /// Undoes all since a point.
    fn back(&mut self, point: Point) {
        self.out.truncate(point.0);
        self.claims.truncate(point.1);
        self.marks.retain(|mark| mark.json.end <= point.0);
    }

    /// Writes an object; `false` where there is none. The document itself is held where something is missing.
    fn group(&mut self, group: &Group, node: Node<'t, 'a>, whole: bool) -> bool {
        let point = self.point();
        self.comma();
        self.out.push(b'{');
        let (mut any, mut complete) = (false, true);
        for entry in &group.entries {
            let before = self.point();
            self.key(&entry.name);
            let wrote = match &entry.what {
                What::Word(word) => {
                    write_string(word.as_bytes(), Charset::Utf8, &mut self.out);
                    continue;
                }
                What::Field { ways, rule } => self.field(ways, *rule, node),
                What::Group(inner) => self.group(inner, node, false),
                What::List(list) => self.list(list, node),
            };
            any |= wrote;
            if !wrote {
                self.back(before);
                let by_default = self.default(entry);
                if !by_default && self.is_needed(entry, whole) {
                    self.missing(entry, node);
                }
                complete &= by_default || !entry.needed;
            }
        }
        self.out.push(b'}');
        let stays = whole || any && complete;
        if !stays {
            self.back(point);
        }
        stays
    }

    /// Whether the document is held where this is missing.
    fn is_needed(&self, entry: &Entry, whole: bool) -> bool {
        let by_rule = match &entry.what {
            What::Field { rule, .. } => self.rule(*rule).is_some_and(|rule| rule.required),
            _ => false,
        };
        by_rule || entry.needed && whole
    }

    fn rule(&self, number: u32) -> Option<&'_ FieldRule> {
        self.plan.rules.get(number as usize)
    }

    fn default(&mut self, entry: &Entry) -> bool {
        let What::Field { rule, .. } = &entry.what else { return false };
        let plan = self.plan;
        let Some(default) = plan.rules.get(*rule as usize).and_then(|rule| rule.default.as_deref()) else {
            return false;
        };
        self.key(&entry.name);
        self.out.extend_from_slice(default);
        true
    }

    fn field(&mut self, ways: &[Way], number: u32, from: Node<'t, 'a>) -> bool {
        let plan = self.plan;
        let Some(rule) = plan.rules.get(number as usize).filter(|rule| rule.only != Some(super::file::Only::Write))
        else {
            return false;
        };
        let names = std::mem::take(&mut self.names);
        let walk = Walk { plan, tree: self.tree, names: &names };
        let mut found = None;
        for way in ways {
            walk.each(way, from, &mut |node| match walk.leaf(way, node) {
                Some(leaf) => {
                    found = Some((leaf, node, way));
                    Flow::Stop
                }
                None => Flow::Pass,
            });
            if found.is_some() {
                break;
            }
        }
        let wrote = match found {
            None => false,
            Some(((value, claim), node, way)) => {
                let start = self.out.len();
                let taken = xml_value::read(rule, self.tables, value, &plan.dialect, &mut self.out);
                let constant = rule.constant.as_deref().is_none_or(|constant| constant == value.as_bytes());
                match taken {
                    _ if !constant => {
                        let wanted = String::from_utf8_lossy(rule.constant.as_deref().unwrap_or_default()).into_owned();
                        let text = format!("`{}` always holds `{wanted}`", rule.origin.name);
                        self.problem(codes::NOT_THE_CONSTANT, text, node, Some((value, rule)));
                        false
                    }
                    Some(Taken::Left) => false,
                    Some(how) => {
                        if how == Taken::Unknown && self.warnings.len() < PROBLEMS {
                            let name = &rule.origin.name;
                            let text = format!("the table of `{name}` does not have this; it was kept as sent");
                            let origin = Some(&*rule.origin);
                            let warning = Problem::in_xml(codes::UNKNOWN_CODE, text, self.source, node, origin);
                            self.warnings.push(Problem { value: Some(value.chars().take(80).collect()), ..warning });
                        }
                        if how != Taken::Part {
                            self.claims.push(claim);
                        }
                        walk.tested(way, node, &mut self.claims);
                        self.mark(start, claim, node, number);
                        true
                    }
                    None => {
                        let (code, text) = match &rule.convert {
                            Convert::Codes(..) | Convert::Cross(..) => {
                                (codes::UNKNOWN_CODE, format!("the table of `{}` does not have this", rule.origin.name))
                            }
                            Convert::Value(converter) => {
                                (codes::UNREADABLE_VALUE, format!("`{}` is {}", rule.origin.name, expects(converter)))
                            }
                        };
                        self.problem(code, text, node, Some((value, rule)));
                        false
                    }
                }
            }
        };
        self.names = names;
        wrote
    }

    /// Writes a list; `false` where it has no items.
    fn list(&mut self, list: &ListPlan, from: Node<'t, 'a>) -> bool {
        let point = self.point();
        self.out.push(b'[');
        let inside = self.out.len();
        let mut opened = HashSet::new();
        for kind in &list.kinds {
            for opener in &kind.openers {
                let mut nodes = Vec::new();
                let walk = Walk { plan: self.plan, tree: self.tree, names: &self.names };
                walk.each(&opener.way, from, &mut |node| {
                    nodes.push(node);
                    Flow::Took
                });
                for node in nodes {
                    // Kinds with a word go before the one that takes the rest.
                    if list.by.is_some() && kind.word.is_none() && opened.contains(&node.number()) {
                        continue;
                    }
                    if self.item(kind, node, opener.way.steps.is_empty()) {
                        opened.insert(node.number());
                        Walk { plan: self.plan, tree: self.tree, names: &self.names }.tested(
                            &opener.way,
                            node,
                            &mut self.claims,
                        );
                    }
                }
            }
        }
        if self.out.len() == inside {
            self.back(point);
            return false;
        }
        self.out.push(b']');
        true
    }

    fn item(&mut self, kind: &ItemPlan, node: Node<'t, 'a>, at_own: bool) -> bool {
        match &kind.item {
            Item::Object(group) => self.group(group, node, false),
            Item::Plain { ways, rule } => {
                let lines = node.text().trim_ascii().contains('\n') && ways.iter().all(|way| way.steps.is_empty());
                if at_own && lines {
                    return self.lines(*rule, node);
                }
                let point = self.point();
                self.comma();
                let wrote = self.field(ways, *rule, node);
                if !wrote {
                    self.back(point);
                }
                wrote
            }
        }
    }

    /// A list of plain values at `.` is the element's text, line by line.
    fn lines(&mut self, number: u32, node: Node<'t, 'a>) -> bool {
        let plan = self.plan;
        let Some(rule) = plan.rules.get(number as usize) else { return false };
        for line in node.text().lines().map(str::trim).filter(|line| !line.is_empty()) {
            let point = self.point();
            self.comma();
            let start = self.out.len();
            match xml_value::read(rule, self.tables, line, &plan.dialect, &mut self.out) {
                Some(Taken::Whole | Taken::Part | Taken::Unknown) => {
                    self.mark(start, Claim::Text(node.number()), node, number);
                }
                _ => self.back(point),
            }
        }
        self.claims.push(Claim::Text(node.number()));
        true
    }

    /// A comma, where something stands before in the same list.
    fn comma(&mut self) {
        if !matches!(self.out.last(), None | Some(b'[' | b':')) {
            self.out.push(b',');
        }
    }

    fn key(&mut self, name: &str) {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
        write_string(name.as_bytes(), Charset::Utf8, &mut self.out);
        self.out.push(b':');
    }

    fn mark(&mut self, start: usize, claim: Claim, node: Node<'t, 'a>, rule: u32) {
        if self.traced {
            let range = match claim {
                Claim::Text(_) => node.within(),
                Claim::Attribute(number) => {
                    let own = node.attributes().find(|one| one.number == number);
                    own.map_or(0..0, |one| one.range.0 as usize..one.range.1 as usize)
                }
            };
            self.marks.push(Mark {
                json: start..self.out.len(),
                bytes: self.source.offset(range.start)..self.source.offset(range.end),
                rule,
            });
        }
    }

    fn problem(&mut self, code: crate::error::Code, text: String, node: Node<'t, 'a>, of: Option<(&str, &FieldRule)>) {
        if self.problems.len() < PROBLEMS {
            let mut problem = Problem::in_xml(code, text, self.source, node, of.map(|(_, rule)| &*rule.origin));
            problem.value = of.map(|(value, _)| value.chars().take(80).collect());
            self.problems.push(problem);
        }
    }

    fn missing(&mut self, entry: &Entry, node: Node<'t, 'a>) {
        let plan = self.plan;
        let rule = match &entry.what {
            What::Field { rule, .. } => plan.rules.get(*rule as usize),
            _ => None,
        };
        // What could not be read was told already.
        if rule.is_some_and(|rule| self.problems.iter().any(|other| other.at(&rule.origin))) {
            return;
        }
        let name = rule.map_or(&entry.name, |rule| &rule.origin.name);
        let text = format!("a document needs `{name}`, and there is none");
        if self.problems.len() < PROBLEMS {
            let origin = rule.map(|rule| &*rule.origin);
            self.problems.push(Problem::in_xml(codes::REQUIRED_VALUE, text, self.source, node, origin));
        }
    }

    /// Claims the value at a place that no field has, if it is what it should be.
    fn claim_at(&mut self, way: &Way, from: Node<'t, 'a>, is: impl Fn(&str) -> bool) {
        let walk = Walk { plan: self.plan, tree: self.tree, names: &self.names };
        let mut claims = Vec::new();
        walk.each(way, from, &mut |node| match walk.leaf(way, node) {
            Some((value, claim)) if is(value) => {
                claims.push(claim);
                walk.tested(way, node, &mut claims);
                Flow::Took
            }
            _ => Flow::Pass,
        });
        self.claims.extend(claims);
    }

    /// Checks the attributes that repeat a field of the document, and claims them where they agree.
    fn repeats(&mut self, mut claims: HashSet<Claim>) -> HashSet<Claim> {
        if self.plan.repeats.is_empty() {
            return claims;
        }
        let document: Value = serde_json::from_slice(&self.out).unwrap_or_default();
        for repeat in &self.plan.repeats {
            let constant = repeat.field.first().and_then(|name| name.strip_prefix('\'')?.strip_suffix('\''));
            let value = match constant {
                Some(constant) => Some(constant),
                None => repeat.field.iter().try_fold(&document, |value, name| value.get(name)).and_then(Value::as_str),
            };
            let Some(value) = value else { continue };
            for node in self.tree.nodes() {
                let walk = Walk { plan: self.plan, tree: self.tree, names: &self.names };
                let name = walk.name(node.name());
                let own = repeat.places.iter().filter(|(element, _)| walk.same(*element, name));
                let leaves = own.filter_map(|(_, attribute)| {
                    walk.leaf(&Way { attribute: Some(*attribute), ..Way::default() }, node)
                });
                for (found, claim) in leaves.collect::<Vec<_>>() {
                    if found == value {
                        claims.insert(claim);
                    } else if constant.is_none()
                        && claims.contains(&Claim::Text(node.number()))
                        && !claims.contains(&claim)
                    {
                        let field = repeat.field.join(".");
                        let text = format!("this is in {found}, and `{field}` of the document is {value}");
                        self.problem(codes::DIFFERS, text, node, None);
                    }
                }
            }
        }
        claims
    }

    /// What nobody claimed.
    fn extras(&self, claims: &HashSet<Claim>) -> Option<Value> {
        let mut extras = Vec::new();
        for node in self.tree.nodes() {
            for one in node.attributes() {
                let (space, local) = self.tree.names().nth(one.name as usize).unwrap_or_default();
                if !one.value.trim_ascii().is_empty()
                    && space != INSTANCE
                    && !claims.contains(&Claim::Attribute(one.number))
                {
                    let path = format!("{}/@{local}", node.path());
                    extras.push(
                        json!({ "path": path, "offset": self.source.offset(one.range.0 as usize), "value": one.value }),
                    );
                }
            }
            if !node.text().trim_ascii().is_empty() && !claims.contains(&Claim::Text(node.number())) {
                let offset = self.source.offset(node.within().start);
                // Extras are shown, and a mapping need not know that this one is for nobody to see.
                let value = if cxml::is_secret(node) { cxml::MASK } else { node.text().trim_ascii() };
                extras.push(json!({ "path": node.path(), "offset": offset, "value": value }));
            }
        }
        (!extras.is_empty()).then_some(Value::Array(extras))
    }
}

/// The form that a value must have.
fn expects(converter: &super::convert::Converter) -> String {
    use super::convert::Converter;
    match converter {
        Converter::Date => "a date, like 2026-07-31".to_owned(),
        Converter::Time => "a time, like 14:05:00".to_owned(),
        Converter::DateTime => "a date and time, like 2026-07-31T14:05:00Z".to_owned(),
        other => other.expects(),
    }
}
