//! The shape of a partner's file. What reads it, its JSON Schema and its messages all follow from these declarations.

use std::{fmt, path::PathBuf};

use super::{
    AcknowledgementsIn, ApiKeyHash, ApiVersion, As2Id, As2Version, CertificationSection, Characters, Charset, Complete,
    Compression, CxmlSection, Day, Detail, DigestName, DigestSpelling, DuplicateNumber, Encoding, Encrypt, EnvelopeId,
    Fetched, Folder, FolderPath, Functional, HttpUrl, KeyTransport, NamePattern, OverlaySection, PasswordHash, Receipt,
    ReceiptBy, Repetition, RuleSeverity, SameFile, SendSection, SftpPushSection, SftpUser, Sign, SignaturePadding,
    SshKey, Status, Ta1, Usage, Version, WebhookSection, codes, sftp,
};
use crate::{
    config::{
        AtLeastOne, Duration, Entries, Key, Network, Rate, SecretRef, Shape, Size, Spanned, Wrong, did_you_mean,
        section,
    },
    document::DocumentType,
    x12,
};

/// The tables of a partner's file, and what each knows.
pub(super) const SHAPE: Shape = &[
    ("", PartnerFile::KEYS),
    ("x12", X12Section::KEYS),
    ("rest", RestSection::KEYS),
    ("as2", As2Section::KEYS),
    ("as2.quirks", As2Quirks::KEYS),
    ("sftp", SftpSection::KEYS),
    ("sftp_push", SftpPushSection::KEYS),
    ("certification", CertificationSection::KEYS),
    ("webhook", WebhookSection::KEYS),
    ("cxml", CxmlSection::KEYS),
    ("send", SendSection::KEYS),
    ("limits", LimitsSection::KEYS),
];

/// What only one partner can have, so that no template sets it.
pub(super) const OWN: &[&str] = &[
    "name",
    "template",
    "status",
    "vendor_number",
    "x12.ids",
    "rest.api_keys",
    "rest.client_certificates",
    "rest.oauth_clients",
    "as2.id",
    "as2.url",
    "as2.certificates",
    "as2.ours",
    "as2.receipts_to",
    "as2.tls_certificates",
    "as2.client_certificate",
    "as2.client_key",
    "sftp.users",
    "sftp.keys",
    "sftp.passwords",
    "sftp_push.server",
    "sftp_push.user",
    "sftp_push.host_keys",
    "sftp_push.key",
    "sftp_push.password",
    "sftp_push.collect_from",
    "webhook.url",
    "webhook.secrets",
    "cxml.ids",
    "cxml.ours",
    "cxml.sender",
    "cxml.secret",
    "cxml.url",
    "cxml.their_secrets",
];

section! {
    /// One partner: who it is, how it connects, and what is agreed. The file's name is the partner's id.
    pub struct PartnerFile {
        /// The name people use.
        pub name: Spanned<String>,
        /// The template whose settings hold where this file has none: a file of `templates/`, or a built-in one.
        pub template: Option<Spanned<String>>,
        /// "onboarding" connects and queues nothing, "test" feeds test consumers only, "live" is business, and
        /// "suspended" is told to come later.
        pub status: Spanned<Status> = Status::Onboarding,
        /// The ERP's number of this partner.
        pub vendor_number: Option<Spanned<String>>,
        /// X12: who is who in the envelopes, and what is agreed.
        pub x12: Option<X12Section>,
        /// The supplier API.
        pub rest: Option<RestSection>,
        /// AS2.
        pub as2: Option<As2Section>,
        /// SFTP.
        pub sftp: Option<SftpSection>,
        /// The partner's own SFTP server, to which files for it are taken.
        pub sftp_push: Option<SftpPushSection>,
        /// The partner's own endpoint for events.
        pub webhook: Option<WebhookSection>,
        /// cXML: who is who, where documents are posted, and the shared secrets.
        pub cxml: Option<CxmlSection>,
        /// Documents to the partner.
        pub send: SendSection,
        /// How much the partner may send.
        pub limits: LimitsSection,
        /// Mappings of its own, by transaction set ("855") or document ("invoice"): the mapping's id.
        pub mappings: Entries<Spanned<String>, Mapped>,
        /// What has to be seen before it goes live.
        pub certification: CertificationSection,
    }
}

