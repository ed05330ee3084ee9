//! The codes of this room. Their pages are in `explain.md`.

crate::codes! {
    /// The text is not well-formed.
    MALFORMED = "XML-0101";
    /// An encoding that is not read, or bytes that are not of the encoding that the file says.
    ENCODING = "XML-0102";
    /// A character that XML does not have.
    CHARACTER = "XML-0103";
    /// Something beside the one root element.
    NOT_ONE_ROOT = "XML-0104";
    /// A document type with declarations of its own.
    DECLARATIONS = "XML-0105";
    /// An entity beyond the five and numeric ones.
    ENTITY = "XML-0106";
    /// A prefix that is bound to no namespace.
    PREFIX = "XML-0107";
    /// Too deep, too many, too long.
    LIMIT = "XML-0108";
}
