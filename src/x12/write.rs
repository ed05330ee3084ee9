//! The writer: segments to the bytes of an interchange, with counts and control numbers kept.
//!
//! A value that holds a separator cannot be written as it is; it is refused, or the separator in it replaced where the partner's file says
//! with what. Nothing is ever dropped in silence.

mod open;

pub use open::{Mark, OpenSegment, Place};

use super::codes;
use super::envelope::{PartyId, text};
use super::token::{Delimiters, Segment};
use crate::error::Code;
use jiff::civil::DateTime;
use wide::u8x16;

/// Why something cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A value holds a separator.
    #[error("{tag}{element:02} holds `{}`, which separates in this interchange", char::from(*.byte).escape_default())]
    Collision {
        /// The segment.
        tag: String,
        /// The element, from 1.
        element: usize,
        /// The separator.
        byte: u8,
    },
    /// A value does not fit its place in the envelope.
    #[error("{place} cannot be `{value}`: {why}")]
    Envelope {
        /// Which element, like `ISA06`.
        place: &'static str,
        /// What it was to be.
        value: String,
        /// Why not.
        why: &'static str,
    },
    /// Two separators are the same, or one is a letter, a digit or a blank.
    #[error(
        "the separators of an interchange must be four different characters, none of them a letter, a digit or a blank"
    )]
    Separators,
}

impl WriteError {
    /// The code to explain it by.
    pub fn code(&self) -> Code {
        match self {
            Self::Collision { .. } => codes::WRITE_COLLISION,
            Self::Envelope { .. } | Self::Separators => codes::WRITE_ENVELOPE,
        }
    }
}

/// How the bytes are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The separators.
    pub delimiters: Delimiters,
    /// Whether a line end follows each terminator.
    pub lines: bool,
    /// Breaks the file into lines of so many bytes, whatever they hold.
    pub wrap: Option<usize>,
    /// What takes the place of a separator inside a value; such values are refused if there is none.
    pub replacement: Option<u8>,
}

impl Default for Layout {
    fn default() -> Self {
        let delimiters = Delimiters { element: b'*', component: b'>', repetition: Some(b'^'), segment: b'~' };
        Self { delimiters, lines: false, wrap: None, replacement: None }
    }
}

/// An ISA to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterchangeOut {
    /// ISA05 and ISA06.
    pub sender: PartyId,
    /// ISA07 and ISA08.
    pub receiver: PartyId,
    /// ISA12, like `00401`.
    pub version: String,
    /// ISA13.
    pub control: u64,
    /// ISA14.
    pub ack_requested: bool,
    /// ISA15.
    pub usage: u8,
}

/// A GS to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOut {
    /// GS01.
    pub functional_id: String,
    /// GS02.
    pub sender: Vec<u8>,
    /// GS03.
    pub receiver: Vec<u8>,
    /// GS06.
    pub control: u64,
    /// GS08.
    pub version: String,
}

