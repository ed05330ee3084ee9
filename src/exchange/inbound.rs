//! One arrival, one decision: read, compose, commit, and only then answer.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek, SeekFrom},
    path::Path,
    sync::Arc,
    time::Instant,
};

use async_trait::async_trait;
use aws_lc_rs::digest::{Context as Hash, SHA256};
use bytes::Bytes;

use super::{
    Exchange, Snapshot,
    arrival::{Arrival, Intake, Opening, Refused, Scribe, Verdict},
    claims, codes,
    compose::{self, Composed, Known, Subject},
    detect::{DETECT_BYTES, Format, detect},
    events::{ArrivalCommitted, InterchangeOutOfOrder, OverQuota},
    message_id, numbers,
    pool::Lane,
    reading::{Context, Problem, ReadInterchange, Reading, envelope_notes},
    walk::{Documents, Walk},
};
use crate::{
    keys,
    ledger::{
        self, Channel, Claim, ClaimKind, Committed, Direction, Entry, Fact, LedgerError, Message, MessageState,
        Payload, Receipt,
    },
    partner::Partner,
    spool::Content,
};

/// How often an entry is composed anew because somebody else was first. Each time something more is known to be taken,
/// so that more than two are rare.
const ATTEMPTS: usize = 16;

/// How long an arrival over its partner's quota waits for its turn.
const PACE: std::time::Duration = std::time::Duration::from_secs(1);

/// The most findings about envelopes that a message's timeline lists.
const MAX_NOTES: usize = 20;

/// A body as the readers want it.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Memory(Bytes),
    File(Arc<Path>),
}

impl Source {
    pub(super) fn of(content: &Content) -> Self {
        match content {
            Content::Memory(bytes) => Self::Memory(bytes.clone()),
            Content::File(file) => Self::File(Arc::from(file.path())),
        }
    }

    pub(super) fn stored(payload: &Payload) -> Self {
        match payload {
            Payload::Inline(bytes) => Self::Memory(bytes.clone()),
            Payload::File(path) => Self::File(Arc::from(path.as_path())),
        }
    }

    pub(super) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
            Self::File(path) => Box::new(BufReader::with_capacity(256 << 10, File::open(path)?)),
        })
    }

    fn start(&self) -> io::Result<Vec<u8>> {
        let mut start = Vec::with_capacity(DETECT_BYTES);
        #[expect(clippy::disallowed_methods, reason = "the `take` before it is the cap")]
        self.open()?.take(DETECT_BYTES as u64).read_to_end(&mut start)?;
        Ok(start)
    }

    pub(super) fn lane(&self) -> Lane {
        match self {
            Self::Memory(_) => Lane::Short,
            Self::File(_) => Lane::Long,
        }
    }

    /// SHA-256 of a part of it. `whole` is the size and digest of all of it, where these are known.
    pub(super) fn digest(&self, range: (u64, u64), whole: Option<(u64, [u8; 32])>) -> io::Result<[u8; 32]> {
        let (from, length) = range;
        if let Some((size, digest)) = whole
            && range == (0, size)
        {
            return Ok(digest);
        }
        let mut hash = Hash::new(&SHA256);
        match self {
            Self::Memory(bytes) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                let to = from.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(bytes.len());
                hash.update(bytes.get(from..to).unwrap_or_default());
            }
            Self::File(path) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(from))?;
                let mut part = file.take(length);
                let mut buffer = vec![0; 256 << 10];
                loop {
                    match part.read(&mut buffer)? {
                        0 => break,
                        read => hash.update(buffer.get(..read).unwrap_or_default()),
                    }
                }
            }
        }
        let mut out = [0; 32];
        out.copy_from_slice(hash.finish().as_ref());
        Ok(out)
    }
}

/// What a body says when it was walked through once, and the digest of each of its interchanges.
#[derive(Clone)]
pub(super) struct FirstPass {
    pub(super) reading: Reading,
    pub(super) digests: Vec<[u8; 32]>,
    /// It was not held in memory: documents are worked out after the receipt.
    pub(super) large: bool,
}

