//! What a person has to look at: told in the log and counted, and handed to whoever sends alerts, if somebody does.

use std::sync::OnceLock;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::document::MessageId;

/// So many alerts wait to be sent; what is over that is in the log all the same.
const WAITING: usize = 1024;

/// What kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A partner did not do in time what it should.
    Overdue,
    /// A document or message waits for a person.
    Held,
    /// A delivery was given up.
    DeliveryFailed,
    /// A partner rejects what was sent to it.
    Rejected,
    /// An acknowledgement of nothing that was sent.
    Unmatched,
    /// An acknowledgement that breaks the standard, so that it says nothing, and nobody but us can tell its sender.
    BrokenAcknowledgement,
    /// Interchanges of a partner whose numbers have no gaps have not come.
    Gap,
    /// An event was handed out too often, and its key waits.
    Parked,
    /// A partner's file is broken.
    Partner,
    /// There is no room for the record, and nothing is taken.
    NoRoom,
    /// A certificate ends soon or has ended, a partner's or our own.
    Certificate,
}

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    /// What kind of thing it is.
    pub kind: AlertKind,
    /// What it is about; one alert of a kind is sent about it in a period.
    pub subject: String,
    /// The partner it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// The message to look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// What happened, in a sentence.
    pub text: String,
    /// When.
    pub time: Timestamp,
}

/// Where alerts go; nowhere until somebody listens.
#[derive(Default)]
pub(super) struct Alarm(OnceLock<mpsc::Sender<Alert>>);

impl Alarm {
    /// Begins to hand alerts out. The second one who asks gets none.
    pub(super) fn listen(&self) -> mpsc::Receiver<Alert> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let _ = self.0.set(sender);
        receiver
    }

    pub(super) fn raise(
        &self,
        kind: AlertKind,
        subject: impl Into<String>,
        partner: Option<&str>,
        message: MessageId,
        text: impl Into<String>,
    ) {
        let Some(sender) = self.0.get() else { return };
        let alert = Alert {
            kind,
            subject: subject.into(),
            partner: partner.map(str::to_owned),
            message: Some(message),
            text: text.into(),
            time: Timestamp::now(),
        };
        if sender.try_send(alert).is_err() {
            tracing::warn!("An alert is not sent, because too many wait; the log has what it was about.");
        }
    }
}
