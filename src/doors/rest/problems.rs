//! The supplier API's kinds of problem, and what the rooms below become as one.

use axum::http::StatusCode;

use super::codes;
use crate::{
    ledger::LedgerError,
    limits::Exceeded,
    net::{
        Kind, Problem,
        problem::{ENCODING, INTERNAL, INTERRUPTED, TOO_LARGE, TOO_SLOW},
    },
    spool::SpoolError,
};

pub(super) const KEY: Kind = Kind::new(StatusCode::UNAUTHORIZED, codes::KEY, "The API key is missing or unknown");
pub(super) const SUSPENDED: Kind = Kind::new(StatusCode::FORBIDDEN, codes::SUSPENDED, "This partner is suspended");
pub(super) const NO_IDEMPOTENCY_KEY: Kind =
    Kind::new(StatusCode::BAD_REQUEST, codes::NO_IDEMPOTENCY_KEY, "The Idempotency-Key is missing");
pub(super) const BAD_IDEMPOTENCY_KEY: Kind =
    Kind::new(StatusCode::BAD_REQUEST, codes::BAD_IDEMPOTENCY_KEY, "The Idempotency-Key is not usable");
pub(super) const KEY_REUSED: Kind =
    Kind::new(StatusCode::UNPROCESSABLE_ENTITY, codes::KEY_REUSED, "The Idempotency-Key came before with another body");
pub(super) const EMPTY: Kind = Kind::new(StatusCode::BAD_REQUEST, codes::EMPTY, "The message is empty");
pub(super) const BUSY: Kind = Kind::new(StatusCode::SERVICE_UNAVAILABLE, codes::BUSY, "Too much is waiting");
pub(super) const UNAVAILABLE: Kind =
    Kind::new(StatusCode::SERVICE_UNAVAILABLE, codes::UNAVAILABLE, "The record cannot take anything now");
pub(super) const NO_MESSAGE: Kind = Kind::new(StatusCode::NOT_FOUND, codes::NO_MESSAGE, "There is no such message");
pub(super) const CHANGED: Kind =
    Kind::new(StatusCode::CONFLICT, codes::CHANGED, "The document came before with another content");
pub(super) const NO_ORDER: Kind = Kind::new(StatusCode::NOT_FOUND, codes::NO_ORDER, "There is no such order");
pub(super) const STALE: Kind = Kind::new(StatusCode::PRECONDITION_FAILED, codes::STALE, "It has changed since");
pub(super) const LIMIT: Kind = Kind::new(StatusCode::TOO_MANY_REQUESTS, codes::LIMIT, "Too much at once");
pub(super) const QUOTA: Kind =
    Kind::new(StatusCode::TOO_MANY_REQUESTS, codes::QUOTA, "The documents of the day are used up");
pub(super) const CERTIFICATE: Kind =
    Kind::new(StatusCode::FORBIDDEN, codes::CERTIFICATE, "A client certificate is wanted");
pub(super) const NO_ENDPOINT: Kind =
    Kind::new(StatusCode::NOT_FOUND, codes::NO_ENDPOINT, "There is no such webhook endpoint");
pub(super) const NO_HOOKS: Kind =
    Kind::new(StatusCode::FORBIDDEN, codes::NO_HOOKS, "Webhook endpoints are not for this partner");
pub(super) const TOO_MANY_HOOKS: Kind =
    Kind::new(StatusCode::CONFLICT, codes::TOO_MANY_HOOKS, "There are as many webhook endpoints as may be");

/// Come again so many seconds after too much was waiting, or the store was out.
pub(super) const BUSY_SECONDS: u32 = 5;
pub(super) const UNAVAILABLE_SECONDS: u32 = 30;

/// What the record's errors are to a supplier: reasons are for the log.
pub(super) fn from_ledger(error: LedgerError) -> Problem {
    match error {
        LedgerError::NotFound(_) => NO_MESSAGE.because("There is no message with this id."),
        LedgerError::Full(_) | LedgerError::Unavailable(_) => {
            tracing::warn!(%error, "The record could not be asked.");
            UNAVAILABLE.because("Come again later.").retry_after(UNAVAILABLE_SECONDS)
        }
        LedgerError::InUse(_) | LedgerError::Newer { .. } | LedgerError::Corrupt(_) | LedgerError::Conflict(_) => {
            tracing::error!(%error, "The record answered with an error.");
            INTERNAL.because("The record could not be asked.")
        }
    }
}

/// What the spool's errors are to a supplier.
pub(super) fn from_spool(error: SpoolError) -> Problem {
    match error {
        SpoolError::TooLarge { limit } => too_large(limit),
        SpoolError::Interrupted(cause) if crate::net::is_not_gzip(&*cause) => {
            ENCODING.because("The body is not the gzip that it says it is.")
        }
        SpoolError::Interrupted(cause) if crate::net::is_too_slow(&*cause) => {
            TOO_SLOW.because("The gateway gave up waiting for the rest of the body.")
        }
        SpoolError::Interrupted(_) => INTERRUPTED.because("The connection ended before the body did."),
        SpoolError::Disk(error) => {
            tracing::error!(%error, "A body could not be written to the spool.");
            UNAVAILABLE.because("Come again later.").retry_after(UNAVAILABLE_SECONDS)
        }
    }
}

/// What a limit that is reached is to a supplier.
pub(super) fn over_limit(exceeded: Exceeded) -> Problem {
    let seconds = exceeded.wait.as_secs_f64().ceil().clamp(1.0, 86_400.0) as u32;
    let kind = if exceeded.policy == "documents" { QUOTA } else { LIMIT };
    kind.because(format!("The limit of {} is reached.", exceeded.policy)).retry_after(seconds)
}

pub(super) fn too_large(limit: u64) -> Problem {
    TOO_LARGE.because(format!("A message of this partner may have {limit} bytes."))
}

pub(super) fn too_large_document(limit: u64) -> Problem {
    TOO_LARGE.because(format!("A document in JSON may have {limit} bytes; send what is larger as X12 or XML."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_those_of_the_pages() {
        let kinds = [
            KEY,
            SUSPENDED,
            NO_IDEMPOTENCY_KEY,
            BAD_IDEMPOTENCY_KEY,
            KEY_REUSED,
            EMPTY,
            BUSY,
            UNAVAILABLE,
            NO_MESSAGE,
            CHANGED,
            NO_ORDER,
            STALE,
            LIMIT,
            QUOTA,
            CERTIFICATE,
            NO_ENDPOINT,
            NO_HOOKS,
            TOO_MANY_HOOKS,
        ];
        let pages: Vec<_> = crate::error::pages(super::super::EXPLAIN).map(|page| (page.code, page.title)).collect();
        assert_eq!(kinds.map(|kind| (kind.code.as_str(), kind.title)).to_vec(), pages);
    }

    #[test]
    fn reasons_of_the_store_stay_inside() {
        let problem = from_ledger(LedgerError::Unavailable("/srv/data/ledger.db: disk I/O error".into()));
        assert_eq!(problem.kind(), UNAVAILABLE);
        assert!(!problem.to_string().contains("ledger.db"));
    }
}
