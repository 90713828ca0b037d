//! What Kea runs of Freehold's, out of `config-get`, as the resources that would make it so. Pure.
//!
//! The opposite of [`super::render`], and strict: a subnet counts as its scope only if every member says what rendering
//! that scope says, and every other member has the value that Kea gives it by itself (its default, or the one
//! inherited from the global settings). So an edit by hand inside a subnet of Freehold's always shows, and the digest of what was read is
//! the digest that was sent only if Kea really runs it.

use std::net::IpAddr;

use freehold_core::bundle::{Bundle, Resource, ResourceKey, ResourceKind};
use freehold_core::net::{AddressRange, Cidr};
use freehold_core::option::{OptionCode, OptionValue, Options, Shape};
use freehold_core::text::Text;
use freehold_proto::convert::option::resources;
use freehold_proto::sync::{
    DelegatedPool, PoolRange, ReservationResource, ScopeResource, reservation_resource::Client,
};
use prost::Message;
use serde_json::{Map, Value};

use super::bytes;
use super::protocol::Protocol;
use super::render::{self, MARK, VENDOR_OPTIONS, VENDOR_SPACE};

/// Freehold's part of a running configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadBack {
    /// Everything found; what was tampered with is in it with bytes that no controller sends.
    pub bundle: Bundle,
    /// What is not as Freehold would have it, in words.
    pub strange: Vec<Strange>,
}

/// A part of a Freehold subnet that Freehold did not write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strange {
    pub key: ResourceKey,
    pub what: String,
}

/// Reads back every marked subnet of a server whose other settings are `root`.
pub fn read_back<'a>(protocol: Protocol, root: &Value, marked: impl IntoIterator<Item = &'a Value>) -> ReadBack {
    let mut resources = std::collections::BTreeMap::new();
    let mut strange = Vec::new();
    for subnet in marked {
        let id = subnet["user-context"][MARK]["scope"].as_str().unwrap_or("?").to_owned();
        let key = ResourceKey { kind: ResourceKind::Scope, id: id.clone() };
        let mut take = |key: ResourceKey, raw: &Value, parsed: Result<Vec<u8>, String>| {
            let body = parsed.unwrap_or_else(|what| {
                strange.push(Strange { key: key.clone(), what });
                tampered(raw)
            });
            if resources.insert(key.clone(), Resource::new(body)).is_some() {
                strange.push(Strange { key: key.clone(), what: "is there twice".to_owned() });
                resources.insert(key, Resource::new(tampered(raw)));
            }
        };
        let mut own = subnet.clone();
        let reservations = own.as_object_mut().and_then(|own| own.shift_remove("reservations"));
        take(key, &own, scope(protocol, &own, root).map(|scope| scope.encode_to_vec()));
        for host in reservations.as_ref().and_then(Value::as_array).into_iter().flatten() {
            let address = Some(address(host)).filter(|address| !address.is_empty()).unwrap_or("?");
            let key = ResourceKey { kind: ResourceKind::Reservation, id: format!("{id}/{address}") };
            take(key, host, reservation(protocol, host, &id).map(|reservation| reservation.encode_to_vec()));
        }
    }
    ReadBack { bundle: Bundle::new(resources), strange }
}

/// Bytes for what is not Freehold's doing: never those of a message, whose first byte would be a field's tag.
fn tampered(raw: &Value) -> Vec<u8> {
    let mut body = vec![0];
    body.extend(raw.to_string().into_bytes());
    body
}

