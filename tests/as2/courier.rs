//! The courier against a partner's server: what is sent, what its answers mean, and that a retry is the same message.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use gangway::{
    config::{Diagnostic, Settings},
    doors::as2::{As2Courier, Caller, Receipts, Ring},
    exchange::{Carried, Courier, Parcel},
    ledger::{
        Payload, SharedLedger,
        sqlite::{Options, SqliteLedger},
    },
    net::Egress,
    observe::Metrics,
    partner::{Directory, Sources},
    play::As2Server,
};
use jiff::Timestamp;

use super::{
    by_openssl, parties,
    site::{partner, write, x12},
    wire::{Listener, Said},
};
use crate::util::{Dir, gwtest};

/// The files in `dir`, read.
fn read(dir: &Dir) -> (Settings, Directory) {
    let (settings, findings) = Settings::load(Some(&dir.join("gangway.toml")));
    assert!(findings.is_empty(), "{findings:#?}");
    let (directory, findings) = Directory::load(&Sources::of(&settings), &|_| true);
    // One of the tests shows what becomes of this.
    let is_known = |told: &Diagnostic| told.message.contains("gangway.toml has no `url`");
    assert!(findings.iter().all(is_known), "{findings:#?}");
    (settings, directory)
}

/// A courier over the files in `dir`, with a ledger of its own.
pub(super) async fn courier(dir: &Dir) -> As2Courier {
    let own = tempfile::tempdir_in(dir.join("")).unwrap().keep();
    courier_on(dir, Arc::new(SqliteLedger::open(&own, &Options::default()).unwrap()))
}

/// A courier over the files in `dir` and a ledger.
fn courier_on(dir: &Dir, ledger: SharedLedger) -> As2Courier {
    let (settings, directory) = read(dir);
    std::fs::create_dir_all(&settings.data).unwrap();
    let (ring, _) = Ring::open(&settings).unwrap();
    let caller = Caller::new(Egress::default(), settings.root.clone());
    let directory = Arc::new(ArcSwap::from_pointee(directory));
    let receipts = Receipts::new(&settings, caller.clone(), directory, ledger, &Metrics::new()).unwrap();
    let url = settings.as2.url.as_ref().map(|url| url.value.clone());
    As2Courier::new(caller, Arc::new(ArcSwap::from_pointee(ring)), Arc::new(receipts), url)
}

/// A parcel for acme.
pub(super) fn parcel(dir: &Dir, transport_id: &str, payload: &[u8]) -> Parcel {
    let (_, directory) = read(dir);
    Parcel {
        delivery: 1,
        message: gangway::document::MessageId::new(Timestamp::now().as_millisecond() as u64, 7),
        partner: Arc::clone(directory.partner("acme").unwrap()),
        payload: Payload::Inline(Bytes::copy_from_slice(payload)),
        attempt: 1,
        transport_id: transport_id.into(),
        filename: "purchase_order_4711.edi".into(),
        content_type: "application/edi-x12".into(),
        document: None,
        interchange: None,
        mode: gangway::document::Mode::Live,
        number: None,
        correlation: "cor_test".into(),
    }
}

gwtest!(every_form_reaches_the_partner_and_its_receipt_proves_it, async |dir| {
    let server = As2Server::start(partner(parties::acme())).await.unwrap();
    let mut count = 0;
    for sign in ["off", "sha-256"] {
        for encrypt in ["off", "aes256-cbc", "aes256-gcm"] {
            for compress in ["never", "before-signing", "after-signing"] {
                for receipt in ["none", "unsigned", "signed"] {
                    count += 1;
                    let terms = format!(
                        "sign = \"{sign}\"\nencrypt = \"{encrypt}\"\ncompress = \"{compress}\"\nreceipt = \"{receipt}\""
                    );
                    write(&dir, &server.url(), &terms, "live");
                    let document = x12(count);
                    let carried = courier(&dir).await.carry(&parcel(&dir, &format!("d{count}"), &document)).await;
                    let Carried::Delivered { receipt: raw, detail } = carried else { panic!("{terms}: {carried:?}") };
                    assert_eq!(raw.is_some(), receipt != "none", "{detail}");
                    let taken = server.taken().pop().unwrap();
                    assert_eq!(taken.bytes, document);
                    assert_eq!((taken.is_signed, taken.is_encrypted), (sign != "off", encrypt != "off"));
                    assert_eq!(taken.message_id, format!("<d{count}@gangway>"));
                }
            }
        }
    }
});

