//! What is there for a partner to fetch: the record's deliveries over SFTP, shown as files.
//!
//! A file counts as delivered when every byte of it was read and the file was closed, or when it was removed or renamed.
//! Listings then show it no longer, except in the session that fetched it; by its name it stays reachable for a while,
//! because scripts look at a file again, or remove it, after they fetched it.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::ranges::Ranges;
use crate::{
    document::MessageId,
    ledger::{Attempt, Channel, DeliveryState, Direction, Fact, Ledger, Message, MessageFilter, MessageState, Result},
    partner::{AcknowledgementsIn, Folder, SftpTerms},
};

/// So many files are shown at most; the rest comes when these are fetched.
const MOST: usize = 5000;
/// So many messages are asked for at a time.
const PAGE: usize = 500;

/// One file for the partner.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub(super) folder: Folder,
    pub(super) name: String,
    pub(super) message: MessageId,
    delivery: u64,
    pub(super) size: u64,
    pub(super) at: Timestamp,
    /// What was read of it so far, by whichever session.
    read: Ranges,
    /// When it was delivered.
    pub(super) delivered: Option<Timestamp>,
}

/// What is there for one partner.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    offers: HashMap<MessageId, Offer>,
    names: BTreeMap<(&'static str, String), MessageId>,
}

impl Outbox {
    /// Looks into the record anew. `partners` are those whose documents come over this connection.
    pub(super) async fn refresh(
        &mut self,
        ledger: &dyn Ledger,
        partners: &[String],
        terms: &SftpTerms,
        visible: SignedDuration,
    ) -> Result<()> {
        let now = Timestamp::now();
        let is_old = |offer: &&Offer| offer.delivered.is_some_and(|at| now.duration_since(at) >= visible);
        let old: Vec<_> = self.offers.values().filter(is_old).map(|offer| offer.message).collect();
        old.into_iter().for_each(|message| self.forget(message));
        let mut ready = Vec::new();
        if ledger.deliveries_paused().await?.is_none() {
            for partner in partners {
                ready.extend(waiting(ledger, partner).await?);
            }
        }
        let is_ready: std::collections::HashSet<_> = ready.iter().map(|message| message.id).collect();
        // Delivered by somebody else, given up, or held back: shown no longer.
        let gone = self.offers.values().filter(|offer| offer.delivered.is_none() && !is_ready.contains(&offer.message));
        let gone: Vec<_> = gone.map(|offer| offer.message).collect();
        gone.into_iter().for_each(|message| self.forget(message));
        for message in ready {
            if self.offers.contains_key(&message.id) || self.offers.len() >= MOST {
                continue;
            }
            let deliveries = ledger.deliveries(message.id).await?;
            let due = |delivery: &&crate::ledger::Delivery| {
                delivery.channel == Channel::Sftp && delivery.state == DeliveryState::Ready && delivery.due <= now
            };
            if let Some(delivery) = deliveries.iter().find(due) {
                let delivery = delivery.id;
                self.offer(ledger, message, delivery, terms).await?;
            }
        }
        Ok(())
    }

    /// The files of a folder; those that were delivered are left out.
    pub(super) fn list(&self, folder: Folder) -> impl Iterator<Item = &Offer> {
        let shown = self.names.iter().filter(move |((kept, _), _)| *kept == folder.as_str());
        shown.filter_map(|(_, message)| self.offers.get(message)).filter(|offer| offer.delivered.is_none())
    }

    /// A file by its name, delivered or not.
    pub(super) fn get(&self, folder: Folder, name: &str) -> Option<&Offer> {
        self.names.get(&(folder.as_str(), name.to_owned())).and_then(|message| self.offers.get(message))
    }

    pub(super) fn by_message(&self, message: MessageId) -> Option<&Offer> {
        self.offers.get(&message)
    }

    /// Bytes of a file were read.
    pub(super) fn read(&mut self, message: MessageId, from: u64, to: u64) {
        if let Some(offer) = self.offers.get_mut(&message)
            && offer.read.takes(from, to)
        {
            offer.read.add(from, to);
        }
    }

    /// Whether every byte was read.
    pub(super) fn is_read(&self, message: MessageId) -> bool {
        self.offers.get(&message).is_some_and(|offer| offer.size > 0 && offer.read.prefix() >= offer.size)
    }

