//! The codes of this room; `explain.md` has their pages.

crate::codes! {
    /// The body holds nothing that can be read.
    NOTHING_READ = "EXC-0001";
    /// The body's format has no mapping here.
    FORMAT_NOT_MAPPED = "EXC-0002";
    /// The envelope names a sender that no partner's file has.
    UNKNOWN_SENDER = "EXC-0003";
    /// The envelope names a sender for whom the connection may not speak.
    SENDER_NOT_ALLOWED = "EXC-0004";
    /// The envelope is addressed to somebody else.
    NOT_FOR_US = "EXC-0005";
    /// An interchange number came again with another content.
    NUMBER_REUSED = "EXC-0006";
    /// The same business document came again.
    DUPLICATE_DOCUMENT = "EXC-0007";
    /// A business number came again with another content.
    DOCUMENT_CHANGED = "EXC-0008";
    /// There is no mapping for this set and version.
    NO_MAPPING = "EXC-0009";
    /// The mapping could not read the document.
    NOT_MAPPED = "EXC-0010";
    /// The mapping made something that is no canonical document.
    NOT_CANONICAL = "EXC-0011";
    /// The set is too large to be mapped.
    SET_TOO_LARGE = "EXC-0012";
    /// The set breaks the standard or the partner's overlay.
    SET_REJECTED = "EXC-0013";
    /// The set's functional group is rejected.
    GROUP_REJECTED = "EXC-0014";
    /// The set's interchange is rejected.
    INTERCHANGE_REJECTED = "EXC-0015";
    /// A partner's overlay does not fit the standard.
    OVERLAY_MISFIT = "EXC-0016";
    /// It counts, and something in it is not as the standard has it.
    NOTED = "EXC-0017";
    /// The partner's file does not say how the document could go out.
    NO_WAY_OUT = "EXC-0018";
    /// The document does not fit the form that it is to be sent in.
    NOT_WRITTEN = "EXC-0019";
    /// Nothing is sent to a partner that is onboarding.
    ONBOARDING = "EXC-0020";
    /// An acknowledgement speaks of something that we did not send.
    UNMATCHED_ACKNOWLEDGEMENT = "EXC-0021";
    /// A cXML document does not show the shared secret that the partner's file asks for.
    BAD_CREDENTIAL = "EXC-0022";
    /// The number of a group or a set came again with another content, and its partner's file says to hold that.
    ENVELOPE_NUMBER_REUSED = "EXC-0023";
}
