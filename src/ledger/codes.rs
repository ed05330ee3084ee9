//! The ledger's codes; `explain.md` beside this file has a page for each.

crate::codes! {
    /// Another process has the data folder.
    IN_USE = "LED-0001";
    /// The data was written by a later version.
    NEWER = "LED-0002";
    /// The data does not hold together.
    CORRUPT = "LED-0003";
    /// No room is left.
    FULL = "LED-0004";
    /// The store does not answer, or answered with an error.
    UNAVAILABLE = "LED-0005";
    /// Nothing is delivered to partners, because the data was restored from a backup.
    PAUSED = "LED-0006";
    /// Every user of the machine may look into the data folder.
    OPEN_TO_OTHERS = "LED-0007";
}

/// The pages of this room.
pub const EXPLAIN: &str = include_str!("explain.md");
