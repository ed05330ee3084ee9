//! Between records and rows: words, digests, times, and the columns of messages, documents and events.

use std::str::FromStr;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Row, types::Value};

use super::{
    fault::{Outcome, damaged},
    schema::POSITION_BITS,
};
use crate::{
    document::{EventId, MessageId, Mode},
    ledger::{
        Channel, ClaimKind, Delivery, DeliveryState, Direction, Document, DocumentState, Fact, LedgerError, LogEvent,
        Message, MessageState, WatchKind,
    },
};

/// An enum whose variants are stored as words.
pub(super) trait Word: Sized + Copy {
    /// The word that is stored.
    fn word(self) -> &'static str;
    /// The variant that a stored word means.
    fn from_word(word: &str) -> Option<Self>;
}

macro_rules! words {
    ($($type:ident { $($variant:ident = $word:literal),* $(,)? })*) => {$(
        impl Word for $type {
            fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
            fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    )*};
}
words! {
    Channel {
        Rest = "rest", As2 = "as2", Sftp = "sftp", Erp = "erp",
        SftpPush = "sftp-push", Webhook = "webhook", Cxml = "cxml",
    }
    Direction { In = "in", Out = "out" }
    Mode { Live = "live", Test = "test" }
    MessageState {
        Processing = "processing", Accepted = "accepted", Partial = "partial", Rejected = "rejected", Held = "held",
        Duplicate = "duplicate", Ready = "ready", Delivered = "delivered", Dead = "dead",
    }
    DocumentState {
        Queued = "queued", Rejected = "rejected", Held = "held", Duplicate = "duplicate", Recorded = "recorded",
        Issued = "issued", Delivered = "delivered", Acknowledged = "acknowledged", Failed = "failed",
    }
    DeliveryState {
        Ready = "ready", Waiting = "waiting", Delivered = "delivered", Dead = "dead", Cancelled = "cancelled",
    }
    WatchKind { Acknowledgement = "acknowledgement", Answer = "answer" }
}

/// The number that a kind of claim is stored as.
pub(super) fn claim_kind(kind: ClaimKind) -> i64 {
    match kind {
        ClaimKind::Transport => 1,
        ClaimKind::Interchange => 2,
        ClaimKind::Business => 3,
        ClaimKind::Group => 4,
        ClaimKind::Set => 5,
    }
}

/// A number of ours as the engine stores it; ours never reach the sign bit.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A stored number that is never negative.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A stored time.
pub(super) fn time(micros: i64) -> Outcome<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|error| damaged(format!("a stored time: {error}")))
}

/// Microseconds since 1970, now.
pub(super) fn now() -> i64 {
    Timestamp::now().as_microsecond()
}

/// The key of a document.
pub(super) fn doc_key(message: i64, position: u32) -> Result<i64, LedgerError> {
    if position >> POSITION_BITS != 0 {
        return Err(LedgerError::Conflict(format!("position {position} is past what one message may hold")));
    }
    Ok((message << POSITION_BITS) | i64::from(position))
}

/// The position in a document's key.
pub(super) fn position_of(doc: i64) -> u32 {
    u32::try_from(doc & ((1 << POSITION_BITS) - 1)).unwrap_or(0)
}

/// A hex digest as 32 bytes where it is one, as its text where it is not.
pub(super) fn digest_value(text: &str) -> Value {
    let nibble = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some((nibble(*high)? << 4) | nibble(*low)?),
            _ => None,
        })
        .collect();
    match bytes {
        Some(bytes) if bytes.len() == 32 => Value::Blob(bytes),
        _ => Value::Text(text.to_owned()),
    }
}

/// The digest that was stored by [`digest_value`].
fn digest_text(value: Value) -> Outcome<String> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Blob(bytes) => Ok(bytes.iter().flat_map(|byte| [hex(byte >> 4), hex(byte & 15)]).collect()),
        _ => Err(damaged("a stored digest is neither bytes nor text")),
    }
}

fn hex(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0')
}

/// Anything as JSON text.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|error| LedgerError::Conflict(format!("cannot be written as JSON: {error}")))
}

/// Stored JSON.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Outcome<T> {
    serde_json::from_str(text).map_err(|error| damaged(format!("stored JSON: {error}")))
}

/// A stored word.
pub(super) fn word<T: Word>(row: &Row<'_>, column: usize) -> Outcome<T> {
    let text = row.get_ref(column)?.as_str().map_err(|error| damaged(format!("a stored word: {error}")))?;
    T::from_word(text).ok_or_else(|| damaged(format!("a stored word is {text:?}")))
}

/// A stored message id.
pub(super) fn message_id(row: &Row<'_>, column: usize) -> Outcome<MessageId> {
    Ok(MessageId::from_bytes(row.get::<_, [u8; 16]>(column)?))
}

/// The columns that [`read_message`] reads, of `messages`.
pub(super) const MESSAGE: &str = "num, id, at, direction, channel, state, mode, connection, partner, transport_id, \
     filename, content_type, digest, bytes, interchange, correlation, config, relates_to, problem";