gwtest!(what_may_go_better_is_tried_again_under_the_same_id, async |dir| {
    let server = As2Server::start(partner(parties::acme())).await.unwrap();
    write(&dir, &server.url(), "", "live");
    let courier = courier(&dir).await;
    let parcel = parcel(&dir, "d1", &x12(1));
    for status in [408, 425, 429, 500, 502, 503, 504] {
        server.refuse(&[status]);
        let carried = courier.carry(&parcel).await;
        assert!(matches!(carried, Carried::TryAgain { .. }), "{status}: {carried:?}");
    }
    for status in [400, 401, 403, 404, 411, 413] {
        server.refuse(&[status]);
        let carried = courier.carry(&parcel).await;
        assert!(matches!(carried, Carried::Refused { .. }), "{status}: {carried:?}");
    }
    assert!(matches!(courier.carry(&parcel).await, Carried::Delivered { .. }));
    assert!(matches!(courier.carry(&parcel).await, Carried::Delivered { .. }));
    let ids: Vec<_> = server.taken().into_iter().map(|taken| taken.message_id).collect();
    assert_eq!(ids, ["<d1@gangway>", "<d1@gangway>"]);
});

gwtest!(a_receipt_of_somebody_else_proves_nothing, async |dir| {
    // The server has another key than the partner's file says.
    let mut impostor = partner(parties::acme());
    impostor.own = parties::mallory().own.clone();
    let server = As2Server::start(impostor).await.unwrap();
    write(&dir, &server.url(), "encrypt = \"off\"", "live");
    let carried = courier(&dir).await.carry(&parcel(&dir, "d1", &x12(1))).await;
    let Carried::Refused { detail } = &carried else { panic!("{carried:?}") };
    assert!(detail.contains("AS2-0403"), "{detail}");
});

gwtest!(what_the_partner_cannot_read_it_says_so, async |dir| {
    // It has lost the key that we encrypt for.
    let mut forgetful = partner(parties::acme());
    forgetful.own = parties::mallory().own.clone();
    let server = As2Server::start(forgetful).await.unwrap();
    write(&dir, &server.url(), "receipt = \"unsigned\"", "live");
    let carried = courier(&dir).await.carry(&parcel(&dir, "d1", &x12(1))).await;
    let Carried::Refused { detail } = &carried else { panic!("{carried:?}") };
    assert!(detail.contains("decryption-failed") || detail.contains("AS2-0403"), "{detail}");
    assert!(server.taken().is_empty());
});

gwtest!(nobody_there_is_tried_again_and_a_forbidden_place_never, async |dir| {
    write(&dir, "http://127.0.0.1:9/as2", "", "live");
    let carried = courier(&dir).await.carry(&parcel(&dir, "d1", &x12(1))).await;
    assert!(matches!(carried, Carried::TryAgain { .. }), "{carried:?}");
    write(&dir, "http://169.254.169.254/as2", "", "live");
    let carried = courier(&dir).await.carry(&parcel(&dir, "d2", &x12(1))).await;
    assert!(matches!(carried, Carried::Refused { .. }), "{carried:?}");
});

gwtest!(a_receipt_on_its_own_needs_a_place_to_come_to, async |dir| {
    let server = As2Server::start(partner(parties::acme())).await.unwrap();
    write(&dir, &server.url(), "receipt_by = \"callback\"", "live");
    let carried = courier(&dir).await.carry(&parcel(&dir, "d1", &x12(1))).await;
    assert!(matches!(carried, Carried::Refused { .. }), "{carried:?}");
    let settings = std::fs::read_to_string(dir.join("gangway.toml")).unwrap();
    dir.create("gangway.toml", settings.replace("[as2]", "[as2]\nurl = \"http://127.0.0.1:9/as2\""));
    let carried = courier(&dir).await.carry(&parcel(&dir, "d1", &x12(1))).await;
    let Carried::Waiting { detail, .. } = &carried else { panic!("{carried:?}") };
    assert!(detail.contains("<d1@127.0.0.1>"), "{detail}");
});

