//! Sends alerts to the operator's endpoint, signed by Standard Webhooks: at most one about a subject and kind in a period,
//! also over a restart. What the rooms do not raise by themselves is looked for every minute: parked events, partners that are
//! served by old files, and certificates that end, of which each step is told once.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    doors::as2::{self, Nearing, Ring},
    exchange::{Alert, AlertKind},
    keys,
    ledger::{SharedLedger, codes},
    net::{
        Egress,
        webhook::{Hook, Posted, post},
    },
    partner::Directory,
};

/// How often is looked for what nobody raises.
const LOOK: Duration = Duration::from_secs(60);
/// How long until an alert is tried again, doubled each time up to the last of them.
const AGAIN: Duration = Duration::from_secs(2);
const AGAIN_AT_MOST: Duration = Duration::from_secs(300);
/// So long it is noted that an alert was sent of which one is enough: longer than any certificate has steps.
const ONCE: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// So many alerts wait for an endpoint that is down; the oldest give way.
const WAITING: usize = 1000;

/// Where alerts go, and how often.
pub(super) struct Sending {
    pub(super) url: String,
    pub(super) secrets: Vec<String>,
    /// One about a subject and kind in so long.
    pub(super) every: Duration,
    pub(super) egress: Arc<Egress>,
    /// Where is noted what was sent when.
    pub(super) notes: PathBuf,
    pub(super) ledger: SharedLedger,
    pub(super) directory: Arc<ArcSwap<Directory>>,
    /// Our own certificates.
    pub(super) ring: Arc<ArcSwap<Ring>>,
    pub(super) consumers: Vec<String>,
}

/// What was sent when: by kind and subject.
type Notes = BTreeMap<String, Timestamp>;

impl Sending {
    /// Sends alerts until the task is aborted.
    pub(super) async fn run(self, mut raised: mpsc::Receiver<Alert>) {
        let mut notes = self.read();
        let mut waiting: VecDeque<(String, Alert)> = VecDeque::new();
        let mut look = tokio::time::interval(LOOK);
        let mut no_room = self.ledger.no_room();
        let (mut pause, mut not_before) = (AGAIN, tokio::time::Instant::now());
        loop {
            let mut new = Vec::new();
            tokio::select! {
                alert = raised.recv() => match alert {
                    Some(alert) => new.push(alert),
                    None => return,
                },
                _ = look.tick() => new = self.look().await,
                changed = no_room.changed() => match changed {
                    Ok(()) => new.extend(self.no_room()),
                    Err(_) => return,
                },
                () = tokio::time::sleep_until(not_before), if !waiting.is_empty() => {}
            }
            for alert in new {
                let name = name(&alert);
                if is_new(&notes, &name, alert.time, self.every) && !waiting.iter().any(|(other, _)| *other == name) {
                    waiting.push_back((name, alert));
                }
            }
            while waiting.len() > WAITING {
                waiting.pop_front();
            }
            while tokio::time::Instant::now() >= not_before
                && let Some((name, alert)) = waiting.front()
            {
                match self.send(alert).await {
                    Ok(()) => {
                        notes.insert(name.clone(), alert.time);
                        self.write(&mut notes);
                        waiting.pop_front();
                        pause = AGAIN;
                    }
                    Err(detail) => {
                        tracing::warn!(
                            subject = alert.subject,
                            detail,
                            "An alert could not be sent; it is tried again."
                        );
                        not_before = tokio::time::Instant::now() + pause;
                        pause = (pause * 2).min(AGAIN_AT_MOST);
                    }
                }
            }
        }
    }

    async fn send(&self, alert: &Alert) -> Result<(), String> {
        let id = format!("alert_{}", keys::sha256_hex(format!("{}{}", name(alert), alert.time).as_bytes()));
        let id = id.get(..38).unwrap_or(&id).to_owned();
        let kind = serde_json::to_value(alert.kind).unwrap_or_default();
        let body = json!({
            "type": format!("gangway.alert.{}.v1", kind.as_str().unwrap_or("other")),
            "timestamp": alert.time,
            "data": alert,
        });
        let hook = Hook {
            url: &self.url,
            secrets: &self.secrets,
            id: &id,
            content_type: "application/json",
            body: body.to_string().into(),
        };
        match post(&self.egress, hook, Timestamp::now()).await {
            Posted::Taken => Ok(()),
            Posted::Later { detail, .. } | Posted::Refused(detail) => Err(detail),
            Posted::Gone => Err("the endpoint says that it is gone".into()),
        }
    }

