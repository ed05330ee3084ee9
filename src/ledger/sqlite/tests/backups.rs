//! Backups taken under load, and data folders made from them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;

use super::open;
use crate::{
    document::MessageId,
    ledger::{
        AckOutcome, Channel, Direction, Entry, Ledger, LedgerError, LogFilter, MessageFilter, NumberSeries, Outgoing,
        OwnFile, Payload, SharedLedger,
        conformance::{after, bare, commit, consumer, entry, message, new_id, start},
        sqlite::{Options, Restored, SqliteLedger, open::Lock, restore},
    },
};

fn payload_of(id: MessageId) -> Bytes {
    let seed = id.to_bytes();
    Bytes::from(seed.iter().copied().cycle().take(1_300_000).collect::<Vec<u8>>())
}

async fn issue(ledger: &SharedLedger, number: u64) -> bool {
    let id = new_id();
    let mut message = message(id, "acme");
    message.direction = Direction::Out;
    let outgoing = Outgoing {
        message,
        payload: Payload::Inline(Bytes::from_static(b"ISA")),
        documents: Vec::new(),
        numbers: vec![(NumberSeries("acme".to_owned()), number)],
        settles: Vec::new(),
        settled_as: "acknowledged",
        watches: Vec::new(),
        channel: Channel::As2,
        due: start(),
        facts: Vec::new(),
    };
    ledger.issue(outgoing).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file, again) =
        (folder.path().join("data"), folder.path().join("backup.gwb"), folder.path().join("again"));
    let ledger = open(&data);
    ledger.declare(vec![consumer("erp")]).await.unwrap();
    let mut before = Vec::new();
    for _ in 0..20 {
        before.push(commit(&ledger, &["a", "b"]).await);
    }
    let large = new_id();
    ledger.commit(Entry { payload: Payload::Inline(payload_of(large)), ..entry(large, &["a"]) }).await.unwrap();
    assert!(issue(&ledger, 1).await);
    let leased = ledger.lease("erp", 5, 60, start()).await.unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let (ledger, stop) = (ledger.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut stored = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let id = new_id();
                    let mut one = entry(id, &["x", "y"]);
                    if n == 0 && stored.len() % 8 == 0 {
                        one.payload = Payload::Inline(payload_of(id));
                    }
                    ledger.commit(one).await.unwrap();
                    stored.push(id);
                }
                stored
            })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    ledger.backup(&file, Vec::new()).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    let mut during = Vec::new();
    for task in tasks {
        during.extend(task.await.unwrap());
    }
    ledger.close().await.unwrap();

    let restored = restore(&file, &again, 1000).unwrap();
    assert_eq!(restored.series, 1);
    let ledger = open(&again);
    let mut known = 0;
    for id in before.iter().chain(&during).chain([&large]) {
        let Some(_) = ledger.message(*id).await.unwrap() else {
            assert!(during.contains(id), "{id} was there before the backup");
            continue;
        };
        known += 1;
        let payload = ledger.payload(*id).await.unwrap().unwrap();
        let bytes = ledger.read_payload(&payload).unwrap();
        assert!(bytes == Bytes::from_static(b"bytes") || bytes == payload_of(*id));
        let documents = ledger.documents(*id, 0, 9).await.unwrap();
        for document in documents {
            assert!(ledger.event(document.event.unwrap()).await.unwrap().is_some());
        }
    }
    assert_eq!(restored.messages, known + 1, "and the one that went out");
    assert!(restored.files >= 1);
    // Leases go with it, numbers jump, and nothing is delivered before a person says so.
    assert!(
        ledger
            .lease("erp", 1000, 60, start())
            .await
            .unwrap()
            .iter()
            .all(|one| leased.iter().all(|had| had.lease.position != one.lease.position))
    );
    assert_eq!(ledger.next_number(&NumberSeries("acme".to_owned())).await.unwrap(), 1002);
    let soon = after(start(), 60);
    assert!(ledger.deliveries_paused().await.unwrap().unwrap().contains("backup.gwb"));
    assert!(ledger.due_deliveries(soon, Vec::new(), 9).await.unwrap().is_empty());
    for _ in 0..2 {
        ledger.resume_deliveries("ann", "checked with acme", soon).await.unwrap();
    }
    assert_eq!(ledger.due_deliveries(soon, Vec::new(), 9).await.unwrap().len(), 1);
    assert_eq!(ledger.deliveries_paused().await.unwrap(), None);
    assert_eq!(ledger.audit_log(9).await.unwrap().len(), 1);
    // It lives on: the search index is made anew, and new work is stored.
    let by = MessageFilter { number: Some("a".to_owned()), ..MessageFilter::default() };
    assert_eq!(ledger.messages(by, None, 99).await.unwrap().len(), 21);
    commit(&ledger, &["z"]).await;
    ledger.close().await.unwrap();
    open(&again).close().await.unwrap();
}

