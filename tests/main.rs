//! The integration tests: one binary, real sockets, the real program.
#![allow(unreachable_pub, reason = "nobody imports from a test binary; `pub` says what the harness offers")]

mod accepting;
mod acknowledgements;
mod architecture;
mod as2;
mod broken;
mod commands;
mod demo;
mod dockerfile;
mod fuzz;
#[path = "fuzz/src/lib.rs"]
mod fuzz_targets;
mod hostile;
mod http;
mod keeping;
mod kill;
mod load;
mod log_size;
mod mapping_corpus;
mod neighbour;
mod newcomer;
mod outbound;
mod partner_copies;
mod power;
mod power_cut;
mod reload;
mod sftp;
mod slices;
mod spine;
mod standards;
mod supplier;
mod util;
mod x12_codes;
mod x12_complaints;
mod x12_corpus;
mod x12_guises;
mod x12_hostile;
mod x12_mutations;
mod x12_numbers;
mod x12_partner;
mod xml;
