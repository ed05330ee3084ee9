//! What callers say in JSON bodies and queries, read so that every mistake is told at once, each with its place.

use std::{fmt::Display, ops::RangeInclusive};

use axum::{
    body::Body,
    extract::Query as AxumQuery,
    http::{HeaderMap, Uri, header::CONTENT_TYPE},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    codes,
    coding::{decoded, is_not_gzip},
    problem::{ENCODING, FIELDS, INTERRUPTED, JSON, MEDIA_TYPE, Place, Problem, QUERY, TOO_LARGE, TOO_SLOW},
    watch::is_too_slow,
};
use crate::document::MessageId;

/// The type and subtype of a `Content-Type`, in lower case, without its parameters; `None` where it is absent or
/// unreadable.
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.contains('/').then_some(essence)
}

/// Where a list of messages goes on: after this one. Opaque to callers.
pub fn cursor(last: MessageId) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(last.to_bytes())
}

/// A text without the byte-order mark that some systems write in front of it; JSON has none (RFC 8259, section 8.1).
pub fn without_mark(text: Bytes) -> Bytes {
    match text.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => text.slice_ref(rest),
        None => text,
    }
}

/// A body of at most `cap` bytes, in memory.
///
/// # Errors
/// When it is larger, breaks off, or comes too slowly.
pub async fn whole(body: Body, cap: usize) -> Result<Bytes, Problem> {
    #[allow(clippy::disallowed_methods, reason = "capped")]
    match Limited::new(body, cap).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(TOO_LARGE.because(format!("The body may have {cap} bytes.")))
        }
        Err(error) if is_not_gzip(&*error) => Err(ENCODING.because("The body is not the gzip that it says it is.")),
        Err(error) if is_too_slow(&*error) => Err(TOO_SLOW.because("The gateway gave up waiting.")),
        Err(_) => Err(INTERRUPTED.because("The connection ended before the body did.")),
    }
}

/// The `Idempotency-Key`, 1 to 255 printable ASCII characters; `None` where it is absent. The draft standard writes it in
/// quotes, most callers do not: both are the same key.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, String> {
    const UNPRINTABLE: &str = "The key has characters that are not printable ASCII.";
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err("The header is there more than once.".into());
    }
    // `to_str` takes visible ASCII, spaces and tabs only.
    let text = value.to_str().map_err(|_| UNPRINTABLE)?.trim();
    let key = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    match key.len() {
        _ if key.contains('\t') => Err(UNPRINTABLE.into()),
        0 => Err("The key is empty.".into()),
        1..=255 => Ok(Some(key.to_owned())),
        longer => Err(format!("The key has {longer} characters; it may have 255.")),
    }
}

/// The fields of a JSON object. Getters note what is wrong and answer a stand-in; [`Fields::finish`] tells all of it.
#[derive(Debug)]
pub struct Fields {
    map: Map<String, Value>,
    known: Vec<&'static str>,
    errors: Vec<Place>,
}

impl Fields {
    /// Reads a body of at most `cap` bytes. An empty one is an object without fields.
    pub async fn read(headers: &HeaderMap, body: Body, cap: usize) -> Result<Self, Problem> {
        if let Some(found) = media_type(headers)
            && found != "application/json"
            && !found.ends_with("+json")
        {
            return Err(MEDIA_TYPE.because(format!("Content-Type is {found}; this address takes application/json.")));
        }
        let bytes = without_mark(whole(decoded(headers, body)?, cap).await?);
        if bytes.is_empty() {
            return Ok(Self::of(Map::new()));
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(map)) => Ok(Self::of(map)),
            Ok(_) => Err(JSON.because("The body is JSON, but not an object.")),
            Err(error) => Err(JSON.because(format!("The body is not JSON: {error}."))),
        }
    }

    /// Of an object that was read already.
    pub fn of(map: Map<String, Value>) -> Self {
        Self { map, known: Vec::new(), errors: Vec::new() }
    }

    /// A whole number; `otherwise` where it is absent.
    pub fn number<N>(&mut self, name: &'static str, range: RangeInclusive<N>, otherwise: N) -> N
    where
        N: TryFrom<u64> + PartialOrd + Display + Copy,
    {
        let Some(value) = self.take(name) else { return otherwise };
        match value.as_u64().and_then(|n| N::try_from(n).ok()).filter(|n| range.contains(n)) {
            Some(number) => number,
            None => {
                self.wrong(
                    format!("/{name}"),
                    format!("Expected a whole number from {} to {}.", range.start(), range.end()),
                );
                otherwise
            }
        }
    }

    /// A text of at most `max` characters; empty where it is absent.
    pub fn text(&mut self, name: &'static str, max: usize) -> String {
        match self.take(name) {
            None => String::new(),
            Some(Value::String(text)) if text.chars().count() <= max => text,
            Some(_) => {
                self.wrong(format!("/{name}"), format!("Expected a text of at most {max} characters."));
                String::new()
            }
        }
    }

    /// A text that has to be there, read by `parse`.
    pub fn parsed<T>(&mut self, name: &'static str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = self.take(name);
        let parsed = value.as_ref().and_then(Value::as_str).and_then(parse);
        if parsed.is_none() {
            self.wrong(format!("/{name}"), format!("Expected {expected}."));
        }
        parsed
    }

    /// Something of any form, read by `parse`; `None` where it is absent.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            self.wrong(format!("/{name}"), format!("Expected {expected}."));
        }
        parsed
    }

    /// A list that has to be there, of 1 to `max` texts, each read by `parse`.
    pub fn list<T>(
        &mut self,
        name: &'static str,
        max: usize,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let items = match self.take(name) {
            Some(Value::Array(items)) if (1..=max).contains(&items.len()) => items,
            _ => {
                self.wrong(format!("/{name}"), format!("Expected a list of 1 to {max} entries, each {expected}."));
                return Vec::new();
            }
        };
        let mut parsed = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            match item.as_str().and_then(&parse) {
                Some(item) => parsed.push(item),
                None => self.wrong(format!("/{name}/{place}"), format!("Expected {expected}.")),
            }
        }
        parsed
    }

    /// Tells all that is wrong, fields that nobody asked for included.
    pub fn finish(mut self) -> Result<(), Problem> {
        let left: Vec<String> = self.map.keys().cloned().collect();
        for name in left {
            // RFC 6901: `~` and `/` are escaped in a pointer.
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            let known = self.known.join(", ");
            self.wrong(pointer, format!("There is no such field here; known are {known}."));
        }
        told(FIELDS.because(count("field", self.errors.len())), self.errors)
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.map.remove(name).filter(|value| !value.is_null())
    }

    fn wrong(&mut self, pointer: String, detail: String) {
        self.errors.push(Place::pointer(pointer, codes::FIELDS, detail));
    }
}

