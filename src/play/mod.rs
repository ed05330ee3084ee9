//! The partner's side of every channel, and the ERP's side of the queue: for `demo` and the tests.
//!
//! It plays outsiders, so it knows nothing of the gateway's insides: it speaks HTTP to the listeners and writes X12 of
//! its own making. What it sends is synthetic; no partner's document was its model.

pub mod bulk;
mod day;
mod erp;
mod http;
mod sftp;
mod supplier;
pub mod x12;

pub use day::{Day, DayError, Step};
pub use erp::{Acknowledged, ErpClient, Event, Leased, Page};
pub use http::{Answer, Client, PlayError, Upload};
pub use sftp::{SftpClient, SftpPlayError, SupplierKey};
pub use supplier::Supplier;
