//! Time-ordered identifiers. A message has one; its events derive theirs from it, so that work done twice after a
//! crash writes the same thing.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

/// One arrival, or one interchange that we sent: `msg_` and 26 characters of Crockford base 32 that sort by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Ulid);

impl MessageId {
    /// From the milliseconds since 1970 and 80 random bits.
    pub fn new(unix_millis: u64, random: u128) -> Self {
        Self(Ulid::from_parts(unix_millis, random))
    }

    /// From the form that a ledger stores: 16 bytes that sort as the id does.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Ulid::from_bytes(bytes))
    }

    /// The form that a ledger stores.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_bytes()
    }

    /// The milliseconds since 1970 at which it was made.
    pub fn unix_millis(self) -> u64 {
        self.0.timestamp_ms()
    }

    /// The id of the event about the document at `position` (from 0) of this message. `revision` is 0 for the first
    /// processing, and counts the replays whose result differed.
    pub fn event(self, position: u32, revision: u32) -> EventId {
        EventId { message: self, position, revision }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "msg_{}", self.0)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MessageId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let ulid = text.strip_prefix("msg_").ok_or(ParseIdError)?;
        Ulid::from_string(ulid).map(Self).map_err(|_| ParseIdError)
    }
}

/// One event on the log: `evt_`, the message's 26 characters, the position, and `_r1`, `_r2`… for a correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// The message that the document came in.
    pub message: MessageId,
    /// The document's position in the message, from 0.
    pub position: u32,
    /// 0, or the number of the correction.
    pub revision: u32,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "evt_{}_{}", self.message.0, self.position)?;
        if self.revision > 0 {
            write!(f, "_r{}", self.revision)?;
        }
        Ok(())
    }
}

impl FromStr for EventId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let rest = text.strip_prefix("evt_").ok_or(ParseIdError)?;
        let mut parts = rest.split('_');
        let ulid = parts.next().ok_or(ParseIdError)?;
        let message = Ulid::from_string(ulid).map(MessageId).map_err(|_| ParseIdError)?;
        let position = parts.next().and_then(|p| p.parse().ok()).ok_or(ParseIdError)?;
        let revision = match parts.next() {
            None => 0,
            Some(part) => part.strip_prefix('r').and_then(|r| r.parse().ok()).ok_or(ParseIdError)?,
        };
        if parts.next().is_some() {
            return Err(ParseIdError);
        }
        Ok(Self { message, position, revision })
    }
}

/// A text that is not one of our ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this gateway: expected msg_… or evt_… as it was given out")]
pub struct ParseIdError;

macro_rules! serde_as_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
serde_as_text!(MessageId, EventId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_survive_their_text() {
        let (early, late) = (MessageId::new(1_000, 9), MessageId::new(1_001, 1));
        assert!(early < late && early.to_bytes() < late.to_bytes() && early.to_string() < late.to_string());
        for event in [early.event(0, 0), late.event(47_675, 2)] {
            assert_eq!(event.to_string().parse(), Ok(event));
            assert_eq!(event.message.to_string().parse(), Ok(event.message));
        }
        for wrong in ["", "evt_", "msg_0", "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV_1_r2_3"] {
            assert_eq!(wrong.parse::<EventId>(), Err(ParseIdError), "{wrong}");
        }
    }
}
