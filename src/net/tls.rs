//! TLS for listeners: rustls over aws-lc-rs, from PEM files or from a certificate of our own for a first start. Where some
//! partner's file asks for it, callers are asked for a certificate of theirs; whose it is, is found out later.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use arc_swap::ArcSwap;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::{
    DigitallySignedStruct, InconsistentKeys, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem, pem::PemObject};
use tokio_rustls::TlsAcceptor;

/// What a listener needs for TLS. Copies share one state, so that new certificates take effect while it runs.
#[derive(Clone)]
pub struct Tls {
    shown: Arc<ArcSwap<Shown>>,
    files: Arc<Files>,
    asking: Arc<Asking>,
}

/// Where the pair is kept.
struct Files {
    chain: PathBuf,
    key: PathBuf,
}

/// A pair as it was read.
struct Shown {
    config: Arc<ServerConfig>,
    chain: Vec<CertificateDer<'static>>,
}

/// Why a certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds nothing of the kind.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// They do not go together.
    #[error("the key in {key} is not that of the first certificate in {chain}")]
    Mismatch {
        /// The chain.
        chain: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// They are of no kind that we take.
    #[error("the certificate and the key cannot be used: {0}")]
    Pair(#[from] rustls::Error),
    /// Our own certificate could not be made.
    #[error("no certificate could be made: {0}")]
    Make(#[from] rcgen::Error),
    /// Our own certificate could not be written.
    #[error("the certificate could not be written: {0}")]
    Write(#[from] io::Error),
}

impl Tls {
    /// From PEM files: the chain, our own certificate first, and its private key.
    pub fn from_pem(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        let asking = Arc::new(Asking::default());
        let files = Files { chain: chain.to_owned(), key: key.to_owned() };
        let shown = Arc::new(ArcSwap::from_pointee(read(&files, &asking)?));
        Ok(Self { shown, files: Arc::new(files), asking })
    }

    /// Asks callers for a certificate of theirs whenever `wanted` says so. None is needed and none is refused here, as long
    /// as its key is the caller's.
    pub fn asking(self, wanted: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        // Whoever asks twice is heard the first time.
        let _ = self.asking.0.set(Box::new(wanted));
        self
    }

    /// From `cert.pem` and `key.pem` in `folder`. Where neither is there, they are made: a certificate that we sign
    /// ourselves, for `names` (host names and addresses), and a key that only its owner may read. The second value
    /// tells whether that happened.
    pub fn own(folder: &Path, names: &[String]) -> Result<(Self, bool), TlsError> {
        let (chain, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        let missing = !chain.exists() && !key.exists();
        if missing {
            make(folder, &chain, &key, names)?;
        }
        Ok((Self::from_pem(&chain, &key)?, missing))
    }

    /// The files of the chain and of the key.
    pub fn files(&self) -> [&Path; 2] {
        [&self.files.chain, &self.files.key]
    }

    /// The chain that callers are shown, our own certificate first, in DER.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.shown.load().chain.clone()
    }

    /// The same of the files as they are now; nothing is changed by it.
    ///
    /// # Errors
    /// When the files do not serve.
    pub fn chain_on_disk(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        Ok(read(&self.files, &self.asking)?.chain)
    }

    /// Reads the files again, for connections from now on. Tells whether the chain is another.
    ///
    /// # Errors
    /// When the files do not serve; the pair from before goes on.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let now = read(&self.files, &self.asking)?;
        let another = now.chain != self.shown.load().chain;
        if another {
            self.shown.store(Arc::new(now));
        }
        Ok(another)
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.shown.load().config))
    }
}

/// When callers are asked for a certificate.
#[derive(Default)]
struct Asking(OnceLock<Box<dyn Fn() -> bool + Send + Sync>>);

impl std::fmt::Debug for Asking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asking")
    }
}

/// Takes any certificate whose key the caller has. Partners' files name certificates and not authorities, so that there is
/// nothing to be asked of an authority here.
#[derive(Debug)]
struct AnyCaller {
    asking: Arc<Asking>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyCaller {
    fn offer_client_auth(&self) -> bool {
        self.asking.0.get().is_some_and(|wanted| wanted())
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

fn read(files: &Files, asking: &Arc<Asking>) -> Result<Shown, TlsError> {
    let Files { chain: chain_path, key: key_path } = files;
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error: pem::Error| TlsError::File { path, reason: error.to_string() }
    };
    let chain = CertificateDer::pem_file_iter(chain_path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(at(chain_path))?;
    if chain.is_empty() {
        return Err(TlsError::File { path: chain_path.to_owned(), reason: instead(chain_path, "certificate") });
    }
    let key = PrivateKeyDer::from_pem_file(key_path).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            TlsError::File { path: key_path.to_owned(), reason: instead(key_path, "private key") }
        }
        error => at(key_path)(error),
    })?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(AnyCaller { asking: Arc::clone(asking), provider }))
        .with_single_cert(chain.clone(), key)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::Mismatch { chain: chain_path.to_owned(), key: key_path.to_owned() }
            }
            error => TlsError::Pair(error),
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Shown { config: Arc::new(config), chain })
}

