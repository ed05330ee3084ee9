//! Calls to a partner's own server: with whom we trust there, and who we say that we are.

use std::{
    io::{self, Read},
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use tokio::{sync::mpsc, task::spawn_blocking};

use crate::{
    as2::{content::Content, rope::Rope},
    net::{CallError, Egress, Manner, Reply, Trust},
    partner::As2Sending,
};

/// The largest answer that is read: a receipt, or a page that says why there is none.
const LARGEST_ANSWER: usize = 4 << 20;
/// How much of a file is read at once …
const PIECE: usize = 256 << 10;
/// … and so many pieces of it before the network wants them.
const AHEAD: usize = 2;

/// Calls partners' servers.
#[derive(Debug, Clone)]
pub struct Caller {
    egress: Egress,
    root: PathBuf,
}

impl Caller {
    /// One that resolves secrets from `root` on.
    pub fn new(egress: Egress, root: PathBuf) -> Self {
        Self { egress, root }
    }

    /// Posts a message or a receipt.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: Rope,
        terms: &As2Sending,
        patience: Duration,
    ) -> Result<Reply, CallError> {
        let trust = self.trust(terms)?;
        let quirks = &terms.quirks;
        let manner = Manner { patience, largest_answer: LARGEST_ANSWER, lower_case_headers: quirks.lower_case_headers };
        let size = (!quirks.chunked).then(|| body.size());
        let mut headers = headers.to_vec();
        if quirks.chunked {
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
        }
        self.egress.post(url, &headers, Sending::new(body, size), &trust, manner).await
    }

    fn trust(&self, terms: &As2Sending) -> Result<Trust, CallError> {
        let own = match &terms.client {
            None => None,
            Some((chain, reference)) => {
                let secret = reference.resolve(&self.root).map_err(|error| CallError::Unusable(error.to_string()))?;
                let key = PrivatePkcs8KeyDer::from_pem_slice(secret.reveal().as_bytes());
                let key = key.map_err(|_| CallError::Unusable("`client_key` is no PKCS#8 key in PEM".into()))?;
                Some((chain.clone(), key.secret_pkcs8_der().to_vec()))
            }
        };
        Ok(Trust { pinned: terms.trust.clone(), own })
    }
}

/// A rope as the body of a request. What is in files is read away from the async threads, a little ahead of the network.
struct Sending {
    /// How many bytes are left, where that is told; otherwise it goes in chunks.
    left: Option<u64>,
    pieces: Pieces,
}

enum Pieces {
    Memory(std::vec::IntoIter<Bytes>),
    Stored(mpsc::Receiver<io::Result<Bytes>>),
}

impl Sending {
    fn new(rope: Rope, left: Option<u64>) -> Self {
        let at_hand = rope.pieces().iter().map(|piece| match piece {
            Content::Memory(bytes) => Some(bytes.clone()),
            Content::Stored { .. } => None,
        });
        let pieces = match at_hand.collect::<Option<Vec<_>>>() {
            Some(pieces) => Pieces::Memory(pieces.into_iter()),
            None => {
                let (sender, receiver) = mpsc::channel(AHEAD);
                spawn_blocking(move || read_ahead(&rope, &sender));
                Pieces::Stored(receiver)
            }
        };
        Self { left, pieces }
    }
}

/// Reads a rope until its end, an error, or until nobody wants more.
fn read_ahead(rope: &Rope, sender: &mpsc::Sender<io::Result<Bytes>>) {
    let mut reader = rope.reader();
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let next = match (&mut reader).take(PIECE as u64).read_to_end(&mut piece) {
            Ok(0) => return,
            Ok(_) => Ok(piece.into()),
            Err(error) => Err(error),
        };
        let is_end = next.is_err();
        if sender.blocking_send(next).is_err() || is_end {
            return;
        }
    }
}

impl hyper::body::Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let next = match &mut self.pieces {
            Pieces::Memory(pieces) => pieces.next().map(Ok),
            Pieces::Stored(pieces) => ready!(pieces.poll_recv(cx)),
        };
        if let (Some(Ok(piece)), Some(left)) = (&next, &mut self.left) {
            *left = left.saturating_sub(piece.len() as u64);
        }
        Poll::Ready(next.map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}
