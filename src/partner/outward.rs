//! Whether what we send a partner can reach it: the channel that its file names is there, what goes over AS2 can be
//! encrypted for its certificates, and it is somebody else than we are. The partner is served all the same, since what comes
//! from it may well be read.

use jiff::Timestamp;

use super::{As2Terms, Partner, Receipt, ReceiptBy, SendChannel, Status, codes, compose::Good};
use crate::{
    config::{Diagnostic, Node, Origin, codes as config},
    document::DocumentType,
};

/// Who we are on AS2, as the settings have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ourselves {
    /// Our AS2 id.
    pub as2_id: String,
    /// Whether there is an address of ours to which receipts can come later.
    pub takes_receipts: bool,
}

/// What stands in the way of documents to this partner.
pub(super) fn advice(good: &Good, ours: Option<&Ourselves>, now: Timestamp, findings: &mut Vec<Diagnostic>) {
    let send = &good.file.send;
    let own = send.documents.iter().map(|entry| (format!("send.documents.{}.channel", entry.key), entry.value.channel));
    let mut told: Vec<&str> = Vec::new();
    for (path, channel) in [("send.channel".to_owned(), send.channel)].into_iter().chain(own) {
        let Some((lack, hint)) = channel.and_then(|channel| lack(&good.partner, channel)) else { continue };
        if told.contains(&lack) {
            continue;
        }
        told.push(lack);
        let new = match good.partner.status {
            // It may be what its partner still has to tell us.
            Status::Onboarding => Diagnostic::warning,
            _ => Diagnostic::error,
        };
        findings.push(new(config::MISSING_KEY, lack.to_owned()).at(&written_at(good, &path), "").hint(hint));
    }
    if let Some(as2) = &good.partner.as2 {
        over_as2(good, as2, ours, now, findings);
    }
}

fn over_as2(good: &Good, as2: &As2Terms, ours: Option<&Ourselves>, now: Timestamp, findings: &mut Vec<Diagnostic>) {
    let own_id = as2.ours.as_ref().map(ToString::to_string).or_else(|| ours.map(|ours| ours.as2_id.clone()));
    if own_id.is_some_and(|own| own == as2.id.as_str()) {
        let told = Diagnostic::error(config::CONTRADICTION, format!("\"{}\" is our own AS2 id", as2.id));
        findings.push(
            told.at(&written_at(good, "as2.id"), "").hint("`as2.id` is theirs: what their messages have as AS2-From"),
        );
    }
    let goes = |document: DocumentType| good.partner.route(document).is_some_and(|way| way.channel == SendChannel::As2);
    if as2.url.is_none() || !DocumentType::ALL.into_iter().any(goes) {
        return;
    }
    let sending = &as2.sending;
    if sending.encrypt.cipher().is_some() {
        let chosen = as2.encrypt_for(now);
        let fault = match chosen.iter().find_map(|certificate| certificate.encryptable().err()) {
            _ if chosen.is_empty() => Some("none of its certificates has an RSA key"),
            fault => fault,
        };
        if let Some(fault) = fault {
            let message = format!("nothing can be encrypted for this partner: {fault}");
            let told = Diagnostic::error(codes::NOT_ENCRYPTABLE, message).at(&written_at(good, "as2.certificates"), "");
            findings.push(told.hint(
                "ask the partner for a certificate to encrypt for, RSA with 2048 bits or more; or agree on \
                 `encrypt = \"off\"` with an https address",
            ));
        }
    }
    let calls_back = sending.receipt != Receipt::None && sending.receipt_by == ReceiptBy::Callback;
    if calls_back && ours.is_some_and(|ours| !ours.takes_receipts) {
        let message = "this partner's receipts come later, and gangway.toml has no `url` in [as2] for them to come to";
        let told = Diagnostic::error(config::MISSING_KEY, message).at(&written_at(good, "as2.receipt_by"), "");
        findings.push(told.hint("add the address of /as2 as partners reach it: url = \"https://edi.example.com/as2\""));
    }
}

/// What a channel wants that the partner's file does not have, and what to do. Of cXML it is told where its file is read.
fn lack(partner: &Partner, channel: SendChannel) -> Option<(&'static str, &'static str)> {
    let section = "add the section, or name another channel";
    match channel {
        SendChannel::As2 if partner.as2.is_none() => {
            Some(("documents to this partner go over AS2, and there is no [as2]", section))
        }
        SendChannel::As2 if partner.as2.as_ref().is_some_and(|as2| as2.url.is_none()) => Some((
            "documents to this partner go over AS2, and [as2] has no `url`",
            "add their address: url = \"https://as2.acme.example/as2\"",
        )),
        SendChannel::Sftp if partner.sftp.is_none() => {
            Some(("documents to this partner wait in its SFTP folder, and there is no [sftp]", section))
        }
        SendChannel::SftpPush if partner.sftp_push.is_none() => {
            Some(("documents to this partner go to its own SFTP server, and there is no [sftp_push]", section))
        }
        SendChannel::Rest if partner.rest.is_none() => {
            Some(("documents to this partner wait in the supplier API, and there is no [rest]", section))
        }
        SendChannel::Webhook if partner.webhook.is_none() => {
            Some(("documents to this partner go to its webhook, and there is no [webhook]", section))
        }
        _ => None,
    }
}

