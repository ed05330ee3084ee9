//! The rules and how grave breaking one is: by default, and where a partner's file says otherwise.

use super::codes;
use crate::error::Code;
use serde::{Deserialize, Serialize};

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Not looked for, or not told.
    Off,
    /// For our own eyes: the acknowledgement says nothing of it.
    Advice,
    /// Accepted, and the acknowledgement says what was wrong where it has a code for it.
    Warning,
    /// Rejected, where the rule is one about something that can be.
    Error,
}

impl Severity {
    /// The severity of that name: `error`, `warning`, `advice` or `off`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "off" => Self::Off,
            "advice" => Self::Advice,
            "warning" => Self::Warning,
            "error" => Self::Error,
            _ => return None,
        })
    }
}

/// What a finding becomes in an acknowledgement: the segment's element, and its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AckCode {
    /// Nothing.
    None,
    /// AK304 or IK304.
    Segment(u8),
    /// AK403 or IK403.
    Element(u8),
    /// AK502 or IK502.
    Set(u8),
    /// AK905.
    Group(u8),
    /// TA105.
    Interchange(u8),
}

/// One rule: what it is called in a partner's file, and what it does unless that says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its code.
    pub code: Code,
    /// Its name.
    pub name: &'static str,
    /// Its severity.
    pub severity: Severity,
    /// What it becomes in an acknowledgement.
    pub ack: AckCode,
}

const fn rule(code: Code, name: &'static str, severity: Severity, ack: AckCode) -> Rule {
    Rule { code, name, severity, ack }
}

use AckCode::{Element, Group, Interchange, Segment, Set};
use Severity::{Advice, Error, Warning};

