//! Whether there is room for the record: there is none from the first write that finds none.
//!
//! Readiness rests on it, and a gateway that is not ready gets nothing to write. So the writer itself looks from time to time
//! whether there is some again, with a piece that is larger than most of what comes. That something small finds room in
//! what the engine holds already, such as an acknowledged lease, says nothing.

use std::time::Duration;

use tokio::sync::watch;

use super::{
    events,
    fault::Outcome,
    writer::{Tx, Work},
};
use crate::ledger::LedgerError;

/// How long after a write that found no room another one is tried.
pub(super) const LOOK: Duration = Duration::from_secs(2);
/// The size of the piece that is tried.
const PIECE: u32 = 256 << 10;

/// Whether there is room.
#[derive(Debug, Default)]
pub(super) struct Room(watch::Sender<Option<String>>);

impl Room {
    /// A write found none.
    pub(super) fn lacking(&self, error: &LedgerError) {
        let new = self.0.send_if_modified(|lack| {
            let new = lack.is_none();
            lack.get_or_insert_with(|| error.to_string());
            new
        });
        if new {
            events::no_room(error);
        }
    }

    /// There is some.
    pub(super) fn found(&self) {
        if self.0.send_if_modified(|lack| lack.take().is_some()) {
            events::room_again();
        }
    }

    /// For whoever is to know: why there is none, where there is none.
    pub(super) fn watch(&self) -> watch::Receiver<Option<String>> {
        self.0.subscribe()
    }
}

/// Takes some room, or gives it back.
pub(super) enum Trial {
    Take,
    GiveBack,
}

impl Work for Trial {
    fn run(&mut self, tx: &mut Tx) -> Outcome<bool> {
        match self {
            Self::Take => {
                tx.conn.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('trial', zeroblob(?1))", [PIECE])?
            }
            Self::GiveBack => tx.conn.execute("DELETE FROM meta WHERE key = 'trial'", [])?,
        };
        Ok(true)
    }

    fn answer(self: Box<Self>, _: Option<&LedgerError>) {}
}
