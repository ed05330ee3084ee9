//! The configuration of a running gateway, read again when it changed: compiled aside, swapped at once. What is in flight
//! ends on the snapshot it began with, and whoever's file is broken is served as before, loudly.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::AtomicU64},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{Context, SHA256, digest};
use prometheus_client::metrics::{counter::Counter, gauge::Gauge, histogram::Histogram};
use rustls_pki_types::CertificateDer;

use crate::{
    config::{Diagnostic, Settings, codes::RESTART_NEEDED},
    control::Configuration,
    exchange::Snapshot,
    mapping::Library,
    net::{self, Stop, Tls},
    observe::Metrics,
    partner::{Difference, Directory, Loader, Sources, differences},
};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// What a reload replaces.
pub struct Reload {
    settings: Settings,
    loader: Loader,
    /// The mappings that were read last.
    library: Mutex<Option<ReadLibrary>>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    directory: Arc<ArcSwap<Directory>>,
    /// What was told last, so that it is told once.
    told: Mutex<Vec<Diagnostic>>,
    /// What HTTPS is served with.
    tls: OnceLock<Tls>,
    /// What else is read again.
    also: Mutex<Vec<Box<dyn Fn() + Send + Sync>>>,
    /// The digest of the settings' file and of the TLS pair as they were when they were last looked at.
    looked_at: Mutex<Option<[u8; 32]>>,
    telemetry: Telemetry,
}

/// The mappings, by the digest of their files, with what is wrong with them.
type ReadLibrary = ([u8; 32], Arc<Library>, Vec<Diagnostic>);

/// This room's own metrics.
struct Telemetry {
    reloads: Counter,
    seconds: Histogram,
    rejected: Gauge,
    stale: Gauge<u64, AtomicU64>,
    restart: Gauge,
}

impl Telemetry {
    fn new(metrics: &Metrics) -> Self {
        let seconds = Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]);
        let telemetry = Self {
            reloads: Counter::default(),
            seconds,
            rejected: Gauge::default(),
            stale: Gauge::default(),
            restart: Gauge::default(),
        };
        metrics.register("config_reloads", "Times that the configuration was read again", telemetry.reloads.clone());
        metrics.register("config_reload_seconds", "Time that reading it again took", telemetry.seconds.clone());
        let help = "Mistakes in the files of partners, of mappings and of the settings";
        metrics.register("config_rejected", help, telemetry.rejected.clone());
        let help = "1 where the settings' file says something else than what runs, so that a restart would change it";
        metrics.register("config_restart_needed", help, telemetry.restart.clone());
        metrics.register(
            "config_stale_partners",
            "Partners served as their files last were when they were good",
            telemetry.stale.clone(),
        );
        telemetry
    }
}

/// A configuration is in use.
struct ConfigurationSwapped<'a> {
    snapshot: &'a Snapshot,
    findings: &'a [Diagnostic],
    elapsed: Duration,
    /// Whether the findings are others than last time.
    news: bool,
}

impl ConfigurationSwapped<'_> {
    fn emit(self, telemetry: &Telemetry) {
        let errors = self.findings.iter().filter(|told| told.is_error()).count();
        let stale = self.snapshot.directory.stale().count();
        telemetry.reloads.inc();
        telemetry.seconds.observe(self.elapsed.as_secs_f64());
        telemetry.rejected.set(i64::try_from(errors).unwrap_or(i64::MAX));
        telemetry.stale.set(stale as u64);
        telemetry.restart.set(i64::from(self.findings.iter().any(|told| told.code == RESTART_NEEDED)));
        let partners = self.snapshot.directory.partners().count();
        let config = self.snapshot.digest.get(..16).unwrap_or_default();
        tracing::info!(
            partners,
            stale,
            errors,
            config,
            elapsed_ms = u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
            "The configuration was read.",
        );
        if !self.news {
            return;
        }
        for finding in self.findings {
            let (code, message) = (finding.code, &finding.message);
            let place = finding.line().map(|(file, line)| format!("{file}:{line}")).unwrap_or_default();
            if finding.is_error() {
                tracing::error!(%code, file = place, "{message}");
            } else {
                tracing::warn!(%code, file = place, "{message}");
            }
        }
    }
}

