//! The codes of the ERP's API.

crate::codes! {
    /// No token, or none that is right.
    TOKEN = "API-0501";
    /// No such consumer.
    NO_CONSUMER = "API-0502";
    /// No such message.
    NO_MESSAGE = "API-0503";
    /// The record cannot be asked now.
    UNAVAILABLE = "API-0504";
    /// What was asked does not fit the state that things are in.
    CONFLICT = "API-0505";
    /// No document names this order.
    NO_ORDER = "API-0506";
    /// The document cannot be sent.
    REFUSED = "API-0507";
    /// The Idempotency-Key is missing or wrong.
    KEY = "API-0508";
    /// The key came with another document before.
    KEY_REUSED = "API-0509";
    /// The number went out with another content before.
    CHANGED = "API-0510";
}
