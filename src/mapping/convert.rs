//! Converters: pairs of a way in and a way out, with two laws.
//!
//! `read(write(c)) = c` for every canonical value that `write` takes, and `read(write(read(v))) = read(v)` for every
//! value that `read` takes. What a converter does not take it refuses, with the form that it expects.

mod numbers;
mod times;

use self::{
    numbers::{
        all_digits, is_canonical_decimal, read_decimal, read_implied, read_int, without_leading_zeros, write_implied,
    },
    times::{read_date, read_time, write_date, write_time},
};
use super::text::{Charset, write_characters, write_string};

/// What a converter makes: the JSON and the type of the field that it may fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Text,
    Decimal,
    Integer,
    Date,
    Time,
    Bool,
}

impl Scalar {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Decimal => "a decimal number",
            Self::Integer => "a whole number",
            Self::Date => "a date",
            Self::Time => "a time",
            Self::Bool => "yes or no",
        }
    }
}

/// One converter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Converter {
    /// As sent.
    Text,
    /// In capitals.
    Upper,
    /// Without blanks at either end.
    Trim,
    /// A whole number: `007` is 7.
    Int,
    /// A decimal number: `.50` is "0.50"; zeros at the end stay.
    Decimal,
    /// A whole number of tenths, hundredths…: with 2, `9588` is "95.88" (X12 type N2).
    Implied(u8),
    /// `20260731`, or `260731` in old versions, is "2026-07-31".
    Date,
    /// `1405`, `140500`, `14050025` is "14:05:00", with its fraction.
    Time,
    /// `202607311405` is "2026-07-31T14:05:00".
    DateTime,
    /// Two codes, for yes and for no.
    Bool(String, String),
    /// Digits filled with zeros from the left to a length: with 6, `000123` is "123".
    Pad(u8),
    /// A text that goes on in the next element where it is longer than one holds, or than so many characters. See `wrap`.
    Wrap(Option<u16>),
    /// One that is written in Rust.
    Named(&'static Named),
}

/// A converter for what no general one fits. Add it to [`NAMED`] with its doc and its test.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    expects: &'static str,
    read: fn(&str) -> Option<String>,
    write: fn(&str) -> Option<String>,
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Named {}

/// The converters that are written in Rust.
pub(crate) const NAMED: &[Named] = &[Named {
    name: "sscc",
    about: "A serial shipping container code of 18 digits; X12 often puts the application identifier 00 before it.",
    expects: "18 digits, or 20 that begin with 00",
    read: |value| match value.len() {
        20 => value.strip_prefix("00").filter(|code| code.bytes().all(|b| b.is_ascii_digit())).map(str::to_owned),
        // Blanks alone say nothing.
        _ => value.bytes().any(|byte| byte != b' ').then(|| value.to_owned()),
    },
    write: |code| match (code.len(), code.bytes().all(|b| b.is_ascii_digit())) {
        (18, true) => Some(format!("00{code}")),
        (20, _) => None,
        // Blanks alone read as nothing.
        _ => code.bytes().any(|byte| byte != b' ').then(|| code.to_owned()),
    },
}];

/// What `as` may say, for hints and the schema.
pub(crate) const NAMES: &[&str] = &[
    "text",
    "upper",
    "trim",
    "int",
    "decimal",
    "decimal(2)",
    "date",
    "time",
    "date_time",
    "bool(\"Y\",\"N\")",
    "pad(10)",
    "wrap",
    "sscc",
];

