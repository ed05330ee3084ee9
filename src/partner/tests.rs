//! What a folder of partners promises: everything wrong is told at its line, and one mistake costs one partner.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::config::{
    Diagnostic,
    render::{Format, render},
    schema,
};
use crate::document::{DocumentType, Mode};

/// A folder of partners with a data folder beside it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(folder.partners().join("templates")).unwrap();
        folder
    }

    fn partners(&self) -> PathBuf {
        self.0.path().join("partners")
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        fs::write(self.partners().join(name), text).unwrap();
        self
    }

    fn sources(&self) -> Sources {
        Sources {
            partners: self.partners(),
            last_good: Some(self.0.path().join("data/last-good")),
            largest_body: 1 << 30,
            ours: Some(Ourselves { as2_id: "US".to_owned(), takes_receipts: false }),
        }
    }

    fn load(&self) -> (Directory, Vec<Diagnostic>) {
        Directory::load(&self.sources(), &|id| id.starts_with("x12-"))
    }

    fn told(&self, findings: &[Diagnostic]) -> String {
        let told = render(Format::Concise, findings, false, |_| None);
        told.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn acme_file(more: &str) -> String {
    format!(
        "name = \"Acme\"\nstatus = \"live\"\nvendor_number = \"100234\"\n[x12]\nids = [\"ZZ/ACME\"]\nours = \"ZZ/US\"\n\
         [rest]\napi_keys = [\"{}\"]\n{more}",
        ApiKeyHash::of("gw_live_acme")
    )
}

fn codes_of(findings: &[Diagnostic]) -> Vec<&'static str> {
    findings.iter().map(|told| told.code.as_str()).collect()
}

#[test]
fn the_examples_and_the_built_in_templates_are_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("partners");
    let sources = Sources { partners: folder, largest_body: 1 << 30, ..Sources::default() };
    let (directory, findings) = Directory::load(&sources, &|_| true);
    assert_eq!(findings, []);
    assert_eq!(directory.partners().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["coldforge", "nordbolt", "tallgrass"]);
    for key in EXAMPLE_KEYS {
        let access = directory.by_api_key(key).unwrap_or_else(|| panic!("{key} opens nothing"));
        assert!(key.contains(access.partner.id.as_str()));
        assert_eq!(access.mode, if key.starts_with("gw_test_") { Mode::Test } else { Mode::Live });
    }
    let coldforge = directory.by_envelope(("ZZ", "COLDFORGE      "), None).unwrap();
    assert_eq!(coldforge.as2.as_ref().unwrap().certificates.len(), 1);
    assert_eq!(directory.by_as2_id("COLDFORGE-AS2"), Some(coldforge));
    assert_eq!(directory.by_vendor_number("900102"), Some(coldforge));
    let tallgrass = directory.by_sftp_user("tallgrass").unwrap();
    let terms = tallgrass.x12.as_ref().unwrap();
    assert_eq!((terms.detail, terms.ta1), (Detail::Failures, Ta1::OnRequest), "from the template");
    assert_eq!(terms.overlay.as_ref().unwrap().elements["REF02"].max, Some(40));
    assert_eq!(terms.rules, [("ctt_count".to_owned(), RuleSeverity::Off)]);
}

#[test]
fn the_examples_can_be_written_anywhere() {
    let folder = Folder::new();
    write_examples(&folder.partners(), Status::Live).unwrap();
    let (directory, findings) = folder.load();
    assert!(directory.partners().all(|p| p.status == Status::Live));
    assert_eq!(codes_of(&findings), ["PRT-0012"; 4], "live partners with keys that everybody knows");
}

#[test]
fn the_schemas_in_the_repository_are_fresh() {
    schema::assert_fresh("partners/.schema.json", &partner_schema());
    schema::assert_fresh("partners/templates/.schema.json", &template_schema());
}

#[test]
fn an_absent_folder_has_no_partners_and_keeps_nothing() {
    let folder = Folder::new();
    fs::remove_dir_all(folder.partners()).unwrap();
    let (directory, findings) = folder.load();
    assert_eq!((directory.partners().count(), findings), (0, vec![]));
}

