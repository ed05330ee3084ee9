//! `gangway partner`: new partners, how they stand, what they have shown, and the small changes to their files.

mod certify;
mod key;
mod list;
mod new;
mod rehearse;
mod samples;
mod show;
mod status;
mod welcome;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use super::{
    CONFIGURATION, USAGE, exit,
    operate::{Where, record},
};
use crate::{
    config::{Diagnostic, Settings},
    control::{Request, Standing, StandingQuery, call},
    mapping::Library,
    onboard::{self, Edited, Seen},
    partner::{Directory, Files, Partner, Sources},
};

/// Works with partners.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write a new partner's file, its keys, and what to send it. What is not given is asked for.
    New(Box<new::Args>),
    /// List all partners: how they stand, how they connect, what came last.
    List(list::Args),
    /// Show a partner as its file and its template make it.
    Show(show::Args),
    /// Change what a partner may do.
    Status(status::Args),
    /// Show what a partner has shown, and what comes next.
    Certify(certify::Args),
    /// Make, list and revoke API keys.
    Key(key::Args),
    /// Make the page for a partner, and its sample files, anew.
    Welcome(welcome::Args),
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::New(args) => new::run(*args),
        Command::List(args) => list::run(args),
        Command::Show(args) => show::run(args),
        Command::Status(args) => status::run(args),
        Command::Certify(args) => certify::run(args),
        Command::Key(args) => key::run(args),
        Command::Welcome(args) => welcome::run(args),
    }
}

/// The partners as they are on disk, with everything that is wrong with them.
struct OnDisk {
    settings: Settings,
    files: Files,
    library: Library,
    directory: Directory,
    findings: Vec<Diagnostic>,
}

impl OnDisk {
    fn read(at: &Where) -> anyhow::Result<Self> {
        let settings = at.settings()?;
        let files = Files::read(&settings.partners);
        Ok(Self::of(settings, files))
    }

    fn of(settings: Settings, files: Files) -> Self {
        let (library, _) = Library::load(Some(&settings.mappings));
        // With the copies of what was last good, as the gateway has them: by these it is settled who has an identity that
        // two files claim.
        let sources = Sources::of(&settings);
        let (directory, findings) = Directory::build(&files, &sources, &|id| library.by_id(id).is_some());
        Self { settings, files, library, directory, findings }
    }

    /// A partner whose file is good, whatever another's file claims.
    fn partner(&self, id: &str) -> anyhow::Result<Arc<Partner>> {
        if let Some(partner) = self.good(id) {
            return Ok(Arc::clone(partner));
        }
        self.path(id)?;
        Err(exit(CONFIGURATION, format!("the file of {id} is broken; gangway check tells how")))
    }

    /// A partner as its file makes it now, or else as it is served: to take something from it, which must not wait until
    /// somebody has mended a file.
    fn partner_to_restrict(&self, id: &str) -> anyhow::Result<Arc<Partner>> {
        match (self.good(id), self.directory.partner(id)) {
            (None, Some(stale)) => Ok(Arc::clone(stale)),
            _ => self.partner(id),
        }
    }

    /// A partner as its file makes it now, where that is good by itself.
    fn good(&self, id: &str) -> Option<&Arc<Partner>> {
        self.served(id).or_else(|| self.directory.disputed(id))
    }

    /// A partner that is served as its file is now.
    fn served(&self, id: &str) -> Option<&Arc<Partner>> {
        self.directory.partner(id).filter(|partner| partner.stale.is_none())
    }

    /// A partner's file, which is there.
    fn path(&self, id: &str) -> anyhow::Result<PathBuf> {
        let path = self.settings.partners.join(format!("{id}.toml"));
        if self.files.partners.contains_key(id) || path.exists() {
            return Ok(path);
        }
        let near = crate::config::did_you_mean(id, self.files.partners.keys().map(String::as_str));
        let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        Err(exit(USAGE, format!("there is no partner {id} in {}{near}", self.settings.partners.display())))
    }

    fn text(&self, id: &str) -> anyhow::Result<(PathBuf, String)> {
        let path = self.path(id)?;
        let source = self.files.partners.get(id);
        let source = source.ok_or_else(|| exit(CONFIGURATION, format!("the file of {id} cannot be read")))?;
        Ok((path, source.text.to_string()))
    }
}

/// Whether a partner that is served as it last was has lost what a change takes from it.
type Taken<'t> = Option<&'t dyn Fn(&Partner) -> bool>;

/// Changes a partner's file, if what comes out is good, or takes something from the partner all the same, and writes into the
/// record who did it and why. The running gateway sees the change by itself.
fn change(at: &Where, id: &str, what: &str, edited: &Edited, reason: &str, taken: Taken<'_>) -> anyhow::Result<()> {
    let before = OnDisk::read(at)?;
    let path = before.path(id)?;
    let mut files = Files::read(&before.settings.partners);
    let name = path.display().to_string();
    files.partners.insert(id.to_owned(), crate::config::Source::new(name.clone(), edited.text.as_str()));
    let was_disputed = before.directory.disputed(id).is_some();
    let after = OnDisk::of(before.settings, files);
    // A claim that another's file disputes already is no reason to refuse: a key that leaked is revoked all the same.
    let is_fine = after.served(id).is_some() || (was_disputed && after.good(id).is_some());
    let is_taken = || after.directory.partner(id).is_some_and(|stale| taken.is_some_and(|taken| taken(stale)));
    if !is_fine && !is_taken() {
        let own = |told: &&Diagnostic| told.is_error() && told.labels.first().is_some_and(|label| *label.file == *name);
        let told = after.findings.iter().find(own);
        let told = told.map(|told| format!(": {} [{}]", told.message, told.code)).unwrap_or_default();
        return Err(exit(CONFIGURATION, format!("this would break {name}{told}; nothing was changed")));
    }
    let from = edited.before.as_deref().unwrap_or("nothing");
    record(&after.settings, &format!("partner {what}: {from} -> {}", edited.after), id, reason)?;
    onboard::replace(&path, &edited.text)?;
    let _ = call(&after.settings.data, &Request::Reload);
    Ok(())
}

/// How partners stand in the record: of the running gateway, or of the ledger itself; nothing where nothing ever ran.
fn standing(at: &Where, of: Vec<StandingQuery>) -> anyhow::Result<Vec<Standing>> {
    let settings = at.settings()?;
    if !settings.data.join("ledger.db").exists() {
        return Ok(Vec::new());
    }
    Ok(serde_json::from_value(at.ask(Request::Standing { of }, true)?)?)
}

/// What one partner has shown.
fn evidence(at: &Where, partner: &Partner) -> anyhow::Result<Vec<Seen>> {
    let query = StandingQuery::of(partner, true);
    Ok(standing(at, vec![query])?.into_iter().flat_map(|standing| standing.seen).collect())
}
