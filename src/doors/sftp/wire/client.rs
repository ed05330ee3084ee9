//! The other side of SSH: we call a partner's server, know it by its key, and work in its folders.
//!
//! So many requests are on their way at one time that a long line is filled, and never so many that their answers could
//! fill the library's queue, behind which it would not see the window being opened any more.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesOrdered};
use russh::{
    Preferred, SshId,
    client::{self, KeyboardInteractiveAuthResponse},
    kex,
    keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate},
};
use russh_sftp::{
    client::{Config, RawSftpSession, error::Error as SftpError},
    protocol::{FileAttributes, OpenFlags, StatusCode},
};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::host_keys::private_key;
use crate::{
    config::Secret,
    partner::SshKey,
    spool::{Receiving, SpoolError},
};

/// Until we are logged in.
const LOGIN: Duration = Duration::from_secs(30);
/// For one answer. With [`AHEAD`] pieces on their way, 6 KB/s are enough.
const ANSWER: Duration = Duration::from_secs(180);
/// How often a connection that answers are waited for on is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// What one request carries; every server takes that much.
const PIECE: usize = 32 << 10;
/// Requests on their way for one file.
const AHEAD: usize = 32;
/// Names that are read of one folder.
const MOST_NAMES: usize = 10_000;

/// How much of a file may be on its way: so much before the end that its server has seen cannot be trusted.
pub(in super::super) const ON_THE_WAY: u64 = (AHEAD * PIECE) as u64;

/// Why something on a partner's server did not work.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum Fault {
    #[error("there is no such file or folder")]
    NotFound,
    #[error("the server says: {0}")]
    Refused(String),
    #[error("the file changed while it was read")]
    Changed,
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

impl From<SftpError> for Fault {
    fn from(error: SftpError) -> Self {
        match error {
            SftpError::Status(status) if status.status_code == StatusCode::NoSuchFile => Self::NotFound,
            SftpError::Status(status) => Self::Refused(match status.error_message.trim() {
                "" => status.status_code.to_string(),
                text => text.chars().take(200).collect(),
            }),
            SftpError::Timeout => Self::Broken(format!("no answer within {} s", ANSWER.as_secs())),
            other => Self::Broken(other.to_string()),
        }
    }
}

/// Why nobody let us in.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum Unmet {
    #[error("it shows the host key {0}, which is none of those known")]
    Stranger(String),
    #[error("our private key cannot be used: {0}")]
    OwnKey(String),
    #[error("it does not let us in: {0}")]
    Denied(&'static str),
    #[error("SSH failed: {0}")]
    Broken(String),
}

/// A server that showed its key, and does not know us yet.
pub(in super::super) struct Met {
    handle: client::Handle<Meeting>,
    /// The key.
    pub(in super::super) shown: SshKey,
}

/// A connection on which we are logged in. Several files may be on their way on it.
pub(in super::super) struct Line {
    sftp: RawSftpSession,
    handle: client::Handle<Meeting>,
    syncs: bool,
}

/// What a folder has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in super::super) struct Entry {
    pub(in super::super) name: String,
    pub(in super::super) size: u64,
    pub(in super::super) mtime: u32,
}

impl Met {
    /// Begins SSH on `stream`. Only a server with one of the `known` keys is met, or any server where there are none.
    pub(in super::super) async fn on(stream: TcpStream, known: &[SshKey]) -> Result<Self, Unmet> {
        let shown = Arc::new(Mutex::new(None));
        let meeting = Meeting { known: known.to_vec(), shown: Arc::clone(&shown) };
        let begun = timeout(LOGIN, client::connect_stream(config(known), stream, meeting)).await;
        let seen = shown.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (begun, seen) {
            (Ok(Ok(handle)), Some(shown)) => Ok(Self { handle, shown }),
            (Ok(Err(russh::Error::UnknownKey)), Some(shown)) => Err(Unmet::Stranger(shown.fingerprint())),
            (Ok(Err(error)), _) => Err(Unmet::Broken(error.to_string())),
            (Ok(Ok(_)), None) => Err(Unmet::Broken("it showed no host key".to_owned())),
            (Err(_), _) => Err(Unmet::Broken(format!("no key within {} s", LOGIN.as_secs()))),
        }
    }

    /// Logs in, with the key first where there are both.
    pub(in super::super) async fn login(
        self,
        user: &str,
        key: Option<&Secret>,
        password: Option<&Secret>,
    ) -> Result<Line, Unmet> {
        let line = timeout(LOGIN, self.enter(user, key, password)).await;
        line.map_err(|_| Unmet::Broken(format!("no login within {} s", LOGIN.as_secs())))?
    }

