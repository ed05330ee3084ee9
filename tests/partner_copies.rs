//! A partner's file beside a copy of it, and beside others that are broken: the partner stays as it was, and what an operator does
//! to it counts at once.

use std::fs;

use gangway::play::Supplier;

use crate::util::{Dir, Gateway, accepted, cast, gwtest, wait_for};

/// Acme's second key.
const SECOND: &str = cast::ACME_TEST_KEY;

fn listed(dir: &Dir, id: &str) -> String {
    let output = dir.run(&["partner", "list", "--format", "json"]);
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
    format!("{}, {}", row["status"].as_str().unwrap(), row["file"].as_str().unwrap())
}

async fn status_of(supplier: &Supplier, key: &str) -> u16 {
    let body = cast::answer_to(cast::ACME, 900, "4500000900");
    supplier.post_x12(key, body).await.unwrap().status.as_u16()
}

gwtest!(a_copy_beside_a_partner_takes_nothing_from_it, async |dir| {
    cast::assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    fs::copy(dir.join("partners/acme.toml"), dir.join("partners/acme-copy.toml")).unwrap();
    dir.run(&["reload"]);
    let supplier = gateway.supplier(cast::ACME_KEY);
    accepted(supplier.post_x12("k1", cast::answer_to(cast::ACME, 1, "4500000001")).await.unwrap());

    // What is told of both is true.
    assert_eq!(listed(&dir, "acme"), "live, good");
    let copy = listed(&dir, "acme-copy");
    assert!(copy.starts_with("-, broken: ") && copy.contains("also that of acme"), "{copy}");

    // Acme's own file is acted on as ever.
    assert_eq!(dir.run_well(&["partner", "key", "list", "acme"]).matches("sha256:").count(), 2);
    dir.run(&["partner", "certify", "acme"]);
    dir.run_well(&["partner", "key", "revoke", "acme", SECOND, "--reason", "it leaked"]);
    let second = gateway.supplier(SECOND);
    wait_for("the key to open nothing", async || (status_of(&second, "k2").await == 401).then_some(())).await;

    // So are changes by hand.
    let path = dir.join("partners/acme.toml");
    let text = fs::read_to_string(&path).unwrap().replace("\"live\"", "\"suspended\"");
    fs::write(&path, text).unwrap();
    wait_for("acme to be suspended", async || (status_of(&supplier, "k3").await == 403).then_some(())).await;
    assert_eq!(listed(&dir, "acme"), "suspended, good");
    dir.run_well(&["partner", "status", "acme", "live", "--reason", "over"]);
    wait_for("acme to be back", async || (status_of(&supplier, "k4").await == 202).then_some(())).await;
    gateway.stop().await;
});

gwtest!(a_partner_is_suspended_although_another_file_breaks_its_own, async |dir| {
    cast::assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    // A mapping that acme's file names is gone, and its file is broken by that.
    let path = dir.join("partners/acme.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + "\n[mappings]\n855 = \"gone\"\n").unwrap();
    dir.run(&["reload"]);
    assert!(listed(&dir, "acme").starts_with("-, broken, served as it last was: "), "{}", listed(&dir, "acme"));
    let supplier = gateway.supplier(cast::ACME_KEY);
    accepted(supplier.post_x12("k1", cast::answer_to(cast::ACME, 1, "4500000001")).await.unwrap());

    dir.run_well(&["partner", "key", "revoke", "acme", SECOND, "--reason", "it leaked"]);
    let second = gateway.supplier(SECOND);
    wait_for("the key to open nothing", async || (status_of(&second, "k2").await == 401).then_some(())).await;
    dir.run_well(&["partner", "status", "acme", "suspended", "--reason", "fraud"]);
    wait_for("acme to be suspended", async || (status_of(&supplier, "k3").await == 403).then_some(())).await;
    // What gives it something waits until the file is good.
    assert_eq!(dir.run(&["partner", "status", "acme", "live"]).status.code(), Some(78));
    gateway.stop().await;
});

#[test]
fn before_any_start_each_file_is_acted_on_for_itself() {
    let dir = Dir::new("before_any_start_each_file_is_acted_on_for_itself");
    cast::assemble(&dir);
    fs::copy(dir.join("partners/acme.toml"), dir.join("partners/acme-copy.toml")).unwrap();
    dir.run_well(&["partner", "key", "revoke", "acme", SECOND, "--reason", "it leaked"]);
    dir.run_well(&["partner", "status", "acme-copy", "suspended", "--reason", "a slip"]);
    let text = |id: &str| fs::read_to_string(dir.join(format!("partners/{id}.toml"))).unwrap();
    assert!(
        !text("acme").contains(&gangway::keys::ApiKey::digest_of(SECOND)) && text("acme-copy").contains("suspended")
    );
    assert!(text("acme").contains("\"live\""));
}
