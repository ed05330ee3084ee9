//! One partner's home: the files it began, those that were taken, and the way of a whole file into the exchange.
//!
//! All sessions of a partner share it. The state of files is decided by [`Shelf`]; here is the I/O around it, in an
//! order that a crash at any point leaves nothing half done: a file's bytes stay until the exchange has answered.

mod hand_on;

use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::{sync::Mutex as AsyncMutex, task::spawn_blocking};

use super::{
    Door,
    allowance::{Allowance, Over},
    codes,
    events::Unfinished,
    outbox::Outbox,
    parts::{Note, PartFile, Parts},
    shelf::{How, Next, Opened, Part, Refusal, Rules, Shelf, Spot, Writer},
    taken::TakenFiles,
};
use crate::{
    keys,
    partner::{Partner, SftpTerms},
};

/// Why an operation of a partner's failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Over(#[from] Over),
    #[error("{0}")]
    Told(String),
    #[error("the gateway could not do it now: come again")]
    Io(#[from] io::Error),
}

/// One partner's home.
pub(super) struct Home {
    pub(super) id: String,
    shelf: Mutex<Shelf>,
    taken: Mutex<TakenFiles>,
    parts: Parts,
    open: Mutex<HashMap<Part, SharedPart>>,
    pub(super) outbox: AsyncMutex<Outbox>,
    pub(super) allowance: Allowance,
    pub(super) sessions: AtomicU32,
}

/// A part that is open, shared by whoever writes and reads it.
pub(super) type SharedPart = Arc<AsyncMutex<PartFile>>;

/// One opening of a file for writing.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub(super) spot: Spot,
    pub(super) writer: Writer,
    pub(super) part: Part,
    pub(super) file: SharedPart,
}

impl Home {
    /// Opens the home of a partner in `folder`, with what an earlier process left there. Blocks.
    pub(super) fn open(folder: &Path, id: &str, visible: SignedDuration, now: Timestamp) -> io::Result<Self> {
        let folder = folder.join(safe_name(id));
        let (parts, found) = Parts::open(folder)?;
        let mut shelf = Shelf::default();
        for one in found {
            let spot = Spot { staging: one.note.staging, name: one.note.name };
            // Of two parts with one name the later counts: the earlier was replaced just when the process ended.
            let whole = one.note.whole && one.note.sound.is_none();
            if let Some(older) = shelf.get(&spot).map(|older| older.part) {
                parts.remove(older);
            }
            shelf.restore(spot, one.part, whole, one.len, one.note.touched);
        }
        let taken = TakenFiles::open(parts.folder().join("taken.jsonl"), visible, now)?;
        Ok(Self {
            id: id.to_owned(),
            shelf: Mutex::new(shelf),
            taken: Mutex::new(taken),
            parts,
            open: Mutex::default(),
            outbox: AsyncMutex::default(),
            allowance: Allowance::default(),
            sessions: AtomicU32::new(0),
        })
    }

