//! `gangway find`: the first question of every support call. What went to a partner shows how the conversation about it
//! stands: that it was delivered says nothing of whether the partner took it.

use std::process::ExitCode;

use serde_json::Value;

use super::{
    FINDINGS,
    operate::{Format, Where, cell, table},
    print_text,
};
use crate::{
    control::Request,
    document::MessageId,
    ledger::{MessageFilter, MessageState},
};

/// Finds messages; every flag that is given must match. What went to a partner shows whether it was accepted, rejected or answered, or
/// what of that is overdue; `gangway orders` tells more.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// The partner that it is from or for; also what came over its connection from nobody we know.
    #[arg(long)]
    partner: Option<String>,
    /// A business number: of an order, a shipment, an invoice.
    #[arg(long)]
    number: Option<String>,
    /// The interchange control number, with or without leading zeros.
    #[arg(long)]
    isa13: Option<String>,
    /// AS2 Message-ID, Idempotency-Key, or our own msg_… id. With our own, all of it is shown.
    #[arg(long)]
    message_id: Option<String>,
    /// The name of the file it came as.
    #[arg(long)]
    filename: Option<String>,
    /// Where it stands: processing, accepted, partial, rejected, held, duplicate, ready, delivered or dead.
    #[arg(long, value_parser = state)]
    state: Option<MessageState>,
    /// Not before this time, like 2026-07-01T00:00:00Z.
    #[arg(long, value_parser = super::time)]
    from: Option<jiff::Timestamp>,
    /// Before this time.
    #[arg(long, value_parser = super::time)]
    to: Option<jiff::Timestamp>,
    /// The most to list.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

fn state(text: &str) -> Result<MessageState, String> {
    serde_json::from_value(text.into()).map_err(|_| {
        "expected processing, accepted, partial, rejected, held, duplicate, ready, delivered or dead".to_owned()
    })
}

/// Runs the command: exit 0 if something was found, else 1.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(message) = args.message_id.as_deref().and_then(|id| id.parse::<MessageId>().ok()) {
        let shown = args.at.ask(Request::Show { message }, true)?;
        print_text(&format!("{shown:#}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let filter = MessageFilter {
        partner: args.partner,
        number: args.number,
        isa13: args.isa13,
        message_id: args.message_id,
        filename: args.filename,
        state: args.state,
        from: args.from,
        to: args.to,
        ..MessageFilter::default()
    };
    let found = args.at.ask(Request::Find { filter, limit: args.limit }, true)?;
    let rows = found.as_array().map(Vec::as_slice).unwrap_or_default();
    let columns = [
        "id",
        "at",
        "direction",
        "channel",
        "partner",
        "state",
        "conversation",
        "interchange",
        "bytes",
        "transport_id",
    ];
    match args.format {
        Format::Json => print_text(&format!("{found:#}\n"))?,
        Format::Text => {
            let show =
                |row: &Value| columns.map(|column| if column == "partner" { whose(row) } else { cell(row, column) });
            let rows: Vec<Vec<_>> = rows.iter().map(|row| show(row).into()).collect();
            if rows.is_empty() {
                eprintln!("Nothing was found.");
            }
            print_text(&table(&columns, &rows))?;
        }
    }
    Ok(if rows.is_empty() { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
}

/// The partner of a message. Where its sender is nobody we know, whose connection it came over.
fn whose(row: &Value) -> String {
    match cell(row, "partner").as_str() {
        "-" => format!("? over {}", cell(row, "connection")),
        partner => partner.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whoever_is_not_known_is_told_by_their_connection() {
        assert_eq!(whose(&json!({ "partner": "small", "connection": "opentext" })), "small");
        assert_eq!(whose(&json!({ "partner": null, "connection": "opentext" })), "? over opentext");
    }
}
