//! HTTP/1.1 by hand, both sides of it, so that a test decides on every byte and nothing of it is the program's own.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};

/// A request or an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    /// The first line.
    pub(super) first: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Said {
    /// An answer.
    pub(super) fn answer(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self { first: format!("HTTP/1.1 {status} As it is"), headers, body }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// An answer's status.
    pub(super) fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// A request's path.
    pub(super) fn path(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.first);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if self.header("content-length").is_none() {
            text += &format!("Content-Length: {}\r\n", self.body.len());
        }
        [text.as_bytes(), b"Connection: close\r\n\r\n", &self.body].concat()
    }
}

/// Reads a message whole; `None` where the other side ends before it begins.
#[expect(clippy::disallowed_methods, reason = "whoever speaks is the test's own")]
pub(super) async fn read(stream: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Option<Said>> {
    let mut said = Said::default();
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    said.first = line.trim_end().to_owned();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        said.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    if said.header("transfer-encoding").is_some_and(|encoding| encoding.eq_ignore_ascii_case("chunked")) {
        loop {
            let mut size = String::new();
            stream.read_line(&mut size).await?;
            let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).await?;
            said.body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Ok(Some(said));
            }
        }
    }
    let size = said.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    said.body.resize(size, 0);
    stream.read_exact(&mut said.body).await?;
    Ok(Some(said))
}

/// Connects to `address`.
pub(super) async fn connect(address: &str) -> BufReader<TcpStream> {
    BufReader::new(TcpStream::connect(address).await.expect("somebody listens"))
}

/// Connects to `address` from an address of this machine.
pub(super) async fn connect_from(source: [u8; 4], address: &str) -> BufReader<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    BufReader::new(socket.connect(address.parse().unwrap()).await.expect("somebody listens"))
}

/// Writes bytes at once.
pub(super) async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// The head of a `POST /as2`, without the empty line that ends it.
pub(super) fn head(headers: &[(String, String)]) -> String {
    let mut text = "POST /as2 HTTP/1.1\r\nHost: gangway.example\r\n".to_owned();
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text
}

/// Posts a message with its length.
pub(super) async fn post(address: &str, headers: &[(String, String)], body: &[u8]) -> Said {
    post_on(connect(address).await, headers, body).await
}

/// The same on a connection.
pub(super) async fn post_on(mut stream: BufReader<TcpStream>, headers: &[(String, String)], body: &[u8]) -> Said {
    let length = format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    write(&mut stream, &[head(headers).as_bytes(), length.as_bytes(), body].concat()).await.expect("it is read");
    read(&mut stream).await.expect("an answer").expect("an answer")
}

/// A server that takes one request on each connection.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listener {
    /// Keeps every request, and answers that it should come again.
    pub(super) async fn refusing() -> (Self, Arc<Mutex<Vec<Said>>>) {
        let seen: Arc<Mutex<Vec<Said>>> = Arc::default();
        let keeping = Arc::clone(&seen);
        let listener = Self::start(move |said| {
            keeping.lock().unwrap().push(said);
            async { Said::answer(503, Vec::new(), Vec::new()) }
        });
        (listener.await, seen)
    }

    /// Answers every request as `answer` says.
    pub(super) async fn start<A, F>(answer: A) -> Self
    where
        A: Fn(Said) -> F + Send + Sync + 'static,
        F: Future<Output = Said> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    if let Ok(Some(said)) = read(&mut stream).await {
                        let answer = answer(said).await;
                        let _ = write(&mut stream, &answer.bytes()).await;
                        let _ = stream.shutdown().await;
                    }
                });
            }
        });
        Self { address, task }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server that nobody should call. It counts those who do.
pub(super) struct Silent {
    pub(super) address: SocketAddr,
    calls: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Silent {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&calls);
        let task = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counting.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, calls, task }
    }

    /// How many called.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.task.abort();
    }
}
