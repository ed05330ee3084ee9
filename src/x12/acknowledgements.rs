//! Acknowledgements that come in: what a partner's 997, 999 or TA1 says of what we sent, as plain facts to match with it.

use super::check::{Checker, Step};
use super::codes;
use super::envelope::text;
use super::envelope_check::same_number;
use super::policy::Policy;
use super::token::{Segment, SetView};
use super::verdict::{GroupStatus, InterchangeVerdict, Status};
use crate::error::Code;
use serde::{Deserialize, Serialize};

/// What a TA1 says of one interchange of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterchangeAcknowledged {
    /// TA101: our ISA13.
    pub control: String,
    /// TA102: our ISA09.
    pub date: String,
    /// TA103: our ISA10.
    pub time: String,
    /// TA104; `None` if it is none of A, E and R.
    pub status: Option<Status>,
    /// TA105.
    pub note: String,
}

/// What a 997 or 999 says of one group of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupAcknowledged {
    /// AK101: our GS01.
    pub functional_id: String,
    /// AK102: our GS06.
    pub control: String,
    /// AK103: our GS08, where it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// AK901.
    pub status: GroupStatus,
    /// AK902: how many sets our GE01 said.
    pub claimed: Option<u64>,
    /// AK903: how many the partner received.
    pub received: Option<u64>,
    /// AK904: how many the partner accepted.
    pub accepted: Option<u64>,
    /// AK905 to AK909.
    pub codes: Vec<String>,
    /// The sets that are named. A set that is not shares the group's fate.
    pub sets: Vec<SetAcknowledged>,
}

/// What it says of one set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAcknowledged {
    /// AK201: our ST01.
    pub id: String,
    /// AK202: our ST02.
    pub control: String,
    /// AK501 or IK501.
    pub status: Status,
    /// AK502 to AK506.
    pub codes: Vec<String>,
    /// What is wrong with it.
    pub errors: Vec<SegmentAcknowledged>,
}

/// What it says of one segment: AK3 or IK3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentAcknowledged {
    /// The tag.
    pub tag: String,
    /// Its place in the set, ST being 1.
    pub position: Option<u64>,
    /// The bounded loop it is in.
    pub loop_id: String,
    /// AK304 or IK304.
    pub code: String,
    /// Its elements in error: AK4 or IK4.
    pub elements: Vec<ElementAcknowledged>,
}

/// What it says of one element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElementAcknowledged {
    /// Its place in the segment.
    pub element: Option<u64>,
    /// The component's place in it.
    pub component: Option<u64>,
    /// The repetition.
    pub repetition: Option<u64>,
    /// The data element's number.
    pub reference: String,
    /// AK403 or IK403.
    pub code: String,
    /// The value, as far as it was copied.
    pub value: String,
}

/// Why an acknowledgement cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {set} does not say which group it answers and how that fared: {why}")]
pub struct AckUnreadable {
    /// ST01.
    pub set: String,
    /// What is missing.
    pub why: &'static str,
}

impl AckUnreadable {
    /// The code to explain it by.
    pub fn code(&self) -> Code {
        codes::ACK_UNREADABLE
    }
}

impl InterchangeAcknowledged {
    /// Reads a TA1.
    pub(super) fn read(field: impl Fn(usize) -> String) -> Self {
        let status = status(field(4).as_bytes());
        Self { control: field(1), date: field(2), time: field(3), status, note: field(5) }
    }
}

