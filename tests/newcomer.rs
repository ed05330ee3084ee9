//! The newcomer's session of the README, run as it stands there: from an empty folder to the first document of a live
//! supplier.

use std::{fs, process::Output};

use gangway::play::{Supplier, canonical};

use crate::util::{Dir, Gateway, accepted, drain, gwtest, settled, state};

/// Ports of the machine's choosing, and nothing else: everything has a default.
const SETTINGS: &str = "[public]\nhttp = \"127.0.0.1:0\"\nhttps = \"off\"\n[private]\nhttp = \"127.0.0.1:0\"\n\
                        [sftp]\naddress = \"127.0.0.1:0\"\n";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The key that `partner new` showed, of the two.
fn shown<'t>(text: &'t str, prefix: &str) -> &'t str {
    text.split_whitespace().find(|word| word.starts_with(prefix)).unwrap_or_else(|| panic!("{text}"))
}

fn sample(dir: &Dir, name: &str) -> Vec<u8> {
    fs::read(dir.join("partners/acme.samples").join(name)).unwrap()
}

async fn send(supplier: &Supplier, dir: &Dir, key: &str, name: &str) -> String {
    accepted(supplier.post_x12(key, sample(dir, name)).await.unwrap())
}

gwtest!(a_new_supplier_from_an_empty_folder_to_its_first_document, async |dir| {
    // A folder, and a name.
    dir.create("gangway.toml", SETTINGS);
    let made = dir.run_well(&[
        "partner",
        "new",
        "acme",
        "--template",
        "api-x12",
        "--name",
        "Acme Bearings",
        "--vendor-number",
        "100234",
        "--their-id",
        "01/123456789",
        "--our-id",
        "01/098765432",
        "--host",
        "edi.maker.example",
    ]);
    let key = shown(&made, "gw_live_").to_owned();
    assert!(made.contains("wrote partners/acme.toml"), "{made}");
    let file = fs::read_to_string(dir.join("partners/acme.toml")).unwrap();
    assert!(!file.contains(&key) && !file.contains(shown(&made, "gw_test_")), "only hashes are kept");
    let page = fs::read_to_string(dir.join("partners/acme.welcome.md")).unwrap();
    assert!(
        page.contains("01/098765432") && page.contains("https://edi.maker.example:8443")
            || page.contains("edi.maker.example"),
        "{page}"
    );
    assert!(!page.contains(&key));

    // Is it good?
    assert!(dir.run_well(&["check"]).starts_with("Nothing to mend"));

    // Would it work? Our side of it, at least.
    let rehearsed = dir.run_well(&["partner", "certify", "acme", "--self"]);
    assert!(rehearsed.contains("9 of 9 required steps"), "{rehearsed}");

    // That was not the partner: going live takes more.
    let refused = dir.run(&["partner", "status", "acme", "live"]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("0 of 9 required steps"), "{}", said(&refused));

    // An order goes out, the partner fetches it, and its 997 comes home.
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(&key), gateway.erp());
    let order = canonical::purchase_order(&gangway::play::x12::Order::sample("4500000001", 2), "original");
    accepted(erp.submit("order", &canonical::handed_over("acme", "purchase_order", order)).await.unwrap());
    let text = fetched(&supplier).await;
    let party = |text: &str| gangway::play::x12::Party::new(text);
    let answer = gangway::play::x12::Interchange::new(&party("01/123456789"), &party("01/098765432"), 70)
        .rehearsal()
        .with(canonical::functional_acknowledgement(&text, true).unwrap());
    let id = accepted(supplier.post_x12("order-997", answer.to_bytes()).await.unwrap());
    settled(&erp, &id).await;

    // The partner sends the samples of its page, and one of them twice.
    for (index, name) in ["855.edi", "856.edi", "810.edi", "856-miscounted.edi", "856.edi"].iter().enumerate() {
        let id = send(&supplier, &dir, &format!("first-{index}"), name).await;
        settled(&erp, &id).await;
    }
    let certified = dir.run_well(&["partner", "certify", "acme"]);
    assert!(certified.contains("9 of 9 required steps") && certified.contains("msg_"), "{certified}");
    let listed = dir.run_well(&["partner", "list"]);
    assert!(listed.contains("acme") && listed.contains("9/9") && listed.contains("test"), "{listed}");

    // Live, in the running gateway, without a restart.
    let live = dir.run_well(&["partner", "status", "acme", "live", "--reason", "first order expected in June"]);
    assert_eq!(live, "acme: test -> live\n");
    let expected = file.replace("status        = \"test\"", "status        = \"live\"");
    assert_eq!(fs::read_to_string(dir.join("partners/acme.toml")).unwrap(), expected, "not a comment is lost");
    assert_eq!(dir.run_well(&["diff", "--exit-code"]), "What runs is what is on disk.\n");

    // The first document in.
    let order = gangway::play::x12::Order::sample("4500000777", 3);
    let party = |text: &str| gangway::play::x12::Party::new(text);
    let interchange = gangway::play::x12::Interchange::new(&party("01/123456789"), &party("01/098765432"), 77)
        .with(gangway::play::x12::order_acknowledgement(&order, "SO-777"));
    let id = accepted(supplier.post_x12("business-1", interchange.to_bytes()).await.unwrap());
    assert_eq!(state(&settled(&erp, &id).await), "accepted");
    let events = drain(&erp, "erp", 1).await;
    assert_eq!((events[0].event.partner.as_str(), events[0].event.mode.as_str()), ("acme", "live"));

    // Who did what is on record, and the record is whole.
    let audit = dir.run_well(&["audit", "list"]);
    for wanted in
        ["partner new", "partner certify --self", "partner status: test -> live", "9 of 9 required steps shown"]
    {
        assert!(audit.contains(wanted), "{wanted}: {audit}");
    }
    assert!(dir.run_well(&["audit", "verify"]).contains("none changed"));
    gateway.stop().await;
});