/// One element to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element<'a> {
    /// A value; empty to leave it out.
    Value(&'a [u8]),
    /// Components.
    Composite(Vec<&'a [u8]>),
    /// Repetitions.
    Repeated(Vec<Self>),
}

impl<'a> From<&'a str> for Element<'a> {
    fn from(text: &'a str) -> Self {
        Self::Value(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Element<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Value(bytes)
    }
}

/// Writes interchanges, one behind the other.
#[derive(Debug)]
pub struct Writer {
    layout: Layout,
    now: DateTime,
    out: Vec<u8>,
    interchange: Option<(u64, u64)>,
    group: Option<(u64, u64)>,
    set: Option<(Vec<u8>, u64)>,
    /// What separates, outside of the ISA; the component separator twice where nothing separates repetitions.
    separators: [u8x16; 4],
}

impl Writer {
    /// A writer that stamps envelopes with `now`.
    ///
    /// # Errors
    ///
    /// If the separators cannot be told apart.
    pub fn new(layout: Layout, now: DateTime) -> Result<Self, WriteError> {
        let Delimiters { element, component, repetition, segment } = layout.delimiters;
        let mut all: Vec<u8> = [element, component, segment].into_iter().chain(repetition).collect();
        let usable = all.iter().all(|byte| !byte.is_ascii_alphanumeric() && *byte != b' ');
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        if !usable || all.len() != count {
            return Err(WriteError::Separators);
        }
        let separators = [element, component, repetition.unwrap_or(component), segment].map(u8x16::splat);
        Ok(Self { layout, now, out: Vec::new(), interchange: None, group: None, set: None, separators })
    }

    /// The separators it writes with.
    pub fn delimiters(&self) -> Delimiters {
        self.layout.delimiters
    }

    /// Writes an ISA of exactly 106 bytes.
    ///
    /// # Errors
    ///
    /// If a value does not fit its place.
    pub fn begin_interchange(&mut self, isa: &InterchangeOut) -> Result<(), WriteError> {
        let InterchangeOut { sender, receiver, .. } = isa;
        let parties = [&sender.qualifier, &sender.id, &receiver.qualifier, &receiver.id];
        self.begin_interchange_between(parties.map(|text| text.as_bytes()), isa)
    }

    /// The same with ISA05 to ISA08 as bytes, which may be no UTF-8.
    pub(super) fn begin_interchange_between(
        &mut self,
        parties: [&[u8]; 4],
        isa: &InterchangeOut,
    ) -> Result<(), WriteError> {
        let Delimiters { component, repetition, .. } = self.layout.delimiters;
        let fixed = |place: &'static str, value: &[u8], width: usize| {
            if value.len() > width {
                let why = "it is too long";
                return Err(WriteError::Envelope { place, value: text(value), why });
            }
            let mut padded = value.to_vec();
            padded.resize(width, b' ');
            Ok(padded)
        };
        if isa.version.len() != 5 {
            let why = "a version has five digits";
            return Err(WriteError::Envelope { place: "ISA12", value: isa.version.clone(), why });
        }
        let control = control("ISA13", isa.control)?;
        let since = isa.version.as_str() >= "00402";
        let standards = repetition.filter(|_| since).unwrap_or(b'U');
        let [sends, sender, receives, receiver] = parties;
        let qualifiers = [fixed("ISA05", sends, 2)?, fixed("ISA07", receives, 2)?];
        let ids = [fixed("ISA06", sender, 15)?, fixed("ISA08", receiver, 15)?];
        let (date, time) = (self.now.strftime("%y%m%d").to_string(), self.now.strftime("%H%M").to_string());
        let [sender, receiver] = &ids;
        let [sends, receives] = &qualifiers;
        let elements: [&[u8]; 15] = [
            b"00",
            b"          ",
            b"00",
            b"          ",
            sends,
            sender,
            receives,
            receiver,
            date.as_bytes(),
            time.as_bytes(),
            &[standards],
            isa.version.as_bytes(),
            control.as_bytes(),
            if isa.ack_requested { b"1" } else { b"0" },
            &[isa.usage],
        ];
        self.start(b"ISA");
        for (at, value) in elements.into_iter().enumerate() {
            self.out.push(self.layout.delimiters.element);
            // The separators that the ISA itself declares are no collision.
            if at == 10 { self.out.extend_from_slice(value) } else { self.value("ISA", at + 1, value, true)? }
        }
        self.out.push(self.layout.delimiters.element);
        self.out.push(component);
        self.end();
        self.interchange = Some((isa.control, 0));
        Ok(())
    }

    /// Writes a GS.
    ///
    /// # Errors
    ///
    /// If a value does not fit its place.
    pub fn begin_group(&mut self, gs: &GroupOut) -> Result<(), WriteError> {
        if !(1..=999_999_999).contains(&gs.control) {
            let why = "a control number has one to nine digits";
            return Err(WriteError::Envelope { place: "GS06", value: gs.control.to_string(), why });
        }
        // Four digits for the year since 004010; before it, two were usual.
        let date = if gs.version.as_str() < "004010" { "%y%m%d" } else { "%Y%m%d" };
        let (date, time) = (self.now.strftime(date).to_string(), self.now.strftime("%H%M").to_string());
        let control = gs.control.to_string();
        self.segment(
            "GS",
            &[
                gs.functional_id.as_str().into(),
                gs.sender.as_slice().into(),
                gs.receiver.as_slice().into(),
                date.as_str().into(),
                time.as_str().into(),
                control.as_str().into(),
                "X".into(),
                gs.version.as_str().into(),
            ],
        )?;
        if let Some((_, groups)) = &mut self.interchange {
            *groups += 1;
        }
        self.group = Some((gs.control, 0));
        Ok(())
    }

    /// Writes an ST. `implementation` is ST03.
    ///
    /// # Errors
    ///
    /// If a value does not fit its place.
    pub fn begin_set(&mut self, id: &str, control: &str, implementation: Option<&str>) -> Result<(), WriteError> {
        if !(4..=9).contains(&control.len()) {
            let why = "a set's control number has four to nine characters";
            return Err(WriteError::Envelope { place: "ST02", value: control.to_owned(), why });
        }
        self.set = Some((control.as_bytes().to_vec(), 0));
        self.segment("ST", &[id.into(), control.into(), implementation.unwrap_or("").into()])?;
        if let Some((_, sets)) = &mut self.group {
            *sets += 1;
        }
        Ok(())
    }

    /// Writes one segment. Empty elements at its end are left out.
    ///
    /// # Errors
    ///
    /// If a value holds a separator and there is no replacement for it.
    pub fn segment(&mut self, tag: &str, elements: &[Element<'_>]) -> Result<(), WriteError> {
        let back = self.out.len();
        let written = self.try_segment(tag, elements);
        if written.is_err() {
            self.out.truncate(back);
        } else if let Some((_, count)) = &mut self.set {
            *count += 1;
        }
        written
    }

    /// Writes a segment as it was read, with this writer's separators.
    ///
    /// # Errors
    ///
    /// If a value holds a separator of this writer that was none where it was read.
    pub fn copy(&mut self, segment: &Segment<'_>) -> Result<(), WriteError> {
        let tag = segment.tag().escape_ascii().to_string();
        let same = segment.delimiters == self.layout.delimiters;
        let back = self.out.len();
        self.start(segment.tag());
        for number in 1..=segment.len() {
            self.out.push(self.layout.delimiters.element);
            let value = segment.element(number);
            // Binary data hold what they hold; values read with the same separators hold none of those above them.
            if same {
                self.out.extend_from_slice(value);
            } else if let Err(error) = self.translated(&tag, number, value, segment.delimiters) {
                self.out.truncate(back);
                return Err(error);
            }
        }
        self.end();
        if let Some((_, count)) = &mut self.set {
            *count += 1;
        }
        Ok(())
    }

    /// Writes the SE.
    ///
    /// # Errors
    ///
    /// None once the ST was written.
    pub fn end_set(&mut self) -> Result<(), WriteError> {
        let Some((control, count)) = self.set.take() else { return Ok(()) };
        self.segment("SE", &[(count + 1).to_string().as_str().into(), control.as_slice().into()])
    }

    /// Writes the GE.
    ///
    /// # Errors
    ///
    /// None once the GS was written.
    pub fn end_group(&mut self) -> Result<(), WriteError> {
        let Some((control, sets)) = self.group.take() else { return Ok(()) };
        self.segment("GE", &[sets.to_string().as_str().into(), control.to_string().as_str().into()])
    }

    /// Writes the IEA.
    ///
    /// # Errors
    ///
    /// None once the ISA was written.
    pub fn end_interchange(&mut self) -> Result<(), WriteError> {
        let Some((number, groups)) = self.interchange.take() else { return Ok(()) };
        let number = control("IEA02", number)?;
        self.segment("IEA", &[groups.to_string().as_str().into(), number.as_str().into()])
    }

    /// How many bytes are written so far, lines of a fixed length not counted.
    pub fn written(&self) -> usize {
        self.out.len()
    }

    /// The bytes.
    pub fn finish(self) -> Vec<u8> {
        match self.layout.wrap.filter(|width| *width > 0) {
            None => self.out,
            Some(width) => self.out.chunks(width).flat_map(|line| line.iter().copied().chain([b'\r', b'\n'])).collect(),
        }
    }

    fn start(&mut self, tag: &[u8]) {
        self.out.extend_from_slice(tag);
    }

    fn end(&mut self) {
        let segment = self.layout.delimiters.segment;
        self.out.push(segment);
        if self.layout.lines && self.layout.wrap.is_none() && segment != b'\n' && segment != b'\r' {
            self.out.push(b'\n');
        }
    }

    fn try_segment(&mut self, tag: &str, elements: &[Element<'_>]) -> Result<(), WriteError> {
        let sent = elements.iter().rposition(|element| !element.is_empty()).map_or(0, |last| last + 1);
        self.start(tag.as_bytes());
        for (at, element) in elements.iter().take(sent).enumerate() {
            self.out.push(self.layout.delimiters.element);
            self.element(tag, at + 1, element)?;
        }
        self.end();
        Ok(())
    }

    fn element(&mut self, tag: &str, number: usize, element: &Element<'_>) -> Result<(), WriteError> {
        match element {
            Element::Value(value) => self.value(tag, number, value, false),
            Element::Composite(components) => {
                let sent = components.iter().rposition(|component| !component.is_empty()).map_or(0, |last| last + 1);
                for (at, component) in components.iter().take(sent).enumerate() {
                    if at > 0 {
                        self.out.push(self.layout.delimiters.component);
                    }
                    self.value(tag, number, component, false)?;
                }
                Ok(())
            }
            Element::Repeated(all) => {
                for (at, one) in all.iter().enumerate() {
                    if at > 0 {
                        let separator = self.layout.delimiters.repetition;
                        self.out.push(separator.ok_or(WriteError::Envelope {
                            place: "ISA11",
                            value: String::new(),
                            why: "an element is repeated, and there is no separator for that",
                        })?);
                    }
                    self.element(tag, number, one)?;
                }
                Ok(())
            }
        }
    }

    /// Writes an element that was read with other separators, its repetitions and components separated anew.
    fn translated(&mut self, tag: &str, number: usize, value: &[u8], from: Delimiters) -> Result<(), WriteError> {
        for (nth, one) in value.split(|byte| Some(*byte) == from.repetition).enumerate() {
            if let (1.., Some(separator)) = (nth, self.layout.delimiters.repetition) {
                self.out.push(separator);
            }
            for (nth, component) in one.split(|byte| *byte == from.component).enumerate() {
                if nth > 0 {
                    self.out.push(self.layout.delimiters.component);
                }
                self.value(tag, number, component, false)?;
            }
        }
        Ok(())
    }

    /// Writes one value. In the ISA only what would break it collides: components and repetitions do not exist there.
    fn value(&mut self, tag: &str, element: usize, value: &[u8], isa: bool) -> Result<(), WriteError> {
        let Delimiters { element: e, component, repetition, segment } = self.layout.delimiters;
        let separates =
            |byte: u8| byte == e || byte == segment || !isa && (byte == component || Some(byte) == repetition);
        // Without a way out in between, which would cost more than it saves: values are short.
        if !value.iter().fold(false, |any, byte| any | separates(*byte)) {
            self.out.extend_from_slice(value);
            return Ok(());
        }
        for byte in value.iter().copied() {
            let written = if !separates(byte) {
                byte
            } else if let Some(replacement) = self.layout.replacement.filter(|byte| !separates(*byte)) {
                replacement
            } else {
                return Err(WriteError::Collision { tag: tag.to_owned(), element, byte });
            };
            self.out.push(written);
        }
        Ok(())
    }
}

impl Element<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Value(value) => value.is_empty(),
            Self::Composite(components) => components.iter().all(|component| component.is_empty()),
            Self::Repeated(all) => all.iter().all(Self::is_empty),
        }
    }
}

