//! Bodies that are not in memory: the same messages from files, with every layer in a file.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use gangway::as2::{
    algorithm::Digest,
    content::{Blob, Content, Scratch, Sink},
    entropy::System,
    fault::Fault,
    receive::{Policy, Relation, Tools, receive},
    send::{Compress, Document},
};

use super::parties::{acme, build, forms, gangway, lenient, openssl, path, request, request_of, tools};

/// A file that is read from anywhere.
struct OnDisk(PathBuf);

impl Blob for OnDisk {
    fn open(&self, at: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut file = fs::File::open(&self.0)?;
        file.seek(SeekFrom::Start(at))?;
        Ok(Box::new(file))
    }
}

/// A folder whose files are the layers; it counts them, and can break like a full disk.
struct Folder {
    folder: tempfile::TempDir,
    begun: AtomicU64,
    room: u64,
}

impl Folder {
    fn new(room: u64) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Self { folder, begun: AtomicU64::new(0), room }
    }

    fn hold(&self, bytes: &[u8]) -> Content {
        let file = self.folder.path().join("body");
        fs::write(&file, bytes).unwrap();
        Content::stored(Arc::new(OnDisk(file)), bytes.len() as u64)
    }
}

struct Layer {
    file: fs::File,
    path: PathBuf,
    size: u64,
    room: u64,
}

impl Write for Layer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.size += bytes.len() as u64;
        if self.size > self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Sink for Layer {
    fn finish(self: Box<Self>) -> io::Result<Content> {
        Ok(Content::stored(Arc::new(OnDisk(self.path)), self.size))
    }
}

impl Scratch for Folder {
    fn begin(&self, _: u64) -> io::Result<Box<dyn Sink>> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.path().join(number.to_string());
        Ok(Box::new(Layer { file: fs::File::create(&path)?, path, size: 0, room: self.room }))
    }
}

fn digest(content: &Content) -> Vec<u8> {
    content.digest(Digest::Sha256).unwrap().as_ref().to_vec()
}

#[test]
fn every_form_is_the_same_from_files() {
    let large: Vec<u8> = (0..300_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
    let document = [Document { content: &large, content_type: "application/edi-x12", filename: Some("a") }];
    let keys = [gangway().own.clone()];
    let certificates = [acme().certificate.clone()];
    for mut form in forms() {
        for opaque in [false, true] {
            form.quirks.opaque_signature = opaque;
            let sent = build(acme(), gangway(), &document, &form, None);
            let policy = lenient();
            let relation = Relation { certificates: &certificates, keys: &keys, policy: &policy };
            let folder = Folder::new(u64::MAX);
            let disk = Tools { scratch: &folder, ..tools() };
            let request = request_of(&sent.http);
            let body = folder.hold(&sent.http.body);
            let accepted = receive(&request, body, relation, disk).outcome.unwrap();
            let [payload] = accepted.payloads.as_slice() else { panic!() };
            assert!(matches!(payload.content, Content::Stored { .. }));
            assert_eq!(digest(&payload.content), digest(&large.clone().into()));
            let in_memory = receive(&request, sent.http.body.clone().into(), relation, tools()).outcome.unwrap();
            assert_eq!(accepted.mic, in_memory.mic);
            assert_eq!(accepted.mic.as_ref(), sent.expectation.mics.first());
            // One file per layer that is not a part of the layer around it, and one for a signature in base64.
            let layers = u64::from(form.encrypt.is_some()) + u64::from(form.compress != Compress::Never);
            let layers = layers + u64::from(form.sign.is_some() && !opaque);
            assert_eq!(folder.begun.load(Ordering::Relaxed), layers);
        }
    }
}

#[test]
fn what_openssl_streams_is_read_as_a_stream() {
    let folder = Folder::new(u64::MAX);
    let plain = folder.folder.path().join("plain");
    let signed = folder.folder.path().join("signed");
    let mut entity = b"Content-Type: application/octet-stream\r\n\r\n".to_vec();
    entity.extend((0..20 << 20).map(|n: u32| (n % 249) as u8));
    fs::write(&plain, &entity).unwrap();
    let sign = [
        "cms",
        "-sign",
        "-binary",
        "-stream",
        "-nodetach",
        "-outform",
        "DER",
        "-in",
        path(&plain),
        "-out",
        path(&signed),
    ];
    openssl(&[&sign[..], &["-signer", path(&acme().certificate_file), "-inkey", path(&acme().key_file)]].concat(), b"")
        .unwrap();
    let mut inner = b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\n".to_vec();
    inner.extend(fs::read(&signed).unwrap());
    fs::write(&signed, inner).unwrap();
    for cipher in ["-aes256", "-aes-256-gcm"] {
        let sealed = folder.folder.path().join("sealed");
        let encrypt = [
            "cms",
            "-encrypt",
            "-binary",
            "-stream",
            cipher,
            "-outform",
            "DER",
            "-in",
            path(&signed),
            "-out",
            path(&sealed),
        ];
        openssl(&[&encrypt[..], &[path(&gangway().certificate_file)]].concat(), b"").unwrap();
        let size = fs::metadata(&sealed).unwrap().len();
        let body = Content::stored(Arc::new(OnDisk(sealed)), size);
        let keys = [gangway().own.clone()];
        let certificates = [acme().certificate.clone()];
        let policy = Policy::default();
        let relation = Relation { certificates: &certificates, keys: &keys, policy: &policy };
        let request = request(&[("Content-Type", "application/pkcs7-mime; smime-type=enveloped-data")]);
        let disk = Tools { now: tools().now, scratch: &folder, entropy: &System };
        let accepted = receive(&request, body, relation, disk).outcome.unwrap();
        assert_eq!(accepted.payloads[0].content.size(), 20 << 20);
        assert_eq!(accepted.mic.unwrap().value, digest(&entity.clone().into()));
    }
}

/// The disk is our matter: the sender is asked to try again, not told that the message is bad.
#[test]
fn a_full_disk_is_ours() {
    let document = [Document { content: &[7; 100_000], content_type: "application/edi-x12", filename: None }];
    for form in forms().into_iter().filter(|form| form.encrypt.is_some() || form.compress != Compress::Never) {
        let sent = build(acme(), gangway(), &document, &form, None);
        let folder = Folder::new(10);
        let keys = [gangway().own.clone()];
        let certificates = [acme().certificate.clone()];
        let policy = lenient();
        let relation = Relation { certificates: &certificates, keys: &keys, policy: &policy };
        let disk = Tools { scratch: &folder, ..tools() };
        let body = folder.hold(&sent.http.body);
        let fault = receive(&request_of(&sent.http), body, relation, disk).outcome.unwrap_err();
        assert!(matches!(fault, Fault::Storage(_)) && fault.is_ours(), "{fault}");
    }
}
