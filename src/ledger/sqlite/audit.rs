//! The audit log: what people did and why, as a chain of hashes whose head is kept apart, so that a row that was changed,
//! taken out or cut off is found.

use aws_lc_rs::digest::{Context, SHA256};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    fault::{Outcome, damaged},
    rows,
    writer::Tx,
};
use crate::ledger::AuditRecord;

const HEAD: &str = "SELECT value FROM meta WHERE key = 'audit head'";

/// The hash of a record that follows `previous`. Every part has its length before it, so that no two records share one.
fn hash(previous: &[u8], id: i64, at: i64, parts: [&str; 4]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(&(previous.len() as u64).to_be_bytes());
    context.update(previous);
    context.update(&id.to_be_bytes());
    context.update(&at.to_be_bytes());
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().to_vec()
}

/// Adds a record.
pub(super) fn add(tx: &Tx, record: &AuditRecord) -> Outcome<()> {
    let previous: Vec<u8> = tx.conn.query_row(HEAD, [], |row| row.get(0)).optional()?.unwrap_or_default();
    let id: i64 = tx.conn.query_row("SELECT coalesce(max(id), 0) + 1 FROM audit", [], |row| row.get(0))?;
    let at = record.at.as_microsecond();
    let hash = hash(&previous, id, at, [&record.who, &record.what, &record.on, &record.reason]);
    tx.conn.execute(
        "INSERT INTO audit (id, at, who, what, object, reason, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![id, at, record.who, record.what, record.on, record.reason, hash],
    )?;
    tx.conn.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('audit head', ?1)", [hash])?;
    Ok(())
}

/// The latest records, newest first; the whole chain is checked.
pub(super) fn log(conn: &Connection, limit: usize) -> Outcome<Vec<AuditRecord>> {
    let mut all = conn.prepare("SELECT id, at, who, what, object, reason, hash FROM audit ORDER BY id")?;
    let mut rows = all.query([])?;
    let mut previous: Vec<u8> = Vec::new();
    let mut records = Vec::new();
    let mut expected = 1;
    while let Some(row) = rows.next()? {
        let (id, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let record = AuditRecord {
            at: rows::time(at)?,
            who: row.get(2)?,
            what: row.get(3)?,
            on: row.get(4)?,
            reason: row.get(5)?,
        };
        let stored: Vec<u8> = row.get(6)?;
        let hash = hash(&previous, id, at, [&record.who, &record.what, &record.on, &record.reason]);
        if id != expected || stored != hash {
            return Err(damaged(format!("the audit log was changed at record {expected}")));
        }
        (previous, expected) = (hash, id + 1);
        records.push(record);
    }
    let head: Vec<u8> = conn.query_row(HEAD, [], |row| row.get(0)).optional()?.unwrap_or_default();
    if head != previous {
        return Err(damaged(format!("the audit log ends at record {}, and went on before", expected - 1)));
    }
    records.reverse();
    records.truncate(limit);
    Ok(records)
}
