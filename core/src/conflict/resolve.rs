use super::clash::{Clash, Firm};
use super::words::lessee;
use crate::bundle::ResourceKind;
use crate::change::RecordKey;
use crate::client::HardwareAddress;
use crate::lease::Lease;
use crate::model::{Scope, Sighting};
use crate::name::{AddressName, ReservationName, ServerName};
use crate::time::Revision;

/// A way to end a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// It in words.
    pub words: String,
    /// The method of the API to call, such as `/freehold.v1.AddressService/ReleaseAddress`; empty if Freehold cannot do it.
    pub method: &'static str,
    /// The fields of its request, by path, in the order of the request.
    pub arguments: Vec<(&'static str, String)>,
}

fn outside(words: String) -> Resolution {
    Resolution { words, method: "", arguments: Vec::new() }
}

fn call(words: String, method: &'static str, arguments: Vec<(&'static str, String)>) -> Resolution {
    Resolution { words, method, arguments }
}

/// The etag of a record as it was when the conflict was found: what changed since is looked at before it is acted on.
fn etag(revision: Revision) -> String {
    revision.to_string()
}

fn give_up(firm: &Firm) -> Resolution {
    match firm {
        Firm::Assigned(found) => call(
            format!("Give up the {}: the address is free then.", if found.is_hold() { "hold" } else { "claim" }),
            "/freehold.v1.AddressService/ReleaseAddress",
            vec![("name", found.name.to_string()), ("etag", etag(found.stamp.revision))],
        ),
        Firm::Reserved(_, found) => call(
            "Delete the reservation.".to_owned(),
            "/freehold.v1.ReservationService/DeleteReservation",
            vec![("name", found.name.to_string()), ("etag", etag(found.stamp.revision))],
        ),
    }
}

/// The address for whoever has the lease; only where the lease says who that is.
fn hand_over(firm: &Firm, lease: &Lease) -> Option<Resolution> {
    let hardware = HardwareAddress::from_bytes(&lease.hardware).ok()?.to_string();
    Some(match firm {
        Firm::Assigned(found) => call(
            format!("Give the address to the client that has the lease, {hardware}."),
            "/freehold.v1.AddressService/UpdateAddress",
            vec![
                ("name", found.name.to_string()),
                ("details.hardware_address", hardware),
                ("update_mask", "hardware_address".to_owned()),
                ("etag", etag(found.stamp.revision)),
            ],
        ),
        Firm::Reserved(_, found) => call(
            format!("Reserve the address for the client that has the lease, {hardware}."),
            "/freehold.v1.ReservationService/UpdateReservation",
            vec![
                ("reservation.name", found.name.to_string()),
                ("reservation.hardware_address", hardware),
                ("reservation.etag", etag(found.stamp.revision)),
                ("update_mask", "hardware_address".to_owned()),
            ],
        ),
    })
}

fn let_end(server: &ServerName, lease: &Lease) -> Resolution {
    outside(format!(
        "Wait for the lease of {} to end, or take the client off the network: {server} is not to lease the address anew, and \
         the conflict ends by itself with the lease.",
        lessee(lease)
    ))
}

fn deactivate(scope: &Scope) -> Resolution {
    call(
        format!("Stop serving {}: make it inactive.", scope.name),
        "/freehold.v1.ScopeService/UpdateScope",
        vec![
            ("scope.name", scope.name.to_string()),
            ("scope.status", "STATUS_INACTIVE".to_owned()),
            ("scope.etag", etag(scope.stamp.revision)),
            ("update_mask", "status".to_owned()),
        ],
    )
}

