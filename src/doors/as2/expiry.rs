//! When certificates end, ours, the partners' and those of HTTPS: a metric at all times, and a line in the log 60, 30 and 7
//! days before, each time more loudly; [`nearing`] is for whoever tells people.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
};
use tokio::{sync::Notify, task::JoinHandle};

use super::{Ring, codes, ring};
use crate::{
    as2::certificate::Certificate,
    config::{Diagnostic, Settings},
    net::{self, Tls},
    observe::Metrics,
    partner::{Directory, EXPIRY_DAYS, ending},
};

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// What the metric calls ourselves.
const OWN: &str = "own";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    owner: String,
    fingerprint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TlsLabels {
    place: u64,
    fingerprint: String,
}

/// The owner of what callers of HTTPS are shown.
const TLS: &str = "https";

/// Watches certificates until the task is aborted: every hour, and whenever they were `read_again`.
pub fn watch(
    directory: Arc<ArcSwap<Directory>>,
    ring: Arc<ArcSwap<Ring>>,
    tls: Option<Tls>,
    read_again: Arc<Notify>,
    metrics: &Metrics,
) -> JoinHandle<()> {
    let ends: Family<Labels, Gauge> = Family::default();
    let help = "When AS2 certificates end, in seconds since 1970; owner `own` is ourselves";
    metrics.register("as2_certificate_ends", help, ends.clone());
    let tls_ends: Family<TlsLabels, Gauge> = Family::default();
    let help = "When the certificates end that callers of HTTPS are shown, in seconds since 1970; 0 is our own one";
    metrics.register("tls_certificate_ends", help, tls_ends.clone());
    tokio::spawn(async move {
        let mut told: HashMap<String, i64> = HashMap::new();
        loop {
            let (directory, ring, now) = (directory.load_full(), ring.load_full(), Timestamp::now());
            ends.clear();
            for (partner, certificate) in all(&directory, &ring) {
                let owner = partner.unwrap_or(OWN);
                let fingerprint = certificate.fingerprint();
                let labels = Labels { owner: owner.to_owned(), fingerprint: fingerprint.to_owned() };
                ends.get_or_create(&labels).set(certificate.not_after().as_second());
                tell(&mut told, owner, certificate, now);
            }
            tls_ends.clear();
            for (place, der) in tls.iter().flat_map(Tls::chain).enumerate() {
                // What rustls serves and we cannot read has no end that we could tell.
                let Ok(certificate) = Certificate::from_der(&der) else { continue };
                let labels = TlsLabels { place: place as u64, fingerprint: certificate.fingerprint().to_owned() };
                tls_ends.get_or_create(&labels).set(certificate.not_after().as_second());
                tell(&mut told, TLS, &certificate, now);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = read_again.notified() => {}
            }
        }
    })
}

/// A certificate that has come near to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearing {
    /// Whose it is; none is ourselves.
    pub partner: Option<String>,
    /// The name in it.
    pub subject: String,
    /// What tells it from others.
    pub fingerprint: String,
    /// It has less than so many days; 0 where it has ended.
    pub step: i64,
    /// When it ends, in words.
    pub words: String,
}

/// The certificates that have come near to their ends, each with the last step that it passed.
pub fn nearing(directory: &Directory, ring: &Ring, now: Timestamp) -> Vec<Nearing> {
    let near = |(partner, certificate): (Option<&str>, &Certificate)| {
        Some(Nearing {
            partner: partner.map(str::to_owned),
            subject: certificate.subject().to_owned(),
            fingerprint: certificate.fingerprint().to_owned(),
            step: step(certificate, now)?,
            words: ending(certificate, now)?,
        })
    };
    all(directory, ring).filter_map(near).collect()
}

/// Our own certificates, and those of the partners.
fn all<'a>(directory: &'a Directory, ring: &'a Ring) -> impl Iterator<Item = (Option<&'a str>, &'a Certificate)> {
    let partners = directory.partners().flat_map(|partner| {
        let as2 = partner.as2.iter();
        as2.flat_map(|as2| &as2.certificates).map(|certificate| (Some(partner.id.as_str()), certificate))
    });
    ring.own().iter().map(|own| (None, own.key.certificate())).chain(partners)
}

/// Logs where a certificate has come nearer to its end than was told before.
fn tell(told: &mut HashMap<String, i64>, owner: &str, certificate: &Certificate, now: Timestamp) {
    let Some(step) = step(certificate, now) else { return };
    let fingerprint = certificate.fingerprint();
    if told.insert(fingerprint.to_owned(), step).is_some_and(|before| before <= step) {
        return;
    }
    let Some(words) = ending(certificate, now) else { return };
    let (subject, [.., last]) = (certificate.subject(), EXPIRY_DAYS);
    let (code, what) = match owner {
        TLS => (net::codes::TLS_ENDS, "A certificate of HTTPS"),
        _ => (codes::CERTIFICATE_ENDS, "An AS2 certificate"),
    };
    if step <= last {
        tracing::error!(%code, owner, subject, fingerprint, "{what} {words}.");
    } else {
        tracing::warn!(%code, owner, subject, fingerprint, "{what} {words}.");
    }
}

/// The smallest number of days that a certificate has less of; 0 where it has ended, `None` where it has long to go.
fn step(certificate: &Certificate, now: Timestamp) -> Option<i64> {
    let left = certificate.not_after().duration_since(now).as_hours();
    if left < 0 {
        return Some(0);
    }
    EXPIRY_DAYS.into_iter().rev().find(|days| left < days * 24)
}

/// What is worth telling of our own certificates, for `gangway check`. Makes nothing.
pub fn inspect(settings: &Settings, now: Timestamp) -> Vec<Diagnostic> {
    let ring = match ring::existing(settings) {
        Ok(ring) => ring,
        Err(error) => return vec![Diagnostic::warning(codes::CERTIFICATE_ENDS, error.to_string())],
    };
    let Some(signing) = ring.as_ref().and_then(|ring| ring.signing(now)) else { return Vec::new() };
    let Some(words) = ending(signing.key.certificate(), now) else { return Vec::new() };
    let told = Diagnostic::warning(codes::CERTIFICATE_ENDS, format!("our own AS2 certificate {words}"));
    let told = match &settings.as2.certificate {
        Some(path) if signing.name == "settings" => told.at(&path.origin, ""),
        _ => told,
    };
    vec![told.hint("make the next one with `gangway certs new`, send it to your partners, then `gangway certs rotate`")]
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn each_step_is_told_once() {
        let (pem, _) = ring::pair_in_pem("x", Timestamp::now()).unwrap();
        let certificate = Certificate::read_all(pem.as_bytes()).unwrap().remove(0);
        let before = |days: i64| certificate.not_after() - (days * 24).hours();
        assert_eq!(step(&certificate, before(61)), None);
        for (days, expected) in [(59, 60), (29, 30), (6, 7), (-1, 0)] {
            assert_eq!(step(&certificate, before(days)), Some(expected), "{days}");
        }
        let mut told = HashMap::new();
        for (days, steps) in [(90, 0), (59, 1), (58, 1), (29, 1), (-1, 1)] {
            tell(&mut told, "own", &certificate, before(days));
            assert_eq!(told.len(), steps);
        }
        assert_eq!(told[certificate.fingerprint()], 0);
    }
}
