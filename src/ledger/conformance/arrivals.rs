//! Arrivals: whole or not at all, claims given once, slices, and processing again.

use bytes::Bytes;

use super::{Venue, after, bare, claim, commit, consumer, document, entry, keys, new_id, start};
use crate::{
    document::{DocumentType, MessageId},
    ledger::{
        ClaimKind, Committed, DocumentState, Entry, Fact, LedgerError, LogFilter, MAX_BYTES, MAX_DOCUMENTS,
        MessageState, Owed, Payload, Receipt, Revision, SharedLedger, Slice, fitting,
    },
};

fn owed(message: MessageId) -> Owed {
    Owed { message, partner: "acme".to_owned(), due: start(), facts: r#"{"sets":2}"#.to_owned() }
}

fn fact(what: &str) -> Fact {
    Fact { at: start(), what: what.to_owned(), detail: format!("it was {what}") }
}

async fn log_len(ledger: &SharedLedger) -> usize {
    ledger.events(0, LogFilter::default(), 100_000).await.unwrap().len()
}

pub async fn what_is_committed_is_all_there(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let id = new_id();
    let mut whole = entry(id, &["acme/1", "acme/2"]);
    whole.message.problem = Some(serde_json::json!({"code": "X12-0001"}));
    whole.message.filename = Some("855 \u{e4}.edi".to_owned());
    whole.documents[1].0.problem = Some(serde_json::json!([{"code": "MAP-1"}]));
    whole.documents[1].0.extras = Some(serde_json::json!({"REF": ["1"]}));
    whole.owed = vec![owed(id)];
    whole.facts.push(fact("mapped"));
    whole.claims = vec![claim(ClaimKind::Transport, 1, 1, 0), claim(ClaimKind::Business, 2, 1, 1)];
    assert_eq!(ledger.commit(whole.clone()).await, Ok(Committed::Stored));
    for reopened in [false, true] {
        let ledger = if reopened {
            ledger.close().await.unwrap();
            venue.open().await
        } else {
            ledger.clone()
        };
        assert_eq!(ledger.message(id).await.unwrap(), Some(whole.message.clone()));
        let documents: Vec<_> = whole.documents.iter().map(|(document, _)| document.clone()).collect();
        assert_eq!(ledger.documents(id, 0, 10).await.unwrap(), documents);
        assert_eq!(ledger.documents(id, 1, 10).await.unwrap(), documents[1..]);
        assert_eq!(ledger.documents(id, 0, 1).await.unwrap(), documents[..1]);
        assert_eq!(ledger.receipt(id).await.unwrap(), Some(Receipt(Bytes::from_static(b"receipt"))));
        let payload = ledger.payload(id).await.unwrap().unwrap();
        assert_eq!(ledger.read_payload(&payload).unwrap(), Bytes::from_static(b"bytes"));
        assert_eq!(ledger.timeline(id).await.unwrap(), whole.facts);
        assert_eq!(
            ledger.owed("acme", 0, 10).await.unwrap().into_iter().map(|(_, owed)| owed).collect::<Vec<_>>(),
            whole.owed
        );
        let events = ledger.events(0, LogFilter::default(), 10).await.unwrap();
        assert_eq!(events.len(), 2);
        for (event, (_, new)) in events.iter().zip(&whole.documents) {
            let new = new.as_ref().unwrap();
            assert_eq!((event.id, &event.kind, &event.subject), (new.id, &new.kind, &new.subject));
            assert_eq!((&event.partner, &event.key, event.mode), (&new.partner, &new.key, new.mode));
            assert_eq!((event.time, &event.correlation, event.replaces), (new.time, &new.correlation, new.replaces));
            assert_eq!((&event.data, event.message), (&new.data, id));
        }
        let holders = ledger.holders(vec![whole.claims[1], claim(ClaimKind::Business, 3, 1, 0)]).await.unwrap();
        assert_eq!(holders.len(), 1);
        assert_eq!((holders[0].holder.message, holders[0].holder.position), (id, 1));
    }
}

pub async fn a_taken_claim_stores_nothing(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let first = new_id();
    let claims = vec![claim(ClaimKind::Transport, 1, 1, 0), claim(ClaimKind::Business, 2, 1, 0)];
    ledger.commit(Entry { claims: claims.clone(), ..entry(first, &["a"]) }).await.unwrap();
    let second = new_id();
    let wanted = vec![
        claim(ClaimKind::Business, 9, 9, 0),
        claim(ClaimKind::Business, 2, 2, 3),
        claim(ClaimKind::Transport, 1, 2, 0),
    ];
    let mut entry = Entry { claims: wanted.clone(), owed: vec![owed(second)], ..entry(second, &["a"]) };
    let Ok(Committed::Taken(taken)) = ledger.commit(entry.clone()).await else { panic!("it was stored") };
    assert_eq!(taken.iter().map(|taken| taken.claim).collect::<Vec<_>>(), wanted[1..]);
    for taken in &taken {
        assert_eq!((taken.holder.message, taken.holder.position, taken.holder.digest), (first, 0, [1; 32]));
    }
    // Nothing of it is there, the claim that was free included.
    assert_eq!(ledger.message(second).await.unwrap(), None);
    assert!(ledger.payload(second).await.unwrap().is_none());
    assert!(ledger.documents(second, 0, 9).await.unwrap().is_empty());
    assert!(ledger.owed("acme", 0, 9).await.unwrap().is_empty());
    assert!(ledger.holders(wanted[..1].to_vec()).await.unwrap().is_empty());
    assert_eq!(log_len(&ledger).await, 1);
    // The same key of another kind is another claim, and the caller may commit anew.
    entry.claims = vec![claim(ClaimKind::Interchange, 1, 2, 0), wanted[0]];
    assert_eq!(ledger.commit(entry).await, Ok(Committed::Stored));
    assert_eq!(log_len(&ledger).await, 2);
}

pub async fn claims_of_one_message(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let id = new_id();
    let twice = vec![claim(ClaimKind::Business, 1, 1, 0), claim(ClaimKind::Business, 1, 1, 1)];
    let outcome = ledger.commit(Entry { claims: twice, ..entry(id, &["a", "a"]) }).await;
    let Ok(Committed::Taken(taken)) = outcome else { panic!("two equal claims in one entry") };
    assert_eq!((taken.len(), taken[0].claim.position), (1, 1));
    assert_eq!((taken[0].holder.message, taken[0].holder.position), (id, 0));
    // For the same position it is work done again; for another it is a duplicate within the message.
    let one = vec![claim(ClaimKind::Business, 1, 1, 0)];
    let first = Entry { claims: one.clone(), complete: false, ..entry(id, &["a"]) };
    assert_eq!(ledger.commit(first).await, Ok(Committed::Stored));
    let again = Slice { message: id, claims: one, documents: vec![document(id, 0, DocumentType::Invoice, "a")] };
    assert_eq!(ledger.append(again).await, Ok(Committed::Stored));
    let other = Slice {
        message: id,
        claims: vec![claim(ClaimKind::Business, 1, 1, 1)],
        documents: vec![document(id, 1, DocumentType::Invoice, "a")],
    };
    assert!(matches!(ledger.append(other).await, Ok(Committed::Taken(taken)) if taken[0].holder.message == id));
    assert_eq!(ledger.documents(id, 0, 9).await.unwrap().len(), 1);
}

pub async fn the_same_entry_twice(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let id = new_id();
    let claims = vec![claim(ClaimKind::Transport, 1, 1, 0)];
    let whole = Entry { claims, owed: vec![owed(id)], ..entry(id, &["a"]) };
    for _ in 0..2 {
        assert_eq!(ledger.commit(whole.clone()).await, Ok(Committed::Stored));
    }
    assert_eq!((log_len(&ledger).await, ledger.owed("acme", 0, 9).await.unwrap().len()), (1, 1));
    let mut other = whole;
    other.message.digest = "f".repeat(64);
    assert!(matches!(ledger.commit(other).await, Err(LedgerError::Conflict(_))));
}

pub async fn slices_and_their_end(venue: &dyn Venue) {
    let ledger = venue.open().await;
    ledger.declare(vec![consumer("erp")]).await.unwrap();
    let id = new_id();
    let first = Entry { complete: false, ..entry(id, &["k0", "k1"]) };
    assert_eq!(ledger.commit(first).await, Ok(Committed::Stored));
    let between = commit(&ledger, &["between"]).await;
    let slice = |from: u32, to: u32| Slice {
        message: id,
        claims: vec![claim(ClaimKind::Business, 100 + u64::from(from), 1, from)],
        documents: (from..to).map(|p| document(id, p, DocumentType::Invoice, &format!("k{p}"))).collect(),
    };
    assert_eq!(ledger.append(slice(2, 5)).await, Ok(Committed::Stored));
    // A slice that comes again, and one that overlaps, leave what is there.
    assert_eq!(ledger.append(slice(2, 5)).await, Ok(Committed::Stored));
    assert_eq!(ledger.append(slice(4, 6)).await, Ok(Committed::Stored));
    assert_eq!(log_len(&ledger).await, 1, "events wait for the end");
    let now = start();
    assert_eq!(keys(&ledger.lease("erp", 99, 60, now).await.unwrap()), ["between"]);
    assert_eq!(ledger.unfinished().await.unwrap()[0].next_position, 6);
    for _ in 0..2 {
        ledger.finish(id, MessageState::Accepted, vec![owed(id)], vec![fact("queued")]).await.unwrap();
    }
    assert!(ledger.unfinished().await.unwrap().is_empty());
    assert_eq!(ledger.owed("acme", 0, 9).await.unwrap().len(), 1);
    let timeline = ledger.timeline(id).await.unwrap();
    assert_eq!(timeline.iter().map(|fact| fact.what.as_str()).collect::<Vec<_>>(), ["received", "queued"]);
    assert_eq!(keys(&ledger.lease("erp", 99, 60, now).await.unwrap()), ["k0", "k1", "k2", "k3", "k4", "k5"]);
    let log = ledger.events(0, LogFilter::default(), 99).await.unwrap();
    assert!(log.windows(2).all(|pair| pair[0].position < pair[1].position));
    assert_eq!(log[0].message, between);
    assert_eq!(log[1..].iter().map(|event| event.id.position).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    // After the end only what is there already may come again.
    assert_eq!(ledger.append(slice(2, 5)).await, Ok(Committed::Stored));
    assert!(matches!(ledger.append(slice(6, 7)).await, Err(LedgerError::Conflict(_))));
    assert_eq!(log_len(&ledger).await, 7);
}

pub async fn slices_after_a_restart(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let (one, two) = (new_id(), new_id());
    let none = Entry { complete: false, ..bare(one) };
    ledger.commit(none.clone()).await.unwrap();
    ledger.commit(Entry { complete: false, ..entry(two, &["a", "b"]) }).await.unwrap();
    let gap = Slice { message: two, claims: Vec::new(), documents: vec![document(two, 3, DocumentType::Invoice, "d")] };
    ledger.append(gap).await.unwrap();
    ledger.close().await.unwrap();
    let ledger = venue.open().await;
    let unfinished = ledger.unfinished().await.unwrap();
    let found: Vec<_> = unfinished.iter().map(|open| (open.message.id, open.next_position)).collect();
    assert_eq!(found, [(one, 0), (two, 2)], "oldest first, each with its first missing position");
    let rest =
        Slice { message: two, claims: Vec::new(), documents: vec![document(two, 2, DocumentType::Invoice, "c")] };
    ledger.append(rest).await.unwrap();
    ledger.finish(two, MessageState::Partial, Vec::new(), Vec::new()).await.unwrap();
    let log = ledger.events(0, LogFilter::default(), 99).await.unwrap();
    assert_eq!(log.iter().map(|event| event.key.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    assert_eq!(ledger.message(two).await.unwrap().unwrap().state, MessageState::Partial);
}

pub async fn a_slice_is_bounded(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let id = new_id();
    ledger.commit(Entry { complete: false, ..bare(id) }).await.unwrap();
    let slice = |count: u32, size: usize| {
        let mut documents: Vec<_> = (0..count).map(|p| document(id, p, DocumentType::Invoice, "k")).collect();
        for (_, event) in &mut documents {
            event.as_mut().unwrap().data = Bytes::from(vec![b' '; size]);
        }
        Slice { message: id, claims: Vec::new(), documents }
    };
    let too_many = u32::try_from(MAX_DOCUMENTS).unwrap() + 1;
    assert!(matches!(ledger.append(slice(too_many, 1)).await, Err(LedgerError::Conflict(_))));
    assert!(matches!(ledger.append(slice(5, MAX_BYTES / 4)).await, Err(LedgerError::Conflict(_))));
    assert!(ledger.documents(id, 0, 999).await.unwrap().is_empty());
    assert_eq!(ledger.append(slice(too_many - 1, 1)).await, Ok(Committed::Stored));
    // What is found in a document weighs like its data, and `fitting` says how many go.
    let heavy = new_id();
    ledger.commit(Entry { complete: false, ..bare(heavy) }).await.unwrap();
    let text = |size| Some(serde_json::json!({ "text": "x".repeat(size) }));
    let all: Vec<_> = (0..9)
        .map(|position| {
            let (mut document, mut event) = document(heavy, position, DocumentType::Invoice, "k");
            (document.problem, document.extras) = (text(MAX_BYTES / 16), text(MAX_BYTES / 8));
            event.as_mut().unwrap().data = Bytes::from(vec![b' '; MAX_BYTES / 32]);
            (document, event)
        })
        .collect();
    let count = fitting(&all);
    assert_eq!(count, 4);
    let of = |count: usize| Slice { message: heavy, claims: Vec::new(), documents: all[..count].to_vec() };
    assert!(matches!(ledger.append(of(count + 1)).await, Err(LedgerError::Conflict(_))));
    assert_eq!(ledger.append(of(count)).await, Ok(Committed::Stored));
    // One document alone may be of any size.
    let big = new_id();
    let mut alone = entry(big, &["k"]);
    alone.documents[0].1.as_mut().unwrap().data = Bytes::from(vec![b'x'; MAX_BYTES + 1]);
    assert_eq!(ledger.commit(alone).await, Ok(Committed::Stored));
    let events = ledger.events(0, LogFilter::default(), 9).await.unwrap();
    assert_eq!(events[0].data.len(), MAX_BYTES + 1);
}

pub async fn a_large_payload(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let bytes = Bytes::from((0..3_000_000u32).map(|n| (n % 251) as u8).collect::<Vec<_>>());
    let (id, refused) = (new_id(), new_id());
    let claims = vec![claim(ClaimKind::Transport, 1, 1, 0)];
    let large = Entry { payload: Payload::Inline(bytes.clone()), claims, ..bare(id) };
    for _ in 0..2 {
        assert_eq!(ledger.commit(large.clone()).await, Ok(Committed::Stored));
    }
    let mut entries = vec![(id, bytes)];
    if let Some(folder) = ledger.payload_folder() {
        // A file that was written by a door: taken by the commit, and left where it is by one that is refused.
        let path = folder.join("a door's own name");
        std::fs::write(&path, vec![7u8; 2_000_000]).unwrap();
        let claims = vec![claim(ClaimKind::Transport, 1, 2, 0)];
        let file = Entry { payload: Payload::File(path.clone()), claims, ..bare(refused) };
        assert!(matches!(ledger.commit(file.clone()).await, Ok(Committed::Taken(_))));
        assert!(path.exists() && ledger.payload(refused).await.unwrap().is_none());
        assert_eq!(ledger.commit(Entry { claims: Vec::new(), ..file }).await, Ok(Committed::Stored));
        assert!(!path.exists());
        entries.push((refused, Bytes::from(vec![7u8; 2_000_000])));
    }
    ledger.close().await.unwrap();
    let ledger = venue.open().await;
    for (id, bytes) in entries {
        let payload = ledger.payload(id).await.unwrap().unwrap();
        assert!(ledger.read_payload(&payload).unwrap() == bytes);
    }
}

pub async fn revisions(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let id = new_id();
    let mut held = entry(id, &["a", "b"]);
    held.message.state = MessageState::Held;
    held.message.partner = None;
    held.documents[1].0.state = DocumentState::Held;
    held.documents[1].0.event = None;
    held.documents[1].1 = None;
    ledger.commit(held).await.unwrap();
    let other = commit(&ledger, &["z"]).await;
    let correction = |position: u32, revision: u32| {
        let (mut document, event) = document(id, position, DocumentType::Invoice, "b");
        let mut event = event.unwrap();
        event.id = id.event(position, revision);
        event.replaces = (revision > 0).then(|| id.event(position, revision - 1));
        document.event = Some(event.id);
        document.revision = revision;
        (document, Some(event))
    };
    let revision = |documents| Revision {
        message: id,
        state: MessageState::Accepted,
        problem: None,
        partner: Some("acme".to_owned()),
        claims: vec![claim(ClaimKind::Business, 5, 1, 1)],
        documents,
        owed: vec![owed(id)],
        facts: vec![fact("mended")],
    };
    assert_eq!(ledger.revise(revision(vec![correction(1, 0)])).await, Ok(Committed::Stored));
    let message = ledger.message(id).await.unwrap().unwrap();
    assert_eq!((message.state, message.partner.as_deref()), (MessageState::Accepted, Some("acme")));
    assert_eq!(ledger.timeline(id).await.unwrap().len(), 2);
    assert_eq!(ledger.documents(id, 0, 9).await.unwrap()[1].event, Some(id.event(1, 0)));
    let log = ledger.events(0, LogFilter::default(), 9).await.unwrap();
    let ids: Vec<_> = log.iter().map(|event| event.id).collect();
    assert_eq!(ids, [id.event(0, 0), other.event(0, 0), id.event(1, 0)]);
    // A correction is a new event that says what it replaces.
    assert_eq!(ledger.revise(revision(vec![correction(1, 1)])).await, Ok(Committed::Stored));
    let last = ledger.events(log[2].position, LogFilter::default(), 9).await.unwrap();
    assert_eq!((last.len(), last[0].id, last[0].replaces), (1, id.event(1, 1), Some(id.event(1, 0))));
    let document = &ledger.documents(id, 1, 1).await.unwrap()[0];
    assert_eq!((document.revision, document.event), (1, Some(id.event(1, 1))));
    // A claim of somebody else undoes all of it.
    let mut refused = revision(vec![correction(0, 1)]);
    refused.claims = vec![claim(ClaimKind::Business, 6, 1, 0)];
    ledger.commit(Entry { claims: refused.claims.clone(), ..bare(new_id()) }).await.unwrap();
    refused.state = MessageState::Partial;
    assert!(matches!(ledger.revise(refused).await, Ok(Committed::Taken(_))));
    assert_eq!(ledger.message(id).await.unwrap().unwrap().state, MessageState::Accepted);
    assert_eq!(log_len(&ledger).await, 4);
}

pub async fn revising_twice(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let id = new_id();
    let mut held = bare(id);
    held.message.state = MessageState::Held;
    ledger.commit(held).await.unwrap();
    let revision = Revision {
        message: id,
        state: MessageState::Accepted,
        problem: None,
        partner: None,
        claims: vec![claim(ClaimKind::Business, 5, 1, 0)],
        documents: vec![document(id, 0, DocumentType::Invoice, "k")],
        owed: vec![owed(id)],
        facts: vec![fact("mended")],
    };
    for _ in 0..2 {
        assert_eq!(ledger.revise(revision.clone()).await, Ok(Committed::Stored));
    }
    assert_eq!(log_len(&ledger).await, 1);
    assert_eq!((ledger.owed("acme", 0, 9).await.unwrap().len(), ledger.timeline(id).await.unwrap().len()), (1, 2));
}

pub async fn unknown_messages(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let id = new_id();
    assert_eq!(ledger.message(id).await.unwrap(), None);
    assert!(ledger.payload(id).await.unwrap().is_none() && ledger.receipt(id).await.unwrap().is_none());
    assert!(ledger.timeline(id).await.unwrap().is_empty());
    let slice = Slice { message: id, claims: Vec::new(), documents: Vec::new() };
    assert!(matches!(ledger.append(slice).await, Err(LedgerError::NotFound(_))));
    assert!(matches!(ledger.note(id, vec![fact("seen")]).await, Err(LedgerError::NotFound(_))));
    let end = ledger.finish(id, MessageState::Accepted, Vec::new(), Vec::new()).await;
    assert!(matches!(end, Err(LedgerError::NotFound(_))));
    let known = commit(&ledger, &[]).await;
    let later = Fact { at: after(start(), 5), ..fact("seen") };
    ledger.note(known, vec![fact("seen"), later.clone()]).await.unwrap();
    assert_eq!(ledger.timeline(known).await.unwrap().last(), Some(&later));
}
