//! A partner who speaks cXML: orders are posted to its endpoint with our secret, and its Response says what became of them;
//! what it posts shows its own secret, and is answered with a Response.

use gangway::{
    keys,
    play::{Answer, Endpoint, ErpClient, Event},
    xml::cxml::{Response, payload_id},
};
use http::{Method, StatusCode};
use serde_json::json;

use super::{bytes, issued, post, told, verbs};
use crate::util::{Dir, Gateway, cast::*, drain, gwtest, gzip, state, status, wait_for};

const SPEAKER_KEY: &str = "gw_live_spkr000000000000000000000000000000000007";
const OUR_SECRET: &str = "ours & <only> ours";
const THEIR_SECRET: &str = "not a real one";

fn response(code: u16, text: &str, detail: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<cXML payloadID=\"r@x\" timestamp=\"2026-11-21T10:00:00Z\"><Response>\
         <Status code=\"{code}\" text=\"{text}\">{detail}</Status></Response></cXML>"
    )
}

/// A partner who speaks cXML: its endpoint, if it has one, and what else stands in its `[cxml]` and after it.
fn partner(dir: &Dir, id: &'static str, url: Option<&str>, cxml: &str, send: &str) {
    dir.create("secrets/cxml", OUR_SECRET);
    let url = url.map(|url| format!("url = \"{url}\"\nsecret = \"file:secrets/cxml\"\n")).unwrap_or_default();
    let more = format!(
        "\n[cxml]\nids = [\"DUNS/871234567\", \"NetworkID/AN01\"]\nours = \"DUNS/398765432\"\n{url}{cxml}\n[send]\n{send}\n"
    );
    PartnerFile { keys: &[SPEAKER_KEY], more: Box::leak(more.into_boxed_str()), ..PartnerFile::new(id) }.write(dir);
}

/// What was said of each attempt to deliver a message.
async fn attempts(erp: &ErpClient, message: &str) -> Vec<String> {
    let message = status(erp.message(message).await.unwrap(), 200).json();
    let facts = message["timeline"].as_array().unwrap().clone();
    facts.iter().map(|fact| fact["detail"].as_str().unwrap().to_owned()).collect()
}

gwtest!(an_order_goes_out_with_our_secret_and_the_response_delivers_it, async |dir| {
    assemble(&dir);
    let endpoint = Endpoint::start().await.unwrap();
    endpoint.say(StatusCode::OK, &response(201, "Accepted", "order 45 is ours"));
    partner(&dir, "speaker", Some(&endpoint.url()), "sender = \"NetworkID/AN77\"\n", "");
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let out = issued(&erp, "speaker", &post(&erp, "k", "speaker", "45").await).await;
    assert_eq!(verbs(&erp, "purchase_order/45", 2).await, ["purchase_order.issued", "purchase_order.delivered"]);
    let call = endpoint.taken().remove(0);
    assert_eq!(call.headers["content-type"], "text/xml; charset=UTF-8");
    let sent = String::from_utf8(call.body.to_vec()).unwrap();
    let flat: String = sent.lines().map(str::trim).collect();
    let credential =
        |domain: &str, identity: &str| format!("<Credential domain=\"{domain}\"><Identity>{identity}</Identity>");
    for part in [
        format!("<From>{}</Credential></From>", credential("DUNS", "398765432")),
        format!("<To>{}</Credential></To>", credential("DUNS", "871234567")),
        format!(
            "<Sender>{}<SharedSecret>ours &amp; &lt;only&gt; ours</SharedSecret></Credential><UserAgent>Gangway ",
            credential("NetworkID", "AN77")
        ),
        "<Request deploymentMode=\"production\"><OrderRequest><OrderRequestHeader orderID=\"45\"".to_owned(),
    ] {
        assert!(flat.contains(&part), "{part} is not in {flat}");
    }
    assert!(payload_id(sent.as_bytes()).is_some_and(|id| id.ends_with("@gangway")), "{sent}");
    // The secret is in nothing that is kept.
    let kept = bytes(&erp, &out).await;
    assert!(!kept.contains("SharedSecret") && kept.contains("AN77"), "{kept}");
    let id = out["id"].as_str().unwrap();
    let said = attempts(&erp, id).await;
    assert!(said.iter().any(|one| one.ends_with("answered 201 Accepted order 45 is ours")), "{said:?}");
    gateway.stop().await;
});

