//! Desired state as canonical bytes, and bundles on the wire.
//!
//! The canonical bytes of a resource are its message as prost writes it: fields in order, defaults
//! left out, lists sorted by core. Both sides hash those bytes and nothing else.

use crate::convert::option;
use crate::sync;
use freehold_core::bundle::{Bundle, Hash, Resource, ResourceKey, ResourceKind};
use freehold_core::client::{ClientId, ClientIdentity, Duid, HardwareAddress};
use freehold_core::desired::Desired;
use freehold_core::model::{Assignment, PrefixPool, Reservation, Scope};
use freehold_core::name::ScopeName;
use freehold_core::net::{AddressRange, Cidr, Family};
use freehold_core::refusal::Refusal;
use freehold_core::text::HostName;
use prost::Message;
use std::net::IpAddr;

/// The feature of an agent that can be asked to probe.
pub const PROBE: &str = "probe.v1";

/// The feature of an agent that says what its servers would make of a change.
pub const PREVIEW: &str = "preview.v1";

/// The features of an agent that serves DHCPv6, and of one that tells clients by their link.
const DHCP6: &str = "dhcp6.v1";
const LINK: &str = "link.v1";

/// Features that this version's agents speak; a resource may require some of them.
pub const FEATURES: &[&str] = &["scope.v1", "reservation.v1", DHCP6, LINK, PROBE, PREVIEW];

/// The bundle of what a server should run.
pub fn bundle(desired: &Desired) -> Bundle {
    let scopes = desired.scopes.iter().map(|served| scope_resource(&served.scope, &served.pools));
    let reservations = desired.reservations.iter().map(|reservation| reservation_resource(reservation));
    let claims = desired.claims.iter().filter_map(|(scope, claim)| claim_resource(scope, claim));
    Bundle::new(scopes.chain(reservations).chain(claims).collect())
}

/// The key and canonical form of a scope that leases these pools.
pub fn scope_resource(scope: &Scope, pools: &[AddressRange]) -> (ResourceKey, Resource) {
    let pool =
        |range: &AddressRange| sync::PoolRange { start: range.start().to_string(), end: range.end().to_string() };
    let body = sync::ScopeResource {
        id: scope.name.id().to_owned(),
        subnet_id: scope.subnet_id.number(),
        network: scope.network.to_string(),
        pools: pools.iter().map(pool).collect(),
        options: option::resources(&scope.options),
        valid_seconds: scope.lease_times.valid_seconds(),
        renew_seconds: scope.lease_times.renew_seconds().unwrap_or_default(),
        rebind_seconds: scope.lease_times.rebind_seconds().unwrap_or_default(),
        preferred_seconds: match scope.family() {
            Family::V4 => 0,
            Family::V6 => scope.lease_times.effective_preferred_seconds(),
        },
        prefix_pools: scope.prefix_pools.iter().map(delegated).collect(),
        interface: scope.link.interface.to_string(),
        relays: scope.link.relays.iter().map(ToString::to_string).collect(),
        interface_id: scope.link.interface_id.to_string(),
    };
    (ResourceKey::of_scope(&scope.name), Resource::new(body.encode_to_vec()))
}

fn delegated(pool: &PrefixPool) -> sync::DelegatedPool {
    sync::DelegatedPool { prefix: pool.prefix.to_string(), delegated_length: pool.delegated_length.into() }
}

/// A reservation's key and canonical form.
pub fn reservation_resource(reservation: &Reservation) -> (ResourceKey, Resource) {
    let Reservation { name, client, prefixes, host_name, .. } = reservation;
    fixed(&name.scope, name.address, client, prefixes, host_name.as_ref())
}

/// The key and canonical form of a claim in the network of `scope`, which is that of a reservation; `None` if it names
/// no client.
pub fn claim_resource(scope: &ScopeName, claim: &Assignment) -> Option<(ResourceKey, Resource)> {
    Some(fixed(scope, claim.name.address, claim.client.as_ref()?, &[], claim.host_name.as_ref()))
}

