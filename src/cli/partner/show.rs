//! `gangway partner show ID`: a partner as its file and its template make it.

use std::process::ExitCode;

use super::OnDisk;
use crate::{
    cli::{
        operate::{Format, Where, table},
        print_text,
    },
    partner::effective,
};

/// Shows every value that is written for a partner, in its file or in its template.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// The partner.
    id: String,
    /// Also show where each value is written: file and line.
    #[arg(long)]
    origin: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs the command: exit 1 where the file is broken.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let disk = OnDisk::read(&args.at)?;
    let path = disk.path(&args.id)?;
    let values = effective(&disk.files, &args.id).unwrap_or_default();
    match args.format {
        Format::Json => {
            let values: serde_json::Map<_, _> = values
                .iter()
                .map(|value| {
                    let told = serde_json::json!({ "value": value.text, "origin": value.origin.to_string() });
                    (value.path.clone(), told)
                })
                .collect();
            print_text(&format!("{:#}\n", serde_json::Value::Object(values)))?;
        }
        Format::Text => {
            let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let rows: Vec<Vec<String>> = values
                .iter()
                .map(|value| {
                    let mut row = vec![value.path.clone(), one_line(&value.text)];
                    row.extend(args.origin.then(|| value.origin.to_string()));
                    row
                })
                .collect();
            let headings: &[&str] = if args.origin { &["key", "value", "written in"] } else { &["key", "value"] };
            print_text(&table(headings, &rows))?;
        }
    }
    if disk.directory.partner(&args.id).is_none() {
        print_text(&format!("\n{} is broken: gangway check {} tells how.\n", path.display(), path.display()))?;
        return Ok(ExitCode::from(crate::cli::FINDINGS));
    }
    Ok(ExitCode::SUCCESS)
}
