//! Our own AS2 keys. Several overlap, so that a change is announced, scheduled and done without an outage: every key
//! decrypts, and one at a time signs.
//!
//! They are in `as2/` of the data folder, a `.pem` and a `.key` each, with `ring.json` saying from when each signs. A pair
//! that the settings name is among them, and signs until another one's time comes.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, RsaKeySize, SerialNumber,
};
use serde::{Deserialize, Serialize};

use crate::{
    as2::{certificate::Certificate, fault::Fault, key::OwnKey},
    config::{SecretError, Settings},
    keys,
};

/// How long a certificate that we make is valid.
const YEARS: i64 = 3;

/// Why our keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The private key of the settings cannot be fetched.
    #[error("as2.key: {0}")]
    Secret(#[from] SecretError),
    /// A key or certificate is none, or they do not go together.
    #[error("{path}: {fault}")]
    Key {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        fault: Fault,
    },
    /// No key could be made.
    #[error("no key could be made: {0}")]
    Make(#[from] rcgen::Error),
    /// `ring.json` cannot be read.
    #[error("{path} cannot be read: {error}")]
    Ring {
        /// The file.
        path: PathBuf,
        /// Why.
        error: serde_json::Error,
    },
    /// There is no such key.
    #[error("there is no key {0:?}; `gangway certs show` lists them")]
    Unknown(String),
    /// A new key cannot sign yet.
    #[error("{0} has to sign from now on or later, and its certificate is not valid then")]
    Period(String),
}

/// One key of ours.
#[derive(Debug, Clone)]
pub struct Own {
    /// Its name: that of its files.
    pub name: String,
    /// The key, with its certificate.
    pub key: OwnKey,
    /// From when it signs; `None` where that is not decided.
    pub signs_from: Option<Timestamp>,
    /// The certificate's file.
    pub path: PathBuf,
}

/// All keys of ours; never empty. Never changes; a reload makes another.
#[derive(Debug, Clone)]
pub struct Ring {
    own: Vec<Own>,
    keys: Vec<OwnKey>,
}

/// What `ring.json` says.
#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    keys: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    name: String,
    signs_from: Option<Timestamp>,
}

impl Ring {
    /// Reads our keys; where there is none at all, one is made. The second value tells whether that happened.
    ///
    /// # Errors
    /// When any key cannot be used: a gateway without one of its keys would refuse good messages.
    pub fn open(settings: &Settings) -> Result<(Self, bool), RingError> {
        let folder = folder(settings);
        let mut own = Vec::new();
        if let (Some(certificate), Some(key)) = (&settings.as2.certificate, &settings.as2.key) {
            let path = settings.resolve(certificate);
            let secret = key.resolve(&settings.root)?;
            let key = pair(&path, secret.reveal().as_bytes())?;
            own.push(Own { name: "settings".into(), key, signs_from: Some(Timestamp::MIN), path });
        }
        let file = read_ring(&folder)?;
        let made = own.is_empty() && file.keys.is_empty();
        if made {
            let name = make(&folder, &settings.as2.id)?;
            schedule(&folder, &name, Some(Timestamp::now()))?;
        }
        for entry in read_ring(&folder)?.keys {
            let path = folder.join(format!("{}.pem", entry.name));
            let key_path = folder.join(format!("{}.key", entry.name));
            let key = pair(&path, &read(&key_path)?)?;
            own.push(Own { name: entry.name, key, signs_from: entry.signs_from, path });
        }
        let keys = own.iter().map(|own| own.key.clone()).collect();
        Ok((Self { own, keys }, made))
    }

    /// Of these keys, for tools and tests.
    pub fn of(key: OwnKey) -> Self {
        let own = Own { name: "own".into(), key: key.clone(), signs_from: Some(Timestamp::MIN), path: PathBuf::new() };
        Self { own: vec![own], keys: vec![key] }
    }

    /// Every key; any of them decrypts.
    pub fn keys(&self) -> &[OwnKey] {
        &self.keys
    }

    /// Every key, with what is known of it.
    pub fn own(&self) -> &[Own] {
        &self.own
    }

    /// The key that signs at `now`: the one whose time came last, or the first where none's has.
    pub fn signing(&self, now: Timestamp) -> Option<&Own> {
        let due = self.own.iter().filter(|own| own.signs_from.is_some_and(|from| from <= now));
        due.max_by_key(|own| own.signs_from).or_else(|| self.own.first())
    }
}

/// Our keys as far as there are any; makes none.
///
/// # Errors
/// When one of them cannot be used.
pub fn existing(settings: &Settings) -> Result<Option<Ring>, RingError> {
    let any = settings.as2.certificate.is_some() || folder(settings).join("ring.json").exists();
    if any { Ok(Some(Ring::open(settings)?.0)) } else { Ok(None) }
}

/// Where our keys are.
pub fn folder(settings: &Settings) -> PathBuf {
    settings.data.join("as2")
}

/// Makes a key and its certificate, and adds them to the ring as one that decrypts and does not sign yet. Answers with
/// their name.
///
/// # Errors
/// When the files cannot be written.
pub fn make(folder: &Path, common_name: &str) -> Result<String, RingError> {
    let (certificate, key) = pair_in_pem(common_name, Timestamp::now())?;
    let made = Certificate::read_all(certificate.as_bytes());
    let fingerprint = made.ok().and_then(|all| all.first().map(|one| one.fingerprint().to_owned())).unwrap_or_default();
    let day = Timestamp::now().strftime("%Y-%m-%d").to_string();
    let name = format!("{day}-{}", fingerprint.get(..8).unwrap_or_default());
    make_folder(folder)?;
    // The key first, the ring last: a crash in between leaves files that nobody uses.
    write(&folder.join(format!("{name}.key")), key.as_bytes())?;
    write(&folder.join(format!("{name}.pem")), certificate.as_bytes())?;
    let mut ring = read_ring(folder)?;
    ring.keys.push(Entry { name: name.clone(), signs_from: None });
    write_ring(folder, &ring)?;
    Ok(name)
}

