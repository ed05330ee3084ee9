//! What a partner has shown: its steps are looked for in what really came and went, so that nobody ticks a box.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    document::{DocumentType, MessageId},
    ledger::{Channel, Direction, Document, DocumentState, Ledger, Message, MessageFilter, MessageState, Result},
    partner::{Certification, Step},
    x12::codes,
};

/// How many messages are looked at, newest first.
const MESSAGES: usize = 2_000;
/// … page by page.
const PAGE: usize = 100;
/// How many documents of one message are looked at.
const DOCUMENTS: usize = 100;

/// A step that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Which.
    pub step: Step,
    /// The message that shows it.
    pub message: MessageId,
    /// When it came or went.
    pub at: Timestamp,
    /// What was seen, in a few words.
    pub what: String,
}

/// Where one step stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Which.
    pub step: Step,
    /// Whether going live without it takes a reason.
    pub required: bool,
    /// The evidence, once there is some.
    pub seen: Option<Seen>,
}

/// Puts evidence to the steps that are agreed.
pub fn progress(agreed: &Certification, evidence: &[Seen]) -> Vec<Progress> {
    let found = |step: Step| evidence.iter().find(|seen| seen.step == step).cloned();
    agreed.steps().into_iter().map(|(step, required)| Progress { step, required, seen: found(step) }).collect()
}

/// Looks for evidence of every step in a partner's newest messages. `first_interchange` is the number that its first
/// interchange from us shall have.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn evidence(ledger: &dyn Ledger, partner: &str, first_interchange: u64) -> Result<Vec<Seen>> {
    let mut found = Found { first_interchange, seen: Vec::new() };
    let mut before = None;
    let filter = MessageFilter { partner: Some(partner.to_owned()), ..MessageFilter::default() };
    for _ in 0..MESSAGES / PAGE {
        let page = ledger.messages(filter.clone(), before, PAGE).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        for message in &page {
            found.look(ledger, message).await?;
        }
    }
    Ok(found.seen)
}

struct Found {
    first_interchange: u64,
    seen: Vec<Seen>,
}

impl Found {
    async fn look(&mut self, ledger: &dyn Ledger, message: &Message) -> Result<()> {
        let documents = ledger.documents(message.id, 0, DOCUMENTS).await?;
        match message.direction {
            Direction::Out => self.look_out(message, &documents),
            Direction::In if message.channel == Channel::Erp => {}
            Direction::In => {
                self.add(message, Step::Connect, format!("over {}", channel(message.channel)));
                if self.is_new(Step::Receipt)
                    && let Some(receipt) = ledger.receipt(message.id).await?
                    && !receipt.0.is_empty()
                {
                    self.add(message, Step::Receipt, receipted(message.channel).to_owned());
                }
                if message.state == MessageState::Duplicate {
                    self.add(message, Step::DuplicateRefused, "the interchange came twice, and counted once".into());
                }
                self.look_for_miscounts(message, message.problem.as_ref());
                for document in &documents {
                    self.look_in(ledger, message, document).await?;
                }
            }
        }
        Ok(())
    }

    fn look_out(&mut self, message: &Message, documents: &[Document]) {
        let number = message.interchange.as_deref().and_then(|number| number.parse().ok());
        if number == Some(self.first_interchange) {
            self.add(
                message,
                Step::ControlNumbers,
                format!("our first interchange has ISA13 {}", self.first_interchange),
            );
        }
        for order in documents.iter().filter(|document| document.kind == Some(DocumentType::PurchaseOrder)) {
            if matches!(order.state, DocumentState::Delivered | DocumentState::Acknowledged) {
                self.add(message, Step::OrderDelivered, format!("order {}", name(order)));
            }
            if order.state == DocumentState::Acknowledged {
                self.add(message, Step::OrderAcknowledged, format!("order {} was accepted", name(order)));
            }
        }
    }

