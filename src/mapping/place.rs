//! Places in an X12 set, as mapping files write them.
//!
//! | text | means |
//! |---|---|
//! | `BEG03` | element 3 of BEG |
//! | `SLN09-2` | component 2 of element 9 |
//! | `DTM[01=002]02` | element 2 of a DTM whose element 1 is `002`; several filters stand side by side |
//! | `PO1{VP}` | the value after the qualifier `VP` among the pairs of PO1 |
//! | `N1[01=ST]/N402` | element 2 of an N4 in the loop that such an N1 opens |
//! | `{qualifier}`, `{value}`, `{third}` | parts of the pair or element that opened the item |
//!
//! A list's `each` also takes `PO1` (every segment), `PO1{*}` (every pair), `N301` (an element) and `REF04^` (its
//! repetitions). On writing, filters are what is written beside the value.

use super::cursor::{Cursor, PlaceError, Result};

/// A segment's tag, at most three bytes.
pub(crate) type Tag = String;

/// `[01=ST]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) element: u8,
    pub(crate) value: String,
}

/// A segment with what must hold for it: `N1[01=ST]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) tag: Tag,
    pub(crate) filters: Vec<Filter>,
}

/// What is taken of the last segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// `BEG03`, `SLN09-2`; component 0 is the whole element.
    Element { element: u8, component: u8 },
    /// `PO1{VP}`
    Pair { qualifier: String },
}

/// A part of what opened the item: the qualifier, the value or the third of a pair; the value of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Qualifier,
    Value,
    Third,
}

/// Where a field's value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a segment, under the loops of `path`.
    Segment { path: Vec<Step>, step: Step, leaf: Leaf },
    /// In what opened the item; component 0 is all of it.
    Own { part: Part, component: u8 },
}

/// What opens the items of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opener {
    pub(crate) step: Step,
    pub(crate) kind: OpenerKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenerKind {
    /// Every such segment.
    Segment,
    /// Every pair of it: `PO1{*}`.
    Pairs,
    /// One element of it, where it has a value: `N301`, or each of its repetitions: `N301^`.
    Element { element: u8, component: u8, repeats: bool },
}

/// The pairs of a segment: the first qualifier's element, how far the next one is, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pairs {
    pub(crate) first: u8,
    pub(crate) stride: u8,
    pub(crate) count: u8,
}

/// Which segments have pairs, and where. The same in every version.
const PAIRS: &[(&str, u8, u8, u8)] = &[
    ("ACK", 7, 2, 10),
    ("FOB", 2, 4, 2),
    ("IT1", 6, 2, 10),
    ("IT8", 8, 2, 10),
    ("LIN", 2, 2, 15),
    ("MAN", 1, 3, 2),
    ("N1", 3, 2, 1),
    ("PER", 3, 2, 3),
    ("PO1", 6, 2, 10),
    ("POC", 8, 2, 10),
    ("RCD", 6, 3, 5),
    ("REF", 1, 2, 1),
    ("SCH", 5, 3, 2),
    ("SDP", 1, 2, 4),
    ("SDQ", 3, 2, 10),
    ("SI", 2, 2, 10),
    ("SLN", 9, 2, 10),
    ("TAX", 2, 2, 5),
    ("TD5", 2, 2, 1),
];

/// Where the pairs of this segment stand, if it has any.
pub(crate) fn pairs_of(tag: &str) -> Option<Pairs> {
    let (_, first, stride, count) = *PAIRS.iter().find(|(name, ..)| *name == tag)?;
    Some(Pairs { first, stride, count })
}

impl Place {
    /// Reads the place of a field.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut cursor = Cursor::new(text);
        if cursor.peek() == Some('{') {
            let part = cursor.part()?;
            let component = cursor.component()?;
            cursor.end()?;
            return Ok(Self::Own { part, component });
        }
        let mut path = Vec::new();
        let mut step = cursor.step()?;
        while cursor.eat("/") {
            path.push(step);
            step = cursor.step()?;
        }
        if cursor.peek() == Some('{') {
            let qualifier = cursor.braced()?;
            if qualifier == "*" {
                return Err(cursor.wrong("`{*}` opens the items of a list; a field takes one qualifier, like `{VP}`"));
            }
            if pairs_of(&step.tag).is_none() {
                return Err(cursor.wrong(format!("{} has no qualifier/value pairs", step.tag)));
            }
            cursor.end()?;
            return Ok(Self::Segment { path, step, leaf: Leaf::Pair { qualifier } });
        }
        let Some(element) = cursor.element()? else {
            return Err(cursor.wrong(format!("which element of {0}? Two digits are missing, as in `{0}01`", step.tag)));
        };
        let component = cursor.component()?;
        cursor.end()?;
        Ok(Self::Segment { path, step, leaf: Leaf::Element { element, component } })
    }
}

