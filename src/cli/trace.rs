//! `gangway trace FILE`: what would become of a file, from its first byte to the acknowledgement.

use std::{fs::File, io::Read, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use serde_json::Value;

use super::{FINDINGS, USAGE, exit, operate, print_text, trace_page};
use crate::{
    exchange::{self, Trace},
    gateway,
    partner::Partner,
};

/// How much of a file a page may hold.
const LARGEST_PAGE: u64 = 16 << 20;

/// Shows what would become of a file. Nothing is stored.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    what: What,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// A file, and whose it is taken to be.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct What {
    /// The file.
    pub(super) file: PathBuf,
    /// The partner it is taken to be from; else the one whom its envelope names.
    #[arg(long)]
    pub(super) partner: Option<String>,
    /// The gateway's settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// One page to look at: the file, what it is made of, and our document, side by side.
    Html,
}

impl What {
    /// The configuration, and the partner that was asked for.
    pub(super) fn prepare(&self) -> anyhow::Result<(Arc<exchange::Snapshot>, Option<Arc<Partner>>)> {
        let settings = operate::settings(self.config.as_deref())?;
        let (snapshot, _) = gateway::snapshot(&settings);
        let partner = match &self.partner {
            None => None,
            Some(id) => {
                let found = snapshot.directory.partner(id).cloned();
                Some(found.ok_or_else(|| exit(USAGE, format!("there is no partner {id}")))?)
            }
        };
        Ok((Arc::new(snapshot), partner))
    }

    /// Opens the file.
    pub(super) fn open(&self) -> anyhow::Result<File> {
        File::open(&self.file)
            .with_context(|| self.file.display().to_string())
            .map_err(|error| exit(USAGE, format!("{error:#}")))
    }
}

/// Runs the command: exit 0 if all was accepted, else 1.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (snapshot, partner) = args.what.prepare()?;
    let trace = exchange::trace(&snapshot, args.what.open()?, partner, jiff::Timestamp::now())?;
    match args.format {
        Format::Html => {
            let mut bytes = Vec::new();
            #[expect(clippy::disallowed_methods, reason = "the `take` before it is the cap")]
            args.what.open()?.take(LARGEST_PAGE).read_to_end(&mut bytes)?;
            let name = args.what.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            print_text(&trace_page::page(&name, &bytes, &trace))?;
        }
        Format::Json => print_text(&format!("{:#}\n", serde_json::to_value(&trace)?))?,
        Format::Text => print_text(&text(&trace))?,
    }
    Ok(if trace.accepted { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

/// A trace for people.
fn text(trace: &Trace) -> String {
    let mut out =
        format!("format: {}\n", serde_json::to_value(trace.format).unwrap_or_default().as_str().unwrap_or("?"));
    let field = |value: &Value, name: &str| operate::cell(value, name);
    for one in &trace.interchanges {
        out.push_str(&format!(
            "interchange {} from {} to {}, partner {}: {}\n",
            field(one, "control_number"),
            field(one, "sender"),
            field(one, "receiver"),
            field(one, "partner"),
            field(one, "status"),
        ));
        for document in one.get("documents").and_then(Value::as_array).into_iter().flatten() {
            out.push_str(&format!(
                "  {} {} {} at byte {}: {}\n",
                field(document, "set"),
                field(document, "type"),
                field(document, "number"),
                field(document, "offset"),
                field(document, "state"),
            ));
        }
    }
    for error in &trace.errors {
        let place = match (error.get("segment"), error.get("tag")) {
            (Some(Value::Number(segment)), Some(Value::String(tag))) => format!("segment {segment} {tag}: "),
            _ => String::new(),
        };
        let severity = error.get("severity").and_then(Value::as_str).unwrap_or("error");
        out.push_str(&format!("{severity}[{}]: {place}{}\n", field(error, "code"), field(error, "text")));
    }
    for event in &trace.events {
        out.push_str(&format!("event {} {}\n{event:#}\n", field(event, "type"), field(event, "subject")));
    }
    for acknowledgement in &trace.acknowledgements {
        out.push_str(&format!("acknowledgement\n{}\n", acknowledgement.trim_end()));
    }
    out
}