    /// Records that the partner has a file; answers it where that is new.
    pub(super) async fn deliver(
        &mut self,
        ledger: &dyn Ledger,
        message: MessageId,
        how: &str,
    ) -> Result<Option<Offer>> {
        let Some(offer) = self.offers.get_mut(&message).filter(|offer| offer.delivered.is_none()) else {
            return Ok(None);
        };
        let now = Timestamp::now();
        let detail =
            format!("The partner fetched {}/{} ({} bytes) over SFTP: {how}.", offer.folder, offer.name, offer.size);
        let fact = Fact { at: now, what: "delivered".into(), detail };
        let (delivery, state) = (offer.delivery, DeliveryState::Delivered);
        ledger.deliver(Attempt { delivery, state, due: None, fact, receipt: None }).await?;
        offer.delivered = Some(now);
        Ok(Some(offer.clone()))
    }

    /// Shows a file no longer, not even by its name.
    pub(super) fn remove_name(&mut self, message: MessageId) {
        if let Some(offer) = self.offers.get(&message) {
            self.names.remove(&(offer.folder.as_str(), offer.name.clone()));
        }
    }

    fn forget(&mut self, message: MessageId) {
        self.remove_name(message);
        self.offers.remove(&message);
    }

    async fn offer(&mut self, ledger: &dyn Ledger, message: Message, delivery: u64, terms: &SftpTerms) -> Result<()> {
        let id = message.id.to_string();
        let answered = match message.relates_to {
            Some(other) => ledger.message(other).await?.filter(|other| other.direction == Direction::In),
            None => None,
        };
        let (folder, name) = match answered {
            Some(answered) => {
                let theirs = answered.filename;
                let number = message.interchange.clone().unwrap_or_default();
                let begins = theirs.unwrap_or_else(|| "acknowledgement".to_owned());
                let folder = match terms.acknowledgements {
                    AcknowledgementsIn::Receipts => Folder::Receipts,
                    AcknowledgementsIn::Outbound => Folder::Outbound,
                };
                (folder, format!("{begins}.{number}.ack.edi"))
            }
            None => {
                let documents = ledger.documents(message.id, 0, 1).await?;
                let document = documents.first();
                let local = message.at.to_zoned(TimeZone::UTC);
                let name = terms.names.name(|field| match field {
                    "document" => document.map_or_else(|| "document".to_owned(), |d| d.format_kind.clone()),
                    "number" => document.and_then(|d| d.number.clone()).unwrap_or_else(|| "0".to_owned()),
                    "interchange" => message.interchange.clone().unwrap_or_else(|| "0".to_owned()),
                    "date" => local.strftime("%Y%m%d").to_string(),
                    "time" => local.strftime("%H%M%S").to_string(),
                    "id" => id.clone(),
                    _ => message.partner.clone().unwrap_or_default(),
                });
                (Folder::Outbound, name)
            }
        };
        // A pattern without an id may give one name twice.
        let taken = self.names.contains_key(&(folder.as_str(), name.clone()));
        let name = if taken { format!("{id}.{name}") } else { name };
        self.names.insert((folder.as_str(), name.clone()), message.id);
        let offer = Offer {
            folder,
            name,
            message: message.id,
            delivery,
            size: message.bytes,
            at: message.at,
            read: Ranges::default(),
            delivered: None,
        };
        self.offers.insert(message.id, offer);
        Ok(())
    }
}

/// What waits to be fetched by a partner, oldest first, as far as it is shown.
async fn waiting(ledger: &dyn Ledger, partner: &str) -> Result<Vec<Message>> {
    let filter = MessageFilter {
        partner: Some(partner.to_owned()),
        direction: Some(Direction::Out),
        state: Some(MessageState::Ready),
        ..MessageFilter::default()
    };
    let mut all: Vec<Message> = Vec::new();
    loop {
        let before = all.last().map(|message| message.id);
        let page = ledger.messages(filter.clone(), before, PAGE).await?;
        let more = page.len() == PAGE && all.len() < MOST;
        all.extend(page);
        if !more {
            break;
        }
    }
    all.retain(|message| message.channel == Channel::Sftp);
    all.reverse();
    Ok(all)
}
