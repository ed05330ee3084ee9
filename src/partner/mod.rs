//! Partners: who they are, how they come in, what is agreed. Files and templates become one immutable [`Directory`].
//!
//! A partner is who a document is from; a connection is how it came. One mistake costs one partner: whoever's file is
//! broken is served as its files last were when they were good, visibly so, and everybody else goes on.

mod api_version;
mod as2;
mod attached;
mod certification;
pub mod codes;
mod compose;
mod conflict;
mod cxml;
mod difference;
mod directory;
mod example;
mod file;
mod files;
mod identity;
mod last_good;
mod layout;
mod load;
mod outward;
mod overlay;
mod push;
mod secrets;
mod send;
mod sftp;
mod shelf;
mod terms;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

pub use api_version::{ApiVersion, Ending};
pub use as2::{
    As2Demands, As2Sending, As2Terms, As2Version, Compression, Day, DigestName, DigestSpelling, Encoding, Encrypt,
    KeyTransport, Receipt, ReceiptBy, Sign, SignaturePadding,
};
pub use attached::{EXPIRY_DAYS, ending};
pub use certification::{Certification, CertificationSection, Step, needs_certification};
pub use compose::{Effective, effective};
pub use cxml::{CxmlId, CxmlSection, CxmlTerms, SharedSecretHash};
pub use difference::{Difference, differences};
pub use directory::{ApiAccess, Directory};
pub use example::{EXAMPLE_KEYS, EXAMPLES, TEMPLATES, write_examples};
pub use file::{
    As2Quirks, As2Section, LimitsSection, Mapped, PartnerFile, RestSection, RuleName, SftpSection, X12Section,
};
pub use files::{Files, is_id};
pub use identity::{ApiKeyHash, As2Id, EnvelopeId, HttpUrl, PasswordHash, SftpUser, SshKey, Version};
pub use last_good::LastGood;
pub use layout::{LayoutSection, Separator};
pub use load::{Loader, Sources};
pub use outward::Ourselves;
pub use overlay::{
    ElementSection, ExtraElementSection, ExtraSection, LimitValue, OverlaySection, SegmentSection, SetSection,
};
pub use push::{Collected, Server, SftpPushSection, SftpPushTerms};
pub use secrets::unreadable_secrets;
pub use send::{
    Agreement, Batch, BatchSection, Hours, LARGEST_BATCH, Retry, Route, SendChannel, SendDocumentSection, SendFormat,
    SendSection, SendTerms, WebhookSection, WebhookTerms,
};
pub use sftp::{AcknowledgementsIn, Complete, Fetched, Folder, FolderPath, NamePattern, SameFile, SftpTerms};
pub use terms::{
    Characters, Charset, Detail, DuplicateNumber, Functional, Repetition, RuleSeverity, Ta1, Usage, X12Terms,
};

use crate::{
    config::{Rate, choice},
    document::DocumentType,
    keys,
};

/// The pages of this room's codes.
pub const EXPLAIN: &str = include_str!("explain.md");

choice! {
    /// What a partner may do now.
    pub enum Status {
        /// Connects, and queues nothing.
        Onboarding = "onboarding",
        /// Feeds test consumers only.
        Test = "test",
        /// Business.
        Live = "live",
        /// Is told to come later.
        Suspended = "suspended",
    }
}

