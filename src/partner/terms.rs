//! What is agreed about X12 with one partner, as plain data: the exchange turns it into the X12 core's own policy.

use std::{fmt, str::FromStr};

use super::{EnvelopeId, Version, codes};
use crate::config::{TextForm, Wrong, choice, text_form};

choice! {
    /// ISA15 of what we send, and what we expect.
    pub enum Usage {
        /// Business.
        Production = "P",
        /// Rehearsal: fed to test consumers only.
        Test = "T",
    }
}

choice! {
    /// How the partner's bytes become text. No byte is dropped, whichever it is.
    pub enum Charset {
        /// Every byte is a character.
        Latin1 = "latin1",
        /// UTF-8; what is none is reported.
        Utf8 = "utf8",
        /// ASCII; what is more is reported, and kept as Latin-1.
        Ascii = "ascii",
    }
}

choice! {
    /// Whether ISA11 separates repetitions.
    pub enum Repetition {
        /// From version 00402 on, as the standard says.
        Auto = "auto",
        /// Never, for partners whose ISA12 says more than they mean.
        Off = "off",
        /// Always.
        Always = "always",
    }
}

choice! {
    /// Which characters of X12 the partner may use.
    pub enum Characters {
        /// Any.
        Any = "any",
        /// The basic set.
        Basic = "basic",
        /// The extended set.
        Extended = "extended",
    }
}

choice! {
    /// Which functional acknowledgement the partner gets.
    pub enum Functional {
        /// 997.
        F997 = "997",
        /// 999, for 005010.
        F999 = "999",
        /// None at all.
        None = "none",
    }
}

choice! {
    /// How much an acknowledgement tells.
    pub enum Detail {
        /// About every transaction set.
        Set = "set",
        /// About those that were not accepted.
        Failures = "failures",
    }
}

choice! {
    /// When the partner gets a TA1.
    pub enum Ta1 {
        /// Only when ISA14 asks for it.
        OnRequest = "on-request",
        /// When ISA14 asks for it, and for every interchange that is rejected.
        Errors = "errors",
        /// For every interchange.
        Always = "always",
        /// Never.
        Never = "never",
    }
}

choice! {
    /// What becomes of an interchange whose number was used before for other bytes.
    pub enum DuplicateInterchange {
        /// It waits for a person, with an alert.
        Hold = "hold",
        /// It is taken as a new one: for partners whose numbers restart.
        Accept = "accept",
        /// It is rejected by TA1 025.
        Reject = "reject",
    }
}

choice! {
    /// How bad it is when a rule is broken.
    pub enum RuleSeverity {
        /// The transaction set is rejected.
        Error = "error",
        /// It is accepted, with the error noted.
        Warning = "warning",
        /// It is not looked at.
        Off = "off",
    }
}

/// A place in a transaction set: a segment, an element of it, or a component of that. Written `BEG`, `BEG05`, `SLN09-2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The segment's tag.
    pub segment: String,
    /// The element, from 1.
    pub element: Option<u8>,
    /// The component, from 1.
    pub component: Option<u8>,
}

/// What is agreed about X12.
#[derive(Debug, Clone, PartialEq)]
pub struct X12Terms {
    /// Who they are.
    pub ids: Vec<EnvelopeId>,
    /// Who we are to them.
    pub ours: EnvelopeId,
    /// ISA15 of what we send them.
    pub usage: Usage,
    /// The version of what we send them, and of what they send where neither ST03 nor GS08 says.
    pub version: Version,
    /// Whether that version holds for what they send, whatever ST03 and GS08 say.
    pub version_fixed: bool,
    /// The partner whose connection carries this one.
    pub via: Option<String>,
    /// How bytes become text.
    pub charset: Charset,
    /// Whether ISA11 separates repetitions.
    pub repetition: Repetition,
    /// Whether an ISA must be 106 bytes exactly.
    pub strict: bool,
    /// Which characters may be used.
    pub characters: Characters,
    /// Which acknowledgement they get.
    pub acknowledgement: Functional,
    /// How much it tells.
    pub detail: Detail,
    /// When they get a TA1.
    pub ta1: Ta1,
    /// What a reused interchange number means.
    pub duplicate_interchange: DuplicateInterchange,
    /// Whether interchange numbers have no gaps, so that one is worth an alert.
    pub consecutive: bool,
    /// Rules that count differently for them, by code.
    pub rules: Vec<(String, RuleSeverity)>,
    /// Where their sets differ from the standard.
    pub overlays: Vec<Overlay>,
}

