//! The suite that every ledger passes.

use async_trait::async_trait;

use crate::ledger::{SharedLedger, conformance::Venue};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

#[async_trait]
impl Venue for Folder {
    async fn open(&self) -> SharedLedger {
        super::open(&self.0.path().join("data"))
    }
}

crate::ledger_conformance!(Folder::new());
