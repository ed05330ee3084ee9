//! Mapping files and what becomes of them: a compiled plan that reads a partner's document into the canonical one.
//!
//! One rule binds one canonical field to one place through one converter, in both directions; there is no script in
//! it. A file is compiled once, checked against the canonical schema, and read in one pass over the tokens of a set.
//! What no rule takes is kept as extras with its place, so that nothing a partner sent is lost.

pub mod codes;
mod compile;
mod convert;
mod extras;
mod file;
pub mod fixtures;
mod library;
mod merge;
mod place;
mod plan;
mod problem;
mod read;
mod schema;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod write;
mod write_json;

pub use library::Library;
pub use problem::Problem;
pub use schema::file_schema;
pub use text::Charset;

use crate::{
    document::DocumentType,
    x12::{Writer, token::SetView},
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
    plan: plan::Plan,
    /// How it writes, by version; the oldest first.
    writing: Vec<write::WritePlan>,
}

/// What a document is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// X12 transaction sets.
    X12,
}

/// A set that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// The canonical document.
    pub json: Vec<u8>,
    /// What no rule took, a list of `{segment, tag, element, value}`: segment and element count from 1, ST is segment
    /// 1. With `"charset": "latin1"` the value is one that was read as Latin-1 because it is not UTF-8.
    pub extras: Option<serde_json::Value>,
}

impl Mapping {
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

    /// The X12 transaction set, like `855`.
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

    /// What it reads from and writes to.
    pub fn format(&self) -> Format {
        Format::X12
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
        match older.or(self.writing.first()) {
            Some(writing) => write::write(&self.plan, writing, document, charset, out),
            None => {
                let text = format!("no version of the standard has a set {}", self.set);
                Err(vec![Problem::in_document(codes::NO_PLACE, text, String::new())])
            }
        }
    }

    /// Reads a set of a partner that writes UTF-8, where bytes beyond that are read as Latin-1.
    pub fn read_x12(&self, set: &SetView<'_>) -> Result<Mapped, Vec<Problem>> {
        self.read_x12_in(set, Charset::default())
    }

    /// Reads a set of a partner that writes this charset. All that is wrong with it is told at once, up to 100 problems.
    pub fn read_x12_in(&self, set: &SetView<'_>, charset: Charset) -> Result<Mapped, Vec<Problem>> {
        let (json, mut left) = read::read(&self.plan, set, charset)?;
        let extras = extras::collect(set, charset, &mut left);
        Ok(Mapped { json, extras })
    }
}
