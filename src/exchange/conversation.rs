//! How a conversation stands: what became of a document that was sent, beyond its delivery. A partner may have it and reject
//! it, or never acknowledge or answer it; whoever asks for an order's number asks about that.

use std::{
    collections::HashMap,
    fmt::{self, Write},
};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    document::{DocumentType, EventId, MessageId, Verb, event_type},
    ledger::{
        Channel, Direction, Document, DocumentState, Fact, Ledger, LedgerError, MAX_DOCUMENTS, Message, MessageState,
        NumberFilter,
    },
};

/// How many documents of an order are told of.
pub(super) const MOST: usize = 500;

/// How the conversation about one document stands that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    state: DocumentState,
    /// Its acknowledgement (997, 999, TA1) did not come in time, and has not come since.
    acknowledgement_overdue: bool,
    answered: bool,
    /// Its answer did not come in time, and has not come since.
    answer_overdue: bool,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            DocumentState::Rejected => "rejected",
            DocumentState::Acknowledged => "accepted",
            DocumentState::Failed => "failed",
            _ if self.acknowledgement_overdue => "acknowledgement overdue",
            // Whoever answers it has it.
            _ if self.answered => return f.write_str("answered"),
            DocumentState::Delivered => "delivered",
            DocumentState::Held => "held",
            _ => "issued",
        };
        f.write_str(state)?;
        match (self.answered, self.answer_overdue) {
            (true, _) => f.write_str(", answered"),
            (false, true) => f.write_str(", answer overdue"),
            (false, false) => Ok(()),
        }
    }
}

/// A step of an order's life: a document that names it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// When its message came or was issued.
    pub at: Timestamp,
    /// Which way it went.
    pub direction: Direction,
    /// The partner it is from or for.
    pub partner: Option<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Option<DocumentType>,
    /// The format's own name of it.
    pub format: String,
    /// Its own number.
    pub number: Option<String>,
    /// Where it stands.
    pub state: DocumentState,
    /// How the conversation about it stands, where it goes to a partner: accepted, rejected, overdue, answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// Its message.
    pub message: MessageId,
    /// Its place in it.
    pub position: u32,
    /// Where the message stands.
    pub message_state: MessageState,
    /// How it came or goes.
    pub channel: Channel,
    /// ISA13, where there is one.
    pub interchange: Option<String>,
    /// Its latest event.
    pub event: Option<EventId>,
    /// Of what goes to a partner: attempts to deliver, acknowledgements, what is overdue.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Fact>,
}

/// An order's life across its documents, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrderLife {
    /// The order's number.
    pub number: String,
    /// The documents that name it.
    pub documents: Vec<Step>,
    /// Whether there are older ones than are told of here.
    pub truncated: bool,
    /// Where there are: when the oldest of these came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// The life of an order; `None` where no document names it.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn order_life(ledger: &dyn Ledger, number: &str) -> Result<Option<OrderLife>, LedgerError> {
    let mut documents = ledger.documents_by_number(number, NumberFilter::default(), MOST + 1).await?;
    if documents.is_empty() {
        return Ok(None);
    }
    let truncated = documents.len() > MOST;
    documents.drain(..documents.len().saturating_sub(MOST));
    let mut messages: HashMap<MessageId, (Message, Vec<Fact>)> = HashMap::new();
    let mut steps = Vec::with_capacity(documents.len());
    for document in documents {
        let id = document.message;
        if !messages.contains_key(&id)
            && let Some(message) = ledger.message(id).await?
        {
            let timeline = match message.direction {
                Direction::Out => ledger.timeline(id).await?,
                Direction::In => Vec::new(),
            };
            messages.insert(id, (message, timeline));
        }
        let Some((message, timeline)) = messages.get(&id) else { continue };
        steps.push(Step {
            at: message.at,
            direction: message.direction,
            conversation: standing(ledger, message, &document).await?.map(|standing| standing.to_string()),
            partner: document.partner,
            kind: document.kind,
            format: document.format_kind,
            number: document.number,
            state: document.state,
            message: id,
            position: document.position,
            message_state: message.state,
            channel: message.channel,
            interchange: message.interchange.clone(),
            event: document.event,
            timeline: timeline.clone(),
        });
    }
    let since = steps.first().filter(|_| truncated).map(|oldest| oldest.at);
    Ok(Some(OrderLife { number: number.to_owned(), documents: steps, truncated, since }))
}

