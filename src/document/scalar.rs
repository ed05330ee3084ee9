//! The plain values of documents: decimals, dates and times, each a string in JSON with one spelling only.
//!
//! Floats never appear: `369.00` stays `369.00`. Dates are `YYYY-MM-DD`, times `HH:MM:SS` with a fraction if one was sent.

use std::{fmt, marker::PhantomData, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How a decimal looks in JSON.
pub(crate) const DECIMAL: &str = r"^-?[0-9]+(\.[0-9]+)?$";

/// How a partner's own code looks where none of our words fits: its format, a colon, the code as sent.
pub(crate) const FOREIGN_CODE: &str = "^[a-z][a-z0-9_]*:.+$";

/// Whether `text` is a partner's own code: see [`FOREIGN_CODE`].
pub fn is_foreign_code(text: &str) -> bool {
    text.split_once(':').is_some_and(|(format, code)| {
        format.starts_with(|c: char| c.is_ascii_lowercase())
            && format.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && !code.is_empty()
    })
}

/// An exact decimal number: a quantity, a price, an amount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(pub rust_decimal::Decimal);

/// A calendar date, without a time zone, as trading documents give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub jiff::civil::Date);

/// A time of day, without a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub jiff::civil::Time);

impl FromStr for Decimal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits
            .split_once('.')
            .map_or_else(|| all_digits(digits), |(whole, part)| all_digits(whole) && all_digits(part));
        let wrong = || format!("`{text}` is not a decimal number like \"12.50\" of at most 28 digits");
        if !plain {
            return Err(wrong());
        }
        rust_decimal::Decimal::from_str_exact(text).map(Self).map_err(|_| wrong())
    }
}

impl FromStr for Date {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a date like \"2026-07-31\"");
        if text.len() != 10 || text.starts_with('-') {
            return Err(wrong());
        }
        jiff::civil::Date::strptime("%Y-%m-%d", text).map(Self).map_err(|_| wrong())
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a time like \"14:05:00\"");
        let shape = |(at, byte): (usize, u8)| match at {
            2 | 5 => byte == b':',
            8 => byte == b'.',
            _ => byte.is_ascii_digit(),
        };
        if text.len() < 8
            || text.len() == 9
            || text.len() > 18
            || !text.bytes().enumerate().all(shape)
            || &text[6..8] == "60"
        {
            return Err(wrong());
        }
        text.parse().map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! string_in_json {
    ($($type:ident: $schema:tt),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(|text: &str| text.parse()))
            }
        }
        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}
string_in_json! {
    Decimal: { "type": "string", "format": "decimal", "pattern": DECIMAL },
    Date: { "type": "string", "format": "date" },
    Time: { "type": "string", "format": "time", "pattern": r"^[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?$" }
}

/// Reads a string value through a function, borrowed where the input allows it.
pub(crate) struct Text<F>(pub(crate) F);

impl<T, F: FnOnce(&str) -> Result<T, String>> de::Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _: PhantomData<T> = PhantomData;
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json<T: de::DeserializeOwned>(text: &str) -> Result<T, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn decimals_keep_their_zeros_and_refuse_other_spellings() {
        for text in ["\"0\"", "\"369.00\"", "\"-12.5\"", "\"1234567890123456789012345678\""] {
            assert_eq!(serde_json::to_string(&json::<Decimal>(text).unwrap()).unwrap(), text);
        }
        for text in
            ["12.5", "\"1e3\"", "\"+1\"", "\".5\"", "\"5.\"", "\"\"", "\"-\"", "\"99999999999999999999999999999999\""]
        {
            assert!(json::<Decimal>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_and_times_have_one_spelling() {
        assert_eq!(json::<Date>("\"2026-02-28\"").unwrap().to_string(), "2026-02-28");
        for text in ["\"2026-02-29\"", "\"20260228\"", "\"2026-2-28\"", "\"26-02-28xx\"", "\"2026-02-28T00:00\""] {
            assert!(json::<Date>(text).is_err(), "{text}");
        }
        assert_eq!(json::<Time>("\"23:59:59.25\"").unwrap().to_string(), "23:59:59.25");
        for text in ["\"24:00:00\"", "\"23:59\"", "\"23:59:59.\"", "\"235959\"", "\"23:59:60\""] {
            assert!(json::<Time>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn foreign_codes_carry_their_format() {
        for (text, foreign) in
            [("x12:037", true), ("ubl_2:a b", true), ("x12:", false), ("X12:1", false), (":1", false), ("plain", false)]
        {
            assert_eq!(is_foreign_code(text), foreign, "{text}");
        }
    }
}