gwtest!(another_attempt_sends_the_very_same_from_whichever_node, async |dir| {
    let (listener, seen) = Listener::refusing().await;
    let url = format!("http://{}/as2", listener.address);
    write(&dir, &url, "encrypt = \"aes256-gcm\"\npadding = \"pss\"\ncompress = \"before-signing\"", "live");
    let shared = tempfile::tempdir_in(dir.join("")).unwrap();
    let ledger: SharedLedger = Arc::new(SqliteLedger::open(shared.path(), &Options::default()).unwrap());
    let parcel = parcel(&dir, "d1", &x12(1));
    let again = async |attempt: u32| {
        // A node that starts with nothing but the ledger.
        let _ = std::fs::remove_dir_all(dir.join("data/as2"));
        let carried = courier_on(&dir, Arc::clone(&ledger)).carry(&Parcel { attempt, ..parcel.clone() }).await;
        assert!(matches!(carried, Carried::TryAgain { .. }), "{carried:?}");
        let all = seen.lock().unwrap();
        assert_eq!(all.len(), attempt as usize);
        all.last().cloned().unwrap()
    };
    let first = again(1).await;
    let second = again(2).await;
    assert_eq!(second.headers, first.headers);
    assert!(second.body == first.body, "the bytes differ");
    // Whoever mends the partner's file wants the next attempt to follow it; it is the same message all the same.
    write(&dir, &url, "encrypt = \"aes256-cbc\"\npadding = \"pss\"\ncompress = \"before-signing\"", "live");
    let (_, directory) = read(&dir);
    let parcel = Parcel { partner: Arc::clone(directory.partner("acme").unwrap()), attempt: 3, ..parcel };
    let courier = courier_on(&dir, Arc::clone(&ledger));
    assert!(matches!(courier.carry(&parcel).await, Carried::TryAgain { .. }));
    let third = seen.lock().unwrap().last().cloned().unwrap();
    assert!(third.body != first.body, "it follows the file");
    assert_eq!(third.header("message-id"), first.header("message-id"));
    let mic = |said: &Said| by_openssl::open(said, parties::gangway(), parties::acme()).mic;
    assert_eq!(mic(&third), mic(&first));
    // One that is too large to be remembered whole is built again: the same id, the same MIC.
    let large: Vec<u8> = (0..400_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let file = dir.create("large.edi", &large);
    let parcel = Parcel { payload: Payload::File(file), transport_id: "d2".into(), ..parcel };
    for _ in 0..2 {
        let courier = courier_on(&dir, Arc::clone(&ledger));
        assert!(matches!(courier.carry(&parcel).await, Carried::TryAgain { .. }));
    }
    let all = seen.lock().unwrap().clone();
    let [.., one, other] = all.as_slice() else { panic!() };
    assert_eq!(one.header("message-id"), other.header("message-id"));
    assert_eq!(mic(one), mic(other));
    assert_eq!(by_openssl::open(other, parties::gangway(), parties::acme()).document, large);
    // A key of ours that changes between two attempts signs the next one, remembered or built again; what it is about
    // stays the same, and so the receipt for either attempt proves it.
    let small = Parcel { payload: Payload::Inline(x12(3).into()), transport_id: "d3".into(), ..parcel.clone() };
    assert!(matches!(courier_on(&dir, Arc::clone(&ledger)).carry(&small).await, Carried::TryAgain { .. }));
    let before = seen.lock().unwrap().last().cloned().unwrap();
    let successor = parties::mallory();
    let settings = std::fs::read_to_string(dir.join("gangway.toml")).unwrap();
    let ours = parties::gangway();
    let settings = settings
        .replace(&ours.certificate_file.display().to_string(), &successor.certificate_file.display().to_string())
        .replace(&ours.key_file.display().to_string(), &successor.key_file.display().to_string());
    dir.create("gangway.toml", settings);
    let courier = courier_on(&dir, Arc::clone(&ledger));
    assert!(matches!(courier.carry(&Parcel { attempt: 3, ..parcel.clone() }).await, Carried::TryAgain { .. }));
    let renewed = seen.lock().unwrap().last().cloned().unwrap();
    assert_eq!(renewed.header("message-id"), one.header("message-id"));
    let opened = by_openssl::open(&renewed, successor, parties::acme());
    assert_eq!((opened.mic, opened.document), (mic(one), large));
    assert!(matches!(courier.carry(&Parcel { attempt: 2, ..small.clone() }).await, Carried::TryAgain { .. }));
    let after = seen.lock().unwrap().last().cloned().unwrap();
    assert_eq!(after.header("message-id"), before.header("message-id"));
    assert_eq!(by_openssl::open(&after, successor, parties::acme()).mic, mic(&before));
    // So does a certificate of theirs: the next attempt is for the new one.
    std::fs::copy(&parties::mallory().certificate_file, dir.join("partners/acme.pem")).unwrap();
    let (_, directory) = read(&dir);
    let theirs = Arc::clone(directory.partner("acme").unwrap());
    let attempt = Parcel { partner: theirs, attempt: 3, ..small };
    assert!(matches!(courier.carry(&attempt).await, Carried::TryAgain { .. }));
    let renewed = seen.lock().unwrap().last().cloned().unwrap();
    assert_eq!(renewed.header("message-id"), before.header("message-id"));
    assert_eq!(by_openssl::open(&renewed, successor, parties::mallory()).mic, mic(&before));
    let mut server = partner(parties::acme());
    server.gateway_certificates = vec![successor.certificate.clone()];
    let server = As2Server::start(server).await.unwrap();
    write(&dir, &server.url(), "", "live");
    let (_, directory) = read(&dir);
    let parcel = Parcel { partner: Arc::clone(directory.partner("acme").unwrap()), attempt: 4, ..parcel };
    let carried = courier.carry(&parcel).await;
    assert!(matches!(carried, Carried::Delivered { .. }), "{carried:?}");
    assert_eq!(server.taken().last().unwrap().message_id, "<d2@gangway>");
});
