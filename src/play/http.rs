//! A small HTTP client: one base address, bodies whole or repeated, answers read up to a cap.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header::LOCATION};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, SizeHint};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};

/// The largest answer that is read.
const LARGEST_ANSWER: usize = 256 << 20;
/// How long one exchange may take, its body included.
const PATIENCE: Duration = Duration::from_secs(300);

/// Why an exchange came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// Nobody answered, or the connection broke.
    #[error("{method} {url}: {cause}")]
    Exchange {
        /// The method.
        method: Method,
        /// The address.
        url: String,
        /// What was seen of it.
        cause: String,
    },
    /// An answer with another status than the one that was asked for.
    #[error("{what}: expected {expected}, got {status}: {body}")]
    Status {
        /// What was being done.
        what: &'static str,
        /// The status that would have been fine.
        expected: StatusCode,
        /// The status that came.
        status: StatusCode,
        /// The answer's text, cut.
        body: String,
    },
    /// An answer that is not in the form agreed on.
    #[error("{what}: the answer is not in the form agreed on: {cause}: {body}")]
    Shape {
        /// What was being done.
        what: &'static str,
        /// What is wrong with it.
        cause: String,
        /// The answer's text, cut.
        body: String,
    },
}

/// A body on its way up.
#[derive(Debug, Clone)]
pub enum Upload {
    /// All of it, in memory.
    Whole(Bytes),
    /// The same bytes over and over, for bodies that no memory should hold.
    Repeated {
        /// What comes first.
        head: Bytes,
        /// What is repeated.
        chunk: Bytes,
        /// How often.
        times: u64,
    },
}

impl Upload {
    fn remaining(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Repeated { head, chunk, times } => head.len() as u64 + chunk.len() as u64 * times,
        }
    }
}

impl<T: Into<Bytes>> From<T> for Upload {
    fn from(bytes: T) -> Self {
        Self::Whole(bytes.into())
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let next = match &mut *self {
            Self::Whole(bytes) => std::mem::take(bytes),
            Self::Repeated { head, .. } if !head.is_empty() => std::mem::take(head),
            Self::Repeated { times: 0, .. } => Bytes::new(),
            Self::Repeated { chunk, times, .. } => {
                *times -= 1;
                chunk.clone()
            }
        };
        Poll::Ready(if next.is_empty() { None } else { Some(Ok(Frame::data(next))) })
    }

    fn is_end_stream(&self) -> bool {
        self.remaining() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining())
    }
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text, whatever is in it.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The id at the end of the `Location` that the answer names, like `msg_…`.
    pub fn location_id(&self) -> Option<&str> {
        self.header(LOCATION.as_str())?.rsplit('/').next()
    }

    /// The answer, if it has this status.
    pub fn expect(self, what: &'static str, expected: StatusCode) -> Result<Self, PlayError> {
        if self.status == expected {
            return Ok(self);
        }
        Err(PlayError::Status { what, expected, status: self.status, body: cut(&self.text()) })
    }

    /// The body, read as `T`.
    pub fn read<T: serde::de::DeserializeOwned>(&self, what: &'static str) -> Result<T, PlayError> {
        serde_json::from_slice(&self.body).map_err(|cause| PlayError::Shape {
            what,
            cause: cause.to_string(),
            body: cut(&self.text()),
        })
    }
}

fn cut(text: &str) -> String {
    text.chars().take(600).collect()
}

/// A client of one listener.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    authorization: Option<String>,
    inner: legacy::Client<HttpConnector, Upload>,
}

