//! One value: how it is written in the partner's form, and why it does not fit its element, if it does not.

use std::sync::Arc;

use super::{
    plan::{SegmentPlan, Use},
    segment::{Known, Staged},
};
use crate::{
    error::Code,
    mapping::{
        Charset, codes,
        plan::{Convert, FieldRule},
        table::{Missing, Table},
    },
    x12::{
        self, Place,
        standard::{Content, ElementDef, ElementKind},
    },
};

/// Only characters that every charset has, and that text may hold.
#[inline]
pub(super) fn is_plain(text: &[u8]) -> bool {
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let (words, rest) = text.as_chunks::<8>();
    let odd = words.iter().any(|word| {
        let word = u64::from_le_bytes(*word);
        (word | word.wrapping_sub(LOW * 0x20)) & HIGH != 0
    });
    !odd && rest.iter().all(|byte| (0x20..0x80).contains(byte))
}

/// Writes the X12 form of a value, in the partner's characters.
pub(super) fn convert_out(
    rule: &FieldRule,
    (convert, tables): (&Convert, &[Arc<Table>]),
    text: &str,
    charset: Charset,
    out: &mut Vec<u8>,
) -> Result<(), (Code, String)> {
    let name = &rule.origin.name;
    let start = out.len();
    match convert {
        Convert::Value(converter) => {
            if converter.write(text, out).is_none() {
                let text = format!("`{name}` is `{text}`, which cannot be written as {}", converter.expects());
                return Err((codes::UNWRITABLE_VALUE, text));
            }
        }
        Convert::Cross(number, missing) => {
            let Some(value) = tables.get(usize::from(*number)).and_then(|table| table.cross(text, *missing)) else {
                let text = format!("the table of `{name}` has nothing for `{text}`, or has it as the name of another");
                return Err((codes::NO_CODE, text));
            };
            out.extend_from_slice(value.as_bytes());
        }
        Convert::Codes(number, missing) => {
            let table = tables.get(usize::from(*number));
            let shorter = || text.contains('.').then(|| text.trim_end_matches('0').trim_end_matches('.'));
            match table.and_then(|table| table.write(text).or_else(|| table.write(shorter()?))) {
                Some(code) => out.extend_from_slice(code.as_bytes()),
                None => {
                    let hint = if *missing == Missing::Hold { "; add it, and replay" } else { "" };
                    let text = format!("the code table of `{name}` has no code for `{text}`{hint}");
                    return Err((codes::NO_CODE, text));
                }
            }
        }
    }
    let written = out.get(start..).unwrap_or_default();
    if is_plain(written) {
        return Ok(());
    }
    let written = std::str::from_utf8(written).unwrap_or_default();
    if let Some(control) = written.chars().find(|character| character.is_control()) {
        let text = format!("`{name}` holds the control character {}", control.escape_default());
        return Err((codes::DOES_NOT_FIT, text));
    }
    if charset == Charset::Latin1 {
        let latin: Result<Vec<u8>, char> =
            written.chars().map(|character| u8::try_from(u32::from(character)).map_err(|_| character)).collect();
        let latin = latin.map_err(|character| {
            (codes::DOES_NOT_FIT, format!("`{name}` holds {character:?}, which the partner's Latin-1 does not have"))
        })?;
        out.truncate(start);
        out.extend_from_slice(&latin);
    }
    Ok(())
}

/// Why a value does not fit its element, if it does not. Whether a code is one of the standard's is for the checker.
#[inline]
pub(super) fn misfit(
    plan: &SegmentPlan,
    standard: &Use,
    version: &str,
    one: &Staged,
    all: &[u8],
) -> Option<(Code, String)> {
    let used = standard.elements.get(usize::from(one.place.element).wrapping_sub(1));
    let def = match used.map(|used| &used.content) {
        Some(Content::Simple(def)) if one.place.component < 2 => def,
        other => match inner(plan, standard, version, other, one.place) {
            Ok(def) => def,
            Err(why) => return Some((codes::NO_PLACE, why)),
        },
    };
    // A short code as one number; of those that are longer, or end in a byte that no code has, it is for others to tell.
    let (start, length) = (one.start as usize, one.end.wrapping_sub(one.start));
    if let (ElementKind::Code, Some(list), 1..=8) = (def.kind, &def.codes, length)
        && let Some(block) = all.get(start..).and_then(<[u8]>::first_chunk::<8>)
        && block.get(length as usize - 1).is_some_and(|last| *last != 0)
        && list.contains_packed(u64::from_le_bytes(*block) & (u64::MAX >> (64 - 8 * length)))
    {
        return None;
    }
    let known = match (def.kind, one.known) {
        (ElementKind::Integer(_) | ElementKind::Decimal, Known::Whole(digits))
        | (ElementKind::Decimal, Known::Decimal(digits)) => Some(u32::from(digits)),
        (ElementKind::Text, _) | (ElementKind::Date, Known::Date) => Some(length),
        _ => None,
    };
    if known.is_some_and(|length| (def.min..=def.max).contains(&length)) {
        return None;
    }
    let value = all.get(start..one.end as usize).unwrap_or_default();
    let code = x12::element_fault(def, value)?;
    explain_misfit(def, value, code).map(|why| (codes::DOES_NOT_FIT, why))
}

/// The component in a place, or why there is none.
fn inner<'s>(
    plan: &SegmentPlan,
    standard: &Use,
    version: &str,
    content: Option<&'s Content>,
    place: Place,
) -> Result<&'s ElementDef, String> {
    let (tag, element) = (&plan.tag, place.element);
    match content {
        None => Err(format!("{tag} of {version} has {} elements", standard.elements.len())),
        Some(Content::Simple(_)) => Err(format!("{tag}{element:02} has no components")),
        Some(Content::Composite(composite)) => {
            match composite.components.get(usize::from(place.component).saturating_sub(1)).map(|used| &used.content) {
                Some(Content::Simple(def)) => Ok(def),
                _ => Err(format!("{tag}{element:02} has {} components", composite.components.len())),
            }
        }
    }
}

#[cold]
fn explain_misfit(def: &ElementDef, value: &[u8], code: Code) -> Option<String> {
    let characters = std::str::from_utf8(value).map_or(value.len(), |text| text.chars().count());
    let kind = match def.kind {
        ElementKind::Text | ElementKind::Binary => "text",
        ElementKind::Code => "code",
        ElementKind::Integer(_) => "whole number",
        ElementKind::Decimal => "number",
        ElementKind::Date => "date",
        ElementKind::Time => "time",
    };
    let (min, max) = (def.min as usize, def.max as usize);
    let fits_in_characters = matches!(def.kind, ElementKind::Text) && characters <= max;
    if code == x12::codes::ELEMENT_CODE || code == x12::codes::ELEMENT_LONG && fits_in_characters {
        None
    } else if code == x12::codes::ELEMENT_LONG || code == x12::codes::ELEMENT_SHORT {
        let range = if min == max { format!("exactly {max}") } else { format!("{min} to {max}") };
        let unit =
            if matches!(def.kind, ElementKind::Integer(_) | ElementKind::Decimal) { "digits" } else { "characters" };
        Some(format!("it is {characters} long; this {kind} has {range} {unit}"))
    } else {
        Some(format!("the standard wants a {kind} here"))
    }
}
