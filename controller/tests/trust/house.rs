//! A controller's port with a ledger in memory, and callers of every kind.

pub(crate) use crate::whole::{Answer, answer, answer_of as call, refused};
use freehold_certs::authority::{Authority, Issued};
use freehold_certs::credentials::Credentials;
use freehold_certs::dial::Dial;
use freehold_certs::identity::Uuid;
use freehold_certs::key::PrivateKey;
use freehold_certs::reload::CurrentServer;
use freehold_certs::request::{KeyAndRequest, RequestedKey};
use freehold_certs::tls;
use freehold_certs::token::EnrolmentToken;
use freehold_controller::Context;
use freehold_controller::clock;
use freehold_controller::engine::{Call, Committed, Engine};
use freehold_controller::enrol::{self, Enrolment};
use freehold_controller::ledger::{Identity, MemoryLedger};
use freehold_controller::serve::certificate::ServerCertificate;
use freehold_controller::serve::{self, Caller};
use freehold_core::access::Role;
use freehold_core::change::{Actor, Outcome};
use freehold_core::model::SecretHash;
use freehold_core::name::{AgentName, OperatorName, TokenName};
use freehold_core::{Command, Entry, Revision, State, Timestamp};
use freehold_proto::sync::agent_control_service_server::{AgentControlService, AgentControlServiceServer};
use freehold_proto::sync::{
    RenewRequest, RenewResponse, SessionRequest, SessionResponse, UploadLeasesRequest, UploadLeasesResponse,
};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;
use tokio_stream::Empty;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const READ: &str = "/freehold.v1.SpaceService/ListSpaces";
pub(crate) const WRITE: &str = "/freehold.v1.SpaceService/CreateSpace";
pub(crate) const RENEW: &str = "/freehold.sync.v1.AgentControlService/Renew";

/// A served controller.
pub(crate) struct House {
    pub(crate) context: Arc<Context>,
    pub(crate) address: SocketAddr,
    pub(crate) tls: CurrentServer,
    pub(crate) certificate: ServerCertificate,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: JoinHandle<()>,
    ahead: Arc<AtomicI64>,
    _folder: TempDir,
}

/// Somebody with a key and a certificate.
pub(crate) type Identified = Credentials;

/// An authority made 200 days ago, so that it could have given certificates that are over by now.
pub(crate) fn authority(folder: &TempDir) -> Authority {
    let trust_domain = "example.test".parse().expect("a trust domain");
    Authority::create(&folder.path().join("ca"), trust_domain, SystemTime::now() - 200 * DAY).expect("an authority")
}

