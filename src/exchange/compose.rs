//! From what a body says to what the ledger stores. Pure: given a reading and the claims known to be taken, always the
//! same entry, so that it can be composed again when somebody else was first.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::json;

use super::{
    codes,
    detect::Format,
    owed,
    reading::{Problem, ReadDocument, ReadInterchange, Reading},
};
use crate::{
    document::{self, MessageId, Mode, Verb, event_type},
    keys,
    ledger::{Claim, ClaimKey, ClaimKind, Document, DocumentState, Holder, MessageState, NewEvent, Owed, Taken},
    partner::{DuplicateNumber, Partner},
};

/// The message that documents are composed for.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) id: MessageId,
    pub(super) at: Timestamp,
    pub(super) correlation: String,
}

/// What the ledger said is taken, by kind and key.
#[derive(Default, Clone)]
pub(super) struct Known(HashMap<(ClaimKind, ClaimKey), Holder>);

impl Known {
    /// Learns what is taken; `true` if any of it is news.
    pub(super) fn add(&mut self, taken: &[Taken]) -> bool {
        let before = self.0.len();
        self.0.extend(taken.iter().map(|taken| ((taken.claim.kind, taken.claim.key), taken.holder)));
        self.0.len() > before
    }

    pub(super) fn holder(&self, kind: ClaimKind, key: ClaimKey) -> Option<&Holder> {
        self.0.get(&(kind, key))
    }
}

/// What a reading comes to.
pub(super) struct Composed {
    pub(super) state: MessageState,
    pub(super) problem: Option<Problem>,
    pub(super) claims: Vec<Claim>,
    pub(super) documents: Vec<(Document, Option<NewEvent>)>,
    /// The acknowledgements that its interchanges earn, each with its interchange's place.
    pub(super) earned: Vec<(usize, Owed)>,
    /// What its interchanges say of what we sent, each with its interchange's place.
    pub(super) heard: Vec<(usize, Owed)>,
    /// The message that this one repeats.
    pub(super) repeats: Option<MessageId>,
    /// Interchanges that count: neither held, nor rejected, nor here before.
    pub(super) counted: Vec<bool>,
    /// How its interchanges and documents came out.
    pub(super) tally: Tally,
}

impl Composed {
    /// All that it leaves to be done.
    pub(super) fn owed(&mut self) -> Vec<Owed> {
        self.earned.drain(..).chain(self.heard.drain(..)).map(|(_, owed)| owed).collect()
    }
}

/// Composes everything that a reading comes to, except for documents that it did not keep.
pub(super) fn compose(subject: &Subject, reading: &Reading, digests: &[[u8; 32]], known: &Known) -> Composed {
    let mut composed = Composed {
        state: MessageState::Accepted,
        problem: reading.problem.clone(),
        claims: Vec::new(),
        documents: Vec::new(),
        earned: Vec::new(),
        heard: Vec::new(),
        repeats: None,
        counted: Vec::new(),
        tally: Tally::default(),
    };
    let mut tally = Tally::default();
    for (index, interchange) in reading.interchanges.iter().enumerate() {
        let digest = digests.get(index).copied().unwrap_or_default();
        let place = Place { message: subject.id, position: index as u32 };
        let standing = standing(interchange, place, digest, known);
        composed.counted.push(matches!(standing, Standing::Counts { .. }));
        match standing {
            Standing::Held(problem) => {
                tally.held += 1;
                composed.problem.get_or_insert(problem);
                continue;
            }
            Standing::Repeats { first } => {
                tally.duplicate += 1;
                if first.message != subject.id {
                    composed.repeats = Some(first.message);
                    composed.earned.extend(owed::again(subject, interchange, index, first).map(|owed| (index, owed)));
                }
                continue;
            }
            Standing::Refused => {
                tally.rejected += 1;
                composed.earned.extend(owed::refused(subject, interchange, index).map(|owed| (index, owed)));
                continue;
            }
            Standing::Rejected => tally.rejected += 1,
            Standing::Counts { claim } => {
                if claim && !interchange.onboarding() {
                    let claim =
                        Claim { kind: ClaimKind::Interchange, key: interchange.key, digest, position: place.position };
                    composed.claims.push(claim);
                }
                composed.claims.extend(interchange.groups.iter().map(|number| number.claim));
                // An interchange of nothing but a TA1.
                tally.accepted += u32::from(interchange.sets == 0);
            }
        }
        composed.earned.extend(owed::earned(subject, interchange, index).map(|owed| (index, owed)));
        if composed.counted.last() == Some(&true) {
            let heard = owed::heard_of_interchanges(subject, interchange).into_iter();
            let heard = heard.chain(owed::heard(subject, interchange, &interchange.documents));
            composed.heard.extend(heard.map(|owed| (index, owed)));
        }
        let mut kept = documents(subject, interchange, &interchange.documents, known);
        tally.count(kept.documents.iter().map(|(document, _)| document));
        composed.documents.append(&mut kept.documents);
        composed.claims.append(&mut kept.claims);
    }
    composed.state = tally.state(composed.problem.is_some());
    composed.tally = tally;
    composed
}

