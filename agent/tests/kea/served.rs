//! Resources as a controller would send them.

use freehold_core::bundle::{Bundle, Resource, ResourceKey, ResourceKind};
use freehold_core::net::Family;
use freehold_core::option::{OptionCode, OptionValue, Options};
use freehold_proto::convert::option::resources;
use freehold_proto::sync::{PoolRange, ReservationResource, ScopeResource, reservation_resource::Client};
use freehold_proto::v1::DhcpOption;
use prost::Message;

pub(crate) type Named = (ResourceKey, Resource);

pub(crate) fn key(kind: ResourceKind, id: &str) -> ResourceKey {
    ResourceKey { kind, id: id.to_owned() }
}

pub(crate) fn bundle(resources: impl IntoIterator<Item = Named>) -> Bundle {
    Bundle::new(resources.into_iter().collect())
}

pub(crate) fn scope(id: &str, subnet_id: u32, network: &str, pools: &[(&str, &str)], valid_seconds: u32) -> Named {
    scope_resource(scope_message(id, subnet_id, network, pools, valid_seconds))
}

pub(crate) fn scope_message(
    id: &str,
    subnet_id: u32,
    network: &str,
    pools: &[(&str, &str)],
    valid_seconds: u32,
) -> ScopeResource {
    ScopeResource {
        id: id.to_owned(),
        subnet_id,
        network: network.to_owned(),
        pools: pools
            .iter()
            .map(|(start, end)| PoolRange { start: (*start).to_owned(), end: (*end).to_owned() })
            .collect(),
        valid_seconds,
        preferred_seconds: if network.contains(':') { valid_seconds * 5 / 8 } else { 0 },
        ..ScopeResource::default()
    }
}

pub(crate) fn scope_resource(message: ScopeResource) -> Named {
    (key(ResourceKind::Scope, &message.id), Resource::new(message.encode_to_vec()))
}

/// For the `client`th client.
pub(crate) fn reservation(scope: &str, address: &str, client: u32) -> Named {
    reserved(reservation_message(scope, address, client))
}

pub(crate) fn reservation_message(scope: &str, address: &str, client: u32) -> ReservationResource {
    let [_, _, high, low] = client.to_be_bytes();
    ReservationResource {
        scope: scope.to_owned(),
        address: address.to_owned(),
        client: Some(Client::Hardware(vec![2, 0, 0, 1, high, low])),
        host_name: format!("host-{client}"),
        ..ReservationResource::default()
    }
}

pub(crate) fn reserved(message: ReservationResource) -> Named {
    (
        key(ResourceKind::Reservation, &format!("{}/{}", message.scope, message.address)),
        Resource::new(message.encode_to_vec()),
    )
}

/// Each kind of client once, in scope `a`.
pub(crate) fn every_client() -> Vec<ReservationResource> {
    let reserve = |address: &str, client: Client, host_name: &str| ReservationResource {
        scope: "a".to_owned(),
        address: address.to_owned(),
        client: Some(client),
        host_name: host_name.to_owned(),
        ..ReservationResource::default()
    };
    vec![
        reserve("10.77.9.1", Client::Hardware(vec![2, 0, 0, 0, 0, 0xaa]), ""),
        reserve("10.77.9.2", Client::Hardware((0..20).collect()), "a.b.example"),
        reserve("10.77.9.3", Client::ClientId(vec![1, 2, 0xfe]), "c"),
        reserve("10.77.1.4", Client::ClientId((0..200).collect()), ""),
        reserve("10.77.9.5", Client::Duid(vec![0, 2, 0xaa, 0xbb]), "d"),
    ]
}

/// Every option with a shape of its own, and some without.
pub(crate) fn every_option() -> Vec<DhcpOption> {
    let mut options = Options::default();
    let texts = [
        "10.0.0.1,10.0.0.2",
        "10.0.0.1",
        "-3600",
        "17",
        "8",
        "true",
        "a.example,b.example",
        "a.example",
        "a, \"b\" \\c é",
        "0a00ff",
        "010203040401aa",
        // A route to 10.1.0.0/16 (RFC 3442).
        "100a010a4d0001",
    ];
    for number in 2..255 {
        let Ok(code) = OptionCode::new(Family::V4, number) else { continue };
        if code.name().is_none() && ![121, 150, 224, 252].contains(&number) {
            continue;
        }
        let first = match number {
            43 => 10,
            121 => 11,
            _ => 0,
        };
        let fitting = texts[first..].iter().find(|text| {
            let value = OptionValue::from_text(code, text);
            value.is_ok_and(|value| options.add(code, value).is_ok())
        });
        assert!(fitting.is_some(), "no value for option {code}");
    }
    resources(&options)
}

/// The DUID of the `client`th client: of its hardware address alone (RFC 8415 §11.4).
pub(crate) fn duid(client: u32) -> Vec<u8> {
    let [_, _, high, low] = client.to_be_bytes();
    vec![0, 3, 0, 1, 2, 0, 0, 1, high, low]
}

/// Of DHCPv6, for the `client`th client by its DUID, with these prefixes.
pub(crate) fn reservation_v6(scope: &str, address: &str, client: u32, prefixes: &[&str]) -> Named {
    reserved(ReservationResource {
        client: Some(Client::Duid(duid(client))),
        delegated_prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
        ..reservation_message(scope, address, client)
    })
}

/// Of DHCPv6, on the link of the host's own interface.
pub(crate) fn scope_v6(id: &str, subnet_id: u32, network: &str, pools: &[(&str, &str)]) -> ScopeResource {
    ScopeResource { interface: "srv".to_owned(), ..scope_message(id, subnet_id, network, pools, 600) }
}

/// Every option of DHCPv6 with a shape of its own, and some without.
pub(crate) fn every_option_v6(also: &[u32]) -> Vec<DhcpOption> {
    let mut options = Options::default();
    let texts = [
        "2001:db8::1,2001:db8::2",
        "2001:db8::1",
        "86400",
        "8",
        "a.example,b.example",
        "a.example",
        "a, \"b\" \\c é",
        "0a00ff",
    ];
    for number in 1..200 {
        let Ok(code) = OptionCode::new(Family::V6, number) else { continue };
        // Vendor options (RFC 8415 §21.17), a code that nobody has yet.
        if code.name().is_none() && ![17, 199].contains(&number) && !also.contains(&number) {
            continue;
        }
        let texts: &[&str] = match number {
            17 => &["00000009000100020a0b"],
            56 => &["0001001020010db8000000000000000000000053"],
            _ => &texts,
        };
        let fitting = texts.iter().find(|text| {
            let value = OptionValue::from_text(code, text);
            value.is_ok_and(|value| options.add(code, value).is_ok())
        });
        assert!(fitting.is_some(), "no value for option {code}");
    }
    resources(&options)
}
