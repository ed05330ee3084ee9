//! The way out: control numbers, acknowledgements owed, deliveries.

use bytes::Bytes;

use super::{Venue, after, bare, consumer, document, keys, message, new_id, start};
use crate::{
    document::{DocumentType, MessageId},
    ledger::{
        Attempt, AuditRecord, Channel, Delivery, DeliveryFilter, DeliveryState, Direction, DocumentState, Entry, Fact,
        LedgerError, LogFilter, MessageState, News, NumberSeries, Outgoing, Owed, Payload, Receipt, Watch, WatchKind,
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
        settled_as: "acknowledged",
        watches: Vec::new(),
        channel: Channel::As2,
        due: start(),
        facts: Vec::new(),
    }
}

fn attempt(delivery: &Delivery, state: DeliveryState) -> Attempt {
    let what = match state {
        DeliveryState::Ready => "ready",
        DeliveryState::Waiting => "waiting",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Dead | DeliveryState::Cancelled => "dead",
    };
    let fact = Fact { at: start(), what: what.to_owned(), detail: String::new() };
    Attempt { delivery: delivery.id, state, due: None, fact, receipt: None }
}

fn record(what: &str) -> AuditRecord {
    AuditRecord { at: start(), who: "ann".into(), what: what.into(), on: "it".into(), reason: "asked to".into() }
}

/// An interchange to a partner with one document of one order.
fn order(id: MessageId, number: u64, partner: &str, order: &str) -> Outgoing {
    let (mut document, event) = document(id, 0, DocumentType::PurchaseOrder, order);
    document.state = DocumentState::Issued;
    let mut outgoing = outgoing(id, number);
    outgoing.message.partner = Some(partner.to_owned());
    outgoing.documents = vec![(document, event)];
    outgoing.numbers = vec![(series(partner), number)];
    outgoing
}

pub async fn a_change_never_overtakes_its_order(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let (first, change, other, elsewhere) = (new_id(), new_id(), new_id(), new_id());
    assert!(ledger.issue(order(first, 1, "acme", "45")).await.unwrap());
    assert!(ledger.issue(order(change, 2, "acme", "45")).await.unwrap());
    assert!(ledger.issue(order(other, 3, "acme", "46")).await.unwrap());
    assert!(ledger.issue(order(elsewhere, 1, "bolt", "45")).await.unwrap());
    let now = after(start(), 60);
    let due = async |without: &[&str], each| {
        let without = without.iter().map(|name| (*name).to_owned()).collect();
        let due = ledger.due_deliveries(now, without, each).await.unwrap();
        due.into_iter().map(|delivery| delivery.message).collect::<Vec<_>>()
    };
    assert_eq!(due(&[], 9).await, [first, other, elsewhere]);
    assert_eq!(due(&[], 1).await, [first, elsewhere], "so many of each");
    assert_eq!(due(&["acme"], 9).await, [elsewhere]);
    // Neither an answer that is waited for nor a delivery that was given up lets the change through.
    let delivery = ledger.deliveries(first).await.unwrap().remove(0);
    for state in [DeliveryState::Waiting, DeliveryState::Dead] {
        assert!(ledger.deliver(attempt(&delivery, state)).await.unwrap());
        assert!(!due(&["bolt"], 9).await.contains(&change), "{state:?}");
    }
    let again = ledger.redeliver(first, now, record("deliveries.resend")).await.unwrap();
    assert_eq!((again.id, again.attempts, again.resent), (delivery.id, 0, 1));
    assert!(ledger.redeliver(first, now, record("deliveries.resend")).await.is_err(), "it is on its way");
    assert_eq!(due(&["bolt"], 9).await, [first, other]);
    ledger.cancel(delivery.id, record("deliveries.cancel")).await.unwrap();
    assert_eq!(due(&["bolt"], 9).await, [change, other]);
    assert!(ledger.cancel(delivery.id, record("deliveries.cancel")).await.is_err());
    let all = ledger.all_deliveries(DeliveryFilter { partner: Some("acme".into()), state: None }, None, 2).await;
    assert_eq!(all.unwrap().iter().map(|one| one.message).collect::<Vec<_>>(), [other, change]);
}

