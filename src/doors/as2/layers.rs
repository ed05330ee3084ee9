//! Where the layers of a message go while it is taken apart: small ones in memory, large ones in files without a name,
//! which are gone with the last who reads them.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use crate::{
    as2::content::{Blob, Content, Scratch, Sink},
    keys,
    spool::{self, Body, Spool, SpoolError, Undigested},
};

/// So much of a stored layer is moved at once.
const PIECE: u64 = 1 << 20;

/// Layers in a folder.
#[derive(Debug, Clone)]
pub struct Layers {
    folder: PathBuf,
    inline: usize,
}

impl Layers {
    /// Layers in a folder, which is made where it is missing; those up to `inline` bytes stay in memory.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn at(folder: &Path, inline: usize) -> io::Result<Self> {
        keys::make_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), inline })
    }

    /// A file's bytes: small ones in memory, others where they are.
    ///
    /// # Errors
    /// When it cannot be read.
    #[expect(clippy::disallowed_methods, reason = "`take` is the cap")]
    pub fn file(&self, path: &Path) -> io::Result<Content> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        if len > self.inline as u64 {
            return Ok(Content::stored(Arc::new(Stored(Arc::new(file))), len));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
        file.take(self.inline as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

impl Scratch for Layers {
    fn begin(&self, expected: u64) -> io::Result<Box<dyn Sink>> {
        // What is expected is the sender's word.
        let room = usize::try_from(expected).unwrap_or(usize::MAX).min(self.inline);
        let memory = Vec::with_capacity(room);
        Ok(Box::new(Layer { folder: self.folder.clone(), inline: self.inline, memory, file: None, len: 0 }))
    }
}

struct Layer {
    folder: PathBuf,
    inline: usize,
    memory: Vec<u8>,
    file: Option<io::BufWriter<File>>,
    len: u64,
}

impl Write for Layer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.is_none() && self.memory.len() + bytes.len() > self.inline {
            let mut file = io::BufWriter::with_capacity(256 << 10, tempfile::tempfile_in(&self.folder)?);
            file.write_all(&self.memory)?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write_all(bytes)?,
            None => self.memory.extend_from_slice(bytes),
        }
        self.len += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Sink for Layer {
    fn finish(self: Box<Self>) -> io::Result<Content> {
        Ok(match self.file {
            None => Content::Memory(self.memory.into()),
            Some(file) => {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                Content::stored(Arc::new(Stored(Arc::new(file))), self.len)
            }
        })
    }
}

/// A file as a blob: read from anywhere, by several at once.
struct Stored(Arc<File>);

struct From {
    file: Arc<File>,
    at: u64,
}

impl Blob for Stored {
    fn open(&self, at: u64) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(From { file: Arc::clone(&self.0), at }))
    }
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// A spooled body as the core reads it. The body must outlive the message.
pub(super) fn content(body: &Undigested) -> io::Result<Content> {
    Ok(match &body.content {
        spool::Content::Memory(bytes) => Content::Memory(bytes.clone()),
        spool::Content::File(file) => Content::stored(Arc::new(Stored(Arc::new(File::open(file.path())?))), body.len),
    })
}

/// What was inside a message, as a body of its own.
pub(super) async fn body(spool: &Spool, content: &Content, cap: u64) -> Result<Body, SpoolError> {
    if content.size() > cap {
        return Err(SpoolError::TooLarge { limit: cap });
    }
    if let Content::Memory(bytes) = content {
        return Ok(Body::from_bytes(bytes.clone()));
    }
    let mut receiving = spool.begin(cap);
    let mut at = 0;
    while at < content.size() {
        let piece = content.slice(at..at + PIECE);
        let piece: io::Result<Bytes> =
            spawn_blocking(move || piece.bytes(PIECE as usize)).await.map_err(io::Error::other)?;
        let piece = piece?;
        at += piece.len() as u64;
        receiving.push(piece).await?;
    }
    receiving.finish().await
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn layer(bytes: &[u8], inline: usize) -> Content {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = Layers::at(folder.path(), inline).unwrap().begin(bytes.len() as u64 * 1000).unwrap();
        for piece in bytes.chunks(7) {
            sink.write_all(piece).unwrap();
        }
        let content = sink.finish().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
        content
    }

    #[test]
    fn small_layers_are_in_memory_and_large_ones_are_not() {
        let bytes: Vec<u8> = (0..1000_u32).map(|n| n as u8).collect();
        assert!(matches!(layer(&bytes, 1000), Content::Memory(_)));
        let large = layer(&bytes, 999);
        assert!(matches!(large, Content::Stored { .. }));
        assert_eq!(large.slice(10..20).bytes(10).unwrap(), bytes[10..20]);
        assert_eq!(large.bytes(1000).unwrap(), bytes);
    }

    #[tokio::test]
    async fn a_layer_becomes_a_body_with_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path(), 10, 1000).unwrap();
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let body = body(&spool, &layer(&bytes, 100), 3_000_000).await.unwrap();
        assert_eq!((body.len, body.digest), (3_000_000, Body::from_bytes(bytes.clone()).digest));
        let body = Undigested { content: body.content, len: body.len };
        assert_eq!(content(&body).unwrap().bytes(3_000_000).unwrap(), bytes);
        assert!(super::body(&spool, &layer(&bytes, 100), 2_999_999).await.is_err());
    }
}
