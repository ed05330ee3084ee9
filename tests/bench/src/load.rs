//! A gateway under load: suppliers post 855s of 2 KB to `POST /v1/messages`, or with `--json` acknowledgements of 2 KB in
//! canonical JSON to `POST /v1/orders/{number}/acknowledgements`. First as fast as it answers, then at a
//! steady rate; beside it, a plain append and `fdatasync` of the same bytes by as many producers, and rows like those of an
//! arrival and its 997 written straight to the ledger.
//!
//! The load's clients run on the same machine and take their share of it; the server's own processor time per arrival
//! is what does not depend on them.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use clap::Args;
use gangway::play::x12::{Interchange, Order, Party, order_acknowledgement};

use crate::{
    engines::Kind,
    ledger::{Pressure, canonical, press, typical},
    line::Line,
    stats::{Latencies, processor_time},
    storage::drive,
};

const OURS: &str = "01/098765432";
const THEIRS: &str = "01/123456789";
const KEY: &str = "gw_live_0000000000000000000000000000000000000001";

/// `load`.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The program, built with `--release`.
    #[arg(long, default_value = "target/release/gangway")]
    gangway: PathBuf,
    /// How long each part takes, in seconds.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Post canonical JSON instead of X12.
    #[arg(long)]
    json: bool,
    /// How many suppliers post at the same time when it is as fast as it goes.
    #[arg(long, default_value_t = 32)]
    suppliers: usize,
    /// The steady rate, arrivals per second.
    #[arg(long, default_value_t = 1000)]
    rate: u64,
    /// Where the gateway's data goes: a folder on the disk to be measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Drive this running gateway instead, like http://127.0.0.1:8080; with `--key` and `--pid`.
    #[arg(long, requires_all = ["key", "pid"])]
    url: Option<String>,
    /// The API key for `--url`; its partner must have the X12 id 01/123456789.
    #[arg(long)]
    key: Option<String>,
    /// The process to be watched for `--url`.
    #[arg(long)]
    pid: Option<u32>,
}

/// The parts, each told in one line of JSON.
pub fn run(options: Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = match (&options.url, &options.key, options.pid) {
        (Some(url), Some(key), Some(pid)) => Server { url: url.clone(), key: key.clone(), pid, started: None },
        _ => runtime.block_on(Server::start(&options))?,
    };
    let bodies = Arc::new(Bodies::new(options.json));
    println!("{{\"body_bytes\":{}}}", bodies.make(1).len());
    let time = Duration::from_secs(options.seconds);

    runtime.block_on(as_fast_as_it_goes(&server, &bodies, options.suppliers, Duration::from_secs(3)))?;
    let cpu = processor_time(server.pid);
    let mut fast = runtime.block_on(as_fast_as_it_goes(&server, &bodies, options.suppliers, time))?;
    report("saturation", &mut fast, time, processor_time(server.pid) - cpu);

    let cpu = processor_time(server.pid);
    let mut steady = runtime.block_on(at_a_rate(&server, &bodies, options.rate, time))?;
    report("steady", &mut steady, time, processor_time(server.pid) - cpu);

    let folder = tempfile::Builder::new().prefix("append-").tempdir_in(&options.folder)?;
    let same = Arc::clone(&bodies);
    let record = Arc::new(move |id| same.make(id).to_vec());
    let append = drive(Kind::Raw, folder.path(), time, options.suppliers, record)?;
    println!("{}", serde_json::json!({ "part": "append", "rate": append["rate"], "p99_ms": append["p99_ms"] }));
    let rate = fast.len() as f64 / time.as_secs_f64();
    let of_append = rate / append["rate"].as_f64().unwrap_or(f64::NAN);

    let folder = tempfile::Builder::new().prefix("rows-").tempdir_in(&options.folder)?;
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let pressure = Pressure { producers: options.suppliers, time, erp: false, acknowledge: !options.json };
    let size = bodies.make(1).len();
    let like: fn(u64, usize) -> gangway::ledger::Entry = if options.json { canonical } else { typical };
    let rows = threads.block_on(press(folder.path().join("data"), &pressure, move |n| like(n, size)))?;
    let line = serde_json::json!({
        "part": "ledger", "rate": rows.rate.round(), "p99_ms": rows.p99, "cpu_us_per_arrival": rows.processor.round(),
    });
    println!("{line}");
    let of_ledger = rate / rows.rate;
    let line =
        serde_json::json!({ "part": "ratio", "saturation_of_append": of_append, "saturation_of_ledger": of_ledger });
    println!("{line}");
    Ok(())
}

