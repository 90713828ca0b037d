//! A peer that plays back what a test says, and remembers what it was sent.

use freehold_proto::v1::scope_service_server::{ScopeService, ScopeServiceServer};
use freehold_proto::v1::server_service_server::{ServerService, ServerServiceServer};
use freehold_proto::v1::watch_service_server::{WatchService, WatchServiceServer};
use freehold_proto::v1::*;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tonic::codegen::tokio_stream::{self, Stream};
use tonic::transport::Server as Grpc;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// What is played back, first to last, and what was sent.
#[derive(Default)]
pub(crate) struct Peer {
    pub(crate) scopes: Mutex<VecDeque<Result<Scope, Status>>>,
    pub(crate) servers: Mutex<VecDeque<Server>>,
    pub(crate) pages: Mutex<VecDeque<ListScopesResponse>>,
    pub(crate) waits: Mutex<VecDeque<WaitAppliedResponse>>,
    pub(crate) changes: Mutex<Vec<WatchResponse>>,
    pub(crate) created: Mutex<Vec<CreateScopeRequest>>,
    pub(crate) updated: Mutex<Vec<UpdateScopeRequest>>,
    pub(crate) deleted: Mutex<Vec<DeleteScopeRequest>>,
    pub(crate) listed: Mutex<Vec<ListScopesRequest>>,
    pub(crate) awaited: Mutex<Vec<WaitAppliedRequest>>,
}

/// A peer that listens, until it is dropped.
pub(crate) struct Serving {
    pub(crate) endpoint: String,
    pub(crate) peer: Arc<Peer>,
    _tasks: JoinSet<()>,
}

impl Peer {
    /// Gives these scopes, or refusals, one a call.
    pub(crate) fn giving(scopes: impl IntoIterator<Item = Result<Scope, Status>>) -> Self {
        Self { scopes: Mutex::new(scopes.into_iter().collect()), ..Self::default() }
    }

    pub(crate) async fn serve(self, acceptor: TlsAcceptor) -> Serving {
        let peer = Arc::new(self);
        let plain = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let behind = plain.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        let router = Grpc::builder()
            .add_service(ScopeServiceServer::from_arc(peer.clone()))
            .add_service(ServerServiceServer::from_arc(peer.clone()))
            .add_service(WatchServiceServer::from_arc(peer.clone()));
        tasks.spawn(async move { router.serve_with_incoming(plain).await.unwrap() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = listener.local_addr().unwrap().to_string();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                connections.spawn(async move {
                    // A client that is refused, or leaves, is what some tests are about.
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        let mut inner = TcpStream::connect(behind).await.unwrap();
                        drop(tokio::io::copy_bidirectional(&mut stream, &mut inner).await);
                    }
                });
            }
        });
        Serving { endpoint, peer, _tasks: tasks }
    }

    fn next(&self) -> Result<Response<Scope>, Status> {
        self.scopes.lock().unwrap().pop_front().expect("a scripted answer").map(Response::new)
    }
}

impl Peer {
    fn next_server(&self) -> Result<Response<Server>, Status> {
        Ok(Response::new(self.servers.lock().unwrap().pop_front().expect("a scripted answer")))
    }
}

/// A refusal as the controller sends it.
pub(crate) fn refusal(code: tonic::Code, reason: &str, message: &str) -> Status {
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, "freehold.dev", []))
}

#[tonic::async_trait]
impl ScopeService for Peer {
    async fn create_scope(&self, request: Request<CreateScopeRequest>) -> Result<Response<Scope>, Status> {
        self.created.lock().unwrap().push(request.into_inner());
        self.next()
    }

    async fn get_scope(&self, _: Request<GetScopeRequest>) -> Result<Response<Scope>, Status> {
        self.next()
    }

    async fn list_scopes(&self, request: Request<ListScopesRequest>) -> Result<Response<ListScopesResponse>, Status> {
        self.listed.lock().unwrap().push(request.into_inner());
        Ok(Response::new(self.pages.lock().unwrap().pop_front().expect("a scripted page")))
    }

    async fn update_scope(&self, request: Request<UpdateScopeRequest>) -> Result<Response<Scope>, Status> {
        self.updated.lock().unwrap().push(request.into_inner());
        self.next()
    }

    async fn batch_update_scopes(
        &self,
        _: Request<BatchUpdateScopesRequest>,
    ) -> Result<Response<BatchUpdateScopesResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    async fn delete_scope(&self, request: Request<DeleteScopeRequest>) -> Result<Response<()>, Status> {
        self.deleted.lock().unwrap().push(request.into_inner());
        Ok(Response::new(()))
    }
}

#[tonic::async_trait]
impl ServerService for Peer {
    async fn get_server(&self, _: Request<GetServerRequest>) -> Result<Response<Server>, Status> {
        self.next_server()
    }

    async fn get_capabilities(
        &self,
        _: Request<GetCapabilitiesRequest>,
    ) -> Result<Response<GetCapabilitiesResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    async fn list_servers(&self, _: Request<ListServersRequest>) -> Result<Response<ListServersResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    async fn update_server(&self, _: Request<UpdateServerRequest>) -> Result<Response<Server>, Status> {
        self.next_server()
    }

    async fn accept_history(&self, _: Request<AcceptHistoryRequest>) -> Result<Response<Server>, Status> {
        self.next_server()
    }

    async fn release_removals(&self, _: Request<ReleaseRemovalsRequest>) -> Result<Response<Server>, Status> {
        self.next_server()
    }

    async fn decide_drift(&self, _: Request<DecideDriftRequest>) -> Result<Response<Server>, Status> {
        self.next_server()
    }

    async fn allow_listing(&self, _: Request<AllowListingRequest>) -> Result<Response<Server>, Status> {
        self.next_server()
    }

    async fn retry_refused(&self, _: Request<RetryRefusedRequest>) -> Result<Response<Server>, Status> {
        self.next_server()
    }

    async fn delete_server(&self, _: Request<DeleteServerRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    async fn wait_applied(
        &self,
        request: Request<WaitAppliedRequest>,
    ) -> Result<Response<WaitAppliedResponse>, Status> {
        self.awaited.lock().unwrap().push(request.into_inner());
        // The last answer stands.
        let mut waits = self.waits.lock().unwrap();
        let answer = if waits.len() > 1 { waits.pop_front() } else { waits.front().cloned() };
        Ok(Response::new(answer.expect("a scripted answer")))
    }
}

#[tonic::async_trait]
impl WatchService for Peer {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        assert!(request.get_ref().from_now);
        let changes: Vec<_> = self.changes.lock().unwrap().drain(..).map(Ok).collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(changes))))
    }
}
