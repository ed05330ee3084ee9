//! We call partners' servers: taking files there and collecting theirs, with OpenSSH's own server and with our door.

use std::{net::SocketAddr, path::Path, sync::Arc};

use bytes::Bytes;
use gangway::{
    document::{DocumentType, MessageId, Mode},
    doors::sftp::{Collector, Lines, SftpCourier},
    exchange::{Carried, Courier, Parcel},
    net::Egress,
    observe::Metrics,
    partner::{Collected, Partner, SftpPushTerms},
    spool::Spool,
};
use russh::keys::ssh_key::LineEnding;

use super::{
    site::{Site, acme, noise, user_key},
    sshd::{self, Sshd, names},
};

/// A partner whose own server is at `address`, where we are `user`.
async fn partner(dir: &Path, address: SocketAddr, user: &str, change: impl FnOnce(&mut SftpPushTerms)) -> Arc<Partner> {
    let key = dir.join("our_key");
    std::fs::write(&key, user_key().to_openssh(LineEnding::LF).unwrap().as_bytes()).unwrap();
    let mut terms = SftpPushTerms::plain(address.to_string().parse().unwrap(), user.parse().unwrap());
    terms.key = Some(format!("file:{}", key.display()).parse().unwrap());
    terms.trust_first_contact = true;
    change(&mut terms);
    Arc::new(Partner { sftp_push: Some(terms), ..acme(|_| {}).await })
}

fn lines(dir: &Path) -> Arc<Lines> {
    Arc::new(Lines::new(Arc::new(Egress::default()), dir.to_owned(), &dir.join("sftp")))
}

fn parcel(partner: &Arc<Partner>, seed: u128, payload: &[u8], attempt: u32) -> Parcel {
    let message = MessageId::new(1_780_000_000_000, seed);
    Parcel {
        delivery: 1,
        message,
        partner: partner.clone(),
        payload: gangway::ledger::Payload::Inline(Bytes::copy_from_slice(payload)),
        attempt,
        transport_id: format!("{message}.1"),
        filename: String::new(),
        content_type: "application/edi-x12".into(),
        document: Some(DocumentType::PurchaseOrder),
        number: Some("4500012345".into()),
        interchange: Some("000000007".into()),
        mode: Mode::Live,
        correlation: "c".into(),
    }
}

fn delivered(carried: &Carried) -> bool {
    matches!(carried, Carried::Delivered { .. })
}