/// Where a value was written, in the partner's file or in its template; else the partner's name.
fn written_at(good: &Good, path: &str) -> Origin {
    let texts = [Some(&good.source), good.template.as_ref()];
    let found = texts.into_iter().flatten().find_map(|source| Some(Node::parse(source).0.at(path)?.origin.clone()));
    found.unwrap_or_else(|| good.file.name.origin.clone())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use jiff::civil::date;
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};

    use super::*;
    use crate::partner::{Directory, Sources};

    /// Writes certificates of these years: `rsa.pem`, `ec.pem`, and `rsa.key`.
    fn certificates(folder: &Path, from: i16, to: i16) {
        let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        for (name, pair) in [("rsa", &rsa), ("ec", &ec)] {
            let mut params = CertificateParams::default();
            params.not_before = date_time_ymd(from.into(), 1, 1);
            params.not_after = date_time_ymd(to.into(), 1, 1);
            fs::write(folder.join(format!("{name}.pem")), params.self_signed(pair).unwrap().pem()).unwrap();
        }
    }

    fn told(folder: &Path, file: &str) -> Vec<String> {
        fs::write(folder.join("acme.toml"), format!("name = \"Acme\"\nstatus = \"test\"\n{file}")).unwrap();
        let ours = Some(Ourselves { as2_id: "US".to_owned(), takes_receipts: false });
        let sources = Sources { partners: folder.to_owned(), ours, ..Sources::default() };
        let (directory, findings) = Directory::load(&sources, &|_| true);
        // What comes from it is read all the same.
        assert!(directory.partner("acme").is_some(), "{findings:?}");
        let line = |told: &Diagnostic| {
            let severity = if told.is_error() { "error" } else { "warning" };
            format!("{} {severity} {}: {}", told.line().unwrap().1, told.code, told.message)
        };
        findings.iter().map(line).collect()
    }

    #[test]
    fn what_cannot_be_encrypted_for_its_partner_is_told() {
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path(), 2020, 2100);
        let as2 = |certificates: &str, more: &str| {
            let url = "url = \"https://as2.acme.example/\"";
            told(folder.path(), &format!("[as2]\nid = \"ACME\"\n{url}\ncertificates = [{certificates}]\n{more}"))
        };
        let fault =
            "6 error PRT-0034: nothing can be encrypted for this partner: none of its certificates has an RSA key";
        assert_eq!(as2("\"ec.pem\"", ""), [fault]);
        assert_eq!(as2("\"ec.pem\", \"rsa.pem\"", ""), [""; 0]);
        assert_eq!(as2("\"ec.pem\"", "encrypt = \"off\"\n"), [""; 0]);
        assert_eq!(as2("\"ec.pem\"", "[rest]\n[send]\nchannel = \"rest\"\n"), [""; 0], "nothing goes there");
        let late = "7 error CFG-0005: this partner's receipts come later, and gangway.toml has no `url` in [as2] for them to \
                    come to";
        assert_eq!(as2("\"rsa.pem\"", "receipt_by = \"callback\"\n"), [late]);
        let same = "[as2]\nid = \"US\"\ncertificates = [\"rsa.pem\"]\n";
        assert_eq!(told(folder.path(), same), ["4 error CFG-0015: \"US\" is our own AS2 id"]);
        let apart = "[as2]\nid = \"US\"\nours = \"US-2\"\ncertificates = [\"rsa.pem\"]\n";
        assert_eq!(told(folder.path(), apart), [""; 0]);
    }

    #[test]
    fn a_channel_that_is_not_there_is_told_where_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path(), 2020, 2100);
        let as2 = "[as2]\nid = \"ACME\"\ncertificates = [\"rsa.pem\"]\n";
        let lack = "documents to this partner go over AS2, and [as2] has no `url`";
        assert_eq!(
            told(folder.path(), &format!("{as2}[send]\nchannel = \"as2\"\n")),
            [format!("7 error CFG-0005: {lack}")]
        );
        let later =
            told(folder.path(), &format!("template = \"as2-x12\"\n{as2}[x12]\nids = [\"ZZ/A\"]\nours = \"ZZ/U\"\n"));
        assert_eq!(later, [format!("43 error CFG-0005: {lack}")], "in the template");
        let forecast = "[rest]\noauth_clients = [\"acme\"]\n[send.documents.forecast]\nchannel = \"webhook\"\n";
        let lack = "documents to this partner go to its webhook, and there is no [webhook]";
        assert_eq!(told(folder.path(), forecast), [format!("6 error CFG-0005: {lack}")]);
    }

    #[test]
    fn certificates_that_are_over_or_not_begun_are_told_for_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let as2 = |more: &str| told(path, &format!("[as2]\nid = \"ACME\"\ncertificates = [\"rsa.pem\"{more}"));
        certificates(path, 2020, 2021);
        let over =
            "the certificate rsa.pem ended on 2021-01-01, and no other is valid: what the partner signs is refused";
        assert_eq!(as2("]\n"), [format!("5 error PRT-0026: {over}")]);
        assert_eq!(
            as2("]\nexpired_certificates = true\n"),
            ["5 warning PRT-0026: the certificate rsa.pem ended on 2021-01-01"]
        );
        fs::rename(path.join("rsa.pem"), path.join("old.pem")).unwrap();
        let next = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year() + 2;
        certificates(path, next, next + 1);
        let words =
            format!("the certificate rsa.pem is valid from {} on, and none is valid until then", date(next, 1, 1));
        assert_eq!(as2("]\n"), [format!("5 warning PRT-0026: {words}")]);
        assert_eq!(as2(", \"old.pem\"]\n"), [format!("5 warning PRT-0026: {words}")]);
        fs::rename(path.join("rsa.pem"), path.join("next.pem")).unwrap();
        certificates(path, 2020, 2100);
        assert_eq!(as2(", \"next.pem\"]\n"), [""; 0], "it lies ready");
    }
}
