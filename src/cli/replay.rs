//! `gangway replay`: stored bytes processed again with today's configuration, the difference shown first.

use std::process::ExitCode;

use super::{
    USAGE, exit,
    operate::{Format, Where, who},
    print_text,
};
use crate::{
    control::{ReplayWhat, Request},
    document::MessageId,
    exchange::Replayed,
};

/// Processes stored messages again.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// One message.
    #[arg(long, conflicts_with_all = ["from", "to"])]
    message: Option<MessageId>,
    /// All that came at or after this time, with --to.
    #[arg(long, requires = "to", value_parser = super::time)]
    from: Option<jiff::Timestamp>,
    /// … and before this one.
    #[arg(long, requires = "from", value_parser = super::time)]
    to: Option<jiff::Timestamp>,
    /// Let documents of the message through that are held because their numbers came before with another content
    /// (EXC-0008): the ERP gets them as corrections of the first ones.
    #[arg(long, requires = "message", conflicts_with = "dry_run")]
    accept_changed: bool,
    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
    /// Why; it goes to the audit log.
    #[arg(long, required_unless_present = "dry_run", default_value = "", hide_default_value = true)]
    reason: String,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let what = match (args.message, args.from, args.to) {
        (Some(message), _, _) if args.accept_changed => ReplayWhat::Changed(message),
        (Some(message), _, _) => ReplayWhat::Message(message),
        (None, Some(from), Some(to)) => ReplayWhat::Between { from, to },
        _ => return Err(exit(USAGE, "say which messages: --message ID, or --from TIME --to TIME")),
    };
    let request = Request::Replay { what, dry_run: args.dry_run, who: who(), reason: args.reason };
    let answer = args.at.ask(request, false)?;
    match args.format {
        Format::Json => print_text(&format!("{answer:#}\n"))?,
        Format::Text => {
            let replayed: Vec<Replayed> = serde_json::from_value(answer)?;
            for one in &replayed {
                print_text(&told(one, args.dry_run))?;
            }
            print_text(&format!("{} message(s) looked at.\n", replayed.len()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One message's replay in words.
fn told(replayed: &Replayed, dry_run: bool) -> String {
    let would = if dry_run { "would become" } else { "became" };
    let mut out = format!("{}: {:?} {would} {:?}", replayed.message, replayed.was, replayed.now).to_lowercase();
    out = out.replacen(&replayed.message.to_string().to_lowercase(), &replayed.message.to_string(), 1);
    out.push_str(&format!(", {} unchanged\n", replayed.unchanged));
    for change in &replayed.changes {
        let was = change.was.map_or_else(|| "new".to_owned(), |was| format!("{was:?}").to_lowercase());
        out.push_str(&format!(
            "  {} {}: {was} -> {}\n",
            change.position,
            change.subject,
            format!("{:?}", change.now).to_lowercase()
        ));
        for (at, old, new) in &change.fields {
            out.push_str(&format!("    {at}: {old} -> {new}\n"));
        }
        if let Some(text) =
            change.problem.as_ref().and_then(|problem| problem.get("text")).and_then(|text| text.as_str())
        {
            out.push_str(&format!("    {text}\n"));
        }
    }
    out
}
