//! Prefixes, scopes and reservations that do not fit.

use super::{Case, case};
use crate::house::*;
use freehold_proto::v1::dhcp_option::Value;
use freehold_proto::v1::reservation::Client;
use freehold_proto::v1::{
    AddressList, CreatePrefixRequest, CreateReservationRequest, CreateSpaceRequest, DeletePrefixRequest, DhcpOption,
    Exclusion, LeaseTimes, Link, NameList, Prefix, PrefixPool, Reservation, Scope, Space, UpdateScopeRequest, prefix,
};
use tonic::Code::{self, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound};

const CREATE_PREFIX: &str = "/freehold.v1.PrefixService/CreatePrefix";
const CREATE_SCOPE: &str = "/freehold.v1.ScopeService/CreateScope";
const CREATE_SPACE: &str = "/freehold.v1.SpaceService/CreateSpace";
const UPDATE_SCOPE: &str = "/freehold.v1.ScopeService/UpdateScope";
const RESERVE: &str = "/freehold.v1.ReservationService/CreateReservation";

type Told = (Code, &'static str, &'static str);

pub(super) fn cases() -> Vec<Case> {
    [prefixes(), names(), scopes(), options(), changes(), reservations()].into_iter().flatten().collect()
}

fn prefixes() -> Vec<Case> {
    let network = |cidr: &str| create_prefix(cidr, prefix::Kind::Network);
    let told = |reason| (InvalidArgument, reason, "prefix.cidr");
    let mut cases = vec![
        case(
            "the same prefix",
            CREATE_PREFIX,
            network("10.1.0.0/24"),
            (AlreadyExists, "ALREADY_EXISTS", "prefix.cidr"),
        ),
        case(
            "in a network",
            CREATE_PREFIX,
            network("10.1.0.0/25"),
            (FailedPrecondition, "PREFIX_OVERLAP", "prefix.cidr"),
        ),
        case(
            "a network around networks",
            CREATE_PREFIX,
            network("10.0.0.0/9"),
            (FailedPrecondition, "PREFIX_OVERLAP", "prefix.cidr"),
        ),
        case(
            "no kind",
            CREATE_PREFIX,
            create_prefix("10.3.0.0/24", prefix::Kind::Unspecified),
            (InvalidArgument, "FIELD_REQUIRED", "prefix.kind"),
        ),
        case(
            "a kind that there is not",
            CREATE_PREFIX,
            CreatePrefixRequest {
                parent: DEFAULT.to_owned(),
                prefix: Some(Prefix { cidr: "10.3.0.0/24".to_owned(), kind: 9, ..Prefix::default() }),
                ..CreatePrefixRequest::default()
            },
            (InvalidArgument, "INVALID_VALUE", "prefix.kind"),
        ),
        case(
            "no prefix",
            CREATE_PREFIX,
            CreatePrefixRequest { parent: DEFAULT.to_owned(), ..CreatePrefixRequest::default() },
            (InvalidArgument, "FIELD_REQUIRED", "prefix"),
        ),
        case(
            "a space that there is not",
            CREATE_PREFIX,
            CreatePrefixRequest { parent: "spaces/other".to_owned(), ..network("10.3.0.0/24") },
            (NotFound, "SPACE_NOT_FOUND", "parent"),
        ),
        case(
            "a prefix in use",
            "/freehold.v1.PrefixService/DeletePrefix",
            DeletePrefixRequest { name: YARD.to_owned(), ..DeletePrefixRequest::default() },
            (FailedPrecondition, "IN_USE", "name"),
        ),
    ];
    for cidr in
        ["", "10.3.0.0", "10.3.0.0/", "10.3.0.0/33", "10.3.0.1/24", "10.3.0.0/+24", "10.3.0.0/024", "10.3.0.0/24/24"]
    {
        cases.push(case(format!("the CIDR {cidr:?}"), CREATE_PREFIX, network(cidr), told("INVALID_CIDR")));
    }
    for cidr in ["10.3.0/24", "010.3.0.0/16", "0x0a.0.0.0/8", "::ffff:10.3.0.0/120", "fe80::%eth0/64", " 10.3.0.0/24"] {
        cases.push(case(format!("the CIDR {cidr:?}"), CREATE_PREFIX, network(cidr), told("INVALID_ADDRESS")));
    }
    cases
}

