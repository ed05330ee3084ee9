//! The whole way as a dry run: what would become of a file. Nothing is stored, and nobody is told.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Snapshot,
    compose::{self, Known, Subject},
    detect::{DETECT_BYTES, Format, detect},
    event::{AsCloudEvent, logged},
    inbound, message_id, policy,
    reading::{Context, Piece, ReadDocument, ReadInterchange, Reading},
    walk::{Documents, Walk},
};
use crate::{
    document::Mode,
    ledger::{DocumentState, LogEvent},
    mapping::Provenance,
    partner::Partner,
    x12::{self, AckNumbers, Finding},
};

/// What would become of a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    /// The format, as its first bytes tell it.
    pub format: Format,
    /// What was found in it, down to the documents.
    pub interchanges: Vec<Value>,
    /// The events that the ERP would get.
    pub events: Vec<Value>,
    /// The acknowledgements that would be sent, control number 1.
    pub acknowledgements: Vec<String>,
    /// Everything that is wrong with it, in order.
    pub errors: Vec<Value>,
    /// Whether all of it was accepted.
    pub accepted: bool,
    /// What each document that was mapped is made of, and where its values came from.
    #[serde(skip)]
    pub origins: Vec<TracedDocument>,
}

/// A document with all that was found of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TracedDocument {
    /// The set, or the XML element.
    pub set: String,
    /// What it is called, like `invoice/4711`.
    pub subject: String,
    /// The mapping, as `id@digest`.
    pub mapping: String,
    /// What it is made of.
    pub pieces: Vec<Piece>,
    /// The canonical document.
    pub json: Vec<u8>,
    /// Where its values came from.
    pub provenance: Vec<Provenance>,
}

/// Traces a file, as if it came from `partner`, or from whom its envelope names.
///
/// # Errors
/// When it cannot be read.
pub fn trace(
    snapshot: &Arc<Snapshot>,
    mut source: impl Read + Send + 'static,
    partner: Option<Arc<Partner>>,
    now: Timestamp,
) -> io::Result<Trace> {
    let mut start = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "the `take` before it is the cap")]
    source.by_ref().take(DETECT_BYTES as u64).read_to_end(&mut start)?;
    let format = detect(&start);
    let source = Box::new(io::Cursor::new(start).chain(source));
    let reading = match format {
        Format::X12 | Format::Xml => {
            let context = Context { traced: true, ..context(snapshot, partner) };
            let mut walk = Walk::new(&context, format, source);
            while !walk.advance(&mut Documents::Keep)? {}
            walk.finish()
        }
        _ => Reading { problem: inbound::unreadable(format), ..Reading::new(format) },
    };
    let subject = Subject { id: message_id(now), at: now, correlation: "trace".into() };
    let digests = vec![[0; 32]; reading.interchanges.len()];
    let origins = reading.interchanges.iter().flat_map(|one| &one.documents).filter_map(traced).collect();
    let composed = compose::compose(&subject, &reading, &digests, &Known::default());
    let mut errors: Vec<Value> = reading.rubbish.iter().map(|finding| error(finding, None)).collect();
    errors.extend(reading.problem.iter().map(super::reading::Problem::to_json));
    let mut acknowledgements = Vec::new();
    for interchange in &reading.interchanges {
        findings(interchange, &mut errors);
        let how = interchange.partner.as_ref().and_then(|partner| partner.x12.as_ref()).map(policy::acknowledgement);
        let numbers = AckNumbers { interchange: 1, group: 1 };
        let civil = now.to_zoned(TimeZone::UTC).datetime();
        if let Some(bytes) = x12::acknowledge(&interchange.verdict, &how.unwrap_or_default(), numbers, civil) {
            acknowledgements.push(x12::text(&bytes));
        }
    }
    let events = composed.documents.into_iter().filter_map(|(_, event)| event);
    let events: Vec<LogEvent> = events.zip(1..).map(|(event, position)| logged(event, position)).collect();
    let accepted = reading.problem.is_none()
        && !reading.interchanges.is_empty()
        && reading.interchanges.iter().all(|one| {
            one.verdict.status != x12::Status::Rejected
                && one
                    .documents
                    .iter()
                    .all(|document| matches!(document.state, DocumentState::Queued | DocumentState::Recorded))
        });
    Ok(Trace {
        format,
        interchanges: reading.interchanges.iter().map(interchange).collect(),
        events: events.iter().filter_map(|event| serde_json::to_value(AsCloudEvent(event)).ok()).collect(),
        acknowledgements,
        errors,
        accepted,
        origins,
    })
}

