//! A transaction set: its tree of segments and loops, flattened in preorder, and a table that says for each place in it
//! and each segment where that segment goes.
//!
//! The table is what lets a walker take a segment in constant time. Its rule is the standard's own reading order: first
//! the rest of the current loop, then another round of that loop, then outwards in the same way.

use super::define::{Requirement, SegmentId};

/// The index of a node within its set. Node 0 is the set itself, seen as a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u16);

impl NodeId {
    /// The set itself.
    pub const ROOT: Self = Self(0);
    /// In the table: that segment fits nowhere from here.
    const NOWHERE: Self = Self(u16::MAX);

    /// As an index into [`SetDef::nodes`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A segment.
    Segment(SegmentId),
    /// A loop, with the name it has in the standard, `N1`. Its first child is the segment that opens it.
    Loop(Box<str>),
}

/// One place of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Segment or loop.
    pub kind: NodeKind,
    /// Mandatory or optional within its loop.
    pub requirement: Requirement,
    /// How often it may occur in its loop; `u32::MAX` is no limit.
    pub max: u32,
    /// The loop it stands in; the set is its own.
    pub parent: NodeId,
    /// The next node of the same loop.
    pub next: Option<NodeId>,
    /// The first node of a loop.
    pub first: Option<NodeId>,
    /// Whether this is the segment that opens a loop other than the set.
    pub(super) opens: bool,
    /// Whether this is the LS of a bounded loop.
    pub(super) header: bool,
    /// How many mandatory nodes a loop has.
    pub(super) needed: u32,
    /// The identifier that LS01 and LE01 carry for the bounded loop this node lies in.
    bound: Option<Box<str>>,
}

/// One transaction set of a standard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetDef {
    id: Box<str>,
    group: Box<str>,
    nodes: Vec<Node>,
    /// Per segment of the standard: its column in `moves`, or 255 where the set has no such segment.
    columns: Vec<u8>,
    width: usize,
    /// A row of targets per node.
    moves: Vec<NodeId>,
    /// Per node, what is asked of it at every step.
    facts: Vec<Fact>,
}

/// What a walker asks of a node at every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fact {
    /// The loop it stands in.
    pub(super) parent: NodeId,
    /// The loop that it is counted in: for one that opens a loop, the one around that.
    pub(super) outside: NodeId,
    /// What is counted: the loop that it opens, or itself.
    pub(super) counted: NodeId,
    pub(super) opens: bool,
    pub(super) header: bool,
    pub(super) mandatory: bool,
    /// How often what is counted may occur in its loop.
    pub(super) max: u32,
    pub(super) needed: u32,
}

/// A set's tree in the making: what the text form and overlays edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Branch {
    pub(super) kind: NodeKind,
    pub(super) requirement: Requirement,
    pub(super) max: u32,
    pub(super) children: Vec<Self>,
}

/// The loop that LS opens and LE closes.
const BOUNDED: &str = "LS";

/// The column of a segment that a set does not have.
const NO_COLUMN: u8 = u8::MAX;

impl SetDef {
    /// Lays out a tree. `None` if it is too large, or if a loop does not begin with a segment.
    pub(super) fn new(id: &str, group: &str, children: &[Branch], segments: usize) -> Option<Self> {
        let mut set = Self {
            id: id.into(),
            group: group.into(),
            nodes: Vec::new(),
            columns: vec![NO_COLUMN; segments],
            width: 0,
            moves: Vec::new(),
            facts: Vec::new(),
        };
        let root = Node {
            kind: NodeKind::Loop(id.into()),
            requirement: Requirement::Mandatory,
            max: 1,
            parent: NodeId::ROOT,
            next: None,
            first: None,
            opens: false,
            header: false,
            needed: 0,
            bound: None,
        };
        set.nodes.push(root);
        set.lay(NodeId::ROOT, children, None)?;
        set.moves = vec![NodeId::NOWHERE; set.nodes.len() * set.width];
        let nothing = vec![NodeId::NOWHERE; set.width];
        set.fill(NodeId::ROOT, &nothing);
        set.facts = (0..set.nodes.len()).filter_map(|at| set.gather(NodeId(at as u16))).collect();
        Some(set)
    }

    fn gather(&self, id: NodeId) -> Option<Fact> {
        let node = self.node(id)?;
        let parent = self.node(node.parent)?;
        let (outside, counted) = if node.opens { (parent.parent, node.parent) } else { (node.parent, id) };
        Some(Fact {
            parent: node.parent,
            outside,
            counted,
            opens: node.opens,
            header: node.header,
            mandatory: node.requirement == Requirement::Mandatory,
            max: self.node(counted)?.max,
            needed: node.needed,
        })
    }

