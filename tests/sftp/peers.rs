//! Clients that partners use beside OpenSSH's, each with its default settings: lftp and rclone from Debian, paramiko from
//! PyPI. `tests/run` installs them; one that is not there is said to prove nothing.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use gangway::{keys, ledger::MessageState};

use super::{
    raw::Raw,
    site::{Site, acme, noise, openssh, text},
};
use crate::util::{full, skip, wait_for};

/// A file of ours that is longer than every window and buffer on the way.
const LONG: usize = 64 << 20;
const ODD: &str = "Bestellung für Müller & Söhne.edi";

fn hex(bytes: &[u8]) -> String {
    keys::hex(&keys::sha256(bytes))
}

fn installed(program: &str, test: &str) -> bool {
    let here = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !here {
        skip(test, &format!("{program} is not installed (apt-get install {program})"));
    }
    here
}

/// The Python that has paramiko, where there is one.
fn paramiko(test: &str) -> Option<PathBuf> {
    let own = std::env::var_os("GANGWAY_PARAMIKO").map(PathBuf::from);
    let path = own.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/paramiko/bin/python"));
    if path.is_file() {
        return Some(path);
    }
    skip(test, "paramiko is not installed (tests/run makes target/paramiko)");
    None
}

/// Runs a client to its end, which has to come.
async fn run(site: &Site, mut command: Command) -> Output {
    command.current_dir(&site.folder).env("LC_ALL", "C.UTF-8").env("HOME", &site.folder).env_remove("SSH_AUTH_SOCK");
    command.stdin(Stdio::null());
    let told = format!("{command:?}");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let output = output.unwrap_or_else(|error| panic!("{told}: {error}"));
    assert_ne!(output.status.code(), Some(124), "it hangs: {told}");
    output
}

async fn fine(site: &Site, command: Command) -> String {
    let told = format!("{command:?}");
    let output = run(site, command).await;
    assert!(output.status.success(), "{told}\n{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn timed(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", if full() { "1200" } else { "240" }, program]);
    command
}

fn lftp(site: &Site, script: &str) -> Command {
    lftp_by(timed("lftp"), site, script)
}

fn lftp_by(mut command: Command, site: &Site, script: &str) -> Command {
    let port = site.address.port();
    let ssh = format!(
        "ssh -a -x -F none -i {} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes \
         -o LogLevel=ERROR",
        site.folder.join("user_key").display()
    );
    command.args(["--norc", "-c"]).arg(format!(
        "set cmd:fail-exit yes; set net:max-retries 1; set sftp:connect-program \"{ssh}\"; \
         open -u acme, sftp://127.0.0.1:{port}; {script}"
    ));
    command
}

fn rclone(site: &Site, arguments: &[&str]) -> Command {
    rclone_by(timed("rclone"), site, arguments)
}

fn rclone_by(mut command: Command, site: &Site, arguments: &[&str]) -> Command {
    command.args(arguments);
    command.args(["--config", "none", "--retries", "1", "--sftp-host", "127.0.0.1", "--sftp-user", "acme"]);
    command
        .args(["--sftp-port", &site.address.port().to_string(), "--sftp-key-file"])
        .arg(site.folder.join("user_key"));
    command
}

fn python(site: &Site, python: &Path, step: &str, name: &str) -> Command {
    let mut command = timed(python.to_str().unwrap());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sftp/paramiko_day.py")).arg(step);
    command.arg(site.address.port().to_string()).arg(site.folder.join("user_key")).arg(&site.folder).arg(name);
    command
}

/// A site with the files that every client sends, and one that every client fetches; its name and content come with it.
async fn prepared(folder: &Path) -> (Site, String, Vec<u8>, gangway::document::MessageId) {
    let named = |terms: &mut gangway::partner::SftpTerms| {
        terms.names = "po-{interchange}.x12".parse().unwrap();
        terms.sessions = 32;
        terms.files = gangway::config::Rate::per_minute(5000);
    };
    let site = Site::open(folder, vec![acme(named).await]).await;
    site.write("small.edi", &noise(20_000, 1));
    site.write("large.edi", &noise(4_000_000, 2));
    std::fs::create_dir(folder.join("many")).unwrap();
    for n in 0..1000 {
        site.write(&format!("many/Lieferschein {n:04}.edi"), &noise(1500 + n, n as u64));
    }
    std::fs::create_dir(folder.join("odd")).unwrap();
    site.write(&format!("odd/{ODD}"), &noise(20_000, 1));
    let content = noise(LONG, 3);
    let id = site.offer("acme", content.clone().into(), None).await;
    (site, "po-000000001.x12".to_owned(), content, id)
}

