//! Follow-on mistakes: what a line seems to say when the syntax of it, or of the header above it, is broken.

use super::{Diagnostic, Source};

/// Drops from `findings` what is only an echo of the syntax errors `broken`: findings on a broken line, and those
/// between a broken header and the next header, which seem to belong to the section before.
pub(crate) fn drop_echoes(source: &Source, broken: &[Diagnostic], findings: &mut Vec<Diagnostic>) {
    if broken.is_empty() {
        return;
    }
    let lines: Vec<&str> = source.text.lines().collect();
    let is_header = |line: usize| lines.get(line - 1).is_some_and(|line| line.trim_start().starts_with('['));
    let mut doubtful = Vec::new();
    for (file, line) in broken.iter().filter_map(Diagnostic::line) {
        if file == &*source.name {
            doubtful.push(line);
            if is_header(line) {
                doubtful.extend((line + 1..=lines.len()).take_while(|line| !is_header(*line)));
            }
        }
    }
    findings
        .retain(|finding| finding.line().is_none_or(|(file, line)| file != &*source.name || !doubtful.contains(&line)));
}
