//! Somebody whom nobody knows by these names from there: told so, without a signature and without reading the body, and
//! not told what of it is wrong.

use std::net::IpAddr;

use axum::response::Response;
use jiff::Timestamp;

use super::{As2, PRODUCT, events, problems, response};
use crate::{
    as2::{
        algorithm::{Scheme, Spelling},
        content::InMemory,
        disposition::{Disposition, Modifier},
        entropy::System,
        headers::Request,
        mdn::{self, ReceiptTerms},
        receive::Tools,
        send,
    },
    net::Problem,
};

pub(super) fn answer(door: &As2, request: &Request, source: Option<IpAddr>) -> Result<Response, Problem> {
    events::Strange { source, from: &request.from, to: &request.to }.emit(&door.telemetry);
    let refusal = || problems::STRANGER.because("Nobody is known by this AS2-From and AS2-To, coming from there.");
    let answers = request.receipt.as_ref().is_some_and(|receipt| receipt.deliver_to.is_none());
    if !answers {
        return Err(refusal());
    }
    let tools = Tools { now: Timestamp::now(), scratch: &InMemory, entropy: &System };
    let terms = ReceiptTerms {
        // Whoever asks would have us sign as much as they like.
        key: None,
        scheme: Scheme::RsaPkcs1,
        spelling: Spelling::Dashed,
        message_id: &send::message_id(&door.identity.host, tools),
        product: PRODUCT,
    };
    let disposition = Disposition::Error(Modifier::UnknownTradingRelationship);
    mdn::write(request, &disposition, None, &terms, tools).map(response).map_err(|_| refusal())
}
