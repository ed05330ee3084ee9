//! A mistake in a file, told so that the person who made it can mend it.

use std::{ops::Range, sync::Arc};

use crate::error::Code;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Works, and is worth a look.
    Warning,
    /// Does not work.
    Error,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The file as the person knows it: relative to where they stand.
    pub file: Arc<str>,
    /// The file's whole text.
    pub source: Arc<str>,
    /// Bytes of the text.
    pub span: Range<usize>,
    /// What is to be said of just this place; may be empty.
    pub text: String,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its stable name.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where: the first is the place to mend.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub hint: Option<String>,
}
