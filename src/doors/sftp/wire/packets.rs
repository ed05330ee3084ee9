//! SFTP version 3 (draft-ietf-secsh-filexfer-02) on the wire, by the library's packets: what comes as [`Request`]s, what
//! goes from [`Reply`]s.

use bytes::Bytes;
use russh_sftp::protocol::{
    Attrs, Data, ExtendedReply, File, FileAttributes, FileMode, Handle, Name, OpenFlags, Packet,
    Status as StatusPacket, StatusCode, Version,
};

use super::super::{
    protocol::{Changes, Listed, MOST_HANDLES, MOST_READ, Reply, Request, Stat, Status},
    shelf::How,
};

/// The longest packet that is taken: the largest write, and its head.
pub(super) const LONGEST: u32 = MOST_READ + 1024;

/// What a packet says.
#[derive(Debug)]
pub(super) enum Said {
    /// The beginning of a session.
    Hello,
    /// A request, with its number.
    Request(u32, Request),
}

/// A packet that cannot be read; what follows it cannot be trusted either.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a packet that cannot be read: {0}")]
pub(super) struct Unreadable(String);

/// Reads one packet.
pub(super) fn read(mut bytes: Bytes) -> Result<Said, Unreadable> {
    let kind = bytes.first().copied().unwrap_or_default();
    // Requests of later versions are answered with their own number, as the draft asks for.
    if !matches!(kind, 1..=20 | 200) || kind == 2 {
        let id = bytes.get(1..5).and_then(|id| <[u8; 4]>::try_from(id).ok()).map(u32::from_be_bytes);
        return match id {
            Some(id) if !(101..=105).contains(&kind) && kind != 2 && kind != 201 => {
                Ok(Said::Request(id, Request::Unsupported("this request is not known in version 3")))
            }
            _ => Err(Unreadable(format!("type {kind}"))),
        };
    }
    let packet = Packet::try_from(&mut bytes).map_err(|error| Unreadable(error.to_string()))?;
    let id = packet.get_request_id();
    let request = match packet {
        Packet::Init(_) => return Ok(Said::Hello),
        Packet::Open(open) => {
            let has = |flag| open.pflags.contains(flag);
            Request::Open {
                path: open.filename,
                read: has(OpenFlags::READ),
                write: has(OpenFlags::WRITE) || has(OpenFlags::APPEND),
                append: has(OpenFlags::APPEND),
                how: How {
                    truncate: has(OpenFlags::TRUNCATE),
                    create: has(OpenFlags::CREATE),
                    exclusive: has(OpenFlags::EXCLUDE),
                },
            }
        }
        Packet::Close(close) => handle(&close.handle, |handle| Request::Close { handle }),
        Packet::Read(read) => {
            handle(&read.handle, |handle| Request::Read { handle, offset: read.offset, len: read.len })
        }
        Packet::Write(write) => {
            let data = write.data.into();
            handle(&write.handle, |handle| Request::Write { handle, offset: write.offset, data })
        }
        // There are no links here.
        Packet::Lstat(stat) => Request::Stat { path: stat.path },
        Packet::Stat(stat) => Request::Stat { path: stat.path },
        Packet::Fstat(stat) => handle(&stat.handle, |handle| Request::StatHandle { handle }),
        Packet::SetStat(set) => Request::SetStat { path: set.path, attributes: changes(&set.attrs) },
        Packet::FSetStat(set) => {
            handle(&set.handle, |handle| Request::SetStatHandle { handle, attributes: changes(&set.attrs) })
        }
        Packet::OpenDir(open) => Request::OpenFolder { path: open.path },
        Packet::ReadDir(read) => handle(&read.handle, |handle| Request::ReadFolder { handle }),
        Packet::Remove(remove) => Request::Remove { path: remove.filename },
        Packet::MkDir(make) => Request::MakeFolder { path: make.path },
        Packet::RmDir(remove) => Request::RemoveFolder { path: remove.path },
        Packet::RealPath(path) => Request::RealPath { path: path.path },
        Packet::Rename(rename) => Request::Rename { from: rename.oldpath, to: rename.newpath, replace: false },
        Packet::ReadLink(link) => Request::Link { paths: link.path },
        Packet::Symlink(link) => Request::Link { paths: format!("{}, {}", link.linkpath, link.targetpath) },
        Packet::Extended(extended) => extension(&extended.request, &extended.data)?,
        other => return Err(Unreadable(format!("{other:?}").chars().take(80).collect())),
    };
    Ok(Said::Request(id, request))
}

