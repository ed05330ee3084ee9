//! Values in XML: dates and times in the forms of XML Schema, everything else by the converters that X12 has too.
//!
//! The laws of `convert` hold here as well. Dates and times follow ISO 8601 as XML Schema part 2 (§3.2.7 to §3.2.9) has it;
//! where a date is wanted and a time stands behind it, the date is read and the whole is kept with the extras.

use std::sync::Arc;

use super::{
    convert::Converter,
    plan::{Convert, FieldRule},
    table::{Missing, Table},
    text::{Charset, write_characters, write_string},
};

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All of it says what the JSON says.
    Whole,
    /// There was more in it.
    Part,
    /// All of it, though its cross-reference does not have it.
    Unknown,
    /// The rule leaves it to the extras.
    Left,
}

/// Writes the canonical value to `out` as JSON; `None` if it cannot be read. `out` may hold a part then.
pub(crate) fn read(
    rule: &FieldRule,
    tables: &[Arc<Table>],
    value: &str,
    dialect: &str,
    out: &mut Vec<u8>,
) -> Option<Taken> {
    match &rule.convert {
        Convert::Cross(table, missing) => {
            let known = table_of(tables, *table)?.read_json(value.as_bytes(), out);
            match (known, missing) {
                (Some(()), _) => Some(Taken::Whole),
                (None, Missing::Hold) => None,
                (None, Missing::Skip) => Some(Taken::Left),
                (None, Missing::Pass | Missing::Warn) => {
                    write_string(value.as_bytes(), Charset::Utf8, out);
                    Some(if *missing == Missing::Warn { Taken::Unknown } else { Taken::Whole })
                }
            }
        }
        Convert::Codes(table, missing) => match (table_of(tables, *table)?.read_json(value.as_bytes(), out), missing) {
            (Some(()), _) => Some(Taken::Whole),
            (None, Missing::Pass) => {
                out.push(b'"');
                write_characters(dialect.as_bytes(), Charset::Utf8, out);
                out.push(b':');
                write_characters(value.as_bytes(), Charset::Utf8, out);
                out.push(b'"');
                Some(Taken::Whole)
            }
            (None, Missing::Skip) => Some(Taken::Left),
            (None, Missing::Hold | Missing::Warn) => None,
        },
        Convert::Value(Converter::Date) => {
            let (date, rest) = read_date(value)?;
            write_string(date.as_bytes(), Charset::Utf8, out);
            Some(if rest.is_empty() { Taken::Whole } else { Taken::Part })
        }
        // A date alone says nothing of the time.
        Convert::Value(Converter::Time) if read_date(value).is_some_and(|(_, rest)| !rest.starts_with('T')) => {
            Some(Taken::Left)
        }
        Convert::Value(Converter::Time) => {
            // The time of a date and time is behind its T.
            let (rest_of_date, time) = value.split_once('T').map_or(("", value), |(date, time)| (date, time));
            let (time, zone) = read_time(time)?;
            write_string(time.as_bytes(), Charset::Utf8, out);
            Some(if zone.is_empty() && rest_of_date.is_empty() { Taken::Whole } else { Taken::Part })
        }
        Convert::Value(Converter::DateTime) => {
            let (date, rest) = read_date(value)?;
            let (time, zone) = read_time(rest.strip_prefix('T')?)?;
            write_string(format!("{date}T{time}{zone}").as_bytes(), Charset::Utf8, out);
            Some(Taken::Whole)
        }
        // XML Schema also writes yes and no as numbers.
        Convert::Value(Converter::Bool(yes, _)) if yes == "true" && matches!(value, "1" | "0") => {
            out.extend_from_slice(if value == "1" { b"true" } else { b"false" });
            Some(Taken::Whole)
        }
        Convert::Value(converter) => converter.read(value.as_bytes(), Charset::Utf8, out).map(|()| Taken::Whole),
    }
}

