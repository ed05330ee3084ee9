//! Amounts that XML wants and documents may leave out: they are made of what the lines say.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

/// Quantity times price for its base quantity, less allowances, plus charges: to the cent, halves away from zero.
pub(super) fn line_amount(line: &Value) -> Option<Decimal> {
    if let Some(amount) = line.get("amount").and_then(decimal) {
        return Some(amount);
    }
    let of = |object: &str, field: &str| decimal(line.get(object)?.get(field)?);
    let base = of("price", "base_quantity").filter(|base| !base.is_zero()).unwrap_or(Decimal::ONE);
    let mut amount = of("quantity", "value")?.checked_mul(of("price", "amount")?)?.checked_div(base)?;
    for one in line.get("allowances_charges").and_then(Value::as_array).into_iter().flatten() {
        let value = one.get("amount").and_then(decimal).unwrap_or_default();
        match one.get("kind").and_then(Value::as_str) {
            Some("allowance") => amount = amount.checked_sub(value)?,
            Some("charge") => amount = amount.checked_add(value)?,
            _ => {}
        }
    }
    Some(amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero))
}

/// A sum; none of nothing.
pub(super) fn total(amounts: impl Iterator<Item = Decimal>) -> Option<String> {
    amounts.reduce(|sum, amount| sum.saturating_add(amount)).map(|sum| sum.to_string())
}

pub(super) fn decimal(value: &Value) -> Option<Decimal> {
    value.as_str()?.parse().ok()
}
