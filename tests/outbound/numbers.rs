//! Control numbers: never used twice, whoever asks at the same time, and where the old system left off.

use std::collections::BTreeSet;

use super::{bytes, issued, order_for, post};
use crate::util::{Gateway, accepted, cast::*, gwtest, status, wait_for};

gwtest!(fifty_orders_at_once_have_fifty_numbers, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..50 {
        let erp = gateway.erp();
        tasks.spawn(async move {
            accepted(erp.submit(&format!("k-{n}"), &order_for("acme", &format!("{n}"), "original")).await.unwrap())
        });
    }
    let posted = tasks.join_all().await;
    let erp = gateway.erp();
    let numbers = wait_for("fifty interchanges", async || {
        let found = status(erp.messages(&[("partner", "acme"), ("limit", "200")]).await.unwrap(), 200).json();
        let all = found["data"].as_array().unwrap();
        let numbers: Vec<_> = all.iter().filter_map(|one| one["interchange"].as_str().map(str::to_owned)).collect();
        (numbers.len() == 50).then_some(numbers)
    })
    .await;
    let expected: BTreeSet<_> = (1..=50).map(|n| format!("{n:09}")).collect();
    assert_eq!(numbers.into_iter().collect::<BTreeSet<_>>(), expected);
    assert_eq!(posted.iter().collect::<BTreeSet<_>>().len(), 50);
    gateway.stop().await;
});

gwtest!(numbers_go_on_where_the_old_system_left_off, async |dir| {
    assemble(&dir);
    let more = "\n[send]\nfirst_interchange = 4711\nfirst_group = 815\n";
    PartnerFile { more, ..ACME_FILE }.write(&dir);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let first = issued(&erp, "acme", &post(&erp, "k-1", "acme", "1").await).await;
    assert_eq!(first["interchange"], "000004711");
    let text = bytes(&erp, &first).await;
    let group = text.split('~').find(|segment| segment.starts_with("GS*")).unwrap();
    assert_eq!(group.split('*').nth(6), Some("815"), "{group}");
    // An operator has a series go on, and never back.
    let series = "isa 01/098765432>01/123456789 P";
    let set = |next: &str| {
        let args = ["numbers", "set", series, next, "--reason", "cutover"];
        dir.gangway(&args).output().unwrap().status.code()
    };
    assert_eq!(set("4712"), Some(0));
    assert_eq!(set("4711"), Some(1), "it was used");
    assert_eq!(set("9000"), Some(0));
    let next = issued(&erp, "acme", &post(&erp, "k-2", "acme", "2").await).await;
    assert_eq!(next["interchange"], "000009000");
    let listed = dir.gangway(&["numbers", "list"]).output().unwrap();
    assert!(String::from_utf8_lossy(&listed.stdout).contains(&format!("{series}  9001")));
    gateway.stop().await;
});

gwtest!(a_kill_between_the_promise_and_the_issue_loses_and_doubles_nothing, async |dir| {
    assemble(&dir);
    let mut gateway = Gateway::start(&dir).await;
    let mut posted = Vec::new();
    for round in 0..6 {
        let erp = gateway.erp();
        for n in 0..5 {
            posted.push(post(&erp, &format!("k-{round}-{n}"), "acme", &format!("{round}{n}")).await);
        }
        gateway.kill9();
        gateway = Gateway::start(&dir).await;
    }
    let erp = gateway.erp();
    wait_for("every order to be issued", async || (erp.whole_log().await.unwrap().len() >= posted.len()).then_some(()))
        .await;
    let (mut orders, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for event in erp.whole_log().await.unwrap() {
        assert_eq!(event.kind, "gangway.purchase_order.issued.v1");
        assert!(orders.insert(event.subject.clone()), "{} was issued twice", event.subject);
        let message = status(erp.message(&event.messageid).await.unwrap(), 200).json();
        assert!(numbers.insert(message["interchange"].as_str().unwrap().to_owned()), "{message}");
    }
    assert_eq!((orders.len(), numbers.len()), (posted.len(), posted.len()));
    gateway.stop().await;
});
