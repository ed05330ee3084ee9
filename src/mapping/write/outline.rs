//! The form of the documents that a mapping writes: which key of which object is a field or a list of which item, and which
//! cell it has there.

use std::collections::{BTreeMap, HashMap};

use super::form::{Entry, Form, FormKind, Key};
use crate::mapping::{
    file::{List, NamedList, Scope},
    shape::{Shape, Shapes},
};

/// The form of a mapping's documents, and what of it goes by which name.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) form: Form,
    /// Fields and lists by their full names: their cells.
    pub(super) cells: HashMap<String, u16>,
    /// Lists by their full names: the kind of their items.
    pub(super) kinds: HashMap<String, u16>,
}

/// Lays out the form of the documents that a mapping writes; `names` are its rules by their fields.
pub(super) fn outline(scope: &Scope, shapes: &Shapes, names: &HashMap<&str, u32>) -> Outline {
    let mut sketch = Sketch { shapes, names, made: Outline::default() };
    sketch.kind(scope, 0, "", None);
    sketch.made.form.number_places();
    sketch.made
}

/// The full name of a field in an item.
pub(super) fn join(outer: &str, inner: &str) -> String {
    if outer.is_empty() { inner.to_owned() } else { format!("{outer}.{inner}") }
}

struct Sketch<'a> {
    shapes: &'a Shapes,
    names: &'a HashMap<&'a str, u32>,
    made: Outline,
}

/// What a scope binds, by name.
enum Bound<'a> {
    Field,
    List(&'a List),
}

impl<'a> Sketch<'a> {
    fn kind(&mut self, scope: &'a Scope, object: usize, name: &str, nest: Option<&str>) -> u16 {
        let kind = self.made.form.kinds.len() as u16;
        self.made.form.kinds.push(FormKind::default());
        let fields = scope.fields.iter().filter(|field| field.rule.is_some());
        let mut bound: BTreeMap<String, Bound<'a>> = fields.map(|field| (field.path.join("."), Bound::Field)).collect();
        for NamedList { path, list, .. } in &scope.lists {
            if let Some(list) = list {
                bound.insert(path.join("."), Bound::List(list));
            }
        }
        let mut rules = Vec::new();
        let object = self.object(object, &bound, "", name, (kind, nest), &mut rules);
        if let Some(own) = self.made.form.kinds.get_mut(usize::from(kind)) {
            *own = FormKind { object, cells: rules.len() as u16, plain: false, rules };
        }
        kind
    }

    fn object(
        &mut self,
        object: usize,
        bound: &BTreeMap<String, Bound<'a>>,
        inside: &str,
        name: &str,
        (kind, nest): (u16, Option<&str>),
        rules: &mut Vec<Option<u32>>,
    ) -> u16 {
        let number = self.made.form.objects.len();
        self.made.form.objects.push(Vec::new());
        let mut keys = Vec::new();
        for field in self.shapes.fields(object) {
            let path = join(inside, &field.name);
            let full = join(name, &path);
            let mut cell = |rule: Option<u32>| {
                rules.push(rule);
                (rules.len() - 1) as u16
            };
            let entry = match (bound.get(&path), &field.shape) {
                (Some(Bound::Field), _) => {
                    let cell = cell(self.names.get(full.as_str()).copied());
                    self.made.cells.insert(full, cell);
                    Entry::Field(cell)
                }
                (Some(Bound::List(list)), Shape::List(items)) => {
                    let cell = cell(None);
                    self.made.cells.insert(full.clone(), cell);
                    let items = match **items {
                        Shape::Object(object) => {
                            self.kind(&list.scope, object, &full, list.nest.as_ref().map(|nest| nest.text.as_str()))
                        }
                        _ => {
                            let rules = vec![self.names.get(full.as_str()).copied()];
                            self.made.form.kinds.push(FormKind { object: 0, cells: 1, plain: true, rules });
                            (self.made.form.kinds.len() - 1) as u16
                        }
                    };
                    self.made.kinds.insert(full, items);
                    Entry::List { cell, kind: items }
                }
                (None, Shape::List(_)) if nest == Some(field.name.as_str()) && inside.is_empty() => {
                    let cell = cell(None);
                    self.made.cells.insert(full, cell);
                    Entry::List { cell, kind }
                }
                (None, Shape::Object(inner)) => {
                    let below = format!("{path}.");
                    match bound.range(below.clone()..).next() {
                        Some((first, _)) if first.starts_with(&below) => {
                            Entry::Object(self.object(*inner, bound, &path, name, (kind, None), rules))
                        }
                        _ => Entry::Left,
                    }
                }
                _ => Entry::Left,
            };
            keys.push(Key::new(&field.name, entry));
        }
        if let Some(own) = self.made.form.objects.get_mut(number) {
            *own = keys;
        }
        number as u16
    }
}
