//! Tests of the embedded ledger: the suite that every ledger passes, and what only this one has.

mod conformance {
    use std::sync::Arc;

    use async_trait::async_trait;

    use crate::ledger::{
        SharedLedger,
        conformance::Venue,
        sqlite::{Options, SqliteLedger},
    };

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }
    }

    #[async_trait]
    impl Venue for Folder {
        async fn open(&self) -> SharedLedger {
            Arc::new(SqliteLedger::open(&self.0.path().join("data"), &Options::default()).unwrap())
        }
    }

    crate::ledger_conformance!(Folder::new());
}
