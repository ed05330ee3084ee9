//! Answers to senders of cXML: they read a Response, whatever else an API may say. Its Status tells of the hand-over only;
//! what a document is worth is answered by documents.
//!
//! cXML 1.2, "Response" and "Status". A Response comes with HTTP 200, unless it says to come again.

mod sender;

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, LOCATION, RETRY_AFTER},
    },
    response::{IntoResponse as _, Response},
};

pub(super) use sender::submit;

use super::{StoredResponse, submit::head_of};
use crate::{
    exchange::{Verdict, codes},
    ledger::MessageState,
    net::Problem,
    spool::Body,
    xml::{
        self,
        cxml::{self, HEAD},
    },
};

/// The payloadID of a body, if it is cXML: empty where it has none.
pub(super) async fn payload_id(body: &Body) -> Option<String> {
    cxml::payload_id(&head_of(body, HEAD).await?)
}

/// Whether a media type may be that of cXML.
pub(super) fn may_be(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/xml") || kind.eq_ignore_ascii_case("text/xml")
}

/// Once stored, the answer is 200, whatever is ours to mend; what can never be read, or shows the wrong secret, is refused.
pub(super) fn receipt(verdict: &Verdict) -> StoredResponse {
    let (code, text, detail) = match &verdict.problem {
        Some((code, detail)) if *code == codes::BAD_CREDENTIAL => (401, "Unauthorized", detail.clone()),
        Some((code, detail)) if xml::codes::ALL.contains(code) => (406, "Not Acceptable", detail.clone()),
        Some((_, detail)) if verdict.state == MessageState::Rejected => (406, "Not Acceptable", detail.clone()),
        _ => (200, "OK", format!("Stored as {}.", verdict.message)),
    };
    let status = cxml::Response { code, text: text.to_owned(), detail };
    let mut answer = stored(StatusCode::OK, &status, &verdict.message.to_string(), &verdict.at.to_string());
    let location = HeaderValue::try_from(format!("/v1/messages/{}", verdict.message));
    answer.headers.extend(location.map(|location| (LOCATION, location)));
    answer
}

/// What was not stored, as a Response.
pub(super) fn refusal(problem: Problem, id: &str) -> Response {
    let (kind, detail) = (problem.kind(), problem.detail().into_owned());
    let (code, text, http) = match kind.status {
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT => (409, "Conflict", StatusCode::OK),
        status if status.is_client_error() => (status.as_u16().min(499), kind.title, StatusCode::OK),
        status => (560, "Temporary Server Error", status),
    };
    let status = cxml::Response { code, text: text.to_owned(), detail };
    let mut response = stored(http, &status, id, &jiff::Timestamp::now().to_string()).into_response();
    if let Some(after) = problem.into_response().headers().get(RETRY_AFTER) {
        response.headers_mut().insert(RETRY_AFTER, after.clone());
    }
    response
}

fn stored(http: StatusCode, status: &cxml::Response, id: &str, time: &str) -> StoredResponse {
    let write = |status: &cxml::Response| status.write(&format!("{id}@gangway"), time);
    // What XML cannot hold, a problem's text has from the document at most.
    let plain = || write(&cxml::Response { detail: String::new(), ..status.clone() }).unwrap_or_default();
    StoredResponse {
        status: http,
        headers: vec![(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=UTF-8"))],
        body: write(status).unwrap_or_else(|_| plain()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{MessageId, Mode},
        error::Code,
    };

    fn told(state: MessageState, problem: Option<(Code, &str)>) -> cxml::Response {
        let verdict = Verdict {
            message: MessageId::new(1_700_000_000_000, 7),
            at: "2026-11-21T10:00:00Z".parse().unwrap(),
            state,
            mode: Mode::Live,
            documents: 1,
            problem: problem.map(|(code, text)| (code, text.to_owned())),
            correlation: "cor_1".into(),
        };
        let answer = receipt(&verdict);
        assert_eq!(answer.status, StatusCode::OK);
        cxml::Response::read(&answer.body).unwrap()
    }

    #[test]
    fn what_is_ours_to_mend_is_taken_and_what_cannot_be_read_is_not() {
        let ours = Some((Code("MAP-0104"), "x.toml:7"));
        for (state, problem) in
            [(MessageState::Accepted, None), (MessageState::Held, ours), (MessageState::Duplicate, ours)]
        {
            let answer = told(state, problem);
            assert_eq!((answer.code, &*answer.detail), (200, "Stored as msg_01HF7YAT000000000000000007."));
        }
        let torn = told(MessageState::Held, Some((xml::codes::MALFORMED, "line 3: <b> is \u{1} not closed")));
        assert_eq!((torn.code, &*torn.detail), (406, ""));
        let torn = told(MessageState::Held, Some((xml::codes::MALFORMED, "line 3: <b> is not closed")));
        assert_eq!((torn.code, &*torn.detail), (406, "line 3: <b> is not closed"));
        assert_eq!(told(MessageState::Rejected, Some((codes::BAD_CREDENTIAL, "Wrong."))).code, 401);
    }

    #[test]
    fn only_xml_may_be_cxml() {
        assert!(may_be("text/XML; charset=utf-8") && may_be("application/xml"));
        assert!(!may_be("application/edi-x12") && !may_be("application/json") && !may_be(""));
    }

    #[tokio::test]
    async fn a_body_is_known_by_its_beginning_wherever_it_lies() {
        let body = Body::from_bytes("<cXML payloadID='1@x'><Header/></cXML>");
        assert_eq!(payload_id(&body).await.as_deref(), Some("1@x"));
        assert_eq!(payload_id(&Body::from_bytes("<Order/>")).await, None);
    }
}