/// The parameters of a query, read like [`Fields`]. An empty one is as if absent.
#[derive(Debug)]
pub struct Query {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    errors: Vec<Place>,
}

impl Query {
    /// Reads an address's query.
    pub fn of(uri: &Uri) -> Result<Self, Problem> {
        let AxumQuery(pairs) = AxumQuery::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| QUERY.because("The part after the ? could not be read."))?;
        Ok(Self { pairs, known: Vec::new(), errors: Vec::new() })
    }

    /// A parameter as it is written.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let mut found = None;
        let mut twice = false;
        self.pairs.retain_mut(|(key, value)| {
            if key != name {
                return true;
            }
            twice |= found.replace(std::mem::take(value)).is_some();
            false
        });
        if twice {
            self.wrong(name, "Expected once.".into());
        }
        found.filter(|text| !text.is_empty())
    }

    /// A parameter read by `parse`.
    pub fn parsed<T>(&mut self, name: &'static str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.wrong(name, format!("Expected {expected}."));
        }
        parsed
    }

    /// A whole number; `otherwise` where it is absent.
    pub fn number<N>(&mut self, name: &'static str, range: RangeInclusive<N>, otherwise: N) -> N
    where
        N: std::str::FromStr + PartialOrd + Display + Copy,
    {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.parsed(name, &expected, |text| text.parse().ok().filter(|n| range.contains(n))).unwrap_or(otherwise)
    }

    /// Tells all that is wrong, parameters that nobody asked for included.
    pub fn finish(mut self) -> Result<(), Problem> {
        let known = self.known.join(", ");
        for (name, _) in std::mem::take(&mut self.pairs) {
            let detail = match known.as_str() {
                "" => "There are no parameters here.".into(),
                known => format!("There is no such parameter here; known are {known}."),
            };
            self.errors.push(Place::parameter(name, codes::QUERY, detail));
        }
        told(QUERY.because(count("parameter", self.errors.len())), self.errors)
    }

    /// A word that serde knows of a `T`, like a state.
    pub fn word<T: DeserializeOwned>(&mut self, name: &'static str, expected: &str) -> Option<T> {
        self.parsed(name, expected, |text| serde_json::from_value(Value::String(text.to_owned())).ok())
    }

    /// A moment, or a day, which stands for its first moment in UTC.
    pub fn moment(&mut self, name: &'static str) -> Option<Timestamp> {
        self.parsed(name, "a time like 2026-01-31T08:00:00Z, or a day like 2026-01-31", |text| {
            let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
            text.parse().ok().or_else(|| Some(day()?.timestamp()))
        })
    }

    /// A [`cursor`] into messages.
    pub fn cursor(&mut self, name: &'static str) -> Option<MessageId> {
        self.parsed(name, "a cursor as it was given out", |text| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
            Some(MessageId::from_bytes(bytes.try_into().ok()?))
        })
    }

    fn wrong(&mut self, name: &str, detail: String) {
        self.errors.push(Place::parameter(name, codes::QUERY, detail));
    }
}

fn told(problem: Problem, errors: Vec<Place>) -> Result<(), Problem> {
    if errors.is_empty() { Ok(()) } else { Err(problem.at(errors)) }
}

