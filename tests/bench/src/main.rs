//! What Gangway's claims of speed and durability rest on, in a form that anyone can run again. Each subcommand is one
//! file; README.md beside this crate says how to read what they print.

mod engines;
mod ledger;
mod load;
mod power;
mod stats;
mod storage;

use clap::{Parser, Subcommand};

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
        Command::Storage(options) => storage::run(&options),
        Command::Power(options) => power::run(&options),
        Command::Ledger(options) => ledger::run(&options),
        Command::Load(options) => load::run(options),
        Command::StorageRun(options) => storage::run_one(&options),
        Command::PowerWrite(options) => power::write(&options),
    }
}
