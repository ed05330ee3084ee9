//! `gangway as2`: sends one message by hand, and takes a captured message or receipt apart: what a partner manager needs
//! on the phone.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{CONFIGURATION, FINDINGS, TRY_AGAIN, USAGE, exit, operate::Where, print_text};
use crate::{
    as2::{
        cms::SignatureRules,
        content::{Content, InMemory},
        entropy::System,
        headers::Request,
        key::OwnKey,
        mdn::{self, Mdn, MdnSignature},
        mime::{Entity, Fields},
        receive::{self, Accepted, Layer, Policy, Received, Relation, Tools},
        send::{self, Composed, Enclosure},
    },
    config::Settings,
    document::MessageId,
    doors::as2::{Caller, Layers, Ring, compose, evidence, ring},
    ledger::sqlite::SqliteLedger,
    mapping::Library,
    net::Egress,
    partner::{Directory, Loader, Partner, Receipt, ReceiptBy, Sources},
};

/// How long the partner's server may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// What is larger than this when it is sent is not held in memory.
const INLINE: usize = 1 << 20;
/// The largest file that is looked at.
const LARGEST: u64 = 512 << 20;

/// Sends a message by hand, and takes captured ones apart.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Send a file to a partner now, and tell what its receipt proves. Nothing is recorded.
    ///
    /// The message is signed, encrypted and compressed as the partner's file says. The receipt is asked for in the
    /// answer, also where the file wants it on its own.
    Send {
        /// The file.
        file: PathBuf,
        /// To whom.
        #[arg(long, value_name = "ID")]
        partner: String,
        /// Its media type.
        #[arg(long, value_name = "TYPE", default_value = "application/edi-x12")]
        content_type: String,
        /// Also write the message as it goes on the wire into this file.
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
        #[command(flatten)]
        at: Where,
    },
    /// Take a message or a receipt apart, layer by layer: what verifies, and why not.
    ///
    /// The file has HTTP headers, an empty line and the body, as a proxy or `data/as2/refused` keeps it; a bare CMS
    /// structure will do. Exits with 1 where it would be refused.
    Show {
        /// The file.
        file: PathBuf,
        /// Whose it is, where its AS2-From does not tell.
        #[arg(long, value_name = "ID")]
        partner: Option<String>,
        #[command(flatten)]
        at: Where,
    },
    /// Write what a partner signed of a received message, with the signature, exactly as it came: what proves that the
    /// message is theirs.
    ///
    /// `gangway as2 show FILE --partner ID` verifies it, and any software for S/MIME does. Exits with 1 where the message was
    /// not signed.
    Evidence {
        /// The message's id, as `gangway find` tells it.
        message: MessageId,
        /// Into this file.
        #[arg(long, value_name = "FILE")]
        into: PathBuf,
        #[command(flatten)]
        at: Where,
    },
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Send { file, partner, content_type, save, at } => {
            let settings = at.settings()?;
            let partner = whose(&directory(&settings), &partner)?;
            send_file(&settings, &partner, &file, &content_type, save.as_deref())
        }
        Command::Evidence { message, into, at } => write_evidence(&at.settings()?, message, &into),
        Command::Show { file, partner, at } => show(&at.settings()?, &file, partner.as_deref()),
    }
}

fn directory(settings: &Settings) -> Directory {
    let (library, _) = Library::load(Some(&settings.mappings));
    Loader::new(Sources::of(settings)).preview(&|id| library.by_id(id).is_some()).0
}

fn whose(directory: &Directory, id: &str) -> anyhow::Result<Arc<Partner>> {
    let found = directory.partner(id).cloned();
    found.ok_or_else(|| exit(USAGE, format!("there is no partner {id:?}, or its file is broken: gangway check tells")))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let told = |error: std::io::Error| exit(USAGE, format!("{}: {error}", file.display()));
    if fs::metadata(file).map_err(told)?.len() > LARGEST {
        return Err(exit(USAGE, format!("{} is larger than 512 MiB", file.display())));
    }
    fs::read(file).map_err(told)
}

