//! What becomes of a message that was sent, as a state machine without a clock: the courier tells what happened, and
//! learns what to do (RFC 4130 §5.3.1; rfc4130bis on retries).
//!
//! A retry is the same bytes under the same Message-ID, so a partner who has the message answers with the same receipt.
//! What is tried again is what may go better: no response, 408, 425, 429, 5xx, and a receipt that did not come. Other
//! statuses of 4xx, and a receipt that says no or proves nothing, would be the same the next time.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{disposition::Disposition, entropy::Entropy, fault::Fault, mdn::Mdn, send::Expectation};
use crate::error::Code;

/// When to try again, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The pause after the first attempt; each further one is twice as long.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// How many attempts there are.
    pub attempts: u32,
    /// How long an asynchronous receipt may take before the message is sent again.
    pub receipt_within: Duration,
}

impl Default for Schedule {
    /// Ten attempts within about eleven hours.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(60),
            longest: Duration::from_secs(2 * 60 * 60),
            attempts: 10,
            receipt_within: Duration::from_secs(60 * 60),
        }
    }
}

impl Schedule {
    /// The pause after so many attempts (from 1): exponential, and between half and all of it at random, so that
    /// messages that failed together do not come back together.
    pub fn pause(&self, attempts: u32, entropy: &dyn Entropy) -> Duration {
        let doubled = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        let whole = self.first.saturating_mul(doubled).min(self.longest);
        let mut random = [0; 2];
        entropy.fill(&mut random);
        whole / 2 + (whole / 2).mul_f64(f64::from(u16::from_be_bytes(random)) / 65_536.0)
    }
}

/// How a receipt comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptMode {
    /// None was asked for.
    None,
    /// With the response.
    Synchronous,
    /// Later, on a connection of the partner's.
    Asynchronous,
}

/// Where a delivery stands. It is kept with the message, across restarts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// To be sent at this time.
    Due {
        /// When.
        at: Timestamp,
        /// How many attempts there were.
        attempts: u32,
        /// What went wrong the last time, in words.
        last: Option<String>,
    },
    /// The partner has it, and owes a receipt until then.
    Awaiting {
        /// Until when.
        until: Timestamp,
        /// How many attempts there were.
        attempts: u32,
    },
    /// It arrived: a receipt proves it, or none was asked for.
    Delivered {
        /// What the receipt says; `None` where none was asked for.
        disposition: Option<Disposition>,
    },
    /// The partner refuses it, by a receipt that is theirs.
    Refused {
        /// Why.
        disposition: Disposition,
    },
    /// It was given up.
    Failed {
        /// The code of the fault, where it is one of ours.
        code: Option<String>,
        /// Why, in words.
        reason: String,
    },
}

/// What happened to a delivery.
#[derive(Debug)]
pub enum Event {
    /// The partner's server answered.
    Answered {
        /// The status.
        status: u16,
        /// `Retry-After`, where it was given and can be read.
        retry_after: Option<Duration>,
        /// The receipt in the body, if there is one, or why what is there is none.
        receipt: Option<Result<Mdn, Fault>>,
    },
    /// There was no answer, for this reason.
    Unanswered(String),
    /// A receipt came on its own.
    Receipt(Mdn),
    /// The time that an awaited receipt had is over.
    Overdue,
}

impl State {
    /// A new delivery.
    pub fn new(at: Timestamp) -> Self {
        Self::Due { at, attempts: 0, last: None }
    }

