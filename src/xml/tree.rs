//! A document as a tree: elements in one list, names numbered, text borrowed from the file where it stands there as it is.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{borrow::Cow, collections::HashMap, ops::Range};

use super::{
    codes,
    fault::Fault,
    reader::{Limits, Name, Reader, Token},
};

/// No element.
const NONE: u32 = u32::MAX;

/// A document that was read.
#[derive(Debug)]
pub struct Tree<'a> {
    text: &'a str,
    namespaces: Vec<String>,
    names: Vec<Name<'a>>,
    elements: Vec<Element<'a>>,
    attributes: Vec<Value<'a>>,
}

#[derive(Debug)]
struct Element<'a> {
    name: u32,
    parent: u32,
    first: u32,
    next: u32,
    /// From which of all attributes to which.
    attributes: (u32, u32),
    text: Cow<'a, str>,
    /// From the first byte of its text to behind the last.
    within: (u32, u32),
    /// From the first byte of its tag to behind its closing tag.
    range: (u32, u32),
}

#[derive(Debug)]
struct Value<'a> {
    name: u32,
    value: Cow<'a, str>,
    range: (u32, u32),
}

/// An element of a tree.
#[derive(Debug, Clone, Copy)]
pub struct Node<'t, 'a> {
    tree: &'t Tree<'a>,
    element: &'t Element<'a>,
    number: u32,
}

impl<'a> Tree<'a> {
    /// Reads a text whole.
    pub fn read(text: &'a str, limits: Limits) -> Result<Self, Fault> {
        Self::until(text, limits, None)
    }

    /// Reads the beginning of a text, as far as the first element with this local name; what follows may be anything.
    pub fn read_through(text: &'a str, limits: Limits, local: &str) -> Result<Self, Fault> {
        Self::until(text, limits, Some(local))
    }

    fn until(text: &'a str, limits: Limits, last: Option<&str>) -> Result<Self, Fault> {
        if u32::try_from(text.len()).is_err() {
            return Err(Fault::new(codes::LIMIT, "the text is larger than 4 GiB", "", 0));
        }
        let mut reader = Reader::new(text, limits)?;
        let mut tree =
            Self { text, namespaces: Vec::new(), names: Vec::new(), elements: Vec::new(), attributes: Vec::new() };
        let mut numbers: HashMap<Name<'a>, u32> = HashMap::new();
        // The elements that are open, each with the last child it has so far.
        let mut open: Vec<(u32, u32)> = Vec::new();
        while let Some(token) = reader.next()? {
            match token {
                Token::Start { name, attributes, range } => {
                    let number = tree.elements.len() as u32;
                    let from = tree.attributes.len() as u32;
                    for one in attributes {
                        let name = tree.number(&mut numbers, one.name);
                        tree.attributes.push(Value { name, value: one.value, range: span(&one.range) });
                    }
                    let parent = open.last().map_or(NONE, |(parent, _)| *parent);
                    if let Some((parent, last)) = open.last_mut() {
                        let before = *last;
                        let (link, elder) = if before == NONE { (*parent, false) } else { (before, true) };
                        if let Some(element) = tree.elements.get_mut(link as usize) {
                            *(if elder { &mut element.next } else { &mut element.first }) = number;
                        }
                        *last = number;
                    }
                    let name = tree.number(&mut numbers, name);
                    tree.elements.push(Element {
                        name,
                        parent,
                        first: NONE,
                        next: NONE,
                        attributes: (from, tree.attributes.len() as u32),
                        text: Cow::Borrowed(""),
                        within: (range.end as u32, range.end as u32),
                        range: span(&range),
                    });
                    open.push((number, NONE));
                }
                Token::Text { text, range } => {
                    let Some(element) = open.last().and_then(|(number, _)| tree.elements.get_mut(*number as usize))
                    else {
                        continue;
                    };
                    if element.text.is_empty() {
                        element.text = text;
                        element.within = span(&range);
                    } else {
                        element.text.to_mut().push_str(&text);
                        element.within.1 = range.end as u32;
                    }
                }
                Token::End { end } => {
                    if let Some(element) = open.pop().and_then(|(number, _)| tree.elements.get_mut(number as usize)) {
                        element.range.1 = end as u32;
                        // Between elements, blanks are for the eye only.
                        if element.first != NONE && element.text.trim_ascii().is_empty() {
                            element.text = Cow::Borrowed("");
                            element.within.1 = element.within.0;
                        }
                        let name = tree.names.get(element.name as usize);
                        if last.is_some() && name.map(|name| name.local) == last {
                            break;
                        }
                    }
                }
            }
        }
        let spaces = tree.names.iter().map(|name| name.namespace).max().unwrap_or_default();
        tree.namespaces = (0..=spaces).map(|number| reader.namespace(number).to_owned()).collect();
        Ok(tree)
    }

    fn number(&mut self, numbers: &mut HashMap<Name<'a>, u32>, name: Name<'a>) -> u32 {
        *numbers.entry(name).or_insert_with(|| {
            self.names.push(name);
            self.names.len() as u32 - 1
        })
    }

    /// The root element.
    pub fn root(&self) -> Node<'_, 'a> {
        // A text without one was not read.
        self.node(0).unwrap_or(Node { tree: self, element: const { &Element::NOTHING }, number: NONE })
    }

    /// An element by its number: they are counted in the order of the file, the root is 0.
    pub fn node(&self, number: u32) -> Option<Node<'_, 'a>> {
        let element = self.elements.get(number as usize)?;
        Some(Node { tree: self, element, number })
    }

