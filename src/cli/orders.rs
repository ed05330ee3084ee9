//! `gangway orders`: one order's whole conversation, as `GET /erp/v1/orders/{number}` has it.

use std::{collections::BTreeSet, process::ExitCode};

use serde_json::Value;

use super::{
    operate::{Format, Where, cell, table},
    print_text,
};
use crate::control::Request;

/// Shows every document that names an order, oldest first: how each stands with its partner, and what happened on the way.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// The order's number; another document's own number shows that document.
    number: String,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs the command: exit 1 if no document names the order.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let life = args.at.ask(Request::Order { number: args.number }, true)?;
    match args.format {
        Format::Json => print_text(&format!("{life:#}\n"))?,
        Format::Text => print_text(&text(&life))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn text(life: &Value) -> String {
    let steps = life.get("documents").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let columns = ["at", "direction", "channel", "partner", "type", "number", "interchange", "stands", "message"];
    let rows: Vec<Vec<String>> = steps.iter().map(|step| columns.map(|column| field(step, column)).into()).collect();
    let mut out = table(&columns, &rows);
    let mut told = BTreeSet::new();
    for step in steps {
        let facts = step.get("timeline").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        // What carried several documents has one timeline.
        if facts.is_empty() || !told.insert(cell(step, "message")) {
            continue;
        }
        out.push_str(&format!("\n{}\n", cell(step, "message")));
        for fact in facts {
            out.push_str(&format!("  {}  {}: {}\n", cell(fact, "at"), cell(fact, "what"), cell(fact, "detail")));
        }
    }
    if life.get("truncated").and_then(Value::as_bool) == Some(true) {
        out.push_str("\nThere are more documents than are shown here.\n");
    }
    out
}

/// A column: of what went to a partner, how the conversation stands and not where the document does.
fn field(step: &Value, column: &str) -> String {
    match (column, step.get("type")) {
        ("stands", _) if step.get("conversation").is_some() => cell(step, "conversation"),
        ("stands", _) => cell(step, "state"),
        ("type", None | Some(Value::Null)) => cell(step, "format"),
        _ => cell(step, column),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_conversation_reads_from_top_to_bottom() {
        let step = |at: &str, direction: &str, kind: Value, state: &str, message: &str| {
            json!({ "at": at, "direction": direction, "channel": "as2", "partner": "acme", "type": kind, "format": "855",
                "number": "45", "state": state, "message": message, "interchange": "000000007" })
        };
        let mut order = step("2026-07-01T10:00:00Z", "out", json!("purchase_order"), "rejected", "msg_1");
        order["conversation"] = json!("rejected, answer overdue");
        order["timeline"] = json!([
            { "at": "2026-07-01T10:00:01Z", "what": "delivered", "detail": "The MDN says so." },
            { "at": "2026-07-01T10:05:00Z", "what": "acknowledged", "detail": "msg_9 says of group 7: rejected" },
        ]);
        let mut change = order.clone();
        change["type"] = json!("purchase_order_change");
        let answer = step("2026-07-01T11:00:00Z", "in", Value::Null, "held", "msg_2");
        insta::assert_snapshot!(text(
            &json!({ "number": "45", "documents": [order, change, answer], "truncated": true })
        ));
    }
}
