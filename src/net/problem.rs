//! Problem details for HTTP APIs (RFC 9457): the one form in which any request is told that it failed.
//!
//! A [`Kind`] is a row of a room's table: status, code and title; the title is that of the code's page. A [`Problem`]
//! is one occurrence. [`App`](super::App) adds the request's id and path on the way out.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::codes;
use crate::error::Code;

/// A kind of problem, as callers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable name, and the page that explains it.
    pub code: Code,
    /// The page's title.
    pub title: &'static str,
}

impl Kind {
    /// A row of a room's table.
    pub const fn new(status: StatusCode, code: Code, title: &'static str) -> Self {
        Self { status, code, title }
    }

    /// An occurrence of it.
    pub fn because(self, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem(Box::new(Inner {
            kind: self,
            detail: detail.into(),
            errors: Vec::new(),
            message: None,
            headers: Vec::new(),
        }))
    }
}

/// No such path.
pub const NOT_FOUND: Kind = Kind::new(StatusCode::NOT_FOUND, codes::NOT_FOUND, "There is nothing at this path");
/// Not with this method.
pub const METHOD: Kind =
    Kind::new(StatusCode::METHOD_NOT_ALLOWED, codes::METHOD, "This path does not take this method");
/// Too many bytes.
pub const TOO_LARGE: Kind =
    Kind::new(StatusCode::PAYLOAD_TOO_LARGE, codes::TOO_LARGE, "The body is larger than it may be");
/// The body ended early.
pub const INTERRUPTED: Kind = Kind::new(StatusCode::BAD_REQUEST, codes::INTERRUPTED, "The body broke off");
/// The body came in drips.
pub const TOO_SLOW: Kind = Kind::new(StatusCode::REQUEST_TIMEOUT, codes::TOO_SLOW, "The body came too slowly");
/// Another media type is wanted.
pub const MEDIA_TYPE: Kind =
    Kind::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, codes::MEDIA_TYPE, "This media type is not taken here");
/// The body is compressed in another way than gzip, or is not the gzip that it says it is.
pub const ENCODING: Kind =
    Kind::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, codes::ENCODING, "This compression is not taken here");
/// Not a JSON object.
pub const JSON: Kind = Kind::new(StatusCode::BAD_REQUEST, codes::JSON, "The body is not a JSON object");
/// JSON with wrong fields.
pub const FIELDS: Kind =
    Kind::new(StatusCode::UNPROCESSABLE_ENTITY, codes::FIELDS, "Some fields of the body are wrong");
/// Wrong query parameters.
pub const QUERY: Kind = Kind::new(StatusCode::BAD_REQUEST, codes::QUERY, "Some parameters of the address are wrong");
/// Our own mistake.
pub const INTERNAL: Kind = Kind::new(StatusCode::INTERNAL_SERVER_ERROR, codes::INTERNAL, "The gateway made a mistake");

/// The path is not text.
pub const ADDRESS_FORM: Kind = Kind::new(StatusCode::BAD_REQUEST, codes::ADDRESS_FORM, "The address cannot be read");

/// Every kind of this room.
pub const KINDS: &[Kind] = &[
    NOT_FOUND,
    METHOD,
    TOO_LARGE,
    INTERRUPTED,
    TOO_SLOW,
    MEDIA_TYPE,
    ENCODING,
    JSON,
    FIELDS,
    QUERY,
    INTERNAL,
    ADDRESS_FORM,
];

/// One place in what was sent that is wrong. What does not apply is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// JSON Pointer (RFC 6901) into a JSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// A parameter of the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// A header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<&'static str>,
    /// A segment's position in an EDI body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<u32>,
    /// An element's position in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub element: Option<u16>,
    /// What kind of mistake.
    pub code: Code,
    /// The mistake in words.
    pub detail: String,
}

