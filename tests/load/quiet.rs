//! Nobody is slowed by the others: a quiet partner's receipts come as soon while everybody else sends half of what the
//! gateway can take as they do when it is alone.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use gangway::play::Supplier;
use tokio::task::JoinSet;

use super::{
    books::{quantile, quantiles},
    cast::{self, Cast, Way},
    suppliers::{acknowledgement, interchange},
};
use crate::util::{Gateway, full, gwtest, skip, tell};

/// How long each part takes.
const TIME: Duration = Duration::from_secs(20);
/// How often the quiet partner sends.
const QUIET: Duration = Duration::from_millis(10);
/// How many suppliers post at the same time when it is as fast as it goes.
const BUSY: usize = 32;
/// The order in the acknowledgement that all others are made from.
const ORDER: &str = "Q-of-the-form";
/// Other programs on this machine are not what is looked for: one good run of so many will do.
const TRIES: usize = 3;

gwtest!(a_quiet_partner_does_not_notice_the_others, async |dir| {
    if !full() {
        skip("load::quiet", "it measures times, in the long campaigns only (GANGWAY_FULL)");
        return;
    }
    let cast = Cast::assemble(&dir, 100).await;
    let gateway = Gateway::start(&dir).await;
    let speaks = |partner: &usize| matches!(cast::way(*partner), Way::Json | Way::X12);
    let others: Vec<_> = (1..cast.partners).filter(speaks).map(|partner| Poster::new(&gateway, partner)).collect();
    let quiet = Poster::new(&gateway, 0);
    let count = Arc::new(AtomicU32::new(0));

    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for worker in 0..BUSY {
        let (supplier, count) = (others[worker % others.len()].clone(), Arc::clone(&count));
        tasks.spawn(async move {
            while begun.elapsed() < TIME {
                supplier.post(count.fetch_add(1, Relaxed)).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("a supplier");
    }
    let saturation = f64::from(count.load(Relaxed)) / begun.elapsed().as_secs_f64();
    tell("load", &format!("saturation by JSON and X12 of {BUSY} suppliers: {saturation:.0}/s"));

    let mut ratios = Vec::new();
    for _ in 0..TRIES {
        let alone = at_its_ease(&quiet, &count);
        let stop = Arc::new(AtomicBool::new(false));
        let busy = half_of(saturation, others.clone(), Arc::clone(&count), Arc::clone(&stop));
        let among = tokio::task::block_in_place(|| at_its_ease(&quiet, &count));
        stop.store(true, Relaxed);
        let (offered, posting) = busy.join().expect("the others");
        posting.join_all().await;
        let ratio = quantile(&among, 0.99).as_secs_f64() / quantile(&alone, 0.99).as_secs_f64();
        tell("load", &format!("a quiet partner alone: {}", quantiles(&alone)));
        tell("load", &format!("among others at {offered:.0}/s: {}; p99 {ratio:.2} times", quantiles(&among)));
        ratios.push(ratio);
        if ratio <= 2.0 {
            gateway.stop().await;
            return;
        }
    }
    panic!("a quiet partner waits longer because of the others, by {ratios:?}");
});

/// The quiet partner's receipts. It has a thread of its own, so that it does not wait for the others' clients.
fn at_its_ease(supplier: &Poster, count: &Arc<AtomicU32>) -> Vec<Duration> {
    let (supplier, count) = (supplier.clone(), Arc::clone(count));
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut times, begun) = (Vec::new(), Instant::now());
            while begun.elapsed() < TIME {
                let asked = Instant::now();
                supplier.post(count.fetch_add(1, Relaxed)).await;
                times.push(asked.elapsed());
                tokio::time::sleep(QUIET).await;
            }
            times
        })
    });
    thread.join().expect("the quiet partner")
}

/// Offers half of `saturation`, spread over the others, until `stop`; answers the rate that it came to. Its clock is a thread:
/// the runtime's ticks once in a millisecond, and would have the others send all at once.
fn half_of(
    saturation: f64,
    others: Vec<Poster>,
    count: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
) -> JoinHandle<(f64, JoinSet<()>)> {
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let (begun, mut sent, mut posting) = (Instant::now(), 0_u32, JoinSet::new());
        while !stop.load(Relaxed) {
            let due = begun + Duration::from_secs_f64(f64::from(sent) / (saturation / 2.0));
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let (supplier, count) = (others[sent as usize % others.len()].clone(), Arc::clone(&count));
            posting.spawn_on(async move { supplier.post(count.fetch_add(1, Relaxed)).await }, &runtime);
            while let Some(ended) = posting.try_join_next() {
                ended.expect("a supplier");
            }
            sent += 1;
        }
        (f64::from(sent) / begun.elapsed().as_secs_f64(), posting)
    })
}

/// An acknowledgement whose order is yet to be named: made once, so that the others' clients take little of the processor.
fn form() -> &'static str {
    static FORM: OnceLock<String> = OnceLock::new();
    FORM.get_or_init(|| acknowledgement(ORDER, ORDER).to_string())
}

/// A supplier that posts acknowledgements.
#[derive(Clone)]
struct Poster {
    partner: usize,
    supplier: Supplier,
}

impl Poster {
    fn new(gateway: &Gateway, partner: usize) -> Self {
        Self { partner, supplier: gateway.supplier(&cast::api_key(partner)) }
    }

    async fn post(&self, number: u32) {
        let order = format!("Q-{number}");
        let answer = match cast::way(self.partner) {
            Way::X12 => self.supplier.post_x12(&order, interchange(self.partner, number, &order, &order)).await,
            _ => {
                let body = form().replace(ORDER, &order);
                self.supplier.post_json(&order, &order, "acknowledgements", body).await
            }
        };
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
}
