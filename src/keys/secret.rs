//! A secret text that no log line shows, and the file that holds one.

use std::{
    fmt, fs,
    io::{self, Write},
    path::Path,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// A secret text. Its `Debug` form says nothing of it.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A secret as somebody wrote it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A new one: 256 random bits as text that needs no escaping anywhere.
    pub fn generate() -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(super::random::<32>()))
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `text` is this secret, in constant time.
    pub fn is(&self, text: &[u8]) -> bool {
        super::same_secret(self.0.as_bytes(), text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The secret in `path`. Where there is no such file, a new secret is made and written to it, readable by its owner
/// only; the second value tells whether that happened.
pub fn token_file(path: &Path) -> io::Result<(Secret, bool)> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} is empty", path.display())))
        }
        Ok(text) => Ok((Secret::new(text.trim()), false)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = Secret::generate();
            write_private(path, format!("{}\n", secret.reveal()).as_bytes())?;
            Ok((secret, true))
        }
        Err(error) => Err(error),
    }
}

/// Writes a file that only its owner may read, whole or not at all, making its folder where it is missing.
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    super::make_folder(folder)?;
    // A named temporary file is made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::generate();
        assert!(!format!("{secret:?}").contains(secret.reveal()));
        assert!(secret.is(secret.reveal().as_bytes()) && !secret.is(b"guess"));
    }

    #[test]
    fn a_token_file_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/erp.token");
        let (made, first) = token_file(&path).unwrap();
        let (read, second) = token_file(&path).unwrap();
        assert!(first && !second && made.is(read.reveal().as_bytes()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&path, "\n").unwrap();
        assert_eq!(token_file(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