impl GroupAcknowledged {
    /// Reads a 997 or 999. Segments that neither has are passed over.
    ///
    /// # Errors
    ///
    /// If its AK1 or AK9 is missing, or AK901 is no status.
    pub fn read(set: &SetView<'_>) -> Result<Self, AckUnreadable> {
        let id = set.segment(0).map_or(String::new(), |st| field(&st, 1));
        let fail = |why| AckUnreadable { set: id.clone(), why };
        let (mut group, mut closed): (Option<Self>, bool) = (None, false);
        for segment in set.segments() {
            match (segment.tag(), &mut group) {
                (b"AK1", none @ None) => {
                    *none = Some(Self {
                        functional_id: field(&segment, 1),
                        control: field(&segment, 2),
                        version: Some(field(&segment, 3)).filter(|version| !version.is_empty()),
                        status: GroupStatus::Rejected,
                        claimed: None,
                        received: None,
                        accepted: None,
                        codes: Vec::new(),
                        sets: Vec::new(),
                    });
                }
                (b"AK2", Some(group)) => group.sets.push(SetAcknowledged {
                    id: field(&segment, 1),
                    control: field(&segment, 2),
                    // Until its AK5 says otherwise: what is not accepted in so many words is not.
                    status: Status::Rejected,
                    codes: Vec::new(),
                    errors: Vec::new(),
                }),
                (b"AK3" | b"IK3", Some(group)) => {
                    let Some(set) = group.sets.last_mut() else { continue };
                    set.errors.push(SegmentAcknowledged {
                        tag: field(&segment, 1),
                        position: number(segment.element(2)),
                        loop_id: field(&segment, 3),
                        code: field(&segment, 4),
                        elements: Vec::new(),
                    });
                }
                (b"AK4" | b"IK4", Some(group)) => {
                    let error = group.sets.last_mut().and_then(|set| set.errors.last_mut());
                    let Some(error) = error else { continue };
                    error.elements.push(ElementAcknowledged {
                        element: number(segment.component(1, 1)),
                        component: number(segment.component(1, 2)),
                        repetition: number(segment.component(1, 3)),
                        reference: field(&segment, 2),
                        code: field(&segment, 3),
                        value: field(&segment, 4),
                    });
                }
                (b"AK5" | b"IK5", Some(group)) => {
                    let Some(set) = group.sets.last_mut() else { continue };
                    set.status = status(segment.element(1)).unwrap_or(Status::Rejected);
                    set.codes = codes_from(&segment, 2);
                }
                (b"AK9", Some(group)) => {
                    group.status = match segment.element(1) {
                        b"A" => GroupStatus::Accepted,
                        b"E" => GroupStatus::AcceptedWithErrors,
                        b"P" => GroupStatus::PartiallyAccepted,
                        // M, W and X are rejections for reasons of security.
                        b"R" | b"M" | b"W" | b"X" => GroupStatus::Rejected,
                        _ => return Err(fail("AK901 is no status")),
                    };
                    group.claimed = number(segment.element(2));
                    group.received = number(segment.element(3));
                    group.accepted = number(segment.element(4));
                    group.codes = codes_from(&segment, 5);
                    closed = true;
                }
                _ => {}
            }
        }
        match group {
            None => Err(fail("AK1 is missing")),
            Some(_) if !closed => Err(fail("AK9 is missing")),
            Some(group) => Ok(group),
        }
    }

    /// What it says of the set with this ST02. Zeros before a number count for nothing: some take them for no part of it.
    pub fn of_set(&self, control: &str) -> Option<&SetAcknowledged> {
        self.sets.iter().find(|set| same_number(set.control.as_bytes(), control.as_bytes()))
    }

    /// How the set with this ST02 fared: as it is named, or else as its group did. `None` if the group was accepted in part and the set is
    /// not named, so that nobody can tell.
    pub fn fate_of(&self, control: &str) -> Option<Status> {
        if let Some(named) = self.of_set(control) {
            return Some(named.status);
        }
        match self.status {
            GroupStatus::Accepted => Some(Status::Accepted),
            GroupStatus::AcceptedWithErrors => Some(Status::AcceptedWithErrors),
            GroupStatus::Rejected => Some(Status::Rejected),
            // A partner that names failures only has accepted the rest, if the counts say so.
            GroupStatus::PartiallyAccepted => {
                let failed = self.sets.iter().filter(|set| set.status == Status::Rejected).count() as u64;
                (self.received? == self.accepted?.checked_add(failed)?).then_some(Status::Accepted)
            }
        }
    }
}

/// Whether an interchange of ours speaks of what `verdict` is about and of nothing else: any TA1 of the interchange, and
/// 997s or 999s of each of its groups. Groups are named by numbers that other interchanges may use too.
pub fn answers(acknowledgement: &[u8], verdict: &InterchangeVerdict) -> bool {
    let mut checker = Checker::new(acknowledgement, |_| Policy::default());
    let (mut to, mut groups, mut interchanges) = (None, Vec::new(), Vec::new());
    while let Ok(Some(step)) = checker.next() {
        match step {
            Step::Set(set) => match set.view.as_ref().map(GroupAcknowledged::read) {
                Some(Ok(said)) => groups.push((said.functional_id, said.control)),
                _ => return false,
            },
            Step::InterchangeEnd(said) => {
                to = Some(said.header.receiver);
                interchanges.extend(said.ta1_received.into_iter().map(|said| said.control));
            }
            _ => {}
        }
    }
    let same = |one: &str, other: &str| same_number(one.as_bytes(), other.as_bytes());
    let answered: Vec<_> = verdict.groups.iter().map(|group| &group.header).filter(|one| one.is_answered()).collect();
    let of_groups = groups.len() == answered.len()
        && groups
            .iter()
            .zip(answered)
            .all(|((id, control), header)| *id == header.functional_id && same(control, &header.control_number));
    let of_interchange = interchanges.iter().all(|control| same(control, &verdict.header.control_number));
    to.as_ref() == Some(&verdict.header.sender)
        && of_interchange
        && (of_groups || (groups.is_empty() && !interchanges.is_empty()))
}

