//! Totals that a mapping writes where the document gives none: how many items a list has, what a field of them sums up
//! to, what an invoice comes to.

use rust_decimal::{Decimal, RoundingStrategy};

use super::form::{Entry, Form, Taken, Text};
use crate::mapping::read::NONE;

/// What `compute` may say, for hints and the schema.
pub(crate) const NAMES: &[&str] =
    &["count(lines)", "sum(lines.quantity.value)", "invoice_total", "copy(quantity.value)"];

/// One computation. Names are settled against the document when the mapping is compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Compute {
    /// `count(lines)`: the items of a list, and those below them where they nest.
    Count(Vec<u16>),
    /// `sum(lines.quantity.value)`: a number of each item, and of those below where they nest.
    Sum(Vec<u16>, u16),
    /// `invoice_total`: lines at their prices, with charges and taxes and less allowances, to two places.
    InvoiceTotal(Box<Invoice>),
}

/// The cells that an invoice's total is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invoice {
    lines: u16,
    quantity: u16,
    price: u16,
    base: Option<u16>,
    basis: Option<u16>,
    header: Extras,
    line: Extras,
}

/// Where allowances, charges and taxes of an item stand: list, kind, amount.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Extras {
    charges: Option<(u16, u16, u16)>,
    taxes: Option<(u16, u16)>,
}

/// The field of an item that `copy(quantity.value)` names.
pub(crate) fn copied(text: &str) -> Option<&str> {
    Some(text.trim().strip_prefix("copy(")?.strip_suffix(')')?.trim())
}

impl Compute {
    /// Reads what `compute` says; `None` if it names nothing that the document has.
    pub(crate) fn parse(text: &str, form: &Form) -> Option<Self> {
        let text = text.trim();
        if text == "invoice_total" {
            return Invoice::of(form).map(|invoice| Self::InvoiceTotal(Box::new(invoice)));
        }
        let (name, inner) = text.strip_suffix(')')?.split_once('(')?;
        let mut names = inner.trim().split('.').peekable();
        let (mut kind, mut cells) = (0, Vec::new());
        while names.peek().is_some() {
            match form.entry(form.kinds.get(usize::from(kind))?.object, &mut names)? {
                Entry::List { cell, kind: inner } => {
                    cells.push(cell);
                    kind = inner;
                }
                Entry::Field(cell) if name == "sum" && names.peek().is_none() && !cells.is_empty() => {
                    return Some(Self::Sum(cells, cell));
                }
                _ => return None,
            }
        }
        (name == "count" && !cells.is_empty()).then_some(Self::Count(cells))
    }

    /// Its value for a document, as X12 writes numbers; `None` if that cannot be told.
    pub(crate) fn value(&self, taken: &Taken, form: &Form, text: &str) -> Option<String> {
        let tally = Tally { taken, form, text };
        match self {
            Self::Count(lists) => Some(tally.count(0, lists).to_string()),
            Self::Sum(lists, field) => {
                let mut sum = Decimal::ZERO;
                tally.sum(0, lists, *field, &mut sum)?;
                Some(sum.normalize().to_string())
            }
            Self::InvoiceTotal(invoice) => {
                let total = tally.invoice(invoice)?;
                Some(total.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero).to_string())
            }
        }
    }
}

impl Invoice {
    fn of(form: &Form) -> Option<Self> {
        let object = form.kinds.first()?.object;
        let Entry::List { cell: lines, kind } = find(form, object, "lines")? else { return None };
        let line = form.kinds.get(usize::from(kind))?.object;
        Some(Self {
            lines,
            quantity: field(form, line, "quantity.value")?,
            price: field(form, line, "price.amount")?,
            base: field(form, line, "price.base_quantity"),
            basis: field(form, line, "price.basis"),
            header: Extras::of(form, object),
            line: Extras::of(form, line),
        })
    }
}

impl Extras {
    fn of(form: &Form, object: u16) -> Self {
        let list = |name: &str| match find(form, object, name)? {
            Entry::List { cell, kind } => Some((cell, form.kinds.get(usize::from(kind))?.object)),
            _ => None,
        };
        Self {
            charges: list("allowances_charges")
                .and_then(|(cell, inner)| Some((cell, field(form, inner, "kind")?, field(form, inner, "amount")?))),
            taxes: list("taxes").and_then(|(cell, inner)| Some((cell, field(form, inner, "amount")?))),
        }
    }
}

fn find(form: &Form, object: u16, path: &str) -> Option<Entry> {
    form.entry(object, &mut path.split('.'))
}

