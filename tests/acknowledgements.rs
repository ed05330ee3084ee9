//! Who is acknowledged by what: each interchange by its own acknowledgement, whenever and in whatever company it comes, and
//! each of ours by what its receiver says of it, however that is written.

use std::process::Stdio;

use gangway::{
    ledger::{AuditRecord, Ledger, Owed, sqlite},
    play::{
        ErpClient,
        canonical::functional_acknowledgement,
        x12::{Interchange, Order, Set, order_acknowledgement},
    },
};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    outbound::{bytes, issued, post, told, verbs},
    util::{Dir, Gateway, accepted, cast::*, drain, gwtest, outgoing, settled, state, status, wait_for},
    x12_partner::with_terms,
};

/// What our acknowledgement of a message's only interchange says to whom: the partner, and the bytes.
async fn answer(erp: &ErpClient, id: &str) -> (String, String) {
    let answers = wait_for(&format!("an answer to {id}"), async || {
        let answers = answers(erp, id).await;
        (!answers.is_empty()).then_some(answers)
    })
    .await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.into_iter().next().unwrap()
}

/// All that was answered to a message: partner and bytes.
async fn answers(erp: &ErpClient, id: &str) -> Vec<(String, String)> {
    let message = status(erp.message(id).await.unwrap(), 200).json();
    let mut answers = Vec::new();
    for other in message["related"].as_array().unwrap().iter().filter(|other| other["direction"] == "out") {
        let text = status(erp.payload(other["id"].as_str().unwrap()).await.unwrap(), 200).text();
        answers.push((other["partner"].as_str().unwrap().to_owned(), text));
    }
    answers
}

/// Asks for stored bytes to be processed again.
fn replay(dir: &Dir, id: &str) {
    dir.run_well(&["replay", "--message", id, "--reason", "its file was mended"]);
}

/// A set that says that everything in a group of ours is accepted.
fn accepts(group: &str) -> Set {
    let mut set = Set::new("997", "FA");
    set.push("AK1", &["PO", group]);
    set.push("AK9", &["A", "1", "1", "1"]);
    set
}

gwtest!(a_repetition_is_answered_as_the_interchange_was_that_it_repeats, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, van) = (gateway.erp(), gateway.supplier(VAN_KEY));
    // The first earns nothing, since it acknowledges, and the others are of two partners.
    let heard = Interchange::new(&party(SMALL), &ours(), 1).with(accepts("4711")).to_bytes();
    let mut each = vec![(SMALL, "small", 2, answer_to(SMALL, 2, "PO-2"))];
    // More of them than are looked up together, and named for what they are.
    each.extend((3..=140).map(|control| (TINY, "tiny", control, answer_to(TINY, control, &format!("PO-{control}")))));
    let whole = [heard, each.iter().flat_map(|(.., bytes)| bytes.clone()).collect()].concat();
    let first = accepted(van.post_x12("whole", whole).await.unwrap());
    assert_eq!(state(&settled(&erp, &first).await), "accepted");
    wait_for("all of it to be acknowledged", async || {
        let message = status(erp.message(&first).await.unwrap(), 200).json();
        let facts = message["timeline"].as_array().unwrap().iter();
        (facts.filter(|fact| fact["what"] == "acknowledged").count() == 139).then_some(())
    })
    .await;
    for (_, partner, control, bytes) in
        each.into_iter().filter(|(_, _, control, _)| [2, 3, 70, 71, 140].contains(control))
    {
        let again = accepted(van.post_x12(&format!("again-{control}"), bytes).await.unwrap());
        assert_eq!(state(&settled(&erp, &again).await), "duplicate");
        let (to, text) = answer(&erp, &again).await;
        assert_eq!(to, partner);
        assert!(text.contains(&format!("AK1*PR*{control}01~")), "{control}: {text}");
    }
    // Byte for byte what was said first.
    let again = accepted(van.post_x12("once-more", answer_to(SMALL, 2, "PO-2")).await.unwrap());
    let (_, said) = answer(&erp, &again).await;
    let originals: Vec<_> = answers(&erp, &first).await.into_iter().filter(|(to, _)| to == "small").collect();
    assert_eq!(originals, [("small".to_owned(), said)]);
    gateway.stop().await;
});

