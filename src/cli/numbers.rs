//! `gangway numbers`: the control numbers of what goes out, and where they go on after a cutover.

use std::process::ExitCode;

use super::operate::{Format, Where, print_rows, who};
use crate::control::Request;

/// Looks at control numbers.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text", global = true)]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Every series and its next number.
    List,
    /// Have a series go on at a number: never back, so that no number is used twice.
    Set {
        /// The series, as `list` has it.
        series: String,
        /// The next number.
        next: u64,
        /// Why; it goes to the audit log.
        #[arg(long)]
        reason: String,
    },
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (request, reads) = match args.command {
        Command::List => (Request::Numbers, true),
        Command::Set { series, next, reason } => (Request::SetNumber { series, next, who: who(), reason }, false),
    };
    let answer = args.at.ask(request, reads)?;
    print_rows(&answer, &["series", "next"], args.format)?;
    Ok(ExitCode::SUCCESS)
}
