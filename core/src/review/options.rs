//! Options that do not do what they are there for.

use super::Look;
use super::finding::{Said, named};
use crate::model::Scope;
use crate::net::{Family, to_number};
use crate::option::{OptionCode, OptionValue};
use std::net::IpAddr;
use std::sync::Arc;

/// The smallest datagram that every host of IPv4 takes, in bytes (RFC 1122 §3.3.2).
const MTU_MIN: u32 = 576;

pub(super) fn no_router(look: &Look<'_>) -> Option<Said> {
    let scope = look.scope;
    // Routers of IPv6 announce themselves (RFC 4861).
    let needs = scope.family() == Family::V4 && !scope.ranges.is_empty() && scope.options.routers().is_empty();
    needs.then(|| format!("{} leases {} and names no router", scope.name, named(&scope.ranges)).into())
}

pub(super) fn router_elsewhere(look: &Look<'_>) -> Option<Said> {
    let scope = look.scope;
    let outside = scope.options.routers().iter().filter(|router| !scope.network.contains(**router));
    let outside: Vec<_> = outside.collect();
    (!outside.is_empty())
        .then(|| format!("the routers of {} do not lie in {}: {}", scope.name, scope.network, named(&outside)).into())
}

/// The options of a scope that are addresses.
fn addresses(scope: &Scope) -> impl Iterator<Item = (OptionCode, &[IpAddr])> {
    scope.options.iter().filter_map(|(code, value)| match value {
        OptionValue::Addresses(list) => Some((code, list.as_slice())),
        _ => None,
    })
}

/// Options that take such addresses: what is a broadcast address, and what the old options of routers and nets have.
const ANY_ADDRESS: &[u16] = &[28];

fn is_useless(scope: &Scope, address: IpAddr) -> bool {
    let nobody = match address {
        IpAddr::V4(v4) => v4.is_broadcast() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_unspecified(),
    };
    nobody
        || address.is_multicast()
        || address.is_loopback()
        || (scope.network.contains(address) && !scope.network.usable(address))
}

pub(super) fn useless_address(look: &Look<'_>) -> Option<Said> {
    let scope = look.scope;
    let all = addresses(scope).filter(|(code, _)| code.family() == Family::V6 || !ANY_ADDRESS.contains(&code.number()));
    let wrong = all.flat_map(|(code, list)| {
        list.iter()
            .filter(|address| is_useless(scope, **address))
            .map(move |address| format!("{address} in option {code}"))
    });
    let wrong: Vec<_> = wrong.collect();
    (!wrong.is_empty())
        .then(|| format!("{} gives addresses that no host can have: {}", scope.name, named(&wrong)).into())
}

pub(super) fn address_twice(look: &Look<'_>) -> Option<Said> {
    let twice = addresses(look.scope).flat_map(|(code, list)| {
        let again = list.iter().enumerate().filter(|(n, address)| list[..*n].contains(address));
        again.map(move |(_, address)| format!("{address} in option {code}"))
    });
    let twice: Vec<_> = twice.collect();
    (!twice.is_empty()).then(|| format!("{} gives addresses twice: {}", look.scope.name, named(&twice)).into())
}

/// The DNS servers of a scope.
fn dns_servers(scope: &Scope) -> &[IpAddr] {
    let code = match scope.family() {
        Family::V4 => OptionCode::DNS_SERVERS,
        Family::V6 => OptionCode::DNS_SERVERS_V6,
    };
    match scope.options.get(code) {
        Some(OptionValue::Addresses(list)) => list,
        _ => &[],
    }
}

pub(super) fn no_dns_servers(look: &Look<'_>) -> Option<Said> {
    let scope = look.scope;
    let needs = !scope.ranges.is_empty() && dns_servers(scope).is_empty();
    needs.then(|| format!("{} leases {} and names no DNS server", scope.name, named(&scope.ranges)).into())
}

/// The active scope of the same space that could lease an address to anybody.
fn leased_by<'a>(look: &Look<'a>, address: IpAddr) -> Option<&'a Arc<Scope>> {
    let (state, space) = (look.facts.state, &look.scope.space);
    let taken = state.taken(space, look.scope.family()).contains(to_number(address));
    state.scope_at(space, address).filter(|scope| !taken && super::is_active(scope) && scope.leases(address))
}

pub(super) fn dns_server_in_pool(look: &Look<'_>) -> Option<Said> {
    let met = dns_servers(look.scope).iter().filter_map(|server| Some((server, leased_by(look, *server)?)));
    let met: Vec<_> = met.collect();
    if met.is_empty() {
        return None;
    }
    let words: Vec<_> = met.iter().map(|(server, by)| format!("{server} by {}", by.name)).collect();
    let message = format!("DNS servers that {} gives may be leased: {}", look.scope.name, named(&words));
    let others = met.iter().map(|(_, by)| *by).filter(|by| by.name != look.scope.name);
    Some(others.fold(Said::from(message), |said, by| said.with(by)))
}

pub(super) fn search_without_domain(look: &Look<'_>) -> Option<Said> {
    let options = &look.scope.options;
    let search = options.get(OptionCode::DOMAIN_SEARCH)?;
    let alone = options.get(OptionCode::DOMAIN_NAME).is_none();
    alone.then(|| format!("{} has clients search {search} and gives no domain name", look.scope.name).into())
}

pub(super) fn mtu_too_small(look: &Look<'_>) -> Option<Said> {
    let options = look.scope.options.iter();
    let mut mtu = options.filter(|(code, _)| code.family() == Family::V4 && code.number() == 26);
    match mtu.next()? {
        (_, OptionValue::Unsigned(bytes)) if *bytes < MTU_MIN => {
            Some(format!("{} gives an MTU of {bytes} bytes", look.scope.name).into())
        }
        _ => None,
    }
}
