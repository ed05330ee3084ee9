//! Durable appends per second: 16 producers hand records of 2 KB to one writer, which makes whatever waits durable as
//! one group and then answers. Each engine runs in a process of its own, so that its memory is its own, and the engines
//! take turns, so that a slow minute of the machine is everybody's.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

use crate::{
    engines::{Id, Kind, content},
    stats::{Latencies, disk_usage, median, peak_resident},
};

/// The most that one group holds, as in the embedded ledger.
const LARGEST_GROUP: usize = 256;

/// `storage`.
#[derive(Debug, Args)]
pub struct Options {
    /// How long each run takes, in seconds.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// How often each engine runs.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The size of a record in bytes.
    #[arg(long, default_value_t = 2048)]
    size: usize,
    /// How many producers wait for answers.
    #[arg(long, default_value_t = 16)]
    producers: usize,
    /// Where the files go: a folder on the disk to be measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Only these engines.
    #[arg(long, value_delimiter = ',')]
    engines: Vec<Kind>,
}

/// `storage-run`.
#[derive(Debug, Args)]
pub struct RunOptions {
    engine: Kind,
    folder: PathBuf,
    seconds: u64,
    size: usize,
    producers: usize,
}

/// Every engine in turns, then the medians.
pub fn run(options: &Options) -> Result<()> {
    let engines = if options.engines.is_empty() { Kind::value_variants().to_vec() } else { options.engines.clone() };
    let mut results: Vec<Vec<serde_json::Value>> = vec![Vec::new(); engines.len()];
    for round in 1..=options.rounds {
        for (kind, results) in engines.iter().zip(&mut results) {
            let folder = tempfile::Builder::new().prefix("storage-").tempdir_in(&options.folder)?;
            let output = Command::new(std::env::current_exe()?)
                .args(["storage-run", kind.name()])
                .arg(folder.path())
                .args([options.seconds.to_string(), options.size.to_string(), options.producers.to_string()])
                .output()?;
            ensure!(output.status.success(), "{}: {}", kind.name(), String::from_utf8_lossy(&output.stderr));
            let line = String::from_utf8(output.stdout)?;
            eprintln!("round {round}: {}", line.trim());
            results.push(serde_json::from_str(&line)?);
        }
    }
    let figure = |results: &[serde_json::Value], name: &str| {
        median(&results.iter().filter_map(|result| result[name].as_f64()).collect::<Vec<_>>())
    };
    let raw = engines.iter().position(|kind| *kind == Kind::Raw).map(|at| figure(&results[at], "rate"));
    println!(
        "| engine | records/s | of raw | p50 ms | p99 ms | worst ms | records/group | space/live | peak memory MB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (kind, results) in engines.iter().zip(&results) {
        let get = |name| figure(results, name);
        println!(
            "| {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} | {:.1} | {:.2} | {:.0} |",
            kind.name(),
            get("rate"),
            get("rate") / raw.unwrap_or(f64::NAN),
            get("p50_ms"),
            get("p99_ms"),
            get("worst_ms"),
            get("group"),
            get("space"),
            get("memory_mb"),
        );
    }
    Ok(())
}

/// One engine, here and now; prints one JSON line.
pub fn run_one(options: &RunOptions) -> Result<()> {
    let measured = drive(
        options.engine,
        &options.folder,
        Duration::from_secs(options.seconds),
        options.producers,
        Arc::new({
            let size = options.size;
            move |id| content(id, size)
        }),
    )?;
    println!("{measured}");
    Ok(())
}

/// Drives an engine with group commit for a time, and tells what was seen.
pub fn drive(
    kind: Kind,
    folder: &Path,
    time: Duration,
    producers: usize,
    record: Arc<dyn Fn(Id) -> Vec<u8> + Send + Sync>,
) -> Result<serde_json::Value> {
    type Waiting = (Id, Vec<u8>, mpsc::SyncSender<()>);
    let mut engine = kind.open(folder)?;
    let (sender, receiver) = mpsc::sync_channel::<Waiting>(producers);
    let next = Arc::new(AtomicU64::new(1));
    let stop = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let workers: Vec<_> = (0..producers)
        .map(|_| {
            let (sender, next, stop, record) =
                (sender.clone(), Arc::clone(&next), Arc::clone(&stop), Arc::clone(&record));
            std::thread::spawn(move || {
                let mut latencies = Latencies::default();
                let (done, answer) = mpsc::sync_channel(1);
                while !stop.load(Ordering::Relaxed) {
                    let id = next.fetch_add(1, Ordering::Relaxed);
                    let bytes = record(id);
                    let asked = Instant::now();
                    if sender.send((id, bytes, done.clone())).is_err() || answer.recv().is_err() {
                        break;
                    }
                    latencies.add(asked.elapsed());
                }
                latencies
            })
        })
        .collect();
    drop(sender);

    let mut groups = 0_u64;
    let mut live = 0_u64;
    let mut group = Vec::new();
    let mut answers = Vec::new();
    // Takes what waits, without waiting for more.
    while let Ok(first) = receiver.recv() {
        for (id, bytes, answer) in std::iter::once(first).chain(receiver.try_iter().take(LARGEST_GROUP - 1)) {
            live += bytes.len() as u64;
            group.push((id, bytes));
            answers.push(answer);
        }
        engine.commit(&group).context("commit")?;
        groups += 1;
        group.clear();
        for answer in answers.drain(..) {
            let _ = answer.send(());
        }
        if started.elapsed() >= time {
            stop.store(true, Ordering::Relaxed);
        }
    }
    let elapsed = started.elapsed();
    let mut latencies = Latencies::default();
    for worker in workers {
        latencies.join(worker.join().map_err(|_| anyhow::anyhow!("a producer panicked"))?);
    }
    let records = latencies.len() as f64;
    Ok(serde_json::json!({
        "engine": kind.name(),
        "records": latencies.len(),
        "rate": (records / elapsed.as_secs_f64()).round(),
        "group": records / groups as f64,
        "p50_ms": latencies.quantile(0.5),
        "p99_ms": latencies.quantile(0.99),
        "worst_ms": latencies.quantile(1.0),
        "space": disk_usage(folder) as f64 / live as f64,
        "memory_mb": peak_resident(std::process::id()) as f64 / 1e6,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_what_was_stored() {
        let folder = tempfile::tempdir().unwrap();
        let record: Arc<dyn Fn(Id) -> Vec<u8> + Send + Sync> = Arc::new(|id| content(id, 300));
        let measured = drive(Kind::Sqlite, folder.path(), Duration::from_millis(200), 4, record).unwrap();
        let records = measured["records"].as_u64().unwrap();
        assert!(records > 0, "{measured}");
        let mut engine = Kind::Sqlite.open(folder.path()).unwrap();
        for id in 1..=records {
            assert_eq!(engine.read(id).unwrap(), Some(content(id, 300)));
        }
    }
}
