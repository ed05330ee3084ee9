//! A few connections that read, each on its own snapshot, off the runtime's own threads.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    fault::Outcome,
    open::{self, Places},
    writer::stopped,
};
use crate::ledger::LedgerError;

/// A connection that reads, and whether it has the search index beside it.
pub(super) struct Reader {
    pub(super) conn: Connection,
    pub(super) indexed: bool,
}

/// The readers of a ledger.
pub(super) struct Readers {
    free: Arc<Mutex<Vec<Reader>>>,
    turns: Arc<Semaphore>,
    count: u32,
}

/// A reader in use: it goes back also when the question panics.
struct Lent {
    reader: Option<Reader>,
    free: Arc<Mutex<Vec<Reader>>>,
    _turn: OwnedSemaphorePermit,
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).extend(self.reader.take());
    }
}

impl Readers {
    pub(super) fn new(places: &Places, count: u32) -> Outcome<Self> {
        let mut free = Vec::new();
        for _ in 0..count {
            let (conn, indexed) = open::reader(places, 8, true)?;
            free.push(Reader { conn, indexed });
        }
        let turns = Arc::new(Semaphore::new(count as usize));
        Ok(Self { free: Arc::new(Mutex::new(free)), turns, count })
    }

    /// Reads on one of them, when one is free.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Outcome<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| stopped())?;
        let free = Arc::clone(&self.free);
        let answer = tokio::task::spawn_blocking(move || {
            let reader = free.lock().unwrap_or_else(PoisonError::into_inner).pop().ok_or_else(stopped)?;
            let lent = Lent { reader: Some(reader), free, _turn: turn };
            let Some(reader) = &lent.reader else { return Err(stopped()) };
            question(reader).map_err(LedgerError::from)
        });
        answer.await.unwrap_or_else(|error| Err(LedgerError::Unavailable(format!("a reader ended: {error}"))))
    }

    /// Waits until nobody reads, and closes them all.
    pub(super) async fn close(&self) {
        let Ok(all) = self.turns.acquire_many(self.count).await else { return };
        self.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.turns.close();
        drop(all);
    }
}
