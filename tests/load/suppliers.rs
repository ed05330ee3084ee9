//! The suppliers: each answers orders of its own over its own channel, at its own times, and repeats some of what it sent.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use gangway::{
    as2::{disposition::Disposition, send::Document},
    play::{
        As2Form, As2Partner, SftpClient, Supplier,
        x12::{Interchange, Order, Party, order_acknowledgement},
    },
};
use serde_json::json;

use super::{
    Scale,
    books::Books,
    cast::{self, Cast, Way},
};
use crate::util::{Dir, Gateway, cast::ours};

/// An order is answered so many times.
const ANSWERS: u32 = 4;
/// One in so many documents is sent once more.
const REPEATS: u32 = 16;
/// How long a supplier waits who was told to come later.
const LATER: Duration = Duration::from_millis(200);

/// A supplier's way in.
enum Line {
    Json(Supplier),
    X12(Supplier),
    As2(Box<As2Partner>, String),
    Sftp(SftpClient),
}

/// Has all of them send until it is time to stop.
pub(super) async fn all(
    gateway: &Gateway,
    dir: &Dir,
    cast: &Arc<Cast>,
    books: &Arc<Books>,
    begun: Instant,
    scale: Scale,
) {
    let sftp = sftp_address(dir);
    let mut tasks = tokio::task::JoinSet::new();
    for partner in 0..cast.partners {
        let line = match cast::way(partner) {
            Way::Json | Way::Webhook => Line::Json(gateway.supplier(&cast::api_key(partner))),
            Way::X12 => Line::X12(gateway.supplier(&cast::api_key(partner))),
            Way::As2 => Line::As2(Box::new(cast.software(partner)), format!("http://{}/as2", gateway.public_address())),
            Way::Sftp => {
                let client = SftpClient::connect(sftp, &cast::id(partner), &cast.ssh).await;
                Line::Sftp(client.unwrap_or_else(|error| panic!("{}: {error}", cast::id(partner))))
            }
        };
        let books = Arc::clone(books);
        // Spread over the interval, so that they do not all come at the same moment.
        let first = scale.every * partner as u32 / cast.partners as u32;
        tasks.spawn(async move {
            for number in 0.. {
                let due = first + scale.every * number;
                if due >= scale.time {
                    break;
                }
                tokio::time::sleep_until((begun + due).into()).await;
                line.answer(partner, number, &books).await;
            }
            if let Line::Sftp(client) = line {
                client.close().await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("a supplier");
    }
}

impl Line {
    /// Hands one answer to an order over, again and again until it is taken.
    async fn answer(&self, partner: usize, number: u32, books: &Books) {
        let order = format!("O-{partner}-{}", number / ANSWERS);
        let reference = format!("S-{partner}-{number}");
        let asked = Instant::now();
        let times = if number % REPEATS == REPEATS - 1 { 2 } else { 1 };
        for time in 0..times {
            match self {
                Self::Json(supplier) => json(supplier, &order, &reference).await,
                Self::X12(supplier) => x12(supplier, partner, number, &order, &reference).await,
                Self::As2(software, url) => {
                    as2(software, url, &interchange(partner, number, &order, &reference)).await;
                }
                Self::Sftp(client) => {
                    let bytes = interchange(partner, number, &order, &reference);
                    let put = client.put(&format!("inbound/{reference}.edi"), &bytes).await;
                    put.unwrap_or_else(|error| panic!("{reference}: {error}"));
                }
            }
            if time == 0 {
                books.waited(self.name(), asked.elapsed());
                books.promise(partner, &order, reference.clone());
            }
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Json(_) => "JSON over REST",
            Self::X12(_) => "X12 over REST",
            Self::As2(..) => "AS2",
            Self::Sftp(_) => "SFTP",
        }
    }
}

async fn json(supplier: &Supplier, order: &str, reference: &str) {
    let body = acknowledgement(order, reference).to_string();
    loop {
        let answer = supplier.post_json(reference, order, "acknowledgements", body.clone()).await.expect("an answer");
        match answer.status.as_u16() {
            202 => return,
            429 | 503 => tokio::time::sleep(LATER).await,
            other => panic!("{reference}: {other}: {}", answer.text()),
        }
    }
}

async fn x12(supplier: &Supplier, partner: usize, number: u32, order: &str, reference: &str) {
    let body = interchange(partner, number, order, reference);
    loop {
        let answer = supplier.post_x12(reference, body.clone()).await.expect("an answer");
        match answer.status.as_u16() {
            202 => return,
            429 | 503 => tokio::time::sleep(LATER).await,
            other => panic!("{reference}: {other}: {}", answer.text()),
        }
    }
}

async fn as2(software: &As2Partner, url: &str, bytes: &[u8]) {
    let document = Document { content: bytes, content_type: "application/edi-x12", filename: Some("answer.edi") };
    let outgoing = software.message(&[document], &As2Form::default()).expect("a message");
    loop {
        let sent = software.post(url, outgoing.clone()).await.expect("an answer");
        match (sent.reply.status, &sent.proof) {
            (200, Some(Ok(Disposition::Processed))) => return,
            (429 | 503, _) => tokio::time::sleep(LATER).await,
            (other, proof) => panic!("{}: {other}: {proof:?}", software.name),
        }
    }
}

/// The same in X12, in an interchange of its own.
pub(super) fn interchange(partner: usize, number: u32, order: &str, reference: &str) -> Vec<u8> {
    let set = order_acknowledgement(&Order::sample(order, 3), reference);
    Interchange::new(&Party::new(&cast::x12_id(partner)), &ours(), number + 1).with(set).to_bytes()
}

/// An acknowledgement in canonical JSON.
pub(super) fn acknowledgement(order: &str, reference: &str) -> serde_json::Value {
    let line = |number: u32| {
        json!({
            "number": number.to_string(),
            "quantity": { "value": "10", "unit": "EA" },
            "price": { "amount": "12.50" },
            "identifiers": [{ "scheme": "buyer_part", "value": format!("B-{number:06}") }],
        })
    };
    json!({
        "order_number": order,
        "purpose": "original",
        "seller_order_number": reference,
        "issue_date": "2026-11-21",
        "lines": (1..=6).map(line).collect::<Vec<_>>(),
    })
}

fn sftp_address(dir: &Dir) -> SocketAddr {
    let text = std::fs::read_to_string(dir.join("data/listeners.json")).expect("the listeners");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    json["sftp"].as_str().and_then(|address| address.parse().ok()).expect("the SFTP listener")
}
