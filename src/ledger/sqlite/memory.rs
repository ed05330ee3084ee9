//! What doors remember: small things by name, until they are forgotten.

use rusqlite::{Connection, OptionalExtension, params};

use super::{fault::Outcome, writer::Tx};

/// Remembers one thing, in place of what was remembered under its name.
pub(super) fn remember(tx: &Tx, kind: &str, name: &str, what: &[u8]) -> Outcome<()> {
    let mut put = tx.conn.prepare_cached("INSERT OR REPLACE INTO memory (kind, name, what) VALUES (?1, ?2, ?3)")?;
    put.execute(params![kind, name, what])?;
    Ok(())
}

/// Forgets one thing.
pub(super) fn forget(tx: &Tx, kind: &str, name: &str) -> Outcome<()> {
    tx.conn.prepare_cached("DELETE FROM memory WHERE kind = ?1 AND name = ?2")?.execute([kind, name])?;
    Ok(())
}

/// One thing.
pub(super) fn recall(conn: &Connection, kind: &str, name: &str) -> Outcome<Option<Vec<u8>>> {
    let mut get = conn.prepare_cached("SELECT what FROM memory WHERE kind = ?1 AND name = ?2")?;
    Ok(get.query_row([kind, name], |row| row.get(0)).optional()?)
}

/// All of a kind, by name.
pub(super) fn all(conn: &Connection, kind: &str) -> Outcome<Vec<(String, Vec<u8>)>> {
    let mut get = conn.prepare_cached("SELECT name, what FROM memory WHERE kind = ?1 ORDER BY name")?;
    let found = get.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}
