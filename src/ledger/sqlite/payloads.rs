//! Payload files: bodies over 1 MiB, one file each, named by their message.
//!
//! A file is written and synced, and so is its folder, before the commit that names it. What no commit names, because
//! the process ended in between, is swept on the next start.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};

use super::{
    events,
    fault::{Outcome, from_io},
    open::{Places, make_folder, sync_folder},
};
use crate::{
    document::MessageId,
    ledger::{LedgerError, Payload},
};

/// Payloads up to this size are kept in the data file.
pub(super) const INLINE: usize = 1 << 20;

/// A payload, ready for its commit.
#[derive(Debug)]
pub(super) enum Kept {
    /// In the data file.
    Inline(Bytes),
    /// In a file that is where it belongs.
    File {
        /// Where it is.
        path: PathBuf,
        /// Where its caller had it, and has it again if the commit does not take it.
        from: Option<PathBuf>,
        /// Whether it was there before: then it is not ours to take away.
        before: bool,
    },
}

/// Where a message's payload file is.
pub(super) fn path_of(places: &Places, id: MessageId) -> PathBuf {
    places.payloads.join(id.to_string())
}

/// Makes a payload durable if it is to be a file.
pub(super) fn keep(places: &Places, id: MessageId, payload: Payload) -> Result<Kept, LedgerError> {
    let path = path_of(places, id);
    let before = path.exists();
    let from = match payload {
        Payload::Inline(bytes) if bytes.len() <= INLINE => return Ok(Kept::Inline(bytes)),
        Payload::Inline(bytes) => {
            if !before {
                let draft = places.incoming.join(id.to_string());
                write_synced(&draft, &bytes).inspect_err(|_| discard(&draft))?;
                adopt(&draft, &path)?;
            }
            None
        }
        Payload::File(from) => {
            if !before {
                adopt(&from, &path)?;
            }
            Some(from)
        }
    };
    if !before {
        sync_folder(&places.payloads)?;
    }
    Ok(Kept::File { path, from, before })
}

impl Kept {
    /// The commit took it.
    pub(super) fn committed(&self) {
        if let Self::File { from: Some(from), before: true, .. } = self {
            discard(from);
        }
    }

    /// The commit did not take it: the caller has it again where it was.
    pub(super) fn undo(&self) {
        match self {
            Self::Inline(_) | Self::File { before: true, .. } => {}
            Self::File { path, from: Some(from), .. } => {
                let _ = fs::rename(path, from);
            }
            Self::File { path, from: None, .. } => discard(path),
        }
    }
}

/// Writes a file and syncs it.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
    let write = || -> std::io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|e| from_io("cannot write", path, &e))
}

/// Moves a synced file to where it belongs, also from another file system.
fn adopt(from: &Path, to: &Path) -> Result<(), LedgerError> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => {
            let copied = fs::copy(from, to).and_then(|_| File::open(to)?.sync_all());
            copied.map_err(|e| {
                discard(to);
                from_io("cannot copy to", to, &e)
            })
        }
        moved => moved.map_err(|e| from_io("cannot adopt", from, &e)),
    }
}

fn discard(path: &Path) {
    let _ = fs::remove_file(path);
}

/// Makes the folders, and removes every file that no commit names.
pub(super) fn sweep(places: &Places, conn: &Connection) -> Outcome<()> {
    make_folder(&places.incoming)?;
    for folder in [&places.incoming, &places.payloads] {
        let names = fs::read_dir(folder).map_err(|e| from_io("cannot read", folder, &e))?;
        for name in names {
            let path = name.map_err(|e| from_io("cannot read", folder, &e))?.path();
            if path.is_file() && (folder == &places.incoming || !named(conn, &path)?) {
                events::orphan_removed(&path);
                discard(&path);
            }
        }
    }
    Ok(())
}

fn named(conn: &Connection, path: &Path) -> Outcome<bool> {
    let id = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<MessageId>().ok());
    let Some(id) = id else { return Ok(false) };
    let mut find =
        conn.prepare_cached("SELECT file FROM bodies WHERE message = (SELECT num FROM messages WHERE id = ?1)")?;
    Ok(find.query_row([id.to_bytes()], |row| row.get::<_, bool>(0)).optional()?.unwrap_or(false))
}