impl Clash {
    /// The ways to end it, the one that takes least away first.
    pub fn resolutions(&self) -> Vec<Resolution> {
        match self {
            Self::LeaseAgainst { firm, server, lease } => {
                let kept = [let_end(server, lease)];
                kept.into_iter().chain(hand_over(firm, lease)).chain([give_up(firm)]).collect()
            }
            Self::LeasedTwice { name, one, other, .. } => twice(name, [&one.0, &other.0]),
            Self::ClientElsewhere { firm, server, lease } => elsewhere(firm, server, lease),
            Self::Answers(sighting) => answers(sighting),
            Self::ScopesOverlap { one, other, .. } => vec![
                outside(format!("Let another server serve {} or {}.", one.name, other.name)),
                deactivate(one),
                deactivate(other),
            ],
            Self::ForeignSubnet { server, foreign, scope } => vec![
                outside(format!(
                    "Remove the subnet {} (id {}) from the configuration of {server} by hand; Freehold does not touch it.",
                    foreign.network, foreign.subnet_id
                )),
                deactivate(scope),
            ],
            Self::Refused { server, key, record, .. } => refused(server, key.kind, record),
        }
    }
}

fn answers(sighting: &Sighting) -> Vec<Resolution> {
    let AddressName { space, address } = &sighting.name;
    let found = outside(format!("Find the device that answers on {address} and give it an address of its own."));
    let hardware = sighting.hardware.as_ref().map(ToString::to_string);
    let mut arguments = vec![
        ("parent", space.to_string()),
        ("addresses", address.to_string()),
        ("purpose", "ADDRESS_PURPOSE_CLAIM".to_owned()),
        ("accept_risk", "true".to_owned()),
    ];
    arguments.extend(hardware.map(|hardware| ("details.hardware_address", hardware)));
    vec![
        found,
        call("Claim the address for it.".to_owned(), "/freehold.v1.AddressService/AllocateAddresses", arguments),
        call(
            "Forget that it answered, once the device is gone: the address is given out again then.".to_owned(),
            "/freehold.v1.AddressService/ClearSighting",
            vec![("name", sighting.name.to_string())],
        ),
    ]
}

fn twice(name: &AddressName, servers: [&ServerName; 2]) -> Vec<Resolution> {
    vec![
        outside(format!(
            "Take one of the two clients off the network, and end its lease on {} or {}: both believe that the address is theirs.",
            servers[0], servers[1]
        )),
        call(
            "Hold the address until one lease has ended, so that no server leases it anew.".to_owned(),
            "/freehold.v1.AddressService/AllocateAddresses",
            vec![
                ("parent", name.space.to_string()),
                ("addresses", name.address.to_string()),
                ("purpose", "ADDRESS_PURPOSE_HOLD".to_owned()),
                ("accept_risk", "true".to_owned()),
            ],
        ),
    ]
}

fn elsewhere(firm: &Firm, server: &ServerName, lease: &Lease) -> Vec<Resolution> {
    let renew = outside(format!(
        "Let the client ask {server} for an address anew, or wait until it does: it is given its own then. If it is another device \
         with the same hardware address, take that off the network."
    ));
    let moved = match firm {
        Firm::Assigned(_) => None,
        Firm::Reserved(_, found) => Some(call(
            format!("Reserve {} for it instead.", lease.address),
            "/freehold.v1.AddressService/MoveReservation",
            vec![
                ("name", found.name.to_string()),
                ("to", lease.address.to_string()),
                ("etag", etag(found.stamp.revision)),
            ],
        )),
    };
    [renew].into_iter().chain(moved).chain([give_up(firm)]).collect()
}

fn refused(server: &ServerName, kind: ResourceKind, record: &RecordKey) -> Vec<Resolution> {
    let what = match kind {
        ResourceKind::Scope => "scope",
        ResourceKind::Reservation => "reservation",
    };
    let retry = call(
        format!("Send it to {server} again, after the cause there was mended."),
        "/freehold.v1.ServerService/RetryRefused",
        vec![("name", server.to_string())],
    );
    let change = outside(format!("Change the {what}: another form is sent by itself."));
    let delete = |name: &ReservationName| {
        let arguments = vec![("name", name.to_string())];
        call("Delete the reservation.".to_owned(), "/freehold.v1.ReservationService/DeleteReservation", arguments)
    };
    let gone = match record {
        RecordKey::Reservation(name) => Some(delete(name)),
        RecordKey::Address(name) => Some(call(
            "Give up the claim.".to_owned(),
            "/freehold.v1.AddressService/ReleaseAddress",
            vec![("name", name.to_string())],
        )),
        _ => None,
    };
    [change, retry].into_iter().chain(gone).collect()
}
