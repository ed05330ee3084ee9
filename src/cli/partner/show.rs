//! `gangway partner show ID`: a partner as its file and its template make it.

use std::process::ExitCode;

use super::OnDisk;
use crate::{
    cli::{
        operate::{Format, Where},
        print_text,
    },
    mapping::OneWay,
    partner::{Effective, Partner, effective},
};

/// Shows every value that is written for a partner, in its file or in its template.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// The partner.
    id: String,
    /// Also show where each value is written, file and line, and the rules of the mappings that it has of its own.
    #[arg(long)]
    origin: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// The rules of the mappings that a partner has of its own, each with the line that it comes from.
fn mappings(disk: &OnDisk, partner: &Partner) -> String {
    let mut out = String::new();
    for (of, id) in &partner.mappings {
        let Some(mapping) = disk.library.by_id(id) else { continue };
        out.push_str(&format!("\nmapping {id}, for {of}:\n"));
        let rows: Vec<_> = mapping.rules().map(|rule| (format!("{}:{}", rule.file, rule.line), rule)).collect();
        let width = rows.iter().map(|(origin, _)| origin.len()).max().unwrap_or(0);
        for (origin, rule) in &rows {
            let only = match rule.one_way {
                None => "",
                Some(OneWay::Read) => "   (read only)",
                Some(OneWay::Write) => "   (written only)",
            };
            out.push_str(&format!("{origin:<width$}  {} = {}{only}\n", rule.field, rule.place));
        }
    }
    out
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
            let line = |value: &Effective| format!("{} = {}\n", value.path, value.text);
            let text: String = match args.origin {
                false => values.iter().map(line).collect(),
                true => {
                    let origins: Vec<_> = values.iter().map(|value| value.origin.to_string()).collect();
                    let width = origins.iter().map(String::len).max().unwrap_or(0);
                    let rows = values.iter().zip(&origins);
                    rows.map(|(value, origin)| format!("{origin:<width$}  {}", line(value))).collect()
                }
            };
            print_text(&text)?;
            if let (true, Some(partner)) = (args.origin, disk.good(&args.id)) {
                print_text(&mappings(&disk, partner))?;
            }
        }
    }
    if disk.served(&args.id).is_none() {
        print_text(&format!("\n{} is broken: gangway check {} tells how.\n", path.display(), path.display()))?;
        return Ok(ExitCode::from(crate::cli::FINDINGS));
    }
    Ok(ExitCode::SUCCESS)
}
