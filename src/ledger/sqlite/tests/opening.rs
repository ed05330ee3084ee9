//! Data folders: in use, of another format, damaged, with leftovers; and reading beside them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use super::{behind, open};
use crate::ledger::{
    Committed, Entry, Ledger, LedgerError, LogFilter, MessageFilter, Payload,
    conformance::{bare, commit, consumer, entry, new_id, start},
    sqlite::{
        Options, SqliteLedger,
        lanes::Weight,
        writer::{Done, Tx},
    },
};

async fn filled(folder: &Path, messages: usize) {
    let ledger = open(folder);
    for _ in 0..messages {
        commit(&ledger, &["k"]).await;
    }
    ledger.close().await.unwrap();
}

fn refused(folder: &Path) -> LedgerError {
    SqliteLedger::open(folder, &Options::default()).unwrap_err()
}

#[track_caller]
fn assert_damaged(folder: &Path, says: &str) {
    let error = refused(folder);
    assert!(matches!(error, LedgerError::Corrupt(_)), "{error}");
    assert_eq!(error.code().map(|code| code.as_str()), Some("LED-0003"));
    assert!(error.to_string().contains(says), "{error}");
}

#[tokio::test]
async fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("deep/data");
    let ledger = open(&data);
    assert_eq!(refused(&data), LedgerError::InUse(data.display().to_string()));
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    ledger.close().await.unwrap();
    drop(open(&data));
    open(&data).close().await.unwrap();
}

#[tokio::test]
async fn a_newer_format_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1).await;
    behind(folder.path()).pragma_update(None, "user_version", 7).unwrap();
    let before = fs::read(folder.path().join("ledger.db")).unwrap();
    assert!(matches!(refused(folder.path()), LedgerError::Newer { found: 7, .. }));
    assert!(matches!(SqliteLedger::open_read_only(folder.path()), Err(LedgerError::Newer { found: 7, .. })));
    assert!(fs::read(folder.path().join("ledger.db")).unwrap() == before);
}

#[tokio::test]
async fn damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("data/ledger.db"));
    filled(&data, 200).await;
    let whole = fs::read(&file).unwrap();
    let with = |bytes: &[u8]| fs::write(&file, bytes).unwrap();

    with(&whole[..whole.len() / 2]);
    assert_damaged(&data, "cut off");
    with(&whole[..50]);
    assert_damaged(&data, "does not begin like a ledger");
    let mut garbled = whole.clone();
    garbled[..16].copy_from_slice(b"not a database!!");
    with(&garbled);
    assert_damaged(&data, "does not begin like a ledger");
    // In the middle, page by page: each is noticed, wherever it is.
    for page in 1..whole.len() / 4096 {
        let mut garbled = whole.clone();
        garbled[page * 4096..page * 4096 + 64].fill(0xa5);
        with(&garbled);
        let outcome = SqliteLedger::open(&data, &Options::default());
        assert!(matches!(outcome, Err(LedgerError::Corrupt(_))), "page {page}: {outcome:?}");
    }
    fs::remove_file(&file).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE x (y); PRAGMA user_version = 1").unwrap();
    assert_damaged(&data, "no ledger of this program");
    with(&whole);
    open(&data).close().await.unwrap();
}

#[tokio::test]
async fn a_missing_data_file_is_damage_where_payloads_are() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let payload = Payload::Inline(vec![1u8; 2 << 20].into());
    ledger.commit(Entry { payload, ..bare(new_id()) }).await.unwrap();
    ledger.close().await.unwrap();
    fs::remove_file(folder.path().join("ledger.db")).unwrap();
    assert_damaged(folder.path(), "is missing");
}

#[tokio::test]
async fn leftovers_are_swept_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let id = new_id();
    let payload = Payload::Inline(vec![1u8; 2 << 20].into());
    ledger.commit(Entry { payload, ..bare(id) }).await.unwrap();
    ledger.close().await.unwrap();
    let payloads = folder.path().join("payloads");
    let orphans = [payloads.join(new_id().to_string()), payloads.join("rubbish"), payloads.join("incoming/draft")];
    for orphan in &orphans {
        fs::write(orphan, b"half").unwrap();
    }
    let ledger = open(folder.path());
    assert!(orphans.iter().all(|orphan| !orphan.exists()));
    let payload = ledger.payload(id).await.unwrap().unwrap();
    assert_eq!(ledger.read_payload(&payload).unwrap().len(), 2 << 20);
    assert_eq!(ledger.payload_folder(), Some(payloads.join("incoming").as_path()));
}

