//! `GET /erp/v1/orders/{number}`: the documents that name an order, oldest first, as one list. Where they are very many,
//! the newest of them: what a long-running order is asked for is how it stands.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::Response,
};

use super::{Erp, problems};
use crate::{
    exchange::order_life,
    net::{self, Problem, Query},
};

pub(super) async fn order(
    State(erp): State<Arc<Erp>>,
    Path(number): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::of(&uri)?.finish()?;
    let life = order_life(&*erp.ledger, &number).await.map_err(problems::from_ledger(problems::NO_ORDER))?;
    match life {
        Some(life) => Ok(net::json(StatusCode::OK, &life)),
        None => Err(problems::NO_ORDER.because("No document has this number or names it as its order.")),
    }
}