gwtest!(what_was_not_acknowledged_the_first_time_is_when_it_comes_again, async |dir| {
    with_terms(&dir, "acknowledgement = \"none\"", "");
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let first = accepted(supplier.post_x12("first", answer_to(ACME, 1, "PO-1")).await.unwrap());
    assert_eq!(state(&settled(&erp, &first).await), "accepted");
    let path = dir.join("partners/acme.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("acknowledgement = \"none\"", "acknowledgement = \"997\"")).unwrap();
    dir.run_well(&["reload"]);
    for key in ["second", "third"] {
        let again = accepted(supplier.post_x12(key, answer_to(ACME, 1, "PO-1")).await.unwrap());
        assert_eq!(state(&settled(&erp, &again).await), "duplicate");
        assert!(answer(&erp, &again).await.1.contains("AK1*PR*101~"));
    }
    assert_eq!(answers(&erp, &first).await, []);
    drain(&erp, "erp", 1).await;
    gateway.stop().await;
});

gwtest!(what_cannot_be_done_hides_nothing_behind_it, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let first = accepted(gateway.supplier(ACME_KEY).post_x12("1", answer_to(ACME, 1, "PO-1")).await.unwrap());
    answer(&gateway.erp(), &first).await;
    gateway.stop().await;
    // More than is looked at together: documents that are not there to be sent.
    let ledger = sqlite::SqliteLedger::open(&dir.join("data"), &sqlite::Options::default()).unwrap();
    let message = first.parse().unwrap();
    for position in 500..1_600 {
        let facts = format!("{{\"send\":{{\"position\":{position}}}}}");
        let owed = Owed { message, partner: "acme".into(), due: Timestamp::now(), facts };
        let record = AuditRecord {
            at: Timestamp::now(),
            who: "test".into(),
            what: "owe".into(),
            on: first.clone(),
            reason: "to be in the way".into(),
        };
        ledger.reissue(Vec::new(), vec![owed], record).await.unwrap();
    }
    ledger.close().await.unwrap();
    let gateway = Gateway::start(&dir).await;
    let second = accepted(gateway.supplier(ACME_KEY).post_x12("2", answer_to(ACME, 2, "PO-2")).await.unwrap());
    assert!(answer(&gateway.erp(), &second).await.1.contains("AK1*PR*201~"));
    gateway.stop().await;
});

/// Makes a partner of the stranger, behind the VAN.
fn meet_the_stranger(dir: &Dir) {
    PartnerFile { x12: Some(STRANGER), via: Some("opentext"), ..PartnerFile::new("stranger") }.write(dir);
    dir.run_well(&["reload"]);
}

gwtest!(what_was_held_is_acknowledged_when_it_is_replayed_and_nothing_else_again, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, van) = (gateway.erp(), gateway.supplier(VAN_KEY));
    let both = [answer_to(SMALL, 1, "PO-1"), answer_to(STRANGER, 1, "PO-2")].concat();
    let message = accepted(van.post_x12("both", both).await.unwrap());
    assert_eq!(state(&settled(&erp, &message).await), "held");
    assert_eq!(answer(&erp, &message).await.0, "small");
    replay(&dir, &message);
    meet_the_stranger(&dir);
    for _ in 0..2 {
        replay(&dir, &message);
        assert_eq!(state(&settled(&erp, &message).await), "accepted");
        wait_for("the stranger's acknowledgement", async || {
            (!outgoing(&erp, "stranger").await.is_empty()).then_some(())
        })
        .await;
    }
    // Whatever is owed now is owed behind anything that should not have been.
    let last = accepted(van.post_x12("last", answer_to(SMALL, 2, "PO-3")).await.unwrap());
    answer(&erp, &last).await;
    let mut told: Vec<_> = answers(&erp, &message).await.into_iter().map(|(to, _)| to).collect();
    told.sort();
    assert_eq!(told, ["small", "stranger"]);
    gateway.stop().await;
});