#[tokio::test]
async fn a_restore_takes_only_backups_and_only_into_empty_folders() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("backup"));
    let ledger = open(&data);
    commit(&ledger, &["a"]).await;
    ledger.backup(&file, Vec::new()).await.unwrap();
    ledger.close().await.unwrap();
    let fresh = folder.path().join("fresh");
    let empty = |at: &Path| fs::read_dir(at).map_or(0, Iterator::count) == 0;
    assert!(matches!(restore(&file, &data, 1), Err(LedgerError::Conflict(_))));
    assert!(matches!(restore(&folder.path().join("none"), &fresh, 1), Err(LedgerError::NotFound(_))));
    assert!(matches!(restore(&data.join("ledger.db"), &fresh, 1), Err(LedgerError::Corrupt(_))), "no backup");
    let whole = fs::read(&file).unwrap();
    for (name, bytes) in [("short", &whole[..whole.len() - 9000]), ("text", b"hello"), ("nothing", b"")] {
        let spoiled = folder.path().join(name);
        fs::write(&spoiled, bytes).unwrap();
        assert!(matches!(restore(&spoiled, &fresh, 1), Err(LedgerError::Corrupt(_))), "{name}");
    }
    assert!(empty(&fresh), "nothing was begun");
    assert_eq!(
        restore(&file, &fresh, 1).unwrap(),
        Restored { messages: 1, files: 0, series: 0, own_files: Some(Vec::new()) }
    );
    let ledger = SqliteLedger::open(&fresh, &Options::default()).unwrap();
    assert_eq!(ledger.events(0, LogFilter::default(), 9).await.unwrap().len(), 1);
    ledger.commit(bare(new_id())).await.unwrap();
    assert!(matches!(restore(&file, &fresh, 1), Err(LedgerError::Conflict(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_backup_to_a_file_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (file, draft) = (folder.path().join("backup"), folder.path().join("backup.tmp"));
    let ledger = open(&folder.path().join("data"));
    commit(&ledger, &["a"]).await;
    // The one that runs already is not disturbed, and the other one is told.
    let running = Lock::take(&draft).unwrap().unwrap();
    fs::write(&draft, "half").unwrap();
    let Err(LedgerError::Conflict(text)) = ledger.backup(&file, Vec::new()).await else { panic!("two at a time") };
    assert!(text.contains("another backup to") && text.contains("is being written"), "{text}");
    assert_eq!(fs::read(&draft).unwrap(), b"half");
    drop(running);
    // What a crash left is in nobody's way.
    ledger.backup(&file, Vec::new()).await.unwrap();
    assert!(!draft.exists());
    let Err(LedgerError::Conflict(text)) = ledger.backup(&file, Vec::new()).await else {
        panic!("a backup was written over")
    };
    assert!(text.contains("is there already"), "{text}");
    assert!(!draft.exists());
    let nowhere = ledger.backup(&folder.path().join("none/backup"), Vec::new()).await;
    assert!(matches!(nowhere, Err(LedgerError::Conflict(_))), "{nowhere:?}");
    ledger.close().await.unwrap();
    restore(&file, &folder.path().join("again"), 1).unwrap();
}

/// What happened between the backup and the loss is known outside: in the cursors of those who read the log, in their
/// leases, and in the numbers that partners have seen.
#[tokio::test]
async fn what_was_given_after_the_backup_is_not_given_again() {
    let folder = tempfile::tempdir().unwrap();
    let (file, again) = (folder.path().join("backup.gwb"), folder.path().join("again"));
    let ledger = open(&folder.path().join("data"));
    ledger.declare(vec![consumer("erp")]).await.unwrap();
    commit(&ledger, &["a"]).await;
    ledger.backup(&file, Vec::new()).await.unwrap();
    commit(&ledger, &["b"]).await;
    commit(&ledger, &["c"]).await;
    let (lost, cursor) = (ledger.lease("erp", 9, 60, start()).await.unwrap(), ledger.head().await.unwrap());
    assert_eq!((lost.len(), cursor), (3, 3));
    ledger.close().await.unwrap();

    restore(&file, &again, 1000).unwrap();
    let ledger = open(&again);
    let new = [commit(&ledger, &["d"]).await, commit(&ledger, &["e"]).await];
    let seen = ledger.events(cursor, LogFilter::default(), 9).await.unwrap();
    assert_eq!(seen.iter().map(|event| event.message).collect::<Vec<_>>(), new);
    let leased = ledger.lease("erp", 9, 60, start()).await.unwrap();
    assert_eq!(leased.len(), 3, "what was there before, and what is new");
    let late: Vec<_> = lost.iter().skip(1).map(|one| one.lease).collect();
    assert_eq!(ledger.ack("erp", late, start()).await.unwrap(), [AckOutcome::Stale; 2]);
    let all = leased.iter().map(|one| one.lease).collect();
    assert_eq!(ledger.ack("erp", all, start()).await.unwrap(), [AckOutcome::Acked; 3]);
    assert_eq!(ledger.queue_stats("erp", start()).await.unwrap().depth, 0);

    // Series that the backup does not know may have been begun after it.
    let series = |name: &str| NumberSeries(name.to_owned());
    assert_eq!(ledger.next_number(&series("new")).await.unwrap(), 1001);
    ledger.begin_number(&series("taken over"), 500).await.unwrap();
    assert_eq!(ledger.next_number(&series("taken over")).await.unwrap(), 1500);
    ledger.begin_number(&series("taken over"), 7).await.unwrap();
    assert_eq!(ledger.next_number(&series("taken over")).await.unwrap(), 1500);
    ledger.close().await.unwrap();

    // The same once more, from a backup of what was restored.
    let ledger = open(&again);
    let (next, third) = (folder.path().join("next.gwb"), folder.path().join("third"));
    ledger.backup(&next, Vec::new()).await.unwrap();
    let reached = ledger.head().await.unwrap();
    ledger.close().await.unwrap();
    restore(&next, &third, 10).unwrap();
    let ledger = open(&third);
    assert_eq!(ledger.next_number(&series("new")).await.unwrap(), 1001);
    commit(&ledger, &["f"]).await;
    assert!(ledger.head().await.unwrap() > reached + 1);
    assert_eq!(ledger.events(reached, LogFilter::default(), 9).await.unwrap().len(), 1);
    ledger.close().await.unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn own(name: &str, bytes: &'static [u8]) -> OwnFile {
    OwnFile { name: name.to_owned(), bytes: Bytes::from_static(bytes) }
}

#[tokio::test]
async fn own_files_go_with_a_backup_and_only_their_owner_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let (file, draft, again) =
        (folder.path().join("backup"), folder.path().join("backup.tmp"), folder.path().join("again"));
    let ledger = open(&folder.path().join("data"));
    commit(&ledger, &["a"]).await;
    // What a crash left of an earlier version's backup may be read by everybody.
    fs::write(&draft, "half").unwrap();
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o644)).unwrap();
    let large = own("sftp/known/x.pub", &[7; 300_000]);
    let files = vec![own("as2/ring.json", b"{}"), own("erp.token", b"t0k3n"), large.clone()];
    ledger.backup(&file, files).await.unwrap();
    ledger.close().await.unwrap();
    assert_eq!(mode(&file), 0o600);
    // However the backup came here.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let restored = restore(&file, &again, 1).unwrap();
    let names = ["as2/ring.json", "erp.token", "sftp/known/x.pub"];
    assert_eq!(restored.own_files.unwrap(), names);
    assert_eq!(fs::read(again.join("erp.token")).unwrap(), b"t0k3n");
    assert_eq!(fs::read(again.join("sftp/known/x.pub")).unwrap(), large.bytes);
    for private in names.iter().copied().chain(["ledger.db", "lock"]) {
        assert_eq!(mode(&again.join(private)), 0o600, "{private}");
    }
    for folder in ["", "as2", "sftp", "sftp/known", "payloads"] {
        assert_eq!(mode(&again.join(folder)), 0o700, "{folder}");
    }
    let ledger = open(&again);
    assert_eq!(ledger.events(0, LogFilter::default(), 9).await.unwrap().len(), 1);
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn own_files_that_are_not_as_they_were_put_in_stop_a_restore_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let (file, again) = (folder.path().join("backup"), folder.path().join("again"));
    let ledger = open(&folder.path().join("data"));
    ledger.backup(&file, vec![own("as2/a.key", b"key")]).await.unwrap();
    ledger.close().await.unwrap();
    let whole = fs::read(&file).unwrap();
    for (change, told) in [
        ("UPDATE backup_own_files SET data = x'00'", "not as it was put in"),
        ("UPDATE backup_own_files SET name = '../a.key'", "none of a data folder"),
        ("UPDATE backup_own_files SET name = '/tmp/a.key'", "none of a data folder"),
    ] {
        fs::write(&file, &whole).unwrap();
        rusqlite::Connection::open(&file).unwrap().execute(change, []).unwrap();
        let Err(LedgerError::Corrupt(text)) = restore(&file, &again, 1) else { panic!("{change}") };
        assert!(text.contains(told), "{text}");
        assert!(!again.exists(), "nothing was begun");
    }
    // One of before own files were in them is restored as it was, and says so.
    fs::write(&file, &whole).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute("DROP TABLE backup_own_files", []).unwrap();
    assert_eq!(restore(&file, &again, 1).unwrap().own_files, None);
    open(&again).close().await.unwrap();
}
