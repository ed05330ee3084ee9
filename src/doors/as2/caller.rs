//! Calls to a partner's own server: with whom we trust there, and who we say that we are.

use std::path::PathBuf;

use bytes::Bytes;
use http_body_util::Full;
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

use crate::{
    as2::mdn::HttpMessage,
    net::{CallError, Egress, Manner, Reply, Trust},
    partner::As2Sending,
};

/// The largest answer that is read: a receipt, or a page that says why there is none.
const LARGEST_ANSWER: usize = 4 << 20;

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
        message: &HttpMessage,
        terms: &As2Sending,
        patience: std::time::Duration,
    ) -> Result<Reply, CallError> {
        let trust = self.trust(terms)?;
        let quirks = &terms.quirks;
        let manner = Manner { patience, largest_answer: LARGEST_ANSWER, lower_case_headers: quirks.lower_case_headers };
        let body = Bytes::copy_from_slice(&message.body);
        if quirks.chunked {
            let headers: Vec<_> = message
                .headers
                .iter()
                .filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"))
                .cloned()
                .collect();
            return self.egress.post(url, &headers, Unmeasured(Full::new(body)), &trust, manner).await;
        }
        self.egress.post(url, &message.headers, Full::new(body), &trust, manner).await
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

/// A body that does not say how long it is, so that it goes chunked.
struct Unmeasured(Full<Bytes>);

impl hyper::body::Body for Unmeasured {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx)
    }
}