fn field(form: &Form, object: u16, path: &str) -> Option<u16> {
    match find(form, object, path)? {
        Entry::Field(cell) => Some(cell),
        _ => None,
    }
}

struct Tally<'a> {
    taken: &'a Taken,
    form: &'a Form,
    text: &'a str,
}

impl Tally<'_> {
    /// The items of a list.
    fn items(&self, owner: u32, cell: u16) -> impl Iterator<Item = u32> {
        let first = self.taken.first(owner, cell);
        std::iter::successors((first != NONE).then_some(first), |item| {
            self.taken.item(*item).map(|item| item.next).filter(|next| *next != NONE)
        })
    }

    /// The list of an item that holds more of its kind.
    fn nested(&self, item: u32) -> Option<u16> {
        let kind = self.taken.item(item)?.kind;
        let object = self.form.kinds.get(usize::from(kind))?.object;
        self.form.objects.get(usize::from(object))?.iter().find_map(|key| match key.entry {
            Entry::List { cell, kind: inner } if inner == kind => Some(cell),
            _ => None,
        })
    }

    fn count(&self, owner: u32, lists: &[u16]) -> u64 {
        let Some((list, inner)) = lists.split_first() else { return 0 };
        let mut count = 0;
        for item in self.items(owner, *list) {
            count += if inner.is_empty() { 1 } else { self.count(item, inner) };
            if let Some(nested) = self.nested(item) {
                let below: Vec<u16> = std::iter::once(nested).chain(inner.iter().copied()).collect();
                count += self.count(item, &below);
            }
        }
        count
    }

    fn sum(&self, owner: u32, lists: &[u16], field: u16, sum: &mut Decimal) -> Option<()> {
        let Some((list, inner)) = lists.split_first() else { return Some(()) };
        for item in self.items(owner, *list) {
            if inner.is_empty() {
                *sum = sum.checked_add(self.number(item, field)?.unwrap_or_default())?;
            } else {
                self.sum(item, inner, field, sum)?;
            }
            if let Some(nested) = self.nested(item) {
                let below: Vec<u16> = std::iter::once(nested).chain(inner.iter().copied()).collect();
                self.sum(item, &below, field, sum)?;
            }
        }
        Some(())
    }

    /// A number, if there is one; `None` if what stands there is none.
    #[expect(clippy::option_option, reason = "absent is one thing, and no number another")]
    fn number(&self, item: u32, cell: u16) -> Option<Option<Decimal>> {
        match self.taken.value(self.text, item, cell) {
            None => Some(None),
            Some(Text::Plain(text)) => Decimal::from_str_exact(text).ok().map(Some),
            Some(Text::Escaped(_)) => None,
        }
    }

    fn invoice(&self, invoice: &Invoice) -> Option<Decimal> {
        let mut total = self.extras(0, &invoice.header)?;
        for line in self.items(0, invoice.lines) {
            let (quantity, price) = (self.number(line, invoice.quantity)??, self.number(line, invoice.price)??);
            let base = match invoice.base.map_or(Some(None), |cell| self.number(line, cell))? {
                Some(base) => base,
                None => match invoice.basis.and_then(|cell| self.taken.value(self.text, line, cell)) {
                    Some(Text::Plain("per_ten")) => Decimal::TEN,
                    Some(Text::Plain("per_hundred")) => Decimal::ONE_HUNDRED,
                    Some(Text::Plain("per_thousand")) => Decimal::ONE_THOUSAND,
                    _ => Decimal::ONE,
                },
            };
            let line_total = quantity.checked_mul(price)?.checked_div(base)?;
            total = total.checked_add(line_total)?.checked_add(self.extras(line, &invoice.line)?)?;
        }
        Some(total)
    }

    /// What charges and taxes of an item add, less its allowances.
    fn extras(&self, owner: u32, extras: &Extras) -> Option<Decimal> {
        let mut total = Decimal::ZERO;
        if let Some((list, kind, amount)) = extras.charges {
            for item in self.items(owner, list) {
                let amount = self.number(item, amount)?.unwrap_or_default();
                match self.taken.value(self.text, item, kind) {
                    Some(Text::Plain("allowance")) => total = total.checked_sub(amount)?,
                    Some(Text::Plain("charge")) => total = total.checked_add(amount)?,
                    Some(Text::Plain("neither")) => {}
                    // A kind of which it is not known whether it adds or takes away.
                    _ if amount.is_zero() => {}
                    _ => return None,
                }
            }
        }
        if let Some((list, amount)) = extras.taxes {
            for item in self.items(owner, list) {
                total = total.checked_add(self.number(item, amount)?.unwrap_or_default())?;
            }
        }
        Some(total)
    }
}
