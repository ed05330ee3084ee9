//! The captured messages: decrypted, verified, and with the MIC that their manifest tells.

use std::{
    fs,
    path::{Path, PathBuf},
};

use gangway::as2::{
    algorithm::Digest,
    certificate::Certificate,
    content::{Content, InMemory},
    entropy::System,
    headers::Request,
    key::OwnKey,
    mime::{Entity, Fields},
    receive::{Layer, Policy, Relation, Tools, receive},
};
use serde_json::Value;

use super::parties::openssl;

fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("GANGWAY_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from)
        .join("as2");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no captured messages at {}; set GANGWAY_CORPUS.", folder.display());
    None
}

/// The certificate inside a signature: OpenSSL takes it out, the core never would.
fn embedded_certificate(body: &[u8], content_type: &str) -> Certificate {
    let mut fields = Fields::default();
    fields.push("content-type", content_type.as_bytes());
    let parts = Entity::from_http(fields, body.to_vec().into()).parts().unwrap().parts;
    let signature = Entity::parse(&parts[1]).unwrap().cms_body(&InMemory).unwrap().bytes(1 << 20).unwrap();
    let pem = openssl(&["pkcs7", "-inform", "DER", "-print_certs"], &signature).unwrap();
    Certificate::read_all(&pem).unwrap().remove(0)
}

#[test]
fn every_captured_message_decrypts_verifies_and_has_its_mic() {
    let Some(folder) = corpus() else { return };
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let read = |name: &str| fs::read(folder.join("keys").join(name)).unwrap();
    let server = Certificate::read_all(&read("server.crt")).unwrap().remove(0);
    let client = Certificate::read_all(&read("client.crt")).unwrap();
    let keys = [OwnKey::from_pem(&read("server.key"), server).unwrap()];
    let mut count = 0;
    for vector in manifest.as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        let body = fs::read(folder.join(vector["body"].as_str().unwrap())).unwrap();
        let mut fields = Fields::default();
        for header in vector["http_headers"].as_array().unwrap() {
            fields.push(header[0].as_str().unwrap(), header[1].as_str().unwrap().as_bytes());
        }
        let content_type = fields.text("content-type").unwrap().into_owned();
        // Most vectors were captured without the names.
        for (header, value) in [("as2-from", "client"), ("as2-to", "server"), ("message-id", "<captured@client>")] {
            if fields.get(header).is_none() {
                fields.push(header, value.as_bytes());
            }
        }
        let encrypted = vector["encrypted"].as_bool().unwrap_or_default();
        let certificates = if encrypted { client.clone() } else { vec![embedded_certificate(&body, &content_type)] };
        let policy = Policy { must_encrypt: encrypted, any_certificate_period: true, ..Policy::default() };
        let tools = Tools { now: "2022-12-25T00:00:00Z".parse().unwrap(), scratch: &InMemory, entropy: &System };
        let relation = Relation { certificates: &certificates, keys: &keys, policy: &policy };
        let request = Request::read(fields).unwrap();
        let received = receive(&request, body.into(), relation, tools);
        let accepted = received.outcome.unwrap_or_else(|fault| panic!("{name}: {fault} after {:?}", received.layers));
        let mic = accepted.mic.unwrap();
        let digest = Digest::named(vector["sig_digest"].as_str().unwrap()).unwrap();
        let field = if digest == Digest::Sha1 { "mic_sha1" } else { "mic_sha256" };
        let expected = vector[field].as_str().unwrap();
        assert_eq!(mic.to_string().split(',').next().unwrap(), expected, "{name}");
        let signed_with = received.layers.iter().find_map(|layer| match layer {
            Layer::Signed { digest, .. } => Some(*digest),
            _ => None,
        });
        assert_eq!(signed_with, Some(digest), "{name}");
        let payload: &Content = &accepted.payloads[0].content;
        assert_eq!(payload.size(), vector["payload_len"].as_u64().unwrap(), "{name}");
        let hash = gangway::keys::sha256_hex(&payload.bytes(1 << 20).unwrap());
        assert_eq!(hash, vector["payload_sha256_hex"].as_str().unwrap(), "{name}");
        count += 1;
    }
    assert!(count >= 9, "{count} vectors");
}

#[test]
fn a_captured_message_is_nobody_elses() {
    let Some(folder) = corpus() else { return };
    let body = fs::read(folder.join("ruby_from_mendelson_base64_crlf.body")).unwrap();
    let request = super::parties::request(&[("Content-Type", "application/pkcs7-mime; smime-type=enveloped-data")]);
    let received = super::parties::receive(&request, body, &Policy::default());
    let fault = received.outcome.unwrap_err();
    assert_eq!(fault.code().as_str(), "AS2-0304");
    assert!(fault.to_string().contains("008b2f499b36f0231c of CN=server.test-ruby-as2.com"), "{fault}");
}
