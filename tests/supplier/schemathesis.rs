//! schemathesis asks for everything that the description says may be asked for, and for what it says may not, and holds
//! every answer to it.

use std::{path::PathBuf, process::Command};

use super::open;
use crate::{
    outbound::{post, verbs},
    util::{cast::*, full, gwtest, skip},
};

/// Left out: that whatever fits the schemas is taken. Conditions, keys that came before and an order that the address names
/// are decided beyond schemas.
const NOT_HELD: &str = "positive_data_acceptance";

/// The program, where `tests/run` or somebody else has installed it.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("GANGWAY_SCHEMATHESIS").map(PathBuf::from);
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/schemathesis/bin/schemathesis");
    named.or(Some(own)).filter(|path| path.exists())
}

gwtest!(whatever_may_be_asked_is_answered_as_described, async |dir| {
    let Some(program) = program() else {
        return skip("supplier::schemathesis", "schemathesis is not installed (tests/run installs it below target/)");
    };
    let (gateway, erp, acme) = open(&dir).await;
    drop(acme);
    post(&erp, "1", "acme", "4500012345").await;
    verbs(&erp, "purchase_order/4500012345", 1).await;
    let mut run = Command::new(program);
    run.arg("run").arg(format!("http://{}/v1/openapi.json", gateway.public_address()));
    run.args(["--header", &format!("Authorization: Bearer {ACME_KEY}"), "--exclude-checks", NOT_HELD]);
    run.args(["--workers", "2", "--request-timeout", "60", "--no-color"]);
    match full() {
        true => run.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "100"]),
        false => run.args(["--phases", "examples,fuzzing", "--max-examples", "5", "--seed", "7"]),
    };
    let hooks = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/supplier");
    run.env("PYTHONPATH", hooks).env("SCHEMATHESIS_HOOKS", "schemathesis_hooks").env("PYTHONDONTWRITEBYTECODE", "1");
    run.current_dir(dir.join("."));
    let done = tokio::task::spawn_blocking(move || run.output().expect("schemathesis")).await.unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{told}\n{}", String::from_utf8_lossy(&done.stderr));
    gateway.stop().await;
});
