//! Numbers of groups and sets, for partners whose file says that they count beyond their envelope: `x12.duplicate_group`
//! and `x12.duplicate_set`.
//!
//! The standard has GS06 count within its interchange and ST02 within its group, and most partners restart both. Where a
//! partner never does, one that comes again with another content is rejected (AK905 19, AK502 23) or held, and its
//! siblings stay. What was accepted claims its number as an interchange does, so what was rejected may come again with
//! it; and the same bytes again are a repetition, which the documents' own identities know how to answer.

use serde_json::json;

use super::{
    claims, codes,
    compose::{Known, Place},
    inbound::Source,
    reading::{Problem, ReadDocument, ReadInterchange, Reading, settle},
};
use crate::{
    document::{MessageId, Mode},
    keys,
    ledger::{Claim, ClaimKind, DocumentState, Holder},
    partner::{DuplicateNumber, Partner, X12Terms},
    x12::{CheckedSet, GroupStatus, RefusedSet},
};

/// What a group claims if its interchange counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct GroupNumber {
    /// Its place in its interchange, from 0.
    pub(super) group: usize,
    pub(super) claim: Claim,
}

/// What a set claims if its interchange counts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SetNumber {
    /// ST02.
    control: String,
    pub(super) claim: Claim,
}

/// Notes what the groups of a body claim.
pub(super) fn note_groups(reading: &mut Reading, source: &Source) -> std::io::Result<()> {
    let mut before = 0;
    for interchange in &mut reading.interchanges {
        let first = before;
        before += interchange.verdict.groups.len();
        let Some(partner) = counting(interchange, |terms| terms.duplicate_group) else { continue };
        let partner = partner.id.clone();
        for (group, verdict) in interchange.verdict.groups.iter().enumerate() {
            let header = &verdict.header;
            if verdict.status == GroupStatus::Rejected || header.is_missing() || header.acknowledges() {
                continue;
            }
            let claim = Claim {
                kind: ClaimKind::Group,
                key: claims::group(&partner, interchange.verdict.header.usage, interchange.mode, header),
                digest: source.digest((header.offset, verdict.end.saturating_sub(header.offset)), None)?,
                position: u32::try_from(first + group).unwrap_or(u32::MAX),
            };
            interchange.groups.push(GroupNumber { group, claim });
        }
    }
    Ok(())
}

/// What a set claims, which is not rejected and no acknowledgement: nobody could be told that one of those came twice.
pub(super) fn of_set(
    partner: Option<&Partner>,
    (usage, mode): (u8, Mode),
    set: &CheckedSet<'_>,
    position: u32,
) -> Option<SetNumber> {
    let partner = partner.filter(|partner| counts(partner, |terms| terms.duplicate_set))?;
    // What is too large to be held waits for a person anyway.
    let bytes = set.view?.bytes();
    let claim = Claim {
        kind: ClaimKind::Set,
        key: claims::set(&partner.id, usage, mode, set.group, set.id, set.control),
        digest: keys::sha256(bytes),
        position,
    };
    (!set.control.is_empty()).then(|| SetNumber { control: set.control.to_owned(), claim })
}

/// All that the groups and sets of a body claim, to ask who holds it. Sets, as far as they were kept.
pub(super) fn claimed(reading: &Reading) -> impl Iterator<Item = Claim> {
    reading.interchanges.iter().flat_map(|one| {
        let groups = one.groups.iter().map(|number| number.claim);
        groups.chain(one.documents.iter().filter_map(|document| Some(document.set_number.as_ref()?.claim)))
    })
}

/// Rejects or holds what has a number of somebody else. Can be asked again once more is known.
pub(super) fn settle_numbers(reading: &mut Reading, message: MessageId, known: &Known) {
    for interchange in &mut reading.interchanges {
        settle_groups(interchange, message, known);
        let mut documents = std::mem::take(&mut interchange.documents);
        let refused = settle_sets(interchange, &mut documents, message, known);
        interchange.documents = documents;
        for (group, set) in refused {
            interchange.verdict.refuse_set(group, &set);
        }
    }
}

