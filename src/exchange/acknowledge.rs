//! Issues the acknowledgements that are owed: renders the facts for the control numbers that are next, and commits
//! bytes, delivery and numbers together. If somebody else took the numbers meanwhile, it renders again.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};

use super::{Exchange, events::AcknowledgementIssued, message_id, owed::Facts, policy};
use crate::{
    document::{DocumentType, MessageId},
    keys,
    ledger::{
        Direction, Document, DocumentState, Fact, LedgerError, Message, MessageFilter, MessageState, NumberSeries,
        Outgoing, Owed, Payload,
    },
    partner::{Directory, X12Terms},
    x12::{self, AckNumbers, InterchangeHeader, InterchangeVerdict},
};

/// How many owed acknowledgements are looked at together.
const PAGE: usize = 128;
/// How long to let others join after the first: an acknowledgement is never urgent, and a commit for many costs what a
/// commit for one does.
const GATHER: Duration = Duration::from_millis(10);
/// How long to sleep when nothing is owed, or what is owed cannot be issued. A commit that owes something wakes earlier.
const IDLE: Duration = Duration::from_secs(5);

impl Exchange {
    pub(super) async fn acknowledge_forever(self) {
        loop {
            if let Err(error) = self.acknowledge_owed().await {
                tracing::warn!(%error, "Acknowledgements wait until the ledger answers again.");
            }
            let woken = self.inner.owed.notified();
            if tokio::time::timeout(IDLE, woken).await.is_ok() {
                tokio::time::sleep(GATHER).await;
            }
        }
    }

