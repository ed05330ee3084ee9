//! Bytes of a message wherever they are: in memory, or stored by whoever hands us the message.
//!
//! A layer of AS2 is a range of the layer around it, or what came out of a cipher or an inflater. Ranges are never
//! copied; what comes out goes into a [`Scratch`], which decides between memory and a file. So the same code serves ten
//! kilobytes and half a gigabyte.

use std::{
    fmt,
    io::{self, Cursor, Read, Write},
    ops::Range,
    sync::Arc,
};

use aws_lc_rs::digest;
use bytes::Bytes;

use super::algorithm::Digest;

/// Bytes that are read more than once and from anywhere.
pub trait Blob: Send + Sync {
    /// Its bytes from `at` on.
    fn open(&self, at: u64) -> io::Result<Box<dyn Read + Send>>;
}

/// Where layers that were decrypted, inflated or decoded go.
pub trait Scratch: Send + Sync {
    /// A place for about `expected` bytes.
    fn begin(&self, expected: u64) -> io::Result<Box<dyn Sink>>;
}

/// One place of a [`Scratch`]. Dropping it unfinished forgets what was written.
pub trait Sink: Write {
    /// What was written, whole.
    fn finish(self: Box<Self>) -> io::Result<Content>;
}

/// A scratch that keeps everything in memory, for small bodies and tools.
#[derive(Debug, Clone, Copy, Default)]
pub struct InMemory;

impl Scratch for InMemory {
    fn begin(&self, expected: u64) -> io::Result<Box<dyn Sink>> {
        // An announced size is only a hint, and may be a lie.
        Ok(Box::new(MemorySink(Vec::with_capacity(usize::try_from(expected.min(1 << 20)).unwrap_or_default()))))
    }
}

struct MemorySink(Vec<u8>);

impl Write for MemorySink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for MemorySink {
    fn finish(self: Box<Self>) -> io::Result<Content> {
        Ok(Content::Memory(self.0.into()))
    }
}

/// A run of bytes. Cloning and slicing copy nothing.
#[derive(Clone)]
pub enum Content {
    /// At hand.
    Memory(Bytes),
    /// A range of a blob.
    Stored {
        /// The blob.
        blob: Arc<dyn Blob>,
        /// Which of its bytes.
        range: Range<u64>,
    },
}

impl Content {
    /// A stored blob of `size` bytes.
    pub fn stored(blob: Arc<dyn Blob>, size: u64) -> Self {
        Self::Stored { blob, range: 0..size }
    }

    /// How many bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Stored { range, .. } => range.end.saturating_sub(range.start),
        }
    }

    /// The bytes of `range`, as far as there are that many.
    pub fn slice(&self, range: Range<u64>) -> Self {
        let end = range.end.min(self.size());
        let start = range.start.min(end);
        match self {
            // Both bounds are within the bytes, so they fit `usize`.
            Self::Memory(bytes) => Self::Memory(bytes.slice(start as usize..end as usize)),
            Self::Stored { blob, range } => {
                Self::Stored { blob: Arc::clone(blob), range: range.start + start..range.start + end }
            }
        }
    }

    /// Where in `outer` it stands, if it is a part of it; bytes that are only equal are none.
    pub fn place_in(&self, outer: &Self) -> Option<Range<u64>> {
        let (start, end) = match (self, outer) {
            (Self::Memory(own), Self::Memory(outer)) => {
                let start = own.as_ptr().addr().checked_sub(outer.as_ptr().addr())?;
                (start as u64, start as u64 + own.len() as u64)
            }
            (Self::Stored { blob, range }, Self::Stored { blob: outer_blob, range: outer }) => {
                let start = range.start.checked_sub(outer.start).filter(|_| Arc::ptr_eq(blob, outer_blob))?;
                (start, start + self.size())
            }
            _ => return None,
        };
        (end <= outer.size() && start < end).then_some(start..end)
    }

    /// A reader from the first byte on.
    pub fn reader(&self) -> io::Result<Reader> {
        Reader::open(self.clone(), 0)
    }

    /// The first bytes, at most `most` of them.
    pub fn start(&self, most: usize) -> io::Result<Bytes> {
        self.slice(0..most as u64).bytes(most)
    }

    /// All bytes at hand, where there are at most `most`.
    pub fn bytes(&self, most: usize) -> io::Result<Bytes> {
        if self.size() > most as u64 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "larger than is allowed here"));
        }
        if let Self::Memory(bytes) = self {
            return Ok(bytes.clone());
        }
        let mut bytes = vec![0; usize::try_from(self.size()).unwrap_or(most)];
        self.reader()?.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }

    /// Their digest.
    pub fn digest(&self, digest: Digest) -> io::Result<digest::Digest> {
        if let Self::Memory(bytes) = self {
            return Ok(digest::digest(digest.algorithm(), bytes));
        }
        let mut context = digest::Context::new(digest.algorithm());
        self.each(|piece| {
            context.update(piece);
            Ok(())
        })?;
        Ok(context.finish())
    }

    /// Hands all bytes to `take`, piece by piece.
    pub fn each(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if let Self::Memory(bytes) = self {
            return take(bytes);
        }
        let mut reader = self.reader()?;
        let mut buffer = vec![0; PIECE];
        let mut left = self.size();
        while left > 0 {
            let count = reader.read(&mut buffer)?;
            let piece = buffer.get(..count).unwrap_or_default();
            if piece.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            take(piece)?;
            left = left.saturating_sub(count as u64);
        }
        Ok(())
    }
}

