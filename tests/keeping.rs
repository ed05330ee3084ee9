//! What operators rely on: a backup taken while suppliers post, a restore that holds together, and a held document that
//! runs again from its stored bytes once what was wrong is mended.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use gangway::play::x12::{Interchange, Order, order_acknowledgement};

use crate::util::{Dir, Gateway, accepted, campaign::Ledger, cast::*, drain, gwtest, settled, state, status, wait_for};

gwtest!(a_backup_under_load_restores_to_something_whole, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let ledger = Arc::new(Ledger::default());
    let stop = Arc::new(AtomicBool::new(false));
    let file = dir.join("gangway.backup");
    let mut promised_before = Vec::new();
    let load = ledger.load(&gateway, 4, &stop);
    let backup = async {
        wait_for("acknowledgements", async || (ledger.promised() >= 50).then_some(())).await;
        promised_before = ledger.promises();
        let output = tokio::task::block_in_place(|| dir.run(&["backup", file.to_str().unwrap()]));
        stop.store(true, Ordering::Relaxed);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    tokio::join!(load, backup);
    // A second one does not overwrite the first.
    assert!(!dir.run(&["backup", file.to_str().unwrap()]).status.success());
    gateway.stop().await;

    // Nor does a restore overwrite data that is there.
    let refused = dir.run(&["restore", file.to_str().unwrap()]);
    assert!(!refused.status.success());
    let elsewhere = Dir::new("restored");
    assemble(&elsewhere);
    elsewhere.run_well(&["restore", file.to_str().unwrap()]);
    let gateway = Gateway::start(&elsewhere).await;
    let erp = gateway.erp();
    assert!(promised_before.len() >= 50);
    for (id, body) in &promised_before {
        assert_eq!(state(&settled(&erp, id).await), "accepted");
        assert!(status(erp.payload(id).await.unwrap(), 200).body == *body, "{id} has other bytes");
    }
    // What suppliers send again is known, what is new is taken.
    ledger.repeat_everything(&gateway).await;
    ledger.verify_log(&erp).await;
    gateway.stop().await;
});

gwtest!(a_restored_gateway_is_known_by_the_keys_that_partners_have, async |dir| {
    let settings = settings().replace("address = \"off\"", "address = \"127.0.0.1:0\"");
    assemble(&dir);
    dir.create("gangway.toml", &settings);
    let gateway = Gateway::start(&dir).await;
    let file = dir.join("gangway.backup");
    let told = dir.run_well(&["backup", file.to_str().unwrap()]);
    assert!(
        told.contains("as2 (3 files), erp.token, last-good (")
            && told.contains("sftp (2 files), tls (2 files)")
            && told.contains("Not in it is"),
        "{told}"
    );
    gateway.stop().await;
    let elsewhere = Dir::new("restored_keys");
    assemble(&elsewhere);
    elsewhere.create("gangway.toml", &settings);
    let told = elsewhere.run_well(&["restore", file.to_str().unwrap()]);
    assert!(told.contains("With it: as2 (3 files), erp.token, last-good"), "{told}");
    let gateway = Gateway::start(&elsewhere).await;
    // AS2 certificates and SFTP host keys by their fingerprints, from when each signs, and the ERP's token.
    let shown = elsewhere.run_well(&["certs", "show"]);
    assert!(shown.contains("\nssh-ed25519") && shown.contains(" now "), "{shown}");
    assert_eq!(shown, dir.run_well(&["certs", "show"]));
    for name in ["erp.token", "tls/cert.pem", "tls/key.pem"] {
        let read = |dir: &Dir| std::fs::read(dir.join("data").join(name)).ok();
        assert_eq!(read(&elsewhere), read(&dir), "{name}");
    }
    assert!(gateway.erp().whole_log().await.unwrap().is_empty(), "whoever has that token is let in");
    gateway.stop().await;
});

gwtest!(a_restored_gateway_says_everywhere_that_deliveries_wait, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let file = dir.join("gangway.backup");
    dir.run_well(&["backup", file.to_str().unwrap()]);
    gateway.stop().await;
    let elsewhere = Dir::new("restored_paused");
    assemble(&elsewhere);
    elsewhere.run_well(&["restore", file.to_str().unwrap()]);
    let gateway = Gateway::start(&elsewhere).await;
    let read = async |path: &str| status(gateway.private().get(path).await.unwrap(), 200).text();
    let log = std::fs::read_to_string(elsewhere.join("gateway.log")).unwrap();
    let line = log.lines().find(|line| line.contains("LED-0006")).expect("a line in the log");
    assert!(line.contains("WARN") && line.contains("gangway restore --resume"), "{line}");
    let paused = format!("restored from {}", file.display());
    let says = async || {
        let ready: serde_json::Value = serde_json::from_str(&read("/readyz").await).unwrap();
        assert_eq!(ready["ready"], true, "it takes what comes: {ready}");
        (
            ready["deliveries_paused"].as_str().map(str::to_owned),
            read("/").await.contains("gangway restore --resume"),
            read("/metrics").await.contains("gangway_deliveries_paused 1\n"),
            elsewhere.run_well(&["deliveries", "list"]).starts_with("LED-0006: nothing goes out"),
        )
    };
    assert_eq!(says().await, (Some(paused), true, true, true));
    assert_eq!(elsewhere.run_well(&["deliveries", "list", "--format", "json"]).trim(), "[]", "a list and nothing else");
    elsewhere.run_well(&["restore", "--resume", "--reason", "asked acme"]);
    assert_eq!(says().await, (None, false, false, false));
    gateway.stop().await;
});

