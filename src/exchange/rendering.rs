//! From canonical documents to the bytes that go out. Pure: the same documents, numbers and time make the same bytes, so
//! that an interchange can be written again for the next number when somebody else was first.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use jiff::civil::DateTime;

use super::{Snapshot, codes, policy};
use crate::{
    document::{DocumentType, Mode},
    error::Code,
    keys,
    ledger::NumberSeries,
    mapping::{self, Mapping},
    partner::{CxmlTerms, Partner, Route, SendFormat, X12Terms},
    x12::{GroupOut, InterchangeOut, PartyId, WriteError, Writer, standard::Standard},
};

/// One document to be written.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    pub(super) kind: DocumentType,
    /// The canonical document.
    pub(super) json: Bytes,
    /// What it is written by; none for canonical JSON.
    pub(super) mapping: Option<Arc<Mapping>>,
}

/// The numbers that bytes are written for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbers {
    pub(super) interchange: u64,
    /// The first group's; the next follow it.
    pub(super) group: u64,
}

/// Bytes ready to go out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written {
    pub(super) bytes: Bytes,
    /// Where each document stands in them.
    pub(super) places: Vec<Place>,
    /// How many group numbers were used.
    pub(super) groups: u64,
    pub(super) content_type: &'static str,
}

/// Where a document stands in what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// ST01, or `json`.
    pub(super) set: String,
    /// GS06 and ST02, by which the partner's acknowledgement names it.
    pub(super) numbers: Option<(u64, String)>,
    /// First byte and length.
    pub(super) range: (u64, u64),
}

/// Why documents cannot be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unwritable {
    pub(super) code: Code,
    pub(super) text: String,
    /// The document at fault, where one is.
    pub(super) sheet: usize,
    /// What the mapping says of its fields.
    pub(super) problems: Vec<mapping::Problem>,
}

impl Unwritable {
    fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), sheet: 0, problems: Vec::new() }
    }
}

/// The mapping that writes a kind of document for a partner; `None` where it goes as canonical JSON.
pub(super) fn mapping(
    snapshot: &Snapshot,
    partner: &Partner,
    kind: DocumentType,
    route: &Route,
) -> Result<Option<Arc<Mapping>>, Unwritable> {
    let (format, version) = match route.format {
        SendFormat::Json => return Ok(None),
        SendFormat::X12 => (mapping::Format::X12, route.version.as_str()),
        // Of XML there are dialects instead of versions.
        SendFormat::Ubl => (mapping::Format::Xml, "ubl"),
        SendFormat::Cxml => (mapping::Format::Xml, "cxml"),
    };
    let library = &snapshot.library;
    let usual = library.for_document(kind, format, version);
    let own = match usual {
        Some(usual) => partner.mapping(usual.set(), kind),
        None => partner.mappings.get(kind.as_str()).map(String::as_str),
    };
    let found = own.and_then(|id| library.by_id(id)).filter(|mapping| mapping.format() == format).or(usual);
    found.map(|mapping| Some(Arc::clone(mapping))).ok_or_else(|| {
        let text = format!("There is no mapping that writes a {kind} as {} {}.", route.format, route.version);
        Unwritable::new(codes::NO_WAY_OUT, text)
    })
}

/// Writes documents.
pub(super) fn write(
    partner: &Partner,
    route: &Route,
    sheets: &[Sheet],
    mode: Mode,
    numbers: Numbers,
    now: DateTime,
) -> Result<Written, Unwritable> {
    match route.format {
        SendFormat::Json => json(sheets),
        SendFormat::Ubl => xml(sheets, &BTreeMap::new()),
        SendFormat::Cxml => {
            let terms = partner.cxml.as_ref().ok_or_else(|| {
                let text = format!("The file of partner {} has no [cxml], so nobody knows who is who.", partner.id);
                Unwritable::new(codes::NO_WAY_OUT, text)
            })?;
            xml(sheets, &header(terms, sheets, mode, now))
        }
        SendFormat::X12 => {
            let terms = partner.x12.as_ref().ok_or_else(|| {
                let text = format!("The file of partner {} has no [x12], so nobody knows who is who.", partner.id);
                Unwritable::new(codes::NO_WAY_OUT, text)
            })?;
            interchange(partner, terms, &route.version, sheets, mode, numbers, now)
        }
    }
}

