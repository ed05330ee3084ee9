//! The stores that are compared, each used the way it is good at: one group of records, made durable as one.

mod fjall;
mod raw;
mod sled;
mod sqlite;

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;

/// A record's number; rises.
pub type Id = u64;

/// The stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A file, appended to, `fdatasync`: the limit that the disk sets.
    Raw,
    /// SQLite, WAL, `synchronous = FULL`, the log's checkpoints held back as the embedded ledger does.
    Sqlite,
    /// fjall 3, journal persisted with `SyncAll`.
    Fjall,
    /// sled 0.34, a batch and `flush()` from one thread; `flush_async` from many deadlocks.
    Sled,
}

impl Kind {
    /// Its name on the command line and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Sqlite => "sqlite",
            Self::Fjall => "fjall",
            Self::Sled => "sled",
        }
    }

    /// Opens or creates its files in a folder.
    pub fn open(self, folder: &Path) -> Result<Box<dyn Engine>> {
        Ok(match self {
            Self::Raw => Box::new(raw::Raw::open(folder)?),
            Self::Sqlite => Box::new(sqlite::Sqlite::open(folder)?),
            Self::Fjall => Box::new(fjall::Fjall::open(folder)?),
            Self::Sled => Box::new(sled::Sled::open(folder)?),
        })
    }
}

/// One store, driven by one writer.
pub trait Engine: Send {
    /// Stores a group and makes it durable, as far as the store can.
    fn commit(&mut self, group: &[(Id, Vec<u8>)]) -> Result<()>;

    /// One record.
    fn read(&mut self, id: Id) -> Result<Option<Vec<u8>>>;
}

/// What record `id` holds: bytes that do not compress and that can be told from the id.
pub fn content(id: Id, size: usize) -> Vec<u8> {
    let mut state = id.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_gives_back_what_it_was_given_also_after_it_was_closed() {
        for kind in Kind::value_variants() {
            let folder = tempfile::tempdir().unwrap();
            let mut engine = kind.open(folder.path()).unwrap();
            engine.commit(&[(1, content(1, 2048)), (2, content(2, 100))]).unwrap();
            engine.commit(&[(3, content(3, 5))]).unwrap();
            drop(engine);
            let mut engine = kind.open(folder.path()).unwrap();
            engine.commit(&[(4, content(4, 2048))]).unwrap();
            for (id, size) in [(1, 2048), (2, 100), (3, 5), (4, 2048)] {
                assert_eq!(engine.read(id).unwrap(), Some(content(id, size)), "{} {id}", kind.name());
            }
            assert_eq!(engine.read(5).unwrap(), None, "{}", kind.name());
        }
    }
}
