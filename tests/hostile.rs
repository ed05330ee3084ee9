//! Bad input and bad days: each gets a clear answer, and costs nobody else anything.

use std::{
    io::{Read, Seek, SeekFrom, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};

use bytes::Bytes;
use gangway::play::{
    Endpoint, Upload,
    x12::{Interchange, Order, order_acknowledgement},
};

use crate::util::{
    Dir, Gateway, accepted, acknowledgement_of, cast::*, drain, full, gwtest, settled, skip, state, status,
};

gwtest!(a_truncated_interchange_is_told_and_nothing_else_suffers, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    let whole = answer_to(ACME, 1, "PO-1");
    // Inside the ISA, right after it, inside the set, before the IEA; and an empty body.
    for (index, length) in [3, 20, 105, 106, 150, whole.len() - 30, 0].into_iter().enumerate() {
        let cut = whole[..length].to_vec();
        let answer = supplier.post_x12(&format!("cut-{index}"), cut).await.unwrap();
        if length == 0 {
            status(answer, 400);
            continue;
        }
        let message = settled(&erp, &accepted(answer)).await;
        assert!(["rejected", "held", "partial", "accepted"].contains(&state(&message)), "{length}: {message}");
        if length < 150 {
            assert!(["rejected", "held"].contains(&state(&message)), "{length}: {message}");
        }
    }
    // What was cut came again whole, under the same numbers.
    let id = accepted(supplier.post_x12("whole", whole).await.unwrap());
    let message = settled(&erp, &id).await;
    assert!(["accepted", "duplicate", "held"].contains(&state(&message)), "{message}");
    accepted(supplier.post_x12("next", answer_to(ACME, 2, "PO-2")).await.unwrap());
    acknowledgement_of(&erp, "acme", "2").await;
});

gwtest!(counts_that_lie_are_told, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    for (control, (right, wrong)) in
        [("~GE*1*", "~GE*7*"), ("~IEA*1*", "~IEA*4*"), ("~SE*", "~SE*9")].into_iter().enumerate()
    {
        let control = control as u32 + 1;
        let text = String::from_utf8(answer_to(ACME, control, &format!("PO-{control}"))).unwrap();
        assert!(text.contains(right));
        let id = accepted(supplier.post_x12(&format!("k{control}"), text.replacen(right, wrong, 1)).await.unwrap());
        let message = settled(&erp, &id).await;
        assert!(message.to_string().contains("X12-"), "no code tells what is wrong: {message}");
    }
    accepted(supplier.post_x12("fine", answer_to(ACME, 9, "PO-9")).await.unwrap());
    acknowledgement_of(&erp, "acme", "9").await;
});

gwtest!(a_body_without_an_end_is_bounded_in_memory, async |dir| {
    assemble(&dir);
    PartnerFile { message_size: Some("1 GiB"), ..ACME_FILE }.write(&dir);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let whole = answer_to(ACME, 1, "PO-1");
    let head = Bytes::copy_from_slice(&whole[..whole.len() / 2]);
    let chunk = Bytes::from(vec![b'A'; 1 << 20]);
    let mib = if full() { 1023 } else { 96 };
    let endless = Upload::Repeated { head, chunk, times: mib };
    let acme = gateway.supplier(ACME_KEY);
    let (answer, ()) = tokio::join!(acme.post_x12("endless", endless), async {
        // The neighbour does not notice.
        for number in 1..=5 {
            let body = answer_to(BOLT, number, &format!("PO-{number}"));
            accepted(gateway.supplier(BOLT_KEY).post_x12(&format!("b{number}"), body).await.unwrap());
        }
    });
    let message = settled(&erp, &accepted(answer.unwrap())).await;
    assert!(["rejected", "held"].contains(&state(&message)), "{message}");
    drain(&erp, "erp", 5).await;
    let resident = gateway.resident();
    assert!(resident < 400 << 20, "{} MiB resident after {mib} MiB without a terminator", resident >> 20);
});

gwtest!(headers_without_an_end_are_refused, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    for request in [
        format!("POST /v1/messages HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(4 << 20)),
        format!("GET /v1/messages HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: b\r\n".repeat(50_000)),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "c".repeat(4 << 20)),
        "\u{0}\u{1}\u{2} not http at all\r\n\r\n".to_owned(),
    ] {
        let answer = raw(gateway.public_address(), request.as_bytes());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    accepted(gateway.supplier(ACME_KEY).post_x12("k", answer_to(ACME, 1, "PO-1")).await.unwrap());
    drain(&gateway.erp(), "erp", 1).await;
});

gwtest!(a_second_gateway_on_the_same_data_is_refused, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let mut second = dir.gangway(&["serve", "--config", "gangway.toml"]);
    let output = second.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains("in use"), "{told}");
    // The first did not notice.
    accepted(gateway.supplier(ACME_KEY).post_x12("k", answer_to(ACME, 1, "PO-1")).await.unwrap());
    drain(&gateway.erp(), "erp", 1).await;
    gateway.stop().await;
});

gwtest!(a_damaged_data_folder_is_not_served_from, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    accepted(gateway.supplier(ACME_KEY).post_x12("k", answer_to(ACME, 1, "PO-1")).await.unwrap());
    gateway.stop().await;
    let database = largest_file(&dir.join("data"));
    let mut file = std::fs::File::options().write(true).open(&database).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(&[0x5a; 8192]).unwrap();
    drop(file);
    match Gateway::try_start(&dir).await {
        Ok(_) => panic!("it serves from {} that is damaged", database.display()),
        Err(failed) => {
            assert_eq!(failed.status.and_then(|status| status.code()), Some(78), "{}", failed.log);
            assert!(failed.log.contains("damaged"), "{}", failed.log);
        }
    }
});

