//! One transaction set against its tables: order and use of segments by the walker, then elements, syntax notes and balance.
//!
//! It sees one segment at a time and keeps nothing of it, so a set of any size is checked in the same memory. The plain case takes
//! no allocation: what is wrong is put into words only when it is found.

use super::balance::{Balance, Line};
use super::codes;
use super::element::{belongs, characters, fault};
use super::finding::{Collector, Finding};
use super::policy::{CharacterSet, Policy};
use super::standard::{
    CompositeDef, Content, ElementDef, ElementKind, ElementUse, NoteKind, Problem, ProblemKind, SegmentDef, SetDef,
    Standard, SyntaxNote, Walker,
};
use super::token::{Delimiters, Place};
use crate::error::Code;
use std::sync::Arc;

/// The tables of one version: built in, or a partner's own.
#[derive(Debug, Clone)]
pub(super) enum Tables {
    BuiltIn(&'static Standard),
    Own(Arc<Standard>),
}

impl Tables {
    /// What the policy and a version name lead to.
    pub(super) fn find(policy: &Policy, version: &str) -> Option<Self> {
        let own = policy.standards.iter().find(|own| version.trim().get(..6) == Some(own.version()));
        own.map(|own| Self::Own(Arc::clone(own))).or_else(|| Standard::resolve(version).map(Self::BuiltIn))
    }

    /// The tables that hold in one set: these, unless the partner has others for it.
    pub(super) fn of_set(&self, id: &[u8]) -> Self {
        let Self::Own(standard) = self else { return self.clone() };
        Self::Own(Arc::clone(standard.alone(id).unwrap_or(standard)))
    }

    pub(super) fn get(&self) -> &Standard {
        match self {
            Self::BuiltIn(standard) => standard,
            Self::Own(standard) => standard,
        }
    }

    pub(super) fn version(&self) -> &'static str {
        self.get().version()
    }
}

/// A segment in the reader's buffer.
#[derive(Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) start: u32,
    pub(super) ends: &'a [u32],
    /// Whether it holds bytes that are no plain text.
    pub(super) odd: bool,
    pub(super) delimiters: Delimiters,
    pub(super) place: Place<'a>,
}

impl<'a> Raw<'a> {
    #[inline]
    pub(super) fn tag(&self) -> &'a [u8] {
        let end = self.ends.first().copied().unwrap_or(self.start);
        self.bytes.get(self.start as usize..end as usize).unwrap_or_default()
    }

    /// The element at `number`, from 1.
    #[inline]
    pub(super) fn element(&self, number: usize) -> &'a [u8] {
        match (number.checked_sub(1).and_then(|before| self.ends.get(before)), self.ends.get(number)) {
            (Some(before), Some(end)) => self.bytes.get(*before as usize + 1..*end as usize).unwrap_or_default(),
            _ => &[],
        }
    }

    pub(super) fn offset(&self) -> u64 {
        self.place.of(self.start)
    }

    /// Where element `number` begins; where the segment ends, if it has no such element.
    fn element_offset(&self, number: usize) -> u64 {
        let before = number.checked_sub(1).filter(|_| number < self.ends.len()).and_then(|n| self.ends.get(n));
        self.place.of(before.map(|end| end + 1).or_else(|| self.ends.last().copied()).unwrap_or(self.start))
    }

    /// From the tag to before the terminator.
    pub(super) fn text(&self) -> &'a [u8] {
        let end = self.ends.last().copied().unwrap_or(self.start);
        self.bytes.get(self.start as usize..end as usize).unwrap_or_default()
    }
}

/// The check of the set in hand. Reused from set to set.
#[derive(Debug, Default)]
pub(super) struct SetCheck {
    walker: Option<Walker>,
    tables: Option<Tables>,
    /// Whether there is a table for the set, so that its segments are looked at.
    known: bool,
    /// For each segment of the tables, which elements were there when all demands of one on another were last met. Senders fill the
    /// same elements line after line, so the notes need a look only where that changes.
    settled: Vec<u64>,
    balance: Balance,
    pub(super) found: Collector,
    /// How many segments came, ST and SE counted.
    pub(super) count: u32,
}

/// No segment has this many elements, so none is taken as settled.
const NEVER: u64 = u64::MAX;

/// A place within a segment.
#[derive(Clone, Copy, Default)]
struct Spot {
    element: usize,
    component: usize,
    repetition: usize,
}

