//! Gangway: the one door between a manufacturer's ERP and all of its suppliers.

pub mod as2;
pub mod config;
pub mod document;
pub mod error;
pub mod exchange;
pub mod keys;
pub mod ledger;
pub mod partner;
pub mod spool;
pub mod x12;
