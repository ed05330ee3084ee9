//! The way out: builds a message as the partner's file says, posts it, and holds the receipt against what was sent.
//!
//! A delivery keeps its Message-ID over all attempts, so a partner that has the message already answers with the receipt it
//! gave before. The message and what its receipt must say are remembered before anything is sent, so another attempt sends
//! the very same, and a receipt that comes on its own is understood after a restart, too.
//!
//! A document may be of any size: it is read from where the ledger has it, and what is made of it goes through a scratch.

use std::{fs, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::{As2, Caller, Receipts, Ring, fields};
use crate::{
    as2::{
        algorithm::Digest,
        cms::SignatureRules,
        content::{Content, InMemory, Scratch},
        delivery::{Event, ReceiptMode, Schedule, State},
        entropy::System,
        fault::Fault,
        mdn::{self, Mdn},
        mime::Fields,
        receive::Tools,
        send::{self, Composed, Enclosure, Encryption, Expectation, ReceiptTerms, Signing, Terms},
    },
    document::MessageId,
    exchange::{Carried, Courier, Exchange, Parcel},
    keys,
    ledger::{Channel, Payload},
    net::Reply,
    partner::{As2Terms, Partner, Receipt, ReceiptBy},
    spool,
};

/// How long one attempt may take, the partner's work on its receipt included …
const PATIENCE: Duration = Duration::from_secs(300);
/// … and a second more for as many bytes.
const SLOWEST: u64 = 64 << 10;

/// What takes the news of a delivery whose receipt came on its own.
#[async_trait]
pub trait Carrying: Send + Sync {
    /// Says what became of a delivery.
    ///
    /// # Errors
    /// When it could not be recorded, so that the partner should send its receipt again.
    async fn carried(&self, message: MessageId, delivery: u64, carried: Carried) -> Result<(), String>;
}

#[async_trait]
impl Carrying for Exchange {
    async fn carried(&self, message: MessageId, delivery: u64, carried: Carried) -> Result<(), String> {
        Self::carried(self, message, delivery, carried).await.map_err(|error| error.to_string())
    }
}

/// Carries parcels to partners' AS2 servers.
pub struct As2Courier {
    caller: Caller,
    ring: Arc<ArcSwap<Ring>>,
    receipts: Arc<Receipts>,
    /// Where receipts that come on their own reach us.
    url: Option<String>,
}

impl As2Courier {
    /// Over these; `url` is where receipts that come on their own reach us.
    pub fn new(caller: Caller, ring: Arc<ArcSwap<Ring>>, receipts: Arc<Receipts>, url: Option<String>) -> Self {
        Self { caller, ring, receipts, url }
    }
}

#[async_trait]
impl Courier for As2Courier {
    fn channel(&self) -> Channel {
        Channel::As2
    }

    async fn carry(&self, parcel: &Parcel) -> Carried {
        let Some((as2, url)) = parcel.partner.as2.as_ref().and_then(|as2| Some((as2, as2.url.as_ref()?))) else {
            return refused("the partner's file has no `url` in [as2]");
        };
        if as2.sending.receipt != Receipt::None && as2.sending.receipt_by == ReceiptBy::Callback && self.url.is_none() {
            return refused("`receipt_by` is \"callback\", and gangway.toml has no `url` in [as2] for it to come to");
        }
        let message = match self.message(parcel).await {
            Ok(message) => message,
            Err(fault) if fault.is_ours() => {
                return Carried::TryAgain { detail: format!("{fault}."), retry_after: None };
            }
            Err(fault) => return refused(&fault.to_string()),
        };
        // Some partners are quicker with their receipt than with their answer.
        let early = self.receipts.begin(&parcel.transport_id);
        let patience = PATIENCE + Duration::from_secs(message.body.size() / SLOWEST);
        let reply = self.caller.post(url.as_str(), &message.headers, message.body, &as2.sending, patience).await;
        let early = early.end();
        let (event, receipt, retry_after) = match reply {
            Err(error) if error.is_final() => return refused(&error.to_string()),
            Err(error) => (Event::Unanswered(error.to_string()), None, None),
            Ok(reply) => answered(&parcel.partner, as2, &reply),
        };
        let carried = match early {
            Some(carried) => carried,
            None => judged(as2, parcel.attempt, event, &message.expectation, receipt, retry_after),
        };
        if !matches!(carried, Carried::Waiting { .. } | Carried::TryAgain { .. }) {
            self.receipts.done_with(&parcel.transport_id).await;
        }
        carried
    }
}

impl As2Courier {
    /// The message: the one that was sent before, or one that is built now, away from the async threads, and remembered.
    async fn message(&self, parcel: &Parcel) -> Result<Composed, Fault> {
        let storage = |error: &dyn std::fmt::Display| Fault::Storage(std::io::Error::other(error.to_string()));
        let from = self.receipts.identity().to(&parcel.partner).to_owned();
        let (ring, now) = (self.ring.load_full(), Timestamp::now());
        let agreement = agreement(&parcel.partner, &from, &ring, self.url.as_deref(), now);
        let before = self.receipts.sent(&parcel.transport_id).await.map_err(|error| storage(&error))?;
        if let Some(before) = &before
            && let Some(again) =
                self.receipts.again(parcel, before, &agreement).await.map_err(|error| storage(&error))?
        {
            return Ok(again);
        }
        let message_id = format!("<{}@{}>", parcel.transport_id, self.receipts.identity().host);
        let (scratch, url, own) = (self.receipts.scratch.clone(), self.url.clone(), parcel.clone());
        let built = spawn_blocking(move || {
            let content = match &own.payload {
                Payload::Inline(bytes) => Content::Memory(bytes.clone()),
                Payload::File(path) => scratch.file(path).map_err(Fault::Storage)?,
            };
            let enclosure = Enclosure {
                content,
                content_type: &own.content_type,
                filename: Some(own.filename.as_str()).filter(|name| !name.is_empty()),
            };
            compose(&own.partner, &from, &message_id, &[enclosure], &ring, url.as_deref(), now, &scratch)
        });
        let built = built.await.unwrap_or_else(|_| Err(Fault::Settings("the message could not be built".into())));
        let mut message = built?;
        let kept = self.receipts.will_send(parcel, &mut message, agreement, before).await;
        kept.map_err(|error| storage(&error))?;
        Ok(message)
    }
}

/// Builds a message to a partner; what is made of large documents goes into `scratch`.
///
/// # Errors
/// When it cannot be built as the partner's file says.
#[expect(clippy::too_many_arguments, reason = "each is something that a message depends on")]
pub fn compose(
    partner: &Partner,
    from: &str,
    message_id: &str,
    documents: &[Enclosure<'_>],
    ring: &Ring,
    callback: Option<&str>,
    now: Timestamp,
    scratch: &dyn Scratch,
) -> Result<Composed, Fault> {
    let missing = |what: &str| Fault::Settings(format!("{}: {what}", partner.id));
    let as2 = partner.as2.as_ref().ok_or_else(|| missing("there is no [as2] in the partner's file"))?;
    let terms = &as2.sending;
    let own = ring.signing(now).ok_or_else(|| missing("there is no key of ours"))?;
    let certificates = as2.encrypt_for(now);
    let first = terms.sign.digest().unwrap_or(Digest::Sha256);
    let others = [Digest::Sha256, Digest::Sha384, Digest::Sha512, Digest::Sha1];
    let listed: Vec<_> = [first].into_iter().chain(others.into_iter().filter(|digest| *digest != first)).collect();
    let receipt = (terms.receipt != Receipt::None).then(|| ReceiptTerms {
        signed: terms.receipt == Receipt::Signed,
        digests: &listed,
        deliver_to: callback.filter(|_| terms.receipt_by == ReceiptBy::Callback),
        notify: from,
    });
    let terms = Terms {
        from,
        to: as2.id.as_str(),
        sign: terms.sign.digest().map(|digest| Signing { key: &own.key, digest, scheme: terms.padding.scheme() }),
        encrypt: terms.encrypt.cipher().map(|cipher| Encryption {
            certificates: &certificates,
            cipher,
            transport: terms.key_transport.transport(),
        }),
        compress: terms.compress.when(),
        receipt,
        quirks: terms.quirks.clone(),
    };
    let tools = Tools { now, scratch, entropy: &System };
    send::compose(documents, &as2.sending.subject, message_id, &terms, tools)
}

/// Everything that a message depends on but its document, as a digest: what was built on the same may be sent again.
fn agreement(partner: &Partner, from: &str, ring: &Ring, callback: Option<&str>, now: Timestamp) -> String {
    let Some(as2) = &partner.as2 else { return String::new() };
    let own = ring.signing(now).map(|own| own.key.certificate().fingerprint().to_owned());
    let theirs: Vec<_> = as2.encrypt_for(now).iter().map(|one| one.fingerprint().to_owned()).collect();
    let terms = &as2.sending;
    let text = format!(
        "{:?}",
        (
            (from, as2.id.as_str(), own, theirs, callback),
            (terms.sign, terms.padding, terms.encrypt, terms.key_transport, terms.compress),
            (terms.receipt, terms.receipt_by, &terms.subject, &terms.quirks),
        )
    );
    keys::hex(aws_lc_rs::digest::digest(Digest::Sha256.algorithm(), text.as_bytes()).as_ref())
}

/// What signatures of a partner's receipts must be.
pub(super) fn receipt_rules(partner: &Partner, now: Timestamp) -> SignatureRules {
    let demands = partner.as2.as_ref().map(|as2| as2.demands.policy(now, partner.message_size)).unwrap_or_default();
    SignatureRules {
        weakest: demands.weakest_digest,
        allow_weak: demands.allow_weak,
        any_period: demands.any_certificate_period,
        now,
    }
}

/// What the partner's server answered, as an event; the receipt as it came; and when to come again.
fn answered(partner: &Partner, as2: &As2Terms, reply: &Reply) -> (Event, Option<Bytes>, Option<Duration>) {
    let headers = fields(&reply.headers);
    let body = Content::Memory(reply.body.clone());
    let is_receipt = mdn::is_receipt(&headers, &body);
    let read = is_receipt
        .then(|| mdn::read(&headers, body, &as2.certificates, &receipt_rules(partner, Timestamp::now()), &InMemory));
    let raw = is_receipt.then(|| with_headers(&headers, &reply.body));
    let event = Event::Answered { status: reply.status, retry_after: reply.retry_after(), receipt: read };
    (event, raw, reply.retry_after())
}

/// What the state machine of deliveries makes of an attempt. How often there is another is the exchange's to say.
fn judged(
    as2: &As2Terms,
    attempt: u32,
    event: Event,
    expectation: &Expectation,
    receipt: Option<Bytes>,
    retry_after: Option<Duration>,
) -> Carried {
    let terms = &as2.sending;
    let mode = match (terms.receipt, terms.receipt_by) {
        (Receipt::None, _) => ReceiptMode::None,
        (_, ReceiptBy::Response) => ReceiptMode::Synchronous,
        (_, ReceiptBy::Callback) => ReceiptMode::Asynchronous,
    };
    let now = Timestamp::now();
    let state = State::Due { at: now, attempts: attempt.saturating_sub(1), last: None };
    let schedule = Schedule { attempts: u32::MAX, receipt_within: terms.receipt_within.get(), ..Schedule::default() };
    match state.on(event, mode, expectation, &schedule, now, &System) {
        State::Delivered { disposition: Some(disposition) } => {
            Carried::Delivered { detail: proven(expectation, &disposition.to_string()), receipt }
        }
        State::Delivered { disposition: None } => Carried::Delivered {
            detail: format!("sent as {}; no receipt was asked for", expectation.message_id),
            receipt,
        },
        State::Awaiting { until, .. } => Carried::Waiting {
            until,
            detail: format!("sent as {}; its receipt comes on its own", expectation.message_id),
        },
        State::Refused { disposition } => refused(&format!("the partner's receipt says: {disposition}")),
        State::Failed { code, reason } => match code {
            Some(code) => refused(&format!("{code}: {reason}")),
            None => refused(&reason),
        },
        State::Due { last, .. } => Carried::TryAgain { detail: last.unwrap_or_default(), retry_after },
    }
}

/// How a receipt proves a delivery, in a sentence.
fn proven(expectation: &Expectation, disposition: &str) -> String {
    let mic = expectation.mics.first().map(ToString::to_string).unwrap_or_default();
    let signed = if expectation.signed { "a signed receipt" } else { "a receipt" };
    format!("sent as {}; {signed} says {disposition}; MIC {mic}", expectation.message_id)
}

fn refused(detail: &str) -> Carried {
    Carried::Refused { detail: detail.to_owned() }
}

/// A receipt as it came: headers, an empty line, the body.
pub(super) fn raw(headers: &Fields, body: &spool::Undigested) -> Bytes {
    match &body.content {
        spool::Content::Memory(bytes) => with_headers(headers, bytes),
        spool::Content::File(file) => with_headers(headers, &fs::read(file.path()).unwrap_or_default()),
    }
}

fn with_headers(headers: &Fields, body: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(body.len() + 512);
    for (name, value) in headers.iter() {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out.into()
}

impl As2 {
    /// Takes a receipt that came on its own. `Ok(false)` says that the partner should send it again; an error, that it
    /// belongs to nothing.
    pub(super) async fn awaiting(&self, partner: &Partner, named: &str, mdn: Mdn, raw: Bytes) -> Result<bool, String> {
        let id = named.trim().trim_start_matches('<').split('@').next().unwrap_or_default().to_owned();
        let awaited = match self.receipts.sent(&id).await {
            Ok(awaited) => awaited,
            Err(error) => {
                tracing::warn!(%error, "An AS2 receipt waits until the ledger answers again.");
                return Ok(false);
            }
        };
        let awaited = awaited.filter(|awaited| awaited.partner == partner.id);
        let awaited = awaited.ok_or("no message to this partner waits for it")?;
        let disposition = awaited.expectation.check(&mdn).map_err(|fault| format!("{}: {fault}", fault.code()))?;
        let carried = if disposition.is_accepted() {
            Carried::Delivered { detail: proven(&awaited.expectation, &disposition.to_string()), receipt: Some(raw) }
        } else {
            refused(&format!("the partner's receipt says: {disposition}"))
        };
        if self.receipts.came_early(&id, &carried) {
            return Ok(true);
        }
        let Some(carrying) = &self.carrying else { return Err("nothing is sent from here".into()) };
        if let Err(why) = carrying.carried(awaited.message, awaited.delivery, carried).await {
            tracing::warn!(delivery = awaited.delivery, why, "An AS2 receipt could not be recorded.");
            return Ok(false);
        }
        self.receipts.done_with(&id).await;
        Ok(true)
    }
}
