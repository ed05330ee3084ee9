//! Numbers: from the forms in which X12 has them (X12.6: integers, implied decimals, decimals with an exponent) to the one that
//! documents have, and back.

/// A whole number of up to 18 digits.
pub(super) fn read_int(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (negative, digits) = signed(value);
    let plain = without_leading_zeros(digits);
    if plain.is_empty() || plain.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if negative && plain != b"0" {
        out.push(b'-');
    }
    out.extend_from_slice(plain);
    Some(())
}

/// A number of up to 28 digits, its exponent worked in.
pub(super) fn read_decimal(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (negative, rest) = signed(value);
    let (mut point, mut zero) = (rest.len(), true);
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'0' => {}
            b'1'..=b'9' => zero = false,
            b'.' if point == rest.len() => point = at,
            b'E' | b'e' => return read_scientific(value, out),
            _ => return None,
        }
    }
    let (whole, part) = rest.split_at_checked(point)?;
    let part = part.get(1..).unwrap_or_default();
    let whole = without_leading_zeros(whole);
    if whole.len() + part.len() == 0 || whole.len() + part.len() > 28 {
        return None;
    }
    if negative && !zero {
        out.push(b'-');
    }
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    if !part.is_empty() {
        out.push(b'.');
        out.extend_from_slice(part);
    }
    Some(())
}

/// A number of which the last `scale` digits stand behind a point that is not written.
pub(super) fn read_implied(value: &[u8], scale: u8, out: &mut Vec<u8>) -> Option<()> {
    let (negative, digits) = signed(value);
    let plain = without_leading_zeros(digits);
    if plain.is_empty() || plain.len() > 28 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if negative && plain != b"0" {
        out.push(b'-');
    }
    let scale = usize::from(scale);
    let (whole, part) = plain.split_at_checked(plain.len().saturating_sub(scale))?;
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    if scale > 0 {
        out.push(b'.');
        out.extend(std::iter::repeat_n(b'0', scale - part.len()));
        out.extend_from_slice(part);
    }
    Some(())
}

/// The same, if it has no more places than that.
pub(super) fn write_implied(value: &[u8], scale: usize, out: &mut Vec<u8>) -> Option<()> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let point = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
    let (whole, part) = digits.split_at_checked(point)?;
    let mut part = part.get(1..).unwrap_or_default();
    while let Some(shorter) = part.strip_suffix(b"0") {
        part = shorter;
    }
    if !all_digits(whole) || !(part.is_empty() || all_digits(part)) || part.len() > scale {
        return None;
    }
    let zeros = std::iter::repeat_n(&b'0', scale - part.len());
    let all = whole.iter().chain(part).chain(zeros).copied();
    let mut leading = all.skip_while(|digit| *digit == b'0').peekable();
    match leading.peek() {
        None => out.push(b'0'),
        Some(_) => {
            if digits.len() < value.len() {
                out.push(b'-');
            }
            out.extend(leading);
        }
    }
    Some(())
}

/// Whether reading would give the number as it stands: no sign but a minus, no zeros before it, no minus nought.
#[inline]
pub(super) fn is_canonical_decimal(value: &[u8]) -> bool {
    let (negative, digits) = value.strip_prefix(b"-").map_or((false, value), |digits| (true, digits));
    let point = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
    let (whole, part) = digits.split_at_checked(point).unwrap_or_default();
    let part = part.get(1..);
    all_digits(whole)
        && part.is_none_or(all_digits)
        && (whole == b"0" || whole.first() != Some(&b'0'))
        && whole.len() + part.map_or(0, <[u8]>::len) <= 28
        && (!negative || digits.iter().any(|byte| matches!(byte, b'1'..=b'9')))
}

#[inline]
pub(super) fn all_digits(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit)
}

#[inline]
pub(super) fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|b| **b == b'0').count();
    digits.get(zeros.min(digits.len().saturating_sub(1))..).unwrap_or_default()
}

#[cold]
fn read_scientific(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let number = rust_decimal::Decimal::from_scientific(std::str::from_utf8(value).ok()?).ok()?;
    let number = if number.is_zero() { rust_decimal::Decimal::ZERO } else { number };
    let text = number.to_string();
    read_decimal(text.as_bytes(), out)
}

fn signed(value: &[u8]) -> (bool, &[u8]) {
    match value {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, value),
    }
}
