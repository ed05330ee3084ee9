//! Own files in a backup: small files of the data folder that the record knows nothing of, such as keys.
//!
//! Each has its digest beside it, since the engine's own checks say nothing of a value's bytes. A restore lays them out again,
//! readable by their owner only, and never over a file that is there.

use std::{
    io::Write,
    path::{Component, Path},
};

use bytes::Bytes;
use rusqlite::{Connection, params};

use super::{
    fault::{Outcome, damaged, from_io},
    open,
};
use crate::{
    keys::sha256,
    ledger::{LedgerError, OwnFile},
};

const TABLE: &str = "CREATE TABLE backup_own_files (
  name TEXT NOT NULL PRIMARY KEY, data BLOB NOT NULL, digest BLOB NOT NULL)";

/// Puts them into a backup.
pub(super) fn put(copy: &mut Connection, files: &[OwnFile]) -> Outcome<()> {
    let change = copy.transaction()?;
    change.execute_batch(TABLE)?;
    for OwnFile { name, bytes } in files {
        change
            .prepare_cached("INSERT INTO backup_own_files (name, data, digest) VALUES (?1, ?2, ?3)")?
            .execute(params![name, bytes.as_ref(), sha256(bytes)])?;
    }
    Ok(change.commit()?)
}

/// Those of a backup, each as it was put in; nothing where it was made before backups had any.
pub(super) fn of(conn: &Connection) -> Outcome<Option<Vec<OwnFile>>> {
    if !conn.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'backup_own_files'")?.exists([])? {
        return Ok(None);
    }
    let mut find = conn.prepare("SELECT name, data, digest FROM backup_own_files ORDER BY name")?;
    let mut rows = find.query([])?;
    let mut files = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, data, digest): (String, Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if digest != sha256(&data) {
            return Err(damaged(format!("{name} in the backup is not as it was put in")));
        }
        if name.is_empty() || !Path::new(&name).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(damaged(format!("the backup has a file {name:?}, which is none of a data folder")));
        }
        files.push(OwnFile { name, bytes: Bytes::from(data) });
    }
    Ok(Some(files))
}

/// Writes them into a data folder.
pub(super) fn lay_out(files: &[OwnFile], folder: &Path) -> Result<(), LedgerError> {
    for OwnFile { name, bytes } in files {
        let path = folder.join(name);
        let failed = |error: &std::io::Error| from_io("cannot write", &path, error);
        let parent = path.parent().unwrap_or(folder);
        open::make_folder(parent)?;
        let mut file = open::private(&path).map_err(|error| failed(&error))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| failed(&error))?;
        open::sync_folder(parent)?;
    }
    Ok(())
}
