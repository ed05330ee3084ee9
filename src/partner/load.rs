//! From files to a [`Directory`]: everybody whose files are good, and everybody else as they last were.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Directory, Files, LastGood, codes,
    compose::{Composed, Good, Template, compose},
    conflict::{World, advice, conflicts, references},
    files::is_id,
    last_good::{Index, Kept},
};
use crate::config::{Diagnostic, Origin, Settings, Source, render};

/// The largest file that a partner's file may refer to.
const MAX_ATTACHMENT: u64 = 1 << 20;

/// Where partners come from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The folder of partner files.
    pub partners: PathBuf,
    /// The folder of their last good copies; with none, whoever is broken is not served.
    pub last_good: Option<PathBuf>,
    /// The largest body that the gateway takes.
    pub largest_body: u64,
}

impl Sources {
    /// As the settings have it.
    pub fn of(settings: &Settings) -> Self {
        Self {
            partners: settings.partners.clone(),
            last_good: Some(settings.data.join("last-good")),
            largest_body: settings.limits.body.get(),
        }
    }

    /// Looks at the files only, and writes nothing: for `gangway check`.
    #[must_use]
    pub fn without_last_good(mut self) -> Self {
        self.last_good = None;
        self
    }
}

impl Directory {
    /// Reads all partners. Whoever is broken is told about, and served as before; nobody else notices.
    /// `has_mapping` says whether there is a mapping with an id.
    pub fn load(sources: &Sources, has_mapping: &dyn Fn(&str) -> bool) -> (Self, Vec<Diagnostic>) {
        Self::build(&Files::read(&sources.partners), sources, has_mapping)
    }

    /// The same, from texts that were read already.
    pub fn build(files: &Files, sources: &Sources, has_mapping: &dyn Fn(&str) -> bool) -> (Self, Vec<Diagnostic>) {
        let mut build = Build::start(files, sources);
        build.check_references(has_mapping, sources.largest_body);
        let kept = sources.last_good.as_ref().map(LastGood::new).map(|store| (store.index(), store));
        build.settle(kept.as_ref());
        if let Some((index, store)) = &kept {
            build.keep(index, store);
        }
        let Build { served, mut findings, .. } = build;
        render::tidy(&mut findings);
        (Self::of(served.into_values().map(|good| good.partner)), findings)
    }
}

struct Build<'f> {
    files: &'f Files,
    /// Every file that could be read at all.
    composed: BTreeMap<String, Composed>,
    /// Who is served, as it stands; the stale ones among them say so.
    served: BTreeMap<String, Good>,
    findings: Vec<Diagnostic>,
}

impl<'f> Build<'f> {
    fn start(files: &'f Files, sources: &Sources) -> Self {
        let templates: BTreeMap<String, Arc<Template>> = files
            .templates
            .iter()
            .map(|(name, source)| (name.clone(), Arc::new(Template::parse(name, source))))
            .collect();
        let mut findings: Vec<_> = files.unreadable.iter().map(|(_, told)| told.clone()).collect();
        findings.extend(templates.values().flat_map(|template| template.findings.iter().cloned()));
        let fetch = |path: &Path| read_attachment(&sources.partners.join(path));
        let mut composed = BTreeMap::new();
        let mut served = BTreeMap::new();
        for (id, source) in &files.partners {
            let mut one = compose(id, source, &templates, &fetch);
            findings.extend(one.findings.iter().cloned());
            if let Some(good) = one.good.take() {
                served.insert(id.clone(), good);
            }
            composed.insert(id.clone(), one);
        }
        Self { files, composed, served, findings }
    }

