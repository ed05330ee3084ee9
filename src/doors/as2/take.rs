//! One message, from its body in the spool to its answer.

use std::{
    fs,
    io::{self, Write},
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::response::Response;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::{
    As2, PRODUCT, events,
    evidence::Evidence,
    layers, nothing, problems, receipts, response,
    stored::{Asked, StoredReceipt},
};
use crate::{
    as2::{
        algorithm::Spelling,
        content::Content,
        disposition::Disposition,
        entropy::System,
        fault::Fault,
        headers::Request,
        mdn::{self, HttpMessage, ReceiptTerms},
        receive::{self, Accepted, Payload, Proof, Relation, Tools},
        send,
    },
    document::{MessageId, Mode},
    exchange::{Arrival, Refused, Scribe, Verdict},
    keys,
    ledger::{Channel, MessageState, Receipt},
    net::{Problem, TraceParent},
    observe,
    partner::Partner,
};

/// So many refused messages are kept to be looked at, each up to this size.
const REFUSED_KEPT: usize = 100;
const LARGEST_REFUSED: usize = 8 << 20;

/// A message whose body has come whole.
pub(super) struct Arrived {
    pub(super) partner: Arc<Partner>,
    pub(super) request: Request,
    pub(super) body: crate::spool::Undigested,
    pub(super) source: Option<IpAddr>,
    pub(super) at: Timestamp,
    pub(super) correlation: String,
    pub(super) trace: Option<TraceParent>,
}

/// A message taken apart, and its receipt.
struct Opened {
    outcome: Result<Accepted, Fault>,
    /// The receipt, where one is asked for.
    mdn: Option<HttpMessage>,
    /// What the partner signed, to be kept.
    proof: Evidence,
    /// The same, where that is kept in pieces and they are not kept yet.
    pieces: Option<Proof>,
    /// The file that a refused message is kept in.
    kept: Option<String>,
}

/// What became of a message on the thread that took it apart.
enum Seen {
    /// It is one small document that was accepted, and went to the exchange at once.
    Handed(StoredReceipt, Arc<Clerk>),
    /// There is more to do.
    Open(Opened),
}

pub(super) async fn take(door: Arc<As2>, arrived: Arrived) -> Result<Response, Problem> {
    let content = layers::content(&arrived.body).map_err(|error| problems::unavailable(&error))?;
    if may_be_receipt(&arrived.request) && mdn::is_receipt(&arrived.request.fields, &content) {
        return receipts::came(&door, &arrived, content).await;
    }
    let began = Instant::now();
    let arrived = Arc::new(arrived);
    let opened = match &content {
        Content::Stored { .. } => in_turn(&door, &arrived, content).await?,
        Content::Memory(_) => {
            let (seen, stored) = hand_over(&door, &arrived, content).await;
            match seen {
                None => return Err(stored.err().map_or_else(unprocessed, refusal)),
                Some(Seen::Open(opened)) => opened,
                Some(Seen::Handed(receipt, clerk)) => {
                    door.limits.came(&arrived.partner, arrived.body.len);
                    let stored = stored.map_err(refusal)?.ok_or_else(unprocessed)?;
                    let answered = answered(&arrived, &receipt, &clerk, &stored)?;
                    return conclude(&door, &arrived, receipt, answered, None, began).await;
                }
            }
        }
    };
    let message_id = String::from_utf8_lossy(&arrived.request.message_id).into_owned();
    match opened.outcome {
        Err(fault) if fault.is_ours() => Err(problems::unavailable(&fault)),
        Err(fault) => {
            events::Refused {
                fault: &fault,
                partner: &arrived.partner.id,
                source: arrived.source,
                message_id: &message_id,
                correlation: &arrived.correlation,
                kept: opened.kept.as_deref(),
            }
            .emit(&door.telemetry);
            refuse(&door, &arrived, &fault, opened.mdn).await
        }
        Ok(accepted) => {
            door.limits.came(&arrived.partner, arrived.body.len);
            if let (Some(pieces), Some(signed)) = (opened.proof.pieces(), &opened.pieces) {
                let kept = pieces.remember(door.receipts.ledger.as_ref(), signed).await;
                kept.map_err(|error| problems::unavailable(&error))?;
            }
            accept(&door, &arrived, accepted, opened.mdn, opened.proof, began).await
        }
    }
}

fn unprocessed() -> Problem {
    crate::net::problem::INTERNAL.because("The message could not be processed.")
}

/// Has a message in memory taken apart in its partner's turn; what is one document and accepted goes on to the exchange
/// there and then, without another change of threads.
async fn hand_over(
    door: &Arc<As2>,
    arrived: &Arc<Arrived>,
    content: Content,
) -> (Option<Seen>, Result<Option<Receipt>, Refused>) {
    let seen = Arc::new(Mutex::new(None));
    let opening = {
        let (door, arrived, seen) = (Arc::clone(door), Arc::clone(arrived), Arc::clone(&seen));
        move || {
            let opened = open(&door, &arrived, content);
            let (now, arrival) = match ready(&arrived, opened) {
                Ok((receipt, arrival)) => {
                    let clerk = Arc::new(Clerk::new(receipt.encode()));
                    let scribe: Arc<dyn Scribe> = Arc::clone(&clerk) as Arc<dyn Scribe>;
                    (Seen::Handed(receipt, clerk), Some((arrival, scribe)))
                }
                Err(opened) => (Seen::Open(*opened), None),
            };
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
            arrival
        }
    };
    let stored = door.intake.receive_opened(&arrived.partner, Box::new(opening)).await;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    (seen, stored)
}

/// The receipt and the arrival of a message that nothing more has to be waited for: accepted, one document, and a receipt
/// that goes back with the answer.
fn ready(arrived: &Arrived, opened: Opened) -> Result<(StoredReceipt, Arrival), Box<Opened>> {
    let document = match &opened.outcome {
        Ok(Accepted { payloads, .. }) if callback(arrived).is_none() && opened.pieces.is_none() => {
            match payloads.as_slice() {
                [payload @ Payload { content: Content::Memory(bytes), .. }] => Some((payload, bytes)),
                _ => None,
            }
        }
        _ => None,
    };
    let allowed = |bytes: &Bytes| bytes.len() as u64 <= arrived.partner.message_size;
    let Some((payload, bytes)) = document.filter(|(_, bytes)| allowed(bytes)) else { return Err(Box::new(opened)) };
    let transport_id = String::from_utf8_lossy(&arrived.request.message_id).into_owned();
    let arrival = arrival(arrived, payload, crate::spool::Body::from_bytes(bytes.clone()), transport_id);
    Ok((stored_receipt(arrived, opened.mdn, opened.proof), arrival))
}

fn stored_receipt(arrived: &Arrived, mdn: Option<HttpMessage>, proof: Evidence) -> StoredReceipt {
    let mark = keys::hex(&keys::random::<8>());
    StoredReceipt { asked: Asked::by(&arrived.request), mark, mdn, proof }
}

/// Receipts come as reports, signed or not; whatever else is a message.
fn may_be_receipt(request: &Request) -> bool {
    let content_type = request.fields.text("content-type").unwrap_or_default().to_ascii_lowercase();
    content_type.contains("report") || (content_type.contains("signed") && request.receipt.is_none())
}

/// Takes a message apart and writes its receipt, on a thread that may compute, when it is its partner's turn.
async fn in_turn(door: &Arc<As2>, arrived: &Arc<Arrived>, content: Content) -> Result<Opened, Problem> {
    let own = door.work.of(&arrived.partner.id);
    let closed = |_| unprocessed();
    let _own = own.acquire_owned().await.map_err(closed)?;
    let turn = Arc::clone(&door.work.all).acquire_owned().await.map_err(closed)?;
    let (door, arrived) = (Arc::clone(door), Arc::clone(arrived));
    let work = spawn_blocking(move || {
        let opened = open(&door, &arrived, content);
        drop(turn);
        opened
    });
    work.await.map_err(|_| unprocessed())
}

fn open(door: &As2, arrived: &Arrived, content: Content) -> Opened {
    let Arrived { partner, request, .. } = arrived;
    let ring = door.ring.load();
    let tools = Tools { now: arrived.at, scratch: &door.layers, entropy: &System };
    let Some(as2) = &partner.as2 else {
        let outcome = Err(Fault::Settings("the partner has no AS2".into()));
        return Opened { outcome, mdn: None, proof: Evidence::default(), pieces: None, kept: None };
    };
    let mut outcome = match forbidden_url(request, as2.receipts_to.iter().map(|url| url.as_str())) {
        Some(url) => Err(Fault::ReceiptTo(url)),
        None => {
            let policy = as2.demands.policy(arrived.at, partner.message_size);
            let relation = Relation { certificates: &as2.certificates, keys: ring.keys(), policy: &policy };
            receive::receive(request, content.clone(), relation, tools).outcome
        }
    };
    let proof = match &outcome {
        Ok(Accepted { proof: Some(proof), payloads, .. }) => {
            Evidence::of(proof, payloads.last().map(|payload| &payload.content))
        }
        _ => Ok(Evidence::default()),
    };
    let proof = proof.unwrap_or_else(|error| {
        outcome = Err(Fault::Storage(error));
        Evidence::default()
    });
    let (disposition, mic) = match &outcome {
        Ok(accepted) => (Disposition::Processed, accepted.mic.as_ref()),
        Err(fault) => (fault.disposition(), None),
    };
    let mdn = request.receipt.as_ref().map(|_| {
        let terms = ReceiptTerms {
            key: ring.signing(arrived.at).map(|own| &own.key),
            scheme: as2.sending.padding.scheme(),
            spelling: Spelling::Dashed,
            message_id: &send::message_id(&door.identity.host, tools),
            product: PRODUCT,
        };
        mdn::write(request, &disposition, mic, &terms, tools)
    });
    let mdn = match mdn.transpose() {
        Ok(mdn) => mdn,
        Err(fault) => {
            outcome = outcome.and(Err(fault));
            None
        }
    };
    let kept = match &outcome {
        Err(fault) if !fault.is_ours() => keep_refused(&door.refused, arrived, &content),
        _ => None,
    };
    let pieces = match &mut outcome {
        Ok(accepted) => accepted.proof.take().filter(|_| proof.pieces().is_some()),
        Err(_) => None,
    };
    Opened { outcome, mdn, proof, pieces, kept }
}

/// Where the receipt should go and may not.
fn forbidden_url<'a>(request: &Request, mut allowed: impl Iterator<Item = &'a str>) -> Option<String> {
    let url = request.receipt.as_ref()?.deliver_to.as_ref()?;
    (!allowed.any(|allowed| allowed == url)).then(|| url.clone())
}