section! {
    /// X12: who is who in the envelopes, and what is agreed.
    pub struct X12Section {
        /// Who they are: qualifier/id as in ISA05 and ISA06, with `GS:…` where the group's id matters.
        pub ids: AtLeastOne<Spanned<EnvelopeId>>,
        /// Who we are to them.
        pub ours: Spanned<EnvelopeId>,
        /// ISA15 of what we send: "P" or "T". What comes with T feeds test consumers only, whatever stands here.
        pub usage: Usage = Usage::Production,
        /// The version of what we send them, and of what they send where neither ST03 nor GS08 says.
        pub version: Spanned<Version> = "004010".parse::<Version>().expect("a version"),
        /// Whether that version holds for what they send, whatever ST03 and GS08 say.
        pub version_fixed: bool = false,
        /// The partner whose connection carries this one: a VAN or a bureau.
        pub via: Option<Spanned<String>>,
        /// How bytes become text. No byte is ever dropped.
        pub charset: Charset = Charset::Latin1,
        /// Whether ISA11 separates repetitions: as the standard says, or never, or always.
        pub repetition: Repetition = Repetition::Auto,
        /// Whether an ISA must have exactly 106 bytes.
        pub strict: bool = false,
        /// Which characters of X12 they may use.
        pub characters: Characters = Characters::Any,
        /// Which functional acknowledgement they get.
        pub acknowledgement: Functional = Functional::F997,
        /// Whether it tells about every transaction set, or about failures only.
        pub detail: Detail = Detail::Set,
        /// When they get a TA1.
        pub ta1: Ta1 = Ta1::Errors,
        /// What an interchange number means that was used before for other bytes.
        pub duplicate_interchange: DuplicateNumber = DuplicateNumber::Hold,
        /// What a group number (GS06) means that another interchange had, from the same GS02 to the same GS03 and of the
        /// same GS01. By the standard it counts within its interchange only, and most partners restart it.
        pub duplicate_group: DuplicateNumber = DuplicateNumber::Accept,
        /// What a set number (ST02) means that another group had, from the same GS02 to the same GS03 and of the same
        /// ST01. By the standard it counts within its group only, and most partners restart it.
        pub duplicate_set: DuplicateNumber = DuplicateNumber::Accept,
        /// Whether their interchange numbers have no gaps, so that a gap is worth an alert.
        pub consecutive: bool = false,
        /// How what we send them is laid out: separators, lines, and what takes a separator's place inside values.
        pub write: Option<super::LayoutSection>,
        /// Rules that count differently for them, by name or code, like `ctt_count = "off"`.
        pub rules: Entries<RuleSeverity, RuleName>,
        /// Where their transaction sets differ from the standard.
        pub overlay: OverlaySection,
    }
}

section! {
    /// The supplier API.
    pub struct RestSection {
        /// The hashes of its API keys; several while one replaces another. Live keys begin with gw_live_, test keys,
        /// whose documents feed test consumers only, with gw_test_.
        pub api_keys: Vec<Spanned<ApiKeyHash>>,
        /// The certificates, as PEM files from the folder of this file, one of which its system has to show when it calls
        /// over TLS; several while one replaces another. With them, calls over plain HTTP are refused, and the certificate
        /// alone is enough to know it by.
        pub client_certificates: Vec<Spanned<PathBuf>>,
        /// Who it is to the issuer of tokens that [oauth] in gangway.toml names, where there is one.
        pub oauth_clients: Vec<Spanned<String>>,
        /// Whether it may name endpoints of its own at /v1/webhook_endpoints.
        pub webhook_endpoints: bool = true,
        /// The version of the API that its system was written for, by its date. Its answers keep that form until this is
        /// changed, and every answer names it as `Gangway-Version`.
        pub version: ApiVersion = ApiVersion::NEWEST,
    }
}

