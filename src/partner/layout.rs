//! `[x12.write]`: how what we send a partner is laid out. With none it is laid out as most partners read it, and
//! acknowledgements with the separators of what they answer.

use std::{fmt, str::FromStr};

use super::identity::described;
use crate::{
    config::{Diagnostic, FromNode, Node, Reader, Spanned, Value, Wrong, codes as config, section},
    x12::{Delimiters, Layout},
};

section! {
    /// How what we send them is laid out.
    pub struct LayoutSection {
        /// What stands between elements.
        pub element: Spanned<Separator> = Separator(b'*'),
        /// What stands between components (ISA16).
        pub component: Spanned<Separator> = Separator(b'>'),
        /// What stands between repetitions (ISA11), from 005010 on.
        pub repetition: Spanned<Separator> = Separator(b'^'),
        /// What ends a segment, like "~" or "\n".
        pub segment: Spanned<Separator> = Separator(b'~'),
        /// What takes the place of a separator inside a value, like " ". With none, such a value is refused.
        pub replacement: Option<Spanned<Separator>>,
        /// Whether a line end follows each segment.
        pub lines: bool = false,
        /// Breaks the file into lines of so many bytes, like 80.
        pub wrap: Option<Spanned<u32>>,
    }
}

/// One sign of ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Separator(u8);

impl FromStr for Separator {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        match text.as_bytes() {
            [byte] if byte.is_ascii() => Ok(Self(*byte)),
            _ => {
                Err(Wrong::new(format!("{text:?} is not one sign of ASCII"))
                    .hint("write \"*\", \"\\n\" or \"\\u001C\""))
            }
        }
    }
}

impl fmt::Display for Separator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        char::from(self.0).fmt(f)
    }
}

impl FromNode for Separator {
    fn form() -> String {
        "one sign of ASCII, like \"*\"".to_owned()
    }

    fn from_node(node: &Node, reader: &mut Reader) -> Option<Self> {
        // A blank is a sign like any other, where other texts take it for nothing.
        let text = match &node.value {
            Value::Text(text) if !text.is_empty() => text.clone(),
            _ => String::from_node(node, reader)?,
        };
        text.parse().map_err(|wrong| reader.wrong(node, wrong)).ok()
    }
}

described! {
    Separator, "One sign of ASCII: a separator, or what takes its place.", "^[\\u0000-\\u007F]$", ["*", "\n"];
}

/// The layout that a section means.
pub(super) fn layout(section: &LayoutSection) -> Layout {
    Layout {
        delimiters: Delimiters {
            element: section.element.0,
            component: section.component.0,
            repetition: Some(section.repetition.0),
            segment: section.segment.0,
        },
        lines: section.lines,
        wrap: section.wrap.as_ref().map(|width| width.value as usize),
        replacement: section.replacement.as_ref().map(|sign| sign.0),
    }
}

/// What the shape of the section cannot say: separators are no letters, and all different.
pub(super) fn check(section: &LayoutSection, findings: &mut Vec<Diagnostic>) {
    let separators = [&section.element, &section.component, &section.repetition, &section.segment];
    for (nth, sign) in separators.iter().enumerate() {
        if sign.0.is_ascii_alphanumeric() || sign.0 == b' ' {
            let told = Diagnostic::error(config::BAD_VALUE, "a letter, a digit or a blank separates nothing");
            findings.push(told.at(&sign.origin, ""));
        }
        if separators.iter().take(nth).any(|earlier| earlier.value == sign.value) {
            let told = Diagnostic::error(config::CONTRADICTION, "two separators are the same");
            findings.push(told.at(&sign.origin, ""));
        }
    }
    if let Some(sign) = section.replacement.as_ref().filter(|sign| separators.iter().any(|one| one.value == sign.value))
    {
        let told = Diagnostic::error(config::CONTRADICTION, "what takes a separator's place must be none itself");
        findings.push(told.at(&sign.origin, ""));
    }
    if let Some(width) = section.wrap.as_ref().filter(|width| !(20..=10_000).contains(&width.value)) {
        let told = Diagnostic::error(config::OUT_OF_RANGE, "a line has from 20 to 10000 bytes");
        findings.push(told.at(&width.origin, ""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, read_file};

    fn read(text: &str) -> (Option<Layout>, Vec<String>) {
        let source = Source::new("write.toml", text);
        let (section, mut findings) = read_file::<LayoutSection>(&source, &[]);
        section.iter().for_each(|section| check(section, &mut findings));
        (section.map(|section| layout(&section)), findings.into_iter().map(|finding| finding.message).collect())
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        assert_eq!(read(""), (Some(Layout::default()), vec![]));
        let text = "element = \"|\"\nsegment = \"\\n\"\nreplacement = \" \"\nwrap = 80";
        let (layout, findings) = read(text);
        let layout = layout.unwrap();
        assert_eq!((layout.delimiters.element, layout.delimiters.segment, findings.len()), (b'|', b'\n', 0));
        assert_eq!((layout.replacement, layout.wrap, layout.lines), (Some(b' '), Some(80), false));
    }

    #[test]
    fn separators_that_separate_nothing_are_told() {
        for (text, told) in [
            ("element = \"A\"", "a letter, a digit or a blank separates nothing"),
            ("segment = \"*\"", "two separators are the same"),
            ("replacement = \"~\"", "what takes a separator's place must be none itself"),
            ("wrap = 5", "a line has from 20 to 10000 bytes"),
        ] {
            assert_eq!(read(text).1, [told], "{text}");
        }
        assert!(read("element = \"**\"").1[0].contains("is not one sign of ASCII"));
    }
}
