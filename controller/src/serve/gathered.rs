//! A connection whose writes leave together.
//!
//! The answer to a call is three HTTP/2 frames: headers, data, trailers. Where a connection says that it can write from many places at
//! once, h2 flushes after every data frame of 256 bytes or more, so that the trailers are a TLS record, a packet and a waking of the
//! caller of their own. This one says that it cannot: then h2 puts data of up to 1 KiB between its other frames, and what it writes
//! in parts, for longer data, is gathered here until it flushes.
//!
//! A longer answer, such as a page of a list, is several data frames of 16 KiB each, and h2 flushes behind every one. Such a flush is put off until the
//! connection is read from again, which h2 does first of all whenever it is polled, and it is polled at once: by then the whole of the answer waits here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What waits at most; past that, it is written before more is taken.
const WAITING_MAX: usize = 64 << 10;
/// A flush of so much is put off: there is likely more to come. What a single call is answered with is less.
const PUT_OFF_MIN: usize = 8 << 10;

/// Gathers what is written until it is flushed. Nothing is kept in between.
#[derive(Debug)]
pub(super) struct Gathered<T> {
    inner: T,
    waiting: Vec<u8>,
    /// So much of what waits is written.
    written: usize,
    /// Whether a flush may be put off: HTTP/1 does not promise to read afterwards.
    may_put_off: bool,
    /// A flush was put off.
    put_off: bool,
}

impl<T: AsyncWrite + Unpin> Gathered<T> {
    pub(super) fn new(inner: T, http2: bool) -> Self {
        Self { inner, waiting: Vec::new(), written: 0, may_put_off: http2, put_off: false }
    }

    fn poll_flush_waiting(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_waiting(cx))?;
        self.put_off = false;
        Pin::new(&mut self.inner).poll_flush(cx)
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
        if self.may_put_off && self.waiting.len() >= PUT_OFF_MIN && self.written == 0 {
            if !std::mem::replace(&mut self.put_off, true) {
                cx.waker().wake_by_ref();
            }
            return Poll::Ready(Ok(()));
        }
        self.poll_flush_waiting(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_waiting(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gathered<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.put_off
            && let Poll::Ready(Err(error)) = self.poll_flush_waiting(cx)
        {
            return Poll::Ready(Err(error));
        }
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
        let mut near = Gathered::new(near, true);
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
    async fn frames_of_one_answer_leave_together_when_it_is_read_from_again() {
        let (near, mut far) = duplex(1 << 20);
        let mut near = Gathered::new(near, true);
        let frame = vec![7; 16 << 10];
        for _ in 0..3 {
            near.write_all(&frame).await.unwrap();
            near.flush().await.unwrap();
        }
        let mut got = vec![0; 1 << 20];
        let early = tokio::time::timeout(std::time::Duration::from_millis(20), far.read(&mut got)).await;
        assert!(early.is_err(), "it left before the answer was whole");
        let mut heard = [0];
        let read = tokio::time::timeout(std::time::Duration::from_millis(20), near.read(&mut heard)).await;
        assert!(read.is_err(), "nothing was said");
        assert_eq!(far.read(&mut got).await.unwrap(), 3 * frame.len());
        // Put off once more, and nothing reads: it leaves when it is closed.
        near.write_all(&frame).await.unwrap();
        near.flush().await.unwrap();
        near.shutdown().await.unwrap();
        assert_eq!(far.read(&mut got).await.unwrap(), frame.len());
    }

    #[tokio::test]
    async fn a_flush_that_was_put_off_goes_on_when_the_pipe_has_room_again() {
        let (near, mut far) = duplex(1_000);
        let mut near = Gathered::new(near, true);
        let frame = vec![7; 16 << 10];
        near.write_all(&frame).await.unwrap();
        near.flush().await.unwrap();
        let reading = tokio::spawn(async move { near.read(&mut [0]).await });
        let mut got = vec![0; frame.len()];
        far.read_exact(&mut got).await.unwrap();
        assert!(got == frame);
        far.write_all(b"x").await.unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), 1);
    }

    #[tokio::test]
    async fn more_than_may_wait_goes_through_a_narrow_pipe_in_order() {
        let (near, mut far) = duplex(1_000);
        let mut near = Gathered::new(near, true);
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
