//! Secrets are named in files, never written in them: `file:/run/secrets/erp` or `env:ERP_TOKEN`.
//!
//! A [`SecretRef`] is what a file says; [`SecretRef::resolve`] fetches the [`Secret`] itself, which no `Debug`, log or
//! error ever shows.

use std::{borrow::Cow, fmt, path::Path, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{TextForm, Wrong, codes, text_form};

/// The largest secret file that is read.
const MAX_BYTES: u64 = 64 << 10;

/// Where a secret is kept.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// In a file; a relative path starts at the folder of `gangway.toml`.
    File(String),
    /// In an environment variable.
    Env(String),
}

/// A secret. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a secret could not be fetched; names where it should be, never what it is.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the secret file {path} cannot be read: {error}")]
    File {
        /// Its path.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// The variable is not set, or is not text.
    #[error("the environment variable {0} is not set")]
    Env(String),
    /// There is nothing in it.
    #[error("{0} is empty")]
    Empty(SecretRef),
}

impl SecretRef {
    /// Fetches the secret. One line end after it is not part of it. `root` is where relative paths start.
    pub fn resolve(&self, root: &Path) -> Result<Secret, SecretError> {
        let text = match self {
            Self::File(path) => read_capped(&root.join(path))
                .map_err(|error| SecretError::File { path: root.join(path).display().to_string(), error })?,
            Self::Env(name) => std::env::var(name).map_err(|_| SecretError::Env(name.clone()))?,
        };
        let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
        if text.is_empty() {
            return Err(SecretError::Empty(self.clone()));
        }
        Ok(Secret(text.to_owned()))
    }
}

impl Secret {
    /// The secret itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{path}"),
            Self::Env(name) => write!(f, "env:{name}"),
        }
    }
}

impl FromStr for SecretRef {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        match text.split_once(':') {
            Some(("file", path)) if !path.trim().is_empty() => Ok(Self::File(path.trim().to_owned())),
            Some(("env", name)) => {
                let name = name.trim();
                let sound = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                if sound {
                    return Ok(Self::Env(name.to_owned()));
                }
                Err(Wrong::new("the name of the environment variable is not one: letters, digits and _ only"))
            }
            Some(("file", _)) => Err(Wrong::new("the path of the secret's file is missing after \"file:\"")),
            _ => Err(Wrong::new("a secret is not written into the file itself")
                .code(codes::LITERAL_SECRET)
                .secret()
                .hint(
                    "keep it apart and name where: \"file:/run/secrets/NAME\" or \"env:NAME\"; if it was ever \
                       committed or shared, it is not secret any more: make a new one",
                )),
        }
    }
}

impl TextForm for SecretRef {
    const FORM: &'static str = "where the secret is kept, like \"file:/run/secrets/NAME\" or \"env:NAME\"";
    const SECRET: bool = true;
}

text_form!(SecretRef);

impl serde::Serialize for SecretRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Where a secret is kept: in a file or in an environment variable; never the secret itself.",
            "pattern": "^(file:.+|env:[A-Za-z0-9_]+)$",
            "examples": ["file:/run/secrets/erp_token", "env:ERP_TOKEN"],
        })
    }
}

fn read_capped(path: &Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > MAX_BYTES {
        return Err(std::io::Error::other("it is larger than 64 KiB"));
    }
    std::fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_fetched_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "hunter2\r\n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let reference: SecretRef = "file:token".parse().unwrap();
        let secret = reference.resolve(folder.path()).unwrap();
        assert_eq!((secret.reveal(), format!("{secret:?}").as_str()), ("hunter2", "Secret(…)"));
        let empty = "file:empty".parse::<SecretRef>().unwrap().resolve(folder.path()).unwrap_err();
        assert_eq!(empty.to_string(), "file:empty is empty");
        let path: SecretRef = "env:PATH".parse().unwrap();
        assert!(path.resolve(folder.path()).is_ok());
        let unset = "env:GANGWAY_NO_SUCH_VARIABLE".parse::<SecretRef>().unwrap().resolve(folder.path()).unwrap_err();
        assert_eq!(unset.to_string(), "the environment variable GANGWAY_NO_SUCH_VARIABLE is not set");
    }

    #[test]
    fn a_literal_is_refused_and_marked_secret() {
        let wrong = "hunter2".parse::<SecretRef>().unwrap_err();
        assert!(wrong.secret && wrong.code == codes::LITERAL_SECRET && !wrong.message.contains("hunter2"));
        assert!("http://x/".parse::<SecretRef>().unwrap_err().secret);
        assert!("env:A B".parse::<SecretRef>().is_err() && "file:".parse::<SecretRef>().is_err());
    }
}
