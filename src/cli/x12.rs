//! `gangway x12`: work with X12 files alone, of any size.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::PathBuf,
    process::ExitCode,
    time::Instant,
};

use anyhow::Context;
use jiff::tz::TimeZone;

use super::{FINDINGS, USAGE, exit, print_text, trace::What};
use crate::{
    exchange,
    x12::{self, AckNumbers, AckPolicy, Checker, Functional, Policy, Step},
};

/// Works with X12 files alone.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Read and check a file; print what it holds as one JSON line.
    Stats {
        /// The file.
        file: PathBuf,
    },
    /// Print the acknowledgement interchange(s) that a file earns.
    Ack {
        /// The file.
        file: PathBuf,
        /// A 999 instead of a 997.
        #[arg(long = "999")]
        as_999: bool,
    },
    /// Stream a file's documents as canonical events, a JSON line each.
    Convert(What),
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Stats { file } => stats(&file),
        Command::Ack { file, as_999 } => ack(&file, as_999),
        Command::Convert(what) => convert(&what),
    }
}

fn open(file: &PathBuf) -> anyhow::Result<File> {
    File::open(file).with_context(|| file.display().to_string()).map_err(|error| exit(USAGE, format!("{error:#}")))
}

/// Exit 0 whatever the file holds: `errors` tells.
fn stats(file: &PathBuf) -> anyhow::Result<ExitCode> {
    let source = open(file)?;
    let started = Instant::now();
    let mut stats = x12::stats(source)?;
    stats.seconds = started.elapsed().as_secs_f64();
    print_text(&format!("{}\n", serde_json::to_string(&stats)?))?;
    Ok(ExitCode::SUCCESS)
}

/// Exit 1 if anything was rejected.
fn ack(file: &PathBuf, as_999: bool) -> anyhow::Result<ExitCode> {
    let functional = if as_999 { Functional::F999 } else { Functional::F997 };
    let how = AckPolicy { functional, ..AckPolicy::default() };
    let now = jiff::Timestamp::now().to_zoned(TimeZone::UTC).datetime();
    let mut checker = Checker::new(open(file)?, |_| Policy::default());
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut number, mut rejected, mut seen) = (1, false, false);
    while let Some(step) = checker.next()? {
        let Step::InterchangeEnd(verdict) = step else { continue };
        seen = true;
        rejected |= verdict.rejects_anything();
        if let Some(bytes) = x12::acknowledge(&verdict, &how, AckNumbers { interchange: number, group: number }, now) {
            out.write_all(&bytes)?;
            out.write_all(b"\n")?;
            number += 1;
        }
    }
    out.flush()?;
    if !seen {
        eprintln!("gangway: there is no interchange in {}, and so nothing to acknowledge", file.display());
    }
    Ok(if seen && !rejected { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

/// Exit 1 if anything could not be converted.
fn convert(what: &What) -> anyhow::Result<ExitCode> {
    let (snapshot, partner) = what.prepare()?;
    what.open()?;
    let reopen = || File::open(&what.file).map(|file| Box::new(file) as Box<dyn Read + Send>);
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let (written, left) = exchange::convert(&snapshot, reopen, partner, jiff::Timestamp::now(), &mut out)?;
    if left > 0 {
        eprintln!(
            "gangway: {written} event(s) written; {left} document(s) were rejected or cannot be mapped: gangway trace tells more"
        );
    }
    if left == 0 && written == 0 {
        eprintln!("gangway: there is no document in {}: gangway trace tells more", what.file.display());
    }
    Ok(if left == 0 && written > 0 { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}
