//! What was found about a set, a group and an interchange: the facts that an acknowledgement is rendered from, at once or later.

use super::acknowledgements::InterchangeAcknowledged;
use super::codes;
use super::envelope::{GroupHeader, InterchangeHeader};
use super::finding::Finding;
use super::rules::AckCode;
use serde::{Deserialize, Serialize};

/// How a set or an interchange fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted.
    Accepted,
    /// Accepted, but errors were noted.
    AcceptedWithErrors,
    /// Rejected.
    Rejected,
}

impl Status {
    /// A, E or R, as AK501 and TA104 say it.
    pub fn letter(self) -> u8 {
        match self {
            Self::Accepted => b'A',
            Self::AcceptedWithErrors => b'E',
            Self::Rejected => b'R',
        }
    }
}

/// How a group fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupStatus {
    /// All of its sets were accepted.
    Accepted,
    /// All of its sets were accepted, but errors were noted.
    AcceptedWithErrors,
    /// Some of its sets were accepted.
    PartiallyAccepted,
    /// None of its sets was accepted.
    Rejected,
}

impl GroupStatus {
    /// A, E, P or R, as AK901 says it.
    pub fn letter(self) -> u8 {
        match self {
            Self::Accepted => b'A',
            Self::AcceptedWithErrors => b'E',
            Self::PartiallyAccepted => b'P',
            Self::Rejected => b'R',
        }
    }
}

/// What was found about one set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetVerdict {
    /// ST01.
    pub id: String,
    /// ST02.
    pub control: String,
    /// ST03, where it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementation: Option<String>,
    /// How it fared.
    pub status: Status,
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// What was found, by place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// How many more findings there were than are kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

/// What was found about one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupVerdict {
    /// Its GS.
    pub header: GroupHeader,
    /// How it fared.
    pub status: GroupStatus,
    /// GE01: how many sets it says to have. `None` where there is no GE, or GE01 is no number.
    pub claimed: Option<u64>,
    /// How many sets came.
    pub received: u64,
    /// How many of them were accepted.
    pub accepted: u64,
    /// Where its sets end, in bytes of the file: at its GE, where it has one.
    #[serde(default)]
    pub end: u64,
    /// The sets one by one. Where there were more than the cap, accepted ones without findings are left out.
    pub sets: Vec<SetVerdict>,
    /// What was found about the group itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// How many more findings there were than are kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

/// What a TA1 says of an interchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ta1 {
    /// TA104.
    pub status: Status,
    /// TA105: 0 to 31.
    pub note: u8,
}

/// What was found about one interchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterchangeVerdict {
    /// Its ISA.
    pub header: InterchangeHeader,
    /// How it fared as a whole: rejected means that nothing in it counts, whatever its sets say.
    pub status: Status,
    /// What a TA1 says of it; `None` if it has no control number to be answered by.
    pub ta1: Option<Ta1>,
    /// Its groups. Sets outside of any group stand under a header without bytes.
    pub groups: Vec<GroupVerdict>,
    /// What was found about the interchange itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// How many more findings there were than are kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
    /// How many sets it holds.
    pub sets: u64,
    /// How many segments, ISA and IEA counted.
    pub segments: u64,
    /// How many errors, in sets, groups and envelope, kept or not.
    pub errors: u64,
    /// Where it ends in the file, in bytes.
    pub end: u64,
    /// The TA1 segments in it: what its sender says of interchanges of ours. A thousand of them are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ta1_received: Vec<InterchangeAcknowledged>,
}

impl InterchangeVerdict {
    /// Turns the verdict into that on an interchange whose number came before: rejected, TA1 025.
    pub fn refuse_duplicate(&mut self) {
        self.status = Status::Rejected;
        self.ta1 = Some(Ta1 { status: Status::Rejected, note: 25 });
    }

    /// Rejects a group because its number came before; `why` says where. It is answered as a whole, without its sets.
    pub fn refuse_group(&mut self, group: usize, why: &str) {
        let Some(group) = self.groups.get_mut(group).filter(|group| group.status != GroupStatus::Rejected) else {
            return;
        };
        let finding = Finding::new(codes::GROUP_REPEATED, group.header.offset, why)
            .of("GS", None)
            .at_element(6)
            .with(group.header.element(6))
            .becoming(AckCode::Group(19));
        (group.status, group.accepted) = (GroupStatus::Rejected, 0);
        group.findings.push(finding);
        group.sets.clear();
        self.errors += 1;
    }

    /// Rejects a set because its number came before. Its siblings stay as they are.
    pub fn refuse_set(&mut self, group: usize, refused: &RefusedSet) {
        let RefusedSet { offset, id, control, .. } = refused;
        let Some(group) = self.groups.get_mut(group).filter(|group| group.status != GroupStatus::Rejected) else {
            return;
        };
        let at = group.sets.binary_search_by_key(offset, |set| set.offset).unwrap_or_else(|at| {
            // It was one of more accepted ones than are kept.
            let (id, control) = (id.clone(), control.clone());
            let (status, findings) = (Status::Accepted, Vec::new());
            let set = SetVerdict { id, control, implementation: None, status, offset: *offset, findings, more: 0 };
            group.sets.insert(at, set);
            at
        });
        let Some(set) = group.sets.get_mut(at).filter(|set| set.status != Status::Rejected) else { return };
        set.status = Status::Rejected;
        set.findings.insert(0, refused.finding());
        group.accepted = group.accepted.saturating_sub(1);
        group.status = if group.accepted == 0 { GroupStatus::Rejected } else { GroupStatus::PartiallyAccepted };
        self.errors += 1;
    }

    /// Whether the interchange or anything in it is rejected.
    pub fn rejects_anything(&self) -> bool {
        self.status == Status::Rejected || self.groups.iter().any(|group| group.accepted < group.received)
    }

    /// Every finding that is kept: of the interchange, its groups and their sets.
    pub fn all_findings(&self) -> impl Iterator<Item = &Finding> {
        let groups = self.groups.iter();
        self.findings.iter().chain(
            groups.flat_map(|group| group.findings.iter().chain(group.sets.iter().flat_map(|set| set.findings.iter()))),
        )
    }
}

/// A set that is rejected because its number came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSet {
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// ST01.
    pub id: String,
    /// ST02.
    pub control: String,
    /// Where it came before, in a sentence.
    pub why: String,
}

impl RefusedSet {
    /// What is wrong with it.
    pub fn finding(&self) -> Finding {
        Finding::new(codes::SET_REPEATED, self.offset, &*self.why)
            .of("ST", 1)
            .at_element(2)
            .with(self.control.as_bytes())
            .becoming(AckCode::Set(23))
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