impl Converter {
    /// Reads what `as` says.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => (name.trim(), Some(rest.strip_suffix(')')?.trim())),
            None => (text.trim(), None),
        };
        Some(match (name, arguments) {
            ("text", None) => Self::Text,
            ("upper", None) => Self::Upper,
            ("trim", None) => Self::Trim,
            ("int", None) => Self::Int,
            ("decimal", None) => Self::Decimal,
            ("decimal", Some(scale)) => Self::Implied(scale.parse().ok().filter(|n| (0..=9).contains(n))?),
            ("date", None) => Self::Date,
            ("time", None) => Self::Time,
            ("date_time", None) => Self::DateTime,
            ("pad", Some(length)) => Self::Pad(length.parse().ok().filter(|n| (1..=40).contains(n))?),
            ("wrap", None) => Self::Wrap(None),
            ("wrap", Some(width)) => Self::Wrap(Some(width.parse().ok().filter(|n| (10..=4096).contains(n))?)),
            ("bool", Some(pair)) => {
                let (yes, no) = pair.split_once(',')?;
                let code = |text: &str| {
                    let inner = text.trim().strip_prefix(['"', '\''])?.strip_suffix(['"', '\''])?;
                    (!inner.is_empty()).then(|| inner.to_owned())
                };
                let (yes, no) = (code(yes)?, code(no)?);
                if yes == no {
                    return None;
                }
                Self::Bool(yes, no)
            }
            (name, None) => Self::Named(NAMED.iter().find(|named| named.name == name)?),
            _ => return None,
        })
    }

    /// The converter of a field whose rule names none.
    pub(crate) fn of(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Text => Self::Text,
            Scalar::Decimal => Self::Decimal,
            Scalar::Integer => Self::Int,
            Scalar::Date => Self::Date,
            Scalar::Time => Self::Time,
            Scalar::Bool => Self::Bool("Y".to_owned(), "N".to_owned()),
        }
    }

    pub(crate) fn makes(&self) -> Scalar {
        match self {
            Self::Text | Self::Upper | Self::Trim | Self::Wrap(_) | Self::Pad(_) | Self::Named(_) | Self::DateTime => {
                Scalar::Text
            }
            Self::Int => Scalar::Integer,
            Self::Decimal | Self::Implied(_) => Scalar::Decimal,
            Self::Date => Scalar::Date,
            Self::Time => Scalar::Time,
            Self::Bool(..) => Scalar::Bool,
        }
    }

    /// The form that a value must have, to say what is wrong with one that has not.
    pub(crate) fn expects(&self) -> String {
        match self {
            Self::Text | Self::Upper | Self::Trim | Self::Wrap(_) => "a text".to_owned(),
            Self::Int => "a whole number of at most 18 digits".to_owned(),
            Self::Decimal => "a decimal number, like 12.5, of at most 28 digits".to_owned(),
            Self::Implied(scale) => format!("a whole number whose last {scale} digits stand behind the point"),
            Self::Date => "a date, like 20260731".to_owned(),
            Self::Time => "a time, like 1405 or 140530".to_owned(),
            Self::DateTime => "a date and time, like 202607311405".to_owned(),
            Self::Bool(yes, no) => format!("`{yes}` or `{no}`"),
            Self::Pad(_) => "digits".to_owned(),
            Self::Named(named) => named.expects.to_owned(),
        }
    }

    /// Writes the canonical value of `value` to `out` as JSON. On refusal `out` may hold a part; the caller cuts it.
    pub(crate) fn read(&self, value: &[u8], charset: Charset, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Text | Self::Wrap(_) => write_string(value, charset, out),
            Self::Trim => write_string(value.trim_ascii(), charset, out),
            Self::Upper => write_string(&value.to_ascii_uppercase(), charset, out),
            Self::Int => read_int(value.trim_ascii(), out)?,
            Self::Decimal => quoted(out, |out| read_decimal(value.trim_ascii(), out))?,
            Self::Implied(scale) => quoted(out, |out| read_implied(value.trim_ascii(), *scale, out))?,
            Self::Date => quoted(out, |out| read_date(value.trim_ascii(), out))?,
            Self::Time => quoted(out, |out| read_time(value.trim_ascii(), out))?,
            Self::DateTime => quoted(out, |out| {
                let (date, time) = value.trim_ascii().split_at_checked(8)?;
                read_date(date, out)?;
                out.push(b'T');
                read_time(time, out)
            })?,
            Self::Bool(yes, no) => match value.trim_ascii() {
                value if value == yes.as_bytes() => out.extend_from_slice(b"true"),
                value if value == no.as_bytes() => out.extend_from_slice(b"false"),
                _ => return None,
            },
            Self::Pad(_) => {
                let digits = value.trim_ascii();
                if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                    return None;
                }
                quoted(out, |out| {
                    out.extend_from_slice(without_leading_zeros(digits));
                    Some(())
                })?;
            }
            Self::Named(named) => {
                let text = charset.decode(value.trim_ascii());
                let canonical = (named.read)(&text)?;
                out.push(b'"');
                write_characters(canonical.as_bytes(), Charset::Utf8, out);
                out.push(b'"');
            }
        }
        Some(())
    }

    /// Whether a text of plain characters is written as it stands.
    #[inline]
    pub(crate) fn writes_as_is(&self, canonical: &str) -> bool {
        let bytes = canonical.as_bytes();
        match self {
            Self::Text | Self::Wrap(_) => true,
            Self::Upper => !bytes.iter().any(u8::is_ascii_lowercase),
            Self::Trim => !bytes.is_empty() && bytes.trim_ascii().len() == bytes.len(),
            Self::Int => {
                let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
                let plain = all_digits(digits) && without_leading_zeros(digits).len() == digits.len();
                plain && digits.len() <= 18 && bytes != b"-0"
            }
            Self::Decimal => is_canonical_decimal(bytes),
            _ => false,
        }
    }

    /// Writes the X12 form of a canonical value, which is the text of its JSON without quotes; `None` if there is none.
    pub(crate) fn write(&self, canonical: &str, out: &mut Vec<u8>) -> Option<()> {
        let bytes = canonical.as_bytes();
        match self {
            Self::Text | Self::Wrap(_) | Self::Upper | Self::Trim | Self::Int | Self::Decimal => {
                self.writes_as_is(canonical).then(|| out.extend_from_slice(bytes))?;
            }
            Self::Implied(scale) => write_implied(bytes, usize::from(*scale), out)?,
            Self::Date => write_date(bytes, out)?,
            Self::Time => write_time(bytes, out)?,
            Self::DateTime => {
                let (date, time) = canonical.split_once('T')?;
                write_date(date.as_bytes(), out)?;
                write_time(time.as_bytes(), out)?;
            }
            Self::Bool(yes, no) => match canonical {
                "true" => out.extend_from_slice(yes.as_bytes()),
                "false" => out.extend_from_slice(no.as_bytes()),
                _ => return None,
            },
            Self::Pad(length) => {
                let zeros = usize::from(*length).checked_sub(bytes.len())?;
                let plain = all_digits(bytes) && without_leading_zeros(bytes).len() == bytes.len();
                plain.then(|| {
                    out.extend(std::iter::repeat_n(b'0', zeros));
                    out.extend_from_slice(bytes);
                })?;
            }
            Self::Named(named) => out.extend_from_slice((named.write)(canonical)?.as_bytes()),
        }
        Some(())
    }
}