fn field(segment: &Segment<'_>, number: usize) -> String {
    text(segment.element(number)).trim().to_owned()
}

fn codes_from(segment: &Segment<'_>, from: usize) -> Vec<String> {
    (from..=segment.len().min(from + 4)).map(|at| field(segment, at)).filter(|code| !code.is_empty()).collect()
}

fn status(letter: &[u8]) -> Option<Status> {
    Some(match letter.trim_ascii() {
        b"A" => Status::Accepted,
        b"E" => Status::AcceptedWithErrors,
        b"R" | b"M" | b"W" | b"X" => Status::Rejected,
        _ => return None,
    })
}

fn number(value: &[u8]) -> Option<u64> {
    super::envelope_check::count(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x12::{Layout, Tokens};

    fn read(set: &str) -> Result<GroupAcknowledged, AckUnreadable> {
        let delimiters = Layout::default().delimiters;
        let tokens = Tokens::scan(set.as_bytes(), delimiters);
        GroupAcknowledged::read(&SetView::new(set.as_bytes(), &tokens, delimiters, 0))
    }

    #[test]
    fn a_997_and_a_999_say_the_same() {
        let older = "ST*997*0001~AK1*PO*7~AK2*850*0001~AK5*A~AK2*850*0002~AK3*PO1*4*LS1*8~AK4*2>1*330*6*2X~AK5*R*3*5~AK9*P*2*2*1~SE*9*0001~";
        let newer = older
            .replace("ST*997", "ST*999")
            .replace("AK1*PO*7", "AK1*PO*7*005010")
            .replace("AK3", "IK3")
            .replace("AK4", "IK4");
        let newer = newer.replace("AK5", "IK5").replace("IK4*", "CTX*SITUATIONAL TRIGGER*N1~IK4*");
        let said = read(older).unwrap();
        assert_eq!((said.control.as_str(), said.status, said.accepted), ("7", GroupStatus::PartiallyAccepted, Some(1)));
        let set = &said.sets[1];
        assert_eq!((set.status, set.codes.join(" ")), (Status::Rejected, "3 5".to_owned()));
        let error = &set.errors[0];
        assert_eq!((error.tag.as_str(), error.position, error.code.as_str()), ("PO1", Some(4), "8"));
        assert_eq!((error.elements[0].element, error.elements[0].component), (Some(2), Some(1)));
        assert_eq!(error.elements[0].value, "2X");
        let version = Some("005010".to_owned());
        assert_eq!(read(&newer).unwrap(), GroupAcknowledged { version, ..said });
    }

    #[test]
    fn a_set_that_is_not_named_shares_its_groups_fate_where_that_can_be_told() {
        let said = |ak9: &str| read(&format!("ST*997*0001~AK1*PO*7~AK2*850*0002~AK5*R~{ak9}~SE*6*0001~")).unwrap();
        assert_eq!(said("AK9*P*3*3*2").fate_of("0001"), Some(Status::Accepted));
        assert_eq!(said("AK9*P*3*3*2").fate_of("0002"), Some(Status::Rejected));
        assert_eq!(said("AK9*P*3*3*1").fate_of("0001"), None);
        assert_eq!(said("AK9*R*3*3*0").fate_of("0001"), Some(Status::Rejected));
        assert_eq!(said("AK9*E*3*3*3").fate_of("0001"), Some(Status::AcceptedWithErrors));
    }

    #[test]
    fn zeros_before_a_number_count_for_nothing() {
        let said = read("ST*997*0001~AK1*PO*7~AK2*850*1~AK5*R~AK9*P*2*2*1~SE*6*0001~").unwrap();
        assert_eq!((said.fate_of("0001"), said.fate_of("0002")), (Some(Status::Rejected), Some(Status::Accepted)));
        assert_eq!(said.of_set("0010"), None);
    }

    #[test]
    fn one_that_says_nothing_is_an_error() {
        for (set, why) in [
            ("ST*997*0001~AK9*A*1*1*1~SE*3*0001~", "AK1 is missing"),
            ("ST*997*0001~AK1*PO*7~SE*3*0001~", "AK9 is missing"),
            ("ST*997*0001~AK1*PO*7~AK9*Z~SE*3*0001~", "AK901 is no status"),
        ] {
            assert_eq!(read(set).unwrap_err().why, why);
        }
        assert_eq!(read("ST*997*0001~").unwrap_err().code(), codes::ACK_UNREADABLE);
    }
}
