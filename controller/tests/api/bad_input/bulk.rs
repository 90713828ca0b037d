//! Messages and lists that are too large.

use super::{Case, case};
use crate::house::*;
use freehold_proto::v1::dhcp_option::Value;
use freehold_proto::v1::{
    AddressList, AddressRange, BatchUpdateScopesRequest, CreateOperatorRequest, CreateSpaceRequest, DhcpOption,
    Exclusion, Grant, NameList, Operator, Scope, Space, UpdateScopeRequest, UpdateSpaceRequest, WatchRequest,
};
use prost_types::FieldMask;
use tonic::Code::{InvalidArgument, NotFound};

const MILLION: usize = 1_000_000;
const CREATE_SCOPE: &str = "/freehold.v1.ScopeService/CreateScope";
const UPDATE_SCOPE: &str = "/freehold.v1.ScopeService/UpdateScope";
const BATCH: &str = "/freehold.v1.ScopeService/BatchUpdateScopes";

fn batch(requests: Vec<UpdateScopeRequest>) -> BatchUpdateScopesRequest {
    BatchUpdateScopesRequest { requests, ..BatchUpdateScopesRequest::default() }
}

/// A change to a scope that is there.
fn described(description: &str) -> UpdateScopeRequest {
    let scope = Scope { name: "scopes/yard".to_owned(), description: description.to_owned(), ..Scope::default() };
    UpdateScopeRequest { scope: Some(scope), ..UpdateScopeRequest::default() }
}

/// A change to a scope that is not there.
fn missing() -> UpdateScopeRequest {
    let scope = Scope { name: "scopes/none".to_owned(), description: "x".to_owned(), ..Scope::default() };
    UpdateScopeRequest { scope: Some(scope), ..UpdateScopeRequest::default() }
}

pub(super) fn cases() -> Vec<Case> {
    let too_many = |field| (InvalidArgument, "TOO_MANY", field);
    let scope = |scope: Scope| create_scope("shed", scope);
    let option =
        |value| Scope { options: vec![DhcpOption { code: 3, value: Some(value), ..Default::default() }], ..shed() };
    let changed = |scope: Scope| UpdateScopeRequest { scope: Some(scope), ..UpdateScopeRequest::default() };
    let ranges = Scope { ranges: vec![AddressRange::default(); MILLION], ..shed() };
    let exclusions = Scope { exclusions: vec![Exclusion::default(); MILLION], ..shed() };
    let options = Scope { options: vec![DhcpOption::default(); MILLION], ..shed() };
    let addresses = option(Value::Addresses(AddressList { items: vec![String::new(); MILLION] }));
    let names = option(Value::Names(NameList { items: vec![String::new(); MILLION] }));
    let mask = FieldMask { paths: vec![String::new(); MILLION] };
    let roles = Operator { roles: vec![String::new(); MILLION], ..Operator::default() };
    let grants = Operator { grants: vec![Grant::default(); MILLION], ..Operator::default() };
    let mut cases = vec![
        case("ranges", CREATE_SCOPE, scope(ranges.clone()), too_many("scope.ranges")),
        case("exclusions", CREATE_SCOPE, scope(exclusions.clone()), too_many("scope.exclusions")),
        case("options", CREATE_SCOPE, scope(options.clone()), too_many("scope.options")),
        case("ranges of a change", UPDATE_SCOPE, changed(ranges), too_many("scope.ranges")),
        case("exclusions of a change", UPDATE_SCOPE, changed(exclusions), too_many("scope.exclusions")),
        case("options of a change", UPDATE_SCOPE, changed(options), too_many("scope.options")),
        case("addresses", CREATE_SCOPE, scope(addresses), too_many("scope.options[0].addresses.items")),
        case("names", CREATE_SCOPE, scope(names), too_many("scope.options[0].names.items")),
        case(
            "paths",
            "/freehold.v1.SpaceService/UpdateSpace",
            UpdateSpaceRequest {
                space: Some(Space { name: DEFAULT.to_owned(), ..Space::default() }),
                update_mask: Some(mask),
                ..UpdateSpaceRequest::default()
            },
            too_many("update_mask.paths"),
        ),
        case(
            "roles",
            "/freehold.v1.OperatorService/CreateOperator",
            CreateOperatorRequest { operator_id: "new".to_owned(), operator: Some(roles), ..Default::default() },
            too_many("operator.roles"),
        ),
        case(
            "grants",
            "/freehold.v1.OperatorService/CreateOperator",
            CreateOperatorRequest { operator_id: "new".to_owned(), operator: Some(grants), ..Default::default() },
            too_many("operator.grants"),
        ),
        case(
            "kinds",
            "/freehold.v1.WatchService/Watch",
            WatchRequest { kinds: vec![String::new(); MILLION], ..WatchRequest::default() },
            too_many("kinds"),
        ),
        case("requests of a batch", BATCH, batch(vec![UpdateScopeRequest::default(); MILLION]), too_many("requests")),
        case("one request more than a batch has", BATCH, batch(vec![described("x"); 1001]), too_many("requests")),
        case("an empty batch", BATCH, batch(Vec::new()), (InvalidArgument, "FIELD_REQUIRED", "requests")),
        case(
            "a batch with a request id inside",
            BATCH,
            batch(vec![UpdateScopeRequest { request_id: "a".to_owned(), ..described("x") }]),
            (InvalidArgument, "INVALID_VALUE", "requests[0]"),
        ),
        case(
            "a batch whose second request is wrong",
            BATCH,
            batch(vec![described("x"), described("\u{7}")]),
            (InvalidArgument, "INVALID_TEXT", "requests[1].scope.description"),
        ),
        case(
            "a batch whose second request is refused",
            BATCH,
            batch(vec![described("x"), missing()]),
            (NotFound, "SCOPE_NOT_FOUND", "requests[1].scope.name"),
        ),
        case(
            "one range more than a scope has",
            CREATE_SCOPE,
            scope(Scope { ranges: vec![AddressRange::default(); 257], ..shed() }),
            too_many("scope.ranges"),
        ),
    ];
    for bytes in [5 << 20, 64 << 20] {
        let space = Space { description: "x".repeat(bytes), ..Space::default() };
        let create = CreateSpaceRequest { space_id: "new".to_owned(), space: Some(space), ..Default::default() };
        let told = (InvalidArgument, "MESSAGE_TOO_LARGE", "");
        cases.push(case(format!("{} MiB", bytes >> 20), "/freehold.v1.SpaceService/CreateSpace", create, told));
    }
    // Just small enough to be taken: its one field is refused, and the refusal does not repeat it.
    let space_id = "x".repeat((4 << 20) - 16);
    let create = CreateSpaceRequest { space_id, ..CreateSpaceRequest::default() };
    let told = (InvalidArgument, "INVALID_NAME", "space_id");
    cases.push(case("4 MiB of a name", "/freehold.v1.SpaceService/CreateSpace", create, told));
    cases
}