    /// All elements, in the order of the file.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_, 'a>> {
        (0u32..).zip(&self.elements).map(|(number, element)| Node { tree: self, element, number })
    }

    /// How many attributes there are in all.
    pub fn attribute_count(&self) -> usize {
        self.attributes.len()
    }

    /// The names that the document uses, each as namespace and local name; elements and attributes give their numbers.
    pub fn names(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.names.iter().map(|name| (self.namespace(name.namespace), name.local))
    }

    /// The text that it was read from.
    pub fn text(&self) -> &'a str {
        self.text
    }

    fn namespace(&self, number: u32) -> &str {
        self.namespaces.get(number as usize).map_or("", String::as_str)
    }
}

impl Element<'_> {
    const NOTHING: Self = Self {
        name: NONE,
        parent: NONE,
        first: NONE,
        next: NONE,
        attributes: (0, 0),
        text: Cow::Borrowed(""),
        within: (0, 0),
        range: (0, 0),
    };
}

/// An attribute of an element.
#[derive(Debug, Clone, Copy)]
pub struct AttributeOf<'t> {
    /// Its number among all of the tree.
    pub number: u32,
    /// The number of its name in [`Tree::names`].
    pub name: u32,
    /// Its value.
    pub value: &'t str,
    /// The bytes of the value.
    pub range: (u32, u32),
}

impl<'t, 'a> Node<'t, 'a> {
    /// Its number, in the order of the file.
    pub fn number(self) -> u32 {
        self.number
    }

    /// The number of its name in [`Tree::names`].
    pub fn name(self) -> u32 {
        self.element.name
    }

    /// Its namespace; empty for none.
    pub fn namespace(self) -> &'t str {
        let name = self.tree.names.get(self.element.name as usize);
        name.map_or("", |name| self.tree.namespace(name.namespace))
    }

    /// Its name without prefix.
    pub fn local(self) -> &'a str {
        self.tree.names.get(self.element.name as usize).map_or("", |name| name.local)
    }

    /// Its text, the texts of its children not counted; nothing where there are only blanks between children.
    pub fn text(self) -> &'t str {
        &self.element.text
    }

    /// The value of an attribute by the name behind its prefix.
    pub fn attribute(self, local: &str) -> Option<&'t str> {
        let named =
            |one: &AttributeOf<'t>| self.tree.names.get(one.name as usize).is_some_and(|name| name.local == local);
        self.attributes().find(named).map(|one| one.value)
    }

    /// The bytes of its text in the whole.
    pub fn within(self) -> Range<usize> {
        self.element.within.0 as usize..self.element.within.1 as usize
    }

    /// The bytes from its tag to its closing tag.
    pub fn range(self) -> Range<usize> {
        self.element.range.0 as usize..self.element.range.1 as usize
    }

    /// What it stands in.
    pub fn parent(self) -> Option<Self> {
        self.tree.node(self.element.parent)
    }

    /// The elements in it, in order.
    pub fn children(self) -> impl Iterator<Item = Self> + use<'t, 'a> {
        let tree = self.tree;
        std::iter::successors(tree.node(self.element.first), move |node| tree.node(node.element.next))
    }

    /// Its attributes, those that declare namespaces not counted.
    pub fn attributes(self) -> impl Iterator<Item = AttributeOf<'t>> + use<'t, 'a> {
        let (from, to) = self.element.attributes;
        let own = self.tree.attributes.get(from as usize..to as usize).unwrap_or_default();
        (from..to).zip(own).map(|(number, one)| AttributeOf {
            number,
            name: one.name,
            value: &one.value,
            range: one.range,
        })
    }

    /// Where it stands, for a person: `/Order/OrderLine[2]/LineItem`.
    pub fn path(self) -> String {
        let mut steps = Vec::new();
        let mut here = Some(self);
        while let Some(node) = here {
            here = node.parent();
            let alike = |other: &Self| other.element.name == node.element.name;
            let (mut place, mut all) = (1, 1);
            if let Some(parent) = here {
                place = parent.children().filter(alike).take_while(|other| other.number != node.number).count() + 1;
                all = parent.children().filter(alike).count();
            }
            steps.push(if all > 1 { format!("/{}[{place}]", node.local()) } else { format!("/{}", node.local()) });
        }
        steps.into_iter().rev().collect()
    }
}

fn span(range: &Range<usize>) -> (u32, u32) {
    (range.start as u32, range.end as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_know_their_place_text_and_bytes() {
        let text = "<a xmlns='u'>\n  <b c='1'>x&amp;y</b>\n  <b/>\n  <d> mixed <e/> text</d>\n</a>";
        let tree = Tree::read(text, Limits::default()).expect("it is fine");
        let root = tree.root();
        let told: Vec<_> = tree.nodes().map(|node| (node.path(), node.text(), &text[node.within()])).collect();
        let told: Vec<_> = told.iter().map(|(path, own, raw)| (path.as_str(), *own, raw.trim())).collect();
        assert_eq!(
            told,
            [
                ("/a", "", ""),
                ("/a/b[1]", "x&y", "x&amp;y"),
                ("/a/b[2]", "", ""),
                ("/a/d", " mixed  text", "mixed <e/> text"),
                ("/a/d/e", "", ""),
            ]
        );
        assert_eq!((root.namespace(), root.local(), &text[root.range()]), ("u", "a", text));
        let b = root.children().next().expect("it has one");
        let names: Vec<_> = tree.names().collect();
        let one = b.attributes().next().expect("it has one");
        assert_eq!((names[one.name as usize], one.value), (("", "c"), "1"));
        assert_eq!(b.parent().map(Node::number), Some(0));
    }
}
