//! The ERP's queue: consumers, leases, parked keys, and the log they all read.

use std::str::FromStr;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::LedgerError;
use crate::document::{EventId, MessageId, Mode};

/// Where a consumer that is new begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartAt {
    /// With the oldest event that is kept.
    Earliest,
    /// With what comes from now on.
    Latest,
    /// With the first event released at or after this time.
    Time(Timestamp),
}

/// Somebody who reads the queue, as `gangway.toml` declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Consumer {
    /// Its name in URLs.
    pub name: String,
    /// The document types it wants, like `invoice`; empty means all.
    pub types: Vec<String>,
    /// Live or test events; never both.
    pub mode: Mode,
    /// Where it begins when it is new.
    pub start: StartAt,
    /// How often an event is handed out before it is parked.
    pub max_attempts: u32,
    /// The document types whose events are given up instead of parked, so that their key goes on.
    pub dead_and_continue: Vec<String>,
}

/// A lease's fencing token: the event's position and how often it was handed out, so that a stale one is known.
/// As text it is opaque to consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken {
    /// The event's position in the log.
    pub position: u64,
    /// Rises with every lease of the event by this consumer, also over a release of a parked one.
    pub fence: u64,
}

impl std::fmt::Display for LeaseToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "lse_{:x}_{:x}", self.position, self.fence)
    }
}

impl FromStr for LeaseToken {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        let parse = || {
            let (position, fence) = text.strip_prefix("lse_")?.split_once('_')?;
            Some(Self {
                position: u64::from_str_radix(position, 16).ok()?,
                fence: u64::from_str_radix(fence, 16).ok()?,
            })
        };
        parse().ok_or_else(|| LedgerError::NotFound(format!("{text:?} is no lease of this gateway")))
    }
}

/// An event on the log, ready to become a CloudEvent.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEvent {
    /// Its place in the log; rises, with gaps.
    pub position: u64,
    /// Its id.
    pub id: EventId,
    /// The message it came from.
    pub message: MessageId,
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

/// Which events of the log to show; every field that is given must match.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogFilter {
    /// The partner they are about.
    pub partner: Option<String>,
    /// The event type, whole.
    pub kind: Option<String>,
}

/// A stretch of the log, as far as it was looked through.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogPage {
    /// What fits, in order; nothing says little while the end is not reached.
    pub events: Vec<LogEvent>,
    /// Everything up to this position was looked at: go on after it.
    pub reached: u64,
    /// Whether the log ends there for now.
    pub is_end: bool,
}

/// An event handed to a consumer.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedEvent {
    /// What acknowledges it.
    pub lease: LeaseToken,
    /// 1 at first.
    pub attempt: u32,
    /// The event.
    pub event: LogEvent,
}

/// What came of an acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AckOutcome {
    /// Done.
    Acked,
    /// It was done before, by this same lease.
    AlreadyAcked,
    /// The lease ran out and the event was offered again, or is parked: this lease counts for nothing.
    Stale,
}

/// How things stand for a consumer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueStats {
    /// Its name.
    pub consumer: String,
    /// Events released for it and not acknowledged, parked ones included.
    pub depth: u64,
    /// Of these, handed out now.
    pub leased: u64,
    /// Of these, parked.
    pub parked: u64,
    /// When the oldest of them was released.
    pub oldest: Option<Timestamp>,
    /// The last position of the log.
    pub head: u64,
}

/// One event that a consumer has not acknowledged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyState {
    /// Its place in the log.
    pub position: u64,
    /// Its id.
    pub id: EventId,
    /// Its type.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// `ready`, `leased`, `waiting` (behind an earlier event of its key), `delayed` or `parked`.
    pub state: String,
    /// How often it was handed out.
    pub attempts: u32,
}

/// An event that was handed out too often and given up, so that its key went on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GivenUp {
    /// Its place in the log.
    pub position: u64,
    /// Its id.
    pub id: EventId,
    /// Its type.
    pub kind: String,
    /// The key that went on without it.
    pub key: String,
    /// How often it was handed out.
    pub attempts: u32,
    /// The last reason given, or that its leases ran out.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// An event that nobody is offered until a person decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parked {
    /// Its place in the log.
    pub position: u64,
    /// Its id.
    pub id: EventId,
    /// Its type.
    pub kind: String,
    /// The key that waits.
    pub key: String,
    /// How often it was handed out.
    pub attempts: u32,
    /// The last reason given, or that its leases ran out.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// How many later events of its key wait behind it.
    pub waiting: u64,
}
