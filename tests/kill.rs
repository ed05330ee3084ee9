//! kill -9 at random moments under load: nothing acknowledged is lost, and no document gets two event ids.
//!
//! Three rounds in the quick set; `GANGWAY_FULL=1` makes it 100, `GANGWAY_KILL_ROUNDS` any number. A crash of the process
//! says nothing about a loss of power; `power.rs` does.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gangway::play::ErpClient;

use crate::util::{
    Gateway,
    campaign::{Chance, Ledger},
    cast::*,
    full, gwtest, wait_for,
};

gwtest!(nothing_acknowledged_is_lost_by_kill_9, async |dir| {
    assemble(&dir);
    let rounds = std::env::var("GANGWAY_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    let rounds = rounds.unwrap_or_else(|| if full() { 100 } else { 3 });
    let mut chance = Chance::new();
    let ledger = Arc::new(Ledger::default());
    // What the ERP was handed: the event id of each document, known by its order.
    let mut handed: BTreeMap<String, String> = BTreeMap::new();
    for round in 1..=rounds {
        let gateway = Gateway::start(&dir).await;
        let erp = gateway.erp();
        let stop = Arc::new(AtomicBool::new(false));
        let target = ledger.promised() + 5 + chance.below(60) as usize;
        let moment = Duration::from_micros(chance.below(15_000));
        // The ERP works at the same time, and forgets to acknowledge now and then.
        let reader = tokio::spawn(read_along(erp, Arc::clone(&stop), chance.below(u64::MAX)));
        let load = ledger.load(&gateway, 8, &stop);
        let end = async {
            wait_for("acknowledgements", async || (ledger.promised() >= target).then_some(())).await;
            // Where in its work the gateway is hit is left to chance; nothing is asserted about the time.
            tokio::time::sleep(moment).await;
            gateway.signal("KILL");
            stop.store(true, Ordering::Relaxed);
        };
        tokio::join!(load, end);
        for (document, event) in reader.await.unwrap() {
            let first = handed.entry(document.clone()).or_insert_with(|| event.clone());
            assert_eq!(*first, event, "{document} was handed out under two ids");
        }
        drop(gateway);
        println!("round {round}: {} promised, {} posted", ledger.promised(), ledger.posted());

        if round % 10 == 0 || round == rounds {
            let gateway = Gateway::start(&dir).await;
            let erp = gateway.erp();
            ledger.repeat_the_unanswered(&gateway).await;
            assert_eq!(ledger.promised(), ledger.posted());
            ledger.verify_messages(&erp).await;
            ledger.verify_log(&erp).await;
            gateway.stop().await;
        }
    }
});

/// Leases and mostly acknowledges until the gateway is gone. Gives key and event id of all it was handed; each
/// document has an order, and so a key, of its own.
async fn read_along(erp: ErpClient, stop: Arc<AtomicBool>, seed: u64) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    let mut step = seed | 1;
    while !stop.load(Ordering::Relaxed) {
        let Ok(events) = erp.lease("erp", 20, 1, 5).await else { break };
        for leased in &events {
            seen.push((leased.event.partitionkey.clone(), leased.event.id.clone()));
        }
        step = step.rotate_left(7) ^ events.len() as u64;
        if !step.is_multiple_of(4) {
            let leases: Vec<&str> = events.iter().map(|leased| leased.lease.as_str()).collect();
            if erp.ack("erp", &leases).await.is_err() {
                break;
            }
        }
    }
    seen
}
