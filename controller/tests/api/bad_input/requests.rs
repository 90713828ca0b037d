//! What all requests have in common: etags, masks, request ids, pages; and what only single ones have.

use super::{Case, case};
use crate::house::*;
use freehold_proto::v1::*;
use prost_types::{Duration, FieldMask};
use tonic::Code::{self, Aborted, FailedPrecondition, InvalidArgument, NotFound};

const UPDATE_SCOPE: &str = "/freehold.v1.ScopeService/UpdateScope";
const LIST_PREFIXES: &str = "/freehold.v1.PrefixService/ListPrefixes";
const WAIT: &str = "/freehold.v1.ServerService/WaitApplied";

pub(super) async fn cases(house: &House) -> Vec<Case> {
    [guards(), pages(house).await, ids(house).await, single_ones(), past(), conflicts(), review(), not_messages()]
        .into_iter()
        .flatten()
        .collect()
}

fn conflicts() -> Vec<Case> {
    const LIST: &str = "/freehold.v1.ConflictService/ListConflicts";
    const GET: &str = "/freehold.v1.ConflictService/GetConflict";
    let list = ListConflictsRequest::default;
    let named = |name: &str| GetConflictRequest { name: name.to_owned() };
    let invalid = |field| (InvalidArgument, "INVALID_NAME", field);
    vec![
        case(
            "a kind that there is not",
            LIST,
            ListConflictsRequest { kinds: vec![1, 99], ..list() },
            (InvalidArgument, "INVALID_VALUE", "kinds[1]"),
        ),
        case(
            "a kind that is not said",
            LIST,
            ListConflictsRequest { kinds: vec![0], ..list() },
            (InvalidArgument, "INVALID_VALUE", "kinds[0]"),
        ),
        case(
            "kinds without end",
            LIST,
            ListConflictsRequest { kinds: vec![1; 100_000], ..list() },
            (InvalidArgument, "TOO_MANY", "kinds"),
        ),
        case("no space", LIST, ListConflictsRequest { space: "default".to_owned(), ..list() }, invalid("space")),
        case("no prefix", LIST, ListConflictsRequest { prefix: "10.0.0.0/8".to_owned(), ..list() }, invalid("prefix")),
        case("no server", LIST, ListConflictsRequest { server: "kea4".to_owned(), ..list() }, invalid("server")),
        case(
            "another list's page",
            LIST,
            ListConflictsRequest { page_token: "AAAA".to_owned(), ..list() },
            (InvalidArgument, "INVALID_PAGE_TOKEN", "page_token"),
        ),
        case("no conflict's name", GET, named("3f9a"), invalid("name")),
        case("a conflict that there is not", GET, named("conflicts/3f9a"), (NotFound, "CONFLICT_NOT_FOUND", "name")),
    ]
}

fn review() -> Vec<Case> {
    const LIST: &str = "/freehold.v1.ReviewService/ListFindings";
    let list = ListFindingsRequest::default;
    let parent = |name: &str| ListFindingsRequest { parent: name.to_owned(), ..list() };
    let checks = |checks: &[&str]| ListFindingsRequest {
        checks: checks.iter().map(|check| (*check).to_owned()).collect(),
        ..list()
    };
    let invalid = |reason, field| (InvalidArgument, reason, field);
    vec![
        case("no resource", LIST, parent("yard"), invalid("INVALID_NAME", "parent")),
        case("an agent", LIST, parent("agents/berlin-1"), invalid("INVALID_NAME", "parent")),
        case("no scope", LIST, parent("scopes/"), invalid("INVALID_NAME", "parent")),
        case("no server", LIST, parent("servers/kea4"), invalid("INVALID_NAME", "parent")),
        case("no prefix", LIST, parent("spaces/default/prefixes/10.1.0.0"), invalid("INVALID_CIDR", "parent")),
        case("a scope that there is not", LIST, parent("scopes/gone"), (NotFound, "SCOPE_NOT_FOUND", "parent")),
        case("a space that there is not", LIST, parent("spaces/gone"), (NotFound, "SPACE_NOT_FOUND", "parent")),
        case(
            "a prefix of a space that there is not",
            LIST,
            parent("spaces/gone/prefixes/10.0.0.0-8"),
            (NotFound, "SPACE_NOT_FOUND", "parent"),
        ),
        case("no check", LIST, checks(&["no-router", "no-rooter"]), invalid("INVALID_VALUE", "checks[1]")),
        case("checks without end", LIST, checks(&["no-router"; 100_000]), invalid("TOO_MANY", "checks")),
        case(
            "a severity that there is not",
            LIST,
            ListFindingsRequest { severity_min: 4, ..list() },
            invalid("INVALID_VALUE", "severity_min"),
        ),
        case(
            "fewer than no rows",
            LIST,
            ListFindingsRequest { page_size: -1, ..list() },
            invalid("INVALID_VALUE", "page_size"),
        ),
        case(
            "another list's page",
            LIST,
            ListFindingsRequest { page_token: "AAAA".to_owned(), ..list() },
            invalid("INVALID_PAGE_TOKEN", "page_token"),
        ),
    ]
}

