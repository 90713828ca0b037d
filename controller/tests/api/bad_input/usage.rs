//! Views and utilisation that cannot be asked for so.

use super::{Case, case};
use crate::house::*;
use crate::views::view;
use freehold_proto::v1::view::Kind;
use freehold_proto::v1::*;
use prost_types::Duration as Span;
use tonic::Code::{self, FailedPrecondition, InvalidArgument, NotFound};

type Told = (Code, &'static str, &'static str);

const CREATE: &str = "/freehold.v1.ViewService/CreateView";
const UPDATE: &str = "/freehold.v1.ViewService/UpdateView";
const GET: &str = "/freehold.v1.UtilisationService/GetUtilisation";
const LIST: &str = "/freehold.v1.UtilisationService/ListUtilisation";

pub(super) async fn cases(house: &House) -> Vec<Case> {
    view(house, "held", Kind::Addresses, "state = held").await;
    [views(), places(), lists(), stale(), reclaims()].into_iter().flatten().collect()
}

fn views() -> Vec<Case> {
    let new = |what: &str, id: &str, change: fn(&mut View), told: Told| {
        let mut view = View { kind: Kind::Prefixes.into(), filter: "kind = network".to_owned(), ..View::default() };
        change(&mut view);
        case(what, CREATE, CreateViewRequest { view_id: id.to_owned(), view: Some(view), ..Default::default() }, told)
    };
    let mask = |path: &str| Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
    let update =
        |view: View, path: &str| UpdateViewRequest { view: Some(view), update_mask: mask(path), ..Default::default() };
    let held = || View { name: "views/held".to_owned(), ..View::default() };
    vec![
        new("no id", "", |_| (), (InvalidArgument, "INVALID_NAME", "view_id")),
        new("an id with blanks", "a b", |_| (), (InvalidArgument, "INVALID_NAME", "view_id")),
        case(
            "no view",
            CREATE,
            CreateViewRequest { view_id: "v".to_owned(), ..Default::default() },
            (InvalidArgument, "FIELD_REQUIRED", "view"),
        ),
        new("no kind", "v", |v| v.kind = 0, (InvalidArgument, "FIELD_REQUIRED", "view.kind")),
        new("no such kind", "v", |v| v.kind = 9, (InvalidArgument, "INVALID_VALUE", "view.kind")),
        new("no filter", "v", |v| v.filter.clear(), (InvalidArgument, "FIELD_REQUIRED", "view.filter")),
        new(
            "a filter of blanks",
            "v",
            |v| v.filter = "  ".to_owned(),
            (InvalidArgument, "FIELD_REQUIRED", "view.filter"),
        ),
        new(
            "a syntax error",
            "v",
            |v| v.filter = "(kind".to_owned(),
            (InvalidArgument, "INVALID_FILTER", "view.filter"),
        ),
        new(
            "a field of another kind",
            "v",
            |v| v.filter = "hardware_address = 02:00:00:00:00:01".to_owned(),
            (InvalidArgument, "INVALID_FILTER", "view.filter"),
        ),
        new(
            "a filter that is too long",
            "v",
            |v| v.filter = "x".repeat(4097),
            (InvalidArgument, "INVALID_FILTER", "view.filter"),
        ),
        new(
            "a title that is too long",
            "v",
            |v| v.title = "x".repeat(257),
            (InvalidArgument, "INVALID_TEXT", "view.title"),
        ),
        case(
            "another kind",
            UPDATE,
            update(held(), "kind"),
            (InvalidArgument, "FIELD_IMMUTABLE", "update_mask.paths[0]"),
        ),
        case(
            "a wrong filter",
            UPDATE,
            update(View { filter: "state = lost".to_owned(), ..held() }, "filter"),
            (InvalidArgument, "INVALID_FILTER", "view.filter"),
        ),
        case(
            "no filter any more",
            UPDATE,
            update(held(), "filter"),
            (InvalidArgument, "FIELD_REQUIRED", "view.filter"),
        ),
        case(
            "a view that there is not",
            UPDATE,
            update(View { name: "views/none".to_owned(), ..held() }, "title"),
            (NotFound, "VIEW_NOT_FOUND", "view.name"),
        ),
        case(
            "members of nothing",
            "/freehold.v1.ViewService/ListViewMembers",
            ListViewMembersRequest::default(),
            (InvalidArgument, "INVALID_NAME", "parent"),
        ),
        case(
            "members of no view",
            "/freehold.v1.ViewService/ListViewMembers",
            ListViewMembersRequest { parent: "views/none".to_owned(), ..Default::default() },
            (NotFound, "VIEW_NOT_FOUND", "parent"),
        ),
    ]
}

