//! A scope as Kea writes it: one `subnet4` or `subnet6` with its pools, options and reservations. Pure.
//!
//! What is Freehold's is marked in `user-context`; the mark also says which timers were asked for, because Kea shows
//! timers inherited from its global settings just like a subnet's own. What must not be inherited is written
//! out: lifetimes with their bounds, and that reservations in the subnet and in its pools count.
//!
//! Addresses, names, numbers and flags are written readably (`csv-format`), text and bytes in hexadecimal: in Kea's
//! comma separated form a text with a comma becomes another text.

use std::fmt::Write;
use std::net::IpAddr;

use data_encoding::HEXUPPER;
use freehold_core::net::{AddressRange, Cidr, family};
use freehold_core::option::OptionCode;
use freehold_proto::sync::{ReservationResource, ScopeResource, reservation_resource::Client};
use freehold_proto::v1::{DhcpOption, dhcp_option::Value as OptionValue};
use serde_json::{Map, Value, json};

use super::bytes;
use super::protocol::Protocol;

/// The member of `user-context` that marks a subnet as Freehold's.
pub const MARK: &str = "freehold";

/// Why a resource cannot be put into Kea's words. It never reaches Kea.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The field of the resource.
    pub field: String,
    pub what: String,
}

/// The member of `subnet4` or `subnet6` for a scope, without reservations.
pub fn scope(protocol: Protocol, scope: &ScopeResource) -> Result<Value, Unfit> {
    let network: Cidr = scope.network.parse().map_err(|refusal| unfit("network", refusal))?;
    if network.family() != protocol.family() {
        return Err(unfit("network", format!("{network} is not {}", protocol.family())));
    }
    if scope.subnet_id == 0 || scope.subnet_id == u32::MAX {
        return Err(unfit("subnet_id", format!("{} means something else to Kea", scope.subnet_id)));
    }
    let mut mark = Map::from_iter([("scope".to_owned(), json!(scope.id))]);
    let mut subnet =
        Map::from_iter([("id".to_owned(), json!(scope.subnet_id)), ("subnet".to_owned(), json!(scope.network))]);
    for lifetime in ["valid-lifetime", "min-valid-lifetime", "max-valid-lifetime"] {
        subnet.insert(lifetime.to_owned(), json!(scope.valid_seconds));
    }
    if protocol == Protocol::V6 {
        for lifetime in ["preferred-lifetime", "min-preferred-lifetime", "max-preferred-lifetime"] {
            subnet.insert(lifetime.to_owned(), json!(scope.preferred_seconds));
        }
    } else if scope.preferred_seconds > 0 {
        return Err(unfit("preferred_seconds", ONLY_V6));
    }
    for (timer, asked, seconds) in timers(protocol, scope) {
        subnet.insert(timer.to_owned(), json!(seconds));
        if asked {
            mark.insert(timer.to_owned(), json!(seconds));
        }
    }
    subnet.insert("reservations-in-subnet".to_owned(), json!(true));
    subnet.insert("reservations-out-of-pool".to_owned(), json!(false));
    let pools = scope.pools.iter().enumerate().map(|(at, pool)| {
        let range = format!("{}-{}", pool.start, pool.end);
        let parsed: AddressRange = range.parse().map_err(|refusal| unfit(&format!("pools[{at}]"), refusal))?;
        if parsed.family() != protocol.family() {
            return Err(unfit(&format!("pools[{at}]"), format!("{parsed} is not {}", protocol.family())));
        }
        Ok(json!({"pool": parsed.to_string()}))
    });
    subnet.insert("pools".to_owned(), Value::Array(pools.collect::<Result<_, _>>()?));
    subnet.extend(delegated(protocol, scope)?);
    subnet.extend(link(protocol, scope)?);
    let mut options = Vec::new();
    for (at, given) in scope.options.iter().enumerate() {
        options.extend(option(protocol, given).map_err(|what| unfit(&format!("options[{at}]"), what))?);
    }
    subnet.insert("option-data".to_owned(), Value::Array(options));
    subnet.insert("user-context".to_owned(), json!({MARK: mark}));
    Ok(Value::Object(subnet))
}

/// What only IPv6 has.
const ONLY_V6: &str = "only IPv6 has it";