fn change(scope: Scope, paths: &[&str]) -> UpdateScopeRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let scope = Scope { name: "scopes/yard".to_owned(), description: "other".to_owned(), ..scope };
    UpdateScopeRequest { scope: Some(scope), update_mask: Some(FieldMask { paths }), ..UpdateScopeRequest::default() }
}

fn guards() -> Vec<Case> {
    let etag = |etag: &str| change(Scope { etag: etag.to_owned(), ..Scope::default() }, &["description"]);
    let path = |path: &str| change(Scope::default(), &["description", path]);
    let unknown = (InvalidArgument, "UNKNOWN_MASK_PATH", "update_mask.paths[1]");
    let delete =
        |etag: &str| DeleteScopeRequest { name: "scopes/yard".to_owned(), etag: etag.to_owned(), ..Default::default() };
    vec![
        case("a stale etag", UPDATE_SCOPE, etag("1"), (Aborted, "ETAG_MISMATCH", "scope.etag")),
        case("no etag of ours", UPDATE_SCOPE, etag("W/\"1\""), (InvalidArgument, "INVALID_ETAG", "scope.etag")),
        case("a stale etag", "/freehold.v1.ScopeService/DeleteScope", delete("1"), (Aborted, "ETAG_MISMATCH", "etag")),
        case(
            "no etag of ours",
            "/freehold.v1.ScopeService/DeleteScope",
            delete("-1"),
            (InvalidArgument, "INVALID_ETAG", "etag"),
        ),
        case("an unknown path", UPDATE_SCOPE, path("descriptoin"), unknown),
        case("a path of a path", UPDATE_SCOPE, path("lease_times.valid_seconds"), unknown),
        case("an output field", UPDATE_SCOPE, path("create_time"), unknown),
        case(
            "what cannot be changed",
            UPDATE_SCOPE,
            path("network"),
            (InvalidArgument, "FIELD_IMMUTABLE", "update_mask.paths[1]"),
        ),
        case("no scope", UPDATE_SCOPE, UpdateScopeRequest::default(), (InvalidArgument, "FIELD_REQUIRED", "scope")),
        case(
            "a scope that there is not",
            UPDATE_SCOPE,
            UpdateScopeRequest {
                scope: Some(Scope { name: "scopes/other".to_owned(), ..Scope::default() }),
                ..UpdateScopeRequest::default()
            },
            (NotFound, "SCOPE_NOT_FOUND", "scope.name"),
        ),
    ]
}

