//! Works off what messages left to be done: acknowledgements, documents to be sent, what partners say of what we sent, and
//! what became of deliveries and due times. Each is settled in the transaction that stores what came of it, so that a stop
//! at any moment leaves it to be done, or done.

use std::{collections::BTreeMap, time::Duration};

use super::{Exchange, acknowledge::Said, owed::Facts, sending::Desk};
use crate::ledger::{LedgerError, Owed};

/// How much that is owed is looked at together.
const PAGE: usize = 256;
/// … and how much in one pass at most.
const PASS: usize = 10_000;
/// How long to sleep when nobody says that there is more: what falls due, or waits for company, says nothing.
const TICK: Duration = Duration::from_secs(1);
/// How long to let others join after the first: nothing here is urgent, and a commit for many costs what one for one does.
const GATHER: Duration = Duration::from_millis(10);
/// After so many ticks what could not be done is tried again.
const AGAIN: u32 = 5;

impl Exchange {
    pub(super) async fn dispatch_forever(self) {
        let (mut ticks, mut waiting) = (0, false);
        let mut woken = true;
        loop {
            // First what was delivered: a partner may have acknowledged it already, and that comes after.
            let told = match self.tell_of_deliveries().await {
                Ok(()) => self.tell_of_overdue().await,
                error => error,
            };
            if let Err(error) = told {
                tracing::warn!(%error, "What became of deliveries is told once the ledger answers again.");
            }
            if woken || waiting || ticks % AGAIN == 0 {
                match self.work_off_owed().await {
                    Ok(batches) => waiting = batches,
                    Err(error) => tracing::warn!(%error, "What is to be sent waits until the ledger answers again."),
                }
            }
            ticks += 1;
            woken = tokio::time::timeout(TICK, self.inner.owed.notified()).await.is_ok();
            if woken {
                tokio::time::sleep(GATHER).await;
            }
        }
    }

    /// Does all that can be done now, partners side by side, each partner's in its order. Answers whether documents wait
    /// for others to go with.
    async fn work_off_owed(&self) -> Result<bool, LedgerError> {
        let mut by_partner: BTreeMap<String, Vec<(u64, Owed)>> = BTreeMap::new();
        let (mut after, mut seen) = (0, 0);
        while seen < PASS {
            let page = self.inner.ledger.owed(after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            seen += page.len();
            for (id, owed) in page {
                by_partner.entry(owed.partner.clone()).or_default().push((id, owed));
            }
        }
        let mut partners = tokio::task::JoinSet::new();
        for (partner, all) in by_partner {
            let exchange = self.clone();
            partners.spawn(async move { exchange.work_off(&partner, all).await });
        }
        let mut waiting = false;
        while let Some(done) = partners.join_next().await {
            waiting |= done.unwrap_or(false);
        }
        Ok(waiting)
    }

    async fn work_off(&self, partner: &str, all: Vec<(u64, Owed)>) -> bool {
        let mut desk = Desk::new(self.now());
        // Acknowledgements that follow each other are issued together.
        let mut acknowledgements = Vec::new();
        for (id, owed) in all {
            let facts = match serde_json::from_str(&owed.facts) {
                Ok(Facts::Verdict { verdict, .. }) => {
                    acknowledgements.push((id, owed, Said::Verdict(verdict)));
                    continue;
                }
                Ok(Facts::Again { first, interchange }) => {
                    acknowledgements.push((id, owed, Said::Again { first, interchange }));
                    continue;
                }
                facts => facts,
            };
            let before = self.acknowledge(partner, std::mem::take(&mut acknowledgements)).await;
            let done = match facts {
                Ok(Facts::Heard { position, usage, us, them, said }) => {
                    self.heard(id, &owed, position, (&us, &them, usage), said).await
                }
                Ok(Facts::HeardInterchange { usage, us, them, said }) => {
                    self.heard_of_interchange(id, &owed, (&us, &them, usage), &said).await
                }
                Ok(Facts::Send { position }) => self.send(&mut desk, id, &owed, position).await,
                Ok(Facts::Verdict { .. } | Facts::Again { .. }) => Ok(()),
                Err(error) => Err(LedgerError::Corrupt(format!("what is owed: {error}"))),
            };
            if holds_up(partner, before) || holds_up(partner, done) {
                return desk.waits();
            }
        }
        if holds_up(partner, self.acknowledge(partner, acknowledgements).await) {
            return desk.waits();
        }
        if let Err(error) = self.close_due(&mut desk).await {
            tracing::warn!(partner, %error, "Documents cannot be sent now; they are tried again.");
        }
        desk.waits()
    }
}

/// Tells what went wrong. What a person has to mend holds nobody else up; a record that is out holds up all.
fn holds_up(partner: &str, done: Result<(), LedgerError>) -> bool {
    let Err(error) = done else { return false };
    tracing::warn!(partner, %error, "Something owed cannot be done now; it is tried again.");
    !matches!(error, LedgerError::NotFound(_) | LedgerError::Conflict(_))
}
