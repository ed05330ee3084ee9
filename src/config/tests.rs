//! What reading settings promises, from the file in the repository to the worst one a person can write.

use std::{path::Path, sync::Arc};

use super::{
    render::{Format, render, tidy},
    *,
};
use crate::{document::DocumentType, error};

const SHIPPED: &str = include_str!("../../gangway.toml");

fn load(text: &str) -> (Settings, Vec<Diagnostic>) {
    Settings::parse(&Source::new("gangway.toml", text), Path::new(""))
}

fn told(format: Format, text: &str) -> String {
    let (_, mut findings) = load(text);
    tidy(&mut findings);
    render(format, &findings, false, |code| error::pages(EXPLAIN).find(|page| page.code == code))
}

const BROKEN: &str = r#"partner = "partners"
datta = "data"

[public]
http = "localhost:8080"
https = 8443
certificate = "chain.pem"

[private]
http = "0.0.0.0:2222"

[erp]
token = "hunter2"

[consumers.erp]
types = ["invoices", "shipment_notice"]
mode = "Live"
max_attempts = -1

[limits]
body = "20"
uploads = "64"
message_size = "1 MiB"

[retention]
keep = "30 days"
[retention.types]
invoce = "800 days"
"#;

#[test]
fn the_shipped_file_says_nothing_but_the_defaults() {
    let (settings, findings) = load(SHIPPED);
    assert_eq!((settings, findings), (Settings::default(), vec![]));
}

#[test]
fn every_default_in_the_shipped_file_is_the_default() {
    let open: String = SHIPPED
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with([' ', ':']) && !setting.is_empty() => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let (settings, findings) = load(&open);
    assert_eq!((settings, findings), (Settings::default(), vec![]));
    // … and every key has its line.
    let (node, _) = Node::parse(&Source::new("gangway.toml", open.as_str()));
    let written: Vec<_> = node.leaves().into_iter().map(|(path, _)| path).collect();
    let without_default = [
        "erp.token",
        "public.certificate",
        "public.key",
        "as2.url",
        "as2.certificate",
        "as2.key",
        "alerts.url",
        "oauth.issuer",
        "oauth.keys",
    ];
    for (table, keys) in settings::SHAPE {
        for key in *keys {
            let path = if table.is_empty() { (*key).to_owned() } else { format!("{table}.{key}") };
            let is_table = node.at(&path).is_some_and(|node| node.as_table().is_some());
            assert!(is_table || written.contains(&path) || without_default.contains(&&*path), "{path}");
        }
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    insta::assert_snapshot!("broken_settings_text", told(Format::Text, BROKEN));
    insta::assert_snapshot!("broken_settings_concise", told(Format::Concise, BROKEN));
    for format in [Format::Text, Format::Concise, Format::Json, Format::Sarif] {
        assert!(!told(format, BROKEN).contains("hunter2"), "{format} shows a secret");
    }
}

#[test]
fn programs_get_json_and_sarif() {
    let text = "[public]\nhttp = \"localhost:8080\"\n[private]\nhttp = \"127.0.0.1:8443\"\n";
    insta::assert_snapshot!("findings_json", told(Format::Json, text));
    insta::assert_snapshot!("findings_sarif", told(Format::Sarif, text));
}

#[test]
fn broken_syntax_does_not_hide_other_mistakes_nor_show_a_secret() {
    let text =
        "data = data\n[erp]\ntoken = hunter2\n[limits]\nuploads = 012\nbdy = \"1 MiB\"\n[log\nlevel = \"info\"\n";
    insta::assert_snapshot!("broken_syntax", told(Format::Text, text));
    assert!(!told(Format::Json, text).contains("hunter2"));
}

#[test]
fn what_is_no_file_of_ours_is_told_in_few_words() {
    let unknown: String = (0..50_000).map(|n| format!("k{n} = {n}\n")).collect();
    for text in ["=\n".repeat(300_000), unknown, "a = [".repeat(100_000), format!("a = {}", "[".repeat(500_000))] {
        let (_, findings) = load(&text);
        assert!((1..=2 * 101).contains(&findings.len()), "{}", findings.len());
        render(Format::Text, &findings[..2.min(findings.len())], false, |_| None);
    }
}

#[test]
fn settings_have_what_was_written() {
    let (settings, findings) = Settings::parse(
        &Source::new(
            "conf/gangway.toml",
            r#"
data = "/var/lib/gangway"
partners = "suppliers"
[public]
https = "off"
[erp]
token = "env:PATH"
[consumers.planning]
types = ["invoice"]
start = "2026-01-31T00:00:00Z"
[retention.types]
invoice = "4000 days"
"#,
        ),
        Path::new("conf"),
    );
    assert_eq!(findings, []);
    assert_eq!(
        (settings.data.as_path(), settings.partners.as_path()),
        (Path::new("/var/lib/gangway"), Path::new("conf/suppliers"))
    );
    assert_eq!(settings.public.https.get(), None);
    assert_eq!(settings.public.http.get().map(|at| at.port()), Some(8080));
    let consumer = &settings.consumers[0];
    assert_eq!((consumer.name.as_str(), consumer.types.as_slice()), ("planning", &[DocumentType::Invoice][..]));
    assert_eq!(consumer.start, Start::At("2026-01-31T00:00:00Z".parse().unwrap()));
    assert_eq!(settings.consumers.len(), 1);
    assert_eq!(settings.retention(DocumentType::Invoice), Duration::days(4000));
    assert_eq!(settings.retention(DocumentType::Forecast), Duration::days(3650));
    assert_eq!(settings.erp.token.as_ref().unwrap().origin.to_string(), "conf/gangway.toml:7");
    assert!(settings.inspect().is_empty());
}

#[test]
fn what_settings_refer_to_is_looked_for_only_when_asked() {
    let (settings, findings) =
        load("[public]\ncertificate = \"no.pem\"\nkey = \"no.key\"\n[erp]\ntoken = \"env:GANGWAY_NO_SUCH\"\n");
    assert_eq!(findings, []);
    let codes: Vec<_> = settings.inspect().iter().map(|finding| (finding.code, finding.is_error())).collect();
    assert_eq!(codes, [(codes::SECRET_UNREADABLE, false), (codes::UNREADABLE, true), (codes::UNREADABLE, true)]);
}

#[test]
fn an_absent_file_is_an_error_only_when_it_was_named() {
    let (settings, findings) = Settings::load(Some(Path::new("/nowhere/gangway.toml")));
    assert_eq!(findings.iter().map(|f| f.code).collect::<Vec<_>>(), [codes::UNREADABLE]);
    assert_eq!(settings.data, Path::new("/nowhere/data"));
}

#[test]
fn the_schema_in_the_repository_is_fresh() {
    schema::assert_fresh("partners/.gangway.schema.json", &schema::of::<SettingsFile>("Settings of Gangway", &[]));
}

proptest::proptest! {
    /// Whatever is done to a file, reading it never panics, and a file that is not what it was either means the
    /// same or is told about.
    #[test]
    fn no_edit_breaks_the_reader(at in 0..BROKEN.len(), len in 0_usize..40, with in "[\\[\\]\"=#.a-z0-9 \n]{0,6}") {
        let (start, end) = (at, (at + len).min(BROKEN.len()));
        let text = format!("{}{with}{}", &BROKEN[..start], &BROKEN[end..]);
        let (_, findings) = load(&text);
        for format in [Format::Text, Format::Concise, Format::Json, Format::Sarif] {
            render(format, &findings, false, |_| None);
        }
        let _ = Arc::new(findings);
    }
}