pub async fn what_is_dead_is_replaced(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let (origin, dead, behind) = (new_id(), new_id(), new_id());
    ledger.commit(bare(origin)).await.unwrap();
    assert!(ledger.issue(order(dead, 1, "acme", "45")).await.unwrap());
    let owed = Owed { message: origin, partner: "acme".to_owned(), due: start(), facts: "again".to_owned() };
    let reissue =
        async |replaces: &[MessageId]| ledger.reissue(replaces.to_vec(), vec![owed.clone()], record("anew")).await;
    let state = async || ledger.deliveries(dead).await.unwrap().pop().unwrap().state;
    assert!(matches!(reissue(&[dead]).await, Err(LedgerError::Conflict(_))), "it is on its way");
    let delivery = ledger.deliveries(dead).await.unwrap().remove(0);
    assert!(ledger.deliver(attempt(&delivery, DeliveryState::Dead)).await.unwrap());
    assert!(ledger.issue(order(behind, 2, "acme", "45")).await.unwrap());
    assert!(matches!(reissue(&[dead]).await, Err(LedgerError::Conflict(_))), "what waits behind it would go first");
    assert_eq!((state().await, ledger.owed("acme", 0, 9).await.unwrap().len()), (DeliveryState::Dead, 0));
    let behind = ledger.deliveries(behind).await.unwrap().remove(0);
    ledger.cancel(behind.id, record("deliveries.cancel")).await.unwrap();
    reissue(&[dead]).await.unwrap();
    assert_eq!((state().await, ledger.owed("acme", 0, 9).await.unwrap().len()), (DeliveryState::Cancelled, 1));
    assert!(matches!(reissue(&[dead]).await, Err(LedgerError::Conflict(_))), "it is owed already");
    let audit = ledger.audit_log(9).await.unwrap();
    assert_eq!(audit.iter().filter(|record| record.what == "anew").count(), 1);
    let mut anew = order(new_id(), 3, "acme", "45");
    anew.settles = vec![ledger.owed("acme", 0, 9).await.unwrap()[0].0];
    let id = anew.message.id;
    assert!(ledger.issue(anew).await.unwrap());
    let due = ledger.due_deliveries(after(start(), 60), Vec::new(), 9).await.unwrap();
    assert_eq!(due.iter().map(|delivery| delivery.message).collect::<Vec<_>>(), [id], "it waits behind nothing");
    let settled = ledger.timeline(origin).await.unwrap().iter().filter_map(Fact::settled_by).collect::<Vec<_>>();
    assert_eq!(settled, [id]);
}

