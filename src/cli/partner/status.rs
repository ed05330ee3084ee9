//! `gangway partner status ID STATUS`: what a partner may do, changed in its file, with who and why in the record.

use std::process::ExitCode;

use super::{OnDisk, change, evidence};
use crate::{
    cli::{FINDINGS, USAGE, exit, operate::Where, print_text},
    onboard::{progress, set_status},
    partner::{Partner, Status, needs_certification},
};

/// Changes what a partner may do. To go live takes its required steps, or a reason.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// The partner.
    id: String,
    /// onboarding, test, live or suspended.
    #[arg(value_parser = status)]
    status: Status,
    /// Why; it goes to the audit log.
    #[arg(long)]
    reason: Option<String>,
}

fn status(text: &str) -> Result<Status, String> {
    serde_json::from_value(text.into()).map_err(|_| "expected onboarding, test, live or suspended".to_owned())
}

/// Runs the command: exit 1 where steps are missing and no reason is given.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let disk = OnDisk::read(&args.at)?;
    let partner = match args.status {
        Status::Suspended => disk.partner_to_restrict(&args.id)?,
        _ => disk.partner(&args.id)?,
    };
    let (_, text) = disk.text(&args.id)?;
    if partner.status == args.status {
        print_text(&format!("{} is {} already.\n", args.id, args.status))?;
        return Ok(ExitCode::SUCCESS);
    }
    let reason = args.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    let mut why = reason.unwrap_or("-").to_owned();
    if needs_certification(partner.status, args.status) {
        let steps = progress(&partner.certification, &evidence(&args.at, &partner)?);
        let missing: Vec<_> = steps.iter().filter(|step| step.required && step.seen.is_none()).collect();
        let required = steps.iter().filter(|step| step.required).count();
        if let (false, None) = (missing.is_empty(), reason) {
            print_text(&format!(
                "{} has shown {} of {required} required steps. Missing:\n",
                args.id,
                required - missing.len()
            ))?;
            for step in &missing {
                print_text(&format!("  {:<18} {}\n", step.step.as_str(), step.step.title()))?;
            }
            print_text(
                "Nothing was changed. `gangway partner certify` tells what comes next; --reason goes without it.\n",
            )?;
            return Ok(ExitCode::from(FINDINGS));
        }
        let shown = required - missing.len();
        why = match reason {
            Some(reason) => format!("{reason} ({shown} of {required} required steps shown)"),
            None => format!("{shown} of {required} required steps shown"),
        };
    } else if args.status == Status::Suspended && reason.is_none() {
        return Err(exit(USAGE, "to suspend a partner takes a --reason: somebody will ask"));
    }
    let edited = set_status(&text, args.status).map_err(|error| exit(USAGE, error))?;
    let is_suspended = |partner: &Partner| args.status == Status::Suspended && partner.status == Status::Suspended;
    change(&args.at, &args.id, "status", &edited, &why, Some(&is_suspended))?;
    let before = edited.before.as_deref().unwrap_or("onboarding");
    print_text(&format!("{}: {before} -> {}\n", args.id, args.status))?;
    Ok(ExitCode::SUCCESS)
}
