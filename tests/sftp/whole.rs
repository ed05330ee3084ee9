//! SFTP through a whole `gangway serve`: a drop box whose gateway dies at any moment, and a partner's own server that runs
//! OpenSSH.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use gangway::play::{
    ErpClient, canonical,
    x12::{Interchange, Order, Party, order_acknowledgement},
};
use russh::keys::ssh_key::LineEnding;
use russh_sftp::protocol::{FileAttributes, OpenFlags};

use super::{
    raw::Raw,
    site::user_key,
    sshd::{self, Sshd, names},
};
use crate::{
    outbound::{post, told, verbs},
    util::{Dir, Gateway, campaign::Chance, cast, full, gwtest, wait_for},
};

const NEW: OpenFlags = OpenFlags::from_bits_truncate(0x02 | 0x08 | 0x10);

fn settings() -> String {
    cast::settings().replace("[sftp]\naddress = \"off\"", "[sftp]\naddress = \"127.0.0.1:0\"")
}

/// Where the drop boxes of the gateway in `dir` are.
fn drop_boxes(dir: &Dir) -> SocketAddr {
    let listeners = std::fs::read_to_string(dir.join("data/listeners.json")).unwrap();
    let listeners: serde_json::Value = serde_json::from_str(&listeners).unwrap();
    listeners["sftp"].as_str().unwrap_or_else(|| panic!("{listeners}")).parse().unwrap()
}

/// The file of the partner with a drop box.
fn drop_box() -> String {
    format!(
        "name = \"Box\"\ntemplate = \"sftp-x12\"\nstatus = \"live\"\nvendor_number = \"V-box\"\n\n[x12]\n\
         ids = [\"ZZ/BOX\"]\nours = \"{}\"\n\n[sftp]\nusers = [\"box\"]\nkeys = [\"{}\"]\nsessions = 100\n",
        cast::OURS,
        user_key().public_key().to_openssh().unwrap()
    )
}

/// One file on its way: what was answered for it, and whether all of it was.
struct Sending {
    name: String,
    content: Vec<u8>,
    /// Whether its client means to close it.
    closes: bool,
    answered: u64,
    done: bool,
}

impl Sending {
    /// A file with one 855; of those that are not closed, some of it.
    fn new(n: u32, lines: usize, chance: &mut Chance) -> Self {
        let set = order_acknowledgement(&Order::sample(&format!("45{n:08}"), lines), &format!("S-{n}"));
        let mut content = Interchange::new(&Party::new("ZZ/BOX"), &Party::new(cast::OURS), n).with(set).to_bytes();
        let closes = !n.is_multiple_of(5);
        if !closes {
            content.truncate(1 + chance.below(content.len() as u64 - 1) as usize);
        }
        Self { name: format!("{n:04}.edi"), content, closes, answered: 0, done: false }
    }

    /// Sends it, or goes on with it; ends early where the line does.
    async fn send(&mut self, at: SocketAddr) -> Option<()> {
        let raw = Raw::try_login(at, "box").await?;
        let sftp = raw.try_sftp().await?;
        let path = format!("inbound/{}", self.name);
        let whole = self.content.len() as u64;
        let there = sftp.stat(&path).await.ok().and_then(|stat| stat.attrs.size).unwrap_or(0);
        assert!(there >= self.answered, "{path}: {there} of {} bytes that were answered", self.answered);
        // A client that finds all of it sends it again, because it does not know whether it was closed.
        let from = if there < whole { there } else { 0 };
        let file = sftp.open(&path, if from == 0 { NEW } else { OpenFlags::WRITE }, FileAttributes::empty()).await;
        let file = file.ok()?.handle;
        self.answered = from;
        for (at, piece) in (from..).step_by(4000).zip(self.content[from as usize..].chunks(4000)) {
            sftp.write(&file, at, piece.to_vec()).await.ok()?;
            self.answered = at + piece.len() as u64;
        }
        if self.closes {
            sftp.close(file).await.ok()?;
        }
        self.done = true;
        Some(())
    }
}

