//! How the queue stands, the log, and the audit.

use std::time::Duration;

use super::{Venue, after, bare, commit, consumer, document, entry, new_id, start, tokens};
use crate::{
    document::DocumentType,
    ledger::{AuditRecord, Entry, LedgerError, LogFilter, Slice},
};

pub async fn stats_follow(venue: &dyn Venue) {
    let ledger = venue.open().await;
    ledger.declare(vec![consumer("erp")]).await.unwrap();
    let now = start();
    let empty = ledger.queue_stats("erp", now).await.unwrap();
    assert_eq!((empty.depth, empty.leased, empty.parked, empty.oldest), (0, 0, 0, None));
    commit(&ledger, &["a", "b", "c", "a"]).await;
    let all = ledger.queue_stats("erp", now).await.unwrap();
    assert_eq!((all.depth, all.leased, all.parked), (4, 0, 0));
    assert!(all.oldest.is_some_and(|oldest| oldest >= now));
    let last = ledger.events(0, LogFilter::default(), 9).await.unwrap().last().unwrap().position;
    assert_eq!(all.head, last);
    let leased = ledger.lease("erp", 2, 60, now).await.unwrap();
    let some = ledger.queue_stats("erp", now).await.unwrap();
    assert_eq!((some.depth, some.leased), (4, 2));
    assert_eq!(ledger.queue_stats("erp", after(now, 61)).await.unwrap().leased, 0, "they ran out");
    ledger.ack("erp", tokens(&leased[..1]), now).await.unwrap();
    let fewer = ledger.queue_stats("erp", now).await.unwrap();
    assert_eq!((fewer.depth, fewer.leased), (3, 1));
}

pub async fn peek_changes_nothing(venue: &dyn Venue) {
    let ledger = venue.open().await;
    ledger.declare(vec![consumer("erp")]).await.unwrap();
    commit(&ledger, &["a", "b", "a", "c"]).await;
    let now = start();
    let states = async || {
        let all = ledger.peek("erp", 9).await.unwrap();
        all.iter().map(|one| (one.key.clone(), one.state.clone())).collect::<Vec<_>>()
    };
    let said = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, state)| ((*key).to_owned(), (*state).to_owned())).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        assert_eq!(states().await, said(&[("a", "ready"), ("b", "ready"), ("a", "waiting"), ("c", "ready")]));
    }
    let leased = ledger.lease("erp", 2, 60, now).await.unwrap();
    ledger.nack("erp", leased[1].lease, "later", 600, now).await.unwrap();
    assert_eq!(states().await, said(&[("a", "leased"), ("b", "delayed"), ("a", "waiting"), ("c", "ready")]));
    assert_eq!(ledger.peek("erp", 2).await.unwrap().len(), 2);
    assert_eq!(ledger.peek("erp", 9).await.unwrap()[0].attempts, 1);
}

pub async fn release_and_skip_are_audited(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let mut once = consumer("erp");
    once.max_attempts = 1;
    ledger.declare(vec![once]).await.unwrap();
    commit(&ledger, &["a"]).await;
    let now = start();
    let leased = ledger.lease("erp", 1, 60, now).await.unwrap();
    let position = leased[0].event.position;
    let not_parked = ledger.release("erp", position, "ann", "why", now).await;
    assert!(matches!(not_parked, Err(LedgerError::Conflict(_))));
    assert!(matches!(ledger.skip("erp", 99, "ann", "why", now).await, Err(LedgerError::NotFound(_))));
    ledger.nack("erp", leased[0].lease, "no", 0, now).await.unwrap();
    ledger.release("erp", position, "ann", "mended", now).await.unwrap();
    let leased = ledger.lease("erp", 1, 60, now).await.unwrap();
    ledger.nack("erp", leased[0].lease, "no", 0, now).await.unwrap();
    ledger.skip("erp", position, "bob", "obsolete", now).await.unwrap();
    let audit = ledger.audit_log(9).await.unwrap();
    let said: Vec<_> = audit.iter().map(|one| (one.who.as_str(), one.what.as_str(), one.reason.as_str())).collect();
    assert_eq!(said, [("bob", "queue.skip", "obsolete"), ("ann", "queue.release", "mended")]);
    assert_eq!(audit[0].on, format!("erp/{position}"));
}

pub async fn the_log(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let mut expected = Vec::new();
    for n in 0..30u32 {
        let id = new_id();
        let kind = if n % 3 == 0 { DocumentType::Invoice } else { DocumentType::ShipmentNotice };
        let mut one = document(id, 0, kind, "k");
        one.1.as_mut().unwrap().partner = if n % 2 == 0 { "acme" } else { "bolt" }.to_owned();
        expected.push((id, n % 3 == 0, n % 2 == 0));
        ledger.commit(Entry { documents: vec![one], ..bare(id) }).await.unwrap();
    }
    let all = ledger.events(0, LogFilter::default(), 99).await.unwrap();
    assert_eq!(all.len(), 30);
    assert!(all.windows(2).all(|pair| pair[0].position < pair[1].position));
    // In pages, the same.
    let (mut paged, mut after) = (Vec::new(), 0);
    loop {
        let page = ledger.events(after, LogFilter::default(), 7).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.position;
        paged.extend(page);
    }
    assert_eq!(paged, all);
    // Whose they are, in pages too.
    let both = ["acme".to_owned(), "bolt".to_owned()].into();
    assert_eq!(ledger.partners_after(0, 99).await.unwrap(), (after, both));
    assert_eq!(ledger.partners_after(0, 1).await.unwrap(), (all[0].position, ["acme".to_owned()].into()));
    assert_eq!(ledger.partners_after(all[28].position, 9).await.unwrap(), (after, ["bolt".to_owned()].into()));
    assert_eq!(ledger.partners_after(after, 9).await.unwrap(), (after, Default::default()));
    let filter = LogFilter { partner: Some("acme".to_owned()), kind: Some("gangway.invoice.received.v1".to_owned()) };
    let some = ledger.events(0, filter, 99).await.unwrap();
    let wanted: Vec<_> = expected.iter().filter(|one| one.1 && one.2).map(|one| one.0).collect();
    assert_eq!(some.iter().map(|event| event.message).collect::<Vec<_>>(), wanted);
    assert!(ledger.events(after, LogFilter::default(), 9).await.unwrap().is_empty());
    assert!(ledger.events(u64::MAX, LogFilter::default(), 9).await.unwrap().is_empty());
}