gwtest!(trouble_of_theirs_is_tried_again_and_a_refusal_is_final_and_shown, async |dir| {
    assemble(&dir);
    let endpoint = Endpoint::start().await.unwrap();
    endpoint.say(StatusCode::OK, &response(560, "Temporary Server Error", "we are moving"));
    partner(
        &dir,
        "speaker",
        Some(&endpoint.url()),
        "",
        "retry_after = \"20ms\"\nretry_at_most = \"50ms\"\nattempts = 10000",
    );
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let first = issued(&erp, "speaker", &post(&erp, "1", "speaker", "45").await).await;
    wait_for("three attempts", async || (endpoint.calls().len() >= 3).then_some(())).await;
    endpoint.say(StatusCode::OK, &response(200, "OK", ""));
    assert_eq!(verbs(&erp, "purchase_order/45", 2).await[1], "purchase_order.delivered");
    let ids: std::collections::BTreeSet<_> = endpoint.calls().iter().map(|call| payload_id(&call.body)).collect();
    assert_eq!(ids.len(), 1, "a repetition is known by its payloadID: {ids:?}");
    let said = attempts(&erp, first["id"].as_str().unwrap()).await;
    assert!(said.iter().any(|one| one.contains("answered 560 Temporary Server Error we are moving")), "{said:?}");

    endpoint.say(StatusCode::OK, &response(406, "Not Acceptable", "item 10 is unknown"));
    let second = issued(&erp, "speaker", &post(&erp, "2", "speaker", "46").await).await;
    wait_for("the event", async || {
        let events: Vec<Event> = told(&erp, "purchase_order/46").await;
        events.iter().any(|event| event.kind == "gangway.purchase_order.failed.v1").then_some(())
    })
    .await;
    let id = second["id"].as_str().unwrap();
    let message = status(erp.message(id).await.unwrap(), 200).json();
    assert_eq!((&message["state"], &message["deliveries"][0]["attempts"]), (&json!("dead"), &json!(1)), "{message}");
    let said = attempts(&erp, id).await;
    assert!(said.iter().any(|one| one.contains("answered 406 Not Acceptable item 10 is unknown")), "{said:?}");
    gateway.stop().await;
});

/// A ConfirmationRequest of theirs, with some of its words changed.
fn confirmation(changes: &[(&str, &str)]) -> String {
    let mut text = include_str!("../../mappings/cxml/confirmation.test/partly.xml").to_owned();
    text = text.replace("deploymentMode=\"test\"", "deploymentMode=\"production\"");
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text
}

async fn posted(gateway: &Gateway, body: String) -> (Answer, Response) {
    let headers = [("content-type", "text/xml; charset=UTF-8")];
    let client = gateway.supplier(SPEAKER_KEY);
    let answer = client.client().send(Method::POST, "/v1/messages", &headers, body).await.unwrap();
    let answer = status(answer, 200);
    assert_eq!(answer.header("content-type"), Some("text/xml; charset=UTF-8"));
    let response = Response::read(&answer.body).unwrap_or_else(|| panic!("{}", answer.text()));
    (answer, response)
}

