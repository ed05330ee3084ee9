//! Mapping files as they are written: TOML with the place of every word, all mistakes told in one go.
//!
//! Reading knows the shape of the file only; whether its fields exist and its values fit is for `compile`.

mod read;
mod spot;
pub(crate) mod xml;

use std::sync::Arc;

use self::xml::XmlParts;
pub(crate) use self::{
    read::{did_you_mean, parse},
    spot::{Source, Spot, Word},
};
use super::{
    convert::Converter,
    place::{Opener, Place},
    table::Missing,
    xml_place::Path,
    xml_plan::Computed,
};
use crate::document::DocumentType;

/// One file: a mapping, shared code tables, shared parts, or some of each.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) source: Arc<Source>,
    pub(crate) header: Option<Header>,
    pub(crate) scope: Scope,
    pub(crate) codes: Vec<Codes>,
    pub(crate) parts: Vec<(Word, List)>,
    /// What only XML has.
    pub(crate) xml: XmlParts,
    pub(crate) broken: Broken,
}

/// Whether a file has mistakes of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    No,
    /// It could be read: what else is wrong with it is worth telling.
    Yes,
    /// It is no TOML.
    Unread,
}

/// `[mapping]`
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) id: Word,
    pub(crate) extends: Option<Word>,
    /// Whether places are those of XML.
    pub(crate) xml: bool,
    pub(crate) set: Option<Word>,
    pub(crate) versions: Option<Vec<Word>>,
    pub(crate) document: Option<DocumentType>,
}

/// What belongs to one item: the document, or an item of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) fields: Vec<Field>,
    pub(crate) lists: Vec<NamedList>,
    pub(crate) loops: Vec<(Word, Vec<Word>)>,
    pub(crate) computed: Vec<(Place, Word)>,
    /// The same for XML, with what is made out.
    pub(crate) computed_xml: Vec<(Path, Word, Computed)>,
}

/// A field of the canonical document, `price.amount` being two names.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) path: Vec<String>,
    pub(crate) spot: Spot,
    /// `None` takes the field of the base away.
    pub(crate) rule: Option<Rule>,
}

/// How one field is bound.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) at: Vec<(Place, Word)>,
    /// The same in a mapping of XML.
    pub(crate) paths: Vec<(Path, Word)>,
    pub(crate) convert: Option<(Converter, Word)>,
    pub(crate) codes: Option<Word>,
    /// A cross-reference.
    pub(crate) lookup: Option<Word>,
    pub(crate) missing: Missing,
    pub(crate) default: Option<Word>,
    pub(crate) constant: Option<Word>,
    /// A total that is written where the document gives none.
    pub(crate) compute: Option<Word>,
    /// What stands there where the document has nothing and the segment is not whole without it.
    pub(crate) filler: Option<Word>,
    /// Whether an item is left out whose code only another format has.
    pub(crate) leaves_foreign: bool,
    /// A value that need not be written.
    pub(crate) omit: Option<Word>,
    pub(crate) only: Option<Only>,
    pub(crate) required: bool,
    pub(crate) spot: Spot,
}

/// A rule that holds in one direction only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Only {
    Read,
    Write,
}

#[derive(Debug, Clone)]
pub(crate) struct NamedList {
    pub(crate) path: Vec<String>,
    pub(crate) spot: Spot,
    /// `None` takes the list of the base away.
    pub(crate) list: Option<List>,
}

/// A list of the canonical document.
#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) like: Option<Word>,
    pub(crate) each: Vec<(Opener, Word)>,
    /// The same in a mapping of XML.
    pub(crate) paths: Vec<(Path, Word)>,
    pub(crate) by: Option<Word>,
    /// `None` takes the kind of the base away.
    pub(crate) of: Vec<(Word, Option<Self>)>,
    pub(crate) through: Vec<(Word, Vec<Word>)>,
    /// Whether there is an `each`, be it a wrong one: then it is told once only.
    pub(crate) opens: bool,
    pub(crate) holds: Vec<Word>,
    pub(crate) until: Vec<Word>,
    /// The segment in whose loop its items are written if there is room for them.
    pub(crate) under: Option<Word>,
    pub(crate) nest: Option<Word>,
    pub(crate) value: Option<Rule>,
    pub(crate) scope: Scope,
    pub(crate) spot: Spot,
}