    async fn enter(mut self, user: &str, key: Option<&Secret>, password: Option<&Secret>) -> Result<Line, Unmet> {
        let mut right = false;
        if let Some(key) = key {
            let key = private_key(key.reveal()).map_err(Unmet::OwnKey)?;
            let hash = match key.algorithm().is_rsa() {
                true => self.handle.best_supported_rsa_hash().await?.flatten().or(Some(HashAlg::Sha256)),
                false => None,
            };
            let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
            right = self.handle.authenticate_publickey(user, key).await?.success();
        }
        if let (false, Some(password)) = (right, password) {
            right = self.handle.authenticate_password(user, password.reveal()).await?.success()
                || self.answer(user, password).await?;
        }
        if !right {
            return Err(Unmet::Denied(match (key, password) {
                (Some(_), Some(_)) => "neither our key nor our password is right for this user",
                (Some(_), None) => "our key is not known for this user",
                (None, Some(_)) => "our password is not right for this user",
                (None, None) => "we have neither a key nor a password for it",
            }));
        }
        let channel = self.handle.channel_open_session().await?;
        channel.request_subsystem(true, "sftp").await?;
        let limits = Config { request_timeout_secs: ANSWER.as_secs(), ..Config::default() };
        let sftp = RawSftpSession::new_with_config(channel.into_stream(), limits);
        let version = sftp.init().await.map_err(|error| Unmet::Broken(format!("it has no SFTP: {error}")))?;
        let syncs = version.extensions.contains_key("fsync@openssh.com");
        Ok(Line { sftp, handle: self.handle, syncs })
    }

    /// The password, for servers that ask for it as a question.
    async fn answer(&mut self, user: &str, password: &Secret) -> Result<bool, Unmet> {
        let mut asked = self.handle.authenticate_keyboard_interactive_start(user, None).await?;
        for _ in 0..3 {
            asked = match asked {
                KeyboardInteractiveAuthResponse::Success => return Ok(true),
                KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                    let answers = prompts.iter().map(|_| password.reveal().to_owned()).collect();
                    self.handle.authenticate_keyboard_interactive_respond(answers).await?
                }
            };
        }
        Ok(false)
    }
}

impl Line {
    /// Whether it ended.
    pub(in super::super) fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Does `work` over it, unless the connection ends: the library tells that to those who wait for an answer, but where it
    /// ends while pieces are still being sent, some would wait for as long as an answer may take.
    pub(in super::super) async fn unless_it_ends<T>(
        &self,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let ended = async {
            while !self.is_closed() {
                sleep(LOOK).await;
            }
            // What came before the end may still be taken up.
            sleep(LOOK).await;
        };
        tokio::select! {
            biased;
            done = work => done,
            () = ended => Err(Fault::Broken("the other side ended it".to_owned())),
        }
    }