pub async fn one_event(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let id = commit(&ledger, &["a", "b"]).await;
    for event in ledger.events(0, LogFilter::default(), 9).await.unwrap() {
        assert_eq!(ledger.event(event.id).await.unwrap(), Some(event));
    }
    for unknown in [id.event(2, 0), id.event(0, 1), id.event(u32::MAX, 0), new_id().event(0, 0)] {
        assert_eq!(ledger.event(unknown).await.unwrap(), None);
    }
    // What is kept back until its message ends is not on the log.
    let open = new_id();
    ledger.commit(Entry { complete: false, ..entry(open, &["c"]) }).await.unwrap();
    let slice = vec![document(open, 1, DocumentType::Invoice, "d")];
    ledger.append(Slice { message: open, claims: Vec::new(), documents: slice }).await.unwrap();
    commit(&ledger, &["e"]).await;
    assert_eq!(ledger.event(open.event(1, 0)).await.unwrap(), None);
    ledger.finish(open, crate::ledger::MessageState::Accepted, Vec::new(), Vec::new()).await.unwrap();
    for event in ledger.events(0, LogFilter::default(), 9).await.unwrap() {
        assert_eq!(ledger.event(event.id).await.unwrap(), Some(event));
    }
}

pub async fn changed_tells(venue: &dyn Venue) {
    let ledger = venue.open().await;
    ledger.declare(vec![consumer("erp")]).await.unwrap();
    let mut changed = ledger.changed();
    let soon = Duration::from_secs(20);
    changed.mark_unchanged();
    commit(&ledger, &["a"]).await;
    tokio::time::timeout(soon, changed.changed()).await.unwrap().unwrap();
    // A lease that runs out is told without anybody asking, also one from before a restart.
    let leased = ledger.lease("erp", 1, 1, start()).await.unwrap();
    assert_eq!(leased.len(), 1);
    changed.mark_unchanged();
    tokio::time::timeout(soon, changed.changed()).await.unwrap().unwrap();
    assert_eq!(ledger.lease("erp", 1, 1, after(start(), 1)).await.unwrap().len(), 1);
    ledger.close().await.unwrap();
    let ledger = venue.open().await;
    let mut changed = ledger.changed();
    tokio::time::timeout(soon, changed.changed()).await.unwrap().unwrap();
}

pub async fn the_audit_chain(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let record = |n: u32| AuditRecord {
        at: start(),
        who: "ann".to_owned(),
        what: "partner.status".to_owned(),
        on: format!("partner-{n}"),
        reason: String::new(),
    };
    let records: Vec<_> = (0..5).map(record).collect();
    for record in &records {
        ledger.audit(record.clone()).await.unwrap();
    }
    ledger.close().await.unwrap();
    let ledger = venue.open().await;
    let newest: Vec<_> = records.iter().rev().cloned().collect();
    assert_eq!(ledger.audit_log(99).await.unwrap(), newest);
    assert_eq!(ledger.audit_log(2).await.unwrap(), newest[..2]);
}

pub async fn what_is_remembered_outlives_a_restart(venue: &dyn Venue) {
    let ledger = venue.open().await;
    for (kind, name, what) in
        [("receipts", "b", "one"), ("receipts", "a", "two"), ("messages", "b", "three"), ("receipts", "b", "four")]
    {
        ledger.remember(kind, name, what.into()).await.unwrap();
    }
    ledger.remember("messages", "gone", "five".into()).await.unwrap();
    ledger.forget("messages", "gone").await.unwrap();
    ledger.forget("messages", "never there").await.unwrap();
    ledger.close().await.unwrap();
    let ledger = venue.open().await;
    let of = |all: Vec<(String, bytes::Bytes)>| -> Vec<(String, String)> {
        all.into_iter().map(|(name, what)| (name, String::from_utf8(what.to_vec()).unwrap())).collect()
    };
    let pair = |name: &str, what: &str| (name.to_owned(), what.to_owned());
    assert_eq!(of(ledger.remembered("receipts").await.unwrap()), [pair("a", "two"), pair("b", "four")]);
    assert_eq!(of(ledger.remembered("messages").await.unwrap()), [pair("b", "three")]);
    assert_eq!(ledger.recall("receipts", "b").await.unwrap().unwrap(), "four");
    assert_eq!(ledger.recall("messages", "a").await.unwrap(), None);
}
