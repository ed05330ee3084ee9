//! SFTP version 3 as plain values: what a client asks for, and what is answered. How they look on the wire is `wire`'s.

use bytes::Bytes;

use super::shelf::How;

/// A session has at most so many things open.
pub(super) const MOST_HANDLES: usize = 128;
/// So much is read at once.
pub(super) const MOST_READ: u32 = 255 << 10;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Request {
    Open {
        path: String,
        read: bool,
        write: bool,
        append: bool,
        how: How,
    },
    Close {
        handle: u32,
    },
    Read {
        handle: u32,
        offset: u64,
        len: u32,
    },
    Write {
        handle: u32,
        offset: u64,
        data: Bytes,
    },
    Stat {
        path: String,
    },
    StatHandle {
        handle: u32,
    },
    SetStat {
        path: String,
        attributes: Changes,
    },
    SetStatHandle {
        handle: u32,
        attributes: Changes,
    },
    OpenFolder {
        path: String,
    },
    ReadFolder {
        handle: u32,
    },
    Remove {
        path: String,
    },
    MakeFolder {
        path: String,
    },
    RemoveFolder {
        path: String,
    },
    RealPath {
        path: String,
    },
    Rename {
        from: String,
        to: String,
        replace: bool,
    },
    Sync {
        handle: u32,
    },
    Limits,
    /// To make a link or to read one; clients do not agree on which of two paths comes first.
    Link {
        paths: String,
    },
    Unsupported(&'static str),
    /// A handle that is none of ours.
    BadHandle,
}

impl Request {
    /// What is asked for, in a word, and the path that it is about.
    pub(super) fn about(&self) -> (&'static str, String) {
        match self {
            Self::Open { path, write: true, .. } => ("write", path.clone()),
            Self::Open { path, .. } => ("read", path.clone()),
            Self::Stat { path } => ("stat", path.clone()),
            Self::SetStat { path, .. } => ("setstat", path.clone()),
            Self::OpenFolder { path } => ("list", path.clone()),
            Self::Remove { path } => ("remove", path.clone()),
            Self::MakeFolder { path } => ("mkdir", path.clone()),
            Self::RemoveFolder { path } => ("rmdir", path.clone()),
            Self::RealPath { path } => ("realpath", path.clone()),
            Self::Rename { from, to, .. } => ("rename", format!("{from} -> {to}")),
            Self::Link { paths } => ("link", paths.clone()),
            Self::Unsupported(_) => ("unknown", String::new()),
            // About something that is open: its path was told when it was opened.
            _ => ("handle", String::new()),
        }
    }
}

/// What a client wants to change of a file; all else is accepted and nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) size: Option<u64>,
    pub(super) mtime: Option<u32>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    Status(Status, String),
    Handle(u32),
    Data(Bytes),
    Names(Vec<Listed>),
    Stat(Stat),
    Limits,
}

/// The status codes of version 3 that we send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    Eof,
    NoSuchFile,
    Denied,
    Failure,
    Unsupported,
}

/// What is told of a file or folder.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stat {
    pub(super) folder: bool,
    pub(super) writable: bool,
    pub(super) size: u64,
    pub(super) mtime: u32,
}

/// One name in a listing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) long: String,
    pub(super) stat: Stat,
}
