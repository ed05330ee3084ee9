//! A body is walked from its first byte to its last, in pieces, so that a thread is given back in time and memory does not
//! grow with it: interchanges are told apart, each gets its partner and its policy, and each set goes through its mapping.

use std::{io::Read, sync::Arc};

use super::{
    claims, codes,
    detect::Format,
    numbers::{self},
    reading::{Context, Origin, Piece, Problem, ReadDocument, ReadInterchange, Reading, first_text, noted, settle},
    reading_xml,
};
use crate::{
    document::{DocumentType, Mode},
    ledger::DocumentState,
    mapping::Mapping,
    partner::{Partner, Status},
    x12::{self, CheckedSet, Checker, GroupHeader, InterchangeHeader, InterchangeVerdict, Step, token::SetView},
};

/// What becomes of the documents of a body.
pub(super) enum Documents<'a> {
    /// Only verdicts are wanted.
    Skip,
    /// Mapped and kept with their interchange.
    Keep,
    /// Mapped from this position on and put here, by the verdicts of an earlier pass: what is held or repeated as an
    /// interchange (`counts` is false) is left out.
    Give { from: u32, first: &'a Reading, counts: &'a [bool], slice: &'a mut Vec<(usize, ReadDocument)> },
}

/// How far to read before giving way.
const SLICE_DOCUMENTS: usize = crate::ledger::MAX_DOCUMENTS;
/// … and how many bytes of documents. Whoever stores a slice cuts it to what a transaction holds: its last document may be
/// large, and more may be found in it later.
const SLICE_BYTES: usize = crate::ledger::MAX_BYTES / 2;
/// … and how many sets in any case, so that a thread is given back in time.
const SLICE_SETS: usize = 4096;

/// A body being read, piece by piece.
pub(super) struct Walk {
    context: Context,
    pieces: Pieces,
    open: Option<Open>,
    position: u32,
    reading: Reading,
}

/// Where the pieces of a body come from.
enum Pieces {
    X12(Box<Checker<'static, Box<dyn Read + Send>>>),
    /// One document, until it was read.
    Xml(Option<Box<dyn Read + Send>>),
}

impl Walk {
    /// Begins a body of X12 or XML.
    pub(super) fn new(context: &Context, format: Format, source: Box<dyn Read + Send>) -> Self {
        let by_header = context.clone();
        let pieces = match format {
            Format::Xml => Pieces::Xml(Some(source)),
            _ => Pieces::X12(Box::new(Checker::new(source, move |header| policy_for(&by_header, header)))),
        };
        Self { context: context.clone(), pieces, open: None, position: 0, reading: Reading::new(format) }
    }

    /// Reads on; `true` at the end of the body, `false` where a slice is full.
    pub(super) fn advance(&mut self, documents: &mut Documents<'_>) -> std::io::Result<bool> {
        let checker = match &mut self.pieces {
            Pieces::X12(checker) => checker,
            Pieces::Xml(source) => {
                let Some(source) = source.take() else { return Ok(true) };
                return self.advance_xml(source, documents);
            }
        };
        let (mut sets, mut bytes) = (0, 0);
        while let Some(step) = checker.next()? {
            match step {
                Step::Rubbish(finding) => self.reading.rubbish.push(finding),
                Step::Interchange(header) => self.open = Some(Open::new(&self.context, header, self.position)),
                Step::Group(group) => {
                    if let Some(open) = &mut self.open {
                        open.enter(&self.context, group);
                    }
                }
                Step::Set(set) => {
                    let Some(open) = &mut self.open else { continue };
                    let place = (open.group, open.set);
                    open.set += 1;
                    let position = self.position;
                    self.position += 1;
                    sets += 1;
                    match documents {
                        Documents::Skip => {}
                        Documents::Keep => {
                            let document = read_set(&self.context, open, &set, place, position);
                            open.documents.push(document);
                        }
                        Documents::Give { from, first, counts, slice } => {
                            let index = self.reading.interchanges.len();
                            let wanted = position >= *from && counts.get(index) == Some(&true);
                            if let (true, Some(verdict)) = (wanted, first.interchanges.get(index)) {
                                let mut document = read_set(&self.context, open, &set, place, position);
                                settle(&mut document, &verdict.verdict);
                                bytes += document.weight();
                                slice.push((index, document));
                                if slice.len() >= SLICE_DOCUMENTS || bytes >= SLICE_BYTES {
                                    return Ok(false);
                                }
                            }
                        }
                    }
                    if sets >= SLICE_SETS && !matches!(documents, Documents::Keep) {
                        return Ok(false);
                    }
                }
                Step::InterchangeEnd(verdict) => {
                    if let Some(open) = self.open.take() {
                        self.reading.interchanges.push(open.close(&self.context, *verdict, self.position));
                    }
                }
            }
        }
        Ok(true)
    }