impl SetCheck {
    /// Starts over before the ST of a set. With no tables only what the envelope says of it is checked.
    pub(super) fn begin(&mut self, set: Option<&Arc<SetDef>>, tables: Option<&Tables>, cap: usize) {
        self.found.begin(cap);
        self.count = 0;
        self.known = set.is_some() && tables.is_some();
        if let (Some(set), Some(tables)) = (set, tables) {
            let same = self.tables.as_ref().is_some_and(|old| std::ptr::eq(old.get(), tables.get()));
            if !same {
                self.settled.clear();
                self.settled.resize(tables.get().segments().len(), NEVER);
                self.tables = Some(tables.clone());
            }
            match &mut self.walker {
                Some(walker) => walker.begin(set),
                none => *none = Some(Walker::new(set)),
            }
            self.balance.begin(set.id().as_bytes());
        }
    }

    /// Counts a segment that cannot be looked at.
    pub(super) fn pass(&mut self) {
        self.count = self.count.saturating_add(1);
        if let Some(walker) = self.walker.as_mut().filter(|_| self.known) {
            walker.pass();
        }
    }

    /// Checks one segment. `offset_of` tells where an earlier one began, by position.
    #[inline]
    pub(super) fn segment(&mut self, raw: &Raw<'_>, policy: &Policy, offset_of: impl Fn(u32) -> Option<u64>) {
        self.count = self.count.saturating_add(1);
        if !self.known {
            return;
        }
        let (Some(tables), Some(walker)) = (&self.tables, &mut self.walker) else { return };
        let standard = tables.get();
        let tag = raw.tag();
        let Some(def) = standard.segment(tag) else {
            walker.pass();
            let position = self.count;
            self.found.add(&policy.severities, codes::SEGMENT_UNKNOWN, || {
                let name = tag.escape_ascii().to_string();
                let text = format!("the standard has no segment {name}");
                Finding::new(codes::SEGMENT_UNKNOWN, raw.offset(), text).of(&name, position).with(tag)
            });
            return;
        };
        let step = walker.step(def.id, raw.element(1));
        let placed = step.node;
        if !step.problems.is_empty() {
            let problems = step.problems.to_vec();
            tell_problems(&mut self.found, policy, standard, &problems, raw.offset(), &offset_of, walker.set());
        }
        let Some(node) = placed else { return };
        let told = self.found.findings.len();
        let mut none = NEVER;
        let settled = self.settled.get_mut(def.id.index()).unwrap_or(&mut none);
        let mut elements =
            Elements { raw, standard, def, policy, position: self.count, found: &mut self.found, settled };
        if raw.odd || policy.characters == CharacterSet::Basic {
            elements.odd();
        } else {
            elements.plain();
        }
        if self.found.findings.len() > told
            && let Some(bound) = walker.set().bound(node)
        {
            for finding in self.found.findings.iter_mut().skip(told) {
                finding.loop_id = Some(bound.to_owned());
            }
        }
        if Balance::wants(tag) {
            let line = Line { bytes: raw.bytes, ends: raw.ends, position: self.count, offset: raw.offset() };
            self.balance.take(tag, &line, &policy.severities, &mut self.found);
        }
    }

    /// Ends the set, `whole` if by its SE; `end` is where in the file. What is missing is told, and all findings are put in order.
    pub(super) fn finish(&mut self, policy: &Policy, whole: bool, end: u64, offset_of: impl Fn(u32) -> Option<u64>) {
        if self.known
            && let (Some(tables), Some(walker)) = (&self.tables, &mut self.walker)
        {
            if !whole {
                // What came in place of the SE is the next position.
                walker.pass();
            }
            let set = Arc::clone(walker.set());
            let problems = walker.finish();
            if !problems.is_empty() {
                tell_problems(&mut self.found, policy, tables.get(), problems, end, &offset_of, &set);
            }
            self.balance.finish(&policy.severities, &mut self.found);
        }
        self.found.findings.sort_by_key(|finding| {
            let inner = (finding.element.is_some(), finding.element, finding.repetition, finding.component);
            (finding.segment.unwrap_or(u32::MAX), inner)
        });
    }
}

