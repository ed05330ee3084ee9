//! The codes of the AS2 door; those of messages themselves are the core's.

crate::codes! {
    /// Headers that name nobody.
    HEADERS = "A2D-0101";
    /// Sender and recipient do not know each other here.
    STRANGER = "A2D-0102";
    /// The partner is suspended.
    SUSPENDED = "A2D-0103";
    /// Too much at once.
    BUSY = "A2D-0104";
    /// The record cannot take anything now.
    UNAVAILABLE = "A2D-0105";
    /// A message that is refused, and asked for no receipt.
    REFUSED = "A2D-0106";
    /// A receipt that belongs to nothing that was sent.
    RECEIPT = "A2D-0107";
    /// A receipt of ours could not be delivered.
    RECEIPT_UNDELIVERED = "A2D-0108";
    /// A certificate ends soon, or has ended.
    CERTIFICATE_ENDS = "A2D-0109";
}
