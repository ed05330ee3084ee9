//! For people: the source line with the place underlined, or one line each.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, renderer::DecorStyle};

use super::places;
use crate::config::{Diagnostic, Severity};

/// Each finding with its source line, and a count at the end.
pub(super) fn text(findings: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut out = String::new();
    for finding in findings {
        out.push_str(&renderer.render(&[group(finding)]));
        out.push_str("\n\n");
    }
    out.push_str(&summary(findings));
    out
}

/// `file:line:column: error[CODE]: message (hint)`, one line each.
pub(super) fn concise(findings: &[Diagnostic]) -> String {
    let mut out = String::new();
    for finding in findings {
        if let Some(label) = finding.labels.first() {
            let ((line, column), _) = places(label);
            let _ = write!(out, "{}:{line}:{column}: ", label.file);
        }
        let _ = write!(out, "{}[{}]: {}", word(finding.severity), finding.code, finding.message);
        if let Some(hint) = &finding.hint {
            let _ = write!(out, " ({hint})");
        }
        out.push('\n');
    }
    out
}

fn group(finding: &Diagnostic) -> annotate_snippets::Group<'_> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(&*finding.message)
        .id(finding.code.as_str())
        .elements(Vec::<Snippet<'_, annotate_snippets::Annotation<'_>>>::new());
    for (index, label) in finding.labels.iter().enumerate() {
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let annotation = kind.span(label.span.clone());
        let annotation = if label.text.is_empty() { annotation } else { annotation.label(&*label.text) };
        group = group.element(Snippet::source(&*label.source).path(&*label.file).annotation(annotation));
    }
    if let Some(hint) = &finding.hint {
        group = group.element(Level::HELP.message(&**hint));
    }
    group
}

fn summary(findings: &[Diagnostic]) -> String {
    let Some(first) = findings.first() else { return String::new() };
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let told = match (errors, findings.len() - errors) {
        (errors, 0) => count(errors, "error"),
        (0, warnings) => count(warnings, "warning"),
        (errors, warnings) => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    };
    format!("{told}. `gangway explain {}` tells more about the first.\n", first.code)
}

pub(super) fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
