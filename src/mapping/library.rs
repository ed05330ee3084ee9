//! All mappings: those that are compiled in, and those of a folder, which go before them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use super::{
    Format, Mapping, codes,
    compile::{compile, compile_table, compile_xml},
    crosswalk,
    file::{self, Broken, Codes, File, Header, List, Scope, Spot, did_you_mean, xml::XmlParts},
    merge,
    plan::Plan,
    shape::Shapes,
};
use crate::{
    config::{Diagnostic, Label, Severity},
    document::DocumentType,
    xml::Tree,
};

/// The files that are compiled in.
const BUILTIN: &[(&str, &str)] = &[
    ("mappings/parts/cxml.toml", include_str!("../../mappings/parts/cxml.toml")),
    ("mappings/parts/ubl.toml", include_str!("../../mappings/parts/ubl.toml")),
    ("mappings/parts/x12-answers.toml", include_str!("../../mappings/parts/x12-answers.toml")),
    ("mappings/parts/x12-planning.toml", include_str!("../../mappings/parts/x12-planning.toml")),
    ("mappings/parts/x12.toml", include_str!("../../mappings/parts/x12.toml")),
    ("mappings/tables/cxml.toml", include_str!("../../mappings/tables/cxml.toml")),
    ("mappings/tables/ubl.toml", include_str!("../../mappings/tables/ubl.toml")),
    ("mappings/tables/x12-answers.toml", include_str!("../../mappings/tables/x12-answers.toml")),
    ("mappings/tables/x12-planning.toml", include_str!("../../mappings/tables/x12-planning.toml")),
    ("mappings/tables/x12-units.toml", include_str!("../../mappings/tables/x12-units.toml")),
    ("mappings/tables/x12.toml", include_str!("../../mappings/tables/x12.toml")),
    ("mappings/cxml/confirmation.toml", include_str!("../../mappings/cxml/confirmation.toml")),
    ("mappings/cxml/invoice.toml", include_str!("../../mappings/cxml/invoice.toml")),
    ("mappings/cxml/order.toml", include_str!("../../mappings/cxml/order.toml")),
    ("mappings/cxml/ship-notice.toml", include_str!("../../mappings/cxml/ship-notice.toml")),
    ("mappings/ubl/despatch-advice.toml", include_str!("../../mappings/ubl/despatch-advice.toml")),
    ("mappings/ubl/invoice.toml", include_str!("../../mappings/ubl/invoice.toml")),
    ("mappings/ubl/order-change.toml", include_str!("../../mappings/ubl/order-change.toml")),
    // Of several for one document the first is written: the one that says more.
    ("mappings/ubl/order-response.toml", include_str!("../../mappings/ubl/order-response.toml")),
    ("mappings/ubl/order-response-simple.toml", include_str!("../../mappings/ubl/order-response-simple.toml")),
    ("mappings/ubl/order.toml", include_str!("../../mappings/ubl/order.toml")),
    ("mappings/x12/810.toml", include_str!("../../mappings/x12/810.toml")),
    ("mappings/x12/820.toml", include_str!("../../mappings/x12/820.toml")),
    ("mappings/x12/824.toml", include_str!("../../mappings/x12/824.toml")),
    ("mappings/x12/830.toml", include_str!("../../mappings/x12/830.toml")),
    ("mappings/x12/846.toml", include_str!("../../mappings/x12/846.toml")),
    ("mappings/x12/850.toml", include_str!("../../mappings/x12/850.toml")),
    ("mappings/x12/855.toml", include_str!("../../mappings/x12/855.toml")),
    ("mappings/x12/856.toml", include_str!("../../mappings/x12/856.toml")),
    ("mappings/x12/860.toml", include_str!("../../mappings/x12/860.toml")),
    ("mappings/x12/861.toml", include_str!("../../mappings/x12/861.toml")),
    ("mappings/x12/862.toml", include_str!("../../mappings/x12/862.toml")),
    ("mappings/x12/865.toml", include_str!("../../mappings/x12/865.toml")),
];

/// The largest mapping file that is read.
const LARGEST_FILE: u64 = 4 << 20;

