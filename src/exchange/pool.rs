//! Threads for reading, checking and mapping, with turns between partners: whoever sends much waits for itself.
//!
//! Each partner has its own queue and the queues are served one job each in turn. Long jobs (bodies on disk) may hold at
//! most half of the threads, so that a huge file never stands before everybody's small ones.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::sync::oneshot;

/// How long a job will take, roughly; only what decides who may pass whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Microseconds to milliseconds.
    Short,
    /// Up to seconds.
    Long,
}

/// Too much is waiting already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// The threads and their queues. Dropping it ends the threads after what they are doing.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    /// How many jobs one partner may have waiting.
    waiting_each: usize,
    /// How many threads may do long jobs.
    long_threads: usize,
}

#[derive(Default)]
struct State {
    queues: HashMap<String, VecDeque<(Lane, Job)>>,
    /// Partners with something waiting, next one first.
    turns: VecDeque<String>,
    long_running: usize,
    closed: bool,
}

type Job = Box<dyn FnOnce() + Send>;

impl Pool {
    /// `threads` threads (at least two), and a cap on what one partner may have waiting.
    pub(super) fn new(threads: usize, waiting_each: usize) -> Self {
        let threads = threads.max(2);
        let shared =
            Arc::new(Shared { state: Mutex::default(), wake: Condvar::new(), waiting_each, long_threads: threads / 2 });
        for n in 0..threads {
            let shared = Arc::clone(&shared);
            let spawned = thread::Builder::new().name(format!("exchange-{n}")).spawn(move || shared.serve());
            if let Err(error) = spawned {
                tracing::error!(%error, "A worker thread could not be started.");
            }
        }
        Self { shared }
    }

    /// Does `work` in `partner`'s turn and gives its result.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        partner: &str,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Full> {
        let (answer, result) = oneshot::channel();
        self.shared.push(partner, lane, Box::new(move || drop(answer.send(work()))))?;
        // The job is dropped unanswered only if it panicked; the caller then has nothing, as if there were no room.
        result.await.map_err(|_| Full)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn push(&self, partner: &str, lane: Lane, job: Job) -> Result<(), Full> {
        let mut state = self.lock();
        if state.closed {
            return Err(Full);
        }
        let queue = match state.queues.get_mut(partner) {
            Some(queue) => queue,
            None => state.queues.entry(partner.to_owned()).or_default(),
        };
        if queue.len() >= self.waiting_each {
            return Err(Full);
        }
        let first = queue.is_empty();
        queue.push_back((lane, job));
        if first {
            state.turns.push_back(partner.to_owned());
        }
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    fn serve(&self) {
        loop {
            let Some((lane, job)) = self.next() else { return };
            // A panic in one partner's document must not take a thread from all the others.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
                tracing::error!("A document made its reader panic: this is a bug. Its sender was told to come again.");
            }
            if lane == Lane::Long {
                self.lock().long_running -= 1;
                self.wake.notify_one();
            }
        }
    }

    fn next(&self) -> Option<(Lane, Job)> {
        let mut state = self.lock();
        loop {
            if let Some(found) = state.take(self.long_threads) {
                return Some(found);
            }
            if state.closed {
                return None;
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next job of the partner whose turn it is, passing over partners whose next job has to wait for a thread.
    fn take(&mut self, long_threads: usize) -> Option<(Lane, Job)> {
        for _ in 0..self.turns.len() {
            let partner = self.turns.pop_front()?;
            let may_run = match self.queues.get(&partner).and_then(VecDeque::front) {
                Some((Lane::Long, _)) => self.long_running < long_threads,
                Some((Lane::Short, _)) => true,
                None => continue,
            };
            if !may_run {
                self.turns.push_back(partner);
                continue;
            }
            let queue = self.queues.get_mut(&partner)?;
            let found = queue.pop_front();
            if queue.is_empty() {
                self.queues.remove(&partner);
            } else {
                self.turns.push_back(partner);
            }
            if let Some((Lane::Long, _)) = &found {
                self.long_running += 1;
            }
            return found;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Queues `jobs` while both threads are held, lets them go, and tells in which order the jobs ran.
    fn order(jobs: &[(&str, Lane)]) -> Vec<String> {
        let pool = Pool::new(2, 100);
        let (hold_one, held_one) = mpsc::channel::<()>();
        let (hold_two, held_two) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        for held in [held_one, held_two] {
            let ready = ready.clone();
            pool.shared
                .push(
                    "holder",
                    Lane::Short,
                    Box::new(move || {
                        let _ = (ready.send(()), held.recv());
                    }),
                )
                .map_err(|_| "full")
                .unwrap();
        }
        is_ready.recv().unwrap();
        is_ready.recv().unwrap();
        for (n, (partner, lane)) in jobs.iter().enumerate() {
            let (tell, name) = (tell.clone(), format!("{partner}{n}"));
            assert!(
                pool.shared
                    .push(
                        partner,
                        *lane,
                        Box::new(move || {
                            let _ = tell.send(name);
                        })
                    )
                    .is_ok()
            );
        }
        drop(hold_one);
        let ran = (0..jobs.len()).map(|_| told.recv().unwrap()).collect();
        drop(hold_two);
        ran
    }

    #[test]
    fn partners_take_turns() {
        use Lane::Short;
        let ran = order(&[("a", Short), ("a", Short), ("a", Short), ("b", Short), ("c", Short)]);
        assert_eq!(ran, ["a0", "b3", "c4", "a1", "a2"]);
    }

    #[test]
    fn long_jobs_leave_a_thread_to_the_others() {
        let pool = Pool::new(2, 100);
        let (let_go, held) = mpsc::channel::<()>();
        let (started, has_started) = mpsc::channel();
        assert!(
            pool.shared
                .push(
                    "big",
                    Lane::Long,
                    Box::new(move || {
                        let _ = (started.send(()), held.recv());
                    })
                )
                .is_ok()
        );
        has_started.recv().unwrap();
        let (tell, told) = mpsc::channel();
        for (partner, lane) in [("huge", Lane::Long), ("small", Lane::Short)] {
            let tell = tell.clone();
            assert!(
                pool.shared
                    .push(
                        partner,
                        lane,
                        Box::new(move || {
                            let _ = tell.send(partner);
                        })
                    )
                    .is_ok()
            );
        }
        assert_eq!(told.recv().unwrap(), "small", "the second long job waits for the first");
        drop(let_go);
        assert_eq!(told.recv().unwrap(), "huge");
    }

    #[tokio::test]
    async fn a_panic_costs_only_its_own_job_and_a_full_queue_says_so() {
        let pool = Pool::new(2, 1);
        assert_eq!(pool.run("a", Lane::Short, || panic!("expected in this test")).await, Err::<(), _>(Full));
        for _ in 0..4 {
            assert_eq!(pool.run("a", Lane::Short, || 7).await, Ok(7));
        }
    }
}