impl Reload {
    /// Reads the configuration for the first time.
    pub fn start(settings: Settings, metrics: &Metrics) -> Self {
        let loader = Loader::new(Sources::of(&settings));
        let empty = Snapshot::new(Directory::default(), Library::default()).0;
        let reload = Self {
            settings,
            loader,
            library: Mutex::default(),
            directory: Arc::new(ArcSwap::new(Arc::clone(&empty.directory))),
            snapshot: Arc::new(ArcSwap::from_pointee(empty)),
            told: Mutex::default(),
            tls: OnceLock::new(),
            also: Mutex::default(),
            looked_at: Mutex::default(),
            telemetry: Telemetry::new(metrics),
        };
        reload.run();
        reload
    }

    /// What messages are processed with.
    pub fn snapshot(&self) -> &Arc<ArcSwap<Snapshot>> {
        &self.snapshot
    }

    /// The partners of it.
    pub fn directory(&self) -> &Arc<ArcSwap<Directory>> {
        &self.directory
    }

    /// Has something else read again with every reload.
    pub fn also(&self, read: impl Fn() + Send + Sync + 'static) {
        self.also.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(read));
    }

    /// Has this pair read again too.
    pub fn keep_serving(&self, tls: Tls) {
        // There is one TLS listener.
        let _ = self.tls.set(tls);
    }

    /// Swaps what is on disk in, and tells what is wrong with it, and what waits for a restart.
    pub fn run(&self) -> Vec<Diagnostic> {
        let began = Instant::now();
        // Looked at before it is read: what changes in between is seen the next time.
        *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.look());
        let (library, mut findings) = self.library(true);
        let (directory, told) = self.loader.load(&|id| library.by_id(id).is_some());
        findings.extend(told);
        findings.extend(library.unused(|id| directory.names_mapping(id)));
        let (snapshot, told) = Snapshot::after(&self.snapshot.load(), directory, library);
        findings.extend(told);
        findings.extend(self.settings.restart_needed());
        findings.extend(self.read_tls());
        let snapshot = Arc::new(snapshot);
        self.directory.store(Arc::clone(&snapshot.directory));
        self.snapshot.store(Arc::clone(&snapshot));
        self.also.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|read| read());
        let news = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let news = *told != findings;
            told.clone_from(&findings);
            news
        };
        ConfigurationSwapped { snapshot: &snapshot, findings: &findings, elapsed: began.elapsed(), news }
            .emit(&self.telemetry);
        findings
    }

    /// Swaps what is on disk in if it is something else than what was read last.
    pub fn run_if_changed(&self) {
        let read = self.library.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(digest, ..)| *digest);
        let mappings = folder_digest(&self.settings.mappings).ok();
        let looked_at = *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if self.loader.has_changed() || read != mappings || looked_at != Some(self.look()) {
            self.run();
        }
    }

    /// The digest of the files beside partners and mappings. One that cannot be read has a digest too.
    fn look(&self) -> [u8; 32] {
        let mut all = Context::new(&SHA256);
        let tls = self.tls.get().into_iter().flat_map(Tls::files);
        for path in self.settings.file.as_deref().into_iter().chain(tls) {
            let bytes = fs::read(path).unwrap_or_else(|error| error.kind().to_string().into_bytes());
            add(&mut all, &bytes);
        }
        finished(all)
    }

    /// Takes the TLS pair as it is on disk. Where that does not serve, the one from before goes on.
    fn read_tls(&self) -> Option<Diagnostic> {
        let tls = self.tls.get()?;
        match tls.reload() {
            Ok(false) => None,
            Ok(true) => {
                let certificate = shown(&tls.chain());
                tracing::info!(
                    certificate,
                    "The TLS certificate was read again; connections from now on are shown it."
                );
                None
            }
            Err(error) => {
                let told =
                    Diagnostic::warning(net::codes::TLS, format!("{error}; the TLS certificate from before is used"));
                let told = match &self.settings.public.certificate {
                    Some(path) => told.at(&path.origin, ""),
                    None => told,
                };
                Some(told.hint("give a PEM file with the whole chain, and one with its unencrypted private key"))
            }
        }
    }

    /// What differs in the settings' file and in the TLS pair.
    fn other_differences(&self) -> Vec<Difference> {
        let file = self.settings.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
        let difference = |what: String, running, on_disk, place, restart| Difference {
            of: file.clone(),
            what,
            running,
            on_disk,
            place,
            restart,
        };
        let mut all: Vec<_> = match self.settings.changes() {
            Ok(changes) => changes
                .into_iter()
                .map(|one| difference(one.key, one.running, one.on_disk, Some(one.origin.to_string()), true))
                .collect(),
            Err(mistakes) => mistakes
                .into_iter()
                .map(|told| {
                    let place = told.line().map(|(file, line)| format!("{file}:{line}"));
                    difference(format!("{}: {}", told.code, told.message), None, None, place, true)
                })
                .collect(),
        };
        if let Some(tls) = self.tls.get() {
            let running = shown(&tls.chain());
            let on_disk = tls.chain_on_disk().map_or_else(|error| error.to_string(), |chain| shown(&chain));
            if running != on_disk {
                all.push(Difference {
                    of: "the TLS certificate".into(),
                    what: "its fingerprint".into(),
                    running: Some(running),
                    on_disk: Some(on_disk),
                    place: tls.files().first().map(|path| path.display().to_string()),
                    restart: false,
                });
            }
        }
        all
    }

    /// The mappings on disk: those that were read before, where their files are the same.
    fn library(&self, keep: bool) -> (Arc<Library>, Vec<Diagnostic>) {
        let digest = folder_digest(&self.settings.mappings);
        let mut known = self.library.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Ok(digest), Some((read, library, findings))) = (&digest, &*known)
            && digest == read
        {
            return (Arc::clone(library), findings.clone());
        }
        let (mut library, mut findings) = Library::load(Some(&self.settings.mappings));
        // Mappings that are broken now go on as they are in what runs.
        findings.extend(library.keep_last_good(&self.snapshot.load().library));
        let library = Arc::new(library);
        if let (true, Ok(digest)) = (keep, digest) {
            *known = Some((digest, Arc::clone(&library), findings.clone()));
        }
        (library, findings)
    }
}

