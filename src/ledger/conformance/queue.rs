//! Leases: order per key, fencing, parking, and what one consumer sees of another (CONTRACT, "Queue semantics").

use super::{Venue, after, bare, commit, consumer, document, entry, keys, messages, new_id, start, tokens};
use crate::{
    document::{DocumentType, Mode},
    ledger::{AckOutcome, Committed, Consumer, Entry, LeaseToken, LedgerError, SharedLedger, StartAt},
};

async fn with_consumer(venue: &dyn Venue) -> SharedLedger {
    let ledger = venue.open().await;
    ledger.declare(vec![consumer("erp")]).await.unwrap();
    ledger
}

pub async fn in_order_per_key(venue: &dyn Venue) {
    let ledger = with_consumer(venue).await;
    for key in ["a", "b", "a", "c", "a"] {
        commit(&ledger, &[key]).await;
    }
    let now = start();
    let first = ledger.lease("erp", 1, 60, now).await.unwrap();
    assert_eq!(keys(&first), ["a"]);
    // The second and third of key a wait behind the first; b and c do not.
    let others = ledger.lease("erp", 99, 60, now).await.unwrap();
    assert_eq!(keys(&others), ["b", "c"]);
    assert!(ledger.lease("erp", 99, 60, now).await.unwrap().is_empty());
    assert_eq!(ledger.ack("erp", tokens(&first), now).await.unwrap(), [AckOutcome::Acked]);
    let second = ledger.lease("erp", 1, 60, now).await.unwrap();
    assert_eq!(keys(&second), ["a"]);
    assert!(second[0].event.position > others[0].event.position);
    assert!(ledger.lease("erp", 99, 60, now).await.unwrap().is_empty());
    ledger.ack("erp", tokens(&second), now).await.unwrap();
    let third = ledger.lease("erp", 99, 60, now).await.unwrap();
    assert_eq!((keys(&third), third[0].attempt), (vec!["a"], 1));
    ledger.ack("erp", [tokens(&third), tokens(&others)].concat(), now).await.unwrap();
    assert_eq!(ledger.queue_stats("erp", now).await.unwrap().depth, 0);
}

pub async fn one_answer_holds_one_of_a_key(venue: &dyn Venue) {
    let ledger = with_consumer(venue).await;
    let ids: Vec<_> = [commit(&ledger, &["a"]).await, commit(&ledger, &["a"]).await].to_vec();
    let now = start();
    let leased = ledger.lease("erp", 99, 60, now).await.unwrap();
    assert_eq!(messages(&leased), ids[..1]);
    assert!(ledger.lease("erp", 99, 60, now).await.unwrap().is_empty());
    // However long it takes, the later one is not offered before the earlier one is done with.
    ledger.extend("erp", tokens(&leased[..1]), 600, now).await.unwrap();
    assert!(ledger.lease("erp", 99, 60, after(now, 120)).await.unwrap().is_empty());
    ledger.ack("erp", tokens(&leased[..1]), now).await.unwrap();
    let second = ledger.lease("erp", 99, 60, after(now, 121)).await.unwrap();
    assert_eq!(messages(&second), ids[1..]);
}

pub async fn out_of_order_acknowledgement(venue: &dyn Venue) {
    let ledger = with_consumer(venue).await;
    let ids = [commit(&ledger, &["a"]).await, commit(&ledger, &["a"]).await, commit(&ledger, &["a"]).await];
    let now = start();
    let leased = ledger.lease("erp", 2, 60, now).await.unwrap();
    if leased.len() == 2 {
        ledger.ack("erp", tokens(&leased[1..]), now).await.unwrap();
    }
    assert!(ledger.lease("erp", 99, 60, now).await.unwrap().is_empty(), "the first is not acknowledged");
    let again = ledger.lease("erp", 1, 60, after(now, 61)).await.unwrap();
    assert_eq!(messages(&again), ids[..1]);
}

pub async fn leases_run_out(venue: &dyn Venue) {
    let ledger = with_consumer(venue).await;
    let id = commit(&ledger, &["a"]).await;
    let now = start();
    let first = ledger.lease("erp", 9, 60, now).await.unwrap();
    assert_eq!((messages(&first), first[0].attempt), (vec![id], 1));
    assert!(ledger.lease("erp", 9, 60, after(now, 59)).await.unwrap().is_empty());
    commit(&ledger, &["b"]).await;
    let second = ledger.lease("erp", 9, 60, after(now, 60)).await.unwrap();
    assert_eq!(keys(&second), ["a", "b"], "what ran out comes first");
    assert_eq!((second[0].attempt, second[1].attempt), (2, 1));
    assert!(second[0].lease.fence > first[0].lease.fence);
    assert_eq!(second[0].lease.position, first[0].lease.position);
}

