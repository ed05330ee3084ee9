//! The partner's side of every channel, and the ERP's side of the queue: for `demo` and the tests.
//!
//! It plays outsiders, so it knows nothing of the gateway's insides: it speaks HTTP to the listeners and writes X12 of
//! its own making. What it sends is synthetic; no partner's document was its model.

mod as2;
pub mod bulk;
pub mod canonical;
mod day;
mod endpoint;
mod erp;
mod http;
mod morning;
mod sftp;
mod supplier;
pub mod ubl;
pub mod x12;

pub use as2::{As2Form, As2Partner, As2Sent, As2Server, As2Taken};
pub use day::{Day, DayError, Step};
pub use endpoint::{Call, Endpoint};
pub use erp::{Acknowledged, ErpClient, Event, Leased, Page};
pub use http::{Answer, Client, PlayError, Upload};
pub use morning::Morning;
pub use sftp::{SftpClient, SftpPlayError, SupplierKey, host_key_of};
pub use supplier::Supplier;
