//! Every method there is, asked by somebody who may do everything, but elsewhere.
//!
//! What others have is marked with words that stand in no question. A stranger's answer has none of them, and every change that it asks
//! for is refused. The same questions of somebody who may see everything are answered with those words, so none of them asks for
//! nothing. A method that is added has to be put into the table.

use super::*;
use crate::settling::{WANTED, leased, served, upload};
use crate::whole::call;
use freehold_proto::access::{Caller, METHODS, caller_of};
use freehold_proto::sync::lease_event;
use freehold_proto::v1::conflict_service_client::ConflictServiceClient;
use freehold_proto::v1::prefix_service_client::PrefixServiceClient;
use freehold_proto::v1::server_service_client::ServerServiceClient;
use freehold_proto::v1::space_service_client::SpaceServiceClient;
use prost::Message;
use std::collections::BTreeSet;

/// Words of others' data: what people write, a client, and an operator and an agent that nobody asks for by name.
const MARKS: [&str; 2] = ["zzsecret", "02:00:00:00:00:99"];

const TEN: &str = "spaces/default/prefixes/10.0.0.0-8";
const SERVER: &str = "servers/berlin-1/kea4";
const CLAIMED: &str = "spaces/default/addresses/10.2.0.5";
const RESERVED: &str = "scopes/yard/reservations/10.1.0.70";

/// What has no row of the plan: words that everybody shares, what is free, how far a server is; and streams, which are followed elsewhere.
const WITHOUT_ROWS: &[&str] = &[
    "/freehold.v1.FieldDefinitionService/GetFieldDefinition",
    "/freehold.v1.FieldDefinitionService/ListFieldDefinitions",
    "/freehold.v1.LeaseService/WatchLeases",
    "/freehold.v1.PlanService/FindFreeSubnets",
    "/freehold.v1.PreviewService/Preview",
    "/freehold.v1.ReviewService/ListChecks",
    "/freehold.v1.ServerService/GetCapabilities",
    "/freehold.v1.ServerService/WaitApplied",
    "/freehold.v1.ViewService/GetView",
    "/freehold.v1.ViewService/ListViews",
    "/freehold.v1.WatchService/Watch",
];

/// What is asked for by a name that is known, and has nothing else to tell. It is refused.
const NAMED: &[&str] = &["/freehold.v1.AgentService/GetAgent", "/freehold.v1.OperatorService/GetOperator"];

/// The methods that need no permission by their declaration, but one by what is asked.
const BY_CONTENT: &[&str] = &[
    "/freehold.v1.ExchangeService/ApplyImport",
    "/freehold.v1.ExchangeService/Export",
    "/freehold.v1.ExchangeService/PlanImport",
    "/freehold.v1.OperatorService/GetCaller",
];

macro_rules! questions {
    ($($service:ident/$method:ident: $request:expr;)*) => {
        vec![$((concat!("/freehold.v1.", stringify!($service), "/", stringify!($method)), $request.encode_to_vec()),)*]
    };
}

/// A request by the name of what it is about.
macro_rules! of {
    ($request:ident, $field:ident: $name:expr) => {
        $request { $field: $name.to_owned(), ..Default::default() }
    };
}

