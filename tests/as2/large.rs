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
    send::{self, Compress, Document, TransferEncoding},
};

use super::parties::{acme, build, forms, gangway, lenient, openssl, path, request, request_of, tools};
use crate::util::{Dir, full, gwtest};

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

#[test]
fn every_form_is_sent_from_files_as_from_memory() {
    let large: Vec<u8> = (0..300_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
    for mut form in forms() {
        for (opaque, transfer_encoding) in [
            (false, TransferEncoding::Binary),
            (true, TransferEncoding::Binary),
            (false, TransferEncoding::Base64),
            (true, TransferEncoding::Base64),
        ] {
            form.quirks.opaque_signature = opaque;
            form.quirks.transfer_encoding = transfer_encoding;
            let folder = Folder::new(u64::MAX);
            let certificates = [gangway().certificate.clone()];
            let digests = [Digest::Sha256];
            let terms = send::Terms {
                from: "acme",
                to: "gangway",
                sign: form.sign.map(|(digest, scheme)| send::Signing { key: &acme().own, digest, scheme }),
                encrypt: form.encrypt.map(|(cipher, transport)| send::Encryption {
                    certificates: &certificates,
                    cipher,
                    transport,
                }),
                compress: form.compress,
                receipt: Some(send::ReceiptTerms { signed: true, digests: &digests, deliver_to: None, notify: "x" }),
                quirks: form.quirks.clone(),
            };
            let document = send::Enclosure {
                content: folder.hold(&large),
                content_type: "application/edi-x12",
                filename: Some("a"),
            };
            let disk = Tools { scratch: &folder, ..tools() };
            let sent = send::compose(&[document], "x", "<1@acme>", &terms, disk).unwrap();
            let body = sent.body.bytes().unwrap();
            assert_eq!(body.len() as u64, sent.body.size());
            let stored = |content: &Content| matches!(content, Content::Stored { .. });
            let in_memory = sent.body.pieces().iter().filter(|piece| !stored(piece)).map(Content::size).sum::<u64>();
            assert!(in_memory < 16 << 10, "{in_memory} of {} bytes are in memory", body.len());
            let headers: Vec<_> = sent.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let received = super::parties::receive(&request(&headers), body.to_vec(), &lenient());
            let accepted = received.outcome.unwrap();
            assert_eq!(digest(&accepted.payloads[0].content), digest(&large.clone().into()));
            assert!(sent.expectation.mics.iter().any(|mic| mic.agrees(accepted.mic.as_ref().unwrap())));
        }
    }
}

gwtest!(a_hundred_megabytes_are_sent_with_bounded_memory, async |dir| {
    let size: u64 = if full() { 500 << 20 } else { 100 << 20 };
    let came = Arc::new(AtomicU64::new(0));
    // The partner's server counts, and keeps nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/as2", listener.local_addr().unwrap());
    let counting = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counting = Arc::clone(&counting);
            tokio::spawn(async move { count(stream, &counting).await });
        }
    });
    let file = dir.join("large.edi");
    let mut writing = io::BufWriter::new(fs::File::create(&file).unwrap());
    let mut line = 0_u64;
    while writing.stream_position().unwrap() < size {
        line += 1;
        // As hard to compress as an interchange is.
        let mixed = line.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        writeln!(writing, "REF*ZZ*{mixed:016X}*{line}~PO1*{line}*12*EA*9.95**VP*{:08X}~", mixed >> 32).unwrap();
    }
    writing.flush().unwrap();
    dir.create("small.edi", "ISA*00*~");
    for terms in [
        "encrypt = \"aes256-gcm\"",
        "encrypt = \"aes256-cbc\"\ncompress = \"after-signing\"",
        "encrypt = \"off\"\n[as2.quirks]\nopaque_signature = true\ntransfer_encoding = \"base64\"\nchunked = true",
    ] {
        // The receipt is not read: it would need the message to be opened.
        super::site::write(&dir, &url, &format!("receipt = \"none\"\n{terms}"), "live");
        let small = peak(&dir, "small.edi").await;
        came.store(0, Ordering::SeqCst);
        let large = peak(&dir, "large.edi").await;
        println!("{} MiB sent with {} MiB, {} bytes with {} MiB: {terms:?}", size >> 20, large >> 20, 8, small >> 20);
        let enough = if terms.contains("compress") { size / 4 } else { size };
        assert!(came.load(Ordering::SeqCst) > enough, "{terms}: {}", came.load(Ordering::SeqCst));
        assert!(large < small + (16 << 20), "{terms}: {} MiB and {} MiB", large >> 20, small >> 20);
    }
});

/// Sends a file by hand; gives the most memory that the program had meanwhile.
async fn peak(dir: &Dir, file: &str) -> u64 {
    let arguments = ["as2", "send", file, "--partner", "acme", "--config", "gangway.toml"];
    let mut sending = dir.gangway(&arguments).stdout(std::process::Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", sending.id());
    let mut most = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        most = most.max(kib.unwrap_or(0) << 10);
        if let Some(ended) = sending.try_wait().unwrap() {
            assert!(ended.success(), "{file}: {ended}");
            return most;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

/// Takes a request and answers it; counts the bytes of its body and keeps none.
async fn count(stream: tokio::net::TcpStream, count: &AtomicU64) {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    let mut stream = BufReader::new(stream);
    let mut length = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse::<u64>().ok();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut buffer = vec![0; 64 << 10];
    let mut tail = Vec::new();
    let mut total = 0;
    while length.is_none_or(|length| total < length) && !tail.ends_with(b"\r\n0\r\n\r\n") {
        let Ok(read @ 1..) = stream.read(&mut buffer).await else { break };
        total += read as u64;
        count.fetch_add(read as u64, Ordering::SeqCst);
        tail.extend_from_slice(&buffer[read.saturating_sub(7)..read]);
        tail.drain(..tail.len().saturating_sub(7));
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let _ = stream.shutdown().await;
}
