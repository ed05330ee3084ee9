//! The versions of the supplier API. A partner is pinned to the one that its system was written for, so that a newer one
//! never changes an answer under it.

use crate::config::choice;

choice! {
    /// A version of the supplier API, by its date.
    pub enum ApiVersion {
        /// The first.
        V20261101 = "2026-11-01",
    }
}

/// The end of a version, as RFC 9745 and RFC 8594 announce it: dates, as `CCYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Since when there is a better one.
    pub deprecated: &'static str,
    /// When it stops.
    pub sunset: &'static str,
}

impl ApiVersion {
    /// What a new partner is written for.
    pub const NEWEST: Self = Self::V20261101;

    /// When it ends, once that is known.
    pub const fn ending(self) -> Option<Ending> {
        match self {
            Self::V20261101 => None,
        }
    }
}