/// What is asked of every method, about what is not in `spaces/elsewhere`.
#[expect(clippy::needless_update, reason = "some requests have one field and no more")]
fn questions(conflict: &str, event: &str) -> Vec<(&'static str, Vec<u8>)> {
    let zero = Some(prost_types::Duration { seconds: 0, nanos: 1 });
    let network = |name: &str| Some(Prefix { name: name.to_owned(), title: "x".to_owned(), ..Prefix::default() });
    let scope = || Some(Scope { name: "scopes/yard".to_owned(), description: "x".to_owned(), ..Scope::default() });
    let agent = "agents/berlin-1";
    questions! {
        AddressService/GetAddress: of!(GetAddressRequest, name: CLAIMED);
        AddressService/ListAddresses: of!(ListAddressesRequest, parent: FREE);
        AddressService/AllocateAddresses: of!(AllocateAddressesRequest, parent: FREE);
        AddressService/UpdateAddress: of!(UpdateAddressRequest, name: CLAIMED);
        AddressService/ExtendHold: of!(ExtendHoldRequest, name: CLAIMED);
        AddressService/ClaimHeldAddress: of!(ClaimHeldAddressRequest, name: CLAIMED);
        AddressService/ReleaseAddress: of!(ReleaseAddressRequest, name: CLAIMED);
        AddressService/ConvertLease: ConvertLeaseRequest {
            scope: "scopes/yard".to_owned(),
            address: WANTED.to_owned(),
            ..ConvertLeaseRequest::default()
        };
        AddressService/MoveReservation: MoveReservationRequest {
            name: RESERVED.to_owned(),
            to: "10.1.0.71".to_owned(),
            ..MoveReservationRequest::default()
        };
        AddressService/ConvertToReservation: of!(ConvertToReservationRequest, name: CLAIMED);
        AddressService/ConvertToClaim: of!(ConvertToClaimRequest, name: RESERVED);
        AddressService/ListExpiringAddresses: ListExpiringAddressesRequest::default();
        AddressService/ProbeAddress: of!(ProbeAddressRequest, name: CLAIMED);
        AddressService/ClearSighting: of!(ClearSightingRequest, name: CLAIMED);
        AddressService/WaitAddress: of!(WaitAddressRequest, name: CLAIMED);
        AgentService/GetAgent: of!(GetAgentRequest, name: agent);
        AgentService/ListAgents: ListAgentsRequest::default();
        AgentService/RevokeAgent: of!(RevokeAgentRequest, name: agent);
        AgentService/DeleteAgent: of!(DeleteAgentRequest, name: agent);
        AgentService/CreateEnrolmentToken: of!(CreateEnrolmentTokenRequest, agent_id: "new");
        AgentService/ListEnrolmentTokens: ListEnrolmentTokensRequest::default();
        AgentService/DeleteEnrolmentToken: of!(DeleteEnrolmentTokenRequest, name: "enrolmentTokens/x");
        ConflictService/ListConflicts: ListConflictsRequest::default();
        ConflictService/GetConflict: of!(GetConflictRequest, name: conflict);
        EventService/GetEvent: of!(GetEventRequest, name: event);
        EventService/ListEvents: ListEventsRequest::default();
        ExchangeService/PlanImport: PlanImportRequest {
            part: Some(plan_import_request::Part::Settings(Default::default())),
        };
        ExchangeService/ApplyImport: ApplyImportRequest {
            part: Some(apply_import_request::Part::Settings(Default::default())),
        };
        ExchangeService/Export: ExportRequest { kind: export_request::Kind::Prefixes.into(), ..ExportRequest::default() };
        FieldDefinitionService/CreateFieldDefinition: of!(CreateFieldDefinitionRequest, field_definition_id: "x");
        FieldDefinitionService/GetFieldDefinition: of!(GetFieldDefinitionRequest, name: "fieldDefinitions/x");
        FieldDefinitionService/ListFieldDefinitions: ListFieldDefinitionsRequest::default();
        FieldDefinitionService/UpdateFieldDefinition: UpdateFieldDefinitionRequest::default();
        FieldDefinitionService/DeleteFieldDefinition: of!(DeleteFieldDefinitionRequest, name: "fieldDefinitions/x");
        HistoryService/ListAddressHistory: of!(ListAddressHistoryRequest, name: CLAIMED);
        HistoryService/WhoHad: of!(WhoHadRequest, name: CLAIMED);
        LeaseService/GetLease: of!(GetLeaseRequest, name: format!("{SERVER}/leases/{WANTED}"));
        LeaseService/ListLeases: of!(ListLeasesRequest, parent: "servers/-");
        LeaseService/ListLeaseEvents: of!(ListLeaseEventsRequest, parent: SERVER);
        LeaseService/WatchLeases: of!(WatchLeasesRequest, parent: SERVER);
        OperatorService/CreateOperator: of!(CreateOperatorRequest, operator_id: "new");
        OperatorService/GetOperator: of!(GetOperatorRequest, name: "operators/berta");
        OperatorService/ListOperators: ListOperatorsRequest::default();
        OperatorService/UpdateOperator: UpdateOperatorRequest::default();
        OperatorService/DeleteOperator: of!(DeleteOperatorRequest, name: "operators/berta");
        OperatorService/IssueOperatorCertificate: of!(IssueOperatorCertificateRequest, name: "operators/berta");
        OperatorService/RevokeOperatorCertificate: of!(RevokeOperatorCertificateRequest, name: "operators/berta");
        OperatorService/GetCaller: GetCallerRequest {};
        PlanService/ListPrefixTree: ListPrefixTreeRequest { parent: DEFAULT.to_owned(), depth: 9, ..Default::default() };
        PlanService/FindFreeSubnets: FindFreeSubnetsRequest { parent: TEN.to_owned(), length: 24, count: 1 };
        PlanService/CarvePrefixes: CarvePrefixesRequest {
            parent: TEN.to_owned(),
            length: 24,
            prefix: Some(Prefix { kind: prefix::Kind::Network.into(), ..Prefix::default() }),
            ..CarvePrefixesRequest::default()
        };
        PlanService/SplitPrefix: SplitPrefixRequest { name: FREE.to_owned(), length: 25, ..Default::default() };
        PlanService/JoinPrefixes: JoinPrefixesRequest {
            prefixes: [YARD, FREE].map(|name| of!(JoinedPrefix, name: name)).into(),
            ..JoinPrefixesRequest::default()
        };
        PlanService/ResizePrefix: ResizePrefixRequest {
            name: FREE.to_owned(),
            cidr: "10.2.0.0/23".to_owned(),
            ..ResizePrefixRequest::default()
        };
        PrefixService/CreatePrefix: create_prefix("10.3.0.0/24", prefix::Kind::Network);
        PrefixService/GetPrefix: of!(GetPrefixRequest, name: YARD);
        PrefixService/ListPrefixes: of!(ListPrefixesRequest, parent: "spaces/-");
        PrefixService/UpdatePrefix: UpdatePrefixRequest { prefix: network(FREE), ..Default::default() };
        PreviewService/Preview: PreviewRequest { name: "previews/00".to_owned() };
        PrefixService/DeletePrefix: of!(DeletePrefixRequest, name: FREE);
        ReclaimService/ListStaleAddresses: ListStaleAddressesRequest {
            parent: DEFAULT.to_owned(),
            not_seen_for: zero,
            ..ListStaleAddressesRequest::default()
        };
        ReclaimService/ReclaimAddresses: ReclaimAddressesRequest { names: vec![CLAIMED.to_owned()], ..Default::default() };
        ReservationService/CreateReservation: create_reservation("yard", reservation("10.1.0.72", "02:00:00:00:00:72"));
        ReservationService/GetReservation: of!(GetReservationRequest, name: RESERVED);
        ReservationService/ListReservations: of!(ListReservationsRequest, parent: "scopes/-");
        ReservationService/UpdateReservation: UpdateReservationRequest {
            reservation: Some(of!(Reservation, name: RESERVED)),
            ..UpdateReservationRequest::default()
        };
        ReservationService/DeleteReservation: of!(DeleteReservationRequest, name: RESERVED);
        ReviewService/ListFindings: ListFindingsRequest::default();
        ReviewService/ListChecks: ListChecksRequest {};
        ScopeService/CreateScope: create_scope("new", shed());
        ScopeService/GetScope: of!(GetScopeRequest, name: "scopes/yard");
        ScopeService/ListScopes: ListScopesRequest::default();
        ScopeService/UpdateScope: UpdateScopeRequest { scope: scope(), ..Default::default() };
        ScopeService/BatchUpdateScopes: BatchUpdateScopesRequest {
            requests: vec![UpdateScopeRequest { scope: scope(), ..Default::default() }],
            ..BatchUpdateScopesRequest::default()
        };
        ScopeService/DeleteScope: of!(DeleteScopeRequest, name: "scopes/yard");
        SearchService/Search: of!(SearchRequest, query: "zzsec");
        ServerService/GetServer: of!(GetServerRequest, name: SERVER);
        ServerService/GetCapabilities: of!(GetCapabilitiesRequest, name: SERVER);
        ServerService/ListServers: ListServersRequest::default();
        ServerService/UpdateServer: UpdateServerRequest::default();
        ServerService/DeleteServer: of!(DeleteServerRequest, name: SERVER);
        ServerService/AcceptHistory: of!(AcceptHistoryRequest, name: SERVER);
        ServerService/ReleaseRemovals: of!(ReleaseRemovalsRequest, name: SERVER);
        ServerService/DecideDrift: of!(DecideDriftRequest, name: SERVER);
        ServerService/AllowListing: of!(AllowListingRequest, name: SERVER);
        ServerService/RetryRefused: of!(RetryRefusedRequest, name: SERVER);
        ServerService/WaitApplied: of!(WaitAppliedRequest, resource: "scopes/yard");
        SpaceService/CreateSpace: of!(CreateSpaceRequest, space_id: "new");
        SpaceService/GetSpace: of!(GetSpaceRequest, name: DEFAULT);
        SpaceService/ListSpaces: ListSpacesRequest::default();
        SpaceService/UpdateSpace: UpdateSpaceRequest::default();
        SpaceService/DeleteSpace: of!(DeleteSpaceRequest, name: "spaces/new");
        UtilisationService/GetUtilisation: of!(GetUtilisationRequest, name: YARD);
        UtilisationService/ListUtilisation: of!(ListUtilisationRequest, parent: "spaces/-");
        ViewService/CreateView: of!(CreateViewRequest, view_id: "new");
        ViewService/GetView: of!(GetViewRequest, name: "views/nets");
        ViewService/ListViews: ListViewsRequest::default();
        ViewService/UpdateView: UpdateViewRequest::default();
        ViewService/DeleteView: of!(DeleteViewRequest, name: "views/nets");
        ViewService/ListViewMembers: of!(ListViewMembersRequest, parent: "views/nets");
        WatchService/Watch: WatchRequest::default();
    }
}

