//! From files to a [`Directory`]: everybody whose files are good, and everybody else as they last were.
//!
//! A [`Loader`] remembers what it read and understood before, so that one change among thousands of partners costs that one
//! partner's work and a look at the others.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use super::{
    Directory, Files, LastGood, Ourselves, Partner, codes,
    compose::{Attachment, Composed, Good, Template, compose},
    conflict::{Claim, World, advice, claims, conflicts, references},
    files::is_id,
    last_good::{Index, Kept},
    shelf::Shelf,
};
use crate::config::{Diagnostic, Origin, Settings, Source, render};

/// From so many partners on, files are understood on several threads.
const MANY: usize = 256;

/// Where partners come from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Who we are on AS2, which is no partner's name; nobody, where the settings are not looked at.
    pub ours: Option<Ourselves>,
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
            ours: Some(Ourselves { as2_id: settings.as2.id.value.clone(), takes_receipts: settings.as2.url.is_some() }),
        }
    }

    /// Looks at the files only, and writes nothing: for `gangway check`.
    #[must_use]
    pub fn without_last_good(mut self) -> Self {
        self.last_good = None;
        self
    }
}

impl Default for Sources {
    /// No files, no copies, and nothing to hold them against.
    fn default() -> Self {
        Self { partners: PathBuf::new(), last_good: None, largest_body: u64::MAX, ours: None }
    }
}

impl Directory {
    /// Reads all partners. Whoever is broken is told about, and served as before; nobody else notices.
    /// `has_mapping` says whether there is a mapping with an id.
    pub fn load(sources: &Sources, has_mapping: &dyn Fn(&str) -> bool) -> (Self, Vec<Diagnostic>) {
        Loader::new(sources.clone()).load(has_mapping)
    }

    /// What [`Directory::load`] would answer to texts that were read already; nothing is kept.
    pub fn build(files: &Files, sources: &Sources, has_mapping: &dyn Fn(&str) -> bool) -> (Self, Vec<Diagnostic>) {
        Memory::default().build(files, sources, has_mapping, Keep::Nothing)
    }
}

/// Reads partners again and again, and works only where something changed.
#[derive(Debug)]
pub struct Loader {
    sources: Sources,
    memory: Mutex<Memory>,
}

/// What was read and understood before.
#[derive(Debug, Default)]
struct Memory {
    shelf: Mutex<Shelf>,
    files: Option<Files>,
    templates: BTreeMap<String, Arc<Template>>,
    composed: HashMap<String, Arc<Composed>>,
    index: Option<Index>,
}

/// What becomes of the copies of good files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// They are renewed.
    Copies,
    /// They are read, and left alone.
    Nothing,
}

impl Loader {
    /// One that knows nothing yet.
    pub fn new(sources: Sources) -> Self {
        Self { sources, memory: Mutex::default() }
    }

    /// Reads all partners, as [`Directory::load`] does.
    pub fn load(&self, has_mapping: &dyn Fn(&str) -> bool) -> (Directory, Vec<Diagnostic>) {
        self.read(has_mapping, Keep::Copies)
    }

    /// What [`Loader::load`] would answer; nothing is kept.
    pub fn preview(&self, has_mapping: &dyn Fn(&str) -> bool) -> (Directory, Vec<Diagnostic>) {
        self.read(has_mapping, Keep::Nothing)
    }

    /// Whether any file is another than when it was loaded last.
    pub fn has_changed(&self) -> bool {
        let memory = self.memory();
        let files = Files::read_again(&self.sources.partners, &mut lock(&memory.shelf));
        let same = memory.files.as_ref().is_some_and(|before| before.is_same(&files));
        let mut shelf = lock(&memory.shelf);
        let mut attached = memory.composed.values().flat_map(|composed| &composed.asked);
        !same || attached.any(|(path, before)| shelf.attachment(&self.sources.partners.join(path)).ok() != *before)
    }

    fn read(&self, has_mapping: &dyn Fn(&str) -> bool, keep: Keep) -> (Directory, Vec<Diagnostic>) {
        let mut memory = self.memory();
        let files = Files::read_again(&self.sources.partners, &mut lock(&memory.shelf));
        let loaded = memory.build(&files, &self.sources, has_mapping, keep);
        if keep == Keep::Copies {
            memory.files = Some(files);
        }
        loaded
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }
}