/// One partner, effective: its file over its template over the defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Partner {
    /// The file's name without its ending.
    pub id: String,
    /// The name people use.
    pub name: String,
    /// What it may do now.
    pub status: Status,
    /// The ERP's number of it.
    pub vendor_number: Option<String>,
    /// The largest message in bytes.
    pub message_size: u64,
    /// Calls of the supplier API.
    pub requests: Rate,
    /// Documents on all channels.
    pub documents: Rate,
    /// Bytes of bodies over the supplier API in an hour.
    pub bytes_per_hour: u64,
    /// Bodies over the supplier API at one time.
    pub uploads: u32,
    /// What is agreed about X12.
    pub x12: Option<X12Terms>,
    /// The supplier API.
    pub rest: Option<RestTerms>,
    /// AS2.
    pub as2: Option<As2Terms>,
    /// SFTP.
    pub sftp: Option<SftpTerms>,
    /// Its own SFTP server.
    pub sftp_push: Option<SftpPushTerms>,
    /// What has to be seen before it goes live.
    pub certification: Certification,
    /// Its own endpoint for events.
    pub webhook: Option<WebhookTerms>,
    /// What is agreed about cXML.
    pub cxml: Option<CxmlTerms>,
    /// Documents to it.
    pub send: SendTerms,
    /// Mappings of its own, by transaction set or document.
    pub mappings: BTreeMap<String, String>,
    /// The template it uses.
    pub template: Option<String>,
    /// SHA-256 of its file, its template and its certificates: changes whenever what is agreed may have.
    pub digest: String,
    /// Why it is served as its files last were when they were good; absent when they are good now.
    pub stale: Option<String>,
}

/// A partner's way into the supplier API.
#[derive(Debug, Clone, PartialEq)]
pub struct RestTerms {
    /// The hashes of its keys.
    pub api_keys: Vec<ApiKeyHash>,
    /// The SHA-256 of each certificate that its system may show; where there are any, it has to show one.
    pub certificates: Vec<[u8; 32]>,
    /// Who it is to the issuer of tokens.
    pub oauth_clients: Vec<String>,
    /// Whether it may name endpoints of its own.
    pub webhook_endpoints: bool,
    /// The version of the API that its system was written for.
    pub version: ApiVersion,
}

impl RestTerms {
    /// Whether there is anything that it could be known by.
    pub fn is_open(&self) -> bool {
        !(self.api_keys.is_empty() && self.certificates.is_empty() && self.oauth_clients.is_empty())
    }
}

impl Partner {
    /// The mapping it has of its own for a transaction set, like `855`, or else for the document that it is.
    pub fn mapping(&self, set: &str, document: DocumentType) -> Option<&str> {
        self.mappings.get(set).or_else(|| self.mappings.get(document.as_str())).map(String::as_str)
    }

    /// The channels that it has, in words.
    pub fn channels(&self) -> Vec<&'static str> {
        let has = [
            ("rest", self.rest.as_ref().is_some_and(RestTerms::is_open)),
            ("as2", self.as2.is_some()),
            ("sftp", self.sftp.is_some()),
            ("sftp-push", self.sftp_push.is_some()),
            ("cxml", self.cxml.as_ref().is_some_and(|cxml| cxml.url.is_some() || !cxml.their_secrets.is_empty())),
            ("via", self.x12.as_ref().is_some_and(|x12| x12.via.is_some())),
        ];
        has.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
    }

    /// Whether it can come in by itself, without another's connection.
    pub fn has_connection(&self) -> bool {
        let shows_a_secret = |cxml: &CxmlTerms| !cxml.their_secrets.is_empty();
        self.rest.as_ref().is_some_and(RestTerms::is_open)
            || self.as2.is_some()
            || self.sftp.is_some()
            || self.cxml.as_ref().is_some_and(shows_a_secret)
    }
}

/// The JSON Schema of partners' files.
pub fn partner_schema() -> String {
    crate::config::schema::of::<PartnerFile>("A partner of Gangway", &["x12.ours"])
}

/// The JSON Schema of templates: nothing is required, and what belongs to one partner is not known.
pub fn template_schema() -> String {
    crate::config::schema::partial_of::<PartnerFile>("A template for partners of Gangway", file::OWN)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// What a change of any part changes.
fn digest<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> String {
    let mut all = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        all.update(&(part.len() as u64).to_be_bytes());
        all.update(part);
    }
    keys::hex(all.finish().as_ref())
}

/// Shared by what a directory hands out.
type Shared = Arc<Partner>;