/// The answer to the beginning: our version, and what we know beyond it.
pub(super) fn hello() -> Bytes {
    let mut version = Version::new();
    for (name, value) in [
        ("posix-rename@openssh.com", "1"),
        ("fsync@openssh.com", "1"),
        ("limits@openssh.com", "1"),
        ("lsetstat@openssh.com", "1"),
    ] {
        version.extensions.insert(name.to_owned(), value.to_owned());
    }
    write_packet(Packet::Version(version))
}

/// Writes the reply to the request of this number.
pub(super) fn write(id: u32, reply: Reply) -> Bytes {
    write_packet(match reply {
        Reply::Status(status, error_message) => Packet::Status(StatusPacket {
            id,
            status_code: match status {
                Status::Ok => StatusCode::Ok,
                Status::Eof => StatusCode::Eof,
                Status::NoSuchFile => StatusCode::NoSuchFile,
                Status::Denied => StatusCode::PermissionDenied,
                Status::Failure => StatusCode::Failure,
                Status::Unsupported => StatusCode::OpUnsupported,
            },
            error_message,
            language_tag: "en".to_owned(),
        }),
        Reply::Handle(handle) => Packet::Handle(Handle { id, handle: handle.to_string() }),
        Reply::Data(data) => Packet::Data(Data { id, data: data.into() }),
        Reply::Names(names) => Packet::Name(Name { id, files: names.into_iter().map(file).collect() }),
        Reply::Stat(stat) => Packet::Attrs(Attrs { id, attrs: attributes(&stat) }),
        Reply::Limits => {
            let limits = [u64::from(LONGEST), u64::from(MOST_READ), u64::from(MOST_READ), MOST_HANDLES as u64];
            Packet::ExtendedReply(ExtendedReply {
                id,
                data: limits.iter().flat_map(|limit| limit.to_be_bytes()).collect(),
            })
        }
    })
}

fn write_packet(packet: Packet) -> Bytes {
    // Numbers and texts of ours: this fails only for lengths that we never have.
    Bytes::try_from(packet).unwrap_or_default()
}

fn handle(text: &str, request: impl FnOnce(u32) -> Request) -> Request {
    text.parse().map_or(Request::BadHandle, request)
}

fn changes(attributes: &FileAttributes) -> Changes {
    Changes { size: attributes.size, mtime: attributes.mtime }
}

