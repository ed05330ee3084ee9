//! Reading a mapping file: every word with its place, and every mistake told, not only the first.
//!
//! TOML is read once; what it could not read is told once too, and not again by whoever misses it.

use std::{ops::Range, sync::Arc};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Broken, CodeEntry, Codes, ENTRY_KEYS, Field, File, HEADER_KEYS, Header, Key, LIST_KEYS, List, NamedList, Only,
    RULE_KEYS, Rule, Scope, Source, Spot, TOP_KEYS, Word,
    xml::{LIST_XML_KEYS, TOP_XML_KEYS, XmlParts},
};
use crate::{
    config::Diagnostic,
    document::DocumentType,
    error::Code,
    mapping::{
        codes,
        convert::{self, Converter},
        place::{Opener, Place},
        table::Missing,
    },
};

/// Reads a file. What could be read is given even where there are mistakes.
pub(crate) fn parse(name: Arc<str>, text: Arc<str>, found: &mut Vec<Diagnostic>) -> File {
    let source = Arc::new(Source { name, text });
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    let others = found.len();
    let xml = is_xml(root.get_ref());
    let mut reader = Reader { source: &source, found, xml };
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let line = source.text.get(span.start..).unwrap_or_default().lines().next().unwrap_or_default();
        let hint = syntax_hint(line);
        reader.say(&span, codes::SYNTAX, format!("this is not TOML: {}", error.message()), hint);
    }
    // What TOML could not read is told once.
    let unread: Vec<usize> = reader
        .found
        .iter()
        .skip(others)
        .map(|diagnostic| diagnostic.labels.first().map_or(0, |label| label.span.start))
        .collect();
    let before = reader.found.len();
    let mut file = File {
        source: source.clone(),
        header: None,
        scope: Scope::default(),
        codes: Vec::new(),
        parts: Vec::new(),
        xml: XmlParts::default(),
        broken: Broken::No,
    };
    let root = root.get_ref();
    for (key, value) in root.iter() {
        match key.get_ref().as_ref() {
            "mapping" => file.header = reader.header(value, &mut file.xml),
            "format" => drop(reader.format(value)),
            "codes" => file.codes = reader.codes(value),
            "parts" => {
                if let Some(table) = reader.table(value) {
                    for (name, part) in table.iter() {
                        let word = reader.key(name);
                        if let Some(list) = reader.list(name.span(), part) {
                            file.parts.push((word, list));
                        }
                    }
                }
            }
            "fields" | "lists" | "loops" | "computed" => reader.scope_entry(key.get_ref(), value, &mut file.scope),
            name if xml && is_key(name, TOP_XML_KEYS) => reader.xml_entry(name, value, &mut file.xml),
            _ => reader.unknown_key(key, TOP_KEYS),
        }
    }
    if !root.contains_key("mapping") && (root.contains_key("fields") || root.contains_key("lists")) {
        let hint = Some("begin the file with `[mapping]` and its `id`, `set` and `document`".to_owned());
        reader.say(&(0..0), codes::MISSING_KEY, "this file has fields but no [mapping]", hint);
    }
    let later = reader.found.split_off(before);
    let told_already =
        |diagnostic: &Diagnostic| diagnostic.labels.first().is_some_and(|label| unread.contains(&label.span.start));
    reader.found.extend(later.into_iter().filter(|diagnostic| !told_already(diagnostic)));
    if reader.found.len() > others {
        file.broken = if before > others { Broken::Unread } else { Broken::Yes };
    }
    file
}

/// The nearest of `known`, if one is near.
pub(crate) fn did_you_mean<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(near, _)| *near > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

fn syntax_hint(line: &str) -> Option<String> {
    let value = line.split_once('=').map_or(line, |(_, value)| value).trim();
    let looks_like_code = value.starts_with(|c: char| c == '0' || c.is_ascii_uppercase());
    looks_like_code.then(|| "put EDI codes and places in quotes: \"00\"".to_owned())
}

/// Whether a file's places are those of XML.
fn is_xml(root: &DeTable<'_>) -> bool {
    let header = root.get("mapping").and_then(|value| value.get_ref().as_table());
    let of = |table: &DeTable<'_>| table.get("format").and_then(|value| value.get_ref().as_str()) == Some("xml");
    of(root) || header.is_some_and(of)
}

/// Reads the parts of a file.
pub(super) struct Reader<'a> {
    source: &'a Arc<Source>,
    pub(super) found: &'a mut Vec<Diagnostic>,
    /// Whether places are those of XML.
    xml: bool,
}

