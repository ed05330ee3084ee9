//! `gangway restore FILE`: a data folder from a backup. Control numbers jump, since some may have been used after the
//! backup was made, and deliveries wait until a person lets them go.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    CONFIGURATION,
    backup::told,
    exit,
    operate::{Where, who},
    print_text,
};

use crate::{control::Request, gateway::OWN_FILES, ledger::sqlite};

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
    let restored = sqlite::restore(&file, &settings.data, stride).map_err(|error| exit(CONFIGURATION, error))?;
    print_text(&format!(
        "{} is restored into {}. Control numbers went {stride} ahead, and deliveries wait for\n\
         gangway restore --resume --reason \"…\"\n",
        file.display(),
        settings.data.display()
    ))?;
    print_text(&own_files(restored.own_files.as_deref(), &settings.data))?;
    Ok(ExitCode::SUCCESS)
}

/// What became of the keys.
fn own_files(restored: Option<&[String]>, data: &Path) -> String {
    match restored {
        Some([]) => "No keys were in it, for the gateway had made none.\n".into(),
        Some(names) => format!("With it: {}.\n", told(names.iter().map(String::as_str))),
        None => {
            let places: String = OWN_FILES.iter().map(|place| format!("    {place}\n")).collect();
            format!(
                "This backup is of an earlier version, which left our keys out. Before you serve, copy them from the old\n\
                 data folder into {}, as far as they are there; what is missing is made anew, and partners do not know it:\n\
                 {places}",
                data.display()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_restores_is_told_which_keys_to_copy() {
        let names = ["as2/a.key".to_owned(), "erp.token".to_owned()];
        assert_eq!(own_files(Some(&names), Path::new("data")), "With it: as2 (1 file), erp.token.\n");
        assert!(own_files(Some(&[]), Path::new("data")).contains("No keys"));
        insta::assert_snapshot!(own_files(None, Path::new("data")));
    }
}
