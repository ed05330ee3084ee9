//! What was read from disk before. A file is read again when its stamp (size, times, inode) is another; a stamp so fresh
//! that the file may have changed again within it is never believed. So what counts is the content, and what did not
//! change costs one look.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;

use super::compose::Attachment;
use crate::config::{Diagnostic, Source};

/// The largest file that a partner's file may refer to.
const MAX_ATTACHMENT: u64 = 1 << 20;
/// How old a change must be for its stamp to be believed, in seconds: some file systems know times no better.
const SETTLED: i64 = 2;

/// Files by their path.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    sources: HashMap<PathBuf, (Stamp, Arc<Source>)>,
    attachments: HashMap<PathBuf, (Stamp, Attachment)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let known = fs::metadata(path).ok()?;
        Some(Self {
            device: known.dev(),
            inode: known.ino(),
            size: known.size(),
            modified: (known.mtime(), known.mtime_nsec()),
            changed: (known.ctime(), known.ctime_nsec()),
        })
    }

    fn is_settled(&self) -> bool {
        let latest = self.modified.0.max(self.changed.0);
        Timestamp::now().as_second().saturating_sub(latest) > SETTLED
    }
}

impl Shelf {
    /// A text, by the name that people know it by.
    pub(super) fn source(&mut self, path: &Path, name: &str) -> Result<Arc<Source>, Box<Diagnostic>> {
        let stamp = Stamp::of(path);
        if let (Some(stamp), Some((known, source))) = (&stamp, self.sources.get(path))
            && stamp == known
        {
            return Ok(Arc::clone(source));
        }
        let before = self.sources.remove(path).map(|(_, source)| source);
        let read = Source::read(path, name)?;
        // The same text keeps its place in memory, by which it is known to be the same.
        let source = before.filter(|before| before.is_same(&read)).unwrap_or(read);
        if let Some(stamp) = stamp.filter(Stamp::is_settled) {
            self.sources.insert(path.to_owned(), (stamp, Arc::clone(&source)));
        }
        Ok(source)
    }

    /// Something that a partner's file refers to.
    pub(super) fn attachment(&mut self, path: &Path) -> io::Result<Attachment> {
        let stamp = Stamp::of(path);
        if let (Some(stamp), Some((known, bytes))) = (&stamp, self.attachments.get(path))
            && stamp == known
        {
            return Ok(Arc::clone(bytes));
        }
        self.attachments.remove(path);
        let bytes: Attachment = read_attachment(path)?.into();
        if let Some(stamp) = stamp.filter(Stamp::is_settled) {
            self.attachments.insert(path.to_owned(), (stamp, Arc::clone(&bytes)));
        }
        Ok(bytes)
    }
}

fn read_attachment(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "the `take` before it is the cap")]
    fs::File::open(path)?.take(MAX_ATTACHMENT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_ATTACHMENT {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_read_again_and_what_did_not_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        let mut shelf = Shelf::default();
        assert!(shelf.source(&path, "a.toml").is_err());
        fs::write(&path, "a = 1").unwrap();
        let old = std::time::SystemTime::from(Timestamp::now()) - std::time::Duration::from_secs(60);
        let age = || fs::File::options().append(true).open(&path).unwrap().set_modified(old).unwrap();
        age();
        let first = shelf.source(&path, "a.toml").unwrap();
        // Its inode changed just now, so that the stamp is not believed, and it is read again.
        assert!(shelf.sources.is_empty());
        fs::write(&path, "a = 2").unwrap();
        age();
        assert_eq!(&*shelf.source(&path, "a.toml").unwrap().text, "a = 2");
        assert_eq!(&*first.text, "a = 1");
    }

    #[test]
    fn an_attachment_has_a_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pem");
        fs::write(&path, vec![b'a'; MAX_ATTACHMENT as usize + 1]).unwrap();
        assert!(Shelf::default().attachment(&path).is_err());
        fs::write(&path, "pem").unwrap();
        assert_eq!(&*Shelf::default().attachment(&path).unwrap(), b"pem");
    }
}