impl Opener {
    /// Reads a list's `each`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut cursor = Cursor::new(text);
        let step = cursor.step()?;
        let kind = if cursor.peek() == Some('{') {
            if cursor.braced()? != "*" {
                return Err(cursor.wrong("a list opens at every pair: `{*}`"));
            }
            if pairs_of(&step.tag).is_none() {
                return Err(cursor.wrong(format!("{} has no qualifier/value pairs", step.tag)));
            }
            OpenerKind::Pairs
        } else if let Some(element) = cursor.element()? {
            let component = cursor.component()?;
            OpenerKind::Element { element, component, repeats: cursor.eat("^") }
        } else {
            OpenerKind::Segment
        };
        cursor.end()?;
        Ok(Self { step, kind })
    }
}

/// The words of the grammar.
impl Cursor<'_> {
    /// `N1[01=ST][03=92]`. The tag is two or three characters, the first a letter; where digits follow without a
    /// filter between, the last two are the element: `N402` is N4 02.
    fn step(&mut self) -> Result<Step> {
        let word = self.rest();
        let length = word.find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit()).unwrap_or(word.len());
        let bare = word.get(..length).unwrap_or_default();
        let followed = word.get(length..).and_then(|rest| rest.chars().next());
        // With a filter, pair or slash next, the whole word is the tag; else two digits of it may be the element.
        let tag_length = match followed {
            Some('[' | '{' | '/') => length,
            _ if length > 3 && bare.bytes().rev().take(2).all(|b| b.is_ascii_digit()) => length - 2,
            _ => length,
        };
        let tag = bare.get(..tag_length).unwrap_or_default();
        if !(2..=3).contains(&tag.len()) || !tag.starts_with(|c: char| c.is_ascii_uppercase()) {
            if let Some(lower) = self.peek().filter(char::is_ascii_lowercase) {
                return Err(self.wrong(format!("segment tags are in capitals; this begins with `{lower}`")));
            }
            return Err(
                self.wrong("a segment's tag of two or three capitals and digits, like `BEG` or `N1`, belongs here")
            );
        }
        self.at += tag_length;
        let mut filters = Vec::new();
        while self.eat("[") {
            let digits = self.take(|c| c.is_ascii_digit());
            let element = two_digits(digits)
                .ok_or_else(|| self.wrong("a filter begins with an element of two digits: `[01=ST]`"))?;
            if !self.eat("=") {
                return Err(self.wrong("a filter has one `=` after its element: `[01=ST]`"));
            }
            let value = self.take(|c| c != ']').to_owned();
            if !self.eat("]") {
                return Err(self.wrong("a filter ends with `]`"));
            }
            if value.is_empty() {
                return Err(self.wrong("a filter needs a value after `=`"));
            }
            filters.push(Filter { element, value });
        }
        Ok(Step { tag: tag.to_owned(), filters })
    }

    fn element(&mut self) -> Result<Option<u8>> {
        let digits = self.take(|c| c.is_ascii_digit());
        if digits.is_empty() {
            return Ok(None);
        }
        two_digits(digits).map(Some).ok_or_else(|| self.wrong("an element is two digits from 01 to 63"))
    }

    fn component(&mut self) -> Result<u8> {
        if !self.eat("-") {
            return Ok(0);
        }
        let digits = self.take(|c| c.is_ascii_digit());
        digits
            .parse()
            .ok()
            .filter(|n| (1..=99).contains(n))
            .ok_or_else(|| self.wrong("a component is a number from 1: `SLN09-2`"))
    }

    fn braced(&mut self) -> Result<String> {
        self.eat("{");
        let inner = self.take(|c| c != '}').to_owned();
        if !self.eat("}") {
            return Err(self.wrong("`{` needs its `}`"));
        }
        if inner.is_empty() {
            return Err(self.wrong("a qualifier belongs between `{` and `}`"));
        }
        Ok(inner)
    }

    fn part(&mut self) -> Result<Part> {
        let start = self.at;
        match self.braced()?.as_str() {
            "qualifier" => Ok(Part::Qualifier),
            "value" => Ok(Part::Value),
            "third" => Ok(Part::Third),
            other => Err(PlaceError {
                at: start,
                message: format!("`{{{other}}}` is none of `{{qualifier}}`, `{{value}}`, `{{third}}`"),
            }),
        }
    }
}

