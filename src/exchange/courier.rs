//! Who carries what is issued to a partner: one courier per channel on which we call and the partner answers. The doors
//! implement them and the gateway hands them to the exchange, which decides what is carried when, and how often.

use std::{io, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use crate::{
    document::{DocumentType, MessageId, Mode},
    ledger::{Channel, Payload},
    partner::Partner,
};

/// Carries parcels over one channel.
#[async_trait]
pub trait Courier: Send + Sync {
    /// Which channel that is.
    fn channel(&self) -> Channel;

    /// Tries once to hand a parcel over. Keeps its own limits of time, and never panics over what a partner answers.
    async fn carry(&self, parcel: &Parcel) -> Carried;
}

/// One delivery, ready to be handed over.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The delivery's number. It stays the same over attempts; a person's resend makes another one.
    pub delivery: u64,
    /// What is delivered.
    pub message: MessageId,
    /// To whom, as the configuration is now.
    pub partner: Arc<Partner>,
    /// Its bytes, the same at every attempt; large ones are in a file.
    pub payload: Payload,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// An id for the channel's own use, like the left half of an AS2 Message-ID: the same at every attempt of one delivery,
    /// so that the partner can tell a repetition.
    pub transport_id: String,
    /// A name for the file.
    pub filename: String,
    /// Its media type.
    pub content_type: String,
    /// What it is about, for a subject line or an event's type: the first document, if there is one.
    pub document: Option<DocumentType>,
    /// That document's number, where it has one.
    pub number: Option<String>,
    /// ISA13, where it has one.
    pub interchange: Option<String>,
    /// Business or rehearsal.
    pub mode: Mode,
    /// What to look for in logs.
    pub correlation: String,
}

impl Parcel {
    /// Its bytes at hand, whatever their number.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn bytes(&self) -> io::Result<Bytes> {
        match &self.payload {
            Payload::Inline(bytes) => Ok(bytes.clone()),
            Payload::File(path) => tokio::fs::read(path).await.map(Bytes::from),
        }
    }
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Carried {
    /// The partner has it, and said so.
    Delivered {
        /// How, in a sentence.
        detail: String,
        /// What the partner said, as its own bytes: an MDN. Kept with the message.
        receipt: Option<Bytes>,
    },
    /// Handed over; what the partner says of it comes later, by [`super::Exchange::carried`].
    Waiting {
        /// If it has not come until then, the attempt failed.
        until: Timestamp,
        /// How, in a sentence.
        detail: String,
    },
    /// Not this time.
    TryAgain {
        /// Why, in a sentence.
        detail: String,
        /// Not before, where the partner said so.
        retry_after: Option<Duration>,
    },
    /// Never: the partner refuses it, or it cannot be sent as it is configured. A person has to look.
    Refused {
        /// Why, in a sentence.
        detail: String,
    },
}
