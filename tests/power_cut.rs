//! The ledger alone, ended without a word: by kill -9, and by a power cut. Whatever it had answered is there afterwards.
//!
//! The process that writes is this test binary, started again: it prints a line for every answer it got, and these lines
//! are what is held against the ledger that is left. Needs root and loop devices for the power cut; where it may not
//! mount, it says so and proves nothing.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use gangway::{
    document::{DocumentType, MessageId},
    ledger::{
        AckOutcome, ClaimKind, Committed, Entry, LeaseToken, LogFilter, MessageState, Payload, SharedLedger, Slice,
        conformance::{claim, consumer, document, entry, new_id, start},
        sqlite::{Options, SqliteLedger},
    },
};

use crate::{
    power::stands_still,
    util::{disk::Disk, full, skip},
};

/// Where the process that writes has its data.
const FOLDER: &str = "GANGWAY_LEDGER_WRITER";

/// Not a test of its own: what the other tests start, and then end.
#[test]
fn the_writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger: SharedLedger = Arc::new(SqliteLedger::open(Path::new(&folder), &Options::default()).unwrap());
        ledger.declare(vec![consumer("erp")]).await.unwrap();
        let said = Arc::new(Mutex::new(std::io::stdout()));
        let count = Arc::new(AtomicU64::new(new_id().unix_millis() << 20));
        let mut tasks = vec![tokio::spawn(write_large(ledger.clone(), Arc::clone(&said)))];
        for _ in 0..12 {
            tasks.push(tokio::spawn(write(ledger.clone(), Arc::clone(&count), Arc::clone(&said))));
        }
        tasks.push(tokio::spawn(read(ledger, said)));
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn say(said: &Mutex<std::io::Stdout>, line: &str) {
    let mut out = said.lock().unwrap();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

async fn write(ledger: SharedLedger, count: Arc<AtomicU64>, said: Arc<Mutex<std::io::Stdout>>) {
    loop {
        let (id, n) = (new_id(), count.fetch_add(1, Ordering::Relaxed));
        let payload = Payload::Inline(vec![n as u8; 2048].into());
        let claims = vec![claim(ClaimKind::Transport, n, 1, 0), claim(ClaimKind::Business, n, 1, 0)];
        let key = format!("k{}", n % 50);
        let one = Entry { payload, claims, ..entry(id, &[&key]) };
        assert_eq!(ledger.commit(one).await, Ok(Committed::Stored));
        say(&said, &format!("stored {id} {n} 2048"));
    }
}

/// Messages with a payload in a file, in slices.
async fn write_large(ledger: SharedLedger, said: Arc<Mutex<std::io::Stdout>>) {
    loop {
        let id = new_id();
        let payload = Payload::Inline(vec![9u8; 1_200_000].into());
        let first = Entry { payload, complete: false, ..entry(id, &["large"]) };
        assert_eq!(ledger.commit(first).await, Ok(Committed::Stored));
        say(&said, &format!("begun {id}"));
        let documents = (1..60).map(|p| document(id, p, DocumentType::Invoice, "large")).collect();
        ledger.append(Slice { message: id, claims: Vec::new(), documents }).await.unwrap();
        ledger.finish(id, MessageState::Accepted, Vec::new(), Vec::new()).await.unwrap();
        say(&said, &format!("finished {id}"));
    }
}

/// An ERP that reads along.
async fn read(ledger: SharedLedger, said: Arc<Mutex<std::io::Stdout>>) {
    loop {
        let leased = ledger.lease("erp", 50, 3600, start()).await.unwrap();
        let tokens: Vec<_> = leased.iter().map(|one| one.lease).collect();
        ledger.ack("erp", tokens.clone(), start()).await.unwrap();
        for token in tokens {
            say(&said, &format!("acked {token}"));
        }
        tokio::task::yield_now().await;
    }
}

/// A process that writes, and the lines it printed so far.
struct Writer {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Writer {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "power_cut::the_writer", "--nocapture"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, lines) = (child.stdout.take().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let into = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                into.lock().unwrap().push(line);
            }
        });
        Self { child, lines, reader: Some(reader) }
    }

    /// Waits until it was told so many answers.
    fn wait_for(&mut self, answers: usize) {
        while self.lines.lock().unwrap().len() < answers {
            assert!(self.child.try_wait().unwrap().is_none(), "the writer ended by itself");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// Ends it, and tells all that it was answered until then.
    fn end(mut self) -> Vec<String> {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        std::mem::take(&mut *self.lines.lock().unwrap())
    }
}

/// Holds what is left against what was answered.
fn verify(data: &Path, lines: &[String]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger = SqliteLedger::open(data, &Options::default()).expect("what is left opens without a complaint");
        let ledger: SharedLedger = Arc::new(ledger);
        let log = ledger.events(0, LogFilter::default(), 10_000_000).await.unwrap();
        assert!(log.windows(2).all(|pair| pair[0].position < pair[1].position));
        let events: std::collections::HashSet<_> = log.iter().map(|event| event.id).collect();
        assert_eq!(events.len(), log.len(), "an event stands twice on the log");
        let (mut stored, mut finished, mut acked) = (0, 0, 0);
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["stored", id, n, size] => {
                    let (id, n): (MessageId, u64) = (id.parse().unwrap(), n.parse().unwrap());
                    assert!(ledger.message(id).await.unwrap().is_some(), "{id} was answered and is lost");
                    let payload = ledger.payload(id).await.unwrap().unwrap();
                    let bytes = ledger.read_payload(&payload).unwrap();
                    assert!(bytes.len().to_string() == *size && bytes.iter().all(|byte| *byte == n as u8));
                    assert!(events.contains(&id.event(0, 0)));
                    let claims = vec![claim(ClaimKind::Transport, n, 1, 0), claim(ClaimKind::Business, n, 1, 0)];
                    let holders = ledger.holders(claims).await.unwrap();
                    assert!(holders.len() == 2 && holders.iter().all(|taken| taken.holder.message == id));
                    stored += 1;
                }
                ["begun", id] => {
                    let id: MessageId = id.parse().unwrap();
                    let payload = ledger.payload(id).await.unwrap().expect("begun, and lost");
                    let bytes = ledger.read_payload(&payload).unwrap();
                    assert!(bytes.len() == 1_200_000 && bytes.iter().all(|byte| *byte == 9));
                }
                ["finished", id] => {
                    let id: MessageId = id.parse().unwrap();
                    assert!((0..60).all(|position| events.contains(&id.event(position, 0))), "{id}");
                    finished += 1;
                }
                ["acked", token] => {
                    let token: LeaseToken = token.parse().unwrap();
                    let outcome = ledger.ack("erp", vec![token], start()).await.unwrap();
                    assert_eq!(outcome, [AckOutcome::AlreadyAcked], "{token}");
                    acked += 1;
                }
                _ => {}
            }
        }
        // What has no end yet has no events either, and can be gone on with.
        for open in ledger.unfinished().await.unwrap() {
            assert!(!events.contains(&open.message.id.event(0, 0)));
            ledger.finish(open.message.id, MessageState::Accepted, Vec::new(), Vec::new()).await.unwrap();
        }
        println!("{stored} stored, {finished} finished, {acked} acknowledged: all there");
        assert!(stored > 0);
        ledger.close().await.unwrap();
    });
}