/// The first interchange that is there for the supplier.
async fn fetched(supplier: &Supplier) -> String {
    for _ in 0..400 {
        let listed = supplier.client().get("/v1/messages?direction=out&state=ready").await.unwrap().json();
        if let Some(id) = listed.pointer("/data/0/id").and_then(serde_json::Value::as_str) {
            return supplier.client().get(&format!("/v1/messages/{id}/payload")).await.unwrap().text();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no order came");
}

gwtest!(a_drop_box_is_rehearsed_over_sftp, async |dir| {
    dir.create("gangway.toml", SETTINGS);
    let made = dir.run_well(&[
        "partner",
        "new",
        "acme",
        "--template",
        "sftp-x12",
        "--their-id",
        "ZZ/ACME",
        "--our-id",
        "ZZ/US",
        "--password",
    ]);
    assert!(made.contains("SFTP password"), "{made}");
    let page = fs::read_to_string(dir.join("partners/acme.welcome.md")).unwrap();
    assert!(page.contains("SHA256:") && page.contains("inbound/"), "{page}");
    let rehearsed = dir.run_well(&["partner", "certify", "acme", "--self"]);
    assert!(rehearsed.contains("9 of 9 required steps") && rehearsed.contains("over SFTP"), "{rehearsed}");
    assert!(!dir.join("data/listeners.json").exists(), "the real gateway was not started");
});

gwtest!(a_partner_that_speaks_cxml_is_made_and_rehearsed_without_calling_it, async |dir| {
    dir.create("gangway.toml", SETTINGS);
    let made = dir.run_well(&[
        "partner",
        "new",
        "speaker",
        "--template",
        "rest-cxml",
        "--cxml-id",
        "DUNS/871234567",
        "--our-cxml-id",
        "DUNS/398765432",
        "--cxml-url",
        "https://cxml.speaker.example/in",
    ]);
    let secret = made.lines().find_map(|line| line.trim().strip_prefix("cXML SharedSecret")).unwrap().trim();
    let file = fs::read_to_string(dir.join("partners/speaker.toml")).unwrap();
    assert!(file.contains(&gangway::keys::sha256_hex(secret.as_bytes())) && !file.contains(secret), "{file}");
    assert!(file.contains("\"file:secrets/speaker-cxml\""), "{file}");
    let page = fs::read_to_string(dir.join("partners/speaker.welcome.md")).unwrap();
    assert!(page.contains("| you, in From of what you send | `DUNS/871234567` |") && !page.contains(secret), "{page}");
    let sample = fs::read_to_string(dir.join("partners/speaker.samples/confirmation.xml")).unwrap();
    assert!(sample.contains("<SharedSecret>YOUR SHARED SECRET</SharedSecret>"), "{sample}");
    // The address is nobody's: had it been called, no order would have been delivered.
    let rehearsed = dir.run_well(&["partner", "certify", "speaker", "--self"]);
    assert!(rehearsed.contains("7 of 7 required steps"), "{rehearsed}");
});

gwtest!(a_mistake_leaves_nothing_behind, async |dir| {
    dir.create("gangway.toml", SETTINGS);
    let refused = dir.run(&[
        "partner",
        "new",
        "acme",
        "--template",
        "as2-x12",
        "--their-id",
        "123456789",
        "--our-id",
        "01/098765432",
        "--as2-id",
        "ACME",
        "--certificate",
        "gangway.toml",
    ]);
    let told = said(&refused);
    assert_eq!(refused.status.code(), Some(78), "{told}");
    assert!(told.contains("PRT-0004") && told.contains("PRT-0014"), "both mistakes are told: {told}");
    assert!(!dir.join("partners/acme.toml").exists() && !dir.join("partners/certs/acme.pem").exists());
    for (arguments, wanted) in [
        (&["partner", "new", "acme", "--template", "as3-x12"][..], "did you mean as2-x12?"),
        (&["partner", "new", "acme", "--template", "api-x12"], "--their-id is missing"),
        (&["partner", "show", "acme"], "there is no partner acme"),
        (&["partner", "status", "acme", "alive"], "expected onboarding, test, live or suspended"),
    ] {
        let output = dir.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(wanted), "{}", said(&output));
    }
    assert!(dir.run_well(&["partner", "list"]).contains("There are no partners yet"));
});

gwtest!(a_broken_file_is_seen_by_the_running_gateway_and_costs_nobody, async |dir| {
    dir.create("gangway.toml", SETTINGS);
    for id in ["acme", "bolt"] {
        let theirs = format!("ZZ/{}", id.to_uppercase());
        dir.run_well(&["partner", "new", id, "--template", "api-x12", "--their-id", &theirs, "--our-id", "ZZ/US"]);
    }
    let key = dir.run_well(&["partner", "key", "new", "acme", "--test", "--reason", "their second system"]);
    let key = shown(&key, "gw_test_").to_owned();
    let gateway = Gateway::start(&dir).await;
    let supplier = gateway.supplier(&key);
    let good = fs::read_to_string(dir.join("partners/acme.toml")).unwrap();

    // Nobody tells the gateway: it looks by itself.
    fs::write(dir.join("partners/acme.toml"), good.replace("\"test\"", "\"tset\"")).unwrap();
    let stale = crate::util::wait_for("the broken file to be seen", async || {
        let ready = gateway.private().get("/readyz").await.unwrap().json();
        ready["stale_partners"][0].as_str().map(str::to_owned)
    })
    .await;
    assert!(stale.starts_with("acme: ") && stale.contains("acme.toml:") && stale.contains("CFG-"), "{stale}");
    accepted(supplier.post_x12("still", sample(&dir, "855.edi")).await.unwrap());
    let listed = dir.run(&["partner", "list"]);
    assert_eq!(listed.status.code(), Some(1));
    assert!(said(&listed).contains("broken, served as it last was: line "), "{}", said(&listed));
    let metrics = gateway.private().get("/metrics").await.unwrap().text();
    assert!(
        metrics.contains("gangway_config_stale_partners 1") && metrics.contains("gangway_config_rejected 1"),
        "{metrics}"
    );

    // Also over a restart.
    let gateway = gateway.restart(&dir).await;
    accepted(gateway.supplier(&key).post_x12("again", sample(&dir, "856.edi")).await.unwrap());

    // A value changes: what a reload would do is told by meaning, before it happens or after.
    fs::write(dir.join("partners/acme.toml"), format!("# a comment\n{good}\n[limits]\nrequests = \"7/min\"\n"))
        .unwrap();
    dir.run_well(&["reload"]);
    assert_eq!(dir.run_well(&["diff", "--exit-code"]), "What runs is what is on disk.\n");
    let origin = dir.run_well(&["partner", "show", "acme", "--origin"]);
    assert!(
        origin.contains("limits.requests") && origin.contains("\"7/min\"") && origin.contains("(built in):"),
        "{origin}"
    );

    let revoked = dir.run_well(&["partner", "key", "revoke", "acme", &key, "--reason", "lost laptop"]);
    assert!(revoked.starts_with("revoked sha256:"), "{revoked}");
    crate::util::status(gateway.supplier(&key).post_x12("late", sample(&dir, "810.edi")).await.unwrap(), 401);
    gateway.stop().await;
});

gwtest!(partners_servers_are_looked_at_before_anything_is_sent, async |dir| {
    // A gateway is the partner's SFTP server here: it shows a host key like any other.
    dir.create("gangway.toml", SETTINGS);
    dir.run_well(&[
        "partner",
        "new",
        "other",
        "--template",
        "sftp-x12",
        "--their-id",
        "ZZ/O",
        "--our-id",
        "ZZ/US",
        "--password",
    ]);
    let gateway = Gateway::start(&dir).await;
    let listeners = fs::read_to_string(dir.join("data/listeners.json")).unwrap();
    let listeners: serde_json::Value = serde_json::from_str(&listeners).unwrap();
    let server = listeners["sftp"].as_str().unwrap().to_owned();
    let host_keys = fs::read_dir(dir.join("data/sftp")).unwrap().filter_map(|entry| {
        let path = entry.unwrap().path();
        let key =
            path.to_str()?.ends_with("ed25519_key").then(|| russh::keys::load_secret_key(&path, None).unwrap())?;
        Some(key.public_key().to_openssh().unwrap())
    });
    let host_key = host_keys.last().expect("an ed25519 host key");
    // What a partner of this name logs in with is some key.
    let some_key = fs::read(dir.join("data/sftp/ssh_host_ed25519_key")).unwrap();

    let dir = Dir::new("online");
    dir.create("gangway.toml", SETTINGS);
    let new = |id: &str, server: &str, key: &str| {
        let theirs = format!("ZZ/{}", id.to_uppercase());
        dir.run_well(&[
            "partner",
            "new",
            id,
            "--template",
            "sftp-push-x12",
            "--their-id",
            &theirs,
            "--our-id",
            "ZZ/US",
            "--password",
            "--push-server",
            server,
            "--push-user",
            "gangway",
            "--push-host-key",
            key,
        ])
    };
    new("right", &server, &host_key);
    let told = dir.run_well(&["check", "--online", "--format", "concise"]);
    assert!(told.contains("CFG-0009") && told.contains("secrets/right"), "its key is not there yet: {told}");
    dir.create("secrets/right", some_key);
    assert!(dir.run_well(&["check", "--online"]).starts_with("Nothing to mend"));
    let stranger = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILw+k78kwEHcnd1FA93p659VSNxPhV+LEp6EBn8QtW1U example";
    new("wrong", &server, stranger);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    new("gone", &free.to_string(), &host_key);
    let told = dir.run(&["check", "--online", "--format", "concise"]);
    let text = said(&told);
    assert_eq!(told.status.code(), Some(1), "{text}");
    assert!(text.contains("wrong.toml:") && text.contains("PRT-0028") && text.contains("SHA256:"), "{text}");
    assert!(text.contains("gone.toml:") && text.contains("PRT-0027"), "{text}");
    assert!(!text.contains("right.toml"), "{text}");
    gateway.stop().await;
});

gwtest!(every_template_makes_a_partner_that_is_good, async |dir| {
    dir.create("gangway.toml", SETTINGS);
    let certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/partners/certs/coldforge-example.pem");
    let ssh_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILw+k78kwEHcnd1FA93p659VSNxPhV+LEp6EBn8QtW1U example";
    for (template, _) in gangway::partner::TEMPLATES {
        let theirs = format!("ZZ/{}", template.to_uppercase());
        dir.run_well(&[
            "partner",
            "new",
            template,
            "--template",
            template,
            "--their-id",
            &theirs,
            "--our-id",
            "ZZ/US",
            "--as2-id",
            template,
            "--as2-url",
            "https://as2.example.com/as2",
            "--certificate",
            certificate,
            "--ssh-key",
            ssh_key,
            "--cxml-id",
            "DUNS/123456789",
            "--our-cxml-id",
            "DUNS/098765432",
            "--cxml-url",
            "https://cxml.example.com/in",
            "--push-server",
            "sftp.example.com:22",
            "--push-user",
            "us",
            "--push-host-key",
            ssh_key,
        ]);
        let page = fs::read_to_string(dir.join(format!("partners/{template}.welcome.md"))).unwrap();
        let samples = fs::read_dir(dir.join(format!("partners/{template}.samples"))).unwrap();
        for sample in samples.map(|entry| entry.unwrap()) {
            assert!(sample.metadata().unwrap().len() > 100, "{sample:?}");
            assert!(page.contains(sample.file_name().to_str().unwrap()), "{page}");
        }
    }
    // What is left to do are our secrets, which nobody makes for us.
    let told = dir.run_well(&["check", "--format", "concise"]);
    assert!(told.lines().count() == 2 && told.matches("CFG-0009").count() == 2, "{told}");
    fs::create_dir_all(dir.join("secrets")).unwrap();
    fs::copy(dir.join("data/sftp/ssh_host_ed25519_key"), dir.join("secrets/sftp-push-x12")).unwrap();
    dir.create("secrets/rest-cxml-cxml", "a shared secret");
    let checked = dir.run_well(&["check"]);
    assert!(checked.starts_with("Nothing to mend"), "{checked}");
    let listed = dir.run_well(&["partner", "list"]);
    assert_eq!(listed.lines().count(), 1 + gangway::partner::TEMPLATES.len(), "{listed}");
});
