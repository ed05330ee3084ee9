//! What is agreed about X12 with one partner, as plain data: the exchange turns it into the X12 core's own policy.

use std::sync::Arc;

use super::{EnvelopeId, Version};
use crate::{
    config::choice,
    x12::{Layout, standard::Overlay},
};

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
    /// What becomes of an interchange, a group or a set whose number was used before for other bytes.
    pub enum DuplicateNumber {
        /// It waits for a person, with an alert.
        Hold = "hold",
        /// It is taken as a new one: for partners whose numbers restart.
        Accept = "accept",
        /// It is rejected: an interchange by TA1 025, a group by AK905 19, a set by AK502 23.
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
        /// It is accepted, and only we see it.
        Advice = "advice",
        /// It is not looked at.
        Off = "off",
    }
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
    pub duplicate_interchange: DuplicateNumber,
    /// What a GS06 means that another interchange had.
    pub duplicate_group: DuplicateNumber,
    /// What an ST02 means that another group had.
    pub duplicate_set: DuplicateNumber,
    /// Whether interchange numbers have no gaps, so that one is worth an alert.
    pub consecutive: bool,
    /// How what we send them is laid out, where the file says so.
    pub layout: Option<Layout>,
    /// Rules that count differently for them, by code or name.
    pub rules: Vec<(String, RuleSeverity)>,
    /// Where their sets differ from the standard.
    pub overlay: Option<Arc<Overlay>>,
}

impl X12Terms {
    /// Whether an envelope's sender is this partner.
    pub fn is_sender(&self, qualifier: &str, id: &str, group: Option<&str>) -> bool {
        self.ids.iter().any(|own| own.is(qualifier, id, group))
    }
}