impl Configuration for Reload {
    fn reload(&self) -> Vec<Diagnostic> {
        self.run()
    }

    fn differences(&self) -> Vec<Difference> {
        let (library, _) = self.library(false);
        let (directory, _) = self.loader.preview(&|id| library.by_id(id).is_some());
        let running = self.snapshot.load();
        let mut all = differences(&running.directory, &directory);
        let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
        let difference = |id: &str, running: Option<String>, on_disk: Option<String>, place: Option<String>| {
            let of = format!("mapping {id}");
            Difference { of, what: "its digest".into(), running, on_disk, place, restart: false }
        };
        for mapping in library.iter() {
            let now = running.library.by_id(mapping.id()).map(|now| short(now.digest()));
            let then = Some(short(mapping.digest()));
            if now != then {
                all.push(difference(mapping.id(), now, then, Some(mapping.file().to_owned())));
            }
        }
        let gone = running.library.iter().filter(|mapping| library.by_id(mapping.id()).is_none());
        all.extend(gone.map(|mapping| difference(mapping.id(), Some(short(mapping.digest())), None, None)));
        all.extend(self.other_differences());
        all
    }

    fn directory(&self) -> Arc<Directory> {
        self.directory.load_full()
    }
}

/// Looks at the files every two seconds, until `stop` is said.
pub(super) async fn watch(reload: Arc<Reload>, stop: Stop) {
    loop {
        tokio::select! {
            () = stop.stopped() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let reload = Arc::clone(&reload);
        if let Err(error) = tokio::task::spawn_blocking(move || reload.run_if_changed()).await {
            tracing::error!(%error, "The configuration could not be looked at.");
        }
    }
}

/// Changes whenever a file of a folder does, by name or content. A folder that is not there has no files.
fn folder_digest(folder: &Path) -> io::Result<[u8; 32]> {
    let mut files = Vec::new();
    gather(folder, &mut files)?;
    files.sort();
    let mut all = Context::new(&SHA256);
    for path in files {
        let bytes = fs::read(&path)?;
        add(&mut all, path.as_os_str().as_encoded_bytes());
        add(&mut all, &bytes);
    }
    Ok(finished(all))
}

/// A part of a digest, told apart from the next one by its length.
fn add(all: &mut Context, part: &[u8]) {
    all.update(&(part.len() as u64).to_be_bytes());
    all.update(part);
}

fn finished(all: Context) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(all.finish().as_ref());
    digest
}

/// The fingerprint of a chain's own certificate, as people compare it.
fn shown(chain: &[CertificateDer<'_>]) -> String {
    let own = chain.first().map(|own| digest(&SHA256, own));
    own.iter().flat_map(|own| own.as_ref()).map(|byte| format!("{byte:02x}")).collect()
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            gather(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "toml" || ending == "csv") {
            files.push(path);
        }
    }
    Ok(())
}