    fn advance_xml(&mut self, source: Box<dyn Read + Send>, documents: &mut Documents<'_>) -> std::io::Result<bool> {
        match reading_xml::read(&self.context, source)? {
            Err(problem) => self.reading.problem = Some(problem),
            Ok(mut interchange) => {
                match documents {
                    Documents::Keep => {}
                    Documents::Skip => interchange.documents.clear(),
                    Documents::Give { from, counts, slice, .. } => {
                        let wanted = *from == 0 && counts.first() == Some(&true);
                        slice.extend(interchange.documents.drain(..).filter(|_| wanted).map(|document| (0, document)));
                    }
                }
                self.reading.interchanges.push(interchange);
            }
        }
        Ok(true)
    }

    /// What the whole body says.
    pub(super) fn finish(mut self) -> Reading {
        if self.reading.interchanges.is_empty() && self.reading.problem.is_none() {
            let finding = self.reading.rubbish.first().map(|finding| finding.text.clone());
            let text = finding.unwrap_or_else(|| "There is no interchange in it.".into());
            self.reading.problem = Some(Problem::new(codes::NOTHING_READ, text));
        }
        self.reading
    }
}

/// An interchange whose end has not come yet.
struct Open {
    partner: Option<Arc<Partner>>,
    held: Option<Problem>,
    mode: Mode,
    header: InterchangeHeader,
    /// The group that sets belong to, from 0, and the next set in it.
    group: usize,
    groups: usize,
    set: usize,
    documents: Vec<ReadDocument>,
    first_position: u32,
}

impl Open {
    fn new(context: &Context, header: &InterchangeHeader, position: u32) -> Self {
        let partner = sender(context, header, None);
        let held = objection(context, partner.as_ref(), header);
        let mode = mode_of(context, partner.as_ref(), header);
        Self {
            partner,
            held,
            mode,
            header: header.clone(),
            group: 0,
            groups: 0,
            set: 0,
            documents: Vec::new(),
            first_position: position,
        }
    }

    /// A group may name its sender more closely than the interchange does.
    fn enter(&mut self, context: &Context, group: &GroupHeader) {
        self.group = self.groups;
        self.groups += 1;
        self.set = 0;
        if self.groups == 1 {
            let closer = sender(context, &self.header, Some(&group.sender));
            if closer.as_ref().map(|p| &p.id) != self.partner.as_ref().map(|p| &p.id) {
                self.held = objection(context, closer.as_ref(), &self.header);
                self.mode = mode_of(context, closer.as_ref(), &self.header);
                self.partner = closer;
            }
        }
    }