/// Lists with each its path and a message of this page size and token.
fn lists(page_size: i32, page_token: &str) -> Vec<(&'static str, Vec<u8>)> {
    use prost::Message;
    macro_rules! list {
        ($path:literal, $request:ident { $($rest:tt)* }) => {
            ($path, $request { page_size, page_token: page_token.to_owned(), $($rest)* }.encode_to_vec())
        };
    }
    let parent = |name: &str| name.to_owned();
    vec![
        list!("/freehold.v1.SpaceService/ListSpaces", ListSpacesRequest {}),
        list!(
            "/freehold.v1.PrefixService/ListPrefixes",
            ListPrefixesRequest { parent: parent(DEFAULT), ..Default::default() }
        ),
        list!("/freehold.v1.ScopeService/ListScopes", ListScopesRequest { ..Default::default() }),
        list!(
            "/freehold.v1.ReservationService/ListReservations",
            ListReservationsRequest { parent: parent("scopes/yard"), ..Default::default() }
        ),
        list!(
            "/freehold.v1.AddressService/ListAddresses",
            ListAddressesRequest { parent: parent(YARD), ..Default::default() }
        ),
        list!("/freehold.v1.ViewService/ListViews", ListViewsRequest {}),
        list!(
            "/freehold.v1.UtilisationService/ListUtilisation",
            ListUtilisationRequest { parent: parent(DEFAULT), ..Default::default() }
        ),
        list!("/freehold.v1.ServerService/ListServers", ListServersRequest {}),
        list!("/freehold.v1.AgentService/ListAgents", ListAgentsRequest {}),
        list!("/freehold.v1.AgentService/ListEnrolmentTokens", ListEnrolmentTokensRequest {}),
        list!("/freehold.v1.OperatorService/ListOperators", ListOperatorsRequest {}),
        list!("/freehold.v1.EventService/ListEvents", ListEventsRequest { ..Default::default() }),
        list!(
            "/freehold.v1.LeaseService/ListLeases",
            ListLeasesRequest { parent: parent("servers/-"), ..Default::default() }
        ),
        list!("/freehold.v1.LeaseService/ListLeaseEvents", ListLeaseEventsRequest { parent: parent("servers/a/kea4") }),
    ]
}

async fn pages(house: &House) -> Vec<Case> {
    let list = ListPrefixesRequest { parent: DEFAULT.to_owned(), page_size: 1, ..ListPrefixesRequest::default() };
    let page = house.prefixes().list_prefixes(list.clone()).await.expect("a page").into_inner();
    let token = page.next_page_token;
    assert!(!token.is_empty());
    let of = |what: &str, rows: Vec<(&'static str, Vec<u8>)>, told: (Code, &'static str, &'static str)| {
        let case = |(path, message)| {
            let (code, reason, field) = told;
            Case { what: format!("{what}: {path}"), path, message, code, reason, field }
        };
        rows.into_iter().map(case).collect::<Vec<_>>()
    };
    let invalid = (InvalidArgument, "INVALID_PAGE_TOKEN", "page_token");
    let mut cases = of("a negative page", lists(-1, ""), (InvalidArgument, "INVALID_VALUE", "page_size"));
    cases.extend(of("no token", lists(0, "\"';"), invalid));
    cases.extend(of("a long token", lists(0, &"A".repeat(100_000)), invalid));
    let others = lists(0, &token).into_iter().filter(|(path, _)| *path != LIST_PREFIXES).collect();
    cases.extend(of("another list's token", others, invalid));
    let everywhere = ListPrefixesRequest { parent: "spaces/-".to_owned(), page_token: token, ..list };
    cases.push(case("the token of another filter", LIST_PREFIXES, everywhere, invalid));
    cases
}

async fn ids(house: &House) -> Vec<Case> {
    let path = "/freehold.v1.PrefixService/CreatePrefix";
    let create = |cidr: &str, id: &str| CreatePrefixRequest {
        request_id: id.to_owned(),
        ..create_prefix(cidr, prefix::Kind::Network)
    };
    house.prefixes().create_prefix(create("10.5.0.0/24", "once")).await.expect("a prefix");
    let told = (InvalidArgument, "INVALID_REQUEST_ID", "request_id");
    let mut cases: Vec<_> = ["a b", "a\n", "\u{0}", "é", &"x".repeat(65), " "]
        .into_iter()
        .map(|id| case(format!("the request id {id:?}"), path, create("10.6.0.0/24", id), told))
        .collect();
    let reused = (FailedPrecondition, "REQUEST_ID_REUSED", "request_id");
    cases.push(case("an id for two requests", path, create("10.6.0.0/24", "once"), reused));
    let delete =
        DeleteScopeRequest { name: "scopes/yard".to_owned(), request_id: "once".to_owned(), ..Default::default() };
    cases.push(case("an id for two methods", "/freehold.v1.ScopeService/DeleteScope", delete, reused));
    cases
}

