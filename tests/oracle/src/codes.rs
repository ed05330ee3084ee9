//! Our code lists of 005010 against those of x12-types.
//!
//! x12-types says of a code whether it knows it but cannot name all it knows, so every code that an element could hold
//! is tried: all of up to three characters, all numbers of up to five digits, and whatever any list of ours has.

use std::collections::BTreeSet;
use std::fmt;

use gangway::x12::standard::{ElementKind, Standard};
use x12_types::util::X12Element;
use x12_types::v005010::element as theirs;

/// One code list that both have.
pub struct List {
    /// The data element.
    pub number: &'static str,
    /// How many codes both have.
    pub shared: usize,
    /// Codes that only our list has.
    pub ours: Vec<String>,
    /// Codes that only x12-types has.
    pub theirs: Vec<String>,
}

/// An element of x12-types: its number, and whether it knows a code.
type Oracle = (&'static str, fn(&str) -> bool);

macro_rules! oracles {
    ($($name:ident)*) => {
        &[$((stringify!($name), |code| !matches!(theirs::$name::from_x12(code), theirs::$name::Unknown(_)))),*]
    };
}

/// The lists of x12-types whose element is in our tables with codes.
const ORACLES: &[Oracle] = oracles!(
    E23 E40 E66 E88 E91 E92 E98 E102 E107 E128 E133 E146 E150 E152 E176 E184 E187 E188 E208 E211 E235 E236 E248 E271
    E284 E290 E291 E292 E293 E295 E305 E306 E309 E331 E333 E335 E336 E344 E346 E349 E353 E355 E363 E365 E366 E368
    E374 E378 E399 E407 E412 E422 E426 E432 E433 E441 E478 E486 E506 E521 E522 E559 E560 E562 E563 E566 E569 E584
    E591 E594 E595 E623 E626 E627 E639 E640 E641 E648 E662 E665 E668 E670 E672 E673 E678 E682 E687 E701 E717 E718
    E720 E735 E736 E737 E738 E743 E750 E755 E756 E759 E771 E786 E808 E812 E847 E848 E849 E875 E897 E964 E983 E984
    E985 E986 E1004 E1005 E1023 E1053 E1054 E1065 E1068 E1073 E1104 E1106 E1136 E1196 E1250 E1262 E1270 E1280 E1300
    E1321 E1401 E1577 I01 I03 I05 I11 I13 I14
);

/// Every list that both have.
pub fn compare() -> Vec<List> {
    let standard = Standard::get("005010").expect("005010 is built in");
    let codes = |number: &str| -> BTreeSet<String> {
        let codes = standard.element(number).and_then(|element| element.codes.as_ref());
        let text = |code: Vec<u8>| String::from_utf8(code).expect("codes are ASCII");
        codes.map(|codes| codes.codes().into_iter().map(text).collect()).unwrap_or_default()
    };
    let mut tried = candidates();
    for element in standard.elements().iter().filter(|element| element.kind == ElementKind::Code) {
        tried.extend(codes(&element.number));
    }
    let list = |(name, knows): &Oracle| {
        let number = name.strip_prefix('E').unwrap_or(name);
        let ours = codes(number);
        assert!(!ours.is_empty(), "{number} has no codes in our table");
        let theirs: BTreeSet<String> = tried.iter().filter(|code| knows(code)).cloned().collect();
        List {
            number,
            shared: ours.intersection(&theirs).count(),
            ours: ours.difference(&theirs).cloned().collect(),
            theirs: theirs.difference(&ours).cloned().collect(),
        }
    };
    ORACLES.iter().map(list).collect()
}

fn candidates() -> BTreeSet<String> {
    const SIGNS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let one: Vec<String> = SIGNS.iter().map(|sign| char::from(*sign).to_string()).collect();
    let longer = |shorter: &[String]| -> Vec<String> {
        shorter.iter().flat_map(|head| one.iter().map(move |tail| format!("{head}{tail}"))).collect()
    };
    let two = longer(&one);
    let three = longer(&two);
    let four = (0..10_000).map(|number| format!("{number:04}"));
    let five = (0..100_000).map(|number| format!("{number:05}"));
    one.iter().cloned().chain(two).chain(three).chain(four).chain(five).collect()
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>5}  {:>4} in both, {:>4} only ours", self.number, self.shared, self.ours.len())?;
        if !self.theirs.is_empty() {
            write!(f, ", only theirs: {}", self.theirs.join(" "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What x12-types has beyond our lists: in I11 a slip, 00510 where the releases go from 00505 to 00600.
    const KNOWN: &[(&str, &[&str])] = &[("I11", &["00510"])];

    #[test]
    fn our_lists_hold_all_that_x12_types_knows() {
        let lists = compare();
        let beyond: Vec<(&str, Vec<&str>)> = lists
            .iter()
            .filter(|list| !list.theirs.is_empty())
            .map(|list| (list.number, list.theirs.iter().map(String::as_str).collect()))
            .collect();
        let known: Vec<(&str, Vec<&str>)> = KNOWN.iter().map(|(number, codes)| (*number, codes.to_vec())).collect();
        assert_eq!(beyond, known);
        // Most are the same list; the others are excerpts on their side.
        let same = lists.iter().filter(|list| list.ours.is_empty() && list.theirs.is_empty()).count();
        assert_eq!((lists.len(), same), (140, 95));
    }
}