/// Reads a body whole: verdicts always, documents where it is held in memory. `whole` is its size and digest, where
/// these are known: of most bodies one interchange is all.
pub(super) fn read(context: &Context, source: &Source, whole: Option<(u64, [u8; 32])>) -> io::Result<FirstPass> {
    let format = detect(&source.start()?);
    let keep = matches!(source, Source::Memory(_));
    let mut reading = match format {
        Format::X12 | Format::Xml => {
            let mut walk = Walk::new(context, format, source.open()?);
            let mut documents = if keep { Documents::Keep } else { Documents::Skip };
            while !walk.advance(&mut documents)? {}
            walk.finish()
        }
        _ => Reading::new(format),
    };
    numbers::note_groups(&mut reading, source)?;
    let digests = reading.interchanges.iter().map(|one| source.digest(one.range, whole)).collect::<io::Result<_>>()?;
    reading.problem = reading.problem.or_else(|| unreadable(format));
    Ok(FirstPass { reading, digests, large: !keep })
}

/// What each interchange claims, or would, and what its groups do, and its sets where they were kept.
pub(super) fn envelope_claims(read: &FirstPass) -> Vec<Claim> {
    let all = read.reading.interchanges.iter().zip(&read.digests).zip(0..);
    // XML has no numbers to claim.
    let numbered = all.filter(|((one, _), _)| one.format == Format::X12);
    let claim = |((one, digest), position): ((&ReadInterchange, &[u8; 32]), u32)| Claim {
        kind: ClaimKind::Interchange,
        key: one.key,
        digest: *digest,
        position,
    };
    numbered.map(claim).chain(numbers::claimed(&read.reading)).collect()
}

/// Why a body in this format can only be kept for now.
pub(super) fn unreadable(format: Format) -> Option<Problem> {
    let (code, text) = match format {
        Format::X12 | Format::Xml => return None,
        Format::Edifact => (codes::FORMAT_NOT_MAPPED, "It is EDIFACT, and no mapping for EDIFACT is installed."),
        Format::Json => (codes::FORMAT_NOT_MAPPED, "It is JSON; this door takes X12 and XML."),
        Format::Empty => (codes::NOTHING_READ, "It is empty."),
        Format::Unknown => (codes::NOTHING_READ, "It is neither X12 nor XML."),
    };
    Some(Problem::new(code, text))
}

#[async_trait]
impl Intake for Exchange {
    async fn receive(&self, arrival: Arrival, scribe: Arc<dyn Scribe>) -> Result<Receipt, Refused> {
        if let Some(declared) = arrival.declared.clone() {
            return self.receive_canonical(arrival, declared, scribe.as_ref()).await;
        }
        self.pace(&arrival).await;
        let snapshot = self.inner.snapshot.load_full();
        let (context, source) = (context(&arrival, &snapshot), Source::of(&arrival.body.content));
        let lane = source.lane();
        let whole = Some((arrival.body.len, arrival.body.digest));
        let work = move || read(&context, &source, whole);
        let read = self.inner.pool.run(&arrival.connection.id, lane, work).await;
        let read = read.map_err(|_| crowded())?.map_err(unreadable_now)?;
        self.decide(arrival, read, &snapshot.digest, scribe.as_ref()).await
    }

    async fn receive_opened(&self, connection: &Partner, open: Opening) -> Result<Option<Receipt>, Refused> {
        let snapshot = self.inner.snapshot.load_full();
        let with = Arc::clone(&snapshot);
        let work = move || {
            let (arrival, scribe) = open()?;
            let whole = Some((arrival.body.len, arrival.body.digest));
            let read = read(&context(&arrival, &with), &Source::of(&arrival.body.content), whole);
            Some((arrival, scribe, read))
        };
        let opened = self.inner.pool.run(&connection.id, Lane::Short, work).await.map_err(|_| crowded())?;
        let Some((arrival, scribe, read)) = opened else { return Ok(None) };
        let read = read.map_err(unreadable_now)?;
        self.pace(&arrival).await;
        self.decide(arrival, read, &snapshot.digest, scribe.as_ref()).await.map(Some)
    }

    fn fetched(&self) {
        self.inner.owed.notify_one();
    }
}

/// What an arrival is read with.
fn context(arrival: &Arrival, snapshot: &Arc<Snapshot>) -> Context {
    Context {
        snapshot: Arc::clone(snapshot),
        connection: Some(Arc::clone(&arrival.connection)),
        assumed: None,
        mode: arrival.mode,
        traced: false,
    }
}

fn crowded() -> Refused {
    Refused::Busy("too many arrivals of this partner are waiting".into())
}

fn unreadable_now(error: io::Error) -> Refused {
    Refused::Unavailable(format!("the body cannot be read back: {error}"))
}