/// Where the receipt goes, if not back with the answer.
fn callback(arrived: &Arrived) -> Option<&str> {
    let as2 = arrived.partner.as2.as_ref()?;
    let url = arrived.request.receipt.as_ref()?.deliver_to.as_deref()?;
    as2.receipts_to.iter().any(|allowed| allowed.as_str() == url).then_some(url)
}

async fn refuse(
    door: &Arc<As2>,
    arrived: &Arrived,
    fault: &Fault,
    mdn: Option<HttpMessage>,
) -> Result<Response, Problem> {
    let Some(mdn) = mdn else { return Err(problems::REFUSED.because(fault.disposition().to_string())) };
    match callback(arrived) {
        None => Ok(response(mdn)),
        Some(url) => {
            let job = receipts::Job::new(arrived, url, Some(&mdn), &Asked::by(&arrived.request));
            door.receipts.send(job).await.map_err(|error| problems::unavailable(&error))?;
            Ok(nothing())
        }
    }
}

async fn accept(
    door: &Arc<As2>,
    arrived: &Arrived,
    accepted: Accepted,
    mdn: Option<HttpMessage>,
    proof: Evidence,
    began: Instant,
) -> Result<Response, Problem> {
    let receipt = stored_receipt(arrived, mdn, proof);
    let job = match callback(arrived) {
        None => None,
        Some(url) => {
            let job = receipts::Job::new(arrived, url, receipt.mdn.as_ref(), &receipt.asked);
            door.receipts.prepare(&job).await.map_err(|error| problems::unavailable(&error))?;
            Some(job)
        }
    };
    let answered = commit(door, arrived, &accepted, &receipt).await;
    match answered {
        Ok(answered) => conclude(door, arrived, receipt, answered, job, began).await,
        Err(problem) => {
            if let Some(job) = &job {
                door.receipts.forget(job).await;
            }
            Err(problem)
        }
    }
}