/// How the conversations about a message's documents stand, in words; `None` where it carries none of the ERP's to a partner.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn conversation(ledger: &dyn Ledger, message: &Message) -> Result<Option<String>, LedgerError> {
    if !goes_to_a_partner(message) {
        return Ok(None);
    }
    let mut counted: Vec<(String, usize)> = Vec::new();
    for document in ledger.documents(message.id, 0, MAX_DOCUMENTS).await? {
        let Some(standing) = standing(ledger, message, &document).await? else { continue };
        let standing = standing.to_string();
        match counted.iter_mut().find(|(known, _)| *known == standing) {
            Some((_, count)) => *count += 1,
            None => counted.push((standing, 1)),
        }
    }
    if let [(standing, _)] = counted.as_slice() {
        return Ok(Some(standing.clone()));
    }
    let mut words = String::new();
    for (standing, count) in &counted {
        let comma = if words.is_empty() { "" } else { "; " };
        // Writing to a String cannot fail.
        let _ = write!(words, "{comma}{count} {standing}");
    }
    Ok(Some(words).filter(|words| !words.is_empty()))
}

async fn standing(
    ledger: &dyn Ledger,
    message: &Message,
    document: &Document,
) -> Result<Option<Standing>, LedgerError> {
    let ours = document.kind.is_some_and(|kind| kind != DocumentType::FunctionalAcknowledgement);
    if !ours || !goes_to_a_partner(message) {
        return Ok(None);
    }
    let told = told(ledger, document).await?;
    let overdue = |about| told.contains(&event_type(about, Verb::Overdue));
    let answer_overdue =
        overdue(DocumentType::OrderAcknowledgement) || overdue(DocumentType::OrderChangeAcknowledgement);
    let asks = matches!(document.kind, Some(DocumentType::PurchaseOrder | DocumentType::PurchaseOrderChange));
    Ok(Some(Standing {
        state: document.state,
        acknowledgement_overdue: overdue(DocumentType::FunctionalAcknowledgement),
        answered: asks && !document.orders.is_empty() && is_answered(ledger, document).await?,
        answer_overdue,
    }))
}

/// Whether it is what a partner gets, and not what the ERP handed over for it.
fn goes_to_a_partner(message: &Message) -> bool {
    message.direction == Direction::Out && message.channel != Channel::Erp
}

/// The types of all events of a document so far.
async fn told(ledger: &dyn Ledger, document: &Document) -> Result<Vec<String>, LedgerError> {
    let mut types = Vec::new();
    for revision in 0..=document.event.map_or(0, |last| last.revision) {
        let event = ledger.event(document.message.event(document.position, revision)).await?;
        types.extend(event.map(|event| event.kind));
    }
    Ok(types)
}

/// Whether the partner answered an order, or a change after it was issued.
pub(super) async fn is_answered(ledger: &dyn Ledger, document: &Document) -> Result<bool, LedgerError> {
    use DocumentType::{OrderAcknowledgement, OrderChangeAcknowledgement, PurchaseOrder};
    let of_partner = NumberFilter { partner: document.partner.clone(), ..NumberFilter::default() };
    let mut answers = vec![NumberFilter {
        kinds: vec![OrderAcknowledgement, OrderChangeAcknowledgement],
        after: Some(document.message),
        ..of_partner.clone()
    }];
    if document.kind == Some(PurchaseOrder) {
        // It may have been issued a second time since it was acknowledged.
        answers.push(NumberFilter { kinds: vec![OrderAcknowledgement], ..of_partner });
    }
    'orders: for order in &document.orders {
        for answer in &answers {
            if !ledger.documents_by_number(order, answer.clone(), 1).await?.is_empty() {
                continue 'orders;
            }
        }
        return Ok(false);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_is_still_missing() {
        let standing = |state, acknowledgement_overdue, answered, answer_overdue| {
            Standing { state, acknowledgement_overdue, answered, answer_overdue }.to_string()
        };
        for (said, expected) in [
            (standing(DocumentState::Issued, false, false, false), "issued"),
            (standing(DocumentState::Delivered, false, false, false), "delivered"),
            (standing(DocumentState::Delivered, true, false, false), "acknowledgement overdue"),
            (standing(DocumentState::Delivered, true, false, true), "acknowledgement overdue, answer overdue"),
            (standing(DocumentState::Delivered, true, true, true), "acknowledgement overdue, answered"),
            (standing(DocumentState::Delivered, false, true, false), "answered"),
            (standing(DocumentState::Acknowledged, true, false, false), "accepted"),
            (standing(DocumentState::Acknowledged, false, false, true), "accepted, answer overdue"),
            (standing(DocumentState::Acknowledged, false, true, true), "accepted, answered"),
            (standing(DocumentState::Rejected, true, false, false), "rejected"),
            (standing(DocumentState::Failed, false, false, false), "failed"),
        ] {
            assert_eq!(said, expected);
        }
    }
}
