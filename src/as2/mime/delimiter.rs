//! Finds the parts of a multipart (RFC 2046 §5.1.1) in a body of any size, as exact ranges.

use std::io::Read;

use memchr::memmem::Finder;

use super::{
    super::{
        content::{Content, PIECE},
        fault::Fault,
    },
    Parts,
};

/// How far a delimiter's line may go on in blanks.
const TAIL: usize = 128;

#[derive(Debug, Clone, Copy)]
struct Delimiter {
    /// Where the line end before it begins.
    start: u64,
    /// Where the line after it begins.
    end: u64,
    closes: bool,
}

/// The parts of `body` between delimiters of `boundary`.
pub(super) fn parts(body: &Content, boundary: &[u8], most: usize) -> Result<Parts, Fault> {
    let mut pattern = b"--".to_vec();
    pattern.extend_from_slice(boundary);
    let mut search = Search { finder: Finder::new(&pattern), size: pattern.len(), found: Vec::new(), most };
    match body {
        Content::Memory(bytes) => {
            search.window(bytes, 0, 0, true)?;
        }
        Content::Stored { .. } => search.all(body)?,
    }
    let mut parts = Vec::new();
    let mut delimiters = search.found.iter();
    let mut open = delimiters.next().ok_or(Fault::Mime("a multipart whose boundary does not occur"))?;
    if open.closes {
        return Err(Fault::Mime("a multipart without parts"));
    }
    for next in delimiters {
        // Two delimiters share a line end where a part is empty.
        parts.push(body.slice(open.end..next.start.max(open.end)));
        open = next;
    }
    if !open.closes {
        return Err(Fault::Mime("a multipart that does not end"));
    }
    let rest = body.slice(open.end..body.size());
    let ends_clean =
        rest.size() <= 1024 && rest.bytes(1024).map_err(Fault::Storage)?.iter().all(|byte| byte.is_ascii_whitespace());
    Ok(Parts { parts, ends_clean })
}

struct Search<'p> {
    finder: Finder<'p>,
    size: usize,
    found: Vec<Delimiter>,
    most: usize,
}

impl Search<'_> {
    fn closed(&self) -> bool {
        self.found.last().is_some_and(|delimiter| delimiter.closes)
    }

    /// Searches a body that is not in memory, window by window.
    fn all(&mut self, body: &Content) -> Result<(), Fault> {
        let mut reader = body.reader().map_err(Fault::Storage)?;
        let mut window = Vec::new();
        let mut base = 0;
        let mut from = 0;
        while !self.closed() {
            let held = window.len();
            window.resize(held + PIECE, 0);
            let mut count = 0;
            loop {
                let free = window.get_mut(held + count..).unwrap_or_default();
                let got = reader.read(free).map_err(Fault::Storage)?;
                count += got;
                if got == 0 || held + count == window.len() {
                    break;
                }
            }
            window.truncate(held + count);
            let last = base + window.len() as u64 >= body.size() || count == 0;
            let next = self.window(&window, base, from, last)?;
            if last {
                break;
            }
            // Two bytes before the place tell how the line before it ended.
            let keep = next.saturating_sub(2);
            window.drain(..keep);
            base += keep as u64;
            from = next - keep;
        }
        Ok(())
    }

    /// Searches one window from `at` on; says from where to search on once there is more.
    fn window(&mut self, window: &[u8], base: u64, mut at: usize, last: bool) -> Result<usize, Fault> {
        while !self.closed() {
            let Some(hit) = self.finder.find(window.get(at..).unwrap_or_default()) else {
                return Ok(window.len().saturating_sub(self.size).max(at));
            };
            let hit = at + hit;
            let after = hit + self.size;
            if !last && after + TAIL > window.len() {
                return Ok(hit);
            }
            at = hit + 1;
            let before = window.get(..hit).unwrap_or_default();
            let line_end = match before {
                [.., b'\r', b'\n'] => 2,
                [.., b'\n'] => 1,
                [] if base == 0 => 0,
                _ => continue,
            };
            let tail = window.get(after..window.len().min(after + TAIL)).unwrap_or_default();
            let closes = tail.starts_with(b"--");
            let blanks = tail.get(if closes { 2 } else { 0 }..).unwrap_or_default();
            let blank = blanks.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let end = match blanks.get(blank..).unwrap_or_default() {
                [b'\r', b'\n', ..] => blank + 2,
                [b'\n', ..] => blank + 1,
                [] => blank,
                _ => continue,
            };
            let end = after + if closes { 2 } else { 0 } + end;
            if self.found.len() > self.most {
                return Err(Fault::Mime("too many parts"));
            }
            self.found.push(Delimiter { start: base + (hit - line_end) as u64, end: base + end as u64, closes });
            // The line end may begin the next delimiter's.
            at = end.max(at);
        }
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::as2::content::stored::stored;

    fn split(body: &[u8]) -> Result<(Vec<Vec<u8>>, bool), String> {
        let read = |content: Content| match parts(&content, b"b", 4) {
            Ok(found) => {
                Ok((found.parts.iter().map(|part| part.bytes(1 << 22).unwrap().to_vec()).collect(), found.ends_clean))
            }
            Err(fault) => Err(fault.to_string()),
        };
        let memory = read(body.to_vec().into());
        assert_eq!(memory, read(stored(body.to_vec())));
        memory
    }

    #[test]
    fn parts_are_exact() {
        let one = |body: &[u8]| {
            let (parts, clean) = split(body).unwrap();
            assert_eq!(parts.len(), 1, "{parts:?}");
            (String::from_utf8(parts[0].clone()).unwrap(), clean)
        };
        assert_eq!(one(b"--b\r\na\r\n\r\n--b--\r\n"), ("a\r\n".into(), true));
        assert_eq!(one(b"pre\n--b\na\n--b--"), ("a".into(), true));
        assert_eq!(one(b"--b \t\r\na\n\r\n--b-- \r\n\r\n"), ("a\n".into(), true));
        assert_eq!(one(b"--b\r\na\r\n--bc\r\nx --b\r\n--b--\r\nepilogue"), ("a\r\n--bc\r\nx --b".into(), false));
        assert_eq!(one(b"--b\r\n\r\n--b--"), (String::new(), true));
        assert_eq!(one(b"--b\r\n--b--"), (String::new(), true));
        let (two, _) = split(b"--b\r\n1\r\n--b\r\n2\r\n--b--\r\n--b\r\n3").unwrap();
        assert_eq!(two, [b"1", b"2"]);
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for body in [&b""[..], b"a", b"--b--", b"--b\r\na", b"--b\r\na\r\n--bb--", b"--b\r\na--b--"] {
            assert!(split(body).is_err(), "{body:?}");
        }
        let many = b"--b\r\na\r\n".repeat(9);
        assert!(split(&[&many[..], b"--b--"].concat()).unwrap_err().contains("too many"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn windows_never_show(
            sizes in proptest::collection::vec(prop_oneof![0..300_usize, 65_200..65_800_usize, 130_900..131_200_usize], 1..4),
            line in prop_oneof![Just("\r\n"), Just("\n")]
        ) {
            let mut body = Vec::new();
            for (number, size) in sizes.iter().enumerate() {
                body.extend_from_slice(format!("--b{line}").as_bytes());
                body.extend(std::iter::repeat_n(b'0' + number as u8, *size));
                body.extend_from_slice(line.as_bytes());
            }
            body.extend_from_slice(b"--b--");
            let (found, clean) = split(&body).unwrap();
            prop_assert!(clean);
            prop_assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
        }
    }
}
