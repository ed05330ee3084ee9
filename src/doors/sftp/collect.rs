//! The way in from partners' own servers: their files are fetched, handed to the exchange, and only then removed there.
//!
//! A file is fetched when two looks at it show the same size and date, and taken when it still has them after it was read;
//! an interchange without its end is left where it is. What is called by its server, path, size, date and digest is the
//! same file: when removing it fails, or the process ends before, the exchange knows it the next time.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::{
    task::JoinHandle,
    time::{interval, sleep},
};

use super::{
    codes,
    courier::below,
    events::{CollectFailed, Collecting, Left},
    home::{Clerk, Slip, blocking},
    lines::{Lines, NoLine},
    parts::{TAIL, judge, read_at},
    shelf::{Content as Look, is_temporary},
    wire::{Entry, Fault, Line},
};
use crate::{
    document::Mode,
    exchange::{Arrival, Intake, Refused},
    keys,
    ledger::Channel,
    observe::{Arrived, Metrics},
    partner::{Collected, Directory, Partner, SftpPushTerms, Status},
    spool::{Body, Content, Spool, SpoolError},
};

/// Between the two looks at a file; servers tell dates in seconds.
const SETTLE: Duration = Duration::from_secs(2);
/// Files of one partner on their way at one time.
const AT_ONCE: usize = 4;
/// Partners that are asked at one time.
const PARTNERS: usize = 16;
/// A file is gone on with so often when the line breaks.
const TRIES: u32 = 4;
/// A server that does not answer is asked more and more rarely, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Fetches partners' files.
pub struct Collector {
    lines: Arc<Lines>,
    intake: Arc<dyn Intake>,
    spool: Arc<Spool>,
    metrics: Arc<Metrics>,
    telemetry: Collecting,
    /// The largest file, whatever a partner's own limit is.
    largest: u64,
    seen: Mutex<HashMap<String, Seen>>,
}

/// What is remembered of one partner's server.
#[derive(Debug, Default)]
struct Seen {
    /// By path, as the last look showed it.
    files: HashMap<String, Entry>,
    /// What stays there, and is done with.
    done: HashSet<(String, Entry)>,
}

/// When a partner is asked next.
struct Turn {
    at: Instant,
    failures: u32,
    busy: bool,
}

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error(transparent)]
    NoLine(#[from] NoLine),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is empty, or an interchange without its end")]
    Unfinished,
    #[error("it has {0} bytes, and may have {1}")]
    TooLarge(u64, u64),
}

impl From<SpoolError> for NotTaken {
    fn from(error: SpoolError) -> Self {
        Self::Fault(error.into())
    }
}

impl Collector {
    /// Over these; its own metrics are registered with the rest. `largest` is the largest file.
    pub fn new(
        lines: Arc<Lines>,
        intake: Arc<dyn Intake>,
        spool: Arc<Spool>,
        metrics: Arc<Metrics>,
        largest: u64,
    ) -> Self {
        let telemetry = Collecting::new(&metrics);
        Self { lines, intake, spool, metrics, telemetry, largest, seen: Mutex::default() }
    }

    /// Asks every partner's server as often as its file says, until the task is aborted.
    pub fn spawn(self, directory: Arc<ArcSwap<Directory>>) -> JoinHandle<()> {
        let own = Arc::new(self);
        tokio::spawn(async move {
            let turns: Arc<Mutex<HashMap<String, Turn>>> = Arc::default();
            let mut clock = interval(Duration::from_secs(1));
            loop {
                clock.tick().await;
                let partners: Vec<_> = directory.load().partners().filter(|one| is_asked(one)).cloned().collect();
                for partner in partners {
                    if !begin(&turns, &partner.id) {
                        continue;
                    }
                    let (own, turns) = (Arc::clone(&own), Arc::clone(&turns));
                    tokio::spawn(async move {
                        let reached = own.collect(&partner).await;
                        end(&turns, &partner, reached);
                    });
                }
            }
        })
    }

