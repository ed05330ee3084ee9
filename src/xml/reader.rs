//! Reads a text from tag to tag. Names come with their namespaces, values without entities, and everything with the bytes
//! that it stands in.
//!
//! XML 1.0 §2.3 to §4.6, Namespaces in XML 1.0 §5 and §6. A document type may name its DTD; it is not fetched, and may
//! declare nothing itself.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{borrow::Cow, ops::Range};

use quick_xml::events::{BytesStart, Event};

use super::{codes, fault::Fault};

/// The namespace of the prefix `xml`.
const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// What is read at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Elements in each other.
    pub depth: usize,
    /// Elements in all.
    pub elements: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Bytes of the text.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 100, elements: 1_000_000, attributes: 256, bytes: 64 << 20 }
    }
}

/// A name: which namespace it is in, and its local part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name<'a> {
    /// The namespace, as [`Reader::namespace`] knows it; 0 is none.
    pub namespace: u32,
    /// Behind the prefix.
    pub local: &'a str,
}

/// An attribute that declares no namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its name.
    pub name: Name<'a>,
    /// Its value, with entities put in.
    pub value: Cow<'a, str>,
    /// The bytes of the value, between the quotes.
    pub range: Range<usize>,
}

/// A piece of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token<'a> {
    /// An element begins; every one ends with an [`Token::End`], also one that is empty.
    Start {
        /// Its name.
        name: Name<'a>,
        /// Its attributes, without those that declare namespaces.
        attributes: Vec<Attribute<'a>>,
        /// The bytes of the tag.
        range: Range<usize>,
    },
    /// Text of the element that is open. Several may follow each other: entities and CDATA come by themselves.
    Text {
        /// With entities put in.
        text: Cow<'a, str>,
        /// Its bytes.
        range: Range<usize>,
    },
    /// The element that is open ends.
    End {
        /// Behind the last byte of its closing tag.
        end: usize,
    },
}

/// A document being read.
pub struct Reader<'a> {
    text: &'a str,
    inner: quick_xml::Reader<&'a [u8]>,
    limits: Limits,
    /// Namespaces that were met; the first is none.
    namespaces: Vec<Cow<'a, str>>,
    /// Prefixes in force, the latest last; 0 stands for none.
    bindings: Vec<(&'a str, u32)>,
    /// How many bindings there were before each element that is open.
    open: Vec<usize>,
    elements: usize,
    /// An empty element was told of, and its end was not.
    empty: bool,
    /// The root has ended, or a document type came.
    rooted: bool,
    typed: bool,
}

impl<'a> Reader<'a> {
    /// Begins to read.
    pub fn new(text: &'a str, limits: Limits) -> Result<Self, Fault> {
        if text.len() > limits.bytes {
            let message = format!("the text has {} bytes; {} are read", text.len(), limits.bytes);
            return Err(Fault::new(codes::LIMIT, message, "", 0));
        }
        let mut inner = quick_xml::Reader::from_str(text);
        inner.config_mut().check_comments = true;
        Ok(Self {
            text,
            inner,
            limits,
            namespaces: vec![Cow::Borrowed("")],
            bindings: Vec::new(),
            open: Vec::new(),
            elements: 0,
            empty: false,
            rooted: false,
            typed: false,
        })
    }

    /// The name of a namespace; empty for none.
    pub fn namespace(&self, number: u32) -> &str {
        self.namespaces.get(number as usize).map_or("", |name| name)
    }