impl Memory {
    fn build(
        &mut self,
        files: &Files,
        sources: &Sources,
        has_mapping: &dyn Fn(&str) -> bool,
        keep: Keep,
    ) -> (Directory, Vec<Diagnostic>) {
        self.understand(files, sources);
        let mut build = Build::start(files, &self.templates, &self.composed);
        build.check_references(has_mapping, sources);
        let store = sources.last_good.as_ref().map(LastGood::new);
        let kept = store.map(|store| (self.index.take().unwrap_or_else(|| store.index()), store));
        build.settle(kept.as_ref());
        if let Some((index, store)) = kept {
            self.index = Some(if keep == Keep::Copies { build.keep(index, &store) } else { index });
        }
        let Build { served, disputed, mut findings, .. } = build;
        render::tidy(&mut findings);
        (Directory::of_good(served.into_values(), disputed), findings)
    }

    /// Composes whoever is new or changed, by the file, its template, or what it refers to.
    fn understand(&mut self, files: &Files, sources: &Sources) {
        let parse = |(name, source): (&String, &Arc<Source>)| {
            let known = self.templates.get(name).filter(|known| known.source.is_same(source)).cloned();
            (name.clone(), known.unwrap_or_else(|| Arc::new(Template::parse(name, source))))
        };
        self.templates = files.templates.iter().map(parse).collect();
        let fetch = |path: &Path| lock(&self.shelf).attachment(&sources.partners.join(path));
        let known = |(id, source): &(&String, &Arc<Source>)| {
            let known = self.composed.get(*id)?;
            let is_same = known.source.is_same(source) && known.uses(&self.templates);
            let attached = || known.asked.iter().all(|(path, before)| fetch(path).ok() == *before);
            (is_same && attached()).then(|| Arc::clone(known))
        };
        let one = |entry: (&String, &Arc<Source>)| {
            let composed = known(&entry);
            let composed = composed.unwrap_or_else(|| Arc::new(compose(entry.0, entry.1, &self.templates, &fetch)));
            (entry.0.clone(), composed)
        };
        let all: Vec<_> = files.partners.iter().collect();
        let threads = if all.len() < MANY { 1 } else { thread::available_parallelism().map_or(1, usize::from) };
        let composed = thread::scope(|scope| {
            let parts = all.chunks(all.len().div_ceil(threads).max(1));
            let working: Vec<_> =
                parts.map(|part| scope.spawn(move || part.iter().copied().map(one).collect::<Vec<_>>())).collect();
            working.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect()
        });
        self.composed = composed;
    }
}

struct Build<'f> {
    files: &'f Files,
    /// Every file that could be read at all.
    composed: &'f HashMap<String, Arc<Composed>>,
    /// What is wrong with somebody beyond their own file.
    beyond: BTreeMap<String, Vec<Diagnostic>>,
    /// Who is served, as it stands; the stale ones among them say so.
    served: BTreeMap<String, Arc<Good>>,
    /// Who is good by itself, and claims what is another's.
    disputed: BTreeMap<String, Arc<Partner>>,
    findings: Vec<Diagnostic>,
}

impl<'f> Build<'f> {
    fn start(
        files: &'f Files,
        templates: &BTreeMap<String, Arc<Template>>,
        composed: &'f HashMap<String, Arc<Composed>>,
    ) -> Self {
        let mut findings: Vec<_> = files.unreadable.iter().map(|(_, told)| told.clone()).collect();
        findings.extend(files.ignored.iter().cloned());
        findings.extend(templates.values().flat_map(|template| template.findings.iter().cloned()));
        findings.extend(composed.values().flat_map(|composed| composed.findings.iter().cloned()));
        let good = |(id, composed): (&String, &Arc<Composed>)| Some((id.clone(), composed.good.clone()?));
        let served = composed.iter().filter_map(good).collect();
        Self { files, composed, beyond: BTreeMap::new(), served, disputed: BTreeMap::new(), findings }
    }

