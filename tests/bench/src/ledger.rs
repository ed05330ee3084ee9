//! Arrivals per second of the embedded ledger itself: 16 producers commit what a typical 2 KB document leaves behind (its
//! bytes, a message, a document, an event, three claims, an acknowledgement owed). In the same run the same bytes are
//! appended to a plain file with one fdatasync per group, so that the ratio is what is read.
//!
//! `load` asks the same of it beside a whole gateway, with the acknowledgements issued as the exchange does it.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use bytes::Bytes;
use clap::Args;
use gangway::{
    document::DocumentType,
    ledger::{
        ClaimKind, Committed, Entry, Fact, Owed, Payload, Receipt, SharedLedger,
        conformance::{bare, claim, consumer, document, new_id, outgoing::outgoing, start},
        sqlite::{Options as LedgerOptions, SqliteLedger},
    },
};

use crate::{
    engines::{Id, Kind, content},
    stats::{Latencies, disk_usage, median, peak_resident, processor_time},
    storage::drive,
};

/// `ledger`.
#[derive(Debug, Args)]
pub struct Options {
    /// How long each run takes, in seconds.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// How often each runs.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The size of a payload in bytes; the event's document is half of it.
    #[arg(long, default_value_t = 2048)]
    size: usize,
    /// How many producers wait for answers.
    #[arg(long, default_value_t = 16)]
    producers: usize,
    /// Also an ERP that leases and acknowledges everything meanwhile.
    #[arg(long)]
    erp: bool,
    /// Also issue the acknowledgements that are owed, as the exchange does.
    #[arg(long)]
    acknowledge: bool,
    /// Where the files go: a folder on the disk to be measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

/// Runs both in turns.
pub fn run(options: &Options) -> Result<()> {
    let time = Duration::from_secs(options.seconds);
    let size = options.size;
    let bytes = plain(&typical(1, size)).len();
    let mut made = 0;
    let (mut plains, mut ledgers, mut processors) = (Vec::new(), Vec::new(), Vec::new());
    let (began, used) = (Instant::now(), processor_time(std::process::id()));
    while began.elapsed() < Duration::from_secs(1) {
        (0..100).for_each(|n| drop(std::hint::black_box(typical(n, size))));
        made += 100;
    }
    let making = (processor_time(std::process::id()) - used).as_secs_f64() * 1e6 / f64::from(made);
    println!(
        "{bytes} bytes per arrival, {} producers, {} s; making an entry takes the benchmark {making:.1} µs",
        options.producers, options.seconds
    );
    for round in 1..=options.rounds {
        let folder = tempfile::Builder::new().prefix("raw-").tempdir_in(&options.folder)?;
        let record = Arc::new(move |id: Id| content(id, bytes));
        let raw = drive(Kind::Raw, folder.path(), time, options.producers, record)?;
        println!("round {round}: plain append {raw}");
        plains.push(raw["rate"].as_f64().unwrap_or(f64::NAN));
        drop(folder);

        let folder = tempfile::Builder::new().prefix("ledger-").tempdir_in(&options.folder)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let pressure =
            Pressure { producers: options.producers, time, erp: options.erp, acknowledge: options.acknowledge };
        let measured = runtime.block_on(press(folder.path().join("data"), &pressure, move |n| typical(n, size)))?;
        println!(
            "round {round}: ledger {:.0}/s, p50 {:.2} ms, p99 {:.2} ms, worst {:.1} ms, {:.1} µs of processor each, \
             {:.0} bytes on disk each, {} leased",
            measured.rate,
            measured.p50,
            measured.p99,
            measured.worst,
            measured.processor,
            measured.room,
            measured.leased
        );
        ledgers.push(measured.rate);
        processors.push(measured.processor);
    }
    println!(
        "median: plain append {:.0}/s, ledger {:.0}/s = {:.2} of it, {:.1} µs of processor per arrival, peak {} MB",
        median(&plains),
        median(&ledgers),
        median(&ledgers) / median(&plains),
        median(&processors),
        peak_resident(std::process::id()) >> 20,
    );
    Ok(())
}

/// What a typical arrival leaves behind.
pub fn typical(n: u64, size: usize) -> Entry {
    let id = new_id();
    let mut one = document(id, 0, DocumentType::OrderAcknowledgement, &format!("acme/PO-{n}"));
    if let Some(event) = &mut one.1 {
        event.data = Bytes::from(content(n, size / 2));
    }
    one.0.number = Some(format!("{n}"));
    let at = start();
    let fact = |what: &str| Fact { at, what: what.to_owned(), detail: "by the exchange".to_owned() };
    let claims = [ClaimKind::Transport, ClaimKind::Interchange, ClaimKind::Business].map(|kind| claim(kind, n, 1, 0));
    let mut entry = Entry {
        payload: Payload::Inline(Bytes::from(content(n, size))),
        claims: claims.to_vec(),
        documents: vec![one],
        owed: vec![Owed {
            message: id,
            partner: "acme".to_owned(),
            due: at,
            facts: serde_json::json!({"interchange": n, "groups": [{"code": "PR", "sets": [{"id": "855", "status": "A"}]}]}).to_string(),
        }],
        facts: vec![fact("received"), fact("committed")],
        ..bare(id)
    };
    entry.message.interchange = Some(format!("{n:09}"));
    // As long as the stored answer of the REST door, and the digest of a configuration.
    entry.receipt = Receipt(Bytes::from(content(n, 280)));
    entry.message.config = "0".repeat(64);
    entry
}

/// What a canonical document leaves behind: the event has all of it, and no acknowledgement is owed.
pub fn canonical(n: u64, size: usize) -> Entry {
    let mut entry = typical(n, size);
    entry.claims.retain(|claim| claim.kind != ClaimKind::Interchange);
    entry.owed.clear();
    entry.message.interchange = None;
    if let Some((_, Some(event))) = entry.documents.first_mut() {
        event.data = Bytes::from(content(n, size));
    }
    entry
}

/// The same as one run of bytes.
fn plain(entry: &Entry) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(&entry.message).unwrap_or_default();
    if let Payload::Inline(payload) = &entry.payload {
        bytes.extend_from_slice(payload);
    }
    bytes.extend_from_slice(&entry.receipt.0);
    for (document, event) in &entry.documents {
        bytes.extend(serde_json::to_vec(document).unwrap_or_default());
        bytes.extend(event.iter().flat_map(|event| event.data.iter().copied()));
    }
    entry.claims.iter().for_each(|claim| bytes.extend([&claim.key.0[..], &claim.digest[..]].concat()));
    entry.owed.iter().for_each(|owed| bytes.extend(owed.facts.bytes()));
    bytes
}

