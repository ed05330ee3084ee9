//! `gangway deliveries`: what is on its way to partners, and what to do about what did not arrive.

use std::process::ExitCode;

use serde_json::Value;

use super::{
    operate::{Format, Where, print_rows, who},
    print_text,
};
use crate::{
    control::Request,
    document::MessageId,
    ledger::{DeliveryFilter, DeliveryState, codes},
};

/// Looks at deliveries.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text", global = true)]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Deliveries, newest first.
    List {
        /// To this partner only.
        #[arg(long)]
        partner: Option<String>,
        /// In this state only.
        #[arg(long, value_enum)]
        state: Option<State>,
        /// The most to list.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Send a message again that was delivered or given up: the same bytes and control numbers.
    Resend(Decide),
    /// Write the documents of a message again, as it is configured now, under new control numbers.
    Reissue(Decide),
    /// Give a delivery up; what belongs to the same order goes on without it.
    Cancel {
        /// The delivery's number, as `list` has it.
        delivery: u64,
        /// Why; it goes to the audit log.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum State {
    Ready,
    Waiting,
    Delivered,
    Dead,
    Cancelled,
}

#[derive(Debug, clap::Args)]
struct Decide {
    /// The outgoing message.
    message: MessageId,
    /// Why; it goes to the audit log.
    #[arg(long)]
    reason: String,
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let who = who();
    let (request, reads) = match args.command {
        Command::List { partner, state, limit } => {
            let state = state.map(|state| match state {
                State::Ready => DeliveryState::Ready,
                State::Waiting => DeliveryState::Waiting,
                State::Delivered => DeliveryState::Delivered,
                State::Dead => DeliveryState::Dead,
                State::Cancelled => DeliveryState::Cancelled,
            });
            (Request::Deliveries { filter: DeliveryFilter { partner, state }, limit }, true)
        }
        Command::Resend(Decide { message, reason }) => (Request::Resend { message, who, reason }, false),
        Command::Reissue(Decide { message, reason }) => (Request::Reissue { message, who, reason }, false),
        Command::Cancel { delivery, reason } => (Request::Cancel { delivery, who, reason }, false),
    };
    if let Request::Deliveries { .. } = request {
        let paused = args.at.ask(Request::DeliveriesPaused, true)?;
        if let Some(why) = paused.get("paused").and_then(Value::as_str) {
            head(why, args.format)?;
        }
    }
    let answer = args.at.ask(request, reads)?;
    print_rows(&answer, &["id", "partner", "channel", "state", "attempts", "due", "message"], args.format)?;
    Ok(ExitCode::SUCCESS)
}

/// Says above the list that nothing goes out.
fn head(why: &str, format: Format) -> anyhow::Result<()> {
    let text = format!(
        "{}: nothing goes out, because this data was {why}. Let it go with gangway restore --resume --reason \"…\"",
        codes::PAUSED
    );
    match format {
        Format::Text => print_text(&format!("{text}\n\n"))?,
        // What a program reads is the list alone.
        Format::Json => eprintln!("{text}"),
    }
    Ok(())
}