/// What a file holds in place of what is looked for, in words.
fn instead(path: &Path, wanted: &str) -> String {
    let text = fs::read(path).unwrap_or_default();
    let holds = |what: &str| text.windows(what.len()).any(|part| part == what.as_bytes());
    match wanted {
        "private key" if holds("BEGIN ENCRYPTED PRIVATE KEY") => {
            "its private key has a passphrase; `openssl pkey -in FILE -out FILE` writes it without one".to_owned()
        }
        "private key" if holds("BEGIN CERTIFICATE") => "it holds a certificate, and no private key".to_owned(),
        "certificate" if holds("PRIVATE KEY") => "it holds a private key, and no certificate".to_owned(),
        _ => format!("it holds no {wanted}; PEM begins with -----BEGIN {}-----", wanted.to_uppercase()),
    }
}

fn make(folder: &Path, chain: &Path, key: &Path, names: &[String]) -> Result<(), TlsError> {
    let pair = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Gangway, made at its first start");
    let certificate = params.self_signed(&pair)?;
    fs::create_dir_all(folder)?;
    // The key first: a crash between the two leaves a key alone, which is told and not used.
    write(folder, key, &pair.serialize_pem())?;
    write(folder, chain, &certificate.pem())
}

/// Writes a file that only its owner may read, whole or not at all.
fn write(folder: &Path, path: &Path, text: &str) -> Result<(), TlsError> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_start_makes_a_certificate_that_the_next_one_keeps() {
        let folder = tempfile::tempdir().unwrap();
        let tls = folder.path().join("tls");
        assert!(Tls::own(&tls, &["localhost".into(), "127.0.0.1".into()]).unwrap().1);
        let made = fs::read(tls.join("cert.pem")).unwrap();
        assert!(!Tls::own(&tls, &["other".into()]).unwrap().1);
        assert_eq!(fs::read(tls.join("cert.pem")).unwrap(), made);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(tls.join("key.pem")).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn files_that_do_not_serve_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        Tls::own(&one, &["localhost".into()]).unwrap();
        Tls::own(&two, &["localhost".into()]).unwrap();
        let pair = Tls::from_pem(&one.join("cert.pem"), &two.join("key.pem")).unwrap_err();
        assert!(matches!(pair, TlsError::Mismatch { .. }), "{pair}");
        let wrong = Tls::from_pem(&one.join("key.pem"), &one.join("key.pem")).unwrap_err().to_string();
        assert!(wrong.contains("key.pem") && wrong.contains("certificate"), "{wrong}");
        fs::remove_file(two.join("cert.pem")).unwrap();
        let alone = Tls::own(&two, &["localhost".into()]).unwrap_err().to_string();
        assert!(alone.contains("cert.pem"), "{alone}");
    }

    #[test]
    fn a_new_pair_is_taken_and_a_bad_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        let (tls, _) = Tls::own(&one, &["localhost".into()]).unwrap();
        let (other, _) = Tls::own(&two, &["localhost".into()]).unwrap();
        let (first, config) = (tls.chain(), Arc::clone(&tls.shown.load().config));
        assert!(!tls.reload().unwrap());
        assert!(Arc::ptr_eq(&config, &tls.shown.load().config), "sessions go on where nothing changed");
        // Half of the new pair is there.
        fs::copy(two.join("cert.pem"), one.join("cert.pem")).unwrap();
        assert!(matches!(tls.reload(), Err(TlsError::Mismatch { .. })));
        assert!(tls.chain_on_disk().is_err());
        assert_eq!(tls.chain(), first);
        fs::copy(two.join("key.pem"), one.join("key.pem")).unwrap();
        assert_eq!(tls.chain_on_disk().unwrap(), other.chain());
        assert!(tls.reload().unwrap());
        assert_eq!(tls.chain(), other.chain());
    }
}
