//! The codes of what can be wrong with partners' files. Their pages are in `explain.md`.

crate::codes! {
    /// A file's name cannot be a partner's id.
    BAD_ID = "PRT-0001";
    /// There is no template of this name.
    UNKNOWN_TEMPLATE = "PRT-0002";
    /// A template sets what belongs to one partner.
    NOT_IN_TEMPLATES = "PRT-0003";
    /// An EDI identity that is not qualifier/id.
    BAD_ENVELOPE_ID = "PRT-0004";
    /// Two partners claim one EDI identity.
    SAME_ENVELOPE_ID = "PRT-0005";
    /// Two partners have one vendor number.
    SAME_VENDOR_NUMBER = "PRT-0006";
    /// Two partners have one AS2 id.
    SAME_AS2_ID = "PRT-0007";
    /// Two partners have one SFTP user.
    SAME_SFTP_USER = "PRT-0008";
    /// Two partners have one API key.
    SAME_API_KEY = "PRT-0009";
    /// `via` names nobody.
    UNKNOWN_VIA = "PRT-0010";
    /// There is no mapping with this id.
    UNKNOWN_MAPPING = "PRT-0011";
    /// A key that everybody can read in the examples guards a live partner.
    EXAMPLE_KEY = "PRT-0012";
    /// An API key that is not given as its hash.
    BAD_API_KEY = "PRT-0013";
    /// A certificate cannot be read.
    BAD_CERTIFICATE = "PRT-0014";
    /// An SSH key is none.
    BAD_SSH_KEY = "PRT-0015";
    /// A password that is not given as its hash.
    BAD_PASSWORD = "PRT-0016";
    /// A URL that nothing can be sent to.
    BAD_URL = "PRT-0017";
    /// The partner has no way in.
    NO_CONNECTION = "PRT-0018";
    /// A difference from the standard that does not fit it.
    OVERLAY_MISFIT = "PRT-0019";
    /// There is no rule with this code.
    UNKNOWN_RULE = "PRT-0020";
    /// A partner is served as its files last were when they were good.
    SERVED_STALE = "PRT-0021";
    /// The copies of the last good files cannot be kept.
    LAST_GOOD_UNWRITABLE = "PRT-0022";
    /// A partner may send more than the gateway takes.
    OVER_THE_BODY_LIMIT = "PRT-0023";
    /// A version of X12 for which there is no standard.
    UNKNOWN_VERSION = "PRT-0024";
    /// A kind of document that cannot have a mapping.
    UNKNOWN_DOCUMENT = "PRT-0025";
    /// A certificate of a partner ends soon, has ended, or has too short a key.
    CERTIFICATE_ENDS = "PRT-0026";
    /// A partner's server does not answer.
    NOT_REACHED = "PRT-0027";
    /// A partner's SFTP server shows a host key that its file does not name.
    STRANGE_HOST_KEY = "PRT-0028";
    /// Old SSH algorithms are taken from a partner, or not any more.
    WEAK_SFTP = "PRT-0029";
    /// Our own key for a partner's SFTP server cannot be used, or should be another.
    OWN_SSH_KEY = "PRT-0030";
    /// A credential of cXML that is not domain/identity.
    BAD_CXML_ID = "PRT-0031";
    /// A shared secret that is not given as its hash.
    BAD_SHARED_SECRET = "PRT-0032";
    /// Two partners have one credential of cXML and one shared secret.
    SAME_CXML_CREDENTIAL = "PRT-0033";
    /// What goes to a partner over AS2 cannot be encrypted for it.
    NOT_ENCRYPTABLE = "PRT-0034";
    /// An EDI identity that is probably a slip.
    DOUBTFUL_ENVELOPE_ID = "PRT-0035";
    /// A file that is nearly named like a partner's.
    IGNORED_FILE = "PRT-0036";
}
