//! A file's text, and where in it a value was written.
//!
//! Every value that is read keeps its [`Origin`], so that a mistake found much later still points at its line, and so
//! that the effective settings of a partner can be shown with the file and line of each.

use std::{fmt, ops::Deref, ops::Range, path::Path, sync::Arc};

use super::{Diagnostic, Label, Severity, codes, hints};

/// The largest file that is read: ours are a few kilobytes, and a log that landed in the folder is not one of them.
const MAX_BYTES: u64 = 1 << 20;

/// One file.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The file as a person knows it.
    pub name: Arc<str>,
    /// Its whole text.
    pub text: Arc<str>,
}

impl Source {
    /// Whether it is the same text under the same name.
    pub fn is_same(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        Arc::ptr_eq(self, other) || (self.name == other.name && self.text == other.text)
    }

    /// A text under a name.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }

    /// Reads `path`, whose name in messages is `name`.
    pub fn read(path: &Path, name: &str) -> Result<Arc<Self>, Box<Diagnostic>> {
        let unreadable = |message: String, hint: &str| {
            let source = Self::new(name, "");
            let mut diagnostic = Diagnostic::error(codes::UNREADABLE, message).at(&Origin::start_of(&source), "");
            diagnostic.hint = Some(hint.to_owned());
            Box::new(diagnostic)
        };
        let bytes = std::fs::metadata(path)
            .and_then(|meta| if meta.len() > MAX_BYTES { Ok(None) } else { std::fs::read(path).map(Some) })
            .map_err(|e| {
                unreadable(format!("this file cannot be read: {e}"), "check that it exists and who may read it")
            })?
            .ok_or_else(|| unreadable("this file is larger than 1 MiB".into(), "is it really one of ours?"))?;
        if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
            let hint = "save the file as UTF-8; what an editor calls \"Unicode\" is often UTF-16";
            return Err(unreadable("this file is UTF-16, which is not read".into(), hint));
        }
        let text =
            String::from_utf8(bytes).map_err(|e| Self::not_utf8(name, e.as_bytes(), e.utf8_error().valid_up_to()))?;
        Ok(Self::new(name, text))
    }

    /// What is told of a file whose byte `at` is the first that is not UTF-8. Half a line of a secret is not shown.
    fn not_utf8(name: &str, bytes: &[u8], at: usize) -> Box<Diagnostic> {
        let text = String::from_utf8_lossy(bytes);
        let start = text.get(..at).map_or(0, |before| before.rfind('\n').map_or(0, |newline| newline + 1));
        let line = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
        let shown = match hints::secret_part(line) {
            Some(part) => super::read::blot(&text, start + part.start..start + part.end),
            None => text.as_ref().into(),
        };
        let source = Self::new(name, shown);
        // Hidden bytes keep their places, so that the column is right either way.
        let width = source.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let told = Diagnostic::error(codes::UNREADABLE, "this character is not UTF-8");
        let told = told.at(&Origin::new(&source, at..at + width), "");
        Box::new(told.hint("save the file as UTF-8; editors on Windows may have it as ANSI or Windows-1252"))
    }

    /// The line and the column of a byte, both from 1; columns count characters.
    pub fn line_column(&self, at: usize) -> (usize, usize) {
        line_column(&self.text, at)
    }
}

/// The line and the column of byte `at` of `text`, both from 1; columns count characters.
pub(super) fn line_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let column = before.get(start..).unwrap_or_default().iter().filter(|b| **b & 0xC0 != 0x80).count() + 1;
    (line, column)
}

/// Where a value comes from: bytes of a file, or nowhere, which means that it is a built-in default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin(Option<(Arc<Source>, Range<usize>)>);

