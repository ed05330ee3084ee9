//! What commands say and how they end when something is missing or wrong: exit codes as they are promised, and words that a
//! person can act on.

use std::process::Command;

use crate::util::{Dir, Gateway, cast::assemble, gwtest};

/// Runs a command; how it ended, and what it said on the way.
fn ends(dir: &Dir, arguments: &str) -> (Option<i32>, String) {
    let output = dir.run(&arguments.split(' ').collect::<Vec<_>>());
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[track_caller]
fn expect(dir: &Dir, all: &[(&str, i32, &str)]) {
    for (arguments, code, says) in all {
        let (ended, text) = ends(dir, arguments);
        assert!(ended == Some(*code) && text.contains(says), "gangway {arguments}: {ended:?}\n{text}");
        // Every code that it names has its page.
        for code in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| is_code(word)) {
            assert_eq!(ends(dir, &format!("explain {code}")).0, Some(0), "{code}");
        }
    }
}

/// Whether a word looks like `ABC-0123`.
fn is_code(word: &str) -> bool {
    word.split_once('-').is_some_and(|(room, number)| {
        room.len() == 3 && number.len() == 4 && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}

gwtest!(commands_without_a_gateway_say_what_is_missing, async |dir| {
    assemble(&dir);
    dir.create("bad.toml", "bogus = 1\n");
    dir.create("text.edi", "no interchange");
    expect(
        &dir,
        &[
            ("serve --config none.toml", 78, "none.toml:1:1: error[CFG-0001]"),
            ("find --config bad.toml --number 1", 78, "bad.toml:1:1: error[CFG-0003]: `bogus` is not known"),
            ("check bad.toml", 1, "error[CFG-0003]"),
            ("reload", 75, "no gateway runs"),
            ("queue release 1 --reason mended", 75, "no gateway runs"),
            ("replay --reason mended", 2, "say which messages"),
            ("find --from yesterday", 2, "expected a time like 2026-07-01T00:00:00Z"),
            ("find --state lost", 2, "expected processing"),
            ("partner new Acme! --template api-x12", 2, "cannot be a partner's id"),
            ("partner new acme --template api-x12", 2, "is there already"),
            ("partner show nobody", 2, "there is no partner nobody"),
            ("partner status acme flying", 2, "expected onboarding, test, live or suspended"),
            ("trace none.edi", 2, "none.edi: No such file"),
            ("trace text.edi", 1, "error[EXC-0001]"),
            ("x12 ack text.edi", 1, "nothing to acknowledge"),
            ("x12 convert text.edi", 1, "no document in text.edi"),
            ("x12 stats text.edi", 0, "\"interchanges\":0"),
            ("explain NONE-1", 2, "There is no code NONE-1"),
            ("certs rotate none", 2, "there is no key"),
            ("test none", 2, "there is no mapping none"),
        ],
    );
});

gwtest!(a_command_before_the_first_start_makes_a_data_folder_for_its_owner_alone, async |dir| {
    use std::os::unix::fs::PermissionsExt;
    assemble(&dir);
    let program = env!("CARGO_BIN_EXE_gangway");
    let new =
        format!("umask 022; exec {program} partner new delta --template api-x12 --their-id ZZ/DELTA --our-id ZZ/US");
    let done = Command::new("sh").args(["-c", &new]).current_dir(dir.join("")).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mode = |name: &str| std::fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("data/ledger.db")), (0o700, 0o600));
    assert!(!dir.run_well(&["check"]).contains("LED-0007"));
    std::fs::set_permissions(dir.join("data"), PermissionsExt::from_mode(0o755)).unwrap();
    assert!(dir.run_well(&["check"]).contains("warning[LED-0007]"));
});

gwtest!(commands_to_a_gateway_say_what_is_missing, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    expect(
        &dir,
        &[
            ("find --number 77", 1, "Nothing was found."),
            ("queue parked", 0, "There is nothing to list."),
            ("queue stats nobody", 1, "nobody"),
            // Which gateway may be said before what is asked of it, or behind.
            ("queue stats --config gangway.toml", 0, "erp"),
            ("queue --config gangway.toml stats", 0, "erp"),
            ("queue release 1 --reason mended", 1, "event 1 is not pending for erp"),
            ("queue skip 1", 2, "--reason <REASON>"),
            ("backup none/file", 1, "there is no folder"),
            ("backup file", 0, "has the data folder: the record, the payloads, as2 (3 files), erp.token"),
            ("backup file", 1, "is there already"),
            ("restore file", 78, "a restore never overwrites"),
            ("restore --resume", 2, "reason"),
            ("deliveries resend 5 --reason mended", 2, "not an id of this gateway"),
            ("certs new", 0, "does not sign yet"),
            ("audit list", 0, "certs new"),
            ("audit verify", 0, "1 record(s), none changed"),
        ],
    );
    gateway.stop().await;
});
