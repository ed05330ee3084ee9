//! Group and set numbers that count beyond their envelopes, where a partner's file says so, seen from outside: what is
//! rejected or held when one comes again, what its siblings keep, and that a repetition stays one.

use gangway::play::{
    ErpClient, Supplier,
    x12::{Interchange, Order, order_acknowledgement},
};
use serde_json::Value;

use crate::{
    util::{Gateway, accepted, cast::*, gwtest, settled, state, status, wait_for},
    x12_partner::with_terms,
};

const REJECT: &str = "duplicate_group = \"reject\"\nduplicate_set = \"reject\"";
const HOLD: &str = "duplicate_group = \"hold\"\nduplicate_set = \"hold\"";

/// An interchange of acme's with groups of 855s: GS06, and ST02 and the order of each set.
fn numbered(control: u32, groups: &[(u32, &[(&str, &str)])]) -> Vec<u8> {
    let mut body = String::new();
    let (mut head, mut tail) = (String::new(), String::new());
    for (number, sets) in groups {
        let mut interchange = Interchange::new(&party(ACME), &ours(), control);
        for (_, order) in *sets {
            interchange = interchange.with(order_acknowledgement(&Order::sample(order, 1), &format!("S-{order}")));
        }
        let text = String::from_utf8(interchange.to_bytes()).unwrap();
        let (from, to) = (text.find("GS*").unwrap(), text.find("IEA*").unwrap());
        let mut group = text[from..to].replace(&format!("*{control}01*X*"), &format!("*{number}*X*"));
        group = group.replace(&format!("*{control}01~"), &format!("*{number}~"));
        for (place, (set, _)) in sets.iter().enumerate() {
            group = group.replace(&format!("*{:04}~", place + 1), &format!("*\t{set}~"));
        }
        body.push_str(&group.replace('\t', ""));
        head = text[..from].to_owned();
        tail = text[to..].replace("IEA*1*", &format!("IEA*{}*", groups.len()));
    }
    format!("{head}{body}{tail}").into_bytes()
}

/// Sends an interchange, and gives its message once it is worked out.
async fn send(supplier: &Supplier, erp: &ErpClient, control: u32, groups: &[(u32, &[(&str, &str)])]) -> Value {
    let id = accepted(supplier.post_x12(&format!("k-{control}"), numbered(control, groups)).await.unwrap());
    settled(erp, &id).await
}

fn id(message: &Value) -> &str {
    message["id"].as_str().unwrap()
}

fn states(message: &Value) -> Vec<&str> {
    let documents = message["documents"].as_array().unwrap_or_else(|| panic!("{message}"));
    documents.iter().map(|document| document["state"].as_str().unwrap()).collect()
}

/// The AK5 and AK9 segments of what answers a message.
async fn answer(erp: &ErpClient, message: &Value) -> String {
    let text = wait_for("the acknowledgement", async || {
        let message = status(erp.message(id(message)).await.unwrap(), 200).json();
        let answers = message["related"].as_array()?.clone();
        let answer = answers.iter().find(|other| other["direction"] == "out")?["id"].as_str()?.to_owned();
        Some(status(erp.payload(&answer).await.unwrap(), 200).text())
    })
    .await;
    let told: Vec<_> =
        text.split('~').map(str::trim).filter(|one| one.starts_with("AK5") || one.starts_with("AK9")).collect();
    told.join(" ")
}

