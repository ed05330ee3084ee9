//! `gangway partner key`: API keys of a partner. A key is shown once, when it is made; only its hash is kept.

use std::process::ExitCode;

use super::{OnDisk, change};
use crate::{
    cli::{
        USAGE, exit,
        operate::{Where, table},
        print_text,
    },
    document::Mode,
    keys::ApiKey,
    onboard::{add_api_key, remove_api_key},
    partner::Partner,
};

/// Makes, lists and revokes API keys.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a key and show it, once.
    New {
        /// The partner.
        id: String,
        /// Make a key for rehearsals: what comes with it never reaches business.
        #[arg(long)]
        test: bool,
        /// Why; it goes to the audit log.
        #[arg(long, default_value = "-")]
        reason: String,
    },
    /// List the hashes of a partner's keys.
    List {
        /// The partner.
        id: String,
    },
    /// Revoke a key.
    Revoke {
        /// The partner.
        id: String,
        /// The key itself, or the first digits of its hash.
        key: String,
        /// Why; it goes to the audit log.
        #[arg(long)]
        reason: String,
    },
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let disk = OnDisk::read(&args.at)?;
    match args.command {
        Command::New { id, test, reason } => {
            let (_, text) = disk.text(&id)?;
            let mode = if test { Mode::Test } else { Mode::Live };
            let key = ApiKey::generate(mode);
            let edited = add_api_key(&text, &format!("sha256:{}", key.digest()), &remark(&key, mode));
            change(&args.at, &id, "api key new", &edited.map_err(|error| exit(USAGE, error))?, &reason, None)?;
            print_text(&format!(
                "{}\nThis is the only time that it is shown. Give it to {id} by a safe way.\n",
                key.reveal()
            ))?;
        }
        Command::List { id } => {
            let partner = disk.partner_to_restrict(&id)?;
            let keys = partner.rest.iter().flat_map(|rest| &rest.api_keys);
            let rows: Vec<_> = keys.map(|key| vec![key.to_string()]).collect();
            print_text(&table(&["hash"], &rows))?;
        }
        Command::Revoke { id, key, reason } => {
            let (_, text) = disk.text(&id)?;
            let wanted = match ApiKey::mode_of(&key) {
                Some(_) => ApiKey::digest_of(&key),
                None => key.trim_start_matches("sha256:").trim_end_matches('…').to_owned(),
            };
            let partner = disk.partner_to_restrict(&id)?;
            let all: Vec<_> = partner.rest.iter().flat_map(|rest| &rest.api_keys).map(ToString::to_string).collect();
            let digits = |hash: &&String| hash.trim_start_matches("sha256:").starts_with(&wanted) && wanted.len() >= 4;
            let hash = match all.iter().filter(digits).collect::<Vec<_>>()[..] {
                [one] => one.clone(),
                [] => return Err(exit(USAGE, format!("{id} has no such key; gangway partner key list {id}"))),
                _ => return Err(exit(USAGE, "several keys begin like that: give more digits")),
            };
            let edited = remove_api_key(&text, &hash).map_err(|error| exit(USAGE, error))?;
            let edited = edited.ok_or_else(|| exit(USAGE, "the key stands in the template, not in its file"))?;
            let is_gone = |partner: &Partner| {
                partner.rest.iter().flat_map(|rest| &rest.api_keys).all(|key| key.to_string() != hash)
            };
            change(&args.at, &id, "api key revoked", &edited, &reason, Some(&is_gone))?;
            print_text(&format!("revoked {}…\n", hash.get(..15).unwrap_or(&hash)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What stands beside the hash of a key in the file.
pub(super) fn remark(key: &ApiKey, mode: Mode) -> String {
    let made = jiff::Timestamp::now().strftime("%Y-%m-%d");
    match mode {
        Mode::Live => format!("{}, made {made}", key.hint()),
        Mode::Test => format!("{}, made {made}; for rehearsals", key.hint()),
    }
}
