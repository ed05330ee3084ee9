//! Who is let in, and who is not.

use std::time::Duration;

use gangway::{
    doors::sftp::Limits,
    net::Balancers,
    partner::{Directory, SftpTerms, Status},
};

use super::{
    raw::Raw,
    site::{PASSWORD, Site, acme, openssh, partner, text},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_passwords_of_partners_files_let_in_and_others_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let site =
        Site::open(dir.path(), vec![acme(|_| {}).await, partner("bolt", |terms| terms.passwords.clear()).await]).await;
    assert_eq!(Raw::password(site.address, "acme", &[PASSWORD]).await, Some(true));
    assert_eq!(Raw::password(site.address, "acme", &["wrong", PASSWORD]).await, Some(true), "one mistake ends nothing");
    assert_eq!(Raw::password(site.address, "nobody", &[PASSWORD]).await, Some(false));
    assert_eq!(Raw::password(site.address, "bolt", &[PASSWORD, ""]).await, Some(false));
    let raw = Raw::login(site.address, "bolt").await;
    assert_eq!(raw.sftp().await.realpath("inbound/../..").await.unwrap().files[0].filename, "/");
    let metrics = site.metrics.encode();
    assert!(metrics.contains("gangway_sftp_logins_total{result=\"refused\"} 4"), "{metrics}");
    assert!(metrics.contains("gangway_sftp_sessions 1"), "{metrics}");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_is_not_listened_to_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|_| {}).await]).await;
    for _ in 0..2 {
        assert_eq!(Raw::password(site.address, "acme", &["a", "b", "c", "d", "e", "f", "g"]).await, None);
    }
    assert_eq!(Raw::password(site.address, "acme", &[PASSWORD]).await, None, "banned");
    site.close().await;
}

