//! What a door hands over, and what it gets back.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    document::{DocumentType, Fault, MessageId, Mode},
    error::Code,
    ledger::{Channel, MessageState, Receipt},
    partner::Partner,
    spool::Body,
};

/// One hand-over by an authenticated connection.
#[derive(Debug)]
pub struct Arrival {
    /// Whose connection it came on.
    pub connection: Arc<Partner>,
    /// How it came.
    pub channel: Channel,
    /// `Test` where the credentials say so.
    pub mode: Mode,
    /// AS2 Message-ID, Idempotency-Key, or SFTP name and version.
    pub transport_id: String,
    /// The name that the sender gave to the file.
    pub filename: Option<String>,
    /// The declared media type.
    pub content_type: Option<String>,
    /// The body.
    pub body: Body,
    /// When its last byte came.
    pub at: Timestamp,
    /// Ties log lines and records together.
    pub correlation: String,
    /// What it is, where the address that it came to says so: then its body is that document in canonical JSON.
    pub declared: Option<Declared>,
}

/// What an address takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The document.
    pub kind: DocumentType,
    /// The order that it is about.
    pub order: Option<String>,
}

/// What the exchange decided; a door's Scribe turns it into receipt bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The message, as it will be stored.
    pub message: MessageId,
    /// When it came.
    pub at: Timestamp,
    /// Where it stands.
    pub state: MessageState,
    /// Live or test.
    pub mode: Mode,
    /// How many documents were found in it, as far as is known when the receipt is written.
    pub documents: u64,
    /// Why it is held or rejected: code and sentence.
    pub problem: Option<(Code, String)>,
    /// Ties log lines and records together.
    pub correlation: String,
}

/// A door's own way to say yes: a pure function, so that the receipt can be committed with what it acknowledges.
pub trait Scribe: Send + Sync {
    /// The bytes that this door sends for `verdict`.
    fn receipt(&self, verdict: &Verdict) -> Receipt;
}

/// Makes an arrival of what a door holds, and its Scribe; nothing where it turns out that there is none to be made.
pub type Opening = Box<dyn FnOnce() -> Option<(Arrival, Arc<dyn Scribe>)> + Send>;

/// Takes arrivals. Doors know the exchange by this, so that each can be tried without the rest of the house.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Decides on `arrival`, and answers once that is on stable storage: with the receipt that `scribe` wrote for it, or
    /// with the first arrival's receipt where this is a repetition.
    ///
    /// A door calls it from a task of its own, so that a sender who goes away does not end it half-way.
    async fn receive(&self, arrival: Arrival, scribe: Arc<dyn Scribe>) -> Result<Receipt, Refused>;

    /// The same for what has to be opened first, which takes a processor a while: `open` is called in `connection`'s turn, on
    /// the thread that then reads what was in it. Answers nothing where `open` made no arrival. Only for what is in memory.
    async fn receive_opened(&self, connection: &Partner, open: Opening) -> Result<Option<Receipt>, Refused> {
        let _ = connection;
        match open() {
            Some((arrival, scribe)) => self.receive(arrival, scribe).await.map(Some),
            None => Ok(None),
        }
    }

    /// A partner fetched something and the record has it: whoever tells of deliveries need not wait to look.
    fn fetched(&self) {}
}

/// Why an arrival was not taken. Nothing of it was stored, and nothing is claimed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The transport id came before with another payload, on a channel where its sender chose the id for this.
    #[error("the same key came before with another body, as message {first}")]
    KeyReused {
        /// The message that has the key.
        first: MessageId,
    },
    /// A declared document breaks its schema, or is about another order than declared.
    #[error("it is no such document: {}", told(.0))]
    NotCanonical(Vec<Fault>),
    /// A declared document's number is on the record with another content.
    #[error("{subject} came before with another content, in message {first}")]
    Changed {
        /// The message that has it.
        first: MessageId,
        /// `<document>/<number>`.
        subject: String,
    },
    /// Too much is waiting; come again.
    #[error("too much is waiting: {0}")]
    Busy(String),
    /// The record is unavailable or full; come again.
    #[error("the record cannot take it now: {0}")]
    Unavailable(String),
}

fn told(faults: &[Fault]) -> String {
    faults.iter().map(|fault| fault.text.as_str()).collect::<Vec<_>>().join("; ")
}
