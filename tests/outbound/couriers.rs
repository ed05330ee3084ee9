//! Partners to whom we call: one who is down holds up nobody, nothing overtakes, and what is given up is visible.

use gangway::{
    net::webhook::signature,
    play::{Endpoint, Event},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{issued, order_for, post, told, verbs};
use crate::util::{Dir, Gateway, accepted, cast::*, gwtest, status, wait_for};

const SECRET: &str = "whsec_dGhlIGtleSBvZiBhIHRlc3QgcGFydG5lcg==";

/// A partner who is called at this endpoint.
fn hooked(dir: &Dir, id: &'static str, endpoint: &Endpoint, send: &str) {
    dir.create("secrets/hook", SECRET);
    let more = format!(
        "\n[webhook]\nurl = \"{}\"\nsecrets = [\"file:secrets/hook\"]\n\n[send]\nchannel = \"webhook\"\nformat = \"json\"\n{send}\n",
        endpoint.url()
    );
    PartnerFile { more: Box::leak(more.into_boxed_str()), ..PartnerFile::new(id) }.write(dir);
}

fn bodies(endpoint: &Endpoint) -> Vec<Value> {
    endpoint.taken().iter().map(|call| serde_json::from_slice(&call.body).unwrap()).collect()
}

/// The orders that an endpoint took, each with its purpose.
fn taken(endpoint: &Endpoint) -> Vec<String> {
    let name = |body: &Value| {
        format!("{} {}", body["data"]["number"].as_str().unwrap(), body["data"]["purpose"].as_str().unwrap())
    };
    bodies(endpoint).iter().map(name).collect()
}

gwtest!(an_order_is_posted_and_signed, async |dir| {
    assemble(&dir);
    let endpoint = Endpoint::start().await.unwrap();
    hooked(&dir, "hooked", &endpoint, "");
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    post(&erp, "k", "hooked", "45").await;
    assert_eq!(verbs(&erp, "purchase_order/45", 2).await, ["purchase_order.issued", "purchase_order.delivered"]);
    let call = endpoint.taken().remove(0);
    let header = |name: &str| call.headers[name].to_str().unwrap().to_owned();
    let seconds = header("webhook-timestamp").parse().unwrap();
    let expected = signature(&[SECRET.to_owned()], &header("webhook-id"), seconds, &call.body);
    assert_eq!(header("webhook-signature"), expected);
    let event: Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!((&event["type"], &event["data"]["number"]), (&json!("gangway.purchase_order.issued.v1"), &json!("45")));
    gateway.stop().await;
});

gwtest!(a_partner_that_is_down_holds_up_nobody_and_gets_all_in_order, async |dir| {
    assemble(&dir);
    let (down, up) = (Endpoint::start().await.unwrap(), Endpoint::start().await.unwrap());
    down.answer(StatusCode::SERVICE_UNAVAILABLE);
    hooked(&dir, "down", &down, "retry_after = \"50ms\"\nretry_at_most = \"200ms\"\nattempts = 10000");
    hooked(&dir, "up", &up, "");
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    for (key, number, purpose) in [("1", "45", "original"), ("2", "46", "original"), ("3", "45", "change")] {
        accepted(erp.submit(key, &order_for("down", number, purpose)).await.unwrap());
    }
    post(&erp, "4", "up", "50").await;
    wait_for("the other partner's order", async || (!up.taken().is_empty()).then_some(())).await;
    wait_for("a few attempts", async || (down.calls().len() >= 3).then_some(())).await;
    assert!(down.taken().is_empty());
    // A crash in the middle changes nothing.
    gateway.kill9();
    let gateway = Gateway::start(&dir).await;
    down.answer(StatusCode::NO_CONTENT);
    wait_for("all three", async || (down.taken().len() >= 3).then_some(())).await;
    let order = taken(&down);
    let place = |what: &str| order.iter().position(|one| one == what).unwrap_or_else(|| panic!("{order:?}"));
    assert!(place("45 original") < place("45 change"), "{order:?}");
    assert!(order.contains(&"46 original".to_owned()));
    // The same id at every attempt, so that the partner can tell a repetition.
    let ids: std::collections::BTreeSet<_> =
        down.calls().iter().map(|call| call.headers["webhook-id"].to_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 3);
    gateway.stop().await;
});

gwtest!(an_endpoint_that_is_set_up_wrongly_for_a_while_gets_its_order_all_the_same, async |dir| {
    assemble(&dir);
    let endpoint = Endpoint::start().await.unwrap();
    hooked(&dir, "hooked", &endpoint, "retry_after = \"20ms\"\nretry_at_most = \"50ms\"\nattempts = 10000");
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    endpoint.answer(StatusCode::NOT_FOUND);
    post(&erp, "1", "hooked", "45").await;
    accepted(erp.submit("2", &order_for("hooked", "45", "change")).await.unwrap());
    for wrong in [StatusCode::NOT_FOUND, StatusCode::FOUND, StatusCode::FORBIDDEN, StatusCode::UNPROCESSABLE_ENTITY] {
        endpoint.answer(wrong);
        wait_for("an attempt", async || endpoint.calls().iter().any(|call| call.answered == wrong).then_some(())).await;
    }
    endpoint.answer(StatusCode::NO_CONTENT);
    wait_for("both", async || (endpoint.taken().len() == 2).then_some(())).await;
    assert_eq!(taken(&endpoint), ["45 original", "45 change"], "the change did not overtake");
    gateway.stop().await;
});

gwtest!(an_endpoint_that_is_gone_is_called_again_when_its_file_is_another_one, async |dir| {
    assemble(&dir);
    let endpoint = Endpoint::start().await.unwrap();
    endpoint.answer(StatusCode::GONE);
    hooked(&dir, "hooked", &endpoint, "");
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let gone = async |number: &str| {
        post(&erp, number, "hooked", number).await;
        let verbs = verbs(&erp, &format!("purchase_order/{number}"), 2).await;
        assert_eq!(verbs, ["purchase_order.issued", "purchase_order.failed"]);
    };
    gone("45").await;
    endpoint.answer(StatusCode::NO_CONTENT);
    gone("46").await;
    assert_eq!(endpoint.calls().len(), 1, "it is left alone");
    // They are back, and somebody has been at the file.
    hooked(&dir, "hooked", &endpoint, "# They are back since Monday.");
    gateway.signal("HUP");
    let mut key = 0;
    wait_for("an order that is taken", async || {
        key += 1;
        post(&erp, &format!("k{key}"), "hooked", &format!("{}", 46 + key)).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        (!endpoint.taken().is_empty()).then_some(())
    })
    .await;
    gateway.stop().await;
});

gwtest!(pauses_of_milliseconds_are_kept, async |dir| {
    assemble(&dir);
    let endpoint = Endpoint::start().await.unwrap();
    endpoint.answer(StatusCode::SERVICE_UNAVAILABLE);
    hooked(&dir, "hooked", &endpoint, "retry_after = \"5ms\"\nretry_at_most = \"10ms\"\nattempts = 400");
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    post(&erp, "1", "hooked", "45").await;
    // Whoever looks once a second has made too few attempts when patience ends.
    assert_eq!(verbs(&erp, "purchase_order/45", 2).await, ["purchase_order.issued", "purchase_order.failed"]);
    assert_eq!(endpoint.calls().len(), 400);
    gateway.stop().await;
});

gwtest!(what_is_given_up_is_dead_until_a_person_decides, async |dir| {
    assemble(&dir);
    let endpoint = Endpoint::start().await.unwrap();
    endpoint.answer(StatusCode::INTERNAL_SERVER_ERROR);
    hooked(&dir, "hooked", &endpoint, "retry_after = \"20ms\"\nattempts = 2");
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let out = issued(&erp, "hooked", &post(&erp, "1", "hooked", "45").await).await;
    let change = order_for("hooked", "45", "change");
    let change = issued(&erp, "hooked", &accepted(erp.submit("2", &change).await.unwrap())).await;
    wait_for("the event", async || {
        let events: Vec<Event> = told(&erp, "purchase_order/45").await;
        events.iter().any(|event| event.kind == "gangway.purchase_order.failed.v1").then_some(())
    })
    .await;
    let (id, change) = (out["id"].as_str().unwrap(), change["id"].as_str().unwrap());
    let message = status(erp.message(id).await.unwrap(), 200).json();
    assert_eq!((&message["state"], &message["deliveries"][0]["attempts"]), (&json!("dead"), &json!(2)), "{message}");
    let attempts = message["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|fact| fact["detail"].as_str().unwrap().starts_with("Attempt"))
        .count();
    assert_eq!(attempts, 2, "{message}");
    // The change waits behind it.
    endpoint.answer(StatusCode::NO_CONTENT);
    let waiting = status(erp.message(change).await.unwrap(), 200).json();
    assert_eq!(waiting["state"], "ready");
    let done = dir.gangway(&["deliveries", "resend", id, "--reason", "they are back"]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    wait_for("both", async || (endpoint.taken().len() == 2).then_some(())).await;
    assert_eq!(taken(&endpoint), ["45 original", "45 change"]);
    // Sent again after it was delivered: the same bytes under another id.
    let again = dir.gangway(&["deliveries", "resend", id, "--reason", "they lost it"]).output().unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let third = wait_for("the third", async || endpoint.taken().get(2).cloned()).await;
    assert_eq!(bodies(&endpoint)[0]["data"], bodies(&endpoint)[2]["data"]);
    assert_ne!(endpoint.taken()[0].headers["webhook-id"], third.headers["webhook-id"]);
    let refused = dir.gangway(&["deliveries", "resend", id, "--reason", " "]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    gateway.stop().await;
});

gwtest!(an_order_is_reissued_under_a_new_number, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let out = issued(&erp, "acme", &post(&erp, "1", "acme", "45").await).await;
    let reissue = || dir.run(&["deliveries", "reissue", out["id"].as_str().unwrap(), "--reason", "new map"]);
    let refused = reissue();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is still on its way"), "{refused:?}");
    dir.run_well(&["deliveries", "cancel", "1", "--reason", "they do not fetch it"]);
    assert!(reissue().status.success());
    assert_eq!(verbs(&erp, "purchase_order/45", 2).await, ["purchase_order.issued"; 2]);
    let events = told(&erp, "purchase_order/45").await;
    assert_eq!(events[0].data, events[1].data);
    let second = status(erp.message(&events[1].messageid).await.unwrap(), 200).json();
    assert_eq!((&out["interchange"], &second["interchange"]), (&json!("000000001"), &json!("000000002")));
    let listed = dir.gangway(&["deliveries", "list", "--partner", "acme", "--format", "json"]).output().unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    gateway.stop().await;
});

gwtest!(what_is_dead_is_reissued_in_its_place, async |dir| {
    assemble(&dir);
    let endpoint = Endpoint::start().await.unwrap();
    endpoint.answer(StatusCode::BAD_REQUEST);
    hooked(&dir, "hooked", &endpoint, "attempts = 1");
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let origin = post(&erp, "1", "hooked", "45").await;
    let out = issued(&erp, "hooked", &origin).await;
    let dead = async || {
        let listed = dir.run_well(&["deliveries", "list", "--state", "dead", "--format", "json"]);
        serde_json::from_str::<Value>(&listed).unwrap().as_array().unwrap().len()
    };
    wait_for("the refusal", async || (dead().await == 1).then_some(())).await;
    let change = order_for("hooked", "45", "change");
    let change = issued(&erp, "hooked", &accepted(erp.submit("2", &change).await.unwrap())).await;
    endpoint.answer(StatusCode::NO_CONTENT);
    // The change would go first.
    let reissue = |id: &Value| dir.run(&["deliveries", "reissue", id.as_str().unwrap(), "--reason", "mended"]);
    let refused = String::from_utf8(reissue(&out["id"]).stderr).unwrap();
    assert!(refused.contains("would go first: cancel its delivery 2"), "{refused}");
    assert_eq!(dead().await, 1, "nothing is changed by what is refused");
    dir.run_well(&["deliveries", "cancel", "2", "--reason", "after the order"]);
    // By the ERP's own message, too.
    let done = reissue(&json!(origin));
    assert!(done.status.success(), "{done:?}");
    wait_for("the order", async || (endpoint.taken().len() == 1).then_some(())).await;
    wait_for("its end", async || reissue(&change["id"]).status.success().then_some(())).await;
    wait_for("both", async || (endpoint.taken().len() == 2).then_some(())).await;
    assert_eq!(taken(&endpoint), ["45 original", "45 change"]);
    assert_eq!(dead().await, 0);
    gateway.stop().await;
});

gwtest!(what_waits_to_be_sent_is_not_reissued, async |dir| {
    assemble(&dir);
    let more = "\n[send.batch]\ncount = 3\nevery = \"1h\"\n";
    PartnerFile { more, ..ACME_FILE }.write(&dir);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let first = post(&erp, "1", "acme", "1").await;
    let refused = dir.run(&["deliveries", "reissue", &first, "--reason", "where is it?"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("waits to be sent"), "{refused:?}");
    post(&erp, "2", "acme", "2").await;
    post(&erp, "3", "acme", "3").await;
    assert_eq!(issued(&erp, "acme", &first).await["documents"].as_array().unwrap().len(), 3);
    gateway.stop().await;
});

gwtest!(documents_wait_for_company_where_the_partner_wants_that, async |dir| {
    assemble(&dir);
    let more = "\n[send.documents.purchase_order.batch]\ncount = 3\nevery = \"1h\"\n";
    PartnerFile { more, ..ACME_FILE }.write(&dir);
    let more = "\n[send.documents.purchase_order.batch]\nevery = \"300ms\"\n";
    PartnerFile { more, ..BOLT_FILE }.write(&dir);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let first = post(&erp, "1", "acme", "1").await;
    post(&erp, "2", "acme", "2").await;
    assert!(told(&erp, "purchase_order/1").await.is_empty());
    post(&erp, "3", "acme", "3").await;
    let out = issued(&erp, "acme", &first).await;
    assert_eq!(out["documents"].as_array().unwrap().len(), 3);
    let text = super::bytes(&erp, &out).await;
    assert!(text.contains("ST*850*0003~") && text.contains("~GE*3*1~IEA*1*000000001~"), "{text}");
    // By time.
    let out = issued(&erp, "bolt", &post(&erp, "4", "bolt", "4").await).await;
    assert_eq!(out["documents"].as_array().unwrap().len(), 1);
    gateway.stop().await;
});

gwtest!(a_person_is_told_once_of_what_was_given_up, async |dir| {
    assemble(&dir);
    let (endpoint, people) = (Endpoint::start().await.unwrap(), Endpoint::start().await.unwrap());
    endpoint.answer(StatusCode::BAD_REQUEST);
    people.answer(StatusCode::SERVICE_UNAVAILABLE);
    hooked(&dir, "hooked", &endpoint, "retry_after = \"20ms\"\nattempts = 2");
    let alerts = format!("\n[alerts]\nurl = \"{}\"\nsecrets = [\"file:secrets/hook\"]\n", people.url());
    dir.create("gangway.toml", settings() + &alerts);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let out = issued(&erp, "hooked", &post(&erp, "1", "hooked", "45").await).await;
    wait_for("an attempt to tell", async || (!people.calls().is_empty()).then_some(())).await;
    people.answer(StatusCode::NO_CONTENT);
    let call = wait_for("the alert", async || people.taken().first().cloned()).await;
    let alert: Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!(alert["type"], "gangway.alert.delivery_failed.v1", "{alert}");
    assert_eq!((&alert["data"]["partner"], &alert["data"]["message"]), (&json!("hooked"), &out["id"]));
    let header = |name: &str| call.headers[name].to_str().unwrap().to_owned();
    let seconds = header("webhook-timestamp").parse().unwrap();
    assert_eq!(
        header("webhook-signature"),
        signature(&[SECRET.to_owned()], &header("webhook-id"), seconds, &call.body)
    );
    // The next one of another subject comes, and none of the same.
    post(&erp, "2", "hooked", "46").await;
    wait_for("the second alert", async || (people.taken().len() == 2).then_some(())).await;
    let subjects: std::collections::BTreeSet<_> =
        bodies(&people).iter().map(|alert| alert["data"]["subject"].to_string()).collect();
    assert_eq!(subjects.len(), 2);
    gateway.stop().await;
});
