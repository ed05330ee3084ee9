//! What only mapping files for XML have: the root element, namespaces, the order of elements, lists by kind.

use toml::{Spanned, de::DeValue};

use super::{Key, List, Word, read::Reader};
use crate::mapping::{codes, xml_place::Path, xml_plan::Computed};

/// Keys at the top of a file.
pub(crate) const TOP_XML_KEYS: &[Key] = &[
    ("format", "In a file of shared parts: `xml` where their places are those of XML."),
    ("namespaces", "XML: prefix = the namespace that it stands for in this file's places."),
    ("sequence", "XML: element = the elements in it, in the order in which they are written."),
    ("envelope", "XML: places that belong to the transmission, and what they hold: `message_id`, `from.id`…"),
    ("constants", "XML: places that always hold the same; written, and passed over on reading."),
    ("repeats", "XML: field = the attributes that repeat it beside other values: written, and checked on reading."),
];

/// Keys of `[mapping]`.
pub(crate) const HEADER_XML_KEYS: &[Key] = &[
    ("root", "XML: the elements down to the document's own: `Order`, `cXML/Request/OrderRequest`."),
    ("namespace", "XML: the namespace of names without a prefix; none without it."),
    ("dialect", "XML: what stands before a code that a table does not have: `ubl`."),
    ("document_type", "XML: where the DTD is that documents name."),
];

/// Keys of a list.
pub(crate) const LIST_XML_KEYS: &[Key] = &[
    ("by", "XML: the field that tells the kinds of items apart, each kind having an element of its own."),
    ("of", "XML: for each kind of item, what it is like: its `each`, fields and lists."),
    (
        "through",
        "XML: kinds of items that have no element: on writing, what hangs below them stands in their place and takes these fields over.",
    ),
];

/// What a file says of XML beside its fields and lists.
#[derive(Debug, Clone, Default)]
pub(crate) struct XmlParts {
    pub(crate) root: Option<Word>,
    pub(crate) namespace: Option<Word>,
    pub(crate) dialect: Option<Word>,
    pub(crate) document_type: Option<Word>,
    /// Prefix and namespace.
    pub(crate) namespaces: Vec<(Word, Word)>,
    pub(crate) sequence: Vec<(Word, Vec<Word>)>,
    pub(crate) envelope: Vec<Bound>,
    pub(crate) constants: Vec<Bound>,
    pub(crate) repeats: Vec<(Word, Vec<(Path, Word)>)>,
}

/// A place and what is said of it.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub(crate) path: Path,
    pub(crate) place: Word,
    pub(crate) says: Word,
}

impl XmlParts {
    /// `over` on top of this: what is listed replaces.
    pub(crate) fn under(mut self, over: Self) -> Self {
        self.root = over.root.or(self.root);
        self.namespace = over.namespace.or(self.namespace);
        self.dialect = over.dialect.or(self.dialect);
        self.document_type = over.document_type.or(self.document_type);
        put(&mut self.namespaces, over.namespaces);
        put(&mut self.sequence, over.sequence);
        // UBL and cXML both repeat the currency, each at its own places.
        for (field, places) in over.repeats {
            match self.repeats.iter_mut().find(|(other, _)| other.text == field.text) {
                Some((_, known)) => known.extend(places),
                None => self.repeats.push((field, places)),
            }
        }
        bind(&mut self.envelope, over.envelope);
        bind(&mut self.constants, over.constants);
        self
    }
}

fn put<T>(base: &mut Vec<(Word, T)>, over: Vec<(Word, T)>) {
    for (name, value) in over {
        base.retain(|(other, _)| other.text != name.text);
        base.push((name, value));
    }
}

fn bind(base: &mut Vec<Bound>, over: Vec<Bound>) {
    for one in over {
        base.retain(|other| other.path != one.path);
        base.push(one);
    }
}

impl Reader<'_> {
    /// An entry at the top of a file that only XML has.
    pub(super) fn xml_entry(&mut self, key: &str, value: &Spanned<DeValue<'_>>, parts: &mut XmlParts) {
        let Some(table) = self.table(value) else { return };
        for (name, value) in table.iter() {
            let name = self.key(name);
            match key {
                "namespaces" => parts.namespaces.extend(self.word(value).map(|word| (name, word))),
                "sequence" => parts.sequence.push((name, self.words(value))),
                "repeats" => parts.repeats.push((name, self.paths(value))),
                _ => {
                    let Some(says) = self.word(value) else { continue };
                    let Some(path) = self.path(&name) else { continue };
                    let bound = Bound { path, place: name, says };
                    if key == "envelope" { parts.envelope.push(bound) } else { parts.constants.push(bound) }
                }
            }
        }
    }

    fn path(&mut self, word: &Word) -> Option<Path> {
        match Path::parse(&word.text) {
            Ok(path) => Some(path),
            Err(error) => {
                self.found.push(word.path_error(&error));
                None
            }
        }
    }

    pub(super) fn paths(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<(Path, Word)> {
        let words = self.words(value);
        words.into_iter().filter_map(|word| Some((self.path(&word)?, word))).collect()
    }

    /// `of`: for each kind of item, what it is like.
    pub(super) fn kinds(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<(Word, Option<List>)> {
        let mut kinds = Vec::new();
        let Some(table) = self.table(value) else { return kinds };
        for (name, value) in table.iter() {
            let word = self.key(name);
            let list = match value.get_ref().as_bool() {
                Some(false) => None,
                _ => match self.list(name.span(), value) {
                    Some(list) => Some(list),
                    None => continue,
                },
            };
            kinds.push((word, list));
        }
        kinds
    }

    /// `through`: kinds of items, and the fields that are taken over from them.
    pub(super) fn through(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<(Word, Vec<Word>)> {
        let Some(table) = self.table(value) else { return Vec::new() };
        let entries: Vec<_> = table.iter().collect();
        entries.into_iter().map(|(name, value)| (self.key(name), self.words(value))).collect()
    }

    /// `computed` of XML: places and what is made out for them.
    pub(super) fn computed(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<(Path, Word, Computed)> {
        let mut all = Vec::new();
        let Some(table) = self.table(value) else { return all };
        for (place, value) in table.iter() {
            let place = self.key(place);
            let Some(says) = self.word(value) else { continue };
            let Some(path) = self.path(&place) else { continue };
            match Computed::parse(&says.text) {
                Some(computed) => all.push((path, place, computed)),
                None => {
                    let message = format!("`{}` cannot be computed", says.text);
                    self.found.push(says.error(
                        codes::BAD_CONVERTER,
                        message,
                        Some(format!("say {}", Computed::FORMS)),
                    ));
                }
            }
        }
        all
    }
}
