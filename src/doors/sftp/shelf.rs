//! When a partner's file is whole: the state of every file that was begun and not yet taken, without any I/O.
//!
//! A file is handed on only by an operation that its sender means as the last one (see [`Rules`]), only when its last
//! writer closed it, and only without a gap. A connection that breaks off leaves its file for resume, and hands on
//! nothing. While a file is being handed on nobody can change it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::ranges::Ranges;
use crate::partner::{Complete, SftpTerms};

/// Endings of names that clients use while they upload.
const TEMPORARY: [&str; 7] = [".filepart", ".part", ".partial", ".tmp", ".temp", ".upload", ".incomplete"];
/// A partner may have begun so many files at one time.
const MOST_FILES: usize = 2000;

/// Whether a name says to everybody that its file is not finished.
pub(super) fn is_temporary(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.starts_with('.') || TEMPORARY.iter().any(|ending| lower.ends_with(ending))
}

/// Which operation completes a file.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    complete: Complete,
    marker: String,
    quiet: SignedDuration,
    temporary: Vec<String>,
}

impl Rules {
    pub(super) fn of(terms: &SftpTerms) -> Self {
        let own = terms.temporary.iter().map(|ending| ending.to_ascii_lowercase());
        Self {
            complete: terms.complete,
            marker: terms.marker.clone(),
            quiet: SignedDuration::try_from(terms.quiet.get()).unwrap_or(SignedDuration::MAX),
            temporary: own.collect(),
        }
    }

    /// Whether a name says that its file is not finished.
    pub(super) fn is_temporary(&self, name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        is_temporary(name) || self.temporary.iter().any(|ending| lower.ends_with(ending.as_str()))
    }

    /// What a marker's name marks: the part before its ending.
    fn marks<'n>(&self, name: &'n str) -> Option<&'n str> {
        let marked = name.strip_suffix(self.marker.as_str()).filter(|marked| !marked.is_empty());
        marked.filter(|_| self.complete == Complete::Marker)
    }
}

/// Where a file stands: a folder for uploads, and a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Spot {
    /// Whether the folder is one whose files do not count yet.
    pub(super) staging: bool,
    /// The name.
    pub(super) name: String,
}

/// One opening of a file for writing. A later one of the same file takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Writer(u64);

/// The number of the bytes behind a name; they move with it.
pub(super) type Part = u64;

/// Why something cannot be done. The texts are for people who read their client's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no such file")]
    NotFound,
    #[error("a file with this name exists")]
    Exists,
    #[error("this file was taken already: send it whole, under this or another name")]
    Taken,
    #[error("this file is being taken just now: come again")]
    Busy,
    #[error("this file is still being written")]
    StillOpen,
    #[error("this file was opened again elsewhere since")]
    Displaced,
    #[error("this file was not sent to its end: send it again, or go on where it ends")]
    NotWhole,
    #[error("there is a gap at byte {0}: the file is kept, and not taken")]
    Gap(u64),
    #[error("the interchange ends without its IEA segment: the file is kept for a day, and not taken")]
    NoTrailer,
    #[error("the file's pieces are too many and too scattered")]
    Scattered,
    #[error("too many files were begun and not finished: finish or remove some")]
    TooMany,
}

/// How a file is opened for writing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct How {
    pub(super) truncate: bool,
    pub(super) create: bool,
    pub(super) exclusive: bool,
}

/// What came of opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) writer: Writer,
    pub(super) part: Part,
    /// Whether the part has to be made; else it goes on at its end.
    pub(super) fresh: bool,
    /// Bytes that nobody needs any more.
    pub(super) discard: Option<Part>,
}

/// What a file's bytes look like when it is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Empty,
    /// An X12 interchange without its end.
    NoTrailer,
    Fine,
}

/// What a close or a rename makes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Take this one, and tell [`Shelf::left`] what came of it.
    HandOn(Spot, Part),
    /// It waits for what completes it, and has to be durable before anybody is told yes.
    Wait,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Open(Writer),
    /// Its last writer went away, or left a gap.
    Cut,
    /// Closed without a byte in it.
    Empty,
    /// Closed, and all there.
    Whole,
    /// A marker that did its work.
    Spent,
    /// Being handed on. `back` is where it returns if it is not taken.
    Leaving {
        back: Option<Spot>,
    },
}