gwtest!(settings_that_are_wrong_stop_a_start_with_78, async |dir| {
    assemble(&dir);
    dir.create("gangway.toml", settings().replace("[private]", "[privat]"));
    match Gateway::try_start(&dir).await {
        Ok(_) => panic!("it serves with settings that are wrong"),
        Err(failed) => {
            assert_eq!(failed.status.and_then(|status| status.code()), Some(78), "{}", failed.log);
            assert!(failed.log.contains("CFG-") && failed.log.contains("privat"), "{}", failed.log);
        }
    }
});

gwtest!(a_full_disk_loses_nothing_and_mends_itself, async |dir| {
    const TEST: &str = "a_full_disk_loses_nothing_and_mends_itself";
    let Some(_disk) = SmallDisk::mount(&dir.join("data"), 48) else {
        skip(TEST, "a small tmpfs cannot be mounted here (needs root)");
        return;
    };
    assemble(&dir);
    let people = Endpoint::start().await.unwrap();
    let alerts = format!("\n[alerts]\nurl = \"{}\"\n", people.url());
    dir.create("gangway.toml", settings() + &alerts);
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp, operator) = (gateway.supplier(ACME_KEY), gateway.erp(), gateway.private());
    let before = accepted(supplier.post_x12("before", answer_to(ACME, 1, "PO-1")).await.unwrap());
    let filler = fill(&dir);
    // There may be room left in what the store has reserved; sooner or later it must say that there is none.
    let mut promised = vec![before];
    let mut refused = None;
    for number in 2..4_000 {
        let answer = supplier.post_x12(&format!("k{number}"), answer_to(ACME, number, &format!("PO-{number}"))).await;
        let answer = answer.expect("an answer, not a broken connection");
        if answer.status == 202 {
            promised.push(accepted(answer));
        } else {
            refused = Some((number, status(answer, 503)));
            break;
        }
    }
    let (number, answer) = refused.expect("a refusal");
    assert!(answer.header("retry-after").is_some() && answer.json()["code"].is_string(), "{}", answer.text());
    // Who sends work here learns of it, and so do people: once, and in the log.
    let full = async |expected: u16, gauge: &str| {
        let ready = status(operator.get("/readyz").await.unwrap(), expected).json();
        let metrics = operator.get("/metrics").await.unwrap().text();
        assert!(metrics.contains(&format!("gangway_ledger_full {gauge}\n")), "{metrics}");
        ready
    };
    let ready = full(503, "1").await;
    assert!(ready["ledger"].as_str().unwrap().contains("no room left"), "{ready}");
    let told = crate::util::wait_for("the alert", async || people.taken().first().cloned()).await;
    let alert: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!(alert["type"], "gangway.alert.no_room.v1", "{alert}");
    let log = std::fs::read_to_string(dir.join("gateway.log")).unwrap();
    assert!(log.lines().any(|line| line.contains("ERROR") && line.contains("LED-0004")), "{log}");
    // What was promised is there and can be read; once there is room, the same hand-over is taken.
    for id in &promised {
        status(erp.payload(id).await.unwrap(), 200);
    }
    std::fs::remove_file(filler).unwrap();
    // It becomes ready without anybody's work: nobody sends any to one that is not.
    crate::util::wait_for("readiness", async || {
        operator.get("/readyz").await.is_ok_and(|answer| answer.status == 200).then_some(())
    })
    .await;
    full(200, "0").await;
    assert_eq!(people.taken().len(), 1);
    let body = answer_to(ACME, number, &format!("PO-{number}"));
    let again = crate::util::wait_for("room", async || {
        let answer = supplier.post_x12(&format!("k{number}"), body.clone()).await.unwrap();
        (answer.status == 202).then(|| accepted(answer))
    })
    .await;
    promised.push(again);
    let gateway = gateway.restart(&dir).await;
    for id in &promised {
        assert_eq!(state(&settled(&gateway.erp(), id).await), "accepted");
    }
    drain(&gateway.erp(), "erp", promised.len()).await;
    gateway.stop().await;
});

gwtest!(a_set_that_is_large_is_taken_whole, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let set = order_acknowledgement(&Order::sample("PO-1", 8_000), "S-1");
    let bytes = Interchange::new(&party(ACME), &ours(), 1).with(set).to_bytes();
    assert!(bytes.len() > 700_000, "{}", bytes.len());
    accepted(gateway.supplier(ACME_KEY).post_x12("k", bytes.clone()).await.unwrap());
    let events = drain(&gateway.erp(), "erp", 1).await;
    let payload = status(gateway.erp().payload(&events[0].event.messageid).await.unwrap(), 200);
    assert!(payload.body == bytes);
});

/// What a server says to some bytes, as far as it says anything.
fn raw(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // It may hang up before it has read everything, and so may we.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..read]);
        if answer.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn largest_file(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let databases = files.filter(|path| !path.to_string_lossy().ends_with("-wal"));
    databases.max_by_key(|path| path.metadata().unwrap().len()).expect("a file")
}

/// Fills the disk that `data` is on, to the last byte.
fn fill(dir: &Dir) -> PathBuf {
    let path = dir.join("data/filler");
    let mut file = std::fs::File::create(&path).unwrap();
    for size in [1 << 20, 4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    path
}

/// A disk of a few megabytes that is gone afterwards.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, mib: u32) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "gangway-test"]).arg(at);
        let done = mount.output().is_ok_and(|output| output.status.success());
        done.then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
