//! The layers of a message on its way out, as MIME parts around each other (RFC 4130 §4, RFC 5402, RFC 6362, RFC 8551).
//!
//! A part's body is a [`Rope`], so a layer that only stands around another copies nothing of it, and a layer that changes
//! every byte writes them into the scratch once.

use super::{
    cms::{self, SignOptions},
    entropy::token,
    fault::Fault,
    mdn::{base64_lines, signature_part},
    mime::quote,
    receive::Tools,
    rope::Rope,
    send::{Enclosure, Encryption, Quirks, Signing, TransferEncoding},
};

/// So many bytes make whole lines of base64.
const LINES: usize = 57 * 1024;

/// A MIME part while it is wrapped.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Rope,
}

impl Part {
    /// A CMS part.
    fn cms(kind: &str, name: &str, cms: Rope, quirks: &Quirks, tools: Tools<'_>) -> Result<Self, Fault> {
        let (encoding, body) = match quirks.transfer_encoding {
            TransferEncoding::Binary => ("binary", cms),
            TransferEncoding::Base64 => ("base64", base64(&cms, tools)?),
        };
        let headers = vec![
            ("Content-Type", format!("application/pkcs7-mime; smime-type={kind}; name={name}")),
            ("Content-Transfer-Encoding", encoding.to_owned()),
            ("Content-Disposition", format!("attachment; filename={name}")),
        ];
        Ok(Self { headers, body })
    }

    /// Headers and body.
    pub(super) fn whole(&self) -> Rope {
        let mut head = String::new();
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut whole = Rope::from(head.into_bytes());
        whole.append(self.body.clone());
        whole
    }

    pub(super) fn compressed(&self, quirks: &Quirks, tools: Tools<'_>) -> Result<Self, Fault> {
        let cms = cms::compress_rope(&self.whole(), tools.scratch)?;
        Self::cms("compressed-data", "smime.p7z", cms, quirks, tools)
    }

    pub(super) fn encrypted(
        &self,
        encryption: &Encryption<'_>,
        quirks: &Quirks,
        tools: Tools<'_>,
    ) -> Result<Self, Fault> {
        let Encryption { certificates, cipher, transport } = *encryption;
        let whole = self.whole();
        let cms = cms::encrypt_rope(&whole, certificates, cipher, transport, tools.entropy, tools.scratch)?;
        let kind = if cipher.is_authenticated() { "authEnveloped-data" } else { "enveloped-data" };
        Self::cms(kind, "smime.p7m", cms, quirks, tools)
    }
}

/// What is signed, and its signature beside it; or around it, where the partner wants that.
pub(super) fn signed(covered: &Rope, signing: &Signing<'_>, quirks: &Quirks, tools: Tools<'_>) -> Result<Part, Fault> {
    let options = SignOptions {
        scheme: signing.scheme,
        digest: signing.digest,
        with_certificate: !quirks.omit_certificate,
        algorithm_protection: quirks.algorithm_protection,
        now: tools.now,
    };
    let cms = cms::sign_rope(covered, quirks.opaque_signature, signing.key, &options)?;
    if quirks.opaque_signature {
        return Part::cms("signed-data", "smime.p7m", cms, quirks, tools);
    }
    let (_, digest) = signing.key.signs_with(signing.scheme, signing.digest);
    let boundary = format!("gangway-{}", token(tools.entropy));
    let kind = format!(
        "multipart/signed; protocol=\"application/pkcs7-signature\"; micalg={}; boundary=\"{boundary}\"",
        digest.name(quirks.spelling)
    );
    let signature = cms.bytes().map_err(Fault::Storage)?;
    let mut body = Rope::from(format!("--{boundary}\r\n").into_bytes());
    body.append(covered.clone());
    body.push(signature_part(&signature, &boundary));
    Ok(Part { headers: vec![("Content-Type", kind)], body })
}

/// The document, or several of them as multipart/related (RFC 6362).
pub(super) fn innermost(documents: &[Enclosure<'_>], tools: Tools<'_>) -> Result<Part, Fault> {
    let part = |document: &Enclosure<'_>| {
        let printable = |text: &str| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if !document.content_type.contains('/') || !printable(document.content_type) {
            return Err(Fault::Settings(format!("{:?} is not a media type", document.content_type)));
        }
        let mut headers = vec![
            ("Content-Type", document.content_type.to_owned()),
            ("Content-Transfer-Encoding", "binary".to_owned()),
        ];
        if let Some(name) = document.filename {
            headers.push(("Content-Disposition", format!("attachment; {}", filename(name))));
        }
        Ok(Part { headers, body: document.content.clone().into() })
    };
    match documents {
        [] => Err(Fault::Settings("there is nothing to send".into())),
        [only] => part(only),
        [first, ..] => {
            let boundary = format!("gangway-{}", token(tools.entropy));
            let mut body = Rope::default();
            for document in documents {
                body.push(format!("--{boundary}\r\n").into_bytes());
                body.append(part(document)?.whole());
                body.push(b"\r\n".to_vec());
            }
            body.push(format!("--{boundary}--\r\n").into_bytes());
            let kind = format!("multipart/related; type=\"{}\"; boundary=\"{boundary}\"", first.content_type);
            Ok(Part { headers: vec![("Content-Type", kind)], body })
        }
    }
}

/// A filename parameter; names beyond ASCII as RFC 2231 has them.
fn filename(name: &str) -> String {
    if name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return format!("filename={}", quote(name));
    }
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("filename*=UTF-8''{encoded}")
}

/// A rope in lines of base64.
fn base64(rope: &Rope, tools: Tools<'_>) -> Result<Rope, Fault> {
    let mut sink = tools.scratch.begin(rope.size() / 57 * 78 + 78).map_err(Fault::Storage)?;
    let mut reader = rope.reader();
    let mut buffer = vec![0; LINES];
    loop {
        let count = cms::fill(&mut reader, &mut buffer).map_err(Fault::Storage)?;
        sink.write_all(&base64_lines(buffer.get(..count).unwrap_or_default())).map_err(Fault::Storage)?;
        if count < LINES {
            return Ok(sink.finish().map_err(Fault::Storage)?.into());
        }
    }
}
