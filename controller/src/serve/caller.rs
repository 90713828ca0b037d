//! In front of every service: who calls, and whether that one may.

use super::body::Guarded;
use super::peer::Peer;
use super::standing::{self, Barred, Principal};
use crate::api::{previews, status};
use crate::context::Context;
use freehold_core::change::Actor;
use freehold_proto::access::{Caller as Declared, caller_of};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use std::convert::Infallible;
use std::sync::Arc;
use std::task::Poll;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Extensions, Status};
use tower::{Service, ServiceExt};

/// The caller of a method that needs one: in the extensions of its requests, with its [`Actor`] and the permission that the method
/// needs, if it is one, beside it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is.
    pub principal: Principal,
    /// The same for the audit trail.
    pub actor: Actor,
}

impl Caller {
    /// The caller of a request.
    ///
    /// # Errors
    /// `INTERNAL` if the method is one that anybody may call.
    pub fn of(extensions: &Extensions) -> Result<&Self, Status> {
        extensions.get().ok_or_else(|| Status::internal("the caller was not established"))
    }
}

/// Lets through the calls that are allowed, and puts the others on record.
#[derive(Debug, Clone)]
pub(super) struct Authorise {
    inner: Routes,
    context: Arc<Context>,
    stopping: CancellationToken,
}

impl Authorise {
    pub(super) fn new(inner: Routes, context: Arc<Context>, stopping: CancellationToken) -> Self {
        Self { inner, context, stopping }
    }

    async fn answer(self, mut request: Request<Body>) -> Response<Body> {
        let peer =
            request.extensions().get::<Peer>().expect("every connection puts its peer into its requests").clone();
        let path = request.uri().path().to_owned();
        let state = self.context.engine.state();
        let caller = match standing::decide(&path, &state, peer.certificate.as_deref(), self.context.engine.now()) {
            Ok(None) => None,
            Ok(Some(principal)) => {
                let actor = peer.actor(principal.to_string());
                let caller = Caller { principal, actor: actor.clone() };
                request.extensions_mut().insert(actor);
                request.extensions_mut().insert(caller.clone());
                if let Some(Declared::With(permission)) = caller_of(&path) {
                    request.extensions_mut().insert(permission);
                }
                Some(caller)
            }
            Err(barred) => return self.bar(&peer, &path, barred).await.into_http(),
        };
        drop(state);
        let (response, preview) = tokio::select! {
            biased;
            () = peer.revoked.cancelled() => return peer.last_answer().into_http(),
            answered = previews::noting(self.inner.oneshot(request)) => answered,
        };
        let mut response = response.unwrap_or_else(|never| match never {});
        if let Some(preview) = preview.and_then(|name| HeaderValue::try_from(name).ok()) {
            response.headers_mut().insert(previews::HEADER, preview);
        }
        if let Some(said) = Status::from_header_map(response.headers()) {
            if let Some(unread) = status::unread(&said) {
                return unread.into_http();
            }
            note_denied(&self.context, &peer, &path, caller.as_ref(), &said).await;
        }
        response.map(|body| Body::new(Guarded::new(body, peer, &self.stopping)))
    }

    async fn bar(&self, peer: &Peer, path: &str, barred: Barred) -> Status {
        let (known, refusal, answer) = match barred {
            Barred::NoSuchMethod => {
                return Status::unimplemented(format!(
                    "there is no method {path}; is this client newer than the controller?"
                ));
            }
            Barred::Unknown(refusal) => (None, refusal.clone(), status::unauthenticated(&refusal)),
            Barred::Forbidden(principal, refusal) => (Some(principal), refusal.clone(), status::refused(&refusal)),
        };
        let principal = match (&known, &peer.certificate) {
            (Some(principal), _) => principal.to_string(),
            (None, Some(shown)) => shown.identity.to_string(),
            (None, None) => String::new(),
        };
        let address = peer.address.ip();
        self.context.denials.record(known.as_ref(), peer.actor(principal), address, path, &refusal).await;
        answer
    }
}

/// Puts on record what a service refused an operator for want of a right within a place.
async fn note_denied(context: &Context, peer: &Peer, path: &str, caller: Option<&Caller>, said: &Status) {
    let operator = caller.filter(|caller| matches!(caller.principal, Principal::Operator(_)));
    if let (Some(Caller { principal, actor }), Some(refusal)) = (operator, status::denied(said)) {
        let address = peer.address.ip();
        context.denials.record(Some(principal), actor.clone(), address, path, &refusal).await;
    }
}

impl Service<Request<Body>> for Authorise {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { Ok(this.answer(request).await) })
    }
}