fn settle_groups(interchange: &mut ReadInterchange, message: MessageId, known: &Known) {
    let policy =
        interchange.partner.as_ref().and_then(|partner| partner.x12.as_ref()).map(|terms| terms.duplicate_group);
    for number in std::mem::take(&mut interchange.groups) {
        let holder = match standing(&number.claim, message, known) {
            Standing::Free => {
                interchange.groups.push(number);
                continue;
            }
            Standing::Repeats => continue,
            Standing::Reused(holder) => holder,
        };
        let Some(header) = interchange.verdict.groups.get(number.group).map(|group| &group.header) else { continue };
        let problem = reused("Group number (GS06)", &header.control_number, holder);
        match policy {
            Some(DuplicateNumber::Reject) => interchange.verdict.refuse_group(number.group, &problem.text),
            _ => interchange.held_groups.push((number.group, problem)),
        }
    }
}

/// Rejects or holds documents whose group or set has a number of somebody else, and tells which sets are rejected by
/// theirs, with the places of their groups: the verdict does not know it yet.
pub(super) fn settle_sets(
    interchange: &ReadInterchange,
    documents: &mut [ReadDocument],
    message: MessageId,
    known: &Known,
) -> Vec<(usize, RefusedSet)> {
    let policy = interchange.partner.as_ref().and_then(|partner| partner.x12.as_ref()).map(|terms| terms.duplicate_set);
    let mut refused = Vec::new();
    for document in documents {
        settle(document, &interchange.verdict);
        if document.state == DocumentState::Rejected {
            continue;
        }
        if let Some((_, problem)) = interchange.held_groups.iter().find(|(group, _)| *group == document.place.0) {
            document.hold(problem.clone());
            document.set_number = None;
            continue;
        }
        let Some(number) = document.set_number.take() else { continue };
        let holder = match standing(&number.claim, message, known) {
            Standing::Free => {
                document.set_number = Some(number);
                continue;
            }
            Standing::Repeats => continue,
            Standing::Reused(holder) => holder,
        };
        let problem = reused("Set number (ST02)", &number.control, holder);
        if policy == Some(DuplicateNumber::Reject) {
            let (id, control, why) = (document.set.clone(), number.control, problem.text);
            let set = RefusedSet { offset: document.range.0, id, control, why };
            document.reject(
                codes::SET_REJECTED,
                "A set came before with its number and another content",
                &[set.finding()],
            );
            refused.push((document.place.0, set));
        } else {
            document.hold(problem);
        }
    }
    refused
}

/// How a number stands to what is known to be taken.
enum Standing<'k> {
    /// Nobody else has it.
    Free,
    /// Somebody has it, for the same bytes.
    Repeats,
    /// Somebody has it, for others.
    Reused(&'k Holder),
}

fn standing<'k>(claim: &Claim, message: MessageId, known: &'k Known) -> Standing<'k> {
    let place = Place { message, position: claim.position };
    match known.holder(claim.kind, claim.key).filter(|holder| !place.holds(holder)) {
        None => Standing::Free,
        Some(holder) if holder.digest == claim.digest => Standing::Repeats,
        Some(holder) => Standing::Reused(holder),
    }
}

fn reused(what: &str, number: &str, holder: &Holder) -> Problem {
    let text = format!("{what} {number} came before with another content, in message {}.", holder.message);
    let mut problem = Problem::new(codes::ENVELOPE_NUMBER_REUSED, text);
    problem.details = json!({ "first": holder.message, "control_number": number });
    problem
}

/// Whose interchange it is, if it may count and that partner's numbers do.
fn counting(interchange: &ReadInterchange, of: impl Fn(&X12Terms) -> DuplicateNumber) -> Option<&Partner> {
    let partner = interchange.partner.as_deref().filter(|partner| counts(partner, of))?;
    (interchange.held.is_none() && !interchange.rejected()).then_some(partner)
}

fn counts(partner: &Partner, of: impl Fn(&X12Terms) -> DuplicateNumber) -> bool {
    let asked = partner.x12.as_ref().is_some_and(|terms| of(terms) != DuplicateNumber::Accept);
    asked && partner.status != crate::partner::Status::Onboarding
}
