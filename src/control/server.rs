//! The socket's side of the gateway.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

use super::{Answer, Operator, Request, SOCKET};
use crate::net::Stop;

/// The longest request.
const MAX_LINE: u64 = 1 << 20;

/// Answers on `data/control.sock` until `stop` is said. The caller holds the data folder, so a socket that is left over
/// is nobody's.
///
/// # Errors
/// When the socket cannot be made.
pub async fn serve(data: &Path, operator: Operator, stop: Stop) -> io::Result<()> {
    let path = data.join(SOCKET);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let operator = operator.clone();
                    tokio::spawn(async move {
                        if let Err(error) = converse(stream, operator).await {
                            tracing::debug!(%error, "A control connection ended early.");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "The control socket could not accept.");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            },
            () = stop.stopped() => break,
        }
    }
    let _ = fs::remove_file(&path);
    Ok(())
}

async fn converse(stream: UnixStream, operator: Operator) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        // The `take` is the cap.
        if (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let answer = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => operator.answer(request).await,
            Err(error) => Answer::Err { kind: "usage".into(), text: format!("no request of this version: {error}") },
        };
        let mut text = serde_json::to_vec(&answer)?;
        text.push(b'\n');
        write.write_all(&text).await?;
    }
}
