//! The names of what can be wrong with an AS2 message, receipt, key or certificate.

crate::codes! {
    /// AS2-From or AS2-To is missing, doubled or not a name.
    IDENTITY = "AS2-0101";
    /// The Message-ID is missing or not one.
    MESSAGE_ID = "AS2-0102";
    /// The receipt is asked for in a format that is not supported.
    RECEIPT_FORMAT = "AS2-0103";
    /// The receipt is asked for with digests that are not supported.
    RECEIPT_DIGEST = "AS2-0104";
    /// A receipt that should go to where the partner's file does not allow it.
    RECEIPT_TO = "AS2-0105";
    /// MIME that cannot be read.
    MIME = "AS2-0201";
    /// More layers than are allowed.
    LAYERS = "AS2-0202";
    /// CMS that cannot be read.
    CMS = "AS2-0301";
    /// An algorithm that is not supported.
    UNSUPPORTED = "AS2-0302";
    /// An algorithm that is too weak for this partner.
    WEAK = "AS2-0303";
    /// Encrypted, but for none of our keys.
    NOT_FOR_US = "AS2-0304";
    /// It cannot be decrypted.
    DECRYPTION = "AS2-0305";
    /// It cannot be decompressed.
    DECOMPRESSION = "AS2-0306";
    /// It inflates to more than is allowed.
    INFLATION = "AS2-0307";
    /// It is not signed, and must be.
    NOT_SIGNED = "AS2-0401";
    /// It is not encrypted, and must be.
    NOT_ENCRYPTED = "AS2-0402";
    /// Its signature does not verify with any certificate of the partner.
    SIGNER = "AS2-0403";
    /// Its content is not what was signed.
    INTEGRITY = "AS2-0404";
    /// The certificate that verifies is not valid now.
    CERTIFICATE_PERIOD = "AS2-0405";
    /// A receipt that cannot be read.
    MDN = "AS2-0501";
    /// A receipt that should be signed and is not.
    MDN_NOT_SIGNED = "AS2-0502";
    /// A receipt whose MIC is not that of what was sent.
    MDN_MIC = "AS2-0503";
    /// A receipt for another message, or from somebody else.
    MDN_OTHER = "AS2-0504";
    /// A private key that cannot be used.
    KEY = "AS2-0601";
    /// A certificate that cannot be read.
    CERTIFICATE = "AS2-0602";
    /// A certificate that does not belong to its private key.
    KEY_PAIR = "AS2-0603";
    /// What is asked of a message to send cannot be done.
    SETTINGS = "AS2-0701";
    /// The message's bytes could not be read or stored here.
    STORAGE = "AS2-0801";
}
