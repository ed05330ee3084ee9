//! The one place that builds and starts everything, in the order in which the parts need each other, and stops it in the
//! reverse.

mod alerts;
mod https;
mod own_files;
mod reload;

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use serde::Serialize;
use tokio::{sync::Notify, task::JoinHandle};

use crate::{
    config::{Consumer as ConsumerSettings, Diagnostic, SecretError, Settings, Start},
    console::{Console, requests_into},
    control::{self, Configuration, Operator},
    doors::{
        as2::{self, As2, As2Courier, Caller, Receipts, Ring},
        cxml::CxmlCourier,
        rest::{Hooks, Issuer, Rest},
        sftp::{self, Collector, HostKeys, Lines, Sftp, SftpCourier},
        webhook::WebhookCourier,
    },
    erp::Erp,
    error::{Page, pages},
    exchange::{Capacity, Courier, Exchange, Intake, Outlet, Snapshot},
    keys::{self, Secret},
    ledger::{
        Consumer, LedgerError, SharedLedger, StartAt, codes,
        sqlite::{Options, SqliteLedger},
    },
    mapping::Library,
    net::{self, App, Balancers, Egress, Limits, Serving, Stop, bind, serve_behind},
    observe::{Metrics, Started},
    partner::{Directory, Partner, Sources},
    spool::{MEMORY_LIMIT, Spool},
};

pub use https::inspect as inspect_https;

/// How long what is in flight may take when the gateway stops.
const GRACE: Duration = Duration::from_secs(25);

/// Every room's pages, for `/errors/{code}` and `gangway explain`.
pub const EXPLAIN: &[&str] = &[
    crate::config::EXPLAIN,
    crate::partner::EXPLAIN,
    crate::x12::EXPLAIN,
    crate::xml::EXPLAIN,
    crate::as2::EXPLAIN,
    crate::mapping::EXPLAIN,
    crate::ledger::EXPLAIN,
    crate::exchange::EXPLAIN,
    as2::EXPLAIN,
    crate::doors::rest::EXPLAIN,
    sftp::EXPLAIN,
    crate::erp::EXPLAIN,
    net::EXPLAIN,
];

/// The page of a code.
pub fn page(code: &str) -> Option<Page> {
    EXPLAIN.iter().flat_map(|text| pages(text)).find(|page| page.code.eq_ignore_ascii_case(code))
}

/// Where a running gateway listens; also written to `listeners.json` in the data folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Listening {
    /// The supplier API, plain.
    pub public: Option<SocketAddr>,
    /// The supplier API over TLS.
    pub public_tls: Option<SocketAddr>,
    /// The ERP's API, metrics, health.
    pub private: Option<SocketAddr>,
    /// SFTP.
    pub sftp: Option<SocketAddr>,
}

pub use own_files::{OWN_FILES, own_files};
pub use reload::Reload;

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder does not allow it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Something could not be read, made or bound.
    #[error("{what}: {error}")]
    Io {
        /// What it was.
        what: String,
        /// Why.
        error: io::Error,
    },
    /// The settings do not allow it.
    #[error("{0}")]
    Settings(String),
}

/// A running gateway.
pub struct Gateway {
    listening: Listening,
    ledger: SharedLedger,
    reload: Arc<Reload>,
    servings: Vec<Serving>,
    stop: Stop,
    dispatching: JoinHandle<()>,
    delivering: JoinHandle<()>,
    /// What works on its own, and may be stopped anywhere.
    tasks: Vec<JoinHandle<()>>,
    control: JoinHandle<()>,
    data: PathBuf,
}

/// Reads partners and mappings as they are on disk. What is broken is left out, or served as it last was when it was
/// good, and told about.
pub fn snapshot(settings: &Settings) -> (Snapshot, Vec<Diagnostic>) {
    let (library, mut findings) = Library::load(Some(&settings.mappings));
    let (directory, told) = Directory::load(&Sources::of(settings), &|id| library.by_id(id).is_some());
    findings.extend(told);
    findings.extend(library.unused(|id| directory.names_mapping(id)));
    let (snapshot, told) = Snapshot::new(directory, library);
    findings.extend(told);
    (snapshot, findings)
}

