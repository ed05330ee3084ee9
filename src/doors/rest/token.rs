//! OAuth2 client credentials (RFC 6749, section 4.4) for clients that know nothing else: an API key buys a token that lasts an
//! hour. A token names the key it was bought with and is signed by this process; it ends with its key, and a restart ends
//! all of them, so that a client then buys another, as for one that ran out.

use std::sync::Arc;

use aws_lc_rs::hmac;
use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode, Uri,
        header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE},
    },
    response::Response,
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jiff::Timestamp;
use serde_json::json;

use super::{Rest, gate};
use crate::{
    document::Mode,
    keys,
    net::{self, Problem},
    partner::{ApiAccess, ApiKeyHash, Directory},
};

/// What a token begins with.
const PREFIX: &str = "gw_tok_";
/// How long one lasts, in seconds.
const LASTS: i64 = 3600;
/// The largest request for one.
const MAX_BODY: usize = 8 << 10;
/// Key's hash, mode, end.
const CLAIMS: usize = 32 + 1 + 8;

/// Makes tokens, and knows its own again.
pub(super) struct Tokens(hmac::Key);

impl Tokens {
    pub(super) fn new() -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &keys::random::<32>()))
    }

    fn issue(&self, key: ApiKeyHash, mode: Mode, now: Timestamp) -> String {
        let mut claims = Vec::with_capacity(CLAIMS + 32);
        claims.extend(key.to_bytes());
        claims.push(u8::from(mode == Mode::Test));
        claims.extend((now.as_second() + LASTS).to_be_bytes());
        let signature = hmac::sign(&self.0, &claims);
        claims.extend(signature.as_ref());
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(claims))
    }

    /// Whose token this is, if it is one, still holds, and its key is still in the partner's file.
    pub(super) fn open(&self, token: &str, directory: &Directory, now: Timestamp) -> Option<ApiAccess> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
        let (claims, signature) = bytes.split_at_checked(CLAIMS)?;
        hmac::verify(&self.0, claims, signature).ok()?;
        let (key, rest) = claims.split_first_chunk::<32>()?;
        let (mode, end) = rest.split_first()?;
        let end = i64::from_be_bytes(end.try_into().ok()?);
        let partner = directory.by_api_key_hash(&ApiKeyHash::from_bytes(*key))?;
        let mode = if *mode == 1 { Mode::Test } else { Mode::Live };
        (now.as_second() < end).then(|| ApiAccess { partner: Arc::clone(partner), mode })
    }
}

/// `POST /v1/oauth/token`. Its answers are those of RFC 6749, sections 5.1 and 5.2, which clients expect word by word.
pub(super) async fn token(State(rest): State<Arc<Rest>>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let body = net::whole(body, MAX_BODY).await?;
    let Some(form) = form(&body) else { return Ok(refused("invalid_request")) };
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    if field("grant_type").as_deref() != Some("client_credentials") {
        return Ok(refused(if field("grant_type").is_some() { "unsupported_grant_type" } else { "invalid_request" }));
    }
    let client = basic(&head.headers).or_else(|| Some((field("client_id")?, field("client_secret")?)));
    let Some((id, secret)) = client else { return Ok(refused("invalid_client")) };
    let access = rest.directory.load().by_api_key(&secret).filter(|access| access.partner.id == id);
    let Some(access) = access else { return Ok(refused("invalid_client")) };
    let context = head.extensions.get::<net::Context>();
    gate::certified(&access.partner, context.and_then(|context| context.certificate))?;
    let token = rest.tokens.issue(ApiKeyHash::of(&secret), access.mode, Timestamp::now());
    let answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": LASTS });
    Ok(unkept(net::json(StatusCode::OK, &answer)))
}

fn refused(error: &str) -> Response {
    let status = if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    let mut response = unkept(net::json(status, &json!({ "error": error })));
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"gangway\""));
    }
    response
}

fn unkept(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The fields of a form.
fn form(body: &[u8]) -> Option<Vec<(String, String)>> {
    let uri: Uri = format!("/?{}", std::str::from_utf8(body).ok()?.trim()).parse().ok()?;
    axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri).ok().map(|query| query.0)
}

/// The client of an `Authorization: Basic` header.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, text) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(text.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_again_by_who_made_it_until_it_ends() {
        let tokens = Tokens::new();
        let now: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let token = tokens.issue(ApiKeyHash::of("gw_live_x"), Mode::Live, now);
        // Its key is nobody's here.
        assert!(tokens.open(&token, &Directory::default(), now).is_none());
        for wrong in ["", "gw_tok_", "gw_tok_AAAA", "gw_live_x"] {
            assert!(tokens.open(wrong, &Directory::default(), now).is_none(), "{wrong}");
        }
    }

    #[test]
    fn forms_and_basic_credentials_are_read() {
        let fields = form(b"grant_type=client_credentials&client_id=a%20b").unwrap();
        assert_eq!(fields[1], ("client_id".into(), "a b".into()));
        let of = |text: &str| HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(text).unwrap())]);
        assert_eq!(basic(&of("Basic YTpi")), Some(("a".into(), "b".into())));
        assert_eq!((basic(&of("Bearer x")), basic(&of("Basic !"))), (None, None));
    }
}
