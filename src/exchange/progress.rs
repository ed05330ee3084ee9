//! What the ERP is told of documents that were sent: delivered, failed, accepted, rejected, overdue. Each event is the next
//! of its document, and is stored with what it tells of, so that it is told once.

use bytes::Bytes;
use jiff::Timestamp;

use super::{
    Exchange,
    conversation::is_answered,
    events_out::{Overdue, Told},
    sending::later,
};
use crate::{
    document::{AcknowledgedError, DocumentType, MessageId, Progress, Verb, event_type},
    ledger::{
        Delivery, DeliveryState, Document, DocumentState, LedgerError, Message, NewEvent, News, Watch, WatchKind,
    },
};

/// How many deliveries or watches are looked at together.
const PAGE: usize = 256;

/// What happened to a document.
pub(super) struct Happened {
    pub(super) verb: Verb,
    /// The type that the event begins with: the document's own, but for what is overdue.
    pub(super) about: Option<DocumentType>,
    pub(super) state: DocumentState,
    pub(super) at: Timestamp,
    pub(super) detail: String,
    pub(super) due: Option<Timestamp>,
    pub(super) acknowledgement: Option<MessageId>,
    pub(super) errors: Vec<AcknowledgedError>,
}

/// Events of one key keep their order: partner and order, or what is promised no order.
pub(super) fn key_of(document: &Document) -> String {
    let partner = document.partner.as_deref().unwrap_or_default();
    match document.orders.as_slice() {
        [order] => format!("{partner}/{order}"),
        _ => {
            let kind = document.kind.map_or("document", DocumentType::as_str);
            format!("{partner}/{kind}/{}", document.number.as_deref().unwrap_or_default())
        }
    }
}

/// A document as it is after something happened, and the event that tells of it. `None` for what is no document of the
/// ERP's, like an acknowledgement.
pub(super) fn tell(
    message: &Message,
    mut document: Document,
    happened: Happened,
) -> Option<(Document, Option<NewEvent>)> {
    let kind = document.kind.filter(|kind| *kind != DocumentType::FunctionalAcknowledgement)?;
    let last = document.event?;
    let next = message.id.event(document.position, last.revision + 1);
    let origin = document.extras.as_ref().and_then(|extras| extras.get("origin")?.get("message")?.as_str());
    let progress = Progress {
        document: kind,
        number: document.number.clone(),
        orders: document.orders.clone(),
        message: message.id,
        origin: origin.and_then(|id| id.parse().ok()),
        channel: serde_json::to_value(message.channel).ok()?.as_str().unwrap_or_default().to_owned(),
        interchange: message.interchange.clone(),
        detail: happened.detail,
        due: happened.due,
        acknowledgement: happened.acknowledgement,
        errors: happened.errors,
    };
    let event = NewEvent {
        id: next,
        kind: event_type(happened.about.unwrap_or(kind), happened.verb),
        subject: format!("{kind}/{}", document.number.as_deref().unwrap_or_default()),
        partner: document.partner.clone().unwrap_or_default(),
        key: key_of(&document),
        mode: message.mode,
        time: happened.at,
        correlation: message.correlation.clone(),
        replaces: None,
        data: Bytes::from(serde_json::to_vec(&progress).ok()?),
    };
    document.event = Some(next);
    document.state = happened.state;
    Some((document, Some(event)))
}

