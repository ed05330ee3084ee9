//! Gangway: the one door between a manufacturer's ERP and all of its suppliers.

pub mod config;
pub mod document;
pub mod error;
pub mod exchange;
pub mod ledger;
pub mod mapping;
pub mod partner;
pub mod spool;
pub mod x12;
