//! The text form of a standard, `*.x12std`: read once into tables.
//!
//! One entry per line, in the order elements, composites, segments, sets, each using only what stands above it; an
//! indented line goes on with the entry above. The head of each file says how an entry reads.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::codes::CodeSet;
use super::define::{
    CompositeDef, Content, ElementDef, ElementKind, ElementUse, NoteKind, Requirement, SegmentDef, SegmentId,
    SyntaxNote, mandatory, relate,
};
use super::set::{Branch, NodeKind, SetDef};
use super::{Standard, Tags};

/// A line that does not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

impl std::error::Error for Fault {}

/// One entry: its first line's number, its indented lines with their depth in blanks.
struct Entry<'t> {
    line: usize,
    head: &'t str,
    body: Vec<(usize, &'t str, usize)>,
}

/// Reads the text of one standard.
pub(super) fn read(text: &str) -> Result<Standard, Fault> {
    let mut standard = Standard::default();
    let (mut elements, mut composites) = (HashMap::new(), HashMap::new());
    for entry in entries(text)? {
        let fault = |text: String| Fault { line: entry.line, text };
        let (word, rest) = entry.head.split_once(' ').unwrap_or((entry.head, ""));
        match word {
            "version" => {
                let known = Standard::VERSIONS.into_iter().find(|version| *version == rest);
                standard.version = known.ok_or_else(|| fault(format!("`{rest}` is no version that is known here")))?;
            }
            "element" => {
                let element = element(rest, &entry.body).map_err(fault)?;
                elements.insert(element.number.clone(), element.clone());
                standard.elements.push(element);
            }
            "composite" => {
                let (id, components, notes) = uses(rest, &entry, &elements, &composites).map_err(fault)?;
                let mandatory = mandatory(&components);
                let composite = Arc::new(CompositeDef { id: id.into(), components, mandatory, notes });
                composites.insert(composite.id.clone(), Arc::clone(&composite));
                standard.composites.push(composite);
            }
            "segment" => {
                let (tag, elements, notes) = uses(rest, &entry, &elements, &composites).map_err(fault)?;
                let id = SegmentId(standard.segments.len() as u16);
                let mandatory = mandatory(&elements);
                standard.segments.push(SegmentDef { id, tag: tag.into(), elements, mandatory, notes });
            }
            "set" => {
                // Sets come last, so all tags are known by the first of them.
                if standard.sets.is_empty() {
                    standard.tags = Tags::new(&standard.segments);
                }
                let (id, group) = rest.split_once(' ').ok_or_else(|| fault("a set needs its group".into()))?;
                let mut lines = entry.body.iter().copied().peekable();
                let tree = tree(&mut lines, 2, &standard)?;
                let set = SetDef::new(id, group, &tree, standard.segments.len());
                let set = set.ok_or_else(|| fault(format!("set {id} does not form a tree")))?;
                standard.sets.push(Arc::new(set));
            }
            _ => return Err(fault(format!("`{word}` opens no entry"))),
        }
    }
    standard.elements.sort_by(|a, b| a.number.cmp(&b.number));
    standard.composites.sort_by(|a, b| a.id.cmp(&b.id));
    standard.sets.sort_by(|a, b| a.id().cmp(b.id()));
    Ok(standard)
}

/// Gathers lines into entries; comments and empty lines fall away.
fn entries(text: &str) -> Result<Vec<Entry<'_>>, Fault> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let content = line.trim_start_matches(' ');
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let depth = line.len() - content.len();
        if depth == 0 {
            entries.push(Entry { line: number, head: content, body: Vec::new() });
        } else if let Some(entry) = entries.last_mut() {
            entry.body.push((depth, content, number));
        } else {
            return Err(Fault { line: number, text: "goes on with nothing".into() });
        }
    }
    Ok(entries)
}

/// `353 ID 2 2`, and codes.
fn element(head: &str, body: &[(usize, &str, usize)]) -> Result<ElementDef, String> {
    let words: Vec<&str> = head.split(' ').collect();
    let [number, kind, min, max] = words[..] else { return Err(format!("`{head}` is not NUMBER TYPE MIN MAX")) };
    let kind = ElementKind::from_name(kind).ok_or_else(|| format!("`{kind}` is no type"))?;
    let length = |text: &str| text.parse::<u32>().map_err(|_| format!("`{text}` is no length"));
    let (min, max) = (length(min)?, length(max)?);
    let words = || body.iter().flat_map(|(_, line, _)| line.split(' '));
    let codes = words().next().map(|_| Arc::new(CodeSet::new(words().map(str::as_bytes))));
    Ok(ElementDef { number: number.into(), kind, min, max, codes })
}

type Uses<'t> = (&'t str, Box<[ElementUse]>, Box<[SyntaxNote]>);

