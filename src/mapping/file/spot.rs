//! Where a word of a mapping file stands, to tell mistakes with line and column.

use std::{ops::Range, sync::Arc};

use crate::{
    config::{Diagnostic, Label, Severity},
    error::Code,
    mapping::{codes, cursor::PlaceError},
};

/// A file's name and text.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: Arc<str>,
    pub(crate) text: Arc<str>,
}

/// A place in a file.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    pub(crate) source: Arc<Source>,
    pub(crate) span: Range<usize>,
}

impl Spot {
    pub(crate) fn error(&self, code: Code, message: impl Into<String>, hint: Option<String>) -> Diagnostic {
        let label = Label {
            file: self.source.name.clone(),
            source: self.source.text.clone(),
            span: self.span.clone(),
            text: String::new(),
        };
        Diagnostic { code, severity: Severity::Error, message: message.into(), labels: vec![label], hint }
    }

    /// Line and column, both from 1; columns count characters.
    pub(crate) fn line_column(&self) -> (u32, u32) {
        let before = self.source.text.get(..self.span.start).unwrap_or(&self.source.text);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        (line as u32, column as u32)
    }
}

/// A text of the file.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) spot: Spot,
}

impl Word {
    pub(crate) fn error(&self, code: Code, message: impl Into<String>, hint: Option<String>) -> Diagnostic {
        self.spot.error(code, message, hint)
    }

    /// The place inside the word where a place grammar error is.
    pub(super) fn place_error(&self, error: &PlaceError) -> Diagnostic {
        self.misplaced(error, "places look like `BEG03`, `DTM[01=002]02`, `PO1{VP}` or `N1[01=ST]/N402`")
    }

    /// The same in a mapping of XML.
    pub(super) fn path_error(&self, error: &PlaceError) -> Diagnostic {
        self.misplaced(error, "places look like `cbc:ID`, `cac:Price/cbc:PriceAmount`, `cbc:Quantity/@unitCode` or `.`")
    }

    fn misplaced(&self, error: &PlaceError, hint: &str) -> Diagnostic {
        let mut spot = self.spot.clone();
        if spot.span.len() == self.text.len() + 2 && error.at <= self.text.len() {
            let start = spot.span.start + 1 + error.at;
            let width = self.text.get(error.at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            spot.span = start..start + width;
        }
        let message = format!("`{}` is not a place: {}", self.text, error.message);
        spot.error(codes::BAD_PLACE, message, Some(hint.to_owned()))
    }
}