gwtest!(a_replay_that_is_cut_off_is_acknowledged_by_the_next, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, van) = (gateway.erp(), gateway.supplier(VAN_KEY));
    let mut interchange = Interchange::new(&party(STRANGER), &ours(), 1);
    for number in 0..1_200 {
        interchange = interchange.with(order_acknowledgement(&Order::sample(&format!("PO-{number}"), 1), "S-1"));
    }
    let message = accepted(van.post_x12("many", interchange.to_bytes()).await.unwrap());
    assert_eq!(state(&settled(&erp, &message).await), "held");
    meet_the_stranger(&dir);
    let mut running = dir.gangway(&["replay", "--message", &message, "--reason", "known now"]);
    let mut running = running.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("the first slice", async || (!erp.events(0, 1).await.unwrap().events.is_empty()).then_some(())).await;
    gateway.kill9();
    running.wait().unwrap();
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    replay(&dir, &message);
    assert!(answer(&erp, &message).await.1.contains("AK9*A*1200*1200*1200~"));
    assert_eq!(state(&settled(&erp, &message).await), "accepted");
    gateway.stop().await;
});

gwtest!(an_acknowledgement_that_was_held_is_heard_when_it_is_replayed, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let out = issued(&erp, "acme", &post(&erp, "k", "acme", "45").await).await;
    let set = functional_acknowledgement(&bytes(&erp, &out).await, false).unwrap();
    // Their new id, which their file does not have yet.
    let mut them = party(STRANGER);
    them.group = party(ACME).group;
    let said = Interchange::new(&them, &ours(), 5).with(set).to_bytes();
    let said = accepted(supplier.post_x12("997", said).await.unwrap());
    assert_eq!(state(&settled(&erp, &said).await), "held");
    let path = dir.join("partners/acme.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace(&format!("[\"{ACME}\"]"), &format!("[\"{ACME}\", \"{STRANGER}\"]"))).unwrap();
    dir.run_well(&["reload"]);
    replay(&dir, &said);
    assert_eq!(verbs(&erp, "purchase_order/45", 2).await, ["purchase_order.issued", "purchase_order.rejected"]);
    assert_eq!(state(&settled(&erp, &said).await), "accepted");
    gateway.stop().await;
});

gwtest!(a_rehearsed_acknowledgement_says_nothing_of_business, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_TEST_KEY));
    let out = issued(&erp, "acme", &post(&erp, "k", "acme", "45").await).await;
    let text = bytes(&erp, &out).await;
    let set = functional_acknowledgement(&text, false).unwrap();
    let by_997 = Interchange::new(&party(ACME), &ours(), 1).with(set).to_bytes();
    let empty = String::from_utf8(Interchange::new(&party(ACME), &ours(), 2).to_bytes()).unwrap();
    let isa13 = text.split('*').nth(13).unwrap();
    let by_ta1 = format!("{}TA1*{isa13}*260701*1200*R*025~IEA*0*000000002~", &empty[..106]).into_bytes();
    for (key, said) in [("997", by_997), ("TA1", by_ta1)] {
        let said = accepted(supplier.post_x12(key, said).await.unwrap());
        wait_for(&format!("the {key} to speak of nothing"), async || {
            let message = status(erp.message(&said).await.unwrap(), 200).json();
            message["timeline"].to_string().contains("unmatched").then_some(())
        })
        .await;
    }
    let order = status(erp.message(out["id"].as_str().unwrap()).await.unwrap(), 200).json();
    assert_ne!(order["documents"][0]["state"], "rejected", "{order}");
    assert_eq!(told(&erp, "purchase_order/45").await.len(), 1);
    gateway.stop().await;
});

