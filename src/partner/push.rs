//! A partner's own SFTP server, to which files for it are taken. Whom we meet there is settled by its host keys, never by
//! its name, and our own key or password is only referred to.

use std::{borrow::Cow, fmt, path::Path, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{SftpUser, SshKey};
use crate::config::{AtLeastOne, SecretRef, Spanned, TextForm, Wrong, section, text_form};

section! {
    /// The partner's own SFTP server, to which files for it are taken.
    pub struct SftpPushSection {
        /// Its name or address, and its port.
        pub server: Spanned<Server>,
        /// The name that we log in with.
        pub user: Spanned<SftpUser>,
        /// Where its server puts our files.
        pub folder: Spanned<String> = "/".to_owned(),
        /// Its host keys, as its operator told them; several while one replaces another. No other server is trusted.
        pub host_keys: AtLeastOne<Spanned<SshKey>>,
        /// Our private key for it, as a reference like "file:secrets/acme_ed25519".
        pub key: Option<Spanned<SecretRef>>,
        /// Our password there, where it takes no key.
        pub password: Option<Spanned<SecretRef>>,
    }
}

/// Where files are taken to.
#[derive(Debug, Clone, PartialEq)]
pub struct SftpPushTerms {
    /// Its name and port.
    pub server: Server,
    /// The name that we log in with.
    pub user: SftpUser,
    /// Where files are put.
    pub folder: String,
    /// The host keys, one of which it must show.
    pub host_keys: Vec<SshKey>,
    /// Our private key.
    pub key: Option<SecretRef>,
    /// Our password.
    pub password: Option<SecretRef>,
}

impl From<&SftpPushSection> for SftpPushTerms {
    fn from(section: &SftpPushSection) -> Self {
        Self {
            server: section.server.value.clone(),
            user: section.user.value.clone(),
            folder: section.folder.value.clone(),
            host_keys: section.host_keys.0.iter().map(|key| key.value.clone()).collect(),
            key: section.key.as_ref().map(|key| key.value.clone()),
            password: section.password.as_ref().map(|password| password.value.clone()),
        }
    }
}

impl SftpPushTerms {
    /// The file of our private key, where it is kept in one.
    pub fn key_file(&self, root: &Path) -> Option<std::path::PathBuf> {
        match self.key.as_ref()? {
            SecretRef::File(path) => Some(root.join(path)),
            SecretRef::Env(_) => None,
        }
    }
}

/// A server's name or address, with its port: `sftp.acme.example:22`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl FromStr for Server {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, port.parse().ok().filter(|port| *port != 0))
            }
            _ => (text, Some(22)),
        };
        let sound = !host.is_empty() && !host.contains([' ', '/', '@']);
        match (sound, port) {
            (true, Some(port)) => Ok(Self { host: host.to_owned(), port }),
            _ => Err(Wrong::new(format!("\"{text}\" is no server")).hint(
                "a name and a port, like \"sftp.acme.example:22\"; the user and the folder have keys of their own",
            )),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl TextForm for Server {
    const FORM: &'static str = "a server, like \"sftp.acme.example:22\"";
}

text_form!(Server);

impl serde::Serialize for Server {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Server {
    fn schema_name() -> Cow<'static, str> {
        "Server".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A server's name or address and its port; 22 where none is written.",
            "examples": ["sftp.acme.example:22"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_name_and_a_port() {
        let read = |text: &str| text.parse::<Server>().map(|server| server.to_string()).map_err(|wrong| wrong.message);
        assert_eq!(read("sftp.acme.example"), Ok("sftp.acme.example:22".into()));
        assert_eq!(read("[2001:db8::1]:2222"), Ok("[2001:db8::1]:2222".into()));
        for wrong in ["", "sftp://acme", "acme:ssh", "me@acme:22", "acme:0"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
