//! `GET /v1/limits`: what a partner's limits are, and how much of each is left.

use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    http::{StatusCode, Uri},
    response::Response,
};
use jiff::Timestamp;
use serde::Serialize;

use super::{Rest, problems, submit};
use crate::{
    document::Mode,
    ledger::Channel,
    limits::Usage,
    net::{self, Problem, Query},
    partner::ApiAccess,
};

#[derive(Serialize)]
struct Limits<'a> {
    partner: &'a str,
    mode: Mode,
    /// The largest body.
    message_size: u64,
    /// The largest document in JSON.
    document_size: u64,
    limits: Vec<Usage>,
}

pub(super) async fn limits(
    State(rest): State<Arc<Rest>>,
    Extension(access): Extension<ApiAccess>,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::of(&uri)?.finish()?;
    let (partner, now) = (&access.partner, Timestamp::now());
    // What came before a restart is counted first.
    rest.limiter().over_quota(rest.ledger.as_ref(), partner, now).await.map_err(problems::from_ledger)?;
    let limits = rest.limiter().usage(partner, Channel::Rest, now);
    let answer = Limits {
        partner: &partner.id,
        mode: access.mode,
        message_size: partner.message_size,
        document_size: submit::largest_document(partner),
        limits,
    };
    Ok(net::json(StatusCode::OK, &answer))
}