/// A certificate that we sign ourselves and its key, both in PEM.
///
/// # Errors
/// When no key can be made.
pub fn pair_in_pem(common_name: &str, now: Timestamp) -> Result<(String, String), rcgen::Error> {
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    // A day early, for partners whose clocks are behind.
    let today = now.to_zoned(TimeZone::UTC).date();
    let date = |date: jiff::civil::Date| {
        rcgen::date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = date(today.saturating_sub(1.day()));
    params.not_after = date(today.saturating_add(YEARS.years()));
    // 127 random bits: a positive number of 16 bytes.
    let mut serial = keys::random::<16>();
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    for_signing_and_encryption(&mut params);
    let certificate = params.self_signed(&pair)?;
    Ok((certificate.pem(), pair.serialize_pem()))
}

/// Says from when a key signs.
///
/// # Errors
/// When there is no such key, or the ring cannot be written.
pub fn schedule(folder: &Path, name: &str, from: Option<Timestamp>) -> Result<(), RingError> {
    let mut ring = read_ring(folder)?;
    let found = ring.keys.iter_mut().find(|entry| entry.name == name);
    let Some(entry) = found else { return Err(RingError::Unknown(name.to_owned())) };
    let path = folder.join(format!("{name}.pem"));
    let certificate = certificate(&path)?;
    if from.is_some_and(|from| from > certificate.not_after()) {
        return Err(RingError::Period(name.to_owned()));
    }
    entry.signs_from = from;
    write_ring(folder, &ring)
}

/// Signing and encryption, which some products look for.
fn for_signing_and_encryption(params: &mut CertificateParams) {
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::ContentCommitment,
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::DataEncipherment,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection, ExtendedKeyUsagePurpose::ClientAuth];
}

fn certificate(path: &Path) -> Result<Certificate, RingError> {
    let none = || Fault::Certificate("there is none in the file".into());
    Certificate::read_all(&read(path)?)
        .and_then(|all| all.into_iter().next().ok_or_else(none))
        .map_err(|fault| RingError::Key { path: path.to_owned(), fault })
}

fn pair(path: &Path, key: &[u8]) -> Result<OwnKey, RingError> {
    OwnKey::from_pem(key, certificate(path)?).map_err(|fault| RingError::Key { path: path.to_owned(), fault })
}

fn read_ring(folder: &Path) -> Result<File, RingError> {
    let path = folder.join("ring.json");
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| RingError::Ring { path, error }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(File::default()),
        Err(error) => Err(RingError::Io { path, error }),
    }
}

fn write_ring(folder: &Path, ring: &File) -> Result<(), RingError> {
    let text = serde_json::to_vec_pretty(ring).unwrap_or_default();
    write(&folder.join("ring.json"), &text)
}

fn read(path: &Path) -> Result<Vec<u8>, RingError> {
    fs::read(path).map_err(|error| RingError::Io { path: path.to_owned(), error })
}

fn make_folder(folder: &Path) -> Result<(), RingError> {
    keys::make_folder(folder).map_err(|error| RingError::Io { path: folder.to_owned(), error })
}

/// Writes a file that only its owner may read, whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), RingError> {
    use std::os::unix::fs::OpenOptionsExt;
    let part = path.with_extension("part");
    let written = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        fs::File::open(folder)?.sync_all()
    };
    written().map_err(|error| RingError::Io { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(data: &Path) -> Settings {
        Settings { data: data.to_owned(), ..Settings::default() }
    }

    #[test]
    fn a_first_start_makes_a_key_and_the_next_one_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let (ring, made) = Ring::open(&settings(folder.path())).unwrap();
        let (again, made_again) = Ring::open(&settings(folder.path())).unwrap();
        assert!(made && !made_again);
        let of = |ring: &Ring| ring.signing(Timestamp::now()).unwrap().key.certificate().fingerprint().to_owned();
        assert_eq!(of(&ring), of(&again));
        let certificate = again.own()[0].key.certificate().clone();
        assert!(certificate.is_valid_at(Timestamp::now()) && certificate.subject().contains("GANGWAY"));
        assert_eq!(certificate.rsa_bits(), Some(2048));
        use std::os::unix::fs::PermissionsExt;
        let key = fs::metadata(again.own()[0].path.with_extension("key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_new_key_decrypts_at_once_and_signs_from_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let (first, _) = Ring::open(&settings).unwrap();
        let now = Timestamp::now();
        let name = make(&super::folder(&settings), "GANGWAY").unwrap();
        let at = now + 3.hours();
        let signer = |ring: &Ring, at| ring.signing(at).unwrap().name.clone();
        let (announced, _) = Ring::open(&settings).unwrap();
        assert_eq!((announced.keys().len(), signer(&announced, at)), (2, signer(&first, now)));
        schedule(&super::folder(&settings), &name, Some(at)).unwrap();
        let (scheduled, _) = Ring::open(&settings).unwrap();
        assert_eq!(signer(&scheduled, now + 2.hours()), signer(&first, now));
        assert_eq!(signer(&scheduled, at), name);
        assert!(matches!(schedule(&super::folder(&settings), "other", None), Err(RingError::Unknown(_))));
        assert!(schedule(&super::folder(&settings), &name, Some(now + (24 * 365 * 5).hours())).is_err());
    }
}
