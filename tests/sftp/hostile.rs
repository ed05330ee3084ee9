//! What no decent client does.

use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use gangway::config::Size;
use russh::ChannelMsg;
use russh_sftp::{
    client::{RawSftpSession, error::Error},
    protocol::{FileAttributes, OpenFlags, Packet, StatusCode},
};
use tokio::task::JoinSet;

use super::{
    raw::{Raw, packet, request},
    site::{Site, acme, partner},
};
use crate::util::{campaign::Chance, full, wait_for};

const NEW: OpenFlags = OpenFlags::from_bits_truncate(0x02 | 0x08 | 0x10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_operation_leaves_the_home() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|_| {}).await]).await;
    let raw = Raw::login(site.address, "acme").await;
    let sftp = raw.sftp().await;
    std::fs::write(dir.path().join("secret"), "secret").unwrap();
    let own = dir.path().join("secret");
    let attributes = FileAttributes::empty;
    for path in [
        "/etc/passwd",
        "../../../../etc/passwd",
        "inbound/../../../etc/passwd",
        "inbound/../../data/sftp/ssh_host_ed25519_key",
        "//etc//passwd",
        "inbound/sub/x",
        "inbound/\u{0}x",
        "inbound/a\nb",
        own.to_str().unwrap(),
    ] {
        assert!(sftp.open(path, OpenFlags::READ, attributes()).await.is_err(), "{path:?}");
        assert!(sftp.open(path, NEW, attributes()).await.is_err(), "{path:?}");
        assert!(sftp.stat(path).await.is_err() && sftp.lstat(path).await.is_err(), "{path:?}");
        assert!(sftp.opendir(path).await.is_err() && sftp.remove(path).await.is_err(), "{path:?}");
        assert!(sftp.setstat(path, attributes()).await.is_err() && sftp.readlink(path).await.is_err(), "{path:?}");
        assert!(sftp.rename(path, "inbound/x").await.is_err() && sftp.mkdir(path, attributes()).await.is_err());
        assert!(sftp.symlink("inbound/link", path).await.is_err() && sftp.rmdir(path).await.is_err());
    }
    // Nor does anything that is said as an extension, or by a rename's other end.
    for path in ["/etc/passwd", "../../x", "inbound/../../x", "/x", "outbound/x", "receipts/x"] {
        write(&sftp, "mine.tmp", b"x").await.unwrap();
        assert!(sftp.rename("inbound/mine.tmp", path).await.is_err(), "{path}");
        for extension in ["posix-rename@openssh.com", "hardlink@openssh.com"] {
            let both = [text("inbound/mine.tmp"), text(path)].concat();
            assert!(is_refused(&sftp, extension, both).await, "{extension} {path}");
        }
        for extension in ["lsetstat@openssh.com", "statvfs@openssh.com", "expand-path@openssh.com", "copy-data"] {
            assert!(is_refused(&sftp, extension, text(path)).await, "{extension} {path}");
        }
        assert_eq!(sftp.realpath(path).await.unwrap().files[0].filename.matches("..").count(), 0);
        sftp.remove("inbound/mine.tmp").await.unwrap();
    }
    let refused = refusals(&site, "SFT-0108");
    assert!(refused > 100, "{refused} are counted");
    // Odd names are only names.
    for name in ["a\\b", "..x", "%2e%2e%2f", "a b ' \" $(x) ;|", "CON", "ä\u{308}\u{202e}"] {
        let file = sftp.open(format!("inbound/{name}"), NEW, attributes()).await.unwrap().handle;
        sftp.write(&file, 0, b"x".to_vec()).await.unwrap();
        sftp.close(file).await.unwrap();
        assert!(sftp.stat(format!("inbound/{name}")).await.is_ok());
    }
    assert_eq!(site.desk.names(), ["a\\b", "%2e%2e%2f", "a b ' \" $(x) ;|", "CON", "ä\u{308}\u{202e}"]);
    assert_eq!(std::fs::read_to_string(own).unwrap(), "secret");
    site.close().await;
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat()
}

