//! Nobody is slowed by the others: a quiet partner's receipts come as soon while everybody else sends half of what the
//! gateway can take as they do when it is alone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use gangway::play::Supplier;

use super::{
    books::{quantile, quantiles},
    cast::{self, Cast, Way},
    suppliers::acknowledgement,
};
use crate::util::{Gateway, full, gwtest, skip, tell};

/// How long each part takes.
const TIME: Duration = Duration::from_secs(20);
/// How often the quiet partner sends.
const QUIET: Duration = Duration::from_millis(20);
/// How many suppliers post at the same time when it is as fast as it goes.
const BUSY: usize = 32;
/// Other programs on this machine are not what is looked for: one good run of so many will do.
const TRIES: usize = 3;

gwtest!(a_quiet_partner_does_not_notice_the_others, async |dir| {
    if !full() {
        skip("load::quiet", "it measures times, in the long campaigns only (GANGWAY_FULL)");
        return;
    }
    let cast = Cast::assemble(&dir, 100).await;
    let gateway = Gateway::start(&dir).await;
    let posting: Vec<_> = (1..cast.partners).filter(|partner| cast::way(*partner) == Way::Json).collect();
    let others: Vec<_> = posting.iter().map(|partner| gateway.supplier(&cast::api_key(*partner))).collect();
    let quiet = gateway.supplier(&cast::api_key(0));
    let count = Arc::new(AtomicU32::new(0));

    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..BUSY {
        let (supplier, count) = (others[worker % others.len()].clone(), Arc::clone(&count));
        tasks.spawn(async move {
            while begun.elapsed() < TIME {
                post(&supplier, count.fetch_add(1, Relaxed)).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("a supplier");
    }
    let saturation = f64::from(count.load(Relaxed)) / begun.elapsed().as_secs_f64();
    tell("load", &format!("saturation by JSON of {BUSY} suppliers: {saturation:.0}/s"));

    let mut ratios = Vec::new();
    for _ in 0..TRIES {
        let alone = at_its_ease(&quiet, &count);
        let stop = Arc::new(AtomicBool::new(false));
        let busy = tokio::spawn(half_of(saturation, others.clone(), Arc::clone(&count), Arc::clone(&stop)));
        let among = tokio::task::block_in_place(|| at_its_ease(&quiet, &count));
        stop.store(true, Relaxed);
        let offered = busy.await.expect("the others");
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
fn at_its_ease(supplier: &Supplier, count: &Arc<AtomicU32>) -> Vec<Duration> {
    let (supplier, count) = (supplier.clone(), Arc::clone(count));
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut times, begun) = (Vec::new(), Instant::now());
            while begun.elapsed() < TIME {
                let asked = Instant::now();
                post(&supplier, count.fetch_add(1, Relaxed)).await;
                times.push(asked.elapsed());
                tokio::time::sleep(QUIET).await;
            }
            times
        })
    });
    thread.join().expect("the quiet partner")
}

/// Offers half of `saturation`, spread over the others, until `stop`; answers the rate that it came to.
async fn half_of(saturation: f64, others: Vec<Supplier>, count: Arc<AtomicU32>, stop: Arc<AtomicBool>) -> f64 {
    let (begun, mut sent) = (Instant::now(), 0_u32);
    let mut tasks = tokio::task::JoinSet::new();
    while !stop.load(Relaxed) {
        let due = begun + Duration::from_secs_f64(f64::from(sent) / (saturation / 2.0));
        tokio::time::sleep_until(due.into()).await;
        let (supplier, count) = (others[sent as usize % others.len()].clone(), Arc::clone(&count));
        tasks.spawn(async move { post(&supplier, count.fetch_add(1, Relaxed)).await });
        while let Some(ended) = tasks.try_join_next() {
            ended.expect("a supplier");
        }
        sent += 1;
    }
    let rate = f64::from(sent) / begun.elapsed().as_secs_f64();
    tasks.join_all().await;
    rate
}

async fn post(supplier: &Supplier, number: u32) {
    let order = format!("Q-{number}");
    let body = acknowledgement(&order, &order).to_string();
    let answer = supplier.post_json(&order, &order, "acknowledgements", body).await.expect("an answer");
    assert_eq!(answer.status, 202, "{}", answer.text());
}
