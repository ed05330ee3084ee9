//! Sixteen bytes looked at in one step. Values are short: most of them are the beginning of one such block, and what
//! stands behind them in it is not counted.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use wide::u8x16;

/// How many bytes are looked at together.
pub(crate) const BLOCK: usize = 16;

/// The first so many of sixteen bits.
#[inline]
pub(crate) fn lowest(length: usize) -> u32 {
    if length < BLOCK { (1 << length) - 1 } else { 0xFFFF }
}

/// Bytes that JSON cannot hold as they are, or that are not ASCII, one bit each.
#[inline]
pub(crate) fn special(block: &[u8; BLOCK]) -> u32 {
    let bytes = u8x16::new(*block);
    let control = bytes.min(u8x16::splat(0x1F)).simd_eq(bytes);
    let escaped = bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'));
    // The highest bit of each byte is what counts.
    (control | escaped | bytes).to_bitmask()
}

/// Bytes that are control characters, or not ASCII, one bit each.
#[inline]
fn odd(block: &[u8; BLOCK]) -> u32 {
    let bytes = u8x16::new(*block);
    (bytes.min(u8x16::splat(0x1F)).simd_eq(bytes) | bytes).to_bitmask()
}

/// Quotes and backslashes, one bit each.
#[inline]
pub(crate) fn quotes(block: &[u8; BLOCK]) -> u32 {
    let bytes = u8x16::new(*block);
    (bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'))).to_bitmask()
}

/// Whether the first `length` bytes are characters that every charset has, and that text may hold, and the first of
/// them is no blank. Where the last block is not whole that is not looked into.
#[inline]
pub(crate) fn is_plain_text(mut text: &[u8], length: usize) -> bool {
    let mut left = length;
    let solid = text.first().is_some_and(|byte| *byte > b' ');
    while let Some((block, rest)) = text.split_first_chunk::<BLOCK>()
        && odd(block) & lowest(left) == 0
    {
        if left <= BLOCK {
            return solid && left > 0;
        }
        (left, text) = (left - BLOCK, rest);
    }
    false
}

/// Bytes that are digits, one bit each.
#[inline]
pub(crate) fn digits(block: &[u8; BLOCK]) -> u32 {
    let bytes = u8x16::new(*block);
    let above = bytes.max(u8x16::splat(b'0')).simd_eq(bytes);
    let below = bytes.min(u8x16::splat(b'9')).simd_eq(bytes);
    (above & below).to_bitmask()
}

/// Whether the first `length` bytes are a number in the form that documents have, without a sign.
#[inline]
pub(crate) fn is_decimal(block: &[u8; BLOCK], length: usize) -> bool {
    let counted = lowest(length);
    let points = u8x16::new(*block).simd_eq(u8x16::splat(b'.')).to_bitmask() & counted;
    let plain = (digits(block) | points) & counted == counted;
    // One point at most, with digits on both sides of it; a zero stands before it or alone.
    let one = points & points.wrapping_sub(1) == 0;
    let between = points & (1 | 1u32.checked_shl(length.wrapping_sub(1) as u32).unwrap_or(1)) == 0;
    let zero = block.first() != Some(&b'0') || length == 1 || points == 0b10;
    (1..=BLOCK).contains(&length) && plain && one && between && zero
}

/// Whether the first `length` bytes are a whole number in the form that documents have, without a sign.
#[inline]
pub(crate) fn is_whole(block: &[u8; BLOCK], length: usize) -> bool {
    let plain = !digits(block) & lowest(length) == 0 && (length == 1 || block.first() != Some(&b'0'));
    plain && (1..=BLOCK).contains(&length)
}

/// CCYYMMDD of a date that a block begins with, unless it is a day that not every month has.
#[inline]
pub(crate) fn date(block: &[u8; BLOCK], length: usize) -> Option<[u8; 8]> {
    let [a, b, c, d, first, m, n, second, x, y, ..] = *block;
    let in_place = digits(block) & 0b11_0110_1111 == 0b11_0110_1111 && (first, second) == (b'-', b'-');
    let exists = (1..=12).contains(&two(m, n)) && (1..=28).contains(&two(x, y));
    (length == 10 && in_place && exists).then_some([a, b, c, d, m, n, x, y])
}

/// The number that two digits are.
#[inline]
pub(crate) fn two(tens: u8, ones: u8) -> u32 {
    u32::from(tens & 0xF) * 10 + u32::from(ones & 0xF)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mapping::convert::Converter;

    proptest! {
        #[test]
        fn what_is_plain_is_written_as_it_is(value in "[0-9.]{1,16}|[ -~]{1,40}|0?[0-9]{1,15}|\\PC{1,20}|[\\x00-\\x7f]{1,20}") {
            let text = [value.as_bytes(), &[b'*'; BLOCK]].concat();
            let (block, length) = (text.first_chunk::<BLOCK>().unwrap(), value.len());
            if is_plain_text(&text, length) {
                prop_assert!(value.bytes().all(|byte| (b' '..0x80).contains(&byte)) && !value.starts_with(' '));
            }
            if length <= BLOCK {
                prop_assert!(!is_decimal(block, length) || Converter::Decimal.writes_as_is(&value));
                prop_assert!(!is_whole(block, length) || Converter::Int.writes_as_is(&value));
            }
        }

        #[test]
        fn dates_are_those_of_the_converter(value in "[0-9]{4}-[0-3][0-9]-[0-3][0-9]|[0-9-]{10,11}") {
            let text = [value.as_bytes(), &[b'"'; BLOCK]].concat();
            let mut slow = Vec::new();
            let written = Converter::Date.write(&value, &mut slow);
            if let Some(quick) = date(text.first_chunk::<BLOCK>().unwrap(), value.len()) {
                prop_assert!(written.is_some() && slow == quick);
            }
        }
    }

    #[test]
    fn plain_values_are_known() {
        let block = |value: &str| *[value.as_bytes(), &[b'"'; BLOCK]].concat().first_chunk::<BLOCK>().unwrap();
        for value in ["0", "7", "0.5", "10.50", "1234567890123456"] {
            assert!(is_decimal(&block(value), value.len()), "{value}");
        }
        assert!(is_whole(&block("120"), 3) && !is_whole(&block("012"), 3) && !is_whole(&block("1.2"), 3));
        assert_eq!(date(&block("2026-02-28"), 10), Some(*b"20260228"));
        assert!(is_plain_text(b"a text of more than one block   and some blanks", 30) && !is_plain_text(b"abc", 3));
    }
}
