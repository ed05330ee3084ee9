//! What one partner's interchanges are held to: versions, separators, characters, severities, caps.
//!
//! The defaults are what most partners need; a partner's file changes single rules.

use super::envelope::PartyId;
use super::rules::Severities;
use super::standard::Standard;
use std::sync::Arc;

/// How one interchange is read and checked. The checker asks for it once the ISA is known.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The version to hold sets to, whatever ST03 and GS08 say.
    pub version: Option<String>,
    /// Standards with the partner's overlay applied, used instead of the built-in ones of the same version.
    pub standards: Vec<Arc<Standard>>,
    /// Who we are to this partner; anybody, if not given.
    pub receiver: Option<PartyId>,
    /// What to make of ISA11.
    pub repetition: Repetition,
    /// Which characters elements may hold.
    pub characters: CharacterSet,
    /// How grave each rule's findings are, where it differs from the rule's own.
    pub severities: Severities,
    /// Whether an ISA must be 106 bytes long.
    pub strict_isa: bool,
    /// Limits on what is held in memory.
    pub caps: Caps,
}

/// Whether ISA11 separates repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repetition {
    /// From version 00402 on, unless it is a letter, a digit, a blank or another separator.
    #[default]
    Auto,
    /// Never: values may hold that character.
    Off,
    /// In any version, if it can be a separator at all.
    Always,
}

/// Which characters elements may hold (X12.5 appendix A).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CharacterSet {
    /// Any byte; control characters are noted.
    #[default]
    Any,
    /// Capital letters, digits, blank and ``!"&'()*+,-./:;?=``.
    Basic,
    /// The basic set, small letters and ``%~@[]_{}\|<>#$^` ``.
    Extended,
}

/// Limits on what one interchange may make the checker hold. What goes past one ends in a finding, never in more memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Bytes of one segment. A longer one is passed over and its set rejected.
    pub segment_bytes: usize,
    /// Bytes of one set, binary data included. A larger set is checked, but has no view.
    pub set_bytes: usize,
    /// Elements of one segment. What is beyond them is not looked at.
    pub elements: usize,
    /// Components or repetitions of one element. What is beyond them is not looked at.
    pub components: usize,
    /// Findings of one set, group or interchange that are kept; the rest are counted.
    pub findings: usize,
    /// Findings of all sets of one interchange that are kept.
    pub findings_in_all: usize,
    /// Sets of one interchange whose verdicts are kept one by one; beyond it only those with findings are.
    pub verdicts: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 20,
            set_bytes: 8 << 20,
            elements: 1000,
            components: 1000,
            findings: 200,
            findings_in_all: 20_000,
            verdicts: 100_000,
        }
    }
}
