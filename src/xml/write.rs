//! Writes XML: two blanks for each level, text in the line of its element, everything escaped. The same document is always
//! the same bytes.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use super::reader::{is_character, is_name};

/// Writes a document, element by element.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
    open: Vec<(String, Content)>,
}

/// What the element that is open has so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// Its tag is not closed yet.
    Tag,
    Text,
    Elements,
}

/// A name or a character that XML does not have, or something out of its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// XML has no such character.
    #[error("XML has no character {0:?}")]
    Character(char),
    /// Not a name.
    #[error("`{0}` is not a name in XML")]
    Name(String),
    /// An attribute after the element's content, or an end without a beginning.
    #[error("`{0}` is out of its place")]
    Place(String),
}

impl Writer {
    /// Begins a document.
    pub fn new() -> Self {
        Self { out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(), open: Vec::new() }
    }

    /// Names the document type: the root element, and where its DTD is.
    pub fn document_type(&mut self, root: &str, system: &str) -> Result<(), Unwritable> {
        if !is_name(root) || system.contains(['"', '<', '>']) {
            return Err(Unwritable::Name(root.to_owned()));
        }
        self.out.push_str(&format!("<!DOCTYPE {root} SYSTEM \"{system}\">\n"));
        Ok(())
    }

    /// Begins an element.
    pub fn start(&mut self, name: &str) -> Result<(), Unwritable> {
        if !is_name(name) {
            return Err(Unwritable::Name(name.to_owned()));
        }
        match self.open.last_mut() {
            Some((_, content @ Content::Tag)) => {
                self.out.push_str(">\n");
                *content = Content::Elements;
            }
            // After words, on lines of their own: blanks at the end of words say nothing.
            Some((_, content @ Content::Text)) => {
                self.out.push('\n');
                *content = Content::Elements;
            }
            Some((_, Content::Elements)) | None => {}
        }
        self.indent();
        self.out.push('<');
        self.out.push_str(name);
        self.open.push((name.to_owned(), Content::Tag));
        Ok(())
    }

    /// Adds an attribute to the element that was just begun.
    pub fn attribute(&mut self, name: &str, value: &str) -> Result<(), Unwritable> {
        if !matches!(self.open.last(), Some((_, Content::Tag))) {
            return Err(Unwritable::Place(name.to_owned()));
        }
        if !is_name(name) {
            return Err(Unwritable::Name(name.to_owned()));
        }
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        self.escape(value, true)?;
        self.out.push('"');
        Ok(())
    }

    /// Puts text into the element that was begun, before any elements in it.
    pub fn text(&mut self, text: &str) -> Result<(), Unwritable> {
        match self.open.last_mut() {
            Some((_, content @ Content::Tag)) => {
                self.out.push('>');
                *content = Content::Text;
            }
            Some((_, Content::Text)) => {}
            Some((name, Content::Elements)) => return Err(Unwritable::Place(name.clone())),
            None => return Err(Unwritable::Place(text.to_owned())),
        }
        self.escape(text, false)
    }

    /// Ends the element that is open.
    pub fn end(&mut self) -> Result<(), Unwritable> {
        let Some((name, content)) = self.open.pop() else { return Err(Unwritable::Place(String::new())) };
        match content {
            Content::Tag => self.out.push_str("/>\n"),
            Content::Text => self.out.push_str(&format!("</{name}>\n")),
            Content::Elements => {
                self.indent();
                self.out.push_str(&format!("</{name}>\n"));
            }
        }
        Ok(())
    }

    /// The document.
    pub fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    fn indent(&mut self) {
        for _ in &self.open {
            self.out.push_str("  ");
        }
    }

    fn escape(&mut self, text: &str, attribute: bool) -> Result<(), Unwritable> {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                // Only `]]>` needs it, but it is always right.
                '>' => self.out.push_str("&gt;"),
                '"' if attribute => self.out.push_str("&quot;"),
                // As themselves these would be read as blanks, or as line feeds.
                '\n' | '\t' if attribute => self.out.push_str(&format!("&#{};", u32::from(c))),
                '\r' => self.out.push_str("&#13;"),
                c if is_character(c) => self.out.push(c),
                c => return Err(Unwritable::Character(c)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{Limits, Tree},
        *,
    };

    fn write(text: &str, value: &str) -> Result<Vec<u8>, Unwritable> {
        let mut writer = Writer::new();
        writer.document_type("a", "a.dtd")?;
        writer.start("a")?;
        writer.attribute("xmlns:p", "urn:p")?;
        writer.start("p:b")?;
        writer.attribute("c", value)?;
        writer.text(text)?;
        writer.end()?;
        writer.start("d")?;
        writer.end()?;
        writer.end()?;
        Ok(writer.finish())
    }

    #[test]
    fn a_document_reads_well() {
        let out = write("1 < 2 & 3", "\"x\"\n").expect("it can be written");
        assert_eq!(
            String::from_utf8_lossy(&out),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE a SYSTEM \"a.dtd\">\n<a xmlns:p=\"urn:p\">\n  \
             <p:b c=\"&quot;x&quot;&#10;\">1 &lt; 2 &amp; 3</p:b>\n  <d/>\n</a>\n"
        );
    }

    #[test]
    fn what_xml_cannot_hold_is_refused() {
        assert_eq!(write("\u{1}", ""), Err(Unwritable::Character('\u{1}')));
        let mut writer = Writer::new();
        assert_eq!(writer.start("1"), Err(Unwritable::Name("1".to_owned())));
        assert_eq!(writer.end(), Err(Unwritable::Place(String::new())));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_it_was(text in "[\\PC\n\t\r]{0,24}", value in "[\\PC\n\t\r]{0,24}") {
            let out = write(&text, &value).expect("all of it is XML");
            let out = String::from_utf8(out).expect("it is UTF-8");
            let tree = Tree::read(&out, Limits::default()).expect("it is well-formed");
            let b = tree.root().children().next().expect("it is there");
            prop_assert_eq!(b.text(), text);
            prop_assert_eq!(b.attributes().next().map(|one| one.value.to_owned()), Some(value));
        }
    }
}
