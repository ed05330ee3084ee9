//! Cross-references: what a partner calls things, and what we call them, as CSV or TOML in `tables/`, or in
//! `tables/<partner>/` for one partner.
//!
//! `tables/acme/items.csv` is the table `items` of the partner acme: a line with names first, then one line for each
//! thing, theirs and ours. A table of one partner goes over the shared one of its name.

use std::{path::Path, sync::Arc};

use super::{
    codes,
    file::{Broken, CodeEntry, Codes, File, Scope, Source as FileSource, Spot, Word, xml::XmlParts},
};
use crate::config::Diagnostic;

/// A file of a folder of mappings.
pub(crate) struct Source<'a> {
    pub(crate) path: &'a Path,
    pub(crate) text: &'a str,
}

/// Whose table this is: the name of the folder below `tables/`, if there is one.
pub(crate) fn partner_of(mappings: &Path, file: &Path) -> Option<String> {
    let inside = file.parent()?.strip_prefix(mappings.join("tables")).ok()?;
    let mut parts = inside.components();
    let partner = parts.next()?.as_os_str().to_str()?.to_owned();
    parts.next().is_none().then_some(partner)
}

/// The table of a CSV file; `None` for a file of another kind.
pub(crate) fn of_csv(source: &Source<'_>, found: &mut Vec<Diagnostic>) -> Option<File> {
    source.path.extension().filter(|ending| *ending == "csv")?;
    let name = source.path.file_stem()?.to_str()?;
    let file = Arc::new(FileSource { name: source.path.display().to_string().into(), text: source.text.into() });
    let word = |text: &str, span| Word { text: text.to_owned(), spot: Spot { source: file.clone(), span } };
    let (mut entries, mut broken, mut at) = (Vec::new(), Broken::No, 0);
    for (number, line) in source.text.split_inclusive('\n').enumerate() {
        let span = at..at + line.trim_end().len();
        at += line.len();
        let line = line.trim_end().trim_start_matches('\u{feff}');
        // The first line names the columns.
        if number == 0 || line.is_empty() || line.starts_with('#') {
            continue;
        }
        match fields(line).as_deref() {
            Some([theirs, ours, ..]) if !theirs.is_empty() && !ours.is_empty() => {
                let (code, word) = (word(theirs, span.clone()), word(ours, span));
                entries.push(CodeEntry { code, word: Some(word), canonical: None });
            }
            _ => {
                let hint = Some("like `6204-2RS,100045`: what they call it, a comma, what we call it".to_owned());
                let message = "a line of a cross-reference has two values".to_owned();
                found.push(word("", span).error(codes::SYNTAX, message, hint));
                broken = Broken::Yes;
            }
        }
    }
    let codes = vec![Codes { name: word(name, 0..0), entries }];
    Some(File {
        source: file,
        header: None,
        scope: Scope::default(),
        codes,
        parts: Vec::new(),
        xml: XmlParts::default(),
        broken,
    })
}

/// The values of a line; one with a comma in it stands in quotes, and a quote in it is written twice.
fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.trim_start().strip_prefix('"') {
            None => {
                let (field, after) = rest.split_once(',').map_or((rest, None), |(field, after)| (field, Some(after)));
                (field.trim().to_owned(), after)
            }
            Some(quoted) => {
                let (mut field, mut rest) = (String::new(), quoted);
                loop {
                    let (part, after) = rest.split_once('"')?;
                    field += part;
                    match after.strip_prefix('"') {
                        Some(after) => {
                            field.push('"');
                            rest = after;
                        }
                        None => match after.trim_start().strip_prefix(',') {
                            Some(after) => break (field, Some(after)),
                            None if after.trim().is_empty() => break (field, None),
                            None => return None,
                        },
                    }
                }
            }
        };
        fields.push(field);
        match after {
            Some(after) => rest = after,
            None => return Some(fields),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_their_quotes() {
        let read = |line| fields(line).map(|fields| fields.join("|"));
        assert_eq!(read("6204-2RS,100045").as_deref(), Some("6204-2RS|100045"));
        assert_eq!(read("\"A, \"\"B\"\"\" , 7 , more").as_deref(), Some("A, \"B\"|7|more"));
        assert_eq!(read("\"open,7"), None);
    }

    #[test]
    fn a_line_without_two_values_is_told_with_its_place() {
        let text = "theirs,ours\nA,1\nB\n\nC,\n# a remark\nD,4\n";
        let mut found = Vec::new();
        let file = of_csv(&Source { path: Path::new("tables/items.csv"), text }, &mut found).unwrap();
        assert_eq!(file.codes[0].entries.len(), 2);
        let lines: Vec<_> = found.iter().map(|found| &text[found.labels[0].span.clone()]).collect();
        assert_eq!(lines, ["B", "C,"]);
        assert_eq!(partner_of(Path::new("m"), Path::new("m/tables/acme/items.csv")).as_deref(), Some("acme"));
        assert_eq!(partner_of(Path::new("m"), Path::new("m/tables/items.csv")), None);
        assert_eq!(partner_of(Path::new("m"), Path::new("m/x12/acme/items.csv")), None);
    }
}