pub async fn news_are_told_once(venue: &dyn Venue) {
    let ledger = venue.open().await;
    ledger.declare(vec![consumer("erp")]).await.unwrap();
    let id = new_id();
    let due = after(start(), 60);
    let mut outgoing = order(id, 7, "acme", "45");
    outgoing.numbers = Vec::new();
    outgoing.watches = vec![Watch { message: id, position: 0, kind: WatchKind::Answer, due }];
    assert!(ledger.issue(outgoing).await.unwrap());
    assert!(ledger.untold(9).await.unwrap().is_empty());
    let delivery = ledger.deliveries(id).await.unwrap().remove(0);
    assert!(ledger.deliver(attempt(&delivery, DeliveryState::Delivered)).await.unwrap());
    let untold = ledger.untold(9).await.unwrap();
    assert_eq!(untold.iter().map(|one| one.id).collect::<Vec<_>>(), [delivery.id]);
    let tell = |revision: u32, news: News| {
        let (mut document, event) = document(id, 0, DocumentType::PurchaseOrder, "45");
        document.state = DocumentState::Delivered;
        let event = event.map(|event| crate::ledger::NewEvent { id: id.event(0, revision), ..event });
        News { documents: vec![(document, event)], ..news }
    };
    let watch = Watch { message: id, position: 0, kind: WatchKind::Acknowledgement, due };
    let told = News { delivery: Some(delivery.id), watches: vec![watch], ..News::default() };
    assert!(!ledger.tell(tell(2, told.clone())).await.unwrap(), "not the next event of the document");
    assert!(ledger.tell(tell(1, told.clone())).await.unwrap());
    assert!(!ledger.tell(tell(2, told)).await.unwrap(), "the delivery was told of");
    assert!(ledger.untold(9).await.unwrap().is_empty());
    assert!(ledger.due_watches(start(), 9).await.unwrap().is_empty());
    let watches = ledger.due_watches(due, 9).await.unwrap();
    assert_eq!(
        watches.iter().map(|(_, watch)| watch.kind).collect::<Vec<_>>(),
        [WatchKind::Answer, WatchKind::Acknowledgement]
    );
    let ends = News { ends: vec![watches[0].0], ..News::default() };
    assert!(ledger.tell(tell(2, ends.clone())).await.unwrap());
    assert!(!ledger.tell(tell(3, ends)).await.unwrap());
    let log = ledger.events(0, LogFilter::default(), 9).await.unwrap();
    assert_eq!(log.len(), 3, "issued, delivered, overdue");
    assert_eq!(ledger.documents(id, 0, 9).await.unwrap()[0].state, DocumentState::Delivered);
}

pub async fn series_begin_and_advance(venue: &dyn Venue) {
    let ledger = venue.open().await;
    ledger.begin_number(&series("acme"), 4711).await.unwrap();
    ledger.begin_number(&series("acme"), 9).await.unwrap();
    assert_eq!(ledger.next_number(&series("acme")).await.unwrap(), 4711);
    let id = new_id();
    assert!(ledger.issue(outgoing(id, 4711)).await.unwrap());
    assert_eq!(ledger.issued(&series("acme"), 4711).await.unwrap(), [id]);
    assert!(ledger.issued(&series("acme"), 4712).await.unwrap().is_empty());
    assert!(ledger.advance_number(&series("acme"), 4711, record("numbers.set")).await.is_err(), "it was used");
    ledger.advance_number(&series("acme"), 9000, record("numbers.set")).await.unwrap();
    assert_eq!(ledger.numbers().await.unwrap(), [(series("acme"), 9000)]);
    assert_eq!(ledger.audit_log(9).await.unwrap()[0].what, "numbers.set");
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
    let (one, two, other) = (new_id(), new_id(), new_id());
    let owed =
        |message, n: i64| Owed { message, partner: "acme".to_owned(), due: after(start(), n), facts: n.to_string() };
    ledger.commit(Entry { owed: vec![owed(one, 1), owed(one, 2)], ..bare(one) }).await.unwrap();
    ledger.commit(Entry { owed: vec![owed(two, 3)], ..bare(two) }).await.unwrap();
    let all = ledger.owed("acme", 0, 9).await.unwrap();
    let facts =
        |list: &[(u64, Owed)]| list.iter().map(|(_, owed)| owed.facts.parse::<i64>().unwrap()).collect::<Vec<_>>();
    assert_eq!(facts(&all), [1, 2, 3]);
    assert_eq!(facts(&ledger.owed("acme", 0, 2).await.unwrap()), [1, 2]);
    assert_eq!(facts(&ledger.owed("acme", all[0].0, 1).await.unwrap()), [2]);
    assert!(ledger.owed("acme", all[2].0, 9).await.unwrap().is_empty());
    let globex = Owed { partner: "globex".to_owned(), ..owed(other, 9) };
    ledger.commit(Entry { owed: vec![globex], ..bare(other) }).await.unwrap();
    assert_eq!(facts(&ledger.owed("acme", 0, 9).await.unwrap()), [1, 2, 3]);
    let of_globex = ledger.owed("globex", 0, 9).await.unwrap();
    assert_eq!(facts(&of_globex), [9]);
    assert_eq!(facts(&ledger.owed_of("acme", one).await.unwrap()), [1, 2]);
    assert_eq!(ledger.owed_of("globex", other).await.unwrap(), of_globex);
    assert!(ledger.owed_of("globex", one).await.unwrap().is_empty());
    assert!(ledger.owed("nobody", 0, 9).await.unwrap().is_empty());
    assert_eq!(ledger.owing().await.unwrap(), ["acme", "globex"]);
    let mut settled = outgoing(new_id(), 7);
    settled.numbers = Vec::new();
    settled.settles = vec![of_globex[0].0];
    assert!(ledger.is_owed(of_globex[0].0).await.unwrap());
    assert!(ledger.issue(settled).await.unwrap());
    assert!(!ledger.is_owed(of_globex[0].0).await.unwrap());
    assert_eq!(ledger.owing().await.unwrap(), ["acme"]);
    let id = new_id();
    let mut answer = outgoing(id, 1);
    answer.settles = vec![all[0].0, all[2].0];
    answer.documents = vec![document(id, 0, DocumentType::FunctionalAcknowledgement, "ack")];
    assert!(ledger.issue(answer.clone()).await.unwrap());
    assert_eq!(facts(&ledger.owed("acme", 0, 9).await.unwrap()), [2]);
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
    assert!(ledger.owed("acme", 0, 9).await.unwrap()[0].0 > all[2].0);
    ledger.declare(vec![consumer("erp")]).await.unwrap();
    assert_eq!(keys(&ledger.lease("erp", 9, 60, start()).await.unwrap()), ["ack"], "what is issued may have events");
}

