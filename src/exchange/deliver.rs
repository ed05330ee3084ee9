//! Hands over what is issued: each partner's deliveries in turn, a few at a time, so that one who is down holds up nobody
//! else and is not asked a thousand times. An attempt that fails is tried again after a pause that doubles; after the last
//! one the delivery is dead, and what belongs to the same order waits behind it until a person decides.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{
    Carried, Courier, Exchange, Parcel,
    events_out::DeliveryTried,
    outbound,
    owed::Facts,
    rounds::{ALL, Back, EACH, Rounds},
    sending::later,
};
use crate::{
    document::MessageId,
    keys,
    ledger::{Attempt, AuditRecord, Channel, Delivery, DeliveryState, Direction, Fact, LedgerError, Message, Receipt},
    partner::{Partner, Status},
};

/// How long to sleep when nothing is known to fall due. What was put off before a restart is found by this.
const TICK: Duration = Duration::from_secs(1);

impl Exchange {
    pub(super) async fn deliver_forever(self, couriers: Vec<Arc<dyn Courier>>) {
        let couriers: HashMap<Channel, Arc<dyn Courier>> =
            couriers.into_iter().map(|courier| (courier.channel(), courier)).collect();
        let (back, mut returns) = mpsc::channel(ALL);
        let mut rounds = Rounds::default();
        loop {
            if let Err(error) = self.hand_out(&couriers, &mut rounds, &back).await {
                tracing::warn!(%error, "Deliveries wait until the ledger answers again.");
            }
            tokio::select! {
                Some(tried) = returns.recv() => self.comes_back(&mut rounds, tried),
                () = self.inner.due.wait(|| self.now(), TICK) => {}
            }
            while let Ok(tried) = returns.try_recv() {
                self.comes_back(&mut rounds, tried);
            }
        }
    }

    fn comes_back(&self, rounds: &mut Rounds, tried: Back) {
        if let Some(until) = rounds.came_back(&tried, self.now()) {
            self.inner.due.at(until);
        }
    }

    async fn hand_out(
        &self,
        couriers: &HashMap<Channel, Arc<dyn Courier>>,
        rounds: &mut Rounds,
        back: &mpsc::Sender<Back>,
    ) -> Result<(), LedgerError> {
        let now = self.now();
        if couriers.is_empty() || rounds.is_full() {
            return Ok(());
        }
        let directory = Arc::clone(&self.inner.snapshot.load().directory);
        let closed = |partner: &Partner| {
            partner.status == Status::Suspended
                || partner.send.hours.as_ref().is_some_and(|hours| hours.next(now) > now)
                || rounds.room(&partner.id, now) == 0
        };
        let mut without: Vec<_> =
            directory.partners().filter(|partner| closed(partner)).map(|partner| partner.id.clone()).collect();
        without.extend(rounds.resting(now).cloned());
        let due = self.inner.ledger.due_deliveries(now, without, EACH * 2).await?;
        let mut unknown = HashSet::new();
        for delivery in due {
            let room = rounds.room(&delivery.partner, now);
            if rounds.has(delivery.id) || room == 0 || rounds.is_full() {
                continue;
            }
            let Some(partner) = directory.partner(&delivery.partner) else {
                unknown.insert(delivery.partner);
                continue;
            };
            // A channel whose door is closed: it waits until that is mended.
            let Some(courier) = couriers.get(&delivery.channel) else { continue };
            rounds.goes(delivery.id, &delivery.partner);
            let (exchange, back) = (self.clone(), back.clone());
            let (courier, partner) = (Arc::clone(courier), Arc::clone(partner));
            tokio::spawn(async move {
                let (id, retry) = (delivery.id, partner.send.retry);
                let reached = match exchange.attempt(courier.as_ref(), partner, delivery).await {
                    Ok(reached) => reached,
                    Err(error) => {
                        tracing::warn!(delivery = id, %error, "An attempt to deliver could not be recorded; it is tried again.");
                        false
                    }
                };
                let _ = back.send(Back { delivery: id, unreached: (!reached).then_some(retry) }).await;
            });
        }
        for partner in unknown {
            tracing::warn!(partner, "There are deliveries to a partner that has no file any more; they wait.");
            rounds.leave_alone(partner, now);
        }
        Ok(())
    }

    /// Tries a delivery once; answers whether the partner could be reached.
    async fn attempt(
        &self,
        courier: &dyn Courier,
        partner: Arc<Partner>,
        delivery: Delivery,
    ) -> Result<bool, LedgerError> {
        let missed = delivery.state == DeliveryState::Waiting;
        if delivery.attempts >= partner.send.retry.attempts {
            let detail = match missed {
                true => "The partner's receipt did not come, and this was the last attempt.",
                false => "This was the last attempt.",
            };
            let carried = Carried::TryAgain { detail: detail.into(), retry_after: None };
            return self.record(&partner, &delivery, carried).await.map(|()| !missed);
        }
        let parcel = self.parcel(partner.clone(), &delivery).await?;
        let carried = courier.carry(&parcel).await;
        let reached = !matches!(carried, Carried::TryAgain { .. });
        self.record(&partner, &delivery, carried).await?;
        Ok(reached)
    }

