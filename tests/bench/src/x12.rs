//! The X12 core's speed: each stage in MB/s beside a memchr scan of the same bytes in the same run, so that the ratio is what is
//! read, whatever the machine. Time is the thread's own on its core where the system tells it, so that neighbours do not count.

use gangway::x12::{self, AckNumbers, AckPolicy, Checker, Policy, Step, acknowledge};
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::time::Instant;

/// Runs all stages over the file at `path` and prints the best of five rounds of each.
pub fn run(path: &str) -> std::io::Result<()> {
    let bytes = std::fs::metadata(path)?.len();
    println!("{path}: {:.1} MB", bytes as f64 / 1e6);
    let mut buffer = vec![0; 256 << 10];
    let scan = best(|| {
        let (mut file, mut count) = (File::open(path)?, 0_usize);
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok(count as u64);
            }
            count += memchr::memchr2_iter(b'*', b'~', buffer.get(..read).unwrap_or_default()).count();
        }
    })?;
    let report = |name: &str, (seconds, result): (f64, u64), unit: &str| {
        let rate = bytes as f64 / 1e6 / seconds;
        let ratio = scan.0 / seconds;
        println!("{name:<34} {rate:>8.0} MB/s  {ratio:>6.2} x memchr  ({result} {unit})");
    };
    report("read and memchr2 every delimiter", scan, "delimiters");
    report("tokens and envelope totals", best(|| Ok(x12::envelope_stats(File::open(path)?)?.segments))?, "segments");
    report("full check (x12 stats)", best(|| Ok(x12::stats(File::open(path)?)?.errors))?, "errors");
    report("full check, views handed out", best(|| checked(path, |_| 0))?, "sets");
    let numbers = AckNumbers { interchange: 1, group: 1 };
    let now = jiff::civil::date(2026, 7, 1).at(12, 0, 0, 0);
    let answer = |verdict: &x12::InterchangeVerdict| {
        acknowledge(verdict, &AckPolicy::default(), numbers, now).map_or(0, |bytes| bytes.len() as u64)
    };
    report("full check, views and 997", best(|| checked(path, answer))?, "sets and bytes of 997");
    if let Some(peak) = peak() {
        println!("peak memory: {peak} MB");
    }
    Ok(())
}

/// Checks with views, and gives each verdict to `end`.
fn checked(path: &str, mut end: impl FnMut(&x12::InterchangeVerdict) -> u64) -> std::io::Result<u64> {
    let mut checker = Checker::new(File::open(path)?, |_| Policy::default());
    let mut sets = 0;
    while let Some(step) = checker.next()? {
        match step {
            Step::Set(set) => sets += u64::from(black_box(set.view).is_some()),
            Step::InterchangeEnd(verdict) => sets += end(&verdict),
            _ => {}
        }
    }
    Ok(sets)
}

fn best(mut work: impl FnMut() -> std::io::Result<u64>) -> std::io::Result<(f64, u64)> {
    let mut fastest = (f64::INFINITY, 0);
    for _ in 0..5 {
        let (start, cpu) = (Instant::now(), on_core());
        let result = black_box(work()?);
        let took = match (cpu, on_core()) {
            (Some(before), Some(after)) => (after - before) as f64 / 1e9,
            _ => start.elapsed().as_secs_f64(),
        };
        fastest = (took.min(fastest.0), result);
    }
    Ok(fastest)
}

/// How long this thread has run on a core, in nanoseconds, where the system tells.
fn on_core() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// The most memory this process ever held, where the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
}
