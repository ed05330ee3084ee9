//! What stands between an SSH channel and the SFTP loop, so that neither can block the other for good.
//!
//! The library's session loop waits when a channel's reader does not read, and then sees no window adjustments either:
//! a loop that waits for the window to write would wait for ever. So a task of its own takes everything from the channel
//! into a queue that is bounded by bytes. While the loop waits for the window the queue may grow further, because only
//! then the adjustment behind it can come; a peer that fills that too is dropped.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

/// The queue's size while the loop reads.
const CALM: usize = 1 << 20;
/// The queue's size while the loop waits to write.
const BLOCKED: usize = 8 << 20;
/// What one piece costs beside its bytes.
const OVERHEAD: usize = 128;

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// There is something to read, or it is over.
    filled: Notify,
    /// There is room, or the loop waits to write, or nobody reads any more.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    pieces: VecDeque<Bytes>,
    weight: usize,
    writing: bool,
    ended: bool,
    /// More came than is kept.
    flooded: bool,
    /// Nobody reads any more.
    closed: bool,
}

/// A packet's length is no packet's, or its peer sends more than it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("a packet of {0} bytes")]
    Length(u32),
    #[error("it sends without end, and takes no answers")]
    Flood,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a piece from the channel; waits for room. `false` where it is not wanted any more.
    pub(super) async fn push(&self, piece: Bytes) -> bool {
        loop {
            {
                let mut state = self.state();
                if state.closed || state.flooded {
                    return false;
                }
                let limit = if state.writing { BLOCKED } else { CALM };
                if state.weight < limit {
                    state.weight += piece.len() + OVERHEAD;
                    state.pieces.push_back(piece);
                    self.filled.notify_one();
                    return true;
                }
                if state.writing {
                    state.flooded = true;
                    self.filled.notify_one();
                    return false;
                }
            }
            self.room.notified().await;
        }
    }

    /// Nothing comes any more.
    pub(super) fn end(&self) {
        self.state().ended = true;
        self.filled.notify_one();
    }

    /// Nobody reads any more.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.room.notify_one();
    }

    /// The loop begins or ends waiting to write.
    pub(super) fn writing(&self, writing: bool) {
        self.state().writing = writing;
        self.room.notify_one();
    }

    /// Waits until more came than is kept.
    pub(super) async fn flooded(&self) {
        loop {
            if self.state().flooded {
                return;
            }
            self.filled.notified().await;
        }
    }

    async fn pop(&self) -> Result<Option<Bytes>, Broken> {
        loop {
            {
                let mut state = self.state();
                if state.flooded {
                    return Err(Broken::Flood);
                }
                if let Some(piece) = state.pieces.pop_front() {
                    state.weight -= piece.len() + OVERHEAD;
                    self.room.notify_one();
                    return Ok(Some(piece));
                }
                if state.ended {
                    return Ok(None);
                }
            }
            self.filled.notified().await;
        }
    }
}

/// Cuts what comes out of a queue into packets: four bytes of length, and so many of content.
#[derive(Debug)]
pub(super) struct Packets {
    queue: Arc<Queue>,
    buffer: BytesMut,
    longest: u32,
}

impl Packets {
    pub(super) fn new(queue: Arc<Queue>, longest: u32) -> Self {
        Self { queue, buffer: BytesMut::new(), longest }
    }

    /// The next packet's content; `None` at the end. Half a packet at the end is nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            if let Some(length) = self.buffer.first_chunk::<4>().copied().map(u32::from_be_bytes) {
                if !(1..=self.longest).contains(&length) {
                    return Err(Broken::Length(length));
                }
                let whole = 4 + length as usize;
                if self.buffer.len() >= whole {
                    let mut packet = self.buffer.split_to(whole);
                    return Ok(Some(packet.split_off(4).freeze()));
                }
                self.buffer.reserve(whole - self.buffer.len());
            }
            match self.queue.pop().await? {
                Some(piece) => self.buffer.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32).to_be_bytes()[..], content].concat()
    }

    #[tokio::test]
    async fn packets_do_not_depend_on_how_they_were_cut() {
        let contents: Vec<Vec<u8>> = (1..200_usize).map(|n| vec![n as u8; n * 7 % 90 + 1]).collect();
        let stream: Vec<u8> = contents.iter().flat_map(|content| packet(content)).collect();
        for cut in [1, 3, 4, 5, 64, 1000, stream.len()] {
            let queue = Arc::new(Queue::default());
            let (sender, stream) = (Arc::clone(&queue), stream.clone());
            tokio::spawn(async move {
                for piece in stream.chunks(cut) {
                    assert!(sender.push(Bytes::copy_from_slice(piece)).await);
                }
                sender.push(Bytes::from_static(b"\0\0\0\x09half")).await;
                sender.end();
            });
            let mut packets = Packets::new(queue, 1000);
            for content in &contents {
                assert_eq!(packets.next().await.unwrap().unwrap(), content);
            }
            assert_eq!(packets.next().await, Ok(None));
        }
    }

    #[tokio::test]
    async fn lengths_that_are_none_are_refused_before_anything_is_kept_for_them() {
        for length in [0, 1001, u32::MAX] {
            let queue = Arc::new(Queue::default());
            queue.push(Bytes::copy_from_slice(&u32::to_be_bytes(length))).await;
            assert_eq!(Packets::new(queue, 1000).next().await, Err(Broken::Length(length)));
        }
    }

    #[tokio::test]
    async fn a_reader_that_rests_holds_the_sender_back_and_one_that_writes_does_not_at_once() {
        let queue = Arc::new(Queue::default());
        let sender = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move {
                let mut sent = 0_usize;
                while queue.push(Bytes::from(vec![0; 1000])).await {
                    sent += 1;
                }
                sent
            }
        });
        let settled = || async {
            loop {
                let before = queue.state().weight;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                if queue.state().weight == before && before > 0 {
                    break before;
                }
            }
        };
        let weight = settled().await;
        assert!((CALM..CALM + 2000).contains(&weight), "{weight}");
        queue.writing(true);
        queue.flooded().await;
        assert!(queue.state().weight < BLOCKED + 2000);
        assert_eq!(queue.pop().await, Err(Broken::Flood));
        assert!(sender.await.unwrap() > BLOCKED / 1200);
    }

    #[tokio::test]
    async fn a_reader_that_is_gone_ends_the_sender() {
        let queue = Arc::new(Queue::default());
        queue.close();
        assert!(!queue.push(Bytes::from_static(b"x")).await);
    }
}
