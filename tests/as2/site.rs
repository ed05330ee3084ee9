//! A gateway that speaks AS2, and a partner with a server of its own.

use gangway::{
    as2::{content::Content, disposition::Disposition, mime::Fields, send::Outgoing},
    play::{As2Partner, As2Sent, As2Server},
};

use super::parties::{self, Party};
use crate::util::{Dir, Gateway, cast};

/// A gateway and its partner `acme`, as `parties` has them.
pub(super) struct Site {
    pub(super) gateway: Gateway,
    pub(super) acme: As2Partner,
    pub(super) server: As2Server,
}

impl Site {
    /// Starts both. `terms` are lines of the partner's `[as2]`.
    pub(super) async fn start(dir: &Dir, terms: &str) -> Self {
        let acme = partner(parties::acme());
        let server = As2Server::start(acme.clone()).await.unwrap();
        write(dir, &server.url(), terms, "live");
        Self { gateway: Gateway::start(dir).await, acme, server }
    }

    /// Where the gateway takes messages.
    pub(super) fn url(&self) -> String {
        url(&self.gateway)
    }

    /// Sends what was built, and again what was sent before.
    pub(super) async fn post(&self, outgoing: &Outgoing) -> As2Sent {
        self.acme.post(&self.url(), outgoing.clone()).await.expect("an answer")
    }
}

pub(super) fn url(gateway: &Gateway) -> String {
    format!("http://{}/as2", gateway.public_address())
}

/// Writes the settings and the partner's file.
pub(super) fn write(dir: &Dir, server: &str, terms: &str, status: &'static str) {
    let own = parties::gangway();
    let text = format!(
        "{}\n[as2]\nid = \"gangway\"\ncertificate = \"{}\"\nkey = \"file:{}\"\n",
        cast::settings(),
        own.certificate_file.display(),
        own.key_file.display()
    );
    dir.create("gangway.toml", text);
    std::fs::create_dir_all(dir.join("partners")).unwrap();
    std::fs::copy(&parties::acme().certificate_file, dir.join("partners/acme.pem")).unwrap();
    let more = format!(
        "\n[as2]\nid = \"acme\"\nurl = \"{server}\"\ncertificates = [\"acme.pem\"]\nreceipts_to = [\"{server}\"]\n{terms}\n"
    );
    let more: &'static str = Box::leak(more.into_boxed_str());
    cast::PartnerFile { x12: Some(cast::ACME), status, more, ..cast::PartnerFile::new("acme") }.write(dir);
}

/// A party as the partner's software.
pub(super) fn partner(party: &Party) -> As2Partner {
    As2Partner {
        name: party.name.to_owned(),
        own: party.own.clone(),
        certificate: std::fs::read_to_string(&party.certificate_file).unwrap(),
        gateway: "gangway".into(),
        gateway_certificates: vec![parties::gangway().certificate.clone()],
    }
}

/// An interchange of an 855 for an order of its own.
pub(super) fn x12(number: u32) -> Vec<u8> {
    cast::answer_to(cast::ACME, number, &format!("PO-{number}"))
}

/// What the receipt in an answer proves.
pub(super) fn proven(sent: &As2Sent) -> Disposition {
    assert_eq!(sent.reply.status, 200, "{:?}", sent.reply);
    match &sent.proof {
        Some(Ok(disposition)) => disposition.clone(),
        other => panic!("{other:?}: {}", String::from_utf8_lossy(&sent.reply.body)),
    }
}

/// A header of a message under another value, or a new one.
pub(super) fn with_header(outgoing: &Outgoing, name: &str, value: &str) -> Outgoing {
    let mut changed = outgoing.clone();
    changed.http.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
    changed.http.headers.push((name.into(), value.into()));
    changed
}

/// A message with another body.
pub(super) fn with_body(outgoing: &Outgoing, body: Vec<u8>) -> Outgoing {
    let length = body.len().to_string();
    let mut changed = with_header(outgoing, "Content-Length", &length);
    changed.http.body = body;
    changed
}

/// Reads a receipt that came on its own or that `check` would not take.
pub(super) fn read(acme: &As2Partner, headers: &Fields, body: impl Into<Content>) -> gangway::as2::mdn::Mdn {
    acme.read(headers, body.into()).expect("a receipt")
}

/// The headers of an HTTP message, as the core reads them.
pub(super) fn fields<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in headers {
        fields.push(name, value);
    }
    fields
}

/// The headers of an answer.
pub(super) fn answered(sent: &As2Sent) -> Fields {
    fields(sent.reply.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
}