gwtest!(every_closed_file_gives_its_events_once_whenever_the_gateway_dies, async |dir| {
    let files: u32 = if full() { 200 } else { 24 };
    let mut chance = Chance::new();
    dir.create("gangway.toml", settings());
    dir.create("partners/box.toml", drop_box());
    let mut gateway = Gateway::start(&dir).await;
    let (mut deaths, mut broken) = (0, 0);
    let mut all = Vec::new();
    for batch in 0..files.div_ceil(4) {
        let mut sendings: Vec<_> = (1..=4).map(|n| Sending::new(batch * 4 + n, 200, &mut chance)).collect();
        let at = drop_boxes(&dir);
        let moment = Duration::from_micros(chance.below(120_000));
        let sent = futures_util::future::join_all(sendings.iter_mut().map(async |sending| {
            let _ = tokio::time::timeout(Duration::from_secs(30), sending.send(at)).await;
        }));
        // Where in its work the gateway is hit is left to chance; nothing is asserted about the time.
        let death = async {
            tokio::time::sleep(moment).await;
            gateway.signal("KILL");
        };
        tokio::join!(sent, death);
        deaths += 1;
        drop(gateway);
        gateway = Gateway::start(&dir).await;
        for sending in sendings.iter_mut().filter(|sending| !sending.done) {
            broken += 1;
            sending.send(drop_boxes(&dir)).await.expect("nobody disturbs it now");
            assert!(sending.done);
        }
        all.extend(sendings);
    }
    println!("{} files, {deaths} deaths, {broken} files broken off", all.len());
    let erp = gateway.erp();
    let closed = all.iter().filter(|sending| sending.closes).count();
    let events = wait_for("every event", async || {
        let log = erp.whole_log().await.unwrap();
        let received: Vec<_> = log.into_iter().filter(|event| event.kind.contains("received")).collect();
        (received.len() >= closed).then_some(received)
    })
    .await;
    let mut subjects: Vec<_> = events.iter().map(|event| event.subject.clone()).collect();
    subjects.sort();
    let expected = all.iter().filter(|sending| sending.closes).map(|sending| sending.name.trim_end_matches(".edi"));
    let mut expected: Vec<_> = expected.map(|number| format!("order_acknowledgement/4500{number:0>6}")).collect();
    expected.sort();
    assert_eq!(subjects, expected);
    // What was never closed is there to be gone on with, to the last byte that was answered.
    let raw = Raw::login(drop_boxes(&dir), "box").await;
    let sftp = raw.sftp().await;
    for sending in all.iter().filter(|sending| !sending.closes) {
        let size = sftp.stat(format!("inbound/{}", sending.name)).await.unwrap().attrs.size;
        assert_eq!(size, Some(sending.content.len() as u64), "{}", sending.name);
    }
    gateway.stop().await;
});

/// A partner with its own server, where the gateway is let in.
struct TheirServer {
    sshd: Sshd,
    inbox: PathBuf,
    outbox: PathBuf,
}

impl TheirServer {
    fn start(dir: &Dir) -> Self {
        let own = dir.join("theirs");
        std::fs::create_dir_all(&own).unwrap();
        Self { sshd: Sshd::start(&own), inbox: sshd::folder(&own, "in"), outbox: sshd::folder(&own, "out") }
    }

