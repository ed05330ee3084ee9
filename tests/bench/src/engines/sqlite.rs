//! SQLite as the embedded ledger uses it: WAL, a flush per commit, and the writer itself empties the log when it has
//! grown past 64 MB.

use std::path::Path;

use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Engine, Id};

const LONGEST_LOG: u64 = 64 << 20;

/// The database.
pub struct Sqlite {
    connection: Connection,
    log: std::path::PathBuf,
}

impl Sqlite {
    /// Opens or creates the database.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("records.db");
        let connection = Connection::open(&path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "cache_size", -65_536)?;
        connection.execute_batch("create table if not exists record (id integer primary key, bytes blob not null)")?;
        Ok(Self { connection, log: path.with_extension("db-wal") })
    }
}

impl Engine for Sqlite {
    fn commit(&mut self, group: &[(Id, Vec<u8>)]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("insert into record (id, bytes) values (?1, ?2)")?;
            for (id, bytes) in group {
                insert.execute(params![*id as i64, bytes])?;
            }
        }
        transaction.commit()?;
        if self.log.metadata().is_ok_and(|log| log.len() > LONGEST_LOG) {
            self.connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
        }
        Ok(())
    }

    fn read(&mut self, id: Id) -> Result<Option<Vec<u8>>> {
        let mut select = self.connection.prepare_cached("select bytes from record where id = ?1")?;
        Ok(select.query_row([id as i64], |row| row.get(0)).optional()?)
    }
}