/// One document as it is.
fn json(sheets: &[Sheet]) -> Result<Written, Unwritable> {
    let [only] = sheets else {
        return Err(Unwritable::new(codes::NO_WAY_OUT, "Canonical JSON goes one document at a time."));
    };
    let place = Place { set: "json".into(), numbers: None, range: (0, only.json.len() as u64) };
    Ok(Written { bytes: only.json.clone(), places: vec![place], groups: 0, content_type: "application/json" })
}

/// One document as XML.
fn xml(sheets: &[Sheet], envelope: &BTreeMap<String, String>) -> Result<Written, Unwritable> {
    let [Sheet { json, mapping: Some(mapping), .. }] = sheets else {
        return Err(Unwritable::new(codes::NO_WAY_OUT, "XML goes one document at a time, by its mapping."));
    };
    let written = mapping.write_xml(json, envelope).map_err(|problems| unwritable(0, problems))?;
    let place = Place { set: mapping.set().to_owned(), numbers: None, range: (0, written.bytes.len() as u64) };
    Ok(Written { bytes: written.bytes.into(), places: vec![place], groups: 0, content_type: "application/xml" })
}

/// What a cXML document says of its transmission. The shared secret is not in it: the courier puts it in, so that it is in
/// nothing that is stored. Its id is new for each document and time, and the same for the same ones.
fn header(terms: &CxmlTerms, sheets: &[Sheet], mode: Mode, now: DateTime) -> BTreeMap<String, String> {
    let content: Vec<u8> = sheets.iter().flat_map(|sheet| sheet.json.iter().copied()).collect();
    let digest = keys::sha256_hex(&content);
    let theirs = terms.ids.first().unwrap_or(&terms.ours);
    let stamp = now.strftime("%Y%m%d%H%M%S%6f");
    let held = [
        ("message_id", format!("{stamp}.{}@gangway", digest.get(..16).unwrap_or_default())),
        ("time", now.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()),
        ("mode", if mode == Mode::Live { "production" } else { "test" }.to_owned()),
        ("from.domain", terms.ours.domain.clone()),
        ("from.id", terms.ours.identity.clone()),
        ("to.domain", theirs.domain.clone()),
        ("to.id", theirs.identity.clone()),
        ("sender.domain", terms.sender.domain.clone()),
        ("sender.id", terms.sender.identity.clone()),
        ("sender.agent", terms.user_agent.clone()),
    ];
    held.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What a mapping says that could not write a document.
fn unwritable(sheet: usize, problems: Vec<mapping::Problem>) -> Unwritable {
    let text = match problems.as_slice() {
        [] => "The mapping could not write it.".into(),
        [only] => only.text.clone(),
        [first, rest @ ..] => format!("{} (and {} more)", first.text, rest.len()),
    };
    Unwritable { code: codes::NOT_WRITTEN, text, sheet, problems }
}

fn interchange(
    partner: &Partner,
    terms: &X12Terms,
    version: &str,
    sheets: &[Sheet],
    mode: Mode,
    numbers: Numbers,
    now: DateTime,
) -> Result<Written, Unwritable> {
    let envelope =
        |error: WriteError| Unwritable::new(error.code(), format!("The envelope cannot be written: {error}."));
    let parties = Parties::of(terms);
    let mut writer = Writer::new(terms.layout.unwrap_or_default(), now).map_err(envelope)?;
    writer
        .begin_interchange(&InterchangeOut {
            sender: parties.us.clone(),
            receiver: parties.them.clone(),
            version: version.get(..5).unwrap_or(version).to_owned(),
            control: numbers.interchange,
            ack_requested: false,
            usage: usage(mode),
        })
        .map_err(envelope)?;
    let (mut places, mut groups, mut sets) = (Vec::with_capacity(sheets.len()), 0, 0);
    let mut open: Option<String> = None;
    for (index, sheet) in sheets.iter().enumerate() {
        let mapping = sheet.mapping.as_ref().ok_or_else(|| Unwritable {
            sheet: index,
            ..Unwritable::new(codes::NO_WAY_OUT, "There is no mapping that writes it.")
        })?;
        let functional = functional_id(version, mapping.set());
        if open.as_ref() != Some(&functional) {
            writer.end_group().map_err(envelope)?;
            let group = GroupOut {
                functional_id: functional.clone(),
                sender: parties.our_group.as_bytes().to_vec(),
                receiver: parties.their_group.as_bytes().to_vec(),
                control: NumberSeries::after(numbers.group, groups),
                version: version.to_owned(),
            };
            writer.begin_group(&group).map_err(envelope)?;
            open = Some(functional);
            (groups, sets) = (groups + 1, 0);
        }
        sets += 1;
        let (from, control) = (writer.written() as u64, format!("{sets:04}"));
        writer.begin_set(mapping.set(), &control, None).map_err(envelope)?;
        let charset = policy::charset(Some(partner));
        mapping
            .write_x12_in(&sheet.json, version, charset, &mut writer)
            .map_err(|problems| unwritable(index, problems))?;
        writer.end_set().map_err(envelope)?;
        places.push(Place {
            set: mapping.set().to_owned(),
            numbers: Some((NumberSeries::after(numbers.group, groups - 1), control)),
            range: (from, writer.written() as u64 - from),
        });
    }
    writer.end_group().map_err(envelope)?;
    writer.end_interchange().map_err(envelope)?;
    Ok(Written { bytes: writer.finish().into(), places, groups, content_type: "application/edi-x12" })
}

/// GS01 of a set.
fn functional_id(version: &str, set: &str) -> String {
    let known = Standard::resolve(version).and_then(|standard| standard.set(set.as_bytes()));
    known.map_or_else(|| set.to_owned(), |set| set.group().to_owned())
}

/// Who is who in what we send.
pub(super) struct Parties {
    us: PartyId,
    them: PartyId,
    our_group: String,
    their_group: String,
}

impl Parties {
    pub(super) fn of(terms: &X12Terms) -> Self {
        let party = |qualifier: &str, id: &str| PartyId { qualifier: qualifier.to_owned(), id: id.to_owned() };
        let (ours, first) = (&terms.ours, terms.ids.first());
        let theirs = first.unwrap_or(ours);
        Self {
            us: party(&ours.qualifier, &ours.id),
            them: party(&theirs.qualifier, &theirs.id),
            our_group: ours.group.clone().unwrap_or_else(|| ours.id.clone()),
            their_group: theirs.group.clone().unwrap_or_else(|| theirs.id.clone()),
        }
    }

    /// What counts our interchanges to the partner: ISA05 to ISA08 and ISA15.
    pub(super) fn interchanges(&self, mode: Mode) -> NumberSeries {
        interchange_series(&self.us, &self.them, usage(mode))
    }

    /// What counts our groups to the partner: GS02, GS03 and ISA15.
    pub(super) fn groups(&self, mode: Mode) -> NumberSeries {
        group_series(&self.our_group, &self.their_group, usage(mode))
    }
}

/// ISA15.
pub(super) fn usage(mode: Mode) -> u8 {
    match mode {
        Mode::Live => b'P',
        Mode::Test => b'T',
    }
}

/// What counts interchanges from us to somebody.
pub(super) fn interchange_series(us: &PartyId, them: &PartyId, usage: u8) -> NumberSeries {
    let party = |id: &PartyId| format!("{}/{}", id.qualifier, id.id);
    NumberSeries(format!("isa {}>{} {}", party(us), party(them), char::from(usage)))
}

/// What counts groups from us to somebody.
pub(super) fn group_series(us: &str, them: &str, usage: u8) -> NumberSeries {
    NumberSeries(format!("gs {us}>{them} {}", char::from(usage)))
}
