//! The checker: one pass over a byte source that hands out interchanges, groups and sets with all that is wrong with them.
//!
//! Memory is that of the largest set handed out, and bounded by the caps. One bad set never costs its siblings anything: whatever
//! breaks off is closed where the next envelope segment shows that it must have ended, and the rest goes on.

mod scope;
#[cfg(test)]
mod tests;

use super::acknowledgements::InterchangeAcknowledged;
use super::codes;
use super::envelope::{GroupHeader, InterchangeHeader, text};
use super::envelope_check::{self, Seen, count};
use super::finding::{Collector, Finding};
use super::policy::Policy;
use super::read::{Binary, Overlong, Piece, Reader};
use super::rules::Severities;
use super::set_check::{Raw, SetCheck, Tables};
use super::token::{SetView, Span};
use super::verdict::{GroupVerdict, InterchangeVerdict, SetVerdict, Status};
use std::io::{self, Read};

/// Interchanges, groups and sets of a byte source, checked.
pub struct Checker<'p, R> {
    reader: Reader<R>,
    policy_of: Box<dyn FnMut(&InterchangeHeader) -> Policy + Send + 'p>,
    policy: Policy,
    depth: Depth,
    pending: Option<Piece>,
    interchange: Option<Interchange>,
    group: Option<Group>,
    set: Set,
    check: SetCheck,
    seen_groups: Seen,
    seen_sets: Seen,
}

/// How much is looked at and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Everything, sets handed out with their tokens.
    Full,
    /// Everything is checked, but sets have no view and verdicts no sets.
    Lean,
    /// Only envelopes and counts.
    Envelope,
}