/// Nine digits.
fn control(place: &'static str, number: u64) -> Result<String, WriteError> {
    if number > 999_999_999 {
        let why = "a control number has nine digits";
        return Err(WriteError::Envelope { place, value: number.to_string(), why });
    }
    Ok(format!("{number:09}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x12::isa::tests::ISA;
    use crate::x12::{Checker, Policy, SetView, Step, Tokens};
    use proptest::prelude::*;

    fn now() -> DateTime {
        jiff::civil::date(2026, 7, 1).at(12, 5, 0, 0)
    }

    fn party(qualifier: &str, id: &str) -> PartyId {
        PartyId { qualifier: qualifier.into(), id: id.into() }
    }

    fn order(layout: Layout, text: &str) -> Result<Vec<u8>, WriteError> {
        let mut writer = Writer::new(layout, now())?;
        writer.begin_interchange(&InterchangeOut {
            sender: party("ZZ", "SENDER"),
            receiver: party("01", "RECEIVER"),
            version: "00501".into(),
            control: 1,
            ack_requested: true,
            usage: b'P',
        })?;
        let gs = GroupOut {
            functional_id: "PO".into(),
            sender: b"A".to_vec(),
            receiver: b"B".to_vec(),
            control: 7,
            version: "005010".into(),
        };
        writer.begin_group(&gs)?;
        writer.begin_set("850", "0001", None)?;
        writer.segment("BEG", &["00".into(), "SA".into(), text.into(), "".into(), "20260701".into(), "".into()])?;
        writer.segment("REF", &["DP".into(), "1".into(), "".into(), Element::Composite(vec![b"LT", b"A", b""])])?;
        writer.segment("PO1", &["".into(), "1".into(), "EA".into(), "2.5".into()])?;
        writer.end_set()?;
        writer.end_group()?;
        writer.end_interchange()?;
        Ok(writer.finish())
    }

    fn clean(bytes: &[u8]) {
        let mut checker = Checker::new(bytes, |_| Policy { strict_isa: true, ..Policy::default() });
        let mut ends = 0;
        while let Some(step) = checker.next().unwrap() {
            match step {
                Step::Set(set) => assert_eq!(set.findings, []),
                Step::InterchangeEnd(verdict) => {
                    assert_eq!(verdict.all_findings().collect::<Vec<_>>(), [] as [&crate::x12::Finding; 0]);
                    ends += 1;
                }
                Step::Rubbish(finding) => panic!("{finding:?}"),
                _ => {}
            }
        }
        assert_eq!(ends, 1);
    }

    #[test]
    fn what_is_written_is_clean() {
        let written = order(Layout::default(), "4500").unwrap();
        let expected = "ISA*00*          *00*          *ZZ*SENDER         *01*RECEIVER       *260701*1205*^*00501*000000001*1*P*>~\
            GS*PO*A*B*20260701*1205*7*X*005010~ST*850*0001~BEG*00*SA*4500**20260701~REF*DP*1**LT>A~PO1**1*EA*2.5~SE*5*0001~\
            GE*1*7~IEA*1*000000001~";
        assert_eq!(String::from_utf8(written.clone()).unwrap(), expected);
        assert_eq!(&written[..3], &ISA[..3]);
        clean(&written);
        let delimiters = Delimiters { element: 0x1d, component: 0x1f, repetition: Some(0x1e), segment: b'\n' };
        clean(&order(Layout { delimiters, ..Layout::default() }, "A*B~C>D^E").unwrap());
        clean(&order(Layout { lines: true, ..Layout::default() }, "4500").unwrap());
        clean(&order(Layout { wrap: Some(80), ..Layout::default() }, "4500").unwrap());
    }

    #[test]
    fn separators_in_values_are_refused_or_replaced() {
        let refused = order(Layout::default(), "45~00").unwrap_err();
        assert_eq!(refused.to_string(), "BEG03 holds `~`, which separates in this interchange");
        assert_eq!(refused.code(), codes::WRITE_COLLISION);
        let written = order(Layout { replacement: Some(b' '), ..Layout::default() }, "4^5~0>0").unwrap();
        assert!(written.windows(7).any(|window| window == b"4 5 0 0"));
        let same = Delimiters { component: b'*', ..Layout::default().delimiters };
        assert_eq!(order(Layout { delimiters: same, ..Layout::default() }, "1"), Err(WriteError::Separators));
    }

    #[test]
    fn what_does_not_fit_the_envelope_is_refused() {
        let isa = |id: &str, control| InterchangeOut {
            sender: party("ZZ", id),
            receiver: party("ZZ", "B"),
            version: "00401".into(),
            control,
            ack_requested: false,
            usage: b'T',
        };
        let begin = |isa: &InterchangeOut| Writer::new(Layout::default(), now()).unwrap().begin_interchange(isa);
        assert!(begin(&isa("LONGER THAN FIFTEEN", 1)).unwrap_err().to_string().starts_with("ISA06 cannot be"));
        assert!(begin(&isa("A", 1_000_000_000)).unwrap_err().to_string().starts_with("ISA13 cannot be"));
        assert!(begin(&isa("A*", 1)).is_err());
        assert!(begin(&isa("A>^", 1)).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn writing_what_was_read_gives_the_same_bytes(
            segments in prop::collection::vec("[A-Z][A-Z0-9]{1,2}(\\*[ -)+-}é]{0,6}){0,6}", 1..20),
        ) {
            let bytes: Vec<u8> = segments.iter().flat_map(|segment| format!("{segment}~").into_bytes()).collect();
            let layout = Layout::default();
            let tokens = Tokens::scan(&bytes, layout.delimiters);
            let view = SetView::new(&bytes, &tokens, layout.delimiters, 0);
            let mut writer = Writer::new(layout, now()).unwrap();
            for segment in view.segments() {
                writer.copy(&segment).unwrap();
            }
            prop_assert_eq!(writer.finish(), bytes);
        }
    }
}