/// The Response to a document that is posted with nothing beside it to say who posts it.
async fn shown(gateway: &Gateway, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Response {
    let answer = gateway.public().send(Method::POST, "/v1/cxml", headers, body.into()).await.unwrap();
    let answer = status(answer, 200);
    Response::read(&answer.body).unwrap_or_else(|| panic!("{}", answer.text()))
}

/// The message that a Response tells of.
fn stored(response: &Response) -> String {
    response.detail.trim_start_matches("Stored as ").trim_end_matches('.').to_owned()
}

gwtest!(what_they_post_is_answered_with_a_response, async |dir| {
    assemble(&dir);
    let hashes = [keys::sha256_hex(b"the next one"), keys::sha256_hex(THEIR_SECRET.as_bytes())];
    let secrets = format!("their_secrets = [\"sha256:{}\", \"sha256:{}\"]\n", hashes[0], hashes[1]);
    partner(&dir, "speaker", None, &secrets, "");
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    // No Idempotency-Key: the payloadID does.
    let (first, response) = posted(&gateway, confirmation(&[])).await;
    assert_eq!((response.code, &*response.text), (200, "OK"), "{response}");
    let id = stored(&response);
    assert_eq!(state(&status(erp.message(&id).await.unwrap(), 200).json()), "accepted");
    assert_eq!(verbs(&erp, "order_acknowledgement/PO-77120", 1).await, ["order_acknowledgement.received"]);
    // The same again is told the same, and counted once.
    let (again, _) = posted(&gateway, confirmation(&[])).await;
    assert_eq!((&again.body, again.header("idempotency-replayed")), (&first.body, Some("true")));
    let id_of = |number: u32| format!("177244000{number}.Fulfill@nordbolt.example");
    let next = |number: u32, changes: &[(&str, &str)]| {
        let id = id_of(number);
        confirmation(&[&[("1772440000.Fulfill@nordbolt.example", id.as_str())], changes].concat())
    };
    // A secret that is not theirs, none at all, and a sender whom nobody knows.
    let secret = "<SharedSecret>not a real one</SharedSecret>";
    let strange = "<Credential domain=\"DUNS\"><Identity>1</Identity><SharedSecret>";
    let own = "<Credential domain=\"DUNS\"><Identity>871234567</Identity><SharedSecret>";
    for (number, change) in [(1, ("not a real one", "not the real one")), (2, (secret, "")), (3, (own, strange))] {
        let (_, refused) = posted(&gateway, next(number, &[change])).await;
        assert_eq!((refused.code, &*refused.text), (401, "Unauthorized"), "{refused}");
        assert!(!refused.detail.contains("real one"), "{refused}");
    }
    // The other secret of theirs does too, for what was refused before.
    let (_, taken) = posted(&gateway, next(1, &[("not a real one", "the next one"), ("SO-5", "SO-7")])).await;
    assert_eq!(taken.code, 200, "{taken}");
    // From somebody else, or for somebody else: ours to look at, and theirs no more.
    let from = "<From><Credential domain=\"DUNS\"><Identity>871234567<";
    let to = "<To><Credential domain=\"DUNS\"><Identity>398765432<";
    for (number, change, code) in [
        (5, (from, "<From><Credential domain=\"DUNS\"><Identity>871234568<"), "EXC-0004"),
        (6, (to, "<To><Credential domain=\"DUNS\"><Identity>398765433<"), "EXC-0005"),
    ] {
        let (_, taken) = posted(&gateway, next(number, &[change])).await;
        assert_eq!(taken.code, 200, "{taken}");
        let message = status(erp.message(&stored(&taken)).await.unwrap(), 200).json();
        assert_eq!((state(&message), &message["problem"]["code"]), ("held", &json!(code)), "{message}");
    }
    // Cut off on the way.
    let torn = next(7, &[]);
    let (_, refused) = posted(&gateway, torn[..torn.len() - 20].to_owned()).await;
    assert_eq!(refused.code, 406, "{refused}");
    assert!(refused.detail.contains("cannot be read as XML"), "{refused}");
    let (_, taken) = posted(&gateway, next(7, &[("SO-5", "SO-8")])).await;
    assert_eq!(taken.code, 200, "{taken}");
    // What has no id needs a key, as everything else does.
    let nameless = next(8, &[("payloadID=\"1772440008.Fulfill@nordbolt.example\" ", "")]);
    let client = gateway.supplier(SPEAKER_KEY);
    let headers = [("content-type", "text/xml")];
    let answer = client.client().send(Method::POST, "/v1/messages", &headers, nameless.clone()).await.unwrap();
    assert_eq!(status(answer, 400).json()["code"], "API-0103");
    let answer = status(client.post_xml("a key", nameless).await.unwrap(), 200);
    assert_eq!(Response::read(&answer.body).unwrap().code, 200);
    gateway.stop().await;
});

gwtest!(what_says_that_it_is_a_test_never_reaches_a_live_consumer, async |dir| {
    assemble(&dir);
    let hash = format!("their_secrets = [\"sha256:{}\"]\n", keys::sha256_hex(THEIR_SECRET.as_bytes()));
    partner(&dir, "speaker", None, &hash, "");
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let rehearsal = confirmation(&[("deploymentMode=\"production\"", "deploymentMode=\"test\"")]);
    let (_, response) = posted(&gateway, rehearsal).await;
    assert_eq!(response.code, 200, "{response}");
    let rehearsed = drain(&erp, "rehearsal", 1).await;
    assert_eq!(rehearsed[0].event.mode, "test");
    drain(&erp, "erp", 0).await;
    // In earnest it has an id of its own, and takes nothing for a repetition.
    let id = ("1772440000.Fulfill@nordbolt.example", "1772440009.Fulfill@nordbolt.example");
    let (_, response) = posted(&gateway, confirmation(&[id])).await;
    assert_eq!(response.code, 200, "{response}");
    drain(&erp, "erp", 1).await;
    gateway.stop().await;
});

gwtest!(their_secret_stays_in_the_bytes_they_posted_and_is_told_nowhere_else, async |dir| {
    assemble(&dir);
    let hash = format!("their_secrets = [\"sha256:{}\"]\n", keys::sha256_hex(THEIR_SECRET.as_bytes()));
    partner(&dir, "speaker", None, &hash, "");
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(SPEAKER_KEY));
    // Shown twice, once where no mapping looks for it.
    let from = "<From><Credential domain=\"DUNS\"><Identity>871234567</Identity>";
    let also = format!("{from}<SharedSecret>{THEIR_SECRET}</SharedSecret>");
    let document = confirmation(&[(from, &also)]);
    let (_, response) = posted(&gateway, document.clone()).await;
    let id = stored(&response);
    assert_eq!(status(erp.payload(&id).await.unwrap(), 200).text(), document);
    let own = supplier.client().get(&format!("/v1/messages/{id}/payload")).await.unwrap();
    assert_eq!(status(own, 200).text(), document);
    let told = status(erp.message(&id).await.unwrap(), 200).text();
    assert!(!told.contains(THEIR_SECRET) && told.contains("****"), "{told}");
    // The stored bytes still have it: they are taken again, which they are not with another.
    let again = dir.run_well(&["replay", "--message", &id, "--dry-run"]);
    assert!(again.contains("would become accepted") && !again.contains(THEIR_SECRET), "{again}");
    let file = dir.create("confirmation.xml", &document);
    for format in ["text", "json", "html"] {
        let page = dir.run_well(&["trace", file.to_str().unwrap(), "--partner", "speaker", "--format", format]);
        assert!(!page.contains(THEIR_SECRET) && page.contains("****") == (format != "text"), "{format}: {page}");
    }
    gateway.stop().await;
});