    /// Everybody who has a file, whatever state it is in.
    fn ids(&self) -> BTreeSet<&'f str> {
        let unreadable = self.files.unreadable.iter().map(|(id, _)| id.as_str()).filter(|id| is_id(id));
        self.files.partners.keys().map(String::as_str).chain(unreadable).collect()
    }

    fn check_references(&mut self, has_mapping: &dyn Fn(&str) -> bool, sources: &Sources) {
        let ids = self.ids();
        let world = World { ids: &ids, has_mapping, largest_body: sources.largest_body, ours: sources.ours.as_ref() };
        for (id, composed) in self.composed {
            let found = references(composed, &world);
            if found.iter().any(Diagnostic::is_error) {
                self.served.remove(id);
            }
            if let Some(good) = self.served.get(id) {
                self.findings.extend(advice(good, &world));
            }
            self.tell(id, found);
        }
    }

    fn tell(&mut self, id: &str, found: Vec<Diagnostic>) {
        if !found.is_empty() {
            self.findings.extend(found.iter().cloned());
            self.beyond.entry(id.to_owned()).or_default().extend(found);
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
        let mut before = HashMap::new();
        loop {
            // One that is served as it last was has what it had then. Of another whose file has changed since, what it had
            // is asked of the copy: whoever had an identity keeps it, whatever else is new in its file.
            let had = |good: &Good, claim: &Claim| {
                let known = index.partners.get(&good.partner.id);
                good.partner.stale.is_some()
                    || known.is_some_and(|kept| kept.digest == good.partner.digest)
                    || before
                        .entry(good.partner.id.clone())
                        .or_insert_with_key(|id| had_before(id, kept))
                        .contains(claim)
            };
            let lost = conflicts(self.served.values().map(|good| &**good), had);
            if lost.is_empty() {
                return;
            }
            for (id, findings) in lost {
                self.tell(&id, findings);
                let Some(loser) = self.served.remove(&id) else { continue };
                if loser.partner.stale.is_none() {
                    self.disputed.insert(id.clone(), Arc::clone(&loser.partner));
                    self.fall_back(&id, kept);
                }
            }
        }
    }

    fn fall_back(&mut self, id: &str, kept: Option<&(Index, LastGood)>) {
        let Some((index, store)) = kept else { return };
        let Some(good) = index.partners.get(id).and_then(|kept| store.compose(id, kept)) else { return };
        let composed = self.composed.get(id);
        let own = composed.into_iter().flat_map(|composed| &composed.findings);
        let own = own.chain(self.beyond.get(id).into_iter().flatten()).find(|told| told.is_error());
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
            .hint("mend what is told about this file; until then nothing new in it counts, only that it suspends, or revokes a key"),
        );
        self.served.insert(id.to_owned(), good.stale(reason, composed.map(|composed| &composed.withdrawn)));
    }

    /// Keeps copies of whoever is good now; whoever is not keeps those it has, and who is gone is forgotten.
    fn keep(&mut self, before: Index, store: &LastGood) -> Index {
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
        match store.save(&index, &before, &objects) {
            Ok(()) => index,
            Err(e) => {
                let message = format!("copies of the partners' good files cannot be kept: {e}");
                let told = Diagnostic::warning(codes::LAST_GOOD_UNWRITABLE, message);
                self.findings
                    .push(told.hint("check the data folder; until then a broken file costs its partner a restart"));
                before
            }
        }
    }
}

/// What a partner claimed when its files were last good.
fn had_before(id: &str, kept: Option<&(Index, LastGood)>) -> BTreeSet<Claim> {
    let good = kept.and_then(|(index, store)| store.compose(id, index.partners.get(id)?));
    good.iter().flat_map(|good| claims(good)).map(|(claim, _)| claim).collect()
}

impl Composed {
    /// Whether its template is still the one it was read with.
    fn uses(&self, templates: &BTreeMap<String, Arc<Template>>) -> bool {
        match &self.template {
            Some(mine) => templates.get(&mine.name).is_some_and(|now| Arc::ptr_eq(mine, now)),
            // Where there was none with its name, there may be one now.
            None => self.template_lost.as_ref().is_none_or(|(_, known)| known.iter().eq(templates.keys())),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a file refers to, as it was when it was asked for; absent where it could not be read.
pub(super) type Asked = (PathBuf, Option<Attachment>);
