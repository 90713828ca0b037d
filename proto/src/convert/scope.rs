//! Scopes, with their ranges, exclusions and lease times.

use super::plan::text;
use super::{label, option, time};
use crate::v1;
use freehold_core::model::{Exclusion, LeaseTimes, Link, PrefixPool, Scope, ScopeStatus, SubnetId};
use freehold_core::name::{PrefixName, ScopeName, ServerName};
use freehold_core::net::{AddressRange, parse_address};
use freehold_core::refusal::{Reason, Refusal};

/// The message of a scope, without how far it has come on its server.
pub fn message(scope: &Scope) -> v1::Scope {
    v1::Scope {
        name: scope.name.to_string(),
        network: scope.prefix().to_string(),
        subnet_id: scope.subnet_id.number(),
        ranges: scope.ranges.iter().map(range_message).collect(),
        exclusions: scope.exclusions.iter().map(exclusion_message).collect(),
        options: option::messages(&scope.options),
        lease_times: Some(lease_times_message(scope.lease_times)),
        status: status_message(scope.status).into(),
        server: scope.server.as_ref().map(ToString::to_string).unwrap_or_default(),
        description: scope.description.to_string(),
        sync: Vec::new(),
        create_time: Some(time::message(scope.stamp.created)),
        update_time: Some(time::message(scope.stamp.updated)),
        etag: time::etag(scope.stamp.revision),
        tags: label::tags_message(&scope.labels),
        fields: label::fields_message(&scope.labels),
        effective_tags: Vec::new(),
        effective_fields: Vec::new(),
        prefix_pools: scope.prefix_pools.iter().map(prefix_pool_message).collect(),
        link: (!scope.link.is_empty()).then(|| link_message(&scope.link)),
    }
}

/// The scope of a message, as it was stored.
pub fn parse(message: &v1::Scope) -> Result<Scope, Refusal> {
    let network = parse_network(message)?;
    Ok(Scope {
        name: message.name.parse::<ScopeName>().map_err(|r| r.at("name"))?,
        space: network.space,
        network: network.cidr,
        subnet_id: SubnetId::new(message.subnet_id).ok_or_else(|| {
            Refusal::new(Reason::InvalidValue, format!("{} is not a subnet id", message.subnet_id)).at("subnet_id")
        })?,
        ranges: parse_ranges(message)?,
        exclusions: parse_exclusions(message)?,
        prefix_pools: parse_prefix_pools(message)?,
        options: option::parse(network.cidr.family(), &message.options)?,
        lease_times: parse_lease_times(message)?,
        link: parse_link(message)?,
        status: parse_status(message)?,
        server: parse_server(message)?,
        description: text(&message.description, "description")?,
        labels: label::parse(&message.tags, &message.fields)?,
        stamp: time::stamp(message.create_time.as_ref(), message.update_time.as_ref(), &message.etag)?,
    })
}

/// The network of a scope, which must be said.
pub fn parse_network(message: &v1::Scope) -> Result<PrefixName, Refusal> {
    if message.network.is_empty() {
        return Err(Refusal::new(
            Reason::FieldRequired,
            "say which network the scope serves, such as spaces/default/prefixes/10.1.2.0-24",
        )
        .at("network"));
    }
    message.network.parse().map_err(|refusal: Refusal| refusal.at("network"))
}

/// The ranges of a scope.
pub fn parse_ranges(message: &v1::Scope) -> Result<Vec<AddressRange>, Refusal> {
    let parse = |(i, range)| parse_range(range).map_err(|refusal| refusal.under(&format!("ranges[{i}]")));
    message.ranges.iter().enumerate().map(parse).collect()
}

/// The exclusions of a scope.
pub fn parse_exclusions(message: &v1::Scope) -> Result<Vec<Exclusion>, Refusal> {
    let parse = |(i, exclusion): (usize, &v1::Exclusion)| {
        let inner = || {
            let range = exclusion
                .range
                .as_ref()
                .ok_or_else(|| Refusal::new(Reason::FieldRequired, "an exclusion needs a range").at("range"))?;
            Ok(Exclusion {
                range: parse_range(range).map_err(|refusal| refusal.under("range"))?,
                comment: text(&exclusion.comment, "comment")?,
            })
        };
        inner().map_err(|refusal: Refusal| refusal.under(&format!("exclusions[{i}]")))
    };
    message.exclusions.iter().enumerate().map(parse).collect()
}

