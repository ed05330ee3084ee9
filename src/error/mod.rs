//! Stable names for kinds of problems, and their pages.
//!
//! A [`Code`] is what a person quotes and what `gangway explain` looks up. Each room declares its own with
//! [`codes!`](crate::codes) and keeps their pages in an `explain.md` beside it, one `## CODE Title` section each.

use std::fmt;

/// The stable name of one kind of problem: a room's prefix and four digits, like `X12-0104`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);

impl Code {
    /// The code as people write it.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// The page that explains one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The code as text.
    pub code: &'static str,
    /// One line: what went wrong.
    pub title: &'static str,
    /// Markdown: what it means, why it matters, what to do.
    pub body: &'static str,
}

/// Splits a room's `explain.md` into its pages: every `## CODE Title` opens one.
pub fn pages(markdown: &'static str) -> impl Iterator<Item = Page> {
    markdown.split("\n## ").skip(1).filter_map(|section| {
        let (heading, body) = section.split_once('\n')?;
        let (code, title) = heading.trim().split_once(' ')?;
        Some(Page { code, title: title.trim(), body: body.trim() })
    })
}

/// Declares a room's codes as constants, and `ALL` of them. `tests/architecture.rs` holds them against the room's pages.
///
/// ```
/// mod codes {
///     gangway::codes! {
///         /// The body is larger than the partner's limit.
///         TOO_LARGE = "EXC-0001";
///     }
/// }
/// assert_eq!(codes::ALL, [codes::TOO_LARGE]);
/// ```
#[macro_export]
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: $crate::error::Code = $crate::error::Code($text);)*
        /// Every code of this room.
        pub const ALL: &[$crate::error::Code] = &[$($name),*];
    };
}
