//! The way out to a partner's cXML endpoint: the document is posted with our shared secret, which stands in nothing that is
//! stored, and the Response says what became of it. cXML 1.2, "Response" and "Status": 2xx is delivered, 4xx is refused for
//! good, 5xx is their trouble and tried again, as is an answer that is none.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::Full;

use crate::{
    exchange::{Carried, Courier, Parcel},
    ledger::Channel,
    net::{CallError, Egress, Manner, Reply, Trust},
    xml::cxml::{Meaning, Response, with_secret},
};

/// For all of a post: an endpoint may check a document before it answers.
const PATIENCE: Duration = Duration::from_secs(60);
/// What an endpoint may answer.
const LARGEST_ANSWER: usize = 256 << 10;
/// How much of what an endpoint says is told.
const LONGEST_WORDS: usize = 500;

/// Posts parcels.
pub struct CxmlCourier {
    egress: Arc<Egress>,
    /// Where `file:` secrets start.
    root: PathBuf,
}

impl CxmlCourier {
    /// One that calls by `egress`; secrets in files start at `root`.
    pub fn new(egress: Arc<Egress>, root: PathBuf) -> Self {
        Self { egress, root }
    }

    /// What is posted: the stored document with our secret in it.
    async fn body(&self, parcel: &Parcel) -> Result<Bytes, Carried> {
        // The operator mends this; the partner is not to blame.
        let later = |why: String| Carried::TryAgain { detail: format!("{why}."), retry_after: None };
        let stored = parcel.bytes().await.map_err(|error| later(error.to_string()))?;
        let Some(secret) = parcel.partner.cxml.as_ref().and_then(|terms| terms.secret.as_ref()) else {
            return Ok(stored);
        };
        let secret = secret.resolve(&self.root).map_err(|error| later(error.to_string()))?;
        with_secret(&stored, secret.reveal()).map(Bytes::from).ok_or_else(|| Carried::Refused {
            detail: "The document has no Sender that the shared secret could be put into: it is no cXML.".into(),
        })
    }
}

#[async_trait]
impl Courier for CxmlCourier {
    fn channel(&self) -> Channel {
        Channel::Cxml
    }

    async fn carry(&self, parcel: &Parcel) -> Carried {
        let Some(url) = parcel.partner.cxml.as_ref().and_then(|terms| terms.url.as_ref()) else {
            return Carried::Refused { detail: format!("The file of {} has no `url` in [cxml].", parcel.partner.id) };
        };
        let body = match self.body(parcel).await {
            Ok(body) => body,
            Err(told) => return told,
        };
        let headers = [
            ("Content-Type".to_owned(), "text/xml; charset=UTF-8".to_owned()),
            ("User-Agent".to_owned(), concat!("gangway/", env!("CARGO_PKG_VERSION")).to_owned()),
            ("Content-Length".to_owned(), body.len().to_string()),
        ];
        let manner = Manner { patience: PATIENCE, largest_answer: LARGEST_ANSWER, lower_case_headers: false };
        let reply = self.egress.post(url.as_str(), &headers, Full::new(body), &Trust::default(), manner).await;
        carried(url.as_str(), reply)
    }
}

/// What an endpoint's answer means.
fn carried(url: &str, reply: Result<Reply, CallError>) -> Carried {
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) if error.is_final() => return Carried::Refused { detail: format!("{url}: {error}.") },
        Err(error) => return Carried::TryAgain { detail: format!("{url}: {error}."), retry_after: None },
    };
    let retry_after = reply.retry_after();
    let Some(response) = Response::read(&reply.body) else {
        let detail = format!("{url} answered {} without a cXML Response.", reply.status);
        return match reply.status {
            // It would be the same at any time: the address is wrong, or wants another kind of login.
            300..=399 => Carried::Refused { detail: format!("{detail} Redirects are not followed.") },
            401 | 403 | 404 | 405 | 410 => Carried::Refused { detail },
            _ => Carried::TryAgain { detail, retry_after },
        };
    };
    let words: String = response.to_string().chars().take(LONGEST_WORDS).collect();
    let detail = format!("{url} answered {words}");
    match response.meaning() {
        Meaning::Taken => Carried::Delivered { detail, receipt: Some(reply.body) },
        Meaning::Refused => Carried::Refused { detail },
        Meaning::Later => Carried::TryAgain { detail, retry_after },
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn answered(status: u16, body: &str) -> Carried {
        carried(
            "http://x",
            Ok(Reply { status, headers: HeaderMap::new(), body: Bytes::copy_from_slice(body.as_bytes()) }),
        )
    }

    fn response(code: u16, text: &str, detail: &str) -> String {
        format!("<cXML payloadID='1'><Response><Status code='{code}' text='{text}'>{detail}</Status></Response></cXML>")
    }

    #[test]
    fn the_response_decides_whatever_the_status_of_http_is() {
        let taken = response(200, "OK", "");
        for status in [200, 500] {
            let told = answered(status, &taken);
            let Carried::Delivered { detail, receipt } = told else { panic!("{told:?}") };
            assert_eq!((&*detail, receipt.unwrap()), ("http://x answered 200 OK", Bytes::from(taken.clone())));
        }
        let refused = answered(200, &response(406, "Not Acceptable", "No such\n  item 10"));
        assert_eq!(refused, Carried::Refused { detail: "http://x answered 406 Not Acceptable No such item 10".into() });
        let later = answered(200, &response(560, "Busy", ""));
        assert!(
            matches!(&later, Carried::TryAgain { detail, .. } if detail == "http://x answered 560 Busy"),
            "{later:?}"
        );
    }

    #[test]
    fn an_answer_without_a_response_is_tried_again_unless_the_address_is_wrong() {
        for later in [200, 204, 400, 408, 500, 503] {
            assert!(matches!(answered(later, "<html/>"), Carried::TryAgain { .. }), "{later}");
        }
        for never in [301, 401, 403, 404, 410] {
            assert!(matches!(answered(never, ""), Carried::Refused { .. }), "{never}");
        }
    }
}
