//! Quantities that carry their unit: `"15 min"`, `"20 MiB"`, `"600/min"`. A bare number is refused, because nobody
//! who reads a file should have to know whether 600 means seconds, bytes or calls.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{TextForm, Wrong, codes, hints, text_form};

/// A length of time, in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

/// So many within a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// Within how long.
    pub per: Window,
}

/// The window of a [`Rate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// Each second.
    Second,
    /// Each minute.
    Minute,
    /// Each hour.
    Hour,
    /// Each day.
    Day,
}

const MILLIS: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("days", 86_400_000),
    ("sec", 1_000),
    ("secs", 1_000),
    ("second", 1_000),
    ("seconds", 1_000),
    ("mins", 60_000),
    ("minute", 60_000),
    ("minutes", 60_000),
    ("hour", 3_600_000),
    ("hours", 3_600_000),
    ("d", 86_400_000),
    ("day", 86_400_000),
    ("week", 604_800_000),
    ("weeks", 604_800_000),
];

const BYTES: &[(&str, u64)] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

const WINDOWS: &[(&str, Window)] = &[
    ("s", Window::Second),
    ("min", Window::Minute),
    ("h", Window::Hour),
    ("day", Window::Day),
    ("sec", Window::Second),
    ("second", Window::Second),
    ("minute", Window::Minute),
    ("hour", Window::Hour),
    ("d", Window::Day),
];

impl Duration {
    /// So many milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(std::time::Duration::from_millis(millis))
    }

    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }

    /// So many days of 24 hours.
    pub const fn days(days: u64) -> Self {
        Self::seconds(days * 86_400)
    }

    /// As the standard library has it.
    pub const fn get(self) -> std::time::Duration {
        self.0
    }
}

impl Size {
    /// So many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many KiB.
    pub const fn kib(kib: u64) -> Self {
        Self(kib << 10)
    }

    /// So many MiB.
    pub const fn mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// In bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Rate {
    /// So many each minute.
    pub const fn per_minute(count: u32) -> Self {
        Self { count, per: Window::Minute }
    }

    /// So many each day.
    pub const fn per_day(count: u32) -> Self {
        Self { count, per: Window::Day }
    }
}

impl Window {
    /// Its length in seconds.
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis() as u64;
        let fits = MILLIS[..5].iter().rev().find(|(_, one)| millis >= *one && millis.is_multiple_of(*one));
        let (unit, one) = fits.copied().unwrap_or(("s", 1_000));
        let unit = if unit == "days" && millis == one { "day" } else { unit };
        write!(f, "{} {unit}", millis / one)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = BYTES[..5].iter().rev().find(|(_, one)| self.0 >= *one && self.0.is_multiple_of(*one));
        let (unit, one) = fits.copied().unwrap_or(("B", 1));
        write!(f, "{} {unit}", self.0 / one)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.per)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WINDOWS.iter().find(|(_, window)| window == self).map_or("s", |(name, _)| name))
    }
}

impl FromStr for Duration {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        quantity(text, MILLIS, "min", "\"30 s\", \"15 min\", \"12 h\", \"400 days\"").map(Self::millis)
    }
}

impl FromStr for Size {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        quantity(text, BYTES, "MiB", "\"64 KiB\", \"20 MiB\", \"1 GiB\"").map(Self)
    }
}

impl FromStr for Rate {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let (count, window) = text.split_once('/').unwrap_or((text, ""));
        let (count, window) = (count.trim(), window.trim());
        let number = whole(count)?;
        if window.is_empty() {
            return Err(missing_unit(text, &format!("{count}/min"), "/s, /min, /h or /day"));
        }
        let Some((_, per)) = WINDOWS.iter().find(|(name, _)| *name == window) else {
            return Err(unknown_unit(window, WINDOWS.iter().map(|(name, _)| *name), "s, min, h or day"));
        };
        let count = u32::try_from(number).ok().filter(|count| *count > 0);
        let count = count.ok_or_else(|| Wrong::new("a rate is from 1 to 4,294,967,295"))?;
        Ok(Self { count, per: *per })
    }
}

