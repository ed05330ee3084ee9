//! Bodies on their way in: small ones in memory, large ones on disk, each with its digest.

use std::path::PathBuf;

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

/// Where a body's bytes are.
#[derive(Debug, Clone)]
pub enum Content {
    /// In memory.
    Memory(Bytes),
    /// In a file that is written and synced; whoever takes the body owns the file.
    File(PathBuf),
}
