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
        #[command(flatten)]
        whose: Whose,
    },
    /// What a consumer has not acknowledged; nothing changes.
    Peek {
        #[command(flatten)]
        whose: Whose,
        /// The most to list.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// What is parked: handed out too often without being acknowledged.
    Parked {
        #[command(flatten)]
        whose: Whose,
    },
    /// Offer a parked event again; its key goes on with it.
    Release(Decide),
    /// Pass over a parked event for good; its key goes on without it.
    Skip(Decide),
    /// What was given up so that its key went on, where gangway.toml has its type under dead_and_continue.
    GivenUp {
        #[command(flatten)]
        whose: Whose,
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

/// A consumer, by its place or by `--consumer`, as where something is decided.
#[derive(Debug, clap::Args)]
struct Whose {
    /// The consumer's name in gangway.toml; where none is given, all for `stats` and else erp.
    consumer: Option<String>,
    #[arg(long = "consumer", value_name = "CONSUMER", hide = true, conflicts_with = "consumer")]
    named: Option<String>,
}

impl Whose {
    fn given(self) -> Option<String> {
        self.consumer.or(self.named)
    }

    fn or_erp(self) -> String {
        self.given().unwrap_or_else(|| "erp".into())
    }
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
        Command::Stats { whose } => (Request::QueueStats { consumer: whose.given() }, true),
        Command::Peek { whose, limit } => (Request::QueuePeek { consumer: whose.or_erp(), limit }, true),
        Command::Parked { whose } => (Request::QueueParked { consumer: whose.or_erp() }, true),
        Command::Release(Decide { position, consumer, reason }) => {
            (Request::QueueRelease { consumer, position, who, reason }, false)
        }
        Command::Skip(Decide { position, consumer, reason }) => {
            (Request::QueueSkip { consumer, position, who, reason }, false)
        }
        Command::GivenUp { whose, after, limit } => {
            (Request::QueueGivenUp { consumer: whose.or_erp(), after, limit }, true)
        }
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
