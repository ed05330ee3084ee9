//! Bodies that come compressed (RFC 9110, section 8.4): gzip is inflated as it is read, in pieces, so that whoever caps the
//! body caps what it inflates to, and a small one that becomes a huge one is stopped on the way.

use std::{
    error::Error,
    io::{self, BufRead, Read},
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue,
        header::{ACCEPT_ENCODING, CONTENT_ENCODING},
    },
};
use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use hyper::body::Frame;

use super::problem::{ENCODING, Problem};

/// So much comes out at a time.
const PIECE: usize = 64 << 10;

/// The body of a request without its coding.
///
/// # Errors
/// When it has one that is not gzip, or more than one.
pub fn decoded(headers: &HeaderMap, body: Body) -> Result<Body, Problem> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::as_bytes);
    let coding = codings.next().unwrap_or(b"identity");
    let is = |name: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(name);
    if codings.next().is_none() {
        if is(b"identity") {
            return Ok(body);
        }
        // RFC 9110, section 8.4.1.3: the two are the same.
        if is(b"gzip") || is(b"x-gzip") {
            return Ok(Body::new(Inflated::new(body)));
        }
    }
    // RFC 9110, section 15.5.16: say which would be taken.
    let taken = HeaderValue::from_static("gzip, identity");
    Err(ENCODING.because("Send the body as it is, or as gzip.").with(ACCEPT_ENCODING, taken))
}

/// What is wrong with a body that says it is gzip.
#[derive(Debug, thiserror::Error)]
#[error("the body is not the gzip that its Content-Encoding says it is")]
pub struct NotGzip(#[source] io::Error);

/// Whether this error, or what caused it, is [`NotGzip`].
pub fn is_not_gzip(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<NotGzip>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What came of the compressed body and is not inflated yet.
#[derive(Default)]
struct Came {
    bytes: Bytes,
    is_all: bool,
}

impl Read for Came {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let came = self.fill_buf()?;
        let count = came.len().min(into.len());
        let (came, into) = (came.get(..count).unwrap_or_default(), into.get_mut(..count).unwrap_or_default());
        into.copy_from_slice(came);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Came {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.bytes.is_empty() && !self.is_all {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(&self.bytes)
    }

    fn consume(&mut self, count: usize) {
        self.bytes.advance(count.min(self.bytes.len()));
    }
}

/// A body of gzip (RFC 1952), inflated as it is read.
struct Inflated {
    inner: Body,
    decoder: MultiGzDecoder<Came>,
    piece: Vec<u8>,
}

impl Inflated {
    fn new(inner: Body) -> Self {
        Self { inner, decoder: MultiGzDecoder::new(Came::default()), piece: vec![0; PIECE] }
    }
}

impl hyper::body::Body for Inflated {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        loop {
            match this.decoder.read(&mut this.piece) {
                Ok(0) => return Poll::Ready(None),
                Ok(count) => {
                    let piece = Bytes::copy_from_slice(this.piece.get(..count).unwrap_or_default());
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match ready!(Pin::new(&mut this.inner).poll_frame(context)) {
                        Some(Ok(frame)) => {
                            if let Ok(bytes) = frame.into_data() {
                                this.decoder.get_mut().bytes = bytes;
                            }
                        }
                        Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                        None => this.decoder.get_mut().is_all = true,
                    }
                }
                Err(error) => return Poll::Ready(Some(Err(axum::Error::new(NotGzip(error))))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use futures_util::stream;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// A body that comes in pieces of `size` bytes.
    fn body(bytes: &[u8], size: usize) -> Body {
        let frames: Vec<_> =
            bytes.chunks(size).map(|piece| Ok::<_, axum::Error>(Frame::data(Bytes::copy_from_slice(piece)))).collect();
        Body::new(StreamBody::new(stream::iter(frames)))
    }

    async fn inflated(bytes: &[u8], size: usize) -> Result<Vec<u8>, axum::Error> {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("GZIP"))]);
        let mut all = Vec::new();
        let mut body = decoded(&headers, body(bytes, size)).unwrap();
        while let Some(frame) = body.frame().await {
            all.extend_from_slice(&frame?.into_data().unwrap());
        }
        Ok(all)
    }

    #[tokio::test]
    async fn gzip_is_inflated_however_it_comes() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut two = gzip(&text[..1000]);
        two.extend(gzip(&text[1000..]));
        for size in [1, 7, 4096, usize::MAX] {
            assert!(inflated(&gzip(&text), size).await.unwrap() == text, "pieces of {size}");
            assert!(inflated(&two, size).await.unwrap() == text, "two members in pieces of {size}");
        }
        assert!(inflated(&gzip(b""), 3).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_is_no_gzip_or_not_all_of_it_is_told() {
        let whole = gzip(b"ISA*00*");
        let mut damaged = whole.clone();
        let last = damaged.len() - 6;
        damaged[last] ^= 1;
        for wrong in [b"ISA*00*".as_slice(), &whole[..whole.len() - 1], &whole[..4], &damaged, b""] {
            let error = inflated(wrong, 5).await.unwrap_err();
            assert!(is_not_gzip(&error), "{wrong:?}: {error}");
        }
    }

    #[tokio::test]
    async fn a_small_body_that_becomes_a_huge_one_comes_in_pieces() {
        let small = gzip(&vec![0; 50 << 20]);
        assert!(small.len() < 100 << 10);
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
        let mut body = decoded(&headers, Body::from(small)).unwrap();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(first.len() <= PIECE);
    }

    #[test]
    fn other_codings_are_named_and_refused() {
        for wrong in ["br", "gzip, gzip", "deflate"] {
            let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_str(wrong).unwrap())]);
            assert_eq!(decoded(&headers, Body::empty()).unwrap_err().kind(), ENCODING, "{wrong}");
        }
        assert!(decoded(&HeaderMap::new(), Body::empty()).is_ok());
    }
}
