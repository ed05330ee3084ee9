//! Everybody at once: hundreds of partners on every channel, an ERP that goes away and comes back, and three partners that
//! are down. Afterwards the books are closed: what was promised came once and in order, in both directions.
//!
//! The short form runs with all tests; `GANGWAY_FULL` has 500 partners for five minutes, and tells its figures.

mod books;
mod cast;
mod erp;
mod orders;
mod quiet;
mod suppliers;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::StatusCode;

use self::{books::Books, cast::Cast};
use crate::util::{Gateway, full, gwtest, tell, wait_for};

/// How much goes on.
#[derive(Debug, Clone, Copy)]
struct Scale {
    partners: usize,
    /// How long suppliers and ERP send.
    time: Duration,
    /// When the ERP's consumer is away, counted from the beginning.
    away: (Duration, Duration),
    /// Each supplier hands over a document this often, and …
    every: Duration,
    /// … the ERP an order for somebody this often.
    order_every: Duration,
}

impl Scale {
    fn of_this_run() -> Self {
        let seconds = Duration::from_secs;
        if full() {
            return Self {
                partners: 500,
                time: seconds(300),
                away: (seconds(90), seconds(210)),
                every: Duration::from_millis(2500),
                order_every: Duration::from_millis(20),
            };
        }
        Self {
            partners: 40,
            time: seconds(6),
            away: (seconds(2), seconds(4)),
            every: Duration::from_millis(500),
            order_every: Duration::from_millis(40),
        }
    }
}

gwtest!(everybody_at_once_and_nothing_is_lost_doubled_or_out_of_order, async |dir| {
    let scale = Scale::of_this_run();
    let cast = Arc::new(Cast::assemble(&dir, scale.partners).await);
    let gateway = Gateway::start(&dir).await;
    let books = Arc::new(Books::default());
    let down = cast.three_that_are_down();
    down.fall();

    let begun = Instant::now();
    let reading = erp::Reader::spawn(gateway.erp(), Arc::clone(&books), begun, scale.away);
    let ordering = orders::spawn(gateway.erp(), &cast, &books, begun, scale);
    suppliers::all(&gateway, &dir, &cast, &books, begun, scale).await;
    ordering.await.expect("the ERP's orders");
    let sent = begun.elapsed();
    down.rise();

    let (accepted, ordered) = (books.accepted(), books.ordered());
    tell("load", &format!("{accepted} documents in and {ordered} out in {:.1} s", sent.as_secs_f64()));
    wait_for("the ERP to have acknowledged everything", async || {
        (books.received() >= accepted && books.delivered() >= ordered).then_some(())
    })
    .await;
    tell("load", &format!("the ERP had it all {:.1} s later", (begun.elapsed() - sent).as_secs_f64()));
    reading.finish().await;
    books.close(&cast);
    for line in books.figures() {
        tell("load", &line);
    }
    gateway.stop().await;
});

/// Three partners that are down, each in its own way.
struct Down<'c> {
    cast: &'c Cast,
}

impl Down<'_> {
    fn fall(&self) {
        self.cast.endpoint(0).answer(StatusCode::SERVICE_UNAVAILABLE);
        self.cast.endpoint(1).say_nothing();
        self.cast.server(0).refuse(&[503; 100_000]);
    }

    fn rise(&self) {
        self.cast.endpoint(0).answer(StatusCode::NO_CONTENT);
        self.cast.endpoint(1).answer(StatusCode::NO_CONTENT);
        self.cast.server(0).recover();
    }
}