fn two_digits(digits: &str) -> Option<u8> {
    (digits.len() == 2).then(|| digits.parse().ok()).flatten().filter(|n| (1..=63).contains(n))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn step(tag: &str, filters: &[(u8, &str)]) -> Step {
        let filters =
            filters.iter().map(|(element, value)| Filter { element: *element, value: (*value).to_owned() }).collect();
        Step { tag: tag.to_owned(), filters }
    }

    #[test]
    fn every_form_of_place_is_read() {
        let element = |element, component| Leaf::Element { element, component };
        for (text, path, last, leaf) in [
            ("BEG03", vec![], step("BEG", &[]), element(3, 0)),
            ("N402", vec![], step("N4", &[]), element(2, 0)),
            ("PO104", vec![], step("PO1", &[]), element(4, 0)),
            ("SLN09-2", vec![], step("SLN", &[]), element(9, 2)),
            ("DTM[01=002]02", vec![], step("DTM", &[(1, "002")]), element(2, 0)),
            ("REF[01=ZZ][03=A B]02-1", vec![], step("REF", &[(1, "ZZ"), (3, "A B")]), element(2, 1)),
            ("PO1{VP}", vec![], step("PO1", &[]), Leaf::Pair { qualifier: "VP".into() }),
            ("N1[01=ST]/N402", vec![step("N1", &[(1, "ST")])], step("N4", &[]), element(2, 0)),
            (
                "PO1/N1[01=ST]/N4[04=US]02",
                vec![step("PO1", &[]), step("N1", &[(1, "ST")])],
                step("N4", &[(4, "US")]),
                element(2, 0),
            ),
        ] {
            assert_eq!(Place::parse(text), Ok(Place::Segment { path, step: last, leaf }), "{text}");
        }
        assert_eq!(Place::parse("{value}-2"), Ok(Place::Own { part: Part::Value, component: 2 }));
    }

    #[test]
    fn every_form_of_opener_is_read() {
        let opener = |tag, filters: &[(u8, &str)], kind| Ok(Opener { step: step(tag, filters), kind });
        assert_eq!(Opener::parse("HL[03=I]"), opener("HL", &[(3, "I")], OpenerKind::Segment));
        assert_eq!(Opener::parse("PO1{*}"), opener("PO1", &[], OpenerKind::Pairs));
        assert_eq!(
            Opener::parse("N301"),
            opener("N3", &[], OpenerKind::Element { element: 1, component: 0, repeats: false })
        );
        assert_eq!(
            Opener::parse("REF04-2^"),
            opener("REF", &[], OpenerKind::Element { element: 4, component: 2, repeats: true })
        );
    }

    #[test]
    fn a_wrong_place_says_what_is_missing() {
        for (text, says) in [
            ("beg03", "capitals"),
            ("BEG", "which element"),
            ("BEG3", "two or three capitals"),
            ("BEG00", "two digits from 01"),
            ("DTM[1=002]02", "two digits"),
            ("DTM[01=002", "ends with `]`"),
            ("DTM[01=]02", "needs a value"),
            ("DTM{VP}", "no qualifier/value pairs"),
            ("PO1{*}", "opens the items"),
            ("N1[01=ST]/", "segment's tag"),
            ("BEG03x", "more than a place"),
            ("{valeu}", "none of"),
            ("", "segment's tag"),
        ] {
            let error = Place::parse(text).expect_err(text);
            assert!(error.message.contains(says), "{text}: {}", error.message);
            assert!(error.at <= text.len(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_parser_never_panics(text in "\\PC{0,24}") {
            let _ = (Place::parse(&text), Opener::parse(&text));
        }

        #[test]
        fn nor_on_what_nearly_is_a_place(text in "[A-Z0-9\\[\\]{}=/\\-^*é]{0,16}") {
            let _ = (Place::parse(&text), Opener::parse(&text));
        }
    }
}
