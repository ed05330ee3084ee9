//! What a file of any size holds, in numbers: everything is checked, and nothing is kept.

use super::check::{Checker, Step};
use super::policy::Policy;
use serde::Serialize;
use std::io::{self, Read};

/// The numbers of one file.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize)]
pub struct Stats {
    /// Its bytes.
    pub bytes: u64,
    /// Interchanges.
    pub interchanges: u64,
    /// Functional groups.
    pub groups: u64,
    /// Transaction sets.
    pub sets: u64,
    /// Segments, envelopes counted.
    pub segments: u64,
    /// Errors, and stretches of bytes that belong to no interchange.
    pub errors: u64,
    /// How long it took; the caller fills it in, for this room has no clock.
    pub seconds: f64,
}

/// Reads a source to its end under the default policy.
///
/// # Errors
///
/// Those of the source.
pub fn stats(source: impl Read) -> io::Result<Stats> {
    gather(Checker::new(source, |_| Policy::default()).lean())
}

/// The same without a look into the sets: envelopes, counts and control numbers only.
///
/// # Errors
///
/// Those of the source.
pub fn envelope_stats(source: impl Read) -> io::Result<Stats> {
    gather(Checker::new(source, |_| Policy::default()).envelope_only())
}

fn gather<R: Read>(mut checker: Checker<'_, R>) -> io::Result<Stats> {
    let mut stats = Stats::default();
    while let Some(step) = checker.next()? {
        match step {
            Step::Interchange(_) => stats.interchanges += 1,
            Step::Group(_) => stats.groups += 1,
            Step::Set(_) => stats.sets += 1,
            Step::InterchangeEnd(verdict) => {
                stats.segments += verdict.segments;
                stats.errors += verdict.errors;
            }
            Step::Rubbish(_) => stats.errors += 1,
        }
    }
    stats.bytes = checker.position();
    Ok(stats)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x12::isa::tests::ISA;

    #[test]
    fn numbers_are_those_of_the_file() {
        let text = b"GS*PO*A*B*20260101*1200*1*X*005010~ST*850*0001~BEG*00*SA*1**20260101~PO1*1*1*EA*1~SE*4*0001~GE*1*1~IEA*1*000000001~";
        let file = [b"?".as_slice(), b"\n", ISA, text].concat();
        let stats = stats(&file[..]).unwrap();
        let seen = (stats.bytes, stats.interchanges, stats.groups, stats.sets, stats.segments, stats.errors);
        assert_eq!(seen, (file.len() as u64, 1, 1, 1, 8, 1));
        let envelope = envelope_stats(&file[..]).unwrap();
        assert_eq!(envelope, Stats { errors: 1, ..stats });
    }
}
