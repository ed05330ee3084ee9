//! A door on a free port, over the embedded ledger and an exchange that only keeps what it gets; and clients for it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Output,
    sync::{Arc, Mutex, atomic::AtomicBool, atomic::Ordering::SeqCst},
    time::Duration,
};

use arc_swap::ArcSwap;
use argon2::{Argon2, PasswordHasher};
use async_trait::async_trait;
use bytes::Bytes;
use gangway::{
    config::{Rate, Settings},
    document::{MessageId, Mode},
    doors::sftp::{HostKeys, Limits, Sftp},
    exchange::{Arrival, Intake, Refused, Scribe, Verdict},
    keys,
    ledger::{
        Channel, Claim, ClaimKey, ClaimKind, Committed, Direction, Entry, Fact, Message, MessageState, NumberSeries,
        Outgoing, Payload, Receipt, SharedLedger,
        sqlite::{Options, SqliteLedger},
    },
    net::{Serving, Stop, bind},
    observe::Metrics,
    partner::{Directory, Partner, SftpTerms, Status},
    spool::{Content, Spool},
};
use jiff::Timestamp;
use russh::keys::{
    PrivateKey,
    ssh_key::{LineEnding, private::Ed25519Keypair},
};
use tokio::sync::OnceCell;

/// The password of every partner here.
pub const PASSWORD: &str = "correct horse";

/// What the exchange got: names, digests and sizes, in order.
pub type Got = Vec<(String, String, u64)>;

/// An exchange that stores what it gets, and holds the transport's claims.
pub struct Desk {
    ledger: SharedLedger,
    got: Mutex<Got>,
    pub busy: AtomicBool,
}

impl Desk {
    pub fn got(&self) -> Got {
        self.got.lock().unwrap().clone()
    }

    pub fn names(&self) -> Vec<String> {
        self.got().into_iter().map(|(name, ..)| name).collect()
    }
}

#[async_trait]
impl Intake for Desk {
    async fn receive(&self, arrival: Arrival, scribe: Arc<dyn Scribe>) -> Result<Receipt, Refused> {
        if self.busy.load(SeqCst) {
            return Err(Refused::Busy("told so".into()));
        }
        let id = MessageId::new(arrival.at.as_millisecond() as u64, u128::from(rand()));
        let claim = keys::sha256(format!("{} {}", arrival.connection.id, arrival.transport_id).as_bytes());
        let key = ClaimKey(claim[..16].try_into().unwrap());
        let claim = Claim { kind: ClaimKind::Transport, key, digest: arrival.body.digest, position: 0 };
        let receipt = scribe.receipt(&Verdict {
            message: id,
            at: arrival.at,
            state: MessageState::Accepted,
            mode: arrival.mode,
            documents: 0,
            problem: None,
            correlation: arrival.correlation.clone(),
        });
        let name = arrival.filename.clone().unwrap();
        let message = Message {
            direction: Direction::In,
            connection: arrival.connection.id.clone(),
            transport_id: Some(arrival.transport_id),
            filename: arrival.filename,
            digest: keys::hex(&arrival.body.digest),
            bytes: arrival.body.len,
            state: MessageState::Accepted,
            correlation: arrival.correlation,
            ..message(id, &arrival.connection.id, arrival.at)
        };
        let (payload, file) = match &arrival.body.content {
            Content::Memory(bytes) => (Payload::Inline(bytes.clone()), None),
            Content::File(file) => (Payload::File(file.hand_over()), Some(file)),
        };
        let entry = Entry {
            message,
            payload,
            receipt: receipt.clone(),
            claims: vec![claim],
            documents: Vec::new(),
            owed: Vec::new(),
            facts: Vec::new(),
            complete: true,
        };
        match self.ledger.commit(entry).await.unwrap() {
            Committed::Stored => {
                self.got.lock().unwrap().push((name, keys::hex(&arrival.body.digest), arrival.body.len));
                Ok(receipt)
            }
            Committed::Taken(taken) => {
                if let Some(file) = file {
                    file.take_back();
                }
                Ok(self.ledger.receipt(taken[0].holder.message).await.unwrap().unwrap())
            }
        }
    }
}

fn rand() -> u64 {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    u64::from_ne_bytes(bytes)
}

