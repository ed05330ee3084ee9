//! What is recorded: messages, documents, claims, acknowledgements owed, and what is watched for.

use std::path::PathBuf;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::{Channel, Direction, DocumentState, MessageState};
use crate::document::{DocumentType, EventId, MessageId, Mode};

/// The body of a message.
#[derive(Debug, Clone)]
pub enum Payload {
    /// In memory; an engine decides itself where to keep it.
    Inline(Bytes),
    /// A file in [`super::Ledger::payload_folder`] that is written and synced already; a commit adopts it.
    File(PathBuf),
}

/// What a door sends back, as that door's own bytes: an MDN, a status and problem+json.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(pub Bytes);

/// One message, in or out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id; sorts by time.
    pub id: MessageId,
    /// In or out.
    pub direction: Direction,
    /// How it came or goes.
    pub channel: Channel,
    /// Whose authenticated connection carried it: a partner's id.
    pub connection: String,
    /// Who it is from, or for: a partner's id; absent where the envelope's sender is nobody we know.
    pub partner: Option<String>,
    /// AS2 Message-ID, Idempotency-Key, or SFTP name and version.
    pub transport_id: Option<String>,
    /// The name that the sender gave to the file; data, never a path.
    pub filename: Option<String>,
    /// The declared media type.
    pub content_type: Option<String>,
    /// SHA-256 of the payload, lower-case hex.
    pub digest: String,
    /// Payload size in bytes.
    pub bytes: u64,
    /// ISA13 of the first interchange, where there is one.
    pub interchange: Option<String>,
    /// When the last byte came, or when it was issued.
    pub at: Timestamp,
    /// Where it stands.
    pub state: MessageState,
    /// Live or test.
    pub mode: Mode,
    /// Ties all log lines and records of one conversation together.
    pub correlation: String,
    /// Digest of the configuration that it was processed with.
    pub config: String,
    /// Why it is held or rejected: code, text and places, as JSON for people and programs.
    pub problem: Option<serde_json::Value>,
    /// For an outgoing acknowledgement, or a duplicate: the message that it answers or repeats.
    pub relates_to: Option<MessageId>,
}

impl Message {
    /// The partner it is from or for; where that is nobody we know, the one whose connection carried it.
    pub fn whose(&self) -> &str {
        self.partner.as_ref().unwrap_or(&self.connection)
    }
}

/// One document of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The message it came in.
    pub message: MessageId,
    /// Its place among the message's documents, from 0.
    pub position: u32,
    /// The partner it is from or for.
    pub partner: Option<String>,
    /// What it is; absent where the set is none that we map.
    pub kind: Option<DocumentType>,
    /// The format's own name of it, like `855` or `Order`.
    pub format_kind: String,
    /// Its business number, like an invoice's.
    pub number: Option<String>,
    /// The orders it names.
    pub orders: Vec<String>,
    /// Where it stands.
    pub state: DocumentState,
    /// First byte in the payload and length.
    pub range: (u64, u64),
    /// SHA-256 of its bytes or content, as its claim has it, lower-case hex.
    pub digest: String,
    /// Findings and problems as JSON; `null` where there are none.
    pub problem: Option<serde_json::Value>,
    /// What no mapping rule claimed, with its places, as JSON.
    pub extras: Option<serde_json::Value>,
    /// The mapping that was used, as `id@digest`.
    pub mapping: Option<String>,
    /// Its event, where it has one. For reading: the latest.
    pub event: Option<EventId>,
    /// How often it was processed to another result: 0 at first.
    pub revision: u32,
}

