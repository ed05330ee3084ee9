//! Certificates that come to their end: people are told of each step, once, also over a restart.

use std::time::Duration;

use gangway::{as2::certificate::Certificate, doors::as2::ring::pair_in_pem, play::Endpoint};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::post;
use crate::util::{Gateway, cast::*, gwtest, wait_for};

/// A certificate that ends in so many days, and its key.
fn ending_in(days: i64, name: &str) -> (String, String) {
    let now = Timestamp::now();
    let (pem, _) = pair_in_pem(name, now).unwrap();
    let whole = Certificate::read_all(pem.as_bytes()).unwrap()[0].not_after().duration_since(now);
    pair_in_pem(name, now - (whole - SignedDuration::from_hours(24 * days + 12))).unwrap()
}

/// What was told, by kind and subject without the fingerprint.
fn told(people: &Endpoint) -> Vec<String> {
    let tell = |body: &[u8]| {
        let alert: Value = serde_json::from_slice(body).unwrap();
        let kind = alert["type"].as_str().unwrap().trim_start_matches("gangway.alert.").to_owned();
        let subject: Vec<_> = alert["data"]["subject"].as_str().unwrap().split('/').collect();
        format!("{kind} {} {}", subject[0], subject.last().unwrap())
    };
    let mut told: Vec<_> = people.taken().iter().map(|call| tell(&call.body)).collect();
    told.sort();
    told
}

gwtest!(people_are_told_of_certificates_that_end, async |dir| {
    assemble(&dir);
    let (people, endpoint) = (Endpoint::start().await.unwrap(), Endpoint::start().await.unwrap());
    let (own, key) = ending_in(5, "gangway");
    dir.create("own.pem", own);
    dir.create("own.key", key);
    dir.create("secrets/hook", "whsec_dGhlIGtleSBvZiBhIHRlc3QgcGFydG5lcg==");
    let more = format!(
        "\n[as2]\nid = \"gangway\"\ncertificate = \"own.pem\"\nkey = \"file:own.key\"\n\n[alerts]\nurl = \"{}\"\n\
         secrets = [\"file:secrets/hook\"]\nevery = \"1s\"\n",
        people.url()
    );
    dir.create("gangway.toml", settings() + &more);
    for (id, days) in [("near", 20), ("far", 200), ("over", -3)] {
        dir.create(format!("partners/{id}.pem"), ending_in(days, id).0);
        let as2 = format!("\n[as2]\nid = \"{id}\"\nurl = \"http://127.0.0.1:9/as2\"\ncertificates = [\"{id}.pem\"]\n");
        PartnerFile { more: Box::leak(as2.into_boxed_str()), ..PartnerFile::new(id) }.write(&dir);
    }
    let hooked = format!(
        "\n[webhook]\nurl = \"{}\"\nsecrets = [\"file:secrets/hook\"]\n\n[send]\nchannel = \"webhook\"\nformat = \"json\"\n",
        endpoint.url()
    );
    PartnerFile { more: Box::leak(hooked.into_boxed_str()), ..PartnerFile::new("hooked") }.write(&dir);
    let gateway = Gateway::start(&dir).await;
    wait_for("three alerts", async || (people.taken().len() == 3).then_some(())).await;
    let expected = ["certificate.v1 near 30", "certificate.v1 over 0", "certificate.v1 own 7"];
    assert_eq!(told(&people), expected);
    // Longer than `every` afterwards, another start finds nothing new to tell of them.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let gateway = gateway.restart(&dir).await;
    endpoint.answer(StatusCode::GONE);
    post(&gateway.erp(), "1", "hooked", "45").await;
    wait_for("another alert", async || (people.taken().len() > 3).then_some(())).await;
    let [all @ .., _] = &told(&people)[..] else { panic!() };
    assert_eq!(all, expected);
    gateway.stop().await;
});
