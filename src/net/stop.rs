//! The word that it is time to finish, heard by everybody who holds a copy.

use std::sync::Arc;

use tokio::sync::watch;

/// Tells listeners, connections and long polls to come to an end. Copies share one state.
#[derive(Debug, Clone)]
pub struct Stop {
    said: Arc<watch::Sender<bool>>,
}

impl Stop {
    /// Nobody said stop yet.
    pub fn new() -> Self {
        Self { said: Arc::new(watch::Sender::new(false)) }
    }

    /// Says it; saying it again changes nothing.
    pub fn stop(&self) {
        self.said.send_replace(true);
    }

    /// Whether it was said.
    pub fn is_stopped(&self) -> bool {
        *self.said.borrow()
    }

    /// Waits until it is said.
    pub async fn stopped(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.said.subscribe().wait_for(|said| *said).await;
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}