section! {
    /// AS2.
    pub struct As2Section {
        /// Its AS2-From, exactly as it is sent.
        pub id: Spanned<As2Id>,
        /// Where messages to it are sent. A partner that only sends needs none.
        pub url: Option<Spanned<HttpUrl>>,
        /// Its certificates as PEM files, from the folder of this file; several while one replaces another, and any
        /// of them verifies.
        pub certificates: AtLeastOne<Spanned<PathBuf>>,
        /// Who we are to it, where that is not `id` of [as2] in gangway.toml.
        pub ours: Option<Spanned<As2Id>>,
        /// The networks it may come from; none means any.
        pub from: Vec<Spanned<Network>>,
        /// Where its receipts may be sent when it asks for them apart from the response; no other address is called.
        pub receipts_to: Vec<Spanned<HttpUrl>>,
        /// Whether its messages must be signed. One that is not is refused.
        pub must_sign: bool = true,
        /// Whether its messages must be encrypted.
        pub must_encrypt: bool = true,
        /// The weakest digest of its signatures.
        pub weakest_digest: DigestName = DigestName::Sha1,
        /// How many bits the key of its cipher must have: 128, 192 or 256, or 112 while 3DES is allowed.
        pub cipher_bits: Spanned<u32> = 128_u32,
        /// Whether only GCM is taken, which tells tampering; CBC cannot.
        pub gcm_only: bool = false,
        /// The last day on which 3DES and RSA keys under 2048 bits are taken from it.
        pub weak_until: Option<Spanned<Day>>,
        /// Whether its certificates count outside their period.
        pub expired_certificates: bool = false,
        /// How our messages to it are signed, or "off".
        pub sign: Sign = Sign::Sha256,
        /// The padding of our RSA signatures: "pkcs1" or "pss".
        pub padding: SignaturePadding = SignaturePadding::Pkcs1,
        /// How our messages to it are encrypted, or "off".
        pub encrypt: Encrypt = Encrypt::Aes256Cbc,
        /// How the content key travels: "pkcs1", "oaep-sha-1" or "oaep-sha-256".
        pub key_transport: KeyTransport = KeyTransport::Pkcs1,
        /// Whether our messages are compressed: "never", "before-signing" or "after-signing".
        pub compress: Compression = Compression::Never,
        /// The receipt that our messages ask for: "signed", "unsigned" or "none".
        pub receipt: Receipt = Receipt::Signed,
        /// How it comes: in the "response", or later as a "callback" to our own URL.
        pub receipt_by: ReceiptBy = ReceiptBy::Response,
        /// How long a receipt that comes as a callback may take before the message is sent again.
        pub receipt_within: Duration = Duration::seconds(3600),
        /// The subject of our messages.
        pub subject: String = "EDI",
        /// The certificates, as PEM files, one of which its system has to show when it calls over TLS; several while one
        /// replaces another. With them, what comes in its name over plain HTTP is nobody's.
        pub tls_certificates: Vec<Spanned<PathBuf>>,
        /// What its server must show: its own certificate or an authority's, PEM; none means what browsers trust.
        pub trust: Vec<Spanned<PathBuf>>,
        /// Our certificate for its server, PEM, where it asks for one, …
        pub client_certificate: Option<Spanned<PathBuf>>,
        /// … and where its private key is kept.
        pub client_key: Option<Spanned<SecretRef>>,
        /// Where its software differs from others.
        pub quirks: As2Quirks,
    }
}

section! {
    /// Where AS2 software differs. Each setting is there for a product that needs it.
    pub struct As2Quirks {
        /// The transfer encoding of what we sign, encrypt and compress. Old products, and balancers that look into
        /// bodies, want "base64".
        pub transfer_encoding: Encoding = Encoding::Binary,
        /// How digests are spelled. Old products know only "sha256".
        pub spelling: DigestSpelling = DigestSpelling::Dashed,
        /// Whether CMSAlgorithmProtection is sent. IBM Sterling and DataPower refuse messages that have it.
        pub algorithm_protection: bool = false,
        /// Whether messages are signed as one opaque part, for partners behind something that rewrites MIME.
        pub opaque_signature: bool = false,
        /// Whether our certificate is left out of signatures, for software that trips over it.
        pub omit_certificate: bool = false,
        /// Whether bodies are sent chunked. BizTalk and some balancers cannot read that.
        pub chunked: bool = false,
        /// AS2-Version. Some old products insist on "1.0" or "1.1".
        pub version: As2Version = As2Version::V1_2,
        /// Whether header names are written in lower case, for gateways that compare them so.
        pub lower_case_headers: bool = false,
        /// Whether Content-Transfer-Encoding stands among the HTTP headers, for products that insist on it.
        pub http_transfer_encoding: bool = false,
    }
}

