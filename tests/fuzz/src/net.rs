//! What a balancer says before anything else: the PROXY protocol's header, versions 1 and 2.

use std::{
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use gangway::net::Balancers;
use tokio::io::{AsyncRead, ReadBuf};

/// A stream of so many bytes at a time, that tells what is left of it.
struct Stream<'a> {
    bytes: &'a [u8],
    size: usize,
}

impl AsyncRead for Stream<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let (now, later) = self.bytes.split_at(self.size.min(into.remaining()).min(self.bytes.len()));
        into.put_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(()))
    }
}

/// Who a connection is from, if that can be told, and how many bytes that took.
fn origin(balancers: &Balancers, bytes: &[u8], size: usize) -> (Option<SocketAddr>, usize) {
    let peer = SocketAddr::from(([192, 0, 2, 1], 9));
    let mut stream = Stream { bytes, size };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let said = runtime.block_on(balancers.origin(&mut stream, peer)).ok();
    (said, bytes.len() - stream.bytes.len())
}

/// A header is taken to its last byte and not beyond, however it comes, and without that byte it is none; and from
/// whoever is no balancer nothing is read.
pub fn proxy_header(bytes: &[u8]) {
    let balancers = Balancers::new(|_| true);
    let (said, taken) = origin(&balancers, bytes, usize::MAX);
    assert_eq!(origin(&balancers, bytes, 1), (said, taken), "byte by byte");
    assert!(taken <= 107.max(16 + usize::from(u16::MAX)), "{taken} bytes");
    if said.is_some() {
        let header = &bytes[..taken];
        assert_eq!(origin(&balancers, header, usize::MAX), (said, taken), "what follows changes nothing");
        let cut = &header[..taken - 1];
        assert_eq!(origin(&balancers, cut, usize::MAX).0, None, "cut short");
    }
    assert_eq!(origin(&Balancers::none(), bytes, 1).1, 0);
}
