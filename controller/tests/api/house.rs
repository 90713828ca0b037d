//! A controller with a small plan, callers of every kind, and an agent that says what a test wants.

use crate::whole::{Running, first_operator, plan};
use freehold_certs::CertificateDer;
use freehold_certs::credentials::{Credentials, Roots};
use freehold_certs::request::KeyAndRequest;
use freehold_certs::token::EnrolmentToken;
use freehold_controller::init::init;
use freehold_core::access::Role;
use freehold_proto::sync::EnrolRequest;
use freehold_proto::sync::enrolment_service_client::EnrolmentServiceClient;
use freehold_proto::v1::agent_service_client::AgentServiceClient;
use freehold_proto::v1::operator_service_client::OperatorServiceClient;
use freehold_proto::v1::prefix_service_client::PrefixServiceClient;
use freehold_proto::v1::reservation::Client;
use freehold_proto::v1::reservation_service_client::ReservationServiceClient;
use freehold_proto::v1::scope_service_client::ScopeServiceClient;
use freehold_proto::v1::server_service_client::ServerServiceClient;
use freehold_proto::v1::watch_service_client::WatchServiceClient;
use freehold_proto::v1::{
    AddressRange, CreateEnrolmentTokenRequest, CreateOperatorRequest, CreatePrefixRequest, CreateReservationRequest,
    CreateScopeRequest, Exclusion, Grant, IssueOperatorCertificateRequest, Operator, Prefix, Reservation, Scope,
    WatchRequest, prefix,
};
use tempfile::TempDir;
use tonic::transport::Channel;

pub(crate) const DEFAULT: &str = "spaces/default";
/// The network that `scopes/yard` serves.
pub(crate) const YARD: &str = "spaces/default/prefixes/10.1.0.0-24";
/// A network without a scope.
pub(crate) const FREE: &str = "spaces/default/prefixes/10.2.0.0-24";

/// A controller that was just founded, and its first operator.
pub(crate) struct House {
    folder: TempDir,
    running: Option<Running>,
    first: Credentials,
    roots: Roots,
    /// A channel of the first operator, who may do everything.
    pub(crate) api: Channel,
}