/// `[codes.purpose]`
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    pub(crate) name: Word,
    pub(crate) entries: Vec<CodeEntry>,
}

#[derive(Debug, Clone)]
pub(crate) struct CodeEntry {
    pub(crate) code: Word,
    /// `None` takes the code of the base away.
    pub(crate) word: Option<Word>,
    pub(crate) canonical: Option<bool>,
}

/// A key and what it says; the schema of mapping files is made of these too.
pub(crate) type Key = (&'static str, &'static str);

pub(crate) const TOP_KEYS: &[Key] = &[
    ("mapping", "What this file maps."),
    ("fields", "Fields of the document: each is bound to one place."),
    ("lists", "Lists of the document: parties, lines…"),
    ("codes", "Code tables: the partner's code = our word."),
    ("loops", "Loops that are passed over: tag = the segments in it. Everything in them is kept as extras."),
    ("computed", "Places that are counted out on writing, and that reading passes over."),
    ("parts", "Lists that several mappings share: named with `like`."),
];

pub(crate) const HEADER_KEYS: &[Key] = &[
    ("id", "The mapping's name, as partners' files call it."),
    ("about", "What it is for, in words."),
    ("extends", "The mapping that this one changes: what is listed here replaces, `false` removes."),
    ("format", "What is mapped: `x12` or `xml`."),
    ("set", "The X12 transaction set, like \"855\"."),
    ("versions", "The X12 versions that it is for, like [\"004010\", \"005010\"]. Without, it is used by name only."),
    ("document", "The canonical document, like \"order_acknowledgement\"."),
];

pub(crate) const RULE_KEYS: &[Key] = &[
    ("at", "The place, or several: the first in the document that has a value counts, the first here is written."),
    ("as", "The converter, where the field's own kind is not enough: `trim`, `decimal(2)`, `date`…"),
    ("codes", "The code table."),
    ("lookup", "The cross-reference: a table of the partner's names of things and ours, shared or this partner's own."),
    (
        "missing",
        "What to do with what the table does not have: `pass` (keep it, a code as `x12:…`), `hold`, `skip`; with `lookup` also `warn`.",
    ),
    ("default", "The value where the document has none."),
    ("constant", "What always stands there: written, and checked on reading."),
    (
        "compute",
        "On writing, where the document gives no value: `count(lines)`, `sum(lines.quantity.value)`, `invoice_total`; in an item, `copy(quantity.value)`.",
    ),
    ("filler", "On writing, what stands there where the document has nothing and the segment is not whole without it."),
    (
        "foreign",
        "On writing a code that only another format has (`ubl:…`, `cxml:…`): `leave` leaves its item out, and tells so; `hold` (if nothing is said) holds the document.",
    ),
    ("omit", "A value that is not written, because nothing there means just that."),
    ("only", "`read` or `write`: a rule for one direction."),
    ("required", "`true`: the document is held where the value is missing."),
];

pub(crate) const LIST_KEYS: &[Key] = &[
    ("like", "A shared part; what is said here comes on top of it."),
    ("each", "What opens an item: `PO1`, `HL[03=I]`, `PO1{*}`, `N301`, or several of them."),
    ("holds", "Segments that belong to the item besides those of its rules."),
    ("until", "The item holds everything up to one of these segments."),
    ("under", "On writing, the loop in which the items stand where there is room in it for all of them: `CTT`."),
    ("nest", "The field of an item where the levels below it go (HL)."),
    ("value", "The rule of a list of plain values."),
    ("fields", "Fields of an item."),
    ("lists", "Lists of an item."),
    ("loops", "Loops that are passed over."),
    ("computed", "Places that are counted out on writing."),
];

const ENTRY_KEYS: &[Key] =
    &[("to", "Our word."), ("canonical", "Of several codes for one word, the one that is written.")];
