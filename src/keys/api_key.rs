//! The keys of the supplier API: `gw_live_…` and `gw_test_…`. Only their digests are kept.

use crate::document::Mode;

/// 32 signs that are hard to mistake for one another; 5 bits each.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 40 of them: 200 random bits.
const LENGTH: usize = 40;

/// A new key of the supplier API, in clear: shown once to the person who asked for it.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// Makes a key.
    pub fn generate(mode: Mode) -> Self {
        let mut text = String::from(prefix(mode));
        let mut bits = 0_u32;
        let mut held = 0;
        for byte in super::random::<{ LENGTH * 5 / 8 }>() {
            bits = (bits << 8) | u32::from(byte);
            held += 8;
            while held >= 5 {
                held -= 5;
                text.push(char::from(ALPHABET[(bits >> held & 31) as usize]));
            }
        }
        Self(text)
    }

    /// The key itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it: its SHA-256 in lower-case hex.
    pub fn digest(&self) -> String {
        Self::digest_of(&self.0)
    }

    /// What is kept of a key that somebody presents.
    pub fn digest_of(presented: &str) -> String {
        super::sha256_hex(presented.as_bytes())
    }

    /// Whether a presented key is a live or a test key; `None` where it is no key of this gateway.
    pub fn mode_of(presented: &str) -> Option<Mode> {
        [Mode::Live, Mode::Test].into_iter().find(|mode| presented.starts_with(prefix(*mode)))
    }

    /// How people tell keys apart without knowing them: the prefix and the last four signs.
    pub fn hint(&self) -> String {
        let tail = self.0.get(self.0.len().saturating_sub(4)..).unwrap_or_default();
        let prefix = Self::mode_of(&self.0).map(prefix).unwrap_or_default();
        format!("{prefix}…{tail}")
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKey({})", self.hint())
    }
}

const fn prefix(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "gw_live_",
        Mode::Test => "gw_test_",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_its_mode_and_hides_its_rest() {
        for mode in [Mode::Live, Mode::Test] {
            let key = ApiKey::generate(mode);
            assert_eq!(key.reveal().len(), 8 + LENGTH);
            assert_eq!(ApiKey::mode_of(key.reveal()), Some(mode));
            assert_eq!(key.digest(), ApiKey::digest_of(key.reveal()));
            assert_eq!(key.hint().chars().count(), 13);
            assert!(!format!("{key:?}").contains(&key.reveal()[8..20]));
            assert_ne!(key.reveal(), ApiKey::generate(mode).reveal());
        }
        assert_eq!(ApiKey::mode_of("sk_live_1"), None);
    }
}