pub async fn deliveries_and_their_states(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let now = start();
    let id = new_id();
    assert!(ledger.issue(Outgoing { due: after(now, 10), ..outgoing(id, 1) }).await.unwrap());
    assert_eq!(ledger.deliveries_paused().await.unwrap(), None);
    assert!(ledger.due_deliveries(after(now, 9), Vec::new(), 9).await.unwrap().is_empty());
    let due = ledger.due_deliveries(after(now, 10), Vec::new(), 9).await.unwrap();
    assert_eq!(due, ledger.deliveries(id).await.unwrap());
    assert_eq!((due[0].message, due[0].channel, due[0].attempts), (id, Channel::As2, 0));
    let failed = Attempt { due: Some(after(now, 60)), ..attempt(&due[0], DeliveryState::Ready) };
    assert!(ledger.deliver(failed).await.unwrap());
    assert!(ledger.due_deliveries(after(now, 59), Vec::new(), 9).await.unwrap().is_empty());
    assert_eq!(ledger.due_deliveries(after(now, 60), Vec::new(), 9).await.unwrap()[0].attempts, 1);
    assert_eq!(ledger.message(id).await.unwrap().unwrap().state, MessageState::Ready);
    let receipt = Some(Receipt(Bytes::from_static(b"MDN")));
    assert!(ledger.deliver(Attempt { receipt, ..attempt(&due[0], DeliveryState::Delivered) }).await.unwrap());
    assert_eq!(ledger.receipt(id).await.unwrap().unwrap().0, "MDN");
    assert!(!ledger.deliver(attempt(&due[0], DeliveryState::Dead)).await.unwrap(), "delivered is delivered");
    assert!(ledger.due_deliveries(after(now, 600), Vec::new(), 9).await.unwrap().is_empty());
    assert_eq!(ledger.message(id).await.unwrap().unwrap().state, MessageState::Delivered);
    let said: Vec<_> = ledger.timeline(id).await.unwrap().into_iter().map(|fact| fact.what).collect();
    assert_eq!(said, ["ready", "delivered"]);
    let unknown = ledger.deliver(Attempt { delivery: 99, ..attempt(&due[0], DeliveryState::Dead) }).await;
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