async fn is_refused(sftp: &RawSftpSession, extension: &str, data: Vec<u8>) -> bool {
    match sftp.extended(extension, data).await {
        Ok(Packet::Status(status)) => status.status_code != StatusCode::Ok,
        Ok(_) => false,
        Err(_) => true,
    }
}

/// How many requests were refused for this reason.
fn refusals(site: &Site, code: &str) -> u64 {
    let name = format!("gangway_sftp_refused_total{{code=\"{code}\"}} ");
    let metrics = site.metrics.encode();
    metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
}

/// Puts a file into inbound.
async fn write(sftp: &RawSftpSession, name: &str, content: &[u8]) -> Result<(), Error> {
    let file = sftp.open(format!("inbound/{name}"), NEW, FileAttributes::empty()).await?.handle;
    sftp.write(&file, 0, content.to_vec()).await?;
    sftp.close(file).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handles_are_bounded_and_belong_to_their_session() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|_| {}).await]).await;
    let raw = Raw::login(site.address, "acme").await;
    let (one, two) = (raw.sftp().await, raw.sftp().await);
    let mut opened = 0;
    for n in 0..10_000 {
        let file = if n % 2 == 0 {
            one.opendir("/").await
        } else {
            one.open(format!("inbound/{n}"), NEW, FileAttributes::empty()).await
        };
        opened += usize::from(file.is_ok());
    }
    assert_eq!(opened, 128);
    assert!(two.write("2", 0, b"x".to_vec()).await.is_err(), "another session's handle");
    for handle in ["", "0", "999", "-1", "1;2", "18446744073709551616"] {
        assert!(two.read(handle, 0, 10).await.is_err() && two.close(handle).await.is_err(), "{handle}");
    }
    drop(one);
    site.close().await;
}

