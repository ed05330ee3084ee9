//! The codes of what goes wrong below any one door: listeners, TLS, and HTTP itself.

crate::codes! {
    /// A listener's address cannot be had.
    ADDRESS = "NET-0001";
    /// A certificate or key cannot be used.
    TLS = "NET-0002";
    /// A certificate that callers of HTTPS are shown has ended, or ends soon.
    TLS_ENDS = "NET-0003";
    /// There is nothing at this path.
    NOT_FOUND = "NET-0101";
    /// The path exists, but not for this method.
    METHOD = "NET-0102";
    /// The body is larger than it may be.
    TOO_LARGE = "NET-0103";
    /// The body broke off.
    INTERRUPTED = "NET-0104";
    /// The body came too slowly.
    TOO_SLOW = "NET-0105";
    /// The body's media type is not taken here.
    MEDIA_TYPE = "NET-0106";
    /// The body is compressed in a way that is not taken here.
    ENCODING = "NET-0107";
    /// The body is not JSON, or no object.
    JSON = "NET-0108";
    /// Fields of the body are missing, unknown or out of range.
    FIELDS = "NET-0109";
    /// Parameters of the query are unknown or out of range.
    QUERY = "NET-0110";
    /// The gateway made a mistake.
    INTERNAL = "NET-0111";
    /// The request's address cannot be read.
    ADDRESS_FORM = "NET-0112";
}
