//! What an operator can ask of the running gateway: requests as JSON lines over a socket that only its owner may open,
//! and the operator who answers them. Read-only requests can be answered on a ledger opened for the occasion too.

mod client;
mod operator;
mod server;

pub use client::{ClientError, call, running};
pub use operator::{Configuration, Failure, Operator, OwnFiles};
pub use server::serve;

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    document::MessageId,
    ledger::{DeliveryFilter, MessageFilter},
    onboard::Seen,
    partner::Partner,
};

/// The socket's name in the data folder.
pub const SOCKET: &str = "control.sock";

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// How things stand for one consumer, or for all.
    QueueStats {
        /// Its name.
        consumer: Option<String>,
    },
    /// What a consumer has not acknowledged.
    QueuePeek {
        /// Its name.
        consumer: String,
        /// The most to list.
        limit: usize,
    },
    /// What is parked for a consumer.
    QueueParked {
        /// Its name.
        consumer: String,
    },
    /// Offers a parked event again.
    QueueRelease {
        /// The consumer's name.
        consumer: String,
        /// The event's place in the log.
        position: u64,
        /// Who says so.
        who: String,
        /// Why.
        reason: String,
    },
    /// Passes over a parked event for good.
    QueueSkip {
        /// The consumer's name.
        consumer: String,
        /// The event's place in the log.
        position: u64,
        /// Who says so.
        who: String,
        /// Why.
        reason: String,
    },
    /// What was given up for a consumer.
    QueueGivenUp {
        /// Its name.
        consumer: String,
        /// Only those after this place in the log.
        after: u64,
        /// The most to list.
        limit: usize,
    },
    /// Offers an event again that was given up.
    QueuePutBack {
        /// The consumer's name.
        consumer: String,
        /// The event's place in the log.
        position: u64,
        /// Who says so.
        who: String,
        /// Why.
        reason: String,
    },
    /// Messages, newest first.
    Find {
        /// Which.
        filter: MessageFilter,
        /// The most to list.
        limit: usize,
    },
    /// An order's life across its documents.
    Order {
        /// Its number.
        number: String,
    },
    /// One message with its documents, timeline and deliveries.
    Show {
        /// Which.
        message: MessageId,
    },
    /// Processes stored messages again.
    Replay {
        /// Which.
        what: ReplayWhat,
        /// Only show what would change.
        dry_run: bool,
        /// Who says so.
        who: String,
        /// Why.
        reason: String,
    },
    /// Writes a backup.
    Backup {
        /// Where to.
        file: PathBuf,
    },
    /// Reads partners, mappings and certificates again.
    Reload,
    /// What a reload would change, by meaning.
    Diff,
    /// How partners stand, and what they have shown.
    Standing {
        /// Whom it is about.
        of: Vec<StandingQuery>,
    },
    /// Writes down what a person did to a file.
    Record {
        /// Who.
        who: String,
        /// What, with the value before and the value after.
        what: String,
        /// The partner it was done to.
        on: String,
        /// Why.
        reason: String,
    },
    /// What people did.
    Audit {
        /// The most to list.
        limit: usize,
    },
    /// Deliveries, newest first.
    Deliveries {
        /// Which.
        filter: DeliveryFilter,
        /// The most to list.
        limit: usize,
    },
    /// Why nothing is delivered, if it is so.
    DeliveriesPaused,
    /// Sends a message again, byte for byte.
    Resend {
        /// Which.
        message: MessageId,
        /// Who says so.
        who: String,
        /// Why.
        reason: String,
    },
    /// Writes the documents of a message again, under new control numbers.
    Reissue {
        /// Which.
        message: MessageId,
        /// Who says so.
        who: String,
        /// Why.
        reason: String,
    },
    /// Gives a delivery up.
    Cancel {
        /// Which.
        delivery: u64,
        /// Who says so.
        who: String,
        /// Why.
        reason: String,
    },
    /// Every series of control numbers and its next one.
    Numbers,
    /// Has a series of control numbers go on elsewhere.
    SetNumber {
        /// The series.
        series: String,
        /// Its next number.
        next: u64,
        /// Who says so.
        who: String,
        /// Why.
        reason: String,
    },
    /// Lets deliveries go out again after a restore.
    Resume {
        /// Who says so.
        who: String,
        /// Why.
        reason: String,
    },
}

/// One partner whose standing is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandingQuery {
    /// Its id.
    pub partner: String,
    /// The number that its first interchange from us shall have.
    pub first_interchange: u64,
    /// Whether its steps are looked for: that reads many messages.
    pub steps: bool,
}

impl StandingQuery {
    /// About this partner.
    pub fn of(partner: &Partner, steps: bool) -> Self {
        Self { partner: partner.id.clone(), first_interchange: partner.send.first_interchange, steps }
    }
}

/// How a partner stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Its id.
    pub partner: String,
    /// When something came or went last.
    pub last: Option<Timestamp>,
    /// What it has shown.
    pub seen: Vec<Seen>,
    /// Whether the running gateway serves it, and as what: absent where none runs.
    pub served: Option<Served>,
}

/// How the running gateway serves a partner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Served {
    /// By files that are good.
    Good,
    /// As its files last were when they were good; why.
    Stale(String),
    /// Not at all: it never had a good file here.
    Not,
}

/// Which messages to process again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayWhat {
    /// One.
    Message(MessageId),
    /// One whose documents are held because their numbers came before with another content: they count now.
    Changed(MessageId),
    /// Those that came in this time.
    Between {
        /// Not before.
        from: Timestamp,
        /// Before.
        to: Timestamp,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was done.
    Ok(serde_json::Value),
    /// It was not.
    Err {
        /// What for: `not_found`, `conflict`, `unavailable`, `usage`.
        kind: String,
        /// In a sentence.
        text: String,
    },
}
