//! The keys that clients know this server by: made on first start, or brought along from an older server.
//!
//! They are files named as OpenSSH names them (`ssh_host_ed25519_key`), so that importing is copying.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey, decode_secret_key, key::safe_rng, ssh_key::LineEnding};

use super::{
    super::{codes, parts::private},
    short_key::short_key,
};
use crate::keys::make_folder;

/// The host keys of this server.
pub struct HostKeys {
    pub(super) keys: Vec<PrivateKey>,
}

impl HostKeys {
    /// Reads the keys in `folder`; where there are none, makes an ed25519 and an ECDSA key. An RSA key is used only
    /// where `rsa` says so.
    pub fn open(folder: &Path, rsa: bool) -> io::Result<Self> {
        make_folder(folder)?;
        let mut names: Vec<_> = fs::read_dir(folder)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with("ssh_host_") && name.ends_with("_key"))
            .collect();
        names.sort();
        let mut keys = Vec::new();
        for name in &names {
            match Self::read(&folder.join(name), rsa) {
                Ok(key) => keys.push(key),
                Err(reason) => {
                    tracing::warn!(code = %codes::HOST_KEY, file = name, reason, "A host key is not used.");
                }
            }
        }
        if names.is_empty() {
            let ecdsa = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };
            for (name, algorithm) in [("ssh_host_ed25519_key", Algorithm::Ed25519), ("ssh_host_ecdsa_key", ecdsa)] {
                keys.push(make(&folder.join(name), algorithm)?);
            }
        }
        if keys.is_empty() {
            let message = format!("{}: no host key in {} can be used", codes::HOST_KEY, folder.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        // ed25519 first, RSA last.
        keys.sort_by_key(|key| match key.algorithm() {
            Algorithm::Ed25519 => 0,
            Algorithm::Ecdsa { .. } => 1,
            _ => 2,
        });
        Ok(Self { keys })
    }

    /// Each key's algorithm and SHA-256 fingerprint, as clients show it.
    pub fn fingerprints(&self) -> Vec<(String, String)> {
        let shown = |key: &PrivateKey| (key.algorithm().to_string(), key.fingerprint(HashAlg::Sha256).to_string());
        self.keys.iter().map(shown).collect()
    }

    /// Each public key as one line, as in a client's `known_hosts` behind the name of the host.
    pub fn public(&self) -> Vec<String> {
        self.keys.iter().filter_map(|key| key.public_key().to_openssh().ok()).collect()
    }

    fn read(path: &Path, rsa: bool) -> Result<PrivateKey, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let key = private_key(&text)?;
        if key.algorithm().is_rsa() && !rsa {
            return Err("RSA host keys are off; rsa_host_key in the settings turns them on".to_owned());
        }
        Ok(key)
    }
}

/// A private key as OpenSSH keeps it now, or kept it before 7.8: PEM with PKCS#1, SEC1 or PKCS#8 in it.
pub(super) fn private_key(text: &str) -> Result<PrivateKey, String> {
    match decode_secret_key(text, None) {
        Ok(key) if !key.is_encrypted() => Ok(key),
        Ok(_) | Err(russh::keys::Error::KeyIsEncrypted) => Err("it has a passphrase".to_owned()),
        Err(_) if text.contains("ENCRYPTED") => Err("it has a passphrase".to_owned()),
        Err(error) => short_key(text).ok_or_else(|| format!("it is no private key that OpenSSH writes: {error}")),
    }
}

/// Why a private key of ours should not log in at a partner's server.
pub(in super::super) fn own_key_fault(text: &str) -> Option<String> {
    match private_key(text) {
        Ok(key) if key.algorithm().is_rsa() => {
            Some("it is an RSA key, whose signatures' timing may tell of it".to_owned())
        }
        Ok(_) => None,
        Err(reason) => Some(reason),
    }
}

fn make(path: &Path, algorithm: Algorithm) -> io::Result<PrivateKey> {
    let key = PrivateKey::random(&mut safe_rng(), algorithm).map_err(io::Error::other)?;
    let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    private(&mut options);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_are_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = HostKeys::open(folder.path(), false).unwrap();
        let again = HostKeys::open(folder.path(), false).unwrap();
        assert_eq!(first.fingerprints(), again.fingerprints());
        let algorithms: Vec<_> = first.fingerprints().into_iter().map(|(algorithm, _)| algorithm).collect();
        assert_eq!(algorithms, ["ssh-ed25519", "ecdsa-sha2-nistp256"]);
        assert!(first.fingerprints()[0].1.starts_with("SHA256:") && first.public()[0].starts_with("ssh-ed25519 AAAA"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join("ssh_host_ecdsa_key")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    /// Keys as `ssh-keygen` makes them, in the form of today and in that from before 7.8.
    #[test]
    fn keys_of_every_kind_come_along_from_an_older_server() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(format!("ssh_host_{name}_key"));
        let forms: [(&str, &[&str]); 6] = [
            ("ed25519", &["-t", "ed25519"]),
            ("ecdsa256", &["-t", "ecdsa", "-b", "256"]),
            ("ecdsa384pem", &["-t", "ecdsa", "-b", "384", "-m", "PEM"]),
            ("rsa", &["-t", "rsa", "-b", "2048"]),
            ("rsapem", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
            ("rsapkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"]),
        ];
        let made = |name: &str, how: &[&str], passphrase: &str| {
            let mut command = std::process::Command::new("ssh-keygen");
            command.args(how).args(["-q", "-N", passphrase, "-f"]).arg(at(name)).status().map(|status| status.success())
        };
        let mut expected = Vec::new();
        for (name, how) in forms {
            let Ok(made) = made(name, how, "") else { return eprintln!("SKIPPED: there is no ssh-keygen here") };
            assert!(made, "{name}");
            let public = fs::read_to_string(at(name).with_extension("pub")).unwrap();
            expected.push(public.split_whitespace().nth(1).unwrap().to_owned());
        }
        let blobs = |rsa| {
            let lines = HostKeys::open(folder.path(), rsa).unwrap().public();
            lines.iter().map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(blobs(true), expected);
        assert_eq!(blobs(false), expected[..3], "RSA keys are used only where the settings say so");
        assert!(made("locked", &["-t", "ecdsa"], "secret").unwrap());
        assert_eq!(private_key(&fs::read_to_string(at("locked")).unwrap()).err().unwrap(), "it has a passphrase");
        assert!(own_key_fault(&fs::read_to_string(at("rsapem")).unwrap()).unwrap().contains("RSA"));
        assert_eq!(own_key_fault(&fs::read_to_string(at("ed25519")).unwrap()), None);
    }

    #[test]
    fn what_was_brought_along_is_used_and_nothing_is_made_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let brought = make(&folder.path().join("ssh_host_old_key"), Algorithm::Ed25519).unwrap();
        fs::write(folder.path().join("ssh_host_bad_key"), "rubbish").unwrap();
        let keys = HostKeys::open(folder.path(), false).unwrap();
        assert_eq!(keys.fingerprints()[0].1, brought.fingerprint(HashAlg::Sha256).to_string());
        assert_eq!(keys.keys.len(), 1);
        fs::remove_file(folder.path().join("ssh_host_old_key")).unwrap();
        let error = HostKeys::open(folder.path(), false).err().unwrap().to_string();
        assert!(error.starts_with("SFT-0106"), "{error}");
    }
}
