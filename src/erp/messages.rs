//! `/erp/v1/messages…`: finding messages, all that is known of one, and its bytes.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::Response,
};
use serde::Serialize;

use super::{Erp, problems};
use crate::{
    document::MessageId,
    ledger::{Delivery, Document, Fact, Message, MessageFilter, Payload},
    net::{self, FileBody, Problem, Query},
};

/// So many entries a page has at most.
const MAX_PAGE: usize = 200;

pub(super) async fn list(State(erp): State<Arc<Erp>>, uri: Uri) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Page {
        data: Vec<Message>,
        next: Option<String>,
    }
    let mut query = Query::of(&uri)?;
    let limit = query.number("limit", 1..=MAX_PAGE, 50);
    let before = query.cursor("after");
    let filter = MessageFilter {
        partner: query.text("partner"),
        number: query.text("number"),
        isa13: query.text("isa13"),
        message_id: query.text("message_id"),
        filename: query.text("filename"),
        state: query.word("state", "a message's state, like accepted, rejected, held or ready"),
        direction: query.word("direction", "in or out"),
        from: query.moment("from"),
        to: query.moment("to"),
        ..MessageFilter::default()
    };
    query.finish()?;
    let found = erp.ledger.messages(filter, before, limit + 1).await;
    let mut data = found.map_err(problems::from_ledger(problems::NO_MESSAGE))?;
    let more = data.len() > limit;
    data.truncate(limit);
    let next = data.last().filter(|_| more).map(|message| net::cursor(message.id));
    let page = Page { data, next };
    Ok(net::page(&uri, page.next.as_deref(), &page))
}

pub(super) async fn one(State(erp): State<Arc<Erp>>, Path(id): Path<String>, uri: Uri) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct One {
        #[serde(flatten)]
        message: Message,
        timeline: Vec<Fact>,
        documents: Vec<Document>,
        /// Ask again with `?position=` this, where there are more documents.
        next_position: Option<u32>,
        deliveries: Vec<Delivery>,
        /// What it answers or repeats, and what answers or repeats it.
        related: Vec<Message>,
    }
    let mut query = Query::of(&uri)?;
    let from = query.number("position", 0..=u32::MAX, 0);
    query.finish()?;
    let failed = problems::from_ledger(problems::NO_MESSAGE);
    let message = known(&erp, &id).await?;
    let mut documents = erp.ledger.documents(message.id, from, MAX_PAGE + 1).await.map_err(&failed)?;
    let next_position = documents.get(MAX_PAGE).map(|document| document.position);
    documents.truncate(MAX_PAGE);
    let timeline = erp.ledger.timeline(message.id).await.map_err(&failed)?;
    let deliveries = erp.ledger.deliveries(message.id).await.map_err(&failed)?;
    let filter = MessageFilter { relates_to: Some(message.id), ..MessageFilter::default() };
    let mut related = erp.ledger.messages(filter, None, MAX_PAGE).await.map_err(&failed)?;
    related.retain(|other| other.relates_to == Some(message.id));
    if let Some(origin) = message.relates_to {
        related.extend(erp.ledger.message(origin).await.map_err(&failed)?);
    }
    Ok(net::json(StatusCode::OK, &One { message, timeline, documents, next_position, deliveries, related }))
}

pub(super) async fn payload(State(erp): State<Arc<Erp>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let message = known(&erp, &id).await?;
    let payload = erp.ledger.payload(message.id).await.map_err(problems::from_ledger(problems::NO_MESSAGE))?;
    let body = match payload {
        Some(Payload::Inline(bytes)) => Body::from(bytes),
        Some(Payload::File(path)) => Body::new(FileBody::open(path).await.map_err(|error| {
            tracing::error!(message = %message.id, %error, "A payload's file cannot be read.");
            net::problem::INTERNAL.because("The payload's file cannot be read; the log tells why.")
        })?),
        None => return Err(problems::NO_MESSAGE.because("The bytes of this message are no longer kept.")),
    };
    Ok(net::download(body, message.content_type.as_deref(), &format!("{}.bin", message.id)))
}

async fn known(erp: &Erp, id: &str) -> Result<Message, Problem> {
    let nothing = || problems::NO_MESSAGE.because("There is no message with this id.");
    let id: MessageId = id.parse().map_err(|_| nothing())?;
    let found = erp.ledger.message(id).await.map_err(problems::from_ledger(problems::NO_MESSAGE))?;
    found.ok_or_else(nothing)
}
