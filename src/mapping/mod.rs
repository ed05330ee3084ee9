//! Mapping files and what becomes of them: a compiled plan that reads a partner's document into the canonical one.
//!
//! One rule binds one canonical field to one place through one converter, in both directions; there is no script in
//! it. A file is compiled once, checked against the canonical schema, and read in one pass over the tokens of a set.
//! What no rule takes is kept as extras with its place, so that nothing a partner sent is lost.

mod block;
pub mod codes;
mod compile;
mod convert;
mod crosswalk;
mod extras;
mod file;
pub mod fixtures;
mod joining;
#[cfg(test)]
mod laws;
mod library;
mod merge;
mod page;
mod place;
mod plan;
mod problem;
mod provenance;
mod read;
mod read_xml;
mod schema;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod wrap;
#[cfg(test)]
mod wrap_tests;
mod write;
mod write_json;
mod write_xml;
mod xml_place;
mod xml_plan;
#[cfg(test)]
mod xml_tests;
mod xml_value;

pub use library::Library;
pub use problem::Problem;
pub use provenance::Provenance;
pub use schema::file_schema;
pub use text::Charset;
pub use write_xml::WrittenXml;

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use crate::{
    document::DocumentType,
    x12::{Writer, token::SetView},
    xml::{Source, Tree},
};

/// The pages of this room's codes.
pub const EXPLAIN: &str = include_str!("explain.md");

/// One compiled mapping.
#[derive(Debug)]
pub struct Mapping {
    id: String,
    digest: String,
    document: DocumentType,
    set: String,
    versions: Vec<String>,
    file: String,
    plan: Arc<plan::Plan>,
    /// Its code tables and cross-references, by the numbers that the plan has for them.
    tables: Vec<Arc<table::Table>>,
    /// How it writes, by version; the oldest first.
    writing: Arc<[write::WritePlan]>,
    /// The plan of a mapping of XML; then `plan` is empty.
    xml: Option<Arc<xml_plan::XmlPlan>>,
}

/// What a document is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// X12 transaction sets.
    X12,
    /// XML; its dialects stand where X12 has versions: `ubl`, `cxml`.
    Xml,
}

/// One rule of a mapping, and the line that it comes from: of the mapping's own file, of one that it extends, or of a part
/// that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleOrigin<'m> {
    /// The canonical field, like `lines.quantity.value`.
    pub field: &'m str,
    /// Its places, as the file has them: `PO102`.
    pub place: &'m str,
    /// The file.
    pub file: &'m str,
    /// The line, from 1.
    pub line: u32,
    /// The direction it holds in, where it is one only.
    pub one_way: Option<OneWay>,
}

/// The direction of a rule that holds in one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OneWay {
    /// It is not written.
    Read,
    /// It is not read.
    Write,
}

/// A set that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// The canonical document.
    pub json: Vec<u8>,
    /// Where its own `lines` stand in it with the comma before them, where that is known: most of what is written.
    pub lines: Option<Range<usize>>,
    /// What no rule took, a list of `{segment, tag, element, value}`: segment and element count from 1, ST is segment
    /// 1. With `"charset": "latin1"` the value is one that was read as Latin-1 because it is not UTF-8.
    pub extras: Option<serde_json::Value>,
    /// Values that a cross-reference does not have, and whose rule says that they pass with a warning.
    pub warnings: Vec<Problem>,
}

impl Mapping {
    /// The same mapping with other tables.
    fn with_tables(&self, tables: Vec<Arc<table::Table>>, digest: String) -> Self {
        Self {
            id: self.id.clone(),
            digest,
            document: self.document,
            set: self.set.clone(),
            versions: self.versions.clone(),
            file: self.file.clone(),
            plan: self.plan.clone(),
            tables,
            writing: self.writing.clone(),
            xml: self.xml.clone(),
        }
    }

    /// The name that partners' files call it by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A digest of all files that it is made of: equal digests map equally.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What it reads into.
    pub fn document(&self) -> DocumentType {
        self.document
    }

    /// The X12 transaction set, like `855`; of XML the document's own element, like `Order`.
    pub fn set(&self) -> &str {
        &self.set
    }

    /// The X12 versions that it offers itself for; none if it is used by name only.
    pub fn versions(&self) -> &[String] {
        &self.versions
    }

