//! What commands that ask the gateway have in common: where it is, and what stands in for it when none runs.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;

use super::{CONFIGURATION, TRY_AGAIN, USAGE, exit, print_text};
use crate::{
    config::{Settings, Severity, render},
    control::{Answer, ClientError, Operator, Request, call},
    gateway,
    ledger::{
        AuditRecord, Ledger as _,
        sqlite::{Options, SqliteLedger},
    },
};

/// Which gateway.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Where {
    /// The gateway's settings.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl Where {
    /// The settings; their mistakes end the command.
    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        settings(self.config.as_deref())
    }

    /// Asks the running gateway. With none, a request that only reads is answered from the data folder itself.
    pub(super) fn ask(&self, request: Request, reads: bool) -> anyhow::Result<Value> {
        let settings = self.settings()?;
        let answer = match call(&settings.data, &request) {
            Err(ClientError::NotRunning(_)) if reads => alone(&settings, request)?,
            Err(error @ ClientError::NotRunning(_)) => return Err(exit(TRY_AGAIN, error)),
            other => other?,
        };
        match answer {
            Answer::Ok(value) => Ok(value),
            Answer::Err { kind, text } => Err(match kind.as_str() {
                "unavailable" => exit(TRY_AGAIN, text),
                "usage" => exit(USAGE, text),
                _ => exit(super::FINDINGS, text),
            }),
        }
    }
}

/// Reads settings; their mistakes end the command.
pub(super) fn settings(path: Option<&Path>) -> anyhow::Result<Settings> {
    let (settings, findings) = Settings::load(path);
    if let Some(first) = findings.iter().find(|one| one.severity == Severity::Error) {
        let told = render::render(render::Format::Concise, std::slice::from_ref(first), false, |_| None);
        return Err(exit(CONFIGURATION, format!("{}\ngangway check tells all there is to mend.", told.trim_end())));
    }
    Ok(settings)
}

fn alone(settings: &Settings, request: Request) -> anyhow::Result<Answer> {
    let consumers = settings.consumers.iter().map(|consumer| consumer.name.clone()).collect();
    let ledger = SqliteLedger::open_read_only(&settings.data).map_err(|error| exit(TRY_AGAIN, error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let data = settings.data.clone();
    let operator = Operator::alone(Arc::new(ledger), consumers).carrying(move || gateway::own_files(&data));
    Ok(runtime.block_on(operator.answer(request)))
}

/// Who asks, as far as the system knows; it goes to the audit log. Where nothing has a name, as in most containers, it is
/// a number.
pub(super) fn who() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| {
        let owner = std::fs::metadata("/proc/self").map(|own| own.uid());
        owner.map_or_else(|_| "unknown".into(), |uid| format!("uid {uid}"))
    })
}

/// Writes into the audit log: through the running gateway, or into the ledger itself where none runs.
pub(super) fn record(settings: &Settings, what: &str, on: &str, reason: &str) -> anyhow::Result<()> {
    let (what, on, reason) = (what.to_owned(), on.to_owned(), reason.to_owned());
    match call(
        &settings.data,
        &Request::Record { who: who(), what: what.clone(), on: on.clone(), reason: reason.clone() },
    ) {
        Ok(_) => Ok(()),
        Err(ClientError::NotRunning(_)) => {
            let record = AuditRecord { at: jiff::Timestamp::now(), who: who(), what, on, reason };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let ledger = SqliteLedger::open(&settings.data, &Options::default())?;
            runtime.block_on(async {
                ledger.audit(record).await?;
                ledger.close().await
            })?;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// How a command prints what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Prints what the gateway answered: a list as a table of these fields, and anything else as done.
pub(super) fn print_rows(answer: &Value, columns: &[&str], format: Format) -> anyhow::Result<()> {
    let row = |row: &Value| columns.iter().map(|column| cell(row, column)).collect();
    match (format, answer.as_array()) {
        (Format::Text, Some(rows)) => {
            if rows.is_empty() {
                eprintln!("There is nothing to list.");
            }
            print_text(&table(columns, &rows.iter().map(row).collect::<Vec<_>>()))
        }
        (Format::Text, None) => print_text("Done.\n"),
        (Format::Json, _) => print_text(&format!("{answer:#}\n")),
    }
}

/// A column of a table, as text: a field of a JSON object.
pub(super) fn cell(row: &Value, field: &str) -> String {
    match row.get(field) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Prints rows under headings, each column as wide as it needs.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(headings.get(column).map(|heading| heading.len())).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..headings.len()).map(width).collect();
    let mut out = String::new();
    let headings: Vec<_> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    for row in std::iter::once(&headings).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_its_cells() {
        let rows = [vec!["msg_1".into(), "held".into()], vec!["m".into(), "accepted".into()]];
        assert_eq!(table(&["id", "state"], &rows), "id     state\nmsg_1  held\nm      accepted\n");
    }
}