    fn close(mut self, context: &Context, verdict: InterchangeVerdict, position: u32) -> ReadInterchange {
        for document in &mut self.documents {
            settle(document, &verdict);
        }
        if self.held.is_some() {
            self.documents.clear();
        }
        let header = &self.header;
        let connection = context.connection.as_ref().map_or("", |partner| partner.id.as_str());
        ReadInterchange {
            format: Format::X12,
            key: claims::interchange(
                self.partner.as_ref().map_or(connection, |partner| &partner.id),
                [&header.sender.qualifier, &header.sender.id, &header.receiver.qualifier, &header.receiver.id],
                header.usage,
                self.mode,
                &header.control_number,
            ),
            groups: Vec::new(),
            held_groups: Vec::new(),
            range: (verdict.header.offset, verdict.end.saturating_sub(verdict.header.offset)),
            partner: self.partner,
            held: self.held,
            mode: self.mode,
            verdict,
            documents: self.documents,
            sets: position - self.first_position,
        }
    }
}

/// Who an envelope says it is from.
fn sender(context: &Context, header: &InterchangeHeader, group_sender: Option<&str>) -> Option<Arc<Partner>> {
    if context.assumed.is_some() {
        return context.assumed.clone();
    }
    let id = (header.sender.qualifier.as_str(), header.sender.id.as_str());
    context.snapshot.directory.by_envelope(id, group_sender).map(Arc::clone)
}

/// Why an interchange has to wait for a person before anything of it counts.
fn objection(context: &Context, partner: Option<&Arc<Partner>>, header: &InterchangeHeader) -> Option<Problem> {
    // A dry run has no connection: it shows what would become of the file if its envelope were in order.
    let connection = context.connection.as_ref()?;
    let claimed = format!("{}/{}", header.sender.qualifier, header.sender.id);
    let Some(partner) = partner else {
        return Some(Problem::new(
            codes::UNKNOWN_SENDER,
            format!("The envelope says that it is from {claimed}, and no partner's file has this id."),
        ));
    };
    if !context.snapshot.directory.speaks_for(connection, partner) {
        return Some(Problem::new(
            codes::SENDER_NOT_ALLOWED,
            format!(
                "The envelope says that it is from {claimed} ({}), but it came on the connection of {}, which does not speak for them.",
                partner.id, connection.id
            ),
        ));
    }
    let terms = partner.x12.as_ref()?;
    // Where the partner's file makes it an error, it is rejected and needs nobody to look at it.
    let rejected = context.snapshot.policies.of(Some(partner)).severities.of(x12::codes::ISA_RECEIVER);
    if terms.ours.is(&header.receiver.qualifier, &header.receiver.id, None) || rejected == x12::Severity::Error {
        return None;
    }
    Some(Problem::new(
        codes::NOT_FOR_US,
        format!(
            "It is addressed to {}/{}; with {} we are {}.",
            header.receiver.qualifier, header.receiver.id, partner.id, terms.ours
        ),
    ))
}

fn mode_of(context: &Context, partner: Option<&Arc<Partner>>, header: &InterchangeHeader) -> Mode {
    let rehearsal = header.usage == b'T' || partner.is_some_and(|partner| partner.status != Status::Live);
    if rehearsal { Mode::Test } else { context.mode }
}

/// What the sender's file says of reading and checking. Nobody we know gets the defaults.
fn policy_for(context: &Context, header: &InterchangeHeader) -> x12::Policy {
    context.snapshot.policies.of(sender(context, header, None).as_deref())
}

/// The mapping that a partner's sets go through.
fn mapping_for(context: &Context, partner: Option<&Partner>, set: &str, version: &str) -> Option<Arc<Mapping>> {
    let library = &context.snapshot.library;
    let usual = library.for_x12(set, version);
    let own = partner.and_then(|partner| match usual {
        Some(usual) => partner.mapping(set, usual.document()),
        None => partner.mappings.get(set).map(String::as_str),
    });
    let mapping = own.and_then(|id| library.by_id(id)).or(usual)?;
    Some(Arc::clone(partner.map_or(mapping, |partner| library.for_partner(mapping, &partner.id))))
}

fn read_set(
    context: &Context,
    open: &Open,
    set: &CheckedSet<'_>,
    place: (usize, usize),
    position: u32,
) -> ReadDocument {
    let range = (set.offset, set.view.map_or(0, |view| view.bytes().len() as u64));
    let mut document = ReadDocument::new(position, place, set.id.to_owned(), range);
    // Before anything is rejected: nobody is told what is wrong with an acknowledgement, so it is heard as far as it can be
    // understood, whatever its version.
    if set.group.acknowledges() {
        document.kind = Some(DocumentType::FunctionalAcknowledgement);
        document.state = DocumentState::Recorded;
        document.heard = Some(match &set.view {
            Some(view) => x12::GroupAcknowledged::read(view).map_err(|error| error.to_string()),
            None => Err("the acknowledgement is too large to be read".into()),
        });
        if set.findings.iter().any(|finding| finding.severity >= x12::Severity::Warning) {
            document.problem = Some(noted("It is heard; what is not as the standard has it is listed.", set.findings));
        }
        return document;
    }
    if set.status == x12::Status::Rejected {
        document.reject(codes::SET_REJECTED, "It breaks the standard or what was agreed", set.findings);
        return document;
    }
    let partner = open.partner.as_deref();
    document.set_number = numbers::of_set(partner, (open.header.usage, open.mode), set, position);
    let Some(mapping) = mapping_for(context, partner, set.id, set.version) else {
        document.hold(Problem::new(
            codes::NO_MAPPING,
            format!("There is no mapping for set {} in version {}.", set.id, set.version),
        ));
        return document;
    };
    document.kind = Some(mapping.document());
    document.mapping = Some(format!("{}@{}", mapping.id(), mapping.digest()));
    let Some(view) = &set.view else {
        document.hold(Problem::new(codes::SET_TOO_LARGE, "The set is too large to be mapped."));
        return document;
    };
    let charset = super::policy::charset(partner);
    let read = match context.traced {
        false => mapping.read_x12_in(view, charset),
        true => mapping.trace_x12_in(view, charset).map(|(mapped, provenance)| {
            document.origin = Some(Box::new(Origin { pieces: pieces(view, charset), provenance }));
            mapped
        }),
    };
    match read {
        Ok(mapped) => {
            if set.findings.iter().any(|finding| finding.severity >= x12::Severity::Warning) {
                document.problem =
                    Some(noted("It counts; what is not as the standard has it is listed.", set.findings));
            }
            if !mapped.warnings.is_empty() && document.problem.is_none() {
                let mut problem = Problem::new(codes::NOTED, first_text(&mapped.warnings));
                problem.details = serde_json::to_value(&mapped.warnings).unwrap_or_default();
                document.problem = Some(problem);
            }
            document.mapped(partner, open.mode, mapped, &mapping);
        }
        Err(problems) => document.unmapped(&problems),
    }
    document
}

/// Every element of a set that has a value.
fn pieces(set: &SetView<'_>, charset: crate::mapping::Charset) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for segment in set.segments() {
        for number in 1..=segment.len() {
            let (value, start) = (segment.element(number), segment.element_offset(number));
            if !value.is_empty() {
                pieces.push(Piece {
                    name: format!("{}{number:02}", charset.decode(segment.tag())),
                    value: charset.decode(value).into_owned(),
                    bytes: (start, start + value.len() as u64),
                });
            }
        }
    }
    pieces
}
