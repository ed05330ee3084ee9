//! Events that several rooms tell of.

use std::{borrow::Cow, fmt::Display, time::Duration};

use super::metrics::{ArrivalLabels, ChannelLabels, ConsumerLabels, Metrics, QueueLabels, RequestLabels, RouteLabels};
use crate::document::MessageId;

/// An HTTP request was answered.
#[derive(Debug)]
pub struct Requested<'a, I> {
    /// Which listener it came to.
    pub listener: &'static str,
    /// Its method.
    pub method: &'a str,
    /// The route that took it.
    pub route: Option<&'a str>,
    /// The answer's status.
    pub status: u16,
    /// From its head to the answer's head.
    pub elapsed: Duration,
    /// Its id.
    pub id: I,
    /// The code and words of its problem.
    pub problem: Option<(&'a str, Cow<'a, str>)>,
}

impl<I: Display> Requested<'_, I> {
    /// Writes it down.
    pub fn emit(self, metrics: &Metrics) {
        // What nobody routes has one label together: peers choose paths and methods.
        let route = self.route.unwrap_or("none");
        let method = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
            .into_iter()
            .find(|known| *known == self.method)
            .unwrap_or("other");
        let (code, detail) = self.problem.unwrap_or_default();
        if self.status >= 500 {
            tracing::warn!(
                request_id = %self.id, listener = self.listener, method, route, status = self.status, code, %detail,
                "A request failed."
            );
        } else {
            tracing::debug!(
                request_id = %self.id, listener = self.listener, method, route, status = self.status, code, %detail,
                elapsed_us = self.elapsed.as_micros() as u64,
                "A request was answered."
            );
        }
        let labels = RequestLabels { listener: self.listener, method, route: route.into(), status: self.status };
        metrics.requests.get_or_create(&labels).inc();
        let labels = RouteLabels { listener: self.listener, route: labels.route };
        metrics.request_seconds.get_or_create(&labels).observe(self.elapsed.as_secs_f64());
    }
}

/// A door answered an arrival.
pub struct Arrived<'a> {
    /// `rest`, `as2`, `sftp` or `erp`.
    pub channel: &'static str,
    /// What was decided: a message's state, `repeated`, or `refused`.
    pub state: &'static str,
    /// Whose connection it came on: a partner's id.
    pub connection: &'a str,
    /// The message that it became, where it is a new one.
    pub message: Option<MessageId>,
    /// The size of its body.
    pub bytes: u64,
    /// From its last byte to the decision.
    pub elapsed: Duration,
    /// Ties log lines and records together.
    pub correlation: &'a str,
    /// The sender's own trace, where it told one.
    pub trace: Option<&'a dyn Display>,
}

impl Arrived<'_> {
    /// Writes it down.
    pub fn emit(self, metrics: &Metrics) {
        tracing::info!(
            correlation = self.correlation,
            trace = self.trace.map(tracing::field::display),
            channel = self.channel,
            connection = self.connection,
            message = self.message.map(tracing::field::display),
            state = self.state,
            bytes = self.bytes,
            elapsed_us = self.elapsed.as_micros() as u64,
            "An arrival was answered."
        );
        metrics.arrivals.get_or_create(&ArrivalLabels { channel: self.channel, state: self.state }).inc();
        metrics.arrival_bytes.get_or_create(&ChannelLabels { channel: self.channel }).inc_by(self.bytes);
    }
}

/// The record has an arrival.
#[derive(Debug)]
pub struct Committed {
    /// From the hand-over to the record until it was durable.
    pub elapsed: Duration,
}

impl Committed {
    /// Writes it down.
    pub fn emit(self, metrics: &Metrics) {
        metrics.commit_seconds.observe(self.elapsed.as_secs_f64());
    }
}