impl Exchange {
    /// Has what comes over a partner's documents of the day by EDI wait a little, and says so. It is never refused: what
    /// is refused there would only come again.
    async fn pace(&self, arrival: &Arrival) {
        if arrival.channel == Channel::Rest {
            return;
        }
        let partner = &arrival.connection;
        match self.inner.limiter.over_quota(self.inner.ledger.as_ref(), partner, arrival.at).await {
            Ok(Some(_)) => {
                OverQuota { partner: &partner.id, quota: partner.documents }.emit(&self.inner.telemetry);
                tokio::time::sleep(PACE).await;
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, partner = partner.id, "Documents of the day could not be counted."),
        }
    }

    async fn decide(
        &self,
        arrival: Arrival,
        mut read: FirstPass,
        config: &str,
        scribe: &dyn Scribe,
    ) -> Result<Receipt, Refused> {
        let subject = Subject { id: message_id(arrival.at), at: arrival.at, correlation: arrival.correlation.clone() };
        let transport = Claim {
            kind: ClaimKind::Transport,
            key: claims::transport(&arrival.connection.id, arrival.channel, arrival.mode, &arrival.transport_id),
            digest: arrival.body.digest,
            position: 0,
        };
        let mut transport = Some(transport);
        let mut reused = None;
        let mut known = Known::default();
        let sequence = self.sequence(&read).await.map_err(unavailable)?;
        for _ in 0..ATTEMPTS {
            numbers::settle_numbers(&mut read.reading, subject.id, &known);
            let composed = compose::compose(&subject, &read.reading, &read.digests, &known);
            // Small bodies too may come to more than one transaction holds: a few bytes of X12 are many of JSON.
            let large = read.large || !ledger::fits(&composed.documents);
            let mut entry = entry(&arrival, &subject, &read.reading, large, composed, transport, config, scribe);
            entry.facts.extend(reused.map(|first| Fact {
                at: subject.at,
                what: "noted".into(),
                detail: format!("its id on this channel came before with another payload, as message {first}"),
            }));
            entry.facts.extend(sequence.iter().map(|one| Fact {
                at: subject.at,
                what: "noted".into(),
                detail: one.text.clone(),
            }));
            let (receipt, message) = (entry.receipt.clone(), entry.message.clone());
            let documents: Vec<_> = entry.documents.iter().map(|(document, _)| document.clone()).collect();
            let owing = !entry.owed.is_empty();
            let began = Instant::now();
            // The file is the ledger's from here on, unless it says that nothing was stored; see `SpoolFile::hand_over`.
            let committed = self.inner.ledger.commit(entry).await;
            if !matches!(committed, Ok(Committed::Stored))
                && let Content::File(file) = &arrival.body.content
            {
                file.take_back();
            }
            match committed.map_err(unavailable)? {
                Committed::Stored => {
                    ArrivalCommitted { message: &message, documents: &documents, elapsed: began.elapsed() }
                        .emit(&self.inner.telemetry);
                    for one in &sequence {
                        InterchangeOutOfOrder { message: &message, sequence: one }.emit(&self.inner.telemetry);
                    }
                    for one in &read.reading.interchanges {
                        if let Some(partner) = &one.partner {
                            self.inner.limiter.documents(&partner.id, u64::from(one.sets), arrival.at);
                        }
                    }
                    if message.state == MessageState::Processing {
                        self.work_out(message, 0);
                    } else if owing {
                        self.inner.owed.notify_one();
                    }
                    return Ok(receipt);
                }
                Committed::Taken(taken) => {
                    if let Some(first) = taken.iter().find(|one| one.claim.kind == ClaimKind::Transport) {
                        if first.holder.digest == arrival.body.digest {
                            return self.said_before(first.holder.message).await;
                        }
                        if arrival.channel == Channel::Rest {
                            return Err(Refused::KeyReused { first: first.holder.message });
                        }
                        // On other channels ids come from programs that count anew: other bytes are another message.
                        tracing::warn!(
                            connection = arrival.connection.id, transport_id = arrival.transport_id,
                            first = %first.holder.message, "A transport id came before with another payload."
                        );
                        reused = Some(first.holder.message);
                        transport = None;
                    }
                    known.add(&taken);
                }
            }
        }
        Err(Refused::Busy("others keep claiming the same documents".into()))
    }