/// A house in which everything that others have is marked, with a lease and a conflict.
async fn marked() -> (House, crate::agent::Agent, [String; 2]) {
    let (house, agent) = served().await;
    let mark = || "zzsecret".to_owned();
    let create = CreateSpaceRequest { space_id: "elsewhere".to_owned(), ..CreateSpaceRequest::default() };
    let mut spaces = SpaceServiceClient::new(house.api.clone());
    spaces.create_space(create).await.expect("a space");
    let space = Space { name: DEFAULT.to_owned(), title: mark(), ..Space::default() };
    spaces.update_space(UpdateSpaceRequest { space: Some(space), ..Default::default() }).await.expect("marked");
    let event = format!("events/{}", house.revision().await);
    let prefix = Prefix { name: YARD.to_owned(), title: mark(), ..Prefix::default() };
    let update = UpdatePrefixRequest { prefix: Some(prefix), ..UpdatePrefixRequest::default() };
    PrefixServiceClient::new(house.api.clone()).update_prefix(update).await.expect("marked");
    let scope = Scope { name: "scopes/yard".to_owned(), description: mark(), ..Scope::default() };
    house.scopes().update_scope(UpdateScopeRequest { scope: Some(scope), ..Default::default() }).await.expect("marked");
    // A host name that two have is found by the review.
    let other = Reservation { host_name: mark(), ..reservation("10.1.0.73", "02:00:00:00:00:73") };
    house.reservations().create_reservation(create_reservation("yard", other)).await.expect("a reservation");
    let (description, host_name) = (mark(), mark());
    let reservation = Reservation { name: RESERVED.to_owned(), description, host_name, ..Reservation::default() };
    let update = UpdateReservationRequest { reservation: Some(reservation), ..UpdateReservationRequest::default() };
    house.reservations().update_reservation(update).await.expect("marked");
    let server = Server { name: SERVER.to_owned(), description: mark(), ..Server::default() };
    let update = UpdateServerRequest { server: Some(server), ..UpdateServerRequest::default() };
    ServerServiceClient::new(house.api.clone()).update_server(update).await.expect("marked");
    crate::views::view(&house, "nets", view::Kind::Prefixes, "kind = network").await;
    house.agent("zzsecret").await;
    house.operator("zzsecret", Role::Viewer).await;
    house.operator("berta", Role::Viewer).await;

    let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    let ends = AllocateAddressesRequest { expire_time: Some(soon.into()), ..claim("10.2.0.5", "zzsecret") };
    crate::addresses::given(&house, ends).await;
    leased(&house, &agent, [2, 0, 0, 0, 0, 0x99]).await;
    let against = AllocateAddressesRequest {
        addresses: vec![WANTED.to_owned()],
        accept_risk: true,
        details: vec![crate::addresses::details("02:00:00:00:00:20")],
        ..crate::addresses::allocate("scopes/yard", AddressPurpose::Claim, 1)
    };
    crate::addresses::given(&house, against).await;
    upload(&house, &agent, [2, 0, 0, 0, 0, 0x99], 2, lease_event::Kind::Renewed).await;
    let list = ConflictServiceClient::new(house.api.clone()).list_conflicts(ListConflictsRequest::default()).await;
    let conflict = list.expect("a list").into_inner().conflicts[0].name.clone();
    (house, agent, [conflict, event])
}