impl Gateway {
    /// Starts a gateway: ledger first, listeners last, so that nothing is accepted that could not be kept.
    ///
    /// # Errors
    /// When any part cannot start; what had started is stopped again.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        make_folder(&settings.data)?;
        let ledger: SharedLedger = Arc::new(SqliteLedger::open(&settings.data, &Options::default())?);
        let stop = Stop::new();
        match Self::start_on(settings, Arc::clone(&ledger), stop.clone()).await {
            Ok(gateway) => Ok(gateway),
            Err(error) => {
                stop.stop();
                let _ = ledger.close().await;
                Err(error)
            }
        }
    }

    async fn start_on(settings: Settings, ledger: SharedLedger, stop: Stop) -> Result<Self, StartError> {
        let data = settings.data.clone();
        let metrics = Arc::new(Metrics::new());
        let spool = Arc::new(spool(&settings, &ledger)?);
        let reload = Arc::new(Reload::start(settings.clone(), &metrics));
        let (directory, snapshot) = (Arc::clone(reload.directory()), Arc::clone(reload.snapshot()));

        ledger.declare(settings.consumers.iter().map(consumer).collect()).await?;
        if let Some(why) = ledger.deliveries_paused().await? {
            tracing::warn!(
                code = %codes::PAUSED,
                why,
                "Deliveries to partners wait for `gangway restore --resume --reason …`; `gangway deliveries list` has them."
            );
        }
        let capacity = Capacity {
            threads: match settings.limits.workers {
                0 => std::thread::available_parallelism().map_or(2, usize::from),
                workers => workers as usize,
            },
            waiting_each: *settings.limits.waiting as usize,
        };
        let exchange = Exchange::new(Arc::clone(&ledger), Arc::clone(&snapshot), &capacity, Arc::clone(&metrics));
        exchange.resume().await?;
        let dispatching = exchange.spawn_dispatching();

        let token = token(&settings)?;
        let names: Vec<String> = settings.consumers.iter().map(|consumer| consumer.name.clone()).collect();
        let issuer = Issuer::of(&settings);
        let hooks = Hooks::open(Arc::clone(&ledger), Egress::new(settings.calls.reach())).await?;
        let rest = Rest::new(
            Arc::clone(&directory),
            Arc::new(exchange.clone()),
            Arc::clone(&ledger),
            Arc::clone(&spool),
            Arc::clone(&metrics),
        )
        .beside(&exchange, stop.clone())
        .trusting(issuer.clone())
        .telling(hooks);
        let (ring, made) = Ring::open(&settings).map_err(|error| StartError::Settings(error.to_string()))?;
        if made {
            tracing::info!("An AS2 key was made; `gangway certs show` has the certificate for partners.");
        }
        let ring = Arc::new(ArcSwap::from_pointee(ring));
        let caller = Caller::new(Egress::new(settings.calls.reach()), settings.root.clone());
        let receipts = Receipts::new(&settings, caller.clone(), Arc::clone(&directory), Arc::clone(&ledger), &metrics);
        let receipts = Arc::new(receipts.map_err(|error| io("the folder as2", error))?);
        let as2 = As2::new(
            &settings,
            Arc::clone(&directory),
            Arc::new(exchange.clone()),
            Arc::clone(&spool),
            Arc::clone(&ring),
            Arc::clone(&receipts),
            Arc::clone(&metrics),
        );
        let as2 = as2.map_err(|error| io("the folder as2", error))?;
        let as2 = as2.telling(Arc::new(exchange.clone())).limited_by(exchange.limiter());
        let own_url = settings.as2.url.as_ref().map(|url| url.value.clone());
        let as2_courier = As2Courier::new(caller, Arc::clone(&ring), Arc::clone(&receipts), own_url);
        let tls = match settings.public.https.get() {
            Some(_) => {
                let of_tls = Arc::clone(&directory);
                Some(https::tls(&settings)?.asking(move || of_tls.load().wants_certificates()))
            }
            None => None,
        };
        tls.iter().for_each(|tls| reload.keep_serving(tls.clone()));
        let read_again = Arc::new(Notify::new());
        let watch =
            as2::watch(Arc::clone(&directory), Arc::clone(&ring), tls.clone(), Arc::clone(&read_again), &metrics);
        let mut tasks = vec![receipts.spawn(), watch];
        tasks.extend(issuer.iter().map(Issuer::spawn));
        let (rest, telling) = rest.open();
        tasks.extend(telling);
        let public = rest.merge(as2.router()).merge(net::pages(page));
        let public = App::new("public", public).watched(requests_into(Arc::clone(&metrics)));
        let outlet: Arc<dyn Outlet> = Arc::new(exchange.clone());
        let erp = Erp::new(vec![token], Arc::clone(&ledger), outlet, &metrics, stop.clone());
        let egress = Arc::new(Egress::new(settings.calls.reach()));
        let lines = Arc::new(Lines::new(Arc::clone(&egress), settings.root.clone(), &data.join("sftp")));
        let couriers: Vec<Arc<dyn Courier>> = vec![
            Arc::new(WebhookCourier::new(Arc::clone(&egress), settings.root.clone())),
            Arc::new(CxmlCourier::new(egress, settings.root.clone())),
            Arc::new(as2_courier),
            Arc::new(SftpCourier::new(Arc::clone(&lines))),
        ];
        let intake: Arc<dyn Intake> = Arc::new(exchange.clone());
        let largest = settings.limits.body.get();
        let own = data.join("sftp");
        let collector = Collector::new(lines, intake, Arc::clone(&spool), Arc::clone(&metrics), own, largest);
        tasks.push(collector.spawn(Arc::clone(&directory)));
        let delivering = exchange.spawn_delivering(couriers);
        if let Some(url) = &settings.alerts.url {
            let secrets =
                settings.alerts.secrets.iter().map(|secret| Ok(secret.resolve(&settings.root)?.reveal().to_owned()));
            let secrets: Result<Vec<_>, SecretError> = secrets.collect();
            let sending = alerts::Sending {
                url: url.value.clone(),
                secrets: secrets.map_err(|error| StartError::Settings(format!("alerts.secrets: {error}")))?,
                every: settings.alerts.every.get(),
                egress: Arc::new(Egress::new(settings.calls.reach())),
                notes: data.join("alerts.json"),
                ledger: Arc::clone(&ledger),
                directory: Arc::clone(&directory),
                ring: Arc::clone(&ring),
                consumers: names.clone(),
            };
            tasks.push(tokio::spawn(sending.run(exchange.alerts())));
        }
        let (listener, private_address) = open("the private listener", settings.private.http.get()).await?;
        let mut listening = Listening { private: private_address, ..Listening::default() };
        let mut servings = Vec::new();
        let balancers = settings.public.proxy_protocol.clone();
        let balancers = Balancers::new(move |address| balancers.iter().any(|network| network.contains(address)));
        let patience = Limits {
            first_request: settings.limits.head_wait.get(),
            body_idle: settings.limits.body_wait.get(),
            ..Limits::default()
        };
        let mut serve = |listener, app: &App, tls, balancers| -> Result<(), StartError> {
            if let Some(listener) = listener {
                let serving = serve_behind(listener, app.clone(), tls, patience.clone(), balancers, stop.clone());
                servings.push(serving.map_err(|error| io("a listener", error))?);
            }
            Ok(())
        };
        let (plain, address) = open("the public listener", settings.public.http.get()).await?;
        listening.public = address;
        serve(plain, &public, None, balancers.clone())?;
        let (secure, address) = open("the public TLS listener", settings.public.https.get()).await?;
        listening.public_tls = address;
        serve(secure, &public, tls, balancers)?;

        let (sftp, address) = open("the SFTP listener", settings.sftp.address.get()).await?;
        listening.sftp = address;

        // Every listener is bound by now, so that the page tells of all of them.
        let of_console = Arc::clone(&directory);
        let console = Console {
            ledger: Arc::clone(&ledger),
            metrics: Arc::clone(&metrics),
            consumers: names.clone(),
            listeners: listening.named().map(|(name, address)| (name.to_owned(), address.to_string())).collect(),
            stale: Box::new(move || {
                let why = |partner: &Partner| partner.stale.clone().unwrap_or_default();
                of_console.load().stale().map(|partner| format!("{}: {}", partner.id, why(partner))).collect()
            }),
            started: Instant::now(),
            stop: stop.clone(),
        };
        let private = erp.router().merge(console.router()).merge(net::pages(page));
        let private = App::new("private", private).watched(requests_into(Arc::clone(&metrics)));
        serve(listener, &private, None, Balancers::none())?;

        if let Some(listener) = sftp {
            let own = data.join("sftp");
            let keys = HostKeys::open(&own, settings.sftp.rsa_host_key).map_err(|error| io(own.display(), error))?;
            let limits = sftp::Limits::of(&settings);
            let intake: Arc<dyn Intake> = Arc::new(exchange.clone());
            let (directory, ledger) = (Arc::clone(&directory), Arc::clone(&ledger));
            let door =
                Sftp::new(directory, intake, ledger, Arc::clone(&spool), Arc::clone(&metrics), own, keys, limits);
            servings.push(door.start(listener, stop.clone()).map_err(|error| io("the SFTP listener", error))?);
        }

        let (ring, kept) = (Arc::clone(&ring), settings.clone());
        reload.also(move || {
            match Ring::open(&kept) {
                Ok((opened, _)) => ring.store(Arc::new(opened)),
                Err(error) => tracing::error!(%error, "Our AS2 keys cannot be read again; those from before are used."),
            }
            read_again.notify_one();
        });
        tokio::spawn(reload::watch(Arc::clone(&reload), stop.clone()));
        let operator = Operator::running(exchange, names, Arc::clone(&reload) as Arc<dyn Configuration>);
        let of_backups = data.clone();
        let operator = operator.carrying(move || own_files(&of_backups));
        let control = control_socket(&data, operator, stop.clone());
        listening.write(&data)?;
        for (listener, address) in listening.named() {
            Started { listener, address }.emit();
        }
        Ok(Self { listening, ledger, reload, servings, stop, dispatching, delivering, tasks, control, data })
    }

    /// Where it listens.
    pub fn listening(&self) -> &Listening {
        &self.listening
    }

    /// What swaps the configuration.
    pub fn reload(&self) -> Arc<Reload> {
        Arc::clone(&self.reload)
    }

    /// Stops taking anything new, finishes what is in flight, and closes the ledger.
    ///
    /// # Errors
    /// When the ledger cannot be closed in order; what it acknowledged is safe all the same.
    pub async fn stop(self) -> Result<(), LedgerError> {
        tracing::info!("Stopping: nothing new is taken, what is in flight is finished.");
        self.stop.stop();
        let _ = fs::remove_file(self.data.join(LISTENERS));
        for serving in self.servings {
            let drained = serving.finish(GRACE).await;
            if drained.cut > 0 {
                tracing::warn!(cut = drained.cut, "Connections were cut because they did not finish in time.");
            }
        }
        self.dispatching.abort();
        self.delivering.abort();
        self.tasks.iter().for_each(JoinHandle::abort);
        let _ = self.control.await;
        self.ledger.close().await
    }
}