    /// The file that it was read from.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Its rules, each with the line that it comes from, in the order of the files.
    pub fn rules(&self) -> impl Iterator<Item = RuleOrigin<'_>> {
        let rules = self.xml.as_ref().map_or(&self.plan.rules, |xml| &xml.rules);
        rules.iter().map(|rule| RuleOrigin {
            field: &rule.origin.name,
            place: &rule.origin.at,
            file: &rule.origin.spot.source.name,
            line: rule.origin.line_column.0,
            one_way: rule.only.map(|only| match only {
                file::Only::Read => OneWay::Read,
                file::Only::Write => OneWay::Write,
            }),
        })
    }

    /// What it reads from and writes to.
    pub fn format(&self) -> Format {
        if self.xml.is_some() { Format::Xml } else { Format::X12 }
    }

    /// The dialect of XML that it is for, like `ubl`.
    pub fn dialect(&self) -> Option<&str> {
        self.xml.as_ref().map(|plan| plan.dialect.as_str())
    }

    /// Writes a canonical document as the body of a set: what stands between `begin_set` and `end_set`, in the order and
    /// under the rules of the standard that `version` (GS08 or ST03) names. Where something is wrong, all of it is told,
    /// and nothing is written.
    pub fn write_x12(&self, document: &[u8], version: &str, out: &mut Writer) -> Result<(), Vec<Problem>> {
        self.write_x12_in(document, version, Charset::default(), out).map(drop)
    }

    /// Writes a document for a partner that reads this charset. What no rule writes is left out; which fields those are
    /// is told, as JSON pointers.
    pub fn write_x12_in(
        &self,
        document: &[u8],
        version: &str,
        charset: Charset,
        out: &mut Writer,
    ) -> Result<Vec<String>, Vec<Problem>> {
        let version = version.trim();
        let version = version.get(..6).unwrap_or(version);
        // Where there is no table for a version, that of the nearest older one, or else the oldest.
        let older = self.writing.iter().rev().find(|plan| plan.version <= version);
        match older.or_else(|| self.writing.first()) {
            Some(writing) => write::write(&self.plan, &self.tables, writing, document, charset, out),
            None => {
                let text = format!("no version of the standard has a set {}", self.set);
                Err(vec![Problem::in_document(codes::NO_PLACE, text, String::new())])
            }
        }
    }

    /// Takes the totals out of `again` that were computed because `document` does not give them.
    fn drop_computed(&self, document: &serde_json::Value, again: &mut serde_json::Value) {
        for rule in self.plan.rules.iter().filter(|rule| rule.computed) {
            let pointer = format!("/{}", rule.origin.name.replace('.', "/"));
            if document.pointer(&pointer).is_some() {
                continue;
            }
            let mut above = pointer.as_str();
            // What is left empty goes too.
            while let Some((outer, name)) = above.rsplit_once('/') {
                let Some(object) = again.pointer_mut(outer).and_then(serde_json::Value::as_object_mut) else { break };
                object.shift_remove(name);
                if !object.is_empty() {
                    break;
                }
                above = outer;
            }
        }
    }

    /// Reads a set of a partner that writes UTF-8, where bytes beyond that are read as Latin-1.
    pub fn read_x12(&self, set: &SetView<'_>) -> Result<Mapped, Vec<Problem>> {
        self.read_x12_in(set, Charset::default())
    }

    /// Reads a set of a partner that writes this charset. All that is wrong with it is told at once, up to 100 problems.
    pub fn read_x12_in(&self, set: &SetView<'_>, charset: Charset) -> Result<Mapped, Vec<Problem>> {
        let read::Read { json, lines, mut left, warnings, .. } = read::read(&self.plan, &self.tables, set, charset)?;
        let extras = extras::collect(set, charset, &mut left);
        Ok(Mapped { json, lines, extras, warnings })
    }

    /// The same, with where each value came from.
    pub fn trace_x12_in(&self, set: &SetView<'_>, charset: Charset) -> Result<(Mapped, Vec<Provenance>), Vec<Problem>> {
        let read::Read { json, lines, mut left, warnings, marks } =
            read::trace(&self.plan, &self.tables, set, charset)?;
        let provenance = provenance::of(&json, marks, &self.plan.rules);
        let extras = extras::collect(set, charset, &mut left);
        Ok((Mapped { json, lines, extras, warnings }, provenance))
    }

    /// Whether it is for this XML document, by its root element and namespace.
    pub fn reads_xml(&self, tree: &Tree<'_>) -> bool {
        self.xml.as_ref().is_some_and(|plan| read_xml::is_for(plan, tree))
    }

    /// Reads an XML document. Extras are a list of `{path, offset, value}`. All that is wrong is told at once, up to 100
    /// problems.
    pub fn read_xml(&self, source: &Source<'_>, tree: &Tree<'_>) -> Result<Mapped, Vec<Problem>> {
        let Some(plan) = &self.xml else { return Err(vec![self.no_xml()]) };
        let read = read_xml::read(plan, &self.tables, source, tree, false)?;
        Ok(Mapped { json: read.json, lines: None, extras: read.extras, warnings: read.warnings })
    }

    /// The same, with where each value came from.
    pub fn trace_xml(&self, source: &Source<'_>, tree: &Tree<'_>) -> Result<(Mapped, Vec<Provenance>), Vec<Problem>> {
        let Some(plan) = &self.xml else { return Err(vec![self.no_xml()]) };
        let read = read_xml::read(plan, &self.tables, source, tree, true)?;
        let provenance = provenance::of(&read.json, read.marks, &plan.rules);
        Ok((Mapped { json: read.json, lines: None, extras: read.extras, warnings: read.warnings }, provenance))
    }

    /// What an XML document says of its transmission: `message_id`, `from.id`… as its mapping names them.
    pub fn envelope_of(&self, tree: &Tree<'_>) -> BTreeMap<String, String> {
        self.xml.as_ref().map_or_else(BTreeMap::new, |plan| read_xml::envelope(plan, tree))
    }

    /// Writes a canonical document as XML; `envelope` has the values of the transmission.
    pub fn write_xml(&self, document: &[u8], envelope: &BTreeMap<String, String>) -> Result<WrittenXml, Vec<Problem>> {
        let Some(plan) = &self.xml else { return Err(vec![self.no_xml()]) };
        let document = serde_json::from_slice(document)
            .map_err(|error| vec![Problem::of_document(codes::UNWRITABLE_VALUE, error.to_string(), None)])?;
        write_xml::write(plan, &self.tables, &document, envelope)
    }

    fn no_xml(&self) -> Problem {
        Problem::of_document(codes::BAD_BASE, format!("the mapping `{}` is for X12, not for XML", self.id), None)
    }
}