#[test]
fn every_mistake_of_a_file_is_told() {
    let folder = Folder::new();
    folder.write(
        "templates/ours.toml",
        "name = \"x\"\n[x12]\nusage = \"X\"\nverison = \"004010\"\n[x12.overlay.85]\nrepeat = { REF02 = 1 }\n",
    );
    folder.write(
        "broken.toml",
        r#"name = 7
template = "our"
status = "Live"
vendor_number = 100234
message_size = "20 MiB"

[x12]
ids = ["123456789", "ZZ/ACME"]
ours = "1/US"
version = "4010"
via = "opentxt"
acknowlegement = "997"
ta1 = "allways"
strict = "yes"
[x12.rules]
X12-0104 = "warn"
X12-9999 = "off"
hl_parents = "off"
[x12.overlay.sets.856]
required = "BSN"
maximum = { HL = "many", N1 = 0 }
extra = [{ segment = "ZZZ" }]
[x12.overlay.segments.REF]
required = [3, 300]

[rest]
api_keys = ["gw_live_oh_no_this_is_the_key_itself", "sha256:00"]

[as2]
url = "as2.acme.example"
certificates = ["certs/none.pem"]

[sftp]
users = ["a b"]
passwords = ["letmein"]

[limits]
requests = 600
documents = "20000"

[mappings]
invoce = "x12-810"
855 = "acme-855"
"#,
    );
    let (directory, findings) = folder.load();
    assert_eq!(directory.partners().count(), 0);
    let told = folder.told(&findings);
    for secret in ["oh_no", "letmein"] {
        let text = render(Format::Text, &findings, false, |_| None);
        assert!(!text.contains(secret) && !told.contains(secret), "{secret} is shown");
    }
    insta::assert_snapshot!("broken_partner", told);
}

#[test]
fn what_a_good_shape_can_still_get_wrong() {
    let folder = Folder::new();
    folder.write(
        "broken.toml",
        &acme_file("[as2]\nid = \"A\"\ncertificates = [\"certs/none.pem\", \"broken.toml\"]\n[sftp]\nusers = [\"acme\"]\n\
               [mappings]\n855 = \"acme-855\"\n[x12.overlay.sets.856]\nrequired = [\"BSN\", \"XYZ\"]\n[x12.overlay.elements]\nREF09 = { max = 3 }\n\
               REF02 = { min = 9, max = 3 }\n"),
    );
    folder.write(
        "lonely.toml",
        "name = \"Lonely\"\n[x12]\nids = [\"ZZ/LONELY\"]\nours = \"ZZ/US\"\nvia = \"acmee\"\n[mappings]\n855 = \"acme-855\"\n",
    );
    folder.write(
        "acme.toml",
        "name = \"No way in\"\n[limits]\nmessage_size = \"2 GiB\"\n[send.batch]\nsize = \"16 MiB\"\n",
    );
    let (_, findings) = folder.load();
    insta::assert_snapshot!("wrong_meaning", folder.told(&findings));
}