#[cold]
fn tell_problems(
    found: &mut Collector,
    policy: &Policy,
    standard: &Standard,
    problems: &[Problem],
    here: u64,
    offset_of: &impl Fn(u32) -> Option<u64>,
    set: &SetDef,
) {
    for problem in problems {
        let code = match problem.kind {
            ProblemKind::Unexpected => codes::SEGMENT_UNEXPECTED,
            ProblemKind::Missing => codes::SEGMENT_MISSING,
            ProblemKind::LoopOverMaximum => codes::LOOP_TOO_OFTEN,
            ProblemKind::SegmentOverMaximum => codes::SEGMENT_TOO_OFTEN,
            ProblemKind::NotInSet => codes::SEGMENT_NOT_IN_SET,
            ProblemKind::OutOfSequence => codes::SEGMENT_SEQUENCE,
        };
        found.add(&policy.severities, code, || {
            let tag_of = |segment| standard.segment_by_id(segment).map_or("?", |def| &*def.tag);
            let tag = tag_of(problem.segment);
            let path = problem.node.map(|node| set.path(node, tag_of)).unwrap_or_default();
            let max = problem.node.and_then(|node| match problem.kind {
                ProblemKind::LoopOverMaximum => set.node(set.node(node)?.parent),
                _ => set.node(node),
            });
            let max = max.map_or(0, |node| node.max);
            let text = match problem.kind {
                ProblemKind::Unexpected => format!("{tag} stands where its loop was not opened ({path})"),
                ProblemKind::Missing => format!("the mandatory segment {path} is missing"),
                ProblemKind::LoopOverMaximum => format!("the loop that {tag} opens may come {max} times here ({path})"),
                ProblemKind::SegmentOverMaximum => format!("{tag} may come {max} times here ({path})"),
                ProblemKind::NotInSet => format!("the {} has no segment {tag}", set.id()),
                ProblemKind::OutOfSequence => format!("{tag} stands out of sequence: it belongs further up ({path})"),
            };
            let offset = offset_of(problem.position).unwrap_or(here);
            let mut finding = Finding::new(code, offset, text).of(tag, problem.position);
            finding.implementation = standard.implementation_of_problem(problem, set);
            finding.loop_id = problem.node.and_then(|node| set.bound(node)).map(str::to_owned);
            finding
        });
    }
}

/// The elements of one segment against its definition.
struct Elements<'a, 'f> {
    raw: &'a Raw<'a>,
    standard: &'a Standard,
    def: &'a SegmentDef,
    policy: &'a Policy,
    position: u32,
    found: &'f mut Collector,
    settled: &'f mut u64,
}

impl Elements<'_, '_> {
    /// The plain case: every byte is plain text and no element has components or repetitions.
    #[inline]
    fn plain(&mut self) {
        let Some((first, ends)) = self.raw.ends.split_first() else { return };
        let (mut from, mut present, mut bit) = (first + 1, 0_u64, 1_u64);
        for (at, (end, used)) in ends.iter().zip(&self.def.elements).enumerate() {
            if *end > from {
                present |= bit;
                let value = self.raw.bytes.get(from as usize..*end as usize).unwrap_or_default();
                match &used.content {
                    Content::Simple(element) => {
                        if let Some(code) = fault(element, value) {
                            self.tell(code, Spot { element: at + 1, ..Spot::default() }, Some(element), value);
                        }
                    }
                    Content::Composite(composite) => self.composite(composite, at + 1, 0, value),
                }
            }
            from = end + 1;
            bit <<= 1;
        }
        self.together(present);
    }

    /// Any case: repetitions, components, and characters that need a look.
    #[cold]
    fn odd(&mut self) {
        let Some((first, ends)) = self.raw.ends.split_first() else { return };
        let (mut from, mut present) = (first + 1, 0_u64);
        for (at, (end, used)) in ends.iter().zip(&self.def.elements).enumerate() {
            let value = self.raw.bytes.get(from as usize..*end as usize).unwrap_or_default();
            from = end + 1;
            if value.is_empty() {
                continue;
            }
            present |= 1_u64.checked_shl(at as u32).unwrap_or(0);
            match self.raw.delimiters.repetition.filter(|separator| value.contains(separator) && !is_binary(used)) {
                Some(separator) => self.repetitions(used, at + 1, value, separator),
                None => self.value(used, at + 1, 0, value),
            }
        }
        self.together(present);
    }

    fn repetitions(&mut self, used: &ElementUse, element: usize, value: &[u8], separator: u8) {
        let count = value.iter().filter(|byte| **byte == separator).count() + 1;
        if count > usize::from(used.repeat) {
            let spot = Spot { element, repetition: usize::from(used.repeat) + 1, component: 0 };
            self.tell(codes::ELEMENT_REPETITIONS, spot, simple(used), value);
        }
        for (at, value) in value.split(|byte| *byte == separator).enumerate().take(self.policy.caps.components) {
            if !value.is_empty() {
                self.value(used, element, at + 1, value);
            }
        }
    }

