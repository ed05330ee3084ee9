//! What the ERP hands over for a partner: checked against its type, tried against the partner's agreement, and stored with
//! the promise to send it. What cannot be written is told at once, field by field, while somebody is there to be told.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};

use super::{
    Exchange, Scribe, Snapshot, Verdict,
    claims::{self, Digest},
    codes, content,
    events_out::DocumentTaken,
    message_id,
    owed::Facts,
    reading::Problem,
    rendering::{self, Numbers, Sheet, Unwritable},
};
use crate::{
    document::{self, DocumentType, MessageId, Mode, Summary},
    error::Code,
    keys,
    ledger::{
        Channel, Claim, ClaimKind, Committed, Direction, Document, DocumentState, Entry, Fact, LedgerError, Message,
        MessageState, Owed, Payload, Receipt,
    },
    mapping,
    partner::{Partner, Status, Usage},
};

/// What the ERP's connection is called on the record.
pub const ERP: &str = "erp";

/// One document that the ERP hands over.
#[derive(Debug, Clone)]
pub struct Submission {
    /// What it is.
    pub kind: DocumentType,
    /// For whom.
    pub to: Recipient,
    /// The canonical document.
    pub data: Bytes,
    /// The ERP's own key of this hand-over.
    pub key: String,
    /// When it came.
    pub at: Timestamp,
    /// Ties log lines and records together.
    pub correlation: String,
}

/// For whom a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// A partner's id.
    Partner(String),
    /// The ERP's own number of a partner.
    Vendor(String),
}

/// Takes documents for partners. The ERP's API knows the exchange by this.
#[async_trait]
pub trait Outlet: Send + Sync {
    /// Stores a document that is to go out, and answers with the receipt that `scribe` wrote for it; for a repetition, with
    /// the first one's.
    async fn submit(&self, submission: Submission, scribe: Arc<dyn Scribe>) -> Result<Taken, NotTaken>;

    /// The id of the partner who is meant, if there is one.
    fn partner_of(&self, to: &Recipient) -> Option<String>;
}

/// A document was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// What was answered when it was stored.
    pub receipt: Receipt,
    /// Whether that was before now.
    pub repeated: bool,
}

/// Why a document was not taken. Nothing of it was stored.
#[derive(Debug, Clone, PartialEq)]
pub enum NotTaken {
    /// There is no such partner.
    UnknownPartner(Recipient),
    /// The partner's file does not let documents go out.
    NoWay {
        /// Which kind of mistake.
        code: Code,
        /// In a sentence.
        text: String,
    },
    /// It is no document of its type, field by field.
    NotCanonical(Vec<document::Fault>),
    /// The partner's form has no room for it as it is.
    NotWritten {
        /// In a sentence.
        text: String,
        /// Field by field.
        problems: Vec<mapping::Problem>,
    },
    /// The key came before with another document.
    KeyReused {
        /// In this message.
        first: MessageId,
    },
    /// The same number went out before with another content.
    Changed {
        /// In this message.
        first: MessageId,
        /// What it is, as `type/number`.
        subject: String,
    },
    /// The record cannot take it now.
    Unavailable(String),
}

#[async_trait]
impl Outlet for Exchange {
    async fn submit(&self, submission: Submission, scribe: Arc<dyn Scribe>) -> Result<Taken, NotTaken> {
        let snapshot = self.inner.snapshot.load_full();
        let partner = recipient(&snapshot, &submission.to)?;
        let summary = document::check(submission.kind, &submission.data).map_err(NotTaken::NotCanonical)?;
        // What fails is tried by writing it; the numbers that it will have come when it is sent.
        tried(&snapshot, &partner, &submission)?;
        let id = message_id(submission.at);
        let mode = mode(&partner);
        let entry = entry(id, &submission, &partner, summary.clone(), mode, &snapshot.digest, scribe.as_ref());
        let receipt = entry.receipt.clone();
        match self.inner.ledger.commit(entry).await.map_err(unavailable)? {
            Committed::Stored => {
                DocumentTaken { message: id, partner: &partner.id, submission: &submission, subject: &summary.subject }
                    .emit(&self.inner.telemetry);
                self.inner.owed.notify_one();
                Ok(Taken { receipt, repeated: false })
            }
            Committed::Taken(taken) => {
                let same_key = taken.iter().find(|taken| taken.claim.kind == ClaimKind::Transport);
                let Some(first) = same_key.or_else(|| taken.first()) else {
                    return Err(NotTaken::Unavailable("the record says that it is taken, and not by whom".into()));
                };
                let (holder, kind) = (first.holder, first.claim.kind);
                if holder.digest == first.claim.digest || holder.digest == as_sent(kind, &partner, &submission) {
                    let stored = self.inner.ledger.receipt(holder.message).await.map_err(unavailable)?;
                    let receipt = stored.ok_or_else(|| {
                        NotTaken::Unavailable(format!("the receipt of {} is not to be found", holder.message))
                    })?;
                    return Ok(Taken { receipt, repeated: true });
                }
                Err(match first.claim.kind {
                    ClaimKind::Transport => NotTaken::KeyReused { first: holder.message },
                    _ => NotTaken::Changed { first: holder.message, subject: summary.subject },
                })
            }
        }
    }

    fn partner_of(&self, to: &Recipient) -> Option<String> {
        known(&self.inner.snapshot.load(), to).map(|partner| partner.id.clone())
    }
}

fn unavailable(error: LedgerError) -> NotTaken {
    NotTaken::Unavailable(error.to_string())
}

fn known<'a>(snapshot: &'a Snapshot, to: &Recipient) -> Option<&'a Arc<Partner>> {
    match to {
        Recipient::Partner(id) => snapshot.directory.partner(id),
        Recipient::Vendor(number) => snapshot.directory.by_vendor_number(number),
    }
}