/// A receipt that is stored, and what became of its message where that is a new one.
type Answered = (StoredReceipt, Option<(MessageId, MessageState)>);

/// Tells what came and answers it: with the stored receipt, in the answer or by `job`.
async fn conclude(
    door: &Arc<As2>,
    arrived: &Arrived,
    receipt: StoredReceipt,
    (answered, own): Answered,
    job: Option<receipts::Job>,
    began: Instant,
) -> Result<Response, Problem> {
    observe::Arrived {
        channel: "as2",
        state: own.map_or("repeated", |(_, state)| state.as_str()),
        connection: &arrived.partner.id,
        message: own.map(|(message, _)| message),
        bytes: arrived.body.len,
        elapsed: began.elapsed(),
        correlation: &arrived.correlation,
        trace: arrived.trace.as_ref().map(|trace| trace as &dyn std::fmt::Display),
    }
    .emit(&door.metrics);
    // The same receipt for the same question; another question is answered anew, about the same bytes.
    let mdn = if answered.asked == receipt.asked { answered.mdn } else { receipt.mdn };
    match (job, mdn) {
        (Some(job), Some(mdn)) => {
            let job = job.about(own.map(|(message, _)| message), &mdn);
            door.receipts.send(job).await.map_err(|error| problems::unavailable(&error))?;
            Ok(nothing())
        }
        (None, Some(mdn)) => Ok(response(mdn)),
        (_, None) => Ok(nothing()),
    }
}

