//! `gangway backup FILE`: everything in one file, while the gateway works.

use std::{path::PathBuf, process::ExitCode};

use super::{operate::Where, print_text};
use crate::control::Request;

/// Writes a backup.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// The file to write; it must not exist.
    file: PathBuf,
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    // The gateway may stand in another folder than the person.
    let file = std::path::absolute(&args.file)?;
    args.at.ask(Request::Backup { file: file.clone() }, true)?;
    print_text(&format!("Everything is in {}.\n", file.display()))?;
    Ok(ExitCode::SUCCESS)
}