/// What is asked of the ledger.
pub struct Pressure {
    /// How many producers wait for answers.
    pub producers: usize,
    /// For how long.
    pub time: Duration,
    /// Whether an ERP leases and acknowledges everything meanwhile.
    pub erp: bool,
    /// Whether what is owed is issued meanwhile.
    pub acknowledge: bool,
}

/// What came of it.
pub struct Measured {
    /// Arrivals per second.
    pub rate: f64,
    /// Median latency of a commit in milliseconds.
    pub p50: f64,
    /// Its 99th percentile.
    pub p99: f64,
    worst: f64,
    /// Microseconds of processor time per arrival, all threads' and the making of the entries included.
    pub processor: f64,
    room: f64,
    leased: u64,
}

/// Presses entries into an embedded ledger by itself.
pub async fn press(
    data: PathBuf,
    pressure: &Pressure,
    make: impl Fn(u64) -> Entry + Send + Sync + 'static,
) -> Result<Measured> {
    let ledger: SharedLedger = Arc::new(SqliteLedger::open(&data, &LedgerOptions::default())?);
    ledger.declare(vec![consumer("erp")]).await?;
    let (next, stop, make) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicBool::new(false)), Arc::new(make));
    let (began, used) = (Instant::now(), processor_time(std::process::id()));
    let tasks: Vec<_> = (0..pressure.producers)
        .map(|_| {
            let (ledger, next, stop, make) = (ledger.clone(), Arc::clone(&next), Arc::clone(&stop), Arc::clone(&make));
            tokio::spawn(async move {
                let mut latencies = Latencies::default();
                while !stop.load(Ordering::Relaxed) {
                    let entry = make(next.fetch_add(1, Ordering::Relaxed));
                    let asked = Instant::now();
                    let outcome = ledger.commit(entry).await?;
                    ensure!(outcome == Committed::Stored, "{outcome:?}");
                    latencies.add(asked.elapsed());
                }
                anyhow::Ok(latencies)
            })
        })
        .collect();
    let erp = pressure.erp.then(|| tokio::spawn(take_all(ledger.clone(), Arc::clone(&stop))));
    let acknowledging = pressure.acknowledge.then(|| tokio::spawn(acknowledge_all(ledger.clone(), Arc::clone(&stop))));
    tokio::time::sleep(pressure.time).await;
    stop.store(true, Ordering::Relaxed);
    let mut latencies = Latencies::default();
    for task in tasks {
        latencies.join(task.await??);
    }
    let seconds = began.elapsed().as_secs_f64();
    let processor = processor_time(std::process::id()) - used;
    let leased = match erp {
        Some(erp) => erp.await??,
        None => 0,
    };
    if let Some(acknowledging) = acknowledging {
        acknowledging.await??;
    }
    let count = latencies.len() as f64;
    ledger.close().await?;
    Ok(Measured {
        rate: count / seconds,
        p50: latencies.quantile(0.5),
        p99: latencies.quantile(0.99),
        worst: latencies.quantile(1.0),
        processor: processor.as_secs_f64() * 1e6 / count,
        room: disk_usage(&data) as f64 / count,
        leased,
    })
}

/// An ERP that leases and acknowledges whatever there is; how much that was.
async fn take_all(ledger: SharedLedger, stop: Arc<AtomicBool>) -> Result<u64> {
    let (mut leased, mut changed) = (0u64, ledger.changed());
    while !stop.load(Ordering::Relaxed) {
        let events = ledger.lease("erp", 200, 60, start()).await?;
        if events.is_empty() {
            let _ = tokio::time::timeout(Duration::from_millis(50), changed.changed()).await;
            continue;
        }
        leased += events.len() as u64;
        ledger.ack("erp", events.iter().map(|event| event.lease).collect(), start()).await?;
    }
    Ok(leased)
}

/// Issues what is owed, many together, the way the exchange does.
async fn acknowledge_all(ledger: SharedLedger, stop: Arc<AtomicBool>) -> Result<()> {
    let mut number = 1;
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        loop {
            let owed = ledger.owed("acme", 0, 128).await?;
            if owed.is_empty() {
                break;
            }
            let answers = owed.iter().map(|(id, _)| {
                let mut answer = outgoing(new_id(), number);
                number += 1;
                answer.payload = Payload::Inline(Bytes::from(content(number, 320)));
                answer.documents =
                    vec![(document(answer.message.id, 0, DocumentType::FunctionalAcknowledgement, "ack").0, None)];
                answer.settles = vec![*id];
                ledger.issue(answer)
            });
            let answers = futures_util::future::join_all(answers.collect::<Vec<_>>()).await;
            for answer in answers {
                ensure!(answer?, "an acknowledgement was refused");
            }
        }
    }
    Ok(())
}
