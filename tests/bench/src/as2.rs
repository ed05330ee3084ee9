//! The AS2 core: a message received and answered, beside the two RSA operations that nobody can do without; and a large
//! message from a file, with the memory that it takes.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey},
    signature::RSA_PKCS1_SHA256,
};
use gangway::as2::{
    algorithm::{Cipher, Digest, Scheme, Spelling, Transport},
    certificate::Certificate,
    content::{Blob, Content, InMemory, Scratch, Sink},
    disposition::Disposition,
    entropy::System,
    headers::Request,
    key::OwnKey,
    mdn,
    mime::Fields,
    receive::{Limits, Policy, Relation, Tools, receive},
    send::{self, Compress, Document, Encryption, Outgoing, Quirks, Signing, Terms},
};
use jiff::Timestamp;

use crate::stats::{median, own_processor_time, peak_resident};

#[derive(clap::Args)]
pub struct Options {
    /// How many rounds of both.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Receives one message of so many megabytes from a file, too; needs OpenSSL's command line.
    #[arg(long)]
    large: Option<u64>,
}

const PER_ROUND: u32 = 200;

struct Party {
    own: OwnKey,
    pkcs8: Vec<u8>,
}

fn party(name: &str) -> anyhow::Result<Party> {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)?;
    let certificate = rcgen::CertificateParams::new(vec![name.to_owned()])?.self_signed(&key)?;
    let pkcs8 = key.serialize_der();
    let own = OwnKey::from_pkcs8(&pkcs8, Certificate::from_der(certificate.der())?)?;
    Ok(Party { own, pkcs8 })
}

pub fn run(options: &Options) -> anyhow::Result<()> {
    let (us, partner) = (party("gangway")?, party("acme")?);
    let document: Vec<u8> = b"PO1*1*10*EA*9.99**BP*100-200*VP*A-4711~\n".iter().copied().cycle().take(10_000).collect();
    let ceiling = Ceiling::new(&us.pkcs8)?;
    println!(
        "10 KB, RSA-2048, SHA-256, signed receipt; messages per second of one core, median of {} rounds",
        options.rounds
    );
    for cipher in [Cipher::Aes256Cbc, Cipher::Aes256Gcm] {
        let sent = build(&partner, &us, &document, cipher)?;
        let (mut core, mut floor, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            let two = time(|| ceiling.both())?;
            let message = time(|| take(&sent, &us, &partner))?;
            core.push(1.0 / message);
            floor.push(1.0 / two);
            shares.push(two / message);
        }
        println!(
            "{:<12} {:>6.0}/s   two RSA operations {:>6.0}/s   share {:.3}",
            cipher.name(),
            median(&core),
            median(&floor),
            median(&shares)
        );
    }
    match options.large {
        Some(megabytes) => large(megabytes, &us, &partner),
        None => Ok(()),
    }
}

/// Seconds that the two RSA operations of a message take, the median of several rounds.
pub fn two_rsa_operations() -> anyhow::Result<f64> {
    let ceiling = Ceiling::new(&party("gangway")?.pkcs8)?;
    let rounds = (0..9).map(|_| time(|| ceiling.both())).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(median(&rounds))
}

/// Seconds of processor that one call takes.
fn time(mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let start = own_processor_time();
    for _ in 0..PER_ROUND {
        work()?;
    }
    Ok(((own_processor_time() - start) / PER_ROUND).max(Duration::from_nanos(1)).as_secs_f64())
}

/// What the primitives alone take: one unwrapped key, one signature.
struct Ceiling {
    decrypt: Pkcs1PrivateDecryptingKey,
    sign: KeyPair,
    wrapped: Vec<u8>,
}

impl Ceiling {
    fn new(pkcs8: &[u8]) -> anyhow::Result<Self> {
        let private = PrivateDecryptingKey::from_pkcs8(pkcs8).map_err(|_| anyhow::anyhow!("the key"))?;
        let public = Pkcs1PublicEncryptingKey::new(private.public_key())?;
        let mut wrapped = vec![0; public.ciphertext_size()];
        public.encrypt(&[7; 32], &mut wrapped)?;
        let sign = KeyPair::from_pkcs8(pkcs8).map_err(|_| anyhow::anyhow!("the key"))?;
        Ok(Self { decrypt: Pkcs1PrivateDecryptingKey::new(private)?, sign, wrapped })
    }

    fn both(&self) -> anyhow::Result<()> {
        let mut room = [0; 256];
        self.decrypt.decrypt(&self.wrapped, &mut room)?;
        self.sign.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"attributes", &mut room)?;
        Ok(())
    }
}

fn tools(scratch: &dyn Scratch) -> Tools<'_> {
    Tools { now: Timestamp::now(), scratch, entropy: &System }
}

fn build(from: &Party, to: &Party, document: &[u8], cipher: Cipher) -> anyhow::Result<Outgoing> {
    let certificates = [to.own.certificate().clone()];
    let terms = Terms {
        from: "acme",
        to: "gangway",
        sign: Some(Signing { key: &from.own, digest: Digest::Sha256, scheme: Scheme::RsaPkcs1 }),
        encrypt: Some(Encryption { certificates: &certificates, cipher, transport: Transport::Pkcs1 }),
        compress: Compress::Never,
        receipt: Some(send::ReceiptTerms { signed: true, digests: &[Digest::Sha256], deliver_to: None, notify: "x" }),
        quirks: Quirks::default(),
    };
    let document = Document { content: document, content_type: "application/edi-x12", filename: Some("po.edi") };
    Ok(send::build(&[document], "PO", "<1@acme>", &terms, tools(&InMemory))?)
}

