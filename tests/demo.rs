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
        "nordbolt posts acknowledgements as JSON",
        "lines accepted, rescheduled, rejected",
        "nordbolt posts invoices as JSON",
        "gangway.invoice.received.v1 invoice/INV-3001",
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

gwtest!(a_demo_that_is_kept_removes_its_folder_when_it_is_ended, async |dir| {
    use std::io::{BufRead, BufReader, Read};

    let mut command = dir.gangway(&["demo", "--keep"]);
    command.env("TMPDIR", dir.join("."));
    #[expect(clippy::disallowed_methods, reason = "what a program of our own prints")]
    let ended = tokio::task::spawn_blocking(move || {
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("It keeps running") {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended by itself");
        }
        let sent = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        (child.wait().unwrap(), rest)
    });
    let (status, rest) = ended.await.unwrap();
    assert!(status.success() && rest.contains("Ended by SIGTERM"), "{status}: {rest}");
    let left: Vec<_> = std::fs::read_dir(dir.join(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
});