fn collector(dir: &Path, site: &Site) -> Collector {
    let spool = Arc::new(Spool::new(dir.join("spool"), 64 << 10, 64 << 20).unwrap());
    Collector::new(lines(dir), site.desk.clone(), spool, Arc::new(Metrics::new()), dir.join("sftp"), 400 << 20)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_taken_to_an_openssh_server_under_a_temporary_name_first() {
    if !sshd::here("sftp: push to OpenSSH") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let server = Sshd::start(dir.path());
    let inbox = sshd::folder(dir.path(), "their in");
    let folder = inbox.display().to_string();
    let partner = partner(dir.path(), server.address, "root", |terms| {
        terms.folder = folder;
        terms.host_keys = vec![server.key.clone()];
        terms.names = "{document}-{number}-{id}.edi".parse().unwrap();
    })
    .await;
    let courier = SftpCourier::new(lines(dir.path()));
    let contents: Vec<_> = (0..6).map(|seed| noise(if seed == 0 { 9_000_001 } else { 20_000 }, seed)).collect();
    let parcels: Vec<_> = contents.iter().zip(0..).map(|(content, seed)| parcel(&partner, seed, content, 1)).collect();
    let carried = futures_util::future::join_all(parcels.iter().map(|parcel| courier.carry(parcel))).await;
    assert!(carried.iter().all(delivered), "{carried:?}");
    for (parcel, content) in parcels.iter().zip(&contents) {
        let name = format!("purchase_order-4500012345-{}.edi", parcel.message);
        assert!(std::fs::read(inbox.join(&name)).unwrap() == *content, "{name}");
    }
    assert_eq!(names(&inbox).len(), 6, "nothing temporary is left: {:?}", names(&inbox));
    // What is there already is not written again, and what is half there is gone on with.
    let again = courier.carry(&Parcel { attempt: 2, ..parcels[0].clone() }).await;
    assert!(matches!(&again, Carried::Delivered { detail, .. } if detail.contains("had already")), "{again:?}");
    let whole = inbox.join(format!("purchase_order-4500012345-{}.edi", parcels[0].message));
    std::fs::remove_file(&whole).unwrap();
    std::fs::write(whole.with_extension("edi.part"), &contents[0][..5_000_000]).unwrap();
    let again = courier.carry(&Parcel { attempt: 2, ..parcels[0].clone() }).await;
    assert!(matches!(&again, Carried::Delivered { detail, .. } if detail.contains("the rest of")), "{again:?}");
    assert!(std::fs::read(&whole).unwrap() == contents[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_breaks_in_the_middle_is_gone_on_with() {
    if !sshd::here("sftp: push over a line that breaks") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let server = Sshd::start(dir.path());
    let inbox = sshd::folder(dir.path(), "in");
    let folder = inbox.display().to_string();
    let partner = partner(dir.path(), server.address, "root", |terms| terms.folder = folder).await;
    let courier = Arc::new(SftpCourier::new(lines(dir.path())));
    let content = noise(60_000_000, 3);
    let first = parcel(&partner, 1, &content, 1);
    let carrying = tokio::spawn({
        let (courier, first) = (courier.clone(), first.clone());
        async move { courier.carry(&first).await }
    });
    let grown = |name: &String| std::fs::metadata(inbox.join(name)).is_ok_and(|file| file.len() > 4_000_000);
    crate::util::wait_for("some of it", async || names(&inbox).iter().any(grown).then_some(())).await;
    server.cut();
    let carried = carrying.await.unwrap();
    if delivered(&carried) {
        // It was quicker than we; nothing is shown by that, and nothing is wrong.
        return;
    }
    assert!(matches!(&carried, Carried::TryAgain { .. }), "{carried:?}");
    assert!(names(&inbox).iter().all(|name| name.ends_with(".part")), "{:?}", names(&inbox));
    let carried = courier.carry(&Parcel { attempt: 2, ..first }).await;
    assert!(matches!(&carried, Carried::Delivered { detail, .. } if detail.contains("the rest of")), "{carried:?}");
    assert_eq!(names(&inbox).len(), 1);
    assert!(std::fs::read(inbox.join(&names(&inbox)[0])).unwrap() == content);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_known_by_its_key_from_the_first_contact_on() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(&dir.path().join("one"), vec![acme(|_| {}).await]).await;
    let terms = |terms: &mut SftpPushTerms| terms.folder = "/inbound".into();
    let courier = SftpCourier::new(lines(dir.path()));
    let met = partner(dir.path(), site.address, "acme", terms).await;
    let carried = courier.carry(&parcel(&met, 1, b"one", 1)).await;
    assert!(delivered(&carried), "{carried:?}");
    assert_eq!(site.desk.got().len(), 1);
    let known = names(&dir.path().join("sftp/known"));
    assert_eq!(known.len(), 1);
    // Somebody else at the same place: the key that was kept is another one.
    let path = dir.path().join("sftp/known").join(&known[0]);
    let other = "x ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n";
    std::fs::write(&path, other).unwrap();
    let courier = SftpCourier::new(lines(dir.path()));
    let carried = courier.carry(&parcel(&met, 2, b"two", 1)).await;
    assert!(matches!(&carried, Carried::TryAgain { detail, .. } if detail.contains("SFT-0401")), "{carried:?}");
    // Without that trust, and without keys, nobody is met at all; nor is a server met where nothing may be sent.
    let strict = partner(dir.path(), site.address, "acme", |terms| terms.trust_first_contact = false).await;
    assert!(matches!(courier.carry(&parcel(&strict, 3, b"3", 1)).await, Carried::TryAgain { .. }));
    let inside = partner(dir.path(), "169.254.169.254:22".parse().unwrap(), "acme", |_| {}).await;
    let carried = courier.carry(&parcel(&inside, 4, b"4", 1)).await;
    assert!(matches!(&carried, Carried::Refused { .. }), "{carried:?}");
    assert_eq!(site.desk.got().len(), 1);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_collected_from_an_openssh_server_once() {
    if !sshd::here("sftp: collecting from OpenSSH") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let server = Sshd::start(dir.path());
    let site = Site::open(&dir.path().join("ours"), vec![acme(|_| {}).await]).await;
    let out = sshd::folder(dir.path(), "out");
    let large = noise(5_000_000, 1);
    std::fs::write(out.join("große Datei.edi"), &large).unwrap();
    std::fs::write(out.join("small.edi"), b"small").unwrap();
    std::fs::write(out.join("late.edi.filepart"), b"half").unwrap();
    std::fs::write(out.join("cut.edi"), b"ISA*00*          *00*          *ST*850*0001~").unwrap();
    sshd::folder(&out, "sub");
    let from = out.display().to_string();
    let mut files = partner(dir.path(), server.address, "root", |terms| terms.collect_from = vec![from]).await;
    let own = collector(dir.path(), &site);
    assert!(own.collect(&files).await);
    let mut got = site.desk.names();
    got.sort();
    assert_eq!(got, ["große Datei.edi", "small.edi"]);
    assert!(site.desk.got().iter().any(|(_, _, size)| *size == large.len() as u64));
    assert_eq!(names(&out), ["cut.edi", "late.edi.filepart", "sub"]);
    // The end comes, and a new file; what was taken is moved away this time.
    let terms = Arc::make_mut(&mut files).sftp_push.as_mut().unwrap();
    (terms.collected, terms.collected_to) = (Collected::Move, "done".into());
    std::fs::write(out.join("cut.edi"), b"ISA*00*          *00*          *ST*850*0001~IEA*1*000000001~").unwrap();
    std::fs::write(out.join("small.edi"), b"another").unwrap();
    assert!(own.collect(&files).await);
    assert_eq!(names(&out.join("done")), ["cut.edi", "small.edi"]);
    // An older file of this name is there already; both stay.
    std::fs::write(out.join("small.edi"), b"a third").unwrap();
    assert!(own.collect(&files).await);
    assert_eq!((names(&out.join("done")).len(), site.desk.got().len()), (3, 5));
    // What stays is taken once, also by a process that knows nothing of it.
    Arc::make_mut(&mut files).sftp_push.as_mut().unwrap().collected = Collected::Keep;
    std::fs::write(out.join("kept.edi"), b"kept").unwrap();
    for _ in 0..2 {
        assert!(own.collect(&files).await && collector(dir.path(), &site).collect(&files).await);
    }
    assert_eq!(site.desk.names().iter().filter(|name| *name == "kept.edi").count(), 1);
    // It is not even asked for again: with other bytes behind the same size and date, nobody would have seen it.
    let written = std::fs::metadata(out.join("kept.edi")).unwrap().modified().unwrap();
    std::fs::write(out.join("kept.edi"), b"KEPT").unwrap();
    std::fs::File::options().append(true).open(out.join("kept.edi")).unwrap().set_modified(written).unwrap();
    assert!(collector(dir.path(), &site).collect(&files).await);
    assert_eq!(site.desk.names().iter().filter(|name| *name == "kept.edi").count(), 1);
    // Only what is remembered keeps it from being fetched.
    std::fs::remove_dir_all(dir.path().join("sftp/collected")).unwrap();
    assert!(collector(dir.path(), &site).collect(&files).await);
    assert_eq!(site.desk.names().iter().filter(|name| *name == "kept.edi").count(), 2);
    server.cut();
    drop(server);
    assert!(!collector(dir.path(), &site).collect(&files).await, "nobody answers");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_collected_from_a_door_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let theirs = Site::open(&dir.path().join("theirs"), vec![acme(|_| {}).await]).await;
    let ours = Site::open(&dir.path().join("ours"), vec![acme(|_| {}).await]).await;
    let message = theirs.offer("acme", noise(700_000, 5).into(), None).await;
    theirs.offer("acme", Bytes::from_static(b"second"), None).await;
    let own = collector(dir.path(), &ours);
    let files =
        partner(dir.path(), theirs.address, "acme", |terms| terms.collect_from = vec!["/outbound".into()]).await;
    assert!(own.collect(&files).await);
    assert_eq!(ours.desk.got().len(), 2);
    assert_eq!(theirs.state(message).await, gangway::ledger::MessageState::Delivered);
    ours.close().await;
    theirs.close().await;
}