/// How things stand for a consumer of the queue, at the time of a scrape.
#[derive(Debug)]
pub struct Queue<'a> {
    /// Its name.
    pub consumer: &'a str,
    /// Events that nobody holds and that are not parked.
    pub waiting: u64,
    /// Events handed out.
    pub leased: u64,
    /// Events parked.
    pub parked: u64,
    /// Age of the oldest of them.
    pub oldest: Option<Duration>,
}

impl Queue<'_> {
    /// Writes it down; no log line, since it comes with every scrape.
    pub fn emit(self, metrics: &Metrics) {
        for (state, number) in [("waiting", self.waiting), ("leased", self.leased), ("parked", self.parked)] {
            let labels = QueueLabels { consumer: self.consumer.into(), state };
            metrics.queue_depth.get_or_create(&labels).set(number as i64);
        }
        let labels = ConsumerLabels { consumer: self.consumer.into() };
        let seconds = self.oldest.map_or(0, |age| age.as_secs() as i64);
        metrics.queue_oldest_seconds.get_or_create(&labels).set(seconds);
    }
}

/// Whether anything is delivered to partners, at the time of a scrape.
#[derive(Debug)]
pub struct Deliveries {
    /// They wait for a person, as they do after a restore.
    pub paused: bool,
}

impl Deliveries {
    /// Writes it down; no log line, since it comes with every scrape.
    pub fn emit(self, metrics: &Metrics) {
        metrics.deliveries_paused.set(self.paused.into());
    }
}

/// Whether there is room for the record, at the time of a scrape.
#[derive(Debug)]
pub struct Room {
    /// There is none.
    pub lacking: bool,
}

impl Room {
    /// Writes it down; the ledger has the log line.
    pub fn emit(self, metrics: &Metrics) {
        metrics.ledger_full.set(self.lacking.into());
    }
}

/// A listener is open.
#[derive(Debug)]
pub struct Started<'a, A> {
    /// Which one.
    pub listener: &'a str,
    /// Where.
    pub address: A,
}

impl<A: Display> Started<'_, A> {
    /// Writes it down.
    pub fn emit(self) {
        tracing::info!(listener = self.listener, address = %self.address, "A listener is open.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_metrics_and_what_peers_choose_does_not() {
        let metrics = Metrics::new();
        for (method, route) in [("POST", Some("/v1/messages")), ("POST", Some("/v1/messages")), ("BREW", None)] {
            Requested {
                listener: "public",
                method,
                route,
                status: 202,
                elapsed: Duration::from_millis(3),
                id: "req_1",
                problem: None,
            }
            .emit(&metrics);
        }
        let arrived = Arrived {
            channel: "rest",
            state: "accepted",
            connection: "acme",
            message: None,
            bytes: 2048,
            elapsed: Duration::ZERO,
            correlation: "cor_1",
            trace: None,
        };
        arrived.emit(&metrics);
        Committed { elapsed: Duration::from_millis(2) }.emit(&metrics);
        Queue { consumer: "erp", waiting: 7, leased: 2, parked: 1, oldest: Some(Duration::from_secs(9)) }
            .emit(&metrics);
        Deliveries { paused: true }.emit(&metrics);
        let text = metrics.encode();
        for line in [
            r#"gangway_requests_total{listener="public",method="POST",route="/v1/messages",status="202"} 2"#,
            r#"gangway_requests_total{listener="public",method="other",route="none",status="202"} 1"#,
            r#"gangway_request_seconds_count{listener="public",route="/v1/messages"} 2"#,
            r#"gangway_arrivals_total{channel="rest",state="accepted"} 1"#,
            r#"gangway_arrival_bytes_total{channel="rest"} 2048"#,
            r#"gangway_commit_seconds_count 1"#,
            r#"gangway_queue_events{consumer="erp",state="waiting"} 7"#,
            r#"gangway_queue_oldest_seconds{consumer="erp"} 9"#,
            "gangway_deliveries_paused 1",
            r#"gangway_build_info{version="#,
        ] {
            assert!(text.contains(line), "{line}\nnot in\n{text}");
        }
    }
}
