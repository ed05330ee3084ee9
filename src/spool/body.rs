//! A body that came whole, and the file that may hold it.

use std::{
    fmt, fs,
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand,
};
use bytes::Bytes;

/// A body that was received whole.
#[derive(Debug, Clone)]
pub struct Body {
    /// Where its bytes are.
    pub content: Content,
    /// Its size in bytes.
    pub len: u64,
    /// Its SHA-256.
    pub digest: [u8; 32],
}

/// A body that was received whole, and whose digest nobody asked for.
#[derive(Debug, Clone)]
pub struct Undigested {
    /// Where its bytes are.
    pub content: Content,
    /// Its size in bytes.
    pub len: u64,
}

/// Where a body's bytes are.
#[derive(Debug, Clone)]
pub enum Content {
    /// In memory. The memory counts against the spool's budget until the last copy of these `Bytes` is gone.
    Memory(Bytes),
    /// In a file that is written and synced. It is removed with its last owner, unless it was handed over.
    File(Arc<SpoolFile>),
}

impl Body {
    /// A body of bytes that are at hand; no spool and no budget is asked.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { digest: into_array(&digest(&SHA256, &bytes)), len: bytes.len() as u64, content: Content::Memory(bytes) }
    }

    /// Its bytes from the first on, as often as one likes. Reading a file blocks.
    pub fn reader(&self) -> io::Result<BodyReader> {
        match &self.content {
            Content::Memory(bytes) => Ok(BodyReader::Memory(Cursor::new(bytes.clone()))),
            Content::File(file) => Ok(BodyReader::File(fs::File::open(file.path())?)),
        }
    }
}

/// Reads a [`Body`].
#[derive(Debug)]
pub enum BodyReader {
    /// From memory.
    Memory(Cursor<Bytes>),
    /// From its file.
    File(fs::File),
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(cursor) => cursor.read(buffer),
            Self::File(file) => file.read(buffer),
        }
    }
}

/// A file of the spool. It is removed when this is dropped, unless it was handed over.
pub struct SpoolFile {
    path: PathBuf,
    ours: AtomicBool,
}

impl SpoolFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, ours: AtomicBool::new(true) }
    }

    /// A name in `folder` that nobody has; the file is made by the caller.
    pub(super) fn fresh(folder: &Path) -> io::Result<Self> {
        let mut random = [0; 16];
        rand::fill(&mut random).map_err(|_| io::Error::other("the system's random generator failed"))?;
        Ok(Self::new(folder.join(format!("{:032x}{}", u128::from_be_bytes(random), super::ENDING))))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file away: from now on dropping this leaves it alone.
    ///
    /// Hand over *before* the commit that names the file, and [`take_back`](Self::take_back) when the commit said that
    /// it stored nothing. A crash or a cancelled task between the two leaves an orphan, which the next start sweeps;
    /// the other order could remove a file that the record has.
    pub fn hand_over(&self) -> PathBuf {
        self.ours.store(false, Ordering::Release);
        self.path.clone()
    }

    /// The file is ours again, and goes when this is dropped.
    pub fn take_back(&self) {
        self.ours.store(true, Ordering::Release);
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        if *self.ours.get_mut()
            && let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "A spooled file could not be removed.");
        }
    }
}

impl fmt::Debug for SpoolFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpoolFile({})", self.path.display())
    }
}

pub(super) fn into_array(digest: &aws_lc_rs::digest::Digest) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}
