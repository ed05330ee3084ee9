//! A receipt as it is stored beside what it acknowledges, with what the partner signed, so that both can be shown years
//! later, and a repetition gets the same receipt byte for byte.
//!
//! The form is this door's own, stable, and readable in the store: lines of `name: value`, an empty line, the receipt with
//! its headers, and then the signed entity with its `Content-Type`, without the payload where that stands in it.

use bytes::{BufMut, Bytes, BytesMut};

use super::evidence::{Evidence, Form};
use crate::as2::{headers::Request, mdn::HttpMessage, mime::Fields};

const OPENING: &[u8] = b"gangway-as2/2\n";
/// What was stored before payloads were left out.
const FIRST: &[u8] = b"gangway-as2/1\n";

/// What was asked of a receipt. Two messages that ask for the same get the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked(String);

impl Asked {
    /// What a message asks for.
    pub(super) fn by(request: &Request) -> Self {
        let Some(receipt) = &request.receipt else { return Self("none".into()) };
        let signed = if receipt.signed { "signed" } else { "unsigned" };
        let digests: Vec<_> = receipt.digests.iter().map(|(_, label)| label.as_str()).collect();
        let how = receipt.deliver_to.as_deref().unwrap_or("response");
        let text = format!("{signed} [{}] {how}", digests.join(" "));
        Self(text.chars().filter(|char| !char.is_control()).collect())
    }

    /// As people read it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A receipt and what proves what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredReceipt {
    /// What was asked.
    pub(super) asked: Asked,
    /// Something that no other receipt has, so that one is known again even where none was asked for.
    pub(super) mark: String,
    /// Headers and body of the receipt; `None` where none was asked for.
    pub(super) mdn: Option<HttpMessage>,
    /// What the partner signed.
    pub(super) proof: Evidence,
}

impl StoredReceipt {
    /// The stored form.
    pub(super) fn encode(&self) -> Bytes {
        let mut mdn = BytesMut::new();
        if let Some(message) = &self.mdn {
            for (name, value) in &message.headers {
                mdn.put_slice(format!("{name}: {value}\r\n").as_bytes());
            }
            mdn.put_slice(b"\r\n");
            mdn.put_slice(&message.body);
        }
        let Evidence { bytes: proof, form } = &self.proof;
        let mut out = BytesMut::with_capacity(mdn.len() + proof.len() + 256);
        out.put_slice(OPENING);
        let (asked, mark) = (&self.asked.0, &self.mark);
        let (mdn_len, proof_len) = (mdn.len(), proof.len());
        let place = match form {
            Form::Whole => "apart".to_owned(),
            Form::Around(at) => at.to_string(),
            Form::Pieces => "in pieces".to_owned(),
        };
        let head =
            format!("asked: {asked}\nmark: {mark}\nreceipt: {mdn_len}\nproof: {proof_len}\npayload: {place}\n\n");
        out.put_slice(head.as_bytes());
        out.put_slice(&mdn);
        out.put_slice(proof);
        out.freeze()
    }

    /// Reads the stored form; `None` where it is something else.
    pub(super) fn decode(stored: &Bytes) -> Option<Self> {
        let (mut rest, is_first) = match stored.strip_prefix(OPENING) {
            Some(rest) => (rest, false),
            None => (stored.strip_prefix(FIRST)?, true),
        };
        let mut take = |name: &str| -> Option<String> {
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            let (line, left) = rest.split_at_checked(end)?;
            rest = left.get(1..)?;
            let value = std::str::from_utf8(line).ok()?.strip_prefix(name)?.strip_prefix(": ")?;
            Some(value.to_owned())
        };
        let (asked, mark) = (Asked(take("asked")?), take("mark")?);
        let (mdn, proof): (usize, usize) = (take("receipt")?.parse().ok()?, take("proof")?.parse().ok()?);
        let place = if is_first { "apart".to_owned() } else { take("payload")? };
        let form = match place.as_str() {
            "apart" => Form::Whole,
            "in pieces" => Form::Pieces,
            at => Form::Around(at.parse().ok().filter(|at| *at <= proof)?),
        };
        let rest = rest.strip_prefix(b"\n")?;
        let (mdn, proof_bytes) = rest.split_at_checked(mdn)?;
        let proof = Evidence { bytes: stored.slice_ref(proof_bytes.get(..proof)?), form };
        let mdn = if mdn.is_empty() { None } else { Some(http_message(mdn)?) };
        Some(Self { asked, mark, mdn, proof })
    }
}

/// Headers and body.
fn http_message(bytes: &[u8]) -> Option<HttpMessage> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (bytes.get(..end + 2)?, bytes.get(end + 4..)?);
    let fields = Fields::parse(head).ok()?;
    // Names are stored as they were written; `Fields` has them in lower case.
    let written = std::str::from_utf8(head).ok()?;
    let headers = written.lines().filter_map(|line| line.split_once(": "));
    let headers: Vec<_> = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (headers.len() == fields.iter().count()).then(|| HttpMessage { headers, body: body.to_vec() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn receipt() -> StoredReceipt {
        StoredReceipt {
            asked: Asked("signed [sha-256] response".into()),
            mark: "m1".into(),
            mdn: Some(HttpMessage {
                headers: vec![("AS2-From".into(), "us".into()), ("Content-Length".into(), "5".into())],
                body: b"a\r\n\r\nb".to_vec(),
            }),
            proof: Evidence {
                bytes: Bytes::from_static(b"Content-Type: multipart/signed\r\n\r\n..."),
                form: Form::Around(35),
            },
        }
    }

    #[test]
    fn its_form_is_stable() {
        let stored = receipt().encode();
        assert_eq!(
            stored,
            "gangway-as2/2\nasked: signed [sha-256] response\nmark: m1\nreceipt: 41\nproof: 37\npayload: 35\n\n\
             AS2-From: us\r\nContent-Length: 5\r\n\r\na\r\n\r\nbContent-Type: multipart/signed\r\n\r\n..."
        );
        assert_eq!(StoredReceipt::decode(&stored), Some(receipt()));
        let none = StoredReceipt { mdn: None, proof: Evidence::default(), ..receipt() };
        assert_eq!(StoredReceipt::decode(&none.encode()), Some(none));
        let proof = Evidence { form: Form::Pieces, ..receipt().proof };
        let pieces = StoredReceipt { proof, ..receipt() };
        assert_eq!(StoredReceipt::decode(&pieces.encode()), Some(pieces));
        // As it was before payloads were left out.
        let first = Bytes::from_static(
            b"gangway-as2/1\nasked: signed [sha-256] response\nmark: m1\nreceipt: 41\nproof: 37\n\n\
              AS2-From: us\r\nContent-Length: 5\r\n\r\na\r\n\r\nbContent-Type: multipart/signed\r\n\r\n...",
        );
        let proof = Evidence { form: Form::Whole, ..receipt().proof };
        assert_eq!(StoredReceipt::decode(&first), Some(StoredReceipt { proof, ..receipt() }));
    }

    proptest! {
        #[test]
        fn nothing_that_is_stored_makes_it_panic(cut in 0_usize..200, extra in proptest::collection::vec(any::<u8>(), 0..50)) {
            let mut bytes = receipt().encode().to_vec();
            bytes.truncate(cut);
            bytes.extend(extra);
            let _ = StoredReceipt::decode(&bytes.into());
        }
    }
}
