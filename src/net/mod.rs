//! What every HTTP door has in common: listeners that survive hostile peers, TLS, problem+json, request ids.
//!
//! [`App`] wraps a router and gives each answer its request id and each mistake its RFC 9457 body; [`serve`] carries
//! one over TCP or TLS, HTTP/1.1 or HTTP/2, until its [`Stop`] says to finish what is in flight. Nothing here knows a
//! partner, a message or a record.

mod app;
mod balancer;
pub mod codes;
mod coding;
mod content;
mod egress;
mod input;
mod linger;
mod pinned;
pub mod problem;
mod request;
mod server;
mod stop;
mod tls;
mod unfold;
mod watch;
pub mod webhook;

pub use app::{App, Served, pages};
pub use balancer::{Balancers, NoOrigin};
pub use coding::{NotGzip, decoded, is_not_gzip};
pub use content::{FetchedToTheEnd, FileBody, download, json, page};
pub use egress::{CallError, Egress, Manner, Reply, Trust};
pub use input::{Fields, Query, cursor, idempotency_key, media_type, whole, without_mark};
pub use problem::{Kind, Place, Problem};
pub use request::{Context, RequestId, TraceParent, correlation_id};
pub use server::{Drained, Limits, Serving, bind, serve, serve_behind, serve_with};
pub use stop::Stop;
pub use tls::{Tls, TlsError};
pub use watch::{TooSlow, is_too_slow};

/// The pages of this room's codes.
pub const EXPLAIN: &str = include_str!("explain.md");
