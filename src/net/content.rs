//! Bodies of answers: JSON, files that are read away from the async threads, and those whose end matters.

use std::{
    fs::File,
    future::Future,
    io::{self, Read},
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::Body as AnyBody,
    http::{
        HeaderValue, StatusCode, Uri,
        header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LINK},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use serde::Serialize;
use tokio::task::{JoinHandle, spawn_blocking};

use super::problem::INTERNAL;

/// So much of a file is read at once.
const READ_SIZE: usize = 128 << 10;

/// An answer in JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => {
            let mut response = Response::new(AnyBody::from(text));
            *response.status_mut() = status;
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(error) => {
            tracing::error!(%error, "An answer could not be written as JSON.");
            INTERNAL.because("The answer could not be written.").into_response()
        }
    }
}

/// A page of a list. Where there is a next one, a `Link` (RFC 8288) leads to it: the same address with that cursor.
pub fn page(uri: &Uri, next: Option<&str>, value: &impl Serialize) -> Response {
    let mut response = json(StatusCode::OK, value);
    if let Some(next) = next {
        let others = uri.query().unwrap_or_default().split('&');
        let others = others.filter(|pair| !pair.is_empty() && !pair.starts_with("after="));
        let query: String = others.flat_map(|pair| [pair, "&"]).collect();
        if let Ok(link) = HeaderValue::try_from(format!("<{}?{query}after={next}>; rel=\"next\"", uri.path())) {
            response.headers_mut().insert(LINK, link);
        }
    }
    response
}

/// Somebody else's bytes as an answer: to be kept, never to be shown or run by a browser.
pub fn download(body: AnyBody, media_type: Option<&str>, name: &str) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let media_type = media_type.and_then(|text| HeaderValue::from_str(text).ok());
    headers.insert(CONTENT_TYPE, media_type.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    response
}

/// A file as a body; it must not change its length meanwhile.
#[derive(Debug)]
pub struct FileBody {
    left: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Ready(File),
    Reading(JoinHandle<io::Result<(File, Bytes)>>),
    Over,
}

impl FileBody {
    /// The whole of `file`, which has `len` bytes.
    pub fn new(file: File, len: u64) -> Self {
        Self { left: len, state: State::Ready(file) }
    }

    /// The whole of the file at `path`.
    pub async fn open(path: PathBuf) -> io::Result<Self> {
        let opened = spawn_blocking(move || {
            let file = File::open(path)?;
            let len = file.metadata()?.len();
            Ok(Self::new(file, len))
        });
        opened.await.map_err(io::Error::other)?
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        loop {
            match std::mem::replace(&mut this.state, State::Over) {
                State::Over => return Poll::Ready(None),
                State::Ready(_) if this.left == 0 => return Poll::Ready(None),
                State::Ready(mut file) => {
                    let size = this.left.min(READ_SIZE as u64) as usize;
                    this.state = State::Reading(spawn_blocking(move || {
                        let mut bytes = vec![0; size];
                        file.read_exact(&mut bytes)?;
                        Ok((file, bytes.into()))
                    }));
                }
                State::Reading(mut reading) => {
                    let Poll::Ready(read) = Pin::new(&mut reading).poll(cx) else {
                        this.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    let read = read.map_err(io::Error::other).and_then(|read| read);
                    return Poll::Ready(Some(read.map(|(file, bytes)| {
                        this.left -= bytes.len() as u64;
                        this.state = State::Ready(file);
                        Frame::data(bytes)
                    })));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// A body that tells when its last byte was taken to be sent. A peer that goes away earlier, or only asked for the
/// head, is not told of.
pub struct FetchedToTheEnd<F: FnOnce()> {
    body: AnyBody,
    then: Option<F>,
}

impl<F: FnOnce()> FetchedToTheEnd<F> {
    /// `then` is called once, and must be quick.
    pub fn new(body: AnyBody, then: F) -> Self {
        Self { body, then: Some(then) }
    }
}

impl<F: FnOnce() + Unpin> Body for FetchedToTheEnd<F> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        // A body of known length is not asked for more after its last piece.
        let over = match &polled {
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(_))) => self.body.is_end_stream(),
            _ => false,
        };
        if over && let Some(then) = self.then.take() {
            then();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::atomic::{AtomicU32, Ordering},
    };

    use http_body_util::{BodyExt, Limited};

    use super::*;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file.reopen().unwrap()
    }

    #[allow(clippy::disallowed_methods, reason = "capped")]
    async fn all(body: AnyBody) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Limited::new(body, 1 << 20).collect().await?.to_bytes())
    }

    #[test]
    fn the_next_page_is_the_same_address_with_its_cursor() {
        let link = |uri: &str, next| {
            let response = page(&uri.parse().unwrap(), next, &());
            response.headers().get(LINK).map(|link| link.to_str().unwrap().to_owned())
        };
        assert_eq!(link("/v1/messages", Some("abc")).unwrap(), "</v1/messages?after=abc>; rel=\"next\"");
        let next = link("/v1/messages?state=held&after=x&limit=2", Some("abc")).unwrap();
        assert_eq!(next, "</v1/messages?state=held&limit=2&after=abc>; rel=\"next\"");
        assert_eq!(link("/v1/messages", None), None);
    }

    #[tokio::test]
    async fn a_file_comes_whole_and_a_shorter_one_is_an_error() {
        let content: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
        assert_eq!(all(AnyBody::new(FileBody::new(file(&content), 300_000))).await.unwrap(), content);
        assert_eq!(all(AnyBody::new(FileBody::new(file(b""), 0))).await.unwrap(), "");
        assert!(all(AnyBody::new(FileBody::new(file(b"abc"), 4))).await.is_err());
    }

    #[tokio::test]
    async fn the_end_is_told_once_and_only_when_it_was_reached() {
        static ENDS: AtomicU32 = AtomicU32::new(0);
        let tell = || {
            ENDS.fetch_add(1, Ordering::SeqCst);
        };
        let content = vec![1; 300_000];
        let mut partly = FetchedToTheEnd::new(AnyBody::new(FileBody::new(file(&content), 300_000)), tell);
        partly.frame().await.unwrap().unwrap();
        drop(partly);
        assert_eq!(ENDS.load(Ordering::SeqCst), 0);
        for body in [AnyBody::from("abc"), AnyBody::new(FileBody::new(file(&content), 300_000)), AnyBody::empty()] {
            let before = ENDS.load(Ordering::SeqCst);
            all(AnyBody::new(FetchedToTheEnd::new(body, tell))).await.unwrap();
            assert_eq!(ENDS.load(Ordering::SeqCst), before + 1);
        }
    }
}
