//! Any number of partners, a fifth of them on each way to exchange documents, and the settings of their gateway.

use std::fmt::Write;

use gangway::{
    config::Settings,
    doors::as2::Ring,
    keys::ApiKey,
    partner::{Directory, Sources},
    play::{As2Partner, As2Server, Endpoint, SupplierKey},
};

use super::Down;
use crate::util::{Dir, cast::OURS};

/// How a partner exchanges documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// It posts canonical JSON.
    Json,
    /// It posts X12.
    X12,
    /// Both directions over AS2.
    As2,
    /// It drops files.
    Sftp,
    /// It posts canonical JSON and has its orders posted to its endpoint.
    Webhook,
}

const WAYS: [Way; 5] = [Way::Json, Way::X12, Way::As2, Way::Sftp, Way::Webhook];
const SECRET: &str = "whsec_dGhlIGtleSBvZiBhIHRlc3QgcGFydG5lcg==";

/// Everybody, and what they have of their own.
pub(super) struct Cast {
    pub(super) partners: usize,
    /// One key for all who come by SSH; it is the user that tells them apart.
    pub(super) ssh: SupplierKey,
    /// The software of those on AS2, under other names; its key was made once, since making keys is slow.
    software: As2Partner,
    servers: Vec<As2Server>,
    endpoints: Vec<Endpoint>,
}

impl Cast {
    /// Writes the settings and everybody's files.
    pub(super) async fn assemble(dir: &Dir, partners: usize) -> Self {
        let settings = "[public]\nhttp = \"127.0.0.1:0\"\nhttps = \"off\"\n\n[sftp]\naddress = \"127.0.0.1:0\"\n\n\
                        [private]\nhttp = \"127.0.0.1:0\"\n\n[log]\nlevel = \"warn\"\n\n\
                        [consumers.erp]\nmax_attempts = 100\n";
        let path = dir.create("gangway.toml", settings);
        dir.create("secrets/hook", SECRET);
        let (settings, findings) = Settings::load(Some(&path));
        assert!(findings.is_empty(), "{findings:#?}");
        std::fs::create_dir_all(&settings.data).unwrap();
        let (ring, _) = Ring::open(&settings).unwrap();
        let certificates = ring.keys().iter().map(|key| key.certificate().clone()).collect();
        let software = As2Partner::make("load", &settings.as2.id, certificates).unwrap();
        dir.create("partners/load.pem", &software.certificate);
        let ssh = SupplierKey::generate().unwrap();
        let mut cast = Self { partners, ssh, software, servers: Vec::new(), endpoints: Vec::new() };
        for partner in 0..partners {
            match way(partner) {
                Way::As2 => cast.servers.push(As2Server::start(cast.software(partner)).await.unwrap()),
                Way::Webhook => cast.endpoints.push(Endpoint::start().await.unwrap()),
                _ => {}
            }
            dir.create(format!("partners/{}.toml", id(partner)), cast.file(partner));
        }
        let (_, findings) = Directory::load(&Sources::of(&settings), &|_| true);
        assert!(findings.is_empty(), "{findings:#?}");
        cast
    }

    fn file(&self, partner: usize) -> String {
        let (id, way) = (id(partner), way(partner));
        let mut text = format!("name = \"{id}\"\nstatus = \"live\"\n\n");
        if !matches!(way, Way::Json | Way::Webhook) {
            let _ = write!(text, "[x12]\nids = [\"{}\"]\nours = \"{OURS}\"\n\n", x12_id(partner));
        }
        let rest = format!("[rest]\napi_keys = [\"sha256:{}\"]\n\n", ApiKey::digest_of(&api_key(partner)));
        let retry = "[send]\nretry_after = \"100ms\"\nretry_at_most = \"1s\"\nattempts = 100000\n";
        match way {
            Way::Json | Way::X12 => text += &rest,
            Way::As2 => {
                let url = self.server(partner / WAYS.len()).url();
                let _ = write!(text, "[as2]\nid = \"{id}\"\nurl = \"{url}\"\ncertificates = [\"load.pem\"]\n\n{retry}");
            }
            Way::Sftp => {
                let _ = write!(text, "[sftp]\nusers = [\"{id}\"]\nkeys = [\"{}\"]\n\n", self.ssh.public());
            }
            Way::Webhook => {
                let url = self.endpoint(partner / WAYS.len()).url();
                let hook = format!("[webhook]\nurl = \"{url}\"\nsecrets = [\"file:secrets/hook\"]\n\n");
                let _ = write!(text, "{rest}{hook}{retry}channel = \"webhook\"\nformat = \"json\"\n\n");
            }
        }
        text += "[limits]\nrequests = \"1000000/min\"\ndocuments = \"10000000/day\"\nbytes_per_hour = \"10 TiB\"\n";
        text
    }

    /// The software of a partner on AS2.
    pub(super) fn software(&self, partner: usize) -> As2Partner {
        As2Partner { name: id(partner), ..self.software.clone() }
    }

    /// The server of the nth partner on AS2.
    pub(super) fn server(&self, nth: usize) -> &As2Server {
        &self.servers[nth]
    }

    /// The endpoint of the nth partner that is called.
    pub(super) fn endpoint(&self, nth: usize) -> &Endpoint {
        &self.endpoints[nth]
    }

    /// Those to whom orders are brought.
    pub(super) fn called(&self) -> impl Iterator<Item = usize> {
        (0..self.partners).filter(|partner| matches!(way(*partner), Way::As2 | Way::Webhook))
    }

    pub(super) fn three_that_are_down(&self) -> Down<'_> {
        Down { cast: self }
    }
}

/// How a partner exchanges documents.
pub(super) fn way(partner: usize) -> Way {
    WAYS[partner % WAYS.len()]
}

/// The place of a partner among those who do it the same way.
pub(super) fn nth(partner: usize) -> usize {
    partner / WAYS.len()
}

/// A partner's id.
pub(super) fn id(partner: usize) -> String {
    format!("p{partner:03}")
}

/// A partner's id in envelopes.
pub(super) fn x12_id(partner: usize) -> String {
    format!("ZZ/PARTNER{partner:03}")
}

/// A partner's API key.
pub(super) fn api_key(partner: usize) -> String {
    format!("gw_live_load{partner:036}")
}
