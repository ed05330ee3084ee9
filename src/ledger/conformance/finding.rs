//! Finding messages and documents by what people know of them.

use super::{Venue, after, bare, commit, document, entry, message, new_id, start};
use crate::{
    document::{DocumentType, MessageId},
    ledger::{Direction, Entry, MessageFilter, MessageState, NumberFilter, Revision, SharedLedger, Slice},
};

async fn find(ledger: &SharedLedger, filter: MessageFilter) -> Vec<MessageId> {
    ledger.messages(filter, None, 99).await.unwrap().iter().map(|message| message.id).collect()
}

/// Finds the same before and after what is derived from the record has caught up, and after a restart.
async fn find_always(venue: &dyn Venue, ledger: SharedLedger, cases: &[(MessageFilter, Vec<MessageId>)]) {
    let mut ledger = ledger;
    for round in 0..3 {
        for (filter, expected) in cases {
            let mut expected = expected.clone();
            expected.sort_unstable_by(|a, b| b.cmp(a));
            assert_eq!(find(&ledger, filter.clone()).await, expected, "round {round}: {filter:?}");
        }
        match round {
            0 => tokio::time::sleep(std::time::Duration::from_millis(600)).await,
            _ => {
                ledger.close().await.unwrap();
                ledger = venue.open().await;
            }
        }
    }
}

pub async fn by_every_field(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let (one, two, three) = (new_id(), new_id(), new_id());
    let mut first = entry(one, &["PO-1", "PO-2"]);
    first.message.filename = Some("a.edi".to_owned());
    first.message.interchange = Some("000000107".to_owned());
    first.message.transport_id = Some("<1@acme>".to_owned());
    let mut second = entry(two, &["PO-2"]);
    second.message.partner = Some("bolt".to_owned());
    second.message.state = MessageState::Held;
    second.message.interchange = None;
    let mut third = bare(three);
    third.message.direction = Direction::Out;
    third.message.relates_to = Some(one);
    third.message.filename = Some("a.edi".to_owned());
    third.message.transport_id = Some("x".repeat(500));
    third.message.interchange = Some("107".to_owned());
    third.message.state = MessageState::Ready;
    // From nobody we know, over a connection that we do.
    let stranger = new_id();
    let mut fourth = bare(stranger);
    fourth.message.partner = None;
    fourth.message.connection = "van".to_owned();
    fourth.message.interchange = None;
    fourth.message.state = MessageState::Held;
    for entry in [first, second, third, fourth] {
        ledger.commit(entry).await.unwrap();
    }
    let by = MessageFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (by(), vec![one, two, three, stranger]),
        (MessageFilter { partner: text("bolt"), ..by() }, vec![two]),
        (MessageFilter { partner: text("acme"), ..by() }, vec![one, three]),
        (MessageFilter { partner: text("van"), ..by() }, vec![stranger]),
        (MessageFilter { partner: text("van"), state: Some(MessageState::Held), ..by() }, vec![stranger]),
        (MessageFilter { partner: text("bolt"), state: Some(MessageState::Held), ..by() }, vec![two]),
        (MessageFilter { number: text("PO-2"), ..by() }, vec![one, two]),
        (MessageFilter { number: text("N1"), ..by() }, vec![one]),
        (MessageFilter { number: text("N"), ..by() }, vec![]),
        (MessageFilter { isa13: text("107"), ..by() }, vec![one, three]),
        (MessageFilter { isa13: text("000000107"), ..by() }, vec![one, three]),
        (MessageFilter { message_id: text("<1@acme>"), ..by() }, vec![one]),
        (MessageFilter { message_id: Some("x".repeat(500)), ..by() }, vec![three]),
        (MessageFilter { message_id: Some("x".repeat(499)), ..by() }, vec![]),
        (MessageFilter { message_id: Some(two.to_string()), ..by() }, vec![two]),
        (MessageFilter { message_id: Some(two.to_string()), partner: text("acme"), ..by() }, vec![]),
        (MessageFilter { filename: text("a.edi"), ..by() }, vec![one, three]),
        (MessageFilter { filename: text("a.edi"), direction: Some(Direction::In), ..by() }, vec![one]),
        (MessageFilter { state: Some(MessageState::Held), ..by() }, vec![two, stranger]),
        (MessageFilter { state: Some(MessageState::Accepted), ..by() }, vec![one]),
        (MessageFilter { state: Some(MessageState::Ready), partner: text("acme"), ..by() }, vec![three]),
        (MessageFilter { relates_to: Some(one), ..by() }, vec![three]),
        (MessageFilter { relates_to: Some(two), ..by() }, vec![]),
        (MessageFilter { number: text("PO-2"), partner: text("acme"), ..by() }, vec![one]),
    ];
    find_always(venue, ledger, &cases).await;
}

