//! A partner's terms, plain data in its file, turned into what the X12 core and the mappings are asked for. Compiled once
//! for each snapshot, since a derived standard costs milliseconds.

use std::{collections::HashMap, sync::Arc};

use super::codes;
use crate::{
    config::Diagnostic,
    mapping,
    partner::{Characters, Charset, Detail, Directory, Functional, Partner, Repetition, RuleSeverity, Ta1, X12Terms},
    x12::{self, AckPolicy, PartyId, standard::Standard},
};

/// The policies of all partners that have X12 terms, by partner.
#[derive(Debug, Default)]
pub(super) struct Policies(HashMap<String, (x12::Policy, Vec<Diagnostic>)>);

impl Policies {
    /// Compiles what the directory says, and tells what of it does not fit the standard; such a partner is checked
    /// against the standard itself. Whoever is agreed with as `before` keeps the policy they had.
    pub(super) fn compile(directory: &Directory, before: Option<(&Directory, &Self)>) -> (Self, Vec<Diagnostic>) {
        let mut all = HashMap::new();
        let mut findings = Vec::new();
        for partner in directory.partners() {
            let Some(terms) = &partner.x12 else { continue };
            let known = before.and_then(|(directory, policies)| {
                let same = directory.partner(&partner.id)?.x12.as_ref() == Some(terms);
                policies.0.get(&partner.id).filter(|_| same).cloned()
            });
            let compiled = known.unwrap_or_else(|| {
                let (policy, faults) = compile(terms);
                let told = |fault: String| {
                    let text = format!("the overlay of partner {}: {fault}", partner.id);
                    Diagnostic::error(codes::OVERLAY_MISFIT, text)
                };
                (policy, faults.into_iter().map(told).collect())
            });
            findings.extend(compiled.1.iter().cloned());
            all.insert(partner.id.clone(), compiled);
        }
        (Self(all), findings)
    }

    /// What a partner's interchanges are held to; the defaults for somebody unknown.
    pub(super) fn of(&self, partner: Option<&Partner>) -> x12::Policy {
        partner.and_then(|partner| self.0.get(&partner.id)).map(|(policy, _)| policy.clone()).unwrap_or_default()
    }
}

/// How a partner is acknowledged.
pub(super) fn acknowledgement(terms: &X12Terms) -> AckPolicy {
    AckPolicy {
        functional: match terms.acknowledgement {
            Functional::F997 => x12::Functional::F997,
            Functional::F999 => x12::Functional::F999,
            Functional::None => x12::Functional::None,
        },
        sets: match terms.detail {
            Detail::Set => x12::AckSets::All,
            Detail::Failures => x12::AckSets::Failed,
        },
        ta1: match terms.ta1 {
            Ta1::OnRequest => x12::Ta1When::Requested,
            Ta1::Errors => x12::Ta1When::Rejected,
            Ta1::Always => x12::Ta1When::Always,
            Ta1::Never => x12::Ta1When::Never,
        },
        delimiters: terms.layout.map(|layout| layout.delimiters),
        lines: terms.layout.is_some_and(|layout| layout.lines),
    }
}

/// How a partner's bytes become text.
pub(super) fn charset(partner: Option<&Partner>) -> mapping::Charset {
    match partner.and_then(|partner| partner.x12.as_ref()).map(|terms| terms.charset) {
        Some(Charset::Latin1 | Charset::Ascii) => mapping::Charset::Latin1,
        Some(Charset::Utf8) | None => mapping::Charset::Utf8,
    }
}

fn compile(terms: &X12Terms) -> (x12::Policy, Vec<String>) {
    let mut policy = x12::Policy {
        version: terms.version_fixed.then(|| terms.version.to_string()),
        repetition: match terms.repetition {
            Repetition::Auto => x12::Repetition::Auto,
            Repetition::Off => x12::Repetition::Off,
            Repetition::Always => x12::Repetition::Always,
        },
        characters: match terms.characters {
            Characters::Any => x12::CharacterSet::Any,
            Characters::Basic => x12::CharacterSet::Basic,
            Characters::Extended => x12::CharacterSet::Extended,
        },
        receiver: Some(PartyId { qualifier: terms.ours.qualifier.clone(), id: terms.ours.id.clone() }),
        strict_isa: terms.strict,
        ..x12::Policy::default()
    };
    for (rule, severity) in &terms.rules {
        let severity = match severity {
            RuleSeverity::Error => x12::Severity::Error,
            RuleSeverity::Warning => x12::Severity::Warning,
            RuleSeverity::Advice => x12::Severity::Advice,
            RuleSeverity::Off => x12::Severity::Off,
        };
        policy.severities.set(rule, severity);
    }
    let mut faults = Vec::new();
    if let Some(overlay) = &terms.overlay {
        for standard in Standard::VERSIONS.iter().filter_map(|version| Standard::get(version)) {
            match standard.with(overlay) {
                Ok(derived) => policy.standards.push(Arc::new(derived)),
                Err(told) => faults.extend(told.iter().map(|fault| format!("{}: {fault}", standard.version()))),
            }
        }
    }
    // A set that only the other version has, like 999, is no mistake as long as one version takes the whole overlay.
    if !policy.standards.is_empty() {
        faults.clear();
    }
    (policy, faults)
}
