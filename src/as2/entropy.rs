//! Randomness as an argument, so that tests can say what comes out.

/// Where boundaries, Message-IDs, content keys and initialisation vectors come from.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with bytes that nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
}

/// The system's cryptographic generator, for callers to hand in.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Entropy for System {
    fn fill(&self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(32) {
            let random = crate::keys::random::<32>();
            piece.copy_from_slice(random.get(..piece.len()).unwrap_or_default());
        }
    }
}

/// Random letters for a boundary or an id: 26 of an alphabet of 32, 130 bits.
pub(super) fn token(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 26];
    entropy.fill(&mut bytes);
    let letters = b"abcdefghijkmnpqrstuvwxyz23456789";
    bytes.iter().filter_map(|byte| letters.get(usize::from(byte % 32))).map(|letter| char::from(*letter)).collect()
}

#[cfg(test)]
pub(super) mod counting {
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Bytes that can be told in advance.
    #[derive(Default)]
    pub(in crate::as2) struct Counting(AtomicU64);

    impl super::Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0.fetch_add(1, Ordering::Relaxed) as u8;
            }
        }
    }
}
