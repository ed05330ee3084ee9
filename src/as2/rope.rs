//! A message on its way out, in the pieces that it is put together from: what is written around a document stands beside it,
//! and the document, which may be a file of any size, is copied nowhere.

use std::io::{self, Read};

use aws_lc_rs::digest;
use bytes::Bytes;

use super::{
    algorithm::Digest,
    content::{Content, Reader},
};

/// Neighbours that are together no longer than this become one piece.
const SMALL: u64 = 4 << 10;

/// Runs of bytes, one after the other. Cloning copies none of them.
#[derive(Debug, Clone, Default)]
pub struct Rope {
    pieces: Vec<Content>,
    size: u64,
}

impl Rope {
    /// How many bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The pieces.
    pub fn pieces(&self) -> &[Content] {
        &self.pieces
    }

    /// Adds a piece at the end.
    pub fn push(&mut self, piece: impl Into<Content>) {
        let piece = piece.into();
        let size = piece.size();
        if size == 0 {
            return;
        }
        self.size += size;
        if let (Some(Content::Memory(last)), Content::Memory(more)) = (self.pieces.last_mut(), &piece)
            && last.len() as u64 + size <= SMALL
        {
            *last = [last.as_ref(), more.as_ref()].concat().into();
            return;
        }
        self.pieces.push(piece);
    }

    /// Adds all of another rope at the end.
    pub fn append(&mut self, other: Self) {
        for piece in other.pieces {
            self.push(piece);
        }
    }

    /// A reader from the first byte on.
    pub fn reader(&self) -> RopeReader {
        RopeReader { left: self.pieces.clone().into_iter(), now: None }
    }

    /// Hands all bytes to `take`, piece by piece.
    ///
    /// # Errors
    /// When a stored piece cannot be read.
    pub fn each(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.pieces.iter().try_for_each(|piece| piece.each(&mut take))
    }

    /// Several digests, in one pass.
    ///
    /// # Errors
    /// When a stored piece cannot be read.
    pub fn digests(&self, digests: &[Digest]) -> io::Result<Vec<digest::Digest>> {
        let mut contexts: Vec<_> = digests.iter().map(|one| digest::Context::new(one.algorithm())).collect();
        self.each(|piece| {
            contexts.iter_mut().for_each(|context| context.update(piece));
            Ok(())
        })?;
        Ok(contexts.into_iter().map(digest::Context::finish).collect())
    }

    /// All bytes at hand.
    ///
    /// # Errors
    /// When a stored piece cannot be read.
    pub fn bytes(&self) -> io::Result<Bytes> {
        if let [Content::Memory(only)] = self.pieces.as_slice() {
            return Ok(only.clone());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or_default());
        self.each(|piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes.into())
    }
}

impl From<Content> for Rope {
    fn from(piece: Content) -> Self {
        let mut rope = Self::default();
        rope.push(piece);
        rope
    }
}

impl From<Vec<u8>> for Rope {
    fn from(bytes: Vec<u8>) -> Self {
        Content::from(bytes).into()
    }
}

impl FromIterator<Self> for Rope {
    fn from_iter<I: IntoIterator<Item = Self>>(ropes: I) -> Self {
        let mut all = Self::default();
        ropes.into_iter().for_each(|rope| all.append(rope));
        all
    }
}

/// Reads a rope.
#[derive(Debug)]
pub struct RopeReader {
    left: std::vec::IntoIter<Content>,
    now: Option<Reader>,
}

impl Read for RopeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(reader) = &mut self.now {
                let count = reader.read(buffer)?;
                if count > 0 || buffer.is_empty() {
                    return Ok(count);
                }
            }
            match self.left.next() {
                None => return Ok(0),
                Some(next) => self.now = Some(next.reader()?),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::content::stored::stored, *};

    proptest! {
        #[test]
        fn a_rope_reads_as_its_pieces_do(pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..5000)), 0..8)) {
            let whole: Vec<u8> = pieces.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
            let rope: Rope = pieces.into_iter().map(|(on_disk, bytes)| if on_disk { Rope::from(stored(bytes)) } else { bytes.into() }).collect();
            prop_assert_eq!(rope.size(), whole.len() as u64);
            let bytes = rope.bytes().unwrap();
            prop_assert_eq!(bytes.as_ref(), whole.as_slice());
            let mut read = Vec::new();
            rope.reader().read_to_end(&mut read).unwrap();
            prop_assert_eq!(&read, &whole);
            let expected = Content::from(whole);
            for (found, digest) in rope.digests(&[Digest::Sha256, Digest::Sha1]).unwrap().iter().zip([Digest::Sha256, Digest::Sha1]) {
                let expected = expected.digest(digest).unwrap();
                prop_assert_eq!(found.as_ref(), expected.as_ref());
            }
        }
    }
}