/// The XML form of a canonical value, which is the text of its JSON without quotes; `None` if there is none.
pub(crate) fn write(rule: &FieldRule, tables: &[Arc<Table>], canonical: &str, dialect: &str) -> Option<String> {
    match &rule.convert {
        Convert::Cross(table, missing) => table_of(tables, *table)?.cross(canonical, *missing).map(str::to_owned),
        Convert::Codes(table, _) => match canonical.split_once(':') {
            // A code of another format means nothing here.
            Some((own, code)) if own == dialect => Some(code.to_owned()),
            _ => {
                table_of(tables, *table)?.write(canonical).filter(|_| !canonical.starts_with("x12:")).map(str::to_owned)
            }
        },
        Convert::Value(Converter::Date) => {
            canonical.parse::<crate::document::Date>().ok().map(|_| canonical.to_owned())
        }
        Convert::Value(Converter::Time) => read_time(canonical).map(|_| canonical.to_owned()),
        Convert::Value(Converter::DateTime) => Some(canonical.to_owned()),
        // Text of another format's code, where there is no table.
        Convert::Value(Converter::Text) if canonical.starts_with("x12:") => None,
        Convert::Value(converter) => {
            let mut text = Vec::new();
            converter.write(canonical, &mut text)?;
            String::from_utf8(text).ok()
        }
    }
}

fn table_of(tables: &[Arc<Table>], number: u16) -> Option<&Table> {
    tables.get(usize::from(number)).map(Arc::as_ref)
}

/// The date that a text begins with, and what stands behind it.
fn read_date(value: &str) -> Option<(&str, &str)> {
    let (date, rest) = value.split_at_checked(10)?;
    date.parse::<crate::document::Date>().ok()?;
    let follows = rest.is_empty() || rest.starts_with('T') || is_zone(rest);
    follows.then_some((date, rest))
}

/// A time with its seconds, and the zone behind it.
fn read_time(value: &str) -> Option<(String, &str)> {
    let end = value.find(['Z', '+', '-']).unwrap_or(value.len());
    let (time, zone) = value.split_at_checked(end)?;
    if !zone.is_empty() && !is_zone(zone) {
        return None;
    }
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let digits = |text: &str, most: u8| {
        (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<u8>().ok())
            .flatten()
            .filter(|number| *number <= most)
    };
    let mut parts = clock.split(':');
    digits(parts.next()?, 23)?;
    digits(parts.next()?, 59)?;
    let seconds = parts.next();
    if let Some(seconds) = seconds {
        digits(seconds, 59)?;
    }
    let fraction_fits =
        fraction.bytes().all(|byte| byte.is_ascii_digit()) && (fraction.is_empty() || seconds.is_some());
    if parts.next().is_some() || !fraction_fits {
        return None;
    }
    // Nothing but zeros behind the point says nothing; a hundredth is the finest that documents hold.
    let fraction = fraction.get(..2).unwrap_or(fraction).trim_end_matches('0');
    let mut whole = if seconds.is_some() { clock.to_owned() } else { format!("{clock}:00") };
    if !fraction.is_empty() {
        whole.push('.');
        whole.push_str(fraction);
    }
    Some((whole, zone))
}

fn is_zone(text: &str) -> bool {
    let offset = |rest: &str| {
        let bytes = rest.as_bytes();
        rest.len() == 5
            && bytes.get(2) == Some(&b':')
            && (0..5).filter(|at| *at != 2).all(|at| bytes.get(at).is_some_and(u8::is_ascii_digit))
    };
    text == "Z" || text.strip_prefix(['+', '-']).is_some_and(offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_and_times_are_those_of_xml_schema() {
        assert_eq!(read_date("2005-06-21"), Some(("2005-06-21", "")));
        assert_eq!(read_date("2005-06-21+01:00"), Some(("2005-06-21", "+01:00")));
        assert_eq!(read_date("2000-10-12T18:39:09-08:00"), Some(("2000-10-12", "T18:39:09-08:00")));
        for wrong in ["", "2005-6-21", "2005-02-30", "20050621", "2005-06-21 10:00", "2005-06-21x"] {
            assert_eq!(read_date(wrong), None, "{wrong}");
        }
        assert_eq!(read_time("18:39"), Some(("18:39:00".to_owned(), "")));
        assert_eq!(read_time("18:39:09.120Z"), Some(("18:39:09.12".to_owned(), "Z")));
        for wrong in ["", "24:00", "18", "18:60:00", "1:02:03", "18:39.5", "18:39:09+1"] {
            assert_eq!(read_time(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_was_read_once_stays_as_it_is(value in "[0-2][0-9]:[0-6][0-9](:[0-5][0-9](\\.[0-9]{1,4})?)?(Z|[+-]0[0-9]:00)?") {
            if let Some((time, _)) = read_time(&value) {
                prop_assert_eq!(read_time(&time), Some((time.clone(), "")));
                prop_assert!(time.parse::<crate::document::Time>().is_ok(), "{}", time);
            }
        }
    }
}
