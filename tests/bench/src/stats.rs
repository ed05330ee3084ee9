//! Percentiles, medians, and what /proc knows of a process.

use std::{fs, path::Path, time::Duration};

/// Latencies of one run.
#[derive(Debug, Default)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// Adds one, kept in microseconds.
    pub fn add(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds those of another worker.
    pub fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The latency in milliseconds that so much of the whole stays within: 0.5 is the median, 1.0 the worst.
    pub fn quantile(&mut self, share: f64) -> f64 {
        if self.0.is_empty() {
            return f64::NAN;
        }
        self.0.sort_unstable();
        let last = self.0.len() - 1;
        let index = (last as f64 * share).round() as usize;
        f64::from(self.0[index.min(last)]) / 1000.0
    }
}

/// The middle one of some figures.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The most memory that a process has had resident, in bytes.
pub fn peak_resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The processor time that a process has used, its threads' included. The kernel counts in hundredths of a second.
pub fn processor_time(pid: u32) -> Duration {
    times(pid, [11, 12])
}

/// The processor time that the calling thread has used: what others on the machine do to a clock they do not do to this.
pub fn own_processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// The same, of those children that it has waited for, and theirs.
pub fn processor_time_of_children(pid: u32) -> Duration {
    times(pid, [13, 14])
}

fn times(pid: u32, [user, system]: [usize; 2]) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name stands in brackets and may hold blanks; user and system time are the 12th and 13th field behind it.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(user) + ticks(system)) * 10)
}

/// The room that the files of a folder take on their disk, in bytes.
pub fn disk_usage(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk_usage(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_medians() {
        let mut latencies = Latencies::default();
        (1..=100).rev().for_each(|ms| latencies.add(Duration::from_millis(ms)));
        assert_eq!((latencies.quantile(0.5), latencies.quantile(0.99), latencies.quantile(1.0)), (51.0, 99.0, 100.0));
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
    }

    #[test]
    fn a_process_knows_its_own_figures() {
        assert!(peak_resident(std::process::id()) > 1 << 20);
        let before = processor_time(std::process::id());
        let mut sum = 0_u64;
        while processor_time(std::process::id()) == before {
            sum = (0..100_000).fold(sum, |sum, n| std::hint::black_box(sum.wrapping_add(n)));
        }
        assert!(own_processor_time() > Duration::from_millis(1));
    }
}