/// What a consumer is told of a document, in pieces; [`super::LogEvent`] joins them.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Derived from message, position and revision.
    pub id: EventId,
    /// `gangway.<document>.<what>.v1`.
    pub kind: String,
    /// `<document>/<number>`.
    pub subject: String,
    /// The partner it is about.
    pub partner: String,
    /// Events with one key keep their order.
    pub key: String,
    /// Live or test.
    pub mode: Mode,
    /// When it came to be.
    pub time: Timestamp,
    /// Ties log lines and records together.
    pub correlation: String,
    /// The event that this one corrects.
    pub replaces: Option<EventId>,
    /// The canonical document, JSON.
    pub data: Bytes,
}

/// What a claim is about; each kind answers duplicates in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimKind {
    /// One hand-over: connection and transport id.
    Transport,
    /// One interchange: ISA05-08, ISA15 and ISA13.
    Interchange,
    /// One business document: partner, type, number and what else identifies it.
    Business,
    /// One functional group, where its number counts beyond its interchange.
    Group,
    /// One transaction set, where its number counts beyond its group.
    Set,
}

/// The first 16 bytes of a SHA-256 over a claim's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimKey(pub [u8; 16]);

/// That something is here for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// What it is about.
    pub kind: ClaimKind,
    /// What it is.
    pub key: ClaimKey,
    /// What its holder's content is, to tell a repetition from a conflict: SHA-256.
    pub digest: [u8; 32],
    /// The document that claims, or 0.
    pub position: u32,
}

/// Who holds a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The message that has it.
    pub message: MessageId,
    /// The document that has it.
    pub position: u32,
    /// Its content's digest.
    pub digest: [u8; 32],
}

/// A claim that could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// What was claimed.
    pub claim: Claim,
    /// Who has it.
    pub holder: Holder,
}

/// What came of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It is on stable storage.
    Stored,
    /// Nothing was stored: these claims are held by others.
    Taken(Vec<Taken>),
}

/// Something that happened to a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// When.
    pub at: Timestamp,
    /// What, as a word: `received`, `committed`, `held`, `acknowledged`…
    pub what: String,
    /// The rest, in a sentence.
    pub detail: String,
}

impl Fact {
    /// That something which a message left to be done is done, by the message `by`.
    pub fn settled(at: Timestamp, what: &str, by: MessageId) -> Self {
        Self { at, what: what.to_owned(), detail: format!("in {by}") }
    }

    /// The message by which it was done, where this tells that something was.
    pub fn settled_by(&self) -> Option<MessageId> {
        self.detail.strip_prefix("in ")?.parse().ok()
    }
}

/// What a message leaves to be done: an acknowledgement that a partner has to get, a document that has to go out, what an
/// acknowledgement says of something that we sent. Facts, worked out later and settled by what comes of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Owed {
    /// The message that earned it.
    pub message: MessageId,
    /// Who gets it, or said it: a partner's id.
    pub partner: String,
    /// When it has to be on its way.
    pub due: Timestamp,
    /// What it will say, as JSON that the exchange reads again.
    pub facts: String,
}

/// All that an arrival leaves behind, stored together.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The message.
    pub message: Message,
    /// Its bytes.
    pub payload: Payload,
    /// What its door sends back.
    pub receipt: Receipt,
    /// What it claims.
    pub claims: Vec<Claim>,
    /// Its documents and their events; at most [`super::MAX_DOCUMENTS`].
    pub documents: Vec<(Document, Option<NewEvent>)>,
    /// The acknowledgements it earns.
    pub owed: Vec<Owed>,
    /// Its timeline so far.
    pub facts: Vec<Fact>,
    /// Whether this is all of it. If not, slices follow, and its events wait for `finish`.
    pub complete: bool,
}

/// More documents of one message.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The message.
    pub message: MessageId,
    /// What they claim.
    pub claims: Vec<Claim>,
    /// The documents; at most [`super::MAX_DOCUMENTS`].
    pub documents: Vec<(Document, Option<NewEvent>)>,
}

/// A message that a restart goes on with.
#[derive(Debug, Clone, PartialEq)]
pub struct Unfinished {
    /// The message.
    pub message: Message,
    /// The first position whose document is not stored.
    pub next_position: u32,
}

