//! Walks a transaction set through its tree and tells, segment by segment, what is out of place (AK304).
//!
//! A segment that is where the standard puts it costs one table look-up and a few counters, and no allocation. After a
//! mistake the walker keeps two readings of where the sender is: where it was, and where the stray segment would have
//! been right. The next segment that fits one of them decides, so one mistake is one problem. That a mandatory segment
//! is missing is said when its loop closes, since until then it may still come out of sequence.

use std::sync::Arc;

use super::define::SegmentId;
use super::set::{Fact, NodeId, SetDef};

/// What is wrong with a segment's place; AK304's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// 2: the set has the segment, but in a loop that was not opened.
    Unexpected,
    /// 3: a mandatory segment, or the one that opens a mandatory loop, did not come.
    Missing,
    /// 4: the loop that the segment opens occurs too often.
    LoopOverMaximum,
    /// 5: the segment occurs too often.
    SegmentOverMaximum,
    /// 6: the standard has the segment, but not in this set.
    NotInSet,
    /// 7: the segment belongs further up in a loop that is open.
    OutOfSequence,
}

impl ProblemKind {
    /// The code that AK304 and IK304 have for it.
    pub fn ak304(self) -> u8 {
        match self {
            Self::Unexpected => b'2',
            Self::Missing => b'3',
            Self::LoopOverMaximum => b'4',
            Self::SegmentOverMaximum => b'5',
            Self::NotInSet => b'6',
            Self::OutOfSequence => b'7',
        }
    }
}

/// One thing wrong with the order of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub kind: ProblemKind,
    /// The segment it is about: the one that came, or the one that is missing.
    pub segment: SegmentId,
    /// Where in the set that segment belongs; `None` if the set does not have it.
    pub node: Option<NodeId>,
    /// AK302: the position of the segment in the set, ST being 1. For a missing one, the position of the segment that
    /// came in its stead, which may lie before the present one.
    pub position: u32,
}

/// What one segment led to.
#[derive(Debug, Clone, Copy)]
pub struct Step<'w> {
    /// Where the segment was placed, also when something is wrong with it; `None` if the set does not have it.
    pub node: Option<NodeId>,
    /// What is wrong: nearly always nothing.
    pub problems: &'w [Problem],
}

/// Follows one set at a time; [`begin`](Self::begin) reuses its memory for the next.
#[derive(Debug, Clone)]
pub struct Walker {
    set: Arc<SetDef>,
    uses: Vec<Use>,
    problems: Vec<Problem>,
    at: NodeId,
    /// The other reading of where the sender is, after a stray segment.
    detour: Option<NodeId>,
    position: u32,
}

/// How often a node was used in the present round of its loop.
#[derive(Debug, Clone, Copy, Default)]
struct Use {
    count: u32,
    /// The position where the count began. Counts from before the loop's present round are void, so that opening a
    /// loop need not clear them.
    since: u32,
    /// Of a loop: where its present round began.
    opened: u32,
    /// Of a loop: how many of its mandatory nodes came in this round.
    met: u32,
}

impl Walker {
    /// A walker before the ST of a set.
    pub fn new(set: &Arc<SetDef>) -> Self {
        let mut walker = Self {
            set: Arc::clone(set),
            uses: Vec::new(),
            problems: Vec::new(),
            at: NodeId::ROOT,
            detour: None,
            position: 0,
        };
        walker.begin(set);
        walker
    }

    /// Starts over before the ST of another set.
    pub fn begin(&mut self, set: &Arc<SetDef>) {
        if !Arc::ptr_eq(&self.set, set) {
            self.set = Arc::clone(set);
        }
        self.uses.clear();
        self.uses.resize(set.nodes().len(), Use::default());
        if let Some(root) = self.uses.first_mut() {
            root.opened = 1;
        }
        self.problems.clear();
        self.at = NodeId::ROOT;
        self.detour = None;
        self.position = 0;
    }

    /// The set that is walked.
    pub fn set(&self) -> &Arc<SetDef> {
        &self.set
    }

