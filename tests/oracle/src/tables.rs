//! Our tables of 005010 against the types of x12-types: which segments stand where in each set, and how many elements each has.
//!
//! Ours were made from two sources that agree with each other place by place. Where theirs differ it is they who stand alone: their
//! 850 and 855 are excerpts, their 214, 820 and 867 nest otherwise, and some of their segments have the elements of later
//! releases. So the test holds what agrees to stay as it is, and counts the rest, so that no difference comes or goes unseen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use gangway::x12::standard::{NodeId, NodeKind, Requirement, SetDef, Standard};
use x12_types::v005010 as theirs;

use crate::shape::Shape;

/// The sets that both have, each with the shape of its type.
macro_rules! sets {
    ($($id:literal $name:ident)*) => {
        /// The shapes of their sets.
        pub fn shapes() -> Vec<(&'static str, Shape)> {
            vec![$(($id, Shape::of::<theirs::$name>())),*]
        }
    };
}

sets! {
    "214" _214 "810" _810 "820" _820 "824" _824 "830" _830 "832" _832 "840" _840 "843" _843 "846" _846 "850" _850
    "852" _852 "855" _855 "856" _856 "860" _860 "861" _861 "862" _862 "864" _864 "865" _865 "867" _867 "869" _869
    "870" _870 "997" _997 "999" _999
}

/// One set that both have.
pub struct Table {
    /// ST01.
    pub id: &'static str,
    /// How many places both have.
    pub shared: usize,
    /// How many only ours has.
    pub ours: usize,
    /// Places that only theirs has: the loops' first segments, and the segment.
    pub theirs: Vec<String>,
}

/// How the elements of the segments that both have compare.
#[derive(Default)]
pub struct Elements {
    /// Segments with as many elements in both.
    pub same: usize,
    /// Segments of which theirs has fewer.
    pub fewer: usize,
    /// Segments of which theirs has more, with how many both have.
    pub more: Vec<String>,
    /// Elements that are mandatory in both, or in neither.
    pub agreed: usize,
    /// Elements that are mandatory in one only.
    pub disputed: Vec<String>,
}

fn standard() -> &'static Standard {
    Standard::get("005010").expect("005010 is built in")
}

/// Our places of a set.
fn our_places(set: &SetDef) -> BTreeSet<String> {
    let tag =
        |node| set.segment(set.head(node)).and_then(|id| standard().segment_by_id(id)).map_or("?", |def| &*def.tag);
    fn walk(set: &SetDef, of: NodeId, above: &str, tag: &dyn Fn(NodeId) -> &'static str, into: &mut BTreeSet<String>) {
        for child in set.children(of) {
            match set.node(child).map(|node| &node.kind) {
                Some(NodeKind::Loop(_)) => walk(set, child, &format!("{above}{}/", tag(child)), tag, into),
                _ => drop(into.insert(format!("{above}{}", tag(child)))),
            }
        }
    }
    let mut places = BTreeSet::new();
    walk(set, NodeId::ROOT, "", &tag, &mut places);
    places
}

/// Their places of a set, and the segments in it.
fn their_places(
    shape: &Shape,
    above: &str,
    places: &mut BTreeSet<String>,
    segments: &mut BTreeMap<&'static str, Shape>,
) {
    for (_, field) in &shape.fields {
        if field.name.starts_with('_') {
            let head = field.fields.first().map_or("?", |(_, first)| first.name);
            their_places(field, &format!("{above}{head}/"), places, segments);
        } else {
            places.insert(format!("{above}{}", field.name));
            segments.insert(field.name, field.clone());
        }
    }
}

/// Every set that both have, and the elements of their segments.
pub fn compare() -> (Vec<Table>, Elements) {
    let mut segments = BTreeMap::new();
    let mut tables = Vec::new();
    for (id, shape) in shapes() {
        let set = standard().set(id.as_bytes()).expect("a set of ours");
        let (ours, mut theirs) = (our_places(set), BTreeSet::new());
        their_places(&shape, "", &mut theirs, &mut segments);
        tables.push(Table {
            id,
            shared: ours.intersection(&theirs).count(),
            ours: ours.difference(&theirs).count(),
            theirs: theirs.difference(&ours).cloned().collect(),
        });
    }
    let mut elements = Elements::default();
    for (tag, shape) in &segments {
        let Some(def) = standard().segment(tag.as_bytes()) else {
            elements.more.push(format!("{tag} is no segment of ours"));
            continue;
        };
        match shape.fields.len().cmp(&def.elements.len()) {
            std::cmp::Ordering::Equal => elements.same += 1,
            std::cmp::Ordering::Less => elements.fewer += 1,
            std::cmp::Ordering::Greater => {
                elements.more.push(format!("{tag} {} for {}", shape.fields.len(), def.elements.len()));
            }
        }
        for (nth, (used, (_, theirs))) in def.elements.iter().zip(&shape.fields).enumerate() {
            if (used.requirement == Requirement::Mandatory) != theirs.optional {
                elements.agreed += 1;
            } else {
                elements.disputed.push(format!("{tag}{:02}", nth + 1));
            }
        }
    }
    (tables, elements)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {:>4} places in both, {:>4} only ours", self.id, self.shared, self.ours)?;
        if !self.theirs.is_empty() {
            write!(f, ", only theirs: {}", self.theirs.join(" "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Elements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "segments with the same elements: {}; theirs has fewer: {}", self.same, self.fewer)?;
        writeln!(f, "theirs has more: {}", self.more.join(", "))?;
        write!(f, "elements mandatory in both or neither: {}; in one: {}", self.agreed, self.disputed.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_that_agree_agree_place_by_place() {
        let (tables, elements) = compare();
        let same: Vec<&str> =
            tables.iter().filter(|table| table.ours == 0 && table.theirs.is_empty()).map(|table| table.id).collect();
        assert_eq!(same, ["824", "830", "832", "852", "856", "861", "862", "864", "869", "997", "999"]);
        let count = |of: fn(&Table) -> usize| tables.iter().map(of).sum::<usize>();
        let places = (count(|table| table.shared), count(|table| table.ours), count(|table| table.theirs.len()));
        assert_eq!((tables.len(), places), (23, PLACES));
        let elements = (elements.same, elements.fewer, elements.more.len(), elements.agreed, elements.disputed.len());
        assert_eq!(elements, ELEMENTS);
    }

    /// Places in both, in ours only, and in theirs only.
    const PLACES: (usize, usize, usize) = (1706, 284, 283);
    /// Segments with as many elements, with fewer and with more in theirs; elements as mandatory in both, and not.
    const ELEMENTS: (usize, usize, usize, usize, usize) = (140, 26, 29, 1454, 100);
}
