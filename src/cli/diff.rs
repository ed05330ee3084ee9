//! `gangway diff`: what a reload would change, by meaning, and what only a restart would.

use std::process::ExitCode;

use super::{
    FINDINGS,
    operate::{Format, Where},
    print_text,
};
use crate::{control::Request, partner::Difference};

/// Shows what differs between the files on disk and what the gateway runs with: values, not comments or blanks.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// Exit with 1 where they differ.
    #[arg(long)]
    exit_code: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let differences: Vec<Difference> = serde_json::from_value(args.at.ask(Request::Diff, false)?)?;
    match args.format {
        Format::Json => print_text(&format!("{:#}\n", serde_json::to_value(&differences)?))?,
        Format::Text => print_text(&text(&differences))?,
    }
    let differs = args.exit_code && !differences.is_empty();
    Ok(if differs { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
}

fn text(differences: &[Difference]) -> String {
    if differences.is_empty() {
        return "What runs is what is on disk.\n".to_owned();
    }
    let mut out = String::new();
    let mut of = "";
    for one in differences {
        if one.of != of {
            of = &one.of;
            let restart = if one.restart { " changed: restart to use it" } else { "" };
            out.push_str(&format!("{of}{restart}\n"));
        }
        let place = one.place.as_deref().map(|place| format!("   # {place}")).unwrap_or_default();
        let what = match (&one.running, &one.on_disk) {
            (Some(running), Some(on_disk)) => format!("~ {}: {running} -> {on_disk}", one.what),
            (None, Some(on_disk)) => format!("+ {}: {on_disk}", one.what),
            (Some(running), None) => format!("- {}: {running}", one.what),
            (None, None) => one.what.clone(),
        };
        out.push_str(&format!("  {what}{place}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_is_told_by_value() {
        let one = |what: &str, running: Option<&str>, on_disk: Option<&str>| Difference {
            of: "partner acme".into(),
            what: what.into(),
            running: running.map(str::to_owned),
            on_disk: on_disk.map(str::to_owned),
            place: on_disk.map(|_| "partners/acme.toml:3".into()),
            restart: false,
        };
        let all = [
            one("status", Some("\"test\""), Some("\"live\"")),
            one("x12.via", None, Some("\"van\"")),
            one("limits.requests", Some("\"6/min\""), None),
        ];
        assert_eq!(
            text(&all),
            "partner acme\n  ~ status: \"test\" -> \"live\"   # partners/acme.toml:3\n  + x12.via: \"van\"   # \
             partners/acme.toml:3\n  - limits.requests: \"6/min\"\n"
        );
        let settings =
            Difference { of: "gangway.toml".into(), restart: true, ..one("limits.uploads", Some("64"), Some("6")) };
        assert_eq!(
            text(&[settings]),
            "gangway.toml changed: restart to use it\n  ~ limits.uploads: 64 -> 6   # partners/acme.toml:3\n"
        );
        assert_eq!(text(&[]), "What runs is what is on disk.\n");
    }
}
