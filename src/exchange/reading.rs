//! From a body's bytes to what they say: interchanges, verdicts, documents. Reads nothing but the body and a snapshot of
//! the configuration, stores nothing, so that an arrival, a dry run and a replay come to the same result.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Snapshot,
    claims::{self, Digest},
    codes,
    detect::Format,
    numbers::{GroupNumber, SetNumber},
};
use crate::{
    document::{DocumentType, Mode, summarise, summarise_beside},
    error::Code,
    keys,
    ledger::{ClaimKey, DocumentState, json_size},
    mapping::{Mapped, Mapping, Provenance},
    partner::{Partner, Status},
    x12::{self, InterchangeVerdict},
};

/// What a body is read with.
#[derive(Clone)]
pub(super) struct Context {
    /// The configuration as it was when the body came.
    pub(super) snapshot: Arc<Snapshot>,
    /// Whose connection it came on; absent for a dry run that trusts the envelope.
    pub(super) connection: Option<Arc<Partner>>,
    /// For a dry run: take everything as from this partner, whatever the envelope says.
    pub(super) assumed: Option<Arc<Partner>>,
    /// `Test` where the credentials say so.
    pub(super) mode: Mode,
    /// Whether to tell where each value of a document came from: for a person, never on the way of business.
    pub(super) traced: bool,
}

/// Why something is held, rejected or left alone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    pub(super) code: Code,
    pub(super) text: String,
    /// Findings, places, the first holder of a number: whatever tells more.
    pub(super) details: Value,
}

impl Problem {
    pub(super) fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), details: Value::Null }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut value = json!({ "code": self.code, "text": self.text });
        if let (Some(object), false) = (value.as_object_mut(), self.details.is_null()) {
            object.insert("details".into(), self.details.clone());
        }
        value
    }
}

/// What a body says.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) format: Format,
    pub(super) interchanges: Vec<ReadInterchange>,
    /// Findings outside of any interchange, as the X12 core told them.
    pub(super) rubbish: Vec<x12::Finding>,
    /// Why nothing could be read at all.
    pub(super) problem: Option<Problem>,
}

/// One interchange of a body.
#[derive(Clone)]
pub(super) struct ReadInterchange {
    /// X12, or XML: that has no envelope, and `verdict` says nothing of it but whom its header names.
    pub(super) format: Format,
    /// Who it says it is from, where we know them.
    pub(super) partner: Option<Arc<Partner>>,
    /// Why it waits for a person. Nothing of it is claimed, queued or acknowledged.
    pub(super) held: Option<Problem>,
    /// Live or test.
    pub(super) mode: Mode,
    pub(super) verdict: InterchangeVerdict,
    /// What it claims if it is accepted.
    pub(super) key: ClaimKey,
    /// What its groups claim if it is, where that is asked for.
    pub(super) groups: Vec<GroupNumber>,
    /// Groups whose documents wait for a person, by their place in it.
    pub(super) held_groups: Vec<(usize, Problem)>,
    /// First byte and length in the body.
    pub(super) range: (u64, u64),
    /// Its documents, where the reading mapped them.
    pub(super) documents: Vec<ReadDocument>,
    /// How many transaction sets it has.
    pub(super) sets: u32,
}

impl ReadInterchange {
    pub(super) fn rejected(&self) -> bool {
        self.verdict.status == x12::Status::Rejected
    }

    /// Whether its partner's documents count at all yet.
    pub(super) fn onboarding(&self) -> bool {
        self.partner.as_ref().is_some_and(|partner| partner.status == Status::Onboarding)
    }
}

/// One transaction set, and the document it became.
#[derive(Debug, Clone)]
pub(super) struct ReadDocument {
    /// Its place among the body's documents, from 0.
    pub(super) position: u32,
    /// Group in the interchange and set in the group, from 0.
    pub(super) place: (usize, usize),
    pub(super) kind: Option<DocumentType>,
    /// ST01.
    pub(super) set: String,
    pub(super) state: DocumentState,
    pub(super) problem: Option<Problem>,
    pub(super) range: (u64, u64),
    pub(super) number: Option<String>,
    pub(super) orders: Vec<String>,
    pub(super) subject: String,
    /// What it claims if it is queued.
    pub(super) key: Option<ClaimKey>,
    /// What its set claims if it is accepted, where that is asked for.
    pub(super) set_number: Option<SetNumber>,
    pub(super) digest: Digest,
    pub(super) extras: Option<Value>,
    /// `id@digest` of the mapping.
    pub(super) mapping: Option<String>,
    /// The canonical document.
    pub(super) json: Bytes,
    /// What it is made of, and where its values came from; only where that was asked for.
    pub(super) origin: Option<Box<Origin>>,
    /// Of a 997 or 999: what it says of a group of ours, or why that cannot be understood.
    pub(super) heard: Option<Result<x12::GroupAcknowledged, String>>,
}

/// What a document is made of, and where its values came from.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    pub(super) pieces: Vec<Piece>,
    pub(super) provenance: Vec<Provenance>,
}

/// An element of a segment, or an element or attribute of XML.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Piece {
    /// `BEG03`, or the path.
    pub name: String,
    /// What stands there.
    pub value: String,
    /// Its first byte in the file, and the one behind its last.
    pub bytes: (u64, u64),
}