/// The scope that a subnet without its reservations serves, or what in it no scope explains.
fn scope(protocol: Protocol, subnet: &Value, root: &Value) -> Result<ScopeResource, String> {
    let mark = &subnet["user-context"][MARK];
    let number = |value: &Value, name: &str| -> Result<u32, String> {
        value.as_u64().and_then(|number| u32::try_from(number).ok()).ok_or_else(|| format!("{name} is {value}"))
    };
    let timer = |name: &str| if mark[name].is_null() { Ok(0) } else { number(&mark[name], name) };
    let network: Cidr = text(&subnet["subnet"]).parse().map_err(|_| format!("subnet is {}", subnet["subnet"]))?;
    let mut pools = array(&subnet["pools"]).map(pool).collect::<Result<Vec<_>, _>>()?;
    pools.sort_by_key(AddressRange::start);
    let mut options = Options::default();
    let (vendor, listed): (Vec<_>, Vec<_>) =
        array(&subnet["option-data"]).partition(|found| found["space"] == VENDOR_SPACE);
    let mut vendor = vendor_options(&vendor)?;
    for found in listed {
        let is_vendor = protocol == Protocol::V4 && found["code"] == VENDOR_OPTIONS;
        let (code, value) = option(protocol, found, if is_vendor { vendor.take() } else { None })?;
        options.add(code, value).map_err(|refusal| refusal.to_string())?;
    }
    if vendor.is_some() {
        return Err("sub-options of option 43, which itself is not there".to_owned());
    }
    let scope = ScopeResource {
        id: text(&mark["scope"]).to_owned(),
        subnet_id: number(&subnet["id"], "id")?,
        network: network.to_string(),
        pools: pools
            .iter()
            .map(|range| PoolRange { start: range.start().to_string(), end: range.end().to_string() })
            .collect(),
        options: resources(&options),
        valid_seconds: number(&subnet["valid-lifetime"], "valid-lifetime")?,
        renew_seconds: timer("renew-timer")?,
        rebind_seconds: timer("rebind-timer")?,
        preferred_seconds: match protocol {
            Protocol::V4 => 0,
            Protocol::V6 => number(&subnet["preferred-lifetime"], "preferred-lifetime")?,
        },
        prefix_pools: delegated(&subnet["pd-pools"])?,
        interface: text(&subnet["interface"]).to_owned(),
        relays: array(&subnet["relay"]["ip-addresses"]).map(|relay| text(relay).to_owned()).collect(),
        interface_id: bytes::text(text(&subnet["interface-id"]))
            .ok_or_else(|| format!("interface-id is {}", subnet["interface-id"]))?,
    };
    let expected = render::scope(protocol, &scope).map_err(|unfit| format!("{}: {}", unfit.field, unfit.what))?;
    only(subnet, &expected, &["pools", "pd-pools", "option-data"], |name, value| value == &root[name])?;
    Ok(scope)
}

/// The pools out of which prefixes are delegated, sorted.
fn delegated(pools: &Value) -> Result<Vec<DelegatedPool>, String> {
    let one = |pool: &Value| -> Result<(Cidr, u32), String> {
        let (address, length) = (text(&pool["prefix"]), &pool["prefix-len"]);
        only(pool, &Value::Null, &["prefix", "prefix-len", "delegated-len"], |_, _| false)
            .map_err(|what| format!("pd-pool {address}: {what}"))?;
        let wrong = || format!("a pd-pool is {pool}");
        let prefix = format!("{address}/{length}").parse().map_err(|_| wrong())?;
        let delegated = pool["delegated-len"].as_u64().and_then(|length| u32::try_from(length).ok());
        Ok((prefix, delegated.ok_or_else(wrong)?))
    };
    let mut found = array(pools).map(one).collect::<Result<Vec<_>, _>>()?;
    found.sort();
    let pool = |(prefix, delegated_length): (Cidr, u32)| DelegatedPool { prefix: prefix.to_string(), delegated_length };
    Ok(found.into_iter().map(pool).collect())
}

/// The address of a reservation, as Kea writes it; empty if it has none.
pub(super) fn address(host: &Value) -> &str {
    host["ip-address"].as_str().or_else(|| host["ip-addresses"][0].as_str()).unwrap_or_default()
}

/// The prefixes of a reservation, as Kea writes them.
pub(super) fn prefixes(host: &Value) -> Vec<&str> {
    array(&host["prefixes"]).map(text).collect()
}

