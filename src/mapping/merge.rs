//! `extends` and `like`: what a file says on top of another. What is listed replaces, `false` removes, and every rule
//! keeps the file and line it came from.

use std::collections::HashMap;

use super::{
    codes,
    file::{Codes, Field, List, NamedList, Scope, Word, did_you_mean},
};
use crate::config::Diagnostic;

/// How deep parts may hold parts: more is a circle.
const PARTS_DEEP: usize = 10;

/// `over` on top of `base`.
pub(crate) fn scope(base: Scope, over: Scope) -> Scope {
    let mut merged = base;
    for field in over.fields {
        place(&mut merged.fields, field);
    }
    for named in over.lists {
        let slot = merged.lists.iter_mut().find(|other| other.path == named.path);
        match slot {
            None => merged.lists.push(named),
            Some(slot) => {
                slot.list = match (slot.list.take(), named.list) {
                    (_, None) => None,
                    (None, Some(over)) => Some(over),
                    (Some(base), Some(over)) => Some(list(base, over)),
                };
                slot.spot = named.spot;
            }
        }
    }
    for (tag, segments) in over.loops {
        merged.loops.retain(|(other, _)| other.text != tag.text);
        merged.loops.push((tag, segments));
    }
    merged.computed.extend(over.computed);
    for one in over.computed_xml {
        merged.computed_xml.retain(|other| other.0 != one.0);
        merged.computed_xml.push(one);
    }
    merged
}

fn place(fields: &mut Vec<Field>, field: Field) {
    // `price = false` also takes `price.amount` away.
    if field.rule.is_none() {
        fields.retain(|other| !other.path.starts_with(&field.path));
    }
    match fields.iter_mut().find(|other| other.path == field.path) {
        Some(slot) => *slot = field,
        None => fields.push(field),
    }
}

fn list(base: List, over: List) -> List {
    List {
        like: over.like.or(base.like),
        each: if over.each.is_empty() { base.each } else { over.each },
        paths: if over.paths.is_empty() { base.paths } else { over.paths },
        by: over.by.or(base.by),
        of: kinds(base.of, over.of),
        through: if over.through.is_empty() { base.through } else { over.through },
        opens: base.opens || over.opens,
        holds: if over.holds.is_empty() { base.holds } else { over.holds },
        until: if over.until.is_empty() { base.until } else { over.until },
        under: over.under.or(base.under),
        nest: over.nest.or(base.nest),
        value: over.value.or(base.value),
        scope: scope(base.scope, over.scope),
        spot: over.spot,
    }
}

/// Kinds of items, by their words.
fn kinds(base: Vec<(Word, Option<List>)>, over: Vec<(Word, Option<List>)>) -> Vec<(Word, Option<List>)> {
    let mut merged = base;
    for (word, over) in over {
        match merged.iter_mut().find(|(other, _)| other.text == word.text) {
            None => merged.push((word, over)),
            Some((_, slot)) => {
                *slot = match (slot.take(), over) {
                    (Some(base), Some(over)) => Some(list(base, over)),
                    (_, over) => over,
                }
            }
        }
    }
    merged
}

/// Tables of `over` on top of those of `base`: codes replace codes, `false` removes.
pub(crate) fn tables(base: &[Codes], over: &[Codes]) -> Vec<Codes> {
    let mut merged = base.to_vec();
    for table in over {
        let Some(slot) = merged.iter_mut().find(|other| other.name.text == table.name.text) else {
            merged.push(table.clone());
            continue;
        };
        for entry in &table.entries {
            match slot.entries.iter_mut().find(|other| other.code.text == entry.code.text) {
                Some(other) => *other = entry.clone(),
                None => slot.entries.push(entry.clone()),
            }
        }
        slot.name = table.name.clone();
    }
    merged
}

/// Puts the shared parts under every list that is `like` one.
pub(crate) fn parts(scope: &mut Scope, shared: &HashMap<String, List>, found: &mut Vec<Diagnostic>) {
    put_parts(scope, shared, found, 0);
}

fn put_parts(scope: &mut Scope, shared: &HashMap<String, List>, found: &mut Vec<Diagnostic>, depth: usize) {
    for NamedList { list: slot, .. } in &mut scope.lists {
        put_part(slot, shared, found, depth);
    }
}

/// Puts the shared part under one list, and under the kinds of its items.
fn put_part(slot: &mut Option<List>, shared: &HashMap<String, List>, found: &mut Vec<Diagnostic>, depth: usize) {
    if let Some(mut current) = slot.take() {
        let mut steps = depth;
        while let Some(like) = current.like.take() {
            steps += 1;
            let Some(part) = shared.get(&like.text).filter(|_| steps <= PARTS_DEEP) else {
                let message = match shared.contains_key(&like.text) {
                    true => format!("the part `{}` holds itself", like.text),
                    false => format!("there is no part `{}`", like.text),
                };
                let near = did_you_mean(&like.text, shared.keys().map(String::as_str));
                let hint = match near.filter(|near| *near != like.text) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if shared.contains_key(&like.text) => "a part may only hold others".to_owned(),
                    None => "parts are written [parts.name], in a file of any name below mappings/".to_owned(),
                };
                found.push(like.error(codes::BAD_BASE, message, Some(hint)));
                current.opens = true;
                break;
            };
            let next = part.like.clone();
            current = list(part.clone(), current);
            current.like = next;
        }
        put_parts(&mut current.scope, shared, found, steps + 1);
        for (_, kind) in &mut current.of {
            put_part(kind, shared, found, steps + 1);
        }
        *slot = Some(current);
    }
}
