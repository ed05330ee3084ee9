//! BER of any size, pulled from a body: what is small is captured, what is large is told by its place and read later.

use std::io::{self, Read};

use super::{
    super::content::{Content, Reader},
    BerError, MAX_DEPTH, check_tag, tag,
};

/// Walks the elements of a body.
#[derive(Debug)]
pub struct Stream {
    content: Content,
    reader: Reader,
    at: u64,
    peeked: Option<u8>,
    frames: Vec<Frame>,
}

/// What is open around the current place.
#[derive(Debug, Clone, Copy)]
enum Frame {
    Ends(u64),
    Indefinite,
}

/// Where an octet string lies in a body, to be read when its key or digest is known.
#[derive(Debug, Clone)]
pub struct Place {
    content: Content,
    at: u64,
    /// Its octets, where they are in one piece.
    whole: Option<Content>,
    size: u64,
}

impl Place {
    /// Its octets as a part of the body, where they are in one piece.
    pub fn whole(&self) -> Option<&Content> {
        self.whole.as_ref()
    }

    /// How many octets its encoding takes: at least as many as it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads its octets.
    pub fn read(&self) -> io::Result<Octets> {
        let mut stream = Stream::at(self.content.clone(), self.at)?;
        let (tag, size) = stream.header()?;
        let mut left = 0;
        match size {
            Some(size) if tag & tag::CONSTRUCTED == 0 => left = size,
            _ => stream.push(size)?,
        }
        Ok(Octets { done: stream.frames.len() == 1 && left == 0, stream, left })
    }
}

impl Stream {
    /// The elements of `content`.
    pub fn new(content: &Content) -> io::Result<Self> {
        Self::at(content.clone(), 0)
    }

    fn at(content: Content, at: u64) -> io::Result<Self> {
        let frames = vec![Frame::Ends(content.size())];
        Ok(Self { reader: Reader::open(content.clone(), at)?, content, at, peeked: None, frames })
    }

