//! What a mapping file for XML is compiled to: for every object of the canonical document, where its fields and lists stand.
//! Nothing here changes after compiling; `read_xml` and `write_xml` walk it, each in its direction.

use std::{collections::HashMap, sync::Arc};

use super::{plan::FieldRule, table::Table};

/// A compiled mapping of an XML document.
#[derive(Debug, Default)]
pub(crate) struct XmlPlan {
    /// Names of elements and attributes; the first is any that no rule knows.
    pub(crate) names: Vec<QName>,
    /// Prefix and namespace, as they are declared on the root element; an empty prefix is the default.
    pub(crate) namespaces: Vec<(String, String)>,
    /// The elements down to the document's own: `cXML`, `Request`, `OrderRequest`.
    pub(crate) root: Vec<u16>,
    pub(crate) rules: Vec<FieldRule>,
    /// The code tables and cross-references as the mapping's files have them.
    pub(crate) tables: Vec<Arc<Table>>,
    pub(crate) document: Group,
    /// Places that belong to the transmission, not to the document: what they hold, by name.
    pub(crate) envelope: Vec<(Way, String)>,
    /// Places that always hold the same.
    pub(crate) constants: Vec<(Way, String)>,
    /// Attributes that repeat a field of the document.
    pub(crate) repeats: Vec<Repeat>,
    /// In which order elements stand in an element.
    pub(crate) sequence: HashMap<u16, HashMap<u16, u32>>,
    /// What stands before a code that no table has: `ubl` in `ubl:ZZ`.
    pub(crate) dialect: String,
    /// Where the DTD is, for documents that name one.
    pub(crate) document_type: Option<String>,
}

/// A name, and how it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct QName {
    pub(crate) namespace: String,
    pub(crate) local: String,
    pub(crate) written: String,
}

/// `currencyID` of every amount repeats the document's currency.
#[derive(Debug)]
pub(crate) struct Repeat {
    /// The field's names.
    pub(crate) field: Vec<String>,
    /// Element and attribute.
    pub(crate) places: Vec<(u16, u16)>,
}

/// A way to an element or attribute.
#[derive(Debug, Clone, Default)]
pub(crate) struct Way {
    pub(crate) absolute: bool,
    pub(crate) up: u8,
    pub(crate) steps: Box<[WayStep]>,
    pub(crate) attribute: Option<u16>,
}

#[derive(Debug, Clone)]
pub(crate) struct WayStep {
    pub(crate) name: u16,
    pub(crate) tests: Box<[WayTest]>,
    /// Equal for steps that are the same, tests and all: on writing they share an element.
    pub(crate) key: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct WayTest {
    pub(crate) way: Way,
    pub(crate) wants: super::xml_place::Wants,
}

/// An object of the canonical document.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// In the order of the schema.
    pub(crate) entries: Vec<Entry>,
    /// Places that are made out on writing where no field filled them.
    pub(crate) computed: Vec<(Way, Computed)>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Without it there is no such object.
    pub(crate) needed: bool,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Field {
        ways: Box<[Way]>,
        rule: u32,
    },
    /// What kind of item it is says the place of the item.
    Word(String),
    Group(Group),
    List(ListPlan),
}

#[derive(Debug)]
pub(crate) struct ListPlan {
    /// The field that tells the kinds apart.
    pub(crate) by: Option<String>,
    /// Those with a word first.
    pub(crate) kinds: Vec<ItemPlan>,
    /// Items that have no element of their own on writing: those in them stand in their place.
    pub(crate) through: Vec<Through>,
}

/// Items of one kind that are passed through on writing.
#[derive(Debug)]
pub(crate) struct Through {
    pub(crate) word: String,
    /// Fields that those below inherit.
    pub(crate) fields: Vec<Inherited>,
}

/// A field that items below take over, as the first of these names that no nearer item gives them.
#[derive(Debug)]
pub(crate) struct Inherited {
    pub(crate) from: String,
    pub(crate) into: Vec<String>,
}

impl Inherited {
    /// `order`, or `sscc | outer_sscc`.
    pub(crate) fn parse(text: &str) -> Self {
        let into: Vec<String> = text.split('|').map(|name| name.trim().to_owned()).collect();
        Self { from: into.first().cloned().unwrap_or_default(), into }
    }
}

#[derive(Debug)]
pub(crate) struct ItemPlan {
    /// Which items these are; `None` for all that no other kind takes.
    pub(crate) word: Option<String>,
    pub(crate) openers: Vec<Opener>,
    pub(crate) item: Item,
}

impl ItemPlan {
    /// Whether an item is the very element that its list hangs below (`each = "."`), which can be but one.
    pub(crate) fn is_the_element_itself(&self) -> bool {
        let way = self.openers.first().map(|opener| &opener.way);
        matches!(self.item, Item::Object(_))
            && way.is_some_and(|way| way.steps.is_empty() && way.up == 0 && !way.absolute && way.attribute.is_none())
    }
}

#[derive(Debug)]
pub(crate) struct Opener {
    pub(crate) way: Way,
    /// Takes all values that are left.
    pub(crate) repeats: bool,
}

#[derive(Debug)]
pub(crate) enum Item {
    Plain { ways: Box<[Way]>, rule: u32 },
    Object(Group),
}

/// What is made out on writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Computed {
    /// Which item of its list it is, from 1.
    Position,
    /// How many items a list has.
    Count(String),
    /// The sum of a field over the items of a list.
    Sum(String, String),
    /// Quantity times price, less allowances, plus charges.
    LineAmount,
    /// Always this.
    Constant(String),
    /// The first of these fields that has a value.
    Copy(Vec<Vec<String>>),
    /// The line amounts of a list's items, summed.
    LinesAmount(String),
}

impl Computed {
    /// What mapping files may say.
    pub(crate) const FORMS: &'static str = "`position`, `count(lines)`, `sum(taxes.amount)`, `line_amount`, `lines_amount(lines)`, `copy(issue_date | order_date)` or `'text'`";

    /// Reads what a mapping file says.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let inner = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')').map(str::trim);
        Some(match text {
            "position" => Self::Position,
            "line_amount" => Self::LineAmount,
            _ => {
                if let Some(constant) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
                    return Some(Self::Constant(constant.to_owned()));
                }
                if let Some(list) = inner("count") {
                    return Some(Self::Count(list.to_owned()));
                }
                if let Some(list) = inner("lines_amount") {
                    return Some(Self::LinesAmount(list.to_owned()));
                }
                if let Some(field) = inner("copy") {
                    let names = |field: &str| field.trim().split('.').map(str::to_owned).collect();
                    return Some(Self::Copy(field.split('|').map(names).collect()));
                }
                let (list, field) = inner("sum")?.split_once('.')?;
                Self::Sum(list.to_owned(), field.to_owned())
            }
        })
    }
}