    /// One repetition of an element.
    fn value(&mut self, used: &ElementUse, element: usize, repetition: usize, value: &[u8]) {
        match &used.content {
            Content::Composite(composite) => self.composite(composite, element, repetition, value),
            Content::Simple(def) => {
                let component = self.raw.delimiters.component;
                let spot = Spot { element, repetition, component: 0 };
                if value.contains(&component) && def.kind != ElementKind::Binary {
                    self.tell(codes::ELEMENT_COMPONENTS, Spot { component: 2, ..spot }, Some(def), value);
                    return;
                }
                self.simple(def, spot, value);
            }
        }
    }

    fn composite(&mut self, composite: &CompositeDef, element: usize, repetition: usize, value: &[u8]) {
        let separator = self.raw.delimiters.component;
        let mut present = 0_u64;
        let mut values = value.split(|byte| *byte == separator);
        for (at, used) in composite.components.iter().enumerate() {
            let Some(value) = values.next() else { break };
            if value.is_empty() {
                continue;
            }
            present |= 1_u64.checked_shl(at as u32).unwrap_or(0);
            if let Content::Simple(def) = &used.content {
                self.simple(def, Spot { element, repetition, component: at + 1 }, value);
            }
        }
        if values.any(|value| !value.is_empty()) {
            let spot = Spot { element, repetition, component: composite.components.len() + 1 };
            self.tell(codes::ELEMENT_COMPONENTS, spot, None, value);
        }
        let missing = composite.mandatory & !present;
        let broken = composite.notes.iter().filter(|note| note.broken_by(present));
        if missing != 0 || broken.clone().next().is_some() {
            let missing = bits(missing).map(|at| (codes::ELEMENT_MISSING, at));
            let all: Vec<(Code, usize)> = missing.chain(broken.flat_map(|note| blamed(note, present))).collect();
            for (code, at) in all {
                let def = composite.components.get(at).and_then(simple);
                self.tell(code, Spot { element, repetition, component: at + 1 }, def, b"");
            }
        }
    }

    /// One value that may hold any byte.
    fn simple(&mut self, def: &ElementDef, spot: Spot, value: &[u8]) {
        let text = matches!(def.kind, ElementKind::Text | ElementKind::Code);
        if text && (self.raw.odd || self.policy.characters == CharacterSet::Basic) {
            let control = value.iter().any(u8::is_ascii_control);
            if value.iter().any(|byte| !belongs(*byte, self.policy.characters))
                || (control && self.policy.characters != CharacterSet::Any)
            {
                self.tell(codes::ELEMENT_CHARACTER, spot, Some(def), value);
                return;
            }
            if control {
                self.tell(codes::CONTROL_CHARACTER, spot, Some(def), value);
            }
        }
        let code = match fault(def, value) {
            // Lengths count characters, and of these some have several bytes.
            Some(codes::ELEMENT_LONG) if text && characters(value) <= def.max as usize => None,
            None if text && characters(value) < def.min as usize => Some(codes::ELEMENT_SHORT),
            code => code,
        };
        if let Some(code) = code {
            self.tell(code, spot, Some(def), value);
        }
    }

    /// What elements demand of one another, and elements that the segment does not have.
    #[inline]
    fn together(&mut self, present: u64) {
        if *self.settled != present {
            self.demands(present);
        }
        if self.raw.ends.len() > self.def.elements.len() + 1 {
            self.extra();
        }
    }

    fn demands(&mut self, present: u64) {
        let missing = self.def.mandatory & !present;
        for at in bits(missing) {
            let def = self.def.elements.get(at).and_then(simple);
            self.tell(codes::ELEMENT_MISSING, Spot { element: at + 1, ..Spot::default() }, def, b"");
        }
        let mut met = missing == 0;
        for note in &self.def.notes {
            if note.broken_by(present) {
                met = false;
                self.broken(note, present);
            }
        }
        if met {
            *self.settled = present;
        }
    }

    #[cold]
    fn broken(&mut self, note: &SyntaxNote, present: u64) {
        // A mandatory element that is missing has been told.
        let told = |code: Code, at: usize| code == codes::ELEMENT_CONDITION && self.def.mandatory >> at & 1 == 1;
        for (code, at) in blamed(note, present).filter(|(code, at)| !told(*code, *at)) {
            let value = self.raw.element(at + 1);
            let def = self.def.elements.get(at).and_then(simple);
            let told = self.found.findings.len();
            self.tell(code, Spot { element: at + 1, ..Spot::default() }, def, value);
            let others = (note.first | note.others) & present & !(1 << at);
            let trigger = bits(others).next().and_then(|at| u16::try_from(at + 1).ok());
            let implementation = self.standard.implementation_of_note(self.def, note);
            for finding in self.found.findings.iter_mut().skip(told) {
                (finding.trigger, finding.implementation) = (trigger, implementation);
            }
        }
    }