// Suppliers of one bureau or behind one firewall share an address: who is logged in is not in the way of the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_logged_in_leaves_room_for_others_of_the_same_address() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open_with(dir.path(), vec![acme(|_| {}).await], |limits| limits.waiting_each = 1).await;
    let first = Raw::login(site.address, "acme").await;
    let mut second = None;
    for _ in 0..100 {
        second = Raw::password(site.address, "acme", &[PASSWORD]).await;
        if second.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(second, Some(true));
    drop(first);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_balancer_bans_and_networks_go_by_who_it_speaks_for() {
    let dir = tempfile::tempdir().unwrap();
    let home = acme(|terms| terms.sources = vec!["192.0.2.0/24".parse().unwrap()]).await;
    let balanced = |limits: &mut Limits| limits.balancers = Balancers::new(|address| address.is_loopback());
    let site = Site::open_with(dir.path(), vec![home], balanced).await;
    let from = |address: &str| format!("PROXY TCP4 {address} 127.0.0.1 40000 22\r\n");
    let login =
        async |header: &str, passwords: &[&str]| Raw::password_behind(site.address, header, "acme", passwords).await;
    assert_eq!(login(&from("192.0.2.7"), &[PASSWORD]).await, Some(true));
    assert_eq!(login(&from("198.51.100.7"), &[PASSWORD]).await, Some(false), "another network");
    for _ in 0..2 {
        assert_eq!(login(&from("192.0.2.66"), &["a", "b", "c", "d", "e", "f", "g"]).await, None);
    }
    assert_eq!(login(&from("192.0.2.66"), &[PASSWORD]).await, None, "banned");
    assert_eq!(login(&from("192.0.2.7"), &[PASSWORD]).await, Some(true), "and nobody else with it");
    assert_eq!(login("", &[PASSWORD]).await, None, "a balancer says for whom it speaks");
    assert_eq!(login("PROXY UNKNOWN\r\n", &[PASSWORD]).await, Some(false), "from the balancer itself");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_balancer_cannot_say_that_it_is_somebody_else() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|_| {}).await]).await;
    let header = "PROXY TCP4 192.0.2.7 127.0.0.1 40000 22\r\n";
    assert_eq!(Raw::password_behind(site.address, header, "acme", &[PASSWORD]).await, None);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspended_partners_and_foreign_networks_stay_out() {
    let dir = tempfile::tempdir().unwrap();
    let away = acme(|terms| terms.sources = vec!["192.0.2.0/24".parse().unwrap()]).await;
    let site = Site::open(dir.path(), vec![away]).await;
    assert_eq!(Raw::password(site.address, "acme", &[PASSWORD]).await, Some(false));
    let mut changed = acme(|terms| terms.sources = vec!["127.0.0.0/8".parse().unwrap()]).await;
    site.directory.store(Directory::of([changed.clone()]).into());
    assert_eq!(Raw::password(site.address, "acme", &[PASSWORD]).await, Some(true));
    changed.status = Status::Suspended;
    site.directory.store(Directory::of([changed.clone()]).into());
    assert_eq!(Raw::password(site.address, "acme", &[PASSWORD]).await, Some(false));
    changed.status = Status::Onboarding;
    site.directory.store(Directory::of([changed]).into());
    assert_eq!(Raw::password(site.address, "acme", &[PASSWORD]).await, Some(true));
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_has_so_many_sessions_and_gets_them_back() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|terms| terms.sessions = 2).await]).await;
    let (one, two) = (Raw::login(site.address, "acme").await, Raw::login(site.address, "acme").await);
    let (_first, _second) = (one.sftp().await, two.sftp().await);
    let third = Raw::login(site.address, "acme").await;
    assert!(third.ends().await);
    one.cut();
    crate::util::wait_for("a place", async || {
        let again = Raw::login(site.address, "acme").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        (!again.is_closed()).then_some(())
    })
    .await;
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn algorithms_are_modern_and_old_signatures_are_refused() {
    if !openssh("sftp: algorithms") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|_| {}).await]).await;
    let good = [
        "Ciphers=aes128-gcm@openssh.com",
        "Ciphers=aes256-gcm@openssh.com",
        "Ciphers=chacha20-poly1305@openssh.com",
        "Ciphers=aes128-ctr",
        "KexAlgorithms=ecdh-sha2-nistp256",
        "KexAlgorithms=curve25519-sha256",
        "KexAlgorithms=diffie-hellman-group14-sha256",
        "HostKeyAlgorithms=ecdsa-sha2-nistp256",
        "HostKeyAlgorithms=ssh-ed25519",
    ];
    for option in good {
        let output = site.sftp_as("acme", "pwd\n", &["-o", option]).await;
        assert!(output.status.success(), "{option}: {}", text(&output.stderr));
    }
    for option in ["KexAlgorithms=diffie-hellman-group14-sha1", "Ciphers=aes128-cbc", "MACs=hmac-sha1"] {
        let only = if option.starts_with("MACs") { "Ciphers=aes128-ctr" } else { "Compression=no" };
        let output = site.sftp_as("acme", "pwd\n", &["-o", option, "-o", only]).await;
        assert!(!output.status.success(), "{option}");
    }
    // A partner's RSA key works with SHA-2 signatures only.
    let key = dir.path().join("rsa");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f"])
        .arg(&key)
        .status();
    assert!(made.unwrap().success());
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let with_rsa = acme(|terms| terms.keys = vec![public.trim().parse().unwrap()]).await;
    site.directory.store(Directory::of([with_rsa]).into());
    let identity = format!("IdentityFile={}", key.display());
    for (algorithm, works) in [("rsa-sha2-256", true), ("rsa-sha2-512", true), ("ssh-rsa", false)] {
        let only = format!("PubkeyAcceptedAlgorithms={algorithm}");
        let output = site.sftp_as("acme", "pwd\n", &["-o", &identity, "-o", &only]).await;
        assert_eq!(output.status.success(), works, "{algorithm}: {}", text(&output.stderr));
    }
    let algorithms: Vec<_> = site.fingerprints.iter().map(|(algorithm, _)| algorithm.as_str()).collect();
    assert_eq!(algorithms, ["ssh-ed25519", "ecdsa-sha2-nistp256"]);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_algorithms_are_for_those_whose_file_allows_them_up_to_a_day() {
    if !openssh("sftp: old algorithms") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let old = async |id: &str, day: Option<&str>, sources: &[&str]| {
        let change = |terms: &mut SftpTerms| {
            terms.weak_until = day.map(|day| day.parse().unwrap());
            terms.sources = sources.iter().map(|network| network.parse().unwrap()).collect();
        };
        partner(id, change).await
    };
    let site =
        Site::open(dir.path(), vec![old("acme", Some("2099-12-31"), &[]).await, old("bolt", None, &[]).await]).await;
    let settings = [
        "KexAlgorithms=diffie-hellman-group14-sha1",
        "KexAlgorithms=diffie-hellman-group1-sha1",
        "KexAlgorithms=diffie-hellman-group-exchange-sha1",
        "Ciphers=aes128-cbc",
        "Ciphers=aes256-cbc",
        "MACs=hmac-sha1",
    ];
    let login = async |user: &str, setting: &str| {
        let beside = if setting.starts_with("MACs") { "Ciphers=aes128-ctr" } else { "Compression=no" };
        let output = site.sftp_as(user, "pwd\n", &["-o", setting, "-o", beside]).await;
        (output.status.success(), text(&output.stderr))
    };
    for setting in settings {
        let (works, said) = login("acme", setting).await;
        assert!(works, "{setting}: {said}");
        let (works, said) = login("bolt", setting).await;
        assert!(!works && said.contains("Permission denied"), "{setting}: {said}");
    }
    assert!(login("bolt", "Ciphers=aes128-ctr").await.0, "what is modern works for everybody");
    let metrics = site.metrics.encode();
    assert!(metrics.contains("gangway_sftp_logins_total{result=\"weak\"} 6"), "{metrics}");
    assert!(metrics.contains("gangway_sftp_logins_total{result=\"too weak\"} 6"), "{metrics}");

    // A partner's RSA key with signatures over SHA-1.
    let key = dir.path().join("rsa");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f"])
        .arg(&key)
        .status();
    assert!(made.unwrap().success());
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let with_key = |mut partner: gangway::partner::Partner| {
        partner.sftp.as_mut().unwrap().keys = vec![public.trim().parse().unwrap()];
        partner
    };
    let both = [with_key(old("acme", Some("2099-12-31"), &[]).await), with_key(old("bolt", None, &[]).await)];
    site.directory.store(Directory::of(both).into());
    let identity = format!("IdentityFile={}", key.display());
    for (user, works) in [("acme", true), ("bolt", false)] {
        let options = ["-o", &identity, "-o", "PubkeyAcceptedAlgorithms=ssh-rsa"];
        let output = site.sftp_as(user, "pwd\n", &options).await;
        assert_eq!(output.status.success(), works, "{user}: {}", text(&output.stderr));
    }

    // When the day is over, or it may only come from elsewhere, nothing old is offered at all: it does not come to a login.
    let logins =
        |site: &Site| site.metrics.encode().lines().filter(|line| line.contains("sftp_logins")).collect::<String>();
    let before = logins(&site);
    for (day, sources) in [("2026-01-31", &[][..]), ("2099-12-31", &["192.0.2.0/24"])] {
        site.directory.store(Directory::of([old("acme", Some(day), sources).await]).into());
        let (works, said) = login("acme", settings[0]).await;
        assert!(!works, "{day}: {said}");
    }
    assert_eq!(logins(&site), before);
    site.close().await;
}