pub async fn stale_leases(venue: &dyn Venue) {
    let ledger = with_consumer(venue).await;
    commit(&ledger, &["a"]).await;
    let now = start();
    let first = ledger.lease("erp", 9, 60, now).await.unwrap();
    let second = ledger.lease("erp", 9, 60, after(now, 61)).await.unwrap();
    let stale = first[0].lease;
    assert_eq!(ledger.ack("erp", vec![stale], now).await.unwrap(), [AckOutcome::Stale]);
    assert_eq!(ledger.extend("erp", vec![stale], 60, now).await.unwrap(), [AckOutcome::Stale]);
    assert_eq!(ledger.nack("erp", stale, "no", 0, now).await.unwrap(), AckOutcome::Stale);
    assert_eq!(ledger.queue_stats("erp", after(now, 61)).await.unwrap().leased, 1, "nothing changed");
    assert_eq!(ledger.ack("erp", tokens(&second), now).await.unwrap(), [AckOutcome::Acked]);
    assert_eq!(ledger.ack("erp", vec![stale], now).await.unwrap(), [AckOutcome::Stale]);
    assert_eq!(ledger.ack("erp", tokens(&second), now).await.unwrap(), [AckOutcome::AlreadyAcked]);
    // Nothing that was never given out is a lease.
    let forged = [(0, 1), (99, 1), (u64::MAX, u64::MAX), (stale.position, 77)];
    let forged = forged.map(|(position, fence)| LeaseToken { position, fence }).to_vec();
    assert_eq!(ledger.ack("erp", forged, now).await.unwrap(), [AckOutcome::Stale; 4]);
}

pub async fn an_acknowledgement_twice(venue: &dyn Venue) {
    let ledger = with_consumer(venue).await;
    for key in ["a", "b", "c"] {
        commit(&ledger, &[key]).await;
    }
    let now = start();
    let leased = ledger.lease("erp", 9, 60, now).await.unwrap();
    assert_eq!(ledger.ack("erp", tokens(&leased), now).await.unwrap(), [AckOutcome::Acked; 3]);
    assert_eq!(ledger.ack("erp", tokens(&leased), now).await.unwrap(), [AckOutcome::AlreadyAcked; 3]);
    ledger.close().await.unwrap();
    let ledger = venue.open().await;
    assert_eq!(ledger.ack("erp", tokens(&leased), now).await.unwrap(), [AckOutcome::AlreadyAcked; 3]);
    assert!(ledger.lease("erp", 9, 60, after(now, 999)).await.unwrap().is_empty());
}

pub async fn giving_back(venue: &dyn Venue) {
    let ledger = with_consumer(venue).await;
    let ids = [commit(&ledger, &["a"]).await, commit(&ledger, &["a"]).await];
    let now = start();
    let first = ledger.lease("erp", 1, 60, now).await.unwrap();
    assert_eq!(ledger.nack("erp", first[0].lease, "not now", 30, now).await.unwrap(), AckOutcome::Acked);
    assert_eq!(ledger.ack("erp", tokens(&first), now).await.unwrap(), [AckOutcome::Stale], "it was given back");
    assert!(ledger.lease("erp", 9, 60, after(now, 29)).await.unwrap().is_empty(), "its key waits for it");
    let second = ledger.lease("erp", 1, 60, after(now, 30)).await.unwrap();
    assert_eq!((messages(&second), second[0].attempt), (vec![ids[0]], 2));
    // At once.
    ledger.nack("erp", second[0].lease, "now", 0, after(now, 31)).await.unwrap();
    let third = ledger.lease("erp", 1, 60, after(now, 31)).await.unwrap();
    assert_eq!((messages(&third), third[0].attempt), (vec![ids[0]], 3));
}

/// Uses up an event's attempts.
async fn use_up(ledger: &SharedLedger, key: &str, mut now: jiff::Timestamp) -> (LeaseToken, jiff::Timestamp) {
    loop {
        let leased = ledger.lease("erp", 1, 60, now).await.unwrap();
        assert_eq!(keys(&leased), [key]);
        let (token, attempt) = (leased[0].lease, leased[0].attempt);
        now = after(now, 1);
        assert_eq!(ledger.nack("erp", token, "cannot", 0, now).await.unwrap(), AckOutcome::Acked);
        if attempt == 3 {
            return (token, now);
        }
    }
}

