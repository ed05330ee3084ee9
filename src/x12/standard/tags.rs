//! From a segment's tag to its number: an open-addressed table over the tag's bytes as one integer.

use super::define::{SegmentDef, SegmentId};

/// Finds segments by tag. At most a quarter full, so that a look-up is one multiplication and about one load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tags {
    slots: Box<[(u32, SegmentId)]>,
    shift: u32,
}

impl Tags {
    /// A table of these segments; of two with one tag, the first is found.
    pub(super) fn new(segments: &[SegmentDef]) -> Self {
        let size = (segments.len() * 4).next_power_of_two().max(2);
        let shift = 32 - size.trailing_zeros();
        let mut slots = vec![(0, SegmentId(0)); size].into_boxed_slice();
        for segment in segments {
            let Some(packed) = pack(segment.tag.as_bytes()) else { continue };
            let mut at = slot(packed, shift);
            while let Some(taken) = slots.get_mut(at & (size - 1)) {
                if taken.0 == 0 || taken.0 == packed {
                    if taken.0 == 0 {
                        *taken = (packed, segment.id);
                    }
                    break;
                }
                at += 1;
            }
        }
        Self { slots, shift }
    }

    #[inline]
    pub(super) fn find(&self, tag: &[u8]) -> Option<SegmentId> {
        let packed = pack(tag)?;
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = slot(packed, self.shift);
        loop {
            let (found, id) = *self.slots.get(at & mask)?;
            if found == packed {
                return Some(id);
            }
            if found == 0 {
                return None;
            }
            at += 1;
        }
    }
}

/// A tag of one to three bytes as a number.
#[inline]
fn pack(tag: &[u8]) -> Option<u32> {
    let packed = match *tag {
        [a] => u32::from(a),
        [a, b] => u32::from_le_bytes([a, b, 0, 0]),
        [a, b, c] => u32::from_le_bytes([a, b, c, 0]),
        _ => 0,
    };
    if packed == 0 || tag.last() == Some(&0) { None } else { Some(packed) }
}

#[inline]
fn slot(packed: u32, shift: u32) -> usize {
    (packed.wrapping_mul(0x9e37_79b1) >> shift) as usize
}
