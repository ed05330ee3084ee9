//! Places in an XML document, as mapping files write them: the few forms of XPath that can be written as well as read.
//!
//! | text | means |
//! |---|---|
//! | `cbc:ID` | the text of that element in the item's own |
//! | `cac:Party/cbc:Name` | deeper |
//! | `cbc:Quantity/@unitCode`, `@currency` | an attribute |
//! | `.` | the text of the item's own element |
//! | `cbc:Note[@languageID='en']` | of such an element only; written so too. Several tests stand side by side |
//! | `cbc:Note[@kind!='x']`, `[@kind]`, `[not(@kind)]` | tested on reading only |
//! | `/cXML/Header/From` | from the root element |
//! | `../Info/@id` | beside the item's own element: one `../` for each level up |
//!
//! A list's `each` takes paths to elements. One that ends in `*` takes all values that are left (in lists of plain ones).

use super::cursor::{Cursor, Result};

/// A place, names as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// From the root element, which is the first step.
    pub(crate) absolute: bool,
    /// How many levels up it begins.
    pub(crate) up: u8,
    pub(crate) steps: Vec<Step>,
    /// An attribute of the last step; else its text.
    pub(crate) attribute: Option<String>,
    /// `*` at the end.
    pub(crate) repeats: bool,
}

/// An element with what must hold for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) tests: Vec<Test>,
}

/// What must hold for an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) path: Path,
    pub(crate) wants: Wants,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wants {
    Is(String),
    IsNot(String),
    There,
    NotThere,
}

impl Path {
    /// Reads a place.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut cursor = Cursor::new(text);
        let mut path = cursor.path(0)?;
        path.repeats = cursor.eat("*");
        cursor.end()?;
        Ok(path)
    }
}

/// The words of the grammar.
impl Cursor<'_> {
    fn path(&mut self, depth: usize) -> Result<Path> {
        let absolute = self.eat("/");
        let mut path = Path { absolute, up: 0, steps: Vec::new(), attribute: None, repeats: false };
        while !absolute && depth == 0 && path.up < 8 && self.eat("../") {
            path.up += 1;
        }
        if !absolute && self.eat(".") {
            if !self.eat("/") {
                return Ok(path);
            }
            if !self.rest().starts_with('@') {
                return Err(self.wrong("`./` is left out before an element"));
            }
        }
        loop {
            if self.eat("@") {
                path.attribute = Some(self.name("an attribute's name belongs after `@`")?);
                return Ok(path);
            }
            let name = self.name("an element's name, `@` with an attribute's, or `.` belongs here")?;
            let mut tests = Vec::new();
            while self.eat("[") {
                if depth > 0 {
                    return Err(self.wrong("a test has no tests in it"));
                }
                tests.push(self.test()?);
            }
            path.steps.push(Step { name, tests });
            if !self.eat("/") {
                return Ok(path);
            }
        }
    }

    fn test(&mut self) -> Result<Test> {
        let not = self.eat("not(");
        let path = self.path(1)?;
        if path.absolute {
            return Err(self.wrong("a test looks below its own element only"));
        }
        let wants = if not {
            if !self.eat(")") {
                return Err(self.wrong("`not(` ends with `)`"));
            }
            Wants::NotThere
        } else if self.eat("!=") {
            Wants::IsNot(self.quoted()?)
        } else if self.eat("=") {
            Wants::Is(self.quoted()?)
        } else {
            Wants::There
        };
        if !self.eat("]") {
            return Err(self.wrong("a test ends with `]`"));
        }
        Ok(Test { path, wants })
    }

    fn quoted(&mut self) -> Result<String> {
        if !self.eat("'") {
            return Err(self.wrong("the value of a test stands in single quotes: `[@schemeID='0160']`"));
        }
        let rest = self.rest();
        let Some((value, _)) = rest.split_once('\'') else {
            return Err(self.wrong("the quote after the value is missing"));
        };
        self.at += value.len() + 1;
        if value.trim().is_empty() {
            return Err(self.wrong("a test needs a value between its quotes"));
        }
        Ok(value.to_owned())
    }

    /// `cbc:ID`
    fn name(&mut self, otherwise: &str) -> Result<String> {
        let (rest, inner) = (self.rest(), |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'));
        let name = rest.get(..rest.find(|c| !inner(c)).unwrap_or(rest.len())).unwrap_or_default();
        let parts: Vec<_> = name.split(':').collect();
        let begins = |part: &&str| part.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if parts.len() > 2 || !parts.iter().all(begins) {
            return Err(self.wrong(otherwise));
        }
        self.at += name.len();
        Ok(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn step(name: &str) -> Step {
        Step { name: name.to_owned(), tests: Vec::new() }
    }

    fn path(steps: Vec<Step>, attribute: Option<&str>) -> Path {
        Path { absolute: false, up: 0, steps, attribute: attribute.map(str::to_owned), repeats: false }
    }

    #[test]
    fn every_form_of_place_is_read() {
        let is = |inner: Path, wants: Wants| Test { path: inner, wants };
        for (text, expected) in [
            ("cbc:ID", path(vec![step("cbc:ID")], None)),
            ("cac:Party/cbc:Name", path(vec![step("cac:Party"), step("cbc:Name")], None)),
            ("cbc:Quantity/@unitCode", path(vec![step("cbc:Quantity")], Some("unitCode"))),
            ("@currency", path(vec![], Some("currency"))),
            ("./@currency", path(vec![], Some("currency"))),
            (".", path(vec![], None)),
            ("../../a/@b", Path { up: 2, ..path(vec![step("a")], Some("b")) }),
            ("Street*", Path { repeats: true, ..path(vec![step("Street")], None) }),
            ("/cXML/Header", Path { absolute: true, ..path(vec![step("cXML"), step("Header")], None) }),
            (
                "N[@a='1'][b/c!='x y'][d][not(@e)]/F",
                path(
                    vec![
                        Step {
                            name: "N".to_owned(),
                            tests: vec![
                                is(path(vec![], Some("a")), Wants::Is("1".to_owned())),
                                is(path(vec![step("b"), step("c")], None), Wants::IsNot("x y".to_owned())),
                                is(path(vec![step("d")], None), Wants::There),
                                is(path(vec![], Some("e")), Wants::NotThere),
                            ],
                        },
                        step("F"),
                    ],
                    None,
                ),
            ),
        ] {
            assert_eq!(Path::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_wrong_place_says_what_is_missing() {
        for (text, says) in [
            ("", "element's name"),
            ("cbc:", "element's name"),
            ("1a", "element's name"),
            ("a/", "element's name"),
            ("a/@", "after `@`"),
            ("a b", "more than a place"),
            ("a[@b=c]", "single quotes"),
            ("a[@b='c]", "quote after the value"),
            ("a[@b='']", "needs a value"),
            ("a[@b='c'", "ends with `]`"),
            ("a[not(@b]", "ends with `)`"),
            ("a[b[c]]", "no tests in it"),
            ("a[/b]", "below its own element"),
            ("./a", "left out"),
        ] {
            let error = Path::parse(text).expect_err(text);
            assert!(error.message.contains(says), "{text}: {}", error.message);
            assert!(error.at <= text.len(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_parser_never_panics(text in "[a-c:@/.*\\[\\]()='!é ]{0,24}") {
            let _ = Path::parse(&text);
        }
    }
}
