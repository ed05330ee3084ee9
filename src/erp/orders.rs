//! `GET /erp/v1/orders/{number}`: the documents that name an order, oldest first, as one list. Where they are very many,
//! the newest of them: what a long-running order is asked for is how it stands.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::Response,
};
use jiff::Timestamp;
use serde::Serialize;

use super::{Erp, problems};
use crate::{
    document::{DocumentType, EventId, MessageId},
    ledger::{Channel, Direction, DocumentState, Fact, Message, MessageState, NumberFilter},
    net::{self, Problem, Query},
};

/// So many documents one answer tells of.
const MAX_DOCUMENTS: usize = 500;

/// A step of the order's life.
#[derive(Serialize)]
struct Step {
    at: Timestamp,
    direction: Direction,
    partner: Option<String>,
    #[serde(rename = "type")]
    kind: Option<DocumentType>,
    format: String,
    number: Option<String>,
    state: DocumentState,
    message: MessageId,
    position: u32,
    message_state: MessageState,
    channel: Channel,
    interchange: Option<String>,
    event: Option<EventId>,
    /// Of what goes to a partner: attempts to deliver, acknowledgements, what is overdue.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timeline: Vec<Fact>,
}

pub(super) async fn order(
    State(erp): State<Arc<Erp>>,
    Path(number): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Order {
        number: String,
        documents: Vec<Step>,
        /// Whether there are older ones than are told of here.
        truncated: bool,
        /// Where there are: the list begins here.
        #[serde(skip_serializing_if = "Option::is_none")]
        since: Option<Timestamp>,
    }
    Query::of(&uri)?.finish()?;
    let failed = problems::from_ledger(problems::NO_ORDER);
    let all = erp.ledger.documents_by_number(&number, NumberFilter::default(), MAX_DOCUMENTS + 1).await;
    let mut documents = all.map_err(&failed)?;
    let truncated = documents.len() > MAX_DOCUMENTS;
    documents.drain(..documents.len().saturating_sub(MAX_DOCUMENTS));
    if documents.is_empty() {
        return Err(problems::NO_ORDER.because("No document has this number or names it as its order."));
    }
    let mut messages: HashMap<MessageId, Message> = HashMap::new();
    let mut steps = Vec::with_capacity(documents.len());
    for document in documents {
        let id = document.message;
        if !messages.contains_key(&id)
            && let Some(message) = erp.ledger.message(id).await.map_err(&failed)?
        {
            messages.insert(id, message);
        }
        let Some(message) = messages.get(&id) else { continue };
        steps.push(Step {
            at: message.at,
            direction: message.direction,
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
            timeline: match message.direction {
                Direction::Out => erp.ledger.timeline(id).await.map_err(&failed)?,
                Direction::In => Vec::new(),
            },
        });
    }
    let since = steps.first().filter(|_| truncated).map(|oldest| oldest.at);
    Ok(net::json(StatusCode::OK, &Order { number, documents: steps, truncated, since }))
}
