//! One SFTP session: what each request means in the partner's home, and what is answered.
//!
//! It knows requests and replies as plain values; how they look on the wire is `wire`'s.

mod view;

use std::{collections::HashMap, fs::File, io, sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::sleep;

use self::view::{stat_file, stat_folder, stat_taken};
use super::{
    Door,
    allowance::Over,
    codes,
    events::{Fetched as FetchedEvent, RequestRefused},
    home::{Failed, Home, SharedPart, Upload, blocking},
    parts::read_at,
    path::{Folders, Place, Wrong, canonical},
    protocol::{Changes, Listed, MOST_HANDLES, MOST_READ, Reply, Request, Stat, Status},
    shelf::{How, Refusal, Rules, Spot},
};
use crate::{
    document::MessageId,
    ledger::Payload,
    partner::{Fetched, Folder, Partner, SftpTerms},
};

/// So many names go into one answer.
const NAMES_AT_ONCE: usize = 100;

/// Something a client has open.
enum Handle {
    Upload {
        upload: Upload,
        append: bool,
    },
    /// A file that is only read.
    Reading {
        source: Source,
        len: u64,
        stat: Stat,
        offer: Option<MessageId>,
    },
    Listing(std::vec::IntoIter<Listed>),
}

enum Source {
    Bytes(Bytes),
    File(Arc<std::sync::Mutex<File>>),
    Part(SharedPart),
}

/// One session of a partner.
pub(super) struct Session {
    door: Arc<Door>,
    partner: Arc<Partner>,
    terms: SftpTerms,
    home: Arc<Home>,
    folders: Folders,
    rules: Rules,
    handles: HashMap<u32, Handle>,
    next_handle: u32,
    /// What this session fetched; it still sees that in listings.
    fetched: Vec<MessageId>,
    refusals: u32,
}

type Answer = Result<Reply, Failed>;

impl Session {
    pub(super) fn new(door: Arc<Door>, partner: Arc<Partner>, terms: SftpTerms, home: Arc<Home>) -> Self {
        let (folders, rules) = (Folders::of(&terms), Rules::of(&terms));
        let (handles, fetched) = (HashMap::new(), Vec::new());
        Self { door, partner, terms, home, folders, rules, handles, next_handle: 0, fetched, refusals: 0 }
    }

    pub(super) fn partner(&self) -> &str {
        &self.partner.id
    }

    /// Answers one request.
    pub(super) async fn answer(&mut self, request: Request) -> Reply {
        let (what, path) = request.about();
        let mut code = codes::REFUSED;
        let answered = match request {
            Request::Open { path, read, write, append, how } => self.open(&path, read, write, append, how).await,
            Request::Close { handle } => self.close(handle).await,
            Request::Read { handle, offset, len } => self.read(handle, offset, len).await,
            Request::Write { handle, offset, data } => self.write(handle, offset, data).await,
            Request::Stat { path } => self.stat(&path).await.map(Reply::Stat),
            Request::StatHandle { handle } => self.stat_handle(handle),
            Request::SetStat { path, attributes } => self.set_stat(&path, attributes).await,
            Request::SetStatHandle { handle, attributes } => self.set_stat_handle(handle, attributes).await,
            Request::OpenFolder { path } => self.open_folder(&path).await,
            Request::ReadFolder { handle } => self.read_folder(handle),
            Request::Remove { path } => self.remove(&path).await,
            Request::MakeFolder { path } => match self.folders.place(&path) {
                Ok(Place::Hall(_) | Place::Folder(_)) => told(Status::Failure, "this folder is there already"),
                _ => told(Status::Denied, "folders cannot be made here; put files into inbound"),
            },
            Request::RemoveFolder { .. } => told(Status::Denied, "folders cannot be removed"),
            Request::RealPath { path } => self.real_path(&path),
            Request::Rename { from, to, replace } => self.rename(&from, &to, replace).await,
            Request::Sync { handle } => match self.handles.get(&handle) {
                Some(Handle::Upload { upload, .. }) => self.home.sync(upload).await.map(|()| ok()),
                _ => Ok(bad_handle()),
            },
            Request::Limits => Ok(Reply::Limits),
            Request::Link { .. } => told(Status::Unsupported, "there are no links here"),
            Request::Unsupported(what) => told(Status::Unsupported, what),
            Request::BadHandle => Ok(bad_handle()),
        };
        let reply = answered.unwrap_or_else(|failed| match failed {
            Failed::Refused(Refusal::NotFound) => Reply::Status(Status::NoSuchFile, "no such file".to_owned()),
            Failed::Io(error) => {
                tracing::warn!(partner = self.partner.id, %error, "An SFTP request failed.");
                Reply::Status(Status::Failure, Failed::Io(error).to_string())
            }
            Failed::Over(over) => {
                code = over.code;
                Reply::Status(Status::Failure, over.to_string())
            }
            failed => Reply::Status(Status::Failure, failed.to_string()),
        });
        // Who only looks whether something is there, and finds nothing, is refused nothing.
        let refused = match &reply {
            Reply::Status(Status::Denied | Status::Failure | Status::Unsupported, reason) => Some(reason),
            Reply::Status(Status::NoSuchFile, reason) => (what != "stat" || path.contains("..")).then_some(reason),
            _ => None,
        };
        if let Some(reason) = refused {
            let (partner, before) = (&self.partner.id, self.refusals);
            RequestRefused { code, partner, request: what, path: &path, reason, before }.emit(&self.door.telemetry);
            self.refusals = before.saturating_add(1);
        }
        reply
    }

    async fn open(&mut self, path: &str, read: bool, write: bool, append: bool, how: How) -> Answer {
        if self.handles.len() >= MOST_HANDLES {
            return told(Status::Failure, &format!("at most {MOST_HANDLES} files and folders are open at one time"));
        }
        let (folder, name) = match self.folders.place(path) {
            Ok(Place::File(folder, name)) => (folder, name),
            Ok(_) => return told(Status::Failure, "this is a folder"),
            Err(wrong) => return Ok(astray(&wrong)),
        };
        let Some(spot) = spot(folder, &name) else {
            if write {
                return told(Status::Denied, "files for us go into inbound");
            }
            return self.open_offer(folder, &name).await;
        };
        if write {
            let upload = self.home.begin(spot, how, &self.terms).await?;
            return Ok(self.keep(Handle::Upload { upload, append }));
        }
        if !read {
            return told(Status::Failure, "a file is opened to be read or to be written");
        }
        if let Some((part, len)) = self.home.begun(&spot).await? {
            let stat = self.stat_spot(&spot).ok_or(Refusal::NotFound)?;
            return Ok(self.keep(Handle::Reading { source: Source::Part(part), len, stat, offer: None }));
        }
        let taken = self.home.taken().get(&spot.name).cloned().filter(|_| !spot.staging);
        let Some(taken) = taken else { return Err(Refusal::NotFound.into()) };
        let source = self.payload(taken.message).await?;
        let stat = stat_taken(&taken);
        Ok(self.keep(Handle::Reading { source, len: taken.size, stat, offer: None }))
    }

    async fn open_offer(&mut self, folder: Folder, name: &str) -> Answer {
        if let Some(offer) = self.offer(folder, name).await? {
            let source = self.payload(offer.message).await?;
            let stat = stat_file(offer.size, offer.at, false);
            return Ok(self.keep(Handle::Reading { source, len: offer.size, stat, offer: Some(offer.message) }));
        }
        let text = self.report(folder, name).await?.ok_or(Refusal::NotFound)?;
        let (taken, text) = text;
        let len = text.len() as u64;
        let stat = stat_file(len, taken.at, false);
        Ok(self.keep(Handle::Reading { source: Source::Bytes(text.into()), len, stat, offer: None }))
    }

    async fn close(&mut self, handle: u32) -> Answer {
        match self.handles.remove(&handle) {
            None => Ok(bad_handle()),
            Some(Handle::Listing(_)) => Ok(ok()),
            Some(Handle::Upload { upload, .. }) => {
                self.home.close(&self.door, &self.partner, &self.rules, upload).await?;
                Ok(ok())
            }
            Some(Handle::Reading { offer: None, .. }) => Ok(ok()),
            Some(Handle::Reading { offer: Some(message), .. }) => {
                let read = self.home.outbox.lock().await.is_read(message);
                if read && self.terms.fetched == Fetched::Read {
                    self.delivered(message, "it was read to its end and closed").await?;
                }
                Ok(ok())
            }
        }
    }

    async fn read(&self, handle: u32, offset: u64, len: u32) -> Answer {
        let len = len.min(MOST_READ) as usize;
        let (data, offer) = match self.handles.get(&handle) {
            Some(Handle::Reading { source, offer, len: whole, .. }) => {
                let len = usize::try_from(whole.saturating_sub(offset)).unwrap_or(len).min(len);
                (source.read(offset, len).await?, *offer)
            }
            Some(Handle::Upload { upload, .. }) => {
                (Source::Part(Arc::clone(&upload.file)).read(offset, len).await?, None)
            }
            _ => return Ok(bad_handle()),
        };
        if data.is_empty() {
            return Ok(Reply::Status(Status::Eof, "end of file".to_owned()));
        }
        wait(self.home.allowance.went(&self.terms, data.len() as u64)).await;
        if let Some(message) = offer {
            self.home.outbox.lock().await.read(message, offset, offset + data.len() as u64);
        }
        Ok(Reply::Data(data))
    }

    async fn write(&self, handle: u32, offset: u64, data: Bytes) -> Answer {
        let Some(Handle::Upload { upload, append }) = self.handles.get(&handle) else { return Ok(bad_handle()) };
        let offset = match append {
            // The offset says nothing then (draft-ietf-secsh-filexfer-02, section 6.3).
            true => self.home.shelf().extent(&upload.spot, upload.writer)?.0,
            false => offset,
        };
        let most = self.door.largest(&self.partner);
        if offset.saturating_add(data.len() as u64) > most {
            return Err(Over::too_large(most).into());
        }
        let len = data.len() as u64;
        self.home.write(upload, offset, data, &self.terms).await?;
        wait(self.home.allowance.came(&self.terms, len)).await;
        Ok(ok())
    }

    fn stat_handle(&self, handle: u32) -> Answer {
        match self.handles.get(&handle) {
            Some(Handle::Upload { upload, .. }) => {
                Ok(Reply::Stat(self.stat_spot(&upload.spot).unwrap_or_else(|| stat_file(0, Timestamp::now(), true))))
            }
            Some(Handle::Reading { stat, .. }) => Ok(Reply::Stat(stat.clone())),
            Some(Handle::Listing(_)) => Ok(Reply::Stat(stat_folder(false))),
            None => Ok(bad_handle()),
        }
    }

    async fn set_stat(&self, path: &str, attributes: Changes) -> Answer {
        // Who cannot set a file's age often takes the whole upload for failed, so nothing here is refused.
        self.stat(path).await?;
        if let (Ok(Place::File(folder, name)), Some(mtime)) = (self.folders.place(path), attributes.mtime)
            && let Some(spot) = spot(folder, &name)
        {
            self.home.shelf().dated(&spot, mtime);
            if !spot.staging {
                self.home.taken().dated(&spot.name, mtime);
            }
        }
        Ok(ok())
    }

    async fn set_stat_handle(&self, handle: u32, attributes: Changes) -> Answer {
        match self.handles.get(&handle) {
            Some(Handle::Upload { upload, .. }) => {
                if let Some(size) = attributes.size {
                    self.home.shorten(upload, size).await?;
                }
                if let Some(mtime) = attributes.mtime {
                    self.home.shelf().dated(&upload.spot, mtime);
                }
                Ok(ok())
            }
            Some(_) => Ok(ok()),
            None => Ok(bad_handle()),
        }
    }

    async fn open_folder(&mut self, path: &str) -> Answer {
        if self.handles.len() >= MOST_HANDLES {
            return told(Status::Failure, &format!("at most {MOST_HANDLES} files and folders are open at one time"));
        }
        let mut listed: Vec<Listed> = match self.folders.place(path) {
            Ok(Place::Hall(hall)) => {
                let below = self.folders.below(&hall).into_iter();
                below.map(|name| self.listed(name, stat_folder(true))).collect()
            }
            Ok(Place::Folder(folder)) => self.files(folder).await?,
            Ok(Place::File(..)) | Err(Wrong::NoFolder) => return told(Status::NoSuchFile, "no such folder"),
            Err(wrong) => return Ok(astray(&wrong)),
        };
        for dots in ["..", "."] {
            listed.insert(0, self.listed(dots.to_owned(), stat_folder(true)));
        }
        Ok(self.keep(Handle::Listing(listed.into_iter())))
    }

    fn read_folder(&mut self, handle: u32) -> Answer {
        let Some(Handle::Listing(names)) = self.handles.get_mut(&handle) else { return Ok(bad_handle()) };
        let some: Vec<_> = names.by_ref().take(NAMES_AT_ONCE).collect();
        Ok(if some.is_empty() { Reply::Status(Status::Eof, "no more names".to_owned()) } else { Reply::Names(some) })
    }

    async fn remove(&mut self, path: &str) -> Answer {
        let (folder, name) = match self.folders.place(path) {
            Ok(Place::File(folder, name)) => (folder, name),
            Ok(_) => return told(Status::Failure, "folders cannot be removed"),
            Err(wrong) => return Ok(astray(&wrong)),
        };
        if let Some(spot) = spot(folder, &name) {
            self.home.remove(spot).await?;
            return Ok(ok());
        }
        if let Some(offer) = self.offer(folder, &name).await? {
            self.delivered(offer.message, "it was removed").await?;
            self.home.outbox.lock().await.remove_name(offer.message);
            self.fetched.retain(|message| *message != offer.message);
            return Ok(ok());
        }
        let mut taken = self.home.taken();
        if folder == Folder::Receipts && taken.report(&name).is_some() {
            taken.clear(&name)?;
            return Ok(ok());
        }
        Err(Refusal::NotFound.into())
    }

    async fn rename(&mut self, from: &str, to: &str, replace: bool) -> Answer {
        let file = |path: &str| match self.folders.place(path) {
            Ok(Place::File(folder, name)) => Ok((folder, name)),
            Ok(_) => Err(Reply::Status(Status::Failure, "folders cannot be renamed".to_owned())),
            Err(wrong) => Err(astray(&wrong)),
        };
        // Fetched files may be moved anywhere: that only says that they were fetched.
        let (folder, name) = match file(from) {
            Ok(found) => found,
            Err(reply) => return Ok(reply),
        };
        let Some(old) = spot(folder, &name) else {
            let offer = self.offer(folder, &name).await?.ok_or(Refusal::NotFound)?;
            self.delivered(offer.message, "it was renamed").await?;
            self.home.outbox.lock().await.remove_name(offer.message);
            return Ok(ok());
        };
        let (folder, name) = match file(to) {
            Ok(found) => found,
            Err(reply) => return Ok(reply),
        };
        let Some(new) = spot(folder, &name) else {
            return told(Status::Denied, "files for us stay in inbound");
        };
        self.home.rename(&self.door, &self.partner, &self.rules, old, new, replace).await?;
        Ok(ok())
    }

    fn real_path(&self, path: &str) -> Answer {
        match canonical(path) {
            Ok(path) => Ok(Reply::Names(vec![Listed { long: path.clone(), name: path, stat: stat_folder(true) }])),
            Err(wrong) => Ok(astray(&wrong)),
        }
    }

    async fn delivered(&mut self, message: MessageId, how: &'static str) -> Result<(), Failed> {
        let delivered = self.home.outbox.lock().await.deliver(&*self.door.ledger, message, how).await;
        match delivered {
            Ok(Some(offer)) => {
                FetchedEvent { partner: &self.partner.id, name: &offer.name, bytes: offer.size, how }
                    .emit(&self.door.telemetry);
                self.fetched.push(message);
                self.door.intake.fetched();
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => {
                tracing::warn!(code = %codes::NOT_MARKED, partner = self.partner.id, %message, %error, "A fetched file could not be marked.");
                Err(unavailable(error))
            }
        }
    }

    async fn payload(&self, message: MessageId) -> Result<Source, Failed> {
        match self.door.ledger.payload(message).await.map_err(unavailable)? {
            Some(Payload::Inline(bytes)) => Ok(Source::Bytes(bytes)),
            Some(Payload::File(path)) => {
                let file = blocking(move || File::open(path)).await?;
                Ok(Source::File(Arc::new(std::sync::Mutex::new(file))))
            }
            None => Err(Failed::Told("this file's content is kept no longer".to_owned())),
        }
    }

    fn keep(&mut self, handle: Handle) -> Reply {
        self.next_handle = self.next_handle.wrapping_add(1);
        self.handles.insert(self.next_handle, handle);
        Reply::Handle(self.next_handle)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for handle in self.handles.values() {
            if let Handle::Upload { upload, .. } = handle {
                self.home.lost(&self.door, upload);
            }
        }
    }
}

impl Source {
    async fn read(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        match self {
            Self::Bytes(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes.slice(from..from.saturating_add(len).min(bytes.len())))
            }
            Self::File(file) => {
                let file = Arc::clone(file);
                let read = move || {
                    let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    read_at(&mut file, offset, len)
                };
                Ok(blocking(read).await?.into())
            }
            Self::Part(part) => {
                let mut part = Arc::clone(part).lock_owned().await;
                Ok(blocking(move || part.read(offset, len)).await?.into())
            }
        }
    }
}

async fn wait(pause: Duration) {
    // A timer of nothing still costs a turn.
    if !pause.is_zero() {
        sleep(pause).await;
    }
}

fn spot(folder: Folder, name: &str) -> Option<Spot> {
    let staging = match folder {
        Folder::Inbound => false,
        Folder::Staging => true,
        Folder::Outbound | Folder::Receipts => return None,
    };
    Some(Spot { staging, name: name.to_owned() })
}

fn ok() -> Reply {
    Reply::Status(Status::Ok, "done".to_owned())
}

fn bad_handle() -> Reply {
    Reply::Status(Status::Failure, "this handle is not open".to_owned())
}

fn told(status: Status, text: &str) -> Answer {
    Ok(Reply::Status(status, text.to_owned()))
}

fn astray(wrong: &Wrong) -> Reply {
    let status = if *wrong == Wrong::NoFolder { Status::NoSuchFile } else { Status::Failure };
    Reply::Status(status, wrong.to_string())
}

fn unavailable(error: crate::ledger::LedgerError) -> Failed {
    tracing::warn!(%error, "The record could not be asked for an SFTP session.");
    Failed::Told("the gateway's record cannot be reached now: come again".to_owned())
}