    /// Writes the partner's file; what the server shows must be `key`.
    fn describe(&self, dir: &Dir, key: &str) {
        dir.create("secrets/push", user_key().to_openssh(LineEnding::LF).unwrap().as_bytes());
        dir.create(
            "partners/pushed.toml",
            format!(
                "name = \"Pushed\"\ntemplate = \"sftp-push-x12\"\nstatus = \"live\"\nvendor_number = \"V-pushed\"\n\n[x12]\n\
                 ids = [\"ZZ/PUSHED\"]\nours = \"{ours}\"\n\n[sftp]\nusers = [\"pushed\"]\nkeys = [\"{user}\"]\n\n[sftp_push]\n\
                 server = \"{server}\"\nuser = \"root\"\nkey = \"file:secrets/push\"\nhost_keys = [\"{key}\"]\nfolder = \"{inbox}\"\n\
                 names = \"{{number}}_{{id}}.x12\"\ncollect_from = [\"{outbox}\"]\ncollect_every = \"1s\"\ncollected = \"keep\"\n\n\
                 [send]\nretry_after = \"50ms\"\nretry_at_most = \"200ms\"\nattempts = 10000\n",
                ours = cast::OURS,
                user = user_key().public_key().to_openssh().unwrap(),
                server = self.sshd.address,
                inbox = self.inbox.display(),
                outbox = self.outbox.display(),
            ),
        );
    }

    /// The whole file that holds this order, once there is one.
    async fn has(&self, order: &str) -> String {
        let name = wait_for(&format!("the file of {order}"), async || {
            names(&self.inbox).into_iter().find(|name| name.starts_with(order) && name.ends_with(".x12"))
        })
        .await;
        std::fs::read_to_string(self.inbox.join(name)).unwrap()
    }
}

async fn received(erp: &ErpClient) -> usize {
    erp.whole_log().await.unwrap().iter().filter(|event| event.kind.contains("received")).count()
}

