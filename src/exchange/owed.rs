//! Which acknowledgements an interchange earns, as facts. They are rendered later, for the control number that is then
//! the next.

use serde::{Deserialize, Serialize};

use super::{compose::Subject, detect::Format, policy, reading::ReadInterchange};
use crate::{
    document::MessageId,
    ledger::Owed,
    x12::{self, InterchangeVerdict},
};

/// What an owed acknowledgement will say.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub(super) enum Facts {
    /// What the checks came to.
    Verdict {
        /// The interchange's place in the message, from 0.
        interchange: usize,
        /// All of it.
        verdict: Box<InterchangeVerdict>,
    },
    /// The same bytes as were said to the message that came first.
    Again {
        /// The interchange's place in this message, from 0.
        interchange: usize,
        /// The message that came first.
        first: MessageId,
    },
}

/// What an interchange earns by its own verdict.
pub(super) fn earned(subject: &Subject, interchange: &ReadInterchange, index: usize) -> Option<Owed> {
    says(subject, interchange, index, interchange.verdict.clone())
}

/// What an interchange earns whose number came before, where its partner's file says to refuse it: TA1 025.
pub(super) fn refused(subject: &Subject, interchange: &ReadInterchange, index: usize) -> Option<Owed> {
    let mut verdict = interchange.verdict.clone();
    verdict.refuse_duplicate();
    says(subject, interchange, index, verdict)
}

/// The stored acknowledgement once more, for an interchange that was here before.
pub(super) fn again(subject: &Subject, interchange: &ReadInterchange, index: usize, first: MessageId) -> Option<Owed> {
    let terms = interchange.partner.as_ref()?.x12.as_ref()?;
    x12::earns_acknowledgement(&interchange.verdict, &policy::acknowledgement(terms))
        .then(|| owed(subject, interchange, Facts::Again { interchange: index, first }))
        .flatten()
}

fn says(subject: &Subject, interchange: &ReadInterchange, index: usize, verdict: InterchangeVerdict) -> Option<Owed> {
    if interchange.format != Format::X12 {
        return None;
    }
    let terms = interchange.partner.as_ref()?.x12.as_ref()?;
    x12::earns_acknowledgement(&verdict, &policy::acknowledgement(terms))
        .then(|| owed(subject, interchange, Facts::Verdict { interchange: index, verdict: Box::new(verdict) }))
        .flatten()
}

fn owed(subject: &Subject, interchange: &ReadInterchange, facts: Facts) -> Option<Owed> {
    Some(Owed {
        message: subject.id,
        partner: interchange.partner.as_ref()?.id.clone(),
        due: subject.at,
        facts: serde_json::to_value(facts).ok()?,
    })
}
