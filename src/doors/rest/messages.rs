//! `GET /v1/messages` and `GET /v1/messages/{id}`: what became of one's own messages.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, Uri, header::LINK},
    response::Response,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

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
    let mut before = query.parsed("after", "a cursor as it was given out", cursor_read);
    let direction = query.text("direction");
    let state = query.text("state");
    let filter = MessageFilter {
        partner: Some(access.partner.id.clone()),
        direction: direction.as_deref().and_then(word),
        state: state.as_deref().and_then(word),
        ..MessageFilter::default()
    };
    if direction.is_some() && filter.direction.is_none() {
        query.wrong("direction", "Expected in or out.".into());
    }
    if state.is_some() && filter.state.is_none() {
        query.wrong("state", "Expected a message's state, like accepted, rejected, held or ready.".into());
    }
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
    let page = Page { data: found.iter().map(MessageView::of).collect(), next: next.map(cursor) };
    let mut response = net::json(StatusCode::OK, &page);
    if let Some(next) = &page.next
        && let Ok(link) = HeaderValue::try_from(next_link(direction.as_deref(), state.as_deref(), limit, next))
    {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
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

/// A word of the record's, as it is written in JSON.
fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(Value::String(text.to_owned())).ok()
}

fn cursor(id: MessageId) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(id.to_bytes())
}

fn cursor_read(text: &str) -> Option<MessageId> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    Some(MessageId::from_bytes(bytes.try_into().ok()?))
}

/// RFC 8288: where the next page is.
fn next_link(direction: Option<&str>, state: Option<&str>, limit: usize, next: &str) -> String {
    let mut link = format!("</v1/messages?limit={limit}&after={next}");
    for (name, value) in [("direction", direction), ("state", state)] {
        if let Some(value) = value {
            link.push_str(&format!("&{name}={value}"));
        }
    }
    link.push_str(">; rel=\"next\"");
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_given_out() {
        let id = MessageId::new(1_700_000_000_000, 7);
        assert_eq!(cursor_read(&cursor(id)), Some(id));
        for wrong in ["", "x", "msg_01", "AAAA", "!!!!"] {
            assert_eq!(cursor_read(wrong), None, "{wrong}");
        }
    }
}
