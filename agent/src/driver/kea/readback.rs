//! What Kea runs of Freehold's, out of `config-get`, as the resources that would make it so. Pure.
//!
//! The opposite of [`super::render`], and strict: a subnet counts as its scope only if every member says what rendering
//! that scope says, and every other member has the value that Kea gives it by itself (its default, or the one
//! inherited from the global settings). So an edit by hand inside a subnet of Freehold's always shows, and the digest of what was read is
//! the digest that was sent only if Kea really runs it.

use std::net::Ipv4Addr;

use freehold_core::bundle::{Bundle, Resource, ResourceKey, ResourceKind};
use freehold_core::net::{AddressRange, Cidr};
use freehold_core::option::{OptionCode, OptionValue, Options, Shape};
use freehold_core::text::Text;
use freehold_proto::convert::option::resources;
use freehold_proto::sync::{PoolRange, ReservationResource, ScopeResource, reservation_resource::Client};
use prost::Message;
use serde_json::{Map, Value};

use super::render::{self, MARK};

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

/// Reads back every marked subnet of `dhcp4`.
pub fn read_back<'a>(dhcp4: &Value, marked: impl IntoIterator<Item = &'a Value>) -> ReadBack {
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
        take(key, &own, scope(&own, dhcp4).map(|scope| scope.encode_to_vec()));
        for host in reservations.as_ref().and_then(Value::as_array).into_iter().flatten() {
            let address = host["ip-address"].as_str().unwrap_or("?");
            let key = ResourceKey { kind: ResourceKind::Reservation, id: format!("{id}/{address}") };
            take(key, host, reservation(host, &id).map(|reservation| reservation.encode_to_vec()));
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
fn scope(subnet: &Value, dhcp4: &Value) -> Result<ScopeResource, String> {
    let mark = &subnet["user-context"][MARK];
    let number = |value: &Value, name: &str| -> Result<u32, String> {
        value.as_u64().and_then(|number| u32::try_from(number).ok()).ok_or_else(|| format!("{name} is {value}"))
    };
    let timer = |name: &str| if mark[name].is_null() { Ok(0) } else { number(&mark[name], name) };
    let network: Cidr = text(&subnet["subnet"]).parse().map_err(|_| format!("subnet is {}", subnet["subnet"]))?;
    let mut pools = array(&subnet["pools"]).map(pool).collect::<Result<Vec<_>, _>>()?;
    pools.sort_by_key(AddressRange::start);
    let mut options = Options::default();
    for found in array(&subnet["option-data"]) {
        let (code, value) = option(found)?;
        options.add(code, value).map_err(|refusal| refusal.to_string())?;
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
    };
    let expected = render::scope(&scope).map_err(|unfit| format!("{}: {}", unfit.field, unfit.what))?;
    only(subnet, &expected, &["pools", "option-data"], |name, value| value == &dhcp4[name])?;
    Ok(scope)
}

/// The reservation that a member of `reservations` makes.
fn reservation(host: &Value, scope: &str) -> Result<ReservationResource, String> {
    let client = |name: &str| {
        host[name].as_str().map(|text| bytes(text).ok_or_else(|| format!("{name} is {text:?}"))).transpose()
    };
    let address: Ipv4Addr =
        text(&host["ip-address"]).parse().map_err(|_| format!("ip-address is {}", host["ip-address"]))?;
    let reservation = ReservationResource {
        scope: scope.to_owned(),
        address: address.to_string(),
        client: match (client("hw-address")?, client("client-id")?, client("duid")?) {
            (Some(bytes), None, None) => Some(Client::Hardware(bytes)),
            (None, Some(bytes), None) => Some(Client::ClientId(bytes)),
            (None, None, Some(bytes)) => Some(Client::Duid(bytes)),
            _ => return Err("its client is told by none or by several of hw-address, client-id, duid".to_owned()),
        },
        host_name: text(&host["hostname"]).to_owned(),
    };
    let expected = render::reservation(&reservation).map_err(|unfit| format!("{}: {}", unfit.field, unfit.what))?;
    only(host, &expected, &["hw-address", "client-id", "duid"], |_, _| false)?;
    Ok(reservation)
}

fn pool(pool: &Value) -> Result<AddressRange, String> {
    let range = text(&pool["pool"]);
    only(pool, &Value::Null, &["pool"], |_, _| false).map_err(|what| format!("pool {range}: {what}"))?;
    let range = range.replace(' ', "");
    // Kea shortens what is a prefix.
    let parsed = match range.parse::<Cidr>() {
        Ok(prefix) => Some(prefix.range()),
        Err(_) => range.parse().ok(),
    };
    parsed.filter(|range| range.start().is_ipv4()).ok_or_else(|| format!("pool is {range:?}"))
}

fn option(option: &Value) -> Result<(OptionCode, OptionValue), String> {
    let code = option["code"].as_u64().and_then(|code| u32::try_from(code).ok()).ok_or("an option without a code")?;
    let at_code = |what: String| format!("option {code}: {what}");
    only(option, &Value::Null, &["code", "csv-format", "data", "name", "space"], |_, _| false).map_err(at_code)?;
    if !matches!(option["space"].as_str(), None | Some("dhcp4")) {
        return Err(at_code(format!("space is {}", option["space"])));
    }
    let known = OptionCode::new(code).map_err(|refusal| at_code(refusal.to_string()))?;
    let data = text(&option["data"]);
    let readable = !matches!(known.shape(), Shape::Text | Shape::Bytes);
    if option["csv-format"] != Value::Bool(readable) {
        return Err(at_code(format!("csv-format is {}", option["csv-format"])));
    }
    let value = if readable {
        OptionValue::from_text(known, data)
    } else {
        let bytes = bytes(data).ok_or_else(|| at_code(format!("data is {data:?}")))?;
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
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.replace(':', "");
    let plain = digits.len().is_multiple_of(2) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| {
        (0..digits.len()).step_by(2).filter_map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
    })
}