impl Reading {
    /// Of a body in which nothing was read yet.
    pub(super) fn new(format: Format) -> Self {
        Self { format, interchanges: Vec::new(), rubbish: Vec::new(), problem: None }
    }
}

/// Something that is told, and holds nothing up.
pub(super) fn noted(text: &str, findings: &[x12::Finding]) -> Problem {
    let mut problem = Problem::new(codes::NOTED, text);
    problem.details = serde_json::to_value(findings).unwrap_or_default();
    problem
}

/// What is noted of the envelopes of a body that counts all the same.
pub(super) fn envelope_notes(reading: &Reading) -> Vec<&x12::Finding> {
    let verdicts = reading.interchanges.iter().map(|one| &one.verdict);
    let all = verdicts.flat_map(|one| one.findings.iter().chain(one.groups.iter().flat_map(|group| &group.findings)));
    all.filter(|finding| finding.severity >= x12::Severity::Warning).collect()
}

pub(super) fn first_text(problems: &[crate::mapping::Problem]) -> String {
    match problems {
        [] => "The mapping could not read it.".into(),
        [only] => only.text.clone(),
        [first, rest @ ..] => format!("{} (and {} more)", first.text, rest.len()),
    }
}

impl ReadDocument {
    /// One that no mapping has seen yet.
    pub(super) fn new(position: u32, place: (usize, usize), set: String, range: (u64, u64)) -> Self {
        Self {
            position,
            place,
            kind: None,
            set,
            state: DocumentState::Queued,
            problem: None,
            range,
            number: None,
            orders: Vec::new(),
            subject: String::new(),
            key: None,
            set_number: None,
            digest: Digest::default(),
            extras: None,
            mapping: None,
            json: Bytes::new(),
            heard: None,
            origin: None,
        }
    }

    /// About what the record will have to carry of it.
    pub(super) fn weight(&self) -> usize {
        let problem = self.problem.as_ref().map_or(0, |problem| problem.text.len() + json_size(&problem.details));
        self.json.len() + problem + self.extras.as_ref().map_or(0, json_size)
    }

    pub(super) fn hold(&mut self, problem: Problem) {
        self.state = DocumentState::Held;
        self.problem = Some(problem);
    }

    /// Holds what the mapping could not read.
    pub(super) fn unmapped(&mut self, problems: &[crate::mapping::Problem]) {
        let mut problem = Problem::new(codes::NOT_MAPPED, first_text(problems));
        problem.details = serde_json::to_value(problems).unwrap_or_default();
        self.hold(problem);
    }

    /// What is broken is told to its sender, unless it is an acknowledgement: those are never acknowledged, and say nothing.
    pub(super) fn reject(&mut self, code: Code, what: &str, findings: &[x12::Finding]) {
        let text = match self.kind {
            Some(DocumentType::FunctionalAcknowledgement) => {
                format!(
                    "{what}. It is an acknowledgement, and those are not acknowledged: ask its sender for it again."
                )
            }
            _ => format!("{what}; its sender is told."),
        };
        self.heard = None;
        let mut problem = Problem::new(code, text);
        problem.details = serde_json::to_value(findings).unwrap_or_default();
        self.state = DocumentState::Rejected;
        self.problem = Some(problem);
        self.key = None;
        self.set_number = None;
        self.json = Bytes::new();
    }

    pub(super) fn mapped(&mut self, from: Option<&Partner>, mode: Mode, mapped: Mapped, mapping: &Mapping) {
        let (kind, json) = (mapping.document(), Bytes::from(mapped.json));
        let summary = match mapped.lines {
            Some(lines) => summarise_beside(kind, &json, lines),
            None => summarise(kind, &json),
        };
        let summary = match summary {
            Ok(summary) => summary,
            Err(error) => {
                let text = format!("What mapping {} makes of it is no {kind}: {error}", mapping.id());
                return self.hold(Problem::new(codes::NOT_CANONICAL, text));
            }
        };
        let partner = from.map_or("", |partner| partner.id.as_str());
        self.digest = keys::sha256(&json);
        self.key = Some(claims::business(partner, kind, mode, summary.identity.as_deref(), &self.digest));
        self.number = summary.number;
        self.orders = summary.orders;
        self.subject = summary.subject;
        self.extras = mapped.extras;
        self.json = json;
        if from.is_some_and(|partner| partner.status == Status::Onboarding) {
            self.state = DocumentState::Recorded;
            self.key = None;
        }
    }
}

/// A set's own verdict is not the last word: its group or interchange may have been rejected after it was read.
pub(super) fn settle(document: &mut ReadDocument, verdict: &InterchangeVerdict) {
    if document.state == DocumentState::Rejected {
        return;
    }
    let group = verdict.groups.get(document.place.0);
    if verdict.status == x12::Status::Rejected {
        document.reject(codes::INTERCHANGE_REJECTED, "Its interchange is rejected as a whole", &verdict.findings);
    } else if document.heard.is_none()
        && let Some(group) = group.filter(|group| group.status == x12::GroupStatus::Rejected)
    {
        // What acknowledges is heard all the same, since it is not acknowledged itself.
        document.reject(codes::GROUP_REJECTED, "Its functional group is rejected", &group.findings);
    }
}