    async fn parcel(&self, partner: Arc<Partner>, delivery: &Delivery) -> Result<Parcel, LedgerError> {
        let ledger = &self.inner.ledger;
        let lost = || LedgerError::NotFound(delivery.message.to_string());
        let message = ledger.message(delivery.message).await?.ok_or_else(lost)?;
        let payload = ledger.payload(delivery.message).await?.ok_or_else(lost)?;
        let first = ledger.documents(message.id, 0, 1).await?.pop();
        let ending = if message.content_type.as_deref() == Some("application/json") { "json" } else { "edi" };
        let kind = first.as_ref().map_or("document", |document| document.format_kind.as_str());
        let number = first.as_ref().and_then(|document| document.number.as_deref());
        let plain = |text: &str| -> String {
            let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
            text.chars().take(60).map(plain).collect()
        };
        let name = number.or(message.interchange.as_deref()).unwrap_or("0");
        Ok(Parcel {
            delivery: delivery.id,
            message: message.id,
            partner,
            payload,
            attempt: delivery.attempts + 1,
            transport_id: format!("{}.{}.{}", message.id, delivery.id, delivery.resent),
            filename: format!("{}_{}_{}.{ending}", plain(kind), plain(name), message.id),
            content_type: message.content_type.unwrap_or_else(|| "application/octet-stream".into()),
            document: first.as_ref().and_then(|document| document.kind),
            number: first.and_then(|document| document.number),
            interchange: message.interchange,
            mode: message.mode,
            correlation: message.correlation,
        })
    }

    /// Records what became of a delivery that a courier handed over before: an AS2 receipt that came later.
    ///
    /// # Errors
    /// When there is no such delivery, or the ledger cannot be written.
    pub async fn carried(&self, message: MessageId, delivery: u64, carried: Carried) -> Result<(), LedgerError> {
        let all = self.inner.ledger.deliveries(message).await?;
        let found = all.into_iter().find(|one| one.id == delivery);
        let found = found.ok_or_else(|| LedgerError::NotFound(format!("delivery {delivery} of {message}")))?;
        let directory = Arc::clone(&self.inner.snapshot.load().directory);
        let partner = directory.partner(&found.partner);
        let partner = partner.ok_or_else(|| LedgerError::NotFound(format!("partner {}", found.partner)))?;
        self.record(partner, &found, carried).await
    }

    async fn record(&self, partner: &Partner, delivery: &Delivery, carried: Carried) -> Result<(), LedgerError> {
        let now = self.now();
        let chance = f64::from(u16::from_be_bytes(keys::random())) / f64::from(u16::MAX);
        // What was waited for was counted when it was handed over.
        let attempt = match delivery.state {
            DeliveryState::Waiting => delivery.attempts.max(1),
            _ => delivery.attempts + 1,
        };
        let next = match &carried {
            Carried::Delivered { .. } => (DeliveryState::Delivered, None),
            Carried::Waiting { until, .. } => (DeliveryState::Waiting, Some(*until)),
            Carried::Refused { .. } => (DeliveryState::Dead, None),
            Carried::TryAgain { retry_after, .. } => match partner.send.retry.pause(attempt, chance) {
                None => (DeliveryState::Dead, None),
                Some(pause) => {
                    let at = later(now, retry_after.map_or(pause, |asked| asked.max(pause)));
                    let at = partner.send.hours.as_ref().map_or(at, |hours| hours.next(at));
                    (DeliveryState::Ready, Some(at))
                }
            },
        };
        let (state, due) = next;
        DeliveryTried { delivery, carried: &carried, last: state == DeliveryState::Dead }.emit(&self.inner.telemetry);
        let (what, detail, receipt) = match carried {
            Carried::Delivered { detail, receipt } => ("delivered", detail, receipt.map(Receipt)),
            Carried::Waiting { detail, .. } => ("handed over", detail, None),
            Carried::Refused { detail } => ("refused", detail, None),
            Carried::TryAgain { detail, .. } if state == DeliveryState::Dead => ("given up", detail, None),
            Carried::TryAgain { detail, .. } => ("not delivered", detail, None),
        };
        let fact = Fact { at: now, what: what.into(), detail: format!("Attempt {attempt}: {detail}") };
        self.inner.ledger.deliver(Attempt { delivery: delivery.id, state, due, fact, receipt }).await?;
        if let Some(due) = due {
            self.inner.due.at(due);
        }
        // There may be something behind it, and something to tell.
        self.inner.owed.notify_one();
        Ok(())
    }

    /// Sends a message again that was delivered or given up: the same bytes and control numbers, another transport id.
    ///
    /// # Errors
    /// When it is still on its way, or there is no such message.
    pub async fn resend(&self, message: MessageId, who: &str, reason: &str) -> Result<Delivery, LedgerError> {
        let record = audit(self.now(), who, "deliveries.resend", &message.to_string(), reason);
        let delivery = self.inner.ledger.redeliver(message, self.now(), record).await?;
        self.inner.due.now();
        Ok(delivery)
    }