fn names() -> Vec<Case> {
    let mut cases = Vec::new();
    let long = "x".repeat(300);
    for id in ["", "a\"b", "a'b", "a\u{0}b", "a\nb", "a\u{202e}b", "A", "é", "a/b", "-a", "..", &long] {
        let told = |field| (InvalidArgument, "INVALID_NAME", field);
        let space = CreateSpaceRequest { space_id: id.to_owned(), ..CreateSpaceRequest::default() };
        cases.push(case(format!("the space {id:?}"), CREATE_SPACE, space, told("space_id")));
        cases.push(case(format!("the scope {id:?}"), CREATE_SCOPE, create_scope(id, shed()), told("scope_id")));
        let operator = freehold_proto::v1::CreateOperatorRequest { operator_id: id.to_owned(), ..Default::default() };
        let path = "/freehold.v1.OperatorService/CreateOperator";
        cases.push(case(format!("the operator {id:?}"), path, operator, told("operator_id")));
        let token = freehold_proto::v1::CreateEnrolmentTokenRequest { agent_id: id.to_owned(), ..Default::default() };
        let path = "/freehold.v1.AgentService/CreateEnrolmentToken";
        cases.push(case(format!("the agent {id:?}"), path, token, told("agent_id")));
    }
    for text in ["a\u{0}b", "a\nb", "\u{1b}[31m", "a\u{202e}b", &long] {
        let told = |field| (InvalidArgument, "INVALID_TEXT", field);
        let space = Space { title: text.to_owned(), ..Space::default() };
        let space =
            CreateSpaceRequest { space_id: "new".to_owned(), space: Some(space), ..CreateSpaceRequest::default() };
        cases.push(case(format!("the title {text:?}"), CREATE_SPACE, space, told("space.title")));
        let scope = Scope { description: text.to_owned(), ..shed() };
        let scope = create_scope("shed", scope);
        cases.push(case(format!("the description {text:?}"), CREATE_SCOPE, scope, told("scope.description")));
    }
    cases
}