/// Hands the documents to the exchange, the last of them with the receipt: it is stored only when all others are.
/// Answers with the receipt that is stored, and what became of the message where it is a new one.
async fn commit(
    door: &Arc<As2>,
    arrived: &Arrived,
    accepted: &Accepted,
    receipt: &StoredReceipt,
) -> Result<Answered, Problem> {
    let message_id = String::from_utf8_lossy(&arrived.request.message_id).into_owned();
    let last = accepted.payloads.len().saturating_sub(1);
    for (index, payload) in accepted.payloads.iter().enumerate() {
        let body = layers::body(&door.spool, &payload.content, arrived.partner.message_size).await;
        let body = body.map_err(problems::from_spool)?;
        let is_last = index == last;
        let transport_id = if is_last { message_id.clone() } else { format!("{message_id} part {}", index + 1) };
        let part = || StoredReceipt { mdn: None, proof: Evidence::default(), ..receipt.clone() };
        let clerk = Arc::new(Clerk::new(if is_last { receipt.encode() } else { part().encode() }));
        let arrival = arrival(arrived, payload, body, transport_id);
        let scribe: Arc<dyn Scribe> = Arc::clone(&clerk) as Arc<dyn Scribe>;
        let stored = door.intake.receive(arrival, scribe).await.map_err(refusal)?;
        if is_last {
            return answered(arrived, receipt, &clerk, &stored);
        }
    }
    Err(problems::REFUSED.because("The message has no document."))
}

