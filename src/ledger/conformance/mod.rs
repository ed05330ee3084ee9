//! What every ledger has to do, as tests that any implementation must pass. They know the trait and nothing behind it.
//!
//! An implementation says how its store is opened ([`Venue`]) and names the suite with
//! [`ledger_conformance!`](crate::ledger_conformance); every case then is a test of its own.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

pub mod arrivals;
pub mod finding;
pub mod load;
pub mod outgoing;
pub mod queue;
pub mod standing;

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{
    Channel, Claim, ClaimKey, ClaimKind, Committed, Consumer, Direction, Document, DocumentState, Entry, Fact,
    LeaseToken, LeasedEvent, Message, MessageState, NewEvent, Payload, Receipt, SharedLedger, StartAt,
};
use crate::document::{DocumentType, MessageId, Mode};

/// A store of its own for one case, which can be opened again after it was closed.
#[async_trait]
pub trait Venue: Send + Sync {
    /// Opens the store.
    async fn open(&self) -> SharedLedger;
}

/// A test per case of the suite. `$venue` makes a new, empty [`Venue`].
#[macro_export]
macro_rules! ledger_conformance {
    ($venue:expr) => {
        $crate::ledger_conformance! { @cases $venue;
            arrivals: [
                what_is_committed_is_all_there, a_taken_claim_stores_nothing, claims_of_one_message, the_same_entry_twice,
                slices_and_their_end, slices_after_a_restart, a_slice_is_bounded, a_large_payload, revisions,
                revising_twice, unknown_messages,
            ],
            finding: [
                by_every_field, newest_first_in_pages, by_number, what_is_not_indexed_yet, times_bound_what_is_found,
            ],
            queue: [
                in_order_per_key, one_answer_holds_one_of_a_key, leases_run_out, stale_leases, an_acknowledgement_twice,
                giving_back, parked_keys_wait, given_up_and_on, put_back, a_blocked_key_blocks_no_other, every_key_has_its_share,
                leases_outlive_a_restart, consumers_do_not_affect_each_other, modes_and_types, where_a_consumer_starts,
                declared_again, extending, unknown_consumers, out_of_order_acknowledgement,
            ],
            standing: [
                stats_follow, peek_changes_nothing, release_and_skip_are_audited, the_log, one_event, changed_tells,
                the_audit_chain, what_is_remembered_outlives_a_restart,
            ],
            outgoing: [
                numbers_are_used_once, owed_and_settled, deliveries_and_their_states, issuing_twice,
                a_change_never_overtakes_its_order, what_is_dead_is_replaced, news_are_told_once, series_begin_and_advance,
            ],
            load: [
                all_committed_once, a_claim_has_one_winner, positions_without_gaps, workers_share_a_queue,
                closing_ends_everything, a_backup_refuses_to_overwrite,
            ],
        }
    };
    (@cases $venue:expr; $($room:ident: [$($case:ident),* $(,)?]),* $(,)?) => {$(
        mod $room {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    $crate::ledger::conformance::$room::$case(&$venue).await;
                }
            )*
        }
    )*};
}

/// A moment that all cases count from: now, in whole microseconds, so that a store may round to those.
pub fn start() -> Timestamp {
    Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap()
}

/// `seconds` after `time`.
pub fn after(time: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond() + seconds * 1_000_000).unwrap()
}

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A new message id, made now.
pub fn new_id() -> MessageId {
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    MessageId::new(u64::try_from(Timestamp::now().as_millisecond()).unwrap(), (u128::from(n) << 16) | 7)
}

/// 32 bytes and 16 bytes that nothing else has.
pub fn claim(kind: ClaimKind, what: u64, digest: u8, position: u32) -> Claim {
    let mut key = [0u8; 16];
    key[..8].copy_from_slice(&what.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    key[8..].copy_from_slice(&what.to_be_bytes());
    Claim { kind, key: ClaimKey(key), digest: [digest; 32], position }
}

/// A plain message.
pub fn message(id: MessageId, partner: &str) -> Message {
    Message {
        id,
        direction: Direction::In,
        channel: Channel::Rest,
        connection: partner.to_owned(),
        partner: Some(partner.to_owned()),
        transport_id: Some(format!("transport-{id}")),
        filename: None,
        content_type: Some("application/edi-x12".to_owned()),
        digest: "0123456789abcdef".repeat(4),
        bytes: 5,
        interchange: Some("000000042".to_owned()),
        at: start(),
        state: MessageState::Accepted,
        mode: Mode::Live,
        correlation: format!("c-{id}"),
        config: "config-1".to_owned(),
        problem: None,
        relates_to: None,
    }
}

/// A document and its event.
pub fn document(id: MessageId, position: u32, kind: DocumentType, key: &str) -> (Document, Option<NewEvent>) {
    let number = format!("N{position}");
    let event = NewEvent {
        id: id.event(position, 0),
        kind: format!("gangway.{kind}.received.v1"),
        subject: format!("{kind}/{number}"),
        partner: "acme".to_owned(),
        key: key.to_owned(),
        mode: Mode::Live,
        time: start(),
        correlation: format!("c-{id}"),
        replaces: None,
        data: Bytes::from(format!("{{\"position\":{position}}}")),
    };
    let document = Document {
        message: id,
        position,
        partner: Some("acme".to_owned()),
        kind: Some(kind),
        format_kind: "810".to_owned(),
        number: Some(number),
        orders: vec![key.to_owned()],
        state: DocumentState::Queued,
        range: (100 * u64::from(position), 100),
        digest: "fedcba9876543210".repeat(4),
        problem: None,
        extras: None,
        mapping: Some("x12-810@1".to_owned()),
        event: Some(event.id),
        revision: 0,
    };
    (document, Some(event))
}

/// An entry without documents.
pub fn bare(id: MessageId) -> Entry {
    Entry {
        message: message(id, "acme"),
        payload: Payload::Inline(Bytes::from_static(b"bytes")),
        receipt: Receipt(Bytes::from_static(b"receipt")),
        claims: Vec::new(),
        documents: Vec::new(),
        owed: Vec::new(),
        facts: vec![Fact { at: start(), what: "received".to_owned(), detail: "over REST".to_owned() }],
        complete: true,
    }
}

/// An entry with one invoice per key.
pub fn entry(id: MessageId, keys: &[&str]) -> Entry {
    let documents =
        (0u32..).zip(keys).map(|(position, key)| document(id, position, DocumentType::Invoice, key)).collect();
    Entry { documents, ..bare(id) }
}

/// Commits an entry with one invoice per key; its id.
pub async fn commit(ledger: &SharedLedger, keys: &[&str]) -> MessageId {
    let id = new_id();
    assert_eq!(ledger.commit(entry(id, keys)).await, Ok(Committed::Stored));
    id
}

/// A consumer of every live type, from the start.
pub fn consumer(name: &str) -> Consumer {
    Consumer {
        name: name.to_owned(),
        types: Vec::new(),
        mode: Mode::Live,
        start: StartAt::Earliest,
        max_attempts: 3,
        dead_and_continue: Vec::new(),
    }
}

/// The keys of what was leased, in order.
pub fn keys(leased: &[LeasedEvent]) -> Vec<&str> {
    leased.iter().map(|one| one.event.key.as_str()).collect()
}

/// The messages of what was leased, in order.
pub fn messages(leased: &[LeasedEvent]) -> Vec<MessageId> {
    leased.iter().map(|one| one.event.message).collect()
}

/// The tokens of what was leased.
pub fn tokens(leased: &[LeasedEvent]) -> Vec<LeaseToken> {
    leased.iter().map(|one| one.lease).collect()
}
