//! `[as2.quirks]` of a partner's file: what each setting changes on the wire, that OpenSSL still reads the message, and that the
//! templates say why anybody would set it.

use gangway::{
    as2::{der, oid},
    exchange::{Carried, Courier},
};

use super::{
    by_openssl,
    courier::{courier, parcel},
    parties::{acme, gangway},
    site::{write, x12},
    wire::{Listener, Said},
};
use crate::util::gwtest;

/// A setting, what else the partner's file says, and whether a message shows that it is set.
struct Quirk {
    name: &'static str,
    value: &'static str,
    terms: &'static str,
    shows: fn(&Said) -> bool,
}

const OPAQUE: &str = "encrypt = \"off\"\n[as2.quirks]\nopaque_signature = true\n";
const SIGNED: &str = "encrypt = \"off\"\n[as2.quirks]\n";
const PLAIN: &str = "[as2.quirks]\n";

fn has(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

const QUIRKS: &[Quirk] = &[
    Quirk {
        name: "transfer_encoding",
        value: "\"base64\"",
        terms: PLAIN,
        shows: |said| {
            let lines = said.body.split(|byte| *byte == b'\n').all(|line| line.len() <= 77);
            said.header("content-transfer-encoding") == Some("base64") && said.body.is_ascii() && lines
        },
    },
    Quirk {
        name: "spelling",
        value: "\"sha256\"",
        terms: SIGNED,
        shows: |said| {
            let asked = said.header("disposition-notification-options").unwrap_or_default();
            let told = said.header("content-type").unwrap_or_default();
            told.contains("micalg=sha256;") && asked.ends_with("optional, sha256, sha384, sha512, sha1")
        },
    },
    Quirk {
        name: "algorithm_protection",
        value: "true",
        terms: OPAQUE,
        shows: |said| has(&said.body, &der::oid(oid::ALGORITHM_PROTECTION)),
    },
    Quirk {
        name: "opaque_signature",
        value: "true",
        terms: SIGNED,
        shows: |said| said.header("content-type").unwrap_or_default().contains("smime-type=signed-data"),
    },
    Quirk {
        name: "omit_certificate",
        value: "true",
        terms: OPAQUE,
        shows: |said| !has(&said.body, gangway().certificate.der()),
    },
    Quirk {
        name: "chunked",
        value: "true",
        terms: PLAIN,
        shows: |said| said.header("transfer-encoding") == Some("chunked") && said.header("content-length").is_none(),
    },
    Quirk {
        name: "version",
        value: "\"1.0\"",
        terms: PLAIN,
        shows: |said| said.header("as2-version") == Some("1.0") && said.header("ediint-features").is_none(),
    },
    Quirk {
        name: "version",
        value: "\"1.1\"",
        terms: PLAIN,
        shows: |said| said.header("as2-version") == Some("1.1") && said.header("ediint-features").is_none(),
    },
    Quirk {
        name: "lower_case_headers",
        value: "true",
        terms: PLAIN,
        shows: |said| said.headers.iter().all(|(name, _)| name.bytes().all(|byte| !byte.is_ascii_uppercase())),
    },
    Quirk {
        name: "http_transfer_encoding",
        value: "true",
        terms: PLAIN,
        shows: |said| said.header("content-transfer-encoding") == Some("binary"),
    },
];

gwtest!(each_setting_shows_on_the_wire_and_openssl_reads_it, async |dir| {
    let (listener, seen) = Listener::refusing().await;
    let url = format!("http://{}/as2", listener.address);
    let mut number = 0;
    for quirk in QUIRKS {
        let set = format!("{}{} = {}", quirk.terms, quirk.name, quirk.value);
        for (terms, expected) in [(quirk.terms, false), (&set, true)] {
            number += 1;
            write(&dir, &url, terms, "live");
            let carried = courier(&dir).await.carry(&parcel(&dir, &format!("d{number}"), &x12(number))).await;
            assert!(matches!(carried, Carried::TryAgain { .. }), "{terms}: {carried:?}");
            let said = seen.lock().unwrap().pop().unwrap_or_else(|| panic!("{terms}: {carried:?}"));
            assert_eq!((quirk.shows)(&said), expected, "{terms}: {:?}", said.headers);
            let opened = by_openssl::open(&said, gangway(), acme());
            assert_eq!((opened.document, opened.form.sign), (x12(number), true), "{terms}");
        }
    }
});

#[test]
fn every_setting_is_tested_and_the_template_says_why() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/partners");
    let schema: serde_json::Value =
        serde_json::from_slice(&std::fs::read(format!("{root}/.schema.json")).unwrap()).unwrap();
    let known = schema["$defs"]["As2Quirks"]["properties"].as_object().expect("the section");
    let tested: std::collections::BTreeSet<_> = QUIRKS.iter().map(|quirk| quirk.name).collect();
    assert_eq!(tested, known.keys().map(String::as_str).collect());
    let template = std::fs::read_to_string(format!("{root}/templates/as2-x12.toml")).unwrap();
    for name in tested {
        let line = template.lines().find(|line| line.trim_start_matches('#').starts_with(name));
        let why = line.and_then(|line| line.split_once(" # ")).map(|(_, why)| why.trim());
        assert!(why.is_some_and(|why| why.len() > 20), "the template does not say why one would set {name}");
    }
}