gwtest!(a_shared_secret_is_enough_at_an_address_of_its_own, async |dir| {
    assemble(&dir);
    let secret = format!("their_secrets = [\"sha256:{}\"]\n", keys::sha256_hex(THEIR_SECRET.as_bytes()));
    for (id, status, ids) in [
        ("nordbolt", "live", "\"DUNS/871234567\", \"NetworkID/AN77\""),
        ("sudbolt", "live", "\"DUNS/2\", \"NetworkID/AN77\""),
        ("asleep", "suspended", "\"DUNS/3\""),
    ] {
        let more = format!("\n[cxml]\nids = [{ids}]\nours = \"DUNS/398765432\"\n{secret}");
        PartnerFile { status, more: Box::leak(more.into_boxed_str()), ..PartnerFile::new(id) }.write(&dir);
    }
    PartnerFile { more: "\n[cxml]\nids = [\"DUNS/4\"]\nours = \"DUNS/398765432\"\n", ..PartnerFile::new("open") }
        .write(&dir);
    // Two of them have a way in by their secret alone, and need no other.
    let advice = dir.run_well(&["check", "--format", "concise"]);
    assert!(!advice.contains("bolt") && advice.contains("partners/open.toml"), "{advice}");
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let xml = [("content-type", "text/xml; charset=UTF-8")];
    let taken = shown(&gateway, &xml, confirmation(&[])).await;
    assert_eq!(taken.code, 200, "{taken}");
    let message = status(erp.message(&stored(&taken)).await.unwrap(), 200).json();
    assert_eq!((state(&message), &message["connection"]), ("accepted", &json!("nordbolt")), "{message}");
    // Again, and told the same.
    assert_eq!(shown(&gateway, &xml, confirmation(&[])).await, taken);

    let sender =
        "<Credential domain=\"DUNS\"><Identity>871234567</Identity><SharedSecret>not a real one</SharedSecret>";
    let by = |sender: &str| sender.to_owned() + "<SharedSecret>not a real one</SharedSecret>";
    let wrong = [
        sender.replace("not a real", "not the real"),
        sender.replace("<SharedSecret>not a real one</SharedSecret>", ""),
        by("<Credential domain=\"DUNS\"><Identity>5</Identity>"),
        by("<Credential domain=\"GLN\"><Identity>871234567</Identity>"),
        by("<Credential domain=\"DUNS\"><Identity>4</Identity>"),
        // Whose of two that share it is not said: the From is that of neither.
        by("<Credential domain=\"NetworkID\"><Identity>AN77</Identity>"),
    ];
    for (number, wrong) in wrong.iter().enumerate() {
        let strange = (
            "<From><Credential domain=\"DUNS\"><Identity>871234567<",
            "<From><Credential domain=\"DUNS\"><Identity>9<",
        );
        let refused = shown(&gateway, &xml, confirmation(&[(sender, wrong), strange])).await;
        assert_eq!(refused.code, 401, "{number}: {refused}");
    }
    let answer = gateway.public().send(Method::POST, "/v1/cxml", &xml, Vec::from("ISA*00*")).await.unwrap();
    assert_eq!(Response::read(&status(answer, 200).body).unwrap().code, 401);
    let asleep = sender.replace("871234567", "3");
    let refused = shown(&gateway, &xml, confirmation(&[(sender, &asleep)])).await;
    assert_eq!(refused.code, 403, "{refused}");
    // None of that was stored, and a network's is whose the From says.
    let network = by("<Credential domain=\"NetworkID\"><Identity>AN77</Identity>");
    let from = "<From><Credential domain=\"DUNS\"><Identity>871234567<";
    let changes =
        [(sender, network.as_str()), (from, "<From><Credential domain=\"DUNS\"><Identity>2<"), ("SO-5", "SO-6")];
    // Large, zipped, and without a word on what it is.
    let long = format!("<!--{}--><Request ", "- ".repeat(200_000));
    let document = confirmation(&[&changes[..], &[("<Request ", long.as_str())]].concat());
    let taken = shown(&gateway, &[("content-encoding", "gzip")], gzip(document.as_bytes())).await;
    assert_eq!(taken.code, 200, "{taken}");
    let message = status(erp.message(&stored(&taken)).await.unwrap(), 200).json();
    assert_eq!((state(&message), &message["connection"]), ("accepted", &json!("sudbolt")), "{message}");
    let all = status(erp.messages(&[]).await.unwrap(), 200).json();
    assert_eq!(all["data"].as_array().unwrap().len(), 2, "{all}");
    gateway.stop().await;
});
