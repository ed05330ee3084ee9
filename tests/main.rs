//! The integration tests: one binary, real sockets, the real program.
#![allow(unreachable_pub, reason = "nobody imports from a test binary; `pub` says what the harness offers")]

mod architecture;
mod as2;
mod dockerfile;
mod hostile;
mod http;
mod keeping;
mod kill;
mod neighbour;
mod power;
mod spine;
mod standards;
mod util;
//! All integration tests, in one binary.

mod mapping_corpus;
