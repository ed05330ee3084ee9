//! X12 of our own making, as a supplier's and a buyer's systems write it: 850, 855, 856 and 810 in release 004010.
//!
//! Everything is a function of its arguments, so a test can say which bytes it sent. [`Set::segment`] lets a test spoil
//! a document in one place and leave the rest alone.

mod sets;

pub use sets::{Line, Order, answered, invoice, order_acknowledgement, purchase_order, shipment_notice};

/// One side of an interchange: qualifier and id of ISA05/06 or ISA07/08, and the id of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// ISA05 or ISA07.
    pub qualifier: String,
    /// ISA06 or ISA08, without the blanks behind it.
    pub id: String,
    /// GS02 or GS03.
    pub group: String,
}

impl Party {
    /// From `qualifier/id`, as partner files write it; the group has the same id.
    pub fn new(text: &str) -> Self {
        let (qualifier, id) = text.split_once('/').unwrap_or(("ZZ", text));
        Self { qualifier: qualifier.into(), id: id.into(), group: id.into() }
    }
}

/// How an interchange is separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Separators {
    /// Between elements.
    pub element: char,
    /// Between components.
    pub component: char,
    /// After segments.
    pub segment: &'static str,
}

impl Default for Separators {
    fn default() -> Self {
        Self { element: '*', component: '>', segment: "~" }
    }
}

/// One transaction set without its control number and count, which the interchange gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// ST01.
    pub id: String,
    /// The GS01 that it goes under.
    pub group: String,
    /// Everything between ST and SE: tag and elements.
    pub segments: Vec<Vec<String>>,
    /// SE01 where it shall be wrong.
    pub count: Option<usize>,
}

impl Set {
    /// An empty set.
    pub fn new(id: &str, group: &str) -> Self {
        Self { id: id.into(), group: group.into(), segments: Vec::new(), count: None }
    }

    /// Adds a segment: its tag and elements. Elements left empty at the end are dropped, as the standard wants.
    pub fn push(&mut self, tag: &str, elements: &[&str]) {
        let mut segment: Vec<String> = std::iter::once(tag).chain(elements.iter().copied()).map(Into::into).collect();
        while segment.len() > 1 && segment.last().is_some_and(String::is_empty) {
            segment.pop();
        }
        self.segments.push(segment);
    }

    /// The first segment with this tag, to change it.
    pub fn segment(&mut self, tag: &str) -> Option<&mut Vec<String>> {
        self.segments.iter_mut().find(|segment| segment.first().is_some_and(|own| own == tag))
    }

    /// The same set with an SE01 that lies.
    pub fn counted_as(mut self, count: usize) -> Self {
        self.count = Some(count);
        self
    }
}

/// An interchange: envelope and sets. Sets that stand together and share a GS01 share a functional group.
#[derive(Debug, Clone)]
pub struct Interchange {
    /// Who sends.
    pub sender: Party,
    /// Who receives.
    pub receiver: Party,
    /// ISA13.
    pub control: u32,
    /// GS08; ISA12 follows from it.
    pub version: String,
    /// ISA15.
    pub usage: char,
    /// Date of the envelope, CCYYMMDD.
    pub date: String,
    /// Time of the envelope, HHMM.
    pub time: String,
    /// How it is separated.
    pub separators: Separators,
    /// What is in it.
    pub sets: Vec<Set>,
}

impl Interchange {
    /// A production interchange of release 004010 with nothing in it yet.
    pub fn new(sender: &Party, receiver: &Party, control: u32) -> Self {
        Self {
            sender: sender.clone(),
            receiver: receiver.clone(),
            control,
            version: "004010".into(),
            usage: 'P',
            date: "20261102".into(),
            time: "0915".into(),
            separators: Separators::default(),
            sets: Vec::new(),
        }
    }

    /// With one more set.
    pub fn with(mut self, set: Set) -> Self {
        self.sets.push(set);
        self
    }

    /// As a rehearsal: ISA15 = T.
    pub fn rehearsal(mut self) -> Self {
        self.usage = 'T';
        self
    }