    async fn look(&self) -> Vec<Alert> {
        let mut found = Vec::from_iter(self.no_room());
        let now = Timestamp::now();
        for consumer in &self.consumers {
            for parked in self.ledger.parked(consumer).await.unwrap_or_default() {
                found.push(Alert {
                    kind: AlertKind::Parked,
                    subject: format!("{consumer}/{}", parked.position),
                    partner: None,
                    message: None,
                    text: format!(
                        "An event was handed to {consumer} {} times and never acknowledged; its key waits. See gangway queue parked {consumer}.",
                        parked.attempts
                    ),
                    time: now,
                });
            }
        }
        let directory = self.directory.load();
        found
            .extend(as2::nearing(&directory, &self.ring.load(), now).into_iter().map(|near| of_certificate(near, now)));
        for partner in directory.stale() {
            found.push(Alert {
                kind: AlertKind::Partner,
                subject: partner.id.clone(),
                partner: Some(partner.id.clone()),
                message: None,
                text: format!("Served as its files last were: {}", partner.stale.as_deref().unwrap_or_default()),
                time: now,
            });
        }
        found
    }

    /// It needs no room to be sent, and is sent once although nothing can be noted.
    fn no_room(&self) -> Option<Alert> {
        let why = self.ledger.no_room().borrow().clone()?;
        Some(Alert {
            kind: AlertKind::NoRoom,
            subject: "ledger".into(),
            partner: None,
            message: None,
            text: format!("Nothing is taken from partners or the ERP until there is room ({}): {why}", codes::FULL),
            time: Timestamp::now(),
        })
    }

    fn read(&self) -> Notes {
        let text = std::fs::read(&self.notes).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn write(&self, notes: &mut Notes) {
        let now = Timestamp::now();
        notes.retain(|name, sent| age(*sent, now) < period(name, self.every));
        let text = serde_json::to_vec(notes).unwrap_or_default();
        let part = self.notes.with_extension("part");
        if let Err(error) = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, &self.notes)) {
            tracing::warn!(file = %self.notes.display(), %error, "It cannot be noted which alerts were sent.");
        }
    }
}

/// What is said of a certificate, by whose it is and what it waits for.
fn of_certificate(near: Nearing, now: Timestamp) -> Alert {
    let Nearing { partner, subject, fingerprint, step, words } = near;
    let text = match &partner {
        Some(partner) => format!(
            "An AS2 certificate of {partner} {words}: {subject}. Ask for the next one and name it beside this one in the \
             partner's file."
        ),
        None => format!(
            "Our own AS2 certificate {words}: {subject}. Make the next one with `gangway certs new`, send it to your partners, \
             then `gangway certs rotate`."
        ),
    };
    Alert {
        kind: AlertKind::Certificate,
        subject: format!("{}/{fingerprint}/{step}", partner.as_deref().unwrap_or("own")),
        partner,
        message: None,
        text,
        time: now,
    }
}

/// How long after one alert of this name there is no other.
fn period(name: &str, every: Duration) -> Duration {
    if name.starts_with("Certificate ") { ONCE } else { every }
}

fn name(alert: &Alert) -> String {
    format!("{:?} {}", alert.kind, alert.subject)
}

fn age(sent: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(sent).max(SignedDuration::ZERO)).unwrap_or_default()
}

/// Whether the last alert of this name is old enough for another.
fn is_new(notes: &Notes, name: &str, now: Timestamp, every: Duration) -> bool {
    notes.get(name).is_none_or(|sent| age(*sent, now) >= period(name, every))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_kind_and_subject_in_a_period() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let notes = Notes::from([("Overdue acme/45".to_owned(), at(100))]);
        let hour = Duration::from_secs(3600);
        assert!(!is_new(&notes, "Overdue acme/45", at(3699), hour));
        assert!(is_new(&notes, "Overdue acme/45", at(3700), hour));
        assert!(is_new(&notes, "Overdue acme/46", at(101), hour));
        assert!(!is_new(&notes, "Overdue acme/45", at(50), hour), "clocks go back");
    }

    #[test]
    fn each_step_of_a_certificate_is_told_once() {
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        let near = |partner: Option<&str>, step| Nearing {
            partner: partner.map(str::to_owned),
            subject: "CN=acme".into(),
            fingerprint: "ab12".into(),
            step,
            words: "ends in 29 days, on 2026-12-20".into(),
        };
        let theirs = of_certificate(near(Some("acme"), 30), now);
        let notes = Notes::from([(name(&theirs), now)]);
        let hour = Duration::from_secs(3600);
        let later = now + SignedDuration::from_hours(24 * 22);
        assert!(!is_new(&notes, &name(&of_certificate(near(Some("acme"), 30), later)), later, hour));
        assert!(is_new(&notes, &name(&of_certificate(near(Some("acme"), 7), later)), later, hour));
        assert!(is_new(&notes, &name(&of_certificate(near(None, 30), later)), later, hour), "ours is another one");
        assert!(theirs.text.starts_with("An AS2 certificate of acme ends in 29 days, on 2026-12-20: CN=acme."));
    }
}