impl House {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        init(&plan(folder.path())).expect("founded");
        let running = Running::start(folder.path()).await;
        let (first, roots) = first_operator(folder.path());
        let api = running.channel(Some(&first), &roots).await;
        Self { folder, running: Some(running), first, roots, api }
    }

    /// A house with a container, two networks, a scope in one of them and a reservation in that.
    pub(crate) async fn furnished() -> Self {
        let house = Self::open().await;
        house.prefix("10.0.0.0/8", prefix::Kind::Container).await;
        house.prefix("10.1.0.0/24", prefix::Kind::Network).await;
        house.prefix("10.2.0.0/24", prefix::Kind::Network).await;
        house.scopes().create_scope(create_scope("yard", yard())).await.expect("a scope");
        let reserved = reservation("10.1.0.70", "02:00:00:00:00:70");
        house.reservations().create_reservation(create_reservation("yard", reserved)).await.expect("a reservation");
        house
    }

    /// Stops the controller and starts it again on what it left.
    pub(crate) async fn restart(&mut self) {
        self.running.take().expect("running").stop().await;
        let running = Running::start(self.folder.path()).await;
        self.api = running.channel(Some(&self.first), &self.roots).await;
        self.running = Some(running);
    }

    /// A channel of this caller, or of nobody.
    pub(crate) async fn channel(&self, caller: Option<&Credentials>) -> Channel {
        self.running.as_ref().expect("running").channel(caller, &self.roots).await
    }

    pub(crate) fn prefixes(&self) -> PrefixServiceClient<Channel> {
        PrefixServiceClient::new(self.api.clone())
    }

    pub(crate) fn scopes(&self) -> ScopeServiceClient<Channel> {
        ScopeServiceClient::new(self.api.clone())
    }

    pub(crate) fn reservations(&self) -> ReservationServiceClient<Channel> {
        ReservationServiceClient::new(self.api.clone())
    }

    pub(crate) fn servers(&self) -> ServerServiceClient<Channel> {
        ServerServiceClient::new(self.api.clone())
    }

    pub(crate) fn agents(&self) -> AgentServiceClient<Channel> {
        AgentServiceClient::new(self.api.clone())
    }

    pub(crate) fn operators(&self) -> OperatorServiceClient<Channel> {
        OperatorServiceClient::new(self.api.clone())
    }

    /// The newest revision: what a watch from now on begins with.
    pub(crate) async fn revision(&self) -> u64 {
        let watch = WatchRequest { from_now: true, ..WatchRequest::default() };
        let mut watch = WatchServiceClient::new(self.api.clone()).watch(watch).await.expect("a watch").into_inner();
        watch.message().await.expect("open").expect("a bookmark").revision
    }

    pub(crate) async fn prefix(&self, cidr: &str, kind: prefix::Kind) -> Prefix {
        self.prefixes().create_prefix(create_prefix(cidr, kind)).await.expect("a prefix").into_inner()
    }

    /// An operator with this role, and a certificate of its own.
    pub(crate) async fn operator(&self, id: &str, role: Role) -> Credentials {
        self.operator_who(id, Operator { roles: vec![role.id().to_owned()], ..Operator::default() }).await
    }

    /// An operator with this role within a place alone, and a certificate of its own.
    pub(crate) async fn delegate(&self, id: &str, role: Role, place: &str) -> Credentials {
        let grant = Grant { role: role.id().to_owned(), place: place.to_owned(), ..Grant::default() };
        self.operator_who(id, Operator { grants: vec![grant], ..Operator::default() }).await
    }

    pub(crate) async fn operator_who(&self, id: &str, operator: Operator) -> Credentials {
        let create = CreateOperatorRequest {
            operator_id: id.to_owned(),
            operator: Some(operator),
            ..CreateOperatorRequest::default()
        };
        let made = self.operators().create_operator(create).await.expect("an operator").into_inner();
        let KeyAndRequest { key, request } = KeyAndRequest::generate().expect("a key");
        let issue = IssueOperatorCertificateRequest { name: made.name, csr_der: request.to_vec() };
        let issued = self.operators().issue_operator_certificate(issue).await.expect("a certificate").into_inner();
        Credentials::new(key, certificates(issued.chain_der)).expect("a pair")
    }

    /// An agent, enrolled as agents are.
    pub(crate) async fn agent(&self, id: &str) -> Credentials {
        let create = CreateEnrolmentTokenRequest { agent_id: id.to_owned(), ..CreateEnrolmentTokenRequest::default() };
        let made = self.agents().create_enrolment_token(create).await.expect("a token").into_inner();
        let token: EnrolmentToken = made.token.parse().expect("a token");
        let KeyAndRequest { key, request } = KeyAndRequest::generate().expect("a key");
        let enrol = EnrolRequest {
            token_id: token.id.to_string(),
            token_secret: token.secret.as_bytes().to_vec(),
            csr_der: request.to_vec(),
        };
        let nobody = self.channel(None).await;
        let enrolled = EnrolmentServiceClient::new(nobody).enrol(enrol).await.expect("enrolled").into_inner();
        Credentials::new(key, certificates(enrolled.chain_der)).expect("a pair")
    }
}

fn certificates(chain: Vec<Vec<u8>>) -> Vec<CertificateDer<'static>> {
    chain.into_iter().map(CertificateDer::from).collect()
}

pub(crate) fn create_prefix(cidr: &str, kind: prefix::Kind) -> CreatePrefixRequest {
    let prefix = Prefix { cidr: cidr.to_owned(), kind: kind.into(), ..Prefix::default() };
    CreatePrefixRequest { parent: DEFAULT.to_owned(), prefix: Some(prefix), ..CreatePrefixRequest::default() }
}

pub(crate) fn create_scope(id: &str, scope: Scope) -> CreateScopeRequest {
    CreateScopeRequest { scope_id: id.to_owned(), scope: Some(scope), ..CreateScopeRequest::default() }
}

pub(crate) fn create_reservation(scope: &str, reservation: Reservation) -> CreateReservationRequest {
    let parent = format!("scopes/{scope}");
    CreateReservationRequest { parent, reservation: Some(reservation), ..CreateReservationRequest::default() }
}

/// The scope of [`YARD`].
pub(crate) fn yard() -> Scope {
    Scope {
        network: YARD.to_owned(),
        ranges: vec![range("10.1.0.10", "10.1.0.200")],
        exclusions: vec![exclusion("10.1.0.50", "10.1.0.60")],
        ..Scope::default()
    }
}

/// A scope of [`FREE`].
pub(crate) fn shed() -> Scope {
    Scope { network: FREE.to_owned(), ranges: vec![range("10.2.0.10", "10.2.0.200")], ..Scope::default() }
}

pub(crate) fn range(start: &str, end: &str) -> AddressRange {
    AddressRange { start: start.to_owned(), end: end.to_owned() }
}

pub(crate) fn exclusion(start: &str, end: &str) -> Exclusion {
    Exclusion { range: Some(range(start, end)), ..Exclusion::default() }
}

pub(crate) fn reservation(address: &str, hardware: &str) -> Reservation {
    let client = Some(Client::HardwareAddress(hardware.to_owned()));
    Reservation { address: address.to_owned(), client, ..Reservation::default() }
}
