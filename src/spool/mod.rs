//! Bodies on their way in: small ones in memory, large ones on disk, each with its digest.
//!
//! A body is hashed and counted while it comes. Up to a limit it stays in memory, and all bodies in memory together
//! keep to a budget; past either it goes to a file, written away from the async threads and synced with its folder
//! before anybody is told that it is whole. A file that nobody takes over goes away with its last owner.

mod body;
mod receiving;

pub use body::{Body, BodyReader, Content, SpoolFile, Undigested};
pub use receiving::{Receiving, SpoolError};

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

/// Bodies up to this size stay in memory.
pub const INLINE_LIMIT: usize = 1 << 20;
/// All bodies in memory together stay below this.
pub const MEMORY_LIMIT: usize = 256 << 20;
/// What the names of our files end with until somebody takes them over under another name.
const ENDING: &str = ".spool";

/// Where bodies go while they come in.
#[derive(Debug)]
pub struct Spool {
    folder: Arc<Path>,
    inline: usize,
    memory: Arc<Semaphore>,
}

impl Spool {
    /// A spool over `folder`, which is made where it is missing. Bodies up to `inline` bytes stay in memory, and all of
    /// them together below `memory` bytes.
    pub fn new(folder: impl Into<PathBuf>, inline: usize, memory: usize) -> io::Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
        Ok(Self { folder: folder.into(), inline, memory: Arc::new(Semaphore::new(memory)) })
    }

    /// Begins a body that may have up to `cap` bytes; its pieces are pushed as they come.
    pub fn begin(&self, cap: u64) -> Receiving {
        Receiving::new(self.folder.clone(), self.inline, self.memory.clone(), cap)
    }

    /// A body of a file that was written elsewhere on the same file system, whole and synced: the spool gets a name of its
    /// own for it, and the caller keeps its own. `len` and `digest` are the caller's word. Blocks.
    pub fn adopt(&self, file: &Path, len: u64, digest: [u8; 32]) -> io::Result<Body> {
        let own = SpoolFile::fresh(&self.folder)?;
        fs::hard_link(file, own.path())?;
        fs::File::open(&self.folder)?.sync_all()?;
        Ok(Body { content: Content::File(Arc::new(own)), len, digest })
    }

    /// Bodies up to this size are held in memory, where there is room.
    pub fn inline(&self) -> usize {
        self.inline
    }

    /// Receives a body whole, of up to `cap` bytes.
    pub async fn receive<B>(&self, body: B, cap: u64) -> Result<Body, SpoolError>
    where
        B: hyper::body::Body<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        receive(self.begin(cap), body).await?.finish().await
    }

    /// The same for a body that is only an envelope, whose own digest says nothing to anybody.
    pub async fn receive_undigested<B>(&self, body: B, cap: u64) -> Result<Undigested, SpoolError>
    where
        B: hyper::body::Body<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        receive(self.begin(cap).undigested(), body).await?.finish_undigested().await
    }

    /// Removes the files that an earlier process left behind, and tells how many there were. Only for the start, before
    /// anything is received; `adopted` says of a file's name whether the record has it.
    pub fn sweep(&self, adopted: impl Fn(&str) -> bool) -> io::Result<usize> {
        let mut swept = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.ends_with(ENDING) && !adopted(name) && entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

/// Takes a body's pieces as they come.
async fn receive<B>(mut receiving: Receiving, mut body: B) -> Result<Receiving, SpoolError>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| SpoolError::Interrupted(error.into()))?;
        // Trailers say nothing that we ask for.
        if let Ok(chunk) = frame.into_data() {
            receiving.push(chunk).await?;
        }
    }
    Ok(receiving)
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    fn spool(inline: usize, memory: usize) -> (tempfile::TempDir, Spool) {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path().join("spool"), inline, memory).unwrap();
        (folder, spool)
    }

    fn files(spool: &Spool) -> usize {
        fs::read_dir(&spool.folder).unwrap().count()
    }

    fn read(body: &Body) -> Vec<u8> {
        let mut bytes = Vec::new();
        io::copy(&mut body.reader().unwrap(), &mut bytes).unwrap();
        bytes
    }

    #[tokio::test]
    async fn a_small_body_stays_in_memory_and_is_not_copied() {
        let (_folder, spool) = spool(100, 1000);
        let sent = Bytes::from(vec![7; 100]);
        let body = spool.receive(Full::new(sent.clone()), 100).await.unwrap();
        let Content::Memory(held) = &body.content else { panic!("{body:?}") };
        assert_eq!((held.as_ptr(), held.len()), (sent.as_ptr(), 100));
        assert_eq!(body.digest, Body::from_bytes(sent.clone()).digest);
        assert_eq!((body.len, files(&spool)), (100, 0));
    }

    #[tokio::test]
    async fn a_large_body_is_a_private_file_that_goes_with_its_last_owner() {
        let (_folder, spool) = spool(100, 1000);
        let mut receiving = spool.begin(10_000);
        let sent: Vec<u8> = (0..5000_u32).map(|n| n as u8).collect();
        for chunk in sent.chunks(33) {
            receiving.push(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        let body = receiving.finish().await.unwrap();
        assert_eq!((body.len, body.digest), (5000, Body::from_bytes(sent.clone()).digest));
        assert_eq!(read(&body), sent);
        let Content::File(file) = &body.content else { panic!("{body:?}") };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let copy = Arc::clone(file);
        drop(body);
        assert_eq!(files(&spool), 1, "somebody still has it");
        drop(copy);
        assert_eq!(files(&spool), 0);
    }

    #[tokio::test]
    async fn an_envelope_is_received_as_any_body() {
        let (_folder, spool) = spool(10, 1000);
        for bytes in [&b"small"[..], &[7; 300_000]] {
            let envelope = spool.receive_undigested(Full::new(Bytes::from_static(bytes)), 400_000).await.unwrap();
            assert_eq!(
                (envelope.len, matches!(envelope.content, Content::File(_))),
                (bytes.len() as u64, bytes.len() > 10)
            );
            let body = Body { content: envelope.content, len: envelope.len, digest: [0; 32] };
            assert_eq!(read(&body), bytes);
        }
        assert_eq!(files(&spool), 0);
        let large = spool.receive_undigested(Full::new(Bytes::from_static(&[7; 300])), 299).await;
        assert!(matches!(large, Err(SpoolError::TooLarge { limit: 299 })));
    }

    #[tokio::test]
    async fn a_file_that_was_handed_over_stays_and_one_taken_back_goes() {
        let (_folder, spool) = spool(1, 1000);
        let body = spool.receive(Full::new(Bytes::from_static(b"abc")), 3).await.unwrap();
        let Content::File(file) = &body.content else { panic!("{body:?}") };
        let path = file.hand_over();
        file.take_back();
        let kept = spool.receive(Full::new(Bytes::from_static(b"def")), 3).await.unwrap();
        let Content::File(other) = &kept.content else { panic!("{kept:?}") };
        let adopted = other.hand_over();
        drop((body, kept));
        assert!(!path.exists() && adopted.exists());
        assert_eq!(spool.sweep(|name| adopted.ends_with(name)).unwrap(), 0);
        assert_eq!(spool.sweep(|_| false).unwrap(), 1);
        assert!(!adopted.exists());
    }

    #[tokio::test]
    async fn past_its_cap_a_body_is_refused_and_leaves_nothing() {
        let (_folder, spool) = spool(2, 1000);
        for (size, fits) in [(9, true), (10, true), (11, false), (1000, false)] {
            let mut receiving = spool.begin(10);
            let mut result = Ok(());
            for _ in 0..size {
                result = receiving.push(Bytes::from_static(b"x")).await;
                if result.is_err() {
                    break;
                }
            }
            match result {
                Ok(()) => assert!(fits && receiving.finish().await.is_ok(), "{size}"),
                Err(SpoolError::TooLarge { limit: 10 }) => assert!(!fits, "{size}"),
                Err(other) => panic!("{size}: {other}"),
            }
        }
        assert_eq!(files(&spool), 0);
    }

    #[tokio::test]
    async fn when_memory_is_taken_small_bodies_go_to_disk_and_memory_comes_back() {
        let (_folder, spool) = spool(100, 150);
        let one = spool.receive(Full::new(Bytes::from(vec![1; 100])), 100).await.unwrap();
        let two = spool.receive(Full::new(Bytes::from(vec![2; 100])), 100).await.unwrap();
        assert!(matches!(one.content, Content::Memory(_)) && matches!(two.content, Content::File(_)));
        drop(one);
        let three = spool.receive(Full::new(Bytes::from(vec![3; 100])), 100).await.unwrap();
        assert!(matches!(three.content, Content::Memory(_)));
        let Content::Memory(bytes) = &three.content else { panic!() };
        let part = bytes.slice(10..20);
        drop(three);
        assert_eq!(spool.memory.available_permits(), 50, "a slice keeps all of it");
        drop(part);
        assert_eq!(spool.memory.available_permits(), 150);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_leaves_nothing() {
        let (_folder, spool) = spool(2, 1000);
        let mut receiving = spool.begin(1 << 20);
        receiving.push(Bytes::from(vec![1; 600_000])).await.unwrap();
        assert_eq!(files(&spool), 1);
        drop(receiving);
        assert_eq!((files(&spool), spool.memory.available_permits()), (0, 1000));
    }

    #[tokio::test]
    async fn an_empty_body_is_a_body() {
        let (_folder, spool) = spool(2, 1000);
        let body = spool.receive(Full::new(Bytes::new()), 0).await.unwrap();
        assert_eq!((body.len, read(&body)), (0, Vec::new()));
        assert_eq!(body.digest, Body::from_bytes(Bytes::new()).digest);
    }

    #[test]
    fn a_file_from_elsewhere_is_shared_and_neither_owner_takes_it_from_the_other() {
        let (folder, spool) = spool(2, 1000);
        let theirs = folder.path().join("theirs");
        fs::write(&theirs, "hello").unwrap();
        let body = spool.adopt(&theirs, 5, Body::from_bytes("hello").digest).unwrap();
        fs::remove_file(&theirs).unwrap();
        assert_eq!((read(&body).as_slice(), files(&spool)), (&b"hello"[..], 1));
        drop(body);
        assert_eq!(files(&spool), 0);
        assert!(spool.adopt(&theirs, 5, [0; 32]).is_err());
    }

    #[test]
    fn what_is_not_ours_is_not_swept() {
        let (_folder, spool) = spool(2, 1000);
        fs::write(spool.folder.join("payload.bin"), "x").unwrap();
        fs::write(spool.folder.join("0123.spool"), "x").unwrap();
        assert_eq!((spool.sweep(|_| false).unwrap(), files(&spool)), (1, 1));
    }
}