fn recipient(snapshot: &Snapshot, to: &Recipient) -> Result<Arc<Partner>, NotTaken> {
    let partner = known(snapshot, to).map(Arc::clone).ok_or_else(|| NotTaken::UnknownPartner(to.clone()))?;
    if partner.status == Status::Onboarding {
        let text =
            format!("Partner {} is onboarding: nothing is sent to it before its status is test or live.", partner.id);
        return Err(NotTaken::NoWay { code: codes::ONBOARDING, text });
    }
    Ok(partner)
}

/// Business goes to live partners only.
pub(super) fn mode(partner: &Partner) -> Mode {
    let rehearsal = partner.x12.as_ref().is_some_and(|terms| terms.usage == Usage::Test);
    match partner.status {
        Status::Live | Status::Suspended if !rehearsal => Mode::Live,
        _ => Mode::Test,
    }
}

fn tried(snapshot: &Snapshot, partner: &Partner, submission: &Submission) -> Result<(), NotTaken> {
    let no_way = |code, text| NotTaken::NoWay { code, text };
    let route = partner.route(submission.kind).ok_or_else(|| {
        let text = format!("The file of partner {} has no channel that could carry documents to it.", partner.id);
        no_way(codes::NO_WAY_OUT, text)
    })?;
    let told = |unwritable: Unwritable| {
        if unwritable.problems.is_empty() {
            no_way(unwritable.code, unwritable.text)
        } else {
            NotTaken::NotWritten { text: unwritable.text, problems: unwritable.problems }
        }
    };
    let mapping = rendering::mapping(snapshot, partner, submission.kind, &route).map_err(told)?;
    let sheet = Sheet { kind: submission.kind, json: submission.data.clone(), mapping };
    let numbers = Numbers { interchange: 1, group: 1 };
    let now = submission.at.to_zoned(TimeZone::UTC).datetime();
    rendering::write(partner, &route, &[sheet], mode(partner), numbers, now).map_err(told)?;
    Ok(())
}

fn entry(
    id: MessageId,
    submission: &Submission,
    partner: &Partner,
    summary: Summary,
    mode: Mode,
    config: &str,
    scribe: &dyn Scribe,
) -> Entry {
    let Submission { kind, data, key, at, correlation, .. } = submission;
    let digest = content::digest(data);
    let verdict = Verdict {
        message: id,
        at: *at,
        state: MessageState::Accepted,
        mode,
        documents: 1,
        problem: None,
        correlation: correlation.clone(),
    };
    let mut claims = vec![Claim {
        kind: ClaimKind::Transport,
        key: claims::transport(ERP, Channel::Erp, Mode::Live, key),
        digest: whole(&partner.id, *kind, &digest),
        position: 0,
    }];
    if summary.identity.is_some() {
        // What goes to a partner is not what comes from it, also where the kind is the same.
        let to = format!("to {}", partner.id);
        let key = claims::business(&to, *kind, mode, summary.identity.as_deref(), &digest);
        claims.push(Claim { kind: ClaimKind::Business, key, digest, position: 0 });
    }
    let message = Message {
        id,
        direction: Direction::Out,
        channel: Channel::Erp,
        connection: ERP.into(),
        partner: Some(partner.id.clone()),
        transport_id: Some(key.clone()),
        filename: None,
        content_type: Some("application/json".into()),
        digest: keys::sha256_hex(data),
        bytes: data.len() as u64,
        interchange: None,
        at: *at,
        state: MessageState::Accepted,
        mode,
        correlation: correlation.clone(),
        config: config.to_owned(),
        problem: None,
        relates_to: None,
    };
    let document = Document {
        message: id,
        position: 0,
        partner: Some(partner.id.clone()),
        kind: Some(*kind),
        format_kind: "json".into(),
        number: summary.number,
        orders: summary.orders,
        state: DocumentState::Queued,
        range: (0, data.len() as u64),
        digest: keys::hex(&digest),
        problem: None,
        extras: None,
        mapping: None,
        event: None,
        revision: 0,
    };
    Entry {
        message,
        payload: Payload::Inline(data.clone()),
        receipt: scribe.receipt(&verdict),
        claims,
        documents: vec![(document, None)],
        owed: vec![promise(id, 0, &partner.id, *at)],
        facts: vec![Fact {
            at: *at,
            what: "received".into(),
            detail: format!("{} from the ERP for {}, {} bytes", summary.subject, partner.id, data.len()),
        }],
        complete: true,
    }
}

/// What a key stands for: the same one for another partner or another kind is another hand-over.
fn whole(partner: &str, kind: DocumentType, content: &Digest) -> Digest {
    keys::sha256(&[partner.as_bytes(), b"\n", kind.as_str().as_bytes(), b"\n", content].concat())
}

/// What such a claim was made with when the layout of a document was part of it. These are on the record for as long as others.
fn as_sent(claim: ClaimKind, partner: &Partner, submission: &Submission) -> Digest {
    let digest = keys::sha256(&submission.data);
    match claim {
        ClaimKind::Transport => whole(&partner.id, submission.kind, &digest),
        _ => digest,
    }
}

/// That a document is to be sent.
pub(super) fn promise(message: MessageId, position: u32, partner: &str, due: Timestamp) -> Owed {
    let facts = serde_json::to_string(&Facts::Send { position }).unwrap_or_default();
    Owed { message, partner: partner.to_owned(), due, facts }
}

/// Why a document that was taken waits for a person.
pub(super) fn held(unwritable: &Unwritable) -> Problem {
    let mut problem = Problem::new(unwritable.code, unwritable.text.clone());
    if !unwritable.problems.is_empty() {
        problem.details = serde_json::to_value(&unwritable.problems).unwrap_or_default();
    }
    problem
}
