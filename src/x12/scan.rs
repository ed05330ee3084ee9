//! The delimiter index: one pass over the bytes finds every element separator and terminator, and the few bytes that
//! element checks must look at one by one.
//!
//! 64 bytes at a time are compared in vectors of 16 (`wide`, safe code), and the answers are walked as bits. Everything
//! after this pass works on the index, never on the bytes' neighbours, so this is where the core's speed comes from.

use wide::u8x16;

/// What the pass looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) element: u8,
    /// The last byte of the terminator.
    pub(super) segment: u8,
    /// The bytes before it in a multi-byte terminator.
    pub(super) lead: [u8; 3],
    pub(super) lead_len: u8,
    /// Component separator and repetition separator; the component separator twice where there is no other.
    pub(super) inner: [u8; 2],
}

impl Marks {
    /// The bytes that stand before the terminator's last byte.
    pub(super) fn lead(&self) -> &[u8] {
        self.lead.get(..usize::from(self.lead_len)).unwrap_or_default()
    }
}

/// Where delimiters lie in a buffer, up to a point; read from the front, filled at the back.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Offsets of element separators and terminators. Only the first `filled` are meant.
    pub(super) ends: Vec<u32>,
    pub(super) filled: usize,
    /// For each terminator, the index in `ends` past its own entry. Only the first `stopped` are meant.
    pub(super) stops: Vec<u32>,
    pub(super) stopped: usize,
    /// Offsets of bytes that are neither a delimiter nor plain text: control characters, DEL, bytes from 0x80 on, component and
    /// repetition separators.
    pub(super) odd: Vec<u32>,
}

impl Index {
    /// Adds what lies in `buffer` between `from` and `to`.
    pub(super) fn add(&mut self, buffer: &[u8], from: usize, to: usize, marks: &Marks) {
        let Some(region) = buffer.get(from..to) else { return };
        if marks.lead_len > 0 {
            return self.add_slowly(buffer, from, to, marks);
        }
        let vectors = Vectors::new(marks);
        let (blocks, rest) = region.as_chunks::<64>();
        let mut base = from as u32;
        self.make_room(region.len() / 2);
        for block in blocks {
            self.put(base, vectors.masks(block));
            base += 64;
        }
        if !rest.is_empty() {
            let mut block = [b' '; 64];
            for (to, from) in block.iter_mut().zip(rest) {
                *to = *from;
            }
            let keep = (1_u64 << rest.len()) - 1;
            let masks = vectors.masks(&block);
            self.put(base, Masks { any: masks.any & keep, stop: masks.stop & keep, odd: masks.odd & keep });
        }
    }

    /// Makes room for the places of one block, and for about `expected` of them: elements of one byte are rare, so that a half
    /// of all bytes is plenty, and a fortieth of them for terminators.
    fn make_room(&mut self, expected: usize) {
        if self.ends.len() < self.filled + 64 {
            self.ends.resize(self.filled + 64 + expected.max(self.filled / 2), 0);
        }
        if self.stops.len() < self.stopped + 64 {
            self.stops.resize(self.stopped + 64 + (expected / 20).max(self.stopped / 2), 0);
        }
    }

    /// Writes the places of one block. The order of work is by cost: most bits are separators.
    #[inline(always)]
    fn put(&mut self, base: u32, masks: Masks) {
        let Masks { mut any, mut stop, mut odd } = masks;
        if self.ends.len() < self.filled + 64 || self.stops.len() < self.stopped + 64 {
            self.make_room(0);
        }
        let mut at = self.filled;
        let mut stopped = self.stopped;
        if let (Some(ends), Some(stops)) = (
            self.ends.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<64>()),
            self.stops.get_mut(stopped..).and_then(|rest| rest.first_chunk_mut::<64>()),
        ) {
            // Each terminator's rank among the ends, before the bits are used up.
            let mut s = 0_usize;
            while stop != 0 {
                let through = stop ^ (stop - 1);
                if let Some(slot) = stops.get_mut(s & 63) {
                    *slot = at as u32 + (any & through).count_ones();
                }
                s += 1;
                stop &= stop - 1;
            }
            stopped += s;
            // Four at a time: a few writes too many cost less than a branch for each, and what they leave is written over.
            let count = any.count_ones() as usize;
            let mut n = 0_usize;
            while n < count {
                for _ in 0..4 {
                    // Below 64 by count, which the mask lets the compiler see.
                    if let Some(slot) = ends.get_mut(n & 63) {
                        *slot = base.wrapping_add(any.trailing_zeros());
                    }
                    any &= any.wrapping_sub(1);
                    n += 1;
                }
            }
            at += count;
        }
        debug_assert_eq!(stop, 0, "room for a block was made before");
        self.filled = at;
        self.stopped = stopped;
        while odd != 0 {
            self.odd.push(base + odd.trailing_zeros());
            odd &= odd - 1;
        }
    }

    /// The same for a terminator of several bytes: its last byte counts only after the others.
    fn add_slowly(&mut self, buffer: &[u8], from: usize, to: usize, marks: &Marks) {
        self.ends.truncate(self.filled);
        self.stops.truncate(self.stopped);
        for at in from..to {
            let Some(&byte) = buffer.get(at) else { break };
            if byte == marks.element {
                self.ends.push(at as u32);
            } else if byte == marks.segment && buffer.get(..at).is_some_and(|before| before.ends_with(marks.lead())) {
                self.ends.push(at as u32);
                self.stops.push(self.ends.len() as u32);
            } else if !(0x20..0x7f).contains(&byte) || marks.inner.contains(&byte) {
                self.odd.push(at as u32);
            }
        }
        self.filled = self.ends.len();
        self.stopped = self.stops.len();
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
        self.stopped = 0;
        self.odd.clear();
    }
}