impl Place {
    /// A mistake that is nowhere yet.
    fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { pointer: None, parameter: None, header: None, segment: None, element: None, code, detail: detail.into() }
    }

    /// A mistake in a JSON body.
    pub fn pointer(pointer: impl Into<String>, code: Code, detail: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), ..Self::new(code, detail) }
    }

    /// A mistake in the query.
    pub fn parameter(name: impl Into<String>, code: Code, detail: impl Into<String>) -> Self {
        Self { parameter: Some(name.into()), ..Self::new(code, detail) }
    }

    /// A mistake in a header.
    pub fn header(name: &'static str, code: Code, detail: impl Into<String>) -> Self {
        Self { header: Some(name), ..Self::new(code, detail) }
    }

    /// A mistake in an EDI body.
    pub fn segment(segment: u32, element: Option<u16>, code: Code, detail: impl Into<String>) -> Self {
        Self { segment: Some(segment), element, ..Self::new(code, detail) }
    }
}

/// One occurrence of a problem: an error that is an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem(Box<Inner>);

#[derive(Debug, Clone, PartialEq)]
struct Inner {
    kind: Kind,
    detail: Cow<'static, str>,
    errors: Vec<Place>,
    message: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// What kind it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What happened, in a sentence.
    pub fn detail(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0.detail)
    }

    /// With the places that are wrong.
    pub fn at(mut self, errors: Vec<Place>) -> Self {
        self.0.errors = errors;
        self
    }

    /// With the address of the message that it is about.
    pub fn about(mut self, message: impl Into<String>) -> Self {
        self.0.message = Some(message.into());
        self
    }

    /// With a header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// With the word to come again in so many seconds.
    pub fn retry_after(self, seconds: u32) -> Self {
        self.with(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The JSON of it, as a part of an answer about several things.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body(None, None)).unwrap_or_default()
    }

    /// The JSON of it, for a request whose id and path are known.
    pub(super) fn body(&self, request: Option<&str>, path: Option<&str>) -> Vec<u8> {
        #[derive(Serialize)]
        struct Json<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            detail: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            instance: Option<&'a str>,
            code: Code,
            #[serde(skip_serializing_if = "Option::is_none")]
            request_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            message: Option<&'a str>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [Place],
        }
        let Inner { kind, detail, errors, message, .. } = &*self.0;
        let json = Json {
            r#type: format!("/errors/{}", kind.code),
            title: kind.title,
            status: kind.status.as_u16(),
            detail,
            instance: path,
            code: kind.code,
            request_id: request,
            message: message.as_deref(),
            errors,
        };
        // Plain texts and numbers: this cannot fail.
        serde_json::to_vec(&json).unwrap_or_default()
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0.kind.code, self.0.detail)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body(None, None)));
        *response.status_mut() = self.0.kind.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in &self.0.headers {
            headers.append(name, value.clone());
        }
        // The app writes the body again, with what it knows of the request.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_those_of_the_pages() {
        for page in crate::error::pages(super::super::EXPLAIN) {
            for kind in KINDS.iter().filter(|kind| kind.code.as_str() == page.code) {
                assert_eq!(kind.title, page.title, "{}", page.code);
            }
        }
    }

    #[test]
    fn its_json_is_rfc_9457_and_says_where() {
        let place = Place::pointer("/max", codes::FIELDS, "expected 1 to 500");
        let problem = FIELDS.because("1 field is wrong").at(vec![place]);
        let json = String::from_utf8(problem.body(Some("req_1"), Some("/erp/v1/queue/erp/lease"))).unwrap();
        insta::assert_snapshot!(json, @r#"{"type":"/errors/NET-0109","title":"Some fields of the body are wrong","status":422,"detail":"1 field is wrong","instance":"/erp/v1/queue/erp/lease","code":"NET-0109","request_id":"req_1","errors":[{"pointer":"/max","code":"NET-0109","detail":"expected 1 to 500"}]}"#);
    }

    #[test]
    fn it_is_an_answer_with_its_headers() {
        let response = TOO_LARGE.because("x").retry_after(7).into_response();
        assert_eq!(response.status(), 413);
        assert_eq!(response.headers()[RETRY_AFTER], "7");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }
}
