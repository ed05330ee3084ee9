//! pyas2lib as a real peer over HTTP, both ways. `tests/run` makes its Python environment; what it cannot do (GCM,
//! RFC 6362, opaque signatures) is not asked of it.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use gangway::exchange::{Carried, Courier};

use super::{
    courier::{courier, parcel},
    parties,
    site::{self, Site, x12},
};
use crate::util::{Dir, drain, gwtest, skip, wait_for};

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
    let site = Site::start(&dir, "must_sign = false\nmust_encrypt = false").await;
    let folder = folder(&dir);
    let mut number = 0;
    for form in ["-", "s", "e", "se", "sc", "ec", "sec", "c"] {
        for receipt in ["none", "unsigned", "signed"] {
            number += 1;
            fs::write(folder.join("document"), x12(number)).unwrap();
            let arguments = ["send", &site.url(), folder.to_str().unwrap(), form, receipt];
            let output = peer(&python, &arguments).stderr(Stdio::inherit()).output().unwrap();
            let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("what the peer tells");
            assert_eq!(told["http"], 200, "{form} {receipt}: {told}");
            if receipt != "none" {
                assert_eq!(told["status"], "processed", "{form} {receipt}: {told}");
            }
        }
    }
    drain(&site.gateway.erp(), "erp", number as usize).await;
});

/// Ends the peer with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

gwtest!(what_we_send_pyas2lib_reads_and_its_receipt_proves_it, async |dir| {
    let Some(python) = python("what_we_send_pyas2lib_reads_and_its_receipt_proves_it") else { return };
    let folder = folder(&dir);
    let _peer = Peer(peer(&python, &["serve", folder.to_str().unwrap()]).spawn().unwrap());
    let port = wait_for("the peer's port", async || fs::read_to_string(folder.join("port")).ok()).await;
    let url = format!("http://127.0.0.1:{port}/as2");
    let mut count = 0;
    for terms in [
        "",
        "compress = \"before-signing\"",
        "compress = \"after-signing\"\nencrypt = \"aes128-cbc\"\nsign = \"sha-512\"",
        "encrypt = \"off\"",
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
