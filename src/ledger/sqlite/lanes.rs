//! What waits for the writer, and what of it goes into a group.
//!
//! Chores, which the gateway does for itself, come in bursts: an acknowledgement for each of the arrivals of a moment. Whoever
//! waits outside does not wait behind such a burst: of chores a group has twice as many as of requests, or a few. That many,
//! because each arrival may leave a chore, and what is owed must not pile up for as long as requests keep coming.

use std::collections::VecDeque;

use crate::ledger::{MAX_BYTES, MAX_DOCUMENTS};

/// Who waits for a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Somebody outside: a partner, the ERP, a person.
    Request,
    /// The gateway itself.
    Chore,
}

/// How much of a transaction a piece of work takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) documents: usize,
    pub(super) bytes: usize,
}

impl Weight {
    fn with(self, other: Self) -> Self {
        Self { documents: self.documents + other.documents, bytes: self.bytes + other.bytes }
    }

    fn is_too_much(self) -> bool {
        self.documents > MAX_DOCUMENTS || self.bytes > MAX_BYTES
    }
}

/// So many chores go into a group of few requests.
const FEW: usize = 4;
/// … and so many for each of many.
const FOR_EACH: usize = 2;

/// Work that waits for the next groups, each lane in its order.
pub(super) struct Waiting<W> {
    requests: VecDeque<(Weight, W)>,
    chores: VecDeque<(Weight, W)>,
    /// The last group had no room for a chore: the next one begins with one.
    passed_over: bool,
}

impl<W> Default for Waiting<W> {
    fn default() -> Self {
        Self { requests: VecDeque::new(), chores: VecDeque::new(), passed_over: false }
    }
}

impl<W> Waiting<W> {
    pub(super) fn put(&mut self, lane: Lane, weight: Weight, work: W) {
        match lane {
            Lane::Request => self.requests.push_back((weight, work)),
            Lane::Chore => self.chores.push_back((weight, work)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.chores.is_empty()
    }

    /// The next group: up to 256 documents or 4 MB. A piece of work that is larger has a group for itself.
    pub(super) fn group(&mut self) -> Vec<W> {
        let (mut group, mut sum) = (Vec::new(), Weight::default());
        let mut take = |queue: &mut VecDeque<(Weight, W)>, most: usize| {
            let before = group.len();
            while group.len() - before < most
                && let Some((weight, _)) = queue.front()
                && (group.is_empty() || !sum.with(*weight).is_too_much())
                && let Some((weight, work)) = queue.pop_front()
            {
                sum = sum.with(weight);
                group.push(work);
            }
            group.len() - before
        };
        let waited = !self.chores.is_empty();
        let mut chores = if self.passed_over { take(&mut self.chores, 1) } else { 0 };
        let requests = take(&mut self.requests, usize::MAX);
        chores += take(&mut self.chores, (FOR_EACH * requests).max(FEW));
        self.passed_over = waited && chores == 0;
        group
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Weight = Weight { documents: 1, bytes: 100 };

    fn waiting(requests: usize, chores: usize) -> Waiting<String> {
        let mut waiting = Waiting::default();
        (0..chores).for_each(|number| waiting.put(Lane::Chore, ONE, format!("c{number}")));
        (0..requests).for_each(|number| waiting.put(Lane::Request, ONE, format!("r{number}")));
        waiting
    }

    #[test]
    fn a_burst_of_chores_holds_up_no_request() {
        let mut waiting = waiting(1, 100);
        assert_eq!(waiting.group(), ["r0", "c0", "c1", "c2", "c3"]);
        waiting.put(Lane::Request, ONE, "r1".to_owned());
        assert_eq!(waiting.group(), ["r1", "c4", "c5", "c6", "c7"]);
    }

    #[test]
    fn where_many_requests_come_more_chores_are_done() {
        let group = waiting(20, 100).group();
        assert_eq!(group.iter().filter(|work| work.starts_with('c')).count(), 40);
    }

    #[test]
    fn chores_get_their_turn_among_more_requests_than_a_group_holds() {
        let mut waiting = waiting(3 * MAX_DOCUMENTS, 2);
        assert!(waiting.group().iter().all(|work| work.starts_with('r')));
        assert_eq!(waiting.group().first().map(String::as_str), Some("c0"));
        assert!(waiting.group().iter().all(|work| work.starts_with('r')));
        assert_eq!(waiting.group(), ["c1", "r767"]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn what_is_larger_than_a_group_has_one_for_itself() {
        let mut waiting = Waiting::default();
        let large = Weight { documents: 1, bytes: MAX_BYTES + 1 };
        for (lane, weight, work) in [(Lane::Request, ONE, 1), (Lane::Request, large, 2), (Lane::Chore, large, 3)] {
            waiting.put(lane, weight, work);
        }
        assert_eq!([waiting.group(), waiting.group(), waiting.group()], [vec![1], vec![3], vec![2]]);
    }
}
