//! What is sent: documents compressed, signed and encrypted as the partner's file says (RFC 4130 §5, RFC 5402,
//! RFC 6362), with the MIC that the receipt must tell; and the receipt held against it.

use serde::{Deserialize, Serialize};

use super::{
    algorithm::{Cipher, Digest, Scheme, Spelling, Transport},
    build::{self, Part},
    certificate::Certificate,
    content::Content,
    disposition::{Disposition, Modifier},
    entropy::token,
    fault::Fault,
    headers::write_name,
    key::OwnKey,
    mdn::{HttpMessage, Mdn, MdnSignature, date},
    mic::Mic,
    receive::Tools,
    rope::Rope,
};

/// A document to send.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// Its bytes.
    pub content: &'a [u8],
    /// Its media type.
    pub content_type: &'a str,
    /// Its name.
    pub filename: Option<&'a str>,
}

impl<'a> Document<'a> {
    fn in_memory(&self) -> Enclosure<'a> {
        let content = Content::from(self.content.to_vec());
        Enclosure { content, content_type: self.content_type, filename: self.filename }
    }
}

/// A document to send, wherever its bytes are.
#[derive(Debug, Clone)]
pub struct Enclosure<'a> {
    /// Its bytes.
    pub content: Content,
    /// Its media type.
    pub content_type: &'a str,
    /// Its name.
    pub filename: Option<&'a str>,
}

/// How messages to a partner are.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// Who we are.
    pub from: &'a str,
    /// Who they are.
    pub to: &'a str,
    /// How they are signed, if they are.
    pub sign: Option<Signing<'a>>,
    /// How they are encrypted, if they are.
    pub encrypt: Option<Encryption<'a>>,
    /// Whether and when they are compressed.
    pub compress: Compress,
    /// The receipt that is asked for.
    pub receipt: Option<ReceiptTerms<'a>>,
    /// Where the partner's software differs from others.
    pub quirks: Quirks,
}

/// How messages are signed.
#[derive(Debug, Clone)]
pub struct Signing<'a> {
    /// With this key.
    pub key: &'a OwnKey,
    /// With this digest, SHA-256 or better.
    pub digest: Digest,
    /// In this way, where the key leaves a choice.
    pub scheme: Scheme,
}

/// How messages are encrypted.
#[derive(Debug, Clone)]
pub struct Encryption<'a> {
    /// For all of these certificates: the partner's, and ours where a copy should stay readable.
    pub certificates: &'a [Certificate],
    /// With this cipher.
    pub cipher: Cipher,
    /// The content key travels like this.
    pub transport: Transport,
}

/// Whether and when messages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compress {
    /// They are not.
    #[default]
    Never,
    /// Before they are signed: the signature covers the compressed part.
    BeforeSigning,
    /// After they are signed.
    AfterSigning,
}

/// The receipt that is asked for.
#[derive(Debug, Clone)]
pub struct ReceiptTerms<'a> {
    /// Whether it should be signed.
    pub signed: bool,
    /// The digests that may be used, best first. They are listed as `optional`, which is all that products read.
    pub digests: &'a [Digest],
    /// Where an asynchronous receipt should go; none for one that comes with the response.
    pub deliver_to: Option<&'a str>,
    /// What `Disposition-Notification-To` says; nobody sends anything there.
    pub notify: &'a str,
}

/// Where partners' software differs. Each has the setting that most want as its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// The transfer encoding of CMS parts. Binary is smaller; some old products, and some balancers, want base64.
    pub transfer_encoding: TransferEncoding,
    /// How digests are spelled. Old products know only `sha256`.
    pub spelling: Spelling,
    /// Sends CMSAlgorithmProtection (RFC 6211). IBM Sterling and DataPower refuse messages that have it.
    pub algorithm_protection: bool,
    /// Signs as one opaque part instead of multipart/signed, for partners behind something that rewrites MIME.
    pub opaque_signature: bool,
    /// Leaves our certificate out of signatures, for partners whose software trips over it.
    pub omit_certificate: bool,
    /// Sends the body chunked instead of with its length. BizTalk and some balancers cannot read it. The courier's part.
    pub chunked: bool,
    /// `AS2-Version`. 1.2 says that EDIINT-Features follows; some old products insist on 1.0 or 1.1.
    pub version: Version,
    /// Writes header names in lower case, for partners whose gateway compares them so.
    pub lower_case_headers: bool,
    /// Leaves out `Content-Transfer-Encoding: binary` in the HTTP headers, where it says nothing and confuses some servers.
    pub omit_http_transfer_encoding: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            transfer_encoding: TransferEncoding::Binary,
            spelling: Spelling::Dashed,
            algorithm_protection: false,
            opaque_signature: false,
            omit_certificate: false,
            chunked: false,
            version: Version::V1_2,
            lower_case_headers: false,
            omit_http_transfer_encoding: true,
        }
    }
}

/// A transfer encoding of CMS parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferEncoding {
    /// The bytes as they are.
    Binary,
    /// In lines of base64.
    Base64,
}

