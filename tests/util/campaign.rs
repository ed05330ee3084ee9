//! Load that remembers what it was promised: suppliers who post and note every 202, and the questions asked of a
//! gateway afterwards, that everything promised is there and nothing is there twice.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
};

use gangway::play::{ErpClient, Supplier};

use super::{Gateway, cast::*, settled, state, status};

/// What was sent and what was promised, over any number of crashes.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By idempotency key.
    posts: Mutex<BTreeMap<String, Post>>,
    next: AtomicU32,
    accepted: AtomicUsize,
}

/// One document on its way.
#[derive(Debug, Clone)]
pub struct Post {
    /// The API key that it is posted with.
    connection: &'static str,
    /// Whose document it is.
    pub partner: &'static str,
    /// The order that it answers.
    pub order: String,
    /// The bytes.
    pub body: Vec<u8>,
    /// The message, once it was promised.
    pub promised: Option<String>,
}

impl Ledger {
    /// How many were promised so far.
    pub fn promised(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How many were posted, answered or not.
    pub fn posted(&self) -> usize {
        self.posts.lock().unwrap().len()
    }

    /// Posts new documents with `workers` suppliers at a time until `stop`, or until the gateway is gone.
    pub async fn load(self: &Arc<Self>, gateway: &Gateway, workers: usize, stop: &Arc<AtomicBool>) {
        let mut tasks = tokio::task::JoinSet::new();
        for worker in 0..workers {
            let (connection, partner, sender) =
                if worker % 2 == 0 { (ACME_KEY, "acme", ACME) } else { (BOLT_KEY, "bolt", BOLT) };
            let (ledger, stop, supplier) = (Arc::clone(self), Arc::clone(stop), gateway.supplier(connection));
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let number = ledger.next.fetch_add(1, Ordering::Relaxed) + 1;
                    let order = format!("PO-{number}");
                    let post =
                        Post { connection, partner, body: answer_to(sender, number, &order), order, promised: None };
                    let key = format!("key-{number}");
                    ledger.posts.lock().unwrap().insert(key.clone(), post.clone());
                    if !ledger.post(&supplier, &key, post.body).await {
                        return;
                    }
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.expect("a supplier");
        }
    }

    /// Posts again whatever was not promised: what a supplier does who got no answer.
    pub async fn repeat_the_unanswered(&self, gateway: &Gateway) {
        let open: Vec<(String, Post)> = {
            let posts = self.posts.lock().unwrap();
            posts.iter().filter(|(_, post)| post.promised.is_none()).map(|(k, p)| (k.clone(), p.clone())).collect()
        };
        for (key, post) in open {
            assert!(self.post(&gateway.supplier(post.connection), &key, post.body).await, "{key} got no answer");
        }
    }

    /// The messages that were promised so far, with their bytes.
    pub fn promises(&self) -> Vec<(String, Vec<u8>)> {
        let posts = self.posts.lock().unwrap();
        posts.values().filter_map(|post| Some((post.promised.clone()?, post.body.clone()))).collect()
    }

    /// Posts everything anew, as if no answer had ever come; what was promised then may be another message.
    pub async fn repeat_everything(&self, gateway: &Gateway) {
        for post in self.posts.lock().unwrap().values_mut() {
            post.promised = None;
        }
        self.repeat_the_unanswered(gateway).await;
    }

    /// Posts one document; `false` when nobody answered.
    async fn post(&self, supplier: &Supplier, key: &str, body: Vec<u8>) -> bool {
        let Ok(answer) = supplier.post_x12(key, body).await else { return false };
        match answer.status.as_u16() {
            202 => {
                let id = answer.location_id().expect("a Location").to_owned();
                self.posts.lock().unwrap().get_mut(key).expect("a post of ours").promised = Some(id);
                self.accepted.fetch_add(1, Ordering::Relaxed);
                true
            }
            // A gateway that is going down or full says so, and promises nothing.
            503 | 429 => false,
            other => panic!("{key}: {other}: {}", answer.text()),
        }
    }

    /// Every promised message is there, was accepted, and has the bytes that were sent.
    pub async fn verify_messages(&self, erp: &ErpClient) {
        let posts = self.posts.lock().unwrap().clone();
        for (key, post) in posts {
            let Some(id) = post.promised else { continue };
            let message = settled(erp, &id).await;
            assert_eq!(state(&message), "accepted", "{key}: {message}");
            let payload = status(erp.payload(&id).await.unwrap(), 200);
            assert!(payload.body == post.body, "{key}: {id} has other bytes");
        }
    }

    /// On the log, each promised document has exactly one event, from the message that was promised, and nothing else
    /// is there but what a supplier sent and got no answer to.
    pub async fn verify_log(&self, erp: &ErpClient) {
        let mut events: BTreeMap<(String, String), Vec<(String, String)>> = BTreeMap::new();
        let mut ids = std::collections::BTreeSet::new();
        for event in erp.whole_log().await.unwrap() {
            assert!(ids.insert(event.id.clone()), "{} is on the log twice", event.id);
            let order = event.partitionkey.strip_prefix(&format!("{}/", event.partner)).expect("a key of the partner");
            let order = (event.partner.clone(), order.to_owned());
            events.entry(order).or_default().push((event.id, event.messageid));
        }
        let posts = self.posts.lock().unwrap().clone();
        for (key, post) in &posts {
            let found = events.remove(&(post.partner.to_owned(), post.order.clone())).unwrap_or_default();
            match &post.promised {
                Some(message) => {
                    assert_eq!(found.len(), 1, "{key}: {found:?}");
                    assert_eq!(&found[0].1, message, "{key}");
                }
                None => assert!(found.len() <= 1, "{key}: {found:?}"),
            }
        }
        assert!(events.is_empty(), "nobody sent these: {events:?}");
    }
}

/// Numbers that differ from run to run and can be had again: `GANGWAY_SEED` repeats a run.
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    /// Seeded from the environment, or from the clock; says which.
    pub fn new() -> Self {
        let seed = std::env::var("GANGWAY_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| jiff::Timestamp::now().as_nanosecond() as u64 | 1);
        println!("GANGWAY_SEED={seed}");
        Self(seed | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