section! {
    /// SFTP.
    pub struct SftpSection {
        /// The names it logs in with.
        pub users: AtLeastOne<Spanned<SftpUser>>,
        /// Its public keys.
        pub keys: Vec<Spanned<SshKey>>,
        /// The hashes of its passwords, where it cannot use keys.
        pub passwords: Vec<Spanned<PasswordHash>>,
        /// The networks it may come from; none means any.
        pub sources: Vec<Spanned<Network>>,
        /// The last day on which it may use old algorithms: SHA-1, CBC, ssh-rsa. From the next day on they are refused.
        pub weak_until: Option<Spanned<Day>>,
        /// How many connections it may have at one time.
        pub sessions: Spanned<u32> = sftp::SESSIONS,
        /// How many files it may begin. What is over it is told to come later.
        pub files: Rate = sftp::FILES,
        /// How many bytes it may send within a minute. What is over it begins no further file, and is told when to come again.
        pub bytes_per_minute: Size = sftp::BYTES_PER_MINUTE,
        /// How many bytes of a second it may have, each way; none means as many as there are. What is over it is slowed down.
        pub bandwidth: Option<Size>,
        /// How many bytes of files that it began and did not finish are kept.
        pub quota: Size = sftp::QUOTA,
        /// Its own names for folders, beside inbound, outbound and receipts, like `"/upload" = "inbound"`. A file in a
        /// "staging" folder counts once it is moved into an inbound one.
        pub folders: Entries<Folder, FolderPath>,
        /// When a file of its is whole: on "close" (files with temporary names when they are renamed), on "rename"
        /// only, when a "marker" file comes, or when it was "quiet" for a while.
        pub complete: Complete = Complete::Close,
        /// What the name of a marker file ends with.
        pub marker: Spanned<String> = sftp::MARKER.to_owned(),
        /// How long a file must be quiet.
        pub quiet: Spanned<Duration> = sftp::QUIET,
        /// What its temporary names end with, beside .filepart, .part, .partial, .tmp, .temp, .upload, .incomplete.
        pub temporary: Vec<Spanned<String>>,
        /// What the same bytes under the same name are: "duplicate", or "new", so that the interchange number decides.
        pub same_file: SameFile = SameFile::Duplicate,
        /// When a file of ours is delivered: when it was "read" to its end and closed, or only when it was "removed".
        pub fetched: Fetched = Fetched::Read,
        /// How files of ours are named.
        pub names: NamePattern = NamePattern::default(),
        /// Where acknowledgements of its files are put: in "receipts" or in "outbound".
        pub acknowledgements: AcknowledgementsIn = AcknowledgementsIn::Receipts,
    }
}

section! {
    /// How much the partner may send.
    pub struct LimitsSection {
        /// Calls of the supplier API.
        pub requests: Rate = Rate::per_minute(600),
        /// Documents on all channels. What is over it waits on EDI channels, and is told to come later on REST.
        pub documents: Rate = Rate::per_day(20_000),
        /// The largest message.
        pub message_size: Spanned<Size> = Size::mib(20),
        /// Bytes of bodies over the supplier API, and over AS2, in any hour. `bandwidth` and `bytes_per_minute` of [sftp] are
        /// that for files.
        pub bytes_per_hour: Size = Size::mib(4096),
        /// Bodies that may come in over the supplier API, and over AS2, at one time.
        pub uploads: u32 = 64_u32,
    }
}

/// What a mapping of a partner's own is for: a transaction set, like `855`, or a document, like `invoice`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mapped(String);

/// A rule of X12, by its code or its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleName(String);

impl Key for Mapped {
    fn from_key(key: &str) -> Result<Self, Wrong> {
        let is_set = key.len() == 3 && key.bytes().all(|b| b.is_ascii_digit());
        if is_set || key.parse::<DocumentType>().is_ok() {
            return Ok(Self(key.to_owned()));
        }
        let wrong = Wrong::new(format!("`{key}` is no document")).code(codes::UNKNOWN_DOCUMENT);
        Err(match did_you_mean(key, DocumentType::ALL.map(DocumentType::as_str)) {
            Some(near) => wrong.hint(format!("did you mean `{near}`?")),
            None => wrong.hint("a transaction set like 855, or a document like invoice"),
        })
    }
}

impl Key for RuleName {
    fn from_key(key: &str) -> Result<Self, Wrong> {
        if x12::RULES.iter().any(|rule| rule.code.as_str() == key || rule.name == key) {
            return Ok(Self(key.to_owned()));
        }
        let wrong = Wrong::new(format!("there is no rule `{key}`")).code(codes::UNKNOWN_RULE);
        Err(match did_you_mean(key, x12::RULES.iter().map(|rule| rule.name)) {
            Some(near) => wrong.hint(format!("did you mean `{near}`?")),
            None => wrong.hint("the code that findings show, like X12-0104; `gangway explain` lists all"),
        })
    }
}

super::identity::plain_texts!(Mapped, RuleName);