    /// Whether nothing more will happen.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Delivered { .. } | Self::Refused { .. } | Self::Failed { .. })
    }

    /// What follows from an event.
    pub fn on(
        self,
        event: Event,
        mode: ReceiptMode,
        expectation: &Expectation,
        schedule: &Schedule,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Self {
        let attempts = match &self {
            Self::Due { attempts, .. } => attempts.saturating_add(1),
            Self::Awaiting { attempts, .. } => *attempts,
            // A receipt that proves a message which was given up ends the matter better than it stood.
            Self::Failed { .. } => match &event {
                Event::Receipt(mdn) => return judge(expectation, mdn).unwrap_or(self),
                _ => return self,
            },
            Self::Delivered { .. } | Self::Refused { .. } => return self,
        };
        let again = |why: String, after: Option<Duration>| {
            if attempts >= schedule.attempts {
                return Self::Failed { code: None, reason: format!("given up after {attempts} attempts: {why}") };
            }
            let pause = schedule.pause(attempts, entropy).max(after.unwrap_or_default().min(schedule.longest));
            Self::Due { at: now + pause, attempts, last: Some(why) }
        };
        match event {
            Event::Receipt(mdn) => match judge(expectation, &mdn) {
                Ok(state) => state,
                // Anybody can send us a receipt that proves nothing. It does not end the wait for the true one.
                Err(_) if matches!(self, Self::Awaiting { .. } | Self::Due { .. }) => self,
                Err(fault) => failed(&fault),
            },
            Event::Unanswered(why) => again(why, None),
            Event::Overdue => match self {
                Self::Awaiting { .. } => again("the receipt did not come".into(), None),
                other => other,
            },
            Event::Answered { status, retry_after, receipt } => match status {
                200..=299 => match (mode, receipt) {
                    (ReceiptMode::None, _) => Self::Delivered { disposition: None },
                    // Some answer at once whatever was asked.
                    (_, Some(Ok(mdn))) => judge(expectation, &mdn).unwrap_or_else(|fault| failed(&fault)),
                    (ReceiptMode::Asynchronous, _) => Self::Awaiting { until: now + schedule.receipt_within, attempts },
                    (ReceiptMode::Synchronous, Some(Err(fault))) => again(fault.to_string(), None),
                    (ReceiptMode::Synchronous, None) => again("the answer has no receipt".into(), None),
                },
                408 | 425 | 429 | 500..=599 => again(format!("status {status}"), retry_after),
                _ => Self::Failed { code: None, reason: format!("the partner's server answers with status {status}") },
            },
        }
    }
}

/// What a receipt means, if it proves anything.
fn judge(expectation: &Expectation, mdn: &Mdn) -> Result<State, Fault> {
    let disposition = expectation.check(mdn)?;
    Ok(if disposition.is_accepted() {
        State::Delivered { disposition: Some(disposition) }
    } else {
        State::Refused { disposition }
    })
}