    /// Looks at a partner's server once and takes what is there; answers whether it could be reached.
    pub async fn collect(&self, partner: &Arc<Partner>) -> bool {
        let Some(terms) = &partner.sftp_push else { return true };
        for folder in &terms.collect_from {
            if let Err(error) = self.folder(partner, terms, folder).await {
                let (what, reason) = (format!("{} {folder}", terms.server), error.to_string());
                CollectFailed { partner: &partner.id, what: &what, reason: &reason }.emit(&self.telemetry);
                return false;
            }
        }
        true
    }

    async fn folder(&self, partner: &Arc<Partner>, terms: &SftpPushTerms, folder: &str) -> Result<(), NotTaken> {
        let line = self.lines.to(partner).await?;
        let mut found = self.candidates(partner, folder, line.list(folder).await?);
        if self.look(partner, folder, &found).len() < found.len() {
            // Something that was not there before: is it still growing?
            sleep(SETTLE).await;
            found = self.candidates(partner, folder, line.list(folder).await?);
        }
        let settled = self.look(partner, folder, &found);
        let mut rest = settled.into_iter();
        let mut coming = FuturesUnordered::new();
        loop {
            while coming.len() < AT_ONCE
                && let Some(entry) = rest.next()
            {
                coming.push(self.take(partner, terms, folder, entry));
            }
            if coming.next().await.is_none() {
                return Ok(());
            }
        }
    }

    /// What of a listing is for us, and not done with.
    fn candidates(&self, partner: &Partner, folder: &str, listed: Vec<Entry>) -> Vec<Entry> {
        let mut seen = self.seen();
        let seen = seen.entry(partner.id.clone()).or_default();
        let paths: HashSet<String> = listed.iter().map(|entry| below(folder, &entry.name)).collect();
        let here =
            |path: &String| path.rsplit_once('/').is_some_and(|(before, _)| before == folder.trim_end_matches('/'));
        seen.done.retain(|(path, _)| !here(path) || paths.contains(path));
        let wanted = |entry: &Entry| {
            !is_temporary(&entry.name) && !seen.done.contains(&(below(folder, &entry.name), entry.clone()))
        };
        listed.into_iter().filter(wanted).collect()
    }

