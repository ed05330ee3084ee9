//! X12 to canonical documents, on one core: each stage in MB/s of X12 beside a memchr scan of the same bytes in the same
//! run, so that the ratio is what is read. Times are of the thread, not of the clock: a busy machine does not change them.

use std::{fs::File, hint::black_box, time::Instant};

use gangway::{
    mapping::Library,
    x12::{CheckedSet, Checker, Delimiters, Layout, Policy, SetView, Step, Tokens, Writer},
};

/// How often each stage is measured; the best time counts.
const ROUNDS: usize = 5;

/// Runs all stages over the file at `path`.
pub fn run(path: &str) -> anyhow::Result<()> {
    let library = Library::builtin().map_err(|found| anyhow::anyhow!("{found:?}"))?;
    let bytes = std::fs::read(path)?;
    let scan = best(|| Ok(memchr::memchr2_iter(b'*', b'~', &bytes).count()))?;
    let check = best(|| each_set(path, |_, _| Ok(1)))?;
    let both = best(|| {
        each_set(path, |(id, version), set| {
            let mapped = library.for_x12(id, version).and_then(|mapping| mapping.read_x12(set).ok());
            Ok(mapped.map_or(0, |mapped| black_box(mapped).json.len()))
        })
    })?;
    // The same sets again, with their tokens at hand: what mapping alone takes.
    let mut sets: Vec<(Vec<u8>, Delimiters, String, String)> = Vec::new();
    each_set(path, |(id, version), set| {
        sets.push((set.bytes().to_vec(), set.delimiters(), id.to_owned(), version.to_owned()));
        Ok(0)
    })?;
    let tokens: Vec<_> = sets.iter().map(|(bytes, delimiters, ..)| Tokens::scan(bytes, *delimiters)).collect();
    let map = best(|| {
        let mut length = 0;
        for ((bytes, delimiters, id, version), tokens) in sets.iter().zip(&tokens) {
            let Some(mapping) = library.for_x12(id, version) else { continue };
            let mapped = mapping.read_x12(&SetView::new(bytes, tokens, *delimiters, 0));
            length += mapped.map_or(0, |mapped| black_box(mapped).json.len());
        }
        Ok(length)
    })?;
    let tokens_and_map = best(|| {
        let mut length = 0;
        for (bytes, delimiters, id, version) in &sets {
            let Some(mapping) = library.for_x12(id, version) else { continue };
            let tokens = Tokens::scan(bytes, *delimiters);
            let mapped = mapping.read_x12(&SetView::new(bytes, &tokens, *delimiters, 0));
            length += mapped.map_or(0, |mapped| black_box(mapped).json.len());
        }
        Ok(length)
    })?;
    // The other way: the documents that came out, written as sets.
    let mut documents = Vec::new();
    for ((bytes, delimiters, id, version), tokens) in sets.iter().zip(&tokens) {
        let Some(mapping) = library.for_x12(id, version) else { continue };
        if let Ok(mapped) = mapping.read_x12(&SetView::new(bytes, tokens, *delimiters, 0)) {
            documents.push((mapping, version, mapped.json));
        }
    }
    let write = best(|| {
        let mut length = 0;
        for (mapping, version, json) in &documents {
            let mut out = Writer::new(Layout::default(), jiff::civil::DateTime::default())?;
            out.begin_set(mapping.set(), "0001", None)?;
            mapping.write_x12(json, version, &mut out).map_err(|found| anyhow::anyhow!("{found:?}"))?;
            out.end_set()?;
            length += black_box(out.finish()).len();
        }
        Ok(length)
    })?;
    let size = bytes.len() as f64 / 1e6;
    println!("{path}: {} sets, {size:.1} MB of X12, {:.1} MB of JSON", sets.len(), map.1 as f64 / 1e6);
    for (stage, (seconds, _)) in [
        ("memchr2 every delimiter", scan),
        ("read and full check", check),
        ("read, full check and mapping", both),
        ("tokens and mapping, unchecked", tokens_and_map),
        ("mapping alone", map),
    ] {
        println!("{stage:<30} {:>7.0} MB/s  {:>6.3} x memchr", size / seconds, scan.0 / seconds);
    }
    let written = write.1 as f64 / 1e6;
    let (rate, ratio) = (written / write.0, written / size * scan.0 / write.0);
    println!("{:<30} {rate:>7.0} MB/s  {ratio:>6.3} x memchr, {written:.1} MB written", "documents written as X12");
    Ok(())
}

/// Hands every set of the file to `work`, with its id and version, and sums up what it gives.
fn each_set(
    path: &str,
    mut work: impl FnMut((&str, &str), &SetView<'_>) -> anyhow::Result<usize>,
) -> anyhow::Result<usize> {
    let mut checker = Checker::new(File::open(path)?, |_| Policy::default());
    let mut sum = 0;
    while let Some(step) = checker.next()? {
        if let Step::Set(CheckedSet { view: Some(set), id, version, .. }) = step {
            sum += work((id, version), &set)?;
        }
    }
    Ok(sum)
}

/// The best time of some rounds, and what came out.
fn best(mut run: impl FnMut() -> anyhow::Result<usize>) -> anyhow::Result<(f64, usize)> {
    let mut best = (f64::MAX, 0);
    for _ in 0..ROUNDS {
        let (start, before) = (Instant::now(), on_cpu());
        let result = black_box(run()?);
        let ran = on_cpu().zip(before).map(|(after, before)| (after - before) as f64 / 1e9);
        best = (best.0.min(ran.unwrap_or_else(|| start.elapsed().as_secs_f64())), result);
    }
    Ok(best)
}

/// Nanoseconds that this thread has run, where the system tells.
fn on_cpu() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}
