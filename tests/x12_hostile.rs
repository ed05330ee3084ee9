//! X12 that means harm, or is merely enormous: it ends within the caps, with a finding, and costs its siblings nothing.
//!
//! Memory is looked at from outside by `gangway-bench`; here it is the caps that are held to, by files that would not fit otherwise.

use gangway::x12::{Checker, InterchangeVerdict, Policy, Step, stats};
use std::io::{self, Read};

const ISA: &str =
    "ISA*00*          *00*          *ZZ*SENDER         *01*RECEIVER       *260701*1200*^*00501*000000001*0*P*>~";

/// A source that is `head`, then `filler` until `length` bytes of it were given, then `tail`.
struct Long<'a> {
    head: &'a [u8],
    filler: &'a [u8],
    phase: usize,
    left: u64,
    tail: &'a [u8],
}

/// How many bytes to send: `full` with `GANGWAY_FULL`, which release builds take in seconds, and less without.
fn bytes(full: u64, short: u64) -> u64 {
    if std::env::var_os("GANGWAY_FULL").is_some() { full } else { short }
}

impl Read for Long<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.head.is_empty() {
            return self.head.read(into);
        }
        if self.left == 0 {
            return self.tail.read(into);
        }
        // The filler goes on where it stopped.
        let done = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        for (slot, byte) in into[..done].iter_mut().zip(self.filler.iter().cycle().skip(self.phase)) {
            *slot = *byte;
        }
        self.phase = (self.phase + done) % self.filler.len();
        self.left -= done as u64;
        Ok(done)
    }
}

fn interchange(body: &str, sets: usize) -> String {
    format!("{ISA}GS*PO*A*B*20260701*1200*7*X*005010~{body}GE*{sets}*7~IEA*1*000000001~")
}

const GOOD: &str = "ST*850*0009~BEG*00*SA*4500**20260701~PO1*1*2*EA*9.5~SE*4*0009~";

/// Letters of the sets, with their codes, and the verdict.
fn outcome(source: impl Read) -> (Vec<String>, Vec<InterchangeVerdict>) {
    let mut checker = Checker::new(source, |_| Policy::default());
    let (mut sets, mut verdicts) = (Vec::new(), Vec::new());
    while let Some(step) = checker.next().unwrap() {
        match step {
            Step::Set(set) => {
                let mut codes: Vec<&str> = set.findings.iter().map(|finding| finding.code.as_str()).collect();
                codes.dedup();
                let letter = char::from(set.status.letter());
                sets.push(format!("{letter} {} +{}", codes.join(" "), set.more));
            }
            Step::InterchangeEnd(verdict) => verdicts.push(*verdict),
            _ => {}
        }
    }
    (sets, verdicts)
}

#[test]
fn a_long_stretch_without_a_terminator_ends_in_a_finding() {
    let length = bytes(1 << 30, 3 << 20);
    let head = format!("{ISA}GS*PO*A*B*20260701*1200*7*X*005010~ST*850*0001~MSG*");
    // Nothing but text; nothing but separators; nothing but line ends; and a terminator after all, and a good set.
    for filler in [b"x".repeat(4096), b"*".repeat(4096), b"\n".repeat(4096), b"^>".repeat(2048)] {
        let source = Long { head: head.as_bytes(), filler: &filler, phase: 0, left: length, tail: b"" };
        let (sets, verdicts) = outcome(source);
        assert!(sets[0].starts_with("R X12-0003"), "{sets:?}");
        assert_eq!(verdicts[0].ta1.unwrap().note, 23);
        assert_eq!(verdicts[0].end, head.len() as u64 + length);
        let tail = format!("~SE*3*0001~{GOOD}GE*2*7~IEA*1*000000001~");
        let source = Long { head: head.as_bytes(), filler: &filler, phase: 0, left: length, tail: tail.as_bytes() };
        let (sets, _) = outcome(source);
        assert_eq!((sets.len(), sets[1].as_str()), (2, "A  +0"));
    }
}

#[test]
fn one_set_may_be_larger_than_memory() {
    let length = bytes(1 << 30, 10 << 20);
    let line = b"PO1*1*2*EA*9.5*PE*UP*012345678905~";
    let filler = line.repeat(120);
    let left = length / line.len() as u64 * line.len() as u64;
    let count = left / line.len() as u64;
    let head = format!("{ISA}GS*PO*A*B*20260701*1200*7*X*005010~ST*850*0001~BEG*00*SA*1**20260701~");
    let tail = format!("SE*{}*0001~{GOOD}GE*2*7~IEA*1*000000001~", count + 3);
    let source = || Long { head: head.as_bytes(), filler: &filler, phase: 0, left, tail: tail.as_bytes() };
    // 850 allows 100,000 lines: the others are told, up to the cap.
    let (sets, verdicts) = outcome(source());
    assert_eq!(sets, [format!("R X12-0404 +{}", count - 100_200), "A  +0".to_owned()]);
    assert_eq!(verdicts[0].segments, count + 3 + 4 + 4);
    assert_eq!(stats(source()).unwrap().errors, count - 100_000);
}

