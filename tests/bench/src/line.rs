//! A sender's connection that is kept from one message to the next, as HTTP/1.1 has it, with as little of a client as there
//! can be: what it takes is not what is measured, but it shares the machine.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use gangway::as2::{mdn::HttpMessage, mime::Fields};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How long an answer may be.
const LONGEST: usize = 1 << 20;

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

    /// Posts a message to `path`; the headers and body of the answer.
    pub async fn post(&mut self, path: &str, message: &HttpMessage) -> Result<(Fields, Bytes)> {
        let mut request = format!("POST {path} HTTP/1.1\r\nHost: {}\r\n", self.host).into_bytes();
        for (name, value) in &message.headers {
            request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(&message.body);
        self.stream.write_all(&request).await?;
        let head = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let text = String::from_utf8_lossy(&self.read[..head]).into_owned();
        let (status, rest) = text.split_once("\r\n").context("no status")?;
        ensure!(status.contains(" 200 "), "{status}");
        let headers = Fields::parse(rest.trim_end().as_bytes())?;
        let length: usize = headers.text("content-length").context("no Content-Length")?.parse()?;
        ensure!(length <= LONGEST, "an answer of {length} bytes");
        while self.read.len() < head + length {
            self.more().await?;
        }
        let rest = self.read.split_off(head + length);
        let body = std::mem::replace(&mut self.read, rest).split_off(head);
        Ok((headers, body.into()))
    }

    async fn more(&mut self) -> Result<()> {
        if self.read.len() > 2 * LONGEST || self.stream.read_buf(&mut self.read).await? == 0 {
            bail!("the connection ended within an answer");
        }
        Ok(())
    }
}