/// Sends bytes over a fresh channel and answers what came back, and whether the connection was closed.
async fn say(site: &Site, bytes: &[Bytes]) -> (Vec<u8>, bool) {
    let raw = Raw::login(site.address, "acme").await;
    let mut channel = raw.channel().await;
    for bytes in bytes {
        let _ = channel.data_bytes(bytes.clone()).await;
    }
    let mut came = Vec::new();
    let quiet = Duration::from_millis(if bytes.len() > 2 { 3000 } else { 1500 });
    while let Ok(Some(message)) = tokio::time::timeout(quiet, channel.wait()).await {
        match message {
            ChannelMsg::Data { data } => came.extend_from_slice(&data),
            ChannelMsg::Close => return (came, true),
            _ => {}
        }
    }
    (came, raw.is_closed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_packet_ends_the_session_and_what_is_unknown_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|_| {}).await]).await;
    let hello = packet(&[1, 0, 0, 0, 3]);
    for rubbish in [
        Bytes::from_static(b"\xff\xff\xff\xff"),
        Bytes::from_static(b"\x00\x00\x00\x00"),
        Bytes::from_static(b"\x01\x00\x00\x00"),
        Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"),
        packet(&[3, 0, 0, 0, 1, 255, 255, 255, 255]),
        packet(&[101, 0, 0, 0, 1]),
        packet(&[6]),
    ] {
        let (came, closed) = say(&site, &[hello.clone(), rubbish.clone()]).await;
        assert!(closed && came.get(4) == Some(&2), "{rubbish:?}: {came:?}");
    }
    // A request of a later version gets its own number back; a name that is not UTF-8 gets a reason.
    let (came, closed) =
        say(&site, &[hello, request(21, 77, &[b"a", b"b"]), request(13, 78, &[b"inbound/\xe4.edi"])]).await;
    let text = String::from_utf8_lossy(&came).into_owned();
    assert!(!closed && text.contains("not known in version 3") && text.contains("not UTF-8"), "{text}");
    assert!(came.windows(9).any(|at| at == [101, 0, 0, 0, 77, 0, 0, 0, 8]), "{came:?}");
    assert!(site.metrics.encode().contains("gangway_sftp_broken_total 7"));
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_sockets_go_and_nobody_else_waits_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let change = |limits: &mut gangway::doors::sftp::Limits| {
        limits.login = Duration::from_millis(1500);
        limits.waiting_each = 5;
    };
    let site = Site::open_with(dir.path(), vec![acme(|_| {}).await], change).await;
    let mut silent: Vec<_> = (0..4).map(|_| std::net::TcpStream::connect(site.address).unwrap()).collect();
    let raw = Raw::login(site.address, "acme").await;
    // One more than may wait.
    silent.extend((0..3).map(|_| std::net::TcpStream::connect(site.address).unwrap()));
    for socket in &mut silent {
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        // First the server's own word, then the end.
        let mut buffer = [0; 4096];
        let ended = loop {
            match socket.read(&mut buffer) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) => break error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        };
        assert!(ended);
    }
    // Who is logged in stays.
    assert!(raw.sftp().await.stat("inbound").await.is_ok());
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_sends_and_never_reads_is_dropped_and_costs_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|_| {}).await]).await;
    let raw = Raw::login(site.address, "acme").await;
    let channel = raw.channel().await;
    let before = memory();
    let (reader, writer) = channel.split();
    // Requests whose answers are large, and nobody takes them: the client's own window fills up.
    let listing: Vec<u8> =
        (0..4000_u32).flat_map(|id| request(16, id, &["inbound/".repeat(400).as_bytes()]).to_vec()).collect();
    let listing = Bytes::from(listing);
    writer.data_bytes(packet(&[1, 0, 0, 0, 3])).await.unwrap();
    let sent = tokio::spawn(async move {
        let mut sent = 0_u64;
        while sent < 500 << 20 && writer.data_bytes(listing.clone()).await.is_ok() {
            sent += listing.len() as u64;
        }
        sent
    });
    let grown = wait_for("the end of the flood", async || {
        let grown = memory().saturating_sub(before);
        assert!(grown < 120 << 20, "{} MB", grown >> 20);
        (sent.is_finished() || raw.is_closed()).then_some(grown)
    })
    .await;
    println!("a flood that takes no answers: ended, {} MB more (client and server)", grown >> 20);
    drop(reader);
    site.close().await;
}