    /// The tag of the next element; `None` at the end of what is open.
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        if let Some(Frame::Ends(end)) = self.frames.last()
            && self.at >= *end
        {
            return Ok(None);
        }
        let byte = match self.peeked {
            Some(byte) => byte,
            None => {
                let mut byte = [0];
                self.reader.read_exact(&mut byte)?;
                let [byte] = byte;
                self.peeked = Some(byte);
                byte
            }
        };
        Ok(match self.frames.last() {
            Some(Frame::Indefinite) if byte == 0 => None,
            _ => Some(byte),
        })
    }

    /// Opens the next element, which must have this tag and be constructed.
    pub fn enter(&mut self, tag: u8) -> io::Result<()> {
        if self.peek()? != Some(tag) || tag & tag::CONSTRUCTED == 0 {
            return Err(wrong(BerError::Unexpected));
        }
        let (_, size) = self.header()?;
        self.push(size)
    }

    /// Closes what is open; nothing may be left in it.
    pub fn leave(&mut self) -> io::Result<()> {
        if self.peek()?.is_some() {
            return Err(wrong(BerError::Trailing));
        }
        if let Some(Frame::Indefinite) = self.frames.pop() {
            let mut end = [0; 2];
            self.take(&mut end)?;
            if end != [0, 0] {
                return Err(wrong(BerError::Length));
            }
        }
        Ok(())
    }

    /// The next element whole, of at most `most` bytes.
    pub fn capture(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.walk(Some((&mut bytes, most)))?;
        Ok(bytes)
    }

    /// The next element whole, where it has this tag.
    pub fn capture_optional(&mut self, tag: u8, most: usize) -> io::Result<Option<Vec<u8>>> {
        if self.peek()? == Some(tag) { self.capture(most).map(Some) } else { Ok(None) }
    }

    /// The next element whole, which must have this tag.
    pub fn expect(&mut self, tag: u8, most: usize) -> io::Result<Vec<u8>> {
        self.capture_optional(tag, most)?.ok_or_else(|| wrong(BerError::Unexpected))
    }

    /// Leaves out the next element.
    pub fn skip(&mut self) -> io::Result<()> {
        self.walk(None)
    }

    /// Notes where the next element lies, which must be an octet string with this (primitive) tag, and goes past it.
    pub fn place(&mut self, tag: u8) -> io::Result<Place> {
        let at = self.at;
        let found = self.peek()?.ok_or_else(|| wrong(BerError::Truncated))?;
        if found & !tag::CONSTRUCTED != tag {
            return Err(wrong(BerError::Unexpected));
        }
        let mut whole = None;
        if found & tag::CONSTRUCTED == 0 {
            let (_, size) = self.header()?;
            let size = size.ok_or_else(|| wrong(BerError::Length))?;
            whole = Some(self.content.slice(self.at..self.at + size));
            self.jump(size)?;
        } else {
            self.skip()?;
        }
        Ok(Place { content: self.content.clone(), at, whole, size: self.at - at })
    }

    /// Says that nothing may follow but blanks, which some products put after the last element.
    pub fn finish(mut self) -> io::Result<()> {
        let mut rest = [0; 64];
        loop {
            if let Some(byte) = self.peeked.take()
                && !byte.is_ascii_whitespace()
            {
                return Err(wrong(BerError::Trailing));
            }
            let count = self.reader.read(&mut rest)?;
            if count == 0 {
                return Ok(());
            }
            if !rest.iter().take(count).all(u8::is_ascii_whitespace) {
                return Err(wrong(BerError::Trailing));
            }
        }
    }

    /// Goes past the next element, and copies it where somebody wants it.
    fn walk(&mut self, mut copy: Option<(&mut Vec<u8>, usize)>) -> io::Result<()> {
        let base = self.frames.len();
        loop {
            let ended = self.peek()?.is_none();
            let before = self.at;
            if ended {
                if self.frames.len() == base {
                    return Err(wrong(BerError::Truncated));
                }
                self.leave()?;
                if let Some((bytes, _)) = &mut copy {
                    bytes.extend(std::iter::repeat_n(0, (self.at - before) as usize));
                }
            } else {
                let mut seen = [0; 10];
                let (tag, size) = self.header_into(&mut seen)?;
                let header = (self.at - before) as usize;
                let body = size.unwrap_or_default();
                if let Some((bytes, most)) = &mut copy {
                    if (bytes.len() + header) as u64 + body > *most as u64 {
                        return Err(wrong(BerError::Large));
                    }
                    bytes.extend(seen.iter().take(header));
                    let start = bytes.len();
                    bytes.resize(start + body as usize, 0);
                    self.take(bytes.get_mut(start..).unwrap_or_default())?;
                } else {
                    self.jump(body)?;
                }
                if size.is_none() {
                    if tag & tag::CONSTRUCTED == 0 {
                        return Err(wrong(BerError::Length));
                    }
                    self.push(None)?;
                }
            }
            if self.frames.len() == base {
                return Ok(());
            }
        }
    }

    fn header(&mut self) -> io::Result<(u8, Option<u64>)> {
        self.header_into(&mut [0; 10])
    }

    /// Reads tag and length, and holds the length against what encloses it.
    fn header_into(&mut self, seen: &mut [u8; 10]) -> io::Result<(u8, Option<u64>)> {
        let [tag, first, digits @ ..] = seen;
        self.take(std::slice::from_mut(tag))?;
        check_tag(*tag).map_err(wrong)?;
        self.take(std::slice::from_mut(first))?;
        let size = match *first {
            0..=0x7f => Some(u64::from(*first)),
            0x80 => None,
            _ => {
                let count = usize::from(*first & 0x7f);
                let digits = digits.get_mut(..count).ok_or_else(|| wrong(BerError::Length))?;
                self.take(digits)?;
                Some(digits.iter().fold(0, |number, digit| number << 8 | u64::from(*digit)))
            }
        };
        if let Some(size) = size {
            let end = self.at.checked_add(size).ok_or_else(|| wrong(BerError::Length))?;
            // Inside an indefinite length the next definite one further out is the limit.
            let limit = self.frames.iter().rev().find_map(|frame| match frame {
                Frame::Ends(end) => Some(*end),
                Frame::Indefinite => None,
            });
            if limit.is_some_and(|limit| end > limit) {
                return Err(wrong(BerError::Length));
            }
        }
        Ok((*tag, size))
    }

    fn push(&mut self, size: Option<u64>) -> io::Result<()> {
        if self.frames.len() > MAX_DEPTH {
            return Err(wrong(BerError::Deep));
        }
        self.frames.push(match size {
            Some(size) => Frame::Ends(self.at + size),
            None => Frame::Indefinite,
        });
        Ok(())
    }

    fn take(&mut self, mut into: &mut [u8]) -> io::Result<()> {
        if !into.is_empty()
            && let Some(byte) = self.peeked.take()
        {
            let (first, rest) = into.split_at_mut(1);
            first.fill(byte);
            self.at += 1;
            into = rest;
        }
        self.reader.read_exact(into)?;
        self.at += into.len() as u64;
        Ok(())
    }

    fn jump(&mut self, mut count: u64) -> io::Result<()> {
        if count > 0 && self.peeked.take().is_some() {
            self.at += 1;
            count -= 1;
        }
        self.reader.skip(count)?;
        self.at += count;
        Ok(())
    }
}

/// The octets of an octet string, read as they are wanted.
#[derive(Debug)]
pub struct Octets {
    stream: Stream,
    left: u64,
    done: bool,
}

