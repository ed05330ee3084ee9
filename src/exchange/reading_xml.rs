//! An XML body: one document, told apart by its root element and namespace, from the partner whose connection it came on.
//! It has no envelope of its own, so there is no number to claim and nothing to acknowledge; all else is as with X12.

use std::{collections::BTreeMap, io::Read, sync::Arc};

use super::{
    claims, codes,
    detect::Format,
    reading::{Context, Origin, Piece, Problem, ReadDocument, ReadInterchange},
};
use crate::{
    document::Mode,
    mapping::Mapping,
    partner::{Partner, Status},
    x12::{Delimiters, InterchangeHeader, InterchangeVerdict, PartyId, Status as Verdict},
    xml::{
        Limits, Source, Tree,
        cxml::{self, Credential, Header},
    },
};

/// Reads a body: its document, and what stands for its envelope. A body that is no XML has neither, and a problem.
pub(super) fn read(context: &Context, body: Box<dyn Read + Send>) -> std::io::Result<Result<ReadInterchange, Problem>> {
    let limits = Limits::default();
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "the `take` before it is the cap")]
    body.take(limits.bytes as u64 + 1).read_to_end(&mut bytes)?;
    let source = match Source::read(&bytes) {
        Ok(source) => source,
        Err(fault) => return Ok(Err(unreadable(&fault))),
    };
    Ok(match Tree::read(source.text(), limits) {
        Ok(tree) => interchange(context, &source, &tree, bytes.len() as u64),
        Err(fault) => Err(unreadable(&fault)),
    })
}

fn unreadable(fault: &crate::xml::Fault) -> Problem {
    let text = format!("It cannot be read as XML: line {}, column {}: {}.", fault.line, fault.column, fault.text);
    Problem::new(fault.code, text)
}

fn interchange(
    context: &Context,
    source: &Source<'_>,
    tree: &Tree<'_>,
    length: u64,
) -> Result<ReadInterchange, Problem> {
    let partner = context.assumed.as_ref().or(context.connection.as_ref()).map(Arc::clone);
    // A dry run has no connection: it shows what would become of the file if its envelope were in order.
    let held = match (&partner, &context.connection, Header::of(tree)) {
        (Some(partner), Some(_), Some(header)) => objection(partner, &header)?,
        _ => None,
    };
    let mut document = ReadDocument::new(0, (0, 0), own_name(tree), (0, length));
    let mapping = mapping_for(context, partner.as_deref(), tree);
    let envelope = mapping.as_ref().map_or_else(BTreeMap::new, |mapping| mapping.envelope_of(tree));
    // As `T` in ISA15: cXML says it as `deploymentMode`.
    let rehearsal = partner.as_ref().is_some_and(|partner| partner.status != Status::Live)
        || envelope.get("mode").is_some_and(|mode| mode == "test");
    let mode = if rehearsal { Mode::Test } else { context.mode };
    match mapping {
        None => document.hold(Problem::new(
            codes::NO_MAPPING,
            format!(
                "There is no mapping for the XML document {} of namespace `{}`.",
                document.set,
                tree.root().namespace()
            ),
        )),
        Some(mapping) => map(&mut document, &mapping, source, tree, partner.as_deref(), (mode, context.traced)),
    }
    let connection = partner.as_ref().map_or("", |partner| partner.id.as_str());
    let said = |name: &str| envelope.get(name).cloned().unwrap_or_default();
    let party = |side: &str| PartyId { qualifier: said(&format!("{side}.domain")), id: said(&format!("{side}.id")) };
    let header = InterchangeHeader {
        sender: party("from"),
        receiver: party("to"),
        control_number: said("message_id"),
        version: said("version"),
        usage: if mode == Mode::Live { b'P' } else { b'T' },
        ack_requested: false,
        date: String::new(),
        time: said("time"),
        delimiters: Delimiters { element: 0, component: 0, repetition: None, segment: 0 },
        terminator: Vec::new(),
        offset: 0,
        bytes: Vec::new(),
    };
    Ok(ReadInterchange {
        format: Format::Xml,
        groups: Vec::new(),
        held_groups: Vec::new(),
        key: claims::interchange(connection, ["xml", "", "", ""], header.usage, mode, &header.control_number),
        range: (0, length),
        partner,
        held,
        mode,
        verdict: InterchangeVerdict {
            header,
            status: Verdict::Accepted,
            ta1: None,
            groups: Vec::new(),
            findings: Vec::new(),
            more: 0,
            sets: 1,
            segments: 0,
            errors: 0,
            end: length,
            ta1_received: Vec::new(),
        },
        documents: vec![document],
        sets: 1,
    })
}

