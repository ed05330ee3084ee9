//! A file that is appended to: number, length, bytes. No store that is durable can be faster on the same disk, save by
//! writing to room that was zeroed before.

use std::{
    collections::HashMap,
    fs::File,
    io::{Read, Write},
    path::Path,
};

use anyhow::Result;

use super::{Engine, Id};

/// The file, and where its records lie.
pub struct Raw {
    file: File,
    buffer: Vec<u8>,
    /// Read once, when a record is first asked for.
    index: Option<HashMap<Id, Vec<u8>>>,
    path: std::path::PathBuf,
}

impl Raw {
    /// Opens or creates the file.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("records");
        let file = File::options().create(true).append(true).open(&path)?;
        // The file's own entry has to be durable too.
        File::open(folder)?.sync_all()?;
        Ok(Self { file, buffer: Vec::new(), index: None, path })
    }
}

impl Engine for Raw {
    fn commit(&mut self, group: &[(Id, Vec<u8>)]) -> Result<()> {
        self.buffer.clear();
        for (id, bytes) in group {
            self.buffer.extend_from_slice(&id.to_le_bytes());
            self.buffer.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            self.buffer.extend_from_slice(bytes);
        }
        self.file.write_all(&self.buffer)?;
        self.file.sync_data()?;
        self.index = None;
        Ok(())
    }

    fn read(&mut self, id: Id) -> Result<Option<Vec<u8>>> {
        if self.index.is_none() {
            let mut index = HashMap::new();
            let length = self.path.metadata()?.len();
            let mut bytes = Vec::new();
            #[allow(clippy::disallowed_methods, reason = "our own file, of the length it has")]
            File::open(&self.path)?.take(length).read_to_end(&mut bytes)?;
            let mut rest = bytes.as_slice();
            // A torn record at the end was not acknowledged.
            while let Some((id, after)) = rest.split_first_chunk::<8>()
                && let Some((length, after)) = after.split_first_chunk::<8>()
                && let Some((bytes, after)) = after.split_at_checked(u64::from_le_bytes(*length) as usize)
            {
                index.insert(Id::from_le_bytes(*id), bytes.to_vec());
                rest = after;
            }
            self.index = Some(index);
        }
        Ok(self.index.as_ref().and_then(|index| index.get(&id).cloned()))
    }
}
