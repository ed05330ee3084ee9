//! UBL 2.1 of our own making, from the same [`Order`] as the X12: what a supplier answers, ships and bills.

use std::fmt::Write as _;

use super::x12::{Line, Order};

const PREFIX: &str = "urn:oasis:names:specification:ubl:schema:xsd:";

/// OrderResponse: every line accepted, as ordered. `number` is its own.
pub fn order_response(order: &Order, number: &str) -> Vec<u8> {
    let mut body = head(number, &order.date);
    body += "  <cbc:OrderResponseCode>AB</cbc:OrderResponseCode>\n  <cbc:DocumentCurrencyCode>USD</cbc:DocumentCurrencyCode>\n";
    body += &reference(order, "  ");
    body += &parties("SellerSupplierParty", "BuyerCustomerParty");
    for (index, line) in order.lines.iter().enumerate() {
        let _ = write!(
            body,
            "  <cac:OrderLine>\n    <cac:LineItem>\n      <cbc:ID>{}</cbc:ID>\n      \
             <cbc:LineStatusCode>5</cbc:LineStatusCode>\n      {}\n      <cac:Price>\n        {}\n      </cac:Price>\n{}    \
             </cac:LineItem>\n  </cac:OrderLine>\n",
            index + 1,
            quantity("Quantity", line),
            amount("PriceAmount", line.cents),
            item(line, "      ")
        );
    }
    document("OrderResponse", &body)
}

/// DespatchAdvice: all of the order on one truck. `number` is the shipment's.
pub fn despatch_advice(order: &Order, number: &str) -> Vec<u8> {
    let mut body = head(number, &order.ship_date);
    body += &reference(order, "  ");
    body += &parties("DespatchSupplierParty", "DeliveryCustomerParty");
    let _ = writeln!(body, "  <cac:Shipment>\n    <cbc:ID>{number}</cbc:ID>\n  </cac:Shipment>");
    for (index, line) in order.lines.iter().enumerate() {
        let _ = write!(
            body,
            "  <cac:DespatchLine>\n    <cbc:ID>{0}</cbc:ID>\n    {1}\n    <cac:OrderLineReference>\n      \
             <cbc:LineID>{0}</cbc:LineID>\n{2}    </cac:OrderLineReference>\n{3}  </cac:DespatchLine>\n",
            index + 1,
            quantity("DeliveredQuantity", line),
            reference(order, "      "),
            item(line, "    ")
        );
    }
    document("DespatchAdvice", &body)
}

/// Invoice for all of the order, without freight. `number` is its own.
pub fn invoice(order: &Order, number: &str) -> Vec<u8> {
    let total: u64 = order.lines.iter().map(|line| u64::from(line.quantity) * line.cents).sum();
    let mut body = head(number, &order.ship_date);
    body += "  <cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>\n  <cbc:DocumentCurrencyCode>USD</cbc:DocumentCurrencyCode>\n";
    body += &reference(order, "  ");
    body += &parties("AccountingSupplierParty", "AccountingCustomerParty");
    let _ = writeln!(
        body,
        "  <cac:LegalMonetaryTotal>\n    {}\n    {}\n  </cac:LegalMonetaryTotal>",
        amount("LineExtensionAmount", total),
        amount("PayableAmount", total)
    );
    for (index, line) in order.lines.iter().enumerate() {
        let _ = write!(
            body,
            "  <cac:InvoiceLine>\n    <cbc:ID>{}</cbc:ID>\n    {}\n    {}\n{}    <cac:Price>\n      {}\n    </cac:Price>\n  \
             </cac:InvoiceLine>\n",
            index + 1,
            quantity("InvoicedQuantity", line),
            amount("LineExtensionAmount", u64::from(line.quantity) * line.cents),
            item(line, "    "),
            amount("PriceAmount", line.cents)
        );
    }
    document("Invoice", &body)
}

fn document(root: &str, body: &str) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{PREFIX}{root}-2\"\n    \
         xmlns:cac=\"{PREFIX}CommonAggregateComponents-2\"\n    xmlns:cbc=\"{PREFIX}CommonBasicComponents-2\">\n{body}</{root}>\n"
    )
    .into_bytes()
}

fn head(number: &str, date: &str) -> String {
    let date = dashed(date);
    format!(
        "  <cbc:UBLVersionID>2.1</cbc:UBLVersionID>\n  <cbc:ID>{number}</cbc:ID>\n  <cbc:IssueDate>{date}</cbc:IssueDate>\n"
    )
}

/// CCYYMMDD as XML writes it.
fn dashed(date: &str) -> String {
    let part = |range: std::ops::Range<usize>| date.get(range).unwrap_or_default();
    format!("{}-{}-{}", part(0..4), part(4..6), part(6..8))
}

fn reference(order: &Order, indent: &str) -> String {
    format!(
        "{indent}<cac:OrderReference>\n{indent}  <cbc:ID>{}</cbc:ID>\n{indent}</cac:OrderReference>\n",
        order.number
    )
}

fn parties(seller: &str, buyer: &str) -> String {
    let one = |role: &str, name: &str| {
        format!(
            "  <cac:{role}>\n    <cac:Party>\n      <cac:PartyName>\n        <cbc:Name>{name}</cbc:Name>\n      \
             </cac:PartyName>\n    </cac:Party>\n  </cac:{role}>\n"
        )
    };
    one(seller, "Acme Bearings") + &one(buyer, "Lakeshore Machine Works")
}

/// UN/ECE Recommendation 20 for the units of the samples.
fn unit(line: &Line) -> &str {
    match line.unit.as_str() {
        "CA" => "CS",
        "FT" => "FOT",
        unit => unit,
    }
}

fn quantity(name: &str, line: &Line) -> String {
    format!("<cbc:{name} unitCode=\"{}\">{}</cbc:{name}>", unit(line), line.quantity)
}

fn amount(name: &str, cents: u64) -> String {
    format!("<cbc:{name} currencyID=\"USD\">{}.{:02}</cbc:{name}>", cents / 100, cents % 100)
}

fn item(line: &Line, indent: &str) -> String {
    let id = |of: &str, id: &str| {
        format!(
            "{indent}  <cac:{of}ItemIdentification>\n{indent}    <cbc:ID>{id}</cbc:ID>\n{indent}  </cac:{of}ItemIdentification>\n"
        )
    };
    format!(
        "{indent}<cac:Item>\n{indent}  <cbc:Name>{}</cbc:Name>\n{}{}{indent}</cac:Item>\n",
        line.text,
        id("Buyers", &line.buyer_part),
        id("Sellers", &line.vendor_part)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_one_document_about_its_order() {
        let order = Order::sample("4500000001", 2);
        for (root, bytes) in [
            ("OrderResponse", order_response(&order, "R-1")),
            ("DespatchAdvice", despatch_advice(&order, "SH-1")),
            ("Invoice", invoice(&order, "INV-1")),
        ] {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(&format!("\n<{root} xmlns=")) && text.ends_with(&format!("</{root}>\n")), "{text}");
            // Every element is opened and closed; the declaration is neither.
            assert_eq!(text.matches('<').count(), 2 * text.matches("</").count() + 1, "{text}");
            assert!(text.contains("<cbc:ID>4500000001</cbc:ID>"), "{text}");
        }
    }
}
