//! `gangway audit`: what people did, and whether the record of it is whole.

use std::process::ExitCode;

use super::{
    operate::{Format, Where, cell, table},
    print_text,
};
use crate::control::Request;

/// Looks at the audit log.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check that no record was changed or taken out.
    Verify,
    /// List the newest records.
    List {
        /// The most to list.
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// How to print it.
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

/// Runs the command; a broken chain ends it with 1.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (limit, format) = match args.command {
        Command::Verify => (usize::MAX, None),
        Command::List { limit, format } => (limit, Some(format)),
    };
    let answer = args.at.ask(Request::Audit { limit }, true)?;
    let rows = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    match format {
        None => print_text(&format!("{} record(s), none changed, none missing.\n", rows.len()))?,
        Some(Format::Json) => print_text(&format!("{answer:#}\n"))?,
        Some(Format::Text) => {
            let columns = ["at", "who", "what", "on", "reason"];
            let rows: Vec<Vec<_>> = rows.iter().map(|row| columns.map(|column| cell(row, column)).into()).collect();
            print_text(&table(&columns, &rows))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
