//! The elements of a document in the making: made as places are asked for, and printed in the order of the standard.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use super::Builder;
use crate::{
    mapping::{
        xml_place::Wants,
        xml_plan::{Way, WayStep},
    },
    xml::{Unwritable, Writer},
};

/// An element in the making.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: u16,
    /// The step that made it, so that the same step comes to it again.
    pub(super) key: u32,
    /// The kinds of items whose own element it is: the next item of the same kind has another one.
    pub(super) items: Vec<usize>,
    pub(super) parent: usize,
    pub(super) text: Option<String>,
    pub(super) attributes: Vec<(u16, String)>,
    pub(super) children: Vec<usize>,
}

impl<'p> Builder<'p> {
    pub(super) fn add(&mut self, element: Element) -> usize {
        self.nodes.push(element);
        self.nodes.len() - 1
    }

    /// The element that a step leads to; made if it is not there yet, or if a `fresh` one is wanted and this one is taken.
    pub(super) fn step(&mut self, parent: usize, step: &WayStep, fresh: Option<usize>) -> usize {
        let children = self.nodes.get(parent).map_or(&[][..], |node| &node.children);
        let known = children.iter().copied().find(|child| {
            self.nodes
                .get(*child)
                .is_some_and(|node| node.key == step.key && !fresh.is_some_and(|kind| node.items.contains(&kind)))
        });
        let child = known.unwrap_or_else(|| {
            let child = self.add(Element { name: step.name, key: step.key, parent, ..Element::default() });
            if let Some(node) = self.nodes.get_mut(parent) {
                node.children.push(child);
            }
            for test in &step.tests {
                if let Wants::Is(value) = &test.wants {
                    self.put(&test.way, child, value.clone());
                }
            }
            child
        });
        if let (Some(kind), Some(node)) = (fresh, self.nodes.get_mut(child)) {
            node.items.push(kind);
        }
        child
    }

    /// The element at the end of a way; the last step is `fresh` for a kind of items where it opens one.
    pub(super) fn walk(&mut self, way: &Way, from: usize, fresh: Option<usize>) -> usize {
        let (mut here, steps) = self.begin(way, from);
        for (number, step) in steps.iter().enumerate() {
            // The root leads down to the document's own element by its names alone.
            let on_root = way.absolute.then(|| self.plan.root.get(number + 1)).flatten() == Some(&step.name);
            let below = on_root.then(|| self.nodes.get(here)?.children.first().copied()).flatten();
            here = match below.filter(|child| self.nodes.get(*child).is_some_and(|node| node.name == step.name)) {
                Some(child) => child,
                None => self.step(here, step, fresh.filter(|_| number + 1 == steps.len())),
            };
        }
        here
    }

    /// Where a way begins, and its steps from there.
    pub(super) fn begin<'w>(&self, way: &'w Way, from: usize) -> (usize, &'w [WayStep]) {
        if way.absolute {
            return (0, way.steps.get(1..).unwrap_or_default());
        }
        let up = (0..way.up).fold(from, |node, _| self.nodes.get(node).map_or(0, |node| node.parent));
        (up, &way.steps)
    }

    /// Puts a value at a place; not over another one.
    pub(super) fn put(&mut self, way: &Way, from: usize, value: String) -> bool {
        // What files share may name the root of another kind of document.
        let root = self.nodes.first().map(|node| node.name);
        if way.absolute && way.steps.first().map(|step| step.name) != root {
            return false;
        }
        let at = self.walk(way, from, None);
        let Some(node) = self.nodes.get_mut(at) else { return false };
        match way.attribute {
            None if node.text.is_none() => node.text = Some(value),
            Some(name) if !node.attributes.iter().any(|(other, _)| *other == name) => {
                node.attributes.push((name, value));
            }
            _ => return false,
        }
        true
    }

    /// Whether there is what a test below an element asks for.
    pub(super) fn has(&self, way: &Way, from: usize) -> bool {
        let (mut here, steps) = self.begin(way, from);
        for step in steps {
            let Some(node) = self.nodes.get(here) else { return false };
            let named = |child: &&usize| self.nodes.get(**child).is_some_and(|node| node.name == step.name);
            let Some(child) = node.children.iter().filter(|child| self.says(**child)).find(named) else { return false };
            here = *child;
        }
        way.attribute.is_none_or(|name| {
            self.nodes.get(here).is_some_and(|node| node.attributes.iter().any(|(other, _)| *other == name))
        })
    }

    /// Whether a place has no value, and an element to have it in; nothing is made for it.
    pub(super) fn is_free(&self, way: &Way, from: usize) -> bool {
        let (mut here, steps) = self.begin(way, from);
        for (number, step) in steps.iter().enumerate() {
            let Some(node) = self.nodes.get(here) else { return false };
            let found =
                node.children.iter().find(|child| self.nodes.get(**child).is_some_and(|node| node.name == step.name));
            match found {
                Some(child) => here = *child,
                None => return number + 1 == steps.len() && way.attribute.is_none(),
            }
        }
        self.nodes.get(here).is_some_and(|node| match way.attribute {
            None => node.text.is_none() && node.children.is_empty(),
            Some(name) => !node.attributes.iter().any(|(other, _)| *other == name),
        })
    }

    pub(super) fn name(&self, number: u16) -> &'p str {
        self.plan.names.get(usize::from(number)).map_or("", |name| &name.written)
    }

    pub(super) fn print(&self) -> Result<Vec<u8>, Unwritable> {
        let mut writer = Writer::new();
        let root = self.nodes.first().map_or("", |node| self.name(node.name));
        if let Some(system) = &self.plan.document_type {
            writer.document_type(root, system)?;
        }
        self.print_element(0, &mut writer)?;
        Ok(writer.finish())
    }

    pub(super) fn print_element(&self, number: usize, writer: &mut Writer) -> Result<(), Unwritable> {
        let Some(node) = self.nodes.get(number) else { return Ok(()) };
        writer.start(self.name(node.name))?;
        if number == 0 {
            for (prefix, uri) in &self.plan.namespaces {
                let used = self.nodes.iter().any(|node| {
                    let names = std::iter::once(node.name).chain(node.attributes.iter().map(|(name, _)| *name));
                    names.into_iter().any(|name| {
                        self.plan.names.get(usize::from(name)).is_some_and(|name| {
                            name.written.split_once(':').map_or("", |(prefix, _)| prefix) == prefix
                                && name.namespace == *uri
                        })
                    })
                });
                if used {
                    writer.attribute(
                        &if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") },
                        uri,
                    )?;
                }
            }
        }
        for (name, value) in &node.attributes {
            writer.attribute(self.name(*name), value)?;
        }
        if let Some(text) = node.text.as_deref().filter(|text| !text.is_empty()) {
            writer.text(text)?;
        }
        let mut children = node.children.clone();
        if let Some(order) = self.plan.sequence.get(&node.name) {
            let place = |child: &usize| self.nodes.get(*child).and_then(|node| order.get(&node.name)).copied();
            children.sort_by_key(|child| place(child).unwrap_or(u32::MAX));
        }
        for child in children.into_iter().filter(|child| self.says(*child)) {
            self.print_element(child, writer)?;
        }
        writer.end()
    }

    /// Whether there is anything in an element: one that was made for fields which had no place in it is not written.
    pub(super) fn says(&self, number: usize) -> bool {
        self.nodes.get(number).is_some_and(|node| {
            node.text.is_some() || !node.attributes.is_empty() || node.children.iter().any(|child| self.says(*child))
        })
    }
}