/// What this process has in memory.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) << 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_and_rates_have_limits_with_words() {
    let dir = tempfile::tempdir().unwrap();
    let mut small = acme(|terms| terms.files = gangway::config::Rate::per_minute(3)).await;
    small.message_size = 1000;
    let site = Site::open(dir.path(), vec![small]).await;
    let raw = Raw::login(site.address, "acme").await;
    let sftp = raw.sftp().await;
    let file = sftp.open("inbound/a", NEW, FileAttributes::empty()).await.unwrap().handle;
    sftp.write(&file, 0, vec![1; 1000]).await.unwrap();
    let refused = sftp.write(&file, 1000, vec![1]).await.unwrap_err().to_string();
    assert!(refused.contains("at most 1000 bytes"), "{refused}");
    assert!(sftp.write(&file, u64::MAX, vec![1]).await.is_err());
    for name in ["b", "c"] {
        sftp.open(format!("inbound/{name}"), NEW, FileAttributes::empty()).await.unwrap();
    }
    let refused = sftp.open("inbound/d", NEW, FileAttributes::empty()).await.unwrap_err().to_string();
    assert!(refused.contains("more than 3/min files") && refused.contains("come again in"), "{refused}");
    assert_eq!((refusals(&site, "SFT-0204"), refusals(&site, "SFT-0205")), (2, 1));
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_of_a_minute_and_what_is_not_finished_have_limits_with_words() {
    let dir = tempfile::tempdir().unwrap();
    let change = |terms: &mut gangway::partner::SftpTerms| {
        terms.bytes_per_minute = Size::kib(100);
        terms.quota = Size::kib(50);
    };
    let site = Site::open(dir.path(), vec![acme(change).await, partner("bolt", change).await]).await;
    let raw = Raw::login(site.address, "acme").await;
    let sftp = raw.sftp().await;
    let open = async |name: &str| sftp.open(format!("inbound/{name}"), NEW, FileAttributes::empty()).await;
    // Files that are finished do not count as held, however many there are.
    for name in ["a", "b"] {
        write(&sftp, name, &[1; 30_000]).await.unwrap();
    }
    let file = open("c").await.unwrap().handle;
    sftp.write(&file, 0, vec![1; 40_000]).await.unwrap();
    let refused = sftp.write(&file, 40_000, vec![1; 20_000]).await.unwrap_err().to_string();
    assert!(refused.contains("may have 50 KiB and has 40000 bytes"), "{refused}");
    sftp.write(&file, 40_000, vec![1; 10_000]).await.unwrap();
    let refused = open("d").await.unwrap_err().to_string();
    assert!(refused.contains("more than 100 KiB came within a minute: come again in"), "{refused}");
    sftp.close(file).await.unwrap();
    assert_eq!(site.desk.got().iter().map(|(_, _, size)| size).sum::<u64>(), 110_000, "what was under way is whole");
    assert_eq!((refusals(&site, "SFT-0207"), refusals(&site, "SFT-0205")), (1, 1));
    // Another partner has an account of its own.
    let other = Raw::login(site.address, "bolt").await;
    write(&other.sftp().await, "a", &[1; 30_000]).await.unwrap();
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bandwidth_is_a_pace_that_all_sessions_share() {
    let dir = tempfile::tempdir().unwrap();
    let slow = acme(|terms| terms.bandwidth = Some(Size::kib(200))).await;
    let site = Site::open(dir.path(), vec![slow]).await;
    let began = std::time::Instant::now();
    let (one, two) = (Raw::login(site.address, "acme").await, Raw::login(site.address, "acme").await);
    let (one, two) = (one.sftp().await, two.sftp().await);
    let content = vec![1; 200 << 10];
    let (a, b) = tokio::join!(write(&one, "a", &content), write(&two, "b", &content));
    a.and(b).unwrap();
    let content = one.open("inbound/a", OpenFlags::READ, FileAttributes::empty()).await.unwrap().handle;
    for at in (0..200_u64 << 10).step_by(20 << 10) {
        assert_eq!(one.read(&content, at, 20 << 10).await.unwrap().data.len(), 20 << 10);
    }
    // A second's bytes are free, and the other second's take a second: less than that cannot be, however fast this machine is.
    assert!(began.elapsed() >= Duration::from_millis(950), "{:?}", began.elapsed());
    site.close().await;
}

/// Whoever keeps all of its sessions busy takes no more turns of the gateway's than its sessions are; another partner has
/// its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_floods_does_not_take_another_ones_turns() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|_| {}).await, partner("bolt", |_| {}).await]).await;
    let done = Arc::new(AtomicU64::new(0));
    let mut flood = JoinSet::new();
    for session in 0..8 {
        let raw = Raw::login(site.address, "acme").await;
        let sftp = Arc::new(raw.sftp().await);
        let file = sftp.open(format!("inbound/{session}.tmp"), NEW, FileAttributes::empty()).await.unwrap().handle;
        // Eight requests of each session are always under way.
        for n in 0..8_u64 {
            let (sftp, file, done) = (sftp.clone(), file.clone(), done.clone());
            flood.spawn(async move {
                while sftp.write(&file, n * 32_768, vec![7; 32_768]).await.is_ok() {
                    done.fetch_add(1, Relaxed);
                }
            });
        }
        flood.spawn(async move {
            let _open = raw;
            std::future::pending::<()>().await;
        });
    }
    wait_for("the flood", async || (done.load(Relaxed) > 500).then_some(())).await;
    let quiet = Raw::login(site.address, "bolt").await;
    let sftp = quiet.sftp().await;
    // The same requests as the flood's: what a new file or a sync costs says nothing about turns.
    let file = sftp.open("inbound/1.tmp", NEW, FileAttributes::empty()).await.unwrap().handle;
    let before = done.load(Relaxed);
    for n in 0..120_u64 {
        sftp.write(&file, n * 32_768, vec![9; 32_768]).await.unwrap();
    }
    let share = (done.load(Relaxed) - before) as f64 / 8.0 / 120.0;
    println!("for each of bolt's requests, each of acme's eight flooding sessions got {share:.1}");
    assert!(share < 20.0, "{share}");
    flood.abort_all();
    site.close().await;
}

