//! The way out: control numbers, acknowledgements owed, deliveries.

use bytes::Bytes;

use super::{Venue, after, bare, consumer, document, keys, message, new_id, start};
use crate::{
    document::{DocumentType, MessageId},
    ledger::{
        Channel, DeliveryState, Direction, Entry, Fact, LedgerError, MessageState, NumberSeries, Outgoing, Owed,
        Payload,
    },
};

fn series(name: &str) -> NumberSeries {
    NumberSeries(name.to_owned())
}

/// An interchange that answers something, with one control number.
pub fn outgoing(id: MessageId, number: u64) -> Outgoing {
    let mut message = message(id, "acme");
    message.direction = Direction::Out;
    message.state = MessageState::Ready;
    Outgoing {
        message,
        payload: Payload::Inline(Bytes::from_static(b"ISA")),
        documents: Vec::new(),
        numbers: vec![(series("acme"), number)],
        settles: Vec::new(),
        channel: Channel::As2,
        due: start(),
        facts: Vec::new(),
    }
}

pub async fn numbers_are_used_once(venue: &dyn Venue) {
    let ledger = venue.open().await;
    assert_eq!(ledger.next_number(&series("acme")).await.unwrap(), 1);
    assert!(ledger.issue(outgoing(new_id(), 1)).await.unwrap());
    assert_eq!(ledger.next_number(&series("acme")).await.unwrap(), 2);
    assert_eq!(ledger.next_number(&series("bolt")).await.unwrap(), 1);
    for wrong in [1, 3] {
        let id = new_id();
        assert!(!ledger.issue(outgoing(id, wrong)).await.unwrap());
        assert_eq!(ledger.message(id).await.unwrap(), None);
    }
    // All of its numbers or none: the second is not the next, so the first is not used either.
    let mut two = outgoing(new_id(), 2);
    two.numbers.push((series("bolt"), 7));
    assert!(!ledger.issue(two).await.unwrap());
    assert_eq!(ledger.next_number(&series("acme")).await.unwrap(), 2);
    ledger.close().await.unwrap();
    let ledger = venue.open().await;
    assert!(ledger.issue(outgoing(new_id(), 2)).await.unwrap());
    // Many at once: each number once.
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                loop {
                    let next = ledger.next_number(&series("acme")).await.unwrap();
                    if ledger.issue(outgoing(new_id(), next)).await.unwrap() {
                        return next;
                    }
                }
            })
        })
        .collect();
    let mut used = Vec::new();
    for task in tasks {
        used.push(task.await.unwrap());
    }
    used.sort_unstable();
    assert_eq!(used, (3..23).collect::<Vec<u64>>());
}

pub async fn owed_and_settled(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let (one, two) = (new_id(), new_id());
    let owed = |message, n: i64| Owed {
        message,
        partner: "acme".to_owned(),
        due: after(start(), n),
        facts: serde_json::json!({"n": n}),
    };
    ledger.commit(Entry { owed: vec![owed(one, 1), owed(one, 2)], ..bare(one) }).await.unwrap();
    ledger.commit(Entry { owed: vec![owed(two, 3)], ..bare(two) }).await.unwrap();
    let all = ledger.owed(0, 9).await.unwrap();
    let facts = |list: &[(u64, Owed)]| list.iter().map(|(_, owed)| owed.facts["n"].clone()).collect::<Vec<_>>();
    assert_eq!(facts(&all), [1, 2, 3]);
    assert_eq!(facts(&ledger.owed(0, 2).await.unwrap()), [1, 2]);
    assert_eq!(facts(&ledger.owed(all[1].0, 9).await.unwrap()), [3]);
    let id = new_id();
    let mut answer = outgoing(id, 1);
    answer.settles = vec![all[0].0, all[2].0];
    answer.documents = vec![document(id, 0, DocumentType::FunctionalAcknowledgement, "ack")];
    assert!(ledger.issue(answer.clone()).await.unwrap());
    assert_eq!(facts(&ledger.owed(0, 9).await.unwrap()), [2]);
    for message in [one, two] {
        let last = ledger.timeline(message).await.unwrap().pop().unwrap();
        assert_eq!((last.what.as_str(), last.detail), ("acknowledged", format!("in {id}")));
    }
    // What was settled is not settled again, and its number is never another's.
    let mut again = outgoing(new_id(), 2);
    again.settles = vec![all[0].0];
    assert!(!ledger.issue(again).await.unwrap());
    let mut rest = outgoing(new_id(), 2);
    rest.settles = vec![all[1].0];
    assert!(ledger.issue(rest).await.unwrap());
    ledger.close().await.unwrap();
    let ledger = venue.open().await;
    let three = new_id();
    ledger.commit(Entry { owed: vec![owed(three, 4)], ..bare(three) }).await.unwrap();
    assert!(ledger.owed(0, 9).await.unwrap()[0].0 > all[2].0);
    ledger.declare(vec![consumer("erp")]).await.unwrap();
    assert_eq!(keys(&ledger.lease("erp", 9, 60, start()).await.unwrap()), ["ack"], "what is issued may have events");
}

pub async fn deliveries_and_their_states(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let now = start();
    let id = new_id();
    assert!(ledger.issue(Outgoing { due: after(now, 10), ..outgoing(id, 1) }).await.unwrap());
    assert_eq!(ledger.deliveries_paused().await.unwrap(), None);
    assert!(ledger.due_deliveries(after(now, 9), 9).await.unwrap().is_empty());
    let due = ledger.due_deliveries(after(now, 10), 9).await.unwrap();
    assert_eq!(due, ledger.deliveries(id).await.unwrap());
    assert_eq!((due[0].message, due[0].channel, due[0].attempts), (id, Channel::As2, 0));
    let fact = |what: &str| Fact { at: now, what: what.to_owned(), detail: String::new() };
    let retry = Some(after(now, 60));
    ledger.deliver(due[0].id, DeliveryState::Ready, retry, fact("not reached")).await.unwrap();
    assert!(ledger.due_deliveries(after(now, 59), 9).await.unwrap().is_empty());
    assert_eq!(ledger.due_deliveries(after(now, 60), 9).await.unwrap()[0].attempts, 1);
    assert_eq!(ledger.message(id).await.unwrap().unwrap().state, MessageState::Ready);
    ledger.deliver(due[0].id, DeliveryState::Delivered, None, fact("delivered")).await.unwrap();
    assert!(ledger.due_deliveries(after(now, 600), 9).await.unwrap().is_empty());
    assert_eq!(ledger.message(id).await.unwrap().unwrap().state, MessageState::Delivered);
    let said: Vec<_> = ledger.timeline(id).await.unwrap().into_iter().map(|fact| fact.what).collect();
    assert_eq!(said, ["not reached", "delivered"]);
    let unknown = ledger.deliver(99, DeliveryState::Dead, None, fact("lost")).await;
    assert!(matches!(unknown, Err(LedgerError::NotFound(_))));
}

pub async fn issuing_twice(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let id = new_id();
    assert!(ledger.issue(outgoing(id, 1)).await.unwrap());
    assert!(!ledger.issue(outgoing(id, 1)).await.unwrap());
    assert!(matches!(ledger.issue(outgoing(id, 2)).await, Err(LedgerError::Conflict(_))));
    assert_eq!(ledger.next_number(&series("acme")).await.unwrap(), 2);
    assert_eq!(ledger.deliveries(id).await.unwrap().len(), 1);
}