gwtest!(a_group_or_set_number_that_came_before_is_rejected_without_its_siblings, async |dir| {
    with_terms(&dir, REJECT, "");
    let mut gateway = Gateway::start(&dir).await;
    let (mut erp, mut supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let first: &[(u32, &[(&str, &str)])] = &[(7, &[("0001", "PO-1"), ("0002", "PO-2")])];
    let message = send(&supplier, &erp, 1, first).await;
    assert_eq!(answer(&erp, &message).await, "AK5*A AK5*A AK9*A*2*2*2");

    // A group's number again, with another content: the group beside it stays. Twice, since a restart changes nothing.
    for control in [2, 3] {
        let order = format!("PO-{control}9");
        let number = format!("010{control}");
        let group = 10 + control;
        // The second time its set has a number that came before as well, and the group's is what counts.
        let set = if control == 2 { "0003" } else { "0002" };
        let message = send(&supplier, &erp, control, &[(7, &[(set, "PO-3")]), (group, &[(&number, &order)])]).await;
        assert_eq!((state(&message), states(&message)), ("partial", vec!["rejected", "queued"]), "{message}");
        assert_eq!(answer(&erp, &message).await, "AK9*R*1*1*0*6 AK5*A AK9*A*1*1*1");
        assert!(message["timeline"].to_string().contains("X12-0210"), "{message}");
        assert!(!message["documents"][0].to_string().contains("X12-0309"), "{message}");
        gateway = gateway.restart(&dir).await;
        (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    }

    // A set's number again in another group. What was rejected above claimed none, so 0003 is free.
    let message = send(&supplier, &erp, 4, &[(9, &[("0002", "PO-5"), ("0003", "PO-6")])]).await;
    assert_eq!((state(&message), states(&message)), ("partial", vec!["rejected", "queued"]), "{message}");
    assert_eq!(answer(&erp, &message).await, "AK5*R*23 AK5*A AK9*P*2*2*1");
    assert!(message["documents"][0]["problem"].to_string().contains("X12-0309"), "{message}");

    // The group once more as it was, in an interchange of its own: that is no other content.
    let message = send(&supplier, &erp, 5, first).await;
    assert_eq!((state(&message), states(&message)), ("duplicate", vec!["duplicate", "duplicate"]), "{message}");
    assert_eq!(answer(&erp, &message).await, "AK5*A AK5*A AK9*A*2*2*2");

    // Twice in one file: the first counts.
    let twice: &[(u32, &[(&str, &str)])] = &[(20, &[("0020", "PO-20")]), (21, &[("0020", "PO-21")])];
    let message = send(&supplier, &erp, 6, twice).await;
    assert_eq!(states(&message), ["queued", "rejected"], "{message}");
    assert_eq!(answer(&erp, &message).await, "AK5*A AK9*A*1*1*1 AK5*R*23 AK9*R*1*1*0");

    // Rehearsals have numbers of their own, and a replay of what has its number is no repetition.
    let test = String::from_utf8(numbered(7, &[(7, &[("0001", "PO-7")])])).unwrap().replacen("*0*P*", "*0*T*", 1);
    let rehearsal = accepted(supplier.post_x12("k-7", test.into_bytes()).await.unwrap());
    assert_eq!(states(&settled(&erp, &rehearsal).await), ["queued"]);
    dir.run_well(&["replay", "--message", id(&message), "--reason", "to see"]);
    assert_eq!(states(&settled(&erp, id(&message)).await), ["queued", "rejected"]);
    gateway.stop().await;
});

gwtest!(only_what_counts_takes_its_numbers, async |dir| {
    with_terms(&dir, REJECT, "");
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let post = async |key: &str, bytes: Vec<u8>| {
        let id = accepted(supplier.post_x12(key, bytes).await.unwrap());
        settled(&erp, &id).await
    };
    let changed = |bytes: Vec<u8>, from: &str, to: &str| {
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(from), "{text}");
        text.replace(from, to).into_bytes()
    };
    // Two interchanges in one file count their groups together.
    let two = [numbered(1, &[(7, &[("0001", "PO-1")])]), numbered(2, &[(7, &[("0002", "PO-2")])])].concat();
    let message = post("two", two).await;
    assert_eq!(states(&message), ["queued", "rejected"], "{message}");

    // What is rejected or waits for a person, as a group or a whole interchange, takes none.
    let miscounted = changed(numbered(3, &[(30, &[("0030", "PO-30")])]), "~SE*", "~SE*9");
    assert_eq!(states(&post("SE01", miscounted).await), ["rejected"]);
    let message = send(&supplier, &erp, 4, &[(30, &[("0030", "PO-30b")])]).await;
    assert_eq!(states(&message), ["queued"], "{message}");
    let mixed = changed(numbered(5, &[(31, &[("0031", "PO-31")])]), "IEA*1*0", "IEA*1*9");
    assert_eq!(state(&post("IEA02", mixed).await), "rejected");
    let message = send(&supplier, &erp, 6, &[(31, &[("0031", "PO-31b")])]).await;
    assert_eq!(states(&message), ["queued"], "{message}");
    let message = post("ISA13", numbered(6, &[(32, &[("0032", "PO-32")])])).await;
    assert_eq!(state(&message), "held", "the interchange's own number came before: {message}");
    let message = send(&supplier, &erp, 7, &[(32, &[("0032", "PO-32b")])]).await;
    assert_eq!(states(&message), ["queued"], "{message}");

    // Nobody could be told that an acknowledgement's number came before.
    for control in [8, 9] {
        let text = String::from_utf8(numbered(control, &[(60, &[("0060", "PO-60")])])).unwrap();
        let (st, ge) = (text.find("ST*").unwrap(), text.find("GE*").unwrap());
        let head = text[..st].replace("GS*PR*", "GS*FA*");
        let set = format!("ST*997*0001~AK1*PO*{control}~AK9*A*1*1*1~SE*4*0001~");
        let message = post(&format!("FA-{control}"), format!("{head}{set}{}", &text[ge..]).into_bytes()).await;
        assert_ne!(state(&message), "rejected", "{message}");
    }

    // What came while a partner was being set up was never its business.
    let path = dir.join("partners/acme.toml");
    let live = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, live.replace("\"live\"", "\"onboarding\"")).unwrap();
    dir.run_well(&["reload"]);
    send(&supplier, &erp, 10, &[(50, &[("0050", "PO-50")])]).await;
    std::fs::write(&path, live).unwrap();
    dir.run_well(&["reload"]);
    let message = send(&supplier, &erp, 11, &[(50, &[("0051", "PO-51"), ("0050", "PO-52")])]).await;
    assert_eq!(states(&message), ["queued", "queued"], "{message}");
    gateway.stop().await;
});

