//! pyas2lib as a real peer over HTTP, both ways, in every form that it knows and with all five receipts. `tests/run` makes
//! its Python environment; what it cannot do (GCM, RFC 6362, opaque signatures, compression after signing on its way out)
//! is not asked of it.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use gangway::{
    exchange::{Carried, Courier},
    play::As2Form,
};

use super::{
    courier::{courier, parcel},
    parties,
    site::{self, x12},
};
use crate::util::{Dir, Gateway, drain, gwtest, outgoing, skip, state, wait_for};

/// The Python that has pyas2lib, where there is one.
fn python(test: &str) -> Option<PathBuf> {
    let own = std::env::var_os("GANGWAY_PYAS2").map(PathBuf::from);
    let path = own.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/pyas2/bin/python"));
    if path.exists() {
        return Some(path);
    }
    skip(test, "pyas2lib is not installed (tests/run makes target/pyas2)");
    None
}

fn peer(python: &PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/as2/peer.py")).args(arguments);
    command
}

/// The folder that the peer works in: acme's key and certificate, and the gateway's certificate.
fn folder(dir: &Dir) -> PathBuf {
    let (acme, own) = (parties::acme(), parties::gangway());
    let both = [fs::read(&acme.key_file).unwrap(), fs::read(&acme.certificate_file).unwrap()].concat();
    dir.create("peer/acme-both.pem", both);
    dir.create("peer/gangway.pem", fs::read(&own.certificate_file).unwrap());
    dir.join("peer")
}

gwtest!(what_pyas2lib_sends_arrives_and_it_believes_our_receipts, async |dir| {
    let Some(python) = python("what_pyas2lib_sends_arrives_and_it_believes_our_receipts") else { return };
    let folder = folder(&dir);
    let (_peer, port) = serve(&python, &folder).await;
    let terms = "must_sign = false\nmust_encrypt = false\nsign = \"off\"\nencrypt = \"off\"\nreceipt = \"none\"";
    site::write(&dir, &format!("http://127.0.0.1:{port}/receipts"), terms, "live");
    let gateway = Gateway::start(&dir).await;
    let mut number = 0;
    for form in ["-", "s", "e", "se", "sc", "ec", "sec", "c"] {
        for receipt in ["none", "unsigned", "signed", "apart-unsigned", "apart-signed"] {
            number += 1;
            fs::write(folder.join("document"), x12(number)).unwrap();
            let arguments = ["send", &site::url(&gateway), folder.to_str().unwrap(), form, receipt];
            let output = peer(&python, &arguments).stderr(Stdio::inherit()).output().unwrap();
            let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("what the peer tells");
            assert_eq!(told["http"], 200, "{form} {receipt}: {told}");
            if receipt != "none" {
                assert_eq!(told["status"], "processed", "{form} {receipt}: {told}");
            }
        }
    }
    drain(&gateway.erp(), "erp", number as usize).await;
});

/// Ends the peer with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the peer's server; gives its port.
async fn serve(python: &PathBuf, folder: &std::path::Path) -> (Peer, String) {
    let peer = Peer(peer(python, &["serve", folder.to_str().unwrap()]).spawn().unwrap());
    (peer, wait_for("the peer's port", async || fs::read_to_string(folder.join("port")).ok()).await)
}

gwtest!(what_we_send_pyas2lib_reads_and_its_receipt_proves_it, async |dir| {
    let Some(python) = python("what_we_send_pyas2lib_reads_and_its_receipt_proves_it") else { return };
    let folder = folder(&dir);
    let (_peer, port) = serve(&python, &folder).await;
    let url = format!("http://127.0.0.1:{port}/as2");
    let mut count = 0;
    for terms in [
        "",
        "compress = \"before-signing\"",
        "compress = \"after-signing\"\nencrypt = \"aes128-cbc\"\nsign = \"sha-512\"",
        "encrypt = \"aes192-cbc\"\nsign = \"sha-384\"",
        "encrypt = \"off\"",
        "encrypt = \"off\"\ncompress = \"before-signing\"",
        "encrypt = \"off\"\ncompress = \"after-signing\"",
        // Of what is not signed its receipts tell no MIC, which only an unsigned receipt may leave out.
        "sign = \"off\"\nreceipt = \"unsigned\"",
        "sign = \"off\"\ncompress = \"before-signing\"\nreceipt = \"unsigned\"",
        "sign = \"off\"\nencrypt = \"off\"\nreceipt = \"unsigned\"",
        "sign = \"off\"\nencrypt = \"off\"\ncompress = \"before-signing\"\nreceipt = \"unsigned\"",
        "receipt = \"unsigned\"",
        "[as2.quirks]\ntransfer_encoding = \"base64\"\nspelling = \"sha256\"\nversion = \"1.1\"\nomit_certificate = true",
    ] {
        count += 1;
        site::write(&dir, &url, terms, "live");
        let site = courier(&dir).await;
        let document = x12(count);
        let carried = site.carry(&parcel(&dir, &format!("delivery-{count}"), &document)).await;
        let told = fs::read_to_string(folder.join(format!("taken-{count}.json"))).unwrap_or_default();
        let Carried::Delivered { detail, receipt } = &carried else { panic!("{terms}: {carried:?} {told}") };
        assert!(detail.contains("processed") && receipt.is_some(), "{detail}");
        assert_eq!(fs::read(folder.join(format!("taken-{count}.part"))).unwrap(), document, "{told}");
    }
});

gwtest!(receipts_of_pyas2lib_come_on_their_own, async |dir| {
    let Some(python) = python("receipts_of_pyas2lib_come_on_their_own") else { return };
    let folder = folder(&dir);
    let (_peer, port) = serve(&python, &folder).await;
    for (number, receipt) in [(1, "signed"), (2, "unsigned")] {
        let terms = format!("receipt_by = \"callback\"\nreceipt = \"{receipt}\"");
        site::write(&dir, &format!("http://127.0.0.1:{port}/as2"), &terms, "live");
        // Only the peer needs the address, and the test tells it the true one.
        let settings = fs::read_to_string(dir.join("gangway.toml")).unwrap();
        dir.create("gangway.toml", settings.replace("[as2]", "[as2]\nurl = \"http://127.0.0.1:9/as2\""));
        let gateway = Gateway::start(&dir).await;
        dir.create("peer/gateway", gateway.public_address());
        let acme = site::partner(parties::acme());
        let sent = acme.send(&site::url(&gateway), &x12(number), &As2Form::default()).await.unwrap();
        site::proven(&sent);
        let erp = gateway.erp();
        let message = wait_for("the delivery of the 997", async || {
            let all = outgoing(&erp, "acme").await;
            let newest = all.iter().max().filter(|_| all.len() == number as usize)?;
            let message = erp.message(newest).await.unwrap().json();
            (state(&message) == "delivered").then(|| message.to_string())
        });
        let message = message.await;
        // The peer's answer is empty, so this is what the receipt says that came on its own, before the answer or after.
        assert!(message.contains("receipt says processed"), "{message}");
        gateway.stop().await;
    }
});