/// All mappings, compiled.
#[derive(Debug, Default)]
pub struct Library {
    by_id: BTreeMap<String, Arc<Mapping>>,
    /// Those of a folder first.
    offered: Vec<Arc<Mapping>>,
    /// Those of XML that name their root themselves, in the same order: others are used by name only.
    xml: Vec<Arc<Mapping>>,
    /// Mappings with one partner's tables in them, by partner and mapping.
    of_partners: HashMap<String, BTreeMap<String, Arc<Mapping>>>,
    /// Mappings that are left out for a mistake, and files that have one.
    broken: HashSet<String>,
    /// Mappings of the folder, with where their name stands, and those that they extend.
    own: Vec<(String, Spot)>,
    extended: HashSet<String>,
}

impl Library {
    /// The mappings that are compiled in.
    pub fn builtin() -> Result<Self, Vec<Diagnostic>> {
        let (library, found) = Self::load(None);
        if found.is_empty() { Ok(library) } else { Err(found) }
    }

    /// The mappings that are compiled in, and over them those of a folder: a file there stands in place of the one with
    /// its `id`, and its parts and code tables go over those of the same name. A mapping with a mistake is left out,
    /// also where one with its id is compiled in: what a person meant to change must not quietly work as before.
    pub fn load(overrides: Option<&Path>) -> (Self, Vec<Diagnostic>) {
        let mut found = Vec::new();
        let mut files: Vec<(File, bool)> = Vec::new();
        let mut partners = BTreeMap::new();
        for (name, text) in BUILTIN {
            files.push((file::parse((*name).into(), (*text).into(), &mut found), true));
        }
        if let Some(folder) = overrides {
            let mut paths = Vec::new();
            collect(folder, &mut paths, &mut found);
            paths.sort();
            for (name, text) in paths {
                let path = Path::new(&name);
                let source = crosswalk::Source { path, text: &text };
                let file = match crosswalk::of_csv(&source, &mut found) {
                    Some(file) => file,
                    None => file::parse(name.as_str().into(), text.as_str().into(), &mut found),
                };
                match crosswalk::partner_of(folder, path) {
                    Some(partner) => partners.entry(partner).or_insert_with(Vec::new).push(file),
                    None => files.push((file, false)),
                }
            }
        }
        let library = Builder::new(files, partners, &mut found).build();
        let mut told = HashSet::new();
        found.retain(|diagnostic| {
            let label = diagnostic.labels.first();
            told.insert((
                diagnostic.code,
                diagnostic.message.clone(),
                label.map(|label| (label.file.clone(), label.span.start)),
            ))
        });
        (library, found)
    }

    /// The mapping of this name.
    pub fn by_id(&self, id: &str) -> Option<&Arc<Mapping>> {
        self.by_id.get(id)
    }

    /// The mapping for a set of a version, as GS08 or ST03 has it: `004010VICS` is 004010. Where none is for that
    /// version, the nearest older one; where there is none, the oldest.
    pub fn for_x12(&self, set: &str, version: &str) -> Option<&Arc<Mapping>> {
        let version = version.get(..6).unwrap_or(version);
        let offers = || {
            let of_set = self.offered.iter().filter(|mapping| mapping.set == set);
            of_set.flat_map(|mapping| mapping.versions.iter().map(move |own| (own.as_str(), mapping)))
        };
        let exact = offers().find(|(own, _)| *own == version);
        // Of equal versions the first one counts: one of a folder goes before one that is compiled in.
        let older = || {
            offers().filter(|(own, _)| *own < version).reduce(|best, next| if next.0 > best.0 { next } else { best })
        };
        let oldest = || offers().reduce(|best, next| if next.0 < best.0 { next } else { best });
        exact.or_else(older).or_else(oldest).map(|(_, mapping)| mapping)
    }

