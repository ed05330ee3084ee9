//! What is agreed about documents to a partner: by which channel and in which form they go, how a delivery is tried again,
//! and until when an answer is due. `[send]` says it for all documents, `[send.documents.…]` where one differs.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration as Span};

use jiff::{SignedDuration, Timestamp, civil::Time, tz::TimeZone};

use super::{Partner, Version};
use crate::{
    config::{
        Diagnostic, Duration, Entries, SecretRef, Size, Spanned, TextForm, Wrong, choice, codes as config, section,
        text_form,
    },
    document::DocumentType,
};

choice! {
    /// How documents reach the partner.
    pub enum SendChannel {
        /// Over AS2, to `as2.url`.
        As2 = "as2",
        /// They wait in its outbound folder here.
        Sftp = "sftp",
        /// They are put on its own SFTP server.
        SftpPush = "sftp-push",
        /// They wait in the supplier API.
        Rest = "rest",
        /// They are posted to `webhook.url`.
        Webhook = "webhook",
        /// They are posted to `cxml.url`, and the answer is a cXML Response.
        Cxml = "cxml",
    }
}

choice! {
    /// What documents are written in.
    pub enum SendFormat {
        /// X12, as `[x12]` says.
        X12 = "x12",
        /// Canonical JSON.
        Json = "json",
        /// UBL 2.
        Ubl = "ubl",
        /// cXML 1.2.
        Cxml = "cxml",
    }
}

section! {
    /// Documents to the partner. What stands here holds for all of them.
    pub struct SendSection {
        /// How they go. With none: as2, cxml, sftp, rest or webhook, the first that the file has.
        pub channel: Option<SendChannel>,
        /// What they are written in. With none: X12 where the file has `[x12]`, cXML where it has `[cxml]`, and else JSON.
        pub format: Option<SendFormat>,
        /// The version of X12, where it is not that of `[x12]`.
        pub version: Option<Spanned<Version>>,
        /// Until when a 997, 999 or TA1 is due, from the delivery on. "0s" expects none.
        pub acknowledge_within: Duration = Duration::days(1),
        /// Until when the business answer (855, 865) is due, from the issue on. "0s" expects none.
        pub answer_within: Duration = Duration::days(2),
        /// Several documents in one interchange.
        pub batch: Option<BatchSection>,
        /// How often a delivery is tried before it is given up.
        pub attempts: Spanned<u32> = 12_u32,
        /// How long the first pause between two attempts is; each is twice the one before, give or take a fifth.
        pub retry_after: Duration = Duration::seconds(30),
        /// The longest pause.
        pub retry_at_most: Duration = Duration::seconds(3600),
        /// When the partner takes deliveries, like "06:00-22:00 Europe/Berlin". With none: at any time.
        pub hours: Option<Spanned<Hours>>,
        /// ISA13 of the first interchange to the partner: the next number of the system that sent before.
        pub first_interchange: Spanned<u32> = 1_u32,
        /// GS06 of the first group to it.
        pub first_group: Spanned<u32> = 1_u32,
        /// Documents that go another way than the others, like `[send.documents.forecast]`.
        pub documents: Entries<SendDocumentSection, DocumentType>,
    }
}

section! {
    /// One kind of document. What does not stand here is as in `[send]`.
    pub struct SendDocumentSection {
        /// How it goes.
        pub channel: Option<SendChannel>,
        /// What it is written in.
        pub format: Option<SendFormat>,
        /// The version of X12.
        pub version: Option<Spanned<Version>>,
        /// Until when a 997, 999 or TA1 is due.
        pub acknowledge_within: Option<Duration>,
        /// Until when the business answer is due.
        pub answer_within: Option<Duration>,
        /// Several documents in one interchange.
        pub batch: Option<BatchSection>,
    }
}

section! {
    /// When an interchange of several documents is closed: whichever comes first.
    pub struct BatchSection {
        /// With so many documents.
        pub count: Spanned<u32> = 50_u32,
        /// With so many bytes of documents.
        pub size: Spanned<Size> = Size::mib(1),
        /// When its first document waited so long.
        pub every: Duration = Duration::seconds(900),
    }
}

