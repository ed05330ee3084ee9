//! The power is cut, in simulation: an engine writes to ext4 on a loop device, its process is stopped under load, the
//! image behind the device is copied, and the copy is mounted and asked for every record that was acknowledged.
//!
//! Only what was submitted to the device is in the copy; what lay in the page cache above it is gone, as with a disk
//! that keeps what it was given (the case kindest to an engine that syncs too little). `--control` runs `sync` before
//! the copy: then nothing may be lost by any engine, or the harness is at fault.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};

use crate::engines::{Id, Kind, content};

const SIZE: usize = 2048;

/// `power`.
#[derive(Debug, Args)]
pub struct Options {
    /// How often the power of each engine is cut.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How long an engine writes before, in milliseconds; each round takes a little longer than the one before.
    #[arg(long, default_value_t = 1500)]
    millis: u64,
    /// Where the images go.
    #[arg(long, default_value = "/tmp")]
    folder: PathBuf,
    /// Everything is synced before the copy: nothing may be lost then.
    #[arg(long)]
    control: bool,
    /// Only these engines.
    #[arg(long, value_delimiter = ',')]
    engines: Vec<Kind>,
}

/// `power-write`.
#[derive(Debug, Args)]
pub struct WriteOptions {
    engine: Kind,
    folder: PathBuf,
}

/// Cuts the power of every engine in turns.
pub fn run(options: &Options) -> Result<()> {
    let engines = if options.engines.is_empty() { Kind::value_variants().to_vec() } else { options.engines.clone() };
    let work = tempfile::Builder::new().prefix("power-").tempdir_in(&options.folder)?;
    let mut totals = vec![(0_usize, 0_usize, 0_u32); engines.len()];
    for round in 0..options.rounds {
        for (kind, (acked, lost, failed)) in engines.iter().zip(&mut totals) {
            let time = Duration::from_millis(options.millis + u64::from(round) * 400);
            let cut = cut(*kind, work.path(), time, options.control)?;
            println!(
                "{}: {} acknowledged, {} lost{}",
                kind.name(),
                cut.acknowledged,
                cut.lost,
                cut.refused.as_ref().map(|why| format!(", does not open: {why}")).unwrap_or_default()
            );
            *acked += cut.acknowledged;
            *lost += cut.lost;
            *failed += u32::from(cut.refused.is_some());
        }
    }
    println!("\n| engine | runs | acknowledged | lost | did not open |\n|---|---|---|---|---|");
    for (kind, (acked, lost, failed)) in engines.iter().zip(totals) {
        println!("| {} | {} | {acked} | {lost} | {failed} |", kind.name(), options.rounds);
    }
    Ok(())
}

struct Cut {
    acknowledged: usize,
    lost: usize,
    refused: Option<String>,
}

fn cut(kind: Kind, work: &Path, time: Duration, control: bool) -> Result<Cut> {
    let (image, left, at) = (work.join("disk.img"), work.join("left.img"), work.join("mounted"));
    std::fs::File::create(&image)?.set_len(2 << 30)?;
    succeed(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
    let mounted = Mounted::new(&image, &at)?;

    let mut writer = Writer::start(kind, &at)?;
    std::thread::sleep(time);
    writer.stop()?;
    if control {
        succeed(&mut Command::new("sync"))?;
    }
    succeed(Command::new("cp").arg("--sparse=always").arg(&image).arg(&left))?;
    let acknowledged = writer.end()?;
    drop(mounted);

    let mounted = Mounted::new(&left, &at)?;
    let mut cut = Cut { acknowledged: acknowledged.len(), lost: 0, refused: None };
    match kind.open(&at) {
        Ok(mut engine) => {
            for id in acknowledged {
                // A record that is there with other bytes is as lost as one that is not.
                if engine.read(id).ok().flatten().is_none_or(|bytes| bytes != content(id, SIZE)) {
                    cut.lost += 1;
                }
            }
        }
        Err(error) => {
            cut.lost = cut.acknowledged;
            cut.refused = Some(format!("{error:#}"));
        }
    }
    drop(mounted);
    std::fs::remove_file(left)?;
    Ok(cut)
}

/// A process that writes and says which numbers were acknowledged.
struct Writer {
    child: Child,
    seen: Arc<Mutex<BTreeSet<Id>>>,
    listener: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    fn start(kind: Kind, folder: &Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["power-write", kind.name()])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = child.stdout.take().context("a pipe")?;
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let listener = std::thread::spawn({
            let seen = Arc::clone(&seen);
            move || {
                let mut number = [0; 8];
                while output.read_exact(&mut number).is_ok() {
                    if let Ok(mut seen) = seen.lock() {
                        seen.insert(Id::from_le_bytes(number));
                    }
                }
            }
        });
        Ok(Self { child, seen, listener: Some(listener) })
    }

    /// Stops every thread of the process where it stands.
    fn stop(&mut self) -> Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "the writer ended by itself");
        succeed(Command::new("kill").args(["-STOP", &self.child.id().to_string()]))?;
        let deadline = Instant::now() + Duration::from_secs(30);
        while !stands_still(self.child.id()) {
            ensure!(Instant::now() < deadline, "the writer does not stand still");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Ends it and gives the numbers that it had acknowledged.
    fn end(mut self) -> Result<BTreeSet<Id>> {
        self.child.kill()?;
        self.child.wait()?;
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        match self.seen.lock() {
            Ok(mut seen) => Ok(std::mem::take(&mut seen)),
            Err(_) => bail!("the listener panicked"),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stands_still(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_none_or(|rest| rest.starts_with(['T', 't']))
    })
}

/// Writes groups of eight until somebody ends it, and says each number once it is acknowledged.
pub fn write(options: &WriteOptions) -> Result<()> {
    let mut engine = options.engine.open(&options.folder)?;
    let mut said = std::io::stdout().lock();
    for first in (1..).step_by(8) {
        let group: Vec<_> = (first..first + 8).map(|id| (id, content(id, SIZE))).collect();
        engine.commit(&group)?;
        let numbers: Vec<u8> = (first..first + 8).flat_map(Id::to_le_bytes).collect();
        said.write_all(&numbers)?;
        said.flush()?;
    }
    Ok(())
}

struct Mounted(PathBuf);

impl Mounted {
    fn new(image: &Path, at: &Path) -> Result<Self> {
        std::fs::create_dir_all(at)?;
        succeed(Command::new("mount").args(["-o", "loop"]).arg(image).arg(at)).context("mounting needs root")?;
        Ok(Self(at.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if succeed(Command::new("umount").arg(&self.0)).is_err() {
            let _ = succeed(Command::new("umount").arg("--lazy").arg(&self.0));
        }
    }
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