    /// The first arrival's receipt, byte for byte.
    pub(super) async fn said_before(&self, first: crate::document::MessageId) -> Result<Receipt, Refused> {
        let stored = self.inner.ledger.receipt(first).await.map_err(unavailable)?;
        stored.ok_or_else(|| Refused::Unavailable(format!("the receipt of {first} is not to be found")))
    }
}

pub(super) fn unavailable(error: LedgerError) -> Refused {
    Refused::Unavailable(error.to_string())
}

fn sets(reading: &Reading) -> u64 {
    reading.interchanges.iter().map(|one| u64::from(one.sets)).sum()
}

#[expect(clippy::too_many_arguments, reason = "all that an entry is made of")]
fn entry(
    arrival: &Arrival,
    subject: &Subject,
    reading: &Reading,
    large: bool,
    mut composed: Composed,
    transport: Option<Claim>,
    config: &str,
    scribe: &dyn Scribe,
) -> Entry {
    let first = reading.interchanges.first();
    let owed = composed.owed();
    let state = if large && composed.counted.contains(&true) { MessageState::Processing } else { composed.state };
    // Whoever did not show who it is has claimed nothing: the same may come again once that is mended, on either side.
    let stranger = composed.problem.as_ref().is_some_and(|problem| problem.code == codes::BAD_CREDENTIAL);
    let (state, transport) = if stranger { (MessageState::Rejected, None) } else { (state, transport) };
    let complete = state != MessageState::Processing;
    let test = reading.interchanges.iter().any(|one| one.mode == crate::document::Mode::Test);
    let mode = if test { crate::document::Mode::Test } else { arrival.mode };
    let verdict = Verdict {
        message: subject.id,
        at: subject.at,
        state,
        mode,
        documents: sets(reading),
        problem: composed.problem.as_ref().map(|problem| (problem.code, problem.text.clone())),
        correlation: subject.correlation.clone(),
    };
    let message = Message {
        id: subject.id,
        direction: Direction::In,
        channel: arrival.channel,
        connection: arrival.connection.id.clone(),
        partner: match first {
            Some(first) => first.partner.as_ref().map(|partner| partner.id.clone()),
            None => Some(arrival.connection.id.clone()),
        },
        transport_id: Some(arrival.transport_id.clone()),
        filename: arrival.filename.clone(),
        content_type: arrival.content_type.clone(),
        digest: keys::hex(&arrival.body.digest),
        bytes: arrival.body.len,
        interchange: first.map(|first| first.verdict.header.control_number.clone()),
        at: subject.at,
        state,
        mode,
        correlation: subject.correlation.clone(),
        config: config.to_owned(),
        problem: composed.problem.map(|problem| problem.to_json()),
        relates_to: composed.repeats,
    };
    let payload = match &arrival.body.content {
        Content::Memory(bytes) => Payload::Inline(bytes.clone()),
        Content::File(file) => Payload::File(file.hand_over()),
    };
    let mut facts = vec![Fact {
        at: subject.at,
        what: "received".into(),
        detail: format!("{} bytes, {} document(s), {}", arrival.body.len, sets(reading), summary(reading)),
    }];
    let notes = envelope_notes(reading).into_iter().take(MAX_NOTES);
    facts.extend(notes.map(|finding| Fact {
        at: subject.at,
        what: "noted".into(),
        detail: format!("{} at byte {}: {}", finding.code, finding.offset, finding.text),
    }));
    let mut claims = composed.claims;
    claims.extend(transport);
    let (documents, owed) = match complete {
        // Of what is rejected as a whole the verdict is enough, where its documents are too many to be kept with it.
        true if large => (Vec::new(), owed),
        true => (composed.documents, owed),
        false => (Vec::new(), Vec::new()),
    };
    if !complete {
        // Theirs follow with the documents.
        claims.retain(|claim| !matches!(claim.kind, ClaimKind::Business | ClaimKind::Set));
    }
    Entry { message, payload, receipt: scribe.receipt(&verdict), claims, documents, owed, facts, complete }
}

/// What was received, in words.
fn summary(reading: &Reading) -> String {
    let numbers: Vec<_> =
        reading.interchanges.iter().take(3).map(|one| one.verdict.header.control_number.as_str()).collect();
    match (reading.format, numbers.as_slice()) {
        (Format::Xml, _) => "XML".into(),
        (Format::X12, []) => "X12 without an interchange".into(),
        (Format::X12, numbers) => format!("X12 interchange {}", numbers.join(", ")),
        (format, _) => format!("{format:?}"),
    }
}