section! {
    /// The partner's own endpoint, by Standard Webhooks.
    pub struct WebhookSection {
        /// Where events are posted.
        pub url: Spanned<super::HttpUrl>,
        /// What they are signed with, like "file:secrets/acme-webhook"; two while one replaces the other. A secret is
        /// `whsec_` and base64, or plain text.
        pub secrets: crate::config::AtLeastOne<Spanned<SecretRef>>,
    }
}

/// When a partner takes deliveries: a part of each day, which may go past midnight.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    text: String,
    from: Time,
    to: Time,
    zone: TimeZone,
}

/// Where webhooks of a partner go.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookTerms {
    /// The endpoint.
    pub url: super::HttpUrl,
    /// The keys that sign, each of them.
    pub secrets: Vec<SecretRef>,
}

/// What is agreed about documents to one partner.
#[derive(Debug, Clone, PartialEq)]
pub struct SendTerms {
    /// For every kind that is not in `documents`.
    pub usual: Agreement,
    /// For kinds that differ.
    pub documents: BTreeMap<DocumentType, Agreement>,
    /// How a delivery is tried again.
    pub retry: Retry,
    /// When deliveries are taken.
    pub hours: Option<Hours>,
    /// The first ISA13.
    pub first_interchange: u64,
    /// The first GS06.
    pub first_group: u64,
}

/// How one kind of document goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// By which channel; `None` follows from what the partner has.
    pub channel: Option<SendChannel>,
    /// In which form; `None` follows from what the partner has.
    pub format: Option<SendFormat>,
    /// The version of X12; `None` is that of the partner's X12 terms.
    pub version: Option<Version>,
    /// Until when a 997, 999 or TA1 is due, from the delivery on.
    pub acknowledge_within: Option<Span>,
    /// Until when the business answer is due, from the issue on.
    pub answer_within: Option<Span>,
    /// Several documents in one interchange.
    pub batch: Option<Batch>,
}

/// The most bytes of documents that go in one interchange, whatever the file says: the record takes an interchange whole.
pub const LARGEST_BATCH: u64 = 4 << 20;

/// When an interchange of several documents is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// With so many documents.
    pub count: usize,
    /// With so many bytes of documents.
    pub bytes: u64,
    /// When its first document waited so long.
    pub every: Span,
}

/// How a delivery is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How often in all.
    pub attempts: u32,
    /// The first pause.
    pub first: Span,
    /// The longest pause.
    pub most: Span,
}

/// How one kind of document goes to one partner, with nothing left open.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// By which channel.
    pub channel: SendChannel,
    /// In which form.
    pub format: SendFormat,
    /// The version of X12; empty for other forms.
    pub version: String,
    /// Until when a 997, 999 or TA1 is due.
    pub acknowledge_within: Option<Span>,
    /// Until when the business answer is due.
    pub answer_within: Option<Span>,
    /// Several documents in one interchange.
    pub batch: Option<Batch>,
}

impl Partner {
    /// How a kind of document goes to this partner; `None` where it has no channel that could carry it.
    pub fn route(&self, document: DocumentType) -> Option<Route> {
        let agreement = self.send.documents.get(&document).unwrap_or(&self.send.usual);
        let pushes = self.as2.as_ref().is_some_and(|as2| as2.url.is_some());
        let usual = if pushes {
            Some(SendChannel::As2)
        } else if self.cxml.as_ref().is_some_and(|cxml| cxml.url.is_some()) {
            Some(SendChannel::Cxml)
        } else if self.sftp.is_some() {
            Some(SendChannel::Sftp)
        } else if self.rest.is_some() {
            Some(SendChannel::Rest)
        } else {
            self.webhook.as_ref().map(|_| SendChannel::Webhook)
        };
        let usual_format = match (&self.x12, &self.cxml) {
            (Some(_), _) => SendFormat::X12,
            (None, Some(_)) => SendFormat::Cxml,
            (None, None) => SendFormat::Json,
        };
        let format = agreement.format.unwrap_or(usual_format);
        let version = agreement.version.as_ref().or_else(|| self.x12.as_ref().map(|x12| &x12.version));
        let version = version.filter(|_| format == SendFormat::X12).map(ToString::to_string).unwrap_or_default();
        Some(Route {
            channel: agreement.channel.or(usual)?,
            format,
            version,
            acknowledge_within: agreement.acknowledge_within.filter(|_| format == SendFormat::X12),
            answer_within: agreement.answer_within,
            batch: agreement.batch.filter(|_| format == SendFormat::X12),
        })
    }
}