fn tells(bytes: &[u8]) -> bool {
    MARKS.iter().any(|mark| bytes.windows(mark.len()).any(|part| part == mark.as_bytes()))
}

#[tokio::test]
async fn somebody_who_may_do_everything_elsewhere_is_told_and_changes_nothing_here() {
    let (house, _agent, [conflict, event]) = marked().await;
    let questions = questions(&conflict, &event);
    let asked: BTreeSet<_> = questions.iter().map(|(path, _)| *path).collect();
    let of_operators = |declared: &Caller| matches!(declared, Caller::With(_) | Caller::AnyOperator);
    let all: BTreeSet<_> =
        METHODS.iter().filter(|(_, declared)| of_operators(declared)).map(|(path, _)| *path).collect();
    assert_eq!(asked, all, "every method is asked something");
    assert!(questions.iter().all(|(_, message)| !tells(message)), "the marks stand in no question");

    let stranger = house.delegate("fremd", Role::IpamAdministrator, "spaces/elsewhere").await;
    let stranger = house.channel(Some(&stranger)).await;
    let mut wrong = Vec::new();
    for (path, message) in questions {
        let writes =
            matches!(caller_of(path), Some(Caller::With(permission)) if permission.as_str().ends_with(".write"));
        let told = call(&stranger, path, message.clone()).await;
        let words = match &told {
            Ok(message) => message.clone(),
            Err(status) => [status.message().as_bytes(), status.details()].concat(),
        };
        if tells(&words) {
            wrong.push(format!("{path} tells a stranger: {}", String::from_utf8_lossy(&words)));
        }
        if (writes || NAMED.contains(&path)) && told.as_ref().map_err(answer) != Err(denied()) {
            wrong.push(format!("{path} does not refuse a stranger: {told:?}"));
        }
        let has_rows = !writes && ![WITHOUT_ROWS, BY_CONTENT, NAMED].iter().any(|list| list.contains(&path));
        if has_rows || path.ends_with("/Export") {
            let seen = call(&house.api, path, message).await;
            if !seen.as_ref().is_ok_and(|message| tells(message)) {
                wrong.push(format!("{path} is asked for nothing that is marked: {seen:?}"));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}
