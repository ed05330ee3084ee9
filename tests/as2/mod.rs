//! AS2 from outside: the core with OpenSSL's command line and captured messages as oracles, laid out by RFC section; the
//! door and the courier of a real gateway, with partners of our own and pyas2lib as peers.

mod by_openssl;
mod commands;
mod corpus;
mod courier;
mod door;
mod hostile;
mod large;
mod matrix;
mod openssl;
mod outward;
mod parties;
mod pyas2;
mod refusals;
mod rfc4130;
mod rfc5402;
mod sending;
mod site;
mod survival;
mod transport;
mod wire;
