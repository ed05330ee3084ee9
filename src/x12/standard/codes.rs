//! A set of codes that answers `contains` with one multiplication and, as a rule, one load.
//!
//! A code of up to eight bytes is packed into a `u64` and kept in an open-addressed table that is at most half full;
//! longer codes, which only overlays bring, are kept sorted beside it.

/// The codes that one element may hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeSet {
    slots: Box<[u64]>,
    shift: u32,
    len: usize,
    long: Vec<Box<[u8]>>,
}

/// Spreads packed codes over the table: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A code of one to eight bytes as a number: its bytes from the lowest up. No code packs to zero, the empty slot.
#[inline]
pub fn pack(code: &[u8]) -> Option<u64> {
    let packed = match *code {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c] => u64::from(u32::from_le_bytes([a, b, c, 0])),
        [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e] => u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]),
        [a, b, c, d, e, f] => u64::from_le_bytes([a, b, c, d, e, f, 0, 0]),
        [a, b, c, d, e, f, g] => u64::from_le_bytes([a, b, c, d, e, f, g, 0]),
        [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => 0,
    };
    // A code that ends in NUL would look like a shorter one; no code list has such a thing.
    if packed == 0 || code.last() == Some(&0) { None } else { Some(packed) }
}

impl CodeSet {
    /// The set of these codes. Empty ones are passed over.
    pub fn new<'c>(codes: impl IntoIterator<Item = &'c [u8]>) -> Self {
        let (mut packed, mut long) = (Vec::new(), Vec::new());
        for code in codes.into_iter().filter(|code| !code.is_empty()) {
            match pack(code) {
                Some(number) => packed.push(number),
                None => long.push(Box::from(code)),
            }
        }
        packed.sort_unstable();
        packed.dedup();
        long.sort_unstable();
        long.dedup();
        let size = (packed.len() * 2).next_power_of_two().max(2);
        let shift = 64 - size.trailing_zeros();
        let mut slots = vec![0; size].into_boxed_slice();
        let mask = size - 1;
        for number in &packed {
            let mut at = slot(*number, shift);
            while let Some(taken) = slots.get_mut(at) {
                if *taken == 0 {
                    *taken = *number;
                    break;
                }
                at = (at + 1) & mask;
            }
        }
        Self { slots, shift, len: packed.len() + long.len(), long }
    }

    /// Whether `code` is one of them, byte for byte.
    #[inline]
    pub fn contains(&self, code: &[u8]) -> bool {
        match pack(code) {
            Some(number) => self.contains_packed(number),
            None => self.long.binary_search_by(|long| long.as_ref().cmp(code)).is_ok(),
        }
    }

    /// The same for a code that is [`pack`]ed already.
    #[inline]
    pub fn contains_packed(&self, packed: u64) -> bool {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = slot(packed, self.shift);
        // Half of the slots are empty, so this ends; an empty set has no slot to look at.
        while let Some(found) = self.slots.get(at & mask) {
            if *found == packed {
                return true;
            }
            if *found == 0 {
                return false;
            }
            at += 1;
        }
        false
    }

    /// How many codes there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none, so that no value passes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All codes in order.
    pub fn codes(&self) -> Vec<Vec<u8>> {
        let short = self.slots.iter().filter(|slot| **slot != 0).map(|slot| {
            let bytes = slot.to_le_bytes();
            bytes.iter().copied().take_while(|byte| *byte != 0).collect()
        });
        let mut all: Vec<Vec<u8>> = short.chain(self.long.iter().map(|long| long.to_vec())).collect();
        all.sort_unstable();
        all
    }
}

#[inline]
fn slot(packed: u64, shift: u32) -> usize {
    (packed.wrapping_mul(SPREAD) >> shift) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_and_long_codes_are_found_and_nothing_else() {
        let set = CodeSet::new([&b"00"[..], b"ZZ", b"004010VICS", b"", b"12345678", b"ZZ"]);
        assert_eq!(set.len(), 4);
        for code in [&b"00"[..], b"ZZ", b"004010VICS", b"12345678"] {
            assert!(set.contains(code), "{code:?}");
        }
        for code in [&b""[..], b"0", b"000", b"zz", b"004010", b"004010VIC", b"123456789", b"00\0"] {
            assert!(!set.contains(code), "{code:?}");
        }
    }

    #[test]
    fn an_empty_set_holds_nothing() {
        assert!(CodeSet::default().is_empty());
        assert!(!CodeSet::default().contains(b"00"));
        assert!(!CodeSet::new([]).contains(b"00"));
    }

    proptest! {
        #[test]
        fn holds_what_it_was_given(codes in proptest::collection::btree_set("[A-Z0-9]{1,10}", 0..300), other in "[A-Z0-9]{1,10}") {
            let set = CodeSet::new(codes.iter().map(|code| code.as_bytes()));
            prop_assert!(codes.iter().all(|code| set.contains(code.as_bytes())));
            prop_assert_eq!(set.contains(other.as_bytes()), codes.contains(&other));
            let back: Vec<Vec<u8>> = codes.iter().map(|code| code.clone().into_bytes()).collect();
            prop_assert_eq!(set.codes(), back);
        }
    }
}
