//! A partner whose whole AS2 is OpenSSL's command line: what it sends, what it reads, and its receipts. MIME and HTTP are
//! written by hand here. Debian's OpenSSL has no zlib, so compressed parts are made and read by hand, too.

use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    parties::{Party, openssl, path},
    rfc5402::in_pieces,
    wire::Said,
};

/// One of the twelve forms of RFC 4130 §2.4.2; those that are encrypted by CBC and by GCM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) sign: bool,
    pub(super) encrypt: Option<&'static str>,
    pub(super) compress: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Never,
    BeforeSigning,
    AfterSigning,
}

/// The five receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    Nothing,
    Unsigned { apart: bool },
    Signed { apart: bool },
}

pub(super) const RECEIPTS: [Asks; 5] = [
    Asks::Nothing,
    Asks::Unsigned { apart: false },
    Asks::Signed { apart: false },
    Asks::Unsigned { apart: true },
    Asks::Signed { apart: true },
];

impl Asks {
    pub(super) fn is_apart(self) -> bool {
        matches!(self, Self::Unsigned { apart: true } | Self::Signed { apart: true })
    }

    pub(super) fn is_signed(self) -> bool {
        matches!(self, Self::Signed { .. })
    }

    /// The headers that ask.
    pub(super) fn headers(self, url: &str) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        if self != Self::Nothing {
            headers.push(("Disposition-Notification-To".to_owned(), "edi@acme.example".to_owned()));
        }
        if self.is_signed() {
            let options = "signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, sha256";
            headers.push(("Disposition-Notification-Options".to_owned(), options.to_owned()));
        }
        if self.is_apart() {
            headers.push(("Receipt-Delivery-Option".to_owned(), url.to_owned()));
        }
        headers
    }
}

/// The twelve forms; with both ciphers, eighteen.
pub(super) fn forms() -> Vec<Form> {
    let mut forms = Vec::new();
    for sign in [false, true] {
        for encrypt in [None, Some("-aes-256-cbc"), Some("-aes-128-gcm")] {
            for compress in [When::Never, When::BeforeSigning, When::AfterSigning] {
                forms.push(Form { sign, encrypt, compress });
            }
        }
    }
    forms
}

/// A MIME part.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Part {
    fn new(content_type: &str, body: Vec<u8>) -> Self {
        Self { headers: vec![("Content-Type".into(), content_type.into())], body }
    }

    /// Headers and body, as a layer around it covers them.
    fn whole(&self) -> Vec<u8> {
        let mut text = String::new();
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        [text.as_bytes(), b"\r\n", &self.body].concat()
    }

    /// The part in `bytes`.
    fn parse(bytes: &[u8]) -> Self {
        let at = find(bytes, b"\r\n\r\n").expect("headers end");
        let head = String::from_utf8(bytes[..at].to_vec()).expect("headers are text");
        let headers = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let headers = headers.lines().filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        Self { headers, body: bytes[at + 4..].to_vec() }
    }

    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.as_str())
    }
}

/// A message, ready to be posted.
pub(super) struct Message {
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// What an honest receipt tells.
    pub(super) mic: String,
}

/// What `from` sends to `to`, in a form.
pub(super) fn message(document: &[u8], form: Form, from: &Party, to: &Party) -> Message {
    let innermost = Part::new("application/edi-x12", document.to_vec());
    let mut part = innermost.clone();
    let mut covered = None;
    if form.compress == When::BeforeSigning {
        part = compressed(&part);
    }
    if form.sign {
        covered = Some(part.whole());
        part = signed(&part.whole(), from);
    }
    if form.compress == When::AfterSigning {
        part = compressed(&part);
    }
    let is_plain = form.encrypt.is_none() && form.compress == When::Never;
    let covered = covered.unwrap_or_else(|| if is_plain { document.to_vec() } else { innermost.whole() });
    if let Some(cipher) = form.encrypt {
        part = encrypted(&part.whole(), cipher, to);
    }
    Message { headers: part.headers, body: part.body, mic: mic(&covered) }
}

/// Any part, signed and encrypted where that is asked for: its Content-Type and its body.
pub(super) fn wrapped(part: &[u8], sign: bool, encrypt: Option<&str>, from: &Party, to: &Party) -> (String, Vec<u8>) {
    let mut part = Part::parse(part);
    if sign {
        part = signed(&part.whole(), from);
    }
    if let Some(cipher) = encrypt {
        part = encrypted(&part.whole(), cipher, to);
    }
    (part.header("content-type").to_owned(), part.body)
}

