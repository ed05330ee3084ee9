//! The power is cut under load: what was acknowledged is on the disk that is left.
//!
//! Needs root for loop devices; where it may not mount, it says so and proves nothing.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::util::{
    Gateway,
    campaign::{Chance, Ledger},
    cast::*,
    disk::Disk,
    full, gwtest, skip, wait_for,
};

gwtest!(what_was_acknowledged_survives_a_power_cut, async |dir| {
    const TEST: &str = "what_was_acknowledged_survives_a_power_cut";
    assemble(&dir);
    let mut chance = Chance::new();
    for round in 1..=if full() { 10 } else { 1 } {
        let (image, left) = (dir.join("disk.img"), dir.join("left.img"));
        let data = dir.join("data");
        let Some(disk) = Disk::create(&image, 512, &data) else {
            skip(TEST, "no loop device can be mounted here (needs root)");
            return;
        };
        let ledger = Arc::new(Ledger::default());
        let gateway = Gateway::start(&dir).await;
        let stop = Arc::new(AtomicBool::new(false));
        let target = 200 + chance.below(400) as usize;
        let load = ledger.load(&gateway, 16, &stop);
        let cut = async {
            wait_for("acknowledgements", async || (ledger.promised() >= target).then_some(())).await;
            gateway.signal("STOP");
            wait_for("the process to stand still", async || stands_still(gateway.pid()).then_some(())).await;
            disk.cut(&left);
            stop.store(true, Ordering::Relaxed);
            gateway.signal("KILL");
        };
        tokio::join!(load, cut);
        drop(gateway);
        drop(disk);

        let disk = Disk::mount(&left, &data).expect("what is left can be mounted");
        let gateway = Gateway::start(&dir).await;
        let erp = gateway.erp();
        println!("round {round}: {} promised before the cut", ledger.promised());
        ledger.verify_messages(&erp).await;
        ledger.repeat_the_unanswered(&gateway).await;
        ledger.verify_messages(&erp).await;
        ledger.verify_log(&erp).await;
        gateway.stop().await;
        drop(disk);
        std::fs::remove_file(&left).unwrap();
    }
});

/// Whether every thread of the process is stopped, so that nothing is on its way to the disk any more.
pub fn stands_still(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(Path::new(&thread.path()).join("stat")).unwrap_or_default();
        // The state follows the name, which stands in brackets and may hold anything.
        stat.rsplit(") ").next().is_none_or(|rest| rest.starts_with('T') || rest.starts_with('t'))
    })
}
