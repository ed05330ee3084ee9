//! What reads the places of mapping files, those of X12 and those of XML: a text from left to right, and where it is wrong.

/// Why a text is no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlaceError {
    /// Where in it, in bytes.
    pub(crate) at: usize,
    pub(crate) message: String,
}

pub(super) type Result<T> = std::result::Result<T, PlaceError>;

/// Reads a text from left to right, and knows where it stands.
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn eat(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    pub(super) fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    pub(super) fn wrong(&self, message: impl Into<String>) -> PlaceError {
        PlaceError { at: self.at, message: message.into() }
    }

    pub(super) fn end(&self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(found) => Err(self.wrong(format!("`{found}` is more than a place has here"))),
        }
    }
}