fn scopes() -> Vec<Case> {
    let new = |what: &str, scope: Scope, told: Told| case(what, CREATE_SCOPE, create_scope("shed", scope), told);
    let pool = |what: &str, prefix: &str, delegated_length: u32, told: Told| {
        let pool = PrefixPool { prefix: prefix.to_owned(), delegated_length };
        new(&format!("a prefix pool {what}"), Scope { prefix_pools: vec![pool], ..shed() }, told)
    };
    let linked = |what: &str, link: Link, told: Told| new(what, Scope { link: Some(link), ..shed() }, told);
    let ranged = |what: &str, start: &str, end: &str, told: Told| {
        new(what, Scope { ranges: vec![range(start, end)], ..shed() }, told)
    };
    let excluded = |exclusions: Vec<Exclusion>| Scope { exclusions, ..shed() };
    vec![
        case(
            "a name that is taken",
            CREATE_SCOPE,
            create_scope("yard", shed()),
            (AlreadyExists, "ALREADY_EXISTS", "scope_id"),
        ),
        new("a network that has a scope", yard(), (FailedPrecondition, "SCOPE_OVERLAP", "scope.network")),
        new(
            "a container",
            Scope { network: "spaces/default/prefixes/10.0.0.0-8".to_owned(), ..shed() },
            (FailedPrecondition, "SCOPE_OUTSIDE_NETWORK", "scope.network"),
        ),
        new(
            "a network that is not planned",
            Scope { network: "spaces/default/prefixes/10.9.0.0-24".to_owned(), ..shed() },
            (NotFound, "PREFIX_NOT_FOUND", "scope.network"),
        ),
        new(
            "no network",
            Scope { network: String::new(), ..shed() },
            (InvalidArgument, "FIELD_REQUIRED", "scope.network"),
        ),
        ranged("outside", "10.2.0.10", "10.2.1.10", (FailedPrecondition, "SCOPE_OUTSIDE_NETWORK", "scope.ranges[0]")),
        ranged(
            "the broadcast address",
            "10.2.0.10",
            "10.2.0.255",
            (FailedPrecondition, "ADDRESS_NOT_USABLE", "scope.ranges[0]"),
        ),
        ranged("backwards", "10.2.0.20", "10.2.0.10", (InvalidArgument, "INVALID_RANGE", "scope.ranges[0]")),
        ranged("two families", "10.2.0.20", "2001:db8::1", (InvalidArgument, "INVALID_RANGE", "scope.ranges[0]")),
        ranged(
            "IPv4-mapped",
            "::ffff:10.2.0.10",
            "10.2.0.20",
            (InvalidArgument, "INVALID_ADDRESS", "scope.ranges[0].start"),
        ),
        ranged("zone-scoped", "10.2.0.10", "fe80::1%eth0", (InvalidArgument, "INVALID_ADDRESS", "scope.ranges[0].end")),
        new(
            "ranges that overlap",
            Scope { ranges: vec![range("10.2.0.10", "10.2.0.20"), range("10.2.0.20", "10.2.0.30")], ..shed() },
            (InvalidArgument, "INVALID_RANGE", "scope.ranges[1]"),
        ),
        new(
            "an exclusion outside",
            excluded(vec![exclusion("10.2.0.20", "10.2.0.30"), exclusion("10.2.0.200", "10.2.0.201")]),
            (FailedPrecondition, "EXCLUSION_OUTSIDE_SCOPE", "scope.exclusions[1]"),
        ),
        new(
            "exclusions that overlap",
            excluded(vec![exclusion("10.2.0.20", "10.2.0.30"), exclusion("10.2.0.30", "10.2.0.31")]),
            (FailedPrecondition, "EXCLUSION_OVERLAP", "scope.exclusions[1]"),
        ),
        new(
            "an empty exclusion",
            excluded(vec![Exclusion::default()]),
            (InvalidArgument, "FIELD_REQUIRED", "scope.exclusions[0].range"),
        ),
        new(
            "a mapped exclusion",
            excluded(vec![exclusion("::ffff:10.2.0.20", "10.2.0.30")]),
            (InvalidArgument, "INVALID_ADDRESS", "scope.exclusions[0].range.start"),
        ),
        new(
            "a lease of one second",
            Scope { lease_times: Some(LeaseTimes { valid_seconds: 1, ..LeaseTimes::default() }), ..shed() },
            (InvalidArgument, "INVALID_LEASE_TIME", "scope.lease_times.valid_seconds"),
        ),
        new(
            "a preferred lifetime in IPv4",
            Scope {
                lease_times: Some(LeaseTimes { valid_seconds: 60, preferred_seconds: 30, ..LeaseTimes::default() }),
                ..shed()
            },
            (InvalidArgument, "INVALID_LEASE_TIME", "scope.lease_times.preferred_seconds"),
        ),
        new(
            "a preferred lifetime longer than the lease",
            Scope {
                lease_times: Some(LeaseTimes { valid_seconds: 60, preferred_seconds: 61, ..LeaseTimes::default() }),
                ..shed()
            },
            (InvalidArgument, "INVALID_LEASE_TIME", "scope.lease_times.preferred_seconds"),
        ),
        pool("in IPv4", "2001:db8:8000::/36", 56, (InvalidArgument, "INVALID_VALUE", "scope.prefix_pools[0].prefix")),
        pool(
            "of no block",
            "2001:db8:8000::1/36",
            56,
            (InvalidArgument, "INVALID_CIDR", "scope.prefix_pools[0].prefix"),
        ),
        pool(
            "of 256 bits",
            "2001:db8:8000::/36",
            256,
            (InvalidArgument, "INVALID_LENGTH", "scope.prefix_pools[0].delegated_length"),
        ),
        new(
            "65 prefix pools",
            Scope { prefix_pools: vec![PrefixPool::default(); 65], ..shed() },
            (InvalidArgument, "TOO_MANY", "scope.prefix_pools"),
        ),
        linked(
            "an interface with a blank",
            Link { interface: "eth 0".to_owned(), ..Link::default() },
            (InvalidArgument, "INVALID_VALUE", "scope.link.interface"),
        ),
        linked(
            "a relay of words",
            Link { relay_addresses: vec!["relay".to_owned()], ..Link::default() },
            (InvalidArgument, "INVALID_ADDRESS", "scope.link.relay_addresses[0]"),
        ),
        linked(
            "a relay of the other family",
            Link { relay_addresses: vec!["fe80::1".to_owned()], ..Link::default() },
            (InvalidArgument, "INVALID_VALUE", "scope.link.relay_addresses[0]"),
        ),
        linked(
            "an interface-id in IPv4",
            Link { interface_id: "port-7".to_owned(), ..Link::default() },
            (InvalidArgument, "INVALID_VALUE", "scope.link.interface_id"),
        ),
        new(
            "a status that there is not",
            Scope { status: 7, ..shed() },
            (InvalidArgument, "INVALID_VALUE", "scope.status"),
        ),
        new(
            "a server that there is not",
            Scope { server: "servers/berlin-1/kea4".to_owned(), ..shed() },
            (NotFound, "SERVER_NOT_FOUND", "scope.server"),
        ),
    ]
}

