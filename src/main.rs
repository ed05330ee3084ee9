//! The `gangway` program. Everything it does lives in the library, so that tests and fuzz targets can reach it.

use std::process::ExitCode;

// A sixth of the processor time of an arrival was spent in the C library's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gangway::cli::main()
}
