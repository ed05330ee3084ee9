//! Orders as the ERP hands them over, in canonical JSON, and what the supplier says of the interchange that they become.

use serde_json::{Value, json};

use super::x12::{Order, Set};

/// An order in its canonical form; `purpose` is `original`, `change`, `cancellation`….
pub fn purchase_order(order: &Order, purpose: &str) -> Value {
    let day = |date: &str| match (date.get(..4), date.get(4..6), date.get(6..8)) {
        (Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        _ => date.to_owned(),
    };
    let lines = order.lines.iter().zip(1..).map(|(line, number)| {
        json!({
            "number": number.to_string(),
            "quantity": { "value": line.quantity.to_string(), "unit": "EA" },
            "price": { "amount": format!("{}.{:02}", line.cents / 100, line.cents % 100) },
            "identifiers": [
                { "scheme": "buyer_part", "value": line.buyer_part },
                { "scheme": "vendor_part", "value": line.vendor_part },
            ],
            "descriptions": [{ "form": "F", "text": line.text }],
        })
    });
    json!({
        "number": order.number,
        "purpose": purpose,
        "order_type": "stand_alone",
        "issue_date": day(&order.date),
        "currency": "USD",
        "currency_party": "buyer",
        "parties": [
            {
                "role": "buyer",
                "name": "LAKESHORE MACHINE WORKS",
                "identifiers": [{ "scheme": "assigned_by_buyer", "value": "LMW01" }],
                "address": { "lines": ["1 WORKS AVENUE"], "city": "TOLEDO", "region": "OH", "postal_code": "43604" },
            },
        ],
        "dates": [{ "role": "delivery_requested", "date": day(&order.ship_date) }],
        "lines": lines.collect::<Vec<_>>(),
    })
}

/// A request to the ERP's API for this partner.
pub fn handed_over(partner: &str, kind: &str, data: Value) -> Value {
    json!({ "type": kind, "partner": partner, "data": data })
}

/// The 997 about an interchange of one group: all of its sets accepted, or all rejected. `None` if it is no such thing.
pub fn functional_acknowledgement(interchange: &str, accepted: bool) -> Option<Set> {
    let element = *interchange.as_bytes().get(3)? as char;
    let segments: Vec<Vec<&str>> =
        interchange.split('~').map(|segment| segment.trim().split(element).collect()).collect();
    let group = segments.iter().find(|segment| segment.first() == Some(&"GS"))?;
    let mut set = Set::new("997", "FA");
    set.push("AK1", &[group.get(1)?, group.get(6)?]);
    let verdict: &[&str] = if accepted { &["A"] } else { &["R", "5"] };
    let mut count = 0;
    for st in segments.iter().filter(|segment| segment.first() == Some(&"ST")) {
        set.push("AK2", &[st.get(1)?, st.get(2)?]);
        if !accepted {
            set.push("AK3", &["BEG", "2", "", "8"]);
            set.push("AK4", &["3", "324", "7", "?"]);
        }
        set.push("AK5", verdict);
        count += 1;
    }
    let count = count.to_string();
    set.push("AK9", &[if accepted { "A" } else { "R" }, &count, &count, if accepted { &count } else { "0" }]);
    Some(set)
}