fn failed(fault: &Fault) -> State {
    let code: Code = fault.code();
    State::Failed { code: Some(code.as_str().to_owned()), reason: fault.to_string() }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{algorithm::Digest, disposition::Modifier, entropy::counting::Counting, mdn::MdnSignature, mic::Mic},
        *,
    };

    fn now() -> Timestamp {
        "2026-11-20T10:00:00Z".parse().unwrap()
    }

    fn mic() -> Mic {
        Mic::of(&b"abc".to_vec().into(), Digest::Sha256).unwrap()
    }

    fn expectation() -> Expectation {
        Expectation {
            message_id: "<1@x>".into(),
            from: "gangway".into(),
            to: "acme".into(),
            signed: false,
            mics: vec![mic()],
        }
    }

    fn mdn(disposition: Disposition, mic: Option<Mic>) -> Mdn {
        Mdn {
            from: None,
            to: None,
            original_message_id: Some(b"<1@x>".to_vec()),
            disposition,
            mic,
            reporting_ua: None,
            text: None,
            signature: MdnSignature::Absent,
        }
    }

    fn good() -> Mdn {
        mdn(Disposition::Processed, Some(mic()))
    }

    fn on(state: State, mode: ReceiptMode, event: Event) -> State {
        state.on(event, mode, &expectation(), &Schedule::default(), now(), &Counting::default())
    }

    fn answered(status: u16) -> Event {
        Event::Answered { status, retry_after: None, receipt: None }
    }

    fn with(receipt: Result<Mdn, Fault>) -> Event {
        Event::Answered { status: 200, retry_after: None, receipt: Some(receipt) }
    }

    const MODES: [ReceiptMode; 3] = [ReceiptMode::None, ReceiptMode::Synchronous, ReceiptMode::Asynchronous];

    #[test]
    fn what_may_go_better_is_tried_again_and_nothing_else() {
        for mode in MODES {
            for status in [408, 425, 429, 500, 502, 503, 504, 599] {
                let state = on(State::new(now()), mode, answered(status));
                assert!(matches!(state, State::Due { attempts: 1, at, .. } if at > now()), "{status} {state:?}");
            }
            for status in [100, 301, 302, 400, 401, 403, 404, 405, 411, 413, 415, 422] {
                assert!(matches!(on(State::new(now()), mode, answered(status)), State::Failed { .. }), "{status}");
            }
            let state = on(State::new(now()), mode, Event::Unanswered("timeout".into()));
            assert!(matches!(state, State::Due { last: Some(why), .. } if why == "timeout"));
        }
    }

    #[test]
    fn each_mode_ends_where_it_should() {
        for status in [200, 202, 204] {
            let state = |mode| on(State::new(now()), mode, answered(status));
            assert_eq!(state(ReceiptMode::None), State::Delivered { disposition: None });
            assert!(matches!(state(ReceiptMode::Synchronous), State::Due { attempts: 1, .. }));
            assert!(matches!(state(ReceiptMode::Asynchronous), State::Awaiting { attempts: 1, .. }));
        }
        let delivered = State::Delivered { disposition: Some(Disposition::Processed) };
        for mode in [ReceiptMode::Synchronous, ReceiptMode::Asynchronous] {
            assert_eq!(on(State::new(now()), mode, with(Ok(good()))), delivered);
            let no = Disposition::Error(Modifier::AuthenticationFailed);
            let refused = on(State::new(now()), mode, with(Ok(mdn(no.clone(), None))));
            assert_eq!(refused, State::Refused { disposition: no });
            let wrong = Mic::of(&b"xyz".to_vec().into(), Digest::Sha256).unwrap();
            let failed = on(State::new(now()), mode, with(Ok(mdn(Disposition::Processed, Some(wrong)))));
            assert!(matches!(failed, State::Failed { code: Some(code), .. } if code == "AS2-0503"));
        }
        let page = on(State::new(now()), ReceiptMode::Synchronous, with(Err(Fault::Mdn("it is a page"))));
        assert!(matches!(page, State::Due { .. }));
    }

    #[test]
    fn an_asynchronous_receipt_comes_or_the_message_goes_again() {
        let waiting = on(State::new(now()), ReceiptMode::Asynchronous, answered(202));
        let come = on(waiting.clone(), ReceiptMode::Asynchronous, Event::Receipt(good()));
        assert_eq!(come, State::Delivered { disposition: Some(Disposition::Processed) });
        let again = on(waiting.clone(), ReceiptMode::Asynchronous, Event::Overdue);
        assert!(matches!(again, State::Due { attempts: 1, .. }));
        // It may come while the message is due again, or when it was given up.
        let late = on(again, ReceiptMode::Asynchronous, Event::Receipt(good()));
        assert!(matches!(late, State::Delivered { .. }));
        let given_up = State::Failed { code: None, reason: String::new() };
        assert!(matches!(
            on(given_up.clone(), ReceiptMode::Asynchronous, Event::Receipt(good())),
            State::Delivered { .. }
        ));
        assert_eq!(on(given_up.clone(), ReceiptMode::Asynchronous, answered(200)), given_up);
        // A receipt that proves nothing does not end the wait.
        let forged = mdn(Disposition::Processed, Some(Mic::new(vec![1], Digest::Sha256)));
        assert_eq!(on(waiting.clone(), ReceiptMode::Asynchronous, Event::Receipt(forged)), waiting);
    }

    #[test]
    fn attempts_end_and_pauses_grow() {
        let schedule = Schedule::default();
        let mut state = State::new(now());
        let mut count = 0;
        while !state.is_final() {
            state = on(state, ReceiptMode::None, answered(503));
            count += 1;
        }
        assert_eq!(count, schedule.attempts);
        assert!(matches!(&state, State::Failed { reason, .. } if reason.contains("10 attempts")));
        let entropy = Counting::default();
        for attempts in 1..100 {
            let pause = schedule.pause(attempts, &entropy);
            let whole = schedule.first.saturating_mul(1 << (attempts - 1).min(20)).min(schedule.longest);
            assert!(pause >= whole / 2 && pause <= whole, "{attempts}: {pause:?}");
        }
        let asked = Event::Answered { status: 503, retry_after: Some(Duration::from_secs(600)), receipt: None };
        let State::Due { at, .. } = on(State::new(now()), ReceiptMode::None, asked) else { panic!() };
        assert_eq!(at, now() + Duration::from_secs(600));
    }

    #[test]
    fn a_final_state_stays_and_every_state_is_kept_across_restarts() {
        let delivered = State::Delivered { disposition: Some(Disposition::Warning(Modifier::DuplicateDocument)) };
        assert_eq!(on(delivered.clone(), ReceiptMode::None, answered(500)), delivered);
        for state in [
            State::new(now()),
            State::Awaiting { until: now(), attempts: 3 },
            delivered,
            State::Refused { disposition: Disposition::Error(Modifier::Other("x".into())) },
            State::Failed { code: Some("AS2-0503".into()), reason: "x".into() },
        ] {
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state, "{text}");
        }
    }
}