fn send_file(
    settings: &Settings,
    partner: &Partner,
    file: &Path,
    content_type: &str,
    save: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let mut partner = partner.clone();
    let Some(as2) = &mut partner.as2 else { return Err(exit(USAGE, "the partner's file has no [as2]")) };
    as2.sending.receipt_by = ReceiptBy::Response;
    let url = as2.url.clone().ok_or_else(|| exit(USAGE, "the partner's file has no `url` in [as2]"))?;
    let from = as2.ours.as_ref().map_or_else(|| settings.as2.id.value.clone(), ToString::to_string);
    let (ring, _) = Ring::open(settings).map_err(|error| exit(CONFIGURATION, error))?;
    let now = Timestamp::now();
    let id = send::message_id("gangway", tools(now));
    let name = file.file_name().and_then(|name| name.to_str());
    let scratch = Layers::at(&std::env::temp_dir(), INLINE)?;
    let content = scratch.file(file).map_err(|error| exit(USAGE, format!("{}: {error}", file.display())))?;
    let document = Enclosure { content, content_type, filename: name };
    let message = compose(&partner, &from, &id, &[document], &ring, None, now, &scratch);
    let Composed { headers, body, expectation } = message.map_err(|fault| exit(CONFIGURATION, fault))?;
    if let Some(save) = save {
        let mut file = fs::File::create(save)?;
        for (name, value) in &headers {
            write!(file, "{name}: {value}\r\n")?;
        }
        file.write_all(b"\r\n")?;
        body.each(|piece| file.write_all(piece))?;
    }
    print_text(&format!("Sending {} bytes as {id} to {url}\n", body.size()))?;
    let caller = Caller::new(Egress::new(settings.calls.reach()), settings.root.clone());
    let Some(as2) = &partner.as2 else { return Err(exit(USAGE, "the partner's file has no [as2]")) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let reply = runtime.block_on(caller.post(url.as_str(), &headers, body, &as2.sending, PATIENCE));
    let reply = reply.map_err(|error| exit(TRY_AGAIN, error))?;
    print_text(&format!("The server answers {}\n", reply.status))?;
    let mut fields = Fields::default();
    for (name, value) in &reply.headers {
        fields.push(name.as_str(), value.as_bytes());
    }
    let body = Content::Memory(reply.body.clone());
    if !mdn::is_receipt(&fields, &body) {
        let text = String::from_utf8_lossy(&reply.body);
        print_text(&format!("There is no receipt in the answer.\n{}\n", text.chars().take(2000).collect::<String>()))?;
        let fine = as2.sending.receipt == Receipt::None && (200..300).contains(&reply.status);
        return Ok(if fine { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) });
    }
    let read = mdn::read(&fields, body, &as2.certificates, &rules(&partner, now), &InMemory);
    let mdn = read.map_err(|fault| exit(FINDINGS, format!("{}: {fault}", fault.code())))?;
    print_text(&receipt(&mdn))?;
    match expectation.check(&mdn) {
        Ok(disposition) if disposition.is_accepted() => {
            print_text("It proves that the partner has the message as it was sent.\n")?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(disposition) => {
            print_text(&format!("The partner refuses it: {disposition}\n"))?;
            Ok(ExitCode::from(FINDINGS))
        }
        Err(fault) => {
            print_text(&format!("It proves nothing: {}: {fault}\n", fault.code()))?;
            Ok(ExitCode::from(FINDINGS))
        }
    }
}

fn show(settings: &Settings, file: &Path, partner: Option<&str>) -> anyhow::Result<ExitCode> {
    let bytes = read(file)?;
    let (fields, body) = captured(&bytes).ok_or_else(|| {
        exit(USAGE, format!("{} is neither headers, an empty line and a body, nor a CMS structure", file.display()))
    })?;
    let directory = directory(settings);
    let from = fields.text("as2-from").map(|name| crate::as2::mime::unquote(name.trim()));
    let partner = match (partner, &from) {
        (Some(id), _) => Some(whose(&directory, id)?),
        (None, Some(from)) => directory.by_as2_id(from).cloned(),
        (None, None) => None,
    };
    let existing = ring::existing(settings).map_err(|error| exit(CONFIGURATION, error))?;
    let keys = existing.map(|ring| ring.keys().to_vec()).unwrap_or_default();
    let (text, fine) = shown(&fields, body, partner.as_deref(), &keys, Timestamp::now());
    print_text(&text)?;
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

fn write_evidence(settings: &Settings, id: MessageId, into: &Path) -> anyhow::Result<ExitCode> {
    let ledger = SqliteLedger::open_read_only(&settings.data).map_err(|error| exit(TRY_AGAIN, error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut file = tempfile::NamedTempFile::new_in(
        into.parent().filter(|at| *at != Path::new("")).unwrap_or_else(|| Path::new(".")),
    )?;
    let written = runtime.block_on(evidence(&ledger, id, |piece| file.write_all(piece)));
    let Some(size) = written.map_err(|error| exit(TRY_AGAIN, error))? else {
        return Err(exit(FINDINGS, format!("there is no message {id} that came signed over AS2")));
    };
    file.persist(into).map_err(|error| error.error)?;
    print_text(&format!("{size} bytes that were signed are in {}\n", into.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Headers and body of a capture: with or without a start line, or a bare structure.
fn captured(bytes: &[u8]) -> Option<(Fields, Content)> {
    if bytes.first() == Some(&0x30) {
        let mut fields = Fields::default();
        fields.push("content-type", b"application/pkcs7-mime");
        return Some((fields, bytes.to_vec().into()));
    }
    let first = bytes.split(|byte| *byte == b'\n').next()?;
    // The body of a multipart without its headers: its first line is the boundary.
    if let Some(boundary) = first.trim_ascii_end().strip_prefix(b"--") {
        let mut fields = Fields::default();
        let boundary = String::from_utf8_lossy(boundary).replace('"', "");
        fields.push("content-type", format!("multipart/signed; boundary=\"{boundary}\"").as_bytes());
        return Some((fields, bytes.to_vec().into()));
    }
    let is_start_line = first.starts_with(b"HTTP/") || first.trim_ascii_end().ends_with(b"HTTP/1.1");
    let bytes = if is_start_line { bytes.get(first.len() + 1..)? } else { bytes };
    let entity = Entity::parse(&Content::from(bytes.to_vec())).ok()?;
    entity.fields.get("content-type")?;
    Some((entity.fields, entity.body))
}

fn tools(now: Timestamp) -> Tools<'static> {
    Tools { now, scratch: &InMemory, entropy: &System }
}

fn rules(partner: &Partner, now: Timestamp) -> SignatureRules {
    let policy = partner.as2.as_ref().map(|as2| as2.demands.policy(now, partner.message_size)).unwrap_or_default();
    SignatureRules {
        weakest: policy.weakest_digest,
        allow_weak: policy.allow_weak,
        any_period: policy.any_certificate_period,
        now,
    }
}

/// A capture in words, and whether the gateway would take it.
fn shown(fields: &Fields, body: Content, partner: Option<&Partner>, keys: &[OwnKey], now: Timestamp) -> (String, bool) {
    let mut text = String::new();
    for (label, header) in [
        ("From", "as2-from"),
        ("To", "as2-to"),
        ("Message-ID", "message-id"),
        ("AS2-Version", "as2-version"),
        ("Subject", "subject"),
        ("Content-Type", "content-type"),
        ("Receipt to", "disposition-notification-to"),
        ("Receipt options", "disposition-notification-options"),
        ("Receipt on its own to", "receipt-delivery-option"),
    ] {
        if let Some(value) = fields.text(header) {
            let _ = writeln!(text, "{label}: {}", printable(&value));
        }
    }
    let name = partner.map_or("nobody we know; --partner says whose certificates to try", |partner| &partner.name);
    let _ = writeln!(text, "Partner: {name}\nBody: {} bytes\n", body.size());
    let certificates = partner.and_then(|partner| partner.as2.as_ref()).map(|as2| as2.certificates.as_slice());
    let certificates = certificates.unwrap_or_default();
    if mdn::is_receipt(fields, &body) {
        let rules = partner.map_or_else(|| rules_of(&Policy::default(), now), |partner| rules(partner, now));
        return match mdn::read(fields, body, certificates, &rules, &InMemory) {
            Ok(mdn) => {
                let holds = !matches!(mdn.signature, MdnSignature::Broken(_));
                (text + &receipt(&mdn), holds && mdn.disposition.is_accepted())
            }
            Err(fault) => {
                let _ = writeln!(text, "A receipt that cannot be read: {}: {fault}", fault.code());
                (text, false)
            }
        };
    }
    let strict = partner.and_then(|partner| Some((partner, partner.as2.as_ref()?)));
    let strict = strict.map(|(partner, as2)| as2.demands.policy(now, partner.message_size));
    let open = Policy {
        must_sign: false,
        must_encrypt: false,
        fewest_cipher_bits: 112,
        allow_weak: true,
        any_certificate_period: true,
        ..Policy::default()
    };
    let request = complete(fields);
    let Ok(request) = Request::read(request) else { return (text + "The headers cannot be read.\n", false) };
    let receive = |policy: &Policy| {
        let relation = Relation { certificates, keys, policy };
        receive::receive(&request, body.clone(), relation, tools(now))
    };
    let apart = receive(&open);
    text += &layers(&apart);
    let verdict = strict.map(|policy| receive(&policy).outcome);
    match (&apart.outcome, verdict) {
        (Err(_), _) => (text, false),
        (Ok(_), Some(Err(fault))) => {
            let _ = writeln!(text, "\nThe partner's file refuses it: {}: {fault}", fault.code());
            let _ = writeln!(text, "The receipt says: {}", fault.disposition());
            (text, false)
        }
        (Ok(_), _) => (text, true),
    }
}

fn rules_of(policy: &Policy, now: Timestamp) -> SignatureRules {
    SignatureRules { weakest: policy.weakest_digest, allow_weak: policy.allow_weak, any_period: false, now }
}

/// A capture may lack what only the transport needs.
fn complete(fields: &Fields) -> Fields {
    let mut complete = fields.clone();
    for (name, value) in [("as2-from", "unknown"), ("as2-to", "unknown"), ("message-id", "<unknown@capture>")] {
        if complete.get(name).is_none() {
            complete.push(name, value.as_bytes());
        }
    }
    complete
}

fn layers(received: &Received) -> String {
    let mut text = String::new();
    let mut indent = String::new();
    for layer in &received.layers {
        let line = match layer {
            Layer::Compressed { size } => format!("compressed (zlib); {size} bytes inside"),
            Layer::Encrypted { cipher, transport, recipient } => {
                format!("encrypted with {}, key by {transport:?}, for our certificate {recipient}", cipher.name())
            }
            Layer::Signed { digest, scheme, signer, subject } => {
                format!("signed with {digest:?} ({scheme:?}) by {subject}, certificate {signer}: it holds")
            }
        };
        let _ = writeln!(text, "{indent}{line}");
        indent.push_str("  ");
    }
    match &received.outcome {
        Ok(Accepted { payloads, mic, .. }) => {
            for payload in payloads {
                let name = payload.filename.as_deref().map(printable).unwrap_or_else(|| "without a name".into());
                let start = payload.content.start(80).unwrap_or_default();
                let start = printable(&String::from_utf8_lossy(&start));
                let (kind, size) = (printable(&payload.content_type), payload.content.size());
                let _ = writeln!(text, "{indent}{kind}, {size} bytes, {name}\n{indent}  {start}");
            }
            if let Some(mic) = mic {
                let _ = writeln!(text, "\nMIC: {mic}");
            }
        }
        Err(fault) => {
            let _ = writeln!(text, "{indent}here it ends: {}: {fault}", fault.code());
            let _ = writeln!(text, "\nThe receipt says: {}", fault.disposition());
        }
    }
    text
}

/// A receipt in words.
fn receipt(mdn: &Mdn) -> String {
    let mut text = String::new();
    let signature = match &mdn.signature {
        MdnSignature::Absent => "not signed".to_owned(),
        MdnSignature::Holds(verified) => {
            format!("signed with {:?} by {}: it holds", verified.digest, verified.certificate.subject())
        }
        MdnSignature::Broken(fault) => format!("signed, and it does not hold: {}: {fault}", fault.code()),
    };
    let _ = writeln!(text, "A receipt, {signature}");
    let original = mdn.original_message_id.as_deref().map(String::from_utf8_lossy);
    for (label, value) in [
        ("about", original.as_deref()),
        ("says", Some(mdn.disposition.to_string().as_str())),
        ("MIC", mdn.mic.as_ref().map(ToString::to_string).as_deref()),
        ("by", mdn.reporting_ua.as_deref()),
        ("text", mdn.text.as_deref()),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "  {label}: {}", printable(value));
        }
    }
    text
}

/// One line that no terminal takes for a command.
fn printable(text: &str) -> String {
    text.trim().chars().map(|char| if char.is_control() { ' ' } else { char }).take(500).collect()
}