/// Where an interchange stands, its syntax and its number taken together.
enum Standing {
    Counts {
        /// Whether it claims its number; not where the number is taken and the partner's file says not to mind.
        claim: bool,
    },
    Rejected,
    Held(Problem),
    /// It was here before, byte for byte.
    Repeats {
        first: Place,
    },
    /// Its number was here before, and its partner's file says to refuse that.
    Refused,
}

/// Who asks for a claim, or holds it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) message: MessageId,
    pub(super) position: u32,
}

impl Place {
    /// Whether a claim's holder is the one who asks, doing its work again.
    pub(super) fn holds(self, holder: &Holder) -> bool {
        holder.message == self.message && holder.position == self.position
    }
}

fn standing(interchange: &ReadInterchange, place: Place, digest: [u8; 32], known: &Known) -> Standing {
    if let Some(problem) = &interchange.held {
        return Standing::Held(problem.clone());
    }
    if interchange.rejected() {
        return Standing::Rejected;
    }
    // Without an envelope there is no number that could have come before.
    if interchange.format != Format::X12 {
        return Standing::Counts { claim: false };
    }
    let holder = known.holder(ClaimKind::Interchange, interchange.key).filter(|holder| !place.holds(holder));
    let Some(holder) = holder else { return Standing::Counts { claim: true } };
    if holder.digest == digest {
        return Standing::Repeats { first: Place { message: holder.message, position: holder.position } };
    }
    let terms = interchange.partner.as_ref().and_then(|partner| partner.x12.as_ref());
    match terms.map_or(DuplicateNumber::Hold, |terms| terms.duplicate_interchange) {
        DuplicateNumber::Accept => Standing::Counts { claim: false },
        DuplicateNumber::Reject => Standing::Refused,
        DuplicateNumber::Hold => {
            let number = &interchange.verdict.header.control_number;
            let mut problem = Problem::new(
                codes::NUMBER_REUSED,
                format!("Interchange number {number} came before with another content, in message {}.", holder.message),
            );
            problem.details = json!({ "first": holder.message, "control_number": number });
            Standing::Held(problem)
        }
    }
}

/// Documents ready to be stored, and what they claim.
#[derive(Default)]
pub(super) struct Documents {
    pub(super) documents: Vec<(Document, Option<NewEvent>)>,
    pub(super) claims: Vec<Claim>,
}

/// Turns read documents into stored ones.
pub(super) fn documents(
    subject: &Subject,
    interchange: &ReadInterchange,
    read: &[ReadDocument],
    known: &Known,
) -> Documents {
    let mut out = Documents::default();
    for document in read {
        let mut document = document.clone();
        out.claims.extend(document.set_number.as_ref().map(|number| number.claim));
        if document.state == DocumentState::Queued
            && let Some(key) = document.key
        {
            let place = Place { message: subject.id, position: document.position };
            match known.holder(ClaimKind::Business, key).filter(|holder| !place.holds(holder)) {
                Some(holder) => (document.state, document.problem) = repeated(subject, &document, holder),
                None => out.claims.push(Claim {
                    kind: ClaimKind::Business,
                    key,
                    digest: document.digest,
                    position: document.position,
                }),
            }
        }
        out.documents.push(store(subject, interchange, document, 0));
    }
    out
}

