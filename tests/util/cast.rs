//! Who takes part in the tests: a manufacturer, three suppliers and a VAN, and the files that describe them.

use gangway::play::x12::{Interchange, Order, Party, order_acknowledgement};

use super::dir::Dir;

/// The manufacturer's own X12 id.
pub const OURS: &str = "01/098765432";
/// The suppliers' ids.
pub const ACME: &str = "01/123456789";
/// A second supplier on its own connection.
pub const BOLT: &str = "ZZ/BOLTCO";
/// A small supplier who comes through the VAN.
pub const SMALL: &str = "12/2165550100";
/// Another one behind the same VAN.
pub const TINY: &str = "ZZ/TINYWORKS";
/// Nobody's id.
pub const STRANGER: &str = "ZZ/STRANGER";

/// API keys, one for each connection; `ACME_TEST_KEY` is acme's key for rehearsals.
pub const ACME_KEY: &str = "gw_live_acme000000000000000000000000000000000001";
/// Acme's key for rehearsals.
pub const ACME_TEST_KEY: &str = "gw_test_acme000000000000000000000000000000000002";
/// Bolt's key.
pub const BOLT_KEY: &str = "gw_live_bbbb000000000000000000000000000000000003";
/// The VAN's key.
pub const VAN_KEY: &str = "gw_live_vvvv000000000000000000000000000000000004";

/// The manufacturer.
pub fn ours() -> Party {
    Party::new(OURS)
}

/// A supplier as the sender of interchanges.
pub fn party(id: &str) -> Party {
    Party::new(id)
}

/// An interchange of one 855 for this order, from this sender.
pub fn answer_to(sender: &str, control: u32, order: &str) -> Vec<u8> {
    let set = order_acknowledgement(&Order::sample(order, 3), &format!("S-{order}"));
    Interchange::new(&party(sender), &ours(), control).with(set).to_bytes()
}

/// What a partner file says, as far as the tests vary it.
#[derive(Debug, Clone)]
pub struct PartnerFile {
    /// The file's name without its ending.
    pub id: &'static str,
    /// `live`, `test`, `onboarding`, `suspended`.
    pub status: &'static str,
    /// Their X12 id; none for a connection that only carries others.
    pub x12: Option<&'static str>,
    /// Whose connection carries them.
    pub via: Option<&'static str>,
    /// API keys.
    pub keys: &'static [&'static str],
    /// The largest message, like `20 MiB`.
    pub message_size: Option<&'static str>,
    /// Lines added to the file's end as they are.
    pub more: &'static str,
}

impl PartnerFile {
    /// A live partner without anything.
    pub const fn new(id: &'static str) -> Self {
        Self { id, status: "live", x12: None, via: None, keys: &[], message_size: None, more: "" }
    }

    /// Writes the file; of the keys it holds what a real one does, their digests.
    pub fn write(&self, dir: &Dir) {
        let Self { id, status, x12, via, keys, message_size, more } = self;
        let mut text = format!("name = \"{id}\"\nstatus = \"{status}\"\nvendor_number = \"V-{id}\"\n");
        if let Some(x12) = x12 {
            text += &format!("\n[x12]\nids = [\"{x12}\"]\nours = \"{OURS}\"\nusage = \"P\"\nversion = \"004010\"\n");
            if let Some(via) = via {
                text += &format!("via = \"{via}\"\n");
            }
        }
        if !keys.is_empty() {
            let hashes: Vec<_> =
                keys.iter().map(|key| format!("\"sha256:{}\"", gangway::keys::ApiKey::digest_of(key))).collect();
            text += &format!("\n[rest]\napi_keys = [{}]\n", hashes.join(", "));
        }
        // What a file adds itself is not said here.
        if !more.contains("[limits]") {
            text += "\n[limits]\nrequests = \"1000000/min\"\ndocuments = \"10000000/day\"\n";
            text += "bytes_per_hour = \"10 TiB\"\nuploads = 1000\n";
            if let Some(size) = message_size {
                text += &format!("message_size = \"{size}\"\n");
            }
        }
        text += more;
        dir.create(format!("partners/{id}.toml"), text);
    }
}

/// Acme, on the REST door.
pub const ACME_FILE: PartnerFile =
    PartnerFile { x12: Some(ACME), keys: &[ACME_KEY, ACME_TEST_KEY], ..PartnerFile::new("acme") };
/// Bolt, on the REST door, who may not send much at once.
pub const BOLT_FILE: PartnerFile =
    PartnerFile { x12: Some(BOLT), keys: &[BOLT_KEY], message_size: Some("64 KiB"), ..PartnerFile::new("bolt") };
/// The VAN.
pub const VAN_FILE: PartnerFile = PartnerFile { keys: &[VAN_KEY], ..PartnerFile::new("opentext") };
/// Small, through the VAN.
pub const SMALL_FILE: PartnerFile =
    PartnerFile { x12: Some(SMALL), via: Some("opentext"), ..PartnerFile::new("small") };
/// Tiny, through the VAN.
pub const TINY_FILE: PartnerFile = PartnerFile { x12: Some(TINY), via: Some("opentext"), ..PartnerFile::new("tiny") };

/// The settings: free ports, a live consumer `erp`, a rehearsal consumer `rehearsal`, and `wms`, who wants shipment
/// notices only.
pub fn settings() -> String {
    r#"
[public]
http = "127.0.0.1:0"
https = "127.0.0.1:0"

[sftp]
address = "off"

[private]
http = "127.0.0.1:0"

[consumers.erp]
max_attempts = 3

[consumers.wms]
types = ["shipment_notice"]

[consumers.rehearsal]
mode = "test"
"#
    .to_owned()
}

/// Everybody's files in `dir`.
pub fn assemble(dir: &Dir) {
    dir.create("gangway.toml", settings());
    for file in [ACME_FILE, BOLT_FILE, VAN_FILE, SMALL_FILE, TINY_FILE] {
        file.write(dir);
    }
}

#[test]
fn the_cast_is_described_without_a_mistake() {
    use gangway::{
        config::Settings,
        partner::{Directory, Sources},
    };

    let dir = Dir::new("cast");
    assemble(&dir);
    PartnerFile { message_size: Some("1 GiB"), ..ACME_FILE }.write(&dir);
    let (settings, findings) = Settings::load(Some(&dir.join("gangway.toml")));
    assert!(findings.is_empty(), "{findings:#?}");
    let (directory, findings) = Directory::load(&Sources::of(&settings), &|_| true);
    assert!(findings.is_empty(), "{findings:#?}");
    for (key, partner) in [(ACME_KEY, "acme"), (ACME_TEST_KEY, "acme"), (BOLT_KEY, "bolt"), (VAN_KEY, "opentext")] {
        assert_eq!(directory.by_api_key(key).expect("a key").partner.id, partner);
    }
}
