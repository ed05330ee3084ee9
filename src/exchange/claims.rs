//! What makes two arrivals the same: keys for the ledger's claims.
//!
//! Each key is a SHA-256 over its parts, each with its length in front so that no two lists of parts run together.

use crate::{
    document::{DocumentType, Mode},
    keys,
    ledger::{Channel, ClaimKey},
    x12::GroupHeader,
};

/// A SHA-256.
pub(super) type Digest = [u8; 32];

/// One hand-over: the connection, how it came, and the id that its sender gave it.
pub(super) fn transport(connection: &str, channel: Channel, mode: Mode, id: &str) -> ClaimKey {
    key(&["transport", connection, channel.as_str(), mode.as_str(), id])
}

/// One interchange: ISA05 to ISA08, ISA15 and ISA13, and the partner, so that nobody can take another's numbers. ISA13 is a number:
/// `12` and `000000012` are one.
pub(super) fn interchange(partner: &str, parties: [&str; 4], usage: u8, mode: Mode, number: &str) -> ClaimKey {
    let [sender_qualifier, sender, receiver_qualifier, receiver] = parties;
    let usage = purpose(usage, mode);
    let number = nine_digits(number);
    key(&["interchange", partner, sender_qualifier, sender, receiver_qualifier, receiver, &usage, &number])
}

/// One group, where its number counts beyond its interchange: ISA15, and what the standard recommends to tell groups
/// apart by over a longer time, GS01, GS02, GS03 and GS06; and the partner.
pub(super) fn group(partner: &str, usage: u8, mode: Mode, group: &GroupHeader) -> ClaimKey {
    let usage = purpose(usage, mode);
    let number = nine_digits(&group.control_number);
    key(&["group", partner, &usage, &group.functional_id, &group.sender, &group.receiver, &number])
}

/// One set, where its number counts beyond its group: ISA15, GS02 and GS03, ST01 and ST02, and the partner. ST02 is a
/// name, in which zeros count.
pub(super) fn set(partner: &str, usage: u8, mode: Mode, group: &GroupHeader, id: &str, control: &str) -> ClaimKey {
    let usage = purpose(usage, mode);
    key(&["set", partner, &usage, &group.sender, &group.receiver, id, control])
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

/// ISA15, and whether it was a rehearsal all the same: what says `P` and came by a test key, or before its partner went
/// live, takes no number from business.
fn purpose(usage: u8, mode: Mode) -> String {
    let usage = char::from(usage);
    if mode == Mode::Test && usage != 'T' { format!("{usage} {}", mode.as_str()) } else { usage.to_string() }
}

/// A number with the zeros that it may be sent without; what is none stays as it is.
fn nine_digits(number: &str) -> String {
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { format!("{:0>9}", number.trim_start_matches('0')) } else { number.to_owned() }
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
    fn groups_and_sets_are_told_apart_by_their_envelopes() {
        let header = |kind: &str, sender: &str, number: &str| GroupHeader {
            functional_id: kind.into(),
            sender: sender.into(),
            receiver: "US".into(),
            control_number: number.into(),
            ..GroupHeader::default()
        };
        let usual = header("PR", "THEM", "12");
        assert_eq!(
            group("a", b'P', Mode::Live, &usual),
            group("a", b'P', Mode::Live, &header("PR", "THEM", "000000012"))
        );
        for other in [header("IN", "THEM", "12"), header("PR", "OTHERS", "12"), header("PR", "THEM", "13")] {
            assert_ne!(group("a", b'P', Mode::Live, &usual), group("a", b'P', Mode::Live, &other));
        }
        assert_ne!(group("a", b'P', Mode::Live, &usual), group("a", b'T', Mode::Live, &usual));
        assert_ne!(group("a", b'P', Mode::Live, &usual), group("b", b'P', Mode::Live, &usual));
        // GS06 is no part of it: the number of the group may be another one each time.
        let first = set("a", b'P', Mode::Live, &usual, "855", "0001");
        assert_eq!(first, set("a", b'P', Mode::Live, &header("PR", "THEM", "13"), "855", "0001"));
        for (id, control) in [("865", "0001"), ("855", "0002"), ("855", "1")] {
            assert_ne!(first, set("a", b'P', Mode::Live, &usual, id, control));
        }
        assert_ne!(first, set("a", b'T', Mode::Live, &usual, "855", "0001"));
    }

    #[test]
    fn a_rehearsal_takes_no_number_from_business() {
        let group_header = GroupHeader { control_number: "1".into(), ..GroupHeader::default() };
        let keys = |usage, mode| {
            let parties = ["ZZ", "THEM", "01", "US"];
            [
                interchange("a", parties, usage, mode, "1"),
                group("a", usage, mode, &group_header),
                set("a", usage, mode, &group_header, "855", "0001"),
            ]
        };
        for (live, test) in keys(b'P', Mode::Live).into_iter().zip(keys(b'P', Mode::Test)) {
            assert_ne!(live, test);
        }
        // What is known on disks: such a T is a rehearsal by itself.
        assert_eq!(keys(b'T', Mode::Live), keys(b'T', Mode::Test));
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        let interchange = |number| interchange("a", ["ZZ", "THEM", "01", "US"], b'P', Mode::Live, number);
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
