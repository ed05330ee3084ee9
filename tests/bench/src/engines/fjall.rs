//! fjall 3: one keyspace, a write batch, the journal persisted with `SyncAll`.

use std::path::Path;

use anyhow::Result;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::{Engine, Id};

/// The database and its one keyspace.
pub struct Fjall {
    database: Database,
    records: Keyspace,
}

impl Fjall {
    /// Opens or creates the database.
    pub fn open(folder: &Path) -> Result<Self> {
        let database = Database::builder(folder).open()?;
        let records = database.keyspace("records", KeyspaceCreateOptions::default)?;
        Ok(Self { database, records })
    }
}

impl Engine for Fjall {
    fn commit(&mut self, group: &[(Id, Vec<u8>)]) -> Result<()> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        for (id, bytes) in group {
            batch.insert(&self.records, id.to_be_bytes(), bytes.as_slice());
        }
        batch.commit()?;
        Ok(())
    }

    fn read(&mut self, id: Id) -> Result<Option<Vec<u8>>> {
        Ok(self.records.get(id.to_be_bytes())?.map(|bytes| bytes.to_vec()))
    }
}
