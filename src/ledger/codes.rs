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
}

/// The pages of this room.
pub const EXPLAIN: &str = include_str!("explain.md");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::pages;

    #[test]
    fn every_code_has_a_page() {
        let written: Vec<&str> = pages(EXPLAIN).map(|page| page.code).collect();
        assert_eq!(written, ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>());
        for page in pages(EXPLAIN) {
            assert!(page.body.len() > 200 && !page.title.is_empty(), "{} says too little", page.code);
        }
    }
}
