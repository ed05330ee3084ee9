//! From a canonical document to XML: the plan of reading, walked the other way. Elements are made as fields ask for them,
//! and put in the order of the standard at the end.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

mod amounts;
mod elements;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use serde_json::Value;

use self::{
    amounts::{decimal, line_amount, total},
    elements::Element,
};
use super::{
    codes,
    file::Only,
    problem::Problem,
    table::Table,
    xml_place::Wants,
    xml_plan::{Computed, Entry, Group, Inherited, Item, ItemPlan, ListPlan, Way, WayStep, What, XmlPlan},
    xml_value,
};

/// A document that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenXml {
    /// The XML.
    pub bytes: Vec<u8>,
    /// JSON pointers of the values that the mapping has no place for.
    pub left: Vec<String>,
}

/// Writes a document. `envelope` has the values of the transmission, by name.
pub(crate) fn write(
    plan: &XmlPlan,
    tables: &[Arc<Table>],
    document: &Value,
    envelope: &BTreeMap<String, String>,
) -> Result<WrittenXml, Vec<Problem>> {
    let mut writer = Builder {
        plan,
        tables,
        document,
        nodes: Vec::new(),
        left: Vec::new(),
        passed: Vec::new(),
        taken_over: HashSet::new(),
        conditional: Vec::new(),
        omitted: Vec::new(),
        problems: Vec::new(),
    };
    let mut own = 0;
    for (number, name) in plan.root.iter().enumerate() {
        let key = plan.root.len() as u32;
        let key = u32::MAX - key + number as u32;
        let made = writer.add(Element { name: *name, key, parent: own, ..Element::default() });
        if let (true, Some(parent)) = (number > 0, writer.nodes.get_mut(own)) {
            parent.children.push(made);
        }
        own = made;
    }
    writer.group(&plan.document, document, own, &Here { pointer: String::new(), position: 0, above: &[] });
    for pointer in std::mem::take(&mut writer.passed) {
        if let (false, Some(value)) = (writer.taken_over.contains(&pointer), document.pointer(&pointer)) {
            leaves(value, pointer, &mut writer.left);
        }
    }
    for (way, name) in &plan.envelope {
        if let Some(value) = envelope.get(name) {
            writer.put(way, own, value.clone());
        }
    }
    for (way, value) in &plan.constants {
        writer.put(way, own, value.clone());
    }
    writer.take_back();
    writer.repeat();
    if !writer.problems.is_empty() {
        return Err(writer.problems);
    }
    let left = std::mem::take(&mut writer.left);
    match writer.print() {
        Ok(bytes) => Ok(WrittenXml { bytes, left }),
        Err(error) => Err(vec![Problem::of_document(codes::UNWRITABLE_VALUE, error.to_string(), None)]),
    }
}

/// Where in the document the writer is.
struct Here<'a> {
    pointer: String,
    /// Which item of its list this is, from 0.
    position: usize,
    /// Items that were passed through, outermost first, with the fields that are inherited.
    above: &'a [Above<'a>],
}

/// An item that was passed through, and which of its fields the items below take over.
#[derive(Clone)]
struct Above<'a> {
    item: &'a Value,
    fields: &'a [Inherited],
    pointer: String,
}

impl Here<'_> {
    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }
}

struct Builder<'p> {
    plan: &'p XmlPlan,
    tables: &'p [Arc<Table>],
    document: &'p Value,
    nodes: Vec<Element>,
    left: Vec<String>,
    /// Fields of items that were passed through, and those of them that an item below took over.
    passed: Vec<String>,
    taken_over: HashSet<String>,
    /// Fields that were put below an element which must have something else in it, with their ways and where these begin.
    conditional: Vec<(String, &'p Way, usize)>,
    /// Fields that need not be written.
    omitted: Vec<String>,
    problems: Vec<Problem>,
}