struct Masks {
    any: u64,
    stop: u64,
    odd: u64,
}

struct Vectors {
    element: u8x16,
    segment: u8x16,
    inner: [u8x16; 2],
    low: u8x16,
    high: u8x16,
}

impl Vectors {
    fn new(marks: &Marks) -> Self {
        Self {
            element: u8x16::splat(marks.element),
            segment: u8x16::splat(marks.segment),
            inner: marks.inner.map(u8x16::splat),
            low: u8x16::splat(0x1f),
            high: u8x16::splat(0x7f),
        }
    }

    #[inline(always)]
    fn masks(&self, block: &[u8; 64]) -> Masks {
        let (mut any, mut stop, mut odd) = (0, 0, 0);
        let (vectors, _) = block.as_chunks::<16>();
        for (nth, bytes) in vectors.iter().enumerate() {
            let bytes = u8x16::new(*bytes);
            let stops = bytes.simd_eq(self.segment);
            let ends = bytes.simd_eq(self.element) | stops;
            // Plain text is what neither bound moves.
            let outside = bytes.max(self.high).simd_eq(bytes) | bytes.min(self.low).simd_eq(bytes);
            let odds = outside | bytes.simd_eq(self.inner[0]) | bytes.simd_eq(self.inner[1]);
            let shift = 16 * nth;
            any |= u64::from(ends.to_bitmask()) << shift;
            stop |= u64::from(stops.to_bitmask()) << shift;
            odd |= u64::from(odds.to_bitmask()) << shift;
        }
        Masks { any, stop, odd: odd & !any }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MARKS: Marks = Marks { element: b'*', segment: b'~', lead: [0; 3], lead_len: 0, inner: [b':', b'^'] };

    fn all(buffer: &[u8], cuts: &[usize], marks: &Marks) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
        let mut index = Index::default();
        let mut from = 0;
        for to in cuts.iter().copied().chain([buffer.len()]) {
            index.add(buffer, from, to, marks);
            from = to;
        }
        (index.ends[..index.filled].to_vec(), index.stops[..index.stopped].to_vec(), index.odd)
    }

    #[test]
    fn a_byte_is_odd_where_a_check_must_look() {
        let (ends, stops, odd) = all(b"A*\x7f \x1f\x80\xff~:^~", &[], &MARKS);
        assert_eq!((ends, stops), (vec![1, 7, 10], vec![2, 3]));
        assert_eq!(odd, [2, 4, 5, 6, 8, 9]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn vectors_find_what_a_loop_finds(
            buffer in prop::collection::vec(prop::sample::select(&b"A *~:^\n\x7f\x80\xe2\xa6z"[..]), 0..400),
            cut in 0_usize..400,
        ) {
            let mut ends = Vec::new();
            let (mut stops, mut odd) = (Vec::new(), Vec::new());
            for (at, byte) in buffer.iter().enumerate() {
                match byte {
                    b'*' => ends.push(at as u32),
                    b'~' => { ends.push(at as u32); stops.push(ends.len() as u32); }
                    b':' | b'^' | b'\n' | 0x7f..=0xff => odd.push(at as u32),
                    _ => {}
                }
            }
            let expected = (ends, stops, odd);
            prop_assert_eq!(&all(&buffer, &[cut.min(buffer.len())], &MARKS), &expected);
            // The slow way agrees wherever the terminator's lead is always there.
            let slow = Marks { lead: [b'~', 0, 0], lead_len: 1, ..MARKS };
            let doubled: Vec<u8> = buffer.iter().map(|b| if *b == b'~' { b'A' } else { *b }).collect();
            let (ends, stops, _) = all(&doubled, &[cut.min(buffer.len())], &slow);
            prop_assert_eq!((ends, stops.len()), (expected.0.iter().copied().filter(|at| buffer[*at as usize] == b'*').collect(), 0));
        }
    }
}