    async fn look_in(&mut self, ledger: &dyn Ledger, message: &Message, document: &Document) -> Result<()> {
        match document.state {
            DocumentState::Duplicate => {
                self.add(
                    message,
                    Step::DuplicateRefused,
                    format!("{} {} came twice", document.format_kind, name(document)),
                );
            }
            DocumentState::Rejected => self.look_for_miscounts(message, document.problem.as_ref()),
            DocumentState::Queued => {
                let step = match document.kind {
                    Some(DocumentType::OrderAcknowledgement) => Step::ResponseAccepted,
                    Some(DocumentType::ShipmentNotice) => Step::ShipmentAccepted,
                    Some(DocumentType::Invoice) => Step::InvoiceBalances,
                    _ => return Ok(()),
                };
                if !self.is_new(step) {
                    return Ok(());
                }
                let what = match document.event {
                    Some(id) => ledger.event(id).await?.and_then(|event| shows(step, document, &event.data)),
                    None => None,
                };
                if let Some(what) = what {
                    self.add(message, step, what);
                }
            }
            // Held and recorded ones show nothing, and the others are ours.
            _ => {}
        }
        Ok(())
    }

    fn look_for_miscounts(&mut self, message: &Message, problem: Option<&Value>) {
        let told = problem.map(Value::to_string).unwrap_or_default();
        let counts = [codes::SE_COUNT, codes::GE_COUNT, codes::IEA_COUNT];
        if let Some(code) = counts.iter().find(|code| told.contains(code.as_str())) {
            self.add(message, Step::MiscountRefused, format!("rejected with {code}"));
        }
    }

    fn is_new(&self, step: Step) -> bool {
        self.seen.iter().all(|seen| seen.step != step)
    }

    fn add(&mut self, message: &Message, step: Step, what: String) {
        if self.is_new(step) {
            self.seen.push(Seen { step, message: message.id, at: message.at, what });
        }
    }
}

fn name(document: &Document) -> &str {
    document.number.as_deref().unwrap_or("without a number")
}

fn channel(channel: Channel) -> &'static str {
    match channel {
        Channel::Rest => "the API",
        Channel::As2 => "AS2",
        Channel::Sftp => "SFTP",
        _ => "another channel",
    }
}

fn receipted(channel: Channel) -> &'static str {
    match channel {
        Channel::Rest => "202",
        Channel::As2 => "MDN",
        Channel::Sftp => "SFTP OK",
        _ => "receipt",
    }
}

/// What a queued document shows of its step, if it does.
fn shows(step: Step, document: &Document, data: &[u8]) -> Option<String> {
    let data: Value = serde_json::from_slice(data).ok()?;
    let name = format!("{} {}", document.format_kind, name(document));
    match step {
        Step::ShipmentAccepted => levels_make_sense(&data).map(|levels| format!("{name}: {levels}")),
        Step::InvoiceBalances => lines_make_the_total(&data).map(|total| format!("{name}: {total}")),
        _ => Some(name),
    }
}

/// Whether every item of a shipment notice is in an order and says how much of it comes, and what hangs below what; the
/// answer names its levels.
pub fn levels_make_sense(notice: &Value) -> Option<String> {
    fn walk(level: &Value, above: &[&str], kinds: &mut Vec<String>, items: &mut usize) -> bool {
        let kind = level.get("kind").and_then(Value::as_str).unwrap_or_default();
        if !kinds.iter().any(|known| known == kind) {
            kinds.push(kind.to_owned());
        }
        let sound = match kind {
            "" => false,
            "shipment" => above.is_empty(),
            "item" => {
                *items += 1;
                let told =
                    ["quantity_shipped", "cumulative_quantity_shipped"].iter().any(|key| level.get(key).is_some());
                // UBL has no level for orders: each of its lines names its own.
                told && (above.contains(&"order") || level.get("order").is_some())
            }
            _ => !above.is_empty(),
        };
        let above: Vec<&str> = above.iter().copied().chain([kind]).collect();
        sound && levels(level).all(|below| walk(below, &above, kinds, items))
    }
    let (mut kinds, mut items) = (Vec::new(), 0);
    let sound = levels(notice).all(|level| walk(level, &[], &mut kinds, &mut items));
    (sound && items > 0).then(|| format!("{}, {items} item(s)", kinds.join(" > ")))
}

fn levels(of: &Value) -> impl Iterator<Item = &Value> {
    of.get("levels").and_then(Value::as_array).into_iter().flatten()
}