#[test]
fn what_the_ledger_answered_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut lines = Vec::new();
    for round in 1..=if full() { 50 } else { 2 } {
        let mut writer = Writer::start(&data);
        writer.wait_for(150 + 37 * (round % 7));
        writer.signal("KILL");
        lines.extend(writer.end());
        verify(&data, &lines);
        if round % 5 == 0 {
            lines.clear();
        }
    }
}

#[test]
fn what_the_ledger_answered_survives_a_power_cut() {
    const TEST: &str = "what_the_ledger_answered_survives_a_power_cut";
    let folder = tempfile::tempdir().unwrap();
    let (image, left, at) = (folder.path().join("disk"), folder.path().join("left"), folder.path().join("at"));
    for round in 1..=if full() { 20 } else { 2 } {
        let Some(disk) = Disk::create(&image, 768, &at) else {
            skip(TEST, "no loop device can be mounted here (needs root)");
            return;
        };
        let mut writer = Writer::start(&at.join("data"));
        writer.wait_for(200 + 113 * (round % 7));
        writer.signal("STOP");
        while !stands_still(writer.child.id()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        disk.cut(&left);
        let lines = writer.end();
        drop(disk);
        let disk = Disk::mount(&left, &at).expect("what is left can be mounted");
        verify(&at.join("data"), &lines);
        drop(disk);
        std::fs::remove_file(&left).unwrap();
    }
}
