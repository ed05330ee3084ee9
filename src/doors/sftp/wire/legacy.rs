//! Old algorithms, for partners whose files allow them up to a day (RFC 4253, section 7.1).
//!
//! SSH settles its algorithms before it is known who calls. So they are offered only where a partner with such a day may
//! come from, and what the client said first, which is plain text, is listened to: once it is known who called, whoever
//! settled on something old without being allowed to is refused.

use std::{
    borrow::Cow,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use russh::{Preferred, cipher, kex, keys::Algorithm, mac};

use crate::partner::Directory;

const KEX: [kex::Name; 3] = [kex::DH_GEX_SHA1, kex::DH_G14_SHA1, kex::DH_G1_SHA1];
const CIPHERS: [cipher::Name; 3] = [cipher::AES_256_CBC, cipher::AES_192_CBC, cipher::AES_128_CBC];
const MACS: [mac::Name; 2] = [mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];
/// The RSA signature over SHA-1.
const SSH_RSA: Algorithm = Algorithm::Rsa { hash: None };
/// Of what a client says first, so much is kept; its part of the negotiation has a kilobyte or two.
const MOST: usize = 16 << 10;
/// The packet that begins a negotiation.
const KEXINIT: u8 = 20;

/// Whether a partner that may come from `source` may use old algorithms now.
pub(super) fn is_wanted(directory: &Directory, source: IpAddr, now: Timestamp) -> bool {
    directory.partners().filter_map(|partner| partner.sftp.as_ref()).any(|terms| {
        let from_there = || terms.sources.is_empty() || terms.sources.iter().any(|network| network.contains(source));
        terms.may_be_weak(now) && from_there()
    })
}

/// What is offered then: the old ones behind all others.
pub(super) fn beside(mut preferred: Preferred) -> Preferred {
    fn add<T: Clone>(list: &mut Cow<'static, [T]>, more: &[T]) {
        list.to_mut().extend_from_slice(more);
    }
    add(&mut preferred.kex, &KEX);
    add(&mut preferred.key, &[SSH_RSA]);
    add(&mut preferred.cipher, &CIPHERS);
    add(&mut preferred.mac, &MACS);
    preferred
}

/// What a client said first.
#[derive(Debug, Clone, Default)]
pub(super) struct Overheard(Arc<Mutex<Vec<u8>>>);

impl Overheard {
    /// More of it came.
    pub(super) fn hear(&self, bytes: &[u8]) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST.saturating_sub(said.len());
        said.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// The old algorithms that it settled on, where `offered` was ours. What cannot be read could be anything.
    pub(super) fn settled(&self, offered: &Preferred) -> Vec<String> {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        weak(&said, offered).unwrap_or_else(|| vec!["unknown".to_owned()])
    }
}

/// The old ones among what a client and we settled on: of each list of the client's, the first that is in ours.
fn weak(said: &[u8], offered: &Preferred) -> Option<Vec<String>> {
    let lists = lists(said)?;
    let mut found = Vec::new();
    let mut settle = |list: &str, ours: Vec<&str>, old: &[&str]| {
        let settled = list.split(',').find(|name| ours.contains(name)).unwrap_or_default();
        if old.contains(&settled) && !found.iter().any(|known| known == settled) {
            found.push(settled.to_owned());
        }
        settled.to_owned()
    };
    let [kex, key, to_us, to_them, mac_to_us, mac_to_them] = lists;
    settle(kex, offered.kex.iter().map(AsRef::as_ref).collect(), &KEX.each_ref().map(AsRef::as_ref));
    let keys: Vec<String> = offered.key.iter().map(ToString::to_string).collect();
    settle(key, keys.iter().map(String::as_str).collect(), &["ssh-rsa"]);
    for (cipher, mac) in [(to_us, mac_to_us), (to_them, mac_to_them)] {
        let names = offered.cipher.iter().map(AsRef::as_ref).collect();
        let cipher = settle(cipher, names, &CIPHERS.each_ref().map(AsRef::as_ref));
        // These authenticate by themselves; what was settled beside them is not used.
        if !cipher.contains("gcm") && !cipher.contains("poly1305") {
            settle(mac, offered.mac.iter().map(AsRef::as_ref).collect(), &MACS.each_ref().map(AsRef::as_ref));
        }
    }
    Some(found)
}

/// The first six lists of a client's KEXINIT: key exchange, host key, and ciphers and MACs of both ways.
fn lists(said: &[u8]) -> Option<[&str; 6]> {
    let line = said.iter().position(|byte| *byte == b'\n')?;
    let (length, packet) = said.get(line + 1..)?.split_first_chunk::<4>()?;
    let packet = packet.get(..u32::from_be_bytes(*length) as usize)?;
    // A byte tells the padding, one the kind, and 16 are random.
    if *packet.get(1)? != KEXINIT {
        return None;
    }
    let mut rest = packet.get(18..)?;
    let mut lists = [""; 6];
    for list in &mut lists {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (text, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        *list = std::str::from_utf8(text).ok()?;
        rest = after;
    }
    Some(lists)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hello(lists: [&str; 6]) -> Vec<u8> {
        let mut packet = vec![4, KEXINIT];
        packet.extend([7; 16]);
        for list in lists {
            packet.extend((list.len() as u32).to_be_bytes());
            packet.extend(list.as_bytes());
        }
        let length = (packet.len() as u32).to_be_bytes();
        [b"SSH-2.0-old_1.0\r\n", &length[..], &packet].concat()
    }

    fn settled(lists: [&str; 6]) -> Vec<String> {
        let heard = Overheard::default();
        hello(lists).chunks(7).for_each(|piece| heard.hear(piece));
        heard.settled(&beside(super::super::preferred()))
    }

    #[test]
    fn what_is_old_and_settled_on_is_told() {
        let gcm = "aes128-gcm@openssh.com,aes128-cbc";
        let modern =
            ["curve25519-sha256,diffie-hellman-group14-sha1", "ssh-ed25519", gcm, gcm, "hmac-sha1", "hmac-sha1"];
        assert!(settled(modern).is_empty(), "what a client could do beside that is nothing");
        let old = ["diffie-hellman-group1-sha1", "ssh-rsa", "aes128-cbc", "aes128-ctr", "hmac-sha1", "hmac-sha2-256"];
        assert_eq!(settled(old), ["diffie-hellman-group1-sha1", "ssh-rsa", "aes128-cbc", "hmac-sha1"]);
        let first = ["diffie-hellman-group14-sha1,curve25519-sha256", "ssh-ed25519", gcm, gcm, "", ""];
        assert_eq!(settled(first), ["diffie-hellman-group14-sha1"], "the client's order counts");
    }

    #[test]
    fn what_cannot_be_read_could_be_anything() {
        let heard = Overheard::default();
        heard.hear(b"SSH-2.0-x\r\n\0\0\0\x09half");
        assert_eq!(heard.settled(&super::super::preferred()), ["unknown"]);
        heard.hear(&vec![b'x'; 1 << 20]);
        assert_eq!(heard.0.lock().unwrap().len(), MOST);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_listener_panic(start in 0..3_u8, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut said = match start {
                0 => Vec::new(),
                1 => b"SSH-2.0-x\n".to_vec(),
                _ => hello(["a", "b", "c", "d", "e", "f"]).into_iter().take(40).collect(),
            };
            said.extend(bytes);
            let _ = weak(&said, &super::super::preferred());
        }
    }
}
