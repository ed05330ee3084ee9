//! `gangway queue`: what the ERP's consumers have not acknowledged, and what to do about events that were parked or given up.

use std::process::ExitCode;

use super::operate::{Format, Where, print_rows, who};
use crate::control::Request;

/// Looks at the queue.
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
    /// How things stand, for one consumer or all.
    Stats {
        /// The consumer's name in gangway.toml.
        consumer: Option<String>,
    },
    /// What a consumer has not acknowledged; nothing changes.
    Peek {
        /// The consumer's name in gangway.toml.
        #[arg(default_value = "erp")]
        consumer: String,
        /// The most to list.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// What is parked: handed out too often without being acknowledged.
    Parked {
        /// The consumer's name in gangway.toml.
        #[arg(default_value = "erp")]
        consumer: String,
    },
    /// Offer a parked event again; its key goes on with it.
    Release(Decide),
    /// Pass over a parked event for good; its key goes on without it.
    Skip(Decide),
    /// What was given up so that its key went on, where gangway.toml has its type under dead_and_continue.
    GivenUp {
        /// The consumer's name in gangway.toml.
        #[arg(default_value = "erp")]
        consumer: String,
        /// List only what stands behind this position, to go on where a list ended.
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// The most to list.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Offer an event again that was given up. Later ones of its key may have come before it.
    PutBack(Decide),
}

#[derive(Debug, clap::Args)]
struct Decide {
    /// The event's position, as `parked` or `given-up` lists it.
    position: u64,
    /// The consumer's name in gangway.toml.
    #[arg(long, default_value = "erp")]
    consumer: String,
    /// Why; it goes to the audit log.
    #[arg(long)]
    reason: String,
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let who = who();
    let (request, reads) = match args.command {
        Command::Stats { consumer } => (Request::QueueStats { consumer }, true),
        Command::Peek { consumer, limit } => (Request::QueuePeek { consumer, limit }, true),
        Command::Parked { consumer } => (Request::QueueParked { consumer }, true),
        Command::Release(Decide { position, consumer, reason }) => {
            (Request::QueueRelease { consumer, position, who, reason }, false)
        }
        Command::Skip(Decide { position, consumer, reason }) => {
            (Request::QueueSkip { consumer, position, who, reason }, false)
        }
        Command::GivenUp { consumer, after, limit } => (Request::QueueGivenUp { consumer, after, limit }, true),
        Command::PutBack(Decide { position, consumer, reason }) => {
            (Request::QueuePutBack { consumer, position, who, reason }, false)
        }
    };
    let columns: &[&str] = match &request {
        Request::QueueStats { .. } => &["consumer", "depth", "leased", "parked", "oldest", "head"],
        Request::QueuePeek { .. } => &["position", "state", "attempts", "kind", "key", "id"],
        Request::QueueParked { .. } => &["position", "attempts", "waiting", "since", "kind", "key", "reason"],
        Request::QueueGivenUp { .. } => &["position", "attempts", "since", "kind", "key", "reason"],
        _ => &[],
    };
    let answer = args.at.ask(request, reads)?;
    print_rows(&answer, columns, args.format)?;
    Ok(ExitCode::SUCCESS)
}
