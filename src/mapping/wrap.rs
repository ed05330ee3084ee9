//! Text that is longer than its element: over how many elements it is written, and when two elements are one text.
//!
//! It is cut at the last blank that leaves as much in the element as fits, and the blank goes; where that would leave the
//! element more than half empty, the long word after it is cut where the element ends, between two characters. What follows
//! was the same text if it would have been cut just there: then its first word has no room in the element before it. Nobody
//! has to say so in a code, and shorter lines, which somebody meant to be lines, stay lines.
//!
//! Of two texts, the first of which leaves no room for the second's first word, that makes one, written as the two are: whoever
//! gets it reads the same lines. Nothing can tell them apart without saying something false. Cut a word earlier, the first
//! is two, since that word had room; a blank at its end is one that X12.6 wants to be left out, and a full line has no room
//! for it; a segment that is blank is a line to whoever reads it.

use super::{convert::Converter, plan::Convert};
use crate::x12::standard::{Content, Standard};

/// Where a text is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Where what stands in the element ends.
    pub(crate) end: usize,
    /// Where the rest begins; none if only blanks were too many.
    pub(crate) rest: Option<usize>,
}

/// A character of a text: where it begins, what it is, and where the next one begins.
pub(crate) type Character = (usize, char, usize);

/// Cuts a text that is longer than `width` characters; `None` where it fits.
pub(crate) fn cut(mut text: impl Iterator<Item = Character>, width: usize) -> Option<Cut> {
    let (mut soft, mut last, mut count) = (None, ' ', 0);
    loop {
        let (at, character, next) = text.next()?;
        let breaks = character == ' ' && last != ' ';
        if count == width {
            if character == ' ' && text.all(|(_, character, _)| character == ' ') {
                return Some(Cut { end: at, rest: None });
            }
            return Some(match soft {
                Some(_) if breaks => Cut { end: at, rest: Some(next) },
                Some(soft) => soft,
                // One long word, be it followed by a blank: then that is the rest's, so that it is known from a cut
                // between two words.
                None => Cut { end: at, rest: Some(at) },
            });
        }
        if breaks && count * 2 >= width {
            soft = Some(Cut { end: at, rest: Some(next) });
        }
        (last, count) = (character, count + 1);
    }
}

/// What stood between two elements if one text was cut there: a blank or nothing; `None` where they are two texts.
pub(crate) fn joint(one: &str, next: &str, width: usize) -> Option<&'static str> {
    [" ", ""].into_iter().find(|between| {
        let begins = one.len() + between.len();
        let parts = [(0, one), (one.len(), between), (begins, next)];
        let whole = parts.into_iter().flat_map(|(start, part)| characters(part, start));
        cut(whole, width) == Some(Cut { end: one.len(), rest: Some(begins) })
    })
}

/// The characters of a text that begins at `start`.
pub(crate) fn characters(text: &str, start: usize) -> impl Iterator<Item = Character> {
    text.char_indices().map(move |(at, character)| (start + at, character, start + at + character.len_utf8()))
}

/// The characters of the inside of a JSON string with escapes, by where they stand in the JSON.
pub(crate) fn escaped(text: &str, start: usize) -> impl Iterator<Item = Character> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let first = rest.chars().next()?;
        // `\u00fc`, two of them where a character is outside the basic plane, or a letter behind the backslash.
        let unit = |from: usize| u32::from_str_radix(rest.get(from..from + 6)?.strip_prefix("\\u")?, 16).ok();
        let (character, length) = match (first, unit(0)) {
            ('\\', Some(high @ 0xD800..0xDC00)) => {
                let low = unit(6).map_or(0, |low| low & 0x3FF);
                (char::from_u32(0x1_0000 + ((high & 0x3FF) << 10) + low).unwrap_or('\u{FFFD}'), 12)
            }
            ('\\', Some(unit)) => (char::from_u32(unit).unwrap_or('\u{FFFD}'), 6),
            ('\\', None) => (
                match rest.chars().nth(1) {
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    Some('b') => '\u{8}',
                    Some('f') => '\u{C}',
                    other => other.unwrap_or('\\'),
                },
                2,
            ),
            (plain, _) => (plain, plain.len_utf8()),
        };
        let found = (start + at, character, start + at + length);
        at += length;
        Some(found)
    })
}

