//! One body while it comes: counted, hashed, and moved to a file when it grows.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Bytes, BytesMut};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

use super::body::{Body, Content, SpoolFile, Undigested, into_array};

/// So many bytes are gathered before one write.
const WRITE_SIZE: usize = 256 << 10;

/// Why a body was not received.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// It has more bytes than it may.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// What it may have.
        limit: u64,
    },
    /// It broke off, or came too slowly.
    #[error("the body broke off: {0}")]
    Interrupted(Box<dyn std::error::Error + Send + Sync>),
    /// It could not be written.
    #[error("the body could not be written: {0}")]
    Disk(#[from] io::Error),
}

/// A body that is coming in. Dropped before [`finish`](Self::finish), it leaves nothing behind.
pub struct Receiving {
    folder: Arc<Path>,
    inline: usize,
    memory: Arc<Semaphore>,
    cap: u64,
    len: u64,
    /// What is not in the file yet; all of it where there is no file.
    pending: Vec<Bytes>,
    pending_len: usize,
    permit: Option<OwnedSemaphorePermit>,
    hash: Hash,
    file: Option<Spilled>,
}

/// The digest of what came so far; `None` where nobody wants it.
struct Hash(Option<Context>);

impl Hash {
    fn update(&mut self, bytes: &[u8]) {
        if let Some(context) = &mut self.0 {
            context.update(bytes);
        }
    }
}

/// The file of a body that outgrew memory. The guard comes with it, so that it goes when the body does.
struct Spilled {
    file: fs::File,
    guard: SpoolFile,
}

impl Receiving {
    pub(super) fn new(folder: Arc<Path>, inline: usize, memory: Arc<Semaphore>, cap: u64) -> Self {
        Self {
            folder,
            inline,
            memory,
            cap,
            len: 0,
            pending: Vec::new(),
            pending_len: 0,
            permit: None,
            hash: Hash(Some(Context::new(&SHA256))),
            file: None,
        }
    }

    /// The same, and nobody wants its digest.
    pub(super) fn undigested(self) -> Self {
        Self { hash: Hash(None), ..self }
    }

    /// The bytes that came so far.
    pub fn received(&self) -> u64 {
        self.len
    }

    /// Takes the next piece.
    pub async fn push(&mut self, chunk: Bytes) -> Result<(), SpoolError> {
        self.len += chunk.len() as u64;
        if self.len > self.cap {
            return Err(SpoolError::TooLarge { limit: self.cap });
        }
        if chunk.is_empty() {
            return Ok(());
        }
        self.pending_len += chunk.len();
        let in_memory = self.file.is_none() && self.pending_len <= self.inline && self.reserve(chunk.len());
        self.pending.push(chunk);
        // A file is begun at the first piece that does not fit, and written in large steps from then on.
        if !in_memory && (self.file.is_none() || self.pending_len >= WRITE_SIZE) {
            self.flush(false).await?;
        }
        Ok(())
    }

    /// Ends the body. A file is synced, and so is its folder, before this answers.
    pub async fn finish(self) -> Result<Body, SpoolError> {
        let len = self.len;
        let (content, hash) = self.end().await?;
        let context = hash.0.ok_or_else(|| io::Error::other("the body was not hashed"))?;
        Ok(Body { content, len, digest: into_array(&context.finish()) })
    }

    /// The same without its digest.
    pub(super) async fn finish_undigested(self) -> Result<Undigested, SpoolError> {
        let len = self.len;
        Ok(Undigested { content: self.end().await?.0, len })
    }

    async fn end(mut self) -> Result<(Content, Hash), SpoolError> {
        if self.file.is_some() {
            self.flush(true).await?;
        }
        let content = match self.file.take() {
            Some(Spilled { guard, .. }) => Content::File(Arc::new(guard)),
            None => {
                let bytes = match self.pending.len() {
                    0 | 1 => self.pending.pop().unwrap_or_default(),
                    _ => {
                        let mut whole = BytesMut::with_capacity(self.pending_len);
                        self.pending.iter().for_each(|chunk| whole.extend_from_slice(chunk));
                        whole.freeze()
                    }
                };
                self.hash.update(&bytes);
                Content::Memory(match self.permit.take() {
                    Some(permit) => Bytes::from_owner(Budgeted { bytes, _permit: permit }),
                    None => bytes,
                })
            }
        };
        Ok((content, self.hash))
    }

    /// Takes `more` bytes of the memory budget, if they are there now: nobody waits for memory, who gets none goes to
    /// disk.
    fn reserve(&mut self, more: usize) -> bool {
        let Ok(more) = u32::try_from(more) else { return false };
        let Ok(permit) = self.memory.clone().try_acquire_many_owned(more) else { return false };
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        true
    }

    /// Hashes and writes what is pending, on a thread that may block; `last` syncs the file and its folder.
    async fn flush(&mut self, last: bool) -> Result<(), SpoolError> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_len = 0;
        let mut hash = Hash(self.hash.0.take());
        let spilled = self.file.take();
        let folder = Arc::clone(&self.folder);
        // The whole state moves there and back, so that a caller who goes away leaves it to its drop.
        let work = spawn_blocking(move || -> io::Result<(Spilled, Hash)> {
            let mut spilled = match spilled {
                Some(spilled) => spilled,
                None => Spilled::create(&folder)?,
            };
            for chunk in &pending {
                hash.update(chunk);
                spilled.file.write_all(chunk)?;
            }
            if last {
                spilled.file.sync_all()?;
                fs::File::open(&folder)?.sync_all()?;
            }
            Ok((spilled, hash))
        });
        let (spilled, hash) = work.await.map_err(io::Error::other)??;
        self.file = Some(spilled);
        self.hash = hash;
        self.permit = None;
        Ok(())
    }
}

impl Spilled {
    fn create(folder: &Path) -> io::Result<Self> {
        let guard = SpoolFile::fresh(folder)?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(guard.path())?;
        Ok(Self { file, guard })
    }
}

/// Bytes that give their share of the budget back when the last copy of them goes.
struct Budgeted {
    bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Budgeted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
