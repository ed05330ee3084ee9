//! Which loop a segment is read in: settled here for every pair of loop and tag, so that reading only looks it up.

use super::{Compiler, wraps};
use crate::{
    config::Diagnostic,
    mapping::plan::{Act, Action, Entry, Plan, Tags, Tree},
};

impl Compiler<'_> {
    /// Settles for every loop and tag where a segment is read.
    pub(super) fn finish(self) -> Result<Plan, Vec<Diagnostic>> {
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
                let actions = fill(actions);
                let entry =
                    Entry { state: state as u16, count: actions.len() as u16, first: plan.actions.len() as u32 };
                plan.actions.extend(actions);
                plan.steps[base + tags.find(tag.as_bytes())] = entry;
            }
        }
        plan.tags = tags;
        for action in &mut plan.actions {
            self.number(&mut action.act);
        }
        plan.kinds = self.kinds;
        plan.rules = self.rules;
        plan.table_names = vec![String::new(); self.table_list.len()];
        for (name, number) in self.tables {
            if let Some(own) = plan.table_names.get_mut(usize::from(number)) {
                *own = name.to_owned();
            }
        }
        plan.tables = self.table_list;
        let mistakes = wraps::bind(&mut plan, self.loops.len(), &known);
        if mistakes.is_empty() { Ok(plan) } else { Err(mistakes) }
    }

    /// From the numbers of compiling to the cells of the layout.
    fn number(&self, act: &mut Act) {
        let slot = |kind: u16, slot: &mut u16| {
            *slot = self.cells.get(&kind).and_then(|cells| cells.slots.get(slot)).copied().unwrap_or(u16::MAX);
        };
        let head = |kind: u16, head: &mut u16| {
            *head = self.cells.get(&kind).and_then(|cells| cells.heads.get(head)).copied().unwrap_or(u16::MAX);
        };
        match act {
            Act::Fill { kind, sets } => sets.iter_mut().for_each(|(own, _)| slot(*kind, own)),
            Act::Set { kind, slot: own, .. } | Act::SetPair { kind, slot: own, .. } => slot(*kind, own),
            Act::Open(open) => {
                head(open.parent, &mut open.head);
                if let Tree::Nest { head: own } = &mut open.tree {
                    head(open.kind, own);
                }
            }
            Act::OpenEach(each) => {
                head(each.parent, &mut each.head);
                each.own.iter_mut().for_each(|(own, ..)| slot(each.kind, own));
                each.beside.iter_mut().for_each(|(own, ..)| slot(each.kind, own));
            }
            Act::Gate(_) | Act::Level | Act::Claim(_) => {}
        }
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

/// Puts neighbouring actions that only put whole elements into fields of one item into one.
fn fill(actions: Vec<Action>) -> Vec<Action> {
    let mut filled: Vec<Action> = Vec::new();
    for action in actions {
        if let (Act::Set { kind, slot, element, component: 0 }, true) = (&action.act, action.filters.is_empty()) {
            match filled.last_mut() {
                Some(Action { gate, act: Act::Fill { kind: same, sets }, .. })
                    if *gate == action.gate && same == kind =>
                {
                    *sets = sets.iter().copied().chain([(*slot, *element)]).collect();
                }
                _ => {
                    let act = Act::Fill { kind: *kind, sets: [(*slot, *element)].into() };
                    filled.push(Action { gate: action.gate, filters: action.filters, act });
                }
            }
        } else {
            filled.push(action);
        }
    }
    for action in &mut filled {
        if let Act::Fill { sets, .. } = &mut action.act {
            // Sorted, so that reading stops at the last element sent; of two places for one field the first one counts.
            sets.sort_by_key(|(_, element)| *element);
        }
    }
    filled
}
