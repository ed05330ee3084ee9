//! Connections to partners' own servers: one per partner, shared by what goes over it at the same time, and gone when
//! nothing does any more.
//!
//! A server is known by the keys of the partner's file. Where that trusts the first contact, the key of it is kept in
//! `sftp/known` of the data folder, by the server's name and port; removing the file there is trusting a new one.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::Mutex as AsyncMutex;

use super::{
    codes,
    home::blocking,
    parts::private,
    wire::{Line, Met, Unmet, own_key_fault},
};
use crate::{
    config::{Secret, SecretRef},
    keys,
    net::{CallError, Egress},
    partner::{Partner, Server, SftpPushTerms, SshKey},
};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoLine {
    #[error("{0} has no [sftp_push] in its file")]
    NoTerms(String),
    #[error(transparent)]
    NotCalled(#[from] CallError),
    #[error("{server}: {unmet}{}", match unmet { Unmet::Stranger(_) => format!(" ({})", codes::STRANGER), _ => String::new() })]
    Unmet { server: Server, unmet: Unmet },
    #[error("{0}")]
    Secret(String),
    #[error("the keys that servers are known by: {0}")]
    Known(#[from] io::Error),
}

impl NoLine {
    /// Whether it would be the same the next time, whatever the other side does.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::NoTerms(_) => true,
            Self::NotCalled(error) => error.is_final(),
            Self::Unmet { .. } | Self::Secret(_) | Self::Known(_) => false,
        }
    }
}

/// Makes connections, and hands out those that are there.
pub struct Lines {
    egress: Arc<Egress>,
    /// Where `file:` secrets start.
    root: PathBuf,
    known: PathBuf,
    places: Mutex<HashMap<String, Place>>,
}

/// A partner's connection, and what it was made by. Whoever makes one keeps others from making a second.
type Place = Arc<AsyncMutex<Option<(SftpPushTerms, Weak<Line>)>>>;

impl Lines {
    /// Over `egress`; secrets in files start at `root`, and `folder` is the door's own in the data folder.
    pub fn new(egress: Arc<Egress>, root: PathBuf, folder: &Path) -> Self {
        Self { egress, root, known: folder.join("known"), places: Mutex::default() }
    }

    /// The connection to a partner's server, made where there is none.
    pub(super) async fn to(&self, partner: &Partner) -> Result<Arc<Line>, NoLine> {
        let Some(terms) = &partner.sftp_push else { return Err(NoLine::NoTerms(partner.id.clone())) };
        let place = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(places.entry(partner.id.clone()).or_default())
        };
        let mut place = place.lock().await;
        if let Some((made_by, line)) = place.as_ref()
            && let Some(line) = line.upgrade().filter(|line| made_by == terms && !line.is_closed())
        {
            return Ok(line);
        }
        let line = Arc::new(self.call(terms).await?);
        *place = Some((terms.clone(), Arc::downgrade(&line)));
        Ok(line)
    }

    async fn call(&self, terms: &SftpPushTerms) -> Result<Line, NoLine> {
        let server = &terms.server;
        let secret = |reference: &Option<SecretRef>| -> Result<Option<Secret>, NoLine> {
            let resolved = reference.as_ref().map(|reference| reference.resolve(&self.root)).transpose();
            resolved.map_err(|error| NoLine::Secret(error.to_string()))
        };
        let (key, password) = (secret(&terms.key)?, secret(&terms.password)?);
        let unmet = |unmet| NoLine::Unmet { server: server.clone(), unmet };
        let path = self.known.join(name_of(server));
        let mut known = terms.host_keys.clone();
        let mut first = false;
        if known.is_empty() {
            if !terms.trust_first_contact {
                return Err(unmet(Unmet::Stranger("of whatever kind: the partner's file names no key".to_owned())));
            }
            let path = path.clone();
            known = blocking(move || recorded(&path)).await?;
            first = known.is_empty();
        }
        let stream = self.egress.dial(&server.host, server.port).await?;
        let met = Met::on(stream, &known).await.map_err(unmet)?;
        if first {
            let (shown, line) = (met.shown.fingerprint(), format!("{server} {}\n", met.shown));
            tracing::warn!(%server, key = shown, "An SFTP server was met for the first time, and is known by this key from now on.");
            blocking(move || record(&path, &line)).await?;
        }
        met.login(terms.user.as_str(), key.as_ref(), password.as_ref()).await.map_err(unmet)
    }
}

/// What is wrong with our own keys for partners' servers, as far as they are in files below `root`: each partner's id, and
/// what it is.
pub fn own_key_faults<'p>(
    partners: impl Iterator<Item = &'p Arc<Partner>>,
    root: &Path,
) -> impl Iterator<Item = (&'p str, String)> {
    partners.filter_map(move |partner| {
        let file = partner.sftp_push.as_ref()?.key_file(root)?;
        let text = fs::read_to_string(file).ok()?;
        Some((partner.id.as_str(), own_key_fault(&text)?))
    })
}

/// The file that has a server's key; a server's name can hold what a file's name cannot.
fn name_of(server: &Server) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' };
    let readable: String = server.host.trim_start_matches('.').chars().take(60).map(plain).collect();
    let digest = keys::hex(&keys::sha256(server.to_string().as_bytes()));
    format!("{readable}-{}-{}.pub", server.port, digest.get(..8).unwrap_or_default())
}

fn recorded(path: &Path) -> io::Result<Vec<SshKey>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let keys: Option<Vec<SshKey>> =
        text.lines().map(|line| line.split_once(' ').and_then(|(_, key)| key.trim().parse().ok())).collect();
    // A file without a key must not turn the next server into the first one.
    keys.filter(|keys| !keys.is_empty())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{} has no key", path.display())))
}

fn record(path: &Path, line: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    keys::make_folder(folder)?;
    let part = path.with_extension("part");
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    private(&mut options);
    let mut file = options.open(&part)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_key_is_kept_by_name_and_port() {
        let folder = tempfile::tempdir().unwrap();
        let server = |text: &str| text.parse::<Server>().unwrap();
        assert!("../sftp.acme.example:2022".parse::<Server>().is_err(), "a path is no name");
        let path = folder.path().join("known").join(name_of(&server("sftp.acme.example:2022")));
        assert_eq!(path.parent().unwrap(), folder.path().join("known"));
        assert_ne!(name_of(&server("a_b:22")), name_of(&server("a-b:22")));
        assert_eq!(recorded(&path).unwrap(), []);
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
        record(&path, &format!("sftp.acme.example:2022 {key}\n")).unwrap();
        assert_eq!(recorded(&path).unwrap()[0].to_string().trim(), key);
        fs::write(&path, "").unwrap();
        assert!(recorded(&path).is_err(), "an empty file is no first contact");
    }
}
