//! The receipts of this door: a partner never sees them, but they tell which message a file became.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    document::MessageId,
    exchange::{Scribe, Verdict},
    ledger::{MessageState, Receipt},
};

/// What this door's receipts say: enough to find the message again.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Slip {
    pub(super) message: MessageId,
    state: MessageState,
    at: Timestamp,
    pub(super) correlation: String,
}

impl Slip {
    /// What became of an arrival, in a word.
    pub(super) fn told(slip: Option<&Self>, correlation: &str) -> &'static str {
        match slip {
            Some(slip) if slip.correlation == correlation => slip.state.as_str(),
            _ => "repeated",
        }
    }
}

/// Writes this door's receipts.
pub(super) struct Clerk;

impl Scribe for Clerk {
    fn receipt(&self, verdict: &Verdict) -> Receipt {
        let slip = Slip {
            message: verdict.message,
            state: verdict.state,
            at: verdict.at,
            correlation: verdict.correlation.clone(),
        };
        // Plain texts and numbers: this cannot fail.
        Receipt(serde_json::to_vec(&slip).unwrap_or_default().into())
    }
}
