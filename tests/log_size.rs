//! The ledger's write-ahead log stays small however fast it is written: a checkpoint beside the writer alone would never
//! let it start anew. A few seconds with a small limit; with `GANGWAY_FULL=1` also a minute at full rate.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use gangway::ledger::{
    ClaimKind, Entry, Payload, SharedLedger,
    conformance::{claim, consumer, entry, new_id, start},
    sqlite::{Options, SqliteLedger},
};

use crate::util::full;

/// Arrivals, leases and acknowledgements as fast as they go; the greatest size of the log, and how many arrived.
async fn press(data: &Path, options: &Options, time: Duration) -> (u64, usize) {
    let ledger: SharedLedger = Arc::new(SqliteLedger::open(data, options).unwrap());
    ledger.declare(vec![consumer("erp")]).await.unwrap();
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let (ledger, stop, count) = (ledger.clone(), Arc::clone(&stop), Arc::clone(&count));
        tasks.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let payload = Payload::Inline(vec![7u8; 2048].into());
                let n = count.fetch_add(1, Ordering::Relaxed) as u64;
                let claims = (0..3).map(|k| claim(ClaimKind::Business, n * 3 + k, 1, 0)).collect();
                let id = new_id();
                ledger.commit(Entry { payload, claims, ..entry(id, &[&format!("k{n}")]) }).await.unwrap();
            }
        }));
    }
    let (reader, stopped) = (ledger.clone(), Arc::clone(&stop));
    tasks.push(tokio::spawn(async move {
        while !stopped.load(Ordering::Relaxed) {
            let leased = reader.lease("erp", 100, 60, start()).await.unwrap();
            let tokens = leased.iter().map(|one| one.lease).collect();
            reader.ack("erp", tokens, start()).await.unwrap();
        }
    }));
    let (began, mut greatest) = (Instant::now(), 0);
    while began.elapsed() < time {
        tokio::time::sleep(Duration::from_millis(20)).await;
        greatest = greatest.max(fs::metadata(data.join("ledger.db-wal")).map_or(0, |meta| meta.len()));
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    ledger.close().await.unwrap();
    (greatest, count.load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_starts_anew_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let (greatest, arrivals) =
        press(folder.path(), &Options { log_mb: 2, ..Options::default() }, Duration::from_secs(3)).await;
    let written = fs::metadata(folder.path().join("ledger.db")).unwrap().len();
    println!("{arrivals} arrivals, {written} bytes, the log at most {greatest}");
    assert!(greatest < 16 << 20, "{greatest}");
    if full() {
        let folder = tempfile::tempdir().unwrap();
        let (greatest, arrivals) = press(folder.path(), &Options::default(), Duration::from_secs(60)).await;
        println!("a minute: {arrivals} arrivals, the log at most {greatest} bytes");
        assert!(greatest < 512 << 20, "{greatest}");
    }
}