/// Requests that were good once, with anything changed in them: each is answered, or ends its session, and nothing else
/// happens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_with_changed_bytes_are_answered_or_end_their_session() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|terms| terms.sessions = 1000).await]).await;
    let mut chance = Chance::new();
    let number = |n: u64| n.to_be_bytes().to_vec();
    for round in 0..if full() { 2000 } else { 60 } {
        let raw = Raw::login(site.address, "acme").await;
        let mut channel = raw.channel().await;
        let mut bytes = packet(&[1, 0, 0, 0, 3]).to_vec();
        let mut sent = 1;
        for id in 0..40_u32 {
            let path = text(["inbound/a", "inbound/b.tmp", "/", "outbound", "inbound/../x"][chance.below(5) as usize]);
            let handle = text(&chance.below(4).to_string());
            let body = match chance.below(10) {
                0 => [vec![3], path, vec![0, 0, 0, 0x1a, 0, 0, 0, 0]],
                1 => [vec![6], handle, [number(chance.below(99)), text("0123456789")].concat()],
                2 => [vec![5], handle, [number(0), vec![0, 0, 1, 0]].concat()],
                3 => [vec![4], handle, Vec::new()],
                4 => [vec![11], path, Vec::new()],
                5 => [vec![12], handle, Vec::new()],
                6 => [vec![18], path, text("inbound/c")],
                7 => [vec![9], path, vec![0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 1]],
                8 => [vec![200], text("posix-rename@openssh.com"), [path, text("inbound/d")].concat()],
                _ => [vec![13], path, Vec::new()],
            };
            let [kind, first, rest] = body;
            let mut content = [kind, id.to_be_bytes().to_vec(), first, rest].concat();
            if chance.below(8) == 0 {
                let at = chance.below(content.len() as u64) as usize;
                content[at] = chance.below(256) as u8;
            }
            bytes.extend(packet(&content));
            sent += 1;
        }
        if chance.below(4) == 0 {
            let at = chance.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << chance.below(8);
        }
        // The session may have ended over the first of them before the last are sent.
        let _ = channel.data_bytes(bytes).await;
        let _ = channel.eof().await;
        let (mut came, mut closed) = (Vec::new(), false);
        while let Some(message) = channel.wait().await {
            match message {
                ChannelMsg::Data { data } => came.extend_from_slice(&data),
                ChannelMsg::ExitStatus { exit_status } => closed = exit_status == 0,
                _ => {}
            }
        }
        let mut answers = 0;
        let mut rest = &came[..];
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            rest = &after[u32::from_be_bytes(*length) as usize..];
            answers += 1;
        }
        // A length that was changed can make fewer requests of them, and never more answers.
        assert!(answers <= sent && (closed || raw.ends().await), "round {round}: {answers} of {sent}");
    }
    let raw = Raw::login(site.address, "acme").await;
    write(&raw.sftp().await, "after.edi", b"all is well").await.unwrap();
    assert!(site.desk.names().contains(&"after.edi".to_owned()));
    let home = std::fs::read_dir(dir.path().join("data/sftp/partial")).unwrap().count();
    assert_eq!(home, 1, "nothing but the partner's own folder");
    site.close().await;
}
