//! `gangway demo`, as anybody runs it first: every step happens, over all three channels.

use crate::util::gwtest;

gwtest!(the_demo_plays_the_whole_day, async |dir| {
    let mut command = dir.gangway(&["demo"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let told = [
        "coldforge takes 850 over AS2",
        "purchase_order.accepted.v1 purchase_order/4500012345",
        "lines accepted, quantity_changed, rejected",
        "tallgrass fetches 850 over SFTP",
        "purchase_order.accepted.v1 purchase_order/4500012346",
        "nordbolt fetches JSON over REST",
        "3 attempts answered 503",
        "purchase_order.delivered.v1 purchase_order/4500012348",
        "held: The envelope says that it is from ZZ/SOMEBODY",
        "Every step happened",
    ];
    let mut rest = text.as_str();
    for line in told {
        let Some((_, after)) = rest.split_once(line) else {
            panic!("{line} is not there, or not in its place: {text}")
        };
        rest = after;
    }
});