fn report(part: &str, latencies: &mut Latencies, time: Duration, cpu: Duration) {
    let arrivals = latencies.len() as f64;
    let line = serde_json::json!({
        "part": part,
        "arrivals": latencies.len(),
        "rate": (arrivals / time.as_secs_f64()).round(),
        "p50_ms": latencies.quantile(0.5),
        "p99_ms": latencies.quantile(0.99),
        "worst_ms": latencies.quantile(1.0),
        "server_cpu_us_per_arrival": (cpu.as_secs_f64() * 1e6 / arrivals).round(),
    });
    println!("{line}");
}

/// Bodies that differ in their numbers only, so that making one costs the load next to nothing.
struct Bodies {
    template: Vec<u8>,
    places: Vec<usize>,
    next: AtomicU64,
    json: bool,
}

const PLACE: &[u8] = b"700000000";

impl Bodies {
    fn new(json: bool) -> Self {
        let number = std::str::from_utf8(PLACE).unwrap_or_default();
        let template = if json {
            acknowledgement(number).to_string().into_bytes()
        } else {
            let set = order_acknowledgement(&Order::sample(number, 16), number);
            Interchange::new(&Party::new(THEIRS), &Party::new(OURS), 700_000_000).with(set).to_bytes()
        };
        let places =
            (0..template.len()).filter(|at| template.get(*at..).is_some_and(|rest| rest.starts_with(PLACE))).collect();
        Self { template, places, next: AtomicU64::new(1), json }
    }

    fn make(&self, number: u64) -> Bytes {
        let mut body = self.template.clone();
        let text = format!("7{:08}", number % 100_000_000);
        for place in &self.places {
            body[*place..place + PLACE.len()].copy_from_slice(text.as_bytes());
        }
        body.into()
    }

    fn next(&self) -> (u64, Bytes) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number, self.make(number))
    }
}

/// An acknowledgement in canonical JSON, with as many lines as make 2 KB.
fn acknowledgement(order: &str) -> serde_json::Value {
    let line = |number: u32| {
        serde_json::json!({
            "number": number.to_string(),
            "quantity": { "value": "10", "unit": "EA" },
            "price": { "amount": "12.50" },
            "identifiers": [
                { "scheme": "buyer_part", "value": format!("B-{number:06}") },
                { "scheme": "vendor_part", "value": format!("V-{number:06}") },
            ],
        })
    };
    serde_json::json!({
        "order_number": order,
        "purpose": "original",
        "seller_order_number": order,
        "issue_date": "2026-11-21",
        "lines": (1..=11).map(line).collect::<Vec<_>>(),
    })
}

/// Suppliers' connections: as many as are waited on at the same time.
struct Lines {
    host: String,
    authorization: String,
    idle: Mutex<Vec<Line>>,
}

