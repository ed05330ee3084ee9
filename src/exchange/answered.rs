//! Which acknowledgement answers which interchange. One message may hold interchanges of many partners, each is answered
//! to its own, and some earn nothing, so each acknowledgement is stored with the place of what it answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Exchange, owed::Facts};
use crate::{
    document::MessageId,
    ledger::{Direction, LedgerError, MessageFilter, MessageState},
    x12::{self, InterchangeVerdict},
};

/// How many messages are looked at together.
const PAGE: usize = 500;

/// What an acknowledgement's document notes of the interchange that it answers: its place in the message, from 0.
pub(super) fn note(place: usize) -> Value {
    json!({ "answers": place })
}

/// What was said to a partner of the interchanges of one message.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// By the place of the interchange.
    placed: BTreeMap<u32, MessageId>,
    /// Older ones, which do not tell the place.
    unplaced: Vec<MessageId>,
    /// The places of interchanges whose acknowledgement is owed.
    owed: BTreeSet<u32>,
    /// What the message earns is written down when it is worked out, and it is not.
    unfinished: bool,
}

impl Answers {
    /// Whether the acknowledgement of the interchange at a place, or of any, is still to come.
    pub(super) fn is_coming(&self, place: Option<u32>) -> bool {
        self.unfinished || place.map_or(!self.owed.is_empty(), |place| self.owed.contains(&place))
    }
}

impl Exchange {
    /// What was said to a partner of a message, and what is about to be.
    pub(super) async fn answers(&self, message: MessageId, partner: &str) -> Result<Answers, LedgerError> {
        let ledger = &self.inner.ledger;
        let filter = MessageFilter {
            partner: Some(partner.to_owned()),
            relates_to: Some(message),
            direction: Some(Direction::Out),
            ..MessageFilter::default()
        };
        let (mut found, mut before) = (Answers::default(), None);
        loop {
            let page = ledger.messages(filter.clone(), before, PAGE).await?;
            for answer in &page {
                let document = ledger.documents(answer.id, 0, 1).await?.pop();
                let place = document.and_then(|document| document.extras?.get("answers")?.as_u64());
                match place.and_then(|place| u32::try_from(place).ok()) {
                    Some(place) => {
                        found.placed.insert(place, answer.id);
                    }
                    None => found.unplaced.push(answer.id),
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => before = Some(last.id),
                _ => break,
            }
        }
        // In this order: what is issued meanwhile is issued by whoever asks.
        let stored = ledger.message(message).await?;
        found.unfinished = stored.is_some_and(|message| message.state == MessageState::Processing);
        for (_, owed) in ledger.owed_of(partner, message).await? {
            if let Ok(Facts::Verdict { interchange, .. } | Facts::Again { interchange, .. }) =
                serde_json::from_str(&owed.facts)
            {
                found.owed.extend(u32::try_from(interchange));
            }
        }
        Ok(found)
    }

    /// The acknowledgement of the interchange at a place. Where the place is not known, the only one that speaks of just
    /// these groups; rather none than another interchange's.
    pub(super) async fn answer_to(
        &self,
        answers: &Answers,
        place: Option<u32>,
        verdict: &InterchangeVerdict,
    ) -> Result<Option<MessageId>, LedgerError> {
        let candidates: Vec<_> = match place {
            Some(place) => match answers.placed.get(&place) {
                Some(placed) => return Ok(Some(*placed)),
                None => answers.unplaced.clone(),
            },
            None => answers.placed.values().chain(&answers.unplaced).copied().collect(),
        };
        let speaking = self.speaking_of(candidates, verdict).await?;
        Ok(match speaking.as_slice() {
            [only] => Some(*only),
            _ => None,
        })
    }

    /// Whether the interchange at a place was answered, or is about to be.
    pub(super) async fn is_told(
        &self,
        answers: &Answers,
        place: u32,
        verdict: &InterchangeVerdict,
    ) -> Result<bool, LedgerError> {
        Ok(answers.placed.contains_key(&place)
            || answers.is_coming(Some(place))
            || !self.speaking_of(answers.unplaced.clone(), verdict).await?.is_empty())
    }

    async fn speaking_of(
        &self,
        candidates: Vec<MessageId>,
        verdict: &InterchangeVerdict,
    ) -> Result<Vec<MessageId>, LedgerError> {
        let mut speaking = Vec::new();
        for id in candidates {
            let Some(payload) = self.inner.ledger.payload(id).await? else { continue };
            if x12::answers(&self.inner.ledger.read_payload(&payload)?, verdict) {
                speaking.push(id);
            }
        }
        Ok(speaking)
    }
}