/// A file that was begun and not taken yet.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    pub(super) part: Part,
    phase: Phase,
    written: Ranges,
    pub(super) touched: Timestamp,
    /// What its sender says about its age; only shown again.
    pub(super) mtime: Option<u32>,
}

impl Begun {
    /// The size to show: where a client that goes on would go on.
    pub(super) fn size(&self) -> u64 {
        if matches!(self.phase, Phase::Open(_)) { self.written.end() } else { self.written.prefix() }
    }

    /// Whether its sender closed it with everything in it.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.phase, Phase::Whole | Phase::Leaving { .. })
    }

    fn is_moving(&self) -> bool {
        matches!(self.phase, Phase::Leaving { .. })
    }
}

/// One partner's files that were begun and not taken yet.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    files: BTreeMap<Spot, Begun>,
    writers: u64,
    parts: Part,
}

impl Shelf {
    /// A file from before a restart; its first `len` bytes are there.
    pub(super) fn restore(&mut self, spot: Spot, part: Part, whole: bool, len: u64, touched: Timestamp) {
        let phase = match (whole, len) {
            (true, 0) => Phase::Empty,
            (true, _) => Phase::Whole,
            (false, _) => Phase::Cut,
        };
        self.parts = self.parts.max(part);
        self.files.insert(spot, Begun { part, phase, written: Ranges::prefix_of(len), touched, mtime: None });
    }

    pub(super) fn get(&self, spot: &Spot) -> Option<&Begun> {
        self.files.get(spot)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Spot, &Begun)> {
        self.files.iter()
    }

    /// Opens a file for writing. `taken` says that a file of this name was handed on and is still shown.
    pub(super) fn open(&mut self, spot: &Spot, how: How, taken: bool, now: Timestamp) -> Result<Opened, Refusal> {
        let known = self.files.get(spot);
        match known {
            Some(file) if file.is_moving() => return Err(Refusal::Busy),
            Some(_) if how.exclusive => return Err(Refusal::Exists),
            None if taken && how.exclusive => return Err(Refusal::Exists),
            None if taken && !how.truncate && !how.create => return Err(Refusal::Taken),
            None if !taken && !how.create => return Err(Refusal::NotFound),
            None if self.files.len() >= MOST_FILES => return Err(Refusal::TooMany),
            _ => {}
        }
        self.writers += 1;
        let writer = Writer(self.writers);
        if let (Some(file), false) = (self.files.get_mut(spot), how.truncate) {
            // Whoever had it open has lost it: most often that is the same client, before its connection broke.
            let prefix = file.size().min(file.written.prefix());
            file.written.cut(prefix);
            file.phase = Phase::Open(writer);
            file.touched = now;
            return Ok(Opened { writer, part: file.part, fresh: false, discard: None });
        }
        self.parts += 1;
        let begun = Begun {
            part: self.parts,
            phase: Phase::Open(writer),
            written: Ranges::default(),
            touched: now,
            mtime: None,
        };
        let discard = self.files.insert(spot.clone(), begun).map(|old| old.part);
        Ok(Opened { writer, part: self.parts, fresh: true, discard })
    }

    /// Whether `writer` may write these bytes now.
    pub(super) fn may_write(&self, spot: &Spot, writer: Writer, from: u64, to: u64) -> Result<(), Refusal> {
        let file = self.held(spot, writer)?;
        if file.written.takes(from, to) { Ok(()) } else { Err(Refusal::Scattered) }
    }

    /// These bytes are written.
    pub(super) fn wrote(&mut self, spot: &Spot, writer: Writer, from: u64, to: u64, now: Timestamp) {
        if let Ok(file) = self.held_mut(spot, writer) {
            file.written.add(from, to);
            file.touched = now;
        }
    }

    /// Everything from `len` on is gone.
    pub(super) fn shortened(&mut self, spot: &Spot, writer: Writer, len: u64, now: Timestamp) {
        if let Ok(file) = self.held_mut(spot, writer) {
            file.written.cut(len);
            file.touched = now;
        }
    }

