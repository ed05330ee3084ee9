//! What a partner's file refers to: certificates beside it. What is read is kept with the last good files.

use std::path::PathBuf;

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use super::{
    As2Demands, As2Sending, As2Terms, PartnerFile, codes,
    compose::{Attachment, Fetch, values},
    file::As2Section,
};
use crate::{
    as2::{certificate::Certificate, send::Quirks},
    config::{AtLeastOne, Diagnostic, Spanned},
    error::Code,
    keys,
};

/// The days before a certificate's end on which it is told about, each time more loudly.
pub const EXPIRY_DAYS: [i64; 3] = [60, 30, 7];

/// What stands in every private key in PEM.
const KEY_MARK: &str = "PRIVATE KEY-----";

/// Whose certificates a file has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Theirs,
    Ours,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Attached {
    /// The certificates that verify what the partner sends.
    pub(super) certificates: Vec<Certificate>,
    /// What the partner's server must show.
    trust: Vec<Vec<u8>>,
    /// What its system shows when it calls the supplier API.
    pub(super) callers: Vec<Vec<u8>>,
    /// Our certificate for its server, with its chain.
    client: Vec<Vec<u8>>,
    /// What its system may show on AS2.
    as2_callers: Vec<Vec<u8>>,
    /// The files, by the path in the partner's file.
    pub(super) files: Vec<(String, Attachment)>,
}

impl Attached {
    /// Reads everything that `file` refers to, and tells what is wrong with it.
    pub(super) fn read(file: &PartnerFile, fetch: Fetch<'_>, findings: &mut Vec<Diagnostic>) -> Self {
        let mut attached = Self::default();
        for path in file.rest.iter().flat_map(|rest| &rest.client_certificates) {
            // What follows the first are authorities, which call nobody.
            let first =
                attached.certificates_in(path, Whose::Theirs, fetch, findings).and_then(|ders| ders.into_iter().next());
            attached.callers.extend(first);
        }
        let Some(as2) = &file.as2 else { return attached };
        for path in &as2.certificates.0 {
            let Some(ders) = attached.certificates_in(path, Whose::Theirs, fetch, findings) else { continue };
            // What follows the first are authorities, which sign nothing here.
            let Some(der) = ders.first() else { continue };
            match Certificate::from_der(der) {
                Ok(certificate) => attached.certificates.push(certificate),
                Err(fault) => {
                    let told = Diagnostic::error(codes::BAD_CERTIFICATE, fault.to_string());
                    findings.push(told.at(&path.origin, "").hint("ask the partner to send it again"));
                }
            }
        }
        for path in &as2.trust {
            let ders = attached.certificates_in(path, Whose::Theirs, fetch, findings);
            attached.trust.extend(ders.into_iter().flatten());
        }
        for path in &as2.tls_certificates {
            let first =
                attached.certificates_in(path, Whose::Theirs, fetch, findings).and_then(|ders| ders.into_iter().next());
            attached.as2_callers.extend(first);
        }
        if let Some(path) = &as2.client_certificate {
            let ders = attached.certificates_in(path, Whose::Ours, fetch, findings);
            attached.client.extend(ders.into_iter().flatten());
        }
        attached
    }

