//! `gangway.toml`: what one gateway is. Without the file, everything has a default that is safe on one's own machine.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use super::{
    Address, ConsumerName, Diagnostic, Duration, Entries, FromNode, Network, SecretRef, Shape, Size, Source, Spanned,
    Start, choice, codes, section,
};
use crate::document::{DocumentType, Mode};

/// The file's usual name.
const FILE: &str = "gangway.toml";

/// The shortest time that a document is remembered: its duplicate may come that late.
const DEDUPE_WINDOW: Duration = Duration::days(400);

/// The tables of the file, and what each knows.
pub(super) const SHAPE: Shape = &[
    ("", SettingsFile::KEYS),
    ("public", Public::KEYS),
    ("as2", As2::KEYS),
    ("calls", Calls::KEYS),
    ("alerts", Alerts::KEYS),
    ("oauth", OAuth::KEYS),
    ("sftp", Sftp::KEYS),
    ("private", Private::KEYS),
    ("erp", Erp::KEYS),
    ("limits", SettingsLimits::KEYS),
    ("retention", Retention::KEYS),
    ("log", LogSettings::KEYS),
    ("control_numbers", ControlNumbers::KEYS),
];

section! {
    /// The settings of one gateway.
    pub struct SettingsFile {
        /// The folder of everything that is recorded. A relative path starts at this file's folder, here and below.
        pub data: PathBuf = "data",
        /// The folder of partner files, with their templates in `templates/` below it.
        pub partners: PathBuf = "partners",
        /// The folder of mapping files that replace or add to the built-in ones.
        pub mappings: PathBuf = "mappings",
        /// What suppliers reach: the supplier API and AS2.
        pub public: Public,
        /// Who we are on AS2.
        pub as2: As2,
        /// Where we call.
        pub calls: Calls,
        /// Who is told when a person has to look.
        pub alerts: Alerts,
        /// Who else issues tokens for the supplier API.
        pub oauth: OAuth,
        /// The SFTP drop boxes.
        pub sftp: Sftp,
        /// What only the ERP and operators may reach.
        pub private: Private,
        /// The ERP's own access.
        pub erp: Erp,
        /// Who reads the queue, by the name used in URLs. With none, there are `erp` (live) and `erp-test` (test).
        pub consumers: Entries<ConsumerFile, ConsumerName>,
        /// What one gateway takes on at once.
        pub limits: SettingsLimits,
        /// How long documents are kept.
        pub retention: Retention,
        /// What is logged, and how.
        pub log: LogSettings,
        /// The numbers of interchanges that go out.
        pub control_numbers: ControlNumbers,
    }
}

section! {
    /// What suppliers reach.
    pub struct Public {
        /// Where the supplier API and AS2 are served over plain HTTP, or "off".
        pub http: Spanned<Address> = Address::loopback(8080),
        /// Where they are served over TLS, or "off".
        pub https: Spanned<Address> = Address::loopback(8443),
        /// The TLS certificate chain, PEM. With none, one that nobody else trusts is made on first start.
        pub certificate: Option<Spanned<PathBuf>>,
        /// The certificate's private key, PEM.
        pub key: Option<Spanned<PathBuf>>,
        /// The networks of our own balancers. Only what comes from them is believed when it says in X-Forwarded-For
        /// for whom it speaks.
        pub trusted_proxies: Vec<Network>,
        /// The networks of our own balancers that begin every connection with a PROXY protocol header. Where a request came
        /// from is what it says; what comes from elsewhere is never believed.
        pub proxy_protocol: Vec<Network>,
    }
}

section! {
    /// Where we call.
    pub struct Calls {
        /// Networks of our own into which a host's name in a partner's file may lead. Otherwise it leads to the internet
        /// only. An address that is written there is called wherever it is, except for link-local ones.
        pub inside: Vec<Network>,
    }
}

section! {
    /// Who is told when a person has to look: something is overdue, held, rejected, parked or given up.
    pub struct Alerts {
        /// Where alerts are posted, by Standard Webhooks. With none, they are in the log and the metrics only.
        pub url: Option<Spanned<String>>,
        /// What they are signed with; two while one replaces the other.
        pub secrets: Vec<Spanned<SecretRef>>,
        /// One alert about a subject and kind is sent in so long.
        pub every: Duration = Duration::seconds(3600),
    }
}