pub async fn parked_keys_wait(venue: &dyn Venue) {
    let ledger = with_consumer(venue).await;
    let ids = [commit(&ledger, &["a"]).await, commit(&ledger, &["a"]).await];
    let (last, now) = use_up(&ledger, "a", start()).await;
    assert!(ledger.lease("erp", 9, 60, after(now, 9999)).await.unwrap().is_empty(), "its key waits");
    let parked = ledger.parked("erp").await.unwrap();
    assert_eq!((parked.len(), parked[0].id.message, parked[0].attempts), (1, ids[0], 3));
    assert_eq!((parked[0].reason.as_str(), parked[0].key.as_str(), parked[0].waiting), ("cannot", "a", 1));
    assert_eq!(ledger.ack("erp", vec![last], now).await.unwrap(), [AckOutcome::Stale]);
    // Released, its attempts count anew, and its fence goes on.
    ledger.release("erp", last.position, "ann", "mended", now).await.unwrap();
    let again = ledger.lease("erp", 1, 60, now).await.unwrap();
    assert_eq!((messages(&again), again[0].attempt), (vec![ids[0]], 1));
    assert!(again[0].lease.fence > last.fence);
    // Leases that run out park as well, once the event would be handed out too often.
    let mut now = now;
    for _ in 0..2 {
        now = after(now, 61);
        assert_eq!(ledger.lease("erp", 1, 60, now).await.unwrap().len(), 1);
    }
    now = after(now, 61);
    assert!(ledger.lease("erp", 9, 60, now).await.unwrap().is_empty());
    assert_eq!(ledger.parked("erp").await.unwrap()[0].attempts, 3);
    // Skipped, its key goes on.
    ledger.skip("erp", last.position, "ann", "wrong order", now).await.unwrap();
    assert_eq!(messages(&ledger.lease("erp", 9, 60, now).await.unwrap()), ids[1..]);
    assert_eq!(ledger.ack("erp", tokens(&again), now).await.unwrap(), [AckOutcome::Stale]);
    assert!(ledger.parked("erp").await.unwrap().is_empty());
}

pub async fn given_up_and_on(venue: &dyn Venue) {
    let ledger = venue.open().await;
    ledger.declare(vec![Consumer { dead_and_continue: vec!["invoice".to_owned()], ..consumer("erp") }]).await.unwrap();
    let ids = [commit(&ledger, &["a"]).await, commit(&ledger, &["a"]).await];
    let (last, now) = use_up(&ledger, "a", start()).await;
    assert!(ledger.parked("erp").await.unwrap().is_empty());
    assert_eq!(messages(&ledger.lease("erp", 9, 60, now).await.unwrap()), ids[1..]);
    assert_eq!(ledger.ack("erp", vec![last], now).await.unwrap(), [AckOutcome::Stale]);
    assert_eq!(ledger.queue_stats("erp", now).await.unwrap().depth, 1);
    // Also where leases run out.
    let mut now = now;
    for _ in 0..2 {
        now = after(now, 61);
        assert_eq!(ledger.lease("erp", 9, 60, now).await.unwrap().len(), 1);
    }
    assert!(ledger.lease("erp", 9, 60, after(now, 61)).await.unwrap().is_empty());
    assert_eq!(ledger.queue_stats("erp", now).await.unwrap().depth, 0);
}

