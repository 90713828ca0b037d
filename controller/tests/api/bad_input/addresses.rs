//! Addresses that cannot be given out, or changed, or found.

use super::{Case, case};
use crate::addresses::{allocate, details, given};
use crate::house::*;
use freehold_proto::v1::*;
use prost_types::{Duration, FieldMask, Timestamp};
use tonic::Code::{self, Aborted, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted};

const ALLOCATE: &str = "/freehold.v1.AddressService/AllocateAddresses";
const GET: &str = "/freehold.v1.AddressService/GetAddress";
const LIST: &str = "/freehold.v1.AddressService/ListAddresses";
const UPDATE: &str = "/freehold.v1.AddressService/UpdateAddress";
const EXTEND: &str = "/freehold.v1.AddressService/ExtendHold";
const CLAIM: &str = "/freehold.v1.AddressService/ClaimHeldAddress";
const RELEASE: &str = "/freehold.v1.AddressService/ReleaseAddress";
const CONVERT: &str = "/freehold.v1.AddressService/ConvertLease";
const MOVE: &str = "/freehold.v1.AddressService/MoveReservation";
const TO_RESERVATION: &str = "/freehold.v1.AddressService/ConvertToReservation";
const TO_CLAIM: &str = "/freehold.v1.AddressService/ConvertToClaim";
const EXPIRING: &str = "/freehold.v1.AddressService/ListExpiringAddresses";
const PROBE: &str = "/freehold.v1.AddressService/ProbeAddress";
const CLEAR: &str = "/freehold.v1.AddressService/ClearSighting";
const WAIT: &str = "/freehold.v1.AddressService/WaitAddress";

type Told = (Code, &'static str, &'static str);

fn invalid(field: &'static str) -> Told {
    (InvalidArgument, "INVALID_VALUE", field)
}

fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