impl Reader<'_> {
    fn spot(&self, span: Range<usize>) -> Spot {
        Spot { source: self.source.clone(), span }
    }

    fn say(&mut self, span: &Range<usize>, code: Code, message: impl Into<String>, hint: Option<String>) {
        let diagnostic = self.spot(span.clone()).error(code, message, hint);
        self.found.push(diagnostic);
    }

    pub(super) fn key<T: AsRef<str>>(&self, key: &Spanned<T>) -> Word {
        Word { text: key.get_ref().as_ref().to_owned(), spot: self.spot(key.span()) }
    }

    fn unknown_key<T: AsRef<str>>(&mut self, key: &Spanned<T>, known: &[Key]) {
        let name = key.get_ref().as_ref();
        let hint = match did_you_mean(name, known.iter().map(|(name, _)| *name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "known here: {}",
                known.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ),
        };
        self.say(&key.span(), codes::UNKNOWN_KEY, format!("there is no key `{name}` here"), Some(hint));
    }

    fn wrong_kind(&mut self, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let kind = value.get_ref().type_str();
        let hint = match value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => {
                let raw = self.source.text.get(value.span()).unwrap_or_default();
                Some(format!("put EDI codes in quotes: \"{raw}\""))
            }
            _ => None,
        };
        self.say(&value.span(), codes::WRONG_KIND, format!("{wanted} belongs here, not {kind}"), hint);
    }

    pub(super) fn table<'v, 'i>(&mut self, value: &'v Spanned<DeValue<'i>>) -> Option<&'v DeTable<'i>> {
        if value.get_ref().as_table().is_none() {
            self.wrong_kind(value, "a table");
        }
        value.get_ref().as_table()
    }

    pub(super) fn word(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Word> {
        match value.get_ref().as_str() {
            Some(text) => Some(Word { text: text.to_owned(), spot: self.spot(value.span()) }),
            None => {
                self.wrong_kind(value, "a text in quotes");
                None
            }
        }
    }

    pub(super) fn words(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<Word> {
        match value.get_ref().as_array() {
            Some(items) => items.iter().filter_map(|item| self.word(item)).collect(),
            None => self.word(value).into_iter().collect(),
        }
    }

    fn flag(&mut self, value: &Spanned<DeValue<'_>>) -> Option<bool> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_kind(value, "`true` or `false`");
        }
        flag
    }

    fn choice<T>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        known: &[&str],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let word = self.word(value)?;
        let parsed = parse(&word.text);
        if parsed.is_none() {
            let hint = match did_you_mean(&word.text, known.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => {
                    format!("known: {}", known.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "))
                }
            };
            self.found.push(word.error(codes::WRONG_KIND, format!("`{}` is not known here", word.text), Some(hint)));
        }
        parsed
    }

    fn places(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<(Place, Word)> {
        let mut places = Vec::new();
        for word in self.words(value) {
            match Place::parse(&word.text) {
                Ok(place) => places.push((place, word)),
                Err(error) => self.found.push(word.place_error(&error)),
            }
        }
        places
    }

    fn format(&mut self, value: &Spanned<DeValue<'_>>) -> Option<()> {
        self.choice(value, &["x12", "xml"], |text| matches!(text, "x12" | "xml").then_some(()))
    }

    fn header(&mut self, value: &Spanned<DeValue<'_>>, parts: &mut XmlParts) -> Option<Header> {
        let table = self.table(value)?;
        let (mut id, mut extends, mut set, mut versions, mut document) = (None, None, None, None, None);
        let before = self.found.len();
        for (key, value) in table.iter() {
            match key.get_ref().as_ref() {
                "id" => id = self.word(value),
                "about" => drop(self.word(value)),
                "extends" => extends = self.word(value),
                "format" => drop(self.format(value)),
                "root" if self.xml => parts.root = self.word(value),
                "namespace" if self.xml => parts.namespace = self.word(value),
                "dialect" if self.xml => parts.dialect = self.word(value),
                "document_type" if self.xml => parts.document_type = self.word(value),
                "set" => set = self.word(value),
                "versions" => versions = Some(self.words(value)),
                "document" => {
                    let known: Vec<_> = DocumentType::ALL.iter().map(|kind| kind.as_str()).collect();
                    document = self.choice(value, &known, |text| text.parse().ok());
                }
                _ => self.unknown_key(key, HEADER_KEYS),
            }
        }
        if id.is_none() && self.found.len() == before {
            let hint = Some("give it a name of its own, like `id = \"acme-855\"`".to_owned());
            self.say(&value.span(), codes::MISSING_KEY, "a mapping needs an `id`", hint);
        }
        Some(Header { id: id?, extends, xml: self.xml, set, versions, document })
    }

    fn scope_entry(&mut self, key: &str, value: &Spanned<DeValue<'_>>, scope: &mut Scope) {
        match key {
            "fields" => self.fields(value, &mut Vec::new(), &mut scope.fields),
            "lists" => self.lists(value, &mut Vec::new(), &mut scope.lists),
            "computed" if self.xml => scope.computed_xml = self.computed(value),
            "computed" => scope.computed = self.places(value),
            _ => {
                if let Some(table) = self.table(value) {
                    for (tag, segments) in table.iter() {
                        let tag = self.key(tag);
                        let segments = self.words(segments);
                        scope.loops.push((tag, segments));
                    }
                }
            }
        }
    }

    fn fields(&mut self, value: &Spanned<DeValue<'_>>, path: &mut Vec<String>, fields: &mut Vec<Field>) {
        let Some(table) = self.table(value) else { return };
        for (key, value) in table.iter() {
            path.push(key.get_ref().to_string());
            let inner = value.get_ref().as_table();
            let nested = inner.is_some_and(|table| !table.keys().any(|key| is_key(key.get_ref(), RULE_KEYS)));
            if nested {
                self.fields(value, path, fields);
            } else {
                let spot = self.spot(key.span());
                let rule = match value.get_ref().as_bool() {
                    Some(false) => None,
                    _ => Some(self.rule(spot.clone(), value)),
                };
                fields.push(Field { path: path.clone(), spot, rule });
            }
            path.pop();
        }
    }

    fn rule(&mut self, spot: Spot, value: &Spanned<DeValue<'_>>) -> Rule {
        let mut rule = Rule {
            at: Vec::new(),
            paths: Vec::new(),
            convert: None,
            codes: None,
            lookup: None,
            missing: Missing::default(),
            default: None,
            constant: None,
            compute: None,
            filler: None,
            leaves_foreign: false,
            omit: None,
            only: None,
            required: false,
            spot,
        };
        let Some(table) = value.get_ref().as_table() else {
            if !value.get_ref().is_str() && !value.get_ref().is_array() {
                self.wrong_kind(value, "a place in quotes, or a rule like { at = \"BEG05\" },");
                return rule;
            }
            self.rule_places(value, &mut rule);
            return rule;
        };
        for (key, value) in table.iter() {
            match key.get_ref().as_ref() {
                "at" => self.rule_places(value, &mut rule),
                "as" => {
                    if let Some(word) = self.word(value) {
                        match Converter::parse(&word.text) {
                            Some(converter) => rule.convert = Some((converter, word)),
                            None => {
                                let hint = match did_you_mean(&word.text, convert::NAMES.iter().copied()) {
                                    Some(near) => format!("did you mean `{near}`?"),
                                    None => format!("there are {}", convert::NAMES.join(", ")),
                                };
                                let message = format!("there is no converter `{}`", word.text);
                                self.found.push(word.error(codes::BAD_CONVERTER, message, Some(hint)));
                            }
                        }
                    }
                }
                "codes" => rule.codes = self.word(value),
                "lookup" => rule.lookup = self.word(value),
                "missing" => rule.missing = self.choice(value, Missing::NAMES, Missing::parse).unwrap_or_default(),
                "default" => rule.default = self.word(value),
                "constant" => rule.constant = self.word(value),
                "compute" => rule.compute = self.word(value),
                "filler" => rule.filler = self.word(value),
                "foreign" => {
                    let leaves = self.choice(value, &["leave", "hold"], |text| match text {
                        "leave" => Some(true),
                        "hold" => Some(false),
                        _ => None,
                    });
                    rule.leaves_foreign = leaves.unwrap_or_default();
                }
                "omit" => rule.omit = self.word(value),
                "only" => {
                    rule.only = self.choice(value, &["read", "write"], |text| match text {
                        "read" => Some(Only::Read),
                        "write" => Some(Only::Write),
                        _ => None,
                    });
                }
                "required" => rule.required = self.flag(value).unwrap_or(false),
                _ => self.unknown_key(key, RULE_KEYS),
            }
        }
        if !table.contains_key("at") {
            let hint = Some("say where the value stands: `at = \"BEG05\"`".to_owned());
            self.say(&value.span(), codes::MISSING_KEY, "this rule has no place", hint);
        }
        rule
    }

    fn rule_places(&mut self, value: &Spanned<DeValue<'_>>, rule: &mut Rule) {
        if self.xml {
            rule.paths = self.paths(value);
        } else {
            rule.at = self.places(value);
        }
    }

    fn lists(&mut self, value: &Spanned<DeValue<'_>>, path: &mut Vec<String>, lists: &mut Vec<NamedList>) {
        let Some(table) = self.table(value) else { return };
        for (key, value) in table.iter() {
            path.push(key.get_ref().to_string());
            let inner = value.get_ref().as_table();
            let nested = inner.is_some_and(|table| {
                let known = |key: &str| is_key(key, LIST_KEYS) || self.xml && is_key(key, LIST_XML_KEYS);
                !table.keys().any(|key| known(key.get_ref())) && table.values().all(|value| value.get_ref().is_table())
            });
            if nested {
                self.lists(value, path, lists);
            } else {
                let spot = self.spot(key.span());
                let list = match value.get_ref().as_bool() {
                    Some(false) => Some(None),
                    _ => self.list(key.span(), value).map(Some),
                };
                if let Some(list) = list {
                    lists.push(NamedList { path: path.clone(), spot, list });
                }
            }
            path.pop();
        }
    }

    pub(super) fn list(&mut self, span: Range<usize>, value: &Spanned<DeValue<'_>>) -> Option<List> {
        let table = self.table(value)?;
        let mut list = List {
            like: None,
            each: Vec::new(),
            paths: Vec::new(),
            by: None,
            of: Vec::new(),
            through: Vec::new(),
            opens: false,
            holds: Vec::new(),
            until: Vec::new(),
            under: None,
            nest: None,
            value: None,
            scope: Scope::default(),
            spot: self.spot(span.clone()),
        };
        for (key, value) in table.iter() {
            match key.get_ref().as_ref() {
                "like" => list.like = self.word(value),
                "each" if self.xml => {
                    list.opens = true;
                    list.paths = self.paths(value);
                }
                "by" if self.xml => list.by = self.word(value),
                "of" if self.xml => list.of = self.kinds(value),
                "through" if self.xml => list.through = self.through(value),
                "each" => {
                    list.opens = true;
                    for word in self.words(value) {
                        match Opener::parse(&word.text) {
                            Ok(opener) => list.each.push((opener, word)),
                            Err(error) => self.found.push(word.place_error(&error)),
                        }
                    }
                }
                "holds" => list.holds = self.words(value),
                "until" => list.until = self.words(value),
                "under" => list.under = self.word(value),
                "nest" => list.nest = self.word(value),
                "value" => list.value = Some(self.rule(self.spot(key.span()), value)),
                "fields" | "lists" | "loops" | "computed" => self.scope_entry(key.get_ref(), value, &mut list.scope),
                _ => self.unknown_key(key, LIST_KEYS),
            }
        }
        Some(list)
    }

    fn codes(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<Codes> {
        let mut all = Vec::new();
        let Some(table) = self.table(value) else { return all };
        for (name, value) in table.iter() {
            let name = self.key(name);
            let Some(table) = self.table(value) else { continue };
            let mut entries = Vec::new();
            for (code, value) in table.iter() {
                let code = self.key(code);
                if value.get_ref().as_bool() == Some(false) {
                    entries.push(CodeEntry { code, word: None, canonical: None });
                } else if let Some(table) = value.get_ref().as_table() {
                    let (mut word, mut canonical) = (None, None);
                    for (key, value) in table.iter() {
                        match key.get_ref().as_ref() {
                            "to" => word = self.word(value),
                            "canonical" => canonical = self.flag(value),
                            _ => self.unknown_key(key, ENTRY_KEYS),
                        }
                    }
                    if word.is_none() {
                        let hint = Some("write `{ to = \"…\", canonical = true }`".to_owned());
                        self.say(&value.span(), codes::MISSING_KEY, "this code has no word", hint);
                    }
                    entries.extend(word.map(|word| CodeEntry { code, word: Some(word), canonical }));
                } else if let Some(word) = self.word(value) {
                    entries.push(CodeEntry { code, word: Some(word), canonical: None });
                }
            }
            all.push(Codes { name, entries });
        }
        all
    }
}

fn is_key(name: &str, known: &[Key]) -> bool {
    known.iter().any(|(key, _)| *key == name)
}
