//! The JSON of items: which canonical field a name is, and in which order fields are written.

use std::collections::BTreeMap;

use super::Compiler;
use crate::mapping::{
    codes,
    file::{RULE_KEYS, Rule, Spot, did_you_mean},
    page::Ready,
    plan::{self, Convert, FieldRule, MOST_OPS, OUTSIDE, Object, Op, Quick, What},
    shape::Shape,
    table::Missing,
    text::{Charset, write_string},
};

/// What fills an object: by name, a field, a list or an object in it.
#[derive(Default)]
pub(super) struct Layout {
    pub(super) entries: BTreeMap<String, Filled>,
}

pub(super) enum Filled {
    Field { slot: u16, rule: u32 },
    List { head: u16, kind: u16 },
    Object(Layout),
}

/// The cells of the fields and lists of a kind of item, by the numbers that its rules were compiled with.
#[derive(Default)]
pub(super) struct Cells {
    pub(super) slots: BTreeMap<u16, u16>,
    pub(super) heads: BTreeMap<u16, u16>,
}

impl Layout {
    pub(super) fn insert(&mut self, path: &[String], filled: Filled) {
        match path {
            [] => {}
            [last] => drop(self.entries.insert(last.clone(), filled)),
            [first, rest @ ..] => {
                let entry = self.entries.entry(first.clone()).or_insert_with(|| Filled::Object(Self::default()));
                if let Filled::Object(inner) = entry {
                    inner.insert(rest, filled);
                }
            }
        }
    }

    /// The kind of the items of a list that is laid out already.
    pub(super) fn kind(&self, path: &[String]) -> Option<u16> {
        let (first, rest) = path.split_first()?;
        match self.entries.get(first)? {
            Filled::List { kind, .. } if rest.is_empty() => Some(*kind),
            Filled::Object(inner) => inner.kind(rest),
            _ => None,
        }
    }
}

impl Compiler<'_> {
    pub(super) fn find(
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
                            let near = did_you_mean(key, RULE_KEYS.iter().map(|(name, _)| *name)).unwrap_or("at");
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

    pub(super) fn find_list(
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

    pub(super) fn unknown_field(&mut self, object: usize, name: &str, spot: &Spot, full: &str) {
        let known = self.shapes.fields(object).iter().map(|field| field.name.as_str());
        let hint = match did_you_mean(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", known.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
        };
        self.say(spot.error(codes::UNKNOWN_FIELD, format!("the document has no `{full}`"), Some(hint)));
    }

    /// The JSON of an item, in the order of its schema.
    pub(super) fn lay_out(&mut self, kind: u16, object: usize, layout: &Layout, name: &str, spot: &Spot) {
        let (mut laid, mut cells) = (plan::Layout::default(), Cells::default());
        self.lay_out_object(object, layout, name, spot, OUTSIDE, &mut laid, &mut cells);
        if laid.ops.len() > MOST_OPS {
            let message = format!("`{name}` has {} fields and lists; there may be {MOST_OPS}", laid.ops.len());
            self.found.push(spot.error(codes::UNKNOWN_FIELD, message, None));
        }
        let guarded = laid.objects.iter().rev().filter(|object| object.needs != 0);
        laid.guarded = guarded.map(|object| (object.ops, object.needs)).collect();
        let own = &mut self.kinds[usize::from(kind)];
        own.cells = laid.ops.len() as u16;
        own.layout = laid;
        self.cells.insert(kind, cells);
    }

    #[expect(clippy::too_many_arguments, reason = "one object, and all that is known of it")]
    fn lay_out_object(
        &mut self,
        object: usize,
        layout: &Layout,
        name: &str,
        spot: &Spot,
        inside: u8,
        laid: &mut plan::Layout,
        cells: &mut Cells,
    ) {
        for field in self.shapes.fields(object) {
            let mut key = Vec::new();
            write_string(field.name.as_bytes(), Charset::Utf8, &mut key);
            key.push(b':');
            let full = if name.is_empty() { field.name.clone() } else { format!("{name}.{}", field.name) };
            match (layout.entries.get(&field.name), &field.shape) {
                (Some(Filled::Field { slot, rule }), _) => {
                    cells.slots.insert(*slot, laid.ops.len() as u16);
                    let quick = self.rules.get(*rule as usize).map_or(Quick::No, FieldRule::quick);
                    let bit = add(laid, &key, inside, What::Field { rule: *rule }, quick);
                    let Some(compiled) = self.rules.get_mut(*rule as usize) else { continue };
                    if compiled.default.is_some() {
                        laid.always |= bit;
                    } else if compiled.required || field.required && name.is_empty() {
                        laid.held |= bit;
                    } else if field.required {
                        match laid.objects.get_mut(usize::from(inside)) {
                            Some(object) => object.needs |= bit,
                            None => laid.needs |= bit,
                        }
                    }
                    if let (Convert::Codes(_, Missing::Skip), true) = (&compiled.convert, field.required) {
                        let message = format!("without `{full}` there is nothing: its codes cannot be skipped");
                        let hint = Some("say `missing = \"hold\"` or `missing = \"pass\"`".to_owned());
                        self.found.push(compiled.origin.spot.error(codes::BAD_TABLE, message, hint));
                    }
                }
                (Some(Filled::List { head, .. }), _) => {
                    cells.heads.insert(*head, laid.ops.len() as u16);
                    add(laid, &key, inside, What::List, Quick::No);
                }
                (Some(Filled::Object(inner)), Shape::Object(object)) => {
                    key.push(b'{');
                    let number = laid.objects.len() as u8;
                    laid.objects.push(Object { key: Ready::new(&key), parent: inside, ops: 0, needs: 0 });
                    self.lay_out_object(*object, inner, &full, spot, number, laid, cells);
                }
                _ if field.required => {
                    let message = format!("every document needs `{full}`, and no rule fills it");
                    let hint = Some(format!("bind it to a place: {} = \"…\"", field.name));
                    self.found.push(spot.error(codes::UNFILLED_FIELD, message, hint));
                }
                _ => {}
            }
        }
    }
}

/// Adds a field or list, and gives its bit.
fn add(laid: &mut plan::Layout, key: &[u8], inside: u8, what: What, quick: Quick) -> u64 {
    let bit = 1u64.checked_shl(laid.ops.len() as u32).unwrap_or_default();
    laid.ops.push(Op { key: Ready::new(key), object: inside, what, quick });
    let mut around = inside;
    while let Some(object) = laid.objects.get_mut(usize::from(around)) {
        object.ops |= bit;
        around = object.parent;
    }
    bit
}
