//! Works off what messages left to be done: acknowledgements, documents to be sent, what partners say of what we sent, and
//! what became of deliveries and due times. Each is settled in the transaction that stores what came of it, so that a stop
//! at any moment leaves it to be done, or done.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    task::{Id, JoinError, JoinSet},
    time,
};

use super::{Exchange, acknowledge::Said, owed::Facts, sending::Desk};
use crate::ledger::{LedgerError, Owed};

/// How much that is owed is looked at together.
const PAGE: usize = 256;
/// … how much in one pass at most,
const PASS: usize = 10_000;
/// … and how much of one partner's, so that the others' is seen however much that one left to be done.
const EACH: usize = 2_500;
/// How many partners' work is done at the same time; the others take turns with them, piece by piece.
const SIDE_BY_SIDE: usize = 8;
/// How many acknowledgements are such a piece.
const TOGETHER: usize = 128;
/// How long to sleep when nobody says that there is more: what falls due, or waits for company, says nothing.
const TICK: Duration = Duration::from_secs(1);
/// How long to let others join after the first: nothing here is urgent, and a commit for many costs what one for one does.
const GATHER: Duration = Duration::from_millis(10);
/// After so many ticks what could not be done is tried again.
const AGAIN: u32 = 5;

/// The partners' work. Each partner's is done in its order, by one task; nobody waits until another's is done.
struct Rounds {
    tasks: JoinSet<bool>,
    /// Whose work each task does.
    at_work: HashMap<Id, Begun>,
    /// The partners of whom documents wait for others to go with.
    waiting: BTreeSet<String>,
    /// The oldest that was owed to partners who had more than was looked at.
    fronts: HashMap<String, u64>,
    turns: Arc<Semaphore>,
    /// How often somebody said that there is more.
    calls: u64,
}

/// A partner's work, as it was begun.
struct Begun {
    partner: String,
    calls: u64,
    /// There is more than was looked at, and what was first the last time is done.
    more: bool,
}

impl Rounds {
    fn new() -> Self {
        Self {
            tasks: JoinSet::new(),
            at_work: HashMap::new(),
            waiting: BTreeSet::new(),
            fronts: HashMap::new(),
            turns: Arc::new(Semaphore::new(SIDE_BY_SIDE)),
            calls: 0,
        }
    }

    fn busy(&self) -> Vec<String> {
        self.at_work.values().map(|begun| begun.partner.clone()).collect()
    }

    fn begin(&mut self, exchange: &Exchange, partner: String, all: Vec<(u64, Owed)>) {
        let front = all.first().map(|(id, _)| *id);
        let before = self.fronts.remove(&partner);
        let full = all.len() >= EACH;
        if let Some(front) = front.filter(|_| full) {
            self.fronts.insert(partner.clone(), front);
        }
        self.waiting.remove(&partner);
        let (exchange, turns, of) = (exchange.clone(), Arc::clone(&self.turns), partner.clone());
        let task = self.tasks.spawn(async move { exchange.work_off(&of, all, &turns).await });
        self.at_work.insert(task.id(), Begun { partner, calls: self.calls, more: full && front != before });
    }

    /// A partner's work is done for now. Answers whether there may be more of it.
    fn ended(&mut self, done: Result<(Id, bool), JoinError>) -> bool {
        let (id, waits) = match done {
            Ok(done) => done,
            // It panicked, which is told where panics are. It is tried again with the next call or tick.
            Err(error) => (error.id(), false),
        };
        let Some(begun) = self.at_work.remove(&id) else { return false };
        if waits {
            self.waiting.insert(begun.partner);
        }
        begun.more || begun.calls < self.calls
    }

    /// Waits until there may be something to do: `true`, or for a tick.
    async fn call(&mut self, exchange: &Exchange) -> bool {
        let tick = time::sleep(TICK);
        tokio::pin!(tick);
        loop {
            tokio::select! {
                () = exchange.inner.owed.notified() => {
                    self.calls += 1;
                    return true;
                }
                Some(done) = self.tasks.join_next_with_id() => if self.ended(done) {
                    return true;
                },
                () = &mut tick => return false,
            }
        }
    }
}

