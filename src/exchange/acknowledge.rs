//! Issues the acknowledgements that are owed: renders the facts for the control numbers that are next, and commits
//! bytes, delivery and numbers together. If somebody else took the numbers meanwhile, it renders again.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};

use super::{Exchange, events::AcknowledgementIssued, message_id, policy, rendering};
use crate::{
    document::{DocumentType, MessageId},
    keys,
    ledger::{
        Channel, Direction, Document, DocumentState, Fact, LedgerError, Message, MessageFilter, MessageState,
        NumberSeries, Outgoing, Owed, Payload,
    },
    partner::Partner,
    x12::{self, AckNumbers, InterchangeVerdict},
};

/// How many acknowledgements of one message are looked at.
const PAGE: usize = 128;

/// An acknowledgement that is owed, with the message that earned it.
pub(super) struct Due {
    id: u64,
    owed: Owed,
    about: Message,
    said: Said,
}

/// What an acknowledgement says.
pub(super) enum Said {
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

/// One rendered for the numbers that are next.
struct Rendered {
    due: Due,
    outgoing: Outgoing,
}

impl Exchange {
    /// Issues what is owed to one partner, in its order. Those that cannot be issued hold up none of the others; the last
    /// reason is answered.
    pub(super) async fn acknowledge(&self, partner: &str, owed: Vec<(u64, Owed, Said)>) -> Result<(), LedgerError> {
        if owed.is_empty() {
            return Ok(());
        }
        let about = self.inner.ledger.messages_of(owed.iter().map(|(_, owed, _)| owed.message).collect()).await?;
        let about: HashMap<MessageId, Message> = about.into_iter().map(|message| (message.id, message)).collect();
        let directory = Arc::clone(&self.inner.snapshot.load().directory);
        let partner = directory.partner(partner).ok_or_else(|| no_terms(partner))?;
        let (mut fresh, mut again, mut failed) = (Vec::new(), Vec::new(), None);
        for (id, owed, said) in owed {
            let Some(about) = about.get(&owed.message).cloned() else {
                failed = Some(LedgerError::NotFound(owed.message.to_string()));
                continue;
            };
            let due = Due { id, owed, about, said };
            if matches!(due.said, Said::Verdict(_)) { fresh.push(due) } else { again.push(due) }
        }
        while !fresh.is_empty() {
            let (refused, error) = self.issue_together(fresh, partner).await?;
            (fresh, failed) = (refused, error.or(failed));
        }
        // After those: what they repeat may have been among them.
        for due in again {
            failed = self.repeat(&due).await.err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Renders for the numbers that are next, and hands all to the ledger together, so that they share a commit. Gives back
    /// those whose numbers somebody else took meanwhile.
    async fn issue_together(
        &self,
        due: Vec<Due>,
        partner: &Partner,
    ) -> Result<(Vec<Due>, Option<LedgerError>), LedgerError> {
        let mut next = HashMap::new();
        let (mut ready, mut failed) = (Vec::with_capacity(due.len()), None);
        for due in due {
            match self.render(due, partner, &mut next).await? {
                Some(rendered) => ready.push(rendered),
                None => failed = Some(LedgerError::Conflict("its partner's file says now that none is sent".into())),
            }
        }
        // Polled in this order, and so committed in it: each finds its numbers the next ones.
        let answers = ready.iter().map(|one| self.inner.ledger.issue(one.outgoing.clone()));
        let answers = futures_util::future::join_all(answers).await;
        let mut refused = Vec::new();
        for (Rendered { due, outgoing }, answer) in ready.into_iter().zip(answers) {
            match answer {
                Ok(true) => self.tell_issued(&outgoing, &due),
                Ok(false) if self.still_owed(&due).await? => refused.push(due),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        Ok((refused, failed))
    }

    /// One acknowledgement, with the numbers that `next` has for it or the ledger says; `None` where none is earned.
    async fn render(
        &self,
        due: Due,
        partner: &Partner,
        next: &mut HashMap<NumberSeries, u64>,
    ) -> Result<Option<Rendered>, LedgerError> {
        let Said::Verdict(verdict) = &due.said else { return Ok(None) };
        let terms = partner.x12.as_ref().ok_or_else(|| no_terms(&partner.id))?;
        let how = policy::acknowledgement(terms);
        let header = &verdict.header;
        let interchanges = rendering::interchange_series(&header.receiver, &header.sender, header.usage);
        // One series for all groups of the answer: that of the first group's parties.
        let answered = verdict.groups.iter().map(|group| &group.header).find(|group| group.functional_id != "FA");
        let groups = match answered {
            Some(group) => rendering::group_series(&group.receiver, &group.sender, header.usage),
            None => rendering::group_series(&header.receiver.id, &header.sender.id, header.usage),
        };
        if !next.contains_key(&interchanges) || !next.contains_key(&groups) {
            self.begin(partner, &interchanges, &groups).await?;
        }
        let interchange = self.next_of(next, &interchanges).await?;
        let group = self.next_of(next, &groups).await?;
        let at = self.now();
        let civil = at.to_zoned(TimeZone::UTC).datetime();
        let Some(bytes) = x12::acknowledge(verdict, &how, AckNumbers { interchange, group }, civil) else {
            return Ok(None);
        };
        let count = x12::acknowledgement_groups(verdict, &how);
        let mut numbers = vec![(interchanges, interchange)];
        numbers.extend((0..count).map(|after| (groups.clone(), NumberSeries::after(group, after))));
        for (series, number) in &numbers {
            next.insert(series.clone(), NumberSeries::after(*number, 1));
        }
        let outgoing = outgoing(at, &due, bytes.into(), numbers, Some(interchange));
        Ok(Some(Rendered { due, outgoing }))
    }

    async fn next_of(&self, next: &HashMap<NumberSeries, u64>, series: &NumberSeries) -> Result<u64, LedgerError> {
        match next.get(series) {
            Some(number) => Ok(*number),
            None => self.inner.ledger.next_number(series).await,
        }
    }

    fn tell_issued(&self, outgoing: &Outgoing, due: &Due) {
        let message = outgoing.message.id;
        AcknowledgementIssued { message, about: &due.about, partner: &due.owed.partner }.emit(&self.inner.telemetry);
        // What partners fetch is there for them; the rest is on its way at once.
        if matches!(outgoing.channel, Channel::As2 | Channel::SftpPush | Channel::Webhook) {
            self.inner.due.now();
        }
    }

    /// Whether nobody settled it meanwhile.
    async fn still_owed(&self, due: &Due) -> Result<bool, LedgerError> {
        let found = self.inner.ledger.owed(due.id.saturating_sub(1), &[], 1).await?;
        Ok(found.first().is_some_and(|(id, _)| *id == due.id))
    }

    /// Sends what the first arrival's acknowledgement said, byte for byte.
    async fn repeat(&self, due: &Due) -> Result<(), LedgerError> {
        let Said::Again { first, interchange } = due.said else { return Ok(()) };
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

fn no_terms(partner: &str) -> LedgerError {
    LedgerError::NotFound(format!("the X12 terms of partner {partner}"))
}

fn outgoing(
    at: Timestamp,
    due: &Due,
    bytes: Bytes,
    numbers: Vec<(NumberSeries, u64)>,
    interchange: Option<u64>,
) -> Outgoing {
    let Due { id: settles, owed, about, .. } = due;
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
