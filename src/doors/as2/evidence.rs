//! What proves later that a message came from its partner: what they signed, with its signature, as it came.
//!
//! The document in it is kept as the message's payload already, and is most of it. So it is left out here, and where it
//! stood is noted: both together are what was signed, byte for byte. A document that was encoded or compressed inside of the
//! signature is another one than its payload, and stays; what is large even so goes into the ledger in pieces, where every
//! node and every backup has it.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::task::spawn_blocking;

use super::stored::StoredReceipt;
use crate::{
    as2::{algorithm::Digest, content::Content, receive::Proof},
    document::MessageId,
    keys,
    ledger::{Ledger, LedgerError},
};

/// What is kept beside a receipt may have this size, and each piece of what is larger.
const PIECE: u64 = 1 << 20;
/// What the ledger remembers pieces as.
const KIND: &str = "as2 evidence";

/// What a partner signed, with its `Content-Type`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// What is kept beside the receipt.
    pub(super) bytes: Bytes,
    /// How that is to be read.
    pub(super) form: Form,
}

/// How evidence is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// Whole.
    #[default]
    Whole,
    /// Without the message's payload, which stood at this place among its bytes.
    Around(usize),
    /// In pieces: what is kept beside the receipt is their name and how many there are.
    Pieces,
}

impl Evidence {
    /// What is to be kept of `proof` beside `payload`. Where that is in pieces, [`Pieces::remember`] keeps them.
    pub(super) fn of(proof: &Proof, payload: Option<&Content>) -> io::Result<Self> {
        let head = head(proof);
        let size = proof.body.size();
        let place = payload.and_then(|payload| payload.place_in(&proof.body));
        let (before, after) = match &place {
            Some(place) => (proof.body.slice(0..place.start), proof.body.slice(place.end..size)),
            None => (proof.body.clone(), Content::from(Bytes::new())),
        };
        if before.size() + after.size() > PIECE {
            let name = keys::hex(proof.body.digest(Digest::Sha256)?.as_ref());
            let bytes = format!("{name} {}", 1 + size.div_ceil(PIECE)).into();
            return Ok(Self { bytes, form: Form::Pieces });
        }
        let (before, after) = (before.bytes(PIECE as usize)?, after.bytes(PIECE as usize)?);
        let mut bytes = BytesMut::with_capacity(head.len() + before.len() + after.len());
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&before);
        let form = place.map_or(Form::Whole, |_| Form::Around(bytes.len()));
        bytes.extend_from_slice(&after);
        Ok(Self { bytes: bytes.freeze(), form })
    }

    /// The pieces that it is in.
    pub(super) fn pieces(&self) -> Option<Pieces<'_>> {
        let text = std::str::from_utf8(&self.bytes).ok().filter(|_| self.form == Form::Pieces)?;
        let (name, count) = text.split_once(' ')?;
        Some(Pieces { name, count: count.parse().ok()? })
    }
}

/// Evidence that is kept in pieces.
pub(super) struct Pieces<'a> {
    name: &'a str,
    count: u64,
}

impl Pieces<'_> {
    fn name(&self, number: u64) -> String {
        format!("{}/{number:06}", self.name)
    }

    /// Keeps them: the headers first, and then the body.
    pub(super) async fn remember(&self, ledger: &dyn Ledger, proof: &Proof) -> Result<(), LedgerError> {
        ledger.remember(KIND, &self.name(0), head(proof).into()).await?;
        for number in 1..self.count {
            let piece = proof.body.slice((number - 1) * PIECE..number * PIECE);
            let read = spawn_blocking(move || piece.bytes(PIECE as usize)).await.map_err(io::Error::other);
            let read = read.and_then(|read| read).map_err(|error| LedgerError::Unavailable(error.to_string()))?;
            ledger.remember(KIND, &self.name(number), read).await?;
        }
        Ok(())
    }
}

