//! What goes out: an interchange with the numbers in it, its way to the partner, and what became of each attempt.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    record::{Document, Fact, Message, NewEvent, Payload, Receipt, Watch},
    state::Channel,
};
use crate::document::MessageId;

/// What numbers one after the other: interchanges from us to one partner, or groups in them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NumberSeries(pub String);

impl NumberSeries {
    /// The greatest number; after it a series goes on at 1.
    pub const LAST: u64 = 999_999_999;

    /// The number that comes `stride` after `number`.
    pub fn after(number: u64, stride: u64) -> u64 {
        (number.max(1) - 1 + stride) % Self::LAST + 1
    }
}

/// An interchange on its way out.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The message; direction out.
    pub message: Message,
    /// Its finished bytes.
    pub payload: Payload,
    /// Its documents, each with the event that tells of it, if any.
    pub documents: Vec<(Document, Option<NewEvent>)>,
    /// The control numbers in it. After 999999999 a series goes on at 1.
    pub numbers: Vec<(NumberSeries, u64)>,
    /// What was owed and is settled by it.
    pub settles: Vec<u64>,
    /// What the timelines of the messages that it settles say of it, as a word: `acknowledged`, `issued`.
    pub settled_as: &'static str,
    /// What is expected of its partner.
    pub watches: Vec<Watch>,
    /// The channel that delivers it.
    pub channel: Channel,
    /// Not before.
    pub due: Timestamp,
    /// Its timeline so far.
    pub facts: Vec<Fact>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Waiting to be sent or fetched.
    Ready,
    /// Handed over; the partner has still to say that it has it.
    Waiting,
    /// The partner has it.
    Delivered,
    /// Given up; what belongs to the same order waits behind it until a person decides.
    Dead,
    /// Given up by a person; it holds nothing up.
    Cancelled,
}

/// One message's way to its partner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its number.
    pub id: u64,
    /// What is delivered.
    pub message: MessageId,
    /// To whom.
    pub partner: String,
    /// How.
    pub channel: Channel,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub due: Timestamp,
    /// How often a person sent it again.
    pub resent: u32,
}

/// What became of one attempt to deliver.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// The delivery.
    pub delivery: u64,
    /// Where it stands now. `Ready` says that it failed and is tried again.
    pub state: DeliveryState,
    /// When it is tried next, or how long the partner's word is waited for.
    pub due: Option<Timestamp>,
    /// For the timeline.
    pub fact: Fact,
    /// What the partner said, as its own bytes.
    pub receipt: Option<Receipt>,
}

/// Which deliveries are asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliveryFilter {
    /// To this partner.
    pub partner: Option<String>,
    /// That stand so.
    pub state: Option<DeliveryState>,
}

#[cfg(test)]
mod tests {
    use super::NumberSeries;

    #[test]
    fn numbers_go_on_at_1() {
        let last = NumberSeries::LAST;
        let after = NumberSeries::after;
        assert_eq!((after(1, 1), after(last, 1), after(last - 4, 1000)), (2, 1, 996));
    }
}
