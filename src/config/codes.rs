//! The codes of mistakes that any of our files can have. Their pages are in `explain.md`.

crate::codes! {
    /// A file or folder cannot be read.
    UNREADABLE = "CFG-0001";
    /// The text is not TOML.
    SYNTAX = "CFG-0002";
    /// Nothing here has this name.
    UNKNOWN_KEY = "CFG-0003";
    /// A number where a text belongs, and the like.
    WRONG_TYPE = "CFG-0004";
    /// Something required was left out.
    MISSING_KEY = "CFG-0005";
    /// The right type, but not one of the values that mean something.
    BAD_VALUE = "CFG-0006";
    /// A duration, size or rate without its unit, or with one that is not known.
    BAD_UNIT = "CFG-0007";
    /// A secret itself stands in the file.
    LITERAL_SECRET = "CFG-0008";
    /// What a secret refers to cannot be read here.
    SECRET_UNREADABLE = "CFG-0009";
    /// A document would be forgotten while its duplicate can still come.
    RETENTION_TOO_SHORT = "CFG-0010";
    /// Two listeners want one address.
    SAME_ADDRESS = "CFG-0011";
    /// The private listener can be reached from other machines.
    PRIVATE_EXPOSED = "CFG-0012";
    /// A certificate without its key, or the reverse.
    HALF_A_CERTIFICATE = "CFG-0013";
    /// A number outside of what works.
    OUT_OF_RANGE = "CFG-0014";
    /// Settings that contradict each other.
    CONTRADICTION = "CFG-0015";
    /// There are more mistakes than are listed.
    TOO_MANY = "CFG-0016";
    /// What runs has other settings than the file.
    RESTART_NEEDED = "CFG-0017";
}