/// Where the addresses are told.
const LISTENERS: &str = "listeners.json";

impl Listening {
    fn named(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let all = [
            ("public", self.public),
            ("public over TLS", self.public_tls),
            ("private", self.private),
            ("sftp", self.sftp),
        ];
        all.into_iter().filter_map(|(name, address)| Some((name, address?)))
    }

    fn write(&self, data: &Path) -> Result<(), StartError> {
        // Whoever waits for the file finds it whole.
        let (part, path) = (data.join("listeners.json.part"), data.join(LISTENERS));
        let text = serde_json::to_vec(self).unwrap_or_default();
        fs::write(&part, text).and_then(|()| fs::rename(&part, &path)).map_err(|error| io(path.display(), error))
    }
}

fn io(what: impl std::fmt::Display, error: io::Error) -> StartError {
    StartError::Io { what: what.to_string(), error }
}

fn make_folder(data: &Path) -> Result<(), StartError> {
    keys::make_folder(data).map_err(|error| io(format!("the data folder {}", data.display()), error))
}

fn spool(settings: &Settings, ledger: &SharedLedger) -> Result<Spool, StartError> {
    let folder = ledger.payload_folder().map_or_else(|| settings.data.join("spool"), Path::to_path_buf);
    let inline = usize::try_from(settings.limits.inline.get()).unwrap_or(usize::MAX);
    let spool = Spool::new(&folder, inline, MEMORY_LIMIT).map_err(|error| io(folder.display(), error))?;
    // The ledger swept its own when it was opened; a body that was still coming in belongs to nobody.
    let swept = spool.sweep(|_| false).map_err(|error| io(folder.display(), error))?;
    if swept > 0 {
        tracing::info!(swept, "Bodies that were never finished were removed.");
    }
    Ok(spool)
}