fn quoted(out: &mut Vec<u8>, inner: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Option<()> {
    out.push(b'"');
    inner(out)?;
    out.push(b'"');
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(converter: &Converter, value: &str) -> Option<String> {
        let mut out = Vec::new();
        converter.read(value.as_bytes(), Charset::Utf8, &mut out)?;
        Some(match serde_json::from_slice(&out).unwrap() {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        })
    }

    fn converter(text: &str) -> Converter {
        Converter::parse(text).expect(text)
    }

    fn write(converter: &Converter, canonical: &str) -> Option<String> {
        let mut out = Vec::new();
        converter.write(canonical, &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn values_are_read_as_their_converters_say() {
        for (name, value, canonical) in [
            ("text", " a\"b ", Some(" a\"b ")),
            ("trim", "  x ", Some("x")),
            ("upper", "ea", Some("EA")),
            ("int", "007", Some("7")),
            ("int", "-0", Some("0")),
            ("int", "1.0", None),
            ("decimal", ".50", Some("0.50")),
            ("decimal", "-.5", Some("-0.5")),
            ("decimal", "+007.10", Some("7.10")),
            ("decimal", "5.", Some("5")),
            ("decimal", "-0.00", Some("0.00")),
            ("decimal", "12E3", Some("12000")),
            ("decimal", "1.5E-3", Some("0.0015")),
            ("decimal", "1O", None),
            ("decimal", "1,5", None),
            ("decimal", ".", None),
            ("decimal", "1.2.3", None),
            ("decimal", "12345678901234567890123456789", None),
            ("decimal(2)", "9588", Some("95.88")),
            ("decimal(2)", "-5", Some("-0.05")),
            ("decimal(2)", "0", Some("0.00")),
            ("decimal(2)", "95.88", None),
            ("decimal(0)", "42", Some("42")),
            ("date", "20240229", Some("2024-02-29")),
            ("date", "20230229", None),
            ("date", "991231", Some("1999-12-31")),
            ("date", "010512", Some("2001-05-12")),
            ("date", "20261301", None),
            ("date", "2026-01-01", None),
            ("time", "1405", Some("14:05:00")),
            ("time", "140530", Some("14:05:30")),
            ("time", "14053025", Some("14:05:30.25")),
            ("time", "2460", None),
            ("time", "140", None),
            ("date_time", "202607311405", Some("2026-07-31T14:05:00")),
            ("bool(\"Y\", \"N\")", "Y", Some("true")),
            ("bool(\"Y\",\"N\")", "X", None),
            ("pad(6)", "000120", Some("120")),
            ("pad(6)", "000000", Some("0")),
            ("sscc", "00000715670002152360", Some("000715670002152360")),
            ("sscc", "000715670002152360", Some("000715670002152360")),
            ("sscc", "99000715670002152360", None),
        ] {
            assert_eq!(read(&converter(name), value).as_deref(), canonical, "{name} of {value}");
        }
    }

    #[test]
    fn what_is_no_converter_is_refused() {
        for text in [
            "",
            "dat",
            "decimal(x)",
            "decimal(2",
            "bool(\"Y\")",
            "bool(\"Y\",\"Y\")",
            "bool(Y,N)",
            "pad",
            "pad(0)",
            "text(1)",
        ] {
            assert_eq!(Converter::parse(text), None, "{text}");
        }
        for name in NAMES {
            assert!(Converter::parse(name).is_some(), "{name}");
        }
    }

    fn any_converter() -> impl Strategy<Value = Converter> {
        proptest::sample::select(NAMES).prop_map(converter)
    }

    /// Values near to what converters take, and anything else.
    fn any_value() -> impl Strategy<Value = String> {
        prop_oneof![
            "[+-]?[0-9]{0,12}\\.?[0-9]{0,6}",
            "[0-9]{4,20}",
            "(19|20)[0-9]{2}(0[1-9]|1[0-2])([0-2][0-9]|3[01])([01][0-9][0-5][0-9])?",
            "([01][0-9]|2[0-3])[0-5][0-9]([0-5][0-9]([0-9]{0,2}))?",
            "[YN]",
            "00[0-9]{18}",
            "-?[0-9]{1,6}E-?[0-9]{1,2}",
            "\\PC{0,12}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_was_read_once_stays_as_it_is(converter in any_converter(), value in any_value()) {
            if let Some(canonical) = read(&converter, &value)
                && let Some(written) = write(&converter, &canonical)
            {
                prop_assert_eq!(read(&converter, &written), Some(canonical), "{:?} wrote {}", converter, written);
            }
        }

        #[test]
        fn what_was_read_can_be_written(converter in any_converter(), value in any_value()) {
            if let Some(canonical) = read(&converter, &value) {
                // What does not fit a fixed length cannot be written back; nor blanks where blanks mean nothing.
                let fits = match &converter {
                    Converter::Pad(length) => canonical.len() <= usize::from(*length),
                    Converter::Trim => !canonical.is_empty(),
                    Converter::Named(_) => canonical.len() != 20,
                    _ => true,
                };
                prop_assert_eq!(write(&converter, &canonical).is_some(), fits, "{:?} {}", converter, canonical);
            }
        }

        #[test]
        fn what_is_written_reads_as_it_was(converter in any_converter(), canonical in prop_oneof![
            any_value(), "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,2})?", "[0-9]{4}-[0-9]{2}-[0-9]{2}", "[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,2})?", "true|false"
        ]) {
            if let Some(written) = write(&converter, &canonical) {
                let again = read(&converter, &written);
                match converter {
                    // 58.8 comes back as 58.80: the same number.
                    Converter::Implied(_) => {
                        let number = |text: &str| text.parse::<rust_decimal::Decimal>().unwrap();
                        prop_assert_eq!(again.as_deref().map(number), Some(number(&canonical)));
                    }
                    _ => prop_assert_eq!(again, Some(canonical), "{:?} wrote {}", converter, written),
                }
            }
        }
    }
}
