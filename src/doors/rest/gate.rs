//! The one gate of the supplier API: whose key it is, whether they may, and whether they may now.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{Rest, events::KeyRefused, problems};
use crate::{
    document::Mode,
    ledger::Channel,
    limits,
    net::{Context, Problem},
    partner::{ApiAccess, Directory, Ending, Partner, Status},
};

/// The longest token; an issuer's are much longer than our own.
const LONGEST: usize = 8 << 10;

/// Lets a request in with an [`ApiAccess`] among its extensions, or answers it.
pub(super) async fn gate(State(rest): State<Arc<Rest>>, mut request: Request, next: Next) -> Response {
    let access = match authenticate(&rest, &request) {
        Ok(access) => access,
        Err(problem) => return problem.into_response(),
    };
    let partner = Arc::clone(&access.partner);
    let mut response = match admit(&rest, &access) {
        Ok(()) => {
            request.extensions_mut().insert(access);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    if let Some(version) = partner.rest.as_ref().map(|rest| rest.version) {
        announce(version.as_str(), version.ending(), response.headers_mut());
    }
    let usage = rest.limiter().usage(&partner, Channel::Rest, Timestamp::now());
    let said = [("ratelimit-policy", limits::policies(&usage)), ("ratelimit", limits::standings(&usage))];
    for (name, value) in said {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Says which version of the API answered, and when that version ends, once that is known (RFC 9745, RFC 8594).
fn announce(version: &'static str, ending: Option<Ending>, headers: &mut HeaderMap) {
    headers.insert("gangway-version", HeaderValue::from_static(version));
    let Some(ending) = ending else { return };
    let at = |date: &str| date.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    let said = [
        ("deprecation", at(ending.deprecated).map(|at| format!("@{}", at.timestamp().as_second()))),
        ("sunset", at(ending.sunset).map(|at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())),
    ];
    for (name, value) in said {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
}

/// Whether somebody who is known may call now.
pub(super) fn admit(rest: &Rest, access: &ApiAccess) -> Result<(), Problem> {
    if access.partner.status == Status::Suspended {
        return Err(problems::SUSPENDED.because("The exchange with this partner is suspended for now."));
    }
    rest.limiter().call(&access.partner, Channel::Rest).map_err(problems::over_limit)
}

fn authenticate(rest: &Rest, request: &Request) -> Result<ApiAccess, Problem> {
    let presented = bearer(request.headers());
    let directory = rest.directory.load();
    let context = request.extensions().get::<Context>();
    let shown = context.and_then(|context| context.certificate);
    let found = match presented {
        Some(token) => known(rest, &directory, token),
        // Nobody else has its key: RFC 8705, section 2.2, without the detour of a token.
        None => shown
            .and_then(|shown| directory.by_certificate(&shown))
            .map(|partner| ApiAccess { partner: Arc::clone(partner), mode: Mode::Live }),
    };
    if let Some(access) = found {
        return certified(&access.partner, shown).map(|()| access);
    }
    let peer = context.and_then(|context| context.peer);
    KeyRefused { peer, presented: presented.is_some() }.emit(&rest.telemetry);
    let (detail, challenge) = match presented {
        None => ("Send the key in the header Authorization: Bearer gw_live_….", r#"Bearer realm="gangway""#),
        Some(_) => ("This key is not known.", r#"Bearer realm="gangway", error="invalid_token""#),
    };
    Err(problems::KEY.because(detail).with(WWW_AUTHENTICATE, HeaderValue::from_static(challenge)))
}

/// Whose API key or token this is: our own, or the issuer's outside.
fn known(rest: &Rest, directory: &Directory, token: &str) -> Option<ApiAccess> {
    let now = Timestamp::now();
    let access = directory.by_api_key(token).or_else(|| rest.tokens.open(token, directory, now));
    access.or_else(|| rest.issuer.as_ref()?.open(token, directory, now))
}

/// Whether the caller has shown a certificate where the partner's file asks for one.
pub(super) fn certified(partner: &Partner, shown: Option<[u8; 32]>) -> Result<(), Problem> {
    let wanted = partner.rest.as_ref().map_or(&[][..], |rest| rest.certificates.as_slice());
    match shown {
        _ if wanted.is_empty() => Ok(()),
        Some(shown) if wanted.contains(&shown) => Ok(()),
        Some(_) => Err(problems::CERTIFICATE.because("The certificate shown is not one of those agreed on.")),
        None => Err(problems::CERTIFICATE.because("Call over TLS and show the client certificate agreed on.")),
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= LONGEST).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_version_says_when_it_ends() {
        let mut headers = HeaderMap::new();
        announce("2026-11-01", None, &mut headers);
        assert_eq!((headers.len(), &headers["gangway-version"]), (1, &HeaderValue::from_static("2026-11-01")));
        announce("2026-11-01", Some(Ending { deprecated: "2027-01-01", sunset: "2028-01-01" }), &mut headers);
        assert_eq!(headers["deprecation"], "@1798761600");
        assert_eq!(headers["sunset"], "Sat, 01 Jan 2028 00:00:00 GMT");
    }

    #[test]
    fn a_bearer_token_is_read_and_nothing_else() {
        let of = |value: &'static str| HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
        assert_eq!(bearer(&of("bearer  gw_live_1 ")), Some("gw_live_1"));
        for wrong in ["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "gw_live_1"] {
            assert_eq!(bearer(&of(wrong)), None, "{wrong}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