#[test]
fn a_million_of_anything_is_told_once() {
    // A million is more than one segment may hold, so that is what is told; fewer are told by their own code.
    for (count, of_length) in [(200_000, false), (1_000_000, true)] {
        let many = |text: &str| text.repeat(count);
        for (segment, code) in [
            (format!("REF*DP*1**LT>A{}", many(">B")), "X12-0513"),
            (format!("REF*DP*1{}", many("^1")), "X12-0512"),
            (format!("REF*DP*1{}", many("*1")), "X12-0503"),
            (format!("REF{}1", many("**")), "X12-0501"),
            (format!("REF*DP*{}", many("xx")), "X12-0505"),
        ] {
            let code = if of_length { "X12-0003" } else { code };
            let set = format!("ST*850*0001~BEG*00*SA*1**20260701~PO1*1*2*EA*9~{segment}~SE*5*0001~{GOOD}");
            let (sets, _) = outcome(interchange(&set, 2).as_bytes());
            assert!(sets[0].contains(code) && sets[0].len() < 60, "{code}: {}", sets[0]);
            assert_eq!(sets[1], "A  +0");
        }
    }
}

#[test]
fn counts_of_thirty_digits_are_wrong_counts() {
    let digits = "9".repeat(30);
    let body = GOOD.replace("SE*4*", &format!("SE*{digits}*"));
    let text =
        interchange(&body, 1).replace("GE*1*", &format!("GE*{digits}*")).replace("IEA*1*", &format!("IEA*{digits}*"));
    let (sets, verdicts) = outcome(text.as_bytes());
    assert_eq!(sets, ["R X12-0505 X12-0303 +0"]);
    let verdict = &verdicts[0];
    assert_eq!(verdict.groups[0].findings[0].code.as_str(), "X12-0203");
    assert_eq!(verdict.findings[0].code.as_str(), "X12-0103");
}

#[test]
fn binary_data_of_four_gigabytes_are_passed_over() {
    let length = bytes(4 << 30, 10 << 20);
    let head = format!("{ISA}GS*PO*A*B*20260701*1200*7*X*005010~ST*850*0001~BIN*{length}*");
    let tail = format!("~SE*3*0001~{GOOD}GE*2*7~IEA*1*000000001~");
    let filler = b"~ST*850*0002~ISA*IEA*1~".repeat(100);
    let source = Long { head: head.as_bytes(), filler: &filler, phase: 0, left: length, tail: tail.as_bytes() };
    let (sets, verdicts) = outcome(source);
    assert_eq!((sets.len(), sets[1].as_str(), verdicts.len()), (2, "A  +0", 1));
    assert!(sets[0].contains("X12-0003"));
    // A length that the file does not have.
    let (sets, _) = outcome(interchange(&format!("ST*850*0001~BIN*4294967296*x~SE*3*0001~{GOOD}"), 2).as_bytes());
    assert!(sets[0].contains("X12-0003"), "{sets:?}");
}

#[test]
fn a_long_chain_of_levels_is_followed() {
    let levels = bytes(1_000_000, 210_000);
    let chain: String = (2..=levels).map(|n| format!("HL*{n}*{}*I*1~", n - 1)).collect();
    let body = format!("ST*856*0001~BSN*00*12*20260701*1200~HL*1**S*1~{chain}SE*{}*0001~", levels + 3);
    let text = interchange(&body, 1).replace("GS*PO", "GS*SH");
    let (sets, _) = outcome(text.as_bytes());
    // 856 allows 200,000 levels, and 200 findings are kept.
    assert_eq!(sets, [format!("R X12-0404 +{}", levels - 200_200)]);
}

#[test]
fn millions_of_tiny_sets_and_interchanges_are_counted() {
    let (head, set) = (format!("{ISA}GS*PO*A*B*20260701*1200*7*X*005010~"), b"ST*850*0001~SE*2*0001~");
    let filler = set.repeat(100);
    let count = bytes(5_000_000, 50_000);
    let left = count * set.len() as u64;
    let tail = format!("GE*{count}*7~IEA*1*000000001~");
    let source = || Long { head: head.as_bytes(), filler: &filler, phase: 0, left, tail: tail.as_bytes() };
    let (sets, verdicts) = outcome(source());
    assert_eq!((sets.len() as u64, verdicts[0].sets, verdicts[0].groups[0].accepted), (count, count, 0));
    assert!(verdicts[0].groups[0].sets.len() <= 400_000);
    assert!(verdicts[0].all_findings().count() <= 20_200);
    let one = interchange("", 0);
    let wrapped: String =
        one.as_bytes().chunks(80).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect();
    for text in [one, wrapped] {
        let filler = text.repeat(50);
        let source =
            Long { head: b"", filler: filler.as_bytes(), phase: 0, left: count / 20 * text.len() as u64, tail: b"" };
        assert_eq!(stats(source).unwrap().interchanges, count / 20);
    }
}