    /// The next piece; `None` at the end. After a fault there is nothing more to be had.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could not say that the first fault is the last item"
    )]
    pub fn next(&mut self) -> Result<Option<Token<'a>>, Fault> {
        if std::mem::take(&mut self.empty) {
            return self.end().map(Some);
        }
        loop {
            let from = self.inner.buffer_position() as usize;
            let event = match self.inner.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let at = self.inner.error_position() as usize;
                    return Err(self.fault(codes::MALFORMED, format!("{error}"), at));
                }
            };
            let range = from..self.inner.buffer_position() as usize;
            match event {
                Event::Start(tag) => return self.start(&tag, range).map(Some),
                Event::Empty(tag) => {
                    self.empty = true;
                    return self.start(&tag, range).map(Some);
                }
                Event::End(_) => return self.end().map(Some),
                Event::Text(piece) => {
                    let raw = self.own(&piece).unwrap_or_default();
                    if let Some(token) = self.text(raw, range)? {
                        return Ok(Some(token));
                    }
                }
                Event::CData(piece) => {
                    let raw = self.own(&piece).unwrap_or_default();
                    let start = self.distance(&piece);
                    if self.open.is_empty() {
                        return Err(self.fault(codes::NOT_ONE_ROOT, "text stands beside the root element", from));
                    }
                    return Ok(Some(Token::Text { text: lines(raw), range: start..start + raw.len() }));
                }
                Event::GeneralRef(name) => {
                    if self.open.is_empty() {
                        return Err(self.fault(codes::NOT_ONE_ROOT, "text stands beside the root element", from));
                    }
                    let character = entity(&name).map_err(|text| self.fault(codes::ENTITY, text, from))?;
                    return Ok(Some(Token::Text { text: Cow::Owned(character.into()), range }));
                }
                Event::DocType(content) => self.document_type(&content, from)?,
                Event::Decl(_) if from != 0 => {
                    return Err(self.fault(codes::MALFORMED, "`<?xml` belongs at the very beginning", from));
                }
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => {
                    if !self.open.is_empty() {
                        return Err(self.fault(codes::MALFORMED, "the text ends before its elements do", from));
                    }
                    if !self.rooted {
                        return Err(self.fault(codes::NOT_ONE_ROOT, "there is no element in it", from));
                    }
                    return Ok(None);
                }
            }
        }
    }

    fn fault(&self, code: crate::error::Code, text: impl Into<String>, at: usize) -> Fault {
        Fault::new(code, text, self.text, at)
    }

    /// How far a piece of the text stands behind its beginning.
    fn distance(&self, piece: &str) -> usize {
        piece.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr())
    }

    /// A piece as part of the text, which outlives the event that it came with.
    fn own(&self, piece: &str) -> Option<&'a str> {
        let start = self.distance(piece);
        self.text.get(start..start.checked_add(piece.len())?)
    }

    fn text(&self, raw: &'a str, range: Range<usize>) -> Result<Option<Token<'a>>, Fault> {
        if self.open.is_empty() {
            return match raw.trim_ascii().is_empty() {
                true => Ok(None),
                false => Err(self.fault(codes::NOT_ONE_ROOT, "text stands beside the root element", range.start)),
            };
        }
        Ok(Some(Token::Text { text: lines(raw), range }))
    }

    fn end(&mut self) -> Result<Token<'a>, Fault> {
        let end = self.inner.buffer_position() as usize;
        let Some(bindings) = self.open.pop() else {
            return Err(self.fault(codes::MALFORMED, "an element ends that did not begin", end));
        };
        self.bindings.truncate(bindings);
        self.rooted |= self.open.is_empty();
        Ok(Token::End { end })
    }

    fn document_type(&mut self, content: &str, from: usize) -> Result<(), Fault> {
        if self.typed || self.elements > 0 {
            return Err(self.fault(codes::MALFORMED, "a document type belongs once, before the root element", from));
        }
        self.typed = true;
        // Names of DTDs stand in quotes, and may have brackets.
        let mut quote = None;
        for character in content.chars() {
            match (quote, character) {
                (None, '[') => {
                    let text = "the document type has declarations of its own";
                    return Err(self.fault(codes::DECLARATIONS, text, from));
                }
                (None, '"' | '\'') => quote = Some(character),
                (Some(open), close) if open == close => quote = None,
                _ => {}
            }
        }
        Ok(())
    }

    fn start(&mut self, tag: &BytesStart<'_>, range: Range<usize>) -> Result<Token<'a>, Fault> {
        let at = range.start;
        if self.rooted {
            return Err(self.fault(codes::NOT_ONE_ROOT, "there is a second root element", at));
        }
        self.elements += 1;
        if self.elements > self.limits.elements {
            return Err(self.fault(codes::LIMIT, format!("more than {} elements", self.limits.elements), at));
        }
        if self.open.len() >= self.limits.depth {
            return Err(self.fault(codes::LIMIT, format!("elements stand more than {} deep", self.limits.depth), at));
        }
        self.open.push(self.bindings.len());
        let mut found = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| self.fault(codes::MALFORMED, format!("{error}"), at))?;
            if found.len() >= self.limits.attributes {
                let text = format!("an element has more than {} attributes", self.limits.attributes);
                return Err(self.fault(codes::LIMIT, text, at));
            }
            let (Some(key), Some(raw)) = (self.own(attribute.key.as_ref()), self.own(&attribute.value)) else {
                continue;
            };
            found.push((key, raw, self.distance(&attribute.value)));
        }
        // Namespaces first: they hold for the element itself, and for attributes before them.
        for (key, raw, start) in &found {
            let prefix = match key.strip_prefix("xmlns") {
                Some("") => "",
                Some(rest) if rest.starts_with(':') => rest.get(1..).unwrap_or_default(),
                _ => continue,
            };
            let uri = self.value(raw, *start)?;
            if uri.is_empty() && !prefix.is_empty() {
                return Err(self.fault(codes::PREFIX, format!("`{key}` names no namespace"), *start));
            }
            let number = self.number(uri);
            self.bindings.push((prefix, number));
        }
        let mut attributes = Vec::new();
        for (key, raw, start) in found {
            if key == "xmlns" || key.starts_with("xmlns:") {
                continue;
            }
            let name = self.name(key, false, start)?;
            if attributes.iter().any(|other: &Attribute<'_>| other.name == name) {
                return Err(self.fault(codes::MALFORMED, format!("the attribute `{key}` stands twice"), start));
            }
            let value = self.value(raw, start)?;
            attributes.push(Attribute { name, value, range: start..start + raw.len() });
        }
        let qualified = self.own(tag.name().as_ref()).unwrap_or_default();
        let name = self.name(qualified, true, at)?;
        Ok(Token::Start { name, attributes, range })
    }

    /// The number of a namespace.
    fn number(&mut self, uri: Cow<'a, str>) -> u32 {
        let known = self.namespaces.iter().position(|other| *other == uri);
        known.unwrap_or_else(|| {
            self.namespaces.push(uri);
            self.namespaces.len() - 1
        }) as u32
    }

    /// What a name means here. The default namespace is not for attributes.
    fn name(&mut self, qualified: &'a str, element: bool, at: usize) -> Result<Name<'a>, Fault> {
        let (prefix, local) = qualified.split_once(':').unwrap_or(("", qualified));
        if local.is_empty() || local.contains(':') || qualified.starts_with(':') || !is_name(qualified) {
            return Err(self.fault(codes::MALFORMED, format!("`{qualified}` is not a name"), at));
        }
        if prefix.is_empty() && !element {
            return Ok(Name { namespace: 0, local });
        }
        let bound = self.bindings.iter().rev().find(|(other, _)| *other == prefix).map(|(_, number)| *number);
        match (bound, prefix) {
            (Some(namespace), _) => Ok(Name { namespace, local }),
            (None, "") => Ok(Name { namespace: 0, local }),
            (None, "xml") => Ok(Name { namespace: self.number(Cow::Borrowed(XML_NAMESPACE)), local }),
            (None, _) => Err(self.fault(codes::PREFIX, format!("the prefix of `{qualified}` has no namespace"), at)),
        }
    }

    /// The value of an attribute: entities put in, line ends and tabs as blanks.
    fn value(&self, raw: &'a str, start: usize) -> Result<Cow<'a, str>, Fault> {
        if let Some(at) = raw.find('<') {
            return Err(self.fault(codes::MALFORMED, "`<` in an attribute is written `&lt;`", start + at));
        }
        if !raw.bytes().any(|byte| matches!(byte, b'&' | b'\t' | b'\n' | b'\r')) {
            return Ok(Cow::Borrowed(raw));
        }
        let mut value = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(at) = rest.find(['&', '\t', '\n', '\r']) {
            let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            value.push_str(before);
            let here = start + (raw.len() - from.len());
            rest = if let Some(reference) = from.strip_prefix('&') {
                let Some((name, rest)) = reference.split_once(';') else {
                    return Err(self.fault(codes::MALFORMED, "`&` in an attribute is written `&amp;`", here));
                };
                value.push(entity(name).map_err(|text| self.fault(codes::ENTITY, text, here))?);
                rest
            } else {
                value.push(' ');
                from.strip_prefix("\r\n").or_else(|| from.get(1..)).unwrap_or_default()
            };
        }
        value.push_str(rest);
        Ok(Cow::Owned(value))
    }
}

/// Line ends as line feeds (§2.11).
fn lines(raw: &str) -> Cow<'_, str> {
    if raw.contains('\r') { Cow::Owned(raw.replace("\r\n", "\n").replace('\r', "\n")) } else { Cow::Borrowed(raw) }
}

