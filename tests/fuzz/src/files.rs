//! The files that partner managers write: whatever stands in them, every mistake is told at a place in the file.

use std::{path::Path, sync::OnceLock};

use gangway::{
    config::{Diagnostic, Settings, Source},
    mapping::Library,
    partner::{Directory, Files, Sources},
};

/// A text as a file holds it.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Diagnostics point into the text that they are about, between characters.
fn are_placed(found: &[Diagnostic]) {
    for label in found.iter().flat_map(|diagnostic| &diagnostic.labels) {
        let (span, text) = (&label.span, &label.source);
        assert!(text.get(span.clone()).is_some(), "{span:?} of {} bytes in {found:?}", text.len());
    }
}

/// A partner's file, beside the built-in templates.
pub fn partner(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let source = Source::new("acme.toml", text);
    let files = Files::one(Path::new("acme.toml"), source);
    let sources = Sources { partners: "partners".into(), largest_body: 1 << 20, ..Sources::default() };
    let (directory, found) = Directory::build(&files, &sources, &|_| true);
    are_placed(&found);
    let broken = found.iter().any(Diagnostic::is_error);
    assert!(broken || directory.partners().count() == 1, "a file without mistakes is a partner");
}

/// The gateway's own settings.
pub fn settings(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (_, found) = Settings::parse(&Source::new("gangway.toml", text), Path::new("."));
    are_placed(&found);
}

/// A mapping's file over the built-in ones.
pub fn mapping(bytes: &[u8]) {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let Some(text) = text(bytes) else { return };
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("fuzzed.toml");
    std::fs::write(&path, text).expect("a file");
    let (_, found) = Library::load(Some(folder.path()));
    are_placed(&found);
}
