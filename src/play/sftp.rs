//! A supplier on the SFTP door: it logs in with a key of its own, drops files and looks at what is there for it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use russh::{
    client,
    keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, key::safe_rng},
};
use russh_sftp::client::{SftpSession, error::Error as SftpError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The most that is read of one file.
const MOST: u64 = 64 << 20;

/// A supplier's key pair, made for the occasion.
pub struct SupplierKey(PrivateKey);

/// A connection that is logged in.
pub struct SftpClient {
    session: client::Handle<Trusting>,
    sftp: SftpSession,
}

/// Why something did not happen over SFTP.
#[derive(Debug, thiserror::Error)]
pub enum SftpPlayError {
    /// The connection.
    #[error("SSH: {0}")]
    Ssh(#[from] russh::Error),
    /// A request.
    #[error("SFTP: {0}")]
    Sftp(#[from] SftpError),
    /// Reading or writing a file.
    #[error("a file: {0}")]
    Io(#[from] std::io::Error),
    /// A key could not be made.
    #[error("a key: {0}")]
    Key(String),
    /// The server does not know the key.
    #[error("{0} may not log in")]
    Refused(String),
}

impl SupplierKey {
    /// A new ed25519 key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate() -> Result<Self, SftpPlayError> {
        let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519);
        key.map(Self).map_err(|error| SftpPlayError::Key(error.to_string()))
    }

    /// The line for the partner's file.
    pub fn public(&self) -> String {
        self.0.public_key().to_openssh().unwrap_or_default()
    }
}

impl SftpClient {
    /// Connects and logs in. Whom it meets is not looked at: it plays against a gateway of its own.
    ///
    /// # Errors
    /// When the server is not there, or does not let it in.
    pub async fn connect(at: SocketAddr, user: &str, key: &SupplierKey) -> Result<Self, SftpPlayError> {
        let mut session = client::connect(Arc::new(client::Config::default()), at, Trusting).await?;
        let key = PrivateKeyWithHashAlg::new(Arc::new(key.0.clone()), None);
        if !session.authenticate_publickey(user, key).await?.success() {
            return Err(SftpPlayError::Refused(user.to_owned()));
        }
        let channel = session.channel_open_session().await?;
        channel.request_subsystem(true, "sftp").await?;
        Ok(Self { sftp: SftpSession::new(channel.into_stream()).await?, session })
    }

    /// Writes a file and closes it.
    ///
    /// # Errors
    /// When the server refuses any part of that.
    pub async fn put(&self, path: &str, bytes: &[u8]) -> Result<(), SftpPlayError> {
        let mut file = self.sftp.create(path).await?;
        file.write_all(bytes).await?;
        file.shutdown().await?;
        Ok(())
    }

    /// The names in a folder.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub async fn list(&self, path: &str) -> Result<Vec<String>, SftpPlayError> {
        Ok(self.sftp.read_dir(path).await?.map(|entry| entry.file_name()).collect())
    }

    /// A file's content.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn get(&self, path: &str) -> Result<Vec<u8>, SftpPlayError> {
        let file = self.sftp.open(path).await?;
        let mut bytes = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "the `take` before it is the cap")]
        file.take(MOST).read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    /// Says goodbye.
    pub async fn close(self) {
        let _ = self.sftp.close().await;
        let _ = self.session.disconnect(russh::Disconnect::ByApplication, "", "en").await;
    }
}

/// The fingerprint of the host key that a server shows; nobody is logged in.
///
/// # Errors
/// When it does not answer as an SSH server.
pub async fn host_key_of(host: &str, port: u16) -> Result<String, SftpPlayError> {
    let shown = Arc::new(Mutex::new(None));
    let host = host.trim_matches(['[', ']']);
    let noting = Noting(Arc::clone(&shown));
    let connected = client::connect(Arc::new(client::Config::default()), (host, port), noting).await;
    let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (shown, connected) {
        (Some(shown), _) => Ok(shown),
        (None, Err(error)) => Err(error.into()),
        (None, Ok(_)) => Err(SftpPlayError::Key("none was shown".into())),
    }
}

/// Writes down whom it meets, and goes no further.
struct Noting(Arc<Mutex<Option<String>>>);

impl client::Handler for Noting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        if let PublicKeyOrCertificate::PublicKey { key, .. } = shown {
            let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(fingerprint);
        }
        Ok(false)
    }
}

/// Takes any server for the right one.
struct Trusting;

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}