    /// The mapping that writes a document in a format, for a version as [`for_x12`](Self::for_x12) takes it.
    pub fn for_document(&self, document: DocumentType, format: Format, version: &str) -> Option<&Arc<Mapping>> {
        if format == Format::Xml {
            let mut written = self.xml.iter().filter(|mapping| mapping.document == document);
            return written.find(|mapping| mapping.dialect() == Some(version));
        }
        let set = self.offered.iter().find(|mapping| mapping.document == document)?.set();
        self.for_x12(set, version).filter(|mapping| mapping.document == document)
    }

    /// The mapping for an XML document, by its root element and namespace.
    pub fn for_xml(&self, tree: &Tree<'_>) -> Option<&Arc<Mapping>> {
        self.xml.iter().find(|mapping| mapping.reads_xml(tree))
    }

    /// The same mapping with a partner's own tables, `tables/<partner>/…`, where it has some that the mapping names.
    pub fn for_partner<'l>(&'l self, mapping: &'l Arc<Mapping>, partner: &str) -> &'l Arc<Mapping> {
        self.of_partners.get(partner).and_then(|own| own.get(mapping.id())).unwrap_or(mapping)
    }

    /// Keeps those mappings of `before` that are broken now, as they last were when they were good, and says so.
    pub fn keep_last_good(&mut self, before: &Self) -> Vec<Diagnostic> {
        let mut told = Vec::new();
        for mapping in before.iter() {
            let (id, file) = (mapping.id(), mapping.file());
            if !self.broken.contains(file) && (!self.broken.contains(id) || self.by_id.contains_key(id)) {
                continue;
            }
            self.offered.retain(|other| other.id() != id);
            if !mapping.versions.is_empty() {
                self.offered.insert(0, mapping.clone());
            }
            if before.offers_xml(id) {
                self.xml.retain(|other| other.id() != id);
                self.xml.insert(0, mapping.clone());
            }
            self.by_id.insert(id.to_owned(), mapping.clone());
            for (partner, own) in &before.of_partners {
                if let Some(with_own) = own.get(id) {
                    self.of_partners.entry(partner.clone()).or_default().insert(id.to_owned(), with_own.clone());
                }
            }
            told.push(Diagnostic {
                code: codes::KEPT,
                severity: Severity::Warning,
                message: format!("the mapping `{id}` goes on as it last was when it was good"),
                labels: vec![Label { file: file.into(), source: "".into(), span: 0..0, text: String::new() }],
                hint: Some("mend the file, then `gangway reload`".to_owned()),
            });
        }
        told
    }

    /// Warnings for mappings of the folder that offer themselves for no version, and that nobody names.
    pub fn unused(&self, named: impl Fn(&str) -> bool) -> Vec<Diagnostic> {
        let idle = |id: &str| {
            let versioned = self.by_id.get(id).is_none_or(|mapping| !mapping.versions.is_empty());
            let offered = versioned || self.offers_xml(id);
            !offered && !self.extended.contains(id) && !named(id)
        };
        let idle = self.own.iter().filter(|(id, _)| idle(id));
        idle.map(|(id, spot)| {
            let hint = "name it under [mappings] in a partner's file, or give it `versions`".to_owned();
            let message = format!("nothing uses the mapping `{id}`");
            Diagnostic { severity: Severity::Warning, ..spot.error(codes::UNUSED, message, Some(hint)) }
        })
        .collect()
    }

    fn offers_xml(&self, id: &str) -> bool {
        self.xml.iter().any(|mapping| mapping.id() == id)
    }

    /// All mappings, and after them those with partners' own tables in them.
    pub fn every(&self) -> impl Iterator<Item = &Arc<Mapping>> {
        let mut partners: Vec<_> = self.of_partners.iter().collect();
        partners.sort_unstable_by_key(|(partner, _)| *partner);
        self.iter().chain(partners.into_iter().flat_map(|(_, own)| own.values()))
    }

    /// All mappings, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Mapping>> {
        self.by_id.values()
    }
}