impl Lines {
    fn to(server: &Server) -> Arc<Self> {
        let host = server.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Arc::new(Self { host, authorization: format!("Bearer {}", server.key), idle: Mutex::default() })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Line>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Posts the next body, and has it accepted.
    async fn post(&self, bodies: &Bodies) -> Result<()> {
        let (number, body) = bodies.next();
        let idle = self.idle().pop();
        let mut line = match idle {
            Some(line) => line,
            None => Line::open(&self.host).await?,
        };
        let (path, content_type) = if bodies.json {
            (format!("/v1/orders/7{:08}/acknowledgements", number % 100_000_000), "application/json")
        } else {
            ("/v1/messages".to_owned(), "application/edi-x12")
        };
        let (key, length) = (format!("load-{number}"), body.len().to_string());
        let fields = [
            ("Authorization", &*self.authorization),
            ("Content-Type", content_type),
            ("Idempotency-Key", &key),
            ("Content-Length", &length),
        ];
        let answer = line.post(&path, fields, &body).await?;
        ensure!(answer.status == 202, "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        self.idle().push(line);
        Ok(())
    }
}

async fn as_fast_as_it_goes(
    server: &Server,
    bodies: &Arc<Bodies>,
    suppliers: usize,
    time: Duration,
) -> Result<Latencies> {
    let (lines, until) = (Lines::to(server), Instant::now() + time);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..suppliers {
        let (lines, bodies) = (Arc::clone(&lines), Arc::clone(bodies));
        tasks.spawn(async move {
            let mut latencies = Latencies::default();
            while Instant::now() < until {
                let asked = Instant::now();
                lines.post(&bodies).await?;
                latencies.add(asked.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut all = Latencies::default();
    while let Some(ended) = tasks.join_next().await {
        all.join(ended??);
    }
    Ok(all)
}

/// One arrival every so often, whether or not the one before was answered. Each is timed from when it was due, so that
/// a server that falls behind cannot hide it.
async fn at_a_rate(server: &Server, bodies: &Arc<Bodies>, rate: u64, time: Duration) -> Result<Latencies> {
    let (lines, begun) = (Lines::to(server), Instant::now());
    let mut tasks = tokio::task::JoinSet::new();
    let mut all = Latencies::default();
    for number in 0..rate * time.as_secs() {
        let due = begun + Duration::from_nanos(number * 1_000_000_000 / rate);
        tokio::time::sleep_until(due.into()).await;
        let (lines, bodies) = (Arc::clone(&lines), Arc::clone(bodies));
        tasks.spawn(async move {
            lines.post(&bodies).await?;
            anyhow::Ok(due.elapsed())
        });
        while let Some(ended) = tasks.try_join_next() {
            all.add(ended??);
        }
    }
    while let Some(ended) = tasks.join_next().await {
        all.add(ended??);
    }
    Ok(all)
}

/// The gateway that is measured.
struct Server {
    url: String,
    key: String,
    pid: u32,
    started: Option<(Child, tempfile::TempDir)>,
}

impl Server {
    async fn start(options: &Options) -> Result<Self> {
        let program = options
            .gangway
            .canonicalize()
            .with_context(|| format!("{}: build it first (cargo build --release)", options.gangway.display()))?;
        let folder = tempfile::Builder::new().prefix("load-").tempdir_in(&options.folder)?;
        write_settings(folder.path())?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let mut child = Command::new(program)
            .args(["serve", "--config", "gangway.toml"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let listeners = folder.path().join("data/listeners.json");
        for _ in 0..600 {
            if let Some(status) = child.try_wait()? {
                let log = std::fs::read_to_string(folder.path().join("log"))?;
                bail!("the gateway ended with {status}:\n{log}");
            }
            let read = std::fs::read(&listeners).unwrap_or_default();
            let json: serde_json::Value = serde_json::from_slice(&read).unwrap_or_default();
            if let Some(public) = json["public"].as_str() {
                let url = format!("http://{public}");
                return Ok(Self { url, key: KEY.into(), pid: child.id(), started: Some((child, folder)) });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        child.kill()?;
        bail!("the gateway did not become ready")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.started {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// One partner, loopback ports that are free, and a log that says only what matters.
fn write_settings(folder: &Path) -> Result<()> {
    let settings = "[public]\nhttp = \"127.0.0.1:0\"\nhttps = \"off\"\n\n[sftp]\naddress = \"off\"\n\n\
                    [private]\nhttp = \"127.0.0.1:0\"\n\n[log]\nlevel = \"warn\"\n";
    std::fs::write(folder.join("gangway.toml"), settings)?;
    std::fs::create_dir(folder.join("partners"))?;
    let hash = gangway::keys::ApiKey::digest_of(KEY);
    let partner = format!(
        "name = \"Load\"\nstatus = \"live\"\n\n[x12]\nids = [\"{THEIRS}\"]\nours = \"{OURS}\"\nusage = \"P\"\n\
         version = \"004010\"\n\n[rest]\napi_keys = [\"sha256:{hash}\"]\n\n[limits]\nrequests = \"10000000/min\"\n\
         documents = \"1000000000/day\"\nbytes_per_hour = \"100 TiB\"\nuploads = 10000\n"
    );
    std::fs::write(folder.join("partners/load.toml"), partner)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_in_json_are_acknowledgements_of_2_kb() {
        use gangway::document::{DocumentType, check};

        let body = Bodies::new(true).make(1);
        assert!((1_800..2_300).contains(&body.len()), "{}", body.len());
        let summary = check(DocumentType::OrderAcknowledgement, &body).unwrap_or_else(|fault| panic!("{fault:?}"));
        assert_eq!(summary.orders, ["700000001"]);
    }

    #[test]
    fn bodies_have_2_kb_and_differ_in_their_numbers() {
        let bodies = Bodies::new(false);
        let (one, two) = (bodies.make(1), bodies.make(2));
        assert!((1_800..2_300).contains(&one.len()), "{}", one.len());
        assert_eq!(one.len(), two.len());
        let differ = one.iter().zip(&two).filter(|(a, b)| a != b).count();
        assert_eq!(differ, bodies.places.len());
        let text = String::from_utf8(one.to_vec()).unwrap();
        assert!(text.contains("*700000001*0*P*") && text.contains("BAK*00*AC*700000001*"), "{text}");
    }

    #[test]
    fn the_settings_are_without_a_mistake() {
        use gangway::{
            config::Settings,
            partner::{Directory, Sources},
        };
        let folder = tempfile::tempdir().unwrap();
        write_settings(folder.path()).unwrap();
        let (settings, findings) = Settings::load(Some(&folder.path().join("gangway.toml")));
        assert!(findings.is_empty(), "{findings:#?}");
        let (directory, findings) = Directory::load(&Sources::of(&settings), &|_| true);
        assert!(findings.is_empty(), "{findings:#?}");
        assert!(directory.by_api_key(KEY).is_some());
    }
}