section! {
    /// An issuer outside whose access tokens (JWT) the supplier API takes, beside its own keys and tokens.
    pub struct OAuth {
        /// Its name, exactly as its tokens have it in `iss`. With none, only our own tokens are taken.
        pub issuer: Option<Spanned<String>>,
        /// Its keys, a JWK Set: a URL, or a file from the folder of this file.
        pub keys: Option<Spanned<String>>,
        /// Who we are to it: what its tokens for us have in `aud`.
        pub audience: String = "gangway".to_owned(),
        /// The claim that says which client a token is for; `oauth_clients` in partners' files has its values.
        pub client_claim: String = "client_id".to_owned(),
    }
}

section! {
    /// Who we are on AS2.
    pub struct As2 {
        /// Our AS2 name, unless a partner's file has another.
        pub id: Spanned<String> = "GANGWAY".to_owned(),
        /// Where partners reach `/as2`, as they see it. Needed where receipts are to come apart from the response.
        pub url: Option<Spanned<String>>,
        /// Our certificate, PEM. With none, one is made on first start; `gangway certs` shows and replaces it.
        pub certificate: Option<Spanned<PathBuf>>,
        /// The certificate's private key: PKCS#8, PEM.
        pub key: Option<Spanned<SecretRef>>,
    }
}

section! {
    /// The SFTP drop boxes.
    pub struct Sftp {
        /// Where SFTP is served, or "off".
        pub address: Spanned<Address> = Address::loopback(2222),
        /// How many connections there may be at one time.
        pub connections: Spanned<u32> = 512_u32,
        /// The networks of our own balancers that begin every connection with a PROXY protocol header. Networks and bans of
        /// partners go by what it says; what comes from elsewhere is never believed.
        pub proxy_protocol: Vec<Network>,
        /// How long the name of a file that was taken, and the report about it, stay visible.
        pub visible: Duration = Duration::days(1),
        /// How long a file that broke off is kept for its partner to go on with it.
        pub partial: Duration = Duration::days(1),
        /// Whether an imported RSA host key is used. What signs with it is not proof against timing.
        pub rsa_host_key: bool = false,
    }
}

section! {
    /// What only the ERP and operators may reach. Keep it off the internet.
    pub struct Private {
        /// Where the ERP's API, the console, metrics and health are served.
        pub http: Spanned<Address> = Address::loopback(8081),
    }
}

section! {
    /// The ERP's own access.
    pub struct Erp {
        /// The bearer token. With none, one is made into `erp.token` in the data folder on first start.
        pub token: Option<Spanned<SecretRef>>,
    }
}

section! {
    /// One reader of the queue.
    pub struct ConsumerFile {
        /// The document types it wants; none means all.
        pub types: Vec<DocumentType>,
        /// Whether it gets business or rehearsal; never both.
        pub mode: Mode = Mode::Live,
        /// Where it begins when it is new: "earliest", "latest" or a time like "2026-01-31T00:00:00Z".
        pub start: Start = Start::Earliest,
        /// How often an event is handed out before it is parked and its key waits for a person.
        pub max_attempts: Spanned<u32> = 10_u32,
        /// The types whose events are given up instead of parked, so that their key goes on.
        pub dead_and_continue: Vec<DocumentType>,
    }
}

section! {
    /// What one gateway takes on at once. What is over it is told to come later, and nothing is lost.
    pub struct SettingsLimits {
        /// The largest body of any channel; a partner's own limit is below it.
        pub body: Spanned<Size> = Size::mib(1024),
        /// How many bodies are received at the same time.
        pub uploads: Spanned<u32> = 64_u32,
        /// How long a connection may take to say what it wants, before it is cut.
        pub head_wait: Duration = Duration::seconds(20),
        /// How long a body over HTTP may pause, before its connection is cut.
        pub body_wait: Duration = Duration::seconds(30),
        /// How many arrivals may wait for a worker.
        pub waiting: Spanned<u32> = 1024_u32,
        /// Threads that read, check and map; 0 means one per core.
        pub workers: u32 = 0_u32,
        /// Bodies up to this size are held in memory, larger ones on disk.
        pub inline: Size = Size::mib(1),
    }
}

