//! `gangway reload`: the running gateway reads partners, mappings and certificates again.

use std::process::ExitCode;

use super::{
    FINDINGS,
    operate::{Where, cell},
    print_text,
};
use crate::control::Request;

/// Has the running gateway read partners, mappings and certificates again. Whoever's file is broken is served as before, and
/// what changed in gangway.toml waits for a restart, which is told.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
}

/// Runs the command: exit 1 if there are mistakes.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let answer = args.at.ask(Request::Reload, false)?;
    let findings = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    for finding in findings {
        let field = |name| cell(finding, name);
        let file = finding.get("file").and_then(|file| file.as_str()).map(|file| format!("{file}: "));
        let (severity, code, message) = (field("severity"), field("code"), field("message"));
        print_text(&format!("{}{severity}[{code}]: {message}\n", file.unwrap_or_default()))?;
    }
    print_text("The configuration was read again.\n")?;
    let errors = findings.iter().any(|finding| finding.get("severity").is_some_and(|severity| severity == "error"));
    Ok(if errors { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
}