/// The reservation that a member of `reservations` makes.
fn reservation(protocol: Protocol, host: &Value, scope: &str) -> Result<ReservationResource, String> {
    let client = |name: &str| {
        host[name].as_str().map(|text| hexadecimal(text).ok_or_else(|| format!("{name} is {text:?}"))).transpose()
    };
    let found: IpAddr = address(host).parse().map_err(|_| format!("its address is {:?}", address(host)))?;
    let mut delegated: Vec<Cidr> = Vec::new();
    for prefix in prefixes(host) {
        delegated.push(prefix.parse().map_err(|_| format!("a prefix is {prefix:?}"))?);
    }
    delegated.sort();
    let reservation = ReservationResource {
        scope: scope.to_owned(),
        address: found.to_string(),
        client: match (client("hw-address")?, client("client-id")?, client("duid")?) {
            (Some(bytes), None, None) => Some(Client::Hardware(bytes)),
            (None, Some(bytes), None) => Some(Client::ClientId(bytes)),
            (None, None, Some(bytes)) => Some(Client::Duid(bytes)),
            _ => return Err("its client is told by none or by several of hw-address, client-id, duid".to_owned()),
        },
        host_name: text(&host["hostname"]).to_owned(),
        delegated_prefixes: delegated.iter().map(ToString::to_string).collect(),
    };
    let expected =
        render::reservation(protocol, &reservation).map_err(|unfit| format!("{}: {}", unfit.field, unfit.what))?;
    only(host, &expected, &["hw-address", "client-id", "duid", "prefixes"], |_, _| false)?;
    Ok(reservation)
}

/// The addresses of a pool.
pub(super) fn pool(pool: &Value) -> Result<AddressRange, String> {
    let range = text(&pool["pool"]);
    only(pool, &Value::Null, &["pool"], |_, _| false).map_err(|what| format!("pool {range}: {what}"))?;
    let range = range.replace(' ', "");
    // Kea shortens what is a prefix.
    let parsed = match range.parse::<Cidr>() {
        Ok(prefix) => Some(prefix.range()),
        Err(_) => range.parse().ok(),
    };
    parsed.ok_or_else(|| format!("pool is {range:?}"))
}

/// The bytes of option 43 that its sub-options make, if there are any.
fn vendor_options(parts: &[&Value]) -> Result<Option<String>, String> {
    let mut data = String::new();
    let mut parts = parts.to_vec();
    parts.sort_by_key(|part| part["code"].as_u64());
    for part in &parts {
        let code =
            part["code"].as_u64().and_then(|code| u8::try_from(code).ok()).ok_or("a sub-option without a code")?;
        let at_code = |what: String| format!("option 43, sub-option {code}: {what}");
        only(part, &Value::Null, &["code", "csv-format", "data", "name", "space"], |_, _| false).map_err(at_code)?;
        let value = text(&part["data"]);
        let length = hexadecimal(value).and_then(|bytes| u8::try_from(bytes.len()).ok());
        let length = length.filter(|_| part["csv-format"] == Value::Bool(false));
        let length = length.ok_or_else(|| at_code(format!("data is {value:?}")))?;
        data.push_str(&format!("{code:02X}{length:02X}{value}"));
    }
    Ok((!parts.is_empty()).then_some(data))
}