section! {
    /// How long documents must be kept. Nothing is deleted yet, whatever this says: it is checked and held for the job that
    /// archives and deletes.
    pub struct Retention {
        /// How long, unless the type says otherwise. At least 400 days: until then its duplicate may still come.
        pub keep: Spanned<Duration> = Duration::days(3650),
        /// Where what is deleted is to be archived before, below the data folder unless the path is absolute.
        pub archive: PathBuf = "archive",
        /// How long by document type, like `invoice = "3650 days"`.
        pub types: Entries<Spanned<Duration>, DocumentType>,
    }
}

section! {
    /// What is logged, and how.
    pub struct LogSettings {
        /// "json", "pretty", or "auto": pretty for a terminal, JSON for everything else.
        pub format: LogFormat = LogFormat::Auto,
        /// How much: "error", "warn", "info", "debug", "trace", or by room, like "info,gangway::x12=debug".
        pub level: String = "info",
    }
}

section! {
    /// The numbers of interchanges that go out.
    pub struct ControlNumbers {
        /// How far they jump after a restore, so that none that was used since the backup is used again.
        pub restore_stride: u32 = 1000_u32,
    }
}

choice! {
    /// How log lines are written.
    pub enum LogFormat {
        /// Pretty for a terminal, JSON for everything else.
        Auto = "auto",
        /// One JSON object per line.
        Json = "json",
        /// For people.
        Pretty = "pretty",
    }
}

/// One reader of the queue.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Consumer {
    /// Its name in URLs.
    #[serde(skip)]
    pub name: String,
    /// The document types it wants; empty means all.
    pub types: Vec<DocumentType>,
    /// Live or test.
    pub mode: Mode,
    /// Where it begins when it is new.
    pub start: Start,
    /// How often an event is handed out before it is parked.
    pub max_attempts: u32,
    /// The types whose events are given up instead of parked.
    pub dead_and_continue: Vec<DocumentType>,
}

/// The settings of one gateway, checked, their folders resolved.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Settings {
    /// The file that they were read from, or would have been; absent where there can be none.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// The folder where relative paths start.
    #[serde(skip)]
    pub root: PathBuf,
    /// The folder of everything that is recorded.
    pub data: PathBuf,
    /// The folder of partner files.
    pub partners: PathBuf,
    /// The folder of mapping files.
    pub mappings: PathBuf,
    /// What suppliers reach.
    pub public: Public,
    /// Who we are on AS2.
    pub as2: As2,
    /// Where we call.
    pub calls: Calls,
    /// Who is told when a person has to look.
    pub alerts: Alerts,
    /// Who else issues tokens for the supplier API.
    pub oauth: OAuth,
    /// The SFTP drop boxes.
    pub sftp: Sftp,
    /// What only the ERP and operators may reach.
    pub private: Private,
    /// The ERP's own access.
    pub erp: Erp,
    /// Who reads the queue; never empty.
    #[serde(serialize_with = "by_name")]
    pub consumers: Vec<Consumer>,
    /// What one gateway takes on at once.
    pub limits: SettingsLimits,
    /// How long documents are kept.
    pub retention: Retention,
    /// What is logged.
    pub log: LogSettings,
    /// The numbers of interchanges that go out.
    pub control_numbers: ControlNumbers,
}

impl Calls {
    /// Says of an address whether a host's name may lead there, though it is our own.
    pub fn reach(&self) -> impl Fn(IpAddr) -> bool + Send + Sync + 'static {
        let inside = self.inside.clone();
        move |address| inside.iter().any(|network| network.contains(address))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::at(Path::new(""))
    }
}

impl Settings {
    /// Reads the settings from `path`; with none, from `gangway.toml` where one stands, if it is there. What is wrong
    /// is told, and has its default in the settings: who starts a gateway looks at the diagnostics first.
    pub fn load(path: Option<&Path>) -> (Self, Vec<Diagnostic>) {
        let path = match path {
            Some(path) => path,
            None if Path::new(FILE).exists() => Path::new(FILE),
            None => return (Self { file: Some(FILE.into()), ..Self::default() }, Vec::new()),
        };
        let root = path.parent().unwrap_or_else(|| Path::new(""));
        // A pipe is read once.
        let file = path.is_file().then(|| path.to_owned());
        let (settings, findings) = match Source::read(path, &path.display().to_string()) {
            Ok(source) => Self::parse(&source, root),
            Err(unreadable) => (Self::at(root), vec![*unreadable]),
        };
        (Self { file, ..settings }, findings)
    }

