//! How interchanges, groups and sets begin and end, and what is known of them only then: totals, control numbers, verdicts.

use super::{Checker, Depth, Event, Group, Interchange, raw};
use crate::error::Code;
use crate::x12::codes;
use crate::x12::envelope::{GroupHeader, InterchangeHeader};
use crate::x12::envelope_check::{self, count, same_number};
use crate::x12::finding::{Collector, Finding};
use crate::x12::isa::{self, Refused};
use crate::x12::policy::Repetition;
use crate::x12::read::Piece;
use crate::x12::rules::{AckCode, Severity};
use crate::x12::set_check::Tables;
use crate::x12::token::Span;
use crate::x12::verdict::{GroupVerdict, InterchangeVerdict, SetVerdict, Status};
use std::io::{self, Read};

impl<R: Read> Checker<'_, R> {
    /// Closes what is open before `piece`, which stands at `here` and comes again; `None` once nothing is.
    pub(super) fn close_all(&mut self, piece: Piece, here: Option<u64>) -> Option<Event> {
        let end = here.unwrap_or_else(|| self.reader.consumed());
        let event = if self.set.open {
            let position = self.check.count + 1;
            self.check.found.add(&self.policy.severities, codes::SE_MISSING, || {
                Finding::new(codes::SE_MISSING, end, "the set has no SE").of("SE", position)
            });
            Some(self.end_set(false))
        } else if self.group.is_some() {
            self.end_group(None, end);
            None
        } else {
            self.end_interchange(None)
        };
        if event.is_some() || self.interchange.is_some() {
            self.pending = Some(piece);
        }
        event
    }

    pub(super) fn enter(&mut self) -> io::Result<Option<Event>> {
        let policy_of = &mut self.policy_of;
        let entered = self.reader.enter(|header| {
            let mut policy = policy_of(header);
            header.delimiters.repetition = match policy.repetition {
                Repetition::Off => None,
                Repetition::Auto => isa::repetition(header, false),
                Repetition::Always => isa::repetition(header, true),
            };
            if policy.strict_isa {
                policy.severities.set("isa_width", Severity::Error);
            }
            (policy.caps, policy)
        })?;
        let Some((header, policy)) = entered else { return Ok(None) };
        self.policy = policy;
        let mut found = Collector::default();
        found.begin(self.policy.caps.findings);
        envelope_check::interchange(&header, &self.policy, &mut found);
        Ok(Some(self.begin_interchange(header, found, false)))
    }

    /// Begins an interchange that nothing can be read of, so that it can be answered; it ends at once.
    pub(super) fn refuse(&mut self, refused: Refused) -> Event {
        let Refused { header, note, why } = refused;
        self.policy = (self.policy_of)(&header);
        let text = format!("nothing can be read by this ISA: {why}");
        let finding = Finding::new(codes::ISA_UNREADABLE, header.offset, text).of("ISA", None).with(&header.bytes);
        let mut found = Collector::default();
        found.begin(self.policy.caps.findings);
        found.add_error(finding.becoming(AckCode::Interchange(note)));
        self.begin_interchange(header, found, true)
    }

    fn begin_interchange(&mut self, header: InterchangeHeader, found: Collector, refused: bool) -> Event {
        self.seen_groups.clear();
        self.interchange = Some(Interchange {
            header,
            found,
            groups: Vec::new(),
            group_count: 0,
            sets: 0,
            segments: 1,
            errors: 0,
            findings_left: self.policy.caps.findings_in_all,
            verdicts: 0,
            ta1_received: Vec::new(),
            refused,
        });
        Event::Interchange
    }

    pub(super) fn begin_group(&mut self, header: GroupHeader) {
        let mut found = Collector::default();
        found.begin(self.policy.caps.findings);
        if !header.is_missing() {
            envelope_check::group(&header, &self.policy, &mut found, &mut self.seen_groups);
        }
        let tables = Tables::find(&self.policy, self.policy.version.as_deref().unwrap_or(&header.version));
        self.seen_sets.clear();
        self.group = Some(Group { header, found, tables, sets: Vec::new(), received: 0, accepted: 0, noted: false });
        if let Some(interchange) = &mut self.interchange {
            interchange.group_count += 1;
        }
    }

    /// Ends the group: by its GE, given as what GE01 and GE02 say and where, or without.
    pub(super) fn end_group(&mut self, trailer: Option<(Vec<u8>, Vec<u8>, u64)>, here: u64) {
        let Some(mut group) = self.group.take() else { return };
        let mut add = |code: Code, text: String| {
            group.found.add(&self.policy.severities, code, || Finding::new(code, here, text).of("GE", None));
        };
        let mut claimed = None;
        if let Some((says, control, _)) = trailer.filter(|_| !group.header.is_missing()) {
            claimed = count(&says);
            if claimed != Some(group.received) {
                let text = format!("GE01 says {} sets, but {} came", says.escape_ascii(), group.received);
                add(codes::GE_COUNT, text);
            }
            if !same_number(&control, group.header.element(6)) {
                let text =
                    format!("GE02 is `{}`, but GS06 is `{}`", control.escape_ascii(), group.header.control_number);
                add(codes::GE_CONTROL, text);
            }
        } else if !group.header.is_missing() {
            add(codes::GE_MISSING, "the group has no GE".to_owned());
        }
        let Some(interchange) = &mut self.interchange else { return };
        let status = envelope_check::group_status(group.received, group.accepted, group.noted, &group.found);
        interchange.sets += group.received;
        interchange.errors += group.found.errors;
        if interchange.groups.len() < self.policy.caps.verdicts {
            interchange.groups.push(GroupVerdict {
                header: group.header,
                status,
                claimed,
                received: group.received,
                accepted: group.accepted,
                end: here,
                sets: group.sets,
                findings: group.found.findings,
                more: group.found.more,
            });
        }
    }

    /// Ends the interchange: by its IEA, given as what IEA01 and IEA02 say and where and whether its terminator is missing, or without.
    pub(super) fn end_interchange(&mut self, trailer: Option<(Vec<u8>, Vec<u8>, u64, bool)>) -> Option<Event> {
        let mut interchange = self.interchange.take()?;
        let severities = &self.policy.severities;
        let end = self.reader.consumed();
        let mut add = |code: Code, at: u64, text: String| {
            interchange.found.add(severities, code, || Finding::new(code, at, text).of("IEA", None));
        };
        match trailer {
            None if interchange.refused => {}
            None => add(codes::IEA_MISSING, end, "the interchange has no IEA".to_owned()),
            Some((says, control, here, unterminated)) => {
                if !same_number(&control, interchange.header.element(13)) {
                    let number = &interchange.header.control_number;
                    let text = format!("IEA02 is `{}`, but ISA13 is `{number}`", control.escape_ascii());
                    add(codes::IEA_CONTROL, here, text);
                }
                // An interchange of nothing but TA1 segments counts none, but some senders say 1.
                if count(&says) != Some(interchange.group_count)
                    && (interchange.group_count > 0 || interchange.ta1_received.is_empty())
                {
                    let text =
                        format!("IEA01 says {} groups, but {} came", says.escape_ascii(), interchange.group_count);
                    add(codes::IEA_COUNT, here, text);
                }
                if unterminated {
                    add(codes::TERMINATOR_MISSING, end, "the last segment has no terminator".to_owned());
                }
            }
        }
        let found = interchange.found;
        let status = envelope_check::status(&found);
        let ta1 = envelope_check::ta1(&interchange.header, status, &found.findings);
        Some(Event::InterchangeEnd(Box::new(InterchangeVerdict {
            header: interchange.header,
            status,
            ta1,
            groups: interchange.groups,
            findings: found.findings,
            more: found.more,
            sets: interchange.sets,
            segments: interchange.segments,
            errors: interchange.errors + found.errors,
            end,
            ta1_received: interchange.ta1_received,
        })))
    }

    pub(super) fn begin_set(&mut self, span: Span) {
        let (Some(group), Some(interchange)) = (&self.group, &self.interchange) else { return };
        let raw = raw(&self.reader, span, false);
        let set = &mut self.set;
        set.offset = raw.offset();
        assign(&mut set.id, raw.element(1).trim_ascii());
        assign(&mut set.control, raw.element(2).trim_ascii());
        let implementation = raw.element(3).trim_ascii();
        set.implementation = !implementation.is_empty();
        assign(&mut set.version, if set.implementation { implementation } else { b"" });
        if !set.implementation {
            set.version.push_str(&group.header.version);
        }
        // By the partner's file, then ST03, then GS08.
        let own = self.policy.version.is_none() && set.implementation;
        let by_implementation = own.then(|| Tables::find(&self.policy, &set.version)).flatten();
        let tables = by_implementation.as_ref().or(group.tables.as_ref());
        let tables = tables.map(|tables| tables.of_set(set.id.as_bytes()));
        let tables = tables.as_ref();
        let def = tables.and_then(|tables| tables.get().set(set.id.as_bytes()));
        set.standard = def.and(tables).map(Tables::version);
        let caps = self.policy.caps;
        let depth = if self.depth == Depth::Envelope { None } else { tables };
        self.check.begin(def, depth, caps.findings.min(interchange.findings_left));
        let unknown = if tables.is_none() {
            Some((codes::SET_VERSION, format!("there are no tables for version `{}`", set.version)))
        } else if set.id.is_empty() {
            Some((codes::SET_ID, "ST01 is missing".to_owned()))
        } else if def.is_none() {
            Some((codes::SET_UNKNOWN, format!("there is no table for set `{}`", set.id)))
        } else if def.is_some_and(|def| def.group() != group.header.functional_id) && !group.header.is_missing() {
            let text = format!("a group `{}` does not hold sets {}", group.header.functional_id, set.id);
            Some((codes::SET_GROUP, text))
        } else {
            None
        };
        let mut add = |code: Code, element: usize, text: String| {
            self.check.found.add(&self.policy.severities, code, || {
                Finding::new(code, set.offset, text).of("ST", 1).at_element(element)
            });
        };
        if let Some((code, text)) = unknown {
            add(code, 1, text);
        }
        if set.control.is_empty() {
            add(codes::SET_CONTROL, 2, "ST02 is missing".to_owned());
        } else if !self.seen_sets.first_time(set.control.as_bytes()) {
            let text = format!("ST02 `{}` stands in this group twice", set.control);
            self.check.found.add(&self.policy.severities, codes::SET_CONTROL, || {
                Finding::new(codes::SET_CONTROL, set.offset, text).of("ST", 1).at_element(2).becoming(AckCode::Set(23))
            });
        }
        set.open = true;
        set.done = false;
        if self.depth == Depth::Full {
            self.reader.hold(span);
        }
        self.look(span);
    }

    pub(super) fn end_set(&mut self, whole: bool) -> Event {
        let end = self.reader.consumed();
        self.check.finish(&self.policy, whole, end, |position| self.reader.offset_of(position));
        let status = envelope_check::status(&self.check.found);
        self.set.open = false;
        self.set.done = true;
        self.set.status = Some(status);
        if let Some(group) = &mut self.group {
            group.received += 1;
            group.accepted += u64::from(status != Status::Rejected);
            group.noted |= status != Status::Accepted;
        }
        if let Some(interchange) = &mut self.interchange {
            interchange.segments += u64::from(self.check.count);
            interchange.errors += self.check.found.errors;
        }
        Event::Set
    }

    /// Files the verdict of the set that was handed out last.
    pub(super) fn file_set(&mut self) {
        if !self.set.done {
            return;
        }
        self.set.done = false;
        self.reader.release();
        let (Some(group), Some(interchange)) = (&mut self.group, &mut self.interchange) else { return };
        let status = self.set.status.unwrap_or(Status::Rejected);
        let found = &mut self.check.found;
        let room = self.policy.caps.verdicts;
        // Past the cap only what is not plainly accepted, and past four times the cap nothing.
        let plain = status == Status::Accepted && found.findings.is_empty();
        if self.depth != Depth::Full || interchange.verdicts >= if plain { room } else { room * 4 } {
            return;
        }
        interchange.verdicts += 1;
        interchange.findings_left = interchange.findings_left.saturating_sub(found.findings.len());
        group.sets.push(SetVerdict {
            id: self.set.id.clone(),
            control: self.set.control.clone(),
            implementation: self.set.implementation.then(|| self.set.version.clone()),
            status,
            offset: self.set.offset,
            findings: std::mem::take(&mut found.findings),
            more: found.more,
        });
    }
}

/// Bytes into a string that keeps its memory.
fn assign(text: &mut String, bytes: &[u8]) {
    text.clear();
    match std::str::from_utf8(bytes) {
        Ok(good) => text.push_str(good),
        Err(_) => text.extend(bytes.iter().copied().map(char::from)),
    }
}