/// Hands what a partner signed of a message to `take`, piece by piece and exactly as it came: headers, an empty line and the
/// body. Answers how many bytes these are; `None` where there is no such message, or it did not come signed over AS2.
///
/// # Errors
/// When the ledger cannot be read, or `take` fails.
pub async fn evidence(
    ledger: &dyn Ledger,
    id: MessageId,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<Option<u64>, LedgerError> {
    let failed = |error: io::Error| LedgerError::Unavailable(error.to_string());
    let gone = || LedgerError::NotFound(format!("what was signed of {id}"));
    let stored = ledger.receipt(id).await?.and_then(|receipt| StoredReceipt::decode(&receipt.0));
    let Some(Evidence { bytes, form }) = stored.map(|stored| stored.proof).filter(|proof| !proof.bytes.is_empty())
    else {
        return Ok(None);
    };
    let mut size = 0;
    let mut give = |bytes: &[u8]| {
        size += bytes.len() as u64;
        take(bytes).map_err(failed)
    };
    match form {
        Form::Whole => give(&bytes)?,
        Form::Around(at) => {
            let (before, after) = bytes.split_at_checked(at).ok_or_else(gone)?;
            let payload = ledger.payload(id).await?.ok_or_else(gone)?;
            give(before)?;
            give(&ledger.read_payload(&payload)?)?;
            give(after)?;
        }
        Form::Pieces => {
            let kept = Evidence { bytes, form };
            let pieces = kept.pieces().ok_or_else(gone)?;
            for number in 0..pieces.count {
                give(&ledger.recall(KIND, &pieces.name(number)).await?.ok_or_else(gone)?)?;
            }
        }
    }
    Ok(Some(size))
}

fn head(proof: &Proof) -> String {
    format!("Content-Type: {}\r\n\r\n", proof.content_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sqlite::{Options, SqliteLedger};

    const HEAD: &str = "Content-Type: multipart/signed; boundary=b\r\n\r\n";

    fn proof(body: &Content) -> Proof {
        Proof { content_type: "multipart/signed; boundary=b".into(), body: body.clone() }
    }

    #[test]
    fn the_payload_is_left_out() {
        let body = Content::from(b"--b\r\n\r\nISA*payload~\r\n--b\r\nsignature\r\n--b--".to_vec());
        let payload = body.slice(7..19);
        let kept = Evidence::of(&proof(&body), Some(&payload)).unwrap();
        let without = format!("{HEAD}--b\r\n\r\n\r\n--b\r\nsignature\r\n--b--");
        assert_eq!((kept.bytes, kept.form), (without.into(), Form::Around(HEAD.len() + 7)));
        // Equal bytes that stand elsewhere are no part of it, and what is no part of it leaves nothing out.
        for payload in [Some(Content::from(b"ISA*payload~".to_vec())), None] {
            let kept = Evidence::of(&proof(&body), payload.as_ref()).unwrap();
            let whole = [HEAD.as_bytes(), &body.bytes(99).unwrap()].concat();
            assert_eq!((kept.bytes, kept.form), (whole.into(), Form::Whole));
        }
    }

    #[tokio::test]
    async fn a_large_payload_leaves_little_and_what_is_large_without_it_goes_in_pieces() {
        let bytes = [vec![b'a'; 10], vec![b'p'; 3 << 20], vec![b'z'; 20]].concat();
        let body = Content::from(bytes.clone());
        let payload = body.slice(10..10 + (3 << 20));
        let kept = Evidence::of(&proof(&body), Some(&payload)).unwrap();
        assert!(kept.bytes.len() < 100 && kept.pieces().is_none());
        let kept = Evidence::of(&proof(&body), Some(&body.slice(10..20))).unwrap();
        let pieces = kept.pieces().unwrap();
        assert_eq!((pieces.count, kept.bytes.len() < 100), (5, true));
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(folder.path(), &Options::default()).unwrap();
        pieces.remember(&ledger, &proof(&body)).await.unwrap();
        let mut all = Vec::new();
        for number in 0..pieces.count {
            all.extend(ledger.recall(KIND, &pieces.name(number)).await.unwrap().unwrap());
        }
        assert!(all == [HEAD.as_bytes(), &bytes].concat());
    }
}
