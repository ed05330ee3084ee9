//! The one gate of the ERP's API: the bearer token, compared in constant time.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderValue,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Erp, problems};

/// Lets a request in, or answers it.
pub(super) async fn gate(State(erp): State<Arc<Erp>>, request: Request, next: Next) -> Response {
    let presented = request.headers().get(AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let right = presented.is_some_and(|token| {
        // All are compared, so that the time does not tell which one came close.
        erp.tokens.iter().fold(false, |found, secret| found | secret.is(token.as_bytes()))
    });
    if right {
        return next.run(request).await;
    }
    let (detail, challenge) = match presented {
        None => ("Send the token in the header Authorization: Bearer ….", r#"Bearer realm="gangway-erp""#),
        Some(_) => ("This is not the token.", r#"Bearer realm="gangway-erp", error="invalid_token""#),
    };
    problems::TOKEN.because(detail).with(WWW_AUTHENTICATE, HeaderValue::from_static(challenge)).into_response()
}