    /// How far a file that `writer` has open is there, and whether that is all of it.
    pub(super) fn extent(&self, spot: &Spot, writer: Writer) -> Result<(u64, bool), Refusal> {
        self.held(spot, writer).map(|file| (file.written.prefix(), !file.written.has_gap()))
    }

    /// What its sender says about a file's age.
    pub(super) fn dated(&mut self, spot: &Spot, mtime: u32) {
        if let Some(file) = self.files.get_mut(spot) {
            file.mtime = Some(mtime);
        }
    }

    /// `writer` closes its file.
    pub(super) fn closed(
        &mut self,
        spot: &Spot,
        writer: Writer,
        content: Content,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Next, Refusal> {
        let file = self.held_mut(spot, writer)?;
        file.touched = now;
        if file.written.has_gap() {
            let gap = file.written.prefix();
            file.phase = Phase::Cut;
            file.written.cut(gap);
            return Err(Refusal::Gap(gap));
        }
        file.phase = match content {
            Content::Empty => Phase::Empty,
            Content::NoTrailer => Phase::Cut,
            Content::Fine => Phase::Whole,
        };
        if content == Content::NoTrailer {
            return Err(Refusal::NoTrailer);
        }
        Ok(self.completed(spot, None, false, rules))
    }

    /// `writer` went away without closing its file.
    pub(super) fn lost(&mut self, spot: &Spot, writer: Writer, now: Timestamp) {
        if let Ok(file) = self.held_mut(spot, writer) {
            file.phase = Phase::Cut;
            file.touched = now;
            let prefix = file.written.prefix();
            file.written.cut(prefix);
        }
    }

    /// Gives a file another name. `taken` says that a file of the new name was handed on and is still shown. Answers
    /// what becomes of the file, and bytes that nobody needs any more.
    pub(super) fn rename(
        &mut self,
        from: &Spot,
        to: &Spot,
        replace: bool,
        taken: bool,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<(Next, Option<Part>), Refusal> {
        let file = self.files.get(from).ok_or(Refusal::NotFound)?;
        match file.phase {
            Phase::Leaving { .. } => return Err(Refusal::Busy),
            Phase::Open(_) => return Err(Refusal::StillOpen),
            // Its new name would say that it is finished, and nothing would ever come of it.
            Phase::Cut if !to.staging && !rules.is_temporary(&to.name) => return Err(Refusal::NotWhole),
            _ => {}
        }
        if from == to {
            return Ok((Next::Wait, None));
        }
        match self.files.get(to) {
            Some(other) if other.is_moving() => return Err(Refusal::Busy),
            Some(other) if matches!(other.phase, Phase::Open(_)) => return Err(Refusal::StillOpen),
            Some(_) if !replace => return Err(Refusal::Exists),
            None if taken && !replace => return Err(Refusal::Exists),
            _ => {}
        }
        let Some(mut file) = self.files.remove(from) else { return Err(Refusal::NotFound) };
        file.touched = now;
        let discard = self.files.insert(to.clone(), file).map(|old| old.part);
        Ok((self.completed(to, Some(from), true, rules), discard))
    }

    /// Removes a file; answers the bytes that nobody needs any more. Who has it open loses it.
    pub(super) fn remove(&mut self, spot: &Spot) -> Result<Part, Refusal> {
        match self.files.get(spot) {
            None => Err(Refusal::NotFound),
            Some(file) if file.is_moving() => Err(Refusal::Busy),
            Some(file) => {
                let part = file.part;
                self.files.remove(spot);
                Ok(part)
            }
        }
    }

    /// What came of handing a file on: taken, so that its bytes are not needed any more, or not, so that it is where it
    /// was before. Answers where it is then.
    pub(super) fn left(&mut self, spot: &Spot, taken: bool, rules: &Rules) -> Option<Spot> {
        let file = self.files.get_mut(spot)?;
        let Phase::Leaving { back } = &file.phase else { return None };
        let back = back.clone();
        if taken {
            self.files.remove(spot);
            let markers = self.files.iter_mut().filter(|(other, file)| {
                let marker = rules.marks(&other.name).is_some_and(|marked| marks(marked, &spot.name));
                marker && matches!(file.phase, Phase::Whole | Phase::Empty)
            });
            markers.for_each(|(_, file)| file.phase = Phase::Spent);
            return None;
        }
        file.phase = Phase::Whole;
        match back {
            Some(back) if !self.files.contains_key(&back) => {
                let file = self.files.remove(spot)?;
                self.files.insert(back.clone(), file);
                Some(back)
            }
            _ => Some(spot.clone()),
        }
    }

    /// The files that have been quiet for long enough; each has to be handed on.
    pub(super) fn quiet(&mut self, rules: &Rules, now: Timestamp) -> Vec<(Spot, Part)> {
        if rules.complete != Complete::Quiet {
            return Vec::new();
        }
        let mut due = Vec::new();
        for (spot, file) in &mut self.files {
            let counts = !spot.staging && !rules.is_temporary(&spot.name);
            if counts && file.phase == Phase::Whole && now.duration_since(file.touched) >= rules.quiet {
                file.phase = Phase::Leaving { back: None };
                file.touched = now;
                due.push((spot.clone(), file.part));
            }
        }
        due
    }

    /// Forgets files that nobody touched for `keep`, and answers them.
    pub(super) fn expire(&mut self, keep: SignedDuration, now: Timestamp) -> Vec<(Spot, Part)> {
        let stale = |file: &Begun| {
            !matches!(file.phase, Phase::Open(_) | Phase::Leaving { .. }) && now.duration_since(file.touched) >= keep
        };
        let gone: Vec<_> =
            self.files.iter().filter(|(_, file)| stale(file)).map(|(s, f)| (s.clone(), f.part)).collect();
        gone.iter().for_each(|(spot, _)| drop(self.files.remove(spot)));
        gone
    }

    /// What a close (or a rename from `back`) of the file at `spot` completes: it, or the file that it marks.
    fn completed(&mut self, spot: &Spot, back: Option<&Spot>, renamed: bool, rules: &Rules) -> Next {
        if spot.staging || rules.is_temporary(&spot.name) {
            return Next::Wait;
        }
        if let Some(marked) = rules.marks(&spot.name) {
            let is_marked = |(other, file): (&Spot, &Begun)| {
                !other.staging && file.phase == Phase::Whole && marks(marked, &other.name) && other != spot
            };
            let found = self.files.iter().find(|(other, file)| is_marked((other, file)));
            return match found.map(|(other, _)| other.clone()) {
                Some(marked) => self.leave(&marked, None),
                None => Next::Wait,
            };
        }
        let completes = match rules.complete {
            Complete::Close => true,
            Complete::Rename => renamed,
            Complete::Quiet => false,
            Complete::Marker => self.files.iter().any(|(other, file)| {
                let marker = rules.marks(&other.name).is_some_and(|marked| marks(marked, &spot.name));
                marker && !other.staging && matches!(file.phase, Phase::Whole | Phase::Empty)
            }),
        };
        if completes { self.leave(spot, back) } else { Next::Wait }
    }

    fn leave(&mut self, spot: &Spot, back: Option<&Spot>) -> Next {
        match self.files.get_mut(spot) {
            Some(file) if file.phase == Phase::Whole => {
                file.phase = Phase::Leaving { back: back.cloned() };
                Next::HandOn(spot.clone(), file.part)
            }
            _ => Next::Wait,
        }
    }

    fn held(&self, spot: &Spot, writer: Writer) -> Result<&Begun, Refusal> {
        self.files.get(spot).filter(|file| file.phase == Phase::Open(writer)).ok_or(Refusal::Displaced)
    }

    fn held_mut(&mut self, spot: &Spot, writer: Writer) -> Result<&mut Begun, Refusal> {
        self.files.get_mut(spot).filter(|file| file.phase == Phase::Open(writer)).ok_or(Refusal::Displaced)
    }
}

/// Whether the marker of `marked` is meant for a file of this name: `po1.done` marks `po1` and `po1.edi`, and
/// `po1.edi.done` marks `po1.edi`.
fn marks(marked: &str, name: &str) -> bool {
    marked == name || name.rsplit_once('.').is_some_and(|(stem, _)| stem == marked)
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
