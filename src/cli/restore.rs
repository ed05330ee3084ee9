//! `gangway restore FILE`: a data folder from a backup. Control numbers jump, since some may have been used after the
//! backup was made, and deliveries wait until a person lets them go.

use std::{path::PathBuf, process::ExitCode};

use super::{
    CONFIGURATION, exit,
    operate::{Where, who},
    print_text,
};
use crate::{control::Request, ledger::sqlite};

/// Restores a backup, or lets deliveries go out again afterwards.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// The backup.
    #[arg(required_unless_present = "resume")]
    file: Option<PathBuf>,
    /// On the running gateway: let deliveries go out again.
    #[arg(long, conflicts_with = "file", requires = "reason")]
    resume: bool,
    /// Why deliveries may go out again; it goes to the audit log.
    #[arg(long)]
    reason: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Some(file) = args.file else {
        let request = Request::Resume { who: who(), reason: args.reason.unwrap_or_default() };
        args.at.ask(request, false)?;
        print_text("Deliveries go out again.\n")?;
        return Ok(ExitCode::SUCCESS);
    };
    let settings = args.at.settings()?;
    let stride = u64::from(settings.control_numbers.restore_stride);
    sqlite::restore(&file, &settings.data, stride).map_err(|error| exit(CONFIGURATION, error))?;
    print_text(&format!(
        "{} is restored into {}. Control numbers went {stride} ahead, and deliveries wait for\n\
         gangway restore --resume --reason \"…\"\n",
        file.display(),
        settings.data.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}