    #[cold]
    fn extra(&mut self) {
        let known = self.def.elements.len();
        let cap = self.raw.ends.len().min(self.policy.caps.elements.max(known + 2));
        let found = (known + 1..cap).find(|at| !self.raw.element(*at).is_empty());
        if let Some(at) = found {
            let value = self.raw.element(at);
            self.tell(codes::ELEMENT_TOO_MANY, Spot { element: at, ..Spot::default() }, None, value);
        }
    }

    #[cold]
    fn tell(&mut self, code: Code, spot: Spot, def: Option<&ElementDef>, value: &[u8]) {
        let Self { raw, standard, def: segment, policy, position, .. } = *self;
        self.found.add(&policy.severities, code, || {
            let mut name = format!("{}{:02}", segment.tag, spot.element);
            if spot.component > 0 {
                name += &format!("-{}", spot.component);
            }
            let text = in_words(code, &name, def, value);
            let mut finding = Finding::new(code, raw.element_offset(spot.element), text)
                .of(&segment.tag, position)
                .at_element(spot.element);
            let place = |number: usize| u16::try_from(number).ok().filter(|number| *number > 0);
            finding.component = place(spot.component);
            finding.repetition = place(spot.repetition);
            finding.reference = def.map(|def| def.number.to_string());
            finding.implementation = match code {
                codes::ELEMENT_MISSING => standard.implementation_of_missing(segment, spot.element, spot.component),
                codes::ELEMENT_CODE => standard.implementation_of_code(segment, spot.element, spot.component, value),
                _ => None,
            };
            if value.is_empty() { finding } else { finding.with(value) }
        });
    }
}

/// One sentence for people.
fn in_words(code: Code, name: &str, def: Option<&ElementDef>, value: &[u8]) -> String {
    let shown =
        value.get(..40).map_or_else(|| value.escape_ascii().to_string(), |start| format!("{}…", start.escape_ascii()));
    let (min, max) = def.map_or((0, 0), |def| (def.min, def.max));
    match code {
        codes::ELEMENT_MISSING => format!("{name} is missing, and it is mandatory"),
        codes::ELEMENT_CONDITION => format!("{name} is missing, and what else the segment holds demands it"),
        codes::ELEMENT_EXCLUSION => format!("{name} must not stand beside what else the segment holds"),
        codes::ELEMENT_TOO_MANY => format!("the segment has no element {name}"),
        codes::ELEMENT_SHORT => format!("{name} `{shown}` is shorter than {min}"),
        codes::ELEMENT_LONG => format!("{name} `{shown}` is longer than {max}"),
        codes::ELEMENT_CODE => {
            format!("{name} `{shown}` is not among the codes of element {}", def.map_or("", |def| &def.number))
        }
        codes::ELEMENT_DATE => format!("{name} `{shown}` is no date"),
        codes::ELEMENT_TIME => format!("{name} `{shown}` is no time"),
        codes::ELEMENT_REPETITIONS => format!("{name} is repeated too often"),
        codes::ELEMENT_COMPONENTS => format!("{name} `{shown}` has too many components"),
        codes::CONTROL_CHARACTER => format!("{name} `{shown}` holds a control character"),
        _ => match def.map(|def| def.kind) {
            Some(ElementKind::Integer(_)) => format!("{name} `{shown}` is no whole number"),
            Some(ElementKind::Decimal) => format!("{name} `{shown}` is no number"),
            _ => format!("{name} `{shown}` holds a character that it may not"),
        },
    }
}

/// The elements that a broken note is told at, counted from zero.
fn blamed(note: &SyntaxNote, present: u64) -> impl Iterator<Item = (Code, usize)> + use<> {
    let (code, most) = match note.kind {
        NoteKind::Exclusion => (codes::ELEMENT_EXCLUSION, usize::MAX),
        // Any one of them would do.
        NoteKind::Required | NoteKind::List => (codes::ELEMENT_CONDITION, 1),
        NoteKind::Paired | NoteKind::Conditional => (codes::ELEMENT_CONDITION, usize::MAX),
    };
    bits(note.culprits(present)).take(most).map(move |at| (code, at))
}

fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = (mask != 0).then(|| mask.trailing_zeros() as usize)?;
        mask &= mask - 1;
        Some(at)
    })
}

fn simple(used: &ElementUse) -> Option<&ElementDef> {
    match &used.content {
        Content::Simple(def) => Some(def),
        Content::Composite(_) => None,
    }
}

fn is_binary(used: &ElementUse) -> bool {
    simple(used).is_some_and(|def| def.kind == ElementKind::Binary)
}
