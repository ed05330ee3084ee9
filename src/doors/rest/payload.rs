//! `GET /v1/messages/{id}/payload`: the bytes as they were received, or as they are to be fetched. A supplier who
//! fetches an outgoing message to its end has it.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    response::Response,
};
use jiff::Timestamp;

use super::{Rest, messages::own, problems};
use crate::{
    document::MessageId,
    ledger::{Attempt, Channel, Delivery, DeliveryState, Direction, Fact, Message, Payload},
    net::{FetchedToTheEnd, FileBody, Problem, download},
    partner::ApiAccess,
};

pub(super) async fn payload(
    State(rest): State<Arc<Rest>>,
    Extension(access): Extension<ApiAccess>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let message = own(&rest, &access, &id).await?;
    let payload = rest.ledger.payload(message.id).await.map_err(problems::from_ledger)?;
    let body = match payload {
        Some(Payload::Inline(bytes)) => Body::from(bytes),
        Some(Payload::File(path)) => Body::new(FileBody::open(path).await.map_err(|error| {
            tracing::error!(message = %message.id, %error, "A payload's file cannot be read.");
            problems::UNAVAILABLE.because("Come again later.").retry_after(problems::UNAVAILABLE_SECONDS)
        })?),
        None => return Err(problems::NO_MESSAGE.because("The bytes of this message are no longer kept.")),
    };
    let media_type = message.content_type.as_deref();
    let ending = match media_type {
        Some(text) if text.to_ascii_lowercase().contains("xml") => "xml",
        Some(text) if text.to_ascii_lowercase().contains("x12") => "x12",
        _ => "bin",
    };
    let waiting = waiting(&rest, &access, &message).await?;
    let response = download(body, media_type, &format!("{}.{ending}", message.id));
    Ok(handing_over(&rest, waiting.into_iter().collect(), response))
}

/// An answer by which its reader has what these deliveries were to bring, once it was read to its end.
pub(super) fn handing_over(rest: &Arc<Rest>, deliveries: Vec<u64>, response: Response) -> Response {
    if deliveries.is_empty() {
        return response;
    }
    let rest = Arc::clone(rest);
    response.map(|body| {
        Body::new(FetchedToTheEnd::new(body, move || {
            tokio::spawn(async move {
                for delivery in deliveries {
                    delivered(&rest, delivery).await;
                }
            });
        }))
    })
}

/// The delivery that fetching this message would be.
pub(super) async fn waiting(rest: &Rest, access: &ApiAccess, message: &Message) -> Result<Option<u64>, Problem> {
    match message.direction {
        Direction::Out => waiting_of(rest, access, message.id).await,
        Direction::In => Ok(None),
    }
}

/// The same, of an outgoing message.
pub(super) async fn waiting_of(rest: &Rest, access: &ApiAccess, message: MessageId) -> Result<Option<u64>, Problem> {
    let deliveries = rest.ledger.deliveries(message).await.map_err(problems::from_ledger)?;
    let waits = |delivery: &Delivery| {
        delivery.channel == Channel::Rest
            && delivery.state == DeliveryState::Ready
            && delivery.partner == access.partner.id
    };
    Ok(deliveries.into_iter().find(waits).map(|delivery| delivery.id))
}

/// Notes that the supplier has it.
pub(super) async fn delivered(rest: &Rest, delivery: u64) {
    let fact =
        Fact { at: Timestamp::now(), what: "delivered".into(), detail: "The supplier fetched it over the API.".into() };
    let attempt = Attempt { delivery, state: DeliveryState::Delivered, due: None, fact, receipt: None };
    match rest.ledger.deliver(attempt).await {
        Ok(_) => rest.intake.fetched(),
        // It stays ready, and the supplier can fetch it again.
        Err(error) => tracing::warn!(delivery, %error, "A fetched message could not be marked as delivered."),
    }
}
