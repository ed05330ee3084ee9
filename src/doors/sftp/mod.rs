//! The SFTP door: partners' drop boxes, which never hand on half a file and never lose a whole one.
//!
//! ```text
//! wire ── packets ──► session ──► home ──► shelf (when is a file whole?)
//!  │ russh lives here    │          │        parts (its bytes, until it is taken)
//!  │ and nowhere else    │          └──────► exchange: the operation that completes a file is answered after it did
//!  └ guard (who?)        └──► outbox, report: what the partner finds in outbound/ and receipts/
//!
//! lines (partners' own servers) ◄── courier: what is for them    ──► collect: what they left there for us
//! ```
//!
//! Homes are virtual: nothing is ever opened by a partner's name. Everything that decides something is a plain value
//! without I/O ([`shelf`], [`path`], [`guard`]), and is tried as such.

mod allowance;
pub mod codes;
mod collect;
mod courier;
mod events;
mod guard;
mod home;
mod left;
mod lines;
mod outbox;
mod parts;
mod path;
mod protocol;
mod ranges;
mod report;
mod session;
mod shelf;
mod slip;
mod taken;
mod wire;

pub use collect::Collector;
pub use courier::SftpCourier;
pub use lines::{Lines, own_key_faults};
pub use wire::HostKeys;

use std::{collections::HashMap, io, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use tokio::{net::TcpListener, sync::Mutex, time::interval};

use self::{events::Telemetry, guard::Guard, home::Home};
use crate::{
    config::Settings,
    exchange::Intake,
    ledger::SharedLedger,
    net::{Balancers, Serving, Stop, serve_with},
    observe::Metrics,
    partner::{Directory, Partner},
    spool::Spool,
};

/// The pages of this room's codes.
pub const EXPLAIN: &str = include_str!("explain.md");

/// What the door bears.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Whose word counts for where a connection is from.
    pub balancers: Balancers,
    /// Connections at one time.
    pub connections: usize,
    /// For a client to log in.
    pub login: Duration,
    /// Connections of one source that are not logged in yet.
    pub waiting_each: usize,
    /// All connections that are not logged in yet.
    pub waiting_all: usize,
    /// Without a word from a client that is logged in.
    pub idle: Duration,
    /// Without progress of a write to a client.
    pub stall: Duration,
    /// The largest file, whatever a partner's own limit is.
    pub body: u64,
    /// How long a file that was begun is kept when nobody goes on with it.
    pub partial: SignedDuration,
    /// How long the names of files that were taken stay visible.
    pub visible: SignedDuration,
    /// How often it is looked for what is due.
    pub tick: Duration,
}

impl Limits {
    /// As the settings say.
    pub fn of(settings: &Settings) -> Self {
        let signed = |length: crate::config::Duration| SignedDuration::try_from(length.get());
        let own = settings.sftp.proxy_protocol.clone();
        Self {
            balancers: Balancers::new(move |address| own.iter().any(|network| network.contains(address))),
            connections: *settings.sftp.connections as usize,
            login: Duration::from_secs(20),
            waiting_each: 32,
            waiting_all: 256,
            idle: Duration::from_secs(600),
            stall: Duration::from_secs(120),
            body: settings.limits.body.get(),
            partial: signed(settings.sftp.partial).unwrap_or(SignedDuration::MAX),
            visible: signed(settings.sftp.visible).unwrap_or(SignedDuration::MAX),
            tick: Duration::from_secs(5),
        }
    }
}

/// The SFTP door.
pub struct Sftp {
    door: Arc<Door>,
    keys: HostKeys,
}

/// What all sessions share.
struct Door {
    directory: Arc<ArcSwap<Directory>>,
    intake: Arc<dyn Intake>,
    ledger: SharedLedger,
    spool: Arc<Spool>,
    metrics: Arc<Metrics>,
    telemetry: Telemetry,
    /// Where parts of files are kept, a folder for each partner.
    folder: PathBuf,
    limits: Limits,
    guard: Guard,
    homes: Mutex<HashMap<String, Arc<Home>>>,
}

impl Sftp {
    /// Over these; its own metrics are registered with the rest. `folder` is the door's own in the data folder: host keys
    /// and begun files are kept in it. It has to be on the file system of the spool.
    #[expect(clippy::too_many_arguments, reason = "each is one thing that the gateway shares between doors")]
    pub fn new(
        directory: Arc<ArcSwap<Directory>>,
        intake: Arc<dyn Intake>,
        ledger: SharedLedger,
        spool: Arc<Spool>,
        metrics: Arc<Metrics>,
        folder: PathBuf,
        keys: HostKeys,
        limits: Limits,
    ) -> Self {
        let telemetry = Telemetry::new(&metrics);
        let (guard, homes) = (Guard::new(), Mutex::default());
        let folder = folder.join("partial");
        let door = Door { directory, intake, ledger, spool, metrics, telemetry, folder, limits, guard, homes };
        Self { door: Arc::new(door), keys }
    }

    /// Serves on `listener` until `stop`.
    pub fn start(self, listener: TcpListener, stop: Stop) -> io::Result<Serving> {
        let Self { door, keys } = self;
        let configs = Arc::new(wire::Configs::new(&keys, door.limits.idle));
        tokio::spawn(keep_time(Arc::clone(&door), stop.clone()));
        let connections = door.limits.connections;
        let own = stop.clone();
        serve_with(listener, connections, stop, move |stream, peer| {
            wire::connection(Arc::clone(&door), Arc::clone(&configs), stream, peer, own.clone())
        })
    }
}

impl Door {
    /// The home of a partner, opened at its first use.
    async fn home(&self, id: &str) -> io::Result<Arc<Home>> {
        let mut homes = self.homes.lock().await;
        if let Some(home) = homes.get(id) {
            return Ok(Arc::clone(home));
        }
        let (folder, own, visible) = (self.folder.clone(), id.to_owned(), self.limits.visible);
        let home = home::blocking(move || Home::open(&folder, &own, visible, Timestamp::now())).await?;
        let home = Arc::new(home);
        homes.insert(id.to_owned(), Arc::clone(&home));
        Ok(home)
    }

    /// The largest file of a partner.
    fn largest(&self, partner: &Partner) -> u64 {
        partner.message_size.min(self.limits.body)
    }
}

/// Looks again and again for what is due in every home.
async fn keep_time(door: Arc<Door>, stop: Stop) {
    let mut clock = interval(door.limits.tick);
    loop {
        tokio::select! {
            _ = clock.tick() => {}
            () = stop.stopped() => return,
        }
        let partners: Vec<_> = door.directory.load().partners().filter(|p| p.sftp.is_some()).cloned().collect();
        for partner in partners {
            match door.home(&partner.id).await {
                Ok(home) => home.tick(&door, Some(&partner)).await,
                Err(error) => tracing::error!(partner = partner.id, %error, "A partner's drop box cannot be opened."),
            }
        }
    }
}

/// What a client's packet asks for, in words, for the fuzz targets; `None` where it cannot be read.
#[doc(hidden)]
pub fn packet_in_words(packet: bytes::Bytes) -> Option<String> {
    wire::in_words(packet)
}

/// A client's path as it should have been written, for the fuzz targets; `None` where it leads nowhere.
#[doc(hidden)]
pub fn canonical_path(path: &str) -> Option<String> {
    path::canonical(path).ok()
}