/// A digest of some texts.
fn digest<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for text in texts {
        digest.update(&(text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    }
    digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl File {
    fn id(&self) -> Option<&String> {
        self.header.as_ref().map(|header| &header.id.text)
    }
}

/// The mapping files of a folder and those below it, with their texts.
fn collect(folder: &Path, files: &mut Vec<(String, String)>, found: &mut Vec<Diagnostic>) {
    let mut unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        let label =
            Label { file: path.display().to_string().into(), source: "".into(), span: 0..0, text: String::new() };
        let message = format!("cannot be read: {error}");
        found.push(Diagnostic {
            code: codes::UNREADABLE,
            severity: Severity::Error,
            message,
            labels: vec![label],
            hint: None,
        });
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => return unreadable(folder, &error),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                unreadable(folder, &error);
                continue;
            }
        };
        if path.is_dir() {
            folders.push(path);
        } else if path.extension().is_some_and(|ending| ending == "toml" || ending == "csv") {
            match std::fs::metadata(&path).map(|data| data.len()) {
                Ok(size) if size > LARGEST_FILE => unreadable(&path, &"it is larger than 4 MiB"),
                _ => match std::fs::read_to_string(&path) {
                    Ok(text) => files.push((path.display().to_string(), text)),
                    Err(error) => unreadable(&path, &error),
                },
            }
        }
    }
    folders.sort();
    for folder in folders {
        collect(&folder, files, found);
    }
}

struct Builder<'a> {
    files: Vec<(File, bool)>,
    parts: HashMap<String, List>,
    tables: Vec<Codes>,
    /// What files without a mapping say of XML, for all that are in their namespaces.
    xml: XmlParts,
    /// The texts of shared files, which every mapping depends on.
    shared: Vec<Arc<str>>,
    /// Files that have a mistake.
    broken: HashSet<String>,
    /// What partners have in tables of their own.
    partners: BTreeMap<String, Vec<File>>,
    /// The tables of each mapping as its files have them.
    effective: BTreeMap<String, Vec<Codes>>,
    found: &'a mut Vec<Diagnostic>,
}

/// What a file says together with those that it extends.
struct Whole {
    scope: Scope,
    codes: Vec<Codes>,
    xml: XmlParts,
    set: Option<String>,
    document: Option<DocumentType>,
    texts: Vec<Arc<str>>,
    broken: bool,
}

impl<'a> Builder<'a> {
    fn new(files: Vec<(File, bool)>, partners: BTreeMap<String, Vec<File>>, found: &'a mut Vec<Diagnostic>) -> Self {
        let mut builder = Self {
            files: Vec::new(),
            parts: HashMap::new(),
            tables: Vec::new(),
            xml: XmlParts::default(),
            shared: Vec::new(),
            broken: HashSet::new(),
            partners,
            effective: BTreeMap::new(),
            found,
        };
        // A table that only partners have is empty for all others.
        for table in builder.partners.values().flatten().flat_map(|file| &file.codes) {
            if !builder.tables.iter().any(|other| other.name.text == table.name.text) {
                builder.tables.push(Codes { name: table.name.clone(), entries: Vec::new() });
            }
        }
        for (file, builtin) in files {
            if file.broken != Broken::No {
                builder.broken.insert(file.source.name.to_string());
            }
            for (name, part) in &file.parts {
                builder.parts.insert(name.text.clone(), part.clone());
            }
            let Some(header) = &file.header else {
                builder.tables = merge::tables(&builder.tables, &file.codes);
                builder.xml = std::mem::take(&mut builder.xml).under(file.xml.clone());
                builder.shared.push(file.source.text.clone());
                continue;
            };
            let same = builder.files.iter().position(|(other, _)| other.id() == Some(&header.id.text));
            match same {
                Some(at) if builder.files.get(at).is_some_and(|(_, other_builtin)| *other_builtin && !builtin) => {
                    builder.files.remove(at);
                    builder.files.push((file, builtin));
                }
                Some(_) => {
                    let message = format!("there is another mapping `{}`", header.id.text);
                    let hint = Some("give one of them another `id`".to_owned());
                    let diagnostic = header.id.error(codes::DUPLICATE_ID, message, hint);
                    builder.found.push(diagnostic);
                }
                None => builder.files.push((file, builtin)),
            }
        }
        builder
    }