gwtest!(a_rejection_is_heard_however_it_is_written, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let ways = [
        ("*X*004010~", "*X*003040~"),
        ("*X*004010~", "*X*003060~"),
        ("*X*004010~", "*X*004030~"),
        ("*X*004010~", "*X*006020~"),
        ("AK2*850*0001~", "AK2*850*1~"),
        ("~AK2*", "   ~AK2*"),
        ("~SE*8*", "~SE*99*"),
        ("AK3*BEG*2**8~", "AK3*BEGIN*?**8~"),
        ("~GE*1*", "~GE*7*"),
    ];
    for (way, (from, to)) in ways.into_iter().enumerate() {
        let number = format!("45{way}");
        let out = issued(&erp, "acme", &post(&erp, &number, "acme", &number).await).await;
        let set = functional_acknowledgement(&bytes(&erp, &out).await, false).unwrap();
        let text = Interchange::new(&party(ACME), &ours(), 10 + way as u32).with(set).to_bytes();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(from), "{from}: {text}");
        let said = accepted(supplier.post_x12(&number, text.replace(from, to).into_bytes()).await.unwrap());
        let heard = verbs(&erp, &format!("purchase_order/{number}"), 2).await;
        assert_eq!(heard[1], "purchase_order.rejected", "{to}");
        let message = settled(&erp, &said).await;
        assert_eq!(
            (state(&message), &message["documents"][0]["state"]),
            ("accepted", &Value::from("recorded")),
            "{to}"
        );
    }
    // What says nothing of how it fared is shown to a person.
    let mut set = accepts("1");
    set.segments.pop();
    let said = Interchange::new(&party(ACME), &ours(), 99).with(set).to_bytes();
    let said = accepted(supplier.post_x12("mute", said).await.unwrap());
    let message = wait_for("what cannot be understood to be shown", async || {
        let message = status(erp.message(&said).await.unwrap(), 200).json();
        (message["documents"][0]["problem"]["code"] == "EXC-0021").then_some(message)
    })
    .await;
    assert!(message["documents"][0]["problem"]["text"].as_str().unwrap().contains("AK9 is missing"), "{message}");
    gateway.stop().await;
});

gwtest!(what_an_interchange_is_meant_for_is_read_in_either_case, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let mut numbers = std::collections::BTreeSet::new();
    for (control, (usage, mode, said)) in (1..).zip([
        ('P', "live", "*P*>"),
        ('p', "live", "*P*>"),
        (' ', "live", "*P*>"),
        ('T', "test", "*T*>"),
        ('t', "test", "*T*>"),
    ]) {
        let set = order_acknowledgement(&Order::sample(&format!("PO-{control}"), 1), "S-1");
        let mut interchange = Interchange::new(&party(ACME), &ours(), control).with(set);
        interchange.usage = usage;
        let id = accepted(supplier.post_x12(&format!("k-{control}"), interchange.to_bytes()).await.unwrap());
        assert_eq!(settled(&erp, &id).await["mode"], mode, "{usage}");
        let (_, text) = answer(&erp, &id).await;
        assert!(text[..106].contains(said), "{usage}: {text}");
        assert!(numbers.insert((said, text[90..99].to_owned())), "{usage}: {text}");
        // The number is taken, in whatever case it comes.
        interchange.usage = if usage == ' ' { 'p' } else { usage.to_ascii_uppercase() };
        let again = accepted(supplier.post_x12(&format!("again-{control}"), interchange.to_bytes()).await.unwrap());
        let expected = if interchange.usage == usage { "duplicate" } else { "held" };
        assert_eq!(state(&settled(&erp, &again).await), expected, "{usage}");
    }
    gateway.stop().await;
});
