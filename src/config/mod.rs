//! Settings, units, secret references, and the diagnostics that every file's mistakes become.

mod diagnostic;

pub use diagnostic::{Diagnostic, Label, Severity};