pub async fn put_back(venue: &dyn Venue) {
    let ledger = venue.open().await;
    ledger.declare(vec![Consumer { dead_and_continue: vec!["invoice".to_owned()], ..consumer("erp") }]).await.unwrap();
    let ids = [commit(&ledger, &["a"]).await, commit(&ledger, &["a"]).await, commit(&ledger, &["b"]).await];
    let (last, now) = use_up(&ledger, "a", start()).await;
    let given_up = ledger.given_up("erp", 0, 9).await.unwrap();
    assert_eq!((given_up.len(), given_up[0].id.message, given_up[0].attempts), (1, ids[0], 3));
    assert_eq!((given_up[0].reason.as_str(), given_up[0].key.as_str()), ("cannot", "a"));
    assert_eq!(given_up[0].position, last.position);
    assert!(ledger.given_up("erp", last.position, 9).await.unwrap().is_empty());
    // While a later one of its key is handed out, it waits; then it is the next.
    let later = ledger.lease("erp", 1, 60, now).await.unwrap();
    assert_eq!(messages(&later), ids[1..2]);
    ledger.put_back("erp", last.position, "ann", "mended", now).await.unwrap();
    assert!(ledger.given_up("erp", 0, 9).await.unwrap().is_empty());
    assert_eq!(messages(&ledger.lease("erp", 9, 60, now).await.unwrap()), ids[2..]);
    assert_eq!(ledger.ack("erp", tokens(&later), now).await.unwrap(), [AckOutcome::Acked]);
    let again = ledger.lease("erp", 9, 60, now).await.unwrap();
    assert_eq!((messages(&again), again[0].attempt), (vec![ids[0]], 1));
    // Old leases stay stale, and its attempts count anew.
    assert_eq!(ledger.ack("erp", vec![last], now).await.unwrap(), [AckOutcome::Stale]);
    let (again, now) = {
        assert_eq!(ledger.nack("erp", again[0].lease, "still not", 0, now).await.unwrap(), AckOutcome::Acked);
        use_up_rest(&ledger, now).await
    };
    assert_eq!(ledger.given_up("erp", 0, 9).await.unwrap()[0].attempts, 3);
    ledger.put_back("erp", last.position, "ann", "mended", now).await.unwrap();
    let at_last = ledger.lease("erp", 1, 60, now).await.unwrap();
    assert!(at_last[0].lease.fence > again.fence, "a fence never comes twice");
    assert_eq!(ledger.ack("erp", tokens(&at_last), now).await.unwrap(), [AckOutcome::Acked]);
    assert_eq!(ledger.ack("erp", tokens(&at_last), now).await.unwrap(), [AckOutcome::AlreadyAcked]);
    // What was not given up cannot be put back.
    let refused = ledger.put_back("erp", last.position, "ann", "again", now).await;
    assert!(matches!(refused, Err(LedgerError::NotFound(_))), "{refused:?}");
    let audit = ledger.audit_log(9).await.unwrap();
    let said = audit.iter().map(|one| (one.who.as_str(), one.what.as_str(), one.reason.as_str()));
    assert_eq!(said.collect::<Vec<_>>(), [("ann", "queue.put_back", "mended"); 2]);
    assert_eq!(audit[0].on, format!("erp/{}", last.position));
}

/// Gives the only event that is free back until it is offered no more.
async fn use_up_rest(ledger: &SharedLedger, mut now: jiff::Timestamp) -> (LeaseToken, jiff::Timestamp) {
    let mut last = None;
    loop {
        now = after(now, 1);
        let leased = ledger.lease("erp", 1, 60, now).await.unwrap();
        let Some(one) = leased.first() else { return (last.unwrap(), now) };
        last = Some(one.lease);
        assert_eq!(ledger.nack("erp", one.lease, "still not", 0, now).await.unwrap(), AckOutcome::Acked);
    }
}

pub async fn a_blocked_key_blocks_no_other(venue: &dyn Venue) {
    let ledger = with_consumer(venue).await;
    commit(&ledger, &["blocked"]).await;
    let (_, now) = use_up(&ledger, "blocked", start()).await;
    for _ in 0..20 {
        commit(&ledger, &["blocked"; 250]).await;
    }
    let free = commit(&ledger, &["free"]).await;
    let leased = ledger.lease("erp", 10, 60, now).await.unwrap();
    assert_eq!(messages(&leased), [free], "5,000 events wait before it");
    ledger.ack("erp", tokens(&leased), now).await.unwrap();
    let free = commit(&ledger, &["free"]).await;
    assert_eq!(messages(&ledger.lease("erp", 10, 60, now).await.unwrap()), [free]);
    let parked = ledger.parked("erp").await.unwrap();
    assert_eq!((parked.len(), parked[0].waiting), (1, 5000));
    // Once it goes on, all of it comes, in order.
    ledger.skip("erp", parked[0].position, "ann", "gone", now).await.unwrap();
    let (mut count, mut last) = (0, 0);
    loop {
        let leased = ledger.lease("erp", 500, 60, now).await.unwrap();
        if leased.is_empty() {
            break;
        }
        for one in &leased {
            assert!(one.event.position > last && one.event.key == "blocked");
            last = one.event.position;
        }
        count += leased.len();
        ledger.ack("erp", tokens(&leased), now).await.unwrap();
    }
    assert_eq!(count, 5000);
}