#[test]
fn identities_that_are_probably_slips_are_told() {
    let folder = Folder::new();
    let told = |ids: &str, ours: &str| {
        let text = format!("name = \"A\"\n[rest]\noauth_clients = [\"a\"]\n[x12]\nids = [{ids}]\nours = \"{ours}\"\n");
        folder.write("acme.toml", &text);
        let findings = Directory::load(&folder.sources().without_last_good(), &|_| true).1;
        let line = |told: &Diagnostic| format!("{}:{} {}", told.line().unwrap().1, told.is_error(), told.message);
        findings.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(told("\"01/123456789\", \"01/1234567890123\", \"ZZ/A\", \"12/A\"", "14/098765432US"), [""; 0]);
    assert_eq!(
        told("\"01/12345678\", \"05/A\", \"Z1/A\"", "01/US"),
        [
            "5:false 12345678 is no D-U-N-S number, as qualifier 01 says: that has 9 or 13 digits",
            "5:false X12 knows no qualifier 05",
            "5:false X12 knows no qualifier Z1",
            "6:false US is no D-U-N-S number, as qualifier 01 says: that has 9 or 13 digits",
        ]
    );
    assert_eq!(told("\"ZZ/A\", \"ZZ/US\"", "ZZ/US"), ["5:true ZZ/US cannot be both of us"]);
}

#[test]
fn a_private_key_is_told_for_what_it_is_and_no_certificate() {
    let folder = Folder::new();
    let pair = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&pair).unwrap().pem();
    folder.write("key.pem", &pair.serialize_pem()).write("both.pem", &(certificate.clone() + &pair.serialize_pem()));
    folder.write("ours.pem", &(certificate + &pair.serialize_pem()));
    let rest = |name: &str| format!("name = \"A\"\n[rest]\nclient_certificates = [\"{name}\"]\n");
    folder.write("key.toml", &rest("key.pem")).write("both.toml", &rest("both.pem"));
    folder.write("slash.toml", &rest("certs\\new.pem"));
    let pem = EXAMPLES.iter().find(|(name, _)| name.ends_with(".pem")).unwrap().1;
    folder.write("their.pem", pem);
    folder.write(
        "ours.toml",
        "name = \"A\"\n[as2]\nid = \"A\"\ncertificates = [\"their.pem\"]\nclient_certificate = \"ours.pem\"\n\
         client_key = \"file:none\"\n",
    );
    let (directory, findings) = folder.load();
    assert_eq!(directory.partners().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["both", "ours"]);
    insta::assert_snapshot!("private_keys", folder.told(&findings));
    let shown = render(Format::Text, &findings, false, |_| None);
    assert!(!shown.contains("BEGIN"), "{shown}");
}

#[test]
fn two_partners_cannot_have_one_identity() {
    let folder = Folder::new();
    folder.write("acme.toml", &acme_file("[as2]\nid = \"ACME\"\ncertificates = [\"c.pem\"]\n[sftp]\nusers = [\"acme\"]\npasswords = [\"$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA\"]\n"));
    folder.write("c.pem", EXAMPLES.iter().find(|(name, _)| name.ends_with(".pem")).unwrap().1);
    folder.write("other.toml", &fs::read_to_string(folder.partners().join("acme.toml")).unwrap());
    folder.write(
        "third.toml",
        "name = \"Third\"\n[x12]\nids = [\"ZZ/ACME GS:WEST\"]\nours = \"ZZ/US\"\nvia = \"acme\"\n",
    );
    let (directory, findings) = folder.load();
    assert_eq!(directory.partners().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["third"], "nobody knows whose it is");
    insta::assert_snapshot!("conflicts", folder.told(&findings));
}

#[test]
fn who_had_an_identity_keeps_it_and_the_newcomer_waits() {
    let folder = Folder::new();
    folder.write("acme.toml", &acme_file(""));
    assert_eq!(folder.load().1, []);
    folder.write("aaa.toml", &acme_file(""));
    let (directory, findings) = folder.load();
    assert_eq!(directory.partners().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["acme"]);
    assert!(codes_of(&findings).contains(&"PRT-0005"), "{findings:?}");
    assert!(findings.iter().all(|told| told.line().unwrap().0.ends_with("aaa.toml")));
}

#[test]
fn who_had_an_identity_keeps_it_also_when_its_own_file_has_changed() {
    let folder = Folder::new();
    folder.write("acme.toml", &acme_file(""));
    assert_eq!(folder.load().1, []);
    folder.write("acme-copy.toml", &acme_file(""));
    folder.load();
    // Whatever is done to acme's file counts, with the copy beside it, and after a restart.
    folder.write("acme.toml", &acme_file("webhook_endpoints = true\n").replace("\"live\"", "\"suspended\""));
    for _ in 0..2 {
        let (directory, findings) = folder.load();
        let acme = directory.partner("acme").unwrap();
        assert_eq!((acme.status, &acme.stale), (Status::Suspended, &None));
        assert!(directory.partner("acme-copy").is_none() && directory.disputed("acme-copy").is_some());
        assert!(findings.iter().all(|told| told.line().unwrap().0.ends_with("acme-copy.toml")), "{findings:?}");
    }
    // What acme gives up is free; what it takes from another is not its own, although it had something else before.
    folder.write("acme.toml", "name = \"Acme\"\n[rest]\n");
    assert_eq!(folder.load().0.by_vendor_number("100234").unwrap().id, "acme-copy");
    folder.write("acme.toml", &acme_file(""));
    let (directory, _) = folder.load();
    assert_eq!(directory.by_vendor_number("100234").unwrap().id, "acme-copy");
    assert!(directory.partner("acme").unwrap().stale.is_some());
}