gwtest!(what_is_refused_stands_in_the_log_with_its_partner, async |dir| {
    dir.create("gangway.toml", settings());
    dir.create("partners/box.toml", drop_box());
    let gateway = Gateway::start(&dir).await;
    let at = drop_boxes(&dir);
    let raw = Raw::login(at, "box").await;
    let sftp = raw.sftp().await;
    assert!(sftp.open("../../../etc/passwd", OpenFlags::READ, FileAttributes::empty()).await.is_err());
    assert!(sftp.symlink("inbound/a", "/etc/passwd").await.is_err());
    assert_ne!(Raw::password(at, "box", &["wrong"]).await, Some(true));
    gateway.stop().await;
    let log = std::fs::read_to_string(dir.join("gateway.log")).unwrap();
    let told = |code: &str, word: &str| {
        let lines = log.lines().filter(|line| line.contains(code) && line.contains(word));
        lines.filter(|line| line.contains(r#""partner":"box""#)).count()
    };
    let read = told("SFT-0108", r#""path":"../../../etc/passwd""#);
    let link = told("SFT-0108", r#""path":"inbound/a, /etc/passwd""#);
    assert_eq!([read, link, told("SFT-0101", "box")], [1, 1, 1], "{log}");
});

gwtest!(orders_reach_a_partners_openssh_server_and_its_answers_come_back, async |dir| {
    if !sshd::here("sftp: a partner's OpenSSH server and a whole gateway") {
        return;
    }
    dir.create("gangway.toml", settings());
    let theirs = TheirServer::start(&dir);
    theirs.describe(&dir, &theirs.sshd.key.to_string());
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    post(&erp, "k-1", "pushed", "4500000001").await;
    let text = theirs.has("4500000001").await;
    assert!(text.contains("~BEG*00*SA*4500000001*") && text.contains("~IEA*1*"), "{text}");
    let subject = "purchase_order/4500000001";
    assert_eq!(verbs(&erp, subject, 2).await, ["purchase_order.issued", "purchase_order.delivered"]);
    // They leave a 997 and an 855 on their own server, and a file that is not finished.
    let leave = |name: &str, bytes: &[u8]| {
        std::fs::write(theirs.outbox.join(format!("{name}.tmp")), bytes).unwrap();
        std::fs::rename(theirs.outbox.join(format!("{name}.tmp")), theirs.outbox.join(name)).unwrap();
    };
    let from = |control| Interchange::new(&Party::new("ZZ/PUSHED"), &Party::new(cast::OURS), control);
    let acknowledgement = canonical::functional_acknowledgement(&text, true).unwrap();
    leave("997.edi", &from(1).with(acknowledgement).to_bytes());
    let answer = order_acknowledgement(&Order::sample("4500000001", 2), "S-1");
    leave("855.edi", &from(2).with(answer).to_bytes());
    std::fs::write(theirs.outbox.join("late.edi.filepart"), b"ISA*").unwrap();
    assert_eq!(verbs(&erp, subject, 3).await[2], "purchase_order.accepted");
    wait_for("the 855", async || (received(&erp).await == 1).then_some(())).await;
    assert_eq!(names(&theirs.outbox), ["855.edi", "997.edi", "late.edi.filepart"], "everything stays where it is");

    // After a restart what stays there is known, and what is new is taken.
    let gateway = gateway.restart(&dir).await;
    let erp = gateway.erp();
    let answer = order_acknowledgement(&Order::sample("4500000002", 2), "S-2");
    leave("855-2.edi", &from(3).with(answer).to_bytes());
    wait_for("the second 855", async || (received(&erp).await == 2).then_some(())).await;
    let log = std::fs::read_to_string(dir.join("gateway.log")).unwrap();
    let metrics = gateway.private().get("/metrics").await.unwrap().text();
    assert!(metrics.contains("gangway_sftp_collected_total 1"), "only what is new was fetched: {metrics}{log}");
    gateway.stop().await;
});

gwtest!(a_server_that_is_cut_off_or_shows_another_key_gets_each_order_once, async |dir| {
    if !sshd::here("sftp: a partner's server that is cut off, and a whole gateway") {
        return;
    }
    dir.create("gangway.toml", settings());
    let theirs = TheirServer::start(&dir);
    let stranger = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILw+k78kwEHcnd1FA93p659VSNxPhV+LEp6EBn8QtW1U";
    theirs.describe(&dir, stranger);
    let mut gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    post(&erp, "k-1", "pushed", "4500000001").await;
    wait_for("word of the stranger", async || {
        std::fs::read_to_string(dir.join("gateway.log")).unwrap().contains("SFT-0401").then_some(())
    })
    .await;
    assert!(names(&theirs.inbox).is_empty(), "a stranger gets nothing");
    theirs.describe(&dir, &theirs.sshd.key.to_string());
    dir.run_well(&["reload"]);
    theirs.has("4500000001").await;
    // Both ends break again and again while orders go out.
    for n in 2..=9_u32 {
        let erp = gateway.erp();
        post(&erp, &format!("k-{n}"), "pushed", &format!("450000000{n}")).await;
        match n % 3 {
            0 => theirs.sshd.cut(),
            1 => {
                gateway.kill9();
                gateway = Gateway::start(&dir).await;
            }
            _ => {}
        }
    }
    let erp = gateway.erp();
    for n in 1..=9 {
        let text = theirs.has(&format!("450000000{n}")).await;
        assert!(text.contains(&format!("~BEG*00*SA*450000000{n}*")) && text.contains("~IEA*1*"), "{text}");
        let events = wait_for("word of the delivery", async || {
            let events = told(&erp, &format!("purchase_order/450000000{n}")).await;
            (events.len() >= 2).then_some(events)
        });
        assert_eq!(events.await.len(), 2, "issued and delivered, each once");
    }
    let there = names(&theirs.inbox);
    assert_eq!(there.len(), 9, "each once, and nothing temporary: {there:?}");
    gateway.stop().await;
});

gwtest!(the_page_of_what_runs_names_every_listener, async |dir| {
    dir.create("gangway.toml", settings());
    let gateway = Gateway::start(&dir).await;
    let page = gateway.private().get("/").await.unwrap().text();
    let listeners = std::fs::read_to_string(dir.join("data/listeners.json")).unwrap();
    let listeners: std::collections::BTreeMap<String, String> = serde_json::from_str(&listeners).unwrap();
    assert_eq!(listeners.len(), 4, "{listeners:?}");
    for (name, address) in listeners {
        assert!(page.contains(&format!("<code>{address}</code>")), "{name} is not on it: {page}");
    }
    gateway.stop().await;
});
