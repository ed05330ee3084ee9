//! The ERP API's kinds of problem, and what the record's errors become.

use axum::http::StatusCode;

use super::codes;
use crate::{
    ledger::LedgerError,
    net::{Kind, Problem, problem::INTERNAL},
};

pub(super) const TOKEN: Kind = Kind::new(StatusCode::UNAUTHORIZED, codes::TOKEN, "The token is missing or wrong");
pub(super) const NO_CONSUMER: Kind = Kind::new(StatusCode::NOT_FOUND, codes::NO_CONSUMER, "There is no such consumer");
pub(super) const NO_MESSAGE: Kind = Kind::new(StatusCode::NOT_FOUND, codes::NO_MESSAGE, "There is no such message");
pub(super) const UNAVAILABLE: Kind =
    Kind::new(StatusCode::SERVICE_UNAVAILABLE, codes::UNAVAILABLE, "The record cannot be asked now");
pub(super) const CONFLICT: Kind =
    Kind::new(StatusCode::CONFLICT, codes::CONFLICT, "This does not fit the state that things are in");
pub(super) const NO_ORDER: Kind = Kind::new(StatusCode::NOT_FOUND, codes::NO_ORDER, "No document names this order");

pub(super) const REFUSED: Kind =
    Kind::new(StatusCode::UNPROCESSABLE_ENTITY, codes::REFUSED, "The document cannot be sent");
pub(super) const KEY: Kind = Kind::new(StatusCode::BAD_REQUEST, codes::KEY, "The key is missing or wrong");
pub(super) const KEY_REUSED: Kind =
    Kind::new(StatusCode::UNPROCESSABLE_ENTITY, codes::KEY_REUSED, "The key was used for another document");
pub(super) const CHANGED: Kind =
    Kind::new(StatusCode::CONFLICT, codes::CHANGED, "This number went out before with another content");

/// Come again so many seconds after the store was out.
pub(super) const UNAVAILABLE_SECONDS: u32 = 5;

/// What an error of the record is to the ERP; `missing` is what was not found.
pub(super) fn from_ledger(missing: Kind) -> impl Fn(LedgerError) -> Problem {
    move |error| match error {
        LedgerError::NotFound(what) => missing.because(format!("Not found: {what}.")),
        LedgerError::Conflict(why) => CONFLICT.because(why),
        LedgerError::Full(_) | LedgerError::Unavailable(_) => {
            tracing::warn!(%error, "The record could not be asked.");
            UNAVAILABLE.because("Come again later.").retry_after(UNAVAILABLE_SECONDS)
        }
        LedgerError::InUse(_) | LedgerError::Newer { .. } | LedgerError::Corrupt(_) => {
            tracing::error!(%error, "The record answered with an error.");
            INTERNAL.because("The record could not be asked; the log tells why.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_those_of_the_pages() {
        let kinds =
            [TOKEN, NO_CONSUMER, NO_MESSAGE, UNAVAILABLE, CONFLICT, NO_ORDER, REFUSED, KEY, KEY_REUSED, CHANGED];
        let pages: Vec<_> = crate::error::pages(super::super::EXPLAIN).map(|page| (page.code, page.title)).collect();
        assert_eq!(kinds.map(|kind| (kind.code.as_str(), kind.title)).to_vec(), pages);
    }
}
