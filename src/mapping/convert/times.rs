//! Dates and times: from the digits that X12 has to the forms of ISO 8601 that documents have, and back.

use super::numbers::all_digits;

pub(super) fn read_date(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    // A year of two digits is of this century up to 69, as POSIX has it.
    let (century, rest): (&[u8], &[u8]) = match value.len() {
        8 => value.split_at_checked(2)?,
        6 if number(value.get(..2)?)? >= 70 => (b"19", value),
        6 => (b"20", value),
        _ => return None,
    };
    let (year, rest) = rest.split_at_checked(2)?;
    let (month, day) = rest.split_at_checked(2)?;
    let full = number(century)? * 100 + number(year)?;
    let days = match number(month)? {
        2 if full.is_multiple_of(4) && (!full.is_multiple_of(100) || full.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if full == 0 || !(1..=days).contains(&number(day)?) {
        return None;
    }
    out.extend_from_slice(century);
    out.extend_from_slice(year);
    out.push(b'-');
    out.extend_from_slice(month);
    out.push(b'-');
    out.extend_from_slice(day);
    Some(())
}

pub(super) fn write_date(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let [a, b, c, d, b'-', m, n, b'-', x, y] = *value else { return None };
    let date = [a, b, c, d, m, n, x, y];
    crate::x12::is_date(&date).then(|| out.extend_from_slice(&date))
}

pub(super) fn read_time(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if !matches!(value.len(), 4 | 6..=8) {
        return None;
    }
    let (hours, rest) = value.split_at_checked(2)?;
    let (minutes, rest) = rest.split_at_checked(2)?;
    let (seconds, fraction) = if rest.is_empty() { (&b"00"[..], rest) } else { rest.split_at_checked(2)? };
    if number(hours)? > 23 || number(minutes)? > 59 || number(seconds)? > 59 {
        return None;
    }
    out.extend_from_slice(hours);
    out.push(b':');
    out.extend_from_slice(minutes);
    out.push(b':');
    out.extend_from_slice(seconds);
    if !fraction.is_empty() {
        number(fraction)?;
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
    Some(())
}

/// The shortest form: `HHMM`, with seconds and their fraction only where there are some.
pub(super) fn write_time(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let [h, i, b':', m, n, b':', s, t, fraction @ ..] = value else { return None };
    let (whole, fraction) = ([*h, *i, *m, *n, *s, *t], fraction.strip_prefix(b"."));
    if !crate::x12::is_time(&whole) || value.len() > 8 && fraction.is_none() {
        return None;
    }
    match fraction {
        None => out.extend_from_slice(whole.strip_suffix(b"00").unwrap_or(&whole)),
        Some(fraction) => {
            // Two places are all that there is room for.
            (all_digits(fraction) && fraction.len() <= 2).then(|| out.extend_from_slice(&whole))?;
            out.extend_from_slice(fraction);
        }
    }
    Some(())
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
}