pub(super) async fn cases(house: &House) -> Vec<Case> {
    let named = |purpose: AddressPurpose, address: &str| AllocateAddressesRequest {
        addresses: vec![address.to_owned()],
        ..allocate(FREE, purpose, 1)
    };
    let held = given(house, named(AddressPurpose::Hold, "10.2.0.20")).await.remove(0);
    let claimed = given(house, named(AddressPurpose::Claim, "10.2.0.21")).await.remove(0);
    [
        places(),
        choices(),
        lengths(),
        changes(&held, &claimed),
        others(),
        conversions(&held, &claimed),
        labels(&claimed),
        expiring(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn hold(parent: &str) -> AllocateAddressesRequest {
    allocate(parent, AddressPurpose::Hold, 1)
}

fn places() -> Vec<Case> {
    let networks = |names: &[&str]| AllocateAddressesRequest {
        networks: names.iter().map(|name| (*name).to_owned()).collect(),
        ..hold("")
    };
    let container = "spaces/default/prefixes/10.0.0.0-8";
    let list = |parent: &str| ListAddressesRequest { parent: parent.to_owned(), ..Default::default() };
    vec![
        case("nowhere", ALLOCATE, hold(""), (InvalidArgument, "FIELD_REQUIRED", "parent")),
        case("in a server", ALLOCATE, hold("servers/a/kea4"), (InvalidArgument, "INVALID_NAME", "parent")),
        case("no such scope", ALLOCATE, hold("scopes/other"), (NotFound, "SCOPE_NOT_FOUND", "parent")),
        case(
            "no such network",
            ALLOCATE,
            hold("spaces/default/prefixes/10.9.0.0-24"),
            (NotFound, "PREFIX_NOT_FOUND", "parent"),
        ),
        case("no such space", ALLOCATE, hold("spaces/other"), (NotFound, "SPACE_NOT_FOUND", "parent")),
        case("any of a space", ALLOCATE, hold(DEFAULT), (FailedPrecondition, "NOT_A_NETWORK", "parent")),
        case("in a container", ALLOCATE, hold(container), (FailedPrecondition, "NOT_A_NETWORK", "parent")),
        case(
            "what no network has",
            ALLOCATE,
            AllocateAddressesRequest { addresses: vec!["192.0.2.1".to_owned()], ..hold(DEFAULT) },
            (NotFound, "PREFIX_NOT_FOUND", "addresses[0]"),
        ),
        case(
            "a parent and networks",
            ALLOCATE,
            AllocateAddressesRequest { parent: FREE.to_owned(), ..networks(&[FREE]) },
            invalid("networks"),
        ),
        case(
            "a network that is none",
            ALLOCATE,
            networks(&[FREE, "scopes/yard"]),
            (InvalidArgument, "INVALID_NAME", "networks[1]"),
        ),
        case(
            "a filter that does not read",
            ALLOCATE,
            AllocateAddressesRequest { filter: "tags:".to_owned(), ..hold(DEFAULT) },
            (InvalidArgument, "INVALID_FILTER", "filter"),
        ),
        case(
            "a filter that takes nothing",
            ALLOCATE,
            AllocateAddressesRequest { filter: "tags:none".to_owned(), ..hold(DEFAULT) },
            (NotFound, "PREFIX_NOT_FOUND", "filter"),
        ),
        case(
            "a filter in a scope",
            ALLOCATE,
            AllocateAddressesRequest { filter: "tags:none".to_owned(), ..hold("scopes/yard") },
            invalid("parent"),
        ),
        case(
            "a filter in a space that is not there",
            ALLOCATE,
            AllocateAddressesRequest { filter: "tags:none".to_owned(), ..hold("spaces/none") },
            (NotFound, "SPACE_NOT_FOUND", "parent"),
        ),
        case(
            "a filter in a prefix that is not there",
            ALLOCATE,
            AllocateAddressesRequest { filter: "tags:none".to_owned(), ..hold("spaces/default/prefixes/10.77.0.0-16") },
            (NotFound, "PREFIX_NOT_FOUND", "parent"),
        ),
        case(
            "a filter and networks",
            ALLOCATE,
            AllocateAddressesRequest { filter: "tags:none".to_owned(), ..networks(&[FREE]) },
            invalid("filter"),
        ),
        case(
            "a filter and addresses",
            ALLOCATE,
            AllocateAddressesRequest {
                filter: "tags:none".to_owned(),
                addresses: vec!["10.2.0.9".to_owned()],
                ..hold(DEFAULT)
            },
            invalid("filter"),
        ),
        case("none of the networks", ALLOCATE, networks(&[container]), (ResourceExhausted, "NO_FREE_ADDRESS", "")),
        case(
            "networks without end",
            ALLOCATE,
            networks(&vec![FREE; 100_000]),
            (InvalidArgument, "TOO_MANY", "networks"),
        ),
        case("a list of nothing", LIST, list(""), (InvalidArgument, "INVALID_NAME", "parent")),
        case("a list of a container", LIST, list(container), (FailedPrecondition, "NOT_A_NETWORK", "parent")),
        case("a list of no scope", LIST, list("scopes/other"), (NotFound, "SCOPE_NOT_FOUND", "parent")),
        case(
            "a list from another family",
            LIST,
            ListAddressesRequest { from: "2001:db8::1".to_owned(), ..list(FREE) },
            (InvalidArgument, "INVALID_ADDRESS", "from"),
        ),
        case(
            "a list from no address",
            LIST,
            ListAddressesRequest { from: "10.2".to_owned(), ..list(FREE) },
            (InvalidArgument, "INVALID_ADDRESS", "from"),
        ),
    ]
}

fn choices() -> Vec<Case> {
    let of = |addresses: &[&str]| AllocateAddressesRequest {
        addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
        ..allocate(FREE, AddressPurpose::Hold, 0)
    };
    let yard = |address: &str| AllocateAddressesRequest { parent: YARD.to_owned(), ..of(&[address]) };
    let about = |hardware: &[&str], count: i32| AllocateAddressesRequest {
        details: hardware.iter().map(|hardware| details(hardware)).collect(),
        ..allocate(FREE, AddressPurpose::Hold, count)
    };
    let (one, two) = ("02:00:00:00:00:01", "02:00:00:00:00:02");
    vec![
        case("no address", ALLOCATE, of(&["10.2.0.1", "x"]), (InvalidArgument, "INVALID_ADDRESS", "addresses[1]")),
        case("an address twice", ALLOCATE, of(&["10.2.0.1", "10.2.0.1"]), invalid("addresses")),
        case("another count", ALLOCATE, AllocateAddressesRequest { count: 3, ..of(&["10.2.0.1"]) }, invalid("count")),
        case("a negative count", ALLOCATE, allocate(FREE, AddressPurpose::Hold, -1), invalid("count")),
        case("too many at once", ALLOCATE, allocate(FREE, AddressPurpose::Hold, 1025), invalid("count")),
        case(
            "more than there are",
            ALLOCATE,
            allocate(FREE, AddressPurpose::Hold, 255),
            (ResourceExhausted, "NO_FREE_ADDRESS", ""),
        ),
        case(
            "addresses without end",
            ALLOCATE,
            of(&vec!["10.2.0.1"; 100_000]),
            (InvalidArgument, "TOO_MANY", "addresses"),
        ),
        case(
            "given and random",
            ALLOCATE,
            AllocateAddressesRequest { random: true, ..of(&["10.2.0.1"]) },
            invalid("random"),
        ),
        case(
            "random from somewhere",
            ALLOCATE,
            AllocateAddressesRequest { random: true, from: "10.2.0.9".to_owned(), ..hold(FREE) },
            invalid("from"),
        ),
        case(
            "given from somewhere",
            ALLOCATE,
            AllocateAddressesRequest { from: "10.2.0.9".to_owned(), ..of(&["10.2.0.1"]) },
            invalid("from"),
        ),
        case(
            "from another family",
            ALLOCATE,
            AllocateAddressesRequest { from: "2001:db8::1".to_owned(), ..hold(FREE) },
            (InvalidArgument, "INVALID_ADDRESS", "from"),
        ),
        case("elsewhere", ALLOCATE, of(&["10.3.0.1"]), (FailedPrecondition, "ADDRESS_NOT_USABLE", "addresses[0]")),
        case(
            "the network itself",
            ALLOCATE,
            of(&["10.2.0.0"]),
            (FailedPrecondition, "ADDRESS_NOT_USABLE", "addresses[0]"),
        ),
        case(
            "a held one",
            ALLOCATE,
            of(&["10.2.0.1", "10.2.0.20"]),
            (FailedPrecondition, "ADDRESS_TAKEN", "addresses[1]"),
        ),
        case("a reserved one", ALLOCATE, yard("10.1.0.70"), (FailedPrecondition, "ADDRESS_RESERVED", "addresses[0]")),
        case("details of too many", ALLOCATE, about(&[one, two], 3), invalid("details")),
        case("one client for two", ALLOCATE, about(&[one], 2), invalid("details[0].client")),
        case("a client twice", ALLOCATE, about(&[one, one], 2), invalid("details[1].client")),
        case(
            "no hardware address",
            ALLOCATE,
            about(&[one, "x"], 2),
            (InvalidArgument, "INVALID_HARDWARE_ADDRESS", "details[1].hardware_address"),
        ),
        case("details without end", ALLOCATE, about(&vec![one; 20_000], 2), (InvalidArgument, "TOO_MANY", "details")),
        case(
            "a comment with a bell",
            ALLOCATE,
            AllocateAddressesRequest {
                details: vec![AddressDetails { comment: "\u{7}".to_owned(), ..Default::default() }],
                ..hold(FREE)
            },
            (InvalidArgument, "INVALID_TEXT", "details[0].comment"),
        ),
        case(
            "a reservation for nobody",
            ALLOCATE,
            allocate("scopes/yard", AddressPurpose::Reservation, 1),
            (FailedPrecondition, "CLIENT_REQUIRED", "details[0].client"),
        ),
        case(
            "a reservation in a network",
            ALLOCATE,
            allocate(FREE, AddressPurpose::Reservation, 1),
            invalid("purpose"),
        ),
        case("no purpose", ALLOCATE, AllocateAddressesRequest { purpose: 9, ..hold(FREE) }, invalid("purpose")),
    ]
}

fn lengths() -> Vec<Case> {
    let lasting = |length: i64| AllocateAddressesRequest { ttl: seconds(length), ..hold(FREE) };
    let claim = || allocate(FREE, AddressPurpose::Claim, 1);
    let past = Some(Timestamp { seconds: 1, nanos: 0 });
    vec![
        case("a hold of no time", ALLOCATE, lasting(0), invalid("ttl")),
        case("a hold backwards", ALLOCATE, lasting(-1), invalid("ttl")),
        case("a hold of more than a day", ALLOCATE, lasting(86_401), invalid("ttl")),
        case("a hold for ever", ALLOCATE, lasting(i64::MAX), invalid("ttl")),
        case("a claim with a ttl", ALLOCATE, AllocateAddressesRequest { ttl: seconds(60), ..claim() }, invalid("ttl")),
        case(
            "a hold with an expiry",
            ALLOCATE,
            AllocateAddressesRequest { expire_time: past, ..hold(FREE) },
            invalid("expire_time"),
        ),
        case(
            "a claim that is over",
            ALLOCATE,
            AllocateAddressesRequest { expire_time: past, ..claim() },
            invalid("expire_time"),
        ),
    ]
}

fn changes(held: &Address, claimed: &Address) -> Vec<Case> {
    let (held, claimed) = (held.name.clone(), claimed.name.clone());
    let nobodys = "spaces/default/addresses/10.2.0.99".to_owned();
    let missing = (NotFound, "ASSIGNMENT_NOT_FOUND", "name");
    let stale = (Aborted, "ETAG_MISMATCH", "etag");
    let etag = "1".to_owned();
    let update = |name: &String, path: &str| UpdateAddressRequest {
        name: name.clone(),
        update_mask: Some(FieldMask { paths: vec![path.to_owned()] }),
        ..Default::default()
    };
    let extend = |name: &String| ExtendHoldRequest { name: name.clone(), ..Default::default() };
    let claim = |name: &String| ClaimHeldAddressRequest { name: name.clone(), ..Default::default() };
    let release = |name: &String| ReleaseAddressRequest { name: name.clone(), ..Default::default() };
    vec![
        case("an update of nothing", UPDATE, update(&nobodys, "comment"), missing),
        case("a stale update", UPDATE, UpdateAddressRequest { etag: etag.clone(), ..update(&held, "comment") }, stale),
        case("no path", UPDATE, update(&held, "phase"), (InvalidArgument, "UNKNOWN_MASK_PATH", "update_mask.paths[0]")),
        case("the name", UPDATE, update(&held, "name"), (InvalidArgument, "FIELD_IMMUTABLE", "update_mask.paths[0]")),
        case(
            "an expiry of a hold",
            UPDATE,
            update(&held, "expire_time"),
            (InvalidArgument, "FIELD_IMMUTABLE", "expire_time"),
        ),
        case(
            "no client",
            UPDATE,
            UpdateAddressRequest { details: Some(details("x")), ..update(&held, "hardware_address") },
            (InvalidArgument, "INVALID_HARDWARE_ADDRESS", "details.hardware_address"),
        ),
        case("an extension of nothing", EXTEND, extend(&nobodys), missing),
        case("an extension of a claim", EXTEND, extend(&claimed), (FailedPrecondition, "NOT_A_HOLD", "name")),
        case("a stale extension", EXTEND, ExtendHoldRequest { etag: etag.clone(), ..extend(&held) }, stale),
        case("too long", EXTEND, ExtendHoldRequest { ttl: seconds(86_401), ..extend(&held) }, invalid("ttl")),
        case("a claim of nothing", CLAIM, claim(&nobodys), missing),
        case("a claim of a claim", CLAIM, claim(&claimed), (FailedPrecondition, "NOT_A_HOLD", "name")),
        case("a stale claim", CLAIM, ClaimHeldAddressRequest { etag: etag.clone(), ..claim(&held) }, stale),
        case(
            "a claim that is over",
            CLAIM,
            ClaimHeldAddressRequest { expire_time: Some(Timestamp { seconds: 1, nanos: 0 }), ..claim(&held) },
            invalid("expire_time"),
        ),
        case("a release of nothing", RELEASE, release(&nobodys), missing),
        case("a stale release", RELEASE, ReleaseAddressRequest { etag, ..release(&held) }, stale),
        case("a wait for nothing", WAIT, WaitAddressRequest { name: nobodys, ..Default::default() }, missing),
        case("a wait backwards", WAIT, WaitAddressRequest { name: held, timeout: seconds(-1) }, invalid("timeout")),
    ]
}

fn conversions(held: &Address, claimed: &Address) -> Vec<Case> {
    let reserve = |name: &str| ConvertToReservationRequest { name: name.to_owned(), ..Default::default() };
    let claim = |name: &str| ConvertToClaimRequest { name: name.to_owned(), ..Default::default() };
    let reserved = "scopes/yard/reservations/10.1.0.70";
    let stale = (Aborted, "ETAG_MISMATCH", "etag");
    vec![
        case("nothing to reserve", TO_RESERVATION, reserve(""), (InvalidArgument, "INVALID_NAME", "name")),
        case(
            "what is neither held nor claimed",
            TO_RESERVATION,
            reserve("spaces/default/addresses/10.2.0.99"),
            (NotFound, "ASSIGNMENT_NOT_FOUND", "name"),
        ),
        case("a hold where no scope is", TO_RESERVATION, reserve(&held.name), (NotFound, "SCOPE_NOT_FOUND", "name")),
        case(
            "a claim that changed",
            TO_RESERVATION,
            ConvertToReservationRequest { etag: "1".to_owned(), ..reserve(&claimed.name) },
            stale,
        ),
        case(
            "a client that is none",
            TO_RESERVATION,
            ConvertToReservationRequest { details: Some(details("not one")), ..reserve(&held.name) },
            (InvalidArgument, "INVALID_HARDWARE_ADDRESS", "details.hardware_address"),
        ),
        case("nothing to claim", TO_CLAIM, claim(&held.name), (InvalidArgument, "INVALID_NAME", "name")),
        case(
            "no such reservation",
            TO_CLAIM,
            claim("scopes/yard/reservations/10.1.0.71"),
            (NotFound, "RESERVATION_NOT_FOUND", "name"),
        ),
        case(
            "a reservation that changed",
            TO_CLAIM,
            ConvertToClaimRequest { etag: "1".to_owned(), ..claim(reserved) },
            stale,
        ),
        case(
            "a claim that is over",
            TO_CLAIM,
            ConvertToClaimRequest { expire_time: Some(Timestamp { seconds: 1, nanos: 0 }), ..claim(reserved) },
            invalid("expire_time"),
        ),
    ]
}

/// Labels that an address cannot have, wherever they are said.
fn labels(claimed: &Address) -> Vec<Case> {
    let tagged = |tag: &str| AddressDetails { tags: vec!["a".to_owned(), tag.to_owned()], ..Default::default() };
    let site = || AddressDetails { fields: [("site".to_owned(), "x".to_owned())].into(), ..Default::default() };
    let update =
        |details| UpdateAddressRequest { name: claimed.name.clone(), details: Some(details), ..Default::default() };
    let claim = |details| AllocateAddressesRequest { details: vec![details], ..hold(FREE) };
    let many = (0..33).map(|n| format!("t{n}")).collect();
    let tag = |field| (InvalidArgument, "INVALID_TAG", field);
    let missing = |field| (NotFound, "FIELD_DEFINITION_NOT_FOUND", field);
    vec![
        case("a tag that is none", ALLOCATE, claim(tagged("A B")), tag("details[0].tags[1]")),
        case("a tag that is none", UPDATE, update(tagged("site=x")), tag("details.tags[1]")),
        case(
            "tags without end",
            UPDATE,
            update(AddressDetails { tags: many, ..Default::default() }),
            (InvalidArgument, "TOO_MANY", "details.tags"),
        ),
        case("a field that there is not", ALLOCATE, claim(site()), missing("details[0].fields.site")),
        case("a field that there is not", UPDATE, update(site()), missing("details.fields.site")),
    ]
}

fn expiring() -> Vec<Case> {
    let list = |parent: &str| ListExpiringAddressesRequest { parent: parent.to_owned(), ..Default::default() };
    vec![
        case("expiring in a server", EXPIRING, list("servers/a/kea4"), (InvalidArgument, "INVALID_NAME", "parent")),
        case("expiring in no scope", EXPIRING, list("scopes/other"), (NotFound, "SCOPE_NOT_FOUND", "parent")),
        case("expiring in no space", EXPIRING, list("spaces/other"), (NotFound, "SPACE_NOT_FOUND", "parent")),
        case(
            "expiring in no prefix",
            EXPIRING,
            list("spaces/default/prefixes/10.1.0.1-24"),
            (InvalidArgument, "INVALID_CIDR", "parent"),
        ),
        case(
            "what expired",
            EXPIRING,
            ListExpiringAddressesRequest { within: seconds(-1), ..list("") },
            invalid("within"),
        ),
        case(
            "another list's page of what expires",
            EXPIRING,
            ListExpiringAddressesRequest { page_token: "AAAA".to_owned(), ..list("") },
            (InvalidArgument, "INVALID_PAGE_TOKEN", "page_token"),
        ),
    ]
}

fn others() -> Vec<Case> {
    let get = |name: &str| GetAddressRequest { name: name.to_owned() };
    let convert = |scope: &str, address: &str| ConvertLeaseRequest {
        scope: scope.to_owned(),
        address: address.to_owned(),
        ..Default::default()
    };
    let moved = |name: &str, to: &str| MoveReservationRequest {
        name: name.to_owned(),
        to: to.to_owned(),
        ..Default::default()
    };
    let reserved = "scopes/yard/reservations/10.1.0.70";
    let asked = "spaces/default/addresses/10.1.0.20";
    let policy = |probe: i32, count: i32| AllocateAddressesRequest {
        probe,
        validate_only: probe == 9,
        ..allocate(FREE, AddressPurpose::Hold, count)
    };
    let clear = |name: &str, etag: &str| ClearSightingRequest {
        name: name.to_owned(),
        etag: etag.to_owned(),
        ..Default::default()
    };
    let probe = |name: &str, timeout: Option<(i64, i32)>| ProbeAddressRequest {
        name: name.to_owned(),
        timeout: timeout.map(|(seconds, nanos)| Duration { seconds, nanos }),
    };
    vec![
        case("a policy that there is not", ALLOCATE, policy(9, 1), invalid("probe")),
        case("too many to probe", ALLOCATE, policy(1, 65), invalid("count")),
        case("a probe that nobody can make", ALLOCATE, policy(2, 1), (FailedPrecondition, "PROBE_IMPOSSIBLE", "probe")),
        case("nothing to clear", CLEAR, clear("", ""), (InvalidArgument, "INVALID_NAME", "name")),
        case("nobody to clear", CLEAR, clear(asked, ""), (NotFound, "SIGHTING_NOT_FOUND", "name")),
        case("a clearing of what etag", CLEAR, clear(asked, "x"), (InvalidArgument, "INVALID_ETAG", "etag")),
        case("a probe of nothing", PROBE, probe("", None), (InvalidArgument, "INVALID_NAME", "name")),
        case(
            "a probe in no space",
            PROBE,
            probe("spaces/other/addresses/10.1.0.1", None),
            (NotFound, "SPACE_NOT_FOUND", "name"),
        ),
        case("a probe that waits for nothing", PROBE, probe(asked, Some((0, 49_000_000))), invalid("timeout")),
        case("a probe that waits too long", PROBE, probe(asked, Some((5, 1))), invalid("timeout")),
        case("a probe that ends before it begins", PROBE, probe(asked, Some((-1, 0))), invalid("timeout")),
        case("no name", GET, get(""), (InvalidArgument, "INVALID_NAME", "name")),
        case("no address", GET, get("spaces/default/addresses/10.1"), (InvalidArgument, "INVALID_ADDRESS", "name")),
        case(
            "a mapped address",
            GET,
            get("spaces/default/addresses/::ffff:10.1.0.1"),
            (InvalidArgument, "INVALID_ADDRESS", "name"),
        ),
        case("no space", GET, get("spaces/other/addresses/10.1.0.1"), (NotFound, "SPACE_NOT_FOUND", "name")),
        case(
            "a lease in no scope",
            CONVERT,
            convert("scopes/other", "10.1.0.20"),
            (NotFound, "SCOPE_NOT_FOUND", "scope"),
        ),
        case(
            "what is not leased",
            CONVERT,
            convert("scopes/yard", "10.1.0.20"),
            (NotFound, "LEASE_NOT_FOUND", "address"),
        ),
        case(
            "no leased address",
            CONVERT,
            convert("scopes/yard", "x"),
            (InvalidArgument, "INVALID_ADDRESS", "address"),
        ),
        case(
            "no reservation to move",
            MOVE,
            moved("scopes/yard/reservations/10.1.0.71", "10.1.0.72"),
            (NotFound, "RESERVATION_NOT_FOUND", "name"),
        ),
        case("a move to no address", MOVE, moved(reserved, "x"), (InvalidArgument, "INVALID_ADDRESS", "to")),
        case("a move away", MOVE, moved(reserved, "10.2.0.9"), (FailedPrecondition, "ADDRESS_NOT_USABLE", "to")),
        case(
            "a move into an exclusion",
            MOVE,
            moved(reserved, "10.1.0.55"),
            (FailedPrecondition, "ADDRESS_EXCLUDED", "to"),
        ),
    ]
}
