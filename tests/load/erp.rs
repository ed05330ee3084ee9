//! The ERP's consumer: it leases and acknowledges, is away for a while, and now and then dies with leases in its hands.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use gangway::play::ErpClient;
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::books::Books;

/// This often it forgets what it leased.
const FORGETS: Duration = Duration::from_secs(30);
/// … and has it offered again after so long.
const FORGOTTEN: Duration = Duration::from_secs(5);

/// Reads the queue until it is told that all is said.
pub(super) struct Reader {
    enough: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Reader {
    pub(super) fn spawn(erp: ErpClient, books: Arc<Books>, begun: Instant, away: (Duration, Duration)) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&enough);
        let task = tokio::spawn(async move {
            let mut here_since = Timestamp::now();
            let mut was_away = false;
            let mut forgot = begun - FORGETS + Duration::from_secs(1);
            loop {
                if until.load(Relaxed) {
                    return;
                }
                let now = begun.elapsed();
                if !was_away && now >= away.0 {
                    tokio::time::sleep(away.1.saturating_sub(now)).await;
                    (was_away, here_since) = (true, Timestamp::now());
                }
                let forgets = forgot.elapsed() >= FORGETS;
                let lease_secs = if forgets { FORGOTTEN.as_secs() as u32 } else { 60 };
                let leased = erp.lease("erp", 100, 1, lease_secs).await.expect("a lease");
                if forgets {
                    // What it forgot comes again when the lease runs out; that is not what is timed.
                    (here_since, forgot) = (Timestamp::now() + 2 * FORGOTTEN, Instant::now());
                    continue;
                }
                if leased.is_empty() {
                    continue;
                }
                let leases: Vec<_> = leased.iter().map(|one| one.lease.as_str()).collect();
                let outcomes = erp.ack("erp", &leases).await.expect("an acknowledgement");
                assert!(outcomes.iter().all(|one| one.outcome == "acked"), "{outcomes:?}");
                let now = Timestamp::now();
                for one in leased {
                    let time: Timestamp = one.event.time.parse().expect("a time");
                    let age = Duration::try_from(now.duration_since(time)).unwrap_or_default();
                    books.acknowledge(one.event, (time > here_since).then_some(age));
                }
            }
        });
        Self { enough, task }
    }

    /// Lets it see that nothing more comes, and ends it.
    pub(super) async fn finish(self) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.enough.store(true, Relaxed);
        self.task.await.expect("the ERP's consumer");
    }
}