pub async fn every_key_has_its_share(venue: &dyn Venue) {
    let ledger = with_consumer(venue).await;
    // A key with a long backlog that becomes free, and others beside it.
    let now = start();
    commit(&ledger, &["long", "short-1", "short-2"]).await;
    let heads = ledger.lease("erp", 3, 60, now).await.unwrap();
    commit(&ledger, &["long"; 200]).await;
    commit(&ledger, &["short-1", "short-2"]).await;
    assert!(ledger.lease("erp", 10, 60, now).await.unwrap().is_empty());
    ledger.ack("erp", tokens(&heads), now).await.unwrap();
    let leased = ledger.lease("erp", 16, 60, now).await.unwrap();
    let keys = keys(&leased);
    assert!(keys.contains(&"short-1") && keys.contains(&"short-2"), "{keys:?}");
    let long: Vec<u64> = leased.iter().filter(|one| one.event.key == "long").map(|one| one.event.position).collect();
    assert!(!long.is_empty() && long.windows(2).all(|pair| pair[0] < pair[1]), "in order: {long:?}");
}

pub async fn leases_outlive_a_restart(venue: &dyn Venue) {
    let ledger = with_consumer(venue).await;
    for key in ["a", "b", "c"] {
        commit(&ledger, &[key]).await;
    }
    let now = start();
    let first = ledger.lease("erp", 2, 60, now).await.unwrap();
    ledger.close().await.unwrap();
    let ledger = venue.open().await;
    ledger.declare(vec![consumer("erp")]).await.unwrap();
    assert_eq!(keys(&ledger.lease("erp", 9, 60, now).await.unwrap()), ["c"]);
    assert_eq!(ledger.ack("erp", tokens(&first[..1]), now).await.unwrap(), [AckOutcome::Acked]);
    let again = ledger.lease("erp", 9, 60, after(now, 60)).await.unwrap();
    assert_eq!((keys(&again), again[0].attempt), (vec!["b", "c"], 2));
}

pub async fn consumers_do_not_affect_each_other(venue: &dyn Venue) {
    let ledger = venue.open().await;
    ledger.declare(vec![consumer("erp"), consumer("bi")]).await.unwrap();
    commit(&ledger, &["a"]).await;
    commit(&ledger, &["a"]).await;
    let now = start();
    let (_, now) = use_up(&ledger, "a", now).await;
    let leased = ledger.lease("bi", 9, 60, now).await.unwrap();
    assert_eq!(leased[0].attempt, 1);
    ledger.ack("bi", tokens(&leased), now).await.unwrap();
    assert_eq!(ledger.ack("erp", tokens(&leased[..1]), now).await.unwrap(), [AckOutcome::Stale]);
    let (erp, bi) = (ledger.queue_stats("erp", now).await.unwrap(), ledger.queue_stats("bi", now).await.unwrap());
    assert_eq!((erp.depth, erp.parked), (2, 1));
    assert_eq!((bi.depth, bi.parked), (2 - leased.len() as u64, 0));
}

pub async fn modes_and_types(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let only = |name: &str, types: &[&str], mode| Consumer {
        types: types.iter().map(|kind| (*kind).to_owned()).collect(),
        mode,
        ..consumer(name)
    };
    let consumers = vec![
        only("live", &[], Mode::Live),
        only("test", &[], Mode::Test),
        only("orders", &["purchase_order", "order_acknowledgement"], Mode::Live),
    ];
    ledger.declare(consumers).await.unwrap();
    let add = async |kind, mode, key: &str| {
        let id = new_id();
        let mut one = document(id, 0, kind, key);
        one.1.as_mut().unwrap().mode = mode;
        assert_eq!(ledger.commit(Entry { documents: vec![one], ..bare(id) }).await, Ok(Committed::Stored));
    };
    add(DocumentType::Invoice, Mode::Live, "live invoice").await;
    add(DocumentType::Invoice, Mode::Test, "test invoice").await;
    add(DocumentType::OrderAcknowledgement, Mode::Live, "live 855").await;
    add(DocumentType::OrderAcknowledgement, Mode::Test, "test 855").await;
    let now = start();
    for (name, expected) in [
        ("live", &["live invoice", "live 855"][..]),
        ("test", &["test invoice", "test 855"]),
        ("orders", &["live 855"]),
    ] {
        assert_eq!(ledger.queue_stats(name, now).await.unwrap().depth, expected.len() as u64, "{name}");
        let leased = ledger.lease(name, 9, 60, now).await.unwrap();
        assert_eq!(keys(&leased), expected, "{name}");
        ledger.ack(name, tokens(&leased), now).await.unwrap();
        assert_eq!(ledger.queue_stats(name, now).await.unwrap().depth, 0, "{name}");
    }
}