/// The pools out of which prefixes are delegated.
fn delegated(protocol: Protocol, scope: &ScopeResource) -> Result<Option<(String, Value)>, Unfit> {
    if protocol == Protocol::V4 {
        return if scope.prefix_pools.is_empty() { Ok(None) } else { Err(unfit("prefix_pools", ONLY_V6)) };
    }
    let pools = scope.prefix_pools.iter().enumerate().map(|(at, pool)| {
        let field = format!("prefix_pools[{at}]");
        let prefix: Cidr = pool.prefix.parse().map_err(|refusal| unfit(&field, refusal))?;
        if prefix.family() != protocol.family() {
            return Err(unfit(&field, format!("{prefix} is not {}", protocol.family())));
        }
        Ok(json!({
            "prefix": prefix.network(),
            "prefix-len": prefix.prefix_len(),
            "delegated-len": pool.delegated_length,
        }))
    });
    Ok(Some(("pd-pools".to_owned(), Value::Array(pools.collect::<Result<_, _>>()?))))
}

/// By what clients on the link are told, beyond the network.
fn link(protocol: Protocol, scope: &ScopeResource) -> Result<Vec<(String, Value)>, Unfit> {
    let mut link = Vec::new();
    if !scope.interface.is_empty() {
        link.push(("interface".to_owned(), json!(scope.interface)));
    }
    if !scope.relays.is_empty() {
        for (at, relay) in scope.relays.iter().enumerate() {
            let field = format!("relays[{at}]");
            let address: IpAddr = relay.parse().map_err(|_| unfit(&field, format!("{relay:?} is not an address")))?;
            if family(address) != protocol.family() {
                return Err(unfit(&field, format!("{address} is not {}", protocol.family())));
            }
        }
        link.push(("relay".to_owned(), json!({"ip-addresses": scope.relays})));
    }
    if !scope.interface_id.is_empty() {
        if protocol == Protocol::V4 {
            return Err(unfit("interface_id", ONLY_V6));
        }
        link.push(("interface-id".to_owned(), json!(bytes::shown(&scope.interface_id))));
    }
    Ok(link)
}

/// The timers to write: their names, whether they were asked for, and their seconds.
///
/// Without any, Kea's global ones hold. With one, the other is written too: the global one might not fit, and Kea would refuse the subnet.
/// A client of DHCPv6 asks again while its address is still preferred.
fn timers(protocol: Protocol, scope: &ScopeResource) -> Vec<(&'static str, bool, u32)> {
    let (renew, rebind) = (scope.renew_seconds, scope.rebind_seconds);
    let good = match protocol {
        Protocol::V4 => scope.valid_seconds,
        Protocol::V6 => scope.preferred_seconds,
    };
    let (renew_or, rebind_or) = match (renew, rebind) {
        (0, 0) => return Vec::new(),
        (0, rebind) => (rebind / 2, rebind),
        (renew, 0) => (renew, renew.midpoint(good).max(good / 8 * 7).max(renew)),
        (renew, rebind) => (renew, rebind),
    };
    vec![("renew-timer", renew > 0, renew_or), ("rebind-timer", rebind > 0, rebind_or)]
}

/// The `reservations` member for a reservation.
pub fn reservation(protocol: Protocol, reservation: &ReservationResource) -> Result<Value, Unfit> {
    let address = reservation.address.parse().ok().filter(|address: &IpAddr| family(*address) == protocol.family());
    let address = address.ok_or_else(|| {
        unfit("address", format!("{:?} is not an {} address", reservation.address, protocol.family()))
    })?;
    let (identifier, value) = match &reservation.client {
        Some(Client::Hardware(bytes)) => ("hw-address", hexadecimal(bytes, ":")),
        Some(Client::ClientId(_)) if protocol == Protocol::V6 => {
            return Err(unfit(
                "client",
                "clients of DHCPv6 have no client identifier; reserve by DUID or hardware address",
            ));
        }
        Some(Client::ClientId(bytes)) => ("client-id", hexadecimal(bytes, "")),
        Some(Client::Duid(bytes)) => ("duid", hexadecimal(bytes, ":")),
        None => return Err(unfit("client", "no client is named")),
    };
    if value.is_empty() {
        return Err(unfit("client", format!("the {identifier} is empty")));
    }
    let mut host = Map::from_iter([(identifier.to_owned(), json!(value))]);
    match protocol {
        Protocol::V4 if reservation.delegated_prefixes.is_empty() => {
            host.insert("ip-address".to_owned(), json!(address));
        }
        Protocol::V4 => return Err(unfit("delegated_prefixes", ONLY_V6)),
        Protocol::V6 => {
            host.insert("ip-addresses".to_owned(), json!([address]));
            let prefixes = reservation.delegated_prefixes.iter().enumerate().map(|(at, prefix)| {
                let field = format!("delegated_prefixes[{at}]");
                let prefix: Cidr = prefix.parse().map_err(|refusal| unfit(&field, refusal))?;
                let is_v6 = prefix.family() == protocol.family();
                is_v6.then(|| prefix.to_string()).ok_or_else(|| unfit(&field, format!("{prefix} is not IPv6")))
            });
            let prefixes = prefixes.collect::<Result<Vec<_>, _>>()?;
            if !prefixes.is_empty() {
                host.insert("prefixes".to_owned(), json!(prefixes));
            }
        }
    }
    if !reservation.host_name.is_empty() {
        host.insert("hostname".to_owned(), json!(reservation.host_name));
    }
    Ok(Value::Object(host))
}