/// How much of a stored body is in memory at once.
pub(super) const PIECE: usize = 64 << 10;

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Memory(bytes.into())
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self::Memory(bytes)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.size())
    }
}

/// Reads a [`Content`], and can jump ahead without reading.
pub struct Reader {
    content: Content,
    at: u64,
    open: Open,
}

enum Open {
    Memory(Cursor<Bytes>),
    Stored(io::BufReader<Box<dyn Read + Send>>),
}

impl Reader {
    /// A reader of `content` from `at` on.
    pub(super) fn open(content: Content, at: u64) -> io::Result<Self> {
        let open = match &content {
            Content::Memory(bytes) => {
                let mut cursor = Cursor::new(bytes.clone());
                cursor.set_position(at);
                Open::Memory(cursor)
            }
            Content::Stored { blob, range } => {
                Open::Stored(io::BufReader::with_capacity(PIECE, blob.open(range.start + at)?))
            }
        };
        Ok(Self { content, at, open })
    }

    /// Goes on `count` bytes later.
    pub(super) fn skip(&mut self, count: u64) -> io::Result<()> {
        let to = self.at.checked_add(count).filter(|to| *to <= self.content.size());
        let to = to.ok_or(io::ErrorKind::UnexpectedEof)?;
        match &mut self.open {
            Open::Memory(cursor) => cursor.set_position(to),
            Open::Stored(reader) if count <= reader.buffer().len() as u64 => {
                io::BufRead::consume(reader, usize::try_from(count).unwrap_or_default());
            }
            Open::Stored(_) => *self = Self::open(self.content.clone(), to)?,
        }
        self.at = to;
        Ok(())
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.content.size().saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        let count = match &mut self.open {
            Open::Memory(cursor) => cursor.read(buffer)?,
            Open::Stored(reader) => reader.read(buffer)?,
        };
        self.at += count as u64;
        Ok(count)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reader({:?} at {})", self.content, self.at)
    }
}

/// What tests use to have bodies that are not in memory.
#[cfg(test)]
pub(super) mod stored {
    use super::*;

    /// Bytes behind a `Blob`.
    pub(in crate::as2) struct Held(pub(in crate::as2) Bytes);

    impl Blob for Held {
        fn open(&self, at: u64) -> io::Result<Box<dyn Read + Send>> {
            Ok(Box::new(Cursor::new(self.0.slice(at as usize..))))
        }
    }

    /// The same bytes, as stored content.
    pub(in crate::as2) fn stored(bytes: impl Into<Bytes>) -> Content {
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        Content::stored(Arc::new(Held(bytes)), size)
    }
}

#[cfg(test)]
mod tests {
    use super::{stored::stored, *};

    #[test]
    fn memory_and_storage_read_the_same() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        for content in [Content::from(bytes.clone()), stored(bytes.clone())] {
            assert_eq!(content.size(), 200_000);
            let part = content.slice(100..150_000).slice(50..100_050);
            assert_eq!(part.bytes(100_000).unwrap(), bytes[150..100_150]);
            assert!(part.bytes(99_999).is_err());
            assert_eq!(part.start(3).unwrap(), bytes[150..153]);
            assert_eq!(content.slice(199_999..u64::MAX).size(), 1);
            assert_eq!(content.slice(300_000..400_000).size(), 0);
            assert_eq!(
                part.digest(Digest::Sha256).unwrap().as_ref(),
                digest::digest(&digest::SHA256, &bytes[150..100_150]).as_ref()
            );
            let mut reader = part.reader().unwrap();
            let mut byte = [0];
            for skip in [0, 5, 70_000, 1] {
                reader.skip(skip).unwrap();
                reader.read_exact(&mut byte).unwrap();
            }
            assert_eq!(byte[0], bytes[150 + 70_006 + 3]);
            assert!(reader.skip(100_000).is_err());
        }
    }
}
