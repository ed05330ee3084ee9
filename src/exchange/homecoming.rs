//! Acknowledgements come home: what a partner's 997, 999 or TA1 says is tied to the groups, sets and interchanges that we
//! sent. What speaks of nothing that we sent is shown, and changes nothing.

use serde_json::json;

use super::{
    Exchange, codes,
    events_out::{AcknowledgementHeard, AcknowledgementUnmatched},
    progress::{Happened, tell},
    reading::Problem,
    rendering,
};
use crate::{
    document::{AcknowledgedError, MessageId, Verb},
    ledger::{Document, DocumentState, Fact, LedgerError, MAX_DOCUMENTS, Message, News, Owed},
    x12::{GroupAcknowledged, GroupStatus, InterchangeAcknowledged, PartyId, SetAcknowledged, Status},
};

/// How often news are put together anew because something else was told of the same documents.
const ATTEMPTS: usize = 16;

impl Exchange {
    /// Ties what a 997 or 999 says to the group that it speaks of.
    pub(super) async fn heard(
        &self,
        id: u64,
        about: &Owed,
        position: u32,
        (us, them, usage): (&str, &str, u8),
        said: Result<GroupAcknowledged, String>,
    ) -> Result<(), LedgerError> {
        let said = match said {
            Ok(said) => said,
            Err(why) => {
                return self.unmatched(id, about, Some(position), format!("It cannot be understood: {why}.")).await;
            }
        };
        let series = rendering::group_series(us, them, usage);
        let Some(number) = said.control.trim().parse::<u64>().ok() else {
            return self
                .unmatched(id, about, Some(position), format!("Its AK102 `{}` is no number.", said.control))
                .await;
        };
        for _ in 0..ATTEMPTS {
            let Some((message, documents)) = self.group(&series, number, &about.partner).await? else {
                let text = format!("We sent no group {number} from {us} to {them}.");
                return self.unmatched(id, about, Some(position), text).await;
            };
            let mut news = News { settles: vec![id], ..News::default() };
            let (mut accepted, mut rejected) = (0, 0);
            for document in documents {
                let set =
                    field(&document, "set").and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default();
                let named = said.of_set(&set);
                let Some(happened) = fate(&said, named, &set, about.message, self.now()) else { continue };
                match happened.state {
                    DocumentState::Rejected => rejected += 1,
                    _ => accepted += 1,
                }
                // Said once more: it is on the timeline, and no news.
                if document.state != happened.state {
                    news.documents.extend(tell(&message, document, happened));
                }
            }
            let detail = format!(
                "{} says of group {number}: {} ({accepted} accepted, {rejected} rejected)",
                about.message,
                word(said.status)
            );
            let at = self.now();
            news.facts.push((message.id, Fact { at, what: "acknowledged".into(), detail }));
            let detail = format!("group {number} of {}", message.id);
            news.facts.push((about.message, Fact { at, what: "matched".into(), detail }));
            if self.inner.ledger.tell(news).await? {
                AcknowledgementHeard { message: &message, by: about.message, accepted, rejected }
                    .emit(&self.inner.telemetry);
                return Ok(());
            }
            if !self.inner.ledger.is_owed(id).await? {
                return Ok(());
            }
        }
        Err(LedgerError::Conflict("its documents keep changing".into()))
    }

    /// Ties what a TA1 says to the interchange that it speaks of.
    pub(super) async fn heard_of_interchange(
        &self,
        id: u64,
        about: &Owed,
        (us, them, usage): (&PartyId, &PartyId, u8),
        said: &InterchangeAcknowledged,
    ) -> Result<(), LedgerError> {
        let series = rendering::interchange_series(us, them, usage);
        for _ in 0..ATTEMPTS {
            let number = said.control.trim().parse::<u64>().ok();
            let found = match number {
                Some(number) => self.inner.ledger.issued(&series, number).await?.into_iter().next(),
                None => None,
            };
            let Some(message) = found else {
                let text = format!("We sent no interchange {} from {}/{}.", said.control, us.qualifier, us.id);
                return self.unmatched(id, about, None, text).await;
            };
            let message = self.inner.ledger.message(message).await?;
            let message = message.ok_or_else(|| LedgerError::NotFound(format!("interchange {}", said.control)))?;
            let mut news = News { settles: vec![id], ..News::default() };
            let (at, refused) = (self.now(), said.status == Some(Status::Rejected));
            let mut rejected = 0;
            if refused {
                for document in self.inner.ledger.documents(message.id, 0, MAX_DOCUMENTS).await? {
                    if document.state == DocumentState::Rejected {
                        continue;
                    }
                    rejected += 1;
                    let error = AcknowledgedError {
                        code: said.note.clone(),
                        level: "interchange".into(),
                        ..AcknowledgedError::default()
                    };
                    let happened = Happened {
                        verb: Verb::Rejected,
                        about: None,
                        state: DocumentState::Rejected,
                        at,
                        detail: format!("The partner's TA1 rejects the interchange with note {}.", said.note),
                        due: None,
                        acknowledgement: Some(about.message),
                        errors: vec![error],
                    };
                    news.documents.extend(tell(&message, document, happened));
                }
            }
            let says = match said.status {
                Some(Status::Accepted) => "accepted",
                Some(Status::AcceptedWithErrors) => "accepted with errors",
                Some(Status::Rejected) => "rejected",
                None => "something that no TA1 says",
            };
            let detail = format!("the TA1 in {} says: {says}, note {}", about.message, said.note);
            news.facts.push((message.id, Fact { at, what: "acknowledged".into(), detail }));
            let detail = format!("interchange {} is {}", said.control, message.id);
            news.facts.push((about.message, Fact { at, what: "matched".into(), detail }));
            if self.inner.ledger.tell(news).await? {
                AcknowledgementHeard { message: &message, by: about.message, accepted: 0, rejected }
                    .emit(&self.inner.telemetry);
                return Ok(());
            }
            if !self.inner.ledger.is_owed(id).await? {
                return Ok(());
            }
        }
        Err(LedgerError::Conflict("its documents keep changing".into()))
    }

