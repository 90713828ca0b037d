//! A connection whose writes leave together.
//!
//! The answer to a call is three HTTP/2 frames: headers, data, trailers. Where a connection says that it can write from many places at
//! once, h2 flushes after every data frame of 256 bytes or more, so that the trailers are a TLS record, a packet and a waking of the
//! caller of their own. This one says that it cannot: then h2 puts data of up to 1 KiB between its other frames, and what it writes
//! in parts, for longer data, is gathered here until it flushes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What waits at most; past that, it is written before more is taken: as much as a TLS record holds (RFC 8446 §5.1).
const WAITING_MAX: usize = 16 << 10;

/// Gathers what is written until it is flushed. Nothing is kept in between.
#[derive(Debug)]
pub(super) struct Gathered<T> {
    inner: T,
    waiting: Vec<u8>,
    /// So much of what waits is written.
    written: usize,
}

impl<T: AsyncWrite + Unpin> Gathered<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, waiting: Vec::new(), written: 0 }
    }

    fn poll_write_waiting(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.waiting.get(self.written..).filter(|rest| !rest.is_empty()) {
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
        }
        (self.waiting, self.written) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Gathered<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.waiting.len() + bytes.len() > WAITING_MAX {
            ready!(self.poll_write_waiting(cx))?;
        }
        let taken = bytes.get(..WAITING_MAX).unwrap_or(bytes);
        self.waiting.extend_from_slice(taken);
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_waiting(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_waiting(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Gathered<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn what_is_written_leaves_at_the_flush_and_whole() {
        let (near, mut far) = duplex(64);
        let mut near = Gathered::new(near);
        assert!(!near.is_write_vectored());
        near.write_all(b"headers, ").await.unwrap();
        near.write_all(b"data, ").await.unwrap();
        let mut got = [0; 64];
        let early = tokio::time::timeout(std::time::Duration::from_millis(20), far.read(&mut got)).await;
        assert!(early.is_err(), "it left before the flush");
        near.write_all(b"trailers").await.unwrap();
        near.flush().await.unwrap();
        let count = far.read(&mut got).await.unwrap();
        assert_eq!(&got[..count], b"headers, data, trailers");
    }

    #[tokio::test]
    async fn more_than_may_wait_goes_through_a_narrow_pipe_in_order() {
        let (near, mut far) = duplex(1_000);
        let mut near = Gathered::new(near);
        let sent: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        let writing = async {
            for part in sent.chunks(7_001) {
                near.write_all(part).await.unwrap();
            }
            near.write_all(&sent).await.unwrap();
            near.shutdown().await.unwrap();
        };
        let mut got = Vec::new();
        let (_, read) = tokio::join!(writing, far.read_to_end(&mut got));
        assert_eq!(read.unwrap(), 2 * sent.len());
        assert!(got == [sent.clone(), sent].concat(), "the order is another");
    }
}
