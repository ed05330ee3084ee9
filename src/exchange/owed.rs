//! What a message leaves to be done, as facts: acknowledgements that it earns, documents to be sent, and what a partner's
//! acknowledgements say of what we sent. They are worked out later, for the control number that is then the next.

use serde::{Deserialize, Serialize};

use super::{
    compose::{Place, Subject},
    detect::Format,
    policy,
    reading::{ReadDocument, ReadInterchange},
    rendering,
};
use crate::{
    document::MessageId,
    ledger::Owed,
    x12::{self, GroupAcknowledged, InterchangeAcknowledged, InterchangeVerdict, PartyId},
};

/// What is to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
        /// The interchange's place in that one.
        #[serde(default)]
        position: Option<u32>,
        /// What the checks came to this time, to be said where nothing was said the first time.
        #[serde(default)]
        verdict: Option<Box<InterchangeVerdict>>,
    },
    /// A document of the ERP's is to be sent.
    Send {
        /// Its place in the message.
        position: u32,
    },
    /// A partner's 997 or 999 speaks of a group that we sent.
    Heard {
        /// The acknowledgement's place in the message.
        position: u32,
        /// ISA15 of what it speaks of: a rehearsal's speaks of rehearsals.
        usage: u8,
        /// GS03 there: we.
        us: String,
        /// GS02 there: they.
        them: String,
        /// What it says; or why that cannot be understood.
        said: Result<GroupAcknowledged, String>,
    },
    /// A partner's TA1 speaks of an interchange that we sent.
    HeardInterchange {
        /// ISA15 of what it speaks of: a rehearsal's speaks of rehearsals.
        usage: u8,
        /// ISA07 and ISA08 there.
        us: PartyId,
        /// ISA05 and ISA06 there.
        them: PartyId,
        /// What it says.
        said: InterchangeAcknowledged,
    },
}

/// What a partner's TA1 segments say of interchanges of ours.
pub(super) fn heard_of_interchanges(subject: &Subject, interchange: &ReadInterchange) -> Vec<Owed> {
    let header = &interchange.verdict.header;
    let all = interchange.verdict.ta1_received.iter().map(|said| Facts::HeardInterchange {
        usage: rendering::usage(interchange.mode),
        us: header.receiver.clone(),
        them: header.sender.clone(),
        said: said.clone(),
    });
    all.filter_map(|facts| owed(subject, interchange, facts)).collect()
}

/// What a partner's 997s and 999s say of groups of ours.
pub(super) fn heard(subject: &Subject, interchange: &ReadInterchange, documents: &[ReadDocument]) -> Vec<Owed> {
    let told = documents.iter().filter_map(|document| {
        let said = document.heard.clone()?;
        let group = &interchange.verdict.groups.get(document.place.0)?.header;
        Some(Facts::Heard {
            position: document.position,
            usage: rendering::usage(interchange.mode),
            us: group.receiver.clone(),
            them: group.sender.clone(),
            said,
        })
    });
    told.filter_map(|facts| owed(subject, interchange, facts)).collect()
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

/// The stored acknowledgement once more, for an interchange that was here before, and where.
pub(super) fn again(subject: &Subject, interchange: &ReadInterchange, index: usize, first: Place) -> Option<Owed> {
    let terms = interchange.partner.as_ref()?.x12.as_ref()?;
    if !x12::earns_acknowledgement(&interchange.verdict, &policy::acknowledgement(terms)) {
        return None;
    }
    let facts = Facts::Again {
        interchange: index,
        first: first.message,
        position: Some(first.position),
        verdict: Some(Box::new(interchange.verdict.clone())),
    };
    owed(subject, interchange, facts)
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
        facts: serde_json::to_string(&facts).ok()?,
    })
}
