//! Tokens bought with an API key: they open what the key opens, and end when it does.

use gangway::play::Supplier;
use http::Method;

use super::{get, header, open, refused};
use crate::util::{cast::*, gwtest, status, wait_for};

gwtest!(a_token_opens_what_its_key_opens_and_ends_with_it, async |dir| {
    let (gateway, _, acme) = open(&dir).await;
    let buy = async |body: String| {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        acme.client().send(Method::POST, "/v1/oauth/token", &headers, body.into_bytes()).await.unwrap()
    };
    let asked = |id: &str, key: &str| format!("grant_type=client_credentials&client_id={id}&client_secret={key}");
    let sold = status(buy(asked("acme", ACME_KEY)).await, 200);
    assert_eq!(header(&sold, "cache-control"), "no-store");
    assert_eq!(sold.json()["token_type"], "Bearer");
    let token = sold.json()["access_token"].as_str().unwrap().to_owned();
    let base = format!("http://{}", gateway.public_address());
    let bearer = Supplier::new(base, &token);
    assert_eq!(status(get(&bearer, "/v1/limits", &[]).await, 200).json()["partner"], "acme");
    // Somebody else's id, an unknown key, another grant.
    let error =
        async |body: String, code: u16| status(buy(body).await, code).json()["error"].as_str().unwrap().to_owned();
    assert_eq!(error(asked("bolt", ACME_KEY), 401).await, "invalid_client");
    assert_eq!(error(asked("acme", "gw_live_none"), 401).await, "invalid_client");
    assert_eq!(error("grant_type=password".into(), 400).await, "unsupported_grant_type");
    // A key that is taken out of the file takes its tokens with it.
    PartnerFile { keys: &[ACME_TEST_KEY], ..ACME_FILE }.write(&dir);
    gateway.signal("HUP");
    wait_for("the reload", async || (get(&bearer, "/v1/limits", &[]).await.status.as_u16() == 401).then_some(())).await;
    assert_eq!(refused(get(&bearer, "/v1/limits", &[]).await, 401), "API-0101");
    gateway.stop().await;
});