    /// Everybody who has a file, whatever state it is in.
    fn ids(&self) -> BTreeSet<&'f str> {
        let unreadable = self.files.unreadable.iter().map(|(id, _)| id.as_str()).filter(|id| is_id(id));
        self.files.partners.keys().map(String::as_str).chain(unreadable).collect()
    }

    fn check_references(&mut self, has_mapping: &dyn Fn(&str) -> bool, largest_body: u64) {
        let ids = self.ids();
        let world = World { ids: &ids, has_mapping, largest_body };
        for (id, composed) in &mut self.composed {
            let found = references(composed, &world);
            if found.iter().any(Diagnostic::is_error) {
                self.served.remove(id);
            }
            if let Some(good) = self.served.get(id) {
                self.findings.extend(advice(good, &world));
            }
            self.findings.extend(found.iter().cloned());
            composed.findings.extend(found);
        }
    }

    /// Puts last good copies in for whoever is broken, and settles who has what two of them claim.
    fn settle(&mut self, kept: Option<&(Index, LastGood)>) {
        let nobody = Index::default();
        let index = kept.map_or(&nobody, |(index, _)| index);
        let mut missing: Vec<String> =
            self.ids().into_iter().filter(|id| !self.served.contains_key(*id)).map(str::to_owned).collect();
        if self.files.out_of_sight {
            missing.extend(index.partners.keys().cloned());
        }
        for id in missing {
            self.fall_back(&id, kept);
        }
        loop {
            let was_served = |id: &str| {
                let good = self.served.get(id);
                good.is_some_and(|good| {
                    good.partner.stale.is_some()
                        || index.partners.get(id).is_some_and(|kept| kept.digest == good.partner.digest)
                })
            };
            let lost = conflicts(self.served.values(), was_served);
            if lost.is_empty() {
                return;
            }
            for (id, findings) in lost {
                if let Some(composed) = self.composed.get_mut(&id) {
                    composed.findings.extend(findings.iter().cloned());
                }
                self.findings.extend(findings);
                let was_stale = self.served.remove(&id).is_some_and(|good| good.partner.stale.is_some());
                if !was_stale {
                    self.fall_back(&id, kept);
                }
            }
        }
    }

    fn fall_back(&mut self, id: &str, kept: Option<&(Index, LastGood)>) {
        let Some((index, store)) = kept else { return };
        let Some(mut good) = index.partners.get(id).and_then(|kept| store.compose(id, kept)) else { return };
        let composed = self.composed.get(id);
        let own = composed.and_then(|composed| composed.findings.iter().find(|told| told.is_error()));
        let unreadable = || self.files.unreadable.iter().find(|(broken, _)| broken == id).map(|(_, told)| told);
        let template = || composed?.template.as_ref()?.findings.iter().find(|told| told.is_error());
        let reason = match own.or_else(unreadable).or_else(template) {
            Some(told) => match told.line() {
                Some((file, line)) => format!("{file}:{line}: {} [{}]", told.message, told.code),
                None => format!("{} [{}]", told.message, told.code),
            },
            None => "its file cannot be seen".to_owned(),
        };
        let source = composed.map(|composed| Arc::clone(&composed.source));
        let source = source.unwrap_or_else(|| Source::new(format!("{id}.toml"), ""));
        self.findings.push(
            Diagnostic::warning(
                codes::SERVED_STALE,
                format!("{id} is served as its files last were when they were good"),
            )
            .at(&Origin::start_of(&source), "")
            .hint("mend what is told about this file; until then no change to it counts"),
        );
        good.partner.stale = Some(reason);
        self.served.insert(id.to_owned(), good);
    }

    /// Keeps copies of whoever is good now; whoever is not keeps those it has, and who is gone is forgotten.
    fn keep(&mut self, before: &Index, store: &LastGood) {
        let mut index = Index::default();
        let mut objects = BTreeMap::new();
        let mut ids = self.ids();
        if self.files.out_of_sight {
            ids.extend(before.partners.keys().map(String::as_str));
        }
        for id in ids {
            let fresh = self.served.get(id).filter(|good| good.partner.stale.is_none());
            let kept = match (fresh, self.composed.get(id)) {
                (Some(good), Some(composed)) => match before.partners.get(id) {
                    Some(same) if same.digest == good.partner.digest => Some(same.clone()),
                    _ => Some(Kept::of(composed, &good.partner.digest, &mut objects)),
                },
                _ => before.partners.get(id).cloned(),
            };
            index.partners.extend(kept.map(|kept| (id.to_owned(), kept)));
        }
        if let Err(e) = store.save(&index, &objects) {
            let message = format!("copies of the partners' good files cannot be kept: {e}");
            let told = Diagnostic::warning(codes::LAST_GOOD_UNWRITABLE, message);
            self.findings
                .push(told.hint("check the data folder; until then a broken file costs its partner a restart"));
        }
    }
}

fn read_attachment(path: &Path) -> io::Result<Vec<u8>> {
    if std::fs::metadata(path)?.len() > MAX_ATTACHMENT {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    std::fs::read(path)
}
