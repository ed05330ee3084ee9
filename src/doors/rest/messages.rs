//! `GET /v1/messages` and `GET /v1/messages/{id}`: what became of one's own messages.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::Response,
};
use serde::Serialize;

use super::{
    Rest, problems,
    view::{DocumentView, MessageView, is_own},
};
use crate::{
    document::MessageId,
    ledger::{Direction, Message, MessageFilter},
    net::{self, Problem, Query},
    partner::ApiAccess,
};

/// So many entries a page has at most.
const MAX_PAGE: usize = 200;
/// So many pages of the record are looked through for one page of a key that does not see everything.
const MAX_READS: usize = 5;

#[derive(Serialize)]
struct Page<'a> {
    data: Vec<MessageView<'a>>,
    next: Option<String>,
}

pub(super) async fn list(
    State(rest): State<Arc<Rest>>,
    Extension(access): Extension<ApiAccess>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Query::of(&uri)?;
    let limit = query.number("limit", 1..=MAX_PAGE, 50);
    let mut before = query.cursor("after");
    let filter = MessageFilter {
        partner: Some(access.partner.id.clone()),
        direction: query.word("direction", "in or out"),
        state: query.word("state", "a message's state, like accepted, rejected, held or ready"),
        ..MessageFilter::default()
    };
    query.finish()?;

    let mut found: Vec<Message> = Vec::new();
    let mut more = true;
    for _ in 0..MAX_READS {
        // One more than asked for tells whether there is a next page.
        let page = rest.ledger.messages(filter.clone(), before, limit + 1).await.map_err(problems::from_ledger)?;
        more = page.len() > limit;
        before = page.last().map(|message| message.id).or(before);
        found.extend(page.into_iter().filter(|message| is_own(&access, message)));
        if !more || found.len() > limit {
            break;
        }
    }
    let next = if found.len() > limit {
        found.truncate(limit);
        found.last().map(|message| message.id)
    } else {
        before.filter(|_| more)
    };
    let page = Page { data: found.iter().map(MessageView::of).collect(), next: next.map(net::cursor) };
    Ok(net::page(&uri, page.next.as_deref(), &page))
}

#[derive(Serialize)]
struct One<'a> {
    #[serde(flatten)]
    message: MessageView<'a>,
    documents: Vec<DocumentView<'a>>,
    /// Ask again with `?position=` this, where there are more documents.
    next_position: Option<u32>,
    /// What we sent because of it.
    acknowledgements: Vec<MessageView<'a>>,
}

pub(super) async fn one(
    State(rest): State<Arc<Rest>>,
    Extension(access): Extension<ApiAccess>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Query::of(&uri)?;
    let from = query.number("position", 0..=u32::MAX, 0);
    query.finish()?;
    let message = own(&rest, &access, &id).await?;
    let mut documents = rest.ledger.documents(message.id, from, MAX_PAGE + 1).await.map_err(problems::from_ledger)?;
    let next_position = documents.get(MAX_PAGE).map(|document| document.position);
    documents.truncate(MAX_PAGE);
    let filter =
        MessageFilter { relates_to: Some(message.id), direction: Some(Direction::Out), ..MessageFilter::default() };
    let mut answers = rest.ledger.messages(filter, None, MAX_PAGE).await.map_err(problems::from_ledger)?;
    answers.retain(|answer| answer.relates_to == Some(message.id) && is_own(&access, answer));
    Ok(net::json(
        StatusCode::OK,
        &One {
            message: MessageView::of(&message),
            documents: documents.iter().map(DocumentView::of).collect(),
            next_position,
            acknowledgements: answers.iter().map(MessageView::of).collect(),
        },
    ))
}

/// The message with this id, where it is one of `access`'s own. Others' do not exist for them.
pub(super) async fn own(rest: &Rest, access: &ApiAccess, id: &str) -> Result<Message, Problem> {
    let nothing = || problems::NO_MESSAGE.because("There is no message of yours with this id.");
    let id: MessageId = id.parse().map_err(|_| nothing())?;
    let found = rest.ledger.message(id).await.map_err(problems::from_ledger)?;
    found.filter(|message| is_own(access, message)).ok_or_else(nothing)
}