    /// Writes the documents of a message again, as it is configured now, under new control numbers. What was given up of it
    /// before is given up for good.
    ///
    /// # Errors
    /// When the message carries no documents of the ERP's, when any of them is on its way or waits to be sent, and when
    /// something else of their orders would go first.
    pub async fn reissue(&self, message: MessageId, who: &str, reason: &str) -> Result<usize, LedgerError> {
        let ledger = &self.inner.ledger;
        let found = ledger.message(message).await?.ok_or_else(|| LedgerError::NotFound(message.to_string()))?;
        let origins = origins(&found, ledger.documents(message, 0, crate::ledger::MAX_DOCUMENTS).await?);
        if origins.is_empty() || found.direction == Direction::In {
            let why = format!("{message} carries no documents that the ERP handed over");
            return Err(LedgerError::Conflict(why));
        }
        let partner = found.partner.unwrap_or_default();
        // What is not owed any more before the carriers are looked up is in one of them.
        self.none_is_owed(&partner, &origins).await?;
        let mut replaces = vec![message];
        for carrier in self.carriers(&origins).await? {
            let whole = ledger.documents(carrier, 0, crate::ledger::MAX_DOCUMENTS).await?;
            let carried =
                ledger.message(carrier).await?.map(|carrier| self::origins(&carrier, whole)).unwrap_or_default();
            let last = ledger.deliveries(carrier).await?.pop();
            let dead = last.is_some_and(|delivery| delivery.state == DeliveryState::Dead);
            if dead && carried.iter().any(|other| !origins.contains(other)) {
                let why = format!("{carrier}, which was given up, carries other documents too: reissue that message");
                return Err(LedgerError::Conflict(why));
            }
            replaces.push(carrier);
        }
        let owed = |(origin, position): &_| outbound::promise(*origin, *position, &partner, self.now());
        let record = audit(self.now(), who, "deliveries.reissue", &message.to_string(), reason);
        ledger.reissue(replaces, origins.iter().map(owed).collect(), record).await?;
        self.inner.owed.notify_one();
        self.inner.due.now();
        Ok(origins.len())
    }

    /// The messages that documents of the ERP's went out in.
    async fn carriers(&self, origins: &[(MessageId, u32)]) -> Result<BTreeSet<MessageId>, LedgerError> {
        let mut carriers = BTreeSet::new();
        for (origin, _) in origins {
            carriers.extend(self.inner.ledger.timeline(*origin).await?.iter().filter_map(Fact::settled_by));
        }
        Ok(carriers)
    }

    /// Refuses to go on where one of these documents waits to be sent, or something else of its orders does, which would
    /// then go first.
    async fn none_is_owed(&self, partner: &str, origins: &[(MessageId, u32)]) -> Result<(), LedgerError> {
        let ledger = &self.inner.ledger;
        let mut orders = HashSet::new();
        for (origin, position) in origins {
            let document = ledger.documents(*origin, *position, 1).await?.pop();
            orders.extend(document.map(|document| document.orders).unwrap_or_default());
        }
        for (_, owed) in ledger.owed(partner, 0, usize::MAX).await? {
            let Ok(Facts::Send { position }) = serde_json::from_str(&owed.facts) else { continue };
            if origins.contains(&(owed.message, position)) {
                return Err(LedgerError::Conflict(format!("{} waits to be sent as it is", owed.message)));
            }
            let document = ledger.documents(owed.message, position, 1).await?.pop();
            if document.is_some_and(|document| document.orders.iter().any(|order| orders.contains(order))) {
                let why = format!("{} of the same order waits to be sent, and would go first", owed.message);
                return Err(LedgerError::Conflict(why));
            }
        }
        Ok(())
    }

    /// Gives a delivery up; what waits behind it goes on.
    ///
    /// # Errors
    /// When it is done with already.
    pub async fn cancel(&self, delivery: u64, who: &str, reason: &str) -> Result<(), LedgerError> {
        let record = audit(self.now(), who, "deliveries.cancel", &delivery.to_string(), reason);
        self.inner.ledger.cancel(delivery, record).await?;
        self.inner.due.now();
        Ok(())
    }
}

/// Where the documents of a message came from: the ERP's messages and positions.
fn origins(message: &Message, documents: Vec<crate::ledger::Document>) -> Vec<(MessageId, u32)> {
    let of = |document: &crate::ledger::Document| {
        if message.channel == Channel::Erp {
            return Some((message.id, document.position));
        }
        let origin = document.extras.as_ref()?.get("origin")?;
        let position = u32::try_from(origin.get("position")?.as_u64()?).ok()?;
        Some((origin.get("message")?.as_str()?.parse().ok()?, position))
    };
    documents.iter().filter_map(of).collect()
}

fn audit(at: Timestamp, who: &str, what: &str, on: &str, reason: &str) -> AuditRecord {
    AuditRecord { at, who: who.into(), what: what.into(), on: on.into(), reason: reason.into() }
}
