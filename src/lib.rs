//! Gangway: the one door between a manufacturer's ERP and all of its suppliers.

pub mod as2;
pub mod cli;
pub mod config;
pub mod console;
pub mod document;
pub mod doors;
pub mod erp;
pub mod error;
pub mod exchange;
pub mod keys;
pub mod ledger;
pub mod mapping;
pub mod net;
pub mod observe;
pub mod partner;
pub mod play;
pub mod spool;
pub mod x12;