/// An option; of vendor options Kea 2.2 shows the bytes that `parts` make, later ones none.
fn option(protocol: Protocol, option: &Value, parts: Option<String>) -> Result<(OptionCode, OptionValue), String> {
    let code = option["code"].as_u64().and_then(|code| u32::try_from(code).ok()).ok_or("an option without a code")?;
    let at_code = |what: String| format!("option {code}: {what}");
    only(option, &Value::Null, &["code", "csv-format", "data", "name", "space"], |_, _| false).map_err(at_code)?;
    if option["space"].as_str().is_some_and(|space| space != protocol.option_space()) {
        return Err(at_code(format!("space is {}", option["space"])));
    }
    let known = OptionCode::new(protocol.family(), code).map_err(|refusal| at_code(refusal.to_string()))?;
    let data = match (text(&option["data"]), &parts) {
        ("", Some(parts)) => parts,
        (data, Some(parts)) if !data.eq_ignore_ascii_case(parts) => {
            return Err(at_code(format!("data is {data:?} where its sub-options make {parts:?}")));
        }
        (data, _) => data,
    };
    let readable = !matches!(known.shape(), Shape::Text | Shape::Bytes);
    if option["csv-format"] != Value::Bool(readable) {
        return Err(at_code(format!("csv-format is {}", option["csv-format"])));
    }
    let value = if readable {
        OptionValue::from_text(known, data)
    } else {
        let bytes = hexadecimal(data).ok_or_else(|| at_code(format!("data is {data:?}")))?;
        match known.shape() {
            Shape::Text => Text::parse(&String::from_utf8_lossy(&bytes)).map(OptionValue::Text),
            _ => Ok(OptionValue::Bytes(bytes)),
        }
    };
    Ok((known, value.map_err(|refusal| at_code(refusal.to_string()))?))
}

/// Checks that `found` has what `expected` has, and besides only what Kea adds by itself: defaults, or what `inherited` explains.
/// The members `parsed` have been looked at already.
fn only(
    found: &Value,
    expected: &Value,
    parsed: &[&str],
    inherited: impl Fn(&str, &Value) -> bool,
) -> Result<(), String> {
    let none = Map::new();
    let (found, expected) = (found.as_object().unwrap_or(&none), expected.as_object().unwrap_or(&none));
    let unparsed = |name: &&String| !parsed.contains(&name.as_str());
    for name in expected.keys().filter(unparsed) {
        let (is, should) = (found.get(name).unwrap_or(&Value::Null), &expected[name]);
        if is != should {
            return Err(format!("{name} is {is} where Freehold wrote {should}"));
        }
    }
    for name in found.keys().filter(unparsed).filter(|name| !expected.contains_key(*name)) {
        let value = &found[name];
        if !is_empty(value) && !inherited(name, value) {
            return Err(format!("{name} is {value}, which Freehold did not write"));
        }
    }
    Ok(())
}

