//! The codes of this room; their pages are in `explain.md`.

crate::codes! {
    /// The file is not TOML.
    SYNTAX = "MAP-0001";
    /// A key that no mapping file has.
    UNKNOWN_KEY = "MAP-0002";
    /// A value of the wrong kind, like a number where a text belongs.
    WRONG_KIND = "MAP-0003";
    /// A key that must be there is not.
    MISSING_KEY = "MAP-0004";
    /// A place that does not parse.
    BAD_PLACE = "MAP-0005";
    /// A field that the canonical document does not have.
    UNKNOWN_FIELD = "MAP-0006";
    /// A converter that does not exist, or one that does not make what the field holds.
    BAD_CONVERTER = "MAP-0007";
    /// A code table that does not exist, or two codes for one word without a canonical one.
    BAD_TABLE = "MAP-0008";
    /// A field that the document must have, and that no rule fills.
    UNFILLED_FIELD = "MAP-0009";
    /// `extends` or `like` names something that does not exist, or goes round in a circle.
    BAD_BASE = "MAP-0010";
    /// Two files with the same id.
    DUPLICATE_ID = "MAP-0011";
    /// A mapping file that cannot be read from disk.
    UNREADABLE = "MAP-0012";
    /// A list whose opener does not fit.
    BAD_OPENER = "MAP-0013";
    /// A mapping that is broken now, and goes on as it last was.
    KEPT = "MAP-0014";
    /// A mapping that nothing uses.
    UNUSED = "MAP-0015";
    /// A value that its converter cannot read.
    UNREADABLE_VALUE = "MAP-0101";
    /// A code that its table does not have, where the rule says that the document is to be held.
    UNKNOWN_CODE = "MAP-0102";
    /// A place that must have a value has none.
    REQUIRED_VALUE = "MAP-0103";
    /// A place holds something other than the constant of its rule.
    NOT_THE_CONSTANT = "MAP-0104";
    /// Levels nest too deep.
    TOO_DEEP = "MAP-0105";
    /// What repeats a field of the document says something else.
    DIFFERS = "MAP-0106";
    /// On writing: what is to be written is not a canonical document.
    UNREADABLE_DOCUMENT = "MAP-0201";
    /// On writing: a value that its converter cannot put into the partner's form.
    UNWRITABLE_VALUE = "MAP-0202";
    /// On writing: a word that its table has no code for.
    NO_CODE = "MAP-0203";
    /// On writing: a value that is too long, or otherwise not what the standard has there.
    DOES_NOT_FIT = "MAP-0204";
    /// On writing: a value that has no place in this version of the set, or more of them than it has room for.
    NO_PLACE = "MAP-0205";
    /// On writing: the standard demands something that the document does not give.
    INCOMPLETE = "MAP-0206";
    /// On writing: two fields share a place and do not say the same.
    CONTRADICTION = "MAP-0207";
}