impl<'p> Builder<'p> {
    /// Takes back what would be read as something else: `PaymentTerm[Discount]/@days` where no `Discount` came to be.
    fn take_back(&mut self) {
        for (pointer, way, from) in std::mem::take(&mut self.conditional) {
            let at = self.walk(way, from, None);
            let mut element = at;
            let holds = way.steps.iter().rev().all(|step| {
                let here = element;
                element = self.nodes.get(here).map_or(0, |node| node.parent);
                step.tests.iter().all(|test| test.wants != Wants::There || self.has(&test.way, here))
            });
            if holds {
                continue;
            }
            if let Some(node) = self.nodes.get_mut(at) {
                match way.attribute {
                    None => node.text = None,
                    Some(name) => node.attributes.retain(|(other, _)| *other != name),
                }
            }
            self.left.push(pointer);
        }
    }

    fn group<'v>(&mut self, group: &'p Group, value: &'v Value, at: usize, here: &Here<'v>) {
        let Some(object) = value.as_object() else { return };
        let mut bound = 0;
        for entry in &group.entries {
            let own = object.get(&entry.name);
            bound += usize::from(own.is_some());
            let inherited = || {
                let offers = |above: &'v Above<'v>| {
                    let field = above.fields.iter().find(|field| field.into.contains(&entry.name))?;
                    Some((above, field, above.item.get(&field.from)?))
                };
                let mut offering = here.above.iter().rev().filter_map(offers).peekable();
                // A later name of the field is for what the nearer items do not give the names before it.
                let (_, field, _) = offering.peek()?;
                let earlier = field.into.iter().take_while(|name| **name != entry.name);
                let nearer = earlier.filter(|name| !object.contains_key(*name)).count();
                offering.nth(nearer)
            };
            let mut pointer = here.at(&entry.name);
            let value = own.or_else(|| {
                let (above, field, value) = inherited()?;
                pointer = format!("{}/{}", above.pointer, field.from);
                self.taken_over.insert(pointer.clone());
                Some(value)
            });
            match (&entry.what, value) {
                (What::Field { ways, rule }, value) => self.field(ways, *rule, value, at, &pointer),
                (What::Group(inner), Some(value)) => {
                    self.group(inner, value, at, &Here { pointer, position: 0, above: &[] });
                }
                (What::List(list), Some(Value::Array(items))) => {
                    let mut counts = vec![0; list.kinds.len()];
                    self.list(list, items, at, &pointer, &[], &mut counts);
                }
                _ => {}
            }
        }
        if bound < object.len() {
            for (name, value) in
                object.iter().filter(|(name, _)| !group.entries.iter().any(|entry| entry.name == **name))
            {
                leaves(value, here.at(name), &mut self.left);
            }
        }
        for (way, computed) in &group.computed {
            if self.is_free(way, at)
                && let Some(text) = self.compute(computed, value, here.position)
            {
                self.put(way, at, text);
            }
        }
    }

    fn field(&mut self, ways: &'p [Way], rule: u32, value: Option<&Value>, at: usize, pointer: &str) {
        let plan = self.plan;
        let (Some(rule), Some(way)) = (plan.rules.get(rule as usize), ways.first()) else { return };
        if rule.only == Some(Only::Read) {
            if value.is_some() {
                self.left.push(pointer.to_owned());
            }
            return;
        }
        if let Some(constant) = &rule.constant {
            self.put(way, at, String::from_utf8_lossy(constant).into_owned());
            return;
        }
        let Some(value) = value else {
            if rule.required {
                let text = format!("a document needs `{}`, and there is none", rule.origin.name);
                self.problems.push(Problem::of_document(codes::REQUIRED_VALUE, text, Some(&rule.origin)));
            }
            return;
        };
        if plain(value).is_some_and(|text| rule.omits(&text)) {
            self.omitted.push(pointer.to_owned());
            return;
        }
        let text = plain(value).and_then(|text| xml_value::write(rule, self.tables, &text, &plan.dialect));
        if text.is_some_and(|text| self.put(way, at, text)) {
            let asks = |step: &WayStep| step.tests.iter().any(|test| test.wants == Wants::There);
            if way.steps.iter().any(asks) {
                self.conditional.push((pointer.to_owned(), way, at));
            }
            return;
        }
        if rule.required {
            let text = format!("a document needs `{}`, and there is no code for this one", rule.origin.name);
            self.problems.push(Problem::of_document(codes::REQUIRED_VALUE, text, Some(&rule.origin)));
        }
        self.left.push(pointer.to_owned());
    }

    /// Writes the items of a list, and of those that are passed through the items in them.
    fn list<'v>(
        &mut self,
        list: &'p ListPlan,
        items: &'v [Value],
        at: usize,
        pointer: &str,
        above: &[Above<'v>],
        counts: &mut [usize],
    ) where
        'p: 'v,
    {
        for (number, item) in items.iter().enumerate() {
            let pointer = format!("{pointer}/{number}");
            let word = list.by.as_ref().and_then(|by| item.get(by)?.as_str());
            if let Some(through) = list.through.iter().find(|through| Some(through.word.as_str()) == word) {
                let mut deeper = above.to_vec();
                deeper.push(Above { item, fields: &through.fields, pointer: pointer.clone() });
                // What is inherited is written below, if an item there has none of its own; what else there is has no place.
                for (name, value) in item.as_object().into_iter().flatten() {
                    if let (Value::Array(below), true) = (value, name == "levels") {
                        self.list(list, below, at, &format!("{pointer}/{name}"), &deeper, counts);
                    } else if through.fields.iter().any(|field| field.from == *name) {
                        self.passed.push(format!("{pointer}/{name}"));
                    } else {
                        leaves(value, format!("{pointer}/{name}"), &mut self.left);
                    }
                }
                continue;
            }
            let own = list.kinds.iter().position(|kind| kind.word.is_some() && kind.word.as_deref() == word);
            let Some(number) = own.or_else(|| list.kinds.iter().position(|kind| kind.word.is_none())) else {
                leaves(item, pointer, &mut self.left);
                continue;
            };
            // What an item is has no word there: without it, the rest would be taken for something else.
            if own.is_none() && list.by.as_ref().is_some_and(|by| !self.names(list.kinds.get(number), by, item)) {
                leaves(item, pointer, &mut self.left);
                continue;
            }
            if let (Some(kind), Some(count)) = (list.kinds.get(number), counts.get_mut(number)) {
                // Two items in one element would be read as one.
                let single = kind.is_the_element_itself();
                if single && *count > 0 {
                    leaves(item, pointer, &mut self.left);
                    continue;
                }
                let (before, omitted) = (self.left.len(), self.omitted.len());
                self.item(kind, item, at, &Here { pointer: pointer.clone(), position: *count, above });
                let mut all = Vec::new();
                leaves(item, pointer.clone(), &mut all);
                let own = list.by.as_ref().filter(|_| kind.word.is_some());
                let unwritten = self.left.len() - before + (self.omitted.len() - omitted) + usize::from(own.is_some());
                if unwritten < all.len() || !single {
                    *count += 1;
                }
                // What an item is has no place where nothing else of it has one.
                if let (Some(by), true) = (own, unwritten == all.len()) {
                    let omitted = self.omitted.split_off(omitted);
                    self.left.extend(omitted);
                    self.left.push(format!("{pointer}/{by}"));
                }
            }
        }
    }

    /// Whether the field that tells kinds apart can be written, where a kind has a place for it.
    fn names(&self, kind: Option<&ItemPlan>, by: &str, item: &Value) -> bool {
        let Some(Item::Object(group)) = kind.map(|kind| &kind.item) else { return true };
        let rule = group.entries.iter().find(|entry| entry.name == by).and_then(|entry| match &entry.what {
            What::Field { rule, .. } => self.plan.rules.get(*rule as usize),
            _ => None,
        });
        match (rule, item.get(by).and_then(plain)) {
            (Some(rule), Some(word)) if rule.only != Some(Only::Read) => {
                rule.omits(&word) || xml_value::write(rule, self.tables, &word, &self.plan.dialect).is_some()
            }
            _ => true,
        }
    }

    fn item(&mut self, kind: &'p ItemPlan, item: &Value, at: usize, here: &Here<'_>) {
        match &kind.item {
            Item::Object(group) => {
                let writes = |entry: &Entry| match &entry.what {
                    What::Field { rule, .. } => {
                        self.plan.rules.get(*rule as usize).is_some_and(|rule| rule.only != Some(Only::Read))
                    }
                    What::Word(_) => false,
                    What::Group(_) | What::List(_) => true,
                };
                let Some(opener) = kind.openers.first().filter(|_| group.entries.iter().any(writes)) else {
                    leaves(item, here.pointer.clone(), &mut self.left);
                    return;
                };
                let own = self.walk(&opener.way, at, Some(std::ptr::from_ref(kind).addr()));
                self.group(group, item, own, here);
            }
            Item::Plain { ways, rule } => {
                // The first value goes to the first place, and so on; one that repeats takes all that are left.
                let opener = match kind.openers.as_slice() {
                    [only] => Some(only),
                    several => {
                        let from = several.iter().position(|opener| opener.repeats).unwrap_or(several.len());
                        several.get(here.position.min(from))
                    }
                };
                let Some(opener) = opener else {
                    self.left.push(here.pointer.clone());
                    return;
                };
                let own = self.walk(&opener.way, at, Some(std::ptr::from_ref(kind).addr()));
                // At `.` the lines of a text stand under each other.
                if let (true, Some(Element { text: Some(text), .. }), Some(line)) =
                    (opener.way.steps.is_empty(), self.nodes.get_mut(own), item.as_str())
                {
                    text.push('\n');
                    text.push_str(line);
                    return;
                }
                self.field(ways, *rule, Some(item), own, &here.pointer);
            }
        }
    }

    fn compute(&self, computed: &Computed, value: &Value, position: usize) -> Option<String> {
        let items = |name: &str| value.get(name).and_then(Value::as_array);
        Some(match computed {
            Computed::Position => (position + 1).to_string(),
            Computed::Constant(text) => text.clone(),
            Computed::Count(list) => items(list).map_or(0, Vec::len).to_string(),
            Computed::Copy(fields) => {
                fields.iter().find_map(|path| plain(path.iter().try_fold(value, |value, name| value.get(name))?))?
            }
            Computed::Sum(list, field) => total(items(list)?.iter().filter_map(|item| decimal(item.get(field)?)))?,
            Computed::LineAmount => line_amount(value)?.to_string(),
            Computed::LinesAmount(list) => total(items(list)?.iter().filter_map(line_amount))?,
        })
    }

    /// Writes the attributes that repeat a field of the document.
    fn repeat(&mut self) {
        let plan = self.plan;
        for repeat in &plan.repeats {
            let constant = repeat.field.first().and_then(|name| name.strip_prefix('\'')?.strip_suffix('\''));
            let field = || repeat.field.iter().try_fold(self.document, |value, name| value.get(name))?.as_str();
            let Some(value) = constant.or_else(field) else { continue };
            for node in &mut self.nodes {
                for (_, attribute) in repeat.places.iter().filter(|(element, _)| *element == node.name) {
                    if !node.attributes.iter().any(|(other, _)| other == attribute) {
                        node.attributes.push((*attribute, value.to_owned()));
                    }
                }
            }
        }
    }
}

/// The text of a plain value.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The pointers of all plain values in a value.
fn leaves(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                leaves(value, format!("{at}/{name}"), out);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                leaves(item, format!("{at}/{number}"), out);
            }
        }
        _ => out.push(at),
    }
}