fn message(id: MessageId, partner: &str, at: Timestamp) -> Message {
    Message {
        id,
        direction: Direction::Out,
        channel: Channel::Sftp,
        connection: partner.into(),
        partner: Some(partner.into()),
        transport_id: None,
        filename: None,
        content_type: None,
        digest: String::new(),
        bytes: 0,
        interchange: None,
        at,
        state: MessageState::Ready,
        mode: Mode::Live,
        correlation: "c".into(),
        config: String::new(),
        problem: None,
        relates_to: None,
    }
}

/// A door at work.
pub struct Site {
    pub address: SocketAddr,
    pub desk: Arc<Desk>,
    pub ledger: SharedLedger,
    pub directory: Arc<ArcSwap<Directory>>,
    pub metrics: Arc<Metrics>,
    pub folder: PathBuf,
    pub fingerprints: Vec<(String, String)>,
    stop: Stop,
    serving: Option<Serving>,
    numbers: Mutex<BTreeMap<String, u64>>,
}

/// A partner `acme` that logs in with the key of [`user_key`] or [`PASSWORD`].
pub async fn acme(change: impl FnOnce(&mut SftpTerms)) -> Partner {
    partner("acme", change).await
}

pub async fn partner(id: &str, change: impl FnOnce(&mut SftpTerms)) -> Partner {
    static HASH: OnceCell<String> = OnceCell::const_new();
    let hash = HASH.get_or_init(async || {
        let params = argon2::Params::new(8, 1, 1, None).unwrap();
        let argon = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        argon.hash_password_with_salt(PASSWORD.as_bytes(), b"salt and more").unwrap().to_string()
    });
    let key = user_key().public_key().to_openssh().unwrap();
    let mut terms =
        SftpTerms::plain(vec![id.parse().unwrap()], vec![key.parse().unwrap()], vec![hash.await.parse().unwrap()]);
    change(&mut terms);
    Partner {
        id: id.into(),
        name: id.into(),
        status: Status::Live,
        vendor_number: None,
        message_size: 400 << 20,
        requests: Rate::per_minute(600),
        documents: Rate::per_day(20_000),
        bytes_per_hour: 1 << 30,
        uploads: 64,
        x12: None,
        rest: None,
        as2: None,
        sftp: Some(terms),
        sftp_push: None,
        certification: Default::default(),
        webhook: None,
        cxml: None,
        send: gangway::partner::SendTerms::default(),
        mappings: BTreeMap::new(),
        template: None,
        digest: String::new(),
        stale: None,
    }
}

/// The private key of every partner here; the same in every process of the tests.
pub fn user_key() -> &'static PrivateKey {
    static KEY: std::sync::OnceLock<PrivateKey> = std::sync::OnceLock::new();
    KEY.get_or_init(|| Ed25519Keypair::from_seed(&[7; 32]).into())
}

impl Site {
    pub async fn open(folder: &Path, partners: Vec<Partner>) -> Self {
        Self::open_with(folder, partners, |_| {}).await
    }