impl Retry {
    /// The pause after an attempt that failed, the first being 1; `None` after the last. `chance` is below 1 and spreads
    /// the pauses of many deliveries by a fifth to either side.
    pub fn pause(&self, attempt: u32, chance: f64) -> Option<Span> {
        if attempt >= self.attempts {
            return None;
        }
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1).min(30));
        let pause = self.first.saturating_mul(doubled).min(self.most);
        Some(pause.mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0)))
    }
}

impl Hours {
    /// The first moment from `now` on at which deliveries are taken.
    pub fn next(&self, now: Timestamp) -> Timestamp {
        let local = now.to_zoned(self.zone.clone());
        let time = local.time();
        let open = match self.from < self.to {
            true => self.from <= time && time < self.to,
            false => time >= self.from || time < self.to,
        };
        if open {
            return now;
        }
        let day =
            if time < self.from { local.date() } else { local.date().tomorrow().unwrap_or_else(|_| local.date()) };
        let opens = day.to_datetime(self.from).to_zoned(self.zone.clone());
        // A time that a change of clocks leaves out has its nearest neighbour; no zone has days without any.
        opens.map_or_else(|_| now.saturating_add(SignedDuration::from_hours(1)).unwrap_or(now), |at| at.timestamp())
    }
}

impl FromStr for Hours {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let wrong =
            |message: String| Wrong::new(message).hint("like \"06:00-22:00 Europe/Berlin\"; without a zone, UTC");
        let (hours, zone) = text.trim().split_once(' ').unwrap_or_else(|| (text.trim(), "UTC"));
        let Some((from, to)) = hours.split_once('-') else {
            return Err(wrong(format!("\"{text}\" is no part of a day")));
        };
        let time = |text: &str| {
            let text = if text == "24:00" { "00:00" } else { text };
            text.parse::<Time>().map_err(|_| wrong(format!("\"{text}\" is no time of day")))
        };
        let (from, to) = (time(from)?, time(to)?);
        if from == to {
            return Err(wrong("this is no part of a day".to_owned()));
        }
        let zone = match zone.trim() {
            "UTC" => TimeZone::UTC,
            name => TimeZone::get(name).map_err(|_| wrong(format!("there is no time zone \"{name}\"")))?,
        };
        Ok(Self { text: text.to_owned(), from, to, zone })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TextForm for Hours {
    const FORM: &'static str = "a part of each day, like \"06:00-22:00 Europe/Berlin\"";
}

text_form!(Hours);

super::identity::described! {
    Hours, "A part of each day, and a time zone; UTC where none is named.",
        "^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}( [A-Za-z0-9_+/-]+)?$", ["06:00-22:00 Europe/Berlin", "22:00-04:00"];
}

/// What works in a section, and not as it says.
pub(super) fn advice(section: &SendSection, findings: &mut Vec<Diagnostic>) {
    let own = section.documents.iter().filter_map(|entry| entry.value.batch.as_ref());
    for batch in section.batch.iter().chain(own).filter(|batch| batch.size.get() > LARGEST_BATCH) {
        let largest = Size::bytes(LARGEST_BATCH);
        let told = format!("an interchange is closed before it has more than {largest} of documents");
        findings.push(Diagnostic::warning(config::OUT_OF_RANGE, told).at(&batch.size.origin, "").hint("lower `size`"));
    }
}

/// The terms that a section states.
pub(super) fn terms(section: &SendSection) -> SendTerms {
    let some = |duration: Duration| Some(duration.get()).filter(|span| !span.is_zero());
    let batch = |batch: &BatchSection| Batch {
        count: usize::try_from(*batch.count).unwrap_or(usize::MAX).max(1),
        bytes: batch.size.get().min(LARGEST_BATCH),
        every: batch.every.get(),
    };
    let usual = Agreement {
        channel: section.channel,
        format: section.format,
        version: section.version.as_ref().map(|version| version.value.clone()),
        acknowledge_within: some(section.acknowledge_within),
        answer_within: some(section.answer_within),
        batch: section.batch.as_ref().map(batch),
    };
    let own = |document: &SendDocumentSection| Agreement {
        channel: document.channel.or(usual.channel),
        format: document.format.or(usual.format),
        version: document.version.as_ref().map(|version| version.value.clone()).or_else(|| usual.version.clone()),
        acknowledge_within: document.acknowledge_within.map_or(usual.acknowledge_within, some),
        answer_within: document.answer_within.map_or(usual.answer_within, some),
        batch: document.batch.as_ref().map(batch).or(usual.batch),
    };
    SendTerms {
        documents: section.documents.iter().map(|entry| (entry.key, own(&entry.value))).collect(),
        usual,
        retry: Retry {
            attempts: (*section.attempts).max(1),
            first: section.retry_after.get(),
            most: section.retry_at_most.get(),
        },
        hours: section.hours.as_ref().map(|hours| hours.value.clone()),
        first_interchange: u64::from(*section.first_interchange),
        first_group: u64::from(*section.first_group),
    }
}

impl Default for SendTerms {
    fn default() -> Self {
        use crate::config::FromNode as _;
        let section = SendSection::absent();
        section.as_ref().map(terms).unwrap_or_else(|| unreachable!("every key of [send] has a default"))
    }
}

/// The terms of webhooks that a section states.
pub(super) fn webhook(section: &WebhookSection) -> WebhookTerms {
    let secrets = section.secrets.0.iter().map(|secret| secret.value.clone()).collect();
    WebhookTerms { url: section.url.value.clone(), secrets }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_open_and_close_also_past_midnight() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let day: Hours = "06:00-22:00".parse().unwrap();
        for (now, next) in [
            ("2026-03-01T05:59:59Z", "2026-03-01T06:00:00Z"),
            ("2026-03-01T06:00:00Z", "2026-03-01T06:00:00Z"),
            ("2026-03-01T22:00:00Z", "2026-03-02T06:00:00Z"),
        ] {
            assert_eq!(day.next(at(now)), at(next), "{now}");
        }
        let night: Hours = "22:00-04:00 UTC".parse().unwrap();
        for (now, next) in [
            ("2026-03-01T03:00:00Z", "2026-03-01T03:00:00Z"),
            ("2026-03-01T04:00:00Z", "2026-03-01T22:00:00Z"),
            ("2026-03-01T23:00:00Z", "2026-03-01T23:00:00Z"),
        ] {
            assert_eq!(night.next(at(now)), at(next), "{now}");
        }
        for bad in ["", "6-22", "06:00-06:00", "06:00-25:00", "06:00-22:00 Mars/Olympus"] {
            assert!(bad.parse::<Hours>().is_err(), "{bad}");
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let retry = Retry { attempts: 5, first: Span::from_secs(30), most: Span::from_secs(100) };
        let pauses = [1, 2, 3, 4].map(|attempt| retry.pause(attempt, 0.5).unwrap().as_secs());
        assert_eq!(pauses, [30, 60, 100, 100]);
        assert_eq!(retry.pause(5, 0.5), None);
        let (least, most) = (retry.pause(1, 0.0).unwrap(), retry.pause(1, 1.0).unwrap());
        assert_eq!((least.as_secs(), most.as_secs()), (24, 36));
    }
}