    /// The certificates in a file, as DER; `None` where there is something wrong, which is told.
    fn certificates_in(
        &mut self,
        path: &Spanned<PathBuf>,
        whose: Whose,
        fetch: Fetch<'_>,
        findings: &mut Vec<Diagnostic>,
    ) -> Option<Vec<Vec<u8>>> {
        let mut told = |message: String, hint: &str| {
            findings.push(Diagnostic::error(codes::BAD_CERTIFICATE, message).at(&path.origin, "").hint(hint));
        };
        let shown = path.display();
        let bytes = match fetch(path) {
            Ok(bytes) => bytes,
            Err(e) => {
                // "certs\new.pem" is TOML, and has a line end in it.
                let hint = match path.to_string_lossy().contains(char::is_control) {
                    true => "a backslash began a special character in this path: write / in its place",
                    false => "paths start at the folder of partner files",
                };
                told(format!("the certificate {} cannot be read: {e}", shown.to_string().escape_debug()), hint);
                return None;
            }
        };
        // Whether our own key stands beside our certificate is nobody's business.
        let holds_a_key = bytes.windows(KEY_MARK.len()).any(|part| part == KEY_MARK.as_bytes());
        // What Windows calls .cer is often the bare certificate.
        let is_der = bytes.first() == Some(&0x30);
        let ders = match is_der {
            true => Ok(vec![bytes.to_vec()]),
            false => CertificateDer::pem_slice_iter(&bytes).map(|der| der.map(|der| der.to_vec())).collect(),
        };
        match ders {
            Ok(ders) if ders.is_empty() && holds_a_key => {
                told(
                    format!("{shown} is a private key, and no certificate: only its owner should have it"),
                    "tell them, and ask for a new key's certificate; a private key must not be sent",
                );
                None
            }
            Ok(ders) if ders.is_empty() => {
                told(
                    format!("{shown} holds no certificate"),
                    "PEM begins with -----BEGIN CERTIFICATE-----; openssl x509 -inform der turns a .cer or .der file into it",
                );
                None
            }
            Ok(ders) => {
                if holds_a_key && whose == Whose::Theirs {
                    let message = format!("{shown} also holds a private key: only its owner should have it");
                    let told = Diagnostic::warning(codes::BAD_CERTIFICATE, message).at(&path.origin, "");
                    findings.push(told.hint("take the key out of the file, tell them, and ask for a new one; a private key must not be sent"));
                }
                self.files.push((shown.to_string(), bytes));
                Some(ders)
            }
            Err(e) => {
                told(format!("the certificate {shown} is damaged: {e}"), "ask the partner to send it again");
                None
            }
        }
    }

    /// What is agreed about AS2.
    pub(super) fn as2(&self, section: &As2Section) -> As2Terms {
        let quirks = &section.quirks;
        As2Terms {
            id: section.id.value.clone(),
            ours: section.ours.as_ref().map(|ours| ours.value.clone()),
            url: section.url.as_ref().map(|url| url.value.clone()),
            certificates: self.certificates.clone(),
            files: named_in(section).map(|path| path.value.clone()).collect(),
            tls_certificates: self.as2_callers.iter().map(|der| keys::sha256(der)).collect(),
            from: values(&section.from),
            receipts_to: values(&section.receipts_to),
            demands: As2Demands {
                must_sign: section.must_sign,
                must_encrypt: section.must_encrypt,
                weakest_digest: section.weakest_digest,
                cipher_bits: u16::try_from(*section.cipher_bits).unwrap_or(u16::MAX),
                gcm_only: section.gcm_only,
                weak_until: section.weak_until.as_ref().map(|day| day.value),
                expired_certificates: section.expired_certificates,
            },
            sending: As2Sending {
                sign: section.sign,
                padding: section.padding,
                encrypt: section.encrypt,
                key_transport: section.key_transport,
                compress: section.compress,
                receipt: section.receipt,
                receipt_by: section.receipt_by,
                receipt_within: section.receipt_within,
                subject: section.subject.clone(),
                trust: self.trust.clone(),
                client: section.client_key.as_ref().map(|key| (self.client.clone(), key.value.clone())),
                quirks: Quirks {
                    transfer_encoding: quirks.transfer_encoding.encoding(),
                    spelling: quirks.spelling.spelling(),
                    algorithm_protection: quirks.algorithm_protection,
                    opaque_signature: quirks.opaque_signature,
                    omit_certificate: quirks.omit_certificate,
                    chunked: quirks.chunked,
                    version: quirks.version.version(),
                    lower_case_headers: quirks.lower_case_headers,
                    omit_http_transfer_encoding: !quirks.http_transfer_encoding,
                },
            },
        }
    }
}

/// The files that an AS2 section names.
fn named_in(section: &As2Section) -> impl Iterator<Item = &Spanned<PathBuf>> {
    let own = section.certificates.0.iter().chain(&section.tls_certificates);
    own.chain(&section.trust).chain(&section.client_certificate)
}