impl Read for Octets {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.left == 0 && !self.done {
            if self.stream.frames.len() == 1 {
                self.done = true;
                break;
            }
            match self.stream.peek()? {
                None => self.stream.leave()?,
                Some(found) if found & !tag::CONSTRUCTED == tag::OCTETS => {
                    let (_, size) = self.stream.header()?;
                    match size {
                        Some(size) if found == tag::OCTETS => self.left = size,
                        None if found == tag::OCTETS => return Err(wrong(BerError::Length)),
                        size => self.stream.push(size)?,
                    }
                }
                Some(_) => return Err(wrong(BerError::Unexpected)),
            }
        }
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        self.stream.take(buffer)?;
        self.left -= wanted as u64;
        Ok(wanted)
    }
}

fn wrong(error: BerError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::as2::content::stored::stored;

    fn octets(place: &Place) -> Vec<u8> {
        let mut bytes = Vec::new();
        io::copy(&mut place.read().unwrap(), &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn octets_in_one_piece_are_a_part_of_the_body_and_others_are_read() {
        let one = vec![0x30, 0x08, 0x80, 0x03, b'a', b'b', b'c', 0x02, 0x01, 0x07];
        let many = vec![
            0x30, 0x80, 0xa0, 0x80, 0x04, 0x01, b'a', 0x24, 0x80, 0x04, 0x00, 0x04, 0x02, b'b', b'c', 0x00, 0x00, 0x00,
            0x00, 0x02, 0x01, 0x07, 0x00, 0x00,
        ];
        for (bytes, whole) in [(one, true), (many, false)] {
            for content in [Content::from(bytes.clone()), stored(bytes.clone())] {
                let mut stream = Stream::new(&content).unwrap();
                stream.enter(tag::SEQUENCE).unwrap();
                let place = stream.place(tag::context_primitive(0)).unwrap();
                assert_eq!(stream.expect(tag::INTEGER, 10).unwrap(), [2, 1, 7]);
                stream.leave().unwrap();
                stream.finish().unwrap();
                assert_eq!(octets(&place), b"abc");
                assert_eq!(place.whole().is_some(), whole);
                if let Some(part) = place.whole() {
                    assert_eq!(part.bytes(3).unwrap(), &b"abc"[..]);
                }
            }
        }
    }

    #[test]
    fn captures_are_capped_and_exact() {
        let bytes = vec![0x30, 0x80, 0x30, 0x80, 0x04, 0x01, 0xff, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, b'\r', b'\n'];
        let mut stream = Stream::new(&bytes.clone().into()).unwrap();
        assert_eq!(stream.capture(13).unwrap(), &bytes[..13]);
        stream.finish().unwrap();
        assert!(Stream::new(&bytes.into()).unwrap().capture(6).is_err());
        let mut large = vec![0x04, 0x84, 0x00, 0x00, 0x01, 0x00];
        large.resize(262, 0);
        assert!(Stream::new(&large.clone().into()).unwrap().capture(255).is_err());
        assert_eq!(Stream::new(&large.clone().into()).unwrap().capture(262).unwrap(), large);
    }

    #[test]
    fn lengths_past_their_enclosure_are_refused_before_anything_is_read() {
        for bytes in [&[0x30, 0x03, 0x04, 0x02, 0x00][..], &[0x30, 0x05, 0x04, 0x04, 0x00, 0x00, 0x00, 0x00]] {
            let mut stream = Stream::new(&bytes.to_vec().into()).unwrap();
            assert!(stream.enter(tag::SEQUENCE).is_err() || stream.capture(100).is_err());
        }
        let deep: Vec<u8> = std::iter::repeat_n([0x30, 0x80], 10_000).flatten().collect();
        assert!(Stream::new(&deep.into()).unwrap().skip().is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_memory_and_storage_agree(
            bytes in proptest::collection::vec(prop_oneof![Just(0x30_u8), Just(0x80), Just(0), Just(4), Just(0x24), any::<u8>()], 0..120)
        ) {
            let walk = |content: Content| {
                let captured = Stream::new(&content).unwrap().capture(1000).ok();
                let skipped = Stream::new(&content).unwrap().skip().is_ok();
                assert_eq!(captured.is_some(), skipped);
                let placed = Stream::new(&content).unwrap().place(tag::OCTETS).ok().map(|place| {
                    let mut bytes = Vec::new();
                    io::copy(&mut place.read().unwrap(), &mut bytes).is_ok().then_some(bytes)
                });
                (captured, placed)
            };
            let captured = walk(bytes.clone().into());
            assert_eq!(captured, walk(stored(bytes.clone())));
            if let Some(raw) = &captured.0 {
                // The two readers accept the same, but for children of a definite length, which this one leaves alone.
                assert_eq!(super::super::split(&bytes, 0).unwrap().raw, raw);
            }
        }
    }
}