/// The MIC over bytes, by SHA-256.
pub(super) fn mic(covered: &[u8]) -> String {
    STANDARD.encode(openssl(&["dgst", "-sha256", "-binary"], covered).unwrap())
}

fn encrypted(bytes: &[u8], cipher: &str, to: &Party) -> Part {
    let arguments = ["cms", "-encrypt", "-binary", "-outform", "DER", cipher, path(&to.certificate_file)];
    let kind = if cipher.contains("gcm") { "authEnveloped-data" } else { "enveloped-data" };
    let kind = format!("application/pkcs7-mime; smime-type={kind}; name=smime.p7m");
    Part::new(&kind, openssl(&arguments, bytes).unwrap())
}

fn compressed(part: &Part) -> Part {
    let cms = in_pieces(&part.whole(), gangway::as2::oid::ZLIB);
    Part::new("application/pkcs7-mime; smime-type=compressed-data; name=smime.p7z", cms)
}

fn signed(bytes: &[u8], by: &Party) -> Part {
    let cms = openssl(
        &[
            "cms",
            "-sign",
            "-binary",
            "-outform",
            "DER",
            "-md",
            "sha256",
            "-signer",
            path(&by.certificate_file),
            "-inkey",
            path(&by.key_file),
        ],
        bytes,
    );
    let head = "Content-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    let signature = STANDARD.encode(cms.unwrap());
    let body =
        [b"--=_edge\r\n", bytes, b"\r\n--=_edge\r\n", head.as_bytes(), signature.as_bytes(), b"\r\n--=_edge--\r\n"];
    let kind = "multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha256; boundary=\"=_edge\"";
    Part::new(kind, body.concat())
}

/// What OpenSSL finds in a message.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) document: Vec<u8>,
    pub(super) form: Form,
    /// What an honest receipt tells.
    pub(super) mic: String,
}

/// Opens what `from` sent to `to`.
pub(super) fn open(said: &Said, from: &Party, to: &Party) -> Opened {
    let mut part = Part { headers: said.headers.clone(), body: said.body.clone() };
    let mut form = Form { sign: false, encrypt: None, compress: When::Never };
    let mut covered = None;
    let mut layers = 0;
    loop {
        let kind = part.header("content-type").to_owned();
        if part.header("content-transfer-encoding") == "base64" {
            let text: String = String::from_utf8(part.body).expect("base64").split_whitespace().collect();
            part.body = STANDARD.decode(text).expect("base64");
        }
        let inner = if kind.contains("nveloped-data") {
            form.encrypt = Some(if kind.contains("authEnveloped") { "-aes-128-gcm" } else { "-aes-256-cbc" });
            let recipient = ["-recip", path(&to.certificate_file), "-inkey", path(&to.key_file)];
            let arguments = [&["cms", "-decrypt", "-binary", "-inform", "DER"][..], &recipient].concat();
            openssl(&arguments, &part.body).expect("OpenSSL decrypts it")
        } else if kind.contains("multipart/signed") {
            form.sign = true;
            let bytes = verified(&kind, &part.body, from);
            covered = Some(bytes.clone());
            bytes
        } else if kind.contains("signed-data") {
            form.sign = true;
            let trust = ["-CAfile", path(&from.certificate_file), "-certfile", path(&from.certificate_file)];
            let arguments = ["cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any"];
            let bytes = openssl(&[&arguments[..], &trust].concat(), &part.body).expect("OpenSSL verifies it");
            covered = Some(bytes.clone());
            bytes
        } else if kind.contains("compressed-data") {
            form.compress = if form.sign { When::BeforeSigning } else { When::AfterSigning };
            inflated(&part.body)
        } else {
            break;
        };
        part = Part::parse(&inner);
        layers += 1;
    }
    let covered = covered.unwrap_or_else(|| if layers == 0 { part.body.clone() } else { part.whole() });
    Opened { document: part.body, form, mic: mic(&covered) }
}

