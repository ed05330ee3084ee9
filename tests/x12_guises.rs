//! Every set that the corpus has, and some of our own that it lacks, out of its file and into every guise that senders give an interchange, and with each of its segments
//! dropped, doubled and moved: the same is read, exact codes are told, and siblings are never touched.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gangway::x12::{Checker, Policy, Status, Step};

use crate::fuzz_targets::Drip;
use crate::x12_corpus::files;
use crate::x12_mutations::read;

/// How long a set may be that is taken: each of its segments is mutated three times.
const MOST: usize = 60;

/// A set of the corpus that is accepted.
struct Sample {
    file: String,
    group: String,
    version: String,
    component: u8,
    /// Tag and elements of its segments, ST and SE among them.
    segments: Vec<Vec<Vec<u8>>>,
}

/// Sets of which the corpus has no good file.
const OWN: [(&str, &[u8]); 3] = [
    ("our own 214", include_bytes!("x12_samples/214.edi")),
    ("our own 852", include_bytes!("x12_samples/852.edi")),
    ("our own 860", include_bytes!("x12_samples/860.edi")),
];

#[test]
fn our_own_samples_are_as_the_standard_has_them() {
    for (name, bytes) in OWN {
        let mut checker = Checker::new(bytes, |_| Policy::default());
        while let Some(step) = checker.next().unwrap() {
            if let Step::InterchangeEnd(verdict) = step {
                assert_eq!(verdict.all_findings().map(|finding| &finding.text).collect::<Vec<_>>(), [""; 0], "{name}");
                assert_eq!((verdict.sets, verdict.groups[0].accepted), (1, 1), "{name}");
            }
        }
    }
}

/// The longest good set of each kind.
fn samples() -> Option<BTreeMap<String, Sample>> {
    let mut samples: BTreeMap<String, Sample> = BTreeMap::new();
    let own = OWN.iter().map(|(file, bytes)| ((*file).to_owned(), bytes.to_vec()));
    for (file, bytes) in files()?.into_iter().chain(own) {
        let mut checker = Checker::new(&bytes[..], |_| Policy::default());
        while let Some(step) = checker.next().unwrap() {
            let Step::Set(set) = step else { continue };
            let Some(view) = set.view.filter(|view| view.len() <= MOST) else { continue };
            let good = set.status == Status::Accepted && set.standard.is_some_and(|own| set.version.starts_with(own));
            let longer = samples.get(set.id).is_none_or(|known| known.segments.len() < view.len());
            // An acknowledgement is not acknowledged. ISA11 separates repetitions in none of these interchanges, so none may in theirs.
            if !good || !longer || set.group.functional_id == "FA" || view.delimiters().repetition.is_some() {
                continue;
            }
            let parts = |number, segment: gangway::x12::Segment<'_>| match number {
                0 => segment.tag().to_vec(),
                number => segment.element(number).to_vec(),
            };
            let segments = view.segments().map(|one| (0..=one.len()).map(|number| parts(number, one)).collect());
            let sample = Sample {
                file: file.clone(),
                group: set.group.functional_id.clone(),
                version: set.version.to_owned(),
                component: view.delimiters().component,
                segments: segments.collect(),
            };
            samples.insert(set.id.to_owned(), sample);
        }
    }
    Some(samples)
}

impl Sample {
    /// Whether any value holds one of these bytes.
    fn holds(&self, bytes: &[u8]) -> bool {
        self.segments.iter().flatten().flatten().any(|byte| bytes.contains(byte)) || bytes.contains(&self.component)
    }

    /// An interchange of three sets, the one in the middle of these segments.
    fn interchange(&self, middle: &[Vec<Vec<u8>>], element: u8, terminator: &[u8]) -> Vec<u8> {
        let isa =
            "ISA*00*          *00*          *ZZ*SENDER         *01*RECEIVER       *260701*1200*U*00401*000000001*0*P*";
        let mut head: Vec<Vec<u8>> = isa.split('*').map(|text| text.as_bytes().to_vec()).collect();
        *head.last_mut().unwrap() = vec![self.component];
        let gs = format!("GS*{}*A*B*20260701*1200*7*X*{}", self.group, self.version);
        let words = |text: &str| text.split('*').map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
        let mut all = vec![head, words(&gs)];
        for (nth, segments) in [&self.segments[..], middle, &self.segments].into_iter().enumerate() {
            let control = format!("{:04}", nth + 1).into_bytes();
            for segment in segments {
                let mut segment = segment.clone();
                match segment[0].as_slice() {
                    // The count is right for what is there, so that only the place is wrong.
                    b"SE" => segment = vec![b"SE".to_vec(), segments.len().to_string().into_bytes(), control.clone()],
                    b"ST" => segment[2].clone_from(&control),
                    _ => {}
                }
                all.push(segment);
            }
        }
        all.extend([words("GE*3*7"), words("IEA*1*000000001")]);
        all.iter().flat_map(|segment| [segment.join(&element), terminator.to_vec()].concat()).collect()
    }
}

/// What ends segments in partners' files, of one byte and of more.
pub(crate) const TERMINATORS: [&[u8]; 16] = [
    b"~",
    b"\n",
    b"\r\n",
    b"\r",
    b"!",
    b"'",
    b"|",
    b"^",
    b"\\",
    b"}",
    b"\x1c",
    b"\x15",
    b"\x85",
    b"\xe2\x80\xa6",
    b"\xc3\x96",
    b"?",
];