    /// Where the walker stands: the last segment that was in its place.
    pub fn at(&self) -> NodeId {
        self.at
    }

    /// The position of the last segment, ST being 1.
    pub fn position(&self) -> u32 {
        self.position
    }

    /// Counts a segment whose tag the standard does not know (AK304 code 1); its place cannot be judged.
    pub fn pass(&mut self) {
        self.position = self.position.saturating_add(1);
    }

    /// Takes the next segment, ST and SE included. `first` is its first element: LS says there which bounded loop it
    /// opens, and nothing else is read from it.
    #[inline]
    pub fn step(&mut self, segment: SegmentId, first: &[u8]) -> Step<'_> {
        self.position = self.position.saturating_add(1);
        self.problems.clear();
        let node = match self.set.target(self.at, segment) {
            Some(target) if self.detour.is_none() && self.has_room(target) && !self.is_header(target) => {
                self.enter(target);
                Some(target)
            }
            primary => self.consider(segment, primary, first),
        };
        Step { node, problems: &self.problems }
    }

    /// What is missing once the last segment was taken. SE is not among it: that a set is cut short is AK502's matter.
    pub fn finish(&mut self) -> &[Problem] {
        self.problems.clear();
        let mut around = self.parent(self.at);
        while around != NodeId::ROOT {
            self.close(around);
            around = self.parent(around);
        }
        self.close(NodeId::ROOT);
        let set = &self.set;
        let end = set.children(NodeId::ROOT).last();
        self.problems.retain(|problem| problem.node.is_none() || problem.node != end);
        &self.problems
    }

    /// All that is not the plain case.
    #[cold]
    fn consider(&mut self, segment: SegmentId, primary: Option<NodeId>, first: &[u8]) -> Option<NodeId> {
        if !self.set.knows(segment) {
            self.tell(ProblemKind::NotInSet, segment, None);
            return None;
        }
        if let Some(detour) = self.detour.take() {
            // A segment that strayed from the heading into the detail seldom takes the sender back there.
            let back_to_heading = self.parent(detour) == NodeId::ROOT && self.parent(self.at) != NodeId::ROOT;
            let order = if back_to_heading { [self.at, detour] } else { [detour, self.at] };
            // A way that leaves no loop wanting, or else one that tells once what is missing.
            let ways = order.map(|from| (from, true)).into_iter().chain(order.map(|from| (from, false)));
            for (from, complete) in ways {
                if let Some(target) = self.way(from, segment, first, complete) {
                    self.leave_for(from);
                    self.enter(target);
                    return Some(target);
                }
            }
        }
        let Some(primary) = primary else { return self.misplaced(segment) };
        let target = self.way(self.at, segment, first, true).unwrap_or(primary);
        if !self.has_room(target) {
            let kind = if self.opens(target) { ProblemKind::LoopOverMaximum } else { ProblemKind::SegmentOverMaximum };
            self.tell(kind, segment, Some(target));
        }
        self.enter(target);
        Some(target)
    }

    /// The nearest place for `segment` from `from` that has room; `complete` if it must leave no loop wanting.
    fn way(&self, from: NodeId, segment: SegmentId, first: &[u8], complete: bool) -> Option<NodeId> {
        let fits = |target: &NodeId| {
            self.has_room(*target)
                && self.bound_fits(*target, first)
                && (!complete || {
                    let mut left = self.left(self.at, self.parent(from)).chain(self.left(from, self.outside(*target)));
                    left.all(|around| !self.wants(around))
                })
        };
        self.set.candidates(from, segment).find(fits)
    }

    /// A segment that fits nowhere from here on.
    fn misplaced(&mut self, segment: SegmentId) -> Option<NodeId> {
        let set = Arc::clone(&self.set);
        let mut around = self.parent(self.at);
        let mut full = None;
        loop {
            let direct = || set.children(around).filter_map(|child| set.entry(child, segment));
            if let Some(target) = direct().find(|target| self.has_room(*target)) {
                self.tell(ProblemKind::OutOfSequence, segment, Some(target));
                self.visit(target);
                self.detour = Some(target);
                return Some(target);
            }
            full = full.or_else(|| direct().next());
            if let Some(target) = full {
                let opens = self.opens(target);
                let kind = if opens { ProblemKind::LoopOverMaximum } else { ProblemKind::SegmentOverMaximum };
                self.tell(kind, segment, Some(target));
                self.visit(target);
                self.detour = Some(target);
                return Some(target);
            }
            if let Some(target) = self.within(around, segment) {
                return Some(self.unannounced(around, target, segment));
            }
            if around == NodeId::ROOT {
                // Not reached: a segment that the set knows is somewhere below its root.
                self.tell(ProblemKind::Unexpected, segment, None);
                return None;
            }
            around = self.parent(around);
        }
    }

    /// A segment of a loop whose first segment did not come. If that loop is mandatory and due, its first segment is
    /// what is missing; else the segment itself is unexpected.
    fn unannounced(&mut self, around: NodeId, target: NodeId, segment: SegmentId) -> NodeId {
        let inside = self.parent(target);
        let due = self.parent(inside) == around && self.mandatory(inside) && self.count(inside) == 0;
        if due {
            let head = self.set.head(inside);
            if let Some(missing) = self.set.segment(head) {
                self.tell(ProblemKind::Missing, missing, Some(head));
            }
        } else {
            self.tell(ProblemKind::Unexpected, segment, Some(target));
        }
        // Open what should have been opened, outermost first.
        let mut unopened: Vec<NodeId> = self.left(target, around).collect();
        unopened.reverse();
        for opened in unopened {
            self.visit(self.set.head(opened));
        }
        self.visit(target);
        if due {
            self.leave_for(target);
        } else {
            self.detour = Some(target);
        }
        target
    }

    /// The nearest place for `segment` in a loop below `around`: ahead of where the walker stands, or else behind.
    fn within(&self, around: NodeId, segment: SegmentId) -> Option<NodeId> {
        let nodes = || (0..self.set.nodes().len()).map(|at| NodeId(at as u16));
        let fits = |node: &NodeId| self.set.segment(*node) == Some(segment) && self.is_around(around, *node);
        nodes().filter(|node| *node > self.at).find(fits).or_else(|| nodes().find(fits))
    }

    /// Closes the loops that are open and do not lie around `node`, and stands there.
    fn leave_for(&mut self, node: NodeId) {
        let mut around = self.parent(self.at);
        while around != NodeId::ROOT && !self.is_around(around, node) {
            self.close(around);
            around = self.parent(around);
        }
        self.at = node;
    }

    /// Goes to a target that the table or [`SetDef::candidates`] named for where the walker stands.
    #[inline]
    fn enter(&mut self, target: NodeId) {
        let outside = self.outside(target);
        let mut around = self.parent(self.at);
        while around != outside && around != NodeId::ROOT {
            self.close(around);
            around = self.parent(around);
        }
        self.visit(target);
        self.at = target;
    }

    /// Counts a segment, and the loop that it opens.
    #[inline]
    fn visit(&mut self, target: NodeId) {
        if self.opens(target) {
            let around = self.parent(target);
            self.count_up(around);
            let position = self.position;
            if let Some(round) = self.uses.get_mut(around.index()) {
                round.opened = position;
                round.met = 0;
            }
        }
        self.count_up(target);
    }

    #[inline]
    fn count_up(&mut self, node: NodeId) {
        let Some(Fact { parent, mandatory, .. }) = self.set.fact(node) else { return };
        let opened = self.uses.get(parent.index()).map_or(0, |round| round.opened);
        let position = self.position;
        let Some(used) = self.uses.get_mut(node.index()) else { return };
        if used.count != 0 && used.since >= opened {
            used.count = used.count.saturating_add(1);
            return;
        }
        (used.count, used.since) = (1, position);
        if mandatory && let Some(round) = self.uses.get_mut(parent.index()) {
            round.met += 1;
        }
    }

    /// Ends a round of a loop.
    #[inline]
    fn close(&mut self, around: NodeId) {
        if self.wants(around) {
            self.tell_missing(around);
        }
    }

    /// Whether mandatory nodes of a loop's present round have not come.
    #[inline]
    fn wants(&self, around: NodeId) -> bool {
        let needed = self.set.fact(around).map_or(0, |fact| fact.needed);
        self.uses.get(around.index()).is_some_and(|round| round.met < needed)
    }

    #[cold]
    fn tell_missing(&mut self, around: NodeId) {
        let set = Arc::clone(&self.set);
        // What follows a missing node is seen first when the nodes are read from the end.
        let children: Vec<NodeId> = set.children(around).collect();
        let mut stead = self.position;
        let told = self.problems.len();
        for child in children.into_iter().rev() {
            if self.count(child) > 0 {
                stead = self.uses.get(child.index()).map_or(stead, |used| used.since.min(stead));
            } else if self.mandatory(child) {
                let head = set.head(child);
                if let Some(segment) = set.segment(head) {
                    let (kind, node) = (ProblemKind::Missing, Some(head));
                    self.problems.push(Problem { kind, segment, node, position: stead });
                }
            }
        }
        if let Some(new) = self.problems.get_mut(told..) {
            new.reverse();
        }
    }

    fn tell(&mut self, kind: ProblemKind, segment: SegmentId, node: Option<NodeId>) {
        self.problems.push(Problem { kind, segment, node, position: self.position });
    }

    /// Whether a segment, or the loop it opens, may occur once more.
    #[inline]
    fn has_room(&self, target: NodeId) -> bool {
        self.set.fact(target).is_some_and(|fact| fact.max == u32::MAX || self.count(fact.counted) < fact.max)
    }

    /// How often a node was used in the present round of its loop.
    #[inline]
    fn count(&self, node: NodeId) -> u32 {
        let opened = self.uses.get(self.parent(node).index()).map_or(0, |round| round.opened);
        self.uses.get(node.index()).filter(|used| used.since >= opened).map_or(0, |used| used.count)
    }

    /// Whether `first` is the loop identifier that an LS at `target` must carry. True of all other segments.
    fn bound_fits(&self, target: NodeId, first: &[u8]) -> bool {
        !self.is_header(target) || self.set.bound(target).is_none_or(|id| id.as_bytes() == first)
    }

    /// The loops around `from`, innermost first, that do not also lie around or are `inside`: those that are left on
    /// the way from the one into the other.
    fn left(&self, from: NodeId, inside: NodeId) -> impl Iterator<Item = NodeId> {
        self.ancestors(from).take_while(move |around| *around != inside && !self.is_around(*around, inside))
    }

    fn is_around(&self, around: NodeId, node: NodeId) -> bool {
        self.ancestors(node).any(|above| above == around)
    }

    /// The loop that a target is counted in: for one that opens a loop, the one around that.
    #[inline]
    fn outside(&self, target: NodeId) -> NodeId {
        self.set.fact(target).map_or(NodeId::ROOT, |fact| fact.outside)
    }

    fn ancestors(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let up = move |below: &NodeId| (*below != NodeId::ROOT).then(|| self.parent(*below));
        std::iter::successors(up(&node), up)
    }

    #[inline]
    fn parent(&self, node: NodeId) -> NodeId {
        self.set.fact(node).map_or(NodeId::ROOT, |fact| fact.parent)
    }

    #[inline]
    fn opens(&self, node: NodeId) -> bool {
        self.set.fact(node).is_some_and(|fact| fact.opens)
    }

    #[inline]
    fn is_header(&self, node: NodeId) -> bool {
        self.set.fact(node).is_some_and(|fact| fact.header)
    }

    fn mandatory(&self, node: NodeId) -> bool {
        self.set.fact(node).is_some_and(|fact| fact.mandatory)
    }
}

#[cfg(test)]
mod tests;
