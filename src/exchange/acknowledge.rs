//! Issues the acknowledgements that are owed: renders the facts for the control numbers that are next, and commits
//! bytes, delivery and numbers together. If somebody else took the numbers meanwhile, it renders again.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};

use super::{
    Exchange,
    answered::{self, Answers},
    events::AcknowledgementIssued,
    message_id, policy, rendering,
};
use crate::{
    document::{DocumentType, MessageId},
    keys,
    ledger::{
        Channel, Direction, Document, DocumentState, Fact, LedgerError, Message, MessageState, News, NumberSeries,
        Outgoing, Owed, Payload,
    },
    partner::Partner,
    x12::{self, AckNumbers, InterchangeVerdict},
};

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
    Verdict {
        /// The interchange's place in the message.
        interchange: usize,
        /// All of it.
        verdict: Box<InterchangeVerdict>,
    },
    /// What was said to the message that came first.
    Again {
        /// The interchange's place in the message.
        interchange: usize,
        /// The message that came first.
        first: MessageId,
        /// The interchange's place in that one, where it was noted.
        position: Option<u32>,
        /// What the checks came to this time, where it was noted.
        verdict: Option<Box<InterchangeVerdict>>,
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
            if matches!(due.said, Said::Verdict { .. }) { fresh.push(due) } else { again.push(due) }
        }
        failed = self.issue_all(fresh, partner).await?.or(failed);
        // After those: what they repeat may have been among them.
        let (mut unsaid, mut answers) = (Vec::new(), HashMap::new());
        for due in again {
            match self.repeat(due, &mut answers).await {
                Ok(nothing_said) => unsaid.extend(nothing_said),
                Err(error) => failed = Some(error),
            }
        }
        failed = self.issue_all(unsaid, partner).await?.or(failed);
        failed.map_or(Ok(()), Err)
    }

    /// Issues all of these, with others' numbers where somebody took theirs. Answers what went wrong last.
    async fn issue_all(&self, mut due: Vec<Due>, partner: &Partner) -> Result<Option<LedgerError>, LedgerError> {
        let mut failed = None;
        while !due.is_empty() {
            let (refused, error) = self.issue_together(due, partner).await?;
            (due, failed) = (refused, error.or(failed));
        }
        Ok(failed)
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
                Ok(rendered) => ready.push(rendered),
                Err(due) => self.leave_unsaid(&due).await?,
            }
        }
        // Polled in this order, and so committed in it: each finds its numbers the next ones.
        let answers = ready.iter().map(|one| self.inner.ledger.issue(one.outgoing.clone()));
        let answers = futures_util::future::join_all(answers).await;
        let mut refused = Vec::new();
        for (Rendered { due, outgoing }, answer) in ready.into_iter().zip(answers) {
            match answer {
                Ok(true) => self.tell_issued(&outgoing, &due),
                Ok(false) if self.inner.ledger.is_owed(due.id).await? => refused.push(due),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        Ok((refused, failed))
    }

    /// Settles what is not to be said any more, since its partner's file was changed meanwhile.
    async fn leave_unsaid(&self, due: &Due) -> Result<(), LedgerError> {
        let detail = "its partner's file says now that none is sent".to_owned();
        let fact = Fact { at: self.now(), what: "not acknowledged".into(), detail };
        let news = News { settles: vec![due.id], facts: vec![(due.about.id, fact)], ..News::default() };
        self.inner.ledger.tell(news).await.map(|_| ())
    }

    /// One acknowledgement, with the numbers that `next` has for it or the ledger says; given back where none is earned.
    async fn render(
        &self,
        due: Due,
        partner: &Partner,
        next: &mut HashMap<NumberSeries, u64>,
    ) -> Result<Result<Rendered, Due>, LedgerError> {
        let Said::Verdict { interchange: place, verdict } = &due.said else { return Ok(Err(due)) };
        let place = *place;
        let terms = partner.x12.as_ref().ok_or_else(|| no_terms(&partner.id))?;
        let how = policy::acknowledgement(terms);
        let header = &verdict.header;
        let interchanges = rendering::interchange_series(&header.receiver, &header.sender, header.usage);
        // One series for all groups of the answer: that of the first group's parties.
        let answered = verdict.groups.iter().map(|group| &group.header).find(|group| !group.acknowledges());
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
            return Ok(Err(due));
        };
        let count = x12::acknowledgement_groups(verdict, &how);
        let mut numbers = vec![(interchanges, interchange)];
        numbers.extend((0..count).map(|after| (groups.clone(), NumberSeries::after(group, after))));
        for (series, number) in &numbers {
            next.insert(series.clone(), NumberSeries::after(*number, 1));
        }
        let outgoing = outgoing(at, &due, place, bytes.into(), numbers, Some(interchange));
        Ok(Ok(Rendered { due, outgoing }))
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

    /// Sends what the acknowledgement of the first arrival said, byte for byte. Gives it back to be rendered where that one
    /// earned none: its partner's file may have asked for none then.
    async fn repeat(&self, due: Due, answers: &mut HashMap<MessageId, Answers>) -> Result<Option<Due>, LedgerError> {
        let Due { id, owed, about, said } = due;
        let Said::Again { interchange, first, position, verdict } = said else { return Ok(None) };
        let verdict = match verdict {
            Some(verdict) => verdict,
            None => Box::new(self.verdict_again(&about, interchange).await?),
        };
        let due = Due { id, owed, about, said: Said::Verdict { interchange, verdict } };
        let Said::Verdict { verdict, .. } = &due.said else { return Ok(None) };
        if !answers.contains_key(&first) {
            answers.insert(first, self.answers(first, &due.owed.partner).await?);
        }
        let Some(answers) = answers.get(&first) else { return Ok(None) };
        let Some(original) = self.answer_to(answers, position, verdict).await? else {
            if answers.is_coming(position) {
                return Err(LedgerError::Conflict(format!("the acknowledgement of {first} is not issued yet")));
            }
            return Ok(Some(due));
        };
        let (bytes, number) = self.said_then(original).await?;
        let outgoing = outgoing(self.now(), &due, interchange, bytes, Vec::new(), number);
        if self.inner.ledger.issue(outgoing.clone()).await? {
            self.tell_issued(&outgoing, &due);
        }
        Ok(None)
    }

    /// The bytes of an acknowledgement that was issued, and its ISA13.
    async fn said_then(&self, id: MessageId) -> Result<(Bytes, Option<u64>), LedgerError> {
        let lost = || LedgerError::NotFound(format!("acknowledgement {id}"));
        let message = self.inner.ledger.message(id).await?.ok_or_else(lost)?;
        let payload = self.inner.ledger.payload(id).await?.ok_or_else(lost)?;
        let number = message.interchange.and_then(|number| number.parse().ok());
        Ok((self.inner.ledger.read_payload(&payload)?, number))
    }

    /// What the checks of an interchange come to, from the stored bytes: older facts do not tell it.
    async fn verdict_again(&self, message: &Message, interchange: usize) -> Result<InterchangeVerdict, LedgerError> {
        let (read, _) = self.read_again(message).await?;
        let found = read.reading.interchanges.into_iter().nth(interchange);
        found.map(|one| one.verdict).ok_or_else(|| LedgerError::NotFound(format!("an interchange of {}", message.id)))
    }
}

fn no_terms(partner: &str) -> LedgerError {
    LedgerError::NotFound(format!("the X12 terms of partner {partner}"))
}

fn outgoing(
    at: Timestamp,
    due: &Due,
    place: usize,
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
        extras: Some(answered::note(place)),
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
