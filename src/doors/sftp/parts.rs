//! The bytes of files that were begun and not taken yet: one file each, with a note beside it that says whose name it
//! has. Names of partners are data in the notes, and never part of a path.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::shelf::{Content, Part, Spot};
use crate::keys;

/// What stands beside a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) staging: bool,
    pub(super) name: String,
    /// Its sender closed it with everything in it.
    pub(super) whole: bool,
    /// Where bytes are missing: so many are there before.
    pub(super) sound: Option<u64>,
    pub(super) touched: Timestamp,
}

impl Note {
    pub(super) fn new(spot: &Spot, whole: bool, sound: Option<u64>, touched: Timestamp) -> Self {
        Self { staging: spot.staging, name: spot.name.clone(), whole, sound, touched }
    }
}

/// A part that was found after a restart.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) part: Part,
    pub(super) note: Note,
    pub(super) len: u64,
}

/// One partner's folder of parts. Everything here blocks.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    folder: PathBuf,
}

impl Parts {
    /// Opens the folder, which is made where it is missing, and answers what an earlier process left in it.
    pub(super) fn open(folder: PathBuf) -> io::Result<(Self, Vec<Found>)> {
        keys::make_folder(&folder)?;
        let parts = Self { folder };
        let mut found = Vec::new();
        for entry in fs::read_dir(&parts.folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "part") {
                continue;
            }
            let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            let Some(part) = number else { continue };
            let note =
                fs::read(parts.note_path(part)).ok().and_then(|bytes| serde_json::from_slice::<Note>(&bytes).ok());
            match note {
                Some(note) => {
                    let len = fs::metadata(&path)?.len();
                    found.push(Found { part, len: note.sound.map_or(len, |sound| sound.min(len)), note });
                }
                // The note comes first, so this one was never told of.
                None => parts.remove(part),
            }
        }
        found.sort_by_key(|one| one.part);
        Ok((parts, found))
    }

    /// The folder itself.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes a part.
    pub(super) fn create(&self, part: Part, note: &Note) -> io::Result<PartFile> {
        fs::write(self.note_path(part), serde_json::to_vec(note)?)?;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        private(&mut options);
        Ok(PartFile { file: options.open(self.path(part))?, hashed: Some((Context::new(&SHA256), 0)) })
    }

    /// Opens a part that is there, to go on after its first `len` bytes.
    pub(super) fn resume(&self, part: Part, len: u64) -> io::Result<PartFile> {
        let file = File::options().read(true).write(true).open(self.path(part))?;
        file.set_len(len)?;
        Ok(PartFile { file, hashed: None })
    }

    /// Writes the note anew, so that either it or the one before is there. `durable` waits for the disk.
    pub(super) fn note(&self, part: Part, note: &Note, durable: bool) -> io::Result<()> {
        let path = self.note_path(part);
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(note)?)?;
        if durable {
            file.sync_all()?;
        }
        fs::rename(&new, &path)?;
        if durable { File::open(&self.folder)?.sync_all() } else { Ok(()) }
    }

    /// Removes a part; what is not there is fine.
    pub(super) fn remove(&self, part: Part) {
        for path in [self.path(part), self.note_path(part)] {
            if let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(path = %path.display(), %error, "A part could not be removed.");
            }
        }
    }

    /// Where a part is.
    pub(super) fn path(&self, part: Part) -> PathBuf {
        self.folder.join(format!("{part}.part"))
    }

    fn note_path(&self, part: Part) -> PathBuf {
        self.folder.join(format!("{part}.json"))
    }
}

/// A part that is open.
pub(super) struct PartFile {
    file: File,
    /// The digest of the first so many bytes, while they come in order.
    hashed: Option<(Context, u64)>,
}

impl std::fmt::Debug for PartFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartFile").field("file", &self.file).finish_non_exhaustive()
    }
}

impl PartFile {
    /// Writes at a place.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(bytes)?;
        match &mut self.hashed {
            Some((context, len)) if *len == at => {
                context.update(bytes);
                *len += bytes.len() as u64;
            }
            _ => self.hashed = None,
        }
        Ok(())
    }

    /// Reads at a place, up to `len` bytes.
    pub(super) fn read(&mut self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        read_at(&mut self.file, at, len)
    }

    /// Forgets everything from `len` on.
    pub(super) fn cut(&mut self, len: u64) -> io::Result<()> {
        self.hashed = None;
        self.file.set_len(len)
    }

    /// Waits until its bytes are on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// The SHA-256 of its first `len` bytes, which are all of it.
    pub(super) fn digest(&mut self, len: u64) -> io::Result<[u8; 32]> {
        let context = match self.hashed.take() {
            Some((context, hashed)) if hashed == len => context,
            _ => {
                let mut context = Context::new(&SHA256);
                let mut buffer = vec![0; 256 << 10];
                self.file.seek(SeekFrom::Start(0))?;
                let mut rest = (&self.file).take(len);
                loop {
                    match rest.read(&mut buffer)? {
                        0 => break,
                        read => context.update(buffer.get(..read).unwrap_or_default()),
                    }
                }
                context
            }
        };
        self.hashed = Some((context.clone(), len));
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Ok(digest)
    }

    /// What its first `len` bytes, which are all of it, look like.
    pub(super) fn content(&mut self, len: u64) -> io::Result<Content> {
        if len == 0 {
            return Ok(Content::Empty);
        }
        let head = self.read(0, 200)?;
        let start = len.saturating_sub(TAIL as u64);
        let tail = self.read(start, TAIL)?;
        Ok(judge(&head, &tail))
    }
}

