//! The way in from partners' own servers: their files are fetched, handed to the exchange, and only then removed there.
//!
//! A file is fetched when two looks at it show the same size and date, and taken when it still has them after it was read;
//! an interchange without its end is left where it is. What is called by its server, path, size, date and digest is the
//! same file: when removing it fails, or the process ends before, the exchange knows it the next time.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io,
    path::PathBuf,
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
    home::blocking,
    left::LeftThere,
    lines::{Lines, NoLine},
    parts::{TAIL, judge, read_at},
    shelf::{Content as Look, is_temporary},
    slip::{Clerk, Slip},
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
    /// The door's own in the data folder.
    folder: PathBuf,
    /// The largest file, whatever a partner's own limit is.
    largest: u64,
    seen: Mutex<HashMap<String, Arc<Mutex<Seen>>>>,
}

/// What is remembered of one partner's server.
#[derive(Debug)]
struct Seen {
    /// By path, as the last look showed it.
    files: HashMap<String, Entry>,
    /// What cannot be taken as it is.
    unfit: HashSet<(String, Entry)>,
    /// What was taken, and stays.
    left: LeftThere,
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
    /// Over these; its own metrics are registered with the rest. `folder` is the door's own in the data folder, and
    /// `largest` is the largest file.
    pub fn new(
        lines: Arc<Lines>,
        intake: Arc<dyn Intake>,
        spool: Arc<Spool>,
        metrics: Arc<Metrics>,
        folder: PathBuf,
        largest: u64,
    ) -> Self {
        let telemetry = Collecting::new(&metrics);
        Self { lines, intake, spool, metrics, telemetry, folder, largest, seen: Mutex::default() }
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
        let seen = &*self.seen_of(&partner.id).await?;
        let line = self.lines.to(partner).await?;
        let mut found = candidates(seen, terms, folder, line.unless_it_ends(line.list(folder)).await?);
        if settled(seen, folder, &found).len() < found.len() {
            // Something that was not there before: is it still growing?
            sleep(SETTLE).await;
            found = candidates(seen, terms, folder, line.unless_it_ends(line.list(folder)).await?);
        }
        let mut rest = settled(seen, folder, &found).into_iter();
        let mut coming = FuturesUnordered::new();
        loop {
            while coming.len() < AT_ONCE
                && let Some(entry) = rest.next()
            {
                coming.push(self.take(seen, partner, terms, folder, entry));
            }
            if coming.next().await.is_none() {
                return Ok(());
            }
        }
    }

    /// What is remembered of a partner's server, by this process and by those before it.
    async fn seen_of(&self, partner: &str) -> io::Result<Arc<Mutex<Seen>>> {
        if let Some(seen) = lock(&self.seen).get(partner) {
            return Ok(Arc::clone(seen));
        }
        let (folder, own) = (self.folder.clone(), partner.to_owned());
        let left = blocking(move || LeftThere::open(&folder, &own)).await?;
        let seen = Arc::new(Mutex::new(Seen { files: HashMap::new(), unfit: HashSet::new(), left }));
        Ok(Arc::clone(lock(&self.seen).entry(partner.to_owned()).or_insert(seen)))
    }

    /// Takes one file. What goes wrong with it is told, and keeps nothing else from being taken.
    async fn take(
        &self,
        seen: &Mutex<Seen>,
        partner: &Arc<Partner>,
        terms: &SftpPushTerms,
        folder: &str,
        entry: Entry,
    ) {
        let path = below(folder, &entry.name);
        let largest = partner.message_size.min(self.largest);
        let taken = match entry.size > largest {
            true => Err(NotTaken::TooLarge(entry.size, largest)),
            false => self.fetch(partner, terms, &path, &entry).await,
        };
        match taken {
            Ok(digest) => {
                if self.settle(partner, terms, folder, &entry, &digest).await
                    && let Err(error) = lock(seen).left.add(there(terms, &path), &entry)
                {
                    // It is taken; the next process will only fetch it once more.
                    tracing::warn!(partner = partner.id, %error, "What stays on a partner's server could not be noted.");
                }
            }
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
                if matches!(error, NotTaken::TooLarge(..) | NotTaken::Unfinished) {
                    lock(seen).unfit.insert((path, entry));
                }
            }
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
            match line.unless_it_ends(line.read(path, entry, &mut receiving)).await {
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
            Collected::Remove => line.unless_it_ends(line.remove(&path)).await,
            Collected::Move => line.unless_it_ends(self.move_away(&line, terms, folder, entry, digest)).await,
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What of a listing is for us, and not done with.
fn candidates(seen: &Mutex<Seen>, terms: &SftpPushTerms, folder: &str, listed: Vec<Entry>) -> Vec<Entry> {
    let mut seen = lock(seen);
    let paths: HashSet<String> = listed.iter().map(|entry| below(folder, &entry.name)).collect();
    let gone = |path: &str| is_in(folder, path) && !paths.contains(path);
    seen.unfit.retain(|(path, _)| !gone(path));
    let server = terms.server.to_string();
    if let Err(error) = seen.left.retain(|file| !file.strip_prefix(&server).is_some_and(gone)) {
        tracing::warn!(%server, %error, "The journal of what stays on a partner's server could not be written anew.");
    }
    let wanted = |entry: &Entry| {
        let path = below(folder, &entry.name);
        !is_temporary(&entry.name)
            && !seen.left.has(&there(terms, &path), entry)
            && !seen.unfit.contains(&(path, entry.clone()))
    };
    listed.into_iter().filter(wanted).collect()
}

/// Those that look as they did at the last look; this one is remembered for the next.
fn settled(seen: &Mutex<Seen>, folder: &str, found: &[Entry]) -> Vec<Entry> {
    let mut seen = lock(seen);
    let settled = found.iter().filter(|entry| seen.files.get(&below(folder, &entry.name)) == Some(*entry));
    let settled = settled.cloned().collect();
    seen.files.retain(|path, _| !is_in(folder, path));
    seen.files.extend(found.iter().map(|entry| (below(folder, &entry.name), entry.clone())));
    settled
}

/// Whether a path is right in a folder.
fn is_in(folder: &str, path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(before, _)| before == folder.trim_end_matches('/'))
}

/// What a file on a partner's server is called among all servers.
fn there(terms: &SftpPushTerms, path: &str) -> String {
    format!("{}{path}", terms.server)
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
