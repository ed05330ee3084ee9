//! The command line: one file per command, with its flags, help, effect and test. Nothing that a server needs too.

mod as2;
mod audit;
mod backup;
mod certs;
mod check;
mod deliveries;
mod demo;
mod diff;
mod explain;
mod find;
mod numbers;
mod online;
mod operate;
mod orders;
mod partner;
mod queue;
mod reload;
mod replay;
mod restore;
mod serve;
mod test;
mod trace;
mod trace_page;
mod x12;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Fine.
const OK: u8 = 0;
/// Done, and there are findings.
const FINDINGS: u8 = 1;
/// Used wrongly.
const USAGE: u8 = 2;
/// Our fault.
const INTERNAL: u8 = 70;
/// Try again later.
const TRY_AGAIN: u8 = 75;
/// The configuration or the data folder does not allow it.
const CONFIGURATION: u8 = 78;

/// The one door between a manufacturer's ERP and all of its suppliers.
#[derive(Debug, Parser)]
#[command(name = "gangway", version, arg_required_else_help = true, after_help = AFTER)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "Exit codes: 0 fine, 1 findings, 2 usage, 70 internal, 75 try again, 78 configuration.\n\
                     Every code in a message has a page: gangway explain CODE";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(serve::Args),
    /// Play a supplier's day against a gateway in a temporary folder.
    Demo(demo::Args),
    /// Find every mistake in settings, partners, templates and mappings.
    Check(check::Args),
    /// Run the mappings' fixtures.
    Test(test::Args),
    /// Show what would become of a file; nothing is stored.
    Trace(trace::Args),
    /// Look at, release or skip what the ERP's consumers have not acknowledged.
    Queue(queue::Args),
    /// Look at what is on its way to partners; send it again, or give it up.
    Deliveries(deliveries::Args),
    /// Look at the control numbers of what goes out, or have them go on elsewhere.
    Numbers(numbers::Args),
    /// Have the running gateway read partners, mappings and certificates again.
    Reload(reload::Args),
    /// Make partners, and see how they stand.
    Partner(partner::Args),
    /// Show what a reload would change.
    Diff(diff::Args),
    /// Process stored messages again with today's configuration.
    Replay(replay::Args),
    /// Find messages.
    Find(find::Args),
    /// Show an order's whole conversation.
    Orders(orders::Args),
    /// Write everything into one file, while the gateway works.
    Backup(backup::Args),
    /// Make a data folder from a backup.
    Restore(restore::Args),
    /// Explain a code.
    Explain(explain::Args),
    /// Work with X12 files alone.
    X12(x12::Args),
    /// Send an AS2 message by hand, and take captured ones apart.
    As2(as2::Args),
    /// Our own AS2 keys, and every certificate that partners and we know each other by.
    Certs(certs::Args),
    /// Look at the record of what people did.
    Audit(audit::Args),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { OK });
        }
    };
    let done = match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Check(args) => check::run(&args),
        Command::Test(args) => test::run(args),
        Command::Trace(args) => trace::run(args),
        Command::Queue(args) => queue::run(args),
        Command::Deliveries(args) => deliveries::run(args),
        Command::Numbers(args) => numbers::run(args),
        Command::Reload(args) => reload::run(args),
        Command::Partner(args) => partner::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Find(args) => find::run(args),
        Command::Orders(args) => orders::run(args),
        Command::Backup(args) => backup::run(args),
        Command::Restore(args) => restore::run(args),
        Command::Explain(args) => explain::run(&args),
        Command::X12(args) => x12::run(args),
        Command::As2(args) => as2::run(args),
        Command::Certs(args) => certs::run(args),
        Command::Audit(args) => audit::run(args),
    };
    match done {
        Ok(code) => code,
        // Whoever reads us has had enough.
        Err(error) if broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "gangway: {error:#}");
            ExitCode::from(error.downcast_ref::<Exit>().map_or(INTERNAL, |exit| exit.code))
        }
    }
}

/// An error that ends the program with a code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Exit {
    code: u8,
    text: String,
}

/// An error that ends the program with `code`.
fn exit(code: u8, text: impl std::fmt::Display) -> anyhow::Error {
    Exit { code, text: text.to_string() }.into()
}

/// Prints a text. A reader that has gone away, as `head` does, has seen enough.
fn print(text: &str, to: &mut dyn Write) -> io::Result<()> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Reads a time that somebody wrote as an argument.
fn time(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|_| "expected a time like 2026-07-01T00:00:00Z".into())
}

/// Prints a text to standard output.
fn print_text(text: &str) -> anyhow::Result<()> {
    Ok(print(text, &mut io::stdout())?)
}

fn broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain();
    causes.any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_holds_together() {
        super::Cli::command().debug_assert();
    }
}
