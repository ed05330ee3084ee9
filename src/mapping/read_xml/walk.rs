//! The way from an element to the values that a rule names: along its steps, past what their tests do not hold for.

use crate::{
    mapping::{
        xml_place::Wants,
        xml_plan::{Way, WayStep, WayTest, XmlPlan},
    },
    xml::{Node, Tree},
};

/// The text of an element, or an attribute, that a rule took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Claim {
    Text(u32),
    Attribute(u32),
}

/// Whether to look further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// This one was not it.
    Pass,
    /// This was one; there may be more.
    Took,
    /// This was it.
    Stop,
}

/// Finds its way through a document.
#[derive(Clone, Copy)]
pub(super) struct Walk<'p, 't, 'a> {
    pub(super) plan: &'p XmlPlan,
    pub(super) tree: &'t Tree<'a>,
    pub(super) names: &'p [u16],
}

/// A value: its text, and what it is.
pub(super) type Leaf<'t> = (&'t str, Claim);

impl<'t, 'a> Walk<'_, 't, 'a> {
    pub(super) fn name(&self, number: u32) -> u16 {
        self.names.get(number as usize).copied().unwrap_or_default()
    }

    pub(super) fn same(&self, one: u16, other: u16) -> bool {
        let name = |number: u16| self.plan.names.get(usize::from(number)).map(|name| (&name.namespace, &name.local));
        one == other || one != 0 && other != 0 && name(one) == name(other)
    }

    /// The value that a way ends at, if there is one.
    pub(super) fn leaf(&self, way: &Way, node: Node<'t, 'a>) -> Option<Leaf<'t>> {
        let found = match way.attribute {
            None => (node.text().trim_ascii(), Claim::Text(node.number())),
            Some(name) => {
                let own = node.attributes().find(|one| self.same(self.name(one.name), name))?;
                (own.value.trim_ascii(), Claim::Attribute(own.number))
            }
        };
        (!found.0.is_empty()).then_some(found)
    }

    pub(super) fn holds(&self, test: &WayTest, node: Node<'t, 'a>) -> bool {
        let mut found = None;
        self.each(&test.way, node, &mut |node| {
            // An element is there also where it is empty.
            found = self
                .leaf(&test.way, node)
                .map(|(value, _)| value)
                .or_else(|| test.way.attribute.is_none().then_some(""));
            if found.is_some() { Flow::Stop } else { Flow::Pass }
        });
        match &test.wants {
            Wants::Is(value) => found == Some(value.as_str()),
            Wants::IsNot(value) => found != Some(value.as_str()),
            Wants::There => found.is_some(),
            Wants::NotThere => found.is_none(),
        }
    }

    /// Visits what a way leads to; `true` where one of them was taken.
    pub(super) fn each(&self, way: &Way, from: Node<'t, 'a>, visit: &mut dyn FnMut(Node<'t, 'a>) -> Flow) -> bool {
        let (from, steps) = match way.steps.split_first() {
            Some((root, rest)) if way.absolute => {
                let whole = self.tree.root();
                if !self.same(self.name(whole.name()), root.name) {
                    return false;
                }
                (whole, rest)
            }
            _ => {
                let up = (0..way.up).try_fold(from, |node, _| node.parent());
                let Some(from) = up else { return false };
                (from, &*way.steps)
            }
        };
        self.descend(steps, from, visit) != Flow::Pass
    }

    pub(super) fn descend(
        &self,
        steps: &[WayStep],
        node: Node<'t, 'a>,
        visit: &mut dyn FnMut(Node<'t, 'a>) -> Flow,
    ) -> Flow {
        let Some((step, rest)) = steps.split_first() else { return visit(node) };
        let mut flow = Flow::Pass;
        for child in node.children() {
            let here =
                self.same(self.name(child.name()), step.name) && step.tests.iter().all(|test| self.holds(test, child));
            if here {
                match self.descend(rest, child, visit) {
                    Flow::Stop => return Flow::Stop,
                    Flow::Took => flow = Flow::Took,
                    Flow::Pass => {}
                }
            }
        }
        flow
    }

    /// The constants that a way's tests found, for an element that it led to.
    pub(super) fn tested(&self, way: &Way, node: Node<'t, 'a>, claims: &mut Vec<Claim>) {
        let mut here = Some(node);
        for step in way.steps.iter().rev() {
            let Some(node) = here else { return };
            for test in &step.tests {
                if matches!(test.wants, Wants::Is(_)) {
                    self.each(&test.way, node, &mut |inner| match self.leaf(&test.way, inner) {
                        Some((_, claim)) => {
                            claims.push(claim);
                            Flow::Stop
                        }
                        None => Flow::Pass,
                    });
                }
            }
            here = node.parent();
        }
    }
}