fn token(settings: &Settings) -> Result<Secret, StartError> {
    match &settings.erp.token {
        Some(reference) => {
            let resolved = reference.resolve(&settings.root);
            resolved
                .map(|secret| Secret::new(secret.reveal()))
                .map_err(|error| StartError::Settings(format!("erp.token: {error}")))
        }
        None => {
            let path = settings.data.join("erp.token");
            let (token, made) = keys::token_file(&path).map_err(|error| io(path.display(), error))?;
            if made {
                tracing::info!(file = %path.display(), "A token for the ERP was made.");
            }
            Ok(token)
        }
    }
}

async fn open(
    what: &str,
    address: Option<SocketAddr>,
) -> Result<(Option<tokio::net::TcpListener>, Option<SocketAddr>), StartError> {
    let Some(address) = address else { return Ok((None, None)) };
    let listener = bind(address).await.map_err(|error| io(what, error))?;
    let bound = listener.local_addr().map_err(|error| io(what, error))?;
    Ok((Some(listener), Some(bound)))
}

fn consumer(settings: &ConsumerSettings) -> Consumer {
    let names = |types: &[crate::document::DocumentType]| types.iter().map(|kind| kind.as_str().to_owned()).collect();
    Consumer {
        name: settings.name.clone(),
        types: names(&settings.types),
        mode: settings.mode,
        start: match settings.start {
            Start::Earliest => StartAt::Earliest,
            Start::Latest => StartAt::Latest,
            Start::At(time) => StartAt::Time(time),
        },
        max_attempts: settings.max_attempts,
        dead_and_continue: names(&settings.dead_and_continue),
    }
}

fn control_socket(data: &Path, operator: Operator, stop: Stop) -> JoinHandle<()> {
    let data = data.to_path_buf();
    tokio::spawn(async move {
        if let Err(error) = control::serve(&data, operator, stop).await {
            tracing::error!(%error, "The control socket cannot be served; commands like gangway queue will not reach this gateway.");
        }
    })
}
