//! Writes receipts (RFC 4130 §7.2, §7.4).

use super::{
    super::{
        algorithm::{Digest, Scheme, Spelling},
        cms::{self, SignOptions},
        disposition::Disposition,
        entropy::token,
        fault::Fault,
        headers::{Request, write_name},
        key::OwnKey,
        mic::Mic,
        receive::Tools,
    },
    HttpMessage,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{Timestamp, tz::TimeZone};

/// How our receipts for a partner are.
#[derive(Debug, Clone)]
pub struct ReceiptTerms<'a> {
    /// The key that signs them; without one they are not signed.
    pub key: Option<&'a OwnKey>,
    /// The scheme of the signature, where the key leaves a choice.
    pub scheme: Scheme,
    /// How digests are spelled where the partner's own spelling is not known.
    pub spelling: Spelling,
    /// The receipt's own Message-ID.
    pub message_id: &'a str,
    /// What software this is, as `Reporting-UA`.
    pub product: &'a str,
}

/// The receipt for `request`: signed where it was asked to be, with the first listed digest that we have. It goes back
/// on the connection, or to where the partner's file says; the bytes are the same.
///
/// `mic` belongs to messages that were taken; one that was refused has none.
pub fn write(
    request: &Request,
    disposition: &Disposition,
    mic: Option<&Mic>,
    terms: &ReceiptTerms<'_>,
    tools: Tools<'_>,
) -> Result<HttpMessage, Fault> {
    let wanted = request.receipt.clone().unwrap_or_default();
    let (our_name, their_name) = (write_name(&request.to)?, write_name(&request.from)?);
    let boundary = format!("gangway-{}", token(tools.entropy));
    let report_type = format!("multipart/report; report-type=disposition-notification; boundary=\"{boundary}\"");
    let report = report(request, &our_name, disposition, mic, terms, &boundary, tools.now);
    let (content_type, body) = match terms.key.filter(|_| wanted.signed && !wanted.lists_only_unsupported()) {
        None => (report_type, report),
        Some(key) => {
            let mut signed = format!("Content-Type: {report_type}\r\n\r\n").into_bytes();
            signed.extend_from_slice(&report);
            let asked = wanted.digest();
            let options = SignOptions {
                scheme: terms.scheme,
                digest: asked.map_or(Digest::Sha256, |(digest, _)| digest),
                with_certificate: true,
                algorithm_protection: false,
                now: tools.now,
            };
            let signature = cms::sign(&signed, false, key, &options)?;
            let (_, used) = key.signs_with(options.scheme, options.digest);
            let label = match asked {
                Some((digest, label)) if digest == used => label,
                _ => used.name(terms.spelling),
            };
            let outer = format!("gangway-{}", token(tools.entropy));
            let content_type = format!(
                "multipart/signed; protocol=\"application/pkcs7-signature\"; micalg={label}; boundary=\"{outer}\""
            );
            (content_type, signed_multipart(&signed, &signature, &outer))
        }
    };
    let headers = [
        ("AS2-Version", "1.2".to_owned()),
        ("AS2-From", our_name),
        ("AS2-To", their_name),
        ("EDIINT-Features", "multiple-attachments".to_owned()),
        ("Message-ID", terms.message_id.to_owned()),
        ("Date", date(tools.now)),
        ("Subject", "Message disposition notification".to_owned()),
        ("MIME-Version", "1.0".to_owned()),
        ("Content-Type", content_type),
        ("Content-Length", body.len().to_string()),
    ];
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(HttpMessage { headers, body })
}

/// What is signed, and its signature in base64, which every product reads.
fn signed_multipart(signed: &[u8], signature: &[u8], boundary: &str) -> Vec<u8> {
    [format!("--{boundary}\r\n").as_bytes(), signed, &signature_part(signature, boundary)].concat()
}

/// The end of a multipart/signed: a signature in base64, and the edges around it.
pub(in super::super) fn signature_part(signature: &[u8], boundary: &str) -> Vec<u8> {
    let head = format!(
        "\r\n--{boundary}\r\n\
         Content-Type: application/pkcs7-signature; name=smime.p7s; smime-type=signed-data\r\n\
         Content-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=smime.p7s\r\n\r\n"
    );
    [head.as_bytes(), &base64_lines(signature), format!("--{boundary}--\r\n").as_bytes()].concat()
}

/// Base64 in lines of 76 characters, each with its line end.
pub(in super::super) fn base64_lines(bytes: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(bytes);
    let mut lines = Vec::with_capacity(text.len() / 76 * 78 + 80);
    for line in text.as_bytes().chunks(76) {
        lines.extend_from_slice(line);
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

/// A date as mail and HTTP write it.
pub(in super::super) fn date(now: Timestamp) -> String {
    now.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn report(
    request: &Request,
    our_name: &str,
    disposition: &Disposition,
    mic: Option<&Mic>,
    terms: &ReceiptTerms<'_>,
    boundary: &str,
    now: Timestamp,
) -> Vec<u8> {
    let id = request.message_id.as_slice();
    let said = if disposition.is_accepted() {
        "was received. This is no statement about its business content."
    } else {
        "was received and could not be processed. Nothing of it was used."
    };
    let mut body = format!("--{boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\nThe message ").into_bytes();
    // The id is inside a 7-bit part: what is not ASCII stands only in the field that must repeat it.
    body.extend(id.iter().filter(|byte| byte.is_ascii_graphic()));
    body.extend_from_slice(
        format!(
            "\r\nto {our_name}, at {}, {said}\r\nDisposition: {disposition}\r\n\r\n--{boundary}\r\n\
             Content-Type: message/disposition-notification\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
             Reporting-UA: {}\r\nOriginal-Recipient: rfc822; {our_name}\r\nFinal-Recipient: rfc822; {our_name}\r\n",
            date(now),
            terms.product
        )
        .as_bytes(),
    );
    if !id.is_empty() {
        body.extend_from_slice(b"Original-Message-ID: ");
        body.extend_from_slice(id);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(
        format!("Disposition: automatic-action/MDN-sent-automatically; {disposition}\r\n").as_bytes(),
    );
    if let Some(mic) = mic.filter(|_| disposition.is_accepted()) {
        body.extend_from_slice(format!("Received-Content-MIC: {mic}\r\n").as_bytes());
    }
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body
}
