//! Works off what messages left to be done: acknowledgements, documents to be sent, what partners say of what we sent, and
//! what became of deliveries and due times. Each is settled in the transaction that stores what came of it, so that a stop
//! at any moment leaves it to be done, or done.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    task::{Id, JoinError, JoinSet},
    time,
};

use super::{
    Exchange,
    acknowledge::Said,
    owed::Facts,
    sending::{Desk, is_for_a_person},
};
use crate::ledger::{LedgerError, Owed};

/// How much that is owed to a partner is looked at together. A document waits for company among so many.
const EACH: usize = 1_024;
/// So many partners' work is taken up at the same time, and no more of it is in memory.
const SEATS: usize = 64;
/// How many of them get on with it at the same time: they take turns, piece by piece.
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
    tasks: JoinSet<Left>,
    /// Whose work each task does, and how often somebody had called when it was begun.
    at_work: HashMap<Id, (String, u64)>,
    /// The partners of whom documents wait for others to go with.
    waiting: BTreeSet<String>,
    /// Where to go on with those of whom there was more than is looked at together.
    marks: HashMap<String, Mark>,
    turns: Arc<Semaphore>,
    /// Those whose turn in this round is yet to come, since there was no seat for them.
    next: VecDeque<String>,
    /// How often somebody said that there is more.
    calls: u64,
    /// There may be more than this round looks at.
    again: bool,
}

/// What is left of a partner's work when a task ends.
#[derive(Default)]
struct Left {
    /// Documents wait for others to go with.
    waits: bool,
    /// There is more than was looked at.
    more: Option<Mark>,
}

/// How far a partner's work has come.
struct Mark {
    /// What is owed up to this number was looked at.
    after: u64,
    /// What waits on the way, which nothing behind it overtakes.
    desk: Desk,
}

impl Rounds {
    fn new() -> Self {
        Self {
            tasks: JoinSet::new(),
            at_work: HashMap::new(),
            waiting: BTreeSet::new(),
            marks: HashMap::new(),
            turns: Arc::new(Semaphore::new(SIDE_BY_SIDE)),
            next: VecDeque::new(),
            calls: 0,
            again: false,
        }
    }

    /// Begins the work of as many as there are seats, but for those at whose work somebody is.
    fn fill_seats(&mut self, exchange: &Exchange) {
        while let Some(done) = self.tasks.try_join_next_with_id() {
            self.ended(done);
        }
        let busy: HashSet<String> = self.at_work.values().map(|(partner, _)| partner.clone()).collect();
        while self.at_work.len() < SEATS
            && let Some(partner) = self.next.pop_front()
        {
            if !busy.contains(&partner) {
                self.begin(exchange, partner);
            }
        }
    }

    fn begin(&mut self, exchange: &Exchange, partner: String) {
        self.waiting.remove(&partner);
        let mark = self.marks.remove(&partner);
        let (exchange, turns, of) = (exchange.clone(), Arc::clone(&self.turns), partner.clone());
        let task = self.tasks.spawn(async move { exchange.work_off(&of, mark, &turns).await });
        self.at_work.insert(task.id(), (partner, self.calls));
    }

    /// A partner's work is done for now. Answers whether somebody else's, or more, may be begun.
    fn ended(&mut self, done: Result<(Id, Left), JoinError>) -> bool {
        let (id, left) = match done {
            Ok(done) => done,
            // It panicked, which is told where panics are. It is tried again with the next call or tick.
            Err(error) => (error.id(), Left::default()),
        };
        let Some((partner, calls)) = self.at_work.remove(&id) else { return false };
        self.again |= left.more.is_some() || calls < self.calls;
        if let Some(mark) = left.more {
            self.marks.insert(partner.clone(), mark);
        }
        if left.waits {
            self.waiting.insert(partner);
        }
        self.again || !self.next.is_empty()
    }

    /// Waits until there may be something to do: `true`, or for a tick.
    async fn call(&mut self, exchange: &Exchange) -> bool {
        let tick = time::sleep(TICK);
        tokio::pin!(tick);
        loop {
            tokio::select! {
                () = exchange.inner.owed.notified() => {
                    self.calls += 1;
                    self.again = true;
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

    /// Goes on with the round, or begins one with all partners to whom something is owed.
    async fn set_to_work(&self, rounds: &mut Rounds) -> Result<(), LedgerError> {
        if rounds.next.is_empty() {
            rounds.again = false;
            rounds.next = self.inner.ledger.owing().await?.into();
        }
        rounds.fill_seats(self);
        Ok(())
    }

    /// Does what is owed to a partner, from where it was left on: what cannot be done hides nothing that is behind it.
    /// What the ledger does not say now is asked again with the next call or tick.
    async fn work_off(&self, partner: &str, mark: Option<Mark>, turns: &Semaphore) -> Left {
        let Mark { after, mut desk } = mark.unwrap_or_else(|| Mark { after: 0, desk: Desk::new(self.now()) });
        let all = match self.inner.ledger.owed(partner, after, EACH).await {
            Ok(all) => all,
            Err(error) => {
                tracing::warn!(partner, %error, "What is owed cannot be looked up now; it is tried again.");
                return Left::default();
            }
        };
        let last = all.last().map(|(number, _)| *number).filter(|_| all.len() == EACH);
        let through = self.work_through(partner, all, &mut desk, turns).await;
        Left { waits: desk.waits(), more: last.filter(|_| through).map(|after| Mark { after, desk }) }
    }

    /// Does all of it in its order, each piece in turn with the other partners'. Answers whether it came to
    /// the end.
    async fn work_through(&self, partner: &str, all: Vec<(u64, Owed)>, desk: &mut Desk, turns: &Semaphore) -> bool {
        // Acknowledgements that follow each other are issued together.
        let mut together = Vec::new();
        for (id, owed) in all {
            let said = match serde_json::from_str(&owed.facts) {
                Ok(Facts::Verdict { interchange, verdict }) => Said::Verdict { interchange, verdict },
                Ok(Facts::Again { interchange, first, position, verdict }) => {
                    Said::Again { interchange, first, position, verdict }
                }
                facts => {
                    let _turn = turns.acquire().await;
                    let before = self.acknowledge(partner, std::mem::take(&mut together)).await;
                    let done = match facts {
                        Ok(facts) => self.attend_to(facts, id, &owed, desk).await,
                        Err(error) => Err(LedgerError::Corrupt(format!("what is owed: {error}"))),
                    };
                    if holds_up(partner, before) || holds_up(partner, done) {
                        return false;
                    }
                    continue;
                }
            };
            together.push((id, owed, said));
            if together.len() == TOGETHER {
                let _turn = turns.acquire().await;
                if holds_up(partner, self.acknowledge(partner, std::mem::take(&mut together)).await) {
                    return false;
                }
            }
        }
        let _turn = turns.acquire().await;
        if holds_up(partner, self.acknowledge(partner, together).await) {
            return false;
        }
        if let Err(error) = self.close_due(desk).await {
            tracing::warn!(partner, %error, "Documents cannot be sent now; they are tried again.");
        }
        true
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
    !is_for_a_person(&error)
}