/// What comes next in the source.
#[derive(Debug)]
pub enum Step<'a> {
    /// An interchange begins.
    Interchange(&'a InterchangeHeader),
    /// A group begins.
    Group(&'a GroupHeader),
    /// A set has ended and was checked.
    Set(CheckedSet<'a>),
    /// The interchange has ended.
    InterchangeEnd(Box<InterchangeVerdict>),
    /// Bytes that belong to no interchange.
    Rubbish(Finding),
}

/// A set and what is wrong with it.
#[derive(Debug)]
pub struct CheckedSet<'a> {
    /// Its tokens; `None` if it is larger than the cap or holds a segment that is.
    pub view: Option<SetView<'a>>,
    /// The group it came in.
    pub group: &'a GroupHeader,
    /// ST01.
    pub id: &'a str,
    /// ST02.
    pub control: &'a str,
    /// The version it was sent in: ST03, or else GS08.
    pub version: &'a str,
    /// The standard it was checked against; `None` if there is no table.
    pub standard: Option<&'static str>,
    /// How it fared.
    pub status: Status,
    /// What was found, by place.
    pub findings: &'a [Finding],
    /// How many more findings there were than are kept.
    pub more: u64,
    /// How many segments it has.
    pub segments: u32,
    /// Where it begins in the file, in bytes.
    pub offset: u64,
}

/// The interchange in hand.
struct Interchange {
    header: InterchangeHeader,
    found: Collector,
    groups: Vec<GroupVerdict>,
    group_count: u64,
    sets: u64,
    segments: u64,
    errors: u64,
    /// Findings and verdicts of sets that may still be kept.
    findings_left: usize,
    verdicts: usize,
    ta1_received: Vec<InterchangeAcknowledged>,
    /// Nothing can be read by its ISA, so there is no IEA either.
    refused: bool,
}

/// The group in hand.
struct Group {
    header: GroupHeader,
    found: Collector,
    tables: Option<Tables>,
    sets: Vec<SetVerdict>,
    received: u64,
    accepted: u64,
    noted: bool,
}

/// The set in hand, or the one handed out last.
#[derive(Default)]
struct Set {
    open: bool,
    /// It was handed out, and its verdict is to be filed.
    done: bool,
    id: String,
    control: String,
    version: String,
    implementation: bool,
    standard: Option<&'static str>,
    status: Option<Status>,
    offset: u64,
}

/// A step without its borrows.
enum Event {
    Interchange,
    Group,
    Set,
    InterchangeEnd(Box<InterchangeVerdict>),
    Rubbish(Finding),
}

impl<'p, R: Read> Checker<'p, R> {
    /// A checker of `source`. `policy` is asked once per interchange.
    pub fn new(source: R, policy: impl FnMut(&InterchangeHeader) -> Policy + Send + 'p) -> Self {
        Self {
            reader: Reader::new(source),
            policy_of: Box::new(policy),
            policy: Policy::default(),
            depth: Depth::Full,
            pending: None,
            interchange: None,
            group: None,
            set: Set::default(),
            check: SetCheck::default(),
            seen_groups: Seen::default(),
            seen_sets: Seen::default(),
        }
    }

    /// Without views of sets, and without their verdicts at the end: for counting, in memory that does not depend on the source.
    #[must_use]
    pub fn lean(mut self) -> Self {
        self.depth = Depth::Lean;
        self
    }

    /// Looks at envelopes, counts and control numbers only.
    #[must_use]
    pub fn envelope_only(mut self) -> Self {
        self.depth = Depth::Envelope;
        self
    }

    /// What comes next; `None` at the end of the source.
    ///
    /// # Errors
    ///
    /// Those of the source. What is wrong with its bytes is a finding.
    #[allow(clippy::should_implement_trait)] // Steps borrow from the checker.
    pub fn next(&mut self) -> Result<Option<Step<'_>>, io::Error> {
        self.file_set();
        let Some(event) = self.advance()? else { return Ok(None) };
        Ok(match event {
            Event::Interchange => self.interchange.as_ref().map(|interchange| Step::Interchange(&interchange.header)),
            Event::Group => self.group.as_ref().map(|group| Step::Group(&group.header)),
            Event::InterchangeEnd(verdict) => Some(Step::InterchangeEnd(verdict)),
            Event::Rubbish(finding) => Some(Step::Rubbish(finding)),
            Event::Set => self.group.as_ref().map(|group| {
                Step::Set(CheckedSet {
                    view: self.reader.view(),
                    group: &group.header,
                    id: &self.set.id,
                    control: &self.set.control,
                    version: &self.set.version,
                    standard: self.set.standard,
                    status: self.set.status.unwrap_or(Status::Rejected),
                    findings: &self.check.found.findings,
                    more: self.check.found.more,
                    segments: self.check.count,
                    offset: self.set.offset,
                })
            }),
        })
    }

    /// How many bytes of the source are behind.
    pub fn position(&self) -> u64 {
        self.reader.position()
    }

    fn advance(&mut self) -> io::Result<Option<Event>> {
        loop {
            if self.interchange.as_ref().is_some_and(|interchange| interchange.refused) {
                return Ok(self.end_interchange(None));
            }
            let piece = match self.pending.take() {
                Some(piece) => piece,
                None if self.set.open => self.body()?,
                None => self.reader.next()?,
            };
            let event = match piece {
                Piece::Segment(span) => self.segment(span)?,
                Piece::Isa => match self.close_all(Piece::Isa, None) {
                    Some(event) => Some(event),
                    None if self.pending.is_some() => None,
                    None => self.enter()?,
                },
                Piece::End => match self.close_all(Piece::End, None) {
                    Some(event) => Some(event),
                    None if self.pending.is_some() => None,
                    None => return Ok(None),
                },
                Piece::Overlong(overlong) => {
                    self.overlong(overlong);
                    None
                }
                Piece::Rubbish { offset, length, sample, why } => {
                    Some(Event::Rubbish(rubbish(offset, length, &sample, why)))
                }
                Piece::Refused(refused) => Some(self.refuse(*refused)),
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// Takes the segments of the set in hand, up to one that is not its body, or that needs a closer look.
    #[inline]
    fn body(&mut self) -> io::Result<Piece> {
        while let Some(span) = self.reader.ready() {
            if self.is_control(span) || !self.take(span) {
                return Ok(Piece::Segment(span));
            }
        }
        self.reader.next()
    }

    /// Whether a segment belongs to the envelope.
    #[inline]
    fn is_control(&self, span: Span) -> bool {
        let (bytes, ends) = self.reader.segment(span);
        if !matches!(bytes.get(span.start as usize), Some(b'S' | b'G' | b'I')) {
            return false;
        }
        let end = ends.first().copied().unwrap_or(span.start);
        matches!(bytes.get(span.start as usize..end as usize), Some(b"SE" | b"ST" | b"GE" | b"GS" | b"IEA"))
    }

    /// Takes one segment of a set's body; false if it holds binary data, which [`Self::binary`] takes.
    #[inline]
    fn take(&mut self, span: Span) -> bool {
        if self.depth == Depth::Envelope {
            self.check.count += 1;
            return true;
        }
        let (bytes, ends) = self.reader.segment(span);
        if bytes.get(span.start as usize) == Some(&b'B')
            && matches!(
                bytes.get(span.start as usize..ends.first().map_or(0, |end| *end as usize)),
                Some(b"BIN" | b"BDS")
            )
        {
            return false;
        }
        self.look(span);
        true
    }

    /// Checks one segment of a set.
    #[inline]
    fn look(&mut self, span: Span) {
        self.reader.keep(span);
        let odd = self.reader.is_odd(span);
        let raw = raw(&self.reader, span, odd);
        self.check.segment(&raw, &self.policy, |position| self.reader.offset_of(position));
    }

    /// One segment, wherever it stands.
    fn segment(&mut self, span: Span) -> io::Result<Option<Event>> {
        let Some(interchange) = &mut self.interchange else { return Ok(None) };
        let raw = raw(&self.reader, span, false);
        let tag = raw.tag();
        let here = raw.offset();
        if self.set.open {
            return match tag {
                b"SE" => {
                    self.look(span);
                    let raw = self::raw(&self.reader, span, false);
                    let (says, control) = (raw.element(1), raw.element(2));
                    let counted = u64::from(self.check.count);
                    let (severities, found, position) =
                        (&self.policy.severities, &mut self.check.found, self.check.count);
                    if count(says) != Some(counted) {
                        found.add(severities, codes::SE_COUNT, || {
                            let text = format!("SE01 says {} segments, but {counted} came", says.escape_ascii());
                            Finding::new(codes::SE_COUNT, here, text).of("SE", position).at_element(1).with(says)
                        });
                    }
                    if control.trim_ascii() != self.set.control.as_bytes() && text(control).trim() != self.set.control {
                        found.add(severities, codes::SE_CONTROL, || {
                            let text =
                                format!("SE02 is `{}`, but ST02 is `{}`", control.escape_ascii(), self.set.control);
                            Finding::new(codes::SE_CONTROL, here, text).of("SE", position).at_element(2).with(control)
                        });
                    }
                    Ok(Some(self.end_set(true)))
                }
                b"ST" | b"GE" | b"GS" | b"IEA" => Ok(self.close_all(Piece::Segment(span), Some(here))),
                b"BIN" | b"BDS" if self.depth != Depth::Envelope => self.binary(span).map(|()| None),
                _ => {
                    self.take(span);
                    Ok(None)
                }
            };
        }
        match (tag, self.group.is_some()) {
            (b"ST", true) => {
                self.begin_set(span);
                Ok(None)
            }
            (b"ST", false) => {
                let severities = &self.policy.severities;
                interchange.found.add(severities, codes::SET_OUTSIDE_GROUP, || {
                    Finding::new(codes::SET_OUTSIDE_GROUP, here, "a set stands outside of any group").of("ST", None)
                });
                let header =
                    GroupHeader { offset: here, separator: self.reader.delimiters().element, ..GroupHeader::default() };
                self.begin_group(header);
                self.begin_set(span);
                Ok(None)
            }
            (b"GE", true) => {
                interchange.segments += 1;
                let (says, control) = (raw.element(1), raw.element(2));
                self.end_group(Some((says.to_vec(), control.to_vec(), here)), here);
                Ok(None)
            }
            (b"GS", false) => {
                interchange.segments += 1;
                let header = GroupHeader::read(raw.text(), raw.delimiters.element, here);
                self.begin_group(header);
                Ok(Some(Event::Group))
            }
            (b"IEA", false) => {
                interchange.segments += 1;
                let (says, control) = (raw.element(1).to_vec(), raw.element(2).to_vec());
                let unterminated = self.reader.is_unterminated();
                self.reader.leave();
                Ok(self.end_interchange(Some((says, control, here, unterminated))))
            }
            (b"GS" | b"IEA", true) => Ok(self.close_all(Piece::Segment(span), Some(here))),
            (b"TA1", false) => {
                interchange.segments += 1;
                if interchange.ta1_received.len() < 1000 {
                    let read = InterchangeAcknowledged::read(|number| text(raw.element(number)).trim().to_owned());
                    interchange.ta1_received.push(read);
                }
                Ok(None)
            }
            // Grade of service, deferred delivery and a network's reports travel between ISA and GS.
            (b"ISB" | b"ISE" | b"TA3", false) => {
                interchange.segments += 1;
                let fault = envelope_check::service(tag, |number| raw.element(number));
                if let Some((code, note, element, text)) = fault {
                    interchange.found.add(&self.policy.severities, code, || {
                        Finding::new(code, here, text)
                            .of(&tag.escape_ascii().to_string(), None)
                            .at_element(element)
                            .with(raw.element(element))
                            .becoming(super::rules::AckCode::Interchange(note))
                    });
                }
                Ok(None)
            }
            _ => {
                interchange.segments += 1;
                let name = tag.escape_ascii().to_string();
                let severities = &self.policy.severities;
                match &mut self.group {
                    Some(group) => group.found.add(severities, codes::GROUP_STRAY, || {
                        let text = format!("{name} stands in a group but in no set");
                        Finding::new(codes::GROUP_STRAY, here, text).of(&name, None)
                    }),
                    None => interchange.found.add(severities, codes::STRAY_SEGMENT, || {
                        let text = format!("{name} stands outside of any group");
                        Finding::new(codes::STRAY_SEGMENT, here, text).of(&name, None)
                    }),
                }
                Ok(None)
            }
        }
    }

    fn binary(&mut self, span: Span) -> io::Result<()> {
        match self.reader.binary(span)? {
            Binary::Read(span) => self.look(span),
            // It comes again as an overlong piece, once it is passed.
            Binary::TooLong => {}
            Binary::Mismatch(span) => {
                let offset = self.reader.offset(span.start);
                let tag = raw(&self.reader, span, false).tag().escape_ascii().to_string();
                self.look(span);
                let position = self.check.count;
                self.check.found.add(&self.policy.severities, codes::BINARY_LENGTH, || {
                    let text = format!("{tag} does not hold as many bytes as it says");
                    Finding::new(codes::BINARY_LENGTH, offset, text).of(&tag, position)
                });
            }
        }
        Ok(())
    }

    fn overlong(&mut self, Overlong { offset, start }: Overlong) {
        let text = "a segment is longer than may be held, and was passed over";
        let tag: String = start.iter().map(|byte| char::from(*byte)).take_while(char::is_ascii_alphanumeric).collect();
        let severities = &self.policy.severities;
        if self.set.open {
            self.check.pass();
            let position = self.check.count;
            self.check.found.add(severities, codes::SEGMENT_TOO_LONG, || {
                Finding::new(codes::SEGMENT_TOO_LONG, offset, text).of(&tag, position)
            });
        } else if let Some(interchange) = &mut self.interchange {
            interchange.segments += 1;
            let finding =
                || Finding::new(codes::SEGMENT_TOO_LONG, offset, text).becoming(super::rules::AckCode::Interchange(24));
            interchange.found.add(severities, codes::SEGMENT_TOO_LONG, finding);
        }
    }
}

#[inline]
fn raw<R: Read>(reader: &Reader<R>, span: Span, odd: bool) -> Raw<'_> {
    let (bytes, ends) = reader.segment(span);
    Raw { bytes, start: span.start, ends, odd, delimiters: reader.delimiters(), place: reader.place() }
}

fn rubbish(offset: u64, length: u64, sample: &[u8], why: Option<&str>) -> Finding {
    let code = if why.is_some() { codes::ISA_UNREADABLE } else { codes::RUBBISH };
    let text = match why {
        Some(why) => format!("{length} bytes belong to no interchange: what begins with ISA is none, for {why}"),
        None => format!("{length} bytes belong to no interchange"),
    };
    let severity = Severities::default().of(code);
    Finding { severity, ..Finding::new(code, offset, text).with(sample) }
}