/// The members of `option-data` for an option: one, or for vendor options one more for each sub-option.
fn option(protocol: Protocol, option: &DhcpOption) -> Result<Vec<Value>, String> {
    let code = OptionCode::new(protocol.family(), option.code).map_err(|refusal| refusal.to_string())?;
    let readable = |data: String| vec![json!({"code": code.number(), "csv-format": true, "data": data})];
    let bytes =
        |bytes: &[u8]| vec![json!({"code": code.number(), "csv-format": false, "data": HEXUPPER.encode(bytes)})];
    Ok(match option.value.as_ref().ok_or("no value")? {
        OptionValue::Addresses(list) => readable(list.items.join(",")),
        OptionValue::Names(list) => readable(list.items.join(",")),
        OptionValue::Unsigned(number) => readable(number.to_string()),
        OptionValue::Signed(number) => readable(number.to_string()),
        OptionValue::Flag(flag) => readable(flag.to_string()),
        OptionValue::Text(text) => bytes(text.as_bytes()),
        OptionValue::Bytes(value) if protocol == Protocol::V4 && option.code == VENDOR_OPTIONS => {
            let parts = sub_options(value).ok_or(
                "option 43 must be made of sub-options (code, length, bytes) by ascending codes: that is how Kea sends them, and it drops the rest without a word",
            )?;
            let part = |(code, value): (u8, &[u8])| json!({"code": code, "space": VENDOR_SPACE, "csv-format": false, "data": HEXUPPER.encode(value)});
            bytes(&[]).into_iter().chain(parts.into_iter().map(part)).collect()
        }
        OptionValue::Bytes(value) => bytes(value),
    })
}

/// Vendor specific information (RFC 2132 §8.4), the one option that Kea takes apart unasked; of DHCPv4 alone. From 2.6 on it does not show what it was given as bytes, so each
/// sub-option is written by itself.
pub(super) const VENDOR_OPTIONS: u32 = 43;
/// The space of its sub-options.
pub(super) const VENDOR_SPACE: &str = "vendor-encapsulated-options-space";

/// The sub-options that `bytes` are made of; `None` if they are something else, or not by ascending codes.
fn sub_options(bytes: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let (mut rest, mut parts) = (bytes, Vec::new());
    while let [code, length, after @ ..] = rest {
        let (value, next) = after.split_at_checked(usize::from(*length))?;
        let is_next = parts.last().is_none_or(|(last, _)| last < code);
        if matches!(code, 0 | 255) || !is_next {
            return None;
        }
        parts.push((*code, value));
        rest = next;
    }
    rest.is_empty().then_some(parts)
}

/// Bytes in lower case hexadecimal with `separator` between them.
fn hexadecimal(bytes: &[u8], separator: &str) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for (at, byte) in bytes.iter().enumerate() {
        let separator = if at == 0 { "" } else { separator };
        write!(text, "{separator}{byte:02x}").expect("writing to a string does not fail");
    }
    text
}

fn unfit(field: &str, what: impl ToString) -> Unfit {
    Unfit { field: field.to_owned(), what: what.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendor_options_that_kea_would_cut_short_or_reorder_are_refused() {
        let check = |value: &[u8], parts: Option<&[(u8, &[u8])]>| assert_eq!(sub_options(value).as_deref(), parts);
        check(&[1, 4, 192, 168, 0, 1], Some(&[(1, &[192, 168, 0, 1])]));
        check(&[1, 0, 2, 1, 9], Some(&[(1, &[]), (2, &[9])]));
        check(&[2, 1, 9, 1, 0], None);
        check(&[1, 1, 9, 1, 1, 8], None);
        check(&[1, 2, 3], None);
        check(&[0, 2, 1, 1], None);
        check(&[1, 1, 9, 255], None);
        check(&[255, 0], None);
    }
}