/// Whether the lines of an invoice, with its allowances, charges and taxes, make its total.
pub fn lines_make_the_total(invoice: &Value) -> Option<String> {
    let number = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str)?.parse::<Decimal>().ok();
    let total = number(invoice, "/totals/payable")?;
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let beside = |value: &Value| -> Decimal {
        let charges = list(value, "allowances_charges");
        let charges = charges.iter().map(|one| {
            let amount = number(one, "/amount").unwrap_or_default();
            match one.get("kind").and_then(Value::as_str) {
                Some("allowance" | "promotion") => -amount,
                Some("charge" | "service") => amount,
                _ => Decimal::ZERO,
            }
        });
        let taxes = list(value, "taxes");
        charges.chain(taxes.iter().map(|tax| number(tax, "/amount").unwrap_or_default())).sum()
    };
    let mut sum = beside(invoice);
    let lines = list(invoice, "lines");
    for line in &lines {
        let quantity = number(line, "/quantity/value")?;
        let price = number(line, "/price/amount").unwrap_or_default();
        let per = number(line, "/price/base_quantity").filter(|per| !per.is_zero()).unwrap_or(Decimal::ONE);
        sum += quantity.checked_mul(price)?.checked_div(per)? + beside(line);
    }
    (sum.round_dp(2) == total.round_dp(2)).then(|| format!("{} line(s) make {total}", lines.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn items_hang_below_an_order() {
        let item = json!({ "kind": "item", "quantity_shipped": { "value": "4", "unit": "EA" } });
        let order = |levels: Value| json!({ "levels": [{ "kind": "shipment", "levels": [{ "kind": "order", "levels": levels }] }] });
        assert_eq!(levels_make_sense(&order(json!([item]))).unwrap(), "shipment > order > item, 1 item(s)");
        let packed = json!([{ "kind": "pack", "levels": [item, item] }]);
        assert_eq!(levels_make_sense(&order(packed)).unwrap(), "shipment > order > pack > item, 2 item(s)");
        assert_eq!(levels_make_sense(&json!({ "levels": [{ "kind": "shipment", "levels": [item] }] })), None);
        assert_eq!(levels_make_sense(&order(json!([{ "kind": "item" }]))), None, "how much?");
        assert_eq!(levels_make_sense(&order(json!([{ "kind": "shipment", "levels": [item] }]))), None);
        assert_eq!(levels_make_sense(&order(json!([]))), None);
    }

    #[test]
    fn an_invoice_balances_with_its_freight_and_its_tax() {
        let invoice = |payable: &str| {
            json!({
                "lines": [
                    { "quantity": { "value": "3", "unit": "EA" }, "price": { "amount": "4.12" } },
                    { "quantity": { "value": "250", "unit": "EA" }, "price": { "amount": "18.90", "base_quantity": "100" } },
                ],
                "allowances_charges": [{ "kind": "charge", "amount": "12.50" }, { "kind": "allowance", "amount": "2.50" }],
                "taxes": [{ "amount": "1.00" }],
                "totals": { "payable": payable },
            })
        };
        // 12.36 + 47.25, 10.00 of freight less a discount, 1.00 of tax.
        assert_eq!(lines_make_the_total(&invoice("70.61")).unwrap(), "2 line(s) make 70.61");
        assert!(lines_make_the_total(&invoice("70.610")).is_some());
        assert_eq!(lines_make_the_total(&invoice("70.60")), None);
        assert_eq!(lines_make_the_total(&json!({ "lines": [] })), None);
    }

    #[test]
    fn what_is_agreed_is_put_beside_what_was_seen() {
        let seen = Seen {
            step: Step::Connect,
            message: MessageId::new(1, 2),
            at: Timestamp::UNIX_EPOCH,
            what: "over AS2".into(),
        };
        let agreed = Certification { required: vec![Step::Receipt], optional: vec![Step::Connect] };
        let all = progress(&agreed, std::slice::from_ref(&seen));
        assert_eq!(all[0], Progress { step: Step::Receipt, required: true, seen: None });
        assert_eq!(all[1], Progress { step: Step::Connect, required: false, seen: Some(seen) });
    }
}
