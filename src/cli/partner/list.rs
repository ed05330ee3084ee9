//! `gangway partner list`: how all partners stand.

use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{OnDisk, standing};
use crate::{
    cli::{
        operate::{Format, Where, cell, table},
        print_text,
    },
    config::Diagnostic,
    control::{Served, Standing, StandingQuery},
    onboard::progress,
    partner::{Partner, Status},
};

/// Lists all partners: how they stand, how they connect, what came last, what they have shown.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs the command: exit 1 where a partner's file is broken.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let disk = OnDisk::read(&args.at)?;
    let partners: Vec<_> = disk.directory.partners().filter(|partner| partner.stale.is_none()).cloned().collect();
    // Whoever is live was certified before; to look again for its steps would read its whole business.
    let rehearses = |partner: &Partner| matches!(partner.status, Status::Onboarding | Status::Test);
    let mut of: Vec<_> = partners.iter().map(|one| StandingQuery::of(one, rehearses(one))).collect();
    let broken: Vec<&String> = disk.files.partners.keys().filter(|id| disk.served(id).is_none()).collect();
    of.extend(broken.iter().map(|id| StandingQuery { partner: (*id).clone(), first_interchange: 1, steps: false }));
    let known = standing(&args.at, of)?;
    let standing_of = |id: &str| known.iter().find(|standing| standing.partner == id);
    let mut rows: Vec<Value> = Vec::new();
    for partner in &partners {
        let standing = standing_of(&partner.id);
        let steps = progress(&partner.certification, standing.map_or(&[], |standing| &standing.seen));
        let required: Vec<_> = steps.iter().filter(|step| step.required).collect();
        let done = required.iter().filter(|step| step.seen.is_some()).count();
        rows.push(json!({
            "id": partner.id,
            "name": partner.name,
            "status": partner.status,
            "channels": partner.channels().join(","),
            "last": last(standing),
            "certified": if rehearses(partner) { format!("{done}/{}", required.len()) } else { String::from("-") },
            "file": served(standing).unwrap_or_else(|| "good".into()),
        }));
    }
    for id in &broken {
        let why = disk.findings.iter().find(|told| is_about(told, id)).map(told).unwrap_or_default();
        let standing = standing_of(id);
        let served = match standing.and_then(|standing| standing.served.as_ref()) {
            Some(Served::Stale(_)) => "broken, served as it last was: ",
            // The gateway has not looked at the file since, and will then serve it as it last was.
            Some(Served::Good) => "broken, not read yet: ",
            Some(Served::Not) | None => "broken: ",
        };
        rows.push(json!({
            "id": id, "name": "-", "status": "-", "channels": "-", "last": last(standing), "certified": "-",
            "file": format!("{served}{why}"),
        }));
    }
    rows.sort_by_key(|row| cell(row, "id"));
    match args.format {
        Format::Json => print_text(&format!("{:#}\n", Value::Array(rows)))?,
        Format::Text if rows.is_empty() => {
            print_text("There are no partners yet: gangway partner new ID --template as2-x12\n")?;
        }
        Format::Text => {
            let columns = ["id", "status", "channels", "last", "certified", "file", "name"];
            let rows: Vec<Vec<_>> = rows.iter().map(|row| columns.map(|column| cell(row, column)).into()).collect();
            print_text(&table(&columns, &rows))?;
        }
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(crate::cli::FINDINGS) })
}

fn last(standing: Option<&Standing>) -> Option<String> {
    standing.and_then(|standing| standing.last).map(|at: Timestamp| at.strftime("%Y-%m-%d %H:%M").to_string())
}

/// What the running gateway has of a partner whose file is good, where that is something else.
fn served(standing: Option<&Standing>) -> Option<String> {
    match standing?.served.as_ref()? {
        Served::Good => None,
        Served::Stale(_) | Served::Not => Some("good, not read yet".into()),
    }
}

fn is_about(told: &Diagnostic, id: &str) -> bool {
    let named = |file: &str| file.ends_with(&format!("/{id}.toml")) || file == format!("{id}.toml");
    told.is_error() && told.labels.first().is_some_and(|label| named(&label.file))
}

fn told(told: &Diagnostic) -> String {
    let line = told.line().map(|(_, line)| format!("line {line}: ")).unwrap_or_default();
    format!("{line}{} [{}]", told.message, told.code)
}