/// A version of AS2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// RFC 4130.
    #[serde(rename = "1.0")]
    V1_0,
    /// With compression.
    #[serde(rename = "1.1")]
    V1_1,
    /// With EDIINT-Features.
    #[serde(rename = "1.2")]
    V1_2,
}

impl Version {
    fn text(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }
}

/// A message of any size, ready for the wire.
#[derive(Debug, Clone)]
pub struct Composed {
    /// Its headers, `Content-Length` among them.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Rope,
    /// What its receipt must say.
    pub expectation: Expectation,
}

/// A message in memory, ready for the wire.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Its headers and body. Retries send the same.
    pub http: HttpMessage,
    /// What its receipt must say.
    pub expectation: Expectation,
}

/// What a receipt must say; kept with the delivery until it comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// The message's id.
    pub message_id: String,
    /// Who we are.
    pub from: String,
    /// Who they are.
    pub to: String,
    /// Whether the receipt must be signed.
    pub signed: bool,
    /// The MIC, by each digest that the receipt may use; any of them will do. For unsigned messages that of the content
    /// without headers is among them, since RFC 4130 and RFC 5402 contradict each other there.
    pub mics: Vec<Mic>,
}

/// A Message-ID that nobody can guess, for a host name of ours.
pub fn message_id(host: &str, tools: Tools<'_>) -> String {
    let host: String = host.chars().filter(|char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-')).collect();
    format!("<{}@{}>", token(tools.entropy), if host.is_empty() { "gangway" } else { &host })
}

/// Builds a message of one or several documents, in memory.
///
/// # Errors
/// When it cannot be built on these terms.
pub fn build(
    documents: &[Document<'_>],
    subject: &str,
    message_id: &str,
    terms: &Terms<'_>,
    tools: Tools<'_>,
) -> Result<Outgoing, Fault> {
    let enclosures: Vec<_> = documents.iter().map(Document::in_memory).collect();
    let Composed { headers, body, expectation } = compose(&enclosures, subject, message_id, terms, tools)?;
    let body = body.bytes().map_err(Fault::Storage)?.into();
    Ok(Outgoing { http: HttpMessage { headers, body }, expectation })
}

/// Builds a message of one or several documents of any size; what is compressed and encrypted goes into the scratch of
/// `tools`, and documents are copied nowhere else.
///
/// # Errors
/// When it cannot be built on these terms, or a document cannot be read.
pub fn compose(
    documents: &[Enclosure<'_>],
    subject: &str,
    message_id: &str,
    terms: &Terms<'_>,
    tools: Tools<'_>,
) -> Result<Composed, Fault> {
    let (from, to) = (write_name(terms.from)?, write_name(terms.to)?);
    if !message_id.bytes().all(|byte| byte.is_ascii_graphic()) || !(1..=255).contains(&message_id.len()) {
        return Err(Fault::Settings(format!("{message_id:?} cannot be a Message-ID")));
    }
    let innermost = build::innermost(documents, tools)?;
    let mut part = innermost.clone();
    let mut covered = None;
    if terms.compress == Compress::BeforeSigning {
        part = part.compressed(&terms.quirks, tools)?;
    }
    if let Some(signing) = &terms.sign {
        let signed = part.whole();
        part = build::signed(&signed, signing, &terms.quirks, tools)?;
        covered = Some(signed);
    }
    if terms.compress == Compress::AfterSigning {
        part = part.compressed(&terms.quirks, tools)?;
    }
    if let Some(encryption) = &terms.encrypt {
        part = part.encrypted(encryption, &terms.quirks, tools)?;
    }
    let expectation = Expectation {
        message_id: message_id.to_owned(),
        from: terms.from.to_owned(),
        to: terms.to.to_owned(),
        signed: terms.receipt.as_ref().is_some_and(|receipt| receipt.signed),
        mics: expected_mics(terms, covered, innermost)?,
    };
    let headers = headers(&part, subject, message_id, (from, to), terms, tools)?;
    Ok(Composed { headers, body: part.body, expectation })
}

impl Expectation {
    /// Says whether a receipt proves that the message was received as it was sent. `Ok` has what the partner says of it,
    /// which can still be that they refused it.
    pub fn check(&self, mdn: &Mdn) -> Result<Disposition, Fault> {
        match &mdn.signature {
            MdnSignature::Holds(_) => {}
            MdnSignature::Absent if !self.signed => {}
            MdnSignature::Absent => return Err(Fault::MdnNotSigned),
            MdnSignature::Broken(fault) => {
                return Err(Fault::Signer(format!("{fault} (the signature of the receipt)")));
            }
        }
        if let Some(id) = &mdn.original_message_id
            && bare(id) != bare(self.message_id.as_bytes())
        {
            return Err(Fault::MdnOther(format!("it names {}", String::from_utf8_lossy(id))));
        }
        let other = |told: &Option<String>, own: &String| told.as_ref().filter(|told| *told != own).cloned();
        if let Some(name) = other(&mdn.from, &self.to).or_else(|| other(&mdn.to, &self.from)) {
            return Err(Fault::MdnOther(format!("it names {name:?}")));
        }
        if !mdn.disposition.is_accepted() {
            return Ok(mdn.disposition.clone());
        }
        let sent = || self.mics.first().map_or_else(String::new, Mic::to_string);
        match &mdn.mic {
            Some(told) if self.mics.iter().any(|mic| mic.agrees(told)) => Ok(mdn.disposition.clone()),
            Some(told) => Err(Fault::MdnMic { told: told.to_string(), sent: sent() }),
            // Only an unsigned receipt may leave it out; and one about a repetition, as pyas2 writes it: what it had before
            // under our id is what came again, since a message keeps its bytes and its id.
            None if !self.signed => Ok(mdn.disposition.clone()),
            None if mdn.disposition == REPETITION && mdn.original_message_id.is_some() => Ok(mdn.disposition.clone()),
            None => Err(Fault::MdnMic { told: "no MIC".into(), sent: sent() }),
        }
    }
}

/// What a partner says of a message whose first receipt did not reach us.
const REPETITION: Disposition = Disposition::Warning(Modifier::DuplicateDocument);

/// An id without the brackets that some add and others take away.
fn bare(id: &[u8]) -> &[u8] {
    let id = id.trim_ascii();
    id.strip_prefix(b"<").and_then(|id| id.strip_suffix(b">")).unwrap_or(id)
}

/// Every MIC that an honest receipt could tell.
fn expected_mics(terms: &Terms<'_>, signed: Option<Rope>, innermost: Part) -> Result<Vec<Mic>, Fault> {
    let listed = terms.receipt.as_ref().map_or(&[][..], |receipt| receipt.digests);
    let mut digests: Vec<Digest> = Vec::new();
    let signature = terms.sign.as_ref().map(|signing| signing.key.signs_with(signing.scheme, signing.digest).1);
    // Where nothing is listed, RFC 4130 has SHA-1 as the default for unsigned messages.
    let unlisted = if terms.receipt.as_ref().is_some_and(|receipt| receipt.signed) { None } else { Some(Digest::Sha1) };
    let all = signature.into_iter().chain(listed.iter().copied()).chain([Digest::Sha256]).chain(unlisted);
    for digest in all {
        if !digests.contains(&digest) {
            digests.push(digest);
        }
    }
    let is_plain = terms.encrypt.is_none() && terms.compress == Compress::Never;
    let covered = match signed {
        Some(signed) => vec![signed],
        None => {
            let (whole, body) = (innermost.whole(), innermost.body);
            if is_plain { vec![body, whole] } else { vec![whole, body] }
        }
    };
    let mut mics = Vec::new();
    for bytes in covered {
        let values = bytes.digests(&digests).map_err(Fault::Storage)?;
        for (value, digest) in values.iter().zip(&digests) {
            mics.push(Mic::new(value.as_ref().to_vec(), *digest).labelled(digest.name(terms.quirks.spelling)));
        }
    }
    Ok(mics)
}

fn headers(
    part: &Part,
    subject: &str,
    message_id: &str,
    (from, to): (String, String),
    terms: &Terms<'_>,
    tools: Tools<'_>,
) -> Result<Vec<(String, String)>, Fault> {
    let quirks = &terms.quirks;
    let subject: String = subject.chars().filter(|char| char.is_ascii_graphic() || *char == ' ').take(255).collect();
    let mut headers = vec![("AS2-Version", quirks.version.text().to_owned()), ("AS2-From", from), ("AS2-To", to)];
    if quirks.version == Version::V1_2 {
        headers.push(("EDIINT-Features", "multiple-attachments".to_owned()));
    }
    headers.push(("Message-ID", message_id.to_owned()));
    headers.push(("Date", date(tools.now)));
    headers.push(("Subject", subject));
    headers.push(("MIME-Version", "1.0".to_owned()));
    if let Some(receipt) = &terms.receipt {
        let plain = |text: &str| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if !plain(receipt.notify) || !receipt.deliver_to.is_none_or(plain) {
            return Err(Fault::Settings("the receipt's address has characters that no header can have".into()));
        }
        headers.push(("Disposition-Notification-To", receipt.notify.to_owned()));
        if receipt.signed {
            let digests: Vec<&str> = receipt.digests.iter().map(|digest| digest.name(quirks.spelling)).collect();
            let digests = if digests.is_empty() { "sha-256".to_owned() } else { digests.join(", ") };
            headers.push((
                "Disposition-Notification-Options",
                format!("signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, {digests}"),
            ));
        }
        if let Some(to) = receipt.deliver_to {
            headers.push(("Receipt-Delivery-Option", to.to_owned()));
        }
    }
    for (name, value) in &part.headers {
        // Base64 must be told; "binary" is what HTTP is anyway.
        if !(quirks.omit_http_transfer_encoding && *name == "Content-Transfer-Encoding" && value == "binary") {
            headers.push((*name, value.clone()));
        }
    }
    headers.push(("Content-Length", part.body.size().to_string()));
    let name = |name: &str| if quirks.lower_case_headers { name.to_ascii_lowercase() } else { name.to_owned() };
    Ok(headers.into_iter().map(|(header, value)| (name(header), value)).collect())
}