/// Streams a file's canonical events as JSON lines; memory does not grow with the file. Gives how many were written and
/// how many documents were not queued.
///
/// # Errors
/// When the file cannot be read or the output cannot be written.
pub fn convert(
    snapshot: &Arc<Snapshot>,
    open: impl Fn() -> io::Result<Box<dyn Read + Send>>,
    partner: Option<Arc<Partner>>,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<(u64, u64)> {
    let context = context(snapshot, partner);
    let mut first = Walk::new(&context, Format::X12, open()?);
    while !first.advance(&mut Documents::Skip)? {}
    let first = first.finish();
    let counts = vec![true; first.interchanges.len()];
    let subject = Subject { id: message_id(now), at: now, correlation: "convert".into() };
    let mut walk = Walk::new(&context, Format::X12, open()?);
    let (mut written, mut left) = (0, 0);
    loop {
        let mut slice = Vec::new();
        let give = &mut Documents::Give { from: 0, first: &first, counts: &counts, slice: &mut slice };
        let done = walk.advance(give)?;
        for (index, document) in slice {
            let Some(interchange) = first.interchanges.get(index) else { continue };
            match compose::store(&subject, interchange, document, 0) {
                (_, Some(event)) => {
                    written += 1;
                    let event = logged(event, written);
                    serde_json::to_writer(&mut *out, &AsCloudEvent(&event))?;
                    out.write_all(b"\n")?;
                }
                (_, None) => left += 1,
            }
        }
        if done {
            out.flush()?;
            return Ok((written, left));
        }
    }
}

fn context(snapshot: &Arc<Snapshot>, assumed: Option<Arc<Partner>>) -> Context {
    Context { snapshot: Arc::clone(snapshot), connection: None, assumed, mode: Mode::Live, traced: false }
}

fn traced(one: &ReadDocument) -> Option<TracedDocument> {
    let origin = one.origin.as_ref()?;
    Some(TracedDocument {
        set: one.set.clone(),
        subject: one.subject.clone(),
        mapping: one.mapping.clone().unwrap_or_default(),
        pieces: origin.pieces.clone(),
        json: one.json.to_vec(),
        provenance: origin.provenance.clone(),
    })
}

fn interchange(one: &ReadInterchange) -> Value {
    let header = &one.verdict.header;
    let party = |id: &x12::PartyId| format!("{}/{}", id.qualifier, id.id);
    json!({
        "sender": party(&header.sender),
        "receiver": party(&header.receiver),
        "control_number": header.control_number,
        "version": header.version,
        "usage": char::from(header.usage).to_string(),
        "offset": header.offset,
        "partner": one.partner.as_ref().map(|partner| &partner.id),
        "status": one.verdict.status,
        "groups": one.verdict.groups,
        "documents": one.documents.iter().map(document).collect::<Vec<_>>(),
        "findings": one.verdict.findings,
    })
}

fn document(one: &ReadDocument) -> Value {
    json!({
        "position": one.position,
        "set": one.set,
        "type": one.kind,
        "number": one.number,
        "orders": one.orders,
        "state": one.state,
        "offset": one.range.0,
        "bytes": one.range.1,
        "mapping": one.mapping,
        "problem": one.problem.as_ref().map(super::reading::Problem::to_json),
        "extras": one.extras,
    })
}

/// Everything that is wrong with an interchange, in the order of the file.
fn findings(interchange: &ReadInterchange, out: &mut Vec<Value>) {
    let verdict = &interchange.verdict;
    out.extend(verdict.findings.iter().map(|finding| error(finding, None)));
    for group in &verdict.groups {
        out.extend(group.findings.iter().map(|finding| error(finding, None)));
        for set in &group.sets {
            out.extend(set.findings.iter().map(|finding| error(finding, Some((&set.id, &set.control)))));
        }
    }
    let held = interchange.documents.iter().filter(|document| document.state == DocumentState::Held);
    out.extend(held.filter_map(|document| {
        let mut value = document.problem.as_ref()?.to_json();
        value.as_object_mut()?.insert("set".into(), json!(document.set));
        Some(value)
    }));
}

fn error(finding: &Finding, set: Option<(&str, &str)>) -> Value {
    let mut value = serde_json::to_value(finding).unwrap_or_default();
    if let (Some(object), Some((id, control))) = (value.as_object_mut(), set) {
        object.insert("set".into(), json!(id));
        object.insert("set_control_number".into(), json!(control));
    }
    value
}
