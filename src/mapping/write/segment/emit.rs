//! The values of a segment are held against the standard, and written. What does not fit is told where it comes from.

use super::{NO_CELL, NO_RULE, Staged, element_bit};
use crate::{
    error::Code,
    mapping::{
        codes,
        write::{
            Body, exists,
            plan::{SegmentPlan, Use, What},
            value::misfit,
        },
    },
    x12::{Place, WriteError, standard::NoteKind},
};

impl Body<'_, '_, '_> {
    /// Writes the segment at hand.
    pub(super) fn emit(&mut self, plan: &SegmentPlan, item: u32) {
        if !self.scratch.staged.is_sorted_by_key(|staged| rank(staged.place)) {
            self.scratch.staged.sort_by_key(|staged| rank(staged.place));
        }
        let Some(standard) = &plan.standard else {
            let Some(first) = self.scratch.staged.iter().find(|staged| staged.cell != NO_CELL).copied() else { return };
            let text = format!("the {} of {} has no {} here", self.writing.set.id(), self.writing.version, plan.tag);
            let (cell, rule) = (Some(first.cell), Some(first.rule));
            let at = Some((&*plan.tag, first.place.element));
            return self.problem(codes::NO_PLACE, text, first.item, cell, rule, at);
        };
        let staged = std::mem::take(&mut self.scratch.staged);
        let (mut present, mut misfits, mut failed) = (0u64, Vec::new(), None);
        let mut segment = self.out.open(&plan.tag);
        for one in &staged {
            present |= element_bit(one.place.element);
            let all = if one.made { &self.scratch.bytes } else { self.text.as_bytes() };
            if let Some(why) = misfit(plan, standard, self.writing.version, one, all) {
                misfits.push((*one, why));
            }
            if failed.is_none()
                && let Err(error) = segment.put_part(one.place, all, (one.start, one.end))
            {
                failed = Some((*one, error));
            }
        }
        segment.close();
        for (one, (code, text)) in misfits {
            self.fault(plan, one, code, text);
        }
        // Segments of a kind are mostly alike.
        if self.scratch.whole.get(standard.id.index()) != Some(&present) {
            if present & standard.mandatory != standard.mandatory
                || standard.notes.iter().any(|note| note.broken_by(present))
            {
                self.incomplete(plan, standard, present, item);
            } else {
                self.note_whole(standard.id.index(), present);
            }
        }
        let bound = staged.first().filter(|_| &*plan.tag == "LS").map(|staged| self.bytes(*staged).to_vec());
        let step = self.walker.step(standard.id, bound.as_deref().unwrap_or_default());
        if !step.problems.is_empty() {
            let found: Vec<_> = step.problems.iter().map(|problem| (problem.kind, problem.segment)).collect();
            for (kind, segment) in found {
                self.misplaced(kind, segment, item);
            }
        }
        if let Some((one, error)) = failed {
            self.refused(plan, one, &error);
        }
        self.scratch.staged = staged;
    }

    #[cold]
    fn note_whole(&mut self, segment: usize, present: u64) {
        let whole = &mut self.scratch.whole;
        if whole.len() <= segment {
            whole.resize(segment + 1, u64::MAX);
        }
        whole.get_mut(segment).into_iter().for_each(|slot| *slot = present);
    }

    #[cold]
    fn refused(&mut self, plan: &SegmentPlan, one: Staged, error: &WriteError) {
        let text = match error {
            WriteError::Collision { byte, .. } => {
                format!("it holds `{}`, which separates in this interchange", char::from(*byte).escape_default())
            }
            other => other.to_string(),
        };
        self.fault(plan, one, codes::DOES_NOT_FIT, text);
    }

    #[cold]
    fn fault(&mut self, plan: &SegmentPlan, one: Staged, code: Code, text: String) {
        let value = String::from_utf8_lossy(self.bytes(one)).chars().take(80).collect();
        let (cell, rule) = ((one.cell != NO_CELL).then_some(one.cell), (one.rule != NO_RULE).then_some(one.rule));
        let before = self.problems.len();
        self.problem(
            code,
            text,
            if exists(one.item) { one.item } else { 0 },
            cell,
            rule,
            Some((&plan.tag, one.place.element)),
        );
        if let Some(problem) = self.problems.get_mut(before) {
            problem.value = Some(value);
        }
    }

    /// Tells what the standard demands of a segment besides what there is.
    #[cold]
    fn incomplete(&mut self, plan: &SegmentPlan, standard: &Use, present: u64, item: u32) {
        let mut wanted = standard.mandatory & !present;
        for note in &standard.notes {
            if note.kind != NoteKind::Exclusion && note.broken_by(present) {
                wanted |= note.culprits(present);
            } else if note.broken_by(present) {
                let text = format!("{} takes only one of these: {}", plan.tag, list(note.others & present));
                let element = note.culprits(present).trailing_zeros() as u8 + 1;
                self.problem(codes::CONTRADICTION, text, item, None, None, Some((&plan.tag, element)));
            }
        }
        if wanted == 0 {
            return;
        }
        let element = wanted.trailing_zeros() as u8 + 1;
        let field = plan.puts.iter().find_map(|put| match put.what {
            What::Field { cell, rule } if put.element == element => Some((cell, rule)),
            _ => None,
        });
        // Where the field itself was refused, that was said.
        if let Some((cell, _)) = field {
            let pointer = self.scratch.taken.pointer(&self.writing.form, item, Some(cell));
            if self.problems.iter().any(|problem| problem.pointer.as_ref() == Some(&pointer)) {
                return;
            }
        }
        let text = format!("{} needs {} besides what the document gives", plan.tag, list(wanted));
        let (cell, rule) = (field.map(|field| field.0), field.map(|field| field.1));
        self.problem(codes::INCOMPLETE, text, item, cell, rule, Some((&plan.tag, element)));
    }
}

/// A place as one number, in the order of places.
#[inline]
fn rank(place: Place) -> u32 {
    u32::from(place.element) << 24 | u32::from(place.repetition) << 8 | u32::from(place.component)
}

/// `02 or 03`
fn list(elements: u64) -> String {
    let numbers: Vec<_> = (0..64).filter(|at| elements & (1 << at) != 0).map(|at| format!("{:02}", at + 1)).collect();
    numbers.join(" or ")
}