pub async fn newest_first_in_pages(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let mut ids: Vec<MessageId> = (0..700).map(|_| new_id()).collect();
    // Committed in another order than their ids.
    for pair in ids.chunks(2) {
        for id in pair.iter().rev() {
            ledger.commit(entry(*id, &["k"])).await.unwrap();
        }
    }
    ids.reverse();
    let filters = [
        MessageFilter::default(),
        MessageFilter { partner: Some("acme".to_owned()), ..MessageFilter::default() },
        MessageFilter { number: Some("k".to_owned()), ..MessageFilter::default() },
    ];
    for filter in filters {
        let (mut paged, mut before) = (Vec::new(), None);
        loop {
            let page = ledger.messages(filter.clone(), before, 37).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            paged.extend(page.iter().map(|message| message.id));
        }
        assert_eq!(paged, ids, "{filter:?}");
    }
    assert!(ledger.messages(MessageFilter::default(), None, 0).await.unwrap().is_empty());
}

pub async fn by_number(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let first = commit(&ledger, &["PO-1", "PO-2"]).await;
    let second = commit(&ledger, &["PO-1"]).await;
    for round in 0..2 {
        let found = async |number: &str| -> Vec<(MessageId, u32)> {
            let found = ledger.documents_by_number(number, NumberFilter::default(), 99).await.unwrap();
            found.iter().map(|document| (document.message, document.position)).collect()
        };
        assert_eq!(found("PO-1").await, [(first, 0), (second, 0)], "round {round}");
        assert_eq!(found("N1").await, [(first, 1)]);
        assert_eq!(found("N0").await, [(first, 0), (second, 0)]);
        assert!(found("PO").await.is_empty());
        let newest = ledger.documents_by_number("PO-1", NumberFilter::default(), 1).await.unwrap();
        assert_eq!(newest.iter().map(|document| document.message).collect::<Vec<_>>(), [second], "the newest");
        let some = async |filter: NumberFilter| {
            let found = ledger.documents_by_number("PO-1", filter, 99).await.unwrap();
            found.into_iter().map(|document| document.message).collect::<Vec<_>>()
        };
        let any = NumberFilter::default;
        assert_eq!(some(NumberFilter { after: Some(first), ..any() }).await, [second]);
        assert!(some(NumberFilter { partner: Some("nobody".to_owned()), ..any() }).await.is_empty());
        assert!(some(NumberFilter { kinds: vec![DocumentType::ShipSchedule], ..any() }).await.is_empty());
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    }
}

pub async fn what_is_not_indexed_yet(venue: &dyn Venue) {
    let ledger = venue.open().await;
    // A message in slices, and one that is processed again: their documents come after the message.
    let (sliced, held) = (new_id(), new_id());
    ledger.commit(Entry { complete: false, ..bare(sliced) }).await.unwrap();
    let mut unknown = bare(held);
    unknown.message.partner = None;
    ledger.commit(unknown).await.unwrap();
    let other = commit(&ledger, &["other"]).await;
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    let documents = vec![document(sliced, 0, DocumentType::Invoice, "PO-7")];
    ledger.append(Slice { message: sliced, claims: Vec::new(), documents }).await.unwrap();
    ledger.finish(sliced, MessageState::Accepted, Vec::new(), Vec::new()).await.unwrap();
    let revision = Revision {
        message: held,
        state: MessageState::Accepted,
        problem: None,
        partner: Some("late".to_owned()),
        claims: Vec::new(),
        documents: vec![document(held, 0, DocumentType::Invoice, "PO-7")],
        owed: Vec::new(),
        facts: Vec::new(),
    };
    ledger.revise(revision).await.unwrap();
    let by = |number: &str| MessageFilter { number: Some(number.to_owned()), ..MessageFilter::default() };
    let cases = [
        (by("PO-7"), vec![sliced, held]),
        (MessageFilter { partner: Some("late".to_owned()), ..MessageFilter::default() }, vec![held]),
        // It came on their connection, and is somebody else's after all.
        (MessageFilter { partner: Some("acme".to_owned()), ..MessageFilter::default() }, vec![sliced, other]),
    ];
    assert_eq!(ledger.documents_by_number("PO-7", NumberFilter::default(), 9).await.unwrap().len(), 2);
    find_always(venue, ledger, &cases).await;
}

pub async fn times_bound_what_is_found(venue: &dyn Venue) {
    let ledger = venue.open().await;
    let now = start();
    let mut ids = Vec::new();
    for day in 0..40i64 {
        let at = after(now, -86_400 * day);
        let id = MessageId::new(u64::try_from(at.as_millisecond()).unwrap(), u128::try_from(day).unwrap());
        let mut one = bare(id);
        one.message = message(id, "acme");
        one.message.at = at;
        ledger.commit(one).await.unwrap();
        ids.push(id);
    }
    let between = |from: i64, to: i64| MessageFilter {
        from: Some(after(now, -86_400 * from)),
        to: Some(after(now, -86_400 * to)),
        ..MessageFilter::default()
    };
    assert_eq!(find(&ledger, between(5, 2)).await, ids[3..6]);
    assert_eq!(find(&ledger, between(39, 38)).await, ids[39..]);
    assert_eq!(find(&ledger, between(1, 5)).await, []);
    let partner = MessageFilter { partner: Some("acme".to_owned()), ..between(20, 18) };
    assert_eq!(find(&ledger, partner).await, ids[19..21]);
    let open = MessageFilter { from: Some(after(now, -86_400)), ..MessageFilter::default() };
    assert_eq!(find(&ledger, open).await, ids[..2]);
}
