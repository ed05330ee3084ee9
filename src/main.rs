//! The `gangway` program. Everything it does lives in the library, so that tests and fuzz targets can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    gangway::cli::main()
}
