//! HTTPS as the settings have it: the certificate and key that listeners take, and what is wrong with them, told before a
//! start as after it.

use std::{fs, path::PathBuf};

use jiff::Timestamp;

use super::StartError;
use crate::{
    as2::certificate::Certificate,
    config::{Diagnostic, Settings},
    net::{Tls, TlsError, codes},
};

/// How many days before its end a chain is told about: later than whoever renews it by itself does so.
const NOTICE: i64 = 10;
/// Names of the certificate that a first start makes.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// What the public listener takes: the files of the settings, or a certificate of our own.
pub(super) fn tls(settings: &Settings) -> Result<Tls, StartError> {
    let tls = match pair(settings) {
        Some((chain, key)) => Tls::from_pem(&chain, &key),
        None => Tls::own(&settings.data.join("tls"), &NAMES.map(str::to_owned)).map(|(tls, made)| {
            if made {
                tracing::warn!(
                    "A TLS certificate was made that nobody else trusts; set public.certificate and public.key."
                );
            }
            tls
        }),
    };
    tls.map_err(|error| StartError::Settings(format!("HTTPS cannot be served: {error} [{}]", codes::TLS)))
}

/// What is wrong with the files that the settings name, as the listener itself would find it.
pub fn inspect(settings: &Settings, now: Timestamp) -> Vec<Diagnostic> {
    let public = &settings.public;
    let (Some((chain, key)), Some(_)) = (pair(settings), public.https.get()) else { return Vec::new() };
    // That a file cannot be read is told with the settings.
    if [&chain, &key].iter().any(|path| fs::File::open(path).is_err()) {
        return Vec::new();
    }
    let origin = |of_key: bool| {
        let setting = if of_key { &public.key } else { &public.certificate };
        setting.as_ref().map(|path| path.origin.clone()).unwrap_or_default()
    };
    let told = match Tls::from_pem(&chain, &key) {
        Err(error) => {
            let of_key = matches!(&error, TlsError::Mismatch { .. })
                || matches!(&error, TlsError::File { path, .. } if *path == key);
            let told = Diagnostic::error(codes::TLS, error.to_string()).at(&origin(of_key), "");
            told.hint("a gateway with these settings does not start")
        }
        Ok(_) => match ending(&chain_of(settings), now) {
            Some(words) => {
                let told = Diagnostic::warning(codes::TLS_ENDS, format!("HTTPS: {words}")).at(&origin(false), "");
                told.hint("partners' systems refuse such a chain: put a new one in its place")
            }
            None => return Vec::new(),
        },
    };
    vec![told]
}

/// The files of the settings.
fn pair(settings: &Settings) -> Option<(PathBuf, PathBuf)> {
    let public = &settings.public;
    Some((settings.resolve(public.certificate.as_ref()?), settings.resolve(public.key.as_ref()?)))
}

/// The chain that is shown to callers, as far as it can be read.
fn chain_of(settings: &Settings) -> Vec<Certificate> {
    let chain = pair(settings).map_or_else(|| settings.data.join("tls/cert.pem"), |(chain, _)| chain);
    fs::read(chain).ok().and_then(|bytes| Certificate::read_all(&bytes).ok()).unwrap_or_default()
}

/// What is near its end, or over it, or not begun, in words.
fn ending(chain: &[Certificate], now: Timestamp) -> Option<String> {
    chain.iter().enumerate().find_map(|(place, certificate)| {
        let which = match place {
            0 => "our certificate".to_owned(),
            _ => format!("the chain's certificate of {}", certificate.subject()),
        };
        let day = |at: Timestamp| at.strftime("%Y-%m-%d");
        let left = certificate.not_after().duration_since(now).as_hours();
        let end = day(certificate.not_after());
        if certificate.not_after() < now {
            Some(format!("{which} ended on {end}"))
        } else if certificate.not_before() > now {
            Some(format!("{which} is valid only from {} on", day(certificate.not_before())))
        } else {
            (left < NOTICE * 24).then(|| format!("{which} ends in {} days, on {end}", left / 24))
        }
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::{ToSpan, civil::date, tz::TimeZone};
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;
    use crate::config::Source;

    /// A folder with a certificate of these years, its key, and another key.
    fn folder(from: i32, to: i32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut params = CertificateParams::new(["edi.maker.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("chain.pem", &params.self_signed(&own).unwrap().pem());
        write("own.key", &own.serialize_pem());
        write("other.key", &other.serialize_pem());
        write("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
        folder
    }

    fn settings(root: &Path, certificate: &str, key: &str, more: &str) -> Settings {
        let text = format!("[public]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n{more}");
        let (settings, findings) = Settings::parse(&Source::new("gangway.toml", text), root);
        assert_eq!(findings, []);
        settings
    }

    fn now() -> Timestamp {
        date(2026, 6, 1).to_zoned(TimeZone::UTC).unwrap().timestamp()
    }

    #[test]
    fn what_the_listener_would_refuse_is_told_in_plain_words() {
        let folder = folder(2025, 2030);
        let told = |certificate: &str, key: &str| {
            let settings = settings(folder.path(), certificate, key, "");
            let found = inspect(&settings, now());
            let start = tls(&settings).map(|_| ()).map_err(|error| error.to_string());
            let line = |told: &Diagnostic| format!("{}: {}", told.line().unwrap().1, told.message);
            let found: Vec<_> = found.iter().map(line).collect();
            // A start says the same.
            for told in &found {
                assert!(start.as_ref().unwrap_err().contains(told.split_once(": ").unwrap().1), "{start:?}");
            }
            found.join("\n").replace(&format!("{}/", folder.path().display()), "")
        };
        assert_eq!(told("chain.pem", "own.key"), "");
        assert_eq!(
            told("chain.pem", "other.key"),
            "3: the key in other.key is not that of the first certificate in chain.pem"
        );
        assert_eq!(told("chain.pem", "chain.pem"), "3: chain.pem: it holds a certificate, and no private key");
        assert!(told("chain.pem", "locked.key").contains("locked.key: its private key has a passphrase"));
        assert_eq!(told("own.key", "other.key"), "2: own.key: it holds a private key, and no certificate");
        assert_eq!(told("chain.pem", "none.key"), "", "told with the settings");
        let off = settings(folder.path(), "chain.pem", "other.key", "https = \"off\"\n");
        assert_eq!(inspect(&off, now()), []);
    }

    #[test]
    fn a_chain_that_ends_is_told() {
        let of = |from, to, days: i64| {
            let folder = folder(from, to);
            let settings = settings(folder.path(), "chain.pem", "own.key", "");
            let found = inspect(&settings, now() + (days * 24).hours());
            assert!(found.iter().all(|told| !told.is_error() && told.code == codes::TLS_ENDS));
            found.into_iter().map(|told| told.message).collect::<String>()
        };
        assert_eq!(of(2025, 2027, 0), "");
        assert_eq!(of(2025, 2027, 206), "HTTPS: our certificate ends in 8 days, on 2027-01-01");
        assert_eq!(of(2024, 2026, 0), "HTTPS: our certificate ended on 2026-01-01");
        assert_eq!(of(2027, 2028, 0), "HTTPS: our certificate is valid only from 2027-01-01 on");
    }
}
