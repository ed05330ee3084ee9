//! Many at once: everything committed once, in one order, and nobody sees a gap.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Venue, bare, claim, commit, consumer, entry, new_id, start};
use crate::ledger::{AckOutcome, ClaimKind, Committed, Entry, LedgerError, LogFilter, MessageFilter, MessageState};

pub async fn all_committed_once(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let mut ids = Vec::new();
                for _ in 0..25 {
                    ids.push(commit(&ledger, &["a", "b"]).await);
                }
                ids
            })
        })
        .collect();
    let mut acknowledged = Vec::new();
    for task in tasks {
        acknowledged.extend(task.await.unwrap());
    }
    ledger.close().await.unwrap();
    let ledger = venue.open().await;
    let log = ledger.events(0, LogFilter::default(), 10_000).await.unwrap();
    assert_eq!(log.len(), 800);
    assert!(log.windows(2).all(|pair| pair[0].position < pair[1].position));
    let events: HashSet<_> = log.iter().map(|event| event.id).collect();
    assert!(acknowledged.iter().all(|id| events.contains(&id.event(0, 0)) && events.contains(&id.event(1, 0))));
    assert_eq!(events.len(), 800);
    let stored = ledger.messages(MessageFilter::default(), None, 10_000).await.unwrap();
    assert_eq!(stored.len(), 400);
}

pub async fn a_claim_has_one_winner(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let tasks: Vec<_> = (0..64u64)
        .map(|n| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let id = new_id();
                let claims = vec![claim(ClaimKind::Transport, n / 4, 1, 0), claim(ClaimKind::Business, n, 1, 0)];
                (n, id, ledger.commit(Entry { claims, ..entry(id, &["k"]) }).await.unwrap())
            })
        })
        .collect();
    let (mut winners, mut losers) = (HashMap::new(), Vec::new());
    for task in tasks {
        match task.await.unwrap() {
            (n, id, Committed::Stored) => assert!(winners.insert(n / 4, id).is_none(), "two winners"),
            (n, _, Committed::Taken(taken)) => losers.push((n, taken)),
        }
    }
    assert_eq!((winners.len(), losers.len()), (16, 48));
    for (n, taken) in losers {
        assert_eq!((taken.len(), taken[0].holder.message), (1, winners[&(n / 4)]));
    }
}

pub async fn positions_without_gaps(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (ledger, done) = (ledger.clone(), done.clone());
        tokio::spawn(async move {
            // Whoever follows the log by the last position that it saw misses nothing.
            let (mut seen, mut after) = (Vec::new(), 0);
            loop {
                let last_round = done.load(Ordering::Acquire);
                let page = ledger.events(after, LogFilter::default(), 50).await.unwrap();
                if let Some(last) = page.last() {
                    after = last.position;
                    seen.extend(page.into_iter().map(|event| event.id));
                } else if last_round {
                    return seen;
                }
            }
        })
    };
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                for round in 0..20 {
                    let id = new_id();
                    let complete = (task + round) % 3 != 0;
                    ledger.commit(Entry { complete, ..entry(id, &["a", "b", "c"]) }).await.unwrap();
                    if !complete {
                        tokio::task::yield_now().await;
                        ledger.finish(id, MessageState::Accepted, Vec::new(), Vec::new()).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    done.store(true, Ordering::Release);
    let seen = reader.await.unwrap();
    assert_eq!(seen.len(), 480);
    assert_eq!(seen.into_iter().collect::<HashSet<_>>().len(), 480);
}

pub async fn workers_share_a_queue(venue: &dyn Venue) {
    let ledger = venue.open().await;
    ledger.declare(vec![consumer("erp")]).await.unwrap();
    let total = 300usize;
    let handled = Arc::new(Mutex::new(Vec::new()));
    let workers: Vec<_> = (0..6)
        .map(|_| {
            let (ledger, handled) = (ledger.clone(), handled.clone());
            tokio::spawn(async move {
                loop {
                    let leased = ledger.lease("erp", 7, 60, start()).await.unwrap();
                    if leased.is_empty() {
                        if handled.lock().unwrap().len() == total {
                            return;
                        }
                        tokio::task::yield_now().await;
                    }
                    for one in leased {
                        // Noted before it is acknowledged: in the order in which an ERP would book them.
                        handled.lock().unwrap().push((one.event.key.clone(), one.event.position));
                        let outcome = ledger.ack("erp", vec![one.lease], start()).await.unwrap();
                        assert_eq!(outcome, [AckOutcome::Acked]);
                    }
                }
            })
        })
        .collect();
    for n in 0..total / 3 {
        let keys = [format!("k{}", n % 5), format!("k{}", n % 7), "hot".to_owned()];
        commit(&ledger, &keys.each_ref().map(String::as_str)).await;
    }
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(ledger.queue_stats("erp", start()).await.unwrap().depth, 0);
    let handled = handled.lock().unwrap();
    let positions: HashSet<u64> = handled.iter().map(|(_, position)| *position).collect();
    assert_eq!((handled.len(), positions.len()), (total, total), "each once");
    let mut last: HashMap<&str, u64> = HashMap::new();
    for (key, position) in handled.iter() {
        assert!(last.insert(key, *position).is_none_or(|before| before < *position), "{key} out of order");
    }
}

pub async fn closing_ends_everything(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let id = commit(&ledger, &["a"]).await;
    ledger.close().await.unwrap();
    ledger.close().await.unwrap();
    let closed = |outcome: Option<LedgerError>| assert!(matches!(outcome, Some(LedgerError::Unavailable(_))));
    closed(ledger.commit(bare(new_id())).await.err());
    closed(ledger.message(id).await.err());
    closed(ledger.declare(vec![consumer("erp")]).await.err());
    assert!(venue.open().await.message(id).await.unwrap().is_some());
}

pub async fn a_backup_refuses_to_overwrite(venue: &dyn Venue) {
    let ledger = venue.open().await;
    commit(&ledger, &["a"]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    ledger.backup(&file, Vec::new()).await.unwrap();
    let size = std::fs::metadata(&file).unwrap().len();
    assert!(size > 0);
    commit(&ledger, &["b"]).await;
    assert!(matches!(ledger.backup(&file, Vec::new()).await, Err(LedgerError::Conflict(_))));
    assert_eq!(std::fs::metadata(&file).unwrap().len(), size);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left there");
}