/// A message from its headers and body to the bytes of its signed receipt.
fn take(sent: &Outgoing, us: &Party, partner: &Party) -> anyhow::Result<()> {
    let mut fields = Fields::default();
    for (name, value) in &sent.http.headers {
        fields.push(name, value.as_bytes());
    }
    let request = Request::read(fields)?;
    let policy = Policy::default();
    let relation = Relation {
        certificates: std::slice::from_ref(partner.own.certificate()),
        keys: std::slice::from_ref(&us.own),
        policy: &policy,
    };
    let accepted = receive(&request, sent.http.body.clone().into(), relation, tools(&InMemory)).outcome?;
    let terms = mdn::ReceiptTerms {
        key: Some(&us.own),
        scheme: Scheme::RsaPkcs1,
        spelling: Spelling::Dashed,
        message_id: "<r@gangway>",
        product: "Gangway",
    };
    let receipt = mdn::write(&request, &Disposition::Processed, accepted.mic.as_ref(), &terms, tools(&InMemory))?;
    ensure!(receipt.body.len() > 1000, "the receipt is signed");
    Ok(())
}

/// A message of OpenSSL's, signed and encrypted as a stream, received from a file into files.
fn large(megabytes: u64, us: &Party, partner: &Party) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    for (name, party) in [("us", us), ("partner", partner)] {
        fs::write(at(&format!("{name}.key")), &party.pkcs8)?;
        fs::write(at(&format!("{name}.crt")), party.own.certificate().der())?;
        let certificate = at(&format!("{name}.crt"));
        openssl(&["x509", "-inform", "DER", "-in", text(&certificate)?, "-out", text(&at(&format!("{name}.pem")))?])?;
    }
    let mut plain = io::BufWriter::new(fs::File::create(at("plain"))?);
    plain.write_all(b"Content-Type: application/octet-stream\r\n\r\n")?;
    let piece: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
    for _ in 0..megabytes {
        plain.write_all(&piece)?;
    }
    plain.flush()?;
    let (plain, signed, inner) = (at("plain"), at("signed"), at("inner"));
    let (signer, key) = (at("partner.pem"), at("partner.key"));
    openssl(&[
        "cms",
        "-sign",
        "-binary",
        "-stream",
        "-nodetach",
        "-outform",
        "DER",
        "-in",
        text(&plain)?,
        "-out",
        text(&signed)?,
        "-signer",
        text(&signer)?,
        "-keyform",
        "DER",
        "-inkey",
        text(&key)?,
    ])?;
    let mut wrapped = fs::File::create(&inner)?;
    wrapped.write_all(b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\n")?;
    io::copy(&mut fs::File::open(&signed)?, &mut wrapped)?;
    for cipher in ["-aes256", "-aes-256-gcm"] {
        let sealed = at("sealed");
        let recipient = at("us.pem");
        openssl(&[
            "cms",
            "-encrypt",
            "-binary",
            "-stream",
            cipher,
            "-outform",
            "DER",
            "-in",
            text(&inner)?,
            "-out",
            text(&sealed)?,
            text(&recipient)?,
        ])?;
        let mut fields = Fields::default();
        for (name, value) in [
            ("AS2-From", "acme"),
            ("AS2-To", "gangway"),
            ("Message-ID", "<large@acme>"),
            ("Content-Type", "application/pkcs7-mime; smime-type=enveloped-data"),
        ] {
            fields.push(name, value.as_bytes());
        }
        let request = Request::read(fields)?;
        let policy = Policy { limits: Limits { inflated: 1 << 40, ..Limits::default() }, ..Policy::default() };
        let relation = Relation {
            certificates: std::slice::from_ref(partner.own.certificate()),
            keys: std::slice::from_ref(&us.own),
            policy: &policy,
        };
        let layers = Files { folder: folder.path().to_owned(), begun: AtomicU64::new(0) };
        let size = fs::metadata(&sealed)?.len();
        let start = Instant::now();
        let body = Content::stored(Arc::new(OnDisk(sealed)), size);
        let accepted = receive(&request, body, relation, tools(&layers)).outcome?;
        let seconds = start.elapsed().as_secs_f64();
        let payload = accepted.payloads.first().context("a payload")?;
        ensure!(payload.content.size() == megabytes << 20, "the payload is whole");
        println!(
            "{cipher:<14} {megabytes} MB from a file: {seconds:.2} s, {:.0} MB/s, peak memory {} MB",
            megabytes as f64 / seconds,
            peak_resident(std::process::id()) >> 20
        );
    }
    Ok(())
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is text")
}

fn openssl(arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("openssl").args(arguments).output()?;
    ensure!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

struct OnDisk(PathBuf);

impl Blob for OnDisk {
    fn open(&self, at: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut file = fs::File::open(&self.0)?;
        file.seek(SeekFrom::Start(at))?;
        Ok(Box::new(file))
    }
}

struct Files {
    folder: PathBuf,
    begun: AtomicU64,
}

struct Layer {
    file: fs::File,
    path: PathBuf,
}

impl Write for Layer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Sink for Layer {
    fn finish(self: Box<Self>) -> io::Result<Content> {
        let size = self.file.metadata()?.len();
        Ok(Content::stored(Arc::new(OnDisk(self.path)), size))
    }
}

impl Scratch for Files {
    fn begin(&self, _: u64) -> io::Result<Box<dyn Sink>> {
        let path = self.folder.join(format!("layer{}", self.begun.fetch_add(1, Ordering::Relaxed)));
        Ok(Box::new(Layer { file: fs::File::create(&path)?, path }))
    }
}
