//! What no decent client does.

use std::{io::Read, time::Duration};

use bytes::Bytes;
use russh::ChannelMsg;
use russh_sftp::protocol::{FileAttributes, OpenFlags};

use super::{
    raw::{Raw, packet, request},
    site::{Site, acme},
};
use crate::util::wait_for;

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
    assert!(refused.contains("3/min") && refused.contains("come again"), "{refused}");
    site.close().await;
}