fn extension(name: &str, mut data: &[u8]) -> Result<Request, Unreadable> {
    let mut text = || -> Result<String, Unreadable> {
        let cut = || Unreadable(format!("the end of {name}"));
        let (length, rest) = data.split_first_chunk::<4>().ok_or_else(cut)?;
        let (text, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or_else(cut)?;
        data = rest;
        // As in packets: what is not UTF-8 shows as U+FFFD, and is refused as a name.
        Ok(String::from_utf8_lossy(text).into_owned())
    };
    Ok(match name {
        "posix-rename@openssh.com" => Request::Rename { from: text()?, to: text()?, replace: true },
        "fsync@openssh.com" => handle(&text()?, |handle| Request::Sync { handle }),
        "limits@openssh.com" => Request::Limits,
        "lsetstat@openssh.com" => Request::SetStat { path: text()?, attributes: Changes::default() },
        _ => Request::Unsupported("this extension is not known"),
    })
}

fn file(listed: Listed) -> File {
    File { filename: listed.name, longname: listed.long, attrs: attributes(&listed.stat) }
}

fn attributes(stat: &Stat) -> FileAttributes {
    let mode = match (stat.folder, stat.writable) {
        (true, true) => FileMode::DIR.bits() | 0o755,
        (true, false) => FileMode::DIR.bits() | 0o555,
        (false, true) => FileMode::REG.bits() | 0o644,
        (false, false) => FileMode::REG.bits() | 0o444,
    };
    FileAttributes {
        size: Some(stat.size),
        uid: Some(1000),
        gid: Some(1000),
        permissions: Some(mode),
        atime: Some(stat.mtime),
        mtime: Some(stat.mtime),
        ..FileAttributes::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use russh_sftp::protocol::{Init, Open, Write};

    use super::*;

    fn content(packet: Packet) -> Bytes {
        Bytes::try_from(packet).unwrap().slice(4..)
    }

    fn request(packet: Packet) -> (u32, Request) {
        match read(content(packet)).unwrap() {
            Said::Request(id, request) => (id, request),
            Said::Hello => panic!("hello"),
        }
    }

    #[test]
    fn requests_are_what_their_packets_say() {
        assert!(matches!(read(content(Packet::Init(Init::new()))), Ok(Said::Hello)));
        let pflags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let open = Open { id: 7, filename: "inbound/ä".into(), pflags, attrs: FileAttributes::default() };
        let how = How { truncate: true, create: true, exclusive: false };
        let path = "inbound/ä".to_owned();
        let expected = Request::Open { path, read: false, write: true, append: false, how };
        assert_eq!(request(Packet::Open(open)), (7, expected));
        let write = |handle: &str| Packet::Write(Write { id: 8, handle: handle.into(), offset: 9, data: vec![1, 2] });
        let data = Bytes::from_static(&[1, 2]);
        assert_eq!(request(write("3")), (8, Request::Write { handle: 3, offset: 9, data }));
        assert_eq!(request(write("x")), (8, Request::BadHandle));
    }

    #[test]
    fn names_that_are_not_utf8_are_seen() {
        let mut bytes = vec![13, 0, 0, 0, 5];
        bytes.extend([0, 0, 0, 3, b'a', 0xe4, b'b']);
        let Ok(Said::Request(5, Request::Remove { path })) = read(bytes.into()) else { panic!() };
        assert!(path.contains('\u{fffd}'), "{path}");
    }

    #[test]
    fn extensions_and_unknown_requests() {
        let extended = |name: &str, data: &[u8]| {
            let mut bytes = vec![200, 0, 0, 0, 6];
            bytes.extend((name.len() as u32).to_be_bytes());
            bytes.extend(name.as_bytes());
            bytes.extend(data);
            read(bytes.into())
        };
        let Ok(Said::Request(6, Request::Rename { from, to, replace: true })) =
            extended("posix-rename@openssh.com", b"\0\0\0\x01a\0\0\0\x02bc")
        else {
            panic!()
        };
        assert_eq!((from.as_str(), to.as_str()), ("a", "bc"));
        assert!(extended("posix-rename@openssh.com", b"\0\0\0\x01a\0\0\xff\x02bc").is_err());
        assert!(matches!(extended("statvfs@openssh.com", b""), Ok(Said::Request(6, Request::Unsupported(_)))));
        let link = read(Bytes::from_static(b"\x14\0\0\0\x07\0\0\0\x01a\0\0\0\x02/b"));
        let Ok(Said::Request(7, link @ Request::Link { .. })) = link else { panic!("{link:?}") };
        assert_eq!(link.about(), ("link", "a, /b".to_owned()));
        let unknown = read(Bytes::from_static(&[21, 0, 0, 0, 9, 1, 2, 3]));
        assert!(matches!(unknown, Ok(Said::Request(9, Request::Unsupported(_)))));
        for bad in
            [&[2, 0, 0, 0, 3][..], &[101, 0, 0, 0, 1, 0], &[99], &[4, 0, 0], &[6, 0, 0, 0, 1, 255, 255, 255, 255]]
        {
            assert!(read(Bytes::copy_from_slice(bad)).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(kind in any::<u8>(), rest in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read([&[kind][..], &rest].concat().into());
        }
    }
}