    /// The bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.header();
        let mut groups = 0;
        for sets in self.sets.chunk_by(|a, b| a.group == b.group) {
            groups += 1;
            self.open_group(&mut out, groups, sets.first().map_or("", |set| &set.group));
            for (index, set) in sets.iter().enumerate() {
                self.write_set(&mut out, set, index + 1);
            }
            self.close_group(&mut out, groups, sets.len());
        }
        self.close(&mut out, groups);
        out.into_bytes()
    }

    /// The ISA.
    pub(super) fn header(&self) -> String {
        let Separators { element, component, segment } = self.separators;
        let isa12 = if self.version.starts_with("005") { "00501" } else { "00401" };
        let isa11 = if isa12 == "00501" { '^' } else { 'U' };
        let date = self.date.get(2..).unwrap_or("");
        [
            "ISA".to_owned(),
            "00".to_owned(),
            " ".repeat(10),
            "00".to_owned(),
            " ".repeat(10),
            self.sender.qualifier.clone(),
            format!("{:<15}", self.sender.id),
            self.receiver.qualifier.clone(),
            format!("{:<15}", self.receiver.id),
            date.to_owned(),
            self.time.clone(),
            isa11.to_string(),
            isa12.to_owned(),
            format!("{:09}", self.control),
            "0".to_owned(),
            self.usage.to_string(),
            format!("{component}{segment}"),
        ]
        .join(&element.to_string())
    }

    /// GS of the group with this number in the interchange.
    pub(super) fn open_group(&self, out: &mut String, number: u32, group: &str) {
        let control = self.group_control(number);
        let (from, to) = (&self.sender.group, &self.receiver.group);
        self.write(out, &["GS", group, from, to, &self.date, &self.time, &control, "X", &self.version]);
    }

    /// One set under its number in the group.
    pub(super) fn write_set(&self, out: &mut String, set: &Set, number: usize) {
        let control = format!("{number:04}");
        self.write(out, &["ST", &set.id, &control]);
        for segment in &set.segments {
            self.write(out, segment);
        }
        self.write(out, &["SE", &set.count.unwrap_or(set.segments.len() + 2).to_string(), &control]);
    }

    /// GE of the group with this number.
    pub(super) fn close_group(&self, out: &mut String, number: u32, sets: usize) {
        self.write(out, &["GE", &sets.to_string(), &self.group_control(number)]);
    }

    /// IEA.
    pub(super) fn close(&self, out: &mut String, groups: u32) {
        self.write(out, &["IEA", &groups.to_string(), &format!("{:09}", self.control)]);
    }

    fn group_control(&self, number: u32) -> String {
        (u64::from(self.control) * 100 + u64::from(number)).rem_euclid(999_999_999).to_string()
    }

    fn write<T: AsRef<str>>(&self, out: &mut String, elements: &[T]) {
        for (index, text) in elements.iter().enumerate() {
            if index > 0 {
                out.push(self.separators.element);
            }
            out.push_str(text.as_ref());
        }
        out.push_str(self.separators.segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interchange_counts_and_numbers_itself() {
        let (us, them) = (Party::new("01/098765432"), Party::new("ZZ/BOLTCO"));
        let order = Order::sample("PO-1", 2);
        let interchange = Interchange::new(&them, &us, 42)
            .with(order_acknowledgement(&order, "S-1"))
            .with(order_acknowledgement(&order, "S-2").counted_as(3))
            .with(invoice(&order, "INV-1"));
        let text = String::from_utf8(interchange.to_bytes()).unwrap();
        assert_eq!(text.find("GS*"), Some(106), "the ISA has its fixed length");
        let starts = |with: &str| text.split('~').filter(|segment| segment.starts_with(with)).count();
        assert_eq!((starts("GS*"), starts("GE*2*"), starts("GE*1*"), starts("IEA*2*000000042")), (2, 1, 1, 1));
        assert_eq!((starts("GS*PR*BOLTCO*098765432*"), starts("GS*IN*")), (1, 1));
        let segments: Vec<&str> = text.split('~').collect();
        let st = segments.iter().position(|segment| *segment == "ST*855*0001").unwrap();
        let se = segments.iter().position(|segment| segment.ends_with("*0001") && segment.starts_with("SE*")).unwrap();
        assert_eq!(segments[se], format!("SE*{}*0001", se - st + 1));
        assert_eq!(starts("SE*3*0002"), 1);
    }

    #[test]
    fn every_set_opens_with_its_own_segment_and_adds_up() {
        let order = Order::sample("4500017", 3);
        let cents: u64 = order.lines.iter().map(|line| u64::from(line.quantity) * line.cents).sum();
        let total = cents + order.freight_cents;
        let invoice = invoice(&order, "INV-9");
        assert!(invoice.segments.contains(&vec!["TDS".to_owned(), total.to_string()]));
        for (set, tag) in [
            (purchase_order(&order), "BEG"),
            (order_acknowledgement(&order, "S-1"), "BAK"),
            (shipment_notice(&order, "SH-1"), "BSN"),
            (invoice, "BIG"),
        ] {
            assert_eq!(set.segments.first().map(|segment| segment[0].as_str()), Some(tag));
            assert!(set.segments.iter().flatten().all(|text| text.is_ascii() && !text.contains(['*', '~', '>'])));
            assert!(set.segments.iter().any(|segment| segment.iter().any(|text| text == "4500017")), "{}", set.id);
        }
    }

    /// For looking at with other tools: `GANGWAY_PLAY_OUT=/tmp/x cargo test --lib play::`.
    #[test]
    fn the_documents_can_be_written_out() {
        let Ok(folder) = std::env::var("GANGWAY_PLAY_OUT") else { return };
        let (us, them) = (Party::new("01/098765432"), Party::new("01/123456789"));
        let order = Order::sample("4500017", 12);
        for set in [
            purchase_order(&order),
            order_acknowledgement(&order, "S-1"),
            shipment_notice(&order, "SH-1"),
            invoice(&order, "INV-9"),
        ] {
            let file = std::path::Path::new(&folder).join(format!("{}.x12", set.id));
            std::fs::write(file, Interchange::new(&them, &us, 1).with(set).to_bytes()).unwrap();
        }
    }
}