fn quantity(text: &str, units: &[(&'static str, u64)], usual: &str, examples: &str) -> Result<u64, Wrong> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    if number.is_empty() || unit.starts_with(['.', ',']) {
        return Err(Wrong::new(format!("a whole number and its unit belong here, like {examples}")));
    }
    let number = whole(number)?;
    if unit.is_empty() {
        return Err(missing_unit(text, &format!("{text} {usual}"), examples));
    }
    let Some((_, one)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(unknown_unit(unit, units.iter().map(|(name, _)| *name), examples));
    };
    number.checked_mul(*one).ok_or_else(|| Wrong::new("this is more than can be counted"))
}

fn whole(digits: &str) -> Result<u64, Wrong> {
    digits
        .replace('_', "")
        .parse()
        .map_err(|_| Wrong::new(format!("\"{digits}\" is not a whole number that can be used")))
}

fn missing_unit(text: &str, fixed: &str, examples: &str) -> Wrong {
    Wrong::new(format!("the unit is missing after \"{text}\""))
        .code(codes::BAD_UNIT)
        .hint(format!("say what it counts: \"{fixed}\"? Known forms: {examples}"))
}

fn unknown_unit(unit: &str, known: impl Iterator<Item = &'static str>, examples: &str) -> Wrong {
    let wrong = Wrong::new(format!("\"{unit}\" is not a unit that belongs here")).code(codes::BAD_UNIT);
    match hints::did_you_mean(unit, known) {
        Some(near) => wrong.hint(format!("did you mean \"{near}\"? Known forms: {examples}")),
        None => wrong.hint(format!("known forms: {examples}")),
    }
}

impl TextForm for Duration {
    const FORM: &'static str = "a duration with its unit, like \"15 min\"";
    const NUMBER: crate::error::Code = codes::BAD_UNIT;

    fn from_number(number: i64) -> Option<String> {
        Some(format!("say the unit: \"{number} s\" or \"{number} min\""))
    }
}

impl TextForm for Size {
    const FORM: &'static str = "a size with its unit, like \"20 MiB\"";
    const NUMBER: crate::error::Code = codes::BAD_UNIT;

    fn from_number(number: i64) -> Option<String> {
        Some(format!("say the unit: \"{number} B\" or \"{number} MiB\""))
    }
}

impl TextForm for Rate {
    const FORM: &'static str = "a rate, like \"600/min\"";
    const NUMBER: crate::error::Code = codes::BAD_UNIT;

    fn from_number(number: i64) -> Option<String> {
        Some(format!("say within how long: \"{number}/min\" or \"{number}/day\""))
    }
}

text_form!(Duration, Size, Rate);

macro_rules! described {
    ($type:ident, $description:literal, $pattern:literal, $examples:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "description": $description,
                    "pattern": $pattern,
                    "examples": $examples,
                })
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

described!(
    Duration,
    "A length of time with its unit: ms, s, min, h, days or weeks.",
    "^[0-9_]+ ?(ms|s|secs?|seconds?|min|mins|minutes?|h|hours?|d|days?|weeks?)$",
    ["30 s", "15 min", "400 days"]
);
described!(
    Size,
    "A number of bytes with its unit: B, KiB, MiB, GiB, TiB, or kB, MB, GB, TB in powers of ten.",
    "^[0-9_]+ ?([KMGT]i?B|kB|B)$",
    ["64 KiB", "20 MiB"]
);
described!(
    Rate,
    "So many within a window: per s, min, h or day.",
    "^[0-9_]+ ?/ ?(s|sec|second|min|minute|h|hour|d|day)$",
    ["600/min", "20000/day"]
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_written() {
        for (text, seconds) in
            [("90 s", 90), ("15 min", 900), ("2 h", 7_200), ("400 days", 34_560_000), ("1 day", 86_400)]
        {
            let read: Duration = text.parse().unwrap();
            assert_eq!((read.get().as_secs(), read.to_string().parse()), (seconds, Ok(read)), "{text}");
        }
        for (text, bytes) in [("64KiB", 65_536), ("20 MiB", 20 << 20), ("1_000 MB", 1_000_000_000), ("0 B", 0)] {
            let read: Size = text.parse().unwrap();
            assert_eq!((read.get(), read.to_string().parse()), (bytes, Ok(read)), "{text}");
        }
        for text in ["600/min", "20000/day", "5/s", "1/h"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_write() {
        let told = |wrong: Wrong| format!("{}: {} ({})", wrong.code, wrong.message, wrong.hint.unwrap_or_default());
        insta::assert_snapshot!(told("600".parse::<Rate>().unwrap_err()), @r#"CFG-0007: the unit is missing after "600" (say what it counts: "600/min"? Known forms: /s, /min, /h or /day)"#);
        insta::assert_snapshot!(told("600/minuet".parse::<Rate>().unwrap_err()), @r#"CFG-0007: "minuet" is not a unit that belongs here (did you mean "minute"? Known forms: s, min, h or day)"#);
        insta::assert_snapshot!(told("20".parse::<Size>().unwrap_err()), @r#"CFG-0007: the unit is missing after "20" (say what it counts: "20 MiB"? Known forms: "64 KiB", "20 MiB", "1 GiB")"#);
        insta::assert_snapshot!(told("1.5 h".parse::<Duration>().unwrap_err()), @r#"CFG-0006: a whole number and its unit belong here, like "30 s", "15 min", "12 h", "400 days" ()"#);
        assert!("0/min".parse::<Rate>().is_err());
        assert!("99999999999999999999 B".parse::<Size>().is_err());
        assert!("99999999999999 TiB".parse::<Size>().is_err());
    }
}
