//! sled 0.34: a batch, then the blocking `flush()` from the one writer. What `flush` promises is what the power test
//! looks at.

use std::path::Path;

use anyhow::Result;

use super::{Engine, Id};

/// The database.
pub struct Sled(sled::Db);

impl Sled {
    /// Opens or creates the database. No timer flushes behind the writer's back.
    pub fn open(folder: &Path) -> Result<Self> {
        Ok(Self(sled::Config::default().path(folder.join("sled")).flush_every_ms(None).open()?))
    }
}

impl Engine for Sled {
    fn commit(&mut self, group: &[(Id, Vec<u8>)]) -> Result<()> {
        let mut batch = sled::Batch::default();
        for (id, bytes) in group {
            batch.insert(&id.to_be_bytes(), bytes.as_slice());
        }
        self.0.apply_batch(batch)?;
        self.0.flush()?;
        Ok(())
    }

    fn read(&mut self, id: Id) -> Result<Option<Vec<u8>>> {
        Ok(self.0.get(id.to_be_bytes())?.map(|bytes| bytes.to_vec()))
    }
}
