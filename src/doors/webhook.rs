//! The way out to a partner's own endpoint: canonical JSON goes as a CloudEvent, everything else as it is. Standard Webhooks
//! signs it; an endpoint that answers 410 is left alone until the partner's file is another one.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{json, value::RawValue};

use crate::{
    document::{CloudEvent, Verb, event_type},
    exchange::{Carried, Courier, Parcel},
    ledger::Channel,
    net::{
        Egress,
        webhook::{Hook, Posted, post},
    },
};

/// Posts parcels.
pub struct WebhookCourier {
    egress: Arc<Egress>,
    /// Where `file:` secrets start.
    root: PathBuf,
    /// The digests of partners' files whose endpoints said that they are gone.
    gone: Mutex<HashSet<String>>,
}

impl WebhookCourier {
    /// One that calls by `egress`; secrets in files start at `root`.
    pub fn new(egress: Arc<Egress>, root: PathBuf) -> Self {
        Self { egress, root, gone: Mutex::default() }
    }

    /// The files whose endpoints are left alone; one that was written anew is another one.
    fn gone(&self) -> MutexGuard<'_, HashSet<String>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Courier for WebhookCourier {
    fn channel(&self) -> Channel {
        Channel::Webhook
    }

    async fn carry(&self, parcel: &Parcel) -> Carried {
        let Some(terms) = &parcel.partner.webhook else {
            return Carried::Refused { detail: format!("The file of {} has no [webhook].", parcel.partner.id) };
        };
        let url = terms.url.as_str();
        if self.gone().contains(&parcel.partner.digest) {
            let detail =
                format!("{url} said that it is gone (410); it is called again when the partner's file changes.");
            return Carried::Refused { detail };
        }
        let mut secrets = Vec::with_capacity(terms.secrets.len());
        for secret in &terms.secrets {
            match secret.resolve(&self.root) {
                Ok(secret) => secrets.push(secret.reveal().to_owned()),
                // The operator mends this; the partner is not to blame.
                Err(error) => return Carried::TryAgain { detail: format!("{error}."), retry_after: None },
            }
        }
        let payload = match parcel.bytes().await {
            Ok(payload) => payload,
            Err(error) => return Carried::TryAgain { detail: format!("{error}."), retry_after: None },
        };
        let (content_type, body) = body(parcel, payload);
        let hook = Hook { url, secrets: &secrets, id: &parcel.transport_id, content_type: &content_type, body };
        match post(&self.egress, hook, Timestamp::now()).await {
            Posted::Taken => Carried::Delivered { detail: format!("{url} took it."), receipt: None },
            Posted::Later { detail, retry_after } => {
                Carried::TryAgain { detail: format!("{url}: {detail}."), retry_after }
            }
            Posted::Refused(detail) => Carried::Refused { detail: format!("{url}: {detail}.") },
            Posted::Gone => {
                self.gone().insert(parcel.partner.digest.clone());
                Carried::Refused { detail: format!("{url} says that it is gone (410), and is not called any more.") }
            }
        }
    }
}

/// What is posted.
fn body(parcel: &Parcel, payload: Bytes) -> (String, Bytes) {
    let data = serde_json::from_slice::<Box<RawValue>>(&payload);
    let (Some(kind), Ok(data), "application/json") = (parcel.document, data, parcel.content_type.as_str()) else {
        return (parcel.content_type.clone(), payload);
    };
    let event = json!({
        "specversion": CloudEvent::SPECVERSION,
        "id": parcel.message,
        "source": "/orders",
        "type": event_type(kind, Verb::Issued),
        "datacontenttype": CloudEvent::CONTENT_TYPE,
        "dataschema": CloudEvent::schema_of(kind),
        "mode": parcel.mode,
        "correlationid": parcel.correlation,
    });
    // The document goes in as it is stored, digit by digit.
    let mut text = event.to_string();
    text.pop();
    text.push_str(",\"data\":");
    text.push_str(data.get());
    text.push('}');
    ("application/cloudevents+json".into(), text.into())
}