/// What the shape of `[as2]` cannot say.
pub(super) fn check(as2: &As2Section, findings: &mut Vec<Diagnostic>) {
    use crate::config::codes as config;
    let weak = as2.weak_until.is_some();
    let sound = match *as2.cipher_bits {
        128 | 192 | 256 => true,
        bits => weak && bits == 112,
    };
    if !sound {
        let told = Diagnostic::error(config::OUT_OF_RANGE, "a cipher's key has 128, 192 or 256 bits");
        findings.push(told.at(&as2.cipher_bits.origin, "").hint("112 is 3DES, and wants `weak_until` beside it"));
    }
    if as2.subject.chars().any(char::is_control) || as2.subject.len() > 255 {
        let AtLeastOne(first) = &as2.certificates;
        let at = first.first().map(|path| path.origin.clone()).unwrap_or_default();
        findings.push(
            Diagnostic::error(config::BAD_VALUE, "`as2.subject` is one line of up to 255 characters").at(&at, ""),
        );
    }
    let half = match (&as2.client_certificate, &as2.client_key) {
        (Some(certificate), None) => Some((&certificate.origin, "client_key")),
        (None, Some(key)) => Some((&key.origin, "client_certificate")),
        _ => None,
    };
    if let Some((origin, missing)) = half {
        let told = Diagnostic::error(config::HALF_A_CERTIFICATE, format!("`as2.{missing}` is missing beside this"));
        findings.push(told.at(origin, "").hint("a certificate and its key are given together"));
    }
}

/// What works now and will not for long: certificates that end, keys that are short.
pub(super) fn advice(as2: &As2Section, certificates: &[Certificate], now: Timestamp, findings: &mut Vec<Diagnostic>) {
    let all_end = certificates.iter().map(Certificate::not_after).max();
    let all_ended = all_end.is_some_and(|end| end < now) && !as2.expired_certificates;
    let any_valid = certificates.iter().any(|certificate| certificate.is_valid_at(now));
    for (path, certificate) in as2.certificates.0.iter().zip(certificates) {
        let mut told = |new: fn(Code, String) -> Diagnostic, message: String, hint: &str| {
            findings.push(new(codes::CERTIFICATE_ENDS, message).at(&path.origin, "").hint(hint));
        };
        let shown = path.display();
        // One that has a successor is only history.
        let is_last = all_end == Some(certificate.not_after());
        if certificate.not_before() > now {
            // One that lies ready beside another is as it should be.
            if !any_valid {
                let day = certificate.not_before().strftime("%Y-%m-%d");
                told(
                    Diagnostic::warning,
                    format!("the certificate {shown} is valid from {day} on, and none is valid until then"),
                    "ask the partner for the one that it uses now, and add it beside this",
                );
            }
        } else if is_last && all_ended {
            let day = certificate.not_after().strftime("%Y-%m-%d");
            told(
                Diagnostic::error,
                format!(
                    "the certificate {shown} ended on {day}, and no other is valid: what the partner signs is refused"
                ),
                "ask the partner for its next one; `expired_certificates = true` takes this one all the same",
            );
        } else if is_last && let Some(words) = ending(certificate, now) {
            told(
                Diagnostic::warning,
                format!("the certificate {shown} {words}"),
                "ask the partner for its next one, and add it beside this",
            );
        }
        if certificate.rsa_bits().is_some_and(|bits| bits < 2048) && as2.weak_until.is_none() {
            told(
                Diagnostic::warning,
                format!("the key of {shown} has fewer than 2048 bits, so what it signs is refused"),
                "ask for a longer one; `weak_until` allows this one up to a day",
            );
        }
    }
}

/// How near a certificate is to its end, in words; `None` where it is far.
pub fn ending(certificate: &Certificate, now: Timestamp) -> Option<String> {
    let left = certificate.not_after().duration_since(now).as_hours();
    let day = certificate.not_after().strftime("%Y-%m-%d");
    let [first, ..] = EXPIRY_DAYS;
    match left {
        ..0 => Some(format!("ended on {day}")),
        left if left < first * 24 => Some(format!("ends in {} days, on {day}", left / 24)),
        _ if certificate.not_before() > now => {
            Some(format!("is not valid before {}", certificate.not_before().strftime("%Y-%m-%d")))
        }
        _ => None,
    }
}
