//! A sender's connection that is kept from one message to the next, as HTTP/1.1 has it, with as little of a client as there
//! can be: what it takes is not what is measured, but it shares the machine.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use gangway::as2::mime::Fields;
use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How long an answer may be.
const LONGEST: usize = 1 << 20;

/// What was answered.
pub struct Answer {
    pub status: u16,
    pub fields: Fields,
    pub body: Bytes,
}

/// A connection to the gateway.
pub struct Line {
    host: String,
    stream: TcpStream,
    /// What came and was not looked at yet.
    read: Vec<u8>,
}

impl Line {
    /// Connects to `host`, an address and a port.
    pub async fn open(host: &str) -> Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self { host: host.to_owned(), stream, read: Vec::new() })
    }

    /// Posts `body` to `path` with these header fields, its length among them.
    pub async fn post<'a>(
        &mut self,
        path: &str,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: &[u8],
    ) -> Result<Answer> {
        let mut request = format!("POST {path} HTTP/1.1\r\nHost: {}\r\n", self.host).into_bytes();
        for (name, value) in fields {
            [name, ": ", value, "\r\n"].iter().for_each(|part| request.extend_from_slice(part.as_bytes()));
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        let head = loop {
            if let Some(end) = memmem::find(&self.read, b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let (status, fields) =
            self.read[..head].split_at(memchr::memchr(b'\n', &self.read[..head]).unwrap_or_default());
        let status = std::str::from_utf8(status)?.split(' ').nth(1).context("no status")?.parse()?;
        let fields = Fields::parse(fields.trim_ascii())?;
        let length: usize = fields.text("content-length").context("no Content-Length")?.parse()?;
        ensure!(length <= LONGEST, "an answer of {length} bytes");
        while self.read.len() < head + length {
            self.more().await?;
        }
        let rest = self.read.split_off(head + length);
        let body = std::mem::replace(&mut self.read, rest).split_off(head);
        Ok(Answer { status, fields, body: body.into() })
    }

    async fn more(&mut self) -> Result<()> {
        if self.read.len() > 2 * LONGEST || self.stream.read_buf(&mut self.read).await? == 0 {
            bail!("the connection ended within an answer");
        }
        Ok(())
    }
}
