//! What is remembered of a message of ours while its delivery is not done with: what its receipt must say, so that a receipt
//! that comes on its own is understood after a restart and by any node; and its bytes, so that another attempt sends the
//! very same.
//!
//! A message over [`LARGEST_KEPT`] is not remembered whole. It is built again from its document, under the same
//! Message-ID and with the same MIC; only what is random about encryption differs. So is any message whose agreement was
//! changed in the meantime: whoever mends a partner's file wants the next attempt to follow it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Receipts;
use crate::{
    as2::{
        algorithm::Digest,
        content::Content,
        send::{Composed, Expectation},
    },
    document::MessageId,
    exchange::Parcel,
    keys,
    ledger::{DeliveryState, LedgerError},
};

/// The largest body that is remembered.
const LARGEST_KEPT: u64 = 1 << 20;
/// What the ledger remembers messages as …
const KIND: &str = "as2 messages";
/// … and their bodies.
const BODIES: &str = "as2 bodies";

/// A message of ours that is not done with.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sent {
    pub(super) message: MessageId,
    pub(super) delivery: u64,
    pub(super) partner: String,
    pub(super) expectation: Expectation,
    /// The agreement that it was built on.
    agreement: String,
    headers: Vec<(String, String)>,
    /// SHA-256 of the body that belongs to these headers, where it is remembered.
    digest: Option<String>,
}

impl Receipts {
    /// What is remembered of a message.
    pub(super) async fn sent(&self, transport_id: &str) -> Result<Option<Sent>, LedgerError> {
        let found = self.ledger.recall(KIND, transport_id).await?;
        // What an older program wrote and this one cannot read is built again.
        Ok(found.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    /// The same message again, where it was remembered whole and was built on this agreement.
    pub(super) async fn again(
        &self,
        parcel: &Parcel,
        sent: &Sent,
        agreement: &str,
    ) -> Result<Option<Composed>, LedgerError> {
        if sent.agreement != agreement || sent.partner != parcel.partner.id {
            return Ok(None);
        }
        let body = self.ledger.recall(BODIES, &parcel.transport_id).await?;
        let body = body.filter(|body| Some(digest(body)) == sent.digest);
        Ok(body.map(|body| Composed {
            headers: sent.headers.clone(),
            body: Content::from(body).into(),
            expectation: sent.expectation.clone(),
        }))
    }

    /// Remembers a message before it is sent for the first time, or on another agreement than `before`.
    pub(super) async fn will_send(
        &self,
        parcel: &Parcel,
        composed: &mut Composed,
        agreement: String,
        before: Option<Sent>,
    ) -> Result<(), LedgerError> {
        // A receipt for an earlier attempt, on an older agreement, is as good.
        for mic in before.into_iter().flat_map(|before| before.expectation.mics) {
            if !composed.expectation.mics.contains(&mic) {
                composed.expectation.mics.push(mic);
            }
        }
        let body = match composed.body.size() > LARGEST_KEPT {
            true => None,
            false => Some(composed.body.bytes().map_err(|error| LedgerError::Unavailable(error.to_string()))?),
        };
        let sent = Sent {
            message: parcel.message,
            delivery: parcel.delivery,
            partner: parcel.partner.id.clone(),
            expectation: composed.expectation.clone(),
            agreement,
            headers: composed.headers.clone(),
            digest: body.as_ref().map(digest),
        };
        let text = serde_json::to_vec(&sent).map_err(|error| LedgerError::Conflict(error.to_string()))?;
        let id = &parcel.transport_id;
        let body = async {
            match body {
                None => self.ledger.forget(BODIES, id).await,
                Some(body) => self.ledger.remember(BODIES, id, body).await,
            }
        };
        tokio::try_join!(self.ledger.remember(KIND, id, text.into()), body).map(|_| ())
    }

    /// Forgets a message that is done with.
    pub(super) async fn done_with(&self, transport_id: &str) {
        for kind in [KIND, BODIES] {
            if let Err(error) = self.ledger.forget(kind, transport_id).await {
                tracing::warn!(%error, "An AS2 message that is done with is still remembered.");
            }
        }
    }

    /// Forgets the messages whose deliveries were ended by others: given up, or cancelled by a person.
    pub(super) async fn tidy(&self) {
        let Ok(all) = self.ledger.remembered(KIND).await else { return };
        for (id, text) in all {
            let Ok(sent) = serde_json::from_slice::<Sent>(&text) else { continue };
            let Ok(deliveries) = self.ledger.deliveries(sent.message).await else { return };
            let open = deliveries.iter().find(|delivery| delivery.id == sent.delivery);
            if !open.is_some_and(|one| matches!(one.state, DeliveryState::Ready | DeliveryState::Waiting)) {
                self.done_with(&id).await;
            }
        }
    }
}

fn digest(body: &Bytes) -> String {
    keys::hex(aws_lc_rs::digest::digest(Digest::Sha256.algorithm(), body).as_ref())
}