fn single_ones() -> Vec<Case> {
    let wait = |resource: &str, seconds: i64| WaitAppliedRequest {
        resource: resource.to_owned(),
        timeout: Some(Duration { seconds, nanos: 0 }),
        ..WaitAppliedRequest::default()
    };
    let watch = "/freehold.v1.WatchService/Watch";
    let token = "/freehold.v1.AgentService/CreateEnrolmentToken";
    let enrol = |seconds: i64, endpoint: &str| CreateEnrolmentTokenRequest {
        agent_id: "berlin-1".to_owned(),
        ttl: Some(Duration { seconds, nanos: 0 }),
        endpoint: endpoint.to_owned(),
        ..CreateEnrolmentTokenRequest::default()
    };
    let ttl = (InvalidArgument, "INVALID_VALUE", "ttl");
    vec![
        case("a wait backwards", WAIT, wait("scopes/yard", -1), (InvalidArgument, "INVALID_VALUE", "timeout")),
        case("a wait for a prefix", WAIT, wait(YARD, 1), (InvalidArgument, "INVALID_NAME", "resource")),
        case("a wait for nothing", WAIT, wait("scopes/other", 1), (NotFound, "SCOPE_NOT_FOUND", "resource")),
        case(
            "a watch from the future",
            watch,
            WatchRequest { from_revision: u64::MAX, ..WatchRequest::default() },
            (FailedPrecondition, "REVISION_OUT_OF_RANGE", "from_revision"),
        ),
        case(
            "a watch of what there is not",
            watch,
            WatchRequest { kinds: vec!["scope".to_owned(), "scopes".to_owned()], ..WatchRequest::default() },
            (InvalidArgument, "INVALID_FILTER", "kinds[1]"),
        ),
        case("a token that is over", token, enrol(0, ""), ttl),
        case("a token from before", token, enrol(-5, ""), ttl),
        case("a token for ever", token, enrol(i64::MAX, ""), ttl),
        case("a token for nowhere", token, enrol(60, "nowhere"), (InvalidArgument, "INVALID_VALUE", "endpoint")),
        case(
            "no signing request",
            "/freehold.v1.OperatorService/IssueOperatorCertificate",
            IssueOperatorCertificateRequest { name: "operators/admin".to_owned(), csr_der: vec![0x30, 0x82] },
            (InvalidArgument, "INVALID_CERTIFICATE_REQUEST", "csr_der"),
        ),
        case(
            "a role that there is not",
            "/freehold.v1.OperatorService/CreateOperator",
            CreateOperatorRequest {
                operator_id: "new".to_owned(),
                operator: Some(Operator { roles: vec!["god".to_owned()], ..Operator::default() }),
                ..CreateOperatorRequest::default()
            },
            (InvalidArgument, "INVALID_VALUE", "operator.roles[0]"),
        ),
        case(
            "prefixes of a space that there is not",
            LIST_PREFIXES,
            ListPrefixesRequest { parent: "spaces/other".to_owned(), ..ListPrefixesRequest::default() },
            (NotFound, "SPACE_NOT_FOUND", "parent"),
        ),
        case(
            "reservations of a scope that there is not",
            "/freehold.v1.ReservationService/ListReservations",
            ListReservationsRequest { parent: "scopes/other".to_owned(), ..ListReservationsRequest::default() },
            (NotFound, "SCOPE_NOT_FOUND", "parent"),
        ),
        case(
            "an event's name",
            "/freehold.v1.EventService/GetEvent",
            GetEventRequest { name: "events/x".repeat(100_000) },
            (InvalidArgument, "INVALID_NAME", "name"),
        ),
        case(
            "an event that is not there yet",
            "/freehold.v1.EventService/GetEvent",
            GetEventRequest { name: format!("events/{}", u64::MAX) },
            (NotFound, "EVENT_NOT_FOUND", "name"),
        ),
        case(
            "a lease of a mapped address",
            "/freehold.v1.LeaseService/GetLease",
            GetLeaseRequest { name: "servers/a/kea4/leases/::ffff:10.1.0.10".to_owned() },
            (InvalidArgument, "INVALID_ADDRESS", "name"),
        ),
        case(
            "a lease's name",
            "/freehold.v1.LeaseService/GetLease",
            GetLeaseRequest { name: "x".repeat(1_000_000) },
            (InvalidArgument, "INVALID_NAME", "name"),
        ),
    ]
}