/// The part that a multipart/signed covers, once OpenSSL has verified it.
fn verified(kind: &str, body: &[u8], by: &Party) -> Vec<u8> {
    let edge = kind.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a boundary");
    let edge = format!("--{edge}\r\n").into_bytes();
    let start = find(body, &edge).expect("the first part") + edge.len();
    let end = start + find(&body[start..], &[b"\r\n", &edge[..]].concat()).expect("the second part");
    let signature = Part::parse(&body[end + 2 + edge.len()..]);
    let text = String::from_utf8(signature.body).expect("base64");
    let text: String = text.split("\r\n--").next().unwrap_or_default().split_whitespace().collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("covered");
    std::fs::write(&file, &body[start..end]).unwrap();
    let trust = ["-CAfile", path(&by.certificate_file), "-certfile", path(&by.certificate_file)];
    let arguments = ["cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any", "-content", path(&file)];
    let arguments = [&arguments[..], &trust].concat();
    let out = openssl(&arguments, &STANDARD.decode(text).expect("base64")).expect("OpenSSL verifies it");
    assert_eq!(out, body[start..end]);
    out
}

/// What is in CompressedData (RFC 3274).
fn inflated(cms: &[u8]) -> Vec<u8> {
    // ContentInfo, [0], CompressedData: version, algorithm, EncapsulatedContentInfo: type, [0], octets.
    let info = within(cms);
    let data = within(within(after(info)));
    let encapsulated = within(after(after(data)));
    let octets = within(within(after(encapsulated)));
    let mut plain = Vec::new();
    flate2::read::ZlibDecoder::new(octets).read_to_end(&mut plain).expect("zlib");
    plain
}

/// The content of the first element of DER, and what follows it.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let (mut size, mut start) = (usize::from(der[1]), 2);
    if size >= 0x80 {
        start += size - 0x80;
        size = der[2..start].iter().fold(0, |size, byte| size << 8 | usize::from(*byte));
    }
    der[start..].split_at(size)
}

fn within(der: &[u8]) -> &[u8] {
    element(der).0
}

fn after(der: &[u8]) -> &[u8] {
    element(der).1
}

/// A receipt, as OpenSSL and a plain look at its fields find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) is_signed: bool,
    pub(super) original: String,
    pub(super) disposition: String,
    /// Digest and algorithm.
    pub(super) mic: Option<(String, String)>,
}

/// Reads a receipt of `by`.
pub(super) fn receipt(said: &Said, by: &Party) -> Receipt {
    let kind = said.header("content-type").unwrap_or_default();
    let is_signed = kind.starts_with("multipart/signed");
    let report = if is_signed { Part::parse(&verified(kind, &said.body, by)).body } else { said.body.clone() };
    let report = String::from_utf8(report).expect("a report is text");
    let at = report.find("message/disposition-notification").expect("a notification");
    let field = |name: &str| {
        let found = report[at..].lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.map(str::to_owned)
    };
    let mic = field("Received-Content-MIC");
    Receipt {
        is_signed,
        original: field("Original-Message-ID").unwrap_or_default(),
        disposition: field("Disposition").unwrap_or_default(),
        mic: mic.and_then(|mic| mic.split_once(", ").map(|(value, label)| (value.to_owned(), label.to_owned()))),
    }
}

/// The receipt of `by` for a message that it opened.
pub(super) fn written(said: &Said, opened: &Opened, by: &Party) -> (Vec<(String, String)>, Vec<u8>) {
    let id = said.header("message-id").expect("an id");
    let text = format!(
        "--=_report\r\nContent-Type: text/plain\r\n\r\nIt has come.\r\n--=_report\r\n\
         Content-Type: message/disposition-notification\r\n\r\n\
         Reporting-UA: OpenSSL by hand\r\nOriginal-Recipient: rfc822; {0}\r\nFinal-Recipient: rfc822; {0}\r\n\
         Original-Message-ID: {id}\r\nDisposition: automatic-action/MDN-sent-automatically; processed\r\n\
         Received-Content-MIC: {1}, sha256\r\n\r\n--=_report--\r\n",
        said.header("as2-to").unwrap_or_default(),
        opened.mic
    );
    let kind = "multipart/report; report-type=disposition-notification; boundary=\"=_report\"";
    let mut part = Part::new(kind, text.into_bytes());
    if said.header("disposition-notification-options").is_some() {
        part = signed(&part.whole(), by);
    }
    let (from, to) = (said.header("as2-to").unwrap_or_default(), said.header("as2-from").unwrap_or_default());
    let names = [("AS2-Version", "1.1"), ("AS2-From", from), ("AS2-To", to), ("Message-ID", "<receipt@acme.example>")];
    let names = names.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    (names.chain(part.headers).collect(), part.body)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
