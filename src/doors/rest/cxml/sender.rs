//! `POST /v1/cxml`: for systems that can be told an address, an identity and a shared secret, and no key of an API. The header
//! of the document says who sends it and shows the secret; nothing more of it is taken before that is found to be right.
//!
//! cXML 1.2, "Sender" and "SharedSecret".

use std::sync::Arc;

use axum::{
    Extension,
    body::{Body, BodyDataStream},
    extract::{Request, State},
    http::{
        HeaderValue,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::Response,
};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};

use super::{may_be, refusal};
use crate::{
    document::Mode,
    doors::rest::{Rest, events::KeyRefused, gate, problems, submit as messages},
    net::{self, Context, Problem, media_type},
    partner::ApiAccess,
    spool::SpoolError,
    xml::cxml,
};

/// The largest part of a body that the header ends in; so much is held for somebody who is not known yet.
const HEADER: usize = 64 << 10;

pub(in crate::doors::rest) async fn submit(
    State(rest): State<Arc<Rest>>,
    Extension(context): Extension<Context>,
    request: Request,
) -> Response {
    let correlation = context.id.correlation();
    let taken = async {
        let (access, request) = known(&rest, &context, request).await?;
        gate::admit(&rest, &access)?;
        messages::take(&rest, access, context, None, request).await
    };
    taken.await.unwrap_or_else(|problem| refusal(problem, &correlation))
}

/// Who sends a document, and the request as it goes on from there.
async fn known(rest: &Rest, context: &Context, request: Request) -> Result<(ApiAccess, Request), Problem> {
    let (mut head, body) = request.into_parts();
    let mut rest_of_it = net::decoded(&head.headers, body)?.into_data_stream();
    let first = beginning(&mut rest_of_it).await?;
    let partner = cxml::in_header(&first, |header| rest.directory.load().by_cxml_header(header).map(Arc::clone));
    let Some(partner) = partner.flatten() else {
        KeyRefused { peer: context.peer, presented: true }.emit(&rest.telemetry);
        return Err(problems::KEY.because(
            "The Sender of the Header shows no SharedSecret that is agreed for its identity, or the Header does not end.",
        ));
    };
    gate::certified(&partner, context.certificate)?;
    // It goes on decoded, as what it is here for.
    head.headers.remove(CONTENT_ENCODING);
    head.headers.remove(CONTENT_LENGTH);
    if !media_type(&head.headers).is_some_and(|found| may_be(&found)) {
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    }
    let whole = stream::iter([Ok(first)]).chain(rest_of_it);
    Ok((ApiAccess { partner, mode: Mode::Live }, Request::from_parts(head, Body::from_stream(whole))))
}

/// The beginning of a body: all of it, or at least what the header may be in.
async fn beginning(body: &mut BodyDataStream) -> Result<Bytes, Problem> {
    let mut first = BytesMut::new();
    while first.len() < HEADER
        && let Some(part) = body.next().await
    {
        first.extend_from_slice(&part.map_err(|error| problems::from_spool(SpoolError::Interrupted(error.into())))?);
    }
    Ok(first.freeze())
}