/// What stands against a cXML document, by what is agreed with its partner: held where it says that it is from or for somebody
/// else, and refused where it does not show their secret.
fn objection(partner: &Partner, header: &Header<'_>) -> Result<Option<Problem>, Problem> {
    let Some(terms) = &partner.cxml else { return Ok(None) };
    if !terms.their_secrets.is_empty() && !terms.shown_by(&header.sender) {
        let text = "The Sender's credential is none that is agreed, or does not show the shared secret.";
        return Err(Problem::new(codes::BAD_CREDENTIAL, text));
    }
    let named = |all: &[Credential<'_>]| {
        let all: Vec<_> = all.iter().map(|one| format!("{}/{}", one.domain, one.identity)).collect();
        if all.is_empty() { "nobody".to_owned() } else { all.join(", ") }
    };
    if !header.from.iter().any(|one| terms.are(one)) {
        let ids: Vec<_> = terms.ids.iter().map(ToString::to_string).collect();
        let text =
            format!("The header says that it is from {}; {} is {}.", named(&header.from), partner.id, ids.join(", "));
        return Ok(Some(Problem::new(codes::SENDER_NOT_ALLOWED, text)));
    }
    if !header.to.iter().any(|one| terms.ours.is(one.domain, one.identity)) {
        let text = format!("It is addressed to {}; with {} we are {}.", named(&header.to), partner.id, terms.ours);
        return Ok(Some(Problem::new(codes::NOT_FOR_US, text)));
    }
    Ok(None)
}

/// What kind of document it says it is: the root element, or what a cXML envelope holds.
fn own_name(tree: &Tree<'_>) -> String {
    let root = tree.root();
    let inside =
        |name: &str| root.children().find(|child| child.local() == name).and_then(|child| child.children().next());
    let own = if root.local() == "cXML" { inside("Request").or_else(|| inside("Message")) } else { None };
    own.unwrap_or(root).local().to_owned()
}

/// The mapping that a partner's document goes through.
fn mapping_for(context: &Context, partner: Option<&Partner>, tree: &Tree<'_>) -> Option<Arc<Mapping>> {
    let library = &context.snapshot.library;
    let usual = library.for_xml(tree);
    let named = usual.and_then(|usual| partner?.mapping(usual.set(), usual.document()));
    // A partner's own mapping is for the kind of XML that it is for: those of other formats may have the same document.
    let own = named.and_then(|id| library.by_id(id)).filter(|mapping| mapping.reads_xml(tree));
    own.or(usual).map(Arc::clone)
}

fn map(
    document: &mut ReadDocument,
    mapping: &Mapping,
    source: &Source<'_>,
    tree: &Tree<'_>,
    partner: Option<&Partner>,
    (mode, traced): (Mode, bool),
) {
    document.kind = Some(mapping.document());
    document.mapping = Some(format!("{}@{}", mapping.id(), mapping.digest()));
    let read = match traced {
        false => mapping.read_xml(source, tree),
        true => mapping.trace_xml(source, tree).map(|(mapped, provenance)| {
            document.origin = Some(Box::new(Origin { pieces: pieces(source, tree), provenance }));
            mapped
        }),
    };
    match read {
        Ok(mapped) => document.mapped(partner, mode, mapped, mapping),
        Err(problems) => document.unmapped(&problems),
    }
}

/// Every text and attribute of a document, as they may be shown.
fn pieces(source: &Source<'_>, tree: &Tree<'_>) -> Vec<Piece> {
    let names: Vec<_> = tree.names().map(|(_, local)| local).collect();
    let mut pieces = Vec::new();
    for node in tree.nodes() {
        for one in node.attributes() {
            let name = names.get(one.name as usize).copied().unwrap_or_default();
            let bytes = (source.offset(one.range.0 as usize), source.offset(one.range.1 as usize));
            pieces.push(Piece { name: format!("{}/@{name}", node.path()), value: one.value.to_owned(), bytes });
        }
        if !node.text().trim_ascii().is_empty() {
            let bytes = (source.offset(node.within().start), source.offset(node.within().end));
            let value = if cxml::is_secret(node) { cxml::MASK } else { node.text() };
            pieces.push(Piece { name: node.path(), value: value.to_owned(), bytes });
        }
    }
    pieces
}