    /// What is asked of a node at every step.
    #[inline]
    pub(super) fn fact(&self, node: NodeId) -> Option<Fact> {
        self.facts.get(node.index()).copied()
    }

    /// The three digits of ST01.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The functional group it travels in, GS01: `PO` for an 850.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// All nodes in preorder; the first is the set itself.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One node.
    #[inline]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.index())
    }

    /// Whether the set has this segment anywhere.
    #[inline]
    pub fn knows(&self, segment: SegmentId) -> bool {
        self.column(segment).is_some()
    }

    /// Where `segment` goes when the last one stood at `at`, use counts aside: what [`candidates`](Self::candidates)
    /// yields first.
    #[inline]
    pub fn target(&self, at: NodeId, segment: SegmentId) -> Option<NodeId> {
        let target = *self.moves.get(at.index() * self.width + self.column(segment)?)?;
        (target != NodeId::NOWHERE).then_some(target)
    }

    /// Every place where `segment` may go when the last one stood at `at`, nearest first: the same node again if it
    /// repeats, the rest of the loop, another round of the loop, then the same outwards.
    pub fn candidates(&self, at: NodeId, segment: SegmentId) -> impl Iterator<Item = NodeId> {
        let here = self.node(at).filter(|node| node.kind == NodeKind::Segment(segment));
        let again = here.filter(|node| node.max > 1).map(|_| at);
        let last_resort = here.filter(|node| node.max <= 1).map(|_| at);
        let mut pass = at;
        let mut next = if at == NodeId::ROOT { self.first(at) } else { self.next(at) };
        let mut done = false;
        let onward = std::iter::from_fn(move || {
            while !done {
                while let Some(sibling) = next {
                    next = self.next(sibling);
                    if let Some(entry) = self.entry(sibling, segment) {
                        return Some(entry);
                    }
                }
                let around = self.node(pass).map_or(NodeId::ROOT, |node| node.parent);
                if around == NodeId::ROOT {
                    done = true;
                    break;
                }
                pass = around;
                next = self.next(around);
                if let Some(entry) = self.entry(around, segment) {
                    return Some(entry);
                }
            }
            None
        });
        let mut found = false;
        again.into_iter().chain(onward).map(Some).chain([None]).filter_map(move |entry| match entry {
            Some(entry) => {
                found = true;
                Some(entry)
            }
            None => last_resort.filter(|_| !found),
        })
    }

    /// The node where `segment` enters `node`: the node itself, or the segment that opens it if it is a loop.
    pub(super) fn entry(&self, node: NodeId, segment: SegmentId) -> Option<NodeId> {
        let entry = self.head(node);
        (self.segment(entry) == Some(segment)).then_some(entry)
    }

    /// The segment node that stands for `node`: itself, or what opens it if it is a loop.
    pub fn head(&self, node: NodeId) -> NodeId {
        self.first(node).unwrap_or(node)
    }

    /// The segment of a segment node.
    pub fn segment(&self, node: NodeId) -> Option<SegmentId> {
        match self.node(node)?.kind {
            NodeKind::Segment(segment) => Some(segment),
            NodeKind::Loop(_) => None,
        }
    }

    /// The name of the innermost loop that `node` lies in, or is; `None` outside of loops.
    pub fn loop_id(&self, node: NodeId) -> Option<&str> {
        if node == NodeId::ROOT {
            return None;
        }
        let node = self.node(node)?;
        match &node.kind {
            NodeKind::Loop(id) => Some(id),
            NodeKind::Segment(_) => self.loop_id(node.parent),
        }
    }

    /// What LS01 and LE01 say of the bounded loop that `node` lies in, LS and LE themselves included: AK303. `None`
    /// outside of LS and LE.
    pub fn bound(&self, node: NodeId) -> Option<&str> {
        self.node(node)?.bound.as_deref()
    }

    /// The loops that lead to `node`, outermost first, and the node itself: `PO1/N1/N3`. `tag` names segments.
    pub fn path<'t>(&self, node: NodeId, tag: impl Fn(SegmentId) -> &'t str) -> String {
        let mut names = Vec::new();
        let mut at = node;
        while let Some(here) = self.node(at).filter(|_| at != NodeId::ROOT) {
            names.push(match &here.kind {
                NodeKind::Segment(segment) => tag(*segment),
                NodeKind::Loop(id) => id,
            });
            at = here.parent;
        }
        names.reverse();
        names.join("/")
    }

    /// The nodes of a loop, in order.
    pub fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(self.first(node), |child| self.next(*child))
    }

    pub(super) fn next(&self, node: NodeId) -> Option<NodeId> {
        self.node(node)?.next
    }

    pub(super) fn first(&self, node: NodeId) -> Option<NodeId> {
        self.node(node)?.first
    }

    #[inline]
    fn column(&self, segment: SegmentId) -> Option<usize> {
        self.columns.get(segment.index()).filter(|column| **column != NO_COLUMN).map(|column| usize::from(*column))
    }

    /// The tree again, for an overlay to edit.
    pub(super) fn branches(&self, node: NodeId) -> Vec<Branch> {
        let branch = |child: NodeId| {
            let node = self.node(child)?;
            let children = self.branches(child);
            Some(Branch { kind: node.kind.clone(), requirement: node.requirement, max: node.max, children })
        };
        self.children(node).filter_map(branch).collect()
    }

    /// Appends the children of a loop and all that is below them.
    fn lay(&mut self, parent: NodeId, children: &[Branch], bound: Option<&str>) -> Option<()> {
        let opener = children.first()?;
        let NodeKind::Segment(_) = opener.kind else { return None };
        let bounded = self.loop_id(parent) == Some(BOUNDED);
        let mut before: Option<NodeId> = None;
        for (place, child) in children.iter().enumerate() {
            let id = NodeId(u16::try_from(self.nodes.len()).ok().filter(|id| *id < u16::MAX)?);
            match before {
                Some(before) => self.nodes.get_mut(before.index())?.next = Some(id),
                None => self.nodes.get_mut(parent.index())?.first = Some(id),
            }
            if child.requirement == Requirement::Mandatory {
                self.nodes.get_mut(parent.index())?.needed += 1;
            }
            let name = match &child.kind {
                // A bounded loop is known by the first loop inside of it.
                NodeKind::Loop(name) if &**name == BOUNDED => {
                    child.children.iter().find_map(|inner| match &inner.kind {
                        NodeKind::Loop(name) => Some(&**name),
                        NodeKind::Segment(_) => None,
                    })
                }
                _ => bound,
            };
            self.nodes.push(Node {
                kind: child.kind.clone(),
                requirement: child.requirement,
                max: child.max,
                parent,
                next: None,
                first: None,
                opens: place == 0 && parent != NodeId::ROOT,
                header: place == 0 && bounded,
                needed: 0,
                bound: name.map(Box::from),
            });
            match &child.kind {
                NodeKind::Segment(segment) => {
                    let column = self.columns.get_mut(segment.index())?;
                    if *column == NO_COLUMN {
                        *column = u8::try_from(self.width).ok().filter(|column| *column != NO_COLUMN)?;
                        self.width += 1;
                    }
                }
                NodeKind::Loop(_) => self.lay(id, &child.children, name)?,
            }
            before = Some(id);
        }
        Some(())
    }

    /// Fills the rows of a loop's nodes, last first. `outside` is where segments go once the loop is left.
    fn fill(&mut self, around: NodeId, outside: &[NodeId]) {
        let children: Vec<NodeId> = self.children(around).collect();
        let mut row = outside.to_vec();
        for child in children.into_iter().rev() {
            let Some(node) = self.node(child) else { return };
            let (max, is_loop) = (node.max, node.first.is_some());
            let head = self.head(child);
            let Some(column) = self.segment(head).and_then(|segment| self.column(segment)) else { return };
            if is_loop {
                let mut beyond = row.clone();
                // Another round of this loop comes before anything that follows it.
                if let Some(cell) = beyond.get_mut(column) {
                    *cell = head;
                }
                self.fill(child, &beyond);
            } else {
                let at = child.index() * self.width;
                if let Some(cells) = self.moves.get_mut(at..at + self.width) {
                    cells.copy_from_slice(&row);
                    if let Some(cell) = cells.get_mut(column)
                        && (max > 1 || *cell == NodeId::NOWHERE)
                    {
                        *cell = child;
                    }
                }
            }
            if let Some(cell) = row.get_mut(column) {
                *cell = head;
            }
        }
        if around == NodeId::ROOT
            && let Some(cells) = self.moves.get_mut(..self.width)
        {
            // Before the first segment: everything is still ahead.
            cells.copy_from_slice(&row);
        }
    }
}