impl Client {
    /// A client of the listener at `base`, like `http://127.0.0.1:8080`, that shows `token` where there is one.
    pub fn new(base: impl Into<String>, token: Option<&str>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            base: base.into(),
            authorization: token.map(|token| format!("Bearer {token}")),
            inner: legacy::Client::builder(TokioExecutor::new()).build(connector),
        }
    }

    /// One exchange.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Upload>,
    ) -> Result<Answer, PlayError> {
        let url = format!("{}{path}", self.base);
        let failed = |cause: String| PlayError::Exchange { method: method.clone(), url: url.clone(), cause };
        let mut request = Request::builder().method(method.clone()).uri(&url);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).map_err(|error| failed(error.to_string()))?;
        let exchange = async {
            let response = self.inner.request(request).await.map_err(|error| failed(causes(&error)))?;
            let (head, body) = response.into_parts();
            #[allow(clippy::disallowed_methods, reason = "capped by Limited")]
            let body = Limited::new(body, LARGEST_ANSWER).collect().await;
            let body = body.map_err(|error| failed(error.to_string()))?.to_bytes();
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        tokio::time::timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err(failed("no answer in time".into())))
    }

    /// A `GET`.
    pub async fn get(&self, path: &str) -> Result<Answer, PlayError> {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    /// A `POST` of JSON.
    pub async fn post_json(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &serde_json::Value,
    ) -> Result<Answer, PlayError> {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send(Method::POST, path, &all, body.to_string()).await
    }
}

/// An error and what is behind it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// A value as it stands in a query.
pub(super) fn query_value(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_knows_its_size_and_ends() {
        let mut upload =
            Upload::Repeated { head: Bytes::from_static(b"ISA"), chunk: Bytes::from_static(b"0123456789"), times: 3 };
        let mut seen = 0;
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert_eq!(upload.size_hint().exact(), Some(33));
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut upload).poll_frame(&mut context) {
            seen += frame.into_data().unwrap().len();
        }
        assert_eq!((seen, upload.is_end_stream()), (33, true));
    }

    /// A server for one exchange: takes a whole request and says `answer`.
    async fn server(answer: &'static str) -> (String, tokio::task::JoinHandle<usize>) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut seen, mut expected) = (Vec::new(), None);
            while expected.is_none_or(|expected| seen.len() < expected) {
                let mut buffer = [0; 65_536];
                let read = stream.read(&mut buffer).await.unwrap();
                seen.extend_from_slice(&buffer[..read]);
                let head = String::from_utf8_lossy(&seen).into_owned();
                if let (None, Some(end)) = (expected, head.find("\r\n\r\n")) {
                    let length = head.to_lowercase().find("content-length: ").map(|at| &head[at + 16..]);
                    let length = length.and_then(|text| text.lines().next()?.parse::<usize>().ok()).unwrap_or(0);
                    expected = Some(end + 4 + length);
                }
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            seen.len()
        });
        (base, task)
    }

    #[tokio::test]
    async fn an_exchange_carries_body_and_answer() {
        let answer = "HTTP/1.1 202 Accepted\r\nLocation: /v1/messages/msg_1\r\nContent-Length: 2\r\n\r\n{}";
        let (base, task) = server(answer).await;
        let body = Upload::Repeated { head: Bytes::new(), chunk: Bytes::from(vec![b'x'; 100_000]), times: 7 };
        let got = Client::new(base, Some("t")).send(Method::POST, "/v1/messages", &[("x-a", "b")], body).await.unwrap();
        assert_eq!(
            (got.status, got.location_id(), got.json()),
            (StatusCode::ACCEPTED, Some("msg_1"), serde_json::json!({}))
        );
        assert!(task.await.unwrap() > 700_000);
        assert!(got.clone().expect("a yes", StatusCode::ACCEPTED).is_ok());
        assert!(got.expect("a yes", StatusCode::OK).unwrap_err().to_string().contains("expected 200 OK, got 202"));
    }

    #[tokio::test]
    async fn nobody_there_is_an_error_that_says_where() {
        let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = Client::new(format!("http://{address}"), None).get("/readyz").await.unwrap_err();
        assert!(error.to_string().contains(&format!("GET http://{address}/readyz")), "{error}");
    }

    #[test]
    fn what_stands_in_a_query_is_escaped() {
        assert_eq!(query_value("PO 1/ä&b"), "PO%201%2F%C3%A4%26b");
    }
}
