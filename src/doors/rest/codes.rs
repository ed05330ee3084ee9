//! The codes of the supplier API.

crate::codes! {
    /// No API key, or none that is known.
    KEY = "API-0101";
    /// The partner is suspended.
    SUSPENDED = "API-0102";
    /// No `Idempotency-Key`.
    NO_IDEMPOTENCY_KEY = "API-0103";
    /// An `Idempotency-Key` that is none.
    BAD_IDEMPOTENCY_KEY = "API-0104";
    /// An `Idempotency-Key` that came before with another body.
    KEY_REUSED = "API-0105";
    /// A message without a byte.
    EMPTY = "API-0106";
    /// Too much is waiting.
    BUSY = "API-0107";
    /// The record cannot take anything now.
    UNAVAILABLE = "API-0108";
    /// No such message, or somebody else's.
    NO_MESSAGE = "API-0109";
    /// A document's number came before with another content.
    CHANGED = "API-0110";
    /// No such order, or somebody else's.
    NO_ORDER = "API-0111";
    /// The order is not as the caller knows it.
    STALE = "API-0112";
    /// More calls, bytes or uploads than agreed.
    LIMIT = "API-0113";
    /// More documents than agreed.
    QUOTA = "API-0114";
    /// The partner's file asks for a certificate, and none of those there was shown.
    CERTIFICATE = "API-0115";
    /// No such webhook endpoint, or somebody else's.
    NO_ENDPOINT = "API-0116";
    /// The partner may not have webhook endpoints of its own.
    NO_HOOKS = "API-0117";
    /// As many webhook endpoints as may be.
    TOO_MANY_HOOKS = "API-0118";
}