/// A message and its number.
pub(super) fn read_message(row: &Row<'_>) -> Outcome<(i64, Message)> {
    let problem: Option<String> = row.get(18)?;
    let message = Message {
        id: message_id(row, 1)?,
        at: time(row.get(2)?)?,
        direction: word(row, 3)?,
        channel: word(row, 4)?,
        state: word(row, 5)?,
        mode: word(row, 6)?,
        connection: row.get(7)?,
        partner: row.get(8)?,
        transport_id: row.get(9)?,
        filename: row.get(10)?,
        content_type: row.get(11)?,
        digest: digest_text(row.get(12)?)?,
        bytes: unsigned(row.get(13)?),
        interchange: row.get(14)?,
        correlation: row.get(15)?,
        config: row.get(16)?,
        relates_to: row.get::<_, Option<[u8; 16]>>(17)?.map(MessageId::from_bytes),
        problem: problem.as_deref().map(from_json).transpose()?,
    };
    Ok((row.get(0)?, message))
}

/// The columns that [`read_document`] reads, of `documents`.
pub(super) const DOCUMENT: &str = "doc, partner, kind, format_kind, number, orders, state, first, length, digest, \
     mapping, event, revision, problem, extras";

/// A document of `message`.
pub(super) fn read_document(row: &Row<'_>, message: MessageId) -> Outcome<Document> {
    let position = position_of(row.get(0)?);
    let kind: Option<String> = row.get(2)?;
    let json_at = |column: usize| -> Outcome<Option<serde_json::Value>> {
        row.get::<_, Option<String>>(column)?.as_deref().map(from_json).transpose()
    };
    Ok(Document {
        message,
        position,
        partner: row.get(1)?,
        kind: match kind {
            Some(text) => Some(text.parse().map_err(|()| damaged(format!("a stored document type is {text:?}")))?),
            None => None,
        },
        format_kind: row.get(3)?,
        number: row.get(4)?,
        orders: row.get::<_, Option<String>>(5)?.as_deref().map(from_json).transpose()?.unwrap_or_default(),
        state: word(row, 6)?,
        range: (unsigned(row.get(7)?), unsigned(row.get(8)?)),
        digest: digest_text(row.get(9)?)?,
        mapping: row.get(10)?,
        event: row.get::<_, Option<u32>>(11)?.map(|revision| message.event(position, revision)),
        revision: row.get(12)?,
        problem: json_at(13)?,
        extras: json_at(14)?,
    })
}

/// The columns that [`read_event`] reads, of `events`.
pub(super) const EVENT: &str =
    "seq, kind, mode, key, partner, message, position, revision, time, subject, correlation, replaces, data";

/// An event of the log, at `position`.
pub(super) fn read_event(row: &Row<'_>, position: i64) -> Outcome<LogEvent> {
    let message = message_id(row, 5)?;
    let replaces: Option<String> = row.get(11)?;
    Ok(LogEvent {
        position: unsigned(position),
        id: EventId { message, position: row.get(6)?, revision: row.get(7)? },
        message,
        kind: row.get(1)?,
        mode: word(row, 2)?,
        key: row.get(3)?,
        partner: row.get(4)?,
        time: time(row.get(8)?)?,
        subject: row.get(9)?,
        correlation: row.get(10)?,
        replaces: match replaces {
            Some(text) => Some(EventId::from_str(&text).map_err(damaged)?),
            None => None,
        },
        data: Bytes::from(row.get::<_, Vec<u8>>(12)?),
    })
}

/// The document type in an event's type: `invoice` of `gangway.invoice.received.v1`.
pub(super) fn type_of(kind: &str) -> &str {
    kind.split('.').nth(1).unwrap_or(kind)
}

/// The columns that [`read_delivery`] reads, of `deliveries` joined with `messages`.
pub(super) const DELIVERY: &str = "d.id, m.id, d.partner, d.channel, d.state, d.attempts, d.due, d.resent";

/// A delivery.
pub(super) fn read_delivery(row: &Row<'_>) -> Outcome<Delivery> {
    Ok(Delivery {
        id: unsigned(row.get(0)?),
        message: message_id(row, 1)?,
        partner: row.get(2)?,
        channel: word(row, 3)?,
        state: word(row, 4)?,
        attempts: row.get(5)?,
        due: time(row.get(6)?)?,
        resent: row.get(7)?,
    })
}

/// A fact that was added after the commit.
pub(super) fn read_fact(row: &Row<'_>) -> Outcome<Fact> {
    Ok(Fact { at: time(row.get(0)?)?, what: row.get(1)?, detail: row.get(2)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_come_back_as_they_were() {
        for text in ["", "no digest", &"ab".repeat(32), &"AB".repeat(32), &"0f".repeat(31)] {
            assert_eq!(digest_text(digest_value(text)).unwrap(), text);
        }
        assert!(matches!(digest_value(&"0f".repeat(32)), Value::Blob(_)));
    }

    #[test]
    fn a_position_past_the_key_is_refused() {
        assert_eq!(position_of(doc_key(7, (1 << POSITION_BITS) - 1).unwrap()), (1 << POSITION_BITS) - 1);
        assert!(doc_key(7, 1 << POSITION_BITS).is_err());
    }
}
