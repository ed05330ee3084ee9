//! Who exchanges messages in these tests: keys and certificates made by OpenSSL, once per run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use gangway::as2::{
    algorithm::{Cipher, Digest, Scheme, Transport},
    certificate::Certificate,
    content::{Content, InMemory},
    entropy::System,
    headers::Request,
    key::OwnKey,
    mdn::{self, HttpMessage, Mdn},
    mime::Fields,
    receive::{self, Policy, Received, Relation, Tools},
    send::{self, Compress, Document, Encryption, Outgoing, Quirks, Signing, Terms},
};
use jiff::Timestamp;

/// Somebody with a key and a certificate.
pub(super) struct Party {
    pub(super) name: &'static str,
    pub(super) own: OwnKey,
    pub(super) certificate: Certificate,
    pub(super) key_file: PathBuf,
    pub(super) certificate_file: PathBuf,
}

impl Party {
    fn new(name: &'static str, options: &[&str]) -> Self {
        static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
        let folder = FOLDER.get_or_init(|| tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        let key_file = folder.path().join(format!("{name}.key"));
        let certificate_file = folder.path().join(format!("{name}.crt"));
        let mut arguments = vec!["req", "-x509", "-nodes", "-days", "3000", "-sha256", "-subj"];
        let subject = format!("/O=Example/CN={name}");
        arguments.push(&subject);
        arguments.extend_from_slice(options);
        arguments.extend(["-keyout", key_file.to_str().unwrap(), "-out", certificate_file.to_str().unwrap()]);
        openssl(&arguments, b"").unwrap();
        let certificate = Certificate::read_all(&fs::read(&certificate_file).unwrap()).unwrap().remove(0);
        let own = OwnKey::from_pem(&fs::read(&key_file).unwrap(), certificate.clone()).unwrap();
        Self { name, own, certificate, key_file, certificate_file }
    }
}

macro_rules! parties {
    ($($(#[$doc:meta])* $name:ident = $options:expr;)*) => {
        $($(#[$doc])* pub(super) fn $name() -> &'static Party {
            static PARTY: OnceLock<Party> = OnceLock::new();
            PARTY.get_or_init(|| Party::new(stringify!($name), &$options))
        })*
    };
}

parties! {
    /// Ourselves.
    gangway = ["-newkey", "rsa:2048"];
    /// The partner.
    acme = ["-newkey", "rsa:2048"];
    /// Somebody else.
    mallory = ["-newkey", "rsa:2048"];
    /// Partners with curves.
    curve256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    curve384 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
    curve521 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
}

/// Runs OpenSSL with `input`; gives what it prints, or what it complains of.
pub(super) fn openssl(arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    use std::io::Write;
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("these tests need OpenSSL's command line");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    if output.status.success() { Ok(output.stdout) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

pub(super) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(super) fn tools() -> Tools<'static> {
    Tools { now: Timestamp::now(), scratch: &InMemory, entropy: &System }
}

/// The headers of a message from `acme` to `gangway`, and more.
pub(super) fn request(more: &[(&str, &str)]) -> Request {
    let mut fields = Fields::default();
    for (name, value) in
        [("AS2-From", "acme"), ("AS2-To", "gangway"), ("AS2-Version", "1.2"), ("Message-ID", "<1@acme>")]
    {
        if !more.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
            fields.push(name, value.as_bytes());
        }
    }
    for (name, value) in more {
        fields.push(name, value.as_bytes());
    }
    Request::read(fields).unwrap()
}

/// Reads the headers of a message that was built.
pub(super) fn request_of(http: &HttpMessage) -> Request {
    let mut fields = Fields::default();
    for (name, value) in &http.headers {
        fields.push(name, value.as_bytes());
    }
    Request::read(fields).unwrap()
}

/// A policy that demands nothing.
pub(super) fn lenient() -> Policy {
    Policy { must_sign: false, must_encrypt: false, ..Policy::default() }
}

/// Receives as `gangway` from `acme`.
pub(super) fn receive(request: &Request, body: impl Into<Content>, policy: &Policy) -> Received {
    let keys = [gangway().own.clone()];
    let certificates = [acme().certificate.clone()];
    let relation = Relation { certificates: &certificates, keys: &keys, policy };
    receive::receive(request, body.into(), relation, tools())
}

/// How a message is sent in a test.
#[derive(Clone)]
pub(super) struct Form {
    pub(super) sign: Option<(Digest, Scheme)>,
    pub(super) encrypt: Option<(Cipher, Transport)>,
    pub(super) compress: Compress,
    pub(super) quirks: Quirks,
}

/// The twelve forms, each with CBC and GCM where there is encryption.
pub(super) fn forms() -> Vec<Form> {
    let mut forms = Vec::new();
    for sign in [None, Some((Digest::Sha256, Scheme::RsaPkcs1))] {
        for encrypt in [None, Some(Cipher::Aes256Cbc), Some(Cipher::Aes256Gcm)] {
            for compress in [Compress::Never, Compress::BeforeSigning, Compress::AfterSigning] {
                let encrypt = encrypt.map(|cipher| (cipher, Transport::Pkcs1));
                forms.push(Form { sign, encrypt, compress, quirks: Quirks::default() });
            }
        }
    }
    forms
}

/// Builds a message from one party to another.
pub(super) fn build(
    from: &Party,
    to: &Party,
    documents: &[Document<'_>],
    form: &Form,
    receipt: Option<send::ReceiptTerms<'_>>,
) -> Outgoing {
    let certificates = [to.certificate.clone()];
    let terms = Terms {
        from: from.name,
        to: to.name,
        sign: form.sign.map(|(digest, scheme)| Signing { key: &from.own, digest, scheme }),
        encrypt: form.encrypt.map(|(cipher, transport)| Encryption { certificates: &certificates, cipher, transport }),
        compress: form.compress,
        receipt,
        quirks: form.quirks.clone(),
    };
    let id = send::message_id("gangway.example", tools());
    send::build(documents, "Purchase order", &id, &terms, tools()).unwrap()
}

/// Reads a receipt from a party.
pub(super) fn read_receipt(http: &HttpMessage, from: &Party) -> Mdn {
    let mut fields = Fields::default();
    for (name, value) in &http.headers {
        fields.push(name, value.as_bytes());
    }
    assert!(mdn::is_receipt(&fields, &http.body.clone().into()));
    let rules = gangway::as2::cms::SignatureRules {
        weakest: Digest::Sha1,
        allow_weak: false,
        any_period: false,
        now: Timestamp::now(),
    };
    mdn::read(&fields, http.body.clone().into(), std::slice::from_ref(&from.certificate), &rules, &InMemory).unwrap()
}

pub(super) fn bytes(content: &Content) -> Vec<u8> {
    content.bytes(64 << 20).unwrap().to_vec()
}