    /// The newest message to a partner that has a group of this number, and the documents in that group.
    async fn group(
        &self,
        series: &crate::ledger::NumberSeries,
        number: u64,
        partner: &str,
    ) -> Result<Option<(Message, Vec<Document>)>, LedgerError> {
        for id in self.inner.ledger.issued(series, number).await? {
            let Some(message) = self.inner.ledger.message(id).await? else { continue };
            if message.partner.as_deref() != Some(partner) {
                continue;
            }
            let mut documents = self.inner.ledger.documents(id, 0, MAX_DOCUMENTS).await?;
            documents.retain(|document| field(document, "group").and_then(serde_json::Value::as_u64) == Some(number));
            if !documents.is_empty() {
                return Ok(Some((message, documents)));
            }
        }
        Ok(None)
    }

    /// Shows that an acknowledgement speaks of nothing that we sent.
    async fn unmatched(&self, id: u64, about: &Owed, position: Option<u32>, text: String) -> Result<(), LedgerError> {
        let mut news = News { settles: vec![id], ..News::default() };
        if let Some(position) = position
            && let Some(mut document) = self.inner.ledger.documents(about.message, position, 1).await?.pop()
        {
            let problem = Problem::new(codes::UNMATCHED_ACKNOWLEDGEMENT, text.clone());
            document.problem = Some(problem.to_json());
            document.extras = document.extras.or(Some(json!({ "unmatched": true })));
            news.documents.push((document, None));
        }
        let fact = Fact { at: self.now(), what: "unmatched".into(), detail: text.clone() };
        news.facts.push((about.message, fact));
        if self.inner.ledger.tell(news).await? {
            AcknowledgementUnmatched { message: about.message, partner: &about.partner, text: &text }
                .emit(&self.inner.telemetry);
        }
        Ok(())
    }
}

fn field<'d>(document: &'d Document, name: &str) -> Option<&'d serde_json::Value> {
    document.extras.as_ref()?.get(name)
}

fn word(status: GroupStatus) -> &'static str {
    match status {
        GroupStatus::Accepted => "accepted",
        GroupStatus::AcceptedWithErrors => "accepted with errors",
        GroupStatus::PartiallyAccepted => "accepted in part",
        GroupStatus::Rejected => "rejected",
    }
}

/// How a document fared; `None` where the acknowledgement does not tell.
fn fate(
    said: &GroupAcknowledged,
    named: Option<&SetAcknowledged>,
    set: &str,
    by: MessageId,
    at: jiff::Timestamp,
) -> Option<Happened> {
    let (verb, state, detail) = match said.fate_of(set)? {
        Status::Accepted => (Verb::Accepted, DocumentState::Acknowledged, "The partner's acknowledgement accepts it."),
        Status::AcceptedWithErrors => {
            (Verb::Accepted, DocumentState::Acknowledged, "The partner's acknowledgement accepts it, with errors.")
        }
        Status::Rejected => (Verb::Rejected, DocumentState::Rejected, "The partner's acknowledgement rejects it."),
    };
    let acknowledgement = Some(by);
    let errors = errors(said, named);
    Some(Happened { verb, about: None, state, at, detail: detail.into(), due: None, acknowledgement, errors })
}

/// What an acknowledgement finds wrong with a set, as it says it.
fn errors(said: &GroupAcknowledged, named: Option<&SetAcknowledged>) -> Vec<AcknowledgedError> {
    let level = |level: &str, code: &str| AcknowledgedError {
        code: code.to_owned(),
        level: level.to_owned(),
        ..AcknowledgedError::default()
    };
    let mut all: Vec<_> = said.codes.iter().map(|code| level("group", code)).collect();
    let Some(named) = named else { return all };
    all.extend(named.codes.iter().map(|code| level("set", code)));
    for segment in &named.errors {
        let place = AcknowledgedError {
            segment: Some(segment.tag.clone()),
            position: segment.position,
            ..level("segment", &segment.code)
        };
        if !segment.code.is_empty() || segment.elements.is_empty() {
            all.push(place.clone());
        }
        all.extend(segment.elements.iter().map(|element| AcknowledgedError {
            code: element.code.clone(),
            level: "element".into(),
            element: element.element,
            value: Some(element.value.clone()).filter(|value| !value.is_empty()),
            ..place.clone()
        }));
    }
    all
}