/// Where a partner's transaction set differs from the standard.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overlay {
    /// The set, like `856`; `*` means all.
    pub set: String,
    /// Segments and elements that must be there.
    pub require: Vec<Place>,
    /// Segments and elements that need not be there, or may be where the standard has none.
    pub relax: Vec<Place>,
    /// Segments that the standard does not have here.
    pub extra: Vec<ExtraSegment>,
    /// Codes that are right besides the standard's, by element.
    pub codes: Vec<(Place, Vec<String>)>,
    /// The longest that an element may be.
    pub length: Vec<(Place, u32)>,
    /// How often a segment may come in its place.
    pub repeat: Vec<(Place, u32)>,
}

/// A segment that the standard does not have.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtraSegment {
    /// Its tag.
    pub tag: String,
    /// The segment it comes after; anywhere, if absent.
    pub after: Option<String>,
    /// How often it may come there.
    pub max: u32,
}

impl X12Terms {
    /// Whether an envelope's sender is this partner.
    pub fn is_sender(&self, qualifier: &str, id: &str, group: Option<&str>) -> bool {
        self.ids.iter().any(|own| own.is(qualifier, id, group))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segment)?;
        if let Some(element) = self.element {
            write!(f, "{element:02}")?;
        }
        self.component.map_or(Ok(()), |component| write!(f, "-{component}"))
    }
}

impl FromStr for Place {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let wrong = || {
            Wrong::new(format!("\"{text}\" is not a place in a transaction set"))
                .code(codes::BAD_PLACE)
                .hint("a segment like \"BEG\", an element like \"BEG05\" (two digits), or a component like \"SLN09-2\"")
        };
        let (whole, component) = match text.split_once('-') {
            Some((whole, component)) => (whole, Some(component.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        // Tags have two or three characters, the second of which may be a digit too: N1, PO1, N104, PO107.
        let (tag, element) = match whole.len() {
            2 | 3 => (whole, None),
            4 | 5 => whole.split_at_checked(whole.len() - 2).map(|(tag, nn)| (tag, Some(nn))).ok_or_else(wrong)?,
            _ => return Err(wrong()),
        };
        let element = element.map(str::parse).transpose().map_err(|_| wrong())?;
        let sound = tag.starts_with(|c: char| c.is_ascii_uppercase())
            && tag.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            && element != Some(0)
            && component != Some(0)
            && (component.is_none() || element.is_some());
        if sound { Ok(Self { segment: tag.to_owned(), element, component }) } else { Err(wrong()) }
    }
}

impl TextForm for Place {
    const FORM: &'static str = "a place in a transaction set, like \"BEG05\"";
}

text_form!(Place);

impl serde::Serialize for Place {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for Place {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Place".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A segment, an element of it, or a component of that.",
            "pattern": "^[A-Z][A-Z0-9]{1,2}([0-9]{2}(-[0-9]+)?)?$",
            "examples": ["BEG", "BEG05", "SLN09-2"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_written() {
        for text in ["BEG", "N1", "BEG05", "N104", "PO107", "SLN09-2", "G4801"] {
            let place: Place = text.parse().unwrap();
            assert_eq!(place.to_string(), text);
        }
        assert_eq!("N104".parse::<Place>().unwrap().segment, "N1");
        for bad in ["", "B", "beg", "BEG5", "BEG00", "BEG-1", "BEG05-0", "BEG05-x", "1BE", "BEGIN05", "BÉ01", "é"] {
            assert_eq!(bad.parse::<Place>().unwrap_err().code, codes::BAD_PLACE, "{bad}");
        }
    }
}
