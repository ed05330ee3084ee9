//! What proves later that a message came from its partner: what they signed, with its signature, as it came.
//!
//! The document in it is kept as the message's payload already, and is most of it. So it is left out here, and where it
//! stood is noted: both together are what was signed, byte for byte. A document that was encoded or compressed inside of the
//! signature is another one than its payload, and stays.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use bytes::{Bytes, BytesMut};

use super::stored::StoredReceipt;
use crate::{
    as2::{algorithm::Digest, content::Content, receive::Proof},
    keys,
};

/// What is kept beside a receipt may have this size; above it goes into a file of its own.
const LARGEST_INLINE: u64 = 1 << 20;

/// What a partner signed, with its `Content-Type`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Its bytes, but for the payload where that stands in it.
    pub(super) bytes: Bytes,
    /// Where among these bytes the message's payload stood.
    pub(super) payload_at: Option<usize>,
}

impl Evidence {
    /// What is kept of `proof` beside `payload`; of what is large, a file in `folder`, by its digest.
    pub(super) fn keep(proof: &Proof, payload: Option<&Content>, folder: &Path) -> io::Result<Self> {
        let head = format!("Content-Type: {}\r\n\r\n", proof.content_type);
        let size = proof.body.size();
        let place = payload.and_then(|payload| payload.place_in(&proof.body));
        let (before, after) = match &place {
            Some(place) => (proof.body.slice(0..place.start), proof.body.slice(place.end..size)),
            None => (proof.body.clone(), Content::from(Bytes::new())),
        };
        if before.size() + after.size() > LARGEST_INLINE {
            return in_file(&head, &proof.body, folder);
        }
        let most = LARGEST_INLINE as usize;
        let (before, after) = (before.bytes(most)?, after.bytes(most)?);
        let mut bytes = BytesMut::with_capacity(head.len() + before.len() + after.len());
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&before);
        let payload_at = place.map(|_| bytes.len());
        bytes.extend_from_slice(&after);
        Ok(Self { bytes: bytes.freeze(), payload_at })
    }

    /// What was signed, as it came, with the payload that its message has: headers, an empty line and the body.
    fn whole(&self, payload: &[u8]) -> Vec<u8> {
        match self.payload_at.and_then(|at| self.bytes.split_at_checked(at)) {
            Some((before, after)) => [before, payload, after].concat(),
            None => self.bytes.to_vec(),
        }
    }
}

/// What a partner signed of a message, as it came, from the receipt and the payload that the record has of it: headers, an
/// empty line and the body. `None` where it was not signed, or came on another channel.
pub fn evidence(receipt: &Bytes, payload: &[u8]) -> Option<Vec<u8>> {
    let stored = StoredReceipt::decode(receipt)?;
    let whole = stored.proof.whole(payload);
    (!whole.is_empty()).then_some(whole)
}

fn in_file(head: &str, body: &Content, folder: &Path) -> io::Result<Evidence> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(head.as_bytes())?;
    body.each(|piece| file.write_all(piece))?;
    let digest = body.digest(Digest::Sha256)?;
    let name = format!("{}.as2", keys::hex(digest.as_ref()));
    file.as_file().sync_all()?;
    file.persist(folder.join(&name)).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()?;
    Ok(Evidence { bytes: format!("In the file as2/proofs/{name}\r\n").into(), payload_at: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(body: &Content) -> Proof {
        Proof { content_type: "multipart/signed; boundary=b".into(), body: body.clone() }
    }

    #[test]
    fn the_payload_is_left_out_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let body = Content::from(b"--b\r\n\r\nISA*payload~\r\n--b\r\nsignature\r\n--b--".to_vec());
        let payload = body.slice(7..19);
        let whole =
            "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nISA*payload~\r\n--b\r\nsignature\r\n--b--";
        let kept = Evidence::keep(&proof(&body), Some(&payload), folder.path()).unwrap();
        assert!(!kept.bytes.windows(3).any(|three| three == b"ISA"), "{:?}", kept.bytes);
        assert_eq!(kept.whole(&payload.bytes(99).unwrap()), whole.as_bytes());
        // Equal bytes that stand elsewhere are no part of it, and what is no part of it leaves nothing out.
        for payload in [Some(Content::from(b"ISA*payload~".to_vec())), None] {
            let kept = Evidence::keep(&proof(&body), payload.as_ref(), folder.path()).unwrap();
            assert_eq!((kept.payload_at, kept.whole(b"whatever")), (None, whole.as_bytes().to_vec()));
        }
    }

    #[test]
    fn a_large_payload_leaves_little_and_what_is_large_without_it_is_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let body = Content::from([vec![b'a'; 10], vec![b'p'; 3 << 20], vec![b'z'; 20]].concat());
        let payload = body.slice(10..10 + (3 << 20));
        let kept = Evidence::keep(&proof(&body), Some(&payload), folder.path()).unwrap();
        assert!(kept.bytes.len() < 100);
        let part = body.slice(10..20);
        let kept = Evidence::keep(&proof(&body), Some(&part), folder.path()).unwrap();
        assert!(kept.bytes.starts_with(b"In the file as2/proofs/"), "{:?}", kept.bytes);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
