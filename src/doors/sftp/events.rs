//! What only the SFTP door tells of.

use std::net::IpAddr;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use super::codes;
use crate::{error::Code, observe::Metrics};

/// This room's own metrics.
pub(super) struct Telemetry {
    logins: Family<LoginLabels, Counter>,
    pub(super) sessions: Gauge,
    uploads: Family<UploadLabels, Counter>,
    deliveries: Counter,
    broken: Counter,
    refused: Family<UploadLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LoginLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UploadLabels {
    code: &'static str,
}

impl Telemetry {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let telemetry = Self {
            logins: Family::default(),
            sessions: Gauge::default(),
            uploads: Family::default(),
            deliveries: Counter::default(),
            broken: Counter::default(),
            refused: Family::default(),
        };
        metrics.register("sftp_logins", "SFTP logins, by what came of them", telemetry.logins.clone());
        metrics.register("sftp_sessions", "SFTP connections that are logged in", telemetry.sessions.clone());
        metrics.register("sftp_unfinished", "SFTP uploads that did not become a message", telemetry.uploads.clone());
        metrics.register("sftp_deliveries", "Files fetched over SFTP", telemetry.deliveries.clone());
        metrics.register("sftp_broken", "SFTP connections closed for breaking the protocol", telemetry.broken.clone());
        metrics.register("sftp_refused", "SFTP requests that were refused, by why", telemetry.refused.clone());
        telemetry
    }
}

/// Somebody is logged in.
pub(super) struct LoggedIn<'a> {
    pub(super) partner: &'a str,
    pub(super) user: &'a str,
    pub(super) source: IpAddr,
    pub(super) method: &'static str,
}

impl LoggedIn<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        tracing::info!(partner = self.partner, user = self.user, source = %self.source, method = self.method, "An SFTP user logged in.");
        telemetry.logins.get_or_create(&LoginLabels { result: "accepted" }).inc();
    }
}

/// Somebody is logged in with algorithms that are allowed for a while only.
pub(super) struct LoggedInWeakly<'a> {
    pub(super) partner: &'a str,
    pub(super) user: &'a str,
    pub(super) source: IpAddr,
    pub(super) algorithms: &'a [String],
}

impl LoggedInWeakly<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let algorithms = self.algorithms.join(" ");
        tracing::warn!(code = %codes::WEAK_ALLOWED, partner = self.partner, user = self.user, source = %self.source, algorithms, "An SFTP user logged in with old algorithms.");
        telemetry.logins.get_or_create(&LoginLabels { result: "weak" }).inc();
    }
}

/// Somebody is not.
pub(super) struct LoginRefused<'a> {
    pub(super) code: Code,
    pub(super) partner: Option<&'a str>,
    pub(super) user: &'a str,
    pub(super) source: IpAddr,
}

impl LoginRefused<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        // Anybody can cause this line; one that names a partner is worth a look.
        if self.partner.is_some() {
            tracing::warn!(code = %self.code, partner = self.partner, user = self.user, source = %self.source, "An SFTP login was refused.");
        } else {
            tracing::debug!(code = %self.code, user = self.user, source = %self.source, "An SFTP login was refused.");
        }
        let result = match self.code {
            codes::BANNED => "banned",
            codes::SUSPENDED => "suspended",
            codes::SESSIONS => "sessions",
            codes::SOURCE => "source",
            codes::WEAK => "too weak",
            _ => "refused",
        };
        telemetry.logins.get_or_create(&LoginLabels { result }).inc();
    }
}

/// An upload did not become a message, for now.
pub(super) struct Unfinished<'a> {
    pub(super) code: Code,
    pub(super) partner: &'a str,
    pub(super) name: &'a str,
    pub(super) bytes: u64,
    pub(super) reason: &'a str,
}

impl Unfinished<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        tracing::warn!(code = %self.code, partner = self.partner, file = self.name, bytes = self.bytes, reason = self.reason, "An SFTP upload was not taken.");
        telemetry.uploads.get_or_create(&UploadLabels { code: self.code.as_str() }).inc();
    }
}

/// A partner has a file of ours.
pub(super) struct Fetched<'a> {
    pub(super) partner: &'a str,
    pub(super) name: &'a str,
    pub(super) bytes: u64,
    pub(super) how: &'static str,
}

impl Fetched<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        tracing::info!(
            partner = self.partner,
            file = self.name,
            bytes = self.bytes,
            how = self.how,
            "A file was fetched over SFTP."
        );
        telemetry.deliveries.inc();
    }
}

/// A connection was closed, because its peer does not keep to the protocol.
pub(super) struct Broken<'a> {
    pub(super) partner: &'a str,
    pub(super) reason: &'a str,
}

impl Broken<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        tracing::warn!(code = %codes::PROTOCOL, partner = self.partner, reason = self.reason, "An SFTP connection was closed.");
        telemetry.broken.inc();
    }
}

/// A request was refused.
pub(super) struct RequestRefused<'a> {
    pub(super) code: Code,
    pub(super) partner: &'a str,
    pub(super) request: &'static str,
    pub(super) path: &'a str,
    pub(super) reason: &'a str,
    /// How many of this session were refused before.
    pub(super) before: u32,
}

impl RequestRefused<'_> {
    /// So many of one session are logged: whoever makes thousands of them does not fill the log.
    const LOGGED: u32 = 20;

    pub(super) fn emit(self, telemetry: &Telemetry) {
        if self.before < Self::LOGGED {
            let path: String = self.path.chars().take(200).collect();
            tracing::info!(code = %self.code, partner = self.partner, request = self.request, path, reason = self.reason, "An SFTP request was refused.");
        } else if self.before == Self::LOGGED {
            tracing::warn!(code = %self.code, partner = self.partner, "An SFTP session makes many requests that are refused; the rest of them is only counted.");
        }
        telemetry.refused.get_or_create(&UploadLabels { code: self.code.as_str() }).inc();
    }
}

/// The metrics of what is fetched from partners' own servers.
pub(super) struct Collecting {
    pub(super) collected: Counter,
    left: Family<UploadLabels, Counter>,
    failed: Counter,
}

impl Collecting {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let own = Self { collected: Counter::default(), left: Family::default(), failed: Counter::default() };
        metrics.register("sftp_collected", "Files collected from partners' SFTP servers", own.collected.clone());
        metrics.register("sftp_left", "Files left on partners' SFTP servers, by why", own.left.clone());
        metrics.register("sftp_collecting_failed", "Looks at partners' SFTP servers that failed", own.failed.clone());
        own
    }
}

/// A partner's server could not be looked at.
pub(super) struct CollectFailed<'a> {
    pub(super) partner: &'a str,
    pub(super) what: &'a str,
    pub(super) reason: &'a str,
}

impl CollectFailed<'_> {
    pub(super) fn emit(self, telemetry: &Collecting) {
        tracing::warn!(code = %codes::NOT_COLLECTED, partner = self.partner, what = self.what, reason = self.reason, "A partner's SFTP server could not be asked for files.");
        telemetry.failed.inc();
    }
}

/// A file stays on a partner's server.
pub(super) struct Left<'a> {
    pub(super) code: Code,
    pub(super) partner: &'a str,
    pub(super) path: &'a str,
    pub(super) bytes: u64,
    pub(super) reason: &'a str,
}

impl Left<'_> {
    pub(super) fn emit(self, telemetry: &Collecting) {
        tracing::warn!(code = %self.code, partner = self.partner, file = self.path, bytes = self.bytes, reason = self.reason, "A file is left on a partner's SFTP server.");
        telemetry.left.get_or_create(&UploadLabels { code: self.code.as_str() }).inc();
    }
}