/// What becomes of a document whose business number was here before: the same content is a repetition, another one
/// is for a person to decide.
fn repeated(subject: &Subject, document: &ReadDocument, holder: &Holder) -> (DocumentState, Option<Problem>) {
    let (state, code, what) = if holder.digest == document.digest {
        (DocumentState::Duplicate, codes::DUPLICATE_DOCUMENT, "came before")
    } else {
        (DocumentState::Held, codes::DOCUMENT_CHANGED, "came before with another content")
    };
    let place = if holder.message == subject.id {
        "earlier in this message".to_owned()
    } else {
        format!("in message {}", holder.message)
    };
    let mut problem = Problem::new(code, format!("{} {what}, {place}.", document.subject));
    problem.details = json!({ "first": holder.message, "position": holder.position });
    (state, Some(problem))
}

/// One document as the ledger keeps it, with its event if it is queued.
pub(super) fn store(
    subject: &Subject,
    interchange: &ReadInterchange,
    document: ReadDocument,
    revision: u32,
) -> (Document, Option<NewEvent>) {
    let partner = interchange.partner.as_deref().map(|partner: &Partner| partner.id.clone());
    let event = (document.state == DocumentState::Queued)
        .then(|| event(subject, partner.as_deref().unwrap_or_default(), interchange.mode, &document, revision))
        .flatten();
    let stored = Document {
        message: subject.id,
        position: document.position,
        partner,
        kind: document.kind,
        format_kind: document.set,
        number: document.number,
        orders: document.orders,
        state: document.state,
        range: document.range,
        digest: keys::hex(&document.digest),
        problem: document.problem.map(|problem| problem.to_json()),
        extras: document.extras,
        mapping: document.mapping,
        event: event.as_ref().map(|event| event.id),
        revision,
    };
    (stored, event)
}

fn event(subject: &Subject, partner: &str, mode: Mode, document: &ReadDocument, revision: u32) -> Option<NewEvent> {
    let kind = document.kind?;
    let key = match document.orders.as_slice() {
        [order] => format!("{partner}/{order}"),
        _ => format!("{partner}/{kind}/{}", document.number.as_deref().unwrap_or_default()),
    };
    let verb = if revision == 0 { Verb::Received } else { Verb::Corrected };
    Some(NewEvent {
        id: subject.id.event(document.position, revision),
        kind: event_type(kind, verb),
        subject: document.subject.clone(),
        partner: partner.to_owned(),
        key,
        mode,
        time: subject.at,
        correlation: subject.correlation.clone(),
        replaces: revision.checked_sub(1).map(|before| subject.id.event(document.position, before)),
        data: document::with_orders(&document.json, &document.orders),
    })
}

/// How a message's documents came out.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) accepted: u32,
    pub(super) rejected: u32,
    pub(super) held: u32,
    pub(super) duplicate: u32,
}

impl Tally {
    pub(super) fn count<'d>(&mut self, documents: impl IntoIterator<Item = &'d Document>) {
        for document in documents {
            match document.state {
                DocumentState::Queued
                | DocumentState::Recorded
                | DocumentState::Issued
                | DocumentState::Delivered
                | DocumentState::Acknowledged => self.accepted += 1,
                DocumentState::Failed => {}
                DocumentState::Rejected => self.rejected += 1,
                DocumentState::Held => self.held += 1,
                DocumentState::Duplicate => self.duplicate += 1,
            }
        }
    }

    /// Where the message stands: whatever needs a person comes first.
    pub(super) fn state(&self, problem: bool) -> MessageState {
        match self {
            Self { held, .. } if *held > 0 || problem => MessageState::Held,
            Self { accepted: 0, rejected: 0, .. } => MessageState::Duplicate,
            Self { accepted: 0, duplicate: 0, .. } => MessageState::Rejected,
            Self { rejected: 0, .. } => MessageState::Accepted,
            _ => MessageState::Partial,
        }
    }
}
