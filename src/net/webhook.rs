//! Posting events to somebody's endpoint by Standard Webhooks: an id that stays the same over attempts, a time, and a
//! signature by each secret, so that one can replace another. Redirects are not followed.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use jiff::Timestamp;

use super::{CallError, Egress, Manner, Reply, Trust};

/// For all of a post.
const PATIENCE: Duration = Duration::from_secs(15);
/// What an endpoint may answer; nobody reads it.
const LARGEST_ANSWER: usize = 64 << 10;

/// One event to be posted.
#[derive(Debug, Clone)]
pub struct Hook<'a> {
    /// Where to.
    pub url: &'a str,
    /// What it is signed with, each of them.
    pub secrets: &'a [String],
    /// The same at every attempt.
    pub id: &'a str,
    /// What the body is.
    pub content_type: &'a str,
    /// The body.
    pub body: Bytes,
}

/// What an endpoint's answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// It has it.
    Taken,
    /// Not now.
    Later {
        /// Why.
        detail: String,
        /// Not before, where it said so.
        retry_after: Option<Duration>,
    },
    /// It cannot be posted, however often it is tried.
    Refused(String),
    /// It wants nothing any more: 410.
    Gone,
}

/// The value of `webhook-signature`.
pub fn signature(secrets: &[String], id: &str, seconds: i64, body: &[u8]) -> String {
    let signed = |secret: &String| {
        let bytes = match secret.strip_prefix("whsec_") {
            Some(encoded) => BASE64_STANDARD.decode(encoded).unwrap_or_else(|_| secret.clone().into_bytes()),
            None => secret.clone().into_bytes(),
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        let mut context = hmac::Context::with_key(&key);
        context.update(format!("{id}.{seconds}.").as_bytes());
        context.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
    };
    secrets.iter().map(signed).collect::<Vec<_>>().join(" ")
}

/// Posts an event once.
pub async fn post(egress: &Egress, hook: Hook<'_>, now: Timestamp) -> Posted {
    let seconds = now.as_second();
    let headers = [
        ("content-type".to_owned(), hook.content_type.to_owned()),
        ("user-agent".to_owned(), concat!("gangway/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("webhook-id".to_owned(), hook.id.to_owned()),
        ("webhook-timestamp".to_owned(), seconds.to_string()),
        ("webhook-signature".to_owned(), signature(hook.secrets, hook.id, seconds, &hook.body)),
        ("content-length".to_owned(), hook.body.len().to_string()),
    ];
    let manner = Manner { patience: PATIENCE, largest_answer: LARGEST_ANSWER, lower_case_headers: true };
    answered(egress.post(hook.url, &headers, Full::new(hook.body), &Trust::default(), manner).await)
}

/// What an answer means. An endpoint that does not know us today is being set up, or behind a gateway that is: only 410 says
/// that it is over.
fn answered(reply: Result<Reply, CallError>) -> Posted {
    match reply {
        Ok(reply) => {
            let status = reply.status;
            match status {
                200..=299 => Posted::Taken,
                410 => Posted::Gone,
                300..=399 => Posted::Later {
                    detail: format!("the endpoint answered {status}, and redirects are not followed"),
                    retry_after: reply.retry_after(),
                },
                _ => Posted::Later {
                    detail: format!("the endpoint answered {status}"),
                    retry_after: reply.retry_after(),
                },
            }
        }
        // An answer that is too long is an answer, but nobody knows which.
        Err(error) if error.is_final() => Posted::Refused(error.to_string()),
        Err(error) => Posted::Later { detail: error.to_string(), retry_after: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_signs_as_the_standards_own_example_does() {
        // https://github.com/standard-webhooks/standard-webhooks: the example of its libraries' tests.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let body = br#"{"test": 2432232314}"#;
        let signed = signature(std::slice::from_ref(&secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let both = signature(&[secret, "other".into()], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert!(both.starts_with(&signed) && both.split(' ').count() == 2);
    }

    #[test]
    fn answers_are_told_apart() {
        let reply = |status: u16| {
            let mut headers = http::HeaderMap::new();
            headers.insert("retry-after", "7".parse().unwrap());
            answered(Ok(Reply { status, headers, body: Bytes::new() }))
        };
        assert_eq!(reply(204), Posted::Taken);
        assert_eq!(reply(410), Posted::Gone);
        let seven = Some(Duration::from_secs(7));
        for later in [301, 302, 307, 400, 401, 403, 404, 408, 422, 425, 429, 500, 503] {
            assert!(matches!(reply(later), Posted::Later { retry_after, .. } if retry_after == seven), "{later}");
        }
        let error = |error| answered(Err(error));
        assert!(matches!(error(CallError::Forbidden("10.0.0.1".into())), Posted::Refused(_)));
        assert!(matches!(error(CallError::TimedOut(PATIENCE)), Posted::Later { .. }));
    }
}