/// The character of an entity: one of the five, or a number.
fn entity(name: &str) -> Result<char, String> {
    let number = match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(hexadecimal), _) if plain(hexadecimal, 16) => u32::from_str_radix(hexadecimal, 16).ok(),
            (None, Some(decimal)) if plain(decimal, 10) => decimal.parse().ok(),
            (None, None) => return Err(format!("`&{name};` is no entity of XML")),
            _ => None,
        },
    };
    number.and_then(char::from_u32).filter(|c| is_character(*c)).ok_or_else(|| format!("`&{name};` is no character"))
}

fn plain(digits: &str, radix: u32) -> bool {
    !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix))
}

/// Whether XML has this character (§2.2).
pub(crate) fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Whether this is a name (§2.3).
pub(crate) fn is_name(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':' || !c.is_ascii() && c.is_alphabetic();
    let inner =
        |c: char| first(c) || c.is_ascii_digit() || matches!(c, '-' | '.') || !c.is_ascii() && !c.is_whitespace();
    text.starts_with(first) && text.chars().all(inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A document as one line per piece.
    fn told(text: &str) -> Result<Vec<String>, Fault> {
        let mut reader = Reader::new(text, Limits::default())?;
        let mut told = Vec::new();
        while let Some(token) = reader.next()? {
            told.push(match token {
                Token::Start { name, attributes, range } => {
                    let mut line = format!("{}|{} {}", reader.namespace(name.namespace), name.local, &text[range]);
                    for one in attributes {
                        let space = reader.namespace(one.name.namespace);
                        line += &format!(" {space}|{}={:?}@{}", one.name.local, one.value, &text[one.range]);
                    }
                    line
                }
                Token::Text { text: piece, range } => format!("{piece:?} of {:?}", &text[range]),
                Token::End { .. } => "end".to_owned(),
            });
        }
        Ok(told)
    }

    fn code(text: &str) -> String {
        told(text).expect_err(text).to_string()
    }

    #[test]
    fn names_have_their_namespaces_and_pieces_their_bytes() {
        let text = "<?xml version=\"1.0\"?>\n<!DOCTYPE a SYSTEM \"x[1].dtd\">\n<!-- c --><a xmlns=\"urn:a\" xmlns:b='urn:b'>\
                    <b:c d=\"1 &amp; 2\" b:e='&#228;'/>x&lt;y<![CDATA[<&>]]></a>\n";
        assert_eq!(
            told(text).expect("it is fine"),
            [
                "urn:a|a <a xmlns=\"urn:a\" xmlns:b='urn:b'>",
                "urn:b|c <b:c d=\"1 &amp; 2\" b:e='&#228;'/> |d=\"1 & 2\"@1 &amp; 2 urn:b|e=\"ä\"@&#228;",
                "end",
                "\"x\" of \"x\"",
                "\"<\" of \"&lt;\"",
                "\"y\" of \"y\"",
                "\"<&>\" of \"<&>\"",
                "end",
            ]
        );
    }

    #[test]
    fn a_prefix_holds_for_its_element_only() {
        let told = told("<a xmlns='1'><b xmlns=''/><c xmlns='2'/><d/></a>").expect("it is fine");
        let starts: Vec<_> = told.iter().filter_map(|line| line.split_once(' ')).map(|(name, _)| name).collect();
        assert_eq!(starts, ["1|a", "|b", "2|c", "1|d"]);
    }

    #[test]
    fn what_is_not_well_formed_is_told_with_line_and_column() {
        for (text, says) in [
            ("<a>\n</b>", "XML-0101 line 2"),
            ("<a>", "XML-0101"),
            ("<a b='1' b='2'/>", "XML-0101"),
            ("<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", "XML-0101"),
            ("<a b='<'/>", "XML-0101"),
            ("<a b=1/>", "XML-0101"),
            ("<a b='&'/>", "XML-0101"),
            (" <?xml version='1.0'?><a/>", "XML-0101"),
            ("<1a/>", "XML-0101"),
            ("<a/><b/>", "XML-0104"),
            ("<a/>text", "XML-0104"),
            ("", "XML-0104"),
            ("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "XML-0105"),
            ("<a>&nbsp;</a>", "XML-0106"),
            ("<a b='&b;'/>", "XML-0106"),
            ("<a>&#0;</a>", "XML-0106"),
            ("<a>&#xD800;</a>", "XML-0106"),
            ("<p:a/>", "XML-0107"),
            ("<a xmlns:p=''/>", "XML-0107"),
        ] {
            assert!(code(text).starts_with(says), "{text}: {}", code(text));
        }
    }

    #[test]
    fn there_are_limits() {
        let limits = Limits { depth: 2, elements: 4, attributes: 1, bytes: 100 };
        let read = |text: &str| -> Result<(), Fault> {
            let mut reader = Reader::new(text, limits)?;
            while reader.next()?.is_some() {}
            Ok(())
        };
        assert!(read("<a><b c='1'/><b/><b/></a>").is_ok());
        let long = format!("<a>{}</a>", " ".repeat(100));
        for text in ["<a><b><c/></b></a>", "<a><b/><b/><b/><b/></a>", "<a b='1' c='2'/>", long.as_str()] {
            assert_eq!(read(text).expect_err(text).code, codes::LIMIT, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_never_panics(text in "\\PC{0,64}") {
            let _ = told(&text);
        }

        #[test]
        fn nor_on_what_nearly_is_xml(text in "[<>/a:b =\"'&;#x!\\[\\]D?\\- \n\ré]{0,48}") {
            let _ = told(&text);
        }
    }
}
