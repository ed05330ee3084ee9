//! Full disks, failed disks, and mistakes of our own.

use std::{
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use super::behind;
use crate::ledger::{
    Committed, Entry, Ledger, LedgerError, LogFilter, Payload, SharedLedger,
    conformance::{bare, claim, commit, entry, new_id, start},
    sqlite::{Options, SqliteLedger, fault::Fault, lanes::Weight, writer::Done},
};

/// Commits until there is no room; how many were stored.
async fn fill(ledger: &SharedLedger, size: usize) -> usize {
    for stored in 0.. {
        let id = new_id();
        let claims = vec![claim(crate::ledger::ClaimKind::Transport, 1_000_000 + stored as u64, 1, 0)];
        let payload = Payload::Inline(vec![7u8; size].into());
        match ledger.commit(Entry { payload, claims: claims.clone(), ..entry(id, &["k"]) }).await {
            Ok(outcome) => assert_eq!(outcome, Committed::Stored),
            Err(LedgerError::Full(_)) => {
                assert!(ledger.message(id).await.unwrap().is_none(), "nothing of it is there");
                assert!(ledger.holders(claims).await.unwrap().is_empty());
                return stored;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(stored < 100_000, "it never became full");
    }
    0
}

async fn events(ledger: &SharedLedger) -> usize {
    ledger.events(0, LogFilter::default(), 1_000_000).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_ledger_says_so_and_goes_on_reading() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { max_pages: Some(400), ..Options::default() };
    let ledger: SharedLedger = Arc::new(SqliteLedger::open(folder.path(), &options).unwrap());
    let stored = fill(&ledger, 20_000).await;
    assert!(stored > 10 && events(&ledger).await == stored);
    let no_room = ledger.no_room();
    assert!(no_room.borrow().as_ref().is_some_and(|why| why.contains("no room left")));
    // What is small finds room in what is there, and says nothing of what is not.
    ledger.resume_deliveries("ann", "nothing is paused", start()).await.unwrap();
    assert!(no_room.borrow().is_some());
    // What came in one group with it is told the same, each of them.
    let many: Vec<_> = (0..8)
        .map(|_| {
            let ledger = ledger.clone();
            let payload = Payload::Inline(vec![7u8; 100_000].into());
            tokio::spawn(async move { ledger.commit(Entry { payload, ..entry(new_id(), &["k"]) }).await })
        })
        .collect();
    for one in many {
        assert!(matches!(one.await.unwrap(), Err(LedgerError::Full(_))));
    }
    assert_eq!(events(&ledger).await, stored);
    ledger.close().await.unwrap();
    let ledger = super::open(folder.path());
    commit(&ledger, &["k"]).await;
    assert_eq!(events(&ledger).await, stored + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_says_so_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
        .arg(folder.path())
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        println!("SKIPPED a_full_disk_says_so_until_there_is_room: no small disk can be mounted here (needs root)");
        return;
    }
    let outcome = tokio::spawn(full_and_not_full(folder.path().to_owned())).await;
    let _ = Command::new("umount").arg("--lazy").arg(folder.path()).output();
    outcome.unwrap();
}

async fn full_and_not_full(disk: std::path::PathBuf) {
    let data = disk.join("data");
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![0u8; 8 << 20]).unwrap();
    let fatal = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&fatal);
    let options = Options { fail_stop: Arc::new(move |_| flag.store(true, Ordering::Relaxed)), ..Options::default() };
    let ledger: SharedLedger = Arc::new(SqliteLedger::open(&data, &options).unwrap());
    let stored = fill(&ledger, 50_000).await;
    assert!(stored > 10);
    // A large payload finds no room either, and leaves no file.
    let large = Payload::Inline(vec![1u8; 6 << 20].into());
    let refused = ledger.commit(Entry { payload: large.clone(), ..bare(new_id()) }).await;
    assert!(matches!(refused, Err(LedgerError::Full(_))), "{refused:?}");
    let left: Vec<_> = fs::read_dir(data.join("payloads")).unwrap().map(|name| name.unwrap().file_name()).collect();
    assert_eq!(left, ["incoming"]);
    assert_eq!(events(&ledger).await, stored);
    let mut no_room = ledger.no_room();
    assert!(no_room.borrow_and_update().is_some());
    fs::remove_file(&ballast).unwrap();
    // It finds out by itself: whoever is not ready is given nothing to write.
    no_room.changed().await.unwrap();
    assert_eq!(*no_room.borrow_and_update(), None);
    commit(&ledger, &["k"]).await;
    assert_eq!(events(&ledger).await, stored + 1);
    assert!(!fatal.load(Ordering::Relaxed), "a full disk is no reason to stop");
    ledger.close().await.unwrap();
    let ledger = super::open(&data);
    assert_eq!(events(&ledger).await, stored + 1);
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn a_failed_disk_stops_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let fail_stop = Arc::new(move |text: &str| {
        assert!(text.contains("disk I/O error"), "{text}");
        count.fetch_add(1, Ordering::Relaxed);
    });
    let ledger = SqliteLedger::open(folder.path(), &Options { fail_stop, ..Options::default() }).unwrap();
    let failed = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
    let outcome = ledger
        .write::<()>(Weight::default(), move |_| {
            Err(Fault::Engine(rusqlite::Error::SqliteFailure(failed, Some("disk I/O error".to_owned()))))
        })
        .await;
    assert!(matches!(outcome, Err(LedgerError::Unavailable(_))));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    // Where the hook lets it live, it takes nothing more.
    assert!(matches!(ledger.commit(bare(new_id())).await, Err(LedgerError::Unavailable(_))));
}

#[tokio::test]
async fn a_mistake_of_ours_costs_one_entry() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(folder.path(), &Options::default()).unwrap();
    let outcome = ledger
        .write::<()>(Weight::default(), |tx| {
            tx.conn.execute("INSERT INTO numbers VALUES ('half', 1)", [])?;
            panic!("a mistake");
        })
        .await;
    assert!(matches!(outcome, Err(LedgerError::Unavailable(_))));
    let outcome = ledger.write::<()>(Weight::default(), |tx| {
        tx.conn.execute("INSERT INTO nothing VALUES (1)", [])?;
        Ok(Done::Keep(()))
    });
    assert!(outcome.await.is_err());
    let panicked = ledger.read::<()>(|_| panic!("another")).await;
    assert!(matches!(panicked, Err(LedgerError::Unavailable(_))));
    for _ in 0..8 {
        assert_eq!(ledger.commit(bare(new_id())).await, Ok(Committed::Stored));
        assert_eq!(ledger.next_number(&crate::ledger::NumberSeries("half".to_owned())).await, Ok(1));
    }
    let halves: i64 = behind(folder.path()).query_row("SELECT count(*) FROM numbers", [], |row| row.get(0)).unwrap();
    assert_eq!(halves, 0);
}
