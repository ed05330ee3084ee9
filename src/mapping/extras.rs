//! What no rule took, with its place: kept beside the document, so that nothing a partner sent is lost.

use serde_json::{Value, json};

use super::text::Charset;
use crate::x12::token::SetView;

/// The extras of a set: `left` are segments, from 0, and elements in order. Values that had to be read as Latin-1 are
/// listed too, even where a rule took them, so that their bytes can be told.
pub(crate) fn collect(set: &SetView<'_>, charset: Charset, left: &mut Vec<(u32, u16)>) -> Option<Value> {
    if charset == Charset::Utf8 && std::str::from_utf8(set.bytes()).is_err() {
        for (number, segment) in set.segments().enumerate() {
            for element in 1..=segment.len() {
                if charset.fell_back(segment.element(element)) {
                    left.push((number as u32, element as u16));
                }
            }
        }
        left.sort_unstable();
        left.dedup();
    }
    let extras: Vec<Value> = left
        .iter()
        .filter_map(|(number, element)| {
            // LS and LE only stand around a loop, and say which, like ST and SE.
            let segment = set.segment(*number as usize).filter(|segment| !matches!(segment.tag(), b"LS" | b"LE"))?;
            let value = segment.element(usize::from(*element));
            let mut extra = json!({
                "segment": segment.position(),
                "tag": charset.decode(segment.tag()),
                "element": element,
                "value": charset.decode(value),
            });
            if let (true, Value::Object(map)) = (charset.fell_back(value), &mut extra) {
                map.insert("charset".to_owned(), "latin1".into());
            }
            Some(extra)
        })
        .collect();
    (!extras.is_empty()).then_some(Value::Array(extras))
}
