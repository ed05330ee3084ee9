//! A connection that can be cut from outside, and that cuts itself when its peer takes nothing for too long: the
//! library's session ends only when its stream does.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::legacy::Overheard;

/// The stream.
pub(super) struct Cuttable {
    stream: TcpStream,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_cut: bool,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    overheard: Option<Overheard>,
}

impl Cuttable {
    /// It ends when `cut` does, or when a write makes no progress for `patience`. What the peer says first is `overheard`.
    pub(super) fn new(
        stream: TcpStream,
        cut: impl Future<Output = ()> + Send + 'static,
        patience: Duration,
        overheard: Option<Overheard>,
    ) -> Self {
        Self { stream, cut: Box::pin(cut), is_cut: false, patience, stalled: None, overheard }
    }

    fn poll_cut(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.is_cut || self.cut.as_mut().poll(cx).is_ready() {
            self.is_cut = true;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    fn poll_stalled<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let patience = self.patience;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_cut(cx)?;
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Some(overheard) = &self.overheard {
            overheard.hear(buffer.filled().get(before..).unwrap_or_default());
        }
        polled
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_cut(cx)?;
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.poll_stalled(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