#[test]
fn what_a_broken_file_takes_away_is_gone() {
    let folder = Folder::new();
    let keys = |keys: &[&str], status: &str| {
        let keys: Vec<_> = keys.iter().map(|key| format!("\"{}\"", ApiKeyHash::of(key))).collect();
        format!("name = \"A\"\nstatus = \"{status}\"\n[rest]\napi_keys = [{}]\n", keys.join(", "))
    };
    let broken = "[mappings]\n855 = \"none-such\"\n";
    folder.write("acme.toml", &keys(&["one", "two"], "live"));
    let (before, _) = folder.load();
    let after = |text: &str| {
        let (directory, _) = folder.write("acme.toml", text).load();
        let acme = Arc::clone(directory.partner("acme").unwrap());
        assert!(acme.stale.is_some());
        let opens = ["one", "two", "three"].map(|key| directory.by_api_key(key).is_some());
        (acme.status, opens, directory)
    };
    let (status, opens, directory) = after(&(keys(&["two"], "suspended") + broken));
    assert_eq!((status, opens), (Status::Suspended, [false, true, false]));
    assert_ne!(before.digest(), directory.digest());
    // A new key counts once the file is good, and so does the end of the one that it replaces: else neither would open.
    let (status, opens, _) = after(&(keys(&["two", "three"], "onboarding") + broken));
    assert_eq!((status, opens), (Status::Live, [true, true, false]));
    // What cannot be read as TOML takes nothing.
    let (status, opens, _) = after(&(keys(&["two"], "suspended") + "what"));
    assert_eq!((status, opens), (Status::Live, [true, true, false]));
}

#[test]
fn one_cxml_credential_and_secret_is_one_partners() {
    let folder = Folder::new();
    let partner = |ids: &str, secret: &str| {
        let secret = keys::sha256_hex(secret.as_bytes());
        format!("name = \"P\"\n[cxml]\nids = [{ids}]\nours = \"DUNS/1\"\ntheir_secrets = [\"sha256:{secret}\"]\n")
    };
    folder.write("acme.toml", &partner("\"DUNS/871\"", "s"));
    assert_eq!(folder.load().1, []);
    folder.write("copy.toml", &partner("\"duns/871\"", "s")).write("other.toml", &partner("\"DUNS/871\"", "another"));
    // On a network, each is told apart by what is its own.
    folder.write("east.toml", &partner("\"NetworkID/AN1\", \"DUNS/5\"", "net"));
    folder.write("west.toml", &partner("\"NetworkID/AN1\", \"DUNS/6\"", "net"));
    let (directory, findings) = folder.load();
    let served: Vec<_> = directory.partners().map(|partner| partner.id.as_str()).collect();
    assert_eq!(served, ["acme", "east", "other", "west"]);
    assert_eq!(directory.partner("acme").unwrap().channels(), ["cxml"]);
    assert_eq!(codes_of(&findings), ["PRT-0033"]);
    insta::assert_snapshot!(folder.told(&findings), @"partners/copy.toml:3:8: error[PRT-0033]: the cXML credential DUNS/871, with its shared secret, is also that of acme (only one of them can have it, or nobody could tell whose document it is)");
    // One who has nothing but the network's would take documents from those who were there.
    folder.write("all.toml", &partner("\"NetworkID/AN1\"", "net"));
    let (directory, findings) = folder.load();
    assert_eq!(directory.partners().filter(|partner| partner.stale.is_none()).count(), 4);
    assert!(findings.iter().any(|told| told.line().unwrap().0.ends_with("all.toml")), "{findings:?}");
    // Where nobody was there before, none has it.
    let (directory, findings) = Directory::load(&folder.sources().without_last_good(), &|_| true);
    assert_eq!(directory.partners().map(|partner| partner.id.as_str()).collect::<Vec<_>>(), ["other"]);
    assert_eq!(findings.len(), 5, "acme and its copy, and the three on the network: {findings:?}");
}

