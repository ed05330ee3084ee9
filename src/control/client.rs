//! The socket's side of the command line: one request, one answer.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
};

use super::{Answer, Request, SOCKET};

/// The longest answer that is read.
const MAX_ANSWER: u64 = 1 << 30;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No gateway runs on this data folder.
    #[error("no gateway runs on {0}")]
    NotRunning(String),
    /// The conversation broke off.
    #[error("the gateway did not answer: {0}")]
    Broken(#[from] io::Error),
    /// The answer is none of this version.
    #[error("the gateway's answer cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// Whether a gateway answers on this data folder.
pub fn running(data: &Path) -> bool {
    UnixStream::connect(data.join(SOCKET)).is_ok()
}

/// Asks the gateway that runs on this data folder.
///
/// # Errors
/// [`ClientError::NotRunning`] where there is none.
pub fn call(data: &Path, request: &Request) -> Result<Answer, ClientError> {
    let path = data.join(SOCKET);
    let mut stream = UnixStream::connect(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ClientError::NotRunning(data.display().to_string())
        }
        _ => ClientError::Broken(error),
    })?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    #[expect(clippy::disallowed_methods, reason = "the `take` before it is the cap")]
    BufReader::new(stream.take(MAX_ANSWER)).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}
