//! What a request meets first: gRPC-Web is turned into gRPC where browsers call, then the caller is established.

use super::caller::Authorise;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use hyper::body::Incoming;
use std::convert::Infallible;
use tonic::body::Body;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, ServiceExt};

/// The services that browsers call. Nothing else speaks gRPC-Web.
const BROWSERS: &str = "/freehold.v1.";

/// All services behind one port.
#[derive(Debug, Clone)]
pub(super) struct Front {
    grpc: Authorise,
    web: GrpcWebService<Authorise>,
}

impl Front {
    pub(super) fn new(services: Authorise) -> Self {
        Self { web: GrpcWebLayer::new().layer(services.clone()), grpc: services }
    }

    pub(super) async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let content = request.headers().get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
        let web = content.starts_with(b"application/grpc-web") && request.uri().path().starts_with(BROWSERS);
        let request = request.map(Body::new);
        if web { self.web.oneshot(request).await } else { self.grpc.oneshot(request).await }
    }
}