fn options() -> Vec<Case> {
    let items = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
    let addresses = |list: &[&str]| Some(Value::Addresses(AddressList { items: items(list) }));
    let values: Vec<(u32, Option<Value>, &str)> = vec![
        (3, Some(Value::Text("10.2.0.1".to_owned())), "scope.options[0]"),
        (3, addresses(&[]), "scope.options[0]"),
        (3, addresses(&["10.2.0.256"]), "scope.options[0].addresses.items"),
        (3, addresses(&["2001:db8::1"]), "scope.options[0].addresses.items"),
        (3, addresses(&["10.2.0.1"; 64]), "scope.options[0]"),
        (15, Some(Value::Names(NameList { items: items(&["a b"]) })), "scope.options[0].names.items"),
        (26, Some(Value::Unsigned(70_000)), "scope.options[0]"),
        (26, None, "scope.options[0]"),
        (53, Some(Value::Bytes(vec![1])), "scope.options[0].code"),
        (300, Some(Value::Bytes(vec![1])), "scope.options[0].code"),
        (224, Some(Value::Bytes(Vec::new())), "scope.options[0]"),
        (17, Some(Value::Text("a\u{0}".to_owned())), "scope.options[0].text"),
    ];
    let scope = |options: Vec<DhcpOption>| create_scope("shed", Scope { options, ..shed() });
    let option = |code, value| DhcpOption { code, value, ..DhcpOption::default() };
    let mut cases: Vec<_> = values
        .into_iter()
        .map(|(code, value, field)| {
            let what = format!("option {code} with {value:?}");
            case(what, CREATE_SCOPE, scope(vec![option(code, value)]), (InvalidArgument, "INVALID_OPTION", field))
        })
        .collect();
    let twice = vec![option(3, addresses(&["10.2.0.1"])), option(3, addresses(&["10.2.0.2"]))];
    cases.push(case(
        "an option twice",
        CREATE_SCOPE,
        scope(twice),
        (InvalidArgument, "INVALID_OPTION", "scope.options[1]"),
    ));
    cases
}

fn changes() -> Vec<Case> {
    let change = |what: &str, scope: Scope, told: Told| {
        let scope = Scope { name: "scopes/yard".to_owned(), ..scope };
        case(what, UPDATE_SCOPE, UpdateScopeRequest { scope: Some(scope), ..UpdateScopeRequest::default() }, told)
    };
    vec![
        change(
            "a reserved address excluded",
            Scope { exclusions: vec![exclusion("10.1.0.65", "10.1.0.75")], ..Scope::default() },
            (FailedPrecondition, "ADDRESS_EXCLUDED", "scope.exclusions[0]"),
        ),
        change(
            "ranges without what is excluded",
            Scope { ranges: vec![range("10.1.0.100", "10.1.0.110")], ..Scope::default() },
            (FailedPrecondition, "EXCLUSION_OUTSIDE_SCOPE", "scope.exclusions[0]"),
        ),
        change(
            "a network that cannot be changed",
            Scope { name: "x".to_owned(), ranges: vec![range("10.1.0.1", "x")], ..Scope::default() },
            (InvalidArgument, "INVALID_ADDRESS", "scope.ranges[0].end"),
        ),
    ]
}