/// The lease times of a scope; the default where none are given.
pub fn parse_lease_times(message: &v1::Scope) -> Result<LeaseTimes, Refusal> {
    let given = |seconds: u32| (seconds > 0).then_some(seconds);
    message.lease_times.as_ref().map_or(Ok(LeaseTimes::default()), |times| {
        LeaseTimes::new(times.valid_seconds, given(times.renew_seconds), given(times.rebind_seconds))
            .and_then(|lease_times| lease_times.preferred(given(times.preferred_seconds)))
            .map_err(|refusal| refusal.under("lease_times"))
    })
}

/// The blocks out of which prefixes are delegated.
pub fn parse_prefix_pools(message: &v1::Scope) -> Result<Vec<PrefixPool>, Refusal> {
    let parse = |(i, pool): (usize, &v1::PrefixPool)| {
        let inner = || {
            let delegated_length = u8::try_from(pool.delegated_length).map_err(|_| {
                let message = format!("no prefix has {} bits", pool.delegated_length);
                Refusal::new(Reason::InvalidLength, message).at("delegated_length")
            })?;
            let prefix = pool.prefix.parse().map_err(|refusal: Refusal| refusal.at("prefix"))?;
            Ok(PrefixPool { prefix, delegated_length })
        };
        inner().map_err(|refusal: Refusal| refusal.under(&format!("prefix_pools[{i}]")))
    };
    message.prefix_pools.iter().enumerate().map(parse).collect()
}

fn prefix_pool_message(pool: &PrefixPool) -> v1::PrefixPool {
    v1::PrefixPool { prefix: pool.prefix.to_string(), delegated_length: pool.delegated_length.into() }
}

/// Which clients are on the link of a scope; nothing where none is given.
pub fn parse_link(message: &v1::Scope) -> Result<Link, Refusal> {
    let Some(link) = &message.link else { return Ok(Link::default()) };
    let relay = |(i, relay): (usize, &String)| {
        parse_address(relay).map_err(|refusal| refusal.at(format!("relay_addresses[{i}]")))
    };
    let parse = || {
        Ok(Link {
            interface: text(&link.interface, "interface")?,
            relays: link.relay_addresses.iter().enumerate().map(relay).collect::<Result<_, _>>()?,
            interface_id: text(&link.interface_id, "interface_id")?,
        })
    };
    parse().map_err(|refusal: Refusal| refusal.under("link"))
}

fn link_message(link: &Link) -> v1::Link {
    v1::Link {
        interface: link.interface.to_string(),
        relay_addresses: link.relays.iter().map(ToString::to_string).collect(),
        interface_id: link.interface_id.to_string(),
    }
}

/// The status of a scope; active where none is given.
pub fn parse_status(message: &v1::Scope) -> Result<ScopeStatus, Refusal> {
    match v1::scope::Status::try_from(message.status) {
        Ok(v1::scope::Status::Unspecified | v1::scope::Status::Active) => Ok(ScopeStatus::Active),
        Ok(v1::scope::Status::Inactive) => Ok(ScopeStatus::Inactive),
        Err(_) => {
            Err(Refusal::new(Reason::InvalidValue, format!("no status has the number {}", message.status)).at("status"))
        }
    }
}

/// The server of a scope, if it has one.
pub fn parse_server(message: &v1::Scope) -> Result<Option<ServerName>, Refusal> {
    let given = (!message.server.is_empty()).then_some(&message.server);
    given.map(|name| name.parse().map_err(|refusal: Refusal| refusal.at("server"))).transpose()
}

fn range_message(range: &AddressRange) -> v1::AddressRange {
    v1::AddressRange { start: range.start().to_string(), end: range.end().to_string() }
}

fn parse_range(message: &v1::AddressRange) -> Result<AddressRange, Refusal> {
    let start = parse_address(&message.start).map_err(|refusal| refusal.at("start"))?;
    let end = parse_address(&message.end).map_err(|refusal| refusal.at("end"))?;
    AddressRange::new(start, end)
}

/// The message of an exclusion.
pub fn exclusion_message(exclusion: &Exclusion) -> v1::Exclusion {
    v1::Exclusion { range: Some(range_message(&exclusion.range)), comment: exclusion.comment.to_string() }
}

fn lease_times_message(times: LeaseTimes) -> v1::LeaseTimes {
    v1::LeaseTimes {
        valid_seconds: times.valid_seconds(),
        renew_seconds: times.renew_seconds().unwrap_or_default(),
        rebind_seconds: times.rebind_seconds().unwrap_or_default(),
        preferred_seconds: times.preferred_seconds().unwrap_or_default(),
    }
}

fn status_message(status: ScopeStatus) -> v1::scope::Status {
    match status {
        ScopeStatus::Active => v1::scope::Status::Active,
        ScopeStatus::Inactive => v1::scope::Status::Inactive,
    }
}
