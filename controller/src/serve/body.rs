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
    cut_off: Pin<Box<WaitForCancellationFutureOwned>>,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    ended: bool,
}

impl Guarded {
    pub(super) fn new(inner: Body, peer: Peer, stopping: &CancellationToken) -> Self {
        let cut_off = Box::pin(peer.revoked.clone().cancelled_owned());
        Self { inner, peer, cut_off, stopping: Box::pin(stopping.clone().cancelled_owned()), ended: false }
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
        if this.cut_off.as_mut().poll(cx).is_ready() {
            let answer = this.peer.last_answer();
            return this.end(&answer);
        }
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Pending if this.stopping.as_mut().poll(cx).is_ready() => this.end(&stopping()),
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Trailers may come in its place, so nothing certain is known before the end.
        SizeHint::default()
    }
}