    pub async fn open_with(folder: &Path, partners: Vec<Partner>, change: impl FnOnce(&mut Limits)) -> Self {
        let ledger: SharedLedger = Arc::new(SqliteLedger::open(&folder.join("data"), &Options::default()).unwrap());
        let spooled = ledger.payload_folder().unwrap().to_owned();
        let spool = Arc::new(Spool::new(spooled, 64 << 10, 64 << 20).unwrap());
        let desk = Arc::new(Desk { ledger: ledger.clone(), got: Mutex::default(), busy: AtomicBool::new(false) });
        let directory = Arc::new(ArcSwap::from_pointee(Directory::of(partners)));
        let metrics = Arc::new(Metrics::new());
        let mut limits = Limits::of(&Settings::default());
        limits.tick = Duration::from_millis(200);
        change(&mut limits);
        let own = folder.join("data/sftp");
        let keys = HostKeys::open(&own, false).unwrap();
        let fingerprints = keys.fingerprints();
        let intake: Arc<dyn Intake> = desk.clone();
        let (shared, metered) = (directory.clone(), metrics.clone());
        let door = Sftp::new(shared, intake, ledger.clone(), spool, metered, own, keys, limits);
        let stop = Stop::new();
        let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let serving = door.start(listener, stop.clone()).unwrap();
        let key = folder.join("user_key");
        if !key.exists() {
            std::fs::write(&key, user_key().to_openssh(LineEnding::LF).unwrap().as_bytes()).unwrap();
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self {
            address: serving.address(),
            desk,
            ledger,
            directory,
            metrics,
            folder: folder.to_owned(),
            fingerprints,
            stop,
            serving: Some(serving),
            numbers: Mutex::default(),
        }
    }

    /// Ends the door as a gateway that goes down does; answers how many connections had to be cut.
    pub async fn close(mut self) -> usize {
        self.stop.stop();
        let drained = self.serving.take().unwrap().finish(Duration::from_secs(10)).await;
        self.ledger.close().await.unwrap();
        drained.cut
    }

    /// Puts a file out for a partner; answers its message.
    pub async fn offer(&self, partner: &str, content: Bytes, answers: Option<MessageId>) -> MessageId {
        let now = Timestamp::now();
        let id = MessageId::new(now.as_millisecond() as u64, u128::from(rand()));
        let number = {
            let mut numbers = self.numbers.lock().unwrap();
            let next = numbers.entry(partner.to_owned()).or_default();
            *next += 1;
            *next
        };
        let message = Message {
            bytes: content.len() as u64,
            digest: keys::hex(&keys::sha256(&content)),
            interchange: Some(format!("{number:09}")),
            relates_to: answers,
            ..message(id, partner, now)
        };
        let payload = if content.len() > 64 << 10 {
            let path = self.ledger.payload_folder().unwrap().join(format!("{id}.out"));
            std::fs::write(&path, &content).unwrap();
            Payload::File(path)
        } else {
            Payload::Inline(content)
        };
        let outgoing = Outgoing {
            message,
            payload,
            documents: Vec::<(gangway::ledger::Document, _)>::new(),
            numbers: vec![(NumberSeries(partner.to_owned()), number)],
            settles: Vec::new(),
            settled_as: "acknowledged",
            watches: Vec::new(),
            channel: Channel::Sftp,
            due: now,
            facts: vec![Fact { at: now, what: "issued".into(), detail: String::new() }],
        };
        assert!(self.ledger.issue(outgoing).await.unwrap());
        id
    }

    pub async fn state(&self, id: MessageId) -> MessageState {
        self.ledger.message(id).await.unwrap().unwrap().state
    }

    /// Runs OpenSSH's sftp as `acme` with these commands. A line that begins with `-` may fail.
    pub async fn sftp(&self, commands: &str) -> Output {
        self.sftp_as("acme", commands, &[]).await
    }

    pub async fn sftp_as(&self, user: &str, commands: &str, options: &[&str]) -> Output {
        let batch = self.folder.join(format!("batch-{}", rand()));
        std::fs::write(&batch, commands).unwrap();
        let mut command = std::process::Command::new("timeout");
        command
            .args(["240", "sftp", "-b", batch.to_str().unwrap(), "-P", &self.address.port().to_string()])
            .args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
            .args(["-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"])
            .args(["-i", self.folder.join("user_key").to_str().unwrap()])
            .args(options)
            .arg(format!("{user}@127.0.0.1"))
            .current_dir(&self.folder)
            .env_remove("SSH_AUTH_SOCK")
            .stdin(std::process::Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output().expect("sftp runs")).await.unwrap();
        assert_ne!(output.status.code(), Some(124), "sftp hangs: {commands}");
        output
    }

    /// The same, where every command has to work; answers what it printed.
    pub async fn sftp_ok(&self, commands: &str) -> String {
        let output = self.sftp(commands).await;
        assert!(output.status.success(), "{commands}\n{}\n{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name)).unwrap()
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether OpenSSH's client is here; else says that `test` proves nothing.
pub fn openssh(test: &str) -> bool {
    let here = std::process::Command::new("sftp").arg("-?").output().is_ok();
    if !here {
        crate::util::skip(test, "OpenSSH's sftp is not installed (apt-get install openssh-client)");
    }
    here
}

/// Bytes that do not compress and are told apart.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_ne_bytes());
    }
    bytes.truncate(len);
    bytes
}