    /// The defaults, with relative paths starting at `root`.
    pub fn at(root: &Path) -> Self {
        Self::from_file(defaults::<SettingsFile>(), root)
    }

    /// Reads the settings from a text; relative paths start at `root`.
    pub fn parse(source: &std::sync::Arc<Source>, root: &Path) -> (Self, Vec<Diagnostic>) {
        let (file, mut findings) = super::read_file::<SettingsFile>(source, SHAPE);
        for consumer in file.iter().flat_map(|file| &file.consumers) {
            let attempts = &consumer.value.max_attempts;
            if **attempts == 0 {
                let told = Diagnostic::error(codes::OUT_OF_RANGE, "with 0, every event would be parked unseen");
                findings.push(told.at(&attempts.origin, "at least 1"));
            }
        }
        let settings = Self::from_file(file.unwrap_or_else(defaults), root);
        settings.check(&mut findings);
        (settings, findings)
    }

    /// What the settings refer to and is not there: certificates (an error), and secrets (a warning, since a check
    /// often runs where the secrets are not).
    pub fn inspect(&self) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        for secret in self.erp.token.iter().chain(&self.as2.key).chain(&self.alerts.secrets) {
            if let Err(error) = secret.resolve(&self.root) {
                let told = Diagnostic::warning(codes::SECRET_UNREADABLE, format!("{error}")).at(&secret.origin, "");
                findings.push(told.hint("a gateway with these settings cannot start here"));
            }
        }
        for path in [&self.public.certificate, &self.public.key, &self.as2.certificate].into_iter().flatten() {
            if let Err(error) = std::fs::File::open(self.resolve(path)) {
                let message = format!("{} cannot be read: {error}", self.resolve(path).display());
                findings.push(Diagnostic::error(codes::UNREADABLE, message).at(&path.origin, ""));
            }
        }
        findings
    }

    /// A path of the settings, from where they stand.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// How long documents of a type are kept.
    pub fn retention(&self, kind: DocumentType) -> Duration {
        let own = self.retention.types.iter().find(|entry| entry.key == kind);
        own.map_or(*self.retention.keep, |entry| *entry.value)
    }

    /// The folder of the archive.
    pub fn archive(&self) -> PathBuf {
        self.data.join(&self.retention.archive)
    }

    fn from_file(file: SettingsFile, root: &Path) -> Self {
        let consumer = |name: &str, file: ConsumerFile| Consumer {
            name: name.to_owned(),
            types: file.types,
            mode: file.mode,
            start: file.start,
            max_attempts: *file.max_attempts,
            dead_and_continue: file.dead_and_continue,
        };
        let mut consumers: Vec<_> =
            file.consumers.0.into_iter().map(|entry| consumer(entry.key.as_str(), entry.value)).collect();
        if consumers.is_empty() {
            consumers = [("erp", Mode::Live), ("erp-test", Mode::Test)]
                .map(|(name, mode)| consumer(name, ConsumerFile { mode, ..defaults::<ConsumerFile>() }))
                .into();
        }
        Self {
            file: None,
            root: root.to_owned(),
            data: root.join(file.data),
            partners: root.join(file.partners),
            mappings: root.join(file.mappings),
            public: file.public,
            as2: file.as2,
            calls: file.calls,
            alerts: file.alerts,
            oauth: file.oauth,
            sftp: file.sftp,
            private: file.private,
            erp: file.erp,
            consumers,
            limits: file.limits,
            retention: file.retention,
            log: file.log,
            control_numbers: file.control_numbers,
        }
    }

    fn check(&self, findings: &mut Vec<Diagnostic>) {
        self.check_listeners(findings);
        self.check_retention(findings);
        self.check_as2(findings);
        for limit in [&self.limits.uploads, &self.limits.waiting, &self.sftp.connections] {
            if **limit == 0 {
                let told = Diagnostic::error(codes::OUT_OF_RANGE, "with 0, nothing would ever be taken");
                findings.push(told.at(&limit.origin, "at least 1"));
            }
        }
        if self.limits.body.get() == 0 {
            let told = Diagnostic::error(codes::OUT_OF_RANGE, "with 0, nothing would ever be taken");
            findings.push(told.at(&self.limits.body.origin, "more than 0"));
        }
    }

    fn check_listeners(&self, findings: &mut Vec<Diagnostic>) {
        let listeners = [
            ("public.http", &self.public.http),
            ("public.https", &self.public.https),
            ("sftp.address", &self.sftp.address),
            ("private.http", &self.private.http),
        ];
        for (index, (name, one)) in listeners.iter().enumerate() {
            for (other_name, other) in listeners.iter().take(index).filter(|(_, other)| other.clashes(one)) {
                let message = format!("`{name}` and `{other_name}` both want {}", ***one);
                let (first, second) = if one.origin.source().is_some() { (one, other) } else { (other, one) };
                let told = Diagnostic::error(codes::SAME_ADDRESS, message);
                let told = told.at(&first.origin, "").at(&second.origin, "here too");
                findings.push(told.hint("give each its own port, or turn one \"off\""));
            }
        }
        match *self.private.http {
            Address::Off => findings.push(
                Diagnostic::error(codes::CONTRADICTION, "without the private listener the ERP reaches nothing")
                    .at(&self.private.http.origin, "")
                    .hint("give it an address, like \"127.0.0.1:8081\""),
            ),
            Address::At(at) if !at.ip().is_loopback() => findings.push(
                Diagnostic::warning(codes::PRIVATE_EXPOSED, "the private listener can be reached from other machines")
                    .at(&self.private.http.origin, "")
                    .hint("fine inside a container or behind a firewall; it must never be reachable for suppliers"),
            ),
            Address::At(_) => {}
        }
        let public = &self.public;
        if let Some((present, missing)) = match (&public.certificate, &public.key) {
            (Some(certificate), None) => Some((certificate, "key")),
            (None, Some(key)) => Some((key, "certificate")),
            _ => None,
        } {
            let told =
                Diagnostic::error(codes::HALF_A_CERTIFICATE, format!("`public.{missing}` is missing beside this"));
            findings.push(told.at(&present.origin, "").hint("a certificate and its key are given together"));
        }
    }

    fn check_as2(&self, findings: &mut Vec<Diagnostic>) {
        let as2 = &self.as2;
        let sound = |id: &str| (1..=128).contains(&id.len()) && id.bytes().all(|b| (b' '..=b'~').contains(&b));
        if !sound(&as2.id) || as2.id.contains(['"', '\\']) {
            let told = Diagnostic::error(codes::BAD_VALUE, "an AS2 id has 1 to 128 printable ASCII characters");
            findings.push(told.at(&as2.id.origin, "").hint("without quotes and backslashes"));
        }
        if let Some(url) = &as2.url
            && !(url.starts_with("https://") || url.starts_with("http://"))
        {
            let told = Diagnostic::error(codes::BAD_VALUE, "this is not a whole URL");
            findings.push(told.at(&url.origin, "").hint("like \"https://edi.example.com/as2\""));
        }
        let half = match (&as2.certificate, &as2.key) {
            (Some(certificate), None) => Some((&certificate.origin, "key")),
            (None, Some(key)) => Some((&key.origin, "certificate")),
            _ => None,
        };
        if let Some((origin, missing)) = half {
            let told = Diagnostic::error(codes::HALF_A_CERTIFICATE, format!("`as2.{missing}` is missing beside this"));
            findings.push(told.at(origin, "").hint("a certificate and its key are given together"));
        }
    }

    fn check_retention(&self, findings: &mut Vec<Diagnostic>) {
        for keep in self.retention.types.iter().map(|entry| &entry.value).chain([&self.retention.keep]) {
            if **keep < DEDUPE_WINDOW {
                let message = format!("{} is shorter than the {DEDUPE_WINDOW} in which a duplicate may come", **keep);
                let told = Diagnostic::error(codes::RETENTION_TOO_SHORT, message).at(&keep.origin, "");
                findings.push(told.hint(format!("write \"{DEDUPE_WINDOW}\" or more")));
            }
        }
    }
}

fn by_name<S: serde::Serializer>(consumers: &[Consumer], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(consumers.iter().map(|consumer| (&consumer.name, consumer)))
}

/// A table with nothing written in it.
fn defaults<T: FromNode>() -> T {
    T::absent().expect("every setting has a default")
}
