//! Which bytes of a file are there, as a few sorted spans.

/// More spans than this are nobody's way to send a file.
const MOST: usize = 256;

/// Spans of bytes, sorted, apart from each other, none empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// The first `len` bytes.
    pub(super) fn prefix_of(len: u64) -> Self {
        if len == 0 { Self::default() } else { Self(vec![(0, len)]) }
    }

    /// Whether `from..to` can be added without more spans than are kept.
    pub(super) fn takes(&self, from: u64, to: u64) -> bool {
        self.0.len() < MOST || self.0.iter().any(|(begin, end)| *begin <= to && from <= *end)
    }

    /// Adds the bytes `from..to`.
    pub(super) fn add(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        // Nearly every file comes in order.
        if let [.., (_, end)] = self.0.as_mut_slice()
            && *end == from
        {
            *end = to;
            return;
        }
        let first = self.0.partition_point(|(_, end)| *end < from);
        let last = self.0.partition_point(|(begin, _)| *begin <= to);
        let touched = self.0.get(first..last).unwrap_or_default();
        let begin = touched.first().map_or(from, |span| span.0.min(from));
        let end = touched.last().map_or(to, |span| span.1.max(to));
        self.0.splice(first..last.max(first), [(begin, end)]);
    }

    /// How many bytes are there from the first one on without a gap.
    pub(super) fn prefix(&self) -> u64 {
        self.0.first().map_or(0, |(begin, end)| if *begin == 0 { *end } else { 0 })
    }

    /// Where the last byte is.
    pub(super) fn end(&self) -> u64 {
        self.0.last().map_or(0, |(_, end)| *end)
    }

    /// Whether there is a gap.
    pub(super) fn has_gap(&self) -> bool {
        self.prefix() != self.end()
    }

    /// Forgets everything from `len` on.
    pub(super) fn cut(&mut self, len: u64) {
        self.0.retain(|(begin, _)| *begin < len);
        if let Some((_, end)) = self.0.last_mut() {
            *end = (*end).min(len);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn spans_are_what_a_set_of_bytes_would_be(
            steps in prop::collection::vec((0_u64..60, 0_u64..12, any::<bool>()), 0..40)
        ) {
            let mut ranges = Ranges::default();
            let mut bytes = std::collections::BTreeSet::new();
            for (from, len, cut) in steps {
                if cut {
                    ranges.cut(from);
                    bytes.retain(|byte| *byte < from);
                } else {
                    ranges.add(from, from + len);
                    bytes.extend(from..from + len);
                }
                let prefix = (0..).take_while(|byte| bytes.contains(byte)).count() as u64;
                prop_assert_eq!(ranges.prefix(), prefix);
                prop_assert_eq!(ranges.end(), bytes.last().map_or(0, |last| last + 1));
                prop_assert_eq!(ranges.has_gap(), prefix != bytes.len() as u64);
                prop_assert!(ranges.0.windows(2).all(|pair| pair[0].1 < pair[1].0));
            }
        }
    }

    #[test]
    fn spans_are_bounded() {
        let mut ranges = Ranges::default();
        (0..MOST as u64).for_each(|n| ranges.add(n * 10, n * 10 + 1));
        assert!(!ranges.takes(5, 6) && ranges.takes(1, 2) && ranges.takes(0, 10_000));
        assert!(!Ranges::prefix_of(0).has_gap() && Ranges::prefix_of(9).prefix() == 9);
    }
}