    pub(super) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn taken(&self) -> MutexGuard<'_, TakenFiles> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<Part, SharedPart>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for one more session, if there is one.
    pub(super) fn enter(&self, most: u32) -> bool {
        let more = |now: u32| (now < most).then_some(now + 1);
        self.sessions.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    pub(super) fn leave(&self) {
        self.sessions.fetch_sub(1, Ordering::AcqRel);
    }

    /// Opens a file for writing.
    pub(super) async fn begin(self: &Arc<Self>, spot: Spot, how: How, terms: &SftpTerms) -> Result<Upload, Failed> {
        let now = Timestamp::now();
        let taken = !spot.staging && self.taken().get(&spot.name).is_some();
        let resumes = !how.truncate && self.shelf().get(&spot).is_some();
        if !resumes {
            self.allowance.begin(terms)?;
        }
        let (opened, len) = {
            let mut shelf = self.shelf();
            let opened = shelf.open(&spot, how, taken, now)?;
            let len = shelf.extent(&spot, opened.writer)?.0;
            (opened, len)
        };
        let Opened { writer, part, fresh, discard } = opened;
        let shared = self.opened().get(&part).cloned();
        // Whoever wrote this part before may still be at it; what comes after waits for that.
        if let Some(shared) = &shared {
            shared.lock().await.cut(len)?;
        }
        let home = Arc::clone(self);
        let note = Note::new(&spot, false, None, now);
        let made = blocking(move || {
            if let Some(discard) = discard {
                home.discard(discard);
            }
            match (shared, fresh) {
                (Some(shared), _) => {
                    home.parts.note(part, &note, false)?;
                    Ok(shared)
                }
                (None, true) => Ok(Arc::new(AsyncMutex::new(home.parts.create(part, &note)?))),
                (None, false) => {
                    let file = home.parts.resume(part, len)?;
                    home.parts.note(part, &note, false)?;
                    Ok(Arc::new(AsyncMutex::new(file)))
                }
            }
        })
        .await;
        let file = match made {
            Ok(file) => file,
            Err(error) => {
                let mut shelf = self.shelf();
                shelf.lost(&spot, writer, now);
                if fresh {
                    let _ = shelf.remove(&spot);
                }
                return Err(error.into());
            }
        };
        self.opened().insert(part, Arc::clone(&file));
        Ok(Upload { spot, writer, part, file })
    }

    /// Writes a piece. When this answers, the bytes outlive the process.
    pub(super) async fn write(
        self: &Arc<Self>,
        upload: &Upload,
        at: u64,
        bytes: Bytes,
        terms: &SftpTerms,
    ) -> Result<(), Failed> {
        let end = at.saturating_add(bytes.len() as u64);
        let mut file = Arc::clone(&upload.file).lock_owned().await;
        let (prefix, sound) = {
            let shelf = self.shelf();
            shelf.may_write(&upload.spot, upload.writer, at, end)?;
            let held = || shelf.iter().map(|(_, file)| file.size()).sum();
            self.allowance.hold(terms, bytes.len() as u64, held)?;
            shelf.extent(&upload.spot, upload.writer)?
        };
        let home = Arc::clone(self);
        let upload = upload.clone();
        blocking(move || {
            let now = Timestamp::now();
            let note = |sound| home.parts.note(upload.part, &Note::new(&upload.spot, false, sound, now), false);
            // Whoever looks after a crash must not take a gap for bytes.
            if sound && at > prefix {
                note(Some(prefix))?;
            }
            file.write(at, &bytes)?;
            let mended = {
                let mut shelf = home.shelf();
                shelf.wrote(&upload.spot, upload.writer, at, end, now);
                !sound && shelf.extent(&upload.spot, upload.writer).is_ok_and(|(_, sound)| sound)
            };
            if mended { note(None) } else { Ok(()) }
        })
        .await?;
        Ok(())
    }

    /// Shortens a file that is open, where its client asks for that; making it longer is nothing.
    pub(super) async fn shorten(self: &Arc<Self>, upload: &Upload, len: u64) -> Result<(), Failed> {
        let mut file = Arc::clone(&upload.file).lock_owned().await;
        if self.shelf().extent(&upload.spot, upload.writer)?.0 > len {
            blocking(move || file.cut(len)).await?;
            self.shelf().shortened(&upload.spot, upload.writer, len, Timestamp::now());
        }
        Ok(())
    }

    /// Waits until what was written is on the disk.
    pub(super) async fn sync(&self, upload: &Upload) -> Result<(), Failed> {
        let file = Arc::clone(&upload.file).lock_owned().await;
        Ok(blocking(move || file.sync()).await?)
    }

    /// The client closes a file it wrote. Where that completes a file, this answers after the exchange did.
    pub(super) async fn close(
        self: &Arc<Self>,
        door: &Arc<Door>,
        partner: &Arc<Partner>,
        rules: &Rules,
        upload: Upload,
    ) -> Result<(), Failed> {
        let Upload { spot, writer, part, file } = upload;
        let mut file = file.lock_owned().await;
        let (len, _) = self.shelf().extent(&spot, writer)?;
        let (content, file) = blocking(move || Ok((file.content(len)?, file))).await?;
        drop(file);
        let now = Timestamp::now();
        let closed = self.shelf().closed(&spot, writer, content, rules, now);
        let next = match closed {
            Ok(next) => next,
            Err(refusal) => {
                self.opened().remove(&part);
                let reason = refusal.to_string();
                Unfinished {
                    code: codes::UNFINISHED,
                    partner: &self.id,
                    name: &spot.name,
                    bytes: len,
                    reason: &reason,
                }
                .emit(&door.telemetry);
                return Err(refusal.into());
            }
        };
        match next {
            Next::HandOn(marked, marked_part) if marked != spot => {
                // The marker itself has to be durable no more than what it marks.
                self.rest(&spot, part, now).await?;
                self.hand_on(door, partner, rules, marked, marked_part).await
            }
            Next::HandOn(spot, part) => self.hand_on(door, partner, rules, spot, part).await,
            Next::Wait => self.rest(&spot, part, now).await,
        }
    }

    /// A session ended with this file open.
    pub(super) fn lost(&self, door: &Door, upload: &Upload) {
        let bytes = {
            let mut shelf = self.shelf();
            let Ok((prefix, _)) = shelf.extent(&upload.spot, upload.writer) else { return };
            shelf.lost(&upload.spot, upload.writer, Timestamp::now());
            prefix
        };
        self.opened().remove(&upload.part);
        let name = &upload.spot.name;
        Unfinished { code: codes::CUT, partner: &self.id, name, bytes, reason: "the connection broke off" }
            .emit(&door.telemetry);
    }

    /// Gives a file another name. Where that completes it, this answers after the exchange did.
    pub(super) async fn rename(
        self: &Arc<Self>,
        door: &Arc<Door>,
        partner: &Arc<Partner>,
        rules: &Rules,
        from: Spot,
        to: Spot,
        replace: bool,
    ) -> Result<(), Failed> {
        let now = Timestamp::now();
        let is_taken = |spot: &Spot| !spot.staging && self.taken().get(&spot.name).is_some();
        let begun = self.shelf().get(&from).map(|file| (file.part, file.is_whole(), file.size()));
        let Some((part, whole, len)) = begun else {
            // What was taken is ours; only the name that is shown changes.
            if !is_taken(&from) {
                return Err(Refusal::NotFound.into());
            }
            if from == to {
                return Ok(());
            }
            if !replace && (is_taken(&to) || self.shelf().get(&to).is_some()) {
                return Err(Refusal::Exists.into());
            }
            let mut taken = self.taken();
            let done = if to.staging { taken.hide(&from.name) } else { taken.rename(&from.name, &to.name) };
            return Ok(done?);
        };
        // A rename that is said again, because its answer was lost, is not a conflict with itself.
        let mut taken = is_taken(&to);
        if taken && whole && !replace {
            let digest = self.digest(part, len).await?;
            taken = self.taken().get(&to.name).is_some_and(|known| known.digest != keys::hex(&digest));
        }
        let (next, discard) = self.shelf().rename(&from, &to, replace, taken, rules, now)?;
        if let Some(discard) = discard {
            self.clear(discard).await?;
        }
        match next {
            Next::HandOn(spot, part) if spot == to => self.hand_on(door, partner, rules, spot, part).await,
            Next::HandOn(marked, marked_part) => {
                self.rest(&to, part, now).await?;
                self.hand_on(door, partner, rules, marked, marked_part).await
            }
            Next::Wait => self.rest(&to, part, now).await,
        }
    }

    /// Removes a file, or shows it no longer where it was taken already.
    pub(super) async fn remove(self: &Arc<Self>, spot: Spot) -> Result<(), Failed> {
        let removed = self.shelf().remove(&spot);
        match removed {
            Ok(part) => Ok(self.clear(part).await?),
            Err(Refusal::NotFound) if !spot.staging && self.taken().get(&spot.name).is_some() => {
                Ok(self.taken().hide(&spot.name)?)
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// What has to be done as time goes by: quiet files are handed on, and what nobody finished is forgotten.
    pub(super) async fn tick(self: &Arc<Self>, door: &Arc<Door>, partner: Option<&Arc<Partner>>) {
        let now = Timestamp::now();
        if let Some((partner, terms)) = partner.and_then(|partner| Some((partner, partner.sftp.as_ref()?))) {
            let rules = Rules::of(terms);
            let due = self.shelf().quiet(&rules, now);
            for (spot, part) in due {
                // What went wrong is told, and tried again later.
                let _ = self.hand_on(door, partner, &rules, spot, part).await;
            }
        }
        let gone = self.shelf().expire(door.limits.partial, now);
        for (spot, part) in gone {
            let reason = "nobody went on with it";
            Unfinished { code: codes::EXPIRED, partner: &self.id, name: &spot.name, bytes: 0, reason }
                .emit(&door.telemetry);
            let _ = self.clear(part).await;
        }
        self.taken().forget(door.limits.visible, now);
    }

    /// The bytes of a file that was begun, to be read.
    pub(super) async fn begun(self: &Arc<Self>, spot: &Spot) -> Result<Option<(SharedPart, u64)>, Failed> {
        let Some((part, len)) = self.shelf().get(spot).map(|file| (file.part, file.size())) else { return Ok(None) };
        if let Some(shared) = self.opened().get(&part) {
            return Ok(Some((Arc::clone(shared), len)));
        }
        let home = Arc::clone(self);
        let file = blocking(move || home.parts.resume(part, len)).await?;
        Ok(Some((Arc::new(AsyncMutex::new(file)), len)))
    }

    /// A file that waits for what completes it: its bytes and its name are on the disk when this answers.
    async fn rest(self: &Arc<Self>, spot: &Spot, part: Part, now: Timestamp) -> Result<(), Failed> {
        let shared = self.opened().remove(&part);
        let whole = self.shelf().get(spot).is_some_and(|file| file.is_whole() || file.size() == 0);
        let (home, note) = (Arc::clone(self), Note::new(spot, whole, None, now));
        let file = match shared {
            Some(shared) => Some(shared.lock_owned().await),
            None => None,
        };
        blocking(move || {
            match &file {
                Some(file) => file.sync()?,
                None => std::fs::File::open(home.parts.path(part))?.sync_all()?,
            }
            home.parts.note(part, &note, true)
        })
        .await?;
        Ok(())
    }

    async fn clear(self: &Arc<Self>, part: Part) -> io::Result<()> {
        let home = Arc::clone(self);
        blocking(move || {
            home.discard(part);
            Ok(())
        })
        .await
    }

    fn discard(&self, part: Part) {
        self.opened().remove(&part);
        self.parts.remove(part);
    }
}

/// What is kept about a partner is called this. Its id is a file's name without its ending, but never has to be trusted as
/// a path.
pub(super) fn safe_name(partner: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    let readable: String = partner.chars().take(40).map(safe).collect();
    let digest = keys::hex(&keys::sha256(partner.as_bytes()));
    format!("{readable}-{}", digest.get(..8).unwrap_or_default())
}

/// Does what may block on a thread that may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
