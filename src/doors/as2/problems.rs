//! The problems of the AS2 door. Only what has no receipt is told like this.

use axum::http::StatusCode;

use super::codes;
use crate::{
    limits::Exceeded,
    net::{
        Kind, Problem, is_too_slow,
        problem::{INTERRUPTED, TOO_LARGE, TOO_SLOW},
    },
    spool::SpoolError,
};

pub(super) const HEADERS: Kind = Kind::new(StatusCode::BAD_REQUEST, codes::HEADERS, "The headers name nobody");
pub(super) const STRANGER: Kind =
    Kind::new(StatusCode::FORBIDDEN, codes::STRANGER, "Sender and recipient do not know each other here");
pub(super) const SUSPENDED: Kind =
    Kind::new(StatusCode::SERVICE_UNAVAILABLE, codes::SUSPENDED, "The partner is suspended");
pub(super) const BUSY: Kind = Kind::new(StatusCode::SERVICE_UNAVAILABLE, codes::BUSY, "Too much at once");
pub(super) const UNAVAILABLE: Kind =
    Kind::new(StatusCode::SERVICE_UNAVAILABLE, codes::UNAVAILABLE, "Nothing can be stored now");
pub(super) const REFUSED: Kind = Kind::new(StatusCode::BAD_REQUEST, codes::REFUSED, "The message is refused");

pub(super) const SUSPENDED_SECONDS: u32 = 3600;
pub(super) const BUSY_SECONDS: u32 = 30;
pub(super) const UNAVAILABLE_SECONDS: u32 = 60;

/// Not now. Partners' software knows 503 and tries again; few of them know 429.
pub(super) fn over_limit(exceeded: Exceeded) -> Problem {
    let seconds = exceeded.wait.as_secs_f64().ceil().clamp(1.0, 3600.0) as u32;
    BUSY.because(format!("The limit of {} is reached; send it again.", exceeded.policy)).retry_after(seconds)
}

pub(super) fn too_large(limit: u64) -> Problem {
    TOO_LARGE.because(format!("A message may have {limit} bytes, unpacked."))
}

pub(super) fn unavailable(why: &dyn std::fmt::Display) -> Problem {
    tracing::warn!(%why, "An AS2 message could not be stored.");
    UNAVAILABLE.because("Nothing was stored; send it again.").retry_after(UNAVAILABLE_SECONDS)
}

pub(super) fn from_spool(error: SpoolError) -> Problem {
    match error {
        SpoolError::TooLarge { limit } => too_large(limit),
        SpoolError::Interrupted(error) if is_too_slow(&*error) => TOO_SLOW.because("Send it faster."),
        SpoolError::Interrupted(_) => INTERRUPTED.because("Less came than was announced."),
        SpoolError::Disk(error) => unavailable(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_titled_as_its_page() {
        for kind in [HEADERS, STRANGER, SUSPENDED, BUSY, UNAVAILABLE, REFUSED] {
            let page = crate::error::pages(super::super::EXPLAIN).find(|page| page.code == kind.code.as_str()).unwrap();
            assert_eq!(page.title, kind.title);
        }
    }
}