fn stale() -> Vec<Case> {
    let list = |what: &str, change: fn(&mut ListStaleAddressesRequest), told: Told| {
        let mut request = ListStaleAddressesRequest { parent: DEFAULT.to_owned(), ..Default::default() };
        change(&mut request);
        case(what, "/freehold.v1.ReclaimService/ListStaleAddresses", request, told)
    };
    vec![
        list("nowhere", |l| l.parent.clear(), (InvalidArgument, "INVALID_NAME", "parent")),
        list("in no space", |l| l.parent = "spaces/none".to_owned(), (NotFound, "SPACE_NOT_FOUND", "parent")),
        list("in no scope", |l| l.parent = "scopes/none".to_owned(), (NotFound, "SCOPE_NOT_FOUND", "parent")),
        list(
            "in no prefix",
            |l| l.parent = "spaces/default/prefixes/10.9.0.0-16".to_owned(),
            (NotFound, "PREFIX_NOT_FOUND", "parent"),
        ),
        list(
            "for no time",
            |l| l.not_seen_for = Some(Span::default()),
            (InvalidArgument, "INVALID_VALUE", "not_seen_for"),
        ),
        list(
            "since the future",
            |l| l.not_seen_for = Some(Span { seconds: -1, nanos: 0 }),
            (InvalidArgument, "INVALID_VALUE", "not_seen_for"),
        ),
        list(
            "a wrong token",
            |l| l.page_token = "AAAA".to_owned(),
            (InvalidArgument, "INVALID_PAGE_TOKEN", "page_token"),
        ),
    ]
}

fn reclaims() -> Vec<Case> {
    let reclaim = |what: &str, names: Vec<&str>, told: Told| {
        let names = names.into_iter().map(str::to_owned).collect();
        let request = ReclaimAddressesRequest { names, ..Default::default() };
        case(what, "/freehold.v1.ReclaimService/ReclaimAddresses", request, told)
    };
    vec![
        reclaim("nothing", vec![], (InvalidArgument, "FIELD_REQUIRED", "names")),
        reclaim("no address", vec!["spaces/default"], (InvalidArgument, "INVALID_NAME", "names[0]")),
        reclaim("too many", vec!["spaces/default/addresses/10.2.0.7"; 1001], (InvalidArgument, "TOO_MANY", "names")),
        reclaim(
            "a free address",
            vec!["spaces/default/addresses/10.2.0.7"],
            (NotFound, "ASSIGNMENT_NOT_FOUND", "names[0]"),
        ),
        reclaim(
            "one that was reserved just now",
            vec!["spaces/default/addresses/10.1.0.70"],
            (FailedPrecondition, "ADDRESS_SEEN", "names[0]"),
        ),
    ]
}

fn places() -> Vec<Case> {
    let get =
        |what: &str, name: &str, told: Told| case(what, GET, GetUtilisationRequest { name: name.to_owned() }, told);
    vec![
        get("nothing", "", (InvalidArgument, "INVALID_NAME", "name")),
        get("what has none", "agents/a", (InvalidArgument, "INVALID_NAME", "name")),
        get("no server", "servers/none/kea4", (NotFound, "SERVER_NOT_FOUND", "name")),
        get("no space", "spaces/none", (NotFound, "SPACE_NOT_FOUND", "name")),
        get("no prefix", "spaces/default/prefixes/10.9.0.0-16", (NotFound, "PREFIX_NOT_FOUND", "name")),
        get("no CIDR", "spaces/default/prefixes/10.9.0.1-16", (InvalidArgument, "INVALID_CIDR", "name")),
        get("no scope", "scopes/none", (NotFound, "SCOPE_NOT_FOUND", "name")),
        get("no view", "views/none", (NotFound, "VIEW_NOT_FOUND", "name")),
        get("a view of addresses", "views/held", (InvalidArgument, "INVALID_VALUE", "name")),
    ]
}

fn lists() -> Vec<Case> {
    let list = |what: &str, change: fn(&mut ListUtilisationRequest), told: Told| {
        let mut request = ListUtilisationRequest { parent: DEFAULT.to_owned(), ..Default::default() };
        change(&mut request);
        case(what, LIST, request, told)
    };
    vec![
        list("of nothing", |l| l.parent.clear(), (InvalidArgument, "INVALID_NAME", "parent")),
        list("of no space", |l| l.parent = "spaces/none".to_owned(), (NotFound, "SPACE_NOT_FOUND", "parent")),
        list(
            "of no prefix",
            |l| l.parent = "spaces/default/prefixes/10.9.0.0-16".to_owned(),
            (NotFound, "PREFIX_NOT_FOUND", "parent"),
        ),
        list(
            "a wrong filter",
            |l| l.filter = "used_percent = much".to_owned(),
            (InvalidArgument, "INVALID_FILTER", "filter"),
        ),
        list("no order", |l| l.order_by = "name".to_owned(), (InvalidArgument, "INVALID_VALUE", "order_by")),
        list(
            "two orders",
            |l| l.order_by = "used desc leased".to_owned(),
            (InvalidArgument, "INVALID_VALUE", "order_by"),
        ),
        list("of no view", |l| l.view = "views/none".to_owned(), (NotFound, "VIEW_NOT_FOUND", "view")),
        list(
            "of a view of addresses",
            |l| l.view = "views/held".to_owned(),
            (InvalidArgument, "INVALID_VALUE", "view"),
        ),
        list(
            "in another order's token",
            |l| (l.page_token, l.order_by) = ("AAAA".to_owned(), "used".to_owned()),
            (InvalidArgument, "INVALID_PAGE_TOKEN", "page_token"),
        ),
        case(
            "prefixes of a view of addresses",
            "/freehold.v1.PrefixService/ListPrefixes",
            ListPrefixesRequest { parent: DEFAULT.to_owned(), view: "views/held".to_owned(), ..Default::default() },
            (InvalidArgument, "INVALID_VALUE", "view"),
        ),
    ]
}
