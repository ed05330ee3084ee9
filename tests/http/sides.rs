//! What is public can never reach a private path, nor the other way round, and who may see what on each side.

use super::{
    fakes::{ACME, House, TOKEN},
    wire::ask,
};

#[tokio::test]
async fn neither_side_knows_the_others_paths() {
    let house = House::open().await;
    let key = format!("Bearer {ACME}");
    let token = format!("Bearer {TOKEN}");
    let private = [
        "/",
        "/metrics",
        "/healthz",
        "/readyz",
        "/erp/v1/events",
        "/erp/v1/messages",
        "/erp/v1/queue/erp",
        "/erp/v1/orders/1",
        "/%65rp/v1/events",
        "//erp/v1/events",
        "/v1/../erp/v1/events",
        "/v1/%2e%2e/erp/v1/events",
        "/v1/messages/../../erp/v1/events",
        "/v1/messages/..%2f..%2ferp%2fv1%2fevents/payload",
    ];
    for path in private {
        for auth in [&key, &token] {
            let answer = ask(house.public(), "GET", path, &[("authorization", auth)], "").await;
            assert!([401, 404].contains(&answer.status), "{path}: {answer:?}");
        }
    }
    for path in ["/v1/messages", "/v1/messages/msg_1", "/v1/messages/msg_1/payload"] {
        for auth in [&key, &token] {
            assert_eq!(ask(house.private(), "GET", path, &[("authorization", auth)], "").await.status, 404, "{path}");
        }
    }
    // A whole address in the request line, or another Host, chooses nothing.
    let elsewhere = format!("http://{}/erp/v1/events", house.private());
    assert_eq!(ask(house.public(), "GET", &elsewhere, &[("authorization", &token)], "").await.status, 404);
}

#[tokio::test]
async fn the_private_side_says_what_runs_and_whether_it_is_well() {
    let house = House::open().await;
    let home = ask(house.private(), "GET", "/", &[], "").await;
    assert_eq!((home.status, home.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(home.header("content-security-policy").starts_with("default-src 'none'; style-src 'sha256-"));
    let text = String::from_utf8(home.body).unwrap();
    assert!(text.contains("127.0.0.1:8080") && text.contains(env!("CARGO_PKG_VERSION")) && text.contains("bolt"));

    assert_eq!(ask(house.private(), "GET", "/healthz", &[], "").await.status, 200);
    let ready = ask(house.private(), "GET", "/readyz", &[], "").await;
    assert_eq!((ready.status, &ready.json()["stale_partners"][0]), (200, &"bolt".into()));
    house.ledger.out.store(true, std::sync::atomic::Ordering::SeqCst);
    let ready = ask(house.private(), "GET", "/readyz", &[], "").await;
    assert_eq!((ready.status, &ready.json()["ready"]), (503, &false.into()));
    assert_eq!(ask(house.private(), "GET", "/healthz", &[], "").await.status, 200, "up, though not ready");
    house.ledger.out.store(false, std::sync::atomic::Ordering::SeqCst);

    house.ledger.no_room.send_replace(Some("no room left".into()));
    let ready = ask(house.private(), "GET", "/readyz", &[], "").await;
    assert_eq!((ready.status, &ready.json()["ledger"]), (503, &"no room left".into()));
    house.ledger.no_room.send_replace(None);
    assert_eq!(ask(house.private(), "GET", "/readyz", &[], "").await.status, 200);

    house.ledger.release_event(1);
    ask(house.public(), "GET", "/nowhere", &[], "").await;
    let metrics = ask(house.private(), "GET", "/metrics", &[], "").await;
    let text = String::from_utf8(metrics.body).unwrap();
    for line in [
        r#"gangway_requests_total{listener="public",method="GET",route="none",status="404"} 1"#,
        r#"gangway_requests_total{listener="private",method="GET",route="/readyz",status="503"} 2"#,
        r#"gangway_queue_events{consumer="erp",state="waiting"} 1"#,
        "gangway_build_info{",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(metrics.headers["content-type"].starts_with("application/openmetrics-text"));
}