impl Exchange {
    pub(super) async fn dispatch_forever(self) {
        let (mut ticks, mut rounds) = (0, Rounds::new());
        let mut called = true;
        loop {
            // First what was delivered: a partner may have acknowledged it already, and that comes after.
            let told = match self.tell_of_deliveries().await {
                Ok(()) => self.tell_of_overdue().await,
                error => error,
            };
            if let Err(error) = told {
                tracing::warn!(%error, "What became of deliveries is told once the ledger answers again.");
            }
            if (called || !rounds.waiting.is_empty() || ticks % AGAIN == 0)
                && let Err(error) = self.set_to_work(&mut rounds).await
            {
                tracing::warn!(%error, "What is to be sent waits until the ledger answers again.");
            }
            ticks += 1;
            called = rounds.call(&self).await;
            if called {
                time::sleep(GATHER).await;
            }
        }
    }

    /// Begins the work of all partners to whom something is owed, but for those at whose work somebody is.
    async fn set_to_work(&self, rounds: &mut Rounds) -> Result<(), LedgerError> {
        let mut by_partner: BTreeMap<String, Vec<(u64, Owed)>> = BTreeMap::new();
        let (mut after, mut seen, mut without) = (0, 0, rounds.busy());
        while seen < PASS {
            let page = self.inner.ledger.owed(after, &without, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            seen += page.len();
            for (id, owed) in page {
                let partner = owed.partner.clone();
                let all = by_partner.entry(partner.clone()).or_default();
                if all.len() < EACH {
                    all.push((id, owed));
                    if all.len() == EACH {
                        without.push(partner);
                    }
                }
            }
        }
        for (partner, all) in by_partner {
            rounds.begin(self, partner, all);
        }
        Ok(())
    }

    /// Does what is owed to a partner, each piece in turn with the other partners'. Answers whether documents wait for others
    /// to go with.
    async fn work_off(&self, partner: &str, all: Vec<(u64, Owed)>, turns: &Semaphore) -> bool {
        let mut desk = Desk::new(self.now());
        // Acknowledgements that follow each other are issued together.
        let mut together = Vec::new();
        for (id, owed) in all {
            let said = match serde_json::from_str(&owed.facts) {
                Ok(Facts::Verdict { verdict, .. }) => Said::Verdict(verdict),
                Ok(Facts::Again { first, interchange }) => Said::Again { first, interchange },
                facts => {
                    let _turn = turns.acquire().await;
                    let before = self.acknowledge(partner, std::mem::take(&mut together)).await;
                    let done = match facts {
                        Ok(facts) => self.attend_to(facts, id, &owed, &mut desk).await,
                        Err(error) => Err(LedgerError::Corrupt(format!("what is owed: {error}"))),
                    };
                    if holds_up(partner, before) || holds_up(partner, done) {
                        return desk.waits();
                    }
                    continue;
                }
            };
            together.push((id, owed, said));
            if together.len() == TOGETHER {
                let _turn = turns.acquire().await;
                if holds_up(partner, self.acknowledge(partner, std::mem::take(&mut together)).await) {
                    return desk.waits();
                }
            }
        }
        let _turn = turns.acquire().await;
        if holds_up(partner, self.acknowledge(partner, together).await) {
            return desk.waits();
        }
        if let Err(error) = self.close_due(&mut desk).await {
            tracing::warn!(partner, %error, "Documents cannot be sent now; they are tried again.");
        }
        desk.waits()
    }

    /// Does what is no acknowledgement of ours.
    async fn attend_to(&self, facts: Facts, id: u64, owed: &Owed, desk: &mut Desk) -> Result<(), LedgerError> {
        match facts {
            Facts::Heard { position, usage, us, them, said } => {
                self.heard(id, owed, position, (&us, &them, usage), said).await
            }
            Facts::HeardInterchange { usage, us, them, said } => {
                self.heard_of_interchange(id, owed, (&us, &them, usage), &said).await
            }
            Facts::Send { position } => self.send(desk, id, owed, position).await,
            Facts::Verdict { .. } | Facts::Again { .. } => Ok(()),
        }
    }
}

/// Tells what went wrong. What a person has to mend holds nobody else up; a record that is out holds up all.
fn holds_up(partner: &str, done: Result<(), LedgerError>) -> bool {
    let Err(error) = done else { return false };
    tracing::warn!(partner, %error, "Something owed cannot be done now; it is tried again.");
    !matches!(error, LedgerError::NotFound(_) | LedgerError::Conflict(_))
}