/// An interchange's end is looked for in so many last bytes; some senders put blanks or a line behind it.
pub(super) const TAIL: usize = 4096;

/// Whether what begins as an X12 interchange ends as one.
pub(super) fn judge(head: &[u8], tail: &[u8]) -> Content {
    let blank = |byte: &&u8| byte.is_ascii_whitespace() || [0xef, 0xbb, 0xbf].contains(*byte);
    let skipped = head.iter().take_while(blank).count();
    let Some([b'I', b'S', b'A', separator, ..]) = head.get(skipped..) else { return Content::Fine };
    let trailer = [b'I', b'E', b'A', *separator];
    let found = tail.windows(5).any(|window| match window {
        [before, rest @ ..] => rest == trailer && !before.is_ascii_alphanumeric(),
        [] => false,
    });
    if found { Content::Fine } else { Content::NoTrailer }
}

pub(super) fn read_at(file: &mut File, at: u64, len: usize) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Ours alone.
pub(super) fn private(options: &mut fs::OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(name: &str) -> Note {
        let spot = Spot { staging: false, name: name.to_owned() };
        Note::new(&spot, false, None, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn parts_are_found_again_with_their_names_and_others_go() {
        let folder = tempfile::tempdir().unwrap();
        let (parts, found) = Parts::open(folder.path().join("acme")).unwrap();
        assert!(found.is_empty());
        let mut file = parts.create(7, &note("../ä.edi")).unwrap();
        file.write(0, b"hello").unwrap();
        let mut gap = parts.create(8, &note("b")).unwrap();
        parts.note(8, &Note { sound: Some(3), ..note("b") }, true).unwrap();
        gap.write(10, b"x").unwrap();
        fs::write(parts.path(9), "nobody's").unwrap();
        let (parts, found) = Parts::open(folder.path().join("acme")).unwrap();
        let found: Vec<_> = found.iter().map(|one| (one.part, one.note.name.as_str(), one.len)).collect();
        assert_eq!(found, [(7, "../ä.edi", 5), (8, "b", 3)]);
        assert!(!parts.path(9).exists());
        parts.remove(7);
        parts.remove(7);
        assert_eq!(fs::read_dir(parts.folder()).unwrap().count(), 2);
    }

    #[test]
    fn digests_do_not_depend_on_the_order_of_writes() {
        let folder = tempfile::tempdir().unwrap();
        let (parts, _) = Parts::open(folder.path().to_owned()).unwrap();
        let whole = keys::sha256(b"hello world");
        let mut straight = parts.create(1, &note("a")).unwrap();
        straight.write(0, b"hello ").unwrap();
        straight.write(6, b"world").unwrap();
        assert_eq!(straight.digest(11).unwrap(), whole);
        assert_eq!(straight.digest(11).unwrap(), whole, "asked twice");
        let mut crooked = parts.create(2, &note("b")).unwrap();
        crooked.write(6, b"world").unwrap();
        crooked.write(0, b"hexxo ").unwrap();
        crooked.write(2, b"ll").unwrap();
        assert_eq!(crooked.digest(11).unwrap(), whole);
        let mut resumed = parts.resume(1, 6).unwrap();
        resumed.write(6, b"world").unwrap();
        assert_eq!((resumed.digest(11).unwrap(), resumed.read(4, 3).unwrap()), (whole, b"o w".to_vec()));
    }

    #[test]
    fn an_interchange_has_to_end() {
        let isa = b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *261121*0101*U*00401*000000001*0*P*>~";
        let whole = [&isa[..], b"GS*PO*A*B~GE*0*1~IEA*0*000000001~"].concat();
        assert_eq!(judge(&whole, &whole), Content::Fine);
        let with_lines = [b"\xef\xbb\xbf\r\n", &whole[..], b"\r\n\x1a"].concat();
        assert_eq!(judge(&with_lines, &with_lines), Content::Fine);
        for cut in [3, 50, 106, whole.len() - 20, whole.len() - 13] {
            let cut = &whole[..cut];
            let expected = if cut.len() < 4 { Content::Fine } else { Content::NoTrailer };
            assert_eq!(judge(cut, cut), expected, "{}", String::from_utf8_lossy(cut));
        }
        assert_eq!(judge(b"<Order/>", b"<Order/>"), Content::Fine);
        assert_eq!(judge(b"PLAN;1", b"PLAN;1"), Content::Fine);
    }
}