/// The thousand files have arrived, each once and as it was.
fn all_came(site: &Site) {
    let mut got: Vec<_> = site.desk.got().into_iter().filter(|(name, ..)| name.starts_with("Lieferschein")).collect();
    got.sort();
    assert_eq!(got.len(), 1000);
    for (n, (name, digest, size)) in got.into_iter().enumerate() {
        let expected = (format!("Lieferschein {n:04}.edi"), hex(&noise(1500 + n, n as u64)), 1500 + n as u64);
        assert_eq!((name, digest, size), expected);
    }
}

/// Kills a client when some of `inbound/large.edi` has arrived.
async fn die_in_the_middle(site: &Site, mut slow: Command) {
    slow.current_dir(&site.folder).env("HOME", &site.folder).stdin(Stdio::null()).stderr(Stdio::null());
    let mut client = slow.spawn().unwrap();
    wait_for("the first bytes", async || {
        let raw = Raw::login(site.address, "acme").await;
        let there = raw.sftp().await.stat("inbound/large.edi").await.ok()?.attrs.size?;
        (there > 300_000).then_some(())
    })
    .await;
    client.kill().unwrap();
    client.wait().unwrap();
}

fn came(site: &Site, name: &str, content: &[u8]) {
    let expected = (name.to_owned(), hex(content), content.len() as u64);
    let got = site.desk.got();
    assert_eq!(got.iter().filter(|one| **one == expected).count(), 1, "{name}: {got:?}");
    assert_eq!(got.iter().filter(|(other, ..)| other == name).count(), 1, "{name}: {got:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lftp_has_an_ordinary_day() {
    if !installed("lftp", "sftp: lftp") || !openssh("sftp: lftp") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (site, name, content, id) = prepared(dir.path()).await;
    let day = format!(
        "cd /inbound; put \"odd/{ODD}\"; put small.edi -o late.edi.tmp; chmod 600 late.edi.tmp; \
         mv late.edi.tmp late.edi; put small.edi -o gone.part; rm gone.part; cls -1; mirror -R -P 4 many /inbound; \
         cls -1 /inbound; get /outbound/{name} -o fetched; cls -1 /receipts"
    );
    let listed = fine(&site, lftp(&site, &day)).await;
    assert!(listed.contains(ODD) && listed.contains("late.edi") && !listed.contains("gone"), "{listed}");
    assert_eq!(listed.lines().filter(|line| line.starts_with("/inbound/Lieferschein")).count(), 1000);
    came(&site, ODD, &noise(20_000, 1));
    came(&site, "late.edi", &noise(20_000, 1));
    all_came(&site);
    assert!(site.read("fetched") == content);
    assert_eq!(site.state(id).await, MessageState::Delivered);

    // Killed in the middle, it goes on where it was.
    let slow = "set net:limit-total-rate 0:400000; cd inbound; put large.edi";
    die_in_the_middle(&site, lftp_by(Command::new("lftp"), &site, slow)).await;
    assert!(!site.desk.names().contains(&"large.edi".to_owned()), "half a file is nothing");
    fine(&site, lftp(&site, "cd inbound; put -c large.edi")).await;
    came(&site, "large.edi", &noise(4_000_000, 2));
    // Its own way of temporary names: a leading dot, and a rename.
    fine(&site, lftp(&site, "set xfer:use-temp-file yes; set xfer:temp-file-name .in.*; cd inbound; put small.edi"))
        .await;
    came(&site, "small.edi", &noise(20_000, 1));
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rclone_has_an_ordinary_day() {
    if !installed("rclone", "sftp: rclone") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (site, name, content, id) = prepared(dir.path()).await;
    fine(&site, rclone(&site, &["copy", "odd", ":sftp:inbound"])).await;
    came(&site, ODD, &noise(20_000, 1));
    fine(&site, rclone(&site, &["copyto", "small.edi", ":sftp:/inbound/late.edi.tmp"])).await;
    fine(&site, rclone(&site, &["moveto", ":sftp:inbound/late.edi.tmp", ":sftp:inbound/late.edi"])).await;
    came(&site, "late.edi", &noise(20_000, 1));
    fine(&site, rclone(&site, &["copy", "--transfers", "8", "many", ":sftp:inbound"])).await;
    all_came(&site);
    // It finds sizes and times as it left them, and would send nothing again.
    let again = run(&site, rclone(&site, &["copy", "--dry-run", "many", ":sftp:inbound"])).await;
    assert!(again.status.success() && !text(&again.stderr).contains("Skipped"), "{}", text(&again.stderr));
    fine(&site, rclone(&site, &["check", "--download", "--one-way", "odd", ":sftp:inbound"])).await;
    let listed = fine(&site, rclone(&site, &["lsf", "--format", "sp", ":sftp:inbound"])).await;
    assert!(listed.contains(&format!("20000;{ODD}\n")) && listed.lines().count() == 1002, "{listed}");
    fine(&site, rclone(&site, &["copyto", &format!(":sftp:outbound/{name}"), "fetched"])).await;
    assert!(site.read("fetched") == content);
    assert_eq!(site.state(id).await, MessageState::Delivered);

    // It does not go on with files; killed in the middle, it sends them again.
    let slow = ["copyto", "--bwlimit", "400k", "large.edi", ":sftp:inbound/large.edi"];
    die_in_the_middle(&site, rclone_by(Command::new("rclone"), &site, &slow)).await;
    assert!(!site.desk.names().contains(&"large.edi".to_owned()), "half a file is nothing");
    fine(&site, rclone(&site, &["copyto", "large.edi", ":sftp:inbound/large.edi"])).await;
    came(&site, "large.edi", &noise(4_000_000, 2));
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paramiko_has_an_ordinary_day() {
    let Some(own) = paramiko("sftp: paramiko") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (site, name, content, id) = prepared(dir.path()).await;
    fine(&site, python(&site, &own, "day", "")).await;
    let small = noise(20_000, 1);
    for (name, content) in [
        (ODD, &small[..]),
        ("late.edi", &small),
        ("once.edi", &small),
        ("appended.edi", b"first second"),
        ("truncated.edi", b"0123"),
    ] {
        came(&site, name, content);
    }
    assert_eq!(site.desk.got().len(), 5);
    fine(&site, python(&site, &own, "fetch", &name)).await;
    assert!(site.read("fetched") == content && site.read("fetched-plainly") == content);
    assert_eq!(site.state(id).await, MessageState::Delivered);
    fine(&site, python(&site, &own, "cut", "")).await;
    assert!(!site.desk.names().contains(&"large.edi".to_owned()), "half a file is nothing");
    let began: u64 = fine(&site, python(&site, &own, "resume", "")).await.trim().parse().unwrap();
    assert!((1..=1_500_000).contains(&began), "{began}");
    came(&site, "large.edi", &noise(4_000_000, 2));
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paramiko_sends_a_thousand_files_and_looks_while_it_writes() {
    let Some(own) = paramiko("sftp: paramiko, a thousand files") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (site, ..) = prepared(dir.path()).await;
    fine(&site, python(&site, &own, "many", "")).await;
    all_came(&site);
    site.close().await;
    let dir = tempfile::tempdir().unwrap();
    let (site, ..) = prepared(dir.path()).await;
    fine(&site, python(&site, &own, "while_writing", "")).await;
    came(&site, "growing.edi", &[b'x'; 50_000]);
    site.close().await;
}

/// Two gigabytes each way, in no more memory than a small file takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gigabytes_each_way() {
    if !full() {
        return skip("sftp: two gigabytes", "a long one (tests/run --full)");
    }
    if !openssh("sftp: two gigabytes") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut partner = acme(|_| {}).await;
    partner.message_size = 4 << 30;
    let site = Site::open_with(dir.path(), vec![partner], |limits| limits.body = 4 << 30).await;
    let size = 2_u64 << 30;
    // No holes: they would be read from nowhere.
    let piece = noise(64 << 20, 5);
    let path = dir.path().join("huge.edi");
    let mut file = std::fs::File::create(&path).unwrap();
    for _ in 0..size / piece.len() as u64 {
        std::io::Write::write_all(&mut file, &piece).unwrap();
    }
    drop(file);
    let before = resident();
    site.sftp_ok("put huge.edi inbound\n").await;
    let got = site.desk.got();
    assert_eq!((got.len(), got[0].2), (1, size));
    let grown = resident().saturating_sub(before);
    assert!(grown < 200 << 20, "{} MB more", grown >> 20);
    site.sftp_ok("get inbound/huge.edi back.edi\n").await;
    let same = Command::new("cmp").arg(&path).arg(dir.path().join("back.edi")).status().unwrap();
    assert!(same.success());
    println!("2 GB each way: {} MB more", resident().saturating_sub(before) >> 20);
    site.close().await;
}

/// What this process has in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) << 10
}