/// Questions about the past, and searches.
fn past() -> Vec<Case> {
    const HISTORY: &str = "/freehold.v1.HistoryService/ListAddressHistory";
    const WHO: &str = "/freehold.v1.HistoryService/WhoHad";
    const SEARCH: &str = "/freehold.v1.SearchService/Search";
    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let address = || "spaces/default/addresses/10.1.0.70".to_owned();
    let history = |request| ListAddressHistoryRequest { name: address(), ..request };
    let search = |query: &str| SearchRequest { query: query.to_owned(), ..SearchRequest::default() };
    let name = |name: &str| WhoHadRequest { name: name.to_owned(), time: None };
    vec![
        case("no address", WHO, name("spaces/default"), (InvalidArgument, "INVALID_NAME", "name")),
        case(
            "a mapped address",
            WHO,
            name("spaces/default/addresses/::ffff:10.1.0.70"),
            (InvalidArgument, "INVALID_ADDRESS", "name"),
        ),
        case(
            "a time that lies ahead",
            WHO,
            WhoHadRequest { name: address(), time: time(i64::MAX) },
            (InvalidArgument, "INVALID_VALUE", "time"),
        ),
        case("no address", HISTORY, ListAddressHistoryRequest::default(), (InvalidArgument, "INVALID_NAME", "name")),
        case(
            "an end before the start",
            HISTORY,
            history(ListAddressHistoryRequest { start_time: time(9), end_time: time(8), ..Default::default() }),
            (InvalidArgument, "INVALID_VALUE", "end_time"),
        ),
        case(
            "another list's token",
            HISTORY,
            history(ListAddressHistoryRequest { page_token: "eA".to_owned(), ..Default::default() }),
            (InvalidArgument, "INVALID_PAGE_TOKEN", "page_token"),
        ),
        case("nothing to search for", SEARCH, search("  "), (InvalidArgument, "FIELD_REQUIRED", "query")),
        case("too much to search for", SEARCH, search(&"x".repeat(257)), (InvalidArgument, "INVALID_VALUE", "query")),
        case(
            "another list's token",
            SEARCH,
            SearchRequest { page_token: "eA".to_owned(), ..search("x") },
            (InvalidArgument, "INVALID_PAGE_TOKEN", "page_token"),
        ),
    ]
}

/// Bytes that are not the message: a length past the end, text that is not UTF-8, a field of another type.
fn not_messages() -> Vec<Case> {
    let bytes: [&[u8]; 3] = [&[0x0a, 0x7f, 0x00], &[0x0a, 0x02, 0xc3, 0x28], &[0x08, 0x01]];
    let case = |message: &[u8]| Case {
        what: format!("the bytes {message:x?}"),
        path: "/freehold.v1.SpaceService/CreateSpace",
        message: message.to_vec(),
        code: InvalidArgument,
        reason: "MALFORMED_MESSAGE",
        field: "",
    };
    bytes.into_iter().map(case).collect()
}