#[test]
fn a_broken_file_costs_nobody_anything_even_over_restarts() {
    let folder = Folder::new();
    folder.write("templates/house.toml", "[limits]\nrequests = \"7/min\"\n");
    folder.write("acme.toml", &format!("template = \"house\"\n{}", acme_file("")));
    folder.write("other.toml", "name = \"Other\"\n[rest]\napi_keys = []\n");
    let (before, _) = folder.load();
    assert_eq!(before.partner("acme").unwrap().requests.to_string(), "7/min");

    folder.write("acme.toml", "name = \"Acme\nstatus = live");
    folder.write("templates/house.toml", "[limits]\nrequests = 9\n");
    let (after, findings) = folder.load();
    let acme = after.partner("acme").unwrap();
    assert_eq!(
        (acme.requests.to_string().as_str(), acme.status),
        ("7/min", Status::Live),
        "as it was, template and all"
    );
    assert!(acme.stale.as_ref().unwrap().contains("acme.toml:1:"), "{:?}", acme.stale);
    assert!(codes_of(&findings).contains(&"PRT-0021"));
    assert_eq!(after.stale().count(), 1);
    assert_eq!(after.partner("other").unwrap().stale, None);
    assert_ne!(before.digest(), after.digest(), "everybody can see it");
    assert!(after.by_api_key("gw_live_acme").is_some());

    // A second start with the broken file changes nothing; mending it does.
    assert_eq!(folder.load().0.partner("acme"), after.partner("acme"));
    folder.write("acme.toml", &acme_file(""));
    let (mended, _) = folder.load();
    assert_eq!(mended.partner("acme").unwrap().stale, None);
    // A file that is gone is gone.
    fs::remove_file(folder.partners().join("acme.toml")).unwrap();
    assert!(folder.load().0.partner("acme").is_none());
    folder.write("acme.toml", "broken");
    assert!(folder.load().0.partner("acme").is_none());
}

#[test]
fn a_lost_certificate_costs_nothing_either() {
    let folder = Folder::new();
    let pem = EXAMPLES.iter().find(|(name, _)| name.ends_with(".pem")).unwrap().1;
    folder.write("a.pem", pem).write("acme.toml", &acme_file("[as2]\nid = \"ACME\"\ncertificates = [\"a.pem\"]\n"));
    assert_eq!(folder.load().1, []);
    folder.write("a.pem", "gone");
    let (directory, findings) = folder.load();
    let acme = directory.partner("acme").unwrap();
    assert!(acme.stale.is_some() && acme.as2.as_ref().unwrap().certificates.len() == 1);
    assert_eq!(codes_of(&findings), ["PRT-0021", "PRT-0014"]);
    // A damaged copy is no copy.
    for object in fs::read_dir(folder.0.path().join("data/last-good/objects")).unwrap() {
        fs::write(object.unwrap().path(), "rot").unwrap();
    }
    assert!(folder.load().0.partner("acme").is_none());
}

#[test]
fn a_check_writes_nothing() {
    let folder = Folder::new();
    folder.write("acme.toml", &acme_file(""));
    Directory::load(&folder.sources().without_last_good(), &|_| true);
    assert!(!folder.0.path().join("data").exists());
}