    fn build(mut self) -> Library {
        let mut library = Library::default();
        let files = std::mem::take(&mut self.files);
        let (own, builtin): (Vec<_>, Vec<_>) = files.iter().partition(|(_, builtin)| !builtin);
        for (file, _) in &own {
            if let Some(header) = &file.header {
                library.own.push((header.id.text.clone(), header.id.spot.clone()));
                library.extended.extend(header.extends.iter().map(|word| word.text.clone()));
            }
        }
        library.broken = std::mem::take(&mut self.broken);
        for (file, _) in own.into_iter().chain(builtin) {
            let Some(header) = &file.header else { continue };
            if let Some(mapping) = self.mapping(file, header, &files) {
                let mapping = Arc::new(mapping);
                if mapping.format() != Format::X12 {
                    if file.xml.root.is_some() {
                        library.xml.push(mapping.clone());
                    }
                } else if !mapping.versions.is_empty() {
                    library.offered.push(mapping.clone());
                }
                library.by_id.insert(mapping.id.clone(), mapping);
            } else {
                library.broken.insert(header.id.text.clone());
            }
        }
        self.with_partners_tables(&mut library);
        library
    }

    /// Puts each partner's own tables into the mappings that name them.
    fn with_partners_tables(&mut self, library: &mut Library) {
        for (partner, files) in std::mem::take(&mut self.partners) {
            let own = files.iter().fold(Vec::new(), |own, file| merge::tables(&own, &file.codes));
            let broken = files.iter().any(|file| file.broken != Broken::No);
            for (id, mapping) in library.by_id.iter().filter(|_| !broken) {
                let Some(effective) = self.effective.get(id) else { continue };
                let numbers = own.iter().filter_map(|table| {
                    let number = mapping.plan.table_names.iter().position(|name| *name == table.name.text)?;
                    Some((number, table))
                });
                let (mut tables, mut changed) = (mapping.tables.clone(), false);
                for (number, table) in numbers {
                    let base: Vec<_> =
                        effective.iter().filter(|base| base.name.text == table.name.text).cloned().collect();
                    if let (Some(merged), Some(slot)) =
                        (merge::tables(&base, std::slice::from_ref(table)).first(), tables.get_mut(number))
                    {
                        *slot = Arc::new(compile_table(merged, self.found));
                        changed = true;
                    }
                }
                if changed {
                    let texts = files.iter().map(|file| &*file.source.text);
                    let with_own = mapping.with_tables(tables, digest(std::iter::once(&*mapping.digest).chain(texts)));
                    let own = library.of_partners.entry(partner.clone()).or_default();
                    own.insert(id.clone(), Arc::new(with_own));
                }
            }
        }
    }

    fn mapping(&mut self, file: &File, header: &Header, files: &[(File, bool)]) -> Option<Mapping> {
        let before = self.found.len();
        if file.broken == Broken::Unread {
            return None;
        }
        let mut whole = self.whole(file, header, files, &mut Vec::new())?;
        let mut missing = |what: &str, example: &str| {
            let message = format!("the mapping `{}` does not say its `{what}`", header.id.text);
            let hint = Some(format!("add `{what} = \"{example}\"`, or `extends` a mapping that has it"));
            self.found.push(header.id.error(codes::MISSING_KEY, message, hint));
        };
        if whole.set.is_none() {
            let (what, example) = if header.xml { ("root", "Order") } else { ("set", "855") };
            missing(what, example);
        }
        if whole.document.is_none() {
            missing("document", "order_acknowledgement");
        }
        let (set, document) = (whole.set?, whole.document?);
        let Some(shapes) = Shapes::of(document) else {
            let message = format!("a {document} has no canonical form");
            self.found.push(header.id.error(codes::UNKNOWN_FIELD, message, None));
            return None;
        };
        merge::parts(&mut whole.scope, &self.parts, self.found);
        let tables = merge::tables(&self.tables, &whole.codes);
        let compiled = match header.xml {
            false => compile(&whole.scope, &shapes, &tables, &header.id.spot).map(|plan| (plan, None)),
            true => {
                let parts = self.xml.clone().under(whole.xml);
                compile_xml(&whole.scope, &parts, &shapes, &tables, &header.id.spot)
                    .map(|plan| (Plan::default(), Some(Box::new(plan))))
            }
        };
        let (plan, xml) = match compiled {
            Ok(plans) => plans,
            Err(mistakes) => {
                self.found.extend(mistakes);
                return None;
            }
        };
        let writing = match header.xml {
            true => Ok(Vec::new()),
            false => super::write::compile(&whole.scope, &shapes, &plan.rules, &set),
        };
        let writing = match writing {
            Ok(writing) => writing,
            Err(mistakes) => {
                self.found.extend(mistakes);
                return None;
            }
        };
        if self.found.len() > before || whole.broken {
            return None;
        }
        let digest = digest(whole.texts.iter().chain(&self.shared).map(|text| &**text));
        self.effective.insert(header.id.text.clone(), tables);
        Some(Mapping {
            id: header.id.text.clone(),
            digest,
            document,
            set,
            versions: header.versions.iter().flatten().map(|word| word.text.clone()).collect(),
            file: file.source.name.to_string(),
            tables: xml.as_ref().map_or_else(|| plan.tables.clone(), |xml| xml.tables.clone()),
            plan: Arc::new(plan),
            writing: writing.into(),
            xml: xml.map(Arc::from),
        })
    }

