//! X12 to canonical JSON: `gangway-bench mapping FILE` reads every set of a file through the mapping for it, on one core.
//!
//! The figures are MB/s of X12 beside a memchr scan of the same bytes in the same run: what is to be read is the ratio.
//! `gen850.py` makes the file that the figures of the README are of.

use std::{hint::black_box, ops::Range, time::Instant};

use gangway::{
    mapping::{Library, Mapping, fixtures},
    x12::token::{Delimiters, SetView, Tokens},
};

/// How often each thing is measured; the best time counts.
const ROUNDS: usize = 5;

/// Runs the benchmark on a file.
pub fn run(mut arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let path = arguments.next().ok_or("usage: gangway-bench mapping FILE")?;
    let bytes = std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
    let (delimiters, ranges) = fixtures::sets(&bytes);
    let first = ranges.first().and_then(|range| bytes.get(range.clone())).ok_or("there is no set in the file")?;
    let id = first.split(|byte| *byte == delimiters.element).nth(1).unwrap_or_default();
    let library = Library::builtin().map_err(|found| format!("{found:?}"))?;
    let mapping =
        library.for_x12(&String::from_utf8_lossy(id), "004010").ok_or("there is no mapping for the first set")?;

    let scan = best(|| memchr::memchr_iter(delimiters.segment, &bytes).fold(0, usize::wrapping_add));
    let tokenise = best(|| ranges.iter().map(|range| tokens(&bytes, range, delimiters).1.len()).sum::<usize>());
    let ready: Vec<Tokens> = ranges.iter().map(|range| tokens(&bytes, range, delimiters).0).collect();
    let map = best(|| {
        let sets = ranges
            .iter()
            .zip(&ready)
            .map(|(range, tokens)| SetView::new(&bytes[range.clone()], tokens, delimiters, range.start as u64));
        sets.map(|set| read(mapping, &set)).sum::<usize>()
    });
    let both = best(|| {
        let read_one = |range: &Range<usize>| {
            let tokens = Tokens::scan(&bytes[range.clone()], delimiters);
            read(mapping, &SetView::new(&bytes[range.clone()], &tokens, delimiters, range.start as u64))
        };
        ranges.iter().map(read_one).sum::<usize>()
    });
    let size = bytes.len() as f64 / 1e6;
    println!("{} sets, {size:.1} MB of X12, {:.1} MB of JSON", ranges.len(), both.1 as f64 / 1e6);
    for (what, (seconds, _)) in
        [("memchr scan", scan), ("tokens", tokenise), ("mapping", map), ("tokens + mapping", both)]
    {
        println!("{what:18} {:8.0} MB/s   {:6.3} of memchr", size / seconds, scan.0 / seconds);
    }
    Ok(())
}

fn tokens<'b>(bytes: &'b [u8], range: &Range<usize>, delimiters: Delimiters) -> (Tokens, &'b [u8]) {
    let set = &bytes[range.clone()];
    (Tokens::scan(set, delimiters), set)
}

fn read(mapping: &Mapping, set: &SetView<'_>) -> usize {
    mapping.read_x12(set).map_or(0, |mapped| black_box(mapped).json.len())
}

/// The best time of some rounds, and what came out.
fn best(mut run: impl FnMut() -> usize) -> (f64, usize) {
    let mut best = (f64::MAX, 0);
    for _ in 0..ROUNDS {
        let (start, before) = (Instant::now(), on_cpu());
        let result = black_box(run());
        let seconds =
            on_cpu().zip(before).map_or(start.elapsed().as_secs_f64(), |(after, before)| (after - before) as f64 / 1e9);
        best = (best.0.min(seconds), result);
    }
    best
}

/// Nanoseconds that this thread has run, where the system tells: a busy machine does not change them.
fn on_cpu() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}