/// A message processed again.
#[derive(Debug, Clone)]
pub struct Revision {
    /// The message.
    pub message: MessageId,
    /// Where it stands now, and why.
    pub state: MessageState,
    /// The problem that remains.
    pub problem: Option<serde_json::Value>,
    /// Who it turned out to be from, where that was not known.
    pub partner: Option<String>,
    /// What is claimed in addition.
    pub claims: Vec<Claim>,
    /// Documents that take the place of those at their positions, with events to release.
    pub documents: Vec<(Document, Option<NewEvent>)>,
    /// Acknowledgements owed in addition.
    pub owed: Vec<Owed>,
    /// Added to the timeline.
    pub facts: Vec<Fact>,
}

/// What a partner is expected to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WatchKind {
    /// To acknowledge a document by 997, 999 or TA1.
    Acknowledgement,
    /// To answer it.
    Answer,
}

/// An expectation and its due time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// The outgoing message.
    pub message: MessageId,
    /// Its document.
    pub position: u32,
    /// What is expected.
    pub kind: WatchKind,
    /// Until when.
    pub due: Timestamp,
}

/// News of messages that are on the record: what an acknowledgement, a delivery or the clock changed. All of it is stored
/// together, or nothing where any of it was told before.
#[derive(Debug, Clone, Default)]
pub struct News {
    /// What was owed and is settled by it.
    pub settles: Vec<u64>,
    /// Watches that end.
    pub ends: Vec<u64>,
    /// The delivery that it tells of.
    pub delivery: Option<u64>,
    /// Documents as they are now, with the events that tell of it; an event's revision is one more than the last one's.
    pub documents: Vec<(Document, Option<NewEvent>)>,
    /// Added to timelines.
    pub facts: Vec<(MessageId, Fact)>,
    /// Watches that begin.
    pub watches: Vec<Watch>,
}

/// Which messages to find; every field that is given must match.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageFilter {
    /// The sender or receiver; where the envelope's sender is nobody we know, whose connection carried it.
    pub partner: Option<String>,
    /// A business number of any of its documents, or an order that one names.
    pub number: Option<String>,
    /// ISA13, with or without leading zeros.
    pub isa13: Option<String>,
    /// The transport id, or our own `msg_…`.
    pub message_id: Option<String>,
    /// The file's name, whole.
    pub filename: Option<String>,
    /// Where it stands.
    pub state: Option<MessageState>,
    /// In or out.
    pub direction: Option<Direction>,
    /// The message that it answers or repeats.
    pub relates_to: Option<MessageId>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

/// Which documents of a business number to find; every field that is given must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NumberFilter {
    /// From or for this partner.
    pub partner: Option<String>,
    /// Of one of these kinds; of any where there are none.
    pub kinds: Vec<DocumentType>,
    /// In messages after this one.
    pub after: Option<MessageId>,
}

impl NumberFilter {
    /// Whether a document is one of those.
    pub fn fits(&self, document: &Document) -> bool {
        (self.partner.is_none() || self.partner == document.partner)
            && (self.kinds.is_empty() || document.kind.is_some_and(|kind| self.kinds.contains(&kind)))
            && self.after.is_none_or(|after| document.message > after)
    }
}

/// What a person did, for the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// When.
    pub at: Timestamp,
    /// Who, as far as is known.
    pub who: String,
    /// What, as a word: `queue.skip`, `partner.status`, `replay`…
    pub what: String,
    /// On what.
    pub on: String,
    /// Why.
    pub reason: String,
}

/// A small file of the data folder that no record is of, such as a key: a backup carries it.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnFile {
    /// Its name in the data folder, with `/` between folders.
    pub name: String,
    /// What is in it.
    pub bytes: Bytes,
}

impl std::fmt::Debug for OwnFile {
    /// Without what is in it, which may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnFile").field("name", &self.name).finish_non_exhaustive()
    }
}
