//! A partner's own SFTP server, to which files for it are taken. Whom we meet there is settled by its host keys, never by
//! its name, and our own key or password is only referred to.

use std::{borrow::Cow, fmt, path::Path, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{NamePattern, SftpUser, SshKey};
use crate::config::{Duration, SecretRef, Spanned, TextForm, Wrong, choice, section, text_form};

choice! {
    /// What becomes of a partner's file on its own server once we have it.
    pub enum Collected {
        /// It is removed.
        Remove = "remove",
        /// It is moved to another folder there.
        Move = "move",
        /// It stays, and is not collected again.
        Keep = "keep",
    }
}

/// What a name ends with while its file is written, unless the file says otherwise.
const TEMPORARY: &str = ".part";
/// How often it is looked for files to collect, unless the file says otherwise.
const EVERY: Duration = Duration::seconds(300);
/// Where files are moved, unless the file says otherwise.
const COLLECTED_TO: &str = "collected";

section! {
    /// The partner's own SFTP server, to which files for it are taken, and from which its own may be collected.
    pub struct SftpPushSection {
        /// Its name or address, and its port.
        pub server: Spanned<Server>,
        /// The name that we log in with.
        pub user: Spanned<SftpUser>,
        /// Where its server puts our files.
        pub folder: Spanned<String> = "/".to_owned(),
        /// How files of ours are named there.
        pub names: NamePattern = NamePattern::default(),
        /// What a name ends with until its file is whole and renamed; "" for a server on which nothing can be renamed.
        pub temporary: Spanned<String> = TEMPORARY.to_owned(),
        /// Its host keys, as its operator told them; several while one replaces another. No other server is trusted.
        pub host_keys: Vec<Spanned<SshKey>>,
        /// Whether, with no `host_keys` written, the key that it shows at the first contact is kept, and held to from then on.
        pub trust_first_contact: bool = false,
        /// Our private key for it, as a reference like "file:secrets/acme_ed25519".
        pub key: Option<Spanned<SecretRef>>,
        /// Our password there, where it takes no key.
        pub password: Option<Spanned<SecretRef>>,
        /// Folders there from which the partner's own files are collected.
        pub collect_from: Vec<Spanned<String>>,
        /// How often.
        pub collect_every: Spanned<Duration> = EVERY,
        /// What becomes of a file there once we have it: "remove", "move" or "keep".
        pub collected: Collected = Collected::Remove,
        /// The folder for "move": inside the one that a file was in, or from the root on where it begins with a slash.
        pub collected_to: Spanned<String> = COLLECTED_TO.to_owned(),
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
    /// How they are named.
    pub names: NamePattern,
    /// What their names end with until they are whole.
    pub temporary: String,
    /// The host keys, one of which it must show.
    pub host_keys: Vec<SshKey>,
    /// Whether the key of the first contact is kept where there are none.
    pub trust_first_contact: bool,
    /// Our private key.
    pub key: Option<SecretRef>,
    /// Our password.
    pub password: Option<SecretRef>,
    /// The folders that are collected from.
    pub collect_from: Vec<String>,
    /// How often.
    pub collect_every: Duration,
    /// What becomes of what was collected.
    pub collected: Collected,
    /// Where it is moved to.
    pub collected_to: String,
}

impl From<&SftpPushSection> for SftpPushTerms {
    fn from(section: &SftpPushSection) -> Self {
        Self {
            server: section.server.value.clone(),
            user: section.user.value.clone(),
            folder: section.folder.value.clone(),
            names: section.names.clone(),
            temporary: section.temporary.value.clone(),
            host_keys: section.host_keys.iter().map(|key| key.value.clone()).collect(),
            trust_first_contact: section.trust_first_contact,
            key: section.key.as_ref().map(|key| key.value.clone()),
            password: section.password.as_ref().map(|password| password.value.clone()),
            collect_from: section.collect_from.iter().map(|folder| folder.value.clone()).collect(),
            collect_every: section.collect_every.value,
            collected: section.collected,
            collected_to: section.collected_to.value.clone(),
        }
    }
}

impl SftpPushTerms {
    /// The terms of a server about which nothing is said but where it is and who we are there.
    pub fn plain(server: Server, user: SftpUser) -> Self {
        Self {
            server,
            user,
            folder: "/".to_owned(),
            names: NamePattern::default(),
            temporary: TEMPORARY.to_owned(),
            host_keys: Vec::new(),
            trust_first_contact: false,
            key: None,
            password: None,
            collect_from: Vec::new(),
            collect_every: EVERY,
            collected: Collected::Remove,
            collected_to: COLLECTED_TO.to_owned(),
        }
    }

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