/// How many characters a rule lets into an element before its text goes on in the next one; `None` if it never does. Where
/// versions of the standard differ, the shortest counts, so that each reads what the other wrote.
pub(crate) fn width(convert: &Convert, tag: &str, element: u8) -> Option<usize> {
    match convert {
        Convert::Value(Converter::Wrap(Some(width))) => Some(usize::from(*width)),
        Convert::Value(Converter::Wrap(None)) => {
            let number = usize::from(element).checked_sub(1)?;
            let most = |version: &&str| match &Standard::get(version)?
                .segment(tag.as_bytes())?
                .elements
                .get(number)?
                .content
            {
                Content::Simple(def) => Some(def.max as usize),
                Content::Composite(_) => None,
            };
            Standard::VERSIONS.iter().filter_map(most).min()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A text as it stands in elements of a width.
    fn written(text: &str, width: usize) -> Vec<String> {
        let (mut all, mut start) = (Vec::new(), 0);
        while let Some(Cut { end, rest }) = cut(characters(&text[start..], start), width) {
            all.push(text[start..end].to_owned());
            match rest {
                Some(rest) => start = rest,
                None => return all,
            }
        }
        all.push(text[start..].to_owned());
        all
    }

    /// Elements as they are read.
    fn read(elements: &[String], width: usize) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for (number, element) in elements.iter().enumerate() {
            let between = number.checked_sub(1).and_then(|before| joint(&elements[before], element, width));
            match (all.last_mut(), between) {
                (Some(last), Some(between)) => *last += &format!("{between}{element}"),
                _ => all.push(element.clone()),
            }
        }
        all
    }

    #[test]
    fn a_text_is_cut_at_a_blank_and_a_word_only_where_it_must_be() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[""]),
            ("TEN CHARS.", &["TEN CHARS."]),
            ("RING BEFORE DELIVERY", &["RING BEFOR", "E DELIVERY"]),
            ("PUT ON TOP OF IT", &["PUT ON TOP", "OF IT"]),
            ("ABCDEFGHIJKLMNOPQRSTUVW", &["ABCDEFGHIJ", "KLMNOPQRST", "UVW"]),
            ("ABCDEFGHIJ KLM", &["ABCDEFGHIJ", " KLM"]),
            ("ABCDE FGHIJKLMNOP", &["ABCDE", "FGHIJKLMNO", "P"]),
            ("THREE   BLANKS  STAY", &["THREE", "  BLANKS", " STAY"]),
            ("zweieiige Größenängste", &["zweieiige", "Größenängs", "te"]),
            ("螺栓螺栓螺栓螺栓螺栓螺栓", &["螺栓螺栓螺栓螺栓螺栓", "螺栓"]),
            ("FILLED              ", &["FILLED    "]),
        ];
        for (text, elements) in cases {
            assert_eq!(written(text, 10), *elements, "{text}");
        }
    }

    #[test]
    fn only_what_would_have_been_cut_there_is_one_text() {
        for (one, next, between) in [
            ("RINGS", "BEFORE", Some(" ")),
            ("PUT ON TOP", "OF IT", Some(" ")),
            ("ABCDEFGHIJ", "KLM", Some("")),
            ("ABCDEFGHIJ", " KLM", Some("")),
            // Its first word would have had room.
            ("CALL", "AT 5", None),
            // Nobody leaves more than half of the line empty.
            ("CALL", "BEFORE", None),
            ("DOCK 4", "AT", None),
            ("DOCK 4", "", None),
            // Filled up with blanks, as fixed lines are.
            ("DOCK 4    ", "GATE 12", None),
            ("LONGER THAN TEN", "MORE", None),
        ] {
            assert_eq!(joint(one, next, 10), between, "{one} | {next}");
        }
    }

    #[test]
    fn escapes_are_one_character_each() {
        let inside = r#"a\"\u00fc\ud83d\ude00\n é"#;
        let whole: String = serde_json::from_str(&format!("\"{inside}\"")).unwrap();
        let (read, ends): (String, Vec<usize>) =
            escaped(inside, 5).map(|(_, character, next)| (character, next)).unzip();
        assert_eq!(read, whole);
        assert_eq!(ends, [6, 8, 14, 26, 28, 29, 31]);
    }

    #[test]
    fn a_width_is_that_of_the_element_unless_the_rule_says_otherwise() {
        let wrap = |width| Convert::Value(Converter::Wrap(width));
        assert_eq!(width(&wrap(None), "MSG", 1), Some(264));
        assert_eq!(width(&wrap(None), "PID", 5), Some(80));
        assert_eq!(width(&wrap(Some(60)), "PID", 5), Some(60));
        assert_eq!(width(&Convert::Value(Converter::Text), "PID", 5), None);
    }

    proptest! {
        /// `read(write(c)) = c`, for a text that does not end in more blanks, and has no more of them side by side, than an
        /// element holds.
        #[test]
        fn what_is_written_reads_as_one_text(text in "[a-cé螺]{1,9}( {1,3}[a-cé螺]{1,26}){0,9}", width in 4usize..24) {
            let elements = written(&text, width);
            prop_assert!(elements.iter().all(|element| element.chars().count() <= width), "{elements:?}");
            prop_assert_eq!(read(&elements, width), [text]);
        }

        /// Two texts stay two, or become one that is written as they are.
        #[test]
        fn two_texts_are_written_the_same_though_they_become_one(
            one in "[a-c]{1,9}( [a-c]{1,9}){0,4}",
            two in "[a-c]{1,9}( [a-c]{1,9}){0,4}",
            width in 4usize..14,
        ) {
            let (first, second) = (written(&one, width), written(&two, width));
            let between = joint(first.last().unwrap(), &second[0], width);
            let elements = [first, second].concat();
            let texts = read(&elements, width);
            match between {
                None => prop_assert_eq!(texts, [one, two]),
                Some(between) => {
                    prop_assert_eq!(&texts, &[format!("{one}{between}{two}")]);
                    prop_assert_eq!(written(&texts[0], width), elements);
                }
            }
        }

        /// `write(read(v)) = v`, and so `read(write(read(v))) = read(v)`, whatever stands in the elements.
        #[test]
        fn what_is_read_is_written_as_it_was(
            elements in prop::collection::vec("[a-c é]{0,3}[ab]{1,14}[a-c é]{0,4}", 1..6),
            width in 4usize..12,
        ) {
            let elements: Vec<String> =
                elements.iter().map(|element| element.chars().take(width).collect()).filter(|one: &String| !one.trim().is_empty()).collect();
            let texts = read(&elements, width);
            let again: Vec<String> = texts.iter().flat_map(|text| written(text, width)).collect();
            prop_assert_eq!(again, elements, "{:?}", texts);
        }
    }
}
