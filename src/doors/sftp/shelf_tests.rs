//! Every way in which a file becomes whole, and every way in which it must not.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::config::Duration;

const NEW: How = How { truncate: true, create: true, exclusive: false };
const RESUME: How = How { truncate: false, create: false, exclusive: false };

fn rules(complete: Complete) -> Rules {
    let mut terms = SftpTerms::plain(Vec::new(), Vec::new(), Vec::new());
    terms.complete = complete;
    terms.temporary = vec![".XYZ".to_owned()];
    terms.quiet = Duration::seconds(60);
    Rules::of(&terms)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn spot(name: &str) -> Spot {
    Spot { staging: false, name: name.to_owned() }
}

fn staged(name: &str) -> Spot {
    Spot { staging: true, name: name.to_owned() }
}

/// A shelf where what is tried is short to write.
struct Bench {
    shelf: Shelf,
    rules: Rules,
}

impl Bench {
    fn new(complete: Complete) -> Self {
        Self { shelf: Shelf::default(), rules: rules(complete) }
    }

    fn begin(&mut self, spot: &Spot, how: How, bytes: std::ops::Range<u64>) -> Writer {
        let writer = self.shelf.open(spot, how, false, at(0)).unwrap().writer;
        self.shelf.may_write(spot, writer, bytes.start, bytes.end).unwrap();
        self.shelf.wrote(spot, writer, bytes.start, bytes.end, at(0));
        writer
    }

    fn close(&mut self, spot: &Spot, writer: Writer) -> Result<Next, Refusal> {
        self.shelf.closed(spot, writer, Content::Fine, &self.rules, at(1))
    }

    fn put(&mut self, spot: &Spot) -> Result<Next, Refusal> {
        let writer = self.begin(spot, NEW, 0..10);
        self.close(spot, writer)
    }

    fn rename(&mut self, from: &Spot, to: &Spot) -> Result<Next, Refusal> {
        self.shelf.rename(from, to, false, false, &self.rules, at(2)).map(|(next, _)| next)
    }
}

fn hands_on(next: &Result<Next, Refusal>, name: &str) -> bool {
    matches!(next, Ok(Next::HandOn(spot, _)) if spot.name == name && !spot.staging)
}

#[test]
fn a_close_completes_a_file_with_a_name_of_its_own() {
    let mut bench = Bench::new(Complete::Close);
    assert!(hands_on(&bench.put(&spot("a.edi")), "a.edi"));
    assert_eq!(bench.shelf.open(&spot("a.edi"), NEW, false, at(2)).unwrap_err(), Refusal::Busy);
    assert_eq!(bench.shelf.remove(&spot("a.edi")), Err(Refusal::Busy));
    assert_eq!(bench.rename(&spot("a.edi"), &spot("b.edi")), Err(Refusal::Busy));
    assert_eq!(bench.shelf.left(&spot("a.edi"), true, &bench.rules), None);
    assert!(bench.shelf.get(&spot("a.edi")).is_none());
}

#[test]
fn a_temporary_name_waits_for_its_rename() {
    for name in
        ["a.edi.filepart", "a.PART", "a.partial", "a.tmp", "a.temp", "a.upload", "a.incomplete", ".a.edi.Xy12", "a.xyz"]
    {
        let mut bench = Bench::new(Complete::Close);
        assert_eq!(bench.put(&spot(name)), Ok(Next::Wait), "{name}");
        assert_eq!(bench.rename(&spot(name), &spot("b.tmp")), Ok(Next::Wait));
        assert!(hands_on(&bench.rename(&spot("b.tmp"), &spot("a.edi")), "a.edi"));
        assert_eq!(bench.shelf.left(&spot("a.edi"), false, &bench.rules), Some(spot("b.tmp")), "it is back");
        assert!(hands_on(&bench.rename(&spot("b.tmp"), &spot("a.edi")), "a.edi"));
    }
}

#[test]
fn a_file_in_staging_waits_until_it_is_moved() {
    let mut bench = Bench::new(Complete::Close);
    assert_eq!(bench.put(&staged("a.edi")), Ok(Next::Wait));
    assert!(hands_on(&bench.rename(&staged("a.edi"), &spot("a.edi")), "a.edi"));
}

#[test]
fn where_only_a_rename_completes_a_close_does_not() {
    let mut bench = Bench::new(Complete::Rename);
    assert_eq!(bench.put(&spot("a.edi")), Ok(Next::Wait));
    assert!(hands_on(&bench.rename(&spot("a.edi"), &spot("b.edi")), "b.edi"));
}

#[test]
fn a_marker_completes_the_file_that_it_marks_whichever_comes_first() {
    for (first, second) in
        [("po.edi", "po.edi.done"), ("po.edi", "po.done"), ("po.edi.done", "po.edi"), ("po.done", "po.edi")]
    {
        let mut bench = Bench::new(Complete::Marker);
        assert_eq!(bench.put(&spot(first)), Ok(Next::Wait), "{first}");
        assert_eq!(bench.put(&spot("other.edi")), Ok(Next::Wait));
        assert!(hands_on(&bench.put(&spot(second)), "po.edi"), "{first} {second}");
        assert_eq!(bench.shelf.left(&spot("po.edi"), true, &bench.rules), None);
        assert_eq!(bench.put(&spot("po.edi")), Ok(Next::Wait), "a marker works once");
    }
    let mut bench = Bench::new(Complete::Marker);
    let writer = bench.shelf.open(&spot("po.done"), NEW, false, at(0)).unwrap().writer;
    assert_eq!(bench.shelf.closed(&spot("po.done"), writer, Content::Empty, &bench.rules, at(0)), Ok(Next::Wait));
    assert!(hands_on(&bench.put(&spot("po.edi")), "po.edi"), "a marker may be empty");
}

#[test]
fn quiet_files_are_due_after_their_wait_and_not_while_they_are_open() {
    let mut bench = Bench::new(Complete::Quiet);
    assert_eq!(bench.put(&spot("a.edi")), Ok(Next::Wait));
    assert_eq!(bench.put(&spot("b.edi")), Ok(Next::Wait));
    assert_eq!(bench.put(&spot("c.tmp")), Ok(Next::Wait));
    assert_eq!(bench.shelf.quiet(&bench.rules, at(60)), []);
    let writer = bench.begin(&spot("b.edi"), RESUME, 10..20);
    let due = bench.shelf.quiet(&bench.rules, at(90));
    assert_eq!(due.iter().map(|(spot, _)| spot.name.as_str()).collect::<Vec<_>>(), ["a.edi"]);
    assert_eq!(bench.shelf.quiet(&bench.rules, at(900)), []);
    assert_eq!(bench.shelf.left(&spot("a.edi"), false, &bench.rules), Some(spot("a.edi")));
    assert_eq!(bench.close(&spot("b.edi"), writer), Ok(Next::Wait));
    assert_eq!(bench.shelf.quiet(&bench.rules, at(900)).len(), 2, "what was not taken is tried again");
}

#[test]
fn a_cut_connection_hands_nothing_on_and_leaves_its_file_for_resume() {
    let mut bench = Bench::new(Complete::Close);
    let writer = bench.begin(&spot("a.edi"), NEW, 0..10);
    bench.shelf.wrote(&spot("a.edi"), writer, 20, 30, at(0));
    bench.shelf.lost(&spot("a.edi"), writer, at(1));
    assert_eq!(bench.shelf.get(&spot("a.edi")).unwrap().size(), 10, "a client goes on where no gap is");
    assert_eq!(bench.close(&spot("a.edi"), writer), Err(Refusal::Displaced));
    assert_eq!(bench.rename(&spot("a.edi"), &spot("b.edi")), Err(Refusal::NotWhole));
    let again = bench.begin(&spot("a.edi"), RESUME, 10..30);
    assert!(hands_on(&bench.close(&spot("a.edi"), again), "a.edi"));
}

#[test]
fn a_gap_is_never_handed_on() {
    let mut bench = Bench::new(Complete::Close);
    let writer = bench.begin(&spot("a.edi"), NEW, 5..10);
    assert_eq!(bench.close(&spot("a.edi"), writer), Err(Refusal::Gap(0)));
    let writer = bench.begin(&spot("a.edi"), RESUME, 0..10);
    assert!(hands_on(&bench.close(&spot("a.edi"), writer), "a.edi"));
}

#[test]
fn an_interchange_without_its_end_is_kept_and_not_handed_on() {
    let mut bench = Bench::new(Complete::Close);
    let writer = bench.begin(&spot("a.tmp"), NEW, 0..10);
    let closed = bench.shelf.closed(&spot("a.tmp"), writer, Content::NoTrailer, &bench.rules, at(1));
    assert_eq!(closed, Err(Refusal::NoTrailer));
    assert_eq!(bench.rename(&spot("a.tmp"), &spot("a.edi")), Err(Refusal::NotWhole));
    let writer = bench.begin(&spot("a.tmp"), RESUME, 10..20);
    assert_eq!(bench.close(&spot("a.tmp"), writer), Ok(Next::Wait));
    assert!(hands_on(&bench.rename(&spot("a.tmp"), &spot("a.edi")), "a.edi"));
}

#[test]
fn an_empty_file_is_kept_and_never_handed_on() {
    let mut bench = Bench::new(Complete::Close);
    let writer = bench.shelf.open(&spot("a.edi"), NEW, false, at(0)).unwrap().writer;
    assert_eq!(bench.shelf.closed(&spot("a.edi"), writer, Content::Empty, &bench.rules, at(1)), Ok(Next::Wait));
    assert_eq!(bench.rename(&spot("a.edi"), &spot("b.edi")), Ok(Next::Wait));
}

#[test]
fn a_later_opening_takes_the_place_of_an_earlier_one() {
    let mut bench = Bench::new(Complete::Close);
    let old = bench.begin(&spot("a.edi"), NEW, 0..10);
    let opened = bench.shelf.open(&spot("a.edi"), NEW, false, at(1)).unwrap();
    assert!(opened.fresh && opened.discard.is_some());
    assert_eq!(bench.shelf.may_write(&spot("a.edi"), old, 10, 20), Err(Refusal::Displaced));
    assert_eq!(bench.close(&spot("a.edi"), old), Err(Refusal::Displaced));
    bench.shelf.lost(&spot("a.edi"), old, at(1));
    bench.shelf.wrote(&spot("a.edi"), opened.writer, 0, 3, at(1));
    assert!(hands_on(&bench.close(&spot("a.edi"), opened.writer), "a.edi"));
}

#[test]
fn names_that_were_taken_are_there_and_can_be_sent_anew() {
    let mut shelf = Shelf::default();
    let name = spot("a.edi");
    let open =
        |shelf: &mut Shelf, how: How, taken: bool| shelf.open(&name, how, taken, at(0)).map(|opened| opened.fresh);
    assert_eq!(open(&mut shelf, RESUME, true), Err(Refusal::Taken));
    assert_eq!(open(&mut shelf, RESUME, false), Err(Refusal::NotFound));
    assert_eq!(open(&mut shelf, How { exclusive: true, ..NEW }, true), Err(Refusal::Exists));
    assert_eq!(open(&mut shelf, NEW, true), Ok(true));
    assert_eq!(open(&mut shelf, How { exclusive: true, ..NEW }, false), Err(Refusal::Exists));
}

#[test]
fn renames_replace_only_when_asked_to() {
    let mut bench = Bench::new(Complete::Close);
    let (old, new) = (spot("a.tmp"), spot("b.tmp"));
    bench.put(&old).unwrap();
    bench.put(&new).unwrap();
    assert_eq!(bench.rename(&old, &new), Err(Refusal::Exists));
    let taken = bench.shelf.rename(&old, &spot("a.edi"), false, true, &bench.rules, at(1));
    assert_eq!(taken.unwrap_err(), Refusal::Exists);
    let (next, discard) = bench.shelf.rename(&old, &new, true, false, &bench.rules, at(1)).unwrap();
    assert!(next == Next::Wait && discard.is_some());
    let (next, _) = bench.shelf.rename(&new, &spot("a.edi"), true, true, &bench.rules, at(1)).unwrap();
    assert!(hands_on(&Ok(next), "a.edi"));
}

#[test]
fn what_nobody_touches_goes_after_its_time_and_what_is_open_does_not() {
    let mut bench = Bench::new(Complete::Close);
    bench.put(&spot("a.tmp")).unwrap();
    bench.begin(&spot("b.tmp"), NEW, 0..1);
    bench.shelf.restore(spot("c.edi"), 77, false, 5, at(500));
    let day = SignedDuration::from_hours(24);
    assert_eq!(bench.shelf.expire(day, at(86_000)), []);
    let gone = bench.shelf.expire(day, at(86_401));
    assert_eq!(gone.iter().map(|(spot, _)| spot.name.as_str()).collect::<Vec<_>>(), ["a.tmp"]);
    assert!(bench.shelf.open(&spot("d"), NEW, false, at(0)).unwrap().part > 77, "parts are never numbered twice");
}

/// What anybody can do, on few names and openings, so that they meet.
#[derive(Debug, Clone)]
enum Step {
    Open { name: usize, truncate: bool, create: bool },
    Write { opening: usize, from: u64, len: u64 },
    Close { opening: usize },
    Lose { opening: usize },
    Rename { from: usize, to: usize, replace: bool },
    Remove { name: usize },
    Left { name: usize, taken: bool },
    Quiet,
}

const NAMES: [(bool, &str); 5] =
    [(false, "a.edi"), (false, "b.edi"), (false, "a.tmp"), (true, "a.edi"), (false, "a.edi.done")];

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    let opening = 0..6_usize;
    prop_oneof![
        3 => (name.clone(), any::<bool>(), any::<bool>()).prop_map(|(name, truncate, create)| Step::Open { name, truncate, create }),
        6 => (opening.clone(), 0..4_u64, 1..4_u64).prop_map(|(opening, from, len)| Step::Write { opening, from: from * 2, len: len * 2 }),
        4 => opening.clone().prop_map(|opening| Step::Close { opening }),
        1 => opening.prop_map(|opening| Step::Lose { opening }),
        3 => (name.clone(), name.clone(), any::<bool>()).prop_map(|(from, to, replace)| Step::Rename { from, to, replace }),
        1 => name.clone().prop_map(|name| Step::Remove { name }),
        3 => (name, any::<bool>()).prop_map(|(name, taken)| Step::Left { name, taken }),
        1 => Just(Step::Quiet),
    ]
}