fn reservations() -> Vec<Case> {
    let hardware = "02:00:00:00:00:01";
    let new = |what: &str, reservation: Reservation, told: Told| {
        case(what, RESERVE, create_reservation("yard", reservation), told)
    };
    let by =
        |client: Client| Reservation { address: "10.1.0.80".to_owned(), client: Some(client), ..Default::default() };
    let delegated = |what: &str, prefix: &str, told: Told| {
        let delegated_prefixes = vec![prefix.to_owned()];
        new(what, Reservation { delegated_prefixes, ..reservation("10.1.0.80", hardware) }, told)
    };
    let at = "reservation.delegated_prefixes[0]";
    let mut cases = vec![
        delegated("a delegated prefix in IPv4", "2001:db8:1::/56", (InvalidArgument, "INVALID_VALUE", at)),
        delegated("a delegated prefix of words", "prefix", (InvalidArgument, "INVALID_CIDR", at)),
        delegated("a delegated prefix with bits behind", "2001:db8:1::1/56", (InvalidArgument, "INVALID_CIDR", at)),
        new(
            "an excluded address",
            reservation("10.1.0.55", hardware),
            (FailedPrecondition, "ADDRESS_EXCLUDED", "reservation.address"),
        ),
        new(
            "a reserved address",
            reservation("10.1.0.70", hardware),
            (FailedPrecondition, "ADDRESS_RESERVED", "reservation.address"),
        ),
        new(
            "a client that has one",
            reservation("10.1.0.80", "02-00-00-00-00-70"),
            (FailedPrecondition, "CLIENT_RESERVED", "reservation.hardware_address"),
        ),
        new(
            "the network's address",
            reservation("10.1.0.0", hardware),
            (FailedPrecondition, "ADDRESS_NOT_USABLE", "reservation.address"),
        ),
        new(
            "outside the network",
            reservation("10.2.0.80", hardware),
            (FailedPrecondition, "ADDRESS_NOT_USABLE", "reservation.address"),
        ),
        new(
            "IPv4-mapped",
            reservation("::ffff:10.1.0.80", hardware),
            (InvalidArgument, "INVALID_ADDRESS", "reservation.address"),
        ),
        new(
            "zone-scoped",
            reservation("fe80::1%1", hardware),
            (InvalidArgument, "INVALID_ADDRESS", "reservation.address"),
        ),
        new("no address", reservation("", hardware), (InvalidArgument, "INVALID_ADDRESS", "reservation.address")),
        new(
            "nobody",
            Reservation { client: None, ..reservation("10.1.0.80", "") },
            (InvalidArgument, "FIELD_REQUIRED", "reservation.client"),
        ),
        new(
            "a client identifier of one byte",
            by(Client::ClientId("01".to_owned())),
            (InvalidArgument, "INVALID_CLIENT_IDENTIFIER", "reservation.client_id"),
        ),
        new(
            "a DUID of words",
            by(Client::Duid("duid".to_owned())),
            (InvalidArgument, "INVALID_CLIENT_IDENTIFIER", "reservation.duid"),
        ),
        new(
            "a host name with a space",
            Reservation { host_name: "a b".to_owned(), ..reservation("10.1.0.80", hardware) },
            (InvalidArgument, "INVALID_HOST_NAME", "reservation.host_name"),
        ),
        case(
            "a scope that there is not",
            RESERVE,
            create_reservation("other", reservation("10.1.0.80", hardware)),
            (NotFound, "SCOPE_NOT_FOUND", "parent"),
        ),
        case(
            "no reservation",
            RESERVE,
            CreateReservationRequest { parent: "scopes/yard".to_owned(), ..CreateReservationRequest::default() },
            (InvalidArgument, "FIELD_REQUIRED", "reservation"),
        ),
    ];
    for hardware in ["", "02:00:00:00:00:0g", &"02".repeat(21), "\"02:00:00:00:00:01\""] {
        let told = (InvalidArgument, "INVALID_HARDWARE_ADDRESS", "reservation.hardware_address");
        cases.push(new(&format!("the hardware address {hardware:?}"), reservation("10.1.0.80", hardware), told));
    }
    cases
}
