//! The HTTP rooms over real sockets, with a record and an exchange that do as a test tells them: listeners and hostile
//! peers, the supplier API, the ERP's API, and that neither side reaches the other.

mod erp;
mod fakes;
mod net;
mod nodes;
mod record;
mod rest;
mod sides;
mod tls;
mod wire;