    /// Those that look as they did at the last look; this one is remembered for the next.
    fn look(&self, partner: &Partner, folder: &str, found: &[Entry]) -> Vec<Entry> {
        let mut seen = self.seen();
        let seen = seen.entry(partner.id.clone()).or_default();
        let settled = found.iter().filter(|entry| seen.files.get(&below(folder, &entry.name)) == Some(*entry));
        let settled = settled.cloned().collect();
        seen.files
            .retain(|path, _| path.rsplit_once('/').is_none_or(|(before, _)| before != folder.trim_end_matches('/')));
        seen.files.extend(found.iter().map(|entry| (below(folder, &entry.name), entry.clone())));
        settled
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one file. What goes wrong with it is told, and keeps nothing else from being taken.
    async fn take(&self, partner: &Arc<Partner>, terms: &SftpPushTerms, folder: &str, entry: Entry) {
        let path = below(folder, &entry.name);
        let largest = partner.message_size.min(self.largest);
        let taken = match entry.size > largest {
            true => Err(NotTaken::TooLarge(entry.size, largest)),
            false => self.fetch(partner, terms, &path, &entry).await,
        };
        let done = match taken {
            Ok(digest) => self.settle(partner, terms, folder, &entry, &digest).await,
            Err(error) => {
                let code = match error {
                    NotTaken::TooLarge(..) => codes::TOO_LARGE,
                    NotTaken::Unfinished => codes::UNFINISHED,
                    _ => codes::NOT_COLLECTED,
                };
                let reason = error.to_string();
                Left { code, partner: &partner.id, path: &path, bytes: entry.size, reason: &reason }
                    .emit(&self.telemetry);
                // Waiting does not make these better; another size or date does.
                matches!(error, NotTaken::TooLarge(..) | NotTaken::Unfinished)
            }
        };
        if done {
            self.seen().entry(partner.id.clone()).or_default().done.insert((path, entry));
        }
    }

    /// Fetches a file and hands it on; answers the digest of what the exchange has.
    async fn fetch(
        &self,
        partner: &Arc<Partner>,
        terms: &SftpPushTerms,
        path: &str,
        entry: &Entry,
    ) -> Result<String, NotTaken> {
        let received = Instant::now();
        let mut receiving = self.spool.begin(entry.size);
        let mut tries = 0;
        loop {
            let line = self.lines.to(partner).await?;
            match line.read(path, entry, &mut receiving).await {
                Ok(()) => break,
                Err(Fault::Broken(_)) if tries < TRIES => tries += 1,
                Err(fault) => return Err(fault.into()),
            }
        }
        let body = receiving.finish().await?;
        let (look, body) = blocking(move || Ok((look(&body)?, body))).await?;
        if look != Look::Fine {
            return Err(NotTaken::Unfinished);
        }
        let hex = keys::hex(&body.digest);
        let short = hex.get(..16).unwrap_or_default();
        let correlation = format!("sftp-push-{}-{short}", Timestamp::now().as_microsecond());
        let arrival = Arrival {
            declared: None,
            connection: Arc::clone(partner),
            channel: Channel::SftpPush,
            mode: Mode::Live,
            transport_id: format!("{}{path};{};{};{short}", terms.server, entry.size, entry.mtime),
            filename: Some(entry.name.clone()),
            content_type: None,
            body,
            at: Timestamp::now(),
            correlation: correlation.clone(),
        };
        let intake = Arc::clone(&self.intake);
        // In a task of its own, so that a gateway that goes down does not end it half-way.
        let answer = tokio::spawn(async move { intake.receive(arrival, Arc::new(Clerk)).await }).await;
        let answer = answer.unwrap_or_else(|_| Err(Refused::Unavailable("the work on it broke off".to_owned())));
        let slip = answer.as_ref().ok().and_then(|receipt| serde_json::from_slice::<Slip>(&receipt.0).ok());
        Arrived {
            channel: "sftp-push",
            state: if answer.is_err() { "refused" } else { Slip::told(slip.as_ref(), &correlation) },
            connection: &partner.id,
            message: slip.as_ref().map(|slip| slip.message),
            bytes: entry.size,
            elapsed: received.elapsed(),
            trace: None,
            correlation: &correlation,
        }
        .emit(&self.metrics);
        answer?;
        self.telemetry.collected.inc();
        Ok(hex)
    }

    /// Does with a file that we have what the partner's file says; answers whether it is left where it is for good.
    async fn settle(
        &self,
        partner: &Arc<Partner>,
        terms: &SftpPushTerms,
        folder: &str,
        entry: &Entry,
        digest: &str,
    ) -> bool {
        let path = below(folder, &entry.name);
        // If this fails, it is fetched again, and known by then.
        let Ok(line) = self.lines.to(partner).await else { return false };
        let settled = match terms.collected {
            Collected::Keep => return true,
            Collected::Remove => line.remove(&path).await,
            Collected::Move => self.move_away(&line, terms, folder, entry, digest).await,
        };
        match settled {
            Ok(()) | Err(Fault::NotFound | Fault::Broken(_)) => false,
            Err(fault) => {
                let reason = format!("it is taken, but cannot be cleared away there: {fault}");
                Left {
                    code: codes::NOT_CLEARED,
                    partner: &partner.id,
                    path: &path,
                    bytes: entry.size,
                    reason: &reason,
                }
                .emit(&self.telemetry);
                true
            }
        }
    }

    async fn move_away(
        &self,
        line: &Line,
        terms: &SftpPushTerms,
        folder: &str,
        entry: &Entry,
        digest: &str,
    ) -> Result<(), Fault> {
        let to = match terms.collected_to.starts_with('/') {
            true => terms.collected_to.clone(),
            false => below(folder, &terms.collected_to),
        };
        let (from, path) = (below(folder, &entry.name), below(&to, &entry.name));
        match line.rename(&from, &path).await {
            Err(Fault::Refused(_) | Fault::NotFound) => {
                // There is no such folder yet, or an older file of this name in it.
                line.make_folder(&to).await;
                if line.size(&path).await?.is_none() {
                    return line.rename(&from, &path).await;
                }
                let short = digest.get(..8).unwrap_or_default();
                line.rename(&from, &format!("{path}.{}-{short}", entry.mtime)).await
            }
            moved => moved,
        }
    }
}

/// Whether a partner's server is asked at all: not before it is tested, and not while nothing of it is wanted.
fn is_asked(partner: &Partner) -> bool {
    let collects = partner.sftp_push.as_ref().is_some_and(|terms| !terms.collect_from.is_empty());
    collects && matches!(partner.status, Status::Test | Status::Live)
}

fn lock(turns: &Mutex<HashMap<String, Turn>>) -> MutexGuard<'_, HashMap<String, Turn>> {
    turns.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether it is a partner's turn; then it has it.
fn begin(turns: &Mutex<HashMap<String, Turn>>, partner: &str) -> bool {
    let mut turns = lock(turns);
    if turns.values().filter(|turn| turn.busy).count() >= PARTNERS {
        return false;
    }
    let now = Instant::now();
    let turn = turns.entry(partner.to_owned()).or_insert(Turn { at: now, failures: 0, busy: false });
    let is_due = !turn.busy && turn.at <= now;
    turn.busy |= is_due;
    is_due
}

fn end(turns: &Mutex<HashMap<String, Turn>>, partner: &Partner, reached: bool) {
    let every = partner.sftp_push.as_ref().map_or(LONGEST_PAUSE, |terms| terms.collect_every.get());
    if let Some(turn) = lock(turns).get_mut(&partner.id) {
        turn.failures = if reached { 0 } else { turn.failures.saturating_add(1) };
        turn.at = Instant::now() + pause(every, turn.failures);
        turn.busy = false;
    }
}

/// Until the next look, after so many that failed.
fn pause(every: Duration, failures: u32) -> Duration {
    let grown = every.saturating_mul(2_u32.saturating_pow(failures.min(16)));
    grown.min(LONGEST_PAUSE.max(every))
}

/// What a file looks like that nobody said is whole. Blocks.
fn look(body: &Body) -> io::Result<Look> {
    if body.len == 0 {
        return Ok(Look::Empty);
    }
    Ok(match &body.content {
        Content::Memory(bytes) => {
            let tail = bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default();
            judge(bytes.get(..200).unwrap_or(bytes), tail)
        }
        Content::File(file) => {
            let mut file = File::open(file.path())?;
            let head = read_at(&mut file, 0, 200)?;
            judge(&head, &read_at(&mut file, body.len.saturating_sub(TAIL as u64), TAIL)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_down_is_asked_ever_more_rarely() {
        let minute = Duration::from_secs(60);
        assert_eq!([0, 1, 2].map(|failures| pause(minute, failures)), [minute, minute * 2, minute * 4]);
        assert_eq!(pause(minute, 60), LONGEST_PAUSE);
        assert_eq!(pause(LONGEST_PAUSE * 24, 3), LONGEST_PAUSE * 24);
    }

    #[test]
    fn an_interchange_without_its_end_is_no_file_yet() {
        let look = |text: &[u8]| look(&Body::from_bytes(text.to_vec())).unwrap();
        assert_eq!(look(b""), Look::Empty);
        assert_eq!(look(b"ISA*00*          *ST*850*0001~"), Look::NoTrailer);
        assert_eq!(look(b"ISA*00*          ~IEA*1*000000001~\n"), Look::Fine);
        assert_eq!(look(b"anything else"), Look::Fine);
    }
}
