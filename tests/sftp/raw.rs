//! A client that does what no decent client does: it cuts its socket, sends rubbish, and reads nothing.

use std::{io::Write, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use russh::{
    Channel, client,
    keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate},
};
use russh_sftp::client::RawSftpSession;
use tokio::net::TcpStream;

use super::site::user_key;

struct Trusting;

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

/// A connection that can be cut.
pub struct Raw {
    session: client::Handle<Trusting>,
    socket: std::net::TcpStream,
}

impl Raw {
    async fn connect(address: SocketAddr) -> Self {
        let socket = std::net::TcpStream::connect(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(socket.try_clone().unwrap()).unwrap();
        let config = client::Config { channel_buffer_size: 4000, ..client::Config::default() };
        let session = client::connect_stream(Arc::new(config), stream, Trusting).await.unwrap();
        Self { session, socket }
    }

    /// Logged in with the key that every partner here has.
    pub async fn login(address: SocketAddr, user: &str) -> Self {
        let mut raw = Self::connect(address).await;
        let key = PrivateKeyWithHashAlg::new(Arc::new(user_key().clone()), None);
        assert!(raw.session.authenticate_publickey(user, key).await.unwrap().success());
        raw
    }

    /// The same, where the server may be gone.
    pub async fn try_login(address: SocketAddr, user: &str) -> Option<Self> {
        let socket = std::net::TcpStream::connect(address).ok()?;
        socket.set_nonblocking(true).ok()?;
        let stream = TcpStream::from_std(socket.try_clone().ok()?).ok()?;
        let connected = client::connect_stream(Arc::new(client::Config::default()), stream, Trusting).await;
        let mut session = connected.ok()?;
        let key = PrivateKeyWithHashAlg::new(Arc::new(user_key().clone()), None);
        let right = session.authenticate_publickey(user, key).await.ok()?.success();
        right.then_some(Self { session, socket })
    }

    /// The SFTP subsystem, where the server may be gone.
    pub async fn try_sftp(&self) -> Option<RawSftpSession> {
        let channel = self.session.channel_open_session().await.ok()?;
        channel.request_subsystem(true, "sftp").await.ok()?;
        let session = RawSftpSession::new(channel.into_stream());
        session.set_timeout(10);
        session.init().await.ok()?;
        Some(session)
    }

    /// Whether this password is right; `None` where the connection was closed on it.
    pub async fn password(address: SocketAddr, user: &str, passwords: &[&str]) -> Option<bool> {
        Self::password_behind(address, "", user, passwords).await
    }

    /// The same over a balancer's connection that begins with `header`.
    pub async fn password_behind(address: SocketAddr, header: &str, user: &str, passwords: &[&str]) -> Option<bool> {
        let mut socket = std::net::TcpStream::connect(address).ok()?;
        socket.write_all(header.as_bytes()).ok()?;
        socket.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(socket).unwrap();
        let connected = client::connect_stream(Arc::new(client::Config::default()), stream, Trusting).await;
        let mut session = connected.ok()?;
        let mut right = false;
        for password in passwords {
            right = session.authenticate_password(user, *password).await.ok()?.success();
        }
        Some(right)
    }

    /// A channel with the SFTP subsystem.
    pub async fn channel(&self) -> Channel<client::Msg> {
        let channel = self.session.channel_open_session().await.unwrap();
        channel.request_subsystem(true, "sftp").await.unwrap();
        channel
    }

    pub async fn sftp(&self) -> RawSftpSession {
        let session = RawSftpSession::new(self.channel().await.into_stream());
        session.set_timeout(60);
        session.init().await.unwrap();
        session
    }

    /// Cuts the line, without a word.
    pub fn cut(&self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }

    pub fn is_closed(&self) -> bool {
        self.session.is_closed()
    }

    /// Whether the connection ends within half a minute.
    pub async fn ends(&self) -> bool {
        for _ in 0..600 {
            if self.session.is_closed() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }
}

/// A packet with its length.
pub fn packet(content: &[u8]) -> Bytes {
    [&(content.len() as u32).to_be_bytes()[..], content].concat().into()
}

/// A request: its type, its number, and strings.
pub fn request(kind: u8, id: u32, texts: &[&[u8]]) -> Bytes {
    let mut content = vec![kind];
    content.extend(id.to_be_bytes());
    for text in texts {
        content.extend((text.len() as u32).to_be_bytes());
        content.extend(*text);
    }
    packet(&content)
}