gwtest!(a_held_document_runs_again_once_its_mapping_is_mended, async |dir| {
    assemble(&dir);
    let (name, builtin) = mapping_of("855");
    // A mapping of the operator's own that holds what has a purpose it does not know: valid X12, and nothing we can map.
    let words = "codes = \"purpose\"";
    assert!(builtin.contains(words), "the built-in mapping has no line with {words}");
    let broken = builtin.replacen(words, &format!("{words}, missing = \"hold\""), 1);
    dir.create(format!("mappings/{name}"), broken);
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    let mut set = order_acknowledgement(&Order::sample("PO-1", 1), "S-1");
    set.segment("BAK").expect("a BAK")[1] = "ZZ".into();
    let bytes = Interchange::new(&party(ACME), &ours(), 1).with(set).to_bytes();
    let id = accepted(supplier.post_x12("k", bytes.clone()).await.unwrap());
    let held = settled(&erp, &id).await;
    assert_eq!(state(&held), "held", "{held}");
    assert!(held.to_string().contains("MAP-"), "no code tells why: {held}");
    // It costs nobody else anything, and its own acknowledgement stays a yes.
    accepted(supplier.post_x12("other", answer_to(ACME, 2, "PO-2")).await.unwrap());
    drain(&erp, "erp", 1).await;
    let acknowledgement = crate::util::acknowledgement_of(&erp, "acme", "1").await;
    assert!(acknowledgement.contains("AK5*A~") && acknowledgement.contains("AK9*A*1*1*1~"), "{acknowledgement}");

    // Mended, swapped in, looked at first, then done.
    std::fs::remove_file(dir.join(format!("mappings/{name}"))).unwrap();
    dir.run_well(&["reload"]);
    dir.run_well(&["replay", "--message", &id, "--dry-run"]);
    assert_eq!(state(&settled(&erp, &id).await), "held", "a dry run changes nothing");
    dir.run_well(&["replay", "--message", &id, "--reason", "mapping mended"]);
    let events = drain(&erp, "erp", 1).await;
    assert_eq!(events[0].event.messageid, id);
    assert_eq!(state(&settled(&erp, &id).await), "accepted");
    // Again changes nothing: the result is the same, so the event keeps its id and is not offered anew.
    dir.run_well(&["replay", "--message", &id, "--reason", "mapping mended"]);
    drain(&erp, "erp", 0).await;
    // What ran again holds its claim: the same document does not come twice.
    let again = accepted(supplier.post_x12("again", bytes).await.unwrap());
    assert_eq!(state(&settled(&erp, &again).await), "duplicate");
    gateway.stop().await;
});

gwtest!(a_document_held_for_a_missing_cross_reference_runs_again_once_the_table_is_mended, async |dir| {
    assemble(&dir);
    let (name, builtin) = mapping_of("855");
    let line = "fields.value = { at = \"{value}\", as = \"trim\" }";
    let looked_up =
        builtin.replace(line, "fields.value = { at = \"{value}\", lookup = \"items\", missing = \"hold\" }");
    assert_ne!(looked_up, builtin, "the built-in mapping has no line with {line}");
    dir.create(format!("mappings/{name}"), looked_up);
    dir.create("mappings/tables/acme/items.csv", "theirs,ours\nSOMETHING-ELSE,1\n");
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    let mut set = order_acknowledgement(&Order::sample("PO-1", 1), "S-1");
    let line = set.segment("PO1").expect("a PO1");
    let items: Vec<String> = line.iter().skip(7).step_by(2).filter(|item| !item.is_empty()).cloned().collect();
    assert!(!items.is_empty(), "{line:?}");
    let bytes = Interchange::new(&party(ACME), &ours(), 1).with(set).to_bytes();
    let id = accepted(supplier.post_x12("k", bytes).await.unwrap());
    let held = settled(&erp, &id).await;
    assert_eq!(state(&held), "held", "{held}");
    assert!(held.to_string().contains("MAP-0102") && held.to_string().contains(&items[0]), "{held}");

    // The table alone is mended; the mapping stays as it is. First the difference is looked at.
    let rows = items.iter().enumerate().map(|(number, item)| format!("{item},OUR-{number}\n"));
    dir.create("mappings/tables/acme/items.csv", rows.fold("theirs,ours\n".to_owned(), |all, row| all + &row));
    dir.run_well(&["reload"]);
    let shown = dir.run_well(&["replay", "--message", &id, "--dry-run"]);
    assert!(format!("{shown:?}").contains("queued"), "{shown:?}");
    assert_eq!(state(&settled(&erp, &id).await), "held", "a dry run changes nothing");
    dir.run_well(&["replay", "--message", &id, "--reason", "table mended"]);
    let events = drain(&erp, "erp", 1).await;
    assert_eq!(events[0].event.messageid, id);
    let data = format!("{:?}", events[0].event);
    assert!(data.contains("OUR-0") && !data.contains(&items[0]), "{data}");
    gateway.stop().await;
});

/// The built-in mapping file of a set: its path below `mappings/` and its text.
fn mapping_of(set: &str) -> (String, String) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let found = std::fs::read_dir(root.join("x12")).expect("mappings/x12").map(|entry| entry.unwrap().path());
    let path = found
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .find(|path| path.file_stem().unwrap().to_string_lossy().contains(set))
        .expect("a mapping of the set");
    let text = std::fs::read_to_string(&path).unwrap();
    (path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), text)
}