impl Origin {
    /// These bytes of this file.
    pub fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        Self(Some((Arc::clone(source), span)))
    }

    /// The first line of a file, for what is missing from all of it.
    pub fn start_of(source: &Arc<Source>) -> Self {
        Self::new(source, 0..0)
    }

    /// The file; absent for a default.
    pub fn source(&self) -> Option<&Arc<Source>> {
        self.0.as_ref().map(|(source, _)| source)
    }

    /// The bytes of the file; empty for a default.
    pub fn span(&self) -> Range<usize> {
        self.0.as_ref().map_or(0..0, |(_, span)| span.clone())
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        self.0.as_ref().and_then(|(source, span)| source.text.get(span.clone())).unwrap_or_default()
    }

    /// The line, from 1; absent for a default.
    pub fn line(&self) -> Option<usize> {
        self.0.as_ref().map(|(source, span)| source.line_column(span.start).0)
    }

    /// Whether the value was written in this file.
    pub fn is_in(&self, source: &Arc<Source>) -> bool {
        self.source().is_some_and(|mine| Arc::ptr_eq(mine, source))
    }

    /// A label for a diagnostic; none for a default, which has no line to show.
    pub fn label(&self, text: impl Into<String>) -> Option<Label> {
        let (source, span) = self.0.as_ref()?;
        Some(Label {
            file: Arc::clone(&source.name),
            source: Arc::clone(&source.text),
            span: span.clone(),
            text: text.into(),
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some((source, span)) => write!(f, "{}:{}", source.name, source.line_column(span.start).0),
            None => f.write_str("default"),
        }
    }
}

/// A value and where it was written. Two are equal when their values are.
#[derive(Clone, Default)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub origin: Origin,
}

impl<T> Spanned<T> {
    /// A built-in default, which was written nowhere.
    pub fn builtin(value: T) -> Self {
        Self { value, origin: Origin::default() }
    }
}

impl<T> From<T> for Spanned<T> {
    fn from(value: T) -> Self {
        Self::builtin(value)
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: serde::Serialize> serde::Serialize for Spanned<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

impl Diagnostic {
    /// Something that does not work.
    pub fn error(code: crate::error::Code, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), labels: Vec::new(), hint: None }
    }

    /// Something that works, and is worth a look.
    pub fn warning(code: crate::error::Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Adds a place, with what is to be said of it.
    #[must_use]
    pub fn at(mut self, origin: &Origin, text: impl Into<String>) -> Self {
        self.labels.extend(origin.label(text));
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The file and the line, from 1, of its first place.
    pub fn line(&self) -> Option<(&str, usize)> {
        let label = self.labels.first()?;
        Some((&label.file, line_column(&label.source, label.span.start).0))
    }

    /// Whether it stops what it is about from working.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_by_character() {
        let source = Source::new("a.toml", "x = 1\nü = \"é\"\n");
        assert_eq!(source.line_column(0), (1, 1));
        assert_eq!(source.line_column(6), (2, 1));
        assert_eq!(source.line_column(source.text.find('=').unwrap()), (1, 3));
        assert_eq!(source.line_column(source.text.find("\"é").unwrap()), (2, 5));
        assert_eq!(source.line_column(999), (3, 1));
        assert_eq!(Origin::new(&source, 6..8).to_string(), "a.toml:2");
        assert_eq!(Spanned::builtin(1).origin.to_string(), "default");
    }

    #[test]
    fn a_file_that_is_not_text_is_told_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latin1.toml");
        std::fs::write(&path, b"name = \"a\"\ncity = \"Z\xFCrich\"\n").unwrap();
        let told = Source::read(&path, "latin1.toml").unwrap_err();
        assert_eq!((told.code, told.line()), (codes::UNREADABLE, Some(("latin1.toml", 2))));
        let label = &told.labels[0];
        assert_eq!((&label.source[label.span.clone()], label.span.start), ("\u{FFFD}", 20));
        std::fs::write(&path, b"name = \"a\"\ntoken = \"geh\xE4im\"\n").unwrap();
        let told = Source::read(&path, "latin1.toml").unwrap_err();
        assert_eq!((told.line(), told.labels[0].span.start), (Some(("latin1.toml", 2)), 23));
        assert!(!told.labels[0].source.contains("geh") && !told.labels[0].source.contains("im"));
        std::fs::write(&path, b"\xFF\xFEn\0a\0").unwrap();
        assert!(Source::read(&path, "wide.toml").unwrap_err().message.contains("UTF-16"));
        assert_eq!(Source::read(&folder.path().join("none"), "none").unwrap_err().code, codes::UNREADABLE);
    }
}
