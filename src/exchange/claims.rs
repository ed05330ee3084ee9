//! What makes two arrivals the same: keys for the ledger's claims.
//!
//! Each key is a SHA-256 over its parts, each with its length in front so that no two lists of parts run together.

use crate::{
    document::{DocumentType, Mode},
    keys,
    ledger::{Channel, ClaimKey},
};

/// A SHA-256.
pub(super) type Digest = [u8; 32];

/// One hand-over: the connection, how it came, and the id that its sender gave it.
pub(super) fn transport(connection: &str, channel: Channel, mode: Mode, id: &str) -> ClaimKey {
    let channel = match channel {
        Channel::Rest => "rest",
        Channel::As2 => "as2",
        Channel::Sftp => "sftp",
        Channel::Erp => "erp",
        Channel::SftpPush => "sftp-push",
        Channel::Webhook => "webhook",
        Channel::Cxml => "cxml",
    };
    key(&["transport", connection, channel, mode.as_str(), id])
}

/// One interchange: ISA05 to ISA08, ISA15 and ISA13, and the partner, so that nobody can take another's numbers. ISA13 is a number:
/// `12` and `000000012` are one.
pub(super) fn interchange(partner: &str, parties: [&str; 4], usage: u8, number: &str) -> ClaimKey {
    let [sender_qualifier, sender, receiver_qualifier, receiver] = parties;
    let usage = char::from(usage).to_string();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = if is_number { format!("{:0>9}", number.trim_start_matches('0')) } else { number.to_owned() };
    key(&["interchange", partner, sender_qualifier, sender, receiver_qualifier, receiver, &usage, &number])
}

/// One business document: by what identifies its kind, or by its content where several with one number are normal.
pub(super) fn business(
    partner: &str,
    kind: DocumentType,
    mode: Mode,
    identity: Option<&[String]>,
    content: &Digest,
) -> ClaimKey {
    let mut parts = vec!["business", partner, kind.as_str(), mode.as_str()];
    let content = keys::hex(content);
    match identity {
        Some(identity) => parts.extend(identity.iter().map(String::as_str)),
        None => parts.push(&content),
    }
    key(&parts)
}

fn key(parts: &[&str]) -> ClaimKey {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut out = [0; 16];
    for (to, from) in out.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    ClaimKey(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        let interchange = |number| interchange("a", ["ZZ", "THEM", "01", "US"], b'P', number);
        assert_eq!(interchange("12"), interchange("000000012"));
        assert_eq!(interchange("0"), interchange("000000000"));
        for (one, other) in [("12", "21"), ("", "0"), ("A1", "0A1"), ("12", "0000000120")] {
            assert_ne!(interchange(one), interchange(other));
        }
        let (live, test) = (Mode::Live, Mode::Test);
        assert_ne!(
            business("a", DocumentType::Invoice, live, Some(&["1".into()]), &[0; 32]),
            business("a", DocumentType::Invoice, test, Some(&["1".into()]), &[0; 32]),
        );
        assert_ne!(
            business("a", DocumentType::OrderAcknowledgement, live, None, &[0; 32]),
            business("a", DocumentType::OrderAcknowledgement, live, None, &[1; 32]),
        );
    }
}
