//! The command line: one command per file, with its flags, its help, its effect and its test.

pub mod check;
pub mod explain;

use std::io::{self, Write};

/// The exit code of a command that found something wrong.
pub const FINDINGS: u8 = 1;
/// The exit code of a command that was called wrongly.
pub const USAGE: u8 = 2;

/// Prints a text. A reader that has gone away, as `head` does, has seen enough.
pub(crate) fn print(text: &str, to: &mut dyn Write) -> io::Result<()> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