/// Every rule, by code.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    rule(codes::RUBBISH, "rubbish", Warning, AckCode::None),
    rule(codes::ISA_UNREADABLE, "isa_unreadable", Error, AckCode::None),
    rule(codes::SEGMENT_TOO_LONG, "segment_length", Error, Segment(8)),
    rule(codes::BINARY_LENGTH, "binary_length", Error, Segment(8)),
    rule(codes::TERMINATOR_MISSING, "last_terminator", Advice, AckCode::None),
    rule(codes::IEA_MISSING, "iea_missing", Error, Interchange(23)),
    rule(codes::IEA_CONTROL, "iea_control", Error, Interchange(1)),
    rule(codes::IEA_COUNT, "iea_count", Warning, Interchange(21)),
    rule(codes::ISA_WIDTH, "isa_width", Advice, Interchange(22)),
    rule(codes::ISA_VERSION, "isa_version", Advice, Interchange(17)),
    rule(codes::ISA_DATE, "isa_date", Warning, Interchange(14)),
    rule(codes::ISA_TIME, "isa_time", Warning, Interchange(15)),
    rule(codes::ISA_CONTROL, "isa_control", Warning, Interchange(18)),
    rule(codes::ISA_ACK_FLAG, "isa_ack_flag", Warning, Interchange(19)),
    rule(codes::ISA_USAGE, "isa_usage", Warning, Interchange(20)),
    rule(codes::ISA_QUALIFIER, "isa_qualifier", Advice, Interchange(5)),
    rule(codes::ISA_PARTY, "isa_party", Advice, Interchange(6)),
    rule(codes::ISA_SEPARATOR, "isa_separator", Advice, Interchange(27)),
    rule(codes::STRAY_SEGMENT, "stray_segment", Warning, Interchange(24)),
    rule(codes::SET_OUTSIDE_GROUP, "set_outside_group", Error, Interchange(22)),
    rule(codes::ISA_AUTHORIZATION, "isa_authorization", Advice, Interchange(10)),
    rule(codes::ISA_SECURITY, "isa_security", Advice, Interchange(12)),
    rule(codes::ISA_STANDARD, "isa_standard", Advice, Interchange(16)),
    rule(codes::ISA_RECEIVER, "isa_receiver", Advice, Interchange(9)),
    rule(codes::DEFERRED_DELIVERY, "deferred_delivery", Warning, Interchange(28)),
    rule(codes::SERVICE_GRADE, "service_grade", Warning, Interchange(31)),
    rule(codes::GE_MISSING, "ge_missing", Error, Group(3)),
    rule(codes::GE_CONTROL, "ge_control", Error, Group(4)),
    rule(codes::GE_COUNT, "ge_count", Error, Group(5)),
    rule(codes::GROUP_VERSION, "group_version", Error, Group(2)),
    rule(codes::GROUP_UNKNOWN, "group_unknown", Error, Group(1)),
    rule(codes::GROUP_CONTROL, "group_control", Error, Group(6)),
    rule(codes::GROUP_DATE, "group_date", Warning, AckCode::None),
    rule(codes::GROUP_TIME, "group_time", Warning, AckCode::None),
    rule(codes::GROUP_STRAY, "group_stray", Warning, AckCode::None),
    rule(codes::SE_MISSING, "se_missing", Error, Set(2)),
    rule(codes::SE_CONTROL, "se_control", Error, Set(3)),
    rule(codes::SE_COUNT, "se_count", Error, Set(4)),
    rule(codes::SET_UNKNOWN, "set_unknown", Error, Set(1)),
    rule(codes::SET_CONTROL, "set_control", Error, Set(7)),
    rule(codes::SET_ID, "set_id", Error, Set(6)),
    rule(codes::SET_GROUP, "set_group", Advice, Set(18)),
    rule(codes::SET_VERSION, "set_version", Error, Set(1)),
    rule(codes::SEGMENT_UNKNOWN, "segment_unknown", Error, Segment(1)),
    rule(codes::SEGMENT_UNEXPECTED, "segment_unexpected", Error, Segment(2)),
    rule(codes::SEGMENT_MISSING, "segment_missing", Error, Segment(3)),
    rule(codes::LOOP_TOO_OFTEN, "loop_maximum", Error, Segment(4)),
    rule(codes::SEGMENT_TOO_OFTEN, "segment_maximum", Error, Segment(5)),
    rule(codes::SEGMENT_NOT_IN_SET, "segment_not_in_set", Error, Segment(6)),
    rule(codes::SEGMENT_SEQUENCE, "segment_sequence", Error, Segment(7)),
    rule(codes::ELEMENT_MISSING, "element_missing", Error, Element(1)),
    rule(codes::ELEMENT_CONDITION, "element_condition", Error, Element(2)),
    rule(codes::ELEMENT_TOO_MANY, "element_count", Error, Element(3)),
    rule(codes::ELEMENT_SHORT, "element_short", Error, Element(4)),
    rule(codes::ELEMENT_LONG, "element_long", Error, Element(5)),
    rule(codes::ELEMENT_CHARACTER, "element_character", Error, Element(6)),
    rule(codes::ELEMENT_CODE, "element_code", Advice, Element(7)),
    rule(codes::ELEMENT_DATE, "element_date", Error, Element(8)),
    rule(codes::ELEMENT_TIME, "element_time", Error, Element(9)),
    rule(codes::ELEMENT_EXCLUSION, "element_exclusion", Error, Element(10)),
    rule(codes::ELEMENT_REPETITIONS, "element_repetitions", Error, Element(12)),
    rule(codes::ELEMENT_COMPONENTS, "element_components", Error, Element(13)),
    rule(codes::CONTROL_CHARACTER, "control_character", Advice, Element(6)),
    rule(codes::CTT_COUNT, "ctt_count", Warning, AckCode::None),
    rule(codes::CTT_HASH, "ctt_hash", Warning, AckCode::None),
    rule(codes::TDS_TOTAL, "tds_total", Warning, AckCode::None),
    rule(codes::HL_PARENT, "hl_parent", Warning, AckCode::None),
    rule(codes::HL_NUMBER, "hl_number", Warning, AckCode::None),
    rule(codes::HL_CHILDREN, "hl_children", Warning, AckCode::None),
];

/// The rule of a code.
pub fn rule_of(code: Code) -> Option<&'static Rule> {
    RULES.binary_search_by(|rule| rule.code.cmp(&code)).ok().and_then(|at| RULES.get(at))
}

/// Severities that differ from the rules' own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Severities(Vec<(Code, Severity)>);

impl Severities {
    /// Sets the severity of a rule, by name or by code; false if there is no such rule.
    pub fn set(&mut self, rule: &str, severity: Severity) -> bool {
        let Some(found) = RULES.iter().find(|known| known.name == rule || known.code.as_str() == rule) else {
            return false;
        };
        self.0.retain(|(code, _)| *code != found.code);
        self.0.push((found.code, severity));
        true
    }

    /// The severity of a code's findings.
    pub fn of(&self, code: Code) -> Severity {
        let own = || rule_of(code).map_or(Error, |rule| rule.severity);
        self.0.iter().find(|(known, _)| *known == code).map_or_else(own, |(_, severity)| *severity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_in_order_and_named_once() {
        assert!(RULES.is_sorted_by(|a, b| a.code < b.code));
        let mut names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RULES.len());
    }

    #[test]
    fn a_partner_may_change_single_rules() {
        let mut severities = Severities::default();
        assert_eq!(severities.of(codes::ELEMENT_CODE), Advice);
        assert!(severities.set("element_code", Error) && severities.set("X12-0303", Warning));
        assert!(!severities.set("elment_code", Error));
        assert_eq!((severities.of(codes::ELEMENT_CODE), severities.of(codes::SE_COUNT)), (Error, Warning));
    }
}
