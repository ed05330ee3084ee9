//! The door's process dies at any moment: what was answered is there, and nothing is there twice.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use gangway::{
    keys,
    ledger::{Direction, Ledger, MessageFilter, sqlite::SqliteLedger},
};
use russh_sftp::protocol::{FileAttributes, OpenFlags};

use super::{
    raw::Raw,
    site::{Site, acme, noise},
};
use crate::util::{full, wait_for};

const NEW: OpenFlags = OpenFlags::from_bits_truncate(0x02 | 0x08 | 0x10);
const FOLDER: &str = "GANGWAY_SFTP_CHILD";

/// Not a test of its own: the process that the next one kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let site = Site::open(folder, vec![acme(|_| {}).await]).await;
    std::fs::write(folder.join("port.new"), site.address.port().to_string()).unwrap();
    std::fs::rename(folder.join("port.new"), folder.join("port")).unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
}

async fn start(folder: &Path) -> (Child, std::net::SocketAddr) {
    let port = folder.join("port");
    let _ = std::fs::remove_file(&port);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["sftp::killed::child", "--exact", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let port = wait_for("the child", async || std::fs::read_to_string(&port).ok()?.parse::<u16>().ok()).await;
    (child, ([127, 0, 0, 1], port).into())
}

/// Uploads one file, or goes on with it; `false` where the line broke.
async fn upload(address: std::net::SocketAddr, name: &str, content: &[u8], least: &mut u64) -> bool {
    let Some(raw) = Raw::try_login(address, "acme").await else { return false };
    let Some(sftp) = raw.try_sftp().await else { return false };
    let path = format!("inbound/{name}");
    let there = sftp.stat(&path).await.ok().and_then(|stat| stat.attrs.size);
    let whole = content.len() as u64;
    if there == Some(whole) && *least == whole {
        // All of it was answered, but not its end: a client that only compares sizes leaves it at that, ours sends again.
        *least = 0;
    }
    assert!(
        there.unwrap_or(0) >= *least || there == Some(whole),
        "{name}: {there:?} of {least} bytes that were answered"
    );
    let begins = there.filter(|there| *there < whole && *there > 0);
    let flags = if begins.is_some() { OpenFlags::WRITE } else { NEW };
    let Ok(file) = sftp.open(&path, flags, FileAttributes::empty()).await else { return false };
    let mut at = begins.unwrap_or(0);
    *least = at;
    while at < whole {
        let end = (at + 20_000).min(whole);
        if sftp.write(&file.handle, at, content[at as usize..end as usize].to_vec()).await.is_err() {
            return false;
        }
        at = end;
        *least = at;
    }
    sftp.close(file.handle).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_there_once_whenever_the_process_dies() {
    let dir = tempfile::tempdir().unwrap();
    let files = if full() { 200 } else { 40 };
    let mut expected = BTreeMap::new();
    let (mut child, mut address) = start(dir.path()).await;
    let mut kills = 0_u64;
    for n in 0..files {
        let name = format!("f{n}.edi");
        let content = noise(150_000 + n * 1000, n as u64);
        let mut least = 0;
        // Every second file meets its death at another moment of its upload.
        let killer = (n % 2 == 0).then(|| {
            let pid = child.id();
            let after = Duration::from_micros(noise(2, n as u64)[0] as u64 * 400);
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
            })
        });
        loop {
            let tried = upload(address, &name, &content, &mut least);
            if tokio::time::timeout(Duration::from_secs(20), tried).await == Ok(true) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            if child.try_wait().unwrap().is_some() {
                kills += 1;
                (child, address) = start(dir.path()).await;
            }
        }
        if let Some(killer) = killer {
            // It may have come too late for this file; then it meets the next.
            killer.await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            if child.try_wait().unwrap().is_some() {
                (child, address) = start(dir.path()).await;
            }
        }
        expected.insert(name, keys::hex(&keys::sha256(&content)));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let ledger = SqliteLedger::open(&dir.path().join("data"), &Default::default()).unwrap();
    let filter = MessageFilter { direction: Some(Direction::In), ..MessageFilter::default() };
    let all = ledger.messages(filter, None, 10_000).await.unwrap();
    let mut found = BTreeMap::new();
    for message in &all {
        let before = found.insert(message.filename.clone().unwrap(), message.digest.clone());
        assert_eq!(before, None, "{:?} is there twice", message.filename);
    }
    assert!(found == expected, "{} of {} files", found.len(), expected.len());
    println!("{files} uploads, {kills} of them broken off by kill -9: each is there once");
    ledger.close().await.unwrap();
}
