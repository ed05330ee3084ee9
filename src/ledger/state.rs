//! How messages come and go, and where they and their documents stand: the words that people read, and that are stored.

use serde::{Deserialize, Serialize};

/// How a message came or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// The supplier API.
    Rest,
    /// AS2.
    As2,
    /// SFTP.
    Sftp,
    /// The ERP's own API.
    Erp,
    /// A partner's own SFTP server.
    #[serde(rename = "sftp-push")]
    SftpPush,
    /// A partner's own endpoint.
    Webhook,
    /// A partner's own endpoint for cXML.
    Cxml,
}

impl Channel {
    /// Its word, like `sftp-push`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::As2 => "as2",
            Self::Sftp => "sftp",
            Self::Erp => "erp",
            Self::SftpPush => "sftp-push",
            Self::Webhook => "webhook",
            Self::Cxml => "cxml",
        }
    }
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From a partner.
    In,
    /// To a partner.
    Out,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageState {
    /// Stored and receipted; its documents are still being worked out.
    Processing,
    /// Every document is queued, or was a duplicate.
    Accepted,
    /// Some documents were accepted, others rejected.
    Partial,
    /// Refused as an interchange; its sender is told by TA1 or 997.
    Rejected,
    /// Stored, but it waits for a person: see `problem`.
    Held,
    /// An interchange that was here before.
    Duplicate,
    /// Outgoing: not delivered yet.
    Ready,
    /// Outgoing: delivered.
    Delivered,
    /// Outgoing: given up.
    Dead,
}

impl MessageState {
    /// Its word, like `accepted`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Accepted => "accepted",
            Self::Partial => "partial",
            Self::Rejected => "rejected",
            Self::Held => "held",
            Self::Duplicate => "duplicate",
            Self::Ready => "ready",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// Where one document of a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DocumentState {
    /// Its event is on the log.
    Queued,
    /// It broke the standard or the partner's overlay; the sender is told, unless it is an acknowledgement. Outgoing: the partner's acknowledgement said so.
    Rejected,
    /// Valid, but it could not be mapped; it runs again once that is mended.
    Held,
    /// The same business document was here before.
    Duplicate,
    /// Recorded, with nothing to queue: an acknowledgement, or a partner that is onboarding.
    Recorded,
    /// Outgoing: on its way.
    Issued,
    /// Outgoing: the partner has it.
    Delivered,
    /// Outgoing: the partner's acknowledgement accepted it.
    Acknowledged,
    /// Outgoing: it was given up.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_one_in_json() {
        let in_json = |value: serde_json::Value| value.as_str().unwrap().to_owned();
        for channel in ["rest", "as2", "sftp", "erp", "sftp-push", "webhook", "cxml"] {
            let read: Channel = serde_json::from_value(channel.into()).unwrap();
            assert_eq!((read.as_str(), in_json(serde_json::to_value(read).unwrap())), (channel, channel.to_owned()));
        }
        for state in
            ["processing", "accepted", "partial", "rejected", "held", "duplicate", "ready", "delivered", "dead"]
        {
            let read: MessageState = serde_json::from_value(state.into()).unwrap();
            assert_eq!((read.as_str(), in_json(serde_json::to_value(read).unwrap())), (state, state.to_owned()));
        }
    }
}
