//! Which loop a segment is read in: settled here for every pair of loop and tag, so that reading only looks it up.

use super::Compiler;
use crate::mapping::plan::{Action, Entry, Plan, Tags};

impl Compiler<'_> {
    /// Settles for every loop and tag where a segment is read.
    pub(super) fn finish(self) -> Plan {
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

    pub(super) fn settle(&self, state: usize, tag: &str) -> Option<(usize, Vec<Action>)> {
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
    pub(super) fn reopens(&self, mut at: usize, tag: &str) -> bool {
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