/// What the stored bytes of a receipt say: ours, or an earlier one.
fn answered(arrived: &Arrived, receipt: &StoredReceipt, clerk: &Clerk, stored: &Receipt) -> Result<Answered, Problem> {
    if let Some(own) = clerk.own(stored) {
        return Ok((receipt.clone(), Some(own)));
    }
    let Some(stored) = StoredReceipt::decode(&stored.0) else {
        tracing::error!(correlation = arrived.correlation, "A stored AS2 receipt cannot be read.");
        return Err(crate::net::problem::INTERNAL.because("The stored receipt cannot be read."));
    };
    Ok((stored, None))
}

fn arrival(arrived: &Arrived, payload: &Payload, body: crate::spool::Body, transport_id: String) -> Arrival {
    let name = |name: &String| name.chars().filter(|char| !char.is_control()).take(255).collect::<String>();
    Arrival {
        connection: Arc::clone(&arrived.partner),
        channel: Channel::As2,
        mode: Mode::Live,
        transport_id,
        filename: payload.filename.as_ref().map(name).filter(|name| !name.is_empty()),
        content_type: Some(payload.content_type.clone()).filter(|kind| !kind.is_empty()),
        body,
        at: arrived.at,
        correlation: arrived.correlation.clone(),
        declared: None,
    }
}

/// This door's Scribe. What AS2 says of a message says nothing of its content, so the receipt is written before.
struct Clerk {
    receipt: Bytes,
    verdict: Mutex<Option<(MessageId, MessageState)>>,
}

impl Clerk {
    fn new(receipt: Bytes) -> Self {
        Self { receipt, verdict: Mutex::default() }
    }

    /// What became of the message, where `stored` is the receipt that was written for it and not an earlier one's.
    fn own(&self, stored: &Receipt) -> Option<(MessageId, MessageState)> {
        let verdict = *self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        verdict.filter(|_| stored.0 == self.receipt)
    }
}

impl Scribe for Clerk {
    fn receipt(&self, verdict: &Verdict) -> Receipt {
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some((verdict.message, verdict.state));
        Receipt(self.receipt.clone())
    }
}

fn refusal(refused: Refused) -> Problem {
    match refused {
        Refused::Busy(reason) => {
            tracing::info!(reason, "An AS2 message was put off.");
            problems::BUSY.because("Nothing was stored; send it again.").retry_after(problems::BUSY_SECONDS)
        }
        Refused::Unavailable(reason) => problems::unavailable(&reason),
        // Only what comes over the supplier API is refused so.
        refused @ (Refused::KeyReused { .. } | Refused::NotCanonical(_) | Refused::Changed { .. }) => {
            problems::REFUSED.because(format!("It cannot be taken: {refused}."))
        }
    }
}

/// Keeps a refused message as it came, for `gangway as2 show`, and not too many of them.
fn keep_refused(folder: &Path, arrived: &Arrived, content: &Content) -> Option<String> {
    let body = content.bytes(LARGEST_REFUSED).ok()?;
    let kept = || -> io::Result<String> {
        keys::make_folder(folder)?;
        let mut names: Vec<_> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        names.sort();
        for old in names.iter().take((names.len() + 1).saturating_sub(REFUSED_KEPT)) {
            fs::remove_file(old)?;
        }
        let time = arrived.at.strftime("%Y%m%dT%H%M%S.%3fZ");
        let path = folder.join(format!("{time}-{}.as2", arrived.partner.id));
        let mut file = fs::File::create(&path)?;
        for (name, value) in arrived.request.fields.iter() {
            file.write_all(name.as_bytes())?;
            file.write_all(b": ")?;
            file.write_all(value)?;
            file.write_all(b"\r\n")?;
        }
        file.write_all(b"\r\n")?;
        file.write_all(&body)?;
        Ok(path.display().to_string())
    };
    kept().inspect_err(|error| tracing::warn!(%error, "A refused AS2 message could not be kept.")).ok()
}