/// `REF 128! 127 352 C040 / R0203`: a name, uses, notes.
fn uses<'t>(
    head: &'t str,
    entry: &Entry<'t>,
    elements: &HashMap<Box<str>, ElementDef>,
    composites: &HashMap<Box<str>, Arc<CompositeDef>>,
) -> Result<Uses<'t>, String> {
    let mut words = head.split(' ').chain(entry.body.iter().flat_map(|(_, line, _)| line.split(' ')));
    let name = words.next().unwrap_or_default();
    let mut uses = Vec::new();
    for word in words.by_ref().take_while(|word| *word != "/") {
        let (word, repeat) = match word.split_once('*') {
            Some((word, times)) => (word, times.parse().map_err(|_| format!("`{times}` is no number of times"))?),
            None => (word, 1),
        };
        let (number, requirement) = match word.strip_suffix('!') {
            Some(number) => (number, Requirement::Mandatory),
            None => (word, Requirement::Optional),
        };
        let content = match (elements.get(number), composites.get(number)) {
            (Some(element), _) => Content::Simple(element.clone()),
            (None, Some(composite)) => Content::Composite(Arc::clone(composite)),
            (None, None) => return Err(format!("`{number}` is neither an element nor a composite above")),
        };
        uses.push(ElementUse { requirement, repeat, content });
    }
    if uses.len() > 64 {
        return Err(format!("{name} has more than 64 elements"));
    }
    let notes = words.map(note).collect::<Result<Vec<_>, _>>()?;
    if notes.iter().any(|note| (note.first | note.others).checked_shr(uses.len() as u32).unwrap_or(0) != 0) {
        return Err(format!("a note of {name} reaches past its last element"));
    }
    relate(&mut uses, &notes);
    Ok((name, uses.into(), notes.into()))
}

/// `C0302`: a kind and positions of two digits each.
pub(super) fn note(text: &str) -> Result<SyntaxNote, String> {
    let fault = || format!("`{text}` is no syntax note");
    let kind = match text.get(..1) {
        Some("P") => NoteKind::Paired,
        Some("R") => NoteKind::Required,
        Some("E") => NoteKind::Exclusion,
        Some("C") => NoteKind::Conditional,
        Some("L") => NoteKind::List,
        _ => return Err(fault()),
    };
    let digits = text.as_bytes().get(1..).unwrap_or_default();
    let position = |pair: &[u8]| std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?.parse().ok();
    let positions = digits.chunks(2).map(position).collect::<Option<Vec<u8>>>().ok_or_else(fault)?;
    SyntaxNote::new(kind, &positions).ok_or_else(fault)
}

/// The lines of one loop, all at the same depth, and the loops within.
fn tree<'t>(
    lines: &mut std::iter::Peekable<impl Iterator<Item = (usize, &'t str, usize)>>,
    depth: usize,
    standard: &Standard,
) -> Result<Vec<Branch>, Fault> {
    let mut branches = Vec::new();
    while let Some((_, line, number)) = lines.next_if(|(blanks, ..)| *blanks == depth) {
        let fault = |text: String| Fault { line: number, text };
        let words: Vec<&str> = line.split(' ').collect();
        let (["loop", name, requirement, max] | [name, requirement, max]) = words[..] else {
            return Err(fault(format!("`{line}` is not TAG M|O MAX or loop ID M|O MAX")));
        };
        let requirement = match requirement {
            "M" => Requirement::Mandatory,
            "O" => Requirement::Optional,
            other => return Err(fault(format!("`{other}` is neither M nor O"))),
        };
        let max = match max {
            "*" => u32::MAX,
            max => max.parse().map_err(|_| fault(format!("`{max}` is no maximum")))?,
        };
        let (kind, children) = if words.len() == 4 {
            (NodeKind::Loop(name.into()), tree(lines, depth + 2, standard)?)
        } else {
            let segment = standard.segment_id(name.as_bytes());
            (NodeKind::Segment(segment.ok_or_else(|| fault(format!("`{name}` is no segment above")))?), Vec::new())
        };
        branches.push(Branch { kind, requirement, max, children });
    }
    if let Some((blanks, _, number)) = lines.peek()
        && *blanks > depth
    {
        return Err(Fault { line: *number, text: "is indented under a segment".into() });
    }
    Ok(branches)
}

impl ElementKind {
    /// The type by the standard's name for it: AN, ID, DT, TM, R, N0 to N9, B.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "AN" => Self::Text,
            "ID" => Self::Code,
            "DT" => Self::Date,
            "TM" => Self::Time,
            "R" => Self::Decimal,
            "B" => Self::Binary,
            _ => Self::Integer(name.strip_prefix('N')?.parse().ok().filter(|decimals| *decimals < 10)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let cases = [
            ("  AA", "line 1: goes on with nothing"),
            ("version 004010\n\nelement 1 XX 1 2", "line 3: `XX` is no type"),
            ("version 1", "line 1: `1` is no version that is known here"),
            ("element 1 AN 1", "line 1: `1 AN 1` is not NUMBER TYPE MIN MAX"),
            ("element 1 AN 1 a", "line 1: `a` is no length"),
            ("segment AA 1", "line 1: `1` is neither an element nor a composite above"),
            ("element 1 AN 1 2\nsegment AA 1 / P0102", "line 2: a note of AA reaches past its last element"),
            ("element 1 AN 1 2\nsegment AA 1 / X01", "line 2: `X01` is no syntax note"),
            ("element 1 AN 1 2\nsegment AA 1 / R010", "line 2: `R010` is no syntax note"),
            ("set 1 A\n  BB M 1", "line 2: `BB` is no segment above"),
            ("segment A\nset 1 A\n  A M 1\n    A M 1", "line 4: is indented under a segment"),
            ("segment A\nset 1 A\n  loop A M 1", "line 2: set 1 does not form a tree"),
            ("segment A\nset 1 A\n  A X 1", "line 3: `X` is neither M nor O"),
            ("colour red", "line 1: `colour` opens no entry"),
        ];
        for (text, told) in cases {
            assert_eq!(read(text).unwrap_err().to_string(), told, "{text}");
        }
    }
}
