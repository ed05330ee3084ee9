//! The books of a load: what was promised to whom, what the ERP saw of it, and what partners took.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use gangway::play::Event;
use serde_json::Value;

use super::cast::{self, Cast, Way};

/// What went on, as it was seen from outside.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// What suppliers were promised: by partner and order, the references of their answers in the order they were given.
    promised: Mutex<BTreeMap<(String, String), Vec<String>>>,
    /// What the ERP was promised to be sent: by partner, orders and their purposes in the order they were taken.
    ordered: Mutex<BTreeMap<usize, Vec<(String, &'static str)>>>,
    /// What the ERP acknowledged, in that order.
    acknowledged: Mutex<Vec<Event>>,
    /// Time until a supplier had its receipt, or the ERP its 202, by channel.
    receipts: Mutex<BTreeMap<&'static str, Vec<Duration>>>,
    /// Time from the event's to the ERP's acknowledgement, while the ERP was there.
    fetched: Mutex<Vec<Duration>>,
    accepted: AtomicUsize,
    orders: AtomicUsize,
    received: AtomicUsize,
    delivered: AtomicUsize,
}

impl Books {
    /// A supplier's document was taken.
    pub(super) fn promise(&self, partner: usize, order: &str, reference: String) {
        let key = (cast::id(partner), order.to_owned());
        self.promised.lock().unwrap().entry(key).or_default().push(reference);
        self.accepted.fetch_add(1, Relaxed);
    }

    /// The ERP's document was taken.
    pub(super) fn order(&self, partner: usize, number: String, purpose: &'static str) {
        self.ordered.lock().unwrap().entry(partner).or_default().push((number, purpose));
        self.orders.fetch_add(1, Relaxed);
    }

    /// Somebody waited so long for a receipt.
    pub(super) fn waited(&self, channel: &'static str, time: Duration) {
        self.receipts.lock().unwrap().entry(channel).or_default().push(time);
    }

    /// The ERP acknowledged an event; `age` where it was there when the event came.
    pub(super) fn acknowledge(&self, event: Event, age: Option<Duration>) {
        if event.kind.ends_with(".received.v1") {
            self.received.fetch_add(1, Relaxed);
        } else if event.kind.ends_with(".delivered.v1") {
            self.delivered.fetch_add(1, Relaxed);
        }
        self.fetched.lock().unwrap().extend(age);
        self.acknowledged.lock().unwrap().push(event);
    }

    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Relaxed)
    }

    pub(super) fn ordered(&self) -> usize {
        self.orders.load(Relaxed)
    }

    pub(super) fn received(&self) -> usize {
        self.received.load(Relaxed)
    }

    pub(super) fn delivered(&self) -> usize {
        self.delivered.load(Relaxed)
    }

    /// Holds all that was promised against all that came.
    pub(super) fn close(&self, cast: &Cast) {
        self.close_inbound();
        self.close_outbound(cast);
    }

    /// Each document under exactly one event id, and each key in order.
    fn close_inbound(&self) {
        let (mut ids, mut last) = (HashSet::new(), HashMap::new());
        let mut received: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for event in self.acknowledged.lock().unwrap().iter() {
            assert!(ids.insert(event.id.clone()), "{} was acknowledged twice", event.id);
            let before = last.insert(event.partitionkey.clone(), event.sequence.clone());
            assert!(before.as_ref() < Some(&event.sequence), "{} out of order: {event:?}", event.partitionkey);
            if event.kind == "gangway.order_acknowledgement.received.v1" {
                let text = |name: &str| event.data[name].as_str().unwrap_or_default().to_owned();
                let key = (event.partner.clone(), text("order_number"));
                received.entry(key).or_default().push(text("seller_order_number"));
            }
        }
        let promised = self.promised.lock().unwrap();
        for (key, references) in promised.iter() {
            assert_eq!(received.get(key), Some(references), "{key:?}");
        }
        assert_eq!(received.len(), promised.len(), "orders that nobody answered");
    }

    /// Each document taken once by partners that know repetitions by their ids, and each order before its change.
    fn close_outbound(&self, cast: &Cast) {
        for (partner, promised) in self.ordered.lock().unwrap().iter() {
            let taken = match cast::way(*partner) {
                Way::As2 => over_as2(cast, cast::nth(*partner)),
                _ => by_webhook(cast, cast::nth(*partner)),
            };
            let promised_set: BTreeSet<_> = promised.iter().cloned().collect();
            let taken_set: BTreeSet<_> = taken.iter().cloned().collect();
            assert_eq!(taken_set, promised_set, "{}", cast::id(*partner));
            assert_eq!(taken.len(), promised.len(), "{} took something twice: {taken:?}", cast::id(*partner));
            for (place, (number, purpose)) in taken.iter().enumerate() {
                let later = taken.get(place..).unwrap_or_default();
                let overtook = *purpose == "change" && later.contains(&(number.clone(), "original"));
                assert!(!overtook, "the change of {number} overtook it");
            }
        }
    }

    /// What was measured.
    pub(super) fn figures(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (channel, times) in self.receipts.lock().unwrap().iter() {
            lines.push(format!("receipts of {channel}: {}", quantiles(times)));
        }
        let fetched = quantiles(&self.fetched.lock().unwrap());
        lines.push(format!("from an event to the ERP's acknowledgement, while the ERP was there: {fetched}"));
        lines
    }
}

/// What a partner on AS2 took, knowing repetitions by their Message-ID.
fn over_as2(cast: &Cast, nth: usize) -> Vec<(String, &'static str)> {
    let (mut ids, mut taken) = (HashSet::new(), Vec::new());
    for message in cast.server(nth).taken() {
        if !ids.insert(message.message_id) {
            continue;
        }
        let text = String::from_utf8_lossy(&message.bytes).into_owned();
        let mut segments = text.split('~').map(|segment| segment.split('*').collect::<Vec<_>>());
        taken.extend(segments.find_map(|segment| match segment.as_slice() {
            ["BEG", "04", _, number, ..] => Some(((*number).to_owned(), "change")),
            ["BEG", _, _, number, ..] => Some(((*number).to_owned(), "original")),
            _ => None,
        }));
    }
    taken
}

/// What a partner's endpoint took, knowing repetitions by their id. A call that it answered with an error counts: the
/// endpoint may well have taken it.
fn by_webhook(cast: &Cast, nth: usize) -> Vec<(String, &'static str)> {
    let (mut ids, mut taken) = (HashSet::new(), Vec::new());
    for call in cast.endpoint(nth).calls() {
        if !ids.insert(call.headers["webhook-id"].clone()) {
            continue;
        }
        let event: Value = serde_json::from_slice(&call.body).unwrap();
        let purpose = if event["data"]["purpose"] == "change" { "change" } else { "original" };
        taken.push((event["data"]["number"].as_str().unwrap_or_default().to_owned(), purpose));
    }
    taken
}

/// A few quantiles, in words.
pub(super) fn quantiles(times: &[Duration]) -> String {
    let of = |share: f64| quantile(times, share).as_secs_f64() * 1e3;
    let (half, most, worst) = (of(0.5), of(0.99), of(1.0));
    format!("{} timed, p50 {half:.1} ms, p99 {most:.1} ms, worst {worst:.1} ms", times.len())
}

/// The time that this share of them stays within.
pub(super) fn quantile(times: &[Duration], share: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let place = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}
