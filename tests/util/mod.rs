//! The harness of the integration tests: a folder, a gateway in it, and people who use it.
//!
//! `gwtest!(name, async |dir| { … })` is a test with a folder of its own. No test waits for a time to pass where it can
//! wait for a thing to happen, and none uses a fixed port.

pub mod campaign;
pub mod cast;
mod dir;
pub mod disk;
mod gateway;
pub mod source;

use std::{io::Write, time::Duration};

use gangway::play::{Answer, ErpClient, Leased};

pub use dir::Dir;
pub use gateway::Gateway;

/// A test with a folder and a runtime of its own.
macro_rules! gwtest {
    ($name:ident, $body:expr) => {
        #[test]
        fn $name() {
            crate::util::run(stringify!($name), $body);
        }
    };
}
pub(crate) use gwtest;

/// What `gwtest!` expands to.
pub fn run(name: &str, body: impl AsyncFnOnce(Dir)) {
    let dir = Dir::new(name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(body(dir));
}

/// Says that a test proved nothing here, where `tests/run` gathers it.
pub fn skip(name: &str, why: &str) {
    println!("SKIPPED {name}: {why}");
    if let Some(path) = std::env::var_os("GANGWAY_SKIPS") {
        let file = std::fs::File::options().append(true).create(true).open(path);
        let _ = file.and_then(|mut file| writeln!(file, "{name}: {why}"));
    }
}

/// Tells what a test measured, where `tests/run` gathers it.
pub fn tell(name: &str, figure: &str) {
    println!("{name}: {figure}");
    if let Some(path) = std::env::var_os("GANGWAY_FIGURES") {
        let file = std::fs::File::options().append(true).create(true).open(path);
        let _ = file.and_then(|mut file| writeln!(file, "{name}: {figure}"));
    }
}

/// Whether the long campaigns are asked for.
pub fn full() -> bool {
    std::env::var_os("GANGWAY_FULL").is_some_and(|value| value != "0" && !value.is_empty())
}

/// How long one look is from the next.
const LOOK: Duration = Duration::from_millis(25);
/// How often a thing is looked for before a test gives up: a good minute where nothing else runs. It is counted and not
/// timed, because a machine that was asleep or busy has not looked.
const LOOKS: u32 = 3_000;

/// Asks again and again until `look` finds what it looks for. Fails after many looks, saying what was waited for.
pub async fn wait_for<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS * if full() { 10 } else { 1 } {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("waited in vain for {what}");
}

/// Leases and acknowledges everything that a consumer is owed, in the order it was handed out, until `count` events
/// came and then nothing more.
pub async fn drain(erp: &ErpClient, consumer: &str, count: usize) -> Vec<Leased> {
    let mut all: Vec<Leased> = Vec::new();
    let mut vain = 0;
    while all.len() < count {
        let events = erp.lease(consumer, 100, 20, 60).await.expect("lease");
        vain = if events.is_empty() { vain + 1 } else { 0 };
        assert!(vain < 3, "{} of {count} events came", all.len());
        acknowledge(erp, consumer, &events).await;
        all.extend(events);
    }
    let more = erp.lease(consumer, 100, 0, 60).await.expect("lease");
    assert!(more.is_empty(), "{count} events were expected, and more came: {more:?}");
    all
}

/// Acknowledges leases that must be good.
pub async fn acknowledge(erp: &ErpClient, consumer: &str, events: &[Leased]) {
    let leases: Vec<&str> = events.iter().map(|event| event.lease.as_str()).collect();
    for outcome in erp.ack(consumer, &leases).await.expect("ack") {
        assert_eq!(outcome.outcome, "acked", "{}", outcome.lease);
    }
}

/// Asserts an answer's status and gives the answer back.
#[track_caller]
pub fn status(answer: Answer, expected: u16) -> Answer {
    assert_eq!(answer.status.as_u16(), expected, "{}", answer.text());
    answer
}

/// Bytes as a body with `Content-Encoding: gzip`.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The id of the message that a 202 made.
#[track_caller]
pub fn accepted(answer: Answer) -> String {
    let answer = status(answer, 202);
    let id = answer.location_id().unwrap_or_else(|| panic!("no Location: {}", answer.text()));
    assert!(id.starts_with("msg_"), "{id}");
    id.to_owned()
}

/// Where a message stands, as the ERP sees it, once it is no longer being worked on.
pub async fn settled(erp: &ErpClient, id: &str) -> serde_json::Value {
    wait_for(&format!("{id} to settle"), async || {
        let message = status(erp.message(id).await.expect("message"), 200).json();
        (state(&message) != "processing").then_some(message)
    })
    .await
}

/// The state in a message's JSON.
pub fn state(message: &serde_json::Value) -> &str {
    message["state"].as_str().unwrap_or("")
}

/// The ids of what went out to a partner.
pub async fn outgoing(erp: &ErpClient, partner: &str) -> Vec<String> {
    let found = status(erp.messages(&[("partner", partner)]).await.unwrap(), 200).json();
    let messages = found["data"].as_array().unwrap_or_else(|| panic!("{found}"));
    let out = messages.iter().filter(|message| message["direction"] == "out");
    out.map(|message| message["id"].as_str().unwrap().to_owned()).collect()
}

/// The acknowledgement that answers the partner's interchange with this ISA13, once it is issued.
pub async fn acknowledgement_of(erp: &ErpClient, partner: &str, group: &str) -> String {
    // The groups of our test interchanges are numbered after them.
    let answered = format!("AK1*PR*{group}01");
    wait_for(&format!("the acknowledgement of {group} to {partner}"), async || {
        for id in outgoing(erp, partner).await {
            let text = status(erp.payload(&id).await.unwrap(), 200).text();
            if text.contains(&answered) {
                return Some(text);
            }
        }
        None
    })
    .await
}
