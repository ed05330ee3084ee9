//! Issues the acknowledgements that are owed: renders the facts for the control numbers that are next, and commits
//! bytes, delivery and numbers together. If somebody else took the numbers meanwhile, it renders again.

use std::sync::Arc;

use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};

use super::{Exchange, events::AcknowledgementIssued, message_id, policy, rendering};
use crate::{
    document::{DocumentType, MessageId},
    keys,
    ledger::{
        Direction, Document, DocumentState, Fact, LedgerError, Message, MessageFilter, MessageState, NumberSeries,
        Outgoing, Owed, Payload,
    },
    partner::Partner,
    x12::{self, AckNumbers, InterchangeVerdict},
};

/// How many acknowledgements of one message are looked at.
const PAGE: usize = 128;

/// What an acknowledgement says.
pub(super) enum Acknowledgement {
    /// What the checks came to.
    Verdict(Box<InterchangeVerdict>),
    /// What was said to the message that came first.
    Again {
        /// That message.
        first: MessageId,
        /// The interchange's place in it.
        interchange: usize,
    },
}

impl Exchange {
    /// Issues one acknowledgement.
    pub(super) async fn acknowledge(&self, id: u64, owed: &Owed, facts: Acknowledgement) -> Result<(), LedgerError> {
        let about = self.inner.ledger.message(owed.message).await?;
        let about = about.ok_or_else(|| LedgerError::NotFound(owed.message.to_string()))?;
        let directory = Arc::clone(&self.inner.snapshot.load().directory);
        let partner = directory.partner(&owed.partner).ok_or_else(|| no_terms(owed))?;
        match facts {
            Acknowledgement::Verdict(verdict) => self.render(id, owed, &about, partner, &verdict).await,
            Acknowledgement::Again { first, interchange } => self.repeat(id, owed, &about, first, interchange).await,
        }
    }

    async fn render(
        &self,
        id: u64,
        owed: &Owed,
        about: &Message,
        partner: &Partner,
        verdict: &InterchangeVerdict,
    ) -> Result<(), LedgerError> {
        let terms = partner.x12.as_ref().ok_or_else(|| no_terms(owed))?;
        let how = policy::acknowledgement(terms);
        let header = &verdict.header;
        let interchanges = rendering::interchange_series(&header.receiver, &header.sender, header.usage);
        // One series for all groups of the answer: that of the first group's parties.
        let answered = verdict.groups.iter().map(|group| &group.header).find(|group| group.functional_id != "FA");
        let groups = match answered {
            Some(group) => rendering::group_series(&group.receiver, &group.sender, header.usage),
            None => rendering::group_series(&header.receiver.id, &header.sender.id, header.usage),
        };
        self.begin(partner, &interchanges, &groups).await?;
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
            numbers.extend((0..taken).map(|after| (groups.clone(), rendering::following(group, after))));
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

fn no_terms(owed: &Owed) -> LedgerError {
    LedgerError::NotFound(format!("the X12 terms of partner {}", owed.partner))
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