impl House {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Arc::new(authority(&folder));
        let ahead = Arc::new(AtomicI64::new(0));
        let now = {
            let ahead = Arc::clone(&ahead);
            move || Timestamp(clock::now().0 + ahead.load(Ordering::Relaxed))
        };
        let ledger = MemoryLedger::new(Identity { store_id: [7; 16], incarnation: 1 });
        let (views, mut frames) = tokio::sync::mpsc::channel(16);
        tokio::spawn(async move { while frames.recv().await.is_some() {} });
        let (engine, _) = Engine::start(Box::new(ledger), State::default(), Arc::new(now), views);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let endpoint = address.to_string().parse().expect("an endpoint");
        let context = Arc::new(Context::new(engine, Arc::clone(&authority), endpoint));
        let certificate = ServerCertificate { authority, id: Uuid::random(), names: Vec::new() };
        let (config, _) = certificate.issue(SystemTime::now()).expect("a server certificate");
        let (_, health) = tonic_health::server::health_reporter();
        let routes = Routes::default()
            .add_service(Enrolment::server(Arc::clone(&context)))
            .add_service(AgentControlServiceServer::new(Control(Arc::clone(&context))))
            .add_service(health)
            .add_service(Reached);
        let stop = CancellationToken::new();
        let tls = CurrentServer::new(config);
        let serving = tokio::spawn(serve::serve(listener, tls.clone(), routes, Arc::clone(&context), stop.clone()));
        Self { context, address, tls, certificate, stop, serving, ahead, _folder: folder }
    }

    /// Sets the engine's clock ahead of the host's.
    pub(crate) fn set_ahead(&self, by: Duration) {
        self.ahead.store(i64::try_from(by.as_millis()).expect("a short time"), Ordering::Relaxed);
    }

    pub(crate) async fn commit(&self, command: Command) -> Committed {
        self.context.engine.commit(Call::internal("system", "/test", command)).await.expect("committed")
    }

    /// Every entry of the ledger.
    pub(crate) async fn entries(&self) -> Vec<Arc<Entry>> {
        self.context.engine.entries_after(Revision(0)).ready(100_000).await.expect("readable")
    }

    /// The refused attempts on record: who, which method, why.
    pub(crate) async fn denials(&self) -> Vec<(String, String, String)> {
        let denied = |entry: &Arc<Entry>| match &entry.outcome {
            Outcome::Denied { reason, .. } => {
                Some((entry.actor.principal.clone(), entry.method.clone(), reason.to_string()))
            }
            Outcome::Done(_) => None,
        };
        self.entries().await.iter().filter_map(denied).collect()
    }

    /// An operator with this role and a certificate that lasts so long.
    pub(crate) async fn operator(&self, id: &str, role: Role, lifetime: Duration) -> Identified {
        let (key, requested) = key();
        let authority = &self.context.authority;
        let name = id.parse().expect("a name");
        let issued = authority.issue_operator(&requested, name, lifetime, SystemTime::now()).expect("issued");
        self.commit(Command::CreateOperator {
            name: OperatorName::from_id(id).expect("a name"),
            roles: [role].into(),
            grants: [].into(),
            certificate: Some(enrol::record_of(&issued.leaf)),
        })
        .await;
        credentials(key, issued)
    }

    /// An agent with a certificate that was given at this time.
    pub(crate) async fn agent(&self, id: &str, given: SystemTime) -> Identified {
        let (key, requested) = key();
        let uuid = Uuid::random();
        let issued = self.context.authority.issue_agent(&requested, uuid, given).expect("issued");
        let token = self.token(id, Duration::from_secs(60)).await;
        self.commit(Command::EnrolAgent {
            token: TokenName::from_id(&token.id.to_string()).expect("a name"),
            secret: SecretHash(*token.secret_hash().as_bytes()),
            id: *uuid.as_bytes(),
            certificate: enrol::record_of(&issued.leaf),
        })
        .await;
        credentials(key, issued)
    }

    /// A token for an agent, good for so long.
    pub(crate) async fn token(&self, agent: &str, good: Duration) -> EnrolmentToken {
        let endpoint = self.context.endpoint.clone();
        let token = EnrolmentToken::generate(self.context.authority.pin(), endpoint);
        self.commit(Command::CreateToken {
            name: TokenName::from_id(&token.id.to_string()).expect("a name"),
            agent: AgentName::from_id(agent).expect("a name"),
            secret: SecretHash(*token.secret_hash().as_bytes()),
            expires: self.context.engine.now().plus_seconds(good.as_secs().try_into().expect("short")),
        })
        .await;
        token
    }

    /// A TLS connection of this caller, or of nobody.
    pub(crate) async fn dial(&self, caller: Option<&Identified>) -> (Dial, TlsStream<TcpStream>) {
        let authority = &self.context.authority;
        let config = tls::client(caller, &authority.roots(), authority.trust_domain(), tls::system_clock());
        let dial = Dial::new(self.context.endpoint.clone(), config.expect("TLS settings"));
        let connection = dial.connect().await.expect("a connection");
        (dial, connection)
    }

    /// A channel of this caller, or of nobody.
    pub(crate) async fn channel(&self, caller: Option<&Identified>) -> Channel {
        let (dial, connection) = self.dial(caller).await;
        dial.channel(connection).await.expect("a channel")
    }

    /// Calls a method with an empty message over a new connection.
    pub(crate) async fn call(&self, caller: Option<&Identified>, path: &'static str) -> Answer {
        call(&self.channel(caller).await, path).await
    }
}

pub(crate) fn reached(by: &str) -> Answer {
    (Code::FailedPrecondition, format!("reached by {by}"))
}

pub(crate) fn key() -> (PrivateKey, RequestedKey) {
    let KeyAndRequest { key, request } = KeyAndRequest::generate().expect("a key");
    (key, RequestedKey::from_request(&request).expect("a sound request"))
}

pub(crate) fn credentials(key: PrivateKey, issued: Issued) -> Identified {
    Credentials::new(key, issued.chain).expect("a pair")
}

/// Stands where the API's services stand, and says who came through.
#[derive(Clone)]
struct Reached;

impl NamedService for Reached {
    const NAME: &'static str = "freehold.v1.SpaceService";
}

impl tower::Service<http::Request<Body>> for Reached {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let caller = request.extensions().get::<Caller>().expect("a caller");
        assert_eq!(request.extensions().get::<Actor>(), Some(&caller.actor));
        assert_eq!(caller.actor.principal, caller.principal.to_string());
        assert_eq!(caller.actor.address, "127.0.0.1");
        ready(Ok(Status::failed_precondition(format!("reached by {}", caller.principal)).into_http()))
    }
}

/// Stands where the sync service stands: its `Renew` is the real one.
struct Control(Arc<Context>);

#[tonic::async_trait]
impl AgentControlService for Control {
    type SessionStream = Empty<Result<SessionResponse, Status>>;
    type UploadLeasesStream = Empty<Result<UploadLeasesResponse, Status>>;

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        enrol::renew(&self.0, Caller::of(&extensions)?, message).await.map(Response::new)
    }

    async fn session(&self, _: Request<Streaming<SessionRequest>>) -> Result<Response<Self::SessionStream>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn upload_leases(
        &self,
        _: Request<Streaming<UploadLeasesRequest>>,
    ) -> Result<Response<Self::UploadLeasesStream>, Status> {
        Err(Status::unimplemented("not here"))
    }
}