    /// Issues all that is owed now, partners side by side, each partner's in the order of its arrivals.
    async fn acknowledge_owed(&self) -> Result<(), LedgerError> {
        let mut after = 0;
        loop {
            let page = self.inner.ledger.owed(after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            let earned = self.inner.ledger.messages_of(page.iter().map(|(_, owed)| owed.message).collect()).await?;
            let earned: HashMap<MessageId, Message> = earned.into_iter().map(|message| (message.id, message)).collect();
            let mut by_partner: BTreeMap<String, Vec<Due>> = BTreeMap::new();
            for (id, owed) in page {
                let about = earned.get(&owed.message).cloned();
                let about = about.ok_or_else(|| LedgerError::NotFound(owed.message.to_string()))?;
                by_partner.entry(owed.partner.clone()).or_default().push(Due { id, owed, about });
            }
            let mut partners = tokio::task::JoinSet::new();
            for (partner, due) in by_partner {
                let exchange = self.clone();
                partners.spawn(async move {
                    if let Err(error) = exchange.issue_to(&partner, due).await {
                        tracing::warn!(partner, %error, "Acknowledgements cannot be issued now; they are tried again.");
                    }
                });
            }
            while partners.join_next().await.is_some() {}
        }
    }

    /// Issues what is owed to one partner. One that cannot be issued holds up none of the others.
    async fn issue_to(&self, partner: &str, due: Vec<Due>) -> Result<(), LedgerError> {
        let directory = Arc::clone(&self.inner.snapshot.load().directory);
        let terms = terms(&directory, partner)?;
        let (mut fresh, mut again, mut failed) = (Vec::new(), Vec::new(), None);
        for due in due {
            let facts = serde_json::from_value(due.owed.facts.clone())
                .map_err(|error| LedgerError::Corrupt(format!("the facts of an owed acknowledgement: {error}")));
            match facts {
                Ok(Facts::Verdict { verdict, .. }) => fresh.push((due, verdict)),
                Ok(Facts::Again { first, interchange }) => again.push((due, first, interchange)),
                Err(error) => failed = Some(error),
            }
        }
        while !fresh.is_empty() {
            let (refused, error) = self.render(fresh, terms).await?;
            (fresh, failed) = (refused, error.or(failed));
        }
        // After those: what they repeat may have been among them.
        for (due, first, interchange) in again {
            failed = self.repeat(&due, first, interchange).await.err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Renders acknowledgements for the numbers that are next, and hands them to the ledger together, so that they share
    /// a commit. Gives back those whose numbers somebody else took meanwhile.
    async fn render(
        &self,
        due: Vec<(Due, Box<InterchangeVerdict>)>,
        terms: &X12Terms,
    ) -> Result<(Vec<(Due, Box<InterchangeVerdict>)>, Option<LedgerError>), LedgerError> {
        let how = policy::acknowledgement(terms);
        let at = self.now();
        let civil = at.to_zoned(TimeZone::UTC).datetime();
        let mut next: HashMap<NumberSeries, u64> = HashMap::new();
        let (mut ready, mut failed) = (Vec::with_capacity(due.len()), None);
        for (due, verdict) in due {
            let series = Series::of(&verdict.header);
            for series in [&series.interchanges, &series.groups] {
                if !next.contains_key(series) {
                    next.insert(series.clone(), self.inner.ledger.next_number(series).await?);
                }
            }
            let number = |series| next.get(series).copied().unwrap_or(1);
            let numbers = AckNumbers { interchange: number(&series.interchanges), group: number(&series.groups) };
            let (interchange, group) = (numbers.interchange, numbers.group);
            let Some(bytes) = x12::acknowledge(&verdict, &how, numbers, civil) else {
                failed = Some(LedgerError::Conflict("its partner's file says now that none is sent".into()));
                continue;
            };
            let mut taken = vec![(series.interchanges, interchange)];
            let groups = x12::acknowledgement_groups(&verdict, &how);
            taken.extend((0..groups).map(|n| (series.groups.clone(), NumberSeries::after(group, n))));
            for (series, number) in &taken {
                next.insert(series.clone(), NumberSeries::after(*number, 1));
            }
            let outgoing = outgoing(at, &due, bytes.into(), taken, Some(interchange));
            ready.push((due, verdict, outgoing));
        }
        // Polled in this order, and so committed in it: each finds its numbers the next ones.
        let answers = ready.iter().map(|(_, _, outgoing)| self.inner.ledger.issue(outgoing.clone()));
        let answers = futures_util::future::join_all(answers).await;
        let mut refused = Vec::new();
        for ((due, verdict, outgoing), answer) in ready.into_iter().zip(answers) {
            match answer {
                Ok(true) => self.tell_issued(&outgoing, &due),
                Ok(false) if self.still_owed(&due).await? => refused.push((due, verdict)),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        Ok((refused, failed))
    }

    fn tell_issued(&self, outgoing: &Outgoing, due: &Due) {
        let message = outgoing.message.id;
        AcknowledgementIssued { message, about: &due.about, partner: &due.owed.partner }.emit(&self.inner.telemetry);
    }

    /// Whether another node settled it meanwhile.
    async fn still_owed(&self, due: &Due) -> Result<bool, LedgerError> {
        let found = self.inner.ledger.owed(due.id - 1, 1).await?;
        Ok(found.first().is_some_and(|(id, _)| *id == due.id))
    }

    /// Sends what the first arrival's acknowledgement said, byte for byte.
    async fn repeat(&self, due: &Due, first: MessageId, interchange: usize) -> Result<(), LedgerError> {
        let filter =
            MessageFilter { relates_to: Some(first), direction: Some(Direction::Out), ..MessageFilter::default() };
        let mut said = self.inner.ledger.messages(filter, None, PAGE).await?;
        said.sort_by_key(|message| message.id);
        let Some(original) = said.get(interchange).or_else(|| said.last()) else {
            return Err(LedgerError::Conflict(format!("the acknowledgement of {first} is not issued yet")));
        };
        let payload = self.inner.ledger.payload(original.id).await?;
        let payload = payload.ok_or_else(|| LedgerError::NotFound(format!("the payload of {}", original.id)))?;
        let bytes = self.inner.ledger.read_payload(&payload)?;
        let number = original.interchange.as_ref().and_then(|number| number.parse().ok());
        let outgoing = outgoing(self.now(), due, bytes, Vec::new(), number);
        if self.inner.ledger.issue(outgoing.clone()).await? {
            self.tell_issued(&outgoing, due);
        }
        Ok(())
    }
}

/// An acknowledgement that is owed, with the message that earned it.
struct Due {
    id: u64,
    owed: Owed,
    about: Message,
}

/// Where the control numbers of an acknowledgement come from.
struct Series {
    interchanges: NumberSeries,
    groups: NumberSeries,
}

impl Series {
    /// The other way round: who was addressed answers.
    fn of(header: &InterchangeHeader) -> Self {
        let way = format!("{}>{} {}", party(&header.receiver), party(&header.sender), char::from(header.usage));
        Self { interchanges: NumberSeries(format!("isa {way}")), groups: NumberSeries(format!("gs {way}")) }
    }
}

fn terms<'d>(directory: &'d Directory, partner: &str) -> Result<&'d X12Terms, LedgerError> {
    let terms = directory.partner(partner).and_then(|partner| partner.x12.as_ref());
    terms.ok_or_else(|| LedgerError::NotFound(format!("the X12 terms of partner {partner}")))
}

fn party(id: &x12::PartyId) -> String {
    format!("{}/{}", id.qualifier, id.id)
}

fn outgoing(
    at: Timestamp,
    due: &Due,
    bytes: Bytes,
    numbers: Vec<(NumberSeries, u64)>,
    interchange: Option<u64>,
) -> Outgoing {
    let Due { id: settles, owed, about } = due;
    let id = message_id(at);
    let digest = keys::hex(&keys::sha256(&bytes));
    let document = Document {
        message: id,
        position: 0,
        partner: Some(owed.partner.clone()),
        kind: Some(DocumentType::FunctionalAcknowledgement),
        format_kind: "997".into(),
        number: None,
        orders: Vec::new(),
        state: DocumentState::Recorded,
        range: (0, bytes.len() as u64),
        digest: digest.clone(),
        problem: None,
        extras: None,
        mapping: None,
        event: None,
        revision: 0,
    };
    let message = Message {
        id,
        direction: Direction::Out,
        channel: about.channel,
        connection: about.connection.clone(),
        partner: Some(owed.partner.clone()),
        transport_id: None,
        filename: None,
        content_type: Some("application/edi-x12".into()),
        digest,
        bytes: bytes.len() as u64,
        interchange: interchange.map(|number| format!("{number:09}")),
        at,
        state: MessageState::Ready,
        mode: about.mode,
        correlation: about.correlation.clone(),
        config: about.config.clone(),
        problem: None,
        relates_to: Some(about.id),
    };
    Outgoing {
        message,
        payload: Payload::Inline(bytes),
        documents: vec![(document, None)],
        numbers,
        settles: vec![*settles],
        settled_as: "acknowledged",
        watches: Vec::new(),
        channel: about.channel,
        due: at,
        facts: vec![Fact { at, what: "issued".into(), detail: format!("acknowledges {}", about.id) }],
    }
}
