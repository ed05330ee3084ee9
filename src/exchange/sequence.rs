//! Gaps in a partner's interchange numbers, looked for where its file says `x12.consecutive = true`.
//!
//! What was accepted holds a claim on its ISA13, so those claims are all there is to ask: a number whose predecessor nobody
//! holds comes after a gap, and one whose successor is held came late and fills one. A rejected or held interchange
//! claims nothing, so its number stays open until it is sent again.

use super::{Exchange, claims, inbound::FirstPass, reading::ReadInterchange};
use crate::ledger::{Claim, ClaimKey, ClaimKind, Direction, LedgerError, MessageFilter};
use std::collections::HashSet;

/// The greatest ISA13; after it comes 1.
const LAST: u64 = 999_999_999;
/// How far back the last number is looked for.
const BACK: u64 = 256;

/// What is out of the ordinary about a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) partner: String,
    pub(super) kind: Order,
    pub(super) text: String,
}

/// How a number stands to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Numbers before it have not come.
    Gap,
    /// Later ones came before it.
    Late,
}

impl Exchange {
    /// What the numbers of an arrival tell, before it is stored.
    pub(super) async fn sequence(&self, read: &FirstPass) -> Result<Vec<Sequence>, LedgerError> {
        let mut told = Vec::new();
        let together: HashSet<ClaimKey> = read.reading.interchanges.iter().map(|one| one.key).collect();
        for (nth, one) in read.reading.interchanges.iter().enumerate() {
            let Some((partner, number)) = numbered(one) else { continue };
            let (before, after) = (previous(number), next(number));
            let near = self.held(one, &[number, before, after]).await?;
            let is_there =
                |number: u64| near.contains(&number) || key(one, number).is_some_and(|key| together.contains(&key));
            // A repetition is the duplicate rules' matter.
            if near.contains(&number) || read.reading.interchanges.iter().take(nth).any(|other| other.key == one.key) {
                continue;
            }
            let mut tell = |kind, text| told.push(Sequence { partner: partner.to_owned(), kind, text });
            if near.contains(&after) {
                tell(Order::Late, format!("Interchange {number} of {partner} came late, after {after}."));
            }
            if is_there(before) {
                continue;
            }
            let back: Vec<u64> =
                std::iter::successors(Some(previous(before)), |n| Some(previous(*n))).take(BACK as usize).collect();
            let held = self.held(one, &back).await?;
            let last = back.into_iter().find(|number| held.contains(number));
            if let Some(last) = last {
                let from = next(last);
                let missing = if from == before { format!("{from} has") } else { format!("{from} to {before} have") };
                tell(Order::Gap, format!("Interchange {number} of {partner} came, but {missing} not."));
            } else if !near.contains(&after)
                && let Some(last) = self.newest(one, partner).await?
            {
                let text = format!("Interchange {number} of {partner} came, and the last one before it was {last}.");
                tell(Order::Gap, text);
            }
        }
        Ok(told)
    }

    /// Which of these numbers of the same series somebody holds.
    async fn held(&self, one: &ReadInterchange, numbers: &[u64]) -> Result<HashSet<u64>, LedgerError> {
        let keyed: Vec<(u64, ClaimKey)> =
            numbers.iter().filter_map(|number| Some((*number, key(one, *number)?))).collect();
        let claim = |key: ClaimKey| Claim { kind: ClaimKind::Interchange, key, digest: [0; 32], position: 0 };
        let held = self.inner.ledger.holders(keyed.iter().map(|(_, key)| claim(*key)).collect()).await?;
        let held: HashSet<ClaimKey> = held.iter().map(|taken| taken.claim.key).collect();
        Ok(keyed.into_iter().filter(|(_, key)| held.contains(key)).map(|(number, _)| number).collect())
    }

    /// The number that came last from this partner, if it is held in this series; none if this one begins it.
    async fn newest(&self, one: &ReadInterchange, partner: &str) -> Result<Option<u64>, LedgerError> {
        let filter = MessageFilter {
            partner: Some(partner.to_owned()),
            direction: Some(Direction::In),
            ..MessageFilter::default()
        };
        let page = self.inner.ledger.messages(filter, None, BACK as usize).await?;
        let numbers: Vec<u64> = page.iter().filter_map(|message| message.interchange.as_ref()?.parse().ok()).collect();
        let held = self.held(one, &numbers).await?;
        Ok(numbers.into_iter().find(|number| held.contains(number)))
    }
}

/// Whose interchange it is and its number, if that partner's numbers have no gaps and this one counts.
fn numbered(one: &ReadInterchange) -> Option<(&str, u64)> {
    let partner = one.partner.as_ref()?;
    let counts = one.held.is_none() && !one.rejected() && partner.x12.as_ref().is_some_and(|terms| terms.consecutive);
    let number = one.verdict.header.control_number.parse().ok()?;
    counts.then_some((partner.id.as_str(), number))
}

/// What an interchange of this number in the same series claims.
fn key(one: &ReadInterchange, number: u64) -> Option<ClaimKey> {
    let header = &one.verdict.header;
    let parties = [&header.sender.qualifier, &header.sender.id, &header.receiver.qualifier, &header.receiver.id];
    let width = header.control_number.len();
    let number = format!("{number:0>width$}");
    Some(claims::interchange(&one.partner.as_ref()?.id, parties.map(String::as_str), header.usage, one.mode, &number))
}

fn previous(number: u64) -> u64 {
    if number <= 1 { LAST } else { number - 1 }
}

fn next(number: u64) -> u64 {
    if number >= LAST { 1 } else { number + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_last_number_comes_the_first() {
        assert_eq!((next(LAST), next(41), previous(1), previous(42)), (1, 42, LAST, 41));
    }
}
