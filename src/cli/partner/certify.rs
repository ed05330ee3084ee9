//! `gangway partner certify ID`: what a partner has shown in real traffic, and what comes next; `--self` plays its side.

use std::process::ExitCode;

use serde_json::json;

use super::{OnDisk, evidence, record, rehearse};
use crate::{
    cli::{
        FINDINGS,
        operate::{Format, Where},
        print_text,
    },
    onboard::{Progress, progress},
    partner::{Partner, Status},
};

/// Shows what a partner has shown, with the messages that show it, and what comes next.
///
/// Exits with 1 while required steps are missing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// The partner.
    id: String,
    /// Play the partner's side against a gateway of its own with this partner's file, as a rehearsal: what it comes to
    /// is recorded, and is no evidence of the partner's.
    #[arg(long = "self")]
    rehearse: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let disk = OnDisk::read(&args.at)?;
    let partner = disk.partner(&args.id)?;
    let mut notes = Vec::new();
    let seen = if args.rehearse {
        let rehearsed = rehearse::run(&disk, &partner)?;
        notes = rehearsed.notes;
        rehearsed.seen
    } else {
        evidence(&args.at, &partner)?
    };
    let steps = progress(&partner.certification, &seen);
    let required: Vec<_> = steps.iter().filter(|step| step.required).collect();
    let done = required.iter().filter(|step| step.seen.is_some()).count();
    match args.format {
        Format::Json => {
            let told = json!({
                "partner": partner.id, "status": partner.status, "self": args.rehearse,
                "done": done, "required": required.len(), "steps": steps, "notes": notes,
            });
            print_text(&format!("{told:#}\n"))?;
        }
        Format::Text => print_text(&text(&partner, &steps, args.rehearse, &notes))?,
    }
    if args.rehearse {
        record(&disk.settings, &format!("partner certify --self: {done} of {}", required.len()), &args.id, "-")?;
    }
    Ok(if done == required.len() { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

fn text(partner: &Partner, steps: &[Progress], rehearsed: bool, notes: &[String]) -> String {
    let count = |required: bool| {
        let of = steps.iter().filter(|step| step.required == required);
        (of.clone().filter(|step| step.seen.is_some()).count(), of.count())
    };
    let ((done, required), (more, optional)) = (count(true), count(false));
    let mut out = format!("{}, {}: {done} of {required} required steps", partner.name, partner.status);
    if optional > 0 {
        out.push_str(&format!(", {more} of {optional} others"));
    }
    out.push('\n');
    if rehearsed {
        out.push_str("Rehearsed against a gateway of its own: nothing of it is the partner's doing.\n");
    }
    for note in notes {
        out.push_str(&format!("Note: {note}\n"));
    }
    out.push('\n');
    let next = steps.iter().find(|step| step.required && step.seen.is_none());
    for step in steps {
        let (mark, told) = match &step.seen {
            Some(seen) => {
                ("done", format!("{}  {}  {}", seen.at.strftime("%Y-%m-%d %H:%M:%S"), seen.message, seen.what))
            }
            None if Some(step) == next => ("next", step.step.how().to_owned()),
            None => ("-", step.step.title().to_owned()),
        };
        let step_name = format!("{}{}", step.step.as_str(), if step.required { "" } else { " (optional)" });
        out.push_str(&format!("{mark:<5} {step_name:<30} {told}\n"));
    }
    out.push('\n');
    out.push_str(&match (next, partner.status) {
        (Some(_), Status::Onboarding) => {
            format!("While it is onboarding nothing is queued: gangway partner status {} test\n", partner.id)
        }
        (None, Status::Test | Status::Onboarding) if rehearsed => {
            format!("Now the partner itself: send it partners/{}.welcome.md\n", partner.id)
        }
        (None, Status::Test | Status::Onboarding) => {
            format!("All that is required was shown: gangway partner status {} live\n", partner.id)
        }
        _ => String::new(),
    });
    out
}