#[test]
fn envelopes_find_their_partner() {
    let folder = Folder::new();
    let partner = |ids: &str| format!("name = \"P\"\n[x12]\nids = [{ids}]\nours = \"ZZ/US\"\nvia = \"van\"\n");
    folder.write("van.toml", "name = \"VAN\"\n[rest]\napi_keys = [\"sha256:1111111111111111111111111111111111111111111111111111111111111111\"]\n");
    folder.write("east.toml", &partner("\"ZZ/ACME GS:EAST\"")).write("west.toml", &partner("\"ZZ/ACME GS:WEST\""));
    folder
        .write("solo.toml", &partner("\"ZZ/SOLO GS:ONE\", \"ZZ/SOLO GS:TWO\""))
        .write("any.toml", &partner("\"12/ANY\""));
    let (directory, findings) = folder.load();
    assert_eq!(findings, []);
    let who = |q, id, gs| directory.by_envelope((q, id), gs).map(|p| p.id.as_str());
    assert_eq!(who("ZZ", "ACME", Some("EAST")), Some("east"));
    assert_eq!(who("ZZ", "ACME   ", Some("WEST ")), Some("west"));
    assert_eq!((who("ZZ", "ACME", Some("NORTH")), who("ZZ", "ACME", None)), (None, None));
    assert_eq!((who("ZZ", "SOLO", None), who("ZZ", "SOLO", Some("THREE"))), (Some("solo"), None));
    assert_eq!((who("12", "ANY", Some("X")), who("ZZ", "ANY", None)), (Some("any"), None));
    let get = |id| directory.partner(id).unwrap();
    assert!(directory.speaks_for(get("van"), get("east")) && directory.speaks_for(get("east"), get("east")));
    assert!(!directory.speaks_for(get("east"), get("west")) && !directory.speaks_for(get("east"), get("van")));
}

#[test]
fn a_partners_own_mapping_is_found_by_set_or_document() {
    let folder = Folder::new();
    folder.write("acme.toml", &acme_file("[mappings]\n855 = \"x12-855-acme\"\ninvoice = \"x12-810-acme\"\n"));
    let (directory, _) = folder.load();
    let acme = directory.partner("acme").unwrap();
    assert_eq!(acme.mapping("855", DocumentType::OrderAcknowledgement), Some("x12-855-acme"));
    assert_eq!(acme.mapping("810", DocumentType::Invoice), Some("x12-810-acme"));
    assert_eq!(acme.mapping("856", DocumentType::ShipmentNotice), None);
}

#[test]
fn every_value_knows_where_it_was_written() {
    let folder = Folder::new();
    folder.write("templates/house.toml", "[x12]\nusage = \"T\"\nversion = \"005010\"\n");
    folder.write("acme.toml", "name = \"Acme\"\ntemplate = \"house\"\n[x12]\nusage = \"P\"\n");
    let shown: Vec<_> = effective(&Files::read(&folder.partners()), "acme")
        .unwrap()
        .into_iter()
        .map(|value| format!("{} = {} # {}", value.path, value.text, value.origin))
        .collect();
    let shown = shown.join("\n").replace(&format!("{}/", folder.partners().display()), "");
    insta::assert_snapshot!(shown, @r#"
    name = "Acme" # acme.toml:1
    template = "house" # acme.toml:2
    x12.usage = "P" # acme.toml:4
    x12.version = "005010" # templates/house.toml:3
    "#);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    /// Whatever is done to a partner's file, loading goes on, nobody else is touched, the partner stays, and what
    /// broke it is told at its file.
    #[test]
    fn no_edit_takes_a_running_partner_down(at in 0_usize..400, len in 0_usize..60, with in "[\\[\\]\"=#.a-z0-9 \n]{0,8}") {
        let folder = Folder::new();
        let good = acme_file("[limits]\nrequests = \"6/min\"\n[mappings]\n855 = \"x12-855\"\n");
        folder.write("acme.toml", &good).write("other.toml", "name = \"Other\"\n[rest]\n");
        folder.load();
        let (start, end) = (at.min(good.len()), (at + len).min(good.len()));
        folder.write("acme.toml", &format!("{}{with}{}", &good[..start], &good[end..]));
        let (directory, findings) = folder.load();
        let acme = directory.partner("acme").unwrap();
        let told = findings.iter().any(|told| told.is_error() && told.line().unwrap().0.ends_with("partners/acme.toml"));
        proptest::prop_assert_eq!(acme.stale.is_some(), told);
        proptest::prop_assert!(directory.partner("other").unwrap().stale.is_none());
    }
}