/// Waits until the search index of a ledger that is open goes as far as message `count`.
async fn indexed(folder: &Path, count: i64) {
    let conn = rusqlite::Connection::open(folder.join("index.db")).unwrap();
    for _ in 0..3000 {
        if conn.query_row("SELECT message FROM mark", [], |row| row.get(0)) == Ok(count) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the index never went as far as {count}");
}

#[tokio::test]
async fn the_index_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    for (folder, count) in [(&folder, 3), (&other, 5)] {
        let ledger = open(folder.path());
        for _ in 0..count {
            commit(&ledger, &["k"]).await;
        }
        indexed(folder.path(), count).await;
        ledger.close().await.unwrap();
    }
    let index = folder.path().join("index.db");
    let by = MessageFilter { number: Some("k".to_owned()), ..MessageFilter::default() };
    let spoil: [&dyn Fn(); 4] = [
        &|| fs::remove_file(&index).unwrap(),
        &|| fs::write(&index, vec![0x5a; 9000]).unwrap(),
        &|| assert!(fs::copy(other.path().join("index.db"), &index).is_ok()),
        &|| rusqlite::Connection::open(&index).unwrap().pragma_update(None, "user_version", 99).unwrap(),
    ];
    for (n, spoil) in spoil.iter().enumerate() {
        spoil();
        let ledger = open(folder.path());
        assert_eq!(ledger.messages(by.clone(), None, 99).await.unwrap().len(), 3, "spoiled in way {n}");
        indexed(folder.path(), 3).await;
        assert_eq!(ledger.messages(by.clone(), None, 99).await.unwrap().len(), 3, "spoiled in way {n}");
        ledger.close().await.unwrap();
    }
}

#[tokio::test]
async fn reading_only() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(SqliteLedger::open_read_only(folder.path()), Err(LedgerError::NotFound(_))));
    let ledger = open(folder.path());
    ledger.declare(vec![consumer("erp")]).await.unwrap();
    let id = commit(&ledger, &["a"]).await;
    // Beside a process that works, and when none does; with the search index and without.
    for n in 0..3 {
        let reader = SqliteLedger::open_read_only(folder.path()).unwrap();
        assert_eq!(reader.message(id).await.unwrap().unwrap().id, id);
        assert_eq!(reader.queue_stats("erp", start()).await.unwrap().depth, 1);
        let by = MessageFilter { number: Some("a".to_owned()), ..MessageFilter::default() };
        assert_eq!(reader.messages(by, None, 9).await.unwrap().len(), 1);
        let write = reader.commit(entry(new_id(), &["b"])).await;
        assert!(matches!(write, Err(LedgerError::Unavailable(text)) if text.contains("read only")));
        reader.close().await.unwrap();
        match n {
            0 => ledger.close().await.unwrap(),
            _ => drop(fs::remove_file(folder.path().join("index.db"))),
        }
    }
    let ledger = open(folder.path());
    assert!(ledger.message(id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_changed_audit_log_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let changes = [
        "UPDATE audit SET who = 'eve' WHERE id = 2",
        "UPDATE audit SET reason = reason || '!' WHERE id = 3",
        "DELETE FROM audit WHERE id = 2",
        "DELETE FROM audit WHERE id = 3",
        "DELETE FROM audit",
        "UPDATE audit SET id = id + 1 WHERE id = 3",
    ];
    for change in changes {
        let data = folder.path().join(change.replace(' ', "_"));
        let ledger = open(&data);
        for n in 0..3 {
            let record = crate::ledger::AuditRecord {
                at: start(),
                who: "ann".to_owned(),
                what: "replay".to_owned(),
                on: format!("{n}"),
                reason: "why".to_owned(),
            };
            ledger.audit(record).await.unwrap();
        }
        assert_eq!(ledger.audit_log(1).await.unwrap().len(), 1);
        behind(&data).execute_batch(change).unwrap();
        assert!(matches!(ledger.audit_log(1).await, Err(LedgerError::Corrupt(_))), "{change}");
    }
}

#[tokio::test]
async fn what_was_handed_in_before_the_end_is_done_and_then_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(SqliteLedger::open(folder.path(), &Options::default()).unwrap());
    // The writer is at work while the others and the word to close come.
    let ((begin, begun), (go, wait)) = (tokio::sync::oneshot::channel(), std::sync::mpsc::channel::<()>());
    let job = move |_: &mut Tx| {
        begin.send(()).unwrap();
        wait.recv().unwrap();
        Ok(Done::Keep(()))
    };
    let first = tokio::spawn({
        let ledger = Arc::clone(&ledger);
        async move { ledger.write(Weight::default(), job).await }
    });
    begun.await.unwrap();
    let commits = futures_util::future::join_all((0..20).map(|_| ledger.commit(entry(new_id(), &["k"]))));
    let all_are_in = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        go.send(()).unwrap();
    };
    let (commits, closed, ()) = tokio::join!(commits, ledger.close(), all_are_in);
    first.await.unwrap().unwrap();
    assert!(commits.into_iter().all(|commit| commit == Ok(Committed::Stored)));
    closed.unwrap();
    let ledger = open(folder.path());
    assert_eq!(ledger.events(0, LogFilter::default(), 99).await.unwrap().len(), 20);
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn what_is_made_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new/data");
    let ledger = open(&data);
    commit(&ledger, &["k"]).await;
    let mode = |name: &str| fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777;
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm", "index.db", "index.db-wal", "lock"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    for name in ["..", "", "payloads", "payloads/incoming"] {
        assert_eq!(mode(name), 0o700, "{name}");
    }
    ledger.close().await.unwrap();
}