    fn whole(
        &mut self,
        file: &File,
        header: &Header,
        files: &[(File, bool)],
        below: &mut Vec<String>,
    ) -> Option<Whole> {
        let own = Whole {
            scope: file.scope.clone(),
            codes: file.codes.clone(),
            set: match (&header.set, &file.xml.root) {
                (Some(set), _) => Some(set.text.clone()),
                (None, Some(root)) => root.text.rsplit('/').next().map(str::to_owned),
                (None, None) => None,
            },
            xml: file.xml.clone(),
            document: header.document,
            texts: vec![file.source.text.clone()],
            broken: file.broken != Broken::No,
        };
        let Some(extends) = &header.extends else { return Some(own) };
        below.push(header.id.text.clone());
        if below.contains(&extends.text) {
            let way: String = below
                .iter()
                .rev()
                .take_while(|id| **id != extends.text)
                .map(|id| format!(", by way of `{id}`"))
                .collect();
            let message = format!("`{}` extends itself{way}", extends.text);
            self.found.push(extends.error(codes::BAD_BASE, message, None));
            return None;
        }
        let base = files.iter().find(|(other, _)| other.id() == Some(&extends.text));
        let Some((base, base_header)) = base.and_then(|(base, _)| Some((base, base.header.as_ref()?))) else {
            let near =
                did_you_mean(&extends.text, files.iter().filter_map(|(other, _)| other.id().map(String::as_str)));
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            let message = format!("there is no mapping `{}` to extend", extends.text);
            self.found.push(extends.error(codes::BAD_BASE, message, hint));
            return None;
        };
        let mut base = self.whole(base, base_header, files, below)?;
        base.texts.extend(own.texts);
        Some(Whole {
            scope: merge::scope(base.scope, own.scope),
            codes: merge::tables(&base.codes, &own.codes),
            xml: base.xml.under(own.xml),
            set: own.set.or(base.set),
            document: own.document.or(base.document),
            texts: base.texts,
            broken: own.broken || base.broken,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_in_has_no_mistake() {
        let library = Library::builtin().unwrap_or_else(|found| panic!("{found:?}"));
        let ids: Vec<_> = library.iter().map(|mapping| mapping.id()).collect();
        let x12 = ["x12-810", "x12-850", "x12-855", "x12-856"];
        assert!(x12.iter().all(|id| ids.contains(id)), "{ids:?}");
        let cxml = ["cxml-confirmation", "cxml-invoice", "cxml-order", "cxml-ship-notice"];
        assert!(ids.starts_with(&cxml), "{ids:?}");
        let ubl = [
            "ubl-despatch-advice",
            "ubl-invoice",
            "ubl-order",
            "ubl-order-change",
            "ubl-order-response",
            "ubl-order-response-simple",
        ];
        assert!(ubl.iter().all(|id| ids.contains(id)), "{ids:?}");
    }
}
