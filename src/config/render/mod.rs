//! Diagnostics for people (`text`, `concise`) and for programs (`json`, `sarif`).

mod machine;
mod text;

use std::ops::Range;

use super::{Diagnostic, Label, choice, source::line_column};
use crate::error::Page;

choice! {
    /// How findings are printed.
    pub enum Format {
        /// With the source line underlined.
        Text = "text",
        /// One line each.
        Concise = "concise",
        /// One JSON document.
        Json = "json",
        /// SARIF 2.1.0, which code hosts show beside the change.
        Sarif = "sarif",
    }
}

/// Renders findings. `page` finds the page of a code, for SARIF; `colour` is for a terminal, and only for `text`.
pub fn render(format: Format, findings: &[Diagnostic], colour: bool, page: impl Fn(&str) -> Option<Page>) -> String {
    match format {
        Format::Text => text::text(findings, colour),
        Format::Concise => text::concise(findings),
        Format::Json => machine::json(findings),
        Format::Sarif => machine::sarif(findings, page),
    }
}

/// Sorts findings as a person reads: by file, then by place, and drops what is told twice.
pub fn tidy(findings: &mut Vec<Diagnostic>) {
    fn key(one: &Diagnostic) -> (&str, usize, &str, &str) {
        let label = one.labels.first();
        (label.map_or("", |l| &l.file), label.map_or(0, |l| l.span.start), one.code.as_str(), &one.message)
    }
    findings.sort_by(|a, b| key(a).cmp(&key(b)));
    findings.dedup_by(|a, b| key(a) == key(b));
}

/// Start and end of a label as (line, column), from 1, counted in characters.
fn places(label: &Label) -> ((usize, usize), (usize, usize)) {
    let Range { start, end } = label.span.clone();
    (line_column(&label.source, start), line_column(&label.source, end.max(start)))
}
