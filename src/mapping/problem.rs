//! What is wrong with a value: where it stands in the document, and which line of which mapping file wanted it otherwise.

use serde::{Deserialize, Serialize};

use super::{plan::Origin, text::Charset};
use crate::{
    error::Code,
    x12::token::{Segment, SetView},
    xml::{Node, Source},
};

/// One value that a mapping could not read. Both sides are named: the document and the mapping file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Problem {
    /// The stable name, like `MAP-0101`.
    pub code: String,
    /// What is wrong, in one sentence.
    pub text: String,
    /// The segment in its set, from 1: ST is 1; 0 in XML.
    pub segment: u32,
    /// Its tag; in XML the path to the element.
    pub tag: String,
    /// The element, from 1; 0 where the segment as a whole is meant.
    pub element: u16,
    /// Where the value begins in the file, in bytes.
    pub offset: u64,
    /// On writing: the field of the canonical document, a JSON pointer like `/lines/0/quantity/value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The value as sent, at most 80 characters of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The mapping file; empty where no rule is to blame.
    pub mapping: String,
    /// Its line, from 1.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
}

impl Problem {
    pub(crate) fn at_segment(code: Code, text: String, segment: &Segment<'_>, element: u16) -> Self {
        Self {
            code: code.as_str().to_owned(),
            text,
            segment: segment.position(),
            tag: String::from_utf8_lossy(segment.tag()).into_owned(),
            element,
            offset: if element == 0 { segment.offset() } else { segment.element_offset(usize::from(element)) },
            pointer: None,
            value: None,
            mapping: String::new(),
            line: 0,
            column: 0,
        }
    }

    /// On writing: what is wrong with a field of the document.
    pub(crate) fn in_document(code: Code, text: String, pointer: String) -> Self {
        Self {
            code: code.as_str().to_owned(),
            text,
            segment: 0,
            tag: String::new(),
            element: 0,
            offset: 0,
            pointer: Some(pointer),
            value: None,
            mapping: String::new(),
            line: 0,
            column: 0,
        }
    }

    /// The rule that wrote it, and its place.
    pub(crate) fn by(self, rule: &Origin) -> Self {
        Self {
            tag: rule.place.0.clone(),
            element: u16::from(rule.place.1),
            mapping: rule.spot.source.name.to_string(),
            line: rule.line_column.0,
            column: rule.line_column.1,
            ..self
        }
    }

    pub(crate) fn at_value(
        code: Code,
        text: String,
        set: &SetView<'_>,
        segment: u32,
        element: u16,
        charset: Charset,
        rule: &Origin,
    ) -> Self {
        let mut problem = Self::of(code, text, rule);
        if let Some(segment) = set.segment(segment as usize) {
            let value = charset.decode(segment.element(usize::from(element))).chars().take(80).collect();
            let at = Self::at_segment(code, String::new(), &segment, element);
            problem =
                Self { value: Some(value), segment: at.segment, tag: at.tag, element, offset: at.offset, ..problem };
        }
        problem
    }

    /// A value that is not there: at the segment where it would stand, or at the one that opened the item.
    pub(crate) fn missing(code: Code, text: String, set: &SetView<'_>, opened: u32, rule: &Origin) -> Self {
        let problem = Self::of(code, text, rule);
        let (tag, element) = &rule.place;
        let from = opened as usize;
        let own = set.segments().skip(from).find(|segment| segment.tag() == tag.as_bytes());
        match (own, set.segment(from)) {
            (Some(segment), _) => {
                let at = Self::at_segment(code, String::new(), &segment, u16::from(*element));
                Self { segment: at.segment, tag: at.tag, element: at.element, offset: at.offset, ..problem }
            }
            (None, Some(segment)) => Self {
                segment: segment.position(),
                tag: tag.clone(),
                element: u16::from(*element),
                offset: segment.offset(),
                ..problem
            },
            _ => problem,
        }
    }

    /// A value of an XML document, or one that is missing in an element.
    pub(crate) fn in_xml(
        code: Code,
        text: String,
        source: &Source<'_>,
        node: Node<'_, '_>,
        rule: Option<&Origin>,
    ) -> Self {
        let at = if node.text().trim_ascii().is_empty() { node.range().start } else { node.within().start };
        Self { tag: node.path(), offset: source.offset(at), ..Self::of_document(code, text, rule) }
    }

    /// Something about the whole document.
    pub(crate) fn of_document(code: Code, text: String, rule: Option<&Origin>) -> Self {
        let (mapping, (line, column)) =
            rule.map_or_else(|| (String::new(), (0, 0)), |rule| (rule.spot.source.name.to_string(), rule.line_column));
        Self {
            code: code.as_str().to_owned(),
            text,
            segment: 0,
            tag: String::new(),
            element: 0,
            offset: 0,
            pointer: None,
            value: None,
            mapping,
            line,
            column,
        }
    }

    /// Whether it is about a value of this rule.
    pub(crate) fn at(&self, rule: &Origin) -> bool {
        *self.mapping == *rule.spot.source.name && (self.line, self.column) == rule.line_column
    }

    fn of(code: Code, text: String, rule: &Origin) -> Self {
        Self::of_document(code, text, Some(rule))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code)?;
        match self.pointer.as_deref() {
            None if self.segment == 0 => write!(f, " {} (byte {})", self.tag, self.offset)?,
            None => write!(f, " segment {} (byte {}) {}", self.segment, self.offset, self.tag)?,
            Some("") => write!(f, " the document {}", self.tag)?,
            Some(pointer) => write!(f, " {pointer} {}", self.tag)?,
        }
        if self.element > 0 {
            write!(f, " element {:02}", self.element)?;
        }
        if let Some(value) = &self.value {
            write!(f, " {value:?}")?;
        }
        write!(f, ": {}", self.text)?;
        if !self.mapping.is_empty() {
            write!(f, " ({}:{}:{})", self.mapping, self.line, self.column)?;
        }
        Ok(())
    }
}
