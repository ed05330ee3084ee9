//! What Gangway's claims of speed and durability rest on, in a form that anyone can run again. Each subcommand is one
//! file; README.md beside this crate says how to read what they print.

mod as2;
mod as2_door;
mod engines;
mod ledger;
mod line;
mod load;
mod mapping;
mod partners;
mod power;
mod sftp;
mod stats;
mod storage;
mod x12;

use clap::{Parser, Subcommand};

// As in the gateway itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "gangway-bench", about = "Measurements behind Gangway's claims")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Durable appends: a raw file, SQLite, fjall and sled, in turns.
    Storage(storage::Options),
    /// The power is cut under load, in simulation; needs root.
    Power(power::Options),
    /// The AS2 core: messages received and answered, beside two RSA operations.
    As2(as2::Options),
    /// AS2 over HTTP with the durable commit: processor time per message, beside two RSA operations.
    As2Door(as2_door::Options),
    /// Reading and checking an X12 file, beside a scan for one byte.
    X12 {
        /// The file.
        file: String,
    },
    /// The SFTP drop boxes beside OpenSSH's own server.
    Sftp(sftp::Options),
    /// X12 to canonical documents, beside a scan for one byte.
    Mapping {
        /// The file.
        file: String,
    },
    /// Thousands of partner files: read, looked at, and one of them changed.
    Partners(partners::Options),
    /// Arrivals of the embedded ledger alone, beside a plain append of the same bytes.
    Ledger(ledger::Options),
    /// A gateway under load: saturation, then a steady rate, beside a plain append of the same bytes.
    Load(load::Options),
    /// One engine in a process of its own; for `storage`.
    #[command(hide = true)]
    StorageRun(storage::RunOptions),
    /// Writes until it is stopped; for `power`.
    #[command(hide = true)]
    PowerWrite(power::WriteOptions),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::As2(options) => as2::run(&options),
        Command::As2Door(options) => as2_door::run(&options),
        Command::Sftp(options) => sftp::run(&options),
        Command::Storage(options) => storage::run(&options),
        Command::Power(options) => power::run(&options),
        Command::Ledger(options) => ledger::run(&options),
        Command::Load(options) => load::run(options),
        Command::Mapping { file } => mapping::run(&file),
        Command::Partners(options) => partners::run(&options),
        Command::X12 { file } => Ok(x12::run(&file)?),
        Command::StorageRun(options) => storage::run_one(&options),
        Command::PowerWrite(options) => power::write(&options),
    }
}