fn fixed(
    scope: &ScopeName,
    address: IpAddr,
    client: &ClientIdentity,
    prefixes: &[Cidr],
    host_name: Option<&HostName>,
) -> (ResourceKey, Resource) {
    use sync::reservation_resource::Client;
    let body = sync::ReservationResource {
        scope: scope.id().to_owned(),
        address: address.to_string(),
        client: Some(match client {
            ClientIdentity::Hardware(address) => Client::Hardware(address.as_bytes().to_vec()),
            ClientIdentity::ClientId(id) => Client::ClientId(id.as_bytes().to_vec()),
            ClientIdentity::Duid(duid) => Client::Duid(duid.as_bytes().to_vec()),
        }),
        host_name: host_name.map(ToString::to_string).unwrap_or_default(),
        delegated_prefixes: prefixes.iter().map(ToString::to_string).collect(),
    };
    (ResourceKey::of_address(scope, address), Resource::new(body.encode_to_vec()))
}

/// Whom a reservation's canonical form is for; `None` if it does not say.
pub fn reserved_client(resource: &sync::ReservationResource) -> Result<Option<ClientIdentity>, Refusal> {
    use sync::reservation_resource::Client;
    let client = |client: &Client| {
        Ok(match client {
            Client::Hardware(bytes) => ClientIdentity::Hardware(HardwareAddress::from_bytes(bytes)?),
            Client::ClientId(bytes) => ClientIdentity::ClientId(ClientId::from_bytes(bytes)?),
            Client::Duid(bytes) => ClientIdentity::Duid(Duid::from_bytes(bytes)?),
        })
    };
    resource.client.as_ref().map(client).transpose()
}

/// A resource on the wire.
pub fn wire(key: &ResourceKey, resource: &Resource) -> sync::Resource {
    sync::Resource {
        kind: key.kind.as_str().to_owned(),
        id: key.id.clone(),
        hash: resource.hash().0.to_vec(),
        body: resource.body().to_vec(),
        required_features: features(key, resource).into_iter().map(str::to_owned).collect(),
    }
}

/// What an agent must know to serve a resource as it is meant.
fn features(key: &ResourceKey, resource: &Resource) -> Vec<&'static str> {
    let (first, is_v6, has_link) = match key.kind {
        ResourceKind::Scope => {
            let scope = sync::ScopeResource::decode(resource.body()).unwrap_or_default();
            let has_link = !(scope.interface.is_empty() && scope.relays.is_empty() && scope.interface_id.is_empty());
            ("scope.v1", scope.network.contains(':'), has_link)
        }
        // The id ends in the address; there may be a hundred thousand of these, so none is decoded for it.
        ResourceKind::Reservation => ("reservation.v1", key.id.contains(':'), false),
    };
    std::iter::once(first).chain(is_v6.then_some(DHCP6)).chain(has_link.then_some(LINK)).collect()
}

/// A resource's name on the wire.
pub fn wire_ref(key: &ResourceKey) -> sync::ResourceRef {
    sync::ResourceRef { kind: key.kind.as_str().to_owned(), id: key.id.clone() }
}

/// Why a resource from the wire cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untakeable {
    /// It is of a kind, or needs a feature, that this version does not have.
    #[error("it needs {0}, which this version does not have")]
    Unsupported(String),
    /// Its bytes do not have the hash that it names.
    #[error("its bytes do not have the hash that it names")]
    Damaged,
}

/// The key of a resource's name on the wire.
pub fn parse_ref(kind: &str, id: &str) -> Result<ResourceKey, Untakeable> {
    let kind =
        ResourceKind::from_wire(kind).ok_or_else(|| Untakeable::Unsupported(format!("resources of kind {kind:?}")))?;
    Ok(ResourceKey { kind, id: id.to_owned() })
}

/// A resource from the wire, with features understood and hash right.
pub fn parse_wire(message: &sync::Resource) -> Result<(ResourceKey, Resource), Untakeable> {
    if let Some(feature) = message.required_features.iter().find(|feature| !FEATURES.contains(&feature.as_str())) {
        return Err(Untakeable::Unsupported(format!("the feature {feature:?}")));
    }
    let key = parse_ref(&message.kind, &message.id)?;
    let resource = Resource::new(message.body.clone());
    if resource.hash().0 != message.hash.as_slice() {
        return Err(Untakeable::Damaged);
    }
    Ok((key, resource))
}

/// A hash from the wire; `None` if it has another length.
pub fn parse_hash(bytes: &[u8]) -> Option<Hash> {
    bytes.try_into().ok().map(Hash)
}

/// A digest from the wire; `None` if it has another length.
pub fn parse_digest(bytes: &[u8]) -> Option<freehold_core::bundle::Digest> {
    bytes.try_into().ok().map(freehold_core::bundle::Digest)
}
