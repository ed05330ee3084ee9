//! An answer as it is stored beside what it acknowledges, so that a repetition gets the same status, headers and bytes.
//!
//! The form is this door's own, stable, and readable in the store: a line `gangway-answer/1 202`, a line
//! `name: value` for each header, an empty line, and the body.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode},
    response::Response,
};
use bytes::{BufMut, Bytes, BytesMut};

const OPENING: &[u8] = b"gangway-answer/1 ";

/// Status, headers and body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers that belong to the answer itself, not to one sending of it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
}

impl StoredResponse {
    /// The stored form.
    pub fn encode(&self) -> Bytes {
        let head: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 3).sum();
        let mut out = BytesMut::with_capacity(OPENING.len() + head + self.body.len() + 5);
        out.put_slice(OPENING);
        out.put_slice(self.status.as_str().as_bytes());
        out.put_u8(b'\n');
        for (name, value) in &self.headers {
            out.put_slice(name.as_str().as_bytes());
            out.put_slice(b": ");
            // A header's value cannot hold a line end.
            out.put_slice(value.as_bytes());
            out.put_u8(b'\n');
        }
        out.put_u8(b'\n');
        out.put_slice(&self.body);
        out.freeze()
    }

    /// Reads the stored form; `None` where it is something else. The body is not copied.
    pub fn decode(stored: &Bytes) -> Option<Self> {
        let mut rest = stored.strip_prefix(OPENING)?;
        let status = StatusCode::from_bytes(line(&mut rest)?).ok()?;
        let mut headers = Vec::with_capacity(2);
        loop {
            let header = line(&mut rest)?;
            if header.is_empty() {
                return Some(Self { status, headers, body: stored.slice_ref(rest) });
            }
            let colon = header.windows(2).position(|pair| pair == b": ")?;
            let (name, value) = (header.get(..colon)?, header.get(colon + 2..)?);
            headers.push((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?));
        }
    }

    /// As an answer to send.
    pub fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }
}

/// Takes a line off the front.
fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (line, left) = rest.split_at_checked(end)?;
    *rest = left.get(1..)?;
    Some(line)
}

#[cfg(test)]
mod tests {
    use axum::http::header::{CONTENT_TYPE, LOCATION};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn its_form_is_stable() {
        let stored = StoredResponse {
            status: StatusCode::ACCEPTED,
            headers: vec![
                (LOCATION, HeaderValue::from_static("/v1/messages/msg_1")),
                (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            ],
            body: Bytes::from_static(b"{}"),
        };
        let text = "gangway-answer/1 202\nlocation: /v1/messages/msg_1\ncontent-type: application/json\n\n{}";
        assert_eq!(stored.encode(), text);
        assert_eq!(StoredResponse::decode(&Bytes::from(text)), Some(stored));
    }

    #[test]
    fn what_is_something_else_is_not_read() {
        for wrong in [
            "",
            "HTTP/1.1 202\n\n",
            "gangway-answer/2 202\n\n",
            "gangway-answer/1 999999\n\n",
            "gangway-answer/1 202",
            "gangway-answer/1 202\n",
            "gangway-answer/1 202\nlocation\n\n",
            "gangway-answer/1 202\nlo cation: x\n\n",
        ] {
            assert_eq!(StoredResponse::decode(&Bytes::from_static(wrong.as_bytes())), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_stored_is_sent(
            status in 100_u16..1000,
            values in proptest::collection::vec("[ -~]{0,40}", 0..4),
            body in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let stored = StoredResponse {
                status: StatusCode::from_u16(status).unwrap(),
                headers: values.iter().map(|v| (LOCATION, HeaderValue::from_str(v).unwrap())).collect(),
                body: body.into(),
            };
            prop_assert_eq!(StoredResponse::decode(&stored.encode()), Some(stored));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(tail in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = StoredResponse::decode(&Bytes::from([OPENING, &tail].concat()));
        }
    }
}