#[test]
fn every_set_reads_the_same_in_every_guise() {
    let Some(samples) = samples() else { return };
    let (mut seen, mut pairs) = (0, 0);
    for (id, sample) in &samples {
        let expected = read(&sample.interchange(&sample.segments, 0x1d, b"\x1e")[..]);
        assert!(expected.1[0].contains("AK9*A*3*3*3"), "{id} of {}: {}", sample.file, expected.1[0]);
        for element in [b'*', b'|', b'^', 0x1d, b'~'] {
            for terminator in TERMINATORS.iter().filter(|terminator| !terminator.contains(&element)) {
                if sample.holds(&[&[element][..], terminator].concat()) {
                    continue;
                }
                pairs += 1;
                let make =
                    |ending: &[u8]| sample.interchange(&sample.segments, element, &[terminator, ending].concat());
                let base = make(b"");
                let mut guises = vec![base.clone()];
                if element == b'*' {
                    guises.push([&b"\xef\xbb\xbf"[..], &base].concat());
                    guises.push(base[..base.len() - terminator.len()].to_vec());
                    if !terminator.iter().all(u8::is_ascii_whitespace) {
                        guises.extend([make(b"\r\n"), make(b"\n   \t")]);
                        let lines = |end: &[u8]| base.chunks(80).flat_map(|line| [line, end].concat()).collect();
                        guises.extend([lines(b"\n"), lines(b"\r\n")]);
                    }
                    let twice = read(&[&base[..], b"\r\n", &base].concat()[..]);
                    assert_eq!((twice.0.len(), &twice.1[1]), (expected.0.len() * 2, &expected.1[0]), "{id}");
                    assert_eq!(read(Drip(&base, 1)), expected, "{id} {terminator:?}");
                }
                for (nth, guise) in guises.iter().enumerate() {
                    assert_eq!(read(&guise[..]), expected, "{id} {:?} {terminator:?} {nth}", char::from(element));
                    seen += 1;
                }
            }
        }
    }
    println!("{} sets, {pairs} pairs of separators, {seen} guises", samples.len());
    assert!(samples.len() >= 15 && pairs > samples.len() * 50, "{} sets, {pairs} pairs", samples.len());
}

#[test]
fn every_byte_of_every_set_arrives() {
    let Some(samples) = samples() else { return };
    // A sign of two bytes, one of three, Latin-1, and UTF-8 that breaks off.
    let strange = b"5\xc2\xb0 \xe2\x80\x93 M\xe9 \xe2\x80";
    for (id, sample) in &samples {
        for at in 1..sample.segments.len() - 1 {
            for number in 1..sample.segments[at].len() {
                let mut segments = sample.segments.clone();
                segments[at][number] = strange.to_vec();
                let bytes = sample.interchange(&segments, 0x1d, b"\x1e");
                for size in [1, 2, 1 << 20] {
                    let (values, _) = read(Drip(&bytes, size));
                    assert_eq!(values[sample.segments.len() + at], segments[at], "{id} {at} {number} by {size}");
                }
            }
        }
    }
}

/// What the acknowledgement says of the set in the middle: tag, place and code of each segment, and what is wrong with its elements.
fn told(sample: &Sample, middle: &[Vec<Vec<u8>>]) -> String {
    let (values, acks) = read(&sample.interchange(middle, 0x1d, b"\x1e")[..]);
    let id = String::from_utf8_lossy(&sample.segments[0][1]).into_owned();
    let ack = acks[0].replace('~', "");
    let own = |control: &str| {
        let from = ack.find(&format!("AK2*{id}*{control}")).unwrap_or_else(|| panic!("no {control} in {ack}"));
        ack[from..]
            .lines()
            .skip(1)
            .take_while(|line| !line.starts_with("AK2") && !line.starts_with("AK9"))
            .collect::<Vec<_>>()
    };
    assert_eq!((own("0001"), own("0003")), (vec!["AK5*A"], vec!["AK5*A"]), "{ack}");
    let rejected = own("0002").last().is_some_and(|last| last.starts_with("AK5*R"));
    let group = if rejected { "AK9*P*3*3*2" } else { "AK9*A*3*3*3" };
    assert!(ack.lines().any(|line| line == group), "{ack}");
    // Nothing of the siblings is missing, and nothing of the mutant.
    assert_eq!(values.len(), 2 * sample.segments.len() + middle.len());
    let words = own("0002").into_iter().map(|line| match line.split('*').collect::<Vec<_>>()[..] {
        ["AK3", tag, at, _, code] => format!("{tag}@{at}:{code}"),
        ["AK4", ..] => line[4..].to_owned(),
        ["AK5", "A"] => "ok".to_owned(),
        ["AK5", "R", "5"] => String::new(),
        _ => line.to_owned(),
    });
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[test]
fn each_segment_dropped_doubled_and_moved_is_told_exactly() {
    let Some(samples) = samples() else { return };
    let mut all = String::new();
    for (id, sample) in &samples {
        let last = sample.segments.len() - 1;
        writeln!(all, "{id} {} of {}", sample.version, sample.file).unwrap();
        for (at, segment) in sample.segments.iter().enumerate().skip(1) {
            let mut dropped = sample.segments.clone();
            dropped.remove(at);
            let mut line =
                format!("  {:3}@{}: dropped {}", String::from_utf8_lossy(&segment[0]), at + 1, told(sample, &dropped));
            if at < last {
                let mut doubled = sample.segments.clone();
                doubled.insert(at, segment.clone());
                let mut moved = sample.segments.clone();
                let one = moved.remove(at);
                moved.insert(last - 1, one);
                write!(line, "; doubled {}; moved to the end {}", told(sample, &doubled), told(sample, &moved))
                    .unwrap();
            }
            writeln!(all, "{line}").unwrap();
        }
    }
    insta::assert_snapshot!(all);
}