/// What is known of some bytes without looking at the shelf.
#[derive(Debug, Default, Clone)]
struct Known {
    bytes: std::collections::BTreeSet<u64>,
    /// The last thing that happened to them was a close by whoever wrote them last.
    closed: bool,
    writer: Option<Writer>,
    taken: bool,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_operations_hands_on_half_a_file(
        complete in prop::sample::select(vec![Complete::Close, Complete::Rename, Complete::Marker, Complete::Quiet]),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let rules = rules(complete);
        let mut shelf = Shelf::default();
        let mut parts: BTreeMap<Part, Known> = BTreeMap::new();
        let mut openings: Vec<(Spot, Writer, Part)> = Vec::new();
        let mut leaving: BTreeMap<Spot, Part> = BTreeMap::new();
        let named = |index: usize| Spot { staging: NAMES[index].0, name: NAMES[index].1.to_owned() };
        for (second, step) in steps.into_iter().enumerate() {
            let now = at(second as i64 * 61);
            let mut handed = Vec::new();
            let before = leaving.clone();
            match step {
                Step::Open { name, truncate, create } => {
                    let spot = named(name);
                    if let Ok(opened) = shelf.open(&spot, How { truncate, create, exclusive: false }, false, now) {
                        let known = parts.entry(opened.part).or_default();
                        prop_assert!(opened.fresh == known.bytes.is_empty() || !opened.fresh);
                        known.closed = false;
                        known.writer = Some(opened.writer);
                        // What stood behind a gap is not counted on.
                        let prefix = (0..).take_while(|byte| known.bytes.contains(byte)).count() as u64;
                        known.bytes.retain(|byte| *byte < prefix);
                        openings.push((spot, opened.writer, opened.part));
                    }
                }
                Step::Write { opening, from, len } => {
                    if let Some((spot, writer, part)) = openings.get(opening)
                        && shelf.may_write(spot, *writer, from, from + len).is_ok()
                    {
                        shelf.wrote(spot, *writer, from, from + len, now);
                        let known = parts.get_mut(part).unwrap();
                        prop_assert_eq!(known.writer, Some(*writer), "only the last opening writes");
                        prop_assert!(!known.taken && !before.values().any(|leaving| leaving == part));
                        known.bytes.extend(from..from + len);
                    }
                }
                Step::Close { opening } if opening < openings.len() => {
                    let (spot, writer, part) = openings.remove(opening);
                    let known = parts.get_mut(&part).unwrap();
                    let content = if known.bytes.is_empty() { Content::Empty } else { Content::Fine };
                    let closed = shelf.closed(&spot, writer, content, &rules, now);
                    if known.writer == Some(writer) && closed != Err(Refusal::Displaced) {
                        known.closed = true;
                        known.writer = None;
                    }
                    handed.extend(closed.ok());
                }
                Step::Lose { opening } if opening < openings.len() => {
                    let (spot, writer, part) = openings.remove(opening);
                    shelf.lost(&spot, writer, now);
                    let known = parts.get_mut(&part).unwrap();
                    if known.writer == Some(writer) {
                        known.writer = None;
                        known.closed = false;
                    }
                }
                Step::Rename { from, to, replace } => {
                    if let Ok((next, _)) = shelf.rename(&named(from), &named(to), replace, false, &rules, now) {
                        handed.push(next);
                    }
                }
                Step::Remove { name } => drop(shelf.remove(&named(name))),
                Step::Left { name, taken } => {
                    if let Some(part) = leaving.remove(&named(name)) {
                        shelf.left(&named(name), taken, &rules);
                        parts.get_mut(&part).unwrap().taken |= taken;
                    }
                }
                Step::Quiet => handed.extend(shelf.quiet(&rules, now).into_iter().map(|(spot, part)| Next::HandOn(spot, part))),
                Step::Close { .. } | Step::Lose { .. } => {}
            }
            for next in handed {
                let Next::HandOn(spot, part) = next else { continue };
                let known = &parts[&part];
                prop_assert!(known.closed && known.writer.is_none(), "{spot:?} was not closed by its last writer");
                prop_assert!(!known.bytes.is_empty() && *known.bytes.last().unwrap() + 1 == known.bytes.len() as u64, "{spot:?} has a gap");
                prop_assert!(!known.taken, "{spot:?} was taken before");
                prop_assert!(!spot.staging && !rules.is_temporary(&spot.name) && rules.marks(&spot.name).is_none());
                prop_assert!(!leaving.values().any(|leaving| *leaving == part), "{spot:?} is handed on already");
                leaving.insert(spot, part);
            }
        }
    }
}
