//! What a connection is watched for: peers that send nothing, send in drips, or never read what they asked for.
//!
//! A connection keeps two facts, how many requests are in flight and when something last moved; a tick judges by them.
//! A request's body has a clock of its own, which runs only while we wait for the peer.

use std::{
    convert::Infallible,
    error::Error,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::server::Limits;

/// The facts of one connection.
#[derive(Debug)]
pub(super) struct Connection {
    opened: Instant,
    in_flight: AtomicU32,
    /// Milliseconds after `opened` at which something moved.
    moved: AtomicU64,
    /// Whether any request came whole.
    used: AtomicBool,
}

/// What a tick makes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Let it be.
    Fine,
    /// Nobody uses it: end it politely.
    Idle,
    /// It never said what it wants, or does not take what it asked for: cut it.
    Stuck,
}

impl Connection {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            in_flight: AtomicU32::new(0),
            moved: AtomicU64::new(0),
            used: AtomicBool::new(false),
        })
    }

    fn touch(&self) {
        self.moved.store(self.opened.elapsed().as_millis() as u64, Relaxed);
    }

    /// A request came; until the answer's body is sent, or dropped, it is in flight.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.used.store(true, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        self.touch();
        InFlight(Arc::clone(self))
    }

    /// `crowded` says that others wait for a place.
    pub(super) fn judge(&self, limits: &Limits, crowded: bool) -> Judgement {
        let still = self.opened.elapsed().saturating_sub(Duration::from_millis(self.moved.load(Relaxed)));
        judge(still, self.in_flight.load(Relaxed), self.used.load(Relaxed), crowded, limits)
    }
}

fn judge(still: Duration, in_flight: u32, used: bool, crowded: bool, limits: &Limits) -> Judgement {
    match (in_flight, used) {
        (1.., _) if still > limits.stall => Judgement::Stuck,
        (1.., _) => Judgement::Fine,
        (0, false) if still > if crowded { limits.crowded_idle } else { limits.first_request } => Judgement::Stuck,
        (0, true) if still > if crowded { limits.crowded_idle } else { limits.idle } => Judgement::Idle,
        (0, _) => Judgement::Fine,
    }
}

/// One request in flight, for as long as this lives.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Connection>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
        self.0.touch();
    }
}

/// The peer sent its body too slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body came too slowly")]
pub struct TooSlow;

/// Whether this error, or what caused it, is [`TooSlow`].
pub fn is_too_slow(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<TooSlow>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A request's body with a clock.
pub(super) struct Paced<B> {
    body: B,
    connection: Arc<Connection>,
    idle: Duration,
    grace: Duration,
    rate: u64,
    received: u64,
    waited: Duration,
    /// Since when we wait for the peer, and until when we will.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<B> Paced<B> {
    pub(super) fn new(body: B, connection: Arc<Connection>, limits: &Limits) -> Self {
        Self {
            body,
            connection,
            idle: limits.body_idle,
            grace: limits.body_grace,
            rate: limits.body_rate.max(1),
            received: 0,
            waited: Duration::ZERO,
            waiting: None,
        }
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = pin!(&mut this.body).poll_frame(cx) {
            if let Some((since, _)) = this.waiting.take() {
                this.waited += since.elapsed();
            }
            if let Some(Ok(frame)) = &frame {
                this.received += frame.data_ref().map_or(0, Bytes::len) as u64;
                this.connection.touch();
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let (_, sleep) = this.waiting.get_or_insert_with(|| {
            let earned = this.grace + Duration::from_secs_f64(this.received as f64 / this.rate as f64);
            let patience = this.idle.min(earned.saturating_sub(this.waited));
            (Instant::now(), Box::pin(tokio::time::sleep(patience)))
        });
        sleep.as_mut().poll(cx).map(|()| Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body that keeps its request in flight, and tells when the peer takes of it.
pub(super) struct Answer {
    body: axum::body::Body,
    in_flight: InFlight,
}

impl Answer {
    pub(super) fn new(body: axum::body::Body, in_flight: InFlight) -> Self {
        Self { body, in_flight }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.in_flight.0.touch();
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Never fails: mistakes are answers.
pub(super) type Answered = Result<hyper::Response<Answer>, Infallible>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_ones_go_politely_stuck_ones_at_once_and_busy_ones_stay() {
        let limits = Limits::default();
        let ms = Duration::from_millis(1);
        for (still, in_flight, used, crowded, expected) in [
            (limits.first_request, 0, false, false, Judgement::Fine),
            (limits.first_request + ms, 0, false, false, Judgement::Stuck),
            (limits.idle, 0, true, false, Judgement::Fine),
            (limits.idle + ms, 0, true, false, Judgement::Idle),
            (limits.crowded_idle + ms, 0, true, true, Judgement::Idle),
            (limits.crowded_idle + ms, 0, false, true, Judgement::Stuck),
            (limits.idle + ms, 1, true, true, Judgement::Fine),
            (limits.stall + ms, 1, true, false, Judgement::Stuck),
        ] {
            assert_eq!(
                judge(still, in_flight, used, crowded, &limits),
                expected,
                "{still:?} {in_flight} {used} {crowded}"
            );
        }
    }

    #[test]
    fn a_request_is_in_flight_until_its_answer_is_gone() {
        let connection = Connection::new();
        let answer = Answer::new(axum::body::Body::empty(), connection.begin());
        assert_eq!(connection.in_flight.load(Relaxed), 1);
        drop(answer);
        assert_eq!(connection.in_flight.load(Relaxed), 0);
    }

    #[test]
    fn slowness_is_found_among_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] TooSlow);
        assert!(is_too_slow(&Outer(TooSlow)) && !is_too_slow(&std::io::Error::other("x")));
    }
}
