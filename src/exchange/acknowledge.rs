//! Issues the acknowledgements that are owed: renders the facts for the control numbers that are next, and commits
//! bytes, delivery and numbers together. If somebody else took the numbers meanwhile, it renders again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

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
    x12::{self, AckNumbers, InterchangeVerdict},
};

/// How many owed acknowledgements are looked at together.
const PAGE: usize = 128;
/// How long to sleep when nothing is owed, or what is owed cannot be issued. A commit that owes something wakes earlier.
const IDLE: Duration = Duration::from_secs(5);

impl Exchange {
    pub(super) async fn acknowledge_forever(self) {
        loop {
            if let Err(error) = self.acknowledge_owed().await {
                tracing::warn!(%error, "Acknowledgements wait until the ledger answers again.");
            }
            let woken = self.inner.owed.notified();
            let _ = tokio::time::timeout(IDLE, woken).await;
        }
    }

    /// Issues all that is owed now, partners side by side, each partner's one after the other.
    async fn acknowledge_owed(&self) -> Result<(), LedgerError> {
        let mut after = 0;
        loop {
            let page = self.inner.ledger.owed(after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            let mut by_partner: BTreeMap<String, Vec<(u64, Owed)>> = BTreeMap::new();
            for (id, owed) in page {
                by_partner.entry(owed.partner.clone()).or_default().push((id, owed));
            }
            let mut partners = tokio::task::JoinSet::new();
            for (_, all) in by_partner {
                let exchange = self.clone();
                partners.spawn(async move {
                    for (id, owed) in all {
                        if let Err(error) = exchange.issue(id, &owed).await {
                            tracing::warn!(message = %owed.message, partner = owed.partner, %error,
                                "An acknowledgement cannot be issued now; it is tried again.");
                            return;
                        }
                    }
                });
            }
            while partners.join_next().await.is_some() {}
        }
    }

    async fn issue(&self, id: u64, owed: &Owed) -> Result<(), LedgerError> {
        let facts: Facts = serde_json::from_value(owed.facts.clone())
            .map_err(|error| LedgerError::Corrupt(format!("the facts of an owed acknowledgement: {error}")))?;
        let about = self.inner.ledger.message(owed.message).await?;
        let about = about.ok_or_else(|| LedgerError::NotFound(owed.message.to_string()))?;
        let directory = Arc::clone(&self.inner.snapshot.load().directory);
        let terms = terms(&directory, owed)?;
        match facts {
            Facts::Verdict { verdict, .. } => self.render(id, owed, &about, terms, &verdict).await,
            Facts::Again { first, interchange } => self.repeat(id, owed, &about, first, interchange).await,
        }
    }

    async fn render(
        &self,
        id: u64,
        owed: &Owed,
        about: &Message,
        terms: &X12Terms,
        verdict: &InterchangeVerdict,
    ) -> Result<(), LedgerError> {
        let how = policy::acknowledgement(terms);
        let header = &verdict.header;
        let usage = char::from(header.usage);
        let interchanges = NumberSeries(format!("isa {}>{} {usage}", party(&header.receiver), party(&header.sender)));
        let groups = NumberSeries(format!("gs {}>{} {usage}", party(&header.receiver), party(&header.sender)));
        loop {
            let interchange = self.inner.ledger.next_number(&interchanges).await?;
            let group = self.inner.ledger.next_number(&groups).await?;
            let at = self.now();
            let civil = at.to_zoned(TimeZone::UTC).datetime();
            let Some(bytes) = x12::acknowledge(verdict, &how, AckNumbers { interchange, group }, civil) else {
                return Err(LedgerError::Conflict("its partner's file says now that none is sent".into()));
            };
            let taken = x12::acknowledgement_groups(verdict, &how);
            let mut numbers = vec![(interchanges.clone(), interchange)];
            numbers.extend((group..group + taken).map(|number| (groups.clone(), number)));
            let outgoing = outgoing(at, id, owed, about, bytes.into(), numbers, Some(interchange));
            let message = outgoing.message.id;
            if self.inner.ledger.issue(outgoing).await? {
                AcknowledgementIssued { message, about, partner: &owed.partner }.emit(&self.inner.telemetry);
                return Ok(());
            }
        }
    }

    /// Sends what the first arrival's acknowledgement said, byte for byte.
    async fn repeat(
        &self,
        id: u64,
        owed: &Owed,
        about: &Message,
        first: MessageId,
        interchange: usize,
    ) -> Result<(), LedgerError> {
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
        let outgoing = outgoing(self.now(), id, owed, about, bytes, Vec::new(), number);
        let message = outgoing.message.id;
        self.inner.ledger.issue(outgoing).await?;
        AcknowledgementIssued { message, about, partner: &owed.partner }.emit(&self.inner.telemetry);
        Ok(())
    }
}

fn terms<'d>(directory: &'d Directory, owed: &Owed) -> Result<&'d X12Terms, LedgerError> {
    let partner = directory.partner(&owed.partner);
    let terms = partner.and_then(|partner| partner.x12.as_ref());
    terms.ok_or_else(|| LedgerError::NotFound(format!("the X12 terms of partner {}", owed.partner)))
}

fn party(id: &x12::PartyId) -> String {
    format!("{}/{}", id.qualifier, id.id)
}

fn outgoing(
    at: Timestamp,
    settles: u64,
    owed: &Owed,
    about: &Message,
    bytes: Bytes,
    numbers: Vec<(NumberSeries, u64)>,
    interchange: Option<u64>,
) -> Outgoing {
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
        settles: vec![settles],
        settled_as: "acknowledged",
        watches: Vec::new(),
        channel: about.channel,
        due: at,
        facts: vec![Fact { at, what: "issued".into(), detail: format!("acknowledges {}", about.id) }],
    }
}