/// Whether a value is how Kea writes that nothing was said.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty() || text == "0.0.0.0",
        Value::Array(items) => items.is_empty(),
        // `relay` is {"ip-addresses": []}.
        Value::Object(members) => members.values().all(is_empty),
    }
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// Hexadecimal with or without colons.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.replace(':', "");
    let plain = digits.len().is_multiple_of(2) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| {
        (0..digits.len()).step_by(2).filter_map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::super::config::Config;
    use super::super::plan::plan;
    use super::super::plan::tests::{bundle, host, scope};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Global settings, as Kea shows them and lets subnets inherit them.
    fn globals() -> Value {
        json!({"calculate-tee-times": false, "t1-percent": 0.5, "t2-percent": 0.875, "renew-timer": 400, "valid-lifetime": 7200, "subnet4": []})
    }

    /// A subnet as Kea 2.2 shows what it was given.
    fn shown(subnet: &Value) -> Value {
        let mut shown = json!({
            "4o6-interface": "", "4o6-subnet": "", "relay": {"ip-addresses": []}, "store-extended-info": false,
            "calculate-tee-times": false, "t1-percent": 0.5, "t2-percent": 0.875, "renew-timer": 400,
        });
        shown.as_object_mut().unwrap().extend(subnet.as_object().unwrap().clone());
        for pool in shown["pools"].as_array_mut().unwrap() {
            let (start, end) = text(&pool["pool"]).split_once('-').unwrap();
            if start == end {
                pool["pool"] = json!(format!("{start}/32"));
            }
            pool["option-data"] = json!([]);
        }
        for option in shown["option-data"].as_array_mut().unwrap() {
            if option["space"].is_null() {
                option["space"] = json!("dhcp4");
            }
            option["always-send"] = json!(false);
        }
        shown["option-data"].as_array_mut().unwrap().reverse();
        for host in shown["reservations"].as_array_mut().unwrap() {
            host["client-classes"] = json!([]);
            host["next-server"] = json!("0.0.0.0");
            if host["hostname"].is_null() {
                host["hostname"] = json!("");
            }
        }
        shown["reservations"].as_array_mut().unwrap().reverse();
        shown
    }

    fn bundles() -> impl Strategy<Value = Bundle> {
        let option =
            (2u32..255, "[0-9a-f]{2}|10\\.0\\.0\\.[1-9]|[a-c]{1,3}(,[a-c]{1,3})?|true|-?[0-9]{1,2}|a, \"b\\\\");
        let scopes = (
            any::<u8>(),
            prop::collection::vec(option, 0..9),
            20u32..9999,
            prop::option::of(1u32..10),
            prop::bool::ANY,
        );
        let hosts = prop::collection::btree_map(
            1u8..255,
            (0u8..3, prop::collection::vec(any::<u8>(), 3..20), "[a-c]{0,3}"),
            0..5,
        );
        prop::collection::vec((scopes, hosts), 0..4).prop_map(|all| {
            let (mut scopes, mut reservations) = (vec![], vec![]);
            for (at, ((pool, options, valid, renew, rebind), hosts)) in all.into_iter().enumerate() {
                let mut set = Options::default();
                for (number, text) in options {
                    // Codes that take none of these texts, and those that Freehold refuses, are left out.
                    let Ok(code) = OptionCode::new(freehold_core::net::Family::V4, number) else { continue };
                    let Ok(value) = OptionValue::from_text(code, &text) else { continue };
                    if number != 43 && set.get(code).is_none() {
                        let _fits = set.add(code, value).is_ok();
                    }
                }
                let id = format!("s{at}");
                let range = |low: u8, high: u8| PoolRange {
                    start: format!("10.{at}.1.{low}"),
                    end: format!("10.{at}.1.{high}"),
                };
                scopes.push(ScopeResource {
                    pools: vec![range(0, pool / 2), range(pool / 2 + 2, pool / 2 + 2)],
                    options: resources(&set),
                    valid_seconds: valid,
                    renew_seconds: renew.unwrap_or(0),
                    rebind_seconds: if rebind { 19 } else { 0 },
                    ..scope(&id, at as u32 + 1, &format!("10.{at}.0.0/16"))
                });
                for (low, (kind, bytes, name)) in hosts {
                    let client = [Client::Hardware, Client::ClientId, Client::Duid][usize::from(kind)](bytes);
                    reservations.push(ReservationResource {
                        host_name: name,
                        ..host(&id, &format!("10.{at}.2.{low}"), client)
                    });
                }
            }
            bundle(&scopes, &reservations)
        })
    }

    /// A subnet of IPv6 as Kea 3.0 shows what it was given.
    fn shown_v6(subnet: &Value) -> Value {
        let mut shown = json!({
            "allocator": "iterative", "pd-allocator": "iterative", "cache-threshold": 0.25, "rapid-commit": false,
            "relay": {"ip-addresses": []}, "store-extended-info": false, "calculate-tee-times": true, "t1-percent": 0.5, "t2-percent": 0.8,
        });
        shown.as_object_mut().unwrap().extend(subnet.as_object().unwrap().clone());
        for list in ["pools", "pd-pools"] {
            for pool in shown[list].as_array_mut().unwrap() {
                pool["option-data"] = json!([]);
            }
            shown[list].as_array_mut().unwrap().reverse();
        }
        for option in shown["option-data"].as_array_mut().unwrap() {
            option.as_object_mut().unwrap().extend([
                ("space".to_owned(), json!("dhcp6")),
                ("always-send".to_owned(), json!(false)),
                ("never-send".to_owned(), json!(false)),
            ]);
        }
        for host in shown["reservations"].as_array_mut().unwrap() {
            let host = host.as_object_mut().unwrap();
            host.insert("client-classes".to_owned(), json!([]));
            host.entry("hostname").or_insert(json!(""));
            host.entry("prefixes").or_insert(json!([])).as_array_mut().unwrap().reverse();
        }
        shown
    }

    /// What Kea 3.0 shows beside them.
    fn globals_v6() -> Value {
        json!({"allocator": "iterative", "pd-allocator": "iterative", "cache-threshold": 0.25, "calculate-tee-times": true, "t1-percent": 0.5, "t2-percent": 0.8, "valid-lifetime": 7200, "subnet6": []})
    }

    fn bundles_v6() -> impl Strategy<Value = Bundle> {
        let option = (1u32..300, "[0-9a-f]{2}|2001:db8::[1-9]|[a-c]{1,3}(,[a-c]{1,3})?|[0-9]{1,2}|a, \"b\\\\");
        let link = prop_oneof![
            Just((String::new(), String::new())),
            "[a-z]{1,4}[0-9]".prop_map(|interface| (interface, String::new())),
            "[a-zü \"/]{1,9}".prop_map(|id| (String::new(), id)),
        ];
        let scopes = (
            prop::collection::vec(option, 0..9),
            20u32..9999,
            prop::option::of(1u32..10),
            prop::bool::ANY,
            0u8..3,
            link,
            0u8..3,
        );
        let hosts = prop::collection::btree_map(
            1u8..100,
            (prop::bool::ANY, prop::collection::vec(any::<u8>(), 3..20), "[a-c]{0,3}", 0u8..3),
            0..5,
        );
        prop::collection::vec((scopes, hosts), 0..4).prop_map(|all| {
            let (mut scopes, mut reservations) = (vec![], vec![]);
            for (at, ((options, valid, renew, rebind, pools, (interface, interface_id), relays), hosts)) in
                all.into_iter().enumerate()
            {
                let mut set = Options::default();
                for (number, text) in options {
                    let Ok(code) = OptionCode::new(freehold_core::net::Family::V6, number) else { continue };
                    let Ok(value) = OptionValue::from_text(code, &text) else { continue };
                    if set.get(code).is_none() {
                        let _fits = set.add(code, value).is_ok();
                    }
                }
                let (id, at) = (format!("s{at}"), at + 1);
                let pool =
                    |n: u8| PoolRange { start: format!("2001:db8:{at}::{n}:0"), end: format!("2001:db8:{at}::{n}:9") };
                let block = |n: u8| DelegatedPool { prefix: format!("2001:db8:8{at}0{n}::/48"), delegated_length: 56 };
                scopes.push(ScopeResource {
                    pools: (1..=pools).map(pool).collect(),
                    prefix_pools: (0..pools).map(block).collect(),
                    options: resources(&set),
                    valid_seconds: valid,
                    preferred_seconds: valid / 2,
                    renew_seconds: renew.unwrap_or(0),
                    rebind_seconds: if rebind { 19 } else { 0 },
                    interface,
                    interface_id,
                    relays: (1..=relays).map(|relay| format!("2001:db8:f::{relay}")).collect(),
                    ..scope(&id, at as u32, &format!("2001:db8:{at}::/64"))
                });
                for (low, (by_duid, bytes, name, prefixes)) in hosts {
                    let client = if by_duid { Client::Duid(bytes) } else { Client::Hardware(bytes) };
                    reservations.push(ReservationResource {
                        host_name: name,
                        delegated_prefixes: (1..=prefixes)
                            .map(|n| format!("2001:db8:9{at}{low:02}:{n}00::/56"))
                            .collect(),
                        ..host(&id, &format!("2001:db8:{at}::a:{low}"), client)
                    });
                }
            }
            bundle(&scopes, &reservations)
        })
    }

    proptest! {
        #[test]
        fn what_was_rendered_for_dhcpv6_is_read_back_with_the_same_digest(bundle in bundles_v6()) {
            let planned = plan(&bundle, &Config::new(Protocol::V6, json!({"Dhcp6": globals_v6()}))).unwrap();
            let shown: Vec<_> = planned.config.ours().iter().map(shown_v6).collect();
            prop_assert_eq!(read_back(Protocol::V6, &globals_v6(), &shown), ReadBack { bundle, strange: vec![] });
        }

        #[test]
        fn what_was_rendered_is_read_back_with_the_same_digest(bundle in bundles()) {
            let planned = plan(&bundle, &Config::new(Protocol::V4, json!({"Dhcp4": globals()}))).unwrap();
            let shown: Vec<_> = planned.config.ours().iter().map(shown).collect();
            prop_assert_eq!(read_back(Protocol::V4, &globals(), &shown), ReadBack { bundle, strange: vec![] });
        }
    }

    #[test]
    fn any_edit_of_any_member_shows() {
        let wanted = bundle(
            &[ScopeResource {
                pools: vec![PoolRange { start: "10.77.1.0".into(), end: "10.77.1.9".into() }],
                ..scope("a", 7, "10.77.0.0/16")
            }],
            &[host("a", "10.77.9.1", Client::Hardware(vec![2; 6]))],
        );
        let planned = plan(&wanted, &Config::new(Protocol::V4, json!({"Dhcp4": globals()}))).unwrap();
        let good = shown(&planned.config.ours()[0]);
        let check = |pointer: &str, value: Value, key: &str, what: &str| {
            let mut edited = good.clone();
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            edited.pointer_mut(parent).unwrap()[member] = value;
            let found = read_back(Protocol::V4, &globals(), [&edited]);
            assert_ne!(found.bundle.digest(), wanted.digest(), "{pointer}");
            let strange: Vec<_> =
                found.strange.iter().map(|strange| (strange.key.to_string(), strange.what.as_str())).collect();
            let expected = if what.is_empty() { vec![] } else { vec![(key.to_owned(), what)] };
            assert_eq!(strange, expected, "{pointer}");
        };
        check("/id", json!(8), "", "");
        check("/pools/0/pool", json!("10.77.1.0/28"), "", "");
        check(
            "/pools/0/client-class",
            json!("x"),
            "scope a",
            "pool 10.77.1.0-10.77.1.9: client-class is \"x\", which Freehold did not write",
        );
        check("/min-valid-lifetime", json!(60), "scope a", "min-valid-lifetime is 60 where Freehold wrote 600");
        check("/renew-timer", json!(60), "scope a", "renew-timer is 60, which Freehold did not write");
        check(
            "/reservations-out-of-pool",
            json!(true),
            "scope a",
            "reservations-out-of-pool is true where Freehold wrote false",
        );
        check("/relay", json!({"ip-addresses": ["10.0.0.1"]}), "", "");
        check(
            "/user-context/note",
            json!("hi"),
            "scope a",
            "user-context is {\"freehold\":{\"scope\":\"a\"},\"note\":\"hi\"} where Freehold wrote {\"freehold\":{\"scope\":\"a\"}}",
        );
        check(
            "/option-data",
            json!([{"code": 3, "csv-format": true, "data": "10.0.0.1", "space": "x"}]),
            "scope a",
            "option 3: space is \"x\"",
        );
        check(
            "/option-data",
            json!([{"code": 3, "csv-format": true, "data": "10.0.0.1", "always-send": true}]),
            "scope a",
            "option 3: always-send is true, which Freehold did not write",
        );
        check("/reservations/0/hostname", json!("x"), "", "");
        check(
            "/reservations/0/client-classes",
            json!(["x"]),
            "reservation a/10.77.9.1",
            "client-classes is [\"x\"], which Freehold did not write",
        );
        check(
            "/reservations/0/duid",
            json!("00:01:02"),
            "reservation a/10.77.9.1",
            "its client is told by none or by several of hw-address, client-id, duid",
        );
        check("/reservations", json!([]), "", "");
        assert_eq!(read_back(Protocol::V4, &globals(), [&good]).bundle, wanted);
        assert_ne!(read_back(Protocol::V4, &globals(), [&good, &good]).bundle, wanted);
    }
}
