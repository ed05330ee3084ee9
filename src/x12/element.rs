//! Values against their elements: type, length, characters, codes (X12.6 §3). Slices in, one verdict out, nothing allocated.

use super::codes;
use super::policy::CharacterSet;
use super::standard::{ElementDef, ElementKind};
use crate::error::Code;

/// What is wrong with a value that holds plain text and is not empty, if anything.
#[inline]
pub fn fault(element: &ElementDef, value: &[u8]) -> Option<Code> {
    let (min, max) = (element.min as usize, element.max as usize);
    match element.kind {
        ElementKind::Text | ElementKind::Binary => length(value.len(), min, max),
        ElementKind::Code => match &element.codes {
            Some(list) if list.contains(value) => None,
            known => length(value.len(), min, max).or_else(|| known.as_ref().map(|_| codes::ELEMENT_CODE)),
        },
        ElementKind::Integer(_) => match integer_digits(value) {
            Some(digits) => length(digits, min, max),
            None => Some(codes::ELEMENT_CHARACTER),
        },
        ElementKind::Decimal => match decimal_digits(value) {
            Some(digits) => length(digits, min, max),
            None => Some(codes::ELEMENT_CHARACTER),
        },
        ElementKind::Date => length(value.len(), min, max).or_else(|| (!is_date(value)).then_some(codes::ELEMENT_DATE)),
        ElementKind::Time => length(value.len(), min, max).or_else(|| (!is_time(value)).then_some(codes::ELEMENT_TIME)),
    }
}

#[inline]
fn length(length: usize, min: usize, max: usize) -> Option<Code> {
    if length < min {
        Some(codes::ELEMENT_SHORT)
    } else if length > max {
        Some(codes::ELEMENT_LONG)
    } else {
        None
    }
}

/// The number of characters of a value: of its UTF-8 if it is that, of its bytes otherwise.
pub(super) fn characters(value: &[u8]) -> usize {
    std::str::from_utf8(value).map_or(value.len(), |text| text.chars().count())
}

/// The digits of an Nn value; `None` if it is none. The sign is not counted.
#[inline]
pub(super) fn integer_digits(value: &[u8]) -> Option<usize> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then_some(digits.len())
}

/// The digits of an R value; `None` if it is none. Signs, the decimal point and the E before an exponent are not counted.
#[inline]
pub(super) fn decimal_digits(value: &[u8]) -> Option<usize> {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let (mut digits, mut points) = (0, 0);
    for (at, byte) in value.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'.' => points += 1,
            b'E' if digits > 0 => {
                let exponent = integer_digits(value.get(at + 1..)?)?;
                return (points <= 1).then_some(digits + exponent);
            }
            _ => return None,
        }
    }
    (digits > 0 && points <= 1).then_some(digits)
}

/// Whether a value is CCYYMMDD or YYMMDD, and there is such a day.
#[inline]
pub fn is_date(value: &[u8]) -> bool {
    let (year, rest) = match *value {
        [a, b, c, d, ref rest @ ..] if value.len() == 8 => (number(&[a, b, c, d]), rest),
        // Every hundredth year but every four-hundredth has no leap day; which century 00 means is not said.
        [a, b, ref rest @ ..] if value.len() == 6 => (number(&[a, b]).map(|year| year + 2000), rest),
        _ => return false,
    };
    let [m, n, d, e] = *rest else { return false };
    let (Some(year), Some(month), Some(day)) = (year, number(&[m, n]), number(&[d, e])) else { return false };
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// Whether a value is HHMM, HHMMSS, HHMMSSd or HHMMSSdd, and there is such a time.
#[inline]
pub fn is_time(value: &[u8]) -> bool {
    if !matches!(value.len(), 4 | 6 | 7 | 8) || !value.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let two = |at: usize| value.get(at..at + 2).and_then(number).unwrap_or(0);
    two(0) < 24 && two(2) < 60 && two(4) < 60
}

#[inline]
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

/// Whether the character set has this byte. Control characters are another matter.
pub(super) fn belongs(byte: u8, set: CharacterSet) -> bool {
    match set {
        CharacterSet::Any => true,
        CharacterSet::Extended => byte.is_ascii(),
        CharacterSet::Basic => {
            byte.is_ascii_uppercase()
                || byte.is_ascii_digit()
                || byte.is_ascii_control()
                || b" !\"&'()*+,-./:;?=".contains(&byte)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x12::standard::Standard;

    fn fault_of(number: &str, value: &str) -> Option<Code> {
        fault(Standard::get("005010").unwrap().element(number).unwrap(), value.as_bytes())
    }

    #[test]
    fn lengths_count_digits_only() {
        // 380 is R 1/15, 554 is N0 1/6, 610 is N2 1/15.
        for good in ["1", "-123456789012345", "1234567890.12345", ".5", "5.", "0", "1E5", "-1.5E-5"] {
            assert_eq!(fault_of("380", good), None, "{good}");
        }
        for bad in ["", "-", ".", "1.2.3", "1-", "+1", "1,5", "E5", "1E", "1 ", "12A", "0x1"] {
            assert_eq!(fault_of("380", bad), Some(codes::ELEMENT_CHARACTER), "{bad}");
        }
        assert_eq!(fault_of("380", "1234567890.123456"), Some(codes::ELEMENT_LONG));
        assert_eq!(fault_of("554", "-123456"), None);
        assert_eq!(fault_of("554", "1234567"), Some(codes::ELEMENT_LONG));
        assert_eq!(fault_of("610", "9588"), None);
        assert_eq!(fault_of("610", "95.88"), Some(codes::ELEMENT_CHARACTER));
    }

    #[test]
    fn dates_and_times_must_exist() {
        for good in ["20240229", "20000229", "19991231"] {
            assert_eq!(fault_of("373", good), None, "{good}");
        }
        for bad in ["20230229", "19000229", "20261301", "20260132", "20260100", "2026013A", "20260431"] {
            assert_eq!(fault_of("373", bad), Some(codes::ELEMENT_DATE), "{bad}");
        }
        assert_eq!(fault_of("373", "260101"), Some(codes::ELEMENT_SHORT));
        assert!(is_date(b"240229") && !is_date(b"230229") && !is_date(b"2402291"));
        for good in ["0000", "2359", "235959", "2359599", "23595999"] {
            assert_eq!(fault_of("337", good), None, "{good}");
        }
        for bad in ["2400", "2360", "235960", "12345", "12A0"] {
            assert_eq!(fault_of("337", bad), Some(codes::ELEMENT_TIME), "{bad}");
        }
    }

    #[test]
    fn codes_are_compared_byte_for_byte() {
        assert_eq!(fault_of("355", "EA"), None);
        assert_eq!(fault_of("355", "ea"), Some(codes::ELEMENT_CODE));
        assert_eq!(fault_of("355", "EAX"), Some(codes::ELEMENT_LONG));
    }

    #[test]
    fn characters_are_counted_where_bytes_are_utf_8() {
        assert_eq!((characters("–°".as_bytes()), characters(b"M\xfcller")), (2, 6));
        assert!(belongs(b'a', CharacterSet::Extended) && !belongs(b'a', CharacterSet::Basic));
        assert!(belongs(0xfc, CharacterSet::Any) && !belongs(0xfc, CharacterSet::Extended));
    }
}