pub async fn where_a_consumer_starts(venue: &dyn Venue) {
    let ledger = venue.open().await;
    commit(&ledger, &["before"]).await;
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    let between = start();
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    commit(&ledger, &["middle"]).await;
    let at = |name: &str, start| Consumer { start, ..consumer(name) };
    let consumers = vec![
        at("earliest", StartAt::Earliest),
        at("latest", StartAt::Latest),
        at("time", StartAt::Time(between)),
        at("future", StartAt::Time(after(between, 3600))),
    ];
    ledger.declare(consumers).await.unwrap();
    commit(&ledger, &["after"]).await;
    let now = start();
    for (name, expected) in [
        ("earliest", &["before", "middle", "after"][..]),
        ("latest", &["after"]),
        ("time", &["middle", "after"]),
        ("future", &["after"]),
    ] {
        assert_eq!(ledger.queue_stats(name, now).await.unwrap().depth, expected.len() as u64, "{name}");
        assert_eq!(keys(&ledger.lease(name, 9, 60, now).await.unwrap()), expected, "{name}");
    }
}

pub async fn declared_again(venue: &dyn Venue) {
    let ledger = with_consumer(venue).await;
    commit(&ledger, &["a"]).await;
    let now = start();
    let leased = ledger.lease("erp", 9, 60, now).await.unwrap();
    ledger.ack("erp", tokens(&leased), now).await.unwrap();
    commit(&ledger, &["b"]).await;
    // It stays where it is, wherever it says that it would begin.
    ledger.declare(vec![Consumer { start: StartAt::Latest, ..consumer("erp") }]).await.unwrap();
    assert_eq!(keys(&ledger.lease("erp", 9, 60, now).await.unwrap()), ["b"]);
    // What it wants no more it is not offered again: a live event never reaches a consumer of tests.
    ledger.declare(vec![Consumer { mode: Mode::Test, ..consumer("erp") }]).await.unwrap();
    assert!(ledger.lease("erp", 9, 60, after(now, 999)).await.unwrap().is_empty());
    assert_eq!(ledger.queue_stats("erp", now).await.unwrap().depth, 0);
    commit(&ledger, &["c"]).await;
    assert_eq!(ledger.queue_stats("erp", now).await.unwrap().depth, 0);
}

pub async fn extending(venue: &dyn Venue) {
    let ledger = with_consumer(venue).await;
    commit(&ledger, &["a"]).await;
    let now = start();
    let leased = ledger.lease("erp", 9, 60, now).await.unwrap();
    let extended = ledger.extend("erp", tokens(&leased), 60, after(now, 50)).await.unwrap();
    assert_eq!(extended, [AckOutcome::Acked]);
    assert!(ledger.lease("erp", 9, 60, after(now, 109)).await.unwrap().is_empty());
    let again = ledger.lease("erp", 9, 60, after(now, 110)).await.unwrap();
    assert_eq!(again.len(), 1);
    ledger.ack("erp", tokens(&again), now).await.unwrap();
    assert_eq!(ledger.extend("erp", tokens(&again), 60, now).await.unwrap(), [AckOutcome::AlreadyAcked]);
}

pub async fn unknown_consumers(venue: &dyn Venue) {
    let ledger = venue.open().await;
    assert_eq!(ledger.commit(entry(new_id(), &["a"])).await, Ok(Committed::Stored));
    let now = start();
    let unknown = |outcome: Option<LedgerError>| assert!(matches!(outcome, Some(LedgerError::NotFound(_))));
    unknown(ledger.lease("nobody", 1, 60, now).await.err());
    unknown(ledger.ack("nobody", Vec::new(), now).await.err());
    unknown(ledger.queue_stats("nobody", now).await.err());
    unknown(ledger.parked("nobody").await.err());
    unknown(ledger.peek("nobody", 1).await.err());
    unknown(ledger.release("nobody", 1, "ann", "why", now).await.err());
}