impl Exchange {
    /// Tells of deliveries that came to an end.
    pub(super) async fn tell_of_deliveries(&self) -> Result<(), LedgerError> {
        loop {
            let page = self.inner.ledger.untold(PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            let full = page.len() == PAGE;
            for delivery in page {
                self.tell_of_delivery(&delivery).await?;
            }
            if !full {
                return Ok(());
            }
        }
    }

    async fn tell_of_delivery(&self, delivery: &Delivery) -> Result<(), LedgerError> {
        let ledger = &self.inner.ledger;
        let lost = || LedgerError::NotFound(delivery.message.to_string());
        let message = ledger.message(delivery.message).await?.ok_or_else(lost)?;
        let documents = ledger.documents(message.id, 0, crate::ledger::MAX_DOCUMENTS).await?;
        let now = self.now();
        let last = ledger.timeline(message.id).await?.pop();
        let detail = last.map(|fact| fact.detail).unwrap_or_default();
        let delivered = delivery.state == DeliveryState::Delivered;
        let snapshot = self.inner.snapshot.load_full();
        let partner = snapshot.directory.partner(&delivery.partner);
        let mut news = News { delivery: Some(delivery.id), ..News::default() };
        for document in documents {
            let answered = matches!(document.state, DocumentState::Acknowledged | DocumentState::Rejected);
            let (verb, state) = match delivered {
                true => (Verb::Delivered, DocumentState::Delivered),
                false => (Verb::Failed, DocumentState::Failed),
            };
            let route = document.kind.and_then(|kind| partner?.route(kind));
            if let (true, false, Some(within)) = (delivered, answered, route.and_then(|route| route.acknowledge_within))
                && document.kind != Some(DocumentType::FunctionalAcknowledgement)
            {
                let (position, kind) = (document.position, WatchKind::Acknowledgement);
                news.watches.push(Watch { message: message.id, position, kind, due: later(now, within) });
            }
            let happened = Happened {
                verb,
                about: None,
                // What the partner acknowledged it has, whatever the transport says afterwards.
                state: if answered { document.state } else { state },
                at: now,
                detail: detail.clone(),
                due: None,
                acknowledgement: None,
                errors: Vec::new(),
            };
            news.documents.extend(tell(&message, document, happened));
        }
        let documents: Vec<_> = news.documents.iter().filter_map(|(document, _)| document.kind).collect();
        if ledger.tell(news).await? {
            let verb = if delivered { Verb::Delivered } else { Verb::Failed };
            Told { message: &message, verb, kinds: documents, detail: &detail }.emit(&self.inner.telemetry);
        }
        Ok(())
    }

    /// Tells of what partners should have done by now and did not.
    pub(super) async fn tell_of_overdue(&self) -> Result<(), LedgerError> {
        for (id, watch) in self.inner.ledger.due_watches(self.now(), PAGE).await? {
            self.tell_of_watch(id, &watch).await?;
        }
        Ok(())
    }

    async fn tell_of_watch(&self, id: u64, watch: &Watch) -> Result<(), LedgerError> {
        let ledger = &self.inner.ledger;
        let lost = || LedgerError::NotFound(watch.message.to_string());
        let message = ledger.message(watch.message).await?.ok_or_else(lost)?;
        let document = ledger.documents(watch.message, watch.position, 1).await?.pop().ok_or_else(lost)?;
        let ended = match watch.kind {
            WatchKind::Acknowledgement => {
                matches!(document.state, DocumentState::Acknowledged | DocumentState::Rejected)
            }
            WatchKind::Answer => is_answered(&**ledger, &document).await?,
        };
        let mut news = News { ends: vec![id], ..News::default() };
        if ended {
            ledger.tell(news).await?;
            return Ok(());
        }
        let (about, detail) = match (watch.kind, document.kind) {
            (WatchKind::Acknowledgement, _) => {
                (DocumentType::FunctionalAcknowledgement, "The partner has not acknowledged it in time.")
            }
            (WatchKind::Answer, Some(DocumentType::PurchaseOrderChange)) => {
                (DocumentType::OrderChangeAcknowledgement, "The partner has not answered the change in time.")
            }
            (WatchKind::Answer, _) => {
                (DocumentType::OrderAcknowledgement, "The partner has not answered the order in time.")
            }
        };
        let number = document.number.clone();
        let happened = Happened {
            verb: Verb::Overdue,
            about: Some(about),
            state: document.state,
            at: self.now(),
            detail: detail.into(),
            due: Some(watch.due),
            acknowledgement: None,
            errors: Vec::new(),
        };
        let fact = crate::ledger::Fact { at: self.now(), what: "overdue".into(), detail: detail.into() };
        news.facts.push((message.id, fact));
        news.documents.extend(tell(&message, document, happened));
        if ledger.tell(news).await? {
            let (number, due) = (number.as_deref(), watch.due);
            Overdue { message: &message, about, number, due }.emit(&self.inner.telemetry);
        }
        Ok(())
    }
}