    /// The files of a folder, without what else is in it.
    pub(in super::super) async fn list(&self, folder: &str) -> Result<Vec<Entry>, Fault> {
        let handle = self.sftp.opendir(folder).await?.handle;
        let mut entries = Vec::new();
        let read = loop {
            match self.sftp.readdir(handle.as_str()).await {
                Ok(names) => entries.extend(names.files.into_iter().filter_map(|file| {
                    let regular = file.attrs.permissions.is_none_or(|mode| mode & 0o170_000 == 0o100_000);
                    let entry = Entry {
                        size: file.attrs.size.unwrap_or_default(),
                        mtime: file.attrs.mtime.unwrap_or_default(),
                        name: file.filename,
                    };
                    (regular && !entry.name.contains(['/', '\u{fffd}', '\0'])).then_some(entry)
                })),
                Err(SftpError::Status(status)) if status.status_code == StatusCode::Eof => break Ok(()),
                Err(error) => break Err(error),
            }
            if entries.len() >= MOST_NAMES {
                break Ok(());
            }
        };
        let _ = self.sftp.close(handle).await;
        read?;
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// The size of a file, where there is one and its server tells.
    pub(in super::super) async fn size(&self, path: &str) -> Result<Option<u64>, Fault> {
        match self.sftp.stat(path).await.map_err(Fault::from) {
            Ok(found) => Ok(found.attrs.size),
            // A box that one can only throw into answers this with a refusal.
            Err(Fault::NotFound | Fault::Refused(_)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Writes a file from the byte at `from` on; what is before is there already.
    pub(in super::super) async fn write(&self, path: &str, payload: &Bytes, from: u64) -> Result<(), Fault> {
        let mut flags = OpenFlags::WRITE | OpenFlags::CREATE;
        if from == 0 {
            flags |= OpenFlags::TRUNCATE;
        }
        let handle = self.sftp.open(path, flags, FileAttributes::empty()).await?.handle;
        let written = self.pieces(&handle, payload, from).await;
        if written.is_ok() && self.syncs {
            // Asked for where it is offered; a server that cannot do it after all has the bytes nevertheless.
            let _ = self.sftp.fsync(handle.as_str()).await;
        }
        let closed = self.sftp.close(handle).await;
        written?;
        Ok(closed.map(drop)?)
    }

    async fn pieces(&self, handle: &str, payload: &Bytes, from: u64) -> Result<(), Fault> {
        let mut rest = payload.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default().chunks(PIECE);
        let mut offset = from;
        let mut sent = FuturesOrdered::new();
        loop {
            while sent.len() < AHEAD
                && let Some(piece) = rest.next()
            {
                sent.push_back(self.sftp.write(handle, offset, piece.to_vec()));
                offset += piece.len() as u64;
            }
            match sent.next().await {
                Some(answer) => answer?,
                None => return Ok(()),
            };
        }
    }

    /// Reads what `into` does not have yet of the file that a listing showed. When this answers well, the file is still
    /// the one of the listing.
    pub(in super::super) async fn read(&self, path: &str, entry: &Entry, into: &mut Receiving) -> Result<(), Fault> {
        let handle = self.sftp.open(path, OpenFlags::READ, FileAttributes::empty()).await?.handle;
        let mut read = self.all(&handle, entry.size, into).await;
        if read.is_ok() {
            read = match self.sftp.fstat(handle.as_str()).await.map_err(Fault::from) {
                Ok(now) if now.attrs.size.is_some_and(|size| size != entry.size) => Err(Fault::Changed),
                Ok(now) if now.attrs.mtime.is_some_and(|mtime| mtime != entry.mtime) => Err(Fault::Changed),
                Ok(_) | Err(Fault::Refused(_)) => Ok(()),
                Err(fault) => Err(fault),
            };
        }
        let _ = self.sftp.close(handle).await;
        read
    }

    async fn all(&self, handle: &str, size: u64, into: &mut Receiving) -> Result<(), Fault> {
        let piece = |offset: u64| u32::try_from((size - offset).min(PIECE as u64)).unwrap_or(u32::MAX);
        let (mut asked, mut have) = (into.received(), into.received());
        let mut coming = FuturesOrdered::new();
        while have < size {
            while coming.len() < AHEAD && asked < size {
                let len = piece(asked);
                coming.push_back(self.sftp.read(handle, asked, len));
                asked += u64::from(len);
            }
            let Some(answer) = coming.next().await else { return Err(Fault::Changed) };
            let end = have + u64::from(piece(have));
            let mut data = ended(answer)?.data;
            // A server may answer with less than it was asked for.
            loop {
                if data.is_empty() || data.len() as u64 > end - have {
                    return Err(Fault::Changed);
                }
                have += data.len() as u64;
                into.push(Bytes::from(data)).await?;
                if have == end {
                    break;
                }
                data = ended(self.sftp.read(handle, have, piece(have).min((end - have) as u32)).await)?.data;
            }
        }
        Ok(())
    }

    /// Gives a file another name, which nothing has yet.
    pub(in super::super) async fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        Ok(self.sftp.rename(from, to).await.map(drop)?)
    }

    /// Removes a file.
    pub(in super::super) async fn remove(&self, path: &str) -> Result<(), Fault> {
        Ok(self.sftp.remove(path).await.map(drop)?)
    }

    /// Makes a folder, where there is none.
    pub(in super::super) async fn make_folder(&self, path: &str) {
        let _ = self.sftp.mkdir(path, FileAttributes::empty()).await;
    }
}

/// A file that ends before its size is another one.
fn ended<T>(answer: Result<T, SftpError>) -> Result<T, Fault> {
    answer.map_err(|error| match error {
        SftpError::Status(status) if status.status_code == StatusCode::Eof => Fault::Changed,
        error => error.into(),
    })
}

impl From<russh::Error> for Unmet {
    fn from(error: russh::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Looks at the key that a server shows.
struct Meeting {
    known: Vec<SshKey>,
    shown: Arc<Mutex<Option<SshKey>>>,
}

impl client::Handler for Meeting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let Some(key) = key.to_openssh().ok().and_then(|line| line.parse::<SshKey>().ok()) else { return Ok(false) };
        let is_known = self.known.is_empty() || self.known.iter().any(|known| known.blob == key.blob);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
        Ok(is_known)
    }
}

/// As the server's side, in what it offers; a server with several keys is asked for one that we know.
fn config(known: &[SshKey]) -> Arc<client::Config> {
    let is_known = |algorithm: &Algorithm| {
        let name = match algorithm {
            Algorithm::Rsa { .. } => "ssh-rsa".to_owned(),
            other => other.to_string(),
        };
        known.iter().any(|key| key.algorithm == name)
    };
    let mut offered = super::preferred();
    let mut kex = offered.kex.into_owned();
    kex.extend([kex::EXTENSION_SUPPORT_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT]);
    offered.key.to_mut().sort_by_key(|algorithm| !is_known(algorithm));
    Arc::new(client::Config {
        client_id: SshId::Standard(Cow::Borrowed("SSH-2.0-Gangway")),
        preferred: Preferred { kex: kex.into(), ..offered },
        inactivity_timeout: Some(ANSWER * 2),
        keepalive_interval: Some(Duration::from_secs(30)),
        keepalive_max: 4,
        nodelay: true,
        ..client::Config::default()
    })
}

#[cfg(test)]
mod tests {
    use russh::keys::EcdsaCurve;

    use super::*;

    #[test]
    fn a_server_is_asked_for_a_key_that_is_known() {
        let key = russh::keys::PrivateKey::random(
            &mut russh::keys::key::safe_rng(),
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
        );
        let known = key.unwrap().public_key().to_openssh().unwrap().parse::<SshKey>().unwrap();
        let asked = config(&[known]).preferred.key.clone();
        assert_eq!(asked.first(), Some(&Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 }));
        assert_eq!(config(&[]).preferred.key.first(), Some(&Algorithm::Ed25519));
    }
}
