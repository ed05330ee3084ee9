//! How a request is known: its id, and the trace that it belongs to (W3C Trace Context, section 3.2).

use std::{fmt, net::SocketAddr};

use aws_lc_rs::rand;
use axum::http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use ulid::Ulid;

/// The id of one request: `req_` and 26 signs that sort by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(Ulid);

impl RequestId {
    /// A new one.
    pub fn generate() -> Self {
        Self(time_ordered())
    }

    /// The correlation id of the conversation that this request opens: the same signs, so that who has one finds the
    /// other.
    pub fn correlation(self) -> String {
        format!("cor_{}", self.0)
    }

    /// As the value of a header.
    pub fn header(self) -> HeaderValue {
        // Letters, digits and a low line: always a header's value.
        HeaderValue::try_from(self.to_string()).unwrap_or_else(|_| HeaderValue::from_static("req"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "req_{}", self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A correlation id for what does not come by HTTP: `cor_` and 26 signs that sort by time.
pub fn correlation_id() -> String {
    RequestId::generate().correlation()
}

/// The trace that a caller's request is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The whole trace.
    pub trace: u128,
    /// The caller's span in it.
    pub span: u64,
    /// Its flags.
    pub flags: u8,
}

impl TraceParent {
    /// Reads a `traceparent` value; `None` where it is absent or breaks the format, which makes it as if absent.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get("traceparent")?.to_str().ok()?;
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // A later version may add parts at the end; ours has exactly these.
        let lengths = (version.len(), trace.len(), span.len(), flags.len()) == (2, 32, 16, 2);
        let lower_hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let plain = [version, trace, span, flags].into_iter().all(lower_hex);
        if !lengths || !plain || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let read = Self {
            trace: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
            flags: u8::from_str_radix(flags, 16).ok()?,
        };
        (read.trace != 0 && read.span != 0).then_some(read)
    }

    /// The same trace with a span of ours in it, for what we call and what we answer.
    pub fn child(self) -> Self {
        let mut span = [0; 8];
        let _ = rand::fill(&mut span);
        Self { span: u64::from_be_bytes(span).max(1), ..self }
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// What is known of a request before anybody looks at it; an extension of every request.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// Its id.
    pub id: RequestId,
    /// The trace it is part of, with a span of our own.
    pub trace: Option<TraceParent>,
    /// Where it came from; absent where it came by no socket.
    pub peer: Option<SocketAddr>,
    /// The SHA-256 of the certificate that the caller showed over TLS, and has the key of.
    pub certificate: Option<[u8; 32]>,
}

impl Context {
    /// For a request with these headers.
    pub fn new(headers: &HeaderMap, peer: Option<SocketAddr>) -> Self {
        Self {
            id: RequestId::generate(),
            trace: TraceParent::from_headers(headers).map(TraceParent::child),
            peer,
            certificate: None,
        }
    }
}

fn time_ordered() -> Ulid {
    let millis = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
    let mut random = [0; 16];
    // Without randomness ids would still sort and be told apart by their time; nothing secret hangs on them.
    let _ = rand::fill(&mut random);
    Ulid::from_parts(millis, u128::from_be_bytes(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &'static str) -> Option<TraceParent> {
        TraceParent::from_headers(&HeaderMap::from_iter([(
            "traceparent".parse().unwrap(),
            HeaderValue::from_static(value),
        )]))
    }

    #[test]
    fn ids_differ_and_their_forms_agree() {
        let (one, two) = (RequestId::generate(), RequestId::generate());
        assert_ne!(one, two);
        assert_eq!(one.header().to_str().unwrap(), one.to_string());
        assert_eq!(one.correlation()[4..], one.to_string()[4..]);
        assert_eq!(one.to_string().len(), 30);
    }

    #[test]
    fn a_trace_goes_on_with_a_span_of_ours() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent = read(text).unwrap();
        assert_eq!(parent.to_string(), text);
        let child = parent.child();
        assert_eq!((child.trace, child.flags), (parent.trace, parent.flags));
        assert_ne!(child.span, parent.span);
    }

    #[test]
    fn what_breaks_the_format_is_as_if_absent() {
        for wrong in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert!(read("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-ever").is_some());
    }
}