gwtest!(numbers_of_groups_and_sets_are_held_where_the_file_says_so, async |dir| {
    with_terms(&dir, HOLD, "");
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    send(&supplier, &erp, 1, &[(7, &[("0001", "PO-1")])]).await;
    let message =
        send(&supplier, &erp, 2, &[(7, &[("0002", "PO-2")]), (8, &[("0001", "PO-3"), ("0004", "PO-4")])]).await;
    assert_eq!((state(&message), states(&message)), ("held", vec!["held", "held", "queued"]), "{message}");
    assert_eq!(answer(&erp, &message).await, "AK5*A AK9*A*1*1*1 AK5*A AK5*A AK9*A*2*2*2");
    let why: Vec<_> = (0..2).map(|at| message["documents"][at]["problem"]["text"].as_str().unwrap()).collect();
    assert!(why[0].starts_with("Group number (GS06) 7 came before with another content, in message msg_"), "{why:?}");
    assert!(why[1].starts_with("Set number (ST02) 0001 came before with another content, in message msg_"), "{why:?}");
    assert!(message["documents"][0]["problem"]["code"] == "EXC-0023", "{message}");

    // A person decides that they count.
    let path = dir.join("partners/acme.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace(HOLD, "")).unwrap();
    dir.run_well(&["reload"]);
    dir.run_well(&["replay", "--message", id(&message), "--reason", "they had a new counter"]);
    let message = settled(&erp, id(&message)).await;
    assert_eq!((state(&message), states(&message)), ("accepted", vec!["queued", "queued", "queued"]), "{message}");
    gateway.stop().await;
});

gwtest!(a_set_number_in_a_large_interchange_is_rejected_through_a_crash, async |dir| {
    with_terms(&dir, REJECT, "");
    let gateway = Gateway::start(&dir).await;
    let (erp, supplier) = (gateway.erp(), gateway.supplier(ACME_KEY));
    send(&supplier, &erp, 1, &[(7, &[("0005", "PO-1"), ("1200", "PO-2")]), (8, &[("9999", "PO-3")])]).await;
    let many: Vec<_> = (1..=4000).map(|n| (format!("{n:04}"), format!("PO-L{n}"))).collect();
    let many: Vec<_> = many.iter().map(|(set, order)| (set.as_str(), order.as_str())).collect();
    let bytes = numbered(2, &[(9, &many), (8, &[("5000", "PO-L5000")])]);
    let large = accepted(supplier.post_x12("large", bytes).await.unwrap());
    // In the midst of it, once the first documents are stored.
    wait_for("the first documents", async || {
        let message = status(erp.message(&large).await.unwrap(), 200).json();
        message["documents"].as_array().is_some_and(|all| !all.is_empty()).then_some(())
    })
    .await;
    gateway.kill9();
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let message = settled(&erp, &large).await;
    assert_eq!(state(&message), "partial");
    let told = answer(&erp, &message).await;
    assert_eq!(told.matches("AK5*R*23").count(), 2, "{told}");
    assert!(told.ends_with("AK5*A AK9*P*4000*4000*3998 AK9*R*1*1*0*6"), "{told}");
    gateway.stop().await;
});
