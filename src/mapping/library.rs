//! All mappings: those that are compiled in, and those of a folder, which go before them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use super::{
    Mapping, codes,
    compile::compile,
    file::{self, Broken, Codes, File, Header, List, Scope, did_you_mean},
    merge,
    shape::Shapes,
};
use crate::{
    config::{Diagnostic, Label, Severity},
    document::DocumentType,
};

/// The files that are compiled in.
const BUILTIN: &[(&str, &str)] = &[
    ("mappings/parts/x12.toml", include_str!("../../mappings/parts/x12.toml")),
    ("mappings/parts/x12-planning.toml", include_str!("../../mappings/parts/x12-planning.toml")),
    ("mappings/parts/x12-answers.toml", include_str!("../../mappings/parts/x12-answers.toml")),
    ("mappings/tables/x12.toml", include_str!("../../mappings/tables/x12.toml")),
    ("mappings/tables/x12-planning.toml", include_str!("../../mappings/tables/x12-planning.toml")),
    ("mappings/tables/x12-answers.toml", include_str!("../../mappings/tables/x12-answers.toml")),
    ("mappings/tables/x12-units.toml", include_str!("../../mappings/tables/x12-units.toml")),
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
        for (name, text) in BUILTIN {
            files.push((file::parse((*name).into(), (*text).into(), &mut found), true));
        }
        if let Some(folder) = overrides {
            let mut paths = Vec::new();
            collect(folder, &mut paths, &mut found);
            paths.sort();
            for (name, text) in paths {
                files.push((file::parse(name.into(), text.into(), &mut found), false));
            }
        }
        let library = Builder::new(files, &mut found).build();
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

    /// All mappings, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Mapping>> {
        self.by_id.values()
    }
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
        } else if path.extension().is_some_and(|ending| ending == "toml") {
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
    /// The texts of shared files, which every mapping depends on.
    shared: Vec<Arc<str>>,
    found: &'a mut Vec<Diagnostic>,
}

/// What a file says together with those that it extends.
struct Whole {
    scope: Scope,
    codes: Vec<Codes>,
    set: Option<String>,
    document: Option<DocumentType>,
    texts: Vec<Arc<str>>,
    broken: bool,
}

impl<'a> Builder<'a> {
    fn new(files: Vec<(File, bool)>, found: &'a mut Vec<Diagnostic>) -> Self {
        let mut builder =
            Self { files: Vec::new(), parts: HashMap::new(), tables: Vec::new(), shared: Vec::new(), found };
        for (file, builtin) in files {
            for (name, part) in &file.parts {
                builder.parts.insert(name.text.clone(), part.clone());
            }
            let Some(header) = &file.header else {
                builder.tables = merge::tables(&builder.tables, &file.codes);
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
        for (file, _) in own.into_iter().chain(builtin) {
            let Some(header) = &file.header else { continue };
            if let Some(mapping) = self.mapping(file, header, &files) {
                let mapping = Arc::new(mapping);
                if !mapping.versions.is_empty() {
                    library.offered.push(mapping.clone());
                }
                library.by_id.insert(mapping.id.clone(), mapping);
            }
        }
        library
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
            missing("set", "855");
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
        let plan = match compile(&whole.scope, &shapes, &tables, &header.id.spot) {
            Ok(plan) => plan,
            Err(mistakes) => {
                self.found.extend(mistakes);
                return None;
            }
        };
        if self.found.len() > before || whole.broken {
            return None;
        }
        let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for text in whole.texts.iter().chain(&self.shared) {
            digest.update(&(text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        }
        Some(Mapping {
            id: header.id.text.clone(),
            digest: digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
            document,
            set,
            versions: header.versions.iter().flatten().map(|word| word.text.clone()).collect(),
            file: file.source.name.to_string(),
            plan,
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
            set: header.set.as_ref().map(|word| word.text.clone()),
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
        assert_eq!(ids, ["x12-810", "x12-850", "x12-855", "x12-856"]);
    }
}
