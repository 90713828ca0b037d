//! An answer that ends when its connection has to.

use super::peer::Peer;
use http::HeaderMap;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{Status, body::Body};

/// The body of an answer. It passes through until the peer is cut off, and then ends at once with the reason; when the controller
/// stops, what is ready is still sent, and a stream that has nothing to say ends.
pub(super) struct Guarded {
    inner: Body,
    peer: Peer,
    stopping: CancellationToken,
    /// Waits to be cut off, and for the controller to stop. Most answers are ready when they are asked for, and never wait.
    waits: Option<[Pin<Box<WaitForCancellationFutureOwned>>; 2]>,
    ended: bool,
}

impl Guarded {
    pub(super) fn new(inner: Body, peer: Peer, stopping: &CancellationToken) -> Self {
        Self { inner, peer, stopping: stopping.clone(), waits: None, ended: false }
    }

    /// Ends with what a peer that was cut off is told.
    fn cut_off(&mut self) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let answer = self.peer.last_answer();
        self.end(&answer)
    }

    fn end(&mut self, status: &Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.ended = true;
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }
}

/// What a stream is told when the controller stops.
pub(super) fn stopping() -> Status {
    Status::unavailable("the controller is stopping; connect again")
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        if this.peer.revoked.is_cancelled() {
            return this.cut_off();
        }
        let ready = Pin::new(&mut this.inner).poll_frame(cx);
        if ready.is_ready() {
            return ready;
        }
        let [cut_off, stopped] = this.waits.get_or_insert_with(|| {
            [&this.peer.revoked, &this.stopping].map(|token| Box::pin(token.clone().cancelled_owned()))
        });
        if cut_off.as_mut().poll(cx).is_ready() {
            return this.cut_off();
        }
        if stopped.as_mut().poll(cx).is_ready() {
            return this.end(&stopping());
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Trailers may come in its place, so nothing certain is known before the end.
        SizeHint::default()
    }
}
