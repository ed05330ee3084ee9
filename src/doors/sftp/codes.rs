//! The codes of the SFTP door.

crate::codes! {
    /// A login that was refused.
    LOGIN = "SFT-0101";
    /// A source that failed too often.
    BANNED = "SFT-0102";
    /// A partner that is suspended.
    SUSPENDED = "SFT-0103";
    /// A partner with too many connections.
    SESSIONS = "SFT-0104";
    /// A login from a network that is not the partner's.
    SOURCE = "SFT-0105";
    /// A host key that cannot be used.
    HOST_KEY = "SFT-0106";
    /// A peer that does not keep to the protocol.
    PROTOCOL = "SFT-0107";
    /// A request that was refused.
    REFUSED = "SFT-0108";
    /// Old algorithms from somebody who may not use them.
    WEAK = "SFT-0109";
    /// A login with old algorithms that are allowed for a while.
    WEAK_ALLOWED = "SFT-0110";
    /// An upload that broke off.
    CUT = "SFT-0201";
    /// An interchange without its end, or a file with a gap.
    UNFINISHED = "SFT-0202";
    /// A begun file that nobody finished.
    EXPIRED = "SFT-0203";
    /// A file larger than the partner's limit.
    TOO_LARGE = "SFT-0204";
    /// More files or bytes of a minute than the partner may send.
    TOO_FAST = "SFT-0205";
    /// A whole file that could not be taken now.
    NOT_TAKEN = "SFT-0206";
    /// More that is not finished than the partner may leave.
    QUOTA = "SFT-0207";
    /// A file of ours that could not be marked as delivered.
    NOT_MARKED = "SFT-0301";
    /// A partner's server with a host key that is not known.
    STRANGER = "SFT-0401";
    /// A file of a partner's server, or all of them, that could not be collected.
    NOT_COLLECTED = "SFT-0402";
    /// A file that was collected and could not be removed or moved there.
    NOT_CLEARED = "SFT-0403";
}