fn count(what: &str, number: usize) -> String {
    match number {
        1 => format!("1 {what} is wrong."),
        _ => format!("{number} {what}s are wrong."),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn errors(problem: &Problem) -> String {
        let json: Value = serde_json::from_slice(&problem.body(None, None)).unwrap();
        let place = |e: &Value| {
            let place = if e["pointer"].is_string() { &e["pointer"] } else { &e["parameter"] };
            format!("{} {}", place.as_str().unwrap(), e["detail"].as_str().unwrap())
        };
        json["errors"].as_array().unwrap().iter().map(place).collect::<Vec<_>>().join("\n")
    }

    async fn read(body: &'static str) -> Result<Fields, Problem> {
        Fields::read(&HeaderMap::new(), Body::from(body), 1000).await
    }

    #[tokio::test]
    async fn every_wrong_field_is_told_with_its_pointer() {
        let mut fields = read(r#"{"max": 501, "reason": 7, "leases": ["7", "x", null], "no/pe": 1}"#).await.unwrap();
        assert_eq!(fields.number("max", 1..=500_u32, 100), 100);
        assert_eq!(fields.number("wait_secs", 0..=30_u32, 20), 20);
        assert_eq!(fields.text("reason", 10), "");
        assert_eq!(fields.list("leases", 3, "a number", |text| text.parse::<u8>().ok()), [7]);
        insta::assert_snapshot!(errors(&fields.finish().unwrap_err()), @r"
        /max Expected a whole number from 1 to 500.
        /reason Expected a text of at most 10 characters.
        /leases/1 Expected a number.
        /leases/2 Expected a number.
        /no~1pe There is no such field here; known are max, wait_secs, reason, leases.
        ");
    }

    #[tokio::test]
    async fn a_body_has_to_be_a_json_object_and_may_be_empty() {
        assert!(read("").await.unwrap().finish().is_ok());
        assert!(read("{}").await.unwrap().finish().is_ok());
        for wrong in ["[]", "{", "7", "{\"a\":1}}"] {
            assert_eq!(read(wrong).await.unwrap_err().kind(), JSON, "{wrong}");
        }
        let form = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
        assert_eq!(Fields::read(&form, Body::from("{}"), 10).await.unwrap_err().kind(), MEDIA_TYPE);
        let long = Fields::read(&HeaderMap::new(), Body::from("{        }"), 9).await;
        assert_eq!(long.unwrap_err().kind(), TOO_LARGE);
    }

    #[test]
    fn every_wrong_parameter_is_told_with_its_name() {
        let uri: Uri = "/x?limit=201&state=open&typo=1&typo=2&from=a&from=b&number=4%2F5&empty=".parse().unwrap();
        let mut query = Query::of(&uri).unwrap();
        assert_eq!(query.number("limit", 1..=200_u32, 50), 50);
        assert_eq!(query.parsed("state", "held or accepted", |text| (text == "held").then_some(())), None);
        assert_eq!(query.text("number").as_deref(), Some("4/5"));
        assert_eq!((query.text("from").as_deref(), query.text("empty")), (Some("b"), None));
        insta::assert_snapshot!(errors(&query.finish().unwrap_err()), @r"
        limit Expected a whole number from 1 to 200.
        state Expected held or accepted.
        from Expected once.
        typo There is no such parameter here; known are limit, state, number, from, empty.
        typo There is no such parameter here; known are limit, state, number, from, empty.
        ");
        assert!(Query::of(&"/x".parse().unwrap()).unwrap().finish().is_ok());
    }

    #[test]
    fn cursors_moments_and_words_are_read() {
        let id = MessageId::new(1_700_000_000_000, 7);
        let uri =
            format!("/x?a={}&b=msg_1&c=2026-01-31&d=2026-01-31T08:00:00%2B02:00&e=soon&f=test&g=TEST", cursor(id));
        let mut query = Query::of(&uri.parse().unwrap()).unwrap();
        assert_eq!((query.cursor("a"), query.cursor("b")), (Some(id), None));
        assert_eq!(query.moment("c").unwrap().to_string(), "2026-01-31T00:00:00Z");
        assert_eq!(query.moment("d").unwrap().to_string(), "2026-01-31T06:00:00Z");
        assert_eq!(query.moment("e"), None);
        assert_eq!(query.word("f", "live or test"), Some(crate::document::Mode::Test));
        assert_eq!(query.word::<crate::document::Mode>("g", "live or test"), None);
        insta::assert_snapshot!(errors(&query.finish().unwrap_err()), @r"
        b Expected a cursor as it was given out.
        e Expected a time like 2026-01-31T08:00:00Z, or a day like 2026-01-31.
        g Expected live or test.
        ");
    }

    #[test]
    fn a_media_type_is_told_without_its_parameters() {
        let of =
            |value: &'static str| media_type(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]));
        assert_eq!(of("Application/EDI-X12; charset=utf-8").as_deref(), Some("application/edi-x12"));
        assert_eq!((of("text"), of(""), media_type(&HeaderMap::new())), (None, None, None));
    }
}
